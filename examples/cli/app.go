// Package cli is what the example binaries share: flags, the configuration file, progress, exit codes, and the
// simulated world as a process of its own. What they do is in packages lustre, pacemaker and cps; how it is run is in the root
// package.
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// App is one of the binaries.
type App struct {
	Name    string
	Title   string
	Version string

	// Read reads a configuration file: ReadConfig for the binary's own kind of job.
	Read func(path string) (*Config, error)
	// Schema is the JSON schema of the configuration, as Schema makes it. Empty where there is none.
	Schema []byte
	// Begin is a configuration for what is in a directory, for config init, and what of it the operator alone can know: why, by
	// key ("password_file", "ssh.keys"). Nil where the job cannot tell.
	Begin func(dir string) (*Config, map[string]string, error)
	// Load makes the job that a configuration asks for.
	Load func(*Config) (*evenkeel.Runbook, error)
	// Findings are what the reader of a plan must know beside the runbook: warnings that did not keep it from being made.
	// Nil where a job has none.
	Findings func(*Config) ([]Finding, error)
	// Example writes the built-in example, or what is in dir if that is given, into a directory, and returns the configuration for it.
	Example func(into, dir string) (*Config, error)
	// Private has everything that a run writes on this machine, but for its journal, go below a directory, so that a
	// rehearsal touches nothing else.
	Private func(cfg *Config, dir string)
	// World makes the simulated world that a configuration describes.
	World func(*Config) (SimWorld, error)
	// Inspect reads a file of a kind that the job knows.
	Inspect func(name string) (*Inspection, error)
	// Kinds are those kinds, by name, and where one gets them; for the usage.
	Kinds []Item
	// Servers is the way to the servers of a configuration that take documents, through its machines. Nil where the job
	// sends none.
	Servers func(cfg *Config, through Tunnel) (change.Dialer, error)
	// Backup takes the backups that the job rests on, now. Nil where the job has none of its own.
	Backup func(ctx context.Context, req BackupRequest) ([]Saved, error)

	// Oplog reads how far back an oplog reaches, from a file with what the shell of a server printed. Nil where the job
	// has none.
	Oplog func(name string) (time.Duration, error)

	// Person plays, in a simulated world, the person who does what no machine there does by itself. Nil when there is nothing.
	Person func(ctx context.Context, hosts evenkeel.Hosts, ask evenkeel.Prompt) error

	// Looks says that the job changes nothing: each run of it looks at everything anew, and there is nothing to resume, to
	// roll back or to amend. The journal of the run before is put aside.
	Looks bool

	// Bare has the job's word do something by itself where flags follow it: "lustre-hapair preflight --target el9". It
	// declares the flags of the word's command, and does it. Nil where a command has to follow.
	Bare func(a *App, c *cobra.Command) func(ctx context.Context, args []string) (int, error)

	// Verbs make the binary's own commands, beside those that every binary has: see Command.
	Verbs []func(*App) *cobra.Command

	// Jobs are other jobs of the same binary, by the word that chooses one: "cps-issm patch plan". Each has the commands
	// that it can do, and a Name with that word in it.
	Jobs map[string]func() *App

	Stdout, Stderr io.Writer
	Stdin          io.Reader

	// Journal wraps the run's journal; tests kill the tool in it.
	Journal func(path string, j evenkeel.Journal) evenkeel.Journal

	screen  *os.File    // the terminal that Stdout goes to; nil where it goes elsewhere
	errors  *os.File    // the same of Stderr
	under   io.Writer   // what is below Stdout, where the escape sequences of the view go through
	stuck   func() bool // nobody reads the output now
	carried bool        // a run was carried on: the exit code says what became of it, and the journal what was printed

	of *App // whose job it is; nil for the binary itself

	tty *terminal // where the operator is asked, from the first question on
}

// Main runs the command line and returns the exit code.
func (a *App) Main(args []string) int {
	if a.Stdout == nil {
		a.Stdout, a.Stderr, a.Stdin = os.Stdout, os.Stderr, os.Stdin
	}
	a.screen, a.errors = terminalOf(a.Stdout), terminalOf(a.Stderr)
	answer := &noted{w: a.Stdout}
	a.through(answer)
	a.Stderr = printable.Writer(a.Stderr)
	code, err := a.execute(args)
	if lost := answer.lost(); lost != nil && code == ExitDone && !a.carried { // an answer that nobody got is none
		code, err = ExitFailed, fmt.Errorf("%s: the output is lost: %w", a.Name, lost)
	}
	if err != nil {
		_, _ = fmt.Fprintf(a.said(), "%v\n", err)
	}
	return code
}

// through has Stdout go through w: what is shown comes from files and machines.
func (a *App) through(w io.Writer) { a.under, a.Stdout = w, printable.Writer(w) }

// noted notes that something could not be written.
type noted struct {
	w   io.Writer
	mu  sync.Mutex
	err error
}

// Write writes, and notes the first failure. While it is stuck nobody else waits for it.
func (n *noted) Write(p []byte) (int, error) {
	written, err := n.w.Write(p)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err == nil {
		n.err = err
	}
	return written, err
}

// lost is why something of the output is lost; nil where nothing is.
func (n *noted) lost() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.err
}

// word is the name without blanks: in a path they would break the commands that are printed to be pasted.
func (a *App) word() string { return strings.ReplaceAll(a.Name, " ", "-") }

// counted is a number of things with its word.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// short prints a duration in whole seconds, as report and status do.
func short(d time.Duration) string { return printable.Duration(d) }

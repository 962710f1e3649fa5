// Package cli is what the two example binaries share: flags, the configuration file, progress, exit codes, and the
// simulated world as a process of its own. What they do is in packages lustre and cps; how it is run is in the root
// package.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// Exit codes of both binaries.
const (
	ExitDone    = 0 // the job is done; what was inspected is fine
	ExitFailed  = 1 // it stopped at an error, and the journal knows where; what was inspected has findings
	ExitInput   = 2 // bad input or usage; nothing was touched
	ExitHeld    = 3 // the operator is needed; resume takes it up
	ExitStopped = 4 // stopped as asked, at a safe point; resume takes it up
)

// App is one of the binaries.
type App struct {
	Name    string
	Title   string
	Version string

	// Read reads a configuration file: ReadConfig for the binary's own kind of job.
	Read func(path string) (*Config, error)
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
	// Kinds are those kinds, by name, and where one gets them; for the usage. May be nil.
	Kinds func() []Item
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

	// Serves says what serves where as far as a run's journal tells, without asking a machine. Nil where the job cannot tell.
	Serves func(*Config, *evenkeel.State) []Serving

	// Looks says that the job changes nothing: each run of it looks at everything anew, and there is nothing to resume, to
	// roll back or to amend. The journal of the run before is put aside.
	Looks bool

	// Verbs are the binary's own commands, beside those that every binary has.
	Verbs []Verb

	// Jobs are other jobs of the same binary, by the word that chooses one: "cps-issm patch plan". Each has the commands
	// that it can do, and a Name with that word in it.
	Jobs map[string]func() *App

	Stdout, Stderr io.Writer
	Stdin          io.Reader

	// Journal wraps the run's journal; tests kill the tool in it.
	Journal func(path string, j evenkeel.Journal) evenkeel.Journal

	seen    bool // what is printed goes to a terminal
	carried bool // a run was carried on: the exit code says what became of it, and the journal what was printed

	tty *terminal // where the operator is asked, from the first question on
}

// usageError is a mistake of the caller.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// Verb is a command of one binary.
type Verb struct {
	Name, Args, What string              // Args are those of the usage; it takes flags alone
	Flags            func(*flag.FlagSet) // declares them
	// Run does it and gives the exit code; the error is what is left to be said.
	Run func(ctx context.Context, a *App) (int, error)
}

type command struct {
	name, args, what string
	run              func(a *App, ctx context.Context, args []string) (int, error)
}

func (a *App) commands() []command {
	all := []command{
		{"demo", "[-dir DIR]", "do the whole job on a simulated world: simulate and run in one", (*App).demo},
		{"simulate", "[-dir DIR] [-into DIR]", "serve a simulated world over SSH, and print the configuration that run takes", (*App).simulate},
		{"plan", "[-config FILE | -dir DIR] [-format text|markdown|json|window|window-json|window-svg]",
			"print the runbook, and what was found in its inputs; or the plan of its maintenance window", (*App).plan},
		{"run", "-config FILE", "carry out the runbook, with a journal", (*App).run},
		{"resume", "-config FILE", "take a run up where its journal ends", (*App).resume},
		{"rollback", "-config FILE [-plan]", "undo what was done, the last step first, as far as possible", (*App).rollback},
		{"amend", "-config FILE [-yes]", "go on with a runbook that was changed in steps that have not begun", (*App).amend},
		{"rehearse", "[-config FILE | -dir DIR] [-every N]",
			"run the runbook in a simulated world, with the tool crashing at every point, or at each N-th", (*App).rehearse},
		{"status", "-config FILE | -journal FILE [-o text|json] [-follow]", "say where a run stands, be it while it runs", (*App).status},
		{"config", "check -config FILE", "say what is wrong with a configuration, and what the operator has not confirmed yet", (*App).config},
	}
	if a.Looks {
		all = slices.DeleteFunc(all, func(c command) bool { return slices.Contains([]string{"resume", "rollback", "amend"}, c.name) })
	}
	if a.Inspect != nil {
		all = append(all, command{"inspect", "FILE", "say what is in a file and what is wrong with it", (*App).inspect})
	}
	if a.Backup != nil {
		all = append(all, command{"backup", "-config FILE [-copy-to HOST:/DIR]",
			"take the backups now, read them again, and say whether an upgrade finds all that it needs", (*App).backup})
	}
	for _, c := range a.Verbs {
		all = append(all, command{c.Name, c.Args, c.What, func(a *App, ctx context.Context, args []string) (int, error) {
			fs := flag.NewFlagSet(c.Name, flag.ContinueOnError)
			c.Flags(fs)
			if err := a.flags(fs, args, 0); err != nil {
				return ExitInput, err
			}
			return c.Run(ctx, a)
		}})
	}
	return all
}

// Main runs the command line and returns the exit code.
func (a *App) Main(args []string) int {
	if a.Stdout == nil {
		a.Stdout, a.Stderr, a.Stdin = os.Stdout, os.Stderr, os.Stdin
	}
	a.seen = interactive(a.Stdout)
	answer := &noted{w: a.Stdout}
	a.Stdout, a.Stderr = printable.Writer(answer), printable.Writer(a.Stderr) // what is shown comes from files and machines
	code, err := a.dispatch(args)
	if lost := answer.lost(); lost != nil && code == ExitDone && !a.carried { // an answer that nobody got is none
		code, err = ExitFailed, fmt.Errorf("%s: the output is lost: %w", a.Name, lost)
	}
	if err != nil {
		_, _ = fmt.Fprintf(a.Stderr, "%v\n", err)
	}
	return code
}

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

// dispatch runs a command of this job, or of another one of the binary.
func (a *App) dispatch(args []string) (int, error) {
	if len(args) == 2 && args[0] == "help" {
		args = []string{args[1], "help"}
	}
	if len(args) > 0 && a.Jobs[args[0]] != nil {
		job := a.Jobs[args[0]]()
		job.Stdout, job.Stderr, job.Stdin, job.Journal, job.seen = a.Stdout, a.Stderr, a.Stdin, a.Journal, a.seen
		code, err := job.command(args[1:])
		a.carried = job.carried
		return code, err
	}
	return a.command(args)
}

// command runs a command. The error is what is left to be said; the exit code may stand alone.
func (a *App) command(args []string) (int, error) {
	if len(args) == 0 {
		a.usage(a.Stderr)
		return ExitInput, nil
	}
	if args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		a.usage(a.Stdout)
		return ExitDone, nil
	}
	for _, c := range a.commands() {
		if c.name != args[0] {
			continue
		}
		code, err := c.run(a, context.Background(), args[1:])
		if errors.Is(err, flag.ErrHelp) {
			return ExitDone, nil
		}
		if err == nil || code == ExitHeld || code == ExitStopped { // those were explained at length
			return code, nil
		}
		return code, fmt.Errorf("%s %s: %w", a.Name, c.name, err)
	}
	_, _ = fmt.Fprintf(a.Stderr, "%s: there is no command %q\n", a.Name, args[0])
	a.usage(a.Stderr)
	return ExitInput, nil
}

// word is the name without blanks: in a path they would break the commands that are printed to be pasted.
func (a *App) word() string { return strings.ReplaceAll(a.Name, " ", "-") }

func (a *App) usage(w io.Writer) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n", a.Name, a.Title)
	for _, c := range a.commands() {
		fmt.Fprintf(&b, "  %-9s %s\n            %s\n", c.name, c.what, strings.TrimSpace(a.Name+" "+c.name+" "+c.args))
	}
	for _, word := range slices.Sorted(maps.Keys(a.Jobs)) {
		job := a.Jobs[word]()
		fmt.Fprintf(&b, "  %-9s %s\n            %s COMMAND, with the commands above; see %s help\n", word, job.Title, job.Name, job.Name)
	}
	fmt.Fprintf(&b, "\nExit status: %d done (inspect: fine); %d stopped at an error, the journal knows where (inspect, and plan "+
		"of the maintenance window: findings); %d bad input or usage, nothing touched; "+
		"%d the operator is needed; %d stopped as asked.\nCtrl-C, SIGTERM, a lost terminal, a closed pipe or a full disk "+
		"ask to stop: never in the middle of an outage, nor before "+
		"what was changed is verified, unless that waits for the operator; it says what it waits for. Ctrl-C a second time "+
		"stops at once, says what that leaves down, and exits with %d: it is an error, since nobody has verified what was begun.\n",
		ExitDone, ExitFailed, ExitInput, ExitHeld, ExitStopped, ExitFailed)
	_, _ = io.WriteString(w, b.String())
}

// flags parses a command's flags; what is left over must be as many arguments as are allowed.
func (a *App) flags(fs *flag.FlagSet, args []string, operands int) error {
	var said strings.Builder
	fs.SetOutput(&said)
	if err := fs.Parse(args); err != nil {
		help := errors.Is(err, flag.ErrHelp)
		text := said.String()
		if !help { // package flag says the error first; it is said at the end, once
			text = strings.TrimPrefix(text, err.Error()+"\n")
		}
		_, _ = io.WriteString(a.Stderr, text)
		if help {
			return err
		}
		return usageError{err}
	}
	if fs.NArg() != operands {
		what := map[bool]string{true: "no argument", false: "one argument"}[operands == 0]
		return usageError{fmt.Errorf("beside its flags it takes %s and got %q", what, fs.Args())}
	}
	return nil
}

// exitCode is the exit code for the end of a run.
func exitCode(err error) int {
	var hold *evenkeel.Pause
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &hold):
		return ExitHeld
	case errors.Is(err, evenkeel.ErrStopped):
		return ExitStopped
	}
	return ExitFailed
}

// counted is a number of things with its word.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// short prints a duration in whole seconds.
func short(d time.Duration) string { return d.Round(time.Second).String() }

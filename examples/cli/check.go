package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/infile"
)

// configCommand looks after the configuration.
func (a *App) configCommand() *cobra.Command {
	commands := []*cobra.Command{a.configCheckCommand()}
	if a.Schema != nil {
		commands = append(commands, a.configSchemaCommand())
	}
	if a.Begin != nil {
		commands = append(commands, a.configInitCommand())
	}
	return a.group(&cobra.Command{
		Use: "config", Short: "Check the configuration, or write a first one", GroupID: GroupPrepare,
		Long: "Look after the configuration file.",
	}, commands...)
}

func (a *App) configCheckCommand() *cobra.Command {
	var config string
	c := a.Command(&cobra.Command{
		Use: "check", Short: "Say what is wrong with a configuration, and what is not confirmed yet",
		Long: `Say all that is wrong with a configuration, and what the operator has not confirmed yet. The files that it names are
read; no machine is reached.`,
		Example: "  TOOL config check --config config.yaml",
	}, func(context.Context, []string) (int, error) { return a.configCheck(config) })
	configFlag(c, &config)
	return c
}

func (a *App) configCheck(config string) (int, error) {
	cfg, err := a.Read(config)
	if cfg == nil {
		return ExitInput, err
	}
	problems, more := lines(err), cfg.problems() // with the first the rest can still be looked at
	var missing []evenkeel.Confirmation
	var rb *evenkeel.Runbook
	if cfg.Job != nil {
		rb, err = a.runbook(cfg)
		more = append(more, lines(err)...)
	}
	if rb != nil {
		more = append(more, cfg.reach(rb)...)
		missing = cfg.unconfirmed(rb, cfg.state())
	}
	for _, p := range more {
		problems = append(problems, cfg.at(p))
	}
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintln(&b, p)
	}
	if len(missing) > 0 {
		fmt.Fprintf(&b, "%s: %s missing. %s", config,
			counted(len(missing), "confirmation is", "confirmations are"), describeUnconfirmed(missing))
	}
	if b.Len() == 0 {
		fmt.Fprintf(&b, "%s: nothing is missing. %s, %s, digest %s\n", config,
			counted(len(rb.HostNames()), "machine", "machines"), counted(len(rb.Steps), "step", "steps"), rb.Digest())
	}
	if code, err := a.Say(b.String()); err != nil {
		return code, err
	}
	if n := len(problems) + len(missing); n > 0 {
		return ExitInput, fmt.Errorf("%s: %s wrong or missing", config, counted(n, "thing is", "things are"))
	}
	return ExitDone, nil
}

// lines are the mistakes in an error, one on each line of it; none for nil.
func lines(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

// state is the state of the run, where there is one.
func (c *Config) state() *evenkeel.State {
	st, err := readState(c.Path(c.Journal))
	if err != nil {
		return nil
	}
	return st
}

// problems are the mistakes that show without the job.
func (c *Config) problems() (list []string) {
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	dir := filepath.Dir(c.Path(c.Journal))
	if c.Journal == "" {
		dir = "" // that is said already
	} else if info, err := os.Stat(dir); err != nil {
		add("journal: %v: make that directory", infile.Plain(err))
	} else if !info.IsDir() {
		add("journal: %s: a directory is needed", dir)
	}
	_, err := readState(c.Path(c.Journal))
	if dir != "" && err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, evenkeel.ErrJournalEmpty) {
		add("journal: %v", err)
	}
	if c.SSH.User == "" {
		add("ssh: user: name who logs in")
	}
	if c.SSH.Agent && os.Getenv("SSH_AUTH_SOCK") == "" {
		add("ssh: agent: no SSH agent runs here (SSH_AUTH_SOCK is empty)")
	}
	list = append(list, lines(c.checkLogin())...)
	for _, host := range slices.Sorted(maps.Keys(c.Hosts)) {
		_, port, err := net.SplitHostPort(c.Hosts[host])
		if err != nil {
			add("hosts: %s: %v: write it as address:port", host, err)
		} else if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			add("hosts: %s: %q is no port", host, port)
		}
	}
	return list
}

// reach are the mistakes in how the machines of the job are reached, and in what the configuration says of it.
func (c *Config) reach(rb *evenkeel.Runbook) (list []string) {
	names := rb.HostNames()
	for _, host := range slices.Sorted(maps.Keys(c.Hosts)) {
		// A simulated world has its own machines, whichever of them the job needs.
		if !slices.Contains(names, host) && c.World == "" {
			list = append(list, fmt.Sprintf("hosts: %s: the job has no such machine (it has %s)", host, strings.Join(names, ", ")))
		}
	}
	h := connect(c)
	defer h.Close()
	if c.checkLogin() != nil {
		names = nil // that is said already
	}
	for _, host := range names {
		if _, err := h.client(host); err != nil && !slices.Contains(list, err.Error()) {
			list = append(list, err.Error())
		}
	}
	known := map[string]bool{}
	for _, one := range rb.Confirmations(nil) {
		known[one.Name()] = true
	}
	for _, name := range slices.Sorted(maps.Keys(c.Attest)) {
		if !known[name] {
			list = append(list, fmt.Sprintf("attest: %s: the job asks for no such confirmation", name))
		}
	}
	return list
}

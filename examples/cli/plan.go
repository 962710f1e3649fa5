package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel"
)

// example makes the built-in example, or the one from dir, in a directory that the caller removes.
func (a *App) example(dir string) (*Config, *evenkeel.Runbook, func(), error) {
	into, err := os.MkdirTemp("", strings.ReplaceAll(a.Name, " ", "-")+"-")
	if err != nil {
		return nil, nil, nil, err
	}
	remove := func() { _ = os.RemoveAll(into) }
	cfg, err := a.Example(into, dir)
	if err != nil {
		remove()
		return nil, nil, nil, ofUser(err, into, dir, nil)
	}
	cfg.dir = into
	rb, err := a.runbook(cfg)
	if err != nil {
		remove()
		return nil, nil, nil, ofUser(err, into, dir, cfg.Sources)
	}
	return cfg, rb, remove, nil
}

// ofUser names the user's files in an error, and not the copies in a directory of ours.
func ofUser(err error, into, dir string, sources []string) error {
	if err == nil || dir == "" {
		return err
	}
	text := strings.ReplaceAll(err.Error(), into+string(filepath.Separator), filepath.Clean(dir)+string(filepath.Separator))
	return renamed{err, strings.NewReplacer(sources...).Replace(text)}
}

type renamed struct {
	error
	text string
}

func (r renamed) Error() string { return r.text }
func (r renamed) Unwrap() error { return r.error }

// given is the job of a configuration file, or the example.
func (a *App) given(config, dir string) (*Config, *evenkeel.Runbook, func(), error) {
	switch {
	case config == "":
		return a.example(dir)
	case dir != "":
		return nil, nil, nil, errors.New("it takes --config or --dir, not both: a configuration names its own input")
	}
	cfg, rb, err := a.load(config)
	return cfg, rb, func() {}, err
}

func (a *App) planCommand() *cobra.Command {
	var config, dir, format string
	var window windowFlags
	c := a.Command(&cobra.Command{
		Use: "plan", Short: "Print the runbook, or the plan of its maintenance window", GroupID: GroupLook,
		Long: `Print the runbook: every step with its commands, what must be seen, and how it is undone; and what was found in its
inputs. The digest on top is that of the runbook: run --approved-digest carries out what was signed and nothing else.

With -o window it prints the plan of the maintenance window instead: when each step begins and ends, how long what is out
of service, and whether it all fits.

Without --config it is the plan of the built-in example. No machine is reached.`,
		Example: `  TOOL plan --config config.yaml -o markdown > runbook.md
  TOOL plan --config config.yaml -o window --start "2026-11-29 22:00" --within 8h --journal lab.jsonl
  TOOL plan --config config.yaml -o json`,
	}, func(context.Context, []string) (int, error) { return a.plan(config, dir, format, &window) })
	sourceFlags(c, &config, &dir)
	outputFlag(c, &format, planFormats...)
	formatFlag(c.Flags())
	window.add(a, c.Flags())
	return c
}

func (a *App) plan(config, dir, format string, window *windowFlags) (int, error) {
	ofWindow, err := window.made(format)
	if err != nil {
		return ExitInput, err
	}
	cfg, rb, remove, err := a.given(config, dir)
	if err != nil {
		return ExitInput, err
	}
	defer remove()
	var found []Finding
	if a.Findings != nil {
		if found, err = a.Findings(cfg); err != nil {
			return ExitInput, err
		}
	}
	users := func(text string) string { // the example's own directory is gone when the plan is read
		if config != "" {
			return text
		}
		to := ""
		if dir != "" {
			to = filepath.Clean(dir) + string(filepath.Separator)
		}
		return strings.ReplaceAll(text, cfg.dir+string(filepath.Separator), to)
	}
	var b, findings strings.Builder
	for i, f := range found {
		found[i].Where = users(f.Where)
		findings.WriteString(found[i].line())
	}
	a.find(format, findings.String())
	if ofWindow {
		banner := ""
		if config == "" {
			banner = exampleBanner(format, dir)
		}
		return a.planWindow(window, format, banner, cfg, rb, findings.String(), users)
	}
	switch format {
	case "text":
		fmt.Fprintf(&b, "digest %s\n%s", rb.Digest(), findings.String())
		err = rb.Text(&b)
	case "json":
		return a.planJSON(rb, found, users)
	case "markdown":
		if err = rb.Markdown(&b); err == nil {
			title, rest, _ := strings.Cut(b.String(), "\n")
			b.Reset()
			fmt.Fprintf(&b, "%s\n\nDigest: `%s`. What was signed runs, and nothing else: `%s run --approved-digest` with this digest.\n%s",
				title, rb.Digest(), a.Name, rest)
		}
	}
	if err != nil {
		return ExitFailed, err
	}
	text := users(b.String())
	if config == "" {
		text = exampleBanner(format, dir) + text
	}
	_, err = fmt.Fprint(a.Stdout, text)
	return exitCode(err), err
}

// find says what was found beside a plan, on the error output; but not to an operator who sees it in the plan itself.
func (a *App) find(format, findings string) {
	if a.seen && (format == "text" || format == formatWindow) {
		return
	}
	_, _ = io.WriteString(a.Stderr, findings)
}

// planJSON prints a plan for programs: its digest, what was found, its steps, and the document to be signed.
func (a *App) planJSON(rb *evenkeel.Runbook, found []Finding, users func(string) string) (int, error) {
	type step struct {
		ID    string `json:"id"`
		Title string `json:"title"`
		Host  string `json:"host"`
	}
	var md strings.Builder
	if err := rb.Markdown(&md); err != nil {
		return ExitFailed, err
	}
	var steps []step
	for _, s := range rb.Steps {
		steps = append(steps, step{s.ID, s.Title, s.Host})
	}
	raw, err := json.MarshalIndent(struct {
		Title    string    `json:"title"`
		Digest   string    `json:"digest"`
		Findings []Finding `json:"findings"`
		Steps    []step    `json:"steps"`
		Markdown string    `json:"markdown"`
	}{rb.Title, rb.Digest(), append([]Finding{}, found...), steps, users(md.String())}, "", "  ")
	if err != nil {
		return ExitFailed, err
	}
	_, err = fmt.Fprintf(a.Stdout, "%s\n", raw)
	return exitCode(err), err
}

// exampleBanner says on top of a plan that it is not one of the operator's own system.
func exampleBanner(format, dir string) string {
	what := "This is the plan of the built-in example, not of your system: no configuration was given (--config FILE)."
	if dir != "" {
		what = "This plan is made without a configuration (--config FILE): its inputs are those of --dir, and all else is the built-in example's."
	}
	if format == "markdown" {
		return "> **" + what + "**\n\n"
	}
	return what + "\n\n"
}

func (a *App) demoCommand() *cobra.Command {
	s := session{app: a, verb: "run"}
	var dir string
	c := a.Command(&cobra.Command{
		Use: "demo", Short: "Do the whole job on a simulated world: simulate and run in one", GroupID: GroupLook,
		Long: `Do the whole job on a simulated world, served over real SSH on this machine: the quickest way to see what a run is like.
It needs nothing, and leaves keys, inputs and its journal in a new folder that it names.`,
		Example: "  TOOL demo\n  TOOL demo --dir FOLDER",
	}, func(ctx context.Context, _ []string) (int, error) { return s.demo(ctx, dir) })
	dirFlag(c, &dir)
	s.shownFlags(c)
	return c
}

func (s session) demo(ctx context.Context, dir string) (int, error) {
	a := s.app
	into, err := os.MkdirTemp("", a.word()+"-demo-")
	if err != nil {
		return ExitFailed, err
	}
	served, err := a.serve(ctx, into, dir)
	if err != nil {
		return ExitInput, errors.Join(err, os.RemoveAll(into))
	}
	defer served.Close()
	s.config = served.ConfigFile
	if s.cfg, s.rb, err = a.load(s.config); err != nil {
		return ExitInput, ofUser(err, into, dir, s.cfg.Sources)
	}
	_, _ = fmt.Fprintf(a.Stdout, "%s\nA simulated world, served over real SSH on loopback; keys, inputs, backups and the "+
		"journal are in %s\n\n", s.rb.Title, into)
	code, err := s.carryOut(ctx, evenkeel.Run)
	if err == nil && served.world.Check() != nil {
		return ExitFailed, served.world.Check()
	}
	return code, err
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli/page"
)

// example makes the built-in example, or the one from dir, in a directory that the caller removes.
func (a *App) example(dir string) (*Config, *evenkeel.Runbook, func(), error) {
	if err := noInput(dir); dir != "" && err != nil {
		return nil, nil, nil, err
	}
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
	var config, dir, format, since string
	var window windowFlags
	c := a.Command(&cobra.Command{
		Use: "plan", Short: "Print the runbook, or the plan of its maintenance window", GroupID: GroupLook,
		Long: `Print the runbook: every step with its commands, what is verified, and how it is undone; and what was found in its
inputs. The digest on top is that of the runbook: run --approved-digest carries out what was signed and nothing else.

With -o window it prints the plan of the maintenance window instead: when each step begins and ends, what is out of service
and for how long, and whether it all fits. Exit status 1 tells that it has a finding.

With -o html it prints one page for a change board: summary, a picture of what is served when, risks, rollback, sign-off,
and the steps. The page needs no other file and no network. For the picture the runbook is run once in a simulated world.

With --diff it prints instead what has changed since the run in a journal was begun or amended, and whether amend takes it.
Exit status 1 tells that something has changed.

Without --config it is the plan of the built-in example. No machine is reached.`,
		Example: `  TOOL plan --config config.yaml -o markdown > runbook.md
  TOOL plan --config config.yaml -o window --start "2026-11-29 22:00" --within 8h --journal lab.jsonl
  TOOL plan --config config.yaml -o html > plan.html
  TOOL plan --config config.yaml -o json
  TOOL plan --config config.yaml --diff upgrade.jsonl`,
	}, func(ctx context.Context, _ []string) (int, error) {
		if since != "" {
			return a.planDiff(config, since)
		}
		return a.plan(ctx, config, dir, format, &window)
	})
	fileFlag(c, &since, "diff", "print what has changed since the run in this journal `FILE`", "jsonl")
	sourceFlags(c, &config, &dir)
	OutputFlag(c, &format, planFormats...)
	formatFlag(c.Flags())
	window.add(a, c.Flags())
	return c
}

func (a *App) plan(ctx context.Context, config, dir, format string, window *windowFlags) (int, error) {
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
	sheet := evenkeel.SheetOptions{Digest: rb.Digest(), User: cfg.SSH.User, Made: a.maker(config, dir),
		Signed: a.Name + " run --approved-digest, with this digest"}
	var findings strings.Builder
	for i, f := range found {
		found[i].Where = users(f.Where)
		findings.WriteString(found[i].line())
		sheet.Findings = append(sheet.Findings, strings.TrimSpace(strings.TrimPrefix(found[i].line(), "FINDING")))
	}
	a.find(format, findings.String())
	banner := ""
	if config == "" {
		banner = exampleBanner(format, dir)
	}
	if ofWindow {
		return a.planWindow(window, format, banner, cfg, rb, findings.String(), users)
	}
	var b strings.Builder
	switch format {
	case "json", "yaml":
		return a.planData(format, rb, found, users)
	case formatHTML:
		if sheet.Timetable, err = window.timetable(rb, cfg.World != "", a.Stderr); err != nil {
			return ExitInput, err
		}
		err = a.planPage(ctx, &b, rb, sheet, strings.TrimSpace(banner), config, dir)
	default:
		b.WriteString(banner)
		err = a.planText(&b, rb, format, sheet)
	}
	if err != nil {
		return ExitFailed, err
	}
	return a.Say(users(b.String()))
}

// maker says what made a plan, and of what.
func (a *App) maker(config, dir string) string {
	of := "the built-in example"
	switch {
	case config != "":
		of = filepath.Base(config)
	case dir != "":
		of = "the inputs of " + filepath.Clean(dir)
	}
	return fmt.Sprintf("by %s %s from %s", a.Name, a.Version, of)
}

// planText writes a plan as text or Markdown.
func (a *App) planText(w io.Writer, rb *evenkeel.Runbook, format string, o evenkeel.SheetOptions) error {
	sheet, err := rb.Sheet(o)
	if err != nil {
		return err
	}
	if format == "markdown" {
		return sheet.Markdown(w)
	}
	return sheet.Text(w)
}

// planPage writes a plan as a page, with a picture of what is served when.
func (a *App) planPage(ctx context.Context, w io.Writer, rb *evenkeel.Runbook, o evenkeel.SheetOptions, banner, config, dir string) error {
	p := page.Options{Banner: banner}
	cfg, _, remove, err := a.given(config, dir) // once more: the walk spoils it
	if err == nil {
		defer remove()
		p.Walk, err = a.walk(ctx, cfg)
	}
	if err != nil {
		p.Why = firstLine(err)
	}
	o.Outages = expected(p.Walk)
	o.Made = time.Now().Format("2006-01-02 15:04 MST") + " " + o.Made
	p.SheetOptions = o
	return page.Write(w, rb, p)
}

// find says what was found beside a plan, on the error output; but not to an operator who sees it in the plan itself.
func (a *App) find(format, findings string) {
	if a.screen != nil && (format == "text" || format == formatWindow) {
		return
	}
	_, _ = io.WriteString(a.Stderr, findings)
}

// planData prints a plan for programs: its digest, what was found, its steps, and the document to be signed.
func (a *App) planData(format string, rb *evenkeel.Runbook, found []Finding, users func(string) string) (int, error) {
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
	return a.Answer(format, struct {
		Title    string    `json:"title"`
		Digest   string    `json:"digest"`
		Findings []Finding `json:"findings"`
		Steps    []step    `json:"steps"`
		Markdown string    `json:"markdown"`
	}{rb.Title, rb.Digest(), append([]Finding{}, found...), steps, users(md.String())}, nil)
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
	c.Flags().DurationVar(&s.pace, "pace", 40*time.Millisecond, "on a terminal, a pause at each action, so that it can be followed")
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
	if s.cfg, err = a.Read(s.config); err == nil {
		s.rb, err = a.runbook(s.cfg)
	}
	if err != nil {
		return ExitInput, ofUser(err, into, dir, nil)
	}
	s.header = fmt.Sprintf("%s\nA simulated world, served over real SSH on loopback; keys, inputs, backups and the "+
		"journal are in %s\n\n", s.rb.Title, into)
	code, err := s.carryOut(ctx, evenkeel.Run)
	if !a.carried { // nobody was told of its folder
		return code, errors.Join(err, os.RemoveAll(into))
	}
	if err == nil && served.world.Check() != nil {
		return ExitFailed, served.world.Check()
	}
	if code != ExitDone {
		_, _ = fmt.Fprintf(a.told(), "\nThe simulated world ended with the demo: nothing goes on there. One that lives on: %s simulate\n", a.Name)
	}
	return code, err
}

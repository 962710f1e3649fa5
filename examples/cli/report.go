package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli/page"
)

// errUnfinished says that a report is none of a whole run.
var errUnfinished = errors.New("the run has not ended: this report is not yet evidence of a whole one; status says where it stands")

func (a *App) reportCommand() *cobra.Command {
	var config, format string
	c := a.Command(&cobra.Command{
		Use: "report", Short: "Show a run that has ended as evidence", GroupID: GroupAfter,
		Long: `Show a run that has ended as evidence: the plan, and for each step and action when it ran, how it ended and what the
operator confirmed; how long each window was open and each target was seen down; and the digests of the plan and of its
inputs. Secrets are hidden. No machine is reached. A journal that was written with another plan is refused. Exit status 1
tells that the run has not ended.`,
		Example: `  TOOL report --config config.yaml -o html > report.html
  TOOL report --config config.yaml -o json`,
	}, func(context.Context, []string) (int, error) { return a.report(config, format) })
	configFlag(c, &config)
	OutputFlag(c, &format, "text", "markdown", "json", formatHTML)
	return c
}

func (a *App) report(config, format string) (int, error) {
	cfg, rb, err := a.load(config)
	if err != nil {
		return ExitInput, err
	}
	path := cfg.Path(cfg.Journal)
	records, err := readRecords(path)
	if err != nil {
		return ExitInput, err
	}
	st, err := evenkeel.ReadState(records)
	if err != nil {
		return ExitInput, fmt.Errorf("%s: %w", path, err)
	}
	o := evenkeel.SheetOptions{Digest: rb.Digest(), User: cfg.SSH.User, Records: records, Made: a.maker(config, "") + ", journal " + path}
	if took := (evenkeel.Took{}); st.Done { // the run's own times, for the picture
		if _, err := took.Add(rb, path, records); err == nil {
			o.Timetable, _ = rb.Timetable(evenkeel.TimetableOptions{Took: took})
		}
	}
	sheet, err := rb.Sheet(o)
	if err != nil {
		return ExitInput, fmt.Errorf("%s: %w", path, err)
	}
	var b strings.Builder
	switch format {
	case "markdown":
		err = sheet.Markdown(&b)
	case "json":
		err = reportJSON(&b, sheet, st)
	case formatHTML:
		err = page.Write(&b, rb, page.Options{SheetOptions: o, Why: "this is the report of a run"})
	default:
		err = sheet.Text(&b)
	}
	if err == nil {
		_, err = a.Say(b.String())
	}
	switch {
	case err != nil:
		return ExitFailed, err
	case !st.Done && (st.Rollback == nil || !st.Rollback.Done):
		return ExitFailed, errUnfinished
	}
	return ExitDone, nil
}

// reported is what became of a step or an action, for programs.
type reported struct {
	ID       string     `json:"id"`
	Title    string     `json:"title"`
	Host     string     `json:"host,omitempty"`
	Phase    string     `json:"phase,omitempty"`
	Progress string     `json:"progress"`
	Begun    *time.Time `json:"begun,omitempty"`
	Ended    *time.Time `json:"ended,omitempty"`
	Exit     int        `json:"exit,omitempty"`
	Looks    int        `json:"looks,omitempty"`
	Attested string     `json:"attested,omitempty"`
	Error    string     `json:"error,omitempty"`
	Found    string     `json:"probe_found,omitempty"`
	Notes    []string   `json:"notes,omitempty"`
	Facts    []string   `json:"facts,omitempty"`
	Actions  []reported `json:"actions,omitempty"`
}

func reportOf(id, title, host string, phase evenkeel.Phase, r *evenkeel.Ran) reported {
	out := reported{ID: id, Title: title, Host: host, Phase: string(phase), Progress: string(r.Progress), Exit: r.Exit, Looks: r.Looks,
		Attested: r.Attested, Error: r.Error, Found: r.Found, Notes: r.Notes, Facts: r.Facts}
	if !r.Begun.IsZero() {
		out.Begun = &r.Begun
	}
	if !r.Ended.IsZero() {
		out.Ended = &r.Ended
	}
	return out
}

// reportJSON writes a report for programs.
func reportJSON(w io.Writer, sheet *evenkeel.Sheet, st *evenkeel.State) error {
	type window struct {
		ID        string    `json:"id"`
		Invariant string    `json:"invariant"`
		Opened    time.Time `json:"opened"`
		Seconds   float64   `json:"seconds"`
		Limit     float64   `json:"limit_seconds"`
	}
	out := struct {
		Title     string           `json:"title"`
		Run       string           `json:"run"`
		Digest    string           `json:"digest"`
		Inputs    []evenkeel.Input `json:"inputs"`
		Simulated bool             `json:"simulated"`
		Begun     time.Time        `json:"begun"`
		Ended     time.Time        `json:"last"`
		Done      bool             `json:"done"`
		Rolled    bool             `json:"rolled_back"`
		Resumed   int              `json:"resumed"`
		Windows   []window         `json:"windows"`
		Serving   []Served         `json:"serving,omitempty"`
		Steps     []reported       `json:"steps"`
		Differs   []string         `json:"differs,omitempty"`
	}{Title: sheet.Title, Run: st.Run.ID, Digest: st.Run.Digest, Inputs: st.Run.Inputs, Simulated: st.Run.Simulated, Begun: st.Begun,
		Ended: st.Last, Done: st.Done, Rolled: st.Rollback != nil && st.Rollback.Done, Resumed: st.Resumed,
		Windows: []window{}, Serving: servedOf(st), Differs: st.Differs}
	for _, c := range st.Closed {
		out.Windows = append(out.Windows, window{c.ID, c.Invariant, c.Since, c.Lasted().Seconds(), c.Limit.Seconds()})
	}
	for i := range sheet.Steps {
		s := &sheet.Steps[i]
		step := reportOf(s.ID, s.Title, s.Host, "", s.Ran)
		for _, list := range [][]evenkeel.ActionSheet{s.Do, s.Verify, s.Undo} {
			for j := range list {
				if a := &list[j]; a.Ran != nil {
					step.Actions = append(step.Actions, reportOf(a.ID, a.Title, a.Host, a.Phase, a.Ran))
				}
			}
		}
		out.Steps = append(out.Steps, step)
	}
	raw, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", raw)
	return err
}

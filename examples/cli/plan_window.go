package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/evenkeel-ha/evenkeel"
)

// The formats of the plan of the maintenance window.
const (
	formatWindow     = "window"
	formatWindowJSON = "window-json"
	formatWindowSVG  = "window-svg"
	formatHTML       = "html" // takes its flags too
)

// planFormats are those of plan.
var planFormats = []string{"text", "markdown", "json", "yaml", formatHTML, formatWindow, formatWindowJSON, formatWindowSVG}

// windowFlags are what the plan of the maintenance window is made for.
type windowFlags struct {
	evenkeel.TimetableOptions
	journals []string
	given    []string // the flags
}

// add declares the flags.
func (w *windowFlags) add(a *App, fs *pflag.FlagSet) {
	one := func(name, kind, usage string, set func(string) error) {
		fs.Var(Parsed{kind, func(text string) error {
			w.given = append(w.given, "--"+name)
			return set(text)
		}}, name, "with -o window and html: "+usage)
	}
	clock := func(t *time.Time) func(string) error {
		return func(text string) (err error) {
			*t, err = clockTime(text)
			return err
		}
	}
	one("start", "TIME", `when the run begins, such as "2026-11-29 22:00"; without it times count from the start`, clock(&w.Start))
	one("end", "TIME", "when the maintenance window is over", clock(&w.End))
	one("within", "DURATION", "how long the maintenance window is, such as 8h; instead of --end", func(text string) (err error) {
		if w.Within, err = time.ParseDuration(text); err == nil && w.Within <= 0 {
			err = fmt.Errorf("a maintenance window of %s is too short", short(w.Within))
		}
		return err
	})
	one("journal", "FILE", "the journal of an earlier run that has ended: it tells how long the steps take; can be repeated",
		func(text string) error {
			w.journals = append(w.journals, text)
			return nil
		})
	one("takes", "STEP=DURATION", "how long a step takes, as you say; of a rollback RUNBOOK/STEP=DURATION; can be repeated",
		NamedDuration("STEP=DURATION", "STEP=2h30m", w.state).Read)
	file := ""
	if a.Oplog != nil {
		file = ", or a file with what rs.printReplicationInfo() printed"
	}
	one("oplog", "DURATION", "how far back an oplog reaches, such as 24h"+file+"; can be repeated", func(text string) error {
		var log evenkeel.Oplog
		d, err := time.ParseDuration(text)
		if err != nil && a.Oplog != nil {
			log.Name = text
			d, err = a.Oplog(text)
		}
		switch _, number := strconv.ParseFloat(text, 64); {
		case err != nil && number == nil:
			err = fmt.Errorf("%s has no unit: write it such as %sh or 90m", text, text)
		case err != nil:
			err = fmt.Errorf("it is a duration, such as 24h%s: %w", file, err)
		}
		if err == nil && d <= 0 {
			err = fmt.Errorf("it reaches back %s: more than 0 is needed", short(d))
		}
		log.Window = d
		w.Oplogs = append(w.Oplogs, log)
		return err
	})
}

// state takes in how long a step takes.
func (w *windowFlags) state(name string, d time.Duration) error {
	if w.Stated == nil {
		w.Stated = map[string]time.Duration{}
	}
	if was, twice := w.Stated[name]; twice {
		return fmt.Errorf("step %s is stated twice: %s, and %s", name, short(was), short(d))
	}
	w.Stated[name] = d
	return nil
}

// clockTime reads a time of day with its day, in the time zone of this machine unless it names one.
func clockTime(text string) (time.Time, error) {
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		err = fmt.Errorf(`cannot read it as "2026-11-29 22:00" or "2026-11-29T22:00:00+01:00"`)
	}
	return t, err
}

// made tells whether the format is one of the maintenance window. Its flags are for no other.
func (w *windowFlags) made(format string) (bool, error) {
	if slices.Contains([]string{formatWindow, formatWindowJSON, formatWindowSVG}, format) {
		return true, nil
	}
	if len(w.given) > 0 && format != formatHTML {
		return false, fmt.Errorf("%s is for -o %s, %s, %s or %s", w.given[0], formatHTML, formatWindow, formatWindowJSON, formatWindowSVG)
	}
	return false, nil
}

// timetable makes the timetable of a runbook. What the journals do not tell is said to out. Simulated: the machines of
// the plan are.
func (w *windowFlags) timetable(rb *evenkeel.Runbook, simulated bool, out io.Writer) (*evenkeel.Timetable, error) {
	w.Took = evenkeel.Took{}
	for _, name := range w.journals {
		records, err := readRecords(name)
		if err != nil {
			return nil, err
		}
		told, err := w.Took.Add(rb, filepath.Base(name), records)
		if err != nil {
			return nil, err
		}
		if told.Simulated && !simulated {
			w.Doubts = append(w.Doubts, fmt.Sprintf("journal %s is that of a simulated world: its times are not those of your "+
				"machines", name))
		}
		if len(told.Other) > 0 {
			w.Doubts = append(w.Doubts, fmt.Sprintf("journal %s may be of another system, with other times: these differ from "+
				"those of the plan: %s", name, strings.Join(told.Other, ", ")))
		}
		if silent := told.Silent; len(silent) > 0 {
			_, _ = fmt.Fprintf(out, "%s: it does not tell how long these steps take, which were interrupted, failed or were "+
				"done before: %s\n", name, strings.Join(silent, ", "))
		}
	}
	return rb.Timetable(w.TimetableOptions)
}

// planWindow prints the plan of the maintenance window. The exit code tells whether something was found in it.
func (a *App) planWindow(w *windowFlags, format, banner string, cfg *Config, rb *evenkeel.Runbook, found string,
	users func(string) string) (int, error) {
	t, err := w.timetable(rb, cfg.World != "", a.Stderr)
	if err != nil {
		return ExitInput, err
	}
	for _, f := range t.Findings {
		a.find(format, Finding{What: users(f)}.line())
	}
	var b strings.Builder
	switch format {
	case formatWindowJSON:
		err = t.JSON(&b)
	case formatWindowSVG:
		err = t.SVG(&b, strings.TrimSpace(banner))
	default:
		b.WriteString(banner)
		fmt.Fprintf(&b, "digest %s\n%s", rb.Digest(), found)
		err = t.Text(&b)
	}
	if err != nil {
		return ExitFailed, err
	}
	code, err := a.Say(users(b.String()))
	if err == nil && len(t.Findings) > 0 {
		code = ExitFailed
	}
	return code, err
}

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"al.essio.dev/pkg/shellescape"
	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/infile"
)

// statusFlags say of which journal, and how.
type statusFlags struct {
	config, journal, format string
	follow                  bool
}

func (a *App) statusCommand() *cobra.Command {
	var f statusFlags
	c := a.Command(&cobra.Command{
		Use: "status", Short: "Say where a run stands, also while it runs", GroupID: GroupAfter,
		Long: `Say where a run stands: whether a tool works on it, the step and the action, the open windows and how long they may stay
open, what serves where as far as the journal tells, where a rollback leads, and the commands to type next.

It only reads the journal, also while a run writes it: no machine is reached, nothing is changed, and no other command has to
wait. It tells whether the tool still runs or was killed. --journal reads a journal without its configuration: titles and the
rollback are not known then.`,
		Example: "  TOOL status --config config.yaml\n  TOOL status --config config.yaml --follow\n" +
			"  TOOL status --journal upgrade.jsonl --output json",
	}, func(ctx context.Context, _ []string) (int, error) { return a.status(ctx, f) })
	configFlag(c, &f.config)
	fileFlag(c, &f.journal, "journal", "read this journal `FILE`", "jsonl")
	OutputFlag(c, &f.format, "text", "json", "yaml")
	c.Flags().BoolVar(&f.follow, "follow", false, "also print what changes, until no tool works on the run any more")
	return c
}

// status says where a run stands.
func (a *App) status(ctx context.Context, f statusFlags) (int, error) {
	w, err := a.watcher(f)
	if err != nil {
		return ExitInput, err
	}
	s, err := w.look()
	if err != nil {
		return ExitInput, err
	}
	if err := s.write(a.answers(f.format), f.format); err != nil {
		return ExitFailed, err
	}
	if !f.follow {
		return ExitDone, nil
	}
	ctx, done := interruptible(ctx)
	defer done()
	return w.follow(ctx, a.answers(f.format), f.format)
}

// write prints it: in JSON on one line of its own, in YAML as a document of its own.
func (s *Standing) write(w io.Writer, format string) error {
	var raw []byte
	var err error
	switch format {
	case "json":
		raw, err = json.Marshal(s)
		raw = append(raw, '\n')
	case "yaml":
		raw, err = asYAML(s)
		raw = append([]byte("---\n"), raw...)
	default:
		raw = []byte(s.text())
	}
	if err == nil {
		_, err = w.Write(raw)
	}
	return err
}

// watcher looks at a journal from outside of the run.
type watcher struct {
	observed
	warning string
	info    os.FileInfo // of the file that records are from
}

// watcher is what looks at the journal that the flags name.
func (a *App) watcher(f statusFlags) (*watcher, error) {
	w := &watcher{observed: observed{journal: f.journal, looks: a.Looks}}
	w.command = func(verb string) string {
		config := "FILE"
		if f.config != "" {
			config = shellescape.Quote(f.config)
		}
		return a.Name + " " + verb + " --config " + config
	}
	switch {
	case f.config == "" && f.journal == "":
		return nil, errors.New("--config or --journal is needed: the configuration of the run, or its journal")
	case f.config == "":
		return w, nil
	}
	cfg, err := a.Read(f.config)
	if err != nil {
		return nil, err
	}
	if w.journal == "" {
		w.journal = cfg.Path(cfg.Journal)
	}
	if w.book, err = a.runbook(cfg); err != nil { // the inputs may be gone, and the journal says much without them
		w.book, w.warning = nil, "the runbook cannot be made, so titles and the rollback are not known here: "+lines(err)[0]
	}
	return w, nil
}

// look reads the journal and says where the run stands.
func (w *watcher) look() (*Standing, error) {
	if err := w.read(); err != nil {
		return nil, err
	}
	s, err := standing(w.observed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", w.journal, err)
	}
	if s.Warning == "" {
		s.Warning = w.warning
	}
	return s, nil
}

// read takes in the journal as it is now. Whether it is in use is asked first and afterwards: a run that ends between
// has written its last record before.
func (w *watcher) read() error {
	before, _ := evenkeel.JournalInUse(w.journal) // where it cannot be told it cannot be read
	info, err := os.Stat(w.journal)
	if err != nil {
		return noRun("", infile.Plain(err))
	}
	records, err := readRecords(w.journal)
	if err != nil {
		return err
	}
	after, err := evenkeel.JournalInUse(w.journal)
	if err != nil {
		return noRun("", err)
	}
	if before && !after {
		return w.read() // it has ended since: what it wrote last counts
	}
	w.records, w.inUse, w.info, w.written, w.now = records, after, info, info.ModTime(), time.Now()
	return nil
}

// followEvery is how often a journal is looked at.
const followEvery = 300 * time.Millisecond

// follow prints what changes, until nobody works on the run any more, and then where it stands.
func (w *watcher) follow(ctx context.Context, out io.Writer, format string) (int, error) {
	seen := len(w.records)
	for w.inUse {
		select {
		case <-ctx.Done():
			return ExitDone, nil
		case <-time.After(followEvery):
		}
		s, err := w.look()
		if err != nil {
			return ExitInput, err
		}
		if len(w.records) < seen {
			seen = 0 // it is another journal
		}
		fresh := w.records[seen:]
		seen = len(w.records)
		var b bytes.Buffer
		switch {
		case format != "text" && len(fresh) > 0, !w.inUse:
			b.WriteString(w.told(fresh, format))
			if err := s.write(&b, format); err != nil {
				return ExitFailed, err
			}
		default:
			b.WriteString(w.told(fresh, format))
		}
		if _, err := out.Write(b.Bytes()); err != nil {
			return ExitFailed, err
		}
	}
	return ExitDone, nil
}

// told are records for the reader, a line each; nothing for programs, which are told each change whole.
func (w *watcher) told(records []evenkeel.Record, format string) string {
	st, err := evenkeel.ReadState(w.records)
	if err != nil || format != "text" {
		return ""
	}
	t := titlesOf(w.book, st)
	var b bytes.Buffer
	for i, r := range records {
		if text := t.told(r, w.records[:len(w.records)-len(records)+i]); text != "" {
			fmt.Fprintf(&b, "%s  %s\n", r.Time.Local().Format(time.TimeOnly), text)
		}
	}
	return b.String()
}

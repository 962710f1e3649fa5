package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// runLog is a log of what happens in a run, beside what is shown and the journal: a line for each event, with the time
// of the world that it happened in. Nothing reads it again.
type runLog struct {
	file, format string
	sync.Once    // what it is lost by is said once
}

// flags declare --log-file and --log-format.
func (l *runLog) flags(c *cobra.Command) {
	c.Flags().StringVar(&l.file, "log-file", "", "also append a line for each event to this `FILE`")
	oneOf(c, &l.format, "log-format", "", "the form of the log", "text", "json")
}

// openLog opens the log. Without one what is told goes nowhere.
func (s session) openLog(errs io.Writer) (evenkeel.Observer, func(), error) {
	l := s.log
	if l.file == "" {
		return evenkeel.ObserverFunc(func(evenkeel.Event) {}), func() {}, nil
	}
	f, err := s.beside("log-file", l.file, s.events)
	if err != nil {
		return nil, nil, err
	}
	kept := &patient{w: f} // it may be a FIFO
	safe := printable.Writer(kept)
	var h slog.Handler = slog.NewTextHandler(safe, nil)
	if l.format == "json" {
		h = slog.NewJSONHandler(safe, nil)
	}
	return evenkeel.ObserverFunc(func(e evenkeel.Event) {
		if err := h.Handle(context.Background(), record(e)); err != nil {
			l.Do(func() { _, _ = fmt.Fprintf(errs, "the log is lost, and the run goes on: %v\n", err) })
		}
	}), func() { closeKept(kept, f, errs) }, nil
}

// closeKept ends the log.
func closeKept(kept *patient, f io.Closer, errs io.Writer) {
	if err := kept.close(f); err != nil {
		_, _ = fmt.Fprintf(errs, "the log is incomplete: %v\n", err)
	}
}

// record is a line of the log.
func record(e evenkeel.Event) slog.Record {
	level := slog.LevelInfo
	switch e.Kind { //nolint:exhaustive // all others are information
	case evenkeel.EventFailed, evenkeel.EventAlarm:
		level = slog.LevelError
	case evenkeel.EventUnknown, evenkeel.EventPause, evenkeel.EventStopping, evenkeel.EventUnseen:
		level = slog.LevelWarn
	}
	r := slog.NewRecord(e.Time, level, e.Text, 0)
	r.AddAttrs(slog.String("event", string(e.Kind)))
	if e.Step != nil {
		r.AddAttrs(slog.String("step", e.Step.ID))
	}
	if e.Action != nil {
		r.AddAttrs(slog.String("action", e.Action.ID))
	}
	if e.Host != "" {
		r.AddAttrs(slog.String("host", e.Host))
	}
	if e.Missed > 0 {
		r.AddAttrs(slog.Int("missed", e.Missed))
	}
	return r
}

// both tells two observers.
func both(one, other evenkeel.Observer) evenkeel.Observer {
	return evenkeel.ObserverFunc(func(e evenkeel.Event) {
		one.Event(e)
		other.Event(e)
	})
}

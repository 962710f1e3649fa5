package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel"
)

// runLog is a log of what happens in a run, beside what is shown and the journal: a line for each event, with the time
// of the world that it happened in. Nothing reads it again.
type runLog struct {
	file, format string
	sync.Once    // what it is lost by is said once
}

// flags declare --log-file and --log-format.
func (l *runLog) flags(c *cobra.Command) {
	c.Flags().StringVar(&l.file, "log-file", "", "keep a log of what happens in this `FILE`, too: a line for each event; it is appended to")
	oneOf(c, &l.format, "log-format", "", "the form of the log", "text", "json")
}

// open opens the log. Without one what is told goes nowhere.
func (l *runLog) open(errs io.Writer) (evenkeel.Observer, io.Closer, error) {
	if l.file == "" {
		return evenkeel.ObserverFunc(func(evenkeel.Event) {}), io.NopCloser(nil), nil
	}
	f, err := os.OpenFile(l.file, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("--log-file: %w", err)
	}
	var h slog.Handler = slog.NewTextHandler(f, nil)
	if l.format == "json" {
		h = slog.NewJSONHandler(f, nil)
	}
	return evenkeel.ObserverFunc(func(e evenkeel.Event) {
		if err := h.Handle(context.Background(), record(e)); err != nil {
			l.Do(func() { _, _ = fmt.Fprintf(errs, "the log is lost, and the run goes on: %v\n", err) })
		}
	}), f, nil
}

// record is a line of the log.
func record(e evenkeel.Event) slog.Record {
	level := slog.LevelInfo
	switch e.Kind {
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

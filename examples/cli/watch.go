package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli/view"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// watch shows a run: on a terminal that can be redrawn as a block, and else as plain lines; and writes its events to a file.
type watch struct {
	lines interface {
		evenkeel.Observer
		Serving() string
	}
	live   *view.Live // nil where there are plain lines
	events *view.Events
	file   *os.File
	kept   *patient // what file is written through
}

// watch begins to show a run; st is what the journal tells of it by now, nil for a new one.
func (s session) watch(st *evenkeel.State, clock evenkeel.Clock) (*watch, error) {
	a, w := s.app, &watch{}
	if s.events != "" {
		f, err := s.beside("events", s.events, s.log.file)
		if err != nil {
			return nil, err
		}
		w.file, w.kept = f, &patient{w: f}
		w.events = view.NewEvents(printable.Writer(w.kept)).Of(s.pair) // who looks at it with cat sees what is in it, and no more
	}
	o := view.Options{State: st, Mask: sshexec.Redactor(s.rb.Secrets...).Own, Journal: filepath.Base(s.journal()), Verbose: s.verbose,
		ASCII: view.ASCIIOnly(os.Getenv)}
	if s.verb != "rollback" {
		o.Plan, _ = s.rb.Timetable(evenkeel.TimetableOptions{}) // without it nobody knows how long it takes
	}
	if !a.redraws() {
		w.lines = view.NewPlain(a.Stdout, o)
		return w, nil
	}
	screen := view.Screen{W: a.under, Size: a.size, Stuck: a.stuck, Behind: a.behind, Pace: s.pace}
	if _, real := clock.(evenkeel.WallClock); real {
		screen.Now = time.Now
	}
	w.live = view.NewLive(screen, o)
	w.lines = w.live
	w.live.Show()
	return w, nil
}

// redraws tells whether the output is a terminal that can be redrawn.
func (a *App) redraws() bool { return a.screen != nil && view.Redraws(os.Getenv) }

// behind tells that another program has the terminal in front.
func (a *App) behind() bool {
	front, err := unix.IoctlGetInt(int(a.screen.Fd()), unix.TIOCGPGRP)
	return err == nil && front != unix.Getpgrp()
}

// size is that of the terminal that is redrawn.
func (a *App) size() (width, height int) { return sizeOf(a.screen) }

func sizeOf(terminal *os.File) (width, height int) {
	width, height, err := term.GetSize(int(terminal.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		return 80, 24
	}
	return width, height
}

// Event shows an event.
func (w *watch) Event(e evenkeel.Event) {
	if w.events != nil {
		w.events.Event(e)
	}
	w.lines.Event(e)
}

// aside takes the block away while something is asked, and gives back what puts it there again.
func (w *watch) aside() (back func()) {
	if w == nil || w.live == nil {
		return func() {}
	}
	w.live.Hide()
	return w.live.Show
}

// close ends what is shown. The error says that the events are not whole.
func (w *watch) close() error {
	if w.live != nil {
		w.live.Hide()
	}
	if w.file == nil {
		return nil
	}
	if err := errors.Join(w.events.Err(), w.kept.close(w.file)); err != nil {
		return fmt.Errorf("the events in %s are incomplete, and the journal is complete: %w", w.file.Name(), err)
	}
	return nil
}

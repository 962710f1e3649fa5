package view

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"github.com/evenkeel-ha/evenkeel"
)

// Screen is what a live view draws on.
type Screen struct {
	W    io.Writer // of the terminal; what is written has escape sequences, all of them the view's own
	Size func() (width, height int)
	// Now is the run's clock where it passes by itself; nil in a simulated world, where time passes with what happens.
	Now func() time.Time
	// Stuck tells that nobody reads the terminal now: nothing is redrawn meanwhile. May be nil.
	Stuck func() bool
	// Quiet keeps what is typed from being shown while the block is there, and gives back what ends that. May be nil.
	Quiet func() (loud func())
	// Pace is a pause at each action, so that a run of a simulated world can be followed.
	Pace time.Duration
}

// Live shows a run on a terminal.
type Live struct {
	screen Screen
	mu     sync.Mutex
	m      *model
	show   *show // nil while the block is not there
}

// show is the block while it is there.
type show struct {
	program *tea.Program
	over    chan struct{} // closed when the program has ended
	stop    func()
}

// NewLive shows nothing yet: see Show.
func NewLive(s Screen, o Options) *Live { return &Live{screen: s, m: newModel(o)} }

// Event takes an event in. It waits for the terminal no longer than a write to it does.
func (l *Live) Event(e evenkeel.Event) {
	l.mu.Lock()
	lines := l.m.take(e)
	show := l.show
	l.mu.Unlock()
	width, _ := l.screen.Size()
	var rows []string
	for _, one := range lines {
		if !one.live || show == nil {
			rows = append(rows, one.rows(width, l.m.opts.glyphs()))
		}
	}
	if len(rows) > 0 {
		l.above(show, strings.Join(rows, "\n"))
	}
	if show != nil {
		show.program.Send(changed{})
	}
	if e.Kind == evenkeel.EventAction && l.screen.Pace > 0 {
		time.Sleep(l.screen.Pace)
	}
}

// above prints above the block, or simply prints where there is none.
func (l *Live) above(show *show, text string) {
	if show != nil {
		select {
		case <-show.over: // the program has failed; the run goes on without it
		default:
			show.program.Println(text)
			return
		}
	}
	_, _ = fmt.Fprintln(l.screen.W, text)
}

// Show puts the block there. Hide takes it away, and leaves the lines above it: before something is asked, and at the end.
func (l *Live) Show() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.show != nil {
		return
	}
	width, height := l.screen.Size()
	loud := func() {}
	if l.screen.Quiet != nil {
		loud = l.screen.Quiet()
	}
	s := &show{over: make(chan struct{})}
	s.program = tea.NewProgram(&drawing{live: l}, tea.WithOutput(l.screen.W), tea.WithInput(nil), tea.WithoutSignalHandler(),
		tea.WithWindowSize(width, height), tea.WithColorProfile(colorprofile.ANSI), tea.WithFPS(20))
	resized, done := resizes()
	s.stop = func() {
		s.program.Quit()
		<-s.over
		done()
		loud()
	}
	go func() {
		defer close(s.over)
		_, _ = s.program.Run()
	}()
	go func() {
		for range resized {
			width, height := l.screen.Size()
			s.program.Send(tea.WindowSizeMsg{Width: width, Height: height})
		}
	}()
	l.show = s
}

// Hide takes the block away.
func (l *Live) Hide() {
	l.mu.Lock()
	show := l.show
	l.show = nil
	l.mu.Unlock()
	if show != nil {
		show.stop()
	}
}

// Serving says what serves where, as it was last seen; empty where nothing was seen.
func (l *Live) Serving() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.m.serving.seenAt()
}

// drawing is the block as bubbletea draws it.
type drawing struct {
	live          *Live
	width, height int
	shown         string
	quits         bool
}

// changed says that something is to be drawn anew; tick, that time has passed.
type (
	changed struct{}
	tick    struct{}
)

// Init begins to count the seconds.
func (d *drawing) Init() tea.Cmd {
	if d.live.screen.Now == nil {
		return nil
	}
	return tea.Every(time.Second, func(time.Time) tea.Msg { return tick{} })
}

// Update takes a message in.
func (d *drawing) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		d.width, d.height = msg.Width, msg.Height
	case tea.QuitMsg:
		d.quits = true
	case tick:
		return d, d.Init()
	}
	return d, nil
}

// View draws the block; while nobody reads, the last one stays.
func (d *drawing) View() tea.View {
	l := d.live
	if l.screen.Stuck != nil && l.screen.Stuck() {
		return tea.NewView(d.shown)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.m.last
	if l.screen.Now != nil {
		now = l.screen.Now()
	}
	d.shown = ""
	if l.show != nil && d.width > 0 {
		d.shown = strings.Join(l.m.block(d.width, max(3, d.height-2), now), "\n")
	}
	return tea.NewView(d.shown)
}

// rows is the line for a terminal of a width, wrapped.
func (l line) rows(width int, g *glyphs) string {
	text, indent := l.text, strings.Repeat(" ", 12)
	took := ""
	if l.took >= worthTelling {
		took = words(l.took) + " "
	}
	first := " " + l.at.Format("15:04:05") + "  "
	if l.mark == markStep {
		return paint(strong, ansi.Truncate(first+text, width, g.dots))
	}
	room := max(10, width-len(indent)-1)
	if gap := room - ansi.StringWidth(text) - len(took); l.mark == markDone && gap > 0 {
		return paint(quiet, first) + paint(good, g.mark[l.mark]) + " " + text +
			paint(quiet, strings.Repeat(" ", gap)+strings.TrimRight(took, " "))
	}
	if took != "" {
		text += ", " + took
	}
	wrapped := strings.ReplaceAll(wrap(strings.TrimRight(text, " "), room), "\n", "\n"+indent+" ")
	return paint(quiet, first) + paint(l.mark.style(), g.mark[l.mark]+" "+strings.ReplaceAll(wrapped, "\t", " "))
}

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
	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// Screen is what a live view draws on.
type Screen struct {
	W    io.Writer // of the terminal; what is written has escape sequences, all of them the view's own
	Size func() (width, height int)
	// Now is the run's clock where it passes by itself; nil in a simulated world, where time passes with what happens.
	Now func() time.Time
	// Stuck tells that nobody reads the terminal now: nothing is redrawn meanwhile. May be nil.
	Stuck func() bool
	// Behind tells that another program has the terminal now, since the tool was put into the background: there is no block meanwhile.
	// May be nil.
	Behind func() bool
	// Pace is a pause at each action, so that a run of a simulated world can be followed.
	Pace time.Duration
}

// lowest is the number of rows that a terminal must have for a block; a lower one has plain lines alone.
const lowest = 10

// Live shows a run on a terminal. It changes no mode of the terminal, neither the echo nor the cursor's: a tool that is killed leaves
// nothing to be mended. What is typed lands in an empty row below the block.
type Live struct {
	screen  Screen
	signals sync.Once
	print   sync.Mutex // held while lines go to the block's program, and while that ends; taken before mu
	mu      sync.Mutex
	m       *model
	wanted  bool  // the block is to be there
	show    *show // nil while it is not
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
	width, height := l.screen.Size()
	var rows []string
	for _, one := range lines {
		if !one.live || show == nil || !l.room(height) {
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
	l.print.Lock()
	defer l.print.Unlock()
	if show != nil {
		select {
		case <-show.over: // it was taken away, or the program has failed; the run goes on without it
		default:
			show.program.Send(tea.Println(text)())
			return
		}
	}
	_, _ = fmt.Fprintln(l.screen.W, text)
}

// Show puts the block there. Hide takes it away, and leaves the lines above it: before something is asked, and at the end.
func (l *Live) Show() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wanted = true
	l.put()
}

// put puts the block there, where it is not.
func (l *Live) put() {
	if l.show != nil {
		return
	}
	width, height := l.screen.Size()
	s := &show{over: make(chan struct{})}
	s.program = tea.NewProgram(&drawing{live: l}, tea.WithOutput(fromTheLeft{l.screen.W}), tea.WithInput(nil), tea.WithoutSignalHandler(),
		tea.WithWindowSize(width, height), tea.WithColorProfile(colorprofile.ANSI), tea.WithFPS(20))
	l.signals.Do(func() { onSignals(l.resized, l.suspend) })
	s.stop = func() {
		s.program.Quit()
		<-s.over
		if l.screen.Behind == nil || !l.screen.Behind() {
			_, _ = io.WriteString(l.screen.W, "\r"+ansi.EraseScreenBelow)
		}
	}
	go func() {
		defer close(s.over)
		_, _ = s.program.Run()
	}()
	l.show = s
}

// resized tells the block of the terminal's size.
func (l *Live) resized() {
	l.mu.Lock()
	show := l.show
	l.mu.Unlock()
	if show != nil {
		width, height := l.screen.Size()
		show.program.Send(tea.WindowSizeMsg{Width: width, Height: height})
	}
}

// fromTheLeft begins each write at the left edge, where the cursor rests: what was typed has moved it.
type fromTheLeft struct{ io.Writer }

func (w fromTheLeft) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(append([]byte{'\r'}, p...))
	return max(0, n-1), err
}

// room tells whether a block can be there.
func (l *Live) room(height int) bool {
	return height >= lowest && (l.screen.Behind == nil || !l.screen.Behind())
}

// stuck tells whether nobody reads the terminal now.
func (l *Live) stuck() bool { return l.screen.Stuck != nil && l.screen.Stuck() }

// Hide takes the block away.
func (l *Live) Hide() { l.hide(false) }

// hide takes the block away, and tells whether it was there. A wanted one comes back.
func (l *Live) hide(wanted bool) bool {
	l.print.Lock()
	defer l.print.Unlock()
	l.mu.Lock()
	show := l.show
	l.show, l.wanted = nil, l.wanted && wanted
	l.mu.Unlock()
	if show == nil {
		return false
	}
	show.stop()
	return true
}

// suspend is Ctrl-Z: it says what that means and stops the tool, with the terminal as it was. When the tool goes on, so does the block.
func (l *Live) suspend() {
	if l.hide(true) {
		l.say(l.m.suspended)
		defer func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.wanted {
				l.put()
			}
		}()
	}
	if !stopItself() {
		l.say(func(now time.Time) line {
			return line{at: now, mark: markAlarm, text: "Not suspended: no shell here could take the tool up again. The run goes on"}
		})
	}
}

// say prints a line of the time that it is.
func (l *Live) say(what func(now time.Time) line) {
	width, _ := l.screen.Size()
	l.mu.Lock()
	now := l.m.last
	if l.screen.Now != nil {
		now = l.screen.Now()
	}
	said := what(now)
	l.mu.Unlock()
	l.above(nil, said.rows(width, l.m.opts.glyphs()))
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
	ticks         int
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
	case tick:
		if d.ticks++; d.repaints() {
			return d, tea.Batch(d.Init(), tea.ClearScreen)
		}
		return d, d.Init()
	}
	return d, nil
}

// repaints tells whether the whole terminal is drawn anew now, since what was typed, or sent to every terminal, may have spoilt the block.
func (d *drawing) repaints() bool { return d.ticks%5 == 0 && d.live.room(d.height) && !d.live.stuck() }

// View draws the block; while nobody reads, the last one stays.
func (d *drawing) View() tea.View {
	l := d.live
	if l.stuck() {
		return draws(d.shown)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.m.last
	if l.screen.Now != nil {
		now = l.screen.Now()
	}
	d.shown = ""
	if l.show != nil && d.width > 0 && l.room(d.height) {
		for _, row := range l.m.block(d.width, d.height-2, now) {
			d.shown += row + "\n"
		}
	}
	return draws(d.shown)
}

// draws is the block with the cursor in the row below it, of the shape that the terminal gives it (Shape -1).
func draws(block string) tea.View {
	v := tea.NewView(block)
	v.DisableBracketedPasteMode = true
	v.Cursor = &tea.Cursor{Position: tea.Position{Y: strings.Count(block, "\n")}, Shape: -1}
	return v
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
		return paint(strong, ansi.Truncate(first+printable.Line(text), width, g.dots))
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

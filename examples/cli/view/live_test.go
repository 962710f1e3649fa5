package view

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// tube is a terminal that only records.
type tube struct {
	mu    sync.Mutex
	b     bytes.Buffer
	parts []string // each write
}

func (tu *tube) Write(p []byte) (int, error) {
	tu.mu.Lock()
	defer tu.mu.Unlock()
	tu.parts = append(tu.parts, string(p))
	return tu.b.Write(p)
}

func (tu *tube) text() string {
	tu.mu.Lock()
	defer tu.mu.Unlock()
	return ansi.Strip(tu.b.String())
}

func at(width, height int) func() (int, int) { return func() (int, int) { return width, height } }

// What is over scrolls, the block is drawn, and is gone before something is asked.
func TestLive(t *testing.T) {
	out := &tube{}
	l := NewLive(Screen{W: out, Size: at(80, 24)}, Options{Journal: "j"})
	l.Show()
	l.Show()
	s := stories()["window"]
	for _, e := range s.all {
		l.Event(e)
	}
	require.Eventually(t, func() bool { return strings.Contains(out.text(), "demo-MDT0000 is starting") }, 10*time.Second, time.Millisecond)
	l.Hide()
	require.Contains(t, out.text(), "✓ Put ct6-mds2 into standby")
	require.Contains(t, out.text(), "nowhere")
	require.NotContains(t, out.text(), "serving:", "the table says it")
	l.Event(evenkeel.Event{Kind: evenkeel.EventLease, Time: s.now, Text: "no block is there now"})
	require.True(t, strings.HasSuffix(out.text(), "no block is there now\n"), "%q", out.text())
	l.Show()
	l.Event(s.all[len(s.all)-1])
	l.Hide()
	l.Hide()
	require.Equal(t, "MGS on ct6-mds1; demo-MDT0000 DOWN (seen at 22:05:03)", l.Serving())
}

// While nobody reads, the block stays as it was last drawn, however much happens.
func TestLiveWhileNobodyReads(t *testing.T) {
	stuck := false
	l := NewLive(Screen{W: &tube{}, Size: at(80, 24), Stuck: func() bool { return stuck }}, Options{})
	l.show = &show{}
	d := &drawing{live: l, width: 80, height: 24}
	l.m.take(newStory().all[0])
	before := d.View().Content
	require.Contains(t, before, "demo-MDT0000")
	stuck = true
	for _, e := range newStory().begin(14, moveStep).tell(0, evenkeel.EventAction, 0, "").all {
		l.m.take(e)
	}
	require.Equal(t, before, d.View().Content)
	stuck = false
	require.Contains(t, d.View().Content, "Step 14 of 24")
	l.show = nil
	require.Empty(t, d.View().Content, "the block goes when it is to be hidden")
}

// set are the sequences that set a mode of a terminal, or ask it something; hide and show are the two that are there at each redraw.
var set = regexp.MustCompile(`\x1b(\[[?=><][0-9;]*[a-zA-Z$]+|\[[0-9]* q|[\]P_^X=>c])`)

// At any moment the tool may be killed: nothing is left in the terminal that has to be mended. Each write that hides the cursor shows it
// again, and no other mode is touched.
func TestLiveLeavesNothingBroken(t *testing.T) {
	out := &tube{}
	l := NewLive(Screen{W: out, Size: at(80, 24)}, Options{})
	l.Show()
	for _, e := range stories()["pause"].all {
		l.Event(e)
	}
	require.Eventually(t, func() bool { return strings.Contains(out.text(), "Install CentOS 7") }, 10*time.Second, time.Millisecond)
	l.Hide()
	for _, part := range out.parts {
		require.Empty(t, strings.NewReplacer("\x1b[?25l", "", "\x1b[?25h", "").Replace(strings.Join(set.FindAllString(part, -1), "")), "%q", part)
		require.Greater(t, strings.LastIndex(part, "\x1b[?25h")+1, strings.LastIndex(part, "\x1b[?25l"), "%q", part)
	}
}

// A low terminal, and one that another program has in front, have no block; what it would have shown is told as lines.
func TestLiveWithoutRoom(t *testing.T) {
	for name, s := range map[string]Screen{
		"low":    {Size: at(80, 3)},
		"behind": {Size: at(80, 24), Behind: func() bool { return true }},
	} {
		out := &tube{}
		s.W = out
		l := NewLive(s, Options{})
		l.Show()
		for _, e := range stories()["window"].all {
			l.Event(e)
		}
		l.Hide()
		require.NotContains(t, out.text(), "Ctrl-C", name)
		require.Contains(t, out.text(), "✓ Put ct6-mds2 into standby", name)
		require.Contains(t, out.text(), "OUTAGE: window switch-over opens for at most 10 m", name)
	}
}

// What Ctrl-Z says: what stays open, and how long it may.
func TestSuspended(t *testing.T) {
	m := newModel(Options{})
	const says = "SUSPENDED: the tool does nothing until you type fg. A command that has begun on a machine goes on there"
	require.Equal(t, says, m.suspended(night).text)
	s := stories()["window"]
	for _, e := range s.all {
		m.take(e)
	}
	require.Equal(t, says+"; OUTAGE: window switch-over stays open, 9 m 55 s left", m.suspended(s.now).text)
	require.Equal(t, says+"; OUTAGE: window switch-over stays open, OVERDUE by 5 s", m.suspended(s.now.Add(10*time.Minute)).text)
}

// The terminal is drawn anew from time to time, and never while somebody else has it, nor while nobody reads.
func TestLiveRepaints(t *testing.T) {
	yes := func() bool { return true }
	for name, tt := range map[string]struct {
		screen   Screen
		height   int
		repaints bool
	}{
		"alone": {height: 24, repaints: true}, "low": {height: 3},
		"behind": {screen: Screen{Behind: yes}, height: 24}, "stuck": {screen: Screen{Stuck: yes}, height: 24},
	} {
		d := &drawing{live: NewLive(tt.screen, Options{}), height: tt.height, ticks: 5}
		require.Equal(t, tt.repaints, d.repaints(), name)
		d.ticks = 6
		require.False(t, d.repaints(), name)
	}
}

// A line that comes while the block is taken away, again and again, is neither lost nor waited for.
func TestLiveLosesNoLine(t *testing.T) {
	out := &tube{}
	l := NewLive(Screen{W: out, Size: at(80, 24)}, Options{})
	const lines = 200
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		for i := range lines {
			l.Event(evenkeel.Event{Kind: evenkeel.EventNote, Time: night, Text: fmt.Sprintf("note %d.", i)})
		}
	}()
	for on := true; on; {
		l.Show()
		l.Hide()
		select {
		case <-shown:
			on = false
		default:
		}
	}
	for i := range lines {
		require.Contains(t, out.text(), fmt.Sprintf("note %d.", i))
	}
}

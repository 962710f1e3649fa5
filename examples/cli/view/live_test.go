package view

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// tube is a terminal that only records, and can be halted.
type tube struct {
	mu   sync.Mutex
	b    bytes.Buffer
	halt chan struct{} // nil: it takes everything
}

func (tu *tube) Write(p []byte) (int, error) {
	if tu.halt != nil {
		<-tu.halt
	}
	tu.mu.Lock()
	defer tu.mu.Unlock()
	return tu.b.Write(p)
}

func (tu *tube) text() string {
	tu.mu.Lock()
	defer tu.mu.Unlock()
	return ansi.Strip(tu.b.String())
}

func at(width, height int) func() (int, int) { return func() (int, int) { return width, height } }

// What is over scrolls, the block is drawn, and is gone before something is asked; the echo is back then.
func TestLive(t *testing.T) {
	out, quiet := &tube{}, 0
	l := NewLive(Screen{W: out, Size: at(80, 24), Quiet: func() func() { quiet++; return func() { quiet-- } }}, Options{Journal: "j"})
	l.Show()
	l.Show()
	require.Equal(t, 1, quiet)
	s := stories()["window"]
	for _, e := range s.all {
		l.Event(e)
	}
	require.Eventually(t, func() bool { return strings.Contains(out.text(), "demo-MDT0000 is starting") }, 10*time.Second, time.Millisecond)
	l.Hide()
	require.Zero(t, quiet)
	require.Contains(t, out.text(), "✓ Put ct6-mds2 into standby")
	require.Contains(t, out.text(), "nowhere")
	require.NotContains(t, out.text(), "BY HAND")
	l.Event(evenkeel.Event{Kind: evenkeel.EventLease, Time: s.now, Text: "no block is there now"})
	require.True(t, strings.HasSuffix(out.text(), "no block is there now\n"), "%q", out.text())
	l.Show()
	l.Event(s.all[len(s.all)-1])
	l.Hide()
	l.Hide()
	require.Equal(t, "MGS on ct6-mds1; demo-MDT0000 DOWN (seen at 22:05:03)", l.Serving())
}

// While nobody reads, the block is not drawn anew, however much happens.
func TestLiveWhileNobodyReads(t *testing.T) {
	out := &tube{}
	var mu sync.Mutex
	stuck := false
	l := NewLive(Screen{W: out, Size: at(80, 24), Stuck: func() bool { mu.Lock(); defer mu.Unlock(); return stuck }}, Options{})
	l.Show()
	l.Event(newStory().all[0])
	require.Eventually(t, func() bool { return strings.Contains(out.text(), "demo-MDT0000") }, 10*time.Second, time.Millisecond)
	mu.Lock()
	stuck = true
	mu.Unlock()
	wait := newStory().begin(14, moveStep).tell(0, evenkeel.EventAction, 0, "").tell(0, evenkeel.EventWait, 0, "it is drawn again")
	l.Event(wait.all[2])
	l.Event(wait.all[3])
	require.NotContains(t, out.text(), "it is drawn again")
	mu.Lock()
	stuck = false
	mu.Unlock()
	l.Event(wait.all[3])
	require.Eventually(t, func() bool { return strings.Contains(out.text(), "it is drawn again") }, 10*time.Second, time.Millisecond)
	l.Hide()
}

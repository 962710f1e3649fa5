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

// tube is a terminal that only records.
type tube struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (tu *tube) Write(p []byte) (int, error) {
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

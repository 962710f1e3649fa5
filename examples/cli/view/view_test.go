package view

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

var night = time.Date(2026, 11, 28, 22, 5, 0, 0, time.UTC)

const node1, node2 = "ct6-mds1.lfs.intl", "ct6-mds2.lfs.intl"

// act is an action of a story.
func act(id, title, host string, argv ...string) evenkeel.Action {
	return evenkeel.Action{ID: id, Change: evenkeel.Change{Title: title, Host: host, Limit: 10 * time.Minute,
		Cmd: sshexec.Command(sshexec.Disruptive, argv...)}}
}

var (
	moveStep = &evenkeel.Step{ID: "move", Title: "Move every target to ct6-mds1", Host: node1, Actions: []evenkeel.Action{
		act("standby", "Put ct6-mds2 into standby and disable its targets", node2),
		act("mounted", "Wait until every target is mounted on ct6-mds1", node1),
		act("stop", "Stop the old cluster", node2),
	}}
	downStep = &evenkeel.Step{ID: "down", Title: "Shut ct6-mds2 down", Host: node2, Actions: []evenkeel.Action{
		{ID: "down", Change: evenkeel.Change{Title: "Shut ct6-mds2.lfs.intl down", DropsConnection: true}},
	}}
	installStep = &evenkeel.Step{ID: "install", Title: "Install the new system on ct6-mds2", Host: node2, Actions: []evenkeel.Action{
		{ID: "install", Manual: "Install it.", Change: evenkeel.Change{Title: "Install the new system on ct6-mds2"}},
	}}
	outage = &evenkeel.OpenWindow{Step: "move", Since: night.Add(2 * time.Second), Window: evenkeel.Window{ID: "switch-over",
		Invariant: "served", Reason: "every target stops on node 2 before it starts on node 1", Limit: 10 * time.Minute, Stop: evenkeel.StopAtClose}}
)

// story makes events, each some seconds after the one before.
type story struct {
	now  time.Time
	step *evenkeel.Step
	n    int
	all  []evenkeel.Event
}

func (s *story) tell(after time.Duration, kind evenkeel.EventKind, action int, text string, more ...func(*evenkeel.Event)) *story {
	s.now = s.now.Add(after)
	e := evenkeel.Event{Kind: kind, Time: s.now, Text: text, Step: s.step, Number: s.n, Total: 24, Elapsed: 30*time.Minute + s.now.Sub(night)}
	if action >= 0 {
		e.Action = &s.step.Actions[action]
		e.Host, e.Key = e.Action.Host, s.step.ID+"/"+e.Action.ID
		if e.Host == "" {
			e.Host = s.step.Host
		}
		if text == "" {
			e.Text = e.Action.Title
		}
	}
	for _, f := range more {
		f(&e)
	}
	s.all = append(s.all, e)
	return s
}

func (s *story) begin(n int, step *evenkeel.Step) *story {
	s.n, s.step = n, step
	return s.tell(0, evenkeel.EventStep, -1, step.Title)
}

func saw(serving ...evenkeel.Serving) func(*evenkeel.Event) {
	return func(e *evenkeel.Event) { e.Serving = serving }
}

func on(what, where, home string) evenkeel.Serving {
	s := evenkeel.Serving{What: what, Where: where, State: "mounted", Home: home}
	if where == "" {
		s.State = "not mounted"
	}
	return s
}

func window(w *evenkeel.OpenWindow) func(*evenkeel.Event) {
	return func(e *evenkeel.Event) { e.Window = w }
}

func newStory() *story {
	s := &story{now: night}
	return s.tell(0, evenkeel.EventServing, -1, "", saw(on("MGS", node2, node1), on("demo-MDT0000", node2, node2)))
}

// stories are what goldens hold, each up to a moment.
func stories() map[string]*story {
	running := newStory().begin(14, moveStep).tell(0, evenkeel.EventAction, 0, "")
	opened := newStory().begin(14, moveStep).tell(0, evenkeel.EventAction, 0, "").
		tell(2*time.Second, evenkeel.EventWindow, -1, "switch-over", window(outage)).
		tell(time.Second, evenkeel.EventDone, 0, "").
		tell(0, evenkeel.EventServing, -1, "", saw(on("MGS", node1, node1), on("demo-MDT0000", "", node2))).
		tell(0, evenkeel.EventAction, 1, "").
		tell(4*time.Second, evenkeel.EventWait, 1, "demo-MDT0000 is starting")
	waiting := newStory().begin(14, moveStep).tell(0, evenkeel.EventAction, 1, "").
		tell(2*time.Minute, evenkeel.EventWait, 1, "ct6-mds1.lfs.intl: the host cannot be reached:\n\x1b[2Jno route to host")
	pause := newStory().begin(15, downStep).tell(0, evenkeel.EventAction, 0, "").
		tell(time.Second, evenkeel.EventUnknown, 0, "the connection was lost").
		tell(time.Second, evenkeel.EventDone, 0, "").
		begin(16, installStep).tell(0, evenkeel.EventAction, 0, "").
		tell(0, evenkeel.EventServing, -1, "", saw(on("MGS", node1, node1), on("demo-MDT0000", node1, node2))).
		tell(time.Second, evenkeel.EventWait, 0, "connection refused").
		tell(0, evenkeel.EventAsk, 0, "1. Install CentOS 7 on ct6-mds2.lfs.intl. Do not touch the shared disks.\n"+
			"2. Restore the network with nmtui: host name ct6-mds2.lfs.intl, ring 1 on the direct link.\n3. Add the new host key to known_hosts.").
		tell(22*time.Minute, evenkeel.EventWait, 0, "connection refused")
	failed := newStory().begin(14, moveStep).tell(0, evenkeel.EventAction, 0, "").
		tell(2*time.Second, evenkeel.EventWindow, -1, "switch-over", window(outage)).
		tell(time.Second, evenkeel.EventFailed, 0, "pcs standby: exit status 1: Error: unable to reach the cluster").
		tell(0, evenkeel.EventStopping, -1, "asked to stop: it waits until window switch-over closes: at most 9 m more. Asking once more "+
			"stops at once and leaves that down")
	var list []evenkeel.Serving
	for i := range 64 {
		where := node2
		switch {
		case i == 7:
			where = ""
		case i%9 == 0:
			where = node1
		}
		list = append(list, on(fmt.Sprintf("scratch-OST%04x", i), where, node2))
	}
	large := newStory()
	large.all[0].Serving = list
	large.begin(14, moveStep).tell(0, evenkeel.EventAction, 1, "").tell(3*time.Second, evenkeel.EventWindow, -1, "", window(outage))
	return map[string]*story{"running": running, "waiting": waiting, "window": opened, "pause": pause, "failure": failed, "64-targets": large}
}

// The block at three widths, and the lines of a pipe; no row is wider than the terminal, and colour is all that is lost without colour.
func TestBlock(t *testing.T) {
	for name, s := range stories() {
		var b strings.Builder
		for _, width := range []int{60, 80, 160} {
			m := newModel(Options{Journal: "upgrade.jsonl"})
			fmt.Fprintf(&b, "== %d columns\n", width)
			for _, e := range s.all {
				for _, l := range m.take(e) {
					if l.live {
						continue
					}
					fmt.Fprintln(&b, ansi.Strip(l.rows(width, m.opts.glyphs())))
				}
			}
			require.LessOrEqual(t, len(m.block(width, 8, s.now)), 8, "a low terminal")
			for _, row := range m.block(width, 24, s.now.Add(3*time.Second)) {
				require.LessOrEqual(t, ansi.StringWidth(row), width, row)
				fmt.Fprintln(&b, strings.TrimRight(ansi.Strip(row), " "))
			}
		}
		b.WriteString("== a pipe\n")
		p := NewPlain(&b, Options{})
		for _, e := range s.all {
			p.Event(e)
		}
		require.NotContains(t, b.String(), "\x1b")
		golden.Check(t, name+".txt", b.String())
	}
}

// README shows the block as it is.
func TestReadmeShowsTheBlock(t *testing.T) {
	readme, err := os.ReadFile("../../../README.md")
	require.NoError(t, err)
	page, err := os.ReadFile("testdata/window.txt")
	require.NoError(t, err)
	_, block, _ := strings.Cut(string(page), "== 80 columns\n")
	block, _, _ = strings.Cut(block, "== 160")
	require.Contains(t, string(readme), "```text\n"+block+"```\n")
}

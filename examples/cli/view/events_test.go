package view

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// keys are the names that a type has in JSON.
func keys(t reflect.Type) (names []string) {
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// docs/events.md names every key and every kind, and none that is not there.
func TestEventsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/events.md")
	require.NoError(t, err)
	text, kindsText, _ := strings.Cut(string(page), "## Kinds")
	rows := func(text string) (names []string) {
		for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(text, -1) {
			names = append(names, m[1])
		}
		return names
	}
	require.Equal(t, keys(reflect.TypeFor[Record]()), rows(text))
	for _, key := range append(keys(reflect.TypeFor[WindowRecord]()), keys(reflect.TypeFor[evenkeel.Serving]())...) {
		require.Contains(t, text, "`"+key+"`")
	}
	source, err := os.ReadFile("../../../observer.go")
	require.NoError(t, err)
	var kinds []string
	for _, m := range regexp.MustCompile(`(?m)^\s+Event\w+ +EventKind = "([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
		kinds = append(kinds, m[1])
	}
	require.NotEmpty(t, kinds)
	require.ElementsMatch(t, kinds, rows(kindsText))
	for _, key := range []string{"v", "time", "kind", "elapsed_seconds"} {
		require.Contains(t, firstLine(t, evenkeel.Event{Kind: evenkeel.EventLease}), `"`+key+`":`)
	}
}

func firstLine(t *testing.T, e evenkeel.Event) string {
	t.Helper()
	var b strings.Builder
	NewEvents(&b).Event(e)
	return b.String()
}

// Each event is a line that reads back as what it was; what says nothing new is left out.
func TestEventsAreLines(t *testing.T) {
	var b strings.Builder
	j := NewEvents(&b)
	pause := stories()["pause"]
	for _, e := range pause.all {
		j.Event(e)
	}
	again := pause.all[0]
	again.Time = pause.now
	j.Event(again) // MGS has moved since
	j.Event(again)
	running := evenkeel.Event{Kind: evenkeel.EventRunning, Time: pause.now.Add(59 * time.Second)}
	j.Event(running)
	running.Time = running.Time.Add(2 * time.Second)
	j.Event(running)
	require.NoError(t, j.Err())
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	require.Len(t, lines, len(pause.all)+2)
	for i, e := range pause.all {
		var r Record
		require.NoError(t, json.Unmarshal([]byte(lines[i]), &r))
		require.Equal(t, EventVersion, r.Version)
		require.Equal(t, e.Kind, r.Kind)
		require.Equal(t, e.Text, r.Text)
		require.True(t, e.Time.Equal(r.Time))
		require.Equal(t, e.Serving, r.Serving)
		require.Equal(t, e.Kind == evenkeel.EventUnknown, r.Planned)
		require.Equal(t, e.Host, r.Host)
	}
	var opened Record
	require.NoError(t, json.Unmarshal([]byte(firstLine(t, evenkeel.Event{Kind: evenkeel.EventWindow, Window: outage})), &opened))
	require.Equal(t, &WindowRecord{"switch-over", "served", outage.Reason, evenkeel.StopAtClose, "move", outage.Since, 600}, opened.Window)
}

type fullDisk struct{ room int }

func (f *fullDisk) Write(p []byte) (int, error) {
	if f.room--; f.room < 0 {
		return 0, errors.New("no room")
	}
	return len(p), nil
}

// After a line that could not be written there is none, so that the file ends with whole ones.
func TestEventsThatCannotBeWritten(t *testing.T) {
	disk := &fullDisk{room: 1}
	j := NewEvents(disk)
	j.Event(evenkeel.Event{Kind: evenkeel.EventLease})
	require.NoError(t, j.Err())
	j.Event(evenkeel.Event{Kind: evenkeel.EventLease})
	require.ErrorContains(t, j.Err(), "no room")
	disk.room = 5
	j.Event(evenkeel.Event{Kind: evenkeel.EventLease})
	require.Equal(t, 5, disk.room, "nothing is written after a line that is cut")
}

// hurried is a clock that nobody waits for.
type hurried struct {
	mu  sync.Mutex
	now time.Time
}

func (c *hurried) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *hurried) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return ctx.Err()
}

// canary is a secret that every command prints.
const canary = "canary-Zk93!x"

// Whatever shows a run shows no secret of its runbook, be it in what a machine prints, in a title, in a window or in what was seen to serve.
func TestNoSecretIsShown(t *testing.T) {
	leaks := func(context.Context, sshexec.Cmd) (sshexec.Result, error) {
		return sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte("the password is " + canary)}, nil
	}
	rb := &evenkeel.Runbook{Name: "canary", Title: "A test", Secrets: []sshexec.Secret{canary},
		Invariants: []evenkeel.Invariant{{ID: "up", Title: "It is up.", Check: func(ctx context.Context, at evenkeel.Site) error {
			res, err := at.Run(ctx, "h", sshexec.Command(sshexec.ReadOnly, "look"))
			at.Saw(evenkeel.Serving{What: "it", Where: "h", State: res.Text()})
			return err
		}}},
		Steps: []evenkeel.Step{{ID: "s", Title: "Change it", Host: "h", Harmless: "It is a test.", Closes: []string{"w"},
			Opens: []evenkeel.Window{{ID: "w", Invariant: "up", Reason: "it moves", Limit: time.Hour, Stop: evenkeel.StopAtClose}},
			Actions: []evenkeel.Action{
				{ID: "change", Change: evenkeel.Change{Title: "Change it", Repeat: evenkeel.Idempotent, Cmd: sshexec.Command(sshexec.Mutating, "change"),
					Expect: evenkeel.Expect{Text: "it tells", Tell: func(o evenkeel.Observed) []string { return []string{o.Text()} }}}},
				{ID: "fail", Change: evenkeel.Change{Title: "Look at it", Cmd: sshexec.Command(sshexec.ReadOnly, "look"), Limit: time.Second,
					Expect: evenkeel.Expect{Text: "it is well", Check: func(o evenkeel.Observed) error { return evenkeel.NotYet(time.Second, "%s", o.Text()) }}}},
			}}}}
	machine := sshexec.WithSimLease("h", &sshexec.SimLease{}, sshexec.RunnerFunc(leaks))
	var lines, shown strings.Builder
	seen := map[evenkeel.EventKind]bool{}
	events, plain := NewEvents(&lines), NewPlain(&shown, Options{Verbose: true})
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": machine}, evenkeel.Options{
		Journal: &evenkeel.MemJournal{}, Clock: &hurried{now: night}, LeasePath: "/lease", Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
			seen[e.Kind] = true
			events.Event(e)
			plain.Event(e)
		})})
	require.Error(t, err)
	for _, kind := range []evenkeel.EventKind{evenkeel.EventServing, evenkeel.EventWait, evenkeel.EventFailed, evenkeel.EventWindow, evenkeel.EventNote} {
		require.True(t, seen[kind], "%s: %v", kind, err)
	}
	require.Contains(t, shown.String(), "the password is")
	require.NotContains(t, lines.String()+shown.String()+plain.Serving(), canary)
}

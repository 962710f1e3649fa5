package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// A wait is told once, whatever differs in its text, until another thing is waited for.
func TestAWaitIsToldOnce(t *testing.T) {
	var out strings.Builder
	p := &progress{w: &out, serving: func() string { return "" }}
	a := &evenkeel.Action{ID: "back"}
	for _, e := range []struct {
		key, text string
		kind      evenkeel.EventKind
	}{
		{"s/back", "port 40001", evenkeel.EventWait}, {"s/back", "port 40002", evenkeel.EventWait},
		{"s/back", "do it", evenkeel.EventAsk}, {"s/back", "port 40003", evenkeel.EventWait},
		{"s/back", "do it now", evenkeel.EventAsk}, {"s/back/lost", "port 40004", evenkeel.EventWait},
		{"s/back", "port 40005", evenkeel.EventWait},
	} {
		p.Event(evenkeel.Event{Kind: e.kind, Action: a, Key: e.key, Text: e.text})
	}
	require.Equal(t, 1, strings.Count(out.String(), "BY HAND"), out.String())
	require.Equal(t, 3, strings.Count(out.String(), "waiting"), out.String())
	require.Contains(t, out.String(), "port 40001")
	require.Contains(t, out.String(), "port 40004")
	require.Contains(t, out.String(), "port 40005")
}

// What the operator should know although all was well is told when it is seen, and again at the end.
func TestANoteIsTold(t *testing.T) {
	var out strings.Builder
	p := &progress{w: &out, serving: func() string { return "" }}
	p.Event(evenkeel.Event{Kind: evenkeel.EventNote, Action: &evenkeel.Action{ID: "recovered"}, Text: "1 client was evicted"})
	require.Contains(t, out.String(), "i NOTE: 1 client was evicted\n")
	out.Reset()
	st := &evenkeel.State{Notes: []evenkeel.Note{{Step: "s", Action: "a", Text: "two\nlines"}},
		Rollback: &evenkeel.State{Notes: []evenkeel.Note{{Step: "undo-s", Action: "b", Text: "more"}}}}
	notes(&out, st)
	require.Equal(t, "note of s/a: two lines\nnote of undo-s/b: more\n", out.String())
}

func TestAPlanWithoutAConfigurationSaysSo(t *testing.T) {
	require.Contains(t, exampleBanner("text", ""), "built-in example")
	require.True(t, strings.HasPrefix(exampleBanner("markdown", ""), "> **This is the plan of the built-in example"))
	require.Contains(t, exampleBanner("text", "d"), "--dir")
}

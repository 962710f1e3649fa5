package evenkeel_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

func ids(rb *evenkeel.Runbook) string {
	var list []string
	for _, s := range rb.Steps {
		list = append(list, s.ID)
	}
	return strings.Join(list, " ")
}

func TestStepsAreComposed(t *testing.T) {
	step := func(id string) evenkeel.Step { return evenkeel.Step{ID: id, Title: "new " + id} }
	for _, tc := range []struct {
		name string
		do   func(*evenkeel.Runbook) error
		want string // the IDs, or the error
	}{
		{"insert in the middle", func(rb *evenkeel.Runbook) error { return rb.Insert("stop", step("a"), step("b")) }, "check stop a b start"},
		{"insert at the beginning", func(rb *evenkeel.Runbook) error { return rb.Insert("", step("a")) }, "a check stop start"},
		{"insert at the end", func(rb *evenkeel.Runbook) error { return rb.Insert("start", step("a")) }, "check stop start a"},
		{"insert nothing", func(rb *evenkeel.Runbook) error { return rb.Insert("start") }, "check stop start"},
		{"insert behind nobody", func(rb *evenkeel.Runbook) error { return rb.Insert("starts", step("a")) },
			`there is no step "starts"; the nearest is "start"`},
		{"insert what is there", func(rb *evenkeel.Runbook) error { return rb.Insert("start", step("stop")) },
			`two steps would have the ID "stop" (stop; new stop): each needs one of its own`},
		{"insert one twice", func(rb *evenkeel.Runbook) error { return rb.Insert("start", step("a"), step("a")) },
			`two steps would have the ID "a" (new a; new a): each needs one of its own`},
		{"insert one without an ID", func(rb *evenkeel.Runbook) error { return rb.Insert("start", step("")) },
			`the step "new " has no ID: it needs one of its own`},
		{"replace", func(rb *evenkeel.Runbook) error { return rb.Replace("stop", step("stop")) }, "check stop start"},
		{"replace by another ID", func(rb *evenkeel.Runbook) error { return rb.Replace("stop", step("halt")) }, "check halt start"},
		{"replace the first", func(rb *evenkeel.Runbook) error { return rb.Replace("check", step("a")) }, "a stop start"},
		{"replace the last", func(rb *evenkeel.Runbook) error { return rb.Replace("start", step("a")) }, "check stop a"},
		{"replace by one that is there", func(rb *evenkeel.Runbook) error { return rb.Replace("stop", step("start")) },
			`two steps would have the ID "start" (new start; start): each needs one of its own`},
		{"replace nobody", func(rb *evenkeel.Runbook) error { return rb.Replace("Check", step("a")) },
			`there is no step "Check"; the nearest is "check"`},
		{"remove", func(rb *evenkeel.Runbook) error { return rb.Remove("stop") }, "check start"},
		{"remove the last", func(rb *evenkeel.Runbook) error { return rb.Remove("start") }, "check stop"},
		{"remove nobody", func(rb *evenkeel.Runbook) error { return rb.Remove("stopp") }, `there is no step "stopp"; the nearest is "stop"`},
		{"remove without an ID", func(rb *evenkeel.Runbook) error { return rb.Remove("") }, `there is no step ""; the nearest is "stop"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rb := parseRunbook(t, "check[r.read] stop[a.safe] start[b.safe]")
			rb.Steps = slices.Grow(rb.Steps, 10) // what is put in must not go into the room behind, which a copy shares
			shared := *rb
			before := slices.Clone(rb.Steps)
			if err := tc.do(rb); err != nil {
				require.EqualError(t, err, tc.want)
				require.Equal(t, "check stop start", ids(rb), "nothing is changed")
			} else {
				require.Equal(t, tc.want, ids(rb))
			}
			require.Equal(t, before, shared.Steps, "a copy of the runbook is left alone")
			require.Empty(t, shared.Steps[:4][3].ID)
		})
	}
	err := (&evenkeel.Runbook{}).Remove("a")
	var unknown *evenkeel.UnknownStepError
	require.ErrorAs(t, err, &unknown)
	require.EqualError(t, err, `there is no step "a": the runbook has no steps`)
}

func TestAStepIsFoundByItsID(t *testing.T) {
	rb := parseRunbook(t, "check[r.read] stop[a.safe]")
	s, ok := rb.Step("stop")
	require.True(t, ok)
	require.Equal(t, rb.Steps[1], s)
	_, ok = rb.Step("Stop")
	require.False(t, ok)
}

func TestValidateTellsWhatAChangeBreaks(t *testing.T) {
	book := func() *evenkeel.Runbook {
		rb := factBook()
		rb.Invariants = []evenkeel.Invariant{{ID: "x", Check: func(context.Context, evenkeel.Site) error { return nil }}}
		rb.Steps[0].Opens = []evenkeel.Window{{ID: "w", Invariant: "x", Reason: "r", Limit: time.Hour, Stop: evenkeel.StopAtClose}}
		rb.Steps[1].Closes = []string{"w"}
		require.NoError(t, rb.Validate())
		return rb
	}
	rb := book()
	require.NoError(t, rb.Remove("s2"))
	require.ErrorContains(t, rb.Validate(), "window w is never closed")

	rb = book()
	require.NoError(t, rb.Remove("s1"))
	require.ErrorContains(t, rb.Validate(), "needs fact archive.set-1, which no earlier step makes")
	require.ErrorContains(t, rb.Validate(), "closes window w, which is not open")

	rb = book()
	digest := rb.Digest()
	require.NoError(t, rb.Insert("s1", parseRunbook(t, "own[c.safe]").Steps...))
	require.NoError(t, rb.Validate())
	require.NotEqual(t, digest, rb.Digest(), "what was signed is another one")
}

// A site adds a look of its own before the restart, and leaves the report out.
func ExampleRunbook_Insert() {
	rb := &evenkeel.Runbook{Name: "restart", Title: "Restart the agent", Steps: []evenkeel.Step{
		{ID: "restart", Title: "Restart it", Host: "oss1", Harmless: "it runs again", Actions: []evenkeel.Action{{
			ID: "restart",
			Change: evenkeel.Change{
				Title: "Restart the agent", Repeat: evenkeel.Idempotent,
				Cmd: sshexec.Command(sshexec.Disruptive, "systemctl", "restart", "chroma-agent"),
			},
		}}},
		{ID: "report", Title: "Report",
			Actions: []evenkeel.Action{{ID: "mail", Manual: "Tell the users.", Change: evenkeel.Change{Title: "Report"}}}},
	}}
	quiet := evenkeel.Step{ID: "quiet", Title: "See that nobody works", Host: "oss1", Actions: []evenkeel.Action{{
		ID: "who",
		Change: evenkeel.Change{
			Title: "Nobody is logged in", Cmd: sshexec.Command(sshexec.ReadOnly, "who"),
		},
	}}}
	fmt.Println(rb.Insert("", quiet), rb.Remove("report"))
	fmt.Println(rb.Remove("quite"))
	for _, s := range rb.Steps {
		fmt.Println(s.ID, s.Title)
	}
	fmt.Println(rb.Validate())
	// Output:
	// <nil> <nil>
	// there is no step "quite"; the nearest is "quiet"
	// quiet See that nobody works
	// restart Restart it
	// <nil>
}

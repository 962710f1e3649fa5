package change_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// What internal/mutate found nobody to miss in facts, sites and documents.

type chain struct {
	Name string
	Next *chain
}

type locked struct{ Key sshexec.Secret }

func TestNamesAndTypesOfFacts(t *testing.T) {
	for _, name := range []string{"", "a b", "⟪a", "a⟫", "a\tb", "a\nb"} {
		require.Panics(t, func() { change.NewFact[int](name, "d") }, name)
	}
	require.NotPanics(t, func() { change.NewFact[chain]("chain", "a type that holds itself") })
	require.Panics(t, func() { change.NewFact[locked]("locked", "a field is a secret") })
}

func TestAFactIsMadeAndRead(t *testing.T) {
	fact := change.NewFact[int]("the.version-2", "a version")
	torn := errors.New("torn")
	made := fact.From(func(o change.Observed) (int, error) { return 7, torn })
	v, err := made.Read(change.Observed{})
	require.Equal(t, 7, v)
	require.ErrorIs(t, err, torn)
	require.Equal(t, "echo 7", made.Typed("echo 7").Script)

	_, err = fact.Get(change.Facts{})
	require.EqualError(t, err, "fact the.version-2 (a version) is not known yet")
	_, err = fact.Get(change.Facts{"the.version-2": []byte(`"x"`)})
	require.ErrorContains(t, err, "cannot read")
	n, err := fact.Get(change.Facts{"the.version-2": []byte("7")})
	require.NoError(t, err)
	require.Equal(t, 7, n)

	require.Equal(t, "THE_VERSION_2", fact.Variable())
	require.Equal(t, "AZ_AZ_09____", change.Variable("az{AZ[09@`/:"))
}

func TestReferencesToFacts(t *testing.T) {
	require.Equal(t, []string{"a", "b"}, change.Refs("x ⟪a⟫⟪b⟫ y"))
	require.Equal(t, []string{"a"}, change.Refs("⟪a⟫ ⟪b"))
	require.Empty(t, change.Refs("none"))
	require.Equal(t, []string{"a", "b"}, change.CmdRefs(sshexec.Command(sshexec.ReadOnly, "cat", "⟪a⟫", "-", "⟪b⟫")))
	got, err := change.Facts{"a": []byte("1")}.Expand("⟪a⟫ and ⟪b")
	require.NoError(t, err, "what is not closed is no reference")
	require.Equal(t, "1 and ⟪b", got)
	facts := change.Facts{"a": nil, "c": nil}
	require.Equal(t, "b", facts.Missing([]string{"a", "b", "c"}))
	require.Empty(t, facts.Missing([]string{"a", "c"}))
}

func TestWordsOfAProbe(t *testing.T) {
	require.Equal(t, "partial", change.Partial.String())
	require.Equal(t, "done", change.Done.String())
	require.Equal(t, "probe result 4", change.ProbeResult(4).String())
	require.Equal(t, "what it does", change.Change{Op: &change.Op{Text: "what it does"}}.String())
	require.Equal(t, "reboot", change.Change{Cmd: sshexec.Command(sshexec.Disruptive, "reboot")}.String())

	// Silence says nothing to a probe that gives it no meaning: it looks again.
	found, err := (&change.Probe{}).Judge(change.Observed{}, &sshexec.CommandError{Outcome: sshexec.NotStarted})
	require.Equal(t, change.Inconclusive, found)
	var again *change.Retry
	require.ErrorAs(t, err, &again)
}

func TestASiteReachesWhatItIsGiven(t *testing.T) {
	silent := errors.New("no such host")
	at := change.Over(func(h string) (sshexec.Runner, error) {
		if h != "h" {
			return nil, silent
		}
		return sshexec.RunnerFunc(fine), nil
	}, nil)
	require.False(t, at.Now.IsZero(), "the clock is the machine's")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, at.Sleep(ctx, time.Hour), context.Canceled)
	res, err := at.Runner("h").Run(t.Context(), sshexec.Cmd{})
	require.NoError(t, err)
	require.Equal(t, sshexec.Exited, res.Outcome)
	_, err = at.Run(t.Context(), "other", sshexec.Cmd{})
	require.ErrorIs(t, err, silent)

	at.Saw(change.Serving{What: "nobody listens"})
	var told [][]change.Serving
	at.Tell = func(s []change.Serving) { told = append(told, s) }
	at.Saw()
	at.Saw(change.Serving{What: "t"})
	require.Equal(t, [][]change.Serving{{{What: "t"}}}, told)

	on := change.On("b", sshexec.Command(sshexec.Mutating, "x"))
	require.Equal(t, "x", on[0].Cmd.String())
	require.Equal(t, "b", on[0].At("a"))
	require.Equal(t, "a", change.Here(on[0].Cmd)[0].At("a"))
}

func TestServersOfAnOperation(t *testing.T) {
	doc := change.Doc{Effect: sshexec.Mutating, Text: "{}"}
	op := &change.Op{
		Reads: []change.Endpoint{{Address: "s:1"}},
		Docs:  []change.OpDoc{{Doc: doc, To: []change.Endpoint{{Address: "s:2"}, {Host: "b", Address: "s:3"}}}},
	}
	require.Equal(t, []change.Endpoint{{Host: "a", Address: "s:1"}, {Host: "a", Address: "s:2"}, {Host: "b", Address: "s:3"}}, op.Servers("a"))
	require.True(t, op.Sends("a", change.Endpoint{Host: "a", Address: "s:2"}, doc))
	require.True(t, op.Sends("a", change.Endpoint{Host: "b", Address: "s:3"}, doc))
	require.False(t, op.Sends("a", change.Endpoint{Host: "a", Address: "s:3"}, doc))
	require.False(t, op.Sends("a", change.Endpoint{Host: "a", Address: "s:2"}, change.Doc{Effect: sshexec.Mutating, Text: "{ }"}))
	require.False(t, op.Sends("a", change.Endpoint{Host: "a", Address: "s:1"}, doc))

	_, err := change.Site{}.Dial(t.Context(), "h", "s:1")
	require.ErrorIs(t, err, change.ErrNoDialer)
	refused := errors.New("refused")
	_, err = change.Site{Connect: func(_ context.Context, host, address string) (change.Conn, error) {
		require.Equal(t, "h s:1", host+" "+address)
		return nil, refused
	}}.Dial(t.Context(), "h", "s:1")
	require.ErrorIs(t, err, refused)
}

package evenkeel_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

func TestBuilders(t *testing.T) {
	look := evenkeel.Look("id", "Title", "a", "b")
	plain := evenkeel.Action{ID: "id", Change: evenkeel.Change{Title: "Title", Cmd: sshexec.Command(sshexec.ReadOnly, "a", "b")}}
	mended := func(mend func(*evenkeel.Action)) evenkeel.Action {
		a := plain
		mend(&a)
		return a
	}
	probe := evenkeel.Probe{Cmd: sshexec.Command(sshexec.ReadOnly, "p"), Text: "its effect"}
	for _, tc := range []struct {
		name      string
		got, want evenkeel.Action
	}{
		{"look", look, plain},
		{"do", evenkeel.Do("id", "Title", "a", "b"), mended(func(a *evenkeel.Action) {
			a.Cmd.Effect, a.Repeat = evenkeel.Mutating, evenkeel.Idempotent
		})},
		{"disrupt", evenkeel.Disrupt("id", "Title", "a", "b"), mended(func(a *evenkeel.Action) {
			a.Cmd.Effect, a.Repeat = evenkeel.Disruptive, evenkeel.Idempotent
		})},
		{"by hand", evenkeel.ByHand("id", "Title", "Say so."),
			evenkeel.Action{ID: "id", Manual: "Say so.", Change: evenkeel.Change{Title: "Title"}}},
		{"on", look.On("h"), mended(func(a *evenkeel.Action) { a.Host = "h" })},
		{"from", look.From("lustre:882"), mended(func(a *evenkeel.Action) { a.Ref = "lustre:882" })},
		{"noting", look.Noting("careful"), mended(func(a *evenkeel.Action) { a.Note = "careful" })},
		{"waiting", look.Waiting(time.Hour), mended(func(a *evenkeel.Action) { a.Limit = time.Hour })},
		{"timeout", look.Timeout(time.Hour), mended(func(a *evenkeel.Action) { a.Cmd.Timeout = time.Hour })},
		{"expecting", look.Expecting("x", nil), mended(func(a *evenkeel.Action) { a.Expect.Text = "x" })},
		{"until", look.Until(time.Hour, "x", nil), mended(func(a *evenkeel.Action) { a.Expect.Text, a.Limit = "x", time.Hour })},
		{"guarding", look.AsPrecondition(), mended(func(a *evenkeel.Action) { a.Precondition = true })},
		{"probed", look.Probed(probe), mended(func(a *evenkeel.Action) { a.Repeat, a.Probe = evenkeel.ProbeFirst, &probe })},
		{"once", look.Once(probe), mended(func(a *evenkeel.Action) { a.Repeat, a.Probe = evenkeel.Never, &probe })},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, tc.got) })
	}
	require.Equal(t, plain, look, "what was changed is a copy")
	check := evenkeel.Says("x")
	require.NoError(t, look.Expecting("x", check).Expect.Check(said(0, "x")))
	require.Error(t, look.Until(time.Hour, "x", check).Expect.Check(said(0, "y")))
	a, b := look.Probed(probe), look.Probed(probe)
	require.NotSame(t, a.Probe, b.Probe, "each has a probe of its own")
}

// said is what a command showed.
func said(code int, text string) evenkeel.Observed {
	return evenkeel.Observed{Result: sshexec.Result{Outcome: sshexec.Exited, ExitCode: code, Stdout: []byte(text),
		Stderr: []byte("1\n2\n3\n4\n5\n6\n")}}
}

func TestChecks(t *testing.T) {
	cut := said(0, "active")
	cut.Truncated = true
	for _, tc := range []struct {
		name  string
		check func(evenkeel.Observed) error
		saw   evenkeel.Observed
		want  string
	}{
		{"says", evenkeel.Says("active"), said(0, "active\n"), ""},
		{"says one of them", evenkeel.Says("active", "reloading"), said(0, "reloading"), ""},
		{"says something else", evenkeel.Says("active", "reloading"), said(0, "inactive"), `it says "inactive", not "active" or "reloading"`},
		{"says it and fails", evenkeel.Says("active"), said(3, "active"), "exit status 3: 2\n3\n4\n5\n6"},
		{"says it and was cut off", evenkeel.Says("active"), cut, "its output is too long, and was cut off"},
		{"contains", evenkeel.Contains("act"), said(0, "inactive"), ""},
		{"contains it not", evenkeel.Contains("off"), said(0, "inactive"), `it does not say "off": "inactive"`},
		{"contains it and fails", evenkeel.Contains("act"), said(1, "inactive"), "exit status 1"},
		{"contains it and was cut off", evenkeel.Contains("act"), cut, "was cut off"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.check(tc.saw)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestExitProbe(t *testing.T) {
	p := evenkeel.ExitProbe("the mark is there", sshexec.Command(sshexec.ReadOnly, "test", "-e", "/mark"))
	require.Equal(t, "the mark is there", p.Text)
	require.Equal(t, []evenkeel.Block{{Script: "test -e /mark && echo it ran", Shows: []string{"it ran"}}}, p.Paper)
	for code, want := range map[int]evenkeel.ProbeResult{0: evenkeel.Done, 1: evenkeel.NotRun, 2: evenkeel.Inconclusive,
		255: evenkeel.Inconclusive} {
		got, err := p.Read(said(code, ""))
		require.Equal(t, want, got)
		require.Equal(t, code > 1, err != nil, "exit status %d", code)
	}
}

// The words from which a step is put together.
func ExampleLook() {
	mark := sshexec.Command(sshexec.ReadOnly, "test", "-e", "/var/lib/agent/upgraded")
	rb := &evenkeel.Runbook{Name: "agent", Title: "Upgrade the agent", Steps: []evenkeel.Step{{
		ID: "agent", Title: "Upgrade it", Host: "oss1", Irreversible: "the agent writes its files in the new form",
		Actions: []evenkeel.Action{
			evenkeel.Look("peer", "The other half serves", "systemctl", "is-active", "lustre").On("oss2").
				Expecting("active", evenkeel.Says("active")).AsPrecondition(),
			evenkeel.Do("package", "Install the new agent", "yum", "-y", "install", "agent").From("site:12"),
			evenkeel.Disrupt("upgrade", "Let it take its files over", "agent", "--upgrade").Once(evenkeel.ExitProbe("the mark is there", mark)),
		},
		Verify: []evenkeel.Action{
			evenkeel.Look("ready", "It is ready", "agent", "--status").Until(5*time.Minute, "ready", func(o evenkeel.Observed) error {
				if !strings.Contains(o.Text(), "ready") {
					return evenkeel.NotYet(0, "it says %q", o.Text())
				}
				return nil
			}),
		},
	}}}
	fmt.Println(rb.Validate())
	var text strings.Builder
	if err := rb.Text(&text); err != nil {
		fmt.Println(err)
	}
	_, steps, _ := strings.Cut(text.String(), "Carried out by\n") // the chapters before it are for who signs
	fmt.Print(steps)
	// Output:
	// <nil>
	//
	//  1  agent                    Upgrade it
	//       oss2: systemctl is-active lustre
	//     + oss1: yum -y install agent
	//     ! oss1: agent --upgrade
	//       verify: oss1: agent --status
}

// switched is a change with a switch that a file shows: what it needs, what it does, and what proves it.
func switched() evenkeel.Change {
	shows := func(what string) evenkeel.Proof {
		return evenkeel.Proof{Host: "n1", Cmd: sshexec.Command(sshexec.ReadOnly, "cat", what), Text: what + " says on",
			Check: func(o evenkeel.Observed) error {
				if o.Text() != "on" {
					return evenkeel.NotYet(0, "%s says %q", what, o.Text())
				}
				return nil
			}}
	}
	return evenkeel.Change{
		Title: "Switch it on", Host: "n1", Cmd: sshexec.Command(sshexec.Mutating, "switch"), Repeat: evenkeel.ProbeFirst, Limit: time.Minute,
		Needs: []evenkeel.Proof{shows("power")}, Proof: []evenkeel.Proof{shows("stored"), shows("lamp")},
	}
}

// The actions of a change look at all that belongs to it, and the runbook that has the change alone is refused: nobody would look.
func TestActionsOfAChange(t *testing.T) {
	list := evenkeel.Actions("on", switched())
	var ids []string
	for _, a := range list {
		ids = append(ids, a.ID)
		require.Empty(t, a.Needs)
		require.Empty(t, a.Proof)
	}
	require.Equal(t, []string{"on-needs-1", "on", "on-proof-1", "on-proof-2"}, ids)
	require.False(t, list[0].Precondition, "the change makes some of it false")
	require.Equal(t, time.Minute, list[1].Cmd.Timeout)
	require.Equal(t, time.Minute, list[1].Probe.Settle)
	require.Equal(t, time.Minute, list[3].Limit)
	require.Equal(t, "stored says on", list[1].Probe.Text)

	off := evenkeel.Observed{Result: sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte("off\n")}}
	var later *evenkeel.Retry
	require.ErrorAs(t, list[2].Expect.Check(off), &later, "a proof is waited for")
	err := list[0].Expect.Check(off)
	require.ErrorContains(t, err, `power says "off"`)
	require.NotErrorAs(t, err, &later, "what is needed is not waited for")
	result, err := list[1].Probe.Read(off)
	require.NoError(t, err)
	require.Equal(t, evenkeel.NotRun, result)

	rb := &evenkeel.Runbook{Name: "x", Version: "1", Steps: []evenkeel.Step{{ID: "s", Title: "S", Host: "n1", Harmless: "h", Actions: list}}}
	require.NoError(t, rb.Validate())
	rb.Steps[0].Actions = []evenkeel.Action{{ID: "on", Change: switched()}}
	require.ErrorContains(t, rb.Validate(), "has needs or proofs, which an action does not look for")

	same := switched()
	same.Repeat = evenkeel.Idempotent
	require.Nil(t, evenkeel.Actions("on", same)[1].Probe, "it may simply run again")
}

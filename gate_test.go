package evenkeel_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// recorder is a machine that notes what reaches it.
type recorder struct{ got []sshexec.Cmd }

func (r *recorder) Run(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
	r.got = append(r.got, cmd)
	return sshexec.Result{Outcome: sshexec.Exited}, nil
}

func gateBook(declared []evenkeel.OpCmd, do func(context.Context, evenkeel.Site) (sshexec.Result, error)) *evenkeel.Runbook {
	return &evenkeel.Runbook{Name: "gate", Steps: []evenkeel.Step{{ID: "s", Host: "a", Irreversible: "a test", Actions: []evenkeel.Action{{
		ID: "op", Paper: inOrder(declared),
		Change: evenkeel.Change{
			Repeat: evenkeel.Idempotent, Op: &evenkeel.Op{Effect: evenkeel.Mutating, Text: "it", Cmds: declared, Do: do},
		},
	}}}}}
}

// inOrder shows commands as they stand.
func inOrder(cmds []evenkeel.OpCmd) []evenkeel.Block {
	blocks := make([]evenkeel.Block, len(cmds))
	for i, c := range cmds {
		blocks[i] = evenkeel.Block{Host: c.Host, Cmd: c.Cmd}
	}
	return blocks
}

// What was reviewed for one host and one user does not run on another host, or as another user.
func TestTheGateComparesHostAndUser(t *testing.T) {
	plain := sshexec.Command(sshexec.Mutating, "do", "x")
	root, postgres, explicit := plain, plain, plain
	root.Sudo, postgres.Sudo, explicit.Sudo = &sshexec.Sudo{}, &sshexec.Sudo{User: "postgres"}, &sshexec.Sudo{User: "root"}
	inDir, withEnv := plain, plain
	inDir.Dir, withEnv.Env = "/srv", []string{"LANG=C"}
	for name, tc := range map[string]struct {
		declared []evenkeel.OpCmd
		host     string
		cmd      sshexec.Cmd
		ok       bool
	}{
		"as declared":                  {evenkeel.Here(plain), "a", plain, true},
		"on another host":              {evenkeel.Here(plain), "b", plain, false},
		"declared for another host":    {evenkeel.On("b", plain), "b", plain, true},
		"declared for the other only":  {evenkeel.On("b", plain), "a", plain, false},
		"as root":                      {evenkeel.Here(plain), "a", root, false},
		"as the login user":            {evenkeel.Here(root), "a", plain, false},
		"as another user":              {evenkeel.Here(root), "a", postgres, false},
		"root by default and by name":  {evenkeel.Here(root), "a", explicit, true},
		"the user that was declared":   {evenkeel.Here(postgres), "a", postgres, true},
		"in another directory":         {evenkeel.Here(plain), "a", inDir, false},
		"in the directory declared":    {evenkeel.Here(inDir), "a", inDir, true},
		"in another environment":       {evenkeel.Here(plain), "a", withEnv, false},
		"in the environment declared":  {evenkeel.Here(withEnv), "a", withEnv, true},
		"one of two declared commands": {append(evenkeel.Here(plain), evenkeel.On("b", root)...), "b", root, true},
		"each only on its own host":    {append(evenkeel.Here(plain), evenkeel.On("b", root)...), "a", root, false},
	} {
		t.Run(name, func(t *testing.T) {
			rb := gateBook(tc.declared, func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				return at.Run(ctx, tc.host, tc.cmd)
			})
			r := &recorder{}
			_, err := evenkeel.Run(t.Context(), rb, leasable(evenkeel.HostMap{"a": r, "b": r}),
				evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
			var changed []string
			for _, c := range r.got {
				if strings.HasSuffix(c.String(), "do x") && c.Effect != sshexec.ReadOnly {
					changed = append(changed, c.String())
				}
			}
			if tc.ok {
				require.NoError(t, err)
				require.Len(t, changed, 1)
				return
			}
			require.ErrorIs(t, err, evenkeel.ErrNotInPlan)
			require.ErrorContains(t, err, "on "+tc.host+": ")
			require.Empty(t, changed)
		})
	}
}

// A command on another host, or as another user, is another runbook, and is shown.
func TestHostAndUserAreSignedAndShown(t *testing.T) {
	plain := sshexec.Command(sshexec.Mutating, "do", "x")
	root := plain
	root.Sudo = &sshexec.Sudo{User: "postgres"}
	nothing := func(context.Context, evenkeel.Site) (sshexec.Result, error) { return sshexec.Result{}, nil }
	here, there, as := gateBook(evenkeel.Here(plain), nothing), gateBook(evenkeel.On("b", plain), nothing),
		gateBook(evenkeel.Here(root), nothing)
	require.NotEqual(t, here.Digest(), there.Digest())
	require.NotEqual(t, here.Digest(), as.Digest())
	require.Equal(t, here.Digest(), gateBook(evenkeel.On("a", plain), nothing).Digest(), "the action's host by name")
	for rb, want := range map[*evenkeel.Runbook]string{there: "On `b`:", as: "sudo -u postgres -- do x"} {
		var b strings.Builder
		require.NoError(t, rb.Markdown(&b))
		require.Contains(t, b.String(), want)
	}
	command := gateBook(nil, nil)
	command.Steps[0].Actions[0].Op, command.Steps[0].Actions[0].Cmd = nil, plain
	before := command.Digest()
	command.Steps[0].Actions[0].Cmd = root
	require.NotEqual(t, before, command.Digest())
}

// A command that is declared for the whole cluster is one, whatever the operation says when it sends it.
func TestAWideCommandIsWideAsDeclared(t *testing.T) {
	wide := sshexec.Command(sshexec.Mutating, "do", "x")
	wide.Wide = true
	rb := gateBook(evenkeel.Here(wide), func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
		return at.Run(ctx, at.Host, sshexec.Command(sshexec.Mutating, "do", "x"))
	})
	rb.LeaseHosts = []string{"b"}
	p := newPark("a", "b")
	opts := options(&evenkeel.MemJournal{}, "A")
	opts.Observer = evenkeel.ObserverFunc(func(e evenkeel.Event) {
		if e.Kind == evenkeel.EventAction {
			p.machines["b"].Lines[evenkeel.LeasePath] = "taken over"
		}
	})
	_, err := evenkeel.Run(t.Context(), rb, p.as("A"), opts)
	require.ErrorAs(t, err, new(*evenkeel.LeaseLostError))
	require.Empty(t, p.log)
}

// A change has the time that it takes: only its author knows a limit for it.
func TestAChangeIsNotBounded(t *testing.T) {
	change := sshexec.Command(sshexec.Mutating, "do", "x")
	rb := gateBook(evenkeel.Here(change), func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
		return at.Run(ctx, at.Host, change)
	})
	rb.Steps[0].Actions = append(rb.Steps[0].Actions, parseActionT("y", "safe"))
	r := &recorder{}
	_, err := evenkeel.Run(t.Context(), rb, leasable(evenkeel.HostMap{"a": r}),
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
	require.NoError(t, err)
	require.Len(t, r.got, 2)
	for _, c := range r.got {
		require.Zero(t, c.Timeout, "%s", c)
	}
}

// Every read-only command that the engine sends has a time limit: an operation's and an invariant's reads, too.
func TestEveryReadIsBounded(t *testing.T) {
	look, own := sshexec.Command(sshexec.ReadOnly, "look"), sshexec.Command(sshexec.ReadOnly, "look", "long")
	own.Timeout = time.Hour
	rb := gateBook(nil, func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
		if _, err := at.Run(ctx, "a", own); err != nil {
			return sshexec.Result{}, err
		}
		if _, err := at.Runner("b").Run(ctx, look); err != nil {
			return sshexec.Result{}, err
		}
		return at.Run(ctx, "a", look)
	})
	rb.Invariants = []evenkeel.Invariant{{ID: "i", Check: func(ctx context.Context, at evenkeel.Site) error {
		_, err := at.Run(ctx, "a", look)
		return err
	}}}
	rb.Steps[0].Verify = []evenkeel.Action{{ID: "v", Change: evenkeel.Change{Cmd: look}}}
	rb.Steps[0].Actions[0].Repeat = evenkeel.ProbeFirst
	rb.Steps[0].Actions[0].Probe = &evenkeel.Probe{Cmd: look,
		Read: func(evenkeel.Observed) (evenkeel.ProbeResult, error) { return evenkeel.NotRun, nil }}
	r := &recorder{}
	_, err := evenkeel.Run(t.Context(), rb, leasable(evenkeel.HostMap{"a": r, "b": r}),
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
	require.NoError(t, err)
	reads := 0
	for _, c := range r.got {
		if c.Effect != sshexec.ReadOnly {
			continue
		}
		reads++
		require.Positive(t, c.Timeout, "%s", c)
		if len(c.Argv) == 2 {
			require.Equal(t, time.Hour, c.Timeout, "its own limit stays")
		}
	}
	require.Greater(t, reads, 5)
}

// What the operator would type, and what must then be seen, is signed too, and so is which hosts may come back without a lease.
func TestThePaperIsSigned(t *testing.T) {
	look := sshexec.Command(sshexec.ReadOnly, "look")
	book := func(change func(*evenkeel.Runbook)) string {
		rb := &evenkeel.Runbook{Name: "paper", Steps: []evenkeel.Step{{ID: "s", Host: "a", Actions: []evenkeel.Action{{
			ID: "look", Paper: []evenkeel.Block{{Cmd: look, Pipe: "| head -n 1", Shows: []string{"fine"}}},
			Change: evenkeel.Change{
				Cmd:   look,
				Probe: &evenkeel.Probe{Cmd: look, Paper: []evenkeel.Block{{Script: "look", Shows: []string{"done"}}}},
			},
		}}}}}
		change(rb)
		return rb.Digest()
	}
	want := book(func(*evenkeel.Runbook) {})
	for name, change := range map[string]func(*evenkeel.Runbook){
		"pipe":                func(rb *evenkeel.Runbook) { rb.Steps[0].Actions[0].Paper[0].Pipe = "" },
		"what it shows":       func(rb *evenkeel.Runbook) { rb.Steps[0].Actions[0].Paper[0].Shows[0] = "well" },
		"where":               func(rb *evenkeel.Runbook) { rb.Steps[0].Actions[0].Paper[0].Host = "b" },
		"when":                func(rb *evenkeel.Runbook) { rb.Steps[0].Actions[0].Paper[0].If = "x" },
		"the probe's":         func(rb *evenkeel.Runbook) { rb.Steps[0].Actions[0].Probe.Paper[0].Script = "look twice" },
		"the functions":       func(rb *evenkeel.Runbook) { rb.Functions = "f() { :; }" },
		"what is reinstalled": func(rb *evenkeel.Runbook) { rb.Steps[0].Reinstalls = []string{"a"} },
	} {
		require.NotEqual(t, want, book(change), name)
	}
}

package upgrade_test

import (
	"context"
	"path"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// idler is the way to the machines of a play; the command of one action says that it succeeded, and does nothing.
type idler struct {
	*lustretest.Pair
	step, action string
	armed        bool
	in           string      // the step that is under way
	told         sshexec.Cmd // the command
}

func (l *idler) see(e evenkeel.Event) {
	if e.Kind == evenkeel.EventAction {
		l.in = e.Step.ID
		l.armed = e.Step.ID == l.step && e.Action.ID == l.action
	}
}

func (l *idler) Runner(host string) (sshexec.Runner, error) {
	r, err := l.Pair.Runner(host)
	if err != nil {
		return nil, err
	}
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if l.armed && cmd.Effect != sshexec.ReadOnly {
			l.armed, l.told = false, cmd
			if cmd.Argv[0] == "cp" && len(cmd.Argv) == 3 { // the installation has files of its own
				file := path.Join(path.Dir(cmd.Argv[2]), path.Base(cmd.Argv[1]))
				l.Do(func(st *simhost.State) {
					st.Host(host).MustWrite(st, file, "# of the installation\n", 0o644)
				})
			}
			l.Strike(idle)
		}
		return r.Run(ctx, cmd)
	}), nil
}

// idleHarmless are the programs of a restore that leave the machine the same where they do nothing, or whose effect nothing shows.
var idleHarmless = map[string]string{
	"chmod": "the upload has given the file its mode",
	"mkdir": "the directory is there; without it the copy of it fails",
	"ntpd":  "what the clock was before is not known: nothing shows that it was set",
}

// BAK-010 to BAK-017, LUS-012, LUS-041: whatever command of a restore says that it succeeded and has done nothing, the step does not
// end; the operator types it, and the run goes on.
func TestEveryRestoreIsProven(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	tried := 0
	for _, id := range []string{"restore-node1", "restore-node2"} {
		step, ok := s.book.Step(id)
		require.True(t, ok)
		for _, a := range step.Actions {
			if a.Cmd.Effect == sshexec.ReadOnly || len(a.Cmd.Argv) == 0 || idleHarmless[a.Cmd.Argv[0]] != "" {
				continue
			}
			tried++
			t.Run(id+"/"+a.ID, func(t *testing.T) {
				p := s.play(t)
				l := &idler{Pair: p.w, step: id, action: a.ID}
				p.hosts, p.watch = l, l.see
				require.Error(t, p.run(), a.Cmd)
				require.NotEmpty(t, l.told.Argv)
				require.Equal(t, id, l.in, "it came further than the step")
				r, err := p.w.Runner(step.Host)
				require.NoError(t, err)
				if tried%every(t, 4) == 0 && !slices.Contains(l.told.Argv, "yum") {
					_, err = r.Run(t.Context(), l.told)
					require.NoError(t, err)
					require.NoError(t, p.resume())
					require.NoError(t, p.w.Check())
				}
			})
		}
	}
	require.Greater(t, tried, 30)
}

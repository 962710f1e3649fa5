package sshexec_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest"
)

// late is longer than the silence after which the output of a command that changes something counts as complete.
const late = 2 * time.Second

// What a command wrote is given whole, or it is said that it is not: a list of mounts of which half is missing would
// say that a target is gone.
func TestOutputIsWhole(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults sshexectest.Faults
		effect sshexec.Effect
		want   sshexec.Outcome
		whole  bool
	}{
		{"read, and the output comes late", sshexectest.Faults{Late: late}, sshexec.ReadOnly, sshexec.Exited, true},
		{"changed, and the connection stands still before the output", sshexectest.Faults{Late: late, StallRequests: true},
			sshexec.Mutating, sshexec.Exited, true},
		{"read, and the connection is lost before the output", sshexectest.Faults{CutOutput: true}, sshexec.ReadOnly, sshexec.Unknown, false},
		{"changed, and the connection is lost before the output", sshexectest.Faults{CutOutput: true}, sshexec.Disruptive, sshexec.Exited, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, func(cfg *sshexectest.Config) {
				cfg.Handler = func(_ context.Context, r sshexectest.Request) sshexectest.Exit {
					_, _ = io.WriteString(r.Stdout, "/dev/sda /mnt/target lustre\n")
					_, _ = io.WriteString(r.Stderr, "a word\n")
					return sshexectest.Exit{}
				}
			})
			m.SetFaults(c.faults)
			res, err := m.dial(t).Run(t.Context(), sshexec.Command(c.effect, "cat", "/proc/mounts"))
			require.Equal(t, c.want, res.Outcome)
			require.Equal(t, !c.whole, res.Truncated)
			if c.want == sshexec.Unknown {
				require.ErrorIs(t, err, sshexec.ErrDisconnected)
			} else {
				require.NoError(t, err)
			}
			if c.whole {
				require.Equal(t, "/dev/sda /mnt/target lustre", res.Text())
				require.Equal(t, "a word\n", string(res.Stderr))
			}
		})
	}
}

// A program that goes on writing after the command has exited is waited for where the command only reads, and by nobody else.
func TestOutputAfterTheExit(t *testing.T) {
	for name, r := range map[string]sshexec.Runner{"local": sshexec.Local{}, "ssh": shellMachine(t).dial(t)} {
		for effect, want := range map[sshexec.Effect]string{sshexec.ReadOnly: "early\nlate", sshexec.Mutating: "early"} {
			t.Run(fmt.Sprint(name, " ", effect), func(t *testing.T) {
				t.Parallel()
				pause := map[sshexec.Effect]string{sshexec.ReadOnly: "2", sshexec.Mutating: "20"}[effect]
				res, err := r.Run(t.Context(), sshexec.Script(effect, `(sleep "$1"; echo late) & echo early`, pause))
				require.NoError(t, err)
				require.Equal(t, want, res.Text())
			})
		}
	}
}

// What was written before the exit is given where somebody takes his time to read it, too.
func TestOutputThatIsReadSlowly(t *testing.T) {
	for name, r := range map[string]sshexec.Runner{"local": sshexec.Local{}, "ssh": shellMachine(t).dial(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got strings.Builder
			cmd := sshexec.Script(sshexec.Disruptive, `echo one; sleep 0.3; echo two; sleep 20 &`)
			cmd.Stdout = writerFunc(func(p []byte) (int, error) {
				time.Sleep(late)
				return got.Write(p)
			})
			_, err := r.Run(t.Context(), cmd)
			require.NoError(t, err)
			require.Equal(t, "one\ntwo\n", got.String())
		})
	}
}

// Output that comes meanwhile begins the silence anew.
func TestSilenceBeginsAnew(t *testing.T) {
	require.Equal(t, 3, sshexec.Silence(2))
}

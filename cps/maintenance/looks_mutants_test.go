package maintenance_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/maintenance"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// What internal/mutate found nobody to miss in looks of the maintenance.

// A VM whose processes are down is seen to be down; one of its class beside it is enough.
func TestOneOfAClassServes(t *testing.T) {
	w := deploy(t, cpstest.Options{})
	rb := restartingAll(t)
	i := slices.IndexFunc(rb.Invariants, func(i evenkeel.Invariant) bool { return i.ID == "serves" })
	require.GreaterOrEqual(t, i, 0)
	serves := func() error { return rb.Invariants[i].Check(t.Context(), change.Over(w.Runner, w.Clock())) }
	stop := func(vm string) {
		r, err := w.Runner(vm)
		require.NoError(t, err)
		for _, name := range []string{"monit", "qns"} {
			_, err = r.Run(t.Context(), sshexec.Command(sshexec.Disruptive, "service", name, "stop"))
			require.NoError(t, err)
		}
	}
	require.NoError(t, serves())
	stop("lb01")
	require.NoError(t, serves())
	stop("lb02")
	require.ErrorAs(t, serves(), new(*evenkeel.Violation), "it is known that none works")
}

// Who restarts the processes already is not advised to do so.
func TestEndpointsThatStayDownAfterARestart(t *testing.T) {
	for restart, advised := range map[bool]bool{true: false, false: true} {
		rb, looked := restoring(t, restart), 0
		for _, s := range rb.Steps {
			for _, a := range slices.Concat(s.Actions, s.Verify) {
				if a.ID != "up" {
					continue
				}
				looked++
				w := down(t, deploy(t, cpstest.Options{}), "9092", "9093", "9094")
				r, err := w.Runner(a.Host)
				require.NoError(t, err)
				res, err := r.Run(t.Context(), a.Cmd)
				require.NoError(t, err)
				err = a.Expect.Check(evenkeel.Observed{Result: res})
				require.ErrorContains(t, err, "an endpoint of lb02 is down")
				require.Equal(t, advised, strings.Contains(err.Error(), "restart: true"))
			}
		}
		require.Equal(t, 1, looked)
	}
}

// The sums of the keys are those that were asked for, each once, and no others.
func TestSumsOfKeysAreThoseAskedFor(t *testing.T) {
	rb := changing(t, false, maintenance.KeysConfig{})
	read := 0
	for _, s := range rb.Steps {
		for _, a := range s.Actions {
			if len(a.Makes) == 0 || len(a.Cmd.Argv) != 3 || a.Cmd.Argv[0] != "sha256sum" {
				continue
			}
			read++
			line := func(digit, file string) string { return strings.Repeat(digit, 64) + "  " + file + "\n" }
			both := line("a", a.Cmd.Argv[1]) + line("b", a.Cmd.Argv[2])
			of := func(text string) (any, error) {
				return a.Makes[0].Read(evenkeel.Observed{Result: sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(text)}})
			}
			sums, err := of(both)
			require.NoError(t, err)
			require.Equal(t, strings.Repeat("a", 64)+","+strings.Repeat("b", 64), sums)
			for _, text := range []string{"", line("a", a.Cmd.Argv[1]), both + line("c", "/etc/passwd")} {
				_, err = of(text)
				require.Error(t, err, text)
			}
		}
	}
	require.Positive(t, read)
}

// The key of evenkeel itself is known by its fingerprint, whatever stands behind that.
func TestTheFingerprintAloneTellsTheKey(t *testing.T) {
	rb := changing(t, false, maintenance.KeysConfig{})
	for _, s := range rb.Steps {
		for _, a := range s.Actions {
			if a.ID != "another" {
				continue
			}
			of := func(text string) error {
				return a.Expect.Check(evenkeel.Observed{Result: sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(text)}})
			}
			var pause *evenkeel.Pause
			require.ErrorAs(t, of("2048 "+cpstest.OwnKey()), &pause)
			require.ErrorAs(t, of("2048 "+cpstest.OwnKey()+" root@cluman (RSA)"), &pause)
			require.ErrorContains(t, of("2048"), "not a fingerprint")
			require.ErrorContains(t, of("2048 MD5:00"), "not a fingerprint")
			return
		}
	}
	t.Fatal("nobody looks for the key")
}

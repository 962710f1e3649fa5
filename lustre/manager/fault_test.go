package manager_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/manager"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// Whatever command fails, is lost, or exits with 0 and does nothing: the run ends as it should, or says that it does not.
func TestNoFaultIsSilent(t *testing.T) {
	s := newScene(t, lustretest.ManagerOptions{}, func(c *manager.Config) { c.StopAgents = true })
	straight := s.clone()
	_, err := s.run(t, straight, &evenkeel.MemJournal{})
	require.NoError(t, err)
	want, log := straight.EndState(), straight.Log()
	step := 1
	if testing.Short() {
		step = 13
	}
	for _, kind := range []simhost.FaultKind{simhost.SucceedsIdly, simhost.Fails, simhost.CutAfter, simhost.CutMiddle} {
		t.Run(kind.String(), func(t *testing.T) {
			step := step
			if kind != simhost.SucceedsIdly {
				step *= 3 // the others are told by exit status or connection
			}
			for at := 1; at <= len(log); at += step {
				line := strings.Join(log[at-1].Argv, " ")
				if kind == simhost.SucceedsIdly && (len(log[at-1].Changed) == 0 || // a look that lies is believed
					strings.Contains(line, "/root/.ssh.inst.part") || strings.Contains(line, "restorecon")) { // package backup proves neither
					continue
				}
				w := s.clone()
				w.Do(func(st *simhost.State) { st.Inject(simhost.Fault{At: at, Kind: kind}) })
				journal := &evenkeel.MemJournal{}
				_, err := s.run(t, w, journal)
				for range 3 {
					if err == nil {
						break
					}
					if len(journal.Records()) == 0 {
						_, err = s.run(t, w, journal)
						continue
					}
					_, err = evenkeel.Resume(t.Context(), s.book, w, s.options(w, journal))
				}
				require.NoError(t, w.Check(), "command %d", at)
				if err == nil && w.EndState() != want {
					t.Errorf("command %d, %s: it went unseen", at, line)
				}
			}
		})
	}
}

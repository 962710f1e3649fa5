package manager_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/manager"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// stoppedIn runs until a step begins, and stops there.
func (s *scene) stoppedIn(t *testing.T, w simulated, id string) *evenkeel.MemJournal {
	t.Helper()
	require.NoError(t, s.reset())
	journal, stop, begun := &evenkeel.MemJournal{}, make(chan struct{}), false
	opts := s.options(w, journal)
	opts.Stop = stop
	opts.Observer = evenkeel.ObserverFunc(func(e evenkeel.Event) {
		if e.Step != nil && e.Step.ID == id && !begun {
			begun = true
			close(stop)
		}
	})
	_, err := evenkeel.Run(t.Context(), s.book, w, opts)
	require.ErrorIs(t, err, evenkeel.ErrStopped)
	return journal
}

// A rollback ends by comparing with the state before the run: what differs is said.
func TestRollbackCompares(t *testing.T) {
	s := newScene(t, lustretest.ManagerOptions{}, func(c *manager.Config) { c.StopAgents = true })
	for name, c := range map[string]struct {
		from string
		do   func(*simhost.State)
		says string // nothing differs where it is empty
	}{
		"nothing":                    {from: "stop-agents"},
		"nothing, from the shutdown": {from: "shutdown"},
		"before anything was noted":  {from: "preflight"},
		"the old system is gone":     {from: "restore", says: "its old system (release 6.) is gone"},
		"another version": {"shutdown", func(st *simhost.State) { st.Host(lustretest.Manager).SetPackage(st, "chroma-manager", "2.5.0-1") },
			`has chroma-manager "2.5.0", and had 2.4.2.7`},
		"IML does not answer": {"shutdown", func(st *simhost.State) { st.Host(lustretest.Manager).MarkService(st, "nginx", false) },
			"how many of host, filesystem, target IML lists is not known"},
		"no fencing": {"shutdown", func(st *simhost.State) { st.Host(lustretest.Manager).MarkService(st, "nginx", false) },
			"how many of power_control_device, power_control_device_outlet IML lists is not known"},
		"an agent is down": {"shutdown", func(st *simhost.State) { st.Host(lustretest.Node2).MarkService(st, "chroma-agent", false) },
			"chroma-agent does not run on " + lustretest.Node2},
		"the manager is off": {"shutdown", func(st *simhost.State) { st.Host(lustretest.Manager).PowerOff(st) }, "cannot be looked at"},
	} {
		t.Run(name, func(t *testing.T) {
			w := s.clone()
			journal := s.stoppedIn(t, w, c.from)
			w.BeforeEffect = func(_ string, cmd sshexec.Cmd) { // the comparison begins with this look
				if c.do != nil && strings.Join(cmd.Argv, " ") == "cat /etc/redhat-release" {
					w.Do(c.do)
					c.do = nil
				}
			}
			report, err := evenkeel.Rollback(t.Context(), s.book, w, s.options(w, journal))
			require.True(t, err == nil || c.from == "restore", "%v", err)
			if c.says == "" {
				require.Empty(t, report.Differs)
				return
			}
			require.Contains(t, strings.Join(report.Differs, "\n"), c.says)
		})
	}
}

// More or fewer objects than were noted are told.
func TestComparedWithWhatWasNoted(t *testing.T) {
	s := newScene(t, lustretest.ManagerOptions{}, func(c *manager.Config) { c.StopAgents = true })
	w := s.clone()
	journal := &evenkeel.MemJournal{}
	for _, r := range s.stoppedIn(t, w, "shutdown").Records() {
		for name, value := range r.Facts {
			if name == "iml.lists" || name == "iml.fencing" {
				r.Facts[name] = append([]byte(`"9 `), value[1:]...)
			}
		}
		require.NoError(t, journal.Append(r))
	}
	report, _ := evenkeel.Rollback(t.Context(), s.book, w, s.options(w, journal))
	require.Regexp(t, `IML lists .* of host, filesystem, target, and listed 9 `, strings.Join(report.Differs, "\n"))
	require.Regexp(t, `IML lists .* of power_control_device, power_control_device_outlet, and listed 9 `, strings.Join(report.Differs, "\n"))
}

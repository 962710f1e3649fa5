package upgrade_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// amnesia is a state into which the cluster of a node comes while its targets are being unmounted.
type amnesia struct {
	name   string
	happen func(p *play, host string)
	over   string // why the switch-over does not come to its end; empty when it does
	back   string // why the rollback does not
}

// amnesias are the states that Pacemaker's record of the last stop can be in (H27).
func amnesias(resources []string) []amnesia {
	remember := func(r pacemakertest.Record) func(*play, string) {
		return func(p *play, host string) {
			p.w.Do(func(st *simhost.State) {
				for _, r.Resource = range resources {
					pacemakertest.Of(st).Remember(st, host, r)
				}
			})
		}
	}
	const failed = "crm_resource --cleanup -r "
	start := func(p *play, host string) {
		if p.sh(host, "service corosync start"); host == lustretest.Node1 {
			p.sh(host, "systemctl start corosync")
		}
		p.sh(host, map[bool]string{true: "systemctl start pacemaker", false: "service pacemaker start"}[host == lustretest.Node1])
	}
	return []amnesia{
		{name: "nothing", happen: func(*play, string) {}},
		{name: "fresh", happen: remember(pacemakertest.Record{})},
		{name: "probed", happen: remember(pacemakertest.Record{Operation: "monitor", Code: 7})},
		{name: "cleaned up", happen: func(p *play, host string) { p.sh(host, "pcs resource cleanup") }},
		{name: "refreshed", happen: func(p *play, host string) { p.sh(host, "crm_resource --refresh") }},
		{name: "the stop of another agent", happen: remember(pacemakertest.Record{Operation: "stop", Agent: "ocf:heartbeat:Filesystem"})},
		{name: "an old stop", happen: remember(pacemakertest.Record{Operation: "stop", At: time.Unix(1, 0)})},
		{name: "failed", happen: remember(pacemakertest.Record{Operation: "stop", Code: 1, Status: 4}), over: failed, back: failed},
		{name: "timed out", happen: remember(pacemakertest.Record{Operation: "stop", Code: 1, Status: 2}), over: failed, back: failed},
		{name: "under way for ever", happen: remember(pacemakertest.Record{Operation: "stop", Code: 193, Status: -1}),
			over: "its stop is under way", back: "its stop is under way"},
		{name: "migrated", happen: remember(pacemakertest.Record{Operation: "migrate_to"}), over: "a migrate_to", back: "a migrate_to"},
		{name: "started again", happen: remember(pacemakertest.Record{Operation: "start"}), over: "a start that succeeded",
			back: "a start that succeeded"},
		{name: "the failure expired", happen: func(p *play, host string) {
			remember(pacemakertest.Record{Operation: "stop", Code: 1, Status: 4})(p, host)
			p.w.Advance(time.Second)
			remember(pacemakertest.Record{Operation: "monitor", Code: 7})(p, host)
		}},
		{name: "killed", happen: func(p *play, host string) { p.w.Kill(host, "pacemaker-execd") }, over: "does not answer",
			back: "does not answer"},
		{name: "killed with corosync", happen: func(p *play, host string) { p.w.Kill(host, "corosync") }, back: "does not answer"},
		{name: "killed and started again", happen: func(p *play, host string) {
			p.w.Kill(host, "pacemaker-execd")
			start(p, host)
			p.w.Advance(6 * time.Second)
		}},
		{name: "stopped under its feet", happen: func(p *play, host string) {
			if host == lustretest.Node2 {
				p.sh(host, "service corosync stop")
			}
		}},
		{name: "rebooted", happen: func(p *play, host string) { p.w.Do(func(st *simhost.State) { st.Host(host).Restart(st) }) }},
	}
}

// H27: the simulated pair comes into every one of these states while node 2's targets are being unmounted in the
// switch-over, and node 1's in the rollback. Nothing is mounted twice; the run comes to its end where the targets are
// provably gone, and else stops and says what to do.
func TestTheRecordIsLostOnTheWay(t *testing.T) {
	slow := lustretest.Options{InstallTime: -1, Times: func(label string) (start, stop time.Duration) {
		return 0, map[bool]time.Duration{true: 12 * time.Second}[label == "MGS"]
	}}
	s := newScene(t, slow, nil)
	s.pair.Config.Outage = 90 * time.Second
	var err error
	s.book, err = s.pair.Runbook()
	require.NoError(t, err)
	ready, back := s.stopAt(t, "switch-over", "able-1", false), s.stopAt(t, "switch-over", "serving", true)
	var resources []string
	for _, target := range s.pair.Targets {
		resources = append(resources, target.Resource)
	}
	for _, a := range amnesias(resources) {
		t.Run("over/"+a.name, func(t *testing.T) {
			p := s.again(t, ready)
			a.on(p, "let-go", lustretest.Node2)
			a.ends(t, p, a.over, p.resume, lustretest.Node1)
		})
		t.Run("back/"+a.name, func(t *testing.T) {
			p := s.again(t, back)
			a.on(p, "disable", lustretest.Node1)
			a.ends(t, p, a.back, p.rollBack, lustretest.Node2)
		})
	}
}

// again is a play from where another one stopped.
func (s *scene) again(t *testing.T, from *play) *play {
	p := *from
	p.t, p.w, p.journal = t, from.w.Clone(), &evenkeel.MemJournal{}
	for _, r := range from.journal.Records() {
		require.NoError(t, p.journal.Append(r))
	}
	p.hosts = p.w
	return &p
}

// on lets it happen once, when an action was done.
func (a amnesia) on(p *play, action, host string) {
	done := false
	p.watch = func(e evenkeel.Event) {
		if !done && e.Kind == evenkeel.EventDone && e.Action.ID == action {
			done = true
			a.happen(p, host)
		}
	}
}

func (a amnesia) ends(t *testing.T, p *play, why string, play func() error, to string) {
	t.Helper()
	var err error
	stopped, said := false, ""
	for range 3 { // a connection that was lost, or a restart of node 2, may stop it on the way
		if err = play(); err == nil {
			break
		}
		var hold *evenkeel.Pause
		if errors.As(err, &hold) && hold.Step != "switch-over" && hold.Step != "undo-switch-over" {
			err, stopped = nil, true
			break
		}
		said += err.Error() + "\n"
		require.NoError(t, p.w.Check())
		p.w.Advance(2 * time.Minute)
	}
	require.NoError(t, p.w.Check())
	if why == "" {
		require.NoError(t, err)
		require.True(t, stopped || slices.ContainsFunc(p.w.Report().Targets,
			func(r lustretest.TargetReport) bool { return slices.Equal(r.On, []string{to}) }))
		return
	}
	require.Error(t, err)
	require.Contains(t, said, why)
	for _, r := range p.w.Report().Targets {
		require.NotContains(t, r.On, to, "%s was enabled", r.Label)
	}
}

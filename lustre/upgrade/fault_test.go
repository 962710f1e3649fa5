package upgrade_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// WF-009, H2 to H4, H19: each command of the run goes wrong in each way. The run finishes, or stops with an error or
// for the operator, and nothing is ever mounted twice or fenced while it is rebuilt; when the cause is gone, it
// finishes or waits for the operator.
func TestEveryFaultEverywhere(t *testing.T) {
	newScene(t, lustretest.Options{}, nil).struckThroughout(t, every(t, 179))
}

// struckThroughout plays with each kind of fault at every thin-th command.
func (s *scene) struckThroughout(t *testing.T, thin int) {
	t.Helper()
	straight := s.play(t)
	first := straight.w.Report().Commands
	require.NoError(t, straight.run())
	last := straight.w.Report().Commands
	ends := map[string]int{}
	for i, kind := range simhost.FaultKinds {
		for at := first + 1 + i*thin/len(simhost.FaultKinds); at <= last; at += thin {
			end, err := s.struck(t, at, kind)
			ends[end]++
			if err != nil {
				t.Errorf("%s at command %d: %v", kind, at-first, err)
			}
		}
	}
	t.Logf("%d commands: %v", last-first, ends)
}

// struck is one play with one fault; it tells how it ended. The error is that nothing could be done any more, or that a
// rule of the world was broken.
func (s *scene) struck(t *testing.T, at int, kind simhost.FaultKind) (end string, err error) {
	t.Helper()
	p := s.play(t)
	p.w.Do(func(st *simhost.State) { st.Inject(simhost.Fault{At: at, Kind: kind}) })
	var host string
	var cmd sshexec.Cmd
	p.w.BeforeEffect = func(h string, c sshexec.Cmd) {
		if p.w.Report().Commands == at-1 {
			host, cmd = h, c
		}
	}
	err = p.run()
	if err == nil {
		return "finished", p.w.Check()
	}
	for range 6 {
		var hold *evenkeel.Pause
		if errors.As(err, &hold) {
			return "held", p.w.Check()
		}
		s.remedy(t, p, host, cmd, kind)
		if err = p.resume(); err == nil {
			return "resumed", p.w.Check()
		}
	}
	if kind == simhost.SucceedsIdly && cmd.Effect == sshexec.ReadOnly {
		// a look that lied made something pass for done: the run stops where it is missed, and the operator must do it
		return "misled", p.w.Check()
	}
	return "stuck", errors.Join(err, p.w.Check())
}

// remedy is what the operator does about a fault: gives power back, starts the cluster where a restart left it down,
// and types again what a lying command claimed to have done.
func (s *scene) remedy(t *testing.T, p *play, host string, cmd sshexec.Cmd, kind simhost.FaultKind) {
	p.w.Do(func(st *simhost.State) {
		for _, h := range st.Hosts() {
			if !h.ShutDown {
				h.PowerOn(st)
			}
		}
	})
	p.w.Advance(2 * simhost.BootTime)
	for _, h := range p.w.Report().Hosts {
		if !h.Member && strings.Contains(h.Release, "release 7") && p.sh(h.Name, "ls "+pacemakertest.ConfPath) != "" {
			p.sh(h.Name, "pcs cluster start")
		}
	}
	p.w.Advance(simhost.BootTime)
	if hosts := p.w.Report().Hosts; hosts[0].Member && hosts[1].Member && !strings.Contains(hosts[0].Release+hosts[1].Release, "release 6") {
		p.sh(lustretest.Node1, "pcs resource relocate run") // what failed over in the mean time
	}
	if kind == simhost.SucceedsIdly && cmd.Effect != sshexec.ReadOnly {
		r, err := p.w.Runner(host)
		require.NoError(t, err)
		_, _ = r.Run(t.Context(), cmd)
	}
}

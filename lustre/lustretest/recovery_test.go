package lustretest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// told is what lctl says of the recovery of a target on a host.
func told(t *testing.T, p *lustretest.Pair, host, target string) lustre.Recovery {
	t.Helper()
	run, err := p.Runner(host)
	require.NoError(t, err)
	res, err := run.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "lctl", "get_param", "*.*.recovery_status"))
	require.NoError(t, err)
	list, err := lustre.ParseRecovery(strings.NewReader(string(res.Stdout)))
	require.NoError(t, err)
	for _, r := range list {
		require.NotEqual(t, "MGS", r.Target, "it has none")
		if r.Target == target {
			return r
		}
	}
	return lustre.Recovery{}
}

// H28: after a mount a target recovers, with the clients that the options give it.
func TestRecoveryAfterAMount(t *testing.T) {
	const mdt = "demo-MDT0000"
	type look struct {
		after time.Duration
		want  string
	}
	for name, c := range map[string]struct {
		r     lustretest.Recovery
		looks []look
	}{
		"all come back": {lustretest.Recovery{Reconnect: 20 * time.Second}, []look{
			{5 * time.Second, "RECOVERING, 0 of 4 clients are back, 0 have completed, 0 are evicted, 0 s left"},
			{8 * time.Second, "RECOVERING, 2 of 4 clients are back, 2 have completed, 0 are evicted, 4 m 57 s left"},
			{8 * time.Second, "COMPLETE, 4 of 4 clients in 10 s"}, {time.Hour, "COMPLETE, 4 of 4 clients in 10 s"}}},
		"one is missing": {lustretest.Recovery{Clients: 8, Missing: 1, Window: time.Minute}, []look{
			{10 * time.Second, "RECOVERING, 7 of 8 clients are back, 7 have completed, 0 are evicted, 52 s left"},
			{time.Minute, "COMPLETE, 7 of 8 clients in 1 m"}}},
		"nobody comes": {lustretest.Recovery{Missing: 9}, []look{
			{time.Hour, "RECOVERING, 0 of 4 clients are back, 0 have completed, 0 are evicted, 0 s left"}}},
		"it never ends": {lustretest.Recovery{Missing: 1, Endless: true}, []look{
			{time.Hour, "RECOVERING, 3 of 4 clients are back, 3 have completed, 0 are evicted, 0 s left"}}},
		"no clients": {lustretest.Recovery{Clients: -1}, []look{{time.Second, "INACTIVE"}}},
	} {
		t.Run(name, func(t *testing.T) {
			p := lustretest.NewPair(lustretest.Options{Recovery: func(label, _ string) lustretest.Recovery {
				if label == mdt {
					return c.r
				}
				return lustretest.Recovery{}
			}})
			run, err := p.Runner(lustretest.Node2)
			require.NoError(t, err)
			_, err = run.Run(t.Context(), sshexec.Command(sshexec.Mutating, "pcs", "cluster", "standby", "ct6-mds2"))
			require.NoError(t, err)
			for i := 0; len(p.Report().Target(mdt).On) == 0 || p.Report().Target(mdt).On[0] != lustretest.Node1; i++ {
				require.Less(t, i, 100)
				p.Advance(time.Second)
			}
			_, err = run.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "lctl", "get_param", "*.*.recovery_status"))
			require.Error(t, err, "nothing is mounted there")
			for _, l := range c.looks {
				p.Advance(l.after)
				got := told(t, p, lustretest.Node1, mdt)
				require.Regexp(t, "^"+words(l.want)+"$", got.String())
			}
			require.NoError(t, p.Check())
		})
	}
}

// words leaves the seconds open by which a mount was seen too late.
func words(want string) string {
	for _, s := range []string{"4 m 57 s", "52 s"} {
		want = strings.ReplaceAll(want, s, `(4 m )?[45][0-9] s`)
	}
	return want
}

// A Lustre after 2.5 says what it waits for.
func TestRecoveryOfANewerLustre(t *testing.T) {
	p := lustretest.NewPair(lustretest.Options{Recovery: func(string, string) lustretest.Recovery {
		return lustretest.Recovery{MDTs: time.Hour, Reconnect: 2 * time.Hour}
	}})
	require.Equal(t, lustre.RecoveryRuns, told(t, p, lustretest.Node2, "demo-MDT0000").Status, "2.5 has no other word")
	p.Do(func(s *simhost.State) {
		s.Host(lustretest.Node2).MustWrite(s, "/etc/redhat-release", "CentOS Linux release 7.3.1611 (Core)\n", 0o644)
	})
	require.Equal(t, "WAITING, not ready: MDT 0001", told(t, p, lustretest.Node2, "demo-MDT0000").String())
	p.Advance(time.Hour)
	require.Equal(t, lustre.RecoveryForClients, told(t, p, lustretest.Node2, "demo-MDT0000").Status)
}

// Where two worlds differ in a recovery that is under way, they are not the same.
func TestARecoveryIsPartOfTheState(t *testing.T) {
	p := lustretest.NewPair(lustretest.Options{Recovery: func(string, string) lustretest.Recovery {
		return lustretest.Recovery{Missing: 1, Window: time.Hour}
	}})
	over := p.Clone()
	before := p.Hash()
	over.Advance(2 * time.Hour)
	require.NotEqual(t, before, over.Hash())
}

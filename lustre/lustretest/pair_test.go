package lustretest_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

func TestANewPair(t *testing.T) {
	p := lustretest.NewPair(lustretest.Options{OSTs: 2})
	r := p.Report()
	require.Equal(t, []string{lustretest.Node1}, r.Target("MGS").On)
	require.Equal(t, []string{lustretest.Node2}, r.Target("demo-MDT0000").On)
	require.Equal(t, []string{lustretest.Node1}, r.Target("demo-OST0000").On)
	require.Equal(t, []string{lustretest.Node2}, r.Target("demo-OST0001").On)
	require.Zero(t, r.Commands)
	require.Empty(t, p.Log())
	require.NoError(t, p.Check())
}

// TestSameCommandsSameWorld is determinism: two pairs and a clone that see the same commands are the same at every step.
func TestSameCommandsSameWorld(t *testing.T) {
	a, b := newTypist(t, lustretest.Options{}), newTypist(t, lustretest.Options{})
	lines := script()
	lines = lines[:indexOf(t, lines, "2$ shutdown")]
	var c *typist
	for i, l := range lines {
		a.typeLine(l)
		b.typeLine(l)
		require.Equal(t, a.p.Hash(), b.p.Hash(), l)
		if c != nil {
			c.typeLine(l)
			require.Equal(t, a.p.Hash(), c.p.Hash(), l)
		}
		if i%7 == 0 {
			c = &typist{t: t, p: a.p.Clone(), backups: a.backups}
			require.Equal(t, a.p.Hash(), c.p.Hash(), l)
		}
	}
	require.Equal(t, a.p.Log(), b.p.Log())
	require.Equal(t, a.p.Report(), b.p.Report())
}

// TestLookingChangesNothing runs every command of the runbook that only looks.
func TestLookingChangesNothing(t *testing.T) {
	p := lustretest.NewPair(lustretest.Options{})
	run, err := p.Runner("ct6-mds2")
	require.NoError(t, err)
	before := p.Hash()
	for _, line := range []string{
		"hostname", "cat /etc/redhat-release", "cibadmin --query", "cibadmin -Q -o constraints", "cat /proc/mounts",
		"df -ht lustre", "corosync-cfgtool -s", "pcs resource show", "pcs resource show --full",
		"pcs constraint show --full", "pcs property show", "pcs resource defaults", "pcs stonith show --full", "pcs status",
		"pcs resource relocate show", "crm_mon -1 --as-xml", "crm_mon -X", "crm_node -l", "crm_node -n",
		"crm_attribute --type crm_config --name stonith-enabled --query", "crm_resource --wait",
		"crm_resource --locate -r MGS_32834e", "stonith_admin --history *", "service pacemaker status", "tar cf - /etc /var/lib/chroma",
		"ping -c 1 ct6-mds1.lfs.intl", "lsmod", "id hacluster",
	} {
		argv, err := simhost.Split(line)
		require.NoError(t, err)
		res, err := run.Run(context.Background(), sshexec.Command(sshexec.ReadOnly, argv...))
		require.NoError(t, err, "%s: %s", line, res.Stderr)
		require.NotEmpty(t, strings.TrimSpace(string(res.Stdout)+line[len(line)-1:]))
		require.Equal(t, before, p.Hash(), line)
	}
	require.NoError(t, p.Check())
}

func TestWorldCommands(t *testing.T) {
	p := lustretest.NewPair(lustretest.Options{InstallTime: -1})
	run, err := p.Runner("world")
	require.NoError(t, err)
	do := func(words ...string) string {
		res, err := run.Run(context.Background(), sshexec.Command(sshexec.Mutating, words...))
		require.NoError(t, err)
		return res.Text()
	}
	require.Equal(t, "2018-06-12T22:00:00Z", do("world", "now"))
	do("world", "sleep", "10s")
	require.Equal(t, "2018-06-12T22:00:10Z", do("now"))
	host, err := p.Runner("ct6-mds1")
	require.NoError(t, err)
	_, err = host.Run(context.Background(), sshexec.Command(sshexec.Disruptive, "shutdown", "-h", "now"))
	require.Error(t, err)
	p.Advance(24 * time.Hour)
	require.Equal(t, "off", p.Report().Hosts[0].Power, "nobody comes")
	do("install", "ct6-mds1")
	p.Advance(simhost.BootTime)
	var r lustretest.Report
	require.NoError(t, json.Unmarshal([]byte(do("report")), &r))
	require.Contains(t, r.Hosts[0].Release, "release 7")
	require.Contains(t, do("log"), `"argv":["shutdown","-h","now"]`)
	do("power-off", "ct6-mds1")
	do("power-on", "ct6-mds1")
	_, err = run.Run(context.Background(), sshexec.Command(sshexec.Mutating, "nonsense"))
	require.Error(t, err)
	require.Error(t, p.InstallOS("nobody"))
}

// TestHooks shows how a crash test stands around a command.
func TestHooks(t *testing.T) {
	p := lustretest.NewPair(lustretest.Options{})
	var seen []string
	p.BeforeEffect = func(host string, c sshexec.Cmd) {
		seen = append(seen, "before "+c.String())
		if c.Argv[0] == "hostname" {
			p.PowerLoss(host)
		}
	}
	p.AfterEffect = func(_ string, c sshexec.Cmd, res sshexec.Result) { seen = append(seen, "after "+res.Outcome.String()) }
	run, err := p.Runner("ct6-mds1")
	require.NoError(t, err)
	_, err = run.Run(context.Background(), sshexec.Command(sshexec.ReadOnly, "hostname"))
	require.Error(t, err)
	require.Equal(t, []string{"before hostname", "after not-started"}, seen)
	require.Nil(t, p.Clone().BeforeEffect)
}

// TestEveryFaultEverywhere strikes each command of the switch-over with each fault: the operator stops at the first
// failure, and no target is ever mounted twice.
func TestEveryFaultEverywhere(t *testing.T) {
	lines := script()
	from, to := indexOf(t, lines, "2$ pcs cluster standby"), indexOf(t, lines, "2$ shutdown")
	base := newTypist(t, lustretest.Options{})
	base.typeAll(lines[:from])
	for _, kind := range simhost.FaultKinds {
		for i := from; i < to; i++ {
			if strings.HasPrefix(lines[i], "0$") {
				continue
			}
			ty := &typist{t: t, p: base.p.Clone(), backups: base.backups}
			for j := from; j <= i; j++ {
				host, text, _ := strings.Cut(lines[j], "$ ")
				if j == i {
					ty.p.Do(func(s *simhost.State) { s.Inject(simhost.Fault{At: s.Seq() + 1, Kind: kind}) })
				}
				res, err := ty.run(host, text, "")
				if j < i {
					require.NoError(t, err)
				} else if kind == simhost.SucceedsIdly || kind == simhost.CutAfter {
					require.True(t, err == nil || res.Outcome == sshexec.Unknown)
				}
			}
			ty.p.Advance(5 * time.Minute)
			require.NoError(t, ty.p.Check(), "%s at %s", kind, lines[i])
		}
	}
}

func TestSecretsStayOut(t *testing.T) {
	ty := newTypist(t, lustretest.Options{})
	ty.ok("1", "pcs property set --node ct6-mds1 0_fence_password=calvin2")
	ty.ok("1", `cibadmin -o nodes -M -X '<node id="ct6-mds1"><instance_attributes id="nodes-ct6-mds1"><nvpair id="nodes-ct6-mds1-0_fence_password" name="0_fence_password" value="calvin3"/></instance_attributes></node>'`)
	data, err := json.Marshal(ty.p.Log())
	require.NoError(t, err)
	require.NotContains(t, string(data), "calvin")
	data, err = json.Marshal(ty.p.Report())
	require.NoError(t, err)
	require.NotContains(t, string(data), "calvin")
	require.Contains(t, ty.ok("2", "pcs property show"), "calvin3", "the cluster itself has it, as a real one")
}

func BenchmarkClone(b *testing.B) {
	p := lustretest.NewPair(lustretest.Options{})
	for b.Loop() {
		p.Clone()
	}
}

func BenchmarkHash(b *testing.B) {
	p := lustretest.NewPair(lustretest.Options{})
	for b.Loop() {
		p.Hash()
	}
}

func BenchmarkGuide(b *testing.B) {
	base := newTypist(b, lustretest.Options{})
	lines := script()
	for b.Loop() {
		ty := &typist{t: b, p: base.p.Clone(), backups: map[string][]byte{}}
		ty.typeAll(lines)
	}
}

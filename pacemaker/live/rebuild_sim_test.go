package live_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/pacemaker/rebuild"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

const node1, node2 = "ct6-mds1.lfs.intl", "ct6-mds2.lfs.intl"

// pair is two freshly installed EL7 hosts of a simulated world, ready for a cluster.
type pair struct {
	t testing.TB
	w *simhost.World
}

func newPair(t testing.TB) pair { return newPairWith(t, pacemakertest.Options{}) }

func newPairWith(t testing.TB, o pacemakertest.Options) pair {
	o.Agents = map[string]pacemakertest.Agent{"ocf:chroma:Target": {}}
	reg := simhost.NewRegistry()
	reg.Packages = []simhost.Package{
		{
			Name: "pacemaker", Version: "1.1.18-11.el7", Repo: "base", Needs: []string{"corosync"}, Services: []string{"pacemaker"},
			Users:    []simhost.User{{Name: "hacluster", Group: "haclient", ID: 189, Shell: "/sbin/nologin"}},
			Files:    map[string]string{"/usr/lib/ocf/resource.d/chroma/Target": "", "/usr/sbin/fence_chroma": ""},
			Programs: []string{"cibadmin", "crm_mon"},
		},
		{Name: "corosync", Version: "2.4.3-2.el7", Repo: "base", Services: []string{"corosync"}},
		{Name: "pcs", Version: "0.9.162-5.el7", Repo: "base", Needs: []string{"pacemaker"}, Services: []string{"pcsd"},
			Programs: []string{"pcs"}},
		{Name: "fence-agents", Version: "4.0.11-1.el7", Repo: "base"},
	}
	pacemakertest.Install(reg)
	s := simhost.NewState(reg, time.Date(2018, 6, 12, 22, 0, 0, 0, time.UTC))
	s.AddLayer(pacemakertest.New(o))
	s.AddHost(node1, simhost.EL7())
	s.AddHost(node2, simhost.EL7())
	p := pair{t, simhost.NewWorld(s)}
	for _, host := range []string{node1, node2} {
		// PCM-048, PCM-050: the software and the password of its user.
		p.ok(host, "", "yum", "-y", "install", "pcs", "pacemaker", "corosync", "fence-agents")
		require.Contains(t, p.ok(host, "", "id", "hacluster"), "uid=189(hacluster)")
		p.ok(host, "secret\n", "passwd", "--stdin", "hacluster")
		// PCM-054: the guide's other way with the firewall is to switch it off.
		p.ok(host, "", "systemctl", "stop", "firewalld")
		p.ok(host, "", "systemctl", "disable", "firewalld")
		p.ok(host, "", "systemctl", "start", "pcsd.service")
		p.ok(host, "", "systemctl", "enable", "pcsd.service")
		// PCM-057: what is to be seen before the cluster is made.
		require.Equal(t, "active\n", p.ok(host, "", "systemctl", "is-active", "pcsd.service"))
		require.Contains(t, p.ok(host, "", "getent", "passwd", "hacluster"), "hacluster")
	}
	return p
}

func (p pair) ok(host, stdin string, argv ...string) string {
	p.t.Helper()
	r, err := p.w.Runner(host)
	require.NoError(p.t, err)
	cmd := sshexec.Command(sshexec.Disruptive, argv...)
	if stdin != "" {
		cmd.Stdin = sshexec.Text(stdin)
	}
	res, err := r.Run(context.Background(), cmd)
	require.NoError(p.t, err, "%s\n%s%s", argv, res.Stdout, res.Stderr)
	return string(res.Stdout)
}

// do runs operations as they are to be run: on their node, the secrets by standard input, the password where one is asked for.
func (p pair) do(ops ...pcs.Operation) {
	p.t.Helper()
	for _, o := range ops {
		run := o.Runs()
		stdin := run.Stdin
		if o.Asks != "" {
			stdin = "secret\n"
		}
		out := p.ok(o.Node, stdin, run.Argv...)
		require.NoError(p.t, o.Meaning().Judge(0, out))
	}
}

// live is the CIB of the running cluster (PCM-061), read as the guide backs it up.
func (p pair) live() *pacemaker.CIB {
	p.t.Helper()
	cib, err := pacemaker.ParseCIB(strings.NewReader(p.ok(node1, "", pcs.QueryCIB().Argv...)))
	require.NoError(p.t, err)
	return cib
}

func imlPlan(t testing.TB, plain bool) (*pacemaker.CIB, *rebuild.Plan) {
	t.Helper()
	cib, conf, err := read()
	require.NoError(t, err)
	names, err := pacemaker.ShortNames(node1, node2)
	require.NoError(t, err)
	plan, err := rebuild.New(cib, conf, rebuild.Options{Node1: node1, Node2: node2, Names: names, PlainConstraints: plain})
	require.NoError(t, err)
	return cib, plan
}

// started is a pair whose cluster has been set up on node 1.
func started(t testing.TB, plan *rebuild.Plan) pair {
	p := newPair(t)
	p.do(plan.Setup...)
	p.w.Advance(25 * time.Second)
	return p
}

func (p pair) join(plan *rebuild.Plan) {
	p.t.Helper()
	p.do(plan.Join...)
	p.w.Advance(30 * time.Second)
}

// same wants no difference but the monitor that pcs gives the fence device of b (H22).
func same(t testing.TB, a, b *pacemaker.CIB, opts ...pacemaker.DiffOption) {
	t.Helper()
	var all []string
	for _, d := range pacemaker.Diff(a, b, append(opts, pacemaker.Expect(pacemaker.ExpectStonithByPCS))...) {
		all = append(all, d.String())
	}
	require.Empty(t, all)
}

// PCM-021 to PCM-026, PCM-030, PCM-035, PCM-039, PCM-044, PCM-061, PCM-062: the guide's list, run command by command on a simulated
// cluster, and the configuration in one piece give the same cluster at every stage, and in the end that of the backup.
func TestCommandsAndOnePushGiveTheSameCluster(t *testing.T) {
	for name, plain := range map[string]bool{"ids of IML": false, "ids of pcs": true} {
		t.Run(name, func(t *testing.T) {
			cib, plan := imlPlan(t, plain)
			var ids []pacemaker.DiffOption
			if !plain {
				ids = append(ids, pacemaker.ManagedIDs())
			}
			byCommands, byPush := started(t, plan), started(t, plan)
			empty := byPush.live()

			byCommands.do(plan.Properties...)
			byCommands.do(plan.Defaults...)
			byCommands.do(plan.Maintenance...)
			byCommands.do(plan.Stonith...)
			byCommands.do(plan.Resources...)
			byCommands.do(plan.Constraints...)
			push, err := plan.Push(byPush.live(), rebuild.StagePrepared)
			require.NoError(t, err)
			byPush.do(push)
			same(t, byPush.live(), byCommands.live(), ids...)
			require.NotEmpty(t, pacemaker.Diff(empty, byPush.live()), "the push did something")
			for _, p := range []pair{byCommands, byPush} {
				require.Empty(t, p.running(), "H8: nothing runs before the switch-over")
			}

			byCommands.do(plan.SwitchOver...)
			over, err := plan.SwitchOverPush(byPush.live())
			require.NoError(t, err)
			byPush.do(over)
			for _, p := range []pair{byCommands, byPush} {
				p.w.Advance(time.Minute)
				require.Len(t, p.running(), 3)
				p.join(plan)
			}
			same(t, byPush.live(), byCommands.live(), ids...)

			// The same stage by one push of the whole, on the basis of either.
			whole, err := plan.Configuration(byCommands.live(), rebuild.StageServing)
			require.NoError(t, err)
			same(t, whole, byCommands.live(), ids...)

			byCommands.do(plan.Fencing...)
			fencing, err := plan.FencingPush(byPush.live())
			require.NoError(t, err)
			fencing.Node = node1
			byPush.do(fencing)
			same(t, byPush.live(), byCommands.live(), ids...)
			whole, err = plan.Configuration(byPush.live(), rebuild.StageComplete)
			require.NoError(t, err)
			same(t, byPush.live(), whole, ids...)

			names, err := pacemaker.ShortNames(node1, node2)
			require.NoError(t, err)
			for _, p := range []pair{byCommands, byPush} {
				same(t, cib, p.live(), append(ids, pacemaker.RenameNodes(names), pacemaker.Expect(pacemaker.RebuildExpectations()...))...)
			}
		})
	}
}

// running is the truth about what runs anywhere.
func (p pair) running() (out map[string][]string) {
	p.w.Do(func(s *simhost.State) { out = pacemakertest.Of(s).Where() })
	for id, nodes := range out {
		if len(nodes) == 0 {
			delete(out, id)
		}
	}
	return out
}

// H7: neither form sets the attributes of a node that is no member.
func TestAbsentNodeIsRefused(t *testing.T) {
	_, plan := imlPlan(t, false)
	p := started(t, plan)
	_, err := plan.FencingPush(p.live())
	require.ErrorIs(t, err, pacemaker.ErrNotFound)
	_, err = plan.Push(p.live(), rebuild.StageComplete)
	require.ErrorIs(t, err, pacemaker.ErrNotFound)
}

// PCM-027, PCM-028, PCM-031, PCM-032, PCM-042, PCM-043: the guide asks a file of the backup; what pcs answers is what the file says.
func TestQuestionsToTheBackedUpFile(t *testing.T) {
	cib, _ := imlPlan(t, false)
	p := newPair(t)
	text, err := os.ReadFile("../testdata/constructed-iml-2.4-el6-short-nodenames.xml")
	require.NoError(t, err)
	file := "/root/" + pcs.BackupName("ct6-mds1")
	require.Equal(t, "/root/cluster-cfg-ct6-mds1.xml", file)
	p.w.Do(func(s *simhost.State) { s.Host(node1).MustWrite(s, file, string(text), 0o600) })
	ask := func(o pcs.Operation) *strings.Reader { return strings.NewReader(p.ok(node1, "", o.Argv...)) }
	d := pcs.V09

	resources, err := pcs.ParseResources(ask(d.ShowResources(file)))
	require.NoError(t, err)
	require.Len(t, resources, 2)
	for _, r := range resources {
		want, ok := cib.Resource(r.ID)
		require.True(t, ok)
		target, _ := r.Instance.Get("target")
		wanted, _ := want.Instance.Get("target")
		require.Equal(t, wanted, target)
		require.Len(t, r.Operations, 3)
	}
	constraints, err := pcs.ParseConstraints(ask(d.ShowConstraints(file, true)))
	require.NoError(t, err)
	require.Len(t, constraints.Locations, 4)
	for i, l := range cib.Locations() {
		require.Equal(t, pacemaker.Location{ID: l.ID, Resource: l.Resource, Node: l.Node, Score: l.Score}, constraints.Locations[i])
	}
	properties, err := pcs.ParseProperties(ask(d.ShowProperties(file)))
	require.NoError(t, err)
	require.Len(t, properties.Properties, 7)
	require.Len(t, properties.Nodes, 2)
	require.Equal(t, "ct6-mds1", properties.Nodes[0].Node)
	require.Len(t, properties.Nodes[0].Pairs, 6)
	defaults, err := pcs.ParseDefaults(ask(d.ShowDefaults(file)))
	require.NoError(t, err)
	stickiness, _ := defaults.Get("resource-stickiness")
	require.Equal(t, "1000", stickiness)
	stonith, err := pcs.ParseResources(ask(d.ShowStonith(file)))
	require.NoError(t, err)
	require.Equal(t, "fence_chroma", stonith[0].Type)
}

// PCM-024: the fence device is made by the guide's command, and it is there.
func TestStonithCreate(t *testing.T) {
	_, plan := imlPlan(t, false)
	p := started(t, plan)
	p.do(plan.Stonith...)
	r, ok := p.live().Resource("st-fencing")
	require.True(t, ok)
	require.Equal(t, "stonith:fence_chroma", r.Agent())
}

// read is the pair of the guide: its CIB and its corosync.conf.
func read() (*pacemaker.CIB, *corosync.Conf, error) {
	file, err := os.Open("../testdata/constructed-iml-2.4-el6-short-nodenames.xml")
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	cib, err := pacemaker.ParseCIB(file)
	if err != nil {
		return nil, nil, err
	}
	text, err := os.Open("../corosync/testdata/iml-v2.4.2.7RC1-rendered.conf")
	if err != nil {
		return nil, nil, err
	}
	defer text.Close()
	conf, err := corosync.Parse(text)
	return cib, conf, err
}

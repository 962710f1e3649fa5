//go:build integration

package live_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab/standin"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/pacemaker/live"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// realPair is a pair of real nodes that have the cluster software and are in no cluster.
type realPair struct {
	t         *testing.T
	lab       *pairlab.Lab
	live      live.Cluster
	clients   map[string]*sshexec.Client
	addresses map[string][]string // of each node, one for each ring
	targets   []string            // the resources
	uuids     map[string]string   // of the targets, by resource
}

func newRealPair(t *testing.T) *realPair {
	disks := pairlab.GuideTargets(3)
	lab, err := pairlab.Start(t.Context(), pairlab.Options{Dir: t.TempDir(), Targets: disks})
	if errors.Is(err, pairlab.ErrUnavailable) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, lab.Close()) })
	p := &realPair{
		t: t, lab: lab, live: live.Cluster{Dialect: pcs.V011, Via: node1, Password: standin.HaclusterPassword},
		clients: map[string]*sshexec.Client{}, addresses: map[string][]string{},
		uuids: map[string]string{},
	}
	for _, n := range lab.Nodes() {
		p.addresses[n.Name()] = []string{n.Short(), n.Short() + "-ring1"}
		p.clients[n.Name()] = p.client(n.Name())
	}
	for _, d := range disks {
		p.targets = append(p.targets, pairlab.ResourceID(d))
		p.uuids[pairlab.ResourceID(d)] = d.UUID
	}
	return p
}

func (p *realPair) node(name string) *pairlab.Node {
	p.t.Helper()
	return must[*pairlab.Node](p.t)(p.lab.Node(name))
}

// client is a new connection to a node.
func (p *realPair) client(host string) *sshexec.Client {
	p.t.Helper()
	c, err := sshexec.NewClient(sshexec.Config{
		Host: host, Addr: p.node(host).Addr(), User: "root", Auth: sshexec.Auth{KeyFiles: []string{p.lab.Key()}},
		KnownHosts: []string{p.lab.KnownHosts()},
	})
	require.NoError(p.t, err)
	p.t.Cleanup(func() { _ = c.Close() })
	require.Eventually(p.t, func() bool { // a node that has just started
		_, err := c.Run(p.t.Context(), sshexec.Command(sshexec.ReadOnly, "true"))
		return err == nil
	}, time.Minute, 200*time.Millisecond, "%s does not answer", host)
	return c
}

// fence are the attributes by which a node's power can be cut.
func (p *realPair) fence(node string) []pacemaker.NVPair {
	return []pacemaker.NVPair{
		{Name: "0_fence_agent", Value: "fence_virsh"}, {Name: "0_fence_ipaddr", Value: standin.FenceAddress},
		{Name: "0_fence_ipport", Value: standin.FencePort},
		{Name: "0_fence_login", Value: standin.FenceLogin}, {Name: "0_fence_password", Value: standin.FencePassword},
		{Name: "0_fence_plug", Value: node},
	}
}

func (p *realPair) runner(host string) (sshexec.Runner, error) {
	if c := p.clients[host]; c != nil {
		return c, nil
	}
	return nil, errors.New("no such host: " + host)
}

func (p *realPair) site() change.Site { return change.Over(p.runner, nil) }

func (p *realPair) apply(c change.Change) (change.Applied, error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 4*time.Minute)
	defer cancel()
	got, err := change.Do(ctx, p.site(), c)
	p.t.Logf("%-60s %6.1f s, %d looks, already %v, %v", c.Title, got.Took.Seconds(), got.Looks, got.Already, err)
	return got, err
}

// does applies changes that have something to do; to apply them again finds them done.
func (p *realPair) does(changes ...change.Change) {
	p.t.Helper()
	for _, c := range changes {
		got, err := p.apply(c)
		require.NoError(p.t, err)
		require.False(p.t, got.Already, "%s was done before", c)
		got, err = change.Do(p.t.Context(), p.site(), c)
		require.NoError(p.t, err)
		require.True(p.t, got.Already, "%s is not seen to be done", c)
	}
}

func (p *realPair) ok(node string, argv ...string) string {
	p.t.Helper()
	res, err := p.clients[node].Run(p.t.Context(), sshexec.Command(sshexec.Disruptive, argv...))
	require.NoError(p.t, err, "%s", res.Stdout)
	return string(res.Stdout)
}

func (p *realPair) cib() *pacemaker.CIB {
	p.t.Helper()
	cib, err := pacemaker.ParseCIB(strings.NewReader(p.ok(p.live.Via, "cibadmin", "--query")))
	require.NoError(p.t, err)
	return cib
}

// sees looks until the evidence is there.
func (p *realPair) sees(limit time.Duration, list ...change.Proof) {
	p.t.Helper()
	require.NoError(p.t, change.Await(p.t.Context(), p.site(), limit, list...))
}

func (p *realPair) look(e change.Proof) error {
	p.t.Helper()
	return change.Await(p.t.Context(), p.site(), 0, e)
}

// onlyOn wants every target to be mounted on one node, and none ever to have been on two, as the storage knows it.
func (p *realPair) onlyOn(node string) {
	p.t.Helper()
	truth, err := p.lab.Truth()
	require.NoError(p.t, err)
	require.Empty(p.t, truth.DoubleMounts)
	for _, id := range p.targets {
		require.Equal(p.t, []string{node}, truth.Serving(p.uuids[id]), "%s", id)
	}
}

func (p *realPair) setup(nodes ...string) change.Change {
	s := corosync.Setup{Name: "lustre-ha-cluster", Transport: "knet", RRPMode: "passive", Token: 3000,
		Rings: []corosync.Interface{{Ring: 0}, {Ring: 1}}}
	for _, n := range nodes {
		s.Nodes = append(s.Nodes, corosync.Member{Name: n, Addresses: p.addresses[n]})
	}
	return must[change.Change](p.t)(p.live.Setup(s))
}

// seed is a minimal CIB that does not wait for other nodes (H5).
func (p *realPair) seed(node string) pcs.Operation {
	return pcs.Operation{
		Name: "seed", Node: node, Effect: sshexec.Mutating,
		Argv: []string{"install", "-o", "hacluster", "-g", "haclient", "-m", "0600", "/dev/stdin", pacemaker.CIBPath},
		Stdin: `<cib crm_feature_set="3.0.11" validate-with="pacemaker-2.5" admin_epoch="0" epoch="1" num_updates="0"><configuration><crm_config><cluster_property_set id="cib-bootstrap-options">` +
			`<nvpair id="cib-bootstrap-options-dc-deadtime" name="dc-deadtime" value="2s"/></cluster_property_set></crm_config><nodes/><resources/><constraints/></configuration><status/></cib>`,
	}
}

// Every live operation on real nodes: Pacemaker, Corosync, pcs with pcsd and OpenSSH of Debian. PCM-015 to PCM-026,
// PCM-030, PCM-035 to PCM-037, PCM-040, PCM-041, PCM-044, PCM-046, PCM-049, PCM-056, PCM-057; H2, H4, H5, H6, H7, H10,
// H17, H19, H25, H26.
func TestLiveOnARealPair(t *testing.T) {
	p := newRealPair(t)
	l := p.live
	made := must[change.Change](t)
	node := func(n string) corosync.Member { return corosync.Member{Name: n, Addresses: p.addresses[n]} }

	stonith := pacemaker.Resource{ID: "st-fencing", Kind: pacemaker.Primitive, Class: "stonith", Type: "fence_chroma"}

	require.NoError(t, p.look(l.Hacluster(node1)))
	p.ok(node1, "systemctl", "stop", "pcsd.service")
	p.ok(node1, "systemctl", "disable", "pcsd.service")
	p.does(l.StartPcsd(node1)...)
	mistaken := l
	mistaken.Password = "wr0ng"
	_, err := p.apply(mistaken.Auth(node1))
	require.ErrorIs(t, err, pacemaker.ErrNotAuthorised)
	require.NotContains(t, err.Error(), "wr0ng")
	p.does(l.Auth(node1))

	p.ok(node1, "cp", "/dev/null", pacemaker.CIBPath)
	_, err = p.apply(p.setup(node1))
	require.ErrorIs(t, err, pacemaker.ErrLeftovers)
	require.ErrorContains(t, err, pacemaker.CIBPath)
	p.ok(node1, "rm", pacemaker.CIBPath)
	p.does(p.setup(node1), l.Seed(p.seed(node1)))

	// H4: where pcs finds no init system it starts nothing and exits 0.
	p.ok(node1, "mv", "/usr/bin/systemctl", "/usr/bin/systemctl.away")
	_, err = p.apply(l.Start(node1))
	p.ok(node1, "mv", "/usr/bin/systemctl.away", "/usr/bin/systemctl")
	require.ErrorIs(t, err, pacemaker.ErrNothingDone)

	p.does(l.Start(node1), l.Enable(node1), l.UnsetProperty("dc-deadtime"))
	p.does(l.Property(pacemaker.NVPair{Name: "no-quorum-policy", Value: "ignore"}),
		l.ResourceDefault(pacemaker.NVPair{Name: "resource-stickiness", Value: "1000"}),
		l.OperationDefault(pacemaker.NVPair{Name: "timeout", Value: "120s"}))
	p.does(l.Maintenance(true), made(l.CreateStonith(stonith)))
	preferred := map[string]string{}
	for i, id := range p.targets {
		r := mgs()
		r.ID, r.Instance[0].Pairs[0].Value = id, p.uuids[id]
		p.does(made(l.CreateResource(r, true)))
		first, second := node1, node2
		if i == 1 {
			first, second = node2, node1
		}
		preferred[id] = first
		p.does(l.Constraint(pacemaker.Location{ID: id + "-primary", Resource: id, Node: first, Score: "20"}),
			l.Constraint(pacemaker.Location{ID: id + "-secondary", Resource: id, Node: second, Score: "10"}))
	}
	_, err = p.apply(l.EnableResource(p.targets[0]))
	require.ErrorContains(t, err, "maintenance")
	p.does(l.Maintenance(false))
	lift, was, err := l.LiftThrottle(p.cib())
	require.NoError(t, err)
	p.does(lift, made(l.Roles(p.cib(), "Started", p.targets...)))
	p.does(l.RestoreThrottle(was)...)
	p.onlyOn(node1)

	_, err = l.NodeAttributes(p.cib(), node2, p.fence(node2))
	require.ErrorIs(t, err, pacemaker.ErrAbsentNode)
	p.does(l.Auth(node2), l.NodeAdd(node(node2), true), l.Enable(node2))
	p.does(l.RelocateRun(preferred))
	p.does(made(l.NodeAttributes(p.cib(), node1, p.fence(node1))), made(l.NodeAttributes(p.cib(), node2, p.fence(node2))))
	p.does(l.Standby(node1))
	p.onlyOn(node2)
	p.does(l.Unstandby(node1))
	p.sees(time.Minute, l.Settled()...)

	p.unknownOutcome(l)

	// H2, H3, H18: while fencing is held a lost node is not fenced, and what it may still have is started nowhere.
	known := p.fenced()
	p.does(l.HoldFencing(stonith.ID))
	p.does(l.Standby(node1), l.Unstandby(node1)) // a resource stays where it is
	require.NoError(t, p.node(node2).Kill("corosync"))
	p.sees(time.Minute, l.InStatus("node 2 is missed", func(st *pacemaker.Status) error {
		if n, _ := st.Node(node2); !n.Unclean {
			return change.NotYet(0, "node 2 is not missed")
		}
		return nil
	}))
	require.NoError(t, change.Await(t.Context(), p.site(), 0, l.NotFenced("nobody", nil)))
	var later *change.Retry
	require.ErrorAs(t, p.look(l.Active(p.targets...)), &later, "what runs on a lost node counts as nothing")
	p.onlyOn(node2)
	p.does(l.ReleaseFencing(stonith.ID))
	p.sees(time.Minute, l.Active(p.targets...))
	p.onlyOn(node1)
	require.ErrorContains(t, p.look(l.NotFenced(node2, known)), "H1")
	p.sees(2*time.Minute, l.Online(node1, node2))

	p.does(l.Disable(node2), l.Stop(node2), l.Start(node2))
	p.does(l.NodeRemove(node2)) // H1: the cluster forgets it
	p.does(l.RemoveNodeAttributes(node1, "0_fence_ipaddr", "0_fence_agent")...)
	p.does(l.DisableResource(p.targets[0]), l.EnableResource(p.targets[0]))
	p.onlyOn(node1)
}

// unknownOutcome cuts the connection while a command runs: the state answers, and nothing is run twice.
func (p *realPair) unknownOutcome(l live.Cluster) {
	p.t.Helper()
	cut := l.Standby(node1)
	ran := 0
	breaking := change.Over(func(host string) (sshexec.Runner, error) {
		r, err := p.runner(host)
		return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
			if cmd.Effect == sshexec.ReadOnly {
				return r.Run(ctx, cmd)
			}
			ran++
			fragile := p.client(host)
			go func() {
				time.Sleep(1500 * time.Millisecond)
				_ = fragile.Close()
			}()
			// It goes on without its connection, as what a daemon does for pcs goes on.
			return fragile.Run(ctx, sshexec.Command(cmd.Effect, append([]string{"setsid", "--wait"}, cmd.Argv...)...))
		}), err
	}, nil)
	got, err := change.Do(p.t.Context(), breaking, cut)
	require.NoError(p.t, err)
	require.Equal(p.t, 1, ran)
	p.t.Logf("a command whose connection was cut: outcome %v, seen after %d looks", got.Outcome, got.Looks)
	p.onlyOn(node2)
	p.does(l.Unstandby(node1))
}

func (p *realPair) fenced() []pacemaker.FenceEvent {
	p.t.Helper()
	var events []pacemaker.FenceEvent
	require.NoError(p.t, p.look(p.live.InFencing("", func(list []pacemaker.FenceEvent) error { events = list; return nil })))
	return events
}

func onNode(node string, o pcs.Operation) pcs.Operation {
	o.Node = node
	return o
}

// PCM-051, PCM-052, PCM-056, H16: a new system lets the cluster in, and starts pcsd.
func TestLiveOnANewSystem(t *testing.T) {
	p := newRealPair(t)
	require.NoError(t, p.node(node1).Wipe(pairlab.NewRelease))
	require.NoError(t, p.lab.Trust())
	p.clients[node1] = p.client(node1)
	require.NoError(t, p.look(p.live.Hacluster(node1)))
	p.does(p.live.StartPcsd(node1)...)
	p.does(p.live.OpenFirewall(node1, []corosync.Port{{Number: 4241, Protocol: "udp"}, {Number: 4242, Protocol: "udp"}})...)
}

// H1: a cluster forgets a node that is off.
func TestLiveForget(t *testing.T) {
	p := newRealPair(t)
	l := p.live
	p.does(l.Auth(node1, node2), p.setup(node1, node2), l.Seed(p.seed(node1)), l.Seed(p.seed(node2)), l.Start(node1), l.Start(node2))
	_, err := p.apply(l.Forget(node2))
	require.ErrorContains(t, err, "still a member")
	p.does(l.Stop(node2))
	require.NoError(t, p.node(node2).PowerOff())
	p.does(l.Forget(node2))
}

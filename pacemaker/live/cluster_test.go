package live_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/pacemaker/live"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

var fence = []pacemaker.NVPair{
	{Name: "0_fence_agent", Value: "fence_ipmilan"}, {Name: "0_fence_ipaddr", Value: "10.128.3.11"},
	{Name: "0_fence_login", Value: "admin"}, {Name: "0_fence_password", Value: "p w$d"},
}

func mgs() pacemaker.Resource {
	return pacemaker.Resource{
		ID: "MGS", Kind: pacemaker.Primitive, Class: "ocf", Provider: "chroma", Type: "Target",
		Instance: pacemaker.AttributeSets{{Pairs: []pacemaker.NVPair{{Name: "target", Value: "f5a6"}}}},
		Operations: []pacemaker.Op{{Name: "monitor", Interval: "5", Timeout: "60"},
			{Name: "start", Interval: "0", Timeout: "300"}, {Name: "stop", Interval: "0", Timeout: "300"}},
	}
}

// liveSim is the simulated pair with what changes of it need.
type liveSim struct {
	pair
	live.Cluster
}

func newLiveSim(t testing.TB) liveSim {
	return newLiveSimOf(t, pcs.V09, pacemakertest.Options{})
}

func newLiveSimOf(t testing.TB, d pcs.Dialect, o pacemakertest.Options) liveSim {
	o.PCS = func(*simhost.Host) pcs.Dialect { return d }
	return liveSim{newPairWith(t, o), live.Cluster{Dialect: d, Via: node1, Password: "secret"}}
}

func (s liveSim) site() change.Site { return change.Over(s.w.Runner, s.w) }

// does applies changes, each of which has something to do, and again, when there is nothing left to do.
func (s liveSim) does(changes ...change.Change) {
	s.t.Helper()
	for _, c := range changes {
		got, err := change.Do(context.Background(), s.site(), c)
		require.NoError(s.t, err)
		require.False(s.t, got.Already, "%s was done before", c)
		got, err = change.Do(context.Background(), s.site(), c)
		require.NoError(s.t, err)
		require.True(s.t, got.Already, "%s is not seen to be done", c)
	}
}

func (s liveSim) fails(c change.Change) error {
	s.t.Helper()
	_, err := change.Do(context.Background(), s.site(), c)
	require.Error(s.t, err)
	return err
}

func (s liveSim) sees(list ...change.Proof) error {
	s.t.Helper()
	for _, e := range list {
		r, err := s.w.Runner(e.Host)
		require.NoError(s.t, err)
		res, err := r.Run(context.Background(), e.Cmd)
		require.True(s.t, err == nil || res.Outcome == sshexec.Exited, "%v", err)
		if err := e.Read(res); err != nil {
			return err
		}
	}
	return nil
}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		require.NoError(t, err)
		return v
	}
}

func (s liveSim) setupOf(nodes ...string) corosync.Setup {
	if s.Dialect.Version().Minor > 9 {
		c := corosync.Setup{Name: "lustre-ha-cluster", Transport: "knet", RRPMode: "passive", Token: 3000,
			Rings: []corosync.Interface{{Ring: 0}, {Ring: 1}}}
		for i, n := range nodes {
			c.Nodes = append(c.Nodes, corosync.Member{Name: n,
				Addresses: []string{fmt.Sprintf("10.128.0.%d", i+1), fmt.Sprintf("10.128.1.%d", i+1)}})
		}
		return c
	}
	c := corosync.Setup{Name: "lustre-ha-cluster", RRPMode: "passive", Token: 17000, FailRecvConst: 10, Rings: []corosync.Interface{
		{Ring: 0, BindNetAddr: "10.128.0.0", McastAddr: "226.94.0.1", McastPort: 4242},
		{Ring: 1, BindNetAddr: "10.128.1.0", McastAddr: "226.94.1.1", McastPort: 4244},
	}}
	for _, n := range nodes {
		c.Nodes = append(c.Nodes, corosync.Member{Name: n})
	}
	return c
}

// up is a cluster of node 1 alone.
func (s liveSim) up() {
	s.t.Helper()
	s.does(must[change.Change](s.t)(s.Setup(s.setupOf(node1))), s.Start(node1))
}

// PCM-013, PCM-015 to PCM-025, PCM-030, PCM-035, PCM-040, PCM-041, PCM-044: the whole rebuild, change by change, each proven by the state.
func TestLiveRebuildsAPair(t *testing.T) {
	for _, d := range []pcs.Dialect{pcs.V09, pcs.V011} {
		t.Run(d.Name(), func(t *testing.T) { rebuildLive(t, newLiveSimOf(t, d, pacemakertest.Options{})) })
	}
}

func rebuildLive(t *testing.T, s liveSim) {
	change := must[change.Change](t)
	require.NoError(t, s.sees(s.Hacluster(node1)))
	s.does(s.Auth(node1))
	s.up()
	s.does(s.Enable(node1))
	s.does(s.Property(pacemaker.NVPair{Name: "no-quorum-policy", Value: "ignore"}),
		s.ResourceDefault(pacemaker.NVPair{Name: "resource-stickiness", Value: "1000"}))
	s.does(s.Maintenance(true))
	s.does(change(s.CreateStonith(pacemaker.Resource{ID: "st-fencing", Kind: pacemaker.Primitive, Class: "stonith", Type: "fence_chroma"})))
	s.does(change(s.CreateResource(mgs(), true)))
	mdt := mgs()
	mdt.ID = "MDT"
	s.does(change(s.CreateResource(mdt, true)))
	for _, l := range []pacemaker.Location{
		{ID: "MGS-primary", Resource: "MGS", Node: node1, Score: "20"}, {ID: "MGS-secondary", Resource: "MGS", Node: node2, Score: "10"},
		{ID: "MDT-primary", Resource: "MDT", Node: node2, Score: "20"}, {ID: "MDT-secondary", Resource: "MDT", Node: node1, Score: "10"},
	} {
		s.does(s.Constraint(l))
	}
	require.ErrorContains(t, s.fails(s.EnableResource("MGS")), "maintenance")
	require.ErrorContains(t, s.fails(s.Standby(node1)), "maintenance")
	require.ErrorContains(t, s.fails(change(s.Roles(s.live(), "Started", "MGS"))), "maintenance")
	r, _ := s.live().Resource("MGS")
	role, _ := r.Meta.Get("target-role")
	require.Equal(t, "Stopped", role, "nothing ran")
	s.does(s.Maintenance(false))
	s.does(change(s.Roles(s.live(), "Started", "MGS", "MDT")))
	require.Equal(t, map[string][]string{"MGS": {node1}, "MDT": {node1}, "st-fencing": {node1}}, s.where())

	s.does(s.Auth(node1, node2))
	joins := corosync.Member{Name: node2}
	if s.Dialect.Version().Minor > 9 {
		joins.Addresses = []string{"10.128.0.2", "10.128.1.2"}
	}
	s.does(s.NodeAdd(joins, true), s.Enable(node2))
	s.does(s.RelocateRun(map[string]string{"MGS": node1, "MDT": node2}))
	s.does(change(s.NodeAttributes(s.live(), node1, fence)))
	require.NoError(t, s.sees(s.Settled()...))

	s.does(s.Standby(node2))
	require.Equal(t, []string{node1}, s.where()["MDT"])
	s.does(s.Unstandby(node2), s.Disable(node2), s.Stop(node2))
	require.ErrorIs(t, s.sees(s.inStatusOf(node2)), pacemaker.ErrClusterDown)
	s.does(s.DisableResource("MDT"), s.EnableResource("MDT"))
	s.does(s.Start(node2))
	require.ErrorContains(t, s.fails(s.Forget(node2)), "still a member")
	s.does(s.NodeRemove(node2)) // H1: the cluster forgets it
	s.does(s.UnsetProperty("no-quorum-policy"))
}

// inStatusOf asks one node.
func (s liveSim) inStatusOf(node string) change.Proof {
	l := s.Cluster
	l.Via = node
	e := l.Placed(map[string]string{"MGS": node})
	return e
}

func (s liveSim) where() map[string][]string {
	var out map[string][]string
	s.w.Do(func(st *simhost.State) { out = pacemakertest.Of(st).Where() })
	return out
}

// H6: files of another cluster are named before pcs would refuse, or with --force destroy it.
func TestLiveLeftovers(t *testing.T) {
	s := newLiveSim(t)
	s.does(s.Auth(node1))
	for _, file := range []string{"/etc/corosync/corosync.conf", "/etc/pacemaker/authkey", "/var/lib/pacemaker/cib/cib.xml"} {
		s.w.Do(func(st *simhost.State) {
			st.Host(node1).MustWrite(st, file, "totem {\n  cluster_name: other\n}\n", 0o600)
		})
		err := s.fails(must[change.Change](t)(s.Setup(s.setupOf(node1))))
		require.ErrorIs(t, err, pacemaker.ErrLeftovers)
		require.ErrorContains(t, err, file)
		s.w.Do(func(st *simhost.State) { require.NoError(t, st.Host(node1).Remove(st, file)) })
	}
}

// H7, H10, H11: fencing attributes.
func TestLiveNodeAttributes(t *testing.T) {
	s := newLiveSim(t)
	s.does(s.Auth(node1))
	s.up()
	_, err := s.NodeAttributes(s.live(), node2, fence)
	require.ErrorIs(t, err, pacemaker.ErrAbsentNode)
	for _, name := range []string{"standby", "maintenance", "terminate"} {
		_, err := s.NodeAttributes(s.live(), node1, []pacemaker.NVPair{{Name: name, Value: "on"}})
		require.ErrorContains(t, err, "H11")
	}
	c := must[change.Change](t)(s.NodeAttributes(s.live(), node1, fence))
	require.NotContains(t, c.String(), "p w$d")
	require.NoError(t, c.Cmd.Validate(), "no secret is in an argument")
	s.does(c)
	n, _ := s.live().Node(node1)
	var names []string
	for _, p := range n.Attributes.Effective() {
		names = append(names, p.Name)
	}
	require.Equal(t, "0_fence_agent", names[len(names)-1])
	s.does(s.RemoveNodeAttributes(node1, "0_fence_ipaddr", "0_fence_agent")...)
	require.Equal(t, "remove 0_fence_agent of "+node1, s.RemoveNodeAttributes(node1, "0_fence_ipaddr", "0_fence_agent")[0].Title)
}

// H4: pcs finds no init system, starts nothing and exits 0.
func TestLiveStartThatDoesNothing(t *testing.T) {
	s := newLiveSimOf(t, pcs.V09, pacemakertest.Options{NoInit: true})
	s.does(s.Auth(node1))
	s.does(must[change.Change](t)(s.Setup(s.setupOf(node1))))
	require.ErrorIs(t, s.fails(s.Start(node1)), pacemaker.ErrNothingDone)
}

// H26: the throttle is put back as it was.
func TestLiveThrottle(t *testing.T) {
	s := newLiveSim(t)
	s.does(s.Auth(node1))
	s.up()
	s.does(s.Property(pacemaker.NVPair{Name: "load-threshold", Value: "60%"}))
	before := s.live()
	lift, was, err := s.LiftThrottle(before)
	require.NoError(t, err)
	require.Equal(t, live.Throttle{Before: []pacemaker.NVPair{{Name: "load-threshold", Value: "60%"}}}, was)
	s.does(lift)
	s.does(s.RestoreThrottle(was)...)
	require.Empty(t, pacemaker.Diff(before, s.live()))
}

// PCM-051, PCM-052, PCM-055, H16: the service and the ports of corosync.conf, now and for good.
func TestLiveFirewall(t *testing.T) {
	s := newLiveSim(t)
	ports := []corosync.Port{{Number: 4241, Protocol: "udp"}, {Number: 4242, Protocol: "udp"}}
	require.ErrorContains(t, s.fails(s.OpenFirewall(node1, ports)[0]), "firewalld does not answer")
	s.ok(node1, "", "systemctl", "start", "firewalld")
	s.does(s.OpenFirewall(node1, ports)...)
	require.Equal(t, "4241/udp 4242/udp", strings.TrimSpace(s.ok(node1, "", "firewall-cmd", "--permanent", "--list-ports")))
	require.Contains(t, s.ok(node1, "", "firewall-cmd", "--list-services"), "high-availability")
}

// H8: what is there under the name, but not as asked, is no proof.
func TestLiveCreateOfAnother(t *testing.T) {
	s := newLiveSim(t)
	s.does(s.Auth(node1))
	s.up()
	s.does(must[change.Change](t)(s.CreateResource(mgs(), true)))
	other := mgs()
	other.Instance[0].Pairs[0].Value = "other"
	require.ErrorIs(t, s.fails(must[change.Change](t)(s.CreateResource(other, true))), live.ErrOther)
	other = mgs()
	other.Operations[0].Timeout = "61"
	require.ErrorIs(t, s.fails(must[change.Change](t)(s.CreateResource(other, true))), live.ErrOther)
	s.does(s.EnableResource("MGS"))
	require.ErrorIs(t, s.fails(must[change.Change](t)(s.CreateResource(mgs(), true))), live.ErrOther, "it is not disabled")
	s.does(s.Constraint(pacemaker.Location{ID: "MGS-primary", Resource: "MGS", Node: node1, Score: "20"}))
	require.ErrorIs(t, s.fails(s.Constraint(pacemaker.Location{ID: "MGS-primary", Resource: "MGS", Node: node1, Score: "10"})), live.ErrOther)
}

// PCM-037, PCM-038: what the init scripts of EL6 say.
func TestLiveOnEL6(t *testing.T) {
	l := live.Cluster{Via: node1, SysV: true, Hosts: pacemaker.NodeNames{"ct6-mds2": node2}}
	stop, disable, enable := l.Stop("ct6-mds2"), l.Disable("ct6-mds2"), l.Enable("ct6-mds2")
	require.Equal(t, []string{"service", "pacemaker", "status"}, stop.Proof[1].Cmd.Argv)
	require.Equal(t, []string{"chkconfig", "corosync"}, disable.Proof[0].Cmd.Argv)
	const seen, later, wrong = "seen", "later", "wrong"
	for _, c := range []struct {
		e      change.Proof
		code   int
		stderr string
		want   string
	}{
		{stop.Proof[0], 3, "", seen},
		{stop.Proof[0], 1, "", later}, // it died; pacemakerd's children outlive it
		{stop.Proof[0], 2, "", later},
		{stop.Proof[0], 0, "", later},
		{stop.Proof[0], 4, "", wrong},
		{stop.Proof[0], 127, "service: command not found", wrong},
		{disable.Proof[1], 1, "", seen},
		{disable.Proof[1], 0, "", later},
		{disable.Proof[1], 1, "error reading information on service pacemaker: No such file or directory", wrong},
		{disable.Proof[1], 127, "", wrong},
		{enable.Proof[0], 0, "", seen},
		{enable.Proof[0], 1, "", later},
	} {
		require.Equal(t, node2, c.e.Host, "the host has another name than the node (H12)")
		err := c.e.Read(sshexec.Result{Outcome: sshexec.Exited, ExitCode: c.code, Stderr: []byte(c.stderr)})
		got := seen
		var notYet *change.Retry
		if errors.As(err, &notYet) {
			got = later
		} else if err != nil {
			got = wrong
		}
		require.Equal(t, c.want, got, "%v: %d %s: %v", c.e.Cmd.Argv, c.code, c.stderr, err)
	}
}

// H5: a CIB in place before the first start.
func TestLiveSeed(t *testing.T) {
	s := newLiveSim(t)
	s.does(s.Auth(node1), must[change.Change](t)(s.Setup(s.setupOf(node1))))
	_, plan := imlPlan(t, false)
	seed := must[pcs.Operation](t)(plan.Seed())
	s.ok(node1, "", "mkdir", "-p", "/var/lib/pacemaker/cib") // the package has it
	s.does(s.Seed(seed))
	began := s.w.Now()
	s.does(s.Start(node1))
	require.Less(t, s.w.Now().Sub(began), 20*time.Second)
	require.ErrorContains(t, s.fails(s.Seed(pcs.Operation{Name: "seed", Node: node1, Argv: seed.Argv, Stdin: seed.Stdin +
		"\n", Effect: seed.Effect})), "is active", "never under a cluster that runs")
}

// H19: a cluster that does not run is no proof of anything but of that.
func TestLiveWithoutACluster(t *testing.T) {
	s := newLiveSim(t)
	s.does(s.Auth(node1))
	p := pacemaker.NVPair{Name: "no-quorum-policy", Value: "ignore"}
	for _, c := range []change.Change{
		s.Property(p), s.UnsetProperty("x"), s.ResourceDefault(p), s.OperationDefault(p), s.Maintenance(true),
		s.Standby(node1), s.Unstandby(node1), s.EnableResource("MGS"), s.DisableResource("MGS"),
		s.Constraint(pacemaker.Location{ID: "x"}), s.HoldFencing("st-fencing"), s.ReleaseFencing("st-fencing"),
		s.RelocateRun(map[string]string{"MGS": node1}), s.RelocateClear(),
		must[change.Change](t)(s.CreateResource(mgs(), true)),
	} {
		require.ErrorIs(t, s.fails(c), pacemaker.ErrClusterDown, "%s", c)
	}
	for _, e := range append(s.Settled(), s.Placed(map[string]string{"MGS": node1}), s.Active("MGS"), s.Inactive("MGS"),
		s.NotFenced(node1, nil)) {
		require.ErrorIs(t, s.sees(e), pacemaker.ErrClusterDown, "%s", e.Text)
	}
	var later *change.Retry
	require.ErrorAs(t, s.sees(s.Online(node1)), &later, "it may be starting")
}

// H1: fencing is held by the device, not by the property that lets Pacemaker believe that a lost node has stopped.
func TestLiveHoldFencing(t *testing.T) {
	for _, d := range []pcs.Dialect{pcs.V09, pcs.V011} {
		s := newLiveSimOf(t, d, pacemakertest.Options{})
		s.does(s.Auth(node1))
		s.up()
		s.does(must[change.Change](t)(s.CreateStonith(pacemaker.Resource{ID: "st-fencing", Kind: pacemaker.Primitive,
			Class: "stonith", Type: "fence_chroma"})))
		s.does(s.HoldFencing("st-fencing"))
		v, has := s.live().Property("stonith-enabled")
		require.False(t, has, v)
		s.does(s.ReleaseFencing("st-fencing"))
	}
}

// Secrets of a fence device go by standard input.
func TestLiveSecretParameters(t *testing.T) {
	s := newLiveSim(t)
	s.does(s.Auth(node1))
	s.up()
	c := must[change.Change](t)(s.CreateStonith(pacemaker.Resource{
		ID: "st-ipmi", Kind: pacemaker.Primitive, Class: "stonith", Type: "fence_ipmilan",
		Instance: pacemaker.AttributeSets{{Pairs: []pacemaker.NVPair{{Name: "ipaddr", Value: "10.0.0.1"}, {Name: "password", Value: "p w$d"}}}},
	}))
	require.NotContains(t, c.String()+c.GoString(), "p w$d")
	s.does(c)
	for _, e := range s.w.Log() {
		require.NotContains(t, fmt.Sprint(e), "p w$d")
	}
}

// SSH-005: what a fence device is told is no argument and stands in no error, also where nobody says that it is one, or only the cluster
// knows it.
func TestLiveSecretsOfAFenceDeviceThatIsAnother(t *testing.T) {
	s := newLiveSim(t)
	s.does(s.Auth(node1))
	s.up()
	device := func(class, canary string) pacemaker.Resource {
		return pacemaker.Resource{ID: "st-ipmi", Kind: pacemaker.Primitive, Class: class, Type: "fence_ipmilan",
			Instance: pacemaker.AttributeSets{{Pairs: []pacemaker.NVPair{{Name: "ipaddr", Value: "10.0.0.1"}, {Name: "enrolment", Value: canary}}}}}
	}
	one := must[change.Change](t)(s.CreateStonith(device("", "CANARY-1")))
	require.NotContains(t, one.String()+one.GoString()+strings.Join(one.Cmd.Argv, " "), "CANARY")
	s.does(one)
	err := s.fails(must[change.Change](t)(s.CreateStonith(device("", "CANARY-2"))))
	require.ErrorIs(t, err, live.ErrOther)
	require.ErrorContains(t, err, "its enrolment is")
	require.NotContains(t, err.Error(), "CANARY")
	for _, e := range s.w.Log() {
		require.NotContains(t, fmt.Sprint(e), "CANARY")
	}

	l := live.Cluster{Via: node1}
	byTemplate := device("", "CANARY-3")
	byTemplate.Type, byTemplate.Template = "", "t"
	two := must[change.Change](t)(l.CreateResource(byTemplate, false))
	require.NotContains(t, two.String()+two.GoString()+strings.Join(two.Cmd.Argv, " "), "CANARY")
	res := sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(`<cib><configuration><crm_config/><nodes/><resources><template id="t" ` +
		`class="stonith" type="fence_ipmilan"/><primitive id="st-ipmi" template="t"><instance_attributes id="i"><nvpair id="a" name="ipaddr" ` +
		`value="10.0.0.1"/><nvpair id="b" name="enrolment" value="CANARY-4"/></instance_attributes></primitive></resources>` +
		`<constraints/></configuration><status/></cib>`)}
	err = two.Proof[0].Read(res)
	require.ErrorIs(t, err, live.ErrOther)
	require.ErrorContains(t, err, "its enrolment is")
	require.NotContains(t, err.Error(), "CANARY")
}

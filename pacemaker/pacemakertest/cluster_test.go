package pacemakertest_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

const (
	n1 = "ct6-mds1.lfs.intl"
	n2 = "ct6-mds2.lfs.intl"
)

// site is two EL7 hosts with the cluster software, and an agent that fails on hosts where /root/broken exists.
type site struct {
	t testing.TB
	w *simhost.World
}

func newSite(t testing.TB, o pacemakertest.Options) site {
	reg := simhost.NewRegistry()
	users := []simhost.User{{Name: "hacluster", Group: "haclient", ID: 189, Shell: "/sbin/nologin"}}
	files := map[string]string{"/usr/lib/ocf/resource.d/chroma/Target": "", "/usr/sbin/fence_chroma": "", "/usr/sbin/fence_ipmilan": ""}
	reg.Packages = []simhost.Package{
		{Name: "pacemaker", Version: "1.1.18-11.el7", Repo: "base", Needs: []string{"corosync"},
			Services: []string{"pacemaker"}, Users: users, Files: files, Programs: []string{"cibadmin", "crm_mon"}},
		{Name: "corosync", Version: "2.4.3-2.el7", Repo: "base", Services: []string{"corosync"}},
		{Name: "pcs", Version: "0.9.162-5.el7", Repo: "base", Needs: []string{"pacemaker"}, Services: []string{"pcsd"},
			Programs: []string{"pcs"}},
	}
	pacemakertest.Install(reg)
	if o.Agents == nil {
		o.Agents = map[string]pacemakertest.Agent{"ocf:chroma:Target": {
			Start: func(_ *simhost.State, h *simhost.Host, _ pacemaker.Resource) error {
				if h.Exists("/root/broken") {
					return errors.New("broken")
				}
				return nil
			},
		}}
	}
	s := simhost.NewState(reg, time.Date(2018, 6, 12, 22, 0, 0, 0, time.UTC))
	s.AddLayer(pacemakertest.New(o))
	s.AddHost(n1, simhost.EL7())
	s.AddHost(n2, simhost.EL7())
	return site{t, simhost.NewWorld(s)}
}

func (b site) run(host, line, stdin string) (sshexec.Result, error) {
	b.t.Helper()
	argv, err := simhost.Split(line)
	require.NoError(b.t, err)
	return b.argv(host, stdin, argv...)
}

func (b site) argv(host, stdin string, argv ...string) (sshexec.Result, error) {
	b.t.Helper()
	r, err := b.w.Runner(host)
	require.NoError(b.t, err)
	cmd := sshexec.Command(sshexec.Disruptive, argv...)
	if stdin != "" {
		cmd.Stdin = sshexec.Text(stdin)
	}
	return r.Run(context.Background(), cmd)
}

func (b site) ok(host string, lines ...string) (out string) {
	b.t.Helper()
	for _, line := range lines {
		res, err := b.run(host, line, "")
		require.NoError(b.t, err, "%s\n%s%s", line, res.Stdout, res.Stderr)
		out = string(res.Stdout)
	}
	return out
}

func (b site) fails(host, line string, status int) string {
	b.t.Helper()
	res, err := b.run(host, line, "")
	require.Error(b.t, err, line)
	require.Equal(b.t, sshexec.Exited, res.Outcome, "%s: %v", line, err)
	require.Equal(b.t, status, res.ExitCode, "%s: %s%s", line, res.Stdout, res.Stderr)
	return string(res.Stdout) + string(res.Stderr)
}

// where is the truth about what runs where.
func (b site) where() (out map[string][]string) {
	b.w.Do(func(s *simhost.State) { out = pacemakertest.Of(s).Where() })
	return out
}

func (b site) fences() (out []pacemakertest.Fence) {
	b.w.Do(func(s *simhost.State) { out = pacemakertest.Of(s).Fences() })
	return out
}

const setup = "pcs cluster setup --name lustre-ha-cluster " + n1 +
	" --transport udp --rrpmode passive --addr0 10.128.0.0 --mcast0 226.94.0.1 --mcastport0 40015 --addr1 10.73.10.0 " +
	"--mcast1 226.94.1.1 --mcastport1 40015 --token 17000 --fail_recv_const 10"

// setupKnet is setup for corosync 3.
const setupKnet = "pcs cluster setup lustre-ha-cluster " + n1 +
	" addr=10.128.0.11 addr=10.73.10.11 transport knet link_mode=passive link linknumber=0 mcastport=40015 link " +
	"linknumber=1 mcastport=40015 totem token=17000 fail_recv_const=10"

func setupOf(d pcs.Dialect) string {
	if d == pcs.V09 {
		return setup
	}
	return setupKnet
}

// authorise is the line that makes nodes trust each other's pcsd; the password goes by standard input.
func authorise(d pcs.Dialect, nodes ...string) string {
	return strings.Join(d.Auth(nodes...).Argv, " ")
}

// software installs everything, opens the firewall and sets the password.
func (b site) software() {
	b.t.Helper()
	for _, h := range []string{n1, n2} {
		b.ok(h, "yum -y install pcs pacemaker corosync", "systemctl start pcsd", "systemctl enable pcsd",
			"firewall-cmd --permanent --add-service=high-availability", "firewall-cmd --permanent --add-port=40015/udp", "firewall-cmd --reload")
		_, err := b.run(h, "passwd --stdin hacluster", "secret\n")
		require.NoError(b.t, err)
	}
}

// first sets up a cluster of node 1 and waits for it.
func (b site) first() {
	b.t.Helper()
	b.software()
	_, err := b.run(n1, "pcs cluster auth "+n1+" -u hacluster", "secret\n")
	require.NoError(b.t, err)
	b.ok(n1, setup, "pcs cluster start", "pcs cluster enable")
	b.w.Advance(25 * time.Second)
}

// both is first, and node 2 added.
func (b site) both() {
	b.t.Helper()
	b.first()
	_, err := b.run(n1, "pcs cluster auth "+n1+" "+n2+" -u hacluster --force", "secret\n")
	require.NoError(b.t, err)
	b.ok(n1, "pcs cluster node add "+n2+" --start --enable")
	b.w.Advance(10 * time.Second)
}

// resources makes a fence device and two resources that prefer different nodes.
func (b site) resources() {
	b.t.Helper()
	b.ok(n1, "pcs property set no-quorum-policy=ignore", "pcs resource defaults resource-stickiness=1000",
		"pcs stonith create st-fencing fence_chroma",
		"pcs resource create A ocf:chroma:Target target=a op monitor interval=5 --disabled",
		"pcs resource create B ocf:chroma:Target target=b op monitor interval=5 --disabled",
		"pcs constraint location A prefers "+n1+"=20", "pcs constraint location A prefers "+n2+"=10",
		"pcs constraint location B prefers "+n2+"=20", "pcs constraint location B prefers "+n1+"=10",
		"pcs resource enable A", "pcs resource enable B")
	b.w.Advance(10 * time.Second)
}

func TestFirstStartTakesTwentySeconds(t *testing.T) { // H5, PCM-020
	b := newSite(t, pacemakertest.Options{})
	b.software()
	_, err := b.run(n1, "pcs cluster auth "+n1+" -u hacluster", "secret\n")
	require.NoError(t, err)
	b.ok(n1, setup, "pcs cluster start")
	require.Contains(t, b.ok(n1, "pcs status"), "Current DC: NONE")
	require.Contains(t, b.fails(n1, "pcs property set stonith-enabled=true", 1), "Timer expired")
	b.w.Advance(14 * time.Second)
	require.Contains(t, b.ok(n1, "crm_mon -1"), "Current DC: NONE")
	b.w.Advance(5 * time.Second)
	require.Contains(t, b.ok(n1, "crm_mon -1"), "Current DC: "+n1)
	b.ok(n1, "pcs property set stonith-enabled=true")
}

// H5, the way round it: a CIB put in place before the first start. It must belong to hacluster: else Pacemaker stays
// down, though every command succeeds.
func TestACIBPutInPlaceBeforeTheFirstStart(t *testing.T) {
	const cib = `<cib epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config><cluster_property_set id="cib-bootstrap-options">` +
		`<nvpair id="d" name="dc-deadtime" value="2s"/></cluster_property_set></crm_config><nodes/><resources/><constraints/></configuration><status/></cib>`
	for command, up := range map[string]bool{
		"install -o hacluster -g haclient -m 0600 /dev/stdin ": true,
		"install -o root -g haclient -m 0660 /dev/stdin ":      true,
		"install -o root -g haclient -m 0640 /dev/stdin ":      false,
		"install -o hacluster -g haclient -m 0400 /dev/stdin ": false,
		"tee ": false,
	} {
		for name, d := range map[string]pcs.Dialect{"pcs 0.9": pcs.V09, "pcs 0.11": pcs.V011} {
			t.Run(name+" "+command, func(t *testing.T) {
				b := newSite(t, pacemakertest.Options{PCS: func(*simhost.Host) pcs.Dialect { return d }})
				b.software()
				_, err := b.run(n1, authorise(d, n1), "secret\n")
				require.NoError(t, err)
				b.ok(n1, setupOf(d), "mkdir -p /var/lib/pacemaker/cib")
				_, err = b.run(n1, command+"/var/lib/pacemaker/cib/cib.xml", cib)
				require.NoError(t, err)
				b.ok(n1, "pcs cluster start")
				b.w.Advance(3 * time.Second)
				if up {
					require.Contains(t, b.ok(n1, "crm_mon -1"), "Current DC: "+n1)
					require.Contains(t, b.ok(n1, "stat -c '%a %U %G' /var/lib/pacemaker/cib/cib.xml"), "600 hacluster haclient")
					return
				}
				b.w.Advance(time.Minute)
				require.Equal(t, "active\n", b.ok(n1, "systemctl is-active pacemaker"))
				if d == pcs.V09 {
					b.fails(n1, "cibadmin --query", 107)
					return
				}
				b.fails(n1, "cibadmin --query", 102)
				require.Equal(t, "Error: unable to get cib\n", b.fails(n1, "pcs status", 1))
				res, err := b.run(n1, "crm_mon -1", "")
				require.NoError(t, err, "it exits 0 all the same")
				require.Contains(t, string(res.Stderr), "Could not connect to the CIB")
			})
		}
	}
}

// A node that was off while the other one joined comes back with a CIB that knows itself only; the cluster knows both again.
func TestEveryMemberIsInTheCIB(t *testing.T) {
	b := newSite(t, pacemakertest.Options{})
	b.both()
	for _, first := range []string{n1, n2} {
		b.ok(n1, "pcs cluster stop --all")
		for host, uname := range map[string]string{n1: n1, n2: n2} {
			epoch := "7000"
			if host == first {
				epoch = "8000"
			}
			_, err := b.run(host, "tee /var/lib/pacemaker/cib/cib.xml", `<cib epoch="`+epoch+
				`" num_updates="0" admin_epoch="0"><configuration><crm_config/><nodes><node id="`+
				map[string]string{n1: "1", n2: "2"}[uname]+`" uname="`+uname+
				`"/></nodes><resources/><constraints/></configuration><status/></cib>`)
			require.NoError(t, err)
		}
		b.ok(n1, "pcs cluster start --all")
		b.w.Advance(2 * time.Minute)
		_, online, _ := strings.Cut(b.ok(n2, "crm_mon -1"), "Online: [ ")
		online, _, _ = strings.Cut(online, " ]")
		require.ElementsMatch(t, []string{n1, n2}, strings.Fields(online), "the newer CIB was that of %s", first)
	}
}

func TestAuth(t *testing.T) { // PCM-015, PCM-016
	b := newSite(t, pacemakertest.Options{})
	b.software()
	auth := "pcs cluster auth " + n1 + " " + n2 + " -u hacluster"
	res, err := b.run(n1, auth, "wrong\n")
	require.Error(t, err)
	require.Contains(t, string(res.Stderr), "Username and/or password is incorrect")
	b.ok(n2, "firewall-cmd --remove-service=high-availability")
	res, err = b.run(n1, auth, "secret\n")
	require.Error(t, err)
	require.Contains(t, string(res.Stderr), "Unable to communicate with "+n2)
	b.ok(n2, "firewall-cmd --add-service=high-availability")
	res, err = b.run(n1, auth, "secret\n")
	require.NoError(t, err)
	require.Equal(t, "Password: \n"+n1+": Authorized\n"+n2+": Authorized\n", string(res.Stdout))
	res, err = b.run(n1, auth, "secret\n")
	require.NoError(t, err)
	require.Contains(t, string(res.Stdout), "Already authorized")
	b.ok(n2, "systemctl stop pcsd")
	require.Contains(t, b.fails(n1, "pcs cluster node add "+n2, 1), "unable to read the node list")
}

func TestSetupRefusesLeftovers(t *testing.T) { // H6
	for _, file := range []string{"/etc/corosync/corosync.conf", "/etc/pacemaker/authkey", "/var/lib/pacemaker/cib/cib.xml"} {
		b := newSite(t, pacemakertest.Options{})
		b.software()
		require.Contains(t, b.fails(n1, setup, 1), "try running 'pcs cluster auth'")
		_, err := b.run(n1, "pcs cluster auth "+n1+" "+n2+" -u hacluster", "secret\n")
		require.NoError(t, err)
		b.ok(n1, "mkdir -p "+filepath.Dir(file), "touch "+file)
		require.Contains(t, b.fails(n1, setup, 1), "node is already in a cluster")
		b.ok(n1, "pcs cluster destroy", setup)
		b.ok(n2, "mkdir -p "+filepath.Dir(file), "touch "+file)
		require.Contains(t, b.fails(n1, "pcs cluster node add "+n2, 1), "node is already in a cluster")
		b.ok(n2, "rm "+file)
		b.ok(n1, "pcs cluster node add "+n2)
	}
}

func TestAttributesOfAnAbsentNode(t *testing.T) { // H7
	b := newSite(t, pacemakertest.Options{})
	b.first()
	require.Contains(t, b.fails(n1, "pcs property set --node "+n2+" 0_fence_agent=fence_virsh", 1), "Could not map name="+n2+" to a UUID")
	b.fails(n1, "crm_attribute --type nodes --node "+n2+" --name x --update y", 6)
	b.ok(n1, "crm_attribute --type nodes --node "+n1+" --name x --update y")
	require.Equal(t, "y\n", b.ok(n1, "crm_attribute --type nodes --node "+n1+" --name x --query --quiet"))
	require.Equal(t, "scope=crm_config  name=cluster-name value=lustre-ha-cluster\n",
		b.ok(n1, "crm_attribute -t crm_config -n cluster-name -G"))
	b.ok(n1, "crm_attribute -t crm_config -n cluster-name -D")
	b.fails(n1, "crm_attribute -t crm_config -n cluster-name -G", 6)
}

// TestAnAbsentNodeInTheCIBIsFenced is the other half of H1: whoever writes a node with fencing attributes into the CIB
// before it has joined gets it shot.
func TestAnAbsentNodeInTheCIBIsFenced(t *testing.T) {
	b := newSite(t, pacemakertest.Options{})
	b.first()
	b.resources()
	_, err := b.argv(n1, `<nodes><node id="2" uname="`+n2+
		`"><instance_attributes id="nodes-2"><nvpair id="a" name="0_fence_agent" value="fence_virsh"/><nvpair id="b" name="0_fence_ipaddr" value="1"/></instance_attributes></node></nodes>`,
		"cibadmin", "--modify", "--allow-create", "--scope", "nodes", "--xml-pipe")
	require.NoError(t, err)
	b.w.Advance(10 * time.Second)
	require.Len(t, b.fences(), 1)
	require.Equal(t, n2, b.fences()[0].Target)
}

func TestPlacement(t *testing.T) {
	b := newSite(t, pacemakertest.Options{})
	b.both()
	b.resources()
	at := func(rsc string, hosts ...string) {
		t.Helper()
		require.Equal(t, hosts, append([]string(nil), b.where()[rsc]...), rsc)
	}
	at("A", n1)
	at("B", n2)

	b.ok(n1, "pcs cluster standby") // PCM-036: the local node
	b.w.Advance(10 * time.Second)
	at("A", n2)
	require.Contains(t, b.ok(n2, "pcs status"), "Node "+n1+": standby")
	b.fails(n1, "pcs cluster standby nobody", 1)
	b.ok(n2, "pcs cluster unstandby "+n1)
	b.w.Advance(10 * time.Second)
	at("A", n2) // PCM-009, H17: nothing moves back
	require.Contains(t, b.ok(n1, "pcs resource relocate show"), "Move       A     ( "+n2+" -> "+n1+" )")
	b.ok(n1, "pcs resource relocate run")
	at("A", n1)
	require.NotContains(t, b.ok(n1, "cibadmin -Q"), "pcs-relocate", "no constraint is left")

	b.ok(n1, "pcs property set maintenance-mode=true", "pcs cluster standby "+n1)
	b.w.Advance(10 * time.Second)
	at("A", n1)
	require.Contains(t, b.ok(n1, "pcs resource"), " A\t(ocf::chroma:Target):\tStarted "+n1+" (unmanaged)")
	b.ok(n1, "pcs cluster stop") // the resources go on without Pacemaker
	b.ok(n2, "pcs property set maintenance-mode=false")
	b.w.Advance(time.Minute)
	require.Empty(t, b.fences(), "it left in good order")

	b.ok(n1, "pcs cluster start")
	b.w.Advance(10 * time.Second)
	b.ok(n1, "pcs cluster unstandby "+n1, "pcs resource disable A")
	b.w.Advance(10 * time.Second)
	at("A")
	require.Contains(t, b.ok(n1, "pcs resource show"), " A\t(ocf::chroma:Target):\tStopped (disabled)") // PCM-034
	b.ok(n1, "pcs resource enable A --wait")
	at("A", n1)
	b.fails(n1, "pcs resource enable nothing", 1)
}

func TestAResourceThatCannotStart(t *testing.T) {
	b := newSite(t, pacemakertest.Options{})
	b.both()
	b.ok(n1, "touch /root/broken")
	b.resources()
	require.Equal(t, []string{n2}, b.where()["A"], "the other node takes it")
	b.ok(n1, "rm /root/broken", "pcs resource cleanup A", "pcs resource relocate run A")
	require.Equal(t, []string{n1}, b.where()["A"])
}

func TestExitStatusesOfAStoppedCluster(t *testing.T) { // H19
	b := newSite(t, pacemakertest.Options{})
	b.software()
	require.Contains(t, b.fails(n1, "pcs status", 1), "cluster is not currently running on this node")
	b.fails(n1, "crm_mon -1", 107)
	require.Contains(t, b.fails(n1, "cibadmin --query", 107), "Signon to CIB failed")
	b.fails(n1, "stonith_admin --history *", 107)
	b.fails(n1, "corosync-cfgtool -s", 1)
	b.fails(n1, "pcs resource", 1)
	b.fails(n1, "pcs property set a=b", 1)
	b.fails(n1, "pcs cluster start", 1)
	b.fails(n1, "systemctl start pacemaker", 1)
}

func TestLosses(t *testing.T) {
	attributes := func(node, plug string) string {
		return "pcs property set --node " + node + " 0_fence_ipaddr=192.168.0.1 0_fence_login=root 0_fence_plug=" + plug +
			" 0_fence_agent=fence_virsh"
	}
	for name, c := range map[string]struct {
		prepare []string
		fenced  bool
		moved   bool
	}{
		"fenced, then taken over":         {prepare: []string{attributes(n1, "1"), attributes(n2, "2")}, fenced: true, moved: true},
		"no attributes: nobody dares":     {},
		"no agent in the attributes, H10": {prepare: []string{"pcs property set --node " + n1 + " 0_fence_ipaddr=192.168.0.1"}},
		"fencing off: taken over blindly": {prepare: []string{"pcs property set stonith-enabled=false"}, moved: true},
		"another device":                  {prepare: []string{"pcs stonith create ipmi fence_ipmilan"}, fenced: true, moved: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newSite(t, pacemakertest.Options{})
			b.both()
			b.resources()
			b.ok(n1, c.prepare...)
			b.w.Do(func(s *simhost.State) { s.Host(n1).PowerOff(s) })
			b.w.Advance(4 * time.Second)
			require.Empty(t, b.where()["A"])
			b.w.Advance(30 * time.Second)
			require.Equal(t, c.fenced, len(b.fences()) > 0)
			require.Equal(t, c.moved, len(b.where()["A"]) == 1, "%v", b.where())
			if !c.moved {
				require.Contains(t, b.ok(n2, "pcs status"), "Node "+n1+": UNCLEAN (offline)")
			}
		})
	}
}

func TestRemovingANode(t *testing.T) {
	b := newSite(t, pacemakertest.Options{})
	b.both()
	b.resources()
	require.Equal(t, "1 "+n1+" member\n2 "+n2+" member\n", b.ok(n1, "crm_node -l"))
	require.Contains(t, b.fails(n1, "crm_node -R "+n2, 22), "--force")
	require.Contains(t, b.fails(n1, "crm_node -R "+n2+" --force", 22), "active")
	b.ok(n2, "pcs cluster stop")
	require.Equal(t, "1 "+n1+" member\n2 "+n2+" lost\n", b.ok(n1, "crm_node -l"))
	b.ok(n1, "crm_node -R "+n2+" --force")
	require.Equal(t, "1 "+n1+" member\n", b.ok(n1, "crm_node -l"))
	b.ok(n1, "pcs cluster node remove "+n2)
	require.NotContains(t, b.ok(n1, "cat /etc/corosync/corosync.conf"), n2)
}

func TestCibadmin(t *testing.T) {
	b := newSite(t, pacemakertest.Options{})
	b.first()
	b.resources()
	create := func(xml string) (sshexec.Result, error) {
		return b.argv(n1, "", "cibadmin", "-o", "constraints", "-C", "-X", xml)
	}
	_, err := create(`<rsc_location id="A-primary" node="` + n1 + `" rsc="A" score="20"/>`) // H9: with IML's id
	require.NoError(t, err)
	require.Contains(t, b.ok(n1, "pcs constraint show --full"), "(id:A-primary)")
	for xml, status := range map[string]int{
		`<rsc_location id="A-primary" node="` + n1 + `" rsc="A" score="20"/>`: 76,
		`<rsc_location id="x" node="` + n1 + `" rsc="none" score="20"/>`:      203,
		`not xml`: 22,
	} {
		res, err := create(xml)
		require.Error(t, err)
		require.Equal(t, status, res.ExitCode, "%s: %s", xml, res.Stderr)
	}
	_, err = b.argv(n1, "", "cibadmin", "-o", "constraints", "-M", "-X", `<rsc_location id="A-primary" score="30"/>`)
	require.NoError(t, err)
	require.Contains(t, b.ok(n1, "cibadmin -Q -o constraints"), `score="30"`)
	res, err := b.argv(n1, "", "cibadmin", "-o", "constraints", "-M", "-X", `<rsc_location id="none" score="30"/>`)
	require.Error(t, err)
	require.Equal(t, 6, res.ExitCode)
	_, err = b.argv(n1, "", "cibadmin", "-o", "constraints", "-D", "-X", `<rsc_location id="A-primary"/>`)
	require.NoError(t, err)
	require.NotContains(t, b.ok(n1, "cibadmin --query"), "A-primary")
	text := b.ok(n1, "cibadmin --query")
	_, err = b.argv(n1, strings.Replace(text, `value="1000"`, `value="5"`, 1), "cibadmin", "--replace", "-p")
	require.NoError(t, err)
	require.Contains(t, b.ok(n1, "pcs resource defaults"), "resource-stickiness: 5")
	b.fails(n1, "cibadmin -o nonsense -Q", 22)
	b.fails(n1, "cibadmin", 22)
	cib, err := pacemaker.ParseCIB(strings.NewReader(text))
	require.NoError(t, err)
	require.NotEmpty(t, cib.Nodes())
}

func TestMonitorXMLIsReadable(t *testing.T) {
	b := newSite(t, pacemakertest.Options{})
	b.both()
	b.resources()
	st, err := pacemaker.ParseStatus(strings.NewReader(b.ok(n1, "crm_mon -1 --as-xml")))
	require.NoError(t, err)
	require.Equal(t, n1, st.DC.Name)
	require.Equal(t, []string{n1}, st.RunsOn("A"))
	n, ok := st.Node(n2)
	require.True(t, ok)
	require.True(t, n.Online)
	b.fails(n1, "crm_mon --output-as=xml", 1) // Pacemaker 2.0.3 brought it
	rows, err := pcs.ParseResourceRows(strings.NewReader(b.ok(n1, "pcs resource")))
	require.NoError(t, err)
	require.Len(t, rows, 2)
}

func TestTheCIBSurvivesARebootAndNotAnInstallation(t *testing.T) {
	b := newSite(t, pacemakertest.Options{})
	b.both()
	b.resources()
	_, _ = b.run(n1, "reboot", "")
	b.w.Advance(simhost.BootTime + time.Minute)
	require.Contains(t, b.ok(n2, "pcs status"), "Online: [ "+n1+" "+n2+" ]", "it started at boot")
	b.w.Do(func(s *simhost.State) { s.Host(n1).Install(s, simhost.EL7()) })
	b.w.Advance(simhost.BootTime)
	b.fails(n1, "test -e /var/lib/pacemaker/cib/cib.xml", 1)
}

// corpus is a file of the corpus; the test is skipped without it.
func corpus(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("EVENKEEL_CORPUS")
	if root == "" {
		t.Skip("EVENKEEL_CORPUS is not set")
	}
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	require.NoError(t, err)
	t.Logf("1 file read: %s", name)
	return string(data)
}

// TestWordsOfRealPcs compares what the simulated pcs prints with the outputs of pcs 0.9.152 on the same CIB, byte for byte.
func TestWordsOfRealPcs(t *testing.T) {
	cib := corpus(t, "iml/cib/constructed-iml-2.4-el6-short-nodenames.xml")
	b := newSite(t, pacemakertest.Options{})
	b.software()
	_, err := b.run(n1, "tee /root/cib.xml", cib)
	require.NoError(t, err)
	for name, line := range map[string]string{
		"constraint_full": "constraint show --full", "constraint_show": "constraint show", "property_show": "property show",
		"resource_defaults":  "resource defaults",
		"resource_show_full": "resource show --full", "stonith_show_full": "stonith show --full",
	} {
		want := corpus(t, "pcs/0.9.152/constructed-iml-2.4-el6-short-nodenames/"+name+".out")
		require.Equal(t, want, b.ok(n1, "pcs -f /root/cib.xml "+line), name)
	}
}

// TestRebuildOfRealPcs types a recorded rebuild, and compares the exit statuses, the CIB it leaves and the
// corosync.conf with those of pcs 0.9.152.
func TestRebuildOfRealPcs(t *testing.T) {
	for name, nodes := range map[string]int{"rebuild-node1-only": 1, "rebuild-two-nodes": 2} {
		t.Run(name, func(t *testing.T) {
			transcript := corpus(t, "pcs/0.9.152/"+name+"/transcript.txt")
			b := newSite(t, pacemakertest.Options{})
			conf := "iml/corosync/pcs-0.9.152-setup-node1-udp-rrp-passive.conf"
			if nodes == 2 {
				b.both()
				conf = "iml/corosync/pcs-0.9.152-after-node2-add.conf"
			} else {
				b.first()
			}
			require.Equal(t, corpus(t, conf), b.ok(n1, "cat /etc/corosync/corosync.conf"))
			line := ""
			for _, l := range strings.Split(transcript, "\n") {
				if cmd, ok := strings.CutPrefix(l, "$ "); ok {
					line = cmd
				}
				if !strings.HasPrefix(l, "[rc=") {
					continue
				}
				res, _ := b.run(n1, line, "")
				require.Equal(t, l == "[rc=0]", res.ExitCode == 0, "%s: %s", line, res.Stderr)
			}
			want, err := pacemaker.ParseCIB(strings.NewReader(corpus(t, "pcs/0.9.152/"+name+"/cib-after.xml")))
			require.NoError(t, err)
			got, err := pacemaker.ParseCIB(bytes.NewReader([]byte(b.ok(n1, "cibadmin --query"))))
			require.NoError(t, err)
			require.Empty(t, pacemaker.Diff(want, got, pacemaker.ManagedIDs()))
		})
	}
}

// TestPlacementOfRealPacemaker puts recorded stages of the upgrade into the simulator, and compares where the resources
// come to run with the answer of Pacemaker's own scheduler.
func TestPlacementOfRealPacemaker(t *testing.T) {
	for stage, node2Stops := range map[string]bool{"A-maintenance-disabled": false, "C-node2-offline-disabled": true,
		"E-both-online-enabled": false} {
		t.Run(stage, func(t *testing.T) {
			cib := corpus(t, "simulated/"+stage+".cib.xml")
			want, err := pacemaker.ParseStatus(strings.NewReader(corpus(t, "simulated/"+stage+".crm_mon.xml")))
			require.NoError(t, err)
			b := newSite(t, pacemakertest.Options{})
			b.both()
			if node2Stops {
				b.ok(n2, "pcs cluster stop")
			}
			_, err = b.run(n1, "tee /root/cib.xml", cib)
			require.NoError(t, err)
			b.ok(n1, "pcs cluster cib-push /root/cib.xml")
			b.w.Advance(time.Minute)
			got, err := pacemaker.ParseStatus(strings.NewReader(b.ok(n1, "crm_mon -X")))
			require.NoError(t, err)
			for _, r := range want.Resources {
				require.Equal(t, want.RunsOn(r.ID), got.RunsOn(r.ID), r.ID)
			}
			for _, n := range want.Nodes {
				g, _ := got.Node(n.Name)
				require.Equal(t, n.Online, g.Online, n.Name)
			}
			require.Empty(t, b.fences())
		})
	}
}

func TestHollowFencing(t *testing.T) { // H2: Pacemaker believes the agent, and the targets run twice
	for hollow, twice := range map[bool]bool{true: true, false: false} {
		mounted := map[string]bool{}
		agent := pacemakertest.Agent{
			Start: func(s *simhost.State, h *simhost.Host, r pacemaker.Resource) error {
				h.Mount(s, simhost.Mount{Device: r.ID, Dir: "/mnt/" + r.ID, Type: "lustre"})
				return nil
			},
		}
		b := newSite(t, pacemakertest.Options{HollowFencing: hollow, Agents: map[string]pacemakertest.Agent{"ocf:chroma:Target": agent}})
		b.both()
		b.resources()
		b.ok(n1, "pcs stonith create ipmi fence_ipmilan")
		b.w.Do(func(s *simhost.State) { pacemakertest.Of(s).Kill(s, n1, "pacemaker-execd") })
		b.w.Advance(20 * time.Second)
		b.w.Do(func(s *simhost.State) {
			for _, h := range s.Hosts() {
				for _, m := range h.Mounts() {
					if m.Device == "A" {
						mounted[h.Name] = true
					}
				}
			}
		})
		require.Equal(t, twice, len(mounted) == 2, "%v", mounted)
	}
}

func TestKilledDaemons(t *testing.T) { // H3
	for daemon, fenced := range map[string]bool{"corosync": true, "pacemaker-execd": true, "pacemakerd": false, "pacemaker-attrd": false} {
		b := newSite(t, pacemakertest.Options{})
		b.both()
		b.resources()
		b.ok(n1, "pcs stonith create ipmi fence_ipmilan")
		b.w.Do(func(s *simhost.State) { pacemakertest.Of(s).Kill(s, n1, daemon) })
		b.w.Advance(20 * time.Second)
		require.Equal(t, fenced, len(b.fences()) == 1, daemon)
	}
}

// H26: four at a time, unless the limit was lifted before Pacemaker started: a new limit alone is not told to the DC.
func TestThrottle(t *testing.T) {
	for when, want := range map[string]int{"never": 4, "while it runs": 4, "before the start": 8} {
		b := newSite(t, pacemakertest.Options{})
		b.first()
		b.ok(n1, "pcs property set maintenance-mode=true", "pcs property set no-quorum-policy=ignore", "pcs property set stonith-enabled=false")
		if when != "never" {
			b.ok(n1, "pcs property set node-action-limit=16")
		}
		if when == "before the start" {
			b.ok(n1, "pcs cluster stop", "pcs cluster start")
		}
		b.w.Advance(time.Minute)
		for _, r := range strings.Split("ABCDEFGH", "") {
			b.ok(n1, "pcs resource create "+r+" ocf:chroma:Target target=x op monitor interval=5")
		}
		b.ok(n1, "pcs property set maintenance-mode=false")
		require.Len(t, b.where(), want, when)
		b.w.Advance(time.Minute)
		require.Len(t, b.where(), 8)
	}
}

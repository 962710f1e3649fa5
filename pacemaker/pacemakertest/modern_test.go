package pacemakertest_test

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// modern are the options of a site with pcs 0.11 on both hosts.
func modern(o pacemakertest.Options) pacemakertest.Options {
	o.PCS = func(*simhost.Host) pcs.Dialect { return pcs.V011 }
	return o
}

// firstModern sets up a cluster of corosync 3 on node 1 and waits for it.
func (b site) firstModern() {
	b.t.Helper()
	b.software()
	b.auth(n1, n1)
	b.ok(n1, setupKnet, "pcs cluster start", "pcs cluster enable")
	b.w.Advance(25 * time.Second)
}

func (b site) auth(host string, nodes ...string) {
	b.t.Helper()
	res, err := b.run(host, authorise(pcs.V011, nodes...), "secret\n")
	require.NoError(b.t, err, "%s", res.Stderr)
}

func (b site) bothModern() {
	b.t.Helper()
	b.firstModern()
	b.auth(n1, n1, n2)
	b.ok(n1, "pcs cluster node add "+n2+" addr=10.128.0.12 addr=10.73.10.12 --start --enable")
	b.w.Advance(10 * time.Second)
}

// resourcesModern makes a fence device and two resources that prefer different nodes.
func (b site) resourcesModern() {
	b.t.Helper()
	b.ok(n1, "pcs property set no-quorum-policy=ignore", "pcs resource defaults update resource-stickiness=1000",
		"pcs stonith create st-fencing fence_chroma",
		"pcs resource create A ocf:chroma:Target target=a op monitor interval=5 --disabled",
		"pcs resource create B ocf:chroma:Target target=b op monitor interval=5 --disabled",
		"pcs constraint location A prefers "+n1+"=20", "pcs constraint location A prefers "+n2+"=10 --force",
		"pcs constraint location B prefers "+n2+"=20 --force", "pcs constraint location B prefers "+n1+"=10",
		"pcs resource enable A B --wait=60")
}

func TestVersionOfPcs(t *testing.T) {
	for _, d := range []pcs.Dialect{pcs.V09, pcs.V010, pcs.V011, pcs.V012} {
		b := newSite(t, pacemakertest.Options{PCS: func(*simhost.Host) pcs.Dialect { return d }})
		b.software()
		v, err := pcs.ParseVersion(strings.NewReader(b.ok(n1, strings.Join(pcs.QueryVersion().Argv, " "))))
		require.NoError(t, err)
		require.Equal(t, d.Version(), v)
	}
}

// TestOldWordsAreRefused holds the words of pcs 0.9 against what pcs 0.11.5 says to them.
func TestOldWordsAreRefused(t *testing.T) {
	b := newSite(t, modern(pacemakertest.Options{}))
	b.bothModern()
	b.resourcesModern()
	for line, says := range map[string]string{
		"pcs cluster auth " + n1 + " -u hacluster": "Usage: pcs cluster",
		setup:                              "Error: option --transport not recognized",
		"pcs cluster setup --name x " + n1: "Error: Specified option '--name' is not supported in this command",
		"pcs cluster standby " + n1:        "Usage: pcs cluster",
		"pcs cluster unstandby " + n1:      "Usage: pcs cluster",
		"pcs resource show --full": "Error: This command has been replaced with 'pcs resource " +
			"config'. See 'man pcs' -> Changes in pcs-0.11.",
		"pcs resource show": "Error: This command has been replaced with 'pcs resource " +
			"status'. See 'man pcs' -> Changes in pcs-0.11.",
		"pcs stonith show --full": "Error: This command has been replaced with 'pcs stonith " +
			"config'. See 'man pcs' -> Changes in pcs-0.11.",
		"pcs property set --node a b=c": "Error: Specified option '--node' is not supported in this command",
		"pcs property set foo=bar": "Error: invalid cluster property option 'foo', allowed " +
			"options are: 'batch-limit', ",
		"pcs property set stonith-enabled=x": "Error: 'x' is not a valid stonith-enabled value, use a " +
			"pacemaker boolean value: '0', '1', 'false', 'n', 'no', 'off', 'on', 'true', 'y', 'yes', use --force to override",
		"pcs property unset nope": "Error: Cannot remove property 'nope', it is not present in " +
			"property set 'cib-bootstrap-options', use --force to override",
		"pcs resource enable A nothing": "Error: bundle/clone/group/resource/tag 'nothing' does not " +
			"exist\nError: Errors have occurred, therefore pcs is unable to continue",
		"pcs resource create A ocf:chroma:Target target=a": "Error: 'A' already exists",
		"pcs resource create X ocf:heartbeat:Dummy": "Error: Agent 'ocf:heartbeat:Dummy' is not installed or " +
			"does not provide valid metadata",
		"pcs constraint location nothing prefers " + n1 + "=1": "Error: Resource 'nothing' does not exist",
		"pcs constraint location A prefers nobody=1": "Error: Node 'nobody' does not appear to exist in " +
			"configuration, use --force to override",
		"pcs constraint location A prefers " + n1 + "=x": "Error: invalid score 'x', use integer or INFINITY or -INFINITY",
		"pcs node attribute nobody a=b": "Error: unable to set attribute a\ncrm_attribute: Could not " +
			"map name=nobody to a UUID",
		"pcs node standby nobody":  "Error: Node 'nobody' does not appear to exist in configuration",
		"pcs constraint remove zz": "Error: Unable to find constraint - 'zz'",
		"pcs resource delete zz":   "Error: Resource 'zz' does not exist.",
		"pcs":                      "Usage: pcs",
	} {
		require.Contains(t, b.fails(n1, line, 1), says, line)
	}
	for line, by := range map[string]string{
		"pcs resource defaults a=b":  "resource defaults update",
		"pcs property show":          "property config",
		"pcs constraint show --full": "constraint config",
	} {
		res, err := b.run(n1, line, "")
		require.NoError(t, err)
		require.Contains(t, string(res.Stderr),
			"Deprecation Warning: This command is deprecated and will be removed. Please use 'pcs "+by+"' instead.")
	}
	require.NoError(t, b.check())
}

// check says what rules of the simulated world were broken.
func (b site) check() error {
	var err error
	b.w.Do(func(s *simhost.State) {
		for _, v := range s.Violations() {
			err = &violated{v.String()}
		}
	})
	return err
}

type violated struct{ text string }

func (v *violated) Error() string { return v.text }

func TestPlacementWithPcs011(t *testing.T) {
	b := newSite(t, modern(pacemakertest.Options{}))
	b.bothModern()
	b.resourcesModern()
	at := func(rsc string, hosts ...string) {
		t.Helper()
		require.Equal(t, hosts, append([]string(nil), b.where()[rsc]...), rsc)
	}
	at("A", n1)
	at("B", n2)
	require.Contains(t, b.ok(n1, "cat /etc/corosync/corosync.conf"), "two_node: 1")
	b.ok(n1, "pcs node standby") // PCM-036: the local node
	b.w.Advance(10 * time.Second)
	at("A", n2)
	require.Contains(t, b.ok(n2, "pcs status"), "  * Node "+n1+": standby\n")
	require.Contains(t, b.ok(n2, "pcs status nodes"), " Standby: "+n1+"\n")
	b.ok(n2, "pcs node unstandby "+n1)
	b.ok(n2, "pcs node maintenance "+n1)
	require.Contains(t, b.ok(n2, "crm_mon --output-as=xml"), `name="`+n1+`" id="1" online="true" standby="false" standby_onfail="false" maintenance="true"`)
	b.ok(n2, "pcs node unmaintenance "+n1)
	b.w.Advance(10 * time.Second)
	at("A", n2) // PCM-009, H17: nothing moves back
	require.Contains(t, b.ok(n1, "pcs resource relocate show"), "Move       A       ( "+n2+" -> "+n1+" )")
	res, err := b.run(n1, "pcs resource relocate run", "")
	require.NoError(t, err)
	require.Equal(t, "Creating location constraint: A prefers "+n1+
		"=INFINITY\n\nWaiting for resources to move...\n\nRemoving constraint pcs-relocate-A\n", string(res.Stderr))
	at("A", n1)
	require.NotContains(t, b.ok(n1, "cibadmin -Q"), "pcs-relocate", "no constraint is left")
	require.Contains(t, b.ok(n1, "pcs resource"), "  * A\t(ocf:chroma:Target):\t Started "+n1+"\n")

	b.ok(n1, "pcs cluster stop "+n1)
	at("A", n2)
	require.Contains(t, b.ok(n2, "crm_mon -1"), "  * Online: [ "+n2+" ]\n  * OFFLINE: [ "+n1+" ]\n")
	require.Contains(t, b.fails(n2, "pcs cluster stop", 1),
		"Error: Stopping the node will cause a loss of the quorum, use --force to override")
	b.ok(n1, "pcs cluster start --wait=60")
	require.Empty(t, b.fences())
	st, err := pacemaker.ParseStatus(strings.NewReader(b.ok(n1, "crm_mon -1 --output-as=xml")))
	require.NoError(t, err)
	require.Equal(t, []string{n2}, st.RunsOn("A"))
	old, err := pacemaker.ParseStatus(strings.NewReader(b.ok(n1, "crm_mon --as-xml")))
	require.NoError(t, err)
	require.Equal(t, st.RunsOn("B"), old.RunsOn("B"))
	rows, err := pcs.ParseResourceRows(strings.NewReader(b.ok(n1, "pcs resource")))
	require.NoError(t, err)
	require.Len(t, rows, 2)
}

// A two-node cluster of which one node starts alone has no quorum until it has seen the other (wait_for_all): it acts
// only where its policy is to ignore that (H1).
func TestANodeThatStartsAlone(t *testing.T) {
	for policy, acts := range map[string]bool{"stop": false, "ignore": true} {
		b := newSite(t, modern(pacemakertest.Options{}))
		b.bothModern()
		b.resourcesModern()
		b.ok(n1, "pcs property set no-quorum-policy="+policy)
		for _, n := range []string{n1, n2} {
			b.ok(n1, "pcs node attribute "+n+" 0_fence_ipaddr=192.168.0.1 0_fence_agent=fence_virsh")
		}
		b.ok(n1, "pcs cluster stop --all")
		b.ok(n2, "pcs cluster start")
		b.w.Advance(time.Minute)
		require.Equal(t, acts, len(b.fences()) == 1, policy)
		require.Equal(t, acts, len(b.where()["A"]) == 1, policy)
		if !acts {
			require.Contains(t, b.ok(n2, "crm_mon -1"), "partition WITHOUT quorum")
		}
	}
}

// Two clusters on the same addresses have different keys: they live side by side and know nothing of each other. Their
// node names differ as well (H12).
func TestOldAndNewClusterSideBySide(t *testing.T) {
	b := newSite(t, modern(pacemakertest.Options{}))
	b.software()
	b.auth(n1, "ct6-mds1", "ct6-mds2")
	b.ok(n1, "pcs cluster setup lustre-ha-cluster ct6-mds1 addr=10.128.0.11 addr=10.73.10.11 ct6-mds2 addr=10.128.0.12 "+
		"addr=10.73.10.12 --start --enable --wait")
	require.Contains(t, b.ok(n2, "crm_mon -1"), "Online: [ ct6-mds1 ct6-mds2 ]")
	require.Equal(t, "1 ct6-mds1 member\n2 ct6-mds2 member\n", b.ok(n1, "crm_node -l"))
	b.ok(n1, "pcs property set no-quorum-policy=ignore", "pcs cluster stop ct6-mds1", "pcs cluster destroy")
	b.auth(n1, n1)
	b.ok(n1, "pcs cluster setup lustre-ha-cluster "+n1+" addr=10.128.0.11 addr=10.73.10.11", "pcs cluster start --wait")
	b.w.Advance(time.Minute)
	require.Contains(t, b.ok(n1, "crm_mon -1"), "  * Online: [ "+n1+" ]\n")
	require.Contains(t, b.ok(n2, "crm_mon -1"), "  * Online: [ ct6-mds2 ]\n  * OFFLINE: [ ct6-mds1 ]\n")
	require.Empty(t, b.fences())
	// With the key of the old cluster they would be one network again, in which neither knows the other's names.
	key := b.ok(n2, "cat /etc/corosync/authkey")
	require.NotEqual(t, key, b.ok(n1, "cat /etc/corosync/authkey"))
	b.ok(n1, "pcs cluster stop --force", "rm /etc/corosync/authkey")
	require.Contains(t, b.fails(n1, "pcs cluster start", 1), "authkey")
}

func TestAuthWithPcs011(t *testing.T) { // PCM-015, PCM-016
	b := newSite(t, modern(pacemakertest.Options{}))
	b.software()
	line := authorise(pcs.V011, n1)
	res, err := b.run(n1, line, "wrong\n")
	require.Error(t, err)
	require.Equal(t, "Error: "+n1+": Username and/or password is incorrect\n", string(res.Stderr))
	require.Contains(t, b.fails(n1, setupKnet, 1), "Error: Host '"+n1+
		"' is not known to pcs, try to authenticate the host using 'pcs host auth "+n1+
		"' command\nError: None of hosts is known to pcs.\nError: Errors have occurred")
	for range 2 { // it does so every time
		res, err = b.run(n1, line, "secret\n")
		require.NoError(t, err)
		require.Equal(t, "Password: ", string(res.Stdout))
		require.Equal(t, n1+": Authorized\n", string(res.Stderr))
	}
	b.ok(n1, setupKnet)
	require.Contains(t, b.fails(n1, "pcs cluster node add "+n2, 1),
		"Error: 2 addresses must be specified for a node, 0 addresses specified for node '"+n2+"'")
	b.auth(n1, n2)
	require.Contains(t, b.fails(n1, "pcs cluster node add "+n2, 1),
		"Error: 2 addresses must be specified for a node, 1 address specified for node '"+n2+"'")
	b.ok(n2, "systemctl stop pcsd")
	require.Contains(t, b.fails(n1, authorise(pcs.V011, n2)+" -p secret", 1), "Error: Unable to communicate with "+n2)
}

func TestSetupWithPcs011RefusesLeftovers(t *testing.T) { // H6
	for _, file := range []string{"/etc/corosync/corosync.conf", "/var/lib/pacemaker/cib/cib.xml"} {
		b := newSite(t, modern(pacemakertest.Options{}))
		b.software()
		b.auth(n1, n1, n2)
		b.ok(n1, "mkdir -p "+filepath.Dir(file), "touch "+file)
		out := b.fails(n1, setupKnet, 1)
		require.Contains(t, out, "The host seems to be in a cluster already as cluster configuration files have been found "+
			"on the host. If the host is not part of a cluster, run 'pcs cluster destroy' on host '"+n1+"' to remove")
		require.Contains(t, out, "Error: Some nodes are already in a cluster.")
		b.ok(n1, "pcs cluster destroy", setupKnet)
		require.Contains(t, b.fails(n1, setupKnet, 1), "seems to be in a cluster already")
	}
	// H15: one link only with udp.
	b := newSite(t, modern(pacemakertest.Options{}))
	b.software()
	b.auth(n1, n1)
	require.Contains(t, b.fails(n1, "pcs cluster setup c "+n1+" addr=10.128.0.21 addr=10.73.10.1 transport udp", 1),
		"Error: 1 address must be specified for a node, 2 addresses specified for node '"+n1+"'")
}

// A node that waits for its first DC takes changes already, and keeps them (unlike Pacemaker 1.1, which says "Timer expired").
func TestChangesBeforeTheFirstElection(t *testing.T) {
	b := newSite(t, modern(pacemakertest.Options{}))
	b.software()
	b.auth(n1, n1)
	b.ok(n1, setupKnet, "pcs cluster start")
	_, err := pacemaker.ParseStatus(strings.NewReader(b.ok(n1, "crm_mon -1 --as-xml")))
	require.ErrorIs(t, err, pacemaker.ErrClusterDown, "crm_mon exits 0 and knows of no cluster (H19)")
	b.ok(n1, "pcs property set stonith-enabled=false")
	require.Contains(t, b.ok(n1, "crm_mon -1"), "Current DC: NONE")
	b.w.Advance(30 * time.Second)
	require.Contains(t, b.ok(n1, "pcs property config stonith-enabled"), " stonith-enabled: false\n")
	require.Contains(t, b.ok(n1, "pcs property config"), " dc-version: 2.1.5-a3f44794f94\n")
}

func TestExitStatusesOfAStoppedCluster2(t *testing.T) { // H19
	b := newSite(t, modern(pacemakertest.Options{}))
	b.software()
	require.Equal(t, "  "+n1+": Unable to authenticate\n  "+n2+
		": Unable to authenticate\nWarning: Unable to read the known-hosts file: No such file or directory: '/var/lib/pcsd/known-hosts'\n",
		b.fails(n1, "pcs status pcsd "+n1+" "+n2, 2))
	b.auth(n1, n1, n2)
	require.Equal(t, "  "+n1+": Online\n  "+n2+": Online\n", b.ok(n1, "pcs status pcsd "+n1+" "+n2))
	b.ok(n2, "systemctl stop pcsd")
	require.Equal(t, "  "+n1+": Online\n  "+n2+": Offline\n", b.fails(n1, "pcs status pcsd "+n1+" "+n2, 2))
	require.Contains(t, b.fails(n1, "pcs status pcsd", 1), "Error: Unable to read /etc/corosync/corosync.conf: No such file or directory")
	const down = "Error: error running crm_mon, is pacemaker running?\n  error: Could not connect to launcher: " +
		"Connection refused\n  crm_mon: Connection to cluster failed: Connection refused\n"
	require.Equal(t, down, b.fails(n1, "pcs status", 1))
	require.Equal(t, "Error: cluster is not currently configured on this node\n", b.fails(n1, "pcs cluster start", 1))
	for line, status := range map[string]int{
		"crm_mon -1": 102, "crm_mon -1 --output-as=xml": 102, "cibadmin --query": 102, "crm_node -l": 102,
		"crm_attribute -t crm_config -n x -G": 102, "stonith_admin --history *": 102,
		"crm_resource --wait": 102, "corosync-cfgtool -s": 1, "pcs resource": 1, "pcs property set maintenance-mode=true": 1,
		"pcs node standby": 1, "pcs cluster status": 1, "pcs resource enable A": 1,
	} {
		b.fails(n1, line, status)
	}
	require.Contains(t, b.fails(n1, "crm_mon --as-xml", 102), `<crm_mon version="2.1.5"/>`)
}

func TestToolsOfPacemaker2(t *testing.T) {
	slow := pacemakertest.Agent{Times: func(pacemaker.Resource) (start, stop time.Duration) { return 10 * time.Second, 0 }}
	b := newSite(t, modern(pacemakertest.Options{Agents: map[string]pacemakertest.Agent{"ocf:chroma:Target": slow}}))
	b.bothModern()
	b.resourcesModern()
	b.fails(n1, "crm_attribute --type nodes --node nobody --name x --update y", 105) // H7
	b.fails(n1, "crm_attribute -t crm_config -n x -G", 105)
	b.ok(n1, "pcs node attribute "+n1+" a=b c=d")
	require.Equal(t, "Node Attributes:\n "+n1+": a=b c=d\n", b.ok(n1, "pcs node attribute "+n1))
	require.Contains(t, b.fails(n1, "pcs node attribute "+n1+" a= nope=", 2), "Error: attribute: 'nope' doesn't exist for node: '"+n1+"'")
	require.Equal(t, "Node Attributes:\n "+n1+": c=d\n", b.ok(n1, "pcs node attribute"), "what stood before the failure is done (H7)")
	b.ok(n1, "crm_attribute --type crm_config --name node-action-limit --update 32")
	require.Equal(t, "32\n", b.ok(n1, "crm_attribute --type crm_config --name node-action-limit --query --quiet"))
	require.Contains(t, b.ok(n1, "crm_attribute --type crm_config --name node-action-limit --delete"), "Deleted crm_config option")
	require.Empty(t, b.ok(n1, "crm_attribute --type crm_config --name node-action-limit --delete"), "and again, with nothing to delete")
	b.ok(n1, "crm_resource --resource A --meta --set-parameter target-role --parameter-value Stopped", "crm_resource --wait")
	require.Empty(t, b.where()["A"])
	require.Equal(t, "Stopped\n", b.ok(n1, "crm_resource --resource A --meta --get-parameter target-role"))
	require.Equal(t, "resource A is NOT running\n", b.ok(n1, "crm_resource --locate -r A"))
	b.ok(n1, "crm_resource --resource A --meta --delete-parameter target-role")
	require.Contains(t, b.fails(n1, "crm_resource --wait --timeout 1", 124), "Pending actions:\n\tAction 1: A_start_0\ton "+n1+"\n")
	b.ok(n1, "crm_resource --wait")
	require.Equal(t, "resource A is running on: "+n1+"\n", b.ok(n1, "crm_resource --locate --resource A"))
	b.fails(n1, "crm_resource --locate -r nothing", 105)
	b.fails(n1, "crm_resource --refresh --node nobody", 105)
	require.Equal(t, "0 events found\n", b.ok(n1, "stonith_admin --history *"))
	b.fails(n1, "crm_node -R "+n2, 64)

	b.ok(n1, "pcs stonith create ipmi fence_ipmilan")
	b.w.Do(func(s *simhost.State) { pacemakertest.Of(s).Kill(s, n2, "corosync") })
	lost, err := pacemaker.ParseStatus(strings.NewReader(b.ok(n1, "crm_mon --as-xml")))
	require.NoError(t, err)
	require.Equal(t, []string{n2}, lost.RunsOn("B"), "it is shown where it was until the node is fenced")
	require.Contains(t, b.ok(n1, "crm_mon -1"), "  * B\t(ocf:chroma:Target):\t Started "+n2+" (UNCLEAN)\n")
	n, _ := lost.Node(n2)
	require.False(t, n.Online)
	require.True(t, n.Unclean)
	b.w.Advance(20 * time.Second)
	events, err := pacemaker.ParseStatus(strings.NewReader(b.ok(n1, "crm_mon --as-xml")))
	require.NoError(t, err)
	require.Equal(t, []string{n1}, events.RunsOn("B"))
	require.Contains(t, b.ok(n1, "stonith_admin --history *"), "reboot of "+n2+" successful: delegate="+n1+
		", client=pacemaker-controld.1234, origin="+n1+", last-successful='")
	require.Regexp(t, "completed='.*'\n1 event found\n", b.ok(n1, "pcs stonith history"))
	require.Contains(t, b.ok(n1, "crm_mon -1 --as-xml --fence-history=3"), `<fence_event action="reboot" target="`+n2+`"`)
}

// H18: what corosync-cfgtool says of the links.
func TestLinksOfKnet(t *testing.T) {
	b := newSite(t, modern(pacemakertest.Options{}))
	b.bothModern()
	require.Equal(t, "Local node ID 1, transport knet\nLINK ID 0 udp\n\taddr\t= 10.128.0.11\n\tstatus:\n\t\tnodeid:      "+
		"    1:\tlocalhost\n\t\tnodeid:          2:\tconnected\n"+
		"LINK ID 1 udp\n\taddr\t= 10.73.10.11\n\tstatus:\n\t\tnodeid:          1:\tlocalhost\n\t\tnodeid:          2:\tconnected\n",
		b.ok(n1, "corosync-cfgtool -s"))
	b.w.Do(func(s *simhost.State) { pacemakertest.Of(s).CutRing(s, n2, 0, true) })
	b.w.Advance(time.Minute)
	require.Equal(t, 1, strings.Count(b.ok(n1, "corosync-cfgtool -s"), "disconnected"))
	require.Contains(t, b.ok(n1, "crm_mon -1"), "Online: [ "+n1+" "+n2+" ]", "one link is enough")
	b.w.Do(func(s *simhost.State) { pacemakertest.Of(s).CutRing(s, n2, 1, true) })
	b.w.Advance(time.Minute)
	require.NotContains(t, b.ok(n1, "crm_mon -1"), "Online: [ "+n1+" "+n2+" ]")
}

// TestWordsOfRealPcs011 compares what the simulated pcs prints with the outputs of pcs 0.11.5 on the same CIB, byte for byte.
func TestWordsOfRealPcs011(t *testing.T) {
	for _, cib := range []string{"constructed-iml-2.4-el6-short-nodenames"} {
		text := corpus(t, "iml/cib/"+cib+".xml")
		b := newSite(t, modern(pacemakertest.Options{}))
		b.software()
		_, err := b.run(n1, "tee /root/cib.xml", text)
		require.NoError(t, err)
		for name, line := range map[string]string{
			"constraint": "constraint", "constraint_config": "constraint config", "constraint_full": "constraint --full",
			"node_attribute": "node attribute", "property": "property", "property_config": "property config",
			"property_show": "property show", "resource": "resource", "resource_config": "resource config",
			"resource_defaults": "resource defaults", "stonith_config": "stonith config",
		} {
			require.Equal(t, corpus(t, "pcs/0.11.5/"+cib+"/"+name+".out"), b.ok(n1, "pcs -f /root/cib.xml "+line), "%s: %s", cib, name)
		}
	}
}

// TestRebuildOfRealPcs011 types a recorded rebuild, and compares the exit statuses and the CIB it leaves with those of pcs 0.11.5.
func TestRebuildOfRealPcs011(t *testing.T) {
	for _, name := range []string{"rebuild-node1-only", "rebuild-two-nodes"} {
		t.Run(name, func(t *testing.T) {
			transcript := corpus(t, "pcs/0.11.5/"+name+"/transcript.txt")
			b := newSite(t, modern(pacemakertest.Options{}))
			if name == "rebuild-two-nodes" {
				b.bothModern()
			} else {
				b.firstModern()
			}
			b.ok(n1, "cibadmin --query", "pcs cluster cib /root/cib.xml")
			line := ""
			for _, l := range strings.Split(transcript, "\n") {
				if cmd, ok := strings.CutPrefix(l, "$ pcs "); ok {
					line = "pcs -f /root/cib.xml " + cmd
				}
				if !strings.HasPrefix(l, "[rc=") {
					continue
				}
				res, _ := b.run(n1, line, "")
				require.Equal(t, l == "[rc=0]", res.ExitCode == 0, "%s: %s", line, res.Stderr)
			}
			b.ok(n1, "pcs cluster cib-push /root/cib.xml")
			want, err := pacemaker.ParseCIB(strings.NewReader(corpus(t, "pcs/0.11.5/"+name+"/cib-after.xml")))
			require.NoError(t, err)
			got, err := pacemaker.ParseCIB(bytes.NewReader([]byte(b.ok(n1, "cibadmin --query"))))
			require.NoError(t, err)
			// The recording began with a CIB of EL7.
			for _, c := range []*pacemaker.CIB{want, got} {
				c.RemoveProperty("dc-version")
			}
			require.Empty(t, pacemaker.Diff(want, got, pacemaker.ManagedIDs()))
		})
	}
}

// Durations, and the throttle, decide when what is enabled at once is up (H26): here 16 targets of 2 s each on a node
// of two cores. On a real pair under load it took 32 s with nothing lifted, with the limit alone, and with a
// load-threshold of 0; 2 s with both lifted for half a minute; and still 2 s after the limit was taken away.
func TestThrottleAndDurations(t *testing.T) {
	for name, c := range map[string]struct {
		load    float64
		lift    []string
		wait    time.Duration
		lower   []string // after the wait
		seconds int
	}{
		"idle":                     {0, nil, 0, nil, 8},
		"noticeable load":          {2.0, nil, 0, nil, 16},
		"moderate load":            {2.6, nil, 0, nil, 32},
		"high load":                {5, nil, 0, nil, 32},
		"high load, more allowed":  {5, []string{"node-action-limit=32"}, time.Minute, nil, 32},
		"high load, load allowed":  {5, []string{"load-threshold=1000%"}, 31 * time.Second, nil, 8},
		"high load, no percentage": {5, []string{"node-action-limit=32", "load-threshold=0"}, time.Minute, nil, 32},
		"idle, more allowed":       {0, []string{"node-action-limit=32"}, time.Minute, nil, 8},
		"both lifted in time":      {5, []string{"node-action-limit=32 load-threshold=1000%"}, 31 * time.Second, nil, 2},
		"both lifted, then taken": {5, []string{"node-action-limit=32 load-threshold=1000%"}, 31 * time.Second,
			[]string{"node-action-limit="}, 2},
		"everything taken, and told": {5,
			[]string{"node-action-limit=32 load-threshold=1000%", "node-action-limit= load-threshold="}, time.Minute, nil, 32},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.seconds, int(timeToStart(t, c.load, c.lift, c.wait, c.lower)/time.Second))
		})
	}
	late := timeToStart(t, 5, []string{"node-action-limit=32 load-threshold=1000%"}, 0, nil)
	require.Greater(t, late, 2*time.Second, "lifted at the last moment, it is told too late")
	require.Less(t, late, 35*time.Second)
}

// timeToStart is how long 16 targets of 2 s take that are enabled in one change.
func timeToStart(t *testing.T, load float64, lift []string, wait time.Duration, lower []string) time.Duration {
	t.Helper()
	var last time.Time
	agent := pacemakertest.Agent{
		Times: func(pacemaker.Resource) (start, stop time.Duration) { return 2 * time.Second, time.Second },
		Start: func(s *simhost.State, _ *simhost.Host, _ pacemaker.Resource) error { last = s.Now(); return nil },
	}
	b := newSite(t, modern(pacemakertest.Options{Load: load, Agents: map[string]pacemakertest.Agent{"ocf:chroma:Target": agent}}))
	b.firstModern()
	b.ok(n1, "pcs property set stonith-enabled=false")
	resources, roles := "", ""
	for _, id := range strings.Split("ABCDEFGHIJKLMNOP", "") {
		meta := `<meta_attributes id="` + id + `-m"><nvpair id="` + id + `-r" name="target-role" value="`
		resources += `<primitive id="` + id + `" class="ocf" provider="chroma" type="Target">` + meta + `Stopped"/></meta_attributes></primitive>`
		roles += `<primitive id="` + id + `">` + meta + `Started"/></meta_attributes></primitive>`
	}
	modify := func(xml string) {
		_, err := b.argv(n1, "<resources>"+xml+"</resources>", "cibadmin", "--modify", "--allow-create", "--xml-pipe")
		require.NoError(t, err)
	}
	modify(resources)
	require.Empty(t, b.where())
	for i, p := range lift {
		if i > 0 {
			b.w.Advance(time.Minute)
		}
		b.ok(n1, "pcs property set "+p)
	}
	b.w.Advance(wait)
	for _, p := range lower {
		b.ok(n1, "pcs property set "+p)
	}
	modify(roles)
	begin := b.w.Now()
	b.w.Advance(time.Minute)
	require.Len(t, b.where(), 16)
	return last.Sub(begin)
}

// TestCibadminOfPacemaker2 compares what was measured on Pacemaker 2.1.5: statuses and words.
func TestCibadminOfPacemaker2(t *testing.T) {
	b := newSite(t, modern(pacemakertest.Options{}))
	b.firstModern()
	b.resourcesModern()
	text := b.ok(n1, "cibadmin --query")
	const location = `<rsc_location id="a" rsc="A" node="x" score="1"/>`
	for _, c := range []struct {
		words  string
		xml    string
		status int
		says   string
	}{
		{"-o constraints -C", location, 0, ""},
		{"-o constraints -C", location, 108, "Call cib_create failed: File exists"},
		{"-o constraints -C", `<rsc_location id="b" rsc="none" node="x" score="1"/>`, 78,
			"Call cib_create failed: Update does not conform to the configured schema"},
		{"-o constraints -M", `<rsc_location id="zz" score="1"/>`, 105, "Call cib_modify failed: No such device or address"},
		{"-o constraints -R", `<rsc_location id="zz" rsc="A" node="x" score="1"/>`, 105, "Call cib_replace failed: No such device or address"},
		{"-o constraints -D", `<rsc_location id="zz"/>`, 0, ""},
		{"-o constraints -M", "nonsense", 78, "Couldn't parse input from input string."},
		{"-o constraints -M", `<rsc_location id="a" score="7"/>`, 0, ""},
		{"-M", `<configuration><nodes><node id="1"><instance_attributes id="nodes-1"><nvpair id="q" name="standby" value="off"/></instance_attributes></node></nodes></configuration>`, 0, ""},
		{"--replace", text, 103, "Call cib_replace failed: Update was older than existing configuration"},
	} {
		res, _ := b.argv(n1, c.xml, append(append([]string{"cibadmin"}, strings.Fields(c.words)...), "--xml-pipe")...)
		require.Equal(t, c.status, res.ExitCode, "%s %.60s: %s", c.words, c.xml, res.Stderr)
		require.Contains(t, string(res.Stderr), c.says)
	}
	require.Contains(t, b.ok(n1, "cibadmin -Q -o constraints"), `score="7"`)
	b.fails(n1, "cibadmin", 64)
	b.fails(n1, "cibadmin -M", 70)
	b.ok(n1, "cibadmin -Q -o nonsense")
	b.ok(n1, "pcs cluster cib /root/cib.xml", "pcs property set maintenance-mode=true")
	require.Contains(t, b.fails(n1, "pcs cluster cib-push /root/cib.xml", 1), "Update was older than existing configuration")
}

// The key decides who belongs together: with another one a node is alone, whatever its corosync.conf says.
func TestAnotherKeyIsAnotherCluster(t *testing.T) {
	for key, together := range map[string]bool{"": true, "another\n": false} {
		b := newSite(t, modern(pacemakertest.Options{}))
		b.bothModern()
		b.ok(n1, "pcs cluster stop")
		if key != "" {
			_, err := b.run(n1, "tee /etc/corosync/authkey", key)
			require.NoError(t, err)
		}
		b.ok(n1, "pcs cluster start")
		b.w.Advance(time.Minute)
		require.Equal(t, together, strings.Contains(b.ok(n1, "crm_mon -1"), "Online: [ "+n1+" "+n2+" ]"))
	}
}

// What runs on a node before its resource is made is found by the first probe, in maintenance as well; what runs on
// both is stopped on both, and started on one.
func TestProbes(t *testing.T) {
	runs := func(h *simhost.Host) bool { return h.Exists("/run/target") }
	agent := pacemakertest.Agent{
		Start: func(s *simhost.State, h *simhost.Host, _ pacemaker.Resource) error {
			h.MustWrite(s, "/run/target", "", 0o600)
			return nil
		},
		Stop:    func(s *simhost.State, h *simhost.Host, _ pacemaker.Resource) error { return h.Remove(s, "/run/target") },
		Running: func(_ *simhost.State, h *simhost.Host, _ pacemaker.Resource) bool { return runs(h) },
	}
	for name, c := range map[string]struct {
		on       []string
		disabled string
		end      []string
	}{
		"on the other node, and to be stopped": {[]string{n2}, " --disabled", nil},
		"on the other node, where it stays":    {[]string{n2}, "", []string{n2}},
		"on both":                              {[]string{n1, n2}, "", []string{n1}},
		"nowhere":                              {nil, "", []string{n1}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newSite(t, modern(pacemakertest.Options{Agents: map[string]pacemakertest.Agent{"ocf:chroma:Target": agent}}))
			b.bothModern()
			for _, h := range c.on {
				b.ok(h, "mkdir -p /run", "touch /run/target")
			}
			b.ok(n1, "pcs property set maintenance-mode=true", "pcs resource defaults update resource-stickiness=1000",
				"pcs property set stonith-enabled=false",
				"pcs resource create A ocf:chroma:Target target=a op monitor interval=5"+c.disabled)
			require.ElementsMatch(t, c.on, b.where()["A"], "found, and left alone")
			if len(c.on) == 2 {
				stopped := map[string]bool{}
				b.ok(n1, "pcs property set maintenance-mode=false")
				b.w.Advance(pacemakertest.StopTime)
				b.w.Do(func(s *simhost.State) {
					for _, h := range s.Hosts() {
						stopped[h.Name] = !runs(h)
					}
				})
				require.Equal(t, map[string]bool{n1: true, n2: true}, stopped, "both are stopped before one is started")
			}
			b.ok(n1, "pcs property set maintenance-mode=false")
			b.w.Advance(time.Minute)
			require.ElementsMatch(t, c.end, b.where()["A"])
			b.w.Do(func(s *simhost.State) {
				for _, h := range s.Hosts() {
					require.Equal(t, slices.Contains(c.end, h.Name), runs(h), h.Name)
				}
			})
		})
	}
}

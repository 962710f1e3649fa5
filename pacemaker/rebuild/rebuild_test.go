package rebuild

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

func guideOptions(t testing.TB) Options {
	t.Helper()
	names, err := pacemaker.ShortNames("ct6-mds1.lfs.intl", "ct6-mds2.lfs.intl")
	require.NoError(t, err)
	return Options{Node1: "ct6-mds1.lfs.intl", Node2: "ct6-mds2.lfs.intl", Names: names, Token: 17000}
}

// commands is the list as the guide would print it, but for masked secrets.
func commands(p *Plan) string {
	var b strings.Builder
	for _, s := range p.Sections() {
		for _, o := range s.Operations {
			fmt.Fprintln(&b, o)
		}
	}
	return b.String()
}

func lines(ops []pcs.Operation) []string {
	var all []string
	for _, o := range ops {
		all = append(all, o.String())
	}
	return all
}

// PCM-006 to PCM-009, PCM-013 to PCM-026, PCM-030, PCM-035 to PCM-047, PCM-062: the whole list is pinned, in both forms of constraints.
func TestRebuildGolden(t *testing.T) {
	for name, plain := range map[string]bool{"guide": true, "ids": false} {
		opts := guideOptions(t)
		opts.PlainConstraints = plain
		plan, err := New(readCIB(t, imlCIB), readConf(t), opts)
		require.NoError(t, err)
		golden.Check(t, name+".golden", plan.String())
		if plain {
			golden.Check(t, "guide-commands.golden", commands(plan))
		}
	}
}

// The exact words of the guide, argument by argument (PCM-011, PCM-013, PCM-014, PCM-021 to PCM-026, PCM-030).
func TestRebuildSpeaksTheGuidesWords(t *testing.T) {
	opts := guideOptions(t)
	opts.PlainConstraints = true
	plan, err := New(readCIB(t, imlCIB), readConf(t), opts)
	require.NoError(t, err)

	require.Equal(t, "pcs cluster setup --name lustre-ha-cluster ct6-mds1.lfs.intl --transport udp --rrpmode passive "+
		"--addr0 192.168.1.0 --mcast0 226.94.0.1 --mcastport0 4242 --addr1 10.42.42.0 --mcast1 226.94.1.1 --mcastport1 4242 "+
		"--token 17000 --fail_recv_const 10", plan.Setup[1].String())
	require.Equal(t, []string{
		"pcs property set no-quorum-policy=ignore", "pcs property set stonith-enabled=true", "pcs property set symmetric-cluster=true",
	}, lines(plan.Properties))
	require.Equal(t, []string{
		"pcs resource defaults resource-stickiness=1000", "pcs resource defaults failure-timeout=20m",
		"pcs resource defaults migration-threshold=3",
	}, lines(plan.Defaults))
	require.Equal(t, []string{"pcs property set maintenance-mode=true"}, lines(plan.Maintenance))
	require.Equal(t, []string{"pcs stonith create st-fencing fence_chroma"}, lines(plan.Stonith))
	require.Equal(t, strings.Fields("pcs resource create MGS_32834e ocf:chroma:Target target=9aaf3d9d-df51-48d5-9da1-49d57dee12c0 "+
		"op monitor interval=5 timeout=60 stop interval=0 timeout=300 start interval=0 timeout=300 --disabled"), plan.Resources[0].Argv)
	require.Equal(t, []string{
		"pcs constraint location MGS_32834e prefers ct6-mds1.lfs.intl=20",
		"pcs constraint location MGS_32834e prefers ct6-mds2.lfs.intl=10",
		"pcs constraint location demo-MDT0000_802c1b prefers ct6-mds2.lfs.intl=20",
		"pcs constraint location demo-MDT0000_802c1b prefers ct6-mds1.lfs.intl=10",
	}, lines(plan.Constraints))
}

// PCM-026: not one target is created enabled, in any dialect.
func TestEveryTargetIsCreatedDisabled(t *testing.T) {
	plan, err := New(readCIB(t, imlCIB), readConf(t), guideOptions(t))
	require.NoError(t, err)
	require.Len(t, plan.Resources, 2)
	for _, o := range plan.Resources {
		require.Contains(t, o.Argv, "--disabled")
	}
}

// PCM-017, PCM-038, PCM-039, PCM-040, PCM-041, PCM-063: who does what, in which order.
func TestSwitchOverOrder(t *testing.T) {
	plan, err := New(readCIB(t, imlCIB), readConf(t), guideOptions(t))
	require.NoError(t, err)
	var got []string
	for _, s := range plan.Sections()[7:11] {
		for _, o := range s.Operations {
			got = append(got, o.Node[:8]+" "+o.String())
		}
	}
	require.Equal(t, []string{
		"ct6-mds2 pcs cluster standby",
		"ct6-mds2 service pacemaker stop",
		"ct6-mds2 service corosync stop",
		"ct6-mds2 pcs cluster disable",
		"ct6-mds1 pcs property set maintenance-mode=false",
		"ct6-mds1 pcs resource enable MGS_32834e",
		"ct6-mds1 pcs resource enable demo-MDT0000_802c1b",
		"ct6-mds1 pcs cluster auth ct6-mds1.lfs.intl ct6-mds2.lfs.intl -u hacluster",
		"ct6-mds1 pcs cluster node add ct6-mds2.lfs.intl",
		"ct6-mds2 pcs cluster start",
		"ct6-mds2 pcs cluster enable",
		"ct6-mds1 pcs resource relocate show",
		"ct6-mds1 pcs resource relocate run",
	}, got)
	require.Equal(t, "pcs cluster auth ct6-mds1.lfs.intl -u hacluster", plan.Setup[0].String(), "PCM-017: only node 1 at first")
}

// H10, PCM-044, PCM-046: the fencing attributes come last of all, and of each device the agent last.
func TestFencingAgentComesLast(t *testing.T) {
	cib := readCIB(t, imlCIB)
	require.NoError(t, cib.SetNodeAttribute("ct6-mds1", "1_fence_agent", "fence_ipmilan"))
	require.NoError(t, cib.SetNodeAttribute("ct6-mds1", "1_fence_login", "admin"))
	plan, err := New(cib, readConf(t), guideOptions(t))
	require.NoError(t, err)
	sections := plan.Sections()
	require.Equal(t, "fencing", sections[len(sections)-1].Name)
	set := make(map[string]bool)
	for _, o := range plan.Fencing {
		node := o.Argv[4]
		for _, arg := range o.Argv[5:] {
			name, _, _ := strings.Cut(arg, "=")
			device, key, _ := strings.Cut(name, "_fence_")
			require.False(t, set[node+device], "%s %s is set after the agent", node, name)
			if key == "agent" {
				set[node+device] = true
			}
		}
		if slices.ContainsFunc(o.Argv, func(a string) bool { return strings.Contains(a, "_fence_agent=") }) {
			require.False(t, slices.ContainsFunc(o.Argv, func(a string) bool { return strings.Contains(a, "_fence_password=") }),
				"pcs keeps no order inside one command")
		}
	}
	require.Len(t, set, 3)
}

// H11: a rebuilt node is never put into standby, maintenance or fenced by what the backup says.
func TestNodeStatesAreNotCarriedOver(t *testing.T) {
	cib := readCIB(t, imlCIB)
	for _, name := range []string{"standby", "maintenance", "terminate"} {
		require.NoError(t, cib.SetNodeAttribute("ct6-mds1", name, "on"))
	}
	plan, err := New(cib, readConf(t), guideOptions(t))
	require.NoError(t, err)
	for _, o := range plan.Fencing {
		require.NotContains(t, o.String(), "standby=")
		require.NotContains(t, o.String(), "maintenance=")
		require.NotContains(t, o.String(), "terminate=")
	}
	var dropped []string
	for _, d := range plan.Dropped {
		if strings.Contains(d.Why, "H11") {
			dropped = append(dropped, d.What)
		}
	}
	require.Len(t, dropped, 3)
}

// H12, PCM-018: no short name reaches a command; a name that maps to neither node is refused.
func TestNamesAreFullyQualified(t *testing.T) {
	plan, err := New(readCIB(t, imlCIB), readConf(t), guideOptions(t))
	require.NoError(t, err)
	for _, o := range plan.Operations() {
		for _, arg := range o.Argv {
			if strings.HasPrefix(arg, "ct6-mds") || strings.HasPrefix(arg, "<rsc_location") {
				require.Contains(t, arg, ".lfs.intl", o.Name)
			}
		}
	}
	opts := guideOptions(t)
	opts.Names = nil
	_, err = New(readCIB(t, imlCIB), readConf(t), opts)
	require.ErrorIs(t, err, pacemaker.ErrUnsupported)
	require.ErrorContains(t, err, "ct6-mds2, which is neither")

	opts = guideOptions(t)
	opts.Node1 = "ct6-mds1"
	_, err = New(readCIB(t, imlCIB), readConf(t), opts)
	require.ErrorContains(t, err, "not fully qualified")

	_, err = pacemaker.ShortNames("mds1.a", "mds1.b")
	require.Error(t, err)
}

// H13: values with blanks and shell characters stay one argument, and are quoted for the reader.
func TestValuesStayOneArgument(t *testing.T) {
	cib := readCIB(t, imlCIB)
	require.NoError(t, cib.SetNodeAttribute("ct6-mds1", "0_fence_login", "a b $HOME 'x'"))
	require.NoError(t, cib.SetNodeAttribute("ct6-mds1", "0_fence_password", "p=w d$(reboot)"))
	plan, err := New(cib, readConf(t), guideOptions(t))
	require.NoError(t, err)
	var args []string
	for _, o := range plan.Fencing {
		args = append(args, o.Argv...)
	}
	require.Contains(t, args, "0_fence_login=a b $HOME 'x'")
	require.Contains(t, args, "p=w d$(reboot)", "an equals sign goes by crm_attribute")
	require.Contains(t, plan.String(), `'0_fence_login=a b $HOME '"'"'x'"'"''`)
	require.NotContains(t, plan.String(), "reboot")
}

// Passwords are in Argv, where the command needs them, and nowhere that a person or a log reads.
func TestSecretsAreMasked(t *testing.T) {
	cib := readCIB(t, imlCIB)
	require.NoError(t, cib.AddPrimitive(pacemaker.Resource{
		ID: "st-ipmi", Class: "stonith", Type: "fence_ipmilan",
		Instance: pacemaker.AttributeSets{{Pairs: []pacemaker.NVPair{{Name: "passwd", Value: "calvin"}, {Name: "login", Value: "root"}}}},
	}))
	plan, err := New(cib, readConf(t), guideOptions(t))
	require.NoError(t, err)
	text, err := json.Marshal(plan.Operations())
	require.NoError(t, err)
	for _, shown := range []string{plan.String(), string(text),
		fmt.Sprintf("%v %+v %#v", plan.Fencing, plan.Fencing, plan.Fencing), fmt.Sprint(plan.Dropped)} {
		require.NotContains(t, shown, "calvin")
		require.Contains(t, fmt.Sprint(plan.Fencing), "0_fence_password=[redacted]")
	}
	secrets := 0
	for _, o := range plan.Operations() {
		for _, i := range o.Secret {
			require.Contains(t, o.Argv[i], "calvin")
			secrets++
		}
	}
	require.Equal(t, 3, secrets)

	live := readCIB(t, "pcs-0.9.152/rebuild-two-nodes.xml")
	push, err := plan.FencingPush(live)
	require.NoError(t, err)
	require.NotContains(t, strings.Join(push.Argv, " "), "calvin")
	require.Contains(t, push.Stdin, "calvin")
	require.Contains(t, push.Stdin, `<node id="1"`)
	require.NotContains(t, fmt.Sprintf("%v %#v", push, push), "calvin")
	live.RemoveNode("ct6-mds2.lfs.intl")
	_, err = plan.FencingPush(live)
	require.ErrorIs(t, err, pacemaker.ErrNotFound, "H7: node 2 is not a member yet")
}

// H23, PCM-006: keys of EL6 are not set in the new cluster, and each is reported.
func TestOldKeysAreDroppedAndReported(t *testing.T) {
	plan, err := New(readCIB(t, imlCIB), readConf(t), guideOptions(t))
	require.NoError(t, err)
	report := fmt.Sprint(plan.Dropped)
	for _, key := range []string{"cluster-infrastructure=openais", "expected-quorum-votes=2", "dc-version=",
		"rrp_mode: active", "token: 5000", "service section", "configured_by"} {
		require.Contains(t, report, key)
	}
	for _, o := range plan.Operations() {
		for _, key := range []string{"openais", "expected-quorum-votes", "dc-version"} {
			require.NotContains(t, o.String(), key)
		}
	}
}

// PCM-002, PCM-029: the times of operations are read from the CIB, not taken from the guide's script.
func TestTimesComeFromTheCIB(t *testing.T) {
	text, err := readCIB(t, imlCIB).Query()
	require.NoError(t, err)
	cib := parseCIB(t, strings.ReplaceAll(strings.ReplaceAll(string(text), `timeout="300"`, `timeout="450"`), `interval="5"`, `interval="7"`))
	plan, err := New(cib, readConf(t), guideOptions(t))
	require.NoError(t, err)
	require.Contains(t, plan.Resources[0].String(),
		"op monitor interval=7 timeout=60 stop interval=0 timeout=450 start interval=0 timeout=450")
}

// A target that was disabled in the old cluster stays so, and the plan says it.
func TestDisabledTargetsStayDisabled(t *testing.T) {
	cib := readCIB(t, imlCIB)
	require.NoError(t, cib.SetMeta("MGS_32834e", "target-role", "Stopped"))
	plan, err := New(cib, readConf(t), guideOptions(t))
	require.NoError(t, err)
	require.Equal(t, []string{"pcs property set maintenance-mode=false", "pcs resource enable demo-MDT0000_802c1b"}, lines(plan.SwitchOver))
	require.Contains(t, fmt.Sprint(plan.Dropped), "enabling MGS_32834e")
}

// PCM-007: other values of the CIB win over the guide's; without any, two nodes ignore the quorum and more stop.
func TestPropertiesOfTheBackup(t *testing.T) {
	cib := readCIB(t, imlCIB)
	cib.RemoveProperty("no-quorum-policy")
	cib.SetProperty("stonith-enabled", "false")
	cib.SetProperty("stonith-timeout", "120s")
	plan, err := New(cib, readConf(t), guideOptions(t))
	require.NoError(t, err)
	require.Equal(t, []string{
		"pcs property set no-quorum-policy=ignore", "pcs property set stonith-enabled=false", "pcs property set symmetric-cluster=true",
		"pcs property set stonith-timeout=120s",
	}, lines(plan.Properties))
}

// What would be a guess is refused, all of it at once; what a move by hand left behind is dropped and reported.
func TestRebuildRefusesWhatItCannotExpress(t *testing.T) {
	cib := parseCIB(t, `<cib><configuration><crm_config/><nodes><node id="1" uname="ct6-mds1"><utilization id="u"><nvpair id="u1" name="cpu" value="2"/></utilization></node><node id="2" uname="ct6-mds2"/></nodes><resources>
	<group id="g"><primitive id="a" class="ocf" provider="heartbeat" type="Dummy"><meta_attributes id="a-m"><nvpair id="a-m-r" name="target-role" value="Master"/></meta_attributes></primitive></group>
	<primitive id="b" class="ocf" provider="heartbeat" type="Dummy"><meta_attributes id="b-m"><rule id="b-r" score="1"/><nvpair id="b-m-r" name="target-role" value="Started"/></meta_attributes></primitive></resources>
	<constraints><rsc_location id="l" rsc="b"><rule id="r" score="1"><expression id="e" attribute="#uname" operation="gt" value="ct6-mds1"/></rule></rsc_location>
	<rsc_location id="cli-ban-b" rsc="b" node="elsewhere" score="-INFINITY"/><rsc_location id="x" rsc="b" node="elsewhere" score="1"/>
	<rsc_location id="y" rsc="nothing" node="ct6-mds1" score="1"/><rsc_location id="z" rsc="b" node="ct6-mds1" score="much"/></constraints>
	<fencing-topology><fencing-level id="f" target-pattern="^ct6-mds1$" index="1" devices="b"/></fencing-topology><magic><spell id="s"/></magic></configuration></cib>`)
	opts := guideOptions(t)
	opts.ByXML = true
	_, err := New(cib, readConf(t), opts)
	var cannot *pacemaker.UnsupportedError
	require.ErrorAs(t, err, &cannot)
	require.ErrorIs(t, err, pacemaker.ErrUnsupported)
	require.Equal(t, []string{
		"the section magic is not known",
		"expression e compares node names by gt: with other names it says something else",
		"location constraint x names the node elsewhere, which is neither ct6-mds1.lfs.intl nor ct6-mds2.lfs.intl",
		`fencing-level f: the pattern "^ct6-mds1$" chooses ct6-mds1, but not ct6-mds1.lfs.intl, or the other way round`,
		"primitive a in g has a target-role of its own, Master: it could not be kept disabled and given back (H8)",
		"primitive b: a rule decides its target-role: it could not be kept disabled (H8)",
		`location constraint z: "much" is not a score: a whole number, INFINITY or -INFINITY`,
		"location constraint y is about nothing, which is no resource",
		"node ct6-mds1.lfs.intl has utilization attributes",
	}, cannot.What)
}

// Every operation says what it does and whether it may be repeated.
func TestOperationsDeclareTheirEffect(t *testing.T) {
	plan, err := New(readCIB(t, imlCIB), readConf(t), guideOptions(t))
	require.NoError(t, err)
	names := make(map[string]bool)
	for _, o := range plan.Operations() {
		require.NotEqual(t, op.EffectUnset, o.Effect, o.Name)
		require.NotEqual(t, op.RepeatUnset, o.Repeat, o.Name)
		require.Contains(t, o.Ref, "lustre:", o.Name)
		key := o.Node + " " + o.Name
		require.False(t, names[key], "%s stands twice", key)
		names[key] = true
	}
	for _, d := range []pcs.Operation{pcs.V09.Unstandby("n"), pcs.V09.Standby("n"), pcs.V09.DisableResource("r"),
		pcs.V09.ClusterDisable("n")} {
		require.NotEqual(t, op.EffectUnset, d.Effect)
	}
	require.Equal(t, []string{"pcs", "cluster", "standby", "n"}, pcs.V09.Standby("n").Argv, "PCM-036")
	require.Equal(t, []string{"pcs", "cluster", "disable", "n"}, pcs.V09.ClusterDisable("n").Argv, "PCM-037")
	opts := guideOptions(t)
	opts.StartOnAdd = true
	plan, err = New(readCIB(t, imlCIB), readConf(t), opts)
	require.NoError(t, err)
	require.Contains(t, commands(plan), "node add ct6-mds2.lfs.intl --start\npcs cluster enable", "PCM-040")
}

// The transport of another kind of cluster is refused before anything runs.
func TestOnlyMulticastRings(t *testing.T) {
	for text, want := range map[string]string{
		"totem {\n transport: udpu\n interface {\n ringnumber: 0\n bindnetaddr: 1.1.1.0\n mcastaddr: 226.0.0.1\n mcastport: " +
			"5405\n }\n}\n": "udpu",
		"totem {\n interface {\n ringnumber: 0\n bindnetaddr: 1.1.1.0\n broadcast: yes\n mcastport: 4001\n }\n}\n": "broadcast",
	} {
		conf, err := corosync.Parse(strings.NewReader(text))
		require.NoError(t, err)
		_, err = New(readCIB(t, imlCIB), conf, guideOptions(t))
		require.ErrorIs(t, err, pacemaker.ErrUnsupported)
		require.ErrorContains(t, err, want)
	}
}

// TestRebuildKeepsTheClustersName: nobody asked for another one; and commands that would not stop the old cluster are refused.
func TestRebuildKeepsTheClustersName(t *testing.T) {
	conf := func(name, transport string) *corosync.Conf {
		c, err := corosync.Parse(strings.NewReader("totem {\n version: 2\n" + name + transport +
			"}\nnodelist {\n node {\n ring0_addr: 10.0.0.1\n name: n1.x\n nodeid: 1\n }\n node {\n ring0_addr: 10.0.0.2\n " +
			"name: n2.x\n nodeid: 2\n }\n}\n"))
		require.NoError(t, err)
		return c
	}
	cib := func(property string) *pacemaker.CIB {
		return parseCIB(t, `<cib validate-with="pacemaker-3.0" crm_feature_set="3.15.0" epoch="9" num_updates="0" admin_epoch="0"><configuration>
<crm_config><cluster_property_set id="o">`+property+`</cluster_property_set></crm_config>
<nodes><node id="1" uname="n1.x"/><node id="2" uname="n2.x"/></nodes>
<resources><primitive id="a" class="ocf" provider="pacemaker" type="Dummy"/></resources><constraints/></configuration></cib>`)
	}
	named := `<nvpair id="cn" name="cluster-name" value="nfs"/>`
	opts := Options{Node1: "n1.x", Node2: "n2.x", Dialect: pcs.V011, OldDialect: pcs.V011, ByXML: true}
	knet := " transport: knet\n"
	for name, tc := range map[string]struct {
		cib  *pacemaker.CIB
		conf *corosync.Conf
		want string
	}{
		"corosync.conf says it": {cib(""), conf(" cluster_name: nfs\n", knet), "nfs"},
		"the CIB says it":       {cib(named), conf("", knet), "nfs"},
		"both":                  {cib(named), conf(" cluster_name: nfs\n", knet), "nfs"},
		"neither: the guide's":  {cib(""), conf("", knet), "lustre-ha-cluster"},
	} {
		plan, err := New(tc.cib, tc.conf, opts)
		require.NoError(t, err, name)
		require.Contains(t, plan.Setup[1].String(), "pcs cluster setup "+tc.want+" ", name)
	}
	_, err := New(cib(named), conf(" cluster_name: web\n", knet), opts)
	require.ErrorContains(t, err, `"web" in corosync.conf and "nfs" in the CIB`)
	own := opts
	own.ClusterName = "new"
	plan, err := New(cib(named), conf(" cluster_name: web\n", knet), own)
	require.NoError(t, err)
	require.Contains(t, plan.Setup[1].String(), "pcs cluster setup new ")
	own.OldDialect = pcs.V09
	_, err = New(cib(named), conf(" cluster_name: nfs\n", knet), own)
	require.ErrorIs(t, err, pacemaker.ErrUnsupported)
	require.ErrorContains(t, err, "OldDialect")
}

// The token of the cluster is kept where nobody asks for another one, and the guide's taken where the file has none; so with lost messages.
func TestRebuildKeepsTheToken(t *testing.T) {
	for file, want := range map[string]string{
		"":                            "--token 17000 --fail_recv_const 10",
		"token: 30000":                "--token 30000 --fail_recv_const 10",
		"fail_recv_const: 2500":       "--token 17000 --fail_recv_const 2500",
		"token: 8000\ntransport: udp": "--token 8000 --fail_recv_const 10",
	} {
		conf := strings.Replace(printed(t, readConf(t)), "token: 5000\n", file+"\n", 1)
		c, err := corosync.Parse(strings.NewReader(conf))
		require.NoError(t, err)
		opts := guideOptions(t)
		opts.Token = 0
		plan, err := New(readCIB(t, imlCIB), c, opts)
		require.NoError(t, err)
		require.Contains(t, plan.Setup[1].String(), " "+want, file)
		require.NotContains(t, fmt.Sprint(plan.Dropped), "token")
		opts.Token = 12000
		plan, err = New(readCIB(t, imlCIB), c, opts)
		require.NoError(t, err)
		require.Contains(t, plan.Setup[1].String(), " --token 12000 ")
		require.Equal(t, strings.HasPrefix(file, "token"), strings.Contains(fmt.Sprint(plan.Dropped), "the new cluster uses 12000 ms"), file)
	}
}

// Where no dialect is given, the files tell it: nothing of corosync 3 or Pacemaker 2 is made again by the commands of EL6. Where they
// contradict each other, it has to be given.
func TestRebuildKeepsTheEra(t *testing.T) {
	const totem = "totem {\n version: 2\n%s}\nnodelist {\n node {\n ring0_addr: 10.0.0.1\n name: n1.x\n nodeid: 1\n }\n " +
		"node {\n ring0_addr: 10.0.0.2\n name: n2.x\n nodeid: 2\n }\n}\n"
	rings := printed(t, readConf(t))
	knet := fmt.Sprintf(totem, " transport: knet\n")
	udp := fmt.Sprintf(totem, " transport: udp\n interface {\n bindnetaddr: 10.0.0.0\n mcastaddr: 226.94.0.1\n mcastport: 5405\n }\n")
	opts := Options{Node1: "n1.x", Node2: "n2.x"}
	for name, tc := range map[string]struct{ conf, feature, want string }{
		"EL6":                          {rings, "3.0.7", "0.9"},
		"corosync 1, the CIB is mute":  {rings, "", "0.9"},
		"Pacemaker 2":                  {knet, "3.15.0", "0.10"},
		"Pacemaker 2.0":                {knet, "3.1.0", "0.10"},
		"corosync 3, the CIB is mute":  {knet, "", "0.10"},
		"one ring of any, Pacemaker 2": {udp, "3.19.0", "0.10"},
		"a corosync of Pacemaker 1.1":  {knet, "3.0.14", ""},
		"a Pacemaker on corosync 1":    {rings, "3.15.0", ""},
		"a number that is none":        {knet, "new", ""},
	} {
		conf, err := corosync.Parse(strings.NewReader(tc.conf))
		require.NoError(t, err)
		cib := parseCIB(t, `<cib crm_feature_set="`+tc.feature+
			`"><configuration><crm_config/><nodes/><resources/><constraints/></configuration></cib>`)
		plan, err := New(cib, conf, opts)
		switch tc.want {
		case "":
			require.ErrorContains(t, err, "give Dialect and OldDialect", name)
		case "0.9":
			require.NoError(t, err, name)
			require.Contains(t, plan.Setup[1].String(), "pcs cluster setup --name lustre-ha-cluster n1.x --transport udp", name)
			require.Equal(t, []string{"pcs cluster standby", "service pacemaker stop", "service corosync stop",
				"pcs cluster disable"}, lines(plan.StopOther), name)
		default:
			require.NoError(t, err, name)
			require.Contains(t, plan.Setup[1].String(), "pcs cluster setup lustre-ha-cluster n1.x addr=10.0.0.1 transport ", name)
			require.Equal(t, []string{"pcs node standby", "pcs cluster stop --force", "pcs cluster disable"}, lines(plan.StopOther), name)
		}
	}
}

// TestRebuildOfNothing: of nothing, nothing is planned.
func TestRebuildOfNothing(t *testing.T) {
	for _, c := range []*pacemaker.CIB{nil, {}} {
		_, err := New(c, readConf(t), guideOptions(t))
		require.Error(t, err)
	}
	for _, conf := range []*corosync.Conf{nil, {}} {
		_, err := New(readCIB(t, imlCIB), conf, guideOptions(t))
		require.Error(t, err)
	}
}

package rebuild

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// wideCIB has what the guide's clusters do not: groups, clones, a template, rules, sets, orders, colocations, tickets, tags, access rights,
// alerts, a fencing topology, parameters that name nodes, and a fence device with a password.
const wideCIB = `<cib crm_feature_set="3.0.11" validate-with="pacemaker-3.9" epoch="3" num_updates="0" admin_epoch="0"><configuration>
<crm_config><cluster_property_set id="cib-bootstrap-options"><nvpair id="p1" name="stonith-enabled" value="true"/><nvpair id="p2" name="cluster-infrastructure" value="cman"/>
<nvpair id="p3" name="dc-deadtime" value="5s"/></cluster_property_set></crm_config>
<nodes><node id="ct6-mds1" uname="ct6-mds1"><instance_attributes id="n1"><nvpair id="n1-s" name="standby" value="on"/><nvpair id="n1-r" name="rack" value="a b"/></instance_attributes></node><node id="ct6-mds2" uname="ct6-mds2"/></nodes>
<resources>
<primitive id="ipmi1" class="stonith" type="fence_ipmilan"><instance_attributes id="ipmi1-ia"><nvpair id="ipmi1-1" name="passwd" value="cal vin"/><nvpair id="ipmi1-2" name="pcmk_host_list" value="ct6-mds1,ct6-mds2"/><nvpair id="ipmi1-3" name="pcmk_host_map" value="ct6-mds1:1;ct6-mds2:2"/></instance_attributes></primitive>
<clone id="fences"><primitive id="ipmi2" class="stonith" type="fence_ipmilan"/></clone>
<primitive id="from" template="T"/>
<template id="T" class="ocf" provider="heartbeat" type="Dummy"><operations><op id="T-m" name="monitor" interval="10s"/></operations></template>
<group id="G"><meta_attributes id="G-m"><nvpair id="G-m1" name="target-role" value="Started"/></meta_attributes>
 <primitive id="g1" class="ocf" provider="heartbeat" type="Dummy"><instance_attributes id="g1-ia"><nvpair id="g1-1" name="fake" value="x"/></instance_attributes><meta_attributes id="g1-m"><nvpair id="g1-m1" name="target-role" value="Started"/></meta_attributes></primitive>
 <primitive id="g2" class="ocf" provider="heartbeat" type="Dummy"><utilization id="g2-u"><nvpair id="g2-u1" name="cpu" value="1"/></utilization></primitive></group>
<clone id="C"><meta_attributes id="C-m"><nvpair id="C-m1" name="promotable" value="true"/><nvpair id="C-m2" name="target-role" value="Promoted"/></meta_attributes><primitive id="c1" class="ocf" provider="pacemaker" type="Stateful"/></clone>
<primitive id="off" class="ocf" provider="heartbeat" type="Dummy"><meta_attributes id="off-m"><nvpair id="off-m1" name="target-role" value="Stopped"/></meta_attributes><operations><op id="off-mon" name="monitor" interval="10s"/></operations></primitive>
<primitive id="dog" class="ocf" provider="heartbeat" type="Dummy"><instance_attributes id="dog-ia"><nvpair id="dog-1" name="fake" value="p"/></instance_attributes><operations><op id="dog-mon" name="monitor" interval="10s" on-fail="restart"><instance_attributes id="dog-o"><nvpair id="dog-o1" name="OCF_CHECK_LEVEL" value="10"/></instance_attributes></op></operations></primitive>
</resources>
<constraints>
<rsc_location id="l1" rsc="G" node="ct6-mds1" score="20"/><rsc_location id="l2" rsc="G" node="ct6-mds2" score="10"/>
<rsc_location id="l3" rsc="C"><rule id="l3-r" score="-INFINITY"><expression id="l3-e" attribute="#uname" operation="ne" value="ct6-mds1"/></rule></rsc_location>
<rsc_order id="o1" first="G" then="C"/><rsc_colocation id="c1-with-g" rsc="off" with-rsc="G" score="5"/><rsc_ticket id="t1" rsc="off" ticket="T1" loss-policy="stop"/>
<rsc_order id="o2"><resource_set id="o2-s"><resource_ref id="off"/><resource_ref id="dog"/></resource_set></rsc_order>
</constraints>
<rsc_defaults><meta_attributes id="rd"><nvpair id="rd1" name="resource-stickiness" value="7"/></meta_attributes></rsc_defaults>
<op_defaults><meta_attributes id="od1" score="2"><rule id="od1-r" score="INFINITY"><op_expression id="od1-e" name="monitor"/></rule><nvpair id="od1-1" name="timeout" value="9s"/></meta_attributes><meta_attributes id="od2"><nvpair id="od2-1" name="timeout" value="8s"/></meta_attributes></op_defaults>
<fencing-topology><fencing-level id="f1" target="ct6-mds1" index="1" devices="ipmi1"/><fencing-level id="f2" target-pattern="ct6-mds.*" index="2" devices="ipmi2"/></fencing-topology>
<tags><tag id="tag1"><obj_ref id="G"/><obj_ref id="off"/></tag></tags>
<acls><acl_role id="role1"><acl_permission id="perm1" kind="read" xpath="/cib"/></acl_role></acls>
<alerts><alert id="alert1" path="/bin/true"><recipient id="rec1" value="x"/></alert></alerts>
</configuration><status/></cib>`

// One model, every shape: pcs where it has the words, cibadmin with the ids for all else; nothing is enabled too early.
func TestRebuildOfAnyCluster(t *testing.T) {
	for _, d := range []pcs.Dialect{pcs.V09, pcs.V011} {
		opts := guideOptions(t)
		opts.Dialect, opts.ByXML = d, true
		conf := readConf(t)
		if d.Modern() {
			opts.Knet, opts.OldDialect = true, pcs.V010
			opts.Addresses = map[string][]string{opts.Node1: {"192.168.1.21", "10.42.42.21"}, opts.Node2: {"192.168.1.22", "10.42.42.22"}}
		}
		plan, err := New(parseCIB(t, wideCIB), conf, opts)
		require.NoError(t, err)
		golden.Check(t, "wide-"+strings.ReplaceAll(d.Name(), " ", "-")+".golden", plan.String())
		require.NotContains(t, plan.String(), "cal vin")
		for _, o := range plan.Operations() {
			require.NotEqual(t, op.EffectUnset, o.Effect, o.Name)
			require.NotEqual(t, op.RepeatUnset, o.Repeat, o.Name)
			if len(o.Secret) > 0 {
				require.NotNil(t, o.Private, o.Name)
				require.NotContains(t, strings.Join(o.Runs().Argv, " "), "cal vin")
				require.Contains(t, o.Runs().Stdin, "cal vin")
				require.NotContains(t, fmt.Sprintf("%v %#v", o.Runs(), o), "cal vin")
			} else {
				require.Equal(t, fmt.Sprint(o.Argv), fmt.Sprint(o.Runs().Argv))
			}
		}
		// H8: whatever is made before the switch-over is disabled.
		for _, o := range plan.Resources {
			made := strings.Contains(o.String(), "--disabled") || strings.Contains(o.Stdin, `name="target-role" value="Stopped"`)
			require.True(t, made, "%s", o)
			require.NotContains(t, o.String(), `value="Started"`)
		}
	}
}

// Without ByXML nothing but what the guide's commands can say is taken, and all of the rest is told at once.
func TestRebuildByTheGuidesCommandsOnly(t *testing.T) {
	_, err := New(parseCIB(t, wideCIB), readConf(t), guideOptions(t))
	var cannot *pacemaker.UnsupportedError
	require.ErrorAs(t, err, &cannot)
	require.Equal(t, []string{
		"op_defaults: a set has a rule",
		"template T is not a plain primitive",
		"clone fences is not a plain primitive",
		"primitive from is made from the template T",
		"group G is not a plain primitive",
		"clone C is not a plain primitive",
		"location constraint l3 is not of the plain form",
		"rsc_order o1", "rsc_colocation c1-with-g", "rsc_ticket t1", "rsc_order o2",
		"the section fencing-topology is not empty", "the section tags is not empty", "the section acls is not empty",
		"the section alerts is not empty",
	}, cannot.What)
}

// What one pcs command cannot say of a primitive goes by cibadmin, so that nothing is lost or added.
func TestWordsOfPCS(t *testing.T) {
	const monitor = `<operations><op id="m" name="monitor" interval="10s"/></operations>`
	for xml, want := range map[string]string{
		`<primitive id="a" class="ocf" provider="x" type="y">` + monitor +
			`</primitive>`: "",
		`<primitive id="a" class="stonith" type="y"/>`:          "",
		`<primitive id="a" class="ocf" provider="x" type="y"/>`: "no monitor",
		`<primitive id="a" class="ocf" provider="x" type="y" description="z">` + monitor +
			`</primitive>`: "XML attributes",
		`<primitive id="a" class="upstart" type="y">` + monitor +
			`</primitive>`: "class upstart",
		`<primitive id="a" class="lsb" type="y"><utilization id="u"/>` + monitor +
			`</primitive>`: "utilization",
		`<primitive id="a" class="lsb" type="y"><spell id="u"/>` + monitor +
			`</primitive>`: "<spell>",
		`<primitive id="a" class="lsb" type="y"><meta_attributes id="u"/><meta_attributes id="v"/>` + monitor +
			`</primitive>`: "several sets",
		`<primitive id="a" class="lsb" type="y"><meta_attributes id="u" score="3"/>` + monitor +
			`</primitive>`: "meta_attributes with a rule",
		`<primitive id="a" class="lsb" type="y"><instance_attributes id="u"><nvpair id="n" name="a" value=""/></instance_attributes>` +
			monitor + `</primitive>`: "instance_attributes with",
		`<primitive id="a" class="lsb" type="y"><instance_attributes id="u"><nvpair id="n" name="a" value="1"/><nvpair id="o" name="a" value="2"/></instance_attributes>` + monitor + `</primitive>`: "instance_attributes with",
		`<primitive id="a" class="lsb" type="y"><meta_attributes id="u"><nvpair id="n" name="target-role" value="Slave"/></meta_attributes>` +
			monitor + `</primitive>`: "target-role Slave",
		`<primitive id="a" class="lsb" type="y"><operations><op id="m" name="monitor" interval="10s" start-delay="3s"/></operations></primitive>`:                                     "operations",
		`<primitive id="a" class="lsb" type="y"><operations><op id="m" name="monitor" interval="60"/><op id="n" name="monitor" interval="1m" role="Slave"/></operations></primitive>`: "operations",
		`<primitive id="a" class="lsb" type="y"><operations><op id="m" name="monitor" interval="60"><meta_attributes id="x"/></op></operations></primitive>`:                          "operations",
		`<primitive id="a" class="lsb" type="y"><operations id-ref="b"/></primitive>`:                                                                                                 "operations",
	} {
		cib := parseCIB(t, `<cib><configuration><resources>`+xml+`</resources></configuration></cib>`)
		e := cib.SectionChildren("resources")[0]
		got := wordlessIn(e, cib.ResourceAt(e), pcs.V09)
		if want == "" {
			require.Empty(t, got, "%s", xml)
		} else {
			require.Contains(t, got, want, "%s", xml)
		}
	}
}

// A role that comes from the defaults or a template is never overridden by a guess: Started is said only where the old cluster said it.
func TestRolesFromElsewhere(t *testing.T) {
	opts := guideOptions(t)
	opts.ByXML = true
	text, err := readCIB(t, imlCIB).Query()
	require.NoError(t, err)
	stopped := strings.Replace(string(text), `name="resource-stickiness" value="1000"`, `name="target-role" value="Stopped"`, 1)
	plan, err := New(parseCIB(t, stopped), readConf(t), opts)
	require.NoError(t, err)
	require.Contains(t, lines(plan.SwitchOver),
		"crm_resource --resource MGS_32834e --meta --set-parameter target-role --parameter-value Started")
	silent := strings.ReplaceAll(stopped, `name="target-role" value="Started"`, `name="is-managed" value="true"`)
	plan, err = New(parseCIB(t, silent), readConf(t), opts)
	require.NoError(t, err)
	require.Contains(t, lines(plan.SwitchOver), "pcs resource enable MGS_32834e", "it removes the role, and the default holds again")
	prepared, err := plan.Configuration(parseCIB(t,
		"<cib><configuration><crm_config/><nodes/><resources/><constraints/></configuration></cib>"), StagePrepared)
	require.NoError(t, err)
	_, err = plan.SwitchOverPush(prepared)
	require.ErrorIs(t, err, pacemaker.ErrUnsupported)
	require.ErrorContains(t, err, "the resource defaults decides its role")
	serving, err := plan.Configuration(prepared, StageServing)
	require.NoError(t, err)
	r, _ := serving.Resource("MGS_32834e")
	_, said := r.Meta.Get("target-role")
	require.False(t, said)
}

// H15: a pair of two rings is refused by pcs 0.10 and later before anything runs, with the way out; with addresses it moves to knet.
func TestRebuildForModernPCS(t *testing.T) {
	opts := guideOptions(t)
	opts.Dialect = pcs.V011
	_, err := New(readCIB(t, imlCIB), readConf(t), opts)
	require.ErrorIs(t, err, pacemaker.ErrUnsupported)
	require.ErrorContains(t, err, "H15")
	opts.Knet = true
	_, err = New(readCIB(t, imlCIB), readConf(t), opts)
	require.ErrorContains(t, err, "ct6-mds1.lfs.intl has no address for link 0")
	opts.Addresses = map[string][]string{opts.Node1: {"192.168.1.21", "10.42.42.21"}, opts.Node2: {"192.168.1.22", "10.42.42.22"}}
	plan, err := New(readCIB(t, imlCIB), readConf(t), opts)
	require.NoError(t, err)
	require.Equal(t, "pcs cluster setup lustre-ha-cluster ct6-mds1.lfs.intl addr=192.168.1.21 addr=10.42.42.21 transport "+
		"knet link_mode=passive "+
		"link linknumber=0 mcastport=4242 link linknumber=1 mcastport=4242 crypto cipher=aes256 hash=sha256 totem "+
		"token=17000 fail_recv_const=10", plan.Setup[1].String())
	require.Equal(t, []string{
		"pcs host auth ct6-mds1.lfs.intl ct6-mds2.lfs.intl -u hacluster", "pcs host auth ct6-mds1.lfs.intl ct6-mds2.lfs.intl -u hacluster",
		"pcs cluster node add ct6-mds2.lfs.intl addr=192.168.1.22 addr=10.42.42.22", "pcs cluster start", "pcs cluster enable",
	}, lines(plan.Join))
	require.NotEqual(t, plan.Join[0].Node, plan.Join[1].Node, "pcs 0.10 makes only the node that it runs on trust the others")
	require.Equal(t, "pcs cluster standby", plan.StopOther[0].String(), "the old cluster still speaks 0.9")
	opts.OldDialect = pcs.V011
	plan, err = New(readCIB(t, imlCIB), readConf(t), opts)
	require.NoError(t, err)
	require.Equal(t, []string{"pcs node standby", "pcs cluster stop --force", "pcs cluster disable"},
		lines(plan.StopOther), "pcs 0.10 and later refuse to stop the last node")
}

// The wide configuration in one piece, at each stage; what the live cluster has of its own stays, its strangers are refused.
func TestConfiguration(t *testing.T) {
	opts := guideOptions(t)
	opts.ByXML = true
	plan, err := New(parseCIB(t, wideCIB), readConf(t), opts)
	require.NoError(t, err)
	live := parseCIB(t, `<cib validate-with="pacemaker-3.9" epoch="9"><configuration><crm_config><cluster_property_set id="cib-bootstrap-options"><nvpair id="a" name="dc-version" value="2.1.5"/><nvpair id="b" name="no-quorum-policy" value="stop"/></cluster_property_set></crm_config>
	<nodes><node id="1" uname="ct6-mds1.lfs.intl"/></nodes><resources/><constraints/></configuration><status><node_state id="1"/></status></cib>`)
	prepared, err := plan.Configuration(live, StagePrepared)
	require.NoError(t, err)
	require.Equal(t, 10, prepared.Version().Epoch)
	_, status := prepared.Attribute("validate-with")
	require.True(t, status)
	for name, want := range map[string]string{"dc-version": "2.1.5", "no-quorum-policy": "ignore",
		"maintenance-mode": "true", "dc-deadtime": "5s"} {
		v, _ := prepared.Property(name)
		require.Equal(t, want, v, name)
	}
	_, infrastructure := prepared.Property("cluster-infrastructure")
	require.False(t, infrastructure, "H23")
	for _, id := range []string{"from", "G", "C", "off", "dog"} {
		r, _ := prepared.Resource(id)
		role, _ := r.Meta.Get("target-role")
		require.Equal(t, "Stopped", role, "%s: H8", id)
	}
	text, err := prepared.Query()
	require.NoError(t, err)
	require.NotContains(t, string(text), `"ct6-mds1"`, "H12")
	require.Contains(t, string(text), `value="ct6-mds1.lfs.intl:1;ct6-mds2.lfs.intl:2"`)
	require.Contains(t, string(text), `<node_state id="1"/>`)
	again, err := pacemaker.ParseCIB(bytes.NewReader(text))
	require.NoError(t, err)

	serving, err := plan.Configuration(again, StageServing)
	require.NoError(t, err)
	for id, want := range map[string]string{"from": "", "G": "Started", "C": "Promoted", "off": "Stopped", "dog": ""} {
		r, _ := serving.Resource(id)
		role, _ := r.Meta.Get("target-role")
		require.Equal(t, want, role, id)
	}
	_, err = plan.Configuration(serving, StageComplete)
	require.NoError(t, err, "only node 1 has attributes that are carried over")
	require.Empty(t, pacemaker.Diff(parseCIB(t, wideCIB), serving, pacemaker.RenameNodes(guideOptions(t).Names),
		pacemaker.ManagedIDs(), pacemaker.Expect(pacemaker.RebuildExpectations()...),
		pacemaker.Expect(pacemaker.ExpectNodeLater("ct6-mds2.lfs.intl"),
			pacemaker.Expectation{Name: "later", Matches: func(d pacemaker.Difference) bool {
				return strings.Contains(d.Field, "attribute rack") || strings.Contains(d.Field, "pcmk_host") ||
					d.Subject == "no-quorum-policy" || d.Subject == "symmetric-cluster" || d.Subject == "dc-version"
			}})))

	_, err = plan.Configuration(parseCIB(t, strings.Replace(wideCIB, `id="off"`, `id="stranger"`, 1)), StagePrepared)
	require.ErrorIs(t, err, ErrNotFresh)
	require.ErrorContains(t, err, "primitive stranger")
	_, err = plan.Configuration(live, 0)
	require.Error(t, err)
	push, err := plan.Push(live, StagePrepared)
	require.NoError(t, err)
	require.Equal(t, op.Mutating, push.Effect)
	require.NotContains(t, fmt.Sprintf("%v %#v", push, push), "cal vin")
	push, err = plan.Push(live, StageServing)
	require.NoError(t, err)
	require.Equal(t, op.Disruptive, push.Effect)

	over, err := plan.SwitchOverPush(prepared)
	require.NoError(t, err)
	require.Equal(t, []string{"cibadmin", "--modify", "--allow-create", "--xml-pipe"}, over.Argv)
	require.Equal(t, 5, strings.Count(over.Stdin, `name="target-role"`), "all but the one that was disabled: %s", over.Stdin)
	require.Contains(t, over.Stdin, `name="maintenance-mode" value="false"`)
	require.Contains(t, over.Stdin, `value="Promoted"`)
	require.NotContains(t, over.Stdin, `id="off"`)
	require.Contains(t, over.Stdin, `<group id="G"><primitive id="g1">`, "what stands in a group is found there")
}

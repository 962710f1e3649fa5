package placement

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
)

// pair is a two-node cluster with the given resources and constraints; a resource's place is in a word "R@node" of active.
func pair(resources, constraints, active string) string {
	return cluster([]string{"n1", "n2"}, resources, constraints, active, "")
}

// cluster is a cluster of online nodes with fencing. extra goes into the cluster properties.
func cluster(names []string, resources, constraints, active, extra string) string {
	var nodes, states strings.Builder
	for i, n := range names {
		fmt.Fprintf(&nodes, `<node id="%d" uname=%q/>`, i+1, n)
		fmt.Fprintf(&states, `<node_state id="%d" uname=%q in_ccm="true" crmd="online" join="member" expected="member"><lrm id="%d"><lrm_resources>`, i+1, n, i+1)
		for place := range strings.FieldsSeq(active) {
			if id, at, _ := strings.Cut(place, "@"); at == n {
				agent := `class="ocf" provider="x" type="y"`
				if id == "fence" {
					agent = `class="stonith" type="fence_x"`
				}
				fmt.Fprintf(&states, `<lrm_resource id=%q %s>%s</lrm_resource>`, id, agent, operations("start 0 0"))
			}
		}
		states.WriteString(`</lrm_resources></lrm></node_state>`)
	}
	return `<cib epoch="1" num_updates="0" admin_epoch="0" have-quorum="1" crm_feature_set="3.15.0" validate-with="pacemaker-3.0"><configuration><crm_config><cluster_property_set id="cib-bootstrap-options">` +
		extra + `</cluster_property_set></crm_config><nodes>` + nodes.String() +
		`</nodes><resources><primitive id="fence" class="stonith" type="fence_x"/>` + resources +
		`</resources><constraints>` + constraints + `</constraints></configuration><status>` + states.String() + `</status></cib>`
}

// operations is a history, oldest first, from words "task result expected".
func operations(list ...string) string {
	var b strings.Builder
	for i, o := range list {
		var task string
		var rc, expected int
		if _, err := fmt.Sscanf(o, "%s %d %d", &task, &rc, &expected); err != nil {
			panic(err)
		}
		fmt.Fprintf(&b, `<lrm_rsc_op id="op%d" operation=%q call-id="%d" rc-code="%d" op-status="0" interval="0" transition-key="1:1:%d:u"/>`,
			i, task, i+1, rc, expected)
	}
	return b.String()
}

func primitive(id string, meta ...string) string {
	return `<primitive id="` + id + `" class="ocf" provider="x" type="y">` + metaSet(id, meta...) + `</primitive>`
}

func location(id, rsc, node, score string) string {
	return fmt.Sprintf(`<rsc_location id=%q rsc=%q node=%q score=%q/>`, id, rsc, node, score)
}

func colocation(id, rsc, with, score string) string {
	return fmt.Sprintf(`<rsc_colocation id=%q rsc=%q with-rsc=%q score=%q/>`, id, rsc, with, score)
}

// places are the nodes of each instance as "R@node", but for the fence device.
func places(t testing.TB, text string, options ...Option) []string {
	t.Helper()
	p, err := Of(parseCIB(t, text), options...)
	require.NoError(t, err)
	var all []string
	for _, i := range p.Instances {
		if i.Resource != "fence" && i.Node != "" {
			all = append(all, i.Resource+"@"+i.Node)
		}
	}
	slices.Sort(all)
	return all
}

// placementCase is a cluster and where everything runs, as "R@node".
type placementCase struct {
	text  string
	want  string
	newer bool // Debian's Pacemaker 2.1.5 does not know it
}

// What each part of the supported subset means. An integration test holds the same cases against crm_simulate.
func TestPlacement(t *testing.T) {
	for name, tt := range placementCases() {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, strings.Join(places(t, tt.text), " "))
		})
	}
}

func placementCases() map[string]placementCase {
	standby := func(text string) string {
		return strings.Replace(text, `uname="n1"/>`,
			`uname="n1"><instance_attributes id="i1"><nvpair id="i1s" name="standby" value="on"/></instance_attributes></node>`, 1)
	}
	offline := func(text string) string {
		return strings.Replace(text, `uname="n1" in_ccm="true" crmd="online" join="member" expected="member"`,
			`uname="n1" in_ccm="false" crmd="offline" join="down" expected="down"`, 1)
	}
	failed := func(name, count string) func(string) string {
		return func(text string) string {
			return strings.Replace(text, `</lrm></node_state>`,
				`</lrm><transient_attributes id="1"><instance_attributes id="t1"><nvpair id="t1f" name="`+name+
					`" value="`+count+`"/></instance_attributes></transient_attributes></node_state>`, 1)
		}
	}
	group := `<group id="g">` + primitive("m1") + primitive("m2") + `</group>`
	clone := func(meta ...string) string {
		return `<clone id="c">` + metaSet("c", meta...) + primitive("p") + `</clone>`
	}
	return map[string]placementCase{
		"the highest score wins": {pair(primitive("a"), location("l1", "a", "n1", "10")+
			location("l2", "a", "n2", "20"), ""), "a@n2", false},
		"scores of one node add up": {pair(primitive("a"), location("l1", "a", "n1", "15")+
			location("l2", "a", "n2", "10")+location("l3", "a", "n2", "10"), ""), "a@n2", false},
		"minus infinity beats infinity": {pair(primitive("a"), location("l1", "a", "n1", "INFINITY")+
			location("l2", "a", "n1", "-INFINITY"), ""), "a@n2", false},
		"a negative score is a ban": {pair(primitive("a"), location("l1", "a", "n1", "-1")+
			location("l2", "a", "n2", "-1"), ""), "", false},
		"a tie: fewer resources, then the name":    {pair(primitive("a")+primitive("b"), "", ""), "a@n2 b@n1", false},
		"a tie: fewer resources, then where it is": {pair(primitive("a")+primitive("b"), "", "b@n2 a@n1"), "a@n2 b@n2", false},
		"stickiness holds": {pair(primitive("a", "resource-stickiness", "1000"),
			location("l1", "a", "n1", "10")+location("l2", "a", "n2", "20"), "a@n1"), "a@n1", false},
		"stickiness is outbid": {pair(primitive("a", "resource-stickiness", "5"),
			location("l1", "a", "n1", "10")+location("l2", "a", "n2", "20"), "a@n1"), "a@n2", false},
		"stopped": {pair(primitive("a", "target-role", "Stopped"), "", "a@n1"), "", false},
		"not managed": {pair(primitive("a", "is-managed", "false"),
			location("l1", "a", "n1", "-INFINITY"), "a@n1"), "a@n1", false},
		"not managed and not active": {pair(primitive("a", "is-managed", "false"), "", ""), "", false},
		"maintenance mode": {cluster([]string{"n1", "n2"}, primitive("a"),
			location("l1", "a", "n2", "INFINITY"), "a@n1", `<nvpair id="m" name="maintenance-mode" value="true"/>`), "a@n1", false},
		"no fence device: nothing moves": {strings.Replace(pair(primitive("a")+primitive("b"),
			location("l1", "a", "n2", "INFINITY"), "a@n1"), `class="stonith" type="fence_x"`,
			`class="ocf" provider="x" type="y"`, 1), "a@n1", false},
		"standby": {standby(pair(primitive("a"), location("l1", "a", "n1", "INFINITY"),
			"a@n1")), "a@n2", false},
		"offline": {offline(pair(primitive("a"), location("l1", "a", "n1", "INFINITY"), "")), "a@n2", false},
		"asymmetric: nowhere unless said": {cluster([]string{"n1", "n2"}, primitive("a")+primitive("b"),
			location("l1", "a", "n2", "0"), "", `<nvpair id="s" name="symmetric-cluster" value="false"/>`), "a@n2", false},
		"the threshold is reached": {failed("fail-count-a#start_0",
			"3")(pair(primitive("a", "migration-threshold", "3"), "", "a@n1")), "a@n2", false},
		"the threshold is not reached": {failed("fail-count-a#start_0",
			"2")(pair(primitive("a", "migration-threshold", "3", "resource-stickiness", "1"), "", "a@n1")), "a@n1", false},
		"a start that failed for good": {failed("fail-count-a#start_0", "INFINITY")(pair(primitive("a"), "", "")), "a@n2", false},
		"a count in the old form does not count": {failed("fail-count-a",
			"INFINITY")(pair(primitive("a", "resource-stickiness", "1"), "", "a@n1")), "a@n1", false},
		"priority is placed first": {pair(primitive("a")+primitive("b", "priority", "5"), "", ""), "a@n1 b@n1", false},
		"a group keeps together": {pair(group, location("l1", "m1", "n1", "10")+
			location("l2", "m2", "n2", "30"), ""), "m1@n2 m2@n2", false},
		"a group's score is that of its first": {pair(group, location("l1", "g", "n2", "5"), ""), "m1@n2 m2@n2", false},
		"a group stops behind a stopped member": {pair(`<group id="g">`+primitive("m1")+
			primitive("m2", "target-role", "Stopped")+primitive("m3")+`</group>`, "", ""), "m1@n2", false},
		"a group inherits meta attributes": {pair(`<group id="g">`+metaSet("g", "target-role", "Stopped")+
			primitive("m1")+primitive("m2")+`</group>`, "", "m1@n1"), "", false},
		"together": {pair(primitive("a")+primitive("b"), location("l1", "a", "n2", "5")+
			colocation("c1", "b", "a", "INFINITY"), ""), "a@n2 b@n2", false},
		"together with what cannot run": {pair(primitive("a", "target-role", "Stopped")+primitive("b"),
			colocation("c1", "b", "a", "INFINITY"), "b@n1"), "", false},
		"apart": {pair(primitive("a")+primitive("b"), location("l1", "a", "n2", "5")+
			location("l2", "b", "n2", "900")+colocation("c1", "b", "a", "-INFINITY"), ""), "a@n1 b@n2", false},
		"rather apart": {pair(primitive("a")+primitive("b"), location("l1", "a", "n2", "5")+
			location("l2", "b", "n2", "900")+colocation("c1", "b", "a", "-100"), ""), "a@n2 b@n2", false},
		"the dependent's wish counts": {pair(primitive("a")+primitive("b"), location("l1", "b", "n1", "7")+
			colocation("c1", "b", "a", "INFINITY"), ""), "a@n1 b@n1", false},
		"a clone runs everywhere": {pair(clone(), "", ""), "p@n1 p@n2", false},
		"a clone of one":          {pair(clone("clone-max", "1"), location("l1", "c", "n1", "1"), ""), "p@n1", false},
		"a clone's ban":           {pair(clone(), location("l1", "c", "n1", "-INFINITY"), ""), "p@n2", false},
		"with a clone": {pair(clone()+primitive("a"), location("l1", "c", "n1", "-INFINITY")+
			colocation("c1", "a", "c", "INFINITY"), ""), "a@n2 p@n2", false},
		"a failing instance bans its clone there": {failed("fail-count-p#start_0", "INFINITY")(pair(clone(), "", "")), "p@n2", false},
		"after what does not run": {pair(primitive("a", "target-role", "Stopped")+primitive("b"),
			`<rsc_order id="o" first="a" then="b"/>`, ""), "", false},
		"optionally after what does not run": {pair(primitive("a", "target-role", "Stopped")+primitive("b"),
			`<rsc_order id="o" first="a" then="b" kind="Optional"/>`, ""), "b@n2", false},
		"it stops with what it comes after": {pair(primitive("a", "target-role", "Stopped")+primitive("b"),
			`<rsc_order id="o" first="a" then="b"/>`, "a@n1 b@n1"), "", false},
		"a rule on the node's name": {pair(primitive("a"),
			`<rsc_location id="l" rsc="a"><rule id="r" score="-INFINITY"><expression id="e" attribute="#uname" operation="ne" value="n1"/></rule></rsc_location>`, ""), "a@n1", false},
		"a rule with or": {pair(primitive("a"),
			`<rsc_location id="l" rsc="a"><rule id="r" score="-INFINITY" boolean-op="or"><expression id="e" attribute="#uname" operation="eq" value="n2"/><expression id="e2" attribute="x" operation="defined"/></rule></rsc_location>`, ""), "a@n1", false},
		"a rule with a pattern": {pair(primitive("ab"),
			`<rsc_location id="l" rsc-pattern="^a" node="n1" score="3"/>`, ""), "ab@n1", false},
		"a template's meta attributes": {pair(`<template id="t" class="ocf" provider="x" type="y">`+
			metaSet("t", "target-role", "Stopped")+`</template><primitive id="a" template="t"/>`, "", ""), "", false},
		"without quorum nothing runs": {strings.Replace(pair(primitive("a"), "", "a@n1"), `have-quorum="1"`,
			`have-quorum="0"`, 1), "", false},
		"without quorum, and nobody minds": {strings.Replace(cluster([]string{"n1", "n2"}, primitive("a"), "",
			"a@n1", `<nvpair id="q" name="no-quorum-policy" value="ignore"/>`), `have-quorum="1"`, `have-quorum="0"`, 1), "a@n2", false},
		"it is started afresh after a failure": {strings.Replace(pair(primitive("a", "resource-stickiness", "1"), "",
			"a@n1"), operations("start 0 0"), operations("start 0 0", "monitor 1 0"), 1), "a@n1", false},
		"a probe found it": {strings.Replace(pair(primitive("a", "resource-stickiness", "1"), "",
			"a@n1"), operations("start 0 0"), operations("monitor 0 7"), 1), "a@n1", false},
		"a probe found that it cannot run there": {strings.Replace(pair(primitive("a"), location("l", "a", "n1", "9"),
			"a@n1"), operations("start 0 0"), operations("monitor 5 7"), 1), "a@n2", false},
		"a stop that failed: the node is fenced": {strings.Replace(pair(primitive("a"), "", "a@n1"),
			operations("start 0 0"), operations("start 0 0", "stop 1 0"), 1), "a@n2", false},
		"without its ticket": {pair(primitive("a"), `<rsc_ticket id="t" rsc="a" ticket="x"/>`, "a@n1"), "", false},
		"a tag stands for its resources": {strings.Replace(pair(primitive("a")+primitive("b"),
			location("l", "both", "n1", "9"), ""), `</constraints>`,
			`</constraints><tags><tag id="both"><obj_ref id="a"/><obj_ref id="b"/></tag></tags>`, 1), "a@n1 b@n1", false},
		"what has stopped does not hold its node": {strings.Replace(pair(primitive("a", "resource-stickiness", "9"),
			location("l", "a", "n2", "1"), "a@n1"), operations("start 0 0"), operations("start 0 0", "stop 0 0"), 1), "a@n2", false},
		"operations count by number, not by place": {strings.Replace(pair(primitive("a", "resource-stickiness", "9"),
			location("l", "a", "n2", "1"), "a@n1"), `call-id="1"`, `call-id="9"`, 1), "a@n1", false},
		"a node that was shot gives up its resource": {strings.Replace(pair(primitive("a"), "", "a@n1"),
			`in_ccm="true" crmd="online" join="member"`, `in_ccm="false" crmd="offline" join="down"`, 1), "a@n2", false},
		"times instead of words in the node's state": {strings.ReplaceAll(pair(primitive("a"), "", ""),
			`in_ccm="true" crmd="online"`, `in_ccm="1700000000" crmd="1700000001"`), "a@n2", true},
	}
}

// What is not computed is named, with its element, and is ErrUnsupported; several reasons come together.
func TestPlacementUnsupported(t *testing.T) {
	tests := map[string]struct {
		text string
		want Unsupported
	}{
		"promotable": {pair(`<clone id="ms">`+metaSet("ms", "promotable", "true")+primitive("a")+`</clone>`,
			"", ""), Unsupported{featurePromotable, "ms", ""}},
		"master": {pair(`<master id="ms">`+primitive("a")+`</master>`, "", ""), Unsupported{featurePromotable, "ms", ""}},
		"unique": {pair(`<clone id="u">`+metaSet("u", "globally-unique", "true")+primitive("a")+
			`</clone>`, "", ""), Unsupported{featureUniqueClone, "u", ""}},
		"bundle": {pair(`<bundle id="b"/>`, "", ""), Unsupported{featureBundle, "b", ""}},
		"pattern that regcomp refuses and Go takes": {pair(primitive("a"), `<rsc_location id="l" rsc-pattern="a{2" node="n1" score="9"/>`, ""),
			Unsupported{featureReference, "l", "rsc-pattern a{2"}},
		"pattern that the two read otherwise": {pair(primitive("a"), `<rsc_location id="l" rsc-pattern="\&lt;a" node="n1" score="9"/>`, ""),
			Unsupported{featureReference, "l", `rsc-pattern \<a`}},
		"remote": {pair(`<primitive id="r" class="ocf" provider="pacemaker" type="remote"/>`, "", ""),
			Unsupported{featureRemoteNode, "r", ""}},
		"guest": {pair(primitive("vm", "remote-node", "g"), "", ""), Unsupported{featureRemoteNode, "vm", ""}},
		"a lost ticket that freezes": {pair(primitive("a"), `<rsc_ticket id="t" rsc="a" ticket="x" loss-policy="freeze"/>`,
			"a@n1"), Unsupported{featureTicket, "t", "loss-policy freeze"}},
		"utilization": {cluster([]string{"n1"}, "", "", "", `<nvpair id="u" name="placement-strategy" value="balanced"/>`),
			Unsupported{featureUtilization, "crm_config", "placement-strategy=balanced"}},
		"health": {cluster([]string{"n1"}, "", "", "", `<nvpair id="u" name="node-health-strategy" value="only-green"/>`),
			Unsupported{featureNodeHealth, "crm_config", "node-health-strategy=only-green"}},
		"shutdown lock": {cluster([]string{"n1"}, "", "", "", `<nvpair id="u" name="shutdown-lock" value="true"/>`),
			Unsupported{featureShutdownLock, "crm_config", "shutdown-lock=true"}},
		"date": {pair(primitive("a"),
			`<rsc_location id="l" rsc="a"><rule id="r" score="1"><date_expression id="d" operation="gt" start="2005-001"/></rule></rsc_location>`,
			""),
			Unsupported{featureRule, "l", "on dates"}},
		"discovery": {pair(primitive("a"),
			`<rsc_location id="l" rsc="a" node="n1" score="1" resource-discovery="exclusive"/>`, ""), Unsupported{featureDiscovery, "l", ""}},
		"part of clone": {pair(`<clone id="c">`+primitive("a")+`</clone>`, location("l", "a", "n1", "1"), ""),
			Unsupported{featureReference, "l", "a"}},
		"node attribute": {pair(primitive("a")+primitive("b"),
			`<rsc_colocation id="c" rsc="a" with-rsc="b" score="5" node-attribute="rack"/>`, ""),
			Unsupported{featureColocationAttr, "c", "node-attribute=rack"}},
		"order of stop": {pair(primitive("a")+primitive("b"),
			`<rsc_order id="o" first="a" first-action="stop" then="b" then-action="start"/>`, ""),
			Unsupported{featureOrderAction, "o", "stop then start"}},
		"order in a circle": {pair(primitive("a")+primitive("b"),
			`<rsc_order id="o1" first="a" then="b"/><rsc_order id="o2" first="b" then="a"/>`, ""),
			Unsupported{featureOrderLoop, "o2", ""}},
		"colocations in a circle": {pair(primitive("a")+primitive("b"), colocation("c1", "a", "b", "5")+
			colocation("c2", "b", "a", "5"), ""), Unsupported{featureColocationLoop, "c2", ""}},
		"order already broken": {pair(primitive("a", "target-role", "Stopped")+primitive("b"), `<rsc_order id="o" first="a" then="b"/>`, "b@n1"),
			Unsupported{featureOrderState, "o", "b runs although a does not"}},
		"failed stop with a policy": {strings.Replace(strings.Replace(pair(primitive("a"), "", "a@n1"),
			operations("start 0 0"), operations("start 0 0", "stop 1 0"), 1),
			`<primitive id="a" class="ocf" provider="x" type="y">`,
			`<primitive id="a" class="ocf" provider="x" type="y"><operations><op id="s" name="stop" interval="0" on-fail="ignore"/></operations>`,
			1),
			Unsupported{featureFailure, "history of a on n1", "stop failed, and on-fail is set"}},
		"migration": {strings.Replace(pair(primitive("a"), "", "a@n1"), operations("start 0 0"), operations("migrate_to 0 0"), 1),
			Unsupported{featurePending, "history of a on n1", "migrate_to, status 0"}},
		"unclean without fencing": {strings.Replace(cluster([]string{"n1", "n2"}, primitive("a"), "", "a@n1",
			`<nvpair id="f" name="stonith-enabled" value="false"/>`),
			`in_ccm="true" crmd="online"`, `in_ccm="true" crmd="offline"`, 1),
			Unsupported{featureUnclean, "node n1", "a is active there, and fencing is off"}},
		"joining": {strings.Replace(pair("", "", ""), `expected="member"`, `expected="down"`, 1),
			Unsupported{featureNodeState, "node n1", "it is joining"}},
		"freeze": {strings.Replace(cluster([]string{"n1", "n2"}, primitive("a"), "", "a@n1",
			`<nvpair id="q" name="no-quorum-policy" value="freeze"/>`), `have-quorum="1"`, `have-quorum="0"`, 1),
			Unsupported{featureQuorum, "fence", "no-quorum-policy=freeze without quorum"}},
		"not collocated": {pair(`<group id="g">`+metaSet("g", "collocated", "false")+primitive("a")+`</group>`, "", ""),
			Unsupported{featureGroupOption, "g", ""}},
		"old schema": {strings.Replace(pair("", "", ""), "pacemaker-3.0", "pacemaker-0.6", 1),
			Unsupported{featureOldSchema, "cib", "validate-with=pacemaker-0.6"}},
		"a rule in meta attributes": {pair(`<primitive id="a" class="ocf" provider="x" type="y"><meta_attributes id="m"><rule id="r" score="1"><expression id="e" attribute="x" operation="defined"/></rule></meta_attributes></primitive>`, "", ""),
			Unsupported{featureRule, "a", "attribute set m"}},
		"active twice": {pair(primitive("a"), "", "a@n1 a@n2"), Unsupported{featureMultipleActive, "a", "on n1 and n2"}},
		"a clone's member says otherwise": {pair(`<clone id="c">`+metaSet("c", "maintenance", "true")+
			primitive("a", "maintenance", "false")+`</clone>`, "", "a@n1"),
			Unsupported{featureManaged, "c", "a is managed, or not, otherwise than the rest"}},
		"a group is managed in part": {pair(`<group id="g">`+primitive("a", "is-managed", "false")+primitive("b")+`</group>`, "", "a@n1"),
			Unsupported{featureManaged, "g", "b is managed, or not, otherwise than the rest"}},
		"a probe that expires": {strings.Replace(pair(primitive("a", "failure-timeout", "20m"), "", "a@n1"),
			operations("start 0 0"), operations("monitor 5 7"), 1),
			Unsupported{featureFailureExpiry, "history of a on n1", "monitor failed"}},
		"a failure of other parameters": {strings.NewReplacer(`id="op0"`, `id="a_last_failure_0" op-digest="f2317cad3d54cec5d7d7aa7d0bf35cf8"`,
			`<lrm id="1">`, `<transient_attributes id="1"><instance_attributes id="s"><nvpair id="f" name="fail-count-a#start_0" value="INFINITY"/>`+
				`</instance_attributes></transient_attributes><lrm id="1">`).Replace(pair(primitive("a"), "", "a@n1")),
			Unsupported{featureFailureExpiry, "a", "fail count INFINITY on n1 is cleared if the parameters have changed: feature set \"\""}},
		"the agent has changed": {strings.Replace(pair(primitive("a"), "", "a@n1"), `<lrm_resource id="a" class="ocf" provider="x"`,
			`<lrm_resource id="a" class="ocf" provider="z"`, 1),
			Unsupported{featureHistory, "history of a on n1", "it is of an agent with provider=z, and the resource has x"}},
		"two histories": {pair(primitive("a"), "", "a@n1 a@n1"), Unsupported{featureHistory, "history of a on n1", "it stands there twice"}},
		"no result": {strings.Replace(pair(primitive("a"), "", "a@n1"), `rc-code="0"`, `rc-code=""`, 1),
			Unsupported{featureHistory, "history of a on n1", `op0: rc-code=""`}},
		"another operation's key": {strings.Replace(pair(primitive("a"), "", "a@n1"), `id="op0"`, `id="op0" operation_key="a_stop_0"`, 1),
			Unsupported{featureHistory, "history of a on n1", "op0: operation_key is not a_start_0"}},
		"a call twice": {strings.Replace(pair(primitive("a"), "", "a@n1"), operations("start 0 0"),
			operations("start 0 0")+operations("stop 0 0"), 1),
			Unsupported{featureHistory, "history of a on n1", "op0: call-id 1 is another operation as well"}},
		"a call without number": {strings.Replace(pair(primitive("a"), "", "a@n1"), `call-id="1"`, `call-id="-1"`, 1),
			Unsupported{featureHistory, "history of a on n1", "op0: it has a result and no call-id"}},
		"a state of mixed forms": {strings.Replace(pair("", "", ""), `crmd="online"`, `crmd="1790000000"`, 1),
			Unsupported{featureNodeState, "node n1", `in_ccm="true", crmd="1790000000"`}},
		"a state that nobody knows": {strings.Replace(pair("", "", ""), `join="member"`, `join="sleeping"`, 1),
			Unsupported{featureNodeState, "node n1", `join="sleeping", expected="member"`}},
		"shot, and not managed there": {strings.Replace(pair(primitive("a", "is-managed", "false"), "", "a@n1"),
			`in_ccm="true" crmd="online" join="member" expected="member"`, `in_ccm="false" crmd="offline" join="down" expected="member"`, 1),
			Unsupported{featureUnclean, "node n1", "something that is not managed runs there"}},
		"a property": {cluster([]string{"n1"}, primitive("a"), "", "", `<nvpair id="q" name="stop-all-the-rest" value="1"/>`),
			Unsupported{featureOption, "crm_config", "property stop-all-the-rest"}},
		"a property as it was once written": {cluster([]string{"n1"}, "", "", "", `<nvpair id="q" name="symmetric_cluster" value="false"/>`),
			Unsupported{featureOption, "crm_config", "property symmetric_cluster"}},
		"a property's value": {cluster([]string{"n1"}, "", "", "", `<nvpair id="q" name="maintenance-mode" value="ture"/>`),
			Unsupported{featureOption, "crm_config", `maintenance-mode="ture"`}},
		"not managed by default": {cluster([]string{"n1"}, "", "", "", `<nvpair id="q" name="is-managed-default" value="false"/>`),
			Unsupported{featureOption, "crm_config", `is-managed-default="false"`}},
		"a meta attribute": {pair(primitive("a", "isolation", "x"), "", ""), Unsupported{featureOption, "a", "meta attribute isolation"}},
		"an empty value":   {pair(primitive("a", "is-managed", ""), "", ""), Unsupported{featureOption, "a", `is-managed=""`}},
		"an unknown need": {pair(primitive("a", "requires", "luck"), "", ""),
			Unsupported{featureOption, "a", `requires="luck"`}},
		"a constraint's attribute": {pair(primitive("a")+primitive("b"), `<rsc_order id="o" first="a" then="b" first-instance="1"/>`, ""),
			Unsupported{featureOption, "o", "first-instance on <rsc_order>"}},
		"active twice and not managed": {pair(primitive("a", "is-managed", "false"), "", "a@n1 a@n2"),
			Unsupported{featureMultipleActive, "a", "on n1 and n2"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Of(parseCIB(t, tt.text))
			require.ErrorIs(t, err, pacemaker.ErrUnsupported)
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Contains(t, e.Reasons, tt.want)
			require.Contains(t, err.Error(), tt.want.Element)
		})
	}
	// What is none of Pacemaker's stands in nobody's way: IML writes such a property.
	_, foreign := Of(parseCIB(t, cluster([]string{"n1"}, primitive("a", "owned_by", "iml"), "", "",
		`<nvpair id="q" name="configured_by" value="iml"/>`)))
	require.NoError(t, foreign)
	_, err := Of(parseCIB(t, pair(`<bundle id="b"/><master id="m">`+primitive("a")+`</master>`, "", "")))
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Len(t, e.Reasons, 2)
	require.True(t, strings.HasPrefix(err.Error(), "cannot compute the placement: bundle: b; promotable clone: m"), err)
}

// PCM-041, PCM-063, H17: after node 2 has rejoined nothing moves back, because stickiness 1000 beats 20 against 10; relocate says what
// would, and the list of what is not where it prefers to be is the same.
func TestRelocate(t *testing.T) {
	cib := parseCIB(t, pair(primitive("MGS", "resource-stickiness", "1000")+primitive("MDT", "resource-stickiness", "1000"),
		location("MGS-primary", "MGS", "n1", "20")+location("MGS-secondary", "MGS", "n2", "10")+
			location("MDT-primary", "MDT", "n2", "20")+location("MDT-secondary", "MDT", "n1", "10"), "MGS@n1 MDT@n1 fence@n1"))
	p, err := Of(cib)
	require.NoError(t, err)
	require.Empty(t, p.Moves())
	off := p.NotPreferred()
	require.Len(t, off, 1)
	require.Equal(t, []string{"n2"}, off[0].Preferred)
	moves, err := Relocate(cib)
	require.NoError(t, err)
	var texts []string
	for _, m := range moves {
		texts = append(texts, m.String())
	}
	require.Contains(t, texts, "MDT moves from n1 to n2")
	require.NotContains(t, strings.Join(texts, "\n"), "MGS")
	require.Equal(t, []NodeScore{{"n1", 1010}, {"n2", 20}}, p.Of("MDT")[0].Scores)
	require.Equal(t, []NodeScore{{"n2", 20}, {"n1", 10}}, mustPlace(t, cib, IgnoreStickiness()).Of("MDT")[0].Scores)
	require.Len(t, p.On("n1"), 3)
}

func mustPlace(t testing.TB, c *pacemaker.CIB, options ...Option) *Placement {
	t.Helper()
	p, err := Of(c, options...)
	require.NoError(t, err)
	return p
}

// A resource without a node says why, node by node.
func TestPlacementReasons(t *testing.T) {
	text := strings.Replace(pair(primitive("a")+primitive("b")+primitive("c", "target-role", "Stopped"),
		location("no-b", "b", "n2", "-INFINITY")+colocation("bc", "b", "c", "INFINITY"), "a@n1 c@n1"),
		`uname="n1"/>`, `uname="n1"><instance_attributes id="i1"><nvpair id="i1s" name="standby" value="on"/></instance_attributes></node>`, 1)
	p := mustPlace(t, parseCIB(t, text))
	require.Equal(t, []Node{{"n1", false, "standby"}, {"n2", true, ""}}, p.Nodes)
	require.Equal(t, "n1: standby; n2: location constraint no-b (-INFINITY), colocation bc (INFINITY): c runs nowhere", p.Of("b")[0].Why)
	require.Equal(t, "target-role is Stopped", p.Of("c")[0].Why)
	var texts []string
	for _, m := range p.Moves() {
		texts = append(texts, m.String())
	}
	require.Equal(t, []string{"fence starts on n2", "a moves from n1 to n2", "c stops on n1: target-role is Stopped"}, texts)
}

// A clone-max beyond all reason costs nothing: there is one instance a node at most.
func TestPlacementBoundsClones(t *testing.T) {
	clone := `<clone id="c">` + metaSet("c", "clone-max", "2000000000") + primitive("p") + `</clone>`
	require.Equal(t, []string{"p@n1", "p@n2"}, places(t, pair(clone, "", "")))
}

// Properties that hold for every cluster.
func TestPlacementProperties(t *testing.T) {
	computed := 0
	rapid.Check(t, func(t *rapid.T) {
		text := randomCluster().Draw(t, "cluster")
		c, err := pacemaker.ParseCIB(strings.NewReader(text))
		require.NoError(t, err)
		p, err := Of(c)
		if err != nil {
			require.ErrorIs(t, err, pacemaker.ErrUnsupported)
			return
		}
		computed++
		again, err := Of(c)
		require.NoError(t, err)
		require.Equal(t, p, again, "the same question has the same answer")

		available := make(map[string]bool)
		for _, n := range p.Nodes {
			available[n.Name] = n.Available
		}
		seen := make(map[string]bool)
		for _, i := range p.Instances {
			if i.Node == "" {
				require.NotEmpty(t, i.Why, "%s runs nowhere, and nobody says why", i.Resource)
				continue
			}
			require.Empty(t, i.Why)
			if !i.Managed {
				require.Equal(t, []string{i.Node}, i.Running, "%s is not managed, but moves", i.Resource)
				continue
			}
			require.True(t, available[i.Node], "%s is placed on %s, which is not available", i.Resource, i.Node)
			require.False(t, seen[i.Resource+"@"+i.Node], "two instances of %s on %s", i.Resource, i.Node)
			seen[i.Resource+"@"+i.Node] = true
		}

		// A ban is a ban, whatever else is said.
		chosen := rapid.SampledFrom(p.Instances).Draw(t, "instance")
		node := rapid.SampledFrom(p.Nodes).Draw(t, "node").Name
		top := chosen.Resource
		if len(chosen.Parents) > 0 {
			top = chosen.Parents[0]
		}
		banned := strings.Replace(text, "<constraints>", "<constraints>"+location("ban", top, node, "-INFINITY"), 1)
		b, err := pacemaker.ParseCIB(strings.NewReader(banned))
		require.NoError(t, err)
		q, err := Of(b)
		if err != nil {
			require.ErrorIs(t, err, pacemaker.ErrUnsupported)
			return
		}
		for _, i := range q.Of(chosen.Resource) {
			if i.Managed {
				require.NotEqual(t, node, i.Node, "%s is banned from %s", top, node)
			}
		}
	})
	require.Positive(t, computed)
}

// A CIB with errors of all kinds is never a panic.
func FuzzPlacement(f *testing.F) {
	for i := range 20 {
		f.Add(randomCluster().Example(i))
	}
	f.Add(pair(`<clone id="c"><group id="g"/></clone><group id="h"/>`, colocation("c1", "c", "h", "x"), ""))
	f.Fuzz(func(t *testing.T, text string) {
		c, err := pacemaker.ParseCIB(strings.NewReader(text))
		if err != nil {
			return
		}
		p, err := Of(c)
		if err != nil {
			require.ErrorIs(t, err, pacemaker.ErrUnsupported)
			return
		}
		for _, i := range p.Instances {
			require.True(t, i.Node != "" || i.Why != "")
		}
		for _, n := range p.Nodes {
			_, err := CanLose(c, n.Name, nil)
			if err != nil {
				require.True(t, errors.Is(err, pacemaker.ErrUnsupported) || errors.Is(err, pacemaker.ErrNotFound) || errors.Is(err, ErrNoState), err)
			}
		}
	})
}

// largePair is a pair with many targets, each on its preferred node.
func largePair(resources int) string {
	var b, rules, active strings.Builder
	for i := range resources {
		id := fmt.Sprintf("t%05d", i)
		first, second := "n1", "n2"
		if i%2 == 1 {
			first, second = second, first
		}
		b.WriteString(primitive(id, "resource-stickiness", "1000"))
		rules.WriteString(location(id+"-primary", id, first, "20") + location(id+"-secondary", id, second, "10"))
		active.WriteString(id + "@" + first + " ")
	}
	return pair(b.String(), rules.String(), active.String())
}

func BenchmarkPlacement(b *testing.B) {
	for _, resources := range []int{10, 100, 5000} {
		c := parseCIB(b, largePair(resources))
		b.Run(fmt.Sprintf("%d resources", resources), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := Of(c)
				require.NoError(b, err)
			}
		})
	}
}

func BenchmarkCanLose(b *testing.B) {
	conf, err := corosync.Parse(strings.NewReader("quorum {\n\tprovider: corosync_votequorum\n\ttwo_node: 1\n\texpected_votes: 2\n}\n"))
	require.NoError(b, err)
	c := parseCIB(b, largePair(5000))
	b.ReportAllocs()
	for b.Loop() {
		_, err := CanLose(c, "n1", conf)
		require.NoError(b, err)
	}
}

func parseCIB(t testing.TB, text string) *pacemaker.CIB {
	t.Helper()
	cib, err := pacemaker.ParseCIB(strings.NewReader(text))
	require.NoError(t, err)
	return cib
}

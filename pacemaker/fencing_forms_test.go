package pacemaker

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The forms in which a configuration may say who fences whom: templates, groups, rules, patterns, sets, other kinds of nodes. What is not
// plain is "unknown", and never taken for one that can.
func TestFormsOfFencing(t *testing.T) {
	const (
		n1, n2           = "cannot-fence n1", "cannot-fence n2"
		unknown1         = "fencing-unknown n1"
		unknown2         = "fencing-unknown n2"
		node2            = `<node id="2" uname="n2"/>`
		remote           = node2 + `<node id="r" type="remote" uname="r1"/>`
		chroma           = `<primitive id="c" class="stonith" type="fence_chroma"/>`
		uname            = `<expression id="x" attribute="#uname" operation="eq" value="n1"/>`
		date             = `<date_expression id="d" operation="gt" start="2020-01-01"/>`
		ruled            = `<rule id="rr" score="0">` + date + `</rule>`
		watchdog         = `<nvpair id="w1" name="have-watchdog" value="true"/><nvpair id="w2" name="stonith-watchdog-timeout" value="10s"/>`
		ofTemplate       = `<primitive id="f" template="t"/>`
		symmetryByARule  = `</cluster_property_set><cluster_property_set id="p2">` + ruled + `<nvpair id="p3" name="symmetric-cluster" value="false"/>`
		aGroup, endGroup = `<group id="g">`, `</group>`
	)
	f1, f2, both := device("f1", "pcmk_host_list=n1"), device("f2", "pcmk_host_list=n2"), device("f", "pcmk_host_list=n1 n2")
	template := func(agent, list string) string {
		return `<template id="t" class="stonith" type="` + agent + `"><instance_attributes id="ti"><nvpair id="ti1" name="pcmk_host_list" value="` +
			list + `"/></instance_attributes></template>`
	}
	extra := func(device, tag, sets string) string {
		return strings.Replace(device, "<"+tag+" ", sets+"<"+tag+" ", 1)
	}
	agent := func(name, value string) string {
		return `<node id="2" uname="n2"><instance_attributes id="n2a"><nvpair id="n2p" name="` + name + `" value="` + value + `"/></instance_attributes></node>`
	}
	location := func(attrs, inside string) string {
		return `<constraints><rsc_location id="l" ` + attrs + `>` + inside + `</rsc_location></constraints>`
	}
	off := `score="-INFINITY" `
	onF2 := func(attrs string) string { return location(`rsc="f2" node="n1" `+attrs, "") }
	rule := func(attrs, inside string) string {
		return location(`rsc="f2"`, `<rule id="r" `+attrs+`>`+inside+`</rule>`)
	}
	level := func(attrs, devices string) string {
		return `<fencing-level id="a" index="1" ` + attrs + ` devices="` + devices + `"/>`
	}
	levels := func(s ...string) string { return "<fencing-topology>" + strings.Join(s, "") + "</fencing-topology>" }
	another := strings.NewReplacer(`id="a"`, `id="b"`)

	for name, tt := range map[string]struct {
		properties, node, resources, more string // node takes the place of n2
		want                              []string
		says                              string
	}{
		"a node of the type normal":   {node: `<node id="2" type="normal" uname="n2"/>`, resources: f1, want: []string{n2}},
		"a remote node fences nobody": {node: remote, resources: f1 + f2},
		"a device for a remote node":  {node: remote, resources: f1 + f2 + device("fr", "pcmk_host_list=r1")},
		"opt-in by a rule": {
			properties: symmetryByARule, resources: both, want: []string{unknown1, unknown2},
			says: "symmetric-cluster is said under a rule",
		},
		"a watchdog that is not there": {properties: strings.Replace(watchdog, `"true"`, `"false"`, 1), want: []string{"cannot-fence "}},
		"sbd's device is none": {
			resources: strings.Replace(both, "fence_ipmilan", "fence_watchdog", 1), want: []string{"cannot-fence "},
		},
		"by a template": {resources: template("fence_ipmilan", "n1 n2") + ofTemplate},
		"a template that is overruled": {
			resources: template("fence_ipmilan", "n3") + strings.NewReplacer(`class="stonith" type="fence_ipmilan"`, `template="t"`).Replace(both),
		},
		"a template of IML's agent": {
			resources: template("fence_chroma", "n1 n2") + ofTemplate, want: []string{n2}, says: "node n2 has no 0_fence_agent",
		},
		"kept off with its group": {
			resources: aGroup + both + endGroup, more: location(`rsc="g" node="n2" `+off, ""), want: []string{n1},
		},
		"disabled by a rule": {
			resources: extra(both, "meta_attributes", `<meta_attributes id="mr">`+ruled+`<nvpair id="mr1" name="target-role" value="Stopped"/></meta_attributes>`),
			want:      []string{unknown1, unknown2}, says: "f is perhaps disabled",
		},
		"a list by a rule": {
			resources: extra(both, "instance_attributes", `<instance_attributes id="ir">`+ruled+`<nvpair id="ir1" name="pcmk_host_list" value="n1"/></instance_attributes>`),
			want:      []string{unknown1, unknown2}, says: "f has its pcmk_host_list under a rule",
		},
		"something else by a rule": {
			resources: extra(both, "instance_attributes", `<instance_attributes id="ir">`+ruled+`<nvpair id="ir1" name="delay" value="5"/></instance_attributes>`),
		},
		"IML's agent without a name":       {node: agent("0_fence_agent", ""), resources: chroma, want: []string{n2}},
		"IML's second agent":               {node: agent("1_fence_agent", "fence_apc"), resources: chroma},
		"another attribute than IML's":     {node: agent("fence_agent", "fence_apc"), resources: chroma, want: []string{n2}},
		"another attribute with a number":  {node: agent("0_fence_agents", "fence_apc"), resources: chroma, want: []string{n2}},
		"a check in capitals":              {resources: device("f", "pcmk_host_check=NONE")},
		"a line with a variable":           {resources: device("f", "pcmk_host_list=variable n1 n2"), want: []string{n1, n2}},
		"a line end, written":              {resources: device("f", `pcmk_host_list=invalid x\nn1 n2`)},
		"on and off are no nodes":          {resources: device("f", "pcmk_host_list=n1 on OFF"), want: []string{n2}, says: "name (n1),"},
		"a map without ports, with colons": {resources: device("f", "pcmk_host_map=n1:;n2="), want: []string{n1, n2}},
		"a map without names":              {resources: device("f", "pcmk_host_map=:1;x:2"), want: []string{n1, n2}, says: "name (x),"},
		"the sum of scores, not the last": {
			resources: f1 + f2,
			more:      strings.Replace(onF2(`score="-6"`), "</constraints>", `<rsc_location id="m" rsc="f2" node="n1" score="5"/></constraints>`, 1),
			want:      []string{n2}, says: "score -1",
		},
		"a node by another case":      {resources: f1 + f2, more: location(`rsc="f2" node="N1" `+off, ""), want: []string{n2}},
		"a score that cannot be read": {resources: f1 + f2, more: onF2(`score="much"`), want: []string{unknown2}},
		"the role Started":            {resources: f1 + f2, more: onF2(off + `role="Started"`), want: []string{n2}},
		"another role":                {resources: f1 + f2, more: onF2(off + `role="Promoted"`), want: []string{unknown2}},
		"an exclusive discovery": {
			resources: f1 + f2, more: onF2(`score="0" resource-discovery="exclusive"`), want: []string{unknown2},
		},
		"a lifetime": {
			resources: f1 + f2,
			more:      location(`rsc="f2" node="n1" `+off, `<lifetime><rule id="lr" score="0">`+date+`</rule></lifetime>`),
			want:      []string{unknown2},
		},
		"a set of resources": {
			resources: f1 + f2, more: location(`node="n1" `+off, `<resource_set id="s"><resource_ref id="f2"/></resource_set>`),
			want: []string{unknown2},
		},
		"a set of others": {
			resources: f1 + f2, more: location(`node="n1" `+off, `<resource_set id="s"><resource_ref id="x"/></resource_set>`),
		},
		"a pattern": {
			resources: f1 + f2, more: location(`rsc-pattern="^f2" node="n1" `+off, ""), want: []string{unknown2},
		},
		"all but a pattern": {
			resources: f1 + f2, more: location(`rsc-pattern="!^f1" node="n1" `+off, ""), want: []string{unknown2},
		},
		"a pattern that cannot be read": {
			resources: f1 + f2, more: location(`rsc-pattern="f[" node="n1" `+off, ""), want: []string{unknown1, unknown2},
		},
		"two rules": {
			resources: f1 + f2,
			more:      location(`rsc="f2" score="0"`, `<rule id="r" `+off+`>`+uname+`</rule><rule id="r2" score="0">`+strings.Replace(uname, `"x"`, `"x2"`, 1)+`</rule>`),
			want:      []string{unknown2},
		},
		"a score by an attribute": {resources: f1 + f2, more: rule(`score="5" score-attribute="rack"`, uname), want: []string{unknown2}},
		"a rule with a date":      {resources: f1 + f2, more: rule(off, uname+date), want: []string{unknown2}},
		"a rule on another attribute": {
			resources: f1 + f2, more: rule(off, strings.Replace(uname, "#uname", "rack", 1)), want: []string{unknown2},
		},
		"a rule on a parameter": {
			resources: f1 + f2, more: rule(off, strings.Replace(uname, `value=`, `value-source="param" value=`, 1)),
			want: []string{unknown2},
		},
		"a rule turned round": {resources: f1 + f2, more: rule(off+`negate="true"`, uname), want: []string{unknown2}},

		"two topologies for one node": {
			resources: f1 + f2,
			more:      levels(level(`target-pattern="n1"`, "f1"), another.Replace(level(`target-attribute="rack" target-value="a"`, "f2"))),
			want:      []string{n1},
		},
		"a level by a pattern nobody reads": {resources: f1 + f2, more: levels(level(`target-pattern="n["`, "f1")), want: []string{n2}},
		"a level by another value":          {resources: f1 + f2, more: levels(level(`target-attribute="rack" target-value="b"`, "f2"))},
		"a level by another case":           {resources: f1 + f2, more: levels(level(`target="N1"`, "f2")), want: []string{n1}},
		"a level of nothing": {
			resources: f1 + f2, more: levels(level(`target="n1"`, " ")), want: []string{n1}, says: "without a device",
		},
		"a level with blanks": {
			resources: f1 + f2 + device("f3", "pcmk_host_list=n1"), more: levels(level(`target="n1"`, "f1 f3")),
		},
		"a level of a watchdog that is none": {
			resources: f1 + f2, more: levels(level(`target="n1"`, "watchdog")), want: []string{n1, "idle-fencing a"},
		},
		"a level of the watchdog": {
			properties: watchdog, resources: f1 + f2, more: levels(level(`target="n1"`, "watchdog")), want: []string{unknown1},
		},
		"a level that lacks one of its own": {
			resources: f1 + f2,
			more:      levels(level(`target="n1"`, "f1"), strings.NewReplacer(`id="a"`, `id="b"`, `index="1"`, `index="2"`).Replace(level(`target="n1"`, "f2"))),
		},
		"a disabled one in a level of others": {
			resources: f1 + f2 + device("f3", "pcmk_host_list=n1", "target-role=Stopped"),
			more:      levels(level(`target="n1"`, "f1,f3")), want: []string{n1}, says: "f3 is disabled",
		},
	} {
		t.Run(name, func(t *testing.T) {
			text := fencingPair(tt.properties, tt.resources, tt.more)
			if tt.node != "" {
				require.Contains(t, text, node2)
				text = strings.Replace(text, node2, tt.node, 1)
			}
			c, err := ParseCIB(strings.NewReader(text))
			require.NoError(t, err)
			var have []string
			var says strings.Builder
			for _, h := range c.fencingHindrances() {
				have = append(have, string(h.Kind)+" "+h.Of)
				says.WriteString(h.Text + "\n")
			}
			require.Equal(t, tt.want, have, says.String())
			require.Contains(t, says.String(), tt.says)
		})
	}
}

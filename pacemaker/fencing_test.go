package pacemaker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// fencingPair is a CIB of n1 and n2.
func fencingPair(properties, resources, more string) string {
	return `<cib><configuration><crm_config><cluster_property_set id="p">` + properties + `</cluster_property_set></crm_config><nodes>` +
		`<node id="1" uname="n1"><instance_attributes id="n1a"><nvpair id="n1p" name="0_fence_agent" value="fence_virsh"/><nvpair id="n1r" name="rack" value="a"/>` +
		`</instance_attributes></node><node id="2" uname="n2"/></nodes><resources>` + resources + `</resources>` + more + `</configuration></cib>`
}

// device is a fence device; parameters and meta attributes are NAME=VALUE.
func device(id string, pairs ...string) string {
	var params, meta string
	for i, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		nvpair := fmt.Sprintf(`<nvpair id="%s-%d" name="%s" value="%s"/>`, id, i, name, value)
		if name == "target-role" || name == "is-managed" {
			meta += nvpair
			continue
		}
		params += nvpair
	}
	return fmt.Sprintf(`<primitive id="%s" class="stonith" type="fence_ipmilan"><instance_attributes id="%[1]s-i">%[2]s</instance_attributes>`+
		`<meta_attributes id="%[1]s-m">%[3]s</meta_attributes></primitive>`, id, params, meta)
}

// A node that nothing can fence is found, and so is one of which nobody can tell; a pair that is well has neither.
func TestFencingHindrances(t *testing.T) {
	property := func(name, value string) string {
		return fmt.Sprintf(`<nvpair id="p-%s" name="%[1]s" value="%s"/>`, name, value)
	}
	at := func(rsc, node, score string) string {
		return fmt.Sprintf(`<rsc_location id="l-%s-%s" rsc="%[1]s" node="%[2]s" score="%s"/>`, rsc, node, score)
	}
	where := func(s ...string) string { return "<constraints>" + strings.Join(s, "") + "</constraints>" }
	rule := func(rsc, op string) string {
		return `<rsc_location id="lr" rsc="` + rsc + `"><rule id="r" score="-INFINITY"><expression id="x" attribute="#uname" operation="` + op + `" value="n1"/></rule></rsc_location>`
	}
	levels := func(s ...string) string { return "<fencing-topology>" + strings.Join(s, "") + "</fencing-topology>" }
	level := func(id, attrs, devices string) string {
		return fmt.Sprintf(`<fencing-level id="%s" index="1" %s devices="%s"/>`, id, attrs, devices)
	}
	f1, f2, both := device("f1", "pcmk_host_list=n1"), device("f2", "pcmk_host_list=n2"), device("f", "pcmk_host_list=n1 n2")
	const chroma = `<primitive id="c" class="stonith" type="fence_chroma"/>`
	const n1, n2 = "cannot-fence n1", "cannot-fence n2"
	for name, tt := range map[string]struct {
		properties, resources, more string
		want                        []string // kind and of what; then words of the text
		says                        string
	}{
		"each has a device":   {resources: f1 + f2},
		"one for both":        {resources: both},
		"commas and a map":    {resources: device("f", "pcmk_host_list=n1,x", "pcmk_host_map=n2:5,6;x:7")},
		"semicolons":          {resources: device("f", "pcmk_host_list=x;n1;N2")},
		"a map with =":        {resources: device("f", "pcmk_host_map=n1=4 n2=5")},
		"host check none":     {resources: device("f", "pcmk_host_check=none")},
		"fencing is off":      {properties: property("stonith-enabled", "false"), resources: f1, want: []string{"no-fencing stonith-enabled"}},
		"unmanaged is in use": {resources: device("f", "pcmk_host_list=n1 n2", "is-managed=false"), want: []string{"unmanaged f"}},

		"no device at all": {want: []string{"cannot-fence "}, says: "there is no fence device"},
		"one node is missing": {
			resources: f1, want: []string{n2},
			says: "f1 fences only what its pcmk_host_list and pcmk_host_map name (n1), and that is not n2",
		},
		"it names nobody": {
			resources: device("f", "pcmk_host_list=n1.example.com,n2.example.com"), want: []string{n1, n2},
			says: "(n1.example.com, n2.example.com)",
		},
		"an empty list":       {resources: device("f", "pcmk_host_list="), want: []string{n1, n2}, says: "name (nobody)"},
		"a map without ports": {resources: device("f", "pcmk_host_map=n1;n2"), want: []string{n1, n2}},
		"a port is no node":   {resources: device("f", "pcmk_host_map=a:n1;b:n2"), want: []string{n1, n2}},
		"an unknown check": {
			resources: device("f", "pcmk_host_list=n1 n2", "pcmk_host_check=static"), want: []string{n1, n2},
			says: "does not know",
		},
		"static without a list": {resources: device("f", "pcmk_host_check=static-list"), want: []string{n1, n2}},
		"a line of complaints":  {resources: device("f", `pcmk_host_list=invalid n1 n2`), want: []string{n1, n2}},
		"a letter ends a name":  {resources: device("f", `pcmk_host_list=n1/x n2`)},
		"disabled": {
			resources: f1 + device("f2", "pcmk_host_list=n2", "target-role=Stopped"), want: []string{n2},
			says: "f2 is disabled (target-role=Stopped)",
		},
		"disabled by its group": {
			resources: `<group id="g"><meta_attributes id="gm"><nvpair id="gt" name="target-role" value="stopped"/></meta_attributes>` + both + `</group>`,
			want:      []string{n1, n2}, says: "in its group g",
		},
		"behind a stopped one": {
			resources: `<group id="g">` + device("f0", "pcmk_host_list=n1 n2", "target-role=Stopped") + both + `</group>`,
			want:      []string{"idle-fencing f0"},
		},
		"disabled, and not used": {
			resources: f1 + f2 + device("f3", "pcmk_host_list=n1", "target-role=Stopped"), want: []string{"idle-fencing f3"},
		},
		"names a stranger": {
			resources: f1 + f2 + device("f3", "pcmk_host_list=n3"), want: []string{"idle-fencing f3"},
			says: "the fence device f3 is of no use",
		},

		"the agent knows": {
			resources: device("f"), want: []string{"fencing-unknown n1", "fencing-unknown n2"},
			says: "only its agent, asked on the machine",
		},
		"by a dynamic list": {
			resources: device("f", "pcmk_host_list=n1 n2", "pcmk_host_check=dynamic-list"),
			want:      []string{"fencing-unknown n1", "fencing-unknown n2"}, says: "pcmk_host_check=dynamic-list",
		},
		"by status": {
			resources: f1 + device("f", "pcmk_host_check=status"), want: []string{"fencing-unknown n2"},
			says: "pcmk_host_check=status",
		},
		"IML's, with agents": {resources: strings.Replace(chroma, "/>", "/>"+f2, 1)},
		"IML's, without":     {resources: chroma, want: []string{n2}, says: "node n2 has no 0_fence_agent"},

		"kept from the node it fences": {resources: f1 + f2, more: where(at("f1", "n1", "-INFINITY"), at("f2", "n2", "-INFINITY"))},
		"kept from the other node": {
			resources: f1 + f2, more: where(at("f1", "n2", "-INFINITY")), want: []string{n1},
			says: "f1 may not run on node n2 (score -INFINITY)",
		},
		"the sum is below zero": {
			resources: f1 + f2, more: where(at("f1", "n2", "5"), strings.Replace(at("f1", "n2", "-6"), `id="l-`, `id="m-`, 1)),
			want: []string{n1},
		},
		"by a rule on the name":       {resources: f1 + f2, more: where(rule("f2", "eq")), want: []string{n2}},
		"by a rule on the other name": {resources: f1 + f2, more: where(rule("f2", "ne"))},
		"by a rule nobody knows": {
			resources: f1 + f2, more: where(rule("f2", "lt")), want: []string{"fencing-unknown n2"},
			says: "not of the plain form",
		},
		"opt-in, and not let": {
			properties: property("symmetric-cluster", "false"), resources: f1 + f2, more: where(at("f1", "n2", "0")),
			want: []string{n2}, says: "symmetric-cluster is false",
		},
		"opt-in, and let": {
			properties: property("symmetric-cluster", "false"), resources: f1 + f2,
			more: where(at("f1", "n2", "0"), at("f2", "n1", "1")),
		},
		"opt-in, let on the wrong node": {
			properties: property("symmetric-cluster", "no"), resources: both, more: where(at("f", "n2", "10")),
			want: []string{n2},
		},
		"by a tag": {
			resources: f1 + f2, more: where(at("T", "n2", "-INFINITY")) + `<tags><tag id="T"><obj_ref id="f1"/></tag></tags>`,
			want: []string{n1},
		},

		"topology": {resources: f1 + f2, more: levels(level("a", `target="n1"`, "f1"), level("b", `target="n2"`, "f2"))},
		"a level without its device": {
			resources: f1 + f2, more: levels(level("a", `target="n1"`, "f1,gone")), want: []string{n1, "idle-fencing a"},
			says: "names gone, and there is no such device",
		},
		"another level is whole": {
			resources: f1 + f2,
			more:      levels(level("a", `target="n1"`, "gone"), strings.Replace(level("b", `target="n1"`, "f1"), `index="1"`, `index="2"`, 1)),
			want:      []string{"idle-fencing a"},
		},
		"two of one index": {
			resources: f1 + f2, more: levels(level("a", `target="n1"`, "f2"), level("b", `target="n1"`, "f1")),
			want: []string{n1},
		},
		"the wrong device": {
			resources: f1 + f2, more: levels(level("a", `target="n1"`, "f2")), want: []string{n1}, says: "f2 fences only",
		},
		"a level by pattern": {resources: f1 + f2, more: levels(level("a", `target-pattern="n[12]"`, "f1")), want: []string{n2}},
		"a level by name before patterns": {
			resources: f1 + f2, more: levels(level("a", `target-pattern="n.*"`, "f1"), level("b", `target="n2"`, "f2")),
		},
		"a level by attribute": {
			resources: f1 + f2, more: levels(level("a", `target-attribute="rack" target-value="a"`, "f2")), want: []string{n1},
		},
		"for a node that is not there": {resources: f1 + f2, more: levels(level("a", `target="n3"`, "f1"))},

		"the watchdog fences": {
			properties: property("have-watchdog", "true") + property("stonith-watchdog-timeout", "10s"),
			want:       []string{"fencing-unknown n1", "fencing-unknown n2"}, says: "sbd",
		},
		"a watchdog without sbd": {
			properties: property("have-watchdog", "true") + property("stonith-watchdog-timeout", "0s"),
			want:       []string{"cannot-fence "},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := ParseCIB(strings.NewReader(fencingPair(tt.properties, tt.resources, tt.more)))
			require.NoError(t, err)
			var have []string
			var text strings.Builder
			for _, h := range c.Hindrances() {
				have = append(have, string(h.Kind)+" "+h.Of)
				text.WriteString(h.Text + "\n")
			}
			require.Equal(t, tt.want, have, text.String())
			require.Contains(t, text.String(), tt.says)
		})
	}
}

// What a device could fence by the old names, it can by the new ones: in each form of the list and the map (H12).
func TestRenamedDevicesFenceTheSameNodes(t *testing.T) {
	names, err := ShortNames("n1.example.com", "n2.example.com")
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		host := rapid.SampledFrom([]string{"n1", "n2", "n3"})
		sep := rapid.SampledFrom([]string{" ", ",", ";", ", "})
		var list, hosts string
		for range rapid.IntRange(0, 3).Draw(t, "hosts") {
			list += host.Draw(t, "host") + sep.Draw(t, "separator")
			hosts += host.Draw(t, "mapped") + rapid.SampledFrom([]string{":", "="}).Draw(t, "is") + rapid.SampledFrom([]string{"1", "2,3", "n1"}).Draw(t, "port") + ";"
		}
		want := append(targets(list), mapped(hosts)...)
		for i := range want {
			want[i] = names.New(want[i])
		}
		require.Equal(t, want, append(targets(names.InParameter("pcmk_host_list", list)), mapped(names.InParameter("pcmk_host_map", hosts))...))
	})
}

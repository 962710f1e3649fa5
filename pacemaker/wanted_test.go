package pacemaker

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is left alone and what stays stopped, each with its reason.
func TestWanted(t *testing.T) {
	const meta = `<meta_attributes id="%"><nvpair id="%n" name="NAME" value="VALUE"/></meta_attributes>`
	set := func(id, name, value string) string {
		return strings.NewReplacer("%", id, "NAME", name, "VALUE", value).Replace(meta)
	}
	p := func(id, inside string) string {
		return `<primitive id="` + id + `" class="ocf" provider="chroma" type="Target">` + inside + `</primitive>`
	}
	for text, want := range map[string]string{
		p("a", ""):                                 "",
		p("a", set("m", "is-managed", "false")):    "a unmanaged: is-managed=false",
		p("a", set("m", "is-managed", "TRUE")):     "",
		p("a", set("m", "is-managed", "maybe")):    "a unmanaged: is-managed=maybe",
		p("a", set("m", "maintenance", "on")):      "a unmanaged: maintenance=on",
		p("a", set("m", "target-role", "stopped")): "a disabled: target-role=stopped",
		p("a", set("m", "target-role", "Started")): "",
		`<group id="g">` + set("m", "is-managed", "false") + p("a", set("n", "is-managed", "true")) +
			`</group>`: "a unmanaged: is-managed=false in its group g",
		`<group id="g">` + set("m", "target-role", "Stopped") + p("a", "") +
			`</group>`: "a disabled: target-role=Stopped in its group g",
		// As crm_simulate 2.1 does it: a member that says Started starts in a group that is stopped.
		`<group id="g">` + set("m", "target-role", "Stopped") + p("a", set("n", "target-role", "Started")) + `</group>`: "",
		`<group id="g">` + p("a", set("n", "target-role", "Stopped")) + p("b", "") +
			`</group>`: "a disabled: target-role=Stopped; b disabled: after a, which has target-role=Stopped",
		`<clone id="c">` + set("m", "maintenance", "true") + p("a", "") +
			`</clone>`: "a unmanaged: maintenance=true in its clone c",
		`<clone id="c">` + set("m", "is-managed", "false") + `<group id="g">` + p("a", "") +
			`</group></clone>`: "a unmanaged: is-managed=false in its clone c",
		`<clone id="c">` + set("m", "is-managed", "false") + p("a", set("n", "is-managed", "true")) +
			`</clone>`: "",
		`<template id="t" class="ocf" provider="chroma" type="Target">` + set("m", "is-managed", "no") +
			`</template><primitive id="a" template="t"/>`: "a unmanaged: is-managed=no in its template t",
		p("a", strings.Replace(set("m", "is-managed", "false"), "><nv",
			`><rule id="r" score="0"><date_expression id="d" operation="gt" start="2020-01-01"/></rule><nv`,
			1)): "a unmanaged: is-managed=false under the rule of m",
		p("a", "") + "DEFAULTS" + set("m", "is-managed",
			"false"): "a unmanaged: is-managed=false in the defaults of the resources",
		p("a", set("o", "is-managed", "true")) + "DEFAULTS" +
			set("m", "is-managed", "false"): "",
		p("a", "") + "PROPERTY is-managed-default=false": "a unmanaged: is-managed=false by the property is-managed-default",
		p("a", "") + "PROPERTY maintenance-mode=yes":     "a unmanaged: the cluster is in maintenance mode",
		p("a", "") + "PROPERTY stop-all-resources=true":  "a disabled: stop-all-resources=true",
	} {
		resources, defaults, _ := strings.Cut(text, "DEFAULTS")
		resources, property, _ := strings.Cut(resources, "PROPERTY ")
		name, value, ok := strings.Cut(property, "=")
		config := ""
		if ok {
			config = `<cluster_property_set id="s"><nvpair id="s1" name="` + name + `" value="` + value + `"/></cluster_property_set>`
		}
		c, err := ParseCIB(strings.NewReader(`<cib validate-with="pacemaker-3.0"><configuration><crm_config>` + config +
			`</crm_config><nodes/><resources>` + resources +
			`</resources><constraints/><rsc_defaults>` + defaults + `</rsc_defaults></configuration><status/></cib>`))
		require.NoError(t, err)
		var got []string
		for _, w := range c.Wanted() {
			if w.Unmanaged != "" {
				got = append(got, w.ID+" unmanaged: "+w.Unmanaged)
			}
			if w.Disabled != "" {
				got = append(got, w.ID+" disabled: "+w.Disabled)
			}
		}
		require.Equal(t, want, strings.Join(got, "; "), "%s", text)
	}
}

package pacemaker

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What nobody knows of a fence device is a secret, and so is a description that speaks of one: in differences, in XML that is shown,
// and among what a run masks.
func TestWhatAFenceDeviceIsToldIsSecret(t *testing.T) {
	read := func(canary string) *CIB {
		c, err := ParseCIB(strings.NewReader(fencingPair("", strings.Replace(device("f", "pcmk_host_list=n1 n2", "ipaddr=bmc.example.com",
			"passwd=a"+canary, "enrolment="+canary), `id="f"`, `id="f" description="the password is `+canary+`"`, 1), "")))
		require.NoError(t, err)
		return c
	}
	one, two := read("CANARY-1x"), read("CANARY-2x")
	require.Len(t, one.Secrets(), 3)
	diff := Diff(one, two)
	require.Len(t, diff, 3)
	require.NotContains(t, fmt.Sprint(diff), "CANARY")
	text := MaskXML(RawXML(one.ResourceElement("f")))
	require.NotContains(t, text, "CANARY")
	require.Contains(t, text, "bmc.example.com")
	for _, s := range one.Secrets() {
		require.NotContains(t, s.Reveal(), "bmc")
	}
}

// Whatever a parameter of a fence device is called, and wherever it stands, its value is shown nowhere unless it is known to hold no
// secret: neither as text nor in JSON, in a difference, in XML, or in what is found wrong. What an operator needs is shown.
func TestParametersOfAFenceDeviceAreHidden(t *testing.T) {
	set := func(pairs string) string { return `<instance_attributes id="xs">` + pairs + `</instance_attributes>` }
	stonith := func(inside string) string {
		return `<primitive id="f" class="stonith" type="fence_new">` + inside + `</primitive>`
	}
	const rule = `<rule id="xr" score="0"><date_expression id="xd" operation="gt" start="2020-01-01"/></rule>`
	const template = `<template id="t" class="stonith" type="fence_new">`
	forms := map[string]func(pairs string) string{
		"plain":                    func(p string) string { return stonith(set(p)) },
		"under a rule":             func(p string) string { return stonith(set(rule + p)) },
		"in a set of another form": func(p string) string { return stonith(strings.Replace(set(p), `id="xs"`, `id="xs" odd="1"`, 1)) },
		"with a template": func(p string) string {
			return template + `</template><primitive id="f" template="t">` + set(p) + `</primitive>`
		},
		"with no template": func(p string) string { return `<primitive id="f" template="gone">` + set(p) + `</primitive>` },
		"in a template":    func(p string) string { return template + set(p) + `</template><primitive id="f" template="t"/>` },
		"of a group":       func(p string) string { return `<group id="g">` + set(p) + stonith("") + `</group>` },
		"of a clone":       func(p string) string { return `<clone id="g">` + set(p) + stonith("") + `</clone>` },
		"of an operation": func(p string) string {
			return stonith(`<operations><op id="o" name="monitor" interval="60s">` + set(p) + `</op></operations>`)
		},
	}
	needed := []string{"ip=bmc.example.com", "ipport=623", "delay=5", "pcmk_host_list=n1 n2", "pcmk_host_map=n1:1;n2:2"}
	for form, of := range forms {
		for _, name := range []string{"ipmi_pw", "snmp_auth_password", "x_unknown_secret", "enrolment", "key", "IP"} {
			read := func(canary string) *CIB {
				pairs := ""
				for i, pair := range append(needed, name+"="+canary) {
					name, value, _ := strings.Cut(pair, "=")
					pairs += fmt.Sprintf(`<nvpair id="x%d" name="%s" value="%s"/>`, i, name, value)
				}
				c, err := ParseCIB(strings.NewReader(fencingPair("", of(pairs), "")))
				require.NoError(t, err)
				return c
			}
			one, two := read("CANARY-1x"), read("CANARY-2x")
			diff, back := Diff(one, two), Diff(two, one)
			require.NotEmpty(t, diff, "%s, %s", form, name)
			list, err := json.Marshal(one.Resources())
			require.NoError(t, err)
			shown := fmt.Sprintf("%v %+v %#v", one.Resources(), one.Resources(), one.Resources())
			masked := MaskXML(RawXML(one.Root()))
			said := fmt.Sprint(diff, back, string(list), one.Validate(), one.Hindrances(), shown, masked)
			require.NotContains(t, said, "CANARY", "%s, %s", form, name)
			for _, pair := range needed {
				name, value, _ := strings.Cut(pair, "=")
				require.Contains(t, shown, pair, form)
				require.Contains(t, masked, fmt.Sprintf(`name="%s" value="%s"`, name, value), form)
			}
			require.Len(t, one.Secrets(), 1, form)
			require.Equal(t, "CANARY-1x", one.Secrets()[0].Reveal(), form)
		}
	}
}

// What a fence device refers to, in whatever it stands; what IML tells an agent in an attribute of the node; and what is no fence device's.
func TestWhatElseAFenceDeviceIsTold(t *testing.T) {
	text := fencingPair("", `<primitive id="d" class="ocf" provider="x" type="y"><instance_attributes id="xs"><nvpair id="x" name="enrolment" value="CANARY-1x"/>`+
		`</instance_attributes></primitive><primitive id="f" class="stonith" type="fence_new"><instance_attributes id-ref="xs"/></primitive>`, "")
	c, err := ParseCIB(strings.NewReader(strings.Replace(text, `name="rack" value="a"`, `name="0_fence_enrolment" value="CANARY-2x"`, 1)))
	require.NoError(t, err)
	require.Len(t, c.Secrets(), 2)
	f, _ := c.Resource("f")
	require.NotContains(t, fmt.Sprint(f), "CANARY")
	d, _ := c.Resource("d")
	require.Contains(t, fmt.Sprint(d), "enrolment=CANARY-1x", "a parameter of another agent")
	n, _ := c.Node("n1")
	require.NotContains(t, fmt.Sprint(n), "CANARY")
	require.Contains(t, fmt.Sprint(n), "0_fence_agent=fence_virsh")
}

package pacemaker

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// schedulerCase is a CIB that the schema takes. bad says whether crm_verify refuses it: TestSchedulerCasesAreRight asks.
type schedulerCase struct {
	text string
	bad  bool
}

func schedulerCases() map[string]schedulerCase {
	whole := func(fencing, resources, constraints, more string) string {
		return `<cib validate-with="pacemaker-3.9" crm_feature_set="3.16.0" admin_epoch="0" epoch="1" num_updates="0" have-quorum="1" dc-uuid="1"><configuration>
<crm_config><cluster_property_set id="p"><nvpair id="p1" name="stonith-enabled" value="` + fencing + `"/>` + more + `</cluster_property_set></crm_config>
<nodes><node id="1" uname="n1"/></nodes><resources><primitive id="f" class="stonith" type="fence_x"/>` + resources + `</resources>
<constraints>` + constraints + `</constraints></configuration><status>` +
			`<node_state id="1" uname="n1" in_ccm="true" crmd="online" join="member" expected="member"/></status></cib>`
	}
	running := func(text string) string { // and it must leave: so there is a stop
		const record = `expected="member"><lrm id="1"><lrm_resources><lrm_resource id="a" class="ocf" provider="x" type="y"><lrm_rsc_op id="a_last_0" ` +
			`operation="start" operation_key="a_start_0" call-id="3" rc-code="0" op-status="0" interval="0" transition-key="1:1:0:u"/></lrm_resource>` +
			`</lrm_resources></lrm></node_state>`
		return strings.Replace(strings.Replace(text, `expected="member"/>`, record, 1), "<constraints>",
			`<constraints><rsc_location id="away" rsc="a" node="n1" score="-INFINITY"/>`, 1)
	}
	rsc := func(inner string) string {
		return `<primitive id="a" class="ocf" provider="x" type="y">` + inner + `</primitive>`
	}
	op := func(attrs string) string { return rsc(`<operations><op id="o" ` + attrs + `/></operations>`) }
	meta := func(name, value string) string {
		return `<meta_attributes id="m"><nvpair id="m1" name="` + name + `" value="` + value + `"/></meta_attributes>`
	}
	clone := func(meta string) string {
		return `<clone id="c">` + meta + `<primitive id="d" class="ocf" provider="x" type="y"/></clone>` + rsc("")
	}
	const promoted = `<meta_attributes id="cm"><nvpair id="cm1" name="promotable" value="true"/></meta_attributes>`
	const defined = `<expression id="x" attribute="x" operation="defined"/>`
	const ruleInRule = `<rsc_location id="k" rsc="a"><rule id="r" score="1"><rule id="q">` + defined + `</rule></rule></rsc_location>`
	pattern := func(p string) string { return `<rsc_location id="k" rsc-pattern="` + p + `" node="n1" score="1"/>` }
	levels := func(attrs string) string {
		return strings.Replace(whole("true", rsc(""), "", ""), "</constraints>",
			`</constraints><fencing-topology><fencing-level id="l" index="1" devices="f" `+attrs+`/></fencing-topology>`, 1)
	}
	noDevice := func(properties, resources string) string {
		text := strings.Replace(whole("true", resources, "", ""), `<primitive id="f" class="stonith" type="fence_x"/>`, "", 1)
		return strings.Replace(text, `<nvpair id="p1" name="stonith-enabled" value="true"/></cluster_property_set>`, properties+
			`</cluster_property_set>`, 1)
	}
	property := func(name, value string) string { return `<nvpair id="p1" name="` + name + `" value="` + value + `"/>` }
	ruled := func(start, value, more string) string { // a set with a rule, then another one
		return `<rule id="r" score="1"><date_expression id="d" operation="gt" start="` + start + `"/></rule>` +
			property("stonith-enabled", value) + `</cluster_property_set><cluster_property_set id="p2">` + more
	}
	bundle := func(inner string) string { return whole("true", `<bundle id="b">`+inner+`</bundle>`, "", "") }
	network := func(inner string) string { return bundle(`<docker image="x"/><network>` + inner + `</network>`) }
	storage := func(inner string) string {
		return bundle(`<docker image="x"/><storage><storage-mapping id="sm" target-dir="/t" ` + inner + `/></storage>`)
	}
	section := func(text string) string {
		return strings.Replace(whole("true", rsc(""), "", ""), "</constraints>", "</constraints>"+text, 1)
	}
	permission := func(attrs string) string {
		return section(`<acls><acl_role id="ro"><acl_permission id="ap" kind="read" ` + attrs + `/></acl_role></acls>`)
	}
	alert := func(inner string) string {
		return section(`<alerts><alert id="al" path="/x">` + inner + `</alert></alerts>`)
	}
	devices := func(list string) string {
		return section(`<fencing-topology><fencing-level id="l" index="1" target="n1" devices="` + list + `"/></fencing-topology>`)
	}
	sets := func(open, attrs string) string {
		kind, _, _ := strings.Cut(open, " ")
		return whole("true", rsc(""), `<`+open+` id="k" `+attrs+`><resource_set id="s"><resource_ref id="a"/><resource_ref id="f"/>`+
			`</resource_set></`+kind+`>`, "")
	}
	colocation := func(schema, attrs string) string {
		return strings.Replace(whole("true", rsc(""), `<rsc_colocation id="k" rsc="a" with-rsc="f" `+attrs+`/>`, ""), "-3.9", schema, 1)
	}
	date := func(schema, attrs string) string {
		return strings.Replace(whole("true", rsc(""), `<rsc_location id="k" rsc="a"><rule id="r" score="1"><date_expression id="d" `+attrs+
			`/></rule></rsc_location>`, ""), "-3.9", schema, 1)
	}
	return map[string]schedulerCase{
		"no device":                    {noDevice("", rsc("")), true},
		"no device and no resource":    {noDevice("", ""), true},
		"no device, fencing off":       {noDevice(property("stonith-enabled", "off"), rsc("")), false},
		"no device, off for others":    {noDevice(property("fencing-enabled", "false"), rsc("")), true},
		"a device, off for others":     {whole("true", rsc(""), "", `<nvpair id="p2" name="fencing-enabled" value="false"/>`), false},
		"no device, a watchdog":        {noDevice(property("have-watchdog", "yes"), rsc("")), false},
		"no device, a watchdog's time": {noDevice(property("stonith-watchdog-timeout", "10"), rsc("")), true},
		"no device, a template":        {noDevice("", `<template id="t" class="stonith" type="x"/>`), true},
		"a device by its template":     {noDevice("", `<template id="t" class="stonith" type="x"/><primitive id="d" template="t"/>`), false},
		"a disabled device": {noDevice("", `<primitive id="d" class="stonith" type="x">`+meta("target-role", "Stopped")+
			`</primitive>`), false},
		"a device in a clone":         {noDevice("", `<clone id="c"><primitive id="d" class="stonith" type="x"/></clone>`), false},
		"fencing off by a rule":       {noDevice(ruled("2020-01-01", "false", ""), ""), false},
		"fencing off by another rule": {noDevice(ruled("2090-01-01", "false", ""), ""), true},
		"fencing on by another rule": {noDevice(ruled("2090-01-01", "true",
			`<nvpair id="p3" name="stonith-enabled" value="no"/>`), ""), false},
		"two sets, the later is off": {noDevice(property("stonith-enabled", "true")+
			`</cluster_property_set><cluster_property_set id="p2"><nvpair id="p3" name="stonith-enabled" value="no"/>`, ""), false},
		"two sets, the later is on": {noDevice(property("stonith-enabled", "no")+
			`</cluster_property_set><cluster_property_set id="p2"><nvpair id="p3" name="stonith-enabled" value="true"/>`, ""), true},
		"two networks":                 {network(`</network><network>`), true},
		"one network":                  {network(""), false},
		"two storages":                 {bundle(`<docker image="x"/><storage/><storage/>`), true},
		"two programs of a bundle":     {bundle(`<docker image="x"/><podman image="x"/>`), true},
		"promoted twice":               {bundle(`<docker image="x" masters="1" promoted-max="1"/>`), true},
		"a mapping of nothing":         {storage(""), true},
		"a mapping of two":             {storage(`source-dir="/a" source-dir-root="/b"`), true},
		"a mapping":                    {storage(`source-dir-root="/b"`), false},
		"no port":                      {network(`<port-mapping id="pm"/>`), true},
		"a port":                       {network(`<port-mapping id="pm" port="80" internal-port="81"/>`), false},
		"a port and a range":           {network(`<port-mapping id="pm" port="80" range="1-2"/>`), true},
		"a range and an internal port": {network(`<port-mapping id="pm" internal-port="80" range="1-2"/>`), true},
		"a permission for nothing":     {permission(""), true},
		"a permission":                 {permission(`object-type="node" attribute="x"`), false},
		"a permission for two things":  {permission(`xpath="/cib" reference="a"`), true},
		"an attribute of a path":       {permission(`xpath="/cib" attribute="x"`), true},
		"two selects":                  {alert(`<select/><select/>`), true},
		"two selects of nodes":         {alert(`<select><select_nodes/><select_nodes/></select>`), true},
		"two selects of one":           {alert(`<select><select_nodes/><select_fencing/></select>`), false},
		"devices with a blank":         {devices(" f"), true},
		"devices with a blank between": {devices("f, f"), true},
		"no devices":                   {devices(""), true},
		"two devices":                  {devices("f,f"), false},
		"a template without a class":   {whole("true", rsc("")+`<template id="t" type="y"/>`, "", ""), true},
		"heartbeat with a provider":    {whole("true", `<primitive id="a" class="heartbeat" provider="x" type="y"/>`, "", ""), true},
		"a primitive of two": {whole("true",
			`<template id="t" class="lsb" type="y"/><primitive id="a" template="t" type="y"/>`, "", ""), true},
		"a date without an operation": {date("-2.4", `start="2020-01-01"`), true},
		"and in schema 3.9":           {date("-3.9", `start="2020-01-01"`), true},
		"two scores of a colocation":  {colocation("-2.4", `score="1" score-attribute="x"`), true},
		"a mangled score of two":      {colocation("-2.4", `score="1" score-attribute-mangle="x"`), true},
		"influence=perhaps":           {colocation("-3.9", `score="1" influence="perhaps"`), true},
		"influence=yes":               {colocation("-3.9", `score="1" influence="yes"`), false},
		"two rules of a set": {whole("true",
			rsc(`<meta_attributes id="m"><rule id="r" score="1">`+defined+
				`</rule><rule id="r2" score="1"><expression id="x2" attribute="x" operation="defined"/></rule></meta_attributes>`), "", ""), true},
		"a score beside a rule": {whole("true", rsc(""),
			`<rsc_location id="k" rsc="a" score="1"><rule id="r" score="1">`+defined+`</rule></rsc_location>`, ""), true},
		"a location of a set and more":  {sets("rsc_location", `rsc="a" node="n1" score="1"`), true},
		"a location of a set's role":    {sets("rsc_location", `role="Started" node="n1" score="1"`), true},
		"a location of a set":           {sets("rsc_location", `node="n1" score="1"`), false},
		"a colocation of sets and role": {sets("rsc_colocation", `rsc-role="Started" score="1"`), true},
		"an order of sets, and actions": {sets("rsc_order", `first-action="start"`), true},
		"a ticket of a set and a role":  {sets("rsc_ticket", `ticket="T" rsc-role="Started"`), true},
		"a ticket of a set":             {sets("rsc_ticket", `ticket="T"`), false},
		"an order of a set's score": {whole("true", rsc(""), `<rsc_order id="k"><resource_set id="s" score="1"><resource_ref id="a"/>`+
			`<resource_ref id="f"/></resource_set></rsc_order>`, ""), true},
		"a role of a rule that is none": {whole("true", rsc(""), `<rsc_location id="k" rsc="a"><rule id="r" score="1" role="start">`+defined+
			`</rule></rsc_location>`, ""), true},
		"a role of a rule": {whole("true", rsc(""), `<rsc_location id="k" rsc="a"><rule id="r" score="1" role="started">`+defined+
			`</rule></rsc_location>`, ""), false},
		"a role with a blank": {whole("true", op(`name="monitor" interval="9" role=" Started"`), "", ""), true},
		"a node's type with a blank": {strings.Replace(whole("true", rsc(""), "", ""), "</nodes>",
			`<node id="2" uname="n2" type=" member"/></nodes>`, 1), true},
		"a container that is none":         {whole("true", rsc(meta("container", "true")), "", ""), true},
		"a container that is a template":   {whole("true", rsc(meta("container", "t"))+`<template id="t" class="lsb" type="x"/>`, "", ""), true},
		"a container":                      {whole("true", rsc(meta("container", "f")), "", ""), false},
		"its own container":                {whole("true", rsc(meta("container", "a")), "", ""), false},
		"remove-after-stop":                {whole("true", rsc(""), "", `<nvpair id="p2" name="remove-after-stop" value="true"/>`), true},
		"remove-after-stop=false":          {whole("true", rsc(""), "", `<nvpair id="p2" name="remove-after-stop" value="false"/>`), false},
		"remove-after-stop=maybe":          {whole("true", rsc(""), "", `<nvpair id="p2" name="remove-after-stop" value="maybe"/>`), true},
		"colocation with a clone's member": {whole("true", clone(""), `<rsc_colocation id="k" rsc="a" with-rsc="d"/>`, ""), true},
		"colocation of a clone's member": {whole("true", clone(""),
			`<rsc_colocation id="k" rsc="d" with-rsc="a" score="1"/>`, ""), true},
		"colocation with the clone": {whole("true", clone(""),
			`<rsc_colocation id="k" rsc="a" with-rsc="c" score="1"/>`, ""), false},
		"order after a clone's member": {whole("true", clone(""), `<rsc_order id="k" first="d" then="a"/>`, ""), true},
		"location of a clone's member": {whole("true", clone(""),
			`<rsc_location id="k" rsc="d" node="n1" score="1"/>`, ""), true},
		"set with a clone's member": {whole("true", clone(""),
			`<rsc_order id="k"><resource_set id="s"><resource_ref id="a"/><resource_ref id="d"/></resource_set></rsc_order>`, ""), true},
		"location of a group's member": {whole("true", `<group id="g">`+rsc("")+`</group>`,
			`<rsc_location id="k" rsc="a" node="n1" score="1"/>`, ""), false},
		"stop, on-fail=stop":     {running(whole("true", op(`name="stop" interval="0" on-fail="stop"`), "", "")), true},
		"stop, on-fail=standby":  {running(whole("true", op(`name="stop" interval="0" on-fail="standby"`), "", "")), true},
		"stop, on-fail=demote":   {running(whole("true", op(`name="stop" interval="0" on-fail="demote"`), "", "")), true},
		"stop, on-fail=block":    {running(whole("true", op(`name="stop" interval="0" on-fail="block"`), "", "")), false},
		"stop, on-fail=fence":    {whole("true", op(`name="stop" interval="0" on-fail="fence"`), "", ""), false},
		"start, on-fail=stop":    {whole("true", op(`name="start" interval="0" on-fail="stop"`), "", ""), false},
		"fence without fencing":  {whole("false", op(`name="monitor" interval="9" on-fail="fence"`), "", ""), true},
		"fence without, a start": {whole("false", op(`name="start" interval="0" on-fail="fence"`), "", ""), true},
		"demote of a monitor":    {whole("true", op(`name="monitor" interval="9" on-fail="demote"`), "", ""), true},
		"demote of a promote":    {whole("true", op(`name="promote" interval="0" on-fail="demote"`), "", ""), false},
		"recurring start":        {whole("true", op(`name="start" interval="9"`), "", ""), true},
		"recurring stop":         {whole("true", op(`name="stop" interval="1min"`), "", ""), true},
		"recurring promote":      {whole("true", op(`name="promote" interval="PT1M"`), "", ""), true},
		"start at once":          {whole("true", op(`name="start" interval="0s"`), "", ""), false},
		"target-role=Slave":      {whole("true", rsc(meta("target-role", "Slave")), "", ""), true},
		"target-role=promoted":   {whole("true", rsc(meta("target-role", "promoted")), "", ""), true},
		"target-role of a group": {whole("true", `<group id="g">`+meta("target-role", "Master")+rsc("")+`</group>`, "", ""), true},
		"target-role of a clone": {whole("true", clone(meta("target-role", "Master")), "", ""), true},
		"of a promotable one": {whole("true",
			clone(strings.Replace(promoted, "/></meta", `/><nvpair id="m1" name="target-role" value="Master"/></meta`, 1)), "", ""), false},
		"target-role=Nonsense": {whole("true", rsc(meta("target-role", "Nonsense")), "", ""), true},
		"requires=luck":        {whole("true", rsc(meta("requires", "luck")), "", ""), true},
		"requires=fencing off": {whole("false", rsc(meta("requires", "fencing")), "", ""), true},
		"requires=nothing":     {whole("false", rsc(meta("requires", "nothing")), "", ""), false},
		"multiple-active":      {whole("true", rsc(meta("multiple-active", "often")), "", ""), true},
		"isolation":            {whole("true", rsc(meta("isolation", "x")), "", ""), true},
		"suicide without fencing": {whole("false", rsc(""), "",
			`<nvpair id="p2" name="no-quorum-policy" value="suicide"/>`), true},
		"suicide with it": {whole("true", rsc(""), "",
			`<nvpair id="p2" name="no-quorum-policy" value="suicide"/>`), false},
		"loss-policy=fence, off": {whole("false", rsc(""),
			`<rsc_ticket id="t" rsc="a" ticket="T" loss-policy="fence"/>`, ""), true},
		"loss-policy=fence, on": {whole("true", rsc(""),
			`<rsc_ticket id="t" rsc="a" ticket="T" loss-policy="fence"/>`, ""), false},
		"serialize, symmetrical": {whole("true", clone(""),
			`<rsc_order id="k" first="c" then="a" kind="Serialize" symmetrical="true"/>`, ""), true},
		"serialize": {whole("true", clone(""),
			`<rsc_order id="k" first="c" then="a" kind="Serialize" symmetrical="false"/>`, ""), false},
		"a promotable service": {whole("true", clone(promoted)+`<clone id="e">`+strings.ReplaceAll(promoted, "cm", "em")+
			`<primitive id="s" class="systemd" type="y"/></clone>`, "", ""), true},
		"a unique service": {whole("true", `<clone id="e"><meta_attributes id="em"><nvpair id="em1" name="globally-unique" value="true"/>`+
			`</meta_attributes><primitive id="s" class="systemd" type="y"/></clone>`, "", ""), true},
		"an anonymous service": {whole("true", `<clone id="e"><primitive id="s" class="systemd" type="y"/></clone>`,
			"", ""), false},
		"bundle out of reach": {whole("true", `<bundle id="b"><docker image="x"/>`+rsc("")+`</bundle>`, "", ""), true},
		"bundle":              {whole("true", `<bundle id="b"><docker image="x"/></bundle>`, "", ""), false},
		"bundle in reach": {whole("true", `<bundle id="b"><docker image="x"/><network control-port="3121"/>`+rsc("")+
			`</bundle>`, "", ""), false},
		"rule without a score": {whole("true", rsc(""), `<rsc_location id="k" rsc="a"><rule id="r">`+defined+
			`</rule></rsc_location>`, ""), true},
		"rule in a rule without one": {whole("true", rsc(""), ruleInRule, ""), false},
		"and before schema 3.9":      {strings.Replace(whole("true", rsc(""), ruleInRule, ""), "-3.9", "-3.7", 1), true},
		"rule with score-attribute": {whole("true", rsc(""), `<rsc_location id="k" rsc="a"><rule id="r" score-attribute="x">`+defined+
			`</rule></rsc_location>`, ""), false},
		"lifetime": {whole("true", rsc(""), `<rsc_location id="k" rsc="a" node="n1" score="1"><lifetime><rule id="r" score="1">`+defined+
			`</rule></lifetime></rsc_location>`, ""), true},
		"pattern (":           {whole("true", rsc(""), pattern("^a("), ""), true},
		"pattern not (":       {whole("true", rsc(""), pattern("!a("), ""), true},
		"pattern [":           {whole("true", rsc(""), pattern("[a"), ""), true},
		"pattern z-a":         {whole("true", rsc(""), pattern("[z-a]"), ""), true},
		"pattern class":       {whole("true", rsc(""), pattern("[[:foo:]]"), ""), true},
		"pattern *":           {whole("true", rsc(""), pattern("*a"), ""), true},
		"pattern \\":          {whole("true", rsc(""), pattern(`a\`), ""), true},
		"pattern )":           {whole("true", rsc(""), pattern("a)"), ""), false},
		"pattern \\1":         {whole("true", rsc(""), pattern(`(a)\1`), ""), false},
		"pattern \\w":         {whole("true", rsc(""), pattern(`\w`), ""), false},
		"pattern [\\]":        {whole("true", rsc(""), pattern(`[\]`), ""), false},
		"pattern [a\\] and (": {whole("true", rsc(""), pattern(`[(\]`), ""), false},
		"pattern a**":         {whole("true", rsc(""), pattern("a**"), ""), false},
		"start-delay and interval-origin": {whole("true",
			op(`name="monitor" interval="9" start-delay="1" interval-origin="2026-01-01"`), "", ""), true},
		"interval-origin": {whole("true", op(`name="monitor" interval="9" interval-origin="yesterday"`), "", ""), true},
		"a good one": {whole("true",
			op(`name="monitor" interval="9" interval-origin="2026-W01-1 10:00"`), "", ""), false},
		"on-fail by meta": {whole("true", rsc(`<operations><op id="o" name="monitor" interval="9">`+
			meta("on-fail", "explode")+`</op></operations>`), "", ""), true},
		"requires by meta": {whole("true", rsc(`<operations><op id="o" name="monitor" interval="9">`+
			meta("requires", "quorum")+`</op></operations>`), "", ""), true},
		"on-fail by default": {strings.Replace(whole("true", rsc(""), "", ""), "</constraints>",
			"</constraints><op_defaults>"+meta("on-fail", "explode")+"</op_defaults>", 1), true},
		"two levels in one": {levels(`target="n1" target-pattern="n.*"`), true},
		"a level":           {levels(`target-pattern="n.*"`), false},
		"a tag on nothing": {strings.Replace(whole("true", rsc(""), "", ""), "</constraints>",
			`</constraints><tags><tag id="t"/></tags>`, 1), true},
		"two nodes of a name": {strings.Replace(whole("true", rsc(""), "", ""), "</nodes>",
			`<node id="2" uname="n1"/></nodes>`, 1), true},
		"node of the type ping": {strings.Replace(whole("true", rsc(""), "", ""), "</nodes>",
			`<node id="2" uname="n2" type="ping"/></nodes>`, 1), true},
		"a resource twice in an order": {whole("true", rsc(""),
			`<rsc_order id="k"><resource_set id="s" require-all="true"><resource_ref id="f"/>`+
				`<resource_ref id="a"/><resource_ref id="a"/></resource_set></rsc_order>`, ""), true},
		"a resource started and stopped": {whole("true", rsc(""),
			`<rsc_order id="k" symmetrical="false"><resource_set id="s"><resource_ref id="a"/>`+
				`</resource_set><resource_set id="s2" action="stop"><resource_ref id="a"/></resource_set></rsc_order>`, ""), false},
		"health": {whole("true", rsc(""), "",
			`<nvpair id="p2" name="node-health-strategy" value="magic"/>`), true},
		"default-migration": {whole("true", rsc(""), "",
			`<nvpair id="p2" name="default-migration-threshold" value="1"/>`), true},
		"openais": {whole("true", rsc(""), "",
			`<nvpair id="p2" name="cluster-infrastructure" value="openais"/>`), true},
		"corosync": {whole("true", rsc(""), "",
			`<nvpair id="p2" name="cluster-infrastructure" value="corosync"/>`), false},
		"openais before schema 3": {strings.Replace(whole("true", rsc(""), "",
			`<nvpair id="p2" name="cluster-infrastructure" value="openais"/>`), "-3.9", "-2.10", 1), false},
		"a threshold below 0": {whole("true", rsc(meta("migration-threshold", "-1")), "", ""), true},
		"utilization": {whole("true",
			rsc(`<utilization id="u"><nvpair id="u1" name="cpu" value="two"/></utilization>`), "",
			`<nvpair id="p2" name="placement-strategy" value="balanced"/>`), true},
		"score of an order": {whole("true", rsc("")+`<primitive id="z" class="ocf" provider="x" type="y"/>`,
			`<rsc_order id="k" first="a" then="z" score="5"/>`, ""), true},
		"a group that is unordered": {whole("true", `<group id="g">`+meta("ordered", "false")+rsc("")+`</group>`, "", ""), true},
		"an unknown schema":         {strings.Replace(whole("true", rsc(""), "", ""), "-3.9", "-9.9", 1), true},
		"a schema between":          {strings.Replace(whole("true", rsc(""), "", ""), "-3.9", "-1.1", 1), true},
		"an order by its score": {whole("true", rsc("")+`<primitive id="b" class="ocf" provider="x" type="y"/>`,
			`<rsc_order id="k" first="a" then="b" score="0"/>`, ""), true},
		"an order of sets by its score": {whole("true", rsc(""), `<rsc_order id="k" score="INFINITY"><resource_set id="s">`+
			`<resource_ref id="a"/><resource_ref id="f"/></resource_set></rsc_order>`, ""), true},
		"an order by its kind": {whole("true", rsc("")+`<primitive id="b" class="ocf" provider="x" type="y"/>`,
			`<rsc_order id="k" first="a" then="b" kind="Optional"/>`, ""), false},
		"require-all after a clone": {whole("true", clone(""), `<rsc_order id="k" first="c" then="a" require-all="true"/>`, ""), true},
		"require-all with clone-min": {whole("true", clone(meta("clone-min", "1")),
			`<rsc_order id="k" first="c" then="a" require-all="false"/>`, ""), false},
		"require-all before a clone": {whole("true", clone(""), `<rsc_order id="k" first="a" then="c" require-all="false"/>`, ""), false},
		"require-all in a set": {whole("true", clone(""), `<rsc_order id="k"><resource_set id="s" require-all="true"><resource_ref id="c"/>`+
			`</resource_set><resource_set id="s2"><resource_ref id="a"/></resource_set></rsc_order>`, ""), false},
		"a group without order":     {whole("true", `<group id="g">`+meta("ordered", "off")+rsc("")+`</group>`, "", ""), true},
		"a group that may be apart": {whole("true", `<group id="g">`+meta("collocated", "false")+rsc("")+`</group>`, "", ""), true},
		"a group in order":          {whole("true", `<group id="g">`+meta("ordered", "true")+rsc("")+`</group>`, "", ""), false},
		"ordered, of a clone":       {whole("true", clone(meta("ordered", "false")), "", ""), false},
		"restart-type=restart":      {whole("true", rsc(meta("restart-type", "restart")), "", ""), true},
		"restart-type=ignore":       {whole("true", rsc(meta("restart-type", "ignore")), "", ""), false},
		"stonith-action=poweroff":   {whole("true", rsc(""), "", `<nvpair id="p2" name="stonith-action" value="poweroff"/>`), true},
		"poweroff, and fencing off": {whole("false", rsc(""), "", `<nvpair id="p2" name="stonith-action" value="poweroff"/>`), true},
		"stonith-action=off":        {whole("true", rsc(""), "", `<nvpair id="p2" name="stonith-action" value="off"/>`), false},
		"two instances on a node":   {whole("true", clone(meta("clone-node-max", "2")), "", ""), true},
		"two unique ones on a node": {whole("true",
			clone(strings.Replace(meta("clone-node-max", "2"), "</meta",
				`<nvpair id="m2" name="globally-unique" value="true"/></meta`, 1)), "", ""), false},
		"one instance on a node": {whole("true", clone(meta("clone-node-max", "1")), "", ""), false},
		"a unique clone of a daemon": {whole("true", `<clone id="c">`+meta("globally-unique", "true")+
			`<primitive id="d" class="systemd" type="y"/></clone>`, "", ""), true},
		"a unique clone of a group": {whole("true", `<clone id="c">`+meta("globally-unique", "yes")+`<group id="g">`+rsc("")+
			`<primitive id="d" class="lsb" type="y"/></group></clone>`, "", ""), true},
		"a unique clone of a fence device": {whole("true", `<clone id="c">`+meta("globally-unique", "yes")+
			`<primitive id="d" class="stonith" type="y"/></clone>`, "", ""), false},
		"a clone of a daemon": {whole("true", `<clone id="c"><primitive id="d" class="systemd" type="y"/></clone>`, "", ""), false},
		"unique by a template": {whole("true", `<template id="t" class="service" type="y"/><clone id="c">`+meta("globally-unique", "true")+
			`<primitive id="d" template="t"/></clone>`, "", ""), true},
		"unique by default": {strings.Replace(whole("true", clone(meta("clone-node-max", "2")), "", ""), "</constraints>",
			`</constraints><rsc_defaults><meta_attributes id="rd"><nvpair id="rd1" name="globally-unique" value="true"/></meta_attributes></rsc_defaults>`, 1), false},
		"a ping node": {strings.Replace(whole("true", rsc(""), "", ""), "</nodes>", `<node id="2" uname="n2" type="ping"/></nodes>`, 1), true},
		"a member":    {strings.Replace(whole("true", rsc(""), "", ""), "<node id", `<node type="member" id`, 1), false},
		"ordered, of a clone of a group": {whole("true", `<clone id="c">`+meta("ordered", "false")+`<group id="g">`+rsc("")+
			`</group></clone>`, "", ""), true},
		"ordered, as the group says": {whole("true", `<clone id="c">`+meta("ordered", "false")+`<group id="g"><meta_attributes id="gm">`+
			`<nvpair id="gm1" name="ordered" value="true"/></meta_attributes>`+rsc("")+`</group></clone>`, "", ""), false},
		"a time that is none": {whole("true", op(`name="monitor" interval="9" timeout="soon"`), "", ""), false},
	}
}

// What the scheduler refuses has a finding with a line; what it takes has no fault.
func TestValidateAsTheScheduler(t *testing.T) {
	for name, c := range schedulerCases() {
		t.Run(name, func(t *testing.T) {
			cib, err := ParseCIB(strings.NewReader(c.text))
			require.NoError(t, err)
			problems := cib.Validate()
			if !c.bad {
				require.False(t, slices.ContainsFunc(problems, func(p Problem) bool {
					return p.Severity == Fault || p.Check == "scheduler" || p.Check == "deprecated"
				}), "%v", problems)
				return
			}
			require.Len(t, problems, 1)
			require.Positive(t, problems[0].At.Line)
		})
	}
}

// TestValidateBySchema: a value that only later, or earlier, schemas take.
func TestValidateBySchema(t *testing.T) {
	sample, err := os.ReadFile("testdata/" + imlCIB)
	require.NoError(t, err)
	with := func(schema, resources, constraints string) []Problem {
		text := string(sample)
		was := text[strings.Index(text, `validate-with="`):]
		was = was[:strings.Index(was[len(`validate-with="`):], `"`)+len(`validate-with="`)+1]
		text = strings.Replace(text, was, `validate-with="pacemaker-`+schema+`"`, 1)
		text = strings.Replace(text, "</resources>", resources+"</resources>", 1)
		text = strings.Replace(text, "</constraints>", constraints+"</constraints>", 1)
		cib, err := ParseCIB(strings.NewReader(text))
		require.NoError(t, err)
		return slices.DeleteFunc(cib.Validate(), func(p Problem) bool { return p.Check != "bad-value" })
	}
	op := func(attrs string) string {
		return `<clone id="cz"><meta_attributes id="mz"><nvpair id="nz" name="promotable" value="true"/></meta_attributes>` +
			`<primitive id="z" class="ocf" provider="x" type="y"><operations><op id="oz" name="monitor" interval="9" ` + attrs +
			`/></operations></primitive></clone>`
	}
	rule := func(attrs string) string {
		return `<rsc_location id="lz" rsc="MGS_32834e"><rule id="rz" score="1"><expression id="ez" attribute="x" operation="lt" value="1" ` +
			attrs + `/></rule></rsc_location>`
	}
	// What later schemas drop is no part of this.
	sample = []byte(strings.ReplaceAll(string(sample), `type="normal" `, ""))
	sample = []byte(strings.ReplaceAll(string(sample), ` type="normal"`, ""))
	for name, c := range map[string]struct{ before, from, resources, constraints string }{
		"Promoted":       {"3.6", "3.7", op(`role="Promoted"`), ""},
		"on-fail=demote": {"3.3", "3.4", op(`on-fail="demote" role="Master"`), ""},
		"type=integer":   {"3.4", "3.5", "", rule(`type="integer"`)},
		"systemd":        {"1.0", "1.2", `<primitive id="z" class="systemd" type="y"/>`, ""},
	} {
		early, late := with(c.before, c.resources, c.constraints), with(c.from, c.resources, c.constraints)
		require.Len(t, early, 1, name)
		require.Equal(t, Fault, early[0].Severity)
		require.Positive(t, early[0].At.Line)
		require.Contains(t, early[0].Error(), c.before, name)
		require.Empty(t, late, name)
	}
	for _, constraint := range []string{
		`<rsc_location id="lz" rsc="MGS_32834e" node="ct6-mds1" score="infinity"/>`,
		`<rsc_location id="9z" rsc="MGS_32834e" node="ct6-mds1" score="1"/>`,
		`<rsc_location id="l:z" rsc="MGS_32834e" node="ct6-mds1" score="1"/>`,
		`<rsc_location id="lz" rsc="MGS_32834e" node="ct6-mds1" score=""/>`,
		`<rsc_location id="lz" rsc="MGS_32834e" node="ct6-mds1" score="1.5"/>`,
		`<rsc_location id="" rsc="MGS_32834e" node="ct6-mds1" score="5"/>`,
	} {
		require.Len(t, with("2.10", "", constraint), 1, constraint)
	}
	require.Empty(t, with("2.10", "", `<rsc_location id="lz" rsc="MGS_32834e" node="ct6-mds1" score=" +7 "/>`), "blanks do not count")
}

// What crm_verify accepts has a warning at most, and what stands once too often is found.
func TestValidateSeverities(t *testing.T) {
	whole := schedulerCases()["start at once"].text
	for change, want := range map[[2]string]Severity{
		{"<constraints></constraints>", "<constraints/><constraints/>"}:                                          Warning,
		{"</configuration>", `<acls><acl_target id="u"><role id="nobody"/></acl_target></acls></configuration>`}: Warning,
		{"</configuration>", "<tags/><tags/></configuration>"}:                                                   Fault,
		{"</operations>", "</operations><operations/>"}:                                                          Fault,
		{`class="stonith" type`, `class="stonith" provider="x" type`}:                                            Fault,
		{"<constraints>", `<constraints><rsc_location id="l" rsc="a"><rule id="r" score="1"><date_expression id="d" operation="gt" start="2020-01-01" end="2021-01-01"/></rule></rsc_location>`}: Fault,
	} {
		require.Contains(t, whole, change[0])
		cib, err := ParseCIB(strings.NewReader(strings.Replace(whole, change[0], change[1], 1)))
		require.NoError(t, err)
		problems := cib.Validate()
		require.Len(t, problems, 1, change[1])
		require.Equal(t, want, problems[0].Severity, change[1])
		require.Positive(t, problems[0].At.Line)
	}
}

package readiness_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
)

// Each rule finds what it is about, on a target that it is about and on no other; what is nearly the same is not found.
func TestRules(t *testing.T) {
	option := func(name, value string) string {
		return `<crm_config><cluster_property_set id="s"><nvpair id="n" name="` + name + `" value="` + value + `"/></cluster_property_set></crm_config>`
	}
	const dummy = `class="ocf" provider="heartbeat" type="Dummy">`
	fs := func(name, value string) string {
		return primitive(`class="ocf" provider="heartbeat" type="Filesystem"><instance_attributes id="i"><nvpair id="n" name="` + name + `" value="` + value +
			`"/></instance_attributes>`)
	}
	meta := func(name, value string) string {
		return primitive(dummy + `<meta_attributes id="m"><nvpair id="n" name="` + name + `" value="` + value + `"/></meta_attributes>`)
	}
	fence := func(name string) string {
		return primitive(`class="stonith" type="fence_ipmilan"><instance_attributes id="i"><nvpair id="n" name="` + name + `" value="x"/></instance_attributes>`)
	}
	const rules2 = `<rule id="r1" score="1"><expression id="e1" attribute="#uname" operation="eq" value="a"/></rule>` +
		`<rule id="r2" score="1"><expression id="e2" attribute="#uname" operation="eq" value="b"/></rule>`
	for name, tc := range map[string]struct {
		cib       string
		want      string // the only finding beside notes on the schema
		on, notOn string // targets
	}{
		"old option": {
			option("default-action-timeout", "20"),
			"warning option default-action-timeout: cluster option default-action-timeout", "el8", "",
		},
		"underbar": {
			option("no_quorum_policy", "stop"), "warning option no_quorum_policy: cluster option no_quorum_policy", "el9", "",
		},
		"own underbar": {option("configured_by", "IML"), "", "el10", ""},
		"crmd option": {
			option("crmd-transition-delay", "0"), "warning option crmd-transition-delay: cluster option crmd-transition-delay",
			"debian13", "debian12",
		},
		"remove-after-stop": {
			option("remove-after-stop", "true"), "warning option remove-after-stop: cluster option remove-after-stop", "el10",
			"el9",
		},
		"poweroff":       {option("stonith-action", "Poweroff"), "blocker fencing stonith-action: stonith-action=poweroff", "el10", "el9"},
		"off":            {option("stonith-action", "off"), "", "el10", ""},
		"fence command":  {fence("pcmk_list_cmd"), "blocker fence-parameter r: parameter pcmk_list_cmd", "el8", ""},
		"fence map":      {fence("pcmk_arg_map"), "blocker fence-parameter r: parameter pcmk_arg_map", "el9", ""},
		"fence poweroff": {fence("pcmk_poweroff_action"), "blocker fence-parameter r: parameter pcmk_poweroff_action", "el9", ""},
		"fence action":   {fence("pcmk_list_action"), "", "el10", ""},
		"requires": {
			primitive(dummy + `<operations><op id="o" name="start" interval="0" requires="nothing"/></operations>`),
			"warning operation r: op with requires", "el8", "",
		},
		"operation parameter": {
			primitive(dummy + `<operations><op id="o" name="monitor" interval="9"><instance_attributes id="i"><nvpair id="n" name="timeout" value="5"/></instance_attributes></op></operations>`),
			"warning operation r: operation option timeout as an instance attribute", "el8", "",
		},
		"own parameter": {
			primitive(dummy + `<operations><op id="o" name="monitor" interval="9"><instance_attributes id="i"><nvpair id="n" name="OCF_CHECK_LEVEL" value="10"/></instance_attributes></op></operations>`),
			"", "el10", "",
		},
		"role": {
			primitive(dummy + `<operations><op id="o" name="monitor" interval="9" role="Master"/></operations>`),
			"note role r: role=Master", "el9", "",
		},
		"new role": {
			primitive(dummy + `<operations><op id="o" name="monitor" interval="9" role="Promoted"/></operations>`), "", "el9",
			"",
		},
		"ping node": {`<nodes><node id="1" uname="n" type="ping"/></nodes>`, "blocker node-type 1: node of type ping", "el10", "el9"},
		"member":    {`<nodes><node id="1" uname="n" type="member"/></nodes>`, "", "el10", ""},
		"upstart":   {primitive(`class="upstart" type="web">`), "blocker class r: class upstart: web", "el10", "el9"},
		"nagios": {
			primitive(`class="nagios" type="check_tcp">`), "blocker class r: class nagios: check_tcp", "debian13", "debian12",
		},
		"rkt": {
			`<resources><bundle id="b"><rkt image="i"/></bundle></resources>`, "blocker bundle b: a bundle of rkt containers",
			"el10", "el9",
		},
		"masters": {
			`<resources><bundle id="b"><docker image="i" masters="1"/></bundle></resources>`,
			"warning bundle b: docker with masters", "el10", "el9",
		},
		"master": {
			`<resources><master id="m"><primitive id="r" ` + dummy + `</primitive></master></resources>`,
			"warning promotable m: a master resource", "el10", "el9",
		},
		"defaults": {
			`<rsc_defaults><instance_attributes id="i"><nvpair id="n" name="x" value="y"/></instance_attributes></rsc_defaults>`,
			"warning defaults i: instance attributes of rsc_defaults", "el10", "el9",
		},
		"restart-type": {meta("restart-type", "restart"), "warning meta r: meta attribute restart-type", "el10", "el9"},
		"can-fail": {
			primitive(dummy + `<operations><op id="o" name="monitor" interval="9"><meta_attributes id="m"><nvpair id="n" name="can_fail" value="true"/></meta_attributes></op></operations>`),
			"warning operation r: operation option can_fail", "el10", "el9",
		},
		"can-fail of the op": {
			primitive(dummy + `<operations><op id="o" name="monitor" interval="9" role_after_failure="Stopped"/></operations>`),
			"warning operation r: op with role_after_failure", "el10", "el9",
		},
		"instance": {
			`<constraints><rsc_colocation id="c" rsc="a" rsc-instance="1" with-rsc="b" score="1"/></constraints>`,
			"blocker constraint c: rsc_colocation with rsc-instance", "el10", "el9",
		},
		"lifetime": {
			`<constraints><rsc_location id="c" rsc="a" node="n" score="1"><lifetime/></rsc_location></constraints>`,
			"blocker constraint c: a lifetime", "el10", "el9",
		},
		"rules": {
			`<constraints><rsc_location id="c" rsc="a">` + rules2 + `</rsc_location></constraints>`, "warning rule c: 2 rules",
			"el10", "el9",
		},
		"rules of a set": {
			primitive(dummy + `<instance_attributes id="i">` + rules2 + `</instance_attributes>`), "blocker rule r: 2 rules",
			"el10", "el9",
		},
		"node rule": {
			primitive(dummy + `<meta_attributes id="m"><rule id="r1" score="1"><expression id="e" attribute="#uname" operation="eq" value="a"/></rule></meta_attributes>`),
			"warning rule r: meta attributes under a condition on #uname", "el10", "el9",
		},
		"node rule of params": {
			primitive(dummy + `<instance_attributes id="m"><rule id="r1" score="1"><expression id="e" attribute="#uname" operation="eq" value="a"/></rule></instance_attributes>`),
			"", "el10", "",
		},
		"moon": {
			`<constraints><rsc_location id="c" rsc="a"><rule id="r1" score="1"><date_expression id="d" operation="date_spec"><date_spec id="s" moon="4"/></date_expression></rule></rsc_location></constraints>`,
			"warning rule c: date_spec with moon", "debian13", "debian12",
		},
		"duration": {
			`<constraints><rsc_location id="c" rsc="a"><rule id="r1" score="1"><date_expression id="d" operation="in_range" start="2026-01-01"><duration id="s" weekdays="4"/></date_expression></rule></rsc_location></constraints>`,
			"warning rule c: duration with weekdays", "el10", "debian13",
		},
		"reference": {
			primitive(dummy + `<instance_attributes id="i"><nvpair id="n0" name="a" value="b"/><nvpair id-ref="n0" name="c"/></instance_attributes>`),
			"warning reference r: option by id-ref with a name of its own: c", "el10", "el9",
		},
		"clone": {
			`<resources><clone id="c"><meta_attributes id="m"><nvpair id="n" name="clone-node-max" value="2"/></meta_attributes></clone></resources>`,
			"warning clone c: clone-node-max=2 without globally-unique", "el10", "el9",
		},
		"unique clone": {
			`<resources><clone id="c"><meta_attributes id="m"><nvpair id="n" name="clone-node-max" value="2"/><nvpair id="n2" name="globally-unique" value="false"/></meta_attributes></clone></resources>`,
			"", "el10", "",
		},
		"plain clone": {
			`<resources><clone id="c"><meta_attributes id="m"><nvpair id="n" name="clone-node-max" value="1"/></meta_attributes></clone></resources>`,
			"", "el10", "",
		},
		"threshold": {meta("migration-threshold", "-1"), "warning meta r: negative migration-threshold", "el10", "el9"},
		"level": {
			`<fencing-topology><fencing-level id="l" target="n" index="10" devices="d"/></fencing-topology>`,
			`blocker fencing l: fencing level with index "10"`, "el10", "el9",
		},
		"good level": {`<fencing-topology><fencing-level id="l" target="n" index="9" devices="d"/></fencing-topology>`, "", "el10", ""},
		"ocfs2":      {fs("fstype", "ocfs2"), "blocker filesystem r: a file system of type ocfs2", "sles16", "sles15"},
		"gfs2":       {fs("fstype", "gfs2"), "blocker filesystem r: a file system of type gfs2", "el10", "el9"},
		"xfs":        {fs("fstype", "xfs"), "", "sles16", ""},
		"ASCS": {
			fs("directory", "/usr/sap/EN2/ASCS00"), "blocker filesystem r: the cluster mounts /usr/sap/EN2/ASCS00", "sles16",
			"sles15",
		},
		"ERS": {
			fs("directory", "/usr/sap/EN2/ERS10/"), "blocker filesystem r: the cluster mounts /usr/sap/EN2/ERS10/", "sles16", "",
		},
		"other SAP directory": {fs("directory", "/usr/sap/EN2/D01"), "", "sles16", ""},
	} {
		t.Run(name, func(t *testing.T) {
			found := func(target string) (all []string) {
				for _, line := range lines(check(t, readiness.Input{CIB: cibWith(t, tc.cib)}, target)) {
					if !strings.Contains(line, " schema ") {
						all = append(all, line)
					}
				}
				return all
			}
			if tc.want == "" {
				require.Empty(t, found(tc.on))
				return
			}
			require.Equal(t, []string{tc.want}, found(tc.on))
			if tc.notOn != "" {
				require.NotContains(t, found(tc.notOn), tc.want)
			}
		})
	}
}

// A finding has its place in the file, the reason with its source, and what to do.
func TestFindingsAreComplete(t *testing.T) {
	report := check(t, readiness.Input{CIB: cibOf(t, "<cib validate-with=\"pacemaker-3.9\" epoch=\"1\" num_updates=\"0\" admin_epoch=\"0\">\n<configuration>\n"+
		"<resources>\n <primitive id=\"web\" class=\"upstart\" type=\"web\"/>\n</resources></configuration></cib>")}, "el10")
	f := report.Findings[0]
	require.Equal(t, "cib.xml:4:2", f.Where)
	require.Equal(t, readiness.Blocker, f.Level)
	for _, site := range sites {
		for _, target := range readiness.Targets() {
			for _, f := range check(t, siteOf(t, site.name), target).Findings {
				require.NotEmpty(t, f.Found)
				require.NotEmpty(t, f.Why, f.Found)
				require.NotEmpty(t, f.Next, f.Found)
				require.NotEmpty(t, f.Source.Title, f.Found)
				require.NotEmpty(t, f.Source.Address, f.Found)
			}
		}
	}
}

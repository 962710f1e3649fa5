package pairfiles

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// A constraint is printed with all that decides its meaning: actions, roles, and what is not the default.
func TestInspectShowsWhatConstraintsMean(t *testing.T) {
	const text = `<cib><configuration><resources><clone id="ha"><meta_attributes id="m"><nvpair id="m1" name="promotable" value="true"/></meta_attributes>` +
		`<primitive id="pg" class="ocf" provider="x" type="y"><operations><op id="o" name="monitor" interval="15s" role="Master"/></operations></primitive></clone></resources><constraints>` +
		`<rsc_order id="o1" first="ha" first-action="demote" then="ip" then-action="stop" symmetrical="false" kind="Mandatory"/>` +
		`<rsc_order id="o2"><resource_set id="s1" action="promote" require-all="false"><resource_ref id="ha"/></resource_set><resource_set id="s2"><resource_ref id="ip"/></resource_set></rsc_order>` +
		`<rsc_colocation id="c1" rsc="ip" rsc-role="Started" with-rsc="ha" with-rsc-role="Master" score="INFINITY" node-attribute="rack"/>` +
		`<rsc_location id="l1" rsc="ha" node="n1" role="Master" score="5"/><rsc_location id="l2" rsc="ip" node="n1" score="5"/>` +
		`<rsc_location id="l3" rsc="ha"><rule id="r" role="Master" score="7"><expression id="e" attribute="x" operation="defined"/></rule></rsc_location>` +
		`<rsc_ticket id="t" rsc="ha" rsc-role="Master" ticket="T" loss-policy="demote"/></constraints></configuration></cib>`
	cib, err := pacemaker.ParseCIB(strings.NewReader(text))
	require.NoError(t, err)
	in := &cli.Inspection{}
	cibFacts(in, cib)
	facts := make(map[string]string)
	for _, f := range in.Facts {
		facts[f.Name] = f.Value
	}
	for name, want := range map[string]string{
		"ha": "clone, promotable=true", "  pg": "ocf:x:y, monitor 15s/- (Master)",
		"order o1":      "demote ha then stop ip (Mandatory, symmetrical=false)",
		"order o2":      "{ha} (action=promote, require-all=false) then {ip}",
		"colocation c1": "Started ip with Master ha (INFINITY, node-attribute=rack)",
		"location l1":   "ha: 5 on n1 (role=Master)", "location l2": "",
		"location l3": "ha: 7 when defined x (role=Master)", "ticket T": "Master ha (demote)",
	} {
		require.Equal(t, want, facts[name], name)
	}
}

// The status of a promotable clone has the role of each instance.
func TestInspectShowsTheRoleOfEachInstance(t *testing.T) {
	const text = `<crm_mon version="2.0.5"><summary><current_dc present="true" with_quorum="true"/><cluster_options stonith-enabled="true" maintenance-mode="false"/></summary>` +
		`<nodes><node name="n1" id="1" online="true" standby="false" standby_onfail="false" maintenance="false" pending="false" unclean="false" shutdown="false" expected_up="true" is_dc="true" resources_running="1" type="member"/></nodes>` +
		`<resources><clone id="ha" multi_state="true" unique="false" managed="true" failed="false" failure_ignored="false">` +
		`<resource id="pg" resource_agent="ocf:x:y" role="Master" active="true" orphaned="false" blocked="false" managed="true" failed="false" failure_ignored="false" nodes_running_on="1"><node name="n1" id="1" cached="false"/></resource>` +
		`<resource id="pg" resource_agent="ocf:x:y" role="Slave" active="true" orphaned="false" blocked="false" managed="true" failed="false" failure_ignored="false" nodes_running_on="1"><node name="n2" id="2" cached="false"/></resource>` +
		`</clone></resources></crm_mon>`
	s, err := pacemaker.ParseStatus(strings.NewReader(text))
	require.NoError(t, err)
	in := &cli.Inspection{}
	statusFacts(in, "f", s)
	var roles []string
	for _, f := range in.Facts {
		if strings.TrimSpace(f.Name) == "pg" {
			roles = append(roles, f.Value)
		}
	}
	require.Equal(t, []string{"Master on n1", "Slave on n2"}, roles)
}

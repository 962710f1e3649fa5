package pcs

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

const twoTargets = `<cib validate-with="pacemaker-2.0" epoch="5" num_updates="0" admin_epoch="0"><configuration>
<crm_config><cluster_property_set id="mine"><nvpair id="mine-lt" name="load-threshold" value="80%"/></cluster_property_set></crm_config>
<nodes><node id="1" uname="a"/><node id="2" uname="b"><instance_attributes id="nodes-2"><nvpair id="sb" name="standby" value="off"/><nvpair id="x" name="other" value="1"/></instance_attributes></node></nodes>
<resources>
<primitive id="T1" class="ocf" provider="chroma" type="Target"><meta_attributes id="m1"><nvpair id="m1-role" name="target-role" value="Started"/><nvpair id="m1-p" name="priority" value="1"/></meta_attributes></primitive>
<group id="G"><primitive id="T2" class="ocf" provider="chroma" type="Target"/></group>
</resources><constraints/></configuration><status/></cib>`

// Each command is the one that Set makes alone, and what it was made from is not changed.
func TestSetEach(t *testing.T) {
	cib, err := pacemaker.ParseCIB(strings.NewReader(twoTargets))
	require.NoError(t, err)
	each := []Settings{
		{Roles: Roles("Stopped", "T2")}, {Roles: Roles("Stopped", "T1")},
		{Properties: []pacemaker.NVPair{{Name: "load-threshold", Value: "400%"}}},
		{Properties: []pacemaker.NVPair{{Name: "node-action-limit", Value: "64"}}},
		{Attributes: []NodeSetting{{"b", pacemaker.NVPair{Name: "standby", Value: "on"}}}},
		{Attributes: []NodeSetting{{"a", pacemaker.NVPair{Name: "standby", Value: "on"}}}},
	}
	got, err := SetEach(cib, each...)
	require.NoError(t, err)
	require.Len(t, got, len(each))
	for i, s := range each {
		want, err := Set(cib, s)
		require.NoError(t, err)
		require.Equal(t, want, got[i])
	}
	_, err = SetEach(cib, Settings{Roles: Roles("Stopped", "T1")}, Settings{Roles: Roles("Stopped", "T9")})
	require.ErrorIs(t, err, pacemaker.ErrNotFound)
}

// H25, H26: many values are one command, which names each by its id and nothing else.
func TestSetIsOneChange(t *testing.T) {
	cib, err := pacemaker.ParseCIB(strings.NewReader(twoTargets))
	require.NoError(t, err)
	o, err := Set(cib, Settings{
		Properties: []pacemaker.NVPair{{Name: "load-threshold", Value: "400%"}, {Name: "node-action-limit", Value: "64"}},
		Attributes: []NodeSetting{{"b", pacemaker.NVPair{Name: "standby", Value: "on"}}},
		Roles:      Roles("Stopped", "T1", "T2"),
	})
	require.NoError(t, err)
	require.Equal(t, []string{"cibadmin", "--modify", "--allow-create", "--xml-pipe"}, o.Argv)
	require.Equal(t, `<configuration>`+
		`<crm_config><cluster_property_set id="mine"><nvpair id="mine-lt" name="load-threshold" value="400%"/></cluster_property_set>`+
		`<cluster_property_set id="cib-bootstrap-options"><nvpair id="cib-bootstrap-options-node-action-limit" name="node-action-limit" value="64"/></cluster_property_set></crm_config>`+
		`<nodes><node id="2"><instance_attributes id="nodes-2"><nvpair id="sb" name="standby" value="on"/></instance_attributes></node></nodes>`+
		`<resources><primitive id="T1"><meta_attributes id="m1"><nvpair id="m1-role" name="target-role" value="Stopped"/></meta_attributes></primitive>`+
		`<group id="G"><primitive id="T2"><meta_attributes id="T2-meta_attributes"><nvpair id="T2-meta_attributes-target-role" name="target-role" value="Stopped"/></meta_attributes></primitive></group></resources>`+
		`</configuration>`, o.Stdin)

	untouched, err := pacemaker.ParseCIB(strings.NewReader(twoTargets))
	require.NoError(t, err)
	require.Empty(t, pacemaker.Diff(untouched, cib), "what it was made from is not changed")

	_, err = Set(cib, Settings{Roles: Roles("Stopped", "T9")})
	require.ErrorIs(t, err, pacemaker.ErrNotFound)
	_, err = Set(cib, Settings{Attributes: []NodeSetting{{"c", pacemaker.NVPair{Name: "standby", Value: "on"}}}})
	require.ErrorIs(t, err, pacemaker.ErrNotFound)
}

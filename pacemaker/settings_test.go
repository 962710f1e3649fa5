package pacemaker

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
)

const twoTargets = `<cib validate-with="pacemaker-2.0" epoch="5" num_updates="0" admin_epoch="0"><configuration>
<crm_config><cluster_property_set id="mine"><nvpair id="mine-lt" name="load-threshold" value="80%"/></cluster_property_set></crm_config>
<nodes><node id="1" uname="a"/><node id="2" uname="b"><instance_attributes id="nodes-2"><nvpair id="sb" name="standby" value="off"/><nvpair id="x" name="other" value="1"/></instance_attributes></node></nodes>
<resources>
<primitive id="T1" class="ocf" provider="chroma" type="Target"><meta_attributes id="m1"><nvpair id="m1-role" name="target-role" value="Started"/><nvpair id="m1-p" name="priority" value="1"/></meta_attributes></primitive>
<group id="G"><primitive id="T2" class="ocf" provider="chroma" type="Target"/></group>
</resources><constraints/></configuration><status/></cib>`

// H25, H26: many values are one command, which names each by its id and nothing else.
func TestSetIsOneChange(t *testing.T) {
	cib, err := ParseCIB(strings.NewReader(twoTargets))
	require.NoError(t, err)
	o, err := Set(cib, Settings{
		Properties: []NVPair{{Name: "load-threshold", Value: "400%"}, {Name: "node-action-limit", Value: "64"}},
		Attributes: []NodeSetting{{"b", NVPair{Name: "standby", Value: "on"}}},
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

	untouched, err := ParseCIB(strings.NewReader(twoTargets))
	require.NoError(t, err)
	require.Empty(t, Diff(untouched, cib), "what it was made from is not changed")

	_, err = Set(cib, Settings{Roles: Roles("Stopped", "T9")})
	require.ErrorIs(t, err, ErrNotFound)
	_, err = Set(cib, Settings{Attributes: []NodeSetting{{"c", NVPair{Name: "standby", Value: "on"}}}})
	require.ErrorIs(t, err, ErrNotFound)
}

// H5, H8, H25: what lies in place before the first start is the prepared cluster, in maintenance, every target disabled, for Pacemaker's own user alone.
func TestSeed(t *testing.T) {
	plan, err := Rebuild(readCIB(t, imlCIB), readConf(t), guideOptions(t))
	require.NoError(t, err)
	o, err := plan.Seed()
	require.NoError(t, err)
	require.Equal(t, []string{"install", "-o", "hacluster", "-g", "haclient", "-m", "0600", "/dev/stdin", CIBPath}, o.Argv)
	seed, err := ParseCIB(strings.NewReader(o.Stdin))
	require.NoError(t, err)
	for name, want := range map[string]string{"maintenance-mode": "true", SeedProperty: "2s"} {
		v, _ := seed.Property(name)
		require.Equal(t, want, v, name)
	}
	for _, r := range seed.Primitives() {
		if role, _ := r.Meta.Get("target-role"); r.Class != "stonith" {
			require.Equal(t, "Stopped", role, r.ID)
		}
	}
	prepared, err := plan.Prepared()
	require.NoError(t, err)
	seed.RemoveProperty(SeedProperty)
	require.Empty(t, Diff(prepared, seed))
}

// H15: a cluster of knet stays one, with the addresses of its node list under the new names.
func TestRebuildOfKnet(t *testing.T) {
	conf, err := corosync.Parse(strings.NewReader(`totem {
	version: 2
	transport: knet
	crypto_cipher: aes256
	crypto_hash: sha256
}
nodelist {
	node {
		ring0_addr: 10.1.0.1
		ring1_addr: 10.1.1.1
		name: ct6-mds1
		nodeid: 1
	}
	node {
		ring0_addr: 10.1.0.2
		ring1_addr: 10.1.1.2
		name: ct6-mds2
		nodeid: 2
	}
}
`))
	require.NoError(t, err)
	opts := guideOptions(t)
	opts.Dialect, opts.OldDialect = PCS011, PCS011
	plan, err := Rebuild(readCIB(t, imlCIB), conf, opts)
	require.NoError(t, err)
	require.Contains(t, commands(plan), "pcs cluster setup lustre-ha-cluster ct6-mds1.lfs.intl addr=10.1.0.1 addr=10.1.1.1 transport knet link_mode=passive crypto cipher=aes256 hash=sha256 totem token=17000 fail_recv_const=10")
	require.Contains(t, commands(plan), "pcs cluster node add ct6-mds2.lfs.intl addr=10.1.0.2 addr=10.1.1.2")
}

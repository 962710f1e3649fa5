package pair_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
)

// cibOf is a CIB with such resources and constraints.
func cibOf(t *testing.T, resources, constraints string) *pacemaker.CIB {
	t.Helper()
	cib, err := pacemaker.ParseCIB(strings.NewReader(`<cib crm_feature_set="3.0.14" validate-with="pacemaker-2.10">` +
		`<configuration><crm_config/><nodes/>` +
		`<resources>` + resources + `</resources><constraints>` + constraints + `</constraints></configuration><status/></cib>`))
	require.NoError(t, err)
	return cib
}

// primitive is a resource of an agent, with parameters as "name=value".
func primitive(id, agent string, parameters ...string) string {
	part := strings.Split(agent, ":")
	text := `<primitive id="` + id + `" class="` + part[0] + `" type="` + part[len(part)-1] + `"`
	if len(part) == 3 {
		text += ` provider="` + part[1] + `"`
	}
	text += `><instance_attributes id="` + id + `-ia">`
	for _, p := range parameters {
		name, value, _ := strings.Cut(p, "=")
		text += `<nvpair id="` + id + `-` + name + `" name="` + name + `" value="` + value + `"/>`
	}
	return text + `</instance_attributes></primitive>`
}

func meta(id, name, value string) string {
	return `<meta_attributes id="` + id + `-meta">` +
		`<nvpair id="` + id + `-` + name + `" name="` + name + `" value="` + value + `"/></meta_attributes>`
}

var (
	vip      = primitive("vip", "ocf:heartbeat:IPaddr2", "ip=10.0.0.10")
	disk     = primitive("disk", "ocf:heartbeat:Filesystem", "device=/dev/sdb1", "directory=/srv/nfs", "fstype=xfs")
	bound    = primitive("www", "ocf:heartbeat:Filesystem", "device=/srv/nfs/www", "directory=/var/www", "fstype=none", "options=ro,bind")
	database = primitive("db", "ocf:heartbeat:pgsql", "pgdata=/srv/pg/data")
)

// What is moved as one, and what cannot be proven to be gone.
func TestUnits(t *testing.T) {
	for name, c := range map[string]struct {
		resources, constraints string
		want                   []pair.Unit
	}{
		"alone":      {resources: vip + disk, want: []pair.Unit{{ID: "vip", Tops: []string{"vip"}}, {ID: "disk", Tops: []string{"disk"}}}},
		"in a group": {resources: `<group id="nfs">` + disk + vip + `</group>`, want: []pair.Unit{{ID: "nfs", Tops: []string{"nfs"}}}},
		"tied by a colocation": {resources: vip + disk + database,
			constraints: `<rsc_colocation id="c" rsc="vip" with-rsc="db" score="INFINITY"/>`,
			want:        []pair.Unit{{ID: "vip", Tops: []string{"vip", "db"}}, {ID: "disk", Tops: []string{"disk"}}}},
		"tied by a wish": {resources: vip + database, constraints: `<rsc_colocation id="c" rsc="vip" with-rsc="db" score="10"/>`,
			want: []pair.Unit{{ID: "vip", Tops: []string{"vip", "db"}}}},
		"kept apart": {resources: vip + database, constraints: `<rsc_colocation id="c" rsc="vip" with-rsc="db" score="-INFINITY"/>`,
			want: []pair.Unit{{ID: "vip", Tops: []string{"vip"}}, {ID: "db", Tops: []string{"db"}}}},
		"tied by an order to what is in a group": {resources: database + `<group id="nfs">` + disk + vip + `</group>`,
			constraints: `<rsc_order id="o" first="disk" then="db"/>`, want: []pair.Unit{{ID: "db", Tops: []string{"db", "nfs"}}}},
		"tied one after the other": {resources: vip + disk + database, constraints: `<rsc_order id="o" first="disk" then="db"/>` +
			`<rsc_colocation id="c" rsc="vip" with-rsc="db" score="INFINITY"/>`, want: []pair.Unit{{ID: "vip", Tops: []string{"vip", "disk",
			"db"}}}},
		"tied by a set": {resources: vip + disk + database, constraints: `<rsc_order id="o"><resource_set id="s"><resource_ref id="disk"/>` +
			`<resource_ref id="vip"/></resource_set></rsc_order>`, want: []pair.Unit{{ID: "vip", Tops: []string{"vip", "disk"}}, {ID: "db",
			Tops: []string{"db"}}}},
		"what each node has ties nothing": {resources: vip + database + `<clone id="pings">` + primitive("ping", "ocf:pacemaker:ping") +
			`</clone>`,
			constraints: `<rsc_order id="o1" first="pings" then="vip"/><rsc_order id="o2" first="pings" then="db"/>`,
			want: []pair.Unit{{ID: "vip", Tops: []string{"vip"}}, {ID: "db", Tops: []string{"db"}}, {ID: "pings",
				Tops: []string{"pings"}, PerNode: true}}},
		"a service on each node": {resources: `<clone id="cc">` + primitive("c", "systemd:chronyd") + `</clone>`,
			want: []pair.Unit{{ID: "cc", Tops: []string{"cc"}, PerNode: true}}},
		"a copy that moves": {resources: `<clone id="cc">` + meta("cc", "clone-max", "1") + primitive("c", "systemd:chronyd") + `</clone>`,
			want: []pair.Unit{{ID: "cc", Tops: []string{"cc"}, Unproven: "c may be on one node alone, and move: clone-max of cc is 1"}}},
		"copies of two": {resources: `<clone id="cc">` + meta("cc", "clone-max", "2") + primitive("c", "systemd:chronyd") + `</clone>`,
			want: []pair.Unit{{ID: "cc", Tops: []string{"cc"}, PerNode: true}}},
		"copies that differ": {resources: `<clone id="cc">` + meta("cc", "globally-unique", "true") + primitive("c", "systemd:chronyd") +
			`</clone>`,
			want: []pair.Unit{{ID: "cc", Tops: []string{"cc"},
				Unproven: "c may be on one node alone, and move: globally-unique of cc is true"}}},
		"a copy that one node must not have": {resources: `<clone id="cc">` + primitive("c", "systemd:chronyd") + `</clone>`,
			constraints: `<rsc_location id="l" rsc-pattern="^c+$" node="a" score="-INFINITY"/>`,
			want: []pair.Unit{{ID: "cc", Tops: []string{"cc"},
				Unproven: "c may be on one node alone, and move: constraint l may keep it from a node"}}},
		"a copy that a node should have": {resources: `<clone id="cc">` + primitive("c", "systemd:chronyd") + `</clone>`,
			constraints: `<rsc_location id="l" rsc="cc" node="a" score="10"/>`,
			want:        []pair.Unit{{ID: "cc", Tops: []string{"cc"}, PerNode: true}}},
		"tied by a tag": {resources: vip + disk + database,
			constraints: `<rsc_order id="o" first="db" then="all"/></constraints><tags><tag id="all"><obj_ref id="vip"/>` +
				`<obj_ref id="disk"/></tag></tags><constraints>`, want: []pair.Unit{{ID: "vip", Tops: []string{"vip", "disk", "db"}}}},
		"a lock manager": {resources: `<clone id="cc">` + primitive("c", "ocf:pacemaker:controld") + `</clone>`,
			want: []pair.Unit{{ID: "cc", Tops: []string{"cc"}, Unproven: "no profile knows ocf:pacemaker:controld, the agent of c"}}},
		"a lock manager as a service": {resources: `<clone id="cc">` + primitive("c", "systemd:dlm") + `</clone>`,
			want: []pair.Unit{{ID: "cc", Tops: []string{"cc"}, Unproven: "c belongs together with its copy on the other node"}}},
		"a file system of both nodes": {resources: `<clone id="cc">` + strings.Replace(disk, "xfs", "gfs2", 1) + `</clone>`,
			want: []pair.Unit{{ID: "cc", Tops: []string{"cc"}, Unproven: "disk belongs together with its copy on the other node"}}},
		"a cloned disk": {resources: `<clone id="cc">` + disk + `</clone>`,
			want: []pair.Unit{{ID: "cc", Tops: []string{"cc"}, Unproven: "disk is cloned: both nodes hold it"}}},
		"replicated, and what needs it": {resources: `<master id="ms">` + primitive("r0", "ocf:linbit:drbd", "drbd_resource=r0") +
			`</master>` + disk,
			constraints: `<rsc_colocation id="c" rsc="disk" with-rsc="ms" with-rsc-role="Master" score="INFINITY"/>`,
			want: []pair.Unit{{ID: "ms", Tops: []string{"ms", "disk"},
				Unproven: "r0 replicates between the nodes: a node of the new cluster has no copy that could be promoted"}}},
		"promotable": {resources: `<clone id="ms">` + meta("ms", "promotable", "true") + database + `</clone>`,
			want: []pair.Unit{{ID: "ms", Tops: []string{"ms"},
				Unproven: "db replicates between the nodes: a node of the new cluster has no copy that could be promoted"}}},
		"unknown": {resources: primitive("x", "ocf:acme:Magic"),
			want: []pair.Unit{{ID: "x", Tops: []string{"x"}, Unproven: "no profile knows ocf:acme:Magic, the agent of x"}}},
		"incomplete": {resources: primitive("x", "ocf:heartbeat:Filesystem", "directory=/srv"),
			want: []pair.Unit{{ID: "x", Tops: []string{"x"}, Unproven: "x: it has no parameter device"}}},
		"a device whose name tells nothing": {resources: primitive("x", "ocf:heartbeat:Filesystem", "directory=/srv", "device=tmpfs"),
			want: []pair.Unit{{ID: "x", Tops: []string{"x"},
				Unproven: `x: its device "tmpfs" is no path and no share HOST:/DIR: other file systems may have the same name`}}},
		"volumes that both nodes have": {resources: primitive("x", "ocf:heartbeat:LVM-activate", "vgname=v", "activation_mode=shared"),
			want: []pair.Unit{{ID: "x", Tops: []string{"x"},
				Unproven: "x: its activation_mode is shared: both nodes have it at once, under one lock manager"}}},
		"a bundle": {resources: `<bundle id="b"><docker image="x"/></bundle>`,
			want: []pair.Unit{{ID: "b", Tops: []string{"b"}, Unproven: "b is a bundle, of which nothing is known"}}},
		"disabled": {resources: strings.Replace(vip, "<instance", meta("vip", "target-role", "Stopped")+"<instance", 1),
			want: []pair.Unit{{ID: "vip", Tops: []string{"vip"}, Disabled: "target-role=Stopped"}}},
		"a fence device": {resources: primitive("f", "stonith:fence_ipmilan") + vip, want: []pair.Unit{{ID: "vip", Tops: []string{"vip"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			units, err := pair.Units(cibOf(t, c.resources, c.constraints), pair.Builtin())
			require.NoError(t, err)
			var got []pair.Unit
			for _, u := range units {
				got = append(got, pair.Unit{ID: u.ID, Tops: u.Tops, PerNode: u.PerNode, Unproven: u.Unproven, Disabled: u.Disabled})
			}
			require.Equal(t, c.want, got)
		})
	}
}

// A constraint that names what there is not is not understood.
func TestAConstraintOfNothing(t *testing.T) {
	_, err := pair.Units(cibOf(t, vip, `<rsc_order id="o" first="vip" then="ghost"/>`), pair.Builtin())
	require.EqualError(t, err, "constraint o names ghost, which is no resource, tag or template")
}

// A rule may give a resource other parameters than those that were looked at.
func TestParametersUnderARule(t *testing.T) {
	ruled := strings.Replace(vip, `<instance_attributes id="vip-ia">`, `<instance_attributes id="vip-ia"><rule id="r" score="1">`+
		`<date_expression id="e" operation="gt" start="2030-01-01"/></rule>`, 1)
	units, err := pair.Units(cibOf(t, ruled, ""), pair.Builtin())
	require.NoError(t, err)
	require.Equal(t, "vip: its parameters depend on a rule (vip-ia)", units[0].Unproven)

	// Also where nothing that has to be there is read.
	ruled = strings.Replace(ruled, `class="ocf" type="IPaddr2" provider="heartbeat"`, `class="ocf" type="pgsql" provider="heartbeat"`, 1)
	units, err = pair.Units(cibOf(t, ruled, ""), pair.Builtin())
	require.NoError(t, err)
	require.Equal(t, "vip: its parameters depend on a rule (vip-ia)", units[0].Unproven)
}

func TestProfilesAreChecked(t *testing.T) {
	_, err := pair.Units(cibOf(t, vip, ""), pair.Builtin().With(pair.Profile{Agents: []string{"Filesystem"}}))
	require.ErrorContains(t, err, "profile number 1 has no name")
	require.ErrorContains(t, err, `"Filesystem" is no agent`)
	require.ErrorContains(t, err, "does not say how a resource is read")
}

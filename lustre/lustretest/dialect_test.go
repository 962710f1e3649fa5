package lustretest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// inDialect is the guide's script as it is typed where the old or the new system has pcs 0.11.
func inDialect(oldModern, newModern bool) (lines []string) {
	const setup = "1$ pcs cluster setup"
	fresh := false // whether the lines are for the new system; node 2 gets it later
	fresh2 := false
	for _, l := range script() {
		host, text, _ := strings.Cut(l, "$ ")
		if host == "1" && strings.HasPrefix(text, "shutdown") {
			fresh = true
		}
		if host == "2" && strings.HasPrefix(text, "shutdown") {
			fresh2 = true
		}
		modern := oldModern
		if host == "1" && fresh || host == "2" && fresh2 {
			modern = newModern
		}
		if modern {
			text = translated(text)
		}
		if strings.HasPrefix(l, setup) && modern {
			text = "pcs cluster setup lustre-ha-cluster ct6-mds1.lfs.intl addr=192.168.1.11 addr=10.42.42.11 transport knet " +
				"link_mode=passive link linknumber=0 mcastport=4242 link linknumber=1 mcastport=4242 totem token=17000 fail_recv_const=10"
		}
		lines = append(lines, host+"$ "+text)
	}
	return lines
}

// translated is a line of pcs 0.9 as pcs 0.11 takes it.
func translated(text string) string {
	for _, r := range [][2]string{
		{"pcs cluster standby", "pcs node standby"}, {"pcs cluster auth", "pcs host auth"},
		{"pcs property set --node", "pcs node attribute"}, {"pcs resource show", "pcs resource"}, {"pcs constraint show", "pcs constraint"},
		{"pcs resource defaults ", "pcs resource defaults update "},
		{"pcs cluster node add ct6-mds2.lfs.intl", "pcs cluster node add ct6-mds2.lfs.intl addr=192.168.1.12 addr=10.42.42.12"},
	} {
		if rest, ok := strings.CutPrefix(text, r[0]); ok {
			text = r[1] + rest
		}
	}
	if strings.Contains(text, "prefers ct6-mds2") {
		text += " --force" // it is no member yet (H7)
	}
	return text
}

// TestTheGuideInOtherDialects upgrades pairs of which either system, or both, has pcs 0.11: the end is the same.
func TestTheGuideInOtherDialects(t *testing.T) {
	for _, c := range []struct{ old, new pcs.Dialect }{{pcs.V09, pcs.V011}, {pcs.V011, pcs.V011}, {pcs.V011, pcs.V09}} {
		t.Run(c.old.Name()+" to "+c.new.Name(), func(t *testing.T) {
			ty := newTypist(t, lustretest.Options{OldPCS: c.old, NewPCS: c.new})
			require.NoError(t, ty.p.Check())
			require.Equal(t, c.old.Version().String()+"\n", ty.ok("2", "pcs --version"))
			before := ty.cib("1")
			if c.old == pcs.V011 {
				require.Equal(t, "1 ct6-mds1 member\n2 ct6-mds2 member\n", ty.ok("1", "crm_node -l"), "short names on corosync 3 (H12)")
			}
			ty.typeAll(inDialect(c.old == pcs.V011, c.new == pcs.V011))
			require.NoError(t, ty.p.Check())
			r := ty.p.Report()
			require.Equal(t, []string{lustretest.Node1}, r.Target("MGS").On)
			require.Equal(t, []string{lustretest.Node2}, r.Target("demo-MDT0000").On)
			require.Empty(t, r.Fences)
			require.Equal(t, c.new.Version().String()+"\n", ty.ok("2", "pcs --version"))
			names, err := pacemaker.ShortNames(lustretest.Node1, lustretest.Node2)
			require.NoError(t, err)
			require.Empty(t, pacemaker.Diff(before, ty.cib("1"), pacemaker.RenameNodes(names), pacemaker.Expect(pacemaker.RebuildExpectations()...)))
		})
	}
}

// TestDangersInTheNewDialect makes the mistakes that cost data: the pair must notice each.
func TestDangersInTheNewDialect(t *testing.T) {
	lines := inDialect(true, true)
	over := indexOf(t, lines, "2$ pcs node standby")
	cases := map[string]struct {
		do        []string
		double    bool
		restarted bool // node 2's old cluster, alone
	}{
		"enabled while node 2 still has its targets": {[]string{"1$ pcs property set maintenance-mode=false",
			"1$ pcs resource enable MGS_32834e demo-MDT0000_802c1b"}, true, false},
		"disabled and in standby on node 2 first": {[]string{oneChange, "0$ world sleep 10s",
			"1$ pcs property set maintenance-mode=false", "1$ pcs resource enable MGS_32834e demo-MDT0000_802c1b"}, false, false},
		"node 2's cluster restarts, and standby was not stored": {[]string{"2$ pcs cluster stop --force",
			"1$ pcs property set maintenance-mode=false", "1$ pcs resource enable MGS_32834e demo-MDT0000_802c1b",
			"0$ world sleep 10s", "2$ pcs cluster start"}, true, true},
		"node 2's cluster restarts in standby": {[]string{oneChange, "0$ world sleep 10s",
			"2$ pcs cluster stop --force", "1$ pcs property set maintenance-mode=false",
			"1$ pcs resource enable MGS_32834e demo-MDT0000_802c1b", "2$ pcs cluster start"}, false, true},
	}
	for _, fenceStandby := range []bool{false, true} { // node 1 went in standby, and IML's agent spares such a node (H1); others do not
		base := newTypist(t, lustretest.Options{OldPCS: pcs.V011, NewPCS: pcs.V011, FenceStandby: fenceStandby})
		base.typeAll(lines[:over])
		for name, c := range cases {
			t.Run(fmt.Sprintf("%s, fencing of standby %v", name, fenceStandby), func(t *testing.T) {
				ty := &typist{t: t, p: base.p.Clone(), backups: base.backups}
				for _, l := range c.do {
					if l == oneChange {
						ty.standbyAndDisable()
						continue
					}
					ty.typeLine(l)
				}
				ty.p.Advance(2 * time.Minute)
				require.Equal(t, c.restarted && fenceStandby, len(ty.p.Report().Fences) > 0, "H1: %+v", ty.p.Report().Fences)
				if !fenceStandby || !c.restarted {
					said := fmt.Sprint(ty.p.Check())
					require.Equal(t, c.double, strings.Contains(said, "mounted on two nodes"), "%s", said)
				}
			})
		}
	}
}

const oneChange = "2$ @standby-and-disable"

// standbyAndDisable stops everything on node 2, and stores that it stays so, in one change of the old cluster.
func (ty *typist) standbyAndDisable() {
	ty.t.Helper()
	cib := ty.cib("2")
	xml := `<configuration><nodes><node id="2"><instance_attributes id="nodes-ct6-mds2"><nvpair id="nodes-ct6-mds2-standby" name="standby" value="on"/></instance_attributes></node></nodes><resources>`
	for _, r := range cib.Primitives() {
		if r.Class == "stonith" {
			continue
		}
		for _, set := range r.Meta {
			for _, pair := range set.Pairs {
				if pair.Name == "target-role" {
					xml += `<primitive id="` + r.ID + `"><meta_attributes id="` + set.ID + `"><nvpair id="` + pair.ID +
						`" name="target-role" value="Stopped"/></meta_attributes></primitive>`
				}
			}
		}
	}
	res, err := ty.run("2", "cibadmin --modify --allow-create --xml-pipe", xml+"</resources></configuration>")
	require.NoError(ty.t, err, "%s", res.Stderr)
	after := ty.cib("2")
	n, _ := after.Node("ct6-mds2")
	standby, _ := n.Attributes.Get("standby")
	require.Equal(ty.t, "on", standby)
}

// TestDurationsOfTargets gives targets times of their own: the outage is the sum of a stop and a start, and no more.
func TestDurationsOfTargets(t *testing.T) {
	times := func(label string) (start, stop time.Duration) {
		if label == "MGS" {
			return 7 * time.Second, 4 * time.Second
		}
		return 0, 0
	}
	ty := newTypist(t, lustretest.Options{Times: times})
	ty.ok("1", "pcs cluster standby ct6-mds1")
	ty.p.Advance(time.Minute)
	require.Equal(t, []lustretest.Window{{From: ty.p.Report().Target("MGS").Windows[0].From, To: ty.p.Report().
		Target("MGS").Windows[0].From.Add(7 * time.Second)}}, ty.p.Report().Target("MGS").Windows)
}

// TestZpoolFollowsTheMounts: on a pair with a ZFS target its pool is imported where the target is mounted.
func TestZpoolFollowsTheMounts(t *testing.T) {
	site := *lustretest.GuideSite(pcs.V09)
	for name, data := range site.Targets {
		if strings.Contains(data, "demo-MDT0000") {
			site.Targets[name] = `{"backfstype": "zfs", "bdev": "mdtpool/mdt0", "mntpt": "/mnt/demo-MDT0000", "target_name": "demo-MDT0000"}`
		}
	}
	ty := newTypist(t, lustretest.Options{Site: &site})
	require.Empty(t, ty.ok("1", "zpool list -H -o name"))
	require.Equal(t, "mdtpool\n", ty.ok("2", "zpool list -H -o name"))
	ty.ok("2", "pcs cluster standby")
	ty.p.Advance(time.Minute)
	require.Empty(t, ty.ok("2", "zpool list -H -o name"))
	require.Equal(t, "mdtpool\n", ty.ok("1", "zpool list -H -o name"))
	plain := newTypist(t, lustretest.Options{})
	res, err := plain.run("1", "zpool list -H -o name", "")
	require.Error(t, err)
	require.Equal(t, sshexec.Exited, res.Outcome)
	require.Equal(t, 127, res.ExitCode, "a pair without ZFS has no zpool")
}

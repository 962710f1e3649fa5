package upgrade_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// twoRails is what lnetctl exports on a server with two rails of InfiniBand.
func twoRails(octet string) string {
	return "net:\n    - net type: lo\n      local NI(s):\n        - nid: 0@lo\n          status: up\n    - net type: o2ib\n      local NI(s):\n" +
		"        - nid: 10.20.0." + octet + "@o2ib\n          status: up\n          interfaces:\n              0: ib0\n" +
		"          tunables:\n              peer_credits: 32\n" +
		"        - nid: 10.20.1." + octet + "@o2ib\n          status: up\n          interfaces:\n              0: ib1\n" +
		"route:\n    - net: tcp\n      gateway: 10.20.0.250@o2ib\nglobal:\n    discovery: 1\n"
}

// multiRail is the guide's pair with two rails.
func multiRail() lustretest.Options {
	site := *lustretest.GuideSite(pcs.V09)
	site.Network = map[string]map[string]string{}
	for n, octet := range map[string]string{lustretest.Node1: "11", lustretest.Node2: "12"} {
		files := map[string]string{lustre.LNetConfPath: twoRails(octet)}
		for rail := range 2 {
			files[fmt.Sprintf("/etc/sysconfig/network-scripts/ifcfg-ib%d", rail)] =
				fmt.Sprintf("DEVICE=ib%d\nONBOOT=yes\nIPADDR=10.20.%[1]d.%s\nNETMASK=255.255.255.0\n", rail, octet)
		}
		site.Network[n] = files
	}
	return lustretest.Options{Site: &site}
}

// LUS-012: the networks of /etc/lnet.conf come back on both rails: the file is restored, imported before Lustre is loaded, and at each
// boot; by the tool and by hand.
func TestMultiRailIsRestored(t *testing.T) {
	s := taken(t, multiRail(), true)
	for _, n := range both {
		at := s.places(t, "lustre-"+n, "lnet-conf", "faces", "lnet-boot", "lnet-start", "nids", "nids-up", "nids-rails")
		require.True(t, slices.IsSorted(at), "%v", at)
		st, _ := s.book.Step("lustre-" + n)
		load := slices.IndexFunc(st.Actions, func(a evenkeel.Action) bool { return strings.Join(a.Cmd.Argv, " ") == "modprobe -v lustre" })
		require.Greater(t, load, at[3], "the service comes before the modules")
		require.NotEmpty(t, s.action(t, "install-"+n, "faces").Manual)
	}
	judged(t, s.book)
	p := s.play(t)
	require.NoError(t, p.run())
	for n, octet := range map[string]string{lustretest.Node1: "11", lustretest.Node2: "12"} {
		require.Equal(t, twoRails(octet), p.sh(n, "cat "+lustre.LNetConfPath)+"\n")
		require.Equal(t, "10.20.0."+octet+"@o2ib\n10.20.1."+octet+"@o2ib", p.sh(n, "lctl list_nids"))
		require.Equal(t, "enabled", p.sh(n, "systemctl is-enabled lnet"))
	}
	require.Equal(t, p.w.EndState(), s.followed(t, false))
}

// LUS-012: whatever of it does not come back stops the run, before a target moves.
func TestMultiRailIsSeen(t *testing.T) {
	const ifcfg = "/etc/sysconfig/network-scripts/ifcfg-ib1"
	down := func(s *simhost.State, h *simhost.Host) { h.MustWrite(s, ifcfg, "DEVICE=ib1\nONBOOT=no\n", 0o644) }
	conf := func(text string) func(*simhost.State, *simhost.Host) {
		return func(s *simhost.State, h *simhost.Host) { h.MustWrite(s, lustre.LNetConfPath, text, 0o644) }
	}
	one := strings.ReplaceAll(twoRails("11"), "        - nid: 10.20.1.11@o2ib\n          status: up\n          interfaces:\n              0: ib1\n", "")
	require.Less(t, len(one), len(twoRails("11")))
	for name, c := range map[string]struct {
		cmd                string
		do                 func(*simhost.State, *simhost.Host)
		step, action, says string
	}{
		"the interface has another name": {"systemctl enable ntpd", down, "lustre-node1", "faces", "has not the interface ib1"},
		"the package's own file":         {"lustre-ldiskfs-zfs", conf("# an example\n"), "lustre-node1", "lnet-conf", "is not the file of the backup"},
		"not imported": {"modprobe -v lustre", func(s *simhost.State, h *simhost.Host) { h.MarkService(s, "lnet", false) },
			"lustre-node1", "nids", "has not the NID 10.20.0.11@o2ib 10.20.1.11@o2ib any more"},
		"changed since": {"systemctl start chroma-agent", conf(one), "switch-over", "nids-1", "has not the NID 10.20.1.11@o2ib any more"},
	} {
		t.Run(name, func(t *testing.T) {
			p := taken(t, multiRail(), true).play(t)
			p.before(lustretest.Node1, c.cmd, c.do)
			p.stops(c.step, c.action, c.says)
		})
	}
	rails := taken(t, multiRail(), true).action(t, "lustre-node1", "nids-rails").Expect.Check
	require.NoError(t, rails(seen(0, twoRails("11"), "")))
	require.ErrorContains(t, rails(seen(0, one, "")), "has not: 10.20.1.11@o2ib on ib1")
	require.ErrorContains(t, rails(seen(0, strings.ReplaceAll(twoRails("11"), "ib1", "eth1"), "")), "has not: 10.20.1.11@o2ib on ib1")
	require.Error(t, rails(seen(0, "", "")))
	require.Error(t, rails(seen(127, "", "lnetctl: command not found\n")))
	faces := taken(t, multiRail(), true).action(t, "install-node1", "faces").Expect.Check
	require.Error(t, faces(seen(0, "", "")))
	require.ErrorContains(t, faces(seen(0, "1: lo    inet 127.0.0.1/8 scope host lo\n", "")), "ib0, ib1")
}

// LUS-012: what is wrong in the file is said with its place, before anything runs; a fresh backup must have the file of the plan.
func TestMultiRailIsRead(t *testing.T) {
	opts := multiRail()
	opts.Site.Network[lustretest.Node2][lustre.LNetConfPath] = "net:\n    - net type: o2ib\n      interfaces: ib0\n"
	w := lustretest.NewPair(opts)
	cfg := backedUp(t, w)
	retake(t, w, &cfg)
	_, err := upgrade.Load(cfg)
	require.ErrorContains(t, err, "!/etc/lnet.conf:3:19: interfaces is no mapping")

	// The file of the package says nothing, and is not restored.
	opts.Site.Network[lustretest.Node1][lustre.LNetConfPath] = "# lnet.conf - configuration file for lnet routes\n"
	opts.Site.Network[lustretest.Node2][lustre.LNetConfPath] = "# lnet.conf - configuration file for lnet routes\n"
	opts.Site.Network[lustretest.Node1][lustre.LNetDir+"/lustre.conf"] = "options lnet networks=tcp0(eth0)\n"
	s := taken(t, opts, true)
	st, _ := s.book.Step("lustre-node1")
	require.False(t, slices.ContainsFunc(st.Actions, func(a evenkeel.Action) bool { return strings.HasPrefix(a.ID, "lnet-") }))

	// The guide's own backup lacks the file: the fresh one, which has it, stops the run.
	p := taken(t, multiRail(), false).play(t)
	p.stops("backup-node1", "check", "has options of LNet in /etc/lnet.conf, and the plan restores no file")
	p = taken(t, multiRail(), true).play(t)
	p.w.Do(func(s *simhost.State) {
		s.Host(lustretest.Node1).MustWrite(s, lustre.LNetConfPath, twoRails("11")+"udsp: []\n", 0o644)
	})
	p.stops("backup-node1", "check", "has changed since the backup that the plan was made from")
}

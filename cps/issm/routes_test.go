package issm_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
)

// routesOf is a file with static routes of a VM.
func routesOf(t testing.TB, vm, name, file string) issm.RouteFile {
	t.Helper()
	r, err := cps.ParseRoutes(text(name, file))
	require.NoError(t, err)
	return issm.RouteFile{VM: vm, File: r}
}

const (
	gxRoutes = "# Gx peers\n10.1.0.0/16 via 192.0.2.1 dev eth1\n172.16.0.9 via 192.0.2.2\n" +
		"10.2.0.0/16 via 192.0.2.3 table 100\n2001:db8:7::/48 via 2001:db8:1::2\n"
	gx6Routes = "2001:db8::/32 via 2001:db8:1::1\n"
)

// CPS-029, CPS-082: with route_files each new VM gets its files, byte for byte and once, the operator is asked to
// restart the network services until the routes are in force, and monit is restarted after that; in both halves, and in
// a rollback.
func TestRouteFilesAreCopied(t *testing.T) {
	cfg := issm.Config{ArchiveDir: t.TempDir(), Routes: []issm.RouteFile{routesOf(t, "lb01", "route-eth1", gxRoutes),
		routesOf(t, "lb02", "/x/route-eth1", gxRoutes), routesOf(t, "lb02", "route6-eth1", gx6Routes)}}
	rb := runbook(t, cfg)
	w := deploy(t, cpstest.Options{})
	o := runOn(t, rb, w, "")
	require.NoError(t, o.err, "%v", o.events)
	requireMigrated(t, w)
	require.Equal(t, gxRoutes, content(t, w, "lb01", "/etc/sysconfig/network-scripts/route-eth1"))
	require.Equal(t, gxRoutes, content(t, w, "lb02", "/etc/sysconfig/network-scripts/route-eth1"))
	require.Equal(t, gx6Routes, content(t, w, "lb02", "/etc/sysconfig/network-scripts/route6-eth1"))
	inOrder(t, typed(w), [][2]string{
		{"CPS-029", `lb02 mv -T \S+/\.evenkeel-route-eth1 /etc/sysconfig/network-scripts/route-eth1`},
		{"CPS-029", `lb02 mv -T \S+/\.evenkeel-route6-eth1 /etc/sysconfig/network-scripts/route6-eth1`},
		{"CPS-082", `lb02 systemctl restart network`},
		{"CPS-082", `lb02 ip -4 route show`},
		{"CPS-082", `lb02 ip -4 route show table 100`},
		{"CPS-082", `lb02 ip -6 route show`},
		{"CPS-082", `lb02 /bin/systemctl restart monit\.service`},
		{"CPS-076", `cluman /mnt/iso/migrate\.sh enable set 1 .*`},
		{"CPS-029", `lb01 mv -T \S+/\.evenkeel-route-eth1 /etc/sysconfig/network-scripts/route-eth1`},
		{"CPS-076", `cluman /mnt/iso/migrate\.sh enable set 2 .*`},
	})
	require.Equal(t, 1, count(o.prompted, "redeploy-set-1/network-lb02-route-eth1"), "one restart is for both files")
	require.Zero(t, count(o.prompted, "redeploy-set-1/network-lb02-route6-eth1"))

	rb, o = holdAt(t, cfg, cpstest.Options{}, "calls")
	require.NoError(t, rollBack(t, rb, o, "").err)
	require.Equal(t, gxRoutes, content(t, o.world, "lb02", "/etc/sysconfig/network-scripts/route-eth1"), "the VM is a new one again")
	require.Contains(t, strings.Join(typed(o.world), "\n"), "lb02 ip -6 route show")
}

func count(list []string, s string) int {
	return len(slices.DeleteFunc(slices.Clone(list), func(x string) bool { return x != s }))
}

// CPS-029: a file that is not the right one stops the run or the plan: a VM that has another one, a copy that does not
// take its name, routes that do not come into force, and whatever is wrong with the files themselves.
func TestRouteFilesAreRefused(t *testing.T) {
	cfg := issm.Config{ArchiveDir: t.TempDir(), Routes: []issm.RouteFile{routesOf(t, "lb02", "route-eth1", gxRoutes)}}
	for at, lies := range map[string][]cpstest.Lie{
		"route-lb02-route-eth1": nil, // the VM has another file
		// what cannot be read is not taken for what is not there
		"route-lb02-route-eth1 ": says("find /etc/sysconfig/network-scripts *", "lb02", prints("find: Input/output error\n")),
		"routed-lb02-route-eth1": idle("mv -T *", "lb02"),
		"network-lb02-route-eth1": says("ip -4 route show", "lb02", prints("10.1.0.0/16 via 192.0.2.1 dev eth10\n"+
			"172.16.0.9 via 192.0.2.2 dev eth1 proto static\n")),
		"network-lb02-route-eth1-table-100": says("ip -4 route show table 100", "lb02", prints("\n")),
		"network-lb02-route-eth1-6":         says("ip -6 route show", "lb02", prints("2001:db8:7::/49 via 2001:db8:1::2 dev eth1\n")),
		"monit-runs-lb02":                   says("systemctl status monit.service", "lb02", prints("   Active: inactive (dead)\n")),
	} {
		w := deploy(t, cpstest.Options{})
		_, err := evenkeel.Run(t.Context(), runbook(t, cfg), w, evenkeel.Options{
			Journal: &evenkeel.MemJournal{}, Clock: w.Clock(), Serial: true, Operator: &impatient{technician{world: w}, map[string]int{}},
			Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
				if e.Kind == evenkeel.EventAction && e.Step.ID+"/"+e.Action.ID == "redeploy-set-1/put-lb02-route-eth1" {
					if lies == nil {
						putContent(t, w, "lb02", "/etc/sysconfig/network-scripts/route-eth1", "10.9.0.0/16 via 192.0.2.9\n")
						return
					}
					require.NoError(t, w.Lie(lies[0]))
				}
			}),
		})
		require.Equal(t, "redeploy-set-1/"+strings.TrimSpace(at), stoppedAt(err), "%v", err)
		if lies == nil {
			require.ErrorContains(t, err, "lb02 has a /etc/sysconfig/network-scripts/route-eth1 with other routes")
		}
		require.Empty(t, w.Violations())
	}
	for want, files := range map[string][]issm.RouteFile{
		`"lb09" is no VM of either set`:            {routesOf(t, "lb09", "route-eth1", gxRoutes)},
		"must be called route-<interface>":         {routesOf(t, "lb01", "gx.txt", "10.1.0.0/16 via 192.0.2.1 dev eth1\n")},
		"lb01 gets this file twice":                {routesOf(t, "lb01", "route-eth1", gxRoutes), routesOf(t, "lb01", "/a/route-eth1", gxRoutes)},
		"goes over eth1, and the file is for eth2": {routesOf(t, "lb01", "route-eth2", gxRoutes)},
	} {
		_, err := issm.New(issm.Config{ArchiveDir: "/a", Routes: files}, guideHosts(t), guideMongo(t))
		require.ErrorContains(t, err, want)
	}
	// With the deploy folder a gateway that the VM does not reach is found.
	d := deployFolder(t)
	reach := func(via string) error {
		file := "10.1.0.0/16 via " + via + " dev eth1\n"
		_, err := issm.New(issm.Config{ArchiveDir: "/a", Deploy: d, Routes: []issm.RouteFile{routesOf(t, "lb01", "route-eth1", file)}}, d.Hosts,
			guideMongo(t))
		return err
	}
	require.ErrorContains(t, reach("10.99.99.99"), "10.99.99.99 is in no network of lb01")
	require.NoError(t, reach("192.0.2.1"))
	both := issm.Config{ArchiveDir: "/a", StaticRoutes: true, Routes: cfg.Routes}
	require.ErrorContains(t, both.Validate(), "static_routes and route_files exclude each other")
}

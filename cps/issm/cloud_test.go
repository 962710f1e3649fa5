package issm_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
)

// bootsOf are the nova boot commands of the guide's cluster.
func bootsOf(t testing.TB) []cps.Boot {
	t.Helper()
	hosts := guideHosts(t)
	var b strings.Builder
	for _, row := range hosts.Rows {
		fmt.Fprintf(&b, "nova boot --config-drive true --user-data=%s-cloud.cfg --image new_base_vm --flavor %s", row.Alias, row.Role)
		for _, network := range hosts.Networks {
			if addr, ok := row.Address(network); ok {
				fmt.Fprintf(&b, " --nic net-id=c3df93c2-c2bb-4143-8bb6-b4ec6df65e53,v4-fixed-ip=%s", addr)
			}
		}
		fmt.Fprintf(&b, " %s --availability-zone az-1:compute-1\n\n", row.Alias)
	}
	list, err := cps.ParseBoots(text("boots.txt", b.String()))
	require.NoError(t, err)
	return list
}

// cloudConfig is a migration on OpenStack with every command known.
func cloudConfig(t testing.TB, execute bool) issm.Config {
	t.Helper()
	return issm.Config{ArchiveDir: t.TempDir(), Platform: issm.OpenStack, Cloud: &issm.Cloud{
		Execute: execute, Host: "control", Boots: bootsOf(t),
		VIPs: map[string]string{"arbitervip": "192.168.105.100", "lbvip01": "10.197.98.200", "lbvip02": "192.168.105.200"},
	}}
}

// CPS-071, CPS-072, CPS-073: where the operator allows it, the run boots each VM once and lets its ports have the
// virtual addresses, by the commands of the guide.
func TestOpenStackIsExecuted(t *testing.T) {
	w := deploy(t, cpstest.Options{Cloud: "control"})
	o := runOn(t, runbook(t, cloudConfig(t, true)), w, "")
	require.NoError(t, o.err, "%v", o.events)
	requireMigrated(t, w)
	boots := slices.DeleteFunc(typed(w), func(line string) bool { return !strings.HasPrefix(line, "control nova boot ") })
	require.Len(t, boots, len(guideHosts(t).Rows))
	for _, at := range o.prompted {
		require.NotContains(t, at, "/deploy-")
		require.NotContains(t, strings.TrimSuffix(at, "vip-gxvip"), "/vip-", "only the address that the configuration lacks is asked for")
	}
	inOrder(t, typed(w), [][2]string{
		{"CPS-071", `control nova boot --config-drive true --user-data=lb02-cloud\.cfg --image new_base_vm --flavor lb02 .* lb02 ` +
			`--availability-zone \S+`},
		{"CPS-071", `control nova list`},
		{"CPS-072", `control neutron port-list`},
		{"CPS-073", `control neutron port-update [0-9a-f-]{36} --allowed-address-pairs type=dict list=true ip_address=192\.168\.105\.100`},
		{"CPS-076", `cluman /mnt/iso/migrate\.sh enable set 1 .*`},
		{"CPS-071", `control nova boot .* lb01 .*`},
		{"CPS-073", `control neutron port-update .* ip_address=192\.168\.105\.200`},
	})
	for _, pair := range []string{"pcrfclient02: the port with 192.168.105.20 allows 192.168.105.100",
		"lb02: the port with 10.197.98.62 allows 10.197.98.200", "lb02: the port with 192.168.105.14 allows 192.168.105.200",
		"pcrfclient01: the port with 192.168.105.19 allows 192.168.105.100", "lb01: the port with 192.168.105.13 allows 192.168.105.200"} {
		require.Contains(t, w.EndState(), pair)
	}
}

// CPS-035, CPS-071, CPS-208: without execute the operator is shown the command of each VM and of each port, and the run
// types none of them.
func TestOpenStackIsRendered(t *testing.T) {
	rb := runbook(t, cloudConfig(t, false))
	require.Contains(t, onPaper(t, rb, "redeploy-set-1/deploy-lb02"), "nova boot --config-drive true --user-data=lb02-cloud.cfg")
	require.Contains(t, onPaper(t, rb, "redeploy-set-1/vip-arbitervip"), "192.168.105.20, that of pcrfclient02")
	require.Contains(t, onPaper(t, rb, "redeploy-set-2/vip-gxvip"), "Let the port of lb01 in the network Gx allow gxvip")
	require.Contains(t, onPaper(t, rb, "redeploy-set-2/vip-lbvip01"),
		"neutron port-update PORT --allowed-address-pairs type=dict list=true ip_address=10.197.98.200")
	w := deploy(t, cpstest.Options{})
	o := runOn(t, rb, w, "")
	require.NoError(t, o.err, "%v", o.events)
	requireMigrated(t, w)
	require.Contains(t, o.prompted, "redeploy-set-1/deploy-pcrfclient02")
	require.NotContains(t, strings.Join(typed(w), "\n"), "nova")
}

// CPS-040, CPS-073: each VM that may come to have a virtual address has a port that allows it.
func TestEveryVMOfTheClassMayHaveTheAddress(t *testing.T) {
	csv := strings.Replace(fixture(t, "Hosts.csv.txt"), "\nesxi-host-3,sessionmgr01", "\nesxi-host-3,lb03,lb01,lb03,datastore3,,192.168.105.113,10.197.98.161,\n"+
		"esxi-host-4,lb04,lb02,lb04,datastore4,,192.168.105.114,10.197.98.162,\nesxi-host-3,sessionmgr01", 1)
	hosts, err := cps.ParseHosts(text("Hosts.csv", csv))
	require.NoError(t, err)
	require.Len(t, hosts.Rows, len(guideHosts(t).Rows)+2)
	cfg := cloudConfig(t, false)
	cfg.Cloud.Boots = nil
	m, err := issm.New(cfg, hosts, guideMongo(t))
	require.NoError(t, err)
	rb, err := m.Runbook()
	require.NoError(t, err)
	for at, port := range map[string]string{
		"redeploy-set-1/vip-lbvip01": "10.197.98.62, that of lb02", "redeploy-set-1/vip-lbvip01-lb04": "10.197.98.162, that of lb04",
		"redeploy-set-1/vip-lbvip02-lb04": "192.168.105.114, that of lb04", "redeploy-set-2/vip-lbvip02-lb03": "192.168.105.113, that of lb03",
	} {
		require.Contains(t, onPaper(t, rb, at), port)
	}
}

// CPS-040, CPS-073: the old VMs of a rollback are new servers, too: their ports are updated by the run.
func TestARollbackOnOpenStackUpdatesThePorts(t *testing.T) {
	rb, o := holdAt(t, cloudConfig(t, true), cpstest.Options{Cloud: "control"}, "calls")
	updates := func() int {
		return len(slices.DeleteFunc(typed(o.world), func(line string) bool { return !strings.HasPrefix(line, "control neutron port-update ") }))
	}
	before := updates()
	require.Equal(t, 3, before)
	require.NoError(t, rollBack(t, rb, o, "").err)
	require.Equal(t, 2*before, updates())
}

// CPS-040: a virtual address is that of the deploy folder.
func TestVirtualAddressesAreThoseOfTheDeployFolder(t *testing.T) {
	for _, tc := range []struct{ name, is, not string }{{"lbvip01", "198.51.100.65", "198.51.100.66"}, {"lbvip02", "192.0.2.200", "192.0.2.201"}} {
		for _, address := range []string{tc.is, tc.not} {
			d := deployFolder(t)
			_, err := issm.New(issm.Config{ArchiveDir: "/a", Platform: issm.OpenStack, Deploy: d,
				Cloud: &issm.Cloud{VIPs: map[string]string{tc.name: address}}}, d.Hosts, guideMongo(t))
			require.ErrorContains(t, err, "platform") // the folder is that of a cluster on VMware
			want := fmt.Sprintf("openstack.vips has %s for %s, and the deploy folder has %s", address, tc.name, tc.is)
			require.Equal(t, address == tc.not, strings.Contains(err.Error(), want), "%v", err)
		}
	}
}

// CPS-071: nothing is booted beside a server that is there, and what nova and neutron say is not taken for more than it
// is.
func TestOpenStackStops(t *testing.T) {
	table := func(rows ...string) string {
		const rule = "+----+------+--------+\n"
		return rule + "| ID | Name | Status | Task State |\n" + rule + strings.Join(rows, "") + rule
	}
	others := "| p | pcrfclient02 | ACTIVE | - |\n"
	for want, tc := range map[string]struct {
		from, at string // where the lie begins, and where the run stops
		lie      cpstest.Lie
	}{
		"nova says SHUTOFF of lb02": {"delete", "deploy-lb02", says("nova list", "", prints(table(others, "| a | lb02 | SHUTOFF | - |\n")))[0]},
		"nova has 2 servers called lb02": {"delete", "deploy-lb02",
			says("nova list", "", prints(table(others, "| a | lb02 | ACTIVE | - |\n", "| b | lb02 | BUILD | spawning |\n")))[0]},
		"nova is deleting lb02": {"delete", "deploy-lb02",
			says("nova list", "", prints(table(others, "| a | lb02 | ACTIVE | deleting |\n")))[0]},
		"nova says ACTIVE of lb02": {"delete", "deploy-lb02",
			says("nova list", "", prints(table(others, "| a | lb02 | ACTIVE | rebuilding |\n")))[0]},
		"not a row of the table": {"delete", "deploy-pcrfclient02", says("nova list", "", prints("ERROR (Unauthorized)\n"))[0]},
		"it is not so after":     {"delete", "active-pcrfclient02", idle("nova boot *", "")[0]},
		"no port has the address": {"delete", "port-arbitervip",
			says("neutron port-list", "", replaces(`"192.168.105.20"`, `"192.168.105.201"`))[0]},
		"neutron has updated port 3d40e589": {"delete", "vip-arbitervip",
			says("neutron port-update *", "", prints("Updated port: 3d40e589-993c-44b5-bb0a-0923a4abbfc0\n"))[0]},
		"no line Updated port": {"delete", "vip-arbitervip", says("neutron port-update *", "", prints("\n"))[0]},
	} {
		w := deploy(t, cpstest.Options{Cloud: "control"})
		_, err := evenkeel.Run(t.Context(), runbook(t, cloudConfig(t, true)), w, evenkeel.Options{
			Journal: &evenkeel.MemJournal{}, Clock: w.Clock(), Serial: true, Operator: &impatient{technician{world: w}, map[string]int{}},
			Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
				if e.Kind == evenkeel.EventAction && e.Step.ID+"/"+e.Action.ID == "redeploy-set-1/"+tc.from {
					require.NoError(t, w.Lie(tc.lie))
				}
			}),
		})
		require.Equal(t, "redeploy-set-1/"+tc.at, stoppedAt(err), "%s: %v", want, err)
		require.ErrorContains(t, err, want)
		require.Empty(t, w.Violations(), want)
	}
}

// CPS-071: what would fail with the VMs gone is found before anything is changed.
func TestOpenStackIsLookedAtFirst(t *testing.T) {
	for at, lie := range map[string]cpstest.Lie{
		"servers":   says("nova list", "", replaces("| qns03 |", "| site-qns03 |"))[0],
		"user-data": says("ls -1 *", "control", replaces("qns03-cloud.cfg\n", ""))[0],
	} {
		w := deploy(t, cpstest.Options{Cloud: "control"})
		require.NoError(t, w.Lie(lie))
		o := runOn(t, runbook(t, cloudConfig(t, true)), w, "")
		require.Equal(t, "preflight/"+at, stoppedAt(o.err), "%v", o.err)
		require.ErrorContains(t, o.err, "qns03")
	}
}

// CPS-040, CPS-041, CPS-071: a plan whose commands are not those of the cluster is refused.
func TestOpenStackIsRefused(t *testing.T) {
	for want, edit := range map[string]func(*issm.Config, *issm.Cloud){
		"for the platform openstack alone":    func(c *issm.Config, _ *issm.Cloud) { c.Platform = issm.VMware },
		"execute needs host":                  func(_ *issm.Config, c *issm.Cloud) { c.Host = "" },
		"and boots, the commands of the VMs":  func(_ *issm.Config, c *issm.Cloud) { c.Boots = nil },
		`vips has "lbvip03"`:                  func(_ *issm.Config, c *issm.Cloud) { c.VIPs["lbvip03"] = "192.0.2.1" },
		`lbvip01 is "x", which is no address`: func(_ *issm.Config, c *issm.Cloud) { c.VIPs["lbvip01"] = "x" },
		"gxvip needs gx_network":              func(_ *issm.Config, c *issm.Cloud) { c.VIPs["gxvip"] = "192.0.2.1" },
		"has an address in the network Gx":    func(_ *issm.Config, c *issm.Cloud) { c.VIPs["gxvip"], c.GxNetwork = "192.0.2.1", "Gx" },
		"lbvip01 and gxvip are both for the port of an lb in the network Management": func(_ *issm.Config, c *issm.Cloud) {
			c.VIPs["gxvip"], c.GxNetwork = "192.0.2.1", "Management"
		},
		"openstack.vips has 192.168.105.199 for arbitervip, and arbitervip is known to be 192.168.105.100": func(c *issm.Config, o *issm.Cloud) {
			c.ArbiterVIP, o.VIPs["arbitervip"] = "192.168.105.100", "192.168.105.199"
		},
		"there is no nova boot command for": func(_ *issm.Config, c *issm.Cloud) { c.Boots = c.Boots[1:] },
		"is booted twice":                   func(_ *issm.Config, c *issm.Cloud) { c.Boots = append(c.Boots, c.Boots[0]) },
		"did a letter slip in for a digit": func(_ *issm.Config, c *issm.Cloud) {
			c.Boots[0].NICs[0].NetID = "c3df93c2-c2bb-4l43-8bb6-b4ec6df65e53"
		},
	} {
		cfg := cloudConfig(t, true)
		edit(&cfg, cfg.Cloud)
		_, err := issm.New(cfg, guideHosts(t), guideMongo(t))
		require.ErrorContains(t, err, want)
	}
}

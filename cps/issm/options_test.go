package issm_test

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
)

// TestEveryChoiceMakesASoundRunbook: whatever is chosen, the configuration is refused or the runbook is sound (WF-001).
func TestEveryChoiceMakesASoundRunbook(t *testing.T) {
	hosts, mongo, labels := guideHosts(t), guideMongo(t), everySet(t)
	rapid.Check(t, func(t *rapid.T) {
		flag := func(name string) bool { return rapid.Bool().Draw(t, name) }
		cfg := issm.Config{
			ArchiveDir: "/srv/archives", Platform: rapid.SampledFrom([]issm.Platform{"", issm.VMware, issm.OpenStack}).Draw(t, "platform"),
			From:      rapid.SampledFrom([]string{"", "19.4.0", "19.5.0"}).Draw(t, "from"),
			SourceISO: rapid.SampledFrom([]string{"", "/root/old.iso"}).Draw(t, "iso"),
			Provision: flag("provision"), NoSSH: flag("nossh"), UseCL: flag("usecl"), UseSharedStorage: flag("shared"),
			CorosyncOrder:         rapid.SampledFrom([]issm.CorosyncOrder{"", issm.CorosyncLate, issm.CorosyncGuide}).Draw(t, "order"),
			ArbiterVIP:            rapid.SampledFrom([]string{"", vipAddress}).Draw(t, "arbitervip"),
			SingleClusterCorosync: flag("single"), PeerPcrfclient: rapid.SampledFrom([]string{"", "b-pcrfclient01"}).Draw(t, "peer"),
			RemoveUdevRules: flag("udev"), SkipCarbon: flag("carbon"), StaticRoutes: flag("routes"), SKDB: flag("skdb"),
			RestartAll: flag("restart"), RemoveISO: flag("remove"), UpgradeLogger: flag("logger"),
		}
		if cfg.CorosyncOrder == issm.CorosyncGuide {
			cfg.AcceptNoMajority = labels
		}
		if flag("own sets") {
			cfg.Set1, cfg.Set2, _ = cps.SplitClusterSets(hosts)
			cfg.Set1, cfg.Set2 = cfg.Set2, cfg.Set1
		}
		if flag("site") {
			cfg = watched(cfg)
		}
		m, err := issm.New(cfg, hosts, mongo)
		require.Equal(t, cfg.Validate() == nil, err == nil)
		if err != nil {
			return
		}
		rb, err := m.Runbook()
		require.NoError(t, err)
		var steps, commands []string
		for _, s := range rb.Steps {
			steps = append(steps, s.ID)
			for _, a := range s.Actions {
				commands = append(commands, a.Describe())
				require.NotEmpty(t, a.Title)
				require.NotEmpty(t, s.Ref)
			}
		}
		has := func(wanted bool, list []string, part string) {
			require.Equal(t, wanted, strings.Contains(strings.Join(list, "\n"), part), part)
		}
		has(cfg.SkipCarbon, steps, "skip-carbon")                          // CPS-017
		has(cfg.Provision, commands, "--useprovision")                     // CPS-066, CPS-218
		has(cfg.Provision, commands, "--cleanupbackup")                    // CPS-069
		has(cfg.UseCL, commands, "--nossh --usecl --vms")                  // CPS-068, CPS-042
		has(cfg.UseSharedStorage, commands, "/deployer/deploy.sh qns02")   // CPS-070, CPS-174
		has(!cfg.SKDB, commands, "rebuildAllSkRings")                      // MON-030, CPS-084
		has(cfg.RestartAll, commands, "restartall.sh")                     // CPS-085
		has(cfg.RemoveISO, commands, "rm -f /root/CPS_21.1.0.release.iso") // CPS-092, CPS-219
		has(cfg.StaticRoutes, commands, "route-<interface>")               // CPS-082
		has(cfg.RemoveUdevRules, commands, "70-persistent-net.rules")      // CPS-032, CPS-055
		has(cfg.Alarms != nil, steps, "unsilence-alarms")
		has(len(cfg.KPIs) > 0, steps, "kpis-swap")
		has(cfg.Platform == issm.OpenStack, commands, "arbitervip on the port of pcr") // CPS-040, CPS-208
	})
}

// TestISSMChoicesOnTheSimulatedCluster runs the branches to their end.
func TestISSMChoicesOnTheSimulatedCluster(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg  issm.Config
		opts cpstest.Options
	}{
		"provisioned, CPS-204":    {cfg: issm.Config{Provision: true}},
		"shared storage, CPS-174": {cfg: issm.Config{UseSharedStorage: true}},
		"vCenter, CPS-068":        {cfg: issm.Config{NoSSH: true, UseCL: true}},
		"corosync moved, CPS-207": {cfg: issm.Config{SingleClusterCorosync: true}},
		"SKDB, MON-030":           {cfg: issm.Config{SKDB: true}, opts: cpstest.Options{SKDB: true}},
		"OpenStack, CPS-039":      {cfg: issm.Config{Platform: issm.OpenStack}},
		"everything else": {cfg: issm.Config{SkipCarbon: true, UpgradeLogger: true, StaticRoutes: true, RestartAll: true,
			RemoveISO: true, RemoveUdevRules: true}},
		"from 19.5.0, CPS-150":                   {cfg: issm.Config{From: "19.5.0"}, opts: cpstest.Options{From: "19.5.0"}},
		"monit does not start, CPS-081, CPS-209": {opts: cpstest.Options{MonitDown: []string{"lb01", "lb02"}}},
		"arbitervip on the other, MON-016":       {opts: cpstest.Options{ArbiterVIPOn: "pcrfclient02"}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.cfg.ArchiveDir = t.TempDir()
			w := deploy(t, tc.opts)
			o := runOn(t, runbook(t, tc.cfg), w, "")
			require.NoError(t, o.err, "%v", o.events)
			require.NoError(t, w.Check())
			require.Empty(t, o.events)
			requireMigrated(t, w)
		})
	}
}

// renamed is the guide's cluster with other aliases of its VMs.
func renamed(t testing.TB, alias func(string) string) (hosts, mongo string) {
	t.Helper()
	rename := regexp.MustCompile(`\b(lb|sessionmgr|qns|pcrfclient)(\d\d)\b`)
	var rows []string
	for line := range strings.Lines(printed(t, guideHosts(t))) {
		cells := strings.Split(line, ",")
		cells[3] = rename.ReplaceAllStringFunc(cells[3], alias)
		rows = append(rows, strings.Join(cells, ","))
	}
	return strings.Join(rows, ""), rename.ReplaceAllStringFunc(fixture(t, "mongoConfig-six-sets.cfg"), alias)
}

// TestAliasesOfASite: what a VM is for is told by its role. A site before the alias changes nothing; behind it, the
// halves must be given.
func TestAliasesOfASite(t *testing.T) {
	hostsCSV, mongoCfg := renamed(t, func(alias string) string { return "PRI-" + alias })
	hosts, err := cps.ParseHosts(text("Hosts.csv", hostsCSV))
	require.NoError(t, err)
	mc, err := cps.ParseMongoConfig(text("mongoConfig.cfg", mongoCfg))
	require.NoError(t, err)
	m, err := issm.New(issm.Config{ArchiveDir: t.TempDir()}, hosts, mc)
	require.NoError(t, err)
	rb, err := m.Runbook()
	require.NoError(t, err)
	d, err := cpstest.New(cpstest.Options{HostsCSV: hostsCSV, MongoConfig: mongoCfg})
	require.NoError(t, err)
	o := runOn(t, rb, simulated{d}, "")
	require.NoError(t, o.err, "%v", o.events)
	require.NoError(t, d.Check())
	requireMigrated(t, o.world)

	hostsCSV, mongoCfg = renamed(t, func(alias string) string { return alias + "-SITE1" })
	hosts, err = cps.ParseHosts(text("Hosts.csv", hostsCSV))
	require.NoError(t, err)
	mc, err = cps.ParseMongoConfig(text("mongoConfig.cfg", mongoCfg))
	require.NoError(t, err)
	_, err = issm.New(issm.Config{ArchiveDir: "/a"}, hosts, mc)
	require.ErrorContains(t, err, "unless set1 and set2 say which VMs are in which half: Hosts.csv:2: alias has two "+
		"numbers")
	cfg := issm.Config{ArchiveDir: "/a"}
	for _, alias := range hosts.Aliases() {
		if strings.Contains(alias, "1-") || strings.Contains(alias, "3-") {
			cfg.Set2 = append(cfg.Set2, alias)
		} else {
			cfg.Set1 = append(cfg.Set1, alias)
		}
	}
	m, err = issm.New(cfg, hosts, mc)
	require.NoError(t, err)
	rb, err = m.Runbook()
	require.NoError(t, err)
	var md strings.Builder
	require.NoError(t, rb.Markdown(&md))
	require.Contains(t, md.String(), "traffic 3 lb02-SITE1")
}

// TestSetsOfFourMembers: two members of a set go with each half, and a majority stays.
func TestSetsOfFourMembers(t *testing.T) {
	hostsCSV := printed(t, guideHosts(t)) +
		"esxi-host-3,sessionmgr03,sm,sessionmgr03,datastore3,,192.168.105.31,,\nesxi-host-4,sessionmgr04,sm,sessionmgr04,datastore4,,192.168.105.32,,\n"
	mongoCfg := strings.Replace(fixture(t, "mongoConfig-six-sets.cfg"), "MEMBER2=sessionmgr02:27717",
		"MEMBER2=sessionmgr02:27717\nMEMBER3=sessionmgr03:27717\nMEMBER4=sessionmgr04:27717", 1)
	hosts, err := cps.ParseHosts(text("Hosts.csv", hostsCSV))
	require.NoError(t, err)
	mc, err := cps.ParseMongoConfig(text("mongoConfig.cfg", mongoCfg))
	require.NoError(t, err)
	m, err := issm.New(issm.Config{ArchiveDir: t.TempDir()}, hosts, mc)
	require.NoError(t, err)
	require.Equal(t, 2, rows(m.Findings())["CPS-007"], "two in one half are said, for each half")
	rb, err := m.Runbook()
	require.NoError(t, err)
	d, err := cpstest.New(cpstest.Options{HostsCSV: hostsCSV, MongoConfig: mongoCfg})
	require.NoError(t, err)
	o := runOn(t, rb, simulated{d}, "")
	require.NoError(t, o.err, "%v", o.events)
	require.NoError(t, d.Check())
	requireMigrated(t, o.world)
}

// TestProvisioningBesideDisabling runs the two terminals of the guide at the same time (CPS-204).
func TestProvisioningBesideDisabling(t *testing.T) {
	rb := runbook(t, issm.Config{ArchiveDir: t.TempDir(), Provision: true})
	w := deploy(t, cpstest.Options{})
	_, err := evenkeel.Run(context.Background(), rb, w,
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: w.Clock(), Operator: &technician{world: w}})
	require.NoError(t, err)
	require.NoError(t, w.Check())
	requireMigrated(t, w)
}

// TestConfigRefusals (CPS-150, CPS-202, CPS-207).
func TestConfigRefusals(t *testing.T) {
	for want, cfg := range map[string]issm.Config{
		"archive_dir is missing":                  {},
		"platform \"xen\"":                        {ArchiveDir: "/a", Platform: "xen"},
		"are for VMware only":                     {ArchiveDir: "/a", Platform: issm.OpenStack, Provision: true},
		"usecl needs nossh":                       {ArchiveDir: "/a", UseCL: true},
		"provision and nossh exclude each other":  {ArchiveDir: "/a", Provision: true, NoSSH: true},
		"deploy.sh cannot provision":              {ArchiveDir: "/a", Provision: true, UseSharedStorage: true},
		"in one cluster or between two":           {ArchiveDir: "/a", SingleClusterCorosync: true, PeerPcrfclient: "x"},
		"only 19.4.0 and 19.5.0 can be migrated":  {ArchiveDir: "/a", From: "18.2.0"},
		"only migrations to 21.1.0 are supported": {ArchiveDir: "/a", To: "22.1.0"},
		"must be the absolute path of an .iso":    {ArchiveDir: "/a", TargetISO: "CPS.iso"},
		"are the same file":                       {ArchiveDir: "/a", SourceISO: "/x.iso", TargetISO: "/x.iso"},
		"must be given together":                  {ArchiveDir: "/a", Set1: cps.ClusterSet{"lb02"}},
		"cannot be told apart":                    {ArchiveDir: "/a", SourceOS: "8.1"},
		"attestation 1 is empty":                  {ArchiveDir: "/a", Attestations: []string{" "}},
		"not a release such as 21.1.0":            {ArchiveDir: "/a", From: "new"},
		"osgi_port 70000 is no port":              {ArchiveDir: "/a", OSGiPort: 70000},
		"endpoints_per_lb -1: it must be from 1":  {ArchiveDir: "/a", EndpointsPerLB: -1},
		"endpoints_per_lb 101: it must be from 1": {ArchiveDir: "/a", EndpointsPerLB: 101},
		`source_os "seven" is not the beginning`:  {ArchiveDir: "/a", SourceOS: "seven"},
		`target_os "8.x" is not the beginning`:    {ArchiveDir: "/a", TargetOS: "8.x"},
	} {
		require.ErrorContains(t, cfg.Validate(), want)
		_, err := issm.New(cfg, guideHosts(t), guideMongo(t))
		require.ErrorContains(t, err, want)
	}
}

// TestReviewRefusesToPlan: two data members of one replica set in one half (CPS-007), with the repair (CPS-008).
func TestReviewRefusesToPlan(t *testing.T) {
	sets := strings.ReplaceAll(fixture(t, "mongoConfig-six-sets.cfg"), "MEMBER1=sessionmgr01:27717", "MEMBER1=sessionmgr04:27717")
	mc, err := cps.ParseMongoConfig(text("mongoConfig.cfg", sets))
	require.NoError(t, err)
	table := fixture(t, "Hosts.csv.txt") +
		"esxi-host-3,sessionmgr03,sm,sessionmgr03,datastore3,,192.168.105.31,,\nesxi-host-4,sessionmgr04,sm,sessionmgr04,datastore4,,192.168.105.32,,\n"
	hosts, err := cps.ParseHosts(text("Hosts.csv", table))
	require.NoError(t, err)
	_, err = issm.New(issm.Config{ArchiveDir: "/a"}, hosts, mc)
	var refused *issm.ReviewError
	require.ErrorAs(t, err, &refused)
	require.ErrorContains(t, err, "data members sessionmgr04:27717 and sessionmgr02:27717")
	require.NotEmpty(t, refused.Repair.Moves)

	repaired := issm.Config{ArchiveDir: "/a", Set1: refused.Repair.Set1, Set2: refused.Repair.Set2}
	m, err := issm.New(repaired, hosts, mc)
	require.NoError(t, err)
	rb, err := m.Runbook()
	require.NoError(t, err)
	var md strings.Builder
	require.NoError(t, rb.Markdown(&md))
	require.Contains(t, md.String(), "dd of=/var/tmp/cluster-upgrade-set-1.txt")
}

// TestUnknownMemberIsRefused: a data member that Hosts.csv does not know belongs to neither half, and the review would
// pass over it (CPS-007).
func TestUnknownMemberIsRefused(t *testing.T) {
	sets := strings.ReplaceAll(fixture(t, "mongoConfig-six-sets.cfg"), "MEMBER1=sessionmgr01:27717", "MEMBER1=sessionmgr09:27717")
	mc, err := cps.ParseMongoConfig(text("mongoConfig.cfg", sets))
	require.NoError(t, err)
	_, err = issm.New(issm.Config{ArchiveDir: "/a"}, guideHosts(t), mc)
	require.ErrorContains(t, err, "sessionmgr09:27717 of replica set set01 (SESSION-SET1) is in neither upgrade set")
}

// TestOneSiteOfTwo: replica sets with members of the other site are migrated at this one. Those members stay, and must
// be at work before anything begins.
func TestOneSiteOfTwo(t *testing.T) {
	hostsCSV, _ := renamed(t, func(alias string) string { return "PRI-" + alias })
	hosts, err := cps.ParseHosts(text("Hosts.csv", hostsCSV))
	require.NoError(t, err)
	file := fixture(t, "mongoConfig-gr.cfg")
	mc, err := cps.ParseMongoConfig(text("mongoConfig.cfg", file))
	require.NoError(t, err)
	m, err := issm.New(issm.Config{ArchiveDir: t.TempDir()}, hosts, mc)
	require.NoError(t, err)
	rb, err := m.Runbook()
	require.NoError(t, err)
	require.Contains(t, rb.Intro, "count as members of the other site")
	d, err := cpstest.New(cpstest.Options{HostsCSV: hostsCSV, MongoConfig: file})
	require.NoError(t, err)
	w := simulated{d}
	sick := w.Clone().(simulated)
	o := runOn(t, rb, w, "")
	require.NoError(t, o.err, "%v", o.events)
	require.NoError(t, d.Check())
	requireMigrated(t, w)

	require.NoError(t, sick.Lie(member("set10", "SEC-sessionmgr02", cps.StateRecovering)[0]))
	o = runOn(t, rb, sick, "")
	require.ErrorContains(t, o.err, "step preflight, action replicas on cluman")
	require.ErrorContains(t, o.err, "SEC-sessionmgr02 is RECOVERING in SESSION:set10")
}

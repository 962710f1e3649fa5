package issm_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// onPaper is the part of a runbook on paper that is about a step (STEP) or about one of its actions (STEP/ACTION).
func onPaper(t *testing.T, rb *evenkeel.Runbook, at string) string {
	t.Helper()
	step, action, _ := strings.Cut(at, "/")
	i := slices.IndexFunc(rb.Steps, func(s evenkeel.Step) bool { return s.ID == step })
	require.GreaterOrEqual(t, i, 0, "no step %s", step)
	var md strings.Builder
	require.NoError(t, rb.Markdown(&md))
	_, text, ok := strings.Cut(md.String(), fmt.Sprintf("\n## %d. ", i+1))
	require.True(t, ok)
	text, _, _ = strings.Cut(text, "\n## ")
	if action == "" {
		text, _, _ = strings.Cut(text, fmt.Sprintf("**%d.1**", i+1))
		return strings.ReplaceAll(text, `\`, "")
	}
	k := slices.IndexFunc(rb.Steps[i].Actions, func(a evenkeel.Action) bool { return a.ID == action })
	require.GreaterOrEqual(t, k, 0, "no action %s", at)
	_, text, ok = strings.Cut(text, fmt.Sprintf("**%d.%d** ", i+1, k+1))
	require.True(t, ok)
	text, _, _ = strings.Cut(text, fmt.Sprintf("\n**%d.", i+1))
	return strings.ReplaceAll(text, `\`, "")
}

// Before, during and after: what a person must confirm, know or do stands in the runbook where it is due, with its line
// in the guide (WF-007). The intro stands before all steps.
func TestWhatPeopleMustKnowIsOnPaper(t *testing.T) {
	plain := issm.Config{ArchiveDir: "/a"}
	vcenter := issm.Config{ArchiveDir: "/a", NoSSH: true, UseCL: true}
	skip := issm.Config{ArchiveDir: "/a", SkipCarbon: true}
	openstack := issm.Config{ArchiveDir: "/a", Platform: issm.OpenStack, StaticRoutes: true}
	restart := issm.Config{ArchiveDir: "/a", RestartAll: true}
	provision := issm.Config{ArchiveDir: "/a", Provision: true}
	corosync := issm.Config{ArchiveDir: "/a", SingleClusterCorosync: true}
	peer := issm.Config{ArchiveDir: "/a", PeerPcrfclient: "b-pcrfclient01"}
	for _, row := range []struct {
		id   string
		cfg  issm.Config
		at   string
		says []string
	}{
		{"CPS-014", plain, "confirm/debug", []string{
			`<logger name="com.broadhop.utilities.zmq.upgrade.ZMQInServiceUpgradeMgr" level="debug"/>`, "logback.xml", "cps:293"}},
		{"CPS-015", plain, "restore-cluman/reapply", []string{"/etc/broadhop/logback-debug.xml", "logback-netcut.xml", "logback-pb.xml",
			"and logback.xml", "/etc/broadhop/controlcenter/logback.xml", "overwritten", "Merge", "cps:399"}},
		{"CPS-016", plain, "restore-cluman/reapply", []string{"/var/tmp/logback_backup", "in the archive of the Cluster Manager"}},
		{"CPS-029, CPS-082", openstack, "redeploy-set-1/routes", []string{"route-<interface>", "restart the network services and the monit processes",
			"cps:880"}},
		{"CPS-036", plain, "redeploy-set-1/delete", []string{"Delete the VMs pcrfclient02", "the base.vmdk of the new release", "cps:772"}},
		{"CPS-036", plain, "redeploy-set-2/delete", []string{"the base.vmdk of the new release", "cps:1146"}},
		{"CPS-036", issm.Config{ArchiveDir: "/a", Provision: true}, "redeploy-set-1/deploy",
			[]string{"provisioned vmdk", "deploy_all.py --useprovision --vms", "cps:760"}},
		{"CPS-054", plain, "backup-cluman/image", []string{"Load the image of 21.1.0", "wget", "/root/CPS_21.1.0.release.iso", "cps:346"}},
		{"CPS-065", provision, "provision-set-1/provision",
			[]string{"deploy_all.py --provision --vms /var/tmp/cluster-upgrade-set-1.txt"}},
		{"CPS-071", openstack, "redeploy-set-1/deploy", []string{"nova boot", "<alias>-cloud.cfg", "cps:784"}},
		{"CPS-072, CPS-073", openstack, "redeploy-set-1/vips", []string{"neutron port-list",
			"neutron port-update PORT --allowed-address-pairs type=dict list=true ip_address=VIP", "compare the whole address", "cps:836"}},
		{"CPS-074", corosync, "corosync/corosync-stop", []string{"monit stop corosync", "cps:665"}},
		{"CPS-151", plain, "confirm/grafana-user", []string{"at least one Graphite/Grafana user and the data source credential", "cps:236"}},
		{"CPS-152", plain, "hand-over/grafana", []string{"graphite data source in the Grafana GUI", "cps:238"}},
		{"CPS-153", plain, "hand-over/disk", []string{"Watch the disk use of the pcrfclient VMs", "cps:246"}},
		{"CPS-154", plain, "confirm/freeze", []string{"nobody changes policies, CRD tables or system configuration", "cps:252"}},
		{"CPS-154", plain, "hand-over/freeze", []string{"End the change freeze when the cluster is validated", "cps:252"}},
		{"CPS-155", plain, "confirm/overload", []string{"set Session Limit Overload Protection to 0", "note its value", "cps:256"}},
		{"CPS-155", plain, "hand-over/overload", []string{"back to the value for the session capacity", "without restarting the qns", "cps:256"}},
		{"CPS-156", plain, "snapshot", []string{"A rollback needs it (cps:1819)"}},
		{"CPS-156", plain, "snapshot/snapshot", []string{"Make a snapshot or a clone of the Cluster Manager VM"}},
		{"CPS-157", plain, "confirm/customizations", []string{"only those of configuration files on the Cluster Manager are backed up",
			"reapplied by hand", "cps:261"}},
		{"CPS-157", plain, "hand-over/customizations", []string{"made directly on VMs", "cps:261"}},
		{"CPS-159", plain, "confirm/hypervisor", []string{"hypervisor is supported", "ovftool 4.3.0", "cps:268"}},
		{"CPS-162", plain, "hand-over/debug", []string{"Take the ZMQInServiceUpgradeMgr logger out of logback.xml", "cps:299"}},
		{"CPS-163", plain, "hand-over/debug", []string{"merge your own changes of the logback files"}},
		{"CPS-166", plain, "deploy-cluman/deploy", []string{"Its first boot is into rescue mode"}},
		{"CPS-166", plain, "redeploy-set-2", []string{"The first boot of each new VM is into rescue mode; that is normal (cps:878)"}},
		{"CPS-167", plain, "deploy-cluman/deploy", []string{"Keep the old Cluster Manager, powered off: a rollback needs it"}},
		{"CPS-167", openstack, "deploy-cluman/deploy", []string{"Delete the old Cluster Manager first, else the deployment fails (cps:457)"}},
		{"CPS-169", skip, "skip-carbon", []string{"The history of Grafana and of the bulk statistics is lost", "cps:554"}},
		{"CPS-170", provision, "provision-set-1", []string{"needs room for them (cps:635)"}},
		{"CPS-171", vcenter, "confirm/vcenter", []string{"vCenter 6.5", "esxi-host-3, esxi-host-4 are mapped to it under these names",
			"no two of their datastores have the same name", "cps:648"}},
		{"CPS-172", vcenter, "confirm/content-libraries",
			[]string{"content libraries are configured", "user of its own with the basic privileges",
				"not as its administrator", "cps:648"}},
		{"CPS-175", corosync, "corosync", []string{"run side by side and form no cluster (cps:576)"}},
		{"CPS-177", peer, "peer-corosync", []string{"Never start it there again by hand", "(cps:673)"}},
		{"CPS-178", plain, "disable-set-2", []string{"Grafana shows nothing until pcrfclient01 is deleted, and again until set 2 is enabled",
			"cps:1052"}},
		{"CPS-179", restart, "restart/hour", []string{"Confirm that messages may be dropped now: restartall.sh drops some"}},
		{"CPS-179", restart, "restart", []string{"It drops messages (cps:1354)"}},
		{"CPS-182", plain, "hand-over/keys", []string{"default SSH keys", "--create, then --update", "when diagnostics are clean", "cps:1362"}},
	} {
		text := onPaper(t, runbook(t, row.cfg), row.at)
		for _, says := range row.says {
			require.Contains(t, text, says, "%s: %s", row.id, row.at)
		}
	}
	intro := runbook(t, plain).Intro
	for row, says := range map[string]string{
		"CPS-051": "Log in to cluman as root (cps:333)",
		"CPS-180": "Errors without effect may stand in the logs until all processes were restarted at the end (cps:1350)",
		"CPS-183": "No in-service software upgrade (ISSU) is needed beside this migration (cps:2023)",
		"CPS-187": "Use no feature and no option that the guide does not have: it may not be supported (cps:195)",
	} {
		require.Contains(t, intro, says, row)
	}
	// What is asked for nothing is not asked.
	text := onPaper(t, runbook(t, plain), "confirm") + fmt.Sprint(runbook(t, plain).Steps[1].Actions)
	require.NotContains(t, text, "vCenter", "CPS-171")
	require.NotContains(t, text, "content libraries", "CPS-172")
}

// CPS-025: the images have the names of the guide unless others are given, and are loop-mounted on /mnt/iso, from which
// migrate.sh runs.
func TestImagesOfTheGuide(t *testing.T) {
	for image, rb := range map[string]*evenkeel.Runbook{
		"/root/CPS_21.1.0.release.iso": runbook(t, issm.Config{ArchiveDir: "/a"}),
		"/srv/CPS_21.1.0.release.iso":  runbook(t, issm.Config{ArchiveDir: "/a", TargetISO: "/srv/CPS_21.1.0.release.iso"}),
		"/root/cps-arbiter-21.1.0.iso": migrateArbiter(t),
	} {
		mounts := 0
		for _, step := range rb.Steps {
			for _, a := range step.Actions {
				switch line := strings.Join(a.Cmd.Argv, " "); {
				case strings.HasPrefix(line, "mount "):
					require.Equal(t, "mount -o loop "+image+" /mnt/iso", line)
					mounts++
				case strings.Contains(line, "migrate.sh"):
					require.True(t, strings.HasPrefix(line, "/mnt/iso/migrate.sh "), line)
				}
			}
		}
		require.NotZero(t, mounts, image)
	}
}

// CPS-036: on VMware the VMs are deleted, and made anew of the base.vmdk of the new release; with provisioned vmdk
// images they are not deleted, for these are of the VMs that are there; on OpenStack there is no vmdk.
func TestTheDisksOfTheNewVMs(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg     issm.Config
		deletes bool
		types   string
	}{
		"base.vmdk":   {issm.Config{}, true, " --vms /var/tmp/cluster-upgrade-set-%d.txt"},
		"provisioned": {issm.Config{Provision: true}, false, " --useprovision --vms /var/tmp/cluster-upgrade-set-%d.txt"},
		"OpenStack":   {issm.Config{Platform: issm.OpenStack}, true, ""},
	} {
		tc.cfg.ArchiveDir = "/a"
		rb := runbook(t, tc.cfg)
		for n := 1; n <= 2; n++ {
			step, ok := rb.Step(fmt.Sprintf("redeploy-set-%d", n))
			require.True(t, ok)
			index := func(id string) int {
				return slices.IndexFunc(step.Actions, func(a evenkeel.Action) bool { return a.ID == id })
			}
			require.Equal(t, tc.deletes, index("delete") >= 0, name)
			require.Less(t, index("delete"), index("deploy"), "%s: the old VMs go first", name)
			cmd := strings.Join(step.Actions[index("deploy")].Cmd.Argv, " ")
			if tc.types != "" {
				require.Equal(t, "/var/qps/install/current/scripts/deployer/support/deploy_all.py"+fmt.Sprintf(tc.types, n), cmd, name)
			}
			notes := ""
			for _, a := range step.Actions {
				notes += a.Note + "\n"
			}
			require.Equal(t, name == "base.vmdk", strings.Contains(notes, "base.vmdk"), name)
		}
	}
}

// CPS-038: what is neither HA nor GR is refused before anything is changed, with the guide's sentence; and so is an
// output that does not say what it is of.
func TestOtherKindsOfInstallationsAreRefused(t *testing.T) {
	const title = "CPS Diagnostics HA Multi-Node Environment"
	for with, want := range map[string]string{
		"CPS Diagnostics All-In-One Environment":     `this is a "All-In-One Environment"`,
		"CPS Diagnostics GR Multi-Node Environment":  "",
		"CPS Diagnostics MOG Multi-Node Environment": `this is a "MOG Multi-Node Environment"`,
		"---": "does not say what kind of installation this is",
	} {
		w := deploy(t, cpstest.Options{})
		require.NoError(t, w.Lie(says(replicaStatus, "", replaces(title, with))[0]))
		o := runOn(t, runbook(t, issm.Config{ArchiveDir: t.TempDir()}), w, "confirm")
		if want == "" {
			require.Equal(t, "confirm/freeze", stoppedAt(o.err))
			continue
		}
		require.Equal(t, "preflight/installation", stoppedAt(o.err), with)
		require.ErrorContains(t, o.err, want)
		require.ErrorContains(t, o.err, "supported for Mobile (HA) and GR installations only")
		require.ErrorContains(t, o.err, "(cps:232)")
	}
}

// typed is what a run typed on the machines of a world, "HOST COMMAND", in order.
func typed(w simulated) []string {
	var lines []string
	for _, e := range w.Log() {
		if e.Host != "" {
			lines = append(lines, e.Host+" "+strings.Join(e.Argv, " "))
		}
	}
	return lines
}

// inOrder wants commands, each a regular expression of a whole line, in this order among others.
func inOrder(t *testing.T, lines []string, want [][2]string) {
	t.Helper()
	at := 0
	for _, w := range want {
		form := regexp.MustCompile("^(?:" + w[1] + ")$")
		i := slices.IndexFunc(lines[at:], form.MatchString)
		require.GreaterOrEqual(t, i, 0, "%s: no %s after %q", w[0], w[1], lines[max(0, at-1)])
		at += i + 1
	}
}

// The commands of the guide are typed where it says and in its order: in the migration, and in the rollback.
func TestCommandsOfTheGuide(t *testing.T) {
	const migrate, scripts = `cluman /mnt/iso/migrate\.sh `, `cluman /var/qps/install/current/scripts/`
	dir := t.TempDir()
	w := deploy(t, cpstest.Options{})
	require.NoError(t, runOn(t, runbook(t, issm.Config{ArchiveDir: dir, RestartAll: true}), w, "").err)
	lines := typed(w)
	inOrder(t, lines, [][2]string{
		{"CPS-051", `cluman diagnostics\.sh`},
		{"CPS-052", `cluman diagnostics\.sh --get_replica_status`},
		{"CPS-061", `cluman about\.sh`},
		{"CPS-050", `pcrfclient01 /var/qps/bin/support/grafana_sync\.sh`},
		{"CPS-056", `cluman mount -o loop /root/CPS_21\.1\.0\.release\.iso /mnt/iso`},
		{"CPS-057", migrate + `backup cluman`},
		{"CPS-062", `cluman cat /etc/redhat-release`},
		{"CPS-059", `cluman curl .* -H Content-Type: application/json http://localhost:8458/api/system/status/cluman`},
		{"CPS-060", migrate + `restore cluman /var/tmp/migrate_cluman_\d{8}_\d{6}\.tar\.gz`},
		{"CPS-064", scripts + `create-cluster-sets\.sh`},
		{"CPS-075", migrate + `disable set 1`},
		{"CPS-067", scripts + `deployer/support/deploy_all\.py --vms /var/tmp/cluster-upgrade-set-1\.txt`},
		{"CPS-076", migrate + `enable set 1 /var/tmp/migrate_set-1_\d{8}_\d{6}\.tar\.gz`},
		{"CPS-077", migrate + `traffic swap`},
		{"CPS-075", migrate + `disable set 2`},
		{"CPS-067", scripts + `deployer/support/deploy_all\.py --vms /var/tmp/cluster-upgrade-set-2\.txt`},
		{"CPS-078", migrate + `traffic restore`},
		{"CPS-179", `cluman restartall\.sh`},
		{"CPS-051", `cluman diagnostics\.sh`},
		{"CPS-056", `cluman umount /mnt/iso`},
	})
	for _, line := range lines {
		require.NotRegexp(t, `diagnostics\.sh --get(_rep)?$`, line, "CPS-052: the option is typed in full")
	}

	rb, o := holdAt(t, issm.Config{ArchiveDir: dir}, cpstest.Options{}, "calls")
	before := len(typed(o.world))
	require.NoError(t, rollBack(t, rb, o, "").err)
	inOrder(t, typed(o.world)[before:], [][2]string{
		{"CPS-080", migrate + `rollback`},
		{"CPS-064", scripts + `create-cluster-sets\.sh`},
		{"CPS-070", scripts + `deployer/deploy\.sh qns02`},
		{"CPS-076", migrate + `enable set 1 /var/tmp/migrate_set-1_\d{8}_\d{6}\.tar\.gz`},
	})
}

// CPS-052: whichever way an operator shortens the option, as the guide itself does, the table is the same.
func TestReplicaStatusByItsPrefix(t *testing.T) {
	w := deploy(t, cpstest.Options{})
	table := func(option string) string {
		w := w.Clone().(simulated)
		r, err := w.Runner("cluman")
		require.NoError(t, err)
		res, err := r.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "diagnostics.sh", option))
		require.NoError(t, err, option)
		_, err = cps.ParseReplicaTable(text(option, string(res.Stdout)))
		require.NoError(t, err, option)
		return string(res.Stdout)
	}
	require.Equal(t, table("--get_replica_status"), table("--get_rep"))
	require.Equal(t, table("--get_replica_status"), table("--get"))
}

// CPS-242: where power was lost and the session cache is UNKNOWN, the run stops and says that no repair helps, but one
// release everywhere; whether the sets still have their majority or not. Other sets are not spoken of.
func TestUnknownSessionCache(t *testing.T) {
	const advice = "finish the upgrade, or roll it back (cps:1794-1808)"
	unknown := func(set string, hosts ...string) string {
		w := deploy(t, cpstest.Options{})
		says := func(truth string) string { return truth }
		for _, host := range hosts {
			lie, before := member(set, host, cps.StateUnknown)[0], says
			says = func(truth string) string { return lie.Says(before(truth)) }
		}
		require.NoError(t, w.Lie(cpstest.Lie{Command: replicaStatus, Says: says}))
		o := runOn(t, runbook(t, issm.Config{ArchiveDir: t.TempDir()}), w, "")
		require.Error(t, o.err)
		return o.err.Error()
	}
	require.Contains(t, unknown("set01", "sessionmgr02"), "sessionmgr02 is UNKNOWN in SESSION:set01: look at its connection")
	both := unknown("set01", "sessionmgr01", "sessionmgr02")
	require.Contains(t, both, "SESSION:set01 has 1 of 3 votes")
	require.Contains(t, both, advice)
	require.Contains(t, unknown("set01", "sessionmgr01"), advice)
	require.NotContains(t, unknown("set02", "sessionmgr02"), advice)

	// The same where a half is about to go, and where every look of the invariants asks for no more than a majority.
	p, good := everyRunbook(t)[0], statusTable(t)
	i := slices.IndexFunc(good.Sets, func(s cps.TableSet) bool { return s.Type == "SESSION" })
	table := change(t, good, i, "sessionmgr01", state(cps.StateUnknown))
	check := p.find(t, "disable-set-1/other-half").Expect.Check
	require.NoError(t, check(p.seen(printed(t, good), 0)))
	require.ErrorContains(t, check(p.seen(table, 0)), advice)
}

// CPS-083, CPS-244: every user that the log of "enable set" names as not migrated is asked for on its VM, by name, until
// adduser.sh has made it there; and the VM's own list proves it.
func TestSkippedUsersAreMadeAgain(t *testing.T) {
	var skipped []cps.SkippedUser
	w := deploy(t, cpstest.Options{})
	run(w, "qns02", "useradd", "carol")
	require.NoError(t, w.Lie(cpstest.Lie{Command: "migrate.sh enable set *", Says: func(truth string) string {
		log, err := cps.ParseMigrateLog(text("migrate.sh", truth))
		if err == nil {
			skipped = append(skipped, log.SkippedUsers()...)
		}
		return truth
	}}))
	rb := runbook(t, issm.Config{ArchiveDir: t.TempDir()})
	operator := &naming{technician: technician{world: w}}
	_, err := evenkeel.Run(t.Context(), rb, w,
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: w.Clock(), Operator: operator, Serial: true})
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(skipped,
		func(u cps.SkippedUser) bool { return u.Host == "qns02" && u.User == "carol" }), "%v", skipped)
	for _, u := range skipped {
		require.Contains(t, operator.prompts[u.Host], u.User, "%s of %s is not asked for", u.User, u.Host)
		require.Contains(t, operator.prompts[u.Host], "adduser.sh")
		r, err := w.Runner(u.Host)
		require.NoError(t, err)
		res, err := r.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "cat", "/etc/passwd"))
		require.NoError(t, err)
		require.Contains(t, string(res.Stdout), "\n"+u.User+":", "%s of %s", u.User, u.Host)
	}
}

// naming is an operator who notes the prompts of each host.
type naming struct {
	technician
	prompts map[string]string
}

func (n *naming) Prompt(ctx context.Context, ask evenkeel.Prompt) (string, error) {
	if n.prompts == nil {
		n.prompts = map[string]string{}
	}
	n.prompts[ask.Action.Host] += ask.Action.Manual + " " + ask.Why + "\n"
	return n.technician.Prompt(ctx, ask)
}

// The new Cluster Manager logs in to every VM by its diagnostics (cps:500); what else does not pass may be so at that stage.
func TestDiagnosticsAfterTheRestore(t *testing.T) {
	all := everyRunbook(t)[0]
	check := all.find(t, "restore-cluman/diagnostics").Expect.Check
	w := deploy(t, cpstest.Options{})
	r, err := w.Runner("cluman")
	require.NoError(t, err)
	res, err := r.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "diagnostics.sh"))
	require.NoError(t, err)
	good := string(res.Stdout)
	const logins = "qns passwordless logins on all VMs...[PASS]"
	require.NoError(t, check(all.seen(good, 0)))
	require.NoError(t, check(all.seen(strings.Replace(good, passes, fails, 1), 0)), "a full disk is the final step's")
	require.ErrorContains(t, check(all.seen(strings.Replace(good, logins, strings.Replace(logins, "PASS", "FAIL", 1)+"\n  lb01 no", 1), 0)),
		"does not reach every VM")
	require.ErrorContains(t, check(all.seen(strings.Replace(good, "Checking "+logins+"\n", "", 1), 0)), "did not check passwordless logins")
}

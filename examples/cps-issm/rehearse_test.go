package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

func TestRehearseTouchesNothing(t *testing.T) { clitest.RehearseTouchesNothing(t, app) }
func TestStopRehearsal(t *testing.T)          { clitest.StopRehearsal(t) }
func TestStopSimulation(t *testing.T)         { clitest.StopSimulation(t) }

// renamed has a file of the operator's under another name.
func renamed(key, to string) func(*testing.T, string, map[string]any) {
	return func(t *testing.T, dir string, job map[string]any) {
		t.Helper()
		require.NoError(t, os.Rename(filepath.Join(dir, job[key].(string)), filepath.Join(dir, to)))
		job[key] = to
	}
}

// An operator who stops a rollback goes on with it by hand: machines that a step to come has replaced are gone or new by the time that it is
// taken up.
func TestRehearseAStopInARollback(t *testing.T) {
	code, out := clitest.Here(app, "rehearse", "--schedule", "rollback-from 241 then stop-command 74")
	require.Equal(t, cli.ExitDone, code, "%s", out)
	require.Contains(t, out, "FORCED TAKEOVER: lb02 cannot be reached")
	require.Contains(t, out, "The run was rolled back.")
}

// What nobody does in the simulated world is said, and not waited for without an end.
func TestRehearseAlone(t *testing.T) {
	config := clitest.Example(t, app, "")
	clitest.EditJob(t, config, func(job map[string]any) { job["platform"] = "openstack" })
	alone := func() *cli.App {
		a := app()
		a.Person = nil
		return a
	}
	code, out := clitest.Here(alone, "rehearse", "--config", config)
	require.Equal(t, cli.ExitFailed, code, "%s", out)
	require.Contains(t, out, "nobody in the simulated world does this: Boot the VMs")
}

// Whatever an operator's files and options are, the simulated world is made of them.
func TestRehearseOptions(t *testing.T) {
	hosts, err := cps.ParseHosts(bytes.NewReader(guideHosts))
	require.NoError(t, err)
	set1, set2, err := cps.SplitClusterSets(hosts)
	require.NoError(t, err)
	// Repaired sets: the Policy Servers are shared out otherwise than create-cluster-sets.sh does.
	repaired := func() map[string]any {
		one, two := slices.Clone(set1), slices.Clone(set2)
		i, j := slices.Index(one, "qns02"), slices.Index(two, "qns03")
		require.True(t, i >= 0 && j >= 0, "%v %v", set1, set2)
		one[i], two[j] = two[j], one[i]
		return map[string]any{"set1": []string(one), "set2": []string(two)}
	}
	kpis := []any{
		map[string]any{"name": "gx", "command": []string{"/root/kpi.sh", "gx"}, "unit": "%", "at_least": 99.5, "may_fall": 1},
		map[string]any{"name": "rx", "command": []string{"sh", "-c", "stats | tail -1"}, "host": "stats", "at_most": 10},
	}
	clitest.RehearseOptions[issmConfig](t, app, map[string]clitest.Option{
		"hosts_csv":    {Edit: renamed("hosts_csv", "our-hosts.csv")},
		"mongo_config": {Edit: renamed("mongo_config", "our-mongo.cfg")},
		"configuration_csv": {Edit: func(t *testing.T, dir string, job map[string]any) {
			t.Helper()
			job["configuration_csv"] = "Configuration.csv"
			raw, err := os.ReadFile(filepath.Join("..", "..", "cps", "cpstest", "testdata", "Configuration.csv"))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, "Configuration.csv"), raw, 0o600))
		}},
		"deploy_dir": {Edit: func(t *testing.T, dir string, job map[string]any) {
			t.Helper()
			require.NoError(t, os.MkdirAll(filepath.Join(dir, "csv"), 0o700))
			for name, text := range map[string]string{
				"Hosts.csv": string(guideHosts), "AdditionalHosts.csv": "Host,Alias,IP Address\narbitervip,,192.168.105.102\n",
			} {
				require.NoError(t, os.WriteFile(filepath.Join(dir, "csv", name), []byte(text), 0o600))
			}
			job["deploy_dir"], job["hosts_csv"], job["arbitervip"] = "csv", "", ""
		}},
		"arbitervip":           {Job: map[string]any{"arbitervip": "192.168.105.101"}},
		"corosync_order: late": {Job: map[string]any{"corosync_order": "late"}},
		"corosync_order: guide": {Job: map[string]any{"corosync_order": "guide",
			"accept_no_majority": []string{"SESSION-SET1", "BALANCE-SET1", "REPORTING-SET1", "SPR-SET1", "AUDIT-SET1", "ADMIN-SET1"}}},
		"geo": {Edit: func(t *testing.T, dir string, job map[string]any) {
			t.Helper()
			name := filepath.Join(dir, job["mongo_config"].(string))
			raw, err := os.ReadFile(name)
			require.NoError(t, err)
			const here = "MEMBER1=sessionmgr01:27717\nMEMBER2=sessionmgr02:27717\n"
			require.Contains(t, string(raw), here)
			both := "PRIMARY-MEMBERS\n" + here + "SECONDARY-MEMBERS\n" + strings.ReplaceAll(here, "=", "=SITE2-")
			require.NoError(t, os.WriteFile(name, []byte(strings.Replace(string(raw), here, both, 1)), 0o600))
			job["geo"] = map[string]any{"site": 1}
		}},
		"accept_no_majority": {Not: "in the example every replica set keeps its majority, but with corosync_order " +
			"guide; package cps tests one that does not"},
		"skrings_done":            {Not: "the simulated console says COMPLETED; package cps tests other words"},
		"cluster_manager":         {Job: map[string]any{"cluster_manager": "installer"}},
		"status_host":             {Job: map[string]any{"status_host": "127.0.0.1"}},
		"platform":                {Job: map[string]any{"platform": "openstack"}},
		"from":                    {Job: map[string]any{"from": "19.5.0"}},
		"to":                      {Not: "a plan knows one release to migrate to"},
		"source_os":               {Job: map[string]any{"source_os": "7.6."}},
		"target_os":               {Job: map[string]any{"target_os": "8.4"}},
		"source_iso":              {Job: map[string]any{"source_iso": "/var/images/old.iso"}},
		"target_iso":              {Job: map[string]any{"target_iso": "/var/images/CPS.iso"}},
		"archive_dir":             {Job: map[string]any{"archive_dir": "/proc/nowhere"}},
		"set1":                    {Job: repaired()},
		"set2":                    {Job: map[string]any{"set1": []string(set1), "set2": []string(set2)}},
		"provision":               {Job: map[string]any{"provision": true}},
		"nossh":                   {Job: map[string]any{"nossh": true}},
		"usecl":                   {Job: map[string]any{"nossh": true, "usecl": true}},
		"use_shared_storage":      {Job: map[string]any{"use_shared_storage": true}},
		"single_cluster_corosync": {Job: map[string]any{"single_cluster_corosync": false}},
		"peer_pcrfclient":         {Job: map[string]any{"single_cluster_corosync": false, "peer_pcrfclient": "site2-pcrfclient01"}},
		"remove_udev_rules":       {Job: map[string]any{"remove_udev_rules": true}},
		"skip_carbon":             {Job: map[string]any{"skip_carbon": true}},
		"whisper_gb":              {Job: map[string]any{"whisper_gb": 12.5}},
		"clear_whisper":           {Job: map[string]any{"clear_whisper": true}},
		"openstack": {Edit: func(t *testing.T, dir string, job map[string]any) {
			t.Helper()
			var boots strings.Builder
			for _, row := range hosts.Rows {
				boots.WriteString("nova boot --config-drive true --user-data=" + row.Alias + "-cloud.cfg --image new_base_vm --flavor " + row.Role)
				for _, network := range hosts.Networks {
					if addr, ok := row.Address(network); ok {
						boots.WriteString(" --nic net-id=c3df93c2-c2bb-4143-8bb6-b4ec6df65e53,v4-fixed-ip=" + addr.String())
					}
				}
				boots.WriteString(" " + row.Alias + " --availability-zone az-1:compute-1\n\n")
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, "boots.txt"), []byte(boots.String()), 0o600))
			job["platform"] = "openstack"
			job["openstack"] = map[string]any{"execute": true, "host": "control", "boots": "boots.txt",
				"vips": map[string]any{"arbitervip": "192.168.105.100", "lbvip01": "10.197.98.200", "lbvip02": "192.168.105.200"}}
		}},
		"route_files": {Edit: func(t *testing.T, dir string, job map[string]any) {
			t.Helper()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "route-eth1"), []byte("10.1.0.0/16 via 192.0.2.1\n"), 0o600))
			job["route_files"] = map[string]any{"lb01": []string{"route-eth1"}, "lb02": []string{"route-eth1"}}
		}},
		"upgrade_logger":   {Job: map[string]any{"upgrade_logger": true}},
		"static_routes":    {Job: map[string]any{"static_routes": true}},
		"skdb":             {Job: map[string]any{"skdb": true}},
		"restart_all":      {Job: map[string]any{"restart_all": false}},
		"remove_iso":       {Job: map[string]any{"remove_iso": true}},
		"endpoints_per_lb": {Job: map[string]any{"endpoints_per_lb": 5}},
		"osgi_port":        {Job: map[string]any{"osgi_port": 9191}},
		"attestations":     {Job: map[string]any{"attestations": []string{"The change board agrees."}}},
		"kpis":             {Job: map[string]any{"kpis": kpis}},
		"kpi_looks":        {Job: map[string]any{"kpis": kpis, "kpi_looks": map[string]any{"good": 2, "every": "6m", "within": "1h"}}},
		"alarms": {Job: map[string]any{"alarms": map[string]any{"host": "nms", "silence": []string{"alarms", "off"},
			"unsilence": []string{"alarms", "on"}, "check": []string{"alarms", "state"}, "silenced": "silenced", "unsilenced": "sounding"}}},
		"alarms:of the Cluster Manager": {Job: map[string]any{"cluster_manager": "installer", "alarms": map[string]any{
			"silence": []string{"alarms", "off"}, "unsilence": []string{"alarms", "on"}, "check": []string{"alarms", "state"},
			"silenced": "silenced", "unsilenced": "sounding"}}},
		"tools": {Job: map[string]any{"tools": map[string]any{"diagnostics": "/var/qps/bin/diag/diagnostics.sh",
			"about": "/var/qps/bin/about.sh", "restartall": "/var/qps/bin/control/restartall.sh", "mongo": "/usr/bin/mongo"}}},
	})
}

// --dir takes a cluster's files everywhere, and leaves them as they are.
func TestDir(t *testing.T) { clitest.Dir(t, app, "input") }

// A load balancer of the simulated cluster has as many endpoints as the configuration says, each with its console.
func TestWorldEndpoints(t *testing.T) {
	cfg, err := cli.ReadConfig[issmConfig](clitest.Example(t, app, ""))
	require.NoError(t, err)
	for n, last := range map[int]string{0: "9094", 5: "9096"} {
		jobOf(cfg).EndpointsPerLB = n
		w, err := world(cfg)
		require.NoError(t, err)
		r, err := w.Runner("lb01")
		require.NoError(t, err)
		for _, port := range []string{last, "9097"} {
			_, err = r.Run(t.Context(), sshexec.Script(sshexec.ReadOnly, cpstest.OSGiScript, port, "status"))
			require.Equal(t, port == last, err == nil, "port %s: %v", port, err)
		}
	}
}

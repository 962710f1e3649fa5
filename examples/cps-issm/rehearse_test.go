package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/internal/cli/clitest"
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

// Whatever an operator's files and options are, the simulated world is made of them.
func TestRehearseOptions(t *testing.T) {
	clitest.RehearseOptions[issmConfig](t, app, map[string]clitest.Option{
		"hosts_csv":               {Edit: renamed("hosts_csv", "our-hosts.csv")},
		"mongo_config":            {Edit: renamed("mongo_config", "our-mongo.cfg")},
		"cluster_manager":         {Job: map[string]any{"cluster_manager": "installer"}},
		"status_host":             {Job: map[string]any{"status_host": "127.0.0.1"}},
		"platform":                {Job: map[string]any{"platform": "openstack"}},
		"from":                    {Job: map[string]any{"from": "19.5.0"}},
		"to":                      {Job: map[string]any{"to": "21.2.0"}},
		"source_os":               {Job: map[string]any{"source_os": "7.6"}},
		"target_os":               {Job: map[string]any{"target_os": "8.1."}},
		"source_iso":              {Job: map[string]any{"source_iso": "/root/CPS_19.4.0.release.iso"}},
		"target_iso":              {Job: map[string]any{"target_iso": "/var/images/CPS.iso"}},
		"archive_dir":             {Job: map[string]any{"archive_dir": "/proc/nowhere"}},
		"set1":                    {Job: map[string]any{"set1": []string{}}},
		"set2":                    {Job: map[string]any{"set2": []string{}}},
		"provision":               {Job: map[string]any{"provision": true}},
		"nossh":                   {Job: map[string]any{"nossh": true}},
		"usecl":                   {Job: map[string]any{"nossh": true, "usecl": true}},
		"use_shared_storage":      {Job: map[string]any{"use_shared_storage": true}},
		"single_cluster_corosync": {Job: map[string]any{"single_cluster_corosync": false}},
		"peer_pcrfclient":         {Job: map[string]any{"single_cluster_corosync": false, "peer_pcrfclient": "site2-pcrfclient01"}},
		"remove_udev_rules":       {Job: map[string]any{"remove_udev_rules": true}},
		"skip_carbon":             {Job: map[string]any{"skip_carbon": true}},
		"static_routes":           {Job: map[string]any{"static_routes": true}},
		"skdb":                    {Job: map[string]any{"skdb": true}},
		"restart_all":             {Job: map[string]any{"restart_all": false}},
		"remove_iso":              {Job: map[string]any{"remove_iso": true}},
		"endpoints_per_lb":        {Job: map[string]any{"endpoints_per_lb": 3}},
		"osgi_port":               {Job: map[string]any{"osgi_port": 9091}},
		"attestations":            {Job: map[string]any{"attestations": []string{"The change board agrees."}}},
		"tools":                   {Job: map[string]any{"tools": map[string]any{"diagnostics": "/var/qps/bin/diag/diagnostics.sh"}}},
	})
}

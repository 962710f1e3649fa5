package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
)

// grSite is an input of a site of a GR system: the members of the first set are at both sites.
func grSite(t *testing.T) string {
	t.Helper()
	const here = "MEMBER1=sessionmgr01:27717\nMEMBER2=sessionmgr02:27717\n"
	require.Contains(t, string(guideMongo), here)
	both := "PRIMARY-MEMBERS\n" + here + "SECONDARY-MEMBERS\n" + strings.ReplaceAll(here, "=", "=SITE2-")
	return inputOf(t, bytes.Replace(guideMongo, []byte(here), []byte(both), 1))
}

// inputOf is an input with the guide's Hosts.csv.
func inputOf(t *testing.T, mongo []byte) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Hosts.csv"), guideHosts, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mongoConfig.cfg"), mongo, 0o600))
	return dir
}

// secondSite is Hosts.csv of the other site.
func secondSite(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "site2.csv")
	require.NoError(t, os.WriteFile(name, []byte("Hypervisor Name,Guest Name,Role,Alias,Datastore,Networks -->,Internal,Management,\n"+
		"esxi-host-7,lb01,lb01,lb01,datastore3,,192.168.106.13,10.197.99.61,\n"+
		"esxi-host-8,lb02,lb02,lb02,datastore4,,192.168.106.14,10.197.99.62,\n"), 0o600))
	return name
}

// Every procedure of the guide is run from the binary over SSH, killed in the middle, and resumed (WF-001 … WF-004, SSH-010).
func TestKillProcedures(t *testing.T) { clitest.Procedures(t, app, procedures(t)) }

// The title of every step and action of every runbook is an imperative.
func TestTitles(t *testing.T) { clitest.Titles(t, app, procedures(t)) }

func procedures(t *testing.T) map[string]clitest.Procedure {
	t.Helper()
	gr := map[string]any{"geo": map[string]any{"site": 1}, "arbitervip": "192.168.105.100"}
	return map[string]clitest.Procedure{
		"rollback of the migration": {Back: "calls", Has: []string{`^qns01: .*19\.4\.0`, `^set 1: .*takes traffic: true`}},
		"GR": {Dir: grSite(t), Job: gr, Has: []string{
			`^qns01: .*21\.1\.0`, `^qns02: .*21\.1\.0`, `^set 2: .*takes traffic: true`, `SITE2-sessionmgr01`}},
		"GR rollback": {Dir: grSite(t), Job: gr, Back: "calls", Has: []string{`^qns01: .*19\.4\.0`, `SITE2-sessionmgr01`}},
		"preflight":   {Word: "preflight", Looks: true, Same: true},

		"arbiter":          {Word: "arbiter", Has: []string{`^site3-arbiter: .*21\.1\.0`}},
		"arbiter rollback": {Word: "arbiter", Back: clitest.AtEnd, Has: []string{`^site3-arbiter: .*19\.4\.0`}},

		"patch":          {Word: "patch", Has: []string{`\{Patch_2_19\.4\.0 Patch_2_19\.4\.0 Patch_2_19\.4\.0 true`}},
		"patch undo":     {Word: "patch", Job: map[string]any{"undo": true, "patch_file": ""}, Has: []string{`\{   true`}},
		"patch rollback": {Word: "patch", Back: clitest.AtEnd, Has: []string{`\{   true`}},

		"keys": {Word: "keys", Has: []string{`^qns01: root new, opened by it true`}},
		"keys of two sites and an arbiter": {Word: "keys", Job: map[string]any{
			"site2_hosts_csv": secondSite(t), "arbiter": map[string]any{"host": "third"},
			"site2": map[string]any{"cluster_manager": "cluman-b", "address": "10.197.99.2", "prefix": "b-"},
		}, Has: []string{`^qns01: root new, opened by it true`, `^b-lb01: root new, opened by it true`, `^third: root new, opened by it true`}},
		"keys rollback": {Word: "keys", Back: "finish", Has: []string{`^qns01: root old, opened by it true`}},

		"recover":          {Word: "recover", Has: []string{`sessionmgr02:27718 SECONDARY`}},
		"recover rollback": {Word: "recover", Back: "remove", Has: []string{`sessionmgr02:27718 RECOVERING`}},
		"haproxy":          {Word: "haproxy"},
		"restart":          {Word: "restart", Same: true},
		"priorities":       {Word: "priorities", Has: []string{`BALANCE:set02: primary sessionmgr02:27718`}},

		"monitoring":          {Word: "monitoring", Has: []string{`^pcrfclient01:.*#evenkeel#SESSION-SET1`}},
		"monitoring rollback": {Word: "monitoring", Back: clitest.AtEnd, Has: []string{`^pcrfclient01:.*"SESSION-SET1`}},
	}
}

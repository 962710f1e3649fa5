package issm_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
)

// deployFolder is the deploy folder of the tests of package cps, changed: the name of a file and its new text; a name alone removes it.
func deployFolder(t *testing.T, changes ...[2]string) *cps.Deploy {
	t.Helper()
	files := fstest.MapFS{}
	entries, err := os.ReadDir("../testdata/deploy")
	require.NoError(t, err)
	for _, e := range entries {
		files[e.Name()] = &fstest.MapFile{Data: []byte(fixture(t, "deploy/"+e.Name()))}
	}
	for _, c := range changes {
		delete(files, c[0])
		if c[1] != "" {
			files[c[0]] = &fstest.MapFile{Data: []byte(c[1])}
		}
	}
	d, err := cps.ReadDeploy(files)
	require.NoError(t, err)
	return d
}

// CPS-001, CPS-012, CPS-039: a plan made from the deploy folder takes platform and secrets from it, and what the tables
// say against the configuration is found.
func TestPlanFromTheDeployFolder(t *testing.T) {
	bare := "Hypervisor Name,Guest Name,Role,Alias,Datastore,Networks " +
		"-->,Internal,\n,lb01,lb01,lb01,,,192.0.2.201,\n,lb02,lb02,lb02,,,192.0.2.202,\n" +
		",sessionmgr01,sm,sessionmgr01,,,192.0.2.15,\n,sessionmgr02,sm,sessionmgr02,,,192.0.2.16,\n,qns01,qps,qns01,,,192.0.2.31,\n,qns02,qps,qns02,,,192.0.2.32,\n" +
		",pcrfclient01,pcrfclient01,pcrfclient01,,,192.0.2.20,\n,pcrfclient02,pcrfclient02,pcrfclient02,,,192.0.2.21,\n"
	openstack := [][2]string{{"Hosts.csv", bare}, {"Configuration.csv", "db_authentication_enabled,FALSE,\n"}, {"Vlans.csv", ""}}
	off := [2]string{"Configuration.csv", "hv_user_0000,root,\ndb_authentication_enabled,FALSE,\n"}
	for name, c := range map[string]struct {
		cfg     issm.Config
		changes [][2]string
		warn    string // a warning of the plan
		refused string
	}{
		"as it is":                {issm.Config{}, nil, "CPS-012", ""},
		"a program that logs in":  {issm.Config{Tools: issm.Tools{Mongo: "mongo-login"}}, nil, "", ""},
		"no authentication":       {issm.Config{}, [][2]string{off}, "", ""},
		"another platform":        {issm.Config{Platform: issm.OpenStack}, [][2]string{off}, "", "the configuration says platform openstack"},
		"the platform is unknown": {issm.Config{}, openstack, "", "give platform, vmware or openstack"},
		"the platform is said":    {issm.Config{Platform: issm.OpenStack}, openstack, "the table is missing", ""},
		"it is hardly VMware":     {issm.Config{Platform: issm.VMware}, openstack, "no table has an ESXi host", ""},
		"no password": {issm.Config{}, [][2]string{{off[0], "hv_user_0000,root,\ndb_authentication_enabled,TRUE,\n"}}, "",
			"db_authentication_admin_passwd has no value"},
		"a member that no table has": {issm.Config{},
			[][2]string{off, {"AdditionalHosts.csv", "Host,Alias,IP Address\nlbvip01,lbvip01,198.51.100.65\n" +
				"lbvip02,lbvip02,192.0.2.200\ngx-vip,gx-vip,2001:db8:0:1:0:0:0:200\n"}}, "",
			"arbitervip of replica set set01 (SESSION-SET1) is on no VM of"},
	} {
		t.Run(name, func(t *testing.T) {
			c.cfg.ArchiveDir, c.cfg.Deploy = "/a", deployFolder(t, c.changes...)
			m, err := issm.New(c.cfg, c.cfg.Deploy.Hosts, guideMongo(t))
			if c.refused != "" {
				require.ErrorContains(t, err, c.refused)
				return
			}
			require.NoError(t, err)
			var warned []string
			for _, f := range m.Findings() {
				if f.Severity == cps.Warning {
					warned = append(warned, f.String())
				}
			}
			if c.warn == "" {
				require.Empty(t, warned)
			} else {
				require.Contains(t, strings.Join(warned, "\n"), c.warn)
			}
			rb, err := m.Runbook()
			require.NoError(t, err)
			if len(c.changes) == 0 {
				require.Len(t, rb.Secrets, 1, "that of Configuration.csv")
			}
		})
	}
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
)

// CPS-130, CPS-158: of a file that is cut off inspect does not say that nothing is wrong with it.
func TestInspectTellsOfACutFile(t *testing.T) {
	about, err := os.ReadFile("../../cps/testdata/about-patched.txt")
	require.NoError(t, err)
	head, _, found := strings.Cut(string(about), "Patch_1_19.4.0")
	require.True(t, found)
	const fine = "CPS Diagnostics HA Multi-Node Environment\nChecking basic ports for all VMs...[PASS]\n"
	for name, tc := range map[string]struct{ text, want string }{
		"whole":                     {fine, ""},
		"in the middle of a line":   {fine + "Vali", "it may be cut off: its last line has no line end"},
		"in the patch history":      {head, "the output may be cut off, and a patch is not seen"},
		"without its last line end": {strings.TrimSuffix(fine, "\n"), "it may be cut off"},
		"given up":                  {fine + "FATAL: 12 VMs are unreachable, remaining checks skipped\n", "not understood"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "output.txt")
			require.NoError(t, os.WriteFile(file, []byte(tc.text), 0o600))
			in, err := inspect(file)
			require.NoError(t, err)
			if tc.want == "" {
				require.Empty(t, in.Findings)
				return
			}
			var all []string
			for _, f := range in.Findings {
				all = append(all, f.What)
			}
			require.Contains(t, strings.Join(all, "\n"), tc.want)
		})
	}
}

// inspected is a text as inspect reads it, from a file whose name says nothing.
func inspected(t testing.TB, text string) (*cli.Inspection, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return inspect(file)
}

// CPS-130: each output and file that package cps can parse is recognised by its content.
func TestInspectKnowsEveryKind(t *testing.T) {
	const fine, findings = 0, 1
	fixture := func(name string) string {
		raw, err := os.ReadFile(filepath.Join("../../cps/testdata", name))
		require.NoError(t, err)
		return strings.TrimSuffix(string(raw), "\n") + "\n"
	}
	seen := map[string]bool{}
	for _, tc := range []struct {
		text, kind string
		exit       int
	}{
		{fixture("diagnostics-full-fail.txt"), "output of diagnostics.sh", findings},
		{fixture("diagnostics-aido.txt"), "output of diagnostics.sh", fine},
		{fixture("diagnostics-ha_proxy.txt"), "output of diagnostics.sh", findings},
		{fixture("get_replica_status-gr-site1.txt"), "output of diagnostics.sh", findings},
		{"svn is not in sync [FAIL]\n", "output of diagnostics.sh", findings},
		{"Hosts that are not 'pingable'...[PASS]\n", "output of diagnostics.sh", fine},
		{fixture("get_replica_status-startup2-unreachable.txt"), "replica-set status", findings},
		{fixture("get_replica_status-recovering-wrapped.txt") + "WARNING: could not ask sessionmgr07\n",
			"replica-set status", findings},
		{fixture("about-cluman.txt"), "output of about.sh", fine},
		{fixture("about-arbiter.txt"), "output of about.sh", fine},
		{fixture("about-patched.txt"), "output of about.sh", findings},
		{fixture("about-mixed.txt"), "output of about.sh", findings},
		{fixture("about-nopatch.txt"), "output of about.sh", fine},
		{fixture("migrate-backup-cluman.log"), "log of migrate.sh", fine},
		{fixture("enable-set-1.log"), "log of migrate.sh", fine},
		{string(guideHosts), "Hosts.csv", fine},
		{string(guideMongo), "mongoConfig.cfg", fine},
		{fixture("Configuration.csv.fragment"), "Configuration.csv", findings},
		{fixture("create-cluster-sets.out"), "output of create-cluster-sets.sh", fine},
		{"ERROR: no sessionmgr\n" + fixture("create-cluster-sets.out"), "output of create-cluster-sets.sh", findings},
		{fixture("cluster-upgrade-set-1.txt"), "cluster-upgrade set", fine},
		{"PRI-lb01\nlb02-SITE1\nqns01\nudc01\n", "cluster-upgrade set", fine},
		{fixture("neutron-set1.txt"), "neutron ports", fine},
		{"Updated port: 3d40e589-993c-44b5-bb0a-0923a4abbfc0\n", "neutron ports", fine},
		{"Updated port: 3d40e589-993c\n", "neutron ports", findings},
		{fixture("patch-u.out"), "output of patch -u", fine},
		{"undo the patches\ncopy puppets\n", "output of patch -u", findings},
		{"Patch_1_19.4.0\n", "list of patches", findings},
		{"1) patch_1_19.4.0  2020-06-01\n", "list of patches", findings},
		{"Currently applied patches:\nCPS_7.0.5.patch1.tar.gz\n", "list of patches", findings},
		{"List of patches applied:\n", "list of patches", findings},
		{"No patches applied\n", "list of patches", fine},
		{"No patches are currently applied\n", "list of patches", fine},
		{"No patches are currently applied\nHF12\n", "list of patches", findings},
		{fixture("repositories.txt"), "repositories", findings},
		{"# plug-ins\nfile:///var/qps/.tmp/plugin1\n", "repositories", fine},
		{fixture("redhat-release.txt"), "system release", fine},
		{"CentOS Linux release 8.1.1911 (Core) \n", "system release", fine},
		{"Ping Check for all VMs...\nHosts that are not 'pingable'...[PASS]\n", "output of diagnostics.sh", fine},
		{"CentOS Linux release 8.1.1911 (Core)\nNAME=\"CentOS Linux\"\n", "system release", fine},
		{"cat: /etc/lsb-release: Permission denied\nCentOS Linux release 8.1.1911\n", "system release", findings},
		{fixture("status-api.fragment"), "answer of the Status API", fine},
		{`{"status": "starting"}` + "\n", "answer of the Status API", findings},
		{"SESSION-SET1\n#SESSION-SET2\n#evenkeel#SPR-SET1\n", "list of watched sets", fine},
		{"UID PID PPID C STIME TTY TIME CMD\nroot 1 0 0 Jul19 ? 00:00:02 /usr/lib/systemd/systemd\nroot 9 1 0 10:00 " +
			"pts/0 00:00:00 ps -ef\n", "list of processes", fine},
		{"Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 41152736 4000000 37152736 10% /\n",
			"free space", fine},
		{"Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 41152736 40000000 1152736 97% /\n",
			"free space", findings},
		{fixture("gr-table.tsv"), "GR table", fine},
		{"Tue Jun 21 02:42:54 UTC 2022\n", "date", fine},
		{"Tue Jun 21 02:42:54 CEST 2022\n", "date", findings},
		{"SESSION-SET1\nSESSION-SET1\n", "list of watched sets", findings},
		{fixture("build_etc.sh"), "script with watched sets", fine},
		{fixture("commented-build_etc.sh"), "script with watched sets", fine},
		{fixture("logback/current/etc/broadhop/logback.xml"), "logback.xml", fine},
		{fixture("upgrade-logback.xml"), "logback.xml", fine},
		{"<?xml version='1.0'?><configuration><root level='info'/></configuration>\n", "logback.xml", fine},
		{"<configuration>\n<logger name='com.broadhop.utilities.zmq.upgrade.ZMQInServiceUpgradeMgr'/>\n</configuration>\n",
			"logback.xml", findings},
		{"# site\nINSTALL_TYPE=mobile\nSKIP_CARBONDB=1\n", "install.cfg", fine},
		{"SKIP_CARBONDB = 1\n", "install.cfg", findings},
		{"sftp> get migrate_arbiter_20170210_075135.tar.gz\nFetching /var/tmp/migrate_arbiter_20170210_075135.tar.gz to " +
			"migrate_arbiter_20170210_075135.tar.gz\n", "session of sftp", fine},
		{"Fetching /var/tmp/migrate_cluman_20170105_170515.tar.gz to migrate_20170105_170515.tar.gz\n", "session of sftp", findings},
		{fixture("nova-boot-set1.txt"), "nova boot commands", fine},
		{fixture("nova-boot-set2.txt"), "nova boot commands", findings},
		{fixture("pcrfclient02-cloud.cfg"), "user data", fine},
		{"10.1.0.0/16 via 192.0.2.1 dev eth1\n2001:db8::/32 dev eth1\n", "static routes", fine},
		{"10.1.0.0/16 via 192.0.2.1\n10.1.0.0/16 via 192.0.2.2\n", "static routes", findings},
		{"ADDRESS0=10.1.0.0\nNETMASK0=255.255.0.0\nGATEWAY0=192.0.2.1\n", "static routes", fine},
		{fixture("deploy/Vlans.csv"), "Vlans.csv, used by a plan with deploy_dir", fine},
		{fixture("deploy/VMSpecification.csv"), "VMSpecification.csv, used by a plan with deploy_dir", fine},
		{fixture("deploy/AdditionalHosts.csv"), "AdditionalHosts.csv, used by a plan with deploy_dir", fine},
		{"Host,Alias,IP Address\na,b,203.0.113.5\nc,b,203.0.113.6\n", "AdditionalHosts.csv, used by a plan with deploy_dir", findings},
		{"Host,Alias,IP Address\nntp-primary,ntp,203.0.113.5\n", "AdditionalHosts.csv, used by a plan with deploy_dir", fine},
		{"Role,Host Name Prefix,Memory\nlb01,dc1-,8192\n", "VMSpecification.csv, used by a plan with deploy_dir", fine},
		{"{\n  \"_id\": \"set02\",\n  \"version\": {\"$numberLong\": \"1\"},\n  \"members\": [{\"_id\": 0, \"host\": \"a:1\"}]\n}\n",
			"configuration of a replica set", fine},
		{"\"VLAN Name\", Network Target Name\nInternal,VLAN_1\n", "Vlans.csv, used by a plan with deploy_dir", fine},
	} {
		in, err := inspected(t, tc.text)
		require.NoError(t, err, tc.kind)
		require.Equal(t, tc.kind, in.Kind)
		require.False(t, in.Unchecked)
		require.Equal(t, tc.exit == findings, len(in.Findings) > 0, "%s: %v", tc.text, in.Findings)
		seen[strings.TrimSuffix(tc.kind, ", used by a plan with deploy_dir")] = true
	}
	for _, k := range kinds() {
		require.True(t, seen[k.name], k.name)
	}
}

// CPS-043: mongoConfig.cfg by the guide's other name.
func TestInspectKnowsMongoConfigByAnyName(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mongocfg.cfg")
	require.NoError(t, os.WriteFile(file, guideMongo, 0o600))
	in, err := inspect(file)
	require.NoError(t, err)
	require.Equal(t, "mongoConfig.cfg", in.Kind)
	require.Empty(t, in.Findings)
	require.NoError(t, os.WriteFile(file, []byte("[SPR-SET1]\n"), 0o600))
	_, err = inspect(file)
	require.ErrorContains(t, err, "mongocfg.cfg:1:")
}

// CPS-052: the command that printed a table may stand above it, in each of its spellings.
func TestInspectKnowsTheSpellingsOfReplicaStatus(t *testing.T) {
	raw, err := os.ReadFile("../../cps/testdata/get_rep-set1-removed.txt")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(raw), "Checking replica sets...\n")
	require.True(t, found)
	table = strings.ReplaceAll(table, "```\n", "")
	plain, err := inspected(t, table)
	require.NoError(t, err)
	require.Equal(t, "replica-set status", plain.Kind)
	for _, option := range []string{"--get_replica_status", "--get_rep", "--get"} {
		for _, prompt := range []string{"", "[root@cluman ~]# ", "# "} {
			in, err := inspected(t, prompt+"diagnostics.sh "+option+"\n"+table)
			require.NoError(t, err)
			require.NotContains(t, fmt.Sprint(in.Findings), "not understood", option)
			require.Len(t, in.Findings, len(plain.Findings))
		}
	}
	in, err := inspected(t, "diagnostics.sh --hot\n"+table)
	require.NoError(t, err)
	require.Contains(t, fmt.Sprint(in.Findings), "not understood")
}

// What cannot be read in one check of diagnostics.sh hides nothing of the others.
func TestInspectFindsWhatAPartThatCannotBeReadStandsBeside(t *testing.T) {
	in, err := inspected(t, "Checking disk space...[FAIL]\n  lb01\nChecking HAProxy statistics and ports...\n[FAIL]\n  "+
		"HA Proxy is not running on lb01\n"+
		"Checking replica sets...\n|---|\n| Mongo:3.6.9 MONGODB REPLICA-SETS STATUS INFORMATION Date : 2021-03-01 10:00:00 |\n|---|\n"+
		"| SET NAME - PORT : IP ADDRESS - REPLICA STATE - HOST NAME - HEALTH - LAST SYNC - PRIORITY |\n|---|\n"+
		"| SPR:set04 |\n| Could not connect to any member |\n|---|\n")
	require.NoError(t, err)
	all := fmt.Sprint(in.Findings)
	for _, want := range []string{`check "disk space" failed`, "cannot be read: the check names no service",
		`x:13 cannot be read: neither a set (TYPE:name) nor a member row: near "Could not connect to any member"`} {
		require.Contains(t, all, want)
	}
}

// What is no text, and what is empty, is told from what is not known.
func TestInspectTellsWhatIsNoText(t *testing.T) {
	_, err := inspected(t, "\xff\xfeC\x00P\x00")
	require.ErrorContains(t, err, "x:1:1: not a text file: a NUL byte or a byte that is not UTF-8; it is UTF-16: save it as UTF-8")
	_, err = inspected(t, "Checking \x00")
	require.ErrorContains(t, err, "x:1:10: not a text file")
	_, err = inspected(t, "\ufeff \r\n")
	require.ErrorContains(t, err, "not a file that this tool reads: it is empty")
}

// A file that is not what it looks like is said to be unreadable, with the other kinds that it may be of.
func TestInspectNamesTheCandidates(t *testing.T) {
	_, err := inspected(t, "CPS Core Versions\nlb01 x\n[SESSION-SET1]\n")
	require.ErrorContains(t, err, "(taken for output of about.sh by its content; it may also be mongoConfig.cfg)")
	_, err = inspected(t, "nothing\nof ours\n")
	var unknown *cli.UnknownKindError
	require.ErrorAs(t, err, &unknown)
}

// No secret is shown of a file, whatever it is taken for.
func TestInspectShowsNoSecret(t *testing.T) {
	begins := map[string]string{
		"output of diagnostics.sh": "Checking ports...[PASS]", "replica-set status": "| Mongo:3.6.9 MONGODB REPLICA-SETS " +
			"STATUS INFORMATION",
		"output of about.sh": "CPS Core Versions", "log of migrate.sh": "2018-07-21 02:00:12,578 INFO [__main__.<module>] x",
		"Hosts.csv":       "Hypervisor Name,Guest Name,Role,Alias,Datastore,Networks -->,Internal,Password,",
		"mongoConfig.cfg": "[SESSION-SET1]", "Configuration.csv": "hv_user_0000,root,", "output of " +
			"create-cluster-sets.sh": "Created /x/cluster-upgrade-set",
		"neutron ports": "| x | {\"subnet_id\":", "output of patch -u": "undo the patches", "list of " +
			"patches": "Patch_1_19.4.0",
		"repositories": strings.Repeat("file:///a\n",
			20), "system release": "CentOS Linux release 8.1.1911", "answer of the Status API": `{"status": "ready"`,
		"list of watched sets": strings.Repeat("SPR-SET1\n", 20), "list of processes": "UID PID PPID C STIME TTY TIME CMD",
		"free space": "Filesystem 1024-blocks Used Available Capacity Mounted on", "GR table": "Step\ta\tDescription",
		"date": strings.Repeat("Tue Jun 21 02:42:54 UTC 2022\n", 20), "cluster-upgrade set": strings.Repeat("lb01\n", 20),
		"AdditionalHosts.csv": "Host,Alias,IP Address", "VMSpecification.csv": "Role,Host Name " +
			"Prefix,", "Vlans.csv": "VLAN Name,", "none": "",
		"user data": "#cloud-config\nhostname: a", "script with watched sets": "#!/bin/bash\necho SPR-SET1 > f",
		"logback.xml": "<configuration><root/></configuration>", "install.cfg": "SKIP_CARBONDB=1",
		"configuration of a replica set": `{"_id": "s", "version": 1,`,
		"nova boot commands":             "nova boot --config-drive true a", "static routes": strings.Repeat("10.0.0.0/8 dev eth1\n", 20),
		"session of sftp": "Fetching /a to b",
	}
	for _, k := range kinds() {
		require.Contains(t, begins, k.name)
	}
	const canary = "Hunter2-canary"
	for kind, begin := range begins {
		for _, line := range []string{
			"hv_passwd_0000," + canary + ",", "snmpv3_priv_key, " + canary, "db_authentication_admin_passwd," +
				canary, "password: " + canary,
			"ldap_bind_dn_pw=" + canary, "  \"redis_passwd\": \"" + canary + "\",", "<password>" + canary +
				"</password>", "api_token\t" + canary,
			"esxi,dc1-lb01,lb01,lb01,ds1,,192.0.2.1," + canary + ",", "http://admin:" + canary + "@repo/x", "secret " + canary,
			"MEMBER1=admin:" + canary + "@sessionmgr01:27717", "ssh password " + canary + " rejected",
			"Command '['sshpass', '-p', '" + canary + "', 'ssh']'", "password: two " + canary, "\"hv_passwd_0000\",\"x " + canary + "\",",
			"hv_passwd_0000,\"one\n" + canary + "\",", "mongo -u admin -p" + canary,
			"2018-07-21 02:00:13,578 ERROR [a.b] community string is '" + canary + "'", "curl -u admin:" + canary + " http://x",
			"Authorization: Basic " + canary, "passwd|" + canary + "|", "Password for user qns: " + canary, "snmpwalk -c " + canary,
			"root:$6$salt$" + canary + ":1:", "snmp_ro_community;" + canary,
		} {
			if kind != "Hosts.csv" && strings.HasPrefix(line, "esxi") { // what it is, its heading says
				continue
			}
			in, err := inspected(t, begin+"\n"+line+"\n")
			require.NotContains(t, fmt.Sprintf("%+v %v", in, err), canary, "%s: %s", kind, line)
		}
	}
}

// Whatever a file holds, inspect does not panic, and a secret in it is not shown.
func FuzzInspect(f *testing.F) {
	for _, k := range []string{"Checking ports...[PASS]", "CPS Core Versions", "[SESSION-SET1]\nSETNAME=a",
		"Hypervisor Name,Guest Name,", "{\"status\":"} {
		f.Add(k)
	}
	f.Fuzz(func(t *testing.T, text string) {
		in, err := inspected(t, text+"\nhv_passwd_0000,Hunter2-canary,\n")
		require.NotContains(t, fmt.Sprintf("%+v %v", in, err), "Hunter2-canary")
	})
}

package readiness_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
)

// Agreement with `crm cluster health sles16`: each of its checks, what it says (FAIL blocks, WARN is converted by --fix or
// has to be seen to, nothing is fine), and what we say of the same input. Where we differ, why stands beside it.
func TestAgreesWithCrmsh(t *testing.T) {
	const sles15 = "SUSE Linux Enterprise Server 15 SP7"
	versions := func(pacemaker, corosync string, more ...string) []readiness.Versions {
		var all []readiness.Versions
		for _, node := range []string{"a", "b"} {
			v := readiness.Versions{Node: node, OS: sles15, Packages: map[string]string{"pacemaker": pacemaker, "corosync": corosync}}
			for _, pkg := range more {
				v.Packages[pkg] = "1.0"
			}
			all = append(all, v)
		}
		return all
	}
	good := func() readiness.Input {
		return readiness.Input{CIB: cibOf(t, `<cib epoch="1" num_updates="0" admin_epoch="0" validate-with="pacemaker-4.0"><configuration/></cib>`),
			Conf:     confOf(t, "totem {\n version: 2\n transport: knet\n crypto_cipher: aes256\n crypto_hash: sha256\n}\n"+nodes),
			Versions: versions("2.1.10-1", "2.4.6-1")}
	}
	resource := func(rest string) func(*readiness.Input) {
		return func(in *readiness.Input) { in.CIB = cibWith(t, primitive(rest)) }
	}
	conf := func(text string) func(*readiness.Input) {
		return func(in *readiness.Input) { in.Conf = confOf(t, text) }
	}
	fs := func(name, value string) func(*readiness.Input) {
		return resource(`class="ocf" provider="heartbeat" type="Filesystem"><instance_attributes id="i"><nvpair id="n" name="` + name + `" value="` + value +
			`"/></instance_attributes>`)
	}
	const fail, warn, fine = readiness.Blocker, readiness.Warning, readiness.Level("")
	for name, tc := range map[string]struct {
		change func(*readiness.Input)
		crmsh  readiness.Level
		ours   readiness.Level
		check  string // of ours
		differ string // why, where we do
	}{
		"Pacemaker 2.1.7 to 3": {func(in *readiness.Input) { in.Versions = versions("2.1.7", "2.4.6") }, fine, fine, "version", ""},
		"Pacemaker 2.1.5":      {func(in *readiness.Input) { in.Versions = versions("2.1.5", "2.4.6") }, fail, fail, "version", ""},
		"corosync 2.4.5":       {func(in *readiness.Input) { in.Versions = versions("2.1.7", "2.4.5") }, fail, fail, "version", ""},
		"a version that is none": {
			func(in *readiness.Input) { in.Versions = versions("unknown", "2.4.6") }, fail, fine, "version",
			"it is among what was not checked",
		},
		"transport udpu": {conf("totem {\n version: 2\n transport: udpu\n secauth: off\n}\n" + nodes), warn, warn, "transport", ""},
		"transport udp":  {conf(multicast), warn, warn, "transport", ""},
		"transport knet": {func(*readiness.Input) {}, fine, fine, "transport", ""},
		"rrp_mode passive": {
			conf("totem {\n version: 2\n transport: udpu\n secauth: off\n rrp_mode: passive\n}\n" + nodes), warn, warn, "rrp",
			"",
		},
		"rrp_mode active": {
			conf("totem {\n version: 2\n transport: udpu\n secauth: off\n rrp_mode: active\n}\n" + nodes), warn, warn, "rrp", "",
		},
		"rrp_mode none": {
			conf("totem {\n version: 2\n transport: udpu\n secauth: off\n rrp_mode: none\n}\n" + nodes), fine, warn, "rrp",
			"corosync 3 does not know the key, whatever it says",
		},
		"crypto_hash sha1": {
			conf("totem {\n version: 2\n transport: udpu\n crypto_hash: sha1\n}\n" + nodes), fine, warn, "crypto",
			"crmsh says nothing, and --fix changes it",
		},
		"schema 3.9": {func(in *readiness.Input) { in.CIB = cibWith(t, "") }, warn, warn, "schema", ""},
		"no schema": {func(in *readiness.Input) {
			in.CIB = cibOf(t, `<cib epoch="1" num_updates="0" admin_epoch="0"><configuration/></cib>`)
		}, warn, fail, "schema", "Pacemaker 3.0 wants one"},
		"schema none": {func(in *readiness.Input) {
			in.CIB = cibOf(t, `<cib epoch="1" num_updates="0" admin_epoch="0" validate-with="none"><configuration/></cib>`)
		}, warn, fail, "schema", "Pacemaker 3.0 wants one"},
		"schema 4.0":        {func(*readiness.Input) {}, fine, fine, "schema", ""},
		"IPaddr":            {resource(`class="ocf" provider="heartbeat" type="IPaddr">`), fail, fail, "agent", ""},
		"IPaddr2":           {resource(`class="ocf" provider="heartbeat" type="IPaddr2">`), fine, fine, "agent", ""},
		"o2cb":              {resource(`class="ocf" provider="pacemaker" type="o2cb">`), fail, fail, "agent", ""},
		"fence_rhevm":       {resource(`class="stonith" type="fence_rhevm">`), fail, fail, "agent", ""},
		"fence_sbd":         {resource(`class="stonith" type="fence_sbd">`), fine, fine, "agent", ""},
		"external/sbd":      {resource(`class="stonith" type="external/sbd">`), fail, fail, "agent", ""},
		"SAPHanaSR classic": {resource(`class="ocf" provider="suse" type="SAPHana">`), fail, fail, "agent", ""},
		"SAPHanaSR-angi": {func(in *readiness.Input) {
			resource(`class="ocf" provider="suse" type="SAPHanaController">`)(in)
			in.Versions = versions("2.1.7", "2.4.6", "SAPHanaSR-angi")
		}, fine, fine, "agent", ""},
		"class lsb":                          {resource(`class="lsb" type="mailer">`), fail, fail, "agent", ""},
		"class service":                      {resource(`class="service" type="sshd">`), fail, fail, "agent", ""},
		"class systemd":                      {resource(`class="systemd" type="sshd">`), fine, fine, "agent", ""},
		"OCFS2":                              {fs("fstype", "ocfs2"), fail, fail, "filesystem", ""},
		"GFS2":                               {fs("fstype", "gfs2"), fine, fine, "filesystem", ""},
		"ASCS mounted by the cluster":        {fs("directory", "/usr/sap/EN2/ASCS00"), fail, fail, "filesystem", ""},
		"ERS mounted by the cluster":         {fs("directory", "/usr/sap/EN2/ERS10"), fail, fail, "filesystem", ""},
		"another file system of the cluster": {fs("directory", "/srv/www"), fine, fine, "filesystem", ""},
	} {
		t.Run(name, func(t *testing.T) {
			in := good()
			tc.change(&in)
			report := check(t, in, "sles16")
			worst := fine
			for _, f := range report.Findings {
				if f.Check == tc.check && (worst == fine || f.Level == fail) {
					worst = f.Level
				}
			}
			require.Equal(t, tc.ours, worst, "%q", lines(report))
			require.Equal(t, tc.crmsh != tc.ours, tc.differ != "", "a difference, and why")
		})
	}
	// The check that needs the machines is named among what was not checked: whether the services run.
	require.Contains(t, check(t, good(), "sles16").Text(), "not checked: whether the cluster runs and is well")
	require.Empty(t, strings.Join(lines(check(t, good(), "sles16")), "\n"), "a cluster that crmsh calls good")
}

// A sample of the agents that crmsh names, of each class and with its replacement.
func TestAgentsOfCrmshList(t *testing.T) {
	for _, tc := range []struct{ attrs, replacement string }{
		{`class="ocf" provider="heartbeat" type="IPv6addr"`, "ocf:heartbeat:IPaddr2"}, {`class="ocf" provider="heartbeat" type="pingd"`, "ocf:pacemaker:ping"},
		{`class="ocf" provider="heartbeat" type="LVM"`, ""}, {`class="ocf" provider="heartbeat" type="zabbixserver"`, ""},
		{`class="stonith" type="fence_zvm"`, ""}, {`class="stonith" type="external/sbd"`, "stonith:fence_sbd"},
	} {
		report := check(t, readiness.Input{CIB: cibWith(t, primitive(tc.attrs+">"))}, "sles16")
		require.Equal(t, 1, report.Count(readiness.Blocker), tc.attrs)
		require.Contains(t, report.Findings[0].Next, tc.replacement)
		require.Equal(t, "r", report.Findings[0].Object)
	}
}

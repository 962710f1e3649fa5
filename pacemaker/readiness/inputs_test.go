package readiness_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
)

func TestParseVersions(t *testing.T) {
	read := func(text string) (*readiness.Versions, error) {
		return readiness.ParseVersions(srcerr.Named("n1.versions", strings.NewReader(text)))
	}
	v, err := read("NAME=\"AlmaLinux\"\nPRETTY_NAME=\"AlmaLinux 9.4 (Seafoam Ocelot)\"\nID=almalinux\n\n# packages\n" +
		"pacemaker-2.1.7-5.el9_4.x86_64\ncorosync-3.1.8-1.el9.x86_64\npackage pcs is not installed\nfence-agents-all-4.10.0-62.el9.x86_64\n")
	require.NoError(t, err)
	require.Equal(t, "AlmaLinux 9.4 (Seafoam Ocelot)", v.OS)
	require.Equal(t, map[string]string{"pacemaker": "2.1.7-5.el9_4", "corosync": "3.1.8-1.el9", "fence-agents-all": "4.10.0-62.el9"}, v.Packages)
	require.Equal(t, []string{"pcs"}, v.Absent)
	of, ok := v.Of("pacemaker")
	require.True(t, ok)
	require.Equal(t, "2.1.7", of.String())
	_, ok = v.Of("pcs")
	require.False(t, ok)

	v, err = read("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\r\npacemaker\t2.1.5-1+deb12u1\r\nresource-agents\t1:4.12.0-2\r\nlibknet1:amd64\t1.25-1\r\n")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"pacemaker": "2.1.5-1+deb12u1", "resource-agents": "1:4.12.0-2", "libknet1": "1.25-1"}, v.Packages)

	for text, want := range map[string]string{
		"": "names no package", "PRETTY_NAME=\"Debian GNU/Linux 12\"\n": "names no package",
		"pacemaker-2.1.7-5.el9.x86_64\nbash: rpm: command not found\n":               "n1.versions:2:1: neither a package",
		"pacemaker-2.1.7-5.el9.x86_64\npacemaker-2.1.8-1.el9.x86_64\n":               "pacemaker is there twice",
		"PRETTY_NAME=\"Debian GNU/Linux 12\"\nPRETTY_NAME=\"Debian GNU/Linux 13\"\n": "the system is there twice",
		"pacemaker 2.1.7 is installed\n":                                             "neither a package",
		"pacemaker\x00":                                                              "not a text file",
	} {
		_, err := read(text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestParseAgents(t *testing.T) {
	agents, err := readiness.ParseAgents(strings.NewReader("# of the lab\n" +
		"ocf:heartbeat:IPaddr2 - Manages virtual IPv4 and IPv6 addresses\nfence_ipmilan - Fence agent\n" +
		"ocf:heartbeat:apache -\nstonith:fence_sbd\nsystemd:chronyd\nsystemd:getty@tty1\nocf:heartbeat:apache\n"))
	require.NoError(t, err)
	require.Equal(t, []string{"fence_ipmilan", "fence_sbd", "ocf:heartbeat:IPaddr2", "ocf:heartbeat:apache", "systemd:chronyd", "systemd:getty@tty1"}, agents)
	for text, want := range map[string]string{"": "names no agent", "ocf:heartbeat:IPaddr2\nError: cannot list\n": "2:1: no agent", "heartbeat\n": "no agent"} {
		_, err := readiness.ParseAgents(strings.NewReader(text))
		require.ErrorContains(t, err, want, text)
	}
}

func FuzzParseVersions(f *testing.F) {
	for _, seed := range []string{"pacemaker-2.1.7-5.el9_4.x86_64\n", "pacemaker\t2.1.5-1+deb12u1\n", "package pcs is not installed\nNAME=x\n",
		"CentOS release 6.9 (Final)\npcs-0.9-1.noarch"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := readiness.ParseVersions(strings.NewReader(text))
		if err != nil {
			return
		}
		require.NotZero(t, len(v.Packages)+len(v.Absent))
		v.Node, v.OS = "n1", ""
		report, err := readiness.Check(readiness.Input{CIB: cibWith(t, ""), From: "el7", Versions: []readiness.Versions{*v}}, "el9")
		require.NoError(t, err)
		require.NotEmpty(t, report.Text())
	})
}

func FuzzParseAgents(f *testing.F) {
	for _, seed := range []string{"ocf:heartbeat:IPaddr2 - x\n", "fence_apc\nstonith:external/sbd\n", "systemd:a@b\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		agents, err := readiness.ParseAgents(strings.NewReader(text))
		if err != nil {
			return
		}
		again, err := readiness.ParseAgents(strings.NewReader(strings.Join(agents, "\n")))
		require.NoError(t, err)
		require.Equal(t, agents, again)
	})
}

package cps_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

// guideSets cuts the guide's two files out of the listing it prints them in (cps:617-628).
func guideSets(t testing.TB) (set1, set2 string) {
	t.Helper()
	parts := strings.Split(fixture(t, "cluster-upgrade-sets.txt"), "[root@localhost scripts]# cat ")
	require.Len(t, parts, 3)
	_, set1, _ = strings.Cut(parts[1], "\n")
	_, set2, _ = strings.Cut(parts[2], "\n")
	return set1, set2
}

// CPS-005, CPS-006: the guide's Hosts.csv gives exactly the guide's two files.
func TestSplitClusterSetsGuide(t *testing.T) {
	set1, set2, err := cps.SplitClusterSets(guideHosts(t))
	require.NoError(t, err)
	want1, want2 := guideSets(t)
	require.Equal(t, want1, printed(t, set1))
	require.Equal(t, want2, printed(t, set2))
	golden.Check(t, "cluster-upgrade-set-1.txt", printed(t, set1))
	golden.Check(t, "cluster-upgrade-set-2.txt", printed(t, set2))
}

// hostsOf makes a Hosts.csv with the given aliases.
func hostsOf(t testing.TB, aliases ...string) *cps.Hosts {
	t.Helper()
	in := header
	for i, alias := range aliases {
		in += fmt.Sprintf("e,%s,r,%s,d,,10.0.%d.%d,,\n", alias, alias, i/250, i%250+1)
	}
	h, err := cps.ParseHosts(text("Hosts.csv", in))
	require.NoError(t, err)
	return h
}

// CPS-006: natural order in a class, and classes the guide does not know come last.
func TestSplitClusterSetsOrder(t *testing.T) {
	h := hostsOf(t, "udc02", "udc01", "qns10", "qns2", "qns9", "qns1", "lb01", "lb02", "sessionmgr100", "sessionmgr99",
		"pcrfclient01", "pcrfclient02", "qns03")
	set1, set2, err := cps.SplitClusterSets(h)
	require.NoError(t, err)
	require.Equal(t, cps.ClusterSet{"pcrfclient02", "lb02", "sessionmgr100", "qns2", "qns10", "udc02"}, set1)
	require.Equal(t, cps.ClusterSet{"pcrfclient01", "lb01", "sessionmgr99", "qns1", "qns03", "qns9", "udc01"}, set2)
}

func TestSplitClusterSetsErrors(t *testing.T) {
	_, _, err := cps.SplitClusterSets(hostsOf(t, "lb01", "lb02", "cluman"))
	requireError(t, err, `Hosts.csv:4: alias has no number, so it belongs to neither upgrade set: near "cluman"`)

	_, _, err = cps.SplitClusterSets(hostsOf(t, "lb01", "lb02", "qns01", "qns03"))
	requireError(t, err, `Hosts.csv:4: every VM of class qns would be in set 2: none would serve while that set is upgraded: near "qns01"`)
	require.NotContains(t, err.Error(), "qns03", "a class is reported once")

	_, _, err = cps.SplitClusterSets(&cps.Hosts{File: "Hosts.csv"})
	requireError(t, err, "no VM is listed")
}

// CPS-005.
func TestParseClusterSet(t *testing.T) {
	one, _ := guideSets(t)
	set, err := cps.ParseClusterSet(text("set-1.txt", one))
	require.NoError(t, err)
	require.Equal(t, cps.ClusterSet{"pcrfclient02", "lb02", "sessionmgr02", "qns02", "qns04"}, set)
	require.Equal(t, one, printed(t, set))
	require.True(t, set.Contains("lb02"))
	require.False(t, set.Contains("lb01"))

	for in, want := range map[string]string{
		"":                                     "set-1.txt:1: no alias is listed",
		"\n\n":                                 "set-1.txt:2: no alias is listed",
		"lb01\nlb01\n":                         `set-1.txt:2:1: alias given twice, first on line 1: near "lb01"`,
		"lb01 lb02\n":                          `set-1.txt:1:1: not an alias`,
		"lb01\n/etc/passwd":                    `set-1.txt:2:1: not an alias`,
		fixture(t, "cluster-upgrade-sets.txt"): "a second file begins here",
	} {
		_, err := cps.ParseClusterSet(text("set-1.txt", in))
		requireError(t, err, want)
	}
}

// CPS-124.
func TestParseCreatedSets(t *testing.T) {
	set1, set2, err := cps.ParseCreatedSets(text("out", fixture(t, "create-cluster-sets.out")))
	require.NoError(t, err)
	require.Equal(t, cps.ClusterSetPath(1), set1)
	require.Equal(t, "/var/tmp/cluster-upgrade-set-2.txt", set2)

	_, _, err = cps.ParseCreatedSets(text("out", "Created /var/tmp/cluster-upgrade-set-1.txt\n"))
	require.ErrorIs(t, err, cps.ErrNoClusterSets)
	requireError(t, err, "no line for set 2")
	_, _, err = cps.ParseCreatedSets(text("out", "Created /var/tmp/other.txt\n"))
	requireError(t, err, "out:1:1: not the file of a cluster-upgrade set")
}

// CPS-044.
func TestCanonicalAlias(t *testing.T) {
	for in, want := range map[string]string{"perfcient01": "pcrfclient01", "prcfelient02": "pcrfclient02"} {
		got, changed := cps.CanonicalAlias(in)
		require.True(t, changed)
		require.Equal(t, want, got)
	}
	for _, in := range []string{"pcrfclient01", "lb01", "perfcient"} {
		got, changed := cps.CanonicalAlias(in)
		require.False(t, changed)
		require.Equal(t, in, got)
	}
}

func FuzzParseClusterSet(f *testing.F) {
	f.Add("pcrfclient02\nlb02\r\n\n")
	f.Fuzz(func(t *testing.T, in string) {
		set, err := cps.ParseClusterSet(strings.NewReader(in))
		if err != nil {
			return
		}
		again, err := cps.ParseClusterSet(strings.NewReader(set.String()))
		require.NoError(t, err)
		require.Equal(t, set, again)
	})
}

// The class of a VM is that of its role, whatever its alias; a site behind an alias is no number of it.
func TestRolesTellTheClasses(t *testing.T) {
	const head = "Hypervisor Name,Guest Name,Role,Alias,Datastore,Networks -->,Internal\n"
	rows := "e,g1,lb01,PRI-lb01,d,,10.0.0.1\ne,g2,lb02,PRI-lb02,d,,10.0.0.2\n" +
		"e,g3,sm,dc1-db01,d,,10.0.0.3\ne,g4,sm,dc1-db02,d,,10.0.0.4\n" +
		"e,g5,QPS,engine01,d,,10.0.0.5\ne,g6,qps,qns02,d,,10.0.0.6\ne,g7,udc,udc01,d,,10.0.0.7\ne,g8,udc,udc02,d,,10.0.0.8\n"
	h, err := cps.ParseHosts(text("h", head+rows))
	require.NoError(t, err)
	set1, set2, err := cps.SplitClusterSets(h)
	require.NoError(t, err)
	require.Equal(t, cps.ClusterSet{"PRI-lb02", "dc1-db02", "qns02", "udc02"}, set1)
	require.Equal(t, []string{"PRI-lb01"}, h.OfClass(set2, "lb"))
	require.Equal(t, []string{"dc1-db01"}, h.OfClass(set2, "sessionmgr"))
	require.Equal(t, []string{"engine01"}, h.OfClass(set2, "qns"))
	require.Equal(t, []string{"udc02"}, h.OfClass(set1, "udc"))
	require.Empty(t, h.OfClass(cps.ClusterSet{"lb09"}, "lb"))

	for _, alias := range []string{"lb01-SITE1", "sm01.site2", "qns1x1"} {
		h, err = cps.ParseHosts(text("h", head+rows+"e,g9,lb01,"+alias+",d,,10.0.0.9\n"))
		require.NoError(t, err)
		_, _, err = cps.SplitClusterSets(h)
		require.ErrorContains(t, err, "alias has two numbers")
	}
}

// CPS-006: a wrong role is told with its column, in the row where it stands.
func TestAWrongRoleIsNotBlamedOnTheClass(t *testing.T) {
	const head = "Hypervisor Name,Guest Name,Role,Alias,Datastore,Networks -->,Internal,\n"
	row := func(alias, role string, n int) string {
		return fmt.Sprintf("h,%s,%s,%s,d,,192.0.2.%d,\n", alias, role, alias, n)
	}
	csv := head + row("lb01", "lb01", 1) + row("lb02", "qps", 2) + row("qns01", "qps", 3) + row("qns02", "qps", 4)
	hosts, err := cps.ParseHosts(strings.NewReader(csv))
	require.NoError(t, err)
	_, _, err = cps.SplitClusterSets(hosts)
	require.ErrorContains(t, err, `every VM of class lb would be in set 2: none would serve while that set is upgraded. `+
		`Look at the column "Role": lb02 (line 3) has "qps"`)
}

// CPS-003: memory and vCPU that were swapped are found.
func TestSwappedMemoryAndCPUs(t *testing.T) {
	specs, err := cps.ParseVMSpecs(strings.NewReader("Role,Host Name Prefix,Memory,vCPU,Diskmode,Configuration Overrides\n" +
		"lb01,dc1-,8192,4,thin,\nqps,dc1-,4,10240,thin,\nsm,dc1-,1024,,thin,\npcrfclient01,,10240000000,8,,\n"))
	require.NoError(t, err)
	var found []string
	for _, f := range specs.Findings() {
		require.Equal(t, cps.Warning, f.Severity)
		found = append(found, f.What)
	}
	require.Equal(t, []string{`column "Memory" of role qps: 4 MB is no size of a VM's memory`, `column "vCPU" of role qps: 10240 is no number of CPUs of a VM`,
		`column "Memory" of role pcrfclient01: 10240000000 MB is no size of a VM's memory`}, found)
}

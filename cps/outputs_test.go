package cps_test

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/cps"
)

// CPS-125.
func TestParseClusterStatus(t *testing.T) {
	s, err := cps.ParseClusterStatus(text("s", fixture(t, "status-api.fragment")))
	require.NoError(t, err)
	require.True(t, s.Ready())
	s, err = cps.ParseClusterStatus(text("s", `{"status": "deploying", "percent": 40}`))
	require.NoError(t, err)
	require.False(t, s.Ready())
	require.Equal(t, "40", string(s.Other["percent"]))
	for in, want := range map[string]string{
		"":                        "s:1:1: not a JSON object",
		"<html>502</html>":        `not a JSON object`,
		"{}":                      `s:1:1: the answer has no "status"`,
		`{"status": 1}`:           "the status must be a word",
		`{"status": ""}`:          "the status must be a word",
		`{"status": "ready"} {}`:  "not a JSON object",
		`["ready"]`:               "not a JSON object",
		`null`:                    `the answer has no "status"`,
		`{"message": "starting"}`: `the answer has no "status"`,
	} {
		_, err := cps.ParseClusterStatus(text("s", in))
		requireError(t, err, want)
	}
	require.Equal(t, "http://172.18.11.151:8458/api/system/status/cluman", cps.StatusURL("172.18.11.151"))
	require.Equal(t, "http://[fd00::1]:8458/api/system/status/cluman", cps.StatusURL("fd00::1"))
}

// CPS-134: rows wrapped in two ways, with and without the column of names.
func TestParsePorts(t *testing.T) {
	for name, want := range map[string][]string{
		"neutron-set1.txt": {"172.16.2.21", "172.18.11.155", "172.16.2.202", "192.168.2.202"},
		"neutron-set2.txt": {"172.16.2.20", "172.16.2.201", "172.18.11.154", "192.168.2.201"},
	} {
		ports, err := cps.ParsePorts(text(name, fixture(t, name)))
		require.NoError(t, err)
		var ips []string
		for _, p := range ports {
			ips = append(ips, p.IP.String())
		}
		require.Equal(t, want, ips)
		// CPS-041: the id that lost a digit in print is read, and Check tells.
		for _, p := range ports {
			require.Equal(t, p.ID == "2e0f0573-7f6f-4c06-ae1-e81608e84042", p.Check() != nil, p.ID)
		}
	}
	ports, err := cps.ParsePorts(text("n", fixture(t, "neutron-set2.txt")))
	require.NoError(t, err)
	// CPS-072: the port of an address, and not of one that begins like it.
	p, ok := cps.PortWithIP(ports, netip.MustParseAddr("172.16.2.20"))
	require.True(t, ok)
	require.Equal(t, cps.Port{ID: "19678c2d-3efc-4523-ac0b-dd25734e241a", MAC: "fa:16:3e:a5:7c:16",
		SubnetID: "106db79e-da5a-41ea-a654-cffbc6928a56", IP: netip.MustParseAddr("172.16.2.20"), Line: 2}, p)
	_, ok = cps.PortWithIP(ports, netip.MustParseAddr("172.16.2.2"))
	require.False(t, ok)

	whole := "+----+\n| id | name | mac_address | fixed_ips |\n+----+\n" +
		"| 3d40e589-993c-44b5-bb0a-0923a4abbfc0 | lb02-int | FA:16:3e:5e:24:48 | {\"subnet_id\": " +
		"\"106db79e-da5a-41ea-a654-cffbc6928a56\", \"ip_address\": \"10.0.0.1\"} |\n" +
		"| 2294991c-22a6-43c6-b846-2ec9c75c6bf8 | | fa:16:3e:0b:8c:b0 | {\"subnet_id\": " +
		"\"106db79e-da5a-41ea-a654-cffbc6928a56\", \"ip_address\": \"10.0.0.2\"} |\n+----+\n"
	ports, err = cps.ParsePorts(text("n", whole))
	require.NoError(t, err)
	require.Len(t, ports, 2)
	require.Equal(t, "lb02-int", ports[0].Name)
	require.Equal(t, "fa:16:3e:5e:24:48", ports[0].MAC)
}

func TestParsePortsErrors(t *testing.T) {
	row := "| 3d40e589-993c-44b5-bb0a-0923a4abbfc0 | fa:16:3e:5e:24:48 | {\"subnet_id\": " +
		"\"106db79e-da5a-41ea-a654-cffbc6928a56\", \"ip_address\": \"10.0.0.1\"} |\n"
	for in, want := range map[string]string{
		"":                     "n:1: no port is listed",
		"Unauthorized\n":       "n:1:1: not a row of neutron port-list",
		row[:60]:               "n:1:1: not a port",
		row + "| x |\n":        "n:2:1: not a port",
		row + "Unauthorized\n": "not a port",
		strings.Replace(row, "10.0.0.1", "10.0.0", 1):     "cannot read the fixed IP",
		strings.Replace(row, "ip_address", "address", 1):  "has no ip_address",
		strings.Replace(row, "106db79e-", "106db79e ", 1): "is not an id",
		strings.Replace(row, "-993c-", " 993c ", 1):       "is not an id",
	} {
		_, err := cps.ParsePorts(text("n", in))
		requireError(t, err, want)
	}
}

// CPS-041: the misprinted net-id is named, not corrected.
func TestCheckUUID(t *testing.T) {
	require.NoError(t, cps.CheckUUID("4759babe-491a-4c1a-a028-ec4daefa1662"))
	err := cps.CheckUUID("4759babe-491a-4c1a-a028-ec4daefal662")
	require.ErrorIs(t, err, cps.ErrNotUUID)
	require.Contains(t, err.Error(), "4759babe-491a-4c1a-a028-ec4daefa1662")
	require.NotContains(t, cps.CheckUUID("x").Error(), "letter")
}

// CPS-135.
func TestParseUpdatedPort(t *testing.T) {
	id, err := cps.ParseUpdatedPort(text("n", "Updated port: 3d40e589-993c-44b5-bb0a-0923a4abbfc0\n"))
	require.NoError(t, err)
	require.Equal(t, "3d40e589-993c-44b5-bb0a-0923a4abbfc0", id)
	_, err = cps.ParseUpdatedPort(text("n", ""))
	requireError(t, err, "n:1: no line Updated port")
	_, err = cps.ParseUpdatedPort(text("n", "Updated port: x\n"))
	requireError(t, err, "n:1:15: not an id")
	_, err = cps.ParseUpdatedPort(text("n", fixture(t, "neutron-set1.txt")))
	requireError(t, err, "a second port")
}

// CPS-024, CPS-137.
func TestParsePatchUndo(t *testing.T) {
	whole := fixture(t, "patch-u.out")
	u, err := cps.ParsePatchUndo(text("p", whole))
	require.NoError(t, err)
	require.True(t, u.Done)
	require.True(t, u.RepositoriesRenamed)
	require.Len(t, u.Steps, 5)
	u, err = cps.ParsePatchUndo(text("p", whole[:strings.Index(whole, "remove")]))
	require.NoError(t, err)
	require.False(t, u.Done)
	require.False(t, u.RepositoriesRenamed)
	_, err = cps.ParsePatchUndo(text("p", "no patch to undo\n"))
	requireError(t, err, `p:1:1: expected undo the patches: near "no patch to undo"`)
	_, err = cps.ParsePatchUndo(text("p", ""))
	requireError(t, err, "no output of patch -u")
}

// CPS-027, CPS-138.
func TestParsePatchList(t *testing.T) {
	p, err := cps.ParsePatchList(text("p", "Applied patches:\n  Patch_1_11.9.9 from CPS701_1234.tar.gz\n"))
	require.NoError(t, err)
	require.Equal(t, []string{"Patch_1_11.9.9", "CPS701_1234"}, p.Names)
	require.Len(t, p.Lines, 2)
	p, err = cps.ParsePatchList(text("p", "\n"))
	require.NoError(t, err)
	require.Empty(t, p.Lines)
}

// CPS-158: each patch is found, whatever stands around its name, and where it stands.
func TestPatchListFindsEveryPatch(t *testing.T) {
	for in, want := range map[string]string{
		"patch_1_19.4.0\n": "p:1: a patch is installed",
		"Currently applied patches:\nCPS_7.0.5.patch1.tar.gz\n": "p:2: a patch is installed",
		"1) Patch_1_19.4.0 2020-06-01\n":                        "p:1: a patch is installed",
		"List of patches applied:\n-----\n":                     "p:1: nothing stands below",
		"Applied patches:\nHF_12\n":                             "p:2: what it says of patches is not understood",
		"Applied patches:\nNone\n":                              "",
		"No patches applied\n":                                  "",
	} {
		p, err := cps.ParsePatchList(text("p", in))
		require.NoError(t, err)
		var got []string
		for _, f := range p.Findings() {
			got = append(got, f.Where+": "+f.What)
		}
		if want == "" {
			require.Empty(t, got, in)
			continue
		}
		require.Len(t, got, 1, in)
		require.Contains(t, got[0], want)
	}
}

// CPS-138: what a program says that failed on the way is no step.
func TestPatchUndoFindsWhatFailed(t *testing.T) {
	whole := fixture(t, "patch-u.out")
	u, err := cps.ParsePatchUndo(text("p", whole))
	require.NoError(t, err)
	require.Empty(t, u.Findings())
	u, err = cps.ParsePatchUndo(text("p", strings.Replace(whole, "remove", "cp: cannot stat '/var/qps/patches'\nremove", 1)))
	require.NoError(t, err)
	require.Equal(t, []string{"not understood, so that the patch may be undone in part: \"cp: cannot stat '/var/qps/patches'\""},
		whats(u.Findings()))
	require.Equal(t, "p:4", u.Findings()[0].Where)
}

// CPS-023, CPS-103.
func TestRepositories(t *testing.T) {
	in := fixture(t, "repositories.txt")
	r, err := cps.ParseRepositories(text("repositories", in))
	require.NoError(t, err)
	require.Equal(t, []string{"file:///var/qps/.tmp/plugin1", "file:///var/qps/.tmp/patch1"}, r.URLs())
	require.Equal(t, in, printed(t, r))
	kept, removed := r.WithoutPatches()
	require.Equal(t, "file:///var/qps/.tmp/plugin1\n", kept.String())
	require.Equal(t, []string{"file:///var/qps/.tmp/patch1"}, removed)
	_, err = cps.ParseRepositories(text("repositories", "# ok\nfile:///x\n/var/qps\n"))
	requireError(t, err, `repositories:3:1: not the URL of a repository`)
}

// CPS-021, CPS-022: commenting out and back is exact.
func TestSetList(t *testing.T) {
	in := "# watched\nSESSION-SET1\n  BALANCE-SET2 \r\n\n#SPR-SET1\nADMIN-SET1"
	s, err := cps.ParseSetList(text("mon_db", in))
	require.NoError(t, err)
	require.Equal(t, []string{"SESSION-SET1", "BALANCE-SET2", "ADMIN-SET1"}, s.Sets())
	off := s.CommentOut()
	require.Empty(t, off.Sets())
	require.Equal(t, printed(t, off), printed(t, off.CommentOut()))
	require.NotEqual(t, in, printed(t, off))
	reread, err := cps.ParseSetList(text("mon_db", printed(t, off)))
	require.NoError(t, err)
	require.Equal(t, in, printed(t, reread.Restore()), "what was a comment before stays one")
	require.Equal(t, in, printed(t, s), "the original is not changed")
	_, err = cps.ParseSetList(text("mon_db", "SESSION\n"))
	requireError(t, err, `mon_db:1:1: not the name of a replica set`)
}

// CPS-062, CPS-140: one file, or all of /etc/*release.
func TestParseOSRelease(t *testing.T) {
	line := fixture(t, "redhat-release.txt")
	for _, in := range []string{line, strings.Repeat(line, 3), "NAME=\"CentOS Linux\"\n" + line} {
		o, err := cps.ParseOSRelease(text("r", in))
		require.NoError(t, err)
		require.Equal(t, cps.OSRelease{Name: "CentOS Linux", Version: "8.1.1911"}, o)
		require.True(t, o.Is("8.1"))
		require.False(t, o.Is("8.11") || o.Is("8.1.19"))
	}
	_, err := cps.ParseOSRelease(text("r", line+"CentOS Linux release 7.7.1908 (Core)\n"))
	requireError(t, err, "r:2:1: differs")
	_, err = cps.ParseOSRelease(text("r", ""))
	requireError(t, err, "no line NAME release VERSION")
}

// CPS-062, CPS-141.
func TestParseArbiterDate(t *testing.T) {
	d, err := cps.ParseArbiterDate(text("date", "[root@site3-arbiter log]# date\nTue Jun 21 02:42:54 UTC 2020\n"))
	require.NoError(t, err)
	require.Equal(t, time.Date(2020, 6, 21, 2, 42, 54, 0, time.UTC), d)
	_, err = cps.ParseArbiterDate(text("date", "Mon Feb  7 22:14:17 IST 2017\n"))
	require.ErrorIs(t, err, cps.ErrNotUTC)
	requireError(t, err, "date:1:1:")
	_, err = cps.ParseArbiterDate(text("date", "yesterday\n"))
	requireError(t, err, "not an output of date")
	_, err = cps.ParseArbiterDate(text("date", ""))
	requireError(t, err, "no output of date")
}

// CPS-018, CPS-019.
func TestParseArchiveName(t *testing.T) {
	at := time.Date(2018, 6, 21, 21, 24, 56, 0, time.UTC)
	for in, want := range map[string]cps.ArchiveName{
		"migrate_set-1_20180621_212456.tar.gz":               {Kind: cps.ArchiveSet, Set: 1, Time: at},
		"/var/tmp/migrate-set-1_20180621_212456.tar.gz":      {Kind: cps.ArchiveSet, Set: 1, Time: at},
		"/root/migrate-set-2-20180621_212456.tar.gz":         {Kind: cps.ArchiveSet, Set: 2, Time: at},
		"migrate_cluman_20180621_212456.tar.gz":              {Kind: cps.ArchiveCluman, Time: at},
		"migrate_arbiter_20180621_212456.tar.gz":             {Kind: cps.ArchiveArbiter, Time: at},
		"migrate_20180621_212456.tar.gz":                     {Time: at},
		"migrate_20180621_212456":                            {Time: at},
		migrateLog(t, "migrate-disable-set-1.log").Archive(): {Kind: cps.ArchiveSet, Set: 1, Time: at},
	} {
		got, err := cps.ParseArchiveName(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
	}
	for _, in := range []string{"", "migrate_set-3_20180621_212456.tar.gz", "migrate_set-1_20181321_212456.tar.gz",
		"migrate_set-1_<timestamp>.tar.gz",
		"migrate_set_20180621_212456.tar.gz", "migrate_set-1_20180621_212456.tar.gz.old", "config_other_br.tar.gz"} {
		_, err := cps.ParseArchiveName(in)
		require.ErrorIs(t, err, cps.ErrNotArchive, in)
	}
	require.Equal(t, "/var/tmp/migrate_set-1_20180621_212456.tar.gz", cps.ArchiveName{Kind: cps.ArchiveSet, Set: 1, Time: at}.Path())
	rapid.Check(t, func(t *rapid.T) {
		a := cps.ArchiveName{Kind: cps.ArchiveKind(rapid.IntRange(0, 3).Draw(t, "kind")),
			Time: time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "time"), 0).UTC()}
		if a.Kind == cps.ArchiveSet {
			a.Set = rapid.IntRange(1, 2).Draw(t, "set")
		}
		if got, err := cps.ParseArchiveName(a.Path()); err != nil || got != a {
			t.Fatalf("%v became %v, %v", a, got, err)
		}
	})
}

func TestFindingString(t *testing.T) {
	f := cps.Finding{Severity: cps.Error, Where: "Hosts.csv:3", What: "lb01 stands after lb02", Row: "CPS-004"}
	require.Equal(t, "Hosts.csv:3: error: lb01 stands after lb02 (CPS-004)", f.String())
	f.Where, f.Severity = "", cps.Warning
	require.Equal(t, "warning: lb01 stands after lb02 (CPS-004)", f.String())
	_, found := cps.Worst(nil)
	require.False(t, found)
	worst, found := cps.Worst([]cps.Finding{{Severity: cps.Info}, {Severity: cps.Error}, {Severity: cps.Warning}})
	require.True(t, found)
	require.Equal(t, cps.Error, worst)
	b, err := cps.Info.MarshalText()
	require.NoError(t, err)
	require.Equal(t, "info", string(b))
	require.Equal(t, "Severity(9)", cps.Severity(9).String())
}

// Every parser, on every output of the guide that is not its own, answers with an error or a value, and does not panic.
func TestParsersOnEachOthersInputs(t *testing.T) {
	entries, err := os.ReadDir("testdata")
	require.NoError(t, err)
	n := 0
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		n++
		in := fixture(t, e.Name())
		for range everyParser(in) {
		}
		if strings.HasPrefix(e.Name(), "about-") {
			_, err := cps.ParseReplicaTable(text(e.Name(), in))
			requireError(t, err, "title is missing")
			_, err = cps.ParseHosts(text(e.Name(), in))
			requireError(t, err, "is missing")
		}
	}
	t.Logf("%d files", n)
}

// everyParser runs all of them, and gives their errors.
func everyParser(in string) []error {
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	r := func() *strings.Reader { return strings.NewReader(in) }
	_, err := cps.ParseHosts(r())
	note(err)
	_, err = cps.ParseClusterSet(r())
	note(err)
	_, _, err = cps.ParseCreatedSets(r())
	note(err)
	_, err = cps.ParseMongoConfig(r())
	note(err)
	_, err = cps.ParseConfiguration(r())
	note(err)
	_, err = cps.ParseReplicaTable(r())
	note(err)
	_, err = cps.ParseAbout(r())
	note(err)
	_, err = cps.ParseMigrateLog(r())
	note(err)
	_, err = cps.ParseHAProxy(r())
	note(err)
	_, err = cps.ParseDiagnostics(r())
	note(err)
	_, err = cps.ParseAIDO(r())
	note(err)
	_, err = cps.ParseClusterStatus(r())
	note(err)
	_, err = cps.ParsePorts(r())
	note(err)
	_, err = cps.ParseUpdatedPort(r())
	note(err)
	_, err = cps.ParsePatchUndo(r())
	note(err)
	_, err = cps.ParsePatchList(r())
	note(err)
	_, err = cps.ParseRepositories(r())
	note(err)
	_, err = cps.ParseSetList(r())
	note(err)
	_, err = cps.ParseOSRelease(r())
	note(err)
	_, err = cps.ParseArbiterDate(r())
	note(err)
	_, err = cps.ParseGRTable(r())
	note(err)
	return errs
}

func FuzzSmallParsers(f *testing.F) {
	for _, name := range []string{"status-api.fragment", "neutron-set1.txt", "neutron-set2.txt", "patch-u.out",
		"repositories.txt", "redhat-release.txt", "create-cluster-sets.out", "gr-table.tsv"} {
		f.Add(fixture(f, name))
	}
	f.Add("SESSION-SET1\n#x\n")
	f.Add("Tue Jun 21 02:42:54 UTC 2020\n")
	f.Fuzz(func(t *testing.T, in string) {
		if ports, err := cps.ParsePorts(strings.NewReader(in)); err == nil {
			require.NotEmpty(t, ports)
		}
		if s, err := cps.ParseSetList(strings.NewReader(in)); err == nil && !strings.Contains(in, "#evenkeel#") {
			require.Equal(t, printed(t, s), printed(t, s.CommentOut().Restore()))
		}
		everyParser(in)
	})
}

func FuzzParseArchiveName(f *testing.F) {
	f.Add("migrate_set-1_20180621_212456.tar.gz")
	f.Fuzz(func(t *testing.T, in string) {
		a, err := cps.ParseArchiveName(in)
		if err != nil {
			return
		}
		again, err := cps.ParseArchiveName(a.String())
		require.NoError(t, err)
		require.Equal(t, a, again)
	})
}

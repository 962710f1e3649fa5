package cps_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

// CPS-021, CPS-022: what a person commented out is told from what CommentOut did, and the bytes come back.
func TestSetListTellsTheCommentsApart(t *testing.T) {
	in := "\ufeff# watched\r\nSESSION-SET1\r\n # SESSION-SET2\r\n\t##SPR-SET1 \r\n  ADMIN-SET1\t\r\n\r\n#SESSION-SET1 and more"
	s, err := cps.ParseSetList(text("mon_db", in))
	require.NoError(t, err)
	require.Equal(t, in, printed(t, s), "with its byte order mark")
	require.Empty(t, s.CommentedOut())
	require.Equal(t, []string{"SESSION-SET2", "SPR-SET1"}, s.CommentedByHand())
	require.Empty(t, s.Findings())

	off, err := cps.ParseSetList(text("mon_db", printed(t, s.CommentOut())))
	require.NoError(t, err)
	require.Empty(t, off.Sets())
	require.Equal(t, []string{"SESSION-SET1", "ADMIN-SET1"}, off.CommentedOut())
	require.Equal(t, s.CommentedByHand(), off.CommentedByHand())
	require.Empty(t, off.Findings())
	require.Equal(t, in, printed(t, off.Restore()))

	partly, err := cps.ParseSetList(text("mon_db", "#evenkeel#SESSION-SET1\nADMIN-SET1\nADMIN-SET1\n"))
	require.NoError(t, err)
	require.Equal(t, map[string]int{"CPS-021": 1, "CPS-022": 1}, rows(partly.Findings()))
	require.Contains(t, partly.Findings()[1].What, "commented out SESSION-SET1 and not ADMIN-SET1")

	for in, want := range map[string]string{
		"#evenkeel#a note\n":                 "m:1:1: #evenkeel# is the mark of a set that a migration commented out, and no such set follows it",
		"#evenkeel##evenkeel#ADMIN-SET1\n":   "m:1:1: #evenkeel# is the mark",
		"ADMIN-SET1\n  #evenkeel#SPR-SET1\n": "m:2:1: #evenkeel# is the mark",
		"#SPR-SET1 #evenkeel#\n":             "m:1:1: #evenkeel# is the mark",
		"ADMIN-SET1 SPR-SET1\n":              "m:1:1: not the name of a replica set",
		"ADMIN-SET1 # x\n":                   "m:1:1: not the name of a replica set",
		"admin-set1\n":                       "m:1:1: not the name of a replica set",
		"\xa0ADMIN-SET1\n":                   "m:1:1: not a text file",
	} {
		_, err := cps.ParseSetList(text("m", in))
		requireError(t, err, want)
	}
}

// CPS-021, CPS-022: the sets in the script that makes the lists.
func TestSetScript(t *testing.T) {
	in := fixture(t, "build_etc.sh")
	s, err := cps.ParseSetScript(text("build_etc.sh", in))
	require.NoError(t, err)
	require.Equal(t, []string{"SESSION-SET1", "SESSION-SET2", "ADMIN-SET1", "BALANCE-SET1"}, s.Sets())
	require.Equal(t, []string{"SPR-SET1"}, s.CommentedByHand())
	off := s.CommentOut()
	require.Equal(t, s.Sets(), off.CommentedOut())
	golden.Check(t, "commented-build_etc.sh", printed(t, off))
	again, err := cps.ParseSetScript(text("build_etc.sh", printed(t, off)))
	require.NoError(t, err)
	require.Equal(t, in, printed(t, again.Restore()))
}

// CPS-022: a line of the script without which it would do something else is refused.
func TestSetScriptRefusesWhatItCannotComment(t *testing.T) {
	const byHand = "it must be edited by hand"
	for in, want := range map[string]string{
		"for s in SESSION-SET1 SESSION-SET2; do\n":        "s:1:10: the line names a set and is more than",
		"sed -i s/SESSION-SET1//":                         "s:1:10: the line names a set",
		"echo SESSION-SET1 SPR-SET1 > f\n":                "s:1:6: the line names a set",
		"echo SESSION-SET1 > f && reboot\n":               "s:1:6: the line names a set",
		"echo SESSION-SET1 | tee f\n":                     "s:1:6: the line names a set",
		"echo SESSION-SET1 \\\n > f\n":                    "s:1:6: the line names a set",
		"printf '%s' \\\nSESSION-SET1\n":                  "s:2:1: the line belongs to line 1",
		"true &&\n# why\necho SESSION-SET1 > f\n":         "s:3:6: the line belongs to line 1",
		"LIST=\"\nSESSION-SET1\n\"\n":                     "s:2:1: the line stands in quotes",
		"LIST='a \\'\nSESSION-SET1\nX='b'\n":              "",
		"# don't\nSESSION-SET1\n":                         "",
		"x=\\\"\nSESSION-SET1\n":                          "",
		"echo don\\'t\nSESSION-SET1\n":                    "",
		"a=$((1<<2)) b='\nSESSION-SET1\n'\n":              "s:2:1: the line stands in quotes",
		"cat <<<\"x\ny\" z='\nSESSION-SET1\n'\n":          "s:3:1: the line stands in quotes",
		"cat <<EOF\ndon't\nSESSION-SET1\nEOF\n":           "",
		"cat <<EOF\ndon't\nEOF\na='\nSESSION-SET1\n'\n":   "s:5:1: the line stands in quotes",
		"if a; then # b\n\necho SESSION-SET1 > f\n\nfi\n": "s:3:6: the script would not run without this line: between line 1 and line 5",
		"do\necho A-SET1 > f\necho B-SET2 > f\ndone\n":    "s:3:6: the script would not run",
		"f() {\necho A-SET1 > f\n}\n":                     "s:2:6: the script would not run",
		"then\necho A-SET1 > f\nelse\n:\nfi\n":            "s:2:6: the script would not run",
		"else\n# b\necho A-SET1 > f\nfi\n":                "s:3:6: the script would not run",
		"(\necho A-SET1 > f\n)\n":                         "s:2:6: the script would not run",
		"if a; then\n:\necho A-SET1 > f\nfi\n":            "",
		"if a; then\necho A-SET1 > f\nfinish\nfi\n":       "",
		"LIST=(\nA-SET1\n)\n":                             "",
		"x)\necho A-SET1 > f\n;;\n":                       "",
		"echo -en 'A-SET1' >> \"${D}/f\" ;\n":             "",
		"#evenkeel#for s in A-SET1\n":                     "s:1:1: #evenkeel# is the mark",
	} {
		t.Run(strings.ReplaceAll(in, "/", "-"), func(t *testing.T) {
			s, err := cps.ParseSetScript(text("s", in))
			if want != "" {
				requireError(t, err, want)
				if strings.Contains(want, "quotes") || strings.Contains(want, "belongs") {
					require.ErrorContains(t, err, byHand)
				}
				return
			}
			require.NoError(t, err)
			require.Len(t, s.Sets(), 1)
			require.Equal(t, in, printed(t, s.CommentOut().Restore()))
		})
	}
}

// CPS-021: three files on each machine that watches.
func TestSetFiles(t *testing.T) {
	h, err := cps.ParseHosts(text("Hosts.csv", fixture(t, "Hosts.csv.txt")))
	require.NoError(t, err)
	files := cps.SetFiles(h, "cluman")
	require.Len(t, files, 9)
	require.Equal(t, cps.SetFile{Host: "pcrfclient01", Path: "/etc/broadhop/mon_db_for_callmodel.conf"}, files[0])
	require.Equal(t, cps.SetFile{Host: "pcrfclient02", Path: "/etc/broadhop/mon_db_for_lb_failover.conf"}, files[4])
	require.Equal(t, cps.SetFile{Host: "cluman", Path: "/var/qps/install/current/scripts/build/build_etc.sh", Script: true}, files[8])
}

// Watch no replica set while a GR system is migrated, and the same ones as before when it is done.
func ExampleParseSetList() {
	list, err := cps.ParseSetList(strings.NewReader("SESSION-SET1\n#SPR-SET1\nADMIN-SET1\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	off := list.CommentOut()
	fmt.Println(off.Sets(), off.CommentedOut(), off.CommentedByHand())
	if _, err := off.Restore().WriteTo(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// [] [SESSION-SET1 ADMIN-SET1] [SPR-SET1]
	// SESSION-SET1
	// #SPR-SET1
	// ADMIN-SET1
}

func FuzzSetLists(f *testing.F) {
	f.Add(fixture(f, "build_etc.sh"))
	f.Add("SESSION-SET1\n#x\n#evenkeel#ADMIN-SET2\r\n")
	f.Add("\ufeffif a\nthen\n echo 'A-SET1' > f\nfi\n")
	f.Fuzz(func(t *testing.T, in string) {
		if strings.Contains(in, "#evenkeel#") {
			in = strings.ReplaceAll(in, "#evenkeel#", "#")
		}
		for _, parse := range []func(string) (*cps.SetList, error){
			func(s string) (*cps.SetList, error) { return cps.ParseSetList(strings.NewReader(s)) },
			func(s string) (*cps.SetList, error) { return cps.ParseSetScript(strings.NewReader(s)) },
		} {
			s, err := parse(in)
			if err != nil {
				continue
			}
			require.Equal(t, in, printed(t, s))
			off, err := parse(printed(t, s.CommentOut()))
			require.NoError(t, err)
			require.Empty(t, off.Sets())
			require.Equal(t, s.Sets(), off.CommentedOut())
			require.Equal(t, in, printed(t, off.Restore()))
		}
	})
}

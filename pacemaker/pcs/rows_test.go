package pcs

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// PCM-034: the guide's own rows, of pcs 0.9 on Pacemaker 1.1, and those of 2.1; PCM-064: colours are passed over.
func TestResourceRows(t *testing.T) {
	data, err := os.ReadFile("testdata/lustre-pcs-resource.txt")
	require.NoError(t, err)
	var output []string
	for line := range strings.Lines(string(data)) {
		if !strings.Contains(line, "]# ") {
			output = append(output, line)
		}
	}
	rows, err := ParseResourceRows(strings.NewReader(strings.Join(output, "")))
	require.NoError(t, err)
	const agent = "ocf::chroma:Target"
	require.Equal(t, []ResourceRow{
		{ID: "MGS_32834e", Agent: agent, Role: "Stopped", Flags: []string{"disabled"}},
		{ID: "demo-MDT0000_802c1b", Agent: agent, Role: "Stopped", Flags: []string{"disabled"}},
		{ID: "MGS_32834e", Agent: agent, Role: "Started", Nodes: []string{"ct6-mds1.lfs.intl"}},
		{ID: "demo-MDT0000_802c1b", Agent: agent, Role: "Started", Nodes: []string{"ct6-mds1.lfs.intl"}},
	}, rows)
	require.True(t, rows[0].Has("disabled"))
	require.False(t, rows[2].Has("disabled"))

	for line, want := range map[string]ResourceRow{
		"  * R\t(ocf:chroma:Target):\t Stopped (disabled, unmanaged)": {ID: "R", Agent: "ocf:chroma:Target",
			Role: "Stopped", Flags: []string{"disabled", "unmanaged"}},
		" R\t(ocf::chroma:Target):\tStopped":                    {ID: "R", Agent: agent, Role: "Stopped"},
		" \x1b[32mR\x1b[0m\t(ocf::chroma:Target):\tStarted n\r": {ID: "R", Agent: agent, Role: "Started", Nodes: []string{"n"}},
		" R\t(ocf::chroma:Target):\t(target-role:Stopped) Stopped": {ID: "R", Agent: agent, Role: "Stopped",
			Flags: []string{"target-role:Stopped"}},
		" R\t(ocf::chroma:Target):\tFAILED n (unmanaged)": {ID: "R", Agent: agent, Role: "FAILED",
			Nodes: []string{"n"}, Flags: []string{"unmanaged"}},
		" R\t(ocf::chroma:Target):\tStarted n (unmanaged) FAILED": {ID: "R", Agent: agent, Role: "Started",
			Nodes: []string{"n"}, Flags: []string{"unmanaged", "FAILED"}},
		" R\t(ocf::chroma:Target):\tFAILED (blocked)[ n1 n2 ]": {ID: "R", Agent: agent, Role: "FAILED",
			Nodes: []string{"n1", "n2"}, Flags: []string{"blocked"}},
		" st-fencing\t(stonith:fence_chroma):\tStarted n": {ID: "st-fencing",
			Agent: "stonith:fence_chroma", Role: "Started", Nodes: []string{"n"}},
		" Resource Group: g\n     R\t(ocf::chroma:Target):\tStopped": {ID: "R", Agent: agent, Role: "Stopped", Group: "g"},
		"  * Resource Group: g:\n    * R\t(ocf:chroma:Target):\t Stopping n": {ID: "R", Agent: "ocf:chroma:Target",
			Role: "Stopping", Nodes: []string{"n"}, Group: "g"},
	} {
		rows, err := ParseResourceRows(strings.NewReader(line))
		require.NoError(t, err, line)
		require.Equal(t, []ResourceRow{want}, rows, line)
	}
	rows, err = ParseResourceRows(strings.NewReader("NO resources configured\n"))
	require.NoError(t, err)
	require.Empty(t, rows)

	for in, want := range map[string]string{
		"":                                 "f:1:1: there is no resource row",
		"Error: cluster is not running":    `f:1:1: not a resource row: want "id (agent): Role node": near "Error: cluster is not running"`,
		"R\t(ocf::chroma:Target):\tAsleep": `f:1:1: not a resource row: want "id (agent): Role node": near "R\t(ocf::chroma:Target):\tAsleep"`,
		" Clone Set: c [R]":                `f:1:2: not a resource row: want "id (agent): Role node": near "Clone Set: c [R]"`,
	} {
		_, err := ParseResourceRows(srcerr.Named("f", strings.NewReader(in)))
		require.EqualError(t, err, want)
	}
}

// Clones of both generations, promotable ones, groups in them, and what is not managed.
func TestRowsOfClones(t *testing.T) {
	for in, want := range map[string][]ResourceRow{
		" Clone Set: fencing [st-null]\n     Started: [ c1 c2 ]\n Master/Slave Set: pg-ha [pg]\n     Masters: [ c1 ]\n     " +
			"Stopped: [ c2 ]\n ip\t(ocf::heartbeat:IPaddr2):\tStarted c1": {
			{ID: "st-null", Clone: "fencing", Role: "Started", Nodes: []string{"c1", "c2"}},
			{ID: "pg", Clone: "pg-ha", Role: "Master", Nodes: []string{"c1"}}, {ID: "pg", Clone: "pg-ha", Role: "Stopped", Nodes: []string{"c2"}},
			{ID: "ip", Agent: "ocf::heartbeat:IPaddr2", Role: "Started", Nodes: []string{"c1"}},
		},
		"  * Clone Set: db [pg] (promotable, unmanaged):\n    * pg\t(ocf:heartbeat:pgsqlms):\t FAILED Promoted n1 " +
			"(blocked)\n    * Unpromoted: [ n2 ]\n    * Stopped (disabled): [ n3 ]": {
			{ID: "pg", Agent: "ocf:heartbeat:pgsqlms", Clone: "db", Role: "FAILED", Nodes: []string{"n1"},
				Flags: []string{"blocked", "Promoted", "promotable", "unmanaged"}},
			{ID: "pg", Clone: "db", Role: "Unpromoted", Nodes: []string{"n2"}, Flags: []string{"promotable", "unmanaged"}},
			{ID: "pg", Clone: "db", Role: "Stopped", Nodes: []string{"n3"}, Flags: []string{"disabled", "promotable", "unmanaged"}},
		},
		" Clone Set: c [g]\n     Resource Group: g:0\n         a\t(ocf::x:y):\tStarted n1 (unmanaged)\n     Slaves: [ n2 ]": {
			{ID: "a", Agent: "ocf::x:y", Group: "g:0", Clone: "c", Role: "Started", Nodes: []string{"n1"}, Flags: []string{"unmanaged"}},
			{ID: "g", Clone: "c", Role: "Slave", Nodes: []string{"n2"}},
		},
	} {
		rows, err := ParseResourceRows(strings.NewReader(in))
		require.NoError(t, err, in)
		require.Equal(t, want, rows)
	}
	for in, want := range map[string]string{
		"     Started: [ c1 ]":                           `f:1:6: not a resource row: want "id (agent): Role node": near "Started: [ c1 ]"`,
		" Clone Set: c [R]\n a\t(ocf::x:y):\tStarted n1": `f:1:2: not a resource row: want "id (agent): Role node": near "Clone Set: c [R]"`,
		" Clone Set: c [R]\n     Asleep: [ n1 ]":         `not a resource row: want "id (agent): Role node": near "Asleep: [ n1 ]"`,
	} {
		_, err := ParseResourceRows(srcerr.Named("f", strings.NewReader(in)))
		require.ErrorContains(t, err, want)
	}
}

func FuzzParseResourceRows(f *testing.F) {
	data, err := os.ReadFile("testdata/lustre-pcs-resource.txt")
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte(" R\t(ocf::chroma:Target):\tFAILED (blocked)[ n1 n2 ]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := ParseResourceRows(bytes.NewReader(data))
		if err != nil {
			require.Nil(t, rows)
			return
		}
		for _, r := range rows {
			require.NotEmpty(t, r.ID)
			require.NotEmpty(t, r.Role)
		}
	})
}

// PCM-034: the rows in the text of crm_mon, of both generations of Pacemaker.
func TestCorpusRows(t *testing.T) {
	rows := 0
	for _, path := range golden.FilesUnder(t, golden.Corpus(t, "simulated"), "crm_mon.txt") {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		_, list, found := strings.Cut(string(data), "Full List of Resources:\n")
		require.True(t, found, path)
		list, _, _ = strings.Cut(list, "\n\n")
		got, err := ParseResourceRows(strings.NewReader(list))
		require.NoError(t, err, path)
		require.Len(t, got, 3)
		rows += len(got)
	}
	t.Logf("%d rows", rows)
}

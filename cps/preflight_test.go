package cps_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
)

// TestReviewDiagnosticsByStage: the same complaint stops a migration that has not begun, and is no news in the middle
// of one (CPS-161, CPS-164, CPS-165, WF-008).
func TestReviewDiagnosticsByStage(t *testing.T) {
	const out = "CPS Diagnostics HA Multi-Node Environment\n---------------------------\n" +
		"Checking disk space for all VMs...[PASS]\nChecking clock skew...[FAIL]\nChecking AIDO status on all VMs...[WARN]\n"
	d, err := cps.ParseDiagnostics(text("diagnostics.sh", out))
	require.NoError(t, err)
	for stage := cps.StageBefore; stage <= cps.StageAfter; stage++ {
		list := cps.ReviewDiagnostics(d, stage)
		require.Len(t, list, 2)
		worst, _ := cps.Worst(list)
		if stage == cps.StageBefore || stage == cps.StageAfter {
			require.Equal(t, cps.Error, worst, stage)
			require.Equal(t, map[string]int{"CPS-130": 2}, rows(list))
			continue
		}
		require.Equal(t, cps.Info, worst, stage)
		require.Equal(t, map[string]int{"CPS-164": 1, "CPS-165": 1}, rows(list))
		require.Contains(t, list[0].What, stage.String())
	}
	require.Equal(t, "Stage(9)", cps.Stage(9).String())
}

// TestParseFreeSpace (CPS-160).
func TestParseFreeSpace(t *testing.T) {
	const head = "Filesystem     1024-blocks      Used Available Capacity Mounted on\n"
	free, err := cps.ParseFreeSpace(text("df", head+"/dev/vda1        104857600  62914560  41943040      60% /\n"))
	require.NoError(t, err)
	require.EqualValues(t, 41943040, free)
	for in, want := range map[string]string{
		"":                              "df:1: 0 rows where one file system is expected",
		head:                            "0 rows where one file system is expected",
		head + "/dev/vda1 1 2 x 4% /\n": `df:2:15: available blocks must be a number: near "x"`,
		head + "/dev/vda1 1 2\n":        "a row must have 6 columns",
		head + strings.Repeat("a 1 2 3 4% /\n", 2): "2 rows where one file system is expected",
	} {
		_, err := cps.ParseFreeSpace(text("df", in))
		requireError(t, err, want)
	}
}

func FuzzParseFreeSpace(f *testing.F) {
	f.Add("Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda1 1 2 3 4% /\n")
	f.Fuzz(func(t *testing.T, in string) {
		if _, err := cps.ParseFreeSpace(text("df", in)); err != nil {
			requireError(t, err, "df")
		}
	})
}

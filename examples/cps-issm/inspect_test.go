package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
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

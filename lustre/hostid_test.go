package lustre_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/lustre"
)

// LUS-027: the guide's script, run by a real shell with the two programs in place of the system's: a host id is made where
// there is none, and where the file is not what hostid prints; one that is there and is it stays.
func TestHostIDScript(t *testing.T) {
	for _, p := range []lustre.Profile{lustre.BothOSDs, lustre.ZFSOnly} {
		list := p.Commands(false, "")
		i := slices.IndexFunc(list, func(c lustre.InstallCommand) bool { return c.Argv[0] == "/bin/sh" })
		require.GreaterOrEqual(t, i, 0, "%s", p)
		for name, c := range map[string]struct{ file, made string }{
			"none":            {"", "made\n"},
			"the same":        {"\x78\x56\x34\x12", ""},
			"with leading 0s": {"\x78\x56\x34\x00", "made\n"}, // hostid prints another one here
			"another":         {"\x01\x02\x03\x04", "made\n"},
			"cut off":         {"\x78\x56", "made\n"},
		} {
			path := filepath.Join(t.TempDir(), "hostid")
			if c.file != "" {
				require.NoError(t, os.WriteFile(path, []byte(c.file), 0o600))
			}
			script := "hostid() { echo 12345678; }\ngenhostid() { echo made; }\n" + strings.ReplaceAll(list[i].Argv[2], "/etc/hostid", path)
			out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", script).Output()
			require.NoError(t, err, name)
			require.Equal(t, c.made, string(out), name)
		}
	}
}

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
)

// Where the archives are to go there is a file: a plan of a pair and of a manager is refused.
func TestArchivesAreADirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "archives")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for command, app := range map[string]func() *cli.App{"lustre-hapair": app, "lustre-hapair manager": managerApp} {
		config := clitest.Example(t, app, "")
		clitest.EditJob(t, config, func(job map[string]any) { job["archives"] = file })
		for _, verb := range []string{"plan", "run"} {
			code, out := clitest.Here(app, verb, "-config", config)
			require.Equal(t, cli.ExitInput, code, "%s %s: %s", command, verb, out)
			require.Contains(t, out, "archives: "+file+" is a file: a directory is needed", "%s %s", command, verb)
		}
	}
}

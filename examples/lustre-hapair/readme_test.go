package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/lustrejob"
)

// TestReadmeConfiguration reads the configuration that README.md shows, as it stands there and with everything in it that is commented out.
func TestReadmeConfiguration(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	require.NoError(t, err)
	_, text, found := strings.Cut(string(raw), "```yaml\n")
	require.True(t, found)
	text, rest, found := strings.Cut(text, "```\n")
	require.True(t, found)
	require.Equal(t, 3, strings.Count(rest, "```yaml"), "a configuration that no test reads: two others are of cps-issm, and read there")
	var own string // of a pair that people made
	for _, block := range strings.Split(rest, "```yaml\n") {
		if block, _, _ = strings.Cut(block, "```\n"); strings.Contains(block, "node1: ") {
			require.Empty(t, own)
			own = block
		}
	}
	t.Run("of a pair that people made", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "pair.yaml")
		require.NoError(t, os.WriteFile(path, []byte(own), 0o600))
		cfg, err := cli.ReadConfig[lustrejob.Config](path)
		require.NoError(t, err)
		job := lustrejob.Of(cfg)
		require.Empty(t, job.Manager)
		require.NotEmpty(t, job.AgentRepos)
		require.Equal(t, "zfs", job.Profile)
	})

	optional := regexp.MustCompile(`(?m)^(  )# (\w+: )`)
	whole := optional.ReplaceAllString(text, "$1$2")
	require.NotEqual(t, text, whole)
	for name, text := range map[string]string{"as it stands": text, "with all options": whole} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "pair.yaml")
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			cfg, err := cli.ReadConfig[lustrejob.Config](path)
			require.NoError(t, err)
			job := lustrejob.Of(cfg)
			require.NotEmpty(t, job.Node1.Backup)
			require.Equal(t, text == whole, job.Knet && job.Atomic && job.Outage > 0 && len(job.Addresses) == 2 &&
				job.OldPCS != "" && job.NewPCS != "")
			for key, version := range map[string]string{"old_pcs": job.OldPCS, "new_pcs": job.NewPCS} {
				_, err := lustrejob.Dialect(key, version)
				require.NoError(t, err)
			}
		})
	}
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
)

// TestReadmeKPIs reads the KPIs and alarms that README.md shows.
func TestReadmeKPIs(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	require.NoError(t, err)
	_, text, found := strings.Cut(string(raw), "```yaml\njob:\n    kpis:")
	require.True(t, found)
	text, _, found = strings.Cut(text, "```\n")
	require.True(t, found)
	path := filepath.Join(t.TempDir(), "cps.yaml")
	require.NoError(t, os.WriteFile(path, []byte("journal: j.jsonl\njob:\n    archive_dir: archives\n    kpis:"+text), 0o600))
	cfg, err := cli.ReadConfig[issmConfig](path)
	require.NoError(t, err)
	job := jobOf(cfg)
	require.NoError(t, job.Validate())
	require.Len(t, job.KPIs, 2)
	require.InDelta(t, 0.5, *job.KPIs[0].MayFall, 0)
	require.Equal(t, 5*time.Minute, job.KPILooks.Every)
	require.Equal(t, "off", job.Alarms.Silence[1])
}

package main

import (
	"os"
	"path/filepath"
	"reflect"
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

// keysOf are the keys of a job, and of what is within it.
func keysOf(t reflect.Type) (list []string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if name != "" && name != "-" {
			list = append(list, name)
		}
		if name != "-" && (name != "" || options == "inline") {
			list = append(list, keysOf(t.Field(i).Type)...)
		}
	}
	return list
}

// TestReadmeKeys: every key of the small jobs stands in README.md, in the row of its job or among those that all have.
func TestReadmeKeys(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	require.NoError(t, err)
	_, text, found := strings.Cut(string(raw), "The keys of their jobs, beside ")
	require.True(t, found)
	for word, job := range map[string]any{
		"arbiter": arbiterConfig{}, "haproxy": endpointsConfig{}, "keys": keysConfig{}, "monitoring": monitoringConfig{}, "patch": patchConfig{},
		"priorities": prioritiesConfig{}, "recover": recoverConfig{}, "restart": restartConfig{},
	} {
		all, rest, _ := strings.Cut(text, "\n\n")
		_, row, found := strings.Cut(rest, "\n| `"+word+"` |")
		require.True(t, found, word)
		row, _, _ = strings.Cut(row, "\n")
		keys := keysOf(reflect.TypeOf(job))
		require.Greater(t, len(keys), 4, word)
		for _, key := range keys {
			require.Contains(t, all+row, "`"+key+"`", "the job %s", word)
		}
	}
}

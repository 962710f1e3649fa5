package readme_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// beginPair is what docs/pair.md has its reader do for the first backup: its own file, with the way to the simulated pair in sim.
func beginPair(t *testing.T, dir, text string) {
	t.Helper()
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "pair"))) // README's
	require.NoError(t, os.Mkdir(filepath.Join(dir, "pair"), 0o700))
	first := map[string]any{}
	require.NoError(t, yaml.Unmarshal([]byte(text), &first))
	leadToSim(t, dir, first)
	writeYAML(t, filepath.Join(dir, "pair", "first.yaml"), first)
}

// fillIn is what the reader fills in where config init has marked it, as the page and the marks say.
func fillIn(t *testing.T, dir string) {
	t.Helper()
	file := filepath.Join(dir, "pair", "config.yaml")
	made := readYAML(t, file)
	leadToSim(t, dir, made)
	job, ok := made["job"].(map[string]any)
	require.True(t, ok)
	require.Equal(t, "el8", job["from"])
	job["to"], job["archives"], job["password_file"] = "el9", "archives", "hacluster-password"
	job["restore"], job["packages"] = []string{"/etc/exports"}, []string{"nfs-utils", "postgresql-server"}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pair", "hacluster-password"), []byte("correct horse $battery\n"), 0o600))
	writeYAML(t, file, made)
}

// leadToSim takes ssh, hosts and world from the configuration of the simulated pair.
func leadToSim(t *testing.T, dir string, into map[string]any) {
	t.Helper()
	sim := readYAML(t, filepath.Join(dir, "sim", "config.yaml"))
	for _, key := range []string{"hosts", "world"} {
		into[key] = sim[key]
	}
	require.Equal(t, map[string]any{"user": "root", "known_hosts": []any{"known_hosts"}, "keys": []any{"id_ed25519"}}, sim["ssh"])
	into["ssh"] = map[string]any{"user": "root", "known_hosts": []string{"../sim/known_hosts"}, "keys": []string{"../sim/id_ed25519"}}
}

func readYAML(t *testing.T, file string) map[string]any {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	var all map[string]any
	require.NoError(t, yaml.Unmarshal(raw, &all))
	return all
}

func writeYAML(t *testing.T, file string, content map[string]any) {
	t.Helper()
	raw, err := yaml.Marshal(content)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, raw, 0o600))
}

//go:build integration

package corosync

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

// Real corosync 3 accepts what PlanKnet makes of IML's rings, which it refuses as they are (H15).
func TestRealCorosyncTakesTheKnetPlan(t *testing.T) {
	golden.Program(t, "corosync", "corosync")
	dir := t.TempDir()
	check := func(c *Conf) error {
		c = c.Clone()
		for _, l := range c.Root.Sections("logging") {
			c.Root.RemoveSection(l) // it names a directory that this machine need not have
		}
		file := filepath.Join(dir, "corosync.conf")
		require.NoError(t, os.WriteFile(file, []byte(printed(t, c)), 0o600))
		cmd := exec.CommandContext(context.Background(), "corosync", "-t", "-c", file)
		cmd.Dir = dir
		return cmd.Run()
	}
	old := readConf(t)
	require.Error(t, check(old))
	for _, cipher := range []string{"none", "aes256"} {
		hash := map[string]string{"none": "none", "aes256": "sha256"}[cipher]
		plan, err := old.PlanKnet(KnetOptions{ClusterName: "c", Token: 17000, Cipher: cipher, Hash: hash, Nodes: []Member{
			{Name: "a", Addresses: []string{"127.0.0.1", "127.0.1.1"}}, {Name: "b", Addresses: []string{"127.0.0.2", "127.0.1.2"}},
		}})
		require.NoError(t, err)
		totem := plan.Conf.Root.Sections("totem")[0]
		if cipher != "none" {
			key := filepath.Join(dir, "authkey")
			require.NoError(t, os.WriteFile(key, bytes.Repeat([]byte("k"), 256), 0o400))
			require.NoError(t, totem.Set("keyfile", key))
		}
		require.NoError(t, check(plan.Conf), "%s", printed(t, plan.Conf))
	}
}

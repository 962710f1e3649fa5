//go:build integration

package pcs

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
)

// The words of `pcs cluster setup` that this package makes for 0.11 are taken by real pcs, and its corosync.conf is what they say (H15).
func TestRealPCSSetup(t *testing.T) {
	golden.Program(t, "pcs", "pcs")
	two := []corosync.Member{{Name: "ct6-mds1.lfs.intl", Addresses: []string{"10.128.0.21", "10.73.10.1"}},
		{Name: "ct6-mds2.lfs.intl", Addresses: []string{"10.128.0.22", "10.73.10.2"}}}
	one := []corosync.Member{{Name: "ct6-mds1.lfs.intl", Addresses: []string{"10.128.0.21"}}}
	for name, setup := range map[string]corosync.Setup{
		"knet": {Name: "c", Nodes: two, Transport: "knet", RRPMode: "passive", Rings: twoRings, Token: 17000,
			FailRecvConst: 10, Cipher: "aes256", Hash: "sha256"},
		"plain":     {Name: "c", Nodes: two, Transport: "knet", Rings: twoRings, Cipher: "none", Hash: "none"},
		"udp":       {Name: "c", Nodes: one, Rings: oneRing, Token: 17000},
		"broadcast": {Name: "c", Nodes: one, Rings: []corosync.Interface{{BindNetAddr: "10.128.0.0", Broadcast: true, McastPort: 5407}}},
		"udpu":      {Name: "c", Nodes: one, Transport: "udpu", Rings: []corosync.Interface{{McastPort: 5407}}},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := V011.Setup(setup)
			require.NoError(t, err)
			file := filepath.Join(t.TempDir(), "corosync.conf")
			out, err := exec.CommandContext(context.Background(), "pcs", append(o.Argv[1:], "--corosync_conf="+file)...).CombinedOutput()
			require.NoError(t, err, "%s\n%s", o, out)
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			conf, err := corosync.Parse(bytes.NewReader(data))
			require.NoError(t, err)
			require.Empty(t, conf.Problems())
			totem, err := conf.Totem()
			require.NoError(t, err)
			require.Equal(t, setup.Name, totem.ClusterName)
			require.Equal(t, setup.Token, totem.Token)
			require.Equal(t, setup.FailRecvConst, totem.FailRecvConst)
			nodes, err := conf.NodeList()
			require.NoError(t, err)
			require.Len(t, nodes, len(setup.Nodes))
			for i, n := range setup.Nodes {
				for link, a := range n.Addresses {
					require.Equal(t, a, nodes[i].Addresses[link])
				}
			}
			for _, r := range setup.Rings {
				for _, i := range totem.Interfaces {
					if i.Ring == r.Ring {
						require.Equal(t, r.McastPort, i.McastPort)
						require.Equal(t, r.Broadcast, i.Broadcast)
					}
				}
			}
			require.True(t, conf.Releases().Fits(3))
		})
	}
	// What this package refuses beforehand, real pcs refuses as well.
	out, err := exec.CommandContext(context.Background(), "pcs", "cluster", "setup", "c", "n", "addr=10.0.0.1",
		"addr=10.1.0.1", "transport", "udp", "--corosync_conf="+filepath.Join(t.TempDir(), "c")).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "1 address must be specified")
}

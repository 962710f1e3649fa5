package upgrade_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// The pools that IML's agent imports are watched as those of resources are: at all times, whichever node looks. A pair without ZFS has
// nothing to watch.
func TestIMLPoolsAreImportedOnce(t *testing.T) {
	site := zfsSite(map[string]string{
		"3033967174940287451":                  `{"device_type": "zfs", "bdev": "mgspool/MGS", "backfstype": "zfs", "mntpt": "/mnt/MGS"}`,
		"EA0EC37D-288E-48E2-8F11-922980E5CF37": `{"device_type": "zfs", "bdev": "mdtpool/mdt0", "backfstype": "zfs", "mntpt": "/mnt/demo-MDT0000"}`,
	})
	watches := func(s *scene) bool {
		return slices.ContainsFunc(s.book.Invariants, func(i evenkeel.Invariant) bool { return i.ID == "imported-once" && i.Absolute })
	}
	require.False(t, watches(newScene(t, lustretest.Options{}, nil)))
	s := newScene(t, lustretest.Options{Site: site}, nil)
	require.True(t, watches(s))
	for has, says := range map[string]string{"mgspool": "the pool mgspool is imported on both nodes", "local": ""} {
		node := func(name string) sshexec.Runner {
			return sshexec.WithSimLease(name, &sshexec.SimLease{}, sshexec.RunnerFunc(func(context.Context, sshexec.Cmd) (sshexec.Result, error) {
				return sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte("NAME\n" + has + "\n")}, nil
			}))
		}
		_, err := s.watched(t, "imported-once", node(lustretest.Node1), node(lustretest.Node2))
		if says == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, says)
	}
	// And in the world, from the first step to the last.
	p := s.play(t)
	require.NoError(t, p.run())
	require.NoError(t, p.w.Check())
	require.Contains(t, p.sh(lustretest.Node1, "zpool list -o name"), "mgspool")
	require.Contains(t, p.sh(lustretest.Node2, "zpool list -o name"), "mdtpool")
}

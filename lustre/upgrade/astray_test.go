package upgrade_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// LUS-036: "mounted once" is about disks, not about mount points. A disk of the pair by another path, or a Lustre
// target that may be one by another name, is no "observed to hold"; and a table that is empty or cut proves nothing.
func TestMountedOnceKnowsTheDisks(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	const root = "/dev/sda1 / ext4 rw 0 0\n"
	all, moved, renamed := root, root, root
	for i, target := range s.pair.Targets {
		all += fmt.Sprintf("%s %s lustre ro 0 0\n", target.Device, target.Mount)
		moved += fmt.Sprintf("%s %s-byhand lustre ro 0 0\n", target.Device, target.Mount)
		renamed += fmt.Sprintf("/dev/sd%c %s-byhand lustre ro 0 0\n", 'b'+i, target.Mount)
	}
	disk, mount := s.pair.Targets[0].Device, s.pair.Targets[0].Mount
	own := strings.NewReplacer(disk, "/dev/sdb", s.pair.Targets[1].Device, "/dev/sdc").Replace(all)
	const holds, unseen = "", "unseen"
	for name, tc := range map[string]struct{ node1, node2, want string }{
		"all on one node":                 {all, root, holds},
		"by names that the machine gives": {own, root + "/dev/sdb1 /home ext4 rw 0 0\n", holds},
		"a client":                        {all, root + "10.0.0.1@tcp:/demo /mnt/client lustre rw 0 0\n", holds},
		"the same disks, other mount points": {all, moved, "the disk of MGS_32834e, " + disk +
			", is mounted on ct6-mds2.lfs.intl at " + mount + "-byhand"},
		"other mount points, other names": {all, renamed, "/dev/sdb is mounted on ct6-mds2.lfs.intl at " + mount +
			"-byhand, which is the mount point of no target"},
		"the disk as its own file system": {all, root + disk + " " + mount + " ldiskfs rw 0 0\n",
			"is mounted on ct6-mds2.lfs.intl at " + mount + " as ldiskfs"},
		"some disk as the file system below": {all, root + "/dev/sdq /tmp/x ldiskfs rw 0 0\n",
			"/dev/sdq is mounted on ct6-mds2.lfs.intl at /tmp/x"},
		"the disk at the mount point of another":   {all, root + disk + " " + s.pair.Targets[1].Mount + " lustre ro 0 0\n", "ct6-mds2.lfs.intl"},
		"one table is empty":                       {all, "", unseen},
		"one table is cut":                         {all, root[:10], unseen},
		"one table is cut, and the other is wrong": {moved, root[:10], "the disk of MGS_32834e"},
	} {
		t.Run(name, func(t *testing.T) {
			node := func(table string) sshexec.Runner {
				return sshexec.WithSimLease("node", &sshexec.SimLease{},
					sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
						res := sshexec.Result{Outcome: sshexec.Exited}
						if cmd.Argv[0] == "cat" {
							res.Stdout = []byte(table)
						}
						return res, nil
					}))
			}
			rep, err := s.mountedOnce(t, node(tc.node1), node(tc.node2))
			switch tc.want {
			case holds:
				require.NoError(t, err)
				require.Zero(t, rep.Unseen)
				require.NotZero(t, rep.Checks)
			case unseen:
				require.ErrorIs(t, err, evenkeel.ErrUnseen)
			default:
				require.ErrorContains(t, err, tc.want)
			}
		})
	}
}

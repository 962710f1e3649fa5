package upgrade_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// LUS-036: a target that moves while the nodes are read one after the other is no double mount; one that is seen on
// both again is, and so is one that cannot be looked at again.
func TestMountedOnceLooksTwice(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	const (
		mounted = "mounted"
		free    = "free"
		silent  = "silent"
	)
	text := s.play(t).sh(lustretest.Node1, "cat /proc/mounts") + "\n"
	var none strings.Builder
	for line := range strings.Lines(text) {
		if !strings.Contains(line, " lustre ") {
			none.WriteString(line)
		}
	}
	require.NotEqual(t, text, none.String())
	for name, tc := range map[string]struct {
		node1, node2 []string // what is seen there, look by look; the last one stays
		violated     bool
	}{
		"it moves":            {node1: []string{mounted, free}, node2: []string{mounted}},
		"it moves back":       {node1: []string{mounted}, node2: []string{mounted, free}},
		"on both":             {node1: []string{mounted}, node2: []string{mounted}, violated: true},
		"on both, then blind": {node1: []string{mounted, silent}, node2: []string{mounted}, violated: true},
	} {
		t.Run(name, func(t *testing.T) {
			node := func(looks []string) sshexec.Runner {
				return sshexec.WithSimLease("node", &sshexec.SimLease{},
					sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
						res := sshexec.Result{Outcome: sshexec.Exited}
						if cmd.Argv[0] != "cat" {
							return res, nil
						}
						look := looks[0]
						looks = looks[min(1, len(looks)-1):]
						switch look {
						case mounted:
							res.Stdout = []byte(text)
						case free:
							res.Stdout = []byte(none.String())
						case silent:
							res.Outcome = sshexec.NotStarted
							return res, sshexec.Failure("node", cmd, res, errors.New("no route to host"))
						}
						return res, nil
					}))
			}
			_, err := s.mountedOnce(t, node(tc.node1), node(tc.node2))
			if tc.violated {
				require.ErrorContains(t, err, "stop one of them NOW")
				return
			}
			require.NoError(t, err)
		})
	}
}

// H27: a node whose shell finds no zpool has no pool imported only where the kernel has no ZFS.
func TestImportedOnceWithoutZpool(t *testing.T) {
	s := newScene(t, lustretest.Options{Site: lustretest.ZFSGroups(pcs.V09)}, ownRepos)
	for modules, says := range map[string]string{
		"ext4 1 0 - Live 0x0\n":                            "",
		"ext4 1 0 - Live 0x0\nzfs 1 0 - Live 0x0\n":        "zfs is loaded on " + lustretest.Node1,
		"ext4 1 0 - Live 0x0\nzfs_other 1 0 - Live 0x0\n":  "",
		"ext4 1 0 - Live 0x0\nspl 1 0 - Live 0x0 (cut her": "is not read whole",
		"": "is not read whole",
	} {
		node := func(name string, zpool int) sshexec.Runner {
			return sshexec.WithSimLease(name, &sshexec.SimLease{}, sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
				res := sshexec.Result{Outcome: sshexec.Exited}
				switch cmd.Argv[0] {
				case "zpool":
					if res.ExitCode = zpool; zpool != 0 {
						return res, sshexec.Failure(name, cmd, res, nil)
					}
					res.Stdout = []byte("NAME\nost0pool\n")
				case "cat":
					res.Stdout = []byte(modules)
				}
				return res, nil
			}))
		}
		at := evenkeel.HostMap{lustretest.Node1: node(lustretest.Node1, 127), lustretest.Node2: node(lustretest.Node2, 0)}
		_, err := s.watched(t, "imported-once", at[lustretest.Node1], at[lustretest.Node2])
		if says == "" {
			require.NoError(t, err, modules)
			continue
		}
		require.ErrorContains(t, err, says, modules)
	}
}

// mountedOnce runs a step that does nothing, watched by the invariant "mounted-once" alone, on two such nodes.
func (s *scene) mountedOnce(t *testing.T, node1, node2 sshexec.Runner) (*evenkeel.Report, error) {
	t.Helper()
	return s.watched(t, "mounted-once", node1, node2)
}

// watched runs a step that does nothing, watched by one invariant alone, on two such nodes.
func (s *scene) watched(t *testing.T, id string, node1, node2 sshexec.Runner) (*evenkeel.Report, error) {
	t.Helper()
	i := slices.IndexFunc(s.book.Invariants, func(i evenkeel.Invariant) bool { return i.ID == id })
	rb := &evenkeel.Runbook{
		Name: "look", Title: "Look", Invariants: s.book.Invariants[i : i+1],
		Steps: []evenkeel.Step{{ID: "look", Title: "Look", Host: lustretest.Node1, Harmless: "it only looks", Actions: []evenkeel.Action{
			{ID: "true", Change: evenkeel.Change{Title: "Nothing", Repeat: evenkeel.Idempotent, Cmd: sshexec.Command(sshexec.Mutating, "true")}},
		}}},
	}
	return evenkeel.Run(t.Context(), rb, evenkeel.HostMap{lustretest.Node1: node1, lustretest.Node2: node2},
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, RunID: "r", Holder: "test"})
}

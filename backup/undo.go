package backup

import (
	_ "embed" // the scripts
	"path"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

//go:embed scripts/undo.sh
var undoScript string

//go:embed scripts/undo_dir.sh
var undoDirScript string

// keepDir is where what a restore replaces is kept, and keepArchive what holds it.
func keepDir(tree string) string     { return tree + ".inst" }
func keepArchive(tree string) string { return keepDir(tree) + "/replaced.tar" }

// keepReplaced are the operations that keep what the others replace. tar leaves out what is not there.
func keepReplaced(tree string, replaced []string) []Operation {
	kept := sshexec.Command(sshexec.ReadOnly, "test", "-e", keepArchive(tree))
	const means = "what the restore replaces was kept before"
	pack := []string{"tar", "cf", keepArchive(tree) + ".part", "--ignore-failed-read", "-C", "/"}
	for _, name := range replaced {
		pack = append(pack, member(name))
	}
	const harmless = "a copy harms nothing, and the undo of the other operations reads it"
	return []Operation{
		{
			Group: GroupKeep, NoUndo: harmless,
			Change: change.Change{
				Title: "Make a directory that only root reads", Ref: "lustre:113",
				Cmd: sshexec.Command(sshexec.Mutating, "mkdir", "-p", "-m", "700", keepDir(tree)), Repeat: op.Idempotent,
			},
		},
		{
			Group: GroupKeep, NoUndo: harmless,
			Change: change.Change{
				Title: "Keep what the restore is going to replace", Ref: "lustre:113",
				Cmd: sshexec.Command(sshexec.Mutating, pack...), Repeat: op.ProbeFirst, Proof: []change.Proof{proof(means, kept)},
				Note: "not in the guide, which keeps /etc/ssh, /root/.ssh and /etc/ntp.conf only; what is not there yet is left out",
			},
		},
		{
			Group: GroupKeep, NoUndo: harmless,
			Change: change.Change{
				Title: "Give the copy its name", Ref: "lustre:113",
				Cmd: sshexec.Command(sshexec.Mutating, "mv", keepArchive(tree)+".part", keepArchive(tree)), Repeat: op.ProbeFirst,
				Proof: []change.Proof{proof(means, kept)},
			},
		},
	}
}

// member is a path as tar names it below "/".
func member(name string) string { return strings.TrimPrefix(path.Clean(name), "/") }

// putBack undoes the replacement of a path.
func putBack(tree, name string) *sshexec.Cmd {
	cmd := sshexec.Script(sshexec.Mutating, undoScript, keepArchive(tree), name, member(name))
	return &cmd
}

// putBackDir undoes the replacement of a directory that the guide keeps as NAME.inst.
func putBackDir(name string) *sshexec.Cmd {
	cmd := sshexec.Script(sshexec.Mutating, undoDirScript, name)
	return &cmd
}

// Undo gives the operations that take others back, the last first: those of a restore that was carried out, or of its
// part that was. Where sshd was restarted, it is restarted again at the end.
func Undo(done []Operation) []Operation {
	var out []Operation
	var restart *Operation
	for _, o := range slices.Backward(done) {
		if o.restartsSSHD() {
			restart = &o
		}
		if o.Undo == nil {
			continue
		}
		out = append(out, Operation{
			Group: o.Group, NoUndo: "the restore can be carried out again",
			Change: change.Change{
				Title: "Undo: " + o.Title, Cmd: *o.Undo, Repeat: op.Idempotent, Ref: o.Ref,
			},
		})
	}
	if restart != nil {
		out = append(out, *restart)
	}
	return out
}

func (o Operation) restartsSSHD() bool {
	return slices.Equal(o.Cmd.Argv, []string{"systemctl", "restart", "sshd"})
}

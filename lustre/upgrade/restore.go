package upgrade

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// restoreStep brings the backup onto the new system and restores the configuration from it (lustre:455-518, 1180-1240).
func (n *node) restoreStep(ref string) evenkeel.Step {
	target := n.tree() + ".tgz"
	private := evenkeel.Do("private", "Nobody else may read it: it holds /etc/shadow and private keys", "chmod", "0600", target+".part")
	rename := evenkeel.Do("rename", "Give it its name", "mv", "-T", target+".part", target).Probed(evenkeel.Probe{
		Cmd: sha256sum(target), Text: "the file has the backup's digest",
		Paper: []evenkeel.Block{{Script: "sha256sum " + target + " | grep -c " + n.archiveSum.Ref(), Shows: []string{"1"}}},
		Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
			want, err := n.archiveSum.Get(o.Facts)
			if err == nil && sumIn(o.Result) == want {
				return evenkeel.Done, nil
			}
			return evenkeel.NotRun, err
		},
	})
	extract := restoreActions([]backup.Operation{backup.Extract(target, "/root")}, func(backup.Group) bool { return true })
	actions := append([]evenkeel.Action{n.upload(target + ".part"), private, rename}, extract...)
	actions = append(actions, restoreActions(n.restore(n.index, n.tree()), func(g backup.Group) bool { return g != backup.GroupAgent })...)
	return evenkeel.Step{
		ID: n.id("restore"), Title: "Restore the configuration of " + n.Name, Host: n.Name, Ref: ref,
		Needs: []evenkeel.FactKey{n.archiveName, n.archivePath, n.archiveSum}, Actions: actions, Irreversible: n.gone(),
	}
}

// upload copies the backup onto the node and reads it back. One operation, so that a copy that did not arrive whole is
// made anew by a resume.
func (n *node) upload(to string) evenkeel.Action {
	write := sshexec.PrivateFile(to)
	write.Stdin = sshexec.FileInput(n.archivePath.Ref())
	return evenkeel.Action{
		ID: "upload", Paper: []evenkeel.Block{{Cmd: write},
			{Script: "sha256sum " + to + " | grep -c " + n.archiveSum.Ref(), Shows: []string{"1"}}},
		Change: evenkeel.Change{
			Title: "Copy the backup onto the new system, whole", Repeat: evenkeel.Idempotent,
			Op: &evenkeel.Op{
				Effect: evenkeel.Mutating, Cmds: evenkeel.Here(write),
				Text: "Copy " + n.archivePath.Ref() + " to " + to + " on " + n.Name + "; the sha256 of the copy is " + n.archiveSum.Ref() + ".",
				Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
					file, err1 := n.archivePath.Get(at.Facts)
					want, err2 := n.archiveSum.Get(at.Facts)
					target, err3 := at.Facts.Expand(to)
					if err := errors.Join(err1, err2, err3); err != nil {
						return sshexec.Result{}, err
					}
					cmd := sshexec.PrivateFile(target)
					cmd.Stdin = sshexec.FileInput(file)
					if res, err := at.Run(ctx, at.Host, cmd); err != nil {
						return res, err
					}
					res, err := at.Run(ctx, at.Host, sha256sum(target))
					if err == nil && sumIn(res) != want {
						err = fmt.Errorf("the copy is not the backup: its sha256 is %q, not %s", sumIn(res), want)
					}
					return res, err
				},
			},
		},
	}
}

func sha256sum(path string) sshexec.Cmd {
	return sshexec.Command(sshexec.ReadOnly, "sha256sum", path)
}

// sumIn is the digest that sha256sum printed.
func sumIn(res sshexec.Result) string {
	sum, _, _ := strings.Cut(res.Text(), " ")
	return sum
}

// tree is where the backup lies extracted on the node.
func (n *node) tree() string { return "/root/" + n.archiveName.Ref() }

// agentStep installs IML's agent with its old identity (lustre:520-583, 1243-1310).
func (n *node) agentStep(ref string) evenkeel.Step {
	actions := []evenkeel.Action{evenkeel.Do("epel", "Install the definition of the EPEL repository", "yum", "-y", "install", "epel-release")}
	for i, repo := range n.Config.AgentRepos {
		actions = append(actions, evenkeel.Do(fmt.Sprintf("repo-%d", i+1), "Add a repository that the agent needs",
			"yum-config-manager", "--add-repo", repo))
	}
	actions = append(actions, restoreActions(n.restore(n.index, n.tree()), func(g backup.Group) bool { return g == backup.GroupAgent })...)
	actions = append(actions,
		evenkeel.Do("manager-repo", "Fetch the manager's repository definition", "curl", "--fail", "-o",
			"/etc/yum.repos.d/Manager-for-Lustre.repo",
			"--cacert", "/var/lib/chroma/authority.crt", "--cert", "/var/lib/chroma/self.crt", "--key", "/var/lib/chroma/private.pem",
			"https://"+n.Config.Manager+"/repo/Manager-for-Lustre.repo"),
		evenkeel.Do("chroma", "Install the agent", "yum", "-y", "install", "chroma-*").
			Noting("a warning about /selinux/enforce is harmless (lustre:571)"))
	return evenkeel.Step{
		ID: n.id("agent"), Title: "Install the management agent on " + n.Name, Host: n.Name, Ref: ref,
		Needs: []evenkeel.FactKey{n.archiveName}, Actions: actions, Irreversible: n.gone(),
	}
}

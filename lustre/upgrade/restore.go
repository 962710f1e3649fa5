package upgrade

import (
	"fmt"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/internal/steps"
)

// restoreStep brings the backup onto the new system and restores the configuration from it (lustre:455-518, 1180-1240).
func (n *node) restoreStep(ref string) evenkeel.Step {
	target := n.tree() + ".tgz"
	private := evenkeel.Do("private", "Keep everybody else from reading it: it holds /etc/shadow and private keys", "chmod", "0600",
		target+".part")
	rename := steps.Rename("rename", "backup", target, n.archiveSum.Ref())
	extract := steps.Restore([]backup.Operation{backup.Extract(target, "/root")}, func(backup.Group) bool { return true })
	actions := append([]evenkeel.Action{n.upload(target + ".part"), private, rename}, extract...)
	actions = append(actions, steps.Restore(n.restore(n.index, n.tree()), func(g backup.Group) bool { return g != backup.GroupAgent })...)
	return evenkeel.Step{
		ID: n.id("restore"), Title: "Restore the configuration of " + n.Name, Host: n.Name, Ref: ref,
		Needs: []evenkeel.FactKey{n.archiveName, n.archivePath, n.archiveSum}, Actions: actions, Irreversible: n.gone(),
	}
}

// upload copies the backup onto the node and reads it back.
func (n *node) upload(to string) evenkeel.Action {
	return steps.Upload("upload", "Copy the backup onto the new system, whole", "backup", n.Name, n.archivePath.Ref(), n.archiveSum.Ref(), to)
}

// tree is where the backup lies extracted on the node.
func (n *node) tree() string { return "/root/" + n.archiveName.Ref() }

// agentStep installs IML's agent with its old identity (lustre:520-583, 1243-1310).
func (n *node) agentStep(ref string) evenkeel.Step {
	if n.Config.Manager == "" {
		return n.sourcesStep(ref)
	}
	actions := []evenkeel.Action{n.seeAddOn(),
		evenkeel.Do("epel", "Install the definition of the EPEL repository", "yum", "-y", "install", "epel-release")}
	for i, repo := range n.Config.AgentRepos {
		actions = append(actions, evenkeel.Do(fmt.Sprintf("repo-%d", i+1), "Add a repository that the agent needs",
			"yum-config-manager", "--add-repo", repo))
	}
	actions = append(actions, steps.Restore(n.restore(n.index, n.tree()), func(g backup.Group) bool { return g == backup.GroupAgent })...)
	actions = append(actions,
		evenkeel.Do("manager-repo", "Fetch the manager's repository definition", "curl", "--fail", "-o",
			"/etc/yum.repos.d/Manager-for-Lustre.repo",
			"--cacert", "/var/lib/chroma/authority.crt", "--cert", "/var/lib/chroma/self.crt", "--key", "/var/lib/chroma/private.pem",
			"https://"+n.Config.Manager+"/repo/Manager-for-Lustre.repo"),
		installing(evenkeel.Do("chroma", "Install the agent", "yum", "-y", "install", "chroma-*"), "chroma-agent").
			Noting("that a script finds no /selinux/enforce is harmless where its answer, after it, has result null and success true (lustre:571)"))
	return evenkeel.Step{
		ID: n.id("agent"), Title: "Install the management agent on " + n.Name, Host: n.Name, Ref: ref,
		Needs: []evenkeel.FactKey{n.archiveName}, Actions: actions, Irreversible: n.gone(),
	}
}

package upgrade

import (
	"fmt"

	"github.com/evenkeel-ha/evenkeel"
)

// sourcesStep adds the repositories that have Lustre, where no manager has them.
func (n *node) sourcesStep(ref string) evenkeel.Step {
	var actions []evenkeel.Action
	for i, repo := range n.Config.AgentRepos {
		actions = append(actions, evenkeel.Do(fmt.Sprintf("repo-%d", i+1), "Add a repository that has Lustre, or what it needs",
			"yum-config-manager", "--add-repo", repo))
	}
	actions = append(actions, n.seeAddOn())
	return evenkeel.Step{
		ID: n.id("sources"), Title: "Add the repositories that have Lustre to " + n.Name, Host: n.Name, Ref: ref,
		Actions: actions, Irreversible: n.gone(),
	}
}

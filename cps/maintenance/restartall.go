package maintenance

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// RestartConfig says which cluster is restarted. The zero value of a field is its default.
type RestartConfig struct {
	ClusterManager string `yaml:"cluster_manager"` // control name of the Cluster Manager; "cluman"

	Tools Tools `yaml:"tools"` // paths of the guide's programs, where a login does not find them by name
}

// programs that change VMs: while one of them runs nothing is restarted.
var changing = []string{"/mnt/iso/migrate.sh", scripts + "deployer/support/deploy_all.py", scripts + "deployer/deploy.sh", reinitScript}

// RestartAll is restartall.sh, the rolling restart of every VM's processes that the guide wants at the end of a migration,
// for each site (cps:1348-1354, CPS-179). It drops messages. It begins only on a cluster that is well and is not being
// changed, once the operator has confirmed the loss. The error says where a class of VMs has one alone: nobody would serve
// while that one restarts.
func RestartAll(cfg RestartConfig, hosts *cps.Hosts) (*evenkeel.Runbook, error) {
	c, err := newCluster(cfg.ClusterManager, hosts, cfg.Tools)
	errs := []error{err}
	if err == nil {
		for _, class := range classes {
			if vms := hosts.OfClass(c.vms, class); len(vms) < 2 {
				errs = append(errs, fmt.Errorf("%s: %d VM of class %s: while it restarts nobody does its work. "+
					"Stop the traffic to this site first, and restart it by hand", hosts.File, len(vms), class))
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("cannot plan the restart: %w", err)
	}
	rb := &evenkeel.Runbook{
		Name: "cps-restart", Title: "Restart the processes of every VM of CPS", Version: "cps-restart 1",
		Inputs: []evenkeel.Input{c.input()}, Invariants: c.invariants(), LeaseHosts: []string{c.manager}, Functions: steps.PaperFunctions,
		Intro: "restartall.sh restarts one VM after the other. Caution: messages are dropped (cps:1354). It ends errors without effect that " +
			"stand in the logs after a migration; run it for each site, one site after the other (cps:1350). It follows the CPS Migration " +
			"and Upgrade Guide; cps:N is a line of it.",
		Steps: []evenkeel.Step{c.fitToRestart(), c.confirmLoss(), c.restartEverything()},
	}
	rb.MarkWide(func(cmd sshexec.Cmd) bool { return cmd.Argv[0] == c.tools.RestartAll })
	rb.MarkDetached(func(cmd sshexec.Cmd) bool { return cmd.Argv[0] == c.tools.RestartAll })
	rb.Estimate(evenkeel.Guess)
	return rb, rb.Validate()
}

// fitToRestart changes nothing.
func (c *cluster) fitToRestart() evenkeel.Step {
	actions := []evenkeel.Action{c.listed(), c.healthy("health")}
	for _, vm := range c.withQNS(c.vms) {
		actions = append(actions, runs("before", vm, true))
	}
	return evenkeel.Step{
		ID: "preflight", Title: "Verify that the cluster is well, and that nothing changes it", Host: c.manager, Ref: "cps:1348-1354",
		Actions: append(actions, c.unchanged("quiet")),
	}
}

// unchanged waits until nothing changes the VMs.
func (c *cluster) unchanged(id string) evenkeel.Action {
	a := evenkeel.Look(id, "Verify that nothing changes the VMs", steps.ListProcesses.Argv...).On(c.manager).
		Until(time.Hour, "the whole list, and none of the scripts that change VMs", steps.Quiet(changing...))
	a.Paper = steps.Prints(steps.ListProcesses, "| running "+shellescape.QuoteCommand(changing), "none of them runs")
	return a
}

// confirmLoss is what only the operator knows (CPS-179).
func (c *cluster) confirmLoss() evenkeel.Step {
	return evenkeel.Step{
		ID: "confirm", Title: "Confirm that messages may be dropped", Host: c.manager, Ref: "cps:1352-1354",
		Actions: []evenkeel.Action{evenkeel.ByHand("loss", "Confirm that messages may be dropped",
			"restartall.sh drops messages (cps:1354). Confirm that this is a quiet hour, that messages may be dropped now, and that "+
				"no other site is being restarted or migrated.").From("cps:1354")},
	}
}

// restartEverything restarts, and verifies that every VM works again.
func (c *cluster) restartEverything() evenkeel.Step {
	all := c.withQNS(c.vms)
	var running []evenkeel.Action
	for _, vm := range all {
		running = append(running, runs("running", vm, true))
	}
	return evenkeel.Step{
		ID: "restart", Title: "Restart the processes of every VM", Host: c.manager, Ref: "cps:1350-1354",
		Opens: []evenkeel.Window{{
			ID: "restarts", Invariant: invariantAll, Limit: 6 * time.Hour, Stop: evenkeel.StopAtClose,
			Reason: "restartall.sh stops and starts the processes of one VM after the other; messages are dropped (cps:1354)",
		}},
		Closes: []string{"restarts"},
		Actions: slices.Concat([]evenkeel.Action{
			c.unchanged("still-quiet").AsPrecondition(),
			evenkeel.Disrupt("restart", "Restart the processes of one VM after the other", c.tools.RestartAll).From("cps:1350").
				Timeout(6 * time.Hour).Noting("Once more restarts once more, and drops messages once more; nothing else."),
		}, running),
		Verify:       []evenkeel.Action{c.healthy("health")},
		Irreversible: "a restart that has begun is brought to its end, and verified, by resume: nothing undoes it",
	}
}

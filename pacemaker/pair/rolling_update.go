package pair

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// updateStep has the operator, or the site's own command, update the node. The evidence is the same. That the list of packages is new
// shows neither that the update has ended nor that the operator is done: both are wanted before anything goes on.
func (n *node) updateStep(other *node) evenkeel.Step {
	s := evenkeel.Step{ID: n.id("update"), Title: "Update " + n.Name, Host: n.Name,
		Why:   "The cluster does not run there, and does not start there by itself: what the update restarts serves nobody.",
		Needs: []evenkeel.FactKey{other.bootSeen, n.fenced, n.software, n.features},
		Undo:  []evenkeel.Action{n.unrisen("features", other), n.downgrade(), n.packaged("packaged")}}
	update := n.seeUpdated("update")
	update.Title, update.Expect.Awaits = "Update "+n.Name, true
	s.Actions = n.alone(other)
	if n.Config.Provision == nil {
		update.Manual = "Update " + n.Name + " as your site does it, such as by dnf -y upgrade. Do not start the cluster there. " +
			n.whoRestarts() + " Wanted: " + n.wanted() + "."
		s.Actions = append(s.Actions, update, evenkeel.ByHand("complete", "Confirm that the update of "+n.Name+" is complete",
			"Confirm that the update of "+n.Name+" is complete: the command has ended, with all that it does after the packages are "+
				"installed. "+n.whoRestarts()))
	} else {
		s.Actions = append(s.Actions, n.provisioned("provision", "Have the site's own command update "+n.Name, n.seeUpdated("")))
		update.Title, update.Limit = "Wait until "+n.Name+" is updated", n.Config.Install
		update.Expect.Check = patient(update.Expect.Check)
		s.Actions = append(s.Actions, update)
	}
	s.Actions = append(s.Actions, n.packaged("packaged").AsPrecondition())
	if n.Config.Restart {
		s.Actions = append(s.Actions, n.restart(other)...)
		s.Makes = []evenkeel.FactKey{n.bootOld}
	}
	s.Verify = slices.Concat([]evenkeel.Action{n.to.runs("release", "Verify that "+n.Name+" runs the same release of the system", n.Name),
		n.hostname("hostname"), n.seeUpdated("software"), n.seePCS("pcs", n.oldPCS)}, n.sameFiles(), n.down("still"),
		[]evenkeel.Action{n.joins("features", other), n.seeAble("able", n.moved())}, n.seeFits("fits"))
	return s
}

// whoRestarts says who restarts the node, and when: a restart by hand must not meet what the run does next.
func (n *node) whoRestarts() string {
	if n.Config.Restart {
		return "Do not restart it: the run does so when you have confirmed that the update is complete."
	}
	return "If the update asks for a restart, restart it before you confirm that the update is complete, and not afterwards."
}

// alone are the preconditions of what is done to a node that is away.
func (n *node) alone(other *node) []evenkeel.Action {
	list := []evenkeel.Action{n.steady(other).AsPrecondition(), n.allOn("placed", other).AsPrecondition(),
		n.serves("serving", other.Name).AsPrecondition()}
	for _, a := range n.down("away") {
		list = append(list, a.AsPrecondition())
	}
	return list
}

// down wants the cluster neither to run on the node nor to start there at boot.
func (n *node) down(id string) []evenkeel.Action {
	was := n.oldCluster(n.Name)
	return []evenkeel.Action{
		evenkeel.Prove(id+"-stopped", "Verify that the cluster does not run on "+n.Name, was.Stopped(n.called())[0]),
		evenkeel.Prove(id+"-no-boot", "Verify that the cluster does not start at boot on "+n.Name, was.AtBoot(n.called(), false)[0]),
	}
}

// restart restarts the machine.
func (n *node) restart(other *node) []evenkeel.Action {
	reboot := evenkeel.Disrupt("restart", "Restart "+n.Name, "systemctl", "reboot").Probed(steps.BootProbe(n.bootOld, evenkeel.Inconclusive))
	reboot.DropsConnection, reboot.Limit = true, n.Config.Install
	back := evenkeel.Look("back", "Wait until "+n.Name+" is up again", steps.BootIDCommand()...).
		Until(n.Config.Install, "another boot id than before", func(o evenkeel.Observed) error {
			was, err1 := n.bootOld.Get(o.Facts)
			is, err2 := steps.BootID(o)
			if err := errors.Join(err1, err2); err != nil || is != was {
				return err
			}
			return evenkeel.NotYet(10*time.Second, "it has not gone down yet")
		})
	back.Expect.Awaits = true
	list := []evenkeel.Action{steps.Boot("boot-id", n.bootOld)}
	for _, a := range append(n.down("away-still"), n.serves("serving-still", other.Name)) {
		list = append(list, a.AsPrecondition())
	}
	return append(list, reboot, back)
}

// downgrade has the operator bring the packages back that the node had. Nothing else undoes an update.
func (n *node) downgrade() evenkeel.Action {
	a := evenkeel.Look("downgrade", "Bring "+n.Name+" back to the cluster's packages that it had", n.listing()...).On(n.Name).
		Expecting("the cluster's packages from before: $"+n.software.Variable(), func(o evenkeel.Observed) error {
			was, err := n.software.Get(o.Facts)
			if err == nil && o.Text() != was {
				err = fmt.Errorf("%s does not have the cluster's packages that it had: %s", n.Name, firstOther(was, o.Text()))
			}
			return err
		})
	a.Manual = "Install on " + n.Name + " the versions that the cluster's packages had before the run (dnf history undo, or dnf " +
		"downgrade). Other packages are not compared. Do not start the cluster there, and do not restart the node: the rollback goes on " +
		"as soon as these versions are there and dnf has ended. If the old packages need a restart, restart the node first, and bring " +
		"pacemaker back last."
	a.Expect.Awaits = true
	return a
}

// firstOther is the first package that two listings have in other versions.
func firstOther(was, is string) string {
	now := strings.Split(is, "\n")
	for i, line := range strings.Split(was, "\n") {
		if i >= len(now) || now[i] != line {
			return line + " is wanted"
		}
	}
	return "the listing has other lines"
}

// provisions tells the site's own command.
func (p *Pair) provisions(c sshexec.Cmd) bool {
	own := p.Config.Provision
	return own != nil && slices.Equal(c.Argv[:min(len(c.Argv), len(own.Argv))], own.Argv)
}

// sameFiles wants what makes a node one of its cluster to be as it was when the plan was made.
func (n *node) sameFiles() (actions []evenkeel.Action) {
	for _, file := range []string{"/etc/corosync/corosync.conf", "/etc/corosync/authkey", "/etc/pacemaker/authkey"} {
		was, err := n.archives[n.index].ReadFile(file)
		if err != nil {
			continue // the cluster may do without a key; of corosync.conf [Pair.open] wants that it is there
		}
		sum := digest(was)
		name := strings.ReplaceAll(strings.TrimPrefix(file, "/etc/"), "/", "-")
		actions = append(actions, evenkeel.Look("same-"+strings.TrimSuffix(name, path.Ext(name)), "Verify that "+file+" on "+n.Name+
			" is the one that was backed up", steps.SHA256Sum(file).Argv...).On(n.Name).
			Expecting("the sha256 "+sum, evenkeel.Succeeding(func(o evenkeel.Observed) error {
				if is := steps.Sum(o.Result); is != sum {
					return fmt.Errorf("%s on %s has changed since it was backed up: its sha256 is %q, not %s", file, n.Name, is, sum)
				}
				return nil
			})))
	}
	return actions
}

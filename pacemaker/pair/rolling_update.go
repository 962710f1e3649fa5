package pair

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// updateStep has the operator, or the site's own command, update the node. The evidence is the same.
func (n *node) updateStep(other *node) evenkeel.Step {
	s := evenkeel.Step{ID: n.id("update"), Title: "Update " + n.Name, Host: n.Name,
		Why:   "The cluster does not run there, and does not start there by itself: what the update restarts serves nobody.",
		Needs: []evenkeel.FactKey{other.bootSeen, n.fenced, n.software},
		Undo:  []evenkeel.Action{n.downgrade()}}
	update := n.seeUpdated("update")
	update.Title, update.Expect.Awaits = "Update "+n.Name, true
	s.Actions = n.alone(other)
	if n.Config.Provision == nil {
		update.Manual = "Update " + n.Name + " as your site does it, such as by dnf -y upgrade, and restart it if the update asks for it. " +
			"Do not start the cluster there. Wanted: " + n.wanted() + "."
	} else {
		s.Actions = append(s.Actions, n.provisioned("provision", "Have the site's own command update "+n.Name, n.seeUpdated("")))
		update.Title, update.Limit = "Wait until "+n.Name+" is updated", n.Config.Install
		update.Expect.Check = patient(update.Expect.Check)
	}
	s.Actions = append(s.Actions, update)
	if n.Config.Restart {
		s.Actions = append(s.Actions, n.restart(other)...)
		s.Makes = []evenkeel.FactKey{n.bootOld}
	}
	s.Verify = slices.Concat([]evenkeel.Action{n.to.runs("release", "Verify that "+n.Name+" runs the same release of the system", n.Name),
		n.hostname("hostname"), n.seeUpdated("software"), n.seePCS("pcs", n.oldPCS)}, n.sameFiles(), n.down("still"),
		[]evenkeel.Action{n.joins("features", other), n.seeAble("able", n.moved())}, n.seeFits("fits"))
	return s
}

// alone are the preconditions of what is done to a node that is away.
func (n *node) alone(other *node) []evenkeel.Action {
	list := []evenkeel.Action{n.steady(other).AsPrecondition(), n.serves("serving", other.Name).AsPrecondition()}
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
	return []evenkeel.Action{steps.Boot("boot-id", n.bootOld), n.serves("serving-still", other.Name).AsPrecondition(), reboot, back}
}

// downgrade has the operator bring the packages back that the node had. Nothing else undoes an update.
func (n *node) downgrade() evenkeel.Action {
	a := evenkeel.Look("downgrade", "Bring "+n.Name+" back to the packages that it had", n.listing()...).On(n.Name).
		Expecting("the packages from before: $"+n.software.Variable(), evenkeel.Succeeding(func(o evenkeel.Observed) error {
			was, err := n.software.Get(o.Facts)
			if err == nil && o.Text() != was {
				err = fmt.Errorf("%s does not have the packages that it had: %s", n.Name, firstOther(was, o.Text()))
			}
			return err
		}))
	a.Manual = "Install on " + n.Name + " the versions that its cluster's software had before the run (dnf history undo, or dnf " +
		"downgrade). Do not start the cluster there."
	a.Expect.Awaits = true
	return a
}

// firstOther is the first package that two listings have in other versions.
func firstOther(was, is string) string {
	now := strings.Fields(is)
	for i, line := range strings.Fields(was) {
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

// watched are the packages whose versions are looked at: the cluster's, those that the resources need, and those that the site names.
func (p *Pair) watched() []string {
	names := slices.Concat(p.to.names, p.Config.Packages, slices.Collect(maps.Keys(p.Config.Versions)))
	slices.Sort(names)
	return slices.Compact(names)
}

// listing lists them on a node, a line each.
func (p *Pair) listing() []string { return append(slices.Clone(p.to.list), p.watched()...) }

// wanted are the versions that the update brings, in words.
func (p *Pair) wanted() string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(p.Config.Versions)) {
		list = append(list, name+" "+p.Config.Versions[name])
	}
	return strings.Join(list, ", ")
}

// noteSoftware notes which packages a node has before it is updated.
func (n *node) noteSoftware(id string) evenkeel.Action {
	a := evenkeel.Look(id, "Note the packages of "+n.Name, n.listing()...).On(n.Name).
		Expecting(strings.Join(n.watched(), ", "), installed(n.watched()))
	a.Makes = []evenkeel.Make{n.software.From(func(o evenkeel.Observed) (string, error) { return o.Text(), nil })}
	return a
}

// seeUpdated wants a node to have the versions that the update brings.
func (n *node) seeUpdated(id string) evenkeel.Action {
	all := installed(n.watched())
	return evenkeel.Look(id, "Verify that "+n.Name+" has what the update brings", n.listing()...).On(n.Name).
		Expecting(n.wanted(), func(o evenkeel.Observed) error {
			if err := all(o); err != nil {
				return err
			}
			for i, line := range strings.Fields(o.Text()) {
				name := n.watched()[i]
				has, want := strings.TrimPrefix(line, name+"-"), n.Config.Versions[name]
				if want != "" && !isVersion(has, want) {
					return fmt.Errorf("%s has %s %s, not %s", n.Name, name, has, want)
				}
			}
			return nil
		})
}

// isVersion tells whether a version, as rpm lists it, is the wanted one, or one of its builds: 2.1.7-5.el9.x86_64 is 2.1.7-5.el9, and
// 2.1.7.
func isVersion(has, want string) bool {
	rest, is := strings.CutPrefix(has, want)
	return is && (rest == "" || strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "-"))
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

// agree wants both nodes to have the same software, and an older one than the update brings.
func (p *Pair) agree(id string) evenkeel.Action {
	one, two := p.Config.Node1.Name, p.Config.Node2.Name
	return evenkeel.Action{ID: id, Change: evenkeel.Change{
		Title: "Verify that both nodes have the same cluster software, and none that is newer than the update", Host: one,
		Op: &evenkeel.Op{Effect: evenkeel.ReadOnly, Text: "On both nodes, `" + strings.Join(p.listing(), " ") + "` prints the same, and no " +
			"newer version than one of these: " + p.wanted() + ".",
			Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				var lists [2]string
				for i, host := range []string{one, two} {
					res, err := at.Run(ctx, host, Brief(p.listing()...))
					if err == nil {
						err = installed(p.watched())(evenkeel.Observed{Result: res, Host: host})
					}
					if err != nil {
						return res, fmt.Errorf("%s: %w", host, err)
					}
					lists[i] = res.Text()
				}
				if lists[0] != lists[1] {
					return sshexec.Result{}, evenkeel.NeedsOperator("%s and %s have other versions of one package: %s on %s. Bring both to the same, "+
						"and make the plan anew", one, two, firstOther(lists[0], lists[1]), two)
				}
				return sshexec.Result{}, p.older(lists[0])
			}},
	}}
}

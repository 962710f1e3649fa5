package upgrade

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/live"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// comparison holds the new cluster against the old one.
type comparison struct{ *Pair }

// compare says what still differs from the state before the run, as the backups and the facts of the first step have
// it: systems, targets, the old cluster's configuration, and whether it runs and starts at boot.
func (p comparison) compare(ctx context.Context, at evenkeel.Site) ([]string, error) {
	var diff []string
	old := map[string]bool{} // the nodes that still have their old system
	for _, n := range []*node{p.node(0), p.node(1)} {
		found, is := n.compareSystem(ctx, at)
		diff, old[n.Name] = append(diff, found...), is
	}
	diff = append(diff, p.compareMounts(ctx, at)...)
	if n2 := p.Config.Node2.Name; old[n2] {
		diff = append(diff, p.compareCluster(ctx, at, old)...)
	}
	return diff, ctx.Err()
}

// compareSystem looks at one node: its system, and whether its old cluster runs and starts at boot.
func (n *node) compareSystem(ctx context.Context, at evenkeel.Site) (diff []string, old bool) {
	res, err := at.Run(ctx, n.Name, brief("cat", "/etc/redhat-release"))
	switch text := res.Text(); {
	case err != nil:
		return []string{fmt.Sprintf("%s cannot be looked at: %v. If it is off, switch it on; if its new system is being "+
			"installed, leave it off or go on with the upgrade", n.Name, err)}, false
	case !strings.Contains(text, n.Config.OldRelease):
		return []string{fmt.Sprintf("%s runs %q: its old system (%s) is gone: the way is forward, or to install the old system by hand",
			n.Name, text, n.Config.OldRelease)}, false
	}
	was := n.oldCluster(n.Name)
	for _, service := range clusterServices {
		diff = append(diff, n.compareService(ctx, at, service)...)
	}
	for i, e := range was.AtBoot(n.Pair.old(n.Name), true) {
		service := clusterServices[i]
		before, err := n.autostart[i].Get(at.Facts)
		if err != nil {
			continue // the run had not come to note it, and changed nothing
		}
		now := "on"
		if err := ask(ctx, at, e); isCommandError(err) {
			diff = append(diff, fmt.Sprintf("%s: whether %s starts at boot is not known: %v", n.Name, service, err))
			continue
		} else if err != nil {
			now = "off"
		}
		if now != before {
			diff = append(diff, fmt.Sprintf("whether %s starts at boot on %s was %s, is now %s: chkconfig %[1]s %[3]s", service,
				n.Name, before, now))
		}
	}
	return diff, true
}

// compareService tells whether a service runs, as its init script says: exit status 0 and the word is yes, 3 is no, and
// anything else is not known. A daemon that died leaves 1 or 2, and the others may still run.
func (n *node) compareService(ctx context.Context, at evenkeel.Site, service string) []string {
	res, err := at.Run(ctx, n.Name, brief("service", service, "status"))
	text := strings.TrimSpace(string(res.Stdout) + string(res.Stderr))
	switch {
	case err != nil && res.Outcome != evenkeel.Exited:
		return []string{fmt.Sprintf("%s: whether %s runs is not known: %v", n.Name, service, err)}
	case res.ExitCode == 0 && strings.Contains(text, "is running"):
		return nil
	case res.ExitCode == 3:
		return []string{fmt.Sprintf("%s does not run on %s: service %[1]s start", service, n.Name)}
	}
	return []string{fmt.Sprintf("%s: whether %s runs is not known: service %[2]s status: exit status %d: %s", n.Name,
		service, res.ExitCode, text)}
}

// compareMounts looks where each target is mounted.
func (p comparison) compareMounts(ctx context.Context, at evenkeel.Site) (diff []string) {
	w := watching(p)
	seen, unseen := w.mounts(ctx, at)
	diff = append(diff, w.astray(seen)...)
	on := seen.nodes()
	for _, t := range p.Targets {
		nodes := on[t.Mount]
		switch {
		case t.Disabled && len(nodes) > 0:
			diff = append(diff, fmt.Sprintf("%s is mounted on %s: it was disabled", t.Resource, strings.Join(nodes, " and ")))
		case t.Disabled:
		case len(nodes) > 1:
			diff = append(diff, fmt.Sprintf("%s is mounted on %s: stop one of them NOW", t.Resource, strings.Join(nodes, " and ")))
		case len(nodes) == 1 && nodes[0] == t.Preferred:
		case len(nodes) == 1:
			diff = append(diff, fmt.Sprintf("%s is mounted on %s, not on the node that it prefers, %s: move it there when its "+
				"clients can wait for it (pcs resource relocate run %[1]s, where pcs has it)", t.Resource, nodes[0], t.Preferred))
		case unseen != nil:
			diff = append(diff, fmt.Sprintf("%s: where it is mounted is not known: %v", t.Resource, unseen))
		default:
			diff = append(diff, fmt.Sprintf("%s is mounted on no node", t.Resource))
		}
	}
	return diff
}

// compareCluster compares the configuration of the old cluster, as node 2 has it, with the backup. A node that is gone
// from it shows as such.
func (p comparison) compareCluster(ctx context.Context, at evenkeel.Site, old map[string]bool) []string {
	n2 := p.Config.Node2.Name
	res, err := at.Run(ctx, n2, brief(queryCIB...))
	var cib *pacemaker.CIB
	if err == nil {
		cib, err = readCIB(evenkeel.Observed{Result: res})
	}
	if err != nil {
		return []string{fmt.Sprintf("the configuration of the old cluster cannot be compared: %v", err)}
	}
	var diff []string
	for _, d := range pacemaker.Diff(p.CIB, cib) {
		diff = append(diff, "the old cluster: "+d.String()+p.advice(d, old))
	}
	return append(diff, p.compareMembers(ctx, at, old)...)
}

// compareMembers wants every node that has its old system to be a member of the old cluster.
func (p comparison) compareMembers(ctx context.Context, at evenkeel.Site, old map[string]bool) []string {
	var names []string
	for _, s := range p.servers() {
		if old[s.Name] {
			names = append(names, p.old(s.Name))
		}
	}
	if err := ask(ctx, at, p.oldCluster(p.Config.Node2.Name).Online(names...)); err != nil {
		return []string{fmt.Sprintf("the old cluster is not whole: %v", err)}
	}
	return nil
}

// advice says what a difference of the old cluster's configuration means, and how it is put right.
func (p comparison) advice(d pacemaker.Difference, old map[string]bool) string {
	n1, field := p.Config.Node1.Name, d.Field+" "+d.Subject
	throttled := slices.ContainsFunc(live.Unthrottled(), func(u pacemaker.NVPair) bool { return strings.Contains(field, u.Name) })
	switch {
	case strings.Contains(field, "stonith-enabled") && !old[n1]:
		return ". FENCING IS OFF: nothing takes the targets from a node that is lost. It has to stay off while " + n1 +
			" is being rebuilt; when that stays off for good, `" + p.put("stonith-enabled") + "`"
	case strings.Contains(field, "stonith-enabled"):
		return ". FENCING IS OFF: nothing takes the targets from a node that is lost. Switch it on when both nodes are well: `" +
			p.put("stonith-enabled") + "`"
	case throttled:
		for _, u := range live.Unthrottled() {
			if strings.Contains(field, u.Name) {
				return ". Pacemaker's throttle is lifted: `" + p.put(u.Name) + "`"
			}
		}
	case strings.Contains(field, "standby"):
		return ". A node in standby takes no target: `" +
			sshexec.Command(sshexec.Disruptive, p.Config.OldPCS.Unstandby(d.Subject).Argv...).String() + "` when it is well"
	}
	return ""
}

// put is the command that gives a property of the old cluster the value that it had.
func (p comparison) put(property string) string {
	o := p.Config.OldPCS.UnsetProperty(property)
	if v, has := p.CIB.Property(property); has {
		o = p.Config.OldPCS.SetProperty(pacemaker.NVPair{Name: property, Value: v})
	}
	return o.String()
}

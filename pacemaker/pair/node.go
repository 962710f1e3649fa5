package pair

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/steps"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// node is one of the two on its way through the upgrade.
type node struct {
	*Pair
	Server
	index int // 0 or 1
	no    string

	archiveName, archivePath, archiveSum evenkeel.Fact[string]
	autostart, bootSeen, bootOld, fenced evenkeel.Fact[string]
	software, features                   evenkeel.Fact[string]
}

func (p *Pair) node(i int) *node {
	n := &node{Pair: p, Server: p.servers()[i], index: i, no: strconv.Itoa(i + 1)}
	fact := func(name, doc string) evenkeel.Fact[string] {
		return evenkeel.NewFact[string]("node"+n.no+"."+name, doc+" of "+n.Name)
	}
	n.archiveName = fact("archive.name", "the name of the fresh backup")
	n.archivePath = fact("archive.path", "the file, on this machine, of the fresh backup")
	n.archiveSum = fact("archive.sha256", "the digest of the fresh backup")
	n.autostart = fact("autostart", "how the old cluster starts at boot, enable or disable, in the old system")
	n.bootSeen = fact("boot.seen", "the boot id at the beginning of the run")
	n.bootOld = fact("boot.old", "the boot id, before it is shut down,")
	n.fenced = fact("fenced", "the history of fencing at the beginning of the run")
	n.software = fact("software", "the cluster's packages before the update")
	n.features = evenkeel.NewFact[string]("cluster.features", "the feature set of the cluster at the beginning of the run")
	return n
}

// id makes a step's ID for this node.
func (n *node) id(what string) string { return what + "-node" + n.no }

// gone says why nothing can be rolled back from when the node is rebuilt.
func (n *node) gone() string {
	why := "the old system of " + n.Name + " is erased; as long as " + n.Name + " is not rebuilt, every unit runs on the other node: go on"
	if n.index == 0 {
		why += ", or leave it off, and the pair stays as it is, without a second node"
	}
	return why
}

func (n *node) hostname(id string) evenkeel.Action {
	short, _, _ := strings.Cut(n.Name, ".")
	return evenkeel.Look(id, "Verify that it is the machine that it should be", "hostname").Expecting(short, evenkeel.Says(short,
		n.Name)).On(n.Name)
}

// seePCS wants the pcs of a node to be of the generation that the plan speaks to.
func (n *node) seePCS(id string, want pcs.Dialect) evenkeel.Action {
	return evenkeel.Look(id, "Verify that the pcs on "+n.Name+" is one that the plan speaks to", pcs.QueryVersion().Argv...).
		Expecting(want.Name(), evenkeel.Succeeding(func(o evenkeel.Observed) error {
			v, err := pcs.ParseVersion(bytes.NewReader(o.Stdout))
			if err != nil {
				return err
			}
			have, err := pcs.DialectOf(v)
			if err == nil && have.Name() != want.Name() {
				err = evenkeel.NeedsOperator("%s has pcs %s, and the plan was made for %s", n.Name, v, want.Name())
			}
			return err
		})).On(n.Name)
}

// services are those that make up a cluster.
var services = []string{"corosync", "pacemaker"}

// noteAutostart notes whether the old cluster starts at boot.
func (n *node) noteAutostart() evenkeel.Action {
	a := evenkeel.Look("autostart-"+n.no, "Note whether the cluster starts at boot on "+n.Name, append([]string{"systemctl",
		"is-enabled"}, services...)...).
		Expecting("enabled or disabled, the same for both services", func(o evenkeel.Observed) error {
			_,
				err := n.autostartVerb(o)
			return err
		}).On(n.Name)
	a.Makes = []evenkeel.Make{n.autostart.From(n.autostartVerb)}
	return a
}

// autostartVerb is the verb of systemctl that makes of a node what systemctl is-enabled says of it.
func (n *node) autostartVerb(o evenkeel.Observed) (string, error) {
	switch states := strings.Fields(o.Text()); {
	case slices.Equal(states, []string{"enabled", "enabled"}):
		return "enable", nil
	case slices.Equal(states, []string{"disabled", "disabled"}):
		return "disable", nil
	}
	return "", fmt.Errorf("corosync and pacemaker are neither both enabled nor both disabled on %s: %q %q", n.Name, o.Text(), o.Stderr)
}

// autostartBack lets the old cluster start at boot as it did.
func (n *node) autostartBack() evenkeel.Action {
	return evenkeel.Do("boot", "Let the old cluster start at boot on "+n.Name+" as it did", append([]string{"systemctl",
		n.autostart.Ref()}, services...)...).On(n.Name)
}

// seeAble wants a node to have all that units need to start.
func (n *node) seeAble(id string, units []Unit) evenkeel.Action {
	return evenkeel.Action{ID: id, Change: evenkeel.Change{
		Title: "Verify that " + n.Name + " has all that the units need to start", Host: n.Name,
		Op: &evenkeel.Op{Effect: evenkeel.ReadOnly, Text: "On " + n.Name + ": " + needs(units) + ".",
			Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				missing, err := Lacking(ctx, at, n.Name, units)
				if err == nil && len(missing) > 0 {
					err = evenkeel.NeedsOperator("%s cannot start everything: %s. Put that right, and resume", n.Name, strings.Join(missing, "; "))
				}
				return sshexec.Result{}, err
			}},
	}}
}

// needs are the needs of units in words, each with its command once.
func needs(units []Unit) string {
	return looks(units, func(m Member) []Look { return m.Needs }, "nothing is known to be needed")
}

// looks are looks of units in words, each with its command once.
func looks(units []Unit, of func(Member) []Look, none string) string {
	var list []string
	for _, u := range units {
		for _, m := range u.Members {
			for _, l := range of(m) {
				if text := l.Text + " (`" + strings.Join(l.Argv, " ") + "`)"; !slices.Contains(list, text) {
					list = append(list, text)
				}
			}
		}
	}
	if len(list) == 0 {
		return none
	}
	return strings.Join(list, "; ")
}

// backupStep takes a fresh backup to this machine and proves that it is whole.
func (n *node) backupStep() evenkeel.Step {
	a := n.archive()
	take := evenkeel.Action{ID: "backup", Makes: a.Makes(), Paper: a.TakePaper(), Change: evenkeel.Change{
		Title: "Back up " + n.Name + " to this machine",
		Op: &evenkeel.Op{Effect: evenkeel.ReadOnly, Do: a.Take(n.Config.ArchiveDir),
			Text: "Stream an archive of the files that are restored later on, and of the cluster's configuration, to this machine. Nothing " +
				"is written on the node."},
	}}
	check := n.local("check", "Read the backup again: nothing that a later step needs is missing, and the cluster is as it was planned for",
		"Compare the archive's digest with "+n.archiveSum.Ref()+"; list it, and compare the cluster's configuration with that of the "+
			"plan.", func(path string) error {
			fresh := &Pair{Config: n.Config}
			cib, err := fresh.open(n.index, Server{Name: n.Name, Backup: path})
			if err != nil {
				return err
			}
			return n.unchanged(cib)
		})
	check.Paper = append(check.Paper, a.ListPaper())
	why := "The machine is erased later on: what is not in this backup is lost."
	if n.rolling() {
		why = "What the update changes can be compared with it, and the cluster can be made again from it."
	}
	return evenkeel.Step{ID: n.id("backup"), Title: "Back up " + n.Name, Host: n.Name,
		Why:   why,
		Makes: []evenkeel.FactKey{n.archiveName, n.archivePath, n.archiveSum}, Actions: []evenkeel.Action{take, check}}
}

// archive is the fresh backup of the node.
func (n *node) archive() Archive {
	return Archive{n.Name, Manifest(n.Config.Restore...), n.archiveName, n.archivePath, n.archiveSum}
}

// local looks at the fresh backup's file on this machine, when it was read again and found to be what was made.
func (n *node) local(id, title, text string, also func(path string) error) evenkeel.Action {
	return evenkeel.Action{ID: id, Paper: []evenkeel.Block{n.archive().WholePaper()}, Change: evenkeel.Change{
		Title: title, Op: &evenkeel.Op{Effect: evenkeel.ReadOnly, Text: text,
			Do: func(_ context.Context, at evenkeel.Site) (sshexec.Result, error) {
				path, err := n.archive().Whole(at)
				if err == nil {
					err = also(path)
				}
				return sshexec.Result{}, err
			}}}}
}

// shutDownStep shuts a node down. Up to the installation that follows the node can be switched on again as it was.
func (n *node) shutDownStep(before ...evenkeel.Action) evenkeel.Step {
	other := n.node(1 - n.index)
	down := evenkeel.Disrupt("shutdown", "Shut "+n.Name+" down", "shutdown", "-h", "now").Probed(steps.BootProbe(n.bootOld, evenkeel.Done))
	down.DropsConnection, down.Limit = true, n.Config.Install
	on := n.from.runs("switch-on", "Switch "+n.Name+" on again, as it was", n.Name)
	on.Manual = "Switch " + n.Name + " on again if it is off, without installing anything, and wait until its old system is up."
	on.Expect.Awaits = true
	safe := n.local("backup", "Verify that the backup of "+n.Name+" is on this machine, and whole",
		"Compare the sha256 of "+n.archivePath.Ref()+", on this machine, with "+n.archiveSum.Ref()+": what is not in it is "+
			"lost.", func(string) error { return nil })
	return evenkeel.Step{
		ID: n.id("shutdown"), Title: "Shut " + n.Name + " down", Host: n.Name, Reinstalls: []string{n.Name},
		Needs: []evenkeel.FactKey{n.node(1).bootSeen, n.node(0).fenced, n.archivePath, n.archiveSum}, Makes: []evenkeel.FactKey{n.bootOld},
		Actions: slices.Concat([]evenkeel.Action{steps.Boot("boot-id", n.bootOld), safe.AsPrecondition(),
			n.free("free", n.Name), n.serves("served", other.Name).AsPrecondition()}, before, []evenkeel.Action{down}),
		Undo: []evenkeel.Action{on},
	}
}

// free wants a node to hold no unit, as far as looks can tell.
func (p *Pair) free(id, host string) evenkeel.Action {
	a := p.unseen(id, host, p.moved())
	a.Title = "Verify that " + host + " holds no unit"
	return a
}

// serves wants a node to have all that users see, as far as looks can tell.
func (p *Pair) serves(id, host string) evenkeel.Action {
	return evenkeel.Action{ID: id, Change: evenkeel.Change{
		Title: "Verify that " + host + " serves every unit", Host: host, Limit: p.Config.Outage,
		Op: &evenkeel.Op{Effect: evenkeel.ReadOnly, Text: "On " + host + ", all of this is so: " + proofs(p.moved()) + ".",
			Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				asked := answers{at: at, host: host, got: map[string]sshexec.Result{}}
				for _, u := range p.moved() {
					for _, m := range u.Members {
						found, _, err := asked.of(ctx, m)
						if err != nil {
							return sshexec.Result{}, err
						}
						if _, runs := p.placed("", u)[m.ID]; runs && m.told() && found != Present {
							return sshexec.Result{}, evenkeel.NotYet(time.Second, "%s does not serve %s", host, m.Serves)
						}
					}
				}
				return sshexec.Result{}, nil
			}},
	}}
}

// proofs are what is looked for of units, in words, each with its command once.
func proofs(units []Unit) string {
	return looks(units, func(m Member) []Look { return m.Gone }, "there is no look that tells")
}

// seeStopped wants the old cluster to be down on a node.
func (p *Pair) seeStopped(id, host string) (actions []evenkeel.Action) {
	for i, proof := range p.oldCluster(host).Stopped(p.old(host)) {
		actions = append(actions, evenkeel.Await(p.Config.Outage, fmt.Sprintf("%s-%d", id, i+1),
			"Verify that the old cluster has stopped on "+host, proof))
	}
	return actions
}

// stop stops the old cluster on a node, Pacemaker first. pcs would ask the other node, which has left already.
func (p *Pair) stop(host string) []evenkeel.Action {
	return append([]evenkeel.Action{
		evenkeel.Disrupt("pacemaker", "Stop Pacemaker on "+host, "systemctl", "stop", "pacemaker").On(host),
		evenkeel.Disrupt("corosync", "Stop Corosync on "+host, "systemctl", "stop", "corosync").On(host),
	}, p.seeStopped("down", host)...)
}

// startOld starts the old cluster on a node; where it runs already, nothing happens.
func (p *Pair) startOld(n *node) []evenkeel.Action {
	return changed("start-"+n.no, "Start the old cluster on "+n.Name, disrupting(p.oldCluster(n.Name).Start(p.old(n.Name))))
}

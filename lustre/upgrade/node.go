package upgrade

import (
	"context"
	"errors"
	"strconv"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// node is one of the two servers on its way through the upgrade.
type node struct {
	*Pair
	Server
	index int // 0 or 1
	no    string

	// What is found out about it on the way.
	archiveName evenkeel.Fact[string]
	archivePath evenkeel.Fact[string]
	archiveSum  evenkeel.Fact[string]
	autostart   [len(clusterServices)]evenkeel.Fact[string]
	bootSeen    evenkeel.Fact[string]
	bootOld     evenkeel.Fact[string]
	bootNew     evenkeel.Fact[string]
	fenced      evenkeel.Fact[string]
	nidsSeen    evenkeel.Fact[string]
	kernel      evenkeel.Fact[string]
	hostID      evenkeel.Fact[string]
}

func (p *Pair) node(i int) *node {
	n := &node{Pair: p, Server: []Server{p.Config.Node1, p.Config.Node2}[i], index: i, no: strconv.Itoa(i + 1)}
	fact := func(name, doc string) evenkeel.Fact[string] {
		return evenkeel.NewFact[string]("node"+n.no+"."+name, doc+" of "+n.Name)
	}
	n.archiveName = fact("archive.name", "the name of the fresh backup")
	n.archivePath = fact("archive.path", "the file, on this machine, of the fresh backup")
	n.archiveSum = fact("archive.sha256", "the digest of the fresh backup")
	for i, service := range clusterServices {
		n.autostart[i] = fact("autostart."+service, "whether "+service+" started at boot, on or off, in the old system")
	}
	n.bootSeen = fact("boot.seen", "the boot id at the beginning of the run")
	n.fenced = fact("fenced", "the history of fencing at the beginning of the run")
	n.nidsSeen = fact("nids", "the NIDs, before the upgrade,")
	n.kernel = fact("kernel", "the release of the kernel that was installed")
	n.hostID = fact("hostid", "the persistent host id")
	n.bootOld = fact("boot.old", "the boot id, before it is shut down,")
	n.bootNew = fact("boot.new", "the boot id, before it starts the new kernel,")
	return n
}

// id makes a step's ID for this node.
func (n *node) id(what string) string { return what + "-node" + n.no }

// gone says why nothing can be rolled back from when the node is rebuilt: it must be true while it is, and after the run.
func (n *node) gone() string {
	why := "the old system of " + n.Name + " is erased; as long as " + n.Name + " is not rebuilt, "
	if n.Config.Offline {
		return why + "no target runs: go on, both nodes are needed"
	}
	if n.index == 0 {
		return why + "its targets run on the other node: go on, or leave it off, and the pair stays as it is, without a second node"
	}
	return why + "every target runs on the upgraded node: go on"
}

// backupStep takes a fresh backup to this machine and proves that it is whole (lustre:365-405).
func (n *node) backupStep() evenkeel.Step {
	take := evenkeel.Action{
		ID: "backup", Makes: n.archive().Makes(), Paper: n.archive().TakePaper(),
		Change: evenkeel.Change{
			Title: "Back up " + n.Name + " to this machine", Ref: "lustre:365",
			Op: &evenkeel.Op{
				Effect: evenkeel.ReadOnly,
				Text: "Run the guide's backup script on " + n.Name + ", and copy bck-HOST-DATE.tgz to a machine that is not upgraded. " +
					"(The tool streams the same archive here and writes nothing on the node.)",
				Do: n.archive().Take(n.Config.ArchiveDir),
			},
		},
	}
	check := evenkeel.Action{
		ID: "check", Paper: []evenkeel.Block{n.archive().WholePaper(), n.archive().ListPaper()},
		Change: evenkeel.Change{
			Title: "Read the backup again: nothing that a later step needs is missing, and the system is as it was planned for", Ref: "lustre:403",
			Op: &evenkeel.Op{
				Effect: evenkeel.ReadOnly,
				Text: "Compare the archive's digest with " + n.archiveSum.Ref() +
					"; list it: the CIB, corosync.conf, the target store and every file that is restored are in it; " +
					"the cluster's configuration is the one that this plan was made from.",
				Do: n.checkBackup,
			},
		},
	}
	return evenkeel.Step{
		ID: n.id("backup"), Title: "Back up " + n.Name, Host: n.Name, Ref: "lustre:365",
		Why:     "The machine is erased later on: what is not in this backup is lost.",
		Makes:   []evenkeel.FactKey{n.archiveName, n.archivePath, n.archiveSum},
		Actions: []evenkeel.Action{take, check},
	}
}

// archive is the fresh backup of the node.
func (n *node) archive() pair.Archive {
	return pair.Archive{Host: n.Name, Manifest: n.manifest(), Name: n.archiveName, Path: n.archivePath, Sum: n.archiveSum}
}

func (n *node) checkBackup(_ context.Context, at evenkeel.Site) (sshexec.Result, error) {
	path, err := n.archive().Whole(at)
	if err != nil {
		return sshexec.Result{}, err
	}
	fresh := n.Config
	if n.index == 0 {
		fresh.Node1.Backup = path
	} else {
		fresh.Node2.Backup = path
	}
	now, err := Load(fresh)
	if err != nil {
		return sshexec.Result{}, err
	}
	return sshexec.Result{}, errors.Join(n.unchanged(now.CIB), n.sameLNet(now))
}

// stillSafe makes sure, right before the node is given up, that its backup is off it and whole (lustre:403).
func (n *node) stillSafe() evenkeel.Action {
	return evenkeel.Action{
		ID: "backup", Paper: []evenkeel.Block{n.archive().WholePaper()},
		Change: evenkeel.Change{
			Title: "Verify that the backup of " + n.Name + " is on this machine, and whole", Ref: "lustre:403",
			Op: &evenkeel.Op{
				Effect: evenkeel.ReadOnly,
				Text: "Compare the sha256 of " + n.archivePath.Ref() + ", on this machine, with " + n.archiveSum.Ref() +
					": what is not in it is lost once " + n.Name + " is erased.",
				Do: func(_ context.Context, at evenkeel.Site) (sshexec.Result, error) {
					_, err := n.archive().Whole(at)
					return sshexec.Result{}, err
				},
			},
		},
	}.AsPrecondition()
}

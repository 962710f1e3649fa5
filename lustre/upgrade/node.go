package upgrade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/internal/steps"
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
		ID: "backup", Makes: []evenkeel.Make{
			n.archiveName.From(info(func(i backup.Info) string { return i.Name })),
			n.archivePath.From(info(func(i backup.Info) string { return i.Path })),
			n.archiveSum.From(info(func(i backup.Info) string { return i.SHA256 })),
		}, Paper: n.backupPaper(),
		Change: evenkeel.Change{
			Title: "Back up " + n.Name + " to this machine", Ref: "lustre:365",
			Op: &evenkeel.Op{
				Effect: evenkeel.ReadOnly,
				Text: "Run the guide's backup script on " + n.Name + ", and copy bck-HOST-DATE.tgz to a machine that is not upgraded. " +
					"(The tool streams the same archive here and writes nothing on the node.)",
				Do: n.takeBackup,
			},
		},
	}
	check := evenkeel.Action{
		ID: "check", Paper: []evenkeel.Block{n.wholePaper(), n.listPaper()},
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

func info(pick func(backup.Info) string) func(evenkeel.Observed) (string, error) {
	return func(o evenkeel.Observed) (string, error) {
		var i backup.Info
		if err := json.Unmarshal(o.Stdout, &i); err != nil {
			return "", err
		}
		text := pick(i)
		if text == "" {
			return "", errors.New("the backup does not say what it is")
		}
		return text, nil
	}
}

func (n *node) takeBackup(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
	made, err := backup.Create(ctx, at.Runner(at.Host), n.manifest(), backup.Options{
		Dir: n.Config.ArchiveDir, Now: func() time.Time { return at.Now },
	})
	if errors.Is(err, backup.ErrExists) { // a life that ended within this second has made it, and nobody knows that it is whole
		return sshexec.Result{}, evenkeel.NotYet(time.Second, "%v", err)
	}
	if err != nil {
		return sshexec.Result{}, err
	}
	made.Record = nil // the archive has it inside
	out, err := json.Marshal(made)
	return sshexec.Result{Stdout: out}, err
}

func (n *node) checkBackup(_ context.Context, at evenkeel.Site) (sshexec.Result, error) {
	path, err := n.wholeBackup(at)
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

// wholeBackup is the fresh backup's file on this machine, read again and found to be what was made.
func (n *node) wholeBackup(at evenkeel.Site) (string, error) {
	path, err1 := n.archivePath.Get(at.Facts)
	want, err2 := n.archiveSum.Get(at.Facts)
	if err := errors.Join(err1, err2); err != nil {
		return "", err
	}
	sum, err := steps.Digest(path)
	if err == nil && sum != want {
		err = fmt.Errorf("%s has changed since it was made: its sha256 is %s, not %s", path, sum, want)
	}
	return path, err
}

// stillSafe makes sure, right before the node is given up, that its backup is off it and whole (lustre:403).
func (n *node) stillSafe() evenkeel.Action {
	return evenkeel.Action{
		ID: "backup", Paper: []evenkeel.Block{n.wholePaper()},
		Change: evenkeel.Change{
			Title: "Verify that the backup of " + n.Name + " is on this machine, and whole", Ref: "lustre:403",
			Op: &evenkeel.Op{
				Effect: evenkeel.ReadOnly,
				Text: "Compare the sha256 of " + n.archivePath.Ref() + ", on this machine, with " + n.archiveSum.Ref() +
					": what is not in it is lost once " + n.Name + " is erased.",
				Do: func(_ context.Context, at evenkeel.Site) (sshexec.Result, error) {
					_, err := n.wholeBackup(at)
					return sshexec.Result{}, err
				},
			},
		},
	}.AsPrecondition()
}

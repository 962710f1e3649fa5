package lustre

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
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
	bootOld     evenkeel.Fact[string]
	bootNew     evenkeel.Fact[string]
}

func (p *Pair) node(i int) *node {
	n := &node{Pair: p, Server: []Server{p.Config.Node1, p.Config.Node2}[i], index: i, no: strconv.Itoa(i + 1)}
	fact := func(name, doc string) evenkeel.Fact[string] {
		return evenkeel.NewFact[string]("node"+n.no+"."+name, doc+" of "+n.Name)
	}
	n.archiveName = fact("archive.name", "the name of the fresh backup")
	n.archivePath = fact("archive.path", "the file, on this machine, of the fresh backup")
	n.archiveSum = fact("archive.sha256", "the digest of the fresh backup")
	n.bootOld = fact("boot.old", "the boot id, before it is shut down,")
	n.bootNew = fact("boot.new", "the boot id, before it starts the new kernel,")
	return n
}

// id makes a step's ID for this node.
func (n *node) id(what string) string { return what + "-node" + n.no }

// gone says why nothing can be taken back once the node is being rebuilt.
func (n *node) gone() string {
	if n.index == 0 {
		return n.Name + " is being rebuilt, and its targets run on the other node: go on; or leave it off, and the pair stays as it is, without a second node"
	}
	return n.Name + " is being rebuilt, and every target runs on the upgraded node: go on"
}

// backupStep takes a fresh backup to this machine and proves that it is whole (lustre:365-405).
func (n *node) backupStep() evenkeel.Step {
	take := evenkeel.Action{
		ID: "backup", Title: "Back up " + n.Name + " to this machine", Ref: "lustre:365",
		Op: &evenkeel.Op{
			Effect: evenkeel.ReadOnly,
			Text: "Run the guide's backup script on " + n.Name + ", and copy bck-HOST-DATE.tgz to a machine that is not upgraded. " +
				"(The tool streams the same archive here and writes nothing on the node.)",
			Do: n.takeBackup,
		},
		Makes: []evenkeel.Make{
			n.archiveName.From(info(func(i backup.Info) string { return i.Name })),
			n.archivePath.From(info(func(i backup.Info) string { return i.Path })),
			n.archiveSum.From(info(func(i backup.Info) string { return i.SHA256 })),
		},
	}
	check := evenkeel.Action{
		ID: "check", Title: "Read the backup again: nothing that a later step needs is missing, and the system is as it was planned for", Ref: "lustre:403",
		Op: &evenkeel.Op{
			Effect: evenkeel.ReadOnly,
			Text: "Compare the archive's digest with " + n.archiveSum.Ref() + "; list it: the CIB, corosync.conf, the target store and every file that is restored are in it; " +
				"the cluster's configuration is the one that this plan was made from.",
			Do: n.checkBackup,
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
		err := json.Unmarshal(o.Stdout, &i)
		return pick(i), err
	}
}

func (n *node) takeBackup(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
	made, err := backup.Create(ctx, at.Runner(at.Host), backup.ServerManifest(), backup.Options{
		Dir: n.Config.ArchiveDir, Now: func() time.Time { return at.Now },
	})
	if err != nil {
		return sshexec.Result{}, err
	}
	made.Record = nil // the archive has it inside
	out, err := json.Marshal(made)
	return sshexec.Result{Stdout: out}, err
}

func (n *node) checkBackup(_ context.Context, at evenkeel.Site) (sshexec.Result, error) {
	path, err := n.archivePath.Get(at.Facts)
	if err != nil {
		return sshexec.Result{}, err
	}
	want, err := n.archiveSum.Get(at.Facts)
	if err != nil {
		return sshexec.Result{}, err
	}
	sum, err := digest(path)
	if err != nil {
		return sshexec.Result{}, err
	}
	if sum != want {
		return sshexec.Result{}, fmt.Errorf("%s has changed since it was made: its sha256 is %s, not %s", path, sum, want)
	}
	fresh := n.Config
	if n.index == 0 {
		fresh.Node1.Backup = path
	} else {
		fresh.Node2.Backup = path
	}
	now, err := LoadPair(fresh)
	if err != nil {
		return sshexec.Result{}, err
	}
	if n.index == 0 {
		if diff := pacemaker.Diff(n.CIB, now.CIB); len(diff) > 0 {
			return sshexec.Result{}, evenkeel.NeedsPerson("%v: %s. Make the plan anew from a fresh backup", errChanged, diff[0])
		}
	}
	return sshexec.Result{}, nil
}

func digest(path string) (string, error) {
	f, err := os.Open(path) // #nosec G304 -- the archive that this run made
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

var bootID = []string{"cat", "/proc/sys/kernel/random/boot_id"}

// boot reads the boot id into a fact.
func boot(id string, fact evenkeel.Fact[string]) evenkeel.Action {
	a := look(id, "Note the boot id", bootID...)
	a.Makes = []evenkeel.Make{fact.From(func(o evenkeel.Observed) (string, error) { return o.Text(), nil })}
	return a
}

// bootProbe tells whether a machine went down since the boot id was noted: it shows another one since.
func bootProbe(before evenkeel.Fact[string], silent evenkeel.Trace) evenkeel.Probe {
	return evenkeel.Probe{
		Cmd: sshexec.Command(sshexec.ReadOnly, bootID...), Text: "it does not answer, or shows another boot id than $" + strings.ToUpper(strings.ReplaceAll(before.Name(), ".", "_")),
		Silent: silent, Settle: 3 * time.Minute,
		Read: func(o evenkeel.Observed) (evenkeel.Trace, error) {
			was, err := before.Get(o.Facts)
			switch {
			case err != nil:
				return evenkeel.Undecided, err
			case o.ExitCode != 0:
				return evenkeel.Undecided, fmt.Errorf("cannot read the boot id: exit status %d", o.ExitCode)
			case o.Text() == was:
				return evenkeel.Absent, nil
			}
			return evenkeel.Done, nil
		},
	}
}

// installStep shuts the node down and has a person install the new system (lustre:450-465, 1172-1186).
func (n *node) installStep(ref string, noFences evenkeel.Action) evenkeel.Step {
	down := probed(disrupt("shutdown", "Shut "+n.Name+" down", "shutdown", "-h", "now"), bootProbe(n.bootOld, evenkeel.Done))
	down.Severs, down.Within = true, n.Config.Install
	install := look("install", "Install the new operating system on "+n.Name, "cat", "/etc/redhat-release")
	install.Manual = "Install the new operating system on " + n.Name + " by the vendor's instructions, without touching the shared disks. " +
		"Restore the network with the system's tools (nmtui), with the host name " + n.Name + ", and the direct link between the servers that is ring 1 (lustre:465). " +
		"The raw files are in the backup, below etc/sysconfig/network-scripts. Add the new system's host key to known_hosts; the old key comes back with /etc/ssh."
	install = expect(install, "the release is the new one: "+n.Config.NewRelease, contains(n.Config.NewRelease))
	named := expect(look("hostname", "The machine has its full name", "hostname"), n.Name, contains(n.Name))
	actions := []evenkeel.Action{boot("boot-id", n.bootOld)}
	if noFences.ID != "" {
		actions = append(actions, noFences)
	}
	return evenkeel.Step{
		ID: n.id("install"), Title: "Shut " + n.Name + " down and install the new operating system", Host: n.Name, Ref: ref,
		Makes:   []evenkeel.FactKey{n.bootOld},
		Actions: append(actions, from(ref, down), install), Verify: []evenkeel.Action{named},
		Irreversible: "the old system of " + n.Name + " is erased: " + n.gone(),
	}
}

// restoreStep brings the backup onto the new system and restores the configuration from it (lustre:455-518, 1180-1240).
func (n *node) restoreStep(ref string) evenkeel.Step {
	target := "/root/" + n.archiveName.Ref() + ".tgz"
	sum := func(path string) sshexec.Cmd { return sshexec.Command(sshexec.ReadOnly, "sha256sum", path) }
	same := func(o evenkeel.Observed) (bool, error) {
		want, err := n.archiveSum.Get(o.Facts)
		got, _, _ := strings.Cut(o.Text(), " ")
		return o.ExitCode == 0 && got == want, err
	}
	upload := change("upload", "Copy the backup onto the new system", "dd", "of="+target+".part", "conv=fsync", "status=none")
	upload.Cmd.Stdin = sshexec.FileInput(n.archivePath.Ref())
	verify := look("digest", "It arrived whole", sum(target+".part").Argv...)
	verify = expect(verify, "the digest is "+n.archiveSum.Ref(), func(o evenkeel.Observed) error {
		if ok, err := same(o); err != nil || !ok {
			return fmt.Errorf("the copy is not the backup: %q, %w", o.Text(), err)
		}
		return nil
	})
	private := change("private", "Nobody else may read it: it holds /etc/shadow and private keys", "chmod", "0600", target+".part")
	rename := probed(change("rename", "Give it its name", "mv", "-T", target+".part", target), evenkeel.Probe{
		Cmd: sum(target), Text: "the file has the backup's digest",
		Read: func(o evenkeel.Observed) (evenkeel.Trace, error) {
			ok, err := same(o)
			if ok {
				return evenkeel.Done, err
			}
			return evenkeel.Absent, err
		},
	})
	extract := restoreActions([]backup.Operation{backup.Extract(target, "/root")}, func(backup.Group) bool { return true })
	actions := append([]evenkeel.Action{upload, verify, private, rename}, extract...)
	actions = append(actions, restoreActions(n.restore(n.index, n.tree()), func(g backup.Group) bool { return g != backup.GroupAgent })...)
	return evenkeel.Step{
		ID: n.id("restore"), Title: "Restore the configuration of " + n.Name, Host: n.Name, Ref: ref,
		Needs: []evenkeel.FactKey{n.archiveName, n.archivePath, n.archiveSum}, Actions: actions, Irreversible: n.gone(),
	}
}

// tree is where the backup lies extracted on the node.
func (n *node) tree() string { return "/root/" + n.archiveName.Ref() }

// agentStep installs IML's agent with its old identity (lustre:520-583, 1243-1310).
func (n *node) agentStep(ref string) evenkeel.Step {
	actions := []evenkeel.Action{change("epel", "Install the definition of the EPEL repository", "yum", "-y", "install", "epel-release")}
	for i, repo := range n.Config.AgentRepos {
		actions = append(actions, change(fmt.Sprintf("repo-%d", i+1), "Add a repository that the agent needs", "yum-config-manager", "--add-repo", repo))
	}
	actions = append(actions, restoreActions(n.restore(n.index, n.tree()), func(g backup.Group) bool { return g == backup.GroupAgent })...)
	actions = append(actions,
		change("manager-repo", "Fetch the manager's repository definition", "curl", "--fail", "-o", "/etc/yum.repos.d/Manager-for-Lustre.repo",
			"--cacert", "/var/lib/chroma/authority.crt", "--cert", "/var/lib/chroma/self.crt", "--key", "/var/lib/chroma/private.pem",
			"https://"+n.Config.Manager+"/repo/Manager-for-Lustre.repo"),
		note("a warning about /selinux/enforce is harmless (lustre:571)", change("chroma", "Install the agent", "yum", "-y", "install", "chroma-*")))
	return evenkeel.Step{
		ID: n.id("agent"), Title: "Install the management agent on " + n.Name, Host: n.Name, Ref: ref,
		Needs: []evenkeel.FactKey{n.archiveName}, Actions: actions, Irreversible: n.gone(),
	}
}

// lustreStep installs Lustre for the profile, through the reboot into its kernel (lustre:585-798).
func (n *node) lustreStep(ref string) evenkeel.Step {
	var actions []evenkeel.Action
	for i, c := range n.Config.Profile.Commands(n.index == 1, n.Config.Kernel) {
		if c.Reboot() {
			reboot := probed(disrupt("reboot", c.Title, c.Argv...), bootProbe(n.bootNew, evenkeel.Undecided))
			reboot.Severs, reboot.Within = true, n.Config.Install
			back := until(look("back", "The machine is up again", bootID...), n.Config.Install, "another boot id than before", func(o evenkeel.Observed) error {
				was, err := n.bootNew.Get(o.Facts)
				if err == nil && o.Text() == was {
					return evenkeel.NotYet(10*time.Second, "it has not gone down yet")
				}
				return err
			})
			back.Expect.Awaits = true
			actions = append(actions, boot("boot-id", n.bootNew), from(c.Ref, reboot), back)
			continue
		}
		a := evenkeel.Action{ID: fmt.Sprintf("install-%d", i+1), Title: c.Title, Ref: c.Ref, Note: c.Note, Cmd: c.Cmd(), Repeat: c.Repeat}
		if c.Argv[0] == "dkms" {
			a = expect(a, "every module is installed", exited(n.modulesInstalled))
		}
		actions = append(actions, a)
	}
	return evenkeel.Step{
		ID: n.id("lustre"), Title: "Install Lustre on " + n.Name, Host: n.Name, Ref: ref,
		Makes: []evenkeel.FactKey{n.bootNew}, Actions: actions, Irreversible: n.gone(),
	}
}

// modulesInstalled wants every kernel module of the profile to be built and installed (lustre:658).
func (n *node) modulesInstalled(o evenkeel.Observed) error {
	modules, err := ParseDKMS(bytes.NewReader(o.Stdout))
	if err != nil {
		return err
	}
	return CheckDKMS(modules, "", n.Config.Profile.DKMSModules()...)
}

// haStep installs the cluster software (lustre:800-858, 1535-1596).
func (n *node) haStep(ref string) evenkeel.Step {
	password := change("password", "Set the password of hacluster", "passwd", "--stdin", "hacluster")
	password.Cmd.Stdin = sshexec.SecretText(n.Config.Password + "\n")
	password.Cmd.Mask = []sshexec.Secret{n.Config.Password}
	actions := []evenkeel.Action{
		from("lustre:805", change("install", "Install the cluster software", "yum", "-y", "install", "pcs", "pacemaker", "corosync", "fence-agents")),
		from("lustre:811", expect(look("hacluster", "The user hacluster is there", "id", "hacluster"), "uid=189(hacluster)", contains("(hacluster)"))),
		from("lustre:820", password),
	}
	actions = append(actions, n.firewall()...)
	actions = append(actions,
		from("lustre:851", change("pcsd", "Start pcsd", "systemctl", "start", "pcsd.service")),
		from("lustre:852", change("pcsd-boot", "Start pcsd at boot", "systemctl", "enable", "pcsd.service")))
	return evenkeel.Step{
		ID: n.id("ha"), Title: "Install the cluster software on " + n.Name, Host: n.Name, Ref: ref, Actions: actions, Irreversible: n.gone(),
		Verify: []evenkeel.Action{from("lustre:857", expect(look("pcsd-active", "pcsd runs", "systemctl", "is-active", "pcsd.service"), "active", contains("active")))},
	}
}

// firewall opens what the cluster needs: the service, and the ports that corosync.conf names, which the service does not know (H16, PCM-055).
func (n *node) firewall() []evenkeel.Action {
	if n.Config.DisableFirewall {
		return []evenkeel.Action{
			from("lustre:844", change("firewall-stop", "Stop the firewall", "systemctl", "stop", "firewalld")),
			from("lustre:845", change("firewall-boot", "Do not start the firewall at boot", "systemctl", "disable", "firewalld")),
		}
	}
	rules := []string{"--add-service=high-availability"}
	for _, port := range n.ports {
		rules = append(rules, fmt.Sprintf("--add-port=%d/udp", port))
	}
	var actions []evenkeel.Action
	for i, rule := range rules {
		no := strconv.Itoa(i + 1)
		actions = append(actions,
			from("lustre:829", change("firewall-"+no, "Open the firewall for good: "+rule, "firewall-cmd", "--permanent", rule)),
			from("lustre:830", change("firewall-now-"+no, "Open the firewall now: "+rule, "firewall-cmd", rule)))
	}
	return append(actions, from("lustre:838", expect(look("firewall-list", "The firewall lets the cluster through", "firewall-cmd", "--list-services"),
		"high-availability", contains("high-availability"))))
}

// mountPoints makes the directories that the targets are mounted on: without one the resource agent fails (lustre:1064).
func (n *node) mountPoints(ref string) []evenkeel.Action {
	var actions []evenkeel.Action
	for _, t := range n.Targets {
		actions = append(actions, from(ref, change("mkdir-"+t.Resource, "Make the mount point of "+t.Resource, "mkdir", "-p", t.Mount)))
	}
	return actions
}

// startAgent starts IML's agent and loads Lustre's modules, which the targets need (lustre:1104-1118).
func (n *node) startAgent(ref string) []evenkeel.Action {
	return []evenkeel.Action{
		from(ref, change("agent-start", "Start the agent", "systemctl", "start", "chroma-agent")),
		from(ref, change("agent-boot", "Start the agent at boot", "systemctl", "enable", "chroma-agent")),
		from(ref, change("modules", "Load Lustre's modules", "modprobe", "lustre")),
	}
}

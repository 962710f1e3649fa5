package pair

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// installStep has the operator, or the site's own provisioning, install the new system. The evidence is the same.
func (n *node) installStep() evenkeel.Step {
	install := n.to.runs("install", "Install the new operating system on "+n.Name, n.Name)
	install.Expect.Awaits = true
	var actions []evenkeel.Action
	if n.Config.Provision == nil {
		install.Manual = "Install " + n.to.Title + " on " + n.Name + " by the vendor's instructions, without touching the shared disks. " +
			"Restore its " +
			"network with the system's tools, with the host name " + n.Name + " and every link of the cluster, and the accounts that the " +
			"services " +
			"need. Add the new system's host key to known_hosts; the old key comes back with /etc/ssh."
	} else {
		seen := n.to.runs("", "", n.Name)
		seen.Expect.Text += " runs on it"
		actions = append(actions, n.provisioned("provision", "Have the site's provisioning install "+n.Name, seen))
		install.Title, install.Limit = "Wait until the new system runs on "+n.Name, n.Config.Install
		install.Expect.Check = patient(install.Expect.Check)
	}
	return evenkeel.Step{
		ID: n.id("install"), Title: "Install the new operating system on " + n.Name, Host: n.Name,
		Reinstalls: []string{n.Name}, Actions: append(actions,
			install), Verify: []evenkeel.Action{n.hostname("hostname")}, Irreversible: n.gone(),
	}
}

// provisioned has the site's own command do to the node what is seen there afterwards.
func (n *node) provisioned(id, title string, seen evenkeel.Action) evenkeel.Action {
	own := n.Config.Provision
	argv := append(slices.Clone(own.Argv), n.Name)
	return evenkeel.Disrupt(id, title, argv...).On(own.Host).Probed(evenkeel.Probe{
		Host: n.Name, Cmd: seen.Cmd, Text: seen.Expect.Text, Silent: evenkeel.NotRun, Settle: n.Config.Install,
		Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
			if seen.Expect.Check(o) == nil {
				return evenkeel.Done, nil
			}
			return evenkeel.NotRun, nil
		}})
}

// patient waits for what a check wants to see.
func patient(check func(evenkeel.Observed) error) func(evenkeel.Observed) error {
	return func(o evenkeel.Observed) error {
		if err := check(o); err != nil {
			return evenkeel.NotYet(10*time.Second, "%v", err)
		}
		return nil
	}
}

// tree is where the backup lies extracted on the node.
func (n *node) tree() string { return "/root/" + n.archiveName.Ref() }

// restoreStep brings the backup onto the new system and restores from it the host table, the SSH keys and what the site names.
func (n *node) restoreStep() evenkeel.Step {
	target := n.tree() + ".tgz"
	all := func(backup.Group) bool { return true }
	actions := append([]evenkeel.Action{
		steps.Upload("upload", "Copy the backup onto the new system, whole", "backup", n.Name, n.archivePath.Ref(), n.archiveSum.Ref(),
			target+".part"),
		evenkeel.Do("private", "Keep everybody else from reading it: it holds /etc/shadow and private keys", "chmod", "0600", target+".part"),
		steps.Rename("rename", "backup", target, n.archiveSum.Ref()),
	}, steps.Restore([]backup.Operation{backup.Extract(target, "/root")}, all)...)
	ops := backup.RestoreServer(n.tree(), backup.RestoreOptions{Skip: notRestored, Has: n.archives[n.index].Has})
	actions = append(actions, steps.Restore(ops, all)...)
	for i, file := range n.Config.Restore {
		id, from := fmt.Sprintf("restore-%d", i+1), n.tree()+file
		actions = append(actions, evenkeel.Do(id+"-dir", "Make the directory of "+file, "mkdir", "-p", path.Dir(file)),
			evenkeel.Do(id, "Restore "+file, "cp", "-a", "-T", from, file))
		if e, err := n.archives[n.index].Stat(file); err == nil && e.Mode.IsDir() {
			actions = append(actions, evenkeel.Prove(id+"-proof", "Verify that "+file+" is as in the backup", backup.SameTree(from, file)))
		} else {
			actions = append(actions, evenkeel.Look(id+"-proof", "Verify that "+file+" is as in the backup", "cmp", from, file))
		}
	}
	actions = append(actions, n.label(ops)...)
	actions = append(actions, evenkeel.Disrupt("sshd", "Restart sshd with the restored keys", "systemctl", "restart", "sshd").
		Noting("connections that are open stay open; new ones see the host key from before"))
	for i := range actions {
		actions[i].Ref = ""
	}
	return evenkeel.Step{ID: n.id("restore"), Title: "Restore the configuration of " + n.Name, Host: n.Name,
		Needs: []evenkeel.FactKey{n.archiveName, n.archivePath, n.archiveSum}, Actions: actions, Irreversible: n.gone()}
}

// LabelScript runs restorecon with its arguments where SELinux is enabled on the host, and does nothing where it is not.
const LabelScript = `if [ -e /sys/fs/selinux/enforce ]; then restorecon "$@"; fi`

// label gives all that was restored the SELinux labels of its place: what is copied out of /root keeps one that sshd must not read.
func (n *node) label(ops []backup.Operation) []evenkeel.Action {
	var paths []string
	for _, r := range backup.Requirements(ops) {
		paths = append(paths, r.Path)
	}
	paths = append(paths, n.Config.Restore...)
	argv := func(flags string) []string {
		return append([]string{"/bin/sh", "-c", LabelScript, "sh", flags}, paths...)
	}
	return []evenkeel.Action{
		evenkeel.Do("labels", "Restore the SELinux labels of what was restored", argv("-R")...).
			Noting("where SELinux is disabled it does nothing"),
		evenkeel.Look("labels-proof", "Verify that SELinux has no other label for any of it", argv("-Rnv")...).
			Expecting("nothing to relabel", evenkeel.Succeeding(func(o evenkeel.Observed) error {
				if text := o.Text(); text != "" {
					return fmt.Errorf("not labelled as the policy says: %q", text)
				}
				return nil
			})),
	}
}

// softwareStep installs the cluster's software and what the resources need.
func (n *node) softwareStep() evenkeel.Step {
	var actions []evenkeel.Action
	enable := n.to.enable
	for i, repo := range n.Config.Repositories {
		if len(enable) > 0 {
			argv := append(slices.Clone(enable[:len(enable)-1]), repo)
			actions = append(actions, evenkeel.Do(fmt.Sprintf("repository-%d", i+1), "Enable the repository "+repo, argv...))
		}
	}
	if len(actions) == 0 && len(enable) > 0 {
		actions = append(actions, evenkeel.Do("repository", "Enable the repository of the cluster's software", enable...))
	}
	names := append(slices.Clone(n.to.names), n.Config.Packages...)
	password := evenkeel.Do("password", "Set the password of hacluster", "chpasswd")
	password.Cmd.Stdin = sshexec.SecretText("hacluster:" + n.Config.Password + "\n")
	password.Cmd.Mask = []sshexec.Secret{n.Config.Password}
	there := n.newCluster(n.Name)
	actions = append(actions,
		evenkeel.Do("install", "Install the cluster's software, and what the resources need", append(slices.Clone(n.to.install), names...)...),
		evenkeel.Look("installed", "Verify that every package is there", append(slices.Clone(n.to.list), names...)...).
			Expecting(strings.Join(names, ", "), installed(names)),
		evenkeel.Prove("hacluster", "Verify that the user hacluster is there", there.Hacluster(n.Name)),
		password)
	if n.to.Family == "el" {
		for i, c := range there.OpenFirewall(n.Name, n.ports) {
			actions = append(actions, changed(fmt.Sprintf("firewall-%d", i+1), "Have the firewall "+c.Title, c)...)
		}
	}
	for i, c := range slices.Backward(there.StartPcsd(n.Name)) { // at boot first: a node that loses power between the two comes back with it
		actions = append(actions, changed(fmt.Sprintf("pcsd-%d", i+1), "Have systemd "+c.Title, c)...)
	}
	actions = append(actions, n.seePCS("pcs", n.newPCS), n.seeAble("able", n.moved()))
	actions = append(actions, n.seeFits("fits")...)
	return evenkeel.Step{ID: n.id("software"), Title: "Install the cluster's software on " + n.Name, Host: n.Name, Actions: actions,
		Irreversible: n.gone()}
}

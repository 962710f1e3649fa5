package backup

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// Operation is one command of a restore, as data: what a reviewer reads is what runs. One that restores a file, a
// directory or a service has one proof, by exit status, that its command took effect, and prints no content of a file;
// one that is not idempotent, too. Neighbours with the same proof are proven together, once the last of them has run.
type Operation struct {
	change.Change
	Group  Group        // the part of the restore that it belongs to
	Reads  string       // the path in the backup that it needs; empty when it needs none
	Undo   *sshexec.Cmd // undoes it, however often it is run; nil where NoUndo says why there is none
	NoUndo string       // why it needs no undo, or has none

	replaces string // the path that it puts other content in place of; undone from what KeepReplaced kept
}

// Group is a part of a restore. A runbook places the groups; within one the order is fixed.
type Group string

// The groups, in the guide's order for the first node.
const (
	GroupHosts   Group = "hosts"   // hosts database and resolver (lustre:466)
	GroupUsers   Group = "users"   // user management (lustre:474)
	GroupSSH     Group = "ssh"     // SSH keys and configuration (lustre:484)
	GroupNTP     Group = "ntp"     // time (lustre:501)
	GroupLNet    Group = "lnet"    // Lustre networking (lustre:515)
	GroupAgent   Group = "agent"   // the management agent's state and certificates (lustre:547)
	GroupExtract Group = "extract" // unpacking the archive (lustre:458)
	GroupKeep    Group = "keep"    // keeping what is replaced; only with KeepReplaced
)

// Position is which server of a pair is restored; the guide's order differs between the two (lustre:501, lustre:1187).
type Position int

// The positions.
const (
	FirstNode  Position = iota // time comes after SSH
	SecondNode                 // time comes first
)

// RestoreOptions are the choices of a restore.
type RestoreOptions struct {
	Position Position // which of the pair; without meaning for the manager
	Skip     []Group  // parts to leave out; restoring SSH is optional (lustre:499)
	SELinux  bool     // whether SELinux is enabled on the new system: labels are then set (lustre:493)
	// the LNet configuration, where it is in other files than the guide has it: under /etc/modprobe.d (lustre:515), or /etc/lnet.conf
	LNetFiles []string
	// users and groups as MergeAccounts made them; the guide's way, the backup's files in place of the system's, when nil
	Merged *Merge
	// tells whether the backup holds a path; what it lacks is left out. Archive.Has fits. All is there when nil
	Has func(path string) bool

	// KeepReplaced keeps what the restore replaces, beyond what the guide keeps, in DIR.inst/replaced.tar, so that every
	// operation has an undo.
	KeepReplaced bool
}

// Extract unpacks an archive on the machine: it makes the tree bck-HOST-YYYYmmdd-HHMMSS below the directory into (lustre:458-463).
func Extract(archive, into string) Operation {
	return Operation{
		Group: GroupExtract, NoUndo: "a tree of its own that nothing reads by itself",
		Change: change.Change{
			Title:  "Extract the backup",
			Cmd:    sshexec.Command(sshexec.Mutating, "tar", "zxf", archive, "-C", into),
			Repeat: op.Idempotent, Ref: "lustre:462",
			Note: "the archive is named in full: a pattern with the host's name misses it when one system uses short names and the other full ones",
		},
	}
}

// RestoreServer is the guide's restore of a Lustre server as data. dir is the extracted tree on the machine, such as
// /root/bck-HOST-YYYYmmdd-HHMMSS; it may hold a placeholder that is filled in later.
//
// The network is not part of it: it is restored by hand with the system's tools, from the files below
// etc/sysconfig/network-scripts for reference (lustre:465). The group GroupAgent belongs after the agent's package
// sources were added (lustre:547).
//
// It departs from the guide where the guide's commands are not safe to interrupt. The guide moves /etc/ssh away and
// copies the old one into its place (lustre:487-490). Between the two commands there is no /etc/ssh: sshd can serve no
// new connection, and if the connection in use dies there, the machine is out of reach. Done twice, the guide's "cp -a
// …/.ssh /root/.ssh/" makes /root/.ssh/.ssh, and the second "mv" loses the system's own copy. Instead the system's own
// directory is copied to /etc/ssh.inst, by way of a name that is then moved, so that the copy is there in full or not
// at all; and the backup is copied over /etc/ssh, which exists throughout. What the new system has and the backup has
// not, such as host keys of newer kinds, stays in place; the host keys that the backup holds replace those of the
// installation, so a client sees the old keys again.
func RestoreServer(dir string, opts RestoreOptions) []Operation {
	lnet := opts.LNetFiles
	if len(lnet) == 0 {
		lnet = []string{lnetFile}
	}
	parts := [][]Operation{restoreHosts(dir, 469), opts.users(dir, 477), restoreSSH(dir, 487, opts.SELinux),
		restoreNTP(dir, 505), restoreLNet(dir, lnet, 518),
		restoreAgent(dir, 550, opts.SELinux)}
	if opts.Position == SecondNode {
		parts = [][]Operation{restoreNTP(dir, 1191), restoreHosts(dir, 1204), opts.users(dir, 1212), restoreSSH(dir, 1222, opts.SELinux),
			restoreLNet(dir, lnet, 1239), restoreAgent(dir, 1271, opts.SELinux)}
	}
	return opts.choose(dir, parts)
}

// RestoreManager is the guide's restore of the manager's system as data (lustre:115-163); see RestoreServer for how it
// departs from the guide. The certificates and the database are restored after the new software was installed, and are
// not part of it (lustre:200-229). The manager restarts sshd, the servers do not (lustre:140).
func RestoreManager(dir string, opts RestoreOptions) []Operation {
	ssh := append(restoreSSH(dir, 136, opts.SELinux), Operation{
		Group: GroupSSH, Reads: "/etc/ssh", NoUndo: "it is restarted again once the old configuration is back",
		Change: change.Change{
			Title:  "Restart sshd with the restored configuration",
			Cmd:    sshexec.Command(sshexec.Disruptive, "systemctl", "restart", "sshd"),
			Repeat: op.Idempotent, Ref: "lustre:140",
			Note: "connections that are open stay open; new ones see the host keys of the backup. It comes after the SELinux " +
				"labels, without which sshd could not read its keys",
		},
	})
	return opts.choose(dir, [][]Operation{restoreHosts(dir, 118), opts.users(dir, 126), ssh, restoreNTP(dir, 155)})
}

// choose keeps what was not left out and is in the backup.
func (o RestoreOptions) choose(dir string, parts [][]Operation) []Operation {
	lacks := func(p string) bool { return p != "" && o.Has != nil && !o.Has(p) }
	var out []Operation
	var replaced []string
	for _, part := range parts {
		for _, op := range part {
			if slices.Contains(o.Skip, op.Group) || lacks(op.Reads) {
				continue
			}
			if op.replaces != "" {
				if o.KeepReplaced {
					replaced = append(replaced, op.replaces)
					op.Undo, op.NoUndo = putBack(dir, op.replaces), ""
				} else if op.Undo == nil && op.NoUndo == "" {
					op.NoUndo = "what the fresh installation had is replaced; KeepReplaced keeps it"
				}
			}
			out = append(out, op)
		}
	}
	if len(replaced) > 0 {
		out = append(keepReplaced(dir, replaced), out...)
	}
	return out
}

// Requirements are the paths that the operations read from a backup, for Archive.Covers.
func Requirements(ops []Operation) []Requirement {
	var reqs []Requirement
	for _, o := range ops {
		known := func(r Requirement) bool { return r.Path == o.Reads }
		if o.Reads == "" || slices.ContainsFunc(reqs, known) {
			continue
		}
		reqs = append(reqs, Requirement{Path: o.Reads, Check: contentChecks[o.Reads], NeededBy: o.Title + " (" + o.Ref + ")"})
	}
	return reqs
}

// copyFile is the guide's cp of one file; the file that is there keeps its mode, owner and label.
func copyFile(group Group, dir, name, ref, note string) Operation {
	return Operation{
		Group: group, Reads: name, replaces: name,
		Change: change.Change{
			Title:  "Restore " + name,
			Cmd:    sshexec.Command(sshexec.Mutating, "cp", dir+name, path.Dir(name)+"/."),
			Repeat: op.Idempotent, Proof: sameFile(dir, name), Ref: ref, Note: note,
		},
	}
}

func copyFiles(group Group, dir string, line int, note string, names ...string) []Operation {
	ops := make([]Operation, len(names))
	for i, name := range names {
		ops[i] = copyFile(group, dir, name, ref(line+i), note)
	}
	return ops
}

func restoreHosts(dir string, line int) []Operation {
	return copyFiles(GroupHosts, dir, line, "", "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf")
}

func restoreUsers(dir string, line int) []Operation {
	return copyFiles(GroupUsers, dir, line,
		"the numbers of system accounts may differ between the two releases of the operating system: follow the vendor's practice (lustre:49)",
		"/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/sudoers")
}

// users restores users and groups the guide's way, or as they were merged.
func (o RestoreOptions) users(dir string, line int) []Operation {
	ops := restoreUsers(dir, line)
	if o.Merged == nil {
		return ops
	}
	return append(o.Merged.operations(line), ops[len(ops)-1]) // sudoers has no accounts to merge
}

// restoreSSH starts at the guide's line of "mv /root/.ssh /root/.ssh.inst".
func restoreSSH(dir string, line int, selinux bool) []Operation {
	ops := []Operation{{
		Group: GroupSSH, Reads: "/root/.ssh", NoUndo: "an empty directory harms nothing",
		Change: change.Change{
			Title:  "Make sure that root has an SSH directory",
			Cmd:    sshexec.Command(sshexec.Mutating, "mkdir", "-p", "-m", "700", "/root/.ssh"),
			Repeat: op.Idempotent, Ref: ref(line),
			Note: "a fresh system need not have one",
		},
	}}
	ops = append(ops, overlay(dir, "/root/.ssh", line,
		"the key by which this run logs in must be among the authorised keys of the backup, or the next connection is refused")...)
	ops = append(ops, overlay(dir, "/etc/ssh", line+2, "new connections see the host keys of the backup from now on")...)
	if selinux {
		ops = append(ops,
			relabel(GroupSSH, line, "/etc/ssh", "/etc/ssh", "/root/.ssh"),
			Operation{
				Group: GroupSSH, Reads: "/etc/ssh", NoUndo: noLabelUndo,
				Change: change.Change{
					Title:  "Label the host keys for SELinux",
					Cmd:    sshexec.Script(sshexec.Mutating, "chcon -Rv system_u:object_r:sshd_key_t:s0 /etc/ssh/ssh_host_*"),
					Repeat: op.Idempotent, Ref: ref(labelLine(line)),
				},
			})
	}
	return ops
}

// labelLine is the guide's line of "chcon" for its line of "mv /root/.ssh": the manager has one command more in between.
func labelLine(line int) int {
	if line == 136 {
		return 146
	}
	return line + 9
}

const noLabelUndo = "the labels are those of the files, and go with them"

// relabel gives copied files the labels that the policy has for their place; "cp -a" carries along those of the place they came from.
func relabel(group Group, line int, reads string, paths ...string) Operation {
	return Operation{
		Group: group, Reads: reads, NoUndo: noLabelUndo,
		Change: change.Change{
			Title:  "Restore the SELinux labels of " + strings.Join(paths, " and "),
			Cmd:    sshexec.Command(sshexec.Mutating, append([]string{"restorecon", "-R"}, paths...)...),
			Repeat: op.Idempotent, Ref: ref(line),
			Note: "not in the guide: files copied out of /root with cp -a keep a label under which sshd, for one, may not read them",
		},
	}
}

// overlay keeps the system's own directory as NAME.inst and copies the backup's over it; line is the guide's "mv".
func overlay(dir, name string, line int, note string) []Operation {
	inst, part := name+".inst", name+".inst.part"
	kept := sshexec.Command(sshexec.ReadOnly, "test", "-e", inst)
	const means = "the system's own directory was copied in full before"
	return []Operation{
		{
			Group: GroupSSH, Reads: name, NoUndo: noCopyUndo,
			Change: change.Change{
				Title:  "Copy the system's own " + name,
				Cmd:    sshexec.Command(sshexec.Mutating, "cp", "-aT", name, part),
				Repeat: op.ProbeFirst, Proof: []change.Proof{proof(means, kept)}, Ref: ref(line),
				Note: "the guide moves the directory away, and leaves the machine without it until the next command",
			},
		},
		{
			Group: GroupSSH, Reads: name, NoUndo: noCopyUndo,
			Change: change.Change{
				Title:  "Keep the copy as " + inst,
				Cmd:    sshexec.Command(sshexec.Mutating, "mv", part, inst),
				Repeat: op.ProbeFirst, Proof: []change.Proof{proof(means, kept)}, Ref: ref(line),
			},
		},
		{
			Group: GroupSSH, Reads: name, Undo: putBackDir(name),
			Change: change.Change{
				Title:  "Restore " + name,
				Cmd:    sshexec.Command(sshexec.Mutating, "cp", "-aT", dir+name, name),
				Repeat: op.Idempotent, Proof: []change.Proof{SameTree(dir+name, name)}, Ref: ref(line + 1), Note: note,
			},
		},
	}
}

const noCopyUndo = "a copy beside the original; the undo of what follows needs it"

// ntpTimeout bounds the one-time setting of the clock, which waits for servers that may not answer.
const ntpTimeout = 5 * time.Minute

// restoreNTP starts at the guide's line "yum -y install ntp".
func restoreNTP(dir string, line int) []Operation {
	const conf = "/etc/ntp.conf"
	kept := sshexec.Command(sshexec.ReadOnly, "test", "-e", conf+".inst")
	set := sshexec.Command(sshexec.Mutating, "ntpd", "-qg")
	set.Timeout = ntpTimeout
	undo := func(argv ...string) *sshexec.Cmd {
		cmd := sshexec.Command(sshexec.Mutating, argv...)
		return &cmd
	}
	restored := copyFile(GroupNTP, dir, conf, ref(line+3), "the form may differ between releases of the operating system (lustre:49)")
	restored.replaces, restored.NoUndo = "", "the undo of what moved the system's own file away puts that back"
	back := sshexec.Script(sshexec.Mutating, `if [ -e "$1.inst" ]; then mv -fT "$1.inst" "$1"; fi`, conf)
	ops := []Operation{
		{
			NoUndo: "a package that is not started harms nothing",
			Change: change.Change{
				Title: "Install NTP", Cmd: sshexec.Command(sshexec.Mutating, "yum", "-y", "install", "ntp"), Repeat: op.Idempotent, Ref: ref(line),
			},
		},
		{
			Undo: &back,
			Change: change.Change{
				Title: "Keep the system's own " + conf, Cmd: sshexec.Command(sshexec.Mutating, "mv", conf, conf+".inst"),
				Repeat: op.ProbeFirst, Proof: []change.Proof{proof("the system's own file was moved before", kept)}, Ref: ref(line + 2),
			},
		},
		restored,
		{
			NoUndo: "a right clock harms nothing",
			Change: change.Change{
				Title: "Set the clock once", Cmd: set, Repeat: op.Idempotent, Ref: ref(line + 5),
				Note: "the clock may jump; two nodes with different clocks cannot be compared by their logs",
			},
		},
		{
			Undo: undo("systemctl", "disable", "ntpd"),
			Change: change.Change{
				Title: "Start NTP at boot", Cmd: sshexec.Command(sshexec.Mutating, "systemctl", "enable", "ntpd"),
				Repeat: op.Idempotent, Proof: unit("is-enabled", "ntpd", "ntpd starts at boot"), Ref: ref(line + 6),
			},
		},
		{
			Undo: undo("systemctl", "stop", "ntpd"),
			Change: change.Change{
				Title: "Start NTP", Cmd: sshexec.Command(sshexec.Mutating, "systemctl", "start", "ntpd"),
				Repeat: op.Idempotent, Proof: unit("is-active", "ntpd", "ntpd runs"), Ref: ref(line + 7),
			},
		},
	}
	for i := range ops {
		ops[i].Group, ops[i].Reads = GroupNTP, conf
	}
	return ops
}

func restoreLNet(dir string, names []string, line int) []Operation {
	var ops []Operation
	for _, name := range names {
		ops = append(ops, copyFile(GroupLNet, dir, name, ref(line), "the file's name may vary (lustre:515)"))
	}
	return ops
}

func restoreAgent(dir string, line int, selinux bool) []Operation {
	const store = "/var/lib/chroma"
	ops := []Operation{{
		Group: GroupAgent, Reads: store, replaces: store,
		Change: change.Change{
			Title:  "Restore the agent's configuration, certificates and targets",
			Cmd:    sshexec.Command(sshexec.Mutating, "cp", "-a", dir+store, path.Dir(store)+"/."),
			Repeat: op.Idempotent, Proof: []change.Proof{SameTree(dir+store, store)}, Ref: ref(line),
		},
	}}
	if selinux {
		ops = append(ops, relabel(GroupAgent, line, store, store))
	}
	return ops
}

// ref is a place in the guide.
func ref(line int) string { return "lustre:" + strconv.Itoa(line) }

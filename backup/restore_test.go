package backup_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

const tree = "/root/bck-ct6-mds1-20170930-120005"

func table(ops []backup.Operation) string {
	var b strings.Builder
	for _, o := range ops {
		fmt.Fprintf(&b, "%-8s %-11s %-10s %s\n", o.Group, o.Ref, o.Repeat, o.Cmd)
		if len(o.Proof) > 0 {
			fmt.Fprintf(&b, "%32sdone when: %s\n", "", o.Proof[0].Cmd)
		}
	}
	return b.String()
}

// every is each restore that there is, with everything switched on.
func every() map[string][]backup.Operation {
	return map[string][]backup.Operation{
		"node1":         backup.RestoreServer(tree, backup.RestoreOptions{}),
		"node1-selinux": backup.RestoreServer(tree, backup.RestoreOptions{SELinux: true}),
		"node2":         backup.RestoreServer(tree, backup.RestoreOptions{Position: backup.SecondNode, SELinux: true}),
		"manager":       backup.RestoreManager(tree, backup.RestoreOptions{SELinux: true}),
	}
}

// BAK-010 to BAK-017, LUS-041: the guide's commands in the guide's order.
func TestRestoreGolden(t *testing.T) {
	for name, ops := range every() {
		golden.Check(t, "restore-"+name+".golden", table(ops))
	}
}

// Every reference leads to the line of the guide that has the command.
func TestRestoreReferences(t *testing.T) {
	corpus := os.Getenv("EVENKEEL_CORPUS")
	if corpus == "" {
		t.Skip("EVENKEEL_CORPUS is not set")
	}
	guide, err := os.ReadFile(filepath.Join(corpus, "..", "seeds", "lustre-ha-upgrade.md"))
	if err != nil {
		t.Skip("the guide is not beside the corpus")
	}
	lines := strings.Split(string(guide), "\n")
	for name, ops := range every() {
		for _, o := range append(ops, backup.Extract(tree+".tgz", "/root")) {
			n, err := strconv.Atoi(strings.TrimPrefix(o.Ref, "lustre:"))
			require.NoError(t, err)
			program := o.Cmd.Argv[0]
			switch program {
			case "/bin/sh":
				program = "chcon"
			case "restorecon", "mkdir": // not in the guide
				continue
			}
			line := lines[n-1]
			if o.Group == backup.GroupSSH && strings.HasPrefix(o.Title, "Copy the system's own") {
				program = "mv" // the departure that RestoreServer explains
			}
			require.Contains(t, line, program, "%s: %s", name, o.Title)
			if o.Reads != "" && program == "cp" {
				require.Contains(t, line, o.Reads, "%s: %s", name, o.Title)
			}
		}
	}
}

func TestRestoreOperationsAreComplete(t *testing.T) {
	for name, ops := range every() {
		for _, o := range ops {
			require.NoError(t, o.Cmd.Validate(), "%s: %s", name, o.Title)
			require.NotEqual(t, sshexec.ReadOnly, o.Cmd.Effect)
			require.NotEmpty(t, o.Title)
			require.NotEmpty(t, o.Ref)
			require.NotEqual(t, op.RepeatUnset, o.Repeat)
			require.NotEqual(t, o.Undo == nil, o.NoUndo == "", "%s: an undo, or the reason why there is none", o.Title)
			if program := o.Cmd.Argv[0]; o.Repeat != op.Idempotent || program == "cp" || program == "systemctl" && o.Cmd.Argv[1] != "restart" {
				require.Len(t, o.Proof, 1, o.Title)
				require.Equal(t, sshexec.ReadOnly, o.Proof[0].Cmd.Effect)
				require.NotEmpty(t, o.Proof[0].Text)
			}
		}
	}
}

// BAK-013: the manager restarts sshd, the servers do not; and only after the keys have their labels.
func TestOnlyTheManagerRestartsSSHD(t *testing.T) {
	restart := func(o backup.Operation) bool { return o.Cmd.String() == "systemctl restart sshd" }
	chcon := func(o backup.Operation) bool { return strings.Contains(o.Cmd.String(), "chcon") }
	require.False(t, slices.ContainsFunc(every()["node1"], restart))
	require.False(t, slices.ContainsFunc(every()["node2"], restart))
	manager := every()["manager"]
	require.Greater(t, slices.IndexFunc(manager, restart), slices.IndexFunc(manager, chcon))
}

// LUS-041: on node 2 time comes before everything else, on node 1 after SSH.
func TestRestoreOrder(t *testing.T) {
	require.Equal(t, []backup.Group{"hosts", "users", "ssh", "ntp", "lnet", "agent"}, groups(every()["node1"]))
	require.Equal(t, []backup.Group{"ntp", "hosts", "users", "ssh", "lnet", "agent"}, groups(every()["node2"]))
	require.Equal(t, []backup.Group{"hosts", "users", "ssh", "ntp"}, groups(every()["manager"]))
}

func groups(ops []backup.Operation) []backup.Group {
	var out []backup.Group
	for _, o := range ops {
		out = append(out, o.Group)
	}
	return slices.Compact(out)
}

// BAK-018, BAK-016, LUS-012: what is optional can be left out, what the backup lacks is left out, and the LNet file may have another name.
func TestRestoreChoices(t *testing.T) {
	ops := backup.RestoreServer(tree, backup.RestoreOptions{
		Skip:      []backup.Group{backup.GroupSSH},
		LNetFiles: []string{"/etc/modprobe.d/lustre.conf"},
		Has:       func(p string) bool { return p != "/etc/ntp.conf" },
	})
	require.Equal(t, []backup.Group{"hosts", "users", "lnet", "agent"}, groups(ops))
	var paths []string
	for _, r := range backup.Requirements(ops) {
		paths = append(paths, r.Path)
		require.Contains(t, r.NeededBy, "lustre:")
	}
	require.Equal(t, []string{
		"/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/sudoers",
		"/etc/modprobe.d/lustre.conf", "/var/lib/chroma",
	}, paths)
}

// BAK-012: whatever command the run dies at, and however often it is resumed, sshd finds its directory, and the
// system's own copy is kept whole.
func TestRestoreSSHSurvivesInterruption(t *testing.T) {
	var ops []backup.Operation
	for _, o := range backup.RestoreServer(tree, backup.RestoreOptions{}) {
		if o.Group == backup.GroupSSH {
			ops = append(ops, o)
		}
	}
	require.NotEmpty(t, ops)
	for stop := range ops {
		root := t.TempDir()
		put := func(name, content string) {
			require.NoError(t, os.MkdirAll(filepath.Dir(root+name), 0o755))
			require.NoError(t, os.WriteFile(root+name, []byte(content), 0o600))
		}
		read := func(name string) string {
			data, err := os.ReadFile(root + name)
			require.NoError(t, err)
			return string(data)
		}
		put("/etc/ssh/sshd_config", "new")
		put("/etc/ssh/ssh_host_ed25519_key", "new key")
		put("/root/.ssh/authorized_keys", "new")
		put(tree+"/etc/ssh/sshd_config", "old")
		put(tree+"/root/.ssh/authorized_keys", "old")
		here := func(s string) string {
			if strings.HasPrefix(s, "/") && s != "/bin/sh" {
				return root + s
			}
			return s
		}
		run := func(cmd sshexec.Cmd) bool {
			cmd = cmd.Expand(here)
			c := exec.Command(cmd.Argv[0], cmd.Argv[1:]...)
			c.Dir = cmd.Dir
			return c.Run() == nil
		}
		do := func(o backup.Operation) {
			require.True(t, run(o.Cmd), "%s", o.Cmd)
			require.FileExists(t, root+"/etc/ssh/sshd_config", "after %s", o.Cmd)
		}
		for _, o := range ops[:stop+1] {
			do(o)
		}
		if last := ops[stop]; len(last.Proof) == 0 || !run(last.Proof[0].Cmd) { // the connection died: did it run?
			do(last)
		}
		for _, o := range ops[stop+1:] {
			do(o)
		}
		for _, o := range ops { // the whole runbook once more, as after a lost journal
			if len(o.Proof) == 0 || !run(o.Proof[0].Cmd) {
				do(o)
			}
		}
		require.Equal(t, "old", read("/etc/ssh/sshd_config"))
		require.Equal(t, "new key", read("/etc/ssh/ssh_host_ed25519_key"))
		require.Equal(t, "new", read("/etc/ssh.inst/sshd_config"))
		require.Equal(t, "old", read("/root/.ssh/authorized_keys"))
		require.Equal(t, "new", read("/root/.ssh.inst/authorized_keys"))
		require.NoDirExists(t, root+"/root/.ssh/.ssh")
	}
}

// Whatever a copy is to restore, its proof fails before it and holds after it, by the real programs; it holds where the system has
// more, and prints nothing that is in a file.
func TestProofsOfCopies(t *testing.T) {
	for _, o := range backup.RestoreServer(tree, backup.RestoreOptions{}) {
		if o.Cmd.Argv[0] != "cp" || !strings.HasPrefix(o.Title, "Restore ") {
			continue
		}
		t.Run(o.Title, func(t *testing.T) {
			root, programs := t.TempDir(), os.Getenv("PATH")
			put := func(name, content string) {
				require.NoError(t, os.MkdirAll(filepath.Dir(root+name), 0o755))
				require.NoError(t, os.WriteFile(root+name, []byte(content), 0o600))
			}
			run := func(cmd sshexec.Cmd) sshexec.Result {
				cmd = cmd.Expand(func(s string) string {
					if strings.HasPrefix(s, "/") && s != "/bin/sh" {
						return root + s
					}
					return s
				})
				c := exec.Command(cmd.Argv[0], cmd.Argv[1:]...)
				c.Dir, c.Env = cmd.Dir, append(os.Environ(), "PATH="+programs)
				var errs strings.Builder
				c.Stderr = &errs
				out, err := c.Output()
				require.NotContains(t, string(out)+errs.String(), "secret")
				if err != nil && c.ProcessState == nil {
					return sshexec.Result{ExitCode: 127}
				}
				return sshexec.Result{ExitCode: c.ProcessState.ExitCode(), Stdout: out}
			}
			proven := func() error { return o.Proof[0].Read(run(o.Proof[0].Cmd)) }
			lacking := func(program string) error {
				defer func(all string) { programs = all }(programs)
				programs = t.TempDir()
				for _, name := range []string{"find", "stat", "ls", "grep", "cmp", "false"} {
					if at, err := exec.LookPath(name); err == nil && name != program {
						require.NoError(t, os.Symlink(at, programs+"/"+name))
					}
				}
				return proven()
			}
			require.NoError(t, os.MkdirAll(filepath.Dir(root+o.Reads), 0o755))
			require.Error(t, proven(), "there is no backup")
			files := []string{o.Reads}
			if o.Cmd.Argv[1] != tree+o.Reads || o.Reads == "/var/lib/chroma" { // a directory
				files = []string{o.Reads + "/key", o.Reads + "/sub/other key"}
			}
			for _, f := range files {
				put(tree+f, "secret of the backup")
			}
			require.Error(t, proven(), "nothing is there")
			require.Zero(t, run(o.Cmd).ExitCode)
			require.NoError(t, proven())
			last := files[len(files)-1]
			put(last, "another secret")
			require.Error(t, proven(), "a file differs")
			put(last, "")
			require.Error(t, proven(), "a file is empty")
			require.NoError(t, os.Remove(root+last))
			require.Error(t, proven(), "a file is missing")
			put(last, "secret of the backup")
			require.NoError(t, proven())
			if len(files) > 1 {
				require.NoError(t, lacking("none"))
				for _, program := range []string{"find", "stat", "ls", "grep", "cmp"} {
					require.Error(t, lacking(program), "without %s nothing is proven", program)
				}
				provenTree(t, root, o, func() { require.Zero(t, run(o.Cmd).ExitCode) }, proven)
			}
		})
	}
}

// provenTree tries what can be wrong with a directory beside the content of its files.
func provenTree(t *testing.T, root string, o backup.Operation, restore func(), proven func() error) {
	t.Helper()
	name, of := root+o.Reads, root+tree+o.Reads
	require.NoError(t, os.WriteFile(name+"/of the system", []byte("secret"), 0o600))
	require.NoError(t, os.Symlink("key", of+"/link"))
	require.NoError(t, os.Symlink("nowhere", of+"/dangling"))
	require.NoError(t, os.Mkdir(of+"/void", 0o700))
	restore()
	require.NoError(t, proven())
	wrong := map[string]func() error{
		"a mode":             func() error { return os.Chmod(name+"/sub/other key", 0o644) },
		"a directory's mode": func() error { return os.Chmod(name, 0o750) },
		"another link":       func() error { return errors.Join(os.Remove(name+"/link"), os.Symlink("sub", name+"/link")) },
		"no link":            func() error { return os.Remove(name + "/dangling") },
		"a file for a link":  func() error { return errors.Join(os.Remove(name+"/link"), os.Link(name+"/key", name+"/link")) },
		"no directory":       func() error { return os.Remove(name + "/void") },
	}
	if os.Geteuid() == 0 {
		wrong["an owner"] = func() error { return os.Chown(name+"/key", 17, 0) }
		wrong["a link's owner"] = func() error { return os.Lchown(name+"/link", 17, 0) }
		wrong["a directory's group"] = func() error { return os.Chown(name+"/sub", 0, 17) }
	}
	for what, spoil := range wrong {
		require.NoError(t, spoil(), what)
		err := proven()
		require.Error(t, err, what)
		require.ErrorContains(t, err, "not so: all of "+o.Reads+" is as in the backup, with modes and owners ('.", what)
		require.ErrorContains(t, err, "or another program has written there since", what)
		require.NoError(t, os.RemoveAll(name))
		restore()
		require.NoError(t, proven(), what)
	}
	require.NoError(t, errors.Join(os.RemoveAll(of), os.Mkdir(of, 0o700)))
	require.Error(t, proven(), "the backup's own is empty: it was not extracted")
	require.NoError(t, errors.Join(os.RemoveAll(name), os.Mkdir(name, 0o700)))
	require.Error(t, proven(), "both are empty")
}

// A file that differs is blamed on who may have written it since, too.
func TestWhoMayHaveWrittenAFile(t *testing.T) {
	ops := backup.RestoreServer(tree, backup.RestoreOptions{})
	i := slices.IndexFunc(ops, func(o backup.Operation) bool { return o.Reads == "/etc/resolv.conf" })
	err := ops[i].Proof[0].Read(sshexec.Result{Outcome: sshexec.Exited, ExitCode: 1})
	require.ErrorContains(t, err, "not so: /etc/resolv.conf is that of the backup: it was not restored, or another program has written there")
	require.ErrorContains(t, err, "NetworkManager")
}

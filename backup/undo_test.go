package backup_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// rebuilt is a Runner over a directory that stands for the root of a freshly installed machine. Commands on files are
// real; those on packages, services and labels only leave their names.
type rebuilt struct {
	t    *testing.T
	root string
	ran  []string
	lose int // the connection is lost after so many commands that change something, once; 0 never
}

func (m *rebuilt) here(s string) string {
	if strings.HasPrefix(s, "/") && s != "/bin/sh" {
		return m.root + s
	}
	return s
}

func (m *rebuilt) Run(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
	shown := cmd.String()
	cmd = cmd.Expand(m.here)
	if cmd.Effect != sshexec.ReadOnly {
		m.ran = append(m.ran, shown)
	}
	if slices.Contains([]string{"yum", "systemctl", "ntpd", "restorecon"}, cmd.Argv[0]) {
		return sshexec.Result{Outcome: sshexec.Exited}, nil
	}
	res, err := sshexec.Local{}.Run(ctx, cmd)
	if cmd.Effect != sshexec.ReadOnly {
		m.lose--
	}
	if cmd.Effect != sshexec.ReadOnly && m.lose == 0 {
		res = sshexec.Result{Outcome: sshexec.Unknown}
		return res, sshexec.Failure("ct6-mds1", cmd, res, sshexec.ErrDisconnected)
	}
	return res, err
}

func (m *rebuilt) write(name, content string, mode os.FileMode) {
	require.NoError(m.t, os.MkdirAll(filepath.Dir(m.root+name), 0o755))
	require.NoError(m.t, os.WriteFile(m.root+name, []byte(content), mode))
	require.NoError(m.t, os.Chtimes(m.root+name, epoch, epoch))
}

func (m *rebuilt) read(name string) string { return string(readFile(m.t, m.root+name)) }

// fresh is a machine after the installation, with the archive of its old self extracted on it.
func fresh(t *testing.T) (*rebuilt, *backup.Archive) {
	t.Helper()
	old := newMachine(t)
	info, err := old.take(t, backup.ServerManifest())
	require.NoError(t, err)
	a, err := backup.OpenFile(info.Path)
	require.NoError(t, err)
	m := &rebuilt{t: t, root: t.TempDir()}
	require.NoError(t, os.MkdirAll(m.root+"/root", 0o700))
	_, err = a.ExtractTo(m.root+"/root", backup.ExtractOptions{})
	require.NoError(t, err)
	for _, name := range []string{"/etc/hosts", "/etc/nsswitch.conf", "/etc/sudoers", "/etc/ntp.conf",
		"/etc/ssh/sshd_config", "/etc/ssh/ssh_host_ed25519_key"} {
		m.write(name, "fresh "+name+"\n", 0o640) // there is no /etc/resolv.conf yet, and no /var/lib/chroma
	}
	m.write("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nchrony:x:998:996::/var/lib/chrony:/sbin/nologin\n", 0o644)
	m.write("/etc/group", "root:x:0:\nchrony:x:996:\n", 0o644)
	m.write("/etc/shadow", "root:FRESHHASH:17000:0:99999:7:::\nchrony:!!:17000::::::\n", 0o000)
	m.write("/etc/gshadow", "root:::\nchrony:!::\n", 0o000)
	m.write("/var/lib/other", "x", 0o600)
	require.NoError(t, os.MkdirAll(m.root+"/etc/modprobe.d", 0o755))
	return m, a
}

// clone is the machine as it was when it was fresh.
func (m *rebuilt) clone(t *testing.T) *rebuilt {
	t.Helper()
	c := &rebuilt{t: t, root: t.TempDir()}
	out, err := exec.Command("cp", "-a", m.root+"/.", c.root).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return c
}

// timeless is a snapshot without times, which the guide's cp changes.
func timeless(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = stamp.ReplaceAllString(l, "")
	}
	return out
}

var stamp = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:]+Z`)

// state is a snapshot without what a restore and its undo keep on purpose.
func (m *rebuilt) state() []string {
	var out []string
	for _, line := range snapshot(m.t, m.root) {
		name := strings.SplitN(line, `"`, 3)[1]
		kept := strings.Contains(name, ".undone") || strings.Contains(name, ".inst") || strings.HasPrefix(name, "/root/bck-")
		if !kept && name != "/root" && name != "/root/.ssh" {
			out = append(out, line)
		}
	}
	return out
}

func serverPlan(t *testing.T, a *backup.Archive, opts backup.RestoreOptions) *backup.Plan {
	t.Helper()
	p, err := backup.PlanRestore(a, backup.ServerManifest(), backup.RestoreServer, "/root/"+a.Name(), opts)
	require.NoError(t, err)
	return p
}

// BAK-010..017: the restore, carried out on real files; then, from wherever it stopped, everything is as it was before,
// however often it is undone.
func TestRestoreAndUndoFromEveryPoint(t *testing.T) {
	m, a := fresh(t)
	untouched := m.clone(t)
	p := serverPlan(t, a, backup.RestoreOptions{})
	before := m.state()
	require.NoError(t, backup.Carry(t.Context(), m, p.Ops, nil))
	for _, name := range []string{"/etc/hosts", "/etc/resolv.conf", "/etc/ntp.conf",
		"/etc/modprobe.d/iml_lnet_module_parameters.conf", "/var/lib/chroma/inside"} {
		require.Equal(t, "content of "+name+"\n", m.read(name))
	}
	require.Equal(t, "fresh /etc/ntp.conf\n", m.read("/etc/ntp.conf.inst"))
	require.Equal(t, "PRIVATE KEY", m.read("/etc/ssh/ssh_host_rsa_key"))
	require.Equal(t, "fresh /etc/ssh/sshd_config\n", m.read("/etc/ssh.inst/sshd_config"))
	st, err := os.Stat(m.root + "/root/" + a.Name() + ".inst")
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), st.Mode().Perm(), "it holds the shadow of the fresh system")

	n, each := len(p.Ops), 1
	if testing.Short() {
		each = 5
	}
	for stop := 1; stop <= n; stop += each {
		m, ops := untouched.clone(t), p.Ops
		require.NoError(t, backup.Carry(t.Context(), m, ops[:stop], nil))
		for range 2 {
			require.NoError(t, backup.Carry(t.Context(), m, backup.Undo(ops[:stop]), nil), "undone after %d", stop)
			got := slices.DeleteFunc(m.state(), func(l string) bool { return strings.HasPrefix(l, `"/var/lib/chroma`) })
			require.Empty(t, cmp.Diff(before, got), "undone after %d operations", stop)
		}
	}
}

// The connection dies at every command, after it took effect; the restore goes on when it is carried out again, and
// ends as if nothing had happened.
func TestCarryAgain(t *testing.T) {
	untouched, a := fresh(t)
	m := untouched.clone(t)
	ops := serverPlan(t, a, backup.RestoreOptions{}).Ops
	require.NoError(t, backup.Carry(t.Context(), m, ops, nil))
	want := m.state()
	for lost := 1; lost <= len(ops); lost++ {
		m := untouched.clone(t)
		m.lose = lost
		if err := backup.Carry(t.Context(), m, ops, nil); err != nil {
			var stopped *backup.StoppedError
			require.ErrorAs(t, err, &stopped)
			require.Equal(t, sshexec.Unknown, sshexec.OutcomeOf(stopped.Err))
			require.Equal(t, ops[len(stopped.Done)].Title, stopped.At.Title)
			require.NoError(t, backup.Carry(t.Context(), m, ops, nil))
		}
		require.Empty(t, cmp.Diff(timeless(want), timeless(m.state())), "lost at %d", lost)
	}
}

// A dry run changes nothing, and reports every command that would.
func TestCarryDry(t *testing.T) {
	m, a := fresh(t)
	before := snapshot(t, m.root)
	p := serverPlan(t, a, backup.RestoreOptions{SELinux: true})
	var would []string
	var told int
	dry := sshexec.DryRun(m, func(cmd sshexec.Cmd) { would = append(would, cmd.String()) })
	require.NoError(t, backup.Carry(t.Context(), dry, p.Ops, func(backup.Operation) { told++ }))
	require.Len(t, would, len(p.Ops))
	require.Equal(t, len(p.Ops), told)
	require.Empty(t, m.ran)
	require.Empty(t, cmp.Diff(before, snapshot(t, m.root)))
	text := p.String()
	for _, o := range p.Ops {
		require.Contains(t, text, o.Title)
		require.Contains(t, text, o.Ref)
	}
	require.Equal(t, len(p.Ops), strings.Count(text, "   undo: "))
}

// BAK-013: the sshd of a manager is restarted after the old configuration is back, not before.
func TestUndoRestartsSSHDLast(t *testing.T) {
	undo := backup.Undo(backup.RestoreManager("/root/x", backup.RestoreOptions{KeepReplaced: true}))
	require.Equal(t, "systemctl restart sshd", undo[len(undo)-1].Cmd.String())
	for _, o := range undo[:len(undo)-1] {
		require.NotContains(t, o.Cmd.String(), "restart")
	}
	server := backup.Undo(backup.RestoreServer("/root/x", backup.RestoreOptions{KeepReplaced: true}))
	require.NotContains(t, fmt.Sprint(server), "restart sshd")
}

// BAK-026: what must be there and is not is named before anything runs.
func TestPlanRestoreNamesWhatIsMissing(t *testing.T) {
	var made bytes.Buffer
	require.NoError(t, backup.Build(&made, "ct6-mds1", noon, []backup.File{{Path: "/etc/hosts", Data: []byte("x\n")}}))
	a, err := backup.Open(&made)
	require.NoError(t, err)
	_, err = backup.PlanRestore(a, backup.ServerManifest(), backup.RestoreServer, "/root/x", backup.RestoreOptions{})
	var missing backup.Missing
	require.ErrorAs(t, err, &missing)
	for _, name := range []string{"/etc/shadow", "/etc/ssh", "/var/lib/chroma"} {
		require.ErrorContains(t, err, name)
	}
	require.NotContains(t, err.Error(), "/etc/ntp.conf", "a server may be without")
}

// An archive of what was replaced that cannot be read leads to nothing being changed.
func TestUndoWithoutItsArchive(t *testing.T) {
	m, a := fresh(t)
	ops := serverPlan(t, a, backup.RestoreOptions{}).Ops
	require.NoError(t, backup.Carry(t.Context(), m, ops, nil))
	after := m.state()
	require.NoError(t, os.WriteFile(m.root+"/root/"+a.Name()+".inst/replaced.tar", []byte("garbage"), 0o600))
	for _, o := range backup.Undo(ops) {
		if strings.Contains(o.Cmd.String(), "replaced.tar") {
			_, err := m.Run(t.Context(), o.Cmd)
			require.Error(t, err)
		}
	}
	require.Empty(t, cmp.Diff(after, m.state()))
}

// The scripts are plain sh.
func TestScriptsAreShell(t *testing.T) {
	for _, name := range []string{"list", "walk", "undo", "undo_dir", "install"} {
		out, err := exec.Command("sh", "-n", filepath.Join("scripts", name+".sh")).CombinedOutput()
		require.NoError(t, err, "%s: %s", name, out)
	}
}

// When nobody knows whether a command ran, its probe decides; without an answer it is not run again.
func TestCarryUnknown(t *testing.T) {
	done := sshexec.Command(sshexec.ReadOnly, "done?")
	o := backup.Operation{Change: change.Change{Title: "x", Cmd: sshexec.Command(sshexec.Mutating, "change"),
		Repeat: op.ProbeFirst, Proof: []change.Proof{change.ByExit("done", done)}}}
	for name, tc := range map[string]struct {
		probes []int // exit status of each probe; -1 when the machine does not answer
		good   bool
		ran    int
	}{
		"it ran":         {[]int{1, 0}, true, 1},
		"it did not":     {[]int{1, 1}, false, 1},
		"nobody says":    {[]int{1, -1}, false, 1},
		"done before":    {[]int{0}, true, 0},
		"no first probe": {[]int{-1}, false, 0},
		"odd probe":      {[]int{2}, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			ran, asked := 0, 0
			r := sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
				res := sshexec.Result{Outcome: sshexec.Unknown}
				if cmd.Argv[0] == "change" {
					ran++
				} else if code := tc.probes[asked]; code >= 0 {
					res = sshexec.Result{Outcome: sshexec.Exited, ExitCode: code}
				}
				if cmd.Argv[0] != "change" {
					asked++
				}
				var cause error
				if res.Outcome == sshexec.Unknown {
					cause = sshexec.ErrDisconnected
				}
				return res, sshexec.Failure("h", cmd, res, cause)
			})
			err := backup.Carry(t.Context(), r, []backup.Operation{o}, nil)
			require.Equal(t, tc.good, err == nil, "%v", err)
			require.Equal(t, tc.ran, ran)
			require.Equal(t, len(tc.probes), asked)
		})
	}
}

// What is no account file, or was cut off, is not put in place of one.
func TestAccountChecks(t *testing.T) {
	reqs := map[string]func([]byte) error{}
	for _, r := range backup.Requirements(backup.RestoreServer("", backup.RestoreOptions{})) {
		reqs[r.Path] = r.Check
	}
	for name, good := range map[string]string{
		"/etc/passwd": "# x\n\n+::::::\nroot:x:0:0:root:/root:/bin/bash\n", "/etc/group": "root:x:0:\n",
		"/etc/shadow": "root:x:1:0:99999:7:::\n", "/etc/gshadow": "root:::\n",
	} {
		require.NoError(t, reqs[name]([]byte(good)), name)
		for _, bad := range []string{"", "\n", good[:len(good)-1], good + "a:b\n", strings.ReplaceAll(good, "root", "toor"), good + "\x00\n"} {
			require.Error(t, reqs[name]([]byte(bad)), "%s: %q", name, bad)
		}
	}
	require.NoError(t, backup.HasLine("options", "lnet")([]byte("# options x\n  options\tlnet networks=tcp\n")))
	require.Error(t, backup.HasLine("options", "lnet")([]byte("# options lnet\n")))
	require.Error(t, backup.Every(backup.NotEmpty, backup.WholeLines)([]byte("x")))
}

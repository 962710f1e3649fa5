package backup_test

import (
	"bytes"
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// server is a simulated Lustre server on EL6.
type server struct {
	t     *testing.T
	world *simhost.World
	run   sshexec.Runner
}

func newServer(t *testing.T) server {
	t.Helper()
	reg := simhost.NewRegistry()
	reg.Command("cibadmin", 0, func(c *simhost.Call) int { c.Printf("%s\n", cib); return 0 })
	reg.Packages = append(reg.Packages, simhost.Package{
		Name: "ntp", Version: "4.2.6p5-28.el7", Repo: "base", Programs: []string{"ntpd"}, Services: []string{"ntpd"},
		Files: map[string]string{"/etc/ntp.conf": "server 0.centos.pool.ntp.org\n"},
	})
	s := simhost.NewState(reg, noon)
	h := s.AddHost("ct6-mds1.lfs.intl", simhost.EL6())
	for _, name := range []string{
		"/var/lib/chroma/targets/OWFh", "/var/lib/chroma/self.crt", "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf",
		"/etc/sudoers", "/etc/ntp.conf",
		"/etc/modprobe.d/iml_lnet_module_parameters.conf", "/etc/corosync/corosync.conf", "/root/.ssh/authorized_keys", "/etc/ssh/sshd_config",
	} {
		h.MustWrite(s, name, "old "+name+"\n", 0o600)
	}
	h.MustWrite(s, "/etc/gshadow", "root:::\n", 0)
	w := simhost.NewWorld(s)
	run, err := w.Runner("ct6-mds1.lfs.intl")
	require.NoError(t, err)
	return server{t, w, run}
}

// back takes the backup.
func (s server) back() *backup.Archive {
	s.t.Helper()
	info, err := backup.Create(s.t.Context(), s.run, backup.ServerManifest(), backup.Options{Dir: s.t.TempDir(), Now: s.world.Now})
	require.NoError(s.t, err)
	a, err := backup.OpenFile(info.Path)
	require.NoError(s.t, err)
	require.NoError(s.t, a.Verify())
	require.Empty(s.t, a.Covers(backup.Requirements(backup.RestoreServer("", backup.RestoreOptions{}))))
	data, err := os.ReadFile(info.Path)
	require.NoError(s.t, err)
	s.rebuild(a.Name(), data)
	return a
}

// rebuild installs the new operating system and puts the archive on it.
func (s server) rebuild(name string, archive []byte) {
	s.t.Helper()
	s.world.Do(func(st *simhost.State) { st.Host("ct6-mds1.lfs.intl").Install(st, simhost.EL7()) })
	s.world.Advance(2 * simhost.BootTime)
	s.world.Do(func(st *simhost.State) {
		st.Host("ct6-mds1.lfs.intl").MustWrite(st, "/root/"+name+".tgz", string(archive), 0o600)
	})
}

func (s server) read(name string) string {
	s.t.Helper()
	res, err := s.run.Run(s.t.Context(), sshexec.Command(sshexec.ReadOnly, "cat", name))
	require.NoError(s.t, err)
	return string(res.Stdout)
}

// BAK-009 to BAK-017: from an EL6 server to its rebuilt self, in the order of either node.
func TestRoundTripOnSimulatedServer(t *testing.T) {
	for _, position := range []backup.Position{backup.FirstNode, backup.SecondNode} {
		s := newServer(t)
		a := s.back()
		require.Equal(t, "ct6-mds1", a.Host(), "EL6 uses short names")
		require.Equal(t, "ct6-mds1.lfs.intl", a.Record().FQDN)
		ops := append([]backup.Operation{backup.Extract("/root/"+a.Name()+".tgz", "/root")},
			backup.RestoreServer("/root/"+a.Name(), backup.RestoreOptions{Position: position})...)
		for _, o := range ops {
			_, err := s.run.Run(t.Context(), o.Cmd)
			require.NoError(t, err, "%s", o.Cmd)
		}
		for _, name := range []string{"/etc/hosts", "/etc/sudoers", "/etc/ntp.conf", "/var/lib/chroma/targets/OWFh",
			"/root/.ssh/authorized_keys", "/etc/ssh/sshd_config"} {
			require.Equal(t, "old "+name+"\n", s.read(name))
		}
		require.Equal(t, "server 0.centos.pool.ntp.org\n", s.read("/etc/ntp.conf.inst"))
	}
}

// interrupted runs the restore with the connection lost at the n-th command, after its effect or before, and goes on as a resumed run does.
func interrupted(s server, ops []backup.Operation, n int, ran bool) {
	for i, o := range ops {
		if i == n {
			if ran {
				_, err := s.run.Run(s.t.Context(), o.Cmd)
				require.NoError(s.t, err, "%s", o.Cmd)
			}
			if o.Repeat != op.Idempotent {
				if _, err := s.run.Run(s.t.Context(), o.Proof[0].Cmd); err == nil {
					continue
				}
			}
		}
		_, err := s.run.Run(s.t.Context(), o.Cmd)
		require.NoError(s.t, err, "%s, interrupted at %d", o.Cmd, n)
		require.NotEmpty(s.t, s.read("/etc/ssh/sshd_config"), "sshd without its configuration after %s", o.Cmd)
	}
}

func TestRestoreInterruptedOnSimulatedServer(t *testing.T) {
	s := newServer(t)
	a := s.back()
	ops := append([]backup.Operation{backup.Extract("/root/"+a.Name()+".tgz", "/root")},
		backup.RestoreServer("/root/"+a.Name(), backup.RestoreOptions{})...)
	for n := range ops {
		for _, ran := range []bool{false, true} {
			again := s
			again.world = s.world.Clone()
			var err error
			again.run, err = again.world.Runner("ct6-mds1.lfs.intl")
			require.NoError(t, err)
			interrupted(again, ops, n, ran)
			require.Contains(t, again.read("/etc/ssh.inst/sshd_config"), "PermitRootLogin")
			require.Equal(t, "old /etc/ssh/sshd_config\n", again.read("/etc/ssh/sshd_config"))
		}
	}
}

// A machine that is gone gives an error that says so, and no archive.
func TestCreateFromDeadServer(t *testing.T) {
	s := newServer(t)
	s.world.Do(func(st *simhost.State) { st.Host("ct6-mds1.lfs.intl").PowerOff(st) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := backup.Create(ctx, s.run, backup.ServerManifest(), backup.Options{Dir: t.TempDir()})
	var ce *sshexec.CommandError
	require.ErrorAs(t, err, &ce)
	require.Equal(t, sshexec.NotStarted, ce.Outcome)
}

// Fetch takes an archive that a guide's script made off the machine, and proves the copy.
func TestFetch(t *testing.T) {
	s := newServer(t)
	var made bytes.Buffer
	require.NoError(t, backup.Build(&made, "ct6-mds1", noon, []backup.File{{Path: "/etc/hosts", Data: []byte("x\n")}}))
	name := "/root/bck-ct6-mds1-20170930-120005.tgz"
	s.world.Do(func(st *simhost.State) { st.Host("ct6-mds1.lfs.intl").MustWrite(st, name, made.String(), 0o600) })
	dir := t.TempDir()
	got, err := backup.Fetch(t.Context(), s.run, name, dir)
	require.NoError(t, err)
	data, err := os.ReadFile(got.Path)
	require.NoError(t, err)
	require.Equal(t, made.Bytes(), data)
	require.Len(t, got.SHA256, 64)
	require.Equal(t, int64(len(data)), got.Size)
	st, err := os.Stat(got.Path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), st.Mode())

	_, err = backup.Fetch(t.Context(), s.run, name, dir)
	require.ErrorIs(t, err, backup.ErrExists)
	_, err = backup.Fetch(t.Context(), s.run, "/root/none.tgz", dir)
	require.Error(t, err)
	changed := sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res, err := s.run.Run(ctx, cmd)
		if cmd.Argv[0] == "sha256sum" {
			res.Stdout[0] ^= 1
		}
		return res, err
	})
	fresh := t.TempDir()
	_, err = backup.Fetch(t.Context(), changed, name, fresh)
	require.ErrorIs(t, err, backup.ErrDamaged)
	left, err := os.ReadDir(fresh)
	require.NoError(t, err)
	require.Empty(t, left)
}

package backup_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// machine is a Runner over a directory that stands for a machine's root: tar, ls and cat are the real ones, the rest is scripted.
type machine struct {
	root   string
	script map[string]answer // by the command as typed; a command that is neither scripted nor real fails
	tools  string            // a PATH for the real ones, where only some are there
	before func(sshexec.Cmd) // called before a command runs
	mu     sync.Mutex
	ran    []sshexec.Cmd
}

type answer struct {
	stdout string
	code   int
	lost   bool // the connection is lost while it runs
}

const cib = `<cib epoch="99" admin_epoch="0"><configuration/></cib>`

// newMachine is a Lustre server with every path of the guide's manifest.
func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{root: t.TempDir(), script: map[string]answer{
		"hostname":         {stdout: "ct6-mds1\n"},
		"hostname -f":      {stdout: "ct6-mds1.lfs.intl\n"},
		"cibadmin --query": {stdout: cib + "\n"},
		"su - postgres -c '/usr/bin/pg_dumpall --clean'": {stdout: "-- PostgreSQL database cluster dump\n"},
	}}
	for _, p := range backup.ServerManifest().Paths {
		name := strings.ReplaceAll(p.Path, "*", "eth0")
		switch p.Path {
		case "/var/lib/chroma", "/etc/yum.repos.d", "/etc/ssh", "/root/.ssh":
			name += "/inside"
		}
		m.write(t, name, "content of "+name+"\n", 0o644)
	}
	m.write(t, "/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n", 0o644)
	m.write(t, "/etc/group", "root:x:0:\n", 0o644)
	m.write(t, "/etc/gshadow", "root:::\n", 0o644)
	m.write(t, "/etc/redhat-release", "CentOS release 6.8 (Final)\n", 0o644)
	m.write(t, "/etc/sysconfig/network-scripts/ifcfg-eth1", "DEVICE=eth1\n", 0o644)
	m.write(t, "/etc/sysconfig/network-scripts/ifup", "#!/bin/sh\n", 0o755)
	m.write(t, "/etc/shadow", "root:$6$hash:17000:0:99999:7:::\n", 0o000)
	m.write(t, "/etc/ssh/ssh_host_rsa_key", "PRIVATE KEY", 0o600)
	m.write(t, "/var/lib/chroma/repo/big.rpm", "rpm", 0o644)
	m.write(t, "/var/lib/chroma/targets/OWFh", `{"mntpt": "/mnt/MGS"}`, 0o600)
	return m
}

func (m *machine) at(name string) string { return filepath.Join(m.root, name) }

func (m *machine) write(t *testing.T, name, content string, mode os.FileMode) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(m.at(name)), 0o755))
	require.NoError(t, os.WriteFile(m.at(name), []byte(content), 0o600))
	require.NoError(t, os.Chmod(m.at(name), mode))
	require.NoError(t, os.Chtimes(m.at(name), epoch, epoch))
}

// epoch is when the machine's files were written; noon is when its backup is taken.
var (
	epoch = time.Date(2015, 2, 11, 2, 41, 36, 0, time.UTC)
	noon  = time.Date(2017, 9, 30, 12, 0, 5, 0, time.UTC)
)

func (m *machine) Run(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
	if err := cmd.Validate(); err != nil {
		return sshexec.Result{}, sshexec.Failure("ct6-mds1", cmd, sshexec.Result{}, err)
	}
	m.mu.Lock()
	m.ran = append(m.ran, cmd)
	m.mu.Unlock()
	var out, errs bytes.Buffer
	dst := io.Writer(&out)
	if cmd.Stdout != nil {
		dst = cmd.Stdout
	}
	res := sshexec.Result{Outcome: sshexec.Exited}
	if a, ok := m.script[cmd.String()]; ok {
		_, err := io.WriteString(dst, a.stdout)
		res.ExitCode, res.Stdout = a.code, out.Bytes()
		if a.lost {
			res.Outcome = sshexec.Unknown
			err = errors.Join(err, io.ErrUnexpectedEOF)
		}
		return res, sshexec.Failure("ct6-mds1", cmd, res, err)
	}
	if !slices.Contains([]string{"tar", "ls", "cat", "find", "/bin/sh"}, cmd.Argv[0]) {
		res.ExitCode = 127
		return res, sshexec.Failure("ct6-mds1", cmd, res, nil)
	}
	if m.before != nil {
		m.before(cmd)
	}
	program := cmd.Argv[0]
	env := append(os.Environ(), "LC_ALL=C")
	if m.tools != "" {
		program = filepath.Join(m.tools, filepath.Base(program))
		env = []string{"LC_ALL=C", "PATH=" + m.tools}
		if _, err := os.Stat(program); err != nil {
			res.ExitCode = 127
			return res, sshexec.Failure("ct6-mds1", cmd, res, nil)
		}
	}
	run := exec.CommandContext(ctx, program, cmd.Argv[1:]...)
	run.Env = env
	run.Stdout, run.Stderr = dst, &errs
	err := run.Run()
	res.Stdout, res.Stderr = out.Bytes(), errs.Bytes()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		res.ExitCode, err = exit.ExitCode(), nil
	}
	return res, sshexec.Failure("ct6-mds1", cmd, res, err)
}

// only leaves the machine these programs, each the real one of this machine or an applet of busybox.
func (m *machine) only(t *testing.T, busybox bool, programs ...string) {
	t.Helper()
	m.tools = t.TempDir()
	for _, p := range programs {
		from := p
		if busybox {
			from = "busybox"
		}
		real, err := exec.LookPath(from)
		if err != nil {
			t.Skipf("no %s on PATH (Debian: busybox-static, coreutils, tar): %v", from, err)
		}
		require.NoError(t, os.Symlink(real, filepath.Join(m.tools, p)))
	}
}

// take makes a backup of the machine in a fresh directory.
func (m *machine) take(t *testing.T, manifest backup.Manifest) (*backup.Info, error) {
	t.Helper()
	return backup.Create(t.Context(), m, manifest, backup.Options{Dir: t.TempDir(), Root: m.root, Now: func() time.Time { return noon }})
}

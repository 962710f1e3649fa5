//go:build linux

package initd

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// theReaper is the only one that may wait in this process.
var theReaper = sync.OnceValue(newReaper)

// notifyVariable makes the test binary a daemon of Type=notify, which runs until it is asked to end.
const notifyVariable = "EVENKEEL_NOTIFY"

func TestMain(m *testing.M) {
	if os.Getenv(notifyVariable) != "" {
		conn, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
		if err == nil {
			_, err = io.WriteString(conn, "STATUS=here\nREADY=1")
		}
		if err != nil {
			os.Exit(9)
		}
		select {}
	}
	os.Exit(m.Run())
}

// world is a system in a directory of the test's, with real processes.
type world struct {
	t *testing.T
	*manager
}

func newWorld(t *testing.T, units map[string]string) *world {
	t.Helper()
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "systemd"), 0o755))
	for name, text := range units {
		path := filepath.Join(root, packageUnits, name+suffix)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(text, "ROOT", root)), 0o644))
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	w := &world{t, &manager{dir: unitDir{root}, run: root, reaper: theReaper(), log: io.Discard, output: null,
		services: map[string]*service{}}}
	t.Cleanup(w.stopAll)
	return w
}

// systemctl gives what a call prints, and its exit status.
func (w *world) systemctl(args ...string) string {
	var out, errOut bytes.Buffer
	exit := (&systemctl{m: w.manager, stdout: &out, stderr: &errOut, signal: func(syscall.Signal) {}}).run(args)
	return strings.TrimSpace(fmt.Sprintf("%s%s(%d)", out.String(), errOut.String(), exit))
}

func (w *world) starts(file string) int {
	text, _ := os.ReadFile(filepath.Join(w.dir.root, file))
	return strings.Count(string(text), "\n")
}

func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	require.Eventually(w.t, holds, time.Minute, 5*time.Millisecond, what)
}

const sleeper = "[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n"

func TestStartAndStopInOrder(t *testing.T) {
	w := newWorld(t, map[string]string{
		"corosync":  sleeper,
		"pacemaker": "[Unit]\nRequires=corosync.service\n" + sleeper,
		"ruby":      "[Unit]\nPartOf=pcsd.service\nStopWhenUnneeded=true\n" + sleeper,
		"pcsd":      "[Unit]\nRequires=ruby.service\n" + sleeper,
		"lib":       "[Unit]\nStopWhenUnneeded=true\n" + sleeper,
		"user1":     "[Unit]\nRequires=lib.service\n" + sleeper,
		"user2":     "[Unit]\nRequires=lib.service\n" + sleeper,
	})
	require.Equal(t, "(0)", w.systemctl("start", "pacemaker.service"))
	require.Equal(t, "active\nactive\ninactive\nunknown\n(0)", w.systemctl("is-active", "corosync", "pacemaker", "pcsd", "nothing"))
	require.Equal(t, "(0)", w.systemctl("stop", "corosync"), "what needs it is stopped with it")
	require.Equal(t, "inactive\ninactive\n(3)", w.systemctl("is-active", "corosync", "pacemaker"))
	require.Equal(t, "(0)", w.systemctl("start", "pcsd"))
	require.Equal(t, "(0)", w.systemctl("stop", "pcsd"))
	require.Equal(t, "inactive\ninactive\n(3)", w.systemctl("is-active", "pcsd", "ruby"))
	require.Equal(t, "(0)", w.systemctl("start", "user1", "user2"))
	require.Equal(t, "(0)", w.systemctl("stop", "user1"))
	require.Equal(t, "active\n(0)", w.systemctl("is-active", "lib"), "somebody needs it still")
	require.Equal(t, "(0)", w.systemctl("stop", "user2"))
	require.Equal(t, "inactive\n(3)", w.systemctl("is-active", "lib"))
	require.Equal(t, "Failed to start nothing.service: Unit not found.\n(5)", w.systemctl("start", "nothing"))
	require.Equal(t, "systemctl: unrecognized option '--root=/x'\n(1)", w.systemctl("--root=/x", "start", "pcsd"))
}

func TestTwoStartsAtOnceAreOne(t *testing.T) {
	w := newWorld(t, map[string]string{
		"corosync": "[Service]\nExecStart=/bin/sh -c 'echo >> ROOT/starts; exec sleep 1000'\n",
		"a":        "[Unit]\nRequires=corosync.service\n" + sleeper, "b": "[Unit]\nRequires=corosync.service\n" + sleeper,
	})
	var all sync.WaitGroup
	for _, n := range []string{"a", "b", "corosync"} {
		all.Go(func() { require.NoError(t, w.start(n)) })
	}
	all.Wait()
	w.eventually("it was started", func() bool { return w.starts("starts") > 0 })
	require.Equal(t, 1, w.starts("starts"))
}

func TestNotify(t *testing.T) {
	w := newWorld(t, map[string]string{
		"good":  "[Service]\nType=notify\nEnvironment=" + notifyVariable + "=1\nExecStart=" + os.Args[0] + "\n",
		"early": "[Service]\nType=notify\nExecStart=/bin/sh -c 'exit 4'\n",
		"late":  "[Service]\nType=notify\nTimeoutStartSec=50ms\nExecStart=/bin/sleep 1000\n",
		"pre":   "[Service]\nExecStartPre=/bin/false\nExecStart=/bin/sleep 1000\n",
	})
	require.NoError(t, w.start("good"))
	require.ErrorContains(t, w.start("early"), "ended with exit status 4 before it was ready")
	require.ErrorContains(t, w.start("late"), "was not ready after 50ms")
	require.ErrorContains(t, w.start("pre"), "/bin/false ended with exit status 1")
	require.Equal(t, "active\nfailed\nfailed\nfailed\n(0)", w.systemctl("is-active", "good", "early", "late", "pre"))
}

func TestRestart(t *testing.T) {
	const unit = "[Unit]\nStartLimitBurst=3\n[Service]\nRestart=on-failure\nRestartSec=1ms\nSuccessExitStatus=100\nExecStart=/bin/sh -c 'echo >> ROOT/%s; %s'\n"
	w := newWorld(t, map[string]string{
		"killed": fmt.Sprintf(unit, "killed", "exec sleep 1000"),
		"fails":  fmt.Sprintf(unit, "fails", "exit 1"),
		"ends":   fmt.Sprintf(unit, "ends", "exit 100"),
	})
	require.NoError(t, w.start("killed"))
	_, pid := w.service("killed").get()
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	w.eventually("it runs again", func() bool { st, now := w.service("killed").get(); return st == active && now != pid && now != 0 })

	require.NoError(t, w.start("fails"))
	w.eventually("it gives up", func() bool { return w.starts("fails") == 3 && len(w.running()) == 1 })
	require.NoError(t, w.start("ends"))
	w.eventually("an end as agreed is no failure", func() bool { return w.systemctl("is-active", "ends") == "inactive\n(3)" })
	require.Equal(t, 1, w.starts("ends"))
	require.NoError(t, w.stop("killed"))
	require.Equal(t, "inactive\n(3)", w.systemctl("is-active", "killed"))
}

func TestKillMode(t *testing.T) {
	const unit = "[Service]\nKillMode=%s\nExecStart=/bin/sh -c '%s sleep 1000 & echo $! > ROOT/%s; wait'\n"
	w := newWorld(t, map[string]string{"all": fmt.Sprintf(unit, "control-group", `nohup env --ignore-signal=TERM`, "all"),
		"main": fmt.Sprintf(unit, "process", "", "main")})
	child := func(name string) (pid int) {
		require.NoError(t, w.start(name))
		w.eventually("it has a child", func() bool {
			text, _ := os.ReadFile(filepath.Join(w.dir.root, name))
			n, err := fmt.Sscan(string(text), &pid)
			return n == 1 && err == nil
		})
		require.NoError(t, w.stop(name))
		return pid
	}
	left := child("main")
	_, runs := readProc(fmt.Sprintf("/proc/%d", left))
	require.True(t, runs, "its other processes are its own affair")
	require.NoError(t, syscall.Kill(left, syscall.SIGKILL))
	gone := child("all")
	w.eventually("all of it has ended", func() bool { _, ok := readProc(fmt.Sprintf("/proc/%d", gone)); return !ok })
}

func TestEnable(t *testing.T) {
	w := newWorld(t, map[string]string{"ssh": sleeper + "Alias=sshd.service\n", "static": "[Service]\nExecStart=/x\n",
		"user": "[Service]\nUser=x\nExecStart=/x\n[Install]\nWantedBy=multi-user.target\n"})
	require.Equal(t, "disabled\n(1)", w.systemctl("is-enabled", "ssh"))
	require.Equal(t, "Created symlink from /etc/systemd/system/multi-user.target.wants/ssh.service.\nCreated symlink "+
		"from /etc/systemd/system/sshd.service.\n(0)", w.systemctl("enable", "--now", "ssh.service"))
	require.Equal(t, "enabled\nstatic\nFailed to get unit file state for x.service: No such file or directory\n(0)",
		w.systemctl("is-enabled", "sshd", "static", "x"))
	require.Equal(t, "active\n(0)", w.systemctl("is-active", "sshd"), "by its other name")
	enabled, err := w.dir.enabled()
	require.NoError(t, err)
	require.Equal(t, []string{"ssh"}, enabled)
	list := w.systemctl("list-unit-files", "--full")
	for _, line := range []string{"ssh.service  ", "static.service  ", "user.service  ", "4 unit files listed."} {
		require.Contains(t, list, line)
	}
	require.Equal(t, "Removed symlink /etc/systemd/system/multi-user.target.wants/ssh.service.\n(0)", w.systemctl("disable", "--now", "sshd"))
	require.Equal(t, "inactive\n(3)", w.systemctl("is-active", "ssh"))
	require.Equal(t, "(0)", w.systemctl("mask", "user"))
	require.Equal(t, "Failed to start user.service: Unit is masked.\n(1)", w.systemctl("start", "user"))
	require.Equal(t, "(0)", w.systemctl("unmask", "user"))
	require.Contains(t, w.systemctl("start", "user"), "User= is not supported")
	require.Equal(t, "LoadState=not-found\nActiveState=inactive\n(0)", w.systemctl("show", "-p", "LoadState,ActiveState", "x"))
}

func TestNothingStartsWhenTheSystemGoesDown(t *testing.T) {
	w := newWorld(t, map[string]string{"a": "[Unit]\nRequires=b.service\n" + sleeper, "b": sleeper})
	require.NoError(t, w.start("a"))
	w.stopAll()
	require.Empty(t, w.running())
	require.ErrorIs(t, w.start("a"), errDown)
}

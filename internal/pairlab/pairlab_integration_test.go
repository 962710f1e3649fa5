//go:build integration

package pairlab_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

const mgs, mdt = "5e0f2c1a-0000-4000-8000-000000000001", "5e0f2c1a-0000-4000-8000-000000000002"

func targets() []pairlab.Target {
	return []pairlab.Target{
		{UUID: mgs, Label: "MGS", Mount: "/mnt/MGS", Device: "/dev/mapper/mgs", Backfs: "ldiskfs"},
		{UUID: mdt, Label: "testfs-MDT0000", Mount: "/mnt/testfs-MDT0000", Device: "/dev/mapper/mdt0", Backfs: "ldiskfs", Preferred: 1},
	}
}

// start makes a lab that ends with the test; a machine that cannot have one skips it.
func start(t *testing.T, o pairlab.Options) *pairlab.Lab {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	began := time.Now()
	lab, err := pairlab.Start(t.Context(), o)
	if errors.Is(err, pairlab.ErrUnavailable) {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		logs, _ := filepath.Glob(filepath.Join(o.Dir, "*.console"))
		for _, name := range append(logs, filepath.Join(o.Dir, "supervisor.log")) {
			text, _ := os.ReadFile(name)
			t.Logf("%s:\n%s", name, text)
		}
	})
	require.NoError(t, err)
	t.Logf("up in %s", time.Since(began).Round(time.Millisecond))
	t.Cleanup(func() {
		began := time.Now()
		require.NoError(t, lab.Close())
		require.NoError(t, lab.Close(), "to close again does nothing")
		t.Logf("down in %s", time.Since(began).Round(time.Millisecond))
	})
	return lab
}

// shell runs a shell's command at a node's console and wants it to succeed.
func shell(t *testing.T, n *pairlab.Node, script string) string {
	t.Helper()
	out, errOut, exit, err := n.Exec(t.Context(), nil, "sh", "-c", script)
	require.NoError(t, err)
	require.Zero(t, exit, "%s: %s%s", script, out, errOut)
	return strings.TrimSpace(string(out))
}

// hardware puts one request on a node's hw.sock, from within the node, and gives the answer.
func hardware(t *testing.T, n *pairlab.Node, request string) string {
	t.Helper()
	return shell(t, n, fmt.Sprintf(`python3 -c '
import socket
s = socket.socket(socket.AF_UNIX); s.connect("/run/lab/hw.sock"); s.sendall(b"""%s\n"""); print(s.makefile().readline().strip())'`, request))
}

// eventually asks until it holds. How long that takes proves nothing; a minute is for the slowest machine.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, 2*time.Minute, 50*time.Millisecond, what)
}

func login(t *testing.T, lab *pairlab.Lab, n *pairlab.Node) (*sshexec.Client, error) {
	t.Helper()
	client, err := sshexec.Dial(t.Context(), sshexec.Config{
		Host: n.Name(), Addr: n.Addr(), User: "root", Auth: sshexec.Auth{KeyFiles: []string{lab.Key()}},
		KnownHosts: []string{lab.KnownHosts()}, HostKeys: sshexec.Strict(),
	})
	if err == nil {
		t.Cleanup(func() { _ = client.Close() })
	}
	return client, err
}

func TestLogin(t *testing.T) {
	lab := start(t, pairlab.Options{Targets: targets()})
	var old [2]string
	for i, n := range lab.Nodes() {
		client, err := login(t, lab, n)
		require.NoError(t, err)
		result, err := client.Run(t.Context(),
			sshexec.Command(sshexec.ReadOnly, "sh", "-c", "hostname; cat /etc/redhat-release; cat /proc/sys/kernel/random/boot_id"))
		require.NoError(t, err)
		lines := strings.Split(string(result.Stdout), "\n")
		require.Equal(t, n.Short(), lines[0], "the old system has a short host name")
		require.Equal(t, "CentOS release 6.8 (Final)", lines[1])
		old[i] = lines[2]
	}
	require.NotEqual(t, old[0], old[1], "each node boots by itself")
	require.Equal(t, "b", shell(t, lab.Nodes()[0], "test -b /dev/mapper/mgs && echo b"))

	n := lab.Nodes()[0]
	before, err := n.HostKeys()
	require.NoError(t, err)
	require.Len(t, before, 3)
	shell(t, n, "echo mine > /etc/mine; systemctl is-active pcsd")

	require.NoError(t, n.Reset())
	require.Equal(t, "mine", shell(t, n, "cat /etc/mine"), "a disk survives the power")
	require.NotEqual(t, old[0], shell(t, n, "cat /proc/sys/kernel/random/boot_id"), "a boot has a new ID")
	_, err = login(t, lab, n)
	require.NoError(t, err, "and the same host keys")

	began := time.Now()
	require.NoError(t, n.Wipe(pairlab.NewRelease))
	t.Logf("wiped in %s", time.Since(began).Round(time.Millisecond))
	require.Equal(t, "ct6-mds1.lfs.intl CentOS Linux release 7.3.1611 (Core)", shell(t, n, "echo $(hostname) $(cat /etc/redhat-release)"))
	require.Equal(t, "no", shell(t, n, "test -e /etc/mine || echo no"))
	require.Equal(t, "inactive inactive inactive disabled",
		shell(t, n, "echo $(systemctl is-active corosync pacemaker pcsd; systemctl is-enabled pcsd)"))
	after, err := n.HostKeys()
	require.NoError(t, err)
	for i := range before {
		require.NotEqual(t, before[i].Marshal(), after[i].Marshal())
	}
	_, err = login(t, lab, n)
	require.ErrorIs(t, err, sshexec.ErrHostKeyChanged, "a client that knew the old system does not believe the new one")
	require.NoError(t, lab.Trust())
	_, err = login(t, lab, n)
	require.NoError(t, err)
}

func TestConsole(t *testing.T) {
	lab := start(t, pairlab.Options{})
	n := lab.Nodes()[0]
	require.NoError(t, n.Cut())
	out, errOut, exit, err := n.Exec(t.Context(), strings.NewReader("in"), "sh", "-c", "cat; echo err >&2; exit 3")
	require.NoError(t, err, "the console needs no cable")
	require.Equal(t, "in err\n 3", fmt.Sprint(string(out), " ", string(errOut), " ", exit))

	_, _, exit, err = n.Exec(t.Context(), nil, "sh", "-c", "kill -9 $$")
	require.NoError(t, err)
	require.Equal(t, 128+9, exit)

	_, _, _, err = n.Exec(t.Context(), nil, "no-such-program")
	require.ErrorContains(t, err, "no-such-program: command not found")

	out, _, exit, err = n.Exec(t.Context(), nil, "sh", "-c", "sleep 600 & echo left behind")
	require.NoError(t, err, "what a command leaves behind does not hold it")
	require.Equal(t, "left behind\n0", fmt.Sprint(string(out), exit))

	ctx, cancel := context.WithCancel(t.Context())
	killed := make(chan error)
	go func() {
		_, _, _, err := n.Exec(ctx, nil, "sh", "-c", "sleep 7777; true")
		killed <- err
	}()
	eventually(t, "the command runs", func() bool {
		_, _, exit, err := n.Exec(t.Context(), nil, "pgrep", "-f", "sleep 7777")
		return err == nil && exit == 0
	})
	cancel()
	require.ErrorIs(t, <-killed, context.Canceled)
	eventually(t, "nobody waits for it: it is killed", func() bool {
		_, _, exit, err := n.Exec(t.Context(), nil, "pgrep", "-f", "sleep 7777")
		return err == nil && exit == 1
	})

	lost := make(chan error)
	go func() {
		_, _, _, err := n.Exec(t.Context(), nil, "sh", "-c", "touch /run/going; sleep 600")
		lost <- err
	}()
	eventually(t, "the command runs", func() bool {
		_, _, exit, err := n.Exec(t.Context(), nil, "test", "-e", "/run/going")
		return err == nil && exit == 0
	})
	require.NoError(t, n.PowerOff())
	require.ErrorIs(t, <-lost, pairlab.ErrOff)
	_, _, _, err = n.Exec(t.Context(), nil, "true")
	require.ErrorIs(t, err, pairlab.ErrOff)
	require.False(t, n.On())
	require.NoError(t, n.PowerOn())
	require.True(t, n.On())
}

// The real pcs, corosync and pacemaker, by this init, on this hardware.
func TestCluster(t *testing.T) {
	targets := pairlab.GuideTargets(2)
	lab := start(t, pairlab.Options{Targets: targets})
	one, two := lab.Nodes()[0], lab.Nodes()[1]
	began := time.Now()
	require.NoError(t, pairlab.BuildOldCluster(t.Context(), lab, pairlab.SiteOptions{Targets: targets}))
	t.Logf("old cluster in %s", time.Since(began).Round(time.Millisecond))
	require.Equal(t, "enabled enabled", shell(t, two, "echo $(systemctl is-enabled corosync pacemaker)"))
	online := func() bool {
		out, _, _, err := two.Exec(t.Context(), nil, "crm_mon", "-1")
		return err == nil && strings.Contains(string(out), "Online: [ ct6-mds1 ct6-mds2 ]")
	}
	require.True(t, online())

	links := func() string {
		return shell(t, one, "corosync-cfgtool -s | awk '$1==\"nodeid:\" && $2==\"2:\" {print $3}' | xargs")
	}
	require.Equal(t, "connected connected", links())
	require.NoError(t, two.Cut(1))
	eventually(t, "the second ring is down", func() bool { return links() == "connected disconnected" })
	require.True(t, online(), "one ring is enough")
	require.NoError(t, two.Heal())
	eventually(t, "it is healed", func() bool { return links() == "connected connected" })

	before := shell(t, one, "systemctl show -p MainPID pacemaker")
	require.NoError(t, one.Kill("pacemakerd"))
	eventually(t, "pacemakerd is started again by its unit", func() bool {
		_, _, exit, err := one.Exec(t.Context(), nil, "systemctl", "is-active", "-q", "pacemaker")
		return err == nil && exit == 0 && shell(t, one, "systemctl show -p MainPID pacemaker") != before
	})
	eventually(t, "and takes its daemons over", online)
	require.ErrorContains(t, one.Kill("no-such-daemon"), "no process called no-such-daemon")

	boot := shell(t, one, "cat /proc/sys/kernel/random/boot_id")
	require.NoError(t, one.Kill("corosync"))
	eventually(t, "the peer fences it, it boots after its self-test, and is a member again", func() bool {
		out, _, exit, err := one.Exec(t.Context(), nil, "cat", "/proc/sys/kernel/random/boot_id")
		return err == nil && exit == 0 && strings.TrimSpace(string(out)) != boot && online()
	})
	truth, err := lab.Truth()
	require.NoError(t, err)
	require.Len(t, truth.Fencings, 1)
	require.Equal(t, [3]string{two.Name(), one.Name(), "reboot"},
		[3]string{truth.Fencings[0].By, truth.Fencings[0].Victim, truth.Fencings[0].Action})
	require.Empty(t, truth.DoubleMounts)
	require.Len(t, truth.Outages(targets[0].UUID), 1, "what was on the fenced node came up on the other")
	require.Equal(t, []string{two.Name()}, truth.Serving(targets[0].UUID))

	shell(t, one, "systemctl stop corosync")
	require.Equal(t, "inactive inactive", shell(t, one, "echo $(systemctl is-active corosync pacemaker)"),
		"pacemaker needs corosync, and is stopped before it")
}

func TestHardware(t *testing.T) {
	lab := start(t, pairlab.Options{Targets: targets(), Post: 50 * time.Millisecond})
	one, two := lab.Nodes()[0], lab.Nodes()[1]
	const ok = `{"ok":true}`
	truth := func() pairlab.Truth {
		truth, err := lab.Truth()
		require.NoError(t, err)
		return truth
	}
	require.Equal(t, ok, hardware(t, one, `{"op":"start","target":"`+mgs+`"}`))
	require.Equal(t, `{"ok":true,"mounted":["`+mgs+`"]}`, hardware(t, one, `{"op":"mounted"}`))
	require.Equal(t, ok, hardware(t, two, `{"op":"mounted"}`))
	require.Empty(t, truth().DoubleMounts)

	require.Equal(t, ok, hardware(t, two, `{"op":"start","target":"`+mgs+`"}`), "nothing prevents the accident")
	accidents := truth().DoubleMounts
	require.Len(t, accidents, 1)
	require.Equal(t, [2]string{one.Name(), two.Name()}, accidents[0].Nodes)
	require.Len(t, truth().Overlaps(mgs), 1)

	require.NoError(t, lab.SetTarget(mdt, pairlab.Behaviour{FailStart: true}))
	require.Equal(t, `{"ok":false,"error":"mount: I/O error"}`, hardware(t, one, `{"op":"start","target":"`+mdt+`"}`))
	require.Equal(t, `{"ok":false,"error":"no target \"x\" on the storage"}`, hardware(t, one, `{"op":"start","target":"x"}`))
	require.Contains(t, hardware(t, one, `{"op":"fly"}`), `"ok":false`)
	require.Contains(t, hardware(t, one, `nonsense`), `"ok":false`)

	require.Equal(t, `{"ok":true,"power":"on"}`, hardware(t, two, `{"op":"power","node":"ct6-mds1","action":"status"}`))
	require.Equal(t, ok, hardware(t, two, `{"op":"power","node":"ct6-mds1.lfs.intl","action":"off"}`))
	require.False(t, one.On())
	require.Equal(t, `{"ok":true,"power":"off"}`, hardware(t, two, `{"op":"power","node":"ct6-mds1","action":"status"}`))
	require.Equal(t, []string{two.Name()}, truth().Serving(mgs), "without power nothing is mounted")
	require.Equal(t, ok, hardware(t, two, `{"op":"power","node":"ct6-mds1","action":"reboot"}`))
	eventually(t, "it boots after its self-test", func() bool {
		_, _, exit, err := one.Exec(t.Context(), nil, "systemctl", "is-active", "-q", "ssh")
		return err == nil && exit == 0
	})
	var fencings []string
	for _, f := range truth().Fencings {
		require.GreaterOrEqual(t, f.At, f.Asked)
		fencings = append(fencings, f.By+" "+f.Action+" "+f.Victim)
	}
	require.Equal(t, []string{"ct6-mds2.lfs.intl off ct6-mds1.lfs.intl", "ct6-mds2.lfs.intl reboot ct6-mds1.lfs.intl"}, fencings)

	require.Equal(t, ok, hardware(t, two, `{"op":"reboot"}`))
	eventually(t, "a node restarts itself", func() bool {
		return strings.Contains(fmt.Sprint(truth().Power), "orderly reboot") && two.On()
	})
	require.NoError(t, two.PowerOn(), "which waits for its boot")
	require.Empty(t, shell(t, two, "grep lustre /proc/mounts || true"))
}

func TestTwoLabsAtOnce(t *testing.T) {
	first := start(t, pairlab.Options{Targets: targets()})
	second := start(t, pairlab.Options{Targets: targets()})
	require.NotEqual(t, first.Nodes()[0].Addr(), second.Nodes()[0].Addr())
	for _, lab := range []*pairlab.Lab{first, second} {
		client, err := login(t, lab, lab.Nodes()[1])
		require.NoError(t, err, "each by its own key, at its own address")
		_, err = client.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "true"))
		require.NoError(t, err)
	}
	shell(t, first.Nodes()[0], "ping -c 1 -W 5 ct6-mds2")
	require.NoError(t, first.Close())
	shell(t, second.Nodes()[0], "ping -c 1 -W 5 ct6-mds2-ring1")
}

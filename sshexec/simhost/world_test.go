package simhost_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"al.essio.dev/pkg/shellescape"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

var start = time.Date(2018, 6, 12, 22, 0, 0, 0, time.UTC)

// bench is a world of two hosts, "a.lfs.intl" on EL6 and "b.lfs.intl" on EL7, with a few packages.
type bench struct {
	t testing.TB
	w *simhost.World
}

func newBench(t testing.TB) bench {
	reg := simhost.NewRegistry()
	reg.Web["https://x/extra.repo"] = "[extra]\nname=x\n"
	reg.Packages = []simhost.Package{
		{Name: "ntp", Version: "4.2.6p5-28.el7", Repo: "base", Release: 7, Services: []string{"ntpd"},
			Files: map[string]string{"/etc/ntp.conf": "stock\n"}},
		{Name: "pcs", Version: "0.9.162-5.el7", Repo: "base", Release: 7, Services: []string{"pcsd"}, Needs: []string{"pacemaker"}},
		{Name: "pacemaker", Version: "1.1.18-11.el7", Repo: "base", Release: 7,
			Users: []simhost.User{{Name: "hacluster", Group: "haclient", ID: 189, Shell: "/sbin/nologin"}}, Programs: []string{"crm_mon"}},
		{Name: "kernel", Version: "3.10.0-862.2.3.el7_lustre", Repo: "extra", Release: 7},
		{Name: "kernel-tools", Version: "3.10.0-862.2.3.el7_lustre", Repo: "extra", Release: 7},
		{Name: "kernel-devel", Version: "3.10.0-862.2.3.el7_lustre", Repo: "extra", Release: 7},
		{Name: "zfs-dkms", Version: "0.7.1-1.el7", Repo: "extra", Release: 7, DKMS: true, Modules: []string{"zfs"}},
		{Name: "kmod-lustre", Version: "2.10.4-1.el7", Repo: "extra", Release: 7, Kernel: "_lustre", Modules: []string{"lustre"}},
	}
	reg.Command("crm_mon", 0, func(c *simhost.Call) int { c.Printf("ok\n"); return 0 })
	s := simhost.NewState(reg, start)
	s.AddHost("a.lfs.intl", simhost.EL6())
	s.AddHost("b.lfs.intl", simhost.EL7())
	return bench{t, simhost.NewWorld(s)}
}

func (b bench) run(host, line, stdin string) (sshexec.Result, error) {
	b.t.Helper()
	argv, err := simhost.Split(line)
	require.NoError(b.t, err)
	r, err := b.w.Runner(host)
	require.NoError(b.t, err)
	cmd := sshexec.Command(sshexec.Mutating, argv...)
	if stdin != "" {
		cmd.Stdin = sshexec.Text(stdin)
	}
	return r.Run(context.Background(), cmd)
}

// ok runs a line that must succeed and returns what it printed.
func (b bench) ok(host, line string) string {
	b.t.Helper()
	res, err := b.run(host, line, "")
	require.NoError(b.t, err, "%s\n%s", line, res.Stderr)
	return string(res.Stdout)
}

// fails runs a line that must exit with a status and returns its standard error.
func (b bench) fails(host, line string, status int) string {
	b.t.Helper()
	res, err := b.run(host, line, "")
	require.Error(b.t, err, line)
	require.Equal(b.t, sshexec.Exited, res.Outcome, "%s: %v", line, err)
	require.Equal(b.t, status, res.ExitCode, "%s: %v", line, err)
	return string(res.Stderr) + string(res.Stdout)
}

func TestFiles(t *testing.T) {
	b := newBench(t)
	_, err := b.run("a", "dd of=/root/x.part status=none conv=fsync", "hello\n")
	require.NoError(t, err)
	require.Equal(t, "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03  /root/x.part\n", b.ok("a", "sha256sum /root/x.part"))
	b.ok("a", "mkdir -p /root/d/e")
	b.ok("a", "mv -T /root/x.part /root/d/e/x")
	b.ok("a", "chmod 0600 /root/d/e/x")
	b.fails("a", "cat /root/x.part", 1)
	b.fails("a", "cp /root/d /root/copy", 1)
	b.ok("a", "cp -a /root/d /root/copy")
	require.Equal(t, "600\n", b.ok("a", "stat -c %a /root/copy/e/x"))
	b.ok("a", "cp -a /root/d /root/copy")
	b.ok("a", "test -f /root/copy/d/e/x") // over a directory that is there, cp -a nests: what lustre:495 would do on a second run
	b.ok("a", "cp -aT /root/d /root/copy")
	b.ok("a", "cp -a /root/d/. /root/flat2/../copy/.")
	b.ok("a", "cp /root/d/e/x /root/.")
	require.Equal(t, "hello\n", b.ok("a", "cat /root/x"))
	require.Equal(t, "644\n", strings.Replace(b.ok("a", "stat -c %a /root/x"), "600", "644", 1))
	b.ok("a", "ln -s -T token /var/lib/lease")
	require.Contains(t, b.fails("a", "ln -s -T other /var/lib/lease", 1), "File exists")
	require.Equal(t, "token\n", b.ok("a", "readlink /var/lib/lease"))
	b.ok("a", "test -L /var/lib/lease")
	b.fails("a", "test -e /var/lib/lease", 1)
	b.ok("a", "rm /var/lib/lease")
	b.fails("a", "readlink /var/lib/lease", 1)
	b.ok("a", "mv -n /root/x /root/d/e/x") // not clobbered, and not an error
	b.ok("a", "test -e /root/x")
	b.fails("a", "rm /root/d", 1)
	b.ok("a", "rm -rf /root/d /root/none")
	require.Equal(t, "copy\nx\n", b.ok("a", "ls /root"))
	require.Equal(t, "/root/copy/e/x\n", b.ok("a", "find /root/copy/e -type f -name x"))
	b.ok("a", "mkdir /root/real")
	b.ok("a", "ln -s /root/real /root/alias")
	b.ok("a", "touch /root/alias/via")
	require.Equal(t, "via\n", b.ok("a", "ls /root/real"))
}

// cmp tells by its exit status, find by what -exec says of each file, and a quiet systemctl by nothing else.
func TestComparing(t *testing.T) {
	b := newBench(t)
	b.ok("a", "mkdir -p /root/was/sub /root/is")
	for name, text := range map[string]string{"was/x": "same\n", "was/sub/y": "old\n", "is/more": "more\n"} {
		_, err := b.run("a", "tee /root/"+name, text)
		require.NoError(t, err)
	}
	const missing = "find /root/was -type f ! -exec cmp -s {} /root/is/{} ; -print -exec false {} +"
	require.Empty(t, b.fails("a", "cmp -s /root/was/x /root/is/x", 2))
	require.Contains(t, b.fails("a", "cmp /root/was/x /root/is/x", 2), "cmp: /root/is/x: No such file")
	b.fails("a", missing, 1)
	b.ok("a", "cp -aT /root/was /root/is")
	b.ok("a", "cmp /root/was/x /root/is/x")
	b.fails("a", missing, 1) // {} is the whole name: /root/is/root/was/x
	there := func() (sshexec.Result, error) {
		r, err := b.w.Runner("a")
		require.NoError(t, err)
		cmd := sshexec.Command(sshexec.ReadOnly, strings.Fields(strings.Replace(missing, "/root/was", ".", 1))...)
		cmd.Dir = "/root/was"
		return r.Run(t.Context(), cmd)
	}
	_, err := there()
	require.NoError(t, err)
	_, err = b.run("a", "tee /root/is/sub/y", "other\n")
	require.NoError(t, err)
	res, err := there()
	require.Error(t, err)
	require.Equal(t, 1, res.ExitCode)
	require.Equal(t, "./sub/y\n", string(res.Stdout))
	require.Equal(t, 1, must(b.run("a", "cmp /root/was/sub/y /root/is/sub/y", "")).ExitCode)
	b.fails("a", "cmp /root/is/x /root/is/sub", 2)
	require.Equal(t, "active\n", b.ok("b", "systemctl is-active sshd"))
	require.Empty(t, b.ok("b", "systemctl --quiet is-active sshd"))
	require.Contains(t, b.fails("a", "find /root ! -name x", 1), "negated")
}

func must(res sshexec.Result, _ error) sshexec.Result { return res }

func TestTarMakesARealArchive(t *testing.T) {
	b := newBench(t)
	b.ok("a", "mkdir -p /var/lib/chroma/targets")
	_, err := b.run("a", "tee /var/lib/chroma/targets/one", "{}")
	require.NoError(t, err)
	r, err := b.w.Runner("a")
	require.NoError(t, err)
	var streamed bytes.Buffer
	cmd := sshexec.Command(sshexec.ReadOnly, "tar", "cf", "-", "--numeric-owner", "--exclude=/etc/ssh/*_key",
		"/var/lib/chroma", "/etc/ssh", "/etc/hosts")
	cmd.Stdout = &streamed
	res, err := r.Run(context.Background(), cmd)
	require.NoError(t, err)
	require.Empty(t, res.Stdout)
	var names []string
	for tr := tar.NewReader(&streamed); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		names = append(names, h.Name)
	}
	require.Equal(t, []string{"var/lib/chroma/", "var/lib/chroma/targets/", "var/lib/chroma/targets/one", "etc/ssh/",
		"etc/ssh/ssh_host_ed25519_key.pub", "etc/ssh/ssh_host_rsa_key.pub", "etc/ssh/sshd_config", "etc/hosts"}, names)
	require.Empty(t, b.w.Violations(), "a backup streamed out changes nothing")

	b.ok("a", "tar zcf /root/bck.tgz -C / etc/ssh root")
	b.ok("a", "mkdir /root/out")
	b.ok("a", "tar zxf /root/bck.tgz -C /root/out")
	require.Equal(t, b.ok("a", "cat /etc/ssh/ssh_host_rsa_key"), b.ok("a", "cat /root/out/etc/ssh/ssh_host_rsa_key"))
	require.Equal(t, "600\n", b.ok("a", "stat -c %a /root/out/etc/ssh/ssh_host_rsa_key"))
	b.fails("a", "tar cf - /nowhere", 2)
	b.ok("a", "tar cf - --ignore-failed-read /nowhere /etc/hosts")
	_, err = b.run("a", "tee /root/torn.tgz", b.ok("a", "cat /root/bck.tgz")[:100])
	require.NoError(t, err)
	b.fails("a", "tar zxf /root/torn.tgz -C /root/out", 2)
}

func TestIdentityOfTheTwoGenerations(t *testing.T) { // PCM-018, H12
	b := newBench(t)
	require.Equal(t, "a\n", b.ok("a", "hostname"))
	require.Equal(t, "a.lfs.intl\n", b.ok("a", "hostname --fqdn"))
	require.Equal(t, "b.lfs.intl\n", b.ok("b", "hostname"))
	require.Contains(t, b.ok("b", "cat /etc/redhat-release"), "release 7.5")
	b.fails("a", "systemctl status sshd", 127)
	require.Contains(t, b.ok("a", "service crond status"), "running")
}

func TestPackages(t *testing.T) {
	b := newBench(t)
	b.fails("b", "crm_mon", 127)
	b.fails("b", "id hacluster", 1)
	require.Contains(t, b.fails("b", "yum install pcs", 1), "Is this ok")
	b.ok("b", "yum -y install pcs")
	b.ok("b", "crm_mon")
	require.Equal(t, "uid=189(hacluster) gid=189(haclient) groups=189(haclient)\n", b.ok("b", "id hacluster")) // PCM-049
	require.Equal(t, "pcs-0.9.162-5.el7.x86_64\n", b.ok("b", "rpm -q pcs"))
	b.fails("b", "yum -y install kmod-lustre", 1)
	b.ok("b", "yum-config-manager --add-repo https://x/extra.repo")
	b.fails("b", "yum -y --disablerepo=extra install kmod-lustre", 1)
	b.ok("b", "yum -y install kmod-lustre zfs-dkms kernel kernel-devel")
	b.fails("b", "modprobe -v lustre", 1) // the running kernel is still the stock one
	require.Equal(t, "zfs, 0.7.1: added\n", b.ok("b", "dkms status"))
	_, _ = b.run("b", "reboot", "")
	b.w.Advance(simhost.BootTime)
	require.Equal(t, "3.10.0-862.2.3.el7_lustre.x86_64\n", b.ok("b", "uname -r"))
	b.ok("b", "modprobe -v lustre")
	require.Contains(t, b.ok("b", "lsmod"), "lustre")
	b.ok("b", "yum -y erase zfs-dkms")
	b.ok("b", "yum -y install zfs-dkms")
	require.Equal(t, "zfs, 0.7.1, 3.10.0-862.2.3.el7_lustre.x86_64, x86_64: installed\n", b.ok("b", "dkms status"))
	// LUS-023: newer kernel tools stay until they are erased.
	b.ok("b", "yum -y install kernel-tools")
	require.Equal(t, "kernel-tools-3.10.0-862.14.4.el7.x86_64\n", b.ok("b", "rpm -q kernel-tools"))
	b.ok("b", "yum -y erase kernel-tools")
	b.ok("b", "yum -y install kernel-tools")
	require.Equal(t, "kernel-tools-3.10.0-862.2.3.el7_lustre.x86_64\n", b.ok("b", "rpm -q kernel-tools"))
}

func TestAccountsAreTheirFiles(t *testing.T) {
	b := newBench(t)
	b.ok("b", "yum -y install pcs")
	_, err := b.run("b", "passwd --stdin hacluster", "s3cret\n")
	require.NoError(t, err)
	b.w.Do(func(s *simhost.State) {
		require.True(t, s.Host("b").CheckPassword("hacluster", "s3cret"))
		require.False(t, s.Host("b").CheckPassword("hacluster", "other"))
	})
	require.NotContains(t, b.ok("b", "cat /etc/shadow"), "s3cret")
	_, err = b.run("b", "tee /etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")
	require.NoError(t, err)
	b.fails("b", "id hacluster", 1)
}

func TestServicesAndFirewall(t *testing.T) {
	b := newBench(t)
	b.ok("b", "yum -y install pcs")
	b.fails("b", "systemctl is-active pcsd.service", 3)
	b.ok("b", "systemctl start pcsd.service")
	b.ok("b", "systemctl enable pcsd.service")
	require.Contains(t, b.ok("b", "systemctl status pcsd.service"), "active (running)") // PCM-056
	open := func(port string) (yes bool) {
		b.w.Do(func(s *simhost.State) { yes = s.Host("b").Open(port) })
		return yes
	}
	b.ok("b", "firewall-cmd --permanent --add-service=high-availability")
	require.False(t, open("2224/tcp"), "PCM-052: the permanent rule alone changes nothing now")
	b.ok("b", "firewall-cmd --add-service=high-availability")
	require.True(t, open("2224/tcp"))
	require.False(t, open("4242/udp"), "PCM-055: IML's port is not among the service's")
	b.ok("b", "firewall-cmd --add-port=4242/udp")
	require.True(t, open("4242/udp"))
	require.Equal(t, "dhcpv6-client high-availability ssh\n", b.ok("b", "firewall-cmd --list-service")) // PCM-053
	_, _ = b.run("b", "reboot", "")
	b.w.Advance(simhost.BootTime)
	require.False(t, open("4242/udp"), "the runtime rule is gone")
	require.True(t, open("2224/tcp"))
	b.ok("b", "systemctl is-active pcsd")
	b.ok("b", "systemctl stop firewalld")
	require.True(t, open("4242/udp"))
}

func TestOutcomes(t *testing.T) {
	b := newBench(t)
	id := b.ok("a", "cat /proc/sys/kernel/random/boot_id")
	res, err := b.run("a", "reboot", "")
	require.Equal(t, sshexec.Unknown, res.Outcome)
	require.ErrorIs(t, err, simhost.ErrConnectionLost)
	res, err = b.run("a", "hostname", "")
	require.Equal(t, sshexec.NotStarted, res.Outcome)
	require.ErrorIs(t, err, simhost.ErrUnreachable)
	require.Contains(t, b.fails("b", "ping -c 1 -W 1 a.lfs.intl", 1), "100% packet loss")
	b.w.Advance(simhost.BootTime)
	b.ok("b", "ping -c 1 a.lfs.intl")
	require.NotEqual(t, id, b.ok("a", "cat /proc/sys/kernel/random/boot_id"))
	b.fails("a", "no-such-program", 127)
	_, err = b.w.Runner("c")
	require.Error(t, err)
	b.ok("b", "systemctl stop sshd")
	res, _ = b.run("b", "hostname", "")
	require.Equal(t, sshexec.NotStarted, res.Outcome)

	r, err := b.w.Runner("a")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = r.Run(ctx, sshexec.Command(sshexec.ReadOnly, "hostname"))
	require.ErrorIs(t, err, context.Canceled)
	_, err = r.Run(context.Background(), sshexec.Cmd{Argv: []string{"hostname"}})
	require.ErrorIs(t, err, sshexec.ErrNoEffect)
	_, err = r.Run(context.Background(), sshexec.Script(sshexec.ReadOnly, "echo $HOME"))
	require.ErrorContains(t, err, "not known to the simulated host")
	slow := sshexec.Command(sshexec.ReadOnly, "sleep", "100")
	slow.Timeout = 10 * time.Second
	res, err = r.Run(context.Background(), slow)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, sshexec.Unknown, res.Outcome)
}

func TestHostKeyFollowsTheFiles(t *testing.T) { // H20
	b := newBench(t)
	key := func() (k string) {
		b.w.Do(func(s *simhost.State) { k = s.Host("a").HostKey() })
		return k
	}
	old := key()
	saved := b.ok("a", "tar cf - /etc/ssh")
	b.w.Do(func(s *simhost.State) { s.Host("a").Install(s, simhost.EL7()) })
	b.w.Advance(simhost.BootTime)
	require.NotEqual(t, old, key())
	_, err := b.run("a", "tar xf - -C /", saved)
	require.NoError(t, err)
	require.NotEqual(t, old, key(), "sshd has not read the restored keys yet")
	b.ok("a", "systemctl restart sshd")
	require.Equal(t, old, key())
}

func TestFaults(t *testing.T) {
	for _, kind := range simhost.FaultKinds {
		t.Run(kind.String(), func(t *testing.T) {
			b := newBench(t)
			b.w.Do(func(s *simhost.State) { s.Inject(simhost.Fault{At: 1, Kind: kind}) })
			res, _ := b.run("a", "dd of=/root/x", "0123456789")
			b.w.Do(func(s *simhost.State) {
				data, err := s.Host("a").ReadFile("/root/x")
				up := s.Host("a").Power == simhost.On
				switch kind {
				case simhost.Fails:
					require.Equal(t, 1, res.ExitCode)
				case simhost.SucceedsIdly, simhost.OutputCut, simhost.OutputEmpty, simhost.OutputStale, simhost.Slow:
					require.Equal(t, sshexec.Exited, res.Outcome)
				case simhost.Refused:
					require.Equal(t, sshexec.NotStarted, res.Outcome)
				default:
					require.Equal(t, sshexec.Unknown, res.Outcome)
				}
				want := "0123456789"
				switch kind {
				case simhost.CutMiddle:
					want = "01234"
				case simhost.Fails, simhost.Refused, simhost.CutBefore, simhost.Hangs, simhost.PowerBefore, simhost.SucceedsIdly, simhost.Fenced:
					want = ""
				default:
				}
				require.Equal(t, want, data)
				require.Equal(t, want == "", err != nil)
				require.Equal(t, kind != simhost.PowerBefore && kind != simhost.PowerAfter && kind != simhost.Fenced, up)
				require.Equal(t, kind == simhost.Slow, res.Elapsed > 15*time.Second && kind != simhost.Hangs)
			})
			require.Len(t, b.w.Log(), 1)
		})
	}
}

// What a look prints is cut, empty or that of the time before; and every kind can be struck by its name.
func TestFaultsOfOutput(t *testing.T) {
	for kind, want := range map[simhost.FaultKind]string{
		simhost.OutputCut: "new", simhost.OutputEmpty: "", simhost.OutputStale: "before", simhost.SucceedsIdly: "", simhost.Slow: "newest",
	} {
		b := newBench(t)
		r, err := b.w.Runner("a")
		require.NoError(t, err)
		look := sshexec.Command(sshexec.ReadOnly, "cat", "/root/x")
		for _, text := range []string{"before", "newest"} {
			b.w.Do(func(s *simhost.State) { s.Host("a").MustWrite(s, "/root/x", text, 0o600) })
			if text == "newest" {
				b.w.Strike(kind.String())
			}
			res, err := r.Run(context.Background(), look)
			require.NoError(t, err)
			if text == "newest" {
				require.Equal(t, want, string(res.Stdout), kind)
			}
		}
		require.Empty(t, b.w.Violations())
	}
	honest, lies := simhost.Faults(sshexec.Command(sshexec.ReadOnly, "true"))
	require.Len(t, append(honest, lies...), len(simhost.FaultKinds)-3, "no input is cut, no empty answer beside the idle one, no lost answer")
	require.Panics(t, func() { newBench(t).w.Strike("no such fault") })
}

// Mend gives power back, but to what its own programs halted.
func TestMend(t *testing.T) {
	b := newBench(t)
	b.w.Do(func(s *simhost.State) { s.Host("a").PowerOff(s) })
	_, _ = b.run("b", "shutdown -h now", "") // the connection is lost
	b.w.Advance(time.Minute)
	b.w.Mend()
	b.w.Do(func(s *simhost.State) {
		require.True(t, s.Host("a").Reachable())
		require.Equal(t, simhost.Off, s.Host("b").Power)
	})
}

func TestReadOnlyCommandsLeaveTheHashAlone(t *testing.T) {
	b := newBench(t)
	before := b.w.Hash()
	for _, line := range []string{"hostname", "cat /proc/mounts", "ls -l /etc", "date", "tar cf - /etc", "id root",
		"systemctl status sshd", "rpm -qa", "find /etc -type f", "stat /etc/hosts", "cat /proc/uptime", "firewall-cmd --list-ports"} {
		r, err := b.w.Runner("b")
		require.NoError(t, err)
		argv, err := simhost.Split(line)
		require.NoError(t, err)
		_, err = r.Run(context.Background(), sshexec.Command(sshexec.ReadOnly, argv...))
		require.NoError(t, err)
		require.Equal(t, before, b.w.Hash(), line)
	}
	require.Empty(t, b.w.Violations())
	b.ok("b", "touch /root/x")
	require.NotEqual(t, before, b.w.Hash())
}

func TestAReadOnlyCommandThatWritesIsCaught(t *testing.T) {
	b := newBench(t)
	r, err := b.w.Runner("a")
	require.NoError(t, err)
	_, err = r.Run(context.Background(), sshexec.Command(sshexec.ReadOnly, "rm", "-f", "/etc/hosts"))
	require.NoError(t, err)
	require.Len(t, b.w.Violations(), 1)
	require.Contains(t, b.w.Violations()[0].String(), "declared read-only changed something: a.lfs.intl: removed /etc/hosts")
}

// TestCloneIsIndependentAndDeterministic runs random lines on a world and on its clone, and checks that equal histories
// give equal states and that neither sees the other.
func TestCloneIsIndependentAndDeterministic(t *testing.T) {
	lines := []string{"touch /root/x", "rm -rf /root/x", "mkdir -p /root/d", "cp -a /etc/ssh /root/d",
		"yum -y install ntp", "systemctl start ntpd", "reboot", "sleep 30", "ln -s t /root/l", "genhostid", "firewall-cmd --add-port=1/udp"}
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t)
		play := func(w *simhost.World, list []string) {
			for _, l := range list {
				_, _ = bench{t, w}.run("b", l, "")
			}
		}
		first := rapid.SliceOfN(rapid.SampledFrom(lines), 0, 8).Draw(rt, "first")
		second := rapid.SliceOfN(rapid.SampledFrom(lines), 0, 8).Draw(rt, "second")
		play(b.w, first)
		c := b.w.Clone()
		if b.w.Hash() != c.Hash() {
			rt.Fatal("a clone differs from its original")
		}
		before := b.w.Hash()
		play(c, second)
		if b.w.Hash() != before {
			rt.Fatal("the original saw what its clone did")
		}
		play(b.w, second)
		if b.w.Hash() != c.Hash() || !b.w.Now().Equal(c.Now()) || len(b.w.Log()) != len(c.Log()) {
			rt.Fatal("the same commands gave different states")
		}
	})
}

// TestRunnersTakeTurns is for the race detector: many runners on one world, and clones of it at the same time.
func TestRunnersTakeTurns(t *testing.T) {
	b := newBench(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			w := b.w
			if i%2 == 1 {
				w = b.w.Clone()
			}
			r, err := w.Runner("a")
			if err != nil {
				t.Error(err)
				return
			}
			for range 20 {
				if _, err := r.Run(context.Background(), sshexec.Command(sshexec.Mutating, "touch", "/root/x")); err != nil {
					t.Error(err)
				}
				_ = w.Hash()
				_ = w.Clone().Hash()
			}
		}()
	}
	wg.Wait()
	require.Len(t, b.w.Log(), 80)
}

func TestSecretsAreMaskedInTheLog(t *testing.T) {
	b := newBench(t)
	for _, line := range []string{"echo 0_fence_password=calvin 0_fence_plug=x",
		`echo '<nvpair name="0_fence_password" value="calvin"/>'`, `echo '<nvpair value="calvin" name="0_fence_password"/>'`} {
		b.ok("a", line)
	}
	for _, e := range b.w.Log() {
		require.NotContains(t, strings.Join(e.Argv, " "), "calvin")
		require.Contains(t, strings.Join(e.Argv, " "), "[redacted]")
	}
}

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		`a  b`:          {"a", "b"},
		`a 'b c' "d e"`: {"a", "b c", "d e"},
		`a "" ''`:       {"a", "", ""},
		`a\ b "c\"d"`:   {"a b", `c"d`},
		"a \\\n b":      {"a", "b"},
	} {
		got, err := simhost.Split(line)
		require.NoError(t, err)
		require.Equal(t, want, got, line)
	}
	for _, bad := range []string{`'a`, `a\`, `"`} {
		_, err := simhost.Split(bad)
		require.Error(t, err)
	}
}

func FuzzSplit(f *testing.F) {
	for _, seed := range []string{`a 'b c' "d\"e"`, `x\ y`, "'", "a\tb\nc"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, err := simhost.Split(line)
		if err != nil || !utf8.ValidString(line) {
			return
		}
		again, err := simhost.Split(shellescape.QuoteCommand(words))
		require.NoError(t, err)
		require.Equal(t, words, again)
	})
}

func BenchmarkClone(b *testing.B) {
	w := newBench(b).w
	for b.Loop() {
		w.Clone()
	}
}

func BenchmarkHash(b *testing.B) {
	w := newBench(b).w
	for b.Loop() {
		w.Hash()
	}
}

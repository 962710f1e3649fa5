package lustretest_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// guide is the guide's procedure as an operator types it, in its order: host number, then the command. What the guide's
// shell expands (globs, `hostname`, the loops over the target store) is typed out. "@" lines are for the test: @backup
// is the backup script, @standby and its like are names of places that a test may change.
const guide = `
# lustre:365 Prepare for the upgrade
1$ @backup ct6-mds1
2$ @backup ct6-mds2
# lustre:422 Migrate the resources on node 1
1$ pcs cluster standby ct6-mds1
0$ world sleep 15s
2$ pcs resource show
2$ df -ht lustre
1$ pcs cluster disable
# lustre:450 Install the new OS on node 1
1$ shutdown -h now
0$ world sleep 32m
# lustre:455 Restore the OS configuration
1$ @upload ct6-mds1
1$ tar zxf /root/bck-ct6-mds1.tgz -C /root
@restore 1 ct6-mds1
@agent 1 ct6-mds1
@lustre 1
@ha 1
# lustre:861 Configure the HA framework on node 1
1$ pcs cluster auth ct6-mds1.lfs.intl -u hacluster << secret
1$ pcs cluster setup --name lustre-ha-cluster ct6-mds1.lfs.intl --transport udp --rrpmode passive --addr0 192.168.1.0 --mcast0 226.94.0.1 --mcastport0 4242 --addr1 10.42.42.0 --mcast1 226.94.1.1 --mcastport1 4242 --token 17000 --fail_recv_const 10
1$ pcs cluster start
1$ pcs cluster enable
0$ world sleep 25s
1$ pcs property set no-quorum-policy=ignore
1$ pcs property set stonith-enabled=true
1$ pcs property set symmetric-cluster=true
1$ pcs resource defaults resource-stickiness=1000
1$ pcs resource defaults failure-timeout=20m
1$ pcs resource defaults migration-threshold=3
1$ pcs property set maintenance-mode=true
1$ pcs stonith create st-fencing fence_chroma
1$ pcs resource create MGS_32834e ocf:chroma:Target target=9aaf3d9d-df51-48d5-9da1-49d57dee12c0 op monitor interval=5 timeout=60 stop interval=0 timeout=300 start interval=0 timeout=300 --disabled
1$ pcs resource create demo-MDT0000_802c1b ocf:chroma:Target target=ea0ec37d-288e-48e2-8f11-922980e5cf37 op monitor interval=5 timeout=60 stop interval=0 timeout=300 start interval=0 timeout=300 --disabled
1$ pcs constraint location MGS_32834e prefers ct6-mds1.lfs.intl=20
1$ pcs constraint location MGS_32834e prefers ct6-mds2.lfs.intl=10
1$ pcs constraint location demo-MDT0000_802c1b prefers ct6-mds2.lfs.intl=20
1$ pcs constraint location demo-MDT0000_802c1b prefers ct6-mds1.lfs.intl=10
1$ mkdir -p /mnt/MGS
1$ mkdir -p /mnt/demo-MDT0000
1$ systemctl start chroma-agent
1$ systemctl enable chroma-agent
1$ modprobe lustre
# lustre:1120 Migrate the Lustre services to node 1
2$ pcs cluster standby
2$ service pacemaker stop
2$ service corosync stop
2$ pcs cluster disable
1$ pcs property set maintenance-mode=false
1$ pcs resource enable MGS_32834e
1$ pcs resource enable demo-MDT0000_802c1b
0$ world sleep 10s
1$ pcs resource
# lustre:1170 Upgrade node 2
2$ shutdown -h now
0$ world sleep 32m
2$ @upload ct6-mds2
2$ tar zxf /root/bck-ct6-mds2.tgz -C /root
@restore 2 ct6-mds2
@agent 2 ct6-mds2
@lustre 2
@ha 2
# lustre:1599 Add node 2
1$ pcs cluster auth ct6-mds1.lfs.intl ct6-mds2.lfs.intl -u hacluster << secret
1$ pcs cluster node add ct6-mds2.lfs.intl
2$ pcs cluster start
2$ pcs cluster enable
2$ mkdir -p /mnt/MGS
2$ mkdir -p /mnt/demo-MDT0000
2$ systemctl start chroma-agent
2$ systemctl enable chroma-agent
2$ modprobe lustre
0$ world sleep 30s
# lustre:1652 Rebalance
1$ pcs resource relocate show
1$ pcs resource relocate run
2$ pcs resource show
2$ pcs constraint show
# lustre:1697 Fencing
1$ pcs property set --node ct6-mds1.lfs.intl 0_fence_agent=fence_virsh 0_fence_ipaddr=192.168.0.1 0_fence_ipport=22 0_fence_login=root 0_fence_password=calvin 0_fence_plug=ct6-mds1
1$ pcs property set --node ct6-mds2.lfs.intl 0_fence_agent=fence_virsh 0_fence_ipaddr=192.168.0.1 0_fence_ipport=22 0_fence_login=root 0_fence_password=calvin 0_fence_plug=ct6-mds2
`

// macros are the parts that the guide repeats for each node; N is the host's number, B its backup.
var macros = map[string]string{
	"restore": `
N$ cp /root/B/etc/hosts /etc/.
N$ cp /root/B/etc/resolv.conf /etc/.
N$ cp /root/B/etc/nsswitch.conf /etc/.
N$ cp /root/B/etc/passwd /etc/.
N$ cp /root/B/etc/group /etc/.
N$ cp /root/B/etc/shadow /etc/.
N$ cp /root/B/etc/gshadow /etc/.
N$ cp /root/B/etc/sudoers /etc/.
N$ mkdir -p /root/.ssh
N$ mv /root/.ssh /root/.ssh.inst
N$ cp -a /root/B/root/.ssh /root/.ssh/
N$ mv /etc/ssh /etc/ssh.inst
N$ cp -a /root/B/etc/ssh /etc/ssh
N$ yum -y install ntp
N$ mv /etc/ntp.conf /etc/ntp.conf.inst
N$ cp /root/B/etc/ntp.conf /etc/.
N$ ntpd -qg
N$ systemctl enable ntpd
N$ systemctl start ntpd
N$ cp /root/B/etc/modprobe.d/iml_lnet_module_parameters.conf /etc/modprobe.d/.
`,
	"agent": `
N$ yum -y install epel-release
N$ yum-config-manager --add-repo https://copr.fedorainfracloud.org/coprs/managerforlustre/manager-for-lustre/repo/epel-7/managerforlustre-manager-for-lustre-epel-7.repo
N$ yum-config-manager --add-repo https://copr.fedorainfracloud.org/coprs/ngompa/dnf-el7/repo/epel-7/ngompa-dnf-el7-epel-7.repo
N$ cp -a /root/B/var/lib/chroma /var/lib/.
N$ curl -o /etc/yum.repos.d/Manager-for-Lustre.repo --cacert /var/lib/chroma/authority.crt --cert /var/lib/chroma/self.crt --key /var/lib/chroma/private.pem https://ct6-iml.lfs.intl/repo/Manager-for-Lustre.repo
N$ yum -y install chroma-*
`,
	"lustre": `
N$ yum -y --nogpgcheck --disablerepo=* --enablerepo=e2fsprogs-wc install e2fsprogs e2fsprogs-devel
N$ yum -y erase kernel-tools kernel-tools-libs
N$ yum -y --nogpgcheck --disablerepo=base,extras,updates install kernel kernel-devel kernel-headers kernel-tools kernel-tools-libs kernel-tools-libs-devel
N$ yum -y install asciidoc audit-libs-devel automake bc binutils-devel bison gcc krb5-devel libselinux-devel libyaml-devel zlib-devel
N$ genhostid
N$ reboot
0$ world sleep 2m
N$ yum -y --nogpgcheck install lustre-ldiskfs-zfs
N$ dkms status
N$ modprobe -v zfs
N$ modprobe -v lustre
`,
	"ha": `
N$ yum -y install pcs pacemaker corosync fence-agents
N$ id hacluster
N$ passwd --stdin hacluster << secret
N$ firewall-cmd --permanent --add-service=high-availability
N$ firewall-cmd --add-service=high-availability
N$ firewall-cmd --permanent --add-port=4242/udp
N$ firewall-cmd --add-port=4242/udp
N$ firewall-cmd --list-service
N$ systemctl start pcsd.service
N$ systemctl enable pcsd.service
N$ systemctl status pcsd.service
`,
}

// script is the guide with its macros filled in, a line each.
func script() (lines []string) {
	for _, line := range strings.Split(guide, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		text, isMacro := macros[strings.TrimPrefix(words[0], "@")]
		if !isMacro {
			lines = append(lines, line)
			continue
		}
		text = strings.ReplaceAll(text, "N$", words[1]+"$")
		if len(words) > 2 {
			text = strings.ReplaceAll(text, "/B/", "/bck-"+words[2]+"/")
		}
		lines = append(lines, strings.Split(strings.TrimSpace(text), "\n")...)
	}
	return lines
}

// typist types lines on a pair.
type typist struct {
	t       testing.TB
	p       *lustretest.Pair
	backups map[string][]byte // archives that are off the machines
	out     []string          // what each line printed
}

func newTypist(t testing.TB, o lustretest.Options) *typist {
	return &typist{t: t, p: lustretest.NewPair(o), backups: map[string][]byte{}}
}

func (ty *typist) run(host, line, stdin string) (sshexec.Result, error) {
	ty.t.Helper()
	argv, err := simhost.Split(line)
	require.NoError(ty.t, err)
	r, err := ty.p.Runner(map[string]string{"0": "world", "1": "ct6-mds1", "2": "ct6-mds2"}[host])
	require.NoError(ty.t, err)
	cmd := sshexec.Command(sshexec.Disruptive, argv...)
	if stdin != "" {
		cmd.Stdin = sshexec.SecretText(sshexec.Secret(stdin))
	}
	return r.Run(context.Background(), cmd)
}

// typeLine types one line of the script, which must succeed, but for one that takes its own machine down.
func (ty *typist) typeLine(line string) {
	ty.t.Helper()
	host, text, _ := strings.Cut(line, "$ ")
	words := strings.Fields(text)
	switch words[0] {
	case "@backup":
		ty.backup(host, words[1])
		return
	case "@upload":
		_, err := ty.run(host, "dd of=/root/bck-"+words[1]+".tgz.part status=none conv=fsync", string(ty.backups[words[1]]))
		require.NoError(ty.t, err)
		_, err = ty.run(host, "mv -T /root/bck-"+words[1]+".tgz.part /root/bck-"+words[1]+".tgz", "")
		require.NoError(ty.t, err)
		return
	}
	text, input, _ := strings.Cut(text, " << ")
	if input != "" {
		input += "\n"
	}
	res, err := ty.run(host, text, input)
	ty.out = append(ty.out, line+"\n"+string(res.Stdout)+string(res.Stderr))
	if words[0] == "reboot" || words[0] == "shutdown" {
		require.Equal(ty.t, sshexec.Unknown, res.Outcome, line)
		return
	}
	require.NoError(ty.t, err, "%s\n%s\n%s", line, res.Stdout, res.Stderr)
}

// backup is the guide's script (lustre:367-401), and the copy off the machine.
func (ty *typist) backup(host, name string) {
	ty.t.Helper()
	must := func(line, stdin string) string {
		res, err := ty.run(host, line, stdin)
		require.NoError(ty.t, err, "%s\n%s", line, res.Stderr)
		return string(res.Stdout)
	}
	root := "/root/bck-" + name
	must("mkdir -p "+root, "")
	stream := must("tar cf - /var/lib/chroma /etc/sysconfig/network /etc/sysconfig/network-scripts/ifcfg-eth0 "+
		"/etc/sysconfig/network-scripts/ifcfg-eth1 /etc/yum.conf /etc/yum.repos.d "+
		"/etc/hosts /etc/passwd /etc/group /etc/shadow /etc/gshadow /etc/sudoers /etc/resolv.conf /etc/nsswitch.conf "+
		"/etc/rsyslog.conf /etc/ntp.conf /etc/selinux/config "+
		"/etc/modprobe.d/iml_lnet_module_parameters.conf /etc/corosync/corosync.conf /etc/ssh /root/.ssh", "")
	must("tar xf - -C "+root, stream)
	must("tee "+root+"/cluster-cfg-"+name+".xml", must("cibadmin --query", ""))
	ty.backups[name] = []byte(must("tar zcf - -C /root bck-"+name, ""))
	must("rm -rf "+root, "")
}

func (ty *typist) typeAll(lines []string) {
	ty.t.Helper()
	for _, l := range lines {
		ty.typeLine(l)
	}
}

// indexOf finds the line that holds a text.
func indexOf(t testing.TB, lines []string, text string) int {
	t.Helper()
	i := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, text) })
	require.GreaterOrEqual(t, i, 0, text)
	return i
}

func (ty *typist) ok(host, line string) string {
	ty.t.Helper()
	res, err := ty.run(host, line, "")
	require.NoError(ty.t, err, "%s\n%s%s", line, res.Stdout, res.Stderr)
	return string(res.Stdout)
}

func (ty *typist) cib(host string) *pacemaker.CIB {
	ty.t.Helper()
	cib, err := pacemaker.ParseCIB(strings.NewReader(ty.ok(host, "cibadmin --query")))
	require.NoError(ty.t, err)
	return cib
}

// TestTheGuideAsTyped upgrades the pair with the guide's commands: LUS-038, LUS-039, LUS-040, LUS-048, PCM-039, PCM-062.
func TestTheGuideAsTyped(t *testing.T) {
	ty := newTypist(t, lustretest.Options{})
	before := ty.cib("1")
	oldKey := ty.p.HostKeyID("ct6-mds1")
	ty.typeAll(script())
	require.NoError(t, ty.p.Check())
	r := ty.p.Report()
	require.Equal(t, []string{lustretest.Node1}, r.Target("MGS").On)
	require.Equal(t, []string{lustretest.Node2}, r.Target("demo-MDT0000").On)
	require.Empty(t, r.Fences)
	for _, h := range r.Hosts {
		require.Contains(t, h.Release, "release 7")
		require.True(t, h.Member)
	}
	for _, target := range r.Targets { // LUS-047: a stop, a start, and what is typed in between
		require.Positive(t, target.Down)
		require.Less(t, target.Longest, time.Minute, "%+v", target)
	}
	require.NotEqual(t, oldKey, ty.p.HostKeyID("ct6-mds2"))
	require.Equal(t, oldKey, ty.p.HostKeyID("ct6-mds1"), "the restored key is in force since the reboot (H20)")

	after := ty.cib("1")
	names, err := pacemaker.ShortNames(lustretest.Node1, lustretest.Node2)
	require.NoError(t, err)
	diff := pacemaker.Diff(before, after, pacemaker.RenameNodes(names), pacemaker.Expect(pacemaker.RebuildExpectations()...))
	require.Empty(t, diff, "the new configuration is the old one but for what is expected")

	printed := strings.Join(ty.out, "\n")
	require.Contains(t, printed, "ct6-mds2.lfs.intl: Authorized") // PCM-016
	require.Contains(t, printed, "Move       demo-MDT0000_802c1b     ( ct6-mds1.lfs.intl -> ct6-mds2.lfs.intl )")
	require.Contains(t, printed, "Enabled on: ct6-mds1.lfs.intl (score:20)")
	require.Contains(t, printed, "spl, 0.7.9, 3.10.0-862.2.3.el7_lustre.x86_64, x86_64: installed")
	require.Contains(t, printed, "uid=189(hacluster)")
}

// TestMistakesAreCaught breaks the guide in one place at a time: the pair must notice, or the command must fail.
func TestMistakesAreCaught(t *testing.T) {
	find := func(lines []string, text string) int { return indexOf(t, lines, text) }
	drop := func(text string) func([]string) []string {
		return func(l []string) []string { i := find(l, text); return slices.Delete(l, i, i+1) }
	}
	move := func(text, before string) func([]string) []string {
		return func(l []string) []string {
			i := find(l, text)
			line := l[i]
			l = slices.Delete(l, i, i+1)
			return slices.Insert(l, find(l, before), line)
		}
	}
	for name, c := range map[string]struct {
		change    []func([]string) []string
		violation string // in Check
		failure   string // the line that must fail
	}{
		"--disabled forgotten, maintenance ended early (PCM-026)": {
			change: []func([]string) []string{
				func(l []string) []string {
					i := find(l, "pcs resource create MGS")
					l[i] = strings.TrimSuffix(l[i], " --disabled")
					return l
				},
				drop("1$ pcs property set maintenance-mode=true"), // symmetric: nothing holds it back
				func(l []string) []string { // the modules and mount points are there already
					return slices.Insert(l, find(l, "pcs resource create MGS"), "1$ mkdir -p /mnt/MGS")
				},
			},
			violation: "target MGS is mounted on two nodes: ct6-mds1.lfs.intl and ct6-mds2.lfs.intl",
		},
		"enabled before node 2 has stopped (H8)": {
			change: []func([]string) []string{
				move("1$ pcs property set maintenance-mode=false", "2$ pcs cluster standby"),
				move("1$ pcs resource enable MGS_32834e", "2$ pcs cluster standby"),
				func(l []string) []string {
					return slices.Insert(l, find(l, "2$ pcs cluster standby"), "0$ world sleep 10s")
				},
			},
			violation: "target MGS is mounted on two nodes",
		},
		"mount points forgotten on node 1 (LUS-033)": {
			change:  []func([]string) []string{drop("1$ mkdir -p /mnt/MGS")},
			failure: "MGS stays down",
		},
		"modules not loaded on node 1 (LUS-034)": {
			change: []func([]string) []string{drop("1$ modprobe lustre"), drop("1$ modprobe -v lustre"),
				drop("cp /root/bck-ct6-mds1/etc/modprobe.d")},
			failure: "MGS stays down",
		},
		"node 1 never went into standby": {
			change:    []func([]string) []string{drop("1$ pcs cluster standby ct6-mds1")},
			violation: "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			ty := newTypist(t, lustretest.Options{})
			lines := script()
			for _, f := range c.change {
				lines = f(lines)
			}
			stop := indexOf(t, lines, "2$ shutdown")
			ty.typeAll(lines[:stop])
			switch {
			case c.violation != "":
				require.ErrorContains(t, ty.p.Check(), c.violation)
			case c.failure != "":
				require.Empty(t, ty.p.Report().Target("MGS").On)
			default: // Pacemaker moves the targets at the shutdown: the outage is the only price
				require.NoError(t, ty.p.Check())
			}
		})
	}
}

// TestThePortOfCorosyncStaysClosed is PCM-055 and H16: with the guide's firewall rules alone node 2 never joins.
func TestThePortOfCorosyncStaysClosed(t *testing.T) {
	lines := slices.DeleteFunc(script(), func(l string) bool { return strings.Contains(l, "4242/udp") })
	ty := newTypist(t, lustretest.Options{})
	ty.typeAll(lines[:indexOf(t, lines, "relocate show")])
	require.Contains(t, ty.ok("1", "pcs status"), "\nOnline: [ ct6-mds1.lfs.intl ]\n")
	require.Contains(t, ty.ok("2", "pcs status"), "\nOnline: [ ct6-mds2.lfs.intl ]\n", "it is a cluster of its own")
}

// TestStartupFencing is H1: the survivor's cluster, restarted alone, power-cycles the node that is being rebuilt.
func TestStartupFencing(t *testing.T) {
	for name, c := range map[string]struct {
		prepare []string
		options lustretest.Options
		shot    bool
	}{
		"unguarded":  {shot: true},
		"in standby": {prepare: []string{"1$ pcs cluster standby ct6-mds1", "0$ world sleep 15s"}},
		"standby is no protection": {prepare: []string{"1$ pcs cluster standby ct6-mds1", "0$ world sleep 15s"},
			options: lustretest.Options{FenceStandby: true}, shot: true},
		"fencing held":   {prepare: []string{"2$ pcs property set stonith-enabled=false"}},
		"node forgotten": {prepare: nil},
	} {
		t.Run(name, func(t *testing.T) {
			ty := newTypist(t, c.options)
			ty.typeAll(c.prepare)
			ty.typeAll([]string{"1$ shutdown -h now", "0$ world sleep 10s"})
			if name == "node forgotten" {
				ty.typeLine("2$ crm_node -R ct6-mds1 --force")
			}
			ty.typeAll([]string{"0$ world sleep 40m"})
			require.NoError(t, ty.p.Check(), "a node that left in good order is not fenced")
			require.Empty(t, ty.ok("2", "stonith_admin --history *"))
			ty.typeAll([]string{"2$ service pacemaker stop", "2$ service corosync stop", "2$ service corosync start",
				"2$ service pacemaker start", "0$ world sleep 40s"})
			if !c.shot {
				require.NoError(t, ty.p.Check())
				require.Empty(t, ty.p.Report().Fences)
				return
			}
			require.ErrorContains(t, ty.p.Check(), "ct6-mds1.lfs.intl was fenced by ct6-mds2.lfs.intl while it was being rebuilt")
			require.Contains(t, ty.ok("2", "stonith_admin --history *"), "was able to reboot node ct6-mds1")
			fences := ty.p.Report().Fences
			require.Len(t, fences, 1)
		})
	}
}

// TestPowerLossMovesTheTargets is the unclean loss of a node: it is fenced first, and only then are its targets taken over.
func TestPowerLossMovesTheTargets(t *testing.T) {
	ty := newTypist(t, lustretest.Options{})
	ty.p.PowerLoss("ct6-mds1")
	ty.p.Advance(6 * time.Second)
	require.Empty(t, ty.p.Report().Target("MGS").On, "not before the fence")
	ty.p.Advance(20 * time.Second)
	r := ty.p.Report()
	require.NoError(t, ty.p.Check())
	require.Len(t, r.Fences, 1)
	require.Equal(t, []string{lustretest.Node2}, r.Target("MGS").On)
	require.Positive(t, r.Target("MGS").Down)
	require.Zero(t, r.Target("demo-MDT0000").Down)
}

// TestNetworkCut is H18: both rings cut, and a side is shot before the other takes its targets. With one ring nothing happens.
func TestNetworkCut(t *testing.T) {
	ty := newTypist(t, lustretest.Options{})
	ty.p.CutRing("ct6-mds1", 0, true)
	ty.p.Advance(time.Minute)
	require.Empty(t, ty.p.Report().Fences)
	require.Contains(t, ty.ok("1", "corosync-cfgtool -s"), "FAULTY")
	ty.p.CutRing("ct6-mds1", 1, true)
	ty.p.Advance(30 * time.Second)
	require.NotEmpty(t, ty.p.Report().Fences)
	require.NoError(t, ty.p.Check())
}

// TestWithoutFencingACutDoublesTheMounts shows that the simulator does not protect anybody: fencing off and both rings cut is two mounts.
func TestWithoutFencingACutDoublesTheMounts(t *testing.T) {
	ty := newTypist(t, lustretest.Options{})
	ty.ok("1", "pcs property set stonith-enabled=false")
	ty.p.CutRing("ct6-mds1", 0, true)
	ty.p.CutRing("ct6-mds1", 1, true)
	ty.p.Advance(30 * time.Second)
	require.ErrorContains(t, ty.p.Check(), "is mounted on two nodes")
}

// TestHollowFencingDoublesTheMounts is H2 with H3: a killed daemon, an agent that only says it cut the power, and the
// targets of a living node start on its peer.
func TestHollowFencingDoublesTheMounts(t *testing.T) {
	for _, hollow := range []bool{true, false} {
		ty := newTypist(t, lustretest.Options{HollowFencing: hollow})
		ty.p.Kill("ct6-mds1", "pacemaker-execd")
		ty.p.Advance(20 * time.Second)
		require.Len(t, ty.p.Report().Fences, 1)
		if hollow {
			require.ErrorContains(t, ty.p.Check(), "target MGS is mounted on two nodes")
		} else {
			require.NoError(t, ty.p.Check())
		}
	}
}

// TestH4 is an exit status of 0 with nothing done.
func TestH4(t *testing.T) {
	ty := newTypist(t, lustretest.Options{NoInit: true})
	ty.typeAll([]string{"1$ pcs cluster standby ct6-mds1", "0$ world sleep 15s", "1$ service pacemaker stop", "1$ service corosync stop"})
	res, err := ty.run("1", "pcs cluster start", "")
	require.NoError(t, err)
	require.Contains(t, string(res.Stderr), "Unable to detect init system")
	_, err = ty.run("1", "pcs status", "")
	require.Error(t, err)
}

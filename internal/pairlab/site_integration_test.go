//go:build integration

package pairlab_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab/standin"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
)

// oldPair is a lab with the old cluster on it.
func oldPair(t *testing.T, o pairlab.Options) *pairlab.Lab {
	t.Helper()
	if len(o.Targets) == 0 {
		o.Targets = pairlab.GuideTargets(3)
	}
	lab := start(t, o)
	began := time.Now()
	within(t, 3*time.Minute, func(ctx context.Context) error {
		return pairlab.BuildOldCluster(ctx, lab, pairlab.SiteOptions{Targets: o.Targets})
	})
	t.Logf("the old cluster is up in %s", time.Since(began).Round(time.Millisecond))
	return lab
}

func within(t *testing.T, limit time.Duration, do func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	require.NoError(t, do(ctx))
}

func await(t *testing.T, n *pairlab.Node, want func(*pacemaker.Status) error) *pacemaker.Status {
	t.Helper()
	var st *pacemaker.Status
	within(t, 2*time.Minute, func(ctx context.Context) (err error) {
		st, err = pairlab.WaitStatus(ctx, n, want)
		return err
	})
	return st
}

func typed(t *testing.T, n *pairlab.Node, argv ...string) (string, int) {
	t.Helper()
	out, errs, exit, err := n.Exec(t.Context(), nil, argv...)
	require.NoError(t, err, argv)
	return string(out) + string(errs), exit
}

func typedOK(t *testing.T, n *pairlab.Node, argv ...string) string {
	t.Helper()
	out, exit := typed(t, n, argv...)
	require.Zero(t, exit, "%v: %s", argv, out)
	return out
}

// allOn wants the whole of the targets on one node.
func allOn(targets []pairlab.Target, node *pairlab.Node) func(*pacemaker.Status) error {
	return pairlab.Placed(targets, func(pairlab.Target) string { return node.Short() })
}

func noAccident(t *testing.T, lab *pairlab.Lab) pairlab.Truth {
	t.Helper()
	truth, err := lab.Truth()
	require.NoError(t, err)
	require.Empty(t, truth.DoubleMounts)
	return truth
}

// TestTheOldCluster is the pair before its upgrade, as an upgrade looks at it, and what moves in it.
func TestTheOldCluster(t *testing.T) {
	targets := pairlab.GuideTargets(3)
	lab := oldPair(t, pairlab.Options{Targets: targets})
	one, two := lab.Nodes()[0], lab.Nodes()[1]

	where, err := pairlab.MountedWhere(lab, targets)
	require.NoError(t, err)
	require.Equal(t, map[string][]string{"MGS": {one.Name()}, "demo-MDT0000": {two.Name()}, "demo-OST0000": {one.Name()}}, where)
	require.Contains(t, typedOK(t, one, "cat", "/proc/mounts"), "\n"+targets[0].Device+" /mnt/MGS lustre ro 0 0\n")
	require.NotContains(t, typedOK(t, two, "cat", "/proc/mounts"), "/mnt/MGS lustre")
	require.Contains(t, typedOK(t, one, "cat", "/proc/modules"), "lustre ")

	cib, err := pacemaker.ParseCIB(strings.NewReader(typedOK(t, one, "cibadmin", "--query")))
	require.NoError(t, err)
	deadtime, _ := cib.Property("dc-deadtime")
	require.Empty(t, deadtime, "the seed is gone")
	require.Len(t, cib.Nodes(), 2)
	conf, err := corosync.Parse(strings.NewReader(typedOK(t, one, "cat", "/etc/corosync/corosync.conf")))
	require.NoError(t, err)
	nodes, err := conf.NodeList()
	require.NoError(t, err)
	require.Len(t, nodes[0].Addresses, 2)
	require.NotContains(t, typedOK(t, one, "corosync-cfgtool", "-s"), "FAULTY")
	require.Equal(t, "CentOS release 6.8 (Final)\n", typedOK(t, one, "cat", "/etc/redhat-release"))
	require.Equal(t, "ct6-mds1\n", typedOK(t, one, "hostname"))
	for _, service := range []string{"corosync", "pacemaker"} {
		typedOK(t, one, "chkconfig", service)
		typedOK(t, one, "service", service, "status")
	}
	require.Contains(t, typedOK(t, one, "df", "-ht", "lustre"), "/mnt/MGS")

	// Every path of a server's backup is there, and both backups are of one cluster.
	for _, n := range lab.Nodes() {
		client, err := login(t, lab, n)
		require.NoError(t, err)
		made, err := backup.Create(t.Context(), client, backup.ServerManifest(), backup.Options{Dir: t.TempDir()})
		require.NoError(t, err)
		archive, err := backup.OpenFile(made.Path)
		require.NoError(t, err)
		for _, p := range backup.ServerManifest().Paths {
			require.True(t, archive.Has(p.Path), p.Path)
		}
		store, err := lustre.StoreOf(archive)
		require.NoError(t, err)
		require.Len(t, store, len(targets))
		saved, err := archive.ClusterConfig()
		require.NoError(t, err)
		there, err := pacemaker.ParseCIB(bytes.NewReader(saved))
		require.NoError(t, err)
		require.Empty(t, pacemaker.Diff(cib, there))
	}

	// Standby moves what node 1 has, and nothing comes back by itself (H17).
	typedOK(t, one, "pcs", "node", "standby", one.Short())
	await(t, two, allOn(targets, two))
	typedOK(t, one, "pcs", "node", "unstandby", one.Short())
	await(t, two, pairlab.BothOnline)
	await(t, two, allOn(targets, two))

	// Targets cannot start where Lustre is not loaded, whoever orders it (lustre:1112).
	typedOK(t, one, "modprobe", "-r", "lustre")
	out, exit := typed(t, one, "env", "OCF_ROOT=/usr/lib/ocf", "OCF_RESKEY_target="+targets[0].UUID,
		"/usr/lib/ocf/resource.d/chroma/Target", "start")
	require.Equal(t, 2, exit, out)
	typedOK(t, one, "modprobe", "lustre")

	// The agents as pcs sees them: the guide's commands for a new cluster.
	require.Contains(t, typedOK(t, one, "pcs", "resource", "describe", "ocf:chroma:Target"), "target")
	require.Contains(t, typedOK(t, one, "pcs", "stonith", "describe", "fence_chroma"), "fence_chroma")

	for _, target := range targets {
		truth := noAccident(t, lab)
		require.Empty(t, truth.Overlaps(target.UUID))
		for _, outage := range truth.Outages(target.UUID) {
			t.Logf("%s: %s", target.Label, outage.Length())
		}
	}
	require.Empty(t, noAccident(t, lab).Fencings)
}

// TestFencingOfAHungNode kills corosync: the peer cuts the node's power and takes its targets, and the node comes back.
func TestFencingOfAHungNode(t *testing.T) {
	targets := pairlab.GuideTargets(3)
	lab := oldPair(t, pairlab.Options{Targets: targets})
	one, two := lab.Nodes()[0], lab.Nodes()[1]
	require.NoError(t, one.Kill("corosync"))
	await(t, two, allOn(targets, two))
	truth := noAccident(t, lab)
	require.Len(t, truth.Fencings, 1)
	require.Equal(t, one.Name(), truth.Fencings[0].Victim)
	require.Equal(t, two.Name(), truth.Fencings[0].By)
	for _, c := range truth.Changes {
		if c.Node == two.Name() && c.Event == "start-begin" && c.Target == targets[0].UUID {
			require.Greater(t, c.At, truth.Fencings[0].At, "the power was off before a target was taken")
		}
	}
	await(t, two, pairlab.BothOnline)
	require.Contains(t, typedOK(t, one, "cat", "/proc/modules"), "lustre ", "loaded at boot")
	await(t, two, allOn(targets, two))
	history := typedOK(t, two, "stonith_admin", "--history", one.Short())
	require.Contains(t, history, one.Short())
	noAccident(t, lab)
}

// TestFencingThatFails gives the nodes attributes that are not whole, or wrong: nobody is fenced, and not one target of
// the lost node is taken (H10).
func TestFencingThatFails(t *testing.T) {
	targets := pairlab.GuideTargets(3)
	lab := oldPair(t, pairlab.Options{Targets: targets})
	one, two := lab.Nodes()[0], lab.Nodes()[1]
	set := func(name string, value ...string) {
		t.Helper()
		argv := []string{"crm_attribute", "--type", "nodes", "--node", one.Short(), "--name", name}
		if len(value) == 0 {
			argv = append(argv, "--delete")
		} else {
			argv = append(argv, "--update", value[0])
		}
		typedOK(t, two, argv...)
	}
	fence := func() (string, int) {
		return typed(t, two, "stonith_admin", "--reboot", one.Short(), "--timeout", "20")
	}

	refused := func(why string) {
		t.Helper()
		out, exit := fence()
		require.NotZero(t, exit, out)
		require.NotContains(t, out, "cal vin")
		log := typedOK(t, two, "tail", "-n", "1", "/var/log/chroma-agent.log")
		require.Contains(t, log, why)
		require.NotContains(t, log, "cal vin")
		require.Empty(t, noAccident(t, lab).Fencings)
		require.True(t, one.On())
	}
	set("0_fence_ipaddr")
	refused("needs the attribute 0_fence_ipaddr")
	set("0_fence_ipaddr", standin.FenceAddress)
	set("0_fence_password", "cal vin")
	refused("login failed")

	// A node that is lost and cannot be fenced keeps its targets, for it may have them mounted, as it does here: corosync alone is dead.
	require.NoError(t, one.Kill("corosync"))
	await(t, two, func(st *pacemaker.Status) error {
		if n, _ := st.Node(one.Short()); !n.Unclean {
			return fmt.Errorf("%s is not unclean", one.Short())
		}
		return nil
	})
	refused("login failed")
	where, err := pairlab.MountedWhere(lab, targets)
	require.NoError(t, err)
	require.Equal(t, []string{one.Name()}, where["MGS"])

	// With the right password it is fenced, and its targets are taken.
	set("0_fence_password", standin.FencePassword)
	out, exit := fence()
	require.Zero(t, exit, out)
	await(t, two, allOn(targets, two))
	require.Len(t, noAccident(t, lab).Fencings, 1)
	await(t, two, pairlab.BothOnline)

	// Without its agent the node cannot be fenced, whether Pacemaker has asked the agent for its list again by now, or not.
	set("0_fence_agent")
	out, exit = fence()
	require.NotZero(t, exit, out)
	require.Len(t, noAccident(t, lab).Fencings, 1)
	require.True(t, one.On())
}

// TestTheNewSystem wipes a node and types what the guide types on it until it could be made a cluster of: the real
// programs of the node and the stand-ins beside each other.
func TestTheNewSystem(t *testing.T) {
	lab := start(t, pairlab.Options{Targets: pairlab.GuideTargets(3)})
	n := lab.Nodes()[0]
	require.NoError(t, n.Wipe(pairlab.NewRelease))
	require.Equal(t, n.Name()+"\n", typedOK(t, n, "hostname"))
	out, exit := typed(t, n, "dkms", "status")
	require.Equal(t, 127, exit, out)
	require.Equal(t, "dhcpv6-client ssh\n", typedOK(t, n, "firewall-cmd", "--list-services"), "firewalld runs")
	require.Regexp(t, `^hacluster:!`, typedOK(t, n, "getent", "shadow", "hacluster"))

	for _, line := range []string{
		"yum -y install ntp", "ntpd -qg", "systemctl enable ntpd", "systemctl start ntpd", "yum -y install epel-release",
		"yum-config-manager --add-repo " +
			"https://copr.fedorainfracloud.org/coprs/managerforlustre/manager-for-lustre/repo/epel-7/managerforlustre-manager-for-lustre-epel-7.repo",
		"yum-config-manager --add-repo https://copr.fedorainfracloud.org/coprs/ngompa/dnf-el7/repo/epel-7/ngompa-dnf-el7-epel-7.repo",
		"mkdir -p /var/lib/chroma", "cp /etc/hostname /var/lib/chroma/authority.crt",
		"cp /etc/hostname /var/lib/chroma/self.crt", "cp /etc/hostname /var/lib/chroma/private.pem",
		"curl --fail -o /etc/yum.repos.d/Manager-for-Lustre.repo --cacert /var/lib/chroma/authority.crt --cert " +
			"/var/lib/chroma/self.crt --key /var/lib/chroma/private.pem https://ct6-iml.lfs.intl/repo/Manager-for-Lustre.repo",
		"yum -y install chroma-*",
	} {
		typedOK(t, n, strings.Fields(line)...)
	}
	for _, c := range lustre.BothOSDs.Commands(false, "") {
		if !c.Reboot() {
			out = typedOK(t, n, c.Argv...)
			if c.Argv[0] == "dkms" {
				modules, err := lustre.ParseDKMS(strings.NewReader(out))
				require.NoError(t, err)
				require.NoError(t, lustre.CheckDKMS(modules, "", lustre.BothOSDs.DKMSModules()...))
			}
			continue
		}
		stored := typedOK(t, n, "cat", "/etc/hostid")
		require.NoError(t, lustre.CheckHostID([]byte(stored), typedOK(t, n, "hostid")))
		before := typedOK(t, n, "cat", "/proc/sys/kernel/random/boot_id")
		if _, errs, exit, err := n.Exec(t.Context(), nil, c.Argv...); err != nil {
			require.ErrorIs(t, err, pairlab.ErrOff, "it may go before it has answered")
		} else {
			require.Zero(t, exit, string(errs))
		}
		eventually(t, "the node is up again", func() bool {
			now, _, exit, err := n.Exec(t.Context(), nil, "cat", "/proc/sys/kernel/random/boot_id")
			_, _, active, _ := n.Exec(t.Context(), nil, "systemctl", "is-active", "ssh")
			return err == nil && exit == 0 && string(now) != before && active == 0
		})
	}
	require.Contains(t, typedOK(t, n, "cat", "/proc/modules"), "lustre ")
	typedOK(t, n, "yum", "-y", "install", "pcs", "pacemaker", "corosync", "fence-agents")
	typedOK(t, n, "id", "hacluster")

	_, errs, exit, err := n.Exec(t.Context(), strings.NewReader("a b$c\n"), "passwd", "--stdin", "hacluster")
	require.NoError(t, err)
	require.Zero(t, exit, string(errs))
	typedOK(t, n, "systemctl", "start", "pcsd.service")
	_, _, exit, err = n.Exec(t.Context(), strings.NewReader("wrong\n"), "pcs", "host", "auth", n.Name(), "-u", "hacluster")
	require.NoError(t, err)
	require.NotZero(t, exit)
	_, errs, exit, err = n.Exec(t.Context(), strings.NewReader("a b$c\n"), "pcs", "host", "auth", n.Name(), "-u", "hacluster")
	require.NoError(t, err)
	require.Zero(t, exit, string(errs))

	typedOK(t, n, "shutdown", "-h", "now")
	eventually(t, "the node is off", func() bool { return !n.On() })
}

// TestSixteenTargets is the larger pair, on which speed is measured.
func TestSixteenTargets(t *testing.T) {
	targets := pairlab.GuideTargets(16)
	lab := oldPair(t, pairlab.Options{Targets: targets})
	where, err := pairlab.MountedWhere(lab, targets)
	require.NoError(t, err)
	require.Len(t, where, 16)
	noAccident(t, lab)
}

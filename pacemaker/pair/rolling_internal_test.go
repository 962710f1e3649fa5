package pair

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Which software joins which cluster: the major numbers are the same, and the node's minor is not lower.
func TestFeatureSets(t *testing.T) {
	for _, c := range []struct {
		node, cluster string
		joins         bool
	}{
		{"3.19.0", "3.16.2", true}, {"3.16.2", "3.16.2", true}, {"3.16.1", "3.16.2", true}, {"3.16.2", "3.19.0", false},
		{"3.16", "3.16.2", true}, {"4.0.0", "3.19.0", false}, {"2.20.0", "3.19.0", false},
	} {
		node, err1 := parseFeatureSet(c.node)
		cluster, err2 := parseFeatureSet(c.cluster)
		require.NoError(t, err1)
		require.NoError(t, err2)
		require.Equal(t, c.joins, node.joins(cluster), "%s and %s", c.node, c.cluster)
	}
	for _, bad := range []string{"", "3", "3.x", "3.19.0.1", "v3.19.0"} {
		_, err := parseFeatureSet(bad)
		require.ErrorIs(t, err, ErrNotProven, bad)
	}
}

// As pacemakerd of Pacemaker 2.1.5 prints it. Anything else proves nothing.
func TestSoftwareFeatures(t *testing.T) {
	const out = "Pacemaker 2.1.5 (Build: a3f44794f94)\n Supporting v3.16.1: agent-manpages cibsecrets corosync-ge-2 systemd\n"
	set, err := softwareFeatures(sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(out)})
	require.NoError(t, err)
	require.Equal(t, featureSet{3, 16, 1}, set)
	for _, res := range []sshexec.Result{
		{Outcome: sshexec.Exited}, {Outcome: sshexec.Exited, Stdout: []byte("Pacemaker 2.1.5\n")},
		{Outcome: sshexec.Exited, ExitCode: 1, Stdout: []byte(out)},
	} {
		_, err := softwareFeatures(res)
		require.ErrorIs(t, err, ErrNotProven)
	}
}

func TestIsVersion(t *testing.T) {
	for want, is := range map[string]bool{"2.1.7-5.el9": true, "2.1.7": true, "2.1": true, "2.1.7-5": true,
		"2.1.70": false, "2.1.7-5.el8": false, "1.1.7": false} {
		require.Equal(t, is, isVersion("2.1.7-5.el9.x86_64", want), want)
	}
	require.False(t, isVersion("2.1.70-5.el9.x86_64", "2.1.7"))
}

// What is wrong with a running cluster, each by itself. A move by hand is noted elsewhere, and so is a cluster that never fences.
func TestHindered(t *testing.T) {
	sound := func() *pacemaker.Status {
		st := &pacemaker.Status{FencingEnabled: true}
		st.DC.Present, st.DC.Quorum = true, true
		return st
	}
	require.NoError(t, hindered(sound(), false))
	for want, spoil := range map[string]func(*pacemaker.Status){
		"the cluster has no quorum": func(st *pacemaker.Status) { st.DC.Quorum = false },
		"fencing is off":            func(st *pacemaker.Status) { st.FencingEnabled = false },
		"maintenance-mode is on":    func(st *pacemaker.Status) { st.MaintenanceMode = true },
		"node n1 is in standby": func(st *pacemaker.Status) {
			st.Nodes = []pacemaker.NodeStatus{{Name: "n1", Online: true, Standby: true}}
		},
		"web_start_0 failed on n1": func(st *pacemaker.Status) { st.Failures = []pacemaker.Failure{{Operation: "web_start_0", Node: "n1"}} },
		"fencing of n1 is failed":  func(st *pacemaker.Status) { st.Fencing = []pacemaker.FenceEvent{{Target: "n1", Status: "failed"}} },
	} {
		st := sound()
		spoil(st)
		require.ErrorContains(t, hindered(st, false), want)
		require.ErrorContains(t, hindered(st, false), "pcs resource cleanup")
	}
	st := sound()
	st.FencingEnabled = false
	require.NoError(t, hindered(st, true), "as it is configured")
}

// As rpm compares them: rpmdev-vercmp.
func TestCompareBuilds(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"2.1.7-5.el9.x86_64", "2.1.7-4.el9", 1}, {"2.1.7-4.el9.x86_64", "2.1.7-5.el9", -1}, {"2.1.7-5.el9.x86_64", "2.1.7-5.el9", 0},
		{"2.1.7-10.el9.x86_64", "2.1.7-9.el9", 1}, {"2.1.7-5.el9_4.1.x86_64", "2.1.7-5.el9", 1}, {"2.1.7-5.el9.x86_64", "2.1.7", 0},
		{"2.1.10-1.el9.noarch", "2.1.9-5.el9", 1}, {"2.1.7~rc1-1.el9.x86_64", "2.1.7-1.el9", -1}, {"2.1.7^git1-1.el9", "2.1.7-1.el9", 1},
		{"2.1.7-05.el9", "2.1.7-5.el9", 0}, {"2.1.7-5.a", "2.1.7-5.1", -1}, {"2.1.7-5.b", "2.1.7-5.a", 1},
	} {
		require.Equal(t, c.want, compareBuilds(c.a, c.b), "%s and %s", c.a, c.b)
	}
}

// Each that keeps a node from running units, by the state of its cluster.
func TestUnable(t *testing.T) {
	for want, n := range map[string]pacemaker.NodeStatus{
		"": {Online: true}, "is not online": {}, "is in standby": {Online: true, Standby: true},
		"is in standby after a failure (on-fail=standby)": {Online: true, StandbyOnFail: true},
		"is in maintenance": {Online: true, Maintenance: true},
	} {
		n.Name = "n1"
		require.Equal(t, want, unable(&pacemaker.Status{Nodes: []pacemaker.NodeStatus{n}}, "n1"))
	}
	require.Equal(t, "is not online", unable(&pacemaker.Status{}, "n1"))
	require.Equal(t, "is in maintenance", unable(&pacemaker.Status{MaintenanceMode: true,
		Nodes: []pacemaker.NodeStatus{{Name: "n1", Online: true}}}, "n1"))
}

// What a package transaction looks like in the table of processes, on EL 8 to 10, and what does not.
func TestPackages(t *testing.T) {
	for args, is := range map[string]bool{
		"/usr/libexec/platform-python /usr/bin/dnf -y upgrade": true, "/usr/bin/python3 /usr/bin/dnf history undo last": true,
		"/usr/bin/python3.9 -s /usr/bin/dnf-automatic": true, "rpm -U x.rpm": true, "/usr/libexec/packagekitd": true, "dnf5 upgrade": true,
		"/usr/bin/python3 -s /usr/sbin/firewalld --nofork": false, "/usr/sbin/rpmless": false, "vi /usr/bin/dnf": false,
	} {
		require.Equal(t, is, packages(strings.Fields(args)), args)
	}
}

// The lock of rpm is held where its inode stands in /proc/locks. Anything else that is no such table proves nothing.
func TestRPMLock(t *testing.T) {
	const free = "1: FLOCK  ADVISORY  WRITE 700 00:17:56780 0 EOF\n2: POSIX  ADVISORY  READ  701 <none>:0 0 EOF\n" +
		"3: LEASE  ACTIVE    READ  702 fd:00:99 0 EOF\n"
	look := Packaging()[1]
	judge := func(out string, exit int) (Found, error) {
		found, _, err := look.Judge(sshexec.Result{Outcome: sshexec.Exited, ExitCode: exit, Stdout: []byte(out)})
		return found, err
	}
	for out, want := range map[string]Found{
		"lock 5678 /var/lib/rpm/.rpm.lock\n" + free + "end\n":                                                        Absent,
		"lock - /var/lib/rpm/.rpm.lock\n" + free + "end\n":                                                           Absent,
		"lock 5678 /var/lib/rpm/.rpm.lock\nend\n":                                                                    Absent,
		"lock 5678 /usr/lib/sysimage/rpm/.rpm.lock\n" + free + "4: POSIX  ADVISORY  WRITE 9 fd:00:5678 0 EOF\nend\n": Present,
		"lock 5678 /var/lib/rpm/.rpm.lock\n4: -> POSIX  ADVISORY  WRITE 9 fd:00:5678 0 EOF\n" + free + "end\n":       Present,
	} {
		found, err := judge(out, 0)
		require.NoError(t, err, out)
		require.Equal(t, want, found, out)
	}
	for _, bad := range []string{"", "end\n", "lock 5678 %{_rpmlock_path}\nend\n", "lock 5678 /l\n" + free, "lock 5678\nend\n",
		"lock 5678 /l\nPOSIX nothing\nend\n"} {
		_, err := judge(bad, 0)
		require.ErrorIs(t, err, ErrNotProven, bad)
	}
	_, err := judge("lock 5678 /l\nend\n", 1)
	require.ErrorIs(t, err, ErrNotProven)
}

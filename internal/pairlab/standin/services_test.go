package standin

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// withUnits gives a node a systemctl that knows some services.
func withUnits(n *node, units ...string) (active, enabled map[string]bool) {
	active, enabled = map[string]bool{}, map[string]bool{}
	n.progs = map[string]func(string, []string) (string, int){"systemctl": func(_ string, args []string) (string, int) {
		verb, unit := args[0], args[1]
		word := func(yes bool, a, b string, status int) (string, int) {
			if yes {
				return a + "\n", 0
			}
			return b + "\n", status
		}
		switch {
		case verb == "list-unit-files":
			return "UNIT FILE STATE\n" + strings.Join(units, ".service enabled\n") + ".service enabled\n", 0
		case !slices.Contains(units, unit):
			return "", 5
		case verb == "is-active":
			return word(active[unit], "active", "inactive", 3)
		case verb == "is-enabled":
			return word(enabled[unit], "enabled", "disabled", 1)
		case verb == "start", verb == "stop":
			if unit == "broken" {
				return "", 1
			}
			active[unit] = verb == "start"
		case verb == "enable", verb == "disable":
			enabled[unit] = verb == "enable"
		case verb == "status":
			return word(active[unit], "active (running)", "inactive (dead)", 3)
		}
		return "", 0
	}}
	return active, enabled
}

func TestServices(t *testing.T) {
	n := newNode(t, wire.OldRelease)
	active, enabled := withUnits(n, "corosync", "broken")
	n.refused(3, "corosync is stopped", "service corosync status")
	require.Contains(t, n.ok("service corosync start"), "[  OK  ]")
	require.True(t, active["corosync"])
	require.Contains(t, n.ok("service corosync status"), "is running")
	n.ok("service corosync stop")
	require.False(t, active["corosync"])
	n.refused(1, "[FAILED]", "service broken start")
	n.refused(1, "unrecognized service", "service ypbind status")
	n.refused(2, "Usage", "service corosync dance")
	n.refused(1, "Usage", "service corosync")

	n.refused(1, "", "chkconfig corosync")
	n.ok("chkconfig corosync on")
	require.True(t, enabled["corosync"])
	n.ok("chkconfig corosync")
	require.Contains(t, n.ok("chkconfig --list corosync"), "3:on")
	n.ok("chkconfig corosync off")
	n.refused(1, "", "chkconfig corosync")
	n.refused(1, "No such file", "chkconfig ypbind")
	n.refused(1, "usage", "chkconfig corosync maybe")

	n = newNode(t, wire.NewRelease)
	withUnits(n, "corosync")
	r := n.run("", "service corosync status")
	require.Equal(t, result{3, "inactive (dead)\n", "Redirecting to /bin/systemctl status corosync.service\n"}, r)
}

func TestShutdown(t *testing.T) {
	for line, sig := range map[string]syscall.Signal{
		"shutdown -h now": syscall.SIGTERM, "poweroff": syscall.SIGTERM, "halt": syscall.SIGTERM, "reboot": syscall.SIGINT,
		"shutdown -r +0": syscall.SIGINT,
	} {
		n := newNode(t, wire.OldRelease)
		n.ok(line)
		require.Equal(t, []syscall.Signal{sig}, n.signal, line)
	}
	n := newNode(t, wire.OldRelease)
	n.refused(1, "time expected", "shutdown -h")
	n.refused(1, "time expected", "shutdown -h +5")
	n.refused(1, "stand-in has", "shutdown -k now")
	require.Empty(t, n.signal)
}

func TestPasswd(t *testing.T) {
	n := newNode(t, wire.NewRelease)
	var got string
	n.progs = map[string]func(string, []string) (string, int){
		"chpasswd": func(in string, args []string) (string, int) {
			require.Empty(t, args, "a password is no argument")
			got = in
			return "", 0
		},
		"passwd": func(string, []string) (string, int) { return "the node's own", 4 },
	}
	r := n.run("a b$c\n", "passwd --stdin hacluster")
	require.Zero(t, r.exit, r.err)
	require.Equal(t, "hacluster:a b$c\n", got)
	require.NotContains(t, r.out+r.err, "a b$c")
	require.Equal(t, 1, n.run("", "passwd --stdin hacluster").exit, "no password")
	require.Equal(t, 1, n.run("x\n", "passwd --stdin nobody-here").exit)
	require.Equal(t, 1, n.run("x\n", "passwd --stdin").exit)
	require.Equal(t, result{4, "the node's own", ""}, n.run("", "passwd -S root"))
}

func TestFirewall(t *testing.T) {
	n := newNode(t, wire.NewRelease)
	active, _ := withUnits(n, "firewalld")
	n.refused(252, "not running", "firewall-cmd --list-services")
	active["firewalld"] = true
	require.Equal(t, "dhcpv6-client ssh\n", n.ok("firewall-cmd --list-services"))
	n.ok("firewall-cmd --permanent --add-service=high-availability")
	require.Equal(t, "dhcpv6-client ssh\n", n.ok("firewall-cmd --list-services"), "kept, and not yet in force")
	n.ok("firewall-cmd --add-port=4242/udp")
	require.Equal(t, "4242/udp\n", n.ok("firewall-cmd --list-ports"))
	require.Equal(t, "\n", n.ok("firewall-cmd --permanent --list-ports"))
	n.ok("firewall-cmd --add-service=high-availability")
	require.Equal(t, "dhcpv6-client high-availability ssh\n", n.ok("firewall-cmd --list-service"))
	n.ok("firewall-cmd --query-port=4242/udp")
	n.boot()
	require.Equal(t, "dhcpv6-client high-availability ssh\n", n.ok("firewall-cmd --list-services"))
	n.refused(1, "no", "firewall-cmd --query-port=4242/udp")
	n.ok("firewall-cmd --remove-service=high-availability")
	n.refused(1, "no", "firewall-cmd --query-service=high-availability")
	n.ok("firewall-cmd --reload")
	n.ok("firewall-cmd --query-service=high-availability")
	n.ok("firewall-cmd --state")
	n.refused(101, "INVALID_SERVICE", "firewall-cmd --add-service=what")
	n.refused(102, "INVALID_PORT", "firewall-cmd --add-port=4242")
	n.refused(2, "unrecognized", "firewall-cmd --what")
	n.refused(2, "usage", "firewall-cmd --permanent")
}

func TestDfAndOthersPassOn(t *testing.T) {
	n := newNode(t, wire.OldRelease)
	n.progs = map[string]func(string, []string) (string,
		int){"df": func(_ string, args []string) (string, int) { return strings.Join(args, " "), 0 }}
	require.Equal(t, "-h /", n.ok("df -h /"))
	require.Equal(t, "-t ext4", n.ok("df -t ext4"))
	n.refused(2, "export, status and get only", "zpool scrub tank")
	n.refused(1, "stand-in sets", "ntpd")
	n.remove("/etc/ntp.conf")
	n.refused(1, "no servers", "ntpd -qg")
}

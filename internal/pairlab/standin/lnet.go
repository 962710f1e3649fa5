package standin

import (
	"regexp"
	"strings"
)

// withNIDs is an lctl that knows `lctl list_nids` as well.
func withNIDs(lctl func(*call) int) func(*call) int {
	return func(c *call) int {
		if len(c.args) != 1 || c.args[0] != "list_nids" {
			return lctl(c)
		}
		nid := c.nid()
		if nid == "" {
			return c.fail(100, "IOC_LIBCFS_GET_NI error 100: Network is down")
		}
		c.printf("%s\n", nid)
		return 0
	}
}

var ipaddr = regexp.MustCompile(`(?m)^IPADDR=(\S+)$`)

// nid is the NID of the node: the address of eth0, by its file, on tcp, as [Furnish] configures LNet. There is none
// before Lustre is loaded, nor without that configuration: LNet takes what it finds first then, which is eth1 here.
func (c *call) nid() string {
	if !c.moduleLoaded("lustre") {
		return ""
	}
	device := "eth1"
	if strings.Contains(c.lnet(), "tcp0(eth0)") {
		device = "eth0"
	}
	m := ipaddr.FindStringSubmatch(c.read("/etc/sysconfig/network-scripts/ifcfg-" + device))
	if m == nil {
		return ""
	}
	return m[1] + "@tcp"
}

// runLnetctl is `lnetctl net show`. Lustre 2.5 of the old system has none.
func runLnetctl(c *call) int {
	if strings.Join(c.args, " ") != "net show" {
		return c.fail(1, "lnetctl: only net show is known here")
	}
	nid := c.nid()
	if nid == "" {
		return c.fail(1, "show:\n    - net:\n          errno: -100\n          descr: \"cannot get networks: Network is down\"")
	}
	for _, one := range []string{"0@lo", nid} {
		if one == "0@lo" {
			c.printf("net:\n")
		}
		_, network, _ := strings.Cut(one, "@")
		c.printf("    - net type: %s\n      local NI(s):\n        - nid: %s\n          status: up\n", network, one)
	}
	return 0
}

// lnet is the network configuration of Lustre, in the file that IML writes or in the one of those who have no IML.
func (c *call) lnet() string { return c.read(lnetFile) + c.read(ownLNetFile) }

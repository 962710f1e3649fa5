package standin

import "github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"

const (
	// ownLNetFile is Lustre's network configuration on a server without IML.
	ownLNetFile = "/etc/modprobe.d/lustre.conf"
	// LustreRepo is where a server without IML gets Lustre from.
	LustreRepo = "https://mirror.example.com/lustre.repo"
)

// handMade is a server of a pair that people made: Lustre with its own agents, power switches in its nodes, and nothing
// of IML. The cluster's configuration says where each target is.
func (f *furnisher) handMade() {
	f.put("/etc/sysconfig/network", "NETWORKING=yes\nHOSTNAME=%s\n", f.self.Short())
	f.put("/etc/ntp.conf", "server %s iburst\n", f.lab.Outside)
	f.put(ownLNetFile, "options lnet networks=tcp0(eth0)\n")
	f.put("/etc/yum.repos.d/lustre.repo", "%s", repo(dataRepo, dataRepo))
	packages := come(6)
	delete(packages, "chroma-agent")
	delete(packages, "chroma-diagnostics")
	packages["lustre-resource-agents"], packages["fence-agents"] = packages["lustre"], "3.1.5-48.el6"
	f.put(packagesFile, "%s", packageLines(packages))
	for _, t := range f.lab.Targets {
		f.dirs = append(f.dirs, t.Mount)
	}
}

// BMC is the address of a node's own power switch, such as "ct6-mds1-bmc".
func BMC(n wire.Node) string { return n.Short() + bmcSuffix }

const bmcSuffix = "-bmc"

package readiness

import (
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
)

// The four ways from one release to another.
const (
	Rolling     = "rolling"      // one cluster all along, node by node
	TwoClusters = "two clusters" // a new cluster on one node, the old one on the other
	Reattach    = "reattach"     // the cluster software replaced under running services
	Offline     = "offline"      // all services stopped
)

// Way is a way, whether it is possible as far as releases and versions decide it, and why. Blockers are another matter.
type Way struct {
	Name     string   `json:"name"`
	Possible bool     `json:"possible"`
	Reasons  []Reason `json:"reasons"` // against it where it is not possible, else for it
}

// Reason is a fact with its source.
type Reason struct {
	Why    string `json:"why"`
	Source Source `json:"source"`
}

// Known is what of a pair decides the ways, beside its release. What is zero is not known.
type Known struct {
	Pacemaker  Version // of the oldest node
	Corosync   Version // of the oldest node
	FeatureSet string  // crm_feature_set of the CIB, such as 3.0.14
	Schema     string  // validate-with of the CIB
	CMAN       bool
	Remote     bool // it has Pacemaker Remote nodes
}

// Ways says of each of the four ways whether it leads from one release to another, and why. What is not known speaks
// against rolling and reattach: nothing is hoped for.
func Ways(from *Release, to Release, k Known) []Way {
	return []Way{
		decide(Rolling, againstRolling(from, to, k), "the versions meet: each node rejoins the cluster when it is upgraded. "+
			"Meanwhile an old node that leaves cannot rejoin before it is upgraded, too"),
		decide(TwoClusters, nil, "the new cluster never talks to the old one; each service is stopped there before it starts here"),
		decide(Reattach, againstReattach(from, to, k), "in maintenance mode the services go on while the cluster software is replaced; "+
			"nobody watches them meanwhile"),
		decide(Offline, nil, "a complete shutdown is possible between all versions; every service is down meanwhile"),
	}
}

// decide is a way that nothing speaks against, with what speaks for it by Pacemaker's own document; or one that is not possible.
func decide(name string, against []Reason, pro string) Way {
	if len(against) > 0 {
		return Way{name, false, against}
	}
	return Way{name, true, []Reason{{pro, sourceOf("pcmk-upgrading")}}}
}

// againstRolling is why nodes of both releases cannot be in one cluster.
func againstRolling(from *Release, to Release, k Known) (no []Reason) {
	add := func(source, format string, args ...any) {
		no = append(no, Reason{fmt.Sprintf(format, args...), sourceOf(source)})
	}
	if from == nil {
		add("pcmk-upgrading", "the pair's release is not known")
		from = &Release{Family: to.Family, Order: to.Order}
	}
	switch major := from.Name != to.Name && from.Name != ""; {
	case from.Family != to.Family:
		add("pcmk-upgrading", "nothing is known of clusters of %s and %s", from.Name, to.Name)
	case from.Order > to.Order:
		add("pcmk-upgrading", "%s is older than %s: a node cannot join with older software", to.Name, from.Name)
	case major && from.Name == "el7" && to.Name == "el8":
		add("rhel-8", "Red Hat: a cluster cannot have nodes of RHEL 7 and of RHEL 8")
	case major && to.Family == "el":
		add("rhel-updates", "Red Hat supports no rolling upgrade to another major release")
	case major && to.Family == "sles":
		add("suse-upgrade", "SUSE wants a cluster offline on the way to another major release")
	}
	if k.CMAN {
		add("pcmk-2.0", "the pair is on CMAN, which Pacemaker 2.0 dropped")
	}
	coro := from.Corosync
	if k.Corosync.Major > 0 {
		coro = k.Corosync.Major
	}
	switch {
	case coro == 0:
		add("pcmk-upgrading", "the pair's corosync is not known, and all nodes must have the same messaging layer")
	case coro == 1 && to.Corosync > 1:
		add("corosync-1-2", "corosync 1 does not understand corosync %d", to.Corosync)
	case coro != to.Corosync:
		add("corosync-knet", "corosync %d and %d: knet, encryption and several links differ, and nothing says that they understand each other",
			coro, to.Corosync)
	}
	return append(no, againstMeeting(*from, to, k)...)
}

// againstMeeting is why Pacemaker's versions cannot be in one cluster: its table of compatible versions, and the feature set.
func againstMeeting(from, to Release, k Known) (no []Reason) {
	add := func(source, format string, args ...any) {
		no = append(no, Reason{fmt.Sprintf(format, args...), sourceOf(source)})
	}
	oldest := from.Pacemaker.From
	if k.Pacemaker.Major > 0 {
		oldest = k.Pacemaker
	}
	switch last := to.Pacemaker.To.Major; {
	case oldest.Major == 0:
		add("pcmk-upgrading", "the pair's Pacemaker is not known")
	case last >= 3 && oldest.Major < 2:
		add("pcmk-3.0", "Pacemaker 3.0 dropped rolling upgrades from versions before 2.0.0")
	case last == 2 && k.Pacemaker.Major == 1 && oldest.Compare(Version{1, 1, 11}) < 0:
		add("pcmk-upgrading", "Pacemaker 2 meets 1.1.11 and later, not %s", oldest)
	case last == 2 && oldest.Major == 1 && k.Pacemaker.Major == 0:
		add("pcmk-upgrading", "Pacemaker 2 meets 1.1.11 and later, and the pair's exact version is not known")
	}
	if major, _, _ := strings.Cut(k.FeatureSet, "."); k.FeatureSet != "" && major != featureMajor {
		add("pcmk-features", "the CRM feature set %s of the CIB has another major number than %s.x, that of all known targets",
			k.FeatureSet, featureMajor)
	}
	if m := schemaName.FindStringSubmatch(k.Schema); k.Schema != "" && (m == nil || strings.HasPrefix(m[1], "0.") || m[1] == "1.1") {
		add("pcmk-upgrading", "a rolling upgrade to Pacemaker 2 wants a CIB of schema 1.0 or later, and this one has %s", k.Schema)
	}
	return no
}

// featureMajor is the major number of the CRM feature sets of Pacemaker 1.1 to 3.0: nodes of another one cannot be in their cluster.
const featureMajor = "3"

// againstReattach is why the services cannot run on while the software is replaced.
func againstReattach(from *Release, to Release, k Known) (no []Reason) {
	source := sourceOf("pcmk-upgrading")
	switch {
	case from == nil:
		no = append(no, Reason{"the pair's release is not known", source})
	case from.Name != to.Name:
		no = append(no, Reason{"another release of the system restarts the machine, and with it the services that are to run on", source})
	}
	if k.Remote {
		no = append(no, Reason{"the cluster has Pacemaker Remote nodes", source})
	}
	return no
}

// ways takes what the inputs say.
func ways(c *checker) []Way {
	k := Known{CMAN: c.in.ClusterConf != ""}
	k.Pacemaker, k.Corosync = oldest(c.in.Versions, "pacemaker"), oldest(c.in.Versions, "corosync")
	if k.Corosync.Major == 0 && c.in.Conf != nil {
		k.Corosync.Major = generation(c.in.Conf)
	}
	if !c.in.CIB.Empty() {
		h := c.in.CIB.Header()
		k.FeatureSet, k.Schema, k.Remote = h.FeatureSet, h.ValidateWith, remote(c.in.CIB)
	}
	return Ways(c.from, c.to, k)
}

// generation is the major release of corosync that alone uses something in a file; 0 is not known.
func generation(conf *corosync.Conf) int {
	for _, m := range conf.Releases().Marks {
		switch {
		case m.To == 1:
			return 1
		case m.From == 3:
			return 3
		}
	}
	return 0
}

// oldest is the lowest version of a package on the nodes; zero where one does not say it.
func oldest(nodes []Versions, pkg string) (v Version) {
	for i, node := range nodes {
		one, ok := node.Of(pkg)
		if !ok {
			return Version{}
		}
		if i == 0 || one.Compare(v) < 0 {
			v = one
		}
	}
	return v
}

// remote says whether a cluster has Pacemaker Remote nodes or guests.
func remote(cib *pacemaker.CIB) bool {
	for r := range pacemaker.Walk(cib.Resources()) {
		if _, guest := r.Meta.Get("remote-node"); guest || r.Agent() == "ocf:pacemaker:remote" {
			return true
		}
	}
	return slices.ContainsFunc(cib.Nodes(), func(n pacemaker.Node) bool { return n.Type == "remote" })
}

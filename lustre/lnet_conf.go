package lustre

import (
	"slices"
	"strings"
)

// LNetConfPath is the configuration of LNet for lnetctl, which the service lnet imports at boot. The package lustre brings one in which
// everything is a comment.
const LNetConfPath = "/etc/lnet.conf"

// LNetConf is what [LNetConfPath] says, or what `lnetctl export` and `lnetctl net show` print: it is one form.
type LNetConf struct {
	NIs    []LNetConfNI
	Peers  []LNetPeer
	Routes []LNetRoute
	Other  []LNetSetting // whatever else stands there, in its order: ip2nets, global, the statistics of an interface
}

// LNetConfNI is an interface of LNet: one of several where a network is multi-rail.
type LNetConfNI struct {
	Network    string            // tcp, o2ib1
	NID        NID               // empty where the address of the interface gives it
	Interfaces []string          // such as ib0; none for the loopback
	Tunables   map[string]string // those of LNet, and of its driver ("lnd tunables"): peer_credits, in numbers
}

// LNetPeer is a node that LNet knows of beforehand, by all of its NIDs.
type LNetPeer struct {
	Primary   NID
	MultiRail bool
	NIDs      []NID
}

// LNetRoute is the way to another network.
type LNetRoute struct {
	Network string
	Gateway NID
}

// LNetSetting is a key that means nothing here, by where it stands ("net tcp/CPT"), with its text.
type LNetSetting struct{ Key, Value string }

// Empty tells whether it configures nothing, as the file that comes with the package.
func (c *LNetConf) Empty() bool {
	return len(c.NIs)+len(c.Peers)+len(c.Routes)+len(c.Other) == 0
}

// Interfaces are those that LNet is on, sorted.
func (c *LNetConf) Interfaces() []string {
	var names []string
	for _, n := range c.NIs {
		names = append(names, n.Interfaces...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// NIDs are the NIDs that a node with these interfaces has: those that are said, and those of the addresses of single interfaces.
func (c *LNetConf) NIDs(list []Interface) (nids []NID) {
	for _, n := range c.NIs {
		if n.NID != "" {
			nids = append(nids, n.NID)
			continue
		}
		if len(n.Interfaces) == 1 {
			if a, err := firstIPv4(list, n.Interfaces[0]); err == nil {
				nids = append(nids, NID(a.String()+"@"+n.Network))
			}
		}
	}
	return nids
}

// Missing says which interfaces of LNet another configuration, that of a running node, has not, or has elsewhere.
func (c *LNetConf) Missing(have *LNetConf) (missing []string) {
	for _, want := range c.NIs {
		if want.NID.Loopback() {
			continue
		}
		fits := func(is LNetConfNI) bool {
			// one NI with several interfaces is shown as one NI, or as one for each, depending on the release
			return is.Network == want.Network && (want.NID == "" || is.NID == want.NID)
		}
		var on []string
		found := false
		for _, is := range have.NIs {
			if fits(is) {
				found, on = true, append(on, is.Interfaces...)
			}
		}
		lacks := slices.DeleteFunc(slices.Clone(want.Interfaces), func(i string) bool { return slices.Contains(on, i) })
		if !found || len(lacks) > 0 {
			missing = append(missing, want.String())
		}
	}
	return missing
}

func (n LNetConfNI) String() string {
	text := n.Network
	if n.NID != "" {
		text = string(n.NID)
	}
	if len(n.Interfaces) > 0 {
		text += " on " + strings.Join(n.Interfaces, ", ")
	}
	return text
}

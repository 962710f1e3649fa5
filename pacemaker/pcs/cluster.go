package pcs

import (
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
)

// maxRings is how many rings the redundant ring protocol can have.
const maxRings = 2

// Auth makes nodes trust each other's pcsd; it asks for the hacluster password (lustre:864). pcs 0.9 makes all of them trust all;
// from pcs 0.10 on the node that it runs on may give orders to the others, so it is to be run on each.
func (d Dialect) Auth(nodes ...string) Operation {
	argv := []string{"pcs", "cluster", "auth"}
	if d.Modern() {
		argv = []string{"pcs", "host", "auth"}
	}
	argv = append(append(argv, nodes...), "-u", "hacluster")
	o := NewOperation("authorise "+strings.Join(nodes, " "), "lustre:864", op.Mutating, op.Idempotent, argv...)
	o.Asks = "the password of hacluster"
	return o
}

// Setup makes a new cluster (lustre:882). What this pcs is known to refuse is an [*pacemaker.UnsupportedError] that says so, and what to do
// instead, before anything runs (H15).
func (d Dialect) Setup(s corosync.Setup) (Operation, error) {
	if s.Transport == "" {
		s.Transport = "udp"
	}
	s.Rings = slices.Clone(s.Rings)
	slices.SortStableFunc(s.Rings, func(a, b corosync.Interface) int { return a.Ring - b.Ring })
	if err := d.setupRefusals(s).Err(); err != nil {
		return Operation{}, err
	}
	argv := d.setup09(s)
	if d.Modern() {
		argv = d.setup010(s)
	}
	o := NewOperation("set up "+s.Name, "lustre:882", op.Disruptive, op.Never, argv...)
	o.Makes = Making{Kind: NewCluster, ID: s.Name}
	o.Why = "refuses when an old corosync.conf or authkey is left on the node (H6)"
	return o, nil
}

// setupRefusals is what this pcs will not make.
func (d Dialect) setupRefusals(s corosync.Setup) (no pacemaker.Refusals) {
	knet := s.Transport == "knet"
	switch {
	case s.Transport != "udp" && s.Transport != "udpu" && !knet:
		no.Add("%s makes no clusters with the transport %s", d.Name(), s.Transport)
	case knet && !d.Modern():
		no.Add("%s makes clusters for corosync 2, which has no knet: use udp", d.Name())
	case !knet && d.Modern() && len(s.Rings) > 1:
		no.Add("%s takes one link with %s, not %d: \"1 address must be specified for a node\" (H15); move to knet, which carries %d links",
			d.Name(), s.Transport, len(s.Rings), corosync.MaxLinks)
	case !knet && !d.Modern() && len(s.Rings) > maxRings:
		no.Add("%s makes clusters of at most two rings, not %d", d.Name(), len(s.Rings))
	case knet && len(s.Rings) > corosync.MaxLinks:
		no.Add("knet has at most %d links, not %d", corosync.MaxLinks, len(s.Rings))
	}
	if !d.Modern() && s.RRPMode == "active" && len(s.Rings) > 1 {
		no.Add("%s takes rrp_mode active with --force only, \"not supported or tested\": use passive", d.Name())
	}
	for _, r := range s.Rings {
		if r.Broadcast && !d.Modern() && r.McastPort != 0 && r.McastPort != corosync.DefaultPort {
			no.Add("ring %d uses broadcast on port %d: %s takes no port with --broadcast%d", r.Ring, r.McastPort, d.Name(), r.Ring)
		}
	}
	if !knet && (encrypts(s.Cipher) || encrypts(s.Hash)) {
		no.Add("%s does not encrypt with the transport %s: use knet", d.Name(), s.Transport)
	}
	for _, n := range s.Nodes {
		switch {
		case len(n.Addresses) == 0 && (s.Transport == "udp" || len(s.Rings) < 2):
		case s.Transport == "udp" && !d.Modern(): // pcs 0.9 finds the nodes of a multicast cluster by their names
		case len(n.Addresses) != len(s.Rings):
			no.Add("node %s has %d addresses for %d links: %s wants one for each", n.Name, len(n.Addresses), len(s.Rings), s.Transport)
		}
	}
	return no
}

func encrypts(algorithm string) bool { return algorithm != "" && algorithm != "none" }

// setup09 is the guide's command.
func (d Dialect) setup09(s corosync.Setup) []string {
	argv := []string{"pcs", "cluster", "setup", "--name", s.Name}
	for _, n := range s.Nodes {
		if s.Transport == "udpu" {
			n.Name = strings.Join(append([]string{n.Name}, n.Addresses[min(1, len(n.Addresses)):]...), ",")
		}
		argv = append(argv, n.Name)
	}
	argv = append(argv, "--transport", s.Transport)
	if s.RRPMode != "" {
		argv = append(argv, "--rrpmode", s.RRPMode)
	}
	for _, r := range s.Rings {
		if s.Transport != "udp" {
			break
		}
		n := strconv.Itoa(r.Ring)
		argv = append(argv, "--addr"+n, r.BindNetAddr)
		if r.Broadcast {
			argv = append(argv, "--broadcast"+n)
			continue
		}
		argv = append(argv, "--mcast"+n, r.McastAddr, "--mcastport"+n, strconv.Itoa(r.McastPort))
		if r.TTL > 1 { // 1 is the default, and the guide does not give it
			argv = append(argv, "--ttl"+n, strconv.Itoa(r.TTL))
		}
	}
	if s.Token > 0 {
		argv = append(argv, "--token", strconv.Itoa(s.Token))
	}
	if s.FailRecvConst > 0 {
		argv = append(argv, "--fail_recv_const", strconv.Itoa(s.FailRecvConst))
	}
	return argv
}

func (d Dialect) setup010(s corosync.Setup) []string {
	argv := []string{"pcs", "cluster", "setup", s.Name}
	for _, n := range s.Nodes {
		argv = append(argv, nodeWords(n)...)
	}
	argv = append(argv, "transport", s.Transport)
	if s.Transport == "knet" {
		if s.RRPMode != "" {
			argv = append(argv, "link_mode="+s.RRPMode)
		}
		for _, r := range s.Rings {
			if r.McastPort > 0 {
				argv = append(argv, "link", "linknumber="+strconv.Itoa(r.Ring), "mcastport="+strconv.Itoa(r.McastPort))
			}
		}
		if s.Cipher != "" || s.Hash != "" {
			argv = append(argv, "crypto")
		}
		argv = appendPair(argv, "cipher", s.Cipher)
		argv = appendPair(argv, "hash", s.Hash)
	} else {
		argv = append(argv, linkOptions(s)...)
	}
	if s.Token > 0 || s.FailRecvConst > 0 {
		argv = append(argv, "totem")
	}
	argv = appendNumber(argv, "token", s.Token)
	return appendNumber(argv, "fail_recv_const", s.FailRecvConst)
}

// linkOptions are the options of the one link of udp or udpu; udpu takes the port only.
func linkOptions(s corosync.Setup) []string {
	var words []string
	for _, r := range s.Rings {
		words = append(words, "link")
		if s.Transport == "udp" {
			words = appendPair(words, "bindnetaddr", r.BindNetAddr)
			if r.Broadcast {
				words = append(words, "broadcast=1")
			} else {
				words = appendPair(words, "mcastaddr", r.McastAddr)
			}
		}
		words = appendNumber(words, "mcastport", r.McastPort)
		if r.TTL > 1 && s.Transport == "udp" {
			words = append(words, "ttl="+strconv.Itoa(r.TTL))
		}
		if words[len(words)-1] == "link" {
			words = words[:len(words)-1]
		}
	}
	return words
}

func appendPair(words []string, name, value string) []string {
	if value == "" {
		return words
	}
	return append(words, name+"="+value)
}

func appendNumber(words []string, name string, value int) []string {
	if value <= 0 {
		return words
	}
	return append(words, name+"="+strconv.Itoa(value))
}

// nodeWords are the node as pcs 0.10 and later name it.
func nodeWords(n corosync.Member) []string {
	words := []string{n.Name}
	for _, a := range n.Addresses {
		words = append(words, "addr="+a)
	}
	return words
}

// onNode appends a node where one is given: without one pcs takes the local node.
func onNode(node string, argv ...string) []string {
	if node != "" {
		argv = append(argv, node)
	}
	return argv
}

// ClusterStart starts the cluster on a node; on the local one when node is empty.
func (d Dialect) ClusterStart(node string) Operation {
	o := NewOperation("start the cluster", "lustre:920", op.Disruptive, op.Idempotent, onNode(node, "pcs", "cluster", "start")...)
	o.Makes = Making{Kind: Running, Node: node}
	o.Why = "exits 0 even where it started nothing (H4): the state decides; the first start waits 20 s for other nodes (H5)"
	return o
}

// ClusterStop stops the cluster on a node; on the local one when node is empty. Its resources move first.
func (d Dialect) ClusterStop(node string) Operation {
	o := NewOperation("stop the cluster", "", op.Disruptive, op.Idempotent, onNode(node, "pcs", "cluster", "stop")...)
	o.Why = "exits 0 even where it stopped nothing (H4): the state decides"
	return o
}

// ClusterEnable makes the cluster start at boot; on the local node when node is empty.
func (d Dialect) ClusterEnable(node string) Operation {
	o := NewOperation("start the cluster at boot", "lustre:921", op.Mutating, op.Idempotent, onNode(node, "pcs", "cluster", "enable")...)
	o.Makes = Making{Kind: AtBoot, Node: node}
	return o
}

// ClusterDisable makes it not start at boot; on the local node when node is empty.
func (d Dialect) ClusterDisable(node string) Operation {
	return NewOperation("do not start the cluster at boot", "lustre:443", op.Mutating, op.Idempotent,
		onNode(node, "pcs", "cluster", "disable")...)
}

// ClusterDestroy removes the local node's cluster configuration for good: only for the node under rebuild (H6).
func (d Dialect) ClusterDestroy() Operation {
	o := NewOperation("remove the cluster's configuration", "", op.Disruptive, op.Never, "pcs", "cluster", "destroy")
	o.Why = "only on the node under rebuild (H6)"
	return o
}

// NodeAdd adds a node to the running cluster (lustre:1615). From pcs 0.10 on it must have been authorised, and takes its addresses.
func (d Dialect) NodeAdd(node corosync.Member, start bool) Operation {
	argv := []string{"pcs", "cluster", "node", "add", node.Name}
	if d.Modern() {
		argv = append(argv[:4], nodeWords(node)...)
	}
	if start {
		argv = append(argv, "--start")
	}
	o := NewOperation("add "+node.Name, "lustre:1615", op.Disruptive, op.Never, argv...)
	o.Makes = Making{Kind: Member, ID: node.Name}
	return o
}

// NodeRemove removes a node from the running cluster, and destroys its configuration there.
func (d Dialect) NodeRemove(node string) Operation {
	return NewOperation("remove "+node, "", op.Disruptive, op.Never, "pcs", "cluster", "node", "remove", node)
}

// Standby moves everything off a node and keeps it off; the local node when node is empty (lustre:427).
func (d Dialect) Standby(node string) Operation {
	return NewOperation(strings.TrimSpace("standby "+node), "lustre:427", op.Disruptive, op.Idempotent,
		onNode(node, "pcs", d.nodeGroup(), "standby")...)
}

// Unstandby ends standby; on the local node when node is empty.
func (d Dialect) Unstandby(node string) Operation {
	return NewOperation(strings.TrimSpace("end standby "+node), "lustre:427", op.Disruptive, op.Idempotent,
		onNode(node, "pcs", d.nodeGroup(), "unstandby")...)
}

// nodeGroup is where standby stands: pcs 0.10 dropped `cluster standby` for `node standby`.
func (d Dialect) nodeGroup() string {
	if d.Modern() {
		return "node"
	}
	return "cluster"
}

package corosync

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	"github.com/evenkeel-ha/evenkeel/internal/secretname"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// KnetOptions say what an old corosync.conf does not.
type KnetOptions struct {
	ClusterName string // default: that of the file
	// Nodes have one address for each ring, in the order of the rings. Default: those of the nodelist, where it has them all.
	Nodes        []Member
	Cipher, Hash string // default aes256 and sha256, as pcs takes; "none" for both leaves the network unencrypted
	Token        int    // ms; default: that of the file
}

// KnetPlan is how a cluster moves from rings of udp or udpu to links of knet, which corosync 3 wants for more than one (H15).
type KnetPlan struct {
	// Conf is the new corosync.conf: the old one with its comments and what still holds.
	Conf *Conf
	// Setup is the same for [Dialect.Setup] of pcs 0.10 and later.
	Setup   Setup
	Changes []KnetChange
	// Open are the ports that the new cluster needs and the old one did not, Close those that it no longer needs, Keep the others.
	Open, Close, Keep []Port
	Notes             []string // what has to be done beside the file
}

// KnetChange is one difference between the old file and the new one.
type KnetChange struct {
	Line int    // in the old file; 0 for what is new
	What string // totem.rrp_mode: passive
	New  string // totem.link_mode: passive; empty for what goes
	Why  string
}

// String is "line 3: rrp_mode: passive → link_mode: passive: why".
func (c KnetChange) String() string {
	switch {
	case c.Line == 0:
		return "new: " + c.New + ": " + c.Why
	case c.New == "":
		return fmt.Sprintf("line %d: %s goes: %s", c.Line, c.What, c.Why)
	}
	return fmt.Sprintf("line %d: %s → %s: %s", c.Line, c.What, c.New, c.Why)
}

// PlanKnet plans the move of a cluster of corosync 1 or 2, or of udp in corosync 3, to knet. Nothing is guessed: an address that is
// not given, a ring that is broken or a file that is knet already is an error. The file that comes out is one that `corosync -t` accepts.
func (c *Conf) PlanKnet(o KnetOptions) (*KnetPlan, error) {
	totem, err := c.Totem()
	if err != nil {
		return nil, err
	}
	old, err := c.NodeList()
	if err != nil {
		return nil, err
	}
	quorum, err := c.Quorum()
	if err != nil {
		return nil, err
	}
	if transportOf(totem, old) == "knet" {
		return nil, errors.New("the cluster uses knet already")
	}
	b := &knetBuilder{old: c, conf: c.Clone(), opts: o, totem: totem, quorum: quorum, plan: &KnetPlan{}}
	b.rings = links(totem, old)
	if len(b.rings) == 0 {
		b.rings = []Interface{{}}
	}
	if err := b.nodes(old); err != nil {
		return nil, err
	}
	b.dropSections()
	b.transport()
	b.encryption()
	b.interfaces()
	b.nodelist()
	b.quorumSection()
	b.logging()
	b.plan.Conf = b.conf
	b.setup()
	if b.err != nil {
		return nil, b.err
	}
	b.conf.bom = false // corosync 3 does not read over it
	if refusals := srcerr.List(b.conf.Refusals(newestCorosync)); len(refusals) > 0 {
		return nil, fmt.Errorf("corosync 3 would refuse the new file: %w", refusals)
	}
	return b.plan, b.ports()
}

type knetBuilder struct {
	old, conf *Conf
	opts      KnetOptions
	totem     Totem
	quorum    Quorum
	rings     []Interface
	plan      *KnetPlan
	err       error // the first edit that failed; the others are then without consequence
}

func (b *knetBuilder) note(line int, what, now, why string) {
	b.plan.Changes = append(b.plan.Changes, KnetChange{line, what, now, why})
}

// keep notes the first edit that failed.
func (b *knetBuilder) keep(err error) {
	if b.err == nil {
		b.err = err
	}
}

// nodes finds the addresses of every node on every link.
func (b *knetBuilder) nodes(old []Node) error {
	if b.opts.Nodes == nil {
		for _, n := range old {
			node := Member{Name: cmp.Or(n.Name, n.Addresses[0])}
			for i := range b.rings {
				if a := n.Addresses[b.rings[i].Ring]; a != "" {
					node.Addresses = append(node.Addresses, a)
				}
			}
			b.opts.Nodes = append(b.opts.Nodes, node)
		}
	}
	if len(b.opts.Nodes) == 0 {
		return errors.New("the file has no nodelist: knet wants the name and the addresses of every node")
	}
	b.opts.Nodes = slices.Clone(b.opts.Nodes)
	var errs []error
	for n, node := range b.opts.Nodes {
		if node.Name == "" {
			errs = append(errs, fmt.Errorf("node %d has no name: knet finds the local node by it", n+1))
		}
		for i, r := range b.rings {
			switch {
			case i >= len(node.Addresses):
				errs = append(errs, fmt.Errorf("node %s has no address for link %d (ring %d, %s): multicast found it by the network, knet does not",
					node.Name, i, r.Ring, cmp.Or(r.BindNetAddr, "network unknown")))
			case node.Addresses[i] == r.BindNetAddr && net.ParseIP(r.BindNetAddr) != nil && net.ParseIP(r.BindNetAddr).
				To4() != nil && net.ParseIP(r.BindNetAddr).To4()[3] == 0:
				errs = append(errs, fmt.Errorf("node %s: %s is the address of a network, not of the node", node.Name, r.BindNetAddr))
			}
		}
		if len(node.Addresses) > len(b.rings) {
			errs = append(errs, fmt.Errorf("node %s has %d addresses for %d rings", node.Name, len(node.Addresses), len(b.rings)))
		}
		for m := range n {
			for i, a := range node.Addresses {
				if other := b.opts.Nodes[m].Addresses; i < len(other) && other[i] == a {
					errs = append(errs, fmt.Errorf("nodes %s and %s have the same address %s on link %d", b.opts.Nodes[m].Name, node.Name, a, i))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// dropSections removes what corosync 3 does not know.
func (b *knetBuilder) dropSections() {
	for _, s := range b.conf.Root.Sections("") {
		if m, ok := sectionMarks[s.Name]; ok && m.To != 0 && m.To < newestCorosync {
			b.conf.Root.RemoveSection(s)
			b.note(s.Line, "section "+s.Name, "", "corosync 3 does not know it: "+m.Why)
		}
	}
	b.drop(b.conf.Root, "compatibility", "corosync 3 does not know it: "+keyMarks["compatibility"].Why)
}

// drop removes a key and says why.
func (b *knetBuilder) drop(s *Section, key, why string) {
	item := s.find(key)
	if item == nil {
		return
	}
	line, was := item.line, secretname.Masked(key, item.value)
	s.Remove(key)
	b.note(line, key+": "+was, "", why)
}

// set sets a key and says why, where the value is new.
func (b *knetBuilder) set(s *Section, key, value, why string) {
	line, what := 0, ""
	if item := s.find(key); item != nil {
		if item.value == value {
			return
		}
		line, what = item.line, key+": "+item.value
	}
	b.keep(s.Set(key, value))
	b.note(line, what, key+": "+value, why)
}

// transport is the totem section without encryption and interfaces. Of several totem sections the first gets what is new.
func (b *knetBuilder) transport() {
	totem := b.conf.Root.Sections("totem")[0]
	b.set(totem, "version", "2", "the only version there is")
	if name := cmp.Or(b.opts.ClusterName, b.totem.ClusterName); name != "" {
		b.set(totem, "cluster_name", name, "pcs and Pacemaker call the cluster by it")
	}
	b.set(totem, "transport", "knet", fmt.Sprintf("corosync 3 has one link with udp and udpu, and %d with knet (H15)", MaxLinks))
	mode := "passive"
	if b.totem.RRPMode == "active" {
		mode = "active"
	}
	for _, s := range b.conf.Root.Sections("totem") {
		if item := s.find("rrp_mode"); item != nil {
			line, was := item.line, item.value
			s.Remove("rrp_mode")
			b.keep(totem.Set("link_mode", mode))
			b.note(line, "rrp_mode: "+was, "link_mode: "+mode, "redundant rings are gone: knet uses its links by link_mode")
		}
		for _, key := range s.Keys() {
			if m, ok := keyMarks["totem."+key.Name]; ok && m.To != 0 && m.To < newestCorosync {
				b.drop(s, key.Name, "corosync 3 does not know it: "+m.Why)
			}
		}
		b.drop(s, "netmtu", "knet finds the size of packets by itself")
	}
	if b.opts.Token > 0 {
		b.set(totem, "token", strconv.Itoa(b.opts.Token), "as asked for")
	}
}

func (b *knetBuilder) encryption() {
	b.opts.Cipher, b.opts.Hash = cmp.Or(b.opts.Cipher, "aes256"), cmp.Or(b.opts.Hash, "sha256")
	for _, s := range b.conf.Root.Sections("totem") {
		b.drop(s, "secauth", "crypto_cipher and crypto_hash say it exactly")
		b.drop(s, "crypto_type", "corosync 3 encrypts by crypto_cipher and crypto_hash")
	}
	totem := b.conf.Root.Sections("totem")[0]
	why := "knet can encrypt, and pcs does by default"
	if b.opts.Cipher == "none" {
		why = "as asked for: whoever is on the network can join"
	} else {
		b.plan.Notes = append(b.plan.Notes,
			"every node needs the same new /etc/corosync/authkey (corosync-keygen, mode 0400); pcs makes and distributes it")
	}
	b.set(totem, "crypto_cipher", b.opts.Cipher, why)
	b.set(totem, "crypto_hash", b.opts.Hash, why)
}

// interfaces keeps the ports alone: the addresses go to the nodelist.
func (b *knetBuilder) interfaces() {
	for _, s := range b.conf.Root.Sections("totem") {
		for _, i := range s.Sections("interface") {
			link := 0
			for n, r := range b.rings {
				if r.Line == i.Line {
					link = n
				}
			}
			if item := i.find("ringnumber"); item != nil {
				line, was := item.line, item.value
				i.Remove("ringnumber")
				b.note(line, "ringnumber: "+was, "linknumber: "+strconv.Itoa(link), "knet counts links")
			}
			b.keep(i.Set("linknumber", strconv.Itoa(link)))
			for _, key := range []string{"bindnetaddr", "mcastaddr", "broadcast", "ttl"} {
				b.drop(i, key, "knet sends from address to address: they stand in the nodelist")
			}
			for _, m := range i.Sections("member") {
				i.RemoveSection(m)
				b.note(m.Line, "section member", "", "the addresses stand in the nodelist")
			}
			if _, ok := i.Get("mcastport"); !ok { // knet's own default depends on the link
				s.RemoveSection(i)
				b.note(i.Line, "section interface", "", "link "+strconv.Itoa(link)+" uses knet's own port, "+strconv.Itoa(DefaultPort+link))
			}
		}
	}
}

func (b *knetBuilder) nodelist() {
	ids := make(map[string]int)
	if list, err := b.old.NodeList(); err == nil {
		for _, n := range list {
			ids[cmp.Or(n.Name, n.Addresses[0])] = n.ID
		}
	}
	for _, s := range b.conf.Root.Sections("nodelist") {
		b.conf.Root.RemoveSection(s)
		b.note(s.Line, "section nodelist", "a new nodelist", "each node needs a name, an id and an address on every link")
	}
	list, err := b.conf.Root.AddSection("nodelist")
	if err != nil {
		b.keep(err)
		return
	}
	used := make(map[int]bool)
	for _, n := range b.opts.Nodes {
		used[ids[n.Name]] = true
	}
	next := 1
	for _, n := range b.opts.Nodes {
		id := ids[n.Name]
		for ; id == 0 || ids[n.Name] == 0 && used[id]; next++ {
			id = next
		}
		used[id] = true
		node, err := list.AddSection("node")
		if err != nil {
			b.keep(err)
			return
		}
		pairs := []Pair{{Name: "name", Value: n.Name}, {Name: "nodeid", Value: strconv.Itoa(id)}}
		for i, a := range n.Addresses {
			pairs = append(pairs, Pair{Name: fmt.Sprintf("ring%d_addr", i), Value: a})
		}
		for _, p := range pairs {
			b.keep(node.Set(p.Name, p.Value))
		}
		b.note(0, "", fmt.Sprintf("node %s, nodeid %d, %v", n.Name, id, n.Addresses), "knet takes the nodes from the nodelist")
	}
}

func (b *knetBuilder) quorumSection() {
	sections := b.conf.Root.Sections("quorum")
	if len(sections) == 0 {
		s, err := b.conf.Root.AddSection("quorum")
		if err != nil {
			b.keep(err)
			return
		}
		sections = []*Section{s}
	}
	q := sections[0]
	b.set(q, "provider", "corosync_votequorum", "the votes are corosync's own business since corosync 2, no longer Pacemaker's")
	b.drop(q, "expected_votes", "the nodelist says how many votes there are")
	switch {
	case len(b.opts.Nodes) == 2 && b.quorum.Device == nil:
		b.set(q, "two_node", "1", "one of two nodes must be able to go on alone; it also makes a starting node wait for the other (wait_for_all)")
	case len(b.opts.Nodes) != 2:
		b.drop(q, "two_node", fmt.Sprintf("there are %d nodes", len(b.opts.Nodes)))
	}
}

func (b *knetBuilder) logging() {
	for _, s := range b.conf.Root.Sections("logging") {
		if item := s.find("to_file"); item != nil {
			line, value := item.line, item.value
			s.Remove("to_file")
			b.note(line, "to_file: "+value, "to_logfile: "+value, keyMarks["logging.to_file"].Why)
			b.keep(s.Set("to_logfile", value))
		}
	}
}

func (b *knetBuilder) setup() {
	mode := "passive"
	if b.totem.RRPMode == "active" {
		mode = "active"
	}
	s := Setup{
		Name: cmp.Or(b.opts.ClusterName, b.totem.ClusterName), Nodes: b.opts.Nodes, Transport: "knet", RRPMode: mode,
		Token: cmp.Or(b.opts.Token, b.totem.Token), FailRecvConst: b.totem.FailRecvConst, Cipher: b.opts.Cipher, Hash: b.opts.Hash,
	}
	for i, r := range b.rings {
		s.Rings = append(s.Rings, Interface{Ring: i, McastPort: r.McastPort})
	}
	b.plan.Setup = s
}

// ports compares the ports before and after.
func (b *knetBuilder) ports() error {
	before, err := b.old.Ports()
	if err != nil {
		return err
	}
	after, err := b.conf.Ports()
	if err != nil {
		return err
	}
	has := func(list []Port, p Port) bool {
		return slices.ContainsFunc(list, func(q Port) bool { return q.Number == p.Number && q.Protocol == p.Protocol })
	}
	for _, p := range after {
		if has(before, p) {
			b.plan.Keep = append(b.plan.Keep, p)
		} else {
			b.plan.Open = append(b.plan.Open, p)
		}
	}
	for _, p := range before {
		if !has(after, p) {
			b.plan.Close = append(b.plan.Close, p)
		}
	}
	return nil
}

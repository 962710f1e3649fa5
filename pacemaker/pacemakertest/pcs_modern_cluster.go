package pacemakertest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// tell prints what pcs does, which goes to the standard error from 0.10 on.
func (p *pcsCommand) tell(format string, args ...any) {
	if p.software.modern() {
		fmt.Fprintf(&p.Err, format, args...)
		return
	}
	p.Printf(format, args...)
}

// knownHostsPath is where pcs 0.10 and later keep which nodes they may give orders to.
const knownHostsPath = "/var/lib/pcsd/known-hosts"

// knownHosts is that file, as far as it matters here.
type knownHosts struct {
	FormatVersion int                  `json:"format_version"`
	DataVersion   int                  `json:"data_version"`
	Hosts         map[string]knownHost `json:"known_hosts"`
}

type knownHost struct {
	DestList []map[string]any `json:"dest_list"`
	Token    string           `json:"token"`
}

func readKnownHosts(h *simhost.Host) knownHosts {
	k := knownHosts{FormatVersion: 1, Hosts: map[string]knownHost{}}
	text, err := h.ReadFile(knownHostsPath)
	if err == nil && (json.Unmarshal([]byte(text), &k) != nil || k.Hosts == nil) {
		k.Hosts = map[string]knownHost{}
	}
	return k
}

// trust adds nodes to those that a host's pcs may give orders to.
func (p *pcsCommand) trust(h *simhost.Host, nodes ...string) {
	k := readKnownHosts(h)
	k.DataVersion++
	for _, n := range nodes {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d", h.Name, n, k.DataVersion))
		k.Hosts[n] = knownHost{DestList: []map[string]any{{"addr": n, "port": 2224}}, Token: fmt.Sprintf("%x", sum[:8])}
	}
	data, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		panic("pacemakertest: " + err.Error())
	}
	h.MustWrite(p.State, knownHostsPath, string(data)+"\n", 0o600)
}

// missKnownHosts warns where no node was ever authorised.
func (p *pcsCommand) missKnownHosts() {
	if p.software.modern() && !p.Host.Exists(knownHostsPath) {
		p.Fail(0, "Warning: Unable to read the known-hosts file: No such file or directory: '%s'", knownHostsPath)
	}
}

func (p *pcsCommand) knows(node string) bool {
	_, known := readKnownHosts(p.Host).Hosts[node]
	return known
}

// hostAuth is `pcs host auth NODE [addr=…]… -u USER`: this host may give orders to those, and with it the nodes of its cluster.
func (p *pcsCommand) hostAuth() int {
	user, password := p.options["-u"], p.options["-p"]
	if user == "" {
		return p.Fail(1, "Error: the simulated pcs wants -u")
	}
	if !p.has("-p") {
		p.Printf("Password: ")
		password, _, _ = strings.Cut(p.Stdin, "\n")
	}
	nodes, _, problem := parseNodes(p.words)
	if problem != "" || len(nodes) == 0 {
		return p.Fail(1, "\nUsage: pcs host auth...")
	}
	var good, bad []string
	for _, n := range nodes {
		h, err := p.pcsd(n.Name)
		switch {
		case err != nil:
			bad = append(bad, err.Error())
		case user != "hacluster" || !h.CheckPassword(user, password):
			bad = append(bad, n.Name+": Username and/or password is incorrect")
		default:
			good = append(good, n.Name)
		}
	}
	for _, line := range bad {
		p.Fail(1, "Error: %s", line)
	}
	if len(good) == 0 {
		return 1
	}
	for _, name := range good {
		p.tell("%s: Authorized\n", name)
	}
	p.trust(p.Host, good...)
	if id, err := p.stack.readIdentity(p.Host); err == nil {
		for _, n := range id.nodes {
			if h, err := p.pcsd(n.Name); err == nil && h != p.Host && p.knows(n.Name) {
				p.trust(h, good...)
			}
		}
	}
	if len(bad) > 0 {
		return 1
	}
	return 0
}

// parseNodes takes `NODE addr=… addr=… NODE …` apart; the rest begins at the first word that is neither and that follows a keyword.
func parseNodes(words []string) (nodes []corosync.Member, rest []string, problem string) {
	for i, w := range words {
		if slices.Contains([]string{"transport", "totem", "quorum"}, w) {
			return nodes, words[i:], ""
		}
		name, value, pair := strings.Cut(w, "=")
		switch {
		case !pair:
			nodes = append(nodes, corosync.Member{Name: w})
		case name != "addr" || len(nodes) == 0:
			return nil, nil, "Unexpected node option '" + name + "'"
		default:
			last := &nodes[len(nodes)-1]
			last.Addresses = append(last.Addresses, value)
		}
	}
	return nodes, nil, ""
}

// totemOptions are what follows the nodes of `pcs cluster setup`, by their section; links in order.
type totemOptions struct {
	transport    string
	general, own []pacemaker.NVPair // of totem, and of the transport
	cipher, hash string
	links        [][]pacemaker.NVPair
	quorum       []pacemaker.NVPair
	unknown      string
}

func parseTotem(words []string) totemOptions {
	o := totemOptions{transport: "knet", cipher: "aes256", hash: "sha256"}
	section := ""
	for i, w := range words {
		name, value, pair := strings.Cut(w, "=")
		switch {
		case section == "transport" && i > 0 && words[i-1] == "transport":
			o.transport = w
		case !pair && slices.Contains([]string{"transport", "totem", "quorum", "link", "crypto", "compression"}, w):
			section = w
			if w == "link" {
				o.links = append(o.links, nil)
			}
		case !pair:
			o.unknown = w
		case section == "transport":
			o.own = append(o.own, pacemaker.NVPair{Name: name, Value: value})
		case section == "totem":
			o.general = append(o.general, pacemaker.NVPair{Name: name, Value: value})
		case section == "quorum":
			o.quorum = append(o.quorum, pacemaker.NVPair{Name: name, Value: value})
		case section == "link":
			last := len(o.links) - 1
			o.links[last] = append(o.links[last], pacemaker.NVPair{Name: name, Value: value})
		case section == "crypto" && name == "cipher":
			o.cipher = value
		case section == "crypto" && name == "hash":
			o.hash = value
		}
	}
	return o
}

// setupModern is `pcs cluster setup NAME NODE addr=… … transport …`.
func (p *pcsCommand) setupModern() int {
	name := p.next()
	nodes, rest, problem := parseNodes(p.words)
	if name == "" || len(nodes) == 0 {
		return p.Fail(1, "\nUsage: pcs cluster setup...")
	}
	o := parseTotem(rest)
	if problem != "" || o.unknown != "" {
		return p.Fail(1, "Error: %s%s", problem, o.unknown)
	}
	p.missKnownHosts()
	local := p.options["--corosync_conf"]
	if local == "" {
		for i, n := range nodes {
			if p.knows(n.Name) && len(n.Addresses) == 0 {
				p.Fail(0, "No addresses specified for host '%s', using '%s'", n.Name, n.Name)
				nodes[i].Addresses = []string{n.Name}
			}
		}
	}
	errs := p.setupErrors(nodes, o, local == "")
	if len(errs) > 0 {
		return p.refuse(errs...)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", p.Host.Name, p.Seq()))
	conf := knetConf(name, fmt.Sprintf("%x", sum[:16]), nodes, o)
	if local != "" {
		if err := p.Host.WriteFile(p.State, p.Path(local), conf); err != nil {
			return p.Fail(1, "Error: Unable to write '%s': %v", local, err)
		}
		return 0
	}
	var names []string
	for _, n := range nodes {
		names = append(names, n.Name)
	}
	p.tell("Destroying cluster on hosts: %s...\n", quoted(names))
	for _, n := range nodes {
		destroyOn(p.State, p.State.Host(n.Name))
		p.tell("%s: Successfully destroyed cluster\n", n.Name)
	}
	p.tell("Requesting remove 'pcsd settings' from %s\n", quoted(names))
	for _, n := range names {
		p.tell("%s: successful removal of the file 'pcsd settings'\n", n)
	}
	p.sendKeys(names, fmt.Sprintf("simulated key %x\n", sum))
	p.tell("Sending 'corosync.conf' to %s\n", quoted(names))
	for _, n := range names {
		h := p.State.Host(n)
		h.MustWrite(p.State, ConfPath, conf, 0o644)
		p.trust(h, names...)
		p.tell("%s: successful distribution of the file 'corosync.conf'\n", n)
	}
	p.tell("Cluster has been successfully set up.\n")
	return p.startNew(names)
}

// startNew is --enable and --start of new nodes.
func (p *pcsCommand) startNew(names []string) int {
	if p.has("--enable") {
		p.tell("Enabling cluster on hosts: %s...\n", quoted(names))
		for _, n := range names {
			for _, service := range []string{"corosync", "pacemaker"} {
				p.State.Host(n).EnableService(p.State, service, true)
			}
			p.tell("%s: Cluster enabled\n", n)
		}
	}
	if !p.has("--start") {
		return 0
	}
	p.tell("Starting cluster on hosts: %s...\n", quoted(names))
	for _, n := range names {
		if err := p.startOn(p.State.Host(n)); err != nil {
			return p.Fail(1, "Error: %s: %v", n, err)
		}
	}
	if !p.has("--wait") {
		return 0
	}
	p.tell("Waiting for node(s) to start: %s...\n", quoted(names))
	ready := func() bool {
		return !slices.ContainsFunc(names, func(n string) bool { return !p.stack.node(p.State.Host(n).Name).ready })
	}
	if !p.Until(ShutdownTime, ready) {
		return p.Fail(1, "Error: unable to verify all nodes have started")
	}
	for _, n := range names {
		p.tell("%s: Cluster started\n", n)
	}
	return 0
}

// setupErrors is everything that pcs has against a new cluster; it tells all at once.
func (p *pcsCommand) setupErrors(nodes []corosync.Member, o totemOptions, live bool) (errs []string) {
	known := 0
	for _, n := range nodes {
		if live && !p.knows(n.Name) {
			errs = append(errs, fmt.Sprintf("Host '%s' is not known to pcs, try to authenticate the host using 'pcs host auth %s' command",
				n.Name, n.Name))
			continue
		}
		known++
	}
	if known == 0 {
		errs = append(errs, "None of hosts is known to pcs.")
	}
	low, high := 1, 8
	if o.transport != "knet" {
		high = 1
	}
	for _, n := range nodes {
		switch {
		case len(n.Addresses) >= low && len(n.Addresses) <= high:
		case high == 1:
			errs = append(errs, fmt.Sprintf("1 address must be specified for a node, %d addresses specified for node '%s'",
				len(n.Addresses), n.Name))
		default:
			errs = append(errs, fmt.Sprintf("At least 1 and at most 8 addresses must be specified for a node, %d addresses "+
				"specified for node '%s'", len(n.Addresses), n.Name))
		}
	}
	switch {
	case !slices.Contains([]string{"knet", "udp", "udpu"}, o.transport):
		errs = append(errs, fmt.Sprintf("'%s' is not a valid transport value, use 'knet', 'udp', 'udpu'", o.transport))
	case len(o.links) > high:
		errs = append(errs, fmt.Sprintf("Cannot set options for %d links, transport '%s' supports up to %d link",
			len(o.links), o.transport, high))
	}
	if !live || len(errs) > 0 {
		return errs
	}
	return append(errs, p.unavailable(nodes)...)
}

func addressCount(n int) string {
	if n == 1 {
		return "1 address"
	}
	return fmt.Sprintf("%d addresses", n)
}

// unavailable is what pcs has against machines that are to become nodes (H6).
func (p *pcsCommand) unavailable(nodes []corosync.Member) (errs []string) {
	inCluster := false
	for _, n := range nodes {
		h, err := p.pcsd(n.Name)
		if err != nil {
			errs = append(errs, err.Error())
			continue
		}
		if h.Package("pacemaker") == "" || h.Package("corosync") == "" {
			errs = append(errs, n.Name+": Required cluster services not installed: 'corosync', 'pacemaker'")
			continue
		}
		if p.has("--force") {
			continue
		}
		var running []string
		for _, service := range []string{"corosync", "pacemaker"} {
			if h.Active(service) {
				running = append(running, service)
			}
		}
		if len(running) > 0 {
			errs = append(errs, fmt.Sprintf("%s: The host seems to be in a cluster already as the following services are found "+
				"to be running: %s. If the host is not part of a cluster, stop the services and retry, use --force to override",
				n.Name, quoted(running)))
		}
		files := h.Exists(ConfPath) || h.Exists(CIBPath) // the keys of a cluster do not count, unlike in pcs 0.9
		if files {
			errs = append(errs, fmt.Sprintf("%s: The host seems to be in a cluster already as cluster configuration files have "+
				"been found on the host. If the host is not part of a cluster, run 'pcs cluster destroy' on host '%s' to remove "+
				"those configuration files, use --force to override", n.Name, n.Name))
		}
		inCluster = inCluster || len(running) > 0 || files
	}
	if inCluster {
		errs = append(errs, "Some nodes are already in a cluster. Enforcing this will destroy existing cluster on those "+
			"nodes. You should remove the nodes from their clusters instead to keep the clusters working properly, use --force to override")
	}
	return errs
}

// sendKeys gives nodes the keys of their cluster.
func (p *pcsCommand) sendKeys(names []string, key string) {
	p.tell("Sending 'corosync authkey', 'pacemaker authkey' to %s\n", quoted(names))
	for _, n := range names {
		h := p.State.Host(n)
		h.MustWrite(p.State, AuthKeyPath, key, 0o400)
		h.MustGive(p.State, pacemakerKeyPath, key, "hacluster", "haclient")
		p.tell("%s: successful distribution of the file 'corosync authkey'\n%s: successful distribution of the file 'pacemaker authkey'\n", n, n)
	}
}

const pacemakerKeyPath = "/etc/pacemaker/authkey"

// quoted is a list as pcs prints it.
func quoted(names []string) string {
	names = slices.Sorted(slices.Values(names))
	return "'" + strings.Join(names, "', '") + "'"
}

// knetConf is the corosync.conf that pcs 0.11 writes.
func knetConf(name, uuid string, nodes []corosync.Member, o totemOptions) string {
	var b strings.Builder
	pairs := func(indent string, list []pacemaker.NVPair) {
		for _, pair := range list {
			fmt.Fprintf(&b, "%s%s: %s\n", indent, pair.Name, pair.Value)
		}
	}
	fmt.Fprintf(&b, "totem {\n    version: 2\n    cluster_name: %s\n    transport: %s\n", name, o.transport)
	pairs("    ", sorted(o.general))
	pairs("    ", sorted(o.own))
	if o.transport == "knet" {
		fmt.Fprintf(&b, "    crypto_cipher: %s\n    crypto_hash: %s\n", o.cipher, o.hash)
	}
	fmt.Fprintf(&b, "    cluster_uuid: %s\n", uuid)
	for _, link := range o.links {
		b.WriteString("\n    interface {\n")
		pairs("        ", sorted(link))
		b.WriteString("    }\n")
	}
	b.WriteString("}\n\n")
	list := make([]corosync.Node, len(nodes))
	for i, n := range nodes {
		list[i] = corosync.Node{Name: n.Name, ID: i + 1, Addresses: map[int]string{}}
		for k, a := range n.Addresses {
			list[i].Addresses[k] = a
		}
	}
	writeKnetNodes(&b, list, o.quorum)
	b.WriteString("\nlogging {\n    to_logfile: yes\n    logfile: /var/log/corosync/corosync.log\n    to_syslog: yes\n    timestamp: on\n}\n")
	return b.String()
}

func writeKnetNodes(b *strings.Builder, nodes []corosync.Node, quorum []pacemaker.NVPair) {
	b.WriteString("nodelist {\n")
	for i, n := range nodes {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString("    node {\n")
		for _, link := range slices.Sorted(maps.Keys(n.Addresses)) {
			if a := n.Addresses[link]; a != "" {
				fmt.Fprintf(b, "        ring%d_addr: %s\n", link, a)
			}
		}
		fmt.Fprintf(b, "        name: %s\n        nodeid: %d\n    }\n", n.Name, n.ID)
	}
	b.WriteString("}\n\nquorum {\n    provider: corosync_votequorum\n")
	for _, pair := range quorum {
		fmt.Fprintf(b, "    %s: %s\n", pair.Name, pair.Value)
	}
	if len(nodes) == 2 {
		b.WriteString("    two_node: 1\n")
	}
	b.WriteString("}\n")
}

// redistribute writes another node list to all nodes of the list, and running daemons take it up.
func (p *pcsCommand) redistribute(id *identity, nodes []corosync.Node) {
	head, rest, _ := strings.Cut(id.text, "nodelist {")
	_, tail, _ := strings.Cut(rest, "\nlogging {")
	var b strings.Builder
	b.WriteString(head)
	writeKnetNodes(&b, nodes, nil)
	b.WriteString("\nlogging {" + tail)
	p.tell("Sending updated corosync.conf to nodes...\n")
	for _, n := range nodes {
		h := p.State.Host(n.Name)
		if h == nil || h.Power != simhost.On {
			continue
		}
		h.MustWrite(p.State, ConfPath, b.String(), 0o644)
		p.tell("%s: Succeeded\n", n.Name)
	}
	for _, n := range nodes {
		h := p.State.Host(n.Name)
		if h == nil {
			continue
		}
		if m := p.stack.node(h.Name); m.conf != nil {
			if next, err := p.stack.readIdentity(h); err == nil {
				m.conf = next
				p.tell("%s: Corosync configuration reloaded\n", n.Name)
			}
		}
	}
}

// nodeAdd is `pcs cluster node add NODE addr=… [--start] [--enable] [--wait]`.
func (p *pcsCommand) nodeAdd() int {
	id, err := p.stack.readIdentity(p.Host)
	if err != nil {
		return p.Fail(1, "Error: Unable to read Corosync configuration '%s': %v", ConfPath, err)
	}
	nodes, rest, problem := parseNodes(p.words)
	if len(nodes) != 1 || len(rest) > 0 || problem != "" {
		return p.Fail(1, "\nUsage: pcs cluster node add...")
	}
	n := nodes[0]
	p.missKnownHosts()
	var errs []string
	if !p.knows(n.Name) {
		errs = append(errs, fmt.Sprintf("Host '%s' is not known to pcs, try to authenticate the host using 'pcs host auth %s' command",
			n.Name, n.Name), "None of hosts is known to pcs.")
	} else if len(n.Addresses) == 0 {
		p.Fail(0, "No addresses specified for host '%s', using '%s'", n.Name, n.Name)
		n.Addresses = []string{n.Name}
	}
	if len(n.Addresses) != id.rings {
		errs = append(errs, fmt.Sprintf("%s must be specified for a node, %s specified for node '%s'", addressCount(id.rings),
			addressCount(len(n.Addresses)), n.Name))
	}
	if slices.ContainsFunc(id.nodes, func(o corosync.Node) bool { return o.Name == n.Name }) {
		errs = append(errs, fmt.Sprintf("Node name '%s' is already used by existing nodes; please, use other name", n.Name))
	}
	if len(errs) == 0 {
		errs = p.unavailable([]corosync.Member{n})
	}
	for _, o := range id.nodes {
		if _, err := p.pcsd(o.Name); err != nil {
			errs = append(errs, err.Error())
		}
	}
	if len(errs) > 0 {
		return p.refuse(errs...)
	}
	h := p.State.Host(n.Name)
	destroyOn(p.State, h)
	p.tell("Disabling sbd...\n%s: sbd disabled\n", n.Name)
	key, _ := p.Host.ReadFile(AuthKeyPath)
	p.sendKeys([]string{n.Name}, key)
	next, ids := 1, map[int]bool{}
	for _, o := range id.nodes {
		ids[o.ID] = true
	}
	for ids[next] {
		next++
	}
	entry := corosync.Node{Name: n.Name, ID: next, Addresses: map[int]string{}}
	for k, a := range n.Addresses {
		entry.Addresses[k] = a
	}
	all := append(slices.Clone(id.nodes), entry)
	p.redistribute(id, all)
	var names []string
	for _, o := range all {
		names = append(names, o.Name)
	}
	for _, o := range names {
		if other := p.State.Host(o); other != nil && other.Power == simhost.On {
			p.trust(other, names...)
		}
	}
	return p.startNew([]string{n.Name})
}

// nodeRemove is `pcs cluster node remove NODE`: its configuration goes, and the others forget it.
func (p *pcsCommand) nodeRemove() int {
	id, err := p.stack.readIdentity(p.Host)
	if err != nil {
		return p.Fail(1, "Error: Unable to read Corosync configuration '%s': %v", ConfPath, err)
	}
	node := p.next()
	if !slices.ContainsFunc(id.nodes, func(o corosync.Node) bool { return o.Name == node }) {
		return p.refuse(fmt.Sprintf("Node '%s' does not appear to exist in configuration", node))
	}
	if len(id.nodes) == 1 {
		return p.refuse("No nodes would be left in the cluster")
	}
	if h, err := p.pcsd(node); err == nil {
		p.tell("Destroying cluster on hosts: '%s'...\n", node)
		destroyOn(p.State, h)
		p.tell("%s: Successfully destroyed cluster\n", node)
	} else if !p.has("--skip-offline") {
		return p.refuse(fmt.Sprintf("Unable to connect to %s, use --skip-offline to override", node))
	}
	p.redistribute(id, slices.DeleteFunc(slices.Clone(id.nodes), func(o corosync.Node) bool { return o.Name == node }))
	if err := p.edit(func(c *pacemaker.CIB) error { c.RemoveNode(node); return nil }); err != nil && p.node.up {
		return p.fail(err, "unable to remove node")
	}
	for _, m := range p.members() {
		m.left = slices.DeleteFunc(slices.Clone(m.left), func(u string) bool { return u == node })
	}
	return 0
}

// losesQuorum tells whether a cluster would be without quorum when a node stops: pcs then wants --force.
func (p *pcsCommand) losesQuorum(n *node) bool {
	if n.conf == nil || n.conf.plugin || !p.stack.quorate(p.State, n) {
		return false
	}
	left, all := len(p.stack.members(p.State, n))-1, len(n.conf.nodes)
	if n.conf.twoNode {
		return left < 1
	}
	return 2*left <= all
}

// startOn starts corosync and Pacemaker on a host.
func (p *pcsCommand) startOn(h *simhost.Host) error {
	for _, service := range []string{"corosync", "pacemaker"} {
		if err := h.StartService(p.State, service); err != nil {
			return fmt.Errorf("unable to start %s: %w", service, err)
		}
	}
	return nil
}

// clusterStatus is `pcs cluster status`: the summary and who is there.
func (p *pcsCommand) clusterStatus() int {
	if !p.node.up {
		return p.Fail(1, "Error: cluster is not currently running on this node")
	}
	p.Printf("Cluster Status:\n")
	p.summaryText(" ")
	p.Printf(" Node List:\n")
	p.nodeText("   ")
	p.Printf("\nPCSD Status:\n")
	p.statusPcsd()
	return 0
}

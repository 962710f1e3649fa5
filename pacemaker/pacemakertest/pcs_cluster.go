package pacemakertest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// tokensPath is where pcsd keeps which nodes it may speak to, one name a line here.
const tokensPath = "/var/lib/pcsd/tokens"

// authorised tells whether this host's pcs may give orders to another's pcsd.
func (p *pcsCommand) authorised(node string) bool {
	text, _ := p.Host.ReadFile(tokensPath)
	return slices.Contains(strings.Split(text, "\n"), node)
}

// pcsd finds a node whose pcsd answers.
func (p *pcsCommand) pcsd(node string) (*simhost.Host, error) {
	h := p.State.Host(node)
	if h == nil || !p.Connected(p.Host, h) || !h.Active("pcsd") || h != p.Host && !h.Open("2224/tcp") {
		return nil, fmt.Errorf("Unable to communicate with %s", node)
	}
	return h, nil
}

func (p *pcsCommand) auth() int {
	user := p.options["-u"]
	password := p.options["-p"]
	if user == "" {
		return p.Fail(1, "Error: the simulated pcs wants -u")
	}
	if !p.has("-p") {
		p.Printf("Password: ")
		password, _, _ = strings.Cut(p.Stdin, "\n")
		p.Printf("\n")
	}
	if len(p.words) == 0 {
		return p.Fail(1, "Error: no nodes given")
	}
	var good []*simhost.Host
	for _, node := range p.words {
		h, err := p.pcsd(node)
		switch {
		case err != nil:
			return p.Fail(1, "Error: %v", err)
		case p.authorised(node) && !p.has("--force"):
			p.Printf("%s: Already authorized\n", node)
		case user != "hacluster" || !h.CheckPassword(user, password):
			return p.Fail(1, "Error: %s: Username and/or password is incorrect", node)
		default:
			p.Printf("%s: Authorized\n", node)
		}
		good = append(good, h)
	}
	for _, h := range good { // pcs 0.9 makes all of them trust each other
		h.MustWrite(p.State, tokensPath, strings.Join(p.words, "\n")+"\n", 0o600)
	}
	return 0
}

// leftover is a file that says that a machine belongs to a cluster already (H6).
func leftover(h *simhost.Host) string {
	for _, file := range []string{ConfPath, pacemakerKeyPath, CIBPath} {
		if h.Exists(file) {
			return file
		}
	}
	return ""
}

// ready finds a node that pcs may configure and that is not in a cluster.
func (p *pcsCommand) available(node string) (*simhost.Host, error) {
	if !p.authorised(node) {
		return nil, fmt.Errorf("Unable to authenticate to %s - (HTTP error: 401), try running 'pcs cluster auth'", node)
	}
	h, err := p.pcsd(node)
	if err != nil {
		return nil, err
	}
	if h.Package("pacemaker") == "" || h.Package("corosync") == "" {
		return nil, fmt.Errorf("%s: corosync and pacemaker are not installed", node)
	}
	if file := leftover(h); file != "" {
		return h, errInCluster
	}
	return h, nil
}

var errInCluster = errors.New("node is already in a cluster")

func (p *pcsCommand) setup() int {
	name := p.options["--name"]
	if name == "" || len(p.words) == 0 {
		return p.Fail(1, "Error: A cluster name (--name <name>) is required to setup a cluster")
	}
	if p.options["--rrpmode"] == "active" {
		p.Printf("Warning: using a RRP mode of 'active' is not supported or tested\n")
		if !p.has("--force") {
			return p.Fail(1, "Error: using a RRP mode of 'active' is not supported or tested, use --force to override")
		}
	}
	var hosts []*simhost.Host
	for _, node := range p.words {
		h, err := p.available(node)
		switch {
		case errors.Is(err, errInCluster) && !p.has("--force"):
			p.Fail(1, "%s: node is already in a cluster", node)
			return p.Fail(1, "Error: nodes availability check failed, use --force to override. WARNING: This will destroy "+
				"existing cluster on the nodes.")
		case err != nil && !errors.Is(err, errInCluster):
			return p.Fail(1, "Error: %v", err)
		}
		hosts = append(hosts, h)
	}
	p.Printf("Destroying cluster on nodes: %s...\n", strings.Join(p.words, ", "))
	for _, h := range hosts {
		p.Printf("%s: Stopping Cluster (pacemaker)...\n", h.Name)
		destroyOn(p.State, h)
		p.Printf("%s: Successfully destroyed cluster\n", h.Name)
	}
	p.Printf("\nSending cluster config files to the nodes...\n")
	conf := p.conf(name)
	for _, h := range hosts {
		h.MustWrite(p.State, ConfPath, conf, 0o644)
		p.Printf("%s: Succeeded\n", h.Name)
	}
	p.Printf("\nSynchronizing pcsd certificates on nodes %s...\n", strings.Join(p.words, ", "))
	for _, node := range p.words {
		p.Printf("%s: Success\n", node)
	}
	p.Printf("\nRestarting pcsd on the nodes in order to reload the certificates...\n")
	for _, node := range p.words {
		p.Printf("%s: Success\n", node)
	}
	return 0
}

// conf is the corosync.conf that pcs 0.9.152 writes.
func (p *pcsCommand) conf(name string) string {
	var b strings.Builder
	line := func(indent int, key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s%s: %s\n", strings.Repeat("    ", indent), key, value)
		}
	}
	b.WriteString("totem {\n")
	line(1, "version", "2")
	line(1, "secauth", "off")
	line(1, "cluster_name", name)
	transport := p.options["--transport"]
	if transport == "" {
		transport = "udpu"
	}
	line(1, "transport", transport)
	if p.options["--addr0"] != "" {
		mode := p.options["--rrpmode"]
		if mode == "" {
			mode = "passive"
		}
		line(1, "rrp_mode", mode)
	}
	line(1, "token", p.options["--token"])
	line(1, "token_coefficient", p.options["--token_coefficient"])
	line(1, "fail_recv_const", p.options["--fail_recv_const"])
	for _, n := range []string{"0", "1"} {
		if p.options["--addr"+n] == "" {
			continue
		}
		b.WriteString("\n    interface {\n")
		line(2, "ringnumber", n)
		line(2, "bindnetaddr", p.options["--addr"+n])
		line(2, "mcastaddr", p.options["--mcast"+n])
		line(2, "mcastport", p.options["--mcastport"+n])
		line(2, "ttl", p.options["--ttl"+n])
		b.WriteString("    }\n")
	}
	b.WriteString("}\n\n")
	writeNodes(&b, p.words)
	b.WriteString("\nlogging {\n    to_logfile: yes\n    logfile: /var/log/cluster/corosync.log\n    to_syslog: yes\n}\n")
	return b.String()
}

func writeNodes(b *strings.Builder, names []string) {
	b.WriteString("nodelist {\n")
	for i, n := range names {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(b, "    node {\n        ring0_addr: %s\n        nodeid: %d\n    }\n", n, i+1)
	}
	b.WriteString("}\n\nquorum {\n    provider: corosync_votequorum\n")
	if len(names) == 2 {
		b.WriteString("    two_node: 1\n")
	}
	b.WriteString("}\n")
}

// withNodes is a corosync.conf with another node list.
func withNodes(text string, names []string) string {
	head, rest, _ := strings.Cut(text, "nodelist {")
	_, tail, _ := strings.Cut(rest, "\nlogging {")
	var b strings.Builder
	b.WriteString(head)
	writeNodes(&b, names)
	b.WriteString("\nlogging {" + tail)
	return b.String()
}

// on runs f for the nodes that a command names: those given, all of them, or this host.
func (p *pcsCommand) on(f func(h *simhost.Host) error) int {
	var hosts []*simhost.Host
	switch {
	case p.has("--all"):
		id, err := p.stack.readIdentity(p.Host)
		if err != nil {
			return p.Fail(1, "Error: Unable to read %s: %v", ConfPath, err)
		}
		for _, h := range p.Hosts() {
			if id.knows(h) && h.Exists(ConfPath) {
				hosts = append(hosts, h)
			}
		}
	case len(p.words) > 0:
		for _, w := range p.words {
			h := p.State.Host(w)
			if h == nil {
				return p.Fail(1, "Error: unable to find node %s", w)
			}
			hosts = append(hosts, h)
		}
	default:
		hosts = []*simhost.Host{p.Host}
	}
	for _, h := range hosts {
		if h != p.Host {
			if _, err := p.pcsd(h.Name); err != nil {
				return p.Fail(1, "%s: %v\nError: unable to %s all nodes", h.Name, err, p.Name)
			}
		}
		if err := f(h); err != nil {
			return p.Fail(1, "%s: Error: %v", h.Name, err)
		}
	}
	return 0
}

func (p *pcsCommand) start() int {
	modern := p.software.modern()
	if p.stack.opts.NoInit {
		if modern {
			p.tell("Starting Cluster...\n")
			p.Fail(0, "Warning: Unable to detect init system. All actions related to system services will be "+
				"skipped.\nWarning: not starting corosync: Unknown init system\nWarning: not starting pacemaker: Unknown init system")
			return 0
		}
		p.Fail(0, "Warning: Unable to detect init system. Service management is not available.")
		return 0
	}
	local := modern && len(p.words) == 0 && !p.has("--all")
	if local && !p.Host.Exists(ConfPath) {
		return p.Fail(1, "Error: cluster is not currently configured on this node")
	}
	status := p.on(func(h *simhost.Host) error {
		p.say(local, h, "Starting Cluster...")
		if !h.Exists(ConfPath) {
			return errors.New("cluster is not currently configured on this node")
		}
		return p.startOn(h)
	})
	if status != 0 || !p.has("--wait") {
		return status
	}
	if modern {
		p.tell("Waiting for node(s) to start...\n")
	}
	if !p.Until(p.patience(), func() bool { return p.node.ready }) {
		return p.Fail(1, "Error: unable to verify all nodes have started")
	}
	if modern {
		p.tell("Started\n")
	}
	return 0
}

// patience is how long --wait waits.
func (p *pcsCommand) patience() time.Duration {
	if n, err := strconv.Atoi(p.options["--wait"]); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	return ShutdownTime
}

// say prints what happens on a node. pcs 0.10 and later do not name the local one where none was named.
func (p *pcsCommand) say(local bool, h *simhost.Host, what string) {
	if !local {
		p.tell("%s: ", p.called(h))
	}
	p.tell("%s\n", what)
}

// called is a host's name as the command line or the cluster has it.
func (p *pcsCommand) called(h *simhost.Host) string {
	if id, err := p.stack.readIdentity(h); err == nil && id.modern() {
		return id.uname(h)
	}
	return h.Name
}

func (p *pcsCommand) stop() int {
	modern := p.software.modern()
	if p.stack.opts.NoInit && modern {
		p.tell("Stopping Cluster (pacemaker)...\nStopping Cluster (corosync)...\n")
		p.Fail(0, "Warning: Unable to detect init system. All actions related to system services will be skipped.\nWarning: "+
			"not stopping pacemaker: Unknown init system\nWarning: not stopping corosync: Unknown init system")
		return 0
	}
	local := modern && len(p.words) == 0 && !p.has("--all")
	if len(p.words) <= 1 && !p.has("--all") && !p.has("--force") && modern {
		h, what := p.Host, "Stopping the node"
		if len(p.words) == 1 {
			h, what = p.State.Host(p.words[0]), "Stopping the node(s)"
		}
		if h != nil && p.losesQuorum(p.stack.node(h.Name)) {
			return p.Fail(1, "Error: %s will cause a loss of the quorum, use --force to override", what)
		}
	}
	return p.on(func(h *simhost.Host) error {
		p.say(local, h, "Stopping Cluster (pacemaker)...")
		if err := h.StopService(p.State, "pacemaker"); err != nil {
			return err
		}
		p.say(local, h, "Stopping Cluster (corosync)...")
		return h.StopService(p.State, "corosync")
	})
}

// enable is enable and disable of the services at boot.
func (p *pcsCommand) enable() int {
	return p.on(func(h *simhost.Host) error {
		for _, name := range []string{"corosync", "pacemaker"} {
			if _, ok := h.Service(name); ok {
				h.EnableService(p.State, name, p.Name == "enable")
			}
		}
		if h != p.Host || p.has("--all") {
			p.tell("%s: Cluster %sd\n", p.called(h), strings.ToUpper(p.Name[:1])+p.Name[1:])
		}
		return nil
	})
}

// standby is standby, maintenance and their ends: a permanent attribute of the node, this one where none is named (PCM-036).
func (p *pcsCommand) standby() int {
	names := p.words
	d, err := p.document()
	switch {
	case err != nil && p.software.modern():
		return p.fail(err, "")
	case err != nil:
		return p.Fail(1, "Error: unable to get list of pacemaker nodes")
	}
	switch {
	case p.has("--all"):
		names = nil
		for _, n := range d.nodes {
			names = append(names, n.Uname)
		}
	case len(names) == 0:
		names = []string{p.name()}
	}
	for _, name := range names {
		err := p.edit(func(c *pacemaker.CIB) error {
			if _, ok := c.Node(name); !ok {
				return fmt.Errorf("%sode '%s' does not appear to exist in configuration",
					map[bool]string{true: "N", false: "n"}[p.software.modern()], name)
			}
			attribute, ends := strings.CutPrefix(p.Name, "un")
			if !ends {
				return c.SetNodeAttribute(name, attribute, map[string]string{"standby": "on", "maintenance": "true"}[attribute])
			}
			c.RemoveNodeAttribute(name, attribute)
			return nil
		})
		if err != nil {
			return p.fail(err, "unable to set "+p.Name)
		}
	}
	return p.wait()
}

func (p *pcsCommand) destroy() int {
	if id, err := p.stack.readIdentity(p.Host); p.has("--all") && err == nil {
		for _, n := range id.nodes {
			if h, err := p.pcsd(n.Name); err == nil {
				p.tell("%s: Stopping Cluster (pacemaker)...\n", n.Name)
				destroyOn(p.State, h)
				p.tell("%s: Successfully destroyed cluster\n", n.Name)
			}
		}
		return 0
	}
	p.tell("Shutting down pacemaker/corosync services...\nKilling any remaining services...\nRemoving all cluster configuration files...\n")
	destroyOn(p.State, p.Host)
	return 0
}

func destroyOn(s *simhost.State, h *simhost.Host) {
	_ = h.StopService(s, "pacemaker")
	_ = h.StopService(s, "corosync")
	for _, file := range []string{ConfPath, AuthKeyPath, pacemakerKeyPath, CIBPath} {
		if h.Exists(file) {
			_ = h.Remove(s, file)
		}
	}
	for _, name := range []string{"corosync", "pacemaker"} {
		if _, ok := h.Service(name); ok {
			h.EnableService(s, name, false)
		}
	}
}

func (p *pcsCommand) clusterNode() int {
	verb, node := p.next(), p.next()
	id, err := p.stack.readIdentity(p.Host)
	if err != nil || id.plugin {
		return p.Fail(1, "Error: unable to read the node list of this cluster")
	}
	var names []string
	for _, n := range id.nodes {
		names = append(names, n.Addresses[0])
	}
	switch verb {
	case "add":
		return p.addNode(id, names, node)
	case "remove":
		if !slices.Contains(names, node) {
			return p.Fail(1, "Error: node '%s' does not appear to exist in configuration", node)
		}
		if h, err := p.pcsd(node); err == nil {
			destroyOn(p.State, h)
			p.Printf("%s: Successfully destroyed cluster\n", node)
		} else if !p.has("--force") {
			return p.Fail(1, "Error: pcsd is not running on %s", node)
		}
		names = slices.DeleteFunc(names, func(n string) bool { return n == node })
		p.distribute(id, names)
		if err := p.edit(func(c *pacemaker.CIB) error { c.RemoveNode(node); return nil }); err != nil && !errors.Is(err, errNotRunning) {
			return p.fail(err, "unable to remove node")
		}
		return 0
	}
	return p.Fail(1, "Usage: pcs cluster node add|remove <node>")
}

func (p *pcsCommand) addNode(id *identity, names []string, node string) int {
	if slices.Contains(names, node) {
		return p.Fail(1, "Error: unable to add %s on %s - Error: node already exists", node, p.Host.Name)
	}
	h, err := p.available(node)
	switch {
	case errors.Is(err, errInCluster):
		return p.Fail(1, "Error: Unable to add '%s' to cluster: node is already in a cluster", node)
	case err != nil:
		return p.Fail(1, "Error: Unable to add '%s' to cluster: %v", node, err)
	}
	for _, other := range names {
		if _, err := p.pcsd(other); err != nil {
			return p.Fail(1, "Error: unable to add %s on %s: %v", node, other, err)
		}
	}
	p.Printf("Disabling SBD service...\n%s: sbd disabled\n", node)
	names = append(names, node)
	p.distribute(id, names)
	for _, n := range names[:len(names)-1] {
		p.Printf("%s: Corosync updated\n", n)
	}
	p.Printf("Setting up corosync...\n%s: Succeeded\nSynchronizing pcsd certificates on nodes %s...\n%s: "+
		"Success\nRestarting pcsd on the nodes in order to reload the certificates...\n%s: Success\n", node, node, node, node)
	if p.has("--enable") {
		for _, name := range []string{"corosync", "pacemaker"} {
			h.EnableService(p.State, name, true)
		}
	}
	if !p.has("--start") {
		return 0
	}
	p.words = []string{node}
	return p.start()
}

// distribute writes another node list to all nodes of the list, and running daemons take it up.
func (p *pcsCommand) distribute(id *identity, names []string) {
	text := withNodes(id.text, names)
	for _, name := range names {
		h := p.State.Host(name)
		if h == nil || h.Power != simhost.On {
			continue
		}
		h.MustWrite(p.State, ConfPath, text, 0o644)
		if n := p.stack.node(h.Name); n.conf != nil {
			if next, err := p.stack.readIdentity(h); err == nil {
				n.conf = next
			}
		}
	}
}

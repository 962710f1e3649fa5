package pacemakertest

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// The outputs of Pacemaker 2.1: crm_mon as text and as XML, and what pcs takes over from it.

func (s *session) runCrmMon2() int {
	format, inactive := "text", false
	for i := 0; i < len(s.Args); i++ {
		name, value, inline := strings.Cut(s.Args[i], "=")
		switch name {
		case "-X", "--as-xml":
			format = "old"
		case "--output-as":
			if !inline {
				if i++; i < len(s.Args) {
					value = s.Args[i]
				}
			}
			format = value
		case "-r", "-1r", "--inactive":
			inactive = true
		case "--fence-history":
		case "-1", "-n", "-A", "-f", "-o", "-t", "--one-shot", "--show-node-attributes", "--failcounts", "--operations", "--group-by-node":
		default:
			return s.Fail(64, "crm_mon: Unknown option %s", s.Args[i])
		}
	}
	request := "crm_mon " + strings.Join(s.Args, " ")
	switch {
	case !slices.Contains([]string{"text", "xml", "old"}, format):
		return s.Fail(64, "crm_mon: Invalid value for --output-as: %s", format)
	case s.node.broken && format == "text":
		s.Fail(0, "Could not connect to the CIB: %v", errNotRunning)
		s.Printf("Status of pacemakerd: 'Pacemaker is running' (last updated %s)\n", s.Now().UTC().Format("2006-01-02 15:04:05Z"))
		return 0
	case !s.node.up && format == "xml":
		s.Printf("<pacemaker-result api-version=\"2.25\" request=%q>\n  <status code=\"102\" message=\"Not connected\">\n   "+
			" <errors>\n      <error>error: Could not connect to launcher: Connection refused</error>\n"+
			"      <error>crm_mon: Connection to cluster failed: Connection refused</error>\n    </errors>\n  </status>\n</pacemaker-result>\n",
			request)
		return 102
	case !s.node.up && format == "old":
		s.Printf("<crm_mon version=\"2.1.5\"/>\n")
		fallthrough
	case !s.node.up:
		return s.Fail(102, "error: Could not connect to launcher: Connection refused\ncrm_mon: Connection to cluster failed: Connection refused")
	case s.Now().Before(s.node.cibAt) && format == "old": // pacemakerd answers, and nobody else yet
		s.Printf("<crm_mon version=\"2.1.5\">\n  <pacemakerd sys_from=\"pacemakerd\" state=\"running\" last_updated=\"%s\"/>\n</crm_mon>\n",
			s.Now().UTC().Format("2006-01-02 15:04:05Z"))
		return 0
	case format == "xml":
		return s.monitorXML2(request)
	case format == "old":
		return s.monitorXML2("")
	}
	s.Printf("Status of pacemakerd: 'Pacemaker is running' (last updated %s)\nCluster Summary:\n", s.Now().UTC().
		Format("2006-01-02 15:04:05Z"))
	s.summaryText("")
	s.Printf("\nNode List:\n")
	s.nodeText("  ")
	heading, any := "Active Resources:", false
	if inactive {
		heading = "Full List of Resources:"
	}
	s.Printf("\n%s\n", heading)
	shown := func(r primitive) bool {
		role, _ := s.running(r.id)
		return inactive || role != "Stopped" || s.ghost(r.id) != ""
	}
	for _, row := range s.rows(s.node.doc, shown) {
		s.Printf("%s\n", row)
		any = true
	}
	if !any && !inactive {
		s.Printf("  * No active resources\n")
	}
	s.failureText()
	return 0
}

// summaryText is the head of a status.
func (s *session) summaryText(indent string) {
	d, members := s.node.doc, s.members()
	item := func(format string, args ...any) { s.Printf("%s  * "+format+"\n", append([]any{indent}, args...)...) }
	dc, stack := "NONE", "unknown"
	if len(members) > 0 {
		quorum := map[bool]string{true: "with", false: "WITHOUT"}[s.stack.quorate(s.State, s.node)]
		stack, dc = s.node.conf.stack(),
			fmt.Sprintf("%s (version %s) - partition %s quorum", s.stack.uname(s.State, members[0]), d.property("dc-version"), quorum)
	}
	item("Stack: %s", stack)
	item("Current DC: %s", dc)
	item("Last updated: %s", s.ctime())
	plural := func(n int, one, many string) string {
		if n == 1 {
			return one
		}
		return many
	}
	disabled := 0
	for _, p := range d.primitives {
		if strings.EqualFold(p.role, "Stopped") {
			disabled++
		}
	}
	item("%d %s configured", len(d.nodes), plural(len(d.nodes), "node", "nodes"))
	rest := ""
	if disabled > 0 {
		rest = fmt.Sprintf(" (%d DISABLED)", disabled)
	}
	item("%d resource %s configured%s", d.instances(), plural(d.instances(), "instance", "instances"), rest)
	if d.flag("maintenance-mode", false) {
		s.Printf("\n%s              *** Resource management is DISABLED ***\n%s  The cluster will not attempt to start, "+
			"stop or recover services\n", indent, indent)
	}
}

func (s *session) ctime() string { return s.Now().UTC().Format("Mon Jan _2 15:04:05 2006") }

// nodeText is who is there.
func (s *session) nodeText(indent string) {
	for _, state := range []string{"UNCLEAN (offline)", "pending", "standby"} {
		for _, n := range s.nodeNames(state) {
			s.Printf("%s* Node %s: %s\n", indent, n, state)
		}
	}
	for _, state := range []string{"Online", "OFFLINE"} {
		if names := s.nodeNames(state); len(names) > 0 {
			s.Printf("%s* %s: [ %s ]\n", indent, state, strings.Join(names, " "))
		}
	}
}

// failureText is what went wrong.
func (s *session) failureText() {
	heading := "\nFailed Resource Actions:\n"
	for _, m := range s.members() {
		for _, f := range m.failed {
			s.Printf("%s  * %s start on %s returned 'error' at %s after 8ms\n", heading, f.resource, s.stack.uname(s.State, m),
				f.at.UTC().Format("Mon Jan _2 15:04:05 2006"))
			heading = ""
		}
	}
}

// running is what a resource does, and on which nodes.
func (s *session) running(id string) (role string, on []*node) {
	role = "Stopped"
	for _, m := range s.members() {
		for _, a := range m.active {
			if a.primitive.id == id {
				role = a.phase.String()
				on = append(on, m)
			}
		}
	}
	return role, on
}

// ghost is where a resource ran on a node that was lost and is not fenced yet: it is shown as running there until then.
func (s *session) ghost(id string) (uname string) {
	for _, g := range s.node.lost {
		if slices.Contains(g.resources, id) {
			return g.uname
		}
	}
	return ""
}

// row2 is a resource's line as Pacemaker 2.1 prints it.
func (s *session) row2(d *document, r primitive) string {
	role, on := s.running(r.id)
	row := fmt.Sprintf("* %s\t(%s):\t %s", r.id, r.agent, role)
	var names []string
	for _, m := range on {
		names = append(names, s.stack.uname(s.State, m))
	}
	if lost := s.ghost(r.id); lost != "" && len(on) == 0 {
		row = fmt.Sprintf("* %s\t(%s):\t Started %s (UNCLEAN)", r.id, r.agent, lost)
	}
	switch len(names) {
	case 0:
	case 1:
		row += " " + names[0]
	default:
		row += " [ " + strings.Join(names, " ") + " ]"
	}
	var flags []string
	if strings.EqualFold(r.role, "Stopped") {
		flags = append(flags, "disabled")
	}
	if !r.managed || d.flag("maintenance-mode", false) {
		flags = append(flags, "unmanaged")
	}
	if len(flags) > 0 {
		row += " (" + strings.Join(flags, ", ") + ")"
	}
	return row
}

// monitorXML2 is the status as XML: of `--output-as=xml` with the request, of `--as-xml` without one.
func (s *session) monitorXML2(request string) int {
	if !s.node.up {
		return s.Fail(1, "Error: error running crm_mon, is pacemaker running?\n  error: Could not connect to launcher: "+
			"Connection refused\n  crm_mon: Connection to cluster failed: Connection refused")
	}
	doc := etree.NewDocument()
	doc.WriteSettings.CanonicalAttrVal = true
	var root *etree.Element
	if request == "" {
		root = element(&doc.Element, "crm_mon", "version", "2.1.5")
	} else {
		root = element(&doc.Element, "pacemaker-result", "api-version", "2.25", "request", request)
	}
	element(root, "pacemakerd", "sys_from", "pacemakerd", "state", "running", "last_updated", s.Now().UTC().Format("2006-01-02 15:04:05Z"))
	d, members := s.node.doc, s.members()
	s.summaryXML(root, d, members)
	nodes := element(root, "nodes")
	for _, n := range d.nodes {
		s.nodeXML(nodes, d, n, members)
	}
	resources := element(root, "resources")
	for _, p := range d.primitives {
		list := s.container(resources, d, p)
		for _, i := range s.copies(d, p) {
			s.resourceXML2(list, d, p, i)
		}
	}
	s.attributesXML(root, d)
	element(root, "node_history")
	s.failuresXML(root, members, "error", "complete")
	s.fencesXML(root)
	if request != "" {
		element(root, "status", "code", "0", "message", "OK")
	}
	doc.Indent(2)
	var buf bytes.Buffer
	if _, err := doc.WriteTo(&buf); err != nil {
		return s.Fail(1, "crm_mon: %v", err)
	}
	s.Out.Write(buf.Bytes())
	return 0
}

func (s *session) summaryXML(root *etree.Element, d *document, members []*node) {
	summary := element(root, "summary")
	if len(members) > 0 {
		element(summary, "stack", "type", s.node.conf.stack())
		element(summary, "current_dc", "present", "true", "version", d.property("dc-version"), "name",
			s.stack.uname(s.State, members[0]), "id", s.nodeID(members[0]),
			"with_quorum", strconv.FormatBool(s.stack.quorate(s.State, s.node)), "mixed_version", "false")
	} else {
		element(summary, "stack", "type", "unknown")
		element(summary, "current_dc", "present", "false")
	}
	element(summary, "last_update", "time", s.ctime())
	disabled := 0
	for _, p := range d.primitives {
		if strings.EqualFold(p.role, "Stopped") {
			disabled++
		}
	}
	element(summary, "nodes_configured", "number", strconv.Itoa(len(d.nodes)))
	element(summary, "resources_configured", "number", strconv.Itoa(d.instances()), "disabled", strconv.Itoa(disabled), "blocked", "0")
	element(summary, "cluster_options", "stonith-enabled", strconv.FormatBool(d.flag("stonith-enabled", true)),
		"symmetric-cluster", strconv.FormatBool(d.flag("symmetric-cluster", true)),
		"no-quorum-policy", orDefault(d.property("no-quorum-policy"), "stop"), "maintenance-mode",
		strconv.FormatBool(d.flag("maintenance-mode", false)),
		"stop-all-resources", strconv.FormatBool(d.flag("stop-all-resources", false)), "stonith-timeout-ms", "60000",
		"priority-fencing-delay-ms", "0")
}

func (s *session) nodeXML(nodes *etree.Element, d *document, n pacemaker.Node, members []*node) {
	m := s.peer(n.Uname)
	is := func(b bool) string { return strconv.FormatBool(b) }
	running := 0
	if m != nil {
		running = len(m.active)
	}
	unclean := len(members) == 0 ||
		slices.ContainsFunc(s.stack.unclean(s.State, members), func(u pacemaker.Node) bool { return u.Uname == n.Uname })
	e := element(nodes, "node", "name", n.Uname, "id", n.ID, "online", is(m != nil && m.ready), "standby",
		is(d.nodeFlag(n.Uname, "standby")), "standby_onfail", "false",
		"maintenance", is(d.nodeFlag(n.Uname, "maintenance")), "pending", is(m != nil && !m.ready && len(members) > 0),
		"unclean", is(unclean), "health", "green")
	if m != nil && m.ready {
		e.CreateAttr("feature_set", s.stack.featureSet(s.State.Host(m.host)))
	}
	for _, pair := range [][2]string{
		{"shutdown", is(m != nil && m.leaving)}, {"expected_up", is(m != nil)},
		{"is_dc", is(len(members) > 0 && m == members[0])}, {"resources_running", strconv.Itoa(running)}, {"type", "member"},
	} {
		e.CreateAttr(pair[0], pair[1])
	}
}

func (s *session) resourceXML2(list *etree.Element, d *document, p primitive, i instance) {
	role, on := i.role, i.on
	managed := p.managed && !d.flag("maintenance-mode", false)
	lost := s.ghost(p.id)
	if len(on) > 0 {
		lost = ""
	}
	count := len(on)
	if lost != "" {
		role, count = "Started", 1
	}
	e := element(list, "resource", "id", p.id, "resource_agent", p.agent, "role", role)
	if p.role != "" {
		e.CreateAttr("target_role", p.role)
	}
	for _, pair := range [][2]string{
		{"active", strconv.FormatBool(count > 0)}, {"orphaned", "false"}, {"blocked", "false"}, {"managed", strconv.FormatBool(managed)},
		{"failed", "false"}, {"failure_ignored", "false"}, {"nodes_running_on", strconv.Itoa(count)},
	} {
		e.CreateAttr(pair[0], pair[1])
	}
	if n, ok := d.node(lost); ok {
		element(e, "node", "name", lost, "id", n.ID, "cached", "false")
	}
	for _, m := range on {
		element(e, "node", "name", s.stack.uname(s.State, m), "id", s.nodeID(m), "cached", "true")
	}
}

// attributesXML are the attributes of the nodes that are there; the section is missing where there are none.
func (s *session) attributesXML(root *etree.Element, d *document) {
	var section *etree.Element
	for _, n := range d.nodes {
		m := s.peer(n.Uname)
		if m == nil {
			continue
		}
		attrs := slices.Concat(n.Attributes.Effective(), m.attrs)
		if len(attrs) == 0 {
			continue
		}
		if section == nil {
			section = element(root, "node_attributes")
		}
		e := element(section, "node", "name", n.Uname)
		for _, a := range attrs {
			element(e, "attribute", "name", a.Name, "value", a.Value)
		}
	}
}

// failuresXML is what failed to start, in the words of 2.1 or of 1.1.
func (s *session) failuresXML(root *etree.Element, members []*node, exit, status string) {
	var section *etree.Element
	for _, m := range members {
		for i, f := range m.failed {
			if section == nil {
				section = element(root, "failures")
			}
			element(section, "failure", "op_key", f.resource+"_start_0", "node", s.stack.uname(s.State, m), "exitstatus", exit,
				"exitreason", "", "exitcode", "1", "call", strconv.Itoa(i+10),
				"status", status, "last-rc-change", f.at.UTC().Format("2006-01-02 15:04:05Z"), "queued", "0", "exec", "8",
				"interval", "0", "task", "start")
		}
	}
}

// fencesXML is what this cluster fenced, the latest first; the section is missing where there is nothing.
func (s *session) fencesXML(root *etree.Element) {
	if len(s.node.history) == 0 {
		return
	}
	section := element(root, "fence_history")
	for _, f := range slices.Backward(s.node.history) {
		element(section, "fence_event", "action", "reboot", "target", f.Target, "client", "pacemaker-controld.1234", "origin",
			f.By, "status", "success", "delegate", f.By,
			"completed", f.Time.UTC().Format("2006-01-02 15:04:05Z"))
	}
}

// history is what this cluster fenced, the latest first, as stonith_admin of Pacemaker 2.1 prints it; pcs names the time otherwise.
func (s *session) history(target, completed string) int {
	n := 0
	for _, f := range slices.Backward(s.node.history) {
		if target != "*" && target != f.Target {
			continue
		}
		n++
		s.Printf("reboot of %s successful: delegate=%s, client=pacemaker-controld.1234, origin=%s, %s='%s'\n", f.Target, f.By,
			f.By, completed, f.Time.UTC().Format("2006-01-02 15:04:05Z"))
	}
	s.Printf("%d %s found\n", n, map[bool]string{true: "event", false: "events"}[n == 1])
	return 0
}

// linkText is `corosync-cfgtool -s` of knet: whether each node is reached over each link.
func (s *session) linkText(id *identity) {
	s.Printf("Local node ID %s, transport knet\n", id.nodeID(s.Host))
	for link, addr := range id.addr {
		s.Printf("LINK ID %d udp\n\taddr\t= %s\n\tstatus:\n", link, addr)
		for _, n := range id.nodes {
			state := "localhost"
			if h := s.State.Host(n.Name); h != s.Host {
				state = "disconnected"
				if h != nil && s.linked(s.node, s.stack.node(h.Name), link) {
					state = "connected"
				}
			}
			s.Printf("\t\tnodeid:%11d:\t%s\n", n.ID, state)
		}
	}
}

// linked tells whether the corosync of two hosts reach each other over one link.
func (s *session) linked(a, b *node, link int) bool {
	if !a.conf.same(b.conf) || !s.State.Connected(s.State.Host(a.host), s.State.Host(b.host)) {
		return false
	}
	return !slices.Contains(s.stack.faulty, ring{a.host, link}) && !slices.Contains(s.stack.faulty, ring{b.host, link})
}

// removeNode2 is `crm_node -R` of Pacemaker 2.1: with --force it takes any node out of the CIB, itself too, and does
// not mind one that is not there.
func (s *session) removeNode2(c *simhost.Call, node string) int {
	if !slices.Contains(c.Args, "--force") && !slices.Contains(c.Args, "-f") {
		return c.Fail(64, "The supplied command is considered dangerous.  To prevent accidental destruction of the cluster, "+
			"the --force flag is required in order to proceed.")
	}
	if _, known := s.node.doc.node(node); !known {
		return 0
	}
	if err := s.edit(func(cib *pacemaker.CIB) error { cib.RemoveNode(node); return nil }); err != nil {
		return c.Fail(1, "crm_node: %v", err)
	}
	return 0
}

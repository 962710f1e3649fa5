package pacemakertest

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

func runCrmMon(c *simhost.Call) int {
	s := newSession(c)
	if s.software.modern() {
		return s.runCrmMon2()
	}
	asXML := false
	for _, a := range c.Args {
		switch a {
		case "-X", "--as-xml":
			asXML = true
		case "-1", "-r", "-1r", "-n", "-A", "--one-shot", "--inactive":
		default:
			return c.Fail(1, "crm_mon: unrecognized option '%s' (--output-as came with Pacemaker 2.0.3)", a)
		}
	}
	if !s.node.up {
		return c.Fail(s.software.notConnected(), "Connection to cluster failed: %v", errNotRunning)
	}
	if asXML {
		return s.monitorXML()
	}
	s.monitorText()
	return 0
}

func (s *session) monitorText() {
	s.Printf("Stack: %s\n", s.node.conf.stack())
	if members := s.members(); s.node.ready && len(members) > 0 {
		quorum := map[bool]string{true: "with", false: "WITHOUT"}[s.stack.quorate(s.State, s.node)]
		s.Printf("Current DC: %s (version %s) - partition %s quorum\n", s.stack.uname(s.State, members[0]),
			s.node.doc.property("dc-version"), quorum)
	} else {
		s.Printf("Current DC: NONE\n")
	}
	s.Printf("Last updated: %s\n%d nodes and %d resources configured\n\n", s.Now().UTC().
		Format("Mon Jan _2 15:04:05 2006"), len(s.node.doc.nodes), s.node.doc.instances())
	if s.node.doc.flag("maintenance-mode", false) {
		s.Printf("              *** Resource management is DISABLED ***\n  The cluster will not attempt to start, stop or recover services\n\n")
	}
	for _, state := range []string{"UNCLEAN (offline)", "pending", "standby"} {
		for _, n := range s.nodeNames(state) {
			s.Printf("Node %s: %s\n", n, state)
		}
	}
	for _, state := range []string{"Online", "OFFLINE"} {
		if names := s.nodeNames(state); len(names) > 0 {
			s.Printf("%s: [ %s ]\n", state, strings.Join(names, " "))
		}
	}
	s.Printf("\nFull list of resources:\n\n")
	d := s.node.doc
	for _, row := range s.resourceRows(d, "", all, func(r primitive) string { return s.row(d, r) }) {
		s.Printf(" %s\n", row)
	}
}

// monitorXML is `crm_mon --as-xml` of Pacemaker 1.1.
func (s *session) monitorXML() int {
	doc := etree.NewDocument()
	doc.WriteSettings.CanonicalAttrVal = true
	doc.CreateProcInst("xml", `version="1.0"`)
	root := element(&doc.Element, "crm_mon", "version", "1.1.15")
	d, members := s.node.doc, s.members()
	summary := element(root, "summary")
	element(summary, "stack", "type", s.node.conf.stack())
	if len(members) > 0 {
		element(summary, "current_dc", "present", "true", "version", d.property("dc-version"), "name",
			s.stack.uname(s.State, members[0]), "id", s.nodeID(members[0]), "with_quorum", strconv.FormatBool(s.stack.quorate(s.State, s.node)))
	} else {
		element(summary, "current_dc", "present", "false")
	}
	element(summary, "last_update", "time", s.Now().UTC().Format("Mon Jan _2 15:04:05 2006"))
	element(summary, "nodes_configured", "number", strconv.Itoa(len(d.nodes)), "expected_votes", "unknown")
	element(summary, "resources_configured", "number", strconv.Itoa(d.instances()))
	element(summary, "cluster_options", "stonith-enabled", strconv.FormatBool(d.flag("stonith-enabled", true)),
		"symmetric-cluster", strconv.FormatBool(d.flag("symmetric-cluster", true)),
		"no-quorum-policy", orDefault(d.property("no-quorum-policy"), "stop"), "maintenance-mode",
		strconv.FormatBool(d.flag("maintenance-mode", false)))
	var unclean []string
	if len(members) > 0 {
		for _, n := range s.stack.unclean(s.State, members) {
			unclean = append(unclean, n.Uname)
		}
	}
	nodes := element(root, "nodes")
	for _, n := range d.nodes {
		m := s.peer(n.Uname)
		running := 0
		if m != nil {
			running = len(m.active)
		}
		element(nodes, "node", "name", n.Uname, "id", n.ID, "online", strconv.FormatBool(m != nil && m.ready), "standby",
			strconv.FormatBool(d.nodeFlag(n.Uname, "standby")), "standby_onfail", "false",
			"maintenance", strconv.FormatBool(d.nodeFlag(n.Uname, "maintenance")), "pending",
			strconv.FormatBool(m != nil && !m.ready), "unclean", strconv.FormatBool(slices.Contains(unclean, n.Uname)),
			"shutdown", strconv.FormatBool(m != nil && m.leaving), "expected_up", strconv.FormatBool(m != nil), "is_dc",
			strconv.FormatBool(len(members) > 0 && m == members[0]), "resources_running", strconv.Itoa(running), "type", "member")
	}
	resources := element(root, "resources")
	for _, p := range d.primitives {
		list := s.container(resources, d, p)
		for _, i := range s.copies(d, p) {
			s.resourceXML(list, d, p, i)
		}
	}
	attributes := element(root, "node_attributes")
	for _, n := range d.nodes {
		m := s.peer(n.Uname)
		if m == nil {
			continue
		}
		e := element(attributes, "node", "name", n.Uname)
		for _, a := range slices.Concat(n.Attributes.Effective(), m.attrs) {
			element(e, "attribute", "name", a.Name, "value", a.Value)
		}
	}
	element(root, "node_history")
	s.failuresXML(root, members, "unknown error", "Error")
	doc.Indent(4)
	var buf bytes.Buffer
	if _, err := doc.WriteTo(&buf); err != nil {
		return s.Fail(1, "crm_mon: %v", err)
	}
	s.Out.Write(buf.Bytes())
	return 0
}

func (s *session) resourceXML(list *etree.Element, d *document, p primitive, i instance) {
	role, on := i.role, i.on
	agent := strings.Replace(p.agent, "ocf:", "ocf::", 1)
	managed := p.managed && !d.flag("maintenance-mode", false)
	e := element(list, "resource", "id", p.id, "resource_agent", agent, "role", role, "active",
		strconv.FormatBool(len(on) > 0), "orphaned", "false", "managed", strconv.FormatBool(managed),
		"failed", "false", "failure_ignored", "false", "nodes_running_on", strconv.Itoa(len(on)))
	if p.role != "" {
		e.CreateAttr("target_role", p.role)
	}
	for _, m := range on {
		element(e, "node", "name", s.stack.uname(s.State, m), "id", s.nodeID(m), "cached", "false")
	}
}

func element(parent *etree.Element, tag string, pairs ...string) *etree.Element {
	e := parent.CreateElement(tag)
	for i := 0; i+1 < len(pairs); i += 2 {
		e.CreateAttr(pairs[i], pairs[i+1])
	}
	return e
}

func orDefault(value, absent string) string {
	if value == "" {
		return absent
	}
	return value
}

// runCrmNode knows -l (the nodes), -n and -i (this node), -p (who is there), -q (quorum) and -R NODE --force (forget a node).
func runCrmNode(c *simhost.Call) int {
	s := newSession(c)
	if !s.node.up {
		if s.software.modern() {
			return c.Fail(102, "error: Could not connect to controller: Connection refused")
		}
		return c.Fail(s.software.notConnected(), "crm_node: %v", errNotRunning)
	}
	remove := ""
	for i, a := range c.Args {
		switch a {
		case "-n", "--name":
			c.Printf("%s\n", s.name())
			return 0
		case "-i", "--cluster-id":
			c.Printf("%s\n", s.nodeID(s.node))
			return 0
		case "-q", "--quorum":
			c.Printf("%s\n", map[bool]string{true: "1", false: "0"}[s.stack.quorate(s.State, s.node)])
			return 0
		case "-p", "--partition":
			var names []string
			for _, m := range s.members() {
				names = append(names, s.stack.uname(s.State, m))
			}
			c.Printf("%s \n", strings.Join(names, " "))
			return 0
		case "-l", "--list":
			for _, n := range s.node.doc.nodes {
				state := "lost"
				if s.peer(n.Uname) != nil {
					state = "member"
				}
				c.Printf("%s %s %s\n", n.ID, n.Uname, state)
			}
			return 0
		case "-R", "--remove":
			if i+1 < len(c.Args) {
				remove = c.Args[i+1]
			}
		}
	}
	switch {
	case remove == "":
		return c.Fail(1, "crm_node: unknown options")
	case s.software.modern():
		return s.removeNode2(c, remove)
	case !slices.Contains(c.Args, "--force") && !slices.Contains(c.Args, "-f"):
		return c.Fail(22, "The supplied command is considered dangerous.  To prevent accidental destruction of the cluster, "+
			"the --force flag is required in order to proceed.")
	case s.peer(remove) != nil:
		return c.Fail(22, "Node %s appears to be active. Remove it from the cluster first", remove)
	}
	if err := s.edit(func(cib *pacemaker.CIB) error { cib.RemoveNode(remove); return nil }); err != nil {
		return c.Fail(1, "crm_node: %v", err)
	}
	return 0
}

// runCrmAttribute sets, prints or deletes one property or permanent node attribute.
func runCrmAttribute(c *simhost.Call) int {
	o := map[string]string{"type": "crm_config"}
	short := map[string]string{"-t": "type", "-n": "name", "-v": "update", "-N": "node", "-G": "query", "-D": "delete",
		"-q": "quiet", "-Q": "quiet", "-l": "lifetime"}
	for i := 0; i < len(c.Args); i++ {
		name := short[c.Args[i]]
		value, has := "", false
		if name == "" && strings.HasPrefix(c.Args[i], "--") {
			name, value, has = strings.Cut(c.Args[i][2:], "=")
		}
		switch name {
		case "query", "delete", "quiet":
		case "type", "name", "update", "node", "lifetime", "attr-name", "attr-value":
			if !has {
				if i++; i >= len(c.Args) {
					return c.Fail(22, "crm_attribute: missing value of %s", name)
				}
				value = c.Args[i]
			}
		default:
			return c.Fail(22, "crm_attribute: unknown option %s", c.Args[i])
		}
		o[map[string]string{"attr-name": "name", "attr-value": "update"}[name]+name] = value
	}
	if _, quiet := o["quiet"]; !quiet && o["name"] == "" {
		return c.Fail(22, "crm_attribute: no name given")
	}
	return newSession(c).attribute(o)
}

// attribute does what crm_attribute was asked for.
func (s *session) attribute(o map[string]string) int {
	name, node := o["name"], o["node"]
	ofNode := o["type"] == "nodes" || node != ""
	if ofNode && node == "" {
		node = s.name()
	}
	d, err := s.document()
	modern := s.software.modern()
	missing := 6
	if modern {
		missing = 105 // CRM_EX_NOSUCH
	}
	switch {
	case err != nil && modern:
		return s.Fail(102, "crm_attribute: Could not connect to the CIB: %v", err)
	case err != nil:
		return s.Fail(s.software.notConnected(), "Error connecting to the CIB: %v", err)
	}
	if _, known := d.node(node); ofNode && !known {
		return s.Fail(missing, "crm_attribute: Could not map name=%s to a UUID", node)
	}
	_, query := o["query"]
	_, remove := o["delete"]
	value, update := o["update"]
	switch {
	case query:
		v, ok := d.cib.Property(name)
		if ofNode {
			n, _ := d.node(node)
			v, ok = n.Attributes.Get(name)
		}
		if !ok {
			return s.Fail(missing, "%sError performing operation: No such device or address", map[bool]string{true: "crm_attribute: "}[modern])
		}
		if _, quiet := o["quiet"]; quiet {
			s.Printf("%s\n", v)
		} else {
			s.Printf("scope=%s  name=%s value=%s\n", o["type"], name, v)
		}
		return 0
	case !remove && !update:
		return s.Fail(22, "crm_attribute: nothing to do")
	}
	if remove && !s.holds(d, o["type"], node, name) { // it is gone, and there is nothing to change
		return 0
	}
	err = s.edit(func(c *pacemaker.CIB) error {
		switch {
		case o["type"] == "rsc_defaults" && remove:
			c.RemoveResourceDefault(name)
		case o["type"] == "rsc_defaults":
			c.SetResourceDefault(name, value)
		case o["type"] == "op_defaults" && update:
			c.SetOperationDefault(name, value)
		case remove && ofNode:
			c.RemoveNodeAttribute(node, name)
		case remove:
			c.RemoveProperty(name)
		case ofNode:
			return c.SetNodeAttribute(node, name, value)
		default:
			c.SetProperty(name, value)
		}
		return nil
	})
	if err != nil {
		return s.Fail(62, "Error performing operation: %v", err)
	}
	if remove && modern {
		s.Printf("Deleted %s %s: id=%s name=%s\n", o["type"], map[bool]string{true: "attribute", false: "option"}[ofNode], name, name)
	}
	return 0
}

// holds tells whether what crm_attribute is to delete is there.
func (s *session) holds(d *document, section, node, name string) (there bool) {
	switch {
	case node != "":
		n, _ := d.node(node)
		_, there = n.Attributes.Get(name)
	case section == "rsc_defaults":
		_, there = d.cib.ResourceDefaults().Get(name)
	default:
		_, there = d.cib.Property(name)
	}
	return there
}

func runCrmStandby(c *simhost.Call) int {
	o := map[string]string{"type": "nodes", "name": "standby"}
	for i := 0; i < len(c.Args); i++ {
		switch a := c.Args[i]; a {
		case "-G":
			o["query"] = ""
		case "-D":
			o["delete"] = ""
		case "-q", "-Q":
			o["quiet"] = ""
		case "-v", "-N", "-l":
			if i++; i >= len(c.Args) {
				return c.Fail(22, "crm_standby: missing value of %s", a)
			}
			o[map[string]string{"-v": "update", "-N": "node", "-l": "lifetime"}[a]] = c.Args[i]
		default:
			return c.Fail(22, "crm_standby: unknown option %s", a)
		}
	}
	return newSession(c).attribute(o)
}

// runCrmResource knows --wait, --locate, --cleanup, --refresh, --list, and the parameters of a resource with
// --set-parameter, --delete-parameter and --get-parameter.
func runCrmResource(c *simhost.Call) int {
	s := newSession(c)
	switch {
	case !s.node.up && s.software.modern():
		return c.Fail(102, "crm_resource: Could not connect to the CIB: %v\nError performing operation: Not connected", errNotRunning)
	case !s.node.up:
		return c.Fail(s.software.notConnected(), "Error connecting to the CIB manager: %v", errNotRunning)
	}
	resource, verb := "", ""
	o := map[string]string{}
	for i := 0; i < len(c.Args); i++ {
		a, value, inline := strings.Cut(c.Args[i], "=")
		take := func() string {
			if inline {
				return value
			}
			if i++; i < len(c.Args) {
				return c.Args[i]
			}
			return ""
		}
		switch a {
		case "-r", "--resource":
			resource = take()
		case "-m", "--meta":
			o["meta"] = ""
		case "-p", "--set-parameter":
			verb, o["name"] = "set", take()
		case "-d", "--delete-parameter":
			verb, o["name"] = "unset", take()
		case "-g", "--get-parameter":
			verb, o["name"] = "get", take()
		case "-v", "--parameter-value":
			o["value"] = take()
		case "-N", "--node":
			o["node"] = take()
		case "-T", "--timeout":
			o["timeout"] = take()
		case "-W", "--locate":
			verb = "locate"
		case "-C", "--cleanup":
			verb = "cleanup"
		case "-P", "-R", "--refresh", "--reprobe":
			verb = "refresh"
		case "-L", "--list":
			verb = "list"
		case "--wait":
			verb = "wait"
		}
	}
	switch verb {
	case "set", "unset", "get":
		return s.parameter(verb, resource, o)
	case "wait":
		if s.software.modern() {
			return s.waitResources(o["timeout"])
		}
		if !s.Until(ShutdownTime, func() bool { return s.node.ready && s.stack.settled(s.State, s.node) }) {
			return c.Fail(62, "Error performing operation: Timer expired")
		}
	case "list":
		for _, row := range s.rows(s.node.doc, all) {
			c.Printf("%s\n", row)
		}
	case "cleanup", "refresh":
		p := &pcsCommand{session: s}
		if _, known := s.node.doc.node(o["node"]); o["node"] != "" && !known && s.software.modern() {
			return c.Fail(105, "crm_resource: Node '%s' not found\nError performing operation: No such object", o["node"])
		}
		if resource != "" {
			p.words = []string{resource}
		}
		if verb == "refresh" && s.node.ready {
			c.Changed("forgot resources")
			s.stack.refresh(s.State, s.members(), func(id string) bool { return resource == "" || id == resource })
			return 0
		}
		return p.cleanup()
	case "locate":
		if _, ok := s.node.doc.primitive(resource); !ok && s.software.modern() {
			return c.Fail(105, "crm_resource: Resource '%s' not found\nError performing operation: No such object", resource)
		} else if !ok {
			return c.Fail(6, "Error performing operation: No such device or address")
		}
		found := false
		for _, m := range s.members() {
			if slices.ContainsFunc(m.active, func(a active) bool { return a.primitive.id == resource }) {
				c.Printf("resource %s is running on: %s\n", resource, s.stack.uname(s.State, m))
				found = true
			}
		}
		if !found && s.software.modern() {
			c.Printf("resource %s is NOT running\n", resource)
		} else if !found {
			c.Fail(0, "resource %s is NOT running", resource)
		}
	default:
		return c.Fail(22, "crm_resource: unknown options")
	}
	return 0
}

// waitResources is `crm_resource --wait [--timeout SECONDS]` of Pacemaker 2.1: it looks every two seconds, and first after two.
func (s *session) waitResources(timeout string) int {
	limit := 60 * time.Minute
	if n, err := strconv.Atoi(strings.TrimSuffix(timeout, "s")); err == nil && n > 0 {
		limit = time.Duration(n) * time.Second
	}
	end := s.Now().Add(limit)
	for {
		s.Sleep(2 * time.Second)
		if !s.node.up {
			return s.Fail(102, "crm_resource: Could not connect to the CIB: %v\nError performing operation: Not connected", errNotRunning)
		}
		if s.node.ready && s.stack.settled(s.State, s.node) {
			return 0
		}
		if !s.Now().Before(end) {
			break
		}
	}
	s.Printf("Pending actions:\n")
	i := 0
	for _, m := range s.members() {
		for _, a := range m.active {
			if a.phase != started {
				i++
				s.Printf("\tAction %d: %s_%s_0\ton %s\n", i, a.primitive.id,
					map[phase]string{starting: "start", stopping: "stop"}[a.phase], s.stack.uname(s.State, m))
			}
		}
	}
	return s.Fail(124, "crm_resource: Error performing operation: Timeout occurred")
}

// parameter sets, takes away or prints a parameter of a resource, or with --meta a meta attribute.
func (s *session) parameter(verb, resource string, o map[string]string) int {
	r, ok := s.node.doc.cib.Resource(resource)
	missing := 6
	if s.software.modern() {
		missing = 105
	}
	if !ok {
		return s.Fail(missing, "crm_resource: Resource '%s' not found\nError performing operation: No such object", resource)
	}
	_, meta := o["meta"]
	name := o["name"]
	value, there := r.Instance.Get(name)
	if meta {
		value, there = r.Meta.Get(name)
	}
	switch {
	case verb == "get" && there:
		s.Printf("%s\n", value)
		return 0
	case verb == "get":
		return s.Fail(missing, "Attribute '%s' not found for '%s'\nError performing operation: No such object", name, resource)
	case !meta:
		return s.Fail(64, "crm_resource: the simulation changes meta attributes only")
	case verb == "unset" && !there:
		return 0
	}
	err := s.edit(func(c *pacemaker.CIB) error {
		if verb == "unset" {
			c.RemoveMeta(resource, name)
			return nil
		}
		return c.SetMeta(resource, name, o["value"])
	})
	if err != nil {
		return s.Fail(62, "Error performing operation: %v", err)
	}
	id := resource + "-meta_attributes"
	if verb == "unset" {
		s.Printf("Deleted '%s' option: id=%s-%s name=%s\n", resource, id, name, name)
	} else {
		s.Printf("Set '%s' option: id=%s-%s set=%s name=%s value=%s\n", resource, id, name, id, name, o["value"])
	}
	return 0
}

// runStonithAdmin knows --history NODE: what this cluster fenced since its daemons started; '*' is every node.
func runStonithAdmin(c *simhost.Call) int {
	s := newSession(c)
	if !s.node.up {
		return c.Fail(s.software.notConnected(), "Could not connect to fencer: %v", errNotRunning)
	}
	target := ""
	for i, a := range c.Args {
		if name, value, ok := strings.Cut(a, "="); ok && name == "--history" {
			target = value
		} else if (a == "--history" || a == "-H") && i+1 < len(c.Args) {
			target = c.Args[i+1]
		}
	}
	if target == "" {
		return c.Fail(22, "stonith_admin: only --history NODE is simulated")
	}
	if s.software.modern() {
		return s.history(target, "last-successful")
	}
	for _, f := range s.node.history {
		if target == "*" || target == f.Target {
			c.Printf("%s was able to reboot node %s on behalf of crmd.1234 from %s at %s\n", f.By, f.Target, f.By, f.Time.UTC().
				Format("Mon Jan _2 15:04:05 2006"))
		}
	}
	return 0
}

// runCfgtool knows -s: the state of the rings.
func runCfgtool(c *simhost.Call) int {
	s := newSession(c)
	id := s.node.conf
	if id == nil {
		return c.Fail(1, "Could not initialize corosync configuration API error 2")
	}
	if !slices.Contains(c.Args, "-s") {
		return c.Fail(1, "corosync-cfgtool: only -s is simulated")
	}
	if id.modern() {
		s.linkText(id)
		return 0
	}
	c.Printf("Printing ring status.\nLocal node ID %s\n", orDefault(numeric(id.nodeID(c.Host)), "16885952"))
	for i, addr := range id.addr {
		c.Printf("RING ID %d\n\tid\t= %s\n", i, addr)
		if slices.Contains(s.stack.faulty, ring{c.Host.Name, i}) {
			c.Printf("\tstatus\t= Marking ringid %d interface %s FAULTY\n", i, addr)
		} else {
			c.Printf("\tstatus\t= ring %d active with no faults\n", i)
		}
	}
	return 0
}

func numeric(s string) string {
	if _, err := strconv.Atoi(s); err != nil {
		return ""
	}
	return s
}

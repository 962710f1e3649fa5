package pacemakertest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// The outputs are those of pcs 0.9.152 with Pacemaker 1.1; those of pcs 0.11 are in pcs_modern_show.go.

func (p *pcsCommand) showProperties() int {
	d, err := p.document()
	if err != nil {
		return p.fail(err, "")
	}
	if name := p.next(); name != "" {
		p.Printf("Cluster Properties:\n")
		if v := d.property(name); v != "" {
			p.Printf(" %s: %s\n", name, v)
		}
		return 0
	}
	pairs := d.cib.Properties()
	slices.SortStableFunc(pairs, func(a, b pacemaker.NVPair) int { return strings.Compare(a.Name, b.Name) })
	p.Printf("Cluster Properties:\n")
	for _, pair := range pairs {
		p.Printf(" %s: %s\n", pair.Name, pair.Value)
	}
	heading := "Node Attributes:\n"
	for _, n := range d.nodes {
		attrs := n.Attributes.Effective()
		if len(attrs) == 0 {
			continue
		}
		p.Printf("%s %s:", heading, n.Uname)
		heading = ""
		for _, a := range attrs {
			p.Printf(" %s=%s", a.Name, a.Value)
		}
		p.Printf("\n")
	}
	return 0
}

// showResources is `pcs resource show [--full | ID…]`.
func (p *pcsCommand) showResources() int {
	if !p.software.modern() && !p.has("--full") && len(p.words) == 0 {
		return p.resources()
	}
	return p.definitions(func(r pacemaker.Resource) bool {
		return r.Class != "stonith" && (len(p.words) == 0 || slices.Contains(p.words, r.ID))
	})
}

func (p *pcsCommand) showStonith() int {
	if !p.software.modern() && !p.has("--full") && len(p.words) == 0 {
		return p.stonithStatus()
	}
	return p.definitions(func(r pacemaker.Resource) bool {
		return r.Class == "stonith" && (len(p.words) == 0 || slices.Contains(p.words, r.ID))
	})
}

func (p *pcsCommand) definitions(show func(pacemaker.Resource) bool) int {
	d, err := p.document()
	if err != nil {
		return p.fail(err, "")
	}
	found := false
	for _, r := range d.cib.Resources() {
		if r.Kind != pacemaker.Primitive && show(r) {
			found = true
			p.Printf(" %s: %s\n", map[pacemaker.Kind]string{pacemaker.Group: "Group", pacemaker.Clone: "Clone"}[r.Kind], r.ID)
		}
		for m := range pacemaker.Walk([]pacemaker.Resource{r}) {
			if m.Kind != pacemaker.Primitive || !show(m) {
				continue
			}
			found = true
			if p.software.modern() {
				p.definition2(m)
			} else {
				p.definition(m)
			}
		}
	}
	if !found && len(p.words) > 0 {
		return p.Fail(1, "Error: unable to find resource '%s'", p.words[0])
	}
	return 0
}

func (p *pcsCommand) definition(r pacemaker.Resource) {
	provider := ""
	if r.Provider != "" {
		provider = "provider=" + r.Provider + " "
	}
	p.Printf(" Resource: %s (class=%s %stype=%s)\n", r.ID, r.Class, provider, r.Type)
	if pairs := r.Instance.Effective(); len(pairs) > 0 {
		p.Printf("  Attributes:")
		for _, a := range pairs {
			p.Printf(" %s=%s", a.Name, a.Value)
		}
		p.Printf("\n")
	}
	if pairs := r.Meta.Effective(); len(pairs) > 0 {
		p.Printf("  Meta Attrs: ")
		for _, a := range pairs {
			p.Printf("%s=%s ", a.Name, a.Value)
		}
		p.Printf("\n")
	}
	lead := "  Operations: "
	for _, o := range r.Operations {
		p.Printf("%s%s interval=%s", lead, o.Name, o.Interval)
		if o.Timeout != "" {
			p.Printf(" timeout=%s", o.Timeout)
		}
		p.Printf(" (%s)\n", o.ID)
		lead = strings.Repeat(" ", len(lead))
	}
}

// resources is `pcs resource`: a row for each resource that is no fence device.
func (p *pcsCommand) resources() int {
	return p.rows(func(r primitive) bool { return r.definition.Class != "stonith" })
}

func (p *pcsCommand) rows(show func(primitive) bool) int {
	d, err := p.document()
	switch {
	case err == nil && (p.file != "" || p.node.up):
	case p.software.modern():
		return p.Fail(1, "Error: unable to get cluster status from crm_mon\nerror: Could not connect to launcher: "+
			"Connection refused\ncrm_mon: Connection to cluster failed: Connection refused")
	default:
		return p.Fail(1, "Error: unable to get resource status from crm_mon\nError: cluster is not currently running on this node")
	}
	rows := p.session.rows(d, func(r primitive) bool {
		return show(r) && (len(p.words) == 0 || slices.Contains(p.words, r.id) || slices.Contains(p.words, r.unit.id))
	})
	for _, row := range rows {
		p.Printf("%s\n", row)
	}
	if len(rows) == 0 {
		p.Printf("NO resources configured\n")
	}
	return 0
}

// row is a resource's line as crm_mon of Pacemaker 1.1 prints it.
func (s *session) row(d *document, r primitive) string {
	agent := r.definition.Class + ":"
	if r.definition.Provider != "" {
		agent += ":" + r.definition.Provider + ":"
	}
	role, nodes := "Stopped", []string{}
	for _, n := range s.members() {
		for _, a := range n.active {
			if a.primitive.id == r.id {
				role = a.phase.String()
				nodes = append(nodes, s.stack.uname(s.State, n))
			}
		}
	}
	var flags []string
	if strings.EqualFold(r.role, "Stopped") {
		flags = append(flags, "disabled")
	}
	if !r.managed || d.flag("maintenance-mode", false) {
		flags = append(flags, "unmanaged")
	}
	row := fmt.Sprintf("%s\t(%s%s):\t%s", r.id, agent, r.definition.Type, role)
	switch len(nodes) {
	case 0:
	case 1:
		row += " " + nodes[0]
	default:
		row += " [ " + strings.Join(nodes, " ") + " ]"
	}
	if len(flags) > 0 {
		row += " (" + strings.Join(flags, ", ") + ")"
	}
	return row
}

// nodeNames are the names of the CIB's nodes that are in a state.
func (s *session) nodeNames(state string) (out []string) {
	for _, n := range s.node.doc.nodes {
		m := s.peer(n.Uname)
		is := "OFFLINE"
		switch {
		case m != nil && !m.ready:
			is = "pending"
		case m != nil && s.node.doc.nodeFlag(n.Uname, "standby"):
			is = "standby"
		case m != nil:
			is = "Online"
		case s.node.ready && slices.ContainsFunc(s.stack.unclean(s.State, s.members()),
			func(u pacemaker.Node) bool { return u.Uname == n.Uname }):
			is = "UNCLEAN (offline)"
		}
		if is == state {
			out = append(out, n.Uname)
		}
	}
	return out
}

// clusterRows are the nodes and the resources.
func (s *session) clusterRows(heading, item string) {
	s.Printf("%sNode List:\n", heading)
	for _, state := range []string{"UNCLEAN (offline)", "pending", "standby"} {
		for _, n := range s.nodeNames(state) {
			s.Printf("%sNode %s: %s\n", item, n, state)
		}
	}
	for _, state := range []string{"Online", "OFFLINE"} {
		if names := s.nodeNames(state); len(names) > 0 {
			s.Printf("%s%s: [ %s ]\n", item, state, strings.Join(names, " "))
		}
	}
	s.Printf("\n%sFull List of Resources:\n", heading)
	d := s.node.doc
	row := func(r primitive) string { return s.row2(d, r) }
	if !s.software.modern() { // what it shows is from crm_simulate, in the form of 2
		row = func(r primitive) string {
			return "* " + strings.Replace(strings.Replace(s.row(d, r), "::", ":", 1), ":\t", ":\t ", 1)
		}
	}
	for _, line := range s.resourceRows(d, "* ", all, row) {
		s.Printf("%s%s\n", strings.TrimSuffix(item, "* "), line)
	}
}

func (p *pcsCommand) status() int {
	if p.software.modern() {
		return p.statusModern()
	}
	if !p.node.up {
		return p.Fail(1, "Error: cluster is not currently running on this node")
	}
	if p.node.conf.name != "" {
		p.Printf("Cluster name: %s\n", p.node.conf.name)
	}
	p.monitorText()
	p.daemons()
	return 0
}

// statusPcsd is `pcs status pcsd [NODE…]`: whose pcsd answers.
func (p *pcsCommand) statusPcsd() int {
	names := p.words
	if len(names) == 0 {
		id, err := p.stack.readIdentity(p.Host)
		if err != nil {
			return p.Fail(1, "Error: Unable to read %s: No such file or directory", ConfPath)
		}
		for _, n := range id.nodes {
			names = append(names, cmp.Or(n.Name, n.Addresses[0]))
		}
	}
	p.missKnownHosts()
	status := 0
	for _, n := range names {
		state := "Online"
		_, down := p.pcsd(n)
		trusted := p.authorised(n) || p.software.modern() && p.knows(n)
		switch {
		case down != nil:
			state, status = "Offline", 2
		case !trusted:
			state, status = "Unable to authenticate", 2
		}
		p.Printf("  %s: %s\n", n, state)
	}
	return status
}

// daemons are the services at the end of a status.
func (p *pcsCommand) daemons() {
	p.Printf("\nDaemon Status:\n")
	for _, name := range []string{"corosync", "pacemaker", "pcsd"} {
		u, ok := p.Host.Service(name)
		if !ok {
			continue
		}
		p.Printf("  %s: %s/%s\n", name, map[bool]string{true: "active", false: "inactive"}[u.Active],
			map[bool]string{true: "enabled", false: "disabled"}[u.Enabled])
	}
}

func (p *pcsCommand) showConstraints() int {
	if p.software.modern() {
		if status := p.showLocations(); status != 0 {
			return status
		}
		p.Printf("Ordering Constraints:\nColocation Constraints:\nTicket Constraints:\n")
		return 0
	}
	d, err := p.document()
	if err != nil {
		return p.fail(err, "")
	}
	p.Printf("Location Constraints:\n")
	var seen []string
	list := d.cib.Locations()
	for _, first := range list {
		if slices.Contains(seen, first.Resource) {
			continue
		}
		seen = append(seen, first.Resource)
		p.Printf("  Resource: %s\n", first.Resource)
		for _, l := range list {
			if l.Resource != first.Resource {
				continue
			}
			verb := "Enabled"
			if strings.HasPrefix(l.Score, "-") {
				verb = "Disabled"
			}
			p.Printf("    %s on: %s (score:%s)", verb, l.Node, l.Score)
			if p.has("--full") {
				p.Printf(" (id:%s)", l.ID)
			}
			p.Printf("\n")
		}
	}
	p.Printf("Ordering Constraints:\nColocation Constraints:\nTicket Constraints:\n")
	return 0
}

package pacemakertest

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// pcsCommand is one run of pcs: its options taken out of its words.
type pcsCommand struct {
	*session
	group   string // the first word
	words   []string
	options map[string]string // --name value, or "" where it has none
}

// pcsValued are the options that take the next word as their value.
var pcsValued = []string{
	"--name", "--transport", "--rrpmode", "--token", "--fail_recv_const", "--token_coefficient", "--node", "--addr0",
	"--addr1", "--mcast0", "--mcast1", "--mcastport0", "--mcastport1", "--ttl0", "--ttl1",
	"-u", "-p", "-f",
}

func runPcs(c *simhost.Call) int {
	p := &pcsCommand{session: newSession(c), options: map[string]string{}}
	if slices.Equal(c.Args, []string{"--version"}) {
		c.Printf("%s\n", p.software.dialect.Version())
		return 0
	}
	if p.software.modern() {
		if status := p.parseModern(); status != 0 {
			return status
		}
		return p.dispatchModern()
	}
	for i := 0; i < len(c.Args); i++ {
		switch a := c.Args[i]; {
		case slices.Contains(pcsValued, a):
			if i++; i >= len(c.Args) {
				return c.Fail(1, "option %s requires argument", a)
			}
			p.options[a] = c.Args[i]
		case a == "--version":
			c.Printf("%s\n", pcs.V09.Version())
			return 0
		case strings.HasPrefix(a, "--"):
			name, value, _ := strings.Cut(a, "=")
			if !slices.Contains(append([]string{"--force", "--all", "--start", "--enable", "--full", "--disabled", "--wait",
				"--local"}, pcsValued...), name) {
				return c.Fail(1, "option %s not recognized", name)
			}
			p.options[name] = value
		default:
			p.words = append(p.words, a)
		}
	}
	p.file = p.options["-f"]
	return p.dispatch()
}

// has tells whether an option was given.
func (p *pcsCommand) has(name string) bool { _, ok := p.options[name]; return ok }

// next takes the next word; empty when there is none.
func (p *pcsCommand) next() string {
	if len(p.words) == 0 {
		return ""
	}
	w := p.words[0]
	p.words = p.words[1:]
	return w
}

func (p *pcsCommand) dispatch() int {
	group, verb := p.next(), p.next()
	p.group = group
	run, ok := map[string]func() int{
		"cluster auth": p.auth, "cluster setup": p.setup, "cluster start": p.start, "cluster stop": p.stop,
		"cluster enable": p.enable, "cluster disable": p.enable,
		"cluster standby": p.standby, "cluster unstandby": p.standby, "cluster destroy": p.destroy,
		"cluster status": p.status, "cluster node": p.clusterNode,
		"cluster cib": p.showCIB, "cluster cib-push": p.pushCIB,
		"status ": p.status, "status pcsd": p.statusPcsd, "status resources": p.resources, "status nodes": p.status,
		"property set": p.setProperty, "property unset": p.unsetProperty, "property show": p.showProperties,
		"property list": p.showProperties, "property ": p.showProperties,
		"resource ": p.resources, "resource show": p.showResources, "resource create": p.createResource,
		"resource enable": p.enableResource, "resource disable": p.enableResource,
		"resource defaults": p.defaults, "resource relocate": p.relocate, "resource cleanup": p.cleanup, "resource delete": p.deleteResource,
		"constraint ": p.showConstraints, "constraint show": p.showConstraints, "constraint location": p.location,
		"constraint remove": p.removeConstraint,
		"stonith create":    p.createStonith, "stonith show": p.showStonith, "stonith ": p.showStonith,
	}[group+" "+verb]
	if !ok {
		return p.Fail(1, "Usage: pcs [-f file] [-h] [commands]...\n(the simulated pcs does not know: %s %s)", group, verb)
	}
	p.Name = verb
	return run()
}

// fail prints an error as pcs does.
func (p *pcsCommand) fail(err error, what string) int {
	switch {
	case errors.Is(err, errNotRunning):
		return p.Fail(1, "Error: unable to get cib")
	case errors.Is(err, errOutdated):
		return p.Fail(1, "Error: unable to push cib\nCall cib_replace failed: %v\n", err)
	case errors.Is(err, errNoDC):
		return p.Fail(1, "Error: %s\nCall cib_apply_diff failed (-62): %v", what, err)
	}
	return p.Fail(1, "Error: %v", err)
}

func (p *pcsCommand) setProperty() int {
	if node := p.options["--node"]; node != "" {
		return p.setNodeAttributes(node)
	}
	if len(p.words) == 0 {
		return p.Fail(1, "Usage: pcs property set ...")
	}
	if _, err := p.document(); err != nil {
		return p.fail(err, "unable to set property")
	}
	if strange := p.strangeProperties(); len(strange) > 0 {
		return p.refuse(strange...)
	}
	err := p.edit(func(c *pacemaker.CIB) error {
		for _, w := range p.words {
			name, value, ok := strings.Cut(w, "=")
			switch {
			case !ok:
				return errors.New("invalid property format: '" + w + "'")
			case value == "":
				c.RemoveProperty(name)
			default:
				c.SetProperty(name, value)
			}
		}
		return nil
	})
	if err != nil {
		return p.fail(err, "unable to set property")
	}
	return 0
}

// setNodeAttributes sets one attribute after the other, as pcs does: those before a failure stay set (H7).
func (p *pcsCommand) setNodeAttributes(node string) int {
	for _, w := range p.words {
		name, value, _ := strings.Cut(w, "=")
		err := p.edit(func(c *pacemaker.CIB) error {
			if value == "" && !c.RemoveNodeAttribute(node, name) && p.software.modern() {
				return errNoAttribute
			} else if value == "" {
				return nil
			}
			return c.SetNodeAttribute(node, name, value)
		})
		if errors.Is(err, errNoAttribute) {
			return p.Fail(2, "Error: attribute: '%s' doesn't exist for node: '%s'", name, node)
		}
		if errors.Is(err, pacemaker.ErrNotFound) {
			return p.Fail(1, "Error: unable to set attribute %s\ncrm_attribute: Could not map name=%s to a UUID\n", name, node)
		}
		if errors.Is(err, errNotRunning) && p.software.modern() {
			return p.Fail(1, "Error: unable to set attribute %s\ncrm_attribute: Could not connect to the CIB: %v\n", name, err)
		}
		if err != nil {
			return p.fail(err, "unable to set attribute "+name)
		}
	}
	return 0
}

var errNoAttribute = errors.New("no such attribute")

func (p *pcsCommand) unsetProperty() int {
	if d, err := p.document(); err == nil && p.software.modern() && !p.has("--force") {
		var missing []string
		for _, w := range p.words {
			if _, there := d.cib.Property(w); !there {
				missing = append(missing, "Cannot remove property '"+w+
					"', it is not present in property set 'cib-bootstrap-options', use --force to override")
			}
		}
		if len(missing) > 0 {
			return p.refuse(missing...)
		}
	}
	err := p.edit(func(c *pacemaker.CIB) error {
		for _, w := range p.words {
			if !c.RemoveProperty(w) && !p.has("--force") {
				return errors.New("Cannot remove property '" + w + "', it is not present in property set 'cib-bootstrap-options'")
			}
		}
		return nil
	})
	if err != nil {
		return p.fail(err, "unable to unset property")
	}
	return 0
}

func (p *pcsCommand) defaults() int {
	d, err := p.document()
	if err != nil {
		return p.fail(err, "")
	}
	if len(p.words) == 0 {
		pairs := d.cib.ResourceDefaults().Effective()
		for _, pair := range pairs {
			p.Printf("%s: %s\n", pair.Name, pair.Value)
		}
		if len(pairs) == 0 {
			p.Printf("No defaults set\n")
		}
		return 0
	}
	err = p.edit(func(c *pacemaker.CIB) error {
		for _, w := range p.words {
			if name, value, _ := strings.Cut(w, "="); value == "" {
				c.RemoveResourceDefault(name)
			} else {
				c.SetResourceDefault(name, value)
			}
		}
		return nil
	})
	if err != nil {
		return p.fail(err, "unable to set defaults")
	}
	return 0
}

// agentPath is the file of a resource or fence agent.
func agentPath(r pacemaker.Resource) string {
	if r.Class == "stonith" {
		return "/usr/sbin/" + r.Type
	}
	return "/usr/lib/ocf/resource.d/" + r.Provider + "/" + r.Type
}

func (p *pcsCommand) createResource() int {
	id, agent := p.next(), p.next()
	parts := strings.Split(agent, ":")
	if len(parts) != 3 || parts[0] != "ocf" {
		return p.Fail(1, "Error: Unable to create resource '%s', it is not installed on this system (use --force to override)", agent)
	}
	r := pacemaker.Resource{Kind: pacemaker.Primitive, ID: id, Class: parts[0], Provider: parts[1], Type: parts[2]}
	if p.software.modern() {
		return p.createModern(r, agent)
	}
	if !p.Host.Exists(agentPath(r)) && !p.has("--force") {
		return p.Fail(1, "Error: Unable to create resource '%s', it is not installed on this system (use --force to override)", agent)
	}
	return p.create(r)
}

func (p *pcsCommand) createStonith() int {
	r := pacemaker.Resource{Kind: pacemaker.Primitive, ID: p.next(), Class: "stonith", Type: p.next()}
	if p.software.modern() {
		return p.createModern(r, "stonith:"+r.Type)
	}
	if !p.Host.Exists(agentPath(r)) {
		if !p.has("--force") {
			return p.Fail(1, "Error: Agent '%s' not found, use --force to override", r.Type)
		}
		p.Printf("Warning: Agent '%s' not found\n", r.Type)
	}
	return p.create(r)
}

// createModern asks for the agent's metadata first: without them pcs makes a resource by force only.
func (p *pcsCommand) createModern(r pacemaker.Resource, agent string) int {
	if _, err := p.document(); err != nil {
		return p.fail(err, "")
	}
	if !p.Host.Exists(agentPath(r)) {
		missing := "Agent '" + agent +
			"' is not installed or does not provide valid metadata: crm_resource: Metadata query for " + agent +
			" failed: No such device or address, Error performing operation: No such object"
		if !p.has("--force") {
			return p.refuse(missing + ", use --force to override")
		}
		p.Fail(0, "Warning: %s", missing)
	}
	return p.create(r)
}

// create reads parameters, "op" and "meta", and adds the primitive.
func (p *pcsCommand) create(r pacemaker.Resource) int {
	const instance, operation, meta = 0, 1, 2
	where := instance
	var params, metas []pacemaker.NVPair
	for _, w := range p.words {
		name, value, pair := strings.Cut(w, "=")
		switch {
		case w == "op":
			where = operation
		case w == "meta":
			where = meta
		case where == operation && !pair:
			r.Operations = append(r.Operations, pacemaker.Op{Name: w})
		case !pair || where == operation && len(r.Operations) == 0:
			return p.Fail(1, "Error: missing value of '%s' option", w)
		case where == operation:
			setOption(&r.Operations[len(r.Operations)-1], name, value)
		case where == meta:
			metas = append(metas, pacemaker.NVPair{Name: name, Value: value})
		default:
			params = append(params, pacemaker.NVPair{Name: name, Value: value})
		}
	}
	if p.has("--disabled") {
		metas = append(metas, pacemaker.NVPair{Name: "target-role", Value: "Stopped"})
	}
	if len(params) > 0 || r.Class == "stonith" && !p.software.modern() {
		r.Instance = pacemaker.AttributeSets{{Pairs: params}}
	}
	if len(metas) > 0 {
		r.Meta = pacemaker.AttributeSets{{Pairs: metas}}
	}
	p.defaultOperations(&r)
	err := p.edit(func(c *pacemaker.CIB) error { return c.AddPrimitive(r) })
	if errors.Is(err, pacemaker.ErrExists) && p.software.modern() {
		return p.Fail(1, "Error: '%s' already exists", r.ID)
	}
	if errors.Is(err, pacemaker.ErrExists) {
		return p.Fail(1, "Error: unable to create resource/fence device '%s', '%s' already exists on this system", r.ID, r.ID)
	}
	if err != nil {
		return p.fail(err, "unable to create resource")
	}
	return 0
}

// defaultOperations adds what the metadata of the agent ask for: a monitor, and in pcs 0.10 and later the start and the stop of a target.
func (p *pcsCommand) defaultOperations(r *pacemaker.Resource) {
	defaults := []pacemaker.Op{{Name: "monitor", Interval: "60s"}}
	if p.software.modern() && r.Class != "stonith" {
		defaults = []pacemaker.Op{{Name: "monitor", Interval: "20", Timeout: "60"},
			{Name: "start", Interval: "0s", Timeout: "300"}, {Name: "stop", Interval: "0s", Timeout: "300"}}
	}
	if p.has("--no-default-ops") { // pcs makes a monitor all the same
		defaults = []pacemaker.Op{{Name: "monitor", Interval: "60s"}}
	}
	for _, d := range defaults {
		if !slices.ContainsFunc(r.Operations, func(o pacemaker.Op) bool { return o.Name == d.Name }) {
			r.Operations = append(r.Operations, d)
		}
	}
	if p.software.modern() { // it sorts them by their names
		slices.SortStableFunc(r.Operations, func(a, b pacemaker.Op) int { return strings.Compare(a.Name, b.Name) })
	}
}

func setOption(o *pacemaker.Op, name, value string) {
	switch name {
	case "interval":
		o.Interval = value
	case "timeout":
		o.Timeout = value
	default:
		o.Other = append(o.Other, pacemaker.NVPair{Name: name, Value: value})
	}
}

func (p *pcsCommand) enableResource() int {
	if len(p.words) == 0 {
		return p.Fail(1, "Error: You must specify a resource to %s", p.Name)
	}
	if p.software.modern() {
		return p.enableModern()
	}
	for _, id := range p.words {
		err := p.edit(func(c *pacemaker.CIB) error {
			if _, ok := c.Resource(id); !ok {
				return errors.New("unable to find a resource/clone/master/group: " + id)
			}
			if p.Name == "enable" {
				c.RemoveMeta(id, "target-role")
				return nil
			}
			return c.SetMeta(id, "target-role", "Stopped")
		})
		if err != nil {
			return p.fail(err, "unable to "+p.Name+" "+id)
		}
	}
	return p.wait()
}

// enableModern enables or disables all that are named in one change.
func (p *pcsCommand) enableModern() int {
	d, err := p.document()
	if err != nil {
		return p.fail(err, "")
	}
	var missing []string
	for _, id := range p.words {
		if _, ok := d.cib.Resource(id); !ok {
			missing = append(missing, "bundle/clone/group/resource/tag '"+id+"' does not exist")
		}
	}
	if len(missing) > 0 {
		return p.refuse(missing...)
	}
	for _, id := range p.words {
		if r, known := d.primitive(id); known && (!r.managed || d.flag("maintenance-mode", false)) {
			p.Fail(0, "Warning: '%s' is unmanaged", id)
		}
	}
	err = p.edit(func(c *pacemaker.CIB) error {
		for _, id := range p.words {
			if p.Name == "enable" {
				c.RemoveMeta(id, "target-role")
			} else if err := c.SetMeta(id, "target-role", "Stopped"); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return p.fail(err, "")
	}
	return p.waiting(p.words, p.Name == "enable")
}

// wait is --wait: until the cluster has nothing under way.
func (p *pcsCommand) wait() int {
	if p.has("--wait") && p.file == "" && !p.Until(ShutdownTime, func() bool { return p.stack.settled(p.State, p.node) }) {
		return p.Fail(1, "Error: waiting timeout")
	}
	return 0
}

func (p *pcsCommand) deleteResource() int {
	id := p.next()
	if d, err := p.document(); err == nil && p.software.modern() {
		if _, there := d.cib.Resource(id); there {
			for _, l := range d.cib.Locations() {
				if l.Resource == id {
					p.tell("Removing Constraint - %s\n", l.ID)
				}
			}
			p.tell("Deleting Resource - %s\n", id)
		}
	}
	err := p.edit(func(c *pacemaker.CIB) error {
		if !c.RemoveResource(id) {
			return errors.New("Resource '" + id + "' does not exist.")
		}
		return nil
	})
	if err != nil {
		return p.fail(err, "unable to delete "+id)
	}
	return 0
}

func (p *pcsCommand) cleanup() int {
	if !p.node.ready {
		return p.fail(errNotRunning, "")
	}
	of := func(id string) bool { return len(p.words) == 0 || slices.Contains(p.words, id) }
	p.Changed("forgot failures")
	if !p.software.modern() {
		p.stack.refresh(p.State, p.members(), of)
		return 0
	}
	failed := func(m *node) func(string) bool {
		return func(id string) bool {
			return of(id) && (m.hasFailed(id) || slices.ContainsFunc(m.records, func(r Record) bool { return r.Resource == id && r.Status > 0 }))
		}
	}
	for _, m := range p.members() { // Pacemaker 2 cleans up only what failed, and the failures are on each node its own
		p.stack.refresh(p.State, []*node{m}, failed(m))
	}
	return 0
}

// refresh is `pcs resource refresh` of pcs 0.10 and later, for Pacemaker 2.
func (p *pcsCommand) refresh() int {
	if !p.node.ready {
		return p.fail(errNotRunning, "")
	}
	p.Changed("forgot resources")
	p.stack.refresh(p.State, p.members(), func(id string) bool { return len(p.words) == 0 || slices.Contains(p.words, id) })
	return 0
}

// location is `pcs constraint location R prefers N=S …`, or avoids.
func (p *pcsCommand) location() int {
	if len(p.words) == 0 && p.software.modern() {
		return p.showLocations()
	}
	rsc, verb := p.next(), p.next()
	if verb != "prefers" && verb != "avoids" || len(p.words) == 0 {
		return p.Fail(1, "Usage: pcs constraint location <resource id> prefers <node[=score]>...")
	}
	if status := p.checkNodes(); status != 0 {
		return status
	}
	err := p.edit(func(c *pacemaker.CIB) error {
		if _, ok := c.Resource(rsc); !ok {
			return errors.New("Resource '" + rsc + "' does not exist")
		}
		for _, w := range p.words {
			node, score, ok := strings.Cut(w, "=")
			if !ok {
				score = "INFINITY"
			}
			if _, err := pacemaker.ParseScore(score); err != nil {
				return errors.New("invalid score '" + score + "', use integer or INFINITY or -INFINITY")
			}
			if verb == "avoids" {
				score = "-" + score
			}
			l := pacemaker.Location{ID: "location-" + rsc + "-" + node + "-" + score, Resource: rsc, Node: node, Score: score}
			c.RemoveConstraint(l.ID)
			if err := c.AddLocation(l); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return p.fail(err, "unable to add constraint")
	}
	return 0
}

// checkNodes refuses nodes that the cluster does not know, from pcs 0.10 on (H7).
func (p *pcsCommand) checkNodes() int {
	if !p.software.modern() {
		return 0
	}
	d, err := p.document()
	if err != nil {
		return p.fail(err, "")
	}
	if p.file != "" || p.has("--force") {
		return p.Fail(0, "Warning: Validation for node existence in the cluster will be skipped")
	}
	for _, w := range p.words {
		name, _, _ := strings.Cut(w, "=")
		if _, known := d.node(name); !known {
			return p.Fail(1, "Error: Node '%s' does not appear to exist in configuration, use --force to override", name)
		}
	}
	return 0
}

func (p *pcsCommand) removeConstraint() int {
	for _, id := range p.words {
		err := p.edit(func(c *pacemaker.CIB) error {
			if !c.RemoveConstraint(id) {
				return errors.New("Unable to find constraint - '" + id + "'")
			}
			return nil
		})
		if err != nil {
			return p.fail(err, "unable to remove constraint")
		}
	}
	return 0
}

func (p *pcsCommand) showCIB() int {
	text, err := p.query()
	if err != nil {
		return p.fail(err, "")
	}
	if name := p.next(); name != "" {
		if err := p.Host.WriteFile(p.State, p.Path(name), text); err != nil {
			return p.Fail(1, "Error: Unable to write to file '%s', %v", name, err)
		}
		return 0
	}
	p.Out.WriteString(text)
	return 0
}

func (p *pcsCommand) pushCIB() int {
	name := p.next()
	text, err := p.Host.ReadFile(p.Path(name))
	if err != nil {
		return p.Fail(1, "Error: unable to parse new cib: %v", err)
	}
	if err := p.pushText(text); err != nil {
		return p.fail(err, "unable to push cib")
	}
	p.tell("CIB updated\n")
	return 0
}

func (s *session) pushText(text string) error {
	cib, err := pacemaker.ParseCIB(strings.NewReader(text))
	if err != nil {
		return err
	}
	return s.push(cib)
}

// push replaces the configuration, and takes a version that is newer than the one in force.
func (s *session) push(cib *pacemaker.CIB) error {
	if s.undecided() {
		return errNoDC
	}
	d, err := s.document()
	if err != nil {
		return err
	}
	version := cib.Version()
	if s.software.modern() && newer(d.version, version) {
		return errOutdated
	}
	cib.SetAttribute("epoch", strconv.Itoa(max(d.version.Epoch, version.Epoch)+1))
	next, err := newDocument(cib)
	if err != nil {
		return err
	}
	return s.replace(next)
}

package pacemakertest

import (
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// The outputs are those of pcs 0.11.5 with Pacemaker 2.1.

func (p *pcsCommand) propertyConfig() int {
	d, err := p.document()
	if err != nil {
		return p.Fail(1, "Error: unable to get crm_config\nCould not connect to the CIB: Transport endpoint is not "+
			"connected\nInit failed, could not perform requested operations\n")
	}
	p.Printf("Cluster Properties:\n")
	for _, pair := range sorted(d.cib.Properties()) {
		if len(p.words) == 0 || slices.Contains(p.words, pair.Name) {
			p.Printf(" %s: %s\n", pair.Name, pair.Value)
		}
	}
	return 0
}

// definition2 is a primitive of `pcs resource config`.
func (p *pcsCommand) definition2(r pacemaker.Resource) {
	provider := ""
	if r.Provider != "" {
		provider = "provider=" + r.Provider + " "
	}
	p.Printf("Resource: %s (class=%s %stype=%s)\n", r.ID, r.Class, provider, r.Type)
	for _, part := range []struct {
		heading string
		sets    pacemaker.AttributeSets
	}{{"Attributes", r.Instance}, {"Meta Attributes", r.Meta}} {
		for _, set := range part.sets {
			if len(set.Pairs) == 0 {
				continue
			}
			p.Printf("  %s: %s\n", part.heading, set.ID)
			for _, a := range sorted(set.Pairs) {
				p.Printf("    %s=%s\n", a.Name, a.Value)
			}
		}
	}
	if len(r.Operations) > 0 {
		p.Printf("  Operations:\n")
	}
	for _, o := range r.Operations {
		p.Printf("    %s: %s\n      interval=%s\n", o.Name, o.ID, o.Interval)
		if o.Timeout != "" {
			p.Printf("      timeout=%s\n", o.Timeout)
		}
		for _, a := range o.Other {
			p.Printf("      %s=%s\n", a.Name, a.Value)
		}
	}
}

func (p *pcsCommand) stonithStatus() int {
	return p.rows(func(r primitive) bool { return r.definition.Class == "stonith" })
}

// statusNodes is `pcs status nodes`.
func (p *pcsCommand) statusNodes() int {
	if !p.node.up {
		return p.Fail(1, "Error: error running crm_mon, is pacemaker running?\n  error: Could not connect to launcher: "+
			"Connection refused\n  crm_mon: Connection to cluster failed: Connection refused")
	}
	lists := map[string][]string{}
	for _, n := range p.node.doc.nodes {
		m, state := p.peer(n.Uname), "Offline"
		switch {
		case m == nil || !m.ready:
		case p.node.doc.nodeFlag(n.Uname, "standby") && len(m.active) > 0:
			state = "Standby with resource(s) running"
		case p.node.doc.nodeFlag(n.Uname, "standby"):
			state = "Standby"
		case p.node.doc.nodeFlag(n.Uname, "maintenance"):
			state = "Maintenance"
		default:
			state = "Online"
		}
		lists[state] = append(lists[state], n.Uname)
	}
	for _, kind := range []string{"Pacemaker Nodes", "Pacemaker Remote Nodes"} {
		p.Printf("%s:\n", kind)
		for _, state := range []string{"Online", "Standby", "Standby with resource(s) running", "Maintenance", "Offline"} {
			line := " " + state + ":"
			if names := lists[state]; kind == "Pacemaker Nodes" && len(names) > 0 {
				line += " " + strings.Join(names, " ")
			}
			p.Printf("%s\n", line)
		}
	}
	return 0
}

// statusModern is `pcs status`.
func (p *pcsCommand) statusModern() int {
	if p.node.broken {
		return p.fail(errNotRunning, "")
	}
	if !p.node.up {
		return p.Fail(1, "Error: error running crm_mon, is pacemaker running?\n  error: Could not connect to launcher: "+
			"Connection refused\n  crm_mon: Connection to cluster failed: Connection refused")
	}
	p.Printf("Cluster name: %s\n", p.node.conf.name)
	if !slices.ContainsFunc(p.node.doc.primitives, func(r primitive) bool { return r.definition.Class == "stonith" }) &&
		p.node.doc.flag("stonith-enabled", true) {
		p.Printf("\nWARNINGS:\nNo stonith devices and stonith-enabled is not false\n\n")
	}
	p.Printf("Status of pacemakerd: 'Pacemaker is running' (last updated %s)\nCluster Summary:\n", p.Now().UTC().
		Format("2006-01-02 15:04:05Z"))
	p.summaryText("")
	p.Printf("\nNode List:\n")
	p.nodeText("  ")
	p.Printf("\nFull List of Resources:\n")
	for _, row := range p.session.rows(p.node.doc, all) {
		p.Printf("%s\n", row)
	}
	if len(p.node.doc.primitives) == 0 {
		p.Printf("  * No resources\n")
	}
	p.failureText()
	p.daemons()
	return 0
}

// showLocations is `pcs constraint location [config]`.
func (p *pcsCommand) showLocations() int {
	d, err := p.document()
	if err != nil {
		return p.fail(err, "")
	}
	p.Printf("Location Constraints:\n")
	list := d.cib.Locations()
	byResource := map[string][]pacemaker.Location{}
	var order []string
	for _, l := range list {
		if byResource[l.Resource] == nil {
			order = append(order, l.Resource)
		}
		byResource[l.Resource] = append(byResource[l.Resource], l)
	}
	slices.Sort(order)
	for _, resource := range order {
		p.Printf("  Resource: %s\n", resource)
		for _, part := range []struct {
			heading string
			negated bool
		}{{"Enabled on", false}, {"Disabled on", true}} {
			heading := part.heading
			for _, l := range byResource[resource] {
				if strings.HasPrefix(l.Score, "-") != part.negated {
					continue
				}
				if heading != "" {
					p.Printf("    %s:\n", heading)
					heading = ""
				}
				p.Printf("      Node: %s (score:%s)", l.Node, l.Score)
				if p.has("--full") {
					p.Printf(" (id:%s)", l.ID)
				}
				p.Printf("\n")
			}
		}
	}
	return 0
}

// waiting is what pcs says while it waits, and what came of it.
func (p *pcsCommand) waiting(resources []string, wanted bool) int {
	if !p.has("--wait") || p.file != "" {
		return 0
	}
	timeout := ""
	if v := p.options["--wait"]; v != "" {
		timeout = " (timeout: " + v + " seconds)"
	}
	p.Fail(0, "Waiting for the cluster to apply configuration changes%s...", timeout)
	if !p.Until(ShutdownTime, func() bool { return p.stack.settled(p.State, p.node) }) {
		return p.Fail(1, "Error: waiting timeout")
	}
	var wrong []string
	for _, id := range resources {
		text := "resource '" + id + "' is not running on any node"
		role, on := p.running(id)
		if role == "Started" {
			var names []string
			for _, m := range on {
				names = append(names, "'"+p.stack.uname(p.State, m)+"'")
			}
			text = "resource '" + id + "' is running on node " + strings.Join(names, ", ")
		}
		if (role == "Started") != wanted {
			wrong = append(wrong, text)
			continue
		}
		p.Fail(0, "%s", text)
	}
	if len(wrong) > 0 {
		return p.refuse(wrong...)
	}
	return 0
}

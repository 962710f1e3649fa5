package rebuild

import (
	"fmt"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// setup makes the cluster software's own configuration.
func (b *rebuilder) setup(conf *corosync.Conf) error {
	totem, err := conf.Totem()
	if err != nil {
		return err
	}
	setup, err := b.clusterSetup(conf, totem)
	if err != nil {
		return err
	}
	o, err := b.d.Setup(setup)
	if err != nil {
		return err
	}
	if totem.RRPMode != "" && totem.RRPMode != "passive" {
		b.drop("corosync.conf rrp_mode: "+totem.RRPMode, "the new cluster uses passive (lustre:884)")
	}
	if totem.Token != 0 && totem.Token != b.opts.Token {
		b.drop(fmt.Sprintf("corosync.conf token: %d", totem.Token), fmt.Sprintf("the new cluster uses %d ms (lustre:891)", b.opts.Token))
	}
	if totem.SecAuth == "on" {
		b.drop("corosync.conf secauth: on", "pcs 0.9 makes a cluster without encryption; the key is not in the backup")
	}
	if services, err := conf.Services(); err == nil && len(services) > 0 {
		b.drop("corosync.conf service section", "corosync 2 and later start no services")
	}
	b.plan.Setup = b.on1(b.d.Auth(b.opts.Node1), o, b.d.ClusterStart(""), b.d.ClusterEnable(""))
	return nil
}

// clusterSetup is a cluster of node 1 alone, with the rings of the old one or with links of knet in their place.
func (b *rebuilder) clusterSetup(conf *corosync.Conf, totem corosync.Totem) (corosync.Setup, error) {
	s := corosync.Setup{
		Name: b.opts.ClusterName, Nodes: []corosync.Member{b.opts.node(b.opts.Node1)}, RRPMode: "passive",
		Token: b.opts.Token, FailRecvConst: b.opts.FailRecvConst,
	}
	if b.opts.Knet {
		plan, err := conf.PlanKnet(corosync.KnetOptions{
			ClusterName: b.opts.ClusterName, Token: b.opts.Token, Nodes: []corosync.Member{b.opts.node(b.opts.Node1), b.opts.node(b.opts.Node2)},
		})
		if err != nil {
			return s, fmt.Errorf("cannot move to knet: %w", err)
		}
		s.Transport, s.Rings, s.Cipher, s.Hash = "knet", plan.Setup.Rings, plan.Setup.Cipher, plan.Setup.Hash
		return s, nil
	}
	if totem.Transport == "knet" && b.d.Modern() { // it stays what it is
		s.Transport, s.Cipher, s.Hash = "knet", totem.CryptoCipher, totem.CryptoHash
		for link := range s.Nodes[0].Addresses {
			i := slices.IndexFunc(totem.Interfaces, func(f corosync.Interface) bool { return f.Ring == link })
			if i < 0 {
				s.Rings = append(s.Rings, corosync.Interface{Ring: link})
				continue
			}
			s.Rings = append(s.Rings, totem.Interfaces[i])
		}
		return s, nil
	}
	if t := totem.Transport; t != "" && t != "udp" {
		return s, &pacemaker.UnsupportedError{What: []string{"corosync.conf has the transport " + t + ", not multicast udp"}}
	}
	rings, err := conf.Rings()
	s.Rings = rings
	return s, err
}

// byXML says whether something for which pcs has no words may go by cibadmin, and notes it otherwise.
func (b *rebuilder) byXML(format string, args ...any) bool {
	if !b.opts.ByXML {
		b.cannot.Add(format, args...)
	}
	return b.opts.ByXML
}

// ruled says whether one of the sets in a section holds under a rule only: then the section is made as it stands, because what wins
// depends on all of them.
func ruled(sets pacemaker.AttributeSets) bool {
	return slices.ContainsFunc(sets, func(s pacemaker.AttributeSet) bool { return s.Rule != "" })
}

// properties sets the guide's three first, then what else the old cluster had.
func (b *rebuilder) properties() {
	// Node 1 is alone at first: without "ignore" it would never have a quorum (PCM-007, lustre:929-934).
	noQuorum := "ignore"
	if len(b.want.Nodes()) > 2 {
		noQuorum = "stop"
	}
	guide := []pacemaker.NVPair{{Name: "no-quorum-policy", Value: noQuorum}, {Name: "stonith-enabled", Value: "true"},
		{Name: "symmetric-cluster", Value: "true"}}
	if b.opts.OwnProperties {
		guide = slices.DeleteFunc(guide, func(p pacemaker.NVPair) bool { _, said := b.want.Property(p.Name); return !said })
	}
	for i, p := range guide {
		if v, ok := b.want.Property(p.Name); ok {
			guide[i].Value = v
		} else {
			b.want.SetProperty(p.Name, p.Value)
		}
		b.plan.Properties = append(b.plan.Properties, b.on1(b.d.SetProperty(guide[i]))...)
	}
	if ruled(b.want.PropertySets()) {
		b.byXML("a property set has a rule")
		b.plan.Properties = append(b.plan.Properties, b.on1(pcs.AddXML("properties with rules", "crm_config", b.want.Section("crm_config")))...)
		return
	}
	for _, p := range b.want.Properties() {
		if !slices.ContainsFunc(guide, func(g pacemaker.NVPair) bool { return g.Name == p.Name }) {
			b.plan.Properties = append(b.plan.Properties, b.on1(b.d.SetProperty(p))...)
		}
	}
}

// defaults sets the guide's three first where the old cluster had them, then the others.
func (b *rebuilder) defaults() {
	b.sectionDefaults("rsc_defaults", b.want.ResourceDefaults(), b.d.SetResourceDefault)
	b.sectionDefaults("op_defaults", b.want.OperationDefaults(), b.d.SetOperationDefault)
}

func (b *rebuilder) sectionDefaults(section string, sets pacemaker.AttributeSets, set func(pacemaker.NVPair) pcs.Operation) {
	if ruled(sets) {
		b.byXML("%s: a set has a rule", section)
		b.plan.Defaults = append(b.plan.Defaults, b.on1(pcs.AddXML(section+" with rules", section, b.want.Section(section)))...)
		return
	}
	pairs := slices.Clone(sets.Effective())
	guide := []string{"resource-stickiness", "failure-timeout", "migration-threshold"}
	rank := func(p pacemaker.NVPair) int {
		if i := slices.Index(guide, p.Name); i >= 0 {
			return i
		}
		return len(guide)
	}
	slices.SortStableFunc(pairs, func(a, b pacemaker.NVPair) int { return rank(a) - rank(b) })
	for _, p := range pairs {
		b.plan.Defaults = append(b.plan.Defaults, b.on1(set(p))...)
	}
}

// resources makes them in the order of the CIB, fence devices and templates first.
func (b *rebuilder) resources() {
	for _, e := range b.want.SectionChildren("resources") {
		if e.Tag == string(pacemaker.Template) { // what is made from it refers to it
			b.byXML("template %s is not a plain primitive", e.SelectAttrValue("id", ""))
			b.plan.Stonith = append(b.plan.Stonith, b.on1(pcs.AddXML("create "+e.SelectAttrValue("id", ""), "resources", e))...)
		}
	}
	b.plan.Resources = slices.Grow(b.plan.Resources, len(b.plan.roles))
	for _, e := range b.want.SectionChildren("resources") {
		if !pacemaker.IsResource(e) || e.Tag == string(pacemaker.Template) {
			continue
		}
		r := b.want.ResourceAt(e)
		fence := fences(r)
		var o pcs.Operation
		wordless := wordlessIn(e, r, b.d)
		switch {
		case wordless != "":
			b.byXML("%s %s %s", r.Kind, r.ID, wordless)
			o = pcs.AddXML("create "+r.ID, "resources", e)
			if !fence {
				o.Why = "disabled: the other node still has it (PCM-026)"
			}
		case fence:
			o = b.d.CreateStonith(r)
		default:
			o = b.d.CreateResource(r, true)
		}
		if len(o.Secret) > 0 {
			private := pcs.AddXML(o.Name, "resources", e)
			private.Ref, private.Why, private.Node = o.Ref, "the secrets go by standard input", b.opts.Node1
			o.Private = &private
		}
		if fence {
			b.plan.Stonith = append(b.plan.Stonith, b.on1(o)...)
		} else {
			b.plan.Resources = append(b.plan.Resources, b.on1(o)...)
		}
	}
	for _, r := range b.plan.roles {
		if strings.EqualFold(r.was, "Stopped") {
			b.drop("enabling "+r.id, "it was disabled in the old cluster (target-role=Stopped) and stays so")
		}
	}
}

// constraints makes the plain location constraints first, each resource's in the order of the resources, then all others.
func (b *rebuilder) constraints() {
	byResource := make(map[string][]*etree.Element)
	var ids []string
	var others []*etree.Element
	all := b.want.SectionChildren("constraints")
	for _, e := range all {
		if e.Tag != "rsc_location" {
			others = append(others, e)
			continue
		}
		l := b.want.LocationAt(e)
		if !l.Plain() {
			others = append(others, e)
			continue
		}
		if _, err := pacemaker.ParseScore(l.Score); err != nil {
			b.cannot.Add("location constraint %s: %v", l.ID, err)
			continue
		}
		if len(byResource[l.Resource]) == 0 {
			ids = append(ids, l.Resource)
		}
		byResource[l.Resource] = append(byResource[l.Resource], e)
	}
	b.plan.Constraints = slices.Grow(b.plan.Constraints, len(all))
	emit := func(resource string) {
		list, ok := byResource[resource]
		if !ok {
			return
		}
		delete(byResource, resource)
		// The primary, with the greater score, first (lustre:1056-1061).
		score := func(e *etree.Element) pacemaker.Score { return mustScore(e.SelectAttrValue("score", "")) }
		slices.SortStableFunc(list, func(a, b *etree.Element) int { return int(score(b) - score(a)) })
		for _, e := range list {
			b.plan.Constraints = append(b.plan.Constraints, b.on1(b.location(b.want.LocationAt(e)))...)
		}
	}
	var visit func(list []*etree.Element)
	visit = func(list []*etree.Element) {
		for _, e := range list {
			if pacemaker.IsResource(e) {
				emit(e.SelectAttrValue("id", ""))
				visit(e.ChildElements())
			}
		}
	}
	visit(b.want.SectionChildren("resources"))
	for _, id := range ids {
		if len(byResource[id]) > 0 {
			b.cannot.Add("location constraint %s is about %s, which is no resource", byResource[id][0].SelectAttrValue("id", ""), id)
		}
	}
	for _, e := range others {
		id := e.SelectAttrValue("id", "")
		if e.Tag == "rsc_location" {
			b.byXML("location constraint %s is not of the plain form", id)
		} else {
			b.byXML("%s %s", e.Tag, id)
		}
		b.plan.Constraints = append(b.plan.Constraints, b.on1(pcs.AddXML("constraint "+id, "constraints", e))...)
	}
}

// mustScore is the score of a constraint that was checked before.
func mustScore(s string) pacemaker.Score {
	score, _ := pacemaker.ParseScore(s)
	return score
}

func (b *rebuilder) location(l pacemaker.Location) pcs.Operation {
	if b.opts.PlainConstraints {
		return b.d.PreferNode(l.Resource, l.Node, mustScore(l.Score), l.Node != b.opts.Node1)
	}
	return pcs.ConstraintByID(l)
}

// extras makes what refers to resources and nodes and has no words of its own: each section in one change.
func (b *rebuilder) extras() {
	for _, section := range []string{"fencing-topology", "tags", "acls", "alerts"} {
		if e := b.want.Section(section); e != nil && len(e.ChildElements()) > 0 {
			b.byXML("the section %s is not empty", section)
			b.plan.Constraints = append(b.plan.Constraints, b.on1(pcs.AddXML(section, section, e))...)
		}
	}
}

// move takes the targets over, brings node 2 back and spreads the targets again (PCM-038 to PCM-041).
func (b *rebuilder) move() {
	node1, node2 := b.opts.Node1, b.opts.Node2
	b.plan.StopOther = on(node2, b.stopOld()...)
	b.plan.SwitchOver = append(make([]pcs.Operation, 0, 1+len(b.plan.roles)), b.on1(b.d.Maintenance(false))...)
	for _, r := range b.plan.roles {
		if !strings.EqualFold(r.was, "Stopped") {
			b.plan.SwitchOver = append(b.plan.SwitchOver, b.on1(b.enable(r))...)
		}
	}
	auth := b.d.Auth(node1, node2)
	auth.Ref = "lustre:1599"
	b.plan.Join = b.on1(auth, b.d.NodeAdd(b.opts.node(node2), b.opts.StartOnAdd))
	if b.d.Modern() { // it made node 1 trust node 2 only
		there := auth
		b.plan.Join = slices.Concat(b.plan.Join[:1], on(node2, there), b.plan.Join[1:])
	}
	if !b.opts.StartOnAdd {
		start := b.d.ClusterStart("")
		start.Ref = "lustre:1624"
		b.plan.Join = append(b.plan.Join, on(node2, start)...)
	}
	enable := b.d.ClusterEnable("")
	enable.Ref = "lustre:1625"
	b.plan.Join = append(b.plan.Join, on(node2, enable)...)
	b.plan.Rebalance = b.on1(b.d.RelocateShow(), b.d.RelocateRun())
}

// enable gives a resource back what it was meant to do. pcs enables what is inside a container as well, and removes the role where it is
// said; so it is asked for primitives only, and only where removing it means Started.
func (b *rebuilder) enable(r targetRole) pcs.Operation {
	started := r.was == "" || strings.EqualFold(r.was, "Started")
	if r.kind == pacemaker.Primitive && started && !r.inner && !(r.was != "" && defaultRole(b.want, r.id) != "") {
		return b.d.EnableResource(r.id)
	}
	argv := []string{"crm_resource", "--resource", r.id, "--meta", "--delete-parameter", "target-role"}
	if r.was != "" {
		argv = []string{"crm_resource", "--resource", r.id, "--meta", "--set-parameter", "target-role", "--parameter-value", r.was}
	}
	return pcs.NewOperation("enable "+r.id, "lustre:1142", op.Mutating, op.Idempotent, argv...)
}

// defaultRole says where a resource gets its target-role from when it does not say it itself: a default of all, or its template.
func defaultRole(c *pacemaker.CIB, id string) string {
	says := func(sets pacemaker.AttributeSets) bool {
		return slices.ContainsFunc(sets, func(s pacemaker.AttributeSet) bool { _, has := s.Get("target-role"); return has })
	}
	if says(c.ResourceDefaults()) {
		return "the resource defaults"
	}
	if e := c.ResourceElement(id); e != nil && e.SelectAttr("template") != nil {
		if t, ok := c.Resource(e.SelectAttrValue("template", "")); ok && says(t.Meta) {
			return "the template " + t.ID
		}
	}
	return ""
}

// stopOld takes node 2 out of its old cluster: by the guide's commands for EL6, by pcs where systemd runs the cluster.
func (b *rebuilder) stopOld() []pcs.Operation {
	if !b.opts.OldDialect.Modern() {
		return stopEL6(b.opts.OldDialect)
	}
	stop := b.opts.OldDialect.ClusterStop("")
	stop.Argv = append(stop.Argv, "--force")
	stop.Why = "it is the last node of its cluster: without --force pcs refuses, for the loss of the quorum"
	return []pcs.Operation{b.opts.OldDialect.Standby(""), stop, b.opts.OldDialect.ClusterDisable("")}
}

// stopEL6 takes an EL6 node out of its cluster, in the guide's order (lustre:1125-1128): standby, Pacemaker, Corosync,
// not at boot. The node is the local one.
func stopEL6(d pcs.Dialect) []pcs.Operation {
	standby, disable := d.Standby(""), d.ClusterDisable("")
	standby.Name, standby.Ref = "standby", "lustre:1125"
	disable.Ref = "lustre:1128"
	return []pcs.Operation{
		standby,
		pcs.NewOperation("stop pacemaker", "lustre:1126", op.Disruptive, op.Idempotent, "service", "pacemaker", "stop"),
		pcs.NewOperation("stop corosync", "lustre:1127", op.Disruptive, op.Idempotent, "service", "corosync", "stop"),
		disable,
	}
}

package rebuild

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// imlMark is the property set in which IML notes that it made the cluster.
const imlMark = "intel_manager_for_lustre_configuration"

// model makes the wanted configuration of the backed-up one: nodes renamed, what is not carried over gone, every target disabled.
func (b *rebuilder) model(backup *pacemaker.CIB) error {
	b.plan.want = b.want
	conf := b.want.Root().SelectElement("configuration")
	if conf == nil {
		b.cannot.Add("the CIB has no configuration")
		return nil
	}
	if b.want.CheckNames() != nil {
		return backup.Clone().CheckNames() // it knows the lines
	}
	if status := b.want.Root().SelectElement("status"); status != nil {
		b.want.Remove(status)
	}
	for _, section := range conf.ChildElements() {
		if !slices.Contains(pacemaker.SectionNames, section.Tag) && len(section.ChildElements()) > 0 {
			b.cannot.Add("the section %s is not known", section.Tag)
		}
	}
	b.modelProperties()
	b.modelNodes()
	b.modelConstraints()
	b.rename(conf)
	b.disableAll()
	return nil
}

// modelProperties drops what the new cluster has of its own.
func (b *rebuilder) modelProperties() {
	for _, set := range b.want.SectionChildren("crm_config") {
		for _, e := range set.SelectElements("nvpair") {
			p := pacemaker.NVPair{Name: e.SelectAttrValue("name", ""), Value: e.SelectAttrValue("value", "")}
			why, owned := pacemaker.ClusterOwned(p.Name)
			switch {
			case owned:
			case set.SelectAttrValue("id", "") == imlMark:
				why = "a mark of IML's own in a property set of its own, which pcs cannot make"
			default:
				continue
			}
			b.drop("property "+p.String(), why)
			b.want.Remove(e)
		}
		if len(set.ChildElements()) == 0 && set.SelectAttr("id-ref") == nil {
			b.want.Remove(set)
		}
	}
}

// modelNodes drops the states that nodes were in.
func (b *rebuilder) modelNodes() {
	for _, n := range b.want.Nodes() {
		for _, p := range n.Attributes.Effective() {
			if why, state := pacemaker.NodeState(p.Name); state {
				b.drop(fmt.Sprintf("attribute %s of %s", p, b.opts.Names.New(n.Uname)), why)
				b.want.RemoveNodeAttribute(n.Uname, p.Name)
			}
		}
	}
}

// modelConstraints drops what moving resources by hand left behind: it would pin them.
func (b *rebuilder) modelConstraints() {
	for _, e := range b.want.SectionChildren("constraints") {
		id := e.SelectAttrValue("id", "")
		if e.Tag == "rsc_location" &&
			(strings.HasPrefix(id, "cli-prefer-") || strings.HasPrefix(id, "cli-ban-") || strings.HasPrefix(id, "cli-standby-")) {
			b.drop("location constraint "+id, "left behind by moving "+e.SelectAttrValue("rsc", "")+" by hand; it would pin the target")
			b.want.RemoveConstraint(id)
		}
	}
}

// rename gives the nodes their new names wherever they are named (H12).
func (b *rebuilder) rename(e *etree.Element) {
	where := func() string { return strings.TrimSpace(e.Tag + " " + e.SelectAttrValue("id", "")) }
	set := func(key, where string) {
		if a := e.SelectAttr(key); a != nil {
			a.Value = b.node(a.Value, where)
		}
	}
	switch e.Tag {
	case "node":
		set("uname", where())
	case "rsc_location":
		set("node", "location constraint "+e.SelectAttrValue("id", ""))
	case "expression":
		if e.SelectAttrValue("attribute", "") == "#uname" {
			if operation := e.SelectAttrValue("operation", ""); operation != "eq" && operation != "ne" {
				b.cannot.Add("%s compares node names by %s: with other names it says something else", where(), operation)
			} else {
				set("value", where())
			}
		}
	case "fencing-level":
		set("target", where())
		if pattern := e.SelectAttrValue("target-pattern", ""); pattern != "" {
			b.checkPattern(pattern, where())
		}
	case "nvpair":
		b.renameInParameter(e)
	}
	for child := range e.ChildElementsSeq() {
		b.rename(child)
	}
}

// checkPattern wants a regular expression over node names to choose the same nodes by their new names.
func (b *rebuilder) checkPattern(pattern, where string) {
	re, err := regexp.CompilePOSIX(pattern)
	if err != nil {
		b.cannot.Add("%s: the pattern %q cannot be read: %v", where, pattern, err)
		return
	}
	for old, name := range b.opts.Names {
		if re.MatchString(old) != re.MatchString(name) {
			b.cannot.Add("%s: the pattern %q chooses %s, but not %s, or the other way round", where, pattern, old, name)
		}
	}
}

func (b *rebuilder) renameInParameter(e *etree.Element) {
	name, value := e.SelectAttrValue("name", ""), e.SelectAttrValue("value", "")
	renamed := b.opts.Names.InParameter(name, value)
	if renamed != value {
		e.CreateAttr("value", renamed)
		b.drop(name+"="+value, "it names nodes: now "+renamed+" (H12)")
	}
}

// disableAll disables every resource at the top level but fence devices, and notes what it was meant to do (H8, PCM-026).
func (b *rebuilder) disableAll() {
	for _, e := range b.want.SectionChildren("resources") {
		if !pacemaker.IsResource(e) || e.Tag == string(pacemaker.Template) {
			continue
		}
		r := gist(b.want, e)
		if fences(r) {
			continue
		}
		was, _ := r.Meta.Get("target-role")
		b.plan.roles = append(b.plan.roles, targetRole{id: r.ID, kind: r.Kind, was: was})
		for inner := range pacemaker.Walk([]pacemaker.Resource{r}) {
			if slices.ContainsFunc(inner.Meta, func(s pacemaker.AttributeSet) bool { _, has := s.Get("target-role"); return has && s.Rule != "" }) {
				b.cannot.Add("%s %s: a rule decides its target-role: it could not be kept disabled (H8)", inner.Kind, inner.ID)
			}
			role, _ := inner.Meta.Get("target-role")
			if inner.ID == r.ID || role == "" || strings.EqualFold(role, "Stopped") {
				continue
			}
			if strings.EqualFold(was, "Stopped") || !strings.EqualFold(role, "Started") {
				b.cannot.Add("%s %s in %s has a target-role of its own, %s: it could not be kept disabled and given back (H8)",
					inner.Kind, inner.ID, r.ID, role)
				continue
			}
			b.want.RemoveMeta(inner.ID, "target-role")
			b.plan.roles = append(b.plan.roles, targetRole{id: inner.ID, kind: inner.Kind, was: role, inner: true})
		}
		if err := b.want.SetMeta(r.ID, "target-role", "Stopped"); err != nil {
			b.cannot.Add("%v", err)
		}
		if now, ok := b.want.Resource(r.ID); ok && len(r.Meta) > 1 { // a second set could win
			if role, _ := now.Meta.Get("target-role"); role != "Stopped" {
				b.cannot.Add("%s %s cannot be disabled: another set of meta attributes says %s (H8)", r.Kind, r.ID, role)
			}
		}
	}
}

// gist shows no more of a resource than what says whether it runs: kind, class, meta attributes and members.
func gist(c *pacemaker.CIB, e *etree.Element) pacemaker.Resource {
	r := pacemaker.Resource{Kind: pacemaker.Kind(e.Tag), ID: e.SelectAttrValue("id", ""),
		Class: e.SelectAttrValue("class", ""), Meta: c.SetsOf(e, "meta_attributes")}
	for child := range e.ChildElementsSeq() {
		if member := c.Follow(child); member != nil && pacemaker.IsResource(child) {
			r.Members = append(r.Members, gist(c, member))
		}
	}
	return r
}

// fences says whether a resource is a fence device, or holds nothing else.
func fences(r pacemaker.Resource) bool {
	if r.Kind == pacemaker.Primitive {
		return r.Class == "stonith"
	}
	found := false
	for inner := range pacemaker.Walk([]pacemaker.Resource{r}) {
		if inner.Kind == pacemaker.Primitive {
			if inner.Class != "stonith" {
				return false
			}
			found = true
		}
	}
	return found
}

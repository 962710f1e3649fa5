package pacemaker

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/beevik/etree"
)

// ErrExists says that an id or name is taken.
var ErrExists = errors.New("exists already")

// Edits change the document in place and leave its version alone: whoever plays the cluster calls BumpEpoch once for each change.

// BumpEpoch counts a change of the configuration: epoch plus one, num_updates 0, as Pacemaker does.
func (c *CIB) BumpEpoch() {
	c.Edit()
	v := c.Version()
	c.Root().CreateAttr("epoch", strconv.Itoa(v.Epoch+1))
	c.Root().CreateAttr("num_updates", "0")
}

// SetAttribute sets an attribute of the <cib> element, such as have-quorum or dc-uuid.
func (c *CIB) SetAttribute(name, value string) {
	c.Edit()
	c.Root().CreateAttr(name, value)
}

// SetProperty sets a cluster property where it stands, else in cib-bootstrap-options.
func (c *CIB) SetProperty(name, value string) {
	c.Edit()
	config := c.EnsureSection("crm_config")
	set := c.findSet(config, "cluster_property_set", bootstrapSet)
	if set != nil && c.pairElement(set, name) == nil {
		if other := c.setWith(config, "cluster_property_set", name); other != nil {
			set = other
		}
	}
	if set == nil {
		set = c.setWith(config, "cluster_property_set", name)
	}
	if set == nil {
		set = c.addChild(config, "cluster_property_set", "id", bootstrapSet)
	}
	c.setPair(set, name, value)
}

// RemoveProperty removes a cluster property from every set; it says whether there was one.
func (c *CIB) RemoveProperty(name string) bool {
	return c.removePairs(c.Section("crm_config"), "cluster_property_set", name)
}

// SetResourceDefault sets a default of all resources.
func (c *CIB) SetResourceDefault(name, value string) {
	c.Edit()
	c.setIn(c.EnsureSection("rsc_defaults"), "meta_attributes", "rsc_defaults-options", name, value)
}

// RemoveResourceDefault removes a default; it says whether there was one.
func (c *CIB) RemoveResourceDefault(name string) bool {
	return c.removePairs(c.Section("rsc_defaults"), "meta_attributes", name)
}

// SetOperationDefault sets a default of all operations.
func (c *CIB) SetOperationDefault(name, value string) {
	c.Edit()
	c.setIn(c.EnsureSection("op_defaults"), "meta_attributes", "op_defaults-options", name, value)
}

// AddNode adds a node; its id and uname must be free.
func (c *CIB) AddNode(id, uname string) error {
	nodes := c.EnsureSection("nodes")
	for _, n := range c.Nodes() {
		if n.ID == id || n.Uname == uname {
			return fmt.Errorf("node id=%s uname=%s: %w", id, uname, ErrExists)
		}
	}
	c.Edit()
	c.addChild(nodes, "node", "id", id, "uname", uname)
	return nil
}

// RemoveNode removes a node and its attributes; it says whether there was one. Its constraints stay, as they do in Pacemaker.
func (c *CIB) RemoveNode(uname string) bool {
	e := c.NodeElement(uname)
	if e == nil {
		return false
	}
	c.Edit()
	c.Remove(e)
	return true
}

// SetNodeAttribute sets a permanent node attribute. A node that the CIB does not have is ErrNotFound (H7).
func (c *CIB) SetNodeAttribute(uname, name, value string) error {
	e := c.NodeElement(uname)
	if e == nil {
		return fmt.Errorf("node %s: %w", uname, ErrNotFound)
	}
	c.Edit()
	c.setIn(e, "instance_attributes", "nodes-"+e.SelectAttrValue("id", uname), name, value)
	return nil
}

// RemoveNodeAttribute removes a permanent node attribute; it says whether there was one.
func (c *CIB) RemoveNodeAttribute(uname, name string) bool {
	return c.removePairs(c.NodeElement(uname), "instance_attributes", name)
}

// AddPrimitive adds a primitive at the end of the resources: its attributes, meta attributes, utilization and operations, with the
// ids that are given, and made ones in the style of pcs where they are empty.
func (c *CIB) AddPrimitive(r Resource) error {
	switch {
	case r.Kind != Primitive && r.Kind != "":
		return fmt.Errorf("resource %s is a %s, not a primitive", r.ID, r.Kind)
	case r.ID == "" || r.Type == "" && r.Template == "":
		return fmt.Errorf("resource %q: a primitive needs an id and an agent", r.ID)
	}
	r.Kind = Primitive
	return c.AddResource(r)
}

// AddResource adds a resource of any kind, with everything in it, at the end of the resources. Ids of sets, pairs and operations that
// are empty are made in the style of pcs.
func (c *CIB) AddResource(r Resource) error {
	for part := range Walk([]Resource{r}) {
		switch {
		case part.ID == "" || !slices.Contains(resourceTags, string(part.Kind)):
			return fmt.Errorf("resource %q: it needs an id and a kind", part.ID)
		case c.byID(part.ID) != nil:
			return fmt.Errorf("id %s: %w", part.ID, ErrExists)
		}
	}
	c.Edit()
	c.writeChild(c.EnsureSection("resources"), "", reflect.ValueOf(r))
	return nil
}

func (c *CIB) addOperation(ops *etree.Element, o Op) {
	if o.ID == "" {
		resource := ops.Parent().SelectAttrValue("id", "")
		o.ID = c.freeID(operationID(resource, o.Name, o.Interval))
	}
	e := c.addChild(ops, "op")
	c.write(e, reflect.ValueOf(o))
	c.note(e)
}

func (c *CIB) addSet(e *etree.Element, tag string, s AttributeSet) {
	if s.ID == "" {
		s.ID = c.freeID(e.SelectAttrValue("id", e.Tag) + "-" + tag)
	}
	set := c.addChild(e, tag, "id", s.ID)
	if s.Score != 0 {
		set.CreateAttr("score", s.Score.String())
	}
	if s.Condition != nil {
		c.writeChild(set, "rule", reflect.ValueOf(*s.Condition))
	}
	for _, p := range s.Pairs {
		if p.ID != "" && c.byID(p.ID) == nil {
			c.addChild(set, "nvpair", "id", p.ID, "name", p.Name, "value", p.Value)
		} else {
			c.setPair(set, p.Name, p.Value)
		}
	}
}

// RemoveResource removes a resource and what names it: constraints, places in sets and tags, and a container that it leaves empty,
// as pcs does. It says whether there was one.
func (c *CIB) RemoveResource(id string) bool {
	e := c.ResourceElement(id)
	if e == nil {
		return false
	}
	c.Edit()
	gone := []string{id}
	for p := e.Parent(); IsResource(p) && len(ResourceChildren(p)) == 1; p = e.Parent() {
		e = p
		gone = append(gone, p.SelectAttrValue("id", ""))
	}
	for r := range Walk([]Resource{viewOf[Resource](c, e)}) {
		gone = append(gone, r.ID)
	}
	c.Remove(e)
	for _, g := range gone {
		c.forget(g)
	}
	return true
}

// ResourceChildren are the resources directly inside an element.
func ResourceChildren(e *etree.Element) []*etree.Element {
	var all []*etree.Element
	for _, child := range e.ChildElements() {
		if IsResource(child) {
			all = append(all, child)
		}
	}
	return all
}

// forget removes every reference to a resource that is gone.
func (c *CIB) forget(id string) {
	for _, e := range append(c.SectionChildren("constraints"), c.SectionChildren("tags")...) {
		for _, key := range []string{"rsc", "with-rsc", "first", "then"} {
			if e.SelectAttrValue(key, "") == id {
				c.Remove(e)
			}
		}
		if e.Parent() == nil {
			continue
		}
		if e.Tag == "tag" {
			c.forgetRefs(e, "obj_ref", id)
			continue
		}
		sets := e.SelectElements("resource_set")
		for _, set := range sets {
			c.forgetRefs(set, "resource_ref", id)
		}
		if len(sets) > 0 && len(e.SelectElements("resource_set")) == 0 {
			c.Remove(e)
		}
	}
}

// forgetRefs removes references from a list, and the list when it becomes empty.
func (c *CIB) forgetRefs(list *etree.Element, tag, id string) {
	refs := list.SelectElements(tag)
	left := len(refs)
	for _, ref := range refs {
		if ref.SelectAttrValue("id", "") == id {
			c.removeWithSpace(ref)
			left--
		}
	}
	if left == 0 && len(refs) > 0 {
		c.Remove(list)
	}
}

// SetMeta sets a meta attribute of a resource, such as target-role.
func (c *CIB) SetMeta(resource, name, value string) error {
	return c.setOfResource(resource, "meta_attributes", name, value)
}

// SetInstanceAttribute sets a parameter of a resource.
func (c *CIB) SetInstanceAttribute(resource, name, value string) error {
	return c.setOfResource(resource, "instance_attributes", name, value)
}

func (c *CIB) setOfResource(resource, tag, name, value string) error {
	e := c.ResourceElement(resource)
	if e == nil {
		return fmt.Errorf("resource %s: %w", resource, ErrNotFound)
	}
	c.Edit()
	c.setIn(e, tag, resource+"-"+tag, name, value)
	return nil
}

// RemoveMeta removes a meta attribute of a resource; it says whether there was one.
func (c *CIB) RemoveMeta(resource, name string) bool {
	return c.removePairs(c.ResourceElement(resource), "meta_attributes", name)
}

// AddLocation adds a location constraint of the plain form by its id (H9). The resource must exist; the node need not.
func (c *CIB) AddLocation(l Location) error {
	if _, err := ParseScore(l.Score); err != nil {
		return fmt.Errorf("location constraint %s: %w", l.ID, err)
	}
	if l.ID == "" || !l.Plain() {
		return fmt.Errorf("location constraint %q: %w: it needs an id, a resource, a node and a score, and nothing else", l.ID, ErrUnsupported)
	}
	return c.addConstraint("rsc_location", l.ID, l, l.Resource)
}

// SetLocationScore changes the score of a location constraint, by its id, where it stands. One whose rules have the
// scores is refused.
func (c *CIB) SetLocationScore(id, score string) error {
	if _, err := ParseScore(score); err != nil {
		return fmt.Errorf("location constraint %s: %w", id, err)
	}
	e := c.byID(id)
	switch {
	case e == nil || e.Tag != "rsc_location":
		return fmt.Errorf("location constraint %s: %w", id, ErrNotFound)
	case e.SelectAttr("score") == nil:
		return fmt.Errorf("location constraint %s: %w: it has no score of its own", id, ErrUnsupported)
	}
	c.Edit()
	e.CreateAttr("score", score)
	return nil
}

// AddOrder adds an ordering constraint. The resources must exist.
func (c *CIB) AddOrder(o Order) error {
	return c.addConstraint("rsc_order", o.ID, o, append(setMembers(o.Sets), o.First, o.Then)...)
}

// AddColocation adds a colocation constraint. The resources must exist.
func (c *CIB) AddColocation(o Colocation) error {
	return c.addConstraint("rsc_colocation", o.ID, o, append(setMembers(o.Sets), o.Resource, o.With)...)
}

// AddTicket adds a ticket constraint. The resources must exist.
func (c *CIB) AddTicket(o Ticket) error {
	return c.addConstraint("rsc_ticket", o.ID, o, append(setMembers(o.Sets), o.Resource)...)
}

func setMembers(sets []ResourceSet) []string {
	var all []string
	for _, s := range sets {
		all = append(all, s.Resources...)
	}
	return all
}

func (c *CIB) addConstraint(tag, id string, view any, resources ...string) error {
	switch {
	case id == "":
		return fmt.Errorf("a constraint of the kind %s needs an id", tag)
	case c.byID(id) != nil:
		return fmt.Errorf("id %s: %w", id, ErrExists)
	}
	for _, r := range resources {
		if r != "" && c.ResourceElement(r) == nil && !c.isTag(r) {
			return fmt.Errorf("constraint %s: resource %s: %w", id, r, ErrNotFound)
		}
	}
	c.Edit()
	c.writeChild(c.EnsureSection("constraints"), tag, reflect.ValueOf(view))
	return nil
}

// isTag says whether an id is that of a tag, which may stand for its resources in a constraint.
func (c *CIB) isTag(id string) bool {
	e := c.byID(id)
	return e != nil && e.Tag == "tag"
}

// RemoveConstraint removes a constraint of any kind by its id; it says whether there was one.
func (c *CIB) RemoveConstraint(id string) bool {
	e := c.byID(id)
	if e == nil || c.Section("constraints") == nil || e.Parent() != c.Section("constraints") {
		return false
	}
	c.Edit()
	c.Remove(e)
	return true
}

// EnsureSection finds or makes a part of <configuration>, at its place.
func (c *CIB) EnsureSection(name string) *etree.Element {
	if e := c.Section(name); e != nil {
		return e
	}
	c.Edit()
	root := c.Root()
	conf := root.SelectElement("configuration")
	if conf == nil {
		conf = etree.NewElement("configuration")
		insertElement(root, conf, root.SelectElement("status"))
	}
	later := false
	var before *etree.Element
	for _, s := range SectionNames {
		if later && before == nil {
			before = conf.SelectElement(s)
		}
		later = later || s == name
	}
	e := etree.NewElement(name)
	insertElement(conf, e, before)
	return e
}

// findSet is the set with this id and tag that has no rule; setWith that of those without a rule whose value of the
// name holds: see [AttributeSets.Effective].
func (c *CIB) findSet(e *etree.Element, tag, id string) *etree.Element {
	for _, set := range e.SelectElements(tag) {
		if set.SelectAttrValue("id", "") == id && set.SelectElement("rule") == nil {
			return set
		}
	}
	return nil
}

func (c *CIB) setWith(e *etree.Element, tag, name string) *etree.Element {
	var winner *etree.Element
	var greatest Score
	for _, set := range e.SelectElements(tag) {
		score, _ := ParseScore(set.SelectAttrValue("score", "")) // one that cannot be read is 0, as Pacemaker takes it
		if set.SelectElement("rule") == nil && c.pairElement(set, name) != nil && (winner == nil || score >= greatest) {
			winner, greatest = set, score
		}
	}
	return winner
}

// setIn sets a pair in the set whose value holds, else in the first set without a rule, else in a new one with this id.
func (c *CIB) setIn(e *etree.Element, tag, id, name, value string) {
	set := c.setWith(e, tag, name)
	if set == nil {
		for _, s := range e.SelectElements(tag) {
			if s.SelectElement("rule") == nil && s.SelectAttr("id-ref") == nil {
				set = s
				break
			}
		}
	}
	if set == nil {
		set = c.addChild(e, tag, "id", c.freeID(sanitizeID(id)))
	}
	c.setPair(set, name, value)
}

// pairElement is the pair of a name in a set: the first counts. One that is a reference may have its name from there.
func (c *CIB) pairElement(set *etree.Element, name string) *etree.Element {
	for _, p := range set.SelectElements("nvpair") {
		has := p.SelectAttrValue("name", "")
		if target := c.Follow(p); has == "" && target != nil {
			has = target.SelectAttrValue("name", "")
		}
		if has == name {
			return p
		}
	}
	return nil
}

// setPair sets a pair where it stands, else at the end of the set. A reference becomes a pair of its own: what it
// refers to is shared.
func (c *CIB) setPair(set *etree.Element, name, value string) {
	id := c.freeID(sanitizeID(set.SelectAttrValue("id", "set") + "-" + name))
	p := c.pairElement(set, name)
	switch {
	case p == nil:
		c.addChild(set, "nvpair", "id", id, "name", name, "value", value)
		return
	case p.RemoveAttr("id-ref") != nil:
		p.CreateAttr("id", id)
		p.CreateAttr("name", name)
		c.note(p)
	}
	p.CreateAttr("value", value)
}

func (c *CIB) removePairs(e *etree.Element, tag, name string) bool {
	if e == nil {
		return false
	}
	found := false
	for _, set := range e.SelectElements(tag) {
		for p := c.pairElement(set, name); p != nil; p = c.pairElement(set, name) {
			c.Edit()
			c.Remove(p)
			found = true
		}
	}
	return found
}

// addChild makes an element at the end of its parent, indented like its neighbours, and indexes its id.
func (c *CIB) addChild(parent *etree.Element, tag string, attrs ...string) *etree.Element {
	e := etree.NewElement(tag)
	setAttrs(e, attrs...)
	insertElement(parent, e, nil)
	c.note(e)
	return e
}

// note makes a new element known by its id.
func (c *CIB) note(e *etree.Element) {
	if id := e.SelectAttrValue("id", ""); id != "" && c.ids[id] == nil {
		c.ids[id] = e
	}
}

func setAttrs(e *etree.Element, attrs ...string) {
	e.Attr = slices.Grow(e.Attr, len(attrs)/2)
	for i := 0; i+1 < len(attrs); i += 2 {
		if attrs[i+1] != "" || attrs[i] == "value" {
			e.CreateAttr(attrs[i], attrs[i+1])
		}
	}
}

func (c *CIB) unindex(e *etree.Element) {
	if id := e.SelectAttrValue("id", ""); c.ids[id] == e {
		delete(c.ids, id)
	}
	for _, child := range e.ChildElements() {
		c.unindex(child)
	}
}

// insertElement puts e before another child, or last, with the white space of its neighbours, so that an edited CIB
// stays readable.
func insertElement(parent, e, before *etree.Element) {
	var above *etree.Element // the element that e comes to stand after
	for _, child := range parent.ChildElements() {
		if child == before {
			break
		}
		above = child
	}
	space := spaceBefore(parent)
	n := len(parent.Child)
	switch {
	case above != nil:
		at := lineEnd(above)
		if space := spaceBefore(above); space != "" {
			parent.InsertChildAt(at, etree.NewText(space))
			at++
		}
		parent.InsertChildAt(at, e)
	case before != nil:
		space, at := spaceBefore(before), before.Index()
		parent.InsertChildAt(at, e)
		if space != "" {
			parent.InsertChildAt(at+1, etree.NewText(space))
		}
	case !strings.HasPrefix(space, "\n"):
		parent.InsertChildAt(n, e)
	case n > 0 && isSpace(parent.Child[n-1]): // it stands before the end tag, and stays there
		parent.InsertChildAt(n-1, etree.NewText(space+indentUnit(parent)))
		parent.InsertChildAt(n, e)
	default:
		parent.AddChild(etree.NewText(space + indentUnit(parent)))
		parent.AddChild(e)
		parent.AddChild(etree.NewText(space))
	}
}

// lineEnd is the place behind an element and the comments that follow it on its line.
func lineEnd(e *etree.Element) int {
	siblings := e.Parent().Child
	end := e.Index() + 1
	for i := end; i < len(siblings); i++ {
		switch t := siblings[i].(type) {
		case *etree.Comment:
			end = i + 1
		case *etree.CharData:
			if strings.Contains(t.Data, "\n") {
				return end
			}
		default:
			return end
		}
	}
	return end
}

// indentUnit is by how much an element around e stands deeper than its parent: nothing where all start their lines, two
// blanks where nothing tells.
func indentUnit(e *etree.Element) string {
	unit := "  "
	for ; e.Parent().Parent() != nil; e = e.Parent() {
		outer := spaceBefore(e.Parent())
		if deeper, ok := strings.CutPrefix(spaceBefore(e), outer); ok && strings.HasPrefix(outer, "\n") {
			if deeper != "" {
				return deeper
			}
			unit = ""
		}
	}
	return unit
}

// isSpace says whether a token is nothing but white space.
func isSpace(t etree.Token) bool {
	text, ok := t.(*etree.CharData)
	return ok && !text.IsCData() && strings.Trim(text.Data, xmlSpaces) == ""
}

// spaceBefore is the line break and indentation of an element's line, or the blanks between it and what stands before
// it there.
func spaceBefore(e *etree.Element) string {
	p := e.Parent()
	if p == nil {
		return ""
	}
	if p.Parent() == nil { // the root element: its children start on a line of their own
		return "\n"
	}
	space := ""
	for i := e.Index() - 1; i >= 0; i-- {
		if _, is := p.Child[i].(*etree.Comment); is {
			continue
		}
		if !isSpace(p.Child[i]) {
			break
		}
		text := p.Child[i].(*etree.CharData).Data //nolint:forcetypeassert // white space is text
		if n := strings.LastIndexByte(text, '\n'); n >= 0 {
			return text[n:]
		}
		space = cmp.Or(space, text)
	}
	return space
}

// removeWithSpace removes an element with the line break and indentation in front of it. What edits put into an element that is empty
// again goes as well.
func (c *CIB) removeWithSpace(e *etree.Element) {
	p := e.Parent()
	if p == nil {
		return
	}
	i := e.Index()
	p.RemoveChildAt(i)
	isNew := func(i int) bool {
		_, old := c.edited[p.Child[i]]
		return !old && isSpace(p.Child[i])
	}
	if i > 0 && isSpace(p.Child[i-1]) {
		p.RemoveChildAt(i - 1)
	}
	if len(p.ChildElements()) == 0 {
		for i := len(p.Child) - 1; i >= 0; i-- {
			if isNew(i) {
				p.RemoveChildAt(i)
			}
		}
	}
}

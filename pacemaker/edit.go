package pacemaker

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/beevik/etree"
)

// ErrExists says that an id or name is taken.
var ErrExists = errors.New("exists already")

// Edits change the document in place and leave its version alone: whoever plays the cluster calls BumpEpoch once for each change.

// BumpEpoch counts a change of the configuration: epoch plus one, num_updates 0, as Pacemaker does.
func (c *CIB) BumpEpoch() {
	c.edit()
	v := c.Version()
	c.doc.Root().CreateAttr("epoch", strconv.Itoa(v.Epoch+1))
	c.doc.Root().CreateAttr("num_updates", "0")
}

// BumpNumUpdates counts a change of the status section.
func (c *CIB) BumpNumUpdates() {
	c.edit()
	c.doc.Root().CreateAttr("num_updates", strconv.Itoa(c.Version().NumUpdates+1))
}

// SetAttribute sets an attribute of the <cib> element, such as have-quorum or dc-uuid.
func (c *CIB) SetAttribute(name, value string) {
	c.edit()
	c.doc.Root().CreateAttr(name, value)
}

// SetProperty sets a cluster property where it stands, else in cib-bootstrap-options.
func (c *CIB) SetProperty(name, value string) {
	c.edit()
	config := c.ensureSection("crm_config")
	set := c.findSet(config, "cluster_property_set", bootstrapSet)
	if set != nil && pairElement(set, name) == nil {
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
	return c.removePairs(c.section("crm_config"), "cluster_property_set", name)
}

// SetResourceDefault sets a default of all resources.
func (c *CIB) SetResourceDefault(name, value string) {
	c.edit()
	c.setIn(c.ensureSection("rsc_defaults"), "meta_attributes", "rsc_defaults-options", name, value)
}

// RemoveResourceDefault removes a default; it says whether there was one.
func (c *CIB) RemoveResourceDefault(name string) bool {
	return c.removePairs(c.section("rsc_defaults"), "meta_attributes", name)
}

// SetOperationDefault sets a default of all operations.
func (c *CIB) SetOperationDefault(name, value string) {
	c.edit()
	c.setIn(c.ensureSection("op_defaults"), "meta_attributes", "op_defaults-options", name, value)
}

// AddNode adds a node; its id and uname must be free.
func (c *CIB) AddNode(id, uname string) error {
	nodes := c.ensureSection("nodes")
	for _, n := range c.Nodes() {
		if n.ID == id || n.Uname == uname {
			return fmt.Errorf("node id=%s uname=%s: %w", id, uname, ErrExists)
		}
	}
	c.edit()
	c.addChild(nodes, "node", "id", id, "uname", uname)
	return nil
}

// RemoveNode removes a node and its attributes; it says whether there was one. Its constraints stay, as they do in Pacemaker.
func (c *CIB) RemoveNode(uname string) bool {
	e := c.nodeElement(uname)
	if e == nil {
		return false
	}
	c.edit()
	c.remove(e)
	return true
}

// SetNodeAttribute sets a permanent node attribute. A node that the CIB does not have is ErrNotFound (H7).
func (c *CIB) SetNodeAttribute(uname, name, value string) error {
	e := c.nodeElement(uname)
	if e == nil {
		return fmt.Errorf("node %s: %w", uname, ErrNotFound)
	}
	c.edit()
	c.setIn(e, "instance_attributes", "nodes-"+e.SelectAttrValue("id", uname), name, value)
	return nil
}

// RemoveNodeAttribute removes a permanent node attribute; it says whether there was one.
func (c *CIB) RemoveNodeAttribute(uname, name string) bool {
	return c.removePairs(c.nodeElement(uname), "instance_attributes", name)
}

// AddPrimitive adds a primitive at the end of the resources: its attributes, meta attributes, utilization and operations, with the
// ids that are given, and made ones in the style of pcs where they are empty.
func (c *CIB) AddPrimitive(r Resource) error {
	switch {
	case r.Kind != Primitive && r.Kind != "":
		return fmt.Errorf("resource %s is a %s, not a primitive", r.ID, r.Kind)
	case r.ID == "" || r.Type == "" && r.Template == "":
		return fmt.Errorf("resource %q: a primitive needs an id and an agent", r.ID)
	case c.byID(r.ID) != nil:
		return fmt.Errorf("id %s: %w", r.ID, ErrExists)
	}
	c.edit()
	e := c.addChild(c.ensureSection("resources"), "primitive", "id", r.ID)
	setAttrs(e, "class", r.Class, "provider", r.Provider, "type", r.Type, "template", r.Template)
	c.addSets(e, "instance_attributes", r.ID, r.Instance)
	c.addSets(e, "meta_attributes", r.ID, r.Meta)
	c.addSets(e, "utilization", r.ID, r.Utilization)
	if len(r.Operations) > 0 {
		ops := c.addChild(e, "operations")
		for _, o := range r.Operations {
			c.addOperation(ops, r.ID, o)
		}
	}
	return nil
}

func (c *CIB) addOperation(ops *etree.Element, resource string, o Op) {
	id := o.ID
	if id == "" {
		id = c.freeID(fmt.Sprintf("%s-%s-interval-%s", resource, o.Name, o.Interval))
	}
	e := c.addChild(ops, "op", "id", id)
	setAttrs(e, "name", o.Name, "interval", o.Interval, "timeout", o.Timeout)
	for _, p := range o.Other {
		e.CreateAttr(p.Name, p.Value)
	}
	c.addSets(e, "instance_attributes", id, o.Instance)
	c.addSets(e, "meta_attributes", id, o.Meta)
}

func (c *CIB) addSets(e *etree.Element, tag, owner string, sets AttributeSets) {
	for _, s := range sets {
		id := s.ID
		if id == "" {
			id = c.freeID(owner + "-" + tag)
		}
		set := c.addChild(e, tag, "id", id)
		if s.Score != 0 {
			set.CreateAttr("score", s.Score.String())
		}
		for _, p := range s.Pairs {
			c.setPair(set, p.Name, p.Value)
		}
	}
}

// RemoveResource removes a resource and what names it: constraints, places in sets and tags, and a container that it leaves empty,
// as pcs does. It says whether there was one.
func (c *CIB) RemoveResource(id string) bool {
	e := c.resourceElement(id)
	if e == nil {
		return false
	}
	c.edit()
	gone := []string{id}
	for p := e.Parent(); isResource(p) && len(resourceChildren(p)) == 1; p = e.Parent() {
		e = p
		gone = append(gone, p.SelectAttrValue("id", ""))
	}
	for r := range walk([]Resource{c.resource(e)}) {
		gone = append(gone, r.ID)
	}
	c.remove(e)
	for _, g := range gone {
		c.forget(g)
	}
	return true
}

func resourceChildren(e *etree.Element) []*etree.Element {
	var all []*etree.Element
	for _, child := range e.ChildElements() {
		if isResource(child) {
			all = append(all, child)
		}
	}
	return all
}

// forget removes every reference to a resource that is gone.
func (c *CIB) forget(id string) {
	for _, e := range append(c.children("constraints"), c.children("tags")...) {
		for _, key := range []string{"rsc", "with-rsc", "first", "then"} {
			if e.SelectAttrValue(key, "") == id {
				c.remove(e)
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
			c.remove(e)
		}
	}
}

// forgetRefs removes references from a list, and the list when it becomes empty.
func (c *CIB) forgetRefs(list *etree.Element, tag, id string) {
	refs := list.SelectElements(tag)
	left := len(refs)
	for _, ref := range refs {
		if ref.SelectAttrValue("id", "") == id {
			removeWithSpace(ref)
			left--
		}
	}
	if left == 0 && len(refs) > 0 {
		c.remove(list)
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
	e := c.resourceElement(resource)
	if e == nil {
		return fmt.Errorf("resource %s: %w", resource, ErrNotFound)
	}
	c.edit()
	c.setIn(e, tag, resource+"-"+tag, name, value)
	return nil
}

// RemoveMeta removes a meta attribute of a resource; it says whether there was one.
func (c *CIB) RemoveMeta(resource, name string) bool {
	return c.removePairs(c.resourceElement(resource), "meta_attributes", name)
}

// AddLocation adds a location constraint of the plain form by its id (H9). The resource must exist; the node need not.
func (c *CIB) AddLocation(l Location) error {
	if _, err := ParseScore(l.Score); err != nil {
		return fmt.Errorf("location constraint %s: %w", l.ID, err)
	}
	switch {
	case l.ID == "" || !l.Plain():
		return fmt.Errorf("location constraint %q: %w: it needs an id, a resource, a node and a score, and nothing else", l.ID, ErrUnsupported)
	case c.byID(l.ID) != nil:
		return fmt.Errorf("id %s: %w", l.ID, ErrExists)
	case c.resourceElement(l.Resource) == nil:
		return fmt.Errorf("location constraint %s: resource %s: %w", l.ID, l.Resource, ErrNotFound)
	}
	c.edit()
	c.addChild(c.ensureSection("constraints"), "rsc_location", "id", l.ID, "rsc", l.Resource, "node", l.Node, "score", l.Score)
	return nil
}

// RemoveConstraint removes a constraint of any kind by its id; it says whether there was one.
func (c *CIB) RemoveConstraint(id string) bool {
	e := c.byID(id)
	if e == nil || c.section("constraints") == nil || e.Parent() != c.section("constraints") {
		return false
	}
	c.edit()
	c.remove(e)
	return true
}

// edit makes the tree, not the bytes as read, what is printed from now on.
func (c *CIB) edit() {
	c.byID("") // build the index before the tree changes
	c.raw = nil
}

func (c *CIB) nodeElement(uname string) *etree.Element {
	for _, e := range c.children("nodes") {
		if e.Tag == "node" && e.SelectAttrValue("uname", "") == uname {
			return e
		}
	}
	return nil
}

// sectionOrder is the order in which the schemas want the parts of <configuration>.
var sectionOrder = []string{"crm_config", "nodes", "resources", "constraints", "rsc_defaults", "op_defaults", "fencing-topology", "tags", "acls", "alerts"}

// ensureSection finds or makes a part of <configuration>, at its place.
func (c *CIB) ensureSection(name string) *etree.Element {
	if e := c.section(name); e != nil {
		return e
	}
	c.edit()
	root := c.doc.Root()
	conf := root.SelectElement("configuration")
	if conf == nil {
		conf = etree.NewElement("configuration")
		insertElement(root, conf, root.SelectElement("status"))
	}
	later := false
	var before *etree.Element
	for _, s := range sectionOrder {
		if later && before == nil {
			before = conf.SelectElement(s)
		}
		later = later || s == name
	}
	e := etree.NewElement(name)
	insertElement(conf, e, before)
	return e
}

// findSet is the set with this id and tag that has no rule; setWith the first without a rule that has the name.
func (c *CIB) findSet(e *etree.Element, tag, id string) *etree.Element {
	for _, set := range e.SelectElements(tag) {
		if set.SelectAttrValue("id", "") == id && set.SelectElement("rule") == nil {
			return set
		}
	}
	return nil
}

func (c *CIB) setWith(e *etree.Element, tag, name string) *etree.Element {
	for _, set := range e.SelectElements(tag) {
		if set.SelectElement("rule") == nil && pairElement(set, name) != nil {
			return set
		}
	}
	return nil
}

// setIn sets a pair in the set that has it, else in the first set without a rule, else in a new one with this id.
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

func pairElement(set *etree.Element, name string) *etree.Element {
	for _, p := range set.SelectElements("nvpair") {
		if p.SelectAttrValue("name", "") == name {
			return p
		}
	}
	return nil
}

func (c *CIB) setPair(set *etree.Element, name, value string) {
	if p := pairElement(set, name); p != nil {
		p.CreateAttr("value", value)
		return
	}
	id := c.freeID(sanitizeID(set.SelectAttrValue("id", "set") + "-" + name))
	c.addChild(set, "nvpair", "id", id, "name", name, "value", value)
}

func (c *CIB) removePairs(e *etree.Element, tag, name string) bool {
	if e == nil {
		return false
	}
	found := false
	for _, set := range e.SelectElements(tag) {
		for p := pairElement(set, name); p != nil; p = pairElement(set, name) {
			c.edit()
			c.remove(p)
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
	if id := e.SelectAttrValue("id", ""); id != "" && c.ids[id] == nil {
		c.ids[id] = e
	}
	return e
}

func setAttrs(e *etree.Element, attrs ...string) {
	for i := 0; i+1 < len(attrs); i += 2 {
		if attrs[i+1] != "" || attrs[i] == "value" {
			e.CreateAttr(attrs[i], attrs[i+1])
		}
	}
}

func (c *CIB) remove(e *etree.Element) {
	c.unindex(e)
	removeWithSpace(e)
}

func (c *CIB) unindex(e *etree.Element) {
	if id := e.SelectAttrValue("id", ""); c.ids[id] == e {
		delete(c.ids, id)
	}
	for _, child := range e.ChildElements() {
		c.unindex(child)
	}
}

// freeID is id, or id with a number when it is taken.
func (c *CIB) freeID(id string) string {
	free := id
	for n := 1; c.byID(free) != nil; n++ {
		free = fmt.Sprintf("%s-%d", id, n)
	}
	return free
}

// sanitizeID makes an XML id of a text: what cannot stand in one becomes a full stop, as in Pacemaker.
func sanitizeID(s string) string {
	clean := []byte(s)
	for i, b := range clean {
		if b < 0x80 && (!isNameByte(b) || b == ':') {
			clean[i] = '.'
		}
	}
	if len(clean) > 0 && !isName(string(clean[:1])) && clean[0] < 0x80 {
		return "_" + string(clean)
	}
	return string(clean)
}

// insertElement puts e before another child, or last, with the white space of its neighbours, so that an edited CIB stays readable.
func insertElement(parent, e, before *etree.Element) {
	if before != nil {
		space := spaceBefore(before)
		at := before.Index()
		parent.InsertChildAt(at, e)
		if space != "" {
			parent.InsertChildAt(at+1, etree.NewText(space))
		}
		return
	}
	children := parent.ChildElements()
	if n := len(children); n > 0 {
		last := children[n-1]
		at := last.Index() + 1
		if space := spaceBefore(last); space != "" {
			parent.InsertChildAt(at, etree.NewText(space))
			at++
		}
		parent.InsertChildAt(at, e)
		return
	}
	space := spaceBefore(parent)
	if strings.HasPrefix(space, "\n") && len(parent.Child) == 0 {
		parent.AddChild(etree.NewText(space + "  "))
		parent.AddChild(e)
		parent.AddChild(etree.NewText(space))
		return
	}
	parent.AddChild(e)
}

// spaceBefore is the line break and indentation in front of an element, if it has nothing else there.
func spaceBefore(e *etree.Element) string {
	p := e.Parent()
	if p == nil {
		return ""
	}
	if p.Parent() == nil { // the root element: its children start on a line of their own
		return "\n"
	}
	i := e.Index()
	if i == 0 {
		return ""
	}
	text, ok := p.Child[i-1].(*etree.CharData)
	if !ok || text.IsCData() || strings.Trim(text.Data, xmlSpaces) != "" {
		return ""
	}
	if n := strings.LastIndexByte(text.Data, '\n'); n >= 0 {
		return text.Data[n:]
	}
	return text.Data
}

func removeWithSpace(e *etree.Element) {
	p := e.Parent()
	if p == nil {
		return
	}
	i := e.Index()
	p.RemoveChildAt(i)
	if i == 0 {
		return
	}
	if text, ok := p.Child[i-1].(*etree.CharData); ok && !text.IsCData() && strings.Trim(text.Data, xmlSpaces) == "" {
		p.RemoveChildAt(i - 1)
	}
	if len(p.ChildElements()) == 0 {
		onlySpace := true
		for _, t := range p.Child {
			text, ok := t.(*etree.CharData)
			onlySpace = onlySpace && ok && strings.Trim(text.Data, xmlSpaces) == ""
		}
		for onlySpace && len(p.Child) > 0 {
			p.RemoveChildAt(0)
		}
	}
}

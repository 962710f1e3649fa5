package pacemaker

import (
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/beevik/etree"
)

// A view is a struct that shows an element. The tag of each field says what of the element it shows, and that is the only place where
// it is said:
//
//	cib:"first-action"           the attribute of this name: a string, or a Score
//	cib:"* role on-fail"         every attribute that no other field shows, as []NVPair; those that the schemas name are listed
//	cib:"."                      the name of the element itself
//	cib:"<rule"                  the elements of this name: a slice of views, one view (the first), or a bool (whether there is one)
//	cib:"<docker <podman"        of any of these names
//	cib:"<operations<op"         inside another element
//	cib:"<resource_ref@id"       one attribute of each, as []string
//
// References by id-ref are followed on the way, as Pacemaker does. A field without a tag is filled in by a readFrom method.
const viewTag = "cib"

// viewReader is a view that reads more than its tags say.
type viewReader interface {
	readFrom(c *CIB, e *etree.Element)
}

type viewPlan struct {
	attrs    map[string]int // attribute → field
	rest     int            // the field for all other attributes, -1 without
	name     int            // the field for the element's own name, -1 without
	children []viewChild
}

type viewChild struct {
	field int
	paths [][]string // each way from the element to the one that is shown
	attr  string     // the attribute to take; empty for the whole element
}

var viewPlans sync.Map // reflect.Type → *viewPlan

func planOf(t reflect.Type) *viewPlan {
	if plan, ok := viewPlans.Load(t); ok {
		return plan.(*viewPlan) //nolint:forcetypeassert // nothing else is stored
	}
	plan := &viewPlan{attrs: make(map[string]int), rest: -1, name: -1}
	for i := range t.NumField() {
		tag, ok := t.Field(i).Tag.Lookup(viewTag)
		switch {
		case !ok:
		case tag == ".":
			plan.name = i
		case strings.HasPrefix(tag, "*"):
			plan.rest = i
		case strings.HasPrefix(tag, "<"):
			child := viewChild{field: i}
			for way := range strings.FieldsSeq(tag) {
				way, attr, _ := strings.Cut(way, "@")
				child.attr = attr
				child.paths = append(child.paths, strings.Split(way[1:], "<"))
			}
			plan.children = append(plan.children, child)
		default:
			plan.attrs[tag] = i
		}
	}
	viewPlans.Store(t, plan)
	return plan
}

// viewOf shows an element.
func viewOf[T any](c *CIB, e *etree.Element) T {
	var v T
	c.read(reflect.ValueOf(&v).Elem(), e)
	return v
}

// viewsIn shows the elements of these names in a section of the configuration.
func viewsIn[T any](c *CIB, section string, tags ...string) []T {
	elements := slices.DeleteFunc(c.SectionChildren(section), func(e *etree.Element) bool { return !slices.Contains(tags, e.Tag) })
	if len(elements) == 0 {
		return nil
	}
	all := make([]T, len(elements))
	for i, e := range elements {
		c.read(reflect.ValueOf(&all[i]).Elem(), e)
	}
	return all
}

func (c *CIB) read(v reflect.Value, e *etree.Element) {
	plan := planOf(v.Type())
	if plan.name >= 0 {
		v.Field(plan.name).SetString(e.Tag)
	}
	for _, a := range e.Attr {
		i, known := plan.attrs[a.FullKey()]
		switch {
		case known && v.Field(i).Kind() == reflect.String:
			v.Field(i).SetString(a.Value)
		case known: // a Score; one that cannot be read is 0, as Pacemaker takes it
			score, _ := ParseScore(a.Value)
			v.Field(i).SetInt(int64(score))
		case plan.rest >= 0:
			grown(v.Field(plan.rest)).Set(reflect.ValueOf(NVPair{Name: a.FullKey(), Value: a.Value}))
		}
	}
	for _, child := range plan.children {
		c.readChildren(v.Field(child.field), e, child.paths, child.attr)
	}
	if r, ok := v.Addr().Interface().(viewReader); ok {
		r.readFrom(c, e)
	}
}

// readChildren shows what lies at the end of the paths, in the order of the document.
func (c *CIB) readChildren(field reflect.Value, e *etree.Element, paths [][]string, attr string) {
	if field.Kind() == reflect.Slice {
		field.Grow(lastSteps(e, paths))
	}
	for _, child := range e.Child {
		found, ok := child.(*etree.Element)
		if !ok {
			continue
		}
		for _, path := range paths {
			if found.Tag != path[0] {
				continue
			}
			target := found
			if found.Tag != "nvpair" { // a pair may have a name of its own beside the reference
				target = c.Follow(found)
			}
			switch {
			case target == nil: // a reference that leads nowhere; Validate tells
			case len(path) > 1:
				c.readChildren(field, target, [][]string{path[1:]}, attr)
			default:
				c.readChild(field, target, attr)
			}
		}
	}
}

func (c *CIB) readChild(field reflect.Value, e *etree.Element, attr string) {
	switch {
	case field.Kind() == reflect.Bool:
		field.SetBool(true)
	case attr != "":
		grown(field).SetString(e.SelectAttrValue(attr, ""))
	case field.Kind() == reflect.Pointer:
		if field.IsNil() {
			field.Set(reflect.New(field.Type().Elem()))
			c.read(field.Elem(), e)
		}
	default: // a slice
		c.read(grown(field), e)
	}
}

// lastSteps counts the children of an element that are the ends of paths.
func lastSteps(e *etree.Element, paths [][]string) int {
	n := 0
	for child := range e.ChildElementsSeq() {
		for _, path := range paths {
			if len(path) == 1 && child.Tag == path[0] {
				n++
			}
		}
	}
	return n
}

// grown is a new last element of a slice.
func grown(slice reflect.Value) reflect.Value {
	n := slice.Len()
	slice.Grow(1)
	slice.SetLen(n + 1)
	return slice.Index(n)
}

// write makes what a view shows under an element: the same table, the other way round. Ids of sets and pairs that are empty are made.
func (c *CIB) write(e *etree.Element, v reflect.Value) {
	t := v.Type()
	for i := range t.NumField() {
		tag, ok := t.Field(i).Tag.Lookup(viewTag)
		field := v.Field(i)
		switch {
		case !ok || tag == "." || field.IsZero():
		case strings.HasPrefix(tag, "*"):
			for _, p := range field.Interface().([]NVPair) { //nolint:forcetypeassert // the only type of a rest field
				e.CreateAttr(p.Name, p.Value)
			}
		case strings.HasPrefix(tag, "<"):
			c.writeChildren(e, tag, field)
		case field.Kind() == reflect.String:
			e.CreateAttr(tag, field.String())
		default:
			e.CreateAttr(tag, Score(field.Int()).String())
		}
	}
}

func (c *CIB) writeChildren(e *etree.Element, tag string, field reflect.Value) {
	way, attr, _ := strings.Cut(strings.Fields(tag)[0], "@")
	path := strings.Split(way[1:], "<")
	for _, step := range path[:len(path)-1] {
		inner := e.SelectElement(step)
		if inner == nil {
			inner = c.addChild(e, step)
		}
		e = inner
	}
	last := path[len(path)-1]
	switch {
	case field.Kind() == reflect.Bool:
		c.addChild(e, last)
	case attr != "":
		for i := range field.Len() {
			c.addChild(e, last, attr, field.Index(i).String())
		}
	case field.Kind() == reflect.Pointer:
		c.writeChild(e, last, field.Elem())
	default:
		for i := range field.Len() {
			c.writeChild(e, last, field.Index(i))
		}
	}
}

func (c *CIB) writeChild(e *etree.Element, tag string, v reflect.Value) {
	if plan := planOf(v.Type()); plan.name >= 0 {
		tag = v.Field(plan.name).String()
	}
	switch view := v.Interface().(type) {
	case AttributeSet:
		c.addSet(e, tag, view)
	case Op:
		c.addOperation(e, view)
	default:
		child := c.addChild(e, tag)
		c.write(child, v)
		c.note(child)
	}
}

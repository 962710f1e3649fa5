package pacemaker

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
)

// rootViews are the views that methods of CIB give, by the element that each one shows.
var rootViews = map[string]any{
	"cib": Header{}, "node": Node{}, "cluster_property_set": AttributeSet{}, "meta_attributes": AttributeSet{},
	"rsc_location": Location{}, "rsc_order": Order{}, "rsc_colocation": Colocation{}, "rsc_ticket": Ticket{},
	"fencing-level": FencingLevel{}, "tag": Tag{}, "alert": Alert{},
	"acl_role": ACL{}, "acl_target": ACL{}, "acl_group": ACL{}, "acl_user": ACL{},
	"primitive": Resource{}, "group": Resource{}, "clone": Resource{}, "master": Resource{}, "bundle": Resource{}, "template": Resource{},
}

// notShown are the names of the schemas that no view shows, each with the reason.
var notShown = map[string]string{
	"configuration":       "holds the sections",
	"crm_config":          "a section: PropertySets, Properties",
	"nodes":               "a section: Nodes",
	"resources":           "a section: Resources, Primitives",
	"constraints":         "a section: Locations, Orders, Colocations, Tickets",
	"rsc_defaults":        "a section: ResourceDefaults",
	"op_defaults":         "a section: OperationDefaults",
	"fencing-topology":    "a section: FencingLevels",
	"tags":                "a section: Tags",
	"acls":                "a section: ACLs",
	"alerts":              "a section: Alerts",
	"status":              "the state of the moment, in any form: crm_mon tells it, see ParseStatus",
	"operations@id":       "a name for references only",
	"operations@id-ref":   "followed",
	"attribute@id":        "a name for references only",
	"nvpair@id-ref":       "followed; Name is the reference's own, if it has one",
	"rule@id-ref":         "followed",
	"resource_set@id-ref": "followed",

	"cluster_property_set@id-ref": "followed",
	"instance_attributes@id-ref":  "followed",
	"meta_attributes@id-ref":      "followed",
	"utilization@id-ref":          "followed",
}

// shownNames are the elements, and element@attribute, that the tags of the views name.
func shownNames() map[string]bool {
	shown := make(map[string]bool)
	visited := make(map[string]bool)
	var visit func(string, reflect.Type)
	visit = func(element string, t reflect.Type) {
		shown[element] = true
		if t.Kind() != reflect.Struct || visited[element+" "+t.String()] {
			return
		}
		visited[element+" "+t.String()] = true
		for i := range t.NumField() {
			tag, ok := t.Field(i).Tag.Lookup(viewTag)
			switch {
			case !ok || tag == ".":
			case strings.HasPrefix(tag, "*"):
				for _, name := range strings.Fields(tag)[1:] {
					shown[element+"@"+name] = true
				}
			case strings.HasPrefix(tag, "<"):
				for way := range strings.FieldsSeq(tag) {
					way, attr, _ := strings.Cut(way, "@")
					path := strings.Split(way[1:], "<")
					for _, step := range path {
						shown[step] = true
					}
					last := path[len(path)-1]
					inner := t.Field(i).Type
					for inner.Kind() == reflect.Slice || inner.Kind() == reflect.Pointer {
						inner = inner.Elem()
					}
					if attr != "" {
						shown[last+"@"+attr] = true
					}
					visit(last, inner)
				}
			default:
				shown[element+"@"+tag] = true
			}
		}
	}
	for element, view := range rootViews {
		visit(element, reflect.TypeOf(view))
	}
	return shown
}

// PCM-001 to PCM-008: the views show every element and every attribute that the schemas name, but for the exceptions above; and no
// exception is left over.
func TestViewsAccountForTheSchemas(t *testing.T) {
	shown := shownNames()
	excepted := maps.Clone(notShown)
	names := 0
	check := func(name string) {
		names++
		if _, is := excepted[name]; is {
			require.False(t, shown[name], "%s is shown, and an exception", name)
			delete(excepted, name)
			return
		}
		require.True(t, shown[name], "no view shows %s", name)
	}
	for _, element := range slices.Sorted(maps.Keys(schema())) {
		check(element)
		for _, attr := range schemaAttrs(element) {
			check(element + "@" + attr)
		}
	}
	require.Empty(t, excepted, "exceptions that no schema names")
	t.Logf("%d elements, %d names with their attributes, %d exceptions", len(schema()), names, len(notShown))
}

// What a view says of an element is written back as the same element.
func TestViewsWriteWhatTheyShow(t *testing.T) {
	text := everything(t)
	c := parseCIB(t, text)
	again := parseCIB(t, `<cib><configuration><resources/><constraints/></configuration></cib>`)
	for _, r := range c.Resources() {
		require.NoError(t, again.AddResource(r))
	}
	for _, o := range c.Orders() {
		require.NoError(t, again.AddOrder(o))
	}
	for _, o := range c.Colocations() {
		require.NoError(t, again.AddColocation(o))
	}
	for _, o := range c.Tickets() {
		require.NoError(t, again.AddTicket(o))
	}
	// its attributes have another order
	require.Empty(t, cmp.Diff(c.Resources(), again.Resources(), cmpopts.IgnoreFields(AttributeSet{}, "Rule")))
	require.Equal(t, c.Orders(), again.Orders())
	require.Equal(t, c.Colocations(), again.Colocations())
	require.Equal(t, c.Tickets(), again.Tickets())
	for _, d := range Diff(c, again, ManagedIDs()) {
		require.NotContains(t, []string{kindResource, kindOrdering, kindColocation, kindTicket}, d.Kind, d.String())
	}
	require.ErrorIs(t, again.AddOrder(Order{ID: c.Orders()[0].ID, First: "p", Then: "g"}), ErrExists)
	require.ErrorIs(t, again.AddOrder(Order{ID: "new", First: "nothing", Then: "g"}), ErrNotFound)
	require.ErrorIs(t, again.AddResource(Resource{ID: "p", Kind: Primitive}), ErrExists)
	require.Error(t, again.AddResource(Resource{ID: "x", Kind: "thing"}))
}

// everything is a CIB with every element of the schemas and every attribute with a value of its own.
func everything(t testing.TB) string {
	t.Helper()
	doc := etree.NewDocument()
	number := 0
	technologies := []string{"docker", "podman", "rkt"}
	repeats := map[string]int{"bundle": 9}
	var fill func(e *etree.Element, depth int)
	fill = func(e *etree.Element, depth int) {
		for _, a := range schemaAttrs(e.Tag) {
			number++
			value := fmt.Sprintf("v%d", number)
			switch {
			case a == "id-ref":
				continue
			case a == "score":
				value = fmt.Sprint(number)
			case e.Tag == "resource_ref" || a == "rsc" || a == "first" || a == "with-rsc" || a == "then":
				value = "p"
			}
			e.CreateAttr(a, value)
		}
		for _, child := range slices.Sorted(maps.Keys(schema())) {
			if slices.Contains(technologies, child) && child != technologies[number%len(technologies)] {
				continue // a bundle has one
			}
			if _, in := schema()[child].parents[e.Tag]; in && depth < 12 && (child != "rule" || e.Tag != "rule" || depth < 6) {
				for range repeats[child] + 1 {
					number++
					fill(e.CreateElement(child), depth+1)
				}
			}
		}
	}
	root := doc.CreateElement("cib")
	fill(root, 0)
	root.FindElement("configuration/resources").CreateElement("primitive").CreateAttr("id", "p")
	text, err := doc.WriteToString()
	require.NoError(t, err)
	return text
}

// Each attribute in a CIB with everything can be found in the views by its value.
func TestViewsShowEveryValue(t *testing.T) {
	c := parseCIB(t, everything(t))
	shown := make(map[string]bool)
	for _, view := range []any{
		c.Header(), c.PropertySets(), c.Nodes(), c.ResourceDefaults(), c.OperationDefaults(), c.Resources(), c.Locations(), c.Orders(),
		c.Colocations(), c.Tickets(), c.FencingLevels(), c.Tags(), c.Alerts(), c.ACLs(),
	} {
		stringsIn(reflect.ValueOf(view), shown)
	}
	missing := 0
	var visit func(*etree.Element)
	visit = func(e *etree.Element) {
		if e.Tag == "status" {
			return
		}
		for _, a := range e.Attr {
			if notShown[e.Tag+"@"+a.Key] == "" && strings.HasPrefix(a.Value, "v") && !shown[a.Value] {
				missing++
				t.Errorf("%s@%s is in no view", e.Tag, a.Key)
			}
		}
		for _, child := range e.ChildElements() {
			visit(child)
		}
	}
	visit(c.Root())
	require.Zero(t, missing)
	for _, technology := range []string{"docker", "podman", "rkt"} {
		require.NotNil(t, c.tree().FindElement("//bundle/"+technology), "the CIB has no %s", technology)
	}
	t.Logf("%d values", len(shown))
}

// stringsIn collects every text in a value.
func stringsIn(v reflect.Value, into map[string]bool) {
	switch v.Kind() { //nolint:exhaustive // views hold nothing else
	case reflect.String:
		into[v.String()] = true
	case reflect.Slice:
		for i := range v.Len() {
			stringsIn(v.Index(i), into)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			stringsIn(v.Elem(), into)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			stringsIn(v.Field(i), into)
		}
	}
}

// A remote node has the id of its resource: the resource is found all the same.
func TestResourceOfARemoteNode(t *testing.T) {
	cib, err := ParseCIB(strings.NewReader(`<cib><configuration><nodes><node id="far" type="remote" uname="far"/></nodes><resources>` +
		`<group id="g"><primitive id="far" class="ocf" provider="pacemaker" type="remote"/></group></resources></configuration></cib>`))
	require.NoError(t, err)
	r, ok := cib.Resource("far")
	require.True(t, ok)
	require.Equal(t, "ocf:pacemaker:remote", r.Agent())
	_, ok = cib.Resource("g2")
	require.False(t, ok)
}

package pcs

import (
	"io"
	"regexp"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// Constraints is what pcs prints of the constraints.
type Constraints struct {
	Locations   []pacemaker.Location // of the plain form
	Orders      []pacemaker.Order
	Colocations []pacemaker.Colocation
	Tickets     []pacemaker.Ticket
	// Others are those that the text does not have in a form that can be read back: rules and resource sets, as they are printed.
	Others []Constraint
}

// Constraint is a constraint as printed.
type Constraint struct {
	Section  string // Location, Ordering, Colocation, Ticket
	Resource string // of a location constraint
	Lines    []string
}

// ParseConstraints reads what `pcs constraint show` (pcs 0.9) and `pcs constraint config` print, with ids when it was --full
// (lustre:1683-1692, PCM-032). All four headings must be there; pcs 0.9.148 has none for tickets. A line that is not understood is an
// error with its place.
func ParseConstraints(r io.Reader) (*Constraints, error) {
	o, err := readOutline(r)
	if err != nil {
		return nil, err
	}
	c := &Constraints{}
	seen := make(map[string]bool)
	for _, l := range o.top {
		section, ok := strings.CutSuffix(l.text, " Constraints:")
		if !ok || seen[section] {
			o.fail(l, "not a heading of constraints")
			continue
		}
		seen[section] = true
		switch section {
		case "Location":
			for _, child := range l.children {
				o.locations(c, child)
			}
		case "Ordering", "Colocation", "Ticket":
			for _, child := range l.children {
				o.constraint(c, section, child)
			}
		default:
			o.fail(l, "unknown kind of constraints")
		}
	}
	for _, section := range []string{"Location", "Ordering", "Colocation"} {
		if !seen[section] && len(o.errs) == 0 {
			return nil, o.empty("the heading " + section + " Constraints:")
		}
	}
	if err := o.errs.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

// locations reads the constraints of one resource.
func (o *outline) locations(c *Constraints, l *outlineLine) {
	heading, resource, ok := l.label()
	if !ok || heading != "Resource" || resource == "" || strings.Contains(resource, " ") {
		o.fail(l, "not a resource's location constraints: want \"Resource: id\"")
		return
	}
	for _, child := range l.children {
		heading, rest, _ := child.label()
		switch {
		case heading == "Enabled on" || heading == "Disabled on":
			if rest != "" { // up to pcs 0.10.1 on the same line
				o.location(c, child, resource, rest)
			}
			for _, node := range child.children {
				if name, rest, ok := node.label(); ok && name == "Node" {
					o.location(c, node, resource, rest)
				} else {
					o.fail(node, "not a node: want \"Node: name (score:…)\"")
				}
			}
		case heading == "Constraint" && rest != "":
			c.Others = append(c.Others, Constraint{Section: "Location", Resource: resource, Lines: flatten(child)})
		default:
			o.fail(child, "not a location constraint: want \"Enabled on\", \"Disabled on\" or \"Constraint\"")
		}
	}
}

// location reads "node (score:20) (resource-discovery=never) (id:x)".
func (o *outline) location(c *Constraints, l *outlineLine, resource, text string) {
	node, groups := parenthesised(text)
	loc := pacemaker.Location{Resource: resource, Node: node}
	for _, g := range groups {
		switch name, value := cutEither(g); name {
		case "score":
			loc.Score = value
		case "id":
			loc.ID = value
		case "role":
			loc.Role = strings.TrimSpace(value)
		case "resource-discovery":
			loc.Discovery = value
		default:
			o.fail(l, "unknown option (%s) of a location constraint", name)
		}
	}
	if _, err := pacemaker.ParseScore(loc.Score); err != nil || node == "" || strings.Contains(node, " ") {
		o.fail(l, "not a location constraint: want a node and its score")
		return
	}
	c.Locations = append(c.Locations, loc)
}

// cutEither cuts name:value or name=value.
func cutEither(text string) (name, value string) {
	if i := strings.IndexAny(text, ":="); i >= 0 {
		return text[:i], text[i+1:]
	}
	return text, ""
}

var (
	orderLine      = regexp.MustCompile(`^(?:(\S+) )?(\S+) then (?:(\S+) )?(\S+)$`)
	colocationLine = regexp.MustCompile(`^(?:(Started|Master|Slave|Promoted|Unpromoted|Stopped) )?(\S+) with (?:(Started|Master|Slave|Promoted|Unpromoted|Stopped) )?(\S+)$`)
)

// constraint reads a line below one of the other headings.
func (o *outline) constraint(c *Constraints, section string, l *outlineLine) {
	if l.text == "Resource Sets:" {
		for _, set := range l.children {
			c.Others = append(c.Others, Constraint{Section: section, Lines: flatten(set)})
		}
		return
	}
	text, groups := parenthesised(l.text)
	options := make(map[string]string)
	for _, g := range groups {
		name, value := cutEither(g)
		options[name] = value
	}
	take := func(name string) string {
		value := options[name]
		delete(options, name)
		return value
	}
	switch section {
	case "Ordering":
		m := orderLine.FindStringSubmatch(text)
		if m == nil || len(l.children) > 0 {
			o.fail(l, "not an order: want \"start a then start b\"")
			return
		}
		order := pacemaker.Order{FirstAct: m[1], First: m[2], ThenAct: m[3], Then: m[4], Kind: take("kind"), Score: take("score"), ID: take("id")}
		if symmetrical, ok := options["non-symmetrical"]; ok && symmetrical == "" {
			delete(options, "non-symmetrical")
			order.Symmetrical = "false"
		}
		if more, ok := options["Options"]; ok { // pcs 0.9: (Options: symmetrical=false require-all=false)
			delete(options, "Options")
			pairs, ok := pairsOf(more)
			if !ok {
				o.fail(l, "not options of an order")
			}
			for _, p := range pairs {
				options[p.Name] = p.Value
			}
		}
		if s := take("symmetrical"); s != "" {
			order.Symmetrical = s
		}
		order.RequireAll = take("require-all")
		c.Orders = append(c.Orders, order)
	case "Colocation":
		m := colocationLine.FindStringSubmatch(text)
		if m == nil || len(l.children) > 0 {
			o.fail(l, "not a colocation: want \"a with b (score:…)\"")
			return
		}
		col := pacemaker.Colocation{Role: m[1], Resource: m[2], WithRole: m[3], With: m[4], Score: take("score"), ID: take("id")}
		if r := take("rsc-role"); r != "" {
			col.Role = r
		}
		if r := take("with-rsc-role"); r != "" {
			col.WithRole = r
		}
		col.NodeAttribute, col.Influence = take("node-attribute"), take("influence")
		c.Colocations = append(c.Colocations, col)
	case "Ticket":
		o.ticket(c, l, text, take)
	}
	for name := range options {
		o.fail(l, "unknown option %s of a constraint", name)
		return
	}
}

// ticket reads "Master web loss-policy=stop ticket=T".
func (o *outline) ticket(c *Constraints, l *outlineLine, text string, take func(string) string) {
	words := strings.Fields(text)
	t := pacemaker.Ticket{ID: take("id")}
	for len(words) > 0 && !strings.Contains(words[0], "=") {
		t.Role, t.Resource = t.Resource, words[0] // the role, if any, stands first
		words = words[1:]
	}
	pairs, ok := pairsOf(strings.Join(words, " "))
	for _, p := range pairs {
		switch p.Name {
		case "ticket":
			t.Ticket = p.Value
		case "loss-policy":
			t.LossPolicy = p.Value
		case "rsc-role":
			t.Role = p.Value
		default:
			ok = false
		}
	}
	if !ok || t.Ticket == "" || t.Resource == "" || len(l.children) > 0 {
		o.fail(l, "not a ticket: want \"resource loss-policy=… ticket=…\"")
		return
	}
	c.Tickets = append(c.Tickets, t)
}

// flatten is a line with all that belong to it, indented by two blanks a level.
func flatten(l *outlineLine) []string {
	lines := []string{l.text}
	for _, child := range l.children {
		for _, text := range flatten(child) {
			lines = append(lines, "  "+text)
		}
	}
	return lines
}

package pacemaker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// String is the constraint in one line, with everything but its id: "MGS: 20 on n1", or
// "web: 7 when defined x (role=Master)". Two constraints that mean different things never look alike.
func (l Location) String() string {
	subject := constrained(l.Resource+l.Pattern, "", "", l.Sets)
	options := append([]string{named("role", l.Role), named("resource-discovery", l.Discovery)}, extra(l.Lifetime, l.Other)...)
	if len(l.Rules) == 0 {
		return fmt.Sprintf("%s: %s on %s%s", subject, orNone(l.Score), orNone(l.Node), inBrackets(options...))
	}
	var texts []string
	if l.Score != "" || l.Node != "" { // legal nowhere, and so not to be hidden
		texts = append(texts, fmt.Sprintf("%s on %s", orNone(l.Score), orNone(l.Node)))
	}
	for _, r := range l.Rules {
		texts = append(texts, fmt.Sprintf("%s when %s%s", orNone(r.Score+r.ScoreBy), r, inBrackets(named("role", r.Role))))
	}
	return subject + ": " + strings.Join(texts, "; ") + inBrackets(options...)
}

// String is the constraint in one line, with everything but its id: "demote ha then stop ip (Mandatory, symmetrical=false)".
func (o Order) String() string {
	return constrained(acting(o.FirstAct, o.First), "then", acting(o.ThenAct, o.Then), o.Sets) +
		inBrackets(append([]string{o.Kind, o.Score, named("symmetrical", o.Symmetrical), named("require-all", o.RequireAll)},
			extra(o.Lifetime, o.Other)...)...)
}

// String is the constraint in one line, with everything but its id: "Started ip with Master ha (INFINITY)".
func (c Colocation) String() string {
	return constrained(acting(c.Role, c.Resource), "with", acting(c.WithRole, c.With), c.Sets) +
		inBrackets(append([]string{c.Score, named("score-attribute", c.ScoreBy), named("score-attribute-mangle", c.ScoreByMangle),
			named("node-attribute", c.NodeAttribute), named("influence", c.Influence)}, extra(c.Lifetime, c.Other)...)...)
}

// String is what needs the ticket, without its name: "Master ha (demote)".
func (t Ticket) String() string {
	return constrained(acting(t.Role, t.Resource), "", "", t.Sets) + inBrackets(append([]string{t.LossPolicy}, extra(nil, t.Other)...)...)
}

// String is the resources of the set and its options: "{ha ip} (action=promote)".
func (s ResourceSet) String() string {
	options := make([]string, len(s.Options))
	for i, o := range s.Options {
		options[i] = o.String()
	}
	return "{" + strings.Join(s.Resources, " ") + "}" + inBrackets(options...)
}

// String is the operation with its interval and its timeout, and the role that it is for: "monitor 15s/60s (Master)".
func (o Op) String() string {
	role := ""
	for _, p := range o.Other {
		if p.Name == "role" {
			role = p.Value
		}
	}
	return fmt.Sprintf("%s %s/%s%s", o.Name, orNone(o.Interval), orNone(o.Timeout), inBrackets(role))
}

// constrained is what a constraint is about: one or two resources, or sets of them.
func constrained(first, word, second string, sets []ResourceSet) string {
	parts := []string{first, word, second}
	if len(sets) > 0 {
		parts = parts[:0]
		for i, s := range sets {
			if i > 0 {
				parts = append(parts, word)
			}
			parts = append(parts, s.String())
		}
		if first != "" || second != "" { // legal nowhere
			parts = append(parts, "and", first, second)
		}
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

// extra is what few constraints have.
func extra(lifetime []Rule, other []NVPair) []string {
	var out []string
	for _, r := range lifetime {
		out = append(out, "only while "+r.String())
	}
	for _, p := range other {
		out = append(out, p.String())
	}
	return out
}

// acting is a resource with the action or the role that a constraint is about.
func acting(word, resource string) string { return strings.TrimSpace(word + " " + resource) }

func named(name, value string) string {
	if value == "" {
		return ""
	}
	return name + "=" + value
}

// inBrackets is what is said in brackets, of what there is.
func inBrackets(parts ...string) string {
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func orNone(s string) string { return cmp.Or(s, "-") }

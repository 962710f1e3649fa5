package pacemaker

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// covers says whether a device takes a node for one that it can fence.
func (f *fencing) covers(d fenceDevice, n Node) verdict {
	for _, set := range d.params {
		for _, p := range set.Pairs {
			if set.Rule != "" && strings.HasPrefix(p.Name, "pcmk_host_") {
				return verdict{unknown, fmt.Sprintf("%s has its %s under a rule", d.ID, p.Name)}
			}
		}
	}
	if d.agent == "fence_chroma" && !hasAgent(n) {
		return verdict{cannot, fmt.Sprintf("%s fences by the attributes of the node, and node %s has no 0_fence_agent", d.ID, n.Uname)}
	}
	list, hasList := d.params.Get("pcmk_host_list")
	hosts, hasMap := d.params.Get("pcmk_host_map")
	check, said := d.params.Get("pcmk_host_check")
	if !said && (hasList || hasMap) {
		check = "static-list"
	}
	switch strings.ToLower(check) {
	case "none":
		return verdict{answer: can}
	case "static-list":
		names := append(targets(list), mapped(hosts)...)
		if slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, n.Uname) }) {
			return verdict{answer: can}
		}
		return verdict{cannot, fmt.Sprintf("%s fences only what its pcmk_host_list and pcmk_host_map name (%s), and that is not %s", d.ID,
			cmp.Or(strings.Join(names, ", "), "nobody"), n.Uname)}
	case "", "dynamic-list", "status":
		if d.agent == "fence_chroma" { // it lists the nodes that have an agent
			return verdict{answer: can}
		}
		why := fmt.Sprintf("%s has no pcmk_host_list and no pcmk_host_map", d.ID)
		if said {
			why = fmt.Sprintf("%s has pcmk_host_check=%s", d.ID, check)
		}
		return verdict{unknown, why + ", so only its agent, asked on the machine, knows what it can fence"}
	}
	return verdict{cannot, fmt.Sprintf("%s has pcmk_host_check=%q, which Pacemaker does not know: it fences nobody", d.ID, check)}
}

var fenceAgentOf = regexp.MustCompile(`^\d+_fence_agent$`)

// hasAgent says whether fence_chroma, which is IML's, finds in the attributes of a node how that is fenced.
func hasAgent(n Node) bool {
	return slices.ContainsFunc(n.Attributes.Effective(), func(p NVPair) bool { return fenceAgentOf.MatchString(p.Name) && p.Value != "" })
}

// otherLetter ends a name in a host list: what comes after it is no part of the name (stonith__parse_targets).
var otherLetter = regexp.MustCompile(`[^A-Za-z0-9_.-].*$`)

// targets are the names in a pcmk_host_list: between blanks, commas and semicolons. The words on and off are none, and a line that
// has "invalid" or "variable" in it counts for nothing.
func targets(list string) []string {
	var out []string
	for _, line := range strings.Split(strings.ReplaceAll(list, `\n`, "\n"), "\n") {
		if strings.Contains(line, "invalid") || strings.Contains(line, "variable") {
			continue
		}
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\r\v\f,;", r) }) {
			word = otherLetter.ReplaceAllString(word, "")
			if word != "" && !strings.EqualFold(word, "on") && !strings.EqualFold(word, "off") {
				out = append(out, word)
			}
		}
	}
	return out
}

// mapped are the names in a pcmk_host_map, such as "n1:1;n2:2,3": each with a port, between blanks and semicolons.
func mapped(hosts string) []string {
	var out []string
	for _, pair := range strings.FieldsFunc(hosts, func(r rune) bool { return strings.ContainsRune("; \t", r) }) {
		if i := strings.IndexAny(pair, ":="); i > 0 && i < len(pair)-1 {
			out = append(out, pair[:i])
		}
	}
	return out
}

// runsOn says whether the location constraints let a device run on a node.
func (f *fencing) runsOn(d fenceDevice, n Node) verdict {
	sum, let := Score(0), f.optIn
	for _, l := range f.cib.Locations() {
		if !about(l, d.names) {
			continue
		}
		score, applies, known := scoreOn(l, n.Uname)
		switch {
		case !known:
			return verdict{unknown, fmt.Sprintf("whether %s may run on node %s hangs on the constraint %s, which is not of the plain form",
				d.ID, n.Uname, l.ID)}
		case applies:
			sum, let = sum.Add(score), verdict{answer: can}
		}
	}
	switch {
	case let.answer != can:
		return verdict{let.answer, fmt.Sprintf("%s may not run on node %s (%s)", d.ID, n.Uname, let.why)}
	case sum < 0:
		return verdict{cannot, fmt.Sprintf("%s may not run on node %s (score %s)", d.ID, n.Uname, sum)}
	}
	return let
}

// about says whether a constraint may be about a resource of one of these names.
func about(l Location, names []string) bool {
	if l.Pattern != "" {
		pattern, not := strings.CutPrefix(l.Pattern, "!")
		re, err := regexp.CompilePOSIX(pattern)
		return err != nil || slices.ContainsFunc(names, func(name string) bool { return re.MatchString(name) != not })
	}
	return slices.Contains(names, l.Resource) || slices.ContainsFunc(l.Sets, func(s ResourceSet) bool {
		return slices.ContainsFunc(s.Resources, func(id string) bool { return slices.Contains(names, id) })
	})
}

// scoreOn is the score that a constraint gives a node, as far as that is plain: a node and a score, or a rule about the name of the
// node.
func scoreOn(l Location, node string) (score Score, applies, known bool) {
	if l.Discovery == "exclusive" || l.Role != "" && l.Role != "Started" || l.Pattern != "" ||
		len(l.Sets)+len(l.Lifetime)+len(l.Other) > 0 || len(l.Rules) > 1 {
		return 0, false, false
	}
	text, applies := l.Score, strings.EqualFold(l.Node, node)
	if len(l.Rules) == 1 {
		r := l.Rules[0]
		if l.Node != "" || len(r.Nodes) != 1 || r.ScoreBy != "" || len(r.Other)+len(r.Dates)+len(r.Resources)+len(r.Operations)+len(r.Rules) > 0 {
			return 0, false, false
		}
		x := r.Nodes[0]
		if x.Attribute != "#uname" || len(x.Other) > 0 || x.ValueSource != "" && x.ValueSource != "literal" || IsTrue(r.Negate) ||
			x.Operation != "eq" && x.Operation != "ne" {
			return 0, false, false
		}
		text, applies = r.Score, strings.EqualFold(x.Value, node) == (x.Operation == "eq")
	}
	score, err := ParseScore(text)
	return score, applies, err == nil
}

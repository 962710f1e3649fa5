package placement

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// placeColocation is one pair of a colocation: the dependent wants to be (or not to be) where the primary is.
type placeColocation struct {
	id                 string
	dependent, primary *placeRes
	score              pacemaker.Score
}

// placeOrder is one pair of a mandatory order: then may run only when first does.
type placeOrder struct {
	id          string
	first, then *placeRes
	oneWay      bool // not symmetrical: a stop of first leaves then alone
	any         bool // not require-all: any instance of a clone will do
	min         int  // clone-min of first; an order of sets does not ask for it
}

// colocate adds a colocation to both of its resources.
func colocate(dependent, primary *placeRes, score pacemaker.Score, id string) {
	if score == 0 {
		return
	}
	c := &placeColocation{id, dependent, primary, score}
	dependent.with = append(dependent.with, c)
	primary.others = append(primary.others, c)
}

// rank is the order in which a resource's colocations count: other ends with higher priority first, clones before groups before
// primitives, then by id.
func rank(a, b *placeRes) int {
	variant := func(r *placeRes) int {
		return slices.Index([]pacemaker.Kind{pacemaker.Clone, pacemaker.Group, pacemaker.Primitive}, r.kind)
	}
	return cmp.Or(cmp.Compare(b.priority, a.priority), cmp.Compare(variant(a), variant(b)), strings.Compare(a.id, b.id))
}

// rankWith puts further colocations of a resource with others among those that are ranked already. Of two with the same other end the
// later one counts first.
func (r *placeRes) rankWith(more []*placeColocation) {
	r.with = ranked(r.with, more, func(c *placeColocation) *placeRes { return c.primary })
}

// rankOthers does the same for those of others with it.
func (r *placeRes) rankOthers(more []*placeColocation) {
	r.others = ranked(r.others, more, func(c *placeColocation) *placeRes { return c.dependent })
}

func ranked(old, more []*placeColocation, other func(*placeColocation) *placeRes) []*placeColocation {
	all := slices.Clone(more)
	slices.Reverse(all)
	all = append(all, old...)
	slices.SortStableFunc(all, func(a, b *placeColocation) int { return rank(other(a), other(b)) })
	return all
}

// rankColocations ranks all, after those inside groups have been added: each member is with the one before it.
func (p *placing) rankColocations() {
	all := p.everything()
	for _, r := range all {
		if r.kind == pacemaker.Group {
			for i, m := range r.parts[1:] {
				colocate(m, r.parts[i], pacemaker.Infinity, r.id)
			}
		}
	}
	for _, r := range all {
		with, others := r.with, r.others
		r.with, r.others = nil, nil
		r.rankWith(with)
		r.rankOthers(others)
	}
}

// constraintAttributes are those that are read, or refused by name.
var constraintAttributes = map[string][]string{
	"rsc_location":   strings.Fields("id rsc rsc-pattern node score role resource-discovery"),
	"rsc_colocation": strings.Fields("id rsc with-rsc score rsc-role with-rsc-role node-attribute influence rsc-instance with-rsc-instance"),
	"rsc_order":      strings.Fields("id first then first-action then-action kind score symmetrical require-all"),
	"rsc_ticket":     strings.Fields("id rsc rsc-role ticket loss-policy"),
	"resource_set":   strings.Fields("id id-ref action kind ordering require-all role score sequential"),
}

// checkAttributes refuses what is not on that list.
func (p *placing) checkAttributes(id string, e *etree.Element) {
	known, listed := constraintAttributes[e.Tag]
	for _, a := range e.Attr {
		if !slices.Contains(known, a.Key) && (listed || e.Parent().Tag == "constraints") {
			p.refuse(featureOption, id, "%s on <%s>", a.Key, e.Tag)
		}
	}
	for _, child := range e.ChildElements() {
		p.checkAttributes(id, child)
	}
}

func (p *placing) readConstraints() {
	for _, e := range p.cib.SectionChildren("constraints") {
		p.checkAttributes(e.SelectAttrValue("id", ""), e)
		switch e.Tag {
		case "rsc_location":
			p.readLocation(e)
		case "rsc_colocation":
			p.readColocation(e)
		case "rsc_order":
			p.readOrder(e)
		case "rsc_ticket":
			p.readTicket(e)
		}
		if e.SelectElement("lifetime") != nil {
			p.refuse(featureRule, e.SelectAttrValue("id", ""), "lifetime")
		}
	}
}

// constrained finds the resources that a constraint names: one, or all that a tag or a template stands for. A resource that does not
// exist leaves the constraint without effect.
func (p *placing) constrained(constraint, id string) []*placeRes {
	if r := p.named[id]; r != nil {
		return []*placeRes{r}
	}
	var members []*placeRes
	for _, member := range p.groupings[id] {
		members = append(members, p.constrained(constraint, member)...)
	}
	base, _, _ := strings.Cut(id, ":")
	if p.parts[base] != nil {
		p.refuse(featureReference, constraint, "%s", id)
	}
	return members
}

// setMembers are the resources of a set, those of tags and templates in their place.
func (p *placing) setMembers(constraint string, set *etree.Element) ([]*placeRes, bool) {
	var members []*placeRes
	for _, ref := range set.SelectElements("resource_ref") {
		found := p.constrained(constraint, ref.SelectAttrValue("id", ""))
		if len(found) == 0 {
			p.refuse(featureReference, constraint, "%s", ref.SelectAttrValue("id", ""))
			return nil, false
		}
		members = append(members, found...)
	}
	return members, true
}

// readGroupings finds out what tags and templates stand for.
func (p *placing) readGroupings() {
	p.groupings = make(map[string][]string)
	for _, tag := range p.cib.Tags() {
		p.groupings[tag.ID] = tag.Refs
	}
	for r := range pacemaker.Walk(p.cib.Resources()) {
		if r.Template != "" {
			p.groupings[r.Template] = append(p.groupings[r.Template], r.ID)
		}
	}
	for id, members := range p.groupings { // a tag may hold no tags
		for _, m := range members {
			if len(p.groupings[m]) > 0 {
				p.refuse(featureReference, id, "%s stands for others as well", m)
				p.groupings[id] = nil
			}
		}
	}
}

// score reads a score of a constraint; one that is absent is 0.
func (p *placing) score(constraint, text string) pacemaker.Score {
	if text == "" {
		return 0
	}
	s, err := pacemaker.ParseScore(text)
	if err != nil {
		p.refuse(featureRule, constraint, "score %s", text)
	}
	return s
}

func (p *placing) readLocation(e *etree.Element) {
	id := e.SelectAttrValue("id", "")
	if mode := e.SelectAttrValue("resource-discovery", "always"); mode == "exclusive" {
		p.refuse(featureDiscovery, id, "")
		return
	}
	sets := e.SelectElements("resource_set")
	for _, set := range sets {
		set = p.cib.Follow(set)
		if set == nil {
			p.refuse(featureReference, id, "a set by reference")
			continue
		}
		for _, ref := range set.SelectElements("resource_ref") {
			for _, r := range p.constrained(id, ref.SelectAttrValue("id", "")) {
				p.locate(r, e, set.SelectAttrValue("score", ""), set.SelectAttrValue("role", ""))
			}
		}
	}
	if len(sets) > 0 {
		return
	}
	if name := e.SelectAttrValue("rsc", ""); name != "" {
		for _, r := range p.constrained(id, name) {
			p.locate(r, e, "", "")
		}
	}
	pattern := e.SelectAttrValue("rsc-pattern", "")
	if pattern == "" {
		return
	}
	text, inverted := strings.CutPrefix(pattern, "!")
	match, err := regexp.CompilePOSIX(text)
	if err != nil || !plainPattern.MatchString(text) {
		p.refuse(featureReference, id, "rsc-pattern %s", pattern)
		return
	}
	for _, r := range p.tops {
		if match.MatchString(r.id) != inverted {
			p.locate(r, e, "", "")
		}
	}
}

// plainPattern are the regular expressions that Go and regcomp read alike: the others have escapes of letters, repetitions by
// number, or a backslash in brackets.
var plainPattern = regexp.MustCompile(`^(?:[^\\{\[]|\\[.*+?^$|()]|\[[^\\\[\]]+\])*$`)

// locate applies a location constraint to one resource.
func (p *placing) locate(r *placeRes, e *etree.Element, score, role string) {
	id := e.SelectAttrValue("id", "")
	score = cmp.Or(score, e.SelectAttrValue("score", ""))
	role = strings.ToLower(cmp.Or(role, e.SelectAttrValue("role", "")))
	node := e.SelectAttrValue("node", "")
	if node != "" && score != "" {
		switch role {
		case "", "started", "slave", "unpromoted":
		case "master", "promoted":
			return // nothing here is ever promoted
		default:
			p.refuse(featureRole, id, "role %s", role)
		}
		if at := p.nodeIndex(node); at >= 0 {
			scores := make(map[int]pacemaker.Score)
			scores[at] = p.score(id, score)
			p.applyLocation(r, scores, id)
		}
		return
	}
	if role != "" {
		p.refuse(featureRole, id, "role %s", role)
	}
	for _, rule := range e.SelectElements("rule") {
		p.applyLocation(r, p.ruleScores(id, rule), id)
	}
}

// applyLocation adds the scores of a location constraint. In a group only the first member takes the scores, because the others
// Follow it; but all of them are allowed on the node. Every instance of a clone takes them.
func (p *placing) applyLocation(r *placeRes, scores map[int]pacemaker.Score, why string) {
	for at, s := range scores {
		r.located.add(at, s)
		p.addLocation(r, at, s, why)
	}
}

func (p *placing) addLocation(r *placeRes, at int, s pacemaker.Score, why string) {
	r.table.add(at, s)
	if r.kind == pacemaker.Primitive && s < 0 {
		r.causes = append(r.causes, placeCause{at, "location constraint " + why + " (" + s.String() + ")"})
	}
	for i, part := range r.parts {
		if r.kind == pacemaker.Group && i > 0 {
			s = 0
		}
		p.addLocation(part, at, s, why)
	}
}

// colocationSet is one set of a colocation, read.
type colocationSet struct {
	members    []*placeRes
	sequential bool
}

func (p *placing) readColocation(e *etree.Element) {
	id := e.SelectAttrValue("id", "")
	score := p.score(id, e.SelectAttrValue("score", ""))
	if a := e.SelectAttrValue("node-attribute", "#uname"); a != "#uname" {
		p.refuse(featureColocationAttr, id, "node-attribute=%s", a)
	}
	if e.SelectAttr("influence") != nil {
		p.refuse(featureColocationAttr, id, "influence")
	}
	sets := e.SelectElements("resource_set")
	if len(sets) > 0 {
		var last *colocationSet
		for _, set := range sets {
			current := p.readColocationSet(id, p.cib.Follow(set), score)
			if current == nil {
				return
			}
			if last != nil {
				colocateSets(last, current, score, id)
			}
			last = current
		}
		return
	}
	for _, role := range []string{"rsc-role", "with-rsc-role"} {
		p.plainRole(id, e.SelectAttrValue(role, ""))
	}
	if e.SelectAttr("rsc-instance") != nil || e.SelectAttr("with-rsc-instance") != nil {
		p.refuse(featureReference, id, "an instance")
	}
	rsc, with := e.SelectAttrValue("rsc", ""), e.SelectAttrValue("with-rsc", "")
	if len(p.groupings[rsc]) > 0 && len(p.groupings[with]) > 0 {
		p.refuse(featureReference, id, "%s with %s: Pacemaker ignores it", rsc, with)
	}
	for _, dependent := range p.constrained(id, rsc) {
		for _, primary := range p.constrained(id, with) {
			colocate(dependent, primary, score, id)
		}
	}
}

// plainRole refuses a role that limits a constraint; Started does not.
func (p *placing) plainRole(id, role string) {
	if role != "" && !strings.EqualFold(role, "started") {
		p.refuse(featureRole, id, "role %s", role)
	}
}

// readColocationSet reads a set and colocates its members among themselves; nil when the set cannot be read.
func (p *placing) readColocationSet(id string, e *etree.Element, score pacemaker.Score) *colocationSet {
	if e == nil {
		p.refuse(featureReference, id, "a set by reference")
		return nil
	}
	p.plainRole(id, e.SelectAttrValue("role", ""))
	set := &colocationSet{sequential: yes(e.SelectAttrValue("sequential", ""), true)}
	members, ok := p.setMembers(id, e)
	if !ok {
		return nil
	}
	set.members = members
	if own := e.SelectAttrValue("score", ""); own != "" {
		score = p.score(id, own)
	}
	if !set.sequential {
		return set
	}
	for i, r := range set.members {
		switch {
		case i == 0 || score == 0:
		case score < 0: // apart from each one before
			for _, before := range set.members[:i] {
				colocate(r, before, score, id)
			}
		case strings.EqualFold(e.SelectAttrValue("ordering", "group"), "group"):
			colocate(r, set.members[i-1], score, id)
		default:
			colocate(set.members[i-1], r, score, id)
		}
	}
	return set
}

// colocateSets makes one set depend on the next: of a sequential set the first member depends, and the last is depended on.
func colocateSets(dependent, primary *colocationSet, score pacemaker.Score, id string) {
	from, to := dependent.members, primary.members
	if dependent.sequential && len(from) > 0 {
		from = from[:1]
	}
	if primary.sequential && len(to) > 0 {
		to = to[len(to)-1:]
	}
	for _, d := range from {
		for _, m := range to {
			colocate(d, m, score, id)
		}
	}
}

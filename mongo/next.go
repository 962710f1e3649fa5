package mongo

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
)

// ErrImpossible is wrapped by every refusal of [Next]: the wish cannot be reached from the present configuration by
// legal steps. The message says why, and what to wish instead where there is such a thing.
var ErrImpossible = errors.New("cannot be reached")

// Next plans one reconfiguration on the way from the current to the desired configuration: the next document to send,
// and in one sentence why. When nothing is left to do, done is true and next is the current configuration. It is pure: it
// neither asks nor changes a server.
//
// What holds for each step, so that no server version has to be trusted to refuse it (4.2 accepts two voters at once):
//
//   - The document is legal by itself ([Validate]) and its version is the current one plus 1. Send it only while the
//     server still has the current version: the server refuses it otherwise (code 103).
//   - One member changes at most, hence one voter at most: any majority before and any majority after the step share a
//     voter. Only horizons change on all members at once, since each must name the same ones. Wait until the step is
//     committed and its effect is seen ([Settled]) before asking for the next one.
//   - A new member with data joins without a vote, gets its vote, and gets its priority, in three steps: it copies the data
//     before it counts, and a set with an arbiter (PSA) never has an electable member that was no voter a step ago.
//   - Priorities are raised before any is lowered, the wished primary's first; lower ones are lowered before higher ones.
//     So the primary moves once, and straight to the wished member.
//   - The member that may be primary is never made unelectable or removed at once: a server refuses that on its own primary
//     (code 103). It is put behind the others first, and gives way.
//   - Members are added before others are removed wherever the limits of 7 voters and 50 members allow.
//
// Fields that the wish does not mention (tags, settings, …) stay as they are. Wishes that are illegal, that change
// a member's _id, arbiterOnly or buildIndexes in place, or that no sequence of such steps reaches are refused.
func Next(current, desired Config) (next Config, why string, done bool, err error) {
	p := planner{cur: current.normal()}
	p.des = merge(p.cur, desired.normal())
	if err := p.feasible(); err != nil {
		return current, "", false, err
	}
	if p.cur.Equal(p.des) {
		return current, "", true, nil
	}
	for _, rule := range []func() (Config, string, bool){
		p.join, p.changeHorizons, p.changeFields, p.giveVote, p.raise, p.retire, p.changeSet, p.freeSeat,
	} {
		if next, why, ok := rule(); ok {
			next.Version = current.Version + 1
			return next, why, false, nil
		}
	}
	return current, "", false, p.stuck()
}

// planner holds the two ends of the way.
type planner struct{ cur, des Config }

// merge fills in what the wish does not mention.
func merge(cur, des Config) Config {
	des.Extra = overlay(cur.Extra, des.Extra)
	if t, ok := cur.Extra["term"]; ok {
		des.Extra["term"] = t // the server's, not a wish
	} else {
		delete(des.Extra, "term")
	}
	if a, ok := cur.Extra["settings"]; ok {
		des.Extra["settings"] = mergeDocuments(a, des.Extra["settings"])
	}
	for i, m := range des.Members {
		if c, ok := cur.Member(m.Host); ok {
			des.Members[i].Host = c.Host // "a" and "a:27017" are the same host
			des.Members[i].Extra = overlay(c.Extra, m.Extra)
		}
	}
	return des
}

func overlay(under, over Fields) Fields {
	f := Fields{}
	for _, layer := range []Fields{under, over} {
		for k, v := range layer {
			f[k] = v
		}
	}
	return f
}

// mergeDocuments is over with the fields of under that it lacks: settings hold the replicaSetId, which may not change.
func mergeDocuments(under, over bson.RawValue) bson.RawValue {
	var merged, wished bson.D
	if under.Unmarshal(&merged) != nil || over.Unmarshal(&wished) != nil {
		return over
	}
	for _, e := range wished {
		if i := slices.IndexFunc(merged, func(had bson.E) bool { return had.Key == e.Key }); i >= 0 {
			merged[i] = e
		} else {
			merged = append(merged, e)
		}
	}
	data, err := bson.Marshal(merged)
	if err != nil {
		return over
	}
	return bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: data}
}

// feasible refuses what no sequence of steps can or should do.
func (p *planner) feasible() error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("replica set %s: the wish %w: %w", p.cur.ID, ErrImpossible, fmt.Errorf(format, args...))
	}
	if p.des.ID != p.cur.ID {
		return refuse("it is for the set %q", p.des.ID)
	}
	if err := Validate(p.cur); err != nil {
		return refuse("the present configuration is not legal: %w", err)
	}
	if p.cur.Version < 1 || p.cur.Version >= math.MaxInt32 {
		return refuse("the present version %d has no legal successor", p.cur.Version)
	}
	if err := Validate(p.des); err != nil {
		return refuse("%w", err)
	}
	for _, m := range p.des.Members {
		c, ok := p.cur.Member(m.Host)
		switch {
		case !ok:
		case c.ID != m.ID:
			return refuse("%s has the _id %d and cannot get %d while it is a member", m.Host, c.ID, m.ID)
		case c.ArbiterOnly != m.ArbiterOnly:
			return refuse("arbiterOnly of %s cannot change in place: remove it, empty its data directory, and add it with another _id", m.Host)
		case c.buildsIndexes() != m.buildsIndexes():
			return refuse("buildIndexes of %s cannot change in place: remove it and add it anew", m.Host)
		}
	}
	return nil
}

func (p *planner) stuck() error {
	reason := "no member can be added, changed or removed without breaking a rule"
	for _, m := range p.des.Members {
		if _, ok := p.cur.Member(m.Host); ok {
			continue
		}
		for _, c := range p.cur.Members {
			if c.ID == m.ID {
				reason = fmt.Sprintf("%s is to take the _id %d of %s, which cannot leave first: give it an unused _id", m.Host, m.ID, c.Host)
			}
		}
	}
	return fmt.Errorf("replica set %s: the wish %w: %s", p.cur.ID, ErrImpossible, reason)
}

// with is the current configuration with one member changed.
func (p *planner) with(host string, change func(*Member)) Config {
	next := p.cur.Clone()
	change(&next.Members[next.Index(host)])
	return next
}

// wished are the desired members, the highest priority first: the wished primary leads. Of equal ones leads the one that
// stands higher now, so that it need not change.
func (p *planner) wished() []Member {
	ms := slices.Clone(p.des.Members)
	now := func(m Member) float64 {
		c, ok := p.cur.Member(m.Host)
		if !ok {
			return -1
		}
		return c.Priority
	}
	slices.SortStableFunc(ms, func(a, b Member) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(now(b), now(a)), a.ID-b.ID)
	})
	return ms
}

// add is the current configuration with one member more, if there is room and its _id is free.
func (p *planner) add(m Member) (Config, bool) {
	next := p.cur.Clone()
	next.Members = append(next.Members, m)
	return next, Validate(next) == nil
}

// join adds a member that holds data, without vote and priority.
func (p *planner) join() (Config, string, bool) {
	for _, m := range p.wished() {
		if _, ok := p.cur.Member(m.Host); ok || m.ArbiterOnly {
			continue
		}
		votes := m.Votes
		m.Votes, m.Priority = 0, 0
		if next, ok := p.add(m); ok {
			why := fmt.Sprintf("add %s without a vote, so that it copies the data before it counts", m.Host)
			if votes == 0 {
				why = fmt.Sprintf("add %s, which has no vote", m.Host)
			}
			return next, why, true
		}
	}
	return Config{}, "", false
}

// changeHorizons changes the horizons of all members, as soon as no other one is there that names none of them.
func (p *planner) changeHorizons() (Config, string, bool) {
	next, changed := p.cur.Clone(), false
	for i, c := range p.cur.Members {
		if m, ok := p.des.Member(c.Host); ok && !sameValue(c.Extra[horizons], m.Extra[horizons]) {
			next.Members[i].Extra, changed = c.Extra.with(horizons, m.Extra[horizons]), true
		}
	}
	return next, "change the horizons of all members at once", changed && Validate(next) == nil
}

// changeFields changes hidden, tags and the like of a member that stays, as soon as that is legal.
func (p *planner) changeFields() (Config, string, bool) {
	for _, m := range p.wished() {
		c, ok := p.cur.Member(m.Host)
		if !ok || c.Hidden == m.Hidden && c.Extra.equal(m.Extra, horizons) {
			continue
		}
		next := p.with(m.Host, func(n *Member) { n.Hidden, n.Extra = m.Hidden, m.Extra.with(horizons, c.Extra[horizons]) })
		if Validate(next) == nil {
			return next, fmt.Sprintf("change the fields of %s that have no part in elections", m.Host), true
		}
	}
	return Config{}, "", false
}

// giveVote gives a member its vote, the wished primary first. An arbiter joins with its vote.
func (p *planner) giveVote() (Config, string, bool) {
	for _, m := range p.wished() {
		c, ok := p.cur.Member(m.Host)
		switch {
		case !ok && m.ArbiterOnly:
			if next, ok := p.add(m); ok {
				return next, fmt.Sprintf("add the arbiter %s", m.Host), true
			}
		case ok && c.Votes < m.Votes && p.cur.Voters() < MaxVoters:
			why := fmt.Sprintf("give %s its vote; it cannot be elected yet", m.Host)
			return p.with(m.Host, func(n *Member) { n.Votes = 1 }), why, true
		}
	}
	return Config{}, "", false
}

// raise raises the priority of one member, the wished primary's first.
func (p *planner) raise() (Config, string, bool) {
	for i, m := range p.wished() {
		c, ok := p.cur.Member(m.Host)
		if !ok || c.Priority >= m.Priority {
			continue
		}
		next := p.with(m.Host, func(n *Member) { n.Priority = m.Priority })
		if Validate(next) != nil {
			continue
		}
		why := fmt.Sprintf("raise the priority of %s from %v to %v", m.Host, c.Priority, m.Priority)
		if i == 0 {
			why += ", the wished primary, before any other is lowered"
		}
		return next, why, true
	}
	return Config{}, "", false
}

// retire lowers, silences or removes one member, the lowest first, so that the present primary is the last to give way.
func (p *planner) retire() (Config, string, bool) {
	ms := slices.Clone(p.cur.Members)
	slices.SortStableFunc(ms, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), a.ID-b.ID)
	})
	for _, c := range ms {
		m, stays := p.des.Member(c.Host)
		switch {
		case !stays:
			if next, why, ok := p.leave(c, 0, func(n *Config) {
				n.Members = slices.DeleteFunc(n.Members, func(x Member) bool { return x.ID == c.ID })
			}, fmt.Sprintf("remove %s", c.Host)); ok {
				return next, why, true
			}
		case m.Priority < c.Priority:
			if next, why, ok := p.leave(c, m.Priority, func(n *Config) {
				n.Members[n.Index(c.Host)].Priority = m.Priority
			}, fmt.Sprintf("lower the priority of %s from %v to %v", c.Host, c.Priority, m.Priority)); ok {
				return next, why, true
			}
		case m.Votes < c.Votes: // neither end has a priority
			why := fmt.Sprintf("take the vote of %s", c.Host)
			return p.with(c.Host, func(n *Member) { n.Votes = 0 }), why, true
		}
	}
	return Config{}, "", false
}

// leave makes a change that lowers a member to a priority or takes it out. One that may be primary and is to be
// electable no more is first put behind the others, so that another takes over.
func (p *planner) leave(c Member, to float64, change func(*Config), why string) (Config, string, bool) {
	if c.Electable() && to == 0 {
		top, behind := true, math.Inf(1)
		for _, o := range p.cur.Members {
			if o.ID != c.ID && o.Electable() {
				top = top && o.Priority <= c.Priority
				behind = min(behind, o.Priority/2)
			}
		}
		if math.IsInf(behind, 1) {
			return Config{}, "", false // nobody else could be primary
		}
		if top && behind > 0 {
			step := p.with(c.Host, func(n *Member) { n.Priority = behind })
			return step, fmt.Sprintf("put %s behind the others with priority %v, so that it is not primary when it has to go", c.Host, behind), true
		}
	}
	next := p.cur.Clone()
	change(&next)
	return next, why, Validate(next) == nil
}

// changeSet changes the settings of the set.
func (p *planner) changeSet() (Config, string, bool) {
	if p.cur.Extra.equal(p.des.Extra, "term") {
		return Config{}, "", false
	}
	next := p.cur.Clone()
	next.Extra = p.des.Extra.clone()
	return next, "change the settings of the set", true
}

// freeSeat takes the vote of a member that cannot be elected, for a while, when the wished primary has none: all seven seats are taken,
// or giveVote had given it one. Members that leave and cannot be elected have left then (retire).
func (p *planner) freeSeat() (Config, string, bool) {
	for _, w := range p.wished() {
		if c, ok := p.cur.Member(w.Host); !ok || c.Votes > 0 || w.Priority == 0 {
			continue
		}
		for _, c := range p.cur.Members {
			if c.Votes > 0 && c.Priority == 0 && !c.ArbiterOnly {
				why := fmt.Sprintf("take the vote of %s for a while: all %d are in use and %s needs one", c.Host, MaxVoters, w.Host)
				return p.with(c.Host, func(n *Member) { n.Votes = 0 }), why, true
			}
		}
	}
	return Config{}, "", false
}

package issm

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
)

// ranked is a replica set's primary and the priorities of its data members.
type ranked struct {
	Set     string
	Primary string
	Members []rankedMember
}

type rankedMember struct {
	Host     string
	Priority float64
}

// ranks reads them from the table.
func (m *members) ranks(o evenkeel.Observed) ([]ranked, error) {
	t, err := m.parseTable(o.Result)
	if err != nil {
		return nil, err
	}
	var list []ranked
	for _, set := range t.Sets {
		r := ranked{Set: set.Title()}
		if primary, ok := set.Primary(); ok {
			r.Primary = primary.Host
		}
		for _, member := range set.Members {
			if member.State != cps.StateArbiter {
				r.Members = append(r.Members, rankedMember{member.Host, member.Priority})
			}
		}
		list = append(list, r)
	}
	return list, nil
}

// sameRanks compares who is to be primary: the order of the priorities must be what it was, whatever the numbers (MON-036).
func sameRanks(before, now []ranked) error {
	var errs []error
	for _, b := range before {
		i := slices.IndexFunc(now, func(r ranked) bool { return r.Set == b.Set })
		if i < 0 {
			errs = append(errs, fmt.Errorf("%s is gone", b.Set))
			continue
		}
		if order, was := now[i].order(), b.order(); order != was {
			errs = append(errs, fmt.Errorf("the priorities of %s are %s; they were %s", b.Set, order, was))
		}
	}
	return errors.Join(errs...)
}

// order is the members from the highest priority down, equals joined.
func (r ranked) order() string {
	members := slices.Clone(r.Members)
	slices.SortStableFunc(members, func(a, b rankedMember) int {
		if a.Priority != b.Priority {
			return map[bool]int{true: -1, false: 1}[a.Priority > b.Priority]
		}
		return strings.Compare(a.Host, b.Host)
	})
	var b strings.Builder
	for i, member := range members {
		switch {
		case i == 0:
		case member.Priority == members[i-1].Priority:
			b.WriteString(" = ")
		default:
			b.WriteString(" > ")
		}
		b.WriteString(member.Host)
	}
	return b.String()
}

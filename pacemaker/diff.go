package pacemaker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Difference is one thing that two CIBs mean differently. A secret is masked in Old and New as well, so a Difference never holds one.
type Difference struct {
	Kind    string // property, resource default, node, resource, location constraint …
	Subject string // which one: "MGS → ct6-mds2", "ct6-mds1"
	Field   string // what of it: "score", "attribute 0_fence_plug"; empty for the thing itself
	InOld   bool
	InNew   bool
	Old     string // empty when it is not in the old one, or when the thing itself comes or goes
	New     string
}

// String is one sentence, such as "location constraint MGS → ct6-mds2: score 10 is gone".
func (d Difference) String() string {
	head := d.Kind + " " + d.Subject
	if d.Field == "" && d.Old == "" && d.New == "" && d.InOld != d.InNew {
		return head + " " + d.verb()
	}
	if d.Field != "" {
		head += ": " + d.Field
	} else {
		head += ":"
	}
	switch {
	case d.InOld && d.InNew && d.Old == d.New:
		return head + " differs"
	case d.InOld && d.InNew:
		return fmt.Sprintf("%s was %s, is now %s", head, word(d.Old), word(d.New))
	case d.Old+d.New == noDetail:
		return head + " " + d.verb()
	case d.InOld:
		return fmt.Sprintf("%s %s %s", head, word(d.Old), d.verb())
	}
	return fmt.Sprintf("%s %s %s", head, word(d.New), d.verb())
}

func (d Difference) verb() string {
	if d.InOld {
		return "is gone"
	}
	return "is new"
}

// word quotes what a sentence could swallow.
func word(s string) string {
	if s == "" || strings.ContainsAny(s, " \t\r\n\"") && !strings.HasPrefix(s, "(") {
		return fmt.Sprintf("%q", s)
	}
	return s
}

// DiffOption changes what Diff compares.
type DiffOption func(*diffOptions)

type diffOptions struct {
	names    NodeNames
	ids      bool
	expected []Expectation
	started  bool // target-role=Started says something: another role would hold without it
}

// RenameNodes compares the CIBs after renaming nodes, in both of them: short names to fully qualified ones (H12).
func RenameNodes(names map[string]string) DiffOption {
	return func(o *diffOptions) { o.names = names }
}

// ManagedIDs compares the ids of constraints too: Pacemaker does not care for them, IML does (H9).
func ManagedIDs() DiffOption { return func(o *diffOptions) { o.ids = true } }

// Expect leaves out differences that are expected, by name: see [ExpectStonithByPCS] and its like, or make an
// [Expectation] of your own.
func Expect(expected ...Expectation) DiffOption {
	return func(o *diffOptions) { o.expected = append(o.expected, expected...) }
}

// Diff tells what two CIBs mean differently, in the order of the sections. It takes time in proportion to the size of
// the two. Without options it is symmetric, and two CIBs without a difference are the same configuration. Where one of
// them is nil or empty, that is the difference. It compares everything that stands in the configuration, but for:
//
//   - admin_epoch, epoch, num_updates: they count changes, they are none
//   - cib-last-written, update-origin, update-client, update-user, execution-date, request and write times: they say
//     who wrote last, and when
//   - dc-uuid, have-quorum, no-quorum-panic and the status section: they are the state of the moment
//   - crm_feature_set, validate-with: the version of the schema follows Pacemaker's version
//   - node ids, and node types normal and member: EL6 uses the name, corosync 2 a number; both types mean the same
//   - ids of sets, pairs, operations, rules, expressions, fencing levels, recipients and constraints: Pacemaker does
//     not act on them; see ManagedIDs for IML
//   - the order of pairs, operations, constraints, nodes, tags and alerts, and of resources outside of groups: it
//     means nothing, or only breaks a tie between equal placements
//   - comments, white space, the spelling of XML: they mean nothing
//   - how pairs of sets without a rule are divided, their scores, and pairs that another one hides: only the
//     effective value counts
//   - pairs without a value: Pacemaker passes over them
//   - how a score is divided among plain location constraints on the same resource and node: Pacemaker adds them up
//   - interval=0 of an operation: none is the same
//   - id-ref: what it refers to is compared in its place
//   - target-role=Started, where nothing else gives a role: it is the default, and enabling a resource removes it
//   - the spelling of a time or a score: 60, 60s, PT1M; INFINITY, +INFINITY, 1000000: they are the same
//   - empty sets and sections: they hold nothing
func Diff(old, new *CIB, opts ...DiffOption) []Difference {
	var o diffOptions
	for _, opt := range opts {
		opt(&o)
	}
	if is, will := !old.Empty(), !new.Empty(); !is || !will { // no CIB is like no other, not even like none
		return []Difference{{Kind: kindHeader, Subject: "cib", InOld: is, InNew: will}}
	}
	o.started = old.givesRoles() || new.givesRoles()
	var all []Difference
	for pair := range pairUp(objectsOf(old, o), objectsOf(new, o)) {
		all = append(all, pair.differences()...)
	}
	all = slices.DeleteFunc(all, func(d Difference) bool {
		return slices.ContainsFunc(o.expected, func(e Expectation) bool { return e.Matches != nil && e.Matches(d) })
	})
	slices.SortStableFunc(all, func(x, y Difference) int {
		return cmp.Or(cmp.Compare(slices.Index(kindOrder, x.Kind), slices.Index(kindOrder, y.Kind)),
			cmp.Compare(x.Subject, y.Subject), cmp.Compare(x.Field, y.Field))
	})
	return all
}

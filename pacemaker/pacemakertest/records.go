package pacemakertest

import (
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// Record is the last that a node did with a resource, as the status section of the CIB has it.
type Record struct {
	Resource  string
	Agent     string // class:provider:type, where the history is of another agent than the resource has now
	Operation string // start, stop, monitor, migrate_to …
	Code      int    // the agent's exit status
	Status    int    // 0 done, -1 under way, 2 timed out, 4 failed
	At        time.Time
}

// pendingCode is the exit status of an operation that has not ended.
const pendingCode = 193

// record puts the newest operation in the place of what was known of its resource.
func (n *node) record(s *simhost.State, r Record) {
	r.At = s.Now()
	n.forgetRecords(func(id string) bool { return id == r.Resource })
	n.records = append(n.records, r)
}

func (n *node) forgetRecords(of func(resource string) bool) {
	n.records = slices.DeleteFunc(slices.Clone(n.records), func(r Record) bool { return of(r.Resource) })
}

// Remember makes the cluster of a host believe that this was the last that it did there with a resource. With no
// operation it knows nothing of the resource, as after a cleanup whose probe has not been made. What runs there goes
// on, and nobody waits for an operation that was under way.
func (st *Stack) Remember(s *simhost.State, host string, r Record) {
	n := st.node(s.Host(host).Name)
	n.forgetRecords(func(id string) bool { return id == r.Resource })
	n.active = slices.DeleteFunc(slices.Clone(n.active), func(a active) bool { return a.primitive.id == r.Resource && a.phase != started })
	if !slices.Contains(n.probed, r.Resource) {
		n.probed = append(slices.Clip(n.probed), r.Resource)
	}
	if r.Operation != "" {
		n.records = append(n.records, r)
	}
	s.Note(n.host, "the record of %s is now %s %d/%d", r.Resource, r.Operation, r.Code, r.Status)
}

// refresh deletes what is known of resources on every member, and looks for them anew. Pacemaker 1.1 calls it cleanup.
// A stop that is under way is forgotten with the rest (H27).
func (st *Stack) refresh(s *simhost.State, members []*node, of func(resource string) bool) {
	for _, m := range members {
		m.forgetRecords(of)
		m.failed = slices.DeleteFunc(slices.Clone(m.failed), func(f failure) bool { return of(f.resource) })
		m.active = slices.DeleteFunc(slices.Clone(m.active), func(a active) bool { return of(a.primitive.id) && a.phase == stopping })
		m.probed = slices.DeleteFunc(slices.Clone(m.probed), of)
	}
	st.schedule(s)
}

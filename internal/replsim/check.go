package replsim

import (
	"errors"
	"fmt"
)

// Check tells which invariants the present state breaks, nil when none: no two primaries of the same term, and no two
// primaries that each see a majority of the configuration they believe in.
func (s *Set) Check() error {
	var broken []error
	for i := range s.procs {
		for j := range i {
			p, q := &s.procs[i], &s.procs[j]
			if p.state != Primary || q.state != Primary {
				continue
			}
			if p.op.Term == q.op.Term {
				broken = append(broken, fmt.Errorf("replica set %s: %s and %s are both primary in term %d",
					s.name, q.host, p.host, p.op.Term))
			}
			if s.seesMajority(i) && s.seesMajority(j) {
				broken = append(broken, fmt.Errorf("replica set %s: %s and %s are both primary with a majority each",
					s.name, q.host, p.host))
			}
		}
	}
	return errors.Join(broken...)
}

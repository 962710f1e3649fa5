package mongo

import (
	"errors"
	"fmt"
	"strings"
)

// ErrUnsafeStep is wrapped by every refusal of [CheckStep].
var ErrUnsafeStep = errors.New("not a safe step")

// CheckStep tells whether a configuration may follow another in one reconfiguration: it is legal by itself, bears the next version, is of
// the same set, and the votes of at most one member change, so that any majority before shares a voter with any majority after. Servers
// before 4.4 do not check this, so package live does.
func CheckStep(from, to Config) error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("replica set %s, version %d: %w: %w", from.ID, to.Version, ErrUnsafeStep, fmt.Errorf(format, args...))
	}
	if to.ID != from.ID {
		return refuse("it is for the set %q", to.ID)
	}
	if to.Version != from.Version+1 {
		return refuse("the version after %d is %d", from.Version, from.Version+1)
	}
	if err := Validate(to); err != nil {
		return refuse("%w", err)
	}
	var changed []string
	for _, m := range from.Members {
		n, stays := to.Member(m.Host)
		if n.Votes != m.Votes { // one that leaves has none
			changed = append(changed, m.Host)
		}
		if stays && n.ID != m.ID {
			return refuse("the _id of %s changes from %d to %d", m.Host, m.ID, n.ID)
		}
	}
	for _, m := range to.Members {
		if _, was := from.Member(m.Host); !was && m.Votes > 0 {
			changed = append(changed, m.Host)
		}
	}
	if len(changed) > 1 {
		return refuse("the votes of %d members change at once (%s)", len(changed), strings.Join(changed, ", "))
	}
	return nil
}

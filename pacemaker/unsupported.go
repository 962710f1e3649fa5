package pacemaker

import (
	"fmt"
	"strings"
)

// UnsupportedError lists what a rebuild cannot express, or what the tools are known to refuse. Nothing is left out silently.
type UnsupportedError struct {
	What []string
}

func (e *UnsupportedError) Error() string {
	return "the configuration cannot be rebuilt by commands: " + strings.Join(e.What, "; ")
}

// Is makes errors.Is(err, ErrUnsupported) true.
func (e *UnsupportedError) Is(target error) bool { return target == ErrUnsupported }

// Refusals collect what cannot be expressed; it is never left out silently.
type Refusals []string

// Add adds a reason.
func (u *Refusals) Add(format string, args ...any) { *u = append(*u, fmt.Sprintf(format, args...)) }

// Err is nil when nothing was collected.
func (u Refusals) Err() error {
	if len(u) == 0 {
		return nil
	}
	return &UnsupportedError{What: u}
}

package mongo

import (
	"fmt"
	"strings"
)

// MemberState is the state of a member, numbered as replSetGetStatus numbers it
// (https://www.mongodb.com/docs/manual/reference/replica-states/).
type MemberState int

// The member states. Number 4 was FATAL up to 2.x and is kept for its text only.
const (
	StateStartup    MemberState = 0
	StatePrimary    MemberState = 1
	StateSecondary  MemberState = 2
	StateRecovering MemberState = 3
	StateFatal      MemberState = 4
	StateStartup2   MemberState = 5
	StateUnknown    MemberState = 6
	StateArbiter    MemberState = 7
	StateDown       MemberState = 8
	StateRollback   MemberState = 9
	StateRemoved    MemberState = 10
)

var stateNames = [...]string{
	"STARTUP", "PRIMARY", "SECONDARY", "RECOVERING", "FATAL", "STARTUP2", "UNKNOWN", "ARBITER", "DOWN", "ROLLBACK",
	"REMOVED",
}

func (s MemberState) String() string {
	if s >= 0 && int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("MemberState(%d)", int(s))
}

// ParseMemberState reads a state as stateStr and CPS print it, in any case. "(not reachable/healthy)" is [StateDown].
func ParseMemberState(text string) (MemberState, error) {
	t := strings.ToUpper(strings.TrimSpace(text))
	for i, n := range stateNames {
		if n == t {
			return MemberState(i), nil
		}
	}
	if strings.HasPrefix(t, "(NOT REACHABLE") {
		return StateDown, nil
	}
	return StateUnknown, fmt.Errorf("cannot read member state %q", text)
}

// HoldsData tells whether a member in this state serves as a current or nearly current copy of the data.
func (s MemberState) HoldsData() bool { return s == StatePrimary || s == StateSecondary }

// Votes tells whether a member in this state takes part in elections.
func (s MemberState) Votes() bool {
	switch s {
	case StatePrimary, StateSecondary, StateRecovering, StateStartup2, StateArbiter, StateRollback:
		return true
	default:
		return false
	}
}

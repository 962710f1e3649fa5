package simhost

import "fmt"

// FaultKind is a way in which a command goes wrong.
type FaultKind uint8

// The kinds of fault.
const (
	Fails        FaultKind = iota + 1 // exits 1 without having done anything
	Refused                           // the connection is refused: NotStarted
	CutBefore                         // the connection is lost before the command acts: Unknown
	CutMiddle                         // the connection is lost halfway through the command's input, then it acts on what it got: Unknown
	CutAfter                          // the command acts, but its answer is lost: Unknown
	Hangs                             // it never answers: its time limit passes, Unknown
	PowerBefore                       // the host loses power before the command acts, and stays off
	PowerAfter                        // the host loses power after the command acted, and stays off
	SucceedsIdly                      // exits 0 without having done anything
)

// FaultKinds are all kinds, for a rehearsal that tries each.
var FaultKinds = []FaultKind{Fails, Refused, CutBefore, CutMiddle, CutAfter, Hangs, PowerBefore, PowerAfter, SucceedsIdly}

func (k FaultKind) String() string {
	names := []string{"none", "fails", "refused", "cut before effect", "cut in the middle", "cut after effect", "hangs",
		"power lost before effect", "power lost after effect", "succeeds without effect"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("FaultKind(%d)", uint8(k))
}

// Fault breaks one command.
type Fault struct {
	At   int // the command's number in the world, from 1
	Kind FaultKind
}

// Inject plants a fault.
func (s *State) Inject(f Fault) { s.faults = append(s.faults, f) }

func (s *State) faultNow() FaultKind {
	for _, f := range s.faults {
		if f.At == s.seq {
			return f.Kind
		}
	}
	return 0
}

package simhost

import (
	"fmt"
	"slices"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

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
	OutputCut                         // acts, and half of what it printed is lost
	OutputEmpty                       // acts, and nothing of what it printed comes
	OutputStale                       // a look answers as the same command did on this host the time before
	Fenced                            // the host is restarted before the command acts, as by a fence
	Slow                              // takes 20 seconds longer
)

// FaultKinds are all kinds, for a rehearsal that tries each.
var FaultKinds = []FaultKind{Fails, Refused, CutBefore, CutMiddle, CutAfter, Hangs, PowerBefore, PowerAfter, SucceedsIdly,
	OutputCut, OutputEmpty, OutputStale, Fenced, Slow}

func (k FaultKind) String() string {
	names := []string{"none", "fails", "refused", "cut before effect", "cut in the middle", "cut after effect", "hangs",
		"power lost before effect", "power lost after effect", "succeeds without effect",
		"output cut", "output empty", "output stale", "fenced", "slow"}
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

// Faults are the kinds of fault that make a difference to a command, by their names. Of the honest ones the caller is told, or told late; a
// lie is an answer that is not so. A loss of the answer is what evenkeel.Rehearse tries in every world.
func Faults(cmd sshexec.Cmd) (honest, lies []string) {
	for _, k := range FaultKinds {
		look := cmd.Effect == sshexec.ReadOnly
		switch k {
		case CutAfter:
		case CutMiddle:
			if !cmd.Stdin.IsZero() {
				honest = append(honest, k.String())
			}
		case SucceedsIdly, OutputCut:
			lies = append(lies, k.String())
		case OutputStale, OutputEmpty:
			if look == (k == OutputStale) { // a look that succeeds without effect prints nothing
				lies = append(lies, k.String())
			}
		default:
			honest = append(honest, k.String())
		}
	}
	return honest, lies
}

// Strike has the next command meet a fault, by its name.
func (w *World) Strike(name string) {
	w.Do(func(s *State) {
		at := slices.IndexFunc(FaultKinds, func(k FaultKind) bool { return k.String() == name })
		if at < 0 {
			panic("simhost: no fault is called " + name)
		}
		s.Inject(Fault{At: s.seq + 1, Kind: FaultKinds[at]})
	})
}

// Mend gives power to each host that lost it, and waits until it is up. One that its own programs halted stays off.
func (w *World) Mend() {
	w.Do(func(s *State) {
		for _, h := range s.hosts {
			if !h.ShutDown {
				h.PowerOn(s)
			}
		}
		s.Sleep(2 * BootTime)
	})
}

// said is what a look printed, and how it ended.
type said struct {
	before *said
	key    string
	res    sshexec.Result
}

// rememberedSize is how long an output may be to be kept for OutputStale.
const rememberedSize = 1 << 16

// remembered keeps the answer of a look, and gives it; with OutputStale it gives the one before, where there was one.
func (s *State) remembered(key string, res sshexec.Result, fault FaultKind) sshexec.Result {
	for one := s.said; fault == OutputStale && one != nil; one = one.before {
		if one.key == key {
			return one.res
		}
	}
	if len(res.Stdout) < rememberedSize {
		s.said = &said{s.said, key, res}
	}
	return res
}

// garbled is a result of which some of the output is lost.
func (k FaultKind) garbled(res sshexec.Result) sshexec.Result {
	switch k {
	case OutputCut:
		res.Stdout = slices.Clone(res.Stdout[:len(res.Stdout)/2])
	case OutputEmpty:
		res.Stdout, res.Stderr = nil, nil
	default:
	}
	return res
}

func (s *State) faultNow() FaultKind {
	for _, f := range s.faults {
		if f.At == s.seq {
			return f.Kind
		}
	}
	return 0
}

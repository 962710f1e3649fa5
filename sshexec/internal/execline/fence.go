package execline

import (
	"fmt"
	"strings"
)

// Fence is what the machine checks before it runs a command, and holds while the command runs: a shared lock on a lease
// file that begins with the words. Path and Words stand in the script as they are: they are made of letters, digits and
// "/._@+=:%-", the words with single blanks between them.
type Fence struct {
	Path    string
	Words   string
	Mark    string // stands in the line that tells of a refusal: another one for each command
	Inherit bool   // the command inherits the lock as descriptor 9, to hand it on to a process that outlives it
	At      string // the mark to leave behind the lease, "at LIFE NUMBER" as AtLine makes it; none when empty
}

// FencedStatus is the exit status of a command that the fence kept from starting. It counts only together with the line
// that begins with FencedLine.
const FencedStatus = 194

// FencedLine begins the line of standard error that tells why the command was not started: a reason, and what the lease says.
func (f Fence) FencedLine() string { return fencedMark + f.Mark + " " }

// The reasons in it.
const (
	FencedMissing = "missing" // there is no lease file, or it cannot be opened
	FencedNoLock  = "no-lock" // flock(1) is not there, or failed
	FencedOther   = "other"   // the lease is not the one that the command needs
)

// FenceVariable is in the environment of a fenced command and of what it starts: the number of the command's first
// process, a colon, and the path of the lease. A process whose own number stands there is the command itself, and none
// of the daemons that it started.
const FenceVariable = "EVENKEEL_FENCE"

// The pieces of the wrapper. The shell stays: it holds the lock, not the command, whose daemons would keep it for ever.
// It outlives a signal that is sent to the whole group, and ends by the signal that ended the command.
const (
	fencedMark = "evenkeel-fenced-"
	fence1     = `f() { echo "` + fencedMark
	fence2     = ` $*" >&2; exit 194; }; s=; { s=1; flock -s 9 || f ` + FencedNoLock + `; read -r l <&9; case "$l " in "`
	fence3     = ` "*) ;; *) f ` + FencedOther + ` "$l" ;; esac`
	fenceAt1   = `; read -r p l n <&9; { case "$p $l " in "`
	fenceAt2   = ` ") [ "$n" -ge `
	fenceAt3   = ` ] ;; *) false ;; esac || { read -r p <&8; echo "`
	fenceAt4   = `" >&8; } 8<>`
	fenceAt5   = `; } 2>/dev/null`
	fence3b    = `; trap : HUP INT TERM; ({ read -r p l </proc/self/stat; } 2>/dev/null; export ` + FenceVariable + `="$p:`
	fence4     = `"; `
	fence5     = `)`
	fence6     = ` 9<&-`
	fence7     = `; s=$?; } 9<`
	fence8     = `; [ "$s" ] || f ` + FencedMissing +
		`; [ "$s" -le 128 ] || { s=$s n=$(kill -l "$s" 2>/dev/null) && trap - HUP INT TERM && kill -s "$n" $$ 2>/dev/null; }; exit "$s"`
)

// wrap puts the fence around a script.
func (f Fence) wrap(script string) string {
	closed := fence6
	if f.Inherit {
		closed = ""
	}
	return fence1 + f.Mark + fence2 + f.Words + fence3 + f.leaveAt() + fence3b + f.Path + fence4 + script + fence5 +
		closed + fence7 + f.Path + fence8
}

// atSize is the length of the line with the mark, without its newline. It lies behind the line of the lease and is written in place.
const atSize = 63

// AtLine is the line of a mark: the life that has the lease, and how many records its journal had. Both are words.
func AtLine(life, number string) string { return fmt.Sprintf("%-*s", atSize, "at "+life+" "+number) }

// leaveAt is the piece that leaves the mark: shell builtins only, under the lock. A greater number of the same life
// stays: commands of parallel steps may come in another order than they were sent. A mark that cannot be written keeps
// no command from running: an undo must work on a machine whose disk fails.
func (f Fence) leaveAt() string {
	if f.At == "" {
		return ""
	}
	text := strings.TrimRight(f.At, " ")
	last := strings.LastIndexByte(text, ' ')
	return fenceAt1 + text[:last] + fenceAt2 + text[last+1:] + fenceAt3 + f.At + fenceAt4 + f.Path + fenceAt5
}

// cutAt takes the piece that leaves a mark apart.
func cutAt(text string) (at, rest string, ok bool) {
	text, ok = strings.CutPrefix(text, fenceAt1)
	if !ok {
		return "", text, true
	}
	_, text, ok = strings.Cut(text, fenceAt3)
	if ok {
		at, text, ok = strings.Cut(text, fenceAt4)
	}
	if ok {
		_, text, ok = strings.Cut(text, fenceAt5)
	}
	return at, text, ok && strings.Count(strings.TrimRight(at, " "), " ") == 2
}

// unwrapFence undoes wrap; whether it did is for rebuilds to say.
func unwrapFence(text string) (f Fence, script string, ok bool) {
	text, ok = strings.CutPrefix(text, fence1)
	if !ok {
		return Fence{}, "", false
	}
	for _, part := range []struct {
		to  *string
		end string
	}{{&f.Mark, fence2}, {&f.Words, fence3}, {&f.At, ""}, {&f.Path, fence4}} {
		if part.end == "" {
			if f.At, text, ok = cutAt(text); ok {
				text, ok = strings.CutPrefix(text, fence3b)
			}
		} else {
			*part.to, text, ok = strings.Cut(text, part.end)
		}
		if !ok {
			return Fence{}, "", false
		}
	}
	if text, ok = strings.CutSuffix(text, fence7+f.Path+fence8); !ok {
		return Fence{}, "", false
	}
	text, closed := strings.CutSuffix(text, fence6)
	f.Inherit = !closed
	script, ok = strings.CutSuffix(text, fence5)
	return f, script, ok
}

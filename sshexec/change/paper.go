package change

import (
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// OperatorHost is the Host of a block that is typed on the operator's own machine.
const OperatorHost = "(your own machine)"

// Block is what the operator types in one go who follows the runbook by hand. An action without blocks shows its
// command as it is. An action has blocks where that is not enough: its output is hard to judge, the action is an
// operation, or what is typed depends on what was seen.
type Block struct {
	Host string // where; the action's host when empty
	Text string // what it is for, a sentence; may be empty

	// If is a line that the last script before must have printed; else the block is left out. Neighbours with an If are
	// alternatives: one of them, and no other, is typed.
	If string

	// One of the two. Cmd is a command of the action. Script is text for bash that changes nothing; a fact in it stands
	// outside all quotes, as its Ref.
	Cmd    sshexec.Cmd
	Pipe   string // what follows Cmd on its line: "2>&1 | tail -n 1"
	From   string // text for bash whose last command prints the input of Cmd, where that is secret: it asks for it
	Script string

	Shows []string // the lines that it must print, and no others; exit status 0 when empty
	Ends  bool     // Shows are the last lines that it prints
	Until bool     // type it again until it shows them
	// Patience bounds Until: after that the last that it printed counts, and alternatives say what is typed then.
	Patience time.Duration
}

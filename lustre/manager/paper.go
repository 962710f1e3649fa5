package manager

import (
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
)

// paperFunctions are what the operator types with who follows the runbook by hand.
const paperFunctions = `# counts N: the totals of N answers of IML in one line; nothing where one is missing
counts() { grep -o '"total_count": *[0-9]*' | grep -o '[0-9]*$' | tr '\n' ' ' | sed 's/ $//' | grep -xE "[0-9]+( [0-9]+){$(($1 - 1))}"; }`

// shows lets the operator judge a look: what its command prints, after the filter, must be these lines.
func shows(a evenkeel.Action, filter string, lines ...string) evenkeel.Action {
	a.Paper = []evenkeel.Block{{Script: strings.TrimSpace(shellescape.QuoteCommand(a.Cmd.Argv) + " " + filter),
		Shows: lines, Until: a.Limit > 0}}
	return a
}

// showsText is a look whose output must have a text in it.
func showsText(a evenkeel.Action, text string) evenkeel.Action {
	return shows(a, "| grep -oF "+shellescape.Quote(text)+" | head -n 1", text)
}

// showsExit is a look whose exit status says it.
func showsExit(a evenkeel.Action, status string) evenkeel.Action {
	return shows(a, `>/dev/null 2>&1; echo "exit status $?"`, "exit status "+status)
}

// showsFact is a look that must print the value of a fact, alone in its line.
func showsFact(a evenkeel.Action, filter, ref string) evenkeel.Action {
	return shows(a, filter+" | grep -cxF "+ref, "1")
}

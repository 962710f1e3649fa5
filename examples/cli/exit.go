package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli/view"
)

// Exit codes of every command.
const (
	ExitDone    = 0
	ExitFailed  = 1
	ExitInput   = 2
	ExitHeld    = 3
	ExitStopped = 4
)

// exitCodes say what each exit code means; "help exit-codes", the man pages and README show them.
var exitCodes = []string{
	ExitDone: "the job is done; what was looked at is fine",
	ExitFailed: "it stopped at an error, and the journal knows where; or there is something to look at: `inspect`, `plan -o window`, " +
		"`preflight run`, `preflight --target` or `sets` has a finding, `diff` or `plan --diff` a difference, `rehearse` a schedule " +
		"that failed, `report` a run that has not ended",
	ExitInput: "bad input or usage; nothing was touched",
	ExitHeld:  "the operator is needed; `resume` goes on from there",
	ExitStopped: "stopped as asked, at a safe point; `resume` goes on from there; of `rehearse`: not all was tried, and what was " +
		"tried broke nothing",
}

// exitTopic is "help exit-codes".
func exitTopic() *cobra.Command {
	var b strings.Builder
	b.WriteString("Every command ends with one of these exit codes:\n\n")
	for code, what := range exitCodes {
		fmt.Fprintf(&b, "  %d  %s\n", code, strings.TrimLeft(view.Hang("   "+strings.ReplaceAll(what, "`", ""), 118), " "))
	}
	b.WriteString(`
Ctrl-C, SIGTERM, a lost terminal, a closed pipe or a full disk ask a run to stop. It says what it waits for. It does not stop
in the middle of an outage, nor before what it changed is verified, except where that waits for the operator. A second Ctrl-C
stops at once, says what that leaves down, and exits with 1: nobody has verified what was begun.`)
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean, and what Ctrl-C does", Long: b.String()}
}

// exitCode is the exit code for the end of a run.
func exitCode(err error) int {
	var hold *evenkeel.Pause
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &hold):
		return ExitHeld
	case errors.Is(err, evenkeel.ErrStopped):
		return ExitStopped
	}
	return ExitFailed
}

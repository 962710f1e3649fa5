// Package words knows how the words of operators are written. Its tests read every title, every message and every rendered runbook.
package words

import (
	"regexp"
	"slices"
	"strings"
)

// verbs may begin the title of a step or of an action. What only looks begins with Verify, Wait, Note, Check or Watch.
var verbs = strings.Fields(`
	Add Apply Assign Authorise Back Block Boot Bring Build Bump Call Change Check Clear Close Comment Compare Configure Confirm
	Copy Count Create Delete Deploy Describe Destroy Disable Divide Do Empty Enable End Erase Estimate Exchange Exclude
	Export Extract Fence Fetch Find Follow Free Freeze Give Have Hold Import Install Join Judge Keep Label Leave Let
	Lift List Load Log Look Lower Make Mark Merge Migrate Mirror Mount Move Name Note Offer Open Pack Point Prepare
	Probe Promote Prove Provision Put Raise Read Reboot Rebuild Reconfigure Redeploy Reload Remove Rename Replace Reset
	Restart Restore Roll Run Save Send Set Shorten Show Shut Silence Start State Stop Sum Swap Switch Take Tell Test
	Type Undo Unmount Unpack Unset Update Upgrade Upload Verify Wait Watch Write`)

// nominal are titles whose first word is in the list, and is no verb there: "Set 1 takes traffic", "End of …", "Change freeze".
var nominal = regexp.MustCompile(`^(?:\w+ (?:of|is|has|takes)\b|Set (?:\d|%d)|(?:Call|Change|Log|State|Test) (?:freeze|traffic|` +
	`window|file|machine|run)(?: \(|$))`)

// Imperative tells whether a title begins with a verb of the list.
func Imperative(title string) bool {
	if nominal.MatchString(title) {
		return false
	}
	first, _, _ := strings.Cut(strings.Replace(title, ":", "", 1), " ") // "Undo: …"
	return slices.Contains(verbs, first)
}

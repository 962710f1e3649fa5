// Package view shows a run to a person and to programs, from the events of the run alone.
//
// [Live] is for a terminal: a block at the bottom that is redrawn, with what serves where, the step and the action,
// windows and pauses; finished actions scroll above it. [Plain] is for pipes and simple terminals: a line for each
// finished action, and nothing twice. [Events] is for programs: JSON lines (docs/events.md).
//
// Everything that is shown is one line of safe text before it is styled: nothing that comes from a machine reaches the
// terminal as an escape sequence. A colour repeats what a word or a mark says; it never stands alone.
package view

import "github.com/evenkeel-ha/evenkeel"

// Options are what a view is told beside the events. The zero value shows the events alone.
type Options struct {
	// State is what the journal told when this life began; nil for a new run. What was done before is one line.
	State *evenkeel.State
	// Plan gives the expected times of the steps; nil where nobody knows them.
	Plan *evenkeel.Timetable
	// Mask hides secrets in the titles of what comes next; nil where there are none.
	Mask func(string) string
	// Journal is the name of the journal, for the foot of the block.
	Journal string
	// Verbose tells also what could not be observed.
	Verbose bool
	// ASCII keeps to the letters that every terminal has.
	ASCII bool
}

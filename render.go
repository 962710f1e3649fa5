package evenkeel

import (
	"fmt"
	"io"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Markdown writes the runbook for the operator who reviews it, signs it, and could follow it by hand: every command as
// one would type it, where, what must be seen, and the place in the guide. A fact found out on the way stands as a
// shell variable. Secrets never appear.
func (rb *Runbook) Markdown(w io.Writer) error {
	p := &printer{w: w, redact: rb.redaction()}
	p.line("# %s", inline(rb.Title))
	p.para(rb.Intro)
	p.line("\n%s", howToRead)
	if rb.Functions != "" {
		p.line("\nPaste this into every new terminal on the machines; it changes nothing:\n\n%s", fence(rb.Functions))
	}
	p.made(rb)
	p.watched(rb)
	p.noReturn(rb)
	for i := range rb.Steps {
		p.step(i+1, &rb.Steps[i])
	}
	return p.err
}

// howToRead explains the words behind each action.
const howToRead = "How to read it: every action says what it does to the system (read-only, mutating, disruptive) and " +
	"whether it may be repeated when nobody knows if it ran: *idempotent*, twice is the same as once; " +
	"*probe-first*, look first and run it unless it is done; *never*, only when the probe shows that it never took " +
	"effect. A *precondition* must hold immediately before what follows it; after an interruption it is read again." +
	"\n\nType the commands into bash, each where it says, in the order in which they stand. A command whose output is " +
	"not described must end with exit status 0 (`echo $?`). " +
	"A check that does not show what it must: stop, and find out why. " +
	"What an earlier step found out stands in a variable of the shell; in another terminal it is set by pasting what " +
	"`declare -p NAME` printed. A command whose variable is not set says so and does nothing."

// printer writes lines and keeps the first error.
type printer struct {
	w       io.Writer
	probing bool              // the blocks look whether something ran
	redact  sshexec.Redaction // what nothing may show
	err     error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, p.redact.Own(fmt.Sprintf(format+"\n", args...)))
	}
}

func (p *printer) para(text string) {
	if text != "" {
		p.line("\n%s", prose(text))
	}
}

func in(before, text, after string) string {
	if text == "" {
		return ""
	}
	return before + text + after
}

func (p *printer) made(rb *Runbook) {
	if len(rb.Inputs) > 0 {
		p.line("\n## Made from\n\n| input | sha256 |\n|---|---|")
		for _, input := range rb.Inputs {
			p.line("| %s | %s |", cell(input.Name), code(input.SHA256))
		}
		p.line("\nA run refuses a journal that was begun with other inputs, other steps or another version%s.",
			in(" than ", inline(rb.Version), ""))
	}
	if leased := rb.Leased(); len(leased) > 0 {
		p.line("\nWhile it runs, the lease file on %s (`%s` unless the operator names another) names the run. Each machine "+
			"checks it together with every command that changes something; a second operator is kept out.",
			inline(strings.Join(leased, ", ")), LeasePath)
	}
}

func (p *printer) watched(rb *Runbook) {
	if len(rb.Invariants) == 0 {
		return
	}
	p.line("\n## What holds throughout\n")
	for _, inv := range rb.Invariants {
		p.line("- **%s**: %s%s", inline(inv.ID), inline(inv.Title), map[bool]string{true: " Never suspended."}[inv.Absolute])
	}
	var windows []string
	for i := range rb.Steps {
		for _, w := range rb.Steps[i].Opens {
			windows = append(windows, fmt.Sprintf("| %d to %d | %s | %s | %s | %s |", i+1, rb.closes(w.ID, i)+1,
				cell(w.Invariant), w.Limit, w.Stop.words(), cell(w.Reason)))
		}
	}
	if len(windows) > 0 {
		p.line("\nSuspended, openly:\n\n| steps | invariant | at most | a stop is taken | because |\n|---|---|---|---|---|\n%s",
			strings.Join(windows, "\n"))
	}
}

// closes is the index of the step that closes a window; the last one where it stays open.
func (rb *Runbook) closes(id string, from int) int {
	for i := from; i < len(rb.Steps); i++ {
		for _, c := range rb.Steps[i].Closes {
			if c == id {
				return i
			}
		}
	}
	return len(rb.Steps) - 1
}

// pointOfNoReturn is a run of steps that a rollback cannot go back over.
type pointOfNoReturn struct {
	from, to   int // numbers of steps, as shown
	title, why string
}

// pointsOfNoReturn tells where a rollback ends, the first of each run of steps that cannot be undone; and which steps leave something
// that their undo does not take back.
func (rb *Runbook) pointsOfNoReturn() []pointOfNoReturn {
	var points []pointOfNoReturn
	for i := 0; i < len(rb.Steps); i++ {
		s := &rb.Steps[i]
		if s.Remains != "" {
			points = append(points, pointOfNoReturn{i + 1, i + 1, s.Title, s.Remains})
		}
		if s.Irreversible == "" {
			continue
		}
		last := i
		for last+1 < len(rb.Steps) && rb.Steps[last+1].Irreversible != "" {
			last++
		}
		points = append(points, pointOfNoReturn{i + 1, last + 1, s.Title, s.Irreversible})
		i = last
	}
	return points
}

// line is the point as a line, its texts written by as.
func (pt pointOfNoReturn) line(as func(string) string) string {
	through := ""
	if pt.to > pt.from {
		through = fmt.Sprintf(" (to step %d)", pt.to)
	}
	return fmt.Sprintf("- From step %d, %s%s: %s", pt.from, as(pt.title), through, as(pt.why))
}

func (p *printer) noReturn(rb *Runbook) {
	points := rb.pointsOfNoReturn()
	if len(points) > 0 {
		p.line("\n## Points of no return\n")
	}
	for _, point := range points {
		p.line("%s", point.line(inline))
	}
}

func (p *printer) step(n int, s *Step) {
	p.line("\n## %d. %s", n, inline(s.Title))
	var facts []string
	if s.Host != "" {
		facts = append(facts, "on "+code(s.Host))
	}
	if s.Ref != "" {
		facts = append(facts, "guide: "+inline(s.Ref))
	}
	if s.Parallel != "" {
		facts = append(facts, "at the same time as its neighbours of group "+inline(s.Parallel)+", from another terminal")
	}
	if len(facts) > 0 {
		p.line("\n%s", strings.Join(facts, "; "))
	}
	p.para(s.Why)
	for _, w := range s.Opens {
		p.line("\n> **Window %s opens**: %s is suspended for at most %s: %s", inline(w.ID), inline(w.Invariant), w.Limit, inline(w.Reason))
	}
	p.line("")
	for i := range s.Actions {
		p.action(fmt.Sprintf("%d.%d", n, i+1), s, &s.Actions[i])
	}
	if len(s.Verify) > 0 {
		p.line("Then verify:\n")
		for i := range s.Verify {
			p.action(fmt.Sprintf("%d.v%d", n, i+1), s, &s.Verify[i])
		}
	}
	for _, id := range s.Closes {
		p.line("> **Window %s closes** when what it suspended is seen to hold again.\n", inline(id))
	}
	for _, w := range s.Opens {
		if len(w.Completion) > 0 {
			p.line("<details><summary>To end window %s when a step inside it fails</summary>\n", inline(w.ID))
			for i := range w.Completion {
				p.action(fmt.Sprintf("%d.c%d", n, i+1), s, &w.Completion[i])
			}
			p.line("</details>\n")
		}
	}
	switch {
	case s.Irreversible != "":
		p.line("Irreversible: %s.\n", strings.TrimSuffix(prose(s.Irreversible), "."))
	case s.Harmless != "":
		p.line("Nothing to undo: %s.\n", strings.TrimSuffix(prose(s.Harmless), "."))
	case len(s.Undo) > 0:
		if s.Remains != "" {
			p.line("What the undo does not take back: %s.\n", strings.TrimSuffix(prose(s.Remains), "."))
		}
		p.line("<details><summary>To undo it</summary>\n")
		for i := range s.Undo {
			p.action(fmt.Sprintf("%d.u%d", n, i+1), s, &s.Undo[i])
		}
		for i := range s.UndoVerify {
			p.action(fmt.Sprintf("%d.uv%d", n, i+1), s, &s.UndoVerify[i])
		}
		p.line("</details>\n")
	}
}

func hostIfOther(s *Step, a *Action) string {
	if a.Host != "" && a.Host != s.Host {
		return a.Host
	}
	return ""
}

package evenkeel

import (
	"fmt"
	"slices"
	"strings"
)

// chapters are what is read before the steps: what is signed comes first, how to type the commands last.
func (b *sheeter) chapters(sh *Sheet) []Chapter {
	list := []Chapter{b.summary(), b.findings(), b.outcome(sh), b.seen()}
	if b.rb.Intro != "" {
		list = append(list, Chapter{ID: "about", Title: "What it does", Prose: b.prose(b.rb.Intro), Long: true})
	}
	list = append(list, b.dropped(), b.served(), b.risks(), b.noReturn(), b.wayBack(), b.signOff(), b.made(), b.reading())
	return slices.DeleteFunc(list, func(c Chapter) bool {
		return c.Prose == "" && len(c.Paras)+len(c.Rows)+len(c.List) == 0 && c.Code == nil
	})
}

// digestRow is the name of the digest in the summary.
const digestRow = "Digest"

// summary fits one screen.
func (b *sheeter) summary() Chapter {
	c := Chapter{ID: "summary", Title: "Summary"}
	add := func(name, format string, args ...any) {
		c.Rows = append(c.Rows, []string{name, b.text(fmt.Sprintf(format, args...))})
	}
	if b.state != nil {
		add("Outcome", "%s%s", b.state.outcome(), map[bool]string{true: ". The machines were simulated"}[b.state.Run.Simulated])
	}
	if b.o.Digest != "" {
		add(digestRow, "%s%s", b.o.Digest, in(". What was signed runs, and nothing else: ", b.o.Signed, ""))
	}
	if b.o.Made != "" {
		add("Made", "%s", b.o.Made)
	}
	rb := b.rb
	add("Steps", "%s%s", count(len(rb.Steps), "step"), b.byHand())
	add("Machines", "%s", strings.Join(rb.HostNames(), ", "))
	if b.t != nil {
		if b.t.Start != nil || b.t.End != nil || b.t.Within > 0 {
			add("When", "%s", b.t.bounds())
		}
		add("Duration", "%s%s", b.t.Total, in(" (not known in full: ", b.unknown(), ")"))
	}
	b.windowsOf(add, "Outage", true)
	if b.t != nil && len(b.t.outages()) > 0 {
		add("Expected outage", "%s", strings.Join(b.t.outages(), "; "))
	}
	if len(b.o.Outages) > 0 {
		add("Simulated outage", "%s", strings.Join(b.o.Outages, "; "))
	}
	b.windowsOf(add, "Reduced redundancy", false)
	add("Points of no return", "%s", b.points())
	if ways := b.ways(); len(ways) > 0 {
		var texts []string
		for _, w := range ways {
			texts = append(texts, w.brief())
		}
		add("Rollback", "%s", strings.Join(texts, "; "))
	}
	if n := len(rb.Dropped); n > 0 {
		add("Not carried over", "%s (listed below)", count(n, "setting"))
	}
	if n := len(b.o.Findings); n > 0 {
		add("Findings", "%d (listed below)", n)
	}
	return c
}

// byHand says how many steps need the operator.
func (b *sheeter) byHand() string {
	var hand []int
	for i := range b.rb.Steps {
		if _, operator := b.rb.Steps[i].persons(); operator {
			hand = append(hand, i+1)
		}
	}
	if len(hand) == 0 {
		return ", none by hand"
	}
	return fmt.Sprintf(", %d by hand (%s)", len(hand), numbers(hand))
}

// unknown are the steps of which nobody knows how long they take.
func (b *sheeter) unknown() string {
	var list []int
	for _, s := range b.t.Steps {
		if slices.Contains(b.t.Unknown, s.ID) {
			list = append(list, s.Number)
		}
	}
	switch {
	case len(list) == 0:
		return ""
	case len(list) > 1 && len(list) == len(b.t.Steps):
		return "every step"
	case len(list) > 12:
		return fmt.Sprintf("%d of them", len(list))
	}
	return theSteps(list)
}

// windowsOf says how often something is suspended, and for how long at most.
func (b *sheeter) windowsOf(add func(name, format string, args ...any), name string, outage bool) {
	var at []string
	for i := range b.rb.Steps {
		for _, w := range b.rb.Steps[i].Opens {
			if w.holdsStop() == outage {
				at = append(at, fmt.Sprintf("%s (%s) %s, at most %s", w.ID, w.Invariant, stepRange(i+1, b.rb.closes(w.ID, i)+1), inWords(w.Limit)))
			}
		}
	}
	switch n := len(at); {
	case n > 3:
		add(name, "%s: %s; and %d more (listed below)", count(n, "window"), strings.Join(at[:3], "; "), n-3)
	case n > 0:
		add(name, "%s: %s", count(n, "window"), strings.Join(at, "; "))
	}
}

// stepRange is one step, or several.
func stepRange(from, to int) string {
	if from == to {
		return fmt.Sprintf("in step %d", from)
	}
	return fmt.Sprintf("in steps %d to %d", from, to)
}

// points are the points of no return in short.
func (b *sheeter) points() string {
	points := b.rb.pointsOfNoReturn()
	if len(points) == 0 {
		return "none"
	}
	var texts []string
	for _, p := range points[:min(len(points), 3)] {
		texts = append(texts, fmt.Sprintf("step %d (%s)", p.from, p.title))
	}
	if more := len(points) - 3; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more (listed below)", more))
	}
	return strings.Join(texts, "; ")
}

// findingsID is the ID of the chapter of what was found in the inputs.
const findingsID = "findings"

func (b *sheeter) findings() Chapter {
	return Chapter{ID: findingsID, Title: "Findings", List: b.lines(b.o.Findings)}
}

func (b *sheeter) dropped() Chapter {
	return Chapter{ID: "dropped", Title: "Not carried over", List: b.lines(b.rb.Dropped)}
}

func (b *sheeter) lines(texts []string) (list []string) {
	for _, text := range texts {
		list = append(list, b.text(text))
	}
	return list
}

// served is what is suspended when: the picture of the page stands here.
func (b *sheeter) served() Chapter {
	c := Chapter{ID: "served", Title: "What is served when"}
	for i := range b.rb.Steps {
		for _, w := range b.rb.Steps[i].Opens {
			last := b.rb.closes(w.ID, i)
			expected := "unknown"
			if b.t != nil {
				lasts, _ := b.t.between(i, last)
				expected = lasts.String()
			}
			steps := fmt.Sprint(i + 1)
			if last > i {
				steps += fmt.Sprintf(" to %d", last+1)
			}
			c.Rows = append(c.Rows, []string{steps, b.invariant(w.Invariant), expected, inWords(w.Limit), w.Stop.words(), b.text(w.Reason)})
		}
	}
	if len(c.Rows) == 0 {
		c.Paras = []string{"Nothing is suspended at any time: no step opens a window."}
	} else {
		c.Paras = []string{"These invariants are suspended, openly; all others hold throughout. The expected time counts whole steps, " +
			"and what they verify before they change anything."}
		c.Head = []string{"steps", "invariant", "expected", "at most", "a stop is taken", "because"}
	}
	for _, a := range b.rb.Absences {
		first, _ := b.rb.place(a.From)
		last, _ := b.rb.place(a.Until)
		c.List = append(c.List, b.text(fmt.Sprintf("Away %s: %s%s", stepRange(first+1, last+1), a.What, in(" [", a.Ref, "]"))))
	}
	return c
}

// risks are what may go wrong and what guards against it.
func (b *sheeter) risks() Chapter {
	c := Chapter{ID: "risks", Title: "Risks, and what guards against them", Head: []string{"risk", "guard"}}
	add := func(risk, format string, args ...any) {
		c.Rows = append(c.Rows, []string{risk, b.text(fmt.Sprintf(format, args...))})
	}
	for _, inv := range b.rb.Invariants {
		guard := "Invariant %s: looked at before the first change and after every one. Outside of a window a violation stops the run."
		if inv.Absolute {
			guard = "Invariant %s: looked at before the first change and after every one. It is never suspended: a violation stops the run."
		}
		add("An invariant breaks: "+strings.TrimSuffix(b.text(inv.Title), "."), guard, inv.ID)
	}
	preconditions, probed, never := 0, 0, 0
	for i := range b.rb.Steps {
		for j := range b.rb.Steps[i].Actions {
			switch a := &b.rb.Steps[i].Actions[j]; {
			case a.Precondition:
				preconditions++
			case a.effect() == ReadOnly:
			case a.Repeat == ProbeFirst:
				probed++
			case a.Repeat == Never:
				never++
			}
		}
	}
	if preconditions > 0 {
		add("A change is made too early", "%s: read immediately before the changes that rely on them, and read again after an "+
			"interruption.", count(preconditions, "precondition"))
	}
	add("The tool crashes, or a connection is lost", "Every action is journalled before and after it. Nothing is repeated blindly: "+
		"%s look first, %d run again only where a probe proves that they took no effect; all others may run twice.",
		count(probed, "change"), never)
	if leased := b.rb.Leased(); len(leased) > 0 {
		add("A second operator, or an old copy of the tool", "A lease on %s names the run; each machine compares it with every command "+
			"that changes something.", strings.Join(leased, ", "))
		add("A name leads to another machine", "Host key, machine id and host name are bound at the first contact and compared in "+
			"each life of the tool.")
	}
	add("What runs is not what was signed", "A command that this document does not show is refused. A run can be bound to the digest.")
	return c
}

func (b *sheeter) noReturn() Chapter {
	c := Chapter{ID: "noreturn", Title: "Points of no return"}
	for _, p := range b.rb.pointsOfNoReturn() {
		through := ""
		if p.to > p.from {
			through = fmt.Sprintf(" (to step %d)", p.to)
		}
		c.List = append(c.List, b.text(fmt.Sprintf("From step %d, %s%s: %s", p.from, p.title, through, p.why)))
	}
	return c
}

func (b *sheeter) signOff() Chapter {
	c := Chapter{ID: "signoff", Title: "Sign-off", Head: []string{"", "name", "date", "signature"}}
	if b.o.Digest != "" {
		c.Paras = []string{"Signed is the plan with the digest " + b.text(b.o.Digest) + "."}
	}
	for _, who := range []string{"Prepared by", "Reviewed by", "Approved by", "Carried out by"} {
		c.Rows = append(c.Rows, []string{who, "", "", ""})
	}
	return c
}

// made is what a run is bound to.
func (b *sheeter) made() Chapter {
	rb := b.rb
	c := Chapter{ID: "made", Title: "Made from", Long: true}
	for _, input := range rb.Inputs {
		c.Rows = append(c.Rows, []string{b.text(input.Name), b.text(input.SHA256)})
	}
	if len(rb.Inputs) > 0 {
		c.Head = []string{"input", "sha256"}
		c.Paras = []string{fmt.Sprintf("A run refuses a journal that was begun with other inputs, other steps or another version%s.",
			in(" than ", b.text(rb.Version), ""))}
	}
	if leased := rb.Leased(); len(leased) > 0 {
		c.Paras = append(c.Paras, b.text(fmt.Sprintf("While it runs, the lease file on %s (%s unless the operator names another) names the run. "+
			"Each machine checks it together with every command that changes something; a second operator is kept out.",
			strings.Join(leased, ", "), LeasePath)))
	}
	return c
}

func (b *sheeter) reading() Chapter {
	c := Chapter{ID: "reading", Title: "How to read it, and how to follow it by hand", Prose: howToRead, Long: true}
	if b.rb.Functions != "" {
		c.Prose += "\n\nPaste this into every new terminal on the machines; it changes nothing:"
		c.Code = &Code{Language: "sh", Text: b.code("", "sh", b.rb.Functions).Code.Text}
	}
	return c
}

// howToRead explains the words behind each action.
const howToRead = "How to read it: every action says what it does to the system (read-only, mutating, disruptive) and " +
	"whether it may be repeated when it is not known whether it ran: *idempotent*, twice is the same as once; " +
	"*probe-first*, look first and run it unless it is done; *never*, only when the probe shows that it never took " +
	"effect. A *precondition* must hold immediately before what follows it; after an interruption it is read again." +
	"\n\nType the commands into bash, each where it says, in the order in which they stand. A command whose output is " +
	"not described must end with exit status 0 (`echo $?`). " +
	"A check that does not show what it must: stop, and find out why. " +
	"What an earlier step found out stands in a variable of the shell; in another terminal it is set by pasting what " +
	"`declare -p NAME` printed. A command whose variable is not set says so and does nothing."

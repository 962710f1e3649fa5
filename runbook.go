package evenkeel

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// Step is a group of actions with one purpose: what an operator would tick off.
type Step struct {
	ID    string // unique in the runbook, stable between versions
	Title string
	Host  string // where its actions run unless they say otherwise
	Ref   string // where the guide says so ("lustre:882")
	Why   string // why it is there, or why it differs from the guide

	Needs []FactKey // facts that its commands refer to
	Makes []FactKey // facts that its actions make

	Actions []Action
	Verify  []Action // read-only; the step is done only when these hold, all of them in one life of the tool

	// A step that changes anything has one of these three. Undo undoes what it did, as far as it got: each of its actions
	// must be harmless where there is nothing to undo; one that refers to a fact which the step never came to make is left
	// out. Irreversible says why it cannot be undone: it is a point of no return. Harmless says why what it did may stay
	// when all else is undone. When a step before it is undone and done again, this step is done again too; an action that
	// must not be repeated is probed first. UndoVerify is read-only: the undo has ended only when all of it holds.
	Undo         []Action
	UndoVerify   []Action
	Irreversible string
	Harmless     string
	// Remains says what stays after the undo: a point of no return of its own, though the step can be undone.
	Remains string
	// UndoOnFailure runs Undo as soon as the step fails, under its own deadline, even when the run was cancelled. A run
	// that holds for the operator, or that was asked to stop, has not failed and keeps its place.
	UndoOnFailure bool

	// Parallel names a group: neighbouring steps of the same group run at the same time, as from two terminals.
	Parallel string

	// Reinstalls names hosts that lose their system in this step, or have lost it: from its beginning on each may be away,
	// and comes back without a lease and as another machine. Of any other host that is an error.
	Reinstalls []string

	// A step begins with its first action that may change something. What it only looks at before, or asks the operator for,
	// leaves it pending: a run that pauses or stops there has not begun it, and looks and asks anew when it is taken up.
	Opens  []Window // invariants suspended from the beginning of this step
	Closes []string // IDs of windows that end with this step, once what they suspended is seen to hold again

	Takes Estimate // how long it takes, where the guide says so; else it is the sum of what its actions take

	undoes string // the step of the run that this step of a rollback undoes
}

// Invariant is what must hold throughout, but for declared windows.
type Invariant struct {
	ID    string
	Title string
	// Absolute: no window may suspend it, and it must be seen to hold before the first change of a run. A resumed run and a
	// rollback need not see it first: a machine may be away because a step has reinstalled it.
	Absolute bool
	// Check returns nil when it holds, a *Violation when it does not, and any other error when it cannot be observed now (a machine is off).
	Check func(ctx context.Context, at Site) error
}

// Violation says that an invariant does not hold.
type Violation struct {
	Invariant string // filled in by the run
	What      string
}

func (v *Violation) Error() string {
	return fmt.Sprintf("invariant %s is violated: %s", v.Invariant, v.What)
}

// Violated is a Violation.
func Violated(format string, args ...any) error {
	return &Violation{What: fmt.Sprintf(format, args...)}
}

// Input is something that the runbook was made from. Its digest binds a journal to it.
type Input struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// NewInput is the Input for the given content.
func NewInput(name string, content []byte) Input {
	sum := sha256.Sum256(content)
	return Input{Name: name, SHA256: hex.EncodeToString(sum[:])}
}

// Runbook is the whole job as data: reviewable, and run exactly as reviewed.
type Runbook struct {
	Name    string // one word, for files and journals
	Title   string
	Intro   string // for the reader: what it does, what it assumes
	Inputs  []Input
	Version string // of the tool that made it

	Invariants []Invariant
	Steps      []Step
	Absences   []Absence // what has to catch up after some of the steps
	Dropped    []string  // what of the old system is not carried over, and why; a sentence each

	// Known are facts from before the run: what a rollback takes over from the run that it rolls back.
	Known Facts

	// Functions are functions of the shell that the blocks of actions use on the machines. The operator pastes them into each terminal.
	Functions string

	// LeaseHosts are machines beside those that the runbook changes on which the run keeps a lease: those that its changes affect. See Leased.
	LeaseHosts []string

	// Secrets are values that no text of the run may show beside those that its commands mask or read: passwords inside of the inputs.
	Secrets []sshexec.Secret

	// Recover makes the rollback from a state where that is more than undoing the steps: UndoPlan, or a runbook with steps
	// of its own that ends the run.
	Recover func(*State) (*Runbook, error)
	// EndsRun, in a runbook that Recover makes, says that the run is over when it has ended: it cannot be resumed.
	EndsRun bool
	// MayRollBack looks whether a rollback may begin, where that takes more than the state of the run. Its error, such as a
	// *CannotRollBackError, refuses the rollback: nothing is done, nothing is journalled, and the run can be resumed. It only
	// looks; the site has the facts of the run. nil where the steps alone decide.
	MayRollBack func(context.Context, Site) error
	// Compare says what still differs from the state before the run, one sentence each, for the end of a rollback. It only
	// looks; the site has the facts of the run. What it cannot look at is a difference too. nil where the runbook cannot
	// tell.
	Compare func(context.Context, Site) ([]string, error)

	leftOpen []string             // the windows that a rollback leaves open
	barrier  *CannotRollBackError // why a rollback goes no further back
	origin   *Runbook             // what a rollback rolls back
	sums     *sums                // of a frozen runbook
}

// Digest binds a journal to what the runbook does: every step, action, command, input and probe in order, the facts
// known beforehand, the inputs and the tool's version. Of a secret it holds only that there is one; of a local file
// that a command reads, the path: what is in it belongs in Inputs. Titles, explanations and estimates may change, and so
// may the bounds on commands and checks: an operator may have to be more patient than the plan was. The limits of
// windows may not, since users feel them.
func (rb *Runbook) Digest() string {
	if s := rb.remembered(); s != nil {
		return s.whole
	}
	return rb.digest()
}

// digest makes the digest of the runbook as it is now.
func (rb *Runbook) digest() string {
	h := sha256.New()
	enc := json.NewEncoder(h)
	put := func(v ...any) { _ = enc.Encode(v) } // a hash never fails to write
	put(rb.Name, rb.Version, rb.Inputs, rb.LeaseHosts, rb.Known, rb.Functions)
	for _, inv := range rb.Invariants {
		put("invariant", inv.ID, inv.Absolute)
	}
	for i := range rb.Steps {
		s := &rb.Steps[i]
		put("step", s.ID, s.Host, s.Parallel, s.Reinstalls, s.Closes, s.UndoOnFailure, s.Irreversible != "", s.Harmless != "")
		for _, w := range s.Opens {
			put("window", w.ID, w.Invariant, w.Limit, w.Stop)
		}
		for _, part := range s.parts() {
			for j := range part.actions {
				a := &part.actions[j]
				put(part.phase, a.ID, a.host(s), a.effect(), a.Repeat, a.Manual, a.Precondition, a.DropsConnection, a.Expect.Text, a.Expect.Awaits)
				if a.Detached {
					put("detached")
				}
				if a.Through != "" {
					put("through", a.Through)
				}
				if a.Op != nil {
					put("op", a.Op.Text)
					for _, d := range a.Op.Docs {
						put("doc", d.Effect, d.Text, d.Hand)
						for _, p := range d.To {
							put("to", p.At(a.host(s)))
						}
					}
					for _, p := range a.Op.Reads {
						put("reads", p.At(a.host(s)))
					}
					for _, c := range a.Op.Cmds {
						put("on", c.At(a.host(s)))
					}
				}
				for _, m := range a.Makes {
					put("makes", m.Key.Name())
				}
				if a.Probe != nil {
					put("probe", a.Probe.Host, a.Probe.Silent)
					if op := a.Probe.Op; op != nil {
						put("probe-op", op.Text, op.Servers(cmp.Or(a.Probe.Host, a.host(s))))
					}
					for _, b := range a.Probe.Paper {
						put("paper", cmp.Or(b.Host, a.Probe.Host, a.host(s)), b.If, Typed(b.Cmd), b.Pipe, b.From, b.Script, b.Shows, b.Ends, b.Until)
					}
				}
				for _, b := range a.Paper {
					put("paper", cmp.Or(b.Host, a.host(s)), b.If, Typed(b.Cmd), b.Pipe, b.From, b.Script, b.Shows, b.Ends, b.Until)
				}
				for _, c := range a.cmds() {
					put("cmd", c.Effect, c.Argv, c.Env, c.Dir, asUser(c), c.Stdin.PlainText(), c.Stdin.Path(), c.Stdin.String())
					for k, text := range append(slices.Concat(c.Argv, c.Env), c.Dir, c.Stdin.PlainText(), c.Stdin.Path()) {
						if !utf8.ValidString(text) { // of which JSON makes the same as of others
							put("bytes", k, []byte(text))
						}
					}
				}
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// part is one of a step's lists of actions.
type part struct {
	phase   string
	actions []Action
}

// parts are all of a step's lists of actions.
func (s *Step) parts() []part {
	parts := []part{{"do", s.Actions}, {"verify", s.Verify}, {"undo", s.Undo}, {"undo-verify", s.UndoVerify}}
	for _, w := range s.Opens {
		parts = append(parts, part{"completion", w.Completion})
	}
	return parts
}

// Validate finds every mistake in a runbook before anything runs.
func (rb *Runbook) Validate() error {
	if rb == nil {
		return errors.New("there is no runbook")
	}
	if s := rb.remembered(); s != nil {
		return s.sound
	}
	v := validator{rb: rb, hide: sshexec.Redactor(rb.Secrets...), made: map[string]bool{}, variables: map[string]string{},
		open: map[string]string{}, outages: map[string]bool{}, steps: map[string]bool{}, invariants: map[string]*Invariant{}}
	if rb.Name == "" || strings.ContainsAny(rb.Name, " \t\r\n/") {
		v.add("runbook %q (%s): needs a name of one word; it names files and journals", rb.Name, rb.Title)
	}
	if len(rb.Steps) == 0 && rb.origin == nil {
		v.add("runbook %q: has no steps", rb.Name)
	}
	for i := range rb.Invariants {
		inv := &rb.Invariants[i]
		if inv.ID == "" || inv.Check == nil || v.invariants[inv.ID] != nil {
			v.add("invariant %d: needs an ID of its own and a check", i+1)
		}
		v.invariants[inv.ID] = inv
	}
	for name := range rb.Known {
		v.made[name] = true
	}
	for i := 0; i < len(rb.Steps); {
		n := rb.group(i)
		v.group(rb.Steps[i : i+n])
		i += n
	}
	v.absences()
	for id, step := range v.open {
		if slices.Contains(rb.leftOpen, id) {
			continue
		}
		v.add("step %s: window %s is never closed", step, id)
	}
	return errors.Join(v.errs...)
}

type validator struct {
	rb         *Runbook
	hide       sshexec.Redaction
	made       map[string]bool   // facts made so far
	variables  map[string]string // shell variable → the fact that it stands for
	open       map[string]string // window → the step that opened it
	outages    map[string]bool   // windows during which nobody may be waited for
	steps      map[string]bool
	invariants map[string]*Invariant
	errs       []error
}

func (v *validator) add(format string, args ...any) {
	v.errs = append(v.errs, fmt.Errorf(format, args...))
}

// group checks steps that run at the same time: none may count on another of them having run.
func (v *validator) group(steps []Step) {
	before := maps.Clone(v.open)
	made := map[string]string{}
	v.persons(steps)
	for i := range steps {
		v.step(&steps[i], before)
	}
	for i := range steps {
		for _, k := range steps[i].Makes {
			if other, twice := made[k.Name()]; twice {
				v.add("step %s: makes fact %s, as does step %s at the same time", steps[i].ID, k.Name(), other)
			}
			made[k.Name()] = steps[i].ID
			v.made[k.Name()] = true
		}
	}
}

// step checks a step; before are the windows that are open before its group.
func (v *validator) step(s *Step, before map[string]string) {
	if s.ID == "" || v.steps[s.ID] {
		v.add("step %q (%s): needs an ID of its own", s.ID, s.Title)
	}
	v.steps[s.ID] = true
	known := map[string]bool{} // in this step, so far
	for _, k := range s.Needs {
		known[k.Name()] = true
		if !v.made[k.Name()] {
			v.add("step %s: needs fact %s, which no earlier step makes", s.ID, k.Name())
		}
	}
	v.windows(s)
	v.estimates(s)
	declared := map[string]bool{}
	for _, k := range s.Makes {
		declared[k.Name()] = true
		v.variable(s, k.Name())
	}
	makes := map[string]bool{}
	v.reach(s, s.Actions)
	v.reach(s, s.Undo)
	ids := map[string]bool{}
	for i := range s.Actions {
		v.action(s, &s.Actions[i], ids)
		v.facts(s, &s.Actions[i], known, declared, makes)
	}
	for i := range s.Verify {
		a := &s.Verify[i]
		v.action(s, a, ids)
		v.facts(s, a, known, declared, makes)
		if a.effect() != ReadOnly {
			v.add("step %s, verification %s: is not read-only", s.ID, a.ID)
		}
	}
	undo := map[string]bool{}
	for i := range s.Undo {
		a := &s.Undo[i]
		v.action(s, a, undo)
		v.facts(s, a, known, nil, nil)
	}
	for i := range s.UndoVerify {
		a := &s.UndoVerify[i]
		v.action(s, a, undo)
		v.facts(s, a, known, nil, nil)
		if a.effect() != ReadOnly {
			v.add("step %s, verification of the undo %s: is not read-only", s.ID, a.ID)
		}
	}
	if len(s.UndoVerify) > 0 && len(s.Undo) == 0 {
		v.add("step %s: verifies an undo that it does not have", s.ID)
	}
	completion := map[string]bool{}
	for _, w := range s.Opens {
		for i := range w.Completion {
			v.action(s, &w.Completion[i], completion)
			v.facts(s, &w.Completion[i], known, nil, nil)
		}
	}
	for name := range declared {
		if !makes[name] {
			v.add("step %s: declares fact %s, which no action of it makes", s.ID, name)
		}
	}
	if s.changes() && len(s.Undo) == 0 && s.Irreversible == "" && s.Harmless == "" {
		v.add("step %s: changes something and says neither how to undo it nor why it cannot or need not be undone", s.ID)
	}
	if s.UndoOnFailure && len(s.Undo) == 0 {
		v.add("step %s: is to be undone on failure and has no undo", s.ID)
	}
	for _, id := range s.Closes {
		switch opener, open := v.open[id]; {
		case !open:
			v.add("step %s: closes window %s, which is not open", s.ID, id)
		case before[id] == "" && opener != s.ID:
			v.add("step %s: closes window %s, which step %s opens at the same time", s.ID, id, opener)
		}
		delete(v.open, id)
	}
}

// facts checks what an action refers to and what it makes.
func (v *validator) facts(s *Step, a *Action, known, declared, makes map[string]bool) {
	for _, name := range a.refs() {
		if !known[name] {
			v.add("step %s, action %s: refers to fact %s, which the step does not declare as needed", s.ID, a.ID, name)
		}
	}
	for _, name := range a.paperRefs() {
		own := slices.ContainsFunc(a.Makes, func(m Make) bool { return m.Key.Name() == name && a.sets(m) })
		if !known[name] && !own {
			v.add("step %s, action %s: refers on paper to fact %s, which the step does not declare as needed", s.ID, a.ID, name)
		}
	}
	for _, m := range a.Makes {
		if makes == nil {
			v.add("step %s, action %s: an undo or a completion makes no facts", s.ID, a.ID)
			continue
		}
		known[m.Key.Name()], makes[m.Key.Name()] = true, true
		if !declared[m.Key.Name()] {
			v.add("step %s, action %s: makes fact %s, which the step does not declare", s.ID, a.ID, m.Key.Name())
		}
	}
	for _, cmd := range a.cmds() {
		if len(cmd.Argv) > 2 && cmd.Argv[0] == "/bin/sh" && cmd.Argv[1] == "-c" && len(change.Refs(cmd.Argv[2])) > 0 {
			v.add("step %s, action %s: a fact stands in the text of a script, where the shell would take it for more than a "+
				"word; pass it as an argument", s.ID, a.ID)
		}
	}
}

// variable makes sure that no two facts look the same to somebody who follows the runbook by hand.
func (v *validator) variable(s *Step, fact string) {
	name := change.Variable(fact)
	if other := v.variables[name]; other != "" && other != fact {
		v.add("step %s: facts %s and %s are both $%s on paper", s.ID, other, fact, name)
	}
	v.variables[name] = fact
}

// reach holds what a precondition reaches to against the actions that follow it, one of which it must be.
func (v *validator) reach(s *Step, list []Action) {
	for i, a := range list {
		if a.Through != "" && (!a.Precondition || !slices.ContainsFunc(list[i+1:], func(b Action) bool { return b.ID == a.Through })) {
			v.add("step %s, action %s: reaches through %s, which is for a precondition and an action that follows it", s.ID, a.ID, a.Through)
		}
	}
}

func (v *validator) action(s *Step, a *Action, ids map[string]bool) {
	where := fmt.Sprintf("step %s, action %s", s.ID, a.ID)
	if a.ID == "" || ids[a.ID] {
		v.add("%s (%s): needs an ID of its own", where, a.Title)
	}
	ids[a.ID] = true
	hasCmd := len(a.Cmd.Argv) > 0
	switch {
	case a.Op != nil && (hasCmd || a.Manual != "" || a.Op.Do == nil || a.Op.Text == ""):
		v.add("%s: an operation needs a text and a function, and nothing beside it", where)
	case a.Op == nil && !hasCmd && a.Manual == "":
		v.add("%s: does nothing", where)
	}
	if hasCmd {
		if err := a.Cmd.Validate(); err != nil {
			v.add("%s: %w", where, err)
		}
		if a.host(s) == "" {
			v.add("%s: has no host", where)
		}
	}
	for _, c := range a.cmds() {
		if v.hide.Finds(strings.Join(append(slices.Concat(c.Argv, c.Env), c.Dir, c.Stdin.PlainText()), "\x00")) {
			v.add("%s: a secret of the runbook stands in its command or its input, where everybody can read it; pass it by sshexec.SecretDocument",
				where)
		}
	}
	effect := a.effect()
	if effect < ReadOnly || effect > Disruptive {
		v.add("%s: declares no effect", where)
	}
	if a.Op != nil {
		v.declared(where, a.host(s), a.Op)
		v.documents(where, a.host(s), a.Op)
	}
	v.paper(where, s, a)
	if a.Manual != "" && effect != ReadOnly {
		v.add("%s: the evidence of a manual action must be read-only", where)
	}
	if a.Precondition && effect != ReadOnly {
		v.add("%s: a precondition must be read-only", where)
	}
	if a.Probe != nil {
		v.probe(where, s, a)
	}
	if len(a.Needs)+len(a.Proof) > 0 {
		v.add("%s: has needs or proofs, which an action does not look for: make its actions by Actions", where)
	}
	if a.Detached && (len(a.Cmd.Argv) == 0 || effect == ReadOnly || a.DropsConnection) {
		v.add("%s: only a command that changes something, and that leaves its machine up, is detached", where)
	}
	if a.Detached {
		// The longest name that its job may get, in a rollback.
		job := sshexec.SuperviseOptions{Dir: "/", ID: undoPrefix + s.ID + "." + a.ID + "-12345678"}
		if err := job.Validate(); err != nil {
			v.add("%s: %v", where, err)
		}
	}
	if a.DropsConnection && a.Probe == nil {
		v.add("%s: breaks its own connection and has no probe that could tell how it ended", where)
	}
	if effect == ReadOnly {
		return
	}
	switch a.Repeat {
	case Idempotent:
	case ProbeFirst, Never:
		if a.Probe == nil {
			v.add("%s: is %s and has no probe that could tell whether it ran", where, a.Repeat)
		}
	default:
		v.add("%s: does not say whether it may be repeated", where)
	}
}

// declared checks the commands of an operation against what it says that it does.
func (v *validator) declared(where, host string, op *Op) {
	for _, c := range op.Cmds {
		if err := c.Cmd.Validate(); err != nil {
			v.add("%s: %w", where, err)
		}
		if c.At(host) == "" {
			v.add("%s: declares a command on no host: %s", where, c.Cmd)
		}
		if c.Cmd.Effect > op.Effect {
			v.add("%s: is %s and declares a command that is %s: %s", where, op.Effect, c.Cmd.Effect, c.Cmd)
		}
	}
}

func (v *validator) probe(where string, s *Step, a *Action) {
	switch {
	case a.Probe.Op != nil && (a.Probe.Op.Do == nil || a.Probe.Op.Text == "" || len(a.Probe.Cmd.Argv) > 0):
		v.add("%s: the operation of its probe needs a text and a function, and no command beside it", where)
	case a.Probe.Read == nil || a.Probe.Op == nil && a.Probe.Cmd.Validate() != nil:
		v.add("%s: has no probe that could tell whether it ran", where)
	case a.Probe.Op == nil && a.Probe.Cmd.Effect != ReadOnly, a.Probe.Op != nil && a.Probe.Op.Effect != ReadOnly:
		v.add("%s: its probe is not read-only", where)
	case a.Probe.Host == "" && a.host(s) == "":
		v.add("%s: its probe has no host", where)
	}
	if op := a.Probe.Op; op != nil {
		v.documents(where, cmp.Or(a.Probe.Host, a.host(s)), op)
		if len(op.Cmds)+len(op.Docs) > 0 {
			v.add("%s: its probe declares commands or documents, which are those that change something", where)
		}
	}
	for _, m := range a.Makes {
		if !slices.ContainsFunc(a.Probe.Makes, func(p Make) bool { return p.Key.Name() == m.Key.Name() }) {
			v.add("%s: its probe cannot recover fact %s", where, m.Key.Name())
		}
	}
}

// refs are the names of the facts that the action's commands refer to.
func (a *Action) refs() []string {
	names := change.Refs(a.Manual)
	for _, op := range a.ops() {
		names = append(names, change.Refs(op.Text)...)
	}
	for _, c := range a.cmds() {
		names = append(names, change.CmdRefs(c)...)
	}
	return names
}

// together are the steps that run at the same time as the named one, with itself.
func (rb *Runbook) together(id string) []Step {
	for i := 0; i < len(rb.Steps); {
		steps := rb.Steps[i : i+rb.group(i)]
		if slices.ContainsFunc(steps, func(s Step) bool { return s.ID == id }) {
			return steps
		}
		i += len(steps)
	}
	return nil
}

// group is how many steps from i on run together.
func (rb *Runbook) group(i int) int {
	n := 1
	name := rb.Steps[i].Parallel
	for name != "" && i+n < len(rb.Steps) && rb.Steps[i+n].Parallel == name {
		n++
	}
	return n
}

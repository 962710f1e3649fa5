package evenkeel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// info binds a journal to the runbook.
func (rb *Runbook) info(id string) *RunInfo {
	info := &RunInfo{
		ID: id, Runbook: rb.Name, Title: rb.Title, Digest: rb.Digest(), Version: rb.Version, Inputs: rb.Inputs, EndsRun: rb.EndsRun,
		FrameDigest: rb.frameDigest(), StepDigests: rb.stepDigests(),
		Hosts: rb.allHosts(), Closers: map[string]string{},
	}
	for i := range rb.Steps {
		s := &rb.Steps[i]
		info.Steps = append(info.Steps, s.ID)
		for _, w := range s.Closes {
			info.Closers[w] = s.ID
		}
	}
	return info
}

// HostNames are the machines that the steps name, be it in an operation's commands, on paper or as what is reinstalled.
func (rb *Runbook) HostNames() []string {
	var names []string
	for i := range rb.Steps {
		s := &rb.Steps[i]
		names = append(names, s.Reinstalls...)
		for _, part := range s.parts() {
			for j := range part.actions {
				names = append(names, part.actions[j].hosts(s)...)
			}
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" || name == OperatorHost })
}

// allHosts are the machines that the steps name, and those with a lease.
func (rb *Runbook) allHosts() []string {
	names := slices.Concat(rb.HostNames(), rb.Leased())
	slices.Sort(names)
	return slices.Compact(names)
}

// hosts are the machines that the action names.
func (a *Action) hosts(s *Step) []string {
	names := []string{a.host(s)}
	paper := a.Paper
	for _, op := range a.ops() {
		for _, c := range op.Cmds {
			names = append(names, c.Host)
		}
		for _, p := range op.Servers(a.host(s)) {
			names = append(names, p.Host)
		}
	}
	if a.Probe != nil {
		names = append(names, a.Probe.Host)
		paper = slices.Concat(paper, a.Probe.Paper)
	}
	for _, b := range paper {
		names = append(names, b.Host)
	}
	return names
}

// ChangedRunbookError says that a journal was begun with another runbook than the one at hand, and what differs. It is an ErrJournalOther.
type ChangedRunbookError struct {
	Step    string // the first step that differs; empty where no step does, or the journal does not tell
	Touched bool   // that step began already: it cannot be amended
	What    string // everything that differs, in words
}

func (e *ChangedRunbookError) Error() string {
	todo := "go on with the runbook as it was, or amend the run if the change is meant"
	if e.Touched {
		todo = "a step that began cannot be changed: go on with the runbook as it was, or roll back"
	}
	return fmt.Sprintf("the journal belongs to another runbook: %s; %s", e.What, todo)
}

// Is makes it an ErrJournalOther.
func (e *ChangedRunbookError) Is(target error) bool { return target == ErrJournalOther }

// is tells whether this is the runbook of a run; a *ChangedRunbookError says what differs.
func (rb *Runbook) is(st *State) error {
	if st.Run.Runbook == rb.Name && st.Run.Digest == rb.Digest() {
		return nil
	}
	if st.Run.Runbook != rb.Name {
		return &ChangedRunbookError{What: fmt.Sprintf("it was begun as %s, and this is %s", st.Run.Runbook, rb.Name)}
	}
	now := rb.info(st.Run.ID)
	changed := &ChangedRunbookError{}
	var what []string
	steps, err := amendedSteps(&st.Run, now)
	if err != nil {
		what = append(what, err.Error())
	}
	for i, s := range steps {
		began := "it has not begun"
		touched := st.Step(s.ID).Touched()
		if touched {
			began = "it began already"
		}
		if i == 0 {
			changed.Step = s.ID
		}
		changed.Touched = changed.Touched || touched
		if i < 3 {
			what = append(what, fmt.Sprintf("step %s is %s (%s)", s.ID, s.Change, began))
		}
	}
	if len(steps) > 3 {
		what = append(what, fmt.Sprintf("and %d more steps", len(steps)-3))
	}
	if st.Run.FrameDigest != now.FrameDigest && st.Run.FrameDigest != "" {
		what = append(what, "its invariants, lease hosts or known facts are others")
	}
	what = append(what, otherInputs(st.Run.Inputs, rb.Inputs)...)
	if st.Run.Version != rb.Version {
		what = append(what, fmt.Sprintf("it was begun by another version of the tool, %q, and this is %q", st.Run.Version, rb.Version))
	}
	changed.What = strings.Join(what, "; ")
	return changed
}

// Change is how a runbook differs from the one that a run was begun with, or amended to: an Amendment that nobody made. It is
// nil where nothing differs. Refused is why the run cannot be amended to it; nil where it can.
func (rb *Runbook) Change(st *State) (change *Amendment, refused error) {
	err := rb.is(st)
	if err == nil {
		return nil, nil //nolint:nilnil // nothing differs, and nothing is refused
	}
	is := rb.info(st.Run.ID)
	if change, refused = st.amendment(is); refused == nil {
		return change, nil
	}
	steps, _ := amendedSteps(&st.Run, is) // what it cannot tell is said by refused
	change = &Amendment{Was: st.Run.Digest, Is: is.Digest, Steps: steps, Inputs: otherInputs(st.Run.Inputs, is.Inputs)}
	if st.Run.Version != is.Version {
		change.Version = fmt.Sprintf("%q → %q", st.Run.Version, is.Version)
	}
	return change, refused
}

// otherInputs says which inputs differ.
func otherInputs(was, is []Input) (what []string) {
	for _, in := range was {
		switch i := slices.IndexFunc(is, func(other Input) bool { return other.Name == in.Name }); {
		case i < 0:
			what = append(what, fmt.Sprintf("input %s is gone", in.Name))
		case is[i].SHA256 != in.SHA256:
			what = append(what, fmt.Sprintf("input %s is another (its sha256 was %s…)", in.Name, in.SHA256[:min(12, len(in.SHA256))]))
		}
	}
	for _, in := range is {
		if !slices.ContainsFunc(was, func(other Input) bool { return other.Name == in.Name }) {
			what = append(what, fmt.Sprintf("input %s is new", in.Name))
		}
	}
	return what
}

// Amendment is what changed in a run's runbook after it began, and who changed it.
type Amendment struct {
	By      string        `json:"by"`
	Was     string        `json:"was"` // digest of the runbook
	Is      string        `json:"is"`
	Steps   []AmendedStep `json:"steps,omitempty"`
	Inputs  []string      `json:"inputs,omitempty"`  // what differs of the inputs, in words
	Version string        `json:"version,omitempty"` // of the tool, where it is another: from → to
}

// AmendedStep is a step that was changed.
type AmendedStep struct {
	ID     string `json:"id"`
	Change string `json:"change"` // changed, inserted, removed, moved
	Was    string `json:"was,omitempty"`
	Is     string `json:"is,omitempty"`
}

// amendedSteps lists the steps that differ, in the order of the runbook before and then of the new one.
func amendedSteps(was, is *RunInfo) ([]AmendedStep, error) {
	if len(was.StepDigests) != len(was.Steps) {
		return nil, errors.New("the journal comes from an older version and does not tell what its steps were")
	}
	var list []AmendedStep
	kept := slices.DeleteFunc(slices.Clone(is.Steps), func(id string) bool { return !slices.Contains(was.Steps, id) })
	place := 0
	for i, id := range was.Steps {
		j := slices.Index(is.Steps, id)
		if j < 0 {
			list = append(list, AmendedStep{ID: id, Change: "removed", Was: was.StepDigests[i]})
			continue
		}
		moved := kept[place] != id
		place++
		if moved || is.StepDigests[j] != was.StepDigests[i] {
			change := "changed"
			if moved {
				change = "moved"
			}
			list = append(list, AmendedStep{ID: id, Change: change, Was: was.StepDigests[i], Is: is.StepDigests[j]})
		}
	}
	for j, id := range is.Steps {
		if !slices.Contains(was.Steps, id) {
			list = append(list, AmendedStep{ID: id, Change: "inserted", Is: is.StepDigests[j]})
		}
	}
	return list, nil
}

// AmendOptions say who amends a run, and what must be asked first.
type AmendOptions struct {
	By    string // user@host, for the journal
	Clock Clock  // WallClock when nil
	// World is a simulated system as it was before the run; when given, the amended runbook is rehearsed in it, from where
	// the run stands to its end.
	World World
	Plan  RehearsalPlan // who answers in that world, and what is cleared before each run
	// Rehearsed is the amended runbook as it is rehearsed, where that writes to other places on this machine; the very runbook when nil.
	Rehearsed *Runbook
	// Confirm is asked, once everything else is found in order, whether the operator means it. An error leaves the journal as it is.
	Confirm func(*Amendment) error
	// ApprovedDigest, when given, is the only digest that the amended runbook may have.
	ApprovedDigest string
}

// NotAmendableError says what an amendment must not change.
type NotAmendableError struct{ What string }

func (e *NotAmendableError) Error() string { return "the run cannot be amended: " + e.What }

func notAmendable(format string, args ...any) error {
	return &NotAmendableError{What: fmt.Sprintf(format, args...)}
}

// Amend takes a changed runbook into a run that began, so that Resume goes on with it: a mistake in a step that has not
// begun need not lose the run. Steps that began, their undo, open windows, invariants, hosts, lease hosts and inputs
// stay as they are; what comes after the last step that began may be changed, inserted and removed. The journal records
// who changed what.
func Amend(ctx context.Context, rb *Runbook, journal Journal, opts AmendOptions) (*Amendment, error) {
	if opts.Clock == nil {
		opts.Clock = WallClock{}
	}
	if opts.Confirm == nil || opts.By == "" {
		return nil, errors.New("an amendment needs who makes it, and somebody who confirms it")
	}
	if err := rb.Validate(); err != nil {
		return nil, fmt.Errorf("the amended runbook %s is not sound: %w", rb.Name, err)
	}
	st, err := ReadState(journal.Records())
	if err != nil {
		return nil, err
	}
	if err := rb.approved(opts.ApprovedDigest); err != nil {
		return nil, err
	}
	info := rb.info(st.Run.ID)
	info.Simulated = st.Run.Simulated
	a, err := st.amendment(info)
	if err != nil {
		return nil, err
	}
	a.By = opts.By
	if opts.World != nil {
		rehearsed := opts.Rehearsed
		if rehearsed == nil {
			rehearsed = rb
		}
		if err := rehearseFrom(ctx, rehearsed, opts.World, opts.Plan, journal.Records()); err != nil {
			return a, fmt.Errorf("the amended runbook was rehearsed and does not come to its end: %w", err)
		}
	}
	if err := opts.Confirm(a); err != nil {
		return a, err
	}
	return a, journal.Append(Record{Time: opts.Clock.Now(), Kind: KindAmend, Run: info, Amend: a})
}

// amendment is what changes from the run's runbook to the one at hand; an error where that must not change.
func (st *State) amendment(is *RunInfo) (*Amendment, error) {
	was := &st.Run
	switch err := st.rolledBack(); {
	case err != nil:
		return nil, err
	case st.Done:
		return nil, notAmendable("it is done")
	case was.Runbook != is.Runbook:
		return nil, notAmendable("it was begun as %s, and this is %s", was.Runbook, is.Runbook)
	case was.Digest == is.Digest:
		return nil, notAmendable("the runbook is the one that it was begun with")
	}
	steps, err := amendedSteps(was, is)
	if err != nil {
		return nil, notAmendable("%v", err)
	}
	if was.FrameDigest != is.FrameDigest {
		return nil, notAmendable("its invariants, lease hosts or known facts are others")
	}
	for _, host := range is.Hosts {
		if !slices.Contains(was.Hosts, host) {
			return nil, notAmendable("host %s is new", host)
		}
	}
	begun := 0 // steps up to the last one that began
	for i, id := range was.Steps {
		if st.Step(id).Touched() {
			begun = i + 1
		}
	}
	for i := range begun {
		id := was.Steps[i]
		if i >= len(is.Steps) || is.Steps[i] != id || is.StepDigests[i] != was.StepDigests[i] {
			return nil, notAmendable("step %s is not what it was, and it or a step after it began already", id)
		}
	}
	for id := range st.Windows {
		if is.Closers[id] != was.Closers[id] {
			return nil, notAmendable("window %s is open, and would be closed by step %q and not by step %q", id, is.Closers[id], was.Closers[id])
		}
	}
	inputs := otherInputs(was.Inputs, is.Inputs)
	if begun > 0 && len(inputs) > 0 {
		return nil, notAmendable("steps began that were made from other inputs: %s", strings.Join(inputs, "; "))
	}
	a := &Amendment{Was: was.Digest, Is: is.Digest, Steps: steps, Inputs: inputs}
	if was.Version != is.Version {
		a.Version = fmt.Sprintf("%q → %q", was.Version, is.Version)
	}
	return a, nil
}

// NotApprovedError says that a runbook is not the one that was signed.
type NotApprovedError struct{ Approved, Is string }

func (e *NotApprovedError) Error() string {
	return fmt.Sprintf("the runbook is not the approved one: its digest is %s, and approved was %s. Nothing was done. "+
		"Review the plan and have it approved again", e.Is, e.Approved)
}

// approved compares the runbook with the one that was signed, if one was.
func (rb *Runbook) approved(digest string) error {
	if is := rb.Digest(); digest != "" && digest != is {
		return &NotApprovedError{Approved: digest, Is: is}
	}
	return nil
}

package issm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Preflight is what the migration looks at before it changes anything, and before each half goes down, as a runbook of
// its own that the operator can run days before (cps:250-344). It changes nothing, takes no lease and waits for nothing. Each
// check is a step, and they run at the same time: what is wrong is said at once and as a whole, as the joined errors of
// the steps that failed. What only the operator knows is not in it; the migration has that confirmed when it begins.
func (m *Migration) Preflight() (*evenkeel.Runbook, error) {
	if m == nil || m.halves == nil {
		return nil, errNoPlan
	}
	rb := &evenkeel.Runbook{
		Functions: m.paperFunctions(),
		Name:      "cps-preflight",
		Title:     fmt.Sprintf("Look at the cluster before a migration of CPS %s to %s", m.from, m.to),
		Intro: "It changes nothing. Run it days before the migration, clear what it finds, and run it again: the migration begins with " +
			"the same checks. Every check is carried out, whatever the others find: by hand, one after the other, and what is not as " +
			"it must be is noted. It follows the CPS Migration and Upgrade Guide for " +
			m.to.String() + "; cps:N is a line of it, and a name such as CPS-207 a rule (docs/references.md).",
		Inputs: m.inputs(), Version: "cps-preflight 1", Secrets: m.cfg.Secrets,
	}
	for _, f := range m.findings {
		rb.Intro += "\n\nFinding: " + f.String()
	}
	for _, a := range m.preflightChecks() {
		if len(rb.Steps) > 0 && a.ID == "htpasswd-second" { // it compares with what the first one notes
			last := &rb.Steps[len(rb.Steps)-1]
			last.Actions = append(last.Actions, foundNow(a))
			continue
		}
		step := evenkeel.Step{ID: a.ID, Title: a.Title, Host: m.cfg.ClusterManager, Ref: a.Ref, Parallel: "checks"}
		switch a.ID {
		case "replicas":
			a.Makes = nil // the migration notes it when it begins
		case "kpis":
			a = m.kpis().gate("Verify the KPIs", 1, false)
		}
		for _, made := range a.Makes {
			step.Makes = append(step.Makes, made.Key)
		}
		step.Actions = []evenkeel.Action{foundNow(a)}
		rb.Steps = append(rb.Steps, step)
	}
	sayExpectations(rb)
	return rb, rb.Validate()
}

// preflightChecks are the checks of the migration's first step, and what each half needs to go down.
func (m *Migration) preflightChecks() []evenkeel.Action {
	list := m.beforeSteps()[0].Actions
	if !m.cfg.SkipCarbon && !m.cfg.ClearWhisper { // else nobody knows yet how much is copied
		list = append(list, m.carbonAction())
	}
	for n := 1; n <= 2; n++ {
		keeps := m.keepsAction(n)
		keeps.ID = setID("keeps-without-set", n)
		list = append(list, keeps, evenkeel.Action{
			ID: setID("traffic-set", n), Paper: m.takes(n),
			Change: evenkeel.Change{
				Title: fmt.Sprintf("Verify that an endpoint of set %d is up", n), Ref: "cps:1717", Cmd: m.haproxyStatus(),
				Expect: evenkeel.Expect{Text: fmt.Sprintf("an endpoint of set %d is up", n), Check: m.traffic(n)},
			},
		})
	}
	return list
}

// foundNow is a check that neither waits nor pauses: what it would wait for, or have the operator confirm, is a finding.
func foundNow(a evenkeel.Action) evenkeel.Action {
	a.Precondition, a.Limit = false, 0
	if check := a.Expect.Check; check != nil {
		a.Expect.Check = func(o evenkeel.Observed) error { return finding(check(o)) }
	}
	if a.Op != nil {
		op := *a.Op
		do := op.Do
		op.Do = func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
			res, err := do(ctx, at)
			return res, finding(err)
		}
		a.Op = &op
	}
	a.Paper = slices.Clone(a.Paper)
	for i := range a.Paper {
		a.Paper[i].Until = false
	}
	return a
}

// finding is an error that is nothing but said.
func finding(err error) error {
	var pause *evenkeel.Pause
	var wait *evenkeel.Retry
	if !errors.As(err, &pause) && !errors.As(err, &wait) {
		return err
	}
	return errors.New(strings.NewReplacer("paused for the operator: ", "", "not yet: ", "", "\nThen resume.", "").Replace(err.Error()))
}

package issm

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// healthy is the check of full diagnostics: it must name the checks that this migration relies on, each of its checks
// must pass, and the replica sets, whose check has no result of its own, must be whole.
func (m *members) healthy(o evenkeel.Observed, stage cps.Stage) error {
	d, err := diagnosed(o, cps.CheckReplicaSets, "HAProxy")
	if d == nil {
		return err
	}
	errs := []error{err}
	for _, f := range cps.ReviewDiagnostics(d, stage) {
		errs = append(errs, errors.New(f.String()))
	}
	t, err := m.parseTable(o.Result)
	if err == nil {
		err = errors.Join(steps.FailOn(t.Findings()), m.complete(1, 2)(t))
	}
	return errors.Join(append(errs, err)...)
}

// logins is the check of diagnostics.sh that the Cluster Manager reaches every VM.
const logins = "passwordless logins"

// reaches is the check of full diagnostics once the Cluster Manager is a new one (cps:497-540): it logs in to every VM.
// What does not pass besides may be so at that stage, but for what nobody understands.
func reaches(o evenkeel.Observed) error {
	d, err := diagnosed(o, cps.CheckReplicaSets, "HAProxy", logins)
	if d == nil {
		return err
	}
	errs := []error{err, steps.FailOn(cps.ReviewDiagnostics(d, cps.StageManager))}
	if c, ok := d.Check(logins); ok && c.Verdict != cps.Pass {
		errs = append(errs, fmt.Errorf("the new Cluster Manager does not reach every VM: %s [%s]: %s",
			c.Title, c.Verdict, strings.TrimSpace(strings.Join(c.Lines, "; "))))
	}
	return errors.Join(errs...)
}

// diagnosed reads full diagnostics, which must be whole and have these checks; it is nil where nothing could be read.
func diagnosed(o evenkeel.Observed, parts ...string) (*cps.Diagnostics, error) {
	if err := o.Succeeded(); err != nil {
		return nil, err
	}
	if o.Truncated {
		return nil, errors.New("the output of diagnostics.sh is too long, and was cut off")
	}
	both := o.Result // what it says of trouble may stand in its standard error
	both.Stdout = slices.Concat(both.Stdout, []byte("\n"), both.Stderr)
	d, err := cps.ParseDiagnostics(steps.Output("diagnostics.sh", both))
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, part := range parts {
		if _, ok := d.Check(part); !ok {
			errs = append(errs, fmt.Errorf("diagnostics.sh did not check %s: its output is not whole", part))
		}
	}
	if len(d.Checks) < minChecks {
		errs = append(errs, fmt.Errorf("diagnostics.sh made %s only: its output is not whole", printable.Count(len(d.Checks), "check")))
	}
	return d, errors.Join(errs...)
}

// minChecks is fewer than any release makes in a full run; an output with less is an excerpt.
const minChecks = 5

// releases checks about.sh against the plan: every VM that has components is listed, on the release that its half is to
// have, and no other VM is.
func (m *Migration) releases(a *cps.About, upgraded cps.ClusterSet, before, after cps.Release) error {
	withComponents := slices.DeleteFunc(slices.Clone(upgraded), func(alias string) bool {
		host, _ := m.hosts.ByAlias(alias)
		return host.Class() == "sessionmgr"
	})
	errs := []error{steps.FailOn(a.CheckHalves(withComponents, before, after))}
	listed := a.VMs()
	for n := 1; n <= 2; n++ {
		for _, class := range []string{"lb", "qns", "pcrfclient"} {
			for _, alias := range m.ofClass(n, class) {
				if !slices.Contains(listed, alias) && !upgraded.Contains(alias) { // CheckHalves has looked for those
					errs = append(errs, fmt.Errorf("%s is not listed: none of its processes answers", alias))
				}
			}
		}
	}
	for _, alias := range listed {
		if !m.in[1][alias] && !m.in[2][alias] {
			errs = append(errs, fmt.Errorf("%s is listed, and is in neither set of the plan", alias))
		}
	}
	return errors.Join(errs...)
}

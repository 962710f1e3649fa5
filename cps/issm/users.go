package issm

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// factUsers are the users of a set's VMs that the operator made with adduser.sh, as "VM USER": no migration takes them along (cps:894).
var factUsers = [3]evenkeel.Fact[[]string]{
	1: evenkeel.NewFact[[]string]("users.set-1", "users that were made by hand on the VMs of set 1, as VM and user"),
	2: evenkeel.NewFact[[]string]("users.set-2", "users that were made by hand on the VMs of set 2, as VM and user"),
}

// usersBefore notes the users that the operator made: the log of "enable set" names them too (cps:897-905), but a log can be lost.
func (m *Migration) usersBefore(n int) evenkeel.Action {
	return evenkeel.Action{
		ID: "users", Paper: usersPaper(factUsers[n].Variable(), m.sets[n]),
		Makes: []evenkeel.Make{factUsers[n].From(func(o evenkeel.Observed) ([]string, error) {
			if o.Text() == "" {
				return nil, nil
			}
			return strings.Split(o.Text(), "\n"), nil
		})},
		Change: evenkeel.Change{
			Title: "Note the users that were made by hand", Ref: ref(n, "894", "1265"),
			Op: &evenkeel.Op{
				Effect: evenkeel.ReadOnly,
				Text: fmt.Sprintf("Read /etc/passwd on %s and note the users with ids from %d on: adduser.sh made them.",
					strings.Join(m.sets[n], ", "), steps.FirstUserID),
				Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
					var lines []string
					for _, alias := range m.sets[n] {
						res, err := at.Run(ctx, alias, readPasswd)
						if err != nil {
							return res, err
						}
						people, err := steps.Users(res)
						if err != nil {
							return res, fmt.Errorf("%s: %w", alias, err)
						}
						for _, u := range people {
							lines = append(lines, alias+" "+u)
						}
					}
					return sshexec.Result{Stdout: []byte(strings.Join(lines, "\n"))}, nil
				},
			},
		},
	}
}

var readPasswd = sshexec.Command(sshexec.ReadOnly, "cat", "/etc/passwd")

// usersStep asks for the users that are not migrated, VM by VM, until they are there (cps:894-905,1265-1276, CPS-244).
func (m *Migration) usersStep(n int) evenkeel.Step {
	step := evenkeel.Step{
		ID: setID("users-set", n), Title: fmt.Sprintf("Make the skipped users of set %d again", n), Ref: ref(n, "894-905", "1265-1276"),
		Needs: []evenkeel.FactKey{factUsers[n]},
	}
	for _, alias := range m.sets[n] {
		step.Actions = append(step.Actions, evenkeel.Action{
			ID: "users-" + alias, Manual: fmt.Sprintf("On %s, make again with adduser.sh the users that were there: of %s "+
				"those that begin with %s.", alias, factUsers[n].Ref(), alias), Paper: usersAgain(alias, n),
			Change: evenkeel.Change{
				Title: "Make the skipped users of " + alias, Host: alias, Cmd: readPasswd,
				Expect: evenkeel.Expect{Text: "every user that was noted for " + alias + "; nothing is to be done where none was",
					Check: func(o evenkeel.Observed) error {
						if err := o.Succeeded(); err != nil {
							return err
						}
						return missingUsers(o, alias, n)
					}},
			},
		})
	}
	return step
}

// missingUsers compares a VM's users with those that were noted.
func missingUsers(o evenkeel.Observed, alias string, n int) error {
	noted, err := factUsers[n].Get(o.Facts)
	if err != nil {
		return err
	}
	have, err := steps.Users(o.Result)
	if err != nil {
		return err
	}
	var missing []string
	for _, line := range noted {
		if host, user, _ := strings.Cut(line, " "); host == alias && !slices.Contains(have, user) {
			missing = append(missing, user)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s lacks %s", alias, strings.Join(missing, ", "))
	}
	return nil
}

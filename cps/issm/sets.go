package issm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// setsStep divides the VMs (cps:578-631).
func (m *Migration) setsStep() evenkeel.Step {
	create := steps.WithTimeout(sshexec.Command(sshexec.Mutating, createSetsScript), 10*time.Minute)
	step := evenkeel.Step{
		ID: "cluster-sets", Title: "Divide the VMs into two sets", Host: m.cfg.ClusterManager, Ref: "cps:578-631",
		Actions: []evenkeel.Action{{
			ID: "create", Paper: []evenkeel.Block{{Cmd: create,
				Pipe: "| grep -oE '/var/tmp/cluster-upgrade-set-[12].txt' | sort -u", Shows: []string{cps.ClusterSetPath(1), cps.ClusterSetPath(2)}}},
			Change: evenkeel.Change{
				Title: "Create the cluster sets", Ref: "cps:583-590", Cmd: create, Repeat: evenkeel.Idempotent,
				Expect: evenkeel.Expect{Text: "both files are named", Check: func(o evenkeel.Observed) error {
					set1, set2, err := cps.ParseCreatedSets(steps.Output(createSetsScript, o.Result))
					if err == nil && (set1 != cps.ClusterSetPath(1) || set2 != cps.ClusterSetPath(2)) {
						err = fmt.Errorf("it made %s and %s, and not %s and %s", set1, set2, cps.ClusterSetPath(1), cps.ClusterSetPath(2))
					}
					return errors.Join(o.Succeeded(), err)
				}},
			},
		}},
		Undo: []evenkeel.Action{evenkeel.Do("remove", "Remove both files", "rm", "-f", cps.ClusterSetPath(1),
			cps.ClusterSetPath(2)).Timeout(steps.Briefly)},
	}
	for n := 1; n <= 2; n++ {
		if m.ownSets {
			write := steps.Brief(sshexec.Command(sshexec.Mutating, "dd", "of="+cps.ClusterSetPath(n), "conv=fsync", "status=none"))
			write.Stdin = sshexec.Text(m.sets[n].String())
			step.Actions = append(step.Actions, evenkeel.Action{
				ID: fmt.Sprintf("write-%d", n),
				Change: evenkeel.Change{
					Title: fmt.Sprintf("Write the repaired set %d", n), Ref: "cps:631", Cmd: write, Repeat: evenkeel.Idempotent,
					Note: "The sets of the script were repaired, so that no replica set has two data members in one of them.",
				},
			})
		}
	}
	for n := 1; n <= 2; n++ {
		step.Verify = append(step.Verify, evenkeel.Action{
			ID: fmt.Sprintf("set-%d", n),
			Paper: steps.Prints(sshexec.Command(sshexec.ReadOnly, "cat", cps.ClusterSetPath(n)), "| grep . | LC_ALL=C sort",
				slices.Sorted(slices.Values(m.sets[n]))...),
			Change: evenkeel.Change{
				Title: fmt.Sprintf("Verify that set %d is the planned one", n), Ref: "cps:615-631",
				Cmd:    sshexec.Command(sshexec.ReadOnly, "cat", cps.ClusterSetPath(n)),
				Expect: evenkeel.Expect{Text: strings.Join(m.sets[n], ", "), Check: m.plannedSet(n)},
			},
		})
	}
	return step
}

// plannedSet compares the file of a set with the plan's: when they differ the operator decides, with the difference before their eyes.
func (m *Migration) plannedSet(n int) steps.Checker {
	return evenkeel.Succeeding(func(o evenkeel.Observed) error {
		set, err := cps.ParseClusterSet(steps.Output(cps.ClusterSetPath(n), o.Result))
		if err != nil {
			return err
		}
		var differ []string
		for _, alias := range m.sets[n] {
			if !set.Contains(alias) {
				differ = append(differ, "-"+alias)
			}
		}
		for _, alias := range set {
			if !m.sets[n].Contains(alias) {
				differ = append(differ, "+"+alias)
			}
		}
		if len(differ) > 0 {
			return evenkeel.NeedsOperator("%s is not the set of the plan: %s. Put the planned VMs into the file, or plan again "+
				"with the sets of the cluster", cps.ClusterSetPath(n), strings.Join(differ, " "))
		}
		return nil
	})
}

package maintenance_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/maintenance"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// stepOf is a step of a runbook.
func stepOf(t *testing.T, rb *evenkeel.Runbook, id string) evenkeel.Step {
	t.Helper()
	s, ok := rb.Step(id)
	require.True(t, ok, id)
	return s
}

func last(s evenkeel.Step) evenkeel.Action { return s.Actions[len(s.Actions)-1] }

// restartOf is what a step of a rolling restart does: "HOST COMMAND" in order.
func restartOf(t *testing.T, rb *evenkeel.Runbook, id string) []string {
	t.Helper()
	var lines []string
	for _, a := range stepOf(t, rb, id).Actions {
		if line := strings.Join(a.Cmd.Argv, " "); strings.HasPrefix(line, "service ") {
			lines = append(lines, a.Host+" "+line)
		}
	}
	return lines
}

// TestRollingRestart (CPS-100, CPS-101, CPS-236): one side is the guide's `hosts.sh | sort | sed -n 'p;n'`, the other one
// `sed -n 'n;p'`. On every VM of a side monit stops before qns, all are seen stopped, qns starts before monit, and all
// are seen running; and the side that serves is seen running before.
func TestRollingRestart(t *testing.T) {
	rb := applying(t, maintenance.PatchConfig{})
	lines := func(filter string) []string {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", "sort | sed -n '"+filter+"'")
		cmd.Stdin = strings.NewReader(strings.Join(hosts(t).Aliases(), "\n") + "\n")
		out, err := cmd.Output()
		require.NoError(t, err)
		return slices.DeleteFunc(strings.Fields(string(out)), func(vm string) bool { return strings.HasPrefix(vm, "sessionmgr") })
	}
	odd, even := lines("p;n"), lines("n;p")
	require.NotEmpty(t, odd)
	for id, side := range map[string][2][]string{"restart-odd": {odd, even}, "restart-even": {even, odd}} {
		var want []string
		all := func(vms []string, commands ...string) {
			for _, vm := range vms {
				for _, c := range commands {
					want = append(want, vm+" service "+c)
				}
			}
		}
		all(side[1], "qns status")
		all(side[0], "monit stop", "qns stop")
		all(side[0], "qns status")
		all(side[0], "qns start", "monit start")
		all(side[0], "qns status")
		require.Equal(t, want, restartOf(t, rb, id), id)
		require.Equal(t, "diagnostics.sh", last(stepOf(t, rb, id)).Cmd.Argv[0], id)
	}
}

// CPS-102: the guide's loop for the odd side does not parse as it is printed. The runbook says so, and what it has
// instead parses.
func TestOddLoopParses(t *testing.T) {
	parses := func(script string) error {
		cmd := exec.CommandContext(t.Context(), "bash", "-n")
		cmd.Stdin = strings.NewReader(script)
		return cmd.Run()
	}
	const printed = "for vmName in `hosts.sh | sort | sed -n 'p;n'; do echo $vmName; ssh $vmName \"service monit stop\"; done"
	require.Error(t, parses(printed))
	step := stepOf(t, applying(t, maintenance.PatchConfig{}), "restart-odd")
	require.Contains(t, step.Why, "does not parse as it is printed: its back-quote is not closed (cps:2134)")
	for _, a := range step.Actions {
		require.NoError(t, parses(evenkeel.Typed(a.Cmd)), a.ID)
		for _, b := range a.Paper {
			require.NoError(t, parses(b.Script), a.ID)
		}
	}
}

// CPS-139: what "service qns status" ends with is read, whatever it prints: 0 is running, 3 is stopped, and anything
// else is no answer, neither after the stop nor after the start.
func TestStatusOfTheProcesses(t *testing.T) {
	step := stepOf(t, applying(t, maintenance.PatchConfig{}), "restart-odd")
	look := func(id string, exit int) error {
		i := slices.IndexFunc(step.Actions, func(a evenkeel.Action) bool { return a.ID == id })
		require.GreaterOrEqual(t, i, 0, id)
		return step.Actions[i].Expect.Check(evenkeel.Observed{Result: sshexec.Result{Outcome: sshexec.Exited, ExitCode: exit,
			Stdout: []byte("qns-1 is running\n")}})
	}
	for exit, want := range map[int][2]bool{0: {false, true}, 3: {true, false}, 1: {}, 2: {}, 4: {}, 127: {}} {
		require.Equal(t, want[0], look("odd-stopped-lb01", exit) == nil, "stopped, exit status %d", exit)
		require.Equal(t, want[1], look("odd-running-lb01", exit) == nil, "running, exit status %d", exit)
	}
}

// CPS-054: the patch is fetched to the Cluster Manager beforehand; where it is not, the first step says so.
func TestPatchIsFetchedBefore(t *testing.T) {
	w := deploy(t, cpstest.Options{})
	r, err := w.Runner("cluman")
	require.NoError(t, err)
	_, err = r.Run(t.Context(), sshexec.Command(sshexec.Mutating, "rm", "-f", patchFile))
	require.NoError(t, err)
	report, err := evenkeel.Run(t.Context(), applying(t, maintenance.PatchConfig{}), w, options(w, &evenkeel.MemJournal{}))
	require.ErrorContains(t, err, "step preflight, action file")
	require.False(t, report.State.Changed)
}

// CPS-237: after a patch about.sh is read, and the operator compares the components with the notes of the patch.
func TestComponentsAreCompared(t *testing.T) {
	finish := stepOf(t, applying(t, maintenance.PatchConfig{}), "finish")
	require.Contains(t, last(finish).Manual, "about.sh")
	require.Contains(t, last(finish).Manual, "the components show what the notes of the patch say (cps:2102)")
	require.Equal(t, []string{"about.sh"}, finish.Verify[1].Cmd.Argv)
}

// CPS-254: a rollback of a patch is its undo and its removal, and the list of repositories has the plug-ins alone.
func TestRollbackOfAPatch(t *testing.T) {
	rb := applying(t, maintenance.PatchConfig{})
	w := deploy(t, cpstest.Options{})
	journal := &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), rb, w, options(w, journal))
	require.NoError(t, err)
	begun := len(w.Log())
	_, err = evenkeel.Rollback(t.Context(), rb, w, options(w, journal))
	require.NoError(t, err)
	patch, everywhere := w.Patching().Everywhere()
	require.Empty(t, patch)
	require.True(t, everywhere)
	require.Equal(t, "file:///var/qps/.tmp/plugin1\n", w.read("/etc/broadhop/repositories"))
	var changed []string
	for _, e := range w.Log()[begun:] {
		for _, verb := range []string{"patch -u", "patch -r Patch_2_19.4.0", "build_all.sh", "reinit.sh"} {
			if strings.HasSuffix(strings.Join(e.Argv, " "), verb) {
				changed = append(changed, verb)
			}
		}
	}
	require.Equal(t, []string{"patch -u", "patch -r Patch_2_19.4.0", "build_all.sh", "reinit.sh"}, changed)
}

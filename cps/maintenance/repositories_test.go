package maintenance

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// TestTheScriptKeepsThePlugins (CPS-103, CPS-185): the sed of the runbook does what the library does, with the real sed, and the simulated
// one knows the same script.
func TestTheScriptKeepsThePlugins(t *testing.T) {
	require.Equal(t, dropPatches, cpstest.PatchLines)
	sed, err := exec.LookPath("sed")
	if err != nil {
		t.Skip("there is no sed here")
	}
	for _, text := range []string{
		"file:///var/qps/.tmp/plugin1\nfile:///var/qps/.tmp/patch1\n", "file:///a/Patch_1_19.4.0/\nhttp://h/x/PATCHES.d\n",
		"# patch\n  # a/patch\n\n",
		"file:///var/patches/plugin1\n", "file:///var/qps/.tmp/hotpatch-2\nfile:///var/qps/.tmp/plugin2", "",
		"  file:///var/qps/.tmp/patch1  \nfile:///p/q\n",
	} {
		r, err := cps.ParseRepositories(strings.NewReader(text))
		require.NoError(t, err, text)
		kept, _ := r.WithoutPatches()
		cmd := exec.Command(sed, dropPatches) // #nosec G204 -- found on PATH
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.Output()
		require.NoError(t, err)
		require.Equal(t, kept.String(), string(out), text)
	}
}

// Whether the processes of a VM run, exit status 0 and 3 tell, and nothing else.
func TestWhatTellsThatProcessesRun(t *testing.T) {
	for exit, want := range map[int]bool{0: true, 3: false} {
		is, err := running(evenkeel.Observed{Result: sshexec.Result{Outcome: sshexec.Exited, ExitCode: exit}})
		require.NoError(t, err)
		require.Equal(t, want, is)
	}
	for _, exit := range []int{1, 2, 4, 127} {
		_, err := running(evenkeel.Observed{Result: sshexec.Result{Outcome: sshexec.Exited, ExitCode: exit}})
		require.ErrorContains(t, err, "neither 0 for running nor 3 for stopped")
	}
}

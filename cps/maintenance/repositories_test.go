package maintenance

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
)

// TestTheScriptKeepsThePlugins (CPS-185): the sed of the runbook does what the library does, with the real sed, and the simulated
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

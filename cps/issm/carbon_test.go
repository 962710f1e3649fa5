package issm_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
)

// TestCarbonEstimate (CPS-168): what is copied is measured beforehand. What does not fit into the time of "enable set"
// stops the migration before its first change but for Grafana's, and is found by the preflight; what fits is noted.
func TestCarbonEstimate(t *testing.T) {
	const tooMuch = "too many to be copied within 30 hours: 90.0 GB: 24.5 to 32.7 hours"
	w := deploy(t, cpstest.Options{WhisperKB: 90 << 20})
	require.ErrorContains(t, look(t, w, &evenkeel.MemJournal{}), tooMuch)
	o := runOn(t, runbook(t, issm.Config{ArchiveDir: t.TempDir()}), w, "")
	require.ErrorContains(t, o.err, "step whisper, action carbon")
	require.ErrorContains(t, o.err, tooMuch)

	rb, o := holdAt(t, issm.Config{ArchiveDir: t.TempDir()}, cpstest.Options{WhisperKB: 55 << 20}, "snapshot")
	require.Equal(t, `"55.0 GB: 15.0 to 20.0 hours"`, string(o.state(t).Facts["carbon.estimate"]))
	for _, id := range []string{"enable-set-1", "enable-set-2"} {
		require.Contains(t, onPaper(t, rb, id), "(CARBON_ESTIMATE): 55 GB take 15 to 20 hours (cps:558)")
	}

	for _, said := range []string{"", "du: cannot read directory\n", "55G\t/var/lib/carbon/whisper\n"} {
		w = deploy(t, cpstest.Options{})
		require.NoError(t, w.Lie(cpstest.Lie{Command: "du *", Says: prints(said)}))
		require.ErrorContains(t, look(t, w, &evenkeel.MemJournal{}), "action carbon", "%q", said)
	}

	skips := runbook(t, issm.Config{ArchiveDir: "/a", SkipCarbon: true})
	_, there := skips.Step("whisper")
	require.False(t, there, "what is not copied is not measured")
}

// TestClearWhisper (CPS-037, CPS-063): where it is asked for, files older than 90 days are deleted once on each
// pcrfclient, before what is left is measured; and the preflight, which does not delete them, does not measure.
func TestClearWhisper(t *testing.T) {
	const script = " /var/qps/install/current/puppet/modules/qps/templates/etc/whisper/clear_wsp_files.sh"
	cfg := issm.Config{ArchiveDir: t.TempDir(), ClearWhisper: true}
	_, o := holdAt(t, cfg, cpstest.Options{}, "snapshot")
	lines := slices.DeleteFunc(typed(o.world), func(line string) bool {
		return !strings.HasSuffix(line, script) && !strings.Contains(line, " du -sk ")
	})
	require.Equal(t, []string{"pcrfclient01" + script, "pcrfclient02" + script, "pcrfclient01 du -sk /var/lib/carbon/whisper"}, lines)

	_, o = holdAt(t, issm.Config{ArchiveDir: t.TempDir()}, cpstest.Options{}, "snapshot")
	require.NotContains(t, strings.Join(typed(o.world), "\n"), script, "it is not asked for")

	rb, err := plan(t, cfg).Preflight()
	require.NoError(t, err)
	_, there := rb.Step("carbon")
	require.False(t, there)

	_, err = issm.New(issm.Config{ArchiveDir: "/a", ClearWhisper: true, SkipCarbon: true}, guideHosts(t), guideMongo(t))
	require.ErrorContains(t, err, "clear_whisper and skip_carbon exclude each other")
}

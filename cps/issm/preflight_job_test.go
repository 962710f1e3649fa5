package issm_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

func preflight(t testing.TB) *evenkeel.Runbook {
	t.Helper()
	rb, err := plan(t, issm.Config{ArchiveDir: "/a"}).Preflight()
	require.NoError(t, err)
	return rb
}

// look runs the preflight, with its checks at the same time.
func look(t testing.TB, w simulated, journal evenkeel.Journal) error {
	t.Helper()
	_, err := evenkeel.Run(t.Context(), preflight(t), w, evenkeel.Options{Journal: journal, Clock: w.Clock(), Holder: "test"})
	return err
}

// TestPreflightFindsAllAtOnce (CPS-150, CPS-160, CPS-161, CPS-030, CPS-031): everything that is wrong is said in one run,
// nothing is changed, and nobody is prompted. When it is mended the same journal takes the next run.
func TestPreflightFindsAllAtOnce(t *testing.T) {
	w := deploy(t, cpstest.Options{FreeKB: 5 << 20, HtpasswdDiffers: true, From: "19.5.0"})
	run(w, "qns03", "systemctl", "stop", "qns")
	run(w, "cluman", "tee", "-a", "/etc/broadhop/mongoConfig.cfg")
	run(w, "world", "traffic", "2", "off")
	before := w.EndState()
	err := look(t, w, &evenkeel.MemJournal{})
	for _, want := range []string{
		"10 GB are needed", ".htpasswd differs between pcrfclient01", "clear this first", "runs 19.5.0.release, not 19.4.0",
		"plan again from the file", "no endpoint of set 2 is up",
	} {
		require.ErrorContains(t, err, want)
	}
	var pause *evenkeel.Pause
	require.NotErrorAs(t, err, &pause, "nobody is prompted")
	require.Equal(t, before, w.EndState(), "not even a lease")
	asked := slices.DeleteFunc(typed(w), func(line string) bool { return line != "cluman diagnostics.sh --ha_proxy" })
	require.Len(t, asked, 2, "once for each half: nothing is waited for")

	w = deploy(t, cpstest.Options{HtpasswdDiffers: true})
	journal := &evenkeel.MemJournal{}
	require.Error(t, look(t, w, journal))
	w = deploy(t, cpstest.Options{})
	require.NoError(t, look(t, w, journal))
	require.NoError(t, look(t, w, journal), "once more")
}

// Nothing in the preflight changes anything, or needs a lease; and every check of the migration's first step is in it.
func TestPreflightReadsAlone(t *testing.T) {
	rb := preflight(t)
	require.Empty(t, rb.Leased())
	var ids []string
	for _, s := range rb.Steps {
		require.Equal(t, "checks", s.Parallel, s.ID)
		for _, a := range s.Actions {
			require.Equal(t, evenkeel.ReadOnly, effectOf(a), a.ID)
			require.Empty(t, a.Manual, a.ID)
			ids = append(ids, a.ID)
		}
	}
	for _, a := range runbook(t, issm.Config{ArchiveDir: "/a"}).Steps[0].Actions {
		require.Contains(t, ids, a.ID)
	}
}

// A lie that stops the migration in its first step, or before a half goes down, is found by the same check days before.
func TestPreflightIsLiedTo(t *testing.T) {
	for _, l := range migrationLies() {
		step, check, _ := strings.Cut(l.check, "/")
		switch {
		case step == "preflight":
		case slices.Contains([]string{"disable-set-1", "disable-set-2"}, step) && slices.Contains([]string{"keeps", "other-traffic"}, check):
			n := step[len(step)-1:]
			check = map[string]string{"keeps": "keeps-without-set-" + n, "other-traffic": "traffic-set-" +
				map[string]string{"1": "2", "2": "1"}[n]}[check]
		default:
			continue
		}
		t.Run(l.check, func(t *testing.T) {
			w := deploy(t, siteWorld(l.opts))
			do(w, l.first)
			do(w, l.deeds)
			if l.now != nil {
				l.now(t, w, t.TempDir())
			}
			for _, lie := range l.lies {
				require.NoError(t, w.Lie(lie))
			}
			require.ErrorContains(t, sitePreflight(t, w), "action "+check)
		})
	}
}

// TestPreflightOnPaper: the checks can be carried out by hand, and find nothing on a sound cluster.
func TestPreflightOnPaper(t *testing.T) {
	rb := preflight(t)
	var md strings.Builder
	require.NoError(t, rb.Markdown(&md))
	golden.Check(t, "preflight.md", md.String())
	w := deploy(t, cpstest.Options{})
	followed(t, rb, w, false)
	require.NoError(t, w.Check())
}

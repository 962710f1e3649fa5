package issm_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

const logbackXML = "/etc/broadhop/logback.xml"

// content is a file of a machine.
func content(t testing.TB, w simulated, host, name string) string {
	t.Helper()
	r, err := w.Runner(host)
	require.NoError(t, err)
	res, err := r.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "cat", name))
	require.NoError(t, err)
	return string(res.Stdout)
}

// putContent writes it.
func putContent(t testing.TB, w simulated, host, name, text string) {
	t.Helper()
	r, err := w.Runner(host)
	require.NoError(t, err)
	cmd := sshexec.Command(sshexec.Mutating, "dd", "of="+name)
	cmd.Stdin = sshexec.Text(text)
	_, err = r.Run(t.Context(), cmd)
	require.NoError(t, err)
}

// withLogger is a file with the logger in it.
func withLogger(file string) string {
	return strings.Replace(file, "</configuration>", "  "+cps.UpgradeLoggerEntry+"\n</configuration>", 1)
}

// merging is an operator who merges the old logback.xml into the new one, the debug logger with it.
type merging struct {
	technician
	t *testing.T
}

func (m *merging) Prompt(ctx context.Context, ask evenkeel.Prompt) (string, error) {
	if ask.Step.ID == "restore-cluman" && ask.Action.ID == "reapply" {
		putContent(m.t, m.world, "cluman", logbackXML, withLogger(content(m.t, m.world, "cluman", logbackXML)))
	}
	return m.technician.Prompt(ctx, ask)
}

// CPS-014, CPS-162: with upgrade_logger the logger is put in before the migration and taken out at its end, nothing
// else of the file is touched, nobody is asked for either, and the file of before lies in archive_dir.
func TestTheUpgradeLoggerComesAndGoes(t *testing.T) {
	dir := t.TempDir()
	rb := runbook(t, issm.Config{ArchiveDir: dir, UpgradeLogger: true})
	w := deploy(t, cpstest.Options{})
	before := content(t, w, "cluman", logbackXML)
	var during, last string
	operator := &merging{technician{world: w}, t}
	_, err := evenkeel.Run(t.Context(), rb, w, evenkeel.Options{
		Journal: &evenkeel.MemJournal{}, Clock: w.Clock(), Serial: true, Operator: operator,
		Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
			switch {
			case e.Kind == evenkeel.EventStep && e.Step.ID == "backup-cluman":
				during = content(t, w, "cluman", logbackXML)
			case e.Kind == evenkeel.EventStep && e.Step.ID == "logger-out":
				last = content(t, w, "cluman", logbackXML)
			}
		}),
	})
	require.NoError(t, err)
	require.Equal(t, withLogger(before), during)
	require.Contains(t, last, cps.UpgradeLoggerEntry, "the operator merged it")
	require.Equal(t, last, withLogger(content(t, w, "cluman", logbackXML)))
	require.NotContains(t, w.EndState(), "debug logger")
	require.NotContains(t, operator.asked, "confirm/debug")
	text := onPaper(t, rb, "hand-over/debug")
	require.NotContains(t, text, "ZMQInServiceUpgradeMgr")
	require.Contains(t, text, "erge your own changes of the logback files")

	kept, err := filepath.Glob(filepath.Join(dir, "logback.xml.*"))
	require.NoError(t, err)
	var all []string
	for _, name := range kept {
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		all = append(all, string(raw))
	}
	require.Contains(t, all, before)
	require.Len(t, all, 4, "both files of both edits, and nothing else")
}

// CPS-014: the new Cluster Manager logs the upgrade of the halves, too, although what is restored onto it does not have the
// logger.
func TestTheNewManagerHasTheUpgradeLogger(t *testing.T) {
	_, o := holdAt(t, issm.Config{ArchiveDir: t.TempDir(), UpgradeLogger: true}, cpstest.Options{}, "calls")
	require.Contains(t, content(t, o.world, "cluman", logbackXML), cps.UpgradeLoggerEntry)
}

// CPS-162: a rollback takes the logger out, too: step by step before set 1 is disabled, and with the guide's rollback
// from there.
func TestTheUpgradeLoggerIsRolledBack(t *testing.T) {
	for _, at := range []string{"snapshot", "calls"} {
		rb, o := holdAt(t, issm.Config{ArchiveDir: t.TempDir(), UpgradeLogger: true}, cpstest.Options{}, at)
		before := content(t, deploy(t, cpstest.Options{}), "cluman", logbackXML)
		if at == "snapshot" {
			require.Equal(t, withLogger(before), content(t, o.world, "cluman", logbackXML))
		}
		require.NoError(t, rollBack(t, rb, o, "").err, at)
		require.Equal(t, before, content(t, o.world, "cluman", logbackXML), at)
	}
}

// CPS-162: what must not be edited stops the run with the file as it was: a logger in another form, a file that
// somebody changes meanwhile, a copy that was cut, and one that is gone.
func TestTheUpgradeLoggerStops(t *testing.T) {
	for want, tc := range map[string]struct {
		stops string
		mend  func(w simulated, dir string)
		lies  []cpstest.Lie
		at    string
	}{
		"is not there as the guide has it": {stops: "logger-in-file/take", mend: func(w simulated, _ string) {
			putContent(t, w, "cluman", logbackXML, "<configuration>\n<logger name=\""+cps.UpgradeLogger+"\" level=\"info\"/>\n</configuration>\n")
		}},
		"not an XML document": {stops: "logger-in-file/take", mend: func(w simulated, _ string) {
			putContent(t, w, "cluman", logbackXML, "<configuration>\n")
		}},
		"was changed by somebody else": {stops: "logger-in/replace-logback", at: "logger-in/whole", mend: func(w simulated, _ string) {
			putContent(t, w, "cluman", logbackXML, "<configuration>\n<root level=\"info\"/>\n</configuration>\n")
		}},
		"logback.xml.evenkeel-new is not as it is to be": {stops: "logger-in/whole", lies: idle("dd of=*", "cluman")},
		"logback.xml is not as it is to be":              {stops: "logger-in/edited", lies: idle("mv -T *", "cluman")},
	} {
		dir := t.TempDir()
		w := deploy(t, cpstest.Options{})
		for _, l := range tc.lies {
			require.NoError(t, w.Lie(l))
		}
		if tc.at == "" && tc.mend != nil {
			tc.mend(w, dir)
		}
		before := content(t, w, "cluman", logbackXML)
		_, err := evenkeel.Run(t.Context(), runbook(t, issm.Config{ArchiveDir: dir, UpgradeLogger: true}), w, evenkeel.Options{
			Journal: &evenkeel.MemJournal{}, Clock: w.Clock(), Serial: true, Operator: &technician{world: w},
			Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
				if e.Kind == evenkeel.EventAction && e.Step.ID+"/"+e.Action.ID == tc.at {
					tc.mend(w, dir)
					before = content(t, w, "cluman", logbackXML)
				}
			}),
		})
		require.Equal(t, tc.stops, stoppedAt(err), "%s: %v", want, err)
		require.ErrorContains(t, err, want)
		require.Equal(t, before, content(t, w, "cluman", logbackXML), want)
	}
}

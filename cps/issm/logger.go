package issm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// logbackPath is the file that has the debug logger while the cluster is migrated (cps:293-301,403).
const logbackPath = "/etc/broadhop/logback.xml"

// loggerEdit puts the logger of the guide into logback.xml of the Cluster Manager, or takes it out again, and touches
// nothing else. The file as it is, and as it is to be, lie in archive_dir under their sums: they are the backup, and an
// appender may hold a password.
type loggerEdit struct {
	id, title string
	in        bool
	was, is   evenkeel.Fact[string] // the sums of both
}

func loggerEditOf(id, title string, in bool) loggerEdit {
	return loggerEdit{
		id: id, title: title, in: in,
		was: evenkeel.NewFact[string]("logback."+id+".before", "sha256 of logback.xml before its edit"),
		is:  evenkeel.NewFact[string]("logback."+id+".after", "sha256 of logback.xml as it is to be"),
	}
}

var (
	loggerIn = loggerEditOf("logger-in", "Log the upgrade at level debug", true)
	// loggerAgain is for the new Cluster Manager: what was restored onto it does not have the logger.
	loggerAgain = loggerEditOf("logger-again", "Log the upgrade at level debug on the new Cluster Manager, too", true)
	loggerOut   = loggerEditOf("logger-out", "Take the debug logger out again", false)
)

// loggerSteps are the edit where the configuration asks for it: the file is taken first, so that whatever is undone
// knows what it was.
func (m *Migration) loggerSteps(e loggerEdit) []evenkeel.Step {
	if !m.cfg.UpgradeLogger {
		return nil
	}
	take := evenkeel.Step{
		ID: e.id + "-file", Title: "Keep a copy of logback.xml", Host: m.cfg.ClusterManager, Ref: "cps:293-299",
		Makes: []evenkeel.FactKey{e.was, e.is}, Actions: []evenkeel.Action{e.take(m.cfg.ClusterManager, m.cfg.ArchiveDir)},
	}
	edit := evenkeel.Step{
		ID: e.id, Title: e.title, Host: m.cfg.ClusterManager, Ref: "cps:293-299", Needs: take.Makes,
		Actions: e.write(m.cfg.ArchiveDir, e.is, e.was),
		Verify:  []evenkeel.Action{e.has("edited", logbackPath, "Verify that the file is as it is to be", e.is)},
	}
	if e.in {
		edit.Undo = e.write(m.cfg.ArchiveDir, e.was, e.is)
		edit.UndoVerify = []evenkeel.Action{e.has("restored", logbackPath, "Verify that the file is as it was", e.was)}
	} else {
		edit.Harmless = "the logger was there for the migration alone"
	}
	return []evenkeel.Step{take, edit}
}

// kept is the name of a copy with this sum.
func kept(dir, sum string) string { return filepath.Join(dir, "logback.xml."+sum) }

// sums is what taking the file finds out.
type sums struct{ Was, Is string }

// take copies the file to the operator's machine, and makes there what it is to be.
func (e loggerEdit) take(host, dir string) evenkeel.Action {
	fact := func(pick func(sums) string) func(evenkeel.Observed) (string, error) {
		return func(o evenkeel.Observed) (string, error) {
			var s sums
			err := json.Unmarshal(o.Stdout, &s)
			return pick(s), err
		}
	}
	text := "without the logger " + cps.UpgradeLogger
	if e.in {
		text = "with " + cps.UpgradeLoggerEntry + " as the last line of its configuration"
	}
	return evenkeel.Action{
		ID: "take", Paper: e.paper(host, dir), Makes: []evenkeel.Make{
			e.was.From(fact(func(s sums) string { return s.Was })), e.is.From(fact(func(s sums) string { return s.Is })),
		},
		Change: evenkeel.Change{
			Title: "Copy logback.xml off the machine, and make the file that it is to be", Ref: "cps:293-299", Limit: steps.Briefly,
			Op: &evenkeel.Op{
				Effect: evenkeel.ReadOnly,
				Text: fmt.Sprintf("Copy %s into %s on your own machine, with mode 0600, under its sha256: it may hold a password. Beside it "+
					"make the same file %s, and nothing else changed. A file that has the logger in another form than the guide's is an error: "+
					"edit it by hand.", logbackPath, dir, text),
				Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) { return e.prepare(ctx, at, dir) },
			},
			Expect: evenkeel.Expect{Text: "the sums of both"},
		},
	}
}

func (e loggerEdit) prepare(ctx context.Context, at evenkeel.Site, dir string) (sshexec.Result, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return sshexec.Result{}, fmt.Errorf("cannot make the directory for the copies: %w", err)
	}
	taken := filepath.Join(dir, "logback.xml.taken")
	defer func() { _ = os.Remove(taken) }()
	if err := sshexec.DownloadFile(ctx, at.Runner(at.Host), logbackPath, taken, 0o600); err != nil {
		return sshexec.Result{}, err
	}
	f, err := infile.Open(taken)
	if err != nil {
		return sshexec.Result{}, fmt.Errorf("cannot read the copy: %w", err)
	}
	defer func() { _ = f.Close() }()
	file, err := cps.ParseLogback(f)
	if err != nil {
		return sshexec.Result{}, err
	}
	edit := file.WithoutUpgradeLogger
	if e.in {
		edit = file.WithUpgradeLogger
	}
	edited, _, err := edit()
	if err != nil {
		return sshexec.Result{}, err
	}
	was, err1 := keep(dir, file)
	is, err2 := keep(dir, edited)
	out, err3 := json.Marshal(sums{was, is})
	return sshexec.Result{Stdout: out}, errors.Join(err1, err2, err3)
}

// keep writes a file under its sum, for nobody else to read.
func keep(dir string, file *cps.Logback) (sum string, err error) {
	var b bytes.Buffer
	_, _ = file.WriteTo(&b) // writing to memory does not fail
	sum = evenkeel.NewInput("", b.Bytes()).SHA256
	if err := os.WriteFile(kept(dir, sum), b.Bytes(), 0o600); err != nil {
		return sum, fmt.Errorf("cannot keep a copy: %w", err)
	}
	return sum, nil
}

// write replaces the file as a whole, with its owner and its mode; where it has the content already it is left alone.
func (e loggerEdit) write(dir string, want, other evenkeel.Fact[string]) []evenkeel.Action {
	const fresh = logbackPath + ".evenkeel-new"
	put := steps.Brief(sshexec.Command(sshexec.Mutating, "dd", "of="+fresh, "conv=fsync", "status=none"))
	put.Stdin = sshexec.FileInput(kept(dir, want.Ref()))
	is := sshexec.Command(sshexec.ReadOnly, "sha256sum", logbackPath)
	return []evenkeel.Action{
		evenkeel.Do("copy-logback", "Copy the file, with its owner and its mode", "cp", "-p", logbackPath, fresh).Timeout(steps.Briefly),
		{ID: "put-logback", Change: evenkeel.Change{Title: "Write what it is to be into the copy", Cmd: put, Repeat: evenkeel.Idempotent}},
		e.has("whole", fresh, "Verify that the copy is whole", want),
		evenkeel.Do("replace-logback", "Replace the file", "mv", "-T", fresh, logbackPath).From("cps:293-299").Timeout(steps.Briefly).
			Probed(evenkeel.Probe{
				Cmd: is, Text: "the file is as it is to be", Paper: e.hasPaper(logbackPath, want),
				Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
					got, err1 := steps.Digest(o.Result)
					done, err2 := want.Get(o.Facts)
					before, err3 := other.Get(o.Facts)
					switch err := errors.Join(o.Succeeded(), err1, err2, err3); {
					case err != nil:
						return evenkeel.Inconclusive, err
					case got == done:
						return evenkeel.Done, nil
					case got == before:
						return evenkeel.NotRun, nil
					}
					return evenkeel.Inconclusive, fmt.Errorf("%s was changed by somebody else since it was copied", logbackPath)
				},
			}),
		evenkeel.Do("clear-logback", "Leave no copy behind", "rm", "-f", fresh).Timeout(steps.Briefly),
	}
}

// has wants a file to have a content.
func (e loggerEdit) has(id, name, title string, want evenkeel.Fact[string]) evenkeel.Action {
	look := evenkeel.Look(id, title, "sha256sum", name).Expecting("the sum "+want.Ref(), evenkeel.Succeeding(func(o evenkeel.Observed) error {
		got, err1 := steps.Digest(o.Result)
		sum, err2 := want.Get(o.Facts)
		err := errors.Join(err1, err2)
		if err == nil && got != sum {
			err = fmt.Errorf("%s is not as it is to be: its sha256 is %s, not %s", name, got, sum)
		}
		return err
	}))
	look.Paper = e.hasPaper(name, want)
	return look
}

func (e loggerEdit) hasPaper(name string, want evenkeel.Fact[string]) []evenkeel.Block {
	return []evenkeel.Block{{Script: "sha256sum " + name + " | grep -c " + want.Ref(), Shows: []string{"1"}}}
}

// paper makes both files by hand; the copies have to lie where the commands below read them.
func (e loggerEdit) paper(host, dir string) []evenkeel.Block {
	edit := "grep -vF " + cps.UpgradeLogger
	if e.in {
		edit = `awk -v entry='` + cps.UpgradeLoggerEntry +
			`' 'index($0, entry) { there = 1 } /<\/configuration>/ && !there { print "  " entry } { print }'`
	}
	script := fmt.Sprintf(`umask 077 && mkdir -p %[1]s && ssh %[2]s cat %[3]s > %[1]s/taken && %[4]s < %[1]s/taken > %[1]s/edited &&
  %[5]s=$(sha256sum < %[1]s/taken | cut -c1-64) && %[6]s=$(sha256sum < %[1]s/edited | cut -c1-64) &&
  cp %[1]s/taken %[1]s/logback.xml."$%[5]s" && cp %[1]s/edited %[1]s/logback.xml."$%[6]s" &&
  rm %[1]s/taken %[1]s/edited && declare -p %[5]s %[6]s`,
		shellescape.Quote(dir), host, logbackPath, edit, e.was.Variable(), e.is.Variable())
	return []evenkeel.Block{{Host: evenkeel.OperatorHost, Text: "It may hold a password.", Script: script}}
}

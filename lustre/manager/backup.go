package manager

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// backup takes a fresh backup to the operator's machine, and proves that all is in it that is read later
// (lustre:55-100).
func (m *Manager) backup() evenkeel.Step {
	take := evenkeel.Action{
		ID: "backup", Paper: m.takePaper(),
		Makes: []evenkeel.Make{m.archiveName.From(made("name")), m.archivePath.From(made("path")),
			m.archiveSum.From(made("sha256"))},
		Change: evenkeel.Change{
			Title: "Back up the manager to this machine", Ref: "lustre:57",
			Op: &evenkeel.Op{
				Effect: evenkeel.ReadOnly, Do: m.take,
				Text: "Run the guide's backup script on " + m.Config.Host + ", and copy bck-HOST-DATE.tgz to a machine that is " +
					"not upgraded. (The tool streams the same archive here and writes nothing on the manager.)",
			},
		},
	}
	check := evenkeel.Action{
		ID: "check", Paper: append([]evenkeel.Block{m.wholePaper()}, m.dumpPaper()...),
		Makes: []evenkeel.Make{m.dumpName.From(made("dump")), m.dumpSum.From(made("dump_sha256")), m.rows.From(made("rows"))},
		Change: evenkeel.Change{
			Title: "Read the backup again: nothing that a later step needs is missing, and the database in it is whole",
			Ref:   "lustre:100",
			Op: &evenkeel.Op{
				Effect: evenkeel.ReadOnly, Do: m.check,
				Text: "Compare the archive's digest with " + m.archiveSum.Ref() + "; list it: every file that is restored is in " +
					"it. Read the database in it to its end: gzip is whole, the last line but empty ones and comments is " +
					"PostgreSQL's own end mark, and " +
					m.Config.Database + " is in it with the tables whose rows are counted.",
			},
		},
	}
	return evenkeel.Step{
		ID: "backup", Title: "Back up the manager", Host: m.Config.Host, Ref: "lustre:55",
		Why:     "The machine is erased later on: what is not in this backup is lost.",
		Makes:   []evenkeel.FactKey{m.archiveName, m.archivePath, m.archiveSum, m.dumpName, m.dumpSum, m.rows},
		Actions: []evenkeel.Action{take, check},
	}
}

// made reads one of the texts that an operation has found out.
func made(key string) func(evenkeel.Observed) (string, error) {
	return func(o evenkeel.Observed) (string, error) {
		var texts map[string]string
		if err := json.Unmarshal(o.Stdout, &texts); err != nil {
			return "", err
		}
		if texts[key] == "" {
			return "", fmt.Errorf("the backup does not say its %s", key)
		}
		return texts[key], nil
	}
}

func says(texts map[string]string) (sshexec.Result, error) {
	out, err := json.Marshal(texts)
	return sshexec.Result{Stdout: out}, err
}

func (m *Manager) take(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
	made, err := backup.Create(ctx, at.Runner(at.Host), backup.ManagerManifest(), backup.Options{
		Dir: m.Config.Archives, Now: func() time.Time { return at.Now },
	})
	if errors.Is(err, backup.ErrExists) { // a life that ended within this second has made it, and nobody knows that it is whole
		return sshexec.Result{}, evenkeel.NotYet(time.Second, "%v", err)
	}
	if err != nil {
		return sshexec.Result{}, err
	}
	return says(map[string]string{"name": made.Name, "path": made.Path, "sha256": made.SHA256})
}

func (m *Manager) check(_ context.Context, at evenkeel.Site) (sshexec.Result, error) {
	file, err := m.wholeBackup(at)
	if err != nil {
		return sshexec.Result{}, err
	}
	a, err := backup.OpenFile(file)
	if err != nil {
		return sshexec.Result{}, err
	}
	dump, err := m.covers(a)
	if err != nil {
		return sshexec.Result{}, evenkeel.NeedsOperator("%v. Nothing has been changed: put it right, and begin the run "+
			"anew, "+
			"which takes another backup", err)
	}
	return says(dump)
}

// covers proves that an archive has all that the runbook reads, and says what is in its database.
func (m *Manager) covers(a *backup.Archive) (map[string]string, error) {
	if !a.IsOf(m.Config.Host) {
		return nil, fmt.Errorf("%s is a backup of %s, not of %s", a.Name(), a.Host(), m.Config.Host)
	}
	needs := backup.Requirements(m.restores())
	for _, name := range m.Config.Certificates {
		needs = append(needs, backup.Requirement{Path: stateDir + "/" + name, Check: backup.NotEmpty,
			NeededBy: "the certificates (lustre:211)"})
	}
	var errs []error
	for _, missing := range a.Covers(needs) {
		errs = append(errs, missing)
	}
	for _, e := range a.Files() {
		name, below := strings.CutPrefix(e.Path, stateDir+"/")
		if below && e.Mode.IsRegular() && !strings.Contains(name, "/") && strings.Contains(name, ".") &&
			!slices.Contains(m.Config.Certificates, name) {
			errs = append(errs, fmt.Errorf("%s has %s, which the guide restores and the configuration does not name: add it "+
				"to certificates",
				a.Name(), e.Path))
		}
	}
	dump, err := m.readDump(a)
	return dump, errors.Join(append(errs, err)...)
}

// readDump reads the database in an archive to its end.
func (m *Manager) readDump(a *backup.Archive) (map[string]string, error) {
	found := a.Glob(backup.DatabasePath)
	if len(found) != 1 {
		return nil, fmt.Errorf("%s has %d files %s, not one: which is the database?", a.Name(), len(found),
			backup.DatabasePath)
	}
	sum := sha256.New()
	err1 := a.Copy(sum, found[0])
	text, err2 := a.Gunzip(found[0])
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("%s in %s: %w", found[0], a.Name(), err)
	}
	dump, err := ReadDump(text)
	_, tail := io.Copy(io.Discard, text)
	if err = cmp.Or(err, tail, text.Close()); err != nil {
		return nil, fmt.Errorf("%s in %s must not be loaded: %w", found[0], a.Name(), err)
	}
	rows, err := dump.Rows(m.Config.Database, m.Config.Tables)
	if err != nil {
		return nil, fmt.Errorf("%s in %s must not be loaded: %w (keys database, tables)", found[0], a.Name(), err)
	}
	return map[string]string{"dump": path.Base(found[0]), "dump_sha256": hex.EncodeToString(sum.Sum(nil)), "rows": rows},
		nil
}

// wholeBackup is the fresh backup's file on this machine, read again and found to be what was made.
func (m *Manager) wholeBackup(at evenkeel.Site) (string, error) {
	file, err1 := m.archivePath.Get(at.Facts)
	want, err2 := m.archiveSum.Get(at.Facts)
	if err := errors.Join(err1, err2); err != nil {
		return "", err
	}
	sum, err := steps.Digest(file)
	if err == nil && sum != want {
		err = fmt.Errorf("%s has changed since it was made: its sha256 is %s, not %s", file, sum, want)
	}
	return file, err
}

// stillSafe makes sure that the backup is on the operator's machine, and whole, right before the manager is given up.
func (m *Manager) stillSafe() evenkeel.Action {
	return evenkeel.Action{
		ID: "safe", Paper: []evenkeel.Block{m.wholePaper()},
		Change: evenkeel.Change{
			Title: "Verify that the backup is on this machine, and whole", Ref: "lustre:96",
			Op: &evenkeel.Op{
				Effect: evenkeel.ReadOnly,
				Text:   "Compare the sha256 of " + m.archivePath.Ref() + ", on this machine, with " + m.archiveSum.Ref() + ".",
				Do: func(_ context.Context, at evenkeel.Site) (sshexec.Result, error) {
					_, err := m.wholeBackup(at)
					return sshexec.Result{}, err
				},
			},
		},
	}.AsPrecondition()
}

// takePaper is the guide's script over SSH, with nothing written on the manager.
func (m *Manager) takePaper() []evenkeel.Block {
	manifest := backup.ManagerManifest()
	var paths []string
	for _, p := range manifest.Paths {
		paths = append(paths, strings.TrimPrefix(p.Path, "/"))
	}
	short, _, _ := strings.Cut(m.Config.Host, ".")
	script := fmt.Sprintf(`umask 077 && set -o pipefail && %[1]s=bck-%[4]s-$(date +%%Y%%m%%d-%%H%%M%%S) && %[2]s=$PWD/$%[1]s.tgz &&
  mkdir "$PWD/$%[1]s" &&
  ssh %[5]s "cd / && tar cf - --ignore-failed-read --exclude=var/lib/chroma/repo -C / %[6]s" | tar xf - -C "$PWD/$%[1]s" &&
  ssh %[5]s "%[7]s" | gzip > "$PWD/$%[1]s/pgbackup-$(date +%%Y-%%m-%%d-%%H:%%M:%%S).sql.gz" &&
  tar czf "$%[2]s" -C "$PWD" "$%[1]s" && %[3]s=$(sha256sum < "$%[2]s" | cut -d' ' -f1) && declare -p %[1]s %[2]s %[3]s`,
		m.archiveName.Variable(), m.archivePath.Variable(), m.archiveSum.Variable(), short, m.Config.Host,
		strings.Join(paths, " "),
		shellescape.QuoteCommand(manifest.Commands[0].Argv))
	return []evenkeel.Block{{Host: evenkeel.OperatorHost, Text: "In a directory of a machine that is not upgraded.",
		Script: script}}
}

// wholePaper compares the backup with its digest.
func (m *Manager) wholePaper() evenkeel.Block {
	return evenkeel.Block{Host: evenkeel.OperatorHost, Script: "sha256sum < " + m.archivePath.Ref() + " | grep -c " +
		m.archiveSum.Ref(), Shows: []string{"1"}}
}

// dumpPaper looks for what is restored in the backup, and reads the database in it.
func (m *Manager) dumpPaper() []evenkeel.Block {
	archive, name := m.archivePath.Ref(), m.archiveName.Ref()
	var files []string
	for _, r := range backup.Requirements(m.restores()) {
		files = append(files, strings.TrimPrefix(r.Path, "/"))
	}
	for _, c := range m.Config.Certificates {
		files = append(files, strings.TrimPrefix(stateDir, "/")+"/"+c)
	}
	slices.Sort(files)
	tables := slices.Sorted(slices.Values(m.Config.Tables))
	dump, sum, rows := m.dumpName.Variable(), m.dumpSum.Variable(), m.rows.Variable()
	count := shellescape.Quote(`$0 == "\\." { t = ""; next } t != "" { n[t]++; next }
    /^\\connect / { db = $2 } /^COPY .* FROM stdin;$/ { t = $2; sub(/^public[.]/, "", t); if (db != want) t = "other " t; n[t] += 0 }
    END { for (i = split(list, a, " "); i > 0; i--) { if (!(a[i] in n)) exit 1; s = a[i] "=" n[a[i]] (s == "" ? "" : " " s) } print s }`)
	return []evenkeel.Block{
		{Host: evenkeel.OperatorHost, Text: "Everything that is restored is in it.", Script: "for f in " +
			strings.Join(files, " ") +
			"; do tar tzf " + archive + " | grep -qE ^" + name + `"/$f(/|$)" && echo "$f"; done`, Shows: files},
		{Host: evenkeel.OperatorHost, Text: "The database in it, and the rows of its tables.", Script: "set -o pipefail; " +
			dump + "=$(tar tzf " + archive + ` | grep -xE '[^/]*/pgbackup-[^/]*[.]sql[.]gz' | sed 's,.*/,,') && ` +
			sum + "=$(tar xzOf " + archive + " " + name + `/"$` + dump + `" | sha256sum | cut -d' ' -f1) && ` +
			rows + "=$(tar xzOf " + archive + " " + name + `/"$` + dump + `" | gzip -dc | awk -v want=` + m.Config.Database +
			" -v list=" + shellescape.Quote(strings.Join(tables, " ")) + " " + count + `) && [ -n "$` + rows +
			`" ] && declare -p ` +
			dump + " " + sum + " " + rows},
		{Host: evenkeel.OperatorHost, Text: "It is whole: its last line but comments and empty ones is PostgreSQL's end " +
			"mark.",
			Script: "set -o pipefail; tar xzOf " + archive + " " + name + "/" + m.dumpName.Ref() +
				` | gzip -dc | grep -vxE '|--|\\unrestrict .*' | tail -n 1`, Shows: []string{endMark}},
	}
}

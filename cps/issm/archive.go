package issm

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// An archive is what migrate.sh saves of a machine that is about to be destroyed. Its path on the machine that makes it,
// its copy on the operator's machine and its digest are facts.
type archiveFacts struct {
	what    string
	on      string // the machine that makes it, for the reader
	word    string // what stands for it in the name of the file
	maker   string // the arguments of migrate.sh that make it
	earlier evenkeel.Fact[string]
	path    evenkeel.Fact[string]
	local   evenkeel.Fact[string]
	sum     evenkeel.Fact[string]
	is      func(cps.ArchiveName) bool
}

func archiveOf(name, what, on, maker string, is func(cps.ArchiveName) bool) archiveFacts {
	return archiveFacts{
		what: what, on: on, word: name, maker: maker, is: is,
		earlier: evenkeel.NewFact[string]("archive."+name+".earlier", "newest archive of "+what+" before this run made one, or none"),
		path:    evenkeel.NewFact[string]("archive."+name, "archive of "+what+" on "+on),
		local:   evenkeel.NewFact[string]("archive."+name+".local", "its copy on the operator's machine"),
		sum:     evenkeel.NewFact[string]("archive."+name+".sha256", "its sha256"),
	}
}

var (
	managerArchive = archiveOf("cluman", "the Cluster Manager", "the Cluster Manager", "backup cluman",
		func(a cps.ArchiveName) bool { return a.Kind == cps.ArchiveCluman })
	setArchives = [3]archiveFacts{
		1: archiveOf("set-1", "set 1", "the Cluster Manager", "disable set 1",
			func(a cps.ArchiveName) bool { return a.Kind == cps.ArchiveSet && a.Set == 1 }),
		2: archiveOf("set-2", "set 2", "the Cluster Manager", "disable set 2",
			func(a cps.ArchiveName) bool { return a.Kind == cps.ArchiveSet && a.Set == 2 }),
	}
)

func (a archiveFacts) keys() []evenkeel.FactKey { return []evenkeel.FactKey{a.path, a.local, a.sum} }

// newest finds the archive made last in a list of /var/tmp. The log names it too (cps:690-693), but a log can be lost with the connection.
func (a archiveFacts) newest(list string) (string, error) {
	var last cps.ArchiveName
	found := ""
	lines, err := steps.Listed(list, archiveDir)
	if err != nil {
		return "", err
	}
	for _, line := range lines {
		name, err := cps.ParseArchiveName(strings.TrimSpace(line))
		if err != nil || !a.is(name) || found != "" && !name.Time.After(last.Time) {
			continue
		}
		last, found = name, path.Join(archiveDir, strings.TrimSpace(line))
	}
	if found == "" {
		return "", fmt.Errorf("%w of %s in %s: %s", errNoArchive, a.what, archiveDir, a.remedy())
	}
	return found, nil
}

var errNoArchive = errors.New("no archive")

// noArchive is noted where there is no archive yet.
const noArchive = "none"

// mark notes the newest archive before another one is made, so that the new one can be told from it.
func (a archiveFacts) mark() evenkeel.Action {
	return evenkeel.Action{
		ID: "mark", Makes: []evenkeel.Make{a.earlier.From(func(o evenkeel.Observed) (string, error) {
			newest, err := a.newest(string(o.Stdout))
			if errors.Is(err, errNoArchive) {
				return noArchive, nil // there is none yet
			}
			return newest, err
		}).Typed(a.newestOnPaper(evenkeel.Typed(listArchives)))},
		Change: evenkeel.Change{
			Title: "Note the newest archive that is there", Cmd: listArchives,
			Expect: evenkeel.Expect{Text: "an archive of " + a.what + ", or none", Check: func(o evenkeel.Observed) error {
				_, err := a.newest(string(o.Stdout))
				if errors.Is(err, errNoArchive) {
					err = nil
				}
				return errors.Join(o.Succeeded(), err)
			}},
		},
	}
}

// madeProbe tells whether an archive has been made since.
func (a archiveFacts) madeProbe() *evenkeel.Probe {
	return &evenkeel.Probe{
		Cmd: listArchives, Text: "done when there is a newer archive of " + a.what +
			" than the one noted; whether it is whole is found when it is copied",
		Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
			earlier, err := a.earlier.Get(o.Facts)
			if err == nil {
				err = o.Succeeded()
			}
			if err != nil {
				return evenkeel.Inconclusive, err
			}
			newest, err := a.newest(string(o.Stdout))
			if err != nil && !errors.Is(err, errNoArchive) {
				return evenkeel.Inconclusive, err
			}
			return steps.DoneIf(err == nil && newest != earlier), nil
		},
	}
}

// listArchives lists . and .. too, so that an empty directory can be told from no answer.
var listArchives = sshexec.Command(sshexec.ReadOnly, "ls", "-1a", archiveDir)

// remedy is what to do about an archive that is not there, or not whole: it comes last in what migrate.sh does.
func (a archiveFacts) remedy() string {
	return fmt.Sprintf("if %q did not come to its end, run it again by hand, then resume", "migrate.sh "+a.maker)
}

// saved is what copying an archive finds out.
type saved struct{ Path, Local, Sum string }

// save is the action that copies the newest archive to the operator's machine (cps:439) and proves that the copy is the
// original and is whole.
func (a archiveFacts) save(host, dir, ref string) evenkeel.Action {
	fact := func(pick func(saved) string) func(evenkeel.Observed) (string, error) {
		return func(o evenkeel.Observed) (string, error) {
			var s saved
			err := json.Unmarshal(o.Stdout, &s)
			return pick(s), err
		}
	}
	return evenkeel.Action{
		ID: "save", Paper: a.savePaper(host), Makes: []evenkeel.Make{
			a.path.From(fact(func(s saved) string { return s.Path })),
			a.local.From(fact(func(s saved) string { return s.Local })),
			a.sum.From(fact(func(s saved) string { return s.Sum })),
		},
		Change: evenkeel.Change{
			Title: "Copy the archive off the machine", Host: host, Ref: ref, Limit: time.Hour,
			Op: &evenkeel.Op{
				Effect: evenkeel.ReadOnly,
				Text: fmt.Sprintf("Find the newest archive of %s in %s of %s (ls -1a). It must be newer than the "+
					"one noted before it was made. Copy it into %s on your own machine, with mode 0600: it holds passwords and keys. "+
					"Compare the sha256 sums of both, and list the copy with tar tzf: it must be whole.",
					a.what, archiveDir, a.on, dir),
				Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) { return a.fetch(ctx, at, dir) },
			},
			Expect: evenkeel.Expect{Text: "equal sums, and a list that ends without an error"},
		},
	}
}

func (a archiveFacts) fetch(ctx context.Context, at evenkeel.Site, dir string) (sshexec.Result, error) {
	list, err := at.Run(ctx, at.Host, listArchives)
	if err != nil {
		return list, err
	}
	remote, err := a.newest(string(list.Stdout))
	if err != nil {
		return list, steps.Soon(time.Minute, err)
	}
	earlier, err := a.earlier.Get(at.Facts)
	if err == nil && remote == earlier {
		err = fmt.Errorf("the newest archive, %s, is from before this run: %s", remote, a.remedy())
	}
	if err != nil {
		return list, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return sshexec.Result{}, fmt.Errorf("cannot make the directory for the archives: %w", err)
	}
	local := filepath.Join(dir, path.Base(remote))
	if err := sshexec.DownloadFile(ctx, at.Runner(at.Host), remote, local, 0o600); err != nil {
		return sshexec.Result{}, err
	}
	sum, err := wholeArchive(local)
	switch {
	case errors.Is(err, errNotWhole):
		return sshexec.Result{}, evenkeel.NotYet(time.Minute, "%v: %s", err, a.remedy()) // it may still be being written
	case err != nil:
		return sshexec.Result{}, err
	}
	out, err := json.Marshal(saved{remote, local, sum})
	return sshexec.Result{Stdout: out}, err
}

var errNotWhole = errors.New("the archive is damaged or not complete")

// wholeArchive reads a .tar.gz to its end and gives its sha256.
func wholeArchive(name string) (sum string, err error) {
	f, err := infile.Open(name)
	if err != nil {
		return "", fmt.Errorf("cannot read the copy: %w", err)
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	raw := io.TeeReader(f, h)
	z, err := gzip.NewReader(raw)
	if err != nil {
		return "", fmt.Errorf("%s: %w: %w", name, errNotWhole, err)
	}
	for r := tar.NewReader(z); err == nil; {
		_, err = r.Next()
	}
	if !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("%s: %w: %w", name, errNotWhole, err)
	}
	if _, err := io.Copy(io.Discard, z); err != nil { //nolint:gosec // nothing is kept; the checksum of gzip comes last
		return "", fmt.Errorf("%s: %w: %w", name, errNotWhole, err)
	}
	if _, err := io.Copy(io.Discard, raw); err != nil {
		return "", fmt.Errorf("cannot read the copy: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// kept is the precondition that must hold before the machine with the original is destroyed: the copy is here, and is
// the original (CPS-202).
func (a archiveFacts) kept(id string) evenkeel.Action {
	return evenkeel.Action{
		ID: id, Precondition: true, Paper: []evenkeel.Block{a.wholePaper()},
		Change: evenkeel.Change{
			Title: "Verify that the archive of " + a.what + " is off the machine", Ref: "cps:439",
			Op: &evenkeel.Op{
				Effect: evenkeel.ReadOnly,
				Text:   fmt.Sprintf("Compute the sha256 of %s on your own machine: it must be %s.", a.local.Ref(), a.sum.Ref()),
				Do: func(_ context.Context, at evenkeel.Site) (sshexec.Result, error) {
					local, err1 := a.local.Get(at.Facts)
					want, err2 := a.sum.Get(at.Facts)
					if err := errors.Join(err1, err2); err != nil {
						return sshexec.Result{}, err
					}
					sum, err := wholeArchive(local)
					if errors.Is(err, fs.ErrNotExist) {
						return sshexec.Result{}, fmt.Errorf("the copy of the archive is gone: %w", err)
					}
					if err == nil && sum != want {
						err = fmt.Errorf("the copy %s is not the original: sha256 %s, not %s", local, sum, want)
					}
					return sshexec.Result{}, err
				},
			},
		},
	}
}

// upload brings the copy onto the machine, under the path that it had: into a file beside it, checked, and renamed.
func (a archiveFacts) upload(ref string) []evenkeel.Action {
	part := a.path.Ref() + ".part"
	write := sshexec.PrivateFile(part) // the archive holds passwords and keys
	write.Stdin = sshexec.FileInput(a.local.Ref())
	write.Timeout = managerTime
	here := func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
		if o.ExitCode == 1 && o.Text() == "" {
			return evenkeel.NotRun, nil // sha256sum could not read it: it is not there
		}
		want, err := a.sum.Get(o.Facts)
		sum, serr := steps.Digest(o.Result)
		if err = errors.Join(err, serr, o.Succeeded()); err != nil {
			return evenkeel.Inconclusive, err
		}
		return steps.DoneIf(sum == want), nil
	}
	sumPaper := []evenkeel.Block{{Script: "sha256sum " + a.path.Ref() + " | grep -c " + a.sum.Ref(), Shows: []string{"1"}}}
	return []evenkeel.Action{
		{
			ID: "upload",
			Change: evenkeel.Change{
				Title: "Copy the archive to " + a.on, Ref: ref, Cmd: write, Repeat: evenkeel.ProbeFirst,
				Probe: &evenkeel.Probe{Cmd: sshexec.Command(sshexec.ReadOnly, "sha256sum", a.path.Ref()),
					Text: "the archive is there already, with the right sum", Paper: sumPaper, Read: here},
			},
		},
		{
			ID: "sum", Precondition: true,
			Paper: []evenkeel.Block{{Script: "sha256sum " + part + " " + a.path.Ref() + " 2>/dev/null | head -n 1 | grep -c " + a.sum.Ref(),
				Shows: []string{"1"}}},
			Change: evenkeel.Change{
				Title: "Verify that the copy is the original", Ref: ref, Cmd: sshexec.Command(sshexec.ReadOnly, "sha256sum", part, a.path.Ref()),
				Note: "One of the two names may not be there.",
				Expect: evenkeel.Expect{Text: "the sum noted at the download, for the copy or, where it has its name already, for the archive",
					Check: func(o evenkeel.Observed) error {
						want, err1 := a.sum.Get(o.Facts)
						name, err2 := a.path.Get(o.Facts)
						found, err3 := steps.Sums(o.Result)
						if err := errors.Join(err1, err2, err3); err != nil {
							return err
						}
						sum, copied := found[name+".part"] // what is renamed next
						if !copied {
							sum = found[name]
						}
						if sum != want {
							return fmt.Errorf("the archive on %s is not the one that was saved", a.on)
						}
						return nil
					}},
			},
		},
		{
			ID: "rename",
			Change: evenkeel.Change{
				Title: "Let the copy take its name", Ref: ref,
				Cmd: steps.Brief(sshexec.Command(sshexec.Mutating, "mv", "-T", part, a.path.Ref())), Repeat: evenkeel.ProbeFirst,
				Probe: &evenkeel.Probe{Cmd: sshexec.Command(sshexec.ReadOnly, "sha256sum", a.path.Ref()),
					Text: "the archive is there, with the right sum", Paper: sumPaper, Read: here},
			},
		},
	}
}

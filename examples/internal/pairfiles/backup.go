package pairfiles

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
)

// Taking says what is backed up of the servers of a pair.
type Taking struct {
	Hosts    []string
	Manifest backup.Manifest
	Dir      string
	Needed   func(*backup.Archive) []backup.Requirement // what the steps of the upgrade read from a backup
}

// Take backs the servers up, reads the archives again, and copies them on where that is asked for. It stops at the first server that it
// cannot back up.
func (t Taking) Take(ctx context.Context, req cli.BackupRequest) ([]cli.Saved, error) {
	var saved []cli.Saved
	for _, host := range t.Hosts {
		s, err := t.one(ctx, req, host)
		if s != nil {
			saved = append(saved, *s)
		}
		if err != nil {
			return saved, fmt.Errorf("%s: %w", host, err)
		}
	}
	return saved, nil
}

func (t Taking) one(ctx context.Context, req cli.BackupRequest, host string) (*cli.Saved, error) {
	r, err := req.Hosts.Runner(host)
	if err != nil {
		return nil, err
	}
	info, err := backup.Create(ctx, r, t.Manifest.With(backup.MultipathPaths()...), backup.Options{Dir: t.Dir, Now: req.Now})
	if err != nil {
		return nil, err
	}
	s := &cli.Saved{Host: host, File: info.Path, SHA256: info.SHA256, Size: info.Size, Notes: notes(info.Record)}
	for _, p := range info.Record.Paths {
		if len(p.Taken) == 0 {
			s.Absent = append(s.Absent, cli.Note{Path: p.Path, What: "absent"})
		}
	}
	a, err := backup.OpenFile(info.Path)
	if err != nil {
		return s, err
	}
	errs := []error{a.Verify()}
	for _, m := range a.Covers(t.Needed(a)) {
		if absent := errors.Is(m, backup.ErrAbsent); !absent || !optional(m.Path) {
			errs = append(errs, m)
		}
	}
	if err := errors.Join(errs...); err != nil || req.CopyTo == "" {
		return s, err
	}
	far, into, _ := strings.Cut(req.CopyTo, ":")
	if r, err = req.Hosts.Runner(far); err != nil {
		return s, err
	}
	proof, err := backup.CopyOff(ctx, r, info.Path, into, []string{info.Host, info.FQDN}, req.Now())
	if err == nil {
		s.Copy = far + ":" + proof.Path
	}
	return s, err
}

// optional tells whether a server may be without a path.
func optional(path string) bool {
	for _, p := range backup.ServerManifest().Paths {
		if p.Path == path {
			return p.Optional
		}
	}
	return false
}

// notes are what the operator should know of a backup: what was found and left out, and what changed all the time.
func notes(rec *backup.Record) []cli.Note {
	var all []cli.Note
	for _, s := range rec.Skipped {
		all = append(all, cli.Note{Path: string(s.Path), What: "not taken: " + s.Why})
	}
	for _, name := range rec.Changed {
		all = append(all, cli.Note{Path: string(name), What: "it changed whenever it was read; what is in the backup may be of no single moment"})
	}
	return all
}

// recordFacts says what an archive tells of itself.
func recordFacts(in *cli.Inspection, name string, rec *backup.Record) {
	if rec == nil {
		return
	}
	if rec.FQDN != "" {
		in.Add("full name", "%s", rec.FQDN)
	}
	if rec.OSRelease != "" {
		in.Add("system", "%s", rec.OSRelease)
	}
	if rec.Means != "" {
		in.Add("read with", "%s", rec.Means)
	}
	for _, p := range rec.Paths {
		if len(p.Taken) == 0 {
			in.Add("absent", "%s", p.Path)
		}
	}
	for _, s := range rec.Skipped {
		in.Add("not taken", "%s: %s", s.Path, s.Why)
	}
	for _, f := range rec.Changed {
		in.Find(name, "%s changed whenever it was read; what is in the backup may be of no single moment", f)
	}
}

// Found is a backup, and where it is.
type Found struct {
	Path    string
	Archive *backup.Archive
}

// Name is the name of the server, and whether it is the full one.
func (f Found) Name() (name string, full bool) {
	if r := f.Archive.Record(); r != nil && r.FQDN != "" {
		return r.FQDN, true
	}
	name = f.Archive.Host()
	return name, strings.Contains(name, ".")
}

// backupNames is the pattern of the names of backups. It is not for package filepath: a name of a folder may hold a [.
const backupNames = "bck-*.tgz"

// Newest are the newest backups (bck-*.tgz) of the two servers that have one in a directory, by the servers' names. The error says how to
// take them.
func Newest(dir, how string) ([]Found, error) {
	names, err := fs.Glob(os.DirFS(dir), backupNames)
	if err != nil {
		return nil, err
	}
	newest := map[string]Found{}
	for _, name := range names {
		path, err := filepath.Abs(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		a, err := backup.OpenFile(path)
		if err != nil {
			return nil, err
		}
		if was, ok := newest[a.Host()]; !ok || a.Time().After(was.Archive.Time()) {
			newest[a.Host()] = Found{path, a}
		}
	}
	var list []Found
	var hosts []string
	for host, one := range newest {
		if _, err := one.Archive.ClusterConfig(); err != nil && len(newest) > 2 {
			continue // it is of no server of the pair
		}
		list = append(list, one)
		hosts = append(hosts, host)
	}
	slices.Sort(hosts)
	if len(list) != 2 {
		return nil, fmt.Errorf("%s: a pair has two servers, and there are backups (bck-*.tgz) of %s. %s",
			dir, cmp.Or(strings.Join(hosts, ", "), "neither"), how)
	}
	slices.SortFunc(list, func(a, b Found) int { return strings.Compare(a.Archive.Host(), b.Archive.Host()) })
	return list, nil
}

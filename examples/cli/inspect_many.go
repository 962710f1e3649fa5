package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// Inspections are those of many files and folders.
type Inspections struct {
	Files      []*Inspection `json:"files"`
	Unknown    []Finding     `json:"unknown"`    // files of no kind that inspect knows; Where names the file
	Unreadable []Finding     `json:"unreadable"` // files that could not be read as what they are; Where names the file
}

// inspectMany inspects files, and every file below folders.
func (a *App) inspectMany(names []string, format string) (int, error) {
	all := &Inspections{Files: []*Inspection{}, Unknown: []Finding{}, Unreadable: []Finding{}}
	for _, name := range names {
		if info, err := os.Stat(name); err != nil || !info.IsDir() {
			all.add(a, name, true)
			continue
		}
		// With the separator it follows a link to a folder, too.
		_ = filepath.WalkDir(name+string(filepath.Separator), func(path string, d fs.DirEntry, err error) error { // every error is taken in
			switch {
			case err != nil:
				all.Unreadable = append(all.Unreadable, Finding{path, err.Error()})
			case !d.IsDir():
				all.add(a, path, false)
			}
			return nil
		})
	}
	_, err := a.Answer(format, all, all.text)
	switch {
	case err != nil:
		return ExitFailed, err
	case len(all.Unreadable) > 0:
		return ExitInput, fmt.Errorf("%s be read", counted(len(all.Unreadable), "file cannot", "files cannot"))
	case len(all.Files) == 0:
		return ExitInput, errors.New("there is no file of a kind that inspect knows (inspect --help lists them)")
	case slices.ContainsFunc(all.Files, func(in *Inspection) bool { return len(in.Findings) > 0 }):
		return ExitFailed, nil
	}
	return ExitDone, nil
}

// add inspects a file. One of an unknown kind is a mistake where it was named, and none in a folder.
func (all *Inspections) add(a *App, name string, named bool) {
	in, err := a.inspected(name)
	var unknown *UnknownKindError
	other := errors.Is(err, infile.ErrOther) || errors.Is(err, infile.ErrNotRegular)
	switch {
	case err == nil:
		all.Files = append(all.Files, in)
	case errors.As(err, &unknown) && !named:
		all.Unknown = append(all.Unknown, Finding{name, cmp.Or(ownKind(name), "not a kind of file that inspect knows")})
	case other && !named:
		all.Unknown = append(all.Unknown, Finding{name, err.Error()})
	default:
		all.Unreadable = append(all.Unreadable, Finding{name, err.Error()})
	}
}

// text are the inspections for people.
func (all *Inspections) text() string {
	var b strings.Builder
	findings := 0
	for _, in := range all.Files {
		b.WriteString(in.text() + "\n")
		findings += min(len(in.Findings), 1)
	}
	for _, f := range all.Unknown {
		fmt.Fprintf(&b, "not known: %s: %s\n", printable.Line(f.Where), printable.Line(strings.TrimPrefix(f.What, f.Where+": ")))
	}
	for _, f := range all.Unreadable {
		fmt.Fprintf(&b, "%s\n", printable.Line(f.What))
	}
	fmt.Fprintf(&b, "%s known, of which %d with findings; %d not known; %d that cannot be read\n",
		counted(len(all.Files), "file is", "files are"), findings, len(all.Unknown), len(all.Unreadable))
	return b.String()
}

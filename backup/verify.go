package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// ErrNoRecord says that an archive has no digests to compare with: a guide's script made it.
var ErrNoRecord = errors.New("the archive has no evenkeel-manifest.json: it can be read to its end, and that is all that is known of it")

// Mismatch is one file of an archive that is not as its record has it.
type Mismatch struct {
	Path string
	Why  string
}

func (m Mismatch) Error() string { return fmt.Sprintf("%s: %s", m.Path, m.Why) }

// Verify compares every file with the digests that were taken when the backup was made, and names every one that differs, is missing or was added. It
// is ErrNoRecord when there are no digests.
func (a *Archive) Verify() error {
	if a.record == nil {
		return fmt.Errorf("cannot verify %s: %w", a.name, ErrNoRecord)
	}
	var errs []error
	bad := func(p, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %w", a.name, Mismatch{Path: p, Why: fmt.Sprintf(format, args...)}))
	}
	known := map[string]bool{"/" + recordName: true}
	for _, f := range a.record.Files {
		known[f.Path] = true
		i, ok := a.index[f.Path]
		if !ok || i < 0 {
			bad(f.Path, "it is missing")
			continue
		}
		e := a.entries[i]
		target := e.Target
		switch kind := e.kind(); {
		case kind != f.Type:
			bad(f.Path, "it is a %s, and was a %s", kind, f.Type)
		case kind == "file" && e.SHA256 != f.SHA256:
			bad(f.Path, "its content has changed")
		case target != f.Target:
			bad(f.Path, "it leads to %s, and led to %s", target, f.Target)
		}
	}
	for _, e := range a.entries {
		if !known[e.Path] {
			bad(e.Path, "it was added")
		}
	}
	return errors.Join(errs...)
}

func (e Entry) kind() string {
	switch {
	case e.Hard:
		return "hardlink"
	case e.Mode.IsDir():
		return "dir"
	case e.Mode&fs.ModeSymlink != 0:
		return "symlink"
	}
	return "file"
}

// Requirement is something that a later step reads from a backup.
type Requirement struct {
	Path     string             // on the machine, or a pattern for at least one path; ClusterConfigPath for the cluster configuration
	Check    func([]byte) error // judges the content of each file that Path stands for; nil when being there is enough
	NeededBy string             // the step, for the message
}

// Missing is a requirement that a backup does not meet.
type Missing struct {
	Path     string
	NeededBy string
	Err      error // what is wrong
}

func (m Missing) Error() string { return m.String() }

func (m Missing) Unwrap() error { return m.Err }

// String is one sentence: what, for whom, why.
func (m Missing) String() string {
	return fmt.Sprintf("%s, needed by %s: %v", m.Path, m.NeededBy, m.Err)
}

// Covers tells which requirements the archive does not meet; none when later steps will find all that they read. It is asked before anything is
// destroyed (lustre:403).
func (a *Archive) Covers(reqs []Requirement) []Missing {
	var missing []Missing
	for _, r := range reqs {
		if err := a.meets(r); err != nil {
			missing = append(missing, Missing{Path: r.Path, NeededBy: r.NeededBy, Err: err})
		}
	}
	return missing
}

func (a *Archive) meets(r Requirement) error {
	if r.Path == ClusterConfigPath {
		data, err := a.ClusterConfig()
		if err != nil || r.Check == nil {
			return err
		}
		return r.Check(data)
	}
	found := a.Glob(r.Path)
	if len(found) == 0 {
		return fmt.Errorf("%s: %w", a.name, ErrAbsent)
	}
	if r.Check == nil {
		return nil
	}
	for _, name := range found {
		e, err := a.resolve(name)
		if err != nil {
			return err
		}
		if e.Mode.IsDir() {
			continue
		}
		data, err := a.ReadFile(name)
		if err != nil {
			return err
		}
		if err := r.Check(data); err != nil {
			return fmt.Errorf("%s in %s: %w", path.Clean(name), a.name, err)
		}
	}
	return nil
}

// NotEmpty is a Check that refuses a file without content.
func NotEmpty(data []byte) error {
	if strings.TrimSpace(string(data)) == "" {
		return errors.New("the file is empty")
	}
	return nil
}

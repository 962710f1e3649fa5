package backup

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
)

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
	return fmt.Sprintf("%s, needed by %s: %v", shown(m.Path), m.NeededBy, m.Err)
}

// Covers tells which requirements the archive does not meet; none when later steps will find all that they read. It is
// asked before anything is destroyed (lustre:403), and works alike for archives of the guides' scripts. Files that
// memory did not hold are read in one pass.
func (a *Archive) Covers(reqs []Requirement) []Missing {
	fetchErr := a.fetch(reqs)
	var missing []Missing
	for _, r := range reqs {
		err := a.meets(r)
		if err != nil && fetchErr != nil {
			err = errors.Join(err, fetchErr)
		}
		if err != nil {
			missing = append(missing, Missing{Path: r.Path, NeededBy: r.NeededBy, Err: err})
		}
	}
	return missing
}

// fetchLimit bounds, in bytes, the files that are brought into memory for a check.
const fetchLimit = 16 << 20

// fetch brings the files that are going to be judged into memory, all in one pass.
func (a *Archive) fetch(reqs []Requirement) error {
	wanted := map[string]bool{}
	for _, r := range reqs {
		if r.Check == nil {
			continue
		}
		for _, name := range a.Glob(r.Path) {
			e, err := a.resolve(name)
			if err != nil || !e.Mode.IsRegular() || e.Size > fetchLimit {
				continue
			}
			if _, ok := a.data[e.contentPath()]; !ok {
				wanted[e.contentPath()] = true
			}
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	return a.scan(func(p string) bool { return wanted[p] }, func(e Entry, body io.Reader) (bool, error) {
		data, err := io.ReadAll(body)
		if err != nil {
			return false, err
		}
		a.data[e.Path] = data
		delete(wanted, e.Path)
		return len(wanted) > 0, nil
	})
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
	if !slices.ContainsFunc(found, a.Fills) {
		return fmt.Errorf("%s: %w", a.name, errHollow)
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
			return fmt.Errorf("%s in %s: %w", shown(path.Clean(name)), a.name, err)
		}
	}
	return nil
}

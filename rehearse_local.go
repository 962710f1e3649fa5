package evenkeel

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// tree is what stands below a directory, by its path there.
type tree map[string]entryOf

// entryOf is a file, a directory, or a symbolic link with where it leads.
type entryOf struct {
	mode fs.FileMode
	data string
}

// treeOf reads what stands below a directory, which may be named by a link; nothing where the name is empty. What is no file, no
// directory and no link cannot be put back, and is an error.
func treeOf(dir string) (tree, error) {
	if dir == "" {
		return nil, nil
	}
	t := tree{}
	err := filepath.WalkDir(dir+"/.", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		e := entryOf{mode: info.Mode()}
		switch e.mode.Type() {
		case 0:
			data, err := os.ReadFile(p) //nolint:gosec // it stands below the directory of the rehearsal
			if err != nil {
				return err
			}
			e.data = string(data)
		case fs.ModeSymlink:
			if e.data, err = os.Readlink(p); err != nil {
				return err
			}
		case fs.ModeDir:
		default:
			return fmt.Errorf("%s is neither a file nor a directory: a rehearsal could not put it back", p)
		}
		t[rel] = e
		return nil
	})
	return t, err
}

// restore has a directory hold this and nothing else.
func (t tree) restore(dir string) error {
	if dir == "" {
		return nil
	}
	now, err := treeOf(dir)
	if err != nil || maps.Equal(now, t) {
		return err
	}
	for _, rel := range slices.Backward(slices.Sorted(maps.Keys(now))) {
		if now[rel] == t[rel] || rel == "." {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, rel)); err != nil {
			return err
		}
	}
	for _, rel := range slices.Sorted(maps.Keys(t)) {
		p, e := filepath.Join(dir, rel), t[rel]
		if _, err := os.Lstat(p); err == nil {
			continue
		}
		switch e.mode.Type() {
		case fs.ModeDir:
			err = os.Mkdir(p, 0o700)
		case fs.ModeSymlink:
			err = os.Symlink(e.data, p)
		default:
			err = os.WriteFile(p, []byte(e.data), 0o600)
		}
		if err != nil {
			return err
		}
	}
	for _, rel := range slices.Backward(slices.Sorted(maps.Keys(t))) { // what is inside a directory first: its mode may forbid it afterwards
		if e := t[rel]; e != now[rel] && e.mode.Type() != fs.ModeSymlink {
			if err := os.Chmod(filepath.Join(dir, rel), e.mode); err != nil {
				return err
			}
		}
	}
	if now, err = treeOf(dir); err == nil && !maps.Equal(now, t) {
		err = fmt.Errorf("%s is not as it was before the rehearsal", dir)
	}
	return err
}

package evenkeel

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// tree is what stands below a directory, by its path there.
type tree map[string]entryOf

// entryOf is a file or a directory.
type entryOf struct {
	mode fs.FileMode
	data string
}

// treeOf reads what stands below a directory; nothing where the name is empty.
func treeOf(dir string) (tree, error) {
	if dir == "" {
		return nil, nil
	}
	t := tree{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
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
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			e.data = string(data)
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
		if e.mode.IsDir() {
			err = os.Mkdir(p, e.mode.Perm())
		} else {
			err = os.WriteFile(p, []byte(e.data), e.mode.Perm())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

//go:build !linux

package sshexec

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// syncTree makes a tree safe from a power cut, file by file.
func syncTree(top *os.File) error {
	return filepath.WalkDir(top.Name(), func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() && !d.IsDir() {
			return err
		}
		f, err := os.Open(name) // #nosec G304 -- of the tree that was just made
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}

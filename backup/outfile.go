package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// outFile is a file that comes into being complete or not at all: it has no name until commit, or a hidden temporary
// one where the file system cannot do without. Its mode is 0600 throughout.
type outFile struct {
	*os.File
	final  string
	hidden string // the temporary name; empty where there is none
}

// newOutFile begins the file that will be called final. A file that has the name is ErrExists, now or at the end.
func newOutFile(final string) (*outFile, error) {
	if _, err := os.Lstat(final); err == nil {
		return nil, fmt.Errorf("%s: %w", final, ErrExists)
	}
	if f := namelessFile(filepath.Dir(final)); f != nil {
		return &outFile{File: f, final: final}, nil
	}
	f, err := os.CreateTemp(filepath.Dir(final), "."+filepath.Base(final)+".*.part") // mode 0600
	if err != nil {
		return nil, err
	}
	return &outFile{File: f, final: final, hidden: f.Name()}, nil
}

// newScratch is a file for content that has to be held for a while. It has no name, or loses it at once.
func newScratch(dir string) (*os.File, error) {
	if f := namelessFile(dir); f != nil {
		return f, nil
	}
	f, err := os.CreateTemp(dir, ".bck-*.part") // mode 0600
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Write passes through the point at which tests end the process or fill the disk.
func (o *outFile) Write(b []byte) (int, error) {
	if err := atPoint("write"); err != nil {
		return 0, err
	}
	return o.File.Write(b)
}

// commit puts the content on the disk and gives the file its name, so that it is there in full or not at all, whatever
// happens to this machine.
func (o *outFile) commit() error {
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"sync", o.Sync}, {"name", o.name}, {"close", o.Close}, {"sync directory", func() error { return syncDir(filepath.Dir(o.final)) }},
	} {
		err := atPoint(step.what)
		if err == nil {
			err = step.do()
		}
		switch {
		case errors.Is(err, fs.ErrExist):
			return fmt.Errorf("%s: %w", o.final, ErrExists)
		case err != nil:
			return err
		}
	}
	return nil
}

// syncDir makes a new name in a directory survive a power cut.
func syncDir(name string) error {
	dir, err := os.Open(name) // #nosec G304 -- the directory that the caller names
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// name gives the file its name without taking that of another.
func (o *outFile) name() error {
	if o.hidden == "" {
		return giveName(o.File, o.final)
	}
	err := os.Link(o.hidden, o.final)
	switch {
	case err == nil:
		err = os.Remove(o.hidden)
	case !errors.Is(err, fs.ErrExist): // a file system without hard links, such as an operator's USB stick
		if _, there := os.Lstat(o.final); there == nil {
			return fs.ErrExist
		}
		err = os.Rename(o.hidden, o.final)
	}
	if err == nil {
		o.hidden = ""
	}
	return err
}

// discard throws the file away; after commit it does nothing.
func (o *outFile) discard() {
	_ = o.Close()
	if o.hidden != "" {
		_ = os.Remove(o.hidden)
	}
}

// namelessFile is nameless but in tests of file systems that have no such thing.
var namelessFile = nameless

// atPoint is where tests end the process or make the disk full; nothing else sets it.
var atPoint = func(string) error { return nil }

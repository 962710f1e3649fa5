package manager

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/internal/steps"
)

// bundle is the installer as it lies on the operator's machine.
type bundle struct {
	file, base string // its path, and the last part of that
	sum        string // its sha256, in hexadecimal
	dir        string // its one directory, such as iml-4.0.7.0
}

// readBundle reads a bundle to its end: it is whole, has one directory, and the program install in it (lustre:173-182).
func readBundle(name string) (bundle, error) {
	b := bundle{file: name, base: path.Base(name)}
	bad := func(err error) (bundle, error) { return bundle{}, fmt.Errorf("bundle %s: %w", name, err) }
	if !strings.HasSuffix(b.base, ".tar.gz") || !plainWord.MatchString(b.base) {
		return bad(errors.New("its name must be a plain word that ends with .tar.gz"))
	}
	f, err := infile.Open(name)
	if err != nil {
		return bundle{}, err
	}
	defer func() { _ = f.Close() }()
	gz, err := gzip.NewReader(f)
	if err != nil {
		return bad(err)
	}
	installer := false
	for tr := tar.NewReader(gz); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return bad(err)
		}
		top, rest, _ := strings.Cut(strings.TrimPrefix(h.Name, "./"), "/")
		if top == "" && rest == "" {
			continue
		}
		if !plainWord.MatchString(top) || top == ".." || b.dir != "" && top != b.dir {
			return bad(fmt.Errorf("it has %q beside %q: it must have one directory alone", h.Name, b.dir))
		}
		b.dir = top
		installer = installer || rest == "install" && h.Typeflag == tar.TypeReg && h.Mode&0o100 != 0
	}
	if _, err := io.Copy(io.Discard, gz); err != nil { //nolint:gosec // nothing of it is kept
		return bad(err)
	}
	if !installer {
		return bad(errors.New("it has no program install in its directory: it is no installer of IML, or another kind of it"))
	}
	b.sum, err = steps.Digest(name)
	return b, err
}

// Package golden compares what a test made with a file under testdata, and finds the files of the shared corpus.
package golden

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files under testdata with what the tests make")

// Check compares got with testdata/name; "go test -update" rewrites the file.
func Check(t testing.TB, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", filepath.FromSlash(name))
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run the test with -update to make it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}

// Corpus is a path in the corpus of real files; the test is skipped where EVENKEEL_CORPUS does not name one.
func Corpus(t testing.TB, elem ...string) string {
	t.Helper()
	dir := os.Getenv("EVENKEEL_CORPUS")
	if dir == "" {
		t.Skip("EVENKEEL_CORPUS is not set: the corpus of real files is not read")
	}
	return filepath.Join(append([]string{dir}, elem...)...)
}

// FilesUnder are the files below a directory whose names end so; at least one.
func FilesUnder(t testing.TB, dir, suffix string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, suffix) {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("no file *%s below %s: %v", suffix, dir, err)
	}
	return files
}

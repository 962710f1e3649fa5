package golden

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

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

// Program is the path of a real program that a test compares with; the test is skipped where the package is not installed.
func Program(t testing.TB, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is missing: install Debian's package %s", name, pkg)
	}
	return path
}

// CorpusCIBs are the files of the corpus that hold a CIB, or a piece of one.
func CorpusCIBs(t testing.TB) []string {
	t.Helper()
	var files []string
	for _, dir := range []string{Corpus(t, "cluster", "cib"), Corpus(t, "iml", "cib"), Corpus(t, "simulated"), Corpus(t, "pcs")} {
		for _, path := range FilesUnder(t, dir, ".xml") {
			if !strings.HasSuffix(path, "crm_mon.xml") {
				files = append(files, path)
			}
		}
	}
	return files
}

// InParallel does a job for each file, as many at once as the machine has processors.
func InParallel(files []string, job func(path string)) {
	todo := make(chan string)
	var wait sync.WaitGroup
	for range runtime.NumCPU() {
		wait.Go(func() {
			for path := range todo {
				job(path)
			}
		})
	}
	for _, path := range files {
		todo <- path
	}
	close(todo)
	wait.Wait()
}

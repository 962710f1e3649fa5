package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// sumsFile holds the checksums, for sha256sum -c.
const sumsFile = "SHA256SUMS"

// built is where a binary is.
func (j *job) built(arch, name string) string { return filepath.Join(j.stage, arch, name) }

// published is the name of a file that belongs to a binary.
func (j *job) published(name, arch, suffix string) string {
	version := j.version
	if j.pre != "" {
		version += "-" + j.pre
	}
	return filepath.Join(j.dir, fmt.Sprintf("%s_%s_linux_%s%s", name, version, arch, suffix))
}

// names are the binaries in order.
func names() (all []string) {
	for name := range summaries {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// binaries builds each binary twice and compares the bytes. For a release the second build begins with an empty cache;
// for a snapshot, which has to be quick, it takes what was compiled and links it again.
func (j *job) binaries() error {
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	fresh := filepath.Join(j.stage, "cache")
	var second []string
	if j.pre == "" {
		second = []string{"GOCACHE=" + fresh}
	}
	for _, arch := range architectures {
		again := filepath.Join(j.stage, "again", arch)
		if err := build(arch, filepath.Join(j.stage, arch)); err != nil {
			return err
		}
		if err := build(arch, again, second...); err != nil {
			return err
		}
		for _, name := range names() {
			first, err1 := os.ReadFile(j.built(arch, name))
			second, err2 := os.ReadFile(filepath.Join(again, name)) // #nosec G304 -- of ours
			switch {
			case err1 != nil || err2 != nil:
				return fmt.Errorf("%w, %w", err1, err2)
			case !bytes.Equal(first, second):
				return fmt.Errorf("two builds of %s for %s differ", name, arch)
			case bytes.Contains(first, []byte(here+"/")):
				return fmt.Errorf("%s for %s holds the directory that it was built in", name, arch)
			case !static(first):
				return fmt.Errorf("%s for %s is not static", name, arch)
			}
			if err := os.WriteFile(j.published(name, arch, ""), first, 0o755); err != nil { //nolint:gosec // for everybody
				return err
			}
		}
	}
	return os.RemoveAll(fresh)
}

// build builds all binaries for one architecture into a directory.
func build(arch, into string, env ...string) error {
	argv := []string{"go", "build", "-trimpath", "-buildvcs=true", "-ldflags=-s -w", "-o", into + "/"}
	for _, name := range names() {
		argv = append(argv, "./examples/"+name)
	}
	return run(append(env, "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0"), os.Stderr, argv...)
}

// sboms writes what each binary is made of, from what the binary itself says (go version -m).
func (j *job) sboms() error {
	for _, arch := range architectures {
		for _, name := range names() {
			err := run([]string{"GOOS=", "GOARCH="}, os.Stderr, "go", "run", cyclonedx, "bin", "-json", "-std", "-noserial", "-notimestamp",
				"-version", "v"+j.version, "-output", j.published(name, arch, ".cdx.json"), j.built(arch, name))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// checksums writes the checksum of every file.
func (j *job) checksums() error {
	entries, err := os.ReadDir(j.dir)
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, e := range entries {
		raw, err := os.ReadFile(filepath.Join(j.dir, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(raw), e.Name())
	}
	return os.WriteFile(filepath.Join(j.dir, sumsFile), []byte(sums.String()), 0o644) // #nosec G306 -- for everybody
}

// native is the build that runs here.
func (j *job) native(name string) string { return j.built(runtime.GOARCH, name) }

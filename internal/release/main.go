// Command release makes all that a release consists of, into a directory: static binaries for amd64 and arm64, each
// built twice and compared, packages (.deb, .rpm) with man pages, completions and the schema of the configuration, an
// SBOM of each binary, and the checksums of all of it.
//
//	go run ./internal/release --snapshot
//
// It needs git, the Go toolchain and the Go module proxy, and nothing else. The same commit gives the same bytes.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// The programs of others, pinned; the module proxy's checksum database holds what they are.
const (
	nfpm      = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.48.0"
	cyclonedx = "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0"
)

// summaries are the binaries, and what their packages say of them.
var summaries = map[string]string{
	"cps-issm":       "In-service migration of a Cisco Policy Suite cluster, one half while the other serves",
	"lustre-hapair":  "In-service upgrade of a Lustre server pair under Pacemaker, one node while the other serves",
	"pacemaker-pair": "In-service upgrade of a two-node Pacemaker pair (NFS, PostgreSQL, addresses), one node while the other serves",
}

var architectures = []string{"amd64", "arm64"}

func main() {
	log.SetFlags(0)
	snapshot := flag.Bool("snapshot", false, "whatever is checked out: it need be neither committed nor tagged, and its version says so")
	into := flag.String("into", "dist", "the directory for it all; what is in it is removed")
	only := flag.String("arch", "", "of a snapshot, this architecture alone; all of them when empty")
	flag.Parse()
	if flag.NArg() > 0 {
		log.Fatalf("release: unknown argument %q: see --help", flag.Arg(0))
	}
	if *only != "" {
		if !*snapshot || !slices.Contains(architectures, *only) {
			log.Fatalf("release: --arch %q: it is for a snapshot, and one of %s", *only, strings.Join(architectures, ", "))
		}
		architectures = []string{*only}
	}
	if err := release(*into, *snapshot); err != nil {
		log.Fatalf("release: %v", err)
	}
}

// job is one release.
type job struct {
	dir     string // where all of it goes
	stage   string // what the packages are made of
	version string // 0.1.0
	pre     string // "snapshot", or nothing
	date    string // of the commit, in seconds since 1970: the time of every file in the packages
}

func release(into string, snapshot bool) error {
	j := job{dir: into}
	err := j.checked(snapshot)
	if err != nil {
		return err
	}
	if err = emptied(into); err != nil {
		return err
	}
	if j.stage, err = os.MkdirTemp("", "evenkeel-release-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(j.stage) }()
	for _, do := range []struct {
		what string
		do   func() error
	}{
		{"build the binaries, twice", j.binaries},
		{"write man pages, completions and schemas", j.documents},
		{"collect the licences of what is linked", j.licences},
		{"make the SBOMs", j.sboms},
		{"make the packages", j.packages},
		{"write the checksums", j.checksums},
	} {
		log.Print(do.what)
		if err := do.do(); err != nil {
			return fmt.Errorf("cannot %s: %w", do.what, err)
		}
	}
	log.Printf("%s: done", into)
	return nil
}

var heading = regexp.MustCompile(`(?m)^## (\d+\.\d+\.\d+)( \(unreleased\))?$`)

// checked reads which version this is, and refuses to release what nobody could build again.
func (j *job) checked(snapshot bool) error {
	changes, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		return fmt.Errorf("%w: run it at the top of the repository", err)
	}
	first := heading.FindSubmatch(changes)
	if first == nil {
		return errors.New(`CHANGELOG.md has no heading such as "## 0.1.0"`)
	}
	j.version = string(first[1])
	if j.date, err = output("git", "log", "-1", "--format=%ct"); err != nil {
		return err
	}
	if snapshot {
		j.pre = "snapshot"
		return nil
	}
	changed, err1 := output("git", "status", "--porcelain")
	tags, err2 := output("git", "tag", "--points-at", "HEAD")
	switch tag := "v" + j.version; {
	case errors.Join(err1, err2) != nil:
		return errors.Join(err1, err2)
	case len(first[2]) > 0:
		return fmt.Errorf("CHANGELOG.md calls %s unreleased: write its date there, commit, and tag %s; or add --snapshot", j.version, tag)
	case changed != "":
		return fmt.Errorf("these files are not committed: commit them, or add --snapshot\n%s", changed)
	case !strings.Contains("\n"+tags+"\n", "\n"+tag+"\n"):
		return fmt.Errorf("the commit has no tag %s: tag it, or add --snapshot", tag)
	}
	return nil
}

// emptied makes the directory anew. It removes nothing that is not of a release.
func emptied(dir string) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(dir, sumsFile)); err != nil {
			return fmt.Errorf("%s is not empty and not of a release (it has no %s): name another directory", dir, sumsFile)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o755) // #nosec G301 -- for everybody
}

// output runs a program and returns what it printed.
func output(argv ...string) (string, error) {
	var out bytes.Buffer
	err := run(nil, &out, argv...)
	return strings.TrimSpace(out.String()), err
}

// run runs a program with more of an environment.
func run(env []string, out io.Writer, argv ...string) error {
	cmd := exec.Command(argv[0], argv[1:]...) //nolint:gosec,noctx // no input of a user's; it ends when its work is done
	cmd.Env = append(os.Environ(), env...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = out, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, &said)
	}
	return nil
}

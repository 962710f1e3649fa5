// Package readme_test does what README.md says: every command that stands there is run as it is printed, in a copy of
// the repository, and every piece of Go is compiled.
package readme_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// block is one fenced block of README.md.
type block struct {
	language string
	heading  string // the last heading of the second level before it
	lines    []string
}

// blocks reads the fenced blocks.
func blocks(t *testing.T) (all []block) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root(t), "README.md"))
	require.NoError(t, err)
	heading, open := "", false
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "```") && !open:
			all, open = append(all, block{language: strings.TrimPrefix(line, "```"), heading: heading}), true
		case line == "```":
			open = false
		case open:
			b := &all[len(all)-1]
			b.lines = append(b.lines, line)
		case strings.HasPrefix(line, "## "):
			heading = strings.TrimPrefix(line, "## ")
		}
	}
	require.False(t, open, "a block of README.md does not end")
	require.NotEmpty(t, all)
	return all
}

// realPair is the chapter whose commands need root and a Debian; its test has the build tag "integration".
const realPair = "A real pair on your machine"

var comment = regexp.MustCompile(`\s+#\s.*$`)

// commands are those of the blocks for a shell, without their comments: those of the real pair's chapter, or all others.
func commands(t *testing.T, real bool) (all []string) {
	t.Helper()
	for _, b := range blocks(t) {
		require.Contains(t, []string{"sh", "go", "yaml", "text"}, b.language, "a block of a kind that no test knows")
		if b.language != "sh" || (b.heading == realPair) != real {
			continue
		}
		for _, line := range b.lines {
			if line = strings.TrimSpace(comment.ReplaceAllString(line, "")); line != "" {
				all = append(all, line)
			}
		}
	}
	require.NotEmpty(t, all)
	return all
}

// root is the top of the repository.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", ".."))
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(dir, "go.mod"))
	return dir
}

// scratch is a directory for all tests of this package.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "evenkeel-readme-"); err != nil {
		panic(err)
	}
	exit := m.Run()
	_ = os.RemoveAll(scratch)
	os.Exit(exit)
}

// clone is a copy of the repository, as one gets it: nothing that was built, no history. All tests have the same, so
// that it is compiled once.
func clone(t *testing.T) string {
	t.Helper()
	from, to := root(t), filepath.Join(scratch, "evenkeel")
	if _, err := os.Stat(to); err == nil {
		return to
	}
	require.NoError(t, filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		switch {
		case err != nil:
			return err
		case d.Name() == ".git":
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil // of a worktree
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		case !d.Type().IsRegular() || filepath.Dir(rel) == "." && filepath.Ext(rel) == "":
			return nil // a binary that somebody built here
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), raw, 0o644)
	}))
	return to
}

// limit bounds one command; it is only reached when something hangs.
const limit = 5 * time.Minute

// shell runs a line, as a user does, and returns its exit status and what it printed.
func shell(t *testing.T, dir, line string, env ...string) (exit int, out string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	cmd.WaitDelay = 10 * time.Second // for what a command leaves behind to let go of its output
	err := cmd.Run()
	require.NotErrorIs(t, err, exec.ErrWaitDelay, "%s: something that it left behind holds its output", line)
	require.NoError(t, ctx.Err(), "%s does not end: %s", line, &text)
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		require.NoError(t, err)
	}
	return cmd.ProcessState.ExitCode(), text.String()
}

package clitest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
)

// scriptLine is a line of a script that runs a tool: what it has to exit with, and the words after the tool's name.
var scriptLine = regexp.MustCompile(`^(?:! )?(?:exits (\d)|exec) ([\w-]+)(?: (.*?))?(?: &\w*&?)?$`)

// Named tests that the scripts of a binary name every command, every flag, every job and every exit code of it. A
// command that several jobs have is one command: it is made in one place.
func Named(t *testing.T, app func() *cli.App) {
	missing := map[string]bool{"exit code 0": true, "exit code 1": true, "exit code 2": true, "exit code 3": true, "exit code 4": true}
	root := app().Root()
	each(root, func(c *cobra.Command) {
		missing[shared(c)] = true
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" {
				missing[shared(c)+" --"+f.Name] = true
			}
		})
	})
	scripts, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	require.NoError(t, err)
	require.NotEmpty(t, scripts)
	for _, name := range scripts {
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		for line := range strings.Lines(string(raw)) {
			m := scriptLine.FindStringSubmatch(strings.TrimSpace(line))
			if m == nil || m[2] != root.Name() {
				continue
			}
			delete(missing, "exit code "+m[1])
			c, words, err := root.Find(strings.Fields(m[3]))
			if err != nil || m[1] == "2" && len(words) > 0 && c.HasSubCommands() {
				continue // a command that is not there
			}
			for ; c != nil; c = c.Parent() {
				delete(missing, shared(c))
				for _, word := range words {
					word, _, _ = strings.Cut(word, "=")
					if f := flagOf(c, word); f != nil {
						delete(missing, shared(c)+" --"+f.Name)
					}
				}
			}
		}
	}
	for what := range missing {
		t.Errorf("no script names %s", what)
	}
}

// each visits a command and all within it.
func each(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, sub := range c.Commands() {
		each(sub, visit)
	}
}

// shared is the name of a command without the job whose it is.
func shared(c *cobra.Command) string {
	words := strings.Fields(c.CommandPath())
	if len(words) > 2 && slices.ContainsFunc(c.Root().Commands(), func(job *cobra.Command) bool {
		return job.Name() == words[1] && job.GroupID == cli.GroupJobs
	}) {
		words = slices.Delete(words, 1, 2)
	}
	return strings.Join(words, " ")
}

// flagOf is the flag that a word gives, by its name or its letter.
func flagOf(c *cobra.Command, word string) *pflag.Flag {
	switch name := strings.TrimLeft(word, "-"); {
	case strings.HasPrefix(word, "--"):
		return c.LocalFlags().Lookup(name)
	case strings.HasPrefix(word, "-") && len(name) == 1:
		return c.LocalFlags().ShorthandLookup(name)
	}
	return nil
}

// exitOne is the row of README's table of exit codes that says what 1 means, and of a command in it.
var (
	exitOne   = regexp.MustCompile(`(?m)^\| 1 \| .*$`)
	inExitOne = regexp.MustCompile("`([a-z]+(?: run)?)[^`]*`")
)

// ExitOne tests that README's table of exit codes names every command that exits with 1 for what it found, and that its help says so.
func ExitOne(t *testing.T, app func() *cli.App) {
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	require.NoError(t, err)
	var named []string
	for _, m := range inExitOne.FindAllStringSubmatch(exitOne.FindString(string(readme)), -1) {
		named = append(named, m[1])
	}
	require.Greater(t, len(named), 6)
	found := 0
	each(app().Root(), func(c *cobra.Command) {
		_, name, _ := strings.Cut(shared(c), " ")
		if name == "run" && c.Parent().Name() == "preflight" {
			name = "preflight run"
		}
		if name == "preflight" && c.LocalFlags().Lookup("target") == nil { // it only leads to its commands
			return
		}
		says := strings.Contains(strings.ReplaceAll(c.Long, "\n", " "), "Exit status 1 tells that ")
		if says {
			found++
		}
		if says != slices.Contains(named, name) {
			t.Errorf("%s: the help tells what exit status 1 is, %t; README's table names the command, %t", c.CommandPath(), says, !says)
		}
	})
	require.Greater(t, found, 5)
}

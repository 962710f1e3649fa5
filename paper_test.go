package evenkeel_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// callRecorder is a program that writes down how it was called: its directory, its arguments, its variable, its input.
const callRecorder = `#!/bin/sh
{ pwd; printf '<%s>' "$@"; echo; echo "V=$V"; cat; } >>"$RECORD"
`

// bash types text as the operator would, and tells what the program was called with; nothing when it was not.
func bash(t *testing.T, shell, text, input string, env ...string) (called string, err error) {
	t.Helper()
	dir := t.TempDir()
	record := filepath.Join(dir, "record")
	for name, body := range map[string]string{
		"act": callRecorder, "sudo": "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done; shift; exec \"$@\"\n",
		"ssh": "#!/bin/sh\nshift\nexec /bin/bash -c \"$1\"\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(body), 0o700))
	}
	cmd := exec.CommandContext(t.Context(), shell, "-c", text)
	cmd.Dir, cmd.Stdin = "/", strings.NewReader(input)
	cmd.Env = append([]string{"PATH=" + dir + ":/usr/bin:/bin", "RECORD=" + record}, env...)
	out, err := cmd.CombinedOutput()
	t.Logf("%s\n%s", text, out)
	data, _ := os.ReadFile(record)
	return string(data), err
}

// The commands of the runbook on paper, with facts in every position of a command.
func typedCases(t *testing.T) map[string]struct {
	cmd         sshexec.Cmd
	input, want string
} {
	t.Helper()
	file := filepath.Join(t.TempDir(), "in put")
	require.NoError(t, os.WriteFile(file, []byte("of a file"), 0o600))
	x := archive.Ref()
	command := func(argv ...string) sshexec.Cmd {
		return sshexec.Command(sshexec.Mutating, append([]string{"act"}, argv...)...)
	}
	with := func(cmd sshexec.Cmd, f func(*sshexec.Cmd)) sshexec.Cmd { f(&cmd); return cmd }
	return map[string]struct {
		cmd         sshexec.Cmd
		input, want string
	}{
		"a word":        {command("-rf", x), "", "/\n<-rf><VALUE>\nV=\n"},
		"inside a word": {command("/root/"+x+"/it's", "a b"), "", "/\n</root/VALUE/it's><a b>\nV=\n"},
		"two in a word": {command(x + ":" + x), "", "/\n<VALUE:VALUE>\nV=\n"},
		"environment":   {with(command("x"), func(c *sshexec.Cmd) { c.Env = []string{"V=a " + x} }), "", "/\n<x>\nV=a VALUE\n"},
		"directory":     {with(command(x), func(c *sshexec.Cmd) { c.Dir = "/tmp" }), "", "/tmp\n<VALUE>\nV=\n"},
		"sudo": {with(command(x),
			func(c *sshexec.Cmd) { c.Sudo = &sshexec.Sudo{User: "root"}; c.Env = []string{"V=" + x} }), "", "/\n<VALUE>\nV=VALUE\n"},
		"sudo elsewhere": {with(command(x), func(c *sshexec.Cmd) { c.Sudo = &sshexec.Sudo{}; c.Dir = "/tmp" }), "", "/tmp\n<VALUE>\nV=\n"},
		"input": {with(command("x"),
			func(c *sshexec.Cmd) { c.Stdin = sshexec.Text("cost $5 `id` \\ " + x + "\nEOF\n") }), "", "/\n<x>\nV=\ncost $5 `id` \\ VALUE\nEOF\n"},
		"plain input": {with(command(x), func(c *sshexec.Cmd) { c.Stdin = sshexec.Text("$HOME `id` \\\n") }), "",
			"/\n<VALUE>\nV=\n$HOME `id` \\\n"},
		"secret": {with(command(x), func(c *sshexec.Cmd) { c.Stdin = sshexec.SecretText("hunter2\n") }),
			"hun\\ter2\n", "/\n<VALUE>\nV=\nhun\\ter2\n"},
		"file":   {with(command(x), func(c *sshexec.Cmd) { c.Stdin = sshexec.FileInput(file) }), "", "/\n<VALUE>\nV=\nof a file"},
		"script": {sshexec.Script(sshexec.Mutating, `act "$1" 'a b'`, x), "", "/\n<VALUE><a b>\nV=\n"},
	}
}

// Point 2 of issue 12: a command on paper does what the tool would do, and nothing at all where its variable is not set or is empty.
func TestWhatIsTypedIsWhatWouldRun(t *testing.T) {
	for name, tc := range typedCases(t) {
		t.Run(name, func(t *testing.T) {
			text := shown(t, tc.cmd)
			require.NotContains(t, text, "hunter2")
			for _, value := range []string{"plain", `a 'b' "c" $HOME *`, "-x", `back\slash`} {
				called, err := bash(t, "/bin/bash", text, tc.input, "ARCHIVE_SET_1="+value)
				require.NoError(t, err)
				require.Equal(t, strings.ReplaceAll(tc.want, "VALUE", value), called)
			}
			for _, unset := range [][]string{nil, {"ARCHIVE_SET_1="}} {
				if !strings.Contains(text, "ARCHIVE_SET_1") {
					continue
				}
				called, err := bash(t, "/bin/bash", text, tc.input, unset...)
				require.Error(t, err)
				require.Empty(t, called, "it ran all the same")
			}
		})
	}
}

// shown is the command as the Markdown shows it.
func shown(t *testing.T, cmd sshexec.Cmd) string {
	t.Helper()
	rb := parseRunbook(t, "s1[a.safe]")
	rb.Known = evenkeel.Facts{archive.Name(): nil}
	rb.Steps[0].Needs = []evenkeel.FactKey{archive}
	rb.Steps[0].Actions[0].Cmd = cmd
	require.NoError(t, rb.Validate())
	return blockAfter(t, markdown(t, rb), "**1.1**")
}

func markdown(t *testing.T, rb *evenkeel.Runbook) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, rb.Markdown(&b))
	return b.String()
}

// blockAfter is the first block of commands after a text.
func blockAfter(t *testing.T, md, text string) string {
	t.Helper()
	_, rest, ok := strings.Cut(md, text)
	require.True(t, ok)
	_, rest, ok = strings.Cut(rest, "\n```sh\n")
	require.True(t, ok, md)
	block, _, ok := strings.Cut(rest, "\n```\n")
	require.True(t, ok)
	return block
}

// Each command that changes something stands in one block, and no block shows another.
func TestTheBlocksOfAnOperationAreItsCommands(t *testing.T) {
	one, two := sshexec.Command(sshexec.Mutating, "do", "1"), sshexec.Command(sshexec.Mutating, "do", "2")
	look := evenkeel.Block{Script: "look"}
	for _, tc := range []struct {
		name, want string
		paper      []evenkeel.Block
	}{
		{"as they are", "", []evenkeel.Block{{Cmd: one}, {Cmd: two}}},
		{"alternatives", "", []evenkeel.Block{look, {Cmd: one, If: "a"}, {Cmd: two, If: "b"}}},
		{"none", "says in no block", nil},
		{"one is missing", "do 2 stands in 0 blocks", []evenkeel.Block{{Cmd: one}}},
		{"one stands twice", "do 1 stands in 2 blocks", []evenkeel.Block{{Cmd: one}, {Cmd: two}, {Cmd: one}}},
		{"another", "shows a command that the action does not run",
			[]evenkeel.Block{{Cmd: one}, {Cmd: two}, {Cmd: sshexec.Command(sshexec.Mutating, "do", "3")}}},
		{"on another host", "shows a command that the action does not run", []evenkeel.Block{{Cmd: one}, {Cmd: two, Host: "other"}}},
		{"as another user", "shows a command that the action does not run",
			[]evenkeel.Block{{Cmd: one}, {Cmd: sshexec.Cmd{Argv: two.Argv, Effect: two.Effect, Sudo: &sshexec.Sudo{}}}}},
		{"other input", "shows a command that the action does not run",
			[]evenkeel.Block{{Cmd: one}, {Cmd: sshexec.Cmd{Argv: two.Argv, Effect: two.Effect, Stdin: sshexec.Text("x")}}}},
		{"nothing to depend on", "depends on a script that is not there", []evenkeel.Block{{Cmd: one, If: "a"}, {Cmd: two}}},
		{"neither", "needs a command or a script", []evenkeel.Block{{}, {Cmd: one}, {Cmd: two}}},
		{"both", "needs a command or a script", []evenkeel.Block{{Cmd: one, Script: "look"}, {Cmd: two}}},
		{"without an end", "does not say what", []evenkeel.Block{{Cmd: one}, {Cmd: two}, {Script: "look", Until: true}}},
		{"a fact in quotes", "between quotes", []evenkeel.Block{{Cmd: one}, {Cmd: two}, {Script: `echo 'a' "` + archive.Ref() + `"`}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rb := parseRunbook(t, "s1[a.safe]")
			rb.Known = evenkeel.Facts{archive.Name(): nil}
			rb.Steps[0].Needs = []evenkeel.FactKey{archive}
			a := &rb.Steps[0].Actions[0]
			a.Cmd, a.Paper = sshexec.Cmd{}, tc.paper
			a.Op = &evenkeel.Op{
				Effect: evenkeel.Mutating, Text: "it", Cmds: evenkeel.Here(one, two),
				Do: func(context.Context, evenkeel.Site) (sshexec.Result, error) { return sshexec.Result{}, nil },
			}
			if tc.want == "" {
				require.NoError(t, rb.Validate())
				return
			}
			require.ErrorContains(t, rb.Validate(), tc.want)
		})
	}
}

// Of alternatives a reader sees that only one is typed, and what decides.
func TestAlternativesAreMarked(t *testing.T) {
	one, two := sshexec.Command(sshexec.Mutating, "do", "1"), sshexec.Command(sshexec.Mutating, "do", "2")
	rb := parseRunbook(t, "s1[a.safe]")
	a := &rb.Steps[0].Actions[0]
	a.Cmd = sshexec.Cmd{}
	a.Op = &evenkeel.Op{Effect: evenkeel.Mutating, Text: "it", Cmds: evenkeel.Here(one, two),
		Do: func(context.Context, evenkeel.Site) (sshexec.Result, error) { return sshexec.Result{}, nil }}
	a.Paper = []evenkeel.Block{{Script: "look", Host: "other", Text: "See what is free."}, {Cmd: one, If: "a"},
		{Cmd: two, If: "b"}, {Script: "see", Shows: []string{"fine"}, Until: true}}
	require.NoError(t, rb.Validate())
	require.Contains(t, markdown(t, rb), "See what is free. On `other`:\n\n```sh\nlook\n```\n\n"+
		"Alternatives: what was printed decides. Type a block only if its line was printed, and no other.\n\nEither, if it "+
		"printed the line `a`, on `h`:\n\n```sh\ndo 1\n```\n\nOr, if it printed the line `b`, on `h`:\n\n```sh\ndo 2\n```\n\n"+
		"On `h`:\n\n```sh\nsee\n```\n\nType it again until it prints this, and nothing else:\n\n```text\nfine\n```\n")
}

package execline

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestBuild(t *testing.T) {
	for _, c := range []struct {
		name string
		line Line
		want string
	}{
		{"plain", Line{Argv: []string{"ls", "-l"}}, `exec /bin/sh -c 'export LC_ALL=C; exec ls -l'`},
		{"blank", Line{Argv: []string{"ls", "a b"}}, `exec /bin/sh -c 'export LC_ALL=C; exec ls '"'"'a b'"'"''`},
		{"dir and env", Line{Dir: "/tmp", Env: []string{"A=1"}, Argv: []string{"pwd"}},
			`exec /bin/sh -c 'export LC_ALL=C; cd /tmp && exec env LC_ALL=C A=1 pwd'`},
		{"relative dir", Line{Dir: "-x", Argv: []string{"pwd"}}, `exec /bin/sh -c 'export LC_ALL=C; cd ./-x && exec pwd'`},
		{"newline", Line{Argv: []string{"echo", "a\nb"}},
			`exec /bin/sh -c 'eval "$(printf "$1")"' sh 'export LC_ALL=C; exec echo \047a\012b\047'`},
		{"csh history", Line{Argv: []string{"echo", "a!b"}},
			`exec /bin/sh -c 'eval "$(printf "$1")"' sh 'export LC_ALL=C; exec echo \047a\041b\047'`},
		{"mark", Line{Argv: []string{"ls"}, Dir: "/", Mark: "abc7"}, `exec /bin/sh -c 'export LC_ALL=C EVENKEEL_RUN=abc7.$$; cd / && exec ls'`},
		{"a program like an option", Line{Argv: []string{"-x"}}, `exec /bin/sh -c 'export LC_ALL=C; exec env LC_ALL=C -x'`},
		{"env itself", Line{Argv: []string{"env", "LC_ALL=C", "ls"}}, `exec /bin/sh -c 'export LC_ALL=C; exec env LC_ALL=C env LC_ALL=C ls'`},
		{"bash", Line{Argv: []string{"ls", "a b"}, Mark: "abc7", Bash: true}, `export LC_ALL=C EVENKEEL_RUN=abc7.$$; exec ls 'a b'`},
		{"bash and env", Line{Argv: []string{"ls"}, Env: []string{"A=1"}, Bash: true}, `export LC_ALL=C; exec env LC_ALL=C A=1 ls`},
		{"bash and dir", Line{Argv: []string{"ls"}, Dir: "/", Bash: true}, `exec /bin/sh -c 'export LC_ALL=C; cd / && exec ls'`},
		{"bash and newline", Line{Argv: []string{"ls", "\n"}, Bash: true},
			`exec /bin/sh -c 'eval "$(printf "$1")"' sh 'export LC_ALL=C; exec ls \047\012\047'`},
		{"dollar stays plain", Line{Argv: []string{"echo", "$HOME"}}, `exec /bin/sh -c 'export LC_ALL=C; exec echo '"'"'$HOME'"'"''`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Build(c.line)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
	_, err := Build(Line{Argv: []string{"echo", strings.Repeat("x", MaxLen)}})
	require.ErrorIs(t, err, ErrTooLong)
}

// anyText draws text that quoting gets wrong most easily.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[-a-z'"\\$!%&;|<>*?#~ \n\t=./]{0,12}`),
		rapid.Map(rapid.SliceOfN(rapid.ByteRange(1, 255), 0, 12), func(b []byte) string { return string(b) }),
		rapid.SampledFrom([]string{"", "'", `'"'"'`, `\`, "%s", "é", "~", "#", "cd", "&&", "exec", "env", "LC_ALL=C", "-", "--"}),
	)
}

func anyLine() *rapid.Generator[Line] {
	return rapid.Custom(func(t *rapid.T) Line {
		program := anyText().Filter(func(s string) bool { return s != "" && !strings.Contains(s, "=") })
		name := anyText().Filter(func(s string) bool { return s != "" && !strings.Contains(s, "=") })
		env := rapid.Custom(func(t *rapid.T) string { return name.Draw(t, "name") + "=" + anyText().Draw(t, "value") })
		return Line{
			Dir:  anyText().Draw(t, "dir"),
			Env:  rapid.SliceOfN(env, 0, 3).Draw(t, "env"),
			Argv: append([]string{program.Draw(t, "program")}, rapid.SliceOfN(anyText(), 0, 4).Draw(t, "args")...),
			Mark: rapid.StringMatching(`[a-z0-9]{0,8}`).Draw(t, "mark"),
			Bash: rapid.Bool().Draw(t, "bash"),
		}
	})
}

func TestParseUndoesBuild(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyLine().Draw(t, "line")
		line, err := Build(want)
		require.NoError(t, err)
		got, built, err := Parse(line)
		require.NoError(t, err)
		require.True(t, built)
		want.Bash = want.bare() && agreed(line)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// The line itself must be made only of characters that csh and fish take like a Bourne shell does.
func TestBuildKeepsToAgreedCharacters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line, err := Build(anyLine().Draw(t, "line"))
		require.NoError(t, err)
		for i, c := range []byte(line) {
			require.True(t, c >= ' ' && c <= '~' && c != '!', "byte %q at %d of %s", c, i, line)
			if c == '\\' {
				require.True(t, line[i+1] >= '0' && line[i+1] <= '3', "a backslash of no octal number: %s", line)
			}
		}
	})
}

// What real shells make of the line is what was put in.
func TestShellsReadTheLineAlike(t *testing.T) {
	var shells []string
	for _, name := range []string{"sh", "dash", "bash", "ksh", "zsh", "busybox", "tcsh", "csh", "fish"} {
		if path, err := exec.LookPath(name); err == nil {
			shells = append(shells, path)
		}
	}
	if len(shells) == 0 {
		t.Skip("no shell here")
	}
	t.Logf("shells: %v", shells)
	args := []string{"", " ", "'", `"`, `\`, `\\'`, "a\nb\n", "!x", "$HOME", "`id`", "%d%%", "*", "~", "-n", "é\xff",
		"{a,b}", "a=b", "#", "^x^y"}
	var want strings.Builder
	for _, a := range args {
		want.WriteString("<" + a + ">")
	}
	for _, each := range [][]string{args, {"a b", "c'd", "$x"}} {
		want.Reset()
		for _, a := range each {
			want.WriteString("<" + a + ">")
		}
		line, err := Build(Line{Dir: "/", Env: []string{"odd name=1"}, Argv: append([]string{"printf", "<%s>"}, each...)})
		require.NoError(t, err)
		for _, sh := range shells {
			argv := []string{"-c", line}
			if strings.HasSuffix(sh, "busybox") {
				argv = []string{"sh", "-c", line}
			}
			out, err := exec.Command(sh, argv...).CombinedOutput()
			require.NoError(t, err, "%s: %s", sh, out)
			require.Equal(t, want.String(), string(out), sh)
			if strings.HasSuffix(sh, "/bash") {
				bare, err := Build(Line{Bash: true, Env: []string{"odd name=1"}, Argv: append([]string{"printf", "<%s>"}, each...)})
				require.NoError(t, err)
				out, err = exec.Command(sh, "-c", bare).CombinedOutput()
				require.NoError(t, err, "%s: %s", bare, out)
				require.Equal(t, want.String(), string(out), bare)
			}
		}
	}
}

// Only bash answers the probe, whatever another shell makes of it.
func TestBashProbe(t *testing.T) {
	for _, name := range []string{"bash", "dash", "ksh", "zsh", "tcsh", "csh", "fish"} {
		sh, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		out, _ := exec.Command(sh, "-c", BashProbe).Output()
		require.Equal(t, name == "bash", string(out) == BashAnswer, "%s: %s", sh, out)
	}
}

func TestParseTyped(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Line
		err  string
	}{
		{in: "ls -l /tmp", want: Line{Argv: []string{"ls", "-l", "/tmp"}}},
		{in: ` echo "a b" 'c d' e\ f "" `, want: Line{Argv: []string{"echo", "a b", "c d", "e f", ""}}},
		{in: "cd /tmp && A=1 pwd", want: Line{Dir: "/tmp", Env: []string{"A=1"}, Argv: []string{"pwd"}}},
		{in: `/bin/sh -c 'echo hello'`, want: Line{Argv: []string{"/bin/sh", "-c", "echo hello"}}},
		{in: `echo "\$x \a"`, want: Line{Argv: []string{"echo", `$x \a`}}},
		{in: "echo a#b a~", want: Line{Argv: []string{"echo", "a#b", "a~"}}},
		{in: "", err: "no command"},
		{in: "ls | wc", err: "needs a shell"},
		{in: "ls && id", err: "needs a shell"},
		{in: "echo $HOME", err: "needs a shell"},
		{in: `echo "$HOME"`, err: "needs a shell"},
		{in: "ls *", err: "needs a shell"},
		{in: "ls > x", err: "needs a shell"},
		{in: "sleep 1 &", err: "needs a shell"},
		{in: "# ls", err: "needs a shell"},
		{in: "echo 'x", err: "not closed"},
		{in: `echo "x`, err: "not closed"},
		{in: `echo x\`, err: "backslash"},
	} {
		t.Run(c.in, func(t *testing.T) {
			got, built, err := Parse(c.in)
			require.False(t, built)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "ls -l /tmp", `exec /bin/sh -c 'export LC_ALL=C; exec ls'`,
		`exec /bin/sh -c 'eval "$(printf "$1")"' sh 'export LC_ALL=C; exec echo \041'`,
		`exec /bin/sh -c 'eval "$(printf "$1")"' sh '\400'`, `cd a && b`, `'"'"'`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, built, err := Parse(s)
		if err != nil {
			return
		}
		if again, err := Build(l); built && (err != nil || again != s) {
			t.Errorf("%q was taken for a built line, but builds %q, %v", s, again, err)
		}
	})
}

// A fenced line is read back as it was built, with the mark that it leaves and without; what was changed in it is no line of ours.
func TestAFencedLineIsReadBack(t *testing.T) {
	for _, at := range []string{"", AtLine("life1", "12")} {
		for _, inherit := range []bool{false, true} {
			want := Line{Argv: []string{"touch", "a b"}, Mark: "m1", Fence: &Fence{
				Path: "/var/lib/x.lease", Words: "evenkeel-lease 1 held r 1 life1 h", Mark: "z", Inherit: inherit, At: at,
			}}
			line, err := Build(want)
			require.NoError(t, err)
			got, built, err := Parse(line)
			require.NoError(t, err)
			require.True(t, built)
			require.Equal(t, want, got)
			_, built, _ = Parse(strings.Replace(line, "-ge 12", "-ge 13", 1))
			require.Equal(t, at == "", built)
		}
	}
}

package sshexec_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// SSH-008, SSH-009: lines come while the command runs, the streams apart, whole, and without secrets; what is captured
// is the same as without an observer.
func TestLines(t *testing.T) {
	for name, open := range map[string]func(*testing.T) sshexec.Runner{
		"local": func(*testing.T) sshexec.Runner { return sshexec.Local{} },
		"ssh":   func(t *testing.T) sshexec.Runner { return newMachine(t).dial(t) },
	} {
		t.Run(name, func(t *testing.T) {
			got := map[string][]string{}
			cmd := sshexec.Script(sshexec.ReadOnly, `printf 'one\r\n'; printf tw; printf 'o\n\n'; cat; printf '\033[31mred\033[0m' >&2`)
			cmd.Stdin, cmd.Mask = sshexec.SecretText("geheim\n"), []sshexec.Secret{"geheim"}
			cmd.Lines = func(l sshexec.Line) { got[l.Stream] = append(got[l.Stream], l.Text) }
			res, err := open(t).Run(t.Context(), cmd)
			require.NoError(t, err)
			require.Equal(t, map[string][]string{sshexec.StdoutStream: {"one", "two", "", "[redacted]"},
				sshexec.StderrStream: {"\x1b[31mred\x1b[0m"}}, got)
			require.Equal(t, "one\r\ntwo\n\ngeheim\n", string(res.Stdout))

			clear(got)
			cmd.Plain = true
			var streamed bytes.Buffer
			cmd.Stdout = &streamed
			res, err = open(t).Run(t.Context(), cmd)
			require.NoError(t, err)
			require.Equal(t, []string{"red"}, got[sshexec.StderrStream])
			require.Equal(t, "red", string(res.Stderr))
			require.Equal(t, "one\ntwo\n\ngeheim\n", streamed.String())
		})
	}
	t.Run("a line without an end", func(t *testing.T) {
		var n, lines int
		cmd := sshexec.Command(sshexec.ReadOnly, "head", "-c", "200000", "/dev/zero")
		cmd.Lines = func(l sshexec.Line) { n, lines = n+len(l.Text), lines+1 }
		_, err := sshexec.Local{}.Run(t.Context(), cmd)
		require.NoError(t, err)
		require.Equal(t, 200000, n)
		require.Equal(t, 4, lines)
	})
}

// SSH-009: what a terminal would take for itself goes, what the operator would read stays.
func TestStripControl(t *testing.T) {
	for in, want := range map[string]string{
		"plain\ttext\n":                                "plain\ttext\n",
		"\x1b[1;32m[PASS]\x1b[0m ok":                   "[PASS] ok",
		"\x1b[2J\x1b[HTop":                             "Top",
		"\x1b]0;title\x07text":                         "text",
		"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\":     "link",
		"\x1b(Bx\x1b=y\x1b7z":                          "xyz",
		"10%\r20%\r\r\nend\r\n":                        "10%\n20%\nend\n",
		"a\bb\x07\x00\x7f":                             "ab",
		"Größe 日本 \x9b":                                "Größe 日本 \x9b",
		"cut \x1b[3":                                   "cut ",
		"\x1b[3\x18x":                                  "x",
		"\x1bPq#0;\x1b\\after":                         "after",
		"\x1b\x1b[mx":                                  "x",
		"\x1b]" + strings.Repeat("x", 5000) + "\nback": strings.Repeat("x", 5000-4095) + "\nback",
	} {
		require.Equal(t, want, string(sshexec.StripControl([]byte(in))), "%.40q", in)
	}
}

var control = regexp.MustCompile(`[\x00-\x08\x0b-\x1f\x7f]`)

func FuzzStripControl(f *testing.F) {
	f.Add("\x1b[1mx\x1b]0;t\x07\r\n")
	f.Fuzz(func(t *testing.T, in string) {
		out := sshexec.StripControl([]byte(in))
		if control.Match(out) || len(out) > len(in) || string(sshexec.StripControl(out)) != string(out) ||
			utf8.ValidString(in) && !utf8.Valid(out) {
			t.Fatalf("%q became %q", in, out)
		}
	})
}

// Wherever the stream is cut into pieces, the lines are the same.
func TestStripInPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`([a-z\r\n]|\x1b\[[0-9;]*[mHJ]|\x1b\]0;t\x07|\x1b\(B){0,20}`).Draw(t, "text")
		require.Equal(t, string(sshexec.StripControl([]byte(text))),
			sshexec.StripInPieces(text, func(n int) int { return rapid.IntRange(1, n).Draw(t, "piece") }))
	})
}

package printable_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// hostile is what a terminal, a mail program or an eye would be misled by.
var hostile = []rune{
	0, 7, 8, '\r', '\x1b', 0x7f, 0x85, 0x9b, 0xa0, 0xad, 0x061c, 0x115f, 0x1160, 0x180e, 0x200b, 0x200d, 0x200e, 0x2028,
	0x2029, 0x202a, 0x202e, 0x2060, 0x2066, 0x2069, 0x2800,
	0x3000, 0x3164, 0xfe0f, 0xfeff, 0xffa0, 0xfff9, 0xe0001, 0xe0041, 0xe0100, 0xe000,
}

func TestNothingHostileIsShown(t *testing.T) {
	for _, r := range hostile {
		for _, got := range []string{printable.Text("a" + string(r) + "b"), printable.Line("a" + string(r) + "b")} {
			require.NotContains(t, got, string(r), "%U", r)
			require.True(t, strings.HasPrefix(got, `a\u`) && strings.HasSuffix(got, "b"), got)
		}
	}
	require.Equal(t, "a\ufffdb", printable.Text("a\xffb"))
	require.Equal(t, "one\n\ttwo é ü ☃ 漢 ⟪x⟫ e\u0301 😀", printable.Text("one\n\ttwo é ü ☃ 漢 ⟪x⟫ e\u0301 😀"))
	require.Equal(t, "one  two three", printable.Line("one\n\ttwo\r\nthree"))
}

// Whatever is put in: only letters that are seen come out.
func FuzzText(f *testing.F) {
	f.Add("plain")
	f.Add("\x1b[31mred\u202e\xc3")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range printable.Text(s) {
			require.True(t, r == '\n' || r == '\t' || unicode.IsPrint(r) && !unicode.Is(unicode.Cf, r), "%U", r)
		}
		require.True(t, utf8.ValidString(printable.Line(s)))
		require.NotContains(t, printable.Line(s), "\n")
		require.Equal(t, printable.Text(s), printable.Text(printable.Text(s)))
	})
}

// A letter that comes in two writes is the same letter, wherever it is cut.
func TestWriterKeepsLettersWhole(t *testing.T) {
	const text = "é\x1b[1m☃😀\u202e\xff end\n"
	for cut := range len(text) {
		var out bytes.Buffer
		w := printable.Writer(&out)
		for _, part := range []string{text[:cut], text[cut:]} {
			n, err := w.Write([]byte(part))
			require.NoError(t, err)
			require.Equal(t, len(part), n)
		}
		require.Equal(t, `é\u001b[1m☃😀\u202e`+"\ufffd end\n", out.String(), "cut at %d", cut)
	}
}

func TestJSONKeepsItsMeaning(t *testing.T) {
	for _, r := range hostile {
		raw, err := json.Marshal(map[string]string{"a": "x" + string(r) + "y"})
		require.NoError(t, err)
		shown := printable.Text(string(raw))
		require.NotContains(t, shown, string(r))
		var back map[string]string
		require.NoError(t, json.Unmarshal([]byte(shown), &back), shown)
		require.Equal(t, "x"+string(r)+"y", back["a"])
	}
}

// The cost grows with the text: compare the two.
func BenchmarkText(b *testing.B) {
	for _, size := range []string{"1MiB", "10MiB"} {
		n := map[string]int{"1MiB": 1 << 20, "10MiB": 10 << 20}[size]
		text := strings.Repeat("a line\x1b of text\n", n/16)
		b.Run(size, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				printable.Text(text)
			}
		})
	}
}

// Two letters that changed places are one mistake: paln is plan, not man.
func TestNearest(t *testing.T) {
	require.Equal(t, "plan", printable.Nearest("paln", []string{"man", "run", "plan"}))
	require.Equal(t, "run", printable.Nearest("rum", []string{"man", "run", "plan"}))
	require.Empty(t, printable.Nearest("x", nil))
	for want, words := range [][2]string{{"plan", "plan"}, {"ab", "ba"}, {"abcd", "badc"}, {"status", "stats"}, {"", "run"}} {
		require.Equal(t, []int{0, 1, 2, 1, 3}[want], printable.Distance(words[0], words[1]), "%q", words)
		require.Equal(t, []int{0, 1, 2, 1, 3}[want], printable.Distance(words[1], words[0]), "%q", words)
	}
}

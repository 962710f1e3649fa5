package words_test

import (
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/words"
)

// spoken are the packages whose texts operators read, beside the runbooks.
var spoken = []string{"cps", "lustre", "pacemaker/corosync", "pacemaker/placement", "examples/cli", "examples/cps-issm",
	"examples/lustre-hapair", "examples/pacemaker-pair", "examples/internal/pairfiles"}

// foreign are words that only who writes Go knows.
var foreign = []struct {
	what string
	word *regexp.Regexp
}{
	{"a mistake of a format", regexp.MustCompile(`%!`)},
	{"a verb that prints Go", regexp.MustCompile(`%#v|%\+v|(?:^|[^:])%T`)}, // stat has %t:%T,
	{"a word of Go", regexp.MustCompile(`\b(nil|struct|interface\{\}|goroutine)\b`)},
	{"a name of this module's Go", regexp.MustCompile(
		`\b(evenkeel|sshexec|change|pacemaker|corosync|placement|rebuild|live|mongo|lustre|cps|issm|cli|steps)\.[A-Z]\w+`)},
	{"the name of an error of Go", regexp.MustCompile(`\bErr[A-Z]\w+`)},
	{"a duration as Go prints it", regexp.MustCompile(`\b(?:\d+h)?\d+m\d+(?:\.\d+)?s\b`)},
}

// TestMessages: no text of the code that an operator may read holds a word of Go.
func TestMessages(t *testing.T) {
	seen := 0
	for _, dir := range append(append([]string{}, runbooks...), spoken...) {
		fset, files := parsed(t, dir)
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.ImportSpec, *ast.Field: // paths and tags
					return false
				case *ast.CallExpr:
					if typeName(n.Fun) == "panic" { // a mistake of ours, for who repairs it
						return false
					}
				case *ast.BasicLit:
					text, err := strconv.Unquote(n.Value)
					if n.Kind != token.STRING || err != nil || !strings.Contains(text, " ") {
						return true
					}
					seen++
					for _, f := range foreign {
						if word := f.word.FindString(text); word != "" {
							t.Errorf("%s: %s, %q, in the text %q", fset.Position(n.Pos()), f.what, word, text)
						}
					}
				}
				return true
			})
		}
	}
	require.Greater(t, seen, 4000)
}

// legends are what a reference needs in the document that holds it: words that say what it is.
var legends = []struct{ reference, legend *regexp.Regexp }{
	{regexp.MustCompile(`\bcps:\d+`), regexp.MustCompile(`cps:N is a line of (it|the CPS)`)},
	{regexp.MustCompile(`\blustre:\d+`), regexp.MustCompile(`lustre:N is a line of the guide`)},
	{regexp.MustCompile(`\bH[1-9]\d?\b`), regexp.MustCompile(`HN (is )?a hazard of docs/references\.md`)},
	{regexp.MustCompile(`\b(CPS|MON|WF|LUS|PCM|BAK|SSH)-\d{3}\b`), regexp.MustCompile(`docs/references\.md`)},
}

var code = regexp.MustCompile("(?ms)^ *```.*?^ *```$|`[^`\n]*`")

// TestRendered: a rendered runbook says what its references are, and its words are none of Go.
func TestRendered(t *testing.T) {
	seen := 0
	for path, text := range golden(t) {
		prose := code.ReplaceAllString(text, "")
		for _, f := range foreign {
			if word := f.word.FindString(prose); word != "" {
				t.Errorf("%s: %s: %q", path, f.what, word)
			}
		}
		if !strings.Contains(text, "\n# ") && !strings.HasPrefix(text, "# ") {
			continue // a part of a runbook
		}
		seen++
		for _, l := range legends {
			if name := l.reference.FindString(prose); name != "" && !l.legend.MatchString(prose) {
				t.Errorf("%s: %s is named, and nothing says what that is", path, name)
			}
		}
	}
	require.Greater(t, seen, 15)
}

// TestCatches: what these tests look for is found where somebody writes it.
func TestCatches(t *testing.T) {
	for _, title := range []string{"The cluster is up", "Releases", "and each of them is up", "lb02 is gone", "%s: %s", "",
		"Set 1 takes traffic", "Set %d carries every set", "End of the change freeze", "Change freeze",
		"Call traffic (by hand; cps:1831)", "Test is over"} {
		require.False(t, words.Imperative(title), title)
	}
	for _, title := range []string{"Verify that lb02 is gone", "Undo: Disable set 1", "Set property no-quorum-policy",
		"Test fencing", "Change passwords", "Call support", "Log in", "Change freezes",
		"Change the keys", "Change ownership of a file", "Set up a pair"} {
		require.True(t, words.Imperative(title), title)
	}
	for _, text := range []string{
		"it prints %!d(string=x)", "the answer is %#v", "it is a %T", "the host is nil", "a struct of two", "see evenkeel.Options",
		"ErrNotYet: wait", "at most 1m0s behind", "it took 2h30m0s", "after 1m0.5s",
	} {
		found := false
		for _, f := range foreign {
			found = found || f.word.MatchString(text)
		}
		require.True(t, found, text)
	}
}

// avoided are words that the glossary replaces, as an operator could read them.
var avoided = regexp.MustCompile(`(?i)\b(tak(e|es|en|ing) back|(lead|leads|led) back|ways? back|attendants?|severs|mortal|death march|` +
	`lets? go|the tool died|nobody (knows|has said))\b`)

// TestGlossary: no text that an operator may read has a word that the glossary replaces.
func TestGlossary(t *testing.T) {
	for _, dir := range append(append([]string{".", "examples/cli/view", "examples/cli/page", "pacemaker/readiness", "pacemaker/pair"},
		runbooks...), spoken...) {
		fset, files := parsed(t, dir)
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					text, _ := strconv.Unquote(lit.Value)
					if word := avoided.FindString(text); word != "" {
						t.Errorf("%s: the glossary has another word for %q, in the text %q", fset.Position(lit.Pos()), word, text)
					}
				}
				return true
			})
		}
	}
	for _, word := range []string{"It is taken back", "the way back", "Let go of it", "the tool died", "nobody knows"} {
		require.True(t, avoided.MatchString(word), word)
	}
}

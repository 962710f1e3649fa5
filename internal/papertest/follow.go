package papertest

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// World is what the runbook is followed in.
type World interface {
	Runner(host string) (sshexec.Runner, error)
	Hash() string // of all that matters
	Sleep(ctx context.Context, d time.Duration) error
}

// Person is who follows the runbook.
type Person struct {
	Secret func(action string) string      // what is typed at a prompt
	ByHand func(action, host string) error // does what is done by hand, when its evidence is not there yet; may be nil
	Unset  bool                            // types every block first with each of its variables unset, and empty
	Dir    string                          // of the operator
	Pause  time.Duration                   // between two looks

	Document func(text string) error // sends a document in the shell of its server; needed where a runbook has one
}

var variables = regexp.MustCompile(`\$\{([A-Z0-9_]+):\?set `)

// patience is how often a block is typed until it shows what it must.
const patience = 500

// Follow types every block of the Markdown, in order. Each check must show what it must.
func Follow(t testing.TB, md string, w World, who Person) {
	t.Helper()
	p, err := parse(md)
	require.NoError(t, err)
	require.NotEmpty(t, p.blocks)
	s, err := newShell(w, who.Dir, md)
	require.NoError(t, err)
	defer s.close()
	if who.Pause == 0 {
		who.Pause = 5 * time.Second
	}
	printed := ""
	for i := range p.blocks {
		b := &p.blocks[i]
		if b.If != "" && !slices.Contains(strings.Split(printed, "\n"), b.If) {
			continue
		}
		if b.Document {
			require.NoError(t, who.Document(b.Text), b.Action)
			continue
		}
		if who.Unset {
			s.unset(t, p.functions, b, who)
		}
		out := s.follow(t, p.functions, b, who)
		if b.If == "" {
			printed = out
		}
	}
	if who.Unset {
		for i := range p.others {
			s.unset(t, p.functions, &p.others[i], who)
		}
	}
}

// follow types a block until it shows what it must.
func (s *shell) follow(t testing.TB, functions string, b *Block, who Person) string {
	t.Helper()
	for try := 0; ; try++ {
		out, code, err := s.typed(t.Context(), functions, b, "", false, who.Secret(b.Action))
		require.NoError(t, err, "%s\n%s", b.Action, b.Text)
		shown := strings.TrimSpace(s.note(out))
		switch {
		case b.Severs, b.Shows == "" && code == 0, b.Shows != "" && (shown == b.Shows || b.Ends && strings.HasSuffix(shown, "\n"+b.Shows)):
			return shown
		case b.Patience && try > 2000:
			return shown
		case b.Until && try < patience:
			if who.ByHand != nil {
				require.NoError(t, who.ByHand(b.Action, b.Host))
			}
			require.NoError(t, s.world.Sleep(t.Context(), who.Pause))
			continue
		}
		if d := os.Getenv("PAPER_DEBUG"); d != "" {
			x := *b
			x.Text = d
			o, _, _ := s.typed(t.Context(), functions, &x, "", false, "")
			t.Log("DEBUG", o)
		}
		require.FailNow(t, "a block does not show what it must",
			"%s\non %s:\n%s\n\nprinted (exit status %d):\n%s\n\nmust print:\n%s", b.Action, b.Host, b.Text, code, out, b.Shows)
	}
}

// unset types a block with each of its variables unset, and empty: it fails, and nothing changes.
func (s *shell) unset(t testing.TB, functions string, b *Block, who Person) {
	t.Helper()
	var names []string
	for _, m := range variables.FindAllStringSubmatch(b.Text, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		for _, empty := range []bool{false, true} {
			before := s.world.Hash()
			out, code, err := s.typed(t.Context(), functions, b, name, empty, who.Secret(b.Action))
			require.NoError(t, err)
			what := fmt.Sprintf("%s\non %s, without %s:\n%s\n\nprinted:\n%s", b.Action, b.Host, name, b.Text, out)
			require.NotZero(t, code, what)
			require.Equal(t, before, s.world.Hash(), what)
		}
	}
}

package lustre_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/papertest"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// onPaper is the pair for a person who follows the runbook by hand.
type onPaper struct{ *lustretest.Pair }

func (o onPaper) Hash() string { return o.Rehearsal().Hash() }

// followed follows the runbook's Markdown by hand in a world of its own, and tells how that ends.
func (s *scene) followed(t *testing.T, unset bool) string {
	t.Helper()
	var md strings.Builder
	require.NoError(t, s.book.Markdown(&md))
	w := s.world.Clone()
	papertest.Follow(t, md.String(), onPaper{w}, papertest.Person{Dir: t.TempDir(), Unset: unset, Pause: 20 * time.Second, Secret: func(action string) string {
		if strings.Contains(action, "fencing attributes") {
			return "calvin\ncalvin\n"
		}
		return "correct horse\n"
	}})
	require.NoError(t, w.Check())
	return w.EndState()
}

// Point 2 of issue 12: followed by hand, the runbook on paper ends where the engine's run ends. Without one of its variables, no command does anything.
func TestTheRunbookByHand(t *testing.T) {
	for name, tc := range map[string]struct {
		opts lustretest.Options
		mend func(*lustre.PairConfig)
	}{
		"guide":  {},
		"atomic": {mend: func(c *lustre.PairConfig) { c.Atomic = true }},
		"plain":  {mend: func(c *lustre.PairConfig) { c.PlainPCS, c.DisableFirewall, c.NoAutostart = true, true, true }},
		"modern": {
			opts: lustretest.Options{OldPCS: pacemaker.PCS011, NewPCS: pacemaker.PCS011},
			mend: func(c *lustre.PairConfig) { c.OldPCS, c.NewPCS = pacemaker.PCS011, pacemaker.PCS011 },
		},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "guide" {
				t.Skip("one of them is enough in a short run")
			}
			s := newScene(t, tc.opts, tc.mend)
			p := s.play(t)
			require.NoError(t, p.run())
			require.Equal(t, p.w.EndState(), s.followed(t, name == "guide"))
		})
	}
}

// Every check has something that a person can judge it by, and every Op what a person types.
func TestEveryCheckCanBeJudged(t *testing.T) {
	judged(t, newScene(t, lustretest.Options{}, nil).book)
}

func judged(t *testing.T, rb *evenkeel.Runbook) {
	t.Helper()
	for i := range rb.Steps {
		s := &rb.Steps[i]
		for _, a := range append(append(append([]evenkeel.Action{}, s.Actions...), s.Verify...), s.Undo...) {
			shown := false
			for _, b := range a.Paper {
				shown = shown || len(b.Shows) > 0
			}
			if a.Expect.Check != nil && len(a.Makes) == 0 && !shown {
				t.Errorf("%s/%s: %s: nothing tells a person whether it holds", s.ID, a.ID, a.Expect.Text)
			}
			if a.Op != nil && len(a.Paper) == 0 {
				t.Errorf("%s/%s: an operation in prose", s.ID, a.ID)
			}
		}
	}
}

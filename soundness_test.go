package evenkeel_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// digestBook is a runbook with one of everything that a digest must cover.
func digestBook(t *testing.T) *evenkeel.Runbook {
	rb := parseRunbook(t, "s1[a.safe b.never m.manual verify:v.read undo:u.safe]")
	rb.Invariants = []evenkeel.Invariant{{ID: "x", Check: func(context.Context, evenkeel.Site) error { return nil }}}
	s := &rb.Steps[0]
	s.Opens, s.Closes = []evenkeel.Window{{ID: "w", Invariant: "x", Reason: "r", Limit: time.Minute,
		Stop: evenkeel.StopBetweenSteps}}, []string{"w"}
	s.Actions[0].Cmd.Stdin = sshexec.Text("<cib/>")
	s.Actions = append(s.Actions, evenkeel.Action{
		ID: "op",
		Change: evenkeel.Change{
			Title: "op", Repeat: evenkeel.Idempotent, Op: &evenkeel.Op{Effect: evenkeel.Mutating, Text: "it",
				Cmds: evenkeel.Here(sshexec.Command(sshexec.Mutating, "do", "x")),
				Do:   func(context.Context, evenkeel.Site) (sshexec.Result, error) { return sshexec.Result{}, nil }},
		},
	})
	require.NoError(t, rb.Validate())
	return rb
}

func TestTheDigestCoversWhatRunsAndNothingElse(t *testing.T) {
	want := digestBook(t).Digest()
	require.Equal(t, want, digestBook(t).Digest())
	for name, tc := range map[string]struct {
		change func(*evenkeel.Step)
		other  bool
	}{
		"text of the same length on the input": {func(s *evenkeel.Step) { s.Actions[0].Cmd.Stdin = sshexec.Text("<bic/>") }, true},
		"a secret on the input":                {func(s *evenkeel.Step) { s.Actions[0].Cmd.Stdin = sshexec.SecretText("<bic/>") }, true},
		"a file on the input":                  {func(s *evenkeel.Step) { s.Actions[0].Cmd.Stdin = sshexec.FileInput("/x") }, true},
		"the probe":                            {func(s *evenkeel.Step) { s.Actions[1].Probe.Cmd.Argv[1] = "z" }, true},
		"where the probe looks":                {func(s *evenkeel.Step) { s.Actions[1].Probe.Host = "z" }, true},
		"what silence means":                   {func(s *evenkeel.Step) { s.Actions[1].Probe.Silent = evenkeel.NotRun }, true},
		"the evidence of a manual action":      {func(s *evenkeel.Step) { s.Actions[2].Cmd.Argv[1] = "z" }, true},
		"the instruction":                      {func(s *evenkeel.Step) { s.Actions[2].Manual = "z" }, true},
		"a command of an operation":            {func(s *evenkeel.Step) { s.Actions[3].Op.Cmds[0].Cmd.Argv[1] = "z" }, true},
		"a verification":                       {func(s *evenkeel.Step) { s.Verify[0].Cmd.Argv[1] = "z" }, true},
		"an undo":                              {func(s *evenkeel.Step) { s.Undo[0].Cmd.Argv[1] = "z" }, true},
		"the environment":                      {func(s *evenkeel.Step) { s.Actions[0].Cmd.Env = []string{"A=b"} }, true},
		"a window's limit":                     {func(s *evenkeel.Step) { s.Opens[0].Limit++ }, true},
		"when a stop is taken":                 {func(s *evenkeel.Step) { s.Opens[0].Stop = evenkeel.StopAtClose }, true},
		"a completion": {func(s *evenkeel.Step) {
			s.Opens[0].Completion = []evenkeel.Action{parseActionT("c",
				"safe")}
		}, true},
		"a verification of the undo": {func(s *evenkeel.Step) { s.UndoVerify = []evenkeel.Action{parseActionT("c", "safe")} }, true},
		"a fact that it makes":       {func(s *evenkeel.Step) { s.Actions[0].Makes = []evenkeel.Make{archive.From(nil)} }, true},
		"a title":                    {func(s *evenkeel.Step) { s.Title, s.Actions[0].Title = "z", "z" }, false},
		"an explanation":             {func(s *evenkeel.Step) { s.Why, s.Actions[0].Note, s.Opens[0].Reason = "z", "z", "z" }, false},
		"an estimate":                {func(s *evenkeel.Step) { s.Takes = evenkeel.Estimate{Most: 1, From: "z"} }, false},
		"another secret":             {func(s *evenkeel.Step) { s.Actions[0].Cmd.Mask = []sshexec.Secret{"zzz"} }, false},
		"more patience": {func(s *evenkeel.Step) {
			s.Actions[0].Limit,
				s.Actions[0].Cmd.Timeout = time.Hour, time.Hour
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			rb := digestBook(t)
			tc.change(&rb.Steps[0])
			if tc.other {
				require.NotEqual(t, want, rb.Digest())
			} else {
				require.Equal(t, want, rb.Digest())
			}
		})
	}
}

func TestTheGateComparesTheInputToo(t *testing.T) {
	declared, other := sshexec.Command(sshexec.Mutating, "do", "x"), sshexec.Command(sshexec.Mutating, "do", "x")
	declared.Stdin, other.Stdin = sshexec.Text("<cib/>"), sshexec.Text("<bic/>")
	graver, secret := declared, declared
	graver.Effect = sshexec.Disruptive
	secret.Stdin = sshexec.SecretText("<cib/>")
	for _, tc := range []struct {
		cmd sshexec.Cmd
		ok  bool
	}{{declared, true}, {other, false}, {graver, false}, {secret, false}} {
		rb := &evenkeel.Runbook{Name: "gate", Steps: []evenkeel.Step{{ID: "s", Host: "h", Irreversible: "a test", Actions: []evenkeel.Action{{
			ID: "op",
			Change: evenkeel.Change{
				Repeat: evenkeel.Idempotent, Op: &evenkeel.Op{Effect: evenkeel.Mutating, Text: "it", Cmds: evenkeel.Here(declared),
					Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
						return at.Run(ctx, at.Host, tc.cmd)
					}},
			},
		}}}}}
		m := newMachine("-")
		_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
		if tc.ok {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, evenkeel.ErrNotInPlan)
		require.Empty(t, m.log)
	}
}

// A name, a title or an input cannot change what the reader of a runbook takes for a command.
func TestMarkdownIsNotTurnedByWhatStandsInIt(t *testing.T) {
	rb := parseRunbook(t, "s1[a.safe b.safe c.safe]")
	s := &rb.Steps[0]
	rb.Inputs = []evenkeel.Input{evenkeel.NewInput("a|b\n# c", nil)}
	s.Title = "One\r\n## 9. Two <script>"
	s.Actions[0].Note = "first\nsecond"
	s.Actions[0].Cmd.Stdin = sshexec.Text("```\nEOF\nrm -rf /\n```\n")
	rb.Known = evenkeel.Facts{"archive.set-1": nil}
	s.Needs = []evenkeel.FactKey{archive}
	s.Actions[1].Cmd.Stdin = sshexec.Text("path " + archive.Ref() + " costs $5\n")
	s.Actions[2].Cmd.Stdin = sshexec.Stream(strings.NewReader(""))
	s.Actions[2].Host = "h`x"
	require.NoError(t, rb.Validate())
	var md, text strings.Builder
	require.NoError(t, rb.Markdown(&md))
	require.NoError(t, rb.Text(&text))
	got := md.String()
	require.Contains(t, got, "\n## 1. One ## 9. Two \\<script>\n")
	require.Contains(t, got, "| a\\|b # c |")
	require.Contains(t, got, "> first\n> second\n")
	require.Contains(t, got, "````sh\ndo a <<'EOFF'\n```\nEOF\nrm -rf /\n```\nEOFF\n````\n")
	require.Contains(t, got, ": \"${ARCHIVE_SET_1:?set ARCHIVE_SET_1 first}\" && do b <<EOF\npath ${ARCHIVE_SET_1:?set "+
		"ARCHIVE_SET_1 first} costs \\$5\nEOF\n")
	require.Contains(t, got, "`` h`x ``")
	require.Contains(t, got, "# only the tool has the input of this command: do c")
	require.NotContains(t, got+text.String(), "\r")
}

func TestTheNameOfARunFitsIntoItsLease(t *testing.T) {
	rb := parseRunbook(t, "s1[a.safe]")
	for _, id := range []string{"two words", "-f", "line\nend"} {
		j := &evenkeel.MemJournal{}
		_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": newMachine("-")}, evenkeel.Options{Journal: j, RunID: id})
		require.ErrorContains(t, err, "is no name for a run")
		require.Empty(t, j.Records())
	}
}

package evenkeel_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// alikeWorld is a world of which a test says what its commands do: nothing that is not in its fingerprint decides it.
type alikeWorld struct {
	done   map[string]bool // what took effect; "dark" is no part of how the world ends
	leases map[string]*sshexec.SimLease
	clock  *stillClock
	slow   bool // the next command takes twenty seconds longer
	rule   func(w *alikeWorld, verb, what string) (shows string, works bool)
}

func newAlikeWorld(rule func(w *alikeWorld, verb, what string) (string, bool)) *alikeWorld {
	return &alikeWorld{map[string]bool{}, map[string]*sshexec.SimLease{"h": {}, "far": {}}, &stillClock{}, false, rule}
}

// stillClock moves where somebody waits.
type stillClock struct{ now time.Time }

func (c *stillClock) Now() time.Time { return c.now }

func (c *stillClock) Sleep(ctx context.Context, d time.Duration) error {
	c.now = c.now.Add(d)
	return ctx.Err()
}

func (w *alikeWorld) Runner(host string) (sshexec.Runner, error) {
	return sshexec.WithSimLease(host, w.leases[host], sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if w.slow {
			w.clock.now = w.clock.now.Add(20 * time.Second)
		}
		w.slow = false
		shows, works := w.rule(w, cmd.Argv[0], cmd.Argv[1])
		res := sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(shows)}
		if !works {
			res.ExitCode = 1
		} else if cmd.Argv[0] == "do" {
			w.done[cmd.Argv[1]] = true
		}
		return res, sshexec.Failure(host, cmd, res, nil)
	})), nil
}

func (w *alikeWorld) Clone() evenkeel.World {
	leases := map[string]*sshexec.SimLease{}
	for host, l := range w.leases {
		c := l.Clone()
		leases[host] = &c
	}
	return &alikeWorld{maps.Clone(w.done), leases, &stillClock{w.clock.now}, w.slow, w.rule}
}

func (w *alikeWorld) Hash() string {
	end := maps.Clone(w.done)
	delete(end, "dark")
	return fmt.Sprint(end)
}

func (w *alikeWorld) Clock() evenkeel.Clock                      { return w.clock }
func (w *alikeWorld) Check() error                               { return nil }
func (w *alikeWorld) Fingerprint(string) string                  { return fmt.Sprint(w.done, w.slow) }
func (w *alikeWorld) Faults(sshexec.Cmd) (honest, lies []string) { return []string{"slow"}, nil }
func (w *alikeWorld) Strike(string)                              { w.slow = true }
func (w *alikeWorld) Mend()                                      {}
func (w *alikeWorld) outages() []evenkeel.RehearsalOutage {
	return []evenkeel.RehearsalOutage{{What: "web", Down: w.done["dark"] && w.done["z"]}}
}

// A run that is not the same each time leaves a schedule out, or tries it elsewhere: where it is the one that is walked, the rehearsal says
// so, and where it is that of the schedule, this one is no good end.
func TestWhatWasToHappenDidNot(t *testing.T) {
	ask := sshexec.Command(sshexec.ReadOnly, "read", "x")
	for _, tc := range []struct {
		text, want string
		less       int // from this run on it sends fewer commands: the walk, or the schedule's own
	}{
		{"s1[a.safe] s2[b.safe]", "the same run went another way the second time", 2},
		{"s1[a.safe] s2[b.safe] s3[c.safe]", "the same run went another way the second time", 2}, // and has that many commands all the same
		{"s1[a.safe] s2[b.safe]", "what was to happen", 3},
	} {
		rb := parseRunbook(t, tc.text)
		runs := 0
		rb.Steps[1].Verify = []evenkeel.Action{{ID: "v", Change: evenkeel.Change{Title: "v", Op: &evenkeel.Op{Effect: evenkeel.ReadOnly, Text: "ask",
			Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				require.True(t, at.Serial, "who asks several servers asks one after the other")
				if runs++; runs < tc.less {
					_, _ = at.Run(ctx, "h", ask)
					_, _ = at.Run(ctx, "h", ask)
				}
				return at.Run(ctx, "h", ask)
			}}}}}
		report, err := evenkeel.Rehearse(t.Context(), rb, newAlikeWorld(func(*alikeWorld, string, string) (string, bool) { return "", true }),
			evenkeel.RehearsalPlan{Only: evenkeel.Schedule{Kind: evenkeel.CrashBefore, At: 9}})
		if tc.less == 2 {
			require.ErrorContains(t, err, tc.want, tc.text)
			continue
		}
		require.NoError(t, err)
		require.NotEmpty(t, report.Failures)
		require.ErrorContains(t, report.Failures[len(report.Failures)-1], tc.want)
	}
}

// Two runs that come to a step in worlds that are alike go on differently all the same: neither stands for the other.
func TestAlikeAndNotTheSame(t *testing.T) {
	plain := func(*evenkeel.Runbook) {}
	for _, tc := range []struct {
		name  string
		text  string
		kinds []evenkeel.ScheduleKind
		rule  func(w *alikeWorld, verb, what string) (string, bool)
		mend  func(*evenkeel.Runbook)
	}{
		{"an action that is done, and one that may have run", "s0[p.guard b.safe c.safe]",
			[]evenkeel.ScheduleKind{evenkeel.CrashRecord, evenkeel.CrashTorn, evenkeel.CrashAfter},
			func(w *alikeWorld, verb, what string) (string, bool) {
				return "", verb != "do" || what != "b" || !w.done["b"]
			}, plain},
		{"an action that has not begun, and one that is asked for", "s0[b.never c.safe]",
			[]evenkeel.ScheduleKind{evenkeel.CrashTorn, evenkeel.CrashBefore},
			func(*alikeWorld, string, string) (string, bool) { return "done", true }, plain},
		{"a machine that was seen with its other system, and one that was not", "s1[a.safe b.safe] s2[c.safe]",
			[]evenkeel.ScheduleKind{evenkeel.CrashAfter},
			func(w *alikeWorld, _, what string) (string, bool) {
				if what != "c" {
					w.leases["far"].Lines = nil
				}
				return "", true
			},
			func(rb *evenkeel.Runbook) { rb.Steps[0].Reinstalls, rb.Steps[1].Host = []string{"far"}, "far" }},
		{"an outage that has less time left", "s1[a.safe] s2[b.safe] s3[c.safe d.safe]", []evenkeel.ScheduleKind{"slow"},
			func(w *alikeWorld, _, what string) (string, bool) {
				w.clock.now = w.clock.now.Add(map[string]time.Duration{"a": 20 * time.Second, "c": 35 * time.Second}[what])
				return "", what != "served" || !w.done["a"] || w.done["d"]
			},
			func(rb *evenkeel.Runbook) {
				rb.Invariants = []evenkeel.Invariant{{ID: "served", Title: "It is served.", Check: func(ctx context.Context, at evenkeel.Site) error {
					if _, err := at.Run(ctx, "h", sshexec.Command(sshexec.ReadOnly, "read", "served")); err != nil {
						return evenkeel.Violated("nobody serves")
					}
					return nil
				}}}
				rb.Steps[0].Opens = []evenkeel.Window{{ID: "w", Invariant: "served", Reason: "it moves", Limit: time.Minute,
					Stop: evenkeel.StopAtClose, Completion: []evenkeel.Action{parseActionT("d", "safe")}}}
				rb.Steps[2].Closes = []string{"w"}
			}},
		{"a run at whose end something is down", "s1[a.safe] s2[z.safe]", []evenkeel.ScheduleKind{evenkeel.CrashTorn, evenkeel.CrashAfter},
			func(w *alikeWorld, verb, what string) (string, bool) {
				w.done["dark"] = w.done["dark"] || what == "a" && w.done["a"]
				return "", true
			}, plain},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rehearsed := func(whole bool) (*evenkeel.RehearsalReport, string) {
				rb := parseRunbook(t, tc.text)
				tc.mend(rb)
				report, err := evenkeel.Rehearse(t.Context(), rb, newAlikeWorld(tc.rule), evenkeel.RehearsalPlan{Kinds: tc.kinds, Whole: whole,
					Outages: func(w evenkeel.World) []evenkeel.RehearsalOutage { return w.(*alikeWorld).outages() }}) //nolint:forcetypeassert // it is one
				require.NoError(t, err)
				report.Met = 0
				return report, reportText(report)
			}
			whole, want := rehearsed(true)
			_, got := rehearsed(false)
			require.Equal(t, want, got)
			for _, c := range whole.Coverage { // something is there that could be hidden
				if c.Broke+c.Down > 0 || c.Kind == "slow" && c.Ends[evenkeel.Resumed] > 0 {
					return
				}
			}
			t.Error("every schedule ends well: ", want)
		})
	}
}

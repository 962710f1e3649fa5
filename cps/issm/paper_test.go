package issm_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/internal/papertest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// followed follows a runbook's Markdown by hand, in a world of its own.
func followed(t *testing.T, rb *evenkeel.Runbook, w simulated, unset bool) {
	t.Helper()
	var md strings.Builder
	require.NoError(t, rb.Markdown(&md))
	papertest.Follow(t, md.String(), w, papertest.Person{
		Dir: t.TempDir(), Unset: unset, Pause: time.Minute, Secret: func(string) string { return "" },
		ByHand: func(action, host string) error {
			if strings.Contains(action, " are in force on ") {
				r, err := w.Runner(host)
				if err == nil {
					_, err = r.Run(context.Background(), sshexec.Command(sshexec.Mutating, "systemctl", "restart", "network"))
				}
				return err
			}
			if _, users, ok := strings.Cut(action, "Make the skipped users of "); ok && users != "" {
				r, err := w.Runner(host)
				if err != nil {
					return err
				}
				for _, name := range []string{"mongoreadonly", "admin"} {
					_, _ = r.Run(context.Background(), sshexec.Command(sshexec.Mutating, "useradd", name)) // it may be there
				}
			}
			return nil
		},
	})
}

// Point 2 of issue 12: followed by hand, the runbook on paper ends where the engine's run ends. Without one of its
// variables, no command does anything.
func TestTheRunbookByHand(t *testing.T) {
	for name, mend := range map[string]func(*issm.Config){
		"guide":    func(*issm.Config) {},
		"corosync": func(c *issm.Config) { c.SingleClusterCorosync, c.RestartAll, c.RemoveISO = true, true, true },
		"order":    func(c *issm.Config) { *c = moved(t, issm.CorosyncGuide) },
		"cloud":    func(c *issm.Config) { *c = cloudConfig(t, true) },
		"storage": func(c *issm.Config) {
			c.UseSharedStorage, c.SkipCarbon, c.RemoveUdevRules, c.UpgradeLogger = true, true, true, true
			c.Routes = []issm.RouteFile{routesOf(t, "lb01", "route-eth1", gxRoutes)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			if name != "guide" && (testing.Short() || os.Getenv("EVENKEEL_REHEARSE_EVERY") == "") {
				t.Skip("one of them is enough; CI follows all, with EVENKEEL_REHEARSE_EVERY")
			}
			cfg := issm.Config{ArchiveDir: t.TempDir()}
			mend(&cfg)
			rb := runbook(t, cfg)
			w := deploy(t, cpstest.Options{SignedFor: cfg.AcceptNoMajority, Cloud: "control"})
			byHand := w.Clone().(simulated)
			o := runOn(t, rb, w, "")
			require.NoError(t, o.err, "%v", o.events)
			followed(t, rb, byHand, name == "guide")
			require.NoError(t, byHand.Check())
			require.Equal(t, w.Hash(), byHand.Hash())
		})
	}
}

// Every check has something that the operator can judge it by, and every operation what the operator types, in every
// variant of the runbook.
func TestEveryCheckCanBeJudged(t *testing.T) {
	for _, mend := range []func(*issm.Config){
		func(*issm.Config) {},
		func(c *issm.Config) { c.Platform = issm.OpenStack },
		func(c *issm.Config) { *c = cloudConfig(t, true) },
		func(c *issm.Config) { *c = cloudConfig(t, false) },
		func(c *issm.Config) { c.Routes = []issm.RouteFile{routesOf(t, "lb01", "route-eth1", gxRoutes)} },
		func(c *issm.Config) {
			c.SingleClusterCorosync, c.RestartAll, c.RemoveISO, c.RemoveUdevRules, c.UpgradeLogger = true, true, true, true, true
		},
		func(c *issm.Config) { c.PeerPcrfclient, c.Provision = "peer", true },
		func(c *issm.Config) { *c = watched(*c) },
	} {
		cfg := issm.Config{ArchiveDir: t.TempDir()}
		mend(&cfg)
		for _, s := range runbook(t, cfg).Steps {
			for _, a := range append(append(append([]evenkeel.Action{}, s.Actions...), s.Verify...), s.Undo...) {
				shown := len(a.Makes) > 0
				for _, b := range a.Paper {
					shown = shown || len(b.Shows) > 0
				}
				if a.Expect.Check != nil && !shown {
					t.Errorf("%s/%s: %s: nothing tells the operator whether it holds", s.ID, a.ID, a.Expect.Text)
				}
				if a.Op != nil && len(a.Paper) == 0 {
					t.Errorf("%s/%s: an operation in prose", s.ID, a.ID)
				}
			}
		}
	}
}

// TestWhatIsLeftOnPaper: the mongo shell prints what the operator's functions count, and they count votes, current
// copies and members that can be primary.
func TestWhatIsLeftOnPaper(t *testing.T) {
	for _, program := range []string{"node", "bash"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("no " + program + " on PATH")
		}
	}
	const shell = `mongo() { node -e 'function print() { console.log(Array.prototype.join.call(arguments, " ")); }
const rs = {
  conf: () => ({members: [{host: "arb:1", votes: 1, priority: 0}, {host: "a:1", votes: 0, priority: 0}, {host: "b:1", votes: 1, priority: 3}, {host: "c:1", votes: 1, priority: 2}]}),
  status: () => ({set: "set02", members: [{name: "arb:1", health: 1, stateStr: "ARBITER"}, {name: "a:1", health: 1, stateStr: "SECONDARY", optimeDate: new Date(1600000040000)},
    {name: "b:1", health: 1, stateStr: "PRIMARY", optimeDate: new Date(1600000100999)}, {name: "c:1", health: 0, stateStr: "(not reachable/healthy)", optimeDate: new Date(0)}]})};
eval(process.argv[1])' "$4"; }
nobody() { return 1; }
`
	for command, want := range map[string]string{
		"asked mongo a:1": "set02 arb:1 1 0 ARBITER 0\nset02 a:1 0 0 SECONDARY 1600000040\nset02 b:1 1 3 PRIMARY " +
			"1600000100\nset02 c:1 1 2 DOWN 0\n",
		"asked mongo a:1 | left c":   "set02 keeps a majority\nset02 keeps its data\n",
		"asked mongo a:1 | left b":   "set02 keeps NO majority\nset02 keeps its data\n",
		"asked mongo a:1 | left a":   "set02 keeps a majority\nset02 keeps its data\n",
		"asked mongo a:1 | left a b": "set02 LOSES its data\nset02 keeps NO majority\n",
		"asked nobody a:1 | left a":  "NOT known: a:1\n",
	} {
		out, err := exec.CommandContext(t.Context(), "bash", "-c", runbook(t, issm.Config{ArchiveDir: "/a"}).Functions+"\n"+
			shell+command).CombinedOutput()
		require.NoError(t, err, command)
		require.Equal(t, want, string(out), command)
	}
}

// On paper, as in a run, a half takes no traffic when its endpoints are down and have no sessions left.
func TestDrainOnPaper(t *testing.T) {
	report := func(lies []cpstest.Lie) string { return lies[0].Says("") }
	for name, tc := range map[string]struct{ report, want string }{
		"drained":  {report(down("lb01")), "NO endpoint is up\n"},
		"sessions": {report(sessions("lb01")), "NOT drained, sessions: 21\n"},
		"another":  {report(sessions("lb02")), "an endpoint is up\n"},
	} {
		cmd := exec.CommandContext(t.Context(), "bash", "-c", runbook(t, issm.Config{ArchiveDir: "/a"}).Functions+"\ntraffic 3 lb01")
		cmd.Stdin = strings.NewReader(tc.report)
		out, err := cmd.Output()
		require.NoError(t, err, name)
		require.Equal(t, tc.want, string(out), name)
	}
}

// A half whose endpoints are down and still have sessions is waited for: before its VMs are disabled, and before they go.
func TestDrained(t *testing.T) {
	all := everyRunbook(t)[0]
	for at, lb := range map[string]string{"disable-set-1/drained": "lb02", "disable-set-2/drained": "lb01", "traffic-swap/taken": "lb01"} {
		check := all.find(t, at).Expect.Check
		require.NoError(t, check(all.seen(down(lb)[0].Says(""), 0)), at)
		require.ErrorContains(t, check(all.seen(sessions(lb)[0].Says(""), 0)), "still have 21 sessions", at)
	}
}

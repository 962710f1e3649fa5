package upgrade_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// telling are the programs whose exit status is the answer, and who print nothing with it.
var telling = map[string]string{
	"chkconfig":    "0 is on, 1 is off",
	"crm_resource": "0 is at rest; what it stopped is looked at by itself",
	"cmp":          "0 is the same",
	"/bin/sh":      "0 is that nothing of a tree differs: it prints the names of what does (backup.SameTree)",
	"test":         "0 is that it is there",
}

// tells tells whether the exit status of a look is its answer.
func tells(argv []string) bool { return telling[argv[0]] != "" || slices.Contains(argv, "--quiet") }

// H19: no look, guard, verification or probe of the runbook takes an answer without a word for what it wants to see,
// nor an answer in words that nobody knows.
func TestNoLookTakesSilenceForAnAnswer(t *testing.T) {
	for name, mend := range map[string]func(*upgrade.Config){
		"commands": nil, "offline": goOffline, "one CIB": func(c *upgrade.Config) { c.Atomic = true },
		"knet": func(c *upgrade.Config) { c.NewPCS, c.Knet = pcs.V011, true },
	} {
		t.Run(name, func(t *testing.T) {
			opts := lustretest.Options{}
			if name == "knet" {
				opts.OldPCS, opts.NewPCS = pcs.V09, pcs.V011
				mendKnet := mend
				mend = func(c *upgrade.Config) {
					mendKnet(c)
					c.Addresses = map[string][]string{lustretest.Node1: {"192.168.1.11", "10.42.42.11"}, lustretest.Node2: {"192.168.1.12", "10.42.42.12"}}
				}
			}
			s := newScene(t, opts, mend)
			checks, probes := 0, 0
			for i := range s.book.Steps {
				step := &s.book.Steps[i]
				for _, a := range slices.Concat(step.Actions, step.Verify, step.Undo) {
					where := step.ID + "/" + a.ID
					for _, text := range []string{"", "\n", "Segmentation fault\n", "{}\n", "<html></html>\n"} {
						o := evenkeel.Observed{Result: sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(text)}}
						if a.Op == nil && a.Cmd.Effect == sshexec.ReadOnly && a.Expect.Check != nil &&
							!(strings.TrimSpace(text) == "" && tells(a.Cmd.Argv)) {
							checks++
							require.Error(t, a.Expect.Check(o), "%s: %s takes %q", where, a.Cmd, text)
						}
						if a.Probe != nil && a.Probe.Cmd.Argv[0] != "grep" && a.Probe.Cmd.Argv[0] != "test" {
							probes++
							o.Facts = nil
							trace, err := a.Probe.Read(o)
							require.False(t, err == nil && trace == evenkeel.Done, "%s: the probe %s takes %q", where, a.Probe.Cmd, text)
						}
					}
				}
			}
			require.Greater(t, checks, 100)
			require.Greater(t, probes, 50)
		})
	}
}

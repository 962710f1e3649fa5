package upgrade_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// action finds one of the runbook, wherever in its step it is.
func (s *scene) action(t *testing.T, step, id string) evenkeel.Action {
	t.Helper()
	for i := range s.book.Steps {
		if st := &s.book.Steps[i]; st.ID == step {
			for _, a := range slices.Concat(st.Actions, st.Verify, st.Undo) {
				if a.ID == id {
					return a
				}
			}
		}
	}
	require.Fail(t, "no such action", "%s/%s", step, id)
	return evenkeel.Action{}
}

// seen is an answer, with the facts that a run would have.
func seen(code int, stdout, stderr string) evenkeel.Observed {
	facts := evenkeel.Facts{}
	for _, name := range []string{"node1.boot.new", "node2.boot.new", "node1.boot.old", "node2.boot.old"} {
		facts[name] = []byte(`"` + before + `"`)
	}
	return evenkeel.Observed{Facts: facts,
		Result: sshexec.Result{Outcome: sshexec.Exited, ExitCode: code, Stdout: []byte(stdout), Stderr: []byte(stderr)}}
}

const before, later = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"

// SSH-010: what a probe says of a command of which nobody knows whether it ran: done, not, partly, or that it does not
// tell. What it does not tell is never "it did not run".
func TestWhatTheProbesSay(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	conf := func(cluster string, nodes ...string) string {
		text := "totem {\n  version: 2\n  cluster_name: " + cluster + "\n}\nnodelist {\n"
		for i, n := range nodes {
			text += fmt.Sprintf("  node {\n    ring0_addr: %s\n    nodeid: %d\n  }\n", n, i+1)
		}
		return text + "}\n"
	}
	cib := func(resources string) string {
		return `<cib><configuration><crm_config/><nodes/><resources>` + resources + `</resources><constraints/></configuration><status/></cib>`
	}
	const (
		noFile = "cat: /etc/corosync/corosync.conf: No such file or directory\n"
		mgs    = `<primitive id="MGS_32834e" class="ocf" provider="chroma" type="Target"/>`
		mdt    = `<primitive id="demo-MDT0000_802c1b" class="ocf" provider="chroma" type="Target"/>`
		n1, n2 = lustretest.Node1, lustretest.Node2
	)
	for _, c := range []struct {
		step, action string
		o            evenkeel.Observed
		want         evenkeel.ProbeResult
		fails        bool
	}{
		{"cluster-node1", "set-up-lustre-ha-cluster", seen(0, conf("lustre-ha-cluster", n1), ""), evenkeel.Done, false},
		{"cluster-node1", "set-up-lustre-ha-cluster", seen(0, conf("lustre-ha-cluster", n2), ""), evenkeel.Partial, false},
		{"cluster-node1", "set-up-lustre-ha-cluster", seen(0, conf("another", n1), ""), evenkeel.Inconclusive, true},
		{"cluster-node1", "set-up-lustre-ha-cluster", seen(1, "", noFile), evenkeel.NotRun, false},
		{"cluster-node1", "set-up-lustre-ha-cluster", seen(1, "", "cat: Input/output error\n"), evenkeel.Inconclusive, true},
		{"cluster-node1", "set-up-lustre-ha-cluster", seen(127, "", ""), evenkeel.Inconclusive, true},
		{"cluster-node1", "set-up-lustre-ha-cluster", seen(0, "", ""), evenkeel.Inconclusive, true},
		{"join-node2", "add-" + n2, seen(0, conf("lustre-ha-cluster", n1, n2), ""), evenkeel.Done, false},
		{"join-node2", "add-" + n2, seen(0, conf("lustre-ha-cluster", n2), ""), evenkeel.Partial, false},
		{"join-node2", "add-" + n2, seen(0, conf("lustre-ha-cluster", n1), ""), evenkeel.Partial, false},
		{"cluster-node1", "create-MGS_32834e", seen(0, cib(mgs), ""), evenkeel.Done, false},
		{"cluster-node1", "create-MGS_32834e", seen(0, cib(mgs+mdt), ""), evenkeel.Done, false},
		{"cluster-node1", "create-MGS_32834e", seen(0, cib(mdt), ""), evenkeel.NotRun, false},
		{"cluster-node1", "create-demo-MDT0000_802c1b", seen(0, cib(mdt), ""), evenkeel.Done, false},
		{"cluster-node1", "create-MGS_32834e", seen(0, "<cib/>", ""), evenkeel.Inconclusive, true},
		{"cluster-node1", "create-MGS_32834e", seen(0, "", ""), evenkeel.Inconclusive, true},
		{"cluster-node1", "create-MGS_32834e", seen(102, "", "not connected"), evenkeel.Inconclusive, true},
		{"lustre-node1", "reboot", seen(0, later+"\n", ""), evenkeel.Done, false},
		{"lustre-node1", "reboot", seen(0, before+"\n", ""), evenkeel.NotRun, false},
		{"lustre-node1", "reboot", seen(0, "", ""), evenkeel.Inconclusive, true},
		{"lustre-node2", "reboot", seen(1, later+"\n", ""), evenkeel.Inconclusive, true},
		{"shutdown-node1", "shutdown", seen(0, before+"\n", ""), evenkeel.NotRun, false},
		{"shutdown-node2", "shutdown", seen(0, "", ""), evenkeel.Inconclusive, true},
	} {
		a := s.action(t, c.step, c.action)
		trace, err := a.Probe.Read(c.o)
		require.Equal(t, c.want, trace, "%s/%s: %q: %v", c.step, c.action, c.o.Text(), err)
		require.Equal(t, c.fails, err != nil, "%s/%s: %q: %v", c.step, c.action, c.o.Text(), err)
	}
	for _, no := range []string{"1", "2"} { // a machine that starts again is silent for a while; one that was shut down stays so
		require.Equal(t, evenkeel.Inconclusive, s.action(t, "lustre-node"+no, "reboot").Probe.Silent)
		require.Equal(t, evenkeel.Done, s.action(t, "shutdown-node"+no, "shutdown").Probe.Silent)
	}
}

// H1, H8, H18: each guard and each look that decides about the other half is made there.
func TestTheGuardsLookAtTheRightHalf(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	const n1, n2 = lustretest.Node1, lustretest.Node2
	for where, host := range map[string]string{
		"preflight/release-1": n1, "preflight/release-2": n2, "preflight/rings-1": n1, "preflight/rings-2": n2,
		"preflight/boot-id": n2, "preflight/history": n2, "preflight/audit-1": n1, "preflight/audit-2": n2,
		"evacuate-node1/rings-1": n1, "evacuate-node1/rings-2": n2, "evacuate-node1/ready": n2, "evacuate-node1/calm": n2,
		"evacuate-node1/empty": n1, "evacuate-node1/served": n2, "evacuate-node1/stored": n2,
		"leave-node1/held": n2, "leave-node1/free": n1, "leave-node1/served": n2, "leave-node1/left": n2,
		"leave-node1/off-corosync": n1, "leave-node1/boot-pacemaker": n1,
		"shutdown-node1/free": n1, "shutdown-node1/served": n2, "shutdown-node1/held": n2, "shutdown-node1/calm": n2,
		"lustre-node1/held": n2, "lustre-node1/calm": n2,
		"cluster-node1/held": n2, "cluster-node1/calm": n2, "cluster-node1/leftovers": n1, "cluster-node1/disabled": n1, "cluster-node1/same": n1,
		"switch-over/able-1": n1, "switch-over/modules-1": n1, "switch-over/disabled": n1, "switch-over/still-disabled": n1,
		"switch-over/calm": n2, "switch-over/let-go": n2, "switch-over/hand-over": n1,
		"switch-over/serving": n1, "switch-over/off-pacemaker": n2, "switch-over/boot-corosync": n2,
		"switch-over/released": n1, "switch-over/still-released": n1, "switch-over/give-back": n2,
		"shutdown-node2/free": n2, "shutdown-node2/served": n1, "shutdown-node2/off-corosync": n2,
		"join-node2/able-2": n2, "join-node2/modules-2": n2, "join-node2/leftovers": n2, "join-node2/serving": n1,
		"join-node2/rings-1": n1, "join-node2/rings-2": n2,
		"rebalance/able-2": n2, "rebalance/mounts-1": n1, "rebalance/mounts-2": n2, "finish/release-node1": n1,
		"finish/release-node2": n2, "finish/autostart-node1": n1, "finish/autostart-node2": n2,
	} {
		step, id, _ := strings.Cut(where, "/")
		a := s.action(t, step, id)
		i := slices.IndexFunc(s.book.Steps, func(s evenkeel.Step) bool { return s.ID == step })
		at := a.Host
		if at == "" {
			at = s.book.Steps[i].Host
		}
		require.Equal(t, host, at, where)
	}
}

// PCM-019: both nodes are waited for, not one of them.
func TestBothNodesAreAwaited(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	status := func(one, two string) string {
		node := func(name, online string) string {
			return `<node name="` + name + `" id="1" online="` + online +
				`" standby="false" standby_onfail="false" maintenance="false" pending="false" unclean="false" shutdown="false" expected_up="true" is_dc="false" resources_running="0" type="member"/>`
		}
		return `<crm_mon version="1.1.18"><summary><current_dc present="true" name="a"/></summary><nodes>` +
			node(lustretest.Node1, one) + node(lustretest.Node2, two) + `</nodes><resources/></crm_mon>`
	}
	for _, where := range []string{"join-node2/online", "rebalance/ready", "fencing/ready", "finish/ready"} {
		step, id, _ := strings.Cut(where, "/")
		check := s.action(t, step, id).Expect.Check
		require.NoError(t, check(seen(0, status("true", "true"), "")), where)
		require.Error(t, check(seen(0, status("true", "false"), "")), where)
		require.Error(t, check(seen(0, status("false", "true"), "")), where)
	}
}

// BAK-026: the copy of the backup on the new system, and the backup on this machine, are compared with what was made:
// another file of the same form does not pass.
func TestTheBackupIsTheOneThatWasMade(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	t.Run("the copy", func(t *testing.T) {
		p := s.play(t)
		spoilt := 0
		p.hosts = spoiling{p.w, func(host string, cmd *sshexec.Cmd) {
			if len(cmd.Argv) > 2 && cmd.Argv[2] == sshexec.PrivateFile("x").Argv[2] && spoilt == 0 {
				spoilt++
				cmd.Stdin = sshexec.Text("another archive")
			}
		}}
		require.ErrorContains(t, p.run(), "the copy is not the backup")
		require.Equal(t, 1, spoilt)
		require.NotContains(t, p.sh(lustretest.Node1, "ls /root"), ".tgz\n")
	})
	t.Run("the archive", func(t *testing.T) {
		p := s.play(t)
		done := false
		p.watch = func(e evenkeel.Event) {
			if !done && e.Kind == evenkeel.EventDone && e.Step.ID == "backup-node1" && e.Action.ID == "check" {
				done = true
				entries, err := os.ReadDir(p.dir)
				require.NoError(t, err)
				require.NotEmpty(t, entries)
				data, err := os.ReadFile(s.pair.Config.Node1.Backup) // an older one, whole
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(p.dir+"/"+entries[0].Name(), append(data, 0), 0o600))
			}
		}
		require.ErrorContains(t, p.run(), "has changed since it was made")
		require.True(t, done)
		require.True(t, p.w.Up(lustretest.Node1), "it was given up without a backup")
	})
}

// spoiling is the way to the machines of a world that changes what is sent.
type spoiling struct {
	evenkeel.Hosts
	spoil func(host string, cmd *sshexec.Cmd)
}

func (s spoiling) Runner(host string) (sshexec.Runner, error) {
	r, err := s.Hosts.Runner(host)
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		s.spoil(host, &cmd)
		return r.Run(ctx, cmd)
	}), err
}

// calmly runs the guard against a restart and fencing alone, on a node 2 that has no notes of the operator; fenced is
// the history that was noted, says what each other program prints.
func (s *scene) calmly(t *testing.T, fenced string, says func(sshexec.Cmd) string) error {
	t.Helper()
	book, err := s.pair.Runbook()
	require.NoError(t, err)
	calm := s.action(t, "evacuate-node1", "calm")
	calm.Paper = nil // it needs facts of other steps
	book.Invariants, book.LeaseHosts = nil, nil
	book.Known = evenkeel.Facts{"node2.boot.seen": []byte(`"` + before + `"`), "node1.fenced": []byte(`"` + fenced + `"`)}
	book.Steps = []evenkeel.Step{{ID: "calm", Title: "Calm", Host: lustretest.Node2, Actions: []evenkeel.Action{calm}}}
	hosts := evenkeel.HostMap{lustretest.Node2: sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res := sshexec.Result{Outcome: sshexec.Exited}
		if cmd.Argv[0] == "cat" && !slices.Contains(cmd.Argv, "/proc/sys/kernel/random/boot_id") {
			res.ExitCode = 1
			return res, sshexec.Failure("n", cmd, res, nil)
		}
		res.Stdout = []byte(says(cmd))
		return res, nil
	})}
	_, err = evenkeel.Run(t.Context(), book, hosts, evenkeel.Options{Journal: &evenkeel.MemJournal{}, RunID: "t", Holder: "t"})
	return err
}

// H1: what tells of a restart of node 2 must be a boot id. Silence is none.
func TestCalmWantsABootID(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	for text, fails := range map[string]string{before + "\n": "", "": "no boot id", "unknown\n": "no boot id", later +
		"\n": "has restarted since"} {
		err := s.calmly(t, "", func(cmd sshexec.Cmd) string {
			if slices.Contains(cmd.Argv, "/proc/sys/kernel/random/boot_id") {
				return text
			}
			return ""
		})
		if fails == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, fails)
		var hold *evenkeel.Pause
		require.Equal(t, text == later+"\n", errors.As(err, &hold))
	}
}

// H1: an empty history of fencing is "none" only of a Pacemaker that prints nothing for none, as 1.1. One that counted
// its events in the first step counts them again.
func TestASilentHistoryIsNoAnswerOfAPacemakerThatCounts(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	for name, c := range map[string]struct{ noted, now, want string }{
		"1.1, none":       {},
		"2, none":         {noted: "0 events found", now: "0 events found\n"},
		"2, silence":      {noted: "0 events found", want: "did not say how many events it found"},
		"2, cut off":      {noted: `a\n1 event found`, now: "a\n", want: "did not say how many events it found"},
		"2, one more":     {noted: "0 events found", now: "a\n1 event found\n", want: "was fenced: a"},
		"2, only counted": {noted: "0 events found", now: "1 event found\n", want: "was fenced: 1 event found"},
	} {
		t.Run(name, func(t *testing.T) {
			err := s.calmly(t, c.noted, func(cmd sshexec.Cmd) string {
				if cmd.Argv[0] == "stonith_admin" {
					return c.now
				}
				return before + "\n"
			})
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

// H18: a ring that corosync does not tell of is not sound, and neither is one of which it tells what nobody knows.
func TestEveryRingIsThere(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	const (
		head  = "Printing ring status.\nLocal node ID 16885952\n"
		sound = "RING ID %d\n\tid\t= 10.0.0.1\n\tstatus\t= ring %[1]d active with no faults\n"
	)
	one, two := fmt.Sprintf(sound, 0), fmt.Sprintf(sound, 1)
	for _, where := range []string{"preflight/rings-1", "preflight/rings-2", "evacuate-node1/rings-1",
		"join-node2/rings-2", "rebalance/rings-1"} {
		step, id, _ := strings.Cut(where, "/")
		check := s.action(t, step, id).Expect.Check
		require.NoError(t, check(seen(0, head+one+two, "")), where)
		for _, text := range []string{"", head, head + one, one + two + fmt.Sprintf(sound, 2), head + one +
			strings.Replace(two, "active with no faults", "enabled", 1)} {
			require.Error(t, check(seen(0, text, "")), "%s: %q", where, text)
		}
		// A link that tells of one node only, be it that the output was cut off there.
		const local, other = "LINK ID %d udp\n\taddr\t= 10.0.0.1\n\tstatus:\n\t\tnodeid:          1:\tlocalhost\n",
			"\t\tnodeid:          2:\tconnected\n"
		links := "Local node ID 1, transport knet\n" + fmt.Sprintf(local, 0) + other + fmt.Sprintf(local, 1)
		require.ErrorContains(t, check(seen(0, links, "")), "1 of the 2 nodes", where)
		require.NoError(t, check(seen(0, links+other, "")), where)
	}
}

// A life that ended right after it made a backup has left an archive with the name of this second: the next life waits
// for another name, and goes on.
func TestABackupOfTheSameSecond(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	first := s.play(t)
	require.NoError(t, first.run())
	made, err := filepath.Glob(filepath.Join(first.dir, "bck-*.tgz"))
	require.NoError(t, err)
	require.Len(t, made, 2)
	second := s.play(t) // the same world at the same time
	for _, name := range made {
		require.NoError(t, os.WriteFile(name, []byte("half of an archive"), 0o600))
	}
	require.NoError(t, second.run())
	made, err = filepath.Glob(filepath.Join(first.dir, "bck-*.tgz"))
	require.NoError(t, err)
	require.Len(t, made, 4)
}

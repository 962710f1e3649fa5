package upgrade_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

const recoveryLine = "lctl get_param *.*.recovery_status"

// slow is a pair of which each recovery takes its time.
func slow(missing int) lustretest.Options {
	return lustretest.Options{OSTs: 2, Recovery: func(string, string) lustretest.Recovery {
		return lustretest.Recovery{Missing: missing, Reconnect: 70 * time.Second, Window: 100 * time.Second, MDTs: 15 * time.Second}
	}}
}

// recovers are the targets that are in recovery somewhere.
func (p *play) recovers() string {
	var open []string
	for _, host := range []string{lustretest.Node1, lustretest.Node2} {
		id := ""
		for _, line := range strings.Split(p.sh(host, recoveryLine), "\n") {
			if name, value, ok := strings.Cut(line, ".recovery_status="); ok {
				id, line = name, value
			}
			if strings.HasPrefix(line, "status: ") && line != "status: COMPLETE" && line != "status: INACTIVE" {
				open = append(open, id+" "+line+" on "+host)
			}
		}
	}
	return strings.Join(open, ", ")
}

// early watches a run, and says what was taken for over too early: a window that closed, or the others that followed
// the first target that was moved.
func (p *play) early() *[]string {
	var found []string
	p.watch = func(e evenkeel.Event) {
		if e.Kind == evenkeel.EventClosed {
			if open := p.recovers(); open != "" {
				found = append(found, e.Text+" closed: "+open)
			}
		}
	}
	p.w.BeforeEffect = func(_ string, c sshexec.Cmd) {
		if c.String() == "pcs resource relocate run" {
			if open := p.recovers(); open != "" {
				found = append(found, "the others follow: "+open)
			}
		}
	}
	return &found
}

// H28: a window closes when every target that moved serves again, not when it is mounted; what it waits for is told.
func TestAWindowStaysOpenWhileTargetsRecover(t *testing.T) {
	s := newScene(t, slow(0), nil)
	p := s.play(t)
	found := p.early()
	watch, waits := p.watch, map[string]int{}
	p.watch = func(e evenkeel.Event) {
		watch(e)
		if e.Kind == evenkeel.EventWait && strings.Contains(e.Text, "RECOVERING, 2 of 4 clients are back, 2 have completed, 0 are evicted, ") {
			waits[e.Step.ID]++
		}
	}
	require.NoError(t, p.run())
	require.Empty(t, *found)
	require.NoError(t, p.w.Check())
	for _, step := range []string{"evacuate-node1", "switch-over", "rebalance"} {
		require.Positive(t, waits[step], step)
	}
}

// H28: clients that were evicted are told, in each step in which they were, and stop nothing.
func TestEvictedClientsAreTold(t *testing.T) {
	s := newScene(t, slow(1), nil)
	p := s.play(t)
	var heard []string
	p.watch = func(e evenkeel.Event) {
		if e.Kind == evenkeel.EventNote && strings.Contains(e.Text, "evicted: what") {
			heard = append(heard, e.Step.ID+": "+e.Text)
		}
	}
	require.NoError(t, p.run())
	for _, want := range []string{"evacuate-node1: demo-MDT0000 on " + lustretest.Node2, "evacuate-node1: demo-OST0000 on " + lustretest.Node2,
		"switch-over: demo-OST0001 on " + lustretest.Node1, "rebalance: demo-OST0001 on " + lustretest.Node2} {
		i := slices.IndexFunc(heard, func(h string) bool { return strings.HasPrefix(h, want) })
		require.GreaterOrEqual(t, i, 0, "%s: %q", want, heard)
		require.Contains(t, heard[i], "1 of 4 clients did not come back in time in the recovery that began at 2018-06-1")
		require.Contains(t, heard[i], "and were evicted: what they had not written is lost")
	}
	st, err := evenkeel.ReadState(p.journal.Records())
	require.NoError(t, err)
	require.NotEmpty(t, st.Notes)
}

// H28: a recovery that never ends pauses the run, with a sentence that says what is going on and what to do. Nothing is
// undone and nothing ended by force; when the clients are back, a resume ends it. And the rollback is not barred.
func TestARecoveryThatNeverEnds(t *testing.T) {
	for _, c := range []struct{ step, action, target, host string }{
		{"evacuate-node1", "serving", "demo-OST0000", lustretest.Node2},
		{"switch-over", "recovered", "demo-MDT0000", lustretest.Node1},
		{"rebalance", "canary-recovered", "demo-MDT0000", lustretest.Node2},
		{"rebalance", "recovered-2", "demo-OST0001", lustretest.Node2},
	} {
		t.Run(c.step+" "+c.target, func(t *testing.T) {
			moved, ended := false, false
			o := lustretest.Options{OSTs: 2, Recovery: func(label, host string) lustretest.Recovery {
				return lustretest.Recovery{Missing: 1, Window: 10 * time.Second, Endless: moved && !ended && label == c.target && host == c.host}
			}}
			s := newScene(t, o, func(cfg *upgrade.Config) { cfg.Recovery = 3 * time.Minute })
			p := s.play(t)
			p.watch = func(e evenkeel.Event) { moved = moved || e.Kind == evenkeel.EventStep && e.Step.ID == c.step }
			err := p.run()
			var hold *evenkeel.Pause
			require.ErrorAs(t, err, &hold)
			require.Equal(t, c.step+"/"+c.action, hold.Step+"/"+hold.Action)
			for _, want := range []string{"a recovery on " + c.host + " is not over after 3 m", c.target + " RECOVERING, 3 of 4 clients are back",
				"Every target stays mounted", "resume", "yours to decide"} {
				require.Contains(t, hold.Reason, want)
			}
			for _, target := range p.w.Report().Targets {
				require.Len(t, target.On, 1, "%s: all stays where it is", target.Label)
			}
			require.NotContains(t, fmt.Sprint(p.w.Log()), "abort_recovery")
			require.ErrorAs(t, p.resume(), &hold, "it is looked again, for as long")

			if c.step != "rebalance" { // after that node 2's old system is erased
				back := *p // s.play would clear its backups
				back.w, back.journal = p.w.Clone(), &evenkeel.MemJournal{}
				back.hosts = back.w
				for _, r := range p.journal.Records() {
					require.NoError(t, back.journal.Append(r))
				}
				require.NoError(t, back.rollBack())
				require.NoError(t, back.w.Check())
			}
			ended = true
			require.NoError(t, p.resume())
			require.NoError(t, p.w.Check())
		})
	}
}

// liar is a way to the hosts on which lctl says something else about recovery.
type liar struct {
	evenkeel.Hosts
	says func(host, text string) (string, int)
}

func (l liar) Runner(host string) (sshexec.Runner, error) {
	r, err := l.Hosts.Runner(host)
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res, err := r.Run(ctx, cmd)
		if cmd.String() != sshexec.Command(sshexec.ReadOnly, strings.Fields(recoveryLine)...).String() {
			return res, err
		}
		text, exit := l.says(host, string(res.Stdout))
		res.Stdout, res.ExitCode = []byte(text), exit
		return res, sshexec.Failure(host, cmd, res, nil)
	}), err
}

// H28: an answer that is not understood is no recovery that is over: the run stops, and every target stays mounted.
func TestAnUnknownAnswerFailsClosed(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	replace := func(old, by string) func(string) (string, int) {
		return func(text string) (string, int) { return strings.Replace(text, old, by, 1), 0 }
	}
	for name, says := range map[string]func(string) (string, int){
		"another word":       replace("COMPLETE", "COMPLETED"),
		"no word":            replace("COMPLETE", ""),
		"aborted":            replace("status: COMPLETE", "status: ABORTED"),
		"no count":           replace("completed_clients: 4/4\n", ""),
		"a count of nothing": replace("4/4", "4"),
		"more than all":      replace("4/4", "5/4"),
		"cut off":            func(text string) (string, int) { return strings.TrimSuffix(text, "\n"), 0 },
		"nothing":            func(string) (string, int) { return "", 0 },
		"an empty line":      func(string) (string, int) { return "\n", 0 },
		"prose":              func(string) (string, int) { return "the recovery is COMPLETE\n", 0 },
		"exit status":        func(text string) (string, int) { return text, 1 },
		"the MGS":            replace("mdt.demo-MDT0000", "mgs.MGS"),
		"twice":              func(text string) (string, int) { return text + text, 0 },
	} {
		p := s.play(t)
		p.hosts = liar{p.w, func(host, text string) (string, int) {
			if host == lustretest.Node1 && len(p.w.Report().Target("MGS").On) > 0 && strings.Contains(text, "recovery_status") &&
				strings.Contains(p.sh(host, "cat /etc/redhat-release"), "release 7") {
				return says(text)
			}
			return text, map[bool]int{true: 2}[text == ""]
		}}
		p.w.BeforeEffect = nil
		err := p.run()
		var step *evenkeel.StepError
		var pause *evenkeel.Pause
		if name == "more than all" { // the kernel shows such counts for a moment: it is looked at again until the limit
			require.ErrorAs(t, err, &pause, name)
			require.Equal(t, "switch-over/recovered", pause.Step+"/"+pause.Action, name)
		} else {
			require.ErrorAs(t, err, &step, name)
			require.Equal(t, "switch-over/recovered", step.Step+"/"+step.Action, name)
		}
		require.Equal(t, []string{lustretest.Node1}, p.w.Report().Target("demo-MDT0000").On, name)
		p.hosts = p.w
		require.NoError(t, p.resume(), name)
		require.NoError(t, p.w.Check(), name)
	}
}

// H28: mistakes that one could make in this: each must show in what the tests above look at.
func TestSeededMistakesOfServing(t *testing.T) {
	calm := func(a *evenkeel.Action) { a.Expect.Check = func(evenkeel.Observed) error { return nil } }
	counts := func(a *evenkeel.Action, wrong func(string) string) {
		check := a.Expect.Check
		a.Expect.Check = func(o evenkeel.Observed) error {
			o.Stdout = []byte(wrong(string(o.Stdout)))
			return check(o)
		}
	}
	at := func(step, id string, change func(*evenkeel.Action)) func(*draft) {
		return func(d *draft) { d.each(step, id, change) }
	}
	found, all := 0, 0
	for name, make := range map[string]func(*draft){
		"evacuation: not waited for":      func(d *draft) { d.drop("evacuate-node1", "serving") },
		"switch-over: not waited for":     func(d *draft) { d.drop("switch-over", "recovered") },
		"the first target not waited for": func(d *draft) { d.drop("rebalance", "canary-recovered") },
		"node 2 looked at too early":      func(d *draft) { d.first("rebalance", "recovered-2") },
		"node 2 not waited for":           func(d *draft) { d.drop("rebalance", "recovered-2") },
		"evacuation: the other node":      at("evacuate-node1", "serving", func(a *evenkeel.Action) { a.Host = lustretest.Node1; calm(a) }),
		"switch-over: looked at before":   func(d *draft) { d.first("switch-over", "recovered"); d.each("switch-over", "recovered", calm) },
		"an exit status is enough":        at("switch-over", "recovered", calm),
		"recovering is over": at("switch-over", "recovered", func(a *evenkeel.Action) {
			counts(a, func(s string) string { return strings.ReplaceAll(s, "RECOVERING", "INACTIVE") })
		}),
		"waiting for clients is over": at("evacuate-node1", "serving", func(a *evenkeel.Action) {
			counts(a, func(s string) string {
				return strings.NewReplacer("status: RECOVERING\nrecovery_start: 0", "status: INACTIVE\nrecovery_start: 0").Replace(s)
			})
		}),
		"waiting for another MDT is over": at("switch-over", "recovered", func(a *evenkeel.Action) {
			counts(a, func(s string) string {
				return strings.NewReplacer("WAITING\n", "INACTIVE\n", "RECOVERING", "INACTIVE", "WAITING_FOR_CLIENTS", "INACTIVE").Replace(s)
			})
		}),
		"the window closes a step too early": func(d *draft) {
			s := d.step("switch-over")
			i := slices.IndexFunc(s.Actions, func(a evenkeel.Action) bool { return a.ID == "recovered" })
			next := d.step("shutdown-node2")
			next.Actions = append([]evenkeel.Action{s.Actions[i].On(lustretest.Node1)}, next.Actions...)
			s.Actions = slices.Delete(s.Actions, i, i+1)
		},
	} {
		all++
		s := newScene(t, slow(0), nil)
		p, d := s.play(t), s.draft(t)
		make(d)
		p.book = d.Runbook
		early := p.early()
		err := p.run()
		if len(*early) > 0 || err != nil {
			found++
			t.Logf("%s: %v %v", name, *early, err)
		} else {
			t.Errorf("%s: nobody noticed", name)
		}
	}
	t.Logf("mutation score: %d of %d", found, all)
}

// H28: by hand, nothing but an answer that says so for every target is a recovery that is over.
func TestRecoveryOnPaperFailsClosed(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	const over = "every recovery is over"
	script := s.block(t, "recovery demo-MDT0000")
	says := func(text string) string { return byHand(t, "lctl() { printf '%b' '"+text+"'; }", script) }
	const name = `mdt.demo-MDT0000.recovery_status=`
	require.Equal(t, over, says(name+`\nstatus: COMPLETE\ncompleted_clients: 4/8\nIR: ENABLED\n`))
	require.Equal(t, over, says(name+`status: INACTIVE\n`))
	require.Contains(t, says(name+`\nstatus: RECOVERING\nconnected_clients: 3/7\ncompleted_clients: 3\nevicted_clients: 0\n`+
		`time_remaining: 119\n`),
		"demo-MDT0000 is NOT over: RECOVERING back 3/7 completed 3 evicted 0 seconds left 119")
	for name, text := range map[string]string{
		"nothing":          ``,
		"another target":   `obdfilter.demo-OST0000.recovery_status=status: INACTIVE\n`,
		"one of two":       name + `status: INACTIVE\nobdfilter.demo-OST0000.recovery_status=\nstatus: RECOVERING\n`,
		"another word":     name + `\nstatus: COMPLETED\ncompleted_clients: 8/8\n`,
		"no count":         name + `\nstatus: COMPLETE\n`,
		"no status":        name + `\n`,
		"waiting for MDTs": name + `\nstatus: WAITING\nnon-ready MDTs:  0001\n`,
		"waiting":          name + `status: WAITING_FOR_CLIENTS\n`,
		"no such name":     `error: get_param: param_path /recovery_status: No such file or directory\n`,
		"no lctl":          `bash: lctl: command not found\n`,
		"prose":            name + `status: INACTIVE\nall is well\n`,
		"before the name":  `status: INACTIVE\n`,
	} {
		require.NotContains(t, says(text), over, name)
	}
}

// The preflight says in words what to expect, and stops for nothing of it.
func TestWhatToExpectOfRecovery(t *testing.T) {
	for name, c := range map[string]struct {
		o    lustretest.Options
		want []string
	}{
		"as it should be": {lustretest.Options{}, []string{"imperative recovery of demo is on: every client is told at once",
			"takes 5 m (recovery_time_soft), and up to 15 m (recovery_time_hard)"}},
		"off":        {lustretest.Options{Imperative: "disabled"}, []string{"imperative recovery of demo is off", "expect minutes"}},
		"partial":    {lustretest.Options{Imperative: "partial"}, []string{"imperative recovery of demo is partial: 0 clients cannot be told"}},
		"starting":   {lustretest.Options{Imperative: "startup"}, []string{"imperative recovery of demo is starting"}},
		"not known":  {lustretest.Options{Imperative: "perhaps"}, []string{`"perhaps" is no state of imperative recovery`, "is not understood"}},
		"long times": {slow(0), []string{"takes 1 m 40 s (recovery_time_soft)"}},
		"longer than the plan waits": {lustretest.Options{Recovery: func(string, string) lustretest.Recovery {
			return lustretest.Recovery{Window: 10 * time.Minute}
		}}, []string{"the recovery of demo-MDT0000 (30 m) may take longer than the 20 m after which the plan asks: set recovery to more"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, c.o, nil)
			p := s.stopAt(t, "backup-node1", "backup", false)
			st, err := evenkeel.ReadState(p.journal.Records())
			require.NoError(t, err)
			for _, want := range c.want {
				require.Contains(t, fmt.Sprint(st.Notes), want)
			}
		})
	}
}

// An upgrade does not begin while a target is in recovery, wherever it is.
func TestNoUpgradeBeginsInARecovery(t *testing.T) {
	over := false
	o := lustretest.Options{Recovery: func(string, string) lustretest.Recovery { return lustretest.Recovery{Missing: 1, Endless: !over} }}
	w := lustretest.NewPair(o)
	cfg := backedUp(t, w)
	pair, err := upgrade.Load(cfg)
	require.NoError(t, err)
	rb, err := pair.Runbook()
	require.NoError(t, err)
	p := (&scene{w, pair, rb}).play(t)
	var hold *evenkeel.Pause
	require.ErrorAs(t, p.run(), &hold)
	require.Equal(t, "preflight/recovered-2", hold.Step+"/"+hold.Action)
	over = true
	p.w.Advance(time.Hour)
	require.NoError(t, p.resume())
}

// The on-disk upgrade is a point of no return of its own: in the plan, where it happens, and in the rollback.
func TestTheDiskFormatIsNamed(t *testing.T) {
	s := newScene(t, lustretest.Options{InstallTime: -1}, nil)
	var md, back strings.Builder
	require.NoError(t, s.book.Markdown(&md))
	_, points, _ := strings.Cut(md.String(), "## Points of no return\n")
	points, _, _ = strings.Cut(points, "\n## ")
	require.Contains(t, points, "Move every target from ct6-mds2.lfs.intl to ct6-mds1.lfs.intl: when the new release mounts a target")
	require.Contains(t, md.String(), "> the new release mounts the targets for the first time, and may change their disk format")
	p := s.stopAt(t, "switch-over", "serving", true)
	st, err := evenkeel.ReadState(p.journal.Records())
	require.NoError(t, err)
	plan, err := s.book.RollbackPlan(st)
	require.NoError(t, err)
	require.NoError(t, plan.Markdown(&back))
	require.Contains(t, back.String(), "What stays after it: when the new release mounts a target")
	require.Contains(t, back.String(), "> a target of which the new release has changed the disk format may not start under the old one")
	require.NoError(t, p.rollBack())
	require.NoError(t, p.w.Check())
	require.Equal(t, []string{lustretest.Node2}, p.w.Report().Target("demo-MDT0000").On)
}

// Where targets move as soon as node 2 joins, that outage ends when they have recovered as well.
func TestTargetsThatMoveByThemselvesRecover(t *testing.T) {
	for _, dropped := range []bool{false, true} {
		o := slow(0)
		o.Site = lustretest.GuideSite(pcs.V09)
		was := o.Site.CIB
		o.Site.CIB = strings.Replace(was, `name="resource-stickiness" value="1000"`, `name="resource-stickiness" value="0"`, 1)
		require.NotEqual(t, was, o.Site.CIB)
		s := newScene(t, o, nil)
		p, d := s.play(t), s.draft(t)
		if dropped {
			d.step("join-node2").Verify = slices.DeleteFunc(d.step("join-node2").Verify, func(a evenkeel.Action) bool {
				return strings.HasPrefix(a.ID, "recovered-")
			})
		}
		p.book = d.Runbook
		early := p.early()
		require.NoError(t, p.run())
		require.Equal(t, dropped, strings.Contains(fmt.Sprint(*early), "join closed"), "%q", *early)
		require.NoError(t, p.w.Check())
	}
}

// A target whose store does not say what Lustre calls it is counted: every recovery that its node tells of must be over.
func TestATargetWithoutALustreNameIsCounted(t *testing.T) {
	o := slow(0)
	o.Site = lustretest.GuideSite(pcs.V09)
	for name, data := range o.Site.Targets {
		if strings.Contains(data, "demo-MDT0000") {
			o.Site.Targets[name] = `{"backfstype": "ldiskfs", "bdev": "/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_EEMDT0000", "mntpt": "/mnt/meta"}`
		}
	}
	s := newScene(t, o, nil)
	p := s.play(t)
	early := p.early()
	require.NoError(t, p.run())
	require.Empty(t, *early)

	missing := s.play(t) // now that target tells nothing
	missing.hosts = liar{missing.w, func(_, text string) (string, int) {
		named, _, _ := strings.Cut(text, "obdfilter.lustre-OST")
		return named, map[bool]int{true: 2}[text == ""]
	}}
	var hold *evenkeel.Pause
	require.ErrorAs(t, missing.run(), &hold)
	require.Equal(t, "evacuate-node1/serving", hold.Step+"/"+hold.Action)
	require.Contains(t, hold.Reason, "2 targets tell of their recovery, and 3 are mounted")
}

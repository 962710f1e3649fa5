package upgrade_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// draft is a runbook that a mistake is made in. The scene's own is left alone.
type draft struct {
	*evenkeel.Runbook
	t testing.TB
}

func (s *scene) draft(t testing.TB) *draft {
	rb, err := s.pair.Runbook()
	require.NoError(t, err)
	return &draft{rb, t}
}

func (d *draft) step(id string) *evenkeel.Step {
	i := slices.IndexFunc(d.Steps, func(s evenkeel.Step) bool { return s.ID == id })
	require.GreaterOrEqual(d.t, i, 0, "no step %s", id)
	return &d.Steps[i]
}

// drop takes out the actions of a step whose command or ID has the text in it.
func (d *draft) drop(step string, texts ...string) {
	s := d.step(step)
	for _, text := range texts {
		before := len(s.Actions)
		s.Actions = slices.DeleteFunc(s.Actions, func(a evenkeel.Action) bool { return a.ID == text || strings.Contains(a.Cmd.String(), text) })
		require.Less(d.t, len(s.Actions), before, "%s has nothing with %q", step, text)
	}
}

// each changes every action of a step whose command or ID has the text in it.
func (d *draft) each(step, text string, change func(*evenkeel.Action)) {
	s, n := d.step(step), 0
	for _, actions := range [][]evenkeel.Action{s.Actions, s.Undo} {
		for i := range actions {
			if a := &actions[i]; a.ID == text || strings.Contains(a.Cmd.String(), text) {
				change(a)
				n++
			}
		}
	}
	require.Positive(d.t, n, "%s has nothing with %q", step, text)
}

// first moves the actions with the text in their command, or for their ID, to the front of their step.
func (d *draft) first(step string, texts ...string) {
	s := d.step(step)
	var front, rest []evenkeel.Action
	for _, a := range s.Actions {
		if slices.ContainsFunc(texts, func(text string) bool { return a.ID == text || strings.Contains(a.Cmd.String(), text) }) {
			front = append(front, a)
		} else {
			rest = append(rest, a)
		}
	}
	require.NotEmpty(d.t, front)
	s.Actions = append(front, rest...)
}

// blind takes out every check that is not a command of the guide: guards, looks, verifications and invariants. What is
// left is what an operator types.
func (d *draft) blind() {
	d.Invariants = nil
	for i := range d.Steps {
		s := &d.Steps[i]
		s.Opens, s.Closes, s.Verify = nil, nil, nil
		for _, actions := range []*[]evenkeel.Action{&s.Actions, &s.Undo} {
			*actions = slices.DeleteFunc(*actions, func(a evenkeel.Action) bool {
				// the operator waits for a machine, a cluster or the targets
				waits := a.Expect.Awaits || slices.Contains([]string{"online", "up-1", "up-2", "serving"}, a.ID)
				look := a.Op == nil && a.Manual == "" && a.Cmd.Effect == sshexec.ReadOnly || a.Op != nil && a.Op.Effect == sshexec.ReadOnly
				return look && len(a.Makes) == 0 && !waits
			})
			for i := range *actions {
				if a := &(*actions)[i]; a.Op != nil && (strings.HasPrefix(a.ID, "hand-over") || a.ID == "let-go") {
					typed(a, 0)
				}
			}
		}
	}
}

// typed makes of an operation the one of its commands that the operator would type: without its looks.
func typed(a *evenkeel.Action, i int) { a.Cmd, a.Op, a.Paper = a.Op.Cmds[i].Cmd, nil, nil }

// unguard takes out the guards only.
func (d *draft) unguard() {
	for i := range d.Steps {
		d.Steps[i].Actions = slices.DeleteFunc(d.Steps[i].Actions, func(a evenkeel.Action) bool { return a.Precondition })
	}
}

// caught plays a draft and says by what its mistake was found; "" when by nothing.
func (p *play) caught() string {
	if err := p.book.Validate(); err != nil {
		return "validation"
	}
	err := p.run()
	world := ""
	if p.w.Check() != nil {
		world = " + world"
	}
	var step *evenkeel.StepError
	var violation *evenkeel.Violation
	var hold *evenkeel.Pause
	switch {
	case err == nil:
		return strings.TrimPrefix(world, " + ")
	case errors.As(err, &violation):
		return "invariant " + violation.Invariant + world
	case errors.As(err, &hold):
		return "hold at " + hold.Step + "/" + hold.Action + world
	case errors.As(err, &step):
		return "run at " + step.Step + "/" + step.Action + world
	}
	return err.Error() + world
}

// mistake is one that the operator could make in writing the runbook, or in typing it.
type mistake struct {
	name   string
	make   func(*draft)
	events func(*play) // what the world does meanwhile
	mounts bool        // without any check, a target is mounted twice or a node is fenced: the world must say so
	world  lustretest.Options

	worldOnly bool // only a simulated world can see it: that is what the rehearsal is for
}

// restartCluster lets the cluster of node 2 restart, alone, when the first package is installed on node 1.
func restartCluster(p *play) {
	done := false
	p.w.BeforeEffect = func(host string, c sshexec.Cmd) {
		if done || c.Argv[0] != "yum" || host != lustretest.Node1 {
			return
		}
		done = true
		p.w.Do(func(st *simhost.State) {
			h := st.Host(lustretest.Node2)
			for _, service := range []string{"pacemaker", "corosync"} {
				require.NoError(p.t, h.StopService(st, service))
			}
			for _, service := range []string{"corosync", "pacemaker"} {
				require.NoError(p.t, h.StartService(st, service))
			}
		})
		p.w.Advance(2 * time.Minute)
	}
}

// damage cuts the fresh backup of node 1 short as soon as it is made.
func damage(p *play) {
	done := false
	p.watch = func(e evenkeel.Event) {
		if !done && e.Kind == evenkeel.EventDone && e.Action.ID == "backup" {
			done = true
			found, err := filepath.Glob(filepath.Join(p.dir, "bck-*.tgz"))
			require.NoError(p.t, err)
			require.NoError(p.t, os.Truncate(found[0], 100))
		}
	}
}

// mistakes are the seeded ones. Each would hurt, and each must be found.
func mistakes() []mistake {
	const create = "pcs resource create"
	untold := func(d *draft) {
		d.each("switch-over", "let-go", func(a *evenkeel.Action) {
			a.Cmd, a.Op, a.Probe, a.Paper = sshexec.Command(sshexec.ReadOnly, "cat", "/proc/mounts"), nil, nil, nil
		})
	}
	halfLetGo := func(without, instead string) func(*draft) {
		return func(d *draft) {
			d.each("switch-over", "let-go", func(a *evenkeel.Action) {
				typed(a, 0)
				in := strings.NewReplacer(without, instead).Replace(stdin(d.t, a.Cmd))
				require.NotEqual(d.t, stdin(d.t, a.Cmd), in)
				a.Cmd.Stdin = sshexec.Text(in)
			})
		}
	}
	undisabled := func(d *draft) {
		d.each("cluster-node1", create, func(a *evenkeel.Action) {
			a.Cmd.Argv = slices.DeleteFunc(slices.Clone(a.Cmd.Argv), func(w string) bool { return w == "--disabled" })
		})
	}
	return []mistake{
		{name: "--disabled forgotten (PCM-026)", make: undisabled},
		{name: "--disabled and maintenance mode forgotten (PCM-026, PCM-023)", make: func(d *draft) {
			undisabled(d)
			d.drop("cluster-node1", "maintenance-mode=true")
			mounts(d)
		}, mounts: true},
		{name: "maintenance mode forgotten", make: func(d *draft) { d.drop("cluster-node1", "maintenance-mode=true") }},
		{name: "node 2 does not release its targets", make: func(d *draft) { untold(d) }, mounts: true},
		{name: "node 2 is not put into standby", make: halfLetGo(`name="standby" value="on"`, `name="standby" value="off"`)},
		{name: "the targets of node 2 are not disabled", make: halfLetGo(`value="Stopped"`, `value="Started"`)},
		{name: "the cluster of node 2 is not stopped",
			make: func(d *draft) { d.drop("switch-over", "service pacemaker stop", "service corosync stop") }},
		{name: "node 2 is left as it is (PCM-038)", make: func(d *draft) {
			untold(d)
			d.drop("switch-over", "service pacemaker stop", "service corosync stop")
		}, mounts: true},
		{name: "corosync is stopped under pacemaker, without standby (PCM-038)", make: func(d *draft) {
			untold(d)
			d.drop("switch-over", "service pacemaker stop")
		}, mounts: true},
		{name: "the targets are started before node 2 stops (PCM-039)",
			make: func(d *draft) { d.first("switch-over", "ready", "hand-over") }, mounts: true},
		{name: "the targets are started before the new cluster is whole", make: func(d *draft) {
			start := d.step("switch-over").Actions
			for _, a := range start {
				if a.ID == "ready" || a.ID == "hand-over" {
					a.ID += "-early"
					d.step("cluster-node1").Actions = append(d.step("cluster-node1").Actions, a)
				}
			}
		}, mounts: true},
		{name: "node 2 may start its cluster at boot (PCM-037)", make: func(d *draft) { d.drop("switch-over", "pcs cluster disable") }},
		{name: "the switch to node 1 is without a way out of maintenance (PCM-023)", make: func(d *draft) { d.drop("switch-over", "ready") }},
		{name: "one target is not enabled (PCM-035)",
			make: func(d *draft) { d.each("switch-over", "hand-over", func(a *evenkeel.Action) { typed(a, 2) }) }},
		{name: "mount points forgotten on node 1 (LUS-031, LUS-033)", make: func(d *draft) { d.drop("cluster-node1", "mkdir -p /mnt") }},
		{name: "mount points forgotten on node 2 (LUS-031, LUS-033)", make: func(d *draft) { d.drop("join-node2", "mkdir -p /mnt") }},
		{name: "modules not loaded (LUS-034)", make: func(d *draft) {
			d.drop("cluster-node1", "modprobe")
			d.drop("lustre-node1", "modprobe")
		}},
		{name: "fencing is not held, and node 2 restarts its cluster (H1)",
			make: func(d *draft) { d.drop("leave-node1", "hold") }, events: restartCluster, mounts: true,
			world: lustretest.Options{FenceStandby: true}},
		{name: "node 1 does not leave its cluster (H1)",
			make: func(d *draft) { d.drop("leave-node1", "service pacemaker stop", "service corosync stop") }},
		{name: "node 1 leaves without a word, and fencing is not held (H1)", make: func(d *draft) {
			d.drop("leave-node1", "service pacemaker stop", "stonith-enabled=false")
		}, mounts: true, world: lustretest.Options{FenceStandby: true}},
		{name: "node 1 is not put into standby (PCM-036)", make: func(d *draft) { d.drop("evacuate-node1", "pcs cluster standby") }},
		{name: "node 1 may start its old cluster at boot (PCM-037)", make: func(d *draft) { d.drop("evacuate-node1", "pcs cluster disable") }},
		{name: "fencing attributes first (PCM-046, H7)", make: func(d *draft) {
			i := slices.IndexFunc(d.Steps, func(s evenkeel.Step) bool { return s.ID == "fencing" })
			j := slices.IndexFunc(d.Steps, func(s evenkeel.Step) bool { return s.ID == "switch-over" })
			f := d.Steps[i]
			d.Steps = slices.Insert(slices.Delete(d.Steps, i, i+1), j, f)
		}},
		{name: "fencing attributes forgotten (PCM-044)", make: func(d *draft) { d.drop("fencing", "attributes") }},
		{name: "a constraint forgotten (PCM-004)", make: func(d *draft) { d.drop("cluster-node1", "demo-MDT0000_802c1b-secondary") }},
		{name: "a default forgotten (PCM-022)", make: func(d *draft) { d.drop("cluster-node1", "resource-stickiness") }},
		{name: "a target forgotten (PCM-025)", make: func(d *draft) { d.drop("cluster-node1", create+" MGS_32834e") }},
		{name: "corosync's port stays closed (PCM-055)", make: func(d *draft) { d.drop("ha-node2", "firewall-cmd --add-port") }},
		{name: "the cluster is not started (PCM-019)", make: func(d *draft) { d.drop("cluster-node1", "pcs cluster start") }},
		{name: "node 2 is not added (PCM-040)", make: func(d *draft) { d.drop("join-node2", "cluster node add") }},
		{name: "relocate forgotten (PCM-041)", make: func(d *draft) { d.drop("rebalance", "relocate run") }},
		{name: "the target store is not restored", make: func(d *draft) { d.drop("agent-node1", "/var/lib/chroma") }},
		{name: "no reboot into the new kernel", make: func(d *draft) { d.drop("lustre-node1", "reboot", "back") }},
		{name: "the backup is not read again, and is damaged (BAK-026)", make: func(d *draft) {
			d.drop("backup-node1", "check")
			d.drop("backup-node2", "check")
		}, events: damage},
		{name: "no backup at all", make: func(d *draft) {
			d.Steps = slices.DeleteFunc(d.Steps, func(s evenkeel.Step) bool { return s.ID == "backup-node1" })
		}},
		{name: "the window of the switch-over forgotten",
			make: func(d *draft) { d.step("switch-over").Opens, d.step("switch-over").Closes = nil, nil }},
		{name: "the window of the evacuation forgotten",
			make: func(d *draft) { d.step("evacuate-node1").Opens, d.step("evacuate-node1").Closes = nil, nil }},
		{name: "a window never closed", make: func(d *draft) { d.step("switch-over").Closes = nil }},
		{name: "a probe that lies: everything is there already", make: func(d *draft) {
			d.each("cluster-node1", create, func(a *evenkeel.Action) {
				a.Probe = &evenkeel.Probe{Cmd: a.Probe.Cmd, Read: func(evenkeel.Observed) (evenkeel.ProbeResult, error) { return evenkeel.Done, nil }}
			})
		}},
		{name: "a probe that lies: the machine is down already", make: func(d *draft) {
			d.each("shutdown-node1", "shutdown", func(a *evenkeel.Action) {
				a.Probe = &evenkeel.Probe{Cmd: a.Probe.Cmd, Read: func(evenkeel.Observed) (evenkeel.ProbeResult, error) { return evenkeel.Done, nil }}
			})
		}},
		{name: "a change that says it only looks", make: func(d *draft) {
			d.each("cluster-node1", "maintenance-mode=true", func(a *evenkeel.Action) { a.Cmd.Effect = sshexec.ReadOnly })
		}, worldOnly: true},
		{name: "a command without an effect", make: func(d *draft) {
			d.each("cluster-node1", "mkdir -p /mnt", func(a *evenkeel.Action) { a.Cmd.Effect = 0 })
		}},
	}
}

// stdin is what a command reads.
func stdin(t testing.TB, c sshexec.Cmd) string {
	in, err := c.Stdin.Open()
	require.NoError(t, err)
	text, err := io.ReadAll(in)
	require.NoError(t, err)
	return string(text)
}

// mounts makes the mistake of starting a target at once matter at once: the mount points and modules are there before the targets are made.
func mounts(d *draft) { d.first("cluster-node1", "modprobe", "mkdir -p /mnt") }

// WF-009: seeded mistakes, to prove that the tests can fail. Each must be found by the runbook itself; found again when
// the guards are taken out; and where it costs data, the simulated world must say so when nobody looks any more.
func TestSeededMistakes(t *testing.T) {
	found, all := 0, 0
	for _, m := range mistakes() {
		all++
		t.Run(m.name, func(t *testing.T) {
			s := newScene(t, m.world, nil)
			try := func(change ...func(*draft)) (string, *play) {
				p, d := s.play(t), s.draft(t)
				m.make(d)
				for _, c := range change {
					c(d)
				}
				p.book = d.Runbook
				if m.events != nil {
					m.events(p)
				}
				return p.caught(), p
			}
			how, p := try()
			require.NotEmpty(t, how, "nobody noticed")
			t.Logf("found by: %s", how)
			if !strings.HasPrefix(how, "invariant mounted-once") { // which ends what it cannot prevent: here the order itself is wrong
				require.Equal(t, m.worldOnly, p.w.Check() != nil, "found too late: %v", p.w.Check())
			}
			if m.mounts {
				how, _ = try((*draft).unguard)
				require.NotEmpty(t, how)
				t.Logf("without guards: %s", how)
				_, p = try((*draft).blind)
				require.Error(t, p.w.Check(), "the world did not notice")
				t.Logf("without any check: %v", p.w.Check())
			}
			found++
		})
	}
	t.Logf("mutation score: %d of %d", found, all)
	require.Equal(t, all, found)
}

// SSH-010: a command that must never be repeated, and that is marked as safe, is found by the rehearsal: the tool
// crashes right after it, and repeats it.
func TestRehearsalFindsWhatMustNotBeRepeated(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	for _, text := range []string{"cluster setup", "cluster node add"} {
		number, p := 0, s.play(t)
		p.w.BeforeEffect = func(_ string, c sshexec.Cmd) {
			if strings.Contains(c.String(), text) {
				number = p.w.Report().Commands - s.world.Report().Commands + 1
			}
		}
		require.NoError(t, p.run())
		require.Positive(t, number)
		failures := func(rb *evenkeel.Runbook) []evenkeel.RehearsalFailure {
			plan := s.rehearsal(t, number-1) // at 1 and at number, and seldom more
			plan.Kinds = []evenkeel.ScheduleKind{evenkeel.CrashAfter}
			report, err := evenkeel.Rehearse(t.Context(), rb, s.world.Rehearsal(), plan)
			require.NoError(t, err)
			return report.Failures
		}
		require.Empty(t, failures(s.book))
		d := s.draft(t)
		for _, id := range []string{"cluster-node1", "join-node2"} {
			for i := range d.step(id).Actions {
				if a := &d.step(id).Actions[i]; strings.Contains(a.Cmd.String(), text) {
					a.Repeat = evenkeel.Idempotent
				}
			}
		}
		require.NotEmpty(t, failures(d.Runbook), text)
	}
}

// A rollback with a mistake in it is as bad: the targets are given back before node 1 has released them.
func TestSeededMistakesOfTheRollback(t *testing.T) {
	s := newScene(t, lustretest.Options{InstallTime: -1}, nil)
	for name, change := range map[string]func(*draft){
		"not disabled in the new cluster": func(d *draft) {
			undo := &d.step("switch-over").Undo
			*undo = slices.DeleteFunc(*undo, func(a evenkeel.Action) bool { return a.ID == "disable" })
		},
		"node 2 is given the targets back first": func(d *draft) {
			undo := d.step("switch-over").Undo
			i := slices.IndexFunc(undo, func(a evenkeel.Action) bool { return a.ID == "give-back" })
			j := slices.IndexFunc(undo, func(a evenkeel.Action) bool { return a.ID == "up-2" })
			d.step("switch-over").Undo = slices.Concat(undo[j-2:j+1], undo[i:], undo[:j-2], undo[j+1:i])
		},
	} {
		for _, blind := range []bool{false, true} {
			d := s.draft(t)
			change(d)
			wrong := &scene{s.world, s.pair, d.Runbook}
			p := wrong.stopAt(t, "switch-over", "serving", true)
			if blind { // with the guards the run has come here; without them it goes back
				d.blind()
				p.journal = begunAs(t, d.Runbook, p.journal)
			}
			err := p.rollBack()
			if blind {
				p.w.Advance(time.Minute)
				require.Error(t, p.w.Check(), "%s: the world did not notice", name)
			} else {
				require.Error(t, err, "%s: nobody noticed", name)
			}
		}
	}
}

// begunAs is a journal as if its run had been begun with another runbook.
func begunAs(t *testing.T, rb *evenkeel.Runbook, was *evenkeel.MemJournal) *evenkeel.MemJournal {
	t.Helper()
	j := &evenkeel.MemJournal{}
	for _, r := range was.Records() {
		if r.Run != nil {
			info := *r.Run
			info.Digest = rb.Digest()
			r.Run = &info
		}
		require.NoError(t, j.Append(r))
	}
	return j
}

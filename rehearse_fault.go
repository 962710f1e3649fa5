package evenkeel

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Faulty is a World in which a command can be made to go wrong. A rehearsal tries each kind of fault at each command. A world of package
// simhost has all of it but Faults, by which it opts in.
type Faulty interface {
	// Faults are the kinds of fault that a command can meet, by their names. With an honest one the tool is told that the command failed,
	// or that nobody knows, or it is told the truth late. A lie is an answer that is not so.
	Faults(cmd sshexec.Cmd) (honest, lies []string)
	// Strike has the next command go wrong in that way.
	Strike(kind string)
	// Mend is what people do before they take a stopped run up again: they give power back, and start what does not start by itself.
	Mend()
}

// AnyFault stands in RehearsalPlan.Kinds for every kind of fault that the world knows; one alone is named by itself.
const AnyFault ScheduleKind = "faults"

// fault tells whether a kind is one of the world's own, or all of these.
func (k ScheduleKind) fault() bool {
	return k != "" && k != RollbackFrom && !slices.Contains(scheduleKinds, k)
}

// RehearsalEnd is how a schedule ended that broke nothing.
type RehearsalEnd string

// The ends. With the first two the world is as the straight run leaves it.
const (
	Finished   RehearsalEnd = "finished"    // the run went on by itself
	Resumed    RehearsalEnd = "resumed"     // it stopped, and reached its end when it was taken up again
	RolledBack RehearsalEnd = "rolled back" // it could not go on, and was rolled back
	Held       RehearsalEnd = "held"        // it waits for the operator, and says for what
	Misled     RehearsalEnd = "misled"      // a look was lied to: the run stopped outside an outage, and the operator has to find out
)

// dispatch is a command that the tool sent to a machine; a document has no arguments.
type dispatch struct {
	host string
	cmd  sshexec.Cmd
	lied bool // its answer was a lie
}

// strike has the command that is about to be sent go wrong, where that is scheduled.
func (m *crashingTool) strike(host string, cmd sshexec.Cmd) {
	m.sent = append(m.sent, dispatch{host: host, cmd: cmd})
	if !m.schedule.Kind.fault() || m.schedule.At != m.commands {
		return
	}
	w, _ := m.world.(Faulty) // else no such schedule is made
	_, lies := w.Faults(cmd)
	w.Strike(string(m.schedule.Kind))
	m.struck, m.hit = true, &dispatch{host, cmd, slices.Contains(lies, string(m.schedule.Kind))}
}

// faulty are the schedules with a fault at the commands between two moments.
func (r *rehearsal) faulty(from, to moment) (list []Schedule) {
	w, ok := to.world.(Faulty)
	if !ok {
		return nil
	}
	for i, c := range to.sent {
		if len(c.cmd.Argv) == 0 {
			continue
		}
		honest, lies := w.Faults(c.cmd)
		for _, name := range slices.Concat(honest, lies) {
			if kind := ScheduleKind(name); r.due(kind, from.commands+1+i) {
				list = append(list, Schedule{kind, from.commands + 1 + i})
			}
		}
	}
	return list
}

// settle is what people do with a run that a fault has stopped for good: what a command only pretended to do they do by hand; and they roll
// back where even so there is no way on. Who was lied to may stand still, but not inside an outage.
func (r *rehearsal) settle(ctx context.Context, tool *crashingTool, opts Options, out *rehearsed) {
	if errors.As(out.err, new(*Pause)) {
		out.how, out.err = Held, nil
		return
	}
	again := func(start starter) error {
		life, err := startLife(ctx, start, r.rb, tool, opts)
		if err == nil {
			out.report, _, err = live(life, func(*Life, Decision) bool { return false })
		}
		return err
	}
	if tool.hit.lied && tool.hit.cmd.Effect != ReadOnly {
		tool.byHand(ctx)
		if err := again(newResume); err == nil {
			out.err = nil
			return
		}
	}
	err := again(newRollback)
	switch {
	case err == nil:
		out.how, out.err = RolledBack, nil
	case tool.hit.lied && tool.hit.cmd.Effect == ReadOnly:
		if stuck := inOutage(opts.Journal); stuck != nil {
			out.err = fmt.Errorf("%w, and there is no way on: %w", stuck, out.err)
			return
		}
		out.how, out.err = Misled, nil
	}
}

// inOutage says which outage a journal leaves open.
func inOutage(j Journal) error {
	st, err := ReadState(j.Records())
	if err != nil {
		return err
	}
	for _, w := range st.leftOpen() {
		if w.holdsStop() {
			return fmt.Errorf("a look was lied to inside an outage, %s", w)
		}
	}
	return nil
}

// byHand carries the struck command out as the operator does who types it.
func (m *crashingTool) byHand(ctx context.Context) {
	cmd := m.hit.cmd
	if job, is := sshexec.SimJobStart(cmd); is {
		cmd = job.Cmd
	}
	cmd.Fence = nil
	if r, err := m.world.Runner(m.hit.host); err == nil {
		_, _ = r.Run(ctx, cmd) // the run sees what came of it
	}
}

package evenkeel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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
	// Mend is what people do before they take a stopped run up again: they give power back, and start what does not start by itself. Where the
	// world has a method Up(host string) bool they also do it after a run that ended while the machine that met the fault was down.
	Mend()
}

// AnyFault stands in RehearsalPlan.Kinds for every kind of fault that the world knows; one alone is named by itself.
const AnyFault ScheduleKind = "faults"

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

// Words say how a schedule ended, for the reader.
func (e RehearsalEnd) Words() string {
	switch e {
	case Finished:
		return "the run went on by itself to its end"
	case Resumed:
		return "the run stopped, and reached its end when it was taken up again"
	case RolledBack:
		return "the run was rolled back"
	case Held:
		return "the run waits for the operator, and says for what"
	case Misled:
		return "a look was lied to; the run stopped outside an outage, and the operator has to find out"
	}
	return string(e)
}

// dispatch is a command that the tool sent to a machine; a document has no arguments.
type dispatch struct {
	host string
	cmd  sshexec.Cmd
	lied bool // its answer was a lie
	at   int  // the number of journal records when it was sent
}

// String is the command as one would type it, with secrets masked, and cut where it is long. Of a script that begins with what it is for it
// is that: the rest names the life that sends it, which is another one each time.
func (d *dispatch) String() string {
	cmd := d.cmd
	if job, is := sshexec.SimJobStart(cmd); is {
		cmd = job.Cmd
	}
	text := plain(cmd.String())
	if len(cmd.Argv) > 2 && cmd.Argv[1] == "-c" && strings.HasPrefix(cmd.Argv[2], "# ") {
		first, _, _ := strings.Cut(strings.TrimPrefix(cmd.Argv[2], "# "), "\n")
		first, _, _ = strings.Cut(first, ". ")
		text = "a script of this tool (" + plain(first) + ")"
	}
	const most = 200
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return text
}

// strike has the command that is about to be sent go wrong, where that is scheduled.
func (m *crashingTool) strike(host string, cmd sshexec.Cmd) {
	here := &m.sent[len(m.sent)-1]
	*here = dispatch{host: host, cmd: cmd}
	if len(m.todo) == 0 || !m.todo[0].Kind.fault() || m.todo[0].At != m.commands {
		return
	}
	w, _ := m.world.(Faulty) // else no such schedule is made
	kind := string(m.todo[0].Kind)
	honest, lies := w.Faults(cmd)
	if !slices.Contains(slices.Concat(honest, lies), kind) {
		return // it is the second part of a schedule that somebody named: see ErrNoSchedule
	}
	w.Strike(kind)
	m.happened()
	m.hits = append(m.hits, dispatch{host, cmd, slices.Contains(lies, kind), m.records})
	m.story.fault("%s, on %s: %s", kind, host, here)
}

// hit is what met the last scheduled fault; nil where none was met.
func (m *crashingTool) hit() *dispatch {
	if len(m.hits) == 0 {
		return nil
	}
	return &m.hits[len(m.hits)-1]
}

// down tells whether a machine on which a fault struck does not answer, where the world can tell.
func (m *crashingTool) down() bool {
	w, can := m.world.(interface{ Up(host string) bool })
	return can && slices.ContainsFunc(m.hits, func(d dispatch) bool { return !w.Up(d.host) })
}

// pretended are the changes that were only pretended to be made.
func (m *crashingTool) pretended() (list []dispatch) {
	for _, d := range m.hits {
		if d.lied && d.cmd.Effect != ReadOnly {
			list = append(list, d)
		}
	}
	return list
}

// misled tells whether a look was lied to, as the last thing that went wrong.
func (m *crashingTool) misled() bool {
	last := m.hits[len(m.hits)-1]
	return m.lastIsFault() && last.lied && last.cmd.Effect == ReadOnly
}

// lastIsFault tells whether the last part of the schedule is a fault.
func (m *crashingTool) lastIsFault() bool {
	parts := m.schedule.parts()
	return parts[len(parts)-1].Kind.fault()
}

// settle is what people do with a run that a fault has stopped for good: what a command only pretended to do they do by hand; and they roll
// back where even so there is no way on. A rollback has no other way. Who was lied to may stand still, but not inside an outage.
// The first part of a pair excuses only what it leads to by itself.
func (r *rehearsal) settle(ctx context.Context, on track, tool *crashingTool, opts Options, out *rehearsed) {
	if errors.As(out.err, new(*Pause)) && (tool.lastIsFault() || r.byItself == Held) {
		out.how, out.err = Held, nil
		return
	}
	again := func(start starter) error {
		life, err := startLife(ctx, start, r.rb, tool, opts)
		if err == nil {
			out.report, _, err = live(life, alone)
		}
		return err
	}
	if list := tool.pretended(); len(list) > 0 {
		tool.story.people("The operator does by hand what only pretended to be done, and starts the tool again.")
		for _, d := range list {
			tool.byHand(ctx, d)
		}
		if err := again(on.again); err == nil {
			out.err = nil
			return
		}
	}
	err := out.err
	if !on.back {
		tool.story.people("The operator rolls back.")
		callOff(tool.world)
		err = again(newRollback)
	}
	switch {
	case err == nil:
		out.how, out.err = RolledBack, nil
	case tool.misled() || r.byItself == Misled:
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

// byHand carries a struck command out as the operator does who types it.
func (m *crashingTool) byHand(ctx context.Context, d dispatch) {
	cmd := d.cmd
	if job, is := sshexec.SimJobStart(cmd); is {
		cmd = job.Cmd
		cmd.Stdin = sshexec.Input{} // what the job was started with can be read once, and was
	}
	cmd.Fence = nil
	if r, err := m.world.Runner(d.host); err == nil {
		_, _ = r.Run(ctx, cmd) // the run sees what came of it
	}
}

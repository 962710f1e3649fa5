package evenkeel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// overEach is how many schedules with a second operator are played for one in which that one goes to its end before the first tool wakes
// up, and not just to a state in which another run was.
const overEach = 8

// suspend has another operator take the run over while the tool is suspended, where that is scheduled.
func (m *crashingTool) suspend(n int) {
	if m.another == nil || !m.due(TakenOver, n) {
		return
	}
	takeOver := m.another
	m.happened()
	m.overtaken, m.another = true, nil
	m.story.fault("The tool is suspended before its command (%s).", m.schedule)
	m.story.people("Another operator takes the run over.")
	takeOver()
	m.story.fault("The tool that was suspended wakes up, and sends its command.")
}

// ran notes a command that ran although the run was taken over from the tool.
func (m *crashingTool) ran(host string, cmd sshexec.Cmd, err error) {
	if m.overtaken && m.late == nil && sshexec.OutcomeOf(err) != NotStarted && cmd.Fence != nil && cmd.Effect != ReadOnly {
		m.late = fmt.Errorf("the run was taken over, and the tool that was suspended woke up and ran %s on %s", &dispatch{cmd: cmd}, host)
	}
}

// succession is a run that was taken over from a tool that was suspended.
type succession struct {
	first   *crashingTool // that was suspended
	out     rehearsed     // what the second operator came to
	tool    *crashingTool // of the second operator
	journal *dyingJournal
	twin    World // as it is where the first tool did not wake up: how the run ended is judged by it
	woke    time.Time
}

// succeed has a second operator take a run over with a copy of the journal, to its end or to a state in which the straight run was.
func (r *rehearsal) succeed(ctx context.Context, from moment, first *crashingTool, records []Record, known states, early bool,
) *succession {
	s := &succession{
		first: first,
		out:   rehearsed{world: first.world, before: from.commands, end: &ending{}},
		tool:  &crashingTool{world: first.world, schedule: first.schedule, commands: first.commands, records: first.records},
	}
	s.tool.story = first.story
	s.journal = &dyingJournal{tool: s.tool, MemJournal: MemJournal{records: records}}
	opts := r.options(first.world, s.tool, s.journal)
	opts.Holder = "another operator"
	life, err := startLife(ctx, from.track.again, r.rb, s.tool, opts)
	r.lives(ctx, from, life, err, s.tool, &opts, r.meeting(s.tool, from, known, &s.out, early, false), &s.out)
	if s.out.how == Finished {
		s.out.how = Resumed
	}
	s.twin, s.woke = first.world.Clone(), first.world.Clock().Now()
	return s
}

// judge is what is wrong with how the run was taken over, after the first tool woke up and ended. That it says it has reached the end is no
// lie: the second one has.
func (s *succession) judge(ctx context.Context) error {
	woken := s.out.world
	s.out.world = s.twin
	if err := errors.Join(s.out.err, s.first.late); err != nil {
		return err
	}
	if err := woken.Check(); err != nil && s.twin.Check() == nil {
		return fmt.Errorf("%w: %w", errWoken, err)
	}
	changed, err := s.changed(ctx, woken)
	if err == nil && changed {
		err = errWoken
	}
	return err
}

var errWoken = errors.New("the run was taken over, and the tool that was suspended woke up and changed something")

// changed tells whether a world differs from one in which the first tool did not wake up, an hour later: what was under way has ended by
// then, and how many commands were sent meanwhile makes no difference.
func (s *succession) changed(ctx context.Context, woken World) (bool, error) {
	asleep, late := s.twin.Clone(), woken.Clone()
	if err := asleep.Clock().Sleep(ctx, late.Clock().Now().Sub(s.woke)+away); err != nil {
		return false, err
	}
	err := late.Clock().Sleep(ctx, away)
	return everything(late) != everything(asleep), err
}

// everything is the state of a world, of which the clock is no part, as far as the world can tell.
func everything(w World) string {
	if f, can := w.(Fingerprinter); can {
		return f.Fingerprint("")
	}
	return w.Hash()
}

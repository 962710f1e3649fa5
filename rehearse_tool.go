package evenkeel

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

var errDied = errors.New("the tool crashed")

// crashingTool is the tool as the world sees it: it crashes at its schedule, and from then on nothing of it reaches the world or
// the journal, until it is started again.
type crashingTool struct {
	world    World
	schedule Schedule
	commands int
	changes  int // commands that change something: those with a fence
	records  int
	dead     bool
	todo     []Interruption // what of the schedule has not happened yet
	since    passed         // where the run stood when the last of it happened
	turn     sync.Mutex     // an operation may ask several servers at once
	stop     chan struct{}  // closed to ask for a stop; nil when that was done
	sent     []dispatch     // each command or document
	hits     []dispatch     // what met a scheduled fault
	story    *story         // nil where nobody is told

	another   func() // has another operator take the run over; nil where that is not scheduled, or was done
	overtaken bool   // that was done
	late      error  // a command that ran all the same
}

// goes has the tool go on from a moment by a schedule.
func (m *crashingTool) goes(from moment, s Schedule) *crashingTool {
	m.schedule, m.todo, m.commands, m.records = s, s.parts(), from.commands, from.records
	return m
}

// due tells whether this is the next point at which something is scheduled.
func (m *crashingTool) due(kind ScheduleKind, n int) bool {
	return len(m.todo) > 0 && m.todo[0] == Interruption{kind, n}
}

// happened notes that what is scheduled next has happened.
func (m *crashingTool) happened() {
	m.todo, m.since = m.todo[1:], passed{records: m.records, commands: m.commands}
}

// struck tells whether all that is scheduled has happened.
func (m *crashingTool) struck() bool { return m.schedule != (Schedule{}) && len(m.todo) == 0 }

// asked asks to stop where that is scheduled.
func (m *crashingTool) asked(kind ScheduleKind, n int) {
	if m.due(kind, n) && m.stop != nil {
		m.happened()
		m.story.fault("Somebody asks the tool to stop.")
		close(m.stop)
	}
}

// stopped tells whether a stop was asked for.
func (m *crashingTool) stopped() bool {
	return m.struck() && (m.schedule.Kind == StopRecord || m.schedule.Kind == StopCommand)
}

// dies tells whether this is the scheduled point, and ends the tool's life there.
func (m *crashingTool) dies(crash ScheduleKind, n int) bool {
	if !m.due(crash, n) {
		return false
	}
	m.dead = true
	m.happened()
	m.story.fault("%s (%s %d).", sentence(crash.Words()), crash, n)
	return true
}

// Runner is the way to a machine of the world, for as long as the tool lives.
func (m *crashingTool) Runner(host string) (sshexec.Runner, error) {
	r, err := m.world.Runner(host)
	if err != nil {
		return nil, err
	}
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (res sshexec.Result, err error) {
		died := m.sends(cmd.Fence != nil && cmd.Effect != ReadOnly, func() {
			m.strike(host, cmd)
			res, err = r.Run(ctx, cmd)
			m.ran(host, cmd, err)
		})
		switch {
		case errors.Is(died, errLost):
			lost := sshexec.Result{Outcome: Unknown}
			return lost, sshexec.Failure(host, cmd, lost, died)
		case died != nil:
			return sshexec.Result{}, died
		}
		return res, err
	}), nil
}

var errLost = errors.New("the connection was lost (rehearsed)")

// sends lets the tool send a command or a document, and says what became of it: nil, errDied or errLost.
func (m *crashingTool) sends(changes bool, send func()) error {
	m.turn.Lock()
	defer m.turn.Unlock()
	if m.dead {
		return errDied
	}
	m.commands++
	m.sent = append(m.sent, dispatch{}) // of a document it stays empty
	if changes {
		m.changes++
	}
	n := m.commands
	m.asked(StopCommand, n)
	m.suspend(n)
	if m.dies(CrashBefore, n) {
		return errDied
	}
	send()
	switch {
	case m.dies(CrashAfter, n):
		return errDied
	case m.due(CrashLost, n):
		m.happened()
		m.story.fault("The answer of the command is lost; it took effect.")
		return errLost
	}
	return nil
}

// Dial is the way to a server of the world, where it has one. A dead tool may dial, and sends nothing.
func (m *crashingTool) Dial(ctx context.Context, host, address string) (change.Conn, error) {
	d, ok := m.world.(change.Dialer)
	if !ok {
		return nil, change.ErrNoDialer
	}
	conn, err := d.Dial(ctx, host, address)
	return &crashingConn{conn, m}, err
}

type crashingConn struct {
	change.Conn
	tool *crashingTool
}

// Send sends a document while the tool lives. An error that does not say what became of it counts as unknown.
func (c *crashingConn) Send(ctx context.Context, d change.Doc) (reply string, err error) {
	if died := c.tool.sends(d.Effect != ReadOnly, func() {
		reply, err = c.Conn.Send(ctx, d)
	}); died != nil {
		return "", died
	}
	return reply, err
}

// dyingJournal is the journal as a resume would find it on the disk.
type dyingJournal struct {
	MemJournal
	tool *crashingTool
}

// Append writes a record, or dies in the middle of it, or right after it.
func (j *dyingJournal) Append(r Record) error {
	if j.tool.dead {
		return errDied
	}
	j.tool.records++
	if j.tool.dies(CrashTorn, j.tool.records) {
		return errDied // what a resume reads is the journal without the torn record
	}
	if err := j.MemJournal.Append(r); err != nil {
		return err
	}
	j.tool.asked(StopRecord, j.tool.records)
	if j.tool.dies(CrashRecord, j.tool.records) {
		return errDied
	}
	return nil
}

// dyingClock is the world's clock; a dead tool waits for nothing.
type dyingClock struct {
	tool *crashingTool
	Clock
}

// Sleep lets the world's time pass while the tool lives.
func (c dyingClock) Sleep(ctx context.Context, d time.Duration) error {
	if c.tool.dead {
		return errDied
	}
	return c.Clock.Sleep(ctx, d)
}

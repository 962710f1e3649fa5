package simhost

import (
	"context"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// World is a State that several runners share, one command at a time. All its methods are safe for concurrent use.
//
// The hooks are for crash tests. They are called outside the turn, so that they may hold a command back, or do
// something to the world through Do. Set them before the first command; a clone has none.
type World struct {
	BeforeEffect func(host string, c sshexec.Cmd)                     // before a command is sent
	AfterEffect  func(host string, c sshexec.Cmd, res sshexec.Result) // after a command acted, before its answer is given

	turn sync.Mutex
	s    *State
}

// NewWorld wraps a state, which must from then on be touched through the World alone.
func NewWorld(s *State) *World { return &World{s: s} }

// Do gives f the state for as long as it runs. What f changes is logged as changed by itself.
func (w *World) Do(f func(s *State)) {
	w.turn.Lock()
	defer w.turn.Unlock()
	w.s.byItself(func() { f(w.s) })
}

// Now is the virtual time.
func (w *World) Now() time.Time {
	w.turn.Lock()
	defer w.turn.Unlock()
	return w.s.now
}

// Advance lets virtual time pass.
func (w *World) Advance(d time.Duration) { w.Do(func(s *State) { s.Sleep(d) }) }

// Sleep is Advance for callers with a context.
func (w *World) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.Advance(d)
	return nil
}

// Clone is a deep copy of the world, without the hooks.
func (w *World) Clone() *World {
	w.turn.Lock()
	defer w.turn.Unlock()
	return NewWorld(w.s.Clone())
}

// Hash is State.Hash in hexadecimal.
func (w *World) Hash() string {
	w.turn.Lock()
	defer w.turn.Unlock()
	sum := w.s.Hash()
	return hex.EncodeToString(sum[:])
}

// HashWithout is State.HashWithout in hexadecimal. A world all of whose state is here can give it as its Fingerprint, by a
// method of its own.
func (w *World) HashWithout(without string) string {
	w.turn.Lock()
	defer w.turn.Unlock()
	sum := w.s.HashWithout(without)
	return hex.EncodeToString(sum[:])
}

// Log is State.Log.
func (w *World) Log() []Entry {
	w.turn.Lock()
	defer w.turn.Unlock()
	return w.s.Log()
}

// Violations is State.Violations.
func (w *World) Violations() []Violation {
	w.turn.Lock()
	defer w.turn.Unlock()
	return w.s.Violations()
}

// Runner runs commands on a host, named in full or in short. The error says that there is no such host.
func (w *World) Runner(host string) (sshexec.Runner, error) {
	w.turn.Lock()
	defer w.turn.Unlock()
	h := w.s.Host(host)
	if h == nil {
		return nil, fmt.Errorf("cannot reach %s: no host of that name in the simulated world", host)
	}
	name := h.Name
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		return w.run(ctx, name, cmd)
	}), nil
}

func (w *World) run(ctx context.Context, host string, cmd sshexec.Cmd) (sshexec.Result, error) {
	if err := refuse(ctx, cmd); err != nil {
		return sshexec.Result{}, sshexec.Failure(host, cmd, sshexec.Result{}, err)
	}
	shown := cmd
	if job, is := sshexec.SimJobStart(cmd); is {
		shown = job.Cmd
		shown.Stdin = sshexec.Input{} // it can be read once, by the job
	}
	if w.BeforeEffect != nil {
		w.BeforeEffect(host, shown)
	}
	res, cause := w.locked(host, cmd)
	if w.AfterEffect != nil {
		w.AfterEffect(host, shown, res)
	}
	return res, sshexec.Failure(host, cmd, res, cause)
}

func refuse(ctx context.Context, cmd sshexec.Cmd) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return cmd.Validate()
}

func (w *World) locked(host string, cmd sshexec.Cmd) (sshexec.Result, error) {
	w.turn.Lock()
	defer w.turn.Unlock()
	return w.s.Run(host, cmd)
}

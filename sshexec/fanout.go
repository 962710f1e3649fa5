package sshexec

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Policy says what Each and Parallel do when a command fails.
type Policy uint8

// The policies. The zero value is the careful one.
const (
	StopOnFirst Policy = iota // start nothing new after the first failure; what runs is let finish
	GoOn                      // run every command, whatever the others did
)

// DefaultLimit is how many commands of a fan-out run at a time unless FanOptions say otherwise.
const DefaultLimit = 50

// FanOptions say how a fan-out goes about its work.
type FanOptions struct {
	Limit    int              // how many commands run at a time; DefaultLimit when zero or less
	Policy   Policy           // what a failure does to the commands that were not started yet
	OnResult func(HostResult) // gets each result as it comes, one at a time, those that were not started last; may be nil
}

// HostResult is what became of the command on one host. A host that was not reached because another one failed, or because the context ended, has an
// Err that is ErrNotReached and the outcome NotStarted.
type HostResult struct {
	Host   string
	Result Result
	Err    error // nil for exit status 0; otherwise a *CommandError
}

// Job is one command for one machine, where the machines of a fan-out do not all do the same.
type Job struct {
	Host   string // the name under which the result is reported
	Runner Runner
	Cmd    Cmd
}

// Errors of a fan-out.
var (
	ErrNotReached    = errors.New("the fan-out ended before this command was started")
	ErrDuplicateHost = errors.New("a host is named twice, and would run the command twice")
	ErrShared        = errors.New("one stream or writer cannot serve many hosts; use Text or FileInput, and leave Stdout nil")
)

// FanError is what a fan-out returns when not every command exited with status 0. It unwraps to the hosts' own errors, those of hosts that were not reached left out.
type FanError struct {
	Total      int          // how many commands there were
	Failed     []HostResult // those that failed, in the order of the hosts
	NotReached int          // how many were not started because of that, or because the context ended
	Cause      error        // the context's error when that is what ended the fan-out
}

// shownFailures is how many failures a FanError's message spells out.
const shownFailures = 3

func (e *FanError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d commands failed", len(e.Failed), e.Total)
	if e.NotReached > 0 {
		fmt.Fprintf(&b, ", %d were not started", e.NotReached)
	}
	if e.Cause != nil {
		b.WriteString(": " + e.Cause.Error())
	}
	for i, f := range e.Failed {
		if i == shownFailures {
			fmt.Fprintf(&b, "; and %d more", len(e.Failed)-i)
			break
		}
		b.WriteString("; " + f.Err.Error())
	}
	return b.String()
}

// Unwrap gives the failures, and the context's error where that ended the fan-out.
func (e *FanError) Unwrap() []error {
	errs := make([]error, 0, len(e.Failed)+1)
	if e.Cause != nil {
		errs = append(errs, e.Cause)
	}
	for _, f := range e.Failed {
		errs = append(errs, f.Err)
	}
	return errs
}

// Each runs one command on many hosts, at most Limit at a time, and returns the results in the order of the hosts, whatever the order in which they finished. The Runner of a host is asked
// for when its turn comes; an error of it is the host's result, with the outcome NotStarted. Each does not close Runners; OnceRunner gives one that leaves nothing open.
//
// The results are complete also when the error is not nil. It is a *FanError when commands failed or were not started; ErrDuplicateHost, ErrShared or what Cmd.Validate says when nothing
// was begun.
func Each(ctx context.Context, hosts []string, runner func(host string) (Runner, error), cmd Cmd, opt FanOptions) ([]HostResult, error) {
	seen := make(map[string]bool, len(hosts))
	jobs := make([]Job, len(hosts))
	for i, host := range hosts {
		if seen[host] {
			return notReached(ctx, jobs, hosts), fmt.Errorf("cannot run %s on %s: %w", cmd, host, ErrDuplicateHost)
		}
		seen[host] = true
		jobs[i] = Job{Host: host, Cmd: cmd, Runner: RunnerFunc(func(ctx context.Context, cmd Cmd) (Result, error) {
			r, err := runner(host)
			if err != nil {
				return Result{}, Failure(host, cmd, Result{}, err)
			}
			return r.Run(ctx, cmd)
		})}
	}
	if len(hosts) > 1 && (cmd.Stdout != nil || cmd.Stdin.stream != nil) {
		return notReached(ctx, jobs, hosts), fmt.Errorf("cannot run %s on %d hosts: %w", cmd, len(hosts), ErrShared)
	}
	return Parallel(ctx, jobs, opt)
}

// notReached is the result of a fan-out that was refused as a whole.
func notReached(ctx context.Context, jobs []Job, hosts []string) []HostResult {
	f := fan{ctx: ctx, jobs: jobs, results: make([]HostResult, len(hosts))}
	for i, host := range hosts {
		f.jobs[i].Host = host
		f.results[i] = f.unreached(i)
	}
	return f.results
}

// Parallel runs several commands at the same time, as in several terminals: Each for commands that differ, or that run on the same host. Every command is checked before the first one is
// started. Results and error are those of Each.
func Parallel(ctx context.Context, jobs []Job, opt FanOptions) ([]HostResult, error) {
	f := &fan{ctx: ctx, jobs: jobs, opt: opt, results: make([]HostResult, len(jobs)), done: make([]bool, len(jobs))}
	for _, job := range jobs {
		if err := job.Cmd.Validate(); err != nil {
			for i := range jobs {
				f.results[i] = f.unreached(i)
			}
			return f.results, err
		}
	}
	limit := opt.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	var workers sync.WaitGroup
	for range min(limit, len(jobs)) {
		workers.Go(f.work)
	}
	workers.Wait()
	return f.results, f.finish()
}

// fan is a fan-out under way.
type fan struct {
	ctx     context.Context //nolint:containedctx // the fan lives no longer than the call of Parallel
	jobs    []Job
	opt     FanOptions
	results []HostResult

	mu      sync.Mutex
	next    int    // the first job that nobody took
	done    []bool // which jobs have a result
	stopped bool   // nothing new is started
}

// work runs one job after another until there are no more.
func (f *fan) work() {
	for {
		i, ok := f.take()
		if !ok {
			return
		}
		job := f.jobs[i]
		res, err := job.Runner.Run(f.ctx, job.Cmd)
		f.report(i, HostResult{Host: job.Host, Result: res, Err: err})
	}
}

func (f *fan) take() (int, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped || f.next == len(f.jobs) || f.ctx.Err() != nil {
		return 0, false
	}
	f.next++
	return f.next - 1, true
}

// report keeps a result; the lock makes the calls of OnResult come one at a time.
func (f *fan) report(i int, r HostResult) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.results[i], f.done[i] = r, true
	if r.Err != nil && f.opt.Policy != GoOn {
		f.stopped = true
	}
	if f.opt.OnResult != nil {
		f.opt.OnResult(r)
	}
}

// finish fills in what was not started and sums up.
func (f *fan) finish() error {
	sum := &FanError{Total: len(f.jobs)}
	for i := range f.jobs {
		switch {
		case !f.done[i]:
			sum.NotReached++
			f.report(i, f.unreached(i))
		case f.results[i].Err != nil:
			sum.Failed = append(sum.Failed, f.results[i])
		}
	}
	if sum.NotReached > 0 && f.ctx.Err() != nil {
		sum.Cause = contextCause(f.ctx)
	}
	if len(sum.Failed) == 0 && sum.NotReached == 0 {
		return nil
	}
	return sum
}

func (f *fan) unreached(i int) HostResult {
	cause := ErrNotReached
	if f.ctx.Err() != nil {
		cause = fmt.Errorf("%w: %w", ErrNotReached, contextCause(f.ctx))
	}
	job := f.jobs[i]
	return HostResult{Host: job.Host, Err: Failure(job.Host, job.Cmd, Result{}, cause)}
}

// OnceRunner is a Runner that connects for every command and closes the connection after it: for a fan-out over more hosts than one wants to keep connections to.
func OnceRunner(cfg Config) Runner {
	return RunnerFunc(func(ctx context.Context, cmd Cmd) (Result, error) {
		if err := cmd.Validate(); err != nil {
			return Result{}, Failure(cfg.Host, cmd, Result{}, err)
		}
		c, err := NewClient(cfg)
		if err != nil {
			return Result{}, Failure(cfg.Host, cmd, Result{}, err)
		}
		defer func() { _ = c.Close() }()
		return c.Run(ctx, cmd)
	})
}

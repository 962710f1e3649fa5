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
	Limit    int                // how many commands run at a time; DefaultLimit when zero or less
	Policy   Policy             // what a failure does to the commands that were not started yet
	OnResult func(HostResult)   // gets each result as it comes, one at a time, those that were not started last; may be nil
	OnLine   func(string, Line) // gets every line of output with its host's name as it comes, one at a time; may be nil
}

// HostResult is what became of the command on one host. A host that was not reached because another one failed, or
// because the context ended, has an Err that is ErrNotReached and the outcome NotStarted.
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
	ErrNoHosts       = errors.New("there is nothing to run on: no host, or no Runner for it, was given")
	ErrShared        = errors.New("one stream, writer or observer cannot serve many hosts; use Text or FileInput, and FanOptions.OnLine")
)

// FanError is what a fan-out returns when not every command exited with status 0. It unwraps to the hosts' own errors,
// those of hosts that were not reached left out.
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
		fmt.Fprintf(&b, ", %d not started", e.NotReached)
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

// Each runs one command on many hosts, at most Limit at a time, and returns the results in the order of the hosts,
// whatever the order in which they finished. The Runner of a host is asked for when its turn comes; an error of it is
// the host's result, with the outcome NotStarted. Each does not close Runners; OnceRunner gives one that leaves nothing
// open.
//
// The results are complete also when the error is not nil. It is a *FanError when commands failed or were not started;
// ErrNoHosts, ErrDuplicateHost, ErrShared or what Cmd.Validate says when nothing was begun.
func Each(ctx context.Context, hosts []string, runner func(host string) (Runner, error), cmd Cmd, opt FanOptions) ([]HostResult, error) {
	seen := make(map[string]bool, len(hosts))
	jobs := make([]Job, len(hosts))
	var refusal error
	if runner == nil {
		runner = func(string) (Runner, error) { return nil, ErrNoHosts }
	}
	for i, host := range hosts {
		if seen[host] {
			refusal = fmt.Errorf("cannot run %s on %s: %w", cmd, host, ErrDuplicateHost)
		}
		seen[host] = true
		jobs[i] = Job{Host: host, Cmd: cmd, Runner: RunnerFunc(func(ctx context.Context, cmd Cmd) (Result, error) {
			r, err := runner(host)
			if err == nil && r == nil {
				err = ErrNoHosts
			}
			if err != nil {
				return Result{}, Failure(host, cmd, Result{}, err)
			}
			return r.Run(ctx, cmd)
		})}
	}
	if len(hosts) > 1 && (cmd.Stdout != nil || cmd.Lines != nil || cmd.Stdin.stream != nil) {
		refusal = fmt.Errorf("cannot run %s on %d hosts: %w", cmd, len(hosts), ErrShared)
	}
	if refusal != nil {
		return allUnreached(ctx, jobs), refusal
	}
	return Parallel(ctx, jobs, opt)
}

// Parallel runs several commands at the same time, as in several terminals: Each for commands that differ, or that run
// on the same host. Every command is checked before the first one is started. Results and error are those of Each.
func Parallel(ctx context.Context, jobs []Job, opt FanOptions) ([]HostResult, error) {
	if len(jobs) == 0 { // success with nothing done would be taken for "done everywhere"
		return nil, ErrNoHosts
	}
	for _, job := range jobs {
		if err := job.Cmd.Validate(); err != nil {
			return allUnreached(ctx, jobs), err
		}
		if job.Runner == nil {
			return allUnreached(ctx, jobs), fmt.Errorf("%s: %w", job.Host, ErrNoHosts)
		}
	}
	limit := opt.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	f := &fan{jobs: jobs, opt: opt, results: make([]HostResult, len(jobs)), done: make([]bool, len(jobs))}
	var workers sync.WaitGroup
	for range min(limit, len(jobs)) {
		workers.Go(func() { f.work(ctx) })
	}
	workers.Wait()
	return f.results, f.finish(ctx)
}

// fan is a fan-out under way.
type fan struct {
	jobs    []Job
	opt     FanOptions
	results []HostResult
	lines   sync.Mutex // held while OnLine runs

	mu      sync.Mutex
	next    int    // the first job that nobody took
	done    []bool // which jobs have a result
	stopped bool   // nothing new is started
}

// work runs one job after another until there are no more.
func (f *fan) work(ctx context.Context) {
	for {
		i, ok := f.take(ctx)
		if !ok {
			return
		}
		job := f.jobs[i]
		res, err := job.Runner.Run(ctx, f.observed(job))
		f.report(i, HostResult{Host: job.Host, Result: res, Err: err})
	}
}

// observed is the command with its lines going to OnLine, after an observer of its own.
func (f *fan) observed(job Job) Cmd {
	cmd, own := job.Cmd, job.Cmd.Lines
	if f.opt.OnLine == nil {
		return cmd
	}
	cmd.Lines = func(l Line) {
		if own != nil {
			own(l)
		}
		f.lines.Lock()
		defer f.lines.Unlock()
		f.opt.OnLine(job.Host, l)
	}
	return cmd
}

func (f *fan) take(ctx context.Context) (int, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped || f.next == len(f.jobs) || ctx.Err() != nil {
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
func (f *fan) finish(ctx context.Context) error {
	sum := &FanError{Total: len(f.jobs)}
	for i, job := range f.jobs {
		switch {
		case !f.done[i]:
			sum.NotReached++
			f.report(i, unreached(ctx, job))
		case f.results[i].Err != nil:
			sum.Failed = append(sum.Failed, f.results[i])
		}
	}
	if len(sum.Failed) == 0 && sum.NotReached == 0 {
		return nil
	}
	if sum.NotReached > 0 {
		sum.Cause = contextCause(ctx)
	}
	return sum
}

func unreached(ctx context.Context, job Job) HostResult {
	cause := ErrNotReached
	if ctx.Err() != nil {
		cause = fmt.Errorf("%w: %w", ErrNotReached, contextCause(ctx))
	}
	return HostResult{Host: job.Host, Err: Failure(job.Host, job.Cmd, Result{}, cause)}
}

// allUnreached is the result of a fan-out that was refused as a whole.
func allUnreached(ctx context.Context, jobs []Job) []HostResult {
	results := make([]HostResult, len(jobs))
	for i, job := range jobs {
		results[i] = unreached(ctx, job)
	}
	return results
}

// OnceRunner is a Runner that connects for every command and closes the connection after it: for a fan-out over more
// hosts than one wants to keep connections to.
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

package evenkeel

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// JobRunsError says that the command of a detached action may still run on its machine, where nobody waits for it any more. Nothing
// is undone meanwhile.
type JobRunsError struct {
	Host, Job string
	Err       error // why nobody waits
}

func (e *JobRunsError) Error() string {
	return fmt.Sprintf("the job %s may still run on %s; resume waits for its end (%v)", e.Job, e.Host, e.Err)
}

func (e *JobRunsError) Unwrap() error { return e.Err }

// jobsDir is where the jobs of detached actions are kept on each machine: beside its lease.
func jobsDir(lease string) string { return strings.TrimSuffix(lease, ".lease") + ".jobs" }

func (e *engine) jobOptions(id string) sshexec.SuperviseOptions {
	return sshexec.SuperviseOptions{Dir: jobsDir(e.opts.LeasePath), ID: id, Clock: e.opts.Clock, GiveUp: jobPatience}
}

// jobPatience is how long a machine may be out of reach before a life stops waiting for a job there.
const jobPatience = 30 * time.Minute

// supervise runs a command as a job, or finds the job again that was started before.
func (e *engine) supervise(ctx context.Context, host string, cmd sshexec.Cmd, id string) (sshexec.Result, error) {
	return sshexec.Supervise(ctx, e.jobRunner(host, cmd), cmd, e.jobOptions(id))
}

// jobRunner runs what starts, looks at and ends a job: behind the fence where the command itself would be.
func (e *engine) jobRunner(host string, cmd sshexec.Cmd) sshexec.Runner {
	return sshexec.RunnerFunc(func(ctx context.Context, c sshexec.Cmd) (sshexec.Result, error) {
		c.Wide = cmd.Wide && c.Effect != ReadOnly
		return e.exec(ctx, host, c)
	})
}

// openJob is the job of an action of which nobody knows how it ended; empty when there is none.
func (e *engine) openJob(s *Step, phase Phase, a *Action) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.st.Step(s.ID).jobs[actionKey{phase, a.ID}]
}

// jobOf names the job that an action runs as, which is its open one where there is one; empty when it is not detached.
func (e *engine) jobOf(s *Step, phase Phase, a *Action) string {
	if !a.Detached {
		return ""
	}
	if id := e.openJob(s, phase, a); id != "" {
		return id
	}
	return s.ID + "." + a.ID + "-" + strings.ToLower(rand.Text()[:8])
}

// rejoin waits for the job that an action began in a life before, and brings the action to its end by the end of the
// job. done is false where there is no such job, or where it is lost: then the action is taken up as any other that may
// have run.
func (e *engine) rejoin(ctx context.Context, s *Step, phase Phase, a *Action) (done bool, err error) {
	id := e.openJob(s, phase, a)
	if id == "" || !a.Detached {
		return false, nil
	}
	cmd, err := e.facts().ExpandCmd(a.Cmd)
	if err != nil {
		return false, err
	}
	j, err := sshexec.Attach(ctx, e.jobRunner(a.host(s), cmd), cmd, e.jobOptions(id))
	if err == nil {
		err = j.Status(ctx)
	}
	switch {
	case err == nil, errors.Is(err, sshexec.ErrJobRuns):
		if err := e.beginAt(s, phase); err != nil {
			return false, err
		}
		return true, e.perform(ctx, s, phase, a)
	case errors.Is(err, sshexec.ErrNoJob), errors.Is(err, sshexec.ErrJobLost):
		e.mu.Lock()
		delete(e.st.at(s.ID).jobs, actionKey{phase, a.ID})
		e.mu.Unlock()
		return false, nil
	}
	return false, e.stop(s, phase, a, fmt.Errorf("cannot tell what became of %s: %w", a.Title, err))
}

// jobTime is how long the jobs may still run that lives before have left on a host: a life waits for them before it takes the lease.
func (e *engine) jobTime(host string) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	var longest time.Duration
	for id, ss := range e.st.Steps {
		s := e.rb.step(id)
		for key, job := range ss.jobs {
			if a := s.action(Decision{Step: id, Phase: key.phase, Action: key.id}); job != "" && a != nil && a.host(s) == host {
				longest = max(longest, within(a), a.Cmd.Timeout)
			}
		}
	}
	return longest
}

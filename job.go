package evenkeel

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path"
	"slices"
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
	return fmt.Sprintf("the job %s may still run on %s; whoever goes on waits for its end (%v)", e.Job, e.Host, e.Err)
}

func (e *JobRunsError) Unwrap() error { return e.Err }

// jobsDir is where the jobs of detached actions are kept on each machine: beside its lease.
func jobsDir(lease string) string { return strings.TrimSuffix(lease, ".lease") + ".jobs" }

func (e *engine) jobOptions(s *Step, phase Phase, host, id string) sshexec.SuperviseOptions {
	clock := jobClock{e, s, phase}
	return sshexec.SuperviseOptions{Dir: jobsDir(e.opts.LeasePath), ID: id, Clock: clock, Waits: func(err error) {
		e.keyed(EventWait, s, nil, "job/"+id, "%s is out of reach; the job %s may go on there: %v", host, id, err)
	}}
}

// jobClock waits while the machine of a job is out of reach, and no longer than an outage around it may last.
type jobClock struct {
	e     *engine
	s     *Step
	phase Phase
}

func (c jobClock) Now() time.Time { return c.e.opts.Clock.Now() }

func (c jobClock) Sleep(ctx context.Context, d time.Duration) error {
	c.e.alarms(c.s)
	if c.phase == PhaseDo {
		if err := c.e.outlasted(ctx, c.s); err != nil {
			return err
		}
		for _, w := range c.e.openWindows() {
			if left := c.e.due(w).Sub(c.Now()); w.holdsStop() && left >= 0 {
				d = min(d, left+1) // when that has passed, the window is overdue
			}
		}
	}
	return c.e.opts.Clock.Sleep(ctx, d)
}

// supervise runs a command as a job, or finds the job again that was started before.
func (e *engine) supervise(ctx context.Context, s *Step, phase Phase, host string, cmd sshexec.Cmd, id string) (
	sshexec.Result, error) {
	return sshexec.Supervise(ctx, e.jobRunner(host, cmd), cmd, e.jobOptions(s, phase, host, id))
}

// jobRunner runs what starts, looks at and ends a job: behind the fence where the command itself would be.
func (e *engine) jobRunner(host string, cmd sshexec.Cmd) sshexec.Runner {
	return sshexec.RunnerFunc(func(ctx context.Context, c sshexec.Cmd) (sshexec.Result, error) {
		c.Wide = cmd.Wide
		return e.exec(ctx, host, c)
	})
}

// canKeepJobs sees beforehand that the detached actions of a host can run as jobs there.
func (e *engine) canKeepJobs(ctx context.Context, host string) error {
	users := map[string]*sshexec.Cmd{}
	for i := range e.rb.Steps {
		s := &e.rb.Steps[i]
		for _, p := range s.parts() {
			for j := range p.actions {
				if a := &p.actions[j]; a.Detached && a.host(s) == host {
					users[asUser(a.Cmd)] = &a.Cmd
				}
			}
		}
	}
	for _, user := range sorted(users) {
		as := users[user]
		check := sshexec.CheckJobs(jobsDir(e.opts.LeasePath))
		check.Sudo, check.Timeout = as.Sudo, sshexec.LeaseTimeout
		res, err := e.exec(ctx, host, check)
		if err == nil && res.Text() != "ok" {
			err = errors.New(res.Text())
		}
		if err != nil {
			return fmt.Errorf("%s cannot run long commands as jobs: %w", host, err)
		}
	}
	return nil
}

// openJob is the job of an action of which nobody knows how it ended; empty when there is none.
func (e *engine) openJob(s *Step, phase Phase, a *Action) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.st.Step(s.ID).jobs[actionKey{phase, a.ID}]
}

// jobIn is a job of which nobody knows how it ended, of the step or of another one that does not go on beside it; empty when there is none.
func (e *engine) jobIn(opener *Step) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, ss := range e.st.Steps {
		beside := id != opener.ID && slices.ContainsFunc(e.rb.together(opener.ID), func(s Step) bool { return s.ID == id })
		for _, job := range ss.jobs {
			if job != "" && !beside {
				return job
			}
		}
	}
	return ""
}

// jobOf names the job that an action runs as, which is its open one where there is one; empty when it is not detached.
func (e *engine) jobOf(s *Step, phase Phase, a *Action) string {
	if !a.Detached {
		return ""
	}
	if id := e.openJob(s, phase, a); id != "" {
		return id
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if id := e.unused[s.ID+"/"+a.ID]; id != "" { // it was journalled, and never started
		delete(e.unused, s.ID+"/"+a.ID)
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
	j, err := sshexec.Attach(ctx, e.jobRunner(a.host(s), cmd), cmd, e.jobOptions(s, phase, a.host(s), id))
	if err == nil {
		err = j.Status(ctx)
	}
	switch {
	case err == nil, errors.Is(err, sshexec.ErrJobRuns):
		if err := e.beginAt(s, phase); err != nil {
			return false, err
		}
		e.event(EventWait, s, a, "its job %s is found again, and waited for", id)
		return true, e.perform(ctx, s, phase, a)
	case errors.Is(err, sshexec.ErrNoJob), errors.Is(err, sshexec.ErrJobLost):
		e.mu.Lock()
		delete(e.st.at(s.ID).jobs, actionKey{phase, a.ID})
		if errors.Is(err, sshexec.ErrNoJob) {
			e.unused[s.ID+"/"+a.ID] = id
		}
		e.mu.Unlock()
		return false, nil
	}
	return false, e.stop(s, phase, a, &Pause{Reason: fmt.Sprintf("nobody can tell what became of the job %s of %q on %s: "+
		"%v. Make sure that the machine answers, and resume. If it answers and the directory %s there is damaged: make sure "+
		"that the job has ended, remove that directory, and resume; what the job has done is probed then",
		id, a.Title, a.host(s), err, path.Join(jobsDir(e.opts.LeasePath), id))})
}

// jobTime is how long the jobs may still run that lives before have left on a host: a life waits for them before it takes the
// lease, a rollback for those of its run, too.
func (e *engine) jobTime(host string) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	longest := openJobs(e.rb, e.st, host)
	if e.rb.origin != nil {
		longest = max(longest, openJobs(e.rb.origin, e.whole, host))
	}
	return longest
}

// openJobs is the longest time that the open jobs on a host may take; 0 where there are none.
func openJobs(rb *Runbook, st *State, host string) (longest time.Duration) {
	for id, ss := range st.Steps {
		s := rb.step(id)
		for key, job := range ss.jobs {
			if a := s.action(Decision{Step: id, Phase: key.phase, Action: key.id}); job != "" && a != nil && a.host(s) == host {
				longest = max(longest, within(a), a.Cmd.Timeout)
			}
		}
	}
	return longest
}

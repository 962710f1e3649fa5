package evenkeel_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// quickClock is the machine's clock, with short sleeps.
type quickClock struct{}

func (quickClock) Now() time.Time { return time.Now() }
func (quickClock) Sleep(ctx context.Context, _ time.Duration) error {
	return evenkeel.WallClock{}.Sleep(ctx, 20*time.Millisecond)
}

// jobScene is a runbook with one detached action on this machine: its job notes in the file "ran" that it runs, waits
// for the file "go", and ends as the file "end" says.
type jobScene struct {
	t       *testing.T
	dir     string
	book    *evenkeel.Runbook
	journal evenkeel.MemJournal
	runner  sshexec.Runner
	watch   func(evenkeel.Event)
	once    sync.Once
	clock   evenkeel.Clock
	patient time.Duration // how long a life waits for the life before
}

var answer = evenkeel.NewFact[string]("answer", "what the job printed")

// lasting is a directory in which a lease may be kept: not below /tmp.
func lasting(t *testing.T) string {
	for _, tool := range []string{"flock", "setsid"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("a detached action needs %s: %v", tool, err)
		}
	}
	home, err := os.UserCacheDir()
	if err == nil {
		err = errors.Join(os.MkdirAll(home, 0o700), sshexec.CheckLeasePath(filepath.Join(home, "x.lease")))
	}
	if err != nil {
		t.Skipf("no directory for a lease: %v", err)
	}
	dir, err := os.MkdirTemp(home, "evenkeel-test-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func newJobScene(t *testing.T) *jobScene {
	s := &jobScene{t: t, dir: lasting(t), runner: sshexec.Local{}, watch: func(evenkeel.Event) {}, clock: quickClock{}}
	says := []evenkeel.Make{answer.From(func(o evenkeel.Observed) (string, error) { return o.Text(), nil })}
	job := `cd "$1" && echo x >>ran && while [ -d "$1" ] && [ ! -e go ]; do sleep 0.02; done
		cat go; exit "$(cat end 2>/dev/null || echo 0)"`
	s.book = &evenkeel.Runbook{Name: "job", Title: "Job", LeaseHosts: []string{"h"}, Steps: []evenkeel.Step{{
		ID: "s", Title: "Install", Host: "h", Makes: []evenkeel.FactKey{answer}, UndoOnFailure: true,
		Undo: []evenkeel.Action{evenkeel.Do("undo", "Undo it", "touch", filepath.Join(s.dir, "undone"))},
		Actions: []evenkeel.Action{{
			ID: "install", Detached: true, Makes: says,
			Change: evenkeel.Change{
				Title: "Install", Cmd: sshexec.Script(sshexec.Mutating, job, s.dir), Repeat: evenkeel.Never,
				Probe: &evenkeel.Probe{Makes: says, Cmd: sshexec.Command(sshexec.ReadOnly, "cat", filepath.Join(s.dir, "probe")),
					Text: "the file says so", Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
						return map[string]evenkeel.ProbeResult{"nothing": evenkeel.NotRun, "half": evenkeel.Partial}[o.Text()], nil
					}},
			},
		}},
	}}}
	require.NoError(t, s.book.Validate())
	return s
}

func (s *jobScene) write(name, text string) {
	at := filepath.Join(s.dir, name)
	require.NoError(s.t, os.WriteFile(at+".new", []byte(text), 0o600))
	require.NoError(s.t, os.Rename(at+".new", at)) // the job must not see it half written
}

func (s *jobScene) ran() int {
	raw, _ := os.ReadFile(filepath.Join(s.dir, "ran"))
	return strings.Count(string(raw), "x")
}

type life func(context.Context, *evenkeel.Runbook, evenkeel.Hosts, evenkeel.Options) (*evenkeel.Report, error)

func (s *jobScene) live(ctx context.Context, l life) (*evenkeel.Report, error) {
	return l(ctx, s.book, evenkeel.HostMap{"h": s.runner}, evenkeel.Options{
		Journal: &s.journal, Clock: s.clock, LeasePath: filepath.Join(s.dir, "x.lease"), TakeoverWait: s.patient,
		Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) { s.watch(e) }),
	})
}

// leave runs until the job is at work, and ends the life there.
func (s *jobScene) leave() {
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	go func() {
		for s.ran() == 0 && ctx.Err() == nil {
			time.Sleep(5 * time.Millisecond)
		}
		cancel()
	}()
	_, err := s.live(ctx, evenkeel.Run)
	var runs *evenkeel.JobRunsError
	require.ErrorAs(s.t, err, &runs)
	require.NoFileExists(s.t, filepath.Join(s.dir, "undone"), "nothing is undone beside a job that runs")
	last := s.journal.Records()[len(s.journal.Records())-1]
	require.Equal(s.t, evenkeel.Unknown, *last.Outcome)
	require.Empty(s.t, last.Found, "nobody probes what a job that runs has done so far")
	require.Equal(s.t, 1, s.ran())
}

// job is the directory of the job.
func (s *jobScene) job() string {
	dirs, err := filepath.Glob(filepath.Join(s.dir, "x.jobs", "s.install-*"))
	require.NoError(s.t, err)
	require.Len(s.t, dirs, 1, "one job, beside the lease")
	return dirs[0]
}

// pid is the number of the job's supervisor, which leads the job's group.
func (s *jobScene) pid() int {
	raw, err := os.ReadFile(filepath.Join(s.job(), "pid"))
	require.NoError(s.t, err)
	pid, err := strconv.Atoi(strings.Fields(string(raw))[0])
	require.NoError(s.t, err)
	return pid
}

func (s *jobScene) ends(report *evenkeel.Report, err error, says string) {
	require.NoError(s.t, err)
	got, err := answer.Get(report.State.Facts)
	require.NoError(s.t, err)
	require.Equal(s.t, says, got)
}

// SSH-008, H19: the life that comes next waits for the job of the one before, while it runs and when it has ended, and
// takes its end for the end of the action.
func TestADetachedActionOutlivesTheTool(t *testing.T) {
	t.Run("it has ended", func(t *testing.T) {
		s := newJobScene(t)
		s.leave()
		s.write("go", "the first")
		report, err := s.live(t.Context(), evenkeel.Resume)
		s.ends(report, err, "the first")
		require.Equal(t, 1, s.ran())
	})
	t.Run("it still runs", func(t *testing.T) {
		s := newJobScene(t)
		s.leave()
		s.watch = func(e evenkeel.Event) {
			if e.Kind == evenkeel.EventWait && strings.Contains(e.Text, "still runs") {
				s.once.Do(func() { s.write("go", "the first") })
			}
		}
		report, err := s.live(t.Context(), evenkeel.Resume)
		s.ends(report, err, "the first")
		require.Equal(t, 1, s.ran())
	})
}

// A connection that is lost as the job is started loses nothing: the start is sent again, and finds the job.
func TestADetachedActionOutlivesItsConnection(t *testing.T) {
	s := newJobScene(t)
	s.write("go", "the only one")
	lost := false
	s.runner = sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res, err := sshexec.Local{}.Run(ctx, cmd)
		if _, start := sshexec.SimJobStart(cmd); start && !lost {
			lost = true
			return sshexec.Result{Outcome: sshexec.Unknown},
				sshexec.Failure("h", cmd, sshexec.Result{Outcome: sshexec.Unknown}, errors.New("connection lost"))
		}
		return res, err
	})
	report, err := s.live(t.Context(), evenkeel.Run)
	s.ends(report, err, "the only one")
	require.True(t, lost)
	require.Equal(t, 1, s.ran())
}

// A job that failed is at its end: what comes next is another job, where the probe says that nothing of the first is left.
func TestADetachedActionThatFailed(t *testing.T) {
	s := newJobScene(t)
	s.book.Steps[0].UndoOnFailure = false
	s.write("go", "out")
	s.write("end", "3")
	_, err := s.live(t.Context(), evenkeel.Run)
	require.ErrorContains(t, err, "exit status 3")
	s.write("end", "0")
	s.write("probe", "half")
	var pause *evenkeel.Pause
	_, err = s.live(t.Context(), evenkeel.Resume)
	require.ErrorAs(t, err, &pause)
	require.Equal(t, 1, s.ran())
	s.write("probe", "nothing")
	report, err := s.live(t.Context(), evenkeel.Resume)
	s.ends(report, err, "out")
	require.Equal(t, 2, s.ran())
}

// A job whose end needs the operator has ended: the next life does not read the same end again, and pause again for ever. It asks the probe
// what there is by then, which may be what the operator has made of it.
func TestADetachedActionWhoseEndNeedsTheOperator(t *testing.T) {
	paused := func(t *testing.T) *jobScene {
		s := newJobScene(t)
		s.book.Steps[0].Actions[0].Expect.Check = func(o evenkeel.Observed) error {
			if o.Text() != "all of it" {
				return evenkeel.NeedsOperator("look what the job has done")
			}
			return nil
		}
		s.write("go", "half of it")
		_, err := s.live(t.Context(), evenkeel.Run)
		var pause *evenkeel.Pause
		require.ErrorAs(t, err, &pause)
		require.Contains(t, pause.Reason, "look what the job has done")
		st, err := evenkeel.ReadState(s.journal.Records())
		require.NoError(t, err)
		require.Empty(t, st.Step("s").OpenJobs(), "it has ended")
		s.write("probe", "half")
		_, err = s.live(t.Context(), evenkeel.Resume)
		require.ErrorAs(t, err, &pause)
		require.Contains(t, pause.Reason, "may have run, and the probe finds it partial")
		require.Equal(t, 1, s.ran(), "nothing is repeated blindly")
		return s
	}
	t.Run("the operator brings it to its end", func(t *testing.T) {
		s := paused(t)
		s.write("probe", "by hand")
		s.book.Steps[0].Actions[0].Probe.Read = func(evenkeel.Observed) (evenkeel.ProbeResult, error) { return evenkeel.Done, nil }
		report, err := s.live(t.Context(), evenkeel.Resume)
		s.ends(report, err, "by hand")
		require.Equal(t, 1, s.ran())
	})
	t.Run("the operator undoes it", func(t *testing.T) {
		s := paused(t)
		s.write("probe", "nothing")
		s.write("go", "all of it")
		report, err := s.live(t.Context(), evenkeel.Resume)
		s.ends(report, err, "all of it")
		require.Equal(t, 2, s.ran(), "it is another job")
	})
}

// A job that was killed without a word leaves the question to the probe.
func TestADetachedActionWhoseJobIsLost(t *testing.T) {
	s := newJobScene(t)
	s.leave()
	require.NoError(t, syscall.Kill(-s.pid(), syscall.SIGKILL))
	s.write("go", "the second")
	s.write("probe", "half")
	var pause *evenkeel.Pause
	_, err := s.live(t.Context(), evenkeel.Resume)
	require.ErrorAs(t, err, &pause)
	require.Equal(t, 1, s.ran())
	s.write("probe", "nothing")
	report, err := s.live(t.Context(), evenkeel.Resume)
	s.ends(report, err, "the second")
	require.Equal(t, 2, s.ran())
}

// Who ends the job as the tool says, by the number that it names, ends no more than the shell around the command: the lease is not
// taken, and nothing starts, before the command itself has ended.
func TestADetachedActionWhoseSupervisorIsKilled(t *testing.T) {
	s := newJobScene(t)
	s.leave()
	require.NoError(t, syscall.Kill(s.pid(), syscall.SIGKILL))
	s.write("probe", "nothing")
	s.watch = func(e evenkeel.Event) {
		if e.Kind == evenkeel.EventWait && strings.Contains(e.Text, "still runs") {
			s.once.Do(func() {
				require.Equal(t, 1, s.ran())
				s.write("go", "out")
			})
		}
	}
	report, err := s.live(t.Context(), evenkeel.Resume)
	s.ends(report, err, "out")
	require.Equal(t, 2, s.ran(), "once after the other")
}

// A job that was lost, and that the probe found done, keeps no later life waiting.
func TestAJobThatWasProbedIsClosed(t *testing.T) {
	unknown := evenkeel.Unknown
	var j evenkeel.MemJournal
	for _, r := range []evenkeel.Record{
		{Kind: evenkeel.KindBegin, Run: &evenkeel.RunInfo{ID: "r", Steps: []string{"s"}}},
		{Kind: evenkeel.KindStart, Step: "s", Action: "install", Host: "h", Job: "s.install-1"},
		{Kind: evenkeel.KindEnd, Step: "s", Action: "install", Host: "h", Outcome: &unknown, Error: "lost"},
		{Kind: evenkeel.KindProbed, Step: "s", Action: "install", Host: "h", Found: evenkeel.Done.String()},
	} {
		require.NoError(t, j.Append(r))
	}
	st, err := evenkeel.ReadState(j.Records())
	require.NoError(t, err)
	require.Empty(t, st.Step("s").OpenJobs())
}

// What keeps jobs from running is said before anything is done.
func TestJobsThatCannotBeKept(t *testing.T) {
	s := newJobScene(t)
	s.write("go", "out")
	s.write("x.jobs", "in the way")
	_, err := s.live(t.Context(), evenkeel.Run)
	require.ErrorContains(t, err, "cannot run long commands as jobs")
	require.Zero(t, s.ran())
}

// Whether jobs can be kept is asked where there are some, and of each user that they run as, in the same order each time.
func TestJobsAreAskedForWhereTheyRun(t *testing.T) {
	for range 8 {
		jobsAreAskedFor(t)
	}
}

func jobsAreAskedFor(t *testing.T) {
	t.Helper()
	p, rb := newPark("n1", "n2"), book(3, "n1", "n2")
	actions := rb.Steps[0].Actions
	actions[0].Detached, actions[1].Detached, actions[1].Cmd.Sudo = true, true, &sshexec.Sudo{User: "tigger"}
	var asked []string
	p.before = func(_, host string, cmd sshexec.Cmd) error {
		if strings.Contains(strings.Join(cmd.Argv, " "), "whether jobs can be kept") {
			user := ""
			if cmd.Sudo != nil {
				user = cmd.Sudo.User
			}
			asked = append(asked, host+"/"+user)
		}
		return nil
	}
	_, err := evenkeel.Run(t.Context(), rb, p.as("A"), options(&evenkeel.MemJournal{}, "A"))
	require.NoError(t, err)
	require.Equal(t, []string{"n1/", "n1/tigger"}, asked)
}

// deafJournal takes no end of an action, as if the tool crashed there.
type deafJournal struct{ *evenkeel.MemJournal }

func (j deafJournal) Append(r evenkeel.Record) error {
	if r.Kind == evenkeel.KindEnd {
		return errors.New("crashed")
	}
	return j.MemJournal.Append(r)
}

// A job that was journalled and never started keeps its name: so a tool that crashes there again and again asks for one
// job, and not for one more each time.
func TestAJobThatNeverStartedKeepsItsName(t *testing.T) {
	s := newJobScene(t)
	s.write("go", "out")
	s.write("probe", "nothing")
	s.runner = sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if _, start := sshexec.SimJobStart(cmd); start {
			return sshexec.Result{}, sshexec.Failure("h", cmd, sshexec.Result{}, errors.New("no route to host"))
		}
		return sshexec.Local{}.Run(ctx, cmd)
	})
	opts := func(j evenkeel.Journal) evenkeel.Options {
		return evenkeel.Options{Journal: j, Clock: quickClock{}, LeasePath: filepath.Join(s.dir, "x.lease")}
	}
	hosts := evenkeel.HostMap{"h": s.runner}
	_, err := evenkeel.Run(t.Context(), s.book, hosts, opts(deafJournal{&s.journal}))
	require.ErrorContains(t, err, "crashed")
	_, err = evenkeel.Resume(t.Context(), s.book, hosts, opts(deafJournal{&s.journal}))
	require.ErrorContains(t, err, "crashed")
	s.runner = sshexec.Local{}
	report, err := s.live(t.Context(), evenkeel.Resume)
	s.ends(report, err, "out")
	names := map[string]int{}
	for _, r := range s.journal.Records() {
		if r.Job != "" {
			names[r.Job]++
		}
	}
	require.Len(t, names, 1)
	require.Equal(t, 1, s.ran())
}

// leapClock is a virtual clock; what is waited for on it gets a moment of the machine's time.
type leapClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *leapClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *leapClock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	c.now = c.now.Add(d)
	c.mu.Unlock()
	return evenkeel.WallClock{}.Sleep(ctx, time.Millisecond)
}

// unseen is this machine, of which nobody can see the job that is at work; whatever else it is sent it answers.
func (s *jobScene) unseen() sshexec.Runner {
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if cmd.Effect == sshexec.ReadOnly && strings.Contains(strings.Join(cmd.Argv, " "), "# Looks at a job") {
			for s.ran() == 0 {
				time.Sleep(5 * time.Millisecond)
			}
			return sshexec.Result{}, sshexec.Failure("h", cmd, sshexec.Result{}, sshexec.ErrUnreachable)
		}
		return sshexec.Local{}.Run(ctx, cmd)
	})
}

// outage makes an outage of the step.
func (s *jobScene) outage(limit time.Duration, check func() error) *evenkeel.Step {
	s.book.Invariants = []evenkeel.Invariant{{ID: "served", Title: "Served.",
		Check: func(context.Context, evenkeel.Site) error { return check() }}}
	step := &s.book.Steps[0]
	step.Opens = []evenkeel.Window{{ID: "w", Invariant: "served", Reason: "r", Limit: limit, Stop: evenkeel.StopAtClose}}
	step.Closes = []string{"w"}
	return step
}

// waited are the seconds between the waits for the job that the observer is told of.
func (s *jobScene) waited() *[]int {
	var pauses []int
	var last time.Time
	s.watch = func(e evenkeel.Event) {
		if e.Kind == evenkeel.EventWait && strings.HasPrefix(e.Key, "job/") {
			if !last.IsZero() {
				pauses = append(pauses, int(e.Time.Sub(last).Seconds()))
			}
			last = e.Time
		}
	}
	return &pauses
}

// An outage is left alone beside a job that may still run inside it: neither its completion nor an undo begins. A
// machine out of reach is not waited for longer than the outage may last, and what is down is said. The next life waits
// for the job.
func TestAnOutageBesideAJobThatMayRun(t *testing.T) {
	for name, completes := range map[string]bool{"with a completion": true, "with an undo": false} {
		t.Run(name, func(t *testing.T) {
			s := newJobScene(t)
			s.runner, s.clock = s.unseen(), &leapClock{now: time.Unix(1e9, 0)}
			step := s.outage(3*time.Minute, func() error {
				if _, err := os.Stat(filepath.Join(s.dir, "served")); s.ran() > 0 && err != nil {
					return evenkeel.Violated("nobody serves")
				}
				return nil
			})
			step.UndoOnFailure = !completes
			if completes {
				step.Opens[0].Completion = []evenkeel.Action{
					evenkeel.Do("complete", "Complete it", "touch", filepath.Join(s.dir, "completed"))}
			}
			pauses := s.waited()
			report, err := s.live(t.Context(), evenkeel.Run)
			var runs *evenkeel.JobRunsError
			require.ErrorAs(t, err, &runs)
			require.ErrorIs(t, err, evenkeel.ErrOverdue)
			var left *evenkeel.OpenWindowsError
			require.ErrorAs(t, err, &left)
			require.Equal(t, []string{"invariant served is violated: nobody serves (while the job " + runs.Job + " may run)"},
				left.Down)
			require.NoFileExists(t, filepath.Join(s.dir, "completed"))
			require.NoFileExists(t, filepath.Join(s.dir, "undone"))
			require.Equal(t, []int{1, 2, 4, 8, 16, 30, 30, 30, 30, 29}, *pauses, "it is told calmly, until the limit")
			require.Equal(t, 3*time.Minute+1, s.clock.Now().Sub(report.State.Windows["w"].Since))

			s.runner, s.clock = sshexec.Local{}, quickClock{}
			s.write("go", "the first")
			s.write("served", "")
			report, err = s.live(t.Context(), evenkeel.Resume)
			s.ends(report, err, "the first")
			require.Empty(t, report.State.Windows)
			require.NoFileExists(t, filepath.Join(s.dir, "completed"))
			require.NoFileExists(t, filepath.Join(s.dir, "undone"))
		})
	}
}

// An overdue outage in which what it suspends holds does not end the wait, which lasts 10 minutes then.
func TestAJobOutOfReachIsWaitedForWhereAllIsWell(t *testing.T) {
	s := newJobScene(t)
	start := time.Unix(1e9, 0)
	s.runner, s.clock = s.unseen(), &leapClock{now: start}
	s.outage(time.Minute, func() error { return nil })
	alarm := false
	s.watch = func(e evenkeel.Event) { alarm = alarm || e.Kind == evenkeel.EventAlarm }
	_, err := s.live(t.Context(), evenkeel.Run)
	var runs *evenkeel.JobRunsError
	require.ErrorAs(t, err, &runs)
	require.NotErrorIs(t, err, evenkeel.ErrOverdue)
	require.Equal(t, 10*time.Minute, s.clock.Now().Sub(start))
	require.True(t, alarm, "that the outage is overdue is told all the same")
	s.runner, s.clock = sshexec.Local{}, quickClock{}
	s.write("go", "the first")
	report, err := s.live(t.Context(), evenkeel.Resume)
	s.ends(report, err, "the first")
}

// A rollback does not act beside a job of its run: it waits for it as long as the job may take, and says so; then it
// begins nothing.
func TestARollbackWaitsForAJobOfItsRun(t *testing.T) {
	t.Run("it ends", func(t *testing.T) {
		s := newJobScene(t)
		s.leave()
		s.patient = 1 // the job's own time counts
		var told string
		s.watch = func(e evenkeel.Event) {
			if e.Kind == evenkeel.EventWait && strings.Contains(e.Text, "a command of the life before still runs") {
				s.once.Do(func() {
					told = e.Text
					require.NoFileExists(t, filepath.Join(s.dir, "undone"))
					s.write("go", "the first")
				})
			}
		}
		report, err := s.live(t.Context(), evenkeel.Rollback)
		require.NoError(t, err)
		require.Regexp(t, "^h: a command of the life before still runs: .*"+filepath.Base(s.dir), told)
		require.FileExists(t, filepath.Join(s.dir, "undone"))
		require.Equal(t, evenkeel.Undone, report.State.Step("s").Progress)
		require.Equal(t, 1, s.ran())
	})
	t.Run("it does not end", func(t *testing.T) {
		s := newJobScene(t)
		s.book.Steps[0].Actions[0].Limit = 50 * time.Millisecond
		s.leave()
		s.patient = 1
		_, err := s.live(t.Context(), evenkeel.Rollback)
		var busy *evenkeel.LeaseBusyError
		require.ErrorAs(t, err, &busy)
		require.GreaterOrEqual(t, busy.Waited, 50*time.Millisecond)
		require.NoFileExists(t, filepath.Join(s.dir, "undone"))
		s.write("go", "the first")
		s.patient = 0
		_, err = s.live(t.Context(), evenkeel.Rollback)
		require.NoError(t, err)
		require.FileExists(t, filepath.Join(s.dir, "undone"))
	})
}

// Where nobody can tell what became of a job the run pauses, says what to do, and runs nothing a second time.
func TestARunPausesWhereNobodyKnowsTheJobsEnd(t *testing.T) {
	resume := func(s *jobScene, says ...string) {
		var pause *evenkeel.Pause
		_, err := s.live(t.Context(), evenkeel.Resume)
		require.ErrorAs(s.t, err, &pause)
		for _, text := range says {
			require.Contains(s.t, pause.Reason, text)
		}
		require.Equal(s.t, 1, s.ran())
		require.NoFileExists(s.t, filepath.Join(s.dir, "undone"))
	}
	left := func(t *testing.T) (*jobScene, string) {
		s := newJobScene(t)
		s.leave()
		s.write("go", "the first")
		job := s.job()
		ended := func() bool { _, err := os.Stat(filepath.Join(job, "status")); return err == nil }
		require.Eventually(t, ended, 10*time.Second, 5*time.Millisecond)
		return s, job
	}
	t.Run("the machine is out of reach", func(t *testing.T) {
		s, job := left(t)
		start := time.Unix(1e9, 0)
		s.runner, s.clock = s.unseen(), &leapClock{now: start}
		resume(s, "nobody can tell what became of the job "+filepath.Base(job)+" of \"Install\" on h: ",
			"Make sure that the machine answers, and resume")
		require.Equal(t, 10*time.Minute, s.clock.Now().Sub(start))
		s.runner, s.clock = sshexec.Local{}, quickClock{}
		report, err := s.live(t.Context(), evenkeel.Resume)
		s.ends(report, err, "the first")
		require.Equal(t, 1, s.ran())
	})
	t.Run("its directory is damaged", func(t *testing.T) {
		s, job := left(t)
		require.NoError(t, os.Remove(filepath.Join(job, "digest")))
		s.write("probe", "nothing")
		resume(s, "the directory "+job+" there is damaged", "remove that directory, and resume")
		require.NoError(t, os.RemoveAll(job)) // as it says
		s.write("probe", "half")
		resume(s, "may have run, and the probe finds it partial")
		s.write("probe", "nothing")
		report, err := s.live(t.Context(), evenkeel.Resume)
		s.ends(report, err, "the first")
		require.Equal(t, 2, s.ran())
	})
	t.Run("its directory is lost", func(t *testing.T) {
		s, job := left(t)
		require.NoError(t, os.RemoveAll(job))
		s.write("probe", "half")
		resume(s, "may have run, and the probe finds it partial", "bring it to its end or undo it by hand, then resume")
	})
}

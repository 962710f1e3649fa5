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
	s := &jobScene{t: t, dir: lasting(t), runner: sshexec.Local{}, watch: func(evenkeel.Event) {}}
	says := []evenkeel.Make{answer.From(func(o evenkeel.Observed) (string, error) { return o.Text(), nil })}
	job := `cd "$1" && echo x >>ran && until [ -e go ]; do sleep 0.02; done; cat go; exit "$(cat end 2>/dev/null || echo 0)"`
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
	require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600))
}

func (s *jobScene) ran() int {
	raw, _ := os.ReadFile(filepath.Join(s.dir, "ran"))
	return strings.Count(string(raw), "x")
}

type life func(context.Context, *evenkeel.Runbook, evenkeel.Hosts, evenkeel.Options) (*evenkeel.Report, error)

func (s *jobScene) live(ctx context.Context, l life) (*evenkeel.Report, error) {
	return l(ctx, s.book, evenkeel.HostMap{"h": s.runner}, evenkeel.Options{
		Journal: &s.journal, Clock: quickClock{}, LeasePath: filepath.Join(s.dir, "x.lease"),
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

// pid is the number of the job's supervisor, which leads the job's group.
func (s *jobScene) pid() int {
	pids, err := filepath.Glob(filepath.Join(s.dir, "x.jobs", "s.install-*", "pid"))
	require.NoError(s.t, err)
	require.Len(s.t, pids, 1, "one job, beside the lease")
	raw, err := os.ReadFile(pids[0])
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

// Only a command that changes something, and leaves its machine up, is detached.
func TestWhatIsNotDetached(t *testing.T) {
	for name, change := range map[string]func(a *evenkeel.Action){
		"a look":          func(a *evenkeel.Action) { a.Cmd.Effect, a.Repeat, a.Probe, a.Makes = sshexec.ReadOnly, 0, nil, nil },
		"by hand":         func(a *evenkeel.Action) { a.Cmd, a.Manual = sshexec.Cmd{}, "do it" },
		"a name too long": func(a *evenkeel.Action) { a.ID = strings.Repeat("x", 100) },
		"a shutdown":      func(a *evenkeel.Action) { a.DropsConnection = true },
	} {
		s := newJobScene(t)
		change(&s.book.Steps[0].Actions[0])
		require.Regexp(t, "is detached|a job's ID", s.book.Validate(), name)
	}
}

// deafJournal takes no end of an action, as if the tool crashed there.
type deafJournal struct{ *evenkeel.MemJournal }

func (j deafJournal) Append(r evenkeel.Record) error {
	if r.Kind == evenkeel.KindEnd {
		return errors.New("crashed")
	}
	return j.MemJournal.Append(r)
}

// A job that was journalled and never started keeps its name: so a tool that crashes there again and again asks for one job, and not for one more each time.
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

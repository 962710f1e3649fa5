package sshexec

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec/internal/execline"
)

// SuperviseOptions name a job and bound the waiting for it.
type SuperviseOptions struct {
	// Dir is a directory of the machine for jobs, made with mode 0700 when it is not there. It must belong to the user
	// that the commands run as, and survive a reboot.
	Dir string
	// ID names the job in Dir: letters, digits, ".", "_" and "-". One ID runs one command once, however often it is started.
	ID string

	StdoutFrom, StderrFrom int64 // how many bytes of the outputs are known already

	Poll   time.Duration // how long one look at the job waits on the machine for news; 10 s when zero
	GiveUp time.Duration // how long the machine may be out of reach; 10 min when zero

	Clock Sleeper     // by which the pauses between tries are waited, until it gives an error; the machine's own when nil
	Waits func(error) // is told why, when the machine is out of reach and is tried again
}

// What can be wrong with a job.
var (
	ErrNoJob      = errors.New("there is no such job")
	ErrJobDiffers = errors.New("the job of this ID is another command")
	ErrJobLost    = errors.New("the job has ended without a word: it was killed, or the machine went down")
	ErrJobRuns    = errors.New("the job still runs")
	errJobID      = errors.New("a job's ID is made of at most 100 letters, digits, \".\", \"_\" and \"-\", and begins " +
		"with a letter or a digit")
	errJobDir = errors.New("the directory for jobs must be an absolute path without newlines")
)

// Supervise runs a command that outlives the connection: detached from it on the machine, with its output and its end
// kept in files. A link that is lost loses nothing; Supervise finds the machine again and goes on reading. Started a
// second time with the same ID, the command is not run a second time, not even after it has ended: its output and its
// end are read again. That answers "did it run?" for as long as the job is not removed.
//
// When ctx ends, the waiting ends and the job goes on: Outcome is Unknown and the error ErrMayRun. When the command's
// Timeout passes, the job is ended. The machine needs Linux, setsid and GNU coreutils. An exit status above 128 that is
// a signal's counts as an end by that signal, which is how shells tell. An input is kept in a file that is removed when
// the command has opened it; a SecretText is kept in memory, and must hold no NUL byte and no more than the machine's
// shells can take.
func Supervise(ctx context.Context, r Runner, cmd Cmd, opt SuperviseOptions) (Result, error) {
	j, err := StartSupervised(ctx, r, cmd, opt)
	if err != nil {
		res := Result{Outcome: OutcomeOf(err)}
		var ce *CommandError
		refused := errors.As(err, &ce) && ce.Outcome == Exited && ce.ExitCode != 0 && ce.ExitCode != mayHaveStarted
		switch {
		case errors.Is(err, ErrMayRun):
			res.Outcome = Unknown
		case refused:
			res.Outcome = NotStarted // by the starting script
		case res.Outcome != NotStarted: // it was killed, or nobody heard what it said
			res.Outcome = Unknown
		}
		return res, Failure("", cmd, res, err)
	}
	return j.Wait(ctx)
}

// Supervised is a command that runs on a machine on its own. One goroutine at a time may use it.
type Supervised struct {
	r       Runner
	cmd     Cmd
	opt     SuperviseOptions
	started bool
}

//go:embed scripts/job_start.sh
var jobStart string

//go:embed scripts/job_check.sh
var jobCheck string

// CheckJobs makes the command that finds out whether a machine can keep jobs in a directory, which it makes. It prints "ok", or why not.
func CheckJobs(dir string) Cmd { return Script(Mutating, jobCheck, dir) }

//go:embed scripts/job_run.sh
var jobRun string

//go:embed scripts/job_look.sh
var jobLook string

//go:embed scripts/job_end.sh
var jobEnd string

var jobID = regexp.MustCompile(`^[A-Za-z0-9][-A-Za-z0-9._]*$`)

// Validate finds out whether a job can have that name, in that directory.
func (o SuperviseOptions) Validate() error {
	switch {
	case !jobID.MatchString(o.ID) || len(o.ID) > 100:
		return fmt.Errorf("%w: %q", errJobID, o.ID)
	case !path.IsAbs(o.Dir) || strings.ContainsAny(o.Dir, "\n\x00"):
		return fmt.Errorf("%w: %q", errJobDir, o.Dir)
	}
	return nil
}

func newJob(r Runner, cmd Cmd, opt SuperviseOptions) (*Supervised, error) {
	if err := opt.Validate(); err != nil {
		return nil, err
	}
	opt.Dir = path.Clean(opt.Dir)
	opt.Poll = cmp.Or(opt.Poll, 10*time.Second)
	opt.GiveUp = cmp.Or(opt.GiveUp, 10*time.Minute)
	if opt.Clock == nil {
		opt.Clock = wallClock{}
	}
	return &Supervised{r: r, cmd: cmd, opt: opt}, nil
}

// StartSupervised starts a job, or finds the one that was started before; Started tells which. When it stays unknown
// whether the start reached the machine, it is sent again: whoever comes second finds the job of the first.
func StartSupervised(ctx context.Context, r Runner, cmd Cmd, opt SuperviseOptions) (*Supervised, error) {
	j, err := newJob(r, cmd, opt)
	if err == nil {
		err = cmd.Validate()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot start the job %s: %w", opt.ID, err)
	}
	var sent bool
	err = j.patiently(ctx, func(error) bool { return sent }, func() error {
		said, err := j.start(ctx)
		sent = sent || OutcomeOf(err) == Unknown
		switch {
		case err != nil:
			return err
		case said == "differs":
			return ErrJobDiffers
		}
		j.started = said == "started"
		return nil
	})
	if sent && err != nil && !errors.Is(err, ErrJobDiffers) { // whatever the last try came to
		err = fmt.Errorf("%w (%w)", err, ErrMayRun)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot start the job %s: %w", opt.ID, err)
	}
	return j, nil
}

// Attach finds a job that was started before. Of cmd only counts how the output is to be taken and by whom the job is
// looked at (Sudo); where it has a command, the job must be that.
func Attach(ctx context.Context, r Runner, cmd Cmd, opt SuperviseOptions) (*Supervised, error) {
	j, err := newJob(r, cmd, opt)
	if err == nil {
		err = j.patiently(ctx, nil, func() error {
			_, err := j.look(ctx, 0)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("cannot find the job %s: %w", opt.ID, err)
	}
	return j, nil
}

// Started tells whether StartSupervised has started the job, and not only found it.
func (j *Supervised) Started() bool { return j.started }

// Status tells how the job is without waiting: nil when it has ended, else [ErrJobRuns], [ErrJobLost] or [ErrNoJob], or
// why nobody can tell.
func (j *Supervised) Status(ctx context.Context) error {
	var now glance
	err := j.patiently(ctx, nil, func() (err error) {
		now, err = j.look(ctx, 0)
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("cannot tell how the job %s is: %w", j.opt.ID, err)
	case now.state == jobRunning:
		return ErrJobRuns
	case now.state == jobLost:
		return ErrJobLost
	}
	return nil
}

// Offsets are how many bytes of its output have been read, for StdoutFrom and StderrFrom of a later Attach.
func (j *Supervised) Offsets() (stdout, stderr int64) { return j.opt.StdoutFrom, j.opt.StderrFrom }

func (j *Supervised) dir() string { return path.Join(j.opt.Dir, j.opt.ID) }

// script is one of the scripts as a command for the machine.
func (j *Supervised) script(effect Effect, text string, args ...string) Cmd {
	cmd := Script(effect, text, args...)
	cmd.Sudo = j.cmd.Sudo
	if effect != ReadOnly {
		cmd.Fence = j.cmd.Fence
	}
	return cmd
}

// run runs a script. An error shows what it was for and not its text.
func (j *Supervised) run(ctx context.Context, cmd Cmd, what string) (Result, error) {
	res, err := j.r.Run(ctx, cmd)
	var ce *CommandError
	if errors.As(err, &ce) {
		short := *ce
		short.Cmd = "(" + what + " " + j.dir() + ")"
		err = &short
	}
	return res, err
}

func (j *Supervised) start(ctx context.Context) (string, error) {
	in, err := j.cmd.Stdin.Open()
	if err != nil {
		return "", fmt.Errorf("cannot open the command's input: %w", err)
	}
	defer func() { _ = in.Close() }()
	secret, word := "no", rand.Text()
	if j.cmd.Stdin.secret != "" {
		secret = "yes"
	}
	line := execline.Script(execline.Line{Dir: j.cmd.Dir, Env: j.cmd.Env, Argv: j.cmd.Argv})
	start := j.script(j.cmd.Effect, jobStart, j.opt.Dir, j.opt.ID, digestOf(line), singleLine(j.cmd.String()), line, word, secret, jobRun)
	start.Stdin, start.Timeout = Stream(io.MultiReader(in, strings.NewReader(word))), startTime
	res, err := j.run(ctx, start, "start the job")
	return res.Text(), err
}

// mayHaveStarted is the exit status of a starting script that did not see the job start, or was ended before it did.
const mayHaveStarted = 3

// startTime is how long a start may take, which is done in seconds.
const startTime = 2 * time.Minute

func digestOf(line string) string {
	sum := sha256.Sum256([]byte(line))
	return hex.EncodeToString(sum[:])
}

func singleLine(text string) string { return strings.ReplaceAll(text, "\n", `\n`) }

// Wait waits for the end of the job and gives its output on, from where it was read last.
func (j *Supervised) Wait(ctx context.Context) (Result, error) {
	start := time.Now()
	res, err := j.wait(ctx)
	res.Elapsed = time.Since(start)
	return res, Failure("", j.cmd, res, err)
}

func (j *Supervised) wait(parent context.Context) (Result, error) {
	ctx, cancel := commandContext(parent, j.cmd)
	defer cancel(nil)
	out := newOutputs(j.cmd)
	res, err := j.follow(ctx, out, j.opt.Poll)
	if errors.Is(err, ErrTimeout) && parent.Err() == nil {
		ending, endErr := j.End(parent)
		if endErr == nil {
			res, endErr = j.follow(parent, out, 0)
		}
		if endErr != nil {
			ending = GroupUnknown
		}
		res.Ending = ending
		err = cancelled(contextCause(ctx), ending)
	}
	if failed := out.finish(&res); err == nil {
		err = failed
	}
	return res, err
}

// follow reads the output until the job has ended. With no time to wait for news it reads what is there.
func (j *Supervised) follow(ctx context.Context, out *outputs, poll time.Duration) (Result, error) {
	for {
		var now glance
		err := j.patiently(ctx, nil, func() (err error) {
			now, err = j.look(ctx, poll)
			return err
		})
		if err != nil {
			if ctx.Err() != nil {
				err = fmt.Errorf("%w (%w)", contextCause(ctx), ErrMayRun)
			}
			return Result{Outcome: Unknown}, err
		}
		out.stdout.take(now.stdout)
		out.stderr.take(now.stderr)
		j.opt.StdoutFrom += int64(len(now.stdout))
		j.opt.StderrFrom += int64(len(now.stderr))
		full := len(now.stdout) == lookMost || len(now.stderr) == lookMost
		switch {
		case full || now.state == jobRunning && poll > 0:
		case now.state == jobEnded:
			return now.end, nil
		case now.state == jobLost:
			return Result{Outcome: Unknown}, ErrJobLost
		default:
			return Result{Outcome: Unknown}, ErrJobRuns
		}
	}
}

// lookMost bounds how much of each output one look carries, in bytes.
const lookMost = 1 << 20

// lookTime is how long a look may take beyond what it waits for news, and the end of a job.
const lookTime = time.Minute

// look asks the machine how the job is, and waits for news as long as poll.
func (j *Supervised) look(ctx context.Context, poll time.Duration) (glance, error) {
	look := j.script(ReadOnly, jobLook, j.dir(), fmt.Sprint(j.opt.StdoutFrom), fmt.Sprint(j.opt.StderrFrom),
		fmt.Sprint(lookMost), fmt.Sprint(poll.Milliseconds()/100))
	look.Timeout = poll + lookTime
	res, err := j.run(ctx, look, "look at the job")
	if err != nil {
		return glance{}, err
	}
	now, err := parseGlance(res.Stdout)
	switch {
	case err != nil:
		return glance{}, err
	case now.state == jobNone:
		return glance{}, ErrNoJob
	case len(j.cmd.Argv) > 0 && now.digest != digestOf(execline.Script(execline.Line{Dir: j.cmd.Dir, Env: j.cmd.Env, Argv: j.cmd.Argv})):
		return glance{}, ErrJobDiffers
	}
	return now, nil
}

// End ends the job's processes, with SIGTERM and then SIGKILL. How the command ended is then to be had from Wait.
func (j *Supervised) End(ctx context.Context) (Ending, error) {
	var ending Ending
	end := j.script(Disruptive, jobEnd, j.dir())
	end.Timeout = lookTime
	err := j.patiently(ctx, nil, func() error {
		res, err := j.run(ctx, end, "end the job")
		ending = endingOf(res, err, true)
		return err
	})
	if err != nil {
		return GroupUnknown, fmt.Errorf("cannot end the job %s: %w", j.opt.ID, err)
	}
	return ending, nil
}

// Remove removes the job's files; what it was asked and how it ended is forgotten. A job that runs is ErrJobRuns.
func (j *Supervised) Remove(ctx context.Context) error {
	now, err := j.look(ctx, 0)
	switch {
	case errors.Is(err, ErrNoJob):
		return nil
	case err == nil && now.state == jobRunning:
		err = ErrJobRuns
	case err == nil:
		rm := Command(Mutating, "rm", "-rf", "--", j.dir())
		rm.Sudo, rm.Fence = j.cmd.Sudo, j.cmd.Fence
		_, err = j.r.Run(ctx, rm)
	}
	if err != nil {
		return fmt.Errorf("cannot remove the job %s: %w", j.opt.ID, err)
	}
	return nil
}

// patiently tries again while the machine is out of reach, for as long as GiveUp, after pauses as RetryReadOnly has
// them. What is tried may be sent twice without harm: it only reads, or it is the start or the end of a job. Where
// again is given it has to agree.
func (j *Supervised) patiently(ctx context.Context, again func(error) bool, try func() error) error {
	pause := min(retryPause, j.opt.GiveUp/10)
	for since := j.opt.Clock.Now(); ; pause = min(2*pause, maxRetryPause) {
		err := try()
		left := j.opt.GiveUp - j.opt.Clock.Now().Sub(since)
		if err == nil || !outOfReach(err) || ctx.Err() != nil || again != nil && !again(err) || left <= 0 {
			return err
		}
		if j.opt.Waits != nil {
			j.opt.Waits(err)
		}
		if over := j.opt.Clock.Sleep(ctx, min(pause, left)); over != nil {
			return fmt.Errorf("%w (%w)", err, over)
		}
	}
}

// outOfReach tells whether an error may pass by itself.
func outOfReach(err error) bool {
	var key *HostKeyError
	if errors.As(err, &key) || errors.Is(err, ErrClosed) || errors.Is(err, ErrAuth) || errors.Is(err, ErrSudo) ||
		errors.Is(err, ErrStreamTaken) {
		return false
	}
	return OutcomeOf(err) == Unknown || errors.Is(err, ErrUnreachable) || errors.Is(err, ErrSessionRefused)
}

// glance is what one look at a job sees.
type glance struct {
	state          jobState
	end            Result // where state is jobEnded
	digest         string
	stdout, stderr []byte
}

type jobState string

const (
	jobNone    jobState = "none"
	jobRunning jobState = "running"
	jobEnded   jobState = "ended"
	jobLost    jobState = "lost"
)

// parseGlance reads what the looking script printed.
func parseGlance(text []byte) (glance, error) {
	head, rest, ok := bytes.Cut(text, []byte("\n"))
	bad := func() (glance, error) { return glance{}, fmt.Errorf("cannot read the state of the job: %.100q", head) }
	if !ok {
		return bad()
	}
	if string(head) == string(jobNone) && len(rest) == 0 {
		return glance{state: jobNone}, nil
	}
	var (
		g            glance
		code, signal string
		out, errs    int
	)
	if n, err := fmt.Sscanf(string(head), "%s %s %s %d %d %s", &g.state, &code, &signal, &out, &errs, &g.digest); n != 6 || err != nil {
		return bad()
	}
	if out < 0 || errs < 0 || out > lookMost || errs > lookMost || out+errs != len(rest) {
		return bad()
	}
	g.stdout, g.stderr = rest[:out], rest[out:]
	switch g.state {
	case jobRunning, jobLost:
		return g, nil
	case jobEnded:
		g.end = Result{Outcome: Exited}
		if _, err := fmt.Sscanf(code, "%d", &g.end.ExitCode); err != nil || g.end.ExitCode < 0 || g.end.ExitCode > 255 {
			return bad()
		}
		if signal != "-" {
			g.end = Result{Outcome: Signalled, Signal: signal}
		}
		return g, nil
	default:
		return bad()
	}
}

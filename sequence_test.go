package evenkeel_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// The sequence tests are the specification of resume and undo. A line says what a runbook is, what goes wrong in each
// life of the tool, and then, word by word, what the machine saw.
//
//	runbook   s1[a.safe b.never] s2[c.probe] — steps with their actions; kinds: read, guard (guard>a: through a), safe, probe,
//	          never, manual. In a step "undo:x.safe" is an undo action and "auto" undoes on failure; "verify:v.read" is a verification.
//	faults    one entry a life of the tool, separated by "; ". A fault is CRASH@before:a (the tool crashes, the command never arrives),
//	          CRASH@after:a (it dies, the command took effect), CRASH@record:7 (it dies right after journal record 7 of that life),
//	          fail:a (exit status 1, no effect), half:a (exit status 1, half an effect), lost:a (connection lost, effect),
//	          gone:a (connection lost, no effect), cancel:a (the context ends while a runs), stop:a (the operator asks to stop while a
//	          runs; it takes effect). "-" is a life without fault.
//	          A life that begins with "rollback" is one of Rollback, the first is one of Run unless it says so, every other one of Resume;
//	          "run" is one of Run.
//	want      what the machine saw: "a" the command took effect, "a~" half an effect, "a!" it failed without effect, "a?" the
//	          connection was lost after effect, "a-" before; "look:a" the probe of a, "read:r" a read-only action; "|" between lives;
//	          and at the end of each life =done, =held, =failed, =died, =stopped, =cancelled, =refused (a rollback is in the way) or
//	          =cannot (roll back).
var sequenceTests = []struct{ name, runbook, faults, want string }{
	{"straight", "s1[a.safe b.never] s2[c.safe]", "-", "a b c =done"},
	{"probe-first looks before the first time too", "s1[a.probe]", "-", "look:a a =done"},
	{"verification is part of the step", "s1[a.safe verify:v.read] s2[b.safe]", "-", "a read:v b =done"},

	// A crash: what was done is not done again, what had begun is probed.
	{"safe, died before effect", "s1[a.safe b.safe]", "CRASH@before:a; -", "=died | a b =done"},
	{"safe, died after effect: again", "s1[a.safe b.safe]", "CRASH@after:a; -", "a =died | a b =done"},
	{"probe, died before effect", "s1[a.probe b.safe]", "CRASH@before:a; -", "look:a =died | look:a a b =done"},
	{"probe, died after effect: not again", "s1[a.probe b.safe]", "CRASH@after:a; -", "look:a a =died | look:a b =done"},
	{"never, died before effect: the probe proves it", "s1[a.never b.safe]", "CRASH@before:a; -", "=died | look:a a b =done"},
	{"never, died after effect: not again", "s1[a.never b.safe]", "CRASH@after:a; -", "a =died | look:a b =done"},
	{"done steps stay done", "s1[a.never] s2[b.safe c.safe]", "CRASH@before:c; -", "a b =died | c =done"},
	{"read-only is read again", "s1[r.read a.safe]", "CRASH@after:r; -", "read:r =died | read:r a =done"},
	{"died after the end was journalled", "s1[a.never b.safe]", "CRASH@record:4; -", "a =died | b =done"},
	{"died between the steps", "s1[a.never] s2[b.safe]", "CRASH@record:5; -", "a =died | b =done"},
	{"two crashes on one action", "s1[a.never b.safe]", "CRASH@before:a; CRASH@after:a; -", "=died | look:a a =died | look:a b =done"},
	{"verification is read again", "s1[a.never verify:v.read]", "CRASH@after:v; -", "a read:v =died | read:v =done"},

	// Guards must hold right before what follows them.
	{"guard read again after a crash", "s1[g.guard a.safe b.safe]", "CRASH@before:b; -", "read:g a =died | read:g b =done"},
	{"no guard when nothing is left to change", "s1[g.guard a.safe r.read]", "CRASH@before:r; -", "read:g a =died | read:r =done"},

	{"all guards are read again, though the tool crashed while it read them again", "s1[g.guard a.safe h.guard b.safe]",
		"CRASH@before:b; CRASH@before:g; -", "read:g a read:h =died | =died | read:g read:h b =done"},
	{"all guards are read again, though one did not hold in between", "s1[g.guard a.safe h.guard b.safe]",
		"CRASH@before:b; fail:g; -", "read:g a read:h =died | read:g! =failed | read:g read:h b =done"},
	{"a guard of what is done already is left alone", "s1[g.guard a.never r.read]", "CRASH@after:a; -",
		"read:g a =died | look:a read:r =done"},
	{"a guard that reaches to an action is read again for it", "s1[g.guard>a a.safe b.safe]", "CRASH@before:a; -",
		"read:g =died | read:g a b =done"},
	{"a guard that reaches to an action is left alone behind it", "s1[g.guard>a a.safe h.guard b.safe]", "CRASH@before:b; -",
		"read:g a read:h =died | read:h b =done"},
	{"what may have run is probed before a guard that it may have broken", "s1[g.guard a.never b.safe]",
		"CRASH@after:a; -", "read:g a =died | look:a read:g b =done"},
	{"half of it ran: the operator, whatever the guard says", "s1[g.guard a.never b.safe]", "half:a; -", "read:g a~ =failed | look:a =held"},
	{"verifications must hold together", "s1[a.never verify:v.read verify:w.read]", "CRASH@before:w; -",
		"a read:v =died | read:v read:w =done"},

	// Asked to stop: the place is kept.
	{"a stop waits for the proof: the end of the step", "s1[a.never b.safe verify:v.read] s2[c.safe]", "stop:a; -",
		"a b read:v =stopped | c =done"},
	{"a stop in the verification waits for its end", "s1[a.safe verify:v.read verify:w.read] s2[c.safe]", "stop:v; -",
		"a read:v read:w =stopped | c =done"},
	{"a stop in the last step comes too late", "s1[a.safe b.safe]", "stop:a", "a b =done"},
	{"a stop before the first change leaves the step pending: all is looked at anew",
		"s1[a.safe] s2[g.guard r.read b.safe]", "stop:r; -", "a read:g read:r =stopped | read:g read:r b =done"},
	{"a stop before the operator's part", "s1[a.safe m.manual b.safe]", "stop:a; did:m", "a =stopped | read:m b =done"},
	{"a stop is no failure: nothing is undone", "s1[a.never m.manual undo:u.safe auto] s2[b.safe]", "stop:a; did:m",
		"a =stopped | read:m b =done"},
	{"what was begun in an earlier life is proven before a stop", "s1[a.never b.safe verify:v.read] s2[c.safe]",
		"CRASH@after:a; stop:b; -", "a =died | look:a b read:v =stopped | c =done"},
	{"a stop does not end an undo that asks the operator", "s1[a.safe b.safe undo:u.safe undo:m.manual auto]",
		"fail:b stop:u; did:m", "a b! u read:m =held | read:m a b =done"},
	{"a lost connection is answered before a stop", "s1[a.never b.safe] s2[c.safe]", "lost:a stop:b; -", "a? look:a b =stopped | c =done"},
	{"a stop does not end an undo", "s1[a.safe b.safe undo:u.safe undo:w.safe auto]", "fail:b stop:u; -", "a b! u w =failed | a b =done"},

	// A failure pauses; resume takes it up there.
	{"failure pauses", "s1[a.safe b.safe c.safe]", "fail:b; -", "a b! =failed | b c =done"},
	{"never, failed without effect: the probe proves it", "s1[a.never b.safe]", "fail:a; -", "a! =failed | look:a a b =done"},
	{"never, failed half-way: the operator", "s1[a.never b.safe]", "half:a; -; -", "a~ =failed | look:a =held | look:a =held"},
	{"probe, failed half-way: run again", "s1[a.probe b.safe]", "half:a; -", "look:a a~ =failed | look:a a b =done"},

	// A lost connection: a mutating command is never repeated blindly; a probe answers.
	{"lost after effect, probe answers at once", "s1[a.never b.safe]", "lost:a", "a? look:a b =done"},
	{"lost before effect: stop, then the probe proves it", "s1[a.never b.safe]", "gone:a; -", "a- look:a =failed | look:a a b =done"},
	{"lost, safe: stop, and again on resume", "s1[a.safe b.safe]", "lost:a; -", "a? =failed | a b =done"},

	{"lost, read-only: sent once more", "s1[r.read a.safe]", "lost:r", "read:r? read:r a =done"},

	{"what the probe proved absent is not asked for again", "s1[g.guard a.never]", "CRASH@before:a; fail:g; -",
		"read:g =died | look:a read:g! =failed | read:g a =done"},
	{"killed: the probe is a matter of the next life", "s1[a.never b.safe]", "cancel:a; -", "a! =cancelled | look:a a b =done"},

	// Undo.
	{"undo on failure", "s1[a.safe b.safe undo:u.safe auto]", "fail:b; -", "a b! u =failed | a b =done"},
	{"undo after cancel, under its own deadline", "s1[a.safe b.safe undo:u.safe auto]", "cancel:b; -", "a b! u =cancelled | a b =done"},
	{"died in the undo: it is finished first", "s1[a.safe b.safe undo:u.safe undo:w.safe auto]",
		"fail:b CRASH@before:w; -", "a b! u =died | w a b =done"},
	{"no undo without auto", "s1[a.safe b.safe undo:u.safe]", "fail:b; -", "a b! =failed | b =done"},
	{"undo of the failed step only", "s1[a.safe] s2[b.safe undo:u.safe auto]", "fail:b; -", "a b! u =failed | b =done"},

	{"died between the failure and its undo: it is taken up where it failed", "s1[a.never b.never undo:u.safe auto]",
		"fail:b CRASH@record:6; -", "a b! =died | look:b b =done"},
	{"undone and done anew: no look at what was taken back", "s1[a.never b.never undo:u.never auto]", "fail:b; -",
		"a b! u =failed | a b =done"},
	{"died in an undo that is never repeated: its probe decides", "s1[a.safe b.safe undo:u.never auto]",
		"fail:b CRASH@after:u; -", "a b! u =died | look:u a b =done"},
	{"a hold is no failure: nothing is undone", "s1[a.safe m.manual undo:u.safe auto]", "-; did:m", "a read:m =held | read:m =done"},

	// Rollback: one call, in the run's own journal.
	{"rollback and again forward", "s1[a.safe undo:u.safe] s2[b.safe undo:v.safe]", "fail:b; rollback; -",
		"a b! =failed | v u =done | a b =done"},
	{"rollback of a run that is done", "s1[a.safe undo:u.safe] s2[r.read] s3[b.safe undo:v.safe]", "-; rollback; -",
		"a read:r b =done | v u =done | a read:r b =done"},
	{"what was looked at before the first change is looked at again", "s0[p.read] s1[g.guard] s2[a.safe undo:u.safe]",
		"-; rollback; -", "read:p read:g a =done | u =done | read:p read:g a =done"},
	{"so it is where the undo had begun by itself", "s0[p.read] s1[a.safe b.safe undo:u.safe auto]", "fail:b; rollback; -",
		"read:p a b! u =failed | =done | read:p a b =done"},
	{"and behind the step that cannot be undone", "s1[a.safe] s2[p.read] s3[b.safe undo:v.safe]", "-; rollback; -",
		"a read:p b =done | v =done | read:p b =done"},
	{"a rollback of a run that only looked does nothing", "s0[p.read] s1[g.guard a.safe undo:u.safe]",
		"fail:g; rollback; -", "read:p read:g! =failed | =done | read:g a =done"},
	{"rollback to the step that cannot be undone",
		"s1[a.safe undo:u.safe] s2[b.safe] s3[c.safe undo:v.safe] s4[d.safe e.safe undo:w.safe]", "fail:e; rollback; -",
		"a b c d e! =failed | w v =done | c d e =done"},
	{"nothing to roll back over", "s1[a.safe undo:u.safe] s2[b.safe]", "fail:b; rollback; -", "a b! =failed | =cannot | b =done"},
	{"rollback twice", "s1[a.safe undo:u.safe]", "-; rollback; rollback; -", "a =done | u =done | =done | a =done"},
	{"died in the rollback: no resume, and the rollback goes on", "s1[a.safe undo:u.safe] s2[b.safe undo:v.safe]",
		"-; rollback CRASH@before:u; -; rollback; -", "a b =done | v =died | =refused | u =done | a b =done"},
	{"died after an undo took effect: it is done again where that is safe", "s1[a.safe undo:u.safe]",
		"-; rollback CRASH@after:u; rollback", "a =done | u =died | u =done"},
	{"died in an undo that is never repeated: the probe decides", "s1[a.safe undo:u.never]",
		"-; rollback CRASH@after:u; rollback", "a =done | u =died | look:u =done"},
	{"died right after the rollback was journalled", "s1[a.safe undo:u.safe]",
		"-; rollback CRASH@record:1; -; rollback; -", "a =done | =died | =refused | u =done | a =done"},
	{"died before the rollback ended", "s1[a.safe undo:u.safe]", "-; rollback CRASH@record:5; -; rollback; -",
		"a =done | u =died | =refused | =done | a =done"},
	{"stopped in the rollback", "s1[a.safe undo:u.safe] s2[b.safe undo:v.safe]", "-; rollback stop:v; -; rollback; -",
		"a b =done | v =stopped | =refused | u =done | a b =done"},
	{"an undo fails: it is where the rollback goes on", "s1[a.safe undo:u.safe] s2[b.safe undo:v.safe]",
		"-; rollback fail:u; -; rollback", "a b =done | v u! =failed | =refused | u =done"},
	{"an undo that began by itself is probed in the rollback", "s1[a.safe b.safe undo:u.never auto]",
		"fail:b CRASH@after:u; rollback; -", "a b! u =died | look:u =done | a b =done"},
	{"a guard that says no is no point of no return", "s1[a.safe undo:u.safe] s2[g.guard b.safe]", "fail:g; rollback; -",
		"a read:g! =failed | u =done | a read:g b =done"},
	{"an undo by hand", "s1[a.safe undo:m.manual]", "-; rollback; -; rollback did:m; -",
		"a =done | read:m =held | =refused | read:m =done | a =done"},
	{"no run after a rollback", "s1[a.safe undo:u.safe]", "-; rollback CRASH@before:u; run -", "a =done | =died | =refused"},

	{"a stop in the last undo: the rollback has not ended", "s1[a.safe undo:u.safe]", "-; rollback stop:u; -; rollback",
		"a =done | u =stopped | =refused | =done"},
	{"a look between two steps that are undone before it and two after",
		"s1[a.safe undo:u.safe] s2[b.safe undo:v.safe] s3[r.read] s4[c.safe undo:w.safe]",
		"-; rollback; -", "a b read:r c =done | w v u =done | a b read:r c =done"},

	// The operator.
	{"manual holds, resume looks again", "s1[m.manual a.safe]", "-; did:m", "read:m =held | read:m a =done"},
	{"manual done already", "s1[m.manual a.safe]", "did:m", "read:m a =done"},
}

func TestSequences(t *testing.T) {
	for _, tc := range sequenceTests {
		t.Run(tc.name, func(t *testing.T) {
			m := &machine{done: map[string]string{}}
			rb := parseRunbook(t, tc.runbook)
			journal := &evenkeel.MemJournal{}
			start := evenkeel.Run
			var lives []string
			for _, faults := range strings.Split(tc.faults, "; ") {
				rest, back := strings.CutPrefix(faults, "rollback")
				rest, anew := strings.CutPrefix(rest, "run ")
				switch {
				case back:
					start = evenkeel.Rollback
				case anew:
					start = evenkeel.Run
				}
				m.live(rest)
				end := m.life(t, start, rb, journal)
				lives = append(lives, strings.TrimSpace(strings.Join(m.log, " ")+" "+end))
				start = evenkeel.Resume
			}
			require.Equal(t, tc.want, strings.Join(lives, " | "))
			roundTrip(t, journal)
		})
	}
}

// roundTrip: what is in memory is what a file would hold.
func roundTrip(t *testing.T, j evenkeel.Journal) {
	t.Helper()
	path := t.TempDir() + "/journal"
	f, err := evenkeel.OpenJournal(path)
	require.NoError(t, err)
	for _, r := range j.Records() {
		require.NoError(t, f.Append(r))
	}
	require.NoError(t, f.Close())
	f, err = evenkeel.OpenJournal(path)
	require.NoError(t, err)
	require.Len(t, f.Records(), len(j.Records()))
	require.NoError(t, f.Close())
}

// machine is a host that keeps what was done to it.
type machine struct {
	done    map[string]string // action → "", "half" or "done"
	log     []string          // of this life
	faults  map[string]string // action → fault
	record  int               // die after this record of this life; 0 never
	cancel  func()
	stop    chan struct{} // of this life
	records int
	lease   sshexec.SimLease // survives the tool
}

func (m *machine) clone() *machine {
	return &machine{done: maps.Clone(m.done), log: slices.Clone(m.log), faults: maps.Clone(m.faults), lease: m.lease.Clone()}
}

// under is a host with the machine's lease.
func (m *machine) under(run sshexec.RunnerFunc) sshexec.Runner {
	return sshexec.WithSimLease("h", &m.lease, run)
}

type deathOfTool struct{}

func (m *machine) live(faults string) {
	m.log, m.faults, m.record, m.records, m.stop = nil, map[string]string{}, 0, 0, make(chan struct{})
	for _, f := range strings.Fields(faults) {
		kind, what, _ := strings.Cut(f, ":")
		switch kind {
		case "CRASH@record":
			_, _ = fmt.Sscan(what, &m.record)
		case "did":
			m.done[what] = "done"
		default:
			m.faults[what] = kind
		}
	}
}

type dyingJournal struct {
	evenkeel.Journal
	m *machine
}

func (j dyingJournal) Append(r evenkeel.Record) error {
	err := j.Journal.Append(r)
	if r.Kind == evenkeel.KindLease || r.Kind == evenkeel.KindIdentity {
		return err // a life's beginning has tests of its own
	}
	j.m.records++
	if j.m.records == j.m.record {
		panic(deathOfTool{})
	}
	return err
}

func (m *machine) life(t *testing.T,
	start func(context.Context, *evenkeel.Runbook, evenkeel.Hosts, evenkeel.Options) (*evenkeel.Report, error),
	rb *evenkeel.Runbook, j evenkeel.Journal) (end string) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(deathOfTool); !ok {
				panic(p)
			}
			end = "=died"
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m.cancel = cancel
	_, err := start(ctx, rb, evenkeel.HostMap{"h": m}, evenkeel.Options{Journal: dyingJournal{j, m}, Clock: &stepClock{}, Stop: m.stop})
	var hold *evenkeel.Pause
	switch {
	case err == nil:
		return "=done"
	case errors.Is(err, evenkeel.ErrStopped):
		return "=stopped"
	case errors.As(err, &hold):
		return "=held"
	case errors.Is(err, context.Canceled):
		return "=cancelled"
	case errors.As(err, new(*evenkeel.RolledBackError)):
		return "=refused"
	case errors.As(err, new(*evenkeel.CannotRollBackError)):
		return "=cannot"
	}
	var se *evenkeel.StepError
	require.ErrorAs(t, err, &se)
	return "=failed"
}

func (m *machine) Run(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
	if res, err, handled := m.lease.Do("h", cmd); handled {
		return res, err
	}
	verb, what := cmd.Argv[0], cmd.Argv[1]
	fault := m.faults[what]
	exit := func(code int, out string) (sshexec.Result, error) {
		res := sshexec.Result{Outcome: sshexec.Exited, ExitCode: code, Stdout: []byte(out)}
		return res, sshexec.Failure("h", cmd, res, nil)
	}
	if verb == "look" {
		m.log = append(m.log, "look:"+what)
		return exit(0, m.done[what])
	}
	delete(m.faults, what)
	if fault == "CRASH@before" {
		panic(deathOfTool{})
	}
	if fault == "stop" {
		close(m.stop)
		fault = ""
	}
	lost := sshexec.Result{Outcome: sshexec.Unknown}
	switch {
	case verb == "read" && fault == "fail":
		m.log = append(m.log, "read:"+what+"!")
		return exit(1, "")
	case verb == "read" && fault == "lost":
		m.log = append(m.log, "read:"+what+"?")
		return lost, sshexec.Failure("h", cmd, lost, errors.New("connection lost"))
	case verb == "read":
		m.log = append(m.log, "read:"+what)
	case fault == "fail":
		m.log = append(m.log, what+"!")
		return exit(1, "")
	case fault == "half":
		m.done[what] = "half"
		m.log = append(m.log, what+"~")
		return exit(1, "")
	case fault == "cancel":
		m.log = append(m.log, what+"!")
		m.cancel()
		res := sshexec.Result{Outcome: sshexec.Signalled, Signal: "TERM"}
		return res, sshexec.Failure("h", cmd, res, context.Canceled)
	case fault == "gone":
		m.log = append(m.log, what+"-")
		return lost, sshexec.Failure("h", cmd, lost, errors.New("connection lost"))
	case fault == "lost":
		m.done[what] = "done"
		m.log = append(m.log, what+"?")
		return lost, sshexec.Failure("h", cmd, lost, errors.New("connection lost"))
	default:
		if err := ctx.Err(); err != nil {
			res := sshexec.Result{}
			return res, sshexec.Failure("h", cmd, res, err)
		}
		m.done[what] = "done"
		m.log = append(m.log, what)
	}
	if fault == "CRASH@after" {
		panic(deathOfTool{})
	}
	return exit(0, m.done[what])
}

// stepClock moves by a second at every look.
type stepClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *stepClock) move(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

func (c *stepClock) clone() *stepClock {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &stepClock{now: c.now}
}

func (c *stepClock) Now() time.Time { return c.move(time.Second) }

func (c *stepClock) Sleep(ctx context.Context, d time.Duration) error {
	c.move(d)
	return ctx.Err()
}

var stepPattern = regexp.MustCompile(`(\w+)\[([^\]]*)\]`)

// parseRunbook reads the language of the sequence tests.
func parseRunbook(t *testing.T, text string) *evenkeel.Runbook {
	t.Helper()
	rb := &evenkeel.Runbook{Name: "test", Title: "Test"}
	for _, m := range stepPattern.FindAllStringSubmatch(text, -1) {
		s := evenkeel.Step{ID: m[1], Title: m[1], Host: "h", Irreversible: "a test"}
		for _, word := range strings.Fields(m[2]) {
			if word == "auto" {
				s.UndoOnFailure = true
				continue
			}
			list := &s.Actions
			if rest, ok := strings.CutPrefix(word, "undo:"); ok {
				word, list = rest, &s.Undo
				s.Irreversible = ""
			}
			if rest, ok := strings.CutPrefix(word, "verify:"); ok {
				word, list = rest, &s.Verify
			}
			*list = append(*list, parseAction(t, word))
		}
		rb.Steps = append(rb.Steps, s)
	}
	require.NoError(t, rb.Validate())
	return rb
}

func parseAction(t *testing.T, word string) evenkeel.Action {
	t.Helper()
	id, kind, _ := strings.Cut(word, ".")
	kind, through, _ := strings.Cut(kind, ">")
	a := evenkeel.Action{ID: id, Change: evenkeel.Change{Title: id, Cmd: sshexec.Command(sshexec.Mutating, "do", id)}}
	switch kind {
	case "read":
		a.Cmd = sshexec.Command(sshexec.ReadOnly, "read", id)
	case "guard":
		a.Cmd = sshexec.Command(sshexec.ReadOnly, "read", id)
		a.Precondition, a.Through = true, through
	case "manual":
		a.Cmd = sshexec.Command(sshexec.ReadOnly, "read", id)
		a.Manual = "do " + id + " by hand"
		a.Expect.Check = func(o evenkeel.Observed) error {
			if o.Text() != "done" {
				return errors.New("it is not done")
			}
			return nil
		}
	case "safe":
		a.Repeat = evenkeel.Idempotent
	case "probe", "never":
		a.Repeat = map[string]evenkeel.Repeat{"probe": evenkeel.ProbeFirst, "never": evenkeel.Never}[kind]
		a.Probe = &evenkeel.Probe{
			Cmd: sshexec.Command(sshexec.ReadOnly, "look", id), Text: "its effect",
			Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
				return map[string]evenkeel.ProbeResult{"": evenkeel.NotRun, "half": evenkeel.Partial, "done": evenkeel.Done}[o.Text()], nil
			},
		}
	default:
		t.Fatalf("%q is no kind of action", kind)
	}
	return a
}

package evenkeel

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// LeasePath is where a run keeps its lease on each of its machines, unless Options say otherwise. Every operator of a
// machine has to use the same path. A run with another path looks here as well, and a lease here keeps it out; a run with
// this path cannot know of the other.
const LeasePath = "/var/lib/evenkeel.lease"

// LifeInfo says which life of a run holds the machines: each run, resume and rollback is a life of its own, and its
// epoch is higher than that of any before.
type LifeInfo struct {
	Epoch   int      `json:"epoch"`
	Name    string   `json:"name"` // random: no two lives have the same
	Hosts   []string `json:"hosts,omitempty"`
	Missing []string `json:"missing,omitempty"` // without a lease for now: being reinstalled, or left out by force
	Forced  string   `json:"forced,omitempty"`  // what ForceTakeover passed over
}

// life is what the engine holds on the machines.
type life struct {
	LifeInfo
	held  map[string]string // host → the line of its lease
	takes map[string]int    // host → how often its lease was taken
	begun bool              // a stop is the steps' matter from here on

	unsure map[string]string // host → the line of a lease of which nobody knows whether it was taken

	admitting map[string]*sync.Mutex // by host: of parallel steps one gives it its lease, and the others wait
}

// admission is the turn to give a host its lease.
func (e *engine) admission(host string) *sync.Mutex {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mine.admitting[host] == nil {
		e.mine.admitting[host] = &sync.Mutex{}
	}
	return e.mine.admitting[host]
}

// Leased are the hosts on which a run keeps a lease: every host that an action changes or that is reinstalled, and
// those of LeaseHosts, in order.
func (rb *Runbook) Leased() []string {
	hosts := map[string]bool{}
	for _, h := range rb.LeaseHosts {
		hosts[h] = true
	}
	for i := range rb.Steps {
		s := &rb.Steps[i]
		for _, h := range s.Reinstalls {
			hosts[h] = true
		}
		for _, a := range s.all() {
			for _, h := range a.changes(s) {
				hosts[h] = true
			}
		}
	}
	if rb.origin != nil { // the run that it rolls back holds more hosts than its rollback touches
		for _, h := range rb.origin.Leased() {
			hosts[h] = true
		}
	}
	delete(hosts, "")
	return slices.Sorted(maps.Keys(hosts))
}

// all are the actions of the step that may change something.
func (s *Step) all() []Action {
	actions := slices.Concat(s.Actions, s.Undo)
	for _, w := range s.Opens {
		actions = append(actions, w.Completion...)
	}
	return actions
}

// changes are the hosts that the action changes.
func (a *Action) changes(s *Step) []string {
	if a.effect() == ReadOnly {
		return nil
	}
	if a.Op == nil || len(a.Op.Cmds)+len(a.Op.Docs) == 0 {
		return []string{a.host(s)}
	}
	var hosts []string
	for _, d := range a.Op.Docs {
		for _, p := range d.To {
			hosts = append(hosts, p.At(a.host(s)).Host)
		}
	}
	for _, c := range a.Op.Cmds {
		if c.Cmd.Effect != ReadOnly {
			hosts = append(hosts, c.At(a.host(s)))
		}
	}
	return hosts
}

// LeaseHeldError says that another run works on a machine.
type LeaseHeldError struct {
	Host, Path string
	Lease      sshexec.Lease
}

func (e *LeaseHeldError) Error() string {
	return fmt.Sprintf("%s is leased to another run: run %s of %s, since %s. Ask them to finish or to roll back. If that "+
		"run is given up for good, take its lease over by the name of the run (%s)",
		e.Host, plain(e.Lease.Run), plain(e.Lease.Holder), e.Lease.Since.Format(time.RFC3339), e.Path)
}

// LeaseLostError says that a machine refuses this life of the run, because its lease is another one: the run was taken
// over, or the machine is not the one that it was. Nothing was started.
type LeaseLostError struct {
	Host string
	Err  error // often a *sshexec.FencedError
}

func (e *LeaseLostError) Error() string {
	return fmt.Sprintf("the lease on %s is not this one's any more; nothing more is changed: %v", e.Host, e.Err)
}

func (e *LeaseLostError) Unwrap() error { return e.Err }

// LeaseMissingError says that a life cannot take its lease on a machine, and that nothing proves that nobody else works there.
type LeaseMissingError struct {
	Host string
	Err  error
}

func (e *LeaseMissingError) Error() string {
	return fmt.Sprintf("%s cannot be reached, and nobody else may be kept out there, so nothing was begun: %v. Bring it "+
		"back, or make sure that nobody works on it and force the takeover", e.Host, e.Err)
}

func (e *LeaseMissingError) Unwrap() error { return e.Err }

// LeaseBusyError says that a command of an earlier life still runs on a machine.
type LeaseBusyError struct {
	Host, Command string
	Waited        time.Duration
}

func (e *LeaseBusyError) Error() string {
	return fmt.Sprintf("%s still runs a command of an earlier life of this or another run, after a wait of %s: %s. Wait "+
		"until it has ended, or end it there, then try again", e.Host, printable.Duration(e.Waited), plain(e.Command))
}

// StaleJournalError says that the run went on with another journal than this one.
type StaleJournalError struct {
	Host  string
	Lease sshexec.Lease
	Epoch int // the last one in the journal
	// Where the epochs are the same: how many records the journal has of that life, and how many it had when the machine was
	// sent the life's last command.
	Records, At int
}

func (e *StaleJournalError) Error() string {
	if e.At > 0 {
		return fmt.Sprintf("this journal is not the run's latest: it has %d records of epoch %d, and when %s got its last "+
			"command from %s there were %d. "+
			"It is a copy from before, or its end was lost. Go on with the journal of %[4]s", e.Records, e.Epoch, e.Host,
			plain(e.Lease.Holder), e.At)
	}
	return fmt.Sprintf("this journal is not the run's latest: it ends with epoch %d, and %s has had the lease of epoch "+
		"%d since %s, by %s. Go on with their journal",
		e.Epoch, e.Host, e.Lease.Epoch, e.Lease.Since.Format(time.RFC3339), plain(e.Lease.Holder))
}

// errUnusable is what is wrong with a machine on which no lease can be kept.
var errUnusable = errors.New("the lease cannot be kept")

// usable tells whether a lease can be kept on a machine, and what to do where it cannot.
func (e *engine) usable(host string, l sshexec.LeaseLook) error {
	switch {
	case !l.Flock:
		return fmt.Errorf("%w on %s: there is no flock(1); install util-linux there", errUnusable, host)
	case l.Fault != "":
		return fmt.Errorf("%w on %s: %s cannot be written (%s); make the file system writable, log in as a user who may "+
			"write it (or through sudo), or set another lease path",
			errUnusable, host, e.opts.LeasePath, plain(l.Fault))
	}
	return nil
}

// beginLife takes the lease of a new life on every machine. Nothing is written anywhere before all machines were looked at.
func (e *engine) beginLife(ctx context.Context) error {
	e.mine = life{
		held: map[string]string{}, takes: map[string]int{}, unsure: map[string]string{}, admitting: map[string]*sync.Mutex{},
		LifeInfo: LifeInfo{Name: strings.ToLower(rand.Text()[:16]), Hosts: e.rb.Leased()},
	}
	seen, err := e.lookAround(ctx)
	if err == nil {
		err = e.identifyAll(seen)
	}
	if err == nil && len(e.mine.Hosts) > 0 {
		for _, l := range seen {
			e.mine.Epoch = max(e.mine.Epoch, l.lease.Epoch)
		}
		e.mine.Epoch = max(e.mine.Epoch, e.whole.Life.Epoch) + 1
		if e.mine.Forced != "" {
			e.event(EventAlarm, nil, nil, "FORCED TAKEOVER: %s", e.mine.Forced)
		}
		info := e.mine.LifeInfo
		for _, host := range e.mine.Hosts {
			if err := e.lease(host).Validate(); err != nil {
				return fmt.Errorf("no lease can be kept on %s: %w", host, err)
			}
		}
		if err = e.note(Record{Kind: KindLease, Life: &info}); err == nil {
			err = e.takeAll(ctx, seen)
		}
	}
	e.mine.begun = err == nil
	return err
}

func (e *engine) takeAll(ctx context.Context, seen map[string]seenHost) error {
	for _, host := range e.mine.Hosts {
		if l, ok := seen[host]; ok {
			if err := e.take(ctx, host, l); err != nil {
				return err
			}
		}
	}
	return nil
}

// seenHost is what a look at a machine showed.
type seenHost struct {
	sshexec.LeaseLook
	lease sshexec.Lease // its zero value where there is none, or none that can be read
}

// lookAround looks at every machine, and refuses where one keeps this life out.
func (e *engine) lookAround(ctx context.Context) (map[string]seenHost, error) {
	seen := map[string]seenHost{}
	for _, host := range e.mine.Hosts {
		l, err := e.lookAt(ctx, host)
		if unreached(err) {
			if e.expected(host) {
				e.mine.Missing = append(e.mine.Missing, host)
				e.event(EventLease, nil, nil, "%s does not answer; it is being reinstalled, and gets its lease when it is back", host)
				continue
			}
			if err = e.force(&LeaseMissingError{Host: host, Err: err}); err == nil {
				e.mine.Missing = append(e.mine.Missing, host)
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		if err := e.admissible(host, l); err != nil {
			return nil, err
		}
		seen[host] = l
	}
	if len(seen) == 0 && len(e.mine.Hosts) > 0 {
		if err := e.force(&noHostError{e.mine.Hosts}); err != nil {
			return nil, err
		}
	}
	return seen, nil
}

// noHostError: no machine that holds a lease can be reached, such as while all are being reinstalled.
type noHostError struct{ hosts []string }

func (e *noHostError) Error() string {
	return fmt.Sprintf("none of %s can be reached: nobody can be kept out. Resume when one of them is up", strings.Join(e.hosts, ", "))
}

// force passes over what keeps a life from beginning, if the operator said so. Where the life has begun already, and a host that
// it did without comes back, that is told and journalled too.
func (e *engine) force(err error) error {
	if host := keepsOut(err); !e.opts.ForceTakeover && !slices.Contains(e.opts.forcible, host) {
		return err
	}
	e.mu.Lock()
	e.mine.Forced = strings.TrimPrefix(e.mine.Forced+"; "+err.Error(), "; ")
	info := e.mine.LifeInfo
	e.mu.Unlock()
	if !e.mine.begun {
		return nil
	}
	e.event(EventAlarm, nil, nil, "FORCED TAKEOVER: %v", err)
	return e.note(Record{Kind: KindLease, Life: &info})
}

// keepsOut is the host that keeps a life from beginning, because its lease or the host itself is not there; empty where none does.
func keepsOut(err error) (host string) {
	var missing *LeaseMissingError
	var lost *LeaseLostError
	var wrong *IdentityError
	switch {
	case errors.As(err, &missing):
		return missing.Host
	case errors.As(err, &lost):
		return lost.Host
	case errors.As(err, &wrong):
		return wrong.Host
	}
	return ""
}

// unreached tells whether a machine could not be asked.
func unreached(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, sshexec.ErrAuth) {
		return false
	}
	var key *sshexec.HostKeyError
	return isCommandError(err) && !errors.As(err, &key) && (sshexec.OutcomeOf(err) == NotStarted || sshexec.OutcomeOf(err) == Unknown)
}

// expected tells whether a host may be away, because a step that began reinstalls it.
func (e *engine) expected(host string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.whole.reinstalled[host]
}

// lookAt looks at the lease of a machine and at who it is. One that restarts is waited for.
func (e *engine) lookAt(ctx context.Context, host string) (seenHost, error) {
	for begin := e.opts.Clock.Now(); ; {
		res, err := e.onLease(ctx, host, sshexec.LookLease(e.opts.LeasePath, LeasePath))
		switch {
		case err == nil:
			look, err := sshexec.ReadLeaseLook(res)
			if err != nil {
				return seenHost{}, fmt.Errorf("%s: %w", host, err)
			}
			lease, _ := sshexec.ParseLease(look.Line)
			return seenHost{look, lease}, e.usable(host, look)
		case !unreached(err) || !e.restarts(host) || e.opts.Clock.Now().Sub(begin) >= DefaultLimit:
			return seenHost{}, err
		}
		e.event(EventWait, nil, nil, "%s may be restarting: %v", host, err)
		if serr := e.rest(ctx); serr != nil {
			return seenHost{}, errors.Join(serr, err)
		}
	}
}

// restarts tells whether a host may be restarting: a step that is not done yet took its connection away.
func (e *engine) restarts(host string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.rb.Steps {
		s := &e.rb.Steps[i]
		ss := e.st.Step(s.ID)
		if ss.Touched() && ss.Progress != Did && slices.ContainsFunc(s.Actions, func(a Action) bool {
			return a.DropsConnection && a.host(s) == host && ss.Action(PhaseDo, a.ID) != Pending
		}) {
			return true
		}
	}
	return false
}

// onLease runs a command on a lease. It may be sent again when its answer was lost.
func (e *engine) onLease(ctx context.Context, host string, cmd sshexec.Cmd) (sshexec.Result, error) {
	r, err := e.hosts.Runner(host)
	if err != nil {
		return sshexec.Result{}, err
	}
	for tries := 3; ; tries-- {
		res, err := r.Run(ctx, cmd)
		var ce *sshexec.CommandError
		if errors.As(err, &ce) {
			short := *ce
			short.Cmd = "(the lease " + e.opts.LeasePath + ")"
			err = &short
		}
		if tries == 1 || ctx.Err() != nil || !isCommandError(err) || sshexec.OutcomeOf(err) != Unknown {
			return res, err
		}
		if serr := e.rest(ctx); serr != nil {
			return res, errors.Join(err, serr)
		}
	}
}

// rest waits a moment before a machine is asked again.
func (e *engine) rest(ctx context.Context) error {
	if !e.mine.begun && e.stopRequested() {
		return ErrStopped
	}
	return e.opts.Clock.Sleep(ctx, DefaultRetry)
}

// admissible refuses a lease that keeps this life out.
func (e *engine) admissible(host string, l seenHost) error {
	e.mu.Lock()
	_, known := e.whole.Bound[host]
	last, run, new, stands, written := e.whole.Life, e.st.Run.ID, e.whole.reinstalled[host], e.whole.stands(), e.whole.written
	e.mu.Unlock()
	lease := l.lease
	other := lease.Run != run || last.Epoch == 0
	if err := e.elsewhere(host, l.Other); err != nil {
		return err
	}
	switch {
	case l.Line == "" && (!known || new):
		return nil
	case l.Line == "":
		return e.force(&LeaseLostError{Host: host,
			Err: fmt.Errorf("there is no lease %s there any more, and nothing expects %s to be reinstalled", e.opts.LeasePath, host)})
	case l.Foreign():
		return fmt.Errorf("%w on %s: the file %s is no lease (it begins with %.80q), and nothing is written into it: set another lease path",
			errUnusable, host, e.opts.LeasePath, l.Line)
	case lease.Epoch == 0:
		return e.force(&LeaseLostError{Host: host,
			Err: fmt.Errorf("the lease %s there cannot be read (%.80q): find out who works there, then remove the file", e.opts.LeasePath, l.Line)})
	case other && lease.Held && lease.Run != e.opts.TakeLease:
		return &LeaseHeldError{Host: host, Path: e.opts.LeasePath, Lease: lease}
	case other && known && !new && stands: // it was this run's
		return e.force(&LeaseLostError{Host: host, Err: takenOver(lease)})
	case other:
		return nil
	case lease.Host != host:
		return &IdentityError{Host: host, Other: lease.Host, Got: l.Machine}
	case lease.Epoch > last.Epoch, lease.Epoch == last.Epoch && lease.Life != last.Name:
		return e.force(&StaleJournalError{Host: host, Lease: lease, Epoch: last.Epoch})
	case lease.Epoch == last.Epoch && l.At > written:
		return e.force(&StaleJournalError{Host: host, Lease: lease, Epoch: last.Epoch, Records: written, At: l.At})
	case lease.Epoch == last.Epoch && l.At < 0:
		return e.force(&LeaseLostError{Host: host,
			Err: fmt.Errorf("it cannot be read behind the lease %s how far the run's journal was, so this may be a copy from before: "+
				"make sure that it is the run's latest, then force the takeover", e.opts.LeasePath)})
	}
	return nil
}

// elsewhere refuses a machine at whose standard path another run holds a lease, while this one uses another path. It
// cannot be taken over from here: its commands would go on.
func (e *engine) elsewhere(host, line string) error {
	lease, err := sshexec.ParseLease(line)
	if err != nil || !lease.Held || lease.Run == e.st.Run.ID {
		return nil //nolint:nilerr // what is no lease holds nothing there
	}
	return fmt.Errorf("all who work on a machine have to use the same lease path, and this run uses %s: %w", e.opts.LeasePath,
		&LeaseHeldError{Host: host, Path: LeasePath, Lease: lease})
}

// takenOver says that another run has been at work where a run is to go on: what the journal of that one tells may not be true any more.
func takenOver(l sshexec.Lease) error {
	end := "which has ended"
	if l.Held {
		end = "which is given up"
	}
	return fmt.Errorf("it was taken over by run %s of %s, %s (%s). Find out what that run changed. "+
		"Begin a new run with a new journal, or force the takeover where this journal is still true",
		l.Run, l.Holder, end, l.Since.Format(time.RFC3339))
}

// lease is this life's lease for a host.
func (e *engine) lease(host string) sshexec.Lease {
	return sshexec.Lease{
		Held: true, Run: e.st.Run.ID, Epoch: e.mine.Epoch, Life: e.mine.Name, Host: host, Since: e.opts.Clock.Now().
			Truncate(time.Second), Holder: e.opts.Holder,
	}
}

// take puts this life's lease in the place of the one that was seen, and waits for what still runs there.
func (e *engine) take(ctx context.Context, host string, seen seenHost) error {
	lease := e.lease(host)
	for begin := e.opts.Clock.Now(); ; {
		res, err := e.onLease(ctx, host, sshexec.SwapLease(e.opts.LeasePath, seen.Line, lease))
		if err != nil {
			if sshexec.OutcomeOf(err) != NotStarted {
				e.mu.Lock()
				e.mine.unsure[host] = lease.String()
				e.mu.Unlock()
			}
			return fmt.Errorf("cannot take the lease on %s: %w", host, err)
		}
		swap, err := sshexec.ReadLeaseSwap(res)
		switch waited := e.opts.Clock.Now().Sub(begin); {
		case err != nil:
			return fmt.Errorf("%s: %w", host, err)
		case swap.Taken:
			return e.taken(ctx, host, lease.String(), seen)
		case swap.Busy == "" && e.ours(host, swap.Line):
			return e.taken(ctx, host, swap.Line, seen)
		case swap.Busy == "":
			return e.beaten(host, swap.Line)
		case waited >= max(e.opts.TakeoverWait, e.jobTime(host)):
			return &LeaseBusyError{Host: host, Command: swap.Busy, Waited: waited}
		}
		e.event(EventWait, nil, nil, "%s: a command of the life before still runs: %s", host, plain(swap.Busy))
		if err := e.rest(ctx); err != nil {
			return err
		}
	}
}

// taken notes that this life has the lease of a host, and who the host is.
func (e *engine) taken(ctx context.Context, host, line string, seen seenHost) error {
	e.mu.Lock()
	e.mine.held[host] = line
	e.mine.takes[host]++
	delete(e.mine.unsure, host)
	e.mu.Unlock()
	e.event(EventLease, nil, nil, "%s: lease taken, epoch %d", host, e.mine.Epoch)
	if err := e.bind(host, seen); err != nil {
		return err
	}
	return e.canKeepJobs(ctx, host)
}

// ours tells whether the line of a lease is that of this life for this host.
func (e *engine) ours(host, line string) bool {
	now, err := sshexec.ParseLease(line)
	return err == nil && now.Held && now.Life == e.mine.Name && now.Host == host
}

// beaten says who was faster at taking a lease.
func (e *engine) beaten(host, line string) error {
	now, err := sshexec.ParseLease(line)
	switch {
	case err != nil:
		return &LeaseLostError{Host: host, Err: fmt.Errorf("it changed while it was taken: %w", err)}
	case now.Life == e.mine.Name:
		return &SameMachineError{Host: host, Other: now.Host}
	}
	return &LeaseHeldError{Host: host, Path: e.opts.LeasePath, Lease: now}
}

// dropLeases gives the leases back, also where the context has ended, and those of which nobody knows whether they were taken.
// A lease that stays is reported; it harms nothing but the next run's patience.
func (e *engine) dropLeases(ctx context.Context) {
	for _, host := range slices.Sorted(maps.Keys(e.mine.held)) {
		if e.drop(ctx, host, e.mine.held[host]) {
			delete(e.mine.held, host)
		}
	}
	for _, host := range slices.Sorted(maps.Keys(e.mine.unsure)) {
		if e.drop(ctx, host, e.mine.unsure[host]) {
			delete(e.mine.unsure, host)
		}
	}
}

// giveBack gives back, at the end of a run, every lease that it has: those of this life, and those of its lives before on hosts
// that this one did without. Such a host was passed over by force, is away, or is not in the runbook any more.
func (e *engine) giveBack(ctx context.Context) {
	e.mu.Lock()
	hosts := slices.Concat(e.mine.Hosts, slices.Collect(maps.Keys(e.whole.Bound)))
	e.mu.Unlock()
	slices.Sort(hosts)
	for _, host := range slices.Compact(hosts) {
		if e.holds(host) {
			continue
		}
		line, err := e.oldLease(ctx, host)
		switch {
		case err != nil:
			e.event(EventLease, nil, nil, "%s: it cannot be seen whether it still has a lease of this run: %v. %s", host, err, e.takesOver())
		case line != "":
			e.drop(ctx, host, line)
		}
	}
	e.dropLeases(ctx)
}

// takesOver says what becomes of a lease that stays.
func (e *engine) takesOver() string {
	return "The next run can take it over by the name of this one, " + e.st.Run.ID
}

// oldLease is the line of the lease that a life of this run has left on a host; empty where none has. Only a life of this very
// journal counts: with a copy of it, somebody may be at work there.
func (e *engine) oldLease(ctx context.Context, host string) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sshexec.LeaseTimeout)
	defer cancel()
	res, err := e.onLease(ctx, host, sshexec.LookLease(e.opts.LeasePath, LeasePath))
	if err != nil {
		return "", err
	}
	look, err := sshexec.ReadLeaseLook(res)
	if err != nil || look.Line == "" {
		return "", err
	}
	lease, err := sshexec.ParseLease(look.Line)
	if err != nil || !lease.Held || lease.Run != e.st.Run.ID {
		return "", err
	}
	if !slices.ContainsFunc(e.opts.Journal.Records(), func(r Record) bool {
		return r.Life != nil && r.Life.Epoch == lease.Epoch && r.Life.Name == lease.Life
	}) {
		return "", fmt.Errorf("it has one that this journal does not know: %s", lease.Describe())
	}
	return look.Line, nil
}

// drop gives a lease back, and tells whether this life has it no more.
func (e *engine) drop(ctx context.Context, host, line string) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sshexec.LeaseTimeout)
	defer cancel()
	free, err := sshexec.ParseLease(line)
	free.Held = false
	var res sshexec.Result
	if err == nil {
		res, err = e.onLease(ctx, host, sshexec.SwapLease(e.opts.LeasePath, line, free))
	}
	if err == nil {
		var swap sshexec.LeaseSwap
		if swap, err = sshexec.ReadLeaseSwap(res); err == nil && !swap.Taken && e.mine.unsure[host] == line && swap.Busy == "" {
			return true // it was not taken
		} else if err == nil && !swap.Taken {
			err = fmt.Errorf("it says %q, and %q still runs", swap.Line, swap.Busy)
		}
	}
	if err != nil {
		e.event(EventLease, nil, nil, "%s: the lease could not be given back: %v. %s", host, err, e.takesOver())
	}
	return err == nil
}

package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/internal/document"
)

// Options are the times of a [ReplicaSet]. A zero field takes the default that is named beside it.
type Options struct {
	Poll           time.Duration // 500 ms: how often a wait looks again
	CommandTimeout time.Duration // 10 s: for connecting to a member, and for each command without a limit of its own
	Sample         time.Duration // 10 s: how long [ReplicaSet.RollingOver] watches the oplog grow
	Attempts       int           // 5: how often a reconfiguration is sent or planned anew before giving up

	// Watch hears what a wait is waiting for, once for each new reason, and what Converge is about to do.
	Watch func(Event)

	// Sleep waits between two looks; nil sleeps. A simulated set lets its own time pass here.
	Sleep func(ctx context.Context, d time.Duration) error

	// Serial asks one member after the other, in the order in which they became known, and not all at once: for a rehearsal, in which the
	// same commands must come in the same order each time. A member that is silent costs its time then.
	Serial bool
}

// Event is something that an operator may want to see while a call takes its time.
type Event struct {
	Set  string
	Text string // one sentence without a full stop
}

func (o Options) withDefaults() Options {
	o.Poll = cmp.Or(o.Poll, 500*time.Millisecond)
	o.CommandTimeout = cmp.Or(o.CommandTimeout, 10*time.Second)
	o.Sample = cmp.Or(o.Sample, 10*time.Second)
	o.Attempts = cmp.Or(o.Attempts, 5)
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	return o
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ReplicaSet speaks to the members of one live set, each over a connection of its own, so that it can ask a certain member
// and never writes to another one than it means. Its methods may be called concurrently. Waits end with the context; the error
// then says what was awaited.
//
// No command that changes something is repeated blindly: see [ReplicaSet.Apply] and [ReplicaSet.FixSharding] for what makes a
// repeat safe there.
type ReplicaSet struct {
	name  string
	seeds []string
	dial  Dialer
	opt   Options

	mu    sync.Mutex
	hosts []string        // known members, the seeds first
	arbs  map[string]bool // of these, by hostKey, the arbiters
	conns map[string]Conn // by hostKey
	wire  map[string]int32
	last  string // the primary, when last seen
}

// NewReplicaSet makes a client of the set with the name, knowing some of its members ("host:port"). It does not connect
// yet. Close it.
func NewReplicaSet(name string, seeds []string, dial Dialer, opts Options) *ReplicaSet {
	return &ReplicaSet{
		name: name, seeds: slices.Clone(seeds), dial: dial, opt: opts.withDefaults(), hosts: slices.Clone(seeds),
		arbs: map[string]bool{}, conns: map[string]Conn{}, wire: map[string]int32{},
	}
}

// Name is the name of the set.
func (r *ReplicaSet) Name() string { return r.name }

// Close ends every connection. The ReplicaSet may be used again afterwards.
func (r *ReplicaSet) Close(ctx context.Context) error {
	r.mu.Lock()
	conns := r.conns
	r.conns = map[string]Conn{}
	r.mu.Unlock()
	var errs []error
	for _, c := range conns {
		errs = append(errs, c.Close(ctx))
	}
	return errors.Join(errs...)
}

// hangUp is Close at the end of an operation: also after its context has ended, and without waiting for a server that
// hangs.
func (r *ReplicaSet) hangUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	_ = r.Close(ctx)
}

// RunCommand runs a command on one member, and gives its refusal as a *[CommandError]. It is sent once, unless it
// failed on a connection that was there already, and either certainly was not sent or changes nothing: then a new
// connection is tried.
func (r *ReplicaSet) RunCommand(ctx context.Context, host, db string, cmd bson.D) (bson.Raw, error) {
	return r.runWithin(ctx, r.opt.CommandTimeout, host, db, cmd)
}

// runWithin is RunCommand with a limit of its own.
func (r *ReplicaSet) runWithin(ctx context.Context, limit time.Duration, host, db string, cmd bson.D) (bson.Raw, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	raw, again, err := r.runOnce(ctx, host, db, cmd)
	if again && ctx.Err() == nil {
		raw, _, err = r.runOnce(ctx, host, db, cmd)
	}
	if err != nil {
		return nil, err
	}
	return raw, check(host, cmd, raw)
}

func (r *ReplicaSet) runOnce(ctx context.Context, host, db string, cmd bson.D) (raw bson.Raw, again bool, err error) {
	if r.dial == nil {
		return nil, false, &CommandError{Host: host, Command: commandName(cmd), Outcome: op.NotStarted, Message: "no dialer was given"}
	}
	conn, old, err := r.conn(ctx, host)
	if err == nil {
		err = ctx.Err() // nothing is sent then, and nothing said of the connection
	}
	if err != nil {
		return nil, false, &CommandError{Host: host, Command: commandName(cmd), Outcome: op.NotStarted, Message: "cannot connect", Err: err}
	}
	if raw, err = conn.RunCommand(ctx, db, cmd); err == nil {
		return raw, false, nil
	}
	if !errors.Is(ctx.Err(), context.Canceled) { // a call that nobody waits for any more says nothing of the connection
		r.drop(ctx, host, conn)
	}
	var e *CommandError
	if !errors.As(err, &e) {
		e = &CommandError{Host: host, Command: commandName(cmd), Outcome: op.Unknown, Err: err}
		err = e
	}
	return nil, old && (e.Outcome == op.NotStarted || effects[commandName(cmd)] == op.ReadOnly), err
}

// conn is the connection to a member; old tells whether there was one.
func (r *ReplicaSet) conn(ctx context.Context, host string) (c Conn, old bool, err error) {
	key := mongo.HostKey(host)
	r.mu.Lock()
	c, ok := r.conns[key]
	r.mu.Unlock()
	if ok {
		return c, true, nil
	}
	if c, err = r.dial(ctx, host); err != nil {
		return nil, false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if other, ok := r.conns[key]; ok { // somebody else was faster
		_ = c.Close(ctx)
		return other, true, nil
	}
	r.conns[key] = c
	return c, false, nil
}

// drop closes a connection that has failed, so that the next command dials anew.
func (r *ReplicaSet) drop(ctx context.Context, host string, c Conn) {
	r.mu.Lock()
	if r.conns[mongo.HostKey(host)] == c {
		delete(r.conns, mongo.HostKey(host))
	}
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	_ = c.Close(ctx)
}

// closing is how long connections may take to close: a driver says goodbye to a server that may hang.
const closing = time.Second

// Hello asks one member who it is. A member of another set, or of a server that is too old ([mongo.ErrTooOld]), is an error.
func (r *ReplicaSet) Hello(ctx context.Context, host string) (mongo.Hello, error) {
	raw, err := r.RunCommand(ctx, host, "admin", bson.D{{Key: "hello", Value: 1}})
	if HasCode(err, CodeCommandNotFound) { // before 4.4.2
		raw, err = r.RunCommand(ctx, host, "admin", bson.D{{Key: "isMaster", Value: 1}})
	}
	if err != nil {
		return mongo.Hello{}, err
	}
	var h mongo.Hello
	if err := document.Decode(raw, &h); err != nil {
		return mongo.Hello{}, fmt.Errorf("%s: cannot read hello: %w", host, err)
	}
	if err := h.Supported(host); err != nil {
		return mongo.Hello{}, err
	}
	if h.Set != r.name && h.Set != "" {
		return mongo.Hello{}, r.wrongSet(host, h.Set)
	}
	r.mu.Lock()
	r.wire[mongo.HostKey(host)] = h.MaxWire
	for _, m := range h.Members() {
		r.learn(m)
	}
	for _, m := range h.Arbiters {
		r.arbs[mongo.HostKey(m)] = true
	}
	r.mu.Unlock()
	return h, nil
}

func (r *ReplicaSet) wrongSet(host, set string) error {
	return fmt.Errorf("%s is %w: %q, not %q", host, ErrWrongSet, set, r.name)
}

// ServerVersion is the release of the server at host: "3.6.17".
func (r *ReplicaSet) ServerVersion(ctx context.Context, host string) (string, error) {
	raw, err := r.RunCommand(ctx, host, "admin", bson.D{{Key: "buildInfo", Value: 1}})
	if err != nil {
		return "", err
	}
	v, ok := raw.Lookup("version").StringValueOK()
	if !ok || v == "" {
		return "", fmt.Errorf("%s: cannot read buildInfo: it has no version", host)
	}
	return v, nil
}

// learn adds a member; the caller holds the lock.
func (r *ReplicaSet) learn(host string) {
	if !slices.ContainsFunc(r.hosts, func(h string) bool { return mongo.HostKey(h) == mongo.HostKey(host) }) {
		r.hosts = append(r.hosts, host)
	}
}

// know takes the members of a configuration as those of the set. The seeds stay known, whatever becomes of them.
func (r *ReplicaSet) know(c mongo.Config) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hosts = slices.Clone(r.seeds)
	for _, m := range c.Members {
		r.learn(m.Host)
		r.arbs[mongo.HostKey(m.Host)] = m.ArbiterOnly
	}
}

// candidates are the known members that may be primary.
func (r *ReplicaSet) candidates() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var hosts []string
	for _, h := range r.hosts {
		if !r.arbs[mongo.HostKey(h)] {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// ErrNoPrimary says that no member that could be asked is the primary.
var ErrNoPrimary = errors.New("no primary")

// Primary asks all known members that hold data, at once, which of them is the primary. One that also sees a majority
// is it; it does not wait for the others' answers then, so that a dead machine costs no time. Of two that claim it, as
// there may be for the time of an election timeout after a network cut, and neither of which sees a majority, the one
// elected last is it. The error wraps [ErrNoPrimary] and says what each member answered, unless waiting mends none of
// it: then it wraps [ErrAuth], [mongo.ErrTooOld] or [ErrWrongSet].
func (r *ReplicaSet) Primary(ctx context.Context) (string, error) {
	f := finding{asked: map[string]bool{}}
	for round := r.candidates(); len(round) > 0 && f.primary == ""; round = f.unasked(r.candidates()) {
		r.ask(ctx, round, &f)
	}
	r.mu.Lock()
	r.last = f.primary
	r.mu.Unlock()
	switch {
	case f.primary != "":
		return f.primary, nil
	case !f.hope && len(f.errs) > 0:
		return "", fmt.Errorf("replica set %s: %w", r.name, allOf(f.errs))
	}
	return "", fmt.Errorf("replica set %s has %w: %w", r.name, ErrNoPrimary, allOf(f.errs))
}

// allOf are errors of several members on one line, in the same order each time.
type allOf []error

func (a allOf) Error() string {
	texts := make([]string, len(a))
	for i, err := range a {
		texts[i] = err.Error()
	}
	slices.Sort(texts)
	return strings.Join(texts, "; ")
}

func (a allOf) Unwrap() []error { return a }

// finding is what a search for the primary has come to.
type finding struct {
	asked   map[string]bool // by hostKey
	primary string
	elected primitive.ObjectID
	certain bool // the primary sees a majority: what the others answer does not count
	errs    []error
	hope    bool // some answer may be another one in a moment
}

// answer is what a member says that was asked whether it is the primary.
type answer struct {
	host string
	mongo.Hello
	majority bool
	err      error
}

// takes takes an answer in.
func (f *finding) takes(a answer) {
	switch {
	case f.certain:
	case a.err != nil:
		f.errs, f.hope = append(f.errs, a.err), f.hope || !hopeless(a.err)
	case !a.Primary():
		f.errs, f.hope = append(f.errs, fmt.Errorf("%s is not it", a.host)), true
	case a.majority, f.primary == "", strings.Compare(a.ElectionID.Hex(), f.elected.Hex()) > 0:
		f.primary, f.elected, f.certain = a.host, a.ElectionID, a.majority
	}
}

// unasked are those hosts that were not asked yet: the answers have named new ones.
func (f *finding) unasked(hosts []string) []string {
	return slices.DeleteFunc(hosts, func(h string) bool { return f.asked[mongo.HostKey(h)] })
}

// ask asks members at once, and ends when all have answered or one is certainly the primary.
// Serial asks one after the other, to the same end.
func (r *ReplicaSet) ask(ctx context.Context, hosts []string, f *finding) {
	for _, host := range hosts {
		f.asked[mongo.HostKey(host)] = true
	}
	if r.opt.Serial {
		for i := 0; i < len(hosts) && !f.certain; i++ {
			f.takes(r.askOne(ctx, hosts[i]))
		}
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan answer, len(hosts))
	for _, host := range hosts {
		go func() { answers <- r.askOne(ctx, host) }()
	}
	for range hosts {
		f.takes(<-answers) // all of them, so that no goroutine stays
		if f.certain {
			cancel()
		}
	}
}

// askOne asks a member whether it is the primary.
func (r *ReplicaSet) askOne(ctx context.Context, host string) answer {
	a := answer{host: host}
	if a.Hello, a.err = r.Hello(ctx, host); a.err == nil && a.Primary() {
		a.majority = r.seesMajority(ctx, host)
	}
	return a
}

// seesMajority tells whether a member sees more than half of the set, arbiters included. Members without a vote count
// as well here: who sees fewer waits for the others' answers, no more.
func (r *ReplicaSet) seesMajority(ctx context.Context, host string) bool {
	s, err := r.StatusFrom(ctx, host)
	healthy := 0
	for _, m := range s.Members {
		if m.Healthy() {
			healthy++
		}
	}
	return err == nil && 2*healthy > len(s.Members)
}

// primaryOrLast is the primary as last seen, or as it is found now.
func (r *ReplicaSet) primaryOrLast(ctx context.Context) (string, error) {
	r.mu.Lock()
	last := r.last
	r.mu.Unlock()
	if last != "" {
		return last, nil
	}
	return r.Primary(ctx)
}

// StatusFrom is the set as one member sees it.
func (r *ReplicaSet) StatusFrom(ctx context.Context, host string) (mongo.Status, error) {
	raw, err := r.RunCommand(ctx, host, "admin", bson.D{{Key: "replSetGetStatus", Value: 1}})
	if err != nil {
		return mongo.Status{}, err
	}
	var s mongo.Status
	if err := document.Decode(raw, &s); err != nil {
		return mongo.Status{}, fmt.Errorf("%s: cannot read the status: %w", host, err)
	}
	if s.Set != r.name {
		return mongo.Status{}, r.wrongSet(host, s.Set)
	}
	if len(s.Members) == 0 {
		return mongo.Status{}, fmt.Errorf("%s: cannot read the status: it has no members", host)
	}
	return s, nil
}

// Status is the set as its primary sees it. Without a primary the error wraps [ErrNoPrimary]; ask a certain member then, by
// [ReplicaSet.StatusFrom].
func (r *ReplicaSet) Status(ctx context.Context) (mongo.Status, error) {
	host, err := r.primaryOrLast(ctx)
	if err != nil {
		return mongo.Status{}, err
	}
	s, err := r.StatusFrom(ctx, host)
	if err == nil && s.MyState == mongo.StatePrimary {
		return s, nil
	}
	if host, err = r.Primary(ctx); err != nil {
		return mongo.Status{}, err
	}
	return r.StatusFrom(ctx, host)
}

// anyStatus is the primary's view, or without a primary that of any member that answers.
func (r *ReplicaSet) anyStatus(ctx context.Context) (mongo.Status, error) {
	s, err := r.Status(ctx)
	if err == nil || ctx.Err() != nil {
		return s, err
	}
	for _, h := range r.candidates() { // each ends at once when the context has
		if s, err2 := r.StatusFrom(ctx, h); err2 == nil {
			return s, nil
		}
	}
	return mongo.Status{}, err
}

// Config is the configuration that the primary has.
func (r *ReplicaSet) Config(ctx context.Context) (mongo.Config, error) {
	host, err := r.Primary(ctx)
	if err != nil {
		return mongo.Config{}, err
	}
	c, _, err := r.ConfigFrom(ctx, host)
	return c, err
}

// ConfigFrom is the configuration that one member has. From 4.4 on a primary also tells whether a majority has it;
// committed is nil from all others.
func (r *ReplicaSet) ConfigFrom(ctx context.Context, host string) (c mongo.Config, committed *bool, err error) {
	cmd := bson.D{{Key: "replSetGetConfig", Value: 1}}
	r.mu.Lock()
	wire := r.wire[mongo.HostKey(host)]
	r.mu.Unlock()
	var raw bson.Raw
	if wire >= mongo.Wire44 {
		raw, err = r.RunCommand(ctx, host, "admin", append(cmd, bson.E{Key: "commitmentStatus", Value: true}))
	}
	if wire < mongo.Wire44 || HasCode(err, CodeNotPrimary) {
		raw, err = r.RunCommand(ctx, host, "admin", cmd)
	}
	if err != nil {
		return mongo.Config{}, nil, err
	}
	var doc struct {
		Config    *mongo.Config `bson:"config"`
		Committed *bool         `bson:"commitmentStatus"`
	}
	if err := document.Decode(raw, &doc); err != nil {
		return mongo.Config{}, nil, fmt.Errorf("%s: %w", host, err)
	}
	if doc.Config == nil {
		return mongo.Config{}, nil, fmt.Errorf("%s: cannot read the configuration: the answer has no field config", host)
	}
	if doc.Config.ID != r.name {
		return mongo.Config{}, nil, r.wrongSet(host, doc.Config.ID)
	}
	r.know(*doc.Config)
	return *doc.Config, doc.Committed, nil
}

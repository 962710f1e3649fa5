package evenkeel_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// dialable are machines with servers that note what they get.
type dialable struct {
	evenkeel.HostMap
	got *[]string
}

func (d dialable) Dial(_ context.Context, host, address string) (change.Conn, error) {
	return noting{d, address + " on " + host}, nil
}

type noting struct {
	to dialable
	at string
}

func (n noting) Send(_ context.Context, d change.Doc) (string, error) {
	*n.to.got = append(*n.to.got, n.at+": "+d.Text)
	return "taken", nil
}

func (n noting) Close(context.Context) error { return nil }

var (
	raise  = change.Doc{Effect: evenkeel.Mutating, Text: `{"raise":1}`}
	status = change.Doc{Effect: evenkeel.ReadOnly, Text: `{"status":1}`}
)

func documentBook(op evenkeel.Op) *evenkeel.Runbook {
	op.Effect, op.Text = evenkeel.Mutating, "it"
	if op.Do == nil {
		op.Do = func(context.Context, evenkeel.Site) (sshexec.Result, error) { return sshexec.Result{}, nil }
	}
	return &evenkeel.Runbook{Name: "documents",
		Steps: []evenkeel.Step{{ID: "s", Host: "a", Irreversible: "a test", Actions: []evenkeel.Action{{
			ID: "op", Change: evenkeel.Change{Repeat: evenkeel.Idempotent, Op: &op},
		}}}}}
}

func send(ctx context.Context, at evenkeel.Site, host, address string, d change.Doc) error {
	conn, err := at.Dial(ctx, host, address)
	if err != nil {
		return err
	}
	_, err = conn.Send(ctx, d)
	return errors.Join(err, conn.Close(ctx))
}

// An operation reaches the servers that it names, and sends them what it declares for each; an invariant asks those that
// the runbook names, and changes nothing.
func TestDocumentsPassTheGate(t *testing.T) {
	docs := []change.OpDoc{{Doc: raise, To: []change.Endpoint{{Address: "a:1"}, {Host: "b", Address: "b:1"}}}}
	reads := []change.Endpoint{{Host: "c", Address: "c:1"}}
	for name, tc := range map[string]struct {
		host, address string
		doc           change.Doc
		refused       bool
	}{
		"as declared, on the action's host": {"a", "a:1", raise, false},
		"as declared, on another host":      {"b", "b:1", raise, false},
		"a question to the same server":     {"a", "a:1", status, false},
		"a question to another":             {"c", "c:1", status, false},
		"a server that is only asked":       {"c", "c:1", raise, true},
		"another document":                  {"a", "a:1", change.Doc{Effect: evenkeel.Mutating, Text: `{"raise":2}`}, true},
		"another effect":                    {"a", "a:1", change.Doc{Effect: evenkeel.Disruptive, Text: raise.Text}, true},
		"no effect":                         {"a", "a:1", change.Doc{Text: raise.Text}, true},
		"another port":                      {"a", "a:2", status, true},
		"another host":                      {"b", "a:1", status, true},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			r := &recorder{}
			hosts := dialable{leasable(evenkeel.HostMap{"a": r, "b": r, "c": r}), &got}
			rb := documentBook(evenkeel.Op{Docs: docs, Reads: reads, Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				return sshexec.Result{}, send(ctx, at, tc.host, tc.address, tc.doc)
			}})
			require.Equal(t, []string{"a", "b"}, rb.Leased())
			require.Equal(t, []string{"a", "b", "c"}, rb.HostNames())
			opts := evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}}
			_, err := evenkeel.Run(t.Context(), rb, hosts, opts)
			if !tc.refused {
				require.NoError(t, err)
				require.Equal(t, []string{tc.address + " on " + tc.host + ": " + tc.doc.Text}, got)
				opts.Journal = &evenkeel.MemJournal{}
				_, err = evenkeel.Run(t.Context(), rb, leasable(evenkeel.HostMap{"a": r, "b": r, "c": r}), opts)
				require.ErrorIs(t, err, change.ErrNoDialer)
				require.Empty(t, opts.Journal.Records(), "nothing was begun")
				return
			}
			require.ErrorIs(t, err, evenkeel.ErrNotInPlan)
			require.ErrorIs(t, err, change.ErrNotDeclared)
			require.Equal(t, sshexec.NotStarted, sshexec.OutcomeOf(err))
			require.Empty(t, got)
		})
	}

	var got []string
	var asked, changed, strange error
	rb := documentBook(evenkeel.Op{Docs: docs, Reads: reads})
	rb.Invariants = []evenkeel.Invariant{{ID: "i", Title: "It holds.", Check: func(ctx context.Context, at evenkeel.Site) error {
		asked = errors.Join(send(ctx, at, "c", "c:1", status), send(ctx, at, "a", "a:1", status))
		changed, strange = send(ctx, at, "a", "a:1", raise), send(ctx, at, "d", "d:1", status)
		return nil
	}}}
	_, err := evenkeel.Run(t.Context(), rb, dialable{leasable(evenkeel.HostMap{"a": &recorder{}, "b": &recorder{}}), &got},
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
	require.NoError(t, err)
	require.NoError(t, asked)
	require.ErrorIs(t, changed, evenkeel.ErrNotInPlan)
	require.ErrorIs(t, strange, evenkeel.ErrNotInPlan)
	require.NotContains(t, strings.Join(got, "\n"), "raise")

	// A probe's servers are on the probe's host.
	rb.Steps[0].Actions[0].Op.Reads, rb.Steps[0].Actions[0].Op.Docs = nil, nil
	rb.Steps[0].Actions[0].Probe = &evenkeel.Probe{Host: "c", Text: "x",
		Op: &change.Op{Effect: evenkeel.ReadOnly, Text: "x", Reads: []change.Endpoint{{Address: "p:1"}},
			Do: rb.Steps[0].Actions[0].Op.Do},
		Read: func(evenkeel.Observed) (evenkeel.ProbeResult, error) { return evenkeel.Done, nil }}
	rb.Invariants[0].Check = func(ctx context.Context, at evenkeel.Site) error {
		asked, strange = send(ctx, at, "c", "p:1", status), send(ctx, at, "a", "p:1", status)
		return nil
	}
	_, err = evenkeel.Run(t.Context(), rb, dialable{leasable(evenkeel.HostMap{"a": &recorder{}, "c": &recorder{}}), &got},
		evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}})
	require.NoError(t, err)
	require.NoError(t, asked)
	require.ErrorIs(t, strange, evenkeel.ErrNotInPlan)
}

// What an operation declares of documents is judged with the runbook, and is part of what is signed.
func TestDeclaredDocumentsAreValidated(t *testing.T) {
	at := []change.Endpoint{{Address: "a:1"}}
	for want, op := range map[string]evenkeel.Op{
		"an empty document, or one for no server": {Docs: []change.OpDoc{{Doc: raise}}},
		"an empty document":                       {Docs: []change.OpDoc{{Doc: change.Doc{Effect: evenkeel.Mutating}, To: at}}},
		"a server without a host or an address":   {Docs: []change.OpDoc{{Doc: raise, To: []change.Endpoint{{Host: "a"}}}}},
		"without a host or an address":            {Reads: []change.Endpoint{{}}},
		"declares a document that is read-only":   {Docs: []change.OpDoc{{Doc: status, To: at}}},
		"declares a document that is disruptive":  {Docs: []change.OpDoc{{Doc: change.Doc{Effect: evenkeel.Disruptive, Text: "{}"}, To: at}}},
		"refers to a fact": {Docs: []change.OpDoc{{Doc: change.Doc{Effect: evenkeel.Mutating,
			Text: archive.Ref()}, To: at}}},
		"a secret of the runbook": {Docs: []change.OpDoc{{Doc: change.Doc{Effect: evenkeel.Mutating,
			Text: `"correct-horse-battery"`}, To: at}}},
		"secret of the runbook": {Docs: []change.OpDoc{{Doc: raise, To: at, Hand: "correct-horse-battery"}}},
		"stands in the address": {Reads: []change.Endpoint{{Address: "mongodb://u:correct-horse-battery@a:1"}}},
	} {
		rb := documentBook(op)
		rb.Secrets = []sshexec.Secret{"correct-horse-battery"}
		require.ErrorContains(t, rb.Validate(), want, want)
	}
	whole := func() evenkeel.Op {
		return evenkeel.Op{Docs: []change.OpDoc{{Doc: raise, To: []change.Endpoint{{Address: "a:1"}}, Hand: "raise()"}},
			Reads: []change.Endpoint{{Address: "a:2"}}}
	}
	rb := documentBook(whole())
	require.NoError(t, rb.Validate())
	require.Equal(t, rb.Digest(), documentBook(whole()).Digest())
	for name, differ := range map[string]func(*evenkeel.Op){
		"text":    func(o *evenkeel.Op) { o.Docs[0].Text = `{"raise":2}` },
		"effect":  func(o *evenkeel.Op) { o.Docs[0].Effect = evenkeel.Disruptive },
		"hand":    func(o *evenkeel.Op) { o.Docs[0].Hand = "lower()" },
		"address": func(o *evenkeel.Op) { o.Docs[0].To[0].Address = "a:3" },
		"host":    func(o *evenkeel.Op) { o.Docs[0].To[0].Host = "b" },
		"reads":   func(o *evenkeel.Op) { o.Reads[0].Address = "a:3" },
		"none":    func(o *evenkeel.Op) { o.Docs = nil },
	} {
		op := whole()
		differ(&op)
		require.NotEqual(t, rb.Digest(), documentBook(op).Digest(), name)
	}
}

// A probe may be an operation that asks servers: read-only, with a text, and signed too.
func TestProbesByOperations(t *testing.T) {
	book := func(op *change.Op) *evenkeel.Runbook {
		rb := documentBook(evenkeel.Op{})
		rb.Steps[0].Actions[0].Repeat = evenkeel.ProbeFirst
		rb.Steps[0].Actions[0].Probe = &evenkeel.Probe{Op: op, Text: "it is up", Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
			return map[string]evenkeel.ProbeResult{"up": evenkeel.Done, "down": evenkeel.NotRun}[o.Text()], nil
		}}
		return rb
	}
	says := "up"
	op := change.Op{Effect: evenkeel.ReadOnly, Text: "Ask it.", Reads: []change.Endpoint{{Address: "a:1"}},
		Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
			return sshexec.Result{Stdout: []byte(says)}, send(ctx, at, "a", "a:1", status)
		}}
	rb := book(&op)
	require.NoError(t, rb.Validate())
	other := op
	other.Reads = nil
	require.NotEqual(t, rb.Digest(), book(&other).Digest())
	require.Contains(t, markdown(t, rb), "> Ask it.\n> \n> It may ask `a:1` on `a`, and changes nothing there.")
	other = op
	other.Effect = evenkeel.Mutating
	require.ErrorContains(t, book(&other).Validate(), "its probe is not read-only")
	require.ErrorContains(t, book(&change.Op{Effect: evenkeel.ReadOnly}).Validate(), "needs a text and a function")

	var got []string
	for _, says = range []string{"up", "down"} {
		var events []evenkeel.EventKind
		_, err := evenkeel.Run(t.Context(), rb, dialable{leasable(evenkeel.HostMap{"a": &recorder{}}), &got}, evenkeel.Options{
			Journal: &evenkeel.MemJournal{}, Clock: &stepClock{},
			Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) { events = append(events, e.Kind) })})
		require.NoError(t, err)
		require.Equal(t, says == "down", !strings.Contains(kinds(events), string(evenkeel.EventAlready)))
	}
	require.Equal(t, []string{"a:1 on a: " + status.Text, "a:1 on a: " + status.Text}, got)
}

func kinds(events []evenkeel.EventKind) string {
	var b strings.Builder
	for _, k := range events {
		b.WriteString(string(k) + " ")
	}
	return b.String()
}

// What a probe declares would be shown to nobody: it declares nothing that changes something, and names its servers in
// full.
func TestAProbeOnlyAsks(t *testing.T) {
	at := []change.Endpoint{{Address: "a:1"}}
	for want, op := range map[string]change.Op{
		"its probe declares commands or documents": {Docs: []change.OpDoc{{Doc: raise, To: at}}},
		"its probe declares commands or documents, which": {
			Cmds: evenkeel.Here(sshexec.Command(evenkeel.Mutating, "rm", "x"))},
		"names a server without a host or an address: \"\" on \"a\"": {Reads: []change.Endpoint{{}}},
	} {
		op.Effect, op.Text = evenkeel.ReadOnly, "Ask it."
		op.Do = func(context.Context, evenkeel.Site) (sshexec.Result, error) { return sshexec.Result{}, nil }
		rb := documentBook(evenkeel.Op{})
		rb.Steps[0].Actions[0].Probe = &evenkeel.Probe{Op: &op, Text: "it is up",
			Read: func(evenkeel.Observed) (evenkeel.ProbeResult, error) { return evenkeel.Done, nil }}
		require.ErrorContains(t, rb.Validate(), want)
	}
}

// failing are machines with servers that fail, and say how long they were waited for.
type failing struct {
	evenkeel.HostMap
	limits *[]time.Duration
}

func (f failing) Dial(ctx context.Context, _, address string) (change.Conn, error) {
	f.note(ctx)
	if address == "nobody:1" {
		return nil, nil //nolint:nilnil // what a careless dialer does
	}
	return f, nil
}

func (f failing) note(ctx context.Context) {
	left := time.Duration(0) // for ever
	if end, bounded := ctx.Deadline(); bounded {
		left = time.Until(end).Round(time.Minute)
	}
	*f.limits = append(*f.limits, left)
}

func (f failing) Send(ctx context.Context, _ change.Doc) (string, error) {
	f.note(ctx)
	return "", errors.New("the answer was lost")
}

func (f failing) Close(context.Context) error { return nil }

// Of a document whose answer is lost nobody knows what became of it: the probe is asked. Nothing is waited for without
// end.
func TestALostAnswerIsUnknown(t *testing.T) {
	for address, tc := range map[string]struct {
		outcome evenkeel.Outcome
		limits  []time.Duration
	}{
		"a:1":      {evenkeel.Unknown, []time.Duration{2 * time.Minute, 7 * time.Minute}},
		"nobody:1": {evenkeel.NotStarted, []time.Duration{2 * time.Minute}},
	} {
		to := []change.Endpoint{{Address: address}}
		rb := documentBook(evenkeel.Op{Docs: []change.OpDoc{{Doc: raise, To: to}},
			Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				return sshexec.Result{}, send(ctx, at, "a", address, raise)
			}})
		asked := 0
		a := &rb.Steps[0].Actions[0]
		a.Limit, a.Repeat = 7*time.Minute, evenkeel.Never
		a.Probe = &evenkeel.Probe{Cmd: sshexec.Command(evenkeel.ReadOnly, "look"), Text: "it is up",
			Read: func(evenkeel.Observed) (evenkeel.ProbeResult, error) { asked++; return evenkeel.NotRun, nil }}
		var limits []time.Duration
		journal := &evenkeel.MemJournal{}
		_, err := evenkeel.Run(t.Context(), rb, failing{leasable(evenkeel.HostMap{"a": &recorder{}}), &limits},
			evenkeel.Options{Journal: journal, Clock: &stepClock{}})
		require.Error(t, err)
		require.Equal(t, tc.limits, limits)
		require.Equal(t, tc.outcome == evenkeel.Unknown, asked > 0)
		for _, r := range journal.Records() {
			if r.Kind == evenkeel.KindEnd {
				require.Equal(t, tc.outcome, *r.Outcome)
			}
		}
	}
}

// The invariants of a rollback are those of its run: they ask the same servers, also those of steps that are not
// undone.
func TestInvariantsAskTheServersOfTheRunInItsRollback(t *testing.T) {
	rb := documentBook(evenkeel.Op{Docs: []change.OpDoc{{Doc: raise, To: []change.Endpoint{{Address: "a:1"}}}}})
	rb.Steps[0].Irreversible, rb.Steps[0].Harmless = "", "it may stay"
	made := evenkeel.Do("make", "Make it", "touch", "x")
	rb.Steps = append([]evenkeel.Step{{ID: "first", Host: "a", Actions: []evenkeel.Action{made},
		Undo: []evenkeel.Action{evenkeel.Do("remove", "Remove it", "rm", "x")}}}, rb.Steps...)
	var asked []error
	check := func(ctx context.Context, at evenkeel.Site) error {
		err := send(ctx, at, "a", "a:1", status)
		asked = append(asked, err)
		return err
	}
	rb.Invariants = []evenkeel.Invariant{{ID: "i", Title: "It holds.", Check: check}}
	var got []string
	hosts := dialable{leasable(evenkeel.HostMap{"a": &recorder{}}), &got}
	opts := evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}}
	_, err := evenkeel.Run(t.Context(), rb, hosts, opts)
	require.NoError(t, err)
	before := len(asked)
	_, err = evenkeel.Rollback(t.Context(), rb, hosts, opts)
	require.NoError(t, err)
	require.Greater(t, len(asked), before)
	require.NoError(t, errors.Join(asked...))
}

// Bytes that are no text are shown as bytes, and are part of what is signed; in a document nobody could review them.
func TestBytesThatAreNoText(t *testing.T) {
	digest := func(arg string) (string, string) {
		rb := &evenkeel.Runbook{Name: "n", Steps: []evenkeel.Step{{ID: "s", Host: "a", Irreversible: "a test",
			Actions: []evenkeel.Action{evenkeel.Do("a", "A", "rm", arg)}}}}
		return rb.Digest(), markdown(t, rb)
	}
	first, shown := digest("x\xff")
	second, _ := digest("x\xfe")
	require.NotEqual(t, first, second)
	require.Contains(t, shown, `rm $'x\xff'`)
	_, shown = digest("\ufffd\xff")
	require.Contains(t, shown, "rm $'\ufffd\\xff'")
	rb := documentBook(evenkeel.Op{Docs: []change.OpDoc{{
		Doc: change.Doc{Effect: evenkeel.Mutating, Text: "{\"x\":\"\xff\"}"}, To: []change.Endpoint{{Address: "a:1"}}}}})
	require.ErrorContains(t, rb.Validate(), "a document is no text")
}

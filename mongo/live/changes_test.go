package live_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// moving is a set whose primary is to move from sm1 to sm2, the world of it, and the two changes.
func moving(t *testing.T, wire int32) (*world, []change.Change) {
	t.Helper()
	w, err := newWorld(balance(), mongotest.Options{Wire: wire})
	require.NoError(t, err)
	now, err := live.NewReplicaSet("set02", []string{sm1}, w.set.Dial, live.Options{Sleep: w.Sleep}).Config(t.Context())
	require.NoError(t, err)
	changes, err := live.Changes{}.SetPriorities(now, map[string]float64{sm1: 2, sm2: 3})
	require.NoError(t, err)
	require.Len(t, changes, 2)
	return w, changes
}

func bookOf(changes ...change.Change) *evenkeel.Runbook {
	rb := &evenkeel.Runbook{Name: "priorities", Title: "Move the primary"}
	for i, c := range changes {
		rb.Steps = append(rb.Steps, evenkeel.Step{ID: fmt.Sprint("s", i+1), Title: c.Title, Host: c.Host,
			Actions: evenkeel.Actions("reconfigure", c), Irreversible: "a test"})
	}
	return rb
}

func options(w *world) evenkeel.Options {
	return evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: w.Clock()}
}

func requireMoved(t *testing.T, w *world) {
	t.Helper()
	truth := w.set.Truth()
	require.Equal(t, sm2, truth.Primary)
	require.EqualValues(t, 9, truth.Config.Version)
	require.Equal(t, 2, w.reconfigurations())
	require.NoError(t, w.set.Check())
}

// Wherever the tool crashes, around a document as around a command, the probe decides, and no reconfiguration is sent twice.
func TestChangesAreRehearsed(t *testing.T) {
	every := 11
	if text := os.Getenv("EVENKEEL_REHEARSE_EVERY"); text != "" {
		var err error
		every, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	for _, wire := range []int32{mongotest.Wire36, mongotest.Wire44} {
		w, changes := moving(t, wire)
		rb := bookOf(changes...)
		report, err := evenkeel.Rehearse(t.Context(), rb, w, evenkeel.RehearsalPlan{Every: every, Kinds: []evenkeel.ScheduleKind{
			evenkeel.CrashRecord, evenkeel.CrashTorn, evenkeel.CrashBefore, evenkeel.CrashAfter, evenkeel.CrashLost,
			evenkeel.StopRecord, evenkeel.StopCommand,
		}})
		require.NoError(t, err)
		require.Empty(t, report.Failures)
		t.Logf("%d commands and documents, %d schedules", report.Commands, report.Schedules)
		require.Greater(t, report.Commands, 40, "the documents count")
		requireMoved(t, report.End.(*world))
		require.Zero(t, w.reconfigurations(), "the world that was given is left alone")
	}
}

// A lost connection is answered by the probe: after the effect the run goes on, before it the run ends, and its resume
// sends the document.
func TestALostReconfigurationIsLookedFor(t *testing.T) {
	w, changes := moving(t, mongotest.Wire36)
	lose := func(how mongotest.Failure) {
		w.set.Fail(func(c mongotest.Call) mongotest.Failure {
			if c.Name == "replSetReconfig" && c.N == 0 {
				return how
			}
			return mongotest.Served
		})
	}
	lose(mongotest.LostAfter)
	_, err := evenkeel.Run(t.Context(), bookOf(changes...), w, options(w))
	require.NoError(t, err)
	requireMoved(t, w)

	w, changes = moving(t, mongotest.Wire36)
	lose(mongotest.LostBefore)
	opts := options(w)
	_, err = evenkeel.Run(t.Context(), bookOf(changes...), w, opts)
	require.ErrorContains(t, err, "it is not known whether it took effect")
	require.ErrorContains(t, err, "the probe found it not run")
	require.EqualValues(t, 7, w.set.Truth().Config.Version)
	_, err = evenkeel.Resume(t.Context(), bookOf(changes...), w, opts)
	require.NoError(t, err)
	require.EqualValues(t, 9, w.set.Truth().Config.Version)
	require.Equal(t, 3, w.reconfigurations(), "the lost one, and two")
}

// What was not declared is not sent, and not even reached; the engine says so, and it certainly did not start.
func TestTheGateKnowsDocumentsAndServers(t *testing.T) {
	w, changes := moving(t, mongotest.Wire36)
	declared := changes[0].Op.Docs[0].Doc
	other := changes[1].Op.Docs[0].Doc
	for name, tc := range map[string]struct {
		host, address string
		doc           change.Doc
		want          string
	}{
		"as declared":     {"sessionmgr01", sm1, declared, ""},
		"another version": {"sessionmgr01", sm1, other, "no action declared it"},
		"one byte more": {"sessionmgr01", sm1, change.Doc{Effect: declared.Effect, Text: declared.Text + " "},
			"no action declared it"},
		"another effect":             {"sessionmgr01", sm1, change.Doc{Effect: op.Mutating, Text: declared.Text}, "no action declared it"},
		"said to be read-only":       {"sessionmgr01", sm1, change.Doc{Effect: op.ReadOnly, Text: declared.Text}, "said to be read-only"},
		"a server of no declaration": {"arbitervip", arb, declared, "no action declared it"},
		"through another machine":    {"sessionmgr02", sm1, declared, "no action declared it"},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.Clone().(*world)
			reached := false
			c := changes[0]
			does := *c.Op
			does.Do = func(ctx context.Context, at change.Site) (sshexec.Result, error) {
				w.before.set(func() { reached = true })
				conn, err := at.Dial(ctx, tc.host, tc.address)
				if err == nil {
					_, err = conn.Send(ctx, tc.doc)
				}
				return sshexec.Result{}, err
			}
			c.Op, c.Needs, c.Proof = &does, nil, nil
			_, err := evenkeel.Run(t.Context(), bookOf(c), w, options(w))
			if tc.want == "" {
				require.NoError(t, err)
				require.Equal(t, 1, w.reconfigurations())
				return
			}
			require.ErrorContains(t, err, tc.want)
			require.Equal(t, sshexec.NotStarted, sshexec.OutcomeOf(err))
			require.Zero(t, w.reconfigurations())
			if tc.want == "no action declared it" {
				require.ErrorIs(t, err, evenkeel.ErrNotInPlan)
				require.False(t, reached)
			}
		})
	}
}

// Immediately before the document its machine checks the lease: taken over, or not answering, it lets nothing be sent.
func TestADocumentNeedsTheLease(t *testing.T) {
	taken := func(host string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			r, err := w.Runner(host)
			require.NoError(t, err)
			res, err := r.Run(t.Context(), sshexec.LookLease(evenkeel.LeasePath, evenkeel.LeasePath))
			require.NoError(t, err)
			look, err := sshexec.ReadLeaseLook(res)
			require.NoError(t, err)
			_, err = r.Run(t.Context(), sshexec.SwapLease(evenkeel.LeasePath, look.Line, sshexec.Lease{
				Held: true, Run: "other", Epoch: 9, Life: "abcdef", Host: host, Since: w.Now(), Holder: "b@c"}))
			require.NoError(t, err)
		}
	}
	for name, tc := range map[string]struct {
		meanwhile func(*testing.T, *world)
		want      any
	}{
		"taken over":                 {taken("sessionmgr01"), new(*evenkeel.LeaseLostError)},
		"taken over where it is not": {taken("sessionmgr02"), new(*evenkeel.LeaseLostError)},
		"without power": {func(_ *testing.T, w *world) {
			w.Do(func(s *simhost.State) { s.Host("sessionmgr01").PowerOff(s) })
		}, new(*sshexec.CommandError)},
	} {
		t.Run(name, func(t *testing.T) {
			w, changes := moving(t, mongotest.Wire36)
			c := changes[0]
			does, do := *c.Op, c.Op.Do
			does.Do = func(ctx context.Context, at change.Site) (sshexec.Result, error) {
				w.before.set(func() { tc.meanwhile(t, w) })
				return do(ctx, at)
			}
			c.Op = &does
			_, err := evenkeel.Run(t.Context(), bookOf(c), w, options(w))
			require.ErrorAs(t, err, tc.want)
			require.ErrorContains(t, err, "not sent to "+sm1)
			require.Equal(t, sshexec.NotStarted, sshexec.OutcomeOf(err))
			require.Zero(t, w.reconfigurations())
		})
	}
}

// A set that is not as planned is left alone.
func TestAChangeOfAnotherConfigurationIsRefused(t *testing.T) {
	w, changes := moving(t, mongotest.Wire44)
	_, err := live.NewReplicaSet("set02", []string{sm1}, w.set.Dial, live.Options{Sleep: w.Sleep}).
		SetPriorities(t.Context(), map[string]float64{sm2: 1}, nil)
	require.NoError(t, err)
	sent := w.reconfigurations()
	_, err = evenkeel.Run(t.Context(), bookOf(changes...), w.Clone(), options(w))
	require.ErrorContains(t, err, "changed by somebody else: it was planned from version 7 of term 1, and "+sm1+" has version 8")

	// Without its need and its probe, which look before, the operation itself refuses.
	c := changes[0]
	c.Needs, c.Proof, c.Probe, c.Repeat = nil, nil, nil, op.Idempotent
	_, err = evenkeel.Run(t.Context(), bookOf(c), w, options(w))
	require.ErrorIs(t, err, live.ErrConflict)
	require.Equal(t, sshexec.NotStarted, sshexec.OutcomeOf(err))
	require.Equal(t, sent, w.reconfigurations())

	// The second one waits for the takeover that the first one brings about; it is not sent before.
	w, _ = moving(t, mongotest.Wire36)
	now, err := live.NewReplicaSet("set02", []string{sm1}, w.set.Dial, live.Options{Sleep: w.Sleep}).Config(t.Context())
	require.NoError(t, err)
	changes, err = live.Changes{}.SetPriorities(now, map[string]float64{sm1: 1, sm2: 5})
	require.NoError(t, err)
	first, second := changes[0], changes[1]
	first.Proof, second.Needs = nil, nil
	_, err = evenkeel.Run(t.Context(), bookOf(first, second), w, options(w))
	require.ErrorIs(t, err, live.ErrNotReady)
	require.ErrorContains(t, err, "is about to take over")
	require.Equal(t, 1, w.reconfigurations())
}

// A planned document has the next version and no term: a takeover on the way changes the term. Where the term was known
// when the way was planned, the first change compares it.
func TestTermsOfPlannedChanges(t *testing.T) {
	w, changes := moving(t, mongotest.Wire44)
	for i, c := range changes {
		require.Contains(t, c.Op.Docs[0].Text, fmt.Sprintf(`"version":{"$numberLong":"%d"}`, 8+i))
		require.NotContains(t, c.Op.Docs[0].Text, `"term"`)
		require.Contains(t, c.Op.Docs[0].Hand, `db.getSiblingDB("admin").runCommand({"replSetReconfig": {"_id": "set02", "version": NumberLong(`)
		require.Equal(t, []change.Endpoint{{Host: "sessionmgr01", Address: sm1}, {Host: "sessionmgr02", Address: sm2}}, c.Op.Docs[0].To)
	}
	require.NoError(t, w.set.KillMember(sm1)) // an election, and another term
	w.set.Advance(time.Minute)
	require.NoError(t, w.set.StartMember(sm1))
	w.set.Advance(10 * time.Minute)
	_, err := evenkeel.Run(t.Context(), bookOf(changes...), w, options(w))
	require.ErrorContains(t, err, "with another content or from another term")
	require.Zero(t, w.reconfigurations())
}

// The reviewer reads the document, and signs it: another one is another runbook.
func TestTheDigestHoldsTheDocument(t *testing.T) {
	w, changes := moving(t, mongotest.Wire36)
	now, err := live.NewReplicaSet("set02", []string{sm1}, w.set.Dial, live.Options{Sleep: w.Sleep}).Config(t.Context())
	require.NoError(t, err)
	digest := func(c live.Changes, p float64) string {
		changes, err := c.SetPriorities(now, map[string]float64{sm1: 2, sm2: p})
		require.NoError(t, err)
		for i := range changes {
			changes[i].Title, changes[i].Op.Text = "the same", "the same"
		}
		return bookOf(changes...).Digest()
	}
	signed := digest(live.Changes{}, 3)
	require.Equal(t, signed, digest(live.Changes{}, 3))
	require.NotEqual(t, signed, digest(live.Changes{}, 4))
	elsewhere := live.Changes{Machine: func(a string) string { return "via-" + a[:len("sessionmgr01")] }}
	require.NotEqual(t, signed, digest(elsewhere, 3))

	rb := bookOf(changes...)
	require.NoError(t, rb.Validate())
	require.Equal(t, []string{"sessionmgr01", "sessionmgr02"}, rb.Leased())
	var md strings.Builder
	require.NoError(t, rb.Markdown(&md))
	require.Contains(t, md.String(), "To the server `sessionmgr01:27718` on `sessionmgr01`, or one of those below:\n")
	require.Contains(t, md.String(), "- or `sessionmgr02:27718` on `sessionmgr02`\n")
	require.Contains(t, md.String(), "    \"version\": {\n      \"$numberLong\": \"8\"\n    }")
	require.Contains(t, md.String(), changes[0].Op.Docs[0].Hand)
	require.Contains(t, md.String(), "> Ask the primary of set02 for rs.conf() and rs.status().")
}

// The same changes run without a runbook; done already, they send nothing.
func TestChangesRunAlone(t *testing.T) {
	w, changes := moving(t, mongotest.Wire36)
	site := change.Over(w.Runner, w.Clock())
	_, err := change.Do(t.Context(), site, changes[0])
	require.ErrorIs(t, err, change.ErrNoDialer)
	site.Connect = w.Dial
	for _, c := range changes {
		done, err := change.Do(t.Context(), site, c)
		require.NoError(t, err)
		require.False(t, done.Already)
	}
	requireMoved(t, w)
	done, err := change.Do(t.Context(), site, changes[1])
	require.NoError(t, err)
	require.True(t, done.Already)
	_, err = change.Do(t.Context(), site, changes[0])
	require.ErrorContains(t, err, "changed by somebody else")
	requireMoved(t, w)
}

// An unsafe step is no change.
func TestReconfigureRefusesUnsafeSteps(t *testing.T) {
	from := balance()
	to := from.Clone()
	to.Version, to.Members[0].Votes, to.Members[0].Priority, to.Members[1].Votes, to.Members[1].Priority = 8, 0, 0, 0, 0
	_, err := live.Changes{}.Reconfigure(from, to, "a test")
	require.ErrorIs(t, err, mongo.ErrUnsafeStep)
	_, err = live.Changes{}.SetPriorities(from, map[string]float64{"elsewhere:1": 1})
	require.ErrorContains(t, err, "set02 has no member elsewhere:1")
	from.Members[0].Host = "a"
	_, err = live.Changes{}.SetPriorities(from, map[string]float64{"a": 1, "a:27017": 5})
	require.ErrorContains(t, err, "two priorities are given for the member a")
	from.Members[0].Host = sm1
	nobody := mongo.Config{ID: to.ID}
	to.Version, to.Members = 1, to.Members[:1]
	to.Members[0].Votes, to.Members[0].Priority = 1, 1
	_, err = live.Changes{}.Reconfigure(nobody, to, "a test")
	require.ErrorContains(t, err, "no member can be primary")
	none, err := live.Changes{}.SetPriorities(from, map[string]float64{sm1: 3})
	require.NoError(t, err)
	require.Empty(t, none)
}

// A document is sent as what it is, or not at all.
func TestDocuments(t *testing.T) {
	var got []bson.D
	var answer error
	dial := func(context.Context, string) (live.Conn, error) {
		return answerConn(func(db string, cmd bson.D) (bson.Raw, error) {
			got = append(got, append(bson.D{{Key: "db", Value: db}}, cmd...))
			raw, err := bson.Marshal(bson.D{{Key: "ok", Value: 1.0}, {Key: "n", Value: int64(5)}})
			require.NoError(t, err)
			return raw, answer
		}), nil
	}
	conn, err := live.Documents(dial).Dial(t.Context(), "h", "a:1")
	require.NoError(t, err)
	reply, err := conn.Send(t.Context(), change.Doc{Effect: op.Mutating, Text: `{"x":{"$numberLong":"1"},"$db":"admin"}`})
	require.NoError(t, err)
	require.Equal(t, `{"ok":{"$numberDouble":"1.0"},"n":{"$numberLong":"5"}}`, reply)
	require.Equal(t, []bson.D{{{Key: "db", Value: "admin"}, {Key: "x", Value: int64(1)}}}, got)
	for name, d := range map[string]change.Doc{
		"no JSON":               {Effect: op.Mutating, Text: "{"},
		"no database":           {Effect: op.Mutating, Text: `{"x":1}`},
		"nothing but it":        {Effect: op.Mutating, Text: `{"$db":"admin"}`},
		"the database is first": {Effect: op.Mutating, Text: `{"$db":"admin","x":1}`},
		"no name of it":         {Effect: op.Mutating, Text: `{"x":1,"$db":1}`},
		"two databases":         {Effect: op.Mutating, Text: `{"x":1,"$db":"local","$db":"admin"}`},
		"something after it":    {Effect: op.Mutating, Text: `{"x":1,"$db":"admin"} {"y":1}`},
		"not read-only":         {Effect: op.ReadOnly, Text: `{"x":1,"$db":"admin"}`},
		"disruptive":            {Effect: op.Mutating, Text: `{"replSetStepDown":1,"$db":"admin"}`},
	} {
		_, err := conn.Send(t.Context(), d)
		require.Error(t, err, name)
		require.True(t, sshexec.KnowsOutcome(err), name)
		require.Equal(t, sshexec.NotStarted, sshexec.OutcomeOf(err), name)
	}
	require.Len(t, got, 1)

	_, err = live.Documents(nil).Dial(t.Context(), "h", "a:1")
	require.ErrorIs(t, err, change.ErrNoDialer)

	// The errors come through Over as they are, and one that says nothing is unknown.
	rs := live.NewReplicaSet("set02", []string{"a:1"}, live.Over(change.Site{Connect: live.Documents(dial).Dial}, nil), live.Options{})
	answer = &live.CommandError{Host: "a:1", Command: "x", Outcome: op.NotStarted, Message: "kept back"}
	_, err = rs.RunCommand(t.Context(), "a:1", "admin", bson.D{{Key: "x", Value: 1}})
	require.ErrorContains(t, err, "kept back")
	require.Equal(t, sshexec.NotStarted, sshexec.OutcomeOf(err))
	answer = context.DeadlineExceeded
	_, err = rs.RunCommand(t.Context(), "a:1", "admin", bson.D{{Key: "x", Value: 1}})
	require.Equal(t, sshexec.Unknown, sshexec.OutcomeOf(err))
}

type answerConn func(db string, cmd bson.D) (bson.Raw, error)

func (answerConn) Close(context.Context) error { return nil }
func (c answerConn) RunCommand(_ context.Context, db string, cmd bson.D) (bson.Raw, error) {
	return c(db, cmd)
}

// A server that refuses to say how far a reconfiguration has come has not said that it was not sent.
func TestARefusedLookTellsNothing(t *testing.T) {
	w, changes := moving(t, mongotest.Wire36)
	site := change.Over(w.Runner, w.Clock())
	site.Connect = live.Documents(func(context.Context, string) (live.Conn, error) {
		return answerConn(func(string, bson.D) (bson.Raw, error) {
			return bson.Marshal(bson.D{{Key: "ok", Value: 0.0}, {Key: "code", Value: live.CodeUnauthorized},
				{Key: "errmsg", Value: "no"}})
		}), nil
	}).Dial
	probe := changes[0].Probe
	res, err := probe.Op.Do(t.Context(), site)
	require.ErrorIs(t, err, live.ErrAuth)
	found, err := probe.Judge(change.Observed{Result: res}, err)
	require.Equal(t, change.Inconclusive, found)
	require.ErrorIs(t, err, live.ErrAuth)
}

// An operation ends, whatever the server that it says goodbye to.
func TestAnOperationDoesNotWaitForAGoodbye(t *testing.T) {
	w, changes := moving(t, mongotest.Wire36)
	site := change.Over(w.Runner, w.Clock())
	closed := 0
	site.Connect = func(ctx context.Context, host, address string) (change.Conn, error) {
		conn, err := w.Dial(ctx, host, address)
		return clinging{conn, &closed}, err
	}
	res, err := changes[0].Probe.Op.Do(t.Context(), site)
	require.NoError(t, err)
	require.Equal(t, "not sent: ", string(res.Stdout))
	require.Positive(t, closed)
}

// clinging is a connection whose server hangs when it is closed.
type clinging struct {
	change.Conn
	closed *int
}

func (c clinging) Close(ctx context.Context) error {
	if _, bounded := ctx.Deadline(); bounded {
		*c.closed++
	}
	return ctx.Err()
}

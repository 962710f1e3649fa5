package live_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// What internal/mutate found nobody to miss in how members are reached.

// A password is shown in no form in which a credential is printed, logged or encoded.
func TestAPasswordIsShownToNobody(t *testing.T) {
	c := live.Credential{User: "u", Password: "canary"}
	require.Equal(t, "canary", c.Password.Reveal())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		text := fmt.Sprintf(verb, c)
		require.Contains(t, text, "[redacted]", verb)
		require.NotContains(t, text, "canary", verb)
	}
	text, err := json.Marshal(c)
	require.NoError(t, err)
	require.JSONEq(t, `{"User":"u","Password":"[redacted]","Source":""}`, string(text))
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "password", c.Password)
	require.Contains(t, log.String(), "password=[redacted]")
	_, err = bson.Marshal(c)
	require.ErrorContains(t, err, "a password is not written to documents")
	require.Equal(t, "[redacted] [redacted]", c.Password.String()+" "+c.Password.GoString())

	require.Equal(t, "admin", c.Database())
	c.Source = "here"
	require.Equal(t, "here", c.Database())
}

// The machine of a member is what stands before its port, or what the caller says; that it cannot be reached is told.
func TestTheMachineOfAMember(t *testing.T) {
	why := errors.New("far")
	var asked []string
	site := change.Site{Connect: func(_ context.Context, host, address string) (change.Conn, error) {
		asked = append(asked, host+" for "+address)
		return nil, why
	}}
	for _, address := range []string{"a:1", "a", "[::1]:1", "[::1]"} {
		_, err := live.Over(site, nil)(t.Context(), address)
		require.ErrorIs(t, err, why)
	}
	_, err := live.Over(site, func(address string) string { return "m of " + address })(t.Context(), "a:1")
	require.ErrorIs(t, err, why)
	require.Equal(t, []string{"a for a:1", "a for a", "[::1] for [::1]:1", "[::1] for [::1]", "m of a:1 for a:1"}, asked)
}

// A document is sent where the other end is reached, and with JSON inside that is a command; what cannot be is told as such.
func TestDocumentsThatCannotBeSent(t *testing.T) {
	why := errors.New("far")
	_, err := live.Documents(func(context.Context, string) (live.Conn, error) { return nil, why }).Dial(t.Context(), "h", "a:1")
	require.ErrorIs(t, err, why)
	require.Equal(t, op.NotStarted, sshexec.OutcomeOf(err))
	send := func(reply bson.Raw, fails error, text string) error {
		conn, err := live.Documents(func(context.Context, string) (live.Conn, error) {
			return answerConn(func(string, bson.D) (bson.Raw, error) { return reply, fails }), nil
		}).Dial(t.Context(), "h", "a:1")
		require.NoError(t, err)
		_, err = conn.Send(t.Context(), change.Doc{Effect: op.Mutating, Text: text})
		return err
	}
	good, err := bson.Marshal(bson.D{{Key: "ok", Value: 1}})
	require.NoError(t, err)
	require.NoError(t, send(good, nil, `{"x":1,"$db":"admin"}`))
	require.ErrorContains(t, send(good, nil, `[1]`), "the document is no Extended JSON")
	require.ErrorIs(t, send(good, why, `{"x":1,"$db":"admin"}`), why)
	err = send(bson.Raw{1, 2}, nil, `{"x":1,"$db":"admin"}`)
	require.ErrorContains(t, err, "cannot read the answer")
	require.Equal(t, op.Unknown, sshexec.OutcomeOf(err))
}

// A configuration of another set is not forced upon this one.
func TestAForcedConfigurationOfAnotherSet(t *testing.T) {
	_, rs := running(t, balance(), mongotest.Options{}, nil)
	other := balance()
	other.ID = "set09"
	require.ErrorContains(t, rs.ForceReconfigMayLoseWrites(t.Context(), sm1, other, "a reason"), `the configuration is of the set "set09"`)
	illegal := balance()
	illegal.Members = nil
	require.ErrorContains(t, rs.ForceReconfigMayLoseWrites(t.Context(), sm1, illegal, "a reason"), "a set has 1 to 50 members")
}

// answering1 is a connection that gives one answer to every document.
type answering1 string

func (answering1) Close(context.Context) error                        { return nil }
func (a answering1) Send(context.Context, change.Doc) (string, error) { return string(a), nil }

// A command that cannot be written was not sent; an answer that cannot be read leaves open what became of it.
func TestCommandsAndAnswersThatAreNoDocuments(t *testing.T) {
	run := func(answer string, value any) error {
		site := change.Site{Connect: func(context.Context, string, string) (change.Conn, error) { return answering1(answer), nil }}
		conn, err := live.Over(site, nil)(t.Context(), "a:1")
		require.NoError(t, err)
		_, err = conn.RunCommand(t.Context(), "admin", bson.D{{Key: "x", Value: value}})
		return err
	}
	require.NoError(t, run(`{"ok":{"$numberDouble":"1.0"}}`, 1))
	err := run(`{}`, make(chan int))
	require.ErrorContains(t, err, "cannot write it")
	require.Equal(t, op.NotStarted, sshexec.OutcomeOf(err))
	err = run(`what`, 1)
	require.ErrorContains(t, err, "cannot read the answer")
	require.Equal(t, op.Unknown, sshexec.OutcomeOf(err))
}

// failing is a connection over which nothing can be sent.
type failing struct{ why error }

func (failing) Close(context.Context) error                        { return nil }
func (f failing) Send(context.Context, change.Doc) (string, error) { return "", f.why }

// Why a document could not be sent is told as it was told, and what is known of it stays known.
func TestWhyADocumentCouldNotBeSent(t *testing.T) {
	run := func(why error) error {
		site := change.Site{Connect: func(context.Context, string, string) (change.Conn, error) { return failing{why}, nil }}
		conn, err := live.Over(site, nil)(t.Context(), "a:1")
		require.NoError(t, err)
		_, err = conn.RunCommand(t.Context(), "admin", bson.D{{Key: "x", Value: 1}})
		return err
	}
	why := &live.CommandError{Host: "a:1", Command: "x", Outcome: op.NotStarted, Message: "kept back"}
	require.Same(t, why, run(why))
	err := run(&sshexec.CommandError{Host: "a", Outcome: op.NotStarted})
	require.True(t, sshexec.KnowsOutcome(err))
	require.Equal(t, op.NotStarted, sshexec.OutcomeOf(err))
	require.Equal(t, op.Unknown, sshexec.OutcomeOf(run(errors.New("far"))))
}

package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// Over reaches the members through a site, in a runbook through its gate: what is not declared is refused, and ends a
// search for the primary. On names the machine of a member, nil for what stands before its port.
func Over(at change.Site, on func(address string) string) Dialer {
	return func(ctx context.Context, address string) (Conn, error) {
		conn, err := at.Dial(ctx, machine(on, address), address)
		if err != nil {
			return nil, err
		}
		return &siteConn{conn, address}, nil
	}
}

func machine(on func(string) string, address string) string {
	if on != nil {
		return on(address)
	}
	key := mongo.HostKey(address) // which has a port
	return key[:strings.LastIndexByte(key, ':')]
}

// siteConn sends each command as a document.
type siteConn struct {
	change.Conn
	address string
}

// RunCommand sends the command and reads the answer.
func (c *siteConn) RunCommand(ctx context.Context, db string, cmd bson.D) (bson.Raw, error) {
	e := &CommandError{Host: c.address, Command: commandName(cmd), Outcome: op.NotStarted}
	doc, err := docOf(db, cmd)
	if err != nil {
		e.Message, e.Err = "cannot write it", err
		return nil, e
	}
	reply, err := c.Send(ctx, doc)
	if err == nil {
		var raw bson.Raw
		if raw, err = replyDocument([]byte(reply)); err == nil {
			return raw, nil
		}
		e.Outcome, e.Message, e.Err = op.Unknown, "cannot read the answer", err
		return nil, e
	}
	if errors.As(err, &e) {
		return nil, err
	}
	e.Outcome, e.Err = op.Unknown, err
	if sshexec.KnowsOutcome(err) {
		e.Outcome = sshexec.OutcomeOf(err)
	}
	return nil, e
}

// effectOf is what a command does; one that is not known is taken for mutating.
func effectOf(name string) op.Effect {
	if known, ok := effects[name]; ok {
		return known
	}
	return op.Mutating
}

// docOf is a command as it is sent: in canonical Extended JSON, with its database in the field $db at the end.
func docOf(db string, cmd bson.D) (change.Doc, error) {
	data, err := bson.Marshal(append(cmd[:len(cmd):len(cmd)], bson.E{Key: "$db", Value: db}))
	if err != nil {
		return change.Doc{}, err
	}
	text, err := bson.MarshalExtJSON(bson.Raw(data), true, false)
	return change.Doc{Effect: effectOf(commandName(cmd)), Text: string(text)}, err
}

// Documents is the other end of [Over]: how a run, or a simulated world, that offers a change.Dialer sends documents to
// members, over the driver, the shell or a simulated set. A document whose effect is not the one that this package knows
// of its command is refused.
func Documents(dial Dialer) change.Dialer { return documents{dial} }

type documents struct{ dial Dialer }

// Dial connects to the member at the address.
func (d documents) Dial(ctx context.Context, _, address string) (change.Conn, error) {
	if d.dial == nil {
		return nil, change.ErrNoDialer
	}
	conn, err := d.dial(ctx, address)
	if err != nil {
		return nil, &CommandError{Host: address, Command: "connect", Outcome: op.NotStarted, Err: err}
	}
	return &documentConn{conn, address}, nil
}

type documentConn struct {
	Conn
	address string
}

// Send runs the document as a command.
func (c *documentConn) Send(ctx context.Context, doc change.Doc) (string, error) {
	var cmd bson.D
	refuse := func(err error) error {
		return &CommandError{Host: c.address, Command: commandName(cmd), Outcome: op.NotStarted, Err: err}
	}
	if !json.Valid([]byte(doc.Text)) { // the reader below stops at the end of the document, whatever follows
		return "", refuse(errors.New("the document is no JSON, or more than one"))
	}
	if err := bson.UnmarshalExtJSON([]byte(doc.Text), true, &cmd); err != nil {
		return "", refuse(fmt.Errorf("the document is no Extended JSON: %w", err))
	}
	last := len(cmd) - 1
	if last < 1 || slices.IndexFunc(cmd, func(e bson.E) bool { return e.Key == "$db" }) != last {
		return "", refuse(errors.New("the document does not end with its database, $db, or names it twice"))
	}
	db, ok := cmd[last].Value.(string)
	if !ok || doc.Effect != effectOf(cmd[0].Key) {
		return "", refuse(fmt.Errorf("the document is said to be %s for the database %v", doc.Effect, cmd[last].Value))
	}
	reply, err := c.RunCommand(ctx, db, cmd[:last])
	if err != nil {
		return "", err
	}
	text, err := bson.MarshalExtJSON(reply, true, false)
	if err != nil {
		return "", &CommandError{Host: c.address, Command: cmd[0].Key, Outcome: op.Unknown, Message: "cannot read the answer", Err: err}
	}
	return string(text), nil
}

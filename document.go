package evenkeel

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// connect is how an operation on host reaches servers: those that it declared, and only through the gate. A document
// that changes something gets its answer within the limit.
func (e *engine) connect(host string, op *Op, limit time.Duration) func(ctx context.Context, on, address string) (
	change.Conn, error) {
	return func(ctx context.Context, on, address string) (change.Conn, error) {
		to := change.Endpoint{Host: on, Address: address}
		if !slices.Contains(op.Servers(host), to) {
			return nil, notSent{fmt.Errorf("%w: it would reach %s on %s: %w", ErrNotInPlan, address, on, change.ErrNotDeclared)}
		}
		d, ok := e.hosts.(change.Dialer)
		if !ok {
			return nil, notSent{change.ErrNoDialer}
		}
		ctx, cancel := context.WithTimeout(ctx, lookTimeout)
		defer cancel()
		conn, err := d.Dial(ctx, on, address)
		switch {
		case err != nil:
			return nil, err
		case conn == nil:
			return nil, notSent{fmt.Errorf("the dialer gave no connection to %s", address)}
		}
		return &gatedConn{Conn: conn, e: e, host: host, op: op, to: to, limit: limit}, nil
	}
}

// gatedConn sends what its operation declared, and what only asks.
type gatedConn struct {
	change.Conn
	e     *engine
	host  string // of the action
	op    *Op
	to    change.Endpoint
	limit time.Duration // of a document that changes something
}

// Send sends a document. Before one that changes something its machine checks the lease; one that does not answer is
// no leave to go on. What is sent to one server of a set changes the others too, so their machines check theirs first.
func (c *gatedConn) Send(ctx context.Context, d change.Doc) (string, error) {
	if d.Effect == ReadOnly {
		ctx, cancel := context.WithTimeout(ctx, lookTimeout)
		defer cancel()
		return c.Conn.Send(ctx, d)
	}
	if !c.op.Sends(c.host, c.to, d) {
		return "", notSent{fmt.Errorf("%w: to %s: %s: %w", ErrNotInPlan, c.to.Address, d.Text, change.ErrNotDeclared)}
	}
	if err := c.checkLeases(ctx, d); err != nil {
		return "", notSent{fmt.Errorf("not sent to %s: %w", c.to.Address, err)}
	}
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	reply, err := c.Conn.Send(ctx, d)
	if err != nil && !sshexec.KnowsOutcome(err) {
		err = unanswered{err}
	}
	return reply, err
}

// checkLeases has the machines of all servers that a document is for check their leases, last the one that it is sent
// through.
func (c *gatedConn) checkLeases(ctx context.Context, d change.Doc) error {
	checked := map[string]bool{c.to.Host: true}
	for _, declared := range c.op.Docs {
		for _, p := range declared.To {
			other := p.At(c.host).Host
			if declared.Doc != d || checked[other] || !c.e.holds(other) {
				continue
			}
			checked[other] = true
			if err := c.e.checkLease(ctx, other); err != nil {
				return err
			}
		}
	}
	r, err := c.e.hosts.Runner(c.to.Host)
	if err == nil {
		_, err = c.e.change(ctx, c.to.Host, r, sshexec.CheckLease(nil))
	}
	return err
}

// unanswered is an error of a connection that does not say what became of a document: nobody knows.
type unanswered struct{ error }

func (e unanswered) Unwrap() error                   { return e.error }
func (e unanswered) CommandOutcome() sshexec.Outcome { return Unknown }

// notSent is why a document was kept back.
type notSent struct{ error }

func (e notSent) Unwrap() error                   { return e.error }
func (e notSent) CommandOutcome() sshexec.Outcome { return NotStarted }

// servers are those that the operations of the runbook name, and of a rollback also those that its run names: the
// invariants are the same.
func (rb *Runbook) servers() []change.Endpoint {
	var list []change.Endpoint
	if rb.origin != nil {
		list = rb.origin.servers()
	}
	for i := range rb.Steps {
		s := &rb.Steps[i]
		for _, part := range s.parts() {
			for j := range part.actions {
				a := &part.actions[j]
				if a.Op != nil {
					list = append(list, a.Op.Servers(a.host(s))...)
				}
				if a.Probe != nil && a.Probe.Op != nil {
					list = append(list, a.Probe.Op.Servers(cmp.Or(a.Probe.Host, a.host(s)))...)
				}
			}
		}
	}
	return list
}

// ops are the operations of an action: its own, and its probe's.
func (a *Action) ops() []*Op {
	var list []*Op
	if a.Op != nil {
		list = append(list, a.Op)
	}
	if a.Probe != nil && a.Probe.Op != nil {
		list = append(list, a.Probe.Op)
	}
	return list
}

// documents checks the documents of an operation against what it says that it does.
func (v *validator) documents(where, host string, op *Op) {
	for _, p := range op.Servers(host) {
		if p.Host == "" || p.Address == "" {
			v.add("%s: names a server without a host or an address: %q on %q", where, p.Address, p.Host)
		}
		if v.hide.Finds(p.Address + "\x00" + p.Host) {
			v.add("%s: a secret of the runbook stands in the address of a server, where everybody can read it", where)
		}
	}
	for _, d := range op.Docs {
		switch {
		case d.Effect != Mutating && d.Effect != Disruptive, d.Effect > op.Effect:
			v.add("%s: is %s and declares a document that is %s: %s", where, op.Effect, d.Effect, d.Text)
		case len(d.To) == 0 || d.Text == "":
			v.add("%s: declares an empty document, or one for no server: %s", where, d.Text)
		case !utf8.ValidString(d.Text + d.Hand):
			v.add("%s: a document is no text, so that nobody can review it: %q", where, d.Text)
		case len(change.Refs(d.Text)) > 0:
			v.add("%s: a document refers to a fact, and is sent as it stands: %s", where, d.Text)
		case v.hide.Finds(d.Text + "\x00" + d.Hand):
			v.add("%s: a secret of the runbook stands in a document, where everybody can read it", where)
		}
	}
}

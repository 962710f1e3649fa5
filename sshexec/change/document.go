package change

import (
	"context"
	"errors"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Endpoint is a server that takes documents and no commands, such as a member of a replica set.
type Endpoint struct {
	Host    string // the machine that it is on, where a run keeps its lease; the action's when empty
	Address string // as the server is dialled: "sessionmgr01:27717"
}

// At is the endpoint of an action whose host is given.
func (p Endpoint) At(host string) Endpoint {
	if p.Host == "" {
		p.Host = host
	}
	return p
}

// Doc is a document for a server.
type Doc struct {
	Effect sshexec.Effect
	// Text is the whole document, and all that is known of it: it is what the reviewer reads, what is compared, and what
	// the Conn encodes and sends. For MongoDB it is canonical Extended JSON, which keeps the type of each number.
	Text string
}

// OpDoc is a document that an operation declares.
type OpDoc struct {
	Doc
	To   []Endpoint // the servers that it may be sent to
	Hand string     // how the operator sends it who follows the runbook by hand, such as a line for the mongo shell
}

// Conn is a connection to one server.
type Conn interface {
	// Send sends a document once, and gives the answer in the form of Doc.Text, also one that is a refusal. An error means
	// that there is no answer; it says by sshexec.OutcomeOf whether the document may have taken effect, and counts as
	// Unknown where it does not. A document that is called read-only and is not is refused. It ends with the context.
	Send(ctx context.Context, d Doc) (reply string, err error)
	Close(ctx context.Context) error
}

// Dialer connects to servers. Who gives a run its machines may offer one beside: then operations can dial. The context
// bounds the dialling, and not the connection.
type Dialer interface {
	Dial(ctx context.Context, host, address string) (Conn, error)
}

// What Dial and Send refuse. Nothing was sent.
var (
	ErrNoDialer    = errors.New("there is no way to servers here, only to machines")
	ErrNotDeclared = errors.New("no action declared it")
)

// Dial connects to a server at an address on a machine. In a runbook the operation must have declared the server, and
// each document that is not read-only, to the letter: an [OpDoc]. Before such a document is sent, the machines of all
// servers that it is declared for check their leases; none keeps it locked until the answer comes, as it does for a
// command. What the document itself compares, such as a version, has to cover that time. An answer to a question is
// waited for two minutes at most, one to a declared document as long as the action's limit.
func (s Site) Dial(ctx context.Context, host, address string) (Conn, error) {
	if s.Connect == nil {
		return nil, ErrNoDialer
	}
	return s.Connect(ctx, host, address)
}

// Servers are the servers that an operation of an action on a host may reach.
func (o *Op) Servers(host string) []Endpoint {
	var list []Endpoint
	for _, p := range o.Reads {
		list = append(list, p.At(host))
	}
	for _, d := range o.Docs {
		for _, p := range d.To {
			list = append(list, p.At(host))
		}
	}
	return list
}

// Sends tells whether an operation of an action on a host declares a document for a server.
func (o *Op) Sends(host string, to Endpoint, doc Doc) bool {
	for _, d := range o.Docs {
		for _, p := range d.To {
			if d.Doc == doc && p.At(host) == to {
				return true
			}
		}
	}
	return false
}

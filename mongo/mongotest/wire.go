package mongotest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/x/bsonx/bsoncore"
	"go.mongodb.org/mongo-driver/x/mongo/driver/wiremessage"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/internal/replsim"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
)

// maxMessage is the longest message that a server takes, in bytes.
const maxMessage = 48_000_000

// DialContext connects to the simulated member at the address ("host:port", as the configuration has it), over a
// connection in memory. It makes a Set a dialer for the official driver: options.Client().SetDialer.
func (s *Set) DialContext(_ context.Context, _, address string) (net.Conn, error) {
	client, server := net.Pipe()
	if err := s.accept(address, server); err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
	return client, nil
}

var errRefused = errors.New("connection refused")

// accept serves a connection to the member at host; a process that does not run refuses it.
func (s *Set) accept(host string, c net.Conn) error {
	up := s.up(host)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !up || s.closed {
		_ = c.Close()
		return errRefused
	}
	if s.conns[host] == nil {
		s.conns[host] = map[net.Conn]bool{}
	}
	s.conns[host][c] = true
	s.serving.Go(func() {
		s.talk(host, c)
		_ = c.Close()
		s.mu.Lock()
		delete(s.conns[host], c)
		s.mu.Unlock()
	})
	return nil
}

// up tells whether the process at a host takes connections.
func (s *Set) up(host string) (up bool) {
	look := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.catchUp()
		st := s.sim.StateOf(host)
		up = !s.closed && st != replsim.Down && st != replsim.Unknown
	}
	if s.opt.Turn == nil {
		look()
	} else {
		s.opt.Turn(host, "", look)
	}
	return up
}

// hangUp closes the connections to a member; the caller holds the lock.
func (s *Set) hangUp(host string) {
	for c := range s.conns[host] {
		_ = c.Close()
	}
}

// Listen serves every member of the present configuration at its own address, which must be one of this machine ("127.0.0.1:27017").
func (s *Set) Listen(ctx context.Context) error {
	for _, m := range s.Truth().Config.Members {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", m.Host)
		if err != nil {
			return fmt.Errorf("cannot listen for the simulated member %s: %w", m.Host, err)
		}
		s.mu.Lock()
		s.listened = append(s.listened, l)
		s.mu.Unlock()
		s.serving.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_ = s.accept(m.Host, c) // it has closed a connection that it does not serve
			}
		})
	}
	return nil
}

// talk answers messages until the connection ends.
func (s *Set) talk(host string, c net.Conn) {
	session := &session{}
	for {
		message, err := readMessage(c)
		if err != nil {
			return
		}
		answer, err := s.respond(host, session, message)
		if err != nil {
			return
		}
		if answer == nil { // an unacknowledged write
			continue
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// readMessage reads one message with its header.
func readMessage(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(size[:])
	if n < 16 || n > maxMessage {
		return nil, fmt.Errorf("a message of %d bytes", n)
	}
	message := make([]byte, n)
	copy(message, size[:])
	_, err := io.ReadFull(r, message[4:])
	return message, err
}

var errMessage = errors.New("not a message that this server knows")

// respond answers one message: OP_MSG, or OP_QUERY for a driver's first handshake.
func (s *Set) respond(host string, session *session, message []byte) ([]byte, error) {
	_, id, _, code, body, ok := wiremessage.ReadHeader(message)
	if !ok {
		return nil, errMessage
	}
	q := request{host: host, session: session}
	quiet := false
	var err error
	switch code {
	case wiremessage.OpMsg:
		quiet, err = q.readMsg(body)
	case opQuery:
		err = q.readQuery(body)
	default:
		err = errMessage
	}
	if err != nil {
		return nil, err
	}
	reply, err := s.serve(q)
	if err != nil || quiet {
		return nil, err
	}
	if code == opQuery {
		return queryReply(id, reply), nil
	}
	at, out := wiremessage.AppendHeaderStart(nil, wiremessage.NextRequestID(), id, wiremessage.OpMsg)
	out = wiremessage.AppendMsgFlags(out, 0)
	out = wiremessage.AppendMsgSectionType(out, wiremessage.SingleDocument)
	out = append(out, reply...)
	return bsoncore.UpdateLength(out, at, int32(len(out))), nil
}

// The codes of a driver's first handshake, before it knows what the server speaks. Drivers call them deprecated, and send them.
const (
	opQuery = wiremessage.OpCode(2004)
	opReply = wiremessage.OpCode(1)
)

// queryReply is an OP_REPLY with one document: flags, cursor, position and count, and the document.
func queryReply(id int32, reply bson.Raw) []byte {
	at, out := wiremessage.AppendHeaderStart(nil, wiremessage.NextRequestID(), id, opReply)
	out = append(out, make([]byte, 4+8+4)...)
	out = binary.LittleEndian.AppendUint32(out, 1)
	out = append(out, reply...)
	return bsoncore.UpdateLength(out, at, int32(len(out)))
}

// readQuery reads a command that came as OP_QUERY on a collection $cmd: flags, the collection, how many to skip and to
// return, and the document.
func (q *request) readQuery(b []byte) error {
	if len(b) < 4 {
		return errMessage
	}
	coll, b, ok := bytes.Cut(b[4:], []byte{0})
	db, isCommand := strings.CutSuffix(string(coll), ".$cmd")
	if !ok || !isCommand || db == "" || len(b) < 8 {
		return errMessage
	}
	doc, _, ok := bsoncore.ReadDocument(b[8:])
	if !ok || doc.Validate() != nil {
		return errMessage
	}
	q.db, q.cmd = db, bson.Raw(doc)
	return nil
}

// readMsg reads an OP_MSG; its document sequences become arrays of the command. quiet means that no answer is wanted.
func (q *request) readMsg(b []byte) (quiet bool, err error) {
	flags, b, ok := wiremessage.ReadMsgFlags(b)
	if !ok {
		return false, errMessage
	}
	if flags&wiremessage.ChecksumPresent != 0 {
		if len(b) < 4 {
			return false, errMessage
		}
		b = b[:len(b)-4]
	}
	var cmd bsoncore.Document
	arrays := map[string][]bsoncore.Document{}
	for len(b) > 0 {
		var kind wiremessage.SectionType
		if kind, b, ok = wiremessage.ReadMsgSectionType(b); !ok {
			return false, errMessage
		}
		switch kind {
		case wiremessage.SingleDocument:
			if cmd, b, ok = wiremessage.ReadMsgSectionSingleDocument(b); !ok || cmd.Validate() != nil {
				return false, errMessage
			}
		case wiremessage.DocumentSequence:
			var name string
			var docs []bsoncore.Document
			if len(b) < 4 || int32(binary.LittleEndian.Uint32(b)) < 4 { // the driver's reader panics on a length that does not count itself
				return false, errMessage
			}
			if name, docs, b, ok = wiremessage.ReadMsgSectionDocumentSequence(b); !ok {
				return false, errMessage
			}
			arrays[name] = append(arrays[name], docs...)
		default:
			return false, errMessage
		}
	}
	if cmd == nil {
		return false, errMessage
	}
	var d bson.D
	if err := bson.Unmarshal(cmd, &d); err != nil {
		return false, err
	}
	for _, name := range sortedKeys(arrays) {
		list := bson.A{}
		for _, doc := range arrays[name] {
			if err := doc.Validate(); err != nil {
				return false, err
			}
			list = append(list, bson.Raw(doc))
		}
		d = append(d, bson.E{Key: name, Value: list})
	}
	if q.cmd, err = bson.Marshal(d); err != nil {
		return false, err
	}
	q.db, ok = q.cmd.Lookup("$db").StringValueOK()
	if !ok {
		return false, errMessage
	}
	return flags&wiremessage.MoreToCome != 0, nil
}

// Dial is a live.Dialer without a connection: every command runs at once in the caller's goroutine. It counts as
// authenticated, and reads from secondaries as the driver does on a direct connection.
func (s *Set) Dial(_ context.Context, host string) (live.Conn, error) {
	if !s.up(host) {
		return nil, errRefused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return &direct{set: s, host: host, life: s.lives[host]}, nil
}

type direct struct {
	set  *Set
	host string
	life int
}

// Close has nothing to do.
func (d *direct) Close(context.Context) error { return nil }

// RunCommand runs the command at once.
func (d *direct) RunCommand(ctx context.Context, db string, cmd bson.D) (bson.Raw, error) {
	if len(cmd) == 0 {
		return nil, &live.CommandError{Host: d.host, Command: "an empty command", Outcome: op.NotStarted}
	}
	e := &live.CommandError{Host: d.host, Command: cmd[0].Key, Outcome: op.NotStarted}
	if e.Err = ctx.Err(); e.Err != nil {
		return nil, e
	}
	d.set.mu.Lock()
	ended := d.set.lives[d.host] != d.life
	d.set.mu.Unlock()
	if e.Err = errLost; ended {
		return nil, e
	}
	full := append(append(bson.D{}, cmd...), bson.E{Key: "$db", Value: db},
		bson.E{Key: "$readPreference", Value: bson.D{{Key: "mode", Value: "primaryPreferred"}}})
	raw, err := bson.Marshal(full)
	if err != nil {
		e.Err = err
		return nil, e
	}
	var took time.Duration
	reply, err := d.set.serve(request{
		host: d.host, db: db, cmd: raw, session: &session{user: "the caller"}, gone: ctx.Done(), took: &took,
	})
	if end, ok := ctx.Deadline(); ok && err == nil && took > time.Until(end) {
		err = context.DeadlineExceeded // it took longer, in simulated time, than the caller could wait
	}
	if err != nil {
		e.Err, e.Outcome = cmp.Or(ctx.Err(), err), op.Unknown
		return nil, e
	}
	return reply, nil
}

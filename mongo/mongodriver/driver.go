package mongodriver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/event"
	driver "go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	xdriver "go.mongodb.org/mongo-driver/x/mongo/driver"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
)

// Options are how members are reached. A zero field takes the default that is named beside it.
type Options struct {
	Credential     *live.Credential // nil for sets without db_authentication; arbiters hold no users and cannot be asked with it
	TLS            *tls.Config      // nil for plain connections, as CPS has them
	ConnectTimeout time.Duration    // 5 s: for finding the member up, and for each connection

	// DialContext makes the connections, through a tunnel for instance; nil dials.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

// Dialer connects to single members, directly. Nothing is retried by the driver, neither reads nor writes; the password
// goes to the driver's authentication and nowhere else.
func Dialer(o Options) live.Dialer {
	return func(ctx context.Context, host string) (live.Conn, error) {
		o := o.withDefaults()
		if err := reach(ctx, o, host); err != nil {
			return nil, fmt.Errorf("cannot connect to %s: %w", host, err)
		}
		c := &conn{host: host}
		client, err := driver.Connect(ctx, c.options(o))
		if err != nil {
			return nil, fmt.Errorf("cannot connect to %s: %w", host, err)
		}
		c.client = client
		return c, nil
	}
}

// reach connects and hangs up. The driver tries a server that refuses connections again and again until its selection
// timeout; when a member is down, that is what every look for the primary would wait for.
func reach(ctx context.Context, o Options, host string) error {
	ctx, cancel := context.WithTimeout(ctx, o.ConnectTimeout)
	defer cancel()
	if !strings.Contains(host, ":") || strings.HasSuffix(host, "]") {
		host += ":27017"
	}
	c, err := o.DialContext(ctx, "tcp", host)
	if err != nil {
		return err
	}
	return c.Close()
}

func (o Options) withDefaults() Options {
	if o.ConnectTimeout <= 0 {
		o.ConnectTimeout = 5 * time.Second
	}
	if o.DialContext == nil {
		o.DialContext = (&net.Dialer{}).DialContext
	}
	return o
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

func (f dialFunc) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return f(ctx, network, address)
}

func (c *conn) options(o Options) *options.ClientOptions {
	opts := options.Client().SetHosts([]string{c.host}).SetDirect(true).SetAppName("evenkeel").
		SetRetryReads(false).SetRetryWrites(false).SetMaxPoolSize(4).
		SetConnectTimeout(o.ConnectTimeout).SetServerSelectionTimeout(o.ConnectTimeout).
		SetServerMonitor(&event.ServerMonitor{ServerHeartbeatSucceeded: func(e *event.ServerHeartbeatSucceededEvent) {
			if v := e.Reply.WireVersion; v != nil {
				c.wire.Store(v.Max)
			}
		}}).
		SetMonitor(&event.CommandMonitor{Started: func(ctx context.Context, _ *event.CommandStartedEvent) {
			if sent, ok := ctx.Value(sentKey{}).(*atomic.Bool); ok {
				sent.Store(true)
			}
		}}).
		SetDialer(dialFunc(o.DialContext))
	if o.TLS != nil {
		opts.SetTLSConfig(o.TLS)
	}
	if cr := o.Credential; cr != nil {
		opts.SetAuth(options.Credential{Username: cr.User, Password: cr.Password.Reveal(), AuthSource: cr.Database()})
	}
	return opts
}

// conn is a client of the driver that knows one member.
type conn struct {
	host   string
	client *driver.Client
	wire   atomic.Int32 // of the member's last heartbeat
}

// sentKey marks in a context whether the driver has begun to send the command.
type sentKey struct{}

// RunCommand runs the command on the member.
func (c *conn) RunCommand(ctx context.Context, db string, cmd bson.D) (bson.Raw, error) {
	if len(cmd) == 0 {
		return nil, &live.CommandError{Host: c.host, Command: "an empty command", Outcome: op.NotStarted}
	}
	var sent atomic.Bool
	raw, err := c.client.Database(db).RunCommand(context.WithValue(ctx, sentKey{}, &sent), cmd).Raw()
	var refused driver.CommandError
	switch {
	case err == nil:
		return raw, nil
	case errors.As(err, &refused) && len(refused.Raw) > 0:
		return refused.Raw, nil
	case len(raw) > 0: // a write that was refused in part: the answer says it
		return raw, nil
	}
	e := &live.CommandError{Host: c.host, Command: cmd[0].Key, Outcome: op.NotStarted, Err: err}
	var auth xdriver.Error
	switch {
	case sent.Load():
		e.Outcome = op.Unknown
	case c.wire.Load() > 0 && c.wire.Load() < oldestWire:
		e.Err = fmt.Errorf("it speaks wire version %d: it is %w", c.wire.Load(), mongo.ErrTooOld)
	case errors.As(err, &auth) && auth.Code == live.CodeAuthenticationFailed:
		e.Err = fmt.Errorf("%w: %w", live.ErrAuth, err)
	}
	return nil, e
}

// oldestWire is the wire version of MongoDB 3.6.
const oldestWire = 6

// Close ends the connections and everything that the driver runs beside them.
func (c *conn) Close(ctx context.Context) error {
	if err := c.client.Disconnect(ctx); err != nil && !errors.Is(err, driver.ErrClientDisconnected) {
		return fmt.Errorf("cannot disconnect from %s: %w", c.host, err)
	}
	return nil
}

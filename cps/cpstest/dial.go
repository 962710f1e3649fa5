package cpstest

import (
	"context"
	"fmt"
	"net"
	"slices"

	"github.com/evenkeel-ha/evenkeel/internal/replsim"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// Dial connects to a member of a replica set ("sessionmgr01:27718") and sends documents to it: with it a deployment is a
// world whose operations can send some. From which machine makes no difference.
func (d *Deployment) Dial(ctx context.Context, host, address string) (change.Conn, error) {
	server, err := d.mongod(address)
	if err != nil {
		return nil, err
	}
	return live.Documents(server.Dial).Dial(ctx, host, address)
}

// DialContext connects to a member as a program does that speaks the protocol of MongoDB, over a connection in memory.
func (d *Deployment) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	server, err := d.mongod(address)
	if err != nil {
		return nil, err
	}
	return server.DialContext(ctx, network, address)
}

// mongod answers for the set whose member runs at an address, as mongod does: between two commands on the machines.
func (d *Deployment) mongod(address string) (server *mongotest.Set, err error) {
	err = d.deed(func(y *system, _ *simhost.State) error {
		at := y.setAt(address)
		if at < 0 {
			return &net.OpError{Op: "dial", Net: "tcp", Err: fmt.Errorf("nothing listens on %s: connection refused", address)}
		}
		opts := y.mongodOptions()
		opts.Turn = func(host, command string, answer func()) {
			_ = d.deed(func(y *system, s *simhost.State) error {
				y.acts(s, at, command+" on "+host, answer)
				return nil
			})
		}
		server = y.mongodOf(&y.sets[at], opts)
		return nil
	})
	return server, err
}

func (y *system) mongodOptions() mongotest.Options {
	return mongotest.Options{Epoch: y.opts.Start, User: y.opts.DBUser}
}

// setAt is the set whose member runs at an address; -1 when nothing does.
func (y *system) setAt(address string) int {
	return slices.IndexFunc(y.sets, func(r replicaSet) bool {
		st := r.StateOf(address)
		return st != replsim.Unknown && st != replsim.Down
	})
}

// acts lets something act on a set, and notes it where it changed the set.
func (y *system) acts(s *simhost.State, at int, what string, act func()) {
	set := &y.sets[at]
	before := set.Hash()
	act()
	if set.Hash() != before {
		s.Note("", "%s: %s", set.spec.Name, what)
		y.touched(s, at)
		y.judge(s)
	}
}

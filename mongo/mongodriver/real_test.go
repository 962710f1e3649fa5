//go:build integration

package mongodriver_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/mongo/mongodriver"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest/conformance"
)

// mongod is the real server: the file that EVENKEEL_MONGOD names, else the one on PATH.
func mongod(t *testing.T) string {
	path := os.Getenv("EVENKEEL_MONGOD")
	if path == "" {
		var err error
		if path, err = exec.LookPath("mongod"); err != nil {
			t.Skip("no real server: EVENKEEL_MONGOD is not set and there is no mongod on PATH; the simulated set has gone " +
				"through the same scenarios")
		}
	}
	out, err := exec.CommandContext(t.Context(), path, "--version").Output()
	require.NoError(t, err)
	t.Logf("%s: %.40s", path, out)
	return path
}

// The same scenarios on real servers: three processes on the loopback interface, new for each scenario.
func TestConformanceOfRealServers(t *testing.T) {
	path := mongod(t)
	conformance.Run(t, func(t *testing.T) conformance.Cluster {
		hosts := freePorts(t, 3)
		r := &realSet{t: t, path: path, dirs: map[string]string{}, procs: map[string]*exec.Cmd{}}
		for _, h := range hosts {
			r.dirs[h] = t.TempDir()
			require.NoError(t, r.start(h))
		}
		t.Cleanup(r.close)
		wire := r.initiate(hosts)
		return conformance.Cluster{
			Name: "set02", First: hosts[0], Second: hosts[1], Arbiter: hosts[2], Dial: mongodriver.Dialer(mongodriver.Options{}),
			Stop: r.stop, Start: r.start, Kill: r.kill, Wipe: r.wipe,
			Suspend: r.signal(syscall.SIGSTOP), Resume: r.signal(syscall.SIGCONT), OneVoterRule: wire >= mongotest.Wire44, Patience: 3 * time.Minute,
			Options: live.Options{Poll: 100 * time.Millisecond, Sample: time.Second},
		}
	})
}

type realSet struct {
	t     *testing.T
	path  string
	dirs  map[string]string // by host
	procs map[string]*exec.Cmd
}

// start runs a server until close, and waits until it takes connections.
func (r *realSet) start(host string) error {
	_, port, err := net.SplitHostPort(host)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(context.Background(), r.path, "--replSet", "set02", "--port", port, "--bind_ip",
		"127.0.0.1", "--dbpath", r.dirs[host],
		"--logpath", filepath.Join(r.dirs[host], "log"), "--logappend", "--oplogSize", "50")
	if err := cmd.Start(); err != nil {
		return err
	}
	r.procs[host] = cmd
	for range 300 {
		var d net.Dialer
		if c, err := d.DialContext(context.Background(), "tcp", host); err == nil {
			return c.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("mongod on %s does not take connections", host)
}

// stop ends a server cleanly.
func (r *realSet) stop(host string) error {
	cmd := r.procs[host]
	delete(r.procs, host)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	_ = cmd.Wait() // the exit status of a server that was told to stop differs from release to release
	return nil
}

// kill ends a server as a power loss does.
func (r *realSet) kill(host string) error {
	cmd := r.procs[host]
	delete(r.procs, host)
	if err := cmd.Process.Kill(); err != nil {
		return err
	}
	_ = cmd.Wait() // it was killed
	return nil
}

// wipe empties the data directory of a server that does not run; its log goes with it.
func (r *realSet) wipe(host string) error {
	if err := os.RemoveAll(r.dirs[host]); err != nil {
		return err
	}
	return os.Mkdir(r.dirs[host], 0o700)
}

// signal sends a signal to a server.
func (r *realSet) signal(s syscall.Signal) func(host string) error {
	return func(host string) error { return r.procs[host].Process.Signal(s) }
}

func (r *realSet) close() {
	for _, cmd := range r.procs {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// initiate makes the servers a set, waits for its steady state, and gives the wire version.
func (r *realSet) initiate(hosts []string) int32 {
	t := r.t
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	rs := live.NewReplicaSet("set02", hosts, mongodriver.Dialer(mongodriver.Options{}), live.Options{Poll: 100 * time.Millisecond})
	defer func() { require.NoError(t, rs.Close(ctx)) }()
	_, err := rs.RunCommand(ctx, hosts[0], "admin", bson.D{{Key: "replSetGetStatus", Value: 1}})
	require.True(t, live.HasCode(err, live.CodeNotYetInitialized), "%v", err)
	c := psa(hosts[0], hosts[1], hosts[2])
	c.Version = 1
	settings, err := bson.Marshal(bson.D{{Key: "electionTimeoutMillis", Value: 2000}, {Key: "heartbeatIntervalMillis", Value: 500}})
	require.NoError(t, err)
	c.Extra = mongo.Fields{"settings": bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: settings}}
	_, err = rs.RunCommand(ctx, hosts[0], "admin", bson.D{{Key: "replSetInitiate", Value: c}})
	require.NoError(t, err)
	require.NoError(t, rs.WaitState(ctx, hosts[0], mongo.StatePrimary))
	require.NoError(t, rs.WaitState(ctx, hosts[2], mongo.StateArbiter))
	require.NoError(t, rs.WaitCaughtUp(ctx, 10*time.Second))
	h, err := rs.Hello(ctx, hosts[0])
	require.NoError(t, err)
	if h.MaxWire >= mongotest.Wire50 { // from 5.0 on a set with an arbiter takes no reconfiguration before somebody has chosen this
		_, err = rs.RunCommand(ctx, hosts[0], "admin", bson.D{
			{Key: "setDefaultRWConcern", Value: 1}, {Key: "defaultWriteConcern", Value: bson.D{{Key: "w", Value: 1}}},
		})
		require.NoError(t, err)
	}
	return h.MaxWire
}

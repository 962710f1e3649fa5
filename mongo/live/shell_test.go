package live_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest/conformance"
)

// shellHost runs scripts in node as one of the two shells would, and hands the commands in them to a dialer.
type shellHost struct {
	t    *testing.T
	mu   sync.Mutex
	in   io.WriteCloser
	out  *bufio.Reader
	dial live.Dialer
	seen []string // everything that the shell was called with but the scripts
}

func newShellHost(t *testing.T, flavour string, dial live.Dialer) *shellHost {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node on PATH: the scripts for the mongo shell are not run")
	}
	cmd := exec.CommandContext(t.Context(), node, "testdata/shellhost.js", flavour)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = t.Output()
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, in.Close())
		_ = cmd.Wait()
	})
	return &shellHost{t: t, in: in, out: bufio.NewReader(out), dial: dial}
}

// run is a live.Shell.
func (h *shellHost) run(ctx context.Context, call live.ShellCall) (live.ShellResult, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen = append(h.seen, fmt.Sprintf("%v %+v %#v %s %v", call, call, call, call, slog.AnyValue(call).Resolve()))
	conn, err := h.dial(ctx, call.Host)
	if err != nil {
		return live.ShellResult{Outcome: op.Exited, Stdout: "Error: couldn't connect to server " + call.Host +
			", connection attempt failed\nexception: connect failed\n"}, nil
	}
	lost := live.ShellResult{Outcome: op.Unknown}
	if err := h.send(map[string]any{"script": call.Script()}); err != nil {
		return lost, err
	}
	for {
		line, err := h.out.ReadBytes('\n')
		if err != nil {
			return lost, fmt.Errorf("node: %w", err)
		}
		var said struct {
			Done *string
			Run  *struct {
				DB  string
				Cmd json.RawMessage
			}
		}
		if err := json.Unmarshal(line, &said); err != nil {
			return lost, fmt.Errorf("node says %q: %w", line, err)
		}
		if said.Done != nil {
			return live.ShellResult{Outcome: op.Exited, Stdout: *said.Done}, nil
		}
		answer, err := answerShell(ctx, conn, said.Run.DB, said.Run.Cmd)
		if err != nil {
			return lost, err
		}
		if err := h.send(answer); err != nil {
			return lost, err
		}
	}
}

func answerShell(ctx context.Context, conn live.Conn, db string, text []byte) (map[string]any, error) {
	var cmd bson.D
	if err := bson.UnmarshalExtJSON(text, true, &cmd); err != nil {
		return nil, fmt.Errorf("the shell sends %s: %w", text, err)
	}
	reply, err := conn.RunCommand(ctx, db, cmd)
	if err != nil {
		return map[string]any{"lost": true}, nil //nolint:nilerr // a lost connection is the shell's affair
	}
	out, err := bson.MarshalExtJSON(reply, true, false)
	return map[string]any{"reply": json.RawMessage(out)}, err
}

// send writes a line of ASCII, which is what the host reads.
func (h *shellHost) send(o any) error {
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	ascii := strings.Map(func(r rune) rune {
		if r > 126 {
			return '?'
		}
		return r
	}, string(data))
	_, err = io.WriteString(h.in, ascii+"\n")
	return err
}

// MON-017: the same operations through the mongo shell and mongosh, for sites where the driver cannot reach the port.
func TestMON017ConformanceOverTheShell(t *testing.T) {
	for _, flavour := range []string{"legacy", "mongosh"} {
		t.Run(flavour, func(t *testing.T) {
			conformance.Run(t, func(t *testing.T) conformance.Cluster {
				set, err := mongotest.Start(balance(), mongotest.Options{OplogSize: 1 << 20})
				require.NoError(t, err)
				host := newShellHost(t, flavour, set.Dial)
				return conformance.Cluster{
					Name: "set02", First: sm1, Second: sm2, Arbiter: arb, Dial: live.ShellDialer(host.run, nil), Stop: set.StopMember,
					Start: set.StartMember, Kill: set.KillMember, Wipe: set.WipeMember,
					Options: live.Options{Sleep: set.Sleep, Poll: 2 * time.Second}, Patience: time.Minute,
				}
			})
		})
	}
}

// MON-032: the password goes into the script on standard input, and shows in nothing else.
func TestMON032CredentialsInTheShell(t *testing.T) {
	for _, flavour := range []string{"legacy", "mongosh"} {
		set, err := mongotest.Start(balance(), mongotest.Options{})
		require.NoError(t, err)
		host := newShellHost(t, flavour, set.Dial)
		ask := func(password live.Password) error {
			rs := live.NewReplicaSet("set02", []string{sm1},
				live.ShellDialer(host.run, &live.Credential{User: "admin", Password: password}), live.Options{})
			_, err := rs.Status(t.Context())
			return err
		}
		require.NoError(t, ask("right"))
		err = ask(`wrong"canary`)
		require.ErrorIs(t, err, live.ErrAuth)
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err)+strings.Join(host.seen, "\n"), "canary")
		require.Contains(t, host.seen[0], "mongo shell on sessionmgr01:27718: hello")
	}
	talks := func(context.Context, live.ShellCall) (live.ShellResult, error) {
		const said = "evenkeel-reply {\"started\":true}\nevenkeel-reply {\"lost\":\"admin:canary@host is gone\"}\n"
		return live.ShellResult{Stdout: said, Outcome: op.Exited}, nil
	}
	credential := &live.Credential{User: "admin", Password: "canary"}
	rs := live.NewReplicaSet("set02", []string{sm1}, live.ShellDialer(talks, credential), live.Options{})
	_, err := rs.RunCommand(t.Context(), sm1, "admin", bson.D{{Key: "replSetReconfig", Value: 1}})
	require.ErrorContains(t, err, "is gone")
	require.NotContains(t, err.Error(), "canary", "a shell that repeats the password")
}

func TestPasswordShowsNowhere(t *testing.T) {
	c := live.Credential{User: "admin", Password: "canary"}
	text, err := json.Marshal(c)
	require.NoError(t, err)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "c", c, "p", c.Password, "ptr", &c)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "c", c, "p", c.Password)
	all := fmt.Sprintf("%v %+v %#v %s %q %x", c, c, c, c, c, c) +
		fmt.Sprintf("%v %+v %#v %s %q %x", c.Password, c.Password, c.Password, c.Password, c.Password, c.Password) +
		string(text) + log.String() + fmt.Sprint(&c, []any{c})
	require.NotContains(t, all, "canary")
	require.NotContains(t, all, fmt.Sprintf("%x", "canary"))
	require.Contains(t, all, "[redacted]")
	_, err = bson.Marshal(c)
	require.ErrorContains(t, err, "not written to documents")
	require.Equal(t, "canary", c.Password.Reveal())
	require.Equal(t, "admin", c.Database())
}

// What a shell may print, and what is known of the command then.
func TestShellOutcomes(t *testing.T) {
	const started = "evenkeel-reply {\"started\":true}\n"
	broken := errors.New("the SSH connection is gone")
	for _, tc := range []struct {
		name    string
		out     string
		outcome op.Outcome
		err     error
		want    op.Outcome
		text    string
	}{
		{"no connection", "exception: connect failed\n", op.Exited, nil, op.NotStarted, "the shell ended before it was sent"},
		{"killed in the middle", started, op.Signalled, nil, op.Unknown, "without an answer"},
		{"killed, perhaps before", "", op.Signalled, nil, op.Unknown, "without an answer"},
		{"never run", "", op.NotStarted, broken, op.NotStarted, "the SSH connection is gone"},
		{"connection lost", "", op.Unknown, broken, op.Unknown, "the SSH connection is gone"},
		{"an error after the start", started, op.NotStarted, broken, op.Unknown, "not known"},
		{"lost by the shell", started + "evenkeel-reply {\"lost\":\"socket exception\"}\n", op.Exited, nil, op.Unknown, "socket exception"},
		{"lost without a word", started + "evenkeel-reply {\"lost\":\"\"}\n", op.Exited, nil, op.Unknown, "does not say why"},
		{"garbage", started + "evenkeel-reply {\"reply\":\n", op.Exited, nil, op.Unknown, "cannot read what the shell printed"},
		{"unknown shape", started + "evenkeel-reply {\"answer\":{}}\n", op.Exited, nil, op.Unknown, "is no answer"},
		{"two answers", started + "evenkeel-reply {\"reply\":{}}\nevenkeel-reply {\"reply\":{}}\n", op.Exited, nil,
			op.Unknown, "something comes after the answer"},
		{"not a document", started + "evenkeel-reply {\"reply\":[1]}\n", op.Exited, nil, op.Unknown, "cannot read"},
		{"no verdict", started + "evenkeel-reply {\"reply\":{\"x\":1}}\n", op.Exited, nil, op.Unknown, "does not say how it went"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rs := live.NewReplicaSet("set02", []string{sm1}, live.ShellDialer(func(context.Context, live.ShellCall) (live.ShellResult, error) {
				return live.ShellResult{Stdout: tc.out, Outcome: tc.outcome}, tc.err
			}, nil), live.Options{})
			_, err := rs.RunCommand(t.Context(), sm1, "admin", bson.D{{Key: "replSetReconfig", Value: 1}})
			var e *live.CommandError
			require.ErrorAs(t, err, &e)
			require.Equal(t, tc.want, e.Outcome, "%v", err)
			require.ErrorContains(t, err, tc.text)
			require.ErrorContains(t, err, "cannot run replSetReconfig")
		})
	}
}

// Every type that a command may hold comes through both shells unharmed, but that the older one has no doubles without a fraction.
func TestShellTypes(t *testing.T) {
	for _, flavour := range []string{"legacy", "mongosh"} {
		var got bson.D
		echo := func(context.Context, string) (live.Conn, error) { return echoConn{&got}, nil }
		host := newShellHost(t, flavour, echo)
		rs := live.NewReplicaSet("x", nil, live.ShellDialer(host.run, nil), live.Options{})
		sent := bson.D{
			{Key: "cmd", Value: "a \"quoted\" </script>\u2028 line\n"}, {Key: "int", Value: int32(-5)},
			{Key: "long", Value: int64(9007199254740993)},
			{Key: "half", Value: 0.5}, {Key: "big", Value: 1e300}, {Key: "date", Value: primitive.DateTime(1500000000123)},
			{Key: "ts", Value: primitive.Timestamp{T: 4294967295, I: 7}}, {Key: "ts2", Value: primitive.Timestamp{T: 4, I: 4294967295}},
			{Key: "id", Value: primitive.ObjectID{1, 2, 3}}, {Key: "bin", Value: primitive.Binary{Subtype: 4, Data: []byte{0, 255, 7}}},
			{Key: "yes", Value: true}, {Key: "none", Value: nil}, {Key: "list", Value: bson.A{int32(1), bson.D{}, bson.A{}}},
		}
		raw, err := rs.RunCommand(t.Context(), "h:1", "db", sent)
		require.NoError(t, err)
		sent[0].Value = "a \"quoted\" </script>\u2028 line\n"
		require.Equal(t, sent, got, flavour)
		var back struct{ Echo bson.D }
		require.NoError(t, bson.Unmarshal(raw, &back))
		back.Echo[0].Value = sent[0].Value // not what this test's pipe is made for
		require.Equal(t, sent, back.Echo, flavour)

		_, err = rs.RunCommand(t.Context(), "h:1", "db", bson.D{{Key: "x", Value: primitive.Regex{Pattern: "a"}}})
		require.ErrorContains(t, err, "cannot be written for the shell")
	}
}

// A document that JavaScript would make another one of is not sent through a shell.
func TestShellRefusesWhatJavaScriptReadsOtherwise(t *testing.T) {
	rs := live.NewReplicaSet("x", nil, live.ShellDialer(func(context.Context, live.ShellCall) (live.ShellResult, error) {
		return live.ShellResult{}, errors.New("it was sent")
	}, nil), live.Options{})
	for name, doc := range map[string]bson.D{
		"a name that stands twice":   {{Key: "a", Value: 1}, {Key: "b", Value: 1}, {Key: "a", Value: 2}},
		"a number after a name":      {{Key: "a", Value: 1}, {Key: "7", Value: 1}},
		"numbers in another order":   {{Key: "7", Value: 1}, {Key: "3", Value: 1}},
		"the prototype of an object": {{Key: "a", Value: bson.D{{Key: "__proto__", Value: bson.D{}}}}},
	} {
		_, err := rs.RunCommand(t.Context(), "h:1", "db", bson.D{{Key: "x", Value: doc}})
		require.ErrorContains(t, err, "the shell would read the field", name)
	}
	for name, doc := range map[string]bson.D{
		"numbers first": {{Key: "3", Value: 1}, {Key: "7", Value: 1}, {Key: "a", Value: 1}},
		"no such numbers": {
			{Key: "a", Value: 1}, {Key: "07", Value: 1}, {Key: "-1", Value: 1}, {Key: "4294967296", Value: 1},
		},
		"lists": {{Key: "a", Value: bson.A{1, 2, 3}}},
	} {
		_, err := rs.RunCommand(t.Context(), "h:1", "db", bson.D{{Key: "x", Value: doc}})
		require.ErrorContains(t, err, "it was sent", name)
	}
}

type echoConn struct{ got *bson.D }

func (echoConn) Close(context.Context) error { return nil }
func (e echoConn) RunCommand(_ context.Context, _ string, cmd bson.D) (bson.Raw, error) {
	*e.got = cmd
	return bson.Marshal(bson.D{{Key: "ok", Value: 1}, {Key: "echo", Value: cmd}})
}

// FuzzShellReply feeds the reader of a shell's output.
func FuzzShellReply(f *testing.F) {
	f.Add("evenkeel-reply {\"started\":true}\nevenkeel-reply " +
		"{\"reply\":{\"ok\":{\"$numberInt\":\"1\"},\"setName\":\"set02\",\"maxWireVersion\":6}}\n")
	f.Add("set02 [direct: primary] test> evenkeel-reply {\"auth\":false}\n")
	f.Add("evenkeel-reply {\"lost\":\"x\"}")
	f.Add("evenkeel-reply {\"reply\":{\"ok\":1,\"$timestamp\":{\"t\":1}}}")
	f.Fuzz(func(t *testing.T, out string) {
		rs := live.NewReplicaSet("set02", []string{sm1}, live.ShellDialer(func(context.Context, live.ShellCall) (live.ShellResult, error) {
			return live.ShellResult{Stdout: out, Outcome: op.Exited}, nil
		}, nil), live.Options{})
		h, err := rs.Hello(t.Context(), sm1)
		if err == nil && h.Set != "" && h.Set != "set02" {
			t.Fatalf("another set's answer was taken: %+v", h)
		}
		_, _ = rs.StatusFrom(t.Context(), sm1)
		_, _, _ = rs.ConfigFrom(t.Context(), sm1)
		_, _ = rs.Oplog(t.Context(), sm1)
	})
}

package sshexectest_test

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve puts r behind ServeRunner and dials it both ways: with sshexec, and with a bare SSH client as a person's ssh is.
func serve(t *testing.T, r sshexec.Runner) (*sshexec.Client, *ssh.Client) {
	t.Helper()
	host, user := key(t), key(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- sshexectest.ServeRunner(l, host, []ssh.PublicKey{user.PublicKey()}, r) }()
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		require.ErrorIs(t, <-served, net.ErrClosed)
	})
	addr := l.Addr().String()
	known := filepath.Join(t.TempDir(), "known_hosts")
	require.NoError(t, os.WriteFile(known, []byte(knownhosts.Line([]string{addr}, host.PublicKey())+"\n"), 0o600))
	ours, err := sshexec.Dial(t.Context(), sshexec.Config{
		Host: "sim", Addr: addr, User: "root", Auth: sshexec.Auth{Keys: []ssh.Signer{user}}, KnownHosts: []string{known},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = ours.Close() })
	persons, err := ssh.Dial("tcp", addr, &ssh.ClientConfig{
		User: "root", Auth: []ssh.AuthMethod{ssh.PublicKeys(user)}, HostKeyCallback: ssh.FixedHostKey(host.PublicKey()),
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = persons.Close() })
	return ours, persons
}

func key(t *testing.T) ssh.Signer {
	t.Helper()
	k, err := sshexectest.NewKey()
	require.NoError(t, err)
	return k
}

// What a Client is given is what a Runner behind ServeRunner gets.
func TestCommandsArriveAsTheyWere(t *testing.T) {
	var got sshexec.Cmd
	client, _ := serve(t, sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		got = cmd
		return sshexec.Result{Outcome: sshexec.Exited}, nil
	}))
	text := rapid.OneOf(rapid.StringMatching(`[-a-z'"\\$!% \n=]{0,8}`), rapid.String()).
		Filter(func(s string) bool { return !strings.Contains(s, "\x00") })
	program := text.Filter(func(s string) bool { return s != "" && !strings.Contains(s, "=") })
	rapid.Check(t, func(t *rapid.T) {
		want := sshexec.Command(sshexec.Disruptive,
			append([]string{program.Draw(t, "program")}, rapid.SliceOfN(text, 0, 3).Draw(t, "args")...)...)
		want.Dir = text.Draw(t, "dir")
		if name := program.Draw(t, "name"); name != "LC_ALL" {
			want.Env = []string{name + "=" + text.Draw(t, "value")}
		}
		input := text.Draw(t, "stdin")
		want.Stdin = sshexec.Text(input)
		_, err := client.Run(context.Background(), want)
		require.NoError(t, err)
		require.Equal(t, input, got.Stdin.PlainText())
		ignore := cmpopts.IgnoreFields(sshexec.Cmd{}, "Stdin", "Stdout")
		require.Empty(t, cmp.Diff(want, got, ignore, cmpopts.EquateEmpty()))
	})
}

func TestResultsComeBack(t *testing.T) {
	answers := map[string]sshexec.Result{
		"kept":      {Outcome: sshexec.Exited, ExitCode: 102, Stdout: []byte("out"), Stderr: []byte("err")},
		"signalled": {Outcome: sshexec.Signalled, Signal: "KILL"},
		"unknown":   {Outcome: sshexec.Unknown},
		"refused":   {Outcome: sshexec.NotStarted},
		"streamed":  {Outcome: sshexec.Exited},
	}
	client, _ := serve(t, sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		if cmd.Argv[0] == "streamed" {
			_, _ = io.WriteString(cmd.Stdout, "bit by bit")
		}
		res := answers[cmd.Argv[0]]
		return res, sshexec.Failure("", cmd, res, nil)
	}))
	run := func(name string) (sshexec.Result, error) {
		return client.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, name))
	}
	res, err := run("kept")
	require.Error(t, err)
	require.Equal(t, 102, res.ExitCode)
	require.Equal(t, "out", string(res.Stdout))
	require.Equal(t, "err", string(res.Stderr))
	res, _ = run("signalled")
	require.Equal(t, sshexec.Signalled, res.Outcome)
	require.Equal(t, "KILL", res.Signal)
	res, err = run("unknown")
	require.Equal(t, sshexec.Unknown, res.Outcome)
	require.ErrorIs(t, err, sshexec.ErrDisconnected)
	res, err = run("refused")
	require.Equal(t, 127, res.ExitCode)
	require.ErrorContains(t, err, "not started")
	res, err = run("streamed")
	require.NoError(t, err)
	require.Equal(t, "bit by bit", string(res.Stdout))
}

// A person's ssh can look in, and leaves its input open.
func TestTypedCommands(t *testing.T) {
	_, client := serve(t, sshexec.Local{})
	typed := func(line string) (string, error) {
		s, err := client.NewSession()
		require.NoError(t, err)
		defer func() { _ = s.Close() }()
		_, err = s.StdinPipe()
		require.NoError(t, err)
		out, err := s.CombinedOutput(line)
		return string(out), err
	}
	out, err := typed(`cd / && A='b c' printf '<%s>' "it's" x`)
	require.NoError(t, err)
	require.Equal(t, "<it's><x>", out)
	var exit *ssh.ExitError
	out, err = typed("ls | wc")
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 127, exit.ExitStatus())
	require.Contains(t, out, "one simple command only")

	s, err := client.NewSession()
	require.NoError(t, err)
	s.Stdin = strings.NewReader("given")
	got, err := s.Output("cat")
	require.NoError(t, err)
	require.Equal(t, "given", string(got))
}

func TestParseExec(t *testing.T) {
	cmd, err := sshexectest.ParseExec(`exec /bin/sh -c 'export LC_ALL=C; cd /tmp && exec env LC_ALL=C A=1 ls '"'"'a b'"'"''`)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(sshexec.Cmd{Argv: []string{"ls", "a b"}, Env: []string{"A=1"}, Dir: "/tmp", Effect: sshexec.Disruptive}, cmd,
		cmpopts.IgnoreUnexported(sshexec.Input{})))
	_, err = sshexectest.ParseExec("ls; id")
	require.ErrorContains(t, err, `cannot run "ls; id"`)
}

func TestServerNeedsItsParts(t *testing.T) {
	_, err := sshexectest.NewServer(sshexectest.Config{})
	require.ErrorContains(t, err, "host key")
	_, err = sshexectest.NewServer(sshexectest.Config{HostKeys: []ssh.Signer{key(t)}, Handler: sshexectest.RunnerHandler(sshexec.Local{})})
	require.ErrorContains(t, err, "nobody may log in")
}

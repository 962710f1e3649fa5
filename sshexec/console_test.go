package sshexec_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest"
)

// osgi is a console as CPS has it: it negotiates as Equinox does, prints what the guide shows (cps:1759-1781), and knows a few commands.
type osgi struct {
	echo    bool // print what is typed, as a server does whose offer to echo was taken
	answers map[string]string
	pieces  func([]byte) [][]byte // how what it sends is cut; whole when nil

	mu    sync.Mutex
	typed []string // the lines, without telnet's commands
	raw   []byte   // all that was sent to it
	left  bool     // disconnect was answered with y
}

// equinoxOffers is what Equinox sends on a new connection: WILL ECHO, WILL SUPPRESS-GO-AHEAD, DO NAWS, DO
// TERMINAL-TYPE, and a subnegotiation with an escaped IAC in it.
const equinoxOffers = "\xff\xfb\x01\xff\xfb\x03\xff\xfd\x1f\xff\xfd\x18\xff\xfa\x18\x01\xff\xff\xff\xf0"

// refusals are what has to be answered.
const refusals = "\xff\xfe\x01\xff\xfe\x03\xff\xfc\x1f\xff\xfc\x18"

func (o *osgi) send(conn net.Conn, text string) {
	pieces := [][]byte{[]byte(text)}
	if o.pieces != nil {
		pieces = o.pieces([]byte(text))
	}
	for _, p := range pieces {
		if _, err := conn.Write(p); err != nil {
			return
		}
	}
}

func (o *osgi) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(io.TeeReader(conn, writerFunc(func(p []byte) (int, error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.raw = append(o.raw, p...)
		return len(p), nil
	})))
	// A client may answer while the console is still talking.
	talk := make(chan string, 100)
	var all sync.WaitGroup
	defer all.Wait()
	defer close(talk)
	all.Go(func() {
		for text := range talk {
			o.send(conn, text)
		}
	})
	talk <- equinoxOffers + "\r\nosgi> "
	leaving := false
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		for _, r := range []string{"\xff\xfe\x01", "\xff\xfe\x03", "\xff\xfc\x1f", "\xff\xfc\x18"} {
			line = strings.Replace(line, r, "", 1)
		}
		line = strings.ReplaceAll(strings.TrimSuffix(line, "\r\n"), "\xff\xff", "\xff")
		o.mu.Lock()
		o.typed = append(o.typed, line)
		o.mu.Unlock()
		if o.echo {
			talk <- strings.ReplaceAll(line, "\xff", "\xff\xff")
		}
		switch {
		case leaving && line == "y":
			o.left = true
			return
		case line == "disconnect":
			leaving = true
			talk <- "\r\nDisconnect from console? (y/n; default=y) "
		default:
			answer, ok := o.answers[line]
			if !ok {
				answer = "gogo: CommandNotFoundException: Command not found: \r\n"
			}
			talk <- "\r\n" + answer + "\x1b[1mosgi> \x1b[0m"
		}
	}
}

// open opens the console over a pipe. The goroutine of the server ends with the console.
func (o *osgi) open(t require.TestingT, cfg sshexec.ConsoleConfig) *sshexec.Console {
	c, err := sshexec.OpenConsole(context.Background(), o.dial, "localhost:9092", cfg)
	require.NoError(t, err)
	return c
}

func (o *osgi) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	go o.serve(theirs)
	return ours, nil
}

var osgiAnswers = map[string]string{
	"excludeEndpoints":       "",
	"clearExcludedEndpoints": "",
	"skRingRebuildStatus":    "Ring 1: COMPLETED\r\nosgi> is the prompt\r\nRing 2: COMPLETED (y/n)\r\n",
	"exclude ä\xff":          "typed\r\n",
	"half":                   "no newline at the end ",
	"askMe":                  "Really? (y/n; default=n) \x00",
	"silent":                 "",
}

// CPS-089, CPS-133, SSH-004: the guide's session: exclude, clear, and leave with y, through a tunnel to the machine's
// localhost, whatever the console echoes.
func TestConsoleSession(t *testing.T) {
	for _, echo := range []bool{false, true} {
		o := &osgi{echo: echo, answers: osgiAnswers}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		served := make(chan struct{})
		go func() {
			defer close(served)
			if conn, err := l.Accept(); err == nil {
				o.serve(conn)
			}
		}()
		lb01 := newMachine(t, func(c *sshexectest.Config) { c.Forward = true }).dial(t)
		c, err := sshexec.OpenConsole(t.Context(), lb01.DialContext, l.Addr().String(), sshexec.ConsoleConfig{Host: "lb01"})
		require.NoError(t, err)
		for _, step := range []struct {
			effect sshexec.Effect
			words  []string
			want   string
		}{
			{sshexec.Mutating, []string{"excludeEndpoints"}, ""},
			{sshexec.ReadOnly, []string{"skRingRebuildStatus"}, "Ring 1: COMPLETED\nosgi> is the prompt\nRing 2: COMPLETED (y/n)\n"},
			{sshexec.Mutating, []string{"clearExcludedEndpoints"}, ""},
			{sshexec.ReadOnly, []string{"exclude", "ä\xff"}, "typed\n"},
			{sshexec.ReadOnly, []string{"half"}, "no newline at the end "},
		} {
			res, err := c.Run(t.Context(), sshexec.Command(step.effect, step.words...))
			require.NoError(t, err)
			require.Equal(t, sshexec.Exited, res.Outcome)
			require.Equal(t, step.want, string(res.Stdout))
		}
		require.NoError(t, c.Disconnect(t.Context()))
		<-served
		require.NoError(t, l.Close())
		require.True(t, o.left)
		require.Equal(t, []string{"excludeEndpoints", "skRingRebuildStatus", "clearExcludedEndpoints", "exclude ä\xff",
			"half", "disconnect", "y"}, o.typed)
		require.True(t, bytes.HasPrefix(o.raw, []byte(refusals)), "%q", o.raw)
		// It is over, and says so before anything is typed.
		_, err = c.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "half"))
		require.ErrorIs(t, err, sshexec.ErrConsoleClosed)
		require.Equal(t, sshexec.NotStarted, sshexec.OutcomeOf(err))
	}
}

// Wherever the stream is cut into pieces, in the middle of a negotiation or of a prompt, the answers are the same.
func TestConsolePieces(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.IntRange(1, 7)
		var sizes []int
		for range 300 {
			sizes = append(sizes, size.Draw(rt, "piece"))
		}
		pause := time.Duration(rapid.IntRange(0, 90).Draw(rt, "ms")) * time.Millisecond
		var got string
		var err error
		synctest.Test(t, func(t *testing.T) {
			o := &osgi{echo: true, answers: osgiAnswers, pieces: func(text []byte) (pieces [][]byte) {
				for len(text) > 0 {
					time.Sleep(pause) // less than the console takes to settle
					n := min(len(text), sizes[0])
					sizes = append(sizes[1:], sizes[0])
					pieces, text = append(pieces, text[:n]), text[n:]
				}
				return pieces
			}}
			c := o.open(t, sshexec.ConsoleConfig{})
			var res sshexec.Result
			res, err = c.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "skRingRebuildStatus"))
			got = string(res.Stdout)
			if err == nil {
				err = c.Disconnect(t.Context())
			}
			require.True(t, o.left)
		})
		require.NoError(rt, err)
		require.Equal(rt, "Ring 1: COMPLETED\nosgi> is the prompt\nRing 2: COMPLETED (y/n)\n", got)
	})
}

func TestConsoleFailures(t *testing.T) {
	quick := sshexec.ConsoleConfig{Host: "lb01", Settle: 10 * time.Millisecond}
	t.Run("unknown command", func(t *testing.T) {
		c := (&osgi{answers: osgiAnswers}).open(t, quick)
		res, err := c.Run(t.Context(), sshexec.Command(sshexec.Mutating, "excludeEndpionts"))
		require.ErrorIs(t, err, sshexec.ErrConsoleFailed)
		require.ErrorContains(t, err, "lb01: excludeEndpionts: exit status 1: the console reports a failure: gogo: CommandNotFoundException")
		require.Equal(t, sshexec.Exited, res.Outcome)
		require.NoError(t, c.Disconnect(t.Context()))
	})
	t.Run("a question", func(t *testing.T) {
		o := &osgi{answers: osgiAnswers, pieces: func(text []byte) [][]byte {
			if head, _, asks := bytes.Cut(text, []byte("\x00")); asks {
				return [][]byte{head}
			}
			return [][]byte{text}
		}}
		c := o.open(t, quick)
		res, err := c.Run(t.Context(), sshexec.Command(sshexec.Mutating, "askMe"))
		require.ErrorIs(t, err, sshexec.ErrConsoleQuestion)
		require.Equal(t, sshexec.Unknown, res.Outcome)
	})
	t.Run("no answer in time", func(t *testing.T) {
		o := &osgi{answers: osgiAnswers, pieces: func(text []byte) [][]byte {
			return [][]byte{bytes.TrimSuffix(text, []byte("\r\n\x1b[1mosgi> \x1b[0m"))}
		}}
		c := o.open(t, quick)
		cmd := sshexec.Command(sshexec.Mutating, "silent")
		cmd.Timeout = 50 * time.Millisecond
		res, err := c.Run(t.Context(), cmd)
		require.ErrorIs(t, err, sshexec.ErrTimeout)
		require.Equal(t, sshexec.Unknown, res.Outcome)
		// What comes late must not answer the next command.
		_, err = c.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "half"))
		require.ErrorIs(t, err, sshexec.ErrConsoleClosed)
		require.ErrorIs(t, c.Disconnect(t.Context()), sshexec.ErrConsoleClosed)
	})
	t.Run("no console", func(t *testing.T) {
		refused := errors.New("connection refused")
		_, err := sshexec.OpenConsole(t.Context(),
			func(context.Context, string, string) (net.Conn, error) { return nil, refused }, "localhost:9092", quick)
		require.ErrorIs(t, err, refused)
		for _, says := range []string{"", "Too many connections\r\n"} {
			_, err = sshexec.OpenConsole(t.Context(), saying(says), "localhost:9092", quick)
			require.ErrorIs(t, err, sshexec.ErrDisconnected)
			require.ErrorContains(t, err, strings.TrimSpace(says))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		o := &osgi{pieces: func([]byte) [][]byte { return nil }}
		_, err = sshexec.OpenConsole(ctx, o.dial, "localhost:9092", quick)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	t.Run("refusals", func(t *testing.T) {
		o := &osgi{answers: osgiAnswers}
		c := o.open(t, quick)
		read := sshexec.ReadOnly
		for _, r := range []struct {
			cmd  sshexec.Cmd
			want error
		}{
			{sshexec.Command(sshexec.Disruptive, "exit"), sshexec.ErrConsoleExit},
			{sshexec.Command(sshexec.Disruptive, "shutdown", "now"), sshexec.ErrConsoleExit},
			{sshexec.Command(read, "half\nexit"), sshexec.ErrConsoleWords},
			{sshexec.Command(read, "half", "a b"), sshexec.ErrConsoleWords},
			{sshexec.Command(read, "half", ""), sshexec.ErrConsoleWords},
			{sshexec.Cmd{Argv: []string{"half"}, Effect: read, Dir: "/"}, sshexec.ErrConsoleWords},
			{sshexec.Cmd{Argv: []string{"half"}, Effect: read, Stdin: sshexec.Text("x")}, sshexec.ErrConsoleWords},
			{sshexec.Cmd{Argv: []string{"half"}}, sshexec.ErrNoEffect},
		} {
			_, err := c.Run(t.Context(), r.cmd)
			require.ErrorIs(t, err, r.want)
			require.Equal(t, sshexec.NotStarted, sshexec.OutcomeOf(err))
		}
		// The same decorators serve a console.
		_, err := sshexec.DryRun(c, nil).Run(t.Context(), sshexec.Command(sshexec.Mutating, "excludeEndpoints"))
		require.NoError(t, err)
		require.NoError(t, c.Disconnect(t.Context()))
		require.Equal(t, []string{"disconnect", "y"}, o.typed)
	})
}

// saying is a dial to a server that says something and hangs up.
func saying(text string) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			go func() { _, _ = io.Copy(io.Discard, theirs) }()
			_, _ = io.WriteString(theirs, text)
			_ = theirs.Close()
		}()
		return ours, nil
	}
}

// Whatever a server sends, the console comes to an end with it.
func FuzzConsole(f *testing.F) {
	f.Add(equinoxOffers+"\r\nosgi> ", 3)
	f.Add("\xff\xfa\xff\xff\xf0\xff", 1)
	f.Add("osgi> \xff\xfd", 2)
	f.Fuzz(func(t *testing.T, text string, at int) {
		head, tail := text, ""
		if at > 0 && at < len(text) {
			head, tail = text[:at], text[at:]
		}
		dial := func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, theirs) }()
			go func() {
				_, _ = io.WriteString(theirs, head)
				_, _ = io.WriteString(theirs, tail)
				_ = theirs.Close()
			}()
			return ours, nil
		}
		c, err := sshexec.OpenConsole(t.Context(), dial, "x", sshexec.ConsoleConfig{Settle: time.Nanosecond})
		if err != nil {
			return
		}
		_, err = c.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "x"))
		if err == nil && !strings.Contains(tail, "osgi") && !strings.Contains(text, "osgi") {
			t.Errorf("%q has no prompt", text)
		}
		_ = c.Close()
	})
}

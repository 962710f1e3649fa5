package sshexec

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// ConsoleConfig describes a console that takes lines and answers with text and a prompt. The zero value is the OSGi
// console of a CPS virtual machine (cps:1747-1781).
type ConsoleConfig struct {
	Host   string        // the machine's name, for messages
	Prompt string        // what stands at the end of the text when the console waits for a command; "osgi>" when empty
	Settle time.Duration // how long nothing may follow a prompt for it to be one, and no part of an answer; 100 ms when zero
	Leave  string        // the command that ends the session but not the process; "disconnect" when empty. Its question is answered y
	Refuse []string      // commands that end the process behind the console; exit, close and shutdown when nil
	// Failed finds out of an answer that the command failed: a console has no exit status. When nil, lines that start with
	// "gogo:" are failures: Equinox reports an unknown command so.
	Failed func(answer string) error
}

// Errors of a console.
var (
	ErrConsoleExit  = errors.New("the command would end the process behind the console")
	ErrConsoleWords = errors.New("a console takes a line of plain words: no environment, directory, input, sudo, " +
		"blanks or control characters")
	ErrConsoleQuestion = errors.New("the console asks a question that nobody can answer for it")
	ErrConsoleFailed   = errors.New("the console reports a failure")
	ErrConsoleClosed   = errors.New("the console's session has ended")
)

// Console is a session on a line-oriented console, such as the OSGi console that CPS processes have on a port of their
// machine's localhost. It speaks telnet, and refuses every option. It is a Runner: the words of a Cmd are the line, the
// answer without echo and prompt is the standard output, and the exit status is 0 unless the answer is a failure's.
//
// When a command is cancelled or the connection is lost before the prompt came back, the outcome is Unknown and the
// session is over: an answer that comes late must not pass for that of the next command. Leave the console with
// Disconnect.
type Console struct {
	cfg  ConsoleConfig
	conn net.Conn
	turn chan struct{} // held by the command that runs
	text chan []byte   // what the console sends, decoded; closed when the connection has ended

	closing chan struct{}
	close   sync.Once
}

var _ Runner = (*Console)(nil)

// consoleLimit bounds an answer.
const consoleLimit = 4 << 20

// OpenConsole connects to a console and waits for its prompt. The dial function is that of a Client for a console that
// listens on the machine's localhost only:
//
//	console, err := sshexec.OpenConsole(ctx, lb01.DialContext, "localhost:9092", sshexec.ConsoleConfig{Host: "lb01"})
func OpenConsole(ctx context.Context, dial func(ctx context.Context, network, addr string) (net.Conn, error),
	addr string, cfg ConsoleConfig) (*Console, error) {
	cfg.Prompt = strings.TrimRight(cmp.Or(cfg.Prompt, "osgi>"), " ")
	cfg.Leave = cmp.Or(cfg.Leave, "disconnect")
	cfg.Settle = cmp.Or(cfg.Settle, 100*time.Millisecond)
	if cfg.Refuse == nil {
		cfg.Refuse = []string{"exit", "close", "shutdown"}
	}
	if cfg.Failed == nil {
		cfg.Failed = gogoFailure
	}
	conn, err := dial(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot open the console at %s: %w", addr, err)
	}
	c := &Console{cfg: cfg, conn: conn, turn: make(chan struct{}, 1), text: make(chan []byte), closing: make(chan struct{})}
	go c.pump()
	if text, err := c.await(ctx, c.prompted); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("cannot open the console at %s: no prompt %q came, but %q: %w", addr, cfg.Prompt, lastLine(text), err)
	}
	return c, nil
}

// Close cuts the connection. The console's process goes on; Disconnect is the way it knows.
func (c *Console) Close() error {
	c.close.Do(func() { close(c.closing) })
	return c.conn.Close()
}

// pump decodes what comes until the connection ends.
func (c *Console) pump() {
	defer close(c.text)
	var telnet telnetReader
	var plain controlStripper
	buf := make([]byte, 4096)
	for {
		n, err := c.conn.Read(buf)
		text, answer := telnet.take(buf[:n])
		if len(answer) > 0 {
			if _, err := c.conn.Write(answer); err != nil {
				return
			}
		}
		if text = plain.strip(text); len(text) > 0 {
			select {
			case c.text <- text:
			case <-c.closing:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// Run types a command and reads the answer.
func (c *Console) Run(ctx context.Context, cmd Cmd) (Result, error) {
	res, err := c.run(ctx, cmd)
	return res, Failure(c.cfg.Host, cmd, res, err)
}

func (c *Console) run(ctx context.Context, cmd Cmd) (Result, error) {
	line, err := c.line(cmd)
	if err != nil {
		return Result{}, err
	}
	ctx, cancel := commandContext(ctx, cmd)
	defer cancel(nil)
	if err := c.begin(ctx); err != nil {
		return Result{}, err
	}
	defer func() { <-c.turn }()
	start := time.Now()
	text, err := c.ask(ctx, line)
	res := Result{Outcome: Unknown, Elapsed: time.Since(start), Stdout: []byte(c.answer(text, line))}
	if err != nil {
		_ = c.Close()
		return res, err
	}
	res.Outcome = Exited
	if err = c.cfg.Failed(string(res.Stdout)); err != nil {
		res.ExitCode = 1
		err = fmt.Errorf("%w: %w", ErrConsoleFailed, err)
	}
	if cmd.Stdout != nil {
		_, writeErr := cmd.Stdout.Write(res.Stdout)
		if res.Stdout = nil; writeErr != nil && err == nil {
			err = fmt.Errorf("cannot write the output on: %w", writeErr)
		}
	}
	return res, err
}

// line is what is typed for a command.
func (c *Console) line(cmd Cmd) (string, error) {
	if err := cmd.Validate(); err != nil {
		return "", err
	}
	line := strings.Join(cmd.Argv, " ")
	plain := len(cmd.Env) == 0 && cmd.Dir == "" && cmd.Stdin.IsZero()
	for _, word := range cmd.Argv {
		plain = plain && word != "" && strings.IndexFunc(word, func(r rune) bool { return r <= ' ' || r == 0x7f }) < 0
	}
	switch {
	case !plain:
		return "", ErrConsoleWords
	case slices.Contains(c.cfg.Refuse, cmd.Argv[0]):
		return "", fmt.Errorf("%w; leave it with Disconnect", ErrConsoleExit)
	}
	return line, nil
}

// begin takes the turn, and throws away what the console printed since the last prompt: log lines, mostly.
func (c *Console) begin(ctx context.Context) error {
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return contextCause(ctx)
	}
	for {
		select {
		case <-ctx.Done():
			<-c.turn
			return contextCause(ctx)
		case <-c.closing:
			<-c.turn
			return ErrConsoleClosed
		case _, ok := <-c.text:
			if !ok {
				<-c.turn
				return ErrConsoleClosed
			}
		default:
			return nil
		}
	}
}

// ask types a line and waits for the prompt.
func (c *Console) ask(ctx context.Context, line string) (string, error) {
	if err := c.send(ctx, line); err != nil {
		return "", err
	}
	text, err := c.await(ctx, c.waiting)
	if err == nil && asks(text) {
		err = fmt.Errorf("%w: %q", ErrConsoleQuestion, lastLine(text))
	}
	return text, err
}

// send writes a line. A write that is given up may still reach the console.
func (c *Console) send(ctx context.Context, line string) error {
	sent := make(chan error, 1)
	go func() {
		_, err := c.conn.Write(telnetLine(line))
		sent <- err
	}()
	select {
	case err := <-sent:
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDisconnected, err)
		}
		return nil
	case <-ctx.Done():
		return contextCause(ctx)
	}
}

// await reads until the last line is complete and nothing follows for a while. Without that while, an answer that has
// the prompt in it, and is cut into pieces just there, would count as complete.
func (c *Console) await(ctx context.Context, complete func(lastLine string) bool) (string, error) {
	settled := time.NewTimer(c.cfg.Settle)
	defer settled.Stop()
	settled.Stop()
	var text []byte
	for {
		select {
		case piece, ok := <-c.text:
			if !ok {
				return string(text), ErrDisconnected
			}
			if text = append(text, piece...); len(text) > consoleLimit {
				return string(text), fmt.Errorf("%w: the answer is longer than %d bytes", ErrNoSense, consoleLimit)
			}
			if settled.Stop(); complete(string(text[bytes.LastIndexByte(text, '\n')+1:])) {
				settled.Reset(c.cfg.Settle)
			}
		case <-settled.C:
			return string(text), nil
		case <-c.closing:
			return string(text), ErrConsoleClosed
		case <-ctx.Done():
			return string(text), contextCause(ctx)
		}
	}
}

// prompted tells whether the text ends in the prompt.
func (c *Console) prompted(text string) bool {
	return strings.HasSuffix(strings.TrimRight(text, " "), c.cfg.Prompt)
}

// waiting tells whether the console waits for somebody to type.
func (c *Console) waiting(line string) bool { return c.prompted(line) || asks(line) }

// question is what Equinox ends a line with that asks something: "Disconnect from console? (y/n; default=y) ".
var question = regexp.MustCompile(`\([yY]/[nN][^)\n]*\)[ ?:]*$`)

func asks(text string) bool { return question.MatchString(text) }

// answer is the text without the echo of the command before it and the prompt behind it.
func (c *Console) answer(text, line string) string {
	if c.prompted(text) {
		text = strings.TrimSuffix(strings.TrimRight(text, " "), c.cfg.Prompt)
	}
	first, rest, _ := strings.Cut(strings.TrimLeft(text, "\n"), "\n")
	if strings.TrimRight(first, " ") == line {
		return rest
	}
	return strings.TrimPrefix(text, "\n")
}

// gogoFailure finds the line in which the Gogo shell of Equinox reports an exception.
func gogoFailure(answer string) error {
	for line := range strings.Lines(answer) {
		if strings.HasPrefix(line, "gogo:") {
			return errors.New(strings.TrimSpace(line))
		}
	}
	return nil
}

// Disconnect leaves the console so that its process goes on: it types "disconnect", answers y to the question, and
// waits for the console to close the connection.
func (c *Console) Disconnect(ctx context.Context) error {
	defer func() { _ = c.Close() }()
	if err := c.begin(ctx); err != nil {
		return fmt.Errorf("cannot leave the console of %s: %w", c.cfg.Host, err)
	}
	defer func() { <-c.turn }()
	err := c.leave(ctx)
	if errors.Is(err, ErrDisconnected) {
		return nil // that is what was asked for
	}
	return fmt.Errorf("cannot leave the console of %s: %w", c.cfg.Host, err)
}

// leave returns ErrDisconnected when all went well.
func (c *Console) leave(ctx context.Context) error {
	if err := c.send(ctx, c.cfg.Leave); err != nil {
		return err
	}
	text, err := c.await(ctx, c.waiting)
	if err == nil && asks(text) {
		if err := c.send(ctx, "y"); err != nil {
			return err
		}
		text, err = c.await(ctx, c.prompted)
	}
	if err == nil {
		err = fmt.Errorf("%w: it came back with a prompt: %q", ErrConsoleFailed, lastLine(c.answer(text, c.cfg.Leave)))
	}
	return err
}

package sshexec

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// ParseError is a mistake in a recording, with its place.
type ParseError = srcerr.Error

// recordingHeader is the first line of a recording.
const recordingHeader = "sshexec recording 1"

// exchange is one command of a recording with its result.
type exchange struct {
	cmd    Cmd // Stdin is text or empty
	stdin  stdinKind
	result Result
	stream []byte // what went to Cmd.Stdout
	cause  *cause // beside the exit status
	line   int    // where it stands
}

// stdinKind says what a recording keeps of an input: a text is kept, the rest only named.
type stdinKind string

const (
	stdinNone   stdinKind = ""
	stdinText   stdinKind = "text"
	stdinSecret stdinKind = "secret"
	stdinFile   stdinKind = "file"
	stdinStream stdinKind = "stream"
)

func kindOf(in Input) stdinKind {
	switch {
	case in.path != "":
		return stdinFile
	case in.secret != "":
		return stdinSecret
	case in.stream != nil:
		return stdinStream
	case in.text != "":
		return stdinText
	}
	return stdinNone
}

// cause is a recorded error: the replay is errors.Is of the same well-known errors.
type cause struct {
	text string
	is   []error
}

func (c *cause) Error() string   { return c.text }
func (c *cause) Unwrap() []error { return c.is }

// knownCauses are the errors that callers branch on, by the name that a recording gives them.
var knownCauses = []struct {
	name string
	err  error
}{
	{"canceled", context.Canceled},
	{"deadline", context.DeadlineExceeded},
	{"timeout", ErrTimeout},
	{"disconnected", ErrDisconnected},
	{"unreachable", ErrUnreachable},
	{"session-refused", ErrSessionRefused},
	{"auth", ErrAuth},
	{"host-key-unknown", ErrHostKeyUnknown},
	{"host-key-changed", ErrHostKeyChanged},
	{"host-key-revoked", ErrHostKeyRevoked},
	{"sudo", ErrSudo},
	{"may-run", ErrMayRun},
	{"gate", ErrGate},
}

// endingWords are what a recording says of the processes of a cancelled command.
var endingWords = map[Ending]string{GroupEnded: "ended", GroupAlive: "alive", GroupUnknown: "unknown"}

// format writes an exchange the way people can review it: one word and its value a line, outputs as indented text.
func (x *exchange) format(hide func(string) string) string {
	var b strings.Builder
	list := func(word string, texts []string) {
		fmt.Fprintf(&b, "%s%s\n", word, quoteList(texts, hide))
	}
	b.WriteString("\n")
	list("command", x.cmd.Argv)
	fmt.Fprintf(&b, "effect %s\n", x.cmd.Effect)
	if len(x.cmd.Env) > 0 {
		list("env", x.cmd.Env)
	}
	if x.cmd.Dir != "" {
		list("dir", []string{x.cmd.Dir})
	}
	if x.cmd.Sudo != nil {
		list("sudo", []string{x.cmd.Sudo.User})
	}
	switch x.stdin {
	case stdinNone:
	case stdinText:
		b.WriteString("stdin text\n")
		writeBlock(&b, hide(x.cmd.Stdin.text))
	case stdinFile:
		list("stdin file", []string{x.cmd.Stdin.path})
	default:
		fmt.Fprintf(&b, "stdin %s\n", x.stdin)
	}
	switch r := x.result; r.Outcome {
	case Exited:
		fmt.Fprintf(&b, "outcome exited %d\n", r.ExitCode)
	case Signalled:
		fmt.Fprintf(&b, "outcome signalled %s\n", r.Signal)
	default:
		fmt.Fprintf(&b, "outcome %s\n", r.Outcome)
	}
	if x.result.Truncated {
		b.WriteString("truncated\n")
	}
	if word := endingWords[x.result.Ending]; word != "" {
		fmt.Fprintf(&b, "ending %s\n", word)
	}
	if x.cause != nil {
		b.WriteString("cause")
		for _, k := range knownCauses {
			if errors.Is(x.cause, k.err) {
				b.WriteString(" " + k.name)
			}
		}
		b.WriteString("\n")
		writeBlock(&b, hide(x.cause.text))
	}
	for _, s := range []struct {
		word string
		data []byte
	}{{"stdout", x.result.Stdout}, {"streamed", x.stream}, {"stderr", x.result.Stderr}} {
		if len(s.data) > 0 {
			b.WriteString(s.word + "\n")
			writeBlock(&b, hide(string(s.data)))
		}
	}
	return b.String()
}

// quoteList writes texts as Go strings with their secrets hidden, each after a blank.
func quoteList(texts []string, hide func(string) string) string {
	var b strings.Builder
	for _, t := range texts {
		b.WriteString(" " + strconv.QuoteToGraphic(hide(t)))
	}
	return b.String()
}

// writeBlock writes text as lines that start with "| "; "|\" ends a text without a newline at its end, and |"…" is a
// line that holds more than printable text, as a Go string.
func writeBlock(b *strings.Builder, text string) {
	for text != "" {
		line, rest, newline := strings.Cut(text, "\n")
		if printable(line) {
			b.WriteString("| " + line + "\n")
		} else {
			b.WriteString("|" + strconv.Quote(line) + "\n")
		}
		if !newline {
			b.WriteString("|\\\n")
		}
		text = rest
	}
}

func printable(line string) bool {
	if !utf8.ValidString(line) || len(line) > 4096 {
		return false
	}
	return strings.IndexFunc(line, func(r rune) bool { return r != '\t' && !strconv.IsPrint(r) }) < 0
}

// parseRecording reads what format wrote.
func parseRecording(r io.Reader) ([]*exchange, error) {
	data, err := srcerr.ReadText(r)
	if err != nil {
		return nil, err
	}
	p := &recordingParser{file: srcerr.NameOf(r)}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, len(data)+1)
	for lines.Scan() {
		p.line++
		p.take(lines.Text())
	}
	if p.line == 0 {
		p.fail("", "the recording is empty")
	}
	p.finish()
	if err := p.errs.Err(); err != nil {
		return nil, err
	}
	return p.list, nil
}

type recordingParser struct {
	file  string
	line  int
	list  []*exchange
	block *strings.Builder // where "|" lines go
	open  func()           // takes the block when it is complete
	ended bool             // the block ended without a newline
	errs  srcerr.List
}

func (p *recordingParser) fail(near, format string, args ...any) {
	col := 1
	p.errs = append(p.errs, srcerr.Errorf(p.file, p.line, col, near, format, args...))
}

func (p *recordingParser) take(line string) {
	switch {
	case p.line == 1:
		if line != recordingHeader {
			p.fail(line, "not a recording: the first line must be %q", recordingHeader)
		}
		return
	case strings.HasPrefix(line, "|"):
		p.takeBlockLine(line)
		return
	case line == "":
		return
	}
	p.closeBlock()
	word, rest, _ := strings.Cut(line, " ")
	if word == "command" {
		p.finish()
		argv, ok := p.strings(rest)
		if ok && len(argv) == 0 {
			p.fail(line, "a command without a program")
		}
		p.list = append(p.list, &exchange{cmd: Cmd{Argv: argv}, line: p.line, result: Result{Outcome: unsetOutcome}})
		return
	}
	if len(p.list) == 0 {
		p.fail(line, "a command must come first")
		return
	}
	p.takeWord(p.list[len(p.list)-1], line, word, rest)
}

// unsetOutcome marks an exchange whose outcome line has not come.
const unsetOutcome Outcome = 0xff

func (p *recordingParser) takeWord(x *exchange, line, word, rest string) {
	switch word {
	case "effect":
		if err := x.cmd.Effect.UnmarshalText([]byte(rest)); err != nil {
			p.fail(line, "unknown effect")
		}
	case "env":
		x.cmd.Env, _ = p.strings(rest)
	case "dir":
		if dir, ok := p.strings(rest); ok && len(dir) == 1 {
			x.cmd.Dir = dir[0]
		} else {
			p.fail(line, "a directory is one quoted text")
		}
	case "sudo":
		if user, ok := p.strings(rest); ok && len(user) == 1 {
			x.cmd.Sudo = &Sudo{User: user[0]}
		} else {
			p.fail(line, "a user is one quoted text")
		}
	case "ending":
		for e, word := range endingWords {
			if word == rest {
				x.result.Ending = e
			}
		}
		if x.result.Ending == NotCancelled {
			p.fail(line, "unknown ending")
		}
	case "stdin":
		p.takeStdin(x, line, rest)
	case "outcome":
		p.takeOutcome(x, line, rest)
	case "truncated":
		x.result.Truncated = true
	case "cause":
		x.cause = &cause{}
		for _, name := range strings.Fields(rest) {
			i := slices.IndexFunc(knownCauses, func(k struct {
				name string
				err  error
			}) bool {
				return k.name == name
			})
			if i < 0 {
				p.fail(line, "unknown cause")
				continue
			}
			x.cause.is = append(x.cause.is, knownCauses[i].err)
		}
		p.startBlock(func(s string) { x.cause.text = s })
	case "stdout":
		p.startBlock(func(s string) { x.result.Stdout = []byte(s) })
	case "streamed":
		p.startBlock(func(s string) { x.stream = []byte(s) })
	case "stderr":
		p.startBlock(func(s string) { x.result.Stderr = []byte(s) })
	default:
		p.fail(line, "unknown word")
	}
}

func (p *recordingParser) takeStdin(x *exchange, line, rest string) {
	kind, name, _ := strings.Cut(rest, " ")
	switch x.stdin = stdinKind(kind); x.stdin {
	case stdinText:
		p.startBlock(func(s string) { x.cmd.Stdin = Text(s) })
	case stdinFile:
		if path, ok := p.strings(name); ok && len(path) == 1 {
			x.cmd.Stdin = FileInput(path[0])
		} else {
			p.fail(line, "a file is one quoted text")
		}
	case stdinSecret, stdinStream:
	default:
		p.fail(line, "unknown kind of input")
	}
}

func (p *recordingParser) takeOutcome(x *exchange, line, rest string) {
	word, value, _ := strings.Cut(rest, " ")
	if err := x.result.Outcome.UnmarshalText([]byte(word)); err != nil {
		p.fail(line, "unknown outcome")
		return
	}
	switch x.result.Outcome {
	case Exited:
		code, err := strconv.Atoi(value)
		if err != nil || code < 0 {
			p.fail(line, "an exit status is a number")
		}
		x.result.ExitCode = code
	case Signalled:
		if x.result.Signal = value; value == "" {
			p.fail(line, "a signal has a name")
		}
	default:
		if value != "" {
			p.fail(line, "this outcome has no value")
		}
	}
}

// strings reads Go strings that are separated by blanks.
func (p *recordingParser) strings(text string) ([]string, bool) {
	var list []string
	for text = strings.TrimLeft(text, " "); text != ""; text = strings.TrimLeft(text, " ") {
		quoted, err := strconv.QuotedPrefix(text)
		if err != nil {
			p.fail(text, "not a quoted text")
			return nil, false
		}
		s, err := strconv.Unquote(quoted)
		if err != nil {
			p.fail(text, "not a quoted text")
			return nil, false
		}
		list = append(list, s)
		text = text[len(quoted):]
	}
	return list, true
}

func (p *recordingParser) startBlock(done func(string)) {
	p.block, p.ended = &strings.Builder{}, false
	p.open = func() { done(p.block.String()) }
}

func (p *recordingParser) closeBlock() {
	if p.open != nil {
		p.open()
	}
	p.open, p.block = nil, nil
}

func (p *recordingParser) takeBlockLine(line string) {
	switch {
	case p.block == nil:
		p.fail(line, "text that belongs to nothing")
	case p.ended:
		p.fail(line, "text after its end")
	case line == `|\`:
		text := strings.TrimSuffix(p.block.String(), "\n")
		if text == p.block.String() {
			p.fail(line, "there is no line to end here")
		}
		p.block.Reset()
		p.block.WriteString(text)
		p.ended = true
	case strings.HasPrefix(line, "| "):
		p.block.WriteString(line[2:] + "\n")
	default:
		text, err := strconv.Unquote(line[1:])
		if err != nil {
			p.fail(line, "neither text nor a quoted text")
			return
		}
		p.block.WriteString(text + "\n")
	}
}

// finish ends the exchange being read.
func (p *recordingParser) finish() {
	p.closeBlock()
	if len(p.list) == 0 {
		return
	}
	x := p.list[len(p.list)-1]
	if x.cmd.Effect == 0 {
		p.errs = append(p.errs, srcerr.Errorf(p.file, x.line, 1, "", "the command has no effect line"))
	}
	if x.result.Outcome == unsetOutcome {
		p.errs = append(p.errs, srcerr.Errorf(p.file, x.line, 1, "", "the command has no outcome line"))
	}
}

// key is what a command of a run and one of a recording have in common when they are the same.
func (x *exchange) key() string {
	input := ""
	switch x.stdin {
	case stdinText:
		input = x.cmd.Stdin.text
	case stdinFile:
		input = x.cmd.Stdin.path
	default:
	}
	sudo := []string{}
	if x.cmd.Sudo != nil {
		sudo = append(sudo, strconv.Quote(x.cmd.Sudo.User))
	}
	k, _ := json.Marshal([]any{sudo, x.cmd.Effect, quoteList(x.cmd.Argv, same), quoteList(x.cmd.Env, same), x.cmd.Dir,
		x.stdin, strconv.Quote(input)})
	return string(k)
}

func same(s string) string { return s }

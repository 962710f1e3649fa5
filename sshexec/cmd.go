package sshexec

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/sshexec/secret"
)

// Effect says what a command does to the machine; the zero value is refused. See the constants.
type Effect = op.Effect

// The effects of a command, from harmless to grave.
const (
	ReadOnly   = op.ReadOnly   // changes nothing
	Mutating   = op.Mutating   // changes configuration or state
	Disruptive = op.Disruptive // takes a service, a node or data away
)

// Outcome says what is known of a command after Run returned.
type Outcome = op.Outcome

// The outcomes. Unknown must never lead to a blind repeat of a command that is not read-only.
const (
	NotStarted = op.NotStarted
	Exited     = op.Exited
	Signalled  = op.Signalled
	Unknown    = op.Unknown
)

// Cmd is one command for another machine: a program and its arguments, never a line of shell. What a shell needs quoted is quoted
// by the Runner. Use Script where a shell is really meant.
type Cmd struct {
	Argv    []string      // program and arguments
	Effect  Effect        // what it does to the machine; required
	Stdin   Input         // what it reads; nothing when zero. The only way for a secret
	Env     []string      // NAME=value pairs beside LC_ALL=C, which is always set
	Dir     string        // working directory; the login directory when empty
	Timeout time.Duration // bound on the whole command; none when zero
	Stdout  io.Writer     // where to stream the standard output; it is captured in Result.Stdout when nil
	Mask    []Secret      // values that must not stand in anything shown of this command or its output
	Sudo    *Sudo         // run as another user; as the login user when nil
	Fence   *Fence        // the lease that the machine must hold; none is needed when nil
	Wide    bool          // it changes more than its own machine: the whole cluster

	// Lines is shown every line of both outputs as it comes, one at a time. It must not block: the command waits for it.
	Lines func(Line)
	// Plain strips the sequences for terminals from all of the output, as StripControl does.
	Plain bool
}

// Command is a Cmd of the given effect.
func Command(effect Effect, argv ...string) Cmd { return Cmd{Argv: argv, Effect: effect} }

// Script runs text with /bin/sh; the arguments are $1, $2, … of the script and need no quoting.
func Script(effect Effect, text string, args ...string) Cmd {
	return Cmd{Argv: append([]string{"/bin/sh", "-c", text, "sh"}, args...), Effect: effect}
}

// Errors of a command that is refused before anything is sent anywhere.
var (
	ErrNoEffect    = errors.New("the command declares no effect")
	ErrNoCommand   = errors.New("the command is empty")
	ErrNUL         = errors.New("an argument holds a NUL byte")
	ErrProgramName = errors.New("the program's name holds \"=\", which env(1) takes for an assignment")
	ErrLocale      = errors.New("LC_ALL is C for every command: parsers depend on it")
	ErrSecretArg   = errors.New("a secret stands in an argument or in the environment, where every user of the machine " +
		"can read it; pass it by Stdin")
)

// Validate refuses a command that no Runner may run.
func (c Cmd) Validate() error {
	switch {
	case len(c.Argv) == 0 || c.Argv[0] == "":
		return ErrNoCommand
	case c.Effect < ReadOnly || c.Effect > Disruptive:
		return fmt.Errorf("cannot run %s: %w", c, ErrNoEffect)
	}
	texts := slices.Concat(c.Argv, c.Env, []string{c.Dir})
	if c.Sudo != nil {
		texts = append(texts, c.Sudo.User)
		if strings.ContainsAny(c.Sudo.Password.Reveal(), "\n\x00") {
			return fmt.Errorf("cannot run %s: %w", c, errSudoPassword)
		}
	}
	for _, text := range texts {
		if strings.ContainsRune(text, 0) {
			return fmt.Errorf("cannot run %s: %w", c, ErrNUL)
		}
		if slices.ContainsFunc(c.stated(), func(s Secret) bool { return standsIn(s, text) }) {
			return fmt.Errorf("cannot run %s: %w", c, ErrSecretArg)
		}
	}
	if c.Fence != nil {
		if err := c.Fence.validate(); err != nil {
			return fmt.Errorf("cannot run %s: %w", c, err)
		}
	}
	if strings.Contains(c.Argv[0], "=") {
		return fmt.Errorf("cannot run %s: %w", c, ErrProgramName)
	}
	for _, e := range c.Env {
		switch name, _, ok := strings.Cut(e, "="); {
		case !ok || name == "":
			return fmt.Errorf("cannot run %s: environment %q is not NAME=value", c, e)
		case name == "LC_ALL":
			return fmt.Errorf("cannot run %s: %w", c, ErrLocale)
		}
	}
	return nil
}

// stated are the values that are named as secrets.
func (c Cmd) stated() []Secret {
	if c.Sudo == nil || c.Sudo.Password == "" {
		return c.Mask
	}
	return append(c.Mask[:len(c.Mask):len(c.Mask)], c.Sudo.Password)
}

// String is the command as one would type it into a shell, with secrets masked.
func (c Cmd) String() string {
	var b strings.Builder
	if c.Dir != "" {
		b.WriteString("cd " + shellescape.Quote(c.Dir) + " && ")
	}
	if c.Sudo != nil {
		b.WriteString("sudo ")
		if c.Sudo.User != "" {
			b.WriteString("-u " + shellescape.Quote(c.Sudo.User) + " ")
		}
	}
	hide := c.hideWords()
	for _, e := range c.Env {
		name, value, _ := strings.Cut(hide(e), "=")
		b.WriteString(name + "=" + shellescape.Quote(value) + " ")
	}
	for i, arg := range c.Argv {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(shellescape.Quote(hide(arg)))
	}
	if d := c.Stdin.String(); d != "" {
		b.WriteString("  < " + d)
	}
	return Redactor(c.secrets()...).Own(b.String())
}

// Expand is the command with every text in it replaced by what f makes of it; a runbook fills in what earlier steps found out.
func (c Cmd) Expand(f func(string) string) Cmd {
	each := func(texts []string) []string {
		out := slices.Clone(texts)
		for i := range out {
			out[i] = f(out[i])
		}
		return out
	}
	c.Argv, c.Env, c.Dir = each(c.Argv), each(c.Env), f(c.Dir)
	c.Stdin.text, c.Stdin.path = f(c.Stdin.text), f(c.Stdin.path)
	return c
}

// Input is what a command reads on its standard input. It can be opened more than once, unless it is a Stream.
type Input struct {
	text   string
	secret Secret
	inside *[]Secret // the values in secret that are to be hidden; all of it when nil
	path   string
	stream *stream
}

// stream is an input that exists once.
type stream struct {
	r     io.Reader
	taken atomic.Bool
}

// ErrStreamTaken is what Open says of a Stream that was opened before.
var ErrStreamTaken = errors.New("the stream was read before and cannot be read again")

// Text is an input of plain text.
func Text(s string) Input { return Input{text: s} }

// SecretText is an input that is never shown. A command that reads one may repeat it in a form that nobody foresaw: of
// what such a command says on its standard error, a [CommandError] keeps the first KiB; nothing when the input is
// longer than 4 KiB, where to look for it is hopeless. Say what in it is secret with [SecretDocument].
func SecretText(s Secret) Input { return Input{secret: s} }

// SecretDocument is an input that is never shown, and in which only the given values are secrets: a configuration with
// passwords in it. They are hidden in what the command prints; the rest of the document is not.
func SecretDocument(text Secret, values ...Secret) Input {
	values = slices.Clone(values)
	return Input{secret: text, inside: &values}
}

// FileInput reads a file of the machine that evenkeel runs on.
func FileInput(path string) Input { return Input{path: path} }

// Stream reads r to its end. It can be opened once only, so a command with it cannot be run a second time. A Read that
// blocks after the command has ended holds on to a goroutine until it returns.
func Stream(r io.Reader) Input { return Input{stream: &stream{r: r}} }

// IsZero tells whether there is no input.
func (in Input) IsZero() bool { return in == Input{} }

// Open starts reading the input from its beginning.
func (in Input) Open() (io.ReadCloser, error) {
	switch {
	case in.path != "":
		return os.Open(in.path)
	case in.secret != "":
		return io.NopCloser(strings.NewReader(in.secret.Reveal())), nil
	case in.stream != nil:
		if in.stream.taken.Swap(true) {
			return nil, ErrStreamTaken
		}
		return io.NopCloser(in.stream.r), nil
	}
	return io.NopCloser(strings.NewReader(in.text)), nil
}

// String tells what the input is, without a secret; empty when there is none.
func (in Input) String() string {
	switch {
	case in.path != "":
		return shellescape.Quote(in.path)
	case in.secret != "":
		return secret.Mask
	case in.stream != nil:
		return "(a stream)"
	case in.text != "":
		return fmt.Sprintf("(%d bytes of text)", len(in.text))
	}
	return ""
}

// Path is the local file that the input reads; empty when it is none.
func (in Input) Path() string { return in.path }

// Secrets are the values that must not be shown of an input: those of a SecretDocument, all of a SecretText.
func (in Input) Secrets() []Secret {
	switch {
	case in.secret == "":
		return nil
	case in.inside != nil:
		return slices.Clone(*in.inside)
	}
	return []Secret{in.secret}
}

// IsSecret tells whether the input is never shown.
func (in Input) IsSecret() bool { return in.secret != "" }

// PlainText is the input's text where it is plain text; a runbook shows it to the reader.
func (in Input) PlainText() string { return in.text }

// Package execline makes the one line that an SSH exec request carries out of a command, and takes it apart again.
//
// An SSH server hands the line to the user's login shell, whatever that is. So the line is a call of /bin/sh with a
// single argument, written so that the Bourne shells, csh and fish read the same: either the plain form
//
//	exec /bin/sh -c 'export LC_ALL=C; cd /tmp && exec program argument'
//
// or, where that holds a character on which those shells disagree inside quotes (a newline, "!", a backslash, a byte
// outside ASCII), the octal form
//
//	exec /bin/sh -c 'eval "$(printf "$1")"' sh 'export LC_ALL=C; exec program \012'
//
// Where the login shell is known to be bash (see BashProbe), a plain command needs no second shell. The line is the
// script itself:
//
//	export LC_ALL=C; exec program argument
//
// Variables of the command's own come in by "exec env NAME=value program", because env takes names that a shell does
// not.
//
// "exec" and "env" replace the shells, so that a signal reaches the program, an exit by a signal is seen as one, and
// the program leads the session and the process group that the server made.
//
// A line with a mark begins with
//
//	export LC_ALL=C EVENKEEL_RUN=MARK.$$;
//
// so that every process of the command carries, in its environment, a name to find it by and the number of the process
// that leads its group: servers that pass no signals on leave no other way to end it.
package execline

import (
	"errors"
	"fmt"
	"strings"

	"al.essio.dev/pkg/shellescape"
)

// Line is what an exec request says.
type Line struct {
	Dir  string   // working directory; the login directory when empty
	Env  []string // NAME=value pairs, beside LC_ALL=C
	Argv []string // program and arguments
	Mark string   // name to find the command's processes by, small letters and digits; none when empty
	// Fence keeps the command from starting where the machine's lease is not the one that it needs; nothing is checked when nil.
	Fence *Fence
	Bash  bool // the login shell is known to be bash
}

// BashProbe is a line that prints BashAnswer in bash only. It does no harm in any other shell.
const (
	BashProbe  = `echo "${BASH_VERSION:+evenkeel-bash}"`
	BashAnswer = "evenkeel-bash\n"
)

// MarkVariable is the variable in the environment of a command that holds its mark, a dot, and the number of the process that leads it.
const MarkVariable = "EVENKEEL_RUN"

// Locale is the one locale in which commands run: their words are the ones that parsers know.
const Locale = "LC_ALL=C"

// MaxLen bounds a line: Linux takes no single argument of 128 KiB, and the login shell gets the line as one.
const MaxLen = 128<<10 - 1

// errNotBuilt says that Build did not make a line.
var errNotBuilt = errors.New("not a line of this package")

// ErrTooLong is what Build says of a line that no Linux machine would start.
var ErrTooLong = errors.New("the command line is longer than the 128 KiB that Linux takes; pass long text by Stdin")

const (
	shell      = "/bin/sh"
	before     = "export " + Locale
	beforeMark = " " + MarkVariable + "="
	afterMark  = ".$$"
	after      = "; "
	octalShell = `eval "$(printf "$1")"`
	runEnv     = "env"
)

// Build makes the line.
func Build(l Line) (string, error) {
	inner := Script(l)
	if l.bare() && agreed(inner) && len(inner) <= MaxLen {
		return inner, nil
	}
	line := shellescape.QuoteCommand([]string{"exec", shell, "-c", inner})
	if !agreed(inner) {
		line = shellescape.QuoteCommand([]string{"exec", shell, "-c", octalShell, "sh", octal(inner)})
	}
	if len(line) > MaxLen {
		return "", ErrTooLong
	}
	return line, nil
}

// bare tells whether the login shell can run the script itself. cd may be a function of the user's start-up files, and a
// fence must not depend on the options that are set in them.
func (l Line) bare() bool { return l.Bash && l.Dir == "" && l.Fence == nil }

// Script is what /bin/sh is given to run the command.
func Script(l Line) string {
	var b strings.Builder
	b.WriteString(before)
	if l.Mark != "" {
		b.WriteString(beforeMark + l.Mark + afterMark)
	}
	b.WriteString(after)
	if l.Fence != nil {
		b.WriteString(l.Fence.wrap(call(l)))
	} else {
		b.WriteString(call(l))
	}
	return b.String()
}

// call is the part of the script that becomes the program.
func call(l Line) string {
	var b strings.Builder
	if l.Dir != "" {
		b.WriteString("cd " + shellescape.Quote(dirArgument(l.Dir)) + " && ")
	}
	b.WriteString("exec ")
	if needsEnv(l) {
		b.WriteString(runEnv + " " + Locale + " ")
	}
	for _, e := range l.Env {
		b.WriteString(shellescape.Quote(e) + " ")
	}
	b.WriteString(shellescape.QuoteCommand(l.Argv))
	return b.String()
}

// needsEnv tells whether env has to start the program. It costs a process image, so it is left out where the shell can
// do the same: there are no variables, and exec takes the name for no option.
func needsEnv(l Line) bool {
	return len(l.Env) > 0 || len(l.Argv) > 0 && (strings.HasPrefix(l.Argv[0], "-") || l.Argv[0] == runEnv)
}

// dirArgument keeps cd from looking along CDPATH and from reading the name as an option.
func dirArgument(dir string) string {
	if strings.HasPrefix(dir, "/") {
		return dir
	}
	return "./" + dir
}

// agreed tells whether all shells read text alike when it stands in single quotes.
func agreed(text string) bool {
	for i := range len(text) {
		if !plain(text[i]) {
			return false
		}
	}
	return true
}

func plain(c byte) bool { return c >= ' ' && c <= '~' && c != '!' && c != '\\' }

// octal writes text as a format for printf in which every byte that shells disagree on is \ooo.
func octal(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; plain(c) && c != '\'' && c != '%' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\%03o`, c)
		}
	}
	return b.String()
}

// unoctal undoes octal and accepts nothing else.
func unoctal(text string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '%' || !plain(c) && c != '\\':
			return "", false
		case c != '\\':
			b.WriteByte(c)
		default:
			if i+3 >= len(text) {
				return "", false
			}
			n := 0
			for _, d := range []byte(text[i+1 : i+4]) {
				if d < '0' || d > '7' {
					return "", false
				}
				n = n<<3 | int(d-'0')
			}
			if n > 0xff {
				return "", false
			}
			b.WriteByte(byte(n))
			i += 3
		}
	}
	return b.String(), true
}

// Parse undoes Build exactly; built tells that Build made the line. It also reads a line that the operator typed, as
// long as it is one simple command: words with quotes, with "cd DIR &&" and NAME=value before them. Anything that needs
// a shell is an error.
func Parse(line string) (l Line, built bool, err error) {
	if strings.HasPrefix(line, before) {
		if l, err := parseInner(line); err == nil {
			if l.Bash = true; rebuilds(l, line) {
				return l, true, nil
			}
		}
	}
	words, err := split(line)
	if err != nil {
		return Line{}, false, err
	}
	if inner, ok := unwrap(words); ok {
		if l, err := parseInner(inner); err == nil && rebuilds(l, line) {
			return l, true, nil
		}
	}
	l, err = parseTyped(words)
	return l, false, err
}

// rebuilds is what makes the inverse exact: a line that only looks like one of ours is the operator's.
func rebuilds(l Line, line string) bool {
	again, err := Build(l)
	return err == nil && again == line
}

func unwrap(words []word) (string, bool) {
	text := make([]string, len(words))
	for i, w := range words {
		if w.operator {
			return "", false
		}
		text[i] = w.text
	}
	if len(text) < 4 || text[0] != "exec" || text[1] != shell || text[2] != "-c" {
		return "", false
	}
	switch rest := text[3:]; {
	case len(rest) == 1:
		return rest[0], true
	case len(rest) == 3 && rest[0] == octalShell && rest[1] == "sh":
		return unoctal(rest[2])
	}
	return "", false
}

// ParseScript undoes Script exactly.
func ParseScript(text string) (Line, error) {
	l, err := parseInner(text)
	if err == nil && Script(l) != text {
		err = errNotBuilt
	}
	return l, err
}

func parseInner(inner string) (Line, error) {
	var l Line
	setting, inner, ok := strings.Cut(inner, after)
	if !ok {
		return Line{}, errNotBuilt
	}
	if marked, ok := strings.CutPrefix(setting, before+beforeMark); ok {
		l.Mark = strings.TrimSuffix(marked, afterMark)
	}
	if f, script, ok := unwrapFence(inner); ok {
		l.Fence, inner = &f, script
	}
	words, err := split(inner)
	if err != nil {
		return Line{}, err
	}
	if dir, rest, ok := cutDir(words); ok {
		l.Dir, words = dir, rest
		if !strings.HasPrefix(dir, "/") {
			l.Dir = strings.TrimPrefix(dir, "./")
		}
	}
	switch {
	case len(words) >= 4 && words[0].text == "exec" && words[1].text == runEnv && words[2].text == Locale:
		return finish(l, words[3:])
	case len(words) >= 2 && words[0].text == "exec":
		return program(l, words[1:])
	}
	return Line{}, errNotBuilt
}

func parseTyped(words []word) (Line, error) {
	var l Line
	if dir, rest, ok := cutDir(words); ok {
		l.Dir, words = dir, rest
	}
	return finish(l, words)
}

// finish takes what stands after the directory: assignments, then the program.
func finish(l Line, words []word) (Line, error) {
	for len(words) > 0 && isAssignment(words[0]) {
		l.Env = append(l.Env, words[0].text)
		words = words[1:]
	}
	return program(l, words)
}

func program(l Line, words []word) (Line, error) {
	for _, w := range words {
		if w.operator {
			return Line{}, fmt.Errorf("%q needs a shell: one simple command only", w.text)
		}
		l.Argv = append(l.Argv, w.text)
	}
	if len(l.Argv) == 0 || l.Argv[0] == "" {
		return Line{}, errors.New("no command")
	}
	return l, nil
}

func cutDir(words []word) (dir string, rest []word, ok bool) {
	if len(words) >= 3 && words[0].text == "cd" && !words[1].operator && words[2].operator && words[2].text == "&&" {
		return words[1].text, words[3:], true
	}
	return "", words, false
}

func isAssignment(w word) bool {
	name, _, ok := strings.Cut(w.text, "=")
	return ok && name != "" && !w.operator
}

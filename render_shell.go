package evenkeel

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// Typed is a command as the operator types it into bash: quoted, each fact as a variable that stops the command where
// it is not set, a secret as a prompt.
func Typed(cmd sshexec.Cmd) string { return typed(cmd, "") }

// typed is Typed with what follows the command on its line.
func typed(cmd sshexec.Cmd, pipe string) string {
	line := call(cmd)
	if pipe != "" {
		line += " " + pipe
	}
	switch text := cmd.Stdin.PlainText(); {
	case text != "":
		line = hereDocument(line, text)
	case cmd.Stdin.IsSecret():
		line = prompted(line, cmd)
	case cmd.Stdin.Path() != "":
		line += " < " + quote(cmd.Stdin.Path())
	case !cmd.Stdin.IsZero():
		line = "# only the tool has the input of this command: " + plain(line)
	}
	return sshexec.Redactor(secretsOf(cmd)...).Own(line)
}

// call is the program with its arguments, its user, its environment and its directory.
func call(cmd sshexec.Cmd) string {
	words := make([]string, 0, len(cmd.Env)+len(cmd.Argv))
	for _, e := range cmd.Env {
		name, value, _ := strings.Cut(e, "=")
		words = append(words, name+"="+quote(value))
	}
	if cmd.Sudo != nil && len(cmd.Env) > 0 {
		words = slices.Insert(words, 0, "env")
	}
	for _, arg := range cmd.Argv {
		words = append(words, quote(arg))
	}
	line := strings.Join(words, " ")
	if cmd.Sudo == nil {
		if cmd.Dir != "" {
			line = "(cd " + quote(cmd.Dir) + " && " + line + ")"
		}
		return line
	}
	if cmd.Dir != "" {
		line = `/bin/sh -c 'cd "$1" && shift && "$@"' sh ` + quote(cmd.Dir) + " " + line
	}
	return "sudo -u " + quote(asUser(cmd)) + " -- " + line
}

// prompted asks for the secret that a command reads. One of several lines stands in a file.
func prompted(line string, cmd sshexec.Cmd) string {
	format := "%s"
	if in, err := cmd.Stdin.Open(); err == nil {
		text, _ := io.ReadAll(in) // from memory
		_ = in.Close()
		body, ended := strings.CutSuffix(string(text), "\n")
		if strings.Contains(body, "\n") {
			return line + ` < "${SECRET_FILE:?set SECRET_FILE to a file of mode 0600 with the secret input}"`
		}
		if ended {
			format = `%s\n`
		}
	}
	return fmt.Sprintf(`( read -rsp 'Secret input: ' SECRET && [ -n "$SECRET" ] && printf '%s' "$SECRET" | %s )`, format, line)
}

// hereDocument types an input in. The shell leaves it alone, but for the facts in it: these are checked before the command starts.
func hereDocument(line, text string) string {
	end := "EOF"
	for slices.Contains(strings.Split(text, "\n"), end) {
		end += "F"
	}
	mark := "'" + end + "'"
	if names := change.Refs(text); len(names) > 0 {
		mark = end
		text = strings.NewReplacer(`\`, `\\`, "$", `\$`, "`", "\\`").Replace(text)
		text = withExpansions(text, "", "")
		line = needed(names) + line
	}
	return line + " <<" + mark + "\n" + strings.TrimSuffix(text, "\n") + "\n" + end
}

// quote quotes an argument for a shell and leaves the facts in it to be filled in by the shell.
func quote(arg string) string {
	if !strings.Contains(arg, change.RefOpen) {
		return literal(arg)
	}
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(arg, change.RefOpen)
		if before != "" {
			b.WriteString(literal(before))
		}
		if !ok {
			return b.String()
		}
		name, tail, _ := strings.Cut(rest, change.RefClose)
		b.WriteString(`"` + expansion(name) + `"`)
		arg = tail
	}
}

// literal quotes a text for a shell.
func literal(text string) string {
	if safe, hostile := shellSafe(text); hostile {
		return safe
	}
	return shellescape.Quote(text)
}

// expansion is what the shell puts a fact in by. A variable that is not set, or empty, stops the command.
func expansion(name string) string {
	v := change.Variable(name)
	return "${" + v + ":?set " + v + " first}"
}

// withExpansions is text for the shell, with its facts between before and after.
func withExpansions(text, before, after string) string {
	for _, name := range change.Refs(text) {
		text = strings.ReplaceAll(text, change.RefOpen+name+change.RefClose, before+expansion(name)+after)
	}
	return text
}

// withVariables is text for a reader, with its facts as shell variables.
func withVariables(text string) string {
	for _, name := range change.Refs(text) {
		text = strings.ReplaceAll(text, change.RefOpen+name+change.RefClose, "$"+change.Variable(name))
	}
	return text
}

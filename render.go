package evenkeel

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Markdown writes the runbook for a person who reviews it, signs it, and could follow it by hand: every command as one would type it, where, what must be seen, and
// the place in the guide. A fact found out on the way stands as a shell variable. Secrets never appear.
func (rb *Runbook) Markdown(w io.Writer) error {
	p := &printer{w: w, redact: rb.redaction()}
	p.line("# %s", inline(rb.Title))
	p.para(rb.Intro)
	p.line("\n%s", howToRead)
	p.made(rb)
	p.watched(rb)
	p.noReturn(rb)
	for i := range rb.Steps {
		p.step(i+1, &rb.Steps[i])
	}
	return p.err
}

// howToRead explains the words behind each action.
const howToRead = "How to read it: every action says what it does to the system (read-only, mutating, disruptive) and whether it may be repeated when nobody knows if it ran: *safe*, twice is the same as once; " +
	"*probe-first*, look first and run it unless it is done; *never*, only when the probe shows that it never took effect. A *guard* must hold immediately before what follows it; after an interruption it is read again. " +
	"$NAME in a command stands for something noted down in an earlier step."

// Text writes the runbook in short, a line an action, for a terminal.
func (rb *Runbook) Text(w io.Writer) error {
	p := &printer{w: w, redact: rb.redaction()}
	p.line("%s: %d steps", plain(rb.Title), len(rb.Steps))
	for i := range rb.Steps {
		s := &rb.Steps[i]
		p.line("")
		p.line("%2d  %-24s %s%s", i+1, s.ID, plain(s.Title), in(" [", plain(s.Ref), "]"))
		for _, win := range s.Opens {
			p.line("      window opens: %s, at most %s; a stop is taken %s: %s", plain(win.ID), win.Limit, win.Stop.words(), plain(win.Reason))
		}
		for j := range s.Actions {
			p.short(s, &s.Actions[j], "")
		}
		for j := range s.Verify {
			p.short(s, &s.Verify[j], "verify: ")
		}
		if len(s.Closes) > 0 {
			p.line("      window closes: %s", plain(strings.Join(s.Closes, ", ")))
		}
	}
	return p.err
}

// printer writes lines and keeps the first error.
type printer struct {
	w      io.Writer
	redact sshexec.Redaction // what nothing may show
	err    error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, p.redact.Own(fmt.Sprintf(format+"\n", args...)))
	}
}

func (p *printer) para(text string) {
	if text != "" {
		p.line("\n%s", prose(text))
	}
}

func in(before, text, after string) string {
	if text == "" {
		return ""
	}
	return before + text + after
}

func (p *printer) made(rb *Runbook) {
	if len(rb.Inputs) > 0 {
		p.line("\n## Made from\n\n| input | sha256 |\n|---|---|")
		for _, input := range rb.Inputs {
			p.line("| %s | %s |", cell(input.Name), code(input.SHA256))
		}
		p.line("\nA run refuses a journal that was begun with other inputs, other steps or another version%s.", in(" than ", inline(rb.Version), ""))
	}
	if len(rb.LeaseHosts) > 0 {
		p.line("\nWhile it runs, `%s` on %s names the run; a second operator is kept out.", LeasePath, inline(strings.Join(rb.LeaseHosts, ", ")))
	}
}

func (p *printer) watched(rb *Runbook) {
	if len(rb.Invariants) == 0 {
		return
	}
	p.line("\n## What holds throughout\n")
	for _, inv := range rb.Invariants {
		p.line("- **%s**: %s%s", inline(inv.ID), inline(inv.Title), map[bool]string{true: " Never suspended."}[inv.Absolute])
	}
	var windows []string
	for i := range rb.Steps {
		for _, w := range rb.Steps[i].Opens {
			windows = append(windows, fmt.Sprintf("| %d to %d | %s | %s | %s | %s |", i+1, rb.closes(w.ID, i)+1, cell(w.Invariant), w.Limit, w.Stop.words(), cell(w.Reason)))
		}
	}
	if len(windows) > 0 {
		p.line("\nSuspended, openly:\n\n| steps | invariant | at most | a stop is taken | because |\n|---|---|---|---|---|\n%s", strings.Join(windows, "\n"))
	}
}

// closes is the index of the step that closes a window; the last one where it stays open.
func (rb *Runbook) closes(id string, from int) int {
	for i := from; i < len(rb.Steps); i++ {
		for _, c := range rb.Steps[i].Closes {
			if c == id {
				return i
			}
		}
	}
	return len(rb.Steps) - 1
}

// noReturn tells what a rollback cannot go back over: the first of each run of steps that cannot be undone.
func (p *printer) noReturn(rb *Runbook) {
	var points []string
	for i := 0; i < len(rb.Steps); i++ {
		s := &rb.Steps[i]
		if s.Irreversible == "" {
			continue
		}
		last := i
		for last+1 < len(rb.Steps) && rb.Steps[last+1].Irreversible != "" {
			last++
		}
		through := ""
		if last > i {
			through = fmt.Sprintf(" (to step %d)", last+1)
		}
		points = append(points, fmt.Sprintf("- From step %d, %s%s: %s", i+1, inline(s.Title), through, inline(s.Irreversible)))
		i = last
	}
	if len(points) > 0 {
		p.line("\n## Points of no return\n\n%s", strings.Join(points, "\n"))
	}
}

func (p *printer) step(n int, s *Step) {
	p.line("\n## %d. %s", n, inline(s.Title))
	var facts []string
	if s.Host != "" {
		facts = append(facts, "on "+code(s.Host))
	}
	if s.Ref != "" {
		facts = append(facts, "guide: "+inline(s.Ref))
	}
	if s.Parallel != "" {
		facts = append(facts, "at the same time as its neighbours of group "+inline(s.Parallel)+", from another terminal")
	}
	if len(facts) > 0 {
		p.line("\n%s", strings.Join(facts, "; "))
	}
	p.para(s.Why)
	for _, w := range s.Opens {
		p.line("\n> **Window %s opens**: %s is suspended for at most %s: %s", inline(w.ID), inline(w.Invariant), w.Limit, inline(w.Reason))
	}
	p.line("")
	for i := range s.Actions {
		p.action(fmt.Sprintf("%d.%d", n, i+1), s, &s.Actions[i])
	}
	if len(s.Verify) > 0 {
		p.line("Then verify:\n")
		for i := range s.Verify {
			p.action(fmt.Sprintf("%d.v%d", n, i+1), s, &s.Verify[i])
		}
	}
	for _, id := range s.Closes {
		p.line("> **Window %s closes** when what it suspended is seen to hold again.\n", inline(id))
	}
	for _, w := range s.Opens {
		if len(w.Completion) > 0 {
			p.line("<details><summary>To end window %s when a step inside it fails</summary>\n", inline(w.ID))
			for i := range w.Completion {
				p.action(fmt.Sprintf("%d.c%d", n, i+1), s, &w.Completion[i])
			}
			p.line("</details>\n")
		}
	}
	switch {
	case s.Irreversible != "":
		p.line("No way back: %s.\n", strings.TrimSuffix(prose(s.Irreversible), "."))
	case s.Harmless != "":
		p.line("Nothing to take back: %s.\n", strings.TrimSuffix(prose(s.Harmless), "."))
	case len(s.Undo) > 0:
		p.line("<details><summary>To take it back</summary>\n")
		for i := range s.Undo {
			p.action(fmt.Sprintf("%d.u%d", n, i+1), s, &s.Undo[i])
		}
		for i := range s.UndoVerify {
			p.action(fmt.Sprintf("%d.uv%d", n, i+1), s, &s.UndoVerify[i])
		}
		p.line("</details>\n")
	}
}

func (p *printer) action(number string, s *Step, a *Action) {
	what := []string{a.effect().String()}
	if a.effect() != ReadOnly {
		what = append(what, "repeat: "+a.Repeat.String())
	}
	if a.Guard {
		what = append(what, "guard: must hold right before what follows")
	}
	if a.Ref != "" && a.Ref != s.Ref {
		what = append(what, inline(a.Ref))
	}
	if a.Manual != "" {
		what = []string{"by hand"}
	}
	where := ""
	if host := hostIfOther(s, a); host != "" {
		where = " — " + code(host)
	}
	p.line("**%s** %s%s (%s)\n", number, inline(a.Title), where, strings.Join(what, "; "))
	if a.Note != "" {
		p.line("> %s\n", strings.ReplaceAll(prose(a.Note), "\n", "\n> "))
	}
	if a.Manual != "" {
		p.line("%s\n", prose(withVariables(a.Manual)))
		if len(a.Cmd.Argv) > 0 {
			p.line("It is done when this shows it:\n")
		}
	}
	if a.Op != nil {
		p.line("%s\n", prose(withVariables(a.Op.Text)))
		last := a.host(s)
		for _, c := range a.Op.Cmds {
			if on := c.on(a.host(s)); on != last {
				p.line("On %s:\n", code(on))
				last = on
			}
			p.line("%s", fence(Typed(c.Cmd)))
		}
	}
	if len(a.Cmd.Argv) > 0 {
		p.line("%s", fence(Typed(a.Cmd)))
	}
	if a.Expect.Text != "" {
		p.line("Expect: %s\n", prose(withVariables(a.Expect.Text)))
	}
	for _, m := range a.Makes {
		p.line("Note down `%s`: %s.\n", variable(m.Key.Name()), inline(m.Key.Doc()))
	}
	if a.Probe != nil {
		host := a.Probe.Host
		if host == "" {
			host = a.host(s)
		}
		p.line("If you do not know whether it ran, look, on %s (%s):\n\n%s", code(host), prose(withVariables(a.Probe.Text)), fence(Typed(a.Probe.Cmd)))
	}
}

func hostIfOther(s *Step, a *Action) string {
	if a.Host != "" && a.Host != s.Host {
		return a.Host
	}
	return ""
}

func (p *printer) short(s *Step, a *Action, prefix string) {
	mark := map[Effect]string{ReadOnly: " ", Mutating: "+", Disruptive: "!"}[a.effect()]
	what := withVariables(a.Manual)
	switch {
	case a.Manual != "":
		mark = "?"
	case a.Op != nil:
		what = withVariables(a.Op.Text)
	default:
		what = Typed(a.Cmd)
	}
	if i := strings.IndexByte(what, '\n'); i >= 0 {
		what = what[:i] + " …"
	}
	p.line("    %s %s%s: %s", mark, prefix, plain(a.host(s)), plain(what))
}

// Typed is a command as a person would type it: quoted, with the facts it needs as shell variables. Secrets are masked.
func Typed(cmd sshexec.Cmd) string {
	var b strings.Builder
	if cmd.Dir != "" {
		b.WriteString("cd " + quote(cmd.Dir) + " && ")
	}
	if user := asUser(cmd); user != "" {
		b.WriteString("sudo -u " + quote(user) + " ")
	}
	for _, e := range cmd.Env {
		name, value, _ := strings.Cut(e, "=")
		b.WriteString(name + "=" + quote(value) + " ")
	}
	for i, arg := range cmd.Argv {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(quote(arg))
	}
	switch text := cmd.Stdin.PlainText(); {
	case text != "":
		b.WriteString(hereDocument(text))
	case cmd.Stdin.IsSecret():
		b.WriteString("    # the secret goes to its standard input")
	case cmd.Stdin.Path() != "":
		b.WriteString(" < " + quote(cmd.Stdin.Path()))
	case !cmd.Stdin.IsZero():
		b.WriteString("    # its input is a stream that only the tool has")
	}
	return sshexec.Redactor(secretsOf(cmd)...).Own(b.String())
}

// hereDocument types an input in. The shell leaves it alone, but for the facts in it.
func hereDocument(text string) string {
	end := "EOF"
	for slices.Contains(strings.Split(text, "\n"), end) {
		end += "F"
	}
	mark := "'" + end + "'"
	if strings.Contains(text, refOpen) {
		mark = end
		text = strings.NewReplacer(`\`, `\\`, "$", `\$`, "`", "\\`").Replace(text)
		text = replaceRefs(text, "${", "}")
	}
	return " <<" + mark + "\n" + strings.TrimSuffix(text, "\n") + "\n" + end
}

// quote quotes an argument for a shell and leaves the facts in it to be filled in by the shell.
func quote(arg string) string {
	if safe, hostile := shellSafe(arg); hostile {
		return safe
	}
	if !strings.Contains(arg, refOpen) {
		return shellescape.Quote(arg)
	}
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(arg, refOpen)
		if before != "" {
			b.WriteString(shellescape.Quote(before))
		}
		if !ok {
			return b.String()
		}
		name, tail, _ := strings.Cut(rest, refClose)
		b.WriteString(`"$` + variable(name) + `"`)
		arg = tail
	}
}

// variable is the shell variable that stands for a fact.
func variable(name string) string {
	return strings.ToUpper(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name))
}

// withVariables is text for a reader, with its facts as shell variables.
func withVariables(text string) string { return replaceRefs(text, "$", "") }

// replaceRefs shows the facts of a text as variables.
func replaceRefs(text, before, after string) string {
	for _, name := range refs(text) {
		text = strings.ReplaceAll(text, refOpen+name+refClose, before+variable(name)+after)
	}
	return text
}

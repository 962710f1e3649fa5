package evenkeel

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Operator is the Host of a block that is typed on the operator's own machine.
const Operator = "(your own machine)"

// Block is what a person types in one go who follows the runbook by hand. An action without blocks shows its command as it is. An action has blocks where that is not enough: its
// output is hard to judge, the action is an operation, or what is typed depends on what was seen.
type Block struct {
	Host string // where; the action's host when empty
	Text string // what it is for, a sentence; may be empty

	// If is a line that the last script before must have printed; else the block is left out. Neighbours with an If are alternatives: one of them, and no other, is typed.
	If string

	// One of the two. Cmd is a command of the action. Script is text for bash that changes nothing; a fact in it stands outside all quotes, as its Ref.
	Cmd    sshexec.Cmd
	Pipe   string // what follows Cmd on its line: "2>&1 | tail -n 1"
	From   string // text for bash whose last command prints the input of Cmd, where that is secret: it asks for it
	Script string

	Shows []string // the lines that it must print, and no others; exit status 0 when empty
	Ends  bool     // Shows are the last lines that it prints
	Until bool     // type it again until it shows them
	// Patience bounds Until: after that the last that it printed counts, and alternatives say what is typed then.
	Patience time.Duration
}

// Typed is the Make with the script by which a person finds the fact out: what it prints is the value. Without one it is what the action's command prints.
func (m Make) Typed(script string) Make {
	m.script = script
	return m
}

// blocks are what a person types for the action.
func (a *Action) blocks() []Block {
	switch {
	case len(a.Paper) > 0 && a.Manual != "": // the evidence comes when the person has done it
		evidence := slices.Clone(a.Paper)
		for i := range evidence {
			evidence[i].Until = len(evidence[i].Shows) > 0
		}
		return evidence
	case len(a.Paper) > 0:
		return a.Paper
	case len(a.Cmd.Argv) > 0 && !a.onlyNotes():
		return []Block{{Cmd: a.Cmd}}
	case a.Op != nil && len(a.Op.Cmds) == 1:
		return []Block{{Host: a.Op.Cmds[0].Host, Cmd: a.Op.Cmds[0].Cmd}}
	}
	return nil
}

// changing are the commands of the action that change something.
func (a *Action) changing() []OpCmd {
	cmds := Here(a.Cmd)
	if a.Op != nil {
		cmds = a.Op.Cmds
	}
	return slices.DeleteFunc(slices.Clone(cmds), func(c OpCmd) bool { return c.Cmd.Effect <= ReadOnly })
}

// onlyNotes tells whether the command is typed where its facts are set, and not before: it must not run twice.
func (a *Action) onlyNotes() bool {
	return slices.ContainsFunc(a.Makes, func(m Make) bool { return m.script == "" || a.effect() == ReadOnly })
}

// sets tells whether one of the blocks sets the variable of a fact.
func (a *Action) sets(m Make) bool {
	return slices.ContainsFunc(a.Paper, func(b Block) bool { return strings.Contains(b.Script, variable(m.Key.Name())+"=") })
}

// paper checks that a person is shown what the tool would run: every command that changes something, once, and no other.
func (v *validator) paper(where string, s *Step, a *Action) {
	if a.Probe != nil {
		for i, b := range a.Probe.Paper {
			if b.Script == "" || b.If != "" || len(b.Shows) == 0 {
				v.add("%s, block %d of its probe: needs a script and what it shows", where, i+1)
			}
			v.script(where, i, b.Script)
		}
	}
	declared := a.changing()
	host := a.host(s)
	blocks := a.blocks()
	if len(declared) > 0 && len(blocks) == 0 && !a.onlyNotes() {
		v.add("%s: says in no block which of its commands a person types, and when", where)
		return
	}
	for _, m := range a.Makes {
		if bare := m.script == "" && !a.sets(m); bare && (a.Op != nil || len(a.Paper) > 0 || len(a.Makes) > 1 && a.effect() != ReadOnly) {
			v.add("%s: does not say how a person finds out fact %s", where, m.Key.Name())
		}
	}
	shown := make([]int, len(declared))
	for i, b := range blocks {
		switch {
		case (len(b.Cmd.Argv) > 0) == (b.Script != ""):
			v.add("%s, block %d: needs a command or a script, and not both", where, i+1)
		case b.Script != "":
			v.script(where, i, b.Script)
		case b.From != "" && !b.Cmd.Stdin.IsSecret():
			v.add("%s, block %d: prints an input that is not secret, or not there", where, i+1)
		case b.Pipe != "" && !b.Cmd.Stdin.IsZero():
			v.add("%s, block %d: a command with an input is not piped", where, i+1)
		case b.Cmd.Effect != ReadOnly:
			j := slices.IndexFunc(declared, func(c OpCmd) bool { return c.on(host) == cmp.Or(b.Host, host) && sameCmd(c.Cmd, b.Cmd) })
			if j < 0 {
				v.add("%s, block %d: shows a command that the action does not run: %s", where, i+1, b.Cmd)
				continue
			}
			shown[j]++
		}
		if b.If != "" && !slices.ContainsFunc(blocks[:i], func(b Block) bool { return b.Script != "" && b.If == "" }) {
			v.add("%s, block %d: depends on a script that is not there", where, i+1)
		}
		if b.Until && len(b.Shows) == 0 {
			v.add("%s, block %d: is typed until it shows something, and does not say what", where, i+1)
		}
	}
	for j, n := range shown {
		if n != 1 && len(blocks) > 0 {
			v.add("%s: %s stands in %d blocks: it must stand in one", where, declared[j].Cmd, n)
		}
	}
}

// script refuses a fact between quotes: there it would not be one word.
func (v *validator) script(where string, i int, text string) {
	var in rune
	skip := false
	for _, r := range text {
		switch {
		case skip:
			skip = false
		case in == 0 && (r == '\'' || r == '"'):
			in = r
		case r == in && in != 0:
			in = 0
		case r == '\\' && in != '\'':
			skip = true
		case string(r) == refOpen && in != 0:
			v.add("%s, block %d: a fact stands between quotes in its script", where, i+1)
			return
		}
	}
}

// paperRefs are the facts that the action refers to on paper beside those of its commands.
func (a *Action) paperRefs() []string {
	var names []string
	for _, b := range a.Paper {
		names = append(names, refs(b.Script)...)
		names = append(names, refs(b.From)...)
	}
	if a.Probe != nil {
		for _, b := range a.Probe.Paper {
			names = append(names, refs(b.Script)...)
		}
	}
	return names
}

// typedIn is where a block is typed and what: a command that reads a file of the operator's machine is sent from there.
func (b *Block) typedIn(host string) (where, text string) {
	host = cmp.Or(b.Host, host)
	switch {
	case b.Script != "":
		return host, checkedFirst(refs(b.Script), withExpansions(b.Script, `"`, `"`))
	case b.From != "":
		return host, checkedFirst(append(refs(b.From), cmdRefs(b.Cmd)...), "( "+withExpansions(b.From, `"`, `"`)+" | "+call(b.Cmd)+" )")
	case b.Pipe != "":
		return host, checkedFirst(cmdRefs(b.Cmd), typed(b.Cmd, b.Pipe))
	case b.Cmd.Stdin.Path() != "":
		return Operator, sent(host, b.Cmd)
	}
	return host, typed(b.Cmd, b.Pipe)
}

// sent is a command as it is sent to a host from the operator's machine, with a file of that as its input. The name of each fact is checked first: a substitution that fails would
// leave a command with a hole.
func sent(host string, cmd sshexec.Cmd) string {
	path := cmd.Stdin.Path()
	cmd.Stdin = sshexec.Input{}
	return fmt.Sprintf(`%sssh %s "$(printf '%%q ' %s)" < %s`, needed(cmdRefs(cmd)), quote(host), typed(cmd, ""), quote(path))
}

// checkedFirst runs text only if the variables of these facts are set: within a pipe, one that is not would not stop the rest.
func checkedFirst(names []string, text string) string {
	if len(names) == 0 {
		return text
	}
	return needed(names) + "{\n" + text + "\n}"
}

// needed stops a line before its command when one of the facts is not set.
func needed(names []string) string {
	slices.Sort(names)
	var b strings.Builder
	for _, name := range slices.Compact(names) {
		b.WriteString(`: "` + expansion(name) + `" && `)
	}
	return b.String()
}

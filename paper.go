package evenkeel

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// blocks are what the operator types for the action.
func (a *Action) blocks() []Block {
	switch {
	case len(a.Paper) > 0 && a.Manual != "": // the evidence comes when the operator has done it
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
	return slices.ContainsFunc(a.Makes, func(m Make) bool { return m.Script == "" || a.effect() == ReadOnly })
}

// sets tells whether one of the blocks sets the variable of a fact.
func (a *Action) sets(m Make) bool {
	return slices.ContainsFunc(a.Paper, func(b Block) bool { return strings.Contains(b.Script, change.Variable(m.Key.Name())+"=") })
}

// paper checks that the operator is shown what the tool would run: every command that changes something, once, and no other.
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
		v.add("%s: says in no block which of its commands the operator types, and when", where)
		return
	}
	for _, m := range a.Makes {
		if bare := m.Script == "" && !a.sets(m); bare && (a.Op != nil || len(a.Paper) > 0 || len(a.Makes) > 1 && a.effect() != ReadOnly) {
			v.add("%s: does not say how the operator finds out fact %s", where, m.Key.Name())
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
			j := slices.IndexFunc(declared, func(c OpCmd) bool { return c.At(host) == cmp.Or(b.Host, host) && sameCmd(c.Cmd, b.Cmd) })
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
		case string(r) == change.RefOpen && in != 0:
			v.add("%s, block %d: a fact stands between quotes in its script", where, i+1)
			return
		}
	}
}

// paperRefs are the facts that the action refers to on paper beside those of its commands.
func (a *Action) paperRefs() []string {
	var names []string
	for _, b := range a.Paper {
		names = append(names, change.Refs(b.Script)...)
		names = append(names, change.Refs(b.From)...)
	}
	if a.Probe != nil {
		for _, b := range a.Probe.Paper {
			names = append(names, change.Refs(b.Script)...)
		}
	}
	return names
}

// typedIn is where a block is typed and what: a command that reads a file of the operator's machine is sent from there.
func typedIn(b *Block, host string) (where, text string) {
	host = cmp.Or(b.Host, host)
	switch {
	case b.Script != "":
		return host, checkedFirst(change.Refs(b.Script), withExpansions(b.Script, `"`, `"`))
	case b.From != "":
		return host, checkedFirst(append(change.Refs(b.From), change.CmdRefs(b.Cmd)...), "( "+
			withExpansions(b.From, `"`, `"`)+" | "+call(b.Cmd)+" )")
	case b.Pipe != "":
		return host, checkedFirst(change.CmdRefs(b.Cmd), typed(b.Cmd, b.Pipe))
	case b.Cmd.Stdin.Path() != "":
		return OperatorHost, sent(host, b.Cmd)
	}
	return host, typed(b.Cmd, b.Pipe)
}

// sent is a command as it is sent to a host from the operator's machine, with a file of that as its input. The name of
// each fact is checked first: a substitution that fails would leave a command with a hole.
func sent(host string, cmd sshexec.Cmd) string {
	path := cmd.Stdin.Path()
	cmd.Stdin = sshexec.Input{}
	return fmt.Sprintf(`%sssh %s "$(printf '%%q ' %s)" < %s`, needed(change.CmdRefs(cmd)), quote(host), typed(cmd, ""), quote(path))
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

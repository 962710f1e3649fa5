package evenkeel

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// actions are the actions of one list of a step; mark stands in their numbers.
func (b *sheeter) actions(n int, mark string, phase Phase, s *Step, list []Action) []ActionSheet {
	out := make([]ActionSheet, len(list))
	for i := range list {
		out[i] = b.action(fmt.Sprintf("%d.%s%d", n, mark, i+1), phase, s, &list[i])
	}
	return out
}

func (b *sheeter) action(number string, phase Phase, s *Step, a *Action) ActionSheet {
	out := ActionSheet{Number: number, ID: b.text(a.ID), Phase: phase, Title: b.text(a.Title), Host: b.text(a.host(s)),
		Elsewhere: a.Host != "" && a.Host != s.Host, Effect: a.effect(), ByHand: a.Manual != "", Precondition: a.Precondition,
		What: []string{a.effect().String()}}
	if a.effect() != ReadOnly {
		out.What = append(out.What, "repeat: "+a.Repeat.String())
	}
	if a.Precondition {
		out.What = append(out.What, "precondition: must hold right before what follows")
	}
	if a.Manual != "" {
		out.What = []string{"by hand"}
	}
	if a.Ref != "" && a.Ref != s.Ref {
		out.What = append(out.What, b.text(a.Ref))
	}
	out.Passages = b.passages(s, a)
	return out
}

// say is a passage of prose.
func (b *sheeter) say(format string, args ...any) Passage {
	return Passage{Prose: b.own(fmt.Sprintf(format, args...))}
}

// told is a foreign text as a passage, its facts as shell variables.
func (b *sheeter) told(text string) Passage { return Passage{Prose: b.prose(withVariables(text))} }

// code is a block of code after the prose that says what it is.
func (b *sheeter) code(lead, language, text string) Passage {
	return Passage{Prose: b.own(lead), Code: &Code{Language: language, Text: b.redact.Own(printable.Text(text))}}
}

func (b *sheeter) passages(s *Step, a *Action) (list []Passage) {
	add := func(p ...Passage) { list = append(list, p...) }
	if a.Note != "" {
		add(Passage{Aside: []Passage{{Prose: b.prose(a.Note)}}})
	}
	blocks := a.blocks()
	if a.Manual != "" {
		add(b.told(a.Manual))
		if len(blocks) > 0 {
			add(b.say("It is done when the following shows it; type it again until then."))
		}
	}
	if a.Op != nil {
		add(b.told(a.Op.Text))
		add(b.asks(a.host(s), a.Op.Reads)...)
		add(b.documents(a.host(s), a.Op.Docs)...)
	}
	add(b.blocks(a.host(s), blocks)...)
	if a.Expect.Text != "" {
		add(Passage{Prose: "Expect: " + b.prose(withVariables(a.Expect.Text))})
	}
	if a.DropsConnection {
		add(b.say("The connection ends with it: its exit status says nothing."))
	}
	if a.Detached {
		add(b.say("It must outlive the connection: by hand, type it in `screen` or `tmux`. (The tool runs it as a job of the " +
			"machine, and finds it again.)"))
	}
	for _, m := range a.Makes {
		add(b.makes(a, m, a.host(s)))
	}
	if len(a.Paper) > 0 && a.effect() == ReadOnly && len(a.Cmd.Argv) > 0 {
		add(b.say("(The tool itself runs %s, and reads what it prints.)", code(withVariables(a.Cmd.String()))))
	}
	if a.Probe != nil {
		add(b.probe(a.Probe, cmp.Or(a.Probe.Host, a.host(s))))
	}
	return list
}

// blocks are what the operator types, one after the other. Of alternatives only one is.
func (b *sheeter) blocks(host string, blocks []Block) (list []Passage) {
	for i := range blocks {
		block := &blocks[i]
		where, text := typedIn(block, host)
		first := i == 0 || blocks[i-1].If == ""
		more := i+1 < len(blocks) && blocks[i+1].If != ""
		if block.If != "" && first && more {
			list = append(list, b.say("Alternatives: what was printed decides. Type a block only if its line was printed, and no other."))
		}
		on := "On " + code(where)
		if block.If != "" {
			only := "Only if"
			switch {
			case !first:
				only = "Or, if"
			case more:
				only = "Either, if"
			}
			on = only + " it printed the line " + code(block.If) + ", on " + code(where)
		}
		if block.Text != "" {
			on = prose(withVariables(block.Text)) + " " + on
		}
		typed := b.code(on+":", "sh", text)
		typed.Code.Host, typed.Code.User = b.text(where), b.user(where, block)
		list = append(list, typed)
		list = append(list, b.shows(block)...)
	}
	return list
}

// user is as whom a block is typed.
func (b *sheeter) user(where string, block *Block) string {
	switch {
	case where == OperatorHost:
		return ""
	case block.Cmd.Sudo != nil:
		return b.text(asUser(block.Cmd))
	}
	return b.text(b.o.User)
}

// shows is what the operator judges a block by.
func (b *sheeter) shows(block *Block) []Passage {
	if len(block.Shows) == 0 {
		return nil
	}
	what := "It must print this, and nothing else:"
	switch {
	case b.probing:
		what = "It ran if it prints this, and nothing else:"
	case block.Ends:
		what = "What it prints must end with this:"
	case block.Patience > 0:
		what = fmt.Sprintf("Type it again until it prints this, and nothing else. After %s go on with what it printed last:",
			inWords(block.Patience))
	case block.Until:
		what = "Type it again until it prints this, and nothing else:"
	}
	return []Passage{b.code(what, "text", strings.Join(block.Shows, "\n"))}
}

// makes is how the operator sets the variable of a fact.
func (b *sheeter) makes(a *Action, m Make, host string) Passage {
	name := change.Variable(m.Key.Name())
	if a.sets(m) {
		return b.say("This sets `%s`: %s.", name, inline(m.Key.Doc()))
	}
	script := withExpansions(m.Script, `"`, `"`)
	if script == "" {
		script = Typed(a.Cmd)
	}
	set := b.code(fmt.Sprintf("Set `%s`: %s. On %s:", name, inline(m.Key.Doc()), code(host)), "sh",
		name+"=$("+script+") && : \"${"+name+":?it is empty: find out why}\" && declare -p "+name)
	set.Code.Host, set.Code.User = b.text(host), b.user(host, &Block{Cmd: a.Cmd})
	return set
}

// probe is how the operator finds out whether the action ran.
func (b *sheeter) probe(probe *Probe, host string) Passage {
	blocks := probe.Paper
	if len(blocks) == 0 && probe.Op == nil {
		blocks = []Block{{Cmd: probe.Cmd}}
	}
	list := []Passage{b.say("If you do not know whether it ran, look (%s).", prose(withVariables(strings.TrimSuffix(probe.Text, "."))))}
	if probe.Op != nil {
		list = append(append(list, b.told(probe.Op.Text)), b.asks(host, probe.Op.Reads)...)
	}
	looking := *b
	looking.probing = true
	return Passage{Aside: append(list, looking.blocks(host, blocks)...)}
}

// asks are the servers that an operation only asks, for the reader.
func (b *sheeter) asks(host string, reads []change.Endpoint) []Passage {
	list := make([]string, len(reads))
	for i, to := range reads {
		to = to.At(host)
		list[i] = code(to.Address) + " on " + code(to.Host)
	}
	if len(list) == 0 {
		return nil
	}
	return []Passage{b.say("It may ask %s, and changes nothing there.", strings.Join(list, ", "))}
}

// documents are what is sent to servers, for the reader.
func (b *sheeter) documents(host string, docs []change.OpDoc) (list []Passage) {
	for _, d := range docs {
		var lead []string
		for i, to := range d.To {
			to = to.At(host)
			what := code(to.Address) + " on " + code(to.Host)
			if i == 0 {
				lead = append(lead, "To the server "+what+map[bool]string{true: ", or one of those below"}[len(d.To) > 1]+":")
			} else {
				lead = append(lead, "- or "+what)
			}
		}
		var layout bytes.Buffer
		if json.Indent(&layout, []byte(d.Text), "", "  ") != nil {
			layout.Reset()
			layout.WriteString(d.Text)
		}
		list = append(list, b.code(strings.Join(lead, "\n"), "json", layout.String()))
		if d.Hand != "" {
			list = append(list, b.code("By hand, in a shell of that server:", "js", d.Hand))
		}
	}
	return list
}

package evenkeel

import (
	"fmt"
	"io"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

func (p *printer) action(number string, s *Step, a *Action) {
	what := []string{a.effect().String()}
	if a.effect() != ReadOnly {
		what = append(what, "repeat: "+a.Repeat.String())
	}
	if a.Precondition {
		what = append(what, "precondition: must hold right before what follows")
	}
	if a.Manual != "" {
		what = []string{"by hand"}
	}
	if a.Ref != "" && a.Ref != s.Ref {
		what = append(what, inline(a.Ref))
	}
	where := ""
	if host := hostIfOther(s, a); host != "" {
		where = " — " + code(host)
	}
	p.line("**%s** %s%s (%s)\n", number, inline(a.Title), where, strings.Join(what, "; "))
	if a.Note != "" {
		p.line("> %s\n", strings.ReplaceAll(prose(a.Note), "\n", "\n> "))
	}
	blocks := a.blocks()
	if a.Manual != "" {
		p.line("%s\n", prose(withVariables(a.Manual)))
		if len(blocks) > 0 {
			p.line("It is done when the following shows it; type it again until then.\n")
		}
	}
	if a.Op != nil {
		p.line("%s\n", prose(withVariables(a.Op.Text)))
		p.asks(a.host(s), a.Op.Reads)
		p.documents(a.host(s), a.Op.Docs)
	}
	p.blocks(a.host(s), blocks)
	if a.Expect.Text != "" {
		p.line("Expect: %s\n", prose(withVariables(a.Expect.Text)))
	}
	if a.DropsConnection {
		p.line("The connection ends with it: its exit status says nothing.\n")
	}
	if a.Detached {
		p.line("It must outlive the connection: by hand, type it in `screen` or `tmux`. (The tool runs it as a job of the " +
			"machine, and finds it again.)\n")
	}
	for _, m := range a.Makes {
		p.makes(a, m, a.host(s))
	}
	if len(a.Paper) > 0 && a.effect() == ReadOnly && len(a.Cmd.Argv) > 0 {
		p.line("(The tool itself runs %s, and reads what it prints.)\n", code(withVariables(a.Cmd.String())))
	}
	if a.Probe != nil {
		p.probe(a, a.Probe, a.host(s))
	}
}

// blocks are what the operator types, one after the other. Of alternatives only one is.
func (p *printer) blocks(host string, blocks []Block) {
	for i := range blocks {
		b := &blocks[i]
		where, text := typedIn(b, host)
		first := i == 0 || blocks[i-1].If == ""
		if b.If != "" && first && i+1 < len(blocks) && blocks[i+1].If != "" {
			p.line("Alternatives: what was printed decides. Type a block only if its line was printed, and no other.\n")
		}
		on := "On " + code(where)
		if b.If != "" {
			only := "Only if"
			switch {
			case !first:
				only = "Or, if"
			case i+1 < len(blocks) && blocks[i+1].If != "":
				only = "Either, if"
			}
			on = only + " it printed the line " + code(b.If) + ", on " + code(where)
		}
		if b.Text != "" {
			on = prose(withVariables(b.Text)) + " " + on
		}
		p.line("%s:\n\n%s", on, fence(text))
		p.shows(b)
	}
}

// shows is what the operator judges a block by.
func (p *printer) shows(b *Block) {
	if len(b.Shows) == 0 {
		return
	}
	what := "It must print this, and nothing else:"
	switch {
	case p.probing:
		what = "It ran if it prints this, and nothing else:"
	case b.Ends:
		what = "What it prints must end with this:"
	case b.Patience > 0:
		what = fmt.Sprintf("Type it again until it prints this, and nothing else. After %s go on with what it printed last:", b.Patience)
	case b.Until:
		what = "Type it again until it prints this, and nothing else:"
	}
	p.line("%s\n\n%s", what, fenced("text", strings.Join(b.Shows, "\n")))
}

// makes is how the operator sets the variable of a fact.
func (p *printer) makes(a *Action, m Make, host string) {
	name := change.Variable(m.Key.Name())
	if a.sets(m) {
		p.line("This sets `%s`: %s.\n", name, inline(m.Key.Doc()))
		return
	}
	script := withExpansions(m.Script, `"`, `"`)
	if script == "" {
		script = Typed(a.Cmd)
	}
	p.line("Set `%s`: %s. On %s:\n\n%s", name, inline(m.Key.Doc()), code(host),
		fence(name+"=$("+script+") && : \"${"+name+":?it is empty: find out why}\" && declare -p "+name))
}

// probe is how the operator finds out whether the action ran.
func (p *printer) probe(a *Action, probe *Probe, host string) {
	if probe.Host != "" {
		host = probe.Host
	}
	blocks := probe.Paper
	if len(blocks) == 0 && probe.Op == nil {
		blocks = []Block{{Cmd: probe.Cmd}}
	}
	p.line("> If you do not know whether it ran, look (%s).", prose(withVariables(strings.TrimSuffix(probe.Text, "."))))
	quoted := &printer{w: &quoteWriter{w: p.w}, redact: p.redact, probing: true, err: p.err}
	quoted.line("")
	if probe.Op != nil {
		quoted.line("%s\n", prose(withVariables(probe.Op.Text)))
		quoted.asks(host, probe.Op.Reads)
	}
	quoted.blocks(host, blocks)
	p.err = quoted.err
	p.line("")
}

// quoteWriter puts what is written into a quotation of Markdown.
type quoteWriter struct{ w io.Writer }

func (q *quoteWriter) Write(b []byte) (int, error) {
	text := strings.TrimSuffix(string(b), "\n")
	_, err := io.WriteString(q.w, "> "+strings.ReplaceAll(text, "\n", "\n> ")+"\n")
	return len(b), err
}

package evenkeel

import (
	"io"
	"strings"
	"unicode/utf8"
)

// Text writes the runbook in short, for a terminal: the chapters, then a line an action.
func (rb *Runbook) Text(w io.Writer) error {
	sh, err := rb.Sheet(SheetOptions{})
	if err != nil {
		return err
	}
	return sh.Text(w)
}

// Text writes the document in short, for a terminal: the chapters, then a line an action. The summary fits one screen.
func (sh *Sheet) Text(w io.Writer) error {
	rb := sh.rb
	p := &printer{w: w, redact: rb.redaction()}
	if sh.Digest != "" {
		p.line("digest %s", sh.Digest)
	}
	p.line("%s", sh.Title)
	for i := range sh.Chapters {
		if c := &sh.Chapters[i]; !c.Long {
			p.short(c, i == 0)
			if i == 0 {
				p.line("%s", hanging("  Contents", 22, sh.contents()))
			}
		}
	}
	for i := range rb.Steps {
		s := &rb.Steps[i]
		p.line("")
		p.line("%2d  %-24s %s%s", i+1, s.ID, plain(s.Title), in(" [", plain(s.Ref), "]"))
		if r := sh.Steps[i].Ran; r != nil {
			p.line("      %s%s", plain(r.Words()), in(": ", r.Error, ""))
		}
		for _, win := range s.Opens {
			p.line("      window opens: %s, at most %s; a stop is taken %s: %s",
				plain(win.ID), inWords(win.Limit), win.Stop.words(), plain(win.Reason))
		}
		for j := range s.Actions {
			p.brief(s, &s.Actions[j], "")
		}
		for j := range s.Verify {
			p.brief(s, &s.Verify[j], "verify: ")
		}
		if len(s.Closes) > 0 {
			p.line("      window closes: %s", plain(strings.Join(s.Closes, ", ")))
		}
	}
	return p.err
}

// contents are the chapters of the text.
func (sh *Sheet) contents() string {
	var names []string
	for _, c := range sh.Chapters[1:] {
		if !c.Long {
			names = append(names, c.Title)
		}
	}
	return strings.Join(append(names, "The steps"), "; ")
}

// short writes a chapter for a terminal; bare is without its title.
func (p *printer) short(c *Chapter, bare bool) {
	if !bare {
		p.line("\n%s:", plain(c.Title))
	}
	for _, para := range c.Paras {
		p.line("%s", hanging("", 2, para))
	}
	for _, r := range c.Rows {
		if c.Head == nil && bare && r[0] == digestRow {
			continue // it stands in the first line
		}
		if c.Head == nil {
			p.line("%s", hanging("  "+r[0], 22, r[1]))
			continue
		}
		name, rest := r[0], ""
		if utf8.RuneCountInString(name) > screen/2 { // a sentence: it is wrapped, too
			name, rest, _ = strings.Cut(name, " ")
		}
		p.line("%s", hanging("  "+name, 4, rest+titled(c.Head, r)))
	}
	for _, item := range c.List {
		if c.ID == findingsID { // on one line, to be searched for
			p.line("FINDING  %s", plain(item))
			continue
		}
		p.line("%s", hanging("  -", 4, item))
	}
}

// titled are the cells of a row after its first one, each with the title of its column.
func titled(head, row []string) string {
	if len(row) == 2 {
		return in(": ", row[1], "")
	}
	var list []string
	for i := 1; i < len(row); i++ {
		if row[i] != "" {
			list = append(list, head[i]+": "+row[i])
		}
	}
	return in(": ", strings.Join(list, "; "), "")
}

// screen is how wide the summary is, in letters.
const screen = 80

// hanging is a text that begins after a name, its lines broken at the width of a screen and indented.
func hanging(name string, indent int, text string) string {
	pad := strings.Repeat(" ", indent)
	line := name
	if n := utf8.RuneCountInString(name); n < indent {
		line += pad[n:]
	} else if !strings.HasPrefix(text, ": ") && name != "" {
		line += " "
	}
	var out []string
	for i, word := range strings.Fields(text) {
		sep := " "
		if i == 0 {
			sep = ""
		}
		if i > 0 && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > screen {
			out = append(out, line)
			line, sep = pad, ""
		}
		line += sep + word
	}
	return strings.Join(append(out, strings.TrimRight(line, " ")), "\n")
}

func (p *printer) brief(s *Step, a *Action, prefix string) {
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
		what = a.Title + ": " + what[:i] + " …" // a script says little by its first line
	}
	p.line("    %s %s%s: %s", mark, prefix, plain(a.host(s)), plain(what))
}

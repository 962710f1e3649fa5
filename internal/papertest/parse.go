package papertest

import (
	"fmt"
	"regexp"
	"strings"
)

// Block is one block of commands as the Markdown shows it.
type Block struct {
	Action   string // its number and title
	Host     string
	Text     string // what is typed
	If       string // a line that must have been printed
	Shows    string // what it must print; exit status 0 when empty
	Ends     bool   // Shows are the last lines
	Until    bool
	Patience bool // after a while the last that it printed counts
	ReadOnly bool
	Severs   bool // the connection ends with it
	Document bool // it is no command, but what is sent in a shell of a server
}

var (
	actionLine = regexp.MustCompile(`^\*\*(\d+\.[vu]?\d+)\*\* (.*)$`)
	hostOf     = regexp.MustCompile("[Oo]n `([^`]+)`:$")
	condition  = regexp.MustCompile("(?:Either, if|Or, if|Only if) it printed the line `([^`]+)`, on ")
)

// paper is a runbook on paper.
type paper struct {
	functions string  // for every new terminal
	blocks    []Block // in the order in which they are typed
	others    []Block // of rollbacks and probes: typed only when something went wrong
}

// parse reads the Markdown. A block that does not say where it is typed is an error: a reader could not follow it.
func parse(md string) (*paper, error) {
	p := &paper{}
	var at, lead string
	var last *[]Block
	details, readOnly := false, false
	lines := strings.Split(md, "\n")
	for i := 0; i < len(lines); i++ {
		line, quoted := strings.CutPrefix(lines[i], "> ")
		switch {
		case strings.HasPrefix(line, "<details>"):
			details = true
		case strings.HasPrefix(line, "</details>"):
			details = false
		case actionLine.MatchString(line) && !quoted:
			at, readOnly = line, strings.Contains(line, "(read-only") || strings.Contains(line, "(by hand")
		case strings.HasPrefix(line, "The connection ends with it") && last != nil:
			(*last)[len(*last)-1].Severs = true
		case strings.HasPrefix(line, "```"):
			ticks := line[:len(line)-len(strings.TrimLeft(line, "`"))]
			language := strings.TrimLeft(line, "`")
			var body []string
			for i++; ; i++ {
				if i >= len(lines) {
					return nil, fmt.Errorf("%s: a block does not end", at)
				}
				text := lines[i]
				if quoted {
					text = strings.TrimPrefix(strings.TrimPrefix(text, ">"), " ")
				}
				if text == ticks {
					break
				}
				body = append(body, text)
			}
			text := strings.Join(body, "\n")
			if language == "text" {
				b := &(*last)[len(*last)-1]
				b.Shows, b.Ends = text, strings.Contains(lead, "must end with this")
				b.Until, b.Patience = strings.Contains(lead, "until"), strings.Contains(lead, "go on with what it printed last")
				break
			}
			if strings.HasPrefix(lead, "Paste this into every new terminal") {
				p.functions = text
				break
			}
			if language == "json" { // what the tool sends to a server; how that is done by hand follows
				break
			}
			if strings.HasPrefix(lead, "By hand, in a shell of that server") && !quoted && !details {
				p.blocks = append(p.blocks, Block{Action: at, Text: text, Document: true})
				break
			}
			host := hostOf.FindStringSubmatch(lead)
			if host == nil {
				return nil, fmt.Errorf("%s: nothing says where this is typed: %q\n%s", at, lead, text)
			}
			b := Block{Action: at, Host: host[1], Text: text, ReadOnly: readOnly}
			if c := condition.FindStringSubmatch(lead); c != nil {
				b.If = c[1]
			}
			last = &p.blocks
			if quoted || details {
				last = &p.others
				b.ReadOnly = false
			}
			*last = append(*last, b)
		}
		if strings.TrimSpace(strings.TrimPrefix(line, ">")) != "" && !strings.HasPrefix(line, "```") {
			lead = line
		}
	}
	return p, nil
}

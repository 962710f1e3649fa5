package evenkeel

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// What is shown of names, comments and other texts that come from files and machines: they are data, and nothing in
// them is taken for Markdown, HTML or a command to a terminal.

// plain is text on one line, without what a terminal would obey.
func plain(text string) string { return strings.TrimSpace(printable.Line(text)) }

// inline is text for one line of Markdown.
func inline(text string) string { return escape(plain(text)) }

// cell is text for a table.
func cell(text string) string { return strings.ReplaceAll(inline(text), "|", `\|`) }

// prose is text of one or more lines for Markdown. Code between single backticks and emphasis stay; no line begins a
// heading, a rule, a quotation or a fence.
func prose(text string) string {
	lines := strings.Split(printable.Text(text), "\n")
	for i, l := range lines {
		l = escape(strings.TrimRight(l, " \t"))
		body := strings.TrimLeft(l, " \t")
		if body != "" && (strings.ContainsRune("#>=~+", rune(body[0])) || strings.Trim(body, "-*_ \t") == "") {
			body = `\` + body
		}
		if indent := len(l) - len(strings.TrimLeft(l, " \t")); indent < 4 { // more would be code
			body = l[:indent] + body
		}
		lines[i] = body
	}
	return strings.Join(lines, "\n")
}

// escape takes from a line what Markdown makes links, images, HTML or code of, but for code between single backticks.
func escape(line string) string {
	var b strings.Builder
	for line != "" {
		i := strings.IndexAny(line, "`\\<[]&:")
		if i < 0 {
			break
		}
		b.WriteString(line[:i])
		line = line[i:]
		n := 1
		switch {
		case line[0] == '`':
			if n = codeSpan(line); n > 0 {
				break
			}
			n = 1
			b.WriteByte('\\')
		case line[0] == '&' && !entity(line), line[0] == ':' && !strings.HasPrefix(line, "://"):
		default:
			b.WriteByte('\\')
		}
		b.WriteString(line[:n])
		line = line[n:]
	}
	return b.String() + line
}

// codeSpan is the length of the code between single backticks that a line begins with; 0 for none.
func codeSpan(line string) int {
	end := strings.IndexByte(line[1:], '`') + 1
	if end < 2 || strings.HasPrefix(line[end:], "``") {
		return 0
	}
	return end + 1
}

// entity tells whether a line begins like a character reference of HTML.
func entity(line string) bool {
	return len(line) > 1 && (line[1] == '#' || line[1] >= 'a' && line[1] <= 'z' || line[1] >= 'A' && line[1] <= 'Z')
}

// fenced shows a text as it is, whatever stands in it.
func fenced(language, text string) string {
	text = printable.Text(text)
	ticks := "```"
	for strings.Contains(text, ticks) {
		ticks += "`"
	}
	return ticks + language + "\n" + text + "\n" + ticks + "\n"
}

// code shows a name as it is.
func code(text string) string {
	text = plain(text)
	ticks := "`"
	for strings.Contains(text, ticks) {
		ticks += "`"
	}
	if len(ticks) > 1 {
		text = " " + text + " "
	}
	return ticks + text + ticks
}

// forgedLine is a second line that a reader could take for a heading or the end of a block, though it stands in one.
var forgedLine = regexp.MustCompile("\n(?:#{1,6} |```|===|---)")

// shellSafe is an argument that has what a terminal would obey, or a reader would take for the document's own, for a
// shell that knows $'…'; ok is false when it has nothing of the kind.
func shellSafe(arg string) (quoted string, ok bool) {
	if printable.Text(arg) == arg && !forgedLine.MatchString(arg) {
		return "", false
	}
	var b strings.Builder
	for i, r := range arg {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(arg[i:], string(r)): // a byte that is no text
			fmt.Fprintf(&b, `\x%02x`, arg[i])
		case r == '\'' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case printable.Safe(r):
			b.WriteRune(r)
		default:
			for _, c := range []byte(string(r)) {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		}
	}
	return "$'" + b.String() + "'", true
}

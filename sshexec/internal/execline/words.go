package execline

import (
	"errors"
	"fmt"
	"strings"
)

// word is one word of a shell line, its quotes taken off, or the operator &&.
type word struct {
	text     string
	operator bool
}

// split reads words as a POSIX shell does. Everything that a shell would do more with than take quotes off is an error: expansions,
// patterns, redirections, comments, lists other than by &&.
func split(line string) ([]word, error) {
	var (
		words  []word
		cur    strings.Builder
		inWord bool
	)
	end := func() {
		if inWord {
			words = append(words, word{text: cur.String()})
			cur.Reset()
			inWord = false
		}
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; c {
		case ' ', '\t':
			end()
		case '\'':
			n := strings.IndexByte(line[i+1:], '\'')
			if n < 0 {
				return nil, errors.New("a single quote is not closed")
			}
			cur.WriteString(line[i+1 : i+1+n])
			i += n + 1
			inWord = true
		case '"':
			n, err := doubleQuoted(&cur, line[i+1:])
			if err != nil {
				return nil, err
			}
			i += n
			inWord = true
		case '\\':
			if i+1 == len(line) || line[i+1] == '\n' {
				return nil, errors.New("the line ends in a backslash")
			}
			i++
			cur.WriteByte(line[i])
			inWord = true
		case '&':
			if !strings.HasPrefix(line[i:], "&&") {
				return nil, needsShell(c)
			}
			end()
			words = append(words, word{text: "&&", operator: true})
			i++
		case '#', '~':
			if !inWord {
				return nil, needsShell(c)
			}
			cur.WriteByte(c)
		case '|', ';', '<', '>', '(', ')', '$', '`', '*', '?', '[', '\n', 0:
			return nil, needsShell(c)
		default:
			cur.WriteByte(c)
			inWord = true
		}
	}
	end()
	return words, nil
}

// doubleQuoted reads up to the closing quote and returns how many bytes it took, that quote included.
func doubleQuoted(cur *strings.Builder, text string) (int, error) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '"':
			return i + 1, nil
		case '$', '`':
			return 0, needsShell(c)
		case '\\':
			if i+1 < len(text) && strings.IndexByte("$`\"\\", text[i+1]) >= 0 {
				i++
			}
			cur.WriteByte(text[i])
		default:
			cur.WriteByte(c)
		}
	}
	return 0, errors.New("a double quote is not closed")
}

func needsShell(c byte) error { return fmt.Errorf("%q needs a shell: one simple command only", c) }

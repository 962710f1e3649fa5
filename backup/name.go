package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Name is a file name or a path in a record. Linux allows any bytes in it but NUL, JSON allows text only. A Name of
// valid UTF-8 without a backslash stands in JSON as it is; in any other, a backslash is written as two and each byte
// that belongs to no UTF-8 character as \x and two lower-case hexadecimal digits: the bytes 'a' 0xff '\' are the JSON
// string "a\\xff\\\\".
type Name string

// MarshalJSON writes the name with its escapes.
func (n Name) MarshalJSON() ([]byte, error) { return json.Marshal(escapeName(string(n))) }

// UnmarshalJSON takes the escapes back out.
func (n *Name) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	raw, err := unescapeName(text)
	*n = Name(raw)
	return err
}

// names are texts as Names.
func names(texts []string) []Name {
	var out []Name
	for _, t := range texts {
		out = append(out, Name(t))
	}
	return out
}

func escapeName(s string) string {
	if utf8.ValidString(s) && !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == '\\':
			b.WriteString(`\\`)
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		default:
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

var errEscape = errors.New(`a backslash in a name stands before a backslash, or before x and two hexadecimal digits`)

func unescapeName(s string) (string, error) {
	var b strings.Builder
	for {
		plain, rest, found := strings.Cut(s, `\`)
		b.WriteString(plain)
		switch {
		case !found:
			return b.String(), nil
		case strings.HasPrefix(rest, `\`):
			b.WriteByte('\\')
			s = rest[1:]
		case len(rest) >= 3 && rest[0] == 'x':
			v, err := strconv.ParseUint(rest[1:3], 16, 8)
			if err != nil {
				return "", fmt.Errorf("%q: %w", s, errEscape)
			}
			b.WriteByte(byte(v))
			s = rest[3:]
		default:
			return "", fmt.Errorf("%q: %w", s, errEscape)
		}
	}
}

// shown is a path for a message: as it is where it is plain text, quoted where it holds line breaks, control characters
// or bytes that are no text.
func shown(s string) string {
	for _, r := range s {
		if r == utf8.RuneError || !strconv.IsPrint(r) {
			return strconv.Quote(s)
		}
	}
	return s
}

package sshexec

// StripControl is text without what is meant for a terminal only: colours, cursor movements, titles, bells. A carriage
// return, alone or before a newline, becomes a newline, so that each state of a progress display is a line of its own.
// Text in any ASCII-based encoding stays as it is; a sequence that is not complete at the end is dropped.
func StripControl(text []byte) []byte {
	var s controlStripper
	return s.strip(text)
}

// controlStripper strips a stream piece by piece, wherever the pieces are cut. The states follow ECMA-48, clauses 5.3 to 5.6.
type controlStripper struct {
	state  controlState
	length int  // of the sequence so far
	lineUp bool // a carriage return has ended the line already
}

type controlState uint8

const (
	inText      controlState = iota
	afterEscape              // ESC came
	inCharset                // ESC and an intermediate byte: one final byte follows
	inSequence               // ESC [: parameters up to a final byte
	inString                 // ESC ], P, X, ^ or _: a string up to BEL or ESC \
	inStringEnd              // ESC came in a string
)

// maxControl bounds a sequence, so that a stray ESC ] does not swallow an hour's output.
const maxControl = 4096

const escape = 0x1b

func (s *controlStripper) strip(p []byte) []byte {
	out := make([]byte, 0, len(p))
	for _, c := range p {
		if s.state != inText && !s.breaksOff(c) {
			s.skip(c)
			continue
		}
		up := s.lineUp
		s.lineUp = false
		switch {
		case c == escape:
			s.state, s.length, s.lineUp = afterEscape, 0, up
		case c == '\r':
			if !up {
				out = append(out, '\n')
			}
			s.lineUp = true
		case c == '\n' && up:
		case c == '\n', c == '\t', c >= ' ' && c != 0x7f:
			out = append(out, c)
		default:
			s.lineUp = up
		}
	}
	return out
}

// breaksOff tells whether a byte is text again although the sequence has not come to its end: a character of another
// alphabet, which only a string can hold, or the string is too long. What lies within a UTF-8 character never is.
func (s *controlStripper) breaksOff(c byte) bool {
	isString := s.state == inString || s.state == inStringEnd
	if isString && s.length < maxControl || c&0xc0 == 0x80 && isString || !isString && c < 0x80 {
		return false
	}
	s.state = inText
	return true
}

// skip takes one byte of a sequence.
func (s *controlStripper) skip(c byte) {
	s.length++
	if c == 0x18 || c == 0x1a { // CAN and SUB break a sequence off
		s.state = inText
		return
	}
	switch s.state {
	case afterEscape:
		switch {
		case c == '[':
			s.state = inSequence
		case c == ']', c == 'P', c == 'X', c == '^', c == '_':
			s.state = inString
		case c >= ' ' && c <= '/':
			s.state = inCharset
		case c != escape:
			s.state = inText
		}
	case inCharset:
		if c < ' ' || c > '/' {
			s.state = inText
		}
	case inSequence:
		if c >= '@' && c <= '~' {
			s.state = inText
		}
	case inString:
		switch c {
		case 0x07:
			s.state = inText
		case escape:
			s.state = inStringEnd
		}
	case inStringEnd:
		if s.state = inString; c == '\\' {
			s.state = inText
		}
	case inText:
	}
}

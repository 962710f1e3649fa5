package sshexec

// telnetReader takes the commands of the telnet protocol (RFC 854) out of a stream, wherever the stream is cut into
// pieces, and refuses every option that the other side asks for or offers.
type telnetReader struct {
	state   telnetState
	verb    byte // WILL, WONT, DO or DONT, when state is telnetOption
	afterCR bool // the last byte of the text was a carriage return
}

type telnetState uint8

const (
	telnetText    telnetState = iota
	telnetCommand             // after IAC
	telnetOption              // after IAC and a verb
	telnetSub                 // in a subnegotiation, up to IAC SE
	telnetSubIAC              // after IAC in a subnegotiation
)

// The bytes of the protocol that matter to one who wants no options.
const (
	telnetSE   = 240
	telnetSB   = 250
	telnetWILL = 251
	telnetWONT = 252
	telnetDO   = 253
	telnetDONT = 254
	telnetIAC  = 255
)

// take gives the text in a piece of the stream, with lines ended by "\n" alone, and what has to be answered. It refuses
// requests only: an answer to an answer would never end.
func (t *telnetReader) take(piece []byte) (text, answer []byte) {
	for _, b := range piece {
		switch t.state {
		case telnetText:
			text = t.takeText(text, b)
		case telnetCommand:
			switch b {
			case telnetIAC: // the byte itself
				text = append(text, b)
				t.state, t.afterCR = telnetText, false
			case telnetSB:
				t.state = telnetSub
			case telnetWILL, telnetWONT, telnetDO, telnetDONT:
				t.verb, t.state = b, telnetOption
			default: // a command of two bytes, such as "go ahead"
				t.state = telnetText
			}
		case telnetOption:
			switch t.verb {
			case telnetWILL:
				answer = append(answer, telnetIAC, telnetDONT, b)
			case telnetDO:
				answer = append(answer, telnetIAC, telnetWONT, b)
			}
			t.state = telnetText
		case telnetSub:
			if b == telnetIAC {
				t.state = telnetSubIAC
			}
		case telnetSubIAC:
			if t.state = telnetSub; b == telnetSE {
				t.state = telnetText
			}
		}
	}
	return text, answer
}

// takeText makes one newline of CR LF, of a lone LF and of a lone CR, which is written CR NUL.
func (t *telnetReader) takeText(text []byte, b byte) []byte {
	if b == telnetIAC {
		t.state = telnetCommand
		return text
	}
	afterCR := t.afterCR
	t.afterCR = b == '\r'
	switch {
	case b == '\r':
		return append(text, '\n')
	case afterCR && (b == '\n' || b == 0):
		return text
	}
	return append(text, b)
}

// telnetLine is a line as it is sent.
func telnetLine(line string) []byte {
	out := make([]byte, 0, len(line)+2)
	for _, b := range []byte(line) {
		if b == telnetIAC {
			out = append(out, telnetIAC)
		}
		out = append(out, b)
	}
	return append(out, '\r', '\n')
}

package view

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// attacks are texts that a machine may give as its name, the id of a resource, a note or an output.
var attacks = map[string]string{
	"clear the screen":    "\x1b[2J\x1b[H",
	"a title":             "\x1b]0;owned\x07",
	"the clipboard":       "\x1b]52;c;b3duZWQ=\x1b\\",
	"a link":              "\x1b]8;;http://owned\x1b\\x\x1b]8;;\x1b\\",
	"C1":                  "\u009b31m\u009d0;owned\u009c",
	"C1 alone":            "\x9b2J",
	"a device string":     "\x1bP1$r\x1b\\\x1b_x\x1b\\",
	"back":                "ok\r\b\b\b\x7f\v\f",
	"NUL":                 "a\x00b",
	"no UTF-8":            "a\xff\xc3(\xed\xa0\x80",
	"right to left":       "\u202egnp.exe\u2066\u2069\u200f",
	"nothing to be seen":  "a\u200b\u00ad\ufeff\u2060\U000e0041",
	"lines of ours":       "x\n22:05:14  Step 24 of 24: all is well\r\n 22:05:14  ✓ done",
	"HTML":                "<script>alert(1)</script><img src=x onerror=x>&amp;",
	"a format":            "%s%n%!d(string=x)",
	"a tab and wide ones": "\t\t漢字\t👩‍👩‍👧",
	"huge":                strings.Repeat("A", 1<<14),
	"huge, of words":      strings.Repeat("word ", 1<<12),
	"many lines":          strings.Repeat("line\n", 1<<12),
}

// unsafe is what no text may bring to a terminal.
var unsafe = regexp.MustCompile(`[\x00-\x08\x0b-\x1f\x7f\x{80}-\x{9f}\x{200b}-\x{200f}\x{202a}-\x{202e}\x{2060}-\x{2069}\x{feff}\x{ad}\x{e0041}]`)

// uncoloured is a text without the only sequences that the view itself writes into a row.
func uncoloured(rows string) string { return colour.ReplaceAllString(rows, "") }

var colour = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// hostile is a run whose every text is the same.
func hostile(x string) []evenkeel.Event {
	step := &evenkeel.Step{ID: x, Title: x, Host: x, Actions: []evenkeel.Action{act(x, x, x), act("next", x, x)}}
	s := (&story{now: night}).tell(0, evenkeel.EventServing, -1, x, saw(on(x, x, x), on(x+"2", "", x))).begin(1, step).
		tell(0, evenkeel.EventAction, 0, x).
		tell(0, evenkeel.EventWindow, -1, x, window(&evenkeel.OpenWindow{Since: night, Window: evenkeel.Window{ID: x, Invariant: x, Reason: x, Limit: time.Hour}})).
		tell(stillEvery+time.Second, evenkeel.EventWait, 0, x)
	for _, kind := range []evenkeel.EventKind{evenkeel.EventAsk, evenkeel.EventUnknown, evenkeel.EventFailed, evenkeel.EventAction, evenkeel.EventPause,
		evenkeel.EventUndo, evenkeel.EventCompletion, evenkeel.EventAlarm, evenkeel.EventStopping, evenkeel.EventNote, evenkeel.EventLease,
		evenkeel.EventUnseen, evenkeel.EventAlready, evenkeel.EventAction, evenkeel.EventDone, evenkeel.EventAction} {
		s.tell(time.Second, kind, 0, x)
	}
	return s.all
}

// Whatever a machine says: no escape sequence of its own, no letter that misleads, no row too many or too wide, and no line that looks
// like one of ours.
func TestNothingOfAMachineReachesTheTerminal(t *testing.T) {
	for name, x := range attacks {
		var b strings.Builder
		p := NewPlain(&b, Options{Verbose: true, Journal: x})
		m := newModel(Options{Verbose: true, Journal: x})
		for _, e := range hostile(x) {
			p.Event(e)
			for _, l := range m.take(e) {
				rows := l.rows(80, m.opts.glyphs())
				require.Empty(t, unsafe.FindString(uncoloured(rows)), "%s: %q", name, e.Kind)
				require.NotRegexp(t, `(?m)^ ?22:05:14 `, uncoloured(rows), "%s: %q", name, e.Kind)
				require.LessOrEqual(t, len(rows), 6*most, "%s: %q", name, e.Kind)
			}
			for _, size := range [][2]int{{20, 8}, {60, 22}, {160, 50}} {
				rows := m.block(size[0], size[1], e.Time)
				require.LessOrEqual(t, len(rows), size[1], name)
				for _, row := range rows {
					require.LessOrEqual(t, ansi.StringWidth(row), size[0], "%s: %q", name, row)
					require.Empty(t, unsafe.FindString(uncoloured(row)), "%s: %q", name, row)
					require.NotContains(t, ansi.Strip(row), "\n")
				}
			}
		}
		require.Empty(t, unsafe.FindString(b.String()), name)
		require.True(t, utf8.ValidString(b.String()), name)
		require.NotRegexp(t, `(?m)^ ?22:05:14 `, b.String(), name)
		require.Empty(t, unsafe.FindString(p.Serving()), name)
	}
}

// The sequences of an attack are found where they are not made safe.
func TestAttacksAreSeen(t *testing.T) {
	for _, name := range []string{"clear the screen", "a title", "the clipboard", "a link", "C1", "a device string", "back", "NUL", "right to left",
		"nothing to be seen", "lines of ours"} {
		require.NotEmpty(t, unsafe.FindString(uncoloured(attacks[name])), name)
	}
}

// The lines of JSON are whole, one for each event, and safe for whoever looks at them with cat.
func TestEventsOfAMachine(t *testing.T) {
	for name, x := range attacks {
		var b strings.Builder
		j := NewEvents(printable.Writer(&b))
		events := hostile(x)
		for _, e := range events {
			j.Event(e)
		}
		require.NoError(t, j.Err())
		require.Empty(t, unsafe.FindString(b.String()), name)
		for line := range strings.Lines(b.String()) {
			var r Record
			require.NoError(t, json.Unmarshal([]byte(line), &r), name)
			require.Equal(t, strings.ToValidUTF8(x, "\ufffd") == x, r.Text == x, name)
		}
	}
}

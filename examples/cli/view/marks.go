package view

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// mark says in one letter what a line is; the words of the line say it too.
type mark int

const (
	markStep mark = iota
	markDone
	markFailed
	markAsk
	markAlarm
	markUndo
	markOpen
	markClose
	markNote
	markServing
	markWait
)

// glyphs are the marks and signs that a terminal can show.
type glyphs struct {
	mark                          [markWait + 1]string
	rule, up, down, dots, between string
}

var unicodeGlyphs = &glyphs{
	mark: [...]string{"", "✓", "✗", "?", "!", "<", "[", "]", "i", "●", "…"},
	rule: "─", up: "●", down: "○", dots: "…", between: "·",
}

var asciiGlyphs = &glyphs{
	mark: [...]string{"", "+", "x", "?", "!", "<", "[", "]", "i", "*", "~"},
	rule: "-", up: "*", down: "o", dots: "...", between: "-",
}

func (o Options) glyphs() *glyphs {
	if o.ASCII {
		return asciiGlyphs
	}
	return unicodeGlyphs
}

// ASCIIOnly tells whether a terminal shows no more than ASCII for certain: its locale is not UTF-8, or it is the Linux console, whose
// fonts lack the marks. Env looks a variable up.
func ASCIIOnly(env func(string) string) bool {
	locale := env("LC_ALL")
	for _, name := range []string{"LC_CTYPE", "LANG"} {
		if locale == "" {
			locale = env(name)
		}
	}
	locale = strings.ReplaceAll(strings.ToLower(locale), "-", "")
	return !strings.Contains(locale, "utf8") || env("TERM") == "linux"
}

// Redraws tells whether a terminal is one that can be redrawn, and whose user wants that: NO_COLOR and TERM=dumb ask
// for plain lines.
func Redraws(env func(string) string) bool {
	return env("NO_COLOR") == "" && env("TERM") != "" && env("TERM") != "dumb"
}

// The styles of a block: the colours are the terminal's own.
var (
	good   = ansi.Style{}.ForegroundColor(ansi.Green)
	bad    = ansi.Style{}.ForegroundColor(ansi.Red).Bold()
	heed   = ansi.Style{}.ForegroundColor(ansi.Yellow).Bold()
	strong = ansi.Style{}.Bold()
	quiet  = ansi.Style{}.Faint()
)

// style is that of a line with a mark.
func (k mark) style() ansi.Style {
	switch k {
	case markDone, markClose:
		return good
	case markFailed:
		return bad
	case markAsk, markAlarm, markUndo, markOpen:
		return heed
	case markStep:
		return strong
	case markNote, markServing, markWait:
	}
	return quiet
}

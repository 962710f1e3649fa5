package cli

import (
	"io"
	"os"
	"strings"

	"github.com/evenkeel-ha/evenkeel/examples/cli/view"
)

// told is Stdout, and said is Stderr, for sentences in whole lines: each is broken between words where it is a terminal itself.
func (a *App) told() io.Writer { return a.prose(a.Stdout, a.screen) }
func (a *App) said() io.Writer { return a.prose(a.Stderr, a.errors) }

// answers is Stdout for an answer: text is broken between words, and what a program reads stays as it is.
func (a *App) answers(format string) io.Writer {
	if format == "json" || format == "yaml" {
		return a.Stdout
	}
	return a.told()
}

func (a *App) prose(w io.Writer, terminal *os.File) io.Writer {
	if terminal == nil {
		return w
	}
	return proseWriter{w, a.Name, func() (int, int) { return sizeOf(terminal) }}
}

type proseWriter struct {
	w    io.Writer
	tool string // its name: a line with a command of it is left whole, so that it can be copied
	size func() (width, height int)
}

// Write writes lines.
func (p proseWriter) Write(raw []byte) (int, error) {
	width, _ := p.size()
	var b strings.Builder
	for line := range strings.Lines(string(raw)) {
		text, end := strings.CutSuffix(line, "\n")
		if !strings.Contains(strings.TrimPrefix(text, p.tool+" "), p.tool+" ") { // an error begins with it
			text = view.Hang(text, width)
		}
		b.WriteString(text)
		if end {
			b.WriteString("\n")
		}
	}
	_, err := io.WriteString(p.w, b.String())
	return len(raw), err
}

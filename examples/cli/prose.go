package cli

import (
	"io"
	"strings"

	"github.com/evenkeel-ha/evenkeel/examples/cli/view"
)

// prose is w for sentences, in whole lines: on a terminal they are broken between words.
func (a *App) prose(w io.Writer) io.Writer {
	if a.screen == nil {
		return w
	}
	return proseWriter{w, a.Name, a.size}
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
		if !strings.Contains(text, p.tool+" ") {
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

package sshexec

import (
	"bytes"
	"strings"
	"sync"
)

// Line is a line of a running command's output, without its newline.
type Line struct {
	Stream string // "stdout" or "stderr"
	Text   string // secrets that the command masks are hidden
}

// The streams that a Line can come from.
const (
	StdoutStream = "stdout"
	StderrStream = "stderr"
)

// maxLine is the length in bytes at which a line that does not end is handed on in parts.
const maxLine = 64 << 10

// observer hands lines to a command's observer, one at a time.
type observer struct {
	mu   sync.Mutex
	to   func(Line)
	hide Redaction
}

func (o *observer) show(stream, text string) {
	text = o.hide.String(strings.TrimSuffix(text, "\r"))
	o.mu.Lock()
	defer o.mu.Unlock()
	o.to(Line{stream, text})
}

// lineSplitter cuts one stream into lines for an observer.
type lineSplitter struct {
	stream string
	to     *observer
	begun  []byte
}

func (l *lineSplitter) write(p []byte) {
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			l.begun = append(l.begun, p...)
			for len(l.begun) >= maxLine {
				part := string(l.begun[:maxLine])
				if begun := l.to.hide.begun(part); begun < maxLine {
					part = part[:maxLine-begun] // a secret is not divided: neither part would be known for one
				}
				l.to.show(l.stream, part)
				l.begun = l.begun[len(part):]
			}
			return
		}
		line := p[:end]
		if len(l.begun) > 0 {
			line = append(l.begun, line...)
			l.begun = nil
		}
		l.to.show(l.stream, string(line))
		p = p[end+1:]
	}
}

// end hands on a last line that has no newline.
func (l *lineSplitter) end() {
	if len(l.begun) > 0 {
		l.to.show(l.stream, string(l.begun))
		l.begun = nil
	}
}

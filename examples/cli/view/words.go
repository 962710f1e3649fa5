package view

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// words is a duration as people say it: "4 s", "31 m", "1 h 20 m".
func words(d time.Duration) string {
	d = max(0, d.Round(time.Second))
	h, m, s := d/time.Hour, d/time.Minute%60, d/time.Second%60
	switch {
	case h > 0 && m > 0:
		return fmt.Sprintf("%d h %d m", h, m)
	case h > 0:
		return fmt.Sprintf("%d h", h)
	case m >= 10 || m > 0 && s == 0:
		return fmt.Sprintf("%d m", m)
	case m > 0:
		return fmt.Sprintf("%d m %d s", m, s)
	}
	return fmt.Sprintf("%d s", s)
}

// short is the name of a machine without its domain; an address stays whole.
func short(host string) string {
	host = printable.Line(host)
	if net.ParseIP(host) != nil {
		return host
	}
	name, _, _ := strings.Cut(host, ".")
	return name
}

// places is short for each of several machines, as "a.example and b.example".
func places(where string) string {
	list := strings.Split(where, " and ")
	for i, host := range list {
		list[i] = short(host)
	}
	return strings.Join(list, " and ")
}

// wrap breaks text into lines of at most a width: between words, and never in a name such as ct6-mds1.
func wrap(text string, width int) string {
	const hyphen = "\u2011" // no place to break, and as wide
	return strings.ReplaceAll(ansi.Wrap(strings.ReplaceAll(text, "-", hyphen), width, ""), hyphen, "-")
}

// titled is a title with its machine, where it does not name it.
func titled(title, host string) string {
	title = printable.Line(title)
	if name := short(host); name != "" && !strings.Contains(title, name) {
		return title + " (" + name + ")"
	}
	return title
}

// Hang is a line of prose for a terminal of a width: broken between words, and what follows is indented by two more than the line is.
func Hang(line string, width int) string {
	text := strings.TrimLeft(line, " ")
	own := strings.Repeat(" ", len(line)-len(text))
	if room := width - len(own) - 2; ansi.StringWidth(line) > width && room >= 20 {
		return own + strings.ReplaceAll(wrap(text, room), "\n", "\n  "+own)
	}
	return line
}

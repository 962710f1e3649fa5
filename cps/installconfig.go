package cps

import (
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
)

// InstallConfigPath is the file with the parameters of an installation, on the Cluster Manager (cps:542).
const InstallConfigPath = "/var/install.cfg"

// Parameters of install.cfg that leave a synchronization out where they are 1 (cps:542-551,1698-1707).
const (
	SkipBulkStats = "SKIP_BLKSTATS"
	SkipCarbonDB  = "SKIP_CARBONDB"
)

// InstallConfig is /var/install.cfg: KEY=VALUE lines, as a shell reads them. Of a key that is given twice the last line counts.
// Comments, quotes and order are kept.
type InstallConfig struct {
	File string // the name errors and findings give
	settings
}

var (
	installLine = regexp.MustCompile(`^(\s*(?:export[ \t]+)?)([A-Za-z_][A-Za-z0-9_.-]*)([ \t]*=[ \t]*)(.*)$`)
	// installValue is a value in quotes or without, and what follows it: blanks, a semicolon, a comment.
	installValue = regexp.MustCompile(`^(?:(")([^"\\` + "`" + `$]*)"|(')([^']*)'|()([^\s"'\\` + "`" +
		`$;&|<>()#][^\s"'\\` + "`" + `$;&|<>()]*|))([ \t]*;?(?:[ \t]+#.*|[ \t]*))$`)
)

// spaced is a key that a shell does not set.
var spaced = regexp.MustCompile(`[ \t]=|=[ \t]`)

// ErrNoParameters is what ParseInstallConfig says of a file that is empty, or has nothing but comments.
var ErrNoParameters = errors.New("no KEY=VALUE line")

// ParseInstallConfig reads install.cfg. A line that is no KEY=VALUE and no comment is an error, and so is a value that a shell would
// work out (a variable, a command) or that goes on behind a blank. Errors do not show the line, which may hold a password.
func ParseInstallConfig(r io.Reader) (*InstallConfig, error) {
	src, err := readSource(r, InstallConfigPath)
	if err != nil {
		return nil, err
	}
	c := &InstallConfig{File: src.name, settings: settings{bom: src.bom}}
	for _, l := range src.lines {
		text := strings.TrimSpace(l.text)
		if isPrompt(text) || isFence(text) {
			continue
		}
		if text == "" || strings.HasPrefix(text, "#") {
			c.lines = append(c.lines, &configLine{no: l.no, before: l.text, value: hidden(""), after: l.eol})
			continue
		}
		m := installLine.FindStringSubmatch(l.text)
		if m == nil {
			src.failf(l.no, 1, "", "not a KEY=VALUE line (the text is not shown: it may be a secret)")
			continue
		}
		v := installValue.FindStringSubmatch(m[4])
		if v == nil {
			src.failf(l.no, len(m[1]+m[2]+m[3])+1, "", "the value of %s is not one word: it is worked out by a shell, goes on behind a blank, "+
				"or its quote is not closed (the text is not shown: it may be a secret)", m[2])
			continue
		}
		quote := v[1] + v[3]
		c.lines = append(c.lines, &configLine{
			no: l.no, key: m[2], before: m[1] + m[2] + m[3] + quote, value: hidden(Secret(v[2] + v[4] + v[6])), after: quote + v[7] + l.eol,
		})
	}
	if len(c.Keys()) == 0 && len(src.errs) == 0 {
		src.failf(src.end(), 0, "", "%w", ErrNoParameters)
	}
	if err := src.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// Skips tells whether a parameter such as SkipCarbonDB is 1.
func (c *InstallConfig) Skips(key string) bool {
	l := c.find(key)
	return l != nil && !spaced.MatchString(l.before) && l.value() == "1"
}

// Lines are the numbers of the lines that give a key.
func (c *InstallConfig) Lines(key string) []int {
	var at []int
	for _, l := range c.lines {
		if l.key == key && key != "" {
			at = append(at, l.no)
		}
	}
	return at
}

// Set changes the value of a key in the line that counts, or adds a line KEY=VALUE at the end. The value must be a word without
// quotes, blanks and what a shell works out; Set panics with another, as with a key that is no name.
func (c *InstallConfig) Set(key string, value Secret) {
	m := installLine.FindStringSubmatch(key + "=" + value.Reveal())
	if m == nil || m[2] != key {
		panic("cps: not the name of a parameter: " + key)
	}
	if v := installValue.FindStringSubmatch(m[4]); v == nil || Secret(v[6]) != value {
		panic("cps: the value of " + key + " is not one plain word")
	}
	if l := c.find(key); l != nil {
		l.value = hidden(value)
		return
	}
	if n := len(c.lines); n > 0 && !strings.HasSuffix(c.lines[n-1].after, "\n") {
		c.lines[n-1].after += "\n"
	}
	c.lines = append(c.lines, &configLine{no: len(c.lines) + 1, key: key, before: key + "=", value: hidden(value), after: "\n"})
}

// Findings reports keys that are given twice with different values, blanks around a "=", a SKIP parameter that is neither 0 nor 1,
// and what is lost where one of them is 1 (cps:554).
func (c *InstallConfig) Findings() []Finding {
	f := findings{file: c.File}
	last := map[string]*configLine{}
	for _, l := range c.lines {
		if l.key == "" {
			continue
		}
		if spaced.MatchString(l.before) {
			f.add(Error, l.no, "CPS-017", "blanks stand around the = of %s: a shell does not set it", l.key)
		}
		if other := last[l.key]; other != nil {
			severity, how := Info, "with the same value"
			if other.value() != l.value() {
				severity, how = Warning, "with another value: the last one counts"
			}
			f.add(severity, l.no, "CPS-017", "%s is given twice, first on line %d, %s", l.key, other.no, how)
		}
		last[l.key] = l
	}
	for _, skip := range []struct{ key, lost string }{{SkipBulkStats, "bulk statistics"}, {SkipCarbonDB, "Grafana data"}} {
		l := last[skip.key]
		switch {
		case l == nil:
		case c.Skips(skip.key):
			f.add(Info, l.no, "CPS-169", "%s is 1: the old %s will not be on the new system", skip.key, skip.lost)
		case !slices.Contains([]Secret{"0", "1"}, l.value()):
			f.add(Warning, l.no, "CPS-017", "%s must be 0 or 1", skip.key)
		}
	}
	return f.list
}

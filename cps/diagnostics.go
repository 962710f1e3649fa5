package cps

import (
	"io"
	"regexp"
	"slices"
	"strings"
)

// Verdict is the tag of a check of diagnostics.sh (cps:529,1725).
type Verdict string

// The verdicts; NoVerdict is a check that prints none, as for the replica sets.
const (
	NoVerdict Verdict = ""
	Pass      Verdict = "PASS"
	Warn      Verdict = "WARN"
	Fail      Verdict = "FAIL"
)

// Diagnostics is the output of diagnostics.sh: its checks, one after the other.
type Diagnostics struct {
	File   string // the name errors and findings give
	Title  string // "CPS Diagnostics HA Multi-Node Environment"; empty in an excerpt
	Checks []Check
}

// Check is what stands from one "Checking ...": line to the next.
type Check struct {
	Title   string // "AIDO status on all VMs"
	Verdict Verdict
	Lines   []string // what follows, without blank lines at the ends
	Line    int
	numbers []int // of Lines
}

var (
	checkForm   = regexp.MustCompile(`^Checking (.*?)\s*\.\.\.\s*(?:\[\s*([A-Z]+)\s*\])?$`)
	verdictForm = regexp.MustCompile(`^\[\s*([A-Z]+)\s*\]$`)
)

// ParseDiagnostics reads the output of diagnostics.sh, with any of its options. An output without a check, and a tag other than
// [PASS], [WARN] and [FAIL], are errors.
func ParseDiagnostics(r io.Reader) (*Diagnostics, error) {
	src, err := readSource(r, "diagnostics.sh")
	if err != nil {
		return nil, err
	}
	d := &Diagnostics{File: src.name}
	for _, l := range src.clean() {
		d.line(src, l)
	}
	for i := range d.Checks {
		d.Checks[i].trim()
	}
	if len(d.Checks) == 0 && len(src.errs) == 0 {
		src.failf(src.end(), 0, "", "no check: a line like Checking ...[PASS] is missing")
	}
	if err := src.err(); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *Diagnostics) line(src *source, l sourceLine) {
	text := strings.TrimSpace(l.text)
	if m := checkForm.FindStringSubmatch(text); m != nil {
		d.Checks = append(d.Checks, Check{Title: m[1], Verdict: readVerdict(src, l, m[2]), Line: l.no})
		return
	}
	if len(d.Checks) == 0 {
		if strings.HasPrefix(text, "CPS Diagnostics") {
			d.Title = text
		}
		return
	}
	c := &d.Checks[len(d.Checks)-1]
	if m := verdictForm.FindStringSubmatch(text); m != nil && c.Verdict == NoVerdict && strings.TrimSpace(strings.Join(c.Lines, "")) == "" {
		c.Verdict = readVerdict(src, l, m[1])
		return
	}
	c.Lines = append(c.Lines, l.text)
	c.numbers = append(c.numbers, l.no)
}

func readVerdict(src *source, l sourceLine, tag string) Verdict {
	v := Verdict(tag)
	switch v {
	case NoVerdict, Pass, Warn, Fail:
	default:
		src.failAt(l, tag, "unknown result of a check: it must be PASS, WARN or FAIL")
	}
	return v
}

// trim drops blank lines at both ends.
func (c *Check) trim() {
	for len(c.Lines) > 0 && c.Lines[0] == "" {
		c.Lines, c.numbers = c.Lines[1:], c.numbers[1:]
	}
	for n := len(c.Lines); n > 0 && c.Lines[n-1] == ""; n-- {
		c.Lines, c.numbers = c.Lines[:n-1], c.numbers[:n-1]
	}
}

// Check finds a check by a part of its title, without regard to case.
func (d *Diagnostics) Check(part string) (Check, bool) {
	i := slices.IndexFunc(d.Checks, func(c Check) bool { return strings.Contains(strings.ToLower(c.Title), strings.ToLower(part)) })
	if i < 0 {
		return Check{}, false
	}
	return d.Checks[i], true
}

// Worst is the gravest verdict of all checks.
func (d *Diagnostics) Worst() Verdict {
	worst := NoVerdict
	for _, c := range d.Checks {
		if verdictRank(c.Verdict) > verdictRank(worst) {
			worst = c.Verdict
		}
	}
	return worst
}

func verdictRank(v Verdict) int { return slices.Index([]Verdict{NoVerdict, Pass, Warn, Fail}, v) }

// Findings reports the checks that did not pass. During a migration some are expected to fail (cps:385): that is for the caller, who
// knows the stage.
func (d *Diagnostics) Findings() []Finding {
	f := findings{file: d.File}
	for _, c := range d.Checks {
		switch c.Verdict {
		case Warn:
			f.add(Warning, c.Line, "CPS-130", "check %q warns", c.Title)
		case Fail:
			f.add(Error, c.Line, "CPS-130", "check %q failed", c.Title)
		case Pass, NoVerdict:
		}
	}
	return f.list
}

// AIDO is the AIDO check of diagnostics.sh (cps:529-539).
type AIDO struct {
	Verdict      Verdict
	NotInstalled []string // the VMs without the service: those that are still on a release before 19.4, as the output says
	Other        []string // other lines of the check
}

var aidoForm = regexp.MustCompile(`^(\S+)\s+AIDO service is not installed on (\S+), may be pre 19\.4 build on`)

// readCheck reads one check out of the output of diagnostics.sh; an output without it is an error.
func readCheck(r io.Reader, name string) (*source, Check, error) {
	src, err := readSource(r, "diagnostics.sh")
	if err != nil {
		return nil, Check{}, err
	}
	d := &Diagnostics{}
	for _, l := range src.clean() {
		d.line(src, l)
	}
	c, ok := d.Check(name)
	if !ok {
		src.failf(src.end(), 0, "", "no %s check", name)
		return nil, Check{}, src.err()
	}
	c.trim()
	return src, c, nil
}

// ParseAIDO reads the AIDO check out of the output of diagnostics.sh. The lines for VMs without the service can be ignored until every
// VM is migrated (cps:524). An output without the check, and a line that names two VMs, are errors.
func ParseAIDO(r io.Reader) (*AIDO, error) {
	src, c, err := readCheck(r, "AIDO")
	if err != nil {
		return nil, err
	}
	a := &AIDO{Verdict: c.Verdict}
	for i, line := range c.Lines {
		text := strings.TrimSpace(line)
		m := aidoForm.FindStringSubmatch(text)
		switch {
		case text == "" || isRule(text):
		case m == nil:
			a.Other = append(a.Other, text)
		case m[1] != m[2]:
			src.failf(c.numbers[i], 1, text, "the line names two VMs, %s and %s", m[1], m[2])
		default:
			a.NotInstalled = append(a.NotInstalled, m[1])
		}
	}
	if err := src.err(); err != nil {
		return nil, err
	}
	return a, nil
}

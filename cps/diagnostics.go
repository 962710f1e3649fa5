package cps

import (
	"io"
	"net/url"
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
	before []sourceLine // what stands before the first check, and is no title
}

// Check is what stands from one "Checking ...": line to the next.
type Check struct {
	Title   string // "AIDO status on all VMs"
	Verdict Verdict
	Lines   []string // what follows, without blank lines at the ends
	Line    int
	numbers []int // of Lines
}

// Forms of a check. Its title ends with dots, its tag follows there, on a line of its own, or behind the text that
// follows; words as in the titles of real outputs begin a check, and any other text before a tag belongs to the check
// that is open.
var (
	checkForm   = regexp.MustCompile(`^(.*?)\s*\.\.\.\s*(?:\[\s*(\w+)\s*\])?$`)
	checkWords  = regexp.MustCompile(`^(?:Checking|Validating|Retrieving|Verifying|Testing|Ping check)\b`)
	verdictForm = regexp.MustCompile(`^\[\s*(\w+)\s*\]$`)
	trouble     = regexp.MustCompile(`(?i)\[\s*(?:(FAIL|ERROR|CRITICAL)|WARN)`)
)

// CheckReplicaSets is a part of the title of the one check that prints no tag.
const CheckReplicaSets = "replica sets"

// ParseDiagnostics reads the output of diagnostics.sh, with any of its options. An output without a check, and a tag other than
// [PASS], [WARN] and [FAIL], are errors. A tag of trouble counts wherever it stands.
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
	var c *Check
	if n := len(d.Checks); n > 0 {
		c = &d.Checks[n-1]
	}
	if m := checkForm.FindStringSubmatch(text); m != nil && !strings.HasPrefix(text, "|") {
		switch {
		case c != nil && !checkWords.MatchString(text) && c.Verdict == NoVerdict && m[2] != "": // its result stands behind more text
			c.Verdict = readVerdict(src, l, m[2])
			return
		case checkWords.MatchString(text) || m[2] != "":
			d.Checks = append(d.Checks, Check{Title: strings.TrimPrefix(m[1], "Checking "), Verdict: readVerdict(src, l, m[2]), Line: l.no})
			return
		}
	}
	if c == nil {
		switch {
		case strings.HasPrefix(text, "CPS Diagnostics"):
			d.Title = text
		case trouble.MatchString(text):
			d.Checks = append(d.Checks, Check{Title: text, Verdict: troubleOf(text), Line: l.no})
		case text != "" && !isRule(text) && !strings.HasPrefix(text, "|"):
			d.before = append(d.before, l)
		}
		return
	}
	if m := verdictForm.FindStringSubmatch(text); m != nil {
		c.worsen(readVerdict(src, l, m[1]))
		return
	}
	if trouble.MatchString(text) {
		c.worsen(troubleOf(text))
	}
	c.Lines = append(c.Lines, l.text)
	c.numbers = append(c.numbers, l.no)
}

// worsen keeps the graver of two results of one check.
func (c *Check) worsen(v Verdict) {
	if verdictRank(v) > verdictRank(c.Verdict) {
		c.Verdict = v
	}
}

// troubleOf is what a tag inside a text says.
func troubleOf(text string) Verdict {
	if m := trouble.FindStringSubmatch(text); m != nil && m[1] == "" {
		return Warn
	}
	return Fail
}

func readVerdict(src *source, l sourceLine, tag string) Verdict {
	v := Verdict(strings.ToUpper(tag))
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

// proxySentences are what the HAProxy check says of every list, be it wrapped or not (cps:1726-1731).
var proxySentences = regexp.MustCompile(`HA Proxy Diameter is displaying some services as down or with errors\. If services are restarting, this is normal\.|` +
	`Please wait up to a minute after restart is successful to ensure services are marked up\.|` +
	`Services marked DOWN 1/2 are coming up \(1 success in last 2 tries\)\.|Services marked UP 1/3 are going down\.|Go to the following url for complete HA Proxy status information:`)

// gaveUp is what a check says, or a program in its place, that was not made to its end. It is no detail of a check that warns or failed.
var gaveUp = regexp.MustCompile(`(?i)^\W*(?:fatal|traceback|ssh:|bash:|sh:|panic)|\bskipped\b|command not found|segmentation fault|connection refused|no route to host|permission denied`)

// NotUnderstood reports the lines that are of no known form: nobody can say that what they tell is harmless. Below a
// check that warns or failed any text may stand, for it is a finding by itself, but none that says that the checks were
// given up. The table of the replica sets is read by [ParseReplicaTable].
func (d *Diagnostics) NotUnderstood() []Finding {
	f := findings{file: d.File}
	say := func(line int, text string) {
		f.add(Error, line, "CPS-130", "not understood: %q", strings.TrimSpace(text))
	}
	for _, l := range d.before {
		say(l.no, l.text)
	}
	for _, c := range d.Checks {
		title := strings.ToLower(c.Title)
		rest := c.foreign(strings.Contains(title, "haproxy"))
		for i, line := range c.Lines {
			if i >= len(c.numbers) || rest[i] == "" {
				continue
			}
			if c.Verdict == Pass || c.Verdict == NoVerdict && !strings.Contains(title, CheckReplicaSets) ||
				gaveUp.MatchString(strings.TrimSpace(line)) {
				say(c.numbers[i], line)
			}
		}
	}
	return f.list
}

// foreign are the lines of a check, those of a known form emptied.
func (c Check) foreign(proxy bool) []string {
	rest := make([]string, len(c.Lines))
	joined, of := "", []int{} // the text of all lines, and of which line each byte is: sentences wrap
	for i, line := range c.Lines {
		text := strings.Join(strings.Fields(line), " ")
		switch {
		case text == "" || isRule(text) || strings.HasPrefix(text, "|") || aidoForm.MatchString(text) &&
			strings.Contains(strings.ToLower(c.Title), "aido"):
			continue
		case proxy && (serviceForm.MatchString(text) || proxyDetail.MatchString(text)):
			continue
		}
		rest[i] = text
		for range text + " " {
			of = append(of, i)
		}
		joined += text + " "
	}
	if !proxy || len(of) != len(joined) { // not ASCII: no sentence of ours
		return rest
	}
	known := map[int]int{}
	for _, at := range proxySentences.FindAllStringIndex(joined, -1) {
		for _, i := range of[at[0]:at[1]] {
			known[i]++
		}
	}
	for i, text := range rest {
		if known[i] > 0 && known[i] >= len(text)-strings.Count(text, ". ")-1 {
			rest[i] = ""
		}
		if u, err := url.Parse(text); err == nil && u.Scheme != "" && u.Host != "" {
			rest[i] = ""
		}
	}
	return rest
}

// proxyDetail is the line of counts below a service, or what is left of one that wraps.
var proxyDetail = regexp.MustCompile(`^(?:Sessions \(current,max,limit\):.*|Rate \(sessions,max,limit\):.*|Last Status change \(seconds\):.*|\(?seconds\):(?: \d+)?|\d+)$`)

// Findings reports the checks that did not pass, or that have no result, and the lines that are not understood. During
// a migration some are expected to fail (cps:385): that is for the caller, who knows the stage.
func (d *Diagnostics) Findings() []Finding {
	f := findings{file: d.File}
	for _, c := range d.Checks {
		switch c.Verdict {
		case Warn:
			f.add(Warning, c.Line, "CPS-130", "check %q warns", c.Title)
		case Fail:
			f.add(Error, c.Line, "CPS-130", "check %q failed", c.Title)
		case NoVerdict:
			if !strings.Contains(strings.ToLower(c.Title), CheckReplicaSets) { // its table says how it is
				f.add(Error, c.Line, "CPS-130", "check %q has no result", c.Title)
			}
		case Pass:
		}
	}
	if len(d.Checks) == 0 {
		f.add(Error, 0, "CPS-130", "there is no check")
	}
	f.list = append(f.list, d.NotUnderstood()...)
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

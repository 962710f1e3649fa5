package cps

import (
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
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

// Forms of a check. Its title ends with dots as a rule. Its tag stands behind them, on a line of its own, behind the
// text that follows, or before everything. Words as in the titles of real outputs begin a check.
var (
	checkWords = regexp.MustCompile(`^(?:Checking|Validating|Retrieving|Verifying|Testing|Ping [Cc]heck)\b`)
	lastTag    = regexp.MustCompile(`^(.*?)(?:\s*\.\.\.)?\s*\[\s*(\w+)\s*\]$`)
	firstTag   = regexp.MustCompile(`^\[\s*(\w+)\s*\]\s*(.*)$`)
	titleLine  = regexp.MustCompile(`^CPS Diagnostics [A-Za-z][A-Za-z -]*$`)
	trouble    = regexp.MustCompile(`(?i)\[\s*(?:(FAIL|ERROR|CRITICAL)|WARN)`)
)

// CheckReplicaSets is a part of the title of the one check that prints no tag.
const CheckReplicaSets = "replica sets"

// ParseDiagnostics reads the output of diagnostics.sh, with any of its options. An output without a check is an error.
// A tag of trouble counts wherever it stands; a word in brackets that is no tag makes a line that is not understood.
func ParseDiagnostics(r io.Reader) (*Diagnostics, error) {
	src, err := readSource(r, "diagnostics.sh")
	if err != nil {
		return nil, err
	}
	d := &Diagnostics{File: src.name}
	for _, l := range src.clean() {
		d.line(l)
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

func (d *Diagnostics) line(l sourceLine) {
	text := strings.TrimSpace(l.text)
	c := &Check{Verdict: Pass} // stands for none: it takes no result
	if n := len(d.Checks); n > 0 {
		c = &d.Checks[n-1]
	}
	begin := func(title string, v Verdict) {
		title = strings.TrimPrefix(strings.TrimRight(title, " \t."), "Checking ")
		d.Checks = append(d.Checks, Check{Title: title, Verdict: v, Line: l.no})
	}
	switch title, v, ok := tagged(text); {
	case !ok:
	case title == "" && v != Pass && len(d.Checks) == 0:
		begin("(no title)", v)
		return
	case title == "" && (v != Pass || c.Verdict == NoVerdict):
		c.worsen(v)
		return
	case title != "" && c.Verdict == NoVerdict && !c.ofReplicaSets() && !checkWords.MatchString(title):
		c.Verdict = v // its result stands behind more text
		return
	case title != "":
		begin(title, v)
		return
	}
	switch {
	case checkWords.MatchString(text):
		title, rest, _ := strings.Cut(text, "...")
		begin(title, troubleOf(text))
		if rest = strings.TrimSpace(rest); rest == "" {
			return
		}
		c, l.text = &d.Checks[len(d.Checks)-1], rest
	case len(d.Checks) > 0:
		c.worsen(troubleOf(text))
	case trouble.MatchString(text):
		begin(text, troubleOf(text))
		return
	case titleLine.MatchString(text):
		d.Title = text
		return
	default:
		if text != "" && !isRule(text) {
			d.before = append(d.before, l)
		}
		return
	}
	c.Lines = append(c.Lines, l.text)
	c.numbers = append(c.numbers, l.no)
}

// tagged cuts the tag off a line that ends or begins with one, and leaves the text beside it. A word in brackets at the
// end of any other text need not be a tag.
func tagged(text string) (title string, v Verdict, ok bool) {
	tag := ""
	if m := lastTag.FindStringSubmatch(text); m != nil {
		title, tag = m[1], m[2]
	} else if m := firstTag.FindStringSubmatch(text); m != nil {
		title, tag = m[2], m[1]
	}
	v = Verdict(strings.ToUpper(tag))
	// FAILED, or a tag inside the title
	if worst := troubleOf(text); worst != NoVerdict && verdictRank(v) < verdictRank(worst) {
		v = worst
	}
	switch {
	case tag == "" || strings.HasPrefix(text, "|"):
	case v == Pass || v == Warn || v == Fail:
		return title, v, true
	}
	return "", NoVerdict, false // a word in brackets that is no tag: NotUnderstood has it
}

func (c *Check) ofReplicaSets() bool {
	return strings.Contains(strings.ToLower(c.Title), CheckReplicaSets)
}

// worsen keeps the graver of two results of one check.
func (c *Check) worsen(v Verdict) {
	if verdictRank(v) > verdictRank(c.Verdict) {
		c.Verdict = v
	}
}

// troubleOf is what a tag inside a text says.
func troubleOf(text string) Verdict {
	worst := NoVerdict
	for _, m := range trouble.FindAllStringSubmatch(text, -1) {
		if m[1] != "" {
			return Fail
		}
		worst = Warn
	}
	return worst
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

// migratable is the title on the kinds of installations that can be migrated in service; the guide shows the first.
var migratable = regexp.MustCompile(`^CPS Diagnostics (?:HA|GR) Multi-Node Environment$`)

// NotMigratable is what the guide says of every other kind of installation (cps:232).
const NotMigratable = "in-service migrations are supported for Mobile (HA) and GR installations only; other installation types cannot be " +
	"migrated (cps:232)"

// CheckInstallation says why an installation cannot be migrated in service, by the title of the output. An output
// without a title says nothing of its kind, which is an error, too.
func (d *Diagnostics) CheckInstallation() error {
	switch {
	case migratable.MatchString(d.Title):
		return nil
	case d.Title == "":
		return fmt.Errorf("%s does not say what kind of installation this is: its title is missing, and %s", d.File, NotMigratable)
	}
	return fmt.Errorf("this is a %q: %s", strings.TrimPrefix(d.Title, "CPS Diagnostics "), NotMigratable)
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
var gaveUp = regexp.MustCompile(`(?i)^\W*(?:fatal|traceback|ssh:|bash:|sh:|panic)|\bskipped\b|command not found|segmentation fault|connection refused|no route to host|permission denied|\.\.\.\s*\[\s*\w+\s*\]$`)

// newHost is what ssh says, on its standard error, of the first connection to a VM that was just deployed.
var newHost = regexp.MustCompile(`^Warning: Permanently added '[^']+' \([A-Z0-9]+\) to the list of known hosts\.$`)

// NotUnderstood reports how many lines are of no known form, and the first: nobody can say that what they tell is
// harmless. Below a check that warns or failed any text may stand, for it is a finding by itself, but none that says
// that the checks were given up. The rows of the table of the replica sets are read by [ParseReplicaTable].
func (d *Diagnostics) NotUnderstood() []Finding {
	f := findings{file: d.File}
	unknown := slices.Clone(d.before)
	for _, c := range d.Checks {
		for i, text := range c.foreign() {
			excused := c.Verdict == Warn || c.Verdict == Fail
			if text != "" && (!excused || gaveUp.MatchString(text)) {
				unknown = append(unknown, sourceLine{no: c.numbers[i], text: text})
			}
		}
	}
	unknown = slices.DeleteFunc(unknown, func(l sourceLine) bool { return newHost.MatchString(strings.TrimSpace(l.text)) })
	if n := len(unknown); n == 1 {
		f.add(Error, unknown[0].no, "CPS-130", "one line is not understood: %s", srcerr.Shown(strings.TrimSpace(unknown[0].text)))
	} else if n > 1 {
		f.add(Error, unknown[0].no, "CPS-130", "%d lines are not understood, the first: %s", n,
			srcerr.Shown(strings.TrimSpace(unknown[0].text)))
	}
	return f.list
}

// foreign are the lines of a check, those of a known form emptied.
func (c *Check) foreign() []string {
	title := strings.ToLower(c.Title)
	proxy, aido, table := strings.Contains(title, "haproxy"), strings.Contains(title, "aido"), c.ofReplicaSets()
	rest := make([]string, len(c.numbers))
	joined, of := "", []int{} // the text of all lines, and of which line each byte is: sentences wrap
	wraps := false            // a row of the table goes on
	for i := range rest {
		text := strings.Join(strings.Fields(c.Lines[i]), " ")
		if text == "" || isRule(text) || aido && aidoForm.MatchString(text) {
			continue
		}
		if table && (wraps || strings.HasPrefix(text, "|")) {
			wraps = !strings.HasSuffix(text, "|")
			continue
		}
		service := serviceForm.FindStringSubmatch(text)
		if proxy && (service != nil && (c.Verdict != Pass || service[2] == "UP") || proxyDetail.MatchString(text)) {
			continue
		}
		table = false // what follows is no part of it
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
			shown := func(line string) bool { return strings.Contains(line, "STATUS INFORMATION") }
			if !c.ofReplicaSets() || !slices.ContainsFunc(c.Lines, shown) { // its table says how it is
				f.add(Error, c.Line, "CPS-130", "check %q has no result", c.Title)
			}
		case Pass:
		}
	}
	if len(d.Checks) == 0 {
		f.add(Error, 0, "CPS-130", "there is no check")
	}
	if err := d.CheckInstallation(); err != nil && d.Title != "" { // an excerpt has no title
		f.add(Error, 1, "CPS-038", "%v", err)
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

var aidoForm = regexp.MustCompile(`^(\S+)\s+AIDO service is not installed on (\S+), ` +
	`may be pre 19\.4 build on(?: \S+)?$`)

// readCheck reads one check out of the output of diagnostics.sh; an output without it is an error.
func readCheck(r io.Reader, name string) (*source, Check, error) {
	src, err := readSource(r, "diagnostics.sh")
	if err != nil {
		return nil, Check{}, err
	}
	d := &Diagnostics{}
	for _, l := range src.clean() {
		d.line(l)
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

package cps

import (
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const tableTime = "2006-01-02 15:04:05"

var (
	titleForm = regexp.MustCompile(`^Mongo\s*:\s*(\S+)\s+MONGODB\s+REPLICAS?-SETS\s+STATUS\s+INFORMATION(?:\s+OF\s+(\S+))?\s+Date\s*:\s*(\d{4}-\d\d-\d\d)\s+(\d\d:\d\d:\d\d)$`)
	setForm   = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9_]*)\s*:\s*([A-Za-z0-9][A-Za-z0-9_.-]*)$`)
	rowForm   = regexp.MustCompile(`^Member-(\d{1,4})\s*-\s*(\d{1,5})\s*:\s*([0-9A-Fa-f:.]*)\s*-\s*(?:(PRI|SEC)?\s*-\s*)?` +
		`([A-Za-z][A-Za-z0-9_]*|\([^()|]*\)|[Nn]ot reachable(?:/healthy)?|)\s*-\s+([A-Za-z0-9][A-Za-z0-9_.-]*)\s+-\s*` +
		`(ON-LINE|OFF-?LINE|UNKNOWN|DOWN)\s*-\s*(.*?)\s*-\s*(\d{1,4}(?:\.\d+)?)$`)
	dashesForm = regexp.MustCompile(`^-{2,}$`)
)

// headingColumns is the heading without blanks. The two spellings of the state's column that the guide prints (cps:727,1843) are
// accepted beside the right one.
var headingColumns = regexp.MustCompile(`^SETNAME-PORT:IPADDRESS-REPLIC(?:A|HA|AS)STATE-HOSTNAME-HEALTH-LASTSYNC-PRIORITY$`)

// ParseReplicaTable reads the table, alone or inside a whole diagnostics output. Rows wrapped onto the next line are joined, rules of
// any width and colours are skipped. A table without title, heading or sets, a set without members, a row of another shape, and a
// table cut off anywhere before its last rule are errors.
func ParseReplicaTable(r io.Reader) (*ReplicaTable, error) {
	src, err := readSource(r, "replica table")
	if err != nil {
		return nil, err
	}
	p := tableParser{src: src, table: &ReplicaTable{File: src.name}, sets: map[string]int{}}
	for _, l := range src.clean() {
		p.line(l)
	}
	p.finish()
	if err := src.err(); err != nil {
		return nil, err
	}
	return p.table, nil
}

type tableParser struct {
	src     *source
	table   *ReplicaTable
	row     string // what is read of a row that is not closed yet
	rowLine int
	titled  bool
	headed  bool
	closed  bool // the last line of the table so far was a rule
	ended   bool // something else followed the table
	sets    map[string]int
}

func (p *tableParser) line(l sourceLine) {
	text := strings.TrimSpace(l.text)
	barred := strings.HasPrefix(text, "|")
	switch {
	case text == "":
		// A blank line, or a code block's end: the guide's tables are split over blocks (cps:1104).
	case isRule(text):
		p.cutOff()
		p.closed = true
	case p.row != "":
		p.continueRow(l, text)
	case barred:
		if p.ended {
			if titleForm.MatchString(strings.Trim(text, "| \t")) {
				p.src.failf(l.no, 1, text, "a second table begins here")
			}
			return
		}
		p.closed = false
		p.row, p.rowLine = "", l.no
		p.take(strings.TrimPrefix(text, "|"))
	case p.titled:
		if !p.closed {
			p.src.failf(l.no, 1, text, "not a row of the replica table")
		}
		p.ended = true
	}
}

// continueRow joins the next physical line to an open row. The guide's wrapped lines begin with a bar of their own (cps:1840-1861).
func (p *tableParser) continueRow(l sourceLine, text string) {
	rest := strings.TrimSpace(strings.TrimPrefix(text, "|"))
	if strings.HasPrefix(rest, "Member-") || strings.HasPrefix(rest, "Mongo:") || strings.HasPrefix(rest, "SET NAME") {
		p.cutOff()
		p.line(l)
		return
	}
	p.take(strings.TrimPrefix(text, "|"))
}

// take adds text to the open row, and reads the row when its closing bar is there. text is empty for the bar that alone closes a
// wrapped row.
func (p *tableParser) take(text string) {
	body, closes := strings.CutSuffix(strings.TrimRight(text, " \t"), "|")
	if text == "" && p.row != "" {
		closes = true
	}
	p.row = strings.TrimSpace(p.row + " " + strings.TrimSpace(body))
	if closes {
		row := p.row
		p.row = ""
		p.read(row)
	}
}

// cutOff reports a row that was not closed when something else began.
func (p *tableParser) cutOff() {
	if p.row != "" {
		p.src.failf(p.rowLine, 1, p.row, "row is cut off: its closing bar is missing")
		p.row = ""
	}
}

func (p *tableParser) read(row string) {
	if m := titleForm.FindStringSubmatch(row); m != nil {
		p.title(row, m)
		return
	}
	if headingColumns.MatchString(strings.ToUpper(strings.Join(strings.Fields(row), ""))) {
		p.headed = true
		return
	}
	switch {
	case !p.titled:
		p.src.failf(p.rowLine, 1, row, "expected the title of a replica table: Mongo:VERSION MONGODB REPLICA-SETS STATUS INFORMATION Date : ...")
		p.titled = true // say it once
	case !p.headed:
		p.src.failf(p.rowLine, 1, row,
			"expected the heading of a replica table: SET NAME - PORT : IP ADDRESS - REPLICA STATE - HOST NAME - HEALTH - LAST SYNC - PRIORITY")
		p.headed = true // say it once
	case strings.HasPrefix(row, "Member-"):
		p.member(row)
	case strings.HasPrefix(row, "Status via") && len(p.table.Sets) > 0:
		set := &p.table.Sets[len(p.table.Sets)-1]
		set.Notes = append(set.Notes, row)
	default:
		p.setHeader(row)
	}
}

func (p *tableParser) title(row string, m []string) {
	if p.titled {
		p.src.failf(p.rowLine, 1, row, "a second table begins here")
		return
	}
	p.titled = true
	date, err := time.Parse(tableTime, m[3]+" "+m[4])
	if err != nil {
		p.src.failf(p.rowLine, 1, m[3]+" "+m[4], "not a date and time")
	}
	p.table.MongoVersion, p.table.Site, p.table.Date = m[1], m[2], date
}

func (p *tableParser) setHeader(row string) {
	m := setForm.FindStringSubmatch(row)
	if m == nil {
		p.src.failf(p.rowLine, 1, row, "neither a set (TYPE:name) nor a member row")
		return
	}
	p.checkSet()
	if first := p.sets[m[2]]; first != 0 {
		p.src.failf(p.rowLine, 1, row, "replica set printed twice, first on line %d", first)
	}
	p.sets[m[2]] = p.rowLine
	p.table.Sets = append(p.table.Sets, TableSet{Type: m[1], Name: m[2], Line: p.rowLine})
}

// checkSet reports a set that ended without a member.
func (p *tableParser) checkSet() {
	if n := len(p.table.Sets); n > 0 && len(p.table.Sets[n-1].Members) == 0 && len(p.src.errs) == 0 {
		p.src.failf(p.table.Sets[n-1].Line, 1, p.table.Sets[n-1].Title(), "replica set has no member row")
	}
}

func (p *tableParser) member(row string) {
	m, err := parseMember(row)
	switch {
	case err != nil:
		p.src.failf(p.rowLine, 1, row, "%w", err)
		return
	case len(p.table.Sets) == 0:
		p.src.failf(p.rowLine, 1, row, "member row before any set")
		return
	}
	m.Line = p.rowLine
	set := &p.table.Sets[len(p.table.Sets)-1]
	for _, other := range set.Members {
		if other.Number == m.Number || other.Host == m.Host && other.Port == m.Port {
			p.src.failf(p.rowLine, 1, row, "member printed twice in %s, first on line %d", set.Title(), other.Line)
			return
		}
	}
	set.Members = append(set.Members, m)
}

func parseMember(row string) (TableMember, error) {
	f := rowForm.FindStringSubmatch(row)
	if f == nil {
		return TableMember{}, fmt.Errorf("not a member row: Member-N - PORT : IP - STATE - HOST - HEALTH - LAST SYNC - PRIORITY")
	}
	m := TableMember{Mark: f[4], State: MemberState(f[5]), Host: f[6], Health: Health(f[7])}
	var err error
	if m.Number, err = strconv.Atoi(f[1]); err != nil {
		return m, fmt.Errorf("member number %q: %w", f[1], err)
	}
	port, err := strconv.ParseUint(f[2], 10, 16)
	if err != nil || port == 0 {
		return m, fmt.Errorf("%q is not a port", f[2])
	}
	m.Port = int(port)
	if f[3] != "" {
		if m.IP, err = netip.ParseAddr(f[3]); err != nil {
			return m, fmt.Errorf("%q is not an IP address", f[3])
		}
	}
	if m.Priority, err = strconv.ParseFloat(f[9], 64); err != nil {
		return m, fmt.Errorf("%q is not a priority", f[9])
	}
	sync := strings.Join(strings.Fields(f[8]), " ")
	switch {
	case dashesForm.MatchString(sync):
		sync = string(SyncDashes)
	case sync == "" || strings.Contains(sync, "|"):
		return m, fmt.Errorf("member row has no last sync")
	}
	m.LastSync = LastSync(sync)
	return m, nil
}

func (p *tableParser) finish() {
	p.cutOff()
	p.checkSet()
	if len(p.src.errs) > 0 {
		return
	}
	switch {
	case !p.titled:
		p.src.failf(p.src.end(), 0, "", "no replica table: its title is missing")
	case !p.headed:
		p.src.failf(p.src.end(), 0, "", "replica table has no heading")
	case len(p.table.Sets) == 0:
		p.src.failf(p.src.end(), 0, "", "replica table has no sets")
	case !p.closed && !p.ended:
		p.src.failf(p.src.end(), 0, "", "replica table is cut off: its last rule is missing")
	}
}

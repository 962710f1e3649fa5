package pcs

import (
	"cmp"
	"io"
	"regexp"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// ResourceRow is one row of `pcs resource` or of crm_mon's text (PCM-034).
type ResourceRow struct {
	ID    string
	Agent string   // as printed: "ocf::chroma:Target" (Pacemaker 1.1) or "ocf:chroma:Target" (2.x)
	Group string   // the group it stands in
	Clone string   // the clone it is an instance of; a list of nodes by role is a row for each role, without an agent
	Role  string   // Started, Stopped, Starting, Stopping, FAILED …
	Nodes []string // where it runs, or stops, or failed
	Flags []string // disabled, unmanaged, blocked, target-role:Stopped …
}

// Has says whether the row has a flag, such as disabled.
func (r ResourceRow) Has(flag string) bool {
	for _, f := range r.Flags {
		if f == flag {
			return true
		}
	}
	return false
}

var (
	resourceRow  = regexp.MustCompile(`^(\S+)\s+\(([A-Za-z][\w.-]*:[^\s()]+)\):\s*(.*)$`)
	rowFlags     = regexp.MustCompile(`\(([^()]*)\)`)
	rowNodes     = regexp.MustCompile(`\[([^\[\]]*)\]`)
	groupHeading = regexp.MustCompile(`^Resource Group: (\S+?):?(?:\s+\(.*\))?:?$`)
	cloneHeading = regexp.MustCompile(`^(?:Clone Set|Master/Slave Set): (\S+) \[(\S+)\]((?:\s*\([^()]*\))*):?$`)
	instanceList = regexp.MustCompile(`^(Masters|Slaves|Promoted|Unpromoted|Started|Stopped)((?:\s*\([^()]*\))*): \[([^\[\]]*)\]$`)
	emptyList    = regexp.MustCompile(`^(?i)no resources( configured|)$`)
)

// rowRoles are the roles that Pacemaker prints; anything else is a shape this package does not know.
var rowRoles = map[string]bool{
	"Started": true, "Stopped": true, "Starting": true, "Stopping": true, "FAILED": true, "ORPHANED": true,
	"Master": true, "Slave": true, "Promoted": true, "Unpromoted": true, "Migrating": true, "Promoting": true, "Demoting": true,
	"Monitoring": true,
}

// ParseResourceRows reads the rows that `pcs resource` prints (lustre:1149-1157), for clusters that print no XML. Empty lines and
// colour sequences are passed over, the headings of groups and clones are noted in their rows, "NO resources configured" is an empty list,
// and any other line is an error: also the rows of bundles, which the guide's clusters do not have.
func ParseResourceRows(r io.Reader) ([]ResourceRow, error) {
	name := srcerr.NameOf(r)
	data, err := srcerr.ReadText(r)
	if err != nil {
		return nil, err
	}
	var rows []ResourceRow
	var errs srcerr.List
	group, groupIndent, empty := "", 0, false
	clone := cloneRows{}
	lacking := func() { // a clone always has its instances below it
		if clone.id != "" && clone.rows == 0 {
			errs = append(errs, notARow(name, clone.line, clone.col, clone.body))
		}
		clone = cloneRows{}
	}
	for i, raw := range strings.Split(string(data), "\n") {
		line := strings.TrimRight(printable.Plain(raw), " \t\r")
		body := strings.TrimLeft(line, " \t*")
		depth := len(line) - len(body)
		if body == "" {
			continue
		}
		if depth <= clone.indent {
			lacking()
		}
		if m := cloneHeading.FindStringSubmatch(body); m != nil {
			lacking()
			clone = cloneRows{id: m[1], member: m[2], flags: flagsIn(m[3]), indent: depth, line: i + 1, col: 1 + depth, body: body}
			group = ""
			continue
		}
		if m := instanceList.FindStringSubmatch(body); m != nil && clone.id != "" {
			clone.rows++
			role := map[string]string{"Masters": "Master", "Slaves": "Slave"}[m[1]]
			rows = append(rows, ResourceRow{ID: clone.member, Clone: clone.id, Role: cmp.Or(role, m[1]), Nodes: strings.Fields(m[3]),
				Flags: append(flagsIn(m[2]), clone.flags...)})
			continue
		}
		if m := groupHeading.FindStringSubmatch(body); m != nil {
			group, groupIndent = m[1], depth
			continue
		}
		if emptyList.MatchString(body) {
			empty = true
			continue
		}
		row, ok := parseRow(body)
		if !ok {
			errs = append(errs, notARow(name, i+1, 1+len(raw)-len(strings.TrimLeft(raw, " \t")), body))
			continue
		}
		if depth <= groupIndent {
			group = ""
		}
		row.Group, row.Clone = group, clone.id
		row.Flags = append(row.Flags, clone.flags...)
		clone.rows++
		rows = append(rows, row)
	}
	lacking()
	if len(rows) == 0 && !empty && errs == nil {
		errs = append(errs, srcerr.Errorf(name, 1, 1, "", "there is no resource row"))
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	return rows, nil
}

// cloneRows is the clone whose rows are being read.
type cloneRows struct {
	id, member        string
	flags             []string
	indent, line, col int
	body              string
	rows              int
}

func notARow(name string, line, col int, body string) *srcerr.Error {
	return srcerr.Errorf(name, line, col, body, "not a resource row: want \"id (agent): Role node\"")
}

// flagsIn are the words in brackets.
func flagsIn(text string) []string {
	var flags []string
	for _, f := range rowFlags.FindAllStringSubmatch(text, -1) {
		for flag := range strings.SplitSeq(f[1], ",") {
			flags = append(flags, strings.TrimSpace(flag))
		}
	}
	return flags
}

func parseRow(body string) (ResourceRow, bool) {
	m := resourceRow.FindStringSubmatch(body)
	if m == nil {
		return ResourceRow{}, false
	}
	state := m[3]
	row := ResourceRow{ID: m[1], Agent: m[2], Flags: flagsIn(state)}
	state = rowFlags.ReplaceAllString(state, " ")
	for _, n := range rowNodes.FindAllStringSubmatch(state, -1) {
		row.Nodes = append(row.Nodes, strings.Fields(n[1])...)
	}
	words := strings.Fields(rowNodes.ReplaceAllString(state, " "))
	for len(words) > 0 && rowRoles[words[0]] {
		if row.Role != "" { // "ORPHANED FAILED", "FAILED Started": the words after the first are flags
			row.Flags = append(row.Flags, words[0])
		} else {
			row.Role = words[0]
		}
		words = words[1:]
	}
	if len(words) == 2 && words[1] == "FAILED" { // as Pacemaker before 1.1.8 has it: "Started n1 (unmanaged) FAILED"
		row.Flags, words = append(row.Flags, words[1]), words[:1]
	}
	if row.Role == "" || len(words) > 1 {
		return ResourceRow{}, false
	}
	row.Nodes = append(row.Nodes, words...)
	return row, true
}

package pcs

import (
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
	emptyList    = regexp.MustCompile(`^(?i)no resources( configured|)$`)
)

// rowRoles are the roles that Pacemaker prints; anything else is a shape this package does not know.
var rowRoles = map[string]bool{
	"Started": true, "Stopped": true, "Starting": true, "Stopping": true, "FAILED": true, "ORPHANED": true,
	"Master": true, "Slave": true, "Promoted": true, "Unpromoted": true, "Migrating": true, "Promoting": true, "Demoting": true,
	"Monitoring": true,
}

// ParseResourceRows reads the rows that `pcs resource` prints (lustre:1149-1157), for clusters that print no XML. Empty lines and
// colour sequences are passed over, a group's heading is noted in its rows, "NO resources configured" is an empty list, and any other
// line is an error: also the rows of clones and bundles, which the guide's clusters do not have.
func ParseResourceRows(r io.Reader) ([]ResourceRow, error) {
	name := srcerr.NameOf(r)
	data, err := srcerr.ReadText(r)
	if err != nil {
		return nil, err
	}
	var rows []ResourceRow
	var errs srcerr.List
	group, groupIndent, empty := "", 0, false
	for i, raw := range strings.Split(string(data), "\n") {
		line := strings.TrimRight(printable.Plain(raw), " \t\r")
		body := strings.TrimLeft(line, " \t*")
		depth := len(line) - len(body)
		if body == "" {
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
			errs = append(errs, srcerr.Errorf(name, i+1, 1+len(raw)-len(strings.TrimLeft(raw, " \t")), body,
				"not a resource row: want \"id (agent): Role node\""))
			continue
		}
		if depth <= groupIndent {
			group = ""
		}
		row.Group = group
		rows = append(rows, row)
	}
	if len(rows) == 0 && !empty && errs == nil {
		errs = append(errs, srcerr.Errorf(name, 1, 1, "", "there is no resource row"))
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	return rows, nil
}

func parseRow(body string) (ResourceRow, bool) {
	m := resourceRow.FindStringSubmatch(body)
	if m == nil {
		return ResourceRow{}, false
	}
	row := ResourceRow{ID: m[1], Agent: m[2]}
	state := m[3]
	for _, f := range rowFlags.FindAllStringSubmatch(state, -1) {
		for flag := range strings.SplitSeq(f[1], ",") {
			row.Flags = append(row.Flags, strings.TrimSpace(flag))
		}
	}
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
	if row.Role == "" || len(words) > 1 {
		return ResourceRow{}, false
	}
	row.Nodes = append(row.Nodes, words...)
	return row, true
}

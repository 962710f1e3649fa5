package cps

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// GRTable is the guide's table of the states that a geographically redundant system goes through (cps:1458-1468): for each step, which
// MongoDB and which CentOS release runs where. Every row is a legal mixture of releases.
type GRTable struct {
	Columns []string // SM02-site1, SM01-site1, SM02-site2, SM01-site2, Arbiter
	Rows    []GRRow
}

// GRRow is the state after a step.
type GRRow struct {
	Step        int
	Cells       []GRCell // one for each column
	Description string   // such as "S1 - R211 S2 - R194 S3 - R194"; empty for a dash
	Line        int
}

// GRCell is what runs on a VM: "3.6.17/8.1".
type GRCell struct{ Mongo, CentOS Release }

// String is the cell as the table has it.
func (c GRCell) String() string { return c.Mongo.String() + "/" + c.CentOS.String() }

var grCellForm = regexp.MustCompile(`^(\d+(?:\.\d+)+)/(\d+(?:\.\d+)+)$`)

// ParseGRTable reads the table with tabs between its cells; the heading may come again, as where the guide breaks the page. Steps that
// do not count up from 0, rows of another width and cells that are not mongo/centos are errors.
func ParseGRTable(r io.Reader) (*GRTable, error) {
	src, err := readSource(r, "GR table")
	if err != nil {
		return nil, err
	}
	t := &GRTable{}
	for _, l := range src.lines {
		if strings.TrimSpace(l.text) == "" {
			continue
		}
		fields := strings.Split(l.text, "\t")
		for i := range fields {
			fields[i] = strings.TrimSpace(fields[i])
		}
		switch n := len(fields); {
		case fields[0] == "Step":
			t.heading(src, l, fields)
		case t.Columns == nil:
			src.failf(l.no, 1, l.text, "expected the heading Step, ..., Description")
			return nil, src.err()
		case n != len(t.Columns)+2:
			src.failf(l.no, 1, l.text, "row has %d cells, the heading %d", n, len(t.Columns)+2)
		default:
			t.row(src, l, fields)
		}
	}
	if len(t.Rows) == 0 && len(src.errs) == 0 {
		src.failf(src.end(), 0, "", "the table has no rows")
	}
	if err := src.err(); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *GRTable) heading(src *source, l sourceLine, fields []string) {
	n := len(fields)
	if n < 3 || fields[n-1] != "Description" {
		src.failf(l.no, 1, l.text, "the heading must end with Description")
		return
	}
	columns := fields[1 : n-1]
	if t.Columns != nil && !slices.Equal(columns, t.Columns) {
		src.failf(l.no, 1, l.text, "the heading changes")
		return
	}
	t.Columns = columns
}

func (t *GRTable) row(src *source, l sourceLine, fields []string) {
	step, err := strconv.Atoi(fields[0])
	if err != nil || step != len(t.Rows) {
		src.failAt(l, fields[0], "expected step %d", len(t.Rows))
	}
	row := GRRow{Step: step, Line: l.no}
	for _, cell := range fields[1 : len(fields)-1] {
		m := grCellForm.FindStringSubmatch(cell)
		if m == nil {
			src.failAt(l, cell, "not MONGO/CENTOS")
			return
		}
		mongo, mongoErr := ParseRelease(m[1])
		centos, centosErr := ParseRelease(m[2])
		if mongoErr != nil || centosErr != nil {
			src.failAt(l, cell, "not MONGO/CENTOS")
			return
		}
		row.Cells = append(row.Cells, GRCell{mongo, centos})
	}
	if d := fields[len(fields)-1]; d != "-" {
		row.Description = d
	}
	t.Rows = append(t.Rows, row)
}

// At is what runs in a column after a step.
func (t *GRTable) At(step int, column string) (GRCell, error) {
	i := slices.Index(t.Columns, column)
	if i < 0 || step < 0 || step >= len(t.Rows) {
		return GRCell{}, fmt.Errorf("the GR table has no step %d of %q", step, column)
	}
	return t.Rows[step].Cells[i], nil
}

package cps

import (
	"io"
	"net/netip"
	"slices"
	"strings"
)

// csvTable is a table of the deploy folder: a header with the names of the columns, in any order, then a row a thing. Columns that
// this package does not know are kept.
type csvTable struct {
	hiddenText
	file    string
	columns map[string]int
	rows    []csvRow
}

type csvRow struct {
	line  sourceLine
	cells []string
}

// readTable reads a table that must have these columns. Blank rows, comments and the prompt of a capture are no rows.
func readTable(r io.Reader, what string, required ...string) (*csvTable, *source, error) {
	src, err := readSource(r, what)
	if err != nil {
		return nil, nil, err
	}
	t := &csvTable{hiddenText: src.hidden(), file: src.name}
	width := 0
	for _, l := range src.lines {
		text := strings.TrimSpace(l.text)
		if isPrompt(text) || isFence(text) || strings.Trim(text, ", \t") == "" || strings.HasPrefix(text, "#") {
			continue
		}
		cells, err := splitCells(l.text)
		switch {
		case err != nil:
			src.failf(l.no, 1, "", "%w", err)
		case t.columns == nil:
			t.columns, width = map[string]int{}, len(cells)
			for i, cell := range cells {
				name := columnKey(cellText(cell))
				if _, dup := t.columns[name]; dup && name != "" {
					src.failAt(l, cellText(cell), "column named twice")
				}
				t.columns[name] = i
			}
			for _, name := range required {
				if _, ok := t.columns[columnKey(name)]; !ok {
					src.failf(l.no, 1, "", "column %q is missing", name)
				}
			}
			if len(src.errs) > 0 {
				return nil, nil, src.err()
			}
		case len(cells) > width && strings.Trim(strings.Join(cells[width:], ""), " \t") != "":
			src.failf(l.no, 1, "", "row has %d cells, the header %d", len(cells), width)
		default:
			row := csvRow{l, cells}
			t.rows = append(t.rows, row)
			for _, name := range required {
				if t.cell(row, name) == "" {
					src.failf(l.no, 1, "", "column %q is empty", name)
				}
			}
		}
	}
	switch {
	case len(src.errs) > 0:
	case t.columns == nil:
		src.failf(1, 0, "", "no header row: it must name the columns %s", strings.Join(required, ", "))
	case len(t.rows) == 0:
		src.failf(src.end(), 0, "", "the table has no row")
	}
	return t, src, src.err()
}

// cell is the text in a column, "" where the row or the table has none.
func (t *csvTable) cell(row csvRow, column string) string {
	at, ok := t.columns[columnKey(column)]
	if !ok || at >= len(row.cells) {
		return ""
	}
	return cellText(row.cells[at])
}

// option is the text in a column where NA means that there is nothing.
func (t *csvTable) option(row csvRow, column string) string {
	text := t.cell(row, column)
	if slices.Contains([]string{"na", "n/a", "none", "-"}, strings.ToLower(text)) {
		return ""
	}
	return text
}

// address reads an IP address; an empty text is none.
func (s *source) address(l sourceLine, column, text string) netip.Addr {
	if text == "" {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		s.failAt(l, text, "column %q is not an IP address", column)
		return netip.Addr{}
	}
	return addr
}

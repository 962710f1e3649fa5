package cps

import (
	"errors"
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// Hosts is Hosts.csv: the VMs of a cluster, one a row (cps:599-609).
type Hosts struct {
	File     string   // the name errors and findings give
	Networks []string // the names of the network columns, in their order: Internal, Management, and what the site has besides
	Rows     []Host   // the VMs, in the order of the file
	bom      string
	header   []string // the cells of the header as found
	layout   hostsLayout
	lines    []hostsLine
}

// Host is one VM. Cells are without surrounding blanks and quotes.
type Host struct {
	Hypervisor string
	Guest      string
	Role       string
	Alias      string
	Datastore  string
	Addresses  map[string]netip.Addr // by network column; a column with an empty cell is not in it
	Line       int                   // where it stands in the file; 0 for a row that was added
	cells      []string              // as found, to print what was not changed as it was
}

// hostsLine is a line of the file: either text to print as it is, or the row with that line number.
type hostsLine struct {
	text, eol string
	row       int // line number of a row, 0 for other text
	header    bool
}

// hostsLayout says in which cell a column stands.
type hostsLayout struct {
	hypervisor, guest, role, alias, datastore int
	networks                                  []int
}

// Columns of Hosts.csv that must be there.
const (
	columnHypervisor = "Hypervisor Name"
	columnGuest      = "Guest Name"
	columnRole       = "Role"
	columnAlias      = "Alias"
	columnDatastore  = "Datastore"
	columnNetworks   = "Networks -->"
)

var aliasForm = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$`)

// ParseHosts reads Hosts.csv: the header "Hypervisor Name,Guest Name,Role,Alias,Datastore,Networks -->,Internal,Management," with any
// network columns behind the arrow, then a row a VM. A missing column, an address that is none, a row of another width, or an alias
// given twice is an error.
func ParseHosts(r io.Reader) (*Hosts, error) {
	src, err := readSource(r, "Hosts.csv")
	if err != nil {
		return nil, err
	}
	h := &Hosts{File: src.name, bom: src.bom}
	seen := map[string]int{}
	for _, l := range src.lines {
		text := strings.TrimSpace(l.text)
		switch {
		case isPrompt(text) || isFence(text):
			continue // copied along with the file; not a part of it
		case strings.Trim(text, ", \t") == "" || strings.HasPrefix(text, "#"):
			h.lines = append(h.lines, hostsLine{text: l.text, eol: l.eol})
		case h.header == nil:
			if !h.readHeader(src, l) {
				return nil, src.err()
			}
			h.lines = append(h.lines, hostsLine{text: l.text, eol: l.eol, header: true})
		default:
			host, ok := h.readRow(src, l)
			if !ok {
				continue
			}
			if first := seen[host.Alias]; first != 0 {
				src.failAt(l, host.Alias, "alias given twice, first on line %d", first)
				continue
			}
			seen[host.Alias] = l.no
			h.Rows = append(h.Rows, host)
			h.lines = append(h.lines, hostsLine{row: l.no, eol: l.eol})
		}
	}
	switch {
	case len(src.errs) > 0:
	case h.header == nil:
		src.failf(1, 0, "", "no header row: it must name the columns %s", strings.Join(requiredColumns(), ", "))
	case len(h.Rows) == 0:
		src.failf(src.end(), 0, "", "no VM is listed")
	}
	if err := src.err(); err != nil {
		return nil, err
	}
	return h, nil
}

func requiredColumns() []string {
	return []string{columnHypervisor, columnGuest, columnRole, columnAlias, columnDatastore, columnNetworks}
}

func (h *Hosts) readHeader(src *source, l sourceLine) bool {
	cells, err := splitCells(l.text)
	if err != nil {
		src.failf(l.no, 1, l.text, "%w", err)
		return false
	}
	at := map[string]int{}
	for i, cell := range cells {
		name := cellText(cell)
		if name == "" {
			continue
		}
		key := columnKey(name)
		if _, dup := at[key]; dup {
			src.failAt(l, name, "column named twice")
			return false
		}
		at[key] = i
	}
	for _, name := range requiredColumns() {
		if _, ok := at[columnKey(name)]; !ok {
			src.failf(l.no, 0, l.text, "column %q is missing", name)
		}
	}
	if len(src.errs) > 0 {
		return false
	}
	h.layout = hostsLayout{
		hypervisor: at[columnKey(columnHypervisor)],
		guest:      at[columnKey(columnGuest)],
		role:       at[columnKey(columnRole)],
		alias:      at[columnKey(columnAlias)],
		datastore:  at[columnKey(columnDatastore)],
	}
	for i := at[columnKey(columnNetworks)] + 1; i < len(cells); i++ {
		if name := cellText(cells[i]); name != "" && !slices.Contains(h.layout.fixed(), i) {
			h.Networks = append(h.Networks, name)
			h.layout.networks = append(h.layout.networks, i)
		}
	}
	if len(h.Networks) == 0 {
		src.failf(l.no, 0, l.text, "no network column follows %q: column %q is missing", columnNetworks, "Internal")
		return false
	}
	h.header = cells
	return true
}

func (h *Hosts) readRow(src *source, l sourceLine) (Host, bool) {
	cells, err := splitCells(l.text)
	if err != nil {
		src.failf(l.no, 1, l.text, "%w", err)
		return Host{}, false
	}
	if len(cells) > len(h.header) && strings.Trim(strings.Join(cells[len(h.header):], ""), " \t") != "" {
		src.failf(l.no, 1, l.text, "row has %d cells, the header %d", len(cells), len(h.header))
		return Host{}, false
	}
	last := slices.Max(h.layout.fixed())
	if len(cells) <= last {
		src.failf(l.no, 1, l.text, "row ends after %d cells, before column %q", len(cells), cellText(h.header[last]))
		return Host{}, false
	}
	lay := h.layout
	host := Host{
		Hypervisor: cellText(cells[lay.hypervisor]),
		Guest:      cellText(cells[lay.guest]),
		Role:       cellText(cells[lay.role]),
		Alias:      cellText(cells[lay.alias]),
		Datastore:  cellText(cells[lay.datastore]),
		Addresses:  map[string]netip.Addr{},
		Line:       l.no,
		cells:      cells,
	}
	ok := true
	for _, must := range []struct{ column, text string }{{columnGuest, host.Guest}, {columnRole, host.Role}, {columnAlias, host.Alias}} {
		if must.text == "" {
			src.failf(l.no, 1, l.text, "column %q is empty", must.column)
			ok = false
		}
	}
	if host.Alias != "" && !aliasForm.MatchString(host.Alias) {
		src.failAt(l, host.Alias, "not an alias: letters, digits, dots and dashes only")
		ok = false
	}
	for i, at := range lay.networks {
		if at >= len(cells) || cellText(cells[at]) == "" {
			continue
		}
		text := cellText(cells[at])
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			src.failAt(l, text, "column %q of %s is not an IP address", h.Networks[i], host.Alias)
			ok = false
			continue
		}
		host.Addresses[h.Networks[i]] = addr
	}
	return host, ok
}

func (l hostsLayout) fixed() []int {
	return []int{l.hypervisor, l.guest, l.role, l.alias, l.datastore}
}

// roleClasses are the classes of the roles, without their numbers, of the guide's Hosts.csv (cps:599-609).
var roleClasses = map[string]string{"lb": "lb", "sm": "sessionmgr", "qps": "qns", "pcrfclient": "pcrfclient"}

// Class is what a VM is for: lb, qns, sessionmgr or pcrfclient by its role, whatever its alias is; with any other role,
// the alias without its number.
func (host Host) Class() string {
	role := strings.ToLower(strings.TrimRight(host.Role, "0123456789"))
	if class, ok := roleClasses[role]; ok {
		return class
	}
	vm, _ := splitAlias(host.Alias)
	return vm.class
}

// OfClass are the VMs of an upgrade set that are of a class, by their roles.
func (h *Hosts) OfClass(set ClusterSet, class string) []string {
	is := make(map[string]bool, len(h.Rows))
	for i := range h.Rows {
		if h.Rows[i].Class() == class {
			is[h.Rows[i].Alias] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(set), func(alias string) bool { return !is[alias] })
}

// ByAlias finds a VM by its alias.
func (h *Hosts) ByAlias(alias string) (Host, bool) {
	i := slices.IndexFunc(h.Rows, func(host Host) bool { return host.Alias == alias })
	if i < 0 {
		return Host{}, false
	}
	return h.Rows[i], true
}

// Aliases lists the aliases in the order of the file.
func (h *Hosts) Aliases() []string {
	aliases := make([]string, len(h.Rows))
	for i, host := range h.Rows {
		aliases[i] = host.Alias
	}
	return aliases
}

// Address is the address in a network column; ok is false where the cell is empty or the column does not exist. Column names compare
// without regard to case.
func (host Host) Address(network string) (addr netip.Addr, ok bool) {
	for name, addr := range host.Addresses {
		if strings.EqualFold(name, network) {
			return addr, true
		}
	}
	return netip.Addr{}, false
}

// Internal is the address of the internal network, on which the VMs of a cluster reach one another.
func (host Host) Internal() (addr netip.Addr, ok bool) { return host.Address("Internal") }

// WriteTo writes the file. Header, comments, order and every cell that was not changed are as they were read; rows that were added
// come last, rows that were taken out of Rows are left out.
func (h *Hosts) WriteTo(w io.Writer) (int64, error) {
	byLine := map[int]Host{}
	for _, host := range h.Rows {
		if host.Line != 0 {
			byLine[host.Line] = host
		}
	}
	out := []string{h.bom}
	eol := "\n"
	for _, l := range h.lines {
		if l.row == 0 {
			out = append(out, l.text, l.eol)
		} else if host, kept := byLine[l.row]; kept {
			out = append(out, h.rowText(host), l.eol)
		}
		if l.eol != "" {
			eol = l.eol
		}
	}
	for _, host := range h.Rows {
		if host.Line != 0 {
			continue
		}
		if n := len(out); n > 1 && out[n-1] == "" {
			out[n-1] = eol
		}
		out = append(out, h.rowText(host), eol)
	}
	return writeLines(w, out...)
}

// rowText prints a row: its own cells where they still say the same.
func (h *Hosts) rowText(host Host) string {
	cells := slices.Clone(host.cells)
	if cells == nil {
		cells = make([]string, len(h.header))
	}
	set := func(at int, text string) {
		for len(cells) <= at {
			if text == "" {
				return
			}
			cells = append(cells, "")
		}
		if cellText(cells[at]) != text {
			cells[at] = quoteCell(text)
		}
	}
	set(h.layout.hypervisor, host.Hypervisor)
	set(h.layout.guest, host.Guest)
	set(h.layout.role, host.Role)
	set(h.layout.alias, host.Alias)
	set(h.layout.datastore, host.Datastore)
	for i, at := range h.layout.networks {
		addr, ok := host.Addresses[h.Networks[i]]
		switch {
		case !ok:
			set(at, "")
		case at < len(cells) && sameAddress(cells[at], addr): // an address may be written in several ways: keep this one
		default:
			set(at, Uncompressed(addr))
		}
	}
	return strings.Join(cells, ",")
}

func sameAddress(cell string, addr netip.Addr) bool {
	parsed, err := netip.ParseAddr(cellText(cell))
	return err == nil && parsed == addr
}

// columnKey compares column names without regard to case and blanks.
func columnKey(name string) string {
	return strings.ToLower(strings.Join(strings.Fields(name), ""))
}

var errOpenQuote = errors.New("a quoted cell is not closed on its line")

// splitCells cuts a line at its commas, but for those inside double quotes. Cells are left as they stand.
func splitCells(line string) ([]string, error) {
	var cells []string
	start, quoted := 0, false
	for i := range len(line) {
		switch {
		case line[i] == '"':
			quoted = !quoted
		case line[i] == ',' && !quoted:
			cells = append(cells, line[start:i])
			start = i + 1
		}
	}
	if quoted {
		return nil, errOpenQuote
	}
	return append(cells, line[start:]), nil
}

// cellText is what a cell says, without blanks and quotes around it.
func cellText(cell string) string {
	cell = strings.TrimSpace(cell)
	if len(cell) >= 2 && strings.HasPrefix(cell, `"`) && strings.HasSuffix(cell, `"`) {
		cell = strings.TrimSpace(strings.ReplaceAll(cell[1:len(cell)-1], `""`, `"`))
	}
	return cell
}

func quoteCell(text string) string {
	if strings.ContainsAny(text, `",`) {
		return `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
	}
	return text
}

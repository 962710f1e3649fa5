package cps

import (
	"io"
	"slices"
	"strings"
)

// Server is a row of "nova list".
type Server struct {
	ID     string // a UUID, as printed
	Name   string
	Status string // ACTIVE, BUILD, SHUTOFF, ERROR, …
	Task   string // what is being done to it, such as deleting; empty where nothing is
	Line   int
}

// ParseServers reads the table that "nova list" prints. One without a server is a table, too; one that is cut off, a
// row with other cells than the heading, a table without the task state, and a server without id, name or status are errors.
func ParseServers(r io.Reader) ([]Server, error) {
	src, err := readSource(r, "nova list")
	if err != nil {
		return nil, err
	}
	var list []Server
	var head []string
	at, rules := [4]int{}, 0
	for _, l := range src.clean() {
		text := strings.TrimSpace(l.text)
		switch {
		case text == "":
		case gridRule.MatchString(text):
			rules++
		case !strings.HasPrefix(text, "|") || !strings.HasSuffix(text, "|") || rules != map[bool]int{true: 1, false: 2}[head == nil]:
			src.failf(l.no, 1, text, "not a row of the table of nova list")
		default:
			cells := strings.Split(strings.Trim(text, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			if head == nil {
				head = cells
				for i, name := range []string{"ID", "Name", "Status", "Task State"} {
					if at[i] = slices.Index(head, name); at[i] < 0 {
						src.failf(l.no, 1, text, "the table has no column %s", name)
						return nil, src.err()
					}
				}
				continue
			}
			if len(cells) != len(head) {
				src.failf(l.no, 1, text, "a row must have %d cells, as the heading has", len(head))
				continue
			}
			s := Server{ID: cells[at[0]], Name: cells[at[1]], Status: cells[at[2]], Task: cells[at[3]], Line: l.no}
			if s.Task == "-" || s.Task == "None" {
				s.Task = ""
			}
			if s.ID == "" || s.Name == "" || s.Status == "" {
				src.failf(l.no, 1, text, "a server must have an id, a name and a status")
				continue
			}
			list = append(list, s)
		}
	}
	if (head == nil || rules != 3) && len(src.errs) == 0 {
		src.failf(src.end(), 0, "", "not the whole table of nova list: heading and rows between three rules")
	}
	if err := src.err(); err != nil {
		return nil, err
	}
	return list, nil
}

// ServersNamed are the servers with a name, of which nova allows more than one.
func ServersNamed(list []Server, name string) []Server {
	return slices.DeleteFunc(slices.Clone(list), func(s Server) bool { return s.Name != name })
}

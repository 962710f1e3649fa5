package cps

import (
	"fmt"
	"io"
	"strconv"
)

// The fixed lines of a table, spelt as they should be and not as every release prints them.
const (
	tableRule    = "|-----|\n"
	tableHeading = "| SET NAME - PORT : IP ADDRESS - REPLICA STATE - HOST NAME - HEALTH - LAST SYNC - PRIORITY |\n"
)

// WriteTo writes the table in the guide's form (cps:1104-1132), with the columns spelt right. ParseReplicaTable reads it back to the
// same sets and members.
func (t *ReplicaTable) WriteTo(w io.Writer) (int64, error) {
	site := ""
	if t.Site != "" {
		site = " OF " + t.Site
	}
	out := []string{
		tableRule,
		fmt.Sprintf("| Mongo:%s          MONGODB REPLICA-SETS STATUS INFORMATION%s          Date : %s |\n", t.MongoVersion,
			site, t.Date.Format(tableTime)),
		tableRule, tableHeading, tableRule,
	}
	for _, s := range t.Sets {
		out = append(out, "| "+s.Title()+" |\n")
		for _, note := range s.Notes {
			out = append(out, "| "+note+" |\n")
		}
		for _, m := range s.Members {
			out = append(out, "| "+m.String()+" |\n")
		}
		out = append(out, tableRule)
	}
	return writeLines(w, out...)
}

// String is the row without its bars.
func (m TableMember) String() string {
	ip := ""
	if m.IP.IsValid() {
		ip = m.IP.String()
	}
	mark := ""
	if m.Mark != "" {
		mark = m.Mark + "-"
	}
	return fmt.Sprintf("Member-%d - %d : %s - %s%s - %s - %s - %s - %s",
		m.Number, m.Port, ip, mark, m.State, m.Host, m.Health, m.LastSync, strconv.FormatFloat(m.Priority, 'f', -1, 64))
}

package lustretest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// database is IML's database: a file of the manager's disk, with the version of the schema and the number of rows of
// each table.
type database struct{ name string }

func (d database) path() string { return "/var/lib/pgsql/data/" + d.name }

func (d database) write(s *simhost.State, h *simhost.Host, rows map[string]int, version string) {
	text := "schema " + version + "\n"
	for _, t := range slices.Sorted(maps.Keys(rows)) {
		text += fmt.Sprintf("%s %d\n", t, rows[t])
	}
	h.MustWrite(s, d.path(), text, 0o600)
}

// read is the content of the database; ok is false when there is none.
func (d database) read(h *simhost.Host) (rows map[string]int, version string, ok bool) {
	text, err := h.ReadFile(d.path())
	if err != nil {
		return nil, "", false
	}
	rows = map[string]int{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "schema" {
			version = value
			continue
		}
		rows[name], _ = strconv.Atoi(value)
	}
	return rows, version, true
}

// dump is what pg_dumpall --clean prints.
func (d database) dump(h *simhost.Host) string {
	rows, version, ok := d.read(h)
	var b strings.Builder
	b.WriteString("--\n-- PostgreSQL database cluster dump\n--\n\n\\connect postgres\n\nSET client_encoding = 'UTF8';\n\n")
	if ok {
		fmt.Fprintf(&b, "DROP DATABASE %s;\n\nCREATE ROLE chroma;\nALTER ROLE chroma WITH NOSUPERUSER LOGIN PASSWORD "+
			"'md5simulated';\n"+
			"CREATE DATABASE %[1]s WITH TEMPLATE = template0 OWNER = chroma;\n\n\\connect %[1]s\n\n-- PostgreSQL database "+
			"dump\n\n", d.name)
		rows["schema_"+strings.ReplaceAll(version, ".", "_")] = 1
		for _, t := range slices.Sorted(maps.Keys(rows)) {
			fmt.Fprintf(&b, "CREATE TABLE %s (\n    id integer NOT NULL,\n    text character varying\n);\n\nCOPY %[1]s (id, "+
				"text) FROM stdin;\n", t)
			for i := range rows[t] {
				fmt.Fprintf(&b, "%d\tDROP DATABASE; -- only a text\\n\n", i+1)
			}
			b.WriteString("\\.\n\n")
		}
		b.WriteString("--\n-- PostgreSQL database dump complete\n--\n\n")
	}
	b.WriteString("\\connect postgres\n\n--\n-- PostgreSQL database dump\n--\n\n--\n-- PostgreSQL database dump " +
		"complete\n--\n\n" +
		"--\n-- PostgreSQL database cluster dump complete\n--\n\n")
	return b.String()
}

// load is what psql makes of a dump: statement by statement, whatever became of the ones before.
func (d database) load(c *simhost.Call, text string) {
	rows, version, there := d.read(c.Host)
	inUse := c.Host.Active("chroma-supervisor")
	table, connected := "", "postgres"
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case table != "" && line == `\.`:
			table = ""
		case table != "":
			if connected == d.name && there {
				rows[table]++
			}
		case line == "DROP DATABASE "+d.name+";" && inUse:
			c.Printf("ERROR:  database %q is being accessed by other users\n", d.name)
		case line == "DROP DATABASE "+d.name+";":
			if !strings.HasSuffix(strings.TrimSpace(text), "-- PostgreSQL database cluster dump complete\n--") {
				c.Violate("the database %s was dropped for a dump that is cut off", d.name)
			}
			there = false
			c.Printf("DROP DATABASE\n")
		case strings.HasPrefix(line, "CREATE DATABASE "+d.name+" "):
			if there {
				c.Printf("ERROR:  database %q already exists\n", d.name)
				continue
			}
			rows, version, there = map[string]int{}, "", true
		case strings.HasPrefix(line, `\connect `):
			connected = strings.Fields(line)[1]
		case strings.HasPrefix(line, "COPY ") && strings.HasSuffix(line, " FROM stdin;"):
			table = strings.Fields(line)[1]
			if _, known := rows[table]; !known && there && connected == d.name {
				rows[table] = 0
			}
		}
	}
	for t := range rows {
		if v, ok := strings.CutPrefix(t, "schema_"); ok {
			version = strings.ReplaceAll(v, "_", ".")
			delete(rows, t)
		}
	}
	if there {
		d.write(c.State, c.Host, rows, version)
	} else if err := c.Host.Remove(c.State, d.path()); err != nil {
		c.Printf("ERROR:  database %q does not exist\n", d.name)
	}
	c.Changed("psql loaded a dump")
}

var countRows = regexp.MustCompile(`'( ?\w+=)' \|\| \(SELECT count\(\*\) FROM (\w+)\)`)

// runSu is `su - postgres -c COMMAND`, with pg_dumpall and psql.
func (o *ManagerOptions) runSu(c *simhost.Call) int {
	if len(c.Args) != 4 || c.Args[0] != "-" || c.Args[2] != "-c" {
		return c.Fail(1, "su: only su - USER -c COMMAND is simulated")
	}
	if !c.Host.HasUser(c.Args[1]) || c.Args[1] != "postgres" {
		return c.Fail(1, "su: user %s does not exist", c.Args[1])
	}
	argv, err := simhost.Split(c.Args[3])
	if err != nil || len(argv) == 0 {
		return c.Fail(2, "-bash: %v", err)
	}
	db := database{o.Database}
	if !c.Host.Active("postgresql") {
		return c.Fail(2, "%s: could not connect to server: No such file or directory", argv[0])
	}
	switch line := strings.Join(argv, " "); {
	case line == "/usr/bin/pg_dumpall --clean":
		text := db.dump(c.Host)
		if o.Lie != nil {
			text = o.Lie(text)
		}
		c.Out.WriteString(text)
		return 0
	case line == "psql postgres":
		db.load(c, c.Stdin)
		return 0
	case len(argv) == 6 && argv[0] == "psql" && argv[1] == "-tAX" && argv[2] == "-d" && argv[4] == "-c":
		return o.query(c, db, argv[3], argv[5])
	}
	return c.Fail(127, "-bash: %s: command not found", argv[0])
}

// query answers the two questions that the runbook has.
func (o *ManagerOptions) query(c *simhost.Call, db database, name, text string) int {
	if name == "postgres" && strings.HasPrefix(text, "SELECT count(*) FROM pg_stat_activity WHERE datname = ") {
		c.Printf("%d\n", map[bool]int{true: 7}[c.Host.Active("chroma-supervisor")])
		return 0
	}
	rows, _, ok := db.read(c.Host)
	if !ok || name != db.name {
		return c.Fail(2, "psql: FATAL:  database %q does not exist", name)
	}
	for i, m := range countRows.FindAllStringSubmatch(text, -1) {
		n, ok := rows[m[2]]
		if !ok {
			return c.Fail(1, "ERROR:  relation %q does not exist", m[2])
		}
		if i > 0 {
			c.Printf(" ")
		}
		c.Printf("%s%d", m[1], n)
	}
	c.Printf("\n")
	return 0
}

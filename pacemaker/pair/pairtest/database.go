package pairtest

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// database are the programs that tell versions of PostgreSQL: the data is that of the old system, wherever it is mounted.
func (p *Site) database(r *simhost.Registry) {
	cat := r.Program("cat")
	major, _, _ := strings.Cut(p.from.versions["postgresql-server"], ".")
	r.Command("cat", 0, func(c *simhost.Call) int {
		if len(c.Args) != 1 || !p.isVersion(c.Args[0]) {
			return cat(c)
		}
		if !slices.ContainsFunc(c.Host.Mounts(), func(m simhost.Mount) bool { return strings.HasPrefix(c.Args[0], m.Dir+"/") }) {
			return c.Fail(1, "cat: %s: No such file or directory", c.Args[0])
		}
		c.Printf("%s\n", major)
		return 0
	})
	r.Command("pg_ctl", 0, func(c *simhost.Call) int {
		if !slices.Equal(c.Args, []string{"--version"}) {
			return c.Fail(1, "pg_ctl: %q is not simulated", c.Args)
		}
		installed := cmp.Or(c.Host.Package("postgresql-server"), p.from.versions["postgresql-server"]) // or in another way, by the site's own
		version, _, _ := strings.Cut(installed, "-")
		c.Printf("pg_ctl (PostgreSQL) %s\n", version)
		return 0
	})
}

// isVersion tells the file that says of which major version a data directory is.
func (p *Site) isVersion(file string) bool {
	for _, r := range p.primitives {
		if r.Agent() == "ocf:heartbeat:pgsql" && file == path.Join(value(r, "pgdata"), "PG_VERSION") {
			return true
		}
	}
	return false
}

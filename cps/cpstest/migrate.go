package cpstest

import (
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// migrate is /mnt/iso/migrate.sh.
func migrate(c *simhost.Call) int {
	y := systemOf(c.State)
	third := y.isArbiter(c.Host.Name)
	if c.Host.Name != manager && !third || !isMounted(c.Host) {
		return c.Fail(127, "/mnt/iso/migrate.sh: No such file or directory")
	}
	y.sync(c.State)
	m := &script{Call: c, y: y}
	if third {
		defer y.judge(c.State)
		return m.arbiter(c.Args)
	}
	data, _ := c.Host.ReadFile(imageMounted(c.Host))
	if release := y.isoRelease(data); release != y.opts.To {
		return m.refuse("the mounted image holds release %q, to which nothing can be migrated here", release)
	}
	status := m.dispatch(strings.Join(c.Args[:min(2, len(c.Args))], " "), c.Args)
	y.judge(c.State)
	return status
}

func (m *script) dispatch(what string, args []string) int {
	number := func() int {
		if len(args) < 3 {
			return 0
		}
		return slices.Index([]string{"", "1", "2"}, args[2])
	}
	switch {
	case what == "backup cluman" && len(args) == 2:
		return m.backupManager()
	case what == "restore cluman" && len(args) == 3:
		return m.restoreManager(m.Path(args[2]))
	case what == "disable set" && len(args) == 3 && number() > 0:
		return m.disable(number())
	case what == "enable set" && len(args) == 4 && number() > 0:
		return m.enable(number(), m.Path(args[3]))
	case what == "traffic swap" && len(args) == 2:
		return m.swap()
	case what == "traffic restore" && len(args) == 2:
		return m.restoreTraffic()
	case what == "rollback" && len(args) == 1:
		return m.rollback()
	}
	return m.Fail(2, "usage: migrate.sh backup cluman | restore cluman ARCHIVE | disable set N | enable set N ARCHIVE | "+
		"traffic swap | traffic restore | rollback")
}

// swap gives the traffic to set 1, which runs the new release (cps:991-1008).
func (m *script) swap() int {
	y := m.y
	if status, refused := m.outOfTurn(y.stage[1] != migrated || y.stage[2] != inService,
		"traffic can be swapped when set 1 is migrated and set 2 is not: set 1 is %s, set 2 is %s", y.stage[1], y.stage[2]); refused {
		return status
	}
	for _, alias := range y.halves[1] {
		if m.y.class(alias) == "lb" && !m.State.Host(alias).Active("monit") {
			return m.refuse("monit.service is not running on %s: its Diameter endpoints cannot be turned up", alias)
		}
	}
	m.work(40 * time.Second)
	if !m.dead {
		m.Printf("Creating MD5 Checksum...\n")
		y.swapTraffic(m.State, 1)
		m.work(20 * time.Second)
		m.Printf("Redis config updated on installer\n\n")
	}
	return m.finish()
}

// restoreTraffic gives it to both halves (cps:1323-1337).
func (m *script) restoreTraffic() int {
	y := m.y
	if status, refused := m.outOfTurn(!y.stage[1].up() || !y.stage[2].up(),
		"traffic can be restored when both sets are in service: set 1 is %s, set 2 is %s", y.stage[1], y.stage[2]); refused {
		return status
	}
	if !m.work(50 * time.Second) {
		return m.finish()
	}
	for n := 1; n <= 2; n++ {
		if !y.stage[n].up() {
			m.Violate("traffic was restored to set %d while it was %s", n, y.stage[n])
		}
	}
	if missing := y.missing(); len(missing) > 0 {
		m.Violate("traffic was restored before every member was back with the right priority (cps:1321): %s", strings.Join(missing, "; "))
	}
	y.restoreTraffic(m.State)
	y.stickTo(2)
	m.info("command.execute", "(stdout): Stopping haproxy: [ OK ]")
	m.Printf("Stopping haproxy: [ OK ]\n\n")
	return m.finish()
}

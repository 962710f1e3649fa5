package cpstest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// disable is "disable set N" (cps:684-707,1029-1045).
func (m *script) disable(n int) int {
	y := m.y
	if !y.manager.restored || !y.manager.replaced {
		return m.refuse("the Cluster Manager is not migrated yet: restore it first")
	}
	if status, refused := m.outOfTurn(y.stage[n] == disabled || y.stage[n] == migrated || y.stage[n] == rolledBack,
		"set %d is %s", n, y.stage[n]); refused {
		return status
	}
	if status, refused := m.outOfTurn(n == 2 && y.stage[1] != migrated, "set 1 is %s: migrate it before set 2", y.stage[1]); refused {
		return status
	}
	members, problem := m.clusterSet(n)
	if problem != "" {
		return m.refuse("%s", problem)
	}
	made := m.Now()
	to := cps.ArchiveName{Kind: cps.ArchiveSet, Set: n, Time: made}.Path()
	m.banner(to)
	files, err := m.collect(n, members)
	if err != nil {
		return m.refuse("%v", err)
	}
	if !m.work(5 * time.Minute) {
		return m.finish()
	}
	if n == 1 {
		y.rolledBack = false // a new migration begins
	}
	m.beginDisabling(n, members)
	rule := strings.Repeat("=", len(ruler))
	m.info("backup.handleRequest", "%s", rule)
	m.info("backup.handleRequest", "Archive /var/tmp/migrate/set-%d/config_other_br.tar.gz is created with requested backups.", n)
	m.info("backup.handleRequest", "%s", rule)
	for _, alias := range members {
		if !m.stopVM(alias) {
			return m.finish()
		}
	}
	data := pack(files, made)
	if !m.stage("Create backup Tar", 40*time.Second) {
		m.Host.MustWrite(m.State, to, data[:len(data)/2], 0o600)
		return m.finish()
	}
	m.Host.MustWrite(m.State, to, data, 0o600)
	y.enter(to, fmt.Sprintf("set-%d", n), data)
	y.stage[n] = disabled
	y.schedule(m.State, y.opts.Technician.DeleteAfter, deleteVMs, n)
	return m.finish()
}

// clusterSet reads the cluster-upgrade-set file of a set; the problem is said in words.
func (m *script) clusterSet(n int) (members []string, problem string) {
	file := cps.ClusterSetPath(n)
	text, err := m.Host.ReadFile(file)
	if err != nil {
		return nil, fmt.Sprintf("%s: %v: run create-cluster-sets.sh first", file, err)
	}
	set, err := cps.ParseClusterSet(srcerr.Named(file, strings.NewReader(text)))
	if err != nil {
		return nil, err.Error()
	}
	for _, alias := range set {
		if m.y.vm(alias) == nil {
			return nil, fmt.Sprintf("%s: %s is not in Hosts.csv", file, alias)
		}
	}
	return set, ""
}

// collect takes from the VMs of a set what their successors need (cps:698,898).
func (m *script) collect(n int, members []string) ([]packed, error) {
	y := m.y
	files := []packed{{label, labelText(fmt.Sprintf("set-%d", n), y.manager.release)}}
	var inner []packed
	for _, alias := range members {
		if !y.running(m.State, alias) {
			return nil, fmt.Errorf("cannot connect to %s", alias)
		}
		h := m.State.Host(alias)
		for _, p := range []string{"/etc/passwd", "/etc/group", "/etc/broadhop/logback.xml", "/var/broadhop/.htpasswd"} {
			if data, err := h.ReadFile(p); err == nil {
				f := packed{"var/tmp/migrate/" + alias + p, data}
				files, inner = append(files, f), append(inner, f)
			}
		}
	}
	return append(files, packed{fmt.Sprintf("var/tmp/migrate/set-%d/config_other_br.tar.gz", n), pack(inner, m.Now())}), nil
}

// beginDisabling takes a set out of traffic.
func (m *script) beginDisabling(n int, members []string) {
	y := m.y
	y.halves[n] = slices.Clone(members)
	y.halves[3-n] = slices.DeleteFunc(slices.Clone(y.halves[3-n]), func(a string) bool { return slices.Contains(members, a) })
	if !y.takes(m.State, 3-n) {
		m.Violate("set %d was disabled while set %d took no traffic: all calls are lost", n, 3-n)
	}
	if !y.stage[3-n].up() {
		m.Violate("set %d was disabled while set %d was %s: both halves are down", n, 3-n, y.stage[3-n])
	}
	y.stage[n], y.serves[n] = disabling, false
	m.Changed("set %d is being disabled", n)
}

// stopVM stops the services of a VM and takes its members out of the replica sets.
func (m *script) stopVM(alias string) bool {
	y := m.y
	if !m.work(5 * time.Second) {
		return false
	}
	for _, p := range y.mongodsOn(alias) {
		if !p.arbiter || y.opts.RemovesArbiters {
			m.removeMember(p)
		}
	}
	y.stopCPS(m.State, y.vm(alias))
	for _, p := range y.mongodsOn(alias) {
		m.info("command.execute", "Mongo port:%d stopped successfully", p.member.Port)
	}
	return !m.dead
}

// removeMember takes a member out of its set: a primary steps down first, and the new one removes it. Where no primary can be had,
// migrate.sh says so and goes on, as the process is about to end anyway.
func (m *script) removeMember(p placed) {
	set, address := &m.y.sets[p.set], p.member.Address()
	if _, ok := set.member(address); !ok {
		return
	}
	const attempts = 5
	for try := 1; try <= attempts; try++ {
		if primary, ok := set.Primary(); ok && primary == address {
			_ = set.StepDown(address, 10*time.Minute) // refused where nobody can follow
			m.y.touched(m.State, p.set)
		}
		m.until(40*time.Second, func() bool {
			primary, ok := set.Primary()
			return ok && primary != address
		})
		if primary, ok := set.Primary(); ok && primary != address && set.Remove(address) == nil {
			m.y.touched(m.State, p.set)
			m.Changed("%s left replica set %s", address, set.spec.Name)
			return
		}
		m.bare("WARNING", "Mongo Server trying to reconnect while pushing config. Attempt #%d", try)
	}
	m.say("WARNING", "mongo.remove_member", "%s could not be removed from %s: it has no other primary", address, set.spec.Label)
}

// until lets time pass until the condition holds, looking every second at the replica sets.
func (m *script) until(limit time.Duration, holds func() bool) bool {
	return m.Until(limit, func() bool {
		m.y.sync(m.State)
		return holds()
	})
}

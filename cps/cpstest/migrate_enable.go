package cpstest

import (
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/replsim"
)

// enable is "enable set N ARCHIVE" (cps:884-919,1255-1290), in a migration and in a rollback (cps:1966-1989). A set that is enabled
// already is enabled once more, which brings back what has stopped since (cps:1989).
func (m *script) enable(n int, from string) int {
	y := m.y
	if !y.manager.restored {
		return m.refuse("the Cluster Manager is not restored yet")
	}
	if status, refused := m.outOfTurn(y.stage[n] == disabling || y.stage[n] == undoing,
		"set %d is %s: run that again until it succeeds", n, y.stage[n]); refused {
		return status
	}
	if status, refused := m.outOfTurn(y.stage[n] == inService && !y.rolledBack, "set %d is %s: disable it first", n, y.stage[n]); refused {
		return status
	}
	files, err := readArchive(m.Host, from, fmt.Sprintf("set-%d", n))
	if err != nil {
		return m.refuse("%v", err)
	}
	back := y.rolledBack && n == 1
	if !m.ready(n) {
		return 1
	}
	first := !y.stage[n].up()
	if first {
		y.stage[n] = enabling
		if back {
			y.stage[n] = reenabling
		}
		m.Changed("set %d is being enabled", n)
	}
	if !m.work(9 * time.Minute) {
		return m.finish()
	}
	if !m.restoreVMs(n, files) || !m.addMembers(n) || !m.setPriorities() || m.failed != "" {
		return m.finish()
	}
	m.enabled(n, first, back)
	return m.finish()
}

// enabled puts the set into service.
func (m *script) enabled(n int, first, back bool) {
	y := m.y
	if !first {
		return
	}
	y.stage[n] = migrated
	if back {
		y.stage[n] = inService
		y.restoreTraffic(m.State)
		if y.opts.AdminArbiterStops {
			y.eachArbiter(func(p placed) {
				if y.mongo.Sets[p.set].Type == "ADMIN" {
					y.stopMongod(m.State, p, true)
				}
			})
		}
	} else {
		y.leaveShardsMigrating()
		y.rings.built = false
	}
	m.Changed("set %d is enabled", n)
}

// ready checks that every VM of the set has been redeployed on the Cluster Manager's release.
func (m *script) ready(n int) bool {
	y, ok := m.y, true
	for _, alias := range y.halves[n] {
		v := y.vm(alias)
		switch {
		case !y.running(m.State, alias):
			m.say("ERROR", "fabric_tasks.run", "cannot connect to %s", alias)
			ok = false
		case v.release != y.manager.release:
			m.say("ERROR", "fabric_tasks.run", "%s still runs %s: redeploy it first", alias, v.release)
			ok = false
		}
	}
	if !ok {
		m.refuse("set %d cannot be enabled", n)
	}
	return ok
}

// restoreVMs brings back what was saved of each VM and starts its services.
func (m *script) restoreVMs(n int, files []packed) bool {
	y := m.y
	for _, alias := range y.halves[n] {
		h := m.State.Host(alias)
		for _, f := range files {
			p, ok := strings.CutPrefix(f.path, "var/tmp/migrate/"+alias)
			if !ok {
				continue
			}
			switch p {
			case "/etc/passwd":
				m.info("etc_passwd.parse_etc_passwd", "Parsing /%s file", f.path)
				m.skipUsers(alias, f.data)
			case "/etc/group":
				m.info("etc_group.parse_etc_group", "Parsing /%s file", f.path)
			case "/var/broadhop/.htpasswd":
				h.MustWrite(m.State, p, f.data, 0o644)
			}
		}
		h.MustWrite(m.State, "/etc/broadhop/logback.xml", logback(y.vm(alias).release), 0o644)
		y.startCPS(m.State, y.vm(alias))
		if !m.work(time.Minute) {
			return false
		}
	}
	if y.vip.owner != "" {
		y.eachArbiter(func(p placed) { y.startMongod(m.State, p) })
	}
	return true
}

// skipUsers warns of the users that adduser.sh made (cps:894-905).
func (m *script) skipUsers(alias, passwd string) {
	for _, line := range strings.Split(passwd, "\n") {
		fields := strings.Split(line, ":")
		if len(fields) > 2 && len(fields[2]) == 4 {
			m.say("WARNING", "restore_vm.restore_vms",
				"On Host:%s User/Group %s/%s is not being migrated and must be manually created using adduser.sh.", alias, fields[0], fields[0])
		}
	}
}

// addMembers puts the members of the set's VMs back into their replica sets, where they copy the data.
func (m *script) addMembers(n int) bool {
	y, attempt := m.y, 0
	for _, alias := range y.halves[n] {
		for _, p := range y.mongodsOn(alias) {
			set, address := &y.sets[p.set], p.member.Address()
			if p.arbiter {
				y.startMongod(m.State, p)
			}
			if _, ok := set.member(address); ok || p.arbiter && !y.opts.RemovesArbiters {
				continue
			}
			if !m.until(2*time.Minute, func() bool { _, ok := set.Primary(); return ok }) {
				attempt++
				m.bare("WARNING", "Mongo Server trying to reconnect while pushing config. Attempt #%d", attempt)
				m.failed = set.spec.Label + " has no primary: " + address + " could not be added"
				continue
			}
			if attempt == 0 {
				attempt++
				m.bare("WARNING", "Mongo Server trying to reconnect while pushing config. Attempt #%d", attempt)
			}
			// The lowest priority first: nobody is to take over before the data are there.
			member := replsim.Data(p.index, address, 0)
			if p.arbiter {
				member = replsim.ArbiterAt(p.index, address)
			}
			if err := set.Add(member); err != nil {
				m.say("ERROR", "mongo.add_member", "%s: %v", address, err)
				m.failed = address + " could not be added to " + set.spec.Label
				continue
			}
			if rate := y.opts.Data[set.spec.Name].ApplyRate; rate > 0 {
				set.SetApplyRate(rate)
			}
			y.touched(m.State, p.set)
			m.Changed("%s joined replica set %s", address, set.spec.Name)
		}
		if !m.work(30 * time.Second) {
			return false
		}
	}
	return true
}

// setPriorities gives every member its priority and checks it (cps:912-915).
func (m *script) setPriorities() bool {
	for i := range m.y.sets {
		set := &m.y.sets[i]
		for _, k := range set.misplaced() {
			if err := set.SetPriority(set.spec.Members[k].Address(), priority(k, len(set.spec.Members))); err != nil {
				m.say("ERROR", "mongo.set_priority", "%s: %v", set.spec.Label, err)
			}
			m.y.touched(m.State, i)
		}
		if len(set.misplaced()) == 0 {
			m.bare("INFO", "Priority set operation is completed for %s", set.spec.Label)
		}
	}
	m.bare("INFO", "Priority set to the Database members is finished")
	for i := range m.y.sets {
		if !m.work(10 * time.Second) {
			return false
		}
		set := &m.y.sets[i]
		m.bare("INFO", "Validating if Priority is set correctly for Replica-Set: %s", set.spec.Label)
		if len(set.misplaced()) == 0 {
			m.bare("INFO", "Validated Priority is set correctly for Replica-Set: %s", set.spec.Label)
		} else {
			m.failed = "the priorities of " + set.spec.Label + " are not set"
		}
	}
	m.Printf("\n")
	return true
}

// misplaced are the data members whose priority is not what it should be, by their position; members that are not in
// the set now do not count.
func (r *replicaSet) misplaced() (list []int) {
	for k, spec := range r.spec.Members {
		if have, ok := r.member(spec.Address()); ok && have.Priority != priority(k, len(r.spec.Members)) {
			list = append(list, k)
		}
	}
	return list
}

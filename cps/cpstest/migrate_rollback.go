package cpstest

import (
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// rollback is "rollback" (cps:1899-1912): set 1 is stopped, set 2 serves alone until set 1 is back on the old release. It is only
// possible once set 1 was enabled and before set 2 was touched (cps:1814,1832), and not with a sharded mongoConfig.cfg (cps:1822).
func (m *script) rollback() int {
	y := m.y
	if status, refused := m.outOfTurn(y.stage[1] != migrated && y.stage[1] != undoing || y.stage[2] != inService,
		"rollback is possible after set 1 was enabled and before set 2 is disabled: set 1 is %s, set 2 is %s", y.stage[1], y.stage[2]); refused {
		return status
	}
	text, err := m.Host.ReadFile(mongoConfigCfg)
	if err != nil {
		return m.refuse("%s: %v: Mongo configured elsewhere cannot be rolled back", mongoConfigCfg, err)
	}
	config, err := cps.ParseMongoConfig(srcerr.Named(mongoConfigCfg, strings.NewReader(text)))
	if err != nil {
		return m.refuse("%v", err)
	}
	if sharded, found := config.Sharded(); sharded {
		return m.refuse("%s", found[0].What)
	}
	if stuck := m.recovering(); stuck != "" {
		return m.refuse("%s is in RECOVERING state: stop it first", stuck)
	}
	if y.stage[1] != migrated && y.stage[1] != undoing || y.stage[2] != inService {
		m.Violate("rollback was run while set 1 was %s and set 2 was %s", y.stage[1], y.stage[2])
	}
	y.swapTraffic(m.State, 2)
	if !y.takes(m.State, 2) {
		m.Violate("rollback was run while set 2 could take no traffic")
	}
	y.stage[1], y.rolledBack = undoing, true
	for _, alias := range y.halves[1] {
		m.info("fabric_tasks.run", "Stopping all services on remote VM %s", alias)
		m.info("transport._log", "Secsh channel 3 opened.")
		if !m.stopVM(alias) || !m.work(10*time.Second) {
			return m.finish()
		}
		m.info("transport._log", "Secsh channel 4 opened.")
	}
	y.stage[1] = rolledBack
	m.Changed("set 1 is rolled back")
	for _, a := range y.archives {
		if a.Kind == "set-1" && a.OffMachine {
			y.schedule(m.State, y.opts.Technician.DeployAfter, restoreManager, 0)
			break
		}
	}
	return m.finish()
}

// recovering is a member of set 1 in RECOVERING; the guide has them stopped before a rollback (cps:1833,1866).
func (m *script) recovering() string {
	for _, alias := range m.y.halves[1] {
		for _, p := range m.y.mongodsOn(alias) {
			if address := p.member.Address(); m.y.sets[p.set].StateOf(address).String() == "RECOVERING" {
				return address
			}
		}
	}
	return ""
}

package issm

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// validArgv finds what is wrong with a command of a configuration.
func validArgv(argv []string) error {
	if len(argv) == 0 {
		return errors.New("it is missing")
	}
	return errors.Join(sshexec.Command(sshexec.ReadOnly, argv...).Validate(), steps.CheckNoPassword[string](argv))
}

// siteSecrets finds commands of the site with a password of the cluster in them.
func (c Config) siteSecrets() error {
	commands := map[string][]string{}
	for i, k := range c.KPIs {
		commands[fmt.Sprintf("kpis[%d].command", i)] = k.Command
	}
	if a := c.Alarms; a != nil {
		commands["alarms.silence"], commands["alarms.unsilence"], commands["alarms.check"] = a.Silence, a.Unsilence, a.Check
	}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(commands)) {
		if err := steps.CheckNoPassword(commands[key], c.Secrets...); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
	}
	return errors.Join(errs...)
}

// reviewSite says what of the site's own programs is lost with its machine.
func (m *Migration) reviewSite() []cps.Finding {
	var list []cps.Finding
	add := func(severity cps.Severity, where, format string, args ...any) {
		list = append(list, cps.Finding{Severity: severity, Where: where, What: fmt.Sprintf(format, args...), Row: "CPS-232"})
	}
	replaced := func(host string) bool {
		return host == m.cfg.ClusterManager || m.sets[1].Contains(host) || m.sets[2].Contains(host)
	}
	const lost = "which is replaced: put what the commands need on the new machine before the migration goes on"
	var hosts []string
	for _, k := range m.cfg.KPIs {
		if host := m.kpis().host(k); replaced(host) && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
			add(cps.Info, "kpis", "KPIs are read on %s, %s", host, lost)
		}
	}
	if a := m.cfg.Alarms; a != nil && replaced(m.alarmHost()) {
		add(cps.Info, "alarms", "alarms are silenced on %s, %s", m.alarmHost(), lost)
	}
	return list
}

package issm

import (
	"cmp"
	"fmt"

	"github.com/evenkeel-ha/evenkeel/cps"
)

// withDeploy is what the deploy folder tells and the configuration leaves open: the platform, and the secrets. What the
// two say against each other, and what the tables say among themselves, is found.
func (c Config) withDeploy() (Config, []cps.Finding) {
	d := c.Deploy
	if d == nil {
		return c, nil
	}
	found := d.Findings()
	add := func(severity cps.Severity, where, row, format string, args ...any) {
		found = append(found, cps.Finding{Severity: severity, Where: where, What: fmt.Sprintf(format, args...), Row: row})
	}
	switch vmware := d.VMware(); {
	case vmware && c.Platform == OpenStack:
		add(cps.Error, d.Hosts.File, "CPS-039",
			"the tables of the deploy folder are those of %s, and the configuration says platform %s", VMware, OpenStack)
	case !vmware && c.Platform == "":
		add(cps.Error, d.Hosts.File, "CPS-039", "the tables do not tell which platform the VMs are on: give platform, %s or %s (cps:779-784)",
			VMware, OpenStack)
	case !vmware && c.Platform == VMware:
		add(cps.Warning, d.Hosts.File, "CPS-039",
			"platform %s: no table has an ESXi host or a vCenter, nor a hypervisor and a datastore for each VM", VMware)
	}
	if on, _ := d.Authentication(); on && cmp.Or(c.Tools.Mongo, "mongo") == "mongo" {
		add(cps.Warning, d.Configuration.File, "CPS-012", "%s is TRUE: let tools.mongo name a program that logs in and is called as mongo is, "+
			"unless mongo logs in by itself on %s", cps.KeyDBAuthEnabled, cmp.Or(c.ClusterManager, "cluman"))
	}
	if d.Configuration != nil {
		c.Secrets = append(c.Secrets[:len(c.Secrets):len(c.Secrets)], d.Configuration.Secrets()...)
	}
	return c, found
}

package upgrade

import (
	"errors"
	"fmt"

	"github.com/evenkeel-ha/evenkeel/lustre"
)

// profile wants the profile to install what every target is kept on: a new system without it would start none, and that
// would be seen only when the old one is gone. It wants the commands of the profile to be ones that can be looked after.
func (p loading) profile() error {
	var errs []error
	for _, t := range p.Targets {
		zfs := p.stores[0][t.UUID].Backend == "zfs"
		switch {
		case zfs && p.Config.Profile == lustre.LDISKFSOnly:
			errs = append(errs, fmt.Errorf("%s: target %s is in the ZFS pool %s, and profile ldiskfs installs no ZFS: no new system could "+
				"import it. Take profile both, or zfs where every target is on ZFS", p.Config.Node1.Backup, t.Resource, t.Pool))
		case !zfs && p.Config.Profile == lustre.ZFSOnly:
			errs = append(errs, fmt.Errorf("%s: target %s is on ldiskfs (%s), and profile zfs installs none: no new system could mount it. "+
				"Take profile both, or ldiskfs where every target is on ldiskfs", p.Config.Node1.Backup, t.Resource, t.Device))
		}
	}
	for i := range p.servers() {
		for _, c := range p.Config.Profile.Commands(i == 1, p.Config.Kernel) {
			if c.Argv[0] == "yum" {
				_, err := p.node(i).packagesOf(c.Argv)
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

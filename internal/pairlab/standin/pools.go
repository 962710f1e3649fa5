package standin

import (
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// poolsFile has a line for each pool that zpool has imported on the node. It is gone when the node has lost its power,
// as the import is: ocf:heartbeat:ZFS imports with cachefile=none.
const poolsFile = "/run/lab/pools"

// poolDisk is what the hardware calls a pool: it knows which node has it, as it knows of a target.
func poolDisk(name string) string { return "zpool:" + name }

// runZpool is zpool as ocf:heartbeat:ZFS calls it:
//
//	zpool list [-H] [-o name|health] [POOL]
//	zpool import [-f] [-d DIR] [-o cachefile=none] POOL
//	zpool export [-f] POOL
//
// A pool is imported, too, where one of its data sets is mounted: IML's agent imports a pool to mount its target, and
// exports it after.
func runZpool(c *call) int {
	if len(c.args) == 0 {
		return c.fail(2, "missing command")
	}
	name, option := "", ""
	for i := 1; i < len(c.args); i++ {
		switch a := c.args[i]; {
		case (a == "-o" || a == "-d") && i+1 < len(c.args):
			if i++; a == "-o" {
				option = c.args[i]
			}
		case strings.HasPrefix(a, "-"):
		default:
			name = a
		}
	}
	switch c.args[0] {
	case "list":
		return c.listPools(name, option)
	case "import":
		return c.importPool(name)
	case "export":
		return c.exportPool(name)
	}
	return c.fail(2, "zpool: the stand-in has list, import and export only")
}

// pools are those that are imported on the node.
func (c *call) pools() []string {
	pools := strings.Fields(c.read(poolsFile))
	for _, m := range lustreMounts(c.read(mountsFile)) {
		if pool, _, isDataSet := strings.Cut(m[0], "/"); isDataSet && pool != "" {
			pools = append(pools, pool)
		}
	}
	slices.Sort(pools)
	return slices.Compact(pools)
}

// keepPools changes which pools zpool has imported.
func (c *call) keepPools(change func([]string) []string) error {
	unlock, err := c.lock(poolsFile + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	text := strings.Join(change(strings.Fields(c.read(poolsFile))), "\n")
	return c.write(poolsFile, text+"\n")
}

func (c *call) listPools(name, column string) int {
	pools := c.pools()
	scripted := slices.ContainsFunc(c.args[1:], func(a string) bool { return strings.HasPrefix(a, "-") && strings.Contains(a, "H") })
	switch {
	case name != "" && !slices.Contains(pools, name):
		return c.fail(1, "cannot open '%s': no such pool", name)
	case name != "":
		pools = []string{name}
	case len(pools) == 0 && !scripted:
		c.printf("no pools available\n")
	}
	if !scripted && len(pools) > 0 {
		c.printf("%s\n", strings.ToUpper(map[bool]string{true: column, false: "name"}[column == "health"]))
	}
	for _, p := range pools {
		if column == "health" {
			p = "ONLINE"
		}
		c.printf("%s\n", p)
	}
	return 0
}

// importPool takes no notice of what another node has, as an import by force: the hardware does.
func (c *call) importPool(name string) int {
	switch {
	case name == "":
		return c.fail(1, "no pools available to import") // which there are, the disks know, and the stand-in does not ask
	case !c.moduleLoaded("zfs"):
		return c.fail(1, "The ZFS modules are not loaded.\nTry running '/sbin/modprobe zfs' as root to load them.")
	case slices.Contains(c.pools(), name):
		return c.fail(1, "cannot import '%s': a pool with that name already exists", name)
	}
	if _, err := c.ask(wire.HardwareRequest{Op: "start", Target: poolDisk(name)}); err != nil {
		return c.fail(1, "cannot import '%s': %v", name, err)
	}
	if err := c.keepPools(func(pools []string) []string { return append(pools, name) }); err != nil {
		return c.fail(1, "cannot import '%s': %v", name, err)
	}
	return 0
}

func (c *call) exportPool(name string) int {
	switch {
	case !slices.Contains(c.pools(), name):
		return c.fail(1, "cannot open '%s': no such pool", name)
	case slices.ContainsFunc(lustreMounts(c.read(mountsFile)), func(m []string) bool { return strings.HasPrefix(m[0], name+"/") }):
		return c.fail(1, "cannot export '%s': pool is busy", name)
	}
	if _, err := c.ask(wire.HardwareRequest{Op: "stop", Target: poolDisk(name)}); err != nil {
		return c.fail(1, "cannot export '%s': %v", name, err)
	}
	gone := func(pools []string) []string {
		return slices.DeleteFunc(pools, func(p string) bool { return p == name })
	}
	if err := c.keepPools(gone); err != nil {
		return c.fail(1, "cannot export '%s': %v", name, err)
	}
	return 0
}

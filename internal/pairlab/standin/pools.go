package standin

import (
	"maps"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// poolsFile has a line for each pool that zpool has imported on the node. It is gone when the node has lost its power,
// as the import is: ocf:heartbeat:ZFS imports with cachefile=none.
const poolsFile = "/run/lab/pools"

// poolDisk is what the hardware calls a pool.
func poolDisk(name string) string { return poolPrefix + name }

// runZpool is zpool as ocf:heartbeat:ZFS calls it:
//
//	zpool list [-H] [-o name|health] [POOL]
//	zpool import [-f] [-d DIR] [-o cachefile=none] [POOL]
//	zpool export [-f] POOL
//	zpool status POOL
//	zpool get PROPERTY POOL
//
// A pool is imported, too, where one of its data sets is mounted: IML's agent imports a pool to mount its target, and
// exports it after.
func runZpool(c *call) int {
	if len(c.args) == 0 {
		return c.fail(2, "missing command")
	}
	name, option := "", "" // the last word, and the value of the last -o
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
	if (c.args[0] == "status" || c.args[0] == "get") && name != "" {
		return c.tellPool(name)
	}
	return c.fail(2, "zpool: the stand-in has list, import, export, status and get only")
}

// tellPool is status, and get of a property: all that is known of a pool is that it is whole.
func (c *call) tellPool(name string) int {
	switch {
	case !slices.Contains(c.pools(), name):
		return c.fail(1, "cannot open '%s': no such pool", name)
	case c.args[0] == "status":
		c.printf("  pool: %s\n state: ONLINE\n  scan: none requested\nerrors: No known data errors\n", name)
		return 0
	}
	known := map[string]string{"health": "ONLINE", "cachefile": "none", "multihost": "off", "readonly": "off"}
	properties := strings.Split(c.args[len(c.args)-2], ",")
	if properties[0] == "all" {
		properties = slices.Sorted(maps.Keys(known))
	}
	c.printf("NAME PROPERTY VALUE SOURCE\n")
	for _, p := range properties {
		if known[p] == "" {
			return c.fail(2, "bad property list: invalid property '%s'", p)
		}
		c.printf("%s %s %s -\n", name, p, known[p])
	}
	return 0
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
	case !c.moduleLoaded("zfs"):
		return c.fail(1, "The ZFS modules are not loaded.\nTry running '/sbin/modprobe zfs' as root to load them.")
	case name == "":
		return c.importable()
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

// importable lists the pools on the storage that the node has not imported, be it that another one has.
func (c *call) importable() int {
	have, found := c.pools(), map[string]bool{}
	for _, t := range c.disks() {
		if pool, _, dataset := strings.Cut(t.Device, "/"); dataset && pool != "" && !slices.Contains(have, pool) {
			found[pool] = true
		}
	}
	if len(found) == 0 {
		return c.fail(1, "no pools available to import")
	}
	for _, pool := range slices.Sorted(maps.Keys(found)) {
		c.printf("   pool: %s\n     id: 1\n  state: ONLINE\n action: The pool can be imported using its name or numeric identifier.\n\n", pool)
	}
	return 0
}

// busy tells whether the node has a data set of a pool in use: also one that it is still unmounting.
func (c *call) busy(pool string) bool {
	holds, err := c.holds()
	_, in := c.disk(func(t wire.Target) bool {
		return strings.HasPrefix(t.Device, pool+"/") && slices.Contains(holds, t.UUID)
	})
	return err != nil || in
}

func (c *call) exportPool(name string) int {
	switch {
	case !slices.Contains(c.pools(), name):
		return c.fail(1, "cannot open '%s': no such pool", name)
	case c.busy(name):
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

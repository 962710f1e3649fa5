package simhost

import (
	"slices"
	"strings"
)

func addStoragePrograms(r *Registry) { r.Command("zpool", 0, runZpool) }

// Pools are the imported ZFS pools, in order. A pool is imported where one of its data sets is mounted, as Lustre's
// resource agents do it: they import it before a mount and export it after the unmount.
func (h *Host) Pools() []string {
	var pools []string
	for _, m := range h.mounts {
		if strings.HasPrefix(m.Device, "/") || strings.ContainsRune(m.Device, ':') {
			continue // a disk, or a share of another host
		}
		if pool, _, dataset := strings.Cut(m.Device, "/"); (dataset || m.Type == "lustre") && !slices.Contains(pools, pool) {
			pools = append(pools, pool)
		}
	}
	slices.Sort(pools)
	return pools
}

// runZpool is `zpool list [-H] [-o name[,health]] [POOL…]`.
func runZpool(c *Call) int {
	if len(c.Args) == 0 || c.Args[0] != "list" {
		return c.Fail(2, "zpool: only list is simulated")
	}
	f, err := parseFlags(c.Args[1:], "Hp", "o")
	if err != nil {
		return c.refuse(err)
	}
	pools := c.Host.Pools()
	if len(pools) == 0 && !c.Host.Loaded("zfs") {
		return c.Fail(1, "The ZFS modules are not loaded.\nTry running '/sbin/modprobe zfs' as root to load them.")
	}
	if len(f.rest) > 0 {
		for _, name := range f.rest {
			if !slices.Contains(pools, name) {
				return c.Fail(1, "cannot open '%s': no such pool", name)
			}
		}
		pools = f.rest
	}
	columns := strings.Split(f.value['o'], ",")
	if f.value['o'] == "" {
		columns = []string{"name", "health"}
	}
	if !f.has("H", "") {
		if len(pools) == 0 {
			c.Printf("no pools available\n")
			return 0
		}
		c.Printf("%s\n", strings.ToUpper(strings.Join(columns, "  ")))
	}
	for _, pool := range pools {
		row := make([]string, len(columns))
		for i, column := range columns {
			switch column {
			case "name":
				row[i] = pool
			case "health":
				row[i] = "ONLINE"
			default:
				return c.Fail(2, "bad property list: invalid property '%s'", column)
			}
		}
		c.Printf("%s\n", strings.Join(row, "\t"))
	}
	return 0
}

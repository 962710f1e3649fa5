package cpstest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// bootTime is how long nova builds a server before it is ACTIVE.
const bootTime = 2 * time.Minute

// addCloudPrograms are the clients of OpenStack, on the machine that has them.
func addCloudPrograms(r *simhost.Registry, o *Options) {
	if o.Cloud == "" {
		return
	}
	r.Command("nova", 2*time.Second, nova)
	r.Command("neutron", 2*time.Second, neutron)
}

// nova is "nova list" and "nova boot" (cps:786-821). It boots a second server of a name where there is one, as nova
// does.
func nova(c *simhost.Call) int {
	y := systemOf(c.State)
	if c.Host.Name != y.opts.Cloud {
		return notThere(c, "nova")
	}
	switch {
	case slices.Equal(c.Args, []string{"list"}):
		const rule = "+--------------------------------------+--------------+--------+------------+-------------+----------+\n"
		c.Printf("%s| ID | Name | Status | Task State | Power State | Networks |\n%s", rule, rule)
		for i := range y.vms {
			if v := &y.vms[i]; v.exists {
				status := "ACTIVE"
				switch {
				case c.Now().Before(v.built):
					status = "BUILD"
				case c.State.Host(v.alias).Power == simhost.Off:
					status = "SHUTOFF"
				}
				c.Printf("| %s | %s | %s | - | Running | Internal=%s |\n", cloudID(0x5e4, i, 0), v.alias, status, v.address)
			}
		}
		c.Printf("%s", rule)
		return 0
	case len(c.Args) > 0 && c.Args[0] == "boot":
		boots, err := cps.ParseBoots(srcerr.Named("nova boot", strings.NewReader("nova "+strings.Join(c.Args, " "))))
		if err != nil {
			return c.Fail(2, "error: %v", err)
		}
		v := y.vm(boots[0].Name)
		if v == nil {
			return c.Fail(1, "ERROR (BadRequest): no VM of this cluster is called %s", boots[0].Name)
		}
		if v.exists {
			c.State.Violate("%s was booted beside the one that there is", v.alias)
			return 0
		}
		y.sync(c.State)
		y.deploy(c.State, v, y.manager.release)
		v.built, v.pairs = c.Now().Add(bootTime), nil
		const rule = "+----------+-------+\n"
		c.Printf("%s| Property | Value |\n%s| name | %s |\n| status | BUILD |\n%s", rule, rule, v.alias, rule)
		y.judge(c.State)
		return 0
	}
	return c.Fail(2, "usage: nova list | boot")
}

// neutron is "neutron port-list" and "neutron port-update" (cps:846-873).
func neutron(c *simhost.Call) int {
	y := systemOf(c.State)
	if c.Host.Name != y.opts.Cloud {
		return notThere(c, "neutron")
	}
	type port struct {
		id, address string
		of          *vm
	}
	var ports []port
	for i := range y.vms {
		host, _ := y.hosts.ByAlias(y.vms[i].alias)
		for k, network := range y.hosts.Networks {
			if addr, ok := host.Address(network); ok && y.vms[i].exists {
				ports = append(ports, port{cloudID(0x90f, i, k), addr.String(), &y.vms[i]})
			}
		}
	}
	switch {
	case slices.Equal(c.Args, []string{"port-list"}):
		c.Printf("+----+------+-------------+-----------+\n| id | name | mac_address | fixed_ips |\n+----+------+-------------+-----------+\n")
		for i, p := range ports {
			fixed := fmt.Sprintf(`{"subnet_id": "%s", "ip_address": "%s"}`, cloudID(0x5b7, 0, 0), p.address)
			c.Printf("| %s |      | fa:16:3e:00:00:%02x | %s |\n", p.id, i, fixed)
		}
		c.Printf("+----+------+-------------+-----------+\n")
		return 0
	case len(c.Args) == 6 && c.Args[0] == "port-update" &&
		slices.Equal(c.Args[2:5], []string{"--allowed-address-pairs", "type=dict", "list=true"}):
		vip, ok := strings.CutPrefix(c.Args[5], "ip_address=")
		i := slices.IndexFunc(ports, func(p port) bool { return p.id == c.Args[1] })
		if !ok || i < 0 {
			return c.Fail(1, "Unable to find port with name or id '%s'", c.Args[1])
		}
		pair := ports[i].address + " allows " + vip
		others := slices.DeleteFunc(slices.Clone(ports[i].of.pairs), func(p string) bool { return strings.HasPrefix(p, ports[i].address+" ") })
		ports[i].of.pairs = append(others, pair)
		c.Note(ports[i].of.alias, "%s", pair)
		c.Printf("Updated port: %s\n", c.Args[1])
		return 0
	}
	return c.Fail(2, "usage: neutron port-list | port-update")
}

// cloudID is a UUID of a thing.
func cloudID(kind, i, k int) string { return fmt.Sprintf("%08x-%04x-4000-8000-%012x", kind, k, i+1) }

package cpstest

import (
	"path"
	"strings"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// network is the service that reads the files with static routes; nobody else does (cps:880).
const network = "network"

const networkScripts = "/etc/sysconfig/network-scripts"

// networkService puts the routes in force that the files have when it starts.
func networkService() simhost.Service {
	return simhost.Service{Start: func(s *simhost.State, h *simhost.Host) error {
		y := systemOf(s)
		if y == nil || y.vm(h.Name) == nil {
			return nil
		}
		var list []string
		names, _ := h.List(networkScripts) // a machine without the directory has no routes
		for _, name := range names {
			file, err := h.ReadFile(path.Join(networkScripts, name))
			if !strings.HasPrefix(name, "route") || err != nil {
				continue
			}
			routes, err := cps.ParseRoutes(srcerr.Named(name, strings.NewReader(file)))
			if err != nil {
				return err
			}
			for _, r := range routes.Rows {
				list = append(list, tabled(r.To.Addr().Is6(), r.Table())+routes.Shown(r))
			}
		}
		y.vm(h.Name).routes = list
		return nil
	}}
}

// tabled is what the routes of a family in a routing table begin with, in a VM's list.
func tabled(ipv6 bool, table string) string {
	return map[bool]string{false: "-4", true: "-6"}[ipv6] + " " + table + "|"
}

// ip is "ip -o addr show", and "ip -4 route show" or "ip -6 route show" of a table.
func ip(c *simhost.Call) int {
	switch args := strings.Join(c.Args, " "); {
	case args == "-o addr show":
		return ipAddr(c)
	case args == "-4 route show", args == "-6 route show":
		return ipRoute(c, "")
	case len(c.Args) == 5 && (strings.HasPrefix(args, "-4 route show table ") || strings.HasPrefix(args, "-6 route show table ")):
		return ipRoute(c, c.Args[4])
	}
	return c.Fail(255, "Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }")
}

func ipRoute(c *simhost.Call, table string) int {
	v := systemOf(c.State).vm(c.Host.Name)
	if c.Args[0] == "-4" && table == "" {
		c.Printf("192.168.105.0/24 dev eth0 proto kernel scope link src 192.168.105.1 metric 100\n")
	}
	found := table == ""
	if v != nil {
		for _, entry := range v.routes {
			if line, in := strings.CutPrefix(entry, tabled(c.Args[0] == "-6", table)); in {
				found = true
				c.Printf("%s proto static metric 101\n", line)
			}
		}
	}
	if !found {
		return c.Fail(2, "Error: ipv4: FIB table does not exist.\nDump terminated")
	}
	return 0
}

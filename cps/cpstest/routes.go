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
				list = append(list, routes.Shown(r))
			}
		}
		y.vm(h.Name).routes = list
		return nil
	}}
}

// ip is "ip -o addr show", "ip -4 route show" and "ip -6 route show".
func ip(c *simhost.Call) int {
	switch strings.Join(c.Args, " ") {
	case "-o addr show":
		return ipAddr(c)
	case "-4 route show", "-6 route show":
		return ipRoute(c)
	}
	return c.Fail(255, "Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }")
}

func ipRoute(c *simhost.Call) int {
	v := systemOf(c.State).vm(c.Host.Name)
	if c.Args[0] == "-4" {
		c.Printf("192.168.105.0/24 dev eth0 proto kernel scope link src 192.168.105.1 metric 100\n")
	}
	if v == nil {
		return 0
	}
	for _, line := range v.routes {
		if strings.Contains(line, ":") == (c.Args[0] == "-6") {
			c.Printf("%s proto static metric 101\n", line)
		}
	}
	return 0
}

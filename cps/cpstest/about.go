package cpstest

import (
	"fmt"

	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// components are the processes of a class of VMs, as about.sh lists them (cps:972-987).
var components = map[string][]string{
	"lb":         {"iomanager", "diameter_endpoint", "diameter_endpoint", "diameter_endpoint"},
	"qns":        {"pcrf"},
	"pcrfclient": {"controlcenter", "pb"},
}

// about is about.sh (cps:500-512,963-987).
func about(c *simhost.Call) int {
	y := systemOf(c.State)
	if y.isArbiter(c.Host.Name) {
		return arbiterAbout(c)
	}
	if !onManager(c) {
		return notThere(c, "about.sh")
	}
	c.Printf("Cisco Policy Suite - Copyright (c) 2015. All rights reserved.\n\nCPS Multi-Node Environment\n\nCPS Installer Version - %s\n",
		y.manager.release)
	if !y.manager.restored {
		return 0
	}
	rows := ""
	for _, kind := range []string{"lb", "qns", "pcrfclient"} {
		for i := range y.vms {
			v := &y.vms[i]
			if v.class != kind || !y.serving(c.State, v.alias) {
				continue
			}
			for k, name := range components[kind] {
				rows += fmt.Sprintf("%-21s %s: %s.release\n", fmt.Sprintf("%s: qns-%d", v.alias, k+1), fmt.Sprintf("(%s)", name), v.release)
			}
		}
	}
	if rows != "" {
		c.Printf("CPS Core Versions\n-----\n%s", rows)
	}
	if p := simhost.LayerOf[*patching](c.State); p.applied != "" {
		c.Printf("\nCPS Patch History\n-----\n%s\n", p.history())
	}
	return 0
}

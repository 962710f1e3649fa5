package cpstest

import (
	"fmt"
	"strings"
)

// Size says how big a deployment is, and where its members are. The zero value is a cluster of the guide's size: 10
// VMs, six replica sets. A field that is zero has its default.
type Size struct {
	// even, at least 8: two load balancers, two pcrfclients, a fifth session managers, the rest Policy Servers; 10
	VMs  int
	Sets int // replica sets, each with two data members on a pair of session managers; 6
	// Site is what stands before the aliases and a dash (PRI), and Other is the other site of a GR system (SEC), on which
	// each set has two members more; a cluster of its own when empty. Both sites have the same mongoConfig.cfg.
	Site, Other string
	Second      bool   // it is the second site of the GR system: its members are the secondary ones
	Arbiter     string // the host of the arbiters: arbitervip; with another site it is at a third one: site3-arbiter
}

func (z Size) withDefaults() Size {
	if z.VMs == 0 {
		z.VMs = 10
	}
	if z.Sets == 0 {
		z.Sets = 6
	}
	if z.Arbiter == "" {
		z.Arbiter = "arbitervip"
		if z.Other != "" {
			z.Arbiter = "site3-arbiter"
		}
	}
	return z
}

// sessionManagers is an even number, so that each has its partner in the other half.
func (z Size) sessionManagers() int { return max(2, z.VMs/10*2) }

// HostsCSV is the text of Hosts.csv.
func (z Size) HostsCSV() string {
	z = z.withDefaults()
	var b strings.Builder
	b.WriteString("Hypervisor Name,Guest Name,Role,Alias,Datastore,Networks -->,Internal,Management,\n")
	row := 0
	add := func(class, role string, count int) {
		for n := 1; n <= count; n++ {
			row++
			alias := z.alias(z.Site, class, n)
			if class != "sessionmgr" && class != "qns" {
				role = fmt.Sprintf("%s%02d", class, n)
			}
			address := fmt.Sprintf("%d.%d.%d", row>>16, row>>8&255, row&255)
			fmt.Fprintf(&b, "esxi-host-%[1]d,%[2]s,%[3]s,%[2]s,datastore%[1]d,,10.%[4]s,11.%[4]s,\n", 3+n%2, alias, role, address)
		}
	}
	managers := z.sessionManagers()
	add("lb", "", 2)
	add("sessionmgr", "sm", managers)
	add("qns", "qps", z.VMs-4-managers)
	add("pcrfclient", "", 2)
	return b.String()
}

func (z Size) alias(site, class string, n int) string {
	if site != "" {
		class = site + "-" + class
	}
	return fmt.Sprintf("%s%02d", class, n)
}

// MongoConfig is the text of mongoConfig.cfg.
func (z Size) MongoConfig() string {
	z = z.withDefaults()
	var b strings.Builder
	types := []string{"SESSION", "BALANCE", "REPORTING", "SPR", "AUDIT", "ADMIN"}
	pairs := z.sessionManagers() / 2
	first, second := z.Site, z.Other
	if z.Second {
		first, second = second, first
	}
	for i := range z.Sets {
		label, port := fmt.Sprintf("SESSION-SET%d", i-len(types)+2), 27717+i
		if i < len(types) {
			label = types[i] + "-SET1"
		}
		fmt.Fprintf(&b, "[%s]\nSETNAME=set%02d\nOPLOG_SIZE=5120\nARBITER=%s:%d\nARBITER_DATA_PATH=/var/data/arbiter.%d\n",
			label, i+1, z.Arbiter, port, port)
		members := func(site string) {
			for n := 1; n <= 2; n++ {
				fmt.Fprintf(&b, "MEMBER%d=%s:%d\n", n, z.alias(site, "sessionmgr", i%pairs*2+n), port)
			}
		}
		if z.Other == "" {
			members(z.Site)
		} else {
			b.WriteString("PRIMARY-MEMBERS\n")
			members(first)
			b.WriteString("SECONDARY-MEMBERS\n")
			members(second)
		}
		fmt.Fprintf(&b, "DATA_PATH=/var/data/%d\n[%s-END]\n\n", port, label)
	}
	return b.String()
}

package cpstest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// EndState describes what matters when all is done, one thing a line: releases, services, traffic, replica sets with
// members, states and priorities, arbitervip, the sharding documents, endpoints that are down, the lists of the
// monitoring, what is mounted and left lying about. Two runs that end alike have the same text, whenever and however they
// got there: it has no times, no terms and no counts of attempts. Hash, on the other hand, names every detail.
func (d *Deployment) EndState() string {
	var b strings.Builder
	d.world.Do(func(s *simhost.State) {
		y := systemOf(s)
		y.sync(s)
		h := s.Host(manager)
		fmt.Fprintf(&b, "%s: %s, %s, restored %v, image mounted: %q\n", manager, y.manager.release, h.Power, y.manager.restored, imageMounted(h))
		for _, dir := range []string{"/root", "/var/lib"} {
			names, _ := h.List(dir)
			fmt.Fprintf(&b, "%s %s: %s\n", manager, dir, strings.Join(names, " "))
		}
		if file, _ := h.ReadFile("/etc/broadhop/logback.xml"); strings.Contains(file, cps.UpgradeLogger) {
			fmt.Fprintf(&b, "%s: the debug logger of the upgrade is in logback.xml\n", manager)
		}
		for n := 1; n <= 2; n++ {
			fmt.Fprintf(&b, "set %d: %s, takes traffic: %v\n", n, y.stage[n], y.takes(s, n))
		}
		for i := range y.vms {
			y.vms[i].describe(&b, s)
		}
		fmt.Fprintf(&b, "arbitervip: %s\n", y.vip.held())
		if y.opts.ThirdSite.Name != "" {
			b.WriteString(y.third.describe(s, y))
		}
		for i := range y.sets {
			y.sets[i].describe(&b)
		}
		fmt.Fprintf(&b, "SkRings built: %v\n", y.rings.built)
		for i := range y.lbs {
			y.lbs[i].describe(&b)
		}
		for _, f := range cps.SetFiles(y.hosts, manager) {
			if text, err := s.Host(f.Host).ReadFile(f.Path); err == nil {
				fmt.Fprintf(&b, "%s:%s: %q\n", f.Host, f.Path, text)
			}
		}
		if y.opts.Alarms != nil {
			fmt.Fprintf(&b, "alarms silenced: %v\n", y.site.silenced)
		}
	})
	return b.String()
}

// held says how many hosts have the address, and of which release. Which of them it is does not matter in the end: it moves when a machine
// loses its power, and nobody moves it back.
func (v *vip) held() string {
	switch {
	case v.owner == "":
		return "nowhere" + v.second
	case v.second != "":
		return "on " + v.owner + " and on " + v.second
	}
	return "on one host, of " + v.release
}

func (v *vm) describe(b *strings.Builder, s *simhost.State) {
	h := s.Host(v.alias)
	for _, pair := range slices.Sorted(slices.Values(v.pairs)) {
		fmt.Fprintf(b, "%s: the port with %s\n", v.alias, pair)
	}
	fmt.Fprintf(b, "%s: exists %v, %s, %s, kept disk %v, qns %v, monit %v, corosync %v\n",
		v.alias, v.exists, v.release, h.Power, v.keptDisk, h.Active("qns"), h.Active("monit"), h.Active("corosync"))
}

// describe names the endpoints that are down; of those that are up there is nothing to say.
func (b *balancer) describe(text *strings.Builder) {
	for i, end := range b.ends {
		if end.excluded || end.stuck {
			fmt.Fprintf(text, "%s: the endpoint on port %d is down\n", b.alias, firstEndpointPort+i)
		}
	}
}

func (r *replicaSet) describe(b *strings.Builder) {
	out := r.report()
	fmt.Fprintf(b, "%s: primary %s", out.Set, out.Primary)
	for _, m := range out.Members {
		fmt.Fprintf(b, ", %s %s %g", m.Host, m.State, m.Priority)
	}
	if r.spec.Type == "ADMIN" {
		d := r.shardingReport()
		fmt.Fprintf(b, ", version %d, settled %v", d.Version, d.Settled)
	}
	b.WriteByte('\n')
}

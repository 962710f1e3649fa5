package cpstest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// manager is the name of the Cluster Manager's host; spare and preserved are the names of the machine that is to become it, and of the
// one that was it.
const (
	manager   = "cluman"
	spare     = "cluman-spare"
	preserved = "cluman-preserved"
)

// plan is what the user's files say of the deployment. It never changes, so clones share it.
type plan struct {
	opts     Options
	hosts    *cps.Hosts
	mongo    *cps.MongoConfig
	sides    [3]cps.ClusterSet // by side, 1 and 2: the halves as create-cluster-sets.sh makes them
	from, to cps.Release
	second   *cps.Hosts // of the second site, where there is one

	rows    map[string]int      // the position of a VM in Hosts.csv
	classes map[string]string   // what a VM is for
	mongods map[string][]placed // the members that run on a host, by its name
}

func newPlan(opts Options) (*plan, error) {
	p := &plan{opts: opts.withDefaults()}
	var errs [7]error
	p.second, errs[6] = parseSecond(p.opts)
	p.hosts, errs[0] = cps.ParseHosts(srcerr.Named("Hosts.csv", strings.NewReader(p.opts.HostsCSV)))
	p.mongo, errs[1] = cps.ParseMongoConfig(srcerr.Named("mongoConfig.cfg", strings.NewReader(p.opts.MongoConfig)))
	_, errs[2] = cps.ParseConfiguration(srcerr.Named("Configuration.csv", strings.NewReader(p.opts.Configuration)))
	p.from, errs[3] = cps.ParseRelease(p.opts.From)
	p.to, errs[4] = cps.ParseRelease(p.opts.To)
	if p.hosts != nil {
		p.sides[1], p.sides[2], errs[5] = cps.SplitClusterSets(p.hosts)
		if first := p.hosts.OfClass(p.sides[2], "pcrfclient"); p.opts.ArbiterVIPOn == "" && len(first) > 0 {
			p.opts.ArbiterVIPOn = first[0]
		}
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("cannot simulate the deployment: %w", err)
	}
	p.index()
	if p.to.Compare(p.from) <= 0 {
		return nil, fmt.Errorf("cannot simulate the deployment: release %s is not newer than %s", p.to, p.from)
	}
	if !slices.Contains(p.hosts.Aliases(), p.opts.ArbiterVIPOn) && p.usesVIP() {
		return nil, fmt.Errorf("cannot simulate the deployment: %s, which is to have arbitervip, is not in Hosts.csv", p.opts.ArbiterVIPOn)
	}
	return p, nil
}

func (p *plan) usesVIP() bool {
	return slices.ContainsFunc(p.mongo.Sets, func(s cps.ReplicaSet) bool {
		return slices.ContainsFunc(s.Arbiters, func(m cps.MongoMember) bool { return isVIP(m.Host) })
	})
}

// isVIP tells the address that moves with corosync.
func isVIP(host string) bool { return strings.HasPrefix(host, "arbitervip") }

// index makes what is asked all the time quick to find.
func (p *plan) index() {
	p.rows, p.classes, p.mongods = map[string]int{}, map[string]string{}, map[string][]placed{}
	for i, row := range p.hosts.Rows {
		p.rows[row.Alias], p.classes[row.Alias] = i, row.Class()
	}
	for i, set := range p.mongo.Sets {
		for k, m := range set.Members {
			p.mongods[m.Host] = append(p.mongods[m.Host], placed{set: i, index: k, member: m})
		}
		for k, m := range set.Arbiters {
			p.mongods[m.Host] = append(p.mongods[m.Host], placed{set: i, index: len(set.Members) + k, member: m, arbiter: true})
		}
	}
}

// class is what a VM is for; empty for what is none.
func (p *plan) class(alias string) string { return p.classes[alias] }

// mongoService is the name of the service of a mongod.
func mongoService(port int) string { return "sessionmgr-" + strconv.Itoa(port) }

// mongodsOn are the members that run on a VM, with their replica sets' positions in the file.
func (p *plan) mongodsOn(host string) []placed { return p.mongods[host] }

// placed is a member of a replica set.
type placed struct {
	set     int // position of the set in mongoConfig.cfg
	index   int // position among the set's members, data first
	member  cps.MongoMember
	arbiter bool
}

// priority is what migrate.sh gives the n-th data member of a set with that many: the guide's sets have 3 and 2 (cps:731,1111).
func priority(n, members int) float64 { return float64(members + 1 - n) }

// mongoVersion is the release of MongoDB that a CPS release brings (cps:1433).
func (p *plan) mongoVersion(release string) string {
	if release == p.opts.To {
		return "3.6.17"
	}
	return "3.6.9"
}

// redhatRelease is /etc/redhat-release of a CPS release (cps:521,1446).
func (p *plan) redhatRelease(release string) string {
	if release == p.opts.To {
		return "CentOS Linux release " + p.opts.TargetOS + " (Core)"
	}
	return "CentOS Linux release " + p.opts.SourceOS + " (Core)"
}

// isoPath is where the image of a release lies on the Cluster Manager, unless it is said otherwise.
func isoPath(release string) string { return "/root/CPS_" + release + ".release.iso" }

// isoText is the beginning of such an image, as far as this simulation looks into it.
func isoText(release string) string {
	return "CD001 CPS " + release + ".release\n" + strings.Repeat("simulated image of the Cisco Policy Suite\n", 64)
}

// isoRelease is the release of an image; empty when it is none, or not all of it.
func (p *plan) isoRelease(data string) string {
	for _, release := range []string{p.opts.From, p.opts.To} {
		if data == isoText(release) {
			return release
		}
	}
	return ""
}

package cpstest

import (
	"net"

	"github.com/evenkeel-ha/evenkeel/mongo/mongotest"
)

// heartbeat is the process of a load balancer that a GR system does not want during its migration (cps:1435).
const heartbeat = "qns_hb"

// mongoRelease is the release of the mongod at an address: that of its VM; elsewhere that of the other site, or of the
// arbiter at the third one, which is migrated last (cps:1458-1468).
func (y *system) mongoRelease(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	if v := y.vm(host); v != nil {
		return y.mongoVersion(v.release)
	}
	for i := range y.sets {
		for _, m := range y.sets[i].spec.Members {
			if m.Address() == address && y.opts.Geo == 2 {
				return y.mongoVersion(y.opts.To)
			}
		}
	}
	return y.mongoVersion(y.opts.From)
}

// mongodOf answers for a set of the cluster as its members do, each with its release.
func (y *system) mongodOf(set *replicaSet, opts mongotest.Options) *mongotest.Set {
	server := mongotest.Around(set.Set, opts)
	for _, m := range append(set.spec.Members[:len(set.spec.Members):len(set.spec.Members)], set.spec.Arbiters...) {
		server.SetRelease(m.Address(), y.mongoRelease(m.Address()))
	}
	return server
}

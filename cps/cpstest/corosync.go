package cpstest

import (
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// vip is arbitervip: the address under which the arbiters of all replica sets run, on the pcrfclient that holds it.
//
// The corosync of one release does not form a cluster with that of another (cps:576). While the old cluster holds the address, a new
// one keeps away from it; when the last member of the old one stops, the new one takes it over. With Options.CorosyncCollides it
// does not keep away, and two hosts have the address.
type vip struct {
	owner   string    // the pcrfclient that has it; empty while nobody does
	second  string    // another host that has it, too: the arbiters stay with the owner
	release string    // of the cluster that had it last
	next    string    // the pcrfclient that is taking it over
	due     time.Time // when next will have it
	lost    time.Time // since when nobody has it
}

// How long a move takes: inside a cluster, and from one cluster to another that has yet to find itself alone.
const (
	failover = 10 * time.Second
	takeover = 30 * time.Second
)

func (v *vip) encode(e *simhost.Encoder) {
	e.Texts([]string{v.owner, v.second, v.release, v.next})
	e.ToGo(v.due)
}

// eligible tells whether a pcrfclient's corosync runs.
func (y *system) eligible(s *simhost.State, v *vm) bool {
	return v.class == "pcrfclient" && v.exists && s.Host(v.alias).Power == simhost.On && s.Host(v.alias).Active("corosync")
}

// settleVIP takes the address from a pcrfclient that cannot hold it any more, and gives it to one that can.
func (y *system) settleVIP(s *simhost.State) {
	if !y.usesVIP() {
		return
	}
	if v := y.vm(y.vip.second); v != nil && !y.eligible(s, v) {
		y.vip.second = ""
		s.Note("", "arbitervip left %s", v.alias)
	}
	if o := y.vm(y.vip.owner); o != nil {
		if y.eligible(s, o) {
			y.collide(s, o)
			return
		}
		y.vip.owner, y.vip.lost = "", s.Now()
		s.Note("", "arbitervip left %s", o.alias)
		y.eachArbiter(func(m placed) { y.stopMongod(s, m, true) })
	}
	if n := y.vm(y.vip.next); n != nil && y.eligible(s, n) {
		return
	}
	y.vip.next, y.vip.due = "", time.Time{}
	for _, sameCluster := range []bool{true, false} {
		for i := range y.vms {
			v := &y.vms[i]
			if y.vip.next == "" && y.eligible(s, v) && (v.release == y.vip.release) == sameCluster {
				delay := failover
				if !sameCluster {
					delay = takeover
				}
				y.vip.next, y.vip.due = v.alias, s.Now().Add(delay)
			}
		}
	}
}

// collide gives the address to a second host, whose corosync forms no cluster with that of the owner and does not mind it.
func (y *system) collide(s *simhost.State, owner *vm) {
	for i := range y.vms {
		v := &y.vms[i]
		if y.opts.CorosyncCollides && y.vip.second == "" && y.eligible(s, v) && v.release != owner.release {
			y.vip.second = v.alias
			s.Note("", "arbitervip is on %s, too", v.alias)
			s.Violate("arbitervip is on %s and on %s", owner.alias, v.alias)
		}
	}
}

func (y *system) bringVIPUp(s *simhost.State) {
	n := y.vm(y.vip.next)
	y.vip.next, y.vip.due = "", time.Time{}
	if n == nil || !y.eligible(s, n) {
		y.settleVIP(s)
		return
	}
	y.vip.owner, y.vip.release, y.vip.lost = n.alias, n.release, time.Time{}
	s.Note("", "arbitervip moved to %s", n.alias)
	if y.vip.second == n.alias {
		y.vip.second = ""
	}
	y.eachArbiter(func(m placed) { y.startMongod(s, m) })
}

// eachArbiter visits the arbiters that run on arbitervip.
func (y *system) eachArbiter(visit func(placed)) {
	for i, set := range y.mongo.Sets {
		for k, m := range set.Arbiters {
			if isVIP(m.Host) {
				visit(placed{set: i, index: len(set.Members) + k, member: m, arbiter: true})
			}
		}
	}
}

// excuse says why a replica set may be without a primary now; empty when there is no good reason: a machine that lost
// its power, or arbitervip, absent for a reason that the guide gives.
func (y *system) excuse(s *simhost.State, r *replicaSet) string {
	for _, m := range r.spec.Members {
		if y.dark(s, m.Host) {
			return m.Host + " has no power"
		}
	}
	switch {
	case y.vip.owner != "" || !y.usesVIP():
		return ""
	case y.vip.next != "":
		return "arbitervip moves to " + y.vip.next
	}
	for i := range y.vms {
		v := &y.vms[i]
		if v.class != "pcrfclient" {
			continue
		}
		if n := y.setOf(v.alias); n > 0 && !y.stage[n].up() && y.stage[3-n].up() {
			return "no active arbitervip while " + v.alias + " is redeployed (cps:669)"
		}
	}
	return ""
}

// dark tells a machine that lost its power, until it has booted again. One that was deleted, or is about to be, does not count, nor one
// that boots while its half is out of service: it is new.
func (y *system) dark(s *simhost.State, alias string) bool {
	v := y.vm(alias)
	if v == nil || !v.exists {
		return false
	}
	power := s.Host(alias).Power
	return power == simhost.Off || power == simhost.Booting && y.stage[y.setOf(alias)].up()
}

// corosyncService follows the start and stop of corosync.
func corosyncService() simhost.Service {
	changed := func(s *simhost.State, h *simhost.Host) error {
		if y := systemOf(s); y != nil {
			y.sync(s)
			y.settleVIP(s)
			y.judge(s)
		}
		return nil
	}
	return simhost.Service{
		Start: changed,
		Stop: func(s *simhost.State, h *simhost.Host) error {
			h.MarkService(s, "corosync", false) // so that it no longer counts
			return changed(s, h)
		},
	}
}

package cpstest

import (
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/internal/replsim"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// replicaSet is one replica set of mongoConfig.cfg, with what was seen of it last.
type replicaSet struct {
	*replsim.Set
	spec *cps.ReplicaSet

	seen    []replsim.Seen // its processes with their states
	primary string         // that it had then; empty without one
	changed time.Time      // when either changed last
	out     outageNow
}

func (r *replicaSet) encode(e *simhost.Encoder, now time.Time) {
	e.Text(fmt.Sprintf("%016x", r.Hash()))
	e.Bool(r.out.open)
	e.Bool(r.out.told)
	e.Int(int(min(r.out.naked, electionAllowance+1))) // beyond it decides nothing more
	e.Int(int(min(now.Sub(r.changed), settling)))
}

// defaultOplogWindow is that of a set about which the options say nothing.
const defaultOplogWindow = 24 * time.Hour

// newReplicaSet is a set in its steady state. The arbiters come first, as in the guide's tables.
func (p *plan) newReplicaSet(i int) (replicaSet, error) {
	spec := &p.mongo.Sets[i]
	var members []replsim.MemberSpec
	for k, m := range spec.Arbiters {
		members = append(members, replsim.ArbiterAt(len(spec.Members)+k, m.Address()))
	}
	for k, m := range spec.Members {
		members = append(members, replsim.Data(k, m.Address(), priority(k, len(spec.Members))))
	}
	data := p.opts.Data[spec.Name]
	opts := replsim.Options{OplogWindow: data.OplogWindow, DataSize: data.Bytes}
	if data.Bytes == 0 {
		opts.DataSize = 500_000_000
	}
	if data.OplogWindow == 0 {
		opts.OplogWindow = defaultOplogWindow
	}
	set, err := replsim.NewSet(spec.Name, members, opts)
	if err != nil {
		return replicaSet{}, fmt.Errorf("cannot simulate %s: %w", spec.Label, err)
	}
	if spec.Type == "ADMIN" {
		set.SetSharding(settledSharding())
	}
	return replicaSet{Set: set, spec: spec}, nil
}

// settledSharding is the database sharding with no migration under way.
func settledSharding() replsim.ShardingData {
	return replsim.ShardingData{
		CacheConfigs: 1, HasConfig: true, ConfigVersion: 4,
		Versions: []replsim.VersionsDoc{{ID: "cache_config", MigrationStatus: "COMPLETE"}},
	}
}

// leaveShardsMigrating is what "enable set" leaves behind in the ADMIN sets, and the guide's three writes put right (cps:920-945).
func (y *system) leaveShardsMigrating() {
	for i := range y.sets {
		set := &y.sets[i]
		host, ok := set.Primary()
		if set.spec.Type != "ADMIN" || !ok {
			continue
		}
		d, err := set.Sharding(host)
		if err != nil {
			continue
		}
		d.MigratingShards = d.CacheConfigs
		d.Versions = []replsim.VersionsDoc{{ID: "cache_config", Version: 2, PreviousVersion: 1, MigrationStatus: "MIGRATING"}}
		set.SetSharding(d)
		y.owedBumps++
	}
}

// settling is how long a set is watched second by second after it changed.
const settling = time.Minute

// unsettled tells whether a replica set may change by itself within the next second.
func (y *system) unsettled() bool {
	return slices.ContainsFunc(y.sets, func(r replicaSet) bool { return y.at.Sub(r.changed) < settling || r.busy() })
}

// busy tells a set in which a member is on its way to another state, or that is out of service and not yet reported.
func (r *replicaSet) busy() bool {
	copies := func(p replsim.Seen) bool { return p.State == replsim.Startup2 }
	return slices.ContainsFunc(r.seen, copies) || r.out.open && !r.out.told
}

// sync brings the replica sets up to the present.
func (y *system) sync(s *simhost.State) {
	for y.at.Before(s.Now()) {
		step := s.Now().Sub(y.at)
		if y.unsettled() {
			step = min(step, time.Second)
		}
		y.at = y.at.Add(step)
		for i := range y.sets {
			r := &y.sets[i]
			if r.Steady() { // nothing about it changes, and all was seen
				r.Advance(step)
				continue
			}
			before, _ := r.Outage()
			r.Advance(step)
			after, _ := r.Outage()
			r.look(y.at)
			y.watch(s, r, step, after-before)
		}
	}
}

// look notes the states of a set.
func (r *replicaSet) look(now time.Time) {
	primary, _ := r.Primary()
	if primary != r.primary || !r.Unchanged(r.seen) {
		r.seen, r.primary, r.changed = r.See(), primary, now // never written over: clones share it
	}
}

// touched notes that a set was acted on, and looks at all of them.
func (y *system) touched(s *simhost.State, i int) {
	y.sets[i].look(s.Now())
	y.sets[i].changed = s.Now()
}

// stopMongod ends a member's process; silently where its machine or its address went away.
func (y *system) stopMongod(s *simhost.State, m placed, silent bool) {
	r := &y.sets[m.set]
	if st := r.StateOf(m.member.Address()); st == replsim.Down || st == replsim.Unknown {
		return
	}
	end := r.Stop
	if silent {
		end = r.Kill
	}
	if end(m.member.Address()) == nil {
		y.touched(s, m.set)
	}
}

func (y *system) startMongod(s *simhost.State, m placed) {
	if y.sets[m.set].StateOf(m.member.Address()) == replsim.Down && y.sets[m.set].Start(m.member.Address()) == nil {
		y.touched(s, m.set)
	}
}

// wipeMongod empties the data of a member whose machine is new.
func (y *system) wipeMongod(s *simhost.State, m placed) {
	y.stopMongod(s, m, true)
	if y.sets[m.set].Wipe(m.member.Address()) == nil {
		y.touched(s, m.set)
	}
}

// dataFile is the file that marks a member's data directory as filled. Where it is missing the process begins with
// nothing, and copies the data.
func (p *plan) dataFile(m placed) string {
	dir := p.mongo.Sets[m.set].DataPath
	if m.arbiter {
		dir = p.mongo.Sets[m.set].ArbiterDataPath
	}
	if dir == "" {
		dir = "/var/data/" + p.mongo.Sets[m.set].Name
	}
	return dir + "/WiredTiger"
}

// member is how a set's configuration has a member; ok is false when it has none of that address.
func (r *replicaSet) member(address string) (m replsim.MemberSpec, ok bool) {
	for _, m := range r.Config().Members {
		if m.Host == address {
			return m, true
		}
	}
	return replsim.MemberSpec{}, false
}

// mongodServices are the services of all mongods that run on VMs.
func (p *plan) mongodServices() map[string]simhost.Service {
	services := map[string]simhost.Service{}
	for _, alias := range append(p.hosts.Aliases(), p.opts.ThirdSite.Name) {
		for _, m := range p.mongodsOn(alias) {
			port := m.member.Port
			follow := func(act func(*system, *simhost.State, placed)) func(*simhost.State, *simhost.Host) error {
				return func(s *simhost.State, h *simhost.Host) error {
					y := systemOf(s) // there is none while the machines are being built
					if y == nil {
						return nil
					}
					y.sync(s)
					for _, m := range y.mongodsOn(h.Name) {
						if m.member.Port == port {
							act(y, s, m)
						}
					}
					y.judge(s)
					return nil
				}
			}
			services[mongoService(port)] = simhost.Service{
				Start: follow(func(y *system, s *simhost.State, m placed) {
					if data := y.dataFile(m); !s.Host(m.member.Host).Exists(data) {
						y.wipeMongod(s, m)
						s.Host(m.member.Host).MustWrite(s, data, "simulated data\n", 0o600)
					}
					y.startMongod(s, m)
				}),
				Stop: follow(func(y *system, s *simhost.State, m placed) { y.stopMongod(s, m, false) }),
			}
		}
	}
	return services
}

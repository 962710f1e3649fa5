package cpstest

import (
	"errors"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// Violation is a rule that was broken, with the time and the command that was running.
type Violation = simhost.Violation

// Entry is one command of the log, with what it changed.
type Entry = simhost.Entry

// Report is the truth about the deployment, as no command would tell it.
type Report struct {
	Now        time.Time     `json:"now"`
	Manager    ManagerReport `json:"manager"`
	Sets       [2]SetReport  `json:"upgrade_sets"` // upgrade set 1 and 2
	VMs        []VMReport    `json:"vms"`
	ArbiterVIP string        `json:"arbitervip"`                  // the pcrfclient that has it; empty while nobody does
	SecondVIP  string        `json:"arbitervip_second,omitempty"` // another host that has it, too
	Replicas   []Replicas    `json:"replica_sets"`
	Outages    []Outage      `json:"outages"`
	Archives   []Archive     `json:"archives"`
	Sharding   []Sharding    `json:"sharding"`
	Bumps      int           `json:"version_bumps"`      // how often config.version was raised
	BumpsOwed  int           `json:"version_bumps_owed"` // how often it should have been: once for each set and ADMIN replica set
	RingsBuilt bool          `json:"skrings_built"`      // since a set was enabled last
	Silenced   bool          `json:"alarms_silenced,omitempty"`
	Commands   int           `json:"commands"`
	Violations []Violation   `json:"violations"`
}

// ManagerReport is the Cluster Manager.
type ManagerReport struct {
	Release  string `json:"release"`
	Power    string `json:"power"`
	Ready    bool   `json:"ready"`    // its status API says so
	Restored bool   `json:"restored"` // it knows the cluster
}

// SetReport is an upgrade set.
type SetReport struct {
	Stage   string `json:"stage"`
	Traffic bool   `json:"traffic"` // it takes traffic
}

// VMReport is one VM.
type VMReport struct {
	Alias   string `json:"alias"`
	Exists  bool   `json:"exists"`
	Release string `json:"release,omitempty"`
	Power   string `json:"power"`
	Serving bool   `json:"serving"` // its CPS processes run
}

// Replicas is one replica set.
type Replicas struct {
	Set            string        `json:"set"`
	Primary        string        `json:"primary,omitempty"`
	Members        []Replica     `json:"members"`
	WithoutPrimary time.Duration `json:"without_primary_ns"`
	Longest        time.Duration `json:"longest_ns"`
}

// Replica is one member.
type Replica struct {
	Host     string  `json:"host"`
	State    string  `json:"state"`
	Priority float64 `json:"priority"`
}

// Sharding is the database sharding of an ADMIN replica set.
type Sharding struct {
	Set       string `json:"set"`
	Version   int64  `json:"version"`
	Migrating int    `json:"migrating_shards"`
	Settled   bool   `json:"settled"` // no shard migrates, and the versions document says COMPLETE
}

// Report tells the truth.
func (d *Deployment) Report() (r Report) {
	d.world.Do(func(s *simhost.State) {
		y := systemOf(s)
		y.sync(s)
		r = Report{
			Now: s.Now(), ArbiterVIP: y.vip.owner, SecondVIP: y.vip.second, Outages: slices.Clone(y.outages), Archives: slices.Clone(y.archives),
			Bumps: y.bumps, BumpsOwed: y.owedBumps, RingsBuilt: y.rings.built, Silenced: y.site.silenced,
			Commands: s.Seq(), Violations: s.Violations(),
			Manager: ManagerReport{
				Release: y.manager.release, Power: s.Host(manager).Power.String(), Restored: y.manager.restored,
				Ready: s.Host(manager).Power == simhost.On && !s.Now().Before(y.manager.ready),
			},
		}
		for n := 1; n <= 2; n++ {
			r.Sets[n-1] = SetReport{Stage: y.stage[n].String(), Traffic: y.takes(s, n)}
		}
		for i := range y.vms {
			v := &y.vms[i]
			r.VMs = append(r.VMs, VMReport{Alias: v.alias, Exists: v.exists, Release: v.release, Power: s.Host(v.alias).
				Power.String(), Serving: y.serving(s, v.alias)})
		}
		for i := range y.sets {
			r.Replicas = append(r.Replicas, y.sets[i].report())
			if y.sets[i].spec.Type == "ADMIN" {
				r.Sharding = append(r.Sharding, y.sets[i].shardingReport())
			}
		}
	})
	return r
}

func (r *replicaSet) report() Replicas {
	out := Replicas{Set: r.spec.Type + ":" + r.spec.Name}
	out.Primary, _ = r.Primary()
	out.WithoutPrimary, out.Longest = r.Outage()
	for _, m := range r.Config().Members {
		out.Members = append(out.Members, Replica{Host: m.Host, State: r.StateOf(m.Host).String(), Priority: m.Priority})
	}
	return out
}

func (r *replicaSet) shardingReport() Sharding {
	out := Sharding{Set: r.spec.Type + ":" + r.spec.Name}
	host, _ := r.Primary()
	d, err := r.Sharding(host)
	if err != nil {
		return out
	}
	out.Version, out.Migrating = d.ConfigVersion, d.MigratingShards
	out.Settled = d.MigratingShards == 0 && len(d.Versions) == 1 && d.Versions[0].MigrationStatus == "COMPLETE"
	return out
}

// Check is nil while no rule was broken; else its message has one line for each violation.
func (d *Deployment) Check() error {
	var errs []error
	d.catchUp()
	for _, v := range d.world.Violations() {
		errs = append(errs, errors.New(v.String()))
	}
	return errors.Join(errs...)
}

// catchUp brings the simulation up to the present, so that nothing that has happened is missing.
func (d *Deployment) catchUp() {
	d.world.Do(func(s *simhost.State) { systemOf(s).sync(s) })
}

// Log is every command that was sent and what it changed, with what changed by itself in between.
func (d *Deployment) Log() []Entry { return d.world.Log() }

// Violations are the rules that were broken, in the order of time.
func (d *Deployment) Violations() []Violation {
	d.catchUp()
	return d.world.Violations()
}

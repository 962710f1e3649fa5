package cpstest

import (
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// system is CPS itself: what stands above the single host. It is a layer of the simulated world.
type system struct {
	*plan

	vms    []vm // in the order of Hosts.csv
	sets   []replicaSet
	vip    vip
	third  thirdState
	stage  [3]stage // by upgrade set, 1 and 2
	halves [3][]string
	serves [3]bool // by upgrade set: its load balancers are to take traffic
	lbs    []balancer

	manager  managerState
	archives []Archive
	events   []event
	rings    ringState
	site     siteState

	rolledBack bool // migrate.sh rollback was run; the old release is being put back
	dieAfter   int  // migrate.sh is killed after so many of its stages; never when negative
	lies       []Lie
	lying      bool // what is done behind a command's back is not lied about
	bumps      int  // how often the guide's $inc took effect
	owedBumps  int  // how often it was due

	at      time.Time // up to which the replica sets are simulated
	outages []Outage
}

// managerState is the machine that is the Cluster Manager now.
type managerState struct {
	release  string
	ready    time.Time // from when its status API says ready
	restored bool      // it knows the cluster: it is the old one, or "restore cluman" was run
	backedUp bool      // "backup cluman" succeeded on the old one
	replaced bool      // the new one stands in its place

	image string // that is mounted, or was when the machine went down: it is not mounted again by itself
}

// stage is how far an upgrade set has come.
type stage uint8

const (
	inService  stage = iota // runs the release it always ran
	disabling               // "disable set" began and has not ended
	disabled                // waits for new VMs
	enabling                // "enable set" began and has not ended
	migrated                // runs the new release
	undoing                 // "rollback" began and has not ended
	rolledBack              // waits for VMs of the old release
	reenabling              // "enable set" of a rollback began and has not ended
)

func (s stage) String() string {
	return [...]string{"in service", "being disabled", "disabled", "being enabled", "migrated", "being rolled back",
		"rolled back", "being enabled again"}[s]
}

// up tells the stages in which a set does its work.
func (s stage) up() bool { return s == inService || s == migrated }

func systemOf(s *simhost.State) *system { return simhost.LayerOf[*system](s) }

// Name names the layer.
func (y *system) Name() string { return "cps" }

// Clone is a deep copy; the plan is shared, as it never changes.
func (y *system) Clone() simhost.Layer {
	c := *y
	c.vms = slices.Clone(y.vms)
	c.sets = make([]replicaSet, len(y.sets))
	for i, set := range y.sets {
		set.Set = set.Set.Clone()
		c.sets[i] = set
	}
	for i, half := range y.halves {
		c.halves[i] = slices.Clone(half)
	}
	c.lbs = slices.Clone(y.lbs)
	for i := range c.lbs {
		c.lbs[i].ends = slices.Clone(c.lbs[i].ends)
	}
	c.archives = slices.Clone(y.archives)
	c.events = slices.Clone(y.events)
	c.outages = slices.Clone(y.outages)
	c.lies = slices.Clone(y.lies)
	c.site.prints = slices.Clone(y.site.prints)
	return &c
}

// Encode writes all that decides what happens next.
func (y *system) Encode(e *simhost.Encoder) {
	for i := range y.vms {
		y.vms[i].encode(e)
	}
	for i := range y.sets {
		y.sets[i].encode(e, y.at)
	}
	y.vip.encode(e)
	y.third.encode(e)
	for n := 1; n <= 2; n++ {
		e.Int(int(y.stage[n]))
		e.Texts(y.halves[n])
		e.Bool(y.serves[n])
	}
	for i := range y.lbs {
		e.Text(y.lbs[i].alias)
		for _, end := range y.lbs[i].ends {
			e.Bool(end.excluded)
			e.Bool(end.stuck)
			e.ToGo(end.upAt)
		}
	}
	e.Text(y.manager.release)
	e.ToGo(y.manager.ready)
	e.Bool(y.manager.restored)
	e.Bool(y.manager.backedUp)
	e.Bool(y.manager.replaced)
	e.Text(y.manager.image)
	e.Int(len(y.archives))
	for _, a := range y.archives {
		e.Texts([]string{a.Path, a.machine, a.sum})
		e.Bool(a.OffMachine)
	}
	e.Int(len(y.events))
	for _, ev := range y.events {
		e.ToGo(ev.at)
		e.Int(int(ev.kind))
		e.Int(ev.set)
	}
	e.ToGo(y.rings.until)
	e.Bool(y.rings.built)
	e.Texts(y.site.prints)
	e.Bool(y.site.silenced)
	e.Bool(y.rolledBack)
	e.Int(y.dieAfter)
	e.Int(y.bumps)
	e.Int(y.owedBumps)
	for _, l := range y.lies {
		l.encode(e)
	}
}

// Next is when something is due: a deed of the technician, a move of arbitervip, or a second of an unsettled replica set.
func (y *system) Next(*simhost.State) (time.Time, bool) {
	next := time.Time{}
	consider := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, ev := range y.events {
		consider(ev.at)
	}
	consider(y.vip.due)
	if y.unsettled() {
		consider(y.at.Add(time.Second))
	}
	return next, !next.IsZero()
}

// Tick does what is due.
func (y *system) Tick(s *simhost.State) {
	y.sync(s)
	if !y.vip.due.IsZero() && !y.vip.due.After(s.Now()) {
		y.bringVIPUp(s)
	}
	for i := 0; i < len(y.events); i++ {
		if ev := y.events[i]; !ev.at.After(s.Now()) {
			y.events = slices.Delete(slices.Clone(y.events), i, i+1)
			y.happen(s, ev)
			return // more that is due comes with the next tick
		}
	}
}

// HostEvent follows the power of the machines.
func (y *system) HostEvent(s *simhost.State, h *simhost.Host, e simhost.Event) {
	y.sync(s)
	switch e {
	case simhost.WentDown:
		for _, m := range y.mongodsOn(h.Name) {
			y.stopMongod(s, m, true)
		}
		if h.Name == y.vip.owner {
			y.settleVIP(s)
		}
		if h.Name == manager && !h.Orderly && !h.ShutDown && y.manager.image != "" {
			y.schedule(s, mountTime, mountImage, 0)
		}
		y.judge(s)
	case simhost.CameUp:
		y.cameUp(s, h)
	case simhost.Installed:
		for _, m := range y.mongodsOn(h.Name) {
			y.wipeMongod(s, m)
		}
	}
}

package cpstest

import (
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// electionAllowance is how long a set may be without a primary for no better reason than an election.
const electionAllowance = 60 * time.Second

// Outage is a stretch of time in which a replica set had no primary that could commit.
type Outage struct {
	Set    string        `json:"set"` // SESSION:set01
	From   time.Time     `json:"from"`
	Lasted time.Duration `json:"lasted_ns"`
	Excuse string        `json:"excuse,omitempty"` // why it was bound to happen; empty where nothing but an election explains it
	Open   bool          `json:"open,omitempty"`   // it still lasts
}

func (o Outage) String() string {
	text := fmt.Sprintf("%s: %s without a primary for %s", o.From.UTC().Format(time.RFC3339), o.Set, o.Lasted)
	if o.Open {
		text += " so far"
	}
	if o.Excuse != "" {
		text += " (" + o.Excuse + ")"
	}
	return text
}

// outageNow is an outage that lasts.
type outageNow struct {
	open   bool
	told   bool          // it was reported as a violation
	naked  time.Duration // how much of it nothing excuses
	record int           // its position among the outages
}

// watch counts a step of time in which a set was out for some of it.
func (y *system) watch(s *simhost.State, r *replicaSet, step, out time.Duration) {
	_, serving := r.Primary()
	if out > 0 {
		if !r.out.open {
			r.out = outageNow{open: true, record: len(y.outages)}
			from := y.at.Add(-out)
			if serving {
				from = y.at.Add(-step)
			}
			y.outages = append(y.outages, Outage{Set: r.spec.Type + ":" + r.spec.Name, From: from, Open: true})
		}
		o := &y.outages[r.out.record]
		o.Lasted += out
		if excuse := y.excuse(s, r); excuse != "" {
			o.Excuse = excuse
		} else {
			r.out.naked += out
		}
		signed := slices.Contains(y.opts.SignedFor, r.spec.Label)
		if r.out.naked > electionAllowance && !r.out.told && !signed {
			r.out.told = true
			s.Violate("replica set %s has had no primary for %s", o.Set, r.out.naked.Round(time.Second))
		}
	}
	if serving && r.out.open {
		y.outages[r.out.record].Open = false
		r.out = outageNow{}
	}
}

// judge checks what must hold whatever is being done. It is called whenever something changed.
func (y *system) judge(s *simhost.State) {
	for i := range y.sets {
		if err := y.sets[i].Check(); err != nil {
			s.Violate("%v", err)
		}
	}
	y.judgeTraffic(s)
	y.judgeVersions(s)
}

// judgeVersions allows mixed versions only as the guide's states have them (cps:1458-1468): set 1 is upgraded before set 2, a set in
// service has one release, and no VM in service is newer than the Cluster Manager.
func (y *system) judgeVersions(s *simhost.State) {
	var newest [3]string
	for n := 1; n <= 2; n++ {
		for _, alias := range y.halves[n] {
			v := y.vm(alias)
			if v == nil || !y.stage[n].up() || !v.exists {
				continue
			}
			if newest[n] != "" && newest[n] != v.release {
				y.violateOnce(s, fmt.Sprintf("set %d is in service with two releases, %s and %s", n, newest[n], v.release))
			}
			newest[n] = v.release
		}
	}
	if newest[2] == y.opts.To && newest[1] == y.opts.From {
		y.violateOnce(s, "set 2 runs "+newest[2]+" while set 1 still runs "+newest[1])
	}
}

// violateOnce records a broken rule that goes on being broken only the first time.
func (y *system) violateOnce(s *simhost.State, what string) {
	for _, v := range s.Violations() {
		if v.What == what {
			return
		}
	}
	s.Violate("%s", what)
}

package pairtest

import (
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// Report is the truth about a pair.
type Report struct {
	Services   []Service
	Violations []string
}

// Service is something that users see: a directory, an address, a server.
type Service struct {
	What    string        // as the profiles call it
	On      []string      // the hosts that have it
	Down    time.Duration // how long none had it, in all
	Longest time.Duration // and at a stretch
}

// service is the history of a resource that users see.
type service struct {
	resource pacemaker.Resource
	what     string
	on       []string
	since    time.Time // when the last host lost it, while none has it
	down     time.Duration
	longest  time.Duration
}

// served are the resources that users see and looks tell of, each once.
func served(site *Site) (list []*service) {
	profiles := pair.Builtin()
	for _, r := range site.primitives {
		p, known := profiles.For(r.Agent())
		if !known || !site.alone[r.ID] {
			continue
		}
		t, err := p.Of(r)
		if err == nil && t.Serves != "" && len(t.Gone) > 0 {
			list = append(list, &service{resource: r, what: t.Serves})
		}
	}
	return list
}

// note looks where everything is, in truth.
func (f *shared) note(s *simhost.State) {
	for _, v := range f.services {
		var on []string
		for _, h := range s.Hosts() {
			if a := f.agents[v.resource.Agent()]; h.Power == simhost.On && a.Running != nil && a.Running(s, h, v.resource) {
				on = append(on, h.Name)
			}
		}
		switch {
		case len(on) == 0 && len(v.on) > 0:
			v.since = s.Now()
		case len(on) > 0 && len(v.on) == 0 && !v.since.IsZero():
			lasted := s.Now().Sub(v.since)
			v.down, v.longest, v.since = v.down+lasted, max(v.longest, lasted), time.Time{}
		}
		v.on = on
	}
}

// Report reads the truth.
func (w *World) Report() (r Report) {
	w.Do(func(s *simhost.State) {
		f := of(s)
		f.note(s)
		for _, v := range f.services {
			lasts := time.Duration(0)
			if !v.since.IsZero() {
				lasts = s.Now().Sub(v.since)
			}
			r.Services = append(r.Services, Service{v.what, slices.Clone(v.on), v.down + lasts, max(v.longest, lasts)})
		}
		for _, v := range s.Violations() {
			r.Violations = append(r.Violations, v.String())
		}
	})
	return r
}

// Machines are the hosts, by their names in full.
func (w *World) Machines() (names []string) {
	w.Do(func(s *simhost.State) {
		for _, h := range s.Hosts() {
			names = append(names, h.Name)
		}
	})
	return names
}

// Up tells whether a host answers.
func (w *World) Up(host string) (up bool) {
	w.Do(func(s *simhost.State) {
		h := s.Host(host)
		up = h != nil && h.Reachable()
	})
	return up
}

// PowerLoss takes the power from a host, without the technician noticing.
func (w *World) PowerLoss(host string) {
	w.Do(func(s *simhost.State) { s.Host(host).PowerOff(s) })
}

// HostKeyID is the fingerprint that a host's sshd presents.
func (w *World) HostKeyID(host string) (id string) {
	w.Do(func(s *simhost.State) {
		if h := s.Host(host); h != nil {
			id = h.HostKey()
		}
	})
	return id
}

package lustretest

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// Options choose a pair; the zero value is the guide's pair at 22:00 on a day in June 2018.
type Options struct {
	Site  *Site // another pair than the guide's
	Start time.Time
	// how long the technician takes: 30 minutes when zero; when negative nobody comes, and InstallOS is for the caller
	InstallTime   time.Duration
	OSTs          int  // targets beside the MGS and the MDT of the guide
	FenceStandby  bool // nodes in standby are fenced too, against IML's rule
	HollowFencing bool // the fence agent answers "ok" without cutting the power (H2)
	NoInit        bool // pcs starts nothing on EL7 and exits 0 (H4)
	Faults        []simhost.Fault

	// OldPCS and NewPCS are the releases of pcs before and after, with the Pacemaker and corosync that go with them; pcs
	// 0.9 when zero. From 0.10 on the old cluster has corosync 3 with two links of knet; its node names are short all the
	// same.
	OldPCS, NewPCS pcs.Dialect
	// Times is how long a target takes to start and to stop, by its label; pacemakertest.StartTime and StopTime when nil, or where it says 0.
	Times func(label string) (start, stop time.Duration)
	// Recovery is how the clients of a target come back after it was mounted on a host, by its label; the zero Recovery
	// when nil.
	Recovery   func(label, host string) Recovery
	Imperative string  // what the MGS says of imperative recovery; full when empty
	Load       float64 // the load average of the servers, by which Pacemaker throttles itself (H26)
}

// modern tells whether a release of pcs is for corosync 3.
func modern(d pcs.Dialect) bool {
	return d.Version().Compare(pcs.Version{Major: 0, Minor: 10}) >= 0
}

// Pair is a world of two servers. It is safe for concurrent use as its World is.
type Pair struct {
	*simhost.World
}

// settleTime is enough for the old cluster to come up and mount its targets.
const settleTime = time.Minute

// NewPair builds the pair and lets its cluster come up. It panics when its own files are broken.
func NewPair(o Options) *Pair {
	if o.Start.IsZero() {
		o.Start = time.Date(2018, time.June, 12, 22, 0, 0, 0, time.UTC)
	}
	if o.InstallTime == 0 {
		o.InstallTime = 30 * time.Minute
	}
	if o.Site == nil {
		o.Site = GuideSite(o.OldPCS)
	}
	cib, targets, err := o.Site.with(o.OSTs)
	if err != nil {
		panic("lustretest: " + err.Error())
	}
	reg := o.Site.registry(modern(o.NewPCS))
	pacemakertest.Install(reg)
	s := simhost.NewState(reg, o.Start.Add(-settleTime))
	f := &shelf{opts: &o}
	labels := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(targets)) {
		device, mount := placeOf(targets[name])
		label := strings.TrimPrefix(mount, "/mnt/")
		rec, _ := recordOf(targets[name]) // placeOf has read it
		f.targets = append(f.targets, &target{device: device, mount: mount, label: label, name: rec.Name})
		labels[storePath+"/"+name] = label
	}
	if o.Site.byHand() {
		f.targets = o.Site.own(cib)
	}
	if o.Site.byHand() || zfs(targets) {
		reg.Command("zpool", 0, runZpool)
	}
	agent, own := targetAgent(), targetAgent()
	if o.Times != nil {
		agent.Times = func(r pacemaker.Resource) (start, stop time.Duration) {
			uuid, _ := r.Instance.Get("target")
			return o.Times(labels[storeName(uuid)])
		}
		own.Times = func(r pacemaker.Resource) (start, stop time.Duration) {
			return o.Times(path.Base(parametersOf(r).Mount))
		}
	}
	s.AddLayer(pacemakertest.New(pacemakertest.Options{
		Agents: map[string]pacemakertest.Agent{
			"ocf:chroma:Target": agent, lustreAgent: own, "ocf:heartbeat:ZFS": poolAgent(), "ocf:chroma:ZFS": poolAgent(),
			"ocf:lustre:healthLNET": healthAgent("pingd", "1001"), "ocf:lustre:healthLUSTRE": healthAgent("lustred", "1"),
			"ocf:pacemaker:ping": healthAgent("pingd", "1"),
		},
		Fenced:        func(s *simhost.State, by string, h *simhost.Host) { of(s).fenced(s, by, h) },
		Joined:        func(s *simhost.State, h *simhost.Host) { of(s).joined(h) },
		FenceStandby:  o.FenceStandby,
		HollowFencing: o.HollowFencing,
		NoInit:        o.NoInit,
		Load:          o.Load,
		PCS: func(h *simhost.Host) pcs.Dialect {
			if h.Major() == 6 {
				return o.OldPCS
			}
			return o.NewPCS
		},
	}))
	s.AddLayer(f)
	for _, name := range []string{o.Site.Node1, o.Site.Node2} {
		f.attach(s, s.AddHost(name, o.Site.el6(name, cib, targets, modern(o.OldPCS))))
	}
	s.Sleep(settleTime)
	s.Forget()
	for _, fault := range o.Faults {
		s.Inject(fault)
	}
	return &Pair{simhost.NewWorld(s)}
}

// Clone is a deep copy, without the hooks.
func (p *Pair) Clone() *Pair { return &Pair{p.World.Clone()} }

// Check says which rules were broken so far; nil when none was.
func (p *Pair) Check() error {
	var errs []error
	for _, v := range p.Violations() {
		errs = append(errs, errors.New(v.String()))
	}
	return errors.Join(errs...)
}

// InstallOS plays the technician: it wipes the disk of a host and puts EL7 on it. The host is up after simhost.BootTime.
func (p *Pair) InstallOS(host string) error {
	var err error
	p.Do(func(s *simhost.State) {
		h := s.Host(host)
		if h == nil {
			err = fmt.Errorf("cannot install %s: no such host", host)
			return
		}
		f := of(s)
		f.visits = slices.DeleteFunc(slices.Clone(f.visits), func(v visit) bool { return v.host == h.Name })
		if !slices.Contains(f.rebuilding, h.Name) {
			f.rebuilding = append(slices.Clip(f.rebuilding), h.Name)
		}
		h.Install(s, f.opts.Site.freshEL7(h.Name))
	})
	return err
}

// HostKeyID is the fingerprint that a host's sshd presents: it changes with an installation, and goes back when
// /etc/ssh is restored and sshd restarted (H20).
func (p *Pair) HostKeyID(host string) (id string) {
	p.Do(func(s *simhost.State) {
		if h := s.Host(host); h != nil {
			id = h.HostKey()
		}
	})
	return id
}

// Up tells whether a host answers.
func (p *Pair) Up(host string) (up bool) {
	p.Do(func(s *simhost.State) {
		h := s.Host(host)
		up = h != nil && h.Reachable()
	})
	return up
}

// PowerLoss takes the power from a host, without the technician noticing; PowerOn of the host gives it back.
func (p *Pair) PowerLoss(host string) {
	p.Do(func(s *simhost.State) { s.Host(host).PowerOff(s) })
}

// CutRing breaks, or mends, a corosync ring at a host.
func (p *Pair) CutRing(host string, ring int, cut bool) {
	p.Do(func(s *simhost.State) { pacemakertest.Of(s).CutRing(s, s.Host(host).Name, ring, cut) })
}

// Kill is `kill -9` of a daemon on a host, such as corosync or pacemaker-execd (H3).
func (p *Pair) Kill(host, daemon string) {
	p.Do(func(s *simhost.State) { pacemakertest.Of(s).Kill(s, host, daemon) })
}

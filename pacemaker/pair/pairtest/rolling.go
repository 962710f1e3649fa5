package pairtest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// rolling tells a site that stays on its release, and gets a later minor one.
func (p *Site) rolling() bool { return p.from.name == p.to.name }

// Versions are what the update of a pair to the latest minor release of a release brings: the version of each package of the cluster.
func Versions(release string) map[string]string {
	its, err := systemOf(release)
	if err != nil {
		return nil
	}
	versions := map[string]string{}
	for _, name := range []string{"pacemaker", "corosync"} {
		versions[name] = its.versions[name]
	}
	return versions
}

// feature is the CRM feature set of a host's Pacemaker.
func (p *Site) feature(h *simhost.Host) string {
	has, _ := readiness.ParseVersion(cmp.Or(h.Package("pacemaker"), p.from.versions["pacemaker"])) // the world's own, or tried by bringing
	set, best := "", readiness.Version{}
	for release, its := range features {
		if v, _ := readiness.ParseVersion(release); v.Compare(has) <= 0 && v.Compare(best) > 0 {
			set, best = its, v
		}
	}
	return set
}

// bringing has the update bring the versions that the site wants. They have to be newer than those that the simulated pair has.
func (p *Site) bringing() error {
	p.to.versions = maps.Clone(p.to.versions)
	for name, version := range p.Versions {
		want, err := readiness.ParseVersion(version)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if has := p.from.versions[name]; has != "" {
			is, err := readiness.ParseVersion(has)
			if err != nil || is.Compare(want) > 0 {
				return errors.Join(err, fmt.Errorf("an update to %s %s is not simulated: the simulated pair has %s", name, version, has))
			}
		}
		if !strings.Contains(version, "-") {
			version += "-1." + p.to.name
		}
		p.to.versions[name] = version
	}
	return nil
}

// transaction is an installation of packages that is under way on a host: their list is new at its beginning already.
type transaction struct {
	host    string
	process string    // of the package manager; empty where that is a library of another program
	locked  time.Time // until then it holds the lock of rpm
	due     time.Time // its end
}

// The operator types dnf, which goes on for a while when its transaction is over. The site's own tool has it as a library.
const (
	typed    = "/usr/bin/python3 /usr/bin/dnf -y upgrade"
	lockTime = time.Minute
	tailTime = time.Minute
	rpmLock  = "/var/lib/rpm/.rpm.lock"
)

// bring begins to give a host the packages of a minor release. Done under a running cluster, the services go down in the middle of their
// work.
func (f *shared) bring(s *simhost.State, h *simhost.Host, its system, process string) {
	if h.Power != simhost.On || !f.site.rolling() || h.Package("pacemaker") == its.versions["pacemaker"] {
		return
	}
	if pacemakertest.Of(s).Member(h.Name) {
		s.Violate("the software of %s was replaced while its cluster ran", h.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(its.versions)) {
		if h.Package(name) != "" {
			h.SetPackage(s, name, its.versions[name])
		}
	}
	h.MustWrite(s, "/etc/redhat-release", its.title+"\n", 0o644)
	t := transaction{h.Name, process, s.Now().Add(lockTime), s.Now().Add(lockTime)}
	if process != "" {
		h.Spawn(s, process)
		t.due = t.due.Add(tailTime)
	}
	f.transactions = append(slices.Clip(f.transactions), t)
}

// installing tells whether packages are being installed on a host.
func (f *shared) installing(host string) bool {
	return slices.ContainsFunc(f.transactions, func(t transaction) bool { return t.host == host })
}

// ended has the transactions end that are due.
func (f *shared) ended(s *simhost.State) {
	for _, t := range f.transactions {
		if h := s.Host(t.host); !t.due.After(s.Now()) && h != nil && t.process != "" {
			h.End(s, t.process)
		}
	}
	f.transactions = slices.DeleteFunc(slices.Clone(f.transactions), func(t transaction) bool { return !t.due.After(s.Now()) })
}

// runPackaging is what pair.PackagingScript does. A lock of another file stands in the list, and one of no file.
func runPackaging(c *simhost.Call) int {
	c.Printf("lock 5678 %s\n1: FLOCK  ADVISORY  WRITE 700 00:17:56780 0 EOF\n2: POSIX  ADVISORY  READ  701 <none>:0 0 EOF\n", rpmLock)
	for _, t := range of(c.State).transactions {
		if t.host == c.Host.Name && t.locked.After(c.State.Now()) {
			c.Printf("3: POSIX  ADVISORY  WRITE 702 fd:00:5678 0 EOF\n3: -> POSIX  ADVISORY  READ 703 fd:00:5678 0 EOF\n")
		}
	}
	c.Printf("end\n")
	return 0
}

// runSystemctl is systemctl. A restart in the middle of an installation leaves a system that may not boot.
func runSystemctl(systemctl simhost.Handler) simhost.Handler {
	return func(c *simhost.Call) int {
		if slices.Contains(c.Args, "reboot") && of(c.State).installing(c.Host.Name) {
			c.State.Violate("%s was restarted while its packages were being installed", c.Host.Name)
		}
		return systemctl(c)
	}
}

package pairtest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

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

// bring gives a host the packages of a minor release. Done under a running cluster, the services go down in the middle of their work.
func (f *shared) bring(s *simhost.State, h *simhost.Host, its system) {
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
}

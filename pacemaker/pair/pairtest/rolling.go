package pairtest

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
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
	installed := cmp.Or(h.Package("pacemaker"), p.from.versions["pacemaker"])
	release, _, _ := strings.Cut(installed, "-")
	return features[release]
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

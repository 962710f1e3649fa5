package readiness

import (
	"fmt"
	"slices"
	"strings"
)

// bound is what the packages of a pair must be before it is upgraded.
type bound struct {
	target, family, pkg string
	from, below         Version
	source              string
}

// bounds are those that a distribution sets. A pair that is above is past them.
var bounds = []bound{
	{"sles16", "sles", "pacemaker", Version{2, 1, 7}, three, "crmsh-checks"},
	{"sles16", "sles", "corosync", Version{2, 4, 6}, three, "crmsh-checks"},
}

// software compares the packages of the nodes with each other and with the target's.
func (c *checker) software() {
	if c.from == nil {
		c.gap("which ways lead from the pair's release to "+c.to.Name, "the release of the pair, or os-release of its nodes")
	} else if tool := c.from.Tool; tool != c.to.Tool {
		c.find(Finding{Level: Note, Check: "tool", Found: "administered by " + tool, Why: c.to.Name + " has " + c.to.Tool,
			Next: "look through your scripts for commands that it has no more", Source: c.to.Sources[0]})
	}
	c.gap("whether the cluster runs and is well", "a look at the machines, such as crm_mon")
	if len(c.in.Versions) == 0 {
		c.gap("the versions of pacemaker and corosync on the nodes", "of each node what rpm -q or dpkg-query -W prints")
		return
	}
	for _, pkg := range []string{"pacemaker", "corosync"} {
		seen := []string{}
		for _, v := range c.in.Versions {
			version, ok := v.Of(pkg)
			if !ok {
				c.gap(fmt.Sprintf("the version of %s on %s", pkg, v.Node), "what rpm -q or dpkg-query -W prints of it")
				continue
			}
			seen = append(seen, version.String())
			c.version(v.Node, pkg, version)
		}
		slices.Sort(seen)
		if seen = slices.Compact(seen); len(seen) > 1 {
			c.find(Finding{Level: Warning, Check: "version", Object: pkg,
				Found: fmt.Sprintf("the nodes have %s %s", pkg, strings.Join(seen, " and ")),
				Why:   "a cluster of two versions is meant for the short time of a rolling upgrade",
				Next:  "finish the update on all nodes first", Source: sourceOf("pcmk-upgrading")})
		}
	}
}

// version compares the version of a package on a node with what the target has, and with what its distribution wants before.
func (c *checker) version(node, pkg string, v Version) {
	newer := pkg == "corosync" && v.Major > c.to.Corosync ||
		pkg == "pacemaker" && c.to.Pacemaker.below(Version{Major: v.Major, Minor: v.Minor})
	f := Finding{Level: Blocker, Check: "version", Object: node, Found: fmt.Sprintf("%s %s on %s", pkg, v, node)}
	if newer {
		has := c.to.Pacemaker.String()
		if pkg == "corosync" {
			has = fmt.Sprint(c.to.Corosync)
		}
		f.Why = fmt.Sprintf("%s has %s %s: it would be a downgrade", c.to.Name, pkg, has)
		f.Next, f.Source = "choose a newer target", c.to.Sources[0]
		c.find(f)
	}
	for _, b := range bounds {
		about := b.target == c.to.Name && b.pkg == pkg && c.from != nil && c.from.Family == b.family
		if !about || v.Compare(b.below) >= 0 || v.Compare(b.from) >= 0 {
			continue
		}
		f.Why = fmt.Sprintf("before the upgrade to %s it must be %s or later", c.to.Title, b.from)
		f.Next, f.Source = "update the nodes within their release first", sourceOf(b.source)
		c.find(f)
	}
}

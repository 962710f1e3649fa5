package pair

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// clusterPackages are those without which no node is in a cluster that pcs manages.
var clusterPackages = []string{"corosync", "pacemaker", "pcs"}

// must are the packages that each node must have: the cluster's, those that the resources need, and those that the site names.
func (p *Pair) must() []string {
	return distinct(clusterPackages, p.Config.Packages, slices.Collect(maps.Keys(p.Config.Versions)))
}

// watched are the packages whose versions are looked at: those, and of the others that a release installs with a cluster what is there.
func (p *Pair) watched() []string {
	return distinct(p.to.names, p.must())
}

// distinct are names in their order, each once.
func distinct(lists ...[]string) []string {
	names := slices.Concat(lists...)
	slices.Sort(names)
	return slices.Compact(names)
}

// listing lists them on a node, a line each.
func (p *Pair) listing() []string { return append(slices.Clone(p.to.list), p.watched()...) }

// has reads what listing printed: the version of each package by name, with its architecture. It is an error where one is missing that
// must be there.
func (p *Pair) has(o evenkeel.Observed) (map[string]string, error) {
	lines := strings.Split(o.Text(), "\n")
	if len(lines) != len(p.watched()) {
		return nil, fmt.Errorf("%d of %d packages are listed: %w", len(lines), len(p.watched()), unknown(o.Result))
	}
	versions, missing := map[string]string{}, 0
	for i, name := range p.watched() {
		version, is := strings.CutPrefix(lines[i], name+"-")
		switch {
		case is && version != "" && !strings.Contains(version, " "):
			versions[name] = version
		case lines[i] != "package "+name+" is not installed":
			return nil, fmt.Errorf("%q is listed where %s should be: %w", lines[i], name, ErrNotProven)
		case slices.Contains(p.must(), name):
			return nil, fmt.Errorf("the package %s is not installed on %s", name, o.Host)
		default:
			missing++
		}
	}
	if o.Result.ExitCode != missing { // rpm counts them
		return nil, unknown(o.Result)
	}
	return versions, nil
}

// lists is a look at the packages of a node.
func (n *node) lists(id, title, text string, check func(map[string]string) error) evenkeel.Action {
	return evenkeel.Look(id, title, n.listing()...).On(n.Name).Expecting(text, func(o evenkeel.Observed) error {
		o.Host = n.Name
		versions, err := n.has(o)
		if err == nil {
			err = check(versions)
		}
		return err
	})
}

// wanted are the versions that the update brings, in words.
func (p *Pair) wanted() string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(p.Config.Versions)) {
		list = append(list, name+" "+p.Config.Versions[name])
	}
	return strings.Join(list, ", ")
}

// noteSoftware notes which packages a node has before it is updated.
func (n *node) noteSoftware(id string) evenkeel.Action {
	a := n.lists(id, "Note the cluster's packages of "+n.Name, strings.Join(n.must(), ", "), func(map[string]string) error { return nil })
	a.Makes = []evenkeel.Make{n.software.From(func(o evenkeel.Observed) (string, error) { return o.Text(), nil })}
	return a
}

// seeUpdated wants a node to have the versions that the update brings.
func (n *node) seeUpdated(id string) evenkeel.Action {
	return n.lists(id, "Verify that "+n.Name+" has what the update brings", n.wanted(), func(has map[string]string) error {
		for _, name := range slices.Sorted(maps.Keys(n.Config.Versions)) {
			if want := n.Config.Versions[name]; !isVersion(has[name], want) {
				return fmt.Errorf("%s has %s %s, not %s", n.Name, name, has[name], want)
			}
		}
		return nil
	})
}

// isVersion tells whether a version, as rpm lists it, is the wanted one, or one of its builds: 2.1.7-5.el9.x86_64 is 2.1.7-5.el9, and
// 2.1.7.
func isVersion(has, want string) bool {
	rest, is := strings.CutPrefix(has, want)
	return is && (rest == "" || strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "-"))
}

// agree wants both nodes to have the same software, and an older one than the update brings.
func (p *Pair) agree(id string) evenkeel.Action {
	return p.alike(id, "Verify that both nodes have the same cluster software, and none that is newer than the update",
		", and no newer version than one of these: "+p.wanted(), p.older)
}

// alike wants both nodes to have the watched packages in the same versions, and what check wants of them.
func (p *Pair) alike(id, title, text string, check func(map[string]string) error) evenkeel.Action {
	one, two := p.Config.Node1.Name, p.Config.Node2.Name
	return evenkeel.Action{ID: id, Change: evenkeel.Change{
		Title: title, Host: one,
		Op: &evenkeel.Op{Effect: evenkeel.ReadOnly, Text: "On both nodes, `" + strings.Join(p.listing(), " ") + "` prints the same" + text + ".",
			Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				var lists [2]map[string]string
				for i, host := range []string{one, two} {
					res, err := at.Run(ctx, host, Brief(p.listing()...))
					if err != nil && res.Outcome != evenkeel.Exited {
						return res, err
					}
					if lists[i], err = p.has(evenkeel.Observed{Result: res, Host: host}); err != nil {
						return res, fmt.Errorf("%s: %w", host, err)
					}
				}
				for _, name := range p.watched() {
					is, other := lists[0][name], lists[1][name]
					optional := !slices.Contains(p.must(), name)
					if is != other && (!optional || is != "" && other != "") {
						return sshexec.Result{}, evenkeel.NeedsOperator("%s and %s have other versions of one package: %s-%s and %s-%s. Bring both "+
							"to the same, and make the plan anew", one, two, name, is, name, other)
					}
				}
				return sshexec.Result{}, check(lists[0])
			}},
	}}
}

// older wants no package to be newer than the update, and pacemaker not to be updated already: what shows that a node is updated must
// not be there before.
func (p *Pair) older(has map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(p.Config.Versions)) {
		wanted := p.Config.Versions[name]
		switch is := isVersion(has[name], wanted); {
		case name == "pacemaker" && is:
			return evenkeel.NeedsOperator("the nodes have %s-%s already, and %s is to show that a node is updated: name the build that the "+
				"update brings", name, has[name], wanted)
		case !is && compareBuilds(has[name], wanted) > 0:
			return evenkeel.NeedsOperator("the nodes have %s-%s, which is newer than %s: a node cannot join with older software", name,
				has[name], wanted)
		}
	}
	return nil
}

var archSuffix = regexp.MustCompile(`\.(x86_64|aarch64|ppc64le|s390x|noarch|i686)$`)

// compareBuilds orders two versions with their releases as rpm does; a release that one of them does not name is not compared.
func compareBuilds(a, b string) int {
	version, release, _ := strings.Cut(archSuffix.ReplaceAllString(a, ""), "-")
	version2, release2, _ := strings.Cut(archSuffix.ReplaceAllString(b, ""), "-")
	if c := compareRPM(version, version2); c != 0 || release == "" || release2 == "" {
		return c
	}
	return compareRPM(release, release2)
}

var rpmSegment = regexp.MustCompile(`[0-9]+|[A-Za-z]+|[~^]`)

// compareRPM orders two versions, or two releases, segment by segment as rpm does: numbers as numbers, a number above letters; what goes
// on is above what ends, but for ~, which is below the end.
func compareRPM(a, b string) int {
	one, two := rpmSegment.FindAllString(a, -1), rpmSegment.FindAllString(b, -1)
	for i := range max(len(one), len(two)) {
		x, y := segmentAt(one, i), segmentAt(two, i)
		if c := cmp.Or(cmp.Compare(x.kind, y.kind), cmp.Compare(len(x.text)*x.number, len(y.text)*y.number), strings.Compare(x.text,
			y.text)); c != 0 {
			return c
		}
	}
	return 0
}

// segment is one part of a version: kinds are ordered as rpm orders them.
type segment struct {
	kind, number int
	text         string
}

func segmentAt(list []string, i int) segment {
	switch {
	case i >= len(list):
		return segment{kind: 1} // the end
	case list[i] == "~":
		return segment{kind: 0}
	case list[i] == "^":
		return segment{kind: 2}
	case list[i][0] > '9':
		return segment{kind: 3, text: list[i]}
	default:
		return segment{kind: 4, number: 1, text: strings.TrimLeft(list[i], "0")}
	}
}

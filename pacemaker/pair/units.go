package pair

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// Unit is what is moved as one: a resource that stands at the top of the CIB with all that it holds, and those that a
// constraint ties to it.
type Unit struct {
	ID      string   // of the first of its resources
	Tops    []string // the resources at the top of the CIB, whose target-role starts and stops it, in the order of the document
	Members []Member // the primitives in it, in the order of the document

	PerNode  bool   // each node has a copy of its own, which moves nowhere
	Unproven string // why it cannot be proven that a node does not hold it any more; empty where it can
	Disabled string // why it stays stopped in the old cluster; empty where it runs

	copies int      // of its members, those of which each node has its own
	runs   []string // of Tops those that do not stay stopped
}

// Member is a primitive of a unit.
type Member struct {
	pacemaker.Resource
	Profile string // empty where no profile knows the agent
	Traits

	bound bool // it replicates between the nodes, or spans them
}

// told says whether looks tell if a node serves its users.
func (m Member) told() bool { return m.Serves != "" && len(m.Gone) > 0 }

// Serves are what the users of a unit call it, each once.
func (u Unit) Serves() (list []string) {
	for _, m := range u.Members {
		if m.Serves != "" && !slices.Contains(list, m.Serves) {
			list = append(list, m.Serves)
		}
	}
	return list
}

// Units reads what a cluster runs, by profiles. Fence devices are not among them.
func Units(cib *pacemaker.CIB, profiles Profiles) ([]Unit, error) {
	if err := profiles.Check(); err != nil {
		return nil, err
	}
	var units []Unit
	disabled := map[string]string{}
	for _, w := range cib.Wanted() {
		disabled[w.ID] = w.Disabled
	}
	for _, r := range cib.Resources() {
		if r.Kind == pacemaker.Template || r.Kind == pacemaker.Primitive && r.Class == "stonith" {
			continue
		}
		u := Unit{ID: r.ID, Tops: []string{r.ID}}
		u.read(cib, r, nil, profiles)
		u.PerNode = u.Unproven == "" && u.copies == len(u.Members)
		running := slices.DeleteFunc(slices.Clone(u.Members), func(m Member) bool { return disabled[m.ID] != "" })
		if len(running) == 0 && len(u.Members) > 0 {
			u.Disabled = disabled[u.Members[0].ID]
		}
		if u.Disabled == "" {
			u.runs = []string{r.ID}
		}
		units = append(units, u)
	}
	ties, err := constrained(cib)
	if err != nil {
		return nil, err
	}
	units = tie(cib, units, ties)
	for i := range units {
		units[i].provide()
	}
	return units, nil
}

// provide takes out of the needs what a unit brings along: a device of a volume group that it activates, a directory of a file system that
// it mounts. The node that does not run it has neither.
func (u *Unit) provide() {
	var above []string
	for _, m := range u.Members {
		switch m.Profile {
		case "lvm":
			vg, _ := m.Instance.Get("vgname")
			above = append(above, "/dev/"+vg+"/", "/dev/mapper/"+strings.ReplaceAll(vg, "-", "--")+"-")
		case "filesystem":
			dir, _ := m.Instance.Get("directory")
			above = append(above, path.Clean(dir)+"/")
		}
	}
	for i := range u.Members {
		m := &u.Members[i]
		m.Needs = slices.DeleteFunc(slices.Clone(m.Needs), func(l Look) bool {
			return l.Argv[0] == "ls" && slices.ContainsFunc(above, func(a string) bool { return strings.HasPrefix(l.Argv[len(l.Argv)-1], a) })
		})
	}
}

// read goes into a resource; around are those that hold it, the outermost first.
func (u *Unit) read(cib *pacemaker.CIB, r pacemaker.Resource, around []pacemaker.Resource, profiles Profiles) {
	switch r.Kind {
	case pacemaker.Primitive:
		u.member(cib, r, around, profiles)
		return
	case pacemaker.Group, pacemaker.Clone, pacemaker.Master:
	default:
		u.unproven("%s is a %s, of which nothing is known", r.ID, r.Kind)
		u.Members = append(u.Members, Member{Resource: r, bound: true}) // nothing shows that it stopped
		return
	}
	for _, m := range r.Members {
		u.read(cib, m, append(slices.Clone(around), r), profiles)
	}
}

// unproven notes the first reason why nothing proves that the unit is gone.
func (u *Unit) unproven(format string, args ...any) {
	u.Unproven = cmp.Or(u.Unproven, fmt.Sprintf(format, args...))
}

func (u *Unit) member(cib *pacemaker.CIB, r pacemaker.Resource, around []pacemaker.Resource, profiles Profiles) {
	m := Member{Resource: r}
	cloned := slices.ContainsFunc(around, func(a pacemaker.Resource) bool { return a.Kind == pacemaker.Clone || a.Kind == pacemaker.Master })
	p, known := profiles.For(r.Agent())
	var err error
	switch {
	case r.Template != "":
		u.unproven("%s is made from the template %s", r.ID, r.Template)
	case !known:
		u.unproven("no profile knows %s, the agent of %s", r.Agent(), r.ID)
	default:
		m.Profile = p.Name
		if !cloned || !p.PerNode {
			err = steady(r)
		}
		if err == nil {
			m.Traits, err = p.Of(r)
		}
		if err != nil {
			u.unproven("%s: %v", r.ID, err)
		}
	}
	replicated := slices.ContainsFunc(around, promotable)
	why := ""
	if cloned {
		why = single(cib, r, around)
	}
	m.bound = replicated || spansNodes(r) || known && p.Promotable || cloned && (!known || !p.PerNode || why != "")
	switch {
	case spansNodes(r):
		u.unproven("%s belongs together with its copy on the other node", r.ID)
	case replicated:
		u.unproven("%s replicates between the nodes: a node of the new cluster has no copy that could be promoted", r.ID)
	case known && p.Promotable:
		u.unproven("%s is of %s, and in no promotable clone", r.ID, r.Agent())
	case cloned && known && !p.PerNode:
		u.unproven("%s is cloned: both nodes hold it", r.ID)
	case why != "":
		u.unproven("%s may be on one node alone, and move: %s", r.ID, why)
	case known && err == nil && !p.PerNode && len(m.Gone) == 0:
		u.unproven("the profile %s has no proof that a node does not hold %s", p.Name, r.ID)
	}
	if cloned || known && p.PerNode && len(m.Gone) == 0 {
		m.Gone = nil // each node has its own
		u.copies++
	}
	u.Members = append(u.Members, m)
}

// promotable tells a clone of which one copy is promoted.
func promotable(r pacemaker.Resource) bool {
	v, _ := r.Meta.Get("promotable")
	return r.Kind == pacemaker.Master || r.Kind == pacemaker.Clone && pacemaker.IsTrue(v)
}

// tie makes one unit of those that constraints tie together: none of them runs without the other, or before it, so that
// to move them one after the other would only make their outage longer. What each node has for itself ties nothing.
func tie(cib *pacemaker.CIB, units []Unit, ties [][]string) []Unit {
	of := make([]int, len(units)) // of each unit the first that it is tied to
	at := map[string]int{}
	for i, u := range units {
		of[i] = i
		for _, id := range append(slices.Clone(u.Tops), membersOf(cib, u.ID)...) {
			at[id] = i
		}
	}
	for _, ids := range ties {
		first := -1
		for _, id := range ids {
			i, known := at[id]
			switch {
			case !known || units[i].PerNode:
			case first < 0:
				first = of[i]
			default:
				low, high := min(first, of[i]), max(first, of[i])
				for k := range of {
					if of[k] == high {
						of[k] = low
					}
				}
				first = low
			}
		}
	}
	var out []Unit
	place := map[int]int{}
	for i, u := range units {
		k, begun := place[of[i]]
		if !begun {
			place[of[i]] = len(out)
			out = append(out, u)
			continue
		}
		have := &out[k]
		have.Tops, have.runs, have.Members = append(have.Tops, u.Tops...), append(have.runs, u.runs...), append(have.Members, u.Members...)
		have.Unproven = cmp.Or(have.Unproven, u.Unproven)
		if u.Disabled == "" {
			have.Disabled = ""
		}
	}
	return out
}

// membersOf are the ids of all that a resource holds.
func membersOf(cib *pacemaker.CIB, id string) (ids []string) {
	top, _ := cib.Resource(id)
	for r := range pacemaker.Walk(top.Members) {
		ids = append(ids, r.ID)
	}
	return ids
}

package pacemaker

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The rules are those of pacemaker-fenced (daemons/fenced/fenced_commands.c and fenced_scheduler.c, 1.1 to 3.0): a device is
// registered on each node that it is let run on, whether it runs there or not, unless its target-role is Stopped; it can fence
// what pcmk_host_check says that it can; and where a topology is for a node, only the devices of one of its levels count. A node
// does not fence itself: one of the others must have the device.

// answer says whether something can be done. In the order of the words, the least of several is what all of them can do
// together, the greatest what one of them can do.
type answer uint8

const (
	cannot answer = iota
	unknown
	can
)

// verdict is an answer, and why it is not "can".
type verdict struct {
	answer answer
	why    string
}

func least(verdicts ...verdict) verdict {
	return slices.MinFunc(verdicts, func(a, b verdict) int { return cmp.Compare(a.answer, b.answer) })
}

// greatest joins what is said against each where none is better than the others.
func greatest(verdicts []verdict) verdict {
	if len(verdicts) == 0 {
		return verdict{}
	}
	best := slices.MaxFunc(verdicts, func(a, b verdict) int { return cmp.Compare(a.answer, b.answer) })
	var whys []string
	for _, v := range verdicts {
		if v.answer == best.answer && v.why != "" && !slices.Contains(whys, v.why) {
			whys = append(whys, v.why)
		}
	}
	best.why = strings.Join(whys, "; ")
	return best
}

// fenceDevice is a fence device with what it inherits from its template and what it stands in.
type fenceDevice struct {
	Wanted
	agent  string
	params AttributeSets
	names  []string // its id, those of the groups and clones around it, and those of the tags that hold one of them
}

type fencing struct {
	cib      *CIB
	nodes    []Node // those that decide, and fence each other and the remote ones
	remote   []Node
	devices  []fenceDevice
	optIn    verdict // whether a node that no constraint names may run a resource
	watchdog bool
}

// fencingHindrances are the nodes that no device can fence, those of which the configuration does not tell, and what of the
// fencing is of no use. There are none where fencing is off, which is a hindrance of its own, and in a cluster of one.
func (c *CIB) fencingHindrances() hindrances {
	v := &validator{cib: c}
	f := &fencing{cib: c, devices: c.fenceDevices(), optIn: verdict{answer: can}}
	for _, n := range c.Nodes() {
		switch strings.ToLower(n.Type) {
		case "", "member", "normal":
			f.nodes = append(f.nodes, n)
		case "remote":
			f.remote = append(f.remote, n)
		}
	}
	if v.fencingOff() || len(f.nodes) < 2 {
		return nil
	}
	switch off, certain := v.fencingState("symmetric-cluster"); {
	case !certain:
		f.optIn = verdict{unknown, "symmetric-cluster is said under a rule"}
	case off:
		f.optIn = verdict{cannot, "symmetric-cluster is false, and no location constraint lets it"}
	}
	timeout, _ := c.Property("stonith-watchdog-timeout")
	has, _ := c.Property("have-watchdog")
	f.watchdog = IsTrue(has) && strings.Trim(timeout, "0smhu") != ""
	return f.hindrances()
}

func (f *fencing) hindrances() hindrances {
	var h hindrances
	if len(f.devices) == 0 && !f.watchdog {
		h.add(CannotFence, "", "fencing is on, and there is no fence device: nothing can fence a node that hangs")
		return h
	}
	for _, n := range f.nodes {
		switch v := f.fenced(n); {
		case v.answer == cannot && f.watchdog:
			h.add(FencingUnknown, n.Uname, "whether node %s is fenced hangs on its own watchdog, and on sbd, which is not in the CIB: %s",
				n.Uname, v.why)
		case v.answer == cannot:
			h.add(CannotFence, n.Uname, "no fence device can fence node %s: %s", n.Uname, v.why)
		case v.answer == unknown:
			h.add(FencingUnknown, n.Uname, "whether node %s can be fenced cannot be told from the configuration: %s. See by "+
				"`stonith_admin --list %[1]s` on the other node", n.Uname, v.why)
		}
	}
	if !slices.ContainsFunc(h, func(h Hindrance) bool { return h.Kind == CannotFence }) {
		for _, d := range f.devices { // else it is said already why none of them helps
			var all []verdict
			for _, n := range slices.Concat(f.nodes, f.remote) {
				all = append(all, f.fences(d, n))
			}
			if v := greatest(all); v.answer == cannot {
				h.add(IdleFencing, d.ID, "the fence device %s is of no use: %s", d.ID, v.why)
			}
		}
	}
	for _, l := range f.cib.FencingLevels() {
		for _, id := range f.missing(l) {
			h.add(IdleFencing, l.ID, "the fencing level %s of %s names the device %s, and there is no such device: the level fences nobody",
				l.ID, l.Targets(), id)
		}
	}
	return h
}

// fenceDevices are the primitives of the class stonith, by themselves or by their template. sbd's own, fence_watchdog, is none:
// the node's watchdog is what counts.
func (c *CIB) fenceDevices() []fenceDevice {
	templates, around := map[string]Resource{}, map[string][]string{}
	var visit func(rs []Resource, outer []string)
	visit = func(rs []Resource, outer []string) {
		for _, r := range rs {
			if r.Kind == Template {
				templates[r.ID] = r
			}
			around[r.ID] = append(slices.Clone(outer), r.ID)
			visit(r.Members, around[r.ID])
		}
	}
	visit(c.Resources(), nil)
	tags := c.Tags()
	var out []fenceDevice
	for _, r := range c.Wanted() {
		t := templates[r.Template]
		d := fenceDevice{Wanted: r, agent: cmp.Or(r.Type, t.Type), params: slices.Concat(t.Instance, r.Instance), names: around[r.ID]}
		if cmp.Or(r.Class, t.Class) != "stonith" || d.agent == "fence_watchdog" {
			continue
		}
		for _, tag := range tags {
			if slices.ContainsFunc(tag.Refs, func(ref string) bool { return slices.Contains(d.names, ref) }) {
				d.names = append(d.names, tag.ID)
			}
		}
		out = append(out, d)
	}
	return out
}

// fenced says whether a node can be fenced, by a level of the topology that is for it, else by any device.
func (f *fencing) fenced(n Node) verdict {
	topologies, named := map[string][]FencingLevel{}, ""
	for _, l := range f.cib.FencingLevels() {
		if !levelFor(l, n) {
			continue
		}
		key := l.Targets()
		if l.Target != "" {
			named = key
		}
		topologies[key] = append(topologies[key], l)
	}
	if named != "" { // a level by name counts before one by pattern or attribute
		return f.levels(topologies[named], n)
	}
	if len(topologies) > 0 { // which of several counts is not defined
		var all []verdict
		for _, levels := range topologies {
			all = append(all, f.levels(levels, n))
		}
		return least(all...)
	}
	if len(f.devices) == 0 {
		return verdict{cannot, "there is none"}
	}
	var all []verdict
	for _, d := range f.devices {
		all = append(all, f.fences(d, n))
	}
	return greatest(all)
}

func levelFor(l FencingLevel, n Node) bool {
	switch {
	case l.TargetPattern != "":
		re, err := regexp.CompilePOSIX(l.TargetPattern)
		return err != nil || re.MatchString(n.Uname) // one that cannot be read is for every node: so it is found
	case l.TargetAttribute != "":
		v, has := n.Attributes.Get(l.TargetAttribute)
		return has && v == l.TargetValue
	}
	return strings.EqualFold(l.Target, n.Uname)
}

// levels says whether one of the levels fences a node: each needs all of its devices, and so do two of the same index.
func (f *fencing) levels(levels []FencingLevel, n Node) verdict {
	together := map[string][]verdict{}
	for _, l := range levels {
		for _, id := range f.missing(l) {
			why := fmt.Sprintf("level %s of the topology names %s, and there is no such device", l.Index, id)
			together[l.Index] = append(together[l.Index], verdict{cannot, why})
		}
		for _, id := range l.devices() {
			if i := f.device(id); i >= 0 {
				together[l.Index] = append(together[l.Index], f.fences(f.devices[i], n))
			}
		}
	}
	var all []verdict
	for _, verdicts := range together {
		all = append(all, least(verdicts...))
	}
	slices.SortFunc(all, func(a, b verdict) int { return cmp.Compare(a.why, b.why) })
	if v := greatest(all); v.answer == can || v.why != "" {
		return v
	}
	return verdict{cannot, "the topology has a level for it without a device"}
}

// devices are the ids in a level.
func (l FencingLevel) devices() []string {
	return strings.FieldsFunc(l.Devices, func(r rune) bool { return r == ',' || r == ' ' })
}

func (f *fencing) device(id string) int {
	return slices.IndexFunc(f.devices, func(d fenceDevice) bool { return d.ID == id })
}

// missing are the devices of a level that do not exist. watchdog is that of the node itself.
func (f *fencing) missing(l FencingLevel) []string {
	return slices.DeleteFunc(l.devices(), func(id string) bool { return f.device(id) >= 0 || f.watchdog && id == "watchdog" })
}

// fences says whether a device can fence a node from another one.
func (f *fencing) fences(d fenceDevice, n Node) verdict {
	var others []verdict
	for _, other := range f.nodes {
		if other.Uname != n.Uname {
			others = append(others, f.runsOn(d, other))
		}
	}
	return least(enabled(d), f.covers(d, n), greatest(others))
}

// enabled says whether a device is registered at all. What is stopped with the whole cluster, or behind another in a group, is.
func enabled(d fenceDevice) verdict {
	switch {
	case !strings.HasPrefix(d.Disabled, "target-role="):
		return verdict{answer: can}
	case strings.Contains(d.Disabled, " under the rule of "):
		return verdict{unknown, fmt.Sprintf("%s is perhaps disabled (%s)", d.ID, d.Disabled)}
	}
	return verdict{cannot, fmt.Sprintf("%s is disabled (%s)", d.ID, d.Disabled)}
}

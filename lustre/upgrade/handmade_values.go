package upgrade

import (
	"regexp"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// What the parameters of a target and of a pool may say. Whatever else they say could mount another disk, import another
// pool, or lose what clients have not written: it is a finding.
var (
	plainDevice  = regexp.MustCompile(`^/dev(/[A-Za-z0-9][A-Za-z0-9._:@+=-]*)+$`)
	plainDataset = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.:-]*(/[A-Za-z0-9][A-Za-z0-9_.:-]*)+$`)
	plainPool    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.:-]*$`)
	// A zvol is in a pool that must be imported, and some names in /dev are no disks.
	otherDevice = regexp.MustCompile(`^/dev/(zvol/|zd[0-9]|(null|zero|full|u?random|shm|fd|pts|mqueue|hugepages|std(in|out|err))(/|$))`)
	// Limits of a recovery, what ldiskfs does at an error, and switches that change nothing of what clients wrote.
	mountOption = regexp.MustCompile(`^(rw|noatime|acl|user_xattr|localflock|errors=(remount-ro|panic)|max_sectors_kb=\d+|` +
		`recovery_time_(soft|hard)=\d+|mgsnode=[A-Za-z0-9.,:@]+|failover\.node=[A-Za-z0-9.,:@]+)$`)
)

// oneDisk is a name by which a disk is compared: device mapper has two directories for its names.
func oneDisk(name string) string {
	if mapped, ok := strings.CutPrefix(name, "/dev/disk/by-id/dm-name-"); ok {
		return "/dev/mapper/" + mapped
	}
	return name
}

// options wants the options with which a target is mounted to be known.
func (b *byHand) options(r pacemaker.Resource) {
	options, _ := r.Instance.Get("mountoptions")
	for _, o := range strings.FieldsFunc(options, func(c rune) bool { return c == ',' }) {
		if !mountOption.MatchString(o) {
			b.find(r.ID, "%s is mounted with the option %q, which this runbook does not know: it could evict clients, or mount something "+
				"else, each time that the target moves. Take it away, or upgrade the pair by hand", r.ID, o)
		}
	}
}

// imports wants a pool to be imported by its own name, with nothing but directories to look for its disks in.
func (b *byHand) imports(r pacemaker.Resource) {
	if pool, _ := r.Instance.Get("pool"); !plainPool.MatchString(pool) {
		b.find(r.ID, "%s has the pool %q, which is not the name of one", r.ID, pool)
	}
	args, _ := r.Instance.Get("importargs")
	words := strings.Fields(args)
	for i := 0; i < len(words); i++ {
		switch {
		case words[i] == "-f":
		case words[i] == "-d" && i+1 < len(words) && plainDevice.MatchString(words[i+1]):
			i++
		case words[i] == "-o" && i+1 < len(words) && words[i+1] == "cachefile=none":
			i++
		default:
			b.find(r.ID, "%s imports its pool with %q in importargs, which this runbook does not know: it could import another pool, "+
				"roll one back, or have it imported at boot. Known are -f, -d DIRECTORY below /dev, and -o cachefile=none", r.ID, words[i])
			return
		}
	}
	no := []string{"false", "no", "off", "0"}
	if force, said := r.Instance.Get("importforce"); said && !pacemaker.IsTrue(force) && !slices.Contains(no, force) {
		b.find(r.ID, "%s has importforce=%q, which is neither true nor false", r.ID, force)
	}
}

// failing wants a stop that fails to keep what it did not stop where it is: Pacemaker fences the node, or leaves it alone.
func (b *byHand) failing(r pacemaker.Resource) {
	for _, o := range r.Operations {
		says := slices.Clone(o.Other)
		for _, set := range slices.Concat(o.Meta, o.Instance) {
			says = append(says, set.Pairs...)
		}
		for _, s := range says {
			if o.Name == "stop" && s.Name == "on-fail" && s.Value != "fence" && s.Value != "block" {
				b.find(r.ID, "%s has on-fail=%s for its stop: what could not be unmounted or exported would count as stopped, and start on "+
					"the other node. Take that away, or say fence", r.ID, s.Value)
			}
		}
	}
	b.requires(r.ID, r.ID+" has", r.Meta)
}

// requires wants nothing to start before a node that was lost is fenced.
func (b *byHand) requires(id, who string, meta pacemaker.AttributeSets) {
	if v, said := meta.Get("requires"); said && v != "fencing" && v != "unfencing" {
		b.find(id, "%s requires=%s: a target would start before a node that was lost is fenced. Take that away", who, v)
	}
}

// defaults wants the defaults of resources and operations, and the properties, to say the same.
func (b *byHand) defaults() {
	for _, set := range b.cib.ResourceDefaults() {
		b.requires(set.ID, "the defaults of all resources have", pacemaker.AttributeSets{set})
	}
	for _, set := range b.cib.OperationDefaults() {
		for _, p := range set.Pairs {
			if p.Name == "on-fail" && p.Value != "fence" && p.Value != "block" {
				b.find(set.ID, "the defaults of all operations have on-fail=%s: a stop that fails would count as one. Take that away", p.Value)
			}
		}
	}
	for _, set := range b.cib.PropertySets() {
		if v, said := (pacemaker.AttributeSets{set}).Get("startup-fencing"); said && !pacemaker.IsTrue(v) {
			b.find(set.ID, "startup-fencing is %s: a node that is not seen at the start counts as down, and its targets start elsewhere. "+
				"Set it to true", v)
		}
	}
}

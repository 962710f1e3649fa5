package rebuild

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// Options say how the cluster is made again. Zero values take what the backup says, and the guide's where it says
// nothing.
type Options struct {
	Node1, Node2  string              // fully qualified names: node 1 is rebuilt first
	Names         pacemaker.NodeNames // from the names in the CIB to these
	ClusterName   string              // default: the name that the cluster has; lustre-ha-cluster, the guide's, where it has none
	Token         int                 // ms; default: that of corosync.conf; 17000, the guide's, where it has none
	FailRecvConst int                 // lost messages; default: as Token, with 10
	// Dialect is that of the new cluster, OldDialect that of the cluster that node 2 still runs. Default: what goes
	// with the corosync.conf and the CIB, [pcs.V010] for corosync 3 and Pacemaker 2, else [pcs.V09], the guide's. Where
	// the two contradict each other, say it.
	Dialect, OldDialect pcs.Dialect
	// Knet makes a cluster of knet of one of multicast rings: pcs 0.10 and later take one ring with udp (H15). It wants Addresses.
	Knet bool
	// Addresses are those of each node by its name, one for each ring, for knet and for pcs 0.10 and later. Without any, those of the
	// node list of corosync.conf are taken where it has one.
	Addresses map[string][]string
	// PlainConstraints makes location constraints by pcs, as the guide does. pcs gives them ids of its own, and IML, which looks for
	// R-primary and R-secondary, no longer finds them (H9); so by default they are made by cibadmin with the ids of the CIB.
	PlainConstraints bool
	// ByXML carries over also what the guide's commands have no words for (groups, clones, rules, tags, …), by cibadmin. Without it all of
	// that is refused: a runbook that checks primitives only must not meet anything else.
	ByXML      bool
	StartOnAdd bool // node 2 is added with --start
	// OwnProperties sets no property that the old cluster did not have. Otherwise the guide's three are added where they are not said.
	OwnProperties bool
}

// withDefaults puts in what the backup says, or the guide.
func (o Options) withDefaults(cib *pacemaker.CIB, conf *corosync.Conf) (Options, error) {
	totem, err := conf.Totem()
	if err != nil {
		return o, err
	}
	o.Token = cmp.Or(o.Token, totem.Token, 17000)
	o.FailRecvConst = cmp.Or(o.FailRecvConst, totem.FailRecvConst, 10)
	if o.ClusterName == "" {
		name, err := clusterName(cib, totem)
		if err != nil {
			return o, err
		}
		o.ClusterName = cmp.Or(name, "lustre-ha-cluster")
	}
	if unset := (pcs.Dialect{}); o.Dialect == unset || o.OldDialect == unset {
		era, err := eraOf(cib, conf)
		if err != nil {
			return o, err
		}
		o.Dialect, o.OldDialect = cmp.Or(o.Dialect, era), cmp.Or(o.OldDialect, era)
	}
	if totem.Transport == "knet" && !o.OldDialect.Modern() {
		what := fmt.Sprintf("the cluster uses knet, and OldDialect is %s, whose commands are for EL6: say pcs 0.10 or later", o.OldDialect.Name())
		return o, &pacemaker.UnsupportedError{What: []string{what}}
	}
	if len(o.Addresses) == 0 && o.Dialect.Modern() {
		list, err := conf.NodeList()
		if err != nil {
			return o, err
		}
		o.Addresses = listed(list, o.Names)
	}
	return o, nil
}

// eraOf is the first pcs that a cluster with these files can have: pcs 0.10 came with corosync 3 and Pacemaker 2, whose
// first crm_feature_set is 3.1.0.
func eraOf(cib *pacemaker.CIB, conf *corosync.Conf) (pcs.Dialect, error) {
	feature, releases := cib.Header().FeatureSet, conf.Releases()
	later, err := pacemaker2(cib)
	if err != nil {
		return pcs.Dialect{}, err
	}
	switch {
	case feature == "" && releases.From > releases.To, later && !releases.Fits(3),
		feature != "" && !later && releases.From == 3:
		return pcs.Dialect{}, fmt.Errorf("cannot tell the pcs: corosync.conf is for corosync %d to %d, and the CIB has the crm_feature_set %q: "+
			"give Dialect and OldDialect", releases.From, releases.To, feature)
	case later || releases.From == 3:
		return pcs.V010, nil
	}
	return pcs.V09, nil
}

// pacemaker2 tells by its crm_feature_set whether a CIB is of Pacemaker 2 or later.
func pacemaker2(cib *pacemaker.CIB) (bool, error) {
	var major, minor int
	feature := cib.Header().FeatureSet
	if _, err := fmt.Sscanf(feature, "%d.%d", &major, &minor); err != nil && feature != "" {
		return false, fmt.Errorf("cannot tell the pcs: crm_feature_set is %q: give Dialect and OldDialect", feature)
	}
	return major > 3 || major == 3 && minor > 0, nil
}

func (o Options) check() error {
	var errs []error
	for _, n := range []string{o.Node1, o.Node2} {
		if !strings.Contains(n, ".") || strings.ContainsAny(n, " \t=") || strings.HasPrefix(n, "-") {
			errs = append(errs, fmt.Errorf("node name %q is not fully qualified", n))
		}
	}
	if o.Node1 == o.Node2 {
		errs = append(errs, fmt.Errorf("node 1 and node 2 are both %q", o.Node1))
	}
	return errors.Join(errs...)
}

// listed are the addresses of the nodes in a node list, by their new names; a list of corosync 2 has no names, but
// addresses that may be names.
func listed(list []corosync.Node, names pacemaker.NodeNames) map[string][]string {
	out := map[string][]string{}
	for _, n := range list {
		var addresses []string
		for _, link := range slices.Sorted(maps.Keys(n.Addresses)) {
			addresses = append(addresses, n.Addresses[link])
		}
		out[names.New(cmp.Or(n.Name, n.Addresses[0]))] = addresses
	}
	return out
}

// node is a node of the new cluster with its addresses.
func (o Options) node(name string) corosync.Member {
	return corosync.Member{Name: name, Addresses: o.Addresses[name]}
}

// New plans how the cluster of a backup is made again: on node 1 first, then taken over from node 2, then joined by it
// (lustre:861-1101, 1122-1166, 1599-1666, 1697-1760). It runs nothing.
//
// The plan has the cluster in two forms, from one model: as the guide's list of commands, and as one configuration that is put in force
// at once ([Plan.Push]). Where pcs has words that say exactly what the CIB says, the list uses them; all else goes by cibadmin, as XML,
// with its ids, where [Options].ByXML allows it. What cannot be carried over without a guess, and what the tools are known to
// refuse, is an [*pacemaker.UnsupportedError] that lists all of it.
func New(cib *pacemaker.CIB, conf *corosync.Conf, opts Options) (*Plan, error) {
	if cib.Empty() || conf == nil || conf.Root == nil {
		return nil, errors.New("a rebuild needs the CIB and the corosync.conf of the cluster")
	}
	if err := opts.check(); err != nil {
		return nil, err
	}
	want := cib.Draft()
	opts, err := opts.withDefaults(want, conf)
	if err != nil {
		return nil, err
	}
	b := &rebuilder{want: want, opts: opts, d: opts.Dialect, plan: &Plan{}}
	if err := b.setup(conf); err != nil {
		return nil, err
	}
	if err := b.configuration(cib); err != nil {
		return nil, err
	}
	return b.plan, nil
}

// Refuses is the error with which [New] refuses the configuration in a CIB, whatever its corosync.conf says; nil where it takes it.
// Without a Dialect it is that which goes with the CIB.
func Refuses(cib *pacemaker.CIB, opts Options) error {
	if err := opts.check(); err != nil {
		return err
	}
	era := pcs.V09
	if later, err := pacemaker2(cib); err == nil && later {
		era = pcs.V010
	}
	opts.Dialect, opts.OldDialect = cmp.Or(opts.Dialect, era), cmp.Or(opts.OldDialect, era)
	b := &rebuilder{want: cib.Draft(), opts: opts, d: opts.Dialect, plan: &Plan{}}
	return b.configuration(cib)
}

// configuration plans everything but the cluster software's own configuration.
func (b *rebuilder) configuration(cib *pacemaker.CIB) error {
	if err := b.model(cib); err != nil {
		return err
	}
	b.properties()
	b.defaults()
	b.plan.Maintenance = b.on1(b.d.Maintenance(true))
	b.resources()
	b.constraints()
	b.extras()
	b.move()
	b.fencing()
	return b.cannot.Err()
}

// clusterName is the name that corosync.conf, and the CIB after it, give the cluster; empty where neither does.
func clusterName(cib *pacemaker.CIB, totem corosync.Totem) (string, error) {
	inCIB, _ := cib.Property("cluster-name")
	if totem.ClusterName != "" && inCIB != "" && totem.ClusterName != inCIB {
		return "", fmt.Errorf("the cluster is %q in corosync.conf and %q in the CIB: the two are not of one cluster, or give the name",
			totem.ClusterName, inCIB)
	}
	return cmp.Or(totem.ClusterName, inCIB), nil
}

type rebuilder struct {
	want   *pacemaker.CIB // the configuration of the new cluster, with every target disabled
	opts   Options
	d      pcs.Dialect
	plan   *Plan
	cannot pacemaker.Refusals
}

func on(node string, ops ...pcs.Operation) []pcs.Operation {
	for i := range ops {
		ops[i].Node = node
	}
	return ops
}

func (b *rebuilder) on1(ops ...pcs.Operation) []pcs.Operation {
	return on(b.opts.Node1, ops...)
}

func (b *rebuilder) drop(what, why string) {
	b.plan.Dropped = append(b.plan.Dropped, Dropped{what, why})
}

// node is the new name of a node; one that belongs to neither half is unsupported.
func (b *rebuilder) node(old, where string) string {
	name := b.opts.Names.New(old)
	if name != b.opts.Node1 && name != b.opts.Node2 {
		b.cannot.Add("%s names the node %s, which is neither %s nor %s", where, name, b.opts.Node1, b.opts.Node2)
	}
	return name
}

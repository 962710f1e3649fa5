package pair

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// featureSet is the CRM feature set of a node or of a cluster: what its versions must have in common to be in one.
type featureSet struct {
	major, minor, patch int
}

var (
	featureText = regexp.MustCompile(`^(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?$`)
	supporting  = regexp.MustCompile(`(?m)^ *Supporting v([0-9.]+):`)
)

// features asks a host for that of its Pacemaker, whether it runs or not.
var features = []string{"pacemakerd", "--features"}

func parseFeatureSet(text string) (featureSet, error) {
	m := featureText.FindStringSubmatch(text)
	if m == nil {
		return featureSet{}, fmt.Errorf("%q is no CRM feature set, such as 3.19.0: %w", text, ErrNotProven)
	}
	number := func(s string) int { n, _ := strconv.Atoi(s); return n } // at most six digits, or none
	return featureSet{number(m[1]), number(m[2]), number(m[3])}, nil
}

// softwareFeatures reads what `pacemakerd --features` prints.
func softwareFeatures(res sshexec.Result) (featureSet, error) {
	m := supporting.FindStringSubmatch(string(res.Stdout))
	if res.ExitCode != 0 || m == nil {
		return featureSet{}, unknown(res)
	}
	return parseFeatureSet(m[1])
}

func (f featureSet) String() string { return fmt.Sprintf("%d.%d.%d", f.major, f.minor, f.patch) }

// joins tells whether a node with this feature set may join a cluster with another one: as Pacemaker's controller decides it.
func (f featureSet) joins(cluster featureSet) bool {
	return f.major == cluster.major && f.minor >= cluster.minor
}

// feature asks for the feature set of a node's software and for that of the cluster, as a node that runs has it.
func (n *node) feature(ctx context.Context, at evenkeel.Site, member *node) (software, cluster featureSet, _ error) {
	res, err := at.Run(ctx, n.Name, Brief(features...))
	if err != nil {
		return software, cluster, err
	}
	software, err = softwareFeatures(res)
	if err != nil {
		return software, cluster, fmt.Errorf("%s: %w", n.Name, err)
	}
	cluster, err = n.clusterFeatures(ctx, at, member.Name)
	return software, cluster, err
}

// joins wants the software of a node to be able to join the cluster that runs on the other.
func (n *node) joins(id string, other *node) evenkeel.Action {
	return evenkeel.Action{ID: id, Change: evenkeel.Change{
		Title: "Verify that the Pacemaker of " + n.Name + " can join the cluster", Host: n.Name,
		Op: &evenkeel.Op{Effect: evenkeel.ReadOnly, Text: "The feature set that `" + strings.Join(features, " ") + "` on " + n.Name +
			" supports has the major number of crm_feature_set in `cibadmin --query` on " + other.Name + ", and no lower minor number.",
			Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				own, its, err := n.feature(ctx, at, other)
				if err == nil && !own.joins(its) {
					err = evenkeel.NeedsOperator("the Pacemaker of %s has the feature set %s, and the cluster %s: it cannot join. Install the "+
						"version that the plan names, and resume", n.Name, own, its)
				}
				return sshexec.Result{}, err
			}},
	}}
}

// seeRisen wants the feature set of the cluster to be that of the new software on both nodes.
func (n *node) seeRisen(id string, other *node) evenkeel.Action {
	return evenkeel.Action{ID: id, Change: evenkeel.Change{
		Title: "Wait until the cluster has the feature set of the new software", Host: n.Name, Limit: n.Config.Outage,
		Op: &evenkeel.Op{Effect: evenkeel.ReadOnly, Text: "crm_feature_set in `cibadmin --query` is what `" + strings.Join(features, " ") +
			"` supports on both nodes.",
			Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				for _, one := range []*node{n, other} {
					own, its, err := one.feature(ctx, at, n)
					if err == nil && own != its {
						err = evenkeel.NotYet(time.Second, "the cluster has the feature set %s, and the Pacemaker of %s has %s", its, one.Name, own)
					}
					if err != nil {
						return sshexec.Result{}, err
					}
				}
				return sshexec.Result{}, nil
			}},
	}}
}

// clusterFeatures asks for the feature set of the cluster, as a node has it.
func (p *Pair) clusterFeatures(ctx context.Context, at evenkeel.Site, host string) (set featureSet, _ error) {
	look := p.oldCluster(host).InCIB("", func(cib *pacemaker.CIB) (err error) {
		set, err = parseFeatureSet(cib.Header().FeatureSet)
		return err
	})
	return set, ask(ctx, at, host, []evenkeel.Proof{look})
}

// noteFeatures notes the feature set of the cluster: as long as it has that, the old software can join.
func (p *Pair) noteFeatures(id string) evenkeel.Action {
	host := p.Config.Node2.Name
	fact := p.node(0).features.From(func(o evenkeel.Observed) (string, error) { return o.Text(), nil })
	fact.Script = `cibadmin --query | sed -n 's/^<cib .*crm_feature_set="\([^"]*\)".*/\1/p'`
	return evenkeel.Action{ID: id, Makes: []evenkeel.Make{fact}, Change: evenkeel.Change{
		Title: "Note the feature set of the cluster", Host: host,
		Op: &evenkeel.Op{Effect: evenkeel.ReadOnly, Text: "crm_feature_set in `cibadmin --query`.",
			Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				set, err := p.clusterFeatures(ctx, at, host)
				return sshexec.Result{Stdout: []byte(set.String() + "\n")}, err
			}},
	}}
}

// unrisen wants the cluster to have the feature set from before the run: else the old software, which the undo of a step brings back,
// could not join it. It asks on the other node.
func (n *node) unrisen(id string, other *node) evenkeel.Action {
	return evenkeel.Action{ID: id, Change: evenkeel.Change{
		Title: "Verify that the old software can still join the cluster", Host: other.Name, Limit: n.Config.Outage,
		Op: &evenkeel.Op{Effect: evenkeel.ReadOnly, Text: "crm_feature_set in `cibadmin --query` on " + other.Name + " is $" +
			n.features.Variable() + ", as before the run.",
			Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				was, err1 := n.features.Get(at.Facts)
				is, err2 := n.clusterFeatures(ctx, at, other.Name)
				switch {
				case err1 != nil:
					return sshexec.Result{}, err1
				case err2 != nil:
					return sshexec.Result{}, unanswered(err2, "the cluster on %s does not say its feature set (%v): start it there", other.Name, err2)
				case is.String() != was:
					return sshexec.Result{}, evenkeel.NeedsOperator("the cluster has the feature set %s, and had %s before the run: the old "+
						"software of %s cannot join it any more. Install no old packages. Bring both nodes to %s by hand: see \"If you give the "+
						"run up by hand\" in docs/pair.md", is, was, n.Name, n.wanted())
				}
				return sshexec.Result{}, nil
			}},
	}}
}

// mayRollBack refuses a rollback before it begins where the feature set of the cluster has risen, or is not known.
func (p *Pair) mayRollBack(ctx context.Context, at evenkeel.Site) error {
	was, err := p.node(0).features.Get(at.Facts)
	if err != nil {
		return nil //nolint:nilerr // it was not noted: nothing was changed
	}
	var errs []error
	for _, s := range p.servers() {
		is, err := p.clusterFeatures(ctx, at, s.Name)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", s.Name, err))
		case is.String() != was:
			return &evenkeel.CannotRollBackError{Step: p.node(0).id("leave"), Reason: fmt.Sprintf("the cluster has the feature set %s, and had "+
				"%s before the run: the old software cannot join it any more. Nothing was changed. Go on with `resume`", is, was)}
		default:
			return nil // all members of a cluster have one CIB
		}
	}
	return fmt.Errorf("whether the old software can still join the cluster is not known. Nothing was changed. Start the cluster on a node, "+
		"and begin again: %w", errors.Join(errs...))
}

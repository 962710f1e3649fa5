package pair

import (
	"context"
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
	look := n.oldCluster(member.Name).InCIB("", func(cib *pacemaker.CIB) (err error) {
		cluster, err = parseFeatureSet(cib.Header().FeatureSet)
		return err
	})
	return software, cluster, ask(ctx, at, member.Name, []evenkeel.Proof{look})
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

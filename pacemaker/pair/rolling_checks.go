package pair

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
)

// rollingPreflight is the preflight of the other way, and what this one wants beside it.
func (p *Pair) rollingPreflight() (evenkeel.Step, error) {
	s, err := p.preflight()
	if err != nil {
		return s, err
	}
	for _, n := range []*node{p.node(0), p.node(1)} {
		s.Actions = append(s.Actions, n.noteSoftware("software-"+n.no))
		s.Makes = append(s.Makes, n.software)
		for _, a := range n.sameFiles() {
			a.ID += "-" + n.no
			s.Actions = append(s.Actions, a)
		}
	}
	s.Actions = append(append([]evenkeel.Action{p.unhindered("sound")}, s.Actions...), p.agree("agree"))
	return s, nil
}

// unhindered wants nothing to be wrong with the running cluster. A constraint that is left over from a move is noted in the plan, and
// what it keeps from running is found by what each node can carry.
func (p *Pair) unhindered(id string) evenkeel.Action {
	fencing, said := p.CIB.Property("stonith-enabled")
	return evenkeel.Await(p.Config.Outage, id, "Wait until nothing is wrong with the cluster", p.oldCluster(p.Config.Node2.Name).InStatus(
		"a quorum, nothing failed, unmanaged, in maintenance or in standby, and fencing on", func(st *pacemaker.Status) error {
			return hindered(st, said && isFalse(fencing))
		}))
}

// hindered says what is wrong with a running cluster. One that never fences is noted in the plan.
func hindered(st *pacemaker.Status, unfenced bool) error {
	var list []string
	for _, h := range st.Hindrances() {
		if h.Kind != pacemaker.LeftOverMove && (h.Kind != pacemaker.NoFencing || !unfenced) {
			list = append(list, h.Text)
		}
	}
	if len(list) > 0 {
		return evenkeel.NotYet(0, "the cluster is not sound: %s. Mend it, and forget what is over by pcs resource cleanup and pcs stonith "+
			"history cleanup", strings.Join(list, "; "))
	}
	return nil
}

// older wants no package to be newer than the update, in what a node lists, and pacemaker not to be updated already: what shows that a
// node is updated must not be there before.
func (p *Pair) older(listing string) error {
	for i, line := range strings.Fields(listing) {
		name := p.watched()[i]
		wanted := p.Config.Versions[name]
		if wanted == "" {
			continue
		}
		if name == "pacemaker" && isVersion(strings.TrimPrefix(line, name+"-"), wanted) {
			return evenkeel.NeedsOperator("the nodes have %s already, and %s is to show that a node is updated: name the build that the update "+
				"brings", line, wanted)
		}
		has, err1 := readiness.ParseVersion(strings.TrimPrefix(line, name+"-"))
		want, err2 := readiness.ParseVersion(wanted)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		if has.Compare(want) > 0 {
			return evenkeel.NeedsOperator("the nodes have %s, which is newer than %s: a node cannot join with older software", line, wanted)
		}
	}
	return nil
}

// digest is the sha256 of a text, in hexadecimal.
func digest(text []byte) string { return fmt.Sprintf("%x", sha256.Sum256(text)) }

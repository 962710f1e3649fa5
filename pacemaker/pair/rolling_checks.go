package pair

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
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
	s.Actions = append(append([]evenkeel.Action{p.unhindered("sound")}, s.Actions...), p.agree("agree"), p.noteFeatures("features"))
	s.Makes = append(s.Makes, p.node(0).features)
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

// digest is the sha256 of a text, in hexadecimal.
func digest(text []byte) string { return fmt.Sprintf("%x", sha256.Sum256(text)) }

package upgrade

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// probeFor knows how to tell whether an operation of the rebuild ran, by what it makes.
func (p *Pair) probeFor(o pcs.Operation) (evenkeel.Probe, bool) {
	n1, n2 := p.Config.Node1.Name, p.Config.Node2.Name
	there := p.newCluster(n1)
	id := o.Makes.ID
	switch o.Makes.Kind {
	case pcs.Resource:
		has := func(c *pacemaker.CIB) bool { _, ok := c.Resource(id); return ok }
		return onPaper(there.cibProbe("the CIB has "+id, has), "| settings | grep -o "+
			shellescape.Quote("^"+regexp.QuoteMeta(id)+" is"), id+" is"), true
	case pcs.Preference:
		line := "location " + id + " " + o.Makes.Node
		return onPaper(there.cibProbe("the CIB has the constraint", func(c *pacemaker.CIB) bool {
			return slices.ContainsFunc(c.Locations(), func(have pacemaker.Location) bool { return have.Resource == id && have.Node == o.Makes.Node })
		}), "| settings | grep -o "+shellescape.Quote("^"+regexp.QuoteMeta(line)), line), true
	case pcs.NewCluster:
		return p.confProbe(n1, "corosync.conf is that of "+p.Config.ClusterName+" with "+n1, n1), true
	case pcs.Member:
		return p.confProbe(n2, "corosync.conf there names both nodes", n1, n2), true
	case pcs.Relocation:
		return relocated(there.Placed(p.placed(preferred)), p.placed(preferred)), true
	default:
		return evenkeel.Probe{}, false
	}
}

// confProbe looks for the nodes in a corosync.conf. Another cluster's file is a leftover, which setup refuses; the
// operator decides about it (H6).
func (p *Pair) confProbe(host, text string, nodes ...string) evenkeel.Probe {
	paper := p.showsConf(evenkeel.Action{Change: evenkeel.Change{Host: host,
		Cmd: sshexec.Command(sshexec.ReadOnly, "cat", corosyncConf)}}).Paper
	return evenkeel.Probe{Host: host, Cmd: sshexec.Command(sshexec.ReadOnly, "cat", corosyncConf), Text: text,
		Paper: paper, Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
			switch {
			case o.ExitCode == 0:
			case strings.Contains(string(o.Stderr), "No such file or directory"):
				return evenkeel.NotRun, nil
			default:
				return evenkeel.Inconclusive,
					fmt.Errorf("cannot read %s on %s: exit status %d: %s", corosyncConf, host, o.ExitCode, strings.TrimSpace(string(o.Stderr)))
			}
			c, err := corosync.Parse(bytes.NewReader(o.Stdout))
			if err != nil {
				return evenkeel.Inconclusive, err
			}
			totem, err := c.Totem()
			if err != nil {
				return evenkeel.Inconclusive, err
			}
			if totem.ClusterName != p.Config.ClusterName {
				return evenkeel.Inconclusive,
					evenkeel.NeedsOperator("%s on %s is left over from another cluster (%q): look at it, and remove it (pcs cluster "+
						"destroy) if this node is the one being rebuilt", corosyncConf, host, totem.ClusterName)
			}
			list, err := c.NodeList()
			if err != nil {
				return evenkeel.Inconclusive, err
			}
			for _, want := range nodes {
				if !slices.ContainsFunc(list, func(n corosync.Node) bool { return cmp.Or(n.Name, n.Addresses[0]) == want }) {
					return evenkeel.Partial, nil
				}
			}
			return evenkeel.Done, nil
		}}
}

// onPaper lets the operator judge a probe by what its command prints, after the filter.
func onPaper(p evenkeel.Probe, filter string, lines ...string) evenkeel.Probe {
	p.Paper = shows(evenkeel.Action{Change: evenkeel.Change{Cmd: p.Cmd}}, filter, lines...).Paper
	return p
}

// relocated tells whether targets were moved to where they belong, which takes a moment to show.
func relocated(e change.Proof, placed map[string]string) evenkeel.Probe {
	p := e.Probe()
	p.Paper = showsPlaced(evenkeel.Action{Change: evenkeel.Change{Cmd: p.Cmd}}, placed).Paper
	p.Settle = time.Minute
	return p
}

package upgrade

import (
	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/live"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// cluster is one of the two clusters of an upgrade, asked on one of its nodes. What it must show are proofs of package
// live; here they become actions and probes.
type cluster struct{ live.Cluster }

// oldCluster is the one that is given up.
func (p *Pair) oldCluster(host string) cluster {
	return cluster{live.Cluster{Dialect: p.Config.OldPCS, Via: host, Hosts: p.Names, SysV: true}}
}

// newCluster is the one that is made.
func (p *Pair) newCluster(host string) cluster {
	return cluster{live.Cluster{Dialect: p.Config.NewPCS, Via: host}}
}

// seeStatus looks at the running cluster. One that is not up yet is waited for (H19).
func (c cluster) seeStatus(id, title, text string, check func(*pacemaker.Status) error) evenkeel.Action {
	return evenkeel.Await(0, id, title, c.InStatus(text, check))
}

// seeCIB looks into the stored configuration.
func (c cluster) seeCIB(id, title, text string, check func(*pacemaker.CIB) error) evenkeel.Action {
	return evenkeel.Prove(id, title, c.InCIB(text, check))
}

// cibProbe is a probe that looks into the stored configuration.
func (c cluster) cibProbe(text string, done func(*pacemaker.CIB) bool) evenkeel.Probe {
	return c.InCIB(text, func(cib *pacemaker.CIB) error {
		if !done(cib) {
			return change.NotYet(0, "%s", text)
		}
		return nil
	}).Probe()
}

// seeUnused wants a node to have no files of another cluster (H6).
func (c cluster) seeUnused(node string) evenkeel.Action {
	a := evenkeel.Prove("leftovers", "Verify that nothing is left over from another cluster", c.Unused(node))
	a.Paper = []evenkeel.Block{{Script: "for f in " + shellescape.QuoteCommand(a.Cmd.Argv[2:]) +
		"; do test -e \"$f\" && echo \"$f\"; done; echo nothing else", Shows: []string{"nothing else"}}}
	return a
}

package upgrade

import (
	"errors"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// cluster is one of the two clusters of an upgrade, asked on one of its nodes. What it must show is package pacemaker's evidence; here that becomes actions and probes.
type cluster struct{ pacemaker.Live }

// oldCluster is the one that is given up.
func (p *Pair) oldCluster(host string) cluster {
	return cluster{pacemaker.Live{Dialect: p.Config.OldPCS, Via: host, Hosts: p.Names, SysV: true}}
}

// newCluster is the one that is made.
func (p *Pair) newCluster(host string) cluster {
	return cluster{pacemaker.Live{Dialect: p.Config.NewPCS, Via: host}}
}

// see looks for a piece of evidence, once: what is not there is an error.
func see(id, title string, e pacemaker.Evidence) evenkeel.Action {
	return evenkeel.Look(id, title, e.Look.Argv...).Expecting(e.Means, func(o evenkeel.Observed) error {
		return atOnce(e.Read(o.Result))
	}).On(e.Look.Node)
}

// atOnce takes the "not yet" from what is not waited for.
func atOnce(err error) error {
	var missing *pacemaker.NotYet
	if errors.As(err, &missing) {
		return errors.New(missing.Reason)
	}
	return err
}

// await looks for a piece of evidence until it is there, for so long at most.
func await(limit time.Duration, id, title string, e pacemaker.Evidence) evenkeel.Action {
	a := see(id, title, e).Waiting(limit)
	a.Expect.Check = func(o evenkeel.Observed) error { return orLater(e.Read(o.Result)) }
	return a
}

// orLater says of what may still come that it is to be looked for again.
func orLater(err error) error {
	var missing *pacemaker.NotYet
	switch {
	case errors.As(err, &missing):
		return evenkeel.NotYet(time.Second, "%s", missing.Reason)
	case err != nil && pacemaker.Passing(err):
		return evenkeel.NotYet(time.Second, "%v", err)
	}
	return err
}

// seeStatus looks at the running cluster. One that is not up yet is waited for (H19).
func (c cluster) seeStatus(id, title, text string, check func(*pacemaker.Status) error) evenkeel.Action {
	return await(0, id, title, c.InStatus(text, check))
}

// seeCIB looks into the stored configuration.
func (c cluster) seeCIB(id, title, text string, check func(*pacemaker.CIB) error) evenkeel.Action {
	return see(id, title, c.InCIB(text, check))
}

// probe tells from a piece of evidence whether something ran.
func probe(e pacemaker.Evidence) evenkeel.Probe {
	return evenkeel.Probe{Host: e.Look.Node, Cmd: sshexec.Command(sshexec.ReadOnly, e.Look.Argv...), Text: e.Means, Read: func(o evenkeel.Observed) (evenkeel.Trace, error) {
		err := e.Read(o.Result)
		var missing *pacemaker.NotYet
		switch {
		case err == nil:
			return evenkeel.Done, nil
		case errors.As(err, &missing):
			return evenkeel.Absent, nil
		}
		return evenkeel.Undecided, orLater(err)
	}}
}

// cibProbe is a probe that looks into the stored configuration.
func (c cluster) cibProbe(text string, done func(*pacemaker.CIB) bool) evenkeel.Probe {
	return probe(c.InCIB(text, func(cib *pacemaker.CIB) error {
		if !done(cib) {
			return &pacemaker.NotYet{Reason: text}
		}
		return nil
	}))
}

// seeUnused wants a node to have no files of another cluster (H6).
func (c cluster) seeUnused(node string) evenkeel.Action {
	a := see("leftovers", "Nothing is left over from another cluster", c.Unused(node))
	a.Paper = []evenkeel.Block{{Script: "for f in " + shellescape.QuoteCommand(a.Cmd.Argv[2:]) + "; do test -e \"$f\" && echo \"$f\"; done; echo nothing else", Shows: []string{"nothing else"}}}
	return a
}

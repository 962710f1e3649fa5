package upgrade

import (
	"bytes"
	"errors"

	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// maker finds out who made the pair, as far as the backup can be read: what is wrong with it is said later.
func (p loading) maker() {
	if p.archives[0] == nil {
		return
	}
	if raw, err := p.archives[0].ClusterConfig(); err == nil {
		cib, err := pacemaker.ParseCIB(bytes.NewReader(raw))
		p.byHand = err == nil && MadeByHand(cib)
	}
}

// ownAgents reads the targets that the CIB itself describes, and wants what goes with the lack of a manager to be said.
func (p loading) ownAgents() error {
	b := readByHand(p.CIB)
	p.health, p.Targets = b.health, b.targets
	errs := b.found
	for _, r := range p.CIB.Primitives() {
		if p.Config.Manager == "" && (r.Class == "stonith" && r.Type == "fence_chroma" || r.Provider == "chroma") {
			errs = append(errs, p.CIB.ErrorAt(r.ID, "%s is of %s, which comes with IML's agent, and no manager is given to install "+
				"that from: give the manager's name, or use another agent", r.ID, r.Agent()))
		}
	}
	if len(p.Config.AgentRepos) == 0 && p.Config.Manager == "" {
		errs = append(errs, errors.New("no repository is given (agent_repos), and there is no manager: a pair that people made gets "+
			"Lustre from package definitions of yours"))
	}
	return errors.Join(errs...)
}

// ownTargets completes the targets that the CIB itself describes: the node that each belongs on, and whether it is to run.
func (p loading) ownTargets() error {
	b := readByHand(p.CIB)
	store := b.store()
	p.stores = [2]lustre.Store{store, store}
	wanted := map[string]pacemaker.Wanted{}
	for _, r := range p.CIB.Wanted() {
		wanted[r.ID] = r
	}
	var errs []error
	mgs := false
	for i := range p.Targets {
		t := &p.Targets[i]
		node, _, err := b.preferred(*t)
		errs = append(errs, err)
		t.Preferred, t.Disabled = p.Names.New(node), wanted[t.Resource].Disabled != ""
		mgs = mgs || t.Label == "MGS"
		if w := wanted[t.Imports]; t.Imports != "" && w.Unmanaged != "" {
			errs = append(errs, p.CIB.ErrorAt(t.Imports, "%s is unmanaged (%s), so that Pacemaker does not export its pool", t.Imports, w.Unmanaged))
		}
	}
	for i := range p.health {
		for _, m := range p.CIB.Wanted() {
			if b.home[m.ID] == p.health[i].clone {
				p.health[i].disabled = m.Disabled != ""
			}
		}
	}
	if !mgs {
		p.Notes = append(p.Notes, "none of the targets is called MGS: if the MGS is on other servers, it must be up whenever a "+
			"target starts here")
	}
	return errors.Join(append(errs, p.together()...)...)
}

package readiness

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/beevik/etree"
)

// packaged are the providers whose agents come with the packages resource-agents and pacemaker.
var packaged = []string{"heartbeat", "pacemaker"}

// agents compares the agents that the pair uses with those that the target has.
func (c *checker) agents() {
	at := c.in.CIB.ErrorsAt()
	unknown := map[string]int{}
	for _, e := range c.in.CIB.SectionChildren("resources") {
		for _, p := range primitives(e) {
			agent := agentOf(p)
			f := Finding{Level: Blocker, Check: "agent", Where: place(at(p, "")), Object: object(p), Found: "agent " + agent}
			fact, has := factOf(c.to.Name, agent)
			switch {
			case has && strings.HasPrefix(agent, "ocf:suse:SAPHana") && c.everywhere("SAPHanaSR-angi"):
			case has:
				f.Why = c.to.Title + ": the agent is " + fact.state
				f.Next = "replace it by " + fact.replacement
				if fact.replacement == "" {
					f.Next = "find another agent, or bring this one along and answer for it"
				}
				f.Source = fact.source
				c.find(f)
			case slices.Contains([]string{"nagios", "upstart"}, strings.ToLower(p.SelectAttrValue("class", ""))):
				// the rules tell of it
			case !c.listed(agent):
				unknown[agent]++
			case !c.has(agent):
				f.Check = "agent-list"
				f.Why = "the list of the target's agents does not have it"
				f.Next = "install the package that brings it, and make the list again"
				f.Source = Source{Title: "the list of agents that was given"}
				c.find(f)
			}
		}
	}
	if len(unknown) > 0 {
		c.gap(fmt.Sprintf("whether %s has the agents %s", c.to.Name, strings.Join(slices.Sorted(maps.Keys(unknown)), ", ")),
			"a list of the target's agents (pcs resource list, pcs stonith list)")
	}
	if third := thirdParty(unknown); third != "" {
		c.gap("whether there are packages for the target with "+third, "whoever makes these agents")
	}
}

// primitives are the primitives and templates with a class of their own within a resource, itself included.
func primitives(e *etree.Element) (all []*etree.Element) {
	if (e.Tag == "primitive" || e.Tag == "template") && e.SelectAttr("class") != nil {
		all = append(all, e)
	}
	for child := range e.ChildElementsSeq() {
		all = append(all, primitives(child)...)
	}
	return all
}

// factOf is what a release says of an agent, or of all of its kind: lsb:*, stonith:external/*.
func factOf(release, agent string) (agentFact, bool) {
	kind := agent[:strings.LastIndexAny(agent, ":/")+1]
	for _, name := range []string{agent, kind + "*"} {
		if fact, ok := agentFacts()[[2]string{release, name}]; ok {
			return fact, true
		}
	}
	return agentFact{}, false
}

// listed says whether the list of the target's agents is one of this kind: one of resource agents says nothing of fence agents.
func (c *checker) listed(agent string) bool {
	return slices.ContainsFunc(c.in.Agents, func(one string) bool { return kindOf(one) == kindOf(agent) })
}

// kindOf is the class of an agent: ocf, stonith, systemd.
func kindOf(agent string) string {
	kind, _, ok := strings.Cut(agent, ":")
	if !ok || strings.HasPrefix(agent, "fence_") {
		return "stonith"
	}
	return kind
}

// has says whether the target's list has an agent.
func (c *checker) has(agent string) bool {
	return slices.Contains(c.in.Agents, listedAs(agent))
}

// everywhere says whether every node is known to have a package.
func (c *checker) everywhere(pkg string) bool {
	return len(c.in.Versions) > 0 && !slices.ContainsFunc(c.in.Versions, func(v Versions) bool {
		_, ok := v.Of(pkg)
		return !ok
	})
}

// thirdParty are the agents that come with neither Pacemaker nor the distributions' packages of agents, in words.
func thirdParty(agents map[string]int) string {
	var names []string
	for agent := range agents {
		parts := strings.Split(agent, ":")
		if parts[0] == "ocf" && len(parts) == 3 && !slices.Contains(packaged, parts[1]) || agent == "stonith:fence_chroma" {
			names = append(names, agent)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

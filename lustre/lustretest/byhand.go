package lustretest

import (
	"path"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// Pairs that people made: the targets are those of ocf:lustre:Lustre, and nothing of IML is on the servers.

// lustreAgent mounts what its parameters say.
const lustreAgent = "ocf:lustre:Lustre"

// ZFSGroups is a pair that people made on ZFS: a group for each pool, with one target or two, an MGS apart, health
// clones and rules on what they say.
func ZFSGroups(old pcs.Dialect) *Site { return handMade("zfs-groups-cib.xml", old) }

// LdiskfsByHand is a pair that people made on ldiskfs: a target is a resource by itself.
func LdiskfsByHand(old pcs.Dialect) *Site { return handMade("ldiskfs-by-hand-cib.xml", old) }

func handMade(cib string, old pcs.Dialect) *Site {
	p := GuideSite(old)
	p.CIB, p.Targets, p.AgentRepos = file(cib), map[string]string{}, LustreRepos()
	if modern(old) {
		p.CIB = numbered(p.CIB)
	}
	return p
}

// LustreRepos are the package definitions that have Lustre for a pair without a manager.
func LustreRepos() []string { return []string{"https://mirror.example.com/lustre.repo"} }

// byHand tells whether the targets are in the CIB itself, and not in IML's store.
func (p *Site) byHand() bool { return strings.Contains(p.CIB, `provider="lustre" type="Lustre"`) }

// iml tells whether IML is on the servers.
func (p *Site) iml() bool { return !p.byHand() || len(p.Targets) > 0 }

// own are the targets that the CIB itself describes, each with its disk or dataset.
func (p *Site) own(cib string) []*target {
	doc, err := pacemaker.ParseCIB(strings.NewReader(cib))
	if err != nil {
		return nil
	}
	var out []*target
	for _, r := range doc.Primitives() {
		if r.Agent() == lustreAgent {
			rec := parametersOf(r)
			out = append(out, &target{device: rec.Device, mount: rec.Mount, label: path.Base(rec.Mount)})
		}
	}
	return out
}

// parametersOf is what ocf:lustre:Lustre is told.
func parametersOf(r pacemaker.Resource) record {
	device, _ := r.Instance.Get("target")
	mount, _ := r.Instance.Get("mountpoint")
	return record{Device: device, Mount: path.Clean(mount)}
}

// withAgents gives a server the agents of Lustre and of ZFS, and takes what IML would have put there.
func (p *Site) withAgents(os *simhost.OS, targets []*target) {
	for name := range os.Files {
		if p.iml() {
			break
		}
		if strings.Contains(name, "chroma") || strings.Contains(name, "iml_") || strings.Contains(name, "Intel-") {
			delete(os.Files, name)
		}
	}
	for name := range os.Packages {
		if !p.iml() && strings.HasPrefix(name, "chroma") {
			delete(os.Packages, name)
		}
	}
	if !p.iml() {
		delete(os.Services, "chroma-agent")
	}
	os.Packages["lustre-resource-agents"], os.Packages["resource-agents"] = os.Packages["lustre"], "3.9.5-34.el6"
	for name, text := range lustreAgents {
		os.Files[name] = text
	}
	os.Files[zfsAgentFile] = "#!/bin/sh\n"
	for _, t := range targets {
		os.Files[t.mount+"/.keep"] = ""
		if !strings.HasPrefix(t.device, "/") {
			os.Packages["zfs"] = "0.6.5.7-1.el6"
		}
	}
}

// The files of the agents.
const zfsAgentFile = "/usr/lib/ocf/resource.d/heartbeat/ZFS"

var lustreAgents = map[string]string{
	"/usr/lib/ocf/resource.d/lustre/Lustre": "#!/bin/bash\n", "/usr/lib/ocf/resource.d/lustre/healthLNET": "#!/bin/bash\n",
	"/usr/lib/ocf/resource.d/lustre/healthLUSTRE": "#!/bin/bash\n",
}

// allRepos is the definition of everything that a pair which people made gets from its repositories.
const allRepos = "[lustre-server]\nenabled=1\n\n[lustre-client]\nenabled=1\n\n[e2fsprogs-wc]\nenabled=1\n"

// healthAgent keeps an attribute of its node: value while Lustre's modules are loaded, 0 otherwise.
func healthAgent(name, value string) pacemakertest.Agent {
	return pacemakertest.Agent{
		Start: func(s *simhost.State, h *simhost.Host, _ pacemaker.Resource) error {
			v := "0"
			if h.Loaded("lustre") {
				v = value
			}
			pacemakertest.Of(s).SetAttribute(s, h.Name, name, v)
			return nil
		},
		Stop: func(s *simhost.State, h *simhost.Host, _ pacemaker.Resource) error {
			pacemakertest.Of(s).SetAttribute(s, h.Name, name, "")
			return nil
		},
	}
}

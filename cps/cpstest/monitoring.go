package cpstest

import (
	"strings"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// buildMonitoring gives the machines the lists of the replica sets that are watched, and the script that makes them
// (cps:1470-1475). At a site of a GR system that is not Monitored the sets are commented out.
func (y *system) buildMonitoring(s *simhost.State) {
	for _, f := range cps.SetFiles(y.hosts, manager) {
		y.buildList(s, f)
	}
}

// buildListsOf does so for one machine, when it is a new one: what the Cluster Manager has is what it gets.
func (y *system) buildListsOf(s *simhost.State, host string) {
	for _, f := range cps.SetFiles(y.hosts, manager) {
		if f.Host == host {
			y.buildList(s, f)
		}
	}
}

func (y *system) buildList(s *simhost.State, f cps.SetFile) {
	if !y.opts.Monitored && y.opts.Geo == 0 {
		return
	}
	var list strings.Builder
	for _, set := range y.mongo.Sets {
		if !y.opts.Monitored {
			list.WriteString("#evenkeel#")
		}
		list.WriteString(set.Label + "\n")
	}
	text := list.String()
	if f.Script {
		text = "#!/bin/bash\ncat > /etc/broadhop/mon_db_for_callmodel.conf <<'LIST'\n" + text + "LIST\n"
	}
	s.Host(f.Host).MustWrite(s, f.Path, text, 0o644)
}

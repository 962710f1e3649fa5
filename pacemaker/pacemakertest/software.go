package pacemakertest

import (
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// software is the generation of a host's cluster programs: its pcs, and the Pacemaker and corosync that go with it.
type software struct {
	dialect pcs.Dialect
	// plugin is Pacemaker as a plugin of corosync 1: the node names are short, and are the ids as well.
	plugin bool
}

// software is what a host has; Options decide it, and EL6 has the plugin unless they put something newer there.
func (st *Stack) software(h *simhost.Host) software {
	w := software{dialect: pcs.V09}
	if st.opts.PCS != nil {
		w.dialect = st.opts.PCS(h)
	}
	w.plugin = !w.modern() && h.Major() == 6
	return w
}

// modern tells whether it is corosync 3 with Pacemaker 2: pcs 0.10 and later.
func (w software) modern() bool {
	return w.dialect.Version().Compare(pcs.Version{Major: 0, Minor: 10}) >= 0
}

// minor is the generation of pcs: 9, 10, 11 or 12.
func (w software) minor() int { return w.dialect.Version().Minor }

// stack is what Pacemaker calls the layer below it.
func (w software) stack() string {
	if w.plugin {
		return "classic openais (with plugin)"
	}
	return "corosync"
}

// features is the CRM feature set.
func (w software) features() string {
	if w.modern() {
		return "3.16.1"
	}
	return "3.0.11"
}

// pacemaker is the release of Pacemaker, without its build.
func (w software) pacemaker() string {
	switch {
	case w.plugin:
		return "1.1.10"
	case w.modern():
		return "2.1.5"
	}
	return "1.1.15"
}

// emptyCIB is what Pacemaker begins with where there is no CIB on the disk.
func (w software) emptyCIB() string {
	schema := "pacemaker-2.5"
	if w.modern() {
		schema = "pacemaker-3.9"
	}
	return `<cib crm_feature_set="` + w.features() + `" validate-with="` + schema + `" epoch="0" num_updates="0" admin_epoch="0">
  <configuration>
    <crm_config/>
    <nodes/>
    <resources/>
    <constraints/>
  </configuration>
  <status/>
</cib>
`
}

// signature are the properties by which a cluster names its software.
func (w software) signature(cluster string) []pacemaker.NVPair {
	if w.plugin {
		return []pacemaker.NVPair{{Name: "dc-version", Value: "1.1.10-14.el6_5.3-368c726"}, {Name: "cluster-infrastructure", Value: "openais"}}
	}
	version := "1.1.15-11.el7_3.4-e174ec8"
	if w.modern() {
		version = "2.1.5-a3f44794f94"
	}
	return []pacemaker.NVPair{{Name: "have-watchdog", Value: "false"}, {Name: "dc-version", Value: version},
		{Name: "cluster-infrastructure", Value: "corosync"}, {Name: "cluster-name", Value: cluster}}
}

// notConnected is the exit status of Pacemaker's programs where it does not run: errno ENOTCONN in 1.1,
// CRM_EX_DISCONNECT from 2.0 on (H19).
func (w software) notConnected() int {
	if w.modern() {
		return 102
	}
	return 107
}

package live_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker/live"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// verdict is what a piece of evidence makes of an answer.
func verdict(e change.Proof, code int, stdout string) string {
	err := e.Read(sshexec.Result{Outcome: sshexec.Exited, ExitCode: code, Stdout: []byte(stdout)})
	var later *change.Retry
	switch {
	case err == nil:
		return "seen"
	case errors.As(err, &later):
		return "later"
	}
	return "wrong"
}

// Each of the states in which a proof must not be seen, one at a time.
func TestEvidence(t *testing.T) {
	l := live.Cluster{Dialect: pcs.V011, Via: "a"}
	status := func(dc, node, resources string) string {
		return `<crm_mon version="2.1.5"><summary><current_dc present="` + dc + `"/></summary><nodes><node name="a" ` + node +
			`/></nodes><resources>` + resources + `</resources></crm_mon>`
	}
	resource := func(role, active string) string {
		return `<resource id="MGS" role="` + role + `" active="` + active + `"><node name="a"/></resource>`
	}
	cib := func(nodes, constraints string) string {
		return `<cib epoch="1"><configuration><crm_config/><nodes>` + nodes +
			`</nodes><resources><primitive id="MGS" class="ocf" provider="chroma" type="Target"/></resources><constraints>` + constraints +
			`</constraints></configuration><status/></cib>`
	}
	standby := func(value string) string {
		return `<node id="1" uname="a"><instance_attributes id="n"><nvpair id="s" name="standby" value="` + value +
			`"/></instance_attributes></node>`
	}
	const good = `online="true" pending="false" unclean="false" standby="false"`
	const conf = "totem {\n  version: 2\n  cluster_name: c\n}\nnodelist {\n  node {\n    ring0_addr: 10.0.0.1\n    name: " +
		"b\n    nodeid: 1\n  }\n}\n"
	disabled := strings.Replace(cib(``, ``), `type="Target"/>`,
		`type="Target"><meta_attributes id="m"><nvpair id="r" name="target-role" value="Stopped"/></meta_attributes></primitive>`, 1)
	online, in, out := l.Online("a"), l.Standby("a"), l.Unstandby("a")
	settled, forgotten := l.Settled(), l.NodeRemove("a").Proof
	for _, c := range []struct {
		name   string
		e      change.Proof
		code   int
		answer string
		want   string
	}{
		{"online", online, 0, status("true", good, ""), "seen"},
		{"no DC", online, 0, status("false", good, ""), "later"},
		{"offline", online, 0, status("true", `online="false"`, ""), "later"},
		{"pending", online, 0, status("true", `online="true" pending="true"`, ""), "later"},
		{"unclean", online, 0, status("true", `online="true" unclean="true"`, ""), "later"},
		{"another", l.Online("b"), 0, status("true", good, ""), "later"},
		{"down", online, 102, `<crm_mon version="2.1.5"/>`, "later"},

		{"stored", in.Proof[0], 0, cib(standby("on"), ""), "seen"},
		{"stored as true", in.Proof[0], 0, cib(standby("true"), ""), "seen"},
		{"stored as off", in.Proof[0], 0, cib(standby("off"), ""), "later"},
		{"not stored", in.Proof[0], 0, cib(`<node id="1" uname="a"/>`, ""), "later"},
		{"no such node", in.Proof[0], 0, cib(``, ""), "wrong"},
		{"ended", out.Proof[0], 0, cib(`<node id="1" uname="a"/>`, ""), "seen"},
		{"not ended", out.Proof[0], 0, cib(standby("on"), ""), "later"},

		{"empty", in.Proof[1], 0, status("true", `online="true" standby="true"`, ""), "seen"},
		{"offline and empty", in.Proof[1], 0, status("true", `online="false" standby="false"`, ""), "seen"},
		{"not in standby", in.Proof[1], 0, status("true", good, ""), "later"},
		{"still there", in.Proof[1], 0, status("true", `online="true" standby="true"`, resource("Stopping", "true")), "later"},
		{"gone", in.Proof[1], 0, status("true", `online="true" standby="true"`, resource("Stopped", "false")), "seen"},
		{"not a node", l.Standby("b").Proof[1], 0, status("true", good, ""), "wrong"},
		{"out of standby", out.Proof[1], 0, status("true", good, ""), "seen"},
		{"in standby", out.Proof[1], 0, status("true", `online="true" standby="true"`, ""), "later"},

		{"enabled", l.EnableResource("MGS").Proof[0], 0, cib(``, ``), "seen"},
		{"still enabled", l.DisableResource("MGS").Proof[0], 0, cib(``, ``), "later"},
		{"disabled", l.DisableResource("MGS").Proof[0], 0, disabled, "seen"},
		{"still disabled", l.EnableResource("MGS").Proof[0], 0, disabled, "later"},
		{"no such resource", l.EnableResource("MDT").Proof[0], 0, disabled, "wrong"},

		{"stopped", l.Inactive("MGS"), 0, status("true", good, resource("Stopped", "false")), "seen"},
		{"not there", l.Inactive("MGS"), 0, status("true", good, ""), "later"},
		{"stopping", l.Inactive("MGS"), 0, status("true", good, resource("Stopping", "true")), "later"},

		{"at work", settled[0], 124, "Pending actions:", "later"},
		{"at work, Pacemaker 1.1", settled[0], 62, "", "later"},
		{"no cluster", settled[0], 102, "", "wrong"},
		{"at rest", settled[0], 0, "", "seen"},
		{"starting", settled[1], 0, status("true", good, resource("Starting", "true")), "later"},
		{"joining", settled[1], 0, status("true", `online="true" pending="true"`, ""), "later"},
		{"without a DC", settled[1], 0, status("false", good, ""), "later"},
		{"nothing under way", settled[1], 0, status("true", good, resource("Started", "true")), "seen"},

		{"no file of its", forgotten[0], 0, conf, "seen"},
		{"named", l.NodeRemove("b").Proof[0], 0, conf, "later"},
		{"in no corosync.conf at all", forgotten[0], 0, "", "wrong"},
		{"in a corosync.conf without nodes", forgotten[0], 0, "totem {\n  version: 2\n}\n", "wrong"},
		{"no corosync.conf", forgotten[0], 1, "", "wrong"},
		{"in no CIB", forgotten[1], 0, cib(`<node id="2" uname="b"/>`, ""), "seen"},
		{"in a CIB without nodes", forgotten[1], 0, cib(``, ""), "wrong"},
		{"in half a CIB", forgotten[1], 0, `<cib epoch="1"><configuration><crm_config/></configuration></cib>`, "wrong"},
		{"in nothing", forgotten[1], 0, ``, "wrong"},

		{"no status", online, 0, ``, "wrong"},
		{"a status without nodes", online, 0,
			`<crm_mon version="2.1.5"><summary><current_dc present="true"/></summary><nodes/><resources/></crm_mon>`, "later"},
		{"active nowhere", l.Inactive("MGS"), 0, status("true", good, resource("Stopped", "false")), "seen"},
		{"not shown", l.Inactive("MGS"), 0, status("true", good, ""), "later"},
		{"in the CIB", forgotten[1], 0, cib(standby("on"), ""), "later"},

		{"left behind", l.RelocateClear().Proof[0], 0,
			cib(``, `<rsc_location id="pcs-relocate-MGS" rsc="MGS" node="a" score="INFINITY"/>`), "later"},
		{"cleared", l.RelocateClear().Proof[0], 0, cib(``, `<rsc_location id="MGS-primary" rsc="MGS" node="a" score="20"/>`), "seen"},

		{"hacluster", l.Hacluster("a"), 0, "uid=189(hacluster) gid=189(haclient) groups=189(haclient)\n", "seen"},
		{"another group", l.Hacluster("a"), 0, "uid=189(hacluster) gid=189(hacluster)\n", "wrong"},
		{"no user", l.Hacluster("a"), 1, "", "wrong"},
	} {
		require.Equal(t, c.want, verdict(c.e, c.code, c.answer), c.name)
	}
}

// What is hidden is not shown of the command either.
func TestOperationCmdHides(t *testing.T) {
	hidden := pcs.Operation{Argv: []string{"cibadmin"}, Stdin: "s3cret", Hidden: true, Effect: sshexec.Mutating}
	require.Empty(t, hidden.Cmd("").Stdin.PlainText())
	require.NotContains(t, hidden.Cmd("").String(), "s3cret")
	asks := pcs.Operation{Argv: []string{"pcs", "host", "auth"}, Asks: "the password", Effect: sshexec.Mutating}
	require.Empty(t, asks.Cmd("s3cret").Stdin.PlainText())
	require.Equal(t, "open", pcs.Operation{Argv: []string{"cat"}, Stdin: "open", Effect: sshexec.Mutating}.Cmd("").Stdin.PlainText())
}

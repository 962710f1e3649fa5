package pacemaker

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The status of a saved CIB tells how the nodes were, what ran where, what failed and what was under way.
func TestStatusHindrances(t *testing.T) {
	op := func(rsc, task, rc, status, key string) string {
		return `<lrm_resource id="` + rsc + `" class="ocf" provider="x" type="y"><lrm_rsc_op id="` + rsc + `_last_0" operation="` + task +
			`" rc-code="` + rc + `" op-status="` + status + `" call-id="5" interval="0" transition-key="1:1:` + key + `:u"/></lrm_resource>`
	}
	node := func(state, ops string) string {
		return `<node_state id="1" uname="n1" ` + state + `><lrm id="1"><lrm_resources>` + ops + `</lrm_resources></lrm></node_state>`
	}
	transient := func(name string) string {
		return strings.Replace(node(`in_ccm="true" crmd="online" join="member" expected="member"`, ""), "<lrm ", `<transient_attributes id="1">`+
			`<instance_attributes id="t"><nvpair id="t1" name="`+name+`" value="true"/></instance_attributes></transient_attributes><lrm `, 1)
	}
	later := func(op string) string { return strings.Replace(op, `interval="0"`, `interval="10000"`, 1) }
	twice := strings.NewReplacer("</lrm_resource>", `<lrm_rsc_op id="a_last_failure_0" operation="start" rc-code="1" op-status="0" call-id="4" interval="0" `+
		`transition-key="1:1:0:u"/></lrm_resource>`)
	const up = `in_ccm="true" crmd="online" join="member" expected="member"`
	n2 := strings.NewReplacer(`"1"`, `"2"`, "n1", "n2").Replace
	for name, tt := range map[string]struct{ status, want string }{
		"no status":         {"", ""},
		"all is well":       {node(up, op("a", "start", "0", "0", "0")) + n2(node(up, op("a", "monitor", "7", "0", "7"))), ""},
		"in times":          {node(`in_ccm="1700000000" crmd="1700000000" join="member" expected="member"`, "") + n2(node(up, "")), ""},
		"offline":           {node(`in_ccm="false" crmd="offline" join="down" expected="down"`, "") + n2(node(up, "")), "node n1 was offline"},
		"offline, in times": {node(`in_ccm="0" crmd="0" join="down" expected="down"`, "") + n2(node(up, "")), "node n1 was offline"},
		"lost":              {node(`in_ccm="false" crmd="offline" join="member" expected="member"`, "") + n2(node(up, "")), "n1 was unclean: it was lost"},
		"half there":        {node(`in_ccm="true" crmd="offline" join="member" expected="member"`, "") + n2(node(up, "")), "n1 was unclean: only a part"},
		"joining":           {node(`in_ccm="true" crmd="online" join="pending" expected="member"`, "") + n2(node(up, "")), "n1 was pending"},
		"a word nobody knows": {node(`in_ccm="perhaps" crmd="online" join="member" expected="member"`, "") + n2(node(up, "")),
			"n1 was unclean"},
		"never seen":        {node(up, ""), "node n2 was never seen"},
		"standby":           {transient("standby") + n2(node(up, "")), "n1 was in standby until it restarts"},
		"maintenance":       {transient("maintenance") + n2(node(up, "")), "n1 was in maintenance"},
		"to be fenced":      {transient("terminate") + n2(node(up, "")), "terminate"},
		"shutting down":     {transient("shutdown") + n2(node(up, "")), "shutting down"},
		"a failed start":    {node(up, op("a", "start", "1", "0", "0")) + n2(node(up, "")), "a start (exit code 1) had failed on n1"},
		"a failed probe":    {node(up, op("a", "monitor", "5", "0", "7")) + n2(node(up, "")), "a monitor (exit code 5) had failed on n1"},
		"no code":           {node(up, op("a", "stop", "", "0", "0")) + n2(node(up, "")), "a stop (exit code -1)"},
		"under way":         {node(up, op("a", "stop", "-1", "-1", "0")) + n2(node(up, "")), "a stop was under way on n1"},
		"cancelled":         {node(up, op("a", "monitor", "1", "1", "0")) + n2(node(up, "")), ""},
		"on two nodes":      {node(up, op("a", "start", "0", "0", "0")) + n2(node(up, op("a", "start", "0", "0", "0"))), "a ran on n1 and n2"},
		"in a group on two": {node(up, op("b", "start", "0", "0", "0")) + n2(node(up, op("b", "start", "0", "0", "0"))), "b ran on n1 and n2"},
		"a clone on two":    {node(up, op("c", "start", "0", "0", "0")) + n2(node(up, op("c", "start", "0", "0", "0"))), ""},

		"told by its id alone":   {strings.Replace(node(`in_ccm="false" crmd="offline" join="down" expected="down"`, ""), `id="1" uname="n1"`, `id="n1"`, 1) + n2(node(up, "")), "node n1 was offline"},
		"in another case":        {strings.Replace(node(up, ""), "n1", "N1", 1) + n2(node(up, "")), ""},
		"a remote node":          {node(up, "") + n2(node(up, "")) + `<node_state id="r" uname="r" remote_node="true"/>`, ""},
		"gone, and not missed":   {node(`in_ccm="false" crmd="offline" join="down" expected="member"`, "") + n2(node(up, "")), "node n1 was offline"},
		"gone, as it was to be":  {node(`in_ccm="false" crmd="offline" join="member" expected="down"`, "") + n2(node(up, "")), "node n1 was offline"},
		"no shutdown":            {strings.Replace(transient("shutdown"), `value="true"`, `value="0"`, 1) + n2(node(up, "")), ""},
		"no status of a start":   {node(up, op("a", "start", "0", "", "0")) + n2(node(up, "")), ""},
		"stopped, as expected":   {node(up, later(op("a", "monitor", "7", "0", "7"))) + n2(node(up, "")), ""},
		"a monitor that failed":  {node(up, later(op("a", "monitor", "7", "0", "0"))) + n2(node(up, "")), "a monitor (exit code 7) had failed on n1"},
		"a probe finds nothing":  {node(up, op("a", "monitor", "7", "0", "0")) + n2(node(up, "")), ""},
		"a probe finds a master": {node(up, op("a", "monitor", "8", "0", "7")) + n2(node(up, "")), ""},
		"a start that found":     {node(up, op("a", "start", "7", "0", "0")) + n2(node(up, "")), "a start (exit code 7) had failed on n1"},
		"a notification":         {node(up, op("a", "notify", "1", "0", "0")) + n2(node(up, "")), ""},
		"a failure on record twice": {node(up, twice.Replace(op("a", "start", "1", "0", "0"))) + n2(node(up, "")),
			"a start (exit code 1) had failed on n1"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := ParseCIB(strings.NewReader(`<cib><configuration><nodes><node id="1" uname="n1"/><node id="2" uname="n2"/></nodes><resources>` +
				`<primitive id="a" class="ocf" provider="x" type="y"/><clone id="k"><primitive id="c" class="ocf" provider="x" type="y"/></clone>` +
				`<group id="g"><primitive id="b" class="ocf" provider="x" type="y"/></group></resources>` +
				`</configuration><status>` + tt.status + `</status></cib>`))
			require.NoError(t, err)
			h := c.StatusHindrances()
			if tt.want == "" {
				require.Empty(t, h)
				return
			}
			require.Len(t, h, 1)
			require.Contains(t, h[0].Text, tt.want)
		})
	}
}

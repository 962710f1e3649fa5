package pacemaker

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a node did last with a resource is the operation with the highest number; one without a number is under way.
func TestLastOperation(t *testing.T) {
	const last, recurring = `<lrm_rsc_op id="R_last_0" operation="%" call-id="#" rc-code="!" op-status="?" interval="0"/>`, `<lrm_rsc_op id="R_monitor_5000" operation="monitor" call-id="11" rc-code="0" op-status="0" interval="5000"/>`
	op := func(task, call, rc, status string) string {
		return strings.NewReplacer("%", task, "#", call, "!", rc, "?", status).Replace(last)
	}
	for name, tt := range map[string]struct {
		ops               string
		released, running bool
	}{
		"running":                       {recurring + op("start", "10", "0", "0"), false, true},
		"stopped":                       {recurring + op("stop", "12", "0", "0"), true, false},
		"a stop that failed":            {recurring + op("stop", "12", "1", "4"), false, false},
		"a stop that timed out":         {recurring + op("stop", "12", "0", "2"), false, false},
		"a stop under way":              {op("stop", "-1", "193", "-1") + recurring, false, false},
		"a start under way":             {op("start", "-1", "193", "-1"), false, false},
		"looked for, and not there":     {op("monitor", "5", "7", "0"), true, false},
		"looked for, and there already": {op("monitor", "5", "0", "0"), false, true},
		"a start that failed":           {op("start", "12", "1", "4"), false, false},
		"the stop is older":             {op("stop", "9", "0", "0") + recurring, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			cib, err := ParseCIB(strings.NewReader(`<cib><configuration><crm_config/><nodes/><resources/><constraints/></configuration><status>
<node_state id="1" uname="other"><lrm id="1"><lrm_resources><lrm_resource id="R">` + op("start", "99", "0", "0") + `</lrm_resource></lrm_resources></lrm></node_state>
<node_state id="2" uname="n"><lrm id="2"><lrm_resources><lrm_resource id="R">` + tt.ops + `</lrm_resource><lrm_resource id="S">` + op("start", "98", "0", "0") + `</lrm_resource></lrm_resources></lrm></node_state></status></cib>`))
			require.NoError(t, err)
			o, ok := cib.LastOperation("n", "R")
			require.True(t, ok)
			require.Equal(t, tt.released, o.Released(), "%+v", o)
			require.Equal(t, tt.running, o.Running(), "%+v", o)
			_, ok = cib.LastOperation("n", "T")
			require.False(t, ok)
		})
	}
}

package pacemaker

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// H27: what a node did last with a resource is the operation with the highest number; one without a number is under
// way. Only a stop that was done and succeeded says that the resource is gone; nothing, or what cannot be read, never
// does.
func TestLastOperation(t *testing.T) {
	const last, recurring = `<lrm_rsc_op id="R_last_0" operation="%" call-id="#" rc-code="!" op-status="?" interval="0"/>`,
		`<lrm_rsc_op id="R_monitor_5000" operation="monitor" call-id="11" rc-code="0" op-status="0" interval="5000"/>`
	op := func(task, call, rc, status string) string {
		return strings.NewReplacer("%", task, "#", call, "!", rc, "?", status).Replace(last)
	}
	for name, tt := range map[string]struct {
		ops  string
		want RecordState
	}{
		"running":                       {recurring + op("start", "10", "0", "0"), RecordRunning},
		"stopped":                       {recurring + op("stop", "12", "0", "0"), RecordStopped},
		"a stop that failed":            {recurring + op("stop", "12", "1", "4"), RecordFailed},
		"a failure that has no code":    {recurring + op("stop", "12", "0", "4"), RecordFailed},
		"a stop that timed out":         {recurring + op("stop", "12", "0", "2"), RecordFailed},
		"a stop that was cancelled":     {recurring + op("stop", "12", "0", "1"), RecordOther},
		"a stop under way":              {op("stop", "-1", "193", "-1") + recurring, RecordUnderWay},
		"a start under way":             {op("start", "-1", "193", "-1"), RecordUnderWay},
		"a probe under way":             {op("monitor", "-1", "193", "-1"), RecordUnderWay},
		"looked for, and not there":     {op("monitor", "5", "7", "0"), RecordNotFound},
		"looked for in ms":              {strings.Replace(op("monitor", "5", "7", "0"), `interval="0"`, `interval="0ms"`, 1), RecordNotFound},
		"looked for, and there already": {op("monitor", "5", "0", "0"), RecordRunning},
		"looked for, and nobody knows":  {op("monitor", "5", "1", "4"), RecordFailed},
		"it stopped by itself":          {strings.Replace(recurring, `rc-code="0"`, `rc-code="7"`, 1), RecordFailed},
		"a start that failed":           {op("start", "12", "1", "4"), RecordFailed},
		"the stop is older":             {op("stop", "9", "0", "0") + recurring, RecordRunning},
		"stopped, and started again":    {op("stop", "9", "0", "0") + op("start", "12", "0", "0"), RecordRunning},
		"a failure that is older":       {op("stop", "8", "1", "4") + op("stop", "12", "0", "0"), RecordStopped},
		"migrated away":                 {op("migrate_to", "12", "0", "0"), RecordOther},
		"nothing":                       {"", RecordNone},
		"no code":                       {`<lrm_rsc_op operation="stop" call-id="9" op-status="0"/>`, RecordOther},
		"a code that is no number":      {op("stop", "9", "ok", "0"), RecordOther},
		"no status":                     {`<lrm_rsc_op operation="stop" call-id="9" rc-code="0"/>`, RecordOther},
		"a status that is no number":    {op("stop", "9", "0", "done"), RecordOther},
		"no task":                       {`<lrm_rsc_op call-id="9" rc-code="0" op-status="0"/>`, RecordOther},
		"a number that is none":         {op("stop", "9", "0", "0") + op("start", "x", "0", "0"), RecordRunning},
	} {
		t.Run(name, func(t *testing.T) {
			cib, err := ParseCIB(strings.NewReader(`<cib><configuration><crm_config/><nodes/><resources/><constraints/></configuration><status>
<node_state id="1" uname="other"><lrm id="1"><lrm_resources><lrm_resource id="R">` + op("start", "99", "0", "0") + `</lrm_resource></lrm_resources></lrm></node_state>
<node_state id="2" uname="n"><lrm id="2"><lrm_resources><lrm_resource id="R">` + tt.ops + `</lrm_resource><lrm_resource id="S">` + op("start", "98", "0", "0") + `</lrm_resource></lrm_resources></lrm></node_state></status></cib>`))
			require.NoError(t, err)
			o, is := cib.LastOperation("n", "R")
			require.Equal(t, tt.want, is, "%+v", o)
			_, is = cib.LastOperation("n", "T")
			require.Equal(t, RecordNone, is)
		})
	}
	t.Run("no status at all", func(t *testing.T) {
		cib, err := ParseCIB(strings.NewReader(`<cib><configuration><crm_config/><nodes/><resources/><constraints/></configuration></cib>`))
		require.NoError(t, err)
		_, is := cib.LastOperation("n", "R")
		require.Equal(t, RecordNone, is)
	})
	t.Run("the stop of another agent", func(t *testing.T) {
		for agent, want := range map[string]RecordState{
			`class="ocf" provider="chroma" type="Target"`:         RecordStopped,
			`class="ocf" provider="heartbeat" type="Filesystem"`:  RecordNone,
			`class="ocf" provider="lustre" type="Target"`:         RecordNone,
			`class="service" type="Target"`:                       RecordNone,
			`class="ocf" provider="chroma" type="Target" x="new"`: RecordStopped,
		} {
			cib, err := ParseCIB(strings.NewReader(`<cib><configuration><crm_config/><nodes/><resources><primitive id="R" class="ocf" provider="chroma" type="Target"/></resources><constraints/></configuration><status>
<node_state id="2" uname="n"><lrm id="2"><lrm_resources><lrm_resource id="R" ` + agent + `>` + op("stop", "9", "0", "0") + `</lrm_resource></lrm_resources></lrm></node_state></status></cib>`))
			require.NoError(t, err)
			_, is := cib.LastOperation("n", "R")
			require.Equal(t, want, is, agent)
		}
	})
}

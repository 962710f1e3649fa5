package cpstest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
)

// TestProgramsOfASite: KPIs that print what they are told to, and alarms that are silenced and stay so.
func TestProgramsOfASite(t *testing.T) {
	o := newOperator(t, cpstest.Options{
		KPIs: []cpstest.KPI{{Name: "gx", Host: "cluman", Command: []string{"/root/kpi.sh", "gx"}, Prints: "99.8"}},
		Alarms: &cpstest.Alarms{Host: "nms", Silence: []string{"alarms", "off"}, Unsilence: []string{"alarms", "on"},
			Check: []string{"alarms", "state"}, Silenced: "silenced", Unsilenced: "sounding"},
	})
	require.Equal(t, "99.8\n", o.do("cluman", "/root/kpi.sh gx"))
	_, err := o.try("cluman", "/root/kpi.sh rx")
	require.Error(t, err, "another command")
	_, err = o.try("nms", "/root/kpi.sh gx")
	require.Error(t, err, "another machine")
	o.do("world", "world kpi gx no data")
	require.Equal(t, "no data\n", o.do("cluman", "/root/kpi.sh gx"))
	for _, deed := range []string{"kpi rx 1", "alarms gone"} {
		_, err = o.try("world", "world "+deed)
		require.Error(t, err, deed)
	}

	require.Equal(t, "sounding\n", o.do("nms", "alarms state"))
	copied := o.d.Clone()
	o.do("nms", "alarms off")
	require.Equal(t, "silenced\n", o.do("nms", "alarms state"))
	require.True(t, o.d.Report().Silenced)
	require.False(t, copied.Report().Silenced)
	require.NotEqual(t, copied.EndState(), o.d.EndState())
	require.NotEqual(t, copied.Hash(), o.d.Hash())
	require.NoError(t, o.d.Lie(cpstest.Lie{Command: "alarms on", Idle: true}))
	o.do("nms", "alarms on")
	require.Equal(t, "silenced\n", o.do("nms", "alarms state"), "they stay silenced")
	o.do("world", "world alarms unsilenced")
	require.Equal(t, "sounding\n", o.do("nms", "alarms state"))
	require.NoError(t, o.d.Check())
}

package pcs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// What nobody knows of a fence device is hidden in commands, in what pcs prints, and in errors about that; and it is no argument of what
// runs: where an operation has secrets, another one takes them by standard input.
func TestParametersOfAFenceDeviceAreHidden(t *testing.T) {
	const canary = "CANARY-17"
	sets := pacemaker.AttributeSets{{Pairs: []pacemaker.NVPair{{Name: "ip", Value: "bmc1"}, {Name: "enrolment", Value: canary}}}}
	o := pcs.V09.CreateStonith(pacemaker.Resource{Kind: pacemaker.Primitive, ID: "f", Class: "stonith", Type: "fence_new", Instance: sets,
		Operations: []pacemaker.Op{{Name: "monitor", Interval: "60s", Instance: sets[:1:1]}}})
	require.Len(t, o.Secret, 2, "its own, and that of its operation")
	require.NotContains(t, o.String(), canary)
	require.Contains(t, o.String(), "enrolment=[redacted]")
	require.Contains(t, o.String(), "ip=bmc1")

	text := " Resource: f (class=stonith type=fence_new)\n  Attributes: ip=bmc1 enrolment=" + canary + "\n"
	list, err := pcs.ParseResources(strings.NewReader(text))
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprintf("%v %+v", list, list), canary)
	require.Contains(t, fmt.Sprint(list), "ip=bmc1")
	_, err = pcs.ParseResources(strings.NewReader(strings.TrimSuffix(text, "\n") + " oops\n"))
	require.ErrorContains(t, err, "not a list of name=value")
	require.NotContains(t, err.Error(), canary)

	commands, err := pcs.ParseCommands(strings.NewReader("pcs stonith create f fence_new ip=bmc1 enrolment=" + canary +
		" op monitor interval=60s meta target-role=Started\npcs stonith update f enrolment=" + canary + "\n"))
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprint(commands.List), canary)
	require.Contains(t, fmt.Sprint(commands.List), "op monitor interval=60s meta target-role=Started")
}

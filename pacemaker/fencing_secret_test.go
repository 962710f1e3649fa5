package pacemaker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What nobody knows of a fence device is a secret, and so is a description that speaks of one: in differences, in XML that is shown,
// and among what a run masks.
func TestWhatAFenceDeviceIsToldIsSecret(t *testing.T) {
	read := func(canary string) *CIB {
		c, err := ParseCIB(strings.NewReader(fencingPair("", strings.Replace(device("f", "pcmk_host_list=n1 n2", "ipaddr=bmc.example.com",
			"passwd=a"+canary, "enrolment="+canary), `id="f"`, `id="f" description="the password is `+canary+`"`, 1), "")))
		require.NoError(t, err)
		return c
	}
	one, two := read("CANARY-1x"), read("CANARY-2x")
	require.Len(t, one.Secrets(), 3)
	diff := Diff(one, two)
	require.Len(t, diff, 3)
	require.NotContains(t, fmt.Sprint(diff), "CANARY")
	text := MaskXML(RawXML(one.ResourceElement("f")))
	require.NotContains(t, text, "CANARY")
	require.Contains(t, text, "bmc.example.com")
	for _, s := range one.Secrets() {
		require.NotContains(t, s.Reveal(), "bmc")
	}
}

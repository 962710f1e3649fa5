package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// A lease that keeps the operator out is explained with the flag that passes over it, ready to be typed.
func TestALeaseIsExplainedWithItsFlag(t *testing.T) {
	for want, err := range map[string]error{
		"given up for good: tool resume --config c.yaml --take-lease ab12": &evenkeel.LeaseHeldError{Host: "h",
			Lease: sshexec.Lease{Run: "ab12"}},
		"--take-lease RUN, the name of that run\n": &evenkeel.LeaseHeldError{Host: "h",
			Lease: sshexec.Lease{Run: "a; reboot\nall fine"}},
		"nobody works there: tool resume --config c.yaml --force-takeover":       &evenkeel.LeaseMissingError{Host: "h"},
		"When the cause is mended: tool resume --config c.yaml\nOr, when it is": &evenkeel.LeaseMissingError{Host: "h"},
	} {
		var out strings.Builder
		session{app: testApp(&out, &out), verb: "resume", config: "c.yaml"}.explain(err)
		require.Contains(t, out.String(), want)
	}
}

package pcs_test

import (
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// One operation, in the words of the pcs that is installed; and what its exit status does not say.
func ExampleDialectOf() {
	version, err := pcs.ParseVersion(strings.NewReader("0.11.5\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	dialect, err := pcs.DialectOf(version)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(dialect.Standby("ct6-mds1.lfs.intl"))
	fmt.Println(pcs.V09.Standby("ct6-mds1.lfs.intl"))
	start := dialect.ClusterStart("")
	fmt.Println(start.Meaning().Judge(0, "Warning: Unable to detect init system. All actions related to system services will be skipped."))
	// Output:
	// pcs node standby ct6-mds1.lfs.intl
	// pcs cluster standby ct6-mds1.lfs.intl
	// pcs cluster start: the command exited 0 but did nothing: exit status 0, and it says "Warning: Unable to detect init system. All actions related to system services will be skipped."
}

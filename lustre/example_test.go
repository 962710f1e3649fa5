package lustre_test

import (
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel/lustre"
)

// A file of the target store tells what is mounted where.
func ExampleParseTarget() {
	t, err := lustre.ParseTarget(strings.NewReader(
		`{"backfstype": "zfs", "bdev": "lustre1", "mntpt": "/mnt/demo-OST0000", "target_name": "demo-OST0000"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(t.Label(), t.Source(), t.MountPoint)
	// Output: demo-OST0000 lustre1/demo-OST0000 /mnt/demo-OST0000
}

// The loop of the guide over the target store does not see a file that is missing; an audit does.
func ExampleAudit() {
	for _, f := range lustre.Audit(lustre.Store{}, map[string]string{"MGS_32834e": "9aaf3d9d-df51-48d5-9da1-49d57dee12c0"}, nil) {
		fmt.Println(f)
	}
	// Output: resource MGS_32834e is target 9aaf3d9d-df51-48d5-9da1-49d57dee12c0, and the target store has no file OWFhZjNkOWQtZGY1MS00OGQ1LTlkYTEtNDlkNTdkZWUxMmMw for it
}

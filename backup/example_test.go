package backup_test

import (
	"bytes"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/backup"
)

// An archive is made, read, and asked whether a rebuild would find all that it needs.
func Example() {
	var archive bytes.Buffer
	when := time.Date(2017, 9, 30, 12, 0, 5, 0, time.UTC)
	err := backup.Build(&archive, "ct6-mds1", when, []backup.File{
		{Path: "/etc/hosts", Data: []byte("127.0.0.1 localhost\n")},
		{Path: "/etc/corosync/corosync.conf", Data: []byte("totem {\n}\n")},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	a, err := backup.Open(&archive)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(a.Name())
	for _, m := range a.Covers([]backup.Requirement{
		{Path: "/etc/corosync/corosync.conf", Check: backup.NotEmpty, NeededBy: "cluster.setup"},
		{Path: "/etc/resolv.conf", NeededBy: "restore.hosts"},
	}) {
		fmt.Println(m)
	}
	// Output:
	// bck-ct6-mds1-20170930-120005
	// /etc/resolv.conf, needed by restore.hosts: bck-ct6-mds1-20170930-120005: it is not in the backup
}

// The guide's restore is data: a reviewer reads it before anything runs.
func ExampleRestoreServer() {
	for _, o := range backup.RestoreServer("/root/bck-ct6-mds1-20170930-120005", backup.RestoreOptions{Skip: []backup.Group{
		backup.GroupUsers, backup.GroupSSH, backup.GroupNTP, backup.GroupAgent,
	}}) {
		fmt.Println(o.Ref, o.Cmd)
	}
	// Output:
	// lustre:469 cp /root/bck-ct6-mds1-20170930-120005/etc/hosts /etc/.
	// lustre:470 cp /root/bck-ct6-mds1-20170930-120005/etc/resolv.conf /etc/.
	// lustre:471 cp /root/bck-ct6-mds1-20170930-120005/etc/nsswitch.conf /etc/.
	// lustre:518 cp /root/bck-ct6-mds1-20170930-120005/etc/modprobe.d/iml_lnet_module_parameters.conf /etc/modprobe.d/.
}

package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/sshexec"
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

// A server is backed up over any Runner, and the archive is held against what a rebuild reads before anything is erased.
func ExampleCreate() {
	m := backup.ServerManifest().With(backup.MultipathPaths()...)
	take := func(ctx context.Context, server sshexec.Runner, dir string) error {
		info, err := backup.Create(ctx, server, m, backup.Options{Dir: dir})
		if err != nil {
			return err
		}
		a, err := backup.OpenFile(info.Path)
		if err != nil {
			return err
		}
		errs := []error{a.Verify()}
		for _, missing := range a.Covers(backup.Requirements(backup.RestoreServer("", backup.RestoreOptions{}))) {
			errs = append(errs, missing)
		}
		return errors.Join(errs...)
	}
	fmt.Println(len(m.Paths), "paths", take != nil)
	// Output: 21 paths true
}

// The archive is copied to a third machine, and seen there again before the step that erases the server.
func ExampleCopyOff() {
	safe := func(ctx context.Context, vault sshexec.Runner, info *backup.Info) (*backup.Proof, error) {
		proof, err := backup.CopyOff(ctx, vault, info.Path, "/srv/backups", []string{info.Host, info.FQDN}, time.Now())
		if err != nil {
			return nil, err
		}
		return proof, proof.Check(ctx, vault)
	}
	fmt.Println(safe != nil)
	// Output: true
}

// Users and groups of an EL6 server join those of the fresh EL7: nobody loses an account, and what has one number for two is reported.
func ExampleMergeAccounts() {
	saved := backup.NewAccountFiles(
		[]byte("root:x:0:0:root:/root:/bin/bash\nbob:x:998:100:Bob:/home/bob:/bin/bash\namy:x:500:100:Amy:/home/amy:/bin/bash\n"),
		[]byte("root:x:0:\nusers:x:100:\n"), []byte("root:$6$a:17000::::::\namy:$6$b:17000::::::\nbob:$6$c:17000::::::\n"),
		[]byte("root:::\nusers:::\n"))
	fresh := backup.NewAccountFiles(
		[]byte("root:x:0:0:root:/root:/bin/bash\nchrony:x:998:996::/var/lib/chrony:/sbin/nologin\n"),
		[]byte("root:x:0:\nusers:x:100:\nchrony:x:996:\n"), []byte("root:$6$d:18000::::::\nchrony:!!:18000::::::\n"),
		[]byte("root:::\nusers:::\nchrony:!::\n"))
	m, err := backup.MergeAccounts(saved, fresh, backup.MergeRules{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(m)
	// Output:
	// user root: the password as in the backup
	// user bob: number 998 belongs to chrony here
	// user amy: number 500
}

// A restore is a plan to read first; then it is carried out, or led back.
func ExamplePlanRestore() {
	var archive bytes.Buffer
	_ = backup.Build(&archive, "h", time.Unix(0, 0).UTC(), []backup.File{
		{Path: "/etc/hosts", Data: []byte("127.0.0.1 localhost\n")}, {Path: "/etc/resolv.conf", Data: []byte("search x\n")},
		{Path: "/etc/nsswitch.conf", Data: []byte("hosts: files\n")},
	})
	a, err := backup.Open(&archive)
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := backup.PlanRestore(a, backup.ServerManifest(), backup.RestoreServer, "/root/"+a.Name(), backup.RestoreOptions{
		Skip: []backup.Group{backup.GroupUsers, backup.GroupSSH, backup.GroupNTP, backup.GroupLNet, backup.GroupAgent},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, o := range plan.Ops {
		fmt.Println(o.Title)
	}
	// Output:
	// Make a directory that only root reads
	// Keep what the restore is going to replace
	// Give the copy its name
	// Restore /etc/hosts
	// Restore /etc/resolv.conf
	// Restore /etc/nsswitch.conf
}

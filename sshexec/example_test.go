package sshexec_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest"
)

// A command on another machine. The machine here is a server in this process, and runs what it is told on this one.
func Example() {
	ctx := context.Background()
	hostKey, _ := sshexectest.NewKey()
	userKey, _ := sshexectest.NewKey()
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	go func() { _ = sshexectest.ServeRunner(l, hostKey, []ssh.PublicKey{userKey.PublicKey()}, sshexec.Local{}) }()
	defer func() { _ = l.Close() }()

	dir, _ := os.MkdirTemp("", "example")
	defer func() { _ = os.RemoveAll(dir) }()
	known := filepath.Join(dir, "known_hosts")
	_ = os.WriteFile(known, []byte(knownhosts.Line([]string{l.Addr().String()}, hostKey.PublicKey())), 0o600)

	node1, err := sshexec.Dial(ctx, sshexec.Config{
		Host: "node1", Addr: l.Addr().String(), User: "root",
		Auth:       sshexec.Auth{Keys: []ssh.Signer{userKey}},
		KnownHosts: []string{known},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = node1.Close() }()

	res, err := node1.Run(ctx, sshexec.Command(sshexec.ReadOnly, "echo", "it's", "here"))
	fmt.Println(res.Text(), err)

	_, err = node1.Run(ctx, sshexec.Command(sshexec.ReadOnly, "sh", "-c", "echo no such target >&2; exit 6"))
	var failed *sshexec.CommandError
	if errors.As(err, &failed) {
		fmt.Println(failed.Outcome, failed.ExitCode)
	}
	fmt.Println(err)
	// Output:
	// it's here <nil>
	// exited 6
	// node1: sh -c 'echo no such target >&2; exit 6': exit status 6: no such target
}

// A dry run looks, but does not touch.
func ExampleDryRun() {
	r := sshexec.DryRun(sshexec.Local{}, func(cmd sshexec.Cmd) { fmt.Println("would run:", cmd) })
	res, _ := r.Run(context.Background(), sshexec.Command(sshexec.ReadOnly, "echo", "looked"))
	fmt.Println(res.Text())
	_, err := r.Run(context.Background(), sshexec.Command(sshexec.Disruptive, "pcs", "cluster", "stop", "node 1"))
	fmt.Println(err)
	// Output:
	// looked
	// would run: pcs cluster stop 'node 1'
	// <nil>
}

// A recording is text that people can review, and that answers in a test.
func ExampleRecord() {
	r := sshexec.Record(sshexec.Local{}, os.Stdout)
	_, _ = r.Run(context.Background(), sshexec.Command(sshexec.ReadOnly, "printf", "%s\n", "a b", "c"))
	// Output:
	// sshexec recording 1
	//
	// command "printf" "%s\n" "a b" "c"
	// effect read-only
	// outcome exited 0
	// stdout
	// | a b
	// | c
}

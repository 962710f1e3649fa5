package sshexec_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// A host as ssh knows it, with a password for sudo that only sudo gets to see.
func ExampleSSHConfig_Client() {
	config, err := sshexec.LoadSSHConfig()
	if err != nil {
		panic(err)
	}
	node, err := config.Client("node1", sshexec.Config{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = node.Close() }()
	root := sshexec.WithSudo(node, sshexec.Sudo{Password: sshexec.Secret(os.Getenv("NODE1_PASSWORD"))})
	res, err := root.Run(context.Background(), sshexec.Command(sshexec.ReadOnly, "pcs", "status"))
	if errors.Is(err, sshexec.ErrSudo) {
		fmt.Println("the password is wrong:", err)
	}
	fmt.Println(res.Text())
}

// Hours of work that neither a lost link nor a second start repeats.
func ExampleSupervise() {
	dir, err := os.MkdirTemp("", "jobs")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	sync := sshexec.Script(sshexec.Mutating, "echo syncing; exit 3")
	sync.Lines = func(l sshexec.Line) { fmt.Println(l.Stream, l.Text) }
	for range 2 {
		res, _ := sshexec.Supervise(context.Background(), sshexec.Local{}, sync, sshexec.SuperviseOptions{Dir: dir, ID: "run7-reposync"})
		fmt.Println(res.Outcome, res.ExitCode)
	}
	// Output:
	// stdout syncing
	// exited 3
	// stdout syncing
	// exited 3
}

// A reboot that is proven.
func ExampleWaitReboot() {
	ctx := context.Background()
	boots := []string{"before", "before", "after"}
	node := sshexec.RunnerFunc(func(context.Context, sshexec.Cmd) (sshexec.Result, error) {
		id := boots[0]
		boots = boots[1:]
		return sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(id + "\n")}, nil
	})
	before, err := sshexec.ReadBootID(ctx, node)
	if err != nil {
		panic(err)
	}
	// … reboot it …
	after, err := sshexec.WaitReboot(ctx, node, before, sshexec.RebootOptions{Every: 1})
	fmt.Println(after, errors.Is(err, sshexec.ErrDidNotReboot))
	// Output: after false
}

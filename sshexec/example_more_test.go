package sshexec_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// A command on many hosts. The results are in the order of the hosts; after the failure nothing more is started.
func ExampleEach() {
	dial := func(host string) (sshexec.Runner, error) {
		if host == "qns02" {
			return nil, errors.New("no route to host")
		}
		return sshexec.Local{}, nil // in earnest a Client, or OnceRunner for hundreds of hosts
	}
	results, err := sshexec.Each(context.Background(), []string{"qns01", "qns02", "qns03"}, dial,
		sshexec.Command(sshexec.ReadOnly, "echo", "19.4.0"), sshexec.FanOptions{Limit: 1})
	for _, r := range results {
		fmt.Printf("%s %s %q\n", r.Host, r.Result.Outcome, r.Result.Text())
	}
	fmt.Println(err)
	// Output:
	// qns01 exited "19.4.0"
	// qns02 not-started ""
	// qns03 not-started ""
	// 1 of 3 commands failed, 1 not started; qns02: echo 19.4.0: not started: no route to host
}

// A file is there whole, with its mode, or not at all.
func ExampleUpload() {
	ctx, node := context.Background(), sshexec.Local{}
	dir, _ := os.MkdirTemp("", "example")
	defer func() { _ = os.RemoveAll(dir) }()
	err := sshexec.Upload(ctx, node, strings.NewReader("options lnet networks=tcp0\n"), filepath.Join(dir, "lustre.conf"), 0o644)
	fmt.Println(err)
	list, _ := sshexec.List(ctx, node, dir)
	for _, f := range list {
		fmt.Println(f.Mode, f.Size, f.Name)
	}
	// Output:
	// <nil>
	// -rw-r--r-- 27 lustre.conf
}

// Thousands of small files go as one stream.
func ExampleUploadTree() {
	ctx, node := context.Background(), sshexec.Local{}
	dir, _ := os.MkdirTemp("", "example")
	defer func() { _ = os.RemoveAll(dir) }()
	keys := filepath.Join(dir, "keys")
	_ = os.Mkdir(keys, 0o700)
	_ = os.WriteFile(filepath.Join(keys, "id_ed25519.pub"), []byte("ssh-ed25519 AAAA…\n"), 0o644)
	tree, err := sshexec.UploadTree(ctx, node, keys, filepath.Join(dir, "copy"))
	fmt.Println(tree.Files, tree.Dirs, err)
	_, err = sshexec.UploadTree(ctx, node, keys, filepath.Join(dir, "copy"))
	fmt.Println(errors.Is(err, fs.ErrExist))
	// Output:
	// 1 1 <nil>
	// true
}

// A transfer that was cut is called again, and goes on where it came to.
func ExampleUploadResumable() {
	ctx, node := context.Background(), sshexec.Local{}
	dir, _ := os.MkdirTemp("", "example")
	defer func() { _ = os.RemoveAll(dir) }()
	iso := filepath.Join(dir, "CPS_21.1.0.release.iso")
	_ = os.WriteFile(iso, make([]byte, 1<<20), 0o600)
	done, err := sshexec.UploadResumable(ctx, cutAfter(700000), iso, filepath.Join(dir, "copy.iso"), sshexec.TransferOptions{})
	fmt.Println(done.Resumed, errors.Is(err, sshexec.ErrDisconnected))
	done, err = sshexec.UploadResumable(ctx, node, iso, filepath.Join(dir, "copy.iso"), sshexec.TransferOptions{})
	fmt.Println(done.Resumed, "of", done.Size, err)
	// Output:
	// 0 true
	// 655360 of 1048576 <nil>
}

// A gate asks before anything is changed.
func ExampleGate() {
	r := sshexec.Gate("node1", sshexec.Local{}, func(_ context.Context, q sshexec.Question) error {
		fmt.Printf("%s: may I run %s (%s)?\n", q.Host, q.Cmd, q.Effect)
		return errors.New("not tonight")
	})
	_, err := r.Run(context.Background(), sshexec.Command(sshexec.Disruptive, "pcs", "node", "standby", "node1"))
	fmt.Println(errors.Is(err, sshexec.ErrGate), sshexec.OutcomeOf(err))
	// Output:
	// node1: may I run pcs node standby node1 (disruptive)?
	// true not-started
}

// The OSGi console of a diameter endpoint, which listens on its machine's localhost only. The dial function is that of a Client in earnest.
func ExampleOpenConsole() {
	ctx := context.Background()
	lb01 := &osgi{answers: map[string]string{"excludeEndpoints": ""}}
	console, err := sshexec.OpenConsole(ctx, lb01.dial, "localhost:9092", sshexec.ConsoleConfig{Host: "lb01"})
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := console.Run(ctx, sshexec.Command(sshexec.Mutating, "excludeEndpoints"))
	fmt.Println(res.Outcome, err)
	fmt.Println(console.Disconnect(ctx))
	// Output:
	// exited <nil>
	// <nil>
}

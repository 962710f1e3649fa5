package clitest

import (
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Scripts runs the scripts of a binary's package, testdata/script/*.txtar, with the real binary on their path. Beside
// testscript's own commands they have:
//
//	exits CODE COMMAND…       run a command, which must exit with exactly this code
//	served DIR                wait until the world that is served out of DIR can be reached
//	world DIR QUESTION…       ask that world: now, sleep, report, hash, commands, hold, held, release
//	[!] on DIR HOST COMMAND…  do something behind the tool's back on a machine of that world; with ! it must fail
//	edit FILE REGEXP NEW      replace what matches, which must be there; $1 in NEW is a group
//	halve FILE                cut a file in half
//	nowhere TEXT PATH…        no file at or below these paths has the text or its base64 form, nor has what was printed last
//	oneline FILE              the file, or stdout or stderr, is one line
//	empty PATH…               these directories have nothing in them
func Scripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"), RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			if root, err := filepath.Abs(filepath.Join("..", "..")); err == nil {
				env.Setenv("MODULE", root)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "served": awaitServed, "world": world, "on": onHost, "edit": edit, "halve": halve,
			"nowhere": nowhere, "oneline": oneLine, "empty": empty,
		},
	})
}

// patience bounds what a script waits for; it is only reached when something is broken.
const patience = 30 * time.Second

func exits(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) >= 2)
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("it exited with %d, not %d", got, want)
	}
}

func awaitServed(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1)
	dir := ts.MkAbs(args[0])
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		_, err := cli.ReadConfig[map[string]any](filepath.Join(dir, "config.yaml"))
		if err == nil {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("the world did not come up: %v", err)
		}
	}
}

func world(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) >= 2)
	res, err := ask(ts.MkAbs(args[0]), "", append([]string{"world"}, args[1:]...))
	ts.Check(err)
	_, err = ts.Stdout().Write(res.Stdout)
	ts.Check(err)
}

func onHost(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, false, len(args) >= 3)
	res, err := ask(ts.MkAbs(args[0]), args[1], args[2:])
	_, werr := ts.Stdout().Write(res.Stdout)
	ts.Check(werr)
	if neg && err == nil {
		ts.Fatalf("it did not fail")
	}
	if !neg {
		ts.Check(err)
	}
}

// ask runs a command on a machine of a served world, or, without a host, asks the world itself.
func ask(dir, host string, argv []string) (sshexec.Result, error) {
	client, err := reach(dir, host)
	if err != nil {
		return sshexec.Result{}, err
	}
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return client.Run(ctx, sshexec.Command(sshexec.Mutating, argv...))
}

func edit(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3)
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	text := ts.ReadFile(args[0])
	if !re.MatchString(text) {
		ts.Fatalf("%s has nothing that matches %s", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(re.ReplaceAllString(text, args[2])), 0o600))
}

func halve(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1)
	text := ts.ReadFile(args[0])
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text[:len(text)/2]), 0o600))
}

func nowhere(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) >= 2)
	forms := []string{args[0], base64.RawStdEncoding.EncodeToString([]byte(args[0][:len(args[0])/3*3]))}
	refuse := func(where, text string) {
		for _, form := range forms {
			if strings.Contains(text, form) {
				ts.Fatalf("%q is in %s", form, where)
			}
		}
	}
	refuse("stdout", ts.ReadFile("stdout"))
	refuse("stderr", ts.ReadFile("stderr"))
	looked := 0
	for _, root := range args[1:] {
		ts.Check(filepath.WalkDir(ts.MkAbs(root), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			raw, err := os.ReadFile(path)
			refuse(path, string(raw))
			looked++
			return err
		}))
	}
	if looked == 0 {
		ts.Fatalf("there is no file to look into")
	}
}

func oneLine(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1)
	if text := ts.ReadFile(args[0]); strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") {
		ts.Fatalf("%s is not one line:\n%s", args[0], text)
	}
}

func empty(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) >= 1)
	for _, dir := range args {
		list, err := os.ReadDir(ts.MkAbs(dir))
		ts.Check(err)
		if len(list) > 0 {
			ts.Fatalf("%s is not empty: %v", dir, list)
		}
	}
}

func usage(ts *testscript.TestScript, neg, ok bool) {
	if neg || !ok {
		ts.Fatalf("this is not how the command is used: see Scripts")
	}
}

package backup

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// source is how the files of a machine are read. Nothing that a source runs changes anything.
type source interface {
	// means is the name of what reads the files.
	means() string
	// find tells, for each path of a manifest, what it stands for on the machine.
	find(ctx context.Context, paths []Path) ([][]string, error)
	// command is what take will run.
	command(paths, excludes []string) sshexec.Cmd
	// take sends the paths with everything below them; each gets every entry, named by its absolute path.
	take(ctx context.Context, cmd sshexec.Cmd, each func(*tar.Header, io.Reader) error) (takenReport, error)
}

// takenReport is what is to be said of files that were sent.
type takenReport struct {
	changed  []string  // files that changed while they were read
	removed  []string  // what was gone when its turn came
	skipped  []Skipped // what the source does not send
	warnings []string  // other complaints, as they were made
}

// far is the machine that is backed up.
type far struct {
	runner sshexec.Runner
	root   string // what is taken for the machine's root
	limits Limits
	gzip   bool // compress on the machine
}

// at is where a path of the machine lies.
func (f far) at(name string) string { return path.Join(f.root, name) }

// optional is what a command prints; nothing when it fails.
func (f far) optional(ctx context.Context, argv ...string) string {
	cmd := sshexec.Command(sshexec.ReadOnly, argv...)
	cmd.Timeout = askTimeout
	res, err := f.runner.Run(ctx, cmd)
	if err != nil {
		return ""
	}
	return res.Text()
}

// source finds out what can read the files of the machine. GNU tar can; it is what the guides rely on. Other tars do
// not say when a file changed while they read it, so that a shell with the usual small tools is better.
func (f far) source(ctx context.Context) (source, error) {
	cmd := sshexec.Command(sshexec.ReadOnly, "tar", "--help")
	cmd.Timeout = askTimeout
	res, err := f.runner.Run(ctx, cmd)
	if err != nil && res.Outcome != sshexec.Exited {
		return nil, err
	}
	help := string(res.Stdout) + string(res.Stderr)
	foreign := func(name string) bool { return strings.Contains(strings.ToLower(help), name) }
	if err != nil && (res.ExitCode == 126 || res.ExitCode == 127) || foreign("busybox") || foreign("bsdtar") || foreign("toybox") {
		return shellSource{f}, nil
	}
	return gnuTar{far: f, help: help}, nil
}

// pump runs a command and hands what it prints to read, which reads to the end. It returns what the command said
// besides, and how it ended; an error of read that the end of the command explains is left to the command's.
func (f far) pump(ctx context.Context, cmd sshexec.Cmd, read func(io.Reader) error) (sshexec.Result, error, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pr, pw := io.Pipe()
	cmd.Stdout = pw
	type ending struct {
		res sshexec.Result
		err error
	}
	done := make(chan ending, 1)
	go func() {
		res, err := f.runner.Run(ctx, cmd)
		_ = pw.CloseWithError(io.EOF)
		done <- ending{res, err}
	}()
	readErr := read(pr)
	if readErr != nil {
		cancel() // nobody reads any more
	}
	_ = pr.CloseWithError(io.ErrClosedPipe)
	end := <-done
	return end.res, end.err, readErr
}

// outcome is the error of a stream: the reader's, but where the stream was cut off the reason for that.
func outcome(runErr, readErr error) error {
	switch {
	case readErr != nil && !errors.Is(readErr, io.ErrUnexpectedEOF):
		return readErr
	case runErr != nil:
		return runErr
	case readErr != nil:
		return fmt.Errorf("what the machine sent was cut off: %w", readErr)
	}
	return nil
}

// withinAny tells whether p is one of the directories or lies below one.
func withinAny(p string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(d string) bool { return within(p, d) })
}

// farPath is the machine's path of a name in what it sent.
func farPath(name string) (string, error) {
	for _, element := range strings.Split(name, "/") {
		if element == ".." {
			return "", fmt.Errorf("the machine sent %q, which goes up", name)
		}
	}
	return path.Clean("/" + name), nil
}

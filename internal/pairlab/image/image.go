//go:build linux

package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Image is a finished tree, held until Close.
type Image struct {
	Root string   // the tree
	lock *os.File // shared: nobody removes the tree as long as it is held
}

// Lock is held by whoever uses the image; a process that inherits it uses the image, too.
func (i *Image) Lock() *os.File { return i.lock }

// Close gives the image up.
func (i *Image) Close() error { return i.lock.Close() }

// Ensure gives the image of this machine's Debian, and makes it first when there is none: by program, whose command
// "build-image DIR" must call Build, in namespaces of its own, so that nothing stays behind when it is killed. Two that
// want the same image wait for each other. A new image replaces those of other recipes that nobody uses.
func Ensure(ctx context.Context, program string, log io.Writer) (*Image, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	r, err := readRecipe("/")
	if err != nil {
		return nil, err
	}
	return ensure(filepath.Join(cache, "evenkeel-pairlab"), r.digest(), func(dir string) error { return spawn(ctx, program, dir, log) })
}

// ensure holds the image called name below cache; build fills the directory that it is given.
func ensure(cache, name string, build func(dir string) error) (*Image, error) {
	if err := os.MkdirAll(cache, 0o755); err != nil { //nolint:gosec // nodes' users other than root read the tree below
		return nil, err
	}
	path := filepath.Join(cache, name+".lock")
	lock, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600) //nolint:gosec // below the cache
	if err != nil {
		return nil, err
	}
	img := &Image{Root: filepath.Join(cache, name, "root"), lock: lock}
	err = img.hold(cache, name, build)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return img, nil
}

func (i *Image) hold(cache, name string, build func(dir string) error) error {
	if err := flock(i.lock, unix.LOCK_SH); err != nil {
		return err
	}
	if exists(i.Root) {
		return nil
	}
	// Not atomic: another may have built it in between.
	if err := flock(i.lock, unix.LOCK_EX); err != nil {
		return err
	}
	if !exists(i.Root) {
		if err := makeTree(cache, name, build); err != nil {
			return err
		}
		removeUnused(cache, name)
	}
	return flock(i.lock, unix.LOCK_SH)
}

// makeTree builds beside, and renames: a tree under its final name is a whole one.
func makeTree(cache, name string, build func(dir string) error) error {
	beside := filepath.Join(cache, name+".new")
	if err := os.RemoveAll(beside); err != nil { // of one that was killed
		return err
	}
	if err := os.Mkdir(beside, 0o755); err != nil { //nolint:gosec // as above
		return err
	}
	if err := build(beside); err != nil {
		return errors.Join(err, os.RemoveAll(beside))
	}
	return os.Rename(beside, filepath.Join(cache, name))
}

// removeUnused removes the images that neither bear the name nor are in use. What cannot be removed stays; it harms nobody.
func removeUnused(cache, name string) {
	locks, _ := filepath.Glob(filepath.Join(cache, "*.lock"))
	for _, path := range locks {
		other := strings.TrimSuffix(filepath.Base(path), ".lock")
		if other == name {
			continue
		}
		lock, err := os.OpenFile(path, os.O_RDWR|syscall.O_CLOEXEC, 0) //nolint:gosec // found in the cache
		if err != nil {
			continue
		}
		if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			_ = os.RemoveAll(filepath.Join(cache, other))
			_ = os.RemoveAll(filepath.Join(cache, other+".new"))
		}
		_ = lock.Close()
	}
}

// spawn runs the builder as PID 1 of a pid namespace: whatever it started ends with it.
func spawn(ctx context.Context, program, dir string, log io.Writer) error {
	cmd := exec.CommandContext(ctx, program, "build-image", dir)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	if err := RunOnOwnThread(cmd); err != nil {
		return fmt.Errorf("cannot build the image: %w", err)
	}
	return nil
}

// RunOnOwnThread runs a command whose Pdeathsig is to mean this process: the kernel sends it when the thread that started the command ends.
func RunOnOwnThread(cmd *exec.Cmd) error {
	done := make(chan error)
	go func() { done <- lockedRun(cmd) }()
	return <-done
}

func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

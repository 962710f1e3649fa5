//go:build linux

package image

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Build makes the image below dir, as dir/root. It needs a mount namespace and a pid namespace of its own: its mounts are never undone.
func Build(ctx context.Context, dir string, log io.Writer) error {
	r, err := readRecipe("/")
	if err != nil {
		return err
	}
	b := &builder{recipe: r, root: filepath.Join(dir, "root"), tools: filepath.Join(dir, "tools"), log: log}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"have mounts of its own", b.privateMounts},
		{"unpack debootstrap", b.fetchDebootstrap},
		{"bootstrap " + r.Suite, b.bootstrap},
		{"mount what package scripts need", b.mountForScripts},
		{"install packages", b.install},
		{"strip what is a node's own", b.strip},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("cannot %s: %w", step.what, err)
		}
	}
	return os.RemoveAll(b.tools)
}

type builder struct {
	recipe
	root, tools string
	log         io.Writer
}

// privateMounts also gives debootstrap a /proc that shows this pid namespace.
func (b *builder) privateMounts(context.Context) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	return syscall.Mount("proc", "/proc", "proc", 0, "")
}

func (b *builder) fetchDebootstrap(ctx context.Context) error {
	if err := os.MkdirAll(b.tools, 0o755); err != nil { //nolint:gosec // apt's own user writes there
		return err
	}
	download := func() error { return b.run(ctx, b.tools, nil, "apt-get", "-qq", "download", "debootstrap") }
	if download() != nil { // a fresh machine has no package lists
		if err := b.run(ctx, b.tools, nil, "apt-get", "-qq", "update"); err != nil {
			return err
		}
		if err := download(); err != nil {
			return err
		}
	}
	debs, err := filepath.Glob(filepath.Join(b.tools, "debootstrap_*.deb"))
	if err != nil || len(debs) != 1 {
		return fmt.Errorf("apt-get downloaded %d packages called debootstrap, want one", len(debs))
	}
	return b.run(ctx, b.tools, nil, "dpkg", "-x", debs[0], b.tools)
}

func (b *builder) bootstrap(ctx context.Context) error {
	return b.run(ctx, b.tools, []string{"DEBOOTSTRAP_DIR=" + filepath.Join(b.tools, "usr/share/debootstrap")},
		"sh", filepath.Join(b.tools, "usr/sbin/debootstrap"), "--variant=minbase", b.Suite, b.root, b.Mirror)
}

func (b *builder) mountForScripts(context.Context) error {
	for _, m := range []struct {
		source, target, fstype string
		flags                  uintptr
	}{
		{"/dev", "dev", "", syscall.MS_BIND | syscall.MS_REC},
		{"proc", "proc", "proc", 0},
		{"/sys", "sys", "", syscall.MS_BIND},
		{"tmpfs", "run", "tmpfs", 0},
		{"tmpfs", "tmp", "tmpfs", 0},
	} {
		if err := syscall.Mount(m.source, filepath.Join(b.root, m.target), m.fstype, m.flags, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	return os.MkdirAll(filepath.Join(b.root, "run/lock"), 0o755) //nolint:gosec // as in any system
}

func (b *builder) install(ctx context.Context) error {
	// Nothing may be started by a package.
	if err := b.write("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755); err != nil {
		return err
	}
	resolv, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return err
	}
	if err := b.write("etc/resolv.conf", string(resolv), 0o644); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(b.root, "etc/apt/sources.list")); err != nil && !os.IsNotExist(err) {
		return err
	}
	for _, s := range b.Sources {
		if err := b.write(filepath.Join("etc/apt", s.name), string(s.text), 0o644); err != nil {
			return err
		}
	}
	// Documentation and translations are a fifth of the tree.
	if err := b.write("etc/dpkg/dpkg.cfg.d/lab",
		"path-exclude=/usr/share/doc/*\npath-exclude=/usr/share/man/*\npath-exclude=/usr/share/locale/*\nforce-unsafe-io\n", 0o644); err != nil {
		return err
	}
	if err := b.inside(ctx, "apt-get", "-qq", "update"); err != nil {
		return err
	}
	args := append([]string{"apt-get", "-y", "-qq", "-o", "Dpkg::Use-Pty=0", "install", "--no-install-recommends"}, packages...)
	if err := b.inside(ctx, args...); err != nil {
		return err
	}
	return b.inside(ctx, "apt-get", "clean")
}

// strip removes what is one node's own, or would be taken for a trace of a cluster: with Debian's sample corosync.conf
// and the authkey that the package makes, pcs says "The host seems to be in a cluster already". What is enabled is
// decided when a system is installed on a disk.
func (b *builder) strip(context.Context) error {
	for _, pattern := range []string{
		"etc/corosync/corosync.conf", "etc/pacemaker/authkey", "etc/ssh/ssh_host_*", "etc/systemd/system/*", "var/lib/pcsd/*",
		"var/lib/pacemaker/cib/*", "var/lib/apt/lists/*", "var/cache/apt/*.bin", "etc/machine-id", "etc/hostname",
	} {
		found, err := filepath.Glob(filepath.Join(b.root, pattern))
		if err != nil {
			return err
		}
		for _, path := range found {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	// A node has no way out; with an empty resolver it finds that out at once.
	return b.write("etc/resolv.conf", "", 0o644)
}

// inside runs a command with the new tree as its root.
func (b *builder) inside(ctx context.Context, argv ...string) error {
	cmd := b.command(ctx, "/", []string{"DEBIAN_FRONTEND=noninteractive"}, argv...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: b.root}
	return b.finish(cmd)
}

func (b *builder) run(ctx context.Context, dir string, env []string, argv ...string) error {
	return b.finish(b.command(ctx, dir, env, argv...))
}

func (b *builder) command(ctx context.Context, dir string, env []string, argv ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/usr/bin/env", argv...)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8"}, env...)
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy"} {
		if value, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	return cmd
}

func (b *builder) finish(cmd *exec.Cmd) error {
	cmd.Stdout, cmd.Stderr = b.log, b.log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%v: %w", cmd.Args[1:], err)
	}
	return nil
}

func (b *builder) write(name, text string, mode os.FileMode) error {
	path := filepath.Join(b.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // a system's own directories
		return err
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

package standin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// program is a stand-in: where it is found, the package without which it is not, and what it does.
type program struct {
	path  string
	needs string
	run   func(*call) int
}

// programs are all there are. Those below /usr/local/sbin stand before a program of the same name that Debian has: that
// is the first directory of root's search path.
func programs() []program {
	return []program{
		{"/usr/lib/ocf/resource.d/chroma/Target", "chroma-agent", runTarget},
		{"/usr/lib/ocf/resource.d/lustre/Lustre", "lustre-resource-agents", runLustre},
		{"/usr/lib/ocf/resource.d/lustre/healthLNET", "lustre-resource-agents", runHealthLNET},
		{"/usr/lib/ocf/resource.d/lustre/healthLUSTRE", "lustre-resource-agents", runHealthLUSTRE},
		{umountProgram, "lustre", runUmount},
		{"/usr/sbin/fence_chroma", "chroma-agent", runFence},
		{"/usr/sbin/fence_ipmilan", "fence-agents", runFenceIPMI},
		{"/usr/bin/yum", "", runYum},
		{"/usr/bin/yum-config-manager", "yum-utils", runYumConfigManager},
		{"/usr/bin/rpm", "", runRPM},
		{"/usr/bin/curl", "", runCurl},
		{"/usr/sbin/dkms", "dkms", runDKMS},
		{"/usr/sbin/modprobe", "", runModprobe},
		{"/usr/sbin/rmmod", "", runRmmod},
		{"/usr/sbin/lsmod", "", runLsmod},
		{"/usr/sbin/lctl", "", withNIDs(runLctl)},
		{"/usr/sbin/lnetctl", "lustre-osd-ldiskfs-mount", runLnetctl},
		{"/usr/local/sbin/uname", "", runUname},
		{"/usr/sbin/zpool", "zfs", runZpool},
		{"/usr/local/sbin/df", "", runDf},
		{"/usr/sbin/ntpd", "ntp", runNtpd},
		{"/usr/bin/firewall-cmd", "firewalld", runFirewall},
		{"/usr/sbin/genhostid", "", runGenhostid},
		{"/usr/local/sbin/passwd", "", runPasswd},
		{"/usr/local/sbin/service", "", runService},
		{"/usr/sbin/chkconfig", "", runChkconfig},
		{"/usr/sbin/shutdown", "", runShutdown},
		{"/usr/sbin/reboot", "", runReboot},
		{"/usr/sbin/poweroff", "", runPoweroff},
		{"/usr/sbin/halt", "", runPoweroff},
	}
}

// Names are the paths in a node at which a link to the program that calls [Main] has to lie.
func Names(lab wire.Config) []string {
	all := programs()
	if lab.Services {
		all = append(all, pairPrograms()...)
	}
	var names []string
	for _, p := range all {
		names = append(names, p.path)
	}
	return names
}

// Main runs a stand-in. name is how the program was called, with or without its directory; args are its arguments.
// known is false when there is no such stand-in.
func Main(name string, args []string) (exit int, known bool) {
	return (&call{
		args: args, root: "/", stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, signal: syscall.Kill,
		exec: execute,
	}).main(filepath.Base(name))
}

// call is one run of a stand-in, with all that it may touch.
type call struct {
	name           string
	args           []string
	root           string // before every path of the node: "/" but for tests
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	signal         func(pid int, sig syscall.Signal) error
	exec           func(stdin io.Reader, stdout, stderr io.Writer, argv ...string) int
}

func (c *call) main(name string) (exit int, known bool) {
	all := programs()
	if c.major() > 7 {
		all = slices.Concat(pairPrograms(), all)
	}
	for _, p := range all {
		if filepath.Base(p.path) != name {
			continue
		}
		c.name = name
		if p.needs != "" && c.installed()[p.needs] == "" {
			return c.fail(notInstalled(name), "sh: %s: command not found", name), true
		}
		return p.run(c), true
	}
	return 0, false
}

// notInstalled is the exit status of a program that is not there: the shell's, but for a resource agent, about which
// Pacemaker says OCF_ERR_INSTALLED.
func notInstalled(name string) int {
	switch name {
	case "Target", "Lustre", "healthLNET", "healthLUSTRE", "pgsql":
		return ocfNotInstalled
	}
	return 127
}

// execute runs another program of the node, and gives its exit status; 127 when it cannot be run.
func execute(stdin io.Reader, stdout, stderr io.Writer, argv ...string) int {
	cmd := exec.CommandContext(context.Background(), argv[0], argv[1:]...) //nolint:gosec // the names are this package's own
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	var exit *exec.ExitError
	switch err := cmd.Run(); {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return exit.ExitCode()
	default:
		_, _ = fmt.Fprintln(stderr, err)
		return 127
	}
}

// output runs another program for what it prints.
func (c *call) output(argv ...string) (out string, exit int) {
	var b bytes.Buffer
	exit = c.exec(strings.NewReader(""), &b, c.stderr, argv...)
	return b.String(), exit
}

func (c *call) printf(format string, args ...any) { _, _ = fmt.Fprintf(c.stdout, format, args...) }

// fail says what is wrong and gives the exit status back.
func (c *call) fail(exit int, format string, args ...any) int {
	_, _ = fmt.Fprintf(c.stderr, format+"\n", args...)
	return exit
}

// path is where a path of the node lies.
func (c *call) path(p string) string { return filepath.Join(c.root, p) }

// read is a file's text, empty when there is none.
func (c *call) read(p string) string {
	data, err := os.ReadFile(c.path(p))
	if err != nil {
		return ""
	}
	return string(data)
}

func (c *call) exists(p string) bool {
	_, err := os.Stat(c.path(p))
	return err == nil
}

// write replaces a file, whole or not at all.
func (c *call) write(p, text string) error { return writeFile(c.path(p), text, 0o644) }

func writeFile(path, text string, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // a directory of a node, such as /etc
		return err
	}
	part := fmt.Sprintf("%s.%d.part", path, os.Getpid())
	if err := os.WriteFile(part, []byte(text), mode); err != nil {
		return err
	}
	if err := os.Chmod(part, mode); err != nil {
		return err
	}
	return os.Rename(part, path)
}

// major is the node's release: 6 for the old system and 7 for the new one, or 8 and 9 where the pair serves no Lustre.
func (c *call) major() int {
	text := c.read("/etc/redhat-release")
	for _, major := range []int{6, 8, 9} {
		if strings.Contains(text, fmt.Sprintf("release %d", major)) {
			return major
		}
	}
	return 7
}

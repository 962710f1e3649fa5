//go:build integration

package pairlab_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab"
)

// ownerVariable makes the test binary an owner of a lab in that directory, which waits to be killed.
const ownerVariable = "EVENKEEL_PAIRLAB_OWNER"

func TestOwnerThatIsKilled(t *testing.T) {
	if dir := os.Getenv(ownerVariable); dir != "" {
		lab, err := pairlab.Start(t.Context(), pairlab.Options{Dir: dir})
		if err != nil {
			_, _ = fmt.Fprintln(os.Stdout, "error:", err)
			return
		}
		_, _ = fmt.Fprintln(os.Stdout, "up:", lab.Nodes()[0].Addr())
		select {}
	}
	start(t, pairlab.Options{}) // it skips where there can be no lab, and its own traces are not the other's

	dir := t.TempDir()
	owner := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOwnerThatIsKilled$")
	owner.Env = append(os.Environ(), ownerVariable+"="+dir)
	out, err := owner.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, owner.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(line, "up: "), line)
	link := linkTo(t, strings.TrimSpace(strings.TrimPrefix(line, "up: ")))
	require.NotZero(t, link)
	processes, spaces := inLab(t, dir)
	require.Greater(t, len(processes), 10, "sshd, pcsd and the rest of both nodes")
	require.GreaterOrEqual(t, len(spaces), 9, "network, pid and mount namespaces of the supervisor and both nodes")

	require.NoError(t, owner.Process.Kill())
	_ = owner.Wait()
	eventually(t, "nothing is left", func() bool {
		processes, _ := inLab(t, dir)
		_, err := net.InterfaceByIndex(link)
		return len(processes) == 0 && err != nil && !slices.ContainsFunc(spaces, heldBySomebody)
	})
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	require.NotContains(t, string(mounts), dir)
}

// linkTo is the index of the machine's link to a lab's ring 0.
func linkTo(t *testing.T, addr string) int {
	t.Helper()
	host, _, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	interfaces, err := net.Interfaces()
	require.NoError(t, err)
	for _, i := range interfaces {
		addresses, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addresses {
			if n, ok := a.(*net.IPNet); ok && n.Contains(net.ParseIP(host)) {
				return i.Index
			}
		}
	}
	return 0
}

// inLab are the processes of the lab in dir, known by the disks that they see, and the namespaces that are theirs alone.
func inLab(t *testing.T, dir string) (processes, spaces []string) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*")
	require.NoError(t, err)
	for _, p := range all {
		if text, err := os.ReadFile(filepath.Join(p, "mountinfo")); err != nil || !strings.Contains(string(text), dir) {
			continue
		}
		processes = append(processes, p)
		for _, kind := range kinds {
			space, err := os.Readlink(filepath.Join(p, "ns", kind))
			ours, _ := os.Readlink(filepath.Join("/proc/self/ns", kind))
			if err == nil && space != ours && !slices.Contains(spaces, space) {
				spaces = append(spaces, space)
			}
		}
	}
	return processes, spaces
}

var kinds = []string{"net", "pid", "mnt"}

func heldBySomebody(space string) bool {
	all, _ := filepath.Glob("/proc/[0-9]*")
	return slices.ContainsFunc(all, func(p string) bool {
		return slices.ContainsFunc(kinds, func(kind string) bool {
			held, err := os.Readlink(filepath.Join(p, "ns", kind))
			return err == nil && held == space
		})
	})
}

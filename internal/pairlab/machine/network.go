//go:build linux

package machine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Uplink is the interface that leads to the machine outside, in the supervisor's network namespace.
const Uplink = "uplink"

// rings are the networks of the cluster. Ring 0 is also where ssh comes in.
const rings = 2

// runIP gives commands to ip(8), all in one call.
func runIP(commands ...string) error {
	ip, err := IPProgram()
	if err != nil {
		return err
	}
	cmd := exec.Command(ip, "-batch", "-") //nolint:gosec,noctx // found below; it ends by itself
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(commands, "; "), err, bytes.TrimSpace(out))
	}
	return nil
}

// IPProgram is where iproute2's ip is; a user's search path may lack the directory.
func IPProgram() (string, error) {
	for _, path := range []string{"/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip", "/bin/ip"} {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", errors.New("there is no program ip (package iproute2)")
}

// makeBridges makes both rings, and links the machine outside to ring 0.
func makeBridges() error {
	commands := []string{"link set lo up"}
	for r := range rings {
		commands = append(commands,
			fmt.Sprintf("link add ring%d type bridge forward_delay 0 stp_state 0", r),
			fmt.Sprintf("link set ring%d up", r))
	}
	return runIP(append(commands, fmt.Sprintf("link set %s master ring0 up", Uplink))...)
}

// port is the bridge's end of a node's cable.
func port(ring, node int) string { return fmt.Sprintf("r%dn%d", ring, node+1) }

// connect plugs a node in whose network namespace is that of process pid.
func connect(node, pid int, cut [rings]bool) error {
	var commands []string
	for r := range rings {
		commands = append(commands,
			fmt.Sprintf("link add %s type veth peer name eth%d address %s netns %d", port(r, node), r, mac(r, node), pid),
			fmt.Sprintf("link set %s master ring%d %s", port(r, node), r, upDown(!cut[r])))
	}
	return runIP(commands...)
}

// disconnect takes a node's links away, which the kernel would do some time after its end.
func disconnect(node int) {
	for r := range rings {
		_ = runIP("link del " + port(r, node)) // gone already
	}
}

// mac is a network card's own address, the same at every boot: the others have it in their ARP tables.
func mac(ring, node int) string { return fmt.Sprintf("02:6c:61:62:%02x:%02x", ring, node+1) }

func cable(node, ring int, plugged bool) error {
	return runIP(fmt.Sprintf("link set %s %s", port(ring, node), upDown(plugged)))
}

func upDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}

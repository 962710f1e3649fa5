package cpstest

import (
	"fmt"
	"strconv"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// OSGiScript is the one idiom in which a command reaches an OSGi console here: a script of two arguments, the console's port and the
// command. The console listens on the VM's own localhost only (cps:950,1752), and is left by disconnect, answered with y (cps:1779).
const OSGiScript = `(sleep 1; echo "$2"; sleep 1; echo disconnect; echo y) | telnet localhost "$1"`

// ringState is the state of the SkRings (cps:947-956).
type ringState struct {
	built bool      // since a set was enabled last
	until time.Time // a rebuild runs until then
}

// ringTime is how long rebuildAllSkRings takes.
const ringTime = 2 * time.Minute

// osgiConsole is a session on a console, from the telnet to the disconnect.
func osgiConsole(c *simhost.Call) int {
	y := systemOf(c.State)
	if len(c.Args) != 3 {
		return c.Fail(2, "usage: PORT COMMAND")
	}
	port, command := c.Args[1], c.Args[2]
	c.Printf("Trying 127.0.0.1...\n")
	n, err := strconv.Atoi(port)
	listens := err == nil && y.serving(c.State, c.Host.Name) &&
		(y.class(c.Host.Name) == "qns" && n == y.opts.OSGiPort || y.lb(c.Host.Name) != nil && n >= firstEndpointPort &&
			n < firstEndpointPort+y.opts.EndpointsPerLB)
	if !listens {
		return c.Fail(1, "telnet: connect to address 127.0.0.1: Connection refused")
	}
	c.Printf("Connected to localhost.\nEscape character is '^]'.\n\nosgi> %s\n", command)
	if answer := y.console(c, n, command); answer != "" {
		c.Printf("%s\n", answer)
	}
	c.Printf("osgi> disconnect\nDisconnect from console? (y/n; default=y) y\nConnection closed by foreign host.\n")
	return 0
}

// console answers a command of the OSGi console.
func (y *system) console(c *simhost.Call, port int, command string) string {
	if b := y.lb(c.Host.Name); b != nil {
		end := &b.ends[port-firstEndpointPort]
		switch command {
		case "excludeEndpoints":
			end.excluded = true
			c.Changed("endpoint on port %d excluded", port)
			y.judge(c.State)
			return ""
		case "clearExcludedEndpoints":
			if end.excluded || end.stuck {
				*end = endpoint{upAt: c.Now().Add(time.Minute)}
				c.Changed("endpoint on port %d cleared", port)
			}
			return ""
		}
	}
	if y.opts.SKDB || y.class(c.Host.Name) != "qns" {
		return fmt.Sprintf("gogo: CommandNotFoundException: Command not found: %s", command)
	}
	switch command {
	case "skRingRebuildStatus":
		switch {
		case c.Now().Before(y.rings.until):
			return "SkRing rebuild: IN PROGRESS"
		case y.rings.built:
			return "SkRing rebuild: COMPLETED"
		}
		return "SkRing rebuild: NOT STARTED"
	case "rebuildAllSkRings":
		y.rings = ringState{built: true, until: c.Now().Add(ringTime)}
		c.Changed("SkRings are being rebuilt")
		return "SkRing rebuild: STARTED"
	}
	return fmt.Sprintf("gogo: CommandNotFoundException: Command not found: %s", command)
}

// restartEndpoint is "monit restart qns-N" on a load balancer (cps:1791-1794): endpoints that were stuck come back.
func restartEndpoint(c *simhost.Call, name string) int {
	y := systemOf(c.State)
	n, err := strconv.Atoi(name[len("qns-"):])
	if err != nil || n < 1 || n > len(components[y.class(c.Host.Name)]) || c.Args[0] != "restart" {
		return c.Fail(1, "monit: There is no service named \"%s\"", name)
	}
	if b := y.lb(c.Host.Name); b != nil && n >= 2 && n-2 < len(b.ends) {
		b.ends[n-2] = endpoint{upAt: c.Now().Add(time.Minute)}
	}
	c.Changed("%s restarted", name)
	y.judge(c.State)
	return 0
}

package standin

import (
	"encoding/json"
	"slices"
	"strings"
)

// The rules: those that firewalld keeps, and those in force until the next start. Nothing is filtered by them.
const (
	keptRules    = "/etc/firewalld/zones/public.json"
	currentRules = "/run/lab/firewalld.json"
)

// rules of one zone.
type rules struct {
	Services []string `json:"services"`
	Ports    []string `json:"ports"`
}

var firewallServices = []string{"dhcpv6-client", "high-availability", "https", "ntp", "ssh"}

// rules reads the rules of a file; an installation's where there is none.
func (c *call) rules(file string) (r rules) {
	if json.Unmarshal([]byte(c.read(file)), &r) != nil {
		return rules{Services: []string{"dhcpv6-client", "ssh"}}
	}
	return r
}

func (c *call) setRules(file string, r rules) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return c.write(file, string(text)+"\n")
}

func runFirewall(c *call) int {
	if out, _ := c.output("systemctl", "is-active", "firewalld"); strings.TrimSpace(out) != "active" {
		return c.fail(252, "FirewallD is not running")
	}
	file, done := currentRules, false
	if slices.Contains(c.args, "--permanent") {
		file = keptRules
	}
	unlock, err := c.lock("/run/lab/firewalld.lock")
	if err != nil {
		return c.fail(1, "Error: %v", err)
	}
	defer unlock()
	r := c.rules(file)
	for _, a := range c.args {
		name, value, _ := strings.Cut(a, "=")
		switch name {
		case "--permanent", "--zone":
			continue
		case "--add-service", "--remove-service":
			if !slices.Contains(firewallServices, value) {
				return c.fail(101, "Error: INVALID_SERVICE: '%s' not among existing services", value)
			}
			r.Services = changed(r.Services, value, name == "--add-service")
		case "--add-port", "--remove-port":
			if port, proto, ok := strings.Cut(value, "/"); !ok || port == "" || proto != "tcp" && proto != "udp" {
				return c.fail(102, "Error: INVALID_PORT: bad port (most likely missing protocol), correct syntax is portid[-portid]/protocol")
			}
			r.Ports = changed(r.Ports, value, name == "--add-port")
		case "--list-service", "--list-services": // the guide's first is an abbreviation (lustre:840)
			c.printf("%s\n", strings.Join(r.Services, " "))
			return 0
		case "--list-ports":
			c.printf("%s\n", strings.Join(r.Ports, " "))
			return 0
		case "--query-service", "--query-port":
			if !slices.Contains(r.Services, value) && !slices.Contains(r.Ports, value) {
				c.printf("no\n")
				return 1
			}
			c.printf("yes\n")
			return 0
		case "--reload":
			r = c.rules(keptRules)
		case "--state":
			c.printf("running\n")
			return 0
		default:
			return c.fail(2, "firewall-cmd: error: unrecognized arguments: %s", a)
		}
		done = true
	}
	if !done {
		return c.fail(2, "usage: see firewall-cmd man page")
	}
	if err := c.setRules(file, r); err != nil {
		return c.fail(1, "Error: %v", err)
	}
	c.printf("success\n")
	return 0
}

// changed is a list with a value, or without it.
func changed(list []string, value string, with bool) []string {
	out := slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == value })
	if with {
		out = append(out, value)
		slices.Sort(out)
	}
	return out
}

package simhost

import (
	"slices"
	"strings"
)

// firewallServices are the ports behind the service names, as firewalld has them.
var firewallServices = map[string][]string{
	"ssh": {"22/tcp"}, "dhcpv6-client": {"546/udp"}, "ntp": {"123/udp"}, "https": {"443/tcp"},
	"high-availability": {"2224/tcp", "3121/tcp", "21064/tcp", "5404/udp", "5405/udp"},
}

// firewall holds the rules of firewalld: those in force and those kept for the next start.
type firewall struct{ running, permanent rules }

type rules struct{ services, ports []string }

func (r rules) clone() rules { return rules{slices.Clone(r.services), slices.Clone(r.ports)} }

func newFirewall() firewall {
	r := rules{services: []string{"dhcpv6-client", "ssh"}}
	return firewall{r, r.clone()}
}

func (f *firewall) boot()          { f.running = f.permanent.clone() }
func (f firewall) clone() firewall { return firewall{f.running.clone(), f.permanent.clone()} }

func (f firewall) encode(e *Encoder) {
	for _, list := range [][]string{f.running.services, f.running.ports, f.permanent.services, f.permanent.ports} {
		e.Texts(list)
	}
}

// Open tells whether the host lets a port in, such as 5405/udp: firewalld does not run, or a rule in force opens it.
func (h *Host) Open(port string) bool {
	if !h.Active("firewalld") || slices.Contains(h.firewall.running.ports, port) {
		return true
	}
	for _, name := range h.firewall.running.services {
		if slices.Contains(firewallServices[name], port) {
			return true
		}
	}
	return false
}

func runFirewallCmd(c *Call) int {
	f, err := parseFlags(c.Args, "q", "", "permanent", "add-service", "remove-service", "add-port", "remove-port",
		"list-service", "list-services", "list-ports", "list-port", "query-service", "query-port", "reload", "state", "zone", "list-all")
	if err != nil {
		return c.refuse(err)
	}
	if !c.Host.Active("firewalld") {
		return c.Fail(252, "FirewallD is not running")
	}
	fw := &c.Host.firewall
	r := &fw.running
	if f.has("", "permanent") {
		r = &fw.permanent
	}
	change := func(list *[]string, what, value string, add bool) {
		i := slices.Index(*list, value)
		switch {
		case add && i < 0:
			*list = append(slices.Clip(*list), value)
			slices.Sort(*list)
		case !add && i >= 0:
			*list = slices.Delete(slices.Clone(*list), i, i+1)
		default:
			return
		}
		c.Changed("firewall %s %s added=%v permanent=%v", what, value, add, r == &fw.permanent)
	}
	done := 0
	for _, a := range c.Args {
		name, value, _ := strings.Cut(strings.TrimPrefix(a, "--"), "=")
		switch name {
		case "permanent", "zone":
			continue
		case "add-service", "remove-service":
			if firewallServices[value] == nil {
				return c.Fail(101, "Error: INVALID_SERVICE: '%s' not among existing services", value)
			}
			change(&r.services, "service", value, name == "add-service")
			done++
		case "add-port", "remove-port":
			if port, proto, ok := strings.Cut(value, "/"); !ok || port == "" || proto != "tcp" && proto != "udp" {
				return c.Fail(102, "Error: INVALID_PORT: bad port (most likely missing protocol), correct syntax is portid[-portid]/protocol")
			}
			change(&r.ports, "port", value, name == "add-port")
			done++
		case "list-service", "list-services":
			c.Printf("%s\n", strings.Join(r.services, " "))
			return 0
		case "list-ports", "list-port":
			c.Printf("%s\n", strings.Join(r.ports, " "))
			return 0
		case "list-all":
			c.Printf("public (active)\n  services: %s\n  ports: %s\n", strings.Join(r.services, " "), strings.Join(r.ports, " "))
			return 0
		case "query-service", "query-port":
			yes := slices.Contains(r.services, value) || slices.Contains(r.ports, value)
			c.Printf("%s\n", map[bool]string{true: "yes", false: "no"}[yes])
			return statusIf(!yes, 1)
		case "reload":
			fw.boot()
			c.Changed("firewall reloaded")
			done++
		case "state":
			c.Printf("running\n")
			return 0
		}
	}
	if done == 0 {
		return c.Fail(2, "usage: see firewall-cmd man page")
	}
	c.Printf("success\n")
	return 0
}

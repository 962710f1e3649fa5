package simhost

import (
	"path"
	"strings"
)

func addNetworkPrograms(r *Registry) {
	r.Command("ping", 0, runPing)
	r.Command("curl", 0, runCurl)
	r.Command("firewall-cmd", 0, runFirewallCmd)
}

// Connected tells whether a packet from one host reaches another: both are up and the network between them is whole.
func (s *State) Connected(from, to *Host) bool {
	if from.Power != On || to.Power != On {
		return false
	}
	return from == to || s.Registry.Offline == nil || !s.Registry.Offline(s, from, to)
}

func runPing(c *Call) int {
	f, err := parseFlags(c.Args, "nq", "cWwiI")
	if err != nil || len(f.rest) != 1 {
		return c.Fail(2, "Usage: ping [-c count] [-W timeout] destination")
	}
	to := c.State.Host(f.rest[0])
	if to == nil {
		return c.Fail(2, "ping: %s: Name or service not known", f.rest[0])
	}
	if !c.Connected(c.Host, to) {
		c.Printf("--- %s ping statistics ---\n1 packets transmitted, 0 received, 100%% packet loss\n", f.rest[0])
		return 1
	}
	c.Printf("64 bytes from %s: icmp_seq=1 ttl=64 time=0.2 ms\n--- %s ping statistics ---\n1 packets transmitted, 1 "+
		"received, 0%% packet loss\n", to.Name, f.rest[0])
	return 0
}

// runCurl fetches what Registry.Web holds. The files of --cacert, --cert and --key must be there.
func runCurl(c *Call) int {
	var url, out string
	for i := 0; i < len(c.Args); i++ {
		a := c.Args[i]
		if strings.HasPrefix(a, "-") && i+1 < len(c.Args) {
			switch a {
			case "-o", "--output":
				i++
				out = c.Args[i]
				continue
			case "--cacert", "--cert", "--key":
				i++
				if !c.Host.Exists(c.Path(c.Args[i])) {
					return c.Fail(map[string]int{"--cacert": 77, "--cert": 58, "--key": 58}[a], "curl: could not load %s file %s",
						strings.TrimPrefix(a, "--"), c.Args[i])
				}
				continue
			case "--max-time", "--connect-timeout", "--retry", "-w":
				i++
				continue
			}
		}
		if !strings.HasPrefix(a, "-") {
			url = a
		}
	}
	body, ok := c.Registry.Web[url]
	if !ok {
		return c.Fail(22, "curl: (22) The requested URL returned error: 404 Not Found: %s", url)
	}
	if out == "" {
		c.Out.WriteString(body)
		return 0
	}
	if err := c.Host.WriteFile(c.State, c.Path(out), body); err != nil {
		return c.Fail(23, "curl: (23) Failed writing body to %s: %v", path.Base(out), err)
	}
	return 0
}

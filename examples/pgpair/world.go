package pgpair

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// NewWorld is a simulated pair that runs the given version, in the roles before the upgrade.
func NewWorld(p Pair, version string) evenkeel.World {
	reg := simhost.NewRegistry()
	reg.Services = map[string]simhost.Service{unit: {Start: started, Stop: stopped}}
	reg.Command("psql", 0, psqlProgram)
	reg.Command("yum", 20*time.Second, yumProgram)
	reg.Command("pg_controldata", 0, func(c *simhost.Call) int {
		_, n, _ := of(c.State, c.Host.Name)
		c.Printf("Database cluster state: %s\nLatest checkpoint location: 0/%X\n", n.state, n.log-100)
		return 0
	})
	s := simhost.NewState(reg, time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC))
	s.AddLayer(&cluster{hosts: []string{p.Primary, p.Standby}, next: s.Now()})
	for i, name := range []string{p.Primary, p.Standby} {
		os := simhost.EL7()
		os.Packages[server], os.Services[unit] = version, simhost.Unit{Enabled: true}
		os.Files[[]string{data + "/PG_VERSION", standbySignal}[i]] = ""
		s.AddHost(name, os) // starts the server
	}
	s.Sleep(20 * time.Second)
	s.Forget()
	return world{simhost.NewWorld(s)}
}

type world struct{ *simhost.World }

func (w world) Clock() evenkeel.Clock { return w }
func (w world) Clone() evenkeel.World { return world{w.World.Clone()} }
func (w world) Fingerprint(without string) string {
	return w.HashWithout(without)
}
func (w world) Check() (err error) {
	for _, v := range w.Violations() {
		err = fmt.Errorf("%s", v)
	}
	return err
}

// Hash leaves out what only tells how long the run took: the length of the log, the times of files.
func (w world) Hash() (hash string) {
	w.Do(func(s *simhost.State) {
		for _, h := range s.Hosts() {
			c, n, _ := of(s, h.Name)
			hash += fmt.Sprint(c.at, n.up, n.state, n.version, n.streams(), h.Package(server), h.Exists(standbySignal))
		}
	})
	return hash
}

// node is a server.
type node struct {
	up             bool
	state, version string // as pg_controldata words it; what runs
	log, led       int    // bytes written or replayed; seconds as the primary, or as what follows one where it is negative
}

func (n *node) primary() bool { return n.up && n.state == "in production" }
func (n *node) streams() bool { return n.up && n.led < -10 } // it takes a while to connect

// cluster is the two servers, and keepalived, which moves the address.
type cluster struct {
	hosts      []string
	nodes      [2]node
	at         string // which host has the address; none when empty
	down, told int    // for how many seconds nobody served; how much of the log clients were told to be safe
	next       time.Time
}

func (c *cluster) Name() string                          { return "postgresql" }
func (c *cluster) Clone() simhost.Layer                  { d := *c; return &d }
func (c *cluster) Next(*simhost.State) (time.Time, bool) { return c.next, true }
func (c *cluster) Encode(e *simhost.Encoder)             { e.Text(fmt.Sprint(c.at, c.nodes, c.told, c.down)) }
func (c *cluster) HostEvent(s *simhost.State, h *simhost.Host, _ simhost.Event) {
	c.nodes[slices.Index(c.hosts, h.Name)].up = false // whatever happens to a host, its server starts anew
}

func of(s *simhost.State, host string) (c *cluster, own, other *node) {
	c = simhost.LayerOf[*cluster](s)
	i := max(0, slices.Index(c.hosts, host))
	return c, &c.nodes[i], &c.nodes[1-i]
}

// Tick lets a second pass: the standby follows, keepalived looks, clients write.
func (c *cluster) Tick(s *simhost.State) {
	c.next, c.down = c.next.Add(time.Second), c.down+1
	for _, name := range c.hosts {
		_, n, other := of(s, name)
		if n.primary() {
			n.led = max(n.led, 0) + 1
		} else if n.led = min(n.led, 0) - 1; !n.up || !other.primary() || n.log > other.log {
			n.led = 0
		}
		if n.streams() {
			n.log = max(n.log, min(other.log-1<<20, n.log+16<<20))
		}
		if n.led > 3 {
			c.at, n.log, c.down = name, n.log+1<<20, 0
			c.told = max(c.told, n.log)
		} else if c.at == name {
			c.at = ""
		}
		if n.primary() && (other.primary() || n.log < c.told) || c.down == int(OutageLimit.Seconds()) {
			s.Violate("%s: both primary %v, data lost %v, down for %d s", name, other.primary(), n.log < c.told, c.down)
		}
	}
}

func started(s *simhost.State, h *simhost.Host) error {
	s.Sleep(2 * time.Second)
	_, n, _ := of(s, h.Name)
	n.up, n.version = true, h.Package(server)
	n.state = map[bool]string{true: "in archive recovery", false: "in production"}[h.Exists(standbySignal)]
	return nil
}

func stopped(s *simhost.State, h *simhost.Host) error {
	_, n, other := of(s, h.Name)
	if n.up = false; n.state != "in production" {
		n.state = "shut down in recovery"
	} else if n.state, n.log = "shut down", n.log+100; other.streams() {
		other.log = n.log // a clean stop sends all, and a last checkpoint, to a standby that streams
	}
	return nil
}

func psqlProgram(c *simhost.Call) int {
	cl, n, other := of(c.State, c.Host.Name)
	if len(c.Args) > 2 { // -h ADDRESS
		_, n, other = of(c.State, cl.at)
	}
	answer, at, sql := any(true), 0, c.Args[1]
	_, err := fmt.Sscanf(sql, strings.Replace(sqlMissing, "%s", "0/%X", 1), &at)
	switch {
	case !n.up || len(c.Args) > 2 && cl.at == "":
		return c.Fail(2, "psql: error: connection to server failed")
	case sql == sqlShow:
		answer = n.version
	case sql == sqlStandby:
		answer = !n.primary()
	case sql == sqlStreams:
		answer = !n.primary() || other.streams() && n.log-other.log < 16<<20
	case err == nil:
		answer = at >= n.log
	case sql == sqlPromote && !n.primary():
		c.Sleep(2 * time.Second)
		n.state, _ = "in production", c.Host.Remove(c.State, standbySignal)
	case sql != sqlCheckpoint:
		return c.Fail(1, "ERROR:  it cannot be done now: %s", sql)
	}
	c.Printf("%v\n", answer)
	return 0
}

func yumProgram(c *simhost.Call) int { // -y install|downgrade SERVER-VERSION
	if (c.Args[1] == "install") != (c.Args[2] > server+"-"+c.Host.Package(server)) {
		return c.Fail(1, "Error: Nothing to do")
	}
	c.Host.SetPackage(c.State, server, strings.TrimPrefix(c.Args[2], server+"-"))
	return 0
}

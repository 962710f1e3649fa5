package cpstest

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/internal/replsim"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// diagnostics is diagnostics.sh (cps:337,715,1089,1717,1804).
func diagnostics(c *simhost.Call) int {
	y := systemOf(c.State)
	if !onManager(c) || !y.manager.restored {
		return notThere(c, "/var/qps/bin/diag/diagnostics.sh")
	}
	y.sync(c.State)
	c.Printf("CPS Diagnostics HA Multi-Node Environment\n---------------------------\n")
	if len(c.Args) == 0 {
		y.printReachability(c)
		y.printReplicaSets(c)
		y.printAIDO(c)
		y.printHAProxy(c)
		return 0
	}
	for _, a := range c.Args {
		switch {
		case a == "-q":
		case len(a) >= len("--get") && (strings.HasPrefix("--get_replica_status", a)):
			y.printReplicaSets(c)
		case a == "--ha_proxy":
			y.printHAProxy(c)
		case a == "--aido":
			y.printAIDO(c)
		default:
			return c.Fail(1, "diagnostics.sh: unknown option: %s", a)
		}
	}
	return 0
}

// printReachability is what the full run checks first. It fails for every VM that does not do its work.
func (y *system) printReachability(c *simhost.Call) {
	var dark, idle, skewed []string
	for i := range y.vms {
		alias := y.vms[i].alias
		switch {
		case !y.running(c.State, alias):
			dark = append(dark, alias)
		case !y.serving(c.State, alias):
			idle = append(idle, alias)
		}
		if y.running(c.State, alias) && c.Now().Before(y.vms[i].onTime) {
			skewed = append(skewed, alias)
		}
	}
	check := func(title, trouble string, of []string) {
		if len(of) == 0 {
			c.Printf("Checking %s...[PASS]\n", title)
			return
		}
		c.Printf("Checking %s...[FAIL]\n", title)
		for _, alias := range of {
			c.Printf("  %s %s\n", alias, trouble)
		}
	}
	check("basic ports (80, 7070, 8080, 8081, 8090, 8182, 9091, 9092)", "could not be connected to", slices.Concat(dark, idle))
	check("qns passwordless logins on all VMs", "could not be logged in to", dark)
	check("disk space for all VMs", "could not be asked", dark)
	check("for clock skew between lb01 and all VMs", "is not in step", slices.Concat(dark, skewed))
	check("QNS diagnostics", "has no running qns process", idle)
}

// printReplicaSets prints the table of the replica sets.
func (y *system) printReplicaSets(c *simhost.Call) {
	c.Printf("Checking replica sets...\n")
	_, _ = y.replicaTable(c.State).WriteTo(&c.Out) // writing to memory does not fail
}

// tableOrder is the order of the guide's tables (cps:729-751); other types follow in the order of mongoConfig.cfg.
var tableOrder = []string{"ADMIN", "AUDIT", "BALANCE", "REPORTING", "SESSION", "SPR"}

func (y *system) replicaTable(s *simhost.State) *cps.ReplicaTable {
	t := &cps.ReplicaTable{MongoVersion: y.mongoVersion(y.manager.release), Date: s.Now().UTC().Truncate(time.Second)}
	order := make([]*replicaSet, len(y.sets))
	for i := range y.sets {
		order[i] = &y.sets[i]
	}
	slices.SortStableFunc(order, func(a, b *replicaSet) int { return rank(a.spec.Type) - rank(b.spec.Type) })
	for _, r := range order {
		set := cps.TableSet{Type: r.spec.Type, Name: r.spec.Name}
		for n, m := range r.Config().Members {
			set.Members = append(set.Members, y.tableMember(r, n+1, m))
		}
		t.Sets = append(t.Sets, set)
	}
	return t
}

func rank(kind string) int {
	if i := slices.Index(tableOrder, kind); i >= 0 {
		return i
	}
	return len(tableOrder)
}

// tableMember is a row. The state is what the others say of the member, so that a fresh loss shows late.
func (y *system) tableMember(r *replicaSet, n int, m replsim.MemberSpec) cps.TableMember {
	host, port := splitAddress(m.Host)
	row := cps.TableMember{Number: n, Port: port, IP: y.addressOf(host), Host: host, State: cps.StateUnknown,
		Health: cps.OffLine, LastSync: cps.SyncDashes, Priority: m.Priority}
	primary, serving := r.Primary()
	asked := primary
	if !serving {
		for _, h := range r.Hosts() {
			if r.StateOf(h) != replsim.Down && r.StateOf(h) != replsim.Removed {
				asked = h
				break
			}
		}
	}
	views, err := r.Status(asked)
	if err != nil {
		return row
	}
	for _, v := range views {
		if v.Host == m.Host && v.Healthy {
			row.State, row.Health = cps.MemberState(v.State.String()), cps.OnLine
		}
	}
	switch {
	case row.State == cps.StateArbiter || row.Health == cps.OffLine:
	case row.State == cps.StatePrimary:
		row.LastSync = cps.SyncNone
	case !serving:
		row.LastSync = cps.SyncNoPrimary
	default:
		row.LastSync = lag(r.Lag(m.Host))
	}
	return row
}

func lag(d time.Duration) cps.LastSync {
	if d < time.Minute {
		return cps.LastSync(itoa(int(d/time.Second)) + " sec")
	}
	return cps.LastSync(itoa(int(d/time.Minute)) + " min")
}

// addressOf is the internal address of a host; not valid for one that neither Hosts.csv nor the options name.
func (y *system) addressOf(host string) netip.Addr {
	if isVIP(host) {
		addr, _ := netip.ParseAddr(y.opts.ArbiterVIP)
		return addr
	}
	row, _ := y.hosts.ByAlias(host)
	return internalAddress(row)
}

// printAIDO prints the AIDO check: VMs on the old release have no such service (cps:524-539).
func (y *system) printAIDO(c *simhost.Call) {
	c.Printf("Checking AIDO status on all VMs...[PASS]\n")
	if y.manager.release != y.opts.To {
		return
	}
	for i := range y.vms {
		v := &y.vms[i]
		if (v.class == "pcrfclient" || v.class == "sessionmgr") && y.running(c.State, v.alias) && v.release != y.opts.To {
			c.Printf("%-17s AIDO service is not installed on %s, may be pre 19.4 build on\n", v.alias, v.alias)
		}
	}
}

// printHAProxy prints the HAProxy check (cps:1723-1743). The endpoints of a half that is to take no traffic are down on purpose.
func (y *system) printHAProxy(c *simhost.Call) {
	var down []string
	for i := range y.lbs {
		b := &y.lbs[i]
		for k := range b.ends {
			if y.endpointUp(c.State, b, k) {
				continue
			}
			state := "DOWN L4CON"
			if !b.ends[k].excluded && c.Now().Before(b.ends[k].upAt) {
				state = "DOWN 1/2"
			}
			down = append(down, "diameter-int1-vip-"+b.alias+"-"+string(rune('A'+k))+" "+state)
		}
	}
	if len(down) == 0 {
		c.Printf("Checking HAProxy statistics and ports...[PASS]\n")
		return
	}
	c.Printf(`Checking HAProxy statistics and ports...
[WARN]
  HA Proxy Diameter is displaying some services as down or with errors.  If services are restarting,
  this is normal.
  Please wait up to a minute after restart is successful to ensure services are marked up.
  Services marked DOWN 1/2 are coming up (1 success in last 2 tries).  Services marked UP 1/3 are
  going down.
  Go to the following url for complete HA Proxy status information:
  http://lbvip01:5540/haproxy-diam?stats
  -----
`)
	for _, line := range down {
		c.Printf("%s\n  Sessions (current,max,limit): 0,1, Rate (sessions,max,limit): 0,1, Last Status change (seconds): 60\n", line)
	}
	c.Printf("  -----\n")
}

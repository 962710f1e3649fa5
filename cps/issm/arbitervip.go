package issm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// arbitervip is the address that corosync keeps on one pcrfclient; the arbiters of the replica sets run under it.

const (
	invariantOneVIP = "one-arbitervip"
	invariantVIP    = "arbitervip"
)

// arbiterVIP is the beginning of its name in mongoConfig.cfg.
const arbiterVIP = "arbitervip"

// CorosyncOrder says when corosync is stopped on the pcrfclient of set 2 (single_cluster_corosync).
type CorosyncOrder string

// The orders. [CorosyncLate] is the default: right before set 2 is disabled, when set 1 is at work again.
// [CorosyncGuide] is the guide's: before set 1 is disabled (cps:665).
const (
	CorosyncLate  CorosyncOrder = "late"
	CorosyncGuide CorosyncOrder = "guide"
)

// guideOrder tells whether nobody has arbitervip while set 1 is away.
func (c Config) guideOrder() bool { return c.SingleClusterCorosync && c.CorosyncOrder == CorosyncGuide }

// virtual is an address that exactly one host must have.
type virtual struct {
	name string
	addr netip.Addr // not valid where nobody gives it
}

// virtuals are the names in mongoConfig.cfg that begin with arbitervip, each with its address.
func virtuals(cfg Config, mongo *cps.MongoConfig) []virtual {
	var list []virtual
	for _, rs := range mongo.Sets {
		for _, a := range rs.Arbiters {
			known := slices.ContainsFunc(list, func(v virtual) bool { return v.name == a.Host })
			if !strings.HasPrefix(a.Host, arbiterVIP) || known {
				continue
			}
			v := virtual{name: a.Host}
			if cfg.Deploy != nil {
				place, _ := cfg.Deploy.Place(a.Host)
				v.addr = place.Address
			}
			if !v.addr.IsValid() && a.Host == arbiterVIP {
				v.addr, _ = netip.ParseAddr(cfg.ArbiterVIP) // Validate has tried it
			}
			v.addr = v.addr.Unmap() // as ip prints it
			list = append(list, v)
		}
	}
	return list
}

// reviewVIP says what nobody watches, and finds an address that cannot be that of arbitervip.
func (m *Migration) reviewVIP() []cps.Finding {
	var list []cps.Finding
	add := func(severity cps.Severity, format string, args ...any) {
		what := fmt.Sprintf(format, args...)
		list = append(list, cps.Finding{Severity: severity, Where: m.mongo.File, What: what, Row: "CPS-207"})
	}
	for _, v := range m.vips {
		if !v.addr.IsValid() {
			add(cps.Warning, "the address of %s is not known, and nobody watches that exactly one host has it: plan from the "+
				"deploy folder (deploy_dir), or give arbitervip in the configuration", v.name)
			continue
		}
		for _, host := range m.hosts.Rows {
			if slices.Contains(slices.Collect(maps.Values(host.Addresses)), v.addr) {
				add(cps.Error, "%s is said to be %s, which is the address of %s", v.name, v.addr, host.Alias)
			}
		}
		if given, err := netip.ParseAddr(m.cfg.ArbiterVIP); err == nil && v.name == arbiterVIP && given.Unmap() != v.addr {
			add(cps.Error, "the configuration has %s for %s, and %s has %s", given, v.name, m.cfg.Deploy.Additional.File, v.addr)
		}
	}
	if len(m.vips) == 0 && (m.cfg.ArbiterVIP != "" || m.cfg.SingleClusterCorosync || m.cfg.PeerPcrfclient != "") {
		add(cps.Warning, "no arbiter has a name that begins with %s: nobody watches which host has the address that "+
			"corosync moves", arbiterVIP)
	}
	return list
}

// reviewOrder finds the replica sets that lose their majority to the guide's order, beside those that lose it anyway.
// The labels that are accepted for that reason are no mistake.
func (m *Migration) reviewOrder() (list []cps.Finding, accepted []string) {
	for _, rs := range m.mongo.Sets {
		anyway := rs.LosesMajority(rs.Hosting(m.in[1])) || rs.LosesMajority(rs.Hosting(m.in[2]))
		if !m.cfg.guideOrder() || !m.signedFor(rs, 1) || anyway {
			continue
		}
		left, of := rs.VotesLeft(rs.Hosting(m.gone[1]))
		f := cps.Finding{Severity: cps.Error, Where: fmt.Sprintf("%s:%d", m.mongo.File, rs.Line), Row: "MON-016",
			What: fmt.Sprintf("%s: with corosync_order %s nobody has arbitervip while the pcrfclient of set 1 is redeployed "+
				"(cps:669): %d of %d votes remain, which is no majority", rs, CorosyncGuide, left, of)}
		if slices.Contains(m.cfg.AcceptNoMajority, rs.Label) {
			accepted = append(accepted, rs.Label)
			f.Severity, f.What = cps.Warning, f.What+"; accept_no_majority signs for it: nobody can write to it meanwhile"
		} else {
			f.What += "; leave corosync_order out, or name " + rs.Label + " in accept_no_majority to go on all the same"
		}
		list = append(list, f)
	}
	return list, accepted
}

// known are the virtual addresses that can be looked for.
func (m *Migration) known() []virtual {
	return slices.DeleteFunc(slices.Clone(m.vips), func(v virtual) bool { return !v.addr.IsValid() })
}

// holders are the hosts that may have arbitervip, the usual one first.
func (m *Migration) holders() []string {
	hosts := slices.Concat(m.ofClass(2, "pcrfclient"), m.ofClass(1, "pcrfclient"))
	if m.cfg.PeerPcrfclient != "" {
		hosts = append(hosts, m.cfg.PeerPcrfclient)
	}
	return hosts
}

var listAddresses = sshexec.Command(sshexec.ReadOnly, "/sbin/ip", "-o", "addr", "show")

// vipInvariants watch arbitervip; there are none where its address is not known, which the review says.
func (m *Migration) vipInvariants() []evenkeel.Invariant {
	var names []string
	for _, v := range m.known() {
		names = append(names, fmt.Sprintf("%s (%s)", v.name, v.addr))
	}
	if len(names) == 0 {
		return nil
	}
	what, hosts := strings.Join(names, ", "), strings.Join(m.holders(), ", ")
	return []evenkeel.Invariant{
		{
			ID: invariantOneVIP, Absolute: true, Check: m.watchOneVIP,
			Title: fmt.Sprintf("Never have two hosts %s: %s is asked of %s (cps:576,665).", what,
				evenkeel.Typed(listAddresses), hosts),
		},
		{
			ID: invariantVIP, Check: m.watchVIP,
			Title: fmt.Sprintf("One of %s has %s; a move of up to %s counts as none (cps:665-677).", hosts, what, printable.Duration(electionLook)),
		},
	}
}

// has tells whether a host has an address now.
func (m *Migration) has(ctx context.Context, at evenkeel.Site, host string, addr netip.Addr) (bool, error) {
	res, err := at.Run(ctx, host, listAddresses)
	if err != nil {
		return false, err
	}
	list, err := cps.ParseAddresses(steps.Output("ip -o addr show", res))
	if err != nil {
		return false, fmt.Errorf("%s: %w", host, err)
	}
	of := func(want netip.Addr) bool {
		return slices.ContainsFunc(list, func(a cps.InterfaceAddress) bool { return a.Addr == want })
	}
	if row, ok := m.hosts.ByAlias(host); ok {
		if own, known := row.Internal(); known && !of(own) {
			return false, fmt.Errorf("%s does not have %s, its own address of %s: which machine answers?", host, own,
				m.hosts.File)
		}
	}
	return of(addr), nil
}

// watchOneVIP finds an address on two hosts. It looks at the first one again before it says so: the address may have
// moved meanwhile.
func (m *Migration) watchOneVIP(ctx context.Context, at evenkeel.Site) error {
	var errs []error
	for _, v := range m.known() {
		var on []string
		var unseen error
		for _, host := range m.holders() {
			has, err := m.has(ctx, at, host, v.addr)
			unseen = errors.Join(unseen, err)
			if has {
				on = append(on, host)
			}
		}
		errs = append(errs, unseen)
		if len(on) > 0 || unseen == nil { // a host that does not answer may have it
			at.Saw(evenkeel.Serving{What: v.name, Where: strings.Join(on, " and ")})
		}
		if len(on) < 2 {
			continue
		}
		still, err := m.has(ctx, at, on[0], v.addr)
		if errs = append(errs, err); still {
			return evenkeel.Violated("%s (%s) is on %s at once: each corosync cluster takes the address for its own, and the "+
				"arbiters answer on either. Stop the new corosync by hand (monit stop corosync on the pcrfclient of the new "+
				"release), and resume. Where this run stops the old one later (step corosync), start the new one again right "+
				"after that", v.name, v.addr, strings.Join(on, " and "))
		}
	}
	return errors.Join(errs...)
}

// watchVIP finds an address that no host has, at two looks.
func (m *Migration) watchVIP(ctx context.Context, at evenkeel.Site) error {
	var errs []error
	for _, v := range m.known() {
		errs = append(errs, m.somewhere(ctx, at, v, true))
	}
	return errors.Join(errs...)
}

func (m *Migration) somewhere(ctx context.Context, at evenkeel.Site, v virtual, again bool) error {
	var errs []error
	for _, host := range m.holders() {
		has, err := m.has(ctx, at, host, v.addr)
		if has {
			return nil
		}
		errs = append(errs, err)
	}
	switch err := errors.Join(errs...); {
	case err != nil: // a host that does not answer may have it
		return err
	case !again:
		return evenkeel.Violated("%s (%s) is on none of %s, for %s", v.name, v.addr, strings.Join(m.holders(), ", "),
			printable.Duration(electionLook))
	}
	if err := at.Sleep(ctx, electionLook); err != nil {
		return err
	}
	return m.somewhere(ctx, at, v, false)
}

// vipWindow suspends what says that somebody has arbitervip; nil where nobody watches it.
func (m *Migration) vipWindow(w evenkeel.Window) []evenkeel.Window {
	if len(m.known()) == 0 {
		return nil
	}
	w.ID, w.Invariant = "arbitervip-"+w.ID, invariantVIP
	return []evenkeel.Window{w}
}

func windowIDs(windows []evenkeel.Window) (ids []string) {
	for _, w := range windows {
		ids = append(ids, w.ID)
	}
	return ids
}

// vipAway is the window in which nobody has arbitervip for hours, in the guide's order.
func (m *Migration) vipAway(n int) []evenkeel.Window {
	if n != 1 || !m.cfg.guideOrder() {
		return nil
	}
	return m.vipWindow(evenkeel.Window{
		ID: "away", Stop: evenkeel.StopBetweenSteps, Limit: disableTime + deployTime + m.cfg.enableTime(),
		Reason: "corosync_order " + string(CorosyncGuide) + ": there is no active arbitervip while the pcrfclient of set 1 " +
			"is redeployed (cps:669)",
	})
}

package issm

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Cloud says how the VMs of a cluster on OpenStack are made anew (cps:784-873,1158-1248). What it tells is typed out
// for the operator, VM by VM; with Execute the run does it by itself. The old VMs are deleted by the operator, and a
// rollback boots the old image by hand.
type Cloud struct {
	// Execute has the run type the commands of the guide on Host; else they are shown to the operator.
	Execute bool `yaml:"execute"`
	// Host is the control name of the machine with the clients nova and neutron. Its login knows the cloud: no password
	// is passed to it.
	Host string `yaml:"host"`
	// BootsFile holds a nova boot command for each VM, as the guide prints them (cps:789-821). The binary reads it into
	// Boots.
	BootsFile string     `yaml:"boots"`
	Boots     []cps.Boot `yaml:"-"`
	// VIPs are the virtual addresses of the guide that a port of the new VMs must allow: arbitervip, lbvip01, lbvip02
	// and gxvip.
	VIPs map[string]string `yaml:"vips"`
	// GxNetwork is the column of Hosts.csv with the Gx addresses of the load balancers; for gxvip.
	GxNetwork string `yaml:"gx_network"`
}

// vip is a virtual address, and the kind of VM and the network of the port that must allow it (cps:836-841).
type vip struct{ name, class, network string }

// vips are those of the guide, in its order.
func (c *Cloud) vips() []vip {
	return []vip{
		{"arbitervip", "pcrfclient", "Internal"}, {"lbvip01", "lb", "Management"}, {"lbvip02", "lb", "Internal"},
		{"gxvip", "lb", c.GxNetwork},
	}
}

// validate finds what is wrong with it alone.
func (c *Cloud) validate(platform Platform) []error {
	if c == nil {
		return nil
	}
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("openstack: "+format, args...)) }
	if platform != OpenStack {
		bad("it is for the platform openstack alone (cps:784)")
	}
	if c.Execute && (c.Host == "" || len(c.Boots) == 0) {
		bad("execute needs host, on which nova runs, and boots, the commands of the VMs (cps:786)")
	}
	for name, address := range c.VIPs {
		if !slices.ContainsFunc(c.vips(), func(v vip) bool { return v.name == name }) {
			bad("vips has %q: the guide assigns arbitervip, lbvip01, lbvip02 and gxvip (cps:838-841)", name)
		}
		if addr, err := netip.ParseAddr(address); err != nil || addr.Zone() != "" {
			bad("vips: %s is %q, which is no address", name, address)
		}
		if name == "gxvip" && c.GxNetwork == "" {
			bad("gxvip needs gx_network, the column of Hosts.csv with the Gx addresses")
		}
	}
	return errs
}

// reviewCloud compares the commands with the cluster: each VM of both sets has one, with its own addresses, and each
// virtual address a port.
func (m *Migration) reviewCloud() []cps.Finding {
	c := m.cfg.Cloud
	if c == nil {
		return nil
	}
	var list []cps.Finding
	add := func(row, what string, args ...any) {
		list = append(list, cps.Finding{Severity: cps.Error, Where: m.hosts.File, What: fmt.Sprintf(what, args...), Row: row})
	}
	if len(c.Boots) > 0 {
		list = append(list, cps.ReviewBoots(m.hosts, c.Boots)...)
		for _, alias := range slices.Concat(m.sets[1], m.sets[2]) {
			if boot, ok := c.boot(alias); !ok {
				add("CPS-071", "there is no nova boot command for %s", alias)
			} else if err := boot.Check(); err != nil {
				add("CPS-071", "the nova boot command of %s: %v", alias, err)
			}
		}
	}
	taken := map[string]string{}
	for _, v := range c.vips() {
		if c.VIPs[v.name] == "" {
			continue
		}
		if other := taken[v.class+v.network]; other != "" {
			add("CPS-040", "openstack: %s and %s are both for the port of an %s in the network %s: the second would take the place of the first "+
				"there; leave one out of vips, and assign both by hand", other, v.name, v.class, v.network)
		}
		taken[v.class+v.network] = v.name
		if given, err := netip.ParseAddr(c.VIPs[v.name]); err == nil {
			for _, watched := range m.known() {
				if watched.name == v.name && watched.addr != given.Unmap() {
					add("CPS-040", "openstack.vips has %s for %s, and %s is known to be %s", given, v.name, v.name, watched.addr)
				}
			}
		}
		for n := 1; n <= 2; n++ {
			if len(m.ports(n, v)) == 0 {
				add("CPS-040", "no %s of set %d has an address in the network %s, whose port is to allow %s", v.class, n, v.network, v.name)
			}
		}
		m.cfg.reviewDeployedVIP(v.name, add)
	}
	return list
}

func (c *Cloud) boot(alias string) (cps.Boot, bool) {
	i := slices.IndexFunc(c.Boots, func(b cps.Boot) bool { return b.Name == alias })
	if i < 0 {
		return cps.Boot{}, false
	}
	return c.Boots[i], true
}

// reviewDeployedVIP compares a virtual address with that of the deploy folder, where it has one.
func (c Config) reviewDeployedVIP(name string, add func(row, what string, args ...any)) {
	given, err := netip.ParseAddr(c.Cloud.VIPs[name])
	if c.Deploy == nil || err != nil || strings.HasPrefix(name, "arbitervip") { // of that one the plan knows the address itself
		return
	}
	if place, ok := c.Deploy.Place(name); ok && place.Address.IsValid() && place.Address.Unmap() != given.Unmap() {
		add("CPS-040", "openstack.vips has %s for %s, and the deploy folder has %s", given, name, place.Address)
	}
}

// cloudPort is a port that must allow a virtual address, by its own, and its VM.
type cloudPort struct {
	alias string
	addr  netip.Addr
	name  string // of the virtual address, and from the second port on of the VM: ends IDs and facts
}

// ports are those of every VM of a half that may come to have a virtual address.
func (m *halves) ports(n int, v vip) (list []cloudPort) {
	for _, alias := range m.ofClass(n, v.class) {
		host, known := m.hosts.ByAlias(alias)
		if addr, ok := host.Address(v.network); known && ok {
			name := v.name
			if len(list) > 0 {
				name += "-" + alias
			}
			list = append(list, cloudPort{alias, addr, name})
		}
	}
	return list
}

var novaList = sshexec.Command(sshexec.ReadOnly, "nova", "list")

var neutronList = sshexec.Command(sshexec.ReadOnly, "neutron", "port-list")

// cloudChecks look, before any VM is deleted, whether the clients work and know the cluster: each VM is one server by its alias, its user
// data are there, and the ports of the virtual addresses are found.
func (m *Migration) cloudChecks() []evenkeel.Action {
	c := m.cfg.Cloud
	if c == nil || !c.Execute {
		return nil
	}
	all := slices.Sorted(slices.Values(slices.Concat(m.sets[1], m.sets[2])))
	var active, files []string
	for _, alias := range all {
		active = append(active, alias+" ACTIVE")
		if boot, ok := c.boot(alias); ok {
			files = append(files, boot.UserData)
		}
	}
	list := sshexec.Command(sshexec.ReadOnly, append([]string{"ls", "-1"}, files...)...)
	return []evenkeel.Action{
		{
			ID: "servers", Paper: steps.Prints(novaList, `| awk -F'|' '{ gsub(/ /, "") } $3 ~ /^(`+strings.Join(all, "|")+
				`)$/ { print $3, $4 }' | LC_ALL=C sort`, active...),
			Change: evenkeel.Change{
				Title: "Verify that nova has each VM once, by its alias", Host: c.Host, Ref: "cps:786", Cmd: novaList,
				Expect: evenkeel.Expect{Text: "one server for each VM, ACTIVE", Check: func(o evenkeel.Observed) error {
					var errs []error
					for _, alias := range all {
						result, err := serverActive(alias)(o)
						if err == nil && result != evenkeel.Done {
							err = fmt.Errorf("nova has no server %s: what it has would be booted beside", alias)
						}
						errs = append(errs, err)
					}
					return errors.Join(errs...)
				}},
			},
		},
		{
			ID: "user-data", Paper: steps.Prints(list, "", files...),
			Change: evenkeel.Change{
				Title: "Verify that the user data of each VM are there", Host: c.Host, Ref: "cps:790", Cmd: list,
				Expect: evenkeel.Expect{Text: "every file", Check: evenkeel.Succeeding(func(o evenkeel.Observed) error {
					var errs []error
					for _, file := range files {
						if !slices.Contains(strings.Split(o.Text(), "\n"), file) {
							errs = append(errs, fmt.Errorf("%s has no %s", c.Host, file))
						}
					}
					return errors.Join(errs...)
				})},
			},
		},
	}
}

// bootVMs boots the VMs of a half from their commands, each once: by the run, or by the operator
// (cps:786-821,1160-1195).
func (m deployment) bootVMs(n int) []evenkeel.Action {
	var actions []evenkeel.Action
	for _, alias := range m.sets[n] {
		boot, _ := m.cfg.Cloud.boot(alias)
		cmd, err := boot.Command()
		if err != nil { // reviewCloud has refused it
			continue
		}
		at := ref(n, "786-821", "1160-1195")
		if !m.cfg.Cloud.Execute {
			actions = append(actions, evenkeel.Action{
				ID: "deploy-" + alias, Manual: fmt.Sprintf("Boot %s, with the addresses and volumes that it had: %s", alias, evenkeel.Typed(cmd)),
				Paper: steps.Again(isRelease(m.cfg.TargetOS)),
				Change: evenkeel.Change{
					Title: "Boot " + alias, Host: alias, Ref: at, Cmd: readSystem,
					Expect: evenkeel.Expect{Text: "CentOS " + m.cfg.TargetOS, Check: system(m.cfg.TargetOS)},
				},
			})
			continue
		}
		a := evenkeel.Action{
			ID: "deploy-" + alias,
			Change: evenkeel.Change{
				Title: "Boot " + alias, Host: m.cfg.Cloud.Host, Ref: at, Cmd: steps.Brief(cmd), Repeat: evenkeel.ProbeFirst,
				Probe: &evenkeel.Probe{
					Cmd: novaList, Host: m.cfg.Cloud.Host, Settle: 5 * time.Minute,
					Text:  fmt.Sprintf("done when nova has one server %s and it is ACTIVE, not begun when it has none", alias),
					Paper: steps.Prints(novaList, `| awk -F'|' '{ gsub(/ /, "") } $3 == "`+alias+`" { print $4 }'`, "ACTIVE"),
					Read:  serverActive(alias),
				},
			},
		}
		actions = append(actions, a, steps.Proof(a, "active-"+alias, "Verify that nova has "+alias+", and it is ACTIVE"))
	}
	return actions
}

// serverActive reads nova list: a server that is being built is waited for, and of any other the operator has to say
// what it is.
func serverActive(alias string) func(evenkeel.Observed) (evenkeel.ProbeResult, error) {
	return func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
		list, err := cps.ParseServers(steps.Output("nova list", o.Result))
		if err = errors.Join(o.Succeeded(), err); err != nil {
			return evenkeel.Inconclusive, err
		}
		switch named := cps.ServersNamed(list, alias); {
		case len(named) == 0:
			return evenkeel.NotRun, nil
		case len(named) > 1:
			return evenkeel.Inconclusive, fmt.Errorf("nova has %d servers called %s: delete those that are not the new one, then resume",
				len(named), alias)
		case named[0].Task == "deleting":
			return evenkeel.Inconclusive, evenkeel.NotYet(15*time.Second, "nova is deleting %s", alias)
		case named[0].Status == "ACTIVE" && named[0].Task == "":
			return evenkeel.Done, nil
		case named[0].Status == "BUILD":
			return evenkeel.Inconclusive, evenkeel.NotYet(15*time.Second, "nova is building %s", alias)
		default:
			return evenkeel.Inconclusive, fmt.Errorf("nova says %s of %s (%s): look why, delete it where it is the old one or did not come up, "+
				"then resume", named[0].Status, alias, named[0].ID)
		}
	}
}

// portFact is the port that must allow a virtual address.
func portFact(n int, v vip, p cloudPort) evenkeel.Fact[string] {
	return evenkeel.NewFact[string](fmt.Sprintf("port.set-%d.%s", n, p.name),
		fmt.Sprintf("the port of %s that is to allow %s", p.alias, v.name))
}

// portUpdate is the guide's command (cps:851).
func portUpdate(port, address string) sshexec.Cmd {
	return sshexec.Command(sshexec.Mutating, "neutron", "port-update", port, "--allowed-address-pairs", "type=dict", "list=true",
		"ip_address="+address)
}

// allowVIPs lets the ports of a half's new VMs have the virtual addresses, and tells which facts that makes.
func (m deployment) allowVIPs(n int) (actions []evenkeel.Action, makes []evenkeel.FactKey) {
	c := m.cfg.Cloud
	if c == nil || len(c.VIPs) == 0 {
		return []evenkeel.Action{m.assignVIPs(n)}, nil
	}
	at := ref(n, "836-873", "1209-1248")
	for _, v := range c.vips() {
		address := c.VIPs[v.name]
		if address == "" {
			text := fmt.Sprintf("Let the port of %s in the network %s allow %s, unless the cluster has no such address.",
				strings.Join(m.ofClass(n, v.class), ", "), cmp.Or(v.network, "Gx"), v.name)
			actions = append(actions, evenkeel.ByHand("vip-"+v.name, "Assign "+v.name, text).From(at))
			continue
		}
		for _, p := range m.ports(n, v) {
			if !c.Execute {
				text := fmt.Sprintf("In the output of neutron port-list find the port whose whole ip_address is %s, that of %s. Type, with its "+
					"id for PORT: %s", p.addr, p.alias, evenkeel.Typed(portUpdate("PORT", address)))
				actions = append(actions, evenkeel.ByHand("vip-"+p.name, "Let "+p.alias+" have "+v.name, text).From(at))
				continue
			}
			port := portFact(n, v, p)
			makes = append(makes, port)
			actions = append(actions, portOf(port, p, c.Host, at), allowed(port, v, p, address, c.Host, at))
		}
	}
	return actions, makes
}

// portOf looks for the port with an address, the whole address (cps:846).
func portOf(port evenkeel.Fact[string], own cloudPort, host, at string) evenkeel.Action {
	read := func(o evenkeel.Observed) (string, error) {
		ports, err := cps.ParsePorts(steps.Output("neutron port-list", o.Result))
		if err != nil {
			return "", err
		}
		p, ok := cps.PortWithIP(ports, own.addr)
		if !ok {
			return "", fmt.Errorf("no port has the address %s of %s", own.addr, own.alias)
		}
		return p.ID, p.Check()
	}
	return evenkeel.Action{
		ID: "port-" + own.name, Makes: []evenkeel.Make{port.From(read).
			Typed(evenkeel.Typed(neutronList) + ` | grep -F '"ip_address": "` + own.addr.String() +
				`"' | awk -F'|' '{ gsub(/ /, "", $2); print $2 }'`)},
		Change: evenkeel.Change{
			Title: fmt.Sprintf("Find the port of %s with %s", own.alias, own.addr), Host: host, Ref: at, Cmd: neutronList,
			Expect: evenkeel.Expect{Text: "the id of one port, a UUID", Check: evenkeel.Succeeding(func(o evenkeel.Observed) error {
				_, err := read(o)
				return err
			})},
		},
	}
}

// allowed lets it have the virtual address too. Whoever does so twice has the same.
func allowed(port evenkeel.Fact[string], v vip, own cloudPort, address, host, at string) evenkeel.Action {
	cmd := steps.Brief(portUpdate(port.Ref(), address))
	return evenkeel.Action{
		ID: "vip-" + own.name, Paper: []evenkeel.Block{{Cmd: cmd, Pipe: `| grep -cxF "Updated port: $` + port.Variable() + `"`,
			Shows: []string{"1"}}},
		Change: evenkeel.Change{
			Title: fmt.Sprintf("Let the port of %s allow %s", own.alias, v.name), Host: host, Ref: at, Cmd: cmd, Repeat: evenkeel.Idempotent,
			Note: "It takes the place of every address that the port allowed before.",
			Expect: evenkeel.Expect{Text: "Updated port: " + port.Ref(), Check: evenkeel.Succeeding(func(o evenkeel.Observed) error {
				want, err1 := port.Get(o.Facts)
				got, err2 := cps.ParseUpdatedPort(steps.Output("neutron port-update", o.Result))
				err := errors.Join(err1, err2)
				if err == nil && got != want {
					err = fmt.Errorf("neutron has updated port %s, not %s", got, want)
				}
				return err
			})},
		},
	}
}

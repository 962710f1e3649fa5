package upgrade

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
)

// network is what the backup of a node says of its networks. They are restored by hand (lustre:465), and looked at
// before anything rests on them.
type network struct {
	interfaces []lustre.Interface // of ifcfg files
	rings      []ringLink
	lnet       []string     // the files with options of LNet (lustre:515)
	nids       []lustre.NID // that these options give; none where they cannot be told
	rails      *rails       // what /etc/lnet.conf says
}

// ringLink is a ring of corosync, as a node must have it again: by its address, or by the network of its bindnetaddr
// where the backup does not tell the address.
type ringLink struct {
	ring    int
	address netip.Addr
	network netip.Addr
}

func (r ringLink) String() string {
	if r.address.IsValid() {
		return fmt.Sprintf("ring %d: %s", r.ring, r.address)
	}
	return fmt.Sprintf("ring %d: an address in the network of %s", r.ring, r.network)
}

// on tells whether a node with these interfaces has it.
func (r ringLink) on(list []lustre.Interface) bool {
	if r.address.IsValid() {
		return lustre.HasAddress(list, r.address)
	}
	_, ok := lustre.InNetwork(list, r.network)
	return ok
}

// Manifest is what the backup of a server of a pair takes: the guide's paths, with every file below /etc/modprobe.d, for
// the one with LNet's options may have any name (lustre:515), and with [lustre.LNetConfPath]. Only a server that IML manages has
// IML's state.
func Manifest(iml bool) backup.Manifest {
	m := guidePaths(iml)
	m.Paths = slices.Clone(m.Paths)
	for i, p := range m.Paths {
		if strings.HasPrefix(p.Path, lustre.LNetDir+"/") {
			m.Paths[i].Path = lustre.LNetDir
		}
	}
	m.Paths = append(m.Paths, backup.Path{Path: lustre.LNetConfPath, Optional: true})
	return m
}

// guidePaths are the guide's; those that only IML has are optional where it does not manage the server.
func guidePaths(iml bool) backup.Manifest {
	m := backup.ServerManifest()
	if !iml {
		m = m.WithOptional(backup.IMLState)
	}
	return m
}

// networks reads the networks of both nodes.
func (p loading) networks() error {
	var errs []error
	for i := range p.servers() {
		errs = append(errs, p.networkOf(i))
	}
	return errors.Join(errs...)
}

func (p loading) networkOf(i int) error {
	n, a, name := &p.nets[i], p.archives[i], p.servers()[i].Name
	for _, file := range a.Glob("/etc/sysconfig/network-scripts/ifcfg-*") {
		raw, err := a.ReadFile(file)
		if err != nil {
			return fmt.Errorf("%s: %w", a.Name(), err)
		}
		face, err := lustre.ParseIfcfg(srcerr.Named(p.inside(i, file), bytes.NewReader(raw)))
		if err != nil { // it is for reference only, and initscripts read more than this
			p.Notes = append(p.Notes, fmt.Sprintf("%s: what the interface had is not known: %v", name, err))
			continue
		}
		n.interfaces = append(n.interfaces, face)
	}
	if err := p.lnetOf(i); err != nil {
		return err
	}
	raw, err := a.ReadFile(corosyncConf)
	if err != nil {
		return fmt.Errorf("%s: %w", a.Name(), err)
	}
	conf, err := corosync.Parse(srcerr.Named(p.inside(i, corosyncConf), bytes.NewReader(raw)))
	if err != nil {
		return err
	}
	return p.ringsOf(i, conf)
}

// lnetOf finds the files with options of LNet by what is in them (LUS-012).
func (p loading) lnetOf(i int) error {
	n, a, name := &p.nets[i], p.archives[i], p.servers()[i].Name
	for _, file := range a.Glob(lustre.LNetDir + "/*") {
		raw, err := a.ReadFile(file)
		if err != nil {
			return fmt.Errorf("%s: %w", a.Name(), err)
		}
		options, is, err := lustre.ParseLNetOptions(srcerr.Named(p.inside(i, file), bytes.NewReader(raw)))
		if err != nil {
			return err
		}
		if !is {
			continue
		}
		n.lnet = append(n.lnet, file)
		if nids, known := options.NIDs(n.interfaces); known {
			n.nids = append(n.nids, nids...)
		}
	}
	if err := p.railsOf(i); err != nil {
		return err
	}
	if len(n.lnet) == 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("%s: no file below %s in the backup has options of LNet: none is restored "+
			"(lustre:515). If the server has one of another name, back up again by `lustre-hapair backup`, which takes them all", name,
			lustre.LNetDir))
	}
	return nil
}

// ringsOf finds out which addresses the node must have again for the rings of the new cluster (LUS-043).
func (p loading) ringsOf(i int, conf *corosync.Conf) error {
	server := p.servers()[i]
	said, err := p.ringAddresses(i, conf)
	if err != nil {
		return err
	}
	totem, err := conf.Totem()
	if err != nil {
		return err
	}
	n := &p.nets[i]
	for _, ring := range slices.Sorted(maps.Keys(said)) {
		a, err := p.resolve(i, said[ring])
		if err != nil {
			p.Notes = append(p.Notes, fmt.Sprintf("%s: whether the network of ring %d is restored cannot be looked at: %v", server.Name, ring, err))
			continue
		}
		n.rings = append(n.rings, ringLink{ring: ring, address: a})
	}
	for _, t := range totem.Interfaces {
		bind, err := netip.ParseAddr(t.BindNetAddr)
		if _, known := said[t.Ring]; known || t.BindNetAddr == "" || err != nil {
			continue
		}
		link := ringLink{ring: t.Ring, network: bind}
		link.address, _ = lustre.InNetwork(n.interfaces, bind)
		n.rings = append(n.rings, link)
	}
	return nil
}

// ringAddresses are the addresses that a node list, or the configuration for knet, gives a node, by ring.
func (p loading) ringAddresses(i int, conf *corosync.Conf) (map[int]string, error) {
	server, said := p.servers()[i], map[int]string{}
	if given := p.Config.Addresses[server.Name]; p.Config.Knet && len(given) > 0 {
		for ring, a := range given {
			said[ring] = a
		}
		return said, nil
	}
	list, err := conf.NodeList()
	for _, node := range list {
		if slices.ContainsFunc([]string{node.Name, node.Addresses[0]}, func(s string) bool { return s == server.Name || s == server.Short() }) ||
			lustre.HasAddress(p.nets[i].interfaces, address(node.Addresses[0])) {
			maps.Copy(said, node.Addresses)
			break
		}
	}
	return said, err
}

// address is the address in a text; none where it is a name.
func address(text string) netip.Addr {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return a
}

// resolve finds an address, or a name of the hosts database in the backup.
func (p loading) resolve(i int, name string) (netip.Addr, error) {
	if a := address(name); a.IsValid() {
		return a, nil
	}
	raw, err := p.archives[i].ReadFile("/etc/hosts")
	if err != nil {
		return netip.Addr{}, err
	}
	for line := range strings.Lines(string(raw)) {
		text, _, _ := strings.Cut(line, "#")
		if f := strings.Fields(text); len(f) > 1 && slices.Contains(f[1:], name) && address(f[0]).IsValid() {
			return address(f[0]), nil
		}
	}
	return netip.Addr{}, fmt.Errorf("%s is not in the backup's /etc/hosts", name)
}

// seeRingLinks wants a node to have the addresses of every ring, on interfaces that are up (LUS-043).
func (n *node) seeRingLinks(id string) []evenkeel.Action {
	rings := n.nets[n.index].rings
	if len(rings) == 0 {
		return nil
	}
	var words, shown, tests []string
	for _, r := range rings {
		words = append(words, r.String())
		shown = append(shown, fmt.Sprintf("ring %d", r.ring))
		tests = append(tests, r.onPaper()+` <<<"$addresses" && echo ring `+fmt.Sprint(r.ring))
	}
	a := evenkeel.Look(id, "Verify that the network of each ring is there, the direct link between the nodes too", "ip", "-o", "addr",
		"show", "up").
		Expecting(strings.Join(words, "; "), evenkeel.Succeeding(func(o evenkeel.Observed) error {
			list, err := lustre.ParseIPAddr(bytes.NewReader(o.Stdout))
			if err != nil {
				return err
			}
			var missing []string
			for _, r := range rings {
				if !r.on(list) {
					missing = append(missing, r.String())
				}
			}
			if len(missing) > 0 {
				return fmt.Errorf("%s has not the network of corosync's rings again: %s. Restore it with nmtui "+
					"(lustre:465): with one ring left, the next fault lets both nodes fence each other (H18)", n.Name, strings.Join(missing, "; "))
			}
			return nil
		}))
	a.Paper = []evenkeel.Block{{Script: "addresses=$(ip -o addr show up); " + strings.Join(tests, "; "), Shows: shown}}
	return []evenkeel.Action{a.From("lustre:465").On(n.Name)}
}

// onPaper is the command by which the operator finds the link in the output of ip -o addr.
func (r ringLink) onPaper() string {
	if r.address.IsValid() {
		return `grep -qE ' ` + regexp.QuoteMeta(r.address.String()) + `/'`
	}
	return "in_network " + r.network.String()
}

// networkFunction is the function of the paper for [lustre.InNetwork].
const networkFunction = `# in_network NETWORK: whether one of the addresses of ip -o addr has a network that holds this one
in_network() {
  awk -v net="$1" '
    function binary(n, width,  s) { for (; width > 0; width--) { s = n % 2 s; n = int(n / 2) } return s }
    function hex(text,  n, i) {
      n = 0; for (i = 1; i <= length(text); i++) n = n * 16 + index("123456789abcdef", tolower(substr(text, i, 1)))
      return n
    }
    function bits(a,  f, n, i, s) {
      if (a !~ /:/) { n = split(a, f, "."); for (i = 1; i <= n; i++) s = s binary(f[i], 8); return s }
      sub(/^::/, "0::", a); sub(/::$/, "::0", a); n = split(a, f, ":")
      for (i = 1; i <= n; i++) s = s (f[i] == "" ? binary(0, 16 * (9 - n)) : binary(hex(f[i]), 16))
      return s
    }
    BEGIN { want = bits(net) }
    $3 ~ /^inet6?$/ {
      a = $4; if ($5 == "peer" && a !~ "/") a = a substr($6, index($6, "/"))
      n = split(a, p, "/"); is = bits(p[1])
      if (n == 2 && length(is) == length(want) && substr(is, 1, p[2]) == substr(want, 1, p[2])) found = 1
    }
    END { exit !found }'
}
`

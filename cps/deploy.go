package cps

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"strings"
)

// DeployFolder is where the Cluster Manager keeps the tables of a deployment (cps:387).
const DeployFolder = "/var/qps/config/deploy/csv"

// Deploy is the deploy folder: Hosts.csv, and the tables beside it that are there. What a VM is, which addresses are virtual and what
// the cluster runs on stands in them, and is not guessed from names.
type Deploy struct {
	Hosts         *Hosts
	Configuration *Configuration   // nil where the folder has none; so are the ones below
	VLANs         *VLANs           // Vlans.csv
	Additional    *AdditionalHosts // AdditionalHosts.csv
	Specs         *VMSpecs         // VMSpecification.csv
	Missing       []string         // the tables that are not there
	Other         []string         // files that were not read
}

// ReadDeploy reads the deploy folder. Hosts.csv must be there; the names of the files compare without regard to case. Every
// table that cannot be read is an error, and none of them hides another.
func ReadDeploy(folder fs.FS) (*Deploy, error) {
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return nil, err
	}
	d := &Deploy{}
	var errs []error
	names := map[string]string{}
	for _, e := range entries {
		key := strings.ToLower(e.Name())
		if other, dup := names[key]; dup {
			errs = append(errs, fmt.Errorf("%s and %s: which of the two counts?", other, e.Name()))
		}
		names[key] = e.Name()
	}
	table(d, folder, names, &errs, "Hosts.csv", &d.Hosts, ParseHosts)
	table(d, folder, names, &errs, "Configuration.csv", &d.Configuration, ParseConfiguration)
	table(d, folder, names, &errs, "Vlans.csv", &d.VLANs, ParseVLANs)
	table(d, folder, names, &errs, "AdditionalHosts.csv", &d.Additional, ParseAdditionalHosts)
	table(d, folder, names, &errs, "VMSpecification.csv", &d.Specs, ParseVMSpecs)
	for _, e := range entries {
		if _, left := names[strings.ToLower(e.Name())]; left {
			d.Other = append(d.Other, e.Name())
		}
	}
	if d.Hosts == nil && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("Hosts.csv: %w", fs.ErrNotExist))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return d, nil
}

// table reads one table, and takes its name off the list.
func table[T any](d *Deploy, folder fs.FS, names map[string]string, errs *[]error, name string, into **T,
	parse func(io.Reader) (*T, error),
) {
	found, ok := names[strings.ToLower(name)]
	if !ok {
		d.Missing = append(d.Missing, name)
		return
	}
	delete(names, strings.ToLower(name))
	t, err := readFS(folder, found, parse)
	if err != nil {
		*errs = append(*errs, err)
		return
	}
	*into = t
}

// PlaceKind says what a name stands for.
type PlaceKind uint8

// What a name stands for in a deployment.
const (
	PlaceVM PlaceKind = iota + 1 // a VM of this cluster: a row of Hosts.csv
	// a virtual address of this cluster: a VIP alias of Vlans.csv, or an additional host in one of its networks
	PlaceVirtual
	PlaceElsewhere // an additional host in no network of this cluster
)

// Place is what a name stands for, such as that of a member in mongoConfig.cfg.
type Place struct {
	Kind    PlaceKind
	Address netip.Addr // the internal one of a VM; not valid where the tables do not give it
	Network string     // the network of a virtual address
}

// Place finds a name in the tables; ok is false where none of them has it. An alias of Hosts.csv comes first.
func (d *Deploy) Place(name string) (p Place, ok bool) {
	if host, found := d.Hosts.ByAlias(name); found {
		addr, _ := host.Internal()
		return Place{PlaceVM, addr, ""}, true
	}
	var other AdditionalHost
	if d.Additional != nil {
		other, ok = d.Additional.Find(name)
	}
	for _, vlan := range d.vlans() {
		if strings.EqualFold(vlan.VIP, name) && name != "" {
			return Place{PlaceVirtual, other.IP, vlan.Name}, true
		}
	}
	if !ok {
		return Place{}, false
	}
	for _, vlan := range d.vlans() {
		if network := d.network(vlan); network.IsValid() && network.Contains(other.IP) {
			return Place{PlaceVirtual, other.IP, vlan.Name}, true
		}
	}
	return Place{PlaceElsewhere, other.IP, ""}, true
}

func (d *Deploy) vlans() []VLAN {
	if d.VLANs == nil {
		return nil
	}
	return d.VLANs.Rows
}

// network is the network of a VLAN: that of its gateway, or else of the first VM in it.
func (d *Deploy) network(vlan VLAN) netip.Prefix {
	if vlan.Gateway.IsValid() {
		return vlan.network(vlan.Gateway)
	}
	for _, host := range d.Hosts.Rows {
		if addr, ok := host.Address(vlan.Name); ok {
			return vlan.network(addr)
		}
	}
	return netip.Prefix{}
}

// VMware tells whether the cluster is deployed on VMware: Configuration.csv has the rows of ESXi hosts or of a vCenter, or every VM
// has a hypervisor and a datastore. False says that the tables do not tell.
func (d *Deploy) VMware() bool {
	if d.Configuration != nil {
		for _, key := range d.Configuration.Keys() {
			if value, _ := d.Configuration.Value(key); value != "" && (strings.HasPrefix(key, "hv_") || strings.HasPrefix(key, "vcenter_")) {
				return true
			}
		}
	}
	for _, host := range d.Hosts.Rows {
		if host.Hypervisor == "" || host.Datastore == "" {
			return false
		}
	}
	return true
}

// Authentication tells whether the databases ask for a password; known is false where Configuration.csv does not say.
func (d *Deploy) Authentication() (on, known bool) {
	if d.Configuration == nil {
		return false, false
	}
	text, _ := d.Configuration.Text(KeyDBAuthEnabled)
	on = strings.EqualFold(text, "TRUE")
	return on, on || strings.EqualFold(text, "FALSE")
}

// Findings are those of each table, and what the tables say against each other: a role without a specification, a network without a
// VLAN, an address that two hosts have or that is not in its network, a virtual address that nobody gives.
func (d *Deploy) Findings() []Finding {
	f := findings{file: d.Hosts.File, list: d.Hosts.Findings()}
	for _, name := range d.Missing {
		f.list = append(f.list, Finding{Warning, name, "the table is missing: nothing is compared with it", "CPS-001"})
	}
	for _, name := range d.Other {
		f.list = append(f.list, Finding{Info, name, "the file is not read", "CPS-001"})
	}
	if d.Configuration != nil && d.VMware() {
		f.list = append(f.list, d.Configuration.Findings()...)
	}
	d.checkSpecs(&f)
	d.checkVLANs(&f)
	d.checkAdditional(&f)
	return f.list
}

func (d *Deploy) checkSpecs(f *findings) {
	if d.Specs == nil {
		return
	}
	f.file = d.Hosts.File
	used := map[string]bool{}
	for _, host := range d.Hosts.Rows {
		used[host.Role] = true
		if _, ok := d.Specs.OfRole(host.Role); !ok {
			f.add(Error, host.Line, "CPS-003", "%s has the role %s, which has no row in %s: it cannot be deployed",
				host.Alias, host.Role, d.Specs.File)
		}
	}
	f.file = d.Specs.File
	f.list = append(f.list, d.Specs.Findings()...)
	for _, spec := range d.Specs.Rows {
		if !used[spec.Role] {
			f.add(Info, spec.Line, "CPS-003", "no VM has the role %s", spec.Role)
		}
	}
}

func (d *Deploy) checkVLANs(f *findings) {
	if d.VLANs == nil {
		return
	}
	f.file = d.Hosts.File
	vlans := map[string]VLAN{}
	for _, vlan := range d.vlans() {
		vlans[columnKey(vlan.Name)] = vlan
	}
	for _, network := range d.Hosts.Networks {
		vlan, ok := vlans[columnKey(network)]
		if !ok {
			f.add(Error, 0, "CPS-001", "the network column %s has no row in %s", network, d.VLANs.File)
			continue
		}
		delete(vlans, columnKey(network))
		subnet := d.network(vlan)
		for _, host := range d.Hosts.Rows {
			if addr, ok := host.Address(network); ok && vlan.Bits > 0 && !subnet.Contains(addr) {
				f.add(Error, host.Line, "CPS-002", "%s address %s of %s is not in the network %s of %s (line %d)", network, addr, host.Alias,
					subnet, d.VLANs.File, vlan.Line)
			}
		}
	}
	f.file = d.VLANs.File
	for _, vlan := range d.vlans() {
		if _, left := vlans[columnKey(vlan.Name)]; left {
			f.add(Warning, vlan.Line, "CPS-001", "no column of %s names the network %s", d.Hosts.File, vlan.Name)
		}
		if vlan.VIP == "" {
			continue
		}
		p, _ := d.Place(vlan.VIP)
		switch subnet := d.network(vlan); {
		case p.Kind == PlaceVM:
			f.add(Error, vlan.Line, "CPS-040", "the virtual address %s of %s is called like a VM", vlan.VIP, vlan.Name)
		case !p.Address.IsValid():
			f.add(Warning, vlan.Line, "CPS-040", "no table gives the virtual address %s of %s", vlan.VIP, vlan.Name)
		case subnet.IsValid() && !subnet.Contains(p.Address):
			f.add(Error, vlan.Line, "CPS-040", "the virtual address %s is %s, which is not in the network %s of %s",
				vlan.VIP, p.Address, subnet, vlan.Name)
		}
	}
}

func (d *Deploy) checkAdditional(f *findings) {
	if d.Additional == nil {
		return
	}
	f.file = d.Additional.File
	f.list = append(f.list, d.Additional.Findings()...)
	for _, other := range d.Additional.Rows {
		for _, host := range d.Hosts.Rows {
			same := other.Is(host.Alias) || other.Is(host.Guest)
			has := false
			for _, addr := range host.Addresses {
				has = has || addr == other.IP
			}
			switch {
			case same && has:
				f.add(Info, other.Line, "CPS-002", "%s is a VM of this cluster, and need not be listed", other.Host)
			case same:
				f.add(Error, other.Line, "CPS-002", "%s is a VM of this cluster (%s), and %s is no address of it", other.Host, host.Alias, other.IP)
			case has:
				f.add(Error, other.Line, "CPS-002", "address %s of %s already belongs to the VM %s (%s)", other.IP, other.Host, host.Alias,
					where(d.Hosts.File, host.Line))
			}
		}
	}
}

package pairtest

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
)

// Site is a pair of another site than the package's own. It never changes.
type Site struct {
	Node1, Node2  string // in full
	CIB, Corosync string // the files of the old cluster
	From, To      string // releases of EL, such as el8 and el9
	Provisioning  string // the host that installs nodes; none when empty
	Reinstall     string // the program there that does; reinstall when empty

	Files        map[string]map[string]string // the site's own files in the old system, by node and path
	Restore      []string                     // the files and directories among them that a new system gets back
	Packages     []string                     // that the resources need, beside the cluster's own
	Versions     map[string]string            // on the way rolling: those of packages that the update brings, in the place of the latest
	Repositories []string                     // that have the cluster's software; that of the release's add-on when empty

	from, to   system
	primitives []pacemaker.Resource
	alone      map[string]bool // of the primitives those that are in no clone, by id
	disks      []disk
	faces      []face
	lacks      []error // what is not simulated
}

// builtin is the package's own site.
func builtin(cib string) *Site {
	own := map[string]string{
		"/etc/exports": "# kept by the cluster\n", "/etc/fence/nfs1": "#!/bin/sh\necho simulated\n",
		"/etc/fence/nfs2":                    "#!/bin/sh\necho simulated\n",
		"/etc/systemd/system/backup.service": "[Service]\nExecStart=/usr/bin/true\n",
	}
	return &Site{Node1: Node1, Node2: Node2, CIB: cib, Corosync: File("corosync.conf"), From: "el8", To: "el9", Provisioning: Provisioning,
		Files: map[string]map[string]string{Node1: own, Node2: own}, Restore: Restore(), Packages: Packages()}
}

// disk is what both nodes reach.
type disk struct {
	file   string // by the cluster's name for it
	kernel string // by the kernel's
}

// face is an address of the site's services, and the interface that it comes to.
type face struct {
	nic    string
	prefix netip.Prefix
}

// unsimulated are the agents that move something which is not simulated. What only runs is: by its name.
var unsimulated = []string{"ocf:heartbeat:LVM-activate", "ocf:heartbeat:LVM", "ocf:heartbeat:ZFS", "ocf:linbit:drbd",
	"ocf:heartbeat:pgsqlms", "lsb:", "service:"}

// understand reads the files of a site, and notes what is not simulated.
func (p *Site) understand() error {
	cib, err := pacemaker.ParseCIB(strings.NewReader(p.CIB))
	if err != nil {
		return err
	}
	var err1, err2 error
	p.from, err1 = systemOf(p.From)
	p.to, err2 = systemOf(p.To)
	errs := []error{err1, err2}
	if err1 == nil && p.From == p.To {
		var known bool
		if p.from, known = earlier[p.From]; !known {
			errs = append(errs, fmt.Errorf("from %s to %s is not simulated: no earlier minor release of it is known", p.From, p.To))
		}
		errs = append(errs, p.bringing())
	}
	p.primitives, p.alone, p.disks, p.faces, p.lacks = nil, map[string]bool{}, nil, nil, nil
	for _, top := range cib.Resources() {
		if top.Kind == pacemaker.Template {
			p.lacks = append(p.lacks, fmt.Errorf("%s: templates are not simulated", top.ID))
			continue
		}
		cloned := top.Kind != pacemaker.Primitive && top.Kind != pacemaker.Group
		for r := range pacemaker.Walk([]pacemaker.Resource{top}) {
			if r.Kind == pacemaker.Primitive && r.Class != "stonith" {
				p.alone[r.ID] = !cloned
				p.lacks = append(p.lacks, p.add(r))
			}
		}
	}
	return errors.Join(errs...)
}

func (p *Site) add(r pacemaker.Resource) error {
	p.primitives = append(p.primitives, r)
	agent := r.Agent()
	is := func(a string) bool { return a == agent || strings.HasSuffix(a, ":") && strings.HasPrefix(agent, a) }
	if slices.ContainsFunc(unsimulated, is) {
		return fmt.Errorf("%s: the agent %s is not simulated", r.ID, agent)
	}
	switch agent {
	case "ocf:heartbeat:Filesystem":
		return p.addDisk(r)
	case "ocf:heartbeat:IPaddr2", "ocf:heartbeat:IPaddr":
		return p.addFace(r)
	}
	return nil
}

func (p *Site) addDisk(r pacemaker.Resource) error {
	file, err := pair.DeviceFile(value(r, "device"))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", r.ID, err)
	case strings.Contains(file, ":/"):
		return nil // a share of another host
	case !strings.HasPrefix(file, "/dev/"):
		return fmt.Errorf("%s: the device %q is not simulated", r.ID, value(r, "device"))
	case slices.ContainsFunc(p.disks, func(d disk) bool { return d.file == file }):
		return nil
	}
	kernel := mapper + path.Base(file)
	if slices.ContainsFunc(p.disks, func(d disk) bool { return d.kernel == kernel }) {
		kernel += "-" + strconv.Itoa(len(p.disks))
	}
	p.disks = append(p.disks, disk{file, kernel})
	return nil
}

func (p *Site) addFace(r pacemaker.Resource) error {
	ip, err := netip.ParseAddr(value(r, "ip"))
	if err != nil {
		return fmt.Errorf("%s: %w", r.ID, err)
	}
	bits := 24
	if ip.Is6() {
		bits = 64
	}
	if n, err := strconv.Atoi(value(r, "cidr_netmask")); err == nil {
		bits = n
	}
	prefix := netip.PrefixFrom(ip, bits)
	if !prefix.IsValid() {
		return fmt.Errorf("%s: the address %s/%d is not simulated", r.ID, ip, bits)
	}
	nic := value(r, "nic")
	if nic == "" {
		nic = "eth0"
	}
	p.faces = append(p.faces, face{nic, prefix})
	return nil
}

// face is how a host shows an address of a service.
func (p *Site) face(ip string) face {
	for _, f := range p.faces {
		if f.prefix.Addr().String() == ip {
			return f
		}
	}
	return face{}
}

// own are the addresses that a node has for itself: one in the network of each service.
func (p *Site) own(node string) (list []face) {
	for _, f := range p.faces {
		network := f.prefix
		if network.IsSingleIP() {
			network = netip.PrefixFrom(network.Addr(), network.Bits()-8)
		}
		ip, free := network.Masked().Addr().Next(), 0
		for p.face(ip.String()) != (face{}) || free < slices.Index([]string{p.Node1, p.Node2}, node) {
			if p.face(ip.String()) == (face{}) {
				free++
			}
			ip = ip.Next()
		}
		if own := (face{f.nic, netip.PrefixFrom(ip, network.Bits())}); !slices.Contains(list, own) {
			list = append(list, own)
		}
	}
	return list
}

// kernelName is what the kernel calls a device; a share has the name that the cluster has for it.
func (p *Site) kernelName(device string) string {
	file, err := pair.DeviceFile(device)
	if err != nil {
		return device
	}
	for _, d := range p.disks {
		if d.file == file {
			return d.kernel
		}
	}
	return file
}

// number is the minor number of a device, by its name in the cluster or the kernel's.
func (p *Site) number(device string) int {
	return 16 + slices.IndexFunc(p.disks, func(d disk) bool { return d.file == device || d.kernel == device })
}

// system is a release of EL as this package simulates it.
type system struct {
	name, title, repository string
	major                   int
	versions                map[string]string
}

// systems are those that are simulated. PostgreSQL is of one major version on all of them, as it has to be for the same data.
var systems = []system{
	{name: "el7", title: "CentOS Linux release 7.9.2009 (Core)", major: 7, versions: map[string]string{"corosync": "2.4.5-7.el7",
		"pacemaker": "1.1.23-1.el7", "pcs": "0.9.169-3.el7", "resource-agents": "4.1.1-61.el7", "fence-agents-all": "4.2.1-41.el7",
		"nfs-utils": "1.3.0-0.68.el7", "postgresql-server": "15.12-1PGDG.rhel7"}},
	{name: "el8", title: "AlmaLinux release 8.10 (Cerulean Leopard)", major: 8, repository: "ha", versions: map[string]string{
		"corosync": "3.1.8-1.el8", "pacemaker": "2.1.7-5.el8", "pcs": "0.10.18-2.el8", "resource-agents": "4.9.0-54.el8",
		"fence-agents-all": "4.2.1-129.el8", "nfs-utils": "2.3.3-59.el8", "postgresql-server": "15.12-1.el8"}},
	{name: "el9", title: "AlmaLinux release 9.4 (Seafoam Ocelot)", major: 9, repository: "highavailability", versions: map[string]string{
		"corosync": "3.1.8-1.el9", "pacemaker": "2.1.7-5.el9", "pcs": "0.11.7-2.el9", "resource-agents": "4.10.0-52.el9",
		"fence-agents-all": "4.10.0-62.el9", "nfs-utils": "2.5.4-25.el9", "postgresql-server": "15.12-1.el9"}},
	{name: "el10", title: "AlmaLinux release 10.0 (Purple Lion)", major: 10, repository: "highavailability", versions: map[string]string{
		"corosync": "3.1.9-1.el10", "pacemaker": "3.0.0-5.el10", "pcs": "0.12.0-3.el10", "resource-agents": "4.16.0-1.el10",
		"fence-agents-all": "4.16.0-1.el10", "nfs-utils": "2.8.2-3.el10", "postgresql-server": "15.12-1PGDG.rhel10"}},
}

// earlier are minor releases before those: what a pair is updated from that stays on its release.
var earlier = map[string]system{
	"el8": {name: "el8", title: "AlmaLinux release 8.8 (Sapphire Caracal)", major: 8, repository: "ha", versions: map[string]string{
		"corosync": "3.1.7-1.el8", "pacemaker": "2.1.5-8.el8", "pcs": "0.10.15-4.el8", "resource-agents": "4.9.0-40.el8",
		"fence-agents-all": "4.2.1-112.el8", "nfs-utils": "2.3.3-59.el8", "postgresql-server": "15.2-1.el8"}},
	"el9": {name: "el9", title: "AlmaLinux release 9.2 (Turquoise Kodkod)", major: 9, repository: "highavailability",
		versions: map[string]string{"corosync": "3.1.7-1.el9", "pacemaker": "2.1.5-7.el9", "pcs": "0.11.4-6.el9",
			"resource-agents": "4.10.0-34.el9", "fence-agents-all": "4.10.0-43.el9", "nfs-utils": "2.5.4-18.el9",
			"postgresql-server": "15.2-1.el9"}},
}

// features are the CRM feature sets of releases of Pacemaker.
var features = map[string]string{"1.1.23": "3.0.14", "2.1.2": "3.12.0", "2.1.5": "3.16.2", "2.1.7": "3.19.0", "3.0.0": "3.20.0"}

func systemOf(release string) (system, error) {
	i := slices.IndexFunc(systems, func(s system) bool { return s.name == release })
	if i < 0 {
		if _, err := readiness.ReleaseNamed(release); err != nil {
			return system{}, err
		}
		return system{}, fmt.Errorf("%s is not simulated", release)
	}
	return systems[i], nil
}

package lustretest

import (
	"cmp"
	"fmt"
	"maps"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// Site is what makes one pair another than the guide's: its names, and the files that its cluster was made by.
type Site struct {
	Node1, Node2 string            // fully qualified; the CIB has the short names, as on EL6, or these
	CIB          string            // of the old cluster
	Corosync     string            // its corosync.conf
	Targets      map[string]string // the target store, by file name; none where people made the pair

	Manager    string   // where IML runs; [Manager] when empty
	AgentRepos []string // addresses of package definitions; when there are none, the manager's repository has the agent's dependencies, too
	Kernel     string   // a kernel that can be installed beside the guide's; empty for none

	// Network are files of a node, by its full name and their path: those of its interfaces (ifcfg-*) and of LNet below
	// /etc/modprobe.d. Such as fit the rest are made where there are none.
	Network   map[string]map[string]string
	Addresses map[string][]string // of a node in the new cluster, beside those that its corosync.conf has
}

// GuideSite is the pair of the guide's examples, with the configuration that IML 2.4 gave it. From pcs 0.10 on the old
// cluster has corosync 3, where nodes have numbers.
func GuideSite(old pcs.Dialect) *Site {
	p := &Site{Node1: Node1, Node2: Node2, AgentRepos: AgentRepos(), CIB: file("el6-cib.xml"),
		Corosync: file("el6-corosync.conf"), Targets: map[string]string{}}
	entries, err := files.ReadDir("testdata/targets")
	if err != nil {
		panic("lustretest: " + err.Error())
	}
	for _, e := range entries {
		p.Targets[e.Name()] = file("targets/" + e.Name())
	}
	if modern(old) {
		p.Corosync = file("knet-corosync.conf")
		p.CIB = numbered(p.CIB)
	}
	return p
}

// numbered is the guide's CIB with numbers for ids of the nodes.
func numbered(cib string) string {
	return strings.NewReplacer(`<node id="ct6-mds1"`, `<node id="1"`, `<node id="ct6-mds2"`, `<node id="2"`,
		`dc-uuid="ct6-mds2"`, `dc-uuid="2"`).Replace(cib)
}

// Check reads the site's files, so that a mistake in them is an error and not a world that does not come up. old is the
// pcs of the old cluster.
func (p *Site) Check(old pcs.Dialect) error {
	conf, err := corosync.Parse(strings.NewReader(p.Corosync))
	if err != nil {
		return err
	}
	if r := conf.Releases(); modern(old) && !r.Fits(3) || !modern(old) && !r.Fits(1) && !r.Fits(2) {
		return fmt.Errorf("the old corosync.conf is for corosync %d to %d, which does not go with %s: say which pcs the old "+
			"system has (old_pcs)", r.From, r.To, old.Name())
	}
	cib, _, err := p.with(0)
	if err != nil {
		return err
	}
	doc, err := pacemaker.ParseCIB(strings.NewReader(cib))
	if err != nil {
		return err
	}
	for _, n := range doc.Nodes() {
		if !p.is(n.Uname, p.Node1) && !p.is(n.Uname, p.Node2) {
			return fmt.Errorf("the CIB has node %s, which is neither %s nor %s", n.Uname, p.Node1, p.Node2)
		}
	}
	return nil
}

// is tells whether a name in the CIB is that of a node.
func (*Site) is(uname, fqdn string) bool { return uname == fqdn || uname == short(fqdn) }

// PCSFor is the pcs that goes with a corosync.conf where nothing else says which: 0.11 where only corosync 3 takes the file, 0.9 otherwise.
func PCSFor(conf *corosync.Conf) pcs.Dialect {
	if conf.Releases().From >= 3 {
		return pcs.V011
	}
	return pcs.V09
}

// unames are what the old cluster calls its nodes.
func (p *Site) unames(cib string) []any {
	if p.fullNames(cib) {
		return []any{p.Node1, p.Node2}
	}
	return []any{short(p.Node1), short(p.Node2)}
}

// fullNames tells whether the old cluster calls its nodes by their full names.
func (p *Site) fullNames(cib string) bool {
	doc, err := pacemaker.ParseCIB(strings.NewReader(cib))
	if err != nil {
		return false
	}
	_, full := doc.Node(p.Node1)
	return full
}

func short(fqdn string) string {
	s, _, _ := strings.Cut(fqdn, ".")
	return s
}

func domain(fqdn string) string {
	_, d, _ := strings.Cut(fqdn, ".")
	return d
}

// with is the CIB and the target store with so many OSTs more.
func (p *Site) with(osts int) (cib string, targets map[string]string, err error) {
	targets = maps.Clone(p.Targets)
	if osts == 0 {
		return p.CIB, targets, nil
	}
	doc, err := pacemaker.ParseCIB(strings.NewReader(p.CIB))
	if err != nil {
		return "", nil, err
	}
	if err := extend(doc, osts, targets); err != nil {
		return "", nil, err
	}
	text, err := doc.Query()
	return string(text), targets, err
}

// octet is the last part of a node's addresses.
func (p *Site) octet(fqdn string) string {
	if fqdn == p.Node1 {
		return "11"
	}
	return "12"
}

// manager is where IML runs.
func (p *Site) manager() string { return cmp.Or(p.Manager, Manager) }

// placeOf is the device and the mount point of a target file.
func placeOf(data string) (device, mount string) {
	rec, err := recordOf(data)
	if err != nil {
		return "", ""
	}
	return rec.Device, rec.Mount
}

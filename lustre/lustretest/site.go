package lustretest

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// Site is what makes one pair another than the guide's: its names, and the files that its cluster was made by.
type Site struct {
	Node1, Node2 string            // fully qualified; the CIB has the short names, as on EL6
	CIB          string            // of the old cluster
	Corosync     string            // its corosync.conf
	Targets      map[string]string // the target store, by file name
}

// GuideSite is the pair of the guide's examples, with the configuration that IML 2.4 gave it. From pcs 0.10 on the old cluster has corosync 3, where nodes have numbers.
func GuideSite(old pacemaker.Dialect) *Site {
	p := &Site{Node1: Node1, Node2: Node2, CIB: file("el6-cib.xml"), Corosync: file("el6-corosync.conf"), Targets: map[string]string{}}
	entries, err := files.ReadDir("testdata/targets")
	if err != nil {
		panic("lustretest: " + err.Error())
	}
	for _, e := range entries {
		p.Targets[e.Name()] = file("targets/" + e.Name())
	}
	if modern(old) {
		p.Corosync = file("knet-corosync.conf")
		p.CIB = strings.NewReplacer(`<node id="ct6-mds1"`, `<node id="1"`, `<node id="ct6-mds2"`, `<node id="2"`, `dc-uuid="ct6-mds2"`, `dc-uuid="2"`).Replace(p.CIB)
	}
	return p
}

// Check reads the site's files, so that a mistake in them is an error and not a world that does not come up.
func (p *Site) Check() error {
	if _, err := pacemaker.ParseCorosyncConf(strings.NewReader(p.Corosync)); err != nil {
		return err
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
		if n.Uname != short(p.Node1) && n.Uname != short(p.Node2) {
			return fmt.Errorf("the CIB has node %s, which is neither %s nor %s", n.Uname, short(p.Node1), short(p.Node2))
		}
	}
	return nil
}

// short is the short name of the first or the second node.
func (p *Site) short(number int) string {
	return short([]string{p.Node1, p.Node2}[number-1])
}

func short(fqdn string) string {
	s, _, _ := strings.Cut(fqdn, ".")
	return s
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

// address is a node's line in /etc/hosts.
func (p *Site) address(fqdn string) string {
	return fmt.Sprintf("192.168.1.%s %s %s\n", p.octet(fqdn), fqdn, short(fqdn))
}

// placeOf is the device and the mount point of a target file.
func placeOf(data string) (device, mount string) {
	var t struct{ Bdev, Mntpt string }
	if err := json.Unmarshal([]byte(data), &t); err != nil {
		return "", ""
	}
	return t.Bdev, t.Mntpt
}

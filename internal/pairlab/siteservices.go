package pairlab

import (
	"context"
	"fmt"
	"net"
	"path"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/standin"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// ServicesPage is what the web site of a pair with services shows, at http://[Lab.ServiceAddress](0)/.
const ServicesPage = "the site of the pair\n"

// ServicesData is the directory of the database, on its own disk. It answers "ready" at port 5432 of [Lab.ServiceAddress](1).
const ServicesData = "/srv/db/data"

// ServicesPassword is that of hacluster in the old cluster of any lab.
const ServicesPassword = standin.HaclusterPassword

// ServicesDisks are the shared disks of a pair that serves a web site and a database, each on an ordinary file system. The site
// belongs on the first node, the database on the second.
func ServicesDisks() []Target {
	disk := func(name string, preferred int) Target {
		return Target{UUID: name, Label: name, Mount: "/srv/" + name, Device: "/dev/shared/" + name, Backfs: "ext4", Preferred: preferred}
	}
	return []Target{disk("web", 0), disk("db", 1)}
}

// ServiceAddress is an address of the lab's network that no node has as its own: 0 is the web site's, 1 the database's.
func (l *Lab) ServiceAddress(i int) string {
	host, _, _ := net.SplitHostPort(l.nodes[0].addr)
	return host[:strings.LastIndexByte(host, '.')+1] + fmt.Sprint(100+i)
}

// BuildServices makes of two nodes of EL8 a cluster as people make one: a group of three for the web site (its file system, a server
// that an LSB script starts, its address) and one for the database (file system, PostgreSQL, address), a clone that looks at the
// network, and a resource of an agent that nobody knows much of. It comes back when everything runs where it belongs.
func BuildServices(ctx context.Context, lab *Lab) error {
	s := site{lab.Nodes(), ServicesDisks(), (*Node).Name}
	data := path.Join(standin.DisksDir, "db", path.Base(ServicesData))
	content := fmt.Sprintf("printf '%s' > %s && mkdir -p %s && echo %s > %s", strings.TrimSuffix(ServicesPage, "\n")+`\n`,
		path.Join(standin.DisksDir, "web", "index.html"), data, standin.PostgresMajor, path.Join(data, "PG_VERSION"))
	if err := run(ctx, s.nodes[0], "", "sh", "-c", content); err != nil {
		return err
	}
	configure := func(ctx context.Context) error {
		return run(ctx, s.nodes[0], servicesCIB(lab, s.names()), "cibadmin", "--replace", "--xml-pipe")
	}
	if err := s.build(ctx, configure); err != nil {
		return err
	}
	if _, err := WaitStatus(ctx, s.nodes[0], ServicesRun(s.names())); err != nil {
		return fmt.Errorf("the old cluster does not come up: %w", err)
	}
	return nil
}

// ServicesRun wants everything to run where it belongs, and no operation to be under way. nodes are as the cluster calls them.
func ServicesRun(nodes [2]string) func(*pacemaker.Status) error {
	return func(st *pacemaker.Status) error {
		for i, ids := range [2][]string{servicesOfWeb, servicesOfDB} {
			for _, id := range ids {
				if r, ok := st.Resource(id); !ok || r.Role != "Started" || r.Pending != "" || r.Failed || !slices.Equal(r.Nodes, []string{nodes[i]}) {
					return fmt.Errorf("%s is not started on %s: %+v", id, nodes[i], r)
				}
			}
		}
		return nil
	}
}

var (
	servicesOfWeb = []string{"web-disk", "web-server", "web-ip"}
	servicesOfDB  = []string{"db-disk", "db-server", "db-ip"}
)

// servicesCIB is the CIB of such a pair.
func servicesCIB(lab *Lab, nodes [2]string) string {
	var b cibText
	b.line(`<cib epoch="41" num_updates="0" admin_epoch="0" validate-with="pacemaker-3.7" crm_feature_set="3.11.0">`)
	b.line(`<configuration><crm_config><cluster_property_set id="cib-bootstrap-options">`)
	b.pair("cib-bootstrap-options", "stonith-enabled", "true")
	b.line(`</cluster_property_set></crm_config><nodes>`)
	for i, node := range nodes {
		b.line(`<node id="%d" uname="%s"/>`, i+1, node)
	}
	b.line(`</nodes><resources>`)
	for i, node := range nodes {
		short := lab.nodes[i].Short()
		b.primitive("fence-"+short, `class="stonith" type="fence_ipmilan"`, [][2]string{{"ip", short + "-bmc"},
			{"username", standin.FenceLogin}, {"password", standin.FencePassword}, {"pcmk_host_list", node}}, "60", "")
	}
	address := func(i int) [][2]string {
		return [][2]string{{"ip", lab.ServiceAddress(i)}, {"cidr_netmask", "24"}}
	}
	disk := func(t Target) [][2]string {
		return [][2]string{{"device", t.Device}, {"directory", t.Mount}, {"fstype", t.Backfs}}
	}
	const heartbeat = `class="ocf" provider="heartbeat" type="%s"`
	disks := ServicesDisks()
	b.line(`<group id="web">`)
	b.primitive(servicesOfWeb[0], fmt.Sprintf(heartbeat, "Filesystem"), disk(disks[0]), "20", "60")
	b.primitive(servicesOfWeb[1], `class="lsb" type="nginx"`, nil, "10", "60")
	b.primitive(servicesOfWeb[2], fmt.Sprintf(heartbeat, "IPaddr2"), address(0), "10", "20")
	b.line(`</group><group id="database">`)
	b.primitive(servicesOfDB[0], fmt.Sprintf(heartbeat, "Filesystem"), disk(disks[1]), "20", "60")
	b.primitive(servicesOfDB[1], fmt.Sprintf(heartbeat, "pgsql"), [][2]string{{"pgdata", ServicesData}}, "10", "60")
	b.primitive(servicesOfDB[2], fmt.Sprintf(heartbeat, "IPaddr2"), address(1), "10", "20")
	b.line(`</group><clone id="ping-clone">`)
	b.primitive("ping", `class="ocf" provider="pacemaker" type="ping"`, [][2]string{{"host_list", "outside"}, {"dampen", "1s"}}, "10", "60")
	b.line(`</clone>`)
	b.primitive("delay", fmt.Sprintf(heartbeat, "Delay"), [][2]string{{"startdelay", "1"}, {"stopdelay", "1"}, {"mondelay", "0"}}, "10", "30")
	b.line(`</resources><constraints>`)
	for i, node := range nodes {
		b.line(`<rsc_location id="location-fence-%d" node="%s" rsc="fence-%s" score="-INFINITY"/>`, i+1, node, lab.nodes[i].Short())
		b.line(`<rsc_location id="location-%d" node="%s" rsc="%s" score="50"/>`, i+1, node, []string{"web", "database"}[i])
	}
	b.line(`</constraints><rsc_defaults><meta_attributes id="rsc_defaults-options">`)
	b.pair("rsc_defaults-options", "resource-stickiness", "100")
	b.line(`</meta_attributes></rsc_defaults></configuration><status/></cib>`)
	return b.String()
}

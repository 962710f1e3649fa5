package pacemaker

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// Totem is the totem section: how the nodes talk. Times are in milliseconds; what the file does not say is 0 or empty.
type Totem struct {
	Version       int
	ClusterName   string
	Transport     string // udp, udpu, knet; empty is udp up to corosync 2, knet in 3
	RRPMode       string // none, active, passive
	SecAuth       string
	Token         int // ms
	FailRecvConst int // lost messages
	Interfaces    []Interface
}

// Interface is one interface block, as written. See [CorosyncConf.Rings] for the strict view.
type Interface struct {
	Line        int // of the block in the file
	Ring        int // ringnumber or linknumber; 0 when absent, as in corosync
	BindNetAddr string
	McastAddr   string
	McastPort   int // UDP port; corosync sends from the port below as well
	TTL         int
	Broadcast   bool
}

// Totem reads the totem section. Two totem sections are read as one, as corosync does; a number that is none is an error.
func (c *CorosyncConf) Totem() (Totem, error) {
	var t Totem
	sections := c.Root.Sections("totem")
	if len(sections) == 0 {
		return t, &srcerr.Error{File: c.name, Err: fmt.Errorf("there is no totem section")}
	}
	r := fieldReader{conf: c}
	for _, s := range sections {
		r.number(s, "version", &t.Version)
		r.text(s, "cluster_name", &t.ClusterName)
		r.text(s, "transport", &t.Transport)
		r.text(s, "rrp_mode", &t.RRPMode)
		r.text(s, "secauth", &t.SecAuth)
		r.number(s, "token", &t.Token)
		r.number(s, "fail_recv_const", &t.FailRecvConst)
		for _, i := range s.Sections("interface") {
			t.Interfaces = append(t.Interfaces, r.netInterface(i))
		}
	}
	return t, r.errs.Err()
}

func (r *fieldReader) netInterface(s *CorosyncSection) Interface {
	i := Interface{Line: s.Line}
	r.number(s, "ringnumber", &i.Ring)
	r.number(s, "linknumber", &i.Ring)
	r.text(s, "bindnetaddr", &i.BindNetAddr)
	r.text(s, "mcastaddr", &i.McastAddr)
	r.number(s, "mcastport", &i.McastPort)
	r.number(s, "ttl", &i.TTL)
	var broadcast string
	r.text(s, "broadcast", &broadcast)
	i.Broadcast = broadcast == "yes"
	return i
}

// Rings is the strict view of the interface blocks of a multicast cluster: every ring has its bindnetaddr, mcastaddr and mcastport,
// and a number of its own (lustre:894-913). A key that is missing is an error with the line of its block: it never comes from the
// ring before, as it does in the guide's awk (H14, PCM-012). All errors come at once.
func (c *CorosyncConf) Rings() ([]Interface, error) {
	t, err := c.Totem()
	if err != nil {
		return nil, err
	}
	var errs srcerr.List
	fail := func(line int, format string, args ...any) {
		errs = append(errs, srcerr.Errorf(c.name, line, 1, "interface", format, args...))
	}
	if len(t.Interfaces) == 0 {
		fail(c.Root.Sections("totem")[0].Line, "the totem section has no interface")
	}
	seen := make(map[int]int)
	for _, i := range t.Interfaces {
		if line, taken := seen[i.Ring]; taken {
			fail(i.Line, "ring %d is also the interface of line %d (a missing ringnumber is 0)", i.Ring, line)
		}
		seen[i.Ring] = i.Line
		if i.BindNetAddr == "" {
			fail(i.Line, "ring %d has no bindnetaddr", i.Ring)
		}
		if i.McastAddr == "" && !i.Broadcast {
			fail(i.Line, "ring %d has no mcastaddr", i.Ring)
		}
		if i.McastPort == 0 {
			fail(i.Line, "ring %d has no mcastport", i.Ring)
		}
	}
	for n := range len(seen) {
		if _, ok := seen[n]; !ok && errs == nil {
			fail(t.Interfaces[0].Line, "the rings are not numbered from 0: there is no ring %d", n)
		}
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	return t.Interfaces, nil
}

// CorosyncNode is a node of the nodelist.
type CorosyncNode struct {
	Line      int
	Name      string
	ID        int // nodeid; 0 when absent
	Addresses map[int]string
}

// NodeList reads the nodelist; it is empty in the corosync.conf of EL6.
func (c *CorosyncConf) NodeList() ([]CorosyncNode, error) {
	r := fieldReader{conf: c}
	var nodes []CorosyncNode
	for _, list := range c.Root.Sections("nodelist") {
		for _, s := range list.Sections("node") {
			n := CorosyncNode{Line: s.Line, Addresses: make(map[int]string)}
			r.text(s, "name", &n.Name)
			r.number(s, "nodeid", &n.ID)
			for _, k := range s.Keys() {
				ring, ok := strings.CutPrefix(k.Name, "ring")
				if number, isAddr := strings.CutSuffix(ring, "_addr"); ok && isAddr {
					if i, err := strconv.Atoi(number); err == nil {
						n.Addresses[i] = k.Value
					}
				}
			}
			nodes = append(nodes, n)
		}
	}
	return nodes, r.errs.Err()
}

// Quorum is the quorum section.
type Quorum struct {
	Provider      string
	ExpectedVotes int
	TwoNode       bool
}

// Quorum reads the quorum section; it is the zero value when there is none.
func (c *CorosyncConf) Quorum() (Quorum, error) {
	r := fieldReader{conf: c}
	var q Quorum
	for _, s := range c.Root.Sections("quorum") {
		two := 0
		r.text(s, "provider", &q.Provider)
		r.number(s, "expected_votes", &q.ExpectedVotes)
		r.number(s, "two_node", &two)
		q.TwoNode = q.TwoNode || two == 1
	}
	return q, r.errs.Err()
}

// CorosyncService is a service section of corosync 1.x: how Pacemaker is started. Version 1 means by its own init script.
type CorosyncService struct {
	Name    string
	Version int
}

// Services reads the service sections; corosync 2 and later have none.
func (c *CorosyncConf) Services() ([]CorosyncService, error) {
	r := fieldReader{conf: c}
	var all []CorosyncService
	for _, s := range c.Root.Sections("service") {
		var v CorosyncService
		r.text(s, "name", &v.Name)
		r.number(s, "ver", &v.Version)
		all = append(all, v)
	}
	return all, r.errs.Err()
}

// fieldReader reads typed values and collects what is wrong with them.
type fieldReader struct {
	conf *CorosyncConf
	errs srcerr.List
}

func (r *fieldReader) text(s *CorosyncSection, key string, dst *string) {
	if v, ok := s.Get(key); ok {
		*dst = v
	}
}

func (r *fieldReader) number(s *CorosyncSection, key string, dst *int) {
	item := s.find(key)
	if item == nil {
		return
	}
	n, err := strconv.Atoi(item.value)
	if err != nil || n < 0 {
		r.errs = append(r.errs, srcerr.Errorf(r.conf.name, item.line, 1+indent(item.raw), key+": "+item.value, "%s is not a number", key))
		return
	}
	*dst = n
}

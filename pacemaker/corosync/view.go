package corosync

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// The typed views of corosync.conf: https://manpages.debian.org/corosync.conf.5 (3.x), and the same page of 1.4 and 2.4
// for what is gone. Times are in milliseconds. What the file does not say is 0, empty or false; keys that have no field
// of their own are in Other, as written.

// Totem is the totem section: how the nodes talk.
type Totem struct {
	Version       int
	ClusterName   string
	Transport     string // udp, udpu, knet; empty is udp up to corosync 2, knet in 3
	RRPMode       string // none, active, passive; up to corosync 2
	LinkMode      string // passive, active, rr; of knet
	IPVersion     string // ipv4, ipv6, ipv4-6, ipv6-4
	SecAuth       string // on, off
	CryptoCipher  string // none, aes256 …
	CryptoHash    string // none, sha256 …
	CryptoModel   string // nss, openssl
	KeyFile       string
	Token         int // ms
	TokenRetries  int // token_retransmits_before_loss_const
	Join          int // ms
	Consensus     int // ms
	MaxMessages   int
	FailRecvConst int // lost messages
	NetMTU        int // bytes
	Interfaces    []Interface
	Other         []Pair
}

// Interface is one interface block, as written. See [Conf.Rings] for the strict view.
type Interface struct {
	Line        int // of the block in the file
	Ring        int // ringnumber or linknumber; 0 when absent, as in corosync
	BindNetAddr string
	McastAddr   string
	McastPort   int // UDP port; with multicast, corosync sends from the port below as well
	TTL         int
	Broadcast   bool
	Members     []string // the addresses of the nodes, in the udpu of corosync 1
	// Of knet.
	KnetTransport string // udp or sctp
	LinkPriority  int
	PingInterval  int // ms
	PingTimeout   int // ms
	PingPrecision int
	PongCount     int
	Other         []Pair
}

// Totem reads the totem section. Two totem sections are read as one, as corosync does; a number that is none is an error.
func (c *Conf) Totem() (Totem, error) {
	var t Totem
	if c.empty() {
		return t, errNoConf
	}
	sections := c.Root.Sections("totem")
	if len(sections) == 0 {
		return t, &srcerr.Error{File: c.name, Err: fmt.Errorf("there is no totem section")}
	}
	r := fieldReader{conf: c}
	for _, s := range sections {
		r.section(s, &t.Other, fields{
			"version": &t.Version, "cluster_name": &t.ClusterName, "transport": &t.Transport, "rrp_mode": &t.RRPMode, "link_mode": &t.LinkMode,
			"ip_version": &t.IPVersion, "secauth": &t.SecAuth, "crypto_cipher": &t.CryptoCipher, "crypto_hash": &t.CryptoHash,
			"crypto_model": &t.CryptoModel,
			"keyfile":      &t.KeyFile, "token": &t.Token, "token_retransmits_before_loss_const": &t.TokenRetries, "join": &t.Join,
			"consensus": &t.Consensus, "max_messages": &t.MaxMessages, "fail_recv_const": &t.FailRecvConst, "netmtu": &t.NetMTU,
		})
		for _, i := range s.Sections("interface") {
			t.Interfaces = append(t.Interfaces, r.netInterface(i))
		}
	}
	return t, r.errs.Err()
}

func (r *fieldReader) netInterface(s *Section) Interface {
	i := Interface{Line: s.Line}
	r.section(s, &i.Other, fields{
		"ringnumber": &i.Ring, "linknumber": &i.Ring, "bindnetaddr": &i.BindNetAddr, "mcastaddr": &i.McastAddr, "mcastport": &i.McastPort,
		"ttl": &i.TTL, "broadcast": &i.Broadcast, "knet_transport": &i.KnetTransport, "knet_link_priority": &i.LinkPriority,
		"knet_ping_interval": &i.PingInterval, "knet_ping_timeout": &i.PingTimeout, "knet_ping_precision": &i.PingPrecision,
		"knet_pong_count": &i.PongCount,
	})
	for _, m := range s.Sections("member") {
		if address, ok := m.Get("memberaddr"); ok {
			i.Members = append(i.Members, address)
		}
	}
	return i
}

// Rings is the strict view of the interface blocks of a multicast cluster: every ring has its bindnetaddr, mcastaddr and mcastport,
// and a number of its own (lustre:894-913). A key that is missing is an error with the line of its block: it never comes from the
// ring before, as it does in the guide's awk (H14, PCM-012). All errors come at once.
func (c *Conf) Rings() ([]Interface, error) {
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

// Node is a node of the nodelist.
type Node struct {
	Line      int
	Name      string
	ID        int            // nodeid; 0 when absent
	Addresses map[int]string // ring0_addr, ring1_addr …
	Votes     int            // quorum_votes; 0 when absent, which is 1
	Other     []Pair
}

// NodeList reads the nodelist; it is empty in the corosync.conf of EL6.
func (c *Conf) NodeList() ([]Node, error) {
	if c.empty() {
		return nil, errNoConf
	}
	r := fieldReader{conf: c}
	var nodes []Node
	for _, list := range c.Root.Sections("nodelist") {
		for _, s := range list.Sections("node") {
			n := Node{Line: s.Line, Addresses: make(map[int]string)}
			var rest []Pair
			r.section(s, &rest, fields{"name": &n.Name, "nodeid": &n.ID, "quorum_votes": &n.Votes})
			for _, k := range rest {
				if ring, ok := ringAddress(k.Name); ok {
					n.Addresses[ring] = k.Value
				} else {
					n.Other = append(n.Other, k)
				}
			}
			nodes = append(nodes, n)
		}
	}
	return nodes, r.errs.Err()
}

// ringAddress is the number in ringN_addr.
func ringAddress(key string) (int, bool) {
	ring, ok := strings.CutPrefix(key, "ring")
	number, isAddr := strings.CutSuffix(ring, "_addr")
	if !ok || !isAddr {
		return 0, false
	}
	i, err := strconv.Atoi(number)
	return i, err == nil && i >= 0
}

// Logging is the logging section.
type Logging struct {
	ToLogfile      bool // to_logfile, or to_file in corosync 1
	LogFile        string
	ToSyslog       bool
	ToStderr       bool
	SyslogFacility string
	Debug          string // on, off, trace
	Timestamp      string // on, off, hires
	Subsystems     []LoggerSubsystem
	Other          []Pair
}

// LoggerSubsystem is what one part of corosync logs differently.
type LoggerSubsystem struct {
	Line      int
	Subsystem string
	Debug     string
	Other     []Pair
}

// Logging reads the logging section; it is the zero value when there is none.
func (c *Conf) Logging() (Logging, error) {
	r := fieldReader{conf: c}
	var l Logging
	for _, s := range c.Root.Sections("logging") {
		r.section(s, &l.Other, fields{
			"to_file": &l.ToLogfile, "to_logfile": &l.ToLogfile, "logfile": &l.LogFile, "to_syslog": &l.ToSyslog, "to_stderr": &l.ToStderr,
			"syslog_facility": &l.SyslogFacility, "debug": &l.Debug, "timestamp": &l.Timestamp,
		})
		for _, sub := range s.Sections("logger_subsys") {
			v := LoggerSubsystem{Line: sub.Line}
			r.section(sub, &v.Other, fields{"subsys": &v.Subsystem, "debug": &v.Debug})
			l.Subsystems = append(l.Subsystems, v)
		}
	}
	return l, r.errs.Err()
}

// Service is a service section of corosync 1.x: how Pacemaker is started. Version 0 means as a plugin, 1 by its own init script.
type Service struct {
	Name    string
	Version int
	Other   []Pair
}

// Services reads the service sections; corosync 2 and later have none.
func (c *Conf) Services() ([]Service, error) {
	r := fieldReader{conf: c}
	var all []Service
	for _, s := range c.Root.Sections("service") {
		var v Service
		r.section(s, &v.Other, fields{"name": &v.Name, "ver": &v.Version})
		all = append(all, v)
	}
	return all, r.errs.Err()
}

// fields says where the value of each key goes: to a *string, a *int or a *bool.
type fields map[string]any

// fieldReader reads typed values and collects what is wrong with them.
type fieldReader struct {
	conf *Conf
	errs srcerr.List
}

// section reads the keys of a section; those without a field go to rest. Of a key that stands twice the last counts, as in corosync.
func (r *fieldReader) section(s *Section, rest *[]Pair, f fields) {
	for _, k := range s.Keys() {
		switch dst := f[k.Name].(type) {
		case *string:
			*dst = k.Value
		case *int:
			r.number(s, k.Name, dst)
		case *bool:
			*dst = k.Value == "yes" || k.Value == "on" || k.Value == "1"
		default:
			*rest = append(*rest, k)
		}
	}
}

func (r *fieldReader) number(s *Section, key string, dst *int) {
	item := s.find(key)
	n, err := strconv.Atoi(item.value)
	if err != nil || n < 0 {
		r.errs = append(r.errs, srcerr.Errorf(r.conf.name, item.line, 1+indent(item.raw), key+": "+item.value, "%s is not a number", key))
		return
	}
	*dst = n
}

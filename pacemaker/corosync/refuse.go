package corosync

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// Refusals are the reasons for which a major release of corosync, 1 to 3, does not start with the file. For release 3 they are those
// of `corosync -t` (3.1.7), on whichever node of the nodelist it runs; what only the machine can tell is left out: whether a host name
// resolves, and whether a log file, key file or user is there. For releases 1 and 2 they are only what their sources and manual pages
// prove: no refusal is then no promise.
func (c *Conf) Refusals(major int) []*ParseError {
	if c.empty() {
		return []*ParseError{{File: "corosync.conf", Err: errNoConf}}
	}
	m := newModel(c)
	switch {
	case major < 1 || major > newestCorosync:
		m.fail(nil, "this package does not know corosync %d", major)
	case major == newestCorosync:
		m.refuse3()
	default:
		m.refuseOld(major)
	}
	slices.SortStableFunc(m.errs, func(a, b *ParseError) int { return a.Line - b.Line })
	return m.errs
}

// model is a corosync.conf as corosync keeps it: one map of full names, in which the last value of a name counts.
type model struct {
	conf   *Conf
	keys   map[string]*entry
	nodes  []*Section           // by their numbers in the names
	links  map[int]*Section     // the last interface block of a link, of those that say something
	subsys map[string]*entry    // logging.logger_subsys by name
	errs   srcerr.List          // what was refused
	check  func(string, *entry) // a value when it is stored; nil does not look
	linkNo string               // how an interface says its number
}

func newModel(c *Conf) *model {
	return &model{conf: c, keys: map[string]*entry{}, links: map[int]*Section{}, subsys: map[string]*entry{}, linkNo: "linknumber"}
}

func (m *model) fail(at *entry, format string, args ...any) {
	line, near, col := 0, "", 0
	if at != nil && at.section != nil {
		line, near, col = at.section.Line, at.section.Name+" {", 1
	} else if at != nil {
		line, near, col = at.line, at.key+": "+at.value, 1+indent(at.raw)
		if at.secret() {
			near = at.key
		}
	}
	m.errs = append(m.errs, srcerr.Errorf(m.conf.name, line, col, near, format, args...))
}

func (m *model) get(name string) string {
	if item := m.keys[name]; item != nil {
		return item.value
	}
	return ""
}

// number is an unsigned value of 32 bits; zero where it is not there.
func (m *model) number(name string) uint32 {
	n, _ := strconv.ParseInt(m.get(name), 10, 64)
	return uint32(n) //nolint:gosec // what does not fit was refused before
}

// section is the first section of a name at the top, as the place of what is missing in it.
func (m *model) section(name string) *entry {
	for _, s := range m.conf.Root.Sections(name) {
		return &entry{section: s}
	}
	return nil
}

// read stores all keys. The names of sections that may stand many times get the number of the node or link.
func (m *model) read(s *Section, path, stored string) {
	node, link := path == "nodelist.node", path == "totem.interface"
	if path == "nodelist" {
		m.nodes = nil // a second nodelist begins at node 0 again
	}
	if node {
		stored = "nodelist.node." + strconv.Itoa(len(m.nodes))
		m.nodes = append(m.nodes, s)
	}
	number := 0
	if link {
		if item := s.find(m.linkNo); item != nil {
			number, _ = strconv.Atoi(item.value)
		}
		stored = "totem.interface." + strconv.Itoa(number)
	}
	for i := range s.items {
		item := &s.items[i]
		if item.section != nil {
			m.read(item.section, join(path, item.section.Name), join(stored, item.section.Name))
			continue
		}
		if item.key == "" {
			continue
		}
		if m.check != nil {
			m.check(join(path, item.key), item)
		}
		if link && item.key != m.linkNo && interfaceKeys[item.key] {
			m.links[number] = s
		}
		m.keys[join(stored, item.key)] = item
	}
	if path == "logging.logger_subsys" {
		if item := s.find("subsys"); item != nil {
			if m.check != nil {
				m.check("logging.logger_subsys."+item.value+".subsys", item)
			}
			m.subsys[item.value] = item
			for i := range s.items {
				if s.items[i].key != "" {
					m.keys["logging.logger_subsys."+item.value+"."+s.items[i].key] = &s.items[i]
				}
			}
		} else if m.check != nil {
			m.fail(&entry{section: s}, "it does not name its subsys")
		}
	}
}

func join(path, name string) string { return strings.TrimPrefix(path+"."+name, ".") }

// interfaceKeys are what makes corosync 3 take a link as configured; other keys of an interface block are not read at all.
var interfaceKeys = words("bindnetaddr mcastaddr broadcast mcastport ttl knet_link_priority knet_ping_interval knet_ping_timeout " +
	"knet_ping_precision knet_pong_count knet_transport")

func words(list string) map[string]bool {
	set := make(map[string]bool)
	for _, word := range strings.Fields(list) {
		set[word] = true
	}
	return set
}

var keyName = regexp.MustCompile(`^[A-Za-z0-9._/:-]{3,255}$`)

// refuse3 goes the way of corosync 3: what it does not accept while it reads, then the log, then totem.
func (m *model) refuse3() {
	m.check = func(path string, item *entry) {
		if syntax := syntax3[path]; syntax != nil {
			if what := syntax(item.value); what != "" {
				m.fail(item, "corosync 3 does not read it: %s%s", what, behind(item.value))
			}
		}
		switch section, key, _ := strings.Cut(path, "."); {
		case section == "uidgid" && key != "uid" && key != "gid":
			m.fail(item, "corosync 3 takes uid and gid only here")
		case strings.HasPrefix(path, "totem.interface.member.") && key != "interface.member.memberaddr":
			m.fail(item, "corosync 3 takes memberaddr only here")
		case !keyName.MatchString(path):
			m.fail(item, "corosync 3 does not take %q for the name of a key: 3 to %d of A-Z a-z 0-9 . _ - / with the names of its sections",
				path, maxKeyName)
		}
		if len(item.raw) > maxLine+1 {
			m.fail(item, "the line is longer than the %d bytes that corosync reads", maxLine)
		}
	}
	if m.conf.bom {
		m.fail(nil, "the file begins with a byte order mark, which corosync 3 takes for a part of the first line")
	}
	m.read(m.conf.Root, "", "")
	m.logging()
	if len(m.errs) > 0 {
		return // it goes no further
	}
	m.totem3()
}

func (m *model) logging() {
	look := func(prefix string, table map[string]valueSyntax) {
		for key, syntax := range table {
			if item := m.keys[prefix+key]; item != nil {
				if what := syntax(item.value); what != "" {
					m.fail(item, "corosync 3 does not read it: %s", what)
				}
			}
		}
	}
	look("logging.", logSyntax)
	look("logging.", topLog)
	for name := range m.subsys {
		look("logging.logger_subsys."+name+".", logSyntax)
	}
}

// totem3 is what corosync 3 wants of totem and the nodelist.
func (m *model) totem3() {
	transport := "knet"
	if item := m.keys["totem.transport"]; item != nil {
		transport = item.value
	}
	if !slices.Contains([]string{"udp", "udpu", "knet"}, transport) {
		m.fail(m.keys["totem.transport"], "corosync 3 knows udpu, udp and knet")
		return
	}
	if m.number("totem.version") != 2 {
		m.fail(cmp.Or(m.keys["totem.version"], m.section("totem")), "version is %d: corosync wants 2", m.number("totem.version"))
	}
	m.crypto3(transport)
	m.timers3()
	if mode := m.get("totem.link_mode"); m.keys["totem.link_mode"] != nil && !slices.Contains([]string{"active", "passive", "rr"}, mode) {
		m.fail(m.keys["totem.link_mode"], "a link_mode is active, passive or rr")
	}
	if len(m.nodes) == 0 {
		m.fail(m.section("totem"), "corosync 3 finds itself by the nodelist, and there is none")
		return
	}
	m.links3(transport)
	m.nodes3(transport)
}

func (m *model) crypto3(transport string) {
	cipher, hash := "none", "none"
	at := m.keys["totem.secauth"]
	if at != nil && at.value == "on" {
		cipher, hash = "aes256", "sha256"
	}
	if item := m.keys["totem.crypto_cipher"]; item != nil {
		at, cipher = item, item.value
	}
	if item := m.keys["totem.crypto_hash"]; item != nil {
		at, hash = cmp.Or(m.keys["totem.crypto_cipher"], item), item.value
	}
	switch {
	case cipher != "none" && hash == "none":
		m.fail(at, "crypto_cipher wants a crypto_hash as well")
	case transport != "knet" && (cipher != "none" || hash != "none"):
		m.fail(at, "corosync 3 encrypts and signs with knet only, and the transport is %s", transport)
	}
	if key := m.keys["totem.key"]; key != nil && m.keys["totem.keyfile"] == nil && (cipher != "none" || hash != "none") &&
		len(key.value)+1 < minKey {
		m.fail(key, "the key is shorter than %d bytes", minKey)
	}
}

func (m *model) timers3() {
	or := func(key string, missing uint32) uint32 { return cmp.Or(m.number("totem."+key), missing) }
	place := func(keys ...string) *entry {
		for _, key := range keys {
			if item := m.keys["totem."+key]; item != nil {
				return item
			}
		}
		return m.section("totem")
	}
	least := func(key string, is, limit uint32, others ...string) {
		if is < limit {
			m.fail(place(append([]string{key}, others...)...), "%s is %d ms, and corosync wants %d at least", key, is, limit)
		}
	}
	token := or("token", 3000)
	if n := m.members(0); n > 2 {
		coefficient := uint32(650)
		if m.keys["totem.token_coefficient"] != nil {
			coefficient = m.number("totem.token_coefficient")
		}
		token += uint32(n-2) * coefficient //nolint:gosec // corosync wraps around as well
	}
	again := or("token_retransmit", whole(float64(token)/(float64(or("token_retransmits_before_loss_const", 4))+0.2)))
	join, consensus := or("join", 50), or("consensus", whole(1.2*float64(token)))
	least("max_network_delay", or("max_network_delay", 50), minTimeout)
	least("token", token, minTimeout)
	least("token_retransmit", again, minTimeout, "token_retransmits_before_loss_const", "token")
	least("hold", or("hold", whole(float64(again)*0.8-10)), minHold, "token_retransmit", "token_retransmits_before_loss_const", "token")
	least("join", join, minTimeout)
	least("consensus", consensus, minTimeout, "token")
	least("consensus", consensus, join, "join", "token")
	least("merge", or("merge", 200), minTimeout)
	least("downcheck", or("downcheck", 1000), minTimeout)
	if m.number("totem.token_warning") > 100 {
		m.fail(m.keys["totem.token_warning"], "token_warning is a percentage: 0 to 100")
	}
}

// whole cuts a time to whole milliseconds as corosync does: into 31 bits and a sign.
func whole(ms float64) uint32 {
	if ms > math.MaxInt32 || ms < math.MinInt32 {
		return 1 << 31
	}
	return uint32(int32(ms)) //nolint:gosec // the sign goes there as well
}

// address is what a node says for a link.
func (m *model) address(node, link int) *entry {
	return m.keys[fmt.Sprintf("nodelist.node.%d.ring%d_addr", node, link)]
}

// members is how many nodes have an address on a link.
func (m *model) members(link int) int {
	n := 0
	for node := range m.nodes {
		if m.address(node, link) != nil {
			n++
		}
	}
	return n
}

// behind says what a comment behind a value does.
func behind(value string) string {
	if strings.Contains(value, "#") {
		return ": a comment behind a value is a part of it for corosync"
	}
	return ""
}

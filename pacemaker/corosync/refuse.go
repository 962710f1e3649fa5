package corosync

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"net"
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

// valueSyntax says what is wrong with a value; it is empty where nothing is.
type valueSyntax func(value string) string

func between(low, high int64) valueSyntax {
	return func(value string) string {
		// The C library skips these before a number; blanks and tabs are gone already.
		n, err := strconv.ParseInt(strings.TrimLeft(value, "\v\f\r"), 10, 64)
		if err != nil || n < low || n > high {
			return fmt.Sprintf("not a number from %d to %d", low, high)
		}
		return ""
	}
}

func oneOf(list string) valueSyntax {
	set := words(list)
	return func(value string) string {
		if set[value] {
			return ""
		}
		return "it must be one of: " + list
	}
}

// anyCase is oneOf without regard to capitals.
func anyCase(list string) valueSyntax {
	exact := oneOf(list)
	return func(value string) string { return exact(strings.ToLower(value)) }
}

// syntax3 are the values that corosync 3 looks at while it reads the file, by the path of the key.
var syntax3 = func() map[string]valueSyntax {
	table := make(map[string]valueSyntax)
	for _, row := range []struct {
		syntax valueSyntax
		prefix string
		keys   string
	}{
		{between(0, math.MaxUint32), "totem.", "version nodeid threads token token_coefficient token_retransmit token_warning hold " +
			"token_retransmits_before_loss_const join send_join consensus merge downcheck fail_recv_const seqno_unchanged_const " +
			"rrp_token_expired_timeout rrp_problem_count_timeout rrp_problem_count_threshold rrp_problem_count_mcast_threshold " +
			"rrp_autorecovery_check_timeout heartbeat_failures_allowed max_network_delay window_size max_messages miss_count_const " +
			"knet_pmtud_interval knet_mtu knet_compression_threshold netmtu " +
			"interface.knet_ping_interval interface.knet_ping_timeout interface.knet_ping_precision interface.knet_pong_count"},
		{between(math.MinInt32, math.MaxInt32), "totem.", "knet_compression_level"},
		{between(math.MinInt64, math.MaxInt64), "totem.", "config_version"},
		{between(0, math.MaxUint8), "totem.interface.", "linknumber ttl knet_link_priority"},
		{between(0, math.MaxUint16), "totem.interface.", "mcastport"},
		{between(0, math.MaxUint32), "quorum.", "expected_votes votes last_man_standing_window leaving_timeout " +
			"device.timeout device.sync_timeout device.votes"},
		{between(0, math.MaxUint8), "quorum.", "two_node expected_votes_tracking allow_downscale wait_for_all auto_tie_breaker " +
			"last_man_standing device.master_wins"},
		{between(0, math.MaxUint32), "nodelist.node.", "nodeid quorum_votes"},
		{between(0, math.MaxUint32), "pload.", "count size"},
		{between(0, math.MaxUint32), "resources.", "watchdog_timeout"},
		{between(math.MinInt64, math.MaxInt64), "resources.", "system.poll_period system.memory_used.poll_period " +
			"process.poll_period process.memory_used.poll_period"},
		{oneOf("ipv4 ipv6 ipv6-4 ipv4-6"), "totem.", "ip_version"},
		{oneOf("nss openssl gcrypt"), "totem.", "crypto_model"},
		{oneOf("none aes256 aes192 aes128"), "totem.", "crypto_cipher"},
		{oneOf("none md5 sha1 sha256 sha384 sha512"), "totem.", "crypto_hash"},
		{oneOf("zlib lz4 lz4hc lzo2 lzma bzip2 zstd"), "totem.", "knet_compression_model"},
		{oneOf("native shm socket"), "system.", "qb_ipc_type"},
		{oneOf("yes no"), "system.", "sched_rr allow_knet_handle_fallback"},
		{oneOf("yes no auto"), "system.", "move_to_root_cgroup"},
	} {
		for key := range words(row.keys) {
			table[row.prefix+key] = row.syntax
		}
	}
	return table
}()

// logSyntax are the values of the logging section, which counts as a whole and for each subsystem; topLog those that count as a whole only.
var (
	logSyntax = map[string]valueSyntax{
		"to_stderr": oneOf("yes on no off"), "to_syslog": oneOf("yes on no off"), "to_file": oneOf("yes on no off"),
		"to_logfile": oneOf("yes on no off"),
		"syslog_facility": anyCase("auth authpriv cron daemon ftp kern lpr mail news syslog user uucp local0 local1 local2 " +
			"local3 local4 local5 local6 local7"),
		"syslog_level":     anyCase("alert crit debug emerg err error info notice warning"),
		"syslog_priority":  anyCase("alert crit debug emerg err error info notice warning"),
		"logfile_priority": anyCase("alert crit debug emerg err error info notice warning"),
		"debug":            oneOf("on off trace"),
	}
	topLog = map[string]valueSyntax{
		"fileline": oneOf("on off"), "function_name": oneOf("on off"), "timestamp": oneOf("on off hires"), "blackbox": oneOf("on off"),
	}
)

const (
	maxKeyName  = 255 // of a full name, with the names of its sections
	maxLine     = 510 // bytes of a line, without its end
	minTimeout  = 30  // ms
	minHold     = 14  // ms
	minKey      = 128 // bytes of totem.key
	maxKnetNode = 65535
)

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

// links3 is what corosync 3 wants of the links: those of the interface blocks and those of the nodelist.
func (m *model) links3(transport string) {
	ip := ipVersion(m.get("totem.ip_version"), transport)
	configured := m.configured(transport, ip)
	if len(configured) == 0 {
		if len(m.errs) == 0 {
			m.fail(m.section("nodelist"), "no node has an address: corosync 3 does not know where to listen")
		}
		return
	}
	if len(configured) > 1 && transport != "knet" {
		m.fail(cmp.Or(m.keys["totem.transport"], m.section("totem")), "corosync 3 takes one link with %s, and there are %d",
			transport, len(configured))
		return
	}
	if len(configured) > 1 {
		m.sameLinks(configured)
	}
	for _, link := range configured {
		m.link3(transport, ip, link)
	}
}

// configured are the numbers of the links. An address that cannot be one is refused on the way.
func (m *model) configured(transport, ip string) []int {
	set := make(map[int]bool)
	for number, s := range m.links {
		if number >= MaxLinks {
			m.fail(&entry{section: s}, "link %d: they are numbered from 0 to %d", number, MaxLinks-1)
			continue
		}
		prefix := fmt.Sprintf("totem.interface.%d.", number)
		if transport == "udp" && m.keys[prefix+"bindnetaddr"] == nil {
			continue // such a block is not looked at, unless the nodelist makes its link
		}
		set[number] = true
	}
	for node := range m.nodes {
		for key, item := range m.keys {
			rest, mine := strings.CutPrefix(key, fmt.Sprintf("nodelist.node.%d.", node))
			if link, ok := ringAddress(rest); mine && ok {
				if link >= MaxLinks {
					m.fail(item, "link %d: they are numbered from 0 to %d", link, MaxLinks-1)
					continue
				}
				set[link] = true
				m.resolves(item, ip)
			}
		}
	}
	links := make([]int, 0, len(set))
	for link := range set {
		links = append(links, link)
	}
	slices.Sort(links)
	return links
}

// sameLinks: with several links every node has a name and an address on each.
func (m *model) sameLinks(configured []int) {
	for node, s := range m.nodes {
		if m.keys[fmt.Sprintf("nodelist.node.%d.name", node)] == nil {
			m.fail(&entry{section: s}, "the node has no name: corosync 3 wants one where there are several links")
		}
	}
	for _, link := range configured {
		if n := m.members(link); n != m.members(configured[0]) {
			m.fail(m.section("nodelist"), "link %d has %d nodes and link %d %d: corosync 3 wants all nodes on all links",
				configured[0], m.members(configured[0]), link, n)
		}
	}
}

// link3 is what corosync 3 wants of one link.
func (m *model) link3(transport, ip string, link int) {
	key := func(name string) *entry { return m.keys[fmt.Sprintf("totem.interface.%d.%s", link, name)] }
	value := func(name, missing string) string {
		if item := key(name); item != nil {
			return item.value
		}
		return missing
	}
	if transport != "udp" && strings.TrimLeft(value("ttl", "1"), "+0") != "1" {
		m.fail(key("ttl"), "corosync 3 takes a ttl with udp only, and the transport is %s", transport)
	}
	// A priority of 0 is none, and becomes 1.
	if priority := strings.TrimLeft(value("knet_link_priority", ""), "+0"); transport != "knet" && priority != "" && priority != "1" {
		m.fail(key("knet_link_priority"), "corosync 3 takes a link priority with knet only, and the transport is %s", transport)
	}
	if t := value("knet_transport", "udp"); t != "udp" && t != "sctp" {
		m.fail(key("knet_transport"), "corosync 3 knows udp and sctp")
	}
	families := make(map[int]*entry)
	missing := -1
	for node := range m.nodes {
		item := m.address(node, link)
		if item == nil {
			missing = node
		} else if f := family(item.value); f != 0 {
			families[f] = item
		}
	}
	if len(families) > 1 {
		m.fail(families[6], "the nodes have addresses of IPv4 and of IPv6 on link %d", link)
	}
	if missing >= 0 && m.links[link] == nil { // then nothing tells it the ttl, and it takes 0
		m.fail(&entry{section: m.nodes[missing]}, "the node has no ring%d_addr, and others have", link)
	}
	bind := key("bindnetaddr")
	if first := m.address(0, link); first != nil {
		bind = first // the nodelist goes before
	} else if bind != nil {
		m.resolves(bind, ip)
	}
	mcast := key("mcastaddr")
	if mcast != nil {
		m.resolves(mcast, ip)
	}
	if transport != "udp" || m.broadcast() {
		return
	}
	switch {
	case mcast == nil && m.keys["totem.cluster_name"] == nil:
		m.fail(cmp.Or(m.section("totem"), bind), "there is neither a mcastaddr nor a cluster_name to make one of")
	case mcast != nil && family(mcast.value) != 0:
		if f := family(bind.value); f != 0 && f != family(mcast.value) {
			m.fail(mcast, "the multicast address is of another family than the address of the node")
		} else if !address(mcast.value).IsMulticast() {
			m.fail(mcast, "not a multicast address")
		}
	}
}

func (m *model) broadcast() bool {
	for number := range m.links {
		if m.get(fmt.Sprintf("totem.interface.%d.broadcast", number)) == "yes" {
			return true
		}
	}
	return false
}

// nodes3 is what corosync 3 wants of the nodes.
func (m *model) nodes3(transport string) {
	ids := make(map[uint32]int) // the lines of their nodes
	for node, s := range m.nodes {
		at := &entry{section: s}
		first := m.address(node, 0)
		if first == nil && m.keys[fmt.Sprintf("nodelist.node.%d.name", node)] == nil {
			m.fail(at, "the node has neither a name nor a ring0_addr: corosync 3 does not find itself")
		}
		item := m.keys[fmt.Sprintf("nodelist.node.%d.nodeid", node)]
		id := m.number(fmt.Sprintf("nodelist.node.%d.nodeid", node))
		switch {
		case id == 0 && transport == "knet":
			m.fail(cmp.Or(item, at), "no nodeid: knet wants one")
			continue
		case id == 0 && first != nil:
			if family(first.value) == 6 {
				m.fail(first, "no nodeid: with an address of IPv6 corosync wants one")
			}
			id = m.generated(first.value)
		case transport == "knet" && id > maxKnetNode:
			m.fail(item, "knet takes nodeids up to %d", maxKnetNode)
		}
		if line := ids[id]; line != 0 && id != 0 {
			m.fail(at, "nodeid %d is also that of line %d", id, line)
		}
		ids[id] = s.Line
	}
}

// generated is the id that corosync makes of an address of IPv4; 0 where it is a name.
func (m *model) generated(said string) uint32 {
	ip := address(said).To4()
	if ip == nil {
		return 0
	}
	id := uint32(ip[0])<<24 | uint32(ip[1])<<16 | uint32(ip[2])<<8 | uint32(ip[3])
	if m.get("totem.clear_node_high_bit") == "yes" {
		id &= math.MaxInt32
	}
	return id
}

// resolves refuses what no resolver takes for an address.
func (m *model) resolves(item *entry, ip string) {
	f := family(item.value)
	switch {
	case f == 0 && !hostName(item.value):
		m.fail(item, "neither an address nor the name of a host%s", behind(item.value))
	case f == 6 && ip == "ipv4", f == 4 && ip == "ipv6":
		m.fail(item, "an address of IPv%d, and corosync is to use %s (ip_version)", f, ip)
	}
}

// behind says what a comment behind a value does.
func behind(value string) string {
	if strings.Contains(value, "#") {
		return ": a comment behind a value is a part of it for corosync"
	}
	return ""
}

// ipVersion is the family that is in force.
func ipVersion(said, transport string) string {
	if said == "" && transport == "udp" {
		return "ipv4"
	}
	return cmp.Or(said, "ipv6-4")
}

// family is 4 or 6 for an address, and 0 for a name.
func family(s string) int {
	switch ip := address(s); {
	case ip == nil:
		return 0
	case strings.Contains(s, ":"):
		return 6
	}
	return 4
}

// address is what the C library takes for an address: 127.1, 010 and 0x7f000001 as well; nil for a name.
func address(s string) net.IP {
	plain, _, _ := strings.Cut(s, "%")
	if ip := net.ParseIP(plain); ip != nil {
		return ip
	}
	parts := strings.Split(s, ".")
	ip := make(net.IP, net.IPv4len)
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 0, 32)
		last := i == len(parts)-1
		if err != nil || i >= len(ip) || strings.ContainsAny(part, "_oObB+") || !last && n > math.MaxUint8 || last &&
			bits.Len64(n) > 8*(len(ip)-i) {
			return nil
		}
		if !last {
			ip[i] = byte(n)
			continue
		}
		for at := len(ip) - 1; at >= i; at-- { // the last fills up the rest
			ip[at], n = byte(n), n>>8
		}
	}
	return ip
}

// A name whose last label is a number is none: only an address can end so.
var (
	hostNameText = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
	numeric      = regexp.MustCompile(`(?:^|\.)[0-9]+\.?$`)
)

func hostName(s string) bool { return hostNameText.MatchString(s) && !numeric.MatchString(s) }

// refuseOld is what is known of corosync 1 and 2: https://manpages.debian.org/jessie/corosync/corosync.conf.5
func (m *model) refuseOld(major int) {
	m.linkNo = "ringnumber"
	if major == 2 {
		m.check = func(path string, item *entry) {
			if syntax := syntax2[path]; syntax != nil {
				if what := syntax(item.value); what != "" {
					m.fail(item, "corosync 2 does not read it: %s%s", what, behind(item.value))
				}
			}
		}
	}
	m.read(m.conf.Root, "", "")
	if v := m.keys["totem.version"]; v == nil || strings.TrimLeft(v.value, "+0") != "2" && (major == 2 || v.value != "2") {
		m.fail(cmp.Or(v, m.section("totem")), "version is %s: corosync wants 2", cmp.Or(m.get("totem.version"), "0"))
	}
	for _, key := range []string{"token", "token_retransmit", "join", "consensus", "merge", "downcheck", "max_network_delay"} {
		if n, err := strconv.Atoi(m.get("totem." + key)); err == nil && n > 0 && n < minTimeout {
			m.fail(m.keys["totem."+key], "%s is %d ms, and corosync wants %d at least", key, n, minTimeout)
		}
	}
	mode := cmp.Or(m.get("totem.rrp_mode"), "none")
	if !slices.Contains([]string{"none", "active", "passive"}, mode) {
		m.fail(m.keys["totem.rrp_mode"], "unknown mode: corosync %d knows none, active and passive", major)
	}
	rings := make(map[int]bool)
	for _, totem := range m.conf.Root.Sections("totem") {
		for _, s := range totem.Sections("interface") {
			n := 0
			if item := s.find("ringnumber"); item != nil {
				n, _ = strconv.Atoi(item.value)
			}
			rings[n] = true
		}
	}
	for node := range m.nodes {
		for link := 0; major == 2 && link < MaxLinks; link++ {
			rings[link] = rings[link] || m.address(node, link) != nil
		}
	}
	n := 0
	for _, there := range rings {
		if there {
			n++
		}
	}
	switch {
	case n > 2:
		m.fail(m.section("totem"), "%d rings: corosync %d takes two at most", n, major)
	case n == 2 && mode == "none":
		m.fail(m.section("totem"), "2 rings, but no rrp_mode: corosync 1 and 2 refuse them (H15)")
	case n == 0:
		m.fail(m.section("totem"), "neither an interface nor a nodelist: corosync does not know where to listen")
	}
}

// syntax2 are the values that corosync 2 stores as numbers or knows by name, and refuses otherwise.
var syntax2 = func() map[string]valueSyntax {
	number := func(value string) string {
		if between(math.MinInt64, math.MaxInt64)(value) != "" {
			return "not a number"
		}
		return ""
	}
	table := map[string]valueSyntax{
		"totem.crypto_cipher": oneOf("none aes256 aes192 aes128 3des"), "totem.crypto_hash": oneOf("none md5 sha1 sha256 sha384 sha512"),
	}
	for path := range words("quorum.expected_votes quorum.votes quorum.last_man_standing_window quorum.leaving_timeout quorum.two_node " +
		"quorum.allow_downscale quorum.wait_for_all quorum.auto_tie_breaker quorum.last_man_standing quorum.device.timeout " +
		"quorum.device.votes quorum.device.master_wins nodelist.node.nodeid nodelist.node.quorum_votes totem.interface.ringnumber " +
		"totem.interface.mcastport totem.interface.ttl totem.version totem.nodeid totem.threads totem.token totem.token_retransmit " +
		"totem.hold totem.token_retransmits_before_loss_const totem.join totem.send_join totem.consensus totem.merge totem.downcheck " +
		"totem.fail_recv_const totem.seqno_unchanged_const totem.heartbeat_failures_allowed totem.max_network_delay " +
		"totem.window_size totem.max_messages totem.miss_count_const totem.netmtu") {
		table[path] = number
	}
	return table
}()

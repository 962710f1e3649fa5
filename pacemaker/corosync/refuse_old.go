package corosync

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

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

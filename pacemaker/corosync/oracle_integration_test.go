//go:build integration

package corosync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// agreed are the disagreements with corosync that are meant to be, each with its reason. said is what corosync printed,
// empty where it took the file; parsed is the error of Parse.
var agreed = []struct {
	why  string
	here func(said, text string, parsed error) bool
}{
	{"whether the name of a host resolves only the machine can tell", func(said, _ string, _ error) bool {
		m := regexp.MustCompile(`(?:address '|address of )([^' ]+)(?:'|\S* not resolvable)`).FindAllStringSubmatch(said, -1)
		return len(m) > 0 && hostName(m[len(m)-1][1])
	}},
	{"which node this machine is only the machine can tell: the changed address is none of its own", func(said, text string, _ error) bool {
		return strings.Contains(said, "No valid name found for local host") && !strings.Contains(text, "ring0_addr: 127.0.0.1\n")
	}},
	{"the key file, the users and the groups are the machine's", func(said, _ string, _ error) bool {
		return strings.Contains(said, "Could not open ") || strings.Contains(said, " is not found in /etc/")
	}},
	{"a key without a name is no key here; corosync stores it under the name of its section and a dot",
		func(said, _ string, parsed error) bool {
			return said == "" && parsed != nil && strings.Contains(parsed.Error(), "a value without a key")
		}},
	{"a file that is not UTF-8, or has a NUL byte, is no text here", func(said, _ string, parsed error) bool {
		return said == "" && errors.Is(parsed, srcerr.ErrNotText)
	}},
}

// otherwise are the problems of files that corosync 3 takes: it takes them otherwise than they were meant, or looks when -t is over.
var otherwise = []struct{ why, text string }{
	{"the last one counts, and -t does not say so", `stands in line \d+ as well`},
	{"a second nodelist goes over the first, and two nodes may have one name or address", `is also that of line`},
	{"the value is there, and more than was meant", `^a comment behind a value`},
	{"the address in the nodelist goes before bindnetaddr", `^neither an address nor the name of a host`},
	{"corosync 3 reads over ringnumber, 1 and 2 do not",
		`^ringnumber is not a number|^ring \d+: there are at most|^ring \d+ is also the interface`},
	{"broadcast wins, and -t does not say so", `has a multicast address and broadcast`},
	{"the quorum is looked at when the services are loaded, after -t",
		`^unknown provider|^expected_votes is|^the nodelist has|^it cannot be used with the quorum device|^it does not go with auto_tie_breaker`},
	{"a node without an address of its own is not in the cluster", `^no ring\d_addr`},
	{"the quorum device is read by a daemon of its own",
		`^the quorum device has no|^(?:votes|timeout|sync_timeout|interval|port|connect_timeout) is not a number`},
	{"the sections of corosync 1 are read over", `^ver is not a number`},
}

// What Releases says of corosync 3 is what corosync -t says of the files of the corpus and of changed copies: each key with other values,
// removed, doubled, with a comment behind, and several of these at once. EVENKEEL_MUTATIONS says how many of them; 0 is all.
func TestRealCorosyncAgrees(t *testing.T) {
	program := golden.Program(t, "corosync", "corosync")
	lab := newConfLab(t, program)
	n := 450
	if v := os.Getenv("EVENKEEL_MUTATIONS"); v != "" {
		var err error
		n, err = strconv.Atoi(v)
		require.NoError(t, err)
	}
	all := lab.cases(t, rand.New(rand.NewPCG(1, 2)), n == 0)
	if n > 0 && n < len(all) {
		rand.New(rand.NewPCG(3, 4)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		all = all[:n]
	}
	names := make([]string, len(all))
	byName := make(map[string]confCase, len(all))
	for i, c := range all {
		names[i] = fmt.Sprintf("%06d %s", i, c.name)
		byName[names[i]] = c
	}
	var refused, excused atomic.Int64
	used := make([]atomic.Int64, len(agreed))
	golden.InParallel(names, func(name string) {
		c := byName[name]
		text := c.make(0)
		said, run := "", text
		for node := range max(1, c.nodes) {
			run = c.make(node)
			if said = lab.corosync(t, run); said != "" {
				break
			}
		}
		if said != "" {
			refused.Add(1)
		}
		conf, err := Parse(strings.NewReader(text))
		if (err == nil && accepts3(conf)) == (said == "") {
			if said == "" {
				meantOtherwise(t, name, conf)
			}
			return
		}
		for i, a := range agreed {
			if a.here(said, run, err) {
				used[i].Add(1)
				excused.Add(1)
				return
			}
		}
		ours := fmt.Sprint(err)
		if err == nil {
			ours = fmt.Sprint(refusals3(conf))
		}
		t.Errorf("%s\ncorosync: %q\nhere: %s\n%s", name, said, ours, text)
	})
	t.Logf("%d files, %d refused; corosync ran %d times; %d disagreements that are meant to be", len(all), refused.Load(),
		lab.runs.Load(), excused.Load())
	for i, a := range agreed {
		t.Logf("%5d: %s", used[i].Load(), a.why)
		require.True(t, n > 0 || used[i].Load() > 0, "it does not happen: take it out")
	}
}

// meantOtherwise wants of a file that corosync takes no other problems than those that it does not look for.
func meantOtherwise(t *testing.T, name string, c *Conf) {
	for _, p := range c.Problems() {
		known := false
		for _, o := range otherwise {
			known = known || regexp.MustCompile(o.text).MatchString(p.Err.Error())
		}
		if !known {
			t.Errorf("%s: corosync takes the file, and it has a problem that is not in the list: %v", name, p)
		}
	}
}

func accepts3(c *Conf) bool { return c.Releases().Fits(3) }

func refusals3(c *Conf) any { return c.Refusals(3) }

// confCase is one file, as it is for each of its nodes: the node's own addresses are of this machine.
type confCase struct {
	name  string
	nodes int
	make  func(node int) string
}

// confLab runs corosync -t in a directory of its own, where the files are that a corosync.conf names.
type confLab struct {
	program, dir, host string
	runs               atomic.Int64
}

func newConfLab(t *testing.T, program string) *confLab {
	host, err := os.Hostname()
	require.NoError(t, err)
	l := &confLab{program: program, dir: t.TempDir(), host: host}
	require.NoError(t, os.WriteFile(filepath.Join(l.dir, "authkey"), bytes.Repeat([]byte("k"), 256), 0o400))
	return l
}

// corosync is what it says against a file; empty where it takes it. It starts no daemon: -t ends before that.
func (l *confLab) corosync(t *testing.T, text string) string {
	run := l.runs.Add(1)
	file := filepath.Join(l.dir, fmt.Sprintf("%d.conf", run))
	// Where an assertion of its own fails, corosync writes a record of it into its state directory.
	if !strings.HasPrefix(text, "\xef\xbb\xbf") {
		text = "system {\n state_dir: " + l.dir + "\n}\n" + text
	}
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	defer func() { _ = os.Remove(file) }()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, l.program, "-t", "-c", file)
	cmd.Dir = l.dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, ctx.Err(), "corosync hangs: %s", text)
	if err == nil {
		return ""
	}
	return fmt.Sprintf("%v: %s", err, out)
}

// settle makes of a file one that does not depend on the machine: its addresses, log and key are of the lab, and node is this machine.
func (l *confLab) settle(c *Conf, node int) {
	for _, s := range c.Root.Sections("logging") {
		for _, log := range append([]*Section{s}, s.Sections("logger_subsys")...) {
			if log.find("logfile") != nil {
				set(log, "logfile", filepath.Join(l.dir, "log"))
			}
		}
	}
	for _, s := range c.Root.Sections("totem") {
		set(s, "keyfile", filepath.Join(l.dir, "authkey"))
		for i, link := range s.Sections("interface") {
			if item := link.find("bindnetaddr"); item != nil && family(item.value) != 6 {
				set(link, "bindnetaddr", fmt.Sprintf("127.0.%d.1", i))
			}
		}
	}
	n := 0
	for _, list := range c.Root.Sections("nodelist") {
		for _, s := range list.Sections("node") {
			for i := range s.items {
				item := &s.items[i]
				if link, ok := ringAddress(item.key); ok && family(item.value) != 6 {
					set(s, item.key, fmt.Sprintf("127.0.%d.%d", link%8, 10+n))
					if n == node {
						set(s, item.key, fmt.Sprintf("127.0.%d.1", link%8))
					}
				}
			}
			if s.find("name") != nil {
				set(s, "name", fmt.Sprintf("node%d", n))
				if n == node {
					set(s, "name", l.host)
				}
			}
			n++
		}
	}
	for _, s := range c.Root.Sections("uidgid") {
		set(s, "uid", "root")
		set(s, "gid", "root")
	}
	for _, s := range c.Root.Sections("system") {
		s.Remove("state_dir")
	}
}

func set(s *Section, key, value string) {
	if err := s.Set(key, value); err != nil {
		panic(err)
	}
}

// oracleBases are files of each kind that corosync 3 takes, and one that it does not.
var oracleBases = map[string]string{
	"udp": "totem {\n version: 2\n cluster_name: c\n transport: udp\n token: 1000\n interface {\n  linknumber: 0\n  " +
		"bindnetaddr: 127.0.0.1\n  mcastaddr: 239.255.1.1\n  mcastport: 5405\n  ttl: 1\n }\n}\n" +
		"nodelist {\n node {\n  nodeid: 1\n  ring0_addr: 127.0.0.1\n }\n node {\n  nodeid: 2\n  ring0_addr: 127.0.0.2\n " +
		"}\n}\nquorum {\n provider: corosync_votequorum\n two_node: 1\n}\n",
	"udp without an address to send to": "totem {\n version: 2\n cluster_name: c\n transport: udp\n}\nnodelist {\n node " +
		"{\n  nodeid: 1\n  ring0_addr: 127.0.0.1\n }\n}\n",
	"udpu": "totem {\n version: 2\n transport: udpu\n secauth: off\n rrp_mode: none\n interface {\n  ringnumber: 0\n  " +
		"bindnetaddr: 127.0.0.1\n  mcastport: 5405\n  member {\n   memberaddr: 127.0.0.1\n  }\n }\n}\n" +
		"nodelist {\n node {\n  ring0_addr: 127.0.0.1\n }\n node {\n  ring0_addr: 127.0.0.2\n }\n}\n",
	"knet": modernConf,
	"knet, one": "totem {\n version: 2\n transport: knet\n cluster_name: c\n}\nnodelist {\n node {\n  nodeid: 1\n  " +
		"ring0_addr: 127.0.0.1\n }\n node {\n  nodeid: 2\n  ring0_addr: 127.0.0.2\n }\n node {\n  nodeid: 3\n  ring0_addr: 127.0.0.3\n }\n}\n",
	"pcs": "totem {\n    version: 2\n    cluster_name: c\n    transport: knet\n    ip_version: ipv4-6\n    link_mode: " +
		"passive\n    crypto_cipher: aes256\n    crypto_hash: sha256\n    cluster_uuid: 0123\n    token: 17000\n}\n\n" +
		"nodelist {\n    node {\n        ring0_addr: a\n        ring1_addr: b\n        name: a\n        nodeid: 1\n    }\n  " +
		"  node {\n        ring0_addr: c\n        ring1_addr: d\n        name: b\n        nodeid: 2\n    }\n}\n\n" +
		"quorum {\n    provider: corosync_votequorum\n    two_node: 1\n}\n\nlogging {\n    to_logfile: yes\n    logfile: " +
		"/var/log/cluster/corosync.log\n    to_syslog: yes\n    timestamp: on\n}\n\n" +
		"system {\n    allow_knet_handle_fallback: yes\n}\nuidgid {\n    uid: hacluster\n    gid: haclient\n}\nresources " +
		"{\n    watchdog_timeout: 6\n    system {\n        memory_used {\n            poll_period: 1000\n        }\n    }\n}\n",
	"IPv6": "totem {\n version: 2\n transport: knet\n ip_version: ipv6\n}\nnodelist {\n node {\n  name: a\n  nodeid: " +
		"1\n  ring0_addr: fd00::1\n }\n node {\n  name: b\n  nodeid: 2\n  ring0_addr: fd00::2\n }\n}\n",
	"rings": "compatibility: whitetank\ntotem {\n version: 2\n rrp_mode: passive\n interface {\n  ringnumber: 0\n  " +
		"bindnetaddr: 127.0.0.1\n  mcastaddr: 226.94.0.1\n  mcastport: 4242\n }\n}\nservice {\n name: pacemaker\n ver: 1\n}\n",
}

// oracleValues are the values that a key is given, beside its own changed ones.
var oracleValues = []string{
	"", "0", "1", "2", "3", "7", "8", "13", "14", "29", "30", "31", "100", "101", "255", "256", "65535", "65536",
	"4294967295", "4294967296", "-1", "+1", "01", "1.5", "1 # x", "0x10",
	"yes", "no", "on", "off", "none", "active", "passive", "rr", "udp", "udpu", "knet", "sctp", "iba", "ipv4", "ipv6",
	"ipv6-4", "ipv4-6", "nss", "openssl", "aes256", "3des", "sha1", "md5",
	"zlib", "hires", "trace", "local0", "info", "INFO", "shm", "auto", "banana", "two words", "127.0.0.1", "127.0.0.300",
	"127.1", "::1", "fd00::9", "239.1.2.3", "ff15::1", "a}b",
}

// oracleKeys are keys that are put where they were not.
var oracleKeys = map[string]string{
	"totem": "version transport secauth crypto_cipher crypto_hash crypto_model link_mode ip_version token " +
		"token_coefficient token_retransmit token_retransmits_before_loss_const token_warning hold join " +
		"send_join consensus merge downcheck fail_recv_const seqno_unchanged_const max_network_delay window_size " +
		"max_messages miss_count_const netmtu knet_pmtud_interval knet_mtu knet_compression_model " +
		"knet_compression_threshold knet_compression_level config_version rrp_mode threads nodeid clear_node_high_bit " +
		"cluster_name block_unlisted_ips cancel_token_hold_on_retransmit interface vsftype a/b ä",
	"interface": "linknumber ringnumber bindnetaddr mcastaddr broadcast mcastport ttl knet_transport knet_link_priority " +
		"knet_ping_interval knet_ping_timeout knet_ping_precision knet_pong_count",
	"node": "nodeid name quorum_votes ring0_addr ring1_addr ring7_addr ring8_addr ringx_addr",
	"quorum": "provider expected_votes votes two_node wait_for_all auto_tie_breaker auto_tie_breaker_node " +
		"last_man_standing last_man_standing_window allow_downscale expected_votes_tracking leaving_timeout",
	"device": "model votes timeout sync_timeout master_wins", "net": "host port algorithm",
	"logging": "to_stderr to_syslog to_file to_logfile syslog_facility syslog_priority syslog_level " +
		"logfile_priority debug timestamp fileline function_name blackbox",
	"logger_subsys": "subsys to_stderr debug syslog_priority fileline", "member": "memberaddr port", "uidgid": "uid pid",
	"system":    "qb_ipc_type sched_rr move_to_root_cgroup allow_knet_handle_fallback priority",
	"resources": "watchdog_timeout", "memory_used": "poll_period recovery", "service": "name ver",
}

// change is one change of a file. The same change of the copies for each node finds the same place.
type change struct {
	what string
	do   func(c *Conf) bool // whether it found its place
}

// cases are the files as they are, each change of each, and pairs of changes.
func (l *confLab) cases(t *testing.T, random *rand.Rand, deep bool) []confCase {
	bases := make(map[string]string)
	for name, text := range oracleBases {
		bases[name] = text
	}
	if dir := os.Getenv("EVENKEEL_CORPUS"); dir != "" {
		for _, path := range golden.FilesUnder(t, filepath.Join(dir, "cluster", "corosync"), ".conf") {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			bases[filepath.Base(path)] = string(text)
		}
	} else {
		t.Log("EVENKEEL_CORPUS is not set: the corpus of real files is not read")
	}
	names := make([]string, 0, len(bases))
	for name := range bases {
		names = append(names, name)
	}
	slices.Sort(names)
	var all []confCase
	for _, name := range names {
		text := bases[name]
		c, err := Parse(strings.NewReader(text))
		if err != nil {
			all = append(all, confCase{name, 1, func(int) string { return text }})
			continue
		}
		nodes := 0
		for _, list := range c.Root.Sections("nodelist") {
			nodes += len(list.Sections("node"))
		}
		own := oracleBases[name] != ""
		settled := c.Clone()
		l.settle(settled, 0)
		changes := changesOf(settled)
		add := func(what string, changes ...change) {
			all = append(all, confCase{name + ": " + what, nodes, func(node int) string {
				copied := c.Clone()
				l.settle(copied, node)
				for _, change := range changes {
					change.do(copied)
				}
				return printed(t, copied)
			}})
		}
		add("as it is")
		for _, change := range changes {
			if own || random.IntN(20) == 0 {
				add(change.what, change)
			}
		}
		pairs := 400
		if !own {
			pairs = 5
		}
		if deep {
			pairs *= 5
		}
		for range pairs {
			one, two := changes[random.IntN(len(changes))], changes[random.IntN(len(changes))]
			add(one.what+" and "+two.what, one, two)
		}
		for range pairs / 4 {
			seed := random.Uint64()
			all = append(all, confCase{name + ": bytes", nodes, func(node int) string {
				copied := c.Clone()
				l.settle(copied, node)
				return scramble(rand.New(rand.NewPCG(seed, 0)), copied, t)
			}})
		}
	}
	return all
}

// scramble changes the text at one line: a brace more or less, a letter between, a line too long, a byte order mark.
func scramble(random *rand.Rand, c *Conf, t *testing.T) string {
	lines := strings.SplitAfter(printed(t, c), "\n")
	at := random.IntN(len(lines))
	pieces := []string{"{", "}", ":", "#", " ", "\t", "\r", "x", "{ {", "a {\n", "}\n", "foo: bar\n", "foo:: bar\n",
		": x\n", "a: {\n", "-\n", "\u00a0", "\v", "\n", strings.Repeat("y", 520), "z: " + strings.Repeat("y", 506) + "\n",
		"z: " + strings.Repeat("y", 508) + "\n", "\xff"}
	piece := pieces[random.IntN(len(pieces))]
	line := lines[at]
	switch random.IntN(4) {
	case 0:
		line = piece + line
	case 1:
		line = strings.TrimSuffix(line, "\n") + piece + "\n"
	case 2:
		line = piece
	default:
		i := random.IntN(len(line) + 1)
		line = line[:i] + piece + line[i:]
	}
	lines[at] = line
	text := strings.Join(lines, "")
	if random.IntN(30) == 0 {
		text = "\xef\xbb\xbf" + text
	}
	return text
}

func changesOf(c *Conf) []change {
	var list []change
	var walk func(s *Section, way []int)
	walk = func(s *Section, way []int) {
		find := func(c *Conf) *Section {
			at := c.Root
			for _, i := range way {
				if i >= len(at.items) || at.items[i].section == nil {
					return nil
				}
				at = at.items[i].section
			}
			return at
		}
		on := func(what string, do func(s *Section) bool) {
			list = append(list, change{s.Name + " " + what, func(c *Conf) bool {
				at := find(c)
				return at != nil && do(at)
			}})
		}
		for i, item := range s.items {
			if item.section != nil {
				walk(item.section, append(slices.Clone(way), i))
				on("without "+item.section.Name, func(s *Section) bool {
					return i < len(s.items) && s.items[i].section != nil && s.RemoveSection(s.items[i].section)
				})
				on("twice "+item.section.Name, func(s *Section) bool {
					if i >= len(s.items) || s.items[i].section == nil {
						return false
					}
					s.items = append(s.items, entry{section: s.items[i].section.clone()})
					return true
				})
				continue
			}
			if item.key == "" {
				continue
			}
			on("without "+item.key, func(s *Section) bool { return s.Remove(item.key) })
			on("comment behind "+item.key, func(s *Section) bool {
				at := s.find(item.key)
				return at != nil && put(s, item.key, at.value+" # comment")
			})
			on("capitals "+item.key, func(s *Section) bool {
				at := s.find(item.key)
				return at != nil && put(s, item.key, strings.ToUpper(at.value))
			})
			on("twice "+item.key, func(s *Section) bool {
				at := s.find(item.key)
				if at == nil {
					return false
				}
				s.items = append(s.items, entry{raw: item.key + ": x\n", key: item.key, value: "x"})
				return true
			})
			for _, value := range oracleValues {
				on(fmt.Sprintf("%s: %q", item.key, value), func(s *Section) bool { return put(s, item.key, value) })
			}
		}
		for key := range words(oracleKeys[s.Name]) {
			if s.find(key) == nil {
				for _, value := range oracleValues {
					on(fmt.Sprintf("new %s: %q", key, value), func(s *Section) bool { return put(s, key, value) })
				}
			}
		}
	}
	walk(c.Root, nil)
	slices.SortStableFunc(list, func(a, b change) int { return strings.Compare(a.what, b.what) })
	return list
}

// put sets a key, to what Set would not take as well.
func put(s *Section, key, value string) bool {
	if at := s.find(key); at != nil {
		at.raw, at.value = key+": "+value+"\n", value
		return true
	}
	s.items = append(s.items, entry{raw: key + ": " + value + "\n", key: key, value: value})
	return true
}

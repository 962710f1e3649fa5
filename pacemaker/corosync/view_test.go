package corosync

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

func parseConf(t testing.TB, text string) *Conf {
	t.Helper()
	c, err := Parse(srcerr.Named("c.conf", strings.NewReader(text)))
	require.NoError(t, err)
	return c
}

// modernConf has one of everything that corosync 3 knows.
const modernConf = `totem {
    version: 2
    cluster_name: c
    transport: knet
    link_mode: passive
    ip_version: ipv4
    crypto_cipher: aes256
    crypto_hash: sha256
    crypto_model: nss
    keyfile: /etc/corosync/authkey
    token: 17000
    token_retransmits_before_loss_const: 10
    join: 60
    consensus: 20400
    max_messages: 20
    fail_recv_const: 10
    netmtu: 1400
    token_coefficient: 650
    interface {
        linknumber: 0
        knet_transport: sctp
        knet_link_priority: 3
        knet_ping_interval: 200
        knet_ping_timeout: 400
        knet_ping_precision: 2048
        knet_pong_count: 2
        mcastport: 6000
    }
    interface {
        linknumber: 1
    }
}
nodelist {
    node {
        name: a
        nodeid: 1
        quorum_votes: 2
        ring0_addr: 10.0.0.1
        ring1_addr: 10.1.0.1
        site: north
    }
    node {
        name: b
        nodeid: 2
        ring0_addr: 10.0.0.2
        ring1_addr: 10.1.0.2
    }
}
quorum {
    provider: corosync_votequorum
    expected_votes: 3
    votes: 1
    wait_for_all: 1
    auto_tie_breaker: 1
    auto_tie_breaker_node: lowest
    last_man_standing: 1
    last_man_standing_window: 20000
    allow_downscale: 0
    weight: 4
    device {
        model: net
        votes: 1
        timeout: 10000
        sync_timeout: 30000
        net {
            host: q.example
            port: 5404
            algorithm: ffsplit
            tie_breaker: lowest
            tls: required
            connect_timeout: 8000
        }
        heuristics {
            mode: sync
            interval: 30000
            timeout: 5000
            sync_timeout: 15000
            exec_ping: /bin/ping -c 1 10.0.0.254
        }
    }
}
logging {
    to_logfile: yes
    logfile: /var/log/cluster/corosync.log
    to_syslog: no
    to_stderr: yes
    syslog_facility: daemon
    debug: trace
    timestamp: hires
    fileline: off
    logger_subsys {
        subsys: QUORUM
        debug: on
        logfile_priority: info
    }
}
system {
    qb_ipc_type: native
}
`

// Every section of corosync 3 has its view, and keys without a field are kept.
func TestModernViews(t *testing.T) {
	c := parseConf(t, modernConf)
	require.Empty(t, c.Problems())
	totem, err := c.Totem()
	require.NoError(t, err)
	require.Equal(t, Totem{
		Version: 2, ClusterName: "c", Transport: "knet", LinkMode: "passive", IPVersion: "ipv4", CryptoCipher: "aes256",
		CryptoHash: "sha256", CryptoModel: "nss",
		KeyFile: "/etc/corosync/authkey", Token: 17000, TokenRetries: 10, Join: 60, Consensus: 20400, MaxMessages: 20,
		FailRecvConst: 10, NetMTU: 1400,
		Interfaces: []Interface{
			{Line: 19, McastPort: 6000, KnetTransport: "sctp", LinkPriority: 3, PingInterval: 200, PingTimeout: 400,
				PingPrecision: 2048, PongCount: 2},
			{Line: 29, Ring: 1},
		},
		Other: []Pair{{Name: "token_coefficient", Value: "650"}},
	}, totem)
	nodes, err := c.NodeList()
	require.NoError(t, err)
	require.Equal(t, []Node{
		{Line: 34, Name: "a", ID: 1, Votes: 2, Addresses: map[int]string{0: "10.0.0.1", 1: "10.1.0.1"},
			Other: []Pair{{Name: "site", Value: "north"}}},
		{Line: 42, Name: "b", ID: 2, Addresses: map[int]string{0: "10.0.0.2", 1: "10.1.0.2"}},
	}, nodes)
	q, err := c.Quorum()
	require.NoError(t, err)
	require.Equal(t, Quorum{
		Provider: "corosync_votequorum", ExpectedVotes: 3, Votes: 1, WaitForAll: true, AutoTieBreaker: true, TieBreakerNode: "lowest",
		LastManStanding: true, LastManWindow: 20000, Other: []Pair{{Name: "weight", Value: "4"}}, waitForAllWritten: true,
		Device: &QuorumDevice{
			Line: 60, Model: "net", Votes: 1, Timeout: 10000, SyncTimeout: 30000,
			Net: QuorumNet{Host: "q.example", Port: 5404, Algorithm: "ffsplit", TieBreaker: "lowest", TLS: "required", ConnectTimeout: 8000},
			Heuristics: QuorumHeuristics{Mode: "sync", Interval: 30000, Timeout: 5000, SyncTimeout: 15000,
				Programs: []Pair{{Name: "exec_ping", Value: "/bin/ping -c 1 10.0.0.254"}}},
		},
	}, q)
	l, err := c.Logging()
	require.NoError(t, err)
	require.Equal(t, Logging{
		ToLogfile: true, LogFile: "/var/log/cluster/corosync.log", ToStderr: true, SyslogFacility: "daemon", Debug: "trace", Timestamp: "hires",
		Other:      []Pair{{Name: "fileline", Value: "off"}},
		Subsystems: []LoggerSubsystem{{Line: 91, Subsystem: "QUORUM", Debug: "on", Other: []Pair{{Name: "logfile_priority", Value: "info"}}}},
	}, l)
	require.True(t, c.Releases().Fits(3))
	require.False(t, c.Releases().Fits(2))
	ports, err := c.Ports()
	require.NoError(t, err)
	require.Equal(t, "[5404/tcp 5406/udp 6000/udp]", fmt.Sprint(ports))
}

// wait_for_all is what the file says, and what two_node implies where it says nothing.
func TestWaitForAll(t *testing.T) {
	for text, want := range map[string]bool{
		"quorum {\n two_node: 1\n}\n":                   true,
		"quorum {\n two_node: 1\n wait_for_all: 0\n}\n": false,
		"quorum {\n wait_for_all: 0\n two_node: 1\n}\n": false,
		"quorum {\n wait_for_all: 1\n}\n":               true,
		"quorum {\n provider: corosync_votequorum\n}\n": false,
		"totem {\n}\n": false,
	} {
		q, err := parseConf(t, text).Quorum()
		require.NoError(t, err)
		require.Equal(t, want, q.WaitForAll, "%s", text)
	}
}

const (
	totem2  = "totem {\n version: 2\n"
	oneNode = "nodelist {\n node {\n nodeid: 1\n ring0_addr: a\n }\n}\n"
)

// The releases that take a file, and what in it only some of them use.
func TestReleases(t *testing.T) {
	iml := readConf(t).Releases()
	require.Equal(t, 1, iml.From)
	require.Equal(t, 1, iml.To)
	var marks []string
	for _, m := range iml.Marks {
		marks = append(marks, m.String())
	}
	require.Equal(t, []string{
		"line 3: compatibility: corosync 1 only: it switched to the protocol of openais",
		"line 8: totem.threads: corosync 1 to 2: encryption threads are gone",
		"line 12: totem.rrp_mode: corosync 1 to 2: redundant rings are gone: knet has links",
		"line 44: amf: corosync 1 only: the availability management framework is gone",
		"line 48: service: corosync 1 only: Pacemaker was started as a plugin, or told so",
	}, marks)
	for text, want := range map[string]string{
		"totem {\n version: 2\n}\n":                                     "1-0",
		"totem {\n version: 2\n interface {\n }\n}\n":                   "1-2",
		"totem {\n rrp_mode: passive\n}\nnodelist {\n}\n":               "2-0",
		totem2 + " interface {\n member {\n memberaddr: a\n }\n }\n}\n": "1-2",
		"compatibility: whitetank\n" + totem2 + " rrp_mode: passive\n}\n" +
			strings.Replace(oneNode, "nodeid", "ring1_addr: b\n nodeid", 1): "2-2",
		totem2 + " transport: knet\n}\n" + oneNode: "3-3",
		totem2 + " transport: udpu\n rrp_mode: none\n interface {\n member {\n memberaddr: a\n }\n }\n}\n" + oneNode: "2-3",
		totem2 + " transport: udpu\n secauth: on\n}\n" + oneNode:                                                     "2-2",
		totem2 + " interface {\n}\n}\nquorum {\n device {\n model: net\n }\n}\n":                                     "2-2",
		totem2 + " interface {\n knet_pong_count: 3\n }\n}\n" + oneNode:                                              "3-3",
		"aisexec {\n user: root\n}\ntotem {\n version: 2\n link_mode: active\n interface {\n }\n}\n":                 "3-2",
	} {
		r := parseConf(t, text).Releases()
		require.Equal(t, want, fmt.Sprintf("%d-%d", r.From, r.To), "%s", text)
	}
}

// What is wrong with a file as a whole, each with its line.
func TestProblems(t *testing.T) {
	for text, want := range map[string]string{
		"totem {\n version: 2\n}\n":                                                                      `[c.conf:1:1: neither an interface nor a nodelist: corosync does not know where to listen: near "totem {"]`,
		"totem {\n version: 1\n interface {\n }\n}\n":                                                    `[c.conf:2:2: version is 1: corosync wants 2: near "version: 1"]`,
		"quorum {\n}\n":                                                                                  `[c.conf: there is no totem section]`,
		"totem {\n version: 2\n token: x\n interface {\n }\n}\n":                                         `[c.conf:3:2: token is not a number: near "token: x"]`,
		"totem {\n version: 2\n token: 1\n token: 2\n interface {\n }\n}\n":                              `[c.conf:4:1: token stands in line 3 as well: this one counts: near "token" c.conf:4:2: token is 2 ms, and corosync wants 30 at least: near "token: 2"]`,
		"totem {\n version: 2\n transport: tcp\n interface {\n }\n}\n":                                   `[c.conf:3:1: unknown transport: near "transport: tcp"]`,
		"totem {\n version: 2\n rrp_mode: both\n interface {\n }\n}\n":                                   `[c.conf:3:2: unknown mode: corosync 1 knows none, active and passive: near "rrp_mode: both"]`,
		"totem {\n version: 2\n interface {\n broadcast: yes\n mcastaddr: a\n mcastport: 70000\n }\n}\n": `[c.conf:3:1: not a port: near "mcastport: 70000" c.conf:3:1: ring 0 has a multicast address and broadcast: only one can be used: near "interface"]`,
		"totem {\n version: 2\n interface {\n }\n interface {\n }\n rrp_mode: passive\n}\n":              `[c.conf:5:1: ring 0 is also the interface of line 3 (a missing number is 0): near "interface"]`,
		"totem {\n version: 2\n interface {\n }\n interface {\n ringnumber: 1\n }\n}\n":                  `[c.conf:1:1: 2 rings, but no rrp_mode: corosync 1 and 2 refuse them (H15): near "totem {"]`,
		"totem {\n version: 2\n interface {\n linknumber: 8\n }\n}\n":                                    `[c.conf:1:1: corosync 3 finds itself by the nodelist, and there is none: near "totem {" c.conf:3:1: ring 8: there are at most 8: near "interface"]`,
		"totem {\n version: 2\n transport: knet\n}\nnodelist {\n node {\n name: a\n ring0_addr: x\n }\n node {\n name: a\n " +
			"nodeid: 1\n ring1_addr: x\n }\n node {\n nodeid: 1\n }\n}\n": `[c.conf:6:1: no nodeid: knet wants one: near "node {"` +
			` c.conf:10:1: the name a is also that of line 6: near "node {" c.conf:10:1: no ring0_addr, though there are others: near "node {" c.conf:15:1: nodeid 1 is also that of line 10: near "node {" c.conf:15:1: no ring0_addr: near "node {"` +
			` c.conf:15:1: the node has no name: corosync 3 wants one where there are several links: near "node {" c.conf:15:1: the node has no ring0_addr, and others have: near "node {" c.conf:15:1: the node has no ring1_addr, and others have: near "node {"` +
			` c.conf:15:1: the node has neither a name nor a ring0_addr: corosync 3 does not find itself: near "node {"]`,
		"totem {\n version: 2\n}\nnodelist {\n node {\n ring0_addr: x\n }\n node {\n ring0_addr: x\n }\n}\n": `[c.conf:8:1: ring0_addr x is also that of line 5: near "node {"]`,
		"totem {\n version: 2\n}\nnodelist {\n node {\n ring0_addr: x\n }\n}\nquorum {\n provider: magic\n two_node: 1\n " +
			"expected_votes: 3\n}\n": `[c.conf:10:1: unknown provider: near "provider: magic" c.conf:11:1: the nodelist has 1 nodes: near "two_node: 1" c.conf:11:1: expected_votes is 3: near "two_node: 1"]`,
		"totem {\n version: 2\n interface {\n }\n}\nquorum {\n two_node: 1\n device {\n }\n}\n": `[c.conf:7:1: it cannot be used with the quorum device of line 8: near "two_node: 1" c.conf:8:1: the quorum device has no model: near "device {"]`,
		"totem {\n version: 2\n interface {\n }\n}\nquorum {\n device {\n model: net\n }\n}\n":  `[c.conf:7:1: the quorum device has no host: near "device {"]`,
		"totem {\n version: 2\n transport: knet\n interface {\n }\n}\nservice {\n}\n":           `[c.conf:1:1: corosync 3 finds itself by the nodelist, and there is none: near "totem {"]`,
		// A comment behind a value is told once, whichever release would take it.
		totem2 + " token: 1000 # ms\n interface {\n bindnetaddr: 10.0.0.0 # net\n }\n}\n": `[c.conf:3:2: token is not a number: near "token: 1000 # ms" ` +
			`c.conf:5:2: neither an address nor the name of a host: a comment behind a value is a part of it for corosync: near "bindnetaddr: 10.0.0.0 # net"]`,
		totem2 + " cluster_name: a # b\n interface {\n }\n}\n": `[c.conf:3:2: a comment behind a value is a part of it for corosync: near "cluster_name: a # b"]`,
		totem2 + " transport: udpu\n}\nnodelist {\n node {\n ring0_addr: a\n ring1_addr: b\n ring2_addr: c\n }\n}\n": `[c.conf:1:1: 3 rings: corosync 2 takes two at most: near "totem {" ` +
			`c.conf:3:2: corosync 3 takes one link with udpu, and there are 3: near "transport: udpu"]`,
	} {
		require.Equal(t, want, fmt.Sprint(parseConf(t, text).Problems()), "%s", text)
	}
	require.Empty(t, readConf(t).Problems())
}

// H16: the ports come out of the file, with the one below for multicast.
func TestPorts(t *testing.T) {
	ports, err := readConf(t).Ports()
	require.NoError(t, err)
	require.Equal(t, "[4241/udp 4242/udp]", fmt.Sprint(ports))
	require.Equal(t, "corosync, link 0", ports[1].Why)
	for text, want := range map[string]string{
		"totem {\n transport: knet\n}\nnodelist {\n node {\n ring0_addr: a\n ring1_addr: b\n }\n}\n":    "[5405/udp 5406/udp]",
		"totem {\n}\nnodelist {\n node {\n ring0_addr: a\n ring1_addr: b\n }\n}\n":                      "[5405/udp 5406/udp]",
		"totem {\n}\nnodelist {\n node {\n ring0_addr: a\n }\n}\n":                                      "[5404/udp 5405/udp]",
		"totem {\n transport: udpu\n}\nnodelist {\n node {\n ring0_addr: a\n }\n}\n":                    "[5405/udp]",
		"totem {\n interface {\n ringnumber: 1\n broadcast: yes\n }\n}\n":                               "[5406/udp 5407/udp]",
		"totem {\n crypto_model: nss\n interface {\n linknumber: 2\n }\n}\n":                            "[5407/udp]",
		"totem {\n transport: knet\n}\nquorum {\n device {\n model: net\n net {\n host: q\n }\n }\n}\n": "[5403/tcp]",
	} {
		ports, err := parseConf(t, text).Ports()
		require.NoError(t, err)
		require.Equal(t, want, fmt.Sprint(ports), "%s", text)
	}
	_, err = parseConf(t, "quorum {\n}\n").Ports()
	require.Error(t, err)
}

// H15: IML's two multicast rings become two links of knet, each change with its reason, and the ports that follow.
func TestPlanKnet(t *testing.T) {
	c := readConf(t)
	before := printed(t, c)
	plan, err := c.PlanKnet(KnetOptions{
		ClusterName: "lustre-ha-cluster", Token: 17000,
		Nodes: []Member{
			{Name: "ct6-mds1.lfs.intl", Addresses: []string{"192.168.1.21", "10.42.42.21"}},
			{Name: "ct6-mds2.lfs.intl", Addresses: []string{"192.168.1.22", "10.42.42.22"}},
		},
	})
	require.NoError(t, err)
	require.Equal(t, before, printed(t, c), "the old file stays as it is")
	var b strings.Builder
	b.WriteString(printed(t, plan.Conf))
	for _, change := range plan.Changes {
		fmt.Fprintf(&b, "# %s\n", change)
	}
	for _, note := range plan.Notes {
		fmt.Fprintf(&b, "# note: %s\n", note)
	}
	fmt.Fprintf(&b, "# open %v, close %v, keep %v\n", plan.Open, plan.Close, plan.Keep)
	fmt.Fprintf(&b, "%+v\n", plan.Setup)
	golden.Check(t, "knet.golden", b.String())

	// What comes out is for corosync 3, without a problem, and says what the old one said of what they share.
	again := parseConf(t, printed(t, plan.Conf))
	require.True(t, again.Releases().Fits(3))
	require.Empty(t, again.Problems())
	totem, err := again.Totem()
	require.NoError(t, err)
	require.Len(t, totem.Interfaces, 2)
	for i, link := range totem.Interfaces {
		require.Equal(t, i, link.Ring)
		require.Equal(t, 4242, link.McastPort)
		require.Empty(t, link.BindNetAddr)
	}
	_, err = again.PlanKnet(KnetOptions{})
	require.ErrorContains(t, err, "knet already")
}

// What a conversion would have to guess is refused, all of it at once.
func TestPlanKnetGuessesNothing(t *testing.T) {
	c := readConf(t)
	node := func(name string, addresses ...string) Member {
		return Member{Name: name, Addresses: addresses}
	}
	for want, nodes := range map[string][]Member{
		"the file has no nodelist":                              nil,
		"node a has no address for link 1 (ring 1, 10.42.42.0)": {node("a", "192.168.1.21")},
		"192.168.1.0 is the address of a network":               {node("a", "192.168.1.0", "10.42.42.1")},
		"node a has 3 addresses for 2 rings":                    {node("a", "1.1.1.1", "2.2.2.2", "3.3.3.3")},
		"nodes a and b have the same address 1.1.1.1 on link 0": {node("a", "1.1.1.1", "2.2.2.1"), node("b", "1.1.1.1", "2.2.2.2")},
		"node 1 has no name":                                    {node("", "1.1.1.1", "2.2.2.1")},
		"corosync 3 would refuse the new file":                  {node("a", "1.1.1.1", "2.2.2.1"), node("b", "1.1.1.2", "2.2.2.2 # b")},
	} {
		_, err := c.PlanKnet(KnetOptions{Nodes: nodes})
		require.ErrorContains(t, err, want)
	}
	_, err := parseConf(t, "quorum {\n}\n").PlanKnet(KnetOptions{})
	require.ErrorContains(t, err, "no totem section")
}

// A cluster of udpu with a nodelist keeps its ids; three nodes have no two_node; no encryption only when asked for.
func TestPlanKnetOfUDPU(t *testing.T) {
	c := parseConf(t, "totem {\n version: 2\n transport: udpu\n secauth: on\n netmtu: 1400\n cluster_name: "+
		"c\n}\nnodelist {\n node {\n  name: a\n  nodeid: 7\n  ring0_addr: 10.0.0.1\n }\n"+
		" node {\n  name: b\n  ring0_addr: 10.0.0.2\n }\n node {\n  name: d\n  nodeid: 1\n  ring0_addr: 10.0.0.3\n "+
		"}\n}\nquorum {\n two_node: 1\n expected_votes: 2\n}\nlogging {\n to_file: yes\n}\n")
	plan, err := c.PlanKnet(KnetOptions{Cipher: "none", Hash: "none"})
	require.NoError(t, err)
	nodes, err := plan.Conf.NodeList()
	require.NoError(t, err)
	var got []string
	for _, n := range nodes {
		got = append(got, fmt.Sprint(n.Name, n.ID, n.Addresses[0]))
	}
	require.Equal(t, []string{"a710.0.0.1", "b210.0.0.2", "d110.0.0.3"}, got)
	text := printed(t, plan.Conf)
	for _, gone := range []string{"secauth", "netmtu", "two_node", "expected_votes", "to_file:"} {
		require.NotContains(t, text, gone)
	}
	for _, there := range []string{"crypto_cipher: none", "to_logfile: yes", "transport: knet", "provider: corosync_votequorum"} {
		require.Contains(t, text, there)
	}
	require.Empty(t, plan.Notes)
	require.Empty(t, plan.Open)
	require.Equal(t, "[5405/udp]", fmt.Sprint(plan.Keep))
	require.Empty(t, plan.Conf.Problems())
}

// Sections and keys can be added and removed, and what stands around them stays.
func TestSections(t *testing.T) {
	c := parseConf(t, "# top\ntotem {\n\tversion: 2\n\tinterface {\n\t\tttl: 1\n\t}\n}")
	copied := c.Clone()
	totem := c.Root.Sections("totem")[0]
	require.True(t, totem.Remove("version"))
	require.False(t, totem.Remove("version"))
	require.False(t, totem.Remove(""))
	require.True(t, totem.RemoveSection(totem.Sections("interface")[0]))
	require.False(t, totem.RemoveSection(copied.Root.Sections("totem")[0]))
	q, err := c.Root.AddSection("quorum")
	require.NoError(t, err)
	require.NoError(t, q.Set("two_node", "1"))
	d, err := q.AddSection("device")
	require.NoError(t, err)
	require.NoError(t, d.Set("model", "net"))
	require.Equal(t, "# top\ntotem {\n}\nquorum {\n\ttwo_node: 1\n\tdevice {\n\t\tmodel: net\n\t}\n}\n", printed(t, c))
	require.Equal(t, "# top\ntotem {\n\tversion: 2\n\tinterface {\n\t\tttl: 1\n\t}\n}", printed(t, copied))
	for _, name := range []string{"", "a b", "a{", "#a", "a:"} {
		_, err := c.Root.AddSection(name)
		require.Error(t, err)
	}
}

// PCM-010: of every corosync.conf of the corpus the views show what the list of the corpus says that it has.
func TestCorpusViews(t *testing.T) {
	f, err := os.Open(golden.Corpus(t, "cluster", "MANIFEST.tsv"))
	require.NoError(t, err)
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, -1
	rows, err := r.ReadAll()
	require.NoError(t, err)
	read, problems, knet := 0, 0, 0
	releases := make(map[string]int)
	for _, row := range rows[1:] {
		if !strings.HasPrefix(row[0], "corosync/") || row[7] != "pcs_parse=ok" {
			continue
		}
		features := "," + strings.ReplaceAll(row[6], ";", ",") + ","
		has := func(feature string) bool { return strings.Contains(features, ","+feature+",") }
		data, err := os.ReadFile(filepath.Join(golden.Corpus(t, "cluster"), row[0]))
		require.NoError(t, err)
		c := parseConf(t, string(data))
		read++
		problems += min(1, len(c.Problems()))
		rel := c.Releases()
		releases[fmt.Sprintf("%d-%d", rel.From, rel.To)]++
		require.Equal(t, string(data), printed(t, c.Clone()), row[0])
		nodes, err := c.NodeList()
		if err != nil {
			continue
		}
		services, err := c.Services()
		require.NoError(t, err)
		require.Equal(t, has("service block"), len(services) > 0, row[0])
		quorum, err := c.Quorum()
		if err == nil {
			require.Equal(t, has("qdevice (quorum.device)"), quorum.Device != nil, row[0])
		}
		require.Equal(t, has("nodelist"), len(c.Root.Sections("nodelist")) > 0, row[0])
		totem, err := c.Totem()
		if err != nil {
			continue
		}
		require.Equal(t, has("interface block"), len(totem.Interfaces) > 0, row[0])
		require.Equal(t, has("transport udpu"), totem.Transport == "udpu", row[0])
		require.Equal(t, has("transport knet"), totem.Transport == "knet", row[0])
		if len(nodes) > 0 && len(totem.Interfaces) > 0 {
			second := slices.ContainsFunc(nodes, func(n Node) bool { return n.Addresses[1] != "" })
			require.Equal(t, has("ring1_addr"), second, row[0])
		}
		if plan, err := c.PlanKnet(KnetOptions{}); err == nil {
			knet++
			require.True(t, plan.Conf.Releases().Fits(3), "%s\n%v", row[0], plan.Conf.Releases().Marks)
		}
	}
	t.Logf("%d corosync.confs read, %d with problems, releases %v, %d converted to knet", read, problems, releases, knet)
	require.Positive(t, read)
}

func BenchmarkParse(b *testing.B) {
	var text strings.Builder
	for text.Len() < 1<<20 {
		text.WriteString(modernConf)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(strings.NewReader(text.String())); err != nil {
			b.Fatal(err)
		}
	}
}

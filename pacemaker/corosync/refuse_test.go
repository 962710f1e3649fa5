package corosync

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	udpuPair = "totem {\n version: 2\n transport: udpu\n%s}\nnodelist {\n node {\n nodeid: 1\n ring0_addr: 10.0.0.1\n " +
		"}\n node {\n nodeid: 2\n ring0_addr: 10.0.0.2\n }\n}\n"
	knetPair = "totem {\n version: 2\n transport: knet\n%s}\nnodelist {\n node {\n nodeid: 1\n name: a\n ring0_addr: " +
		"10.0.0.1\n ring1_addr: 10.1.0.1\n }\n" +
		" node {\n nodeid: 2\n name: b\n ring0_addr: 10.0.0.2\n ring1_addr: 10.1.0.2\n }\n}\n"
)

// What corosync 3 refuses and takes, each as `corosync -t` of 3.1.7 does (TestRealCorosyncAgrees asks it).
func TestRefusalsOfCorosync3(t *testing.T) {
	udpu := func(keys string) string { return fmt.Sprintf(udpuPair, keys) }
	knet := func(keys string) string { return fmt.Sprintf(knetPair, keys) }
	for text, want := range map[string]string{
		udpu(""): "",
		knet(""): "",
		udpu(" rrp_mode: passive\n threads: 0\n vsftype: none\n nodeid: 1\n") + "service {\n name: pacemaker\n}\n": "",
		strings.ReplaceAll(udpu(""), " nodeid: 1\n", ""):                                                           "",
		strings.ReplaceAll(knet(""), " nodeid: 1\n",
			""): "6: no nodeid: knet wants one",
		strings.ReplaceAll(knet(""), "nodeid: 2",
			"nodeid: 65536"): "13: knet takes nodeids up to 65535",
		strings.ReplaceAll(knet(""), "nodeid: 2",
			"nodeid: 1"): "12: nodeid 1 is also that of line 6",
		strings.ReplaceAll(udpu(""), " nodeid: 1\n", " nodeid: 167772162\n") + "#": "",
		strings.ReplaceAll(udpu(""), " nodeid: 2\n", "") + "":                      "",
		strings.NewReplacer(" nodeid: 2\n", "", "nodeid: 1", "nodeid: 167772162").
			Replace(udpu("")): "10: nodeid 167772162 is also that of line 6",
		strings.ReplaceAll(udpu(""), "10.0.0.1",
			"10.0.0.1 # first"): "8: neither an address nor the name of a host: a comment behind a value is a part of it for corosync",
		strings.ReplaceAll(udpu(""), "10.0.0.1",
			"10.0.0.300"): "8: neither an address nor the name of a host",
		strings.ReplaceAll(udpu(""), "10.0.0.1",
			"fd00::1"): "8: the nodes have addresses of IPv4 and of IPv6 on link 0",
		strings.ReplaceAll(knet(""), " ring1_addr: 10.1.0.2\n",
			""): "5: link 0 has 2 nodes and link 1 1: corosync 3 wants all nodes on all links; 12: the node has no ring1_addr, and others have",
		strings.ReplaceAll(knet(""), " name: a\n",
			""): "6: the node has no name: corosync 3 wants one where there are several links",
		strings.ReplaceAll(udpu(""), " ring0_addr: 10.0.0.1\n",
			""): "6: the node has no ring0_addr, and others have; 6: the node has neither a name nor a ring0_addr: corosync 3 does not find itself",
		strings.ReplaceAll(knet(""), "ring1_addr",
			"ring8_addr"): "10: link 8: they are numbered from 0 to 7; 16: link 8: they are numbered from 0 to 7",
		strings.ReplaceAll(knet(""), "transport: knet",
			"transport: udpu"): "3: corosync 3 takes one link with udpu, and there are 2",
		strings.ReplaceAll(knet(""), "transport: knet",
			"transport: udpu # unicast"): "3: corosync 3 knows udpu, udp and knet",
		udpu(" secauth: on\n"): "4: corosync 3 encrypts and signs with knet only, and " +
			"the transport is udpu",
		udpu(" secauth: on\n crypto_cipher: none\n"): "5: corosync 3 encrypts and signs with knet only, and " +
			"the transport is udpu",
		knet(" crypto_cipher: aes256\n"):               "4: crypto_cipher wants a crypto_hash as well",
		knet(" crypto_hash: sha1\n"):                   "",
		knet(" secauth: on\n crypto_cipher: aes128\n"): "",
		knet(" crypto_cipher: 3des\n"): "4: corosync 3 does not read it: it must be one of: " +
			"none aes256 aes192 aes128",
		knet(" crypto_model: gnutls\n"): "4: corosync 3 does not read it: it must be one of: nss openssl gcrypt",
		knet(" link_mode: round\n"):     "4: a link_mode is active, passive or rr",
		knet(" ip_version: 4\n"): "4: corosync 3 does not read it: it must be one of: " +
			"ipv4 ipv6 ipv6-4 ipv4-6",
		knet(" ip_version: ipv6\n"): "10: an address of IPv4, and corosync is to use ipv6 " +
			"(ip_version); 11: an address of IPv4, and corosync is to use ipv6 (ip_version); 16: an address of IPv4, and " +
			"corosync is to use ipv6 (ip_version); 17: an address of IPv4, and corosync is to use ipv6 (ip_version)",
		knet(" token: 29\n"): "4: token is 29 ms, and corosync wants 30 at least; " +
			"4: token_retransmit is 6 ms, and corosync wants 30 at least; 4: consensus is 34 ms, and corosync wants 50 at least",
		knet(" token: 126\n"): "",
		knet(" token: 125\n"): "4: token_retransmit is 29 ms, and corosync wants 30 " +
			"at least; 4: hold is 13 ms, and corosync wants 14 at least",
		knet(" join: 29\n"):   "4: join is 29 ms, and corosync wants 30 at least",
		knet(" join: 4000\n"): "4: consensus is 3600 ms, and corosync wants 4000 at least",
		knet(" token: 10000 # ms\n"): "4: corosync 3 does not read it: not a number from 0 " +
			"to 4294967295: a comment behind a value is a part of it for corosync",
		knet(" token_warning: 101\n"):                             "4: token_warning is a percentage: 0 to 100",
		knet(" version: 3\n"):                                     "4: version is 3: corosync wants 2",
		knet(" interface {\n linknumber: 8\n mcastport: 5\n }\n"): "4: link 8: they are numbered from 0 to 7",
		knet(" interface {\n linknumber: 256\n }\n"):              "5: corosync 3 does not read it: not a number from 0 to 255",
		knet(" interface {\n mcastport: 65536\n }\n"):             "5: corosync 3 does not read it: not a number from 0 to 65535",
		knet(" interface {\n ttl: 2\n }\n"):                       "5: corosync 3 takes a ttl with udp only, and the transport is knet",
		udpu(" interface {\n knet_link_priority: 2\n }\n"): "5: corosync 3 takes a link priority with knet only, " +
			"and the transport is udpu",
		udpu(" interface {\n knet_link_priority: 0\n }\n"): "",
		knet(" interface {\n knet_transport: tcp\n }\n"):   "5: corosync 3 knows udp and sctp",
		knet(" interface {\n linknumber: 2\n mcastport: 7000\n }\n"): "9: link 0 has 2 nodes and link 2 0: corosync 3 wants " +
			"all nodes on all links",
		udpu(" interface {\n member {\n memberaddr: 10.0.0.1\n }\n ringnumber: 0\n }\n"): "",
		udpu(" interface {\n member {\n port: 1\n }\n }\n"):                              "6: corosync 3 takes memberaddr only here",
		udpu("") + "quorum {\n two_node: 1 # x\n}\n": "16: corosync 3 does not read it: " +
			"not a number from 0 to 255: a comment behind a value is a part of it for corosync",
		udpu("") + "quorum {\n two_node: 256\n}\n": "16: corosync 3 does not read it: " +
			"not a number from 0 to 255",
		udpu("") + "uidgid {\n pid: root\n}\n": "16: corosync 3 takes uid and gid only here",
		udpu("") + "logging {\n timestamp: HIRES\n syslog_priority: INFO\n}\n": "16: corosync 3 does not read it: " +
			"it must be one of: on off hires",
		udpu("") + "logging {\n syslog_facility: DAEMON\n}\n": "16: corosync 3 does not read it: it must be one of: " +
			"auth authpriv cron daemon ftp kern lpr mail news syslog user uucp local0 local1 local2 local3 local4 local5 local6 local7",
		udpu("") + "logging {\n logger_subsys {\n debug: on\n }\n}\n": "16: it does not name its subsys",
		udpu("") + "logging {\n logger_subsys {\n subsys: A\n debug: maybe\n }\n}\n": "18: corosync 3 does not read it: " +
			"it must be one of: on off trace",
		udpu("") + "x {\n a b: c\n}\n":                   `16: corosync 3 does not take "x.a b" for the name of a key: 3 to 255 of A-Z a-z 0-9 . _ - / with the names of its sections`,
		udpu(" key: " + strings.Repeat("k", 503) + "\n"): "",
		udpu(" key: " + strings.Repeat("k", 505) +
			"\n"): "4: the line is longer than the 510 bytes that corosync reads",
		"\xef\xbb\xbf" + udpu(""): "0: the file begins with a byte order mark, which " +
			"corosync 3 takes for a part of the first line",
		"totem {\n version: 2\n interface {\n }\n}\n":                 "1: corosync 3 finds itself by the nodelist, and there is none",
		strings.Replace(udpu(" cluster_name: c\n"), "udpu", "udp", 1): "",
		strings.Replace(udpu(""), "udpu", "udp",
			1): "1: there is neither a mcastaddr nor a cluster_name to make one of",
		strings.Replace(udpu(" interface {\n bindnetaddr: 10.0.0.1\n mcastaddr: 10.0.0.9\n }\n"), "udpu", "udp", 1): "6: not a multicast address",
	} {
		var got []string
		for _, e := range parseConf(t, text).Refusals(3) {
			got = append(got, fmt.Sprintf("%d: %v", e.Line, e.Err))
		}
		require.Equal(t, want, strings.Join(got, "; "), "%s", text)
	}
}

// A secret is in no refusal.
func TestRefusalsHideSecrets(t *testing.T) {
	conf := parseConf(t, fmt.Sprintf(knetPair, " secauth: on\n key: totem-CANARY\n"))
	require.Len(t, conf.Refusals(3), 1)
	conf2 := parseConf(t, fmt.Sprintf(knetPair, " a b password: CANARY\n"))
	require.Len(t, conf2.Refusals(3), 1)
	require.NotContains(t, fmt.Sprint(conf.Refusals(3), conf2.Refusals(3), conf.Problems(), conf2.Problems()), "CANARY")
}

// What is known of corosync 1 and 2, and nothing more.
func TestRefusalsOfOldCorosync(t *testing.T) {
	rings := func(n int, keys string) string {
		var b strings.Builder
		b.WriteString("totem {\n version: 2\n" + keys)
		for i := range n {
			fmt.Fprintf(&b, " interface {\n ringnumber: %d\n bindnetaddr: 10.%d.0.0\n }\n", i, i)
		}
		return b.String() + "}\n"
	}
	for text, want := range map[string][2]string{
		rings(1, ""):                     {"", ""},
		rings(2, " rrp_mode: passive\n"): {"", ""},
		rings(2, ""): {"1: 2 rings, but no rrp_mode: corosync 1 and 2 refuse them (H15)",
			"1: 2 rings, but no rrp_mode: corosync 1 and 2 refuse them (H15)"},
		rings(3, " rrp_mode: active\n"): {"1: 3 rings: corosync 1 takes two at most", "1: 3 rings: corosync 2 takes two at most"},
		rings(1, " rrp_mode: both\n"): {"3: unknown mode: corosync 1 knows none, active and passive",
			"3: unknown mode: corosync 2 knows none, active and passive"},
		rings(1, " token: 10000 # ms\n"): {"",
			"3: corosync 2 does not read it: not a number: a comment behind a value is a part of it for corosync"},
		rings(1, " token: 20\n"): {"3: token is 20 ms, and corosync wants 30 at least",
			"3: token is 20 ms, and corosync wants 30 at least"},
		rings(1, " crypto_cipher: twofish\n"):   {"", "3: corosync 2 does not read it: it must be one of: none aes256 aes192 aes128 3des"},
		fmt.Sprintf(udpuPair, " secauth: on\n"): {"1: neither an interface nor a nodelist: corosync does not know where to listen", ""},
		fmt.Sprintf(knetPair, " link_mode: rr\n"): {"1: neither an interface nor a nodelist: corosync does not know where to listen",
			"1: 2 rings, but no rrp_mode: corosync 1 and 2 refuse them (H15)"},
		"totem {\n version: 1\n interface {\n }\n}": {"2: version is 1: corosync wants 2", "2: version is 1: corosync wants 2"},
	} {
		for i, want := range want {
			var got []string
			for _, e := range parseConf(t, text).Refusals(i + 1) {
				got = append(got, fmt.Sprintf("%d: %v", e.Line, e.Err))
			}
			require.Equal(t, want, strings.Join(got, "; "), "corosync %d: %s", i+1, text)
		}
	}
	require.NotEmpty(t, parseConf(t, rings(1, "")).Refusals(4))
	require.NotEmpty(t, (*Conf)(nil).Refusals(3))
}

// A file that some release takes passes; of another its problems are said, and the quorum that corosync makes of it.
func TestCheck(t *testing.T) {
	require.NoError(t, parseConf(t, fmt.Sprintf(knetPair, "")).Check())
	require.ErrorContains(t, parseConf(t, fmt.Sprintf(knetPair, " version: 3\n")).Check(), "version is 3: corosync wants 2")
	require.ErrorContains(t, parseConf(t, "quorum {\n}\n").Check(), "no totem section")
	problems := parseConf(t, fmt.Sprintf(knetPair, "")+"quorum {\n two_node: 1\n auto_tie_breaker: 1\n}\n").Problems()
	require.Len(t, problems, 1)
	require.ErrorContains(t, problems[0], "corosync leaves two_node out")
}

package readiness_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
)

const (
	nodes = "nodelist {\n node {\n  ring0_addr: 192.0.2.1\n  name: a\n  nodeid: 1\n }\n node {\n  ring0_addr: 192.0.2.2\n  name: b\n  nodeid: 2\n }\n}\n" +
		"quorum {\n provider: corosync_votequorum\n two_node: 1\n}\n"
	multicast = "totem {\n version: 2\n secauth: off\n interface {\n  ringnumber: 0\n  bindnetaddr: 192.0.2.0\n  mcastaddr: 239.0.0.1\n  mcastport: 5405\n }\n}\n"
)

// What becomes of a corosync.conf on each corosync.
func TestMessaging(t *testing.T) {
	rings := strings.ReplaceAll(nodes, "ring0_addr: 192.0.2", "ring1_addr: 198.51.100.1\n  ring0_addr: 192.0.2")
	rings = strings.Replace(rings, "ring1_addr: 198.51.100.1", "ring1_addr: 198.51.100.2", 1)
	for name, tc := range map[string]struct {
		conf, target string
		want, gaps   []string
	}{
		"knet": {"totem {\n version: 2\n transport: knet\n crypto_cipher: aes256\n crypto_hash: sha256\n}\n" + nodes, "el9", nil, nil},
		"knet without encryption": {"totem {\n version: 2\n transport: knet\n}\n" + nodes, "debian13",
			[]string{"note crypto : nothing is said of encryption with knet"}, nil},
		"knet that corosync refuses": {"totem {\n version: 2\n transport: knet\n secauth: on\n crypto_cipher: 3des\n}\n" + nodes, "el9",
			[]string{"blocker corosync.conf"}, nil},
		"knet to corosync 2": {
			"totem {\n version: 2\n transport: knet\n}\n" + nodes, "sles15",
			[]string{"blocker transport totem.transport: transport knet"}, nil,
		},
		"udpu to corosync 2": {"totem {\n version: 2\n transport: udpu\n}\n" + nodes, "sles15", nil, nil},
		"udpu": {
			"totem {\n version: 2\n transport: udpu\n secauth: off\n}\n" + nodes, "el9",
			[]string{"warning transport totem.transport: transport udpu"}, nil,
		},
		"udpu with sha1": {"totem {\n version: 2\n transport: udpu\n crypto_hash: sha1\n}\n" + nodes, "el8",
			[]string{"warning transport totem.transport: transport udpu", "warning crypto totem.crypto_hash: crypto_hash: sha1"}, nil},
		"two rings": {"totem {\n version: 2\n transport: udpu\n rrp_mode: passive\n secauth: off\n}\n" + rings, "sles16",
			[]string{"warning transport totem.transport: transport udpu", "warning rings : 2 rings with udpu", "warning rrp totem.rrp_mode: totem.rrp_mode"}, nil},
		"multicast": {
			multicast, "el9", []string{"warning transport totem.transport: transport udp"},
			[]string{"whether corosync.conf can be converted to knet"},
		},
		"a node without an address on a ring": {"totem {\n version: 2\n transport: udpu\n secauth: off\n rrp_mode: passive\n}\n" +
			strings.Replace(nodes, "ring0_addr", "ring1_addr: 198.51.100.1\n  ring0_addr", 1), "el9",
			[]string{"blocker corosync.conf : node b has no address", "warning transport", "warning rings", "warning rrp"}, nil},
		"no totem": {nodes, "el9", []string{"blocker corosync.conf : corosync.conf cannot be read"}, nil},
		"a plugin's": {
			multicast + "service {\n ver: 0\n name: pacemaker\n}\n", "el9",
			[]string{"warning transport", "warning corosync-option service: service"}, []string{"whether corosync.conf"},
		},
		"udpu without end": {
			"totem {\n version: 2\n transport: udpu\n secauth: off\n token: soon\n}\n" + nodes, "el9",
			[]string{"blocker corosync.conf : corosync.conf cannot be read"}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			report := check(t, readiness.Input{Conf: confOf(t, tc.conf)}, tc.target)
			got := lines(report)
			require.Len(t, got, len(tc.want), "%q", got)
			for i, want := range tc.want {
				require.True(t, strings.HasPrefix(got[i], want), "%q", got)
			}
			for _, want := range tc.gaps {
				require.Contains(t, report.Text(), "not checked: "+want)
			}
			require.Equal(t, len(tc.gaps) > 0, strings.Contains(report.Text(), "converted to knet\n"))
		})
	}
}

// With the addresses of the nodes a multicast cluster can be converted; with wrong ones it cannot.
func TestAddresses(t *testing.T) {
	in := readiness.Input{Conf: confOf(t, multicast), Addresses: map[string][]string{"a": {"192.0.2.1"}, "b": {"192.0.2.2"}}}
	report := check(t, in, "el9")
	require.Zero(t, report.Count(readiness.Blocker), "%q", lines(report))
	require.NotContains(t, report.Text(), "converted to knet\n")
	in.Addresses["b"] = in.Addresses["a"]
	require.Equal(t, 1, check(t, in, "el9").Count(readiness.Blocker))
}

// CMAN blocks everywhere, and a corosync.conf is not missed then.
func TestCMAN(t *testing.T) {
	report := check(t, readiness.Input{CIB: cibWith(t, ""), ClusterConf: "cluster.conf"}, "el8")
	require.Equal(t, 1, report.Count(readiness.Blocker))
	require.Contains(t, report.Text(), "BLOCKER  cluster.conf: a cluster on CMAN")
	require.NotContains(t, report.Text(), "transport, rings")
	require.False(t, report.Ways[0].Possible)
}

// The place of what is found is a line of the file.
func TestPlaceInCorosyncConf(t *testing.T) {
	report := check(t, readiness.Input{Conf: confOf(t, "totem {\n version: 2\n transport: udpu\n rrp_mode: passive\n secauth: off\n}\n"+nodes)}, "el9")
	require.Equal(t, "corosync.conf:3", report.Findings[0].Where)
	require.Equal(t, "corosync.conf:4", report.Findings[1].Where)
}

package corosync

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/sshexec/secret"
)

func printed(t testing.TB, c *Conf) string {
	t.Helper()
	var b strings.Builder
	_, err := c.WriteTo(&b)
	require.NoError(t, err)
	return b.String()
}

// PCM-010: what IML's corosync.conf says.
func TestIMLsConf(t *testing.T) {
	c := readConf(t)
	data, err := os.ReadFile("testdata/iml-v2.4.2.7RC1-rendered.conf")
	require.NoError(t, err)
	require.Equal(t, string(data), printed(t, c))
	totem, err := c.Totem()
	require.NoError(t, err)
	require.Equal(t, Totem{
		Version: 2, RRPMode: "active", SecAuth: "off", Token: 5000, TokenRetries: 10, MaxMessages: 20, Interfaces: totem.Interfaces,
		Other: []Pair{{Name: "threads", Value: "0"}},
	}, totem)
	rings, err := c.Rings()
	require.NoError(t, err)
	require.Equal(t, []Interface{
		{Line: 13, Ring: 0, BindNetAddr: "192.168.1.0", McastAddr: "226.94.0.1", McastPort: 4242, TTL: 1},
		{Line: 20, Ring: 1, BindNetAddr: "10.42.42.0", McastAddr: "226.94.1.1", McastPort: 4242, TTL: 1},
	}, rings)
	services, err := c.Services()
	require.NoError(t, err)
	require.Equal(t, []Service{{Name: "pacemaker", Version: 1}}, services)
	nodes, err := c.NodeList()
	require.NoError(t, err)
	require.Empty(t, nodes)
}

// H14, PCM-012: the guide's awk would give ring 1 the addresses of ring 0; here each missing key is told with its block. The word
// "interface" in a comment steers nothing, and a missing ringnumber is 0.
func TestKeysDoNotLeakFromRingToRing(t *testing.T) {
	c, err := Parse(srcerr.Named("c.conf", strings.NewReader(`totem {
	# the interface of the storage network }
	interface {
		bindnetaddr: 10.0.0.0
		mcastaddr: 226.94.0.1
		mcastport: 4242
	}
	interface {
		ringnumber: 1
		bindnetaddr: 10.1.0.0
	}
	interface {
		ringnumber: 1
	}
}
`)))
	require.NoError(t, err)
	_, err = c.Rings()
	require.EqualError(t, err, `c.conf:8:1: ring 1 has no mcastaddr: near "interface"
c.conf:8:1: ring 1 has no mcastport: near "interface"
c.conf:12:1: ring 1 is also the interface of line 8 (a missing ringnumber is 0): near "interface"
c.conf:12:1: ring 1 has no bindnetaddr: near "interface"
c.conf:12:1: ring 1 has no mcastaddr: near "interface"
c.conf:12:1: ring 1 has no mcastport: near "interface"`)
	totem, err := c.Totem()
	require.NoError(t, err)
	require.Empty(t, totem.Interfaces[1].McastAddr)

	for text, want := range map[string]string{
		"quorum {\n}\n": "c.conf: there is no totem section",
		"totem {\n}\n":  `c.conf:1:1: the totem section has no interface: near "interface"`,
		"totem {\n interface {\n ringnumber: 1\n bindnetaddr: a\n mcastaddr: b\n mcastport: 1\n }\n}\n": `c.conf:2:1: the rings are not numbered from 0: there is no ring 0: near "interface"`,
		"totem {\n token: fast\n}\n": `c.conf:2:2: token is not a number: near "token: fast"`,
	} {
		c, err := Parse(srcerr.Named("c.conf", strings.NewReader(text)))
		require.NoError(t, err)
		_, err = c.Rings()
		require.EqualError(t, err, want)
	}
}

func TestErrors(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"open brace": {"totem {\n\tversion: 2\n\tinterface {\n\t\tttl: 1\n}\n",
			`f:1:1: the brace of section totem is not closed: near "totem {"`},
		"two open": {"a {\n  b {\n",
			"f:1:1: the brace of section a is not closed: near \"a {\"\nf:2:3: the brace of section b is not closed: near \"b {\""},
		"closed twice": {"a {\n}\n}\n", `f:3:1: a closing brace without an opening one: near "}"`},
		"after open":   {"a { b: c\n}\n", `f:1:1: text after an opening brace: near "a { b: c"`},
		"no name":      {"{\n}\n", `f:1:1: an opening brace without a section name: near "{"`},
		"beside close": {"a {\n} b\n", "f:2:1: text beside a closing brace: near \"} b\""},
		"a value":      {"a {\n b: c }\n", `f:1:1: the brace of section a is not closed: near "a {"`}, // the brace is a part of it
		"two braces":   {"a { {\n}\n", `f:1:1: text after an opening brace: near "a { {"`},
		"junk": {"---\nmds\n",
			"f:1:1: neither a section, nor a key and value, nor a comment: near \"---\"\nf:2:1: neither a section, nor a key " +
				"and value, nor a comment: near \"mds\""},
		"no key": {" : x\n", `f:1:2: a value without a key: near ": x"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(srcerr.Named("f", strings.NewReader(c.in)))
			require.EqualError(t, err, c.want)
			var parseErr *ParseError
			require.ErrorAs(t, err, &parseErr)
		})
	}
}

// Comments, tabs, CRLF, repeated sections and a missing last line end are kept; an edit touches its own line only.
func TestEditsTouchOneLine(t *testing.T) {
	const text = "\xef\xbb\xbf# top\r\ntotem  {\r\n\ttoken :\t5000  \r\n\tempty:\r\n\tinterface {\r\n\t}\r\n\tinterface " +
		"{\r\n\t}\r\n}\r\nquorum {\n}"
	c, err := Parse(strings.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, text, printed(t, c))
	totem := c.Root.Sections("totem")[0]
	require.Len(t, totem.Sections("interface"), 2)
	require.Len(t, c.Root.Sections(""), 2)
	require.NoError(t, totem.Set("token", "17000"))
	require.NoError(t, totem.Set("empty", "no"))
	require.NoError(t, totem.Set("rrp_mode", "passive"))
	require.NoError(t, totem.Sections("interface")[1].Set("ttl", "2"))
	require.Equal(t, "\xef\xbb\xbf# top\r\ntotem  {\r\n\ttoken :\t17000  \r\n\tempty: no\r\n\trrp_mode: "+
		"passive\r\n\tinterface {\r\n\t}\r\n\tinterface {\r\n\t\tttl: 2\r\n\t}\r\n}\r\nquorum {\n}", printed(t, c))
	again, err := Parse(strings.NewReader(printed(t, c)))
	require.NoError(t, err)
	token, _ := again.Root.Sections("totem")[0].Get("token")
	require.Equal(t, "17000", token)
	require.Len(t, again.Root.Sections("totem")[0].Keys(), 3)
	for _, bad := range [][2]string{{"", "x"}, {"a:b", "x"}, {"a", "x\ny"}, {"#a", "x"}, {"a", "{"}, {" a", "x"}} {
		require.Error(t, totem.Set(bad[0], bad[1]))
	}
}

// The corosync.conf that pcs makes: a nodelist and a quorum.
func TestNodeListAndQuorum(t *testing.T) {
	c, err := Parse(strings.NewReader("nodelist {\n node {\n name: a\n nodeid: 1\n ring0_addr: 10.0.0.1\n ring1_addr: " +
		"10.1.0.1\n }\n node {\n ring0_addr: b\n }\n}\n" +
		"quorum {\n provider: corosync_votequorum\n two_node: 1\n expected_votes: 2\n}\n"))
	require.NoError(t, err)
	nodes, err := c.NodeList()
	require.NoError(t, err)
	require.Equal(t, []Node{
		{Line: 2, Name: "a", ID: 1, Addresses: map[int]string{0: "10.0.0.1", 1: "10.1.0.1"}},
		{Line: 8, Addresses: map[int]string{0: "b"}},
	}, nodes)
	q, err := c.Quorum()
	require.NoError(t, err)
	require.Equal(t, Quorum{Provider: "corosync_votequorum", TwoNode: true, WaitForAll: true, ExpectedVotes: 2}, q,
		"two_node switches wait_for_all on")
}

func FuzzParse(f *testing.F) {
	data, err := os.ReadFile("testdata/iml-v2.4.2.7RC1-rendered.conf")
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte("a {\r\n b:c\r\n}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(bytes.NewReader(data))
		if err != nil {
			var parseErr *ParseError
			require.ErrorAs(t, err, &parseErr)
			return
		}
		require.Equal(t, string(data), printed(t, c))
		_, _ = c.Rings()
		_, _ = c.Ports()
		_ = c.Problems()
		_ = c.Releases()
		if plan, err := c.PlanKnet(KnetOptions{}); err == nil {
			again, err := Parse(strings.NewReader(printed(t, plan.Conf)))
			require.NoError(t, err)
			require.True(t, again.Releases().Fits(3), "%s", printed(t, again))
			require.Equal(t, string(data), printed(t, c), "the plan leaves the old file alone")
		}
		require.NoError(t, c.Root.Set("evenkeel_key", "value"))
		again, err := Parse(strings.NewReader(printed(t, c)))
		require.NoError(t, err)
		value, _ := again.Root.Get("evenkeel_key")
		require.Equal(t, "value", value)
	})
}

func readConf(t testing.TB) *Conf {
	t.Helper()
	data, err := os.ReadFile("testdata/iml-v2.4.2.7RC1-rendered.conf")
	require.NoError(t, err)
	conf, err := Parse(bytes.NewReader(data))
	require.NoError(t, err)
	return conf
}

func TestSecrets(t *testing.T) {
	conf, err := Parse(strings.NewReader("totem {\n\ttoken: 5000\n\tkey: totem-CANARY\n\tinterface {\n\t\tpassword: inner-CANARY\n\t}\n}\n"))
	require.NoError(t, err)
	require.Equal(t, []secret.Secret{"totem-CANARY", "inner-CANARY"}, conf.Secrets())
}

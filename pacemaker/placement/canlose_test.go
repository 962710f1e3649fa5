package placement

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
)

const twoNodeConf = "quorum {\n\tprovider: corosync_votequorum\n\ttwo_node: 1\n\texpected_votes: 2\n}\n"

func TestCanLose(t *testing.T) {
	ignore := `<nvpair id="q" name="no-quorum-policy" value="ignore"/>`
	two := func(resources, constraints, active string) string {
		return cluster([]string{"n1", "n2"}, resources, constraints, active, ignore)
	}
	three := []string{"n1", "n2", "n3"}
	conf := func(text string) *corosync.Conf {
		c, err := corosync.Parse(strings.NewReader(text))
		require.NoError(t, err)
		return c
	}
	tests := map[string]struct {
		text  string
		conf  *corosync.Conf
		ok    bool
		lost  []Lost
		moves string
	}{
		"the other node takes all": {text: two(primitive("a", "resource-stickiness", "1"), "", "a@n1 fence@n1"), ok: true,
			moves: "fence moves from n1 to n2; a moves from n1 to n2"},
		"the other node must not": {text: two(primitive("a"), location("only", "a", "n2", "-INFINITY"), "a@n1 fence@n2"),
			lost: []Lost{{"a", "n1: offline; n2: location constraint only (-INFINITY)"}}},
		"what is stopped is no loss": {text: two(primitive("a", "target-role", "Stopped"),
			location("only", "a", "n2", "-INFINITY"), "fence@n2"), ok: true},
		"the other node is in standby": {
			text: strings.Replace(two(primitive("a"), "", "a@n1 fence@n1"), `uname="n2"/>`,
				`uname="n2"><instance_attributes id="i"><nvpair id="s" name="standby" value="on"/></instance_attributes></node>`, 1),
			lost: []Lost{{"fence", "n1: offline; n2: standby"}, {"a", "n1: offline; n2: standby"}},
		},
		"not managed is lost": {text: two(primitive("a", "is-managed", "false"), "", "a@n1 fence@n2"),
			lost: []Lost{{"a", "it is not managed"}}},
		"apart needs two nodes": {text: two(primitive("a")+primitive("b"), colocation("c", "b", "a", "-INFINITY"),
			"a@n1 b@n2 fence@n2"), lost: []Lost{{"b", "n1: offline; n2: colocation c (-INFINITY): a runs there"}}, moves: "a moves from n1 to n2"},
		"a clone keeps an instance": {text: two(`<clone id="c">`+primitive("p")+`</clone>`, "", "p@n1 p@n2 fence@n2"), ok: true},
		"a clone's last instance": {text: two(`<clone id="c">`+primitive("p")+`</clone>`,
			location("l", "c", "n2", "-INFINITY"), "p@n1 fence@n2"), lost: []Lost{{"c", "n1: offline; n2: location constraint l (-INFINITY)"}}},
		"two_node": {text: pair(primitive("a"), "", "a@n1 fence@n2"), conf: conf(twoNodeConf), ok: true,
			moves: "a moves from n1 to n2"},
		"two nodes without two_node": {text: pair(primitive("a"), "", "a@n1 fence@n2"),
			conf: conf("quorum {\n\tprovider: corosync_votequorum\n\texpected_votes: 2\n}\n"),
			lost: []Lost{{"fence", "the cluster has no quorum"}, {"a", "the cluster has no quorum"}}},
		"two of three": {text: cluster(three, primitive("a"), "", "a@n1 fence@n2", ""), ok: true, moves: "a moves from n1 to n3"},
		"one of three": {
			text: strings.Replace(cluster(three, primitive("a"), "", "a@n1 fence@n2", ""),
				`uname="n3" in_ccm="true" crmd="online" join="member" expected="member"`,
				`uname="n3" in_ccm="false" crmd="offline" join="down" expected="down"`, 1),
			lost: []Lost{{"fence", "the cluster has no quorum"}, {"a", "the cluster has no quorum"}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			loss, err := CanLose(parseCIB(t, tt.text), "n1", tt.conf)
			require.NoError(t, err)
			require.Equal(t, tt.ok, loss.OK, loss)
			require.Equal(t, tt.lost, loss.Lost)
			var moves []string
			for _, m := range loss.Moves {
				moves = append(moves, m.String())
			}
			require.Equal(t, tt.moves, strings.Join(moves, "; "))
			require.False(t, loss.Already)
			require.NotEmpty(t, loss.Quorum)
			for _, l := range tt.lost {
				require.Contains(t, loss.String(), "n1 must not be lost: ")
				require.Contains(t, loss.String(), l.Resource+" ("+l.Why+")")
			}
		})
	}
}

// What cannot be known is said, never guessed.
func TestCanLoseRefuses(t *testing.T) {
	plain := pair(primitive("a"), "", "a@n1 fence@n2")
	_, err := CanLose(parseCIB(t, plain), "n9", nil)
	require.ErrorIs(t, err, pacemaker.ErrNotFound)
	_, err = CanLose(parseCIB(t, plain), "n1", nil)
	require.ErrorIs(t, err, pacemaker.ErrUnsupported)
	require.ErrorContains(t, err, "corosync.conf")
	for _, text := range []string{
		"quorum {\n\tprovider: corosync_votequorum\n\tdevice {\n\t\tmodel: net\n\t}\n}\n",
		"quorum {\n\tprovider: corosync_votequorum\n\tauto_tie_breaker: 1\n}\n",
		"quorum {\n\tprovider: corosync_votequorum\n\tlast_man_standing: 1\n}\n",
		"nodelist {\n\tnode {\n\t\tring0_addr: n1\n\t\tnodeid: 1\n\t\tquorum_votes: 2\n\t}\n}\nquorum {\n\tprovider: corosync_votequorum\n}\n",
	} {
		conf, err := corosync.Parse(strings.NewReader(text))
		require.NoError(t, err)
		_, err = CanLose(parseCIB(t, plain), "n1", conf)
		require.ErrorIs(t, err, pacemaker.ErrUnsupported, text)
	}
	_, err = CanLose(parseCIB(t, pair(`<bundle id="b"/>`, "", "")), "n1", nil)
	var e *Error
	require.ErrorAs(t, err, &e)

	offline := strings.Replace(plain, `in_ccm="true" crmd="online" join="member" expected="member"><lrm id="1">`,
		`in_ccm="false" crmd="offline" join="down" expected="down"><lrm id="1">`, 1)
	loss, err := CanLose(parseCIB(t, strings.ReplaceAll(offline, `"stop"`, `"ignore"`)), "n1", mustConf(t))
	require.NoError(t, err)
	require.True(t, loss.Already)
}

func mustConf(t testing.TB) *corosync.Conf {
	t.Helper()
	conf, err := corosync.Parse(strings.NewReader(twoNodeConf))
	require.NoError(t, err)
	return conf
}

// The answer is no exactly when something that runs now has no node without it, as Placement itself says; a yes leaves everything up.
func TestCanLoseProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Replace(randomCluster().Draw(t, "cluster"), `name="symmetric-cluster"`,
			`name="no-quorum-policy" value="ignore"/><nvpair id="p3" name="symmetric-cluster"`, 1)
		c, err := pacemaker.ParseCIB(strings.NewReader(text))
		require.NoError(t, err)
		nodes := c.Nodes()
		node := nodes[rapid.IntRange(0, len(nodes)-1).Draw(t, "node")].Uname
		loss, err := CanLose(c, node, nil)
		if errors.Is(err, ErrNoState) {
			return // no node is online; see TestCanLoseNeedsTheState
		}
		if err != nil {
			require.ErrorIs(t, err, pacemaker.ErrUnsupported)
			return
		}
		now, err := Of(c)
		require.NoError(t, err)
		then, err := Of(c, WithoutNode(node))
		require.NoError(t, err)
		up := func(p *Placement) map[string]bool {
			all := make(map[string]bool)
			for _, i := range p.Instances {
				if i.Node != "" {
					all[i.Resource] = true
				}
			}
			return all
		}
		lost := false
		after := up(then)
		for id := range up(now) {
			lost = lost || !after[id]
		}
		if !lost {
			require.True(t, loss.OK, loss)
		}
		if !loss.OK {
			require.NotEmpty(t, loss.Lost)
			require.True(t, lost, "%s: everything still has a node", loss)
		}
		for _, i := range then.Instances {
			require.NotEqual(t, node, i.Node)
		}
		for _, m := range loss.Moves {
			require.NotEqual(t, node, m.To)
		}
	})
}

// TestCanLoseNeedsTheState: without the state of the cluster nothing can be said of what would be lost, whatever else is known.
func TestCanLoseNeedsTheState(t *testing.T) {
	whole := strings.ReplaceAll(pair(primitive("a"), location("only", "a", "n2", "-INFINITY"), "a@n1 fence@n2"), `"stop"`, `"ignore"`)
	loss, err := CanLose(parseCIB(t, whole), "n1", mustConf(t))
	require.NoError(t, err)
	require.False(t, loss.OK)
	for name, text := range map[string]string{
		"no status":        regexp.MustCompile(`<status>.*</status>`).ReplaceAllString(whole, ""),
		"an empty status":  regexp.MustCompile(`<status>.*</status>`).ReplaceAllString(whole, "<status/>"),
		"without the node": regexp.MustCompile(`<node_state id="1".*?</node_state>`).ReplaceAllString(whole, ""),
		"nobody is online": strings.ReplaceAll(whole, `in_ccm="true" crmd="online" join="member" expected="member"`,
			`in_ccm="false" crmd="offline" join="down" expected="down"`),
	} {
		require.NotEqual(t, whole, text, name)
		_, err := CanLose(parseCIB(t, text), "n1", mustConf(t))
		require.ErrorIs(t, err, ErrNoState, name)
	}
}

// TestCanLoseOfAnUnmanagedGroup: crm_simulate moves nothing of a group that is not managed, whatever its members say of themselves.
func TestCanLoseOfAnUnmanagedGroup(t *testing.T) {
	group := `<group id="g">` + metaSet("g", "is-managed", "false") + primitive("a", "is-managed", "true") +
		primitive("b", "is-managed", "true") + `</group>`
	c := parseCIB(t, strings.ReplaceAll(pair(group, "", "a@n1 b@n1 fence@n2"), `"stop"`, `"ignore"`))
	p, err := Of(c)
	require.NoError(t, err)
	for _, r := range []string{"a", "b"} {
		require.Equal(t, "n1", p.Of(r)[0].Node)
		require.False(t, p.Of(r)[0].Managed)
	}
	loss, err := CanLose(c, "n1", mustConf(t))
	require.NoError(t, err)
	require.False(t, loss.OK)
	require.Equal(t, []Lost{{"a", "it is not managed"}, {"b", "it is not managed"}}, loss.Lost)
	r, ok := c.Resource("g")
	require.True(t, ok)
	require.Empty(t, r.Agent(), "a group has no agent")
}

// TestNothingIsNoCluster: of nothing, nothing is said to be fine.
func TestNothingIsNoCluster(t *testing.T) {
	for _, c := range []*pacemaker.CIB{nil, {}} {
		_, err := CanLose(c, "n1", nil)
		require.Error(t, err)
		_, err = Of(c)
		require.Error(t, err)
		_, err = Relocate(c)
		require.Error(t, err)
		require.NotEmpty(t, c.Validate())
	}
	for _, conf := range []*corosync.Conf{nil, {}} {
		_, err := conf.Quorum()
		require.Error(t, err)
		_, err = conf.Totem()
		require.Error(t, err)
		_, err = conf.NodeList()
		require.Error(t, err)
		require.NotEmpty(t, conf.Problems())
	}
}

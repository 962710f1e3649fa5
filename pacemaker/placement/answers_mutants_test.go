package placement

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
)

// What internal/mutate found nobody to miss in the answers: what moves, what is off its place, what is lost.

func TestWhatMoves(t *testing.T) {
	p := &Placement{Instances: []Instance{
		{Resource: "stays", Running: []string{"n1"}, Node: "n1", Preferred: []string{"n1", "n2"}},
		{Resource: "moves", Running: []string{"n1"}, Node: "n2", Preferred: []string{"n2"}},
		{Resource: "starts", Node: "n2", Preferred: []string{"n1"}},
		{Resource: "stops", Running: []string{"n1"}, Why: "w"},
		{Resource: "stays down"},
		{Resource: "is on both", Running: []string{"n1", "n2"}, Node: "n1", Preferred: []string{"n1"}},
	}}
	var texts []string
	for _, m := range p.Moves() {
		texts = append(texts, m.String())
	}
	require.Equal(t, []string{"moves moves from n1 to n2", "starts starts on n2", "stops stops on n1: w", "is on both moves from n1 and n2 to n1"}, texts)
	names := func(all []Instance) (ids []string) {
		for _, i := range all {
			ids = append(ids, i.Resource)
		}
		return ids
	}
	require.Equal(t, []string{"moves", "is on both"}, names(p.NotPreferred()))
	require.Equal(t, []string{"moves", "starts"}, names(p.On("n2")))
	require.Equal(t, []string{"moves"}, names(p.Of("moves")))

	require.Equal(t, "n1 can be lost: 1 resources would move", Loss{Node: "n1", OK: true, Moves: make([]Move, 1)}.String())
	require.Equal(t, "n1 must not be lost: a (x), b (y) would run nowhere", Loss{Node: "n1", Lost: []Lost{{"a", "x"}, {"b", "y"}}}.String())
	pending := Unsupported{Feature: featurePending, Element: "e"}
	require.True(t, (&Error{Reasons: []Unsupported{pending}}).Pending())
	require.False(t, (&Error{Reasons: []Unsupported{pending, {Feature: featureRule, Element: "e", Why: "w"}}}).Pending())
	require.EqualError(t, &Error{Reasons: []Unsupported{pending, {Feature: featureRule, Element: "e", Why: "w"}}},
		"cannot compute the placement: operation or migration under way: e; rule: e (w)")
}

// Who has the quorum when a node is lost: nodes that do not vote are no part of it, nor those that are down.
func TestWhoHasTheQuorum(t *testing.T) {
	const provider = "quorum {\n\tprovider: corosync_votequorum\n"
	down := func(text, node string) string {
		return strings.Replace(text, `uname="`+node+`" in_ccm="true" crmd="online" join="member" expected="member"`,
			`uname="`+node+`" in_ccm="false" crmd="offline" join="down" expected="down"`, 1)
	}
	ping := func(text, node string) string {
		return strings.Replace(text, `uname="`+node+`"/>`, `uname="`+node+`" type="ping"/>`, 1)
	}
	of := func(nodes ...string) string { return cluster(nodes, primitive("a"), "", "a@n1 fence@n2", "") }
	alone := cluster([]string{"n1", "n2"}, primitive("a"), "", "a@n1 fence@n1", "")
	for name, tc := range map[string]struct {
		text, conf string
		ok         bool
		words      string
	}{
		"two of three":             {of("n1", "n2", "n3"), "", true, "2 of 3 votes stay"},
		"two of four":              {of("n1", "n2", "n3", "n4"), "", true, "3 of 4 votes stay"},
		"half of four":             {down(of("n1", "n2", "n3", "n4"), "n3"), "", false, "2 of 4 votes stay"},
		"one that only is pinged":  {ping(of("n1", "n2", "n3", "n4"), "n4"), "", true, "2 of 3 votes stay"},
		"more votes than nodes":    {of("n1", "n2", "n3"), provider + "\texpected_votes: 5\n}\n", false, "2 of 5 votes stay"},
		"less votes than nodes":    {of("n1", "n2", "n3"), provider + "\texpected_votes: 2\n}\n", true, "2 of 3 votes stay"},
		"two, one is enough":       {of("n1", "n2"), twoNodeConf, true, "two_node: one node is enough"},
		"two, the other is down":   {down(alone, "n2"), twoNodeConf, false, "two_node: one node is enough"},
		"two_node is for two":      {of("n1", "n2", "n3"), twoNodeConf, true, "2 of 3 votes stay"},
		"two, of which none stays": {down(alone, "n2"), "", false, "0 of 2 votes stay"},
	} {
		t.Run(name, func(t *testing.T) {
			var conf *corosync.Conf
			if tc.conf != "" {
				var err error
				conf, err = corosync.Parse(strings.NewReader(tc.conf))
				require.NoError(t, err)
			}
			loss, err := CanLose(parseCIB(t, tc.text), "n1", conf)
			require.NoError(t, err)
			require.Equal(t, tc.words, loss.Quorum)
			require.Equal(t, tc.ok, loss.OK, "%v", loss)
		})
	}
	for text, want := range map[string]string{
		provider + "\tdevice {\n\t\tmodel: net\n\t}\n}\n": "a quorum device votes as well",
		provider + "\tauto_tie_breaker: 1\n}\n":           "auto_tie_breaker or last_man_standing",
		provider + "\tlast_man_standing: 1\n}\n":          "auto_tie_breaker or last_man_standing",
		"nodelist {\n\tnode {\n\t\tring0_addr: n1\n\t\tnodeid: 1\n\t\tquorum_votes: 2\n\t}\n}\n" + provider + "}\n": "a node with several votes",
	} {
		conf, err := corosync.Parse(strings.NewReader(text))
		require.NoError(t, err)
		_, err = CanLose(parseCIB(t, of("n1", "n2", "n3")), "n1", conf)
		require.ErrorIs(t, err, pacemaker.ErrUnsupported, text)
		require.ErrorContains(t, err, want)
	}
}

// Tickets: granted, in standby, of another site, of a set, and what their loss asks for.
func TestTickets(t *testing.T) {
	ticket := func(attributes, inside, state string) string {
		text := pair(primitive("a", "resource-stickiness", "1")+primitive("b", "resource-stickiness", "1"),
			`<rsc_ticket id="t" ticket="x" `+attributes+`>`+inside+`</rsc_ticket>`, "a@n1")
		return strings.Replace(text, "<status>", "<status>"+state, 1)
	}
	tickets := func(attributes string) string {
		return `<tickets><ticket_state id="w" granted="true"/><ticket_state ` + attributes + `/></tickets>`
	}
	set := func(id, role string) string {
		return `<resource_set id="s" role="` + role + `"><resource_ref id="` + id + `"/></resource_set>`
	}
	for name, tc := range map[string]struct{ text, want string }{
		"granted":                         {ticket(`rsc="a"`, "", tickets(`id="x" granted="true"`)), "a@n1 b@n2"},
		"in standby":                      {ticket(`rsc="a"`, "", tickets(`id="x" granted="true" standby="true"`)), "b@n2"},
		"in standby, and not to fence":    {ticket(`rsc="a" loss-policy="fence"`, "", tickets(`id="x" granted="true" standby="true"`)), "b@n2"},
		"not granted":                     {ticket(`rsc="a"`, "", tickets(`id="x" granted="false"`)), "b@n2"},
		"another is granted":              {ticket(`rsc="a" rsc-role="Started"`, "", tickets(`id="y" granted="true"`)), "b@n2"},
		"to demote is to stop":            {ticket(`rsc="a" loss-policy="demote"`, "", ""), "b@n2"},
		"what does not run is not fenced": {ticket(`rsc="b" loss-policy="fence"`, "", ""), "a@n1"},
		"of a set":                        {ticket("", set("b", "started"), ""), "a@n1"},
	} {
		require.Equal(t, tc.want, strings.Join(places(t, tc.text), " "), name)
	}
	text, _, _ := strings.Cut(ticket(`rsc="b"`, "", ""), "<status>")
	require.Empty(t, places(t, text+"</cib>"), "without a status no node is up")
	for state, want := range map[string]string{"": "ticket x is not granted", tickets(`id="x" granted="true" standby="true"`): "ticket x is in standby"} {
		p := mustPlace(t, parseCIB(t, ticket(`rsc="a"`, "", state)))
		require.Equal(t, "n1: "+want+"; n2: "+want, p.Of("a")[0].Why)
	}
	for name, tc := range map[string]struct {
		text string
		want Unsupported
	}{
		"to fence":            {ticket(`rsc="a" loss-policy="Fence"`, "", ""), Unsupported{featureTicket, "t", "loss-policy fence"}},
		"of a role":           {ticket(`rsc="a" rsc-role="Promoted"`, "", ""), Unsupported{featureTicket, "t", "for role Promoted"}},
		"of a role of a set":  {ticket("", set("a", "Promoted"), ""), Unsupported{featureTicket, "t", "for role Promoted"}},
		"of a set elsewhere":  {ticket("", `<resource_set id-ref="gone"/>`, ""), Unsupported{featureReference, "t", "a set by reference"}},
		"of a set of nothing": {ticket("", set("gone", ""), ""), Unsupported{featureReference, "t", "gone"}},
	} {
		_, err := Of(parseCIB(t, tc.text))
		var e *Error
		require.ErrorAs(t, err, &e, name)
		require.Equal(t, []Unsupported{tc.want}, e.Reasons, name)
	}
}

// An order that binds, and another of the same two that does not: releases differ in what comes of it. A diamond is no circle.
func TestOrdersOfTheSameTwo(t *testing.T) {
	order := func(id, first, then, more string) string {
		return `<rsc_order id="` + id + `" first="` + first + `" then="` + then + `" ` + more + `/>`
	}
	four := primitive("a") + primitive("b") + primitive("c") + primitive("d")
	_, err := Of(parseCIB(t, pair(four, order("o1", "a", "b", "")+order("o2", "a", "b", `kind="Optional"`), "")))
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, []Unsupported{{featureOrderLoop, "o1", "an optional order of the same two weakens it in some releases"}}, e.Reasons)
	mustPlace(t, parseCIB(t, pair(four, order("o1", "a", "b", "")+order("o2", "a", "c", "")+order("o3", "b", "d", "")+order("o4", "c", "d", ""), "")))
	mustPlace(t, parseCIB(t, pair(four, order("o1", "a", "b", "")+order("o2", "b", "a", `kind="Optional"`), "")))
}

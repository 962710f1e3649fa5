package corosync

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// H18: a ring is sound when corosync says so, in the words of any of its releases; what it does not say, or says in
// other words, is no sound ring.
func TestParseRings(t *testing.T) {
	const head = "Printing ring status.\nLocal node ID 16885952\n"
	ring := func(state string) string { return "RING ID 0\n\tid\t= 192.168.1.11\n\tstatus\t= " + state + "\n" }
	link := func(state string) string {
		return "Local node ID 1, transport knet\nLINK ID 0 udp\n\taddr\t= 10.0.0.1\n\tstatus:\n\t\tnodeid:          " +
			"1:\tlocalhost\n\t\tnodeid:          2:\t" + state + "\n"
	}
	for name, tt := range map[string]struct {
		text  string
		sound []bool // nil: an error
	}{
		"one ring": {head + ring("ring 0 active with no faults"), []bool{true}},
		"two": {head + ring("ring 0 active with no faults") +
			"RING ID 1\n\tid\t= 10.42.42.11\n\tstatus\t= Marking ringid 1 interface 10.42.42.11 FAULTY\n", []bool{true, false}},
		"another word": {head + ring("ring 0 administratively disabled"), []bool{false}},
		"a link":       {link("connected"), []bool{true}},
		"disconnected": {link("disconnected"), []bool{false}},
		"link of 3.0": {"Printing link status.\nLocal node ID 1\nLINK ID 0\n\taddr\t= 10.0.0.1\n\tstatus:\n\t\tnodeid  " +
			"1:\tlink enabled:1\tlink connected:1\n\t\tnodeid  2:\tlink enabled:1\tlink connected:0\n", []bool{false}},
		"udpu of 3":        {"Local node ID 1, transport udpu\nLINK ID 0 udp\n\taddr\t= 10.0.0.1\n\tstatus\t= OK\n", []bool{true}},
		"nothing":          {"", nil},
		"heading only":     {head, nil},
		"no state":         {head + "RING ID 0\n\tid\t= 192.168.1.11\n", nil},
		"no state of link": {"Local node ID 1, transport knet\nLINK ID 0 udp\n\taddr\t= 10.0.0.1\n\tstatus:\n", nil},
		"an error":         {"Could not initialize corosync configuration API error 2\n", nil},
		"something else":   {head + ring("ring 0 active with no faults") + "\tmtu\t= 1500\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			rings, err := ParseRings(strings.NewReader(tt.text))
			if tt.sound == nil {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			var sound []bool
			for _, r := range rings {
				sound = append(sound, r.Sound)
			}
			require.Equal(t, tt.sound, sound, "%+v", rings)
		})
	}
}

// H18: of a link it says which nodes it tells of: an output that was cut off after the first tells of one only.
func TestParseRingsTellsTheNodesOfALink(t *testing.T) {
	const local = "Local node ID 1, transport knet\nLINK ID 0 udp\n\taddr\t= 10.0.0.1\n\tstatus:\n\t\tnodeid:          1:\tlocalhost\n"
	for text, nodes := range map[string][]int{
		local: {1},
		local + "\t\tnodeid:          2:\tconnected\n":                                      {1, 2},
		"Local node ID 1\nRING ID 0\n\tid\t= 1\n\tstatus\t= ring 0 active with no faults\n": nil,
	} {
		rings, err := ParseRings(strings.NewReader(text))
		require.NoError(t, err)
		require.Equal(t, nodes, rings[0].Nodes)
	}
}

//go:build integration

package pacemakertest_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// real is a pair with Debian's own corosync, Pacemaker and pcs.
type real struct {
	nodes     [2]*pairlab.Node
	addresses [2][]string // by ring
}

func newReal(t *testing.T) real {
	lab, err := pairlab.Start(t.Context(), pairlab.Options{Dir: t.TempDir()})
	if errors.Is(err, pairlab.ErrUnavailable) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, lab.Close()) })
	r := real{nodes: lab.Nodes()}
	for i, n := range r.nodes {
		require.NoError(t, n.Wipe(pairlab.NewRelease))
		require.Zero(t, r.run(t, i+1, "hacluster:secret\n", []string{"chpasswd"}).exit)
		require.Zero(t, r.run(t, i+1, "", []string{"systemctl", "start", "pcsd"}).exit)
		require.Eventually(t, func() bool {
			out := r.run(t, i+1, "", []string{"pcs", "status", "pcsd", n.Name()}).out
			return strings.Contains(out, "Unable to authenticate")
		}, 2*time.Minute, time.Second, "pcsd answers")
		for _, card := range []string{"eth0", "eth1"} {
			m := address.FindStringSubmatch(r.run(t, i+1, "", []string{"ip", "-4", "-o", "addr", "show", "dev", card}).out)
			require.NotNil(t, m, card)
			r.addresses[i] = append(r.addresses[i], m[1])
		}
	}
	return r
}

var address = regexp.MustCompile(`inet (\S+)/`)

func (r real) run(t *testing.T, node int, stdin string, argv []string) reply {
	t.Helper()
	out, errOut, exit, err := r.nodes[node-1].Exec(t.Context(), strings.NewReader(stdin), argv...)
	require.NoError(t, err, "%s", argv)
	return reply{exit, string(out), string(errOut)}
}

// settle waits until a node's cluster has a DC and nothing under way, and the same is seen twice.
func (r real) settle(t *testing.T, node int) {
	t.Helper()
	before := ""
	require.Eventually(t, func() bool {
		seen := r.run(t, node, "", []string{"crm_mon", "-1", "--output-as=xml"})
		st, err := pacemaker.ParseStatus(strings.NewReader(seen.out))
		if seen.exit != 0 || err != nil || st.DC.Name == "" || strings.Contains(seen.out, `role="Starting"`) ||
			strings.Contains(seen.out, `role="Stopping"`) || strings.Contains(seen.out, `pending="true"`) {
			before = ""
			return false
		}
		_, now, _ := strings.Cut(seen.out, "<nodes>")
		now, _, _ = strings.Cut(now, "<node_history>")
		same := now == before
		before = now
		return same
	}, 3*time.Minute, 3*time.Second, "the cluster settles")
}

func (r real) addr(node, ring int) string { return r.addresses[node-1][ring] }

// placed is the simulator with the addresses of a real pair.
type placed struct {
	simulated
	like real
}

func (p placed) addr(node, ring int) string { return p.like.addr(node, ring) }

// TestTheSimulatorIsLikeARealPair plays one scenario on a real pair and on the simulator: the same exit statuses, the
// same words, the same places.
func TestTheSimulatorIsLikeARealPair(t *testing.T) {
	r := newReal(t)
	want := play(t, r)
	got := play(t, placed{newSimulated(t), r})
	for _, d := range different(want, got) {
		t.Errorf("-real +simulated: %s", d)
	}
}

// different lists the acts that two systems answered differently.
func different(a, b []observation) (out []string) {
	for i := range a {
		if d := cmp.Diff(a[i], b[i]); d != "" {
			out = append(out, a[i].Act+"\n"+d)
		}
	}
	return out
}

package issm_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	site "github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// vipAddress is that of arbitervip in the simulated cluster.
const vipAddress = "192.168.105.100"

// everySet are the labels of the guide's replica sets: each of them lives by the vote of its arbiter.
func everySet(t testing.TB) (labels []string) {
	t.Helper()
	for _, rs := range guideMongo(t).Sets {
		labels = append(labels, rs.Label)
	}
	return labels
}

// moved is a configuration that stops the old corosync, in an order.
func moved(t testing.TB, order issm.CorosyncOrder) issm.Config {
	t.Helper()
	cfg := issm.Config{ArchiveDir: t.TempDir(), SingleClusterCorosync: true, CorosyncOrder: order, ArbiterVIP: vipAddress}
	if order == issm.CorosyncGuide {
		cfg.AcceptNoMajority = everySet(t)
	}
	return cfg
}

// TestBothOrdersOfCorosync (CPS-207): late, no replica set misses a vote; as the guide has it, all of them do while set 1 is
// redeployed, which was signed for. Each can be rolled back.
func TestBothOrdersOfCorosync(t *testing.T) {
	for order, down := range map[issm.CorosyncOrder]bool{issm.CorosyncLate: false, issm.CorosyncGuide: true} {
		t.Run(string(order), func(t *testing.T) {
			cfg := moved(t, order)
			rb := runbook(t, cfg)
			w := deploy(t, cpstest.Options{SignedFor: cfg.AcceptNoMajority})
			back := w.Clone().(simulated)
			o := runOn(t, rb, w, "")
			require.NoError(t, o.err, "%v", o.events)
			require.Empty(t, o.events)
			requireMigrated(t, w)
			for _, set := range w.Report().Replicas {
				require.Equal(t, down, set.Longest > 10*time.Minute, "%s: %s without a primary", set.Set, set.Longest)
			}

			held := runOn(t, rb, back, "calls")
			require.Error(t, held.err)
			held = rollBack(t, rb, held, "")
			require.NoError(t, held.err, "%v", held.events)
			require.NoError(t, back.Check())
			requireRolledBack(t, back)
			require.Equal(t, "pcrfclient01", back.Report().ArbiterVIP)
		})
	}
}

// TestTwoHoldersAreSeenAtOnce: where the new corosync takes the address beside the old one, the run stops as soon as the new
// VMs are there; in the guide's order the two never run side by side.
func TestTwoHoldersAreSeenAtOnce(t *testing.T) {
	w := deploy(t, cpstest.Options{CorosyncCollides: true})
	rb := runbook(t, moved(t, issm.CorosyncLate))
	o := runOn(t, rb, w, "")
	require.ErrorContains(t, o.err, "arbitervip (192.168.105.100) is on pcrfclient01 and pcrfclient02 at once")
	require.Equal(t, "invariant/one-arbitervip", stoppedAt(o.err))
	require.Equal(t, "pcrfclient02", w.Report().SecondVIP)
	require.Contains(t, w.EndState(), "set 1: disabled", "nothing is done after the VMs are there")

	// What the message says, done by hand: the new corosync waits for its turn.
	run(w, "pcrfclient02", "monit", "stop", "corosync")
	require.Empty(t, w.Report().SecondVIP)
	o = o.resume(t, rb)
	require.ErrorContains(t, o.err, "corosync, action moved", "nobody takes the address over: the old corosync is started again")
	require.Equal(t, "pcrfclient01", w.Report().ArbiterVIP)

	cfg := moved(t, issm.CorosyncGuide)
	w = deploy(t, cpstest.Options{CorosyncCollides: true, SignedFor: cfg.AcceptNoMajority})
	o = runOn(t, runbook(t, cfg), w, "")
	require.NoError(t, o.err, "%v", o.events)
	requireMigrated(t, w)

	// Without the invariant nobody notices: the runbook comes to its end, and the cluster knows better.
	w = deploy(t, cpstest.Options{CorosyncCollides: true})
	rb = runbook(t, moved(t, issm.CorosyncLate))
	emptied(rb, "invariant/one-arbitervip")
	require.NoError(t, runOn(t, rb, w, "").err)
	require.ErrorContains(t, w.Check(), "arbitervip is on pcrfclient01 and on pcrfclient02")
}

// TestNobodyHasArbiterVIP: outside the windows that a run opens for it, that is a violation; a host that does not answer may
// have it, and one that answers as another machine says nothing.
func TestNobodyHasArbiterVIP(t *testing.T) {
	rb := runbook(t, moved(t, issm.CorosyncLate))
	watch := func(w simulated, id string) error {
		for _, inv := range rb.Invariants {
			if inv.ID == id {
				return inv.Check(t.Context(), site.Over(w.Runner, w.Clock()))
			}
		}
		t.Fatal(id)
		return nil
	}
	var violation *evenkeel.Violation
	w := deploy(t, cpstest.Options{})
	require.NoError(t, watch(w, "arbitervip"))
	require.NoError(t, watch(w, "one-arbitervip"))
	run(w, "pcrfclient01", "monit", "stop", "corosync")
	require.NoError(t, watch(w, "arbitervip"), "it moves, within one look")
	run(w, "pcrfclient02", "monit", "stop", "corosync")
	require.NoError(t, watch(w, "one-arbitervip"))
	require.ErrorAs(t, watch(w, "arbitervip"), &violation)
	require.ErrorContains(t, violation, "arbitervip (192.168.105.100) is on none of pcrfclient01, pcrfclient02")

	for name, says := range map[string]func(string) string{
		"nothing":         prints(""),
		"another machine": replaces("192.168.105.20", "192.168.105.21"),
	} {
		lying := w.Clone().(simulated)
		require.NoError(t, lying.Lie(cpstest.Lie{Command: "ip -o addr show", Host: "pcrfclient02", Says: says}), name)
		for _, id := range []string{"arbitervip", "one-arbitervip"} {
			err := watch(lying, id)
			require.Error(t, err, "%s, %s", name, id)
			require.NotErrorAs(t, err, &violation, "%s, %s", name, id)
		}
	}
}

// TestTheGuidesOrderIsSignedFor (MON-016): a replica set that loses its majority to it is named, or there is no plan.
func TestTheGuidesOrderIsSignedFor(t *testing.T) {
	cfg := moved(t, issm.CorosyncGuide)
	cfg.AcceptNoMajority = everySet(t)[1:]
	_, err := issm.New(cfg, guideHosts(t), guideMongo(t))
	require.ErrorContains(t, err, "with corosync_order guide nobody has arbitervip while the pcrfclient of set 1 is redeployed (cps:669): "+
		"1 of 3 votes remain, which is no majority; leave corosync_order out, or name SESSION-SET1 in accept_no_majority")
	cfg = moved(t, issm.CorosyncLate)
	cfg.AcceptNoMajority = everySet(t)
	_, err = issm.New(cfg, guideHosts(t), guideMongo(t))
	require.ErrorContains(t, err, "which is no replica set that would be without a majority", "a signature for nothing")

	for order, texts := range map[issm.CorosyncOrder][]string{
		issm.CorosyncLate: {"The guide stops the old corosync before set 1 is disabled (cps:665)", "corosync run side by side",
			"invariant one-arbitervip", "corosync_order guide"},
		issm.CorosyncGuide: {"As the guide has it (cps:665)", "nobody has arbitervip (cps:669)", "SESSION-SET1: 1 of 3 votes remain",
			"Without corosync_order"},
	} {
		var md strings.Builder
		require.NoError(t, runbook(t, moved(t, order)).Markdown(&md))
		for _, text := range texts {
			require.Contains(t, md.String(), text, order)
		}
	}
	cfg = moved(t, issm.CorosyncLate)
	cfg.ArbiterVIP = ""
	var md strings.Builder
	require.NoError(t, runbook(t, cfg).Markdown(&md))
	require.Contains(t, md.String(), "NOBODY WATCHES that: the address of arbitervip is not known")
}

// TestTheAddressOfArbiterVIP: it comes from the deploy folder, or else from the configuration; where it comes from neither,
// the review says that nobody watches it.
func TestTheAddressOfArbiterVIP(t *testing.T) {
	additional, err := cps.ParseAdditionalHosts(text("AdditionalHosts.csv", "Host,Alias,IP Address\nvip,arbitervip,"+vipAddress+"\n"))
	require.NoError(t, err)
	folder := &cps.Deploy{Hosts: guideHosts(t), Additional: additional}
	for name, tc := range map[string]struct {
		cfg     issm.Config
		watched bool
		says    string // a finding, or why there is no plan
	}{
		"nowhere":           {issm.Config{}, false, "the address of arbitervip is not known, and nobody watches that exactly one host has it"},
		"the configuration": {issm.Config{ArbiterVIP: vipAddress}, true, ""},
		"the deploy folder": {issm.Config{Deploy: folder}, true, ""},
		"both":              {issm.Config{ArbiterVIP: vipAddress, Deploy: folder}, true, ""},
		"two addresses": {issm.Config{ArbiterVIP: "192.168.105.101", Deploy: folder}, false,
			"the configuration has 192.168.105.101 for arbitervip, and AdditionalHosts.csv has 192.168.105.100"},
		"that of a VM":    {issm.Config{ArbiterVIP: "192.168.105.19"}, false, "which is the address of pcrfclient01"},
		"of an interface": {issm.Config{ArbiterVIP: "fe80::1%eth0"}, false, "is no IP address"},
		"mapped":          {issm.Config{ArbiterVIP: "::ffff:" + vipAddress}, true, ""},
		"no address":      {issm.Config{ArbiterVIP: "arbitervip"}, false, `arbitervip "arbitervip" is no IP address`},
		"another order":   {issm.Config{CorosyncOrder: "early"}, false, `corosync_order "early": it must be late or guide`},
		"no corosync":     {issm.Config{CorosyncOrder: issm.CorosyncGuide}, false, "needs single_cluster_corosync"},
	} {
		tc.cfg.ArchiveDir = "/a"
		m, err := issm.New(tc.cfg, guideHosts(t), guideMongo(t))
		if err != nil {
			require.NotEmpty(t, tc.says, "%s: %v", name, err)
			require.ErrorContains(t, err, tc.says, name)
			continue
		}
		found := map[bool]string{}
		for _, f := range m.Findings() {
			found[strings.Contains(f.What, "arbitervip")] += f.What
		}
		require.Equal(t, tc.says == "", found[true] == "", name)
		require.Contains(t, found[true], tc.says, name)
		rb, err := m.Runbook()
		require.NoError(t, err)
		require.Equal(t, tc.watched, strings.Contains(strings.Join(checksOf(rb), " "), "invariant/one-arbitervip"), name)
	}
}

// TestThePeerMayHaveIt (CPS-207): between two clusters the other cluster's pcrfclient01 is asked, too.
func TestThePeerMayHaveIt(t *testing.T) {
	const peer = "b-pcrfclient01"
	w := deploy(t, cpstest.Options{Peer: peer})
	rb := runbook(t, issm.Config{ArchiveDir: t.TempDir(), PeerPcrfclient: peer, ArbiterVIP: vipAddress})
	both := w.Clone().(simulated)
	o := runOn(t, rb, w, "")
	require.NoError(t, o.err, "%v", o.events)
	requireMigrated(t, w)
	require.NoError(t, both.Lie(cpstest.Lie{Command: "ip -o addr show", Host: peer, Says: alsoHas}))
	require.Equal(t, "invariant/one-arbitervip", stoppedAt(runOn(t, rb, both, "").err))
}

// alsoHas is an answer with arbitervip in it.
func alsoHas(truth string) string {
	return truth + "2: eth0    inet " + vipAddress + "/24 scope global secondary eth0:0\n"
}

// hasNot is an answer without it.
func hasNot(truth string) string {
	var kept strings.Builder
	for line := range strings.Lines(truth) {
		if !strings.Contains(line, vipAddress) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

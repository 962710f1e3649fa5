package issm_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
)

// TestReviewAndPlanAgree: a plan is refused when, and only when, the review of its inputs has an error, whatever became
// of the replica sets.
func TestReviewAndPlanAgree(t *testing.T) {
	hosts := guideHosts(t)
	set1, set2, err := cps.SplitClusterSets(hosts)
	require.NoError(t, err)
	whole := strings.Split(fixture(t, "mongoConfig-six-sets.cfg"), "\n")
	verdicts := map[bool]int{}
	agree := func(t require.TestingT, file string) {
		mc, err := cps.ParseMongoConfig(text("mongoConfig.cfg", file))
		if err != nil {
			return
		}
		reviewed := append(cps.ReviewSets(set1, set2, mc), mc.Findings()...)
		worst, found := cps.Worst(reviewed)
		refused := found && worst == cps.Error
		_, err = issm.New(issm.Config{ArchiveDir: "/a"}, hosts, mc)
		require.Equal(t, refused, err != nil, "%v\n%v", err, reviewed)
		verdicts[refused]++
	}
	rapid.Check(t, func(t *rapid.T) {
		lines := append([]string(nil), whole...)
		for range rapid.IntRange(0, 4).Draw(t, "edits") {
			i := rapid.IntRange(0, len(lines)-1).Draw(t, "line")
			key, value, ok := strings.Cut(lines[i], "=")
			if !ok || !strings.HasPrefix(key, "MEMBER") && !strings.HasPrefix(key, "ARBITER") || strings.Contains(key, "PATH") {
				continue
			}
			_, port, _ := strings.Cut(value, ":")
			host := rapid.SampledFrom([]string{"sessionmgr01", "sessionmgr02", "sessionmgr09", "arbitervip", "lb01",
				"SEC-sessionmgr01", "sesionmgr01", "pcrfclient02"}).Draw(t, "host")
			switch rapid.IntRange(0, 2).Draw(t, "how") {
			case 0:
				lines[i] = key + "=" + host + ":" + port
			case 1:
				lines[i] = ""
			default:
				lines[i] += fmt.Sprintf("\n%s%d=%s:%s", strings.TrimRight(key, "0123456789"), rapid.IntRange(3, 9).Draw(t, "n"), host, port)
			}
		}
		agree(t, strings.Join(lines, "\n"))
	})
	// One of each kind, whatever was drawn.
	agree(t, strings.Join(whole, "\n"))
	agree(t, strings.Replace(strings.Join(whole, "\n"), "MEMBER1=sessionmgr01:", "MEMBER1=sessionmgr09:", 1))
	require.NotZero(t, verdicts[true])
	require.NotZero(t, verdicts[false])
}

// arbitersOnAHalf is a deployment whose arbiters run on a session manager of set 2: they go when that half goes.
func arbitersOnAHalf(t testing.TB) (*cps.Hosts, *cps.MongoConfig) {
	t.Helper()
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join("..", "testdata", "arbiters-on-a-half", name))
		require.NoError(t, err)
		return string(data)
	}
	hosts, err := cps.ParseHosts(text("Hosts.csv", read("Hosts.csv")))
	require.NoError(t, err)
	mc, err := cps.ParseMongoConfig(text("mongoConfig.cfg", read("mongoConfig.cfg")))
	require.NoError(t, err)
	return hosts, mc
}

// TestASignedPlanComesToItsEnd: whether migrate.sh takes the arbiters on the VMs of a half out of their sets or leaves
// them there, which the guide does not say, a plan that was signed for ends, also by hand; and it can be rolled back.
func TestASignedPlanComesToItsEnd(t *testing.T) {
	for _, removes := range []bool{false, true} {
		for half, arbiter := range map[int]string{1: "sessionmgr06", 2: "sessionmgr05"} { // even numbers are half 1
			t.Run(fmt.Sprintf("half %d, removed %v", half, removes), func(t *testing.T) {
				hosts, mc := arbitersOnAHalf(t)
				hostsCSV := strings.ReplaceAll(printed(t, hosts), "sessionmgr05", arbiter)
				mongoCfg := strings.ReplaceAll(printed(t, mc), "sessionmgr05", arbiter)
				hosts, err := cps.ParseHosts(text("Hosts.csv", hostsCSV))
				require.NoError(t, err)
				mc, err = cps.ParseMongoConfig(text("mongoConfig.cfg", mongoCfg))
				require.NoError(t, err)
				cfg := issm.Config{ArchiveDir: t.TempDir()}
				for _, rs := range mc.Sets {
					cfg.AcceptNoMajority = append(cfg.AcceptNoMajority, rs.Label)
				}
				m, err := issm.New(cfg, hosts, mc)
				require.NoError(t, err)
				rb, err := m.Runbook()
				require.NoError(t, err)
				d, err := cpstest.New(cpstest.Options{HostsCSV: hostsCSV, MongoConfig: mongoCfg, RemovesArbiters: removes,
					SignedFor: cfg.AcceptNoMajority})
				require.NoError(t, err)
				byHand, toRollBack := simulated{d.Clone()}, simulated{d.Clone()}
				signed := func(w simulated) { require.Empty(t, w.Report().Violations, "nothing but what was signed for") }

				o := runOn(t, rb, simulated{d}, "")
				require.NoError(t, o.err, "%v", o.events)
				signed(o.world)
				requireAllMigrated(t, o.world)

				back := runOn(t, rb, toRollBack, "calls")
				require.Error(t, back.err)
				back = rollBack(t, rb, back, "")
				require.NoError(t, back.err, "%v", back.events)
				signed(back.world)

				if !testing.Short() && half == 2 && !removes { // once is enough
					followed(t, rb, byHand, false)
					signed(byHand)
					require.Equal(t, o.world.Hash(), byHand.Hash())
				}
			})
		}
	}
}

// TestNoMajorityIsSignedFor (MON-016): one of three votes stays while set 2 is away. That is refused until each such
// set is named, and then every format says so.
func TestNoMajorityIsSignedFor(t *testing.T) {
	hosts, mc := arbitersOnAHalf(t)
	set1, set2, err := cps.SplitClusterSets(hosts)
	require.NoError(t, err)
	var labels []string
	for _, rs := range mc.Sets {
		labels = append(labels, rs.Label)
	}
	worst, _ := cps.Worst(cps.ReviewSets(set1, set2, mc))
	require.Equal(t, cps.Error, worst)
	for _, accepted := range [][]string{nil, labels[1:], append([]string{"SESSION-SET9"}, labels...)} {
		_, err = issm.New(issm.Config{ArchiveDir: "/a", AcceptNoMajority: accepted}, hosts, mc)
		require.ErrorContains(t, err, "accept_no_majority", "%v", accepted)
	}
	_, err = issm.New(issm.Config{ArchiveDir: "/a", AcceptNoMajority: labels[:1]}, guideHosts(t), guideMongo(t))
	require.ErrorContains(t, err, "no replica set that would be without a majority", "a signature for nothing")

	m, err := issm.New(issm.Config{ArchiveDir: "/a", AcceptNoMajority: labels}, hosts, mc)
	require.NoError(t, err)
	rb, err := m.Runbook()
	require.NoError(t, err)
	var md, short strings.Builder
	require.NoError(t, rb.Markdown(&md))
	require.NoError(t, rb.Text(&short))
	for _, label := range labels {
		require.Contains(t, md.String(), label)
		require.Contains(t, short.String(), label)
	}
	for _, out := range []string{md.String(), short.String()} {
		require.Contains(t, out, "1 of 3 votes remain, which is no majority")
	}
}

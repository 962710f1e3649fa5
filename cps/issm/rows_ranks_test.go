package issm_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
)

// CPS-233, MON-036: after each half the members rank as before, by the order of their priorities and not by the numbers.
func TestPrioritiesAreAsBefore(t *testing.T) {
	p, good := everyRunbook(t)[0], statusTable(t)
	priority := func(n float64) func(*cps.TableMember) { return func(m *cps.TableMember) { m.Priority = n } }
	for _, at := range []string{"members-set-1/priorities", "members-set-2/priorities", "final/replicas"} {
		check := p.find(t, at).Expect.Check
		require.NoError(t, check(p.seen(printed(t, good), 0)), at)
		require.NoError(t, check(p.seen(change(t, good, 0, "sessionmgr01", priority(7)), 0)), "%s: the order counts", at)
		require.ErrorContains(t, check(p.seen(change(t, good, 0, "sessionmgr02", priority(7)), 0)),
			"are sessionmgr02 > sessionmgr01; they were sessionmgr01 > sessionmgr02", at)
		require.ErrorContains(t, check(p.seen(change(t, good, 0, "sessionmgr02", priority(good.Sets[0].Members[1].Priority+1)), 0)),
			"; they were sessionmgr01 > sessionmgr02", at)
	}
}

// CPS-248: a rollback does not bring the former primaries back, and says which replica sets have another one now.
func TestMovedPrimariesAreTold(t *testing.T) {
	rb, o := holdAt(t, issm.Config{ArchiveDir: t.TempDir()}, cpstest.Options{}, "calls")
	require.NoError(t, o.world.Lie(says(replicaStatus, "", func(truth string) string {
		before, table, ok := strings.Cut(truth, "SESSION:set01")
		set, after, _ := strings.Cut(table, "|-----|")
		if ok && strings.Contains(set, "sessionmgr02 - ON-LINE") {
			set = strings.NewReplacer("- PRIMARY -", "- SECONDARY -", "- SECONDARY -", "- PRIMARY -").Replace(set)
			return before + "SESSION:set01" + set + "|-----|" + after
		}
		return truth
	})[0]))
	rolled := rollBack(t, rb, o, "")
	require.NoError(t, rolled.err, "%v", rolled.events)
	var moved []string
	require.NoError(t, json.Unmarshal(rolled.report.State.Rollback.Facts["primaries.moved"], &moved))
	require.Equal(t, []string{"SESSION:set01: sessionmgr01 was primary, sessionmgr02 is"}, moved)
}

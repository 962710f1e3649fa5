package cps_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
)

// CPS-033, CPS-034, MON-015.
func TestParseGRTable(t *testing.T) {
	tab, err := cps.ParseGRTable(text("gr", fixture(t, "gr-table.tsv")))
	require.NoError(t, err)
	require.Equal(t, []string{"SM02-site1", "SM01-site1", "SM02-site2", "SM01-site2", "Arbiter"}, tab.Columns)
	require.Len(t, tab.Rows, 8)
	cell, err := tab.At(3, "SM02-site2")
	require.NoError(t, err)
	require.Equal(t, "3.6.17/8.1", cell.String())
	require.Equal(t, "S1 - R211 S2 - R211 S3 - R194", tab.Rows[4].Description)
	require.Empty(t, tab.Rows[1].Description)
	// CPS-211: from one step to the next a column never goes back.
	for i := 1; i < len(tab.Rows); i++ {
		for c, cell := range tab.Rows[i].Cells {
			require.GreaterOrEqual(t, cell.Mongo.Compare(tab.Rows[i-1].Cells[c].Mongo), 0)
			require.GreaterOrEqual(t, cell.CentOS.Compare(tab.Rows[i-1].Cells[c].CentOS), 0)
		}
	}
	for _, bad := range []struct {
		step   int
		column string
	}{{8, "Arbiter"}, {-1, "Arbiter"}, {0, "SM03"}} {
		_, err := tab.At(bad.step, bad.column)
		require.Error(t, err)
	}
}

func TestParseGRTableErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":                                      "gr:1: the table has no rows",
		"0\t1.0/2.0\n":                          "gr:1:1: expected the heading",
		"Step\tArbiter\n":                       "must end with Description",
		"Step\tA\tDescription\n0\t1.0/2.0\n":    "gr:2:1: row has 2 cells, the heading 3",
		"Step\tA\tDescription\n1\t1.0/2.0\t-\n": `gr:2:1: expected step 0: near "1"`,
		"Step\tA\tDescription\n0\t1.0\t-\n":     `gr:2:3: not MONGO/CENTOS: near "1.0"`,
		"Step\tA\tDescription\nStep\tB\tDescription": "gr:2:1: the heading changes",
	} {
		_, err := cps.ParseGRTable(text("gr", in))
		requireError(t, err, want)
		require.False(t, strings.HasPrefix(err.Error(), "GR table"))
	}
}

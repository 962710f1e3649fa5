package cps_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
)

const (
	novaRule = "+--------------------------------------+------+--------+------------+-------------+-----------------------+\n"
	novaHead = novaRule + "| ID                                   | Name | Status | Task State | Power State | Networks              |\n" +
		novaRule
	novaLB02 = "| 3d40e589-993c-44b5-bb0a-0923a4abbfc0 | lb02 | ACTIVE | -          | Running     | Internal=172.16.2.202 |\n"
)

// CPS-071: the table of nova list, with and without a server; what is not the whole of it is none.
func TestParseServers(t *testing.T) {
	list, err := cps.ParseServers(text("nova list", novaHead+novaLB02+novaRule))
	require.NoError(t, err)
	require.Equal(t, []cps.Server{{ID: "3d40e589-993c-44b5-bb0a-0923a4abbfc0", Name: "lb02", Status: "ACTIVE", Line: 4}}, list)
	require.Equal(t, list, cps.ServersNamed(list, "lb02"))
	require.Empty(t, cps.ServersNamed(list, "lb0"))
	for task, want := range map[string]string{"None": "", "deleting": "deleting"} {
		list, err = cps.ParseServers(text("nova list", novaHead+strings.Replace(novaLB02, "| -          |", "| "+task+" |", 1)+novaRule))
		require.NoError(t, err)
		require.Equal(t, want, list[0].Task)
	}
	list, err = cps.ParseServers(text("nova list", novaHead+novaRule))
	require.NoError(t, err)
	require.Empty(t, list)
	for in, want := range map[string]string{
		"":                       "not the whole table",
		novaHead:                 "not the whole table",
		novaHead + novaLB02:      "not the whole table",
		novaRule + novaLB02:      "no column ID",
		"ERROR (Unauthorized)\n": "not a row of the table",
		novaHead + "| a | lb02 | ACTIVE |\n" + novaRule:                  "must have 6 cells",
		novaHead + "|  | lb02 | ACTIVE | - | Running | x |\n" + novaRule: "must have an id",
		novaHead + novaRule + novaLB02:                                   "not a row of the table",
	} {
		_, err := cps.ParseServers(text("nova list", in))
		require.ErrorContains(t, err, want, "%q", in)
	}
}

package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// A pair that has begun, and whose journal is lost, is taken out by its name; that is journalled.
func TestAFleetGoesOnWithoutAPair(t *testing.T) {
	d := onDisk(t, "limit: 2", "a", "b")
	d.run("b", "Test", -1, false)
	f, err := d.app.loadFleet(d.file("fleet.yaml"))
	require.NoError(t, err)
	fleet, err := evenkeel.OpenJournal(f.journal())
	require.NoError(t, err)
	for _, r := range []evenkeel.Record{{Kind: evenkeel.KindBegin, Run: f.info()}, {Kind: evenkeel.KindStart, Step: "all", Action: "a"},
		{Kind: evenkeel.KindStart, Step: "all", Action: "b"}} {
		require.NoError(t, fleet.Append(stamped(r)))
	}
	require.NoError(t, fleet.Close())
	refused := func(want string, words ...string) {
		t.Helper()
		code, said := d.carryOut(append([]string{"resume"}, words...)...)
		require.Equal(t, ExitInput, code)
		require.Contains(t, said, want)
	}
	refused("out of the fleet file and say so: tool fleet resume --without a " + d.file("fleet.yaml"))
	refused("--without a: it is in the fleet file", "--without", "a")
	d.fleet("limit: 2", "b")
	refused("a: it is gone, and it has begun", "--changed")
	refused("--without c: the fleet that was begun has no such pair", "--without", "c", "--without", "a")
	code, said := d.carryOut("resume", "--without", "a")
	require.Equal(t, ExitDone, code, said)
	raw, err := os.ReadFile(f.journal())
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(raw), `"output":"without a, by `))
	// It is forgotten: without it the fleet goes on, and with it anew it is a new pair.
	code, said = d.carryOut("resume")
	require.Equal(t, ExitDone, code, said)
	d.fleet("limit: 2", "a", "b")
	refused("a: it is new")
}

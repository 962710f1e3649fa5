package cli

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// Where what the configuration of a pair names cannot be read, status tells of all pairs, and a resume leaves that pair alone where it is
// finished; where it is not, and where nothing has begun, nothing begins.
func TestAPairWhoseInputIsLost(t *testing.T) {
	const lost = "pairs[0]: config: its archive cannot be read"
	d := onDisk(t, "apart: [{label: fs}]", "a, labels: {fs: fs1}", "b, labels: {fs: fs1}")
	for _, name := range []string{"a", "b"} {
		d.run(name, "Test", -1, false)
	}
	code, said := d.carryOut("run", "--finished")
	require.Equal(t, ExitDone, code, said)
	d.config("a", "lost", "")
	for _, verb := range []string{"check", "plan", "run"} {
		code, said = d.carryOut(verb)
		require.Equal(t, ExitInput, code)
		require.Contains(t, said, lost)
	}
	code, said = d.carryOut("status")
	require.Equal(t, ExitInput, code)
	require.Contains(t, said, lost)
	require.Regexp(t, `(?m)^  a +all +finished +4/4 .*fleet.yaml:3:23: pairs`, d.out.String())
	require.Regexp(t, `(?m)^  b +all +finished +4/4$`, d.out.String())
	code, said = d.carryOut("resume", "--finished")
	require.Equal(t, ExitDone, code, said)

	d.rollback("a", "Test")
	code, said = d.carryOut("resume", "--finished")
	require.Equal(t, ExitInput, code)
	require.Contains(t, said, lost)

	require.NoError(t, os.Remove(d.file("a.yaml"))) // and with it the name of its journal
	code, _ = d.carryOut("status")
	require.Equal(t, ExitInput, code)
	require.Regexp(t, `(?m)^  a +all +unreadable +0/0 `, d.out.String())
	require.Regexp(t, `(?m)^  b +all +finished +4/4$`, d.out.String())
}

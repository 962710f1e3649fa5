package cpstest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// TestLies: a program that lies answers as always, or as it is told to, and the world knows what is true.
func TestLies(t *testing.T) {
	honest, o := newOperator(t, cpstest.Options{}), newOperator(t, cpstest.Options{})
	before := o.d.EndState()
	require.NoError(t, o.d.Lie(cpstest.Lie{Command: "umount /mnt/*", Host: "cluman", Idle: true}))
	require.NotEqual(t, honest.d.Hash(), o.d.Hash(), "a world that will lie is another one")
	require.Equal(t, honest.do("cluman", "umount /mnt/iso"), o.do("cluman", "umount /mnt/iso"))
	require.Equal(t, before, o.d.EndState())
	require.NotEqual(t, before, honest.d.EndState())
	require.Equal(t, honest.d.Now(), o.d.Now(), "it takes its time")

	o = newOperator(t, cpstest.Options{})
	require.NoError(t, o.d.Lie(cpstest.Lie{Command: "about.sh",
		Says: func(truth string) string { return strings.ReplaceAll(truth, "19.4.0", "1.0") },
		Then: []string{"qns01 systemctl stop qns", "world release qns02 18.0"}}))
	copied := o.d.Clone()
	out, err := o.run("cluman", sshexec.Command(sshexec.ReadOnly, "about.sh"))
	require.NoError(t, err)
	require.Contains(t, out, "CPS Installer Version - 1.0\n")
	require.Contains(t, o.d.EndState(), "qns01: exists true, 19.4.0, on, kept disk false, qns false")
	require.Contains(t, o.d.EndState(), "qns02: exists true, 18.0")
	require.NoError(t, o.d.Check(), "what is done behind its back makes no change of a command that only reads")
	require.NotContains(t, copied.EndState(), "qns false")

	for _, tc := range []struct{ deed, told string }{
		{"recovering sessionmgr02:27717", "sessionmgr02:27717 RECOVERING"},
		{"priority sessionmgr02:27717 7", "sessionmgr02:27717 SECONDARY 7"},
		{"traffic 2 off", "set 2: in service, takes traffic: false"},
		{"image qns01 18.0", "qns01: exists true, 18.0"},
	} {
		o = newOperator(t, cpstest.Options{})
		o.do("world", "world "+tc.deed)
		require.Contains(t, o.d.EndState(), tc.told, tc.deed)
	}

	require.ErrorContains(t, o.d.Lie(cpstest.Lie{Command: " "}), "needs a command")
	require.ErrorContains(t, o.d.Lie(cpstest.Lie{Command: "ls", Then: []string{"nowhere ls"}}), "no machine nowhere")
	for _, deed := range []string{"cluman false", "world priority nobody:1 2", "world archive cluman lost",
		"world traffic 3 on", "world release nobody 1"} {
		o = newOperator(t, cpstest.Options{})
		require.NoError(t, o.d.Lie(cpstest.Lie{Command: "df *", Then: []string{deed}}))
		o.do("cluman", "df -Pk /var/tmp")
		o.violated(`"` + deed + `" could not be done behind the back of df *`)
	}
}

package pair

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Which software joins which cluster: the major numbers are the same, and the node's minor is not lower.
func TestFeatureSets(t *testing.T) {
	for _, c := range []struct {
		node, cluster string
		joins         bool
	}{
		{"3.19.0", "3.16.2", true}, {"3.16.2", "3.16.2", true}, {"3.16.1", "3.16.2", true}, {"3.16.2", "3.19.0", false},
		{"3.16", "3.16.2", true}, {"4.0.0", "3.19.0", false}, {"2.20.0", "3.19.0", false},
	} {
		node, err1 := parseFeatureSet(c.node)
		cluster, err2 := parseFeatureSet(c.cluster)
		require.NoError(t, err1)
		require.NoError(t, err2)
		require.Equal(t, c.joins, node.joins(cluster), "%s and %s", c.node, c.cluster)
	}
	for _, bad := range []string{"", "3", "3.x", "3.19.0.1", "v3.19.0"} {
		_, err := parseFeatureSet(bad)
		require.ErrorIs(t, err, ErrNotProven, bad)
	}
}

// As pacemakerd of Pacemaker 2.1.5 prints it. Anything else proves nothing.
func TestSoftwareFeatures(t *testing.T) {
	const out = "Pacemaker 2.1.5 (Build: a3f44794f94)\n Supporting v3.16.1: agent-manpages cibsecrets corosync-ge-2 systemd\n"
	set, err := softwareFeatures(sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(out)})
	require.NoError(t, err)
	require.Equal(t, featureSet{3, 16, 1}, set)
	for _, res := range []sshexec.Result{
		{Outcome: sshexec.Exited}, {Outcome: sshexec.Exited, Stdout: []byte("Pacemaker 2.1.5\n")},
		{Outcome: sshexec.Exited, ExitCode: 1, Stdout: []byte(out)},
	} {
		_, err := softwareFeatures(res)
		require.ErrorIs(t, err, ErrNotProven)
	}
}

func TestIsVersion(t *testing.T) {
	for want, is := range map[string]bool{"2.1.7-5.el9": true, "2.1.7": true, "2.1": true, "2.1.7-5": true, "2.1.70": false, "2.1.7-5.el8": false, "1.1.7": false} {
		require.Equal(t, is, isVersion("2.1.7-5.el9.x86_64", want), want)
	}
	require.False(t, isVersion("2.1.70-5.el9.x86_64", "2.1.7"))
}

package pcs

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// H4, H6, H7, H19: what an exit status means, and what it does not. The outputs are those of real tools: pcs 0.9.152 and 0.11.5,
// Pacemaker 1.1 and 2.1.5, corosync 3.1.7.
func TestJudge(t *testing.T) {
	for _, c := range []struct {
		argv   []string
		code   int
		output string
		want   error
	}{
		// H4: exits 0, starts nothing.
		{[]string{"pcs", "cluster", "start"}, 0,
			"Starting Cluster...\nWarning: Unable to detect init system. All actions related to system services will be " +
				"skipped.\nWarning: not starting corosync: Unknown init system\n", pacemaker.ErrNothingDone},
		{[]string{"pcs", "cluster", "enable", "--all"}, 0, "Warning: not enabling corosync: Unknown init system", pacemaker.ErrNothingDone},
		{[]string{"pcs", "cluster", "stop"}, 0, "Warning: not stopping corosync: Unknown init system", pacemaker.ErrNothingDone},
		{[]string{"pcs", "cluster", "start"}, 0, "Starting Cluster...\n", nil},
		{[]string{"pcs", "cluster", "start"}, 1, "Error: Unable to start corosync: System has not been booted with systemd",
			pacemaker.ErrCommandFailed},
		// H19: the cluster is down.
		{[]string{"pcs", "status"}, 1, "Error: cluster is not currently running on this node", pacemaker.ErrClusterDown},
		{[]string{"pcs", "status"}, 1, "Error: error running crm_mon, is pacemaker running?", pacemaker.ErrClusterDown},
		{[]string{"pcs", "-f", "c.xml", "property", "set", "a=1"}, 1, "Error: Unable to get cib", pacemaker.ErrClusterDown},
		{[]string{"crm_mon", "-1"}, 102, "crm_mon: Connection to cluster failed: Connection refused", pacemaker.ErrClusterDown},
		{[]string{"/usr/sbin/crm_mon", "-1"}, 107, "", pacemaker.ErrClusterDown},
		{[]string{"cibadmin", "-Q"}, 102, "Could not connect to the CIB: Transport endpoint is not connected", pacemaker.ErrClusterDown},
		{[]string{"crm_verify", "-L"}, 66, "crm_verify: CIB query failed: Input file not available", pacemaker.ErrClusterDown},
		{[]string{"crmadmin", "-qS", "n"}, 124, "", pacemaker.ErrClusterDown},
		{[]string{"corosync-cfgtool", "-s"}, 1, "Could not initialize corosync configuration API error 2", pacemaker.ErrClusterDown},
		{[]string{"corosync-quorumtool", "-s"}, 2, "Quorate: No", pacemaker.ErrNoQuorum},
		// H19: exits 0 for an unknown node.
		{[]string{"crm_resource", "--resource", "a", "--refresh", "--node", "x"}, 0,
			"No status information for resource a on node x", pacemaker.ErrNothingDone},
		{[]string{"crm_resource", "--resource", "a", "--refresh", "--node", "x"}, 105, "crm_resource: Node 'x' not found", pacemaker.ErrNotFound},
		{[]string{"crm_resource", "--resource", "a", "--locate"}, 105, "crm_resource: Resource 'a' not found", pacemaker.ErrNotFound},
		// H7.
		{[]string{"pcs", "property", "set", "--node", "n", "a=1"}, 1,
			"Error: unable to set attribute a\ncrm_attribute: Could not map name=n to a UUID\n", pacemaker.ErrAbsentNode},
		{[]string{"pcs", "node", "attribute", "n", "a=1"}, 1, "crm_attribute: Could not map name=n to a UUID\n", pacemaker.ErrAbsentNode},
		{[]string{"crm_attribute", "--node", "n"}, 105, "crm_attribute: Could not map name=n to a UUID", pacemaker.ErrAbsentNode},
		// H6.
		{[]string{"pcs", "cluster", "setup", "c", "n"}, 1,
			"Error: n: The host seems to be in a cluster already as cluster configuration files have been found on the host.",
			pacemaker.ErrLeftovers},
		{[]string{"pcs", "cluster", "setup", "--name", "c", "n"}, 1, "n: node is already in a cluster", pacemaker.ErrLeftovers},
		{[]string{"pcs", "cluster", "node", "add", "n"}, 1,
			"Error: Unable to authenticate to n - (HTTP error: 401), try running 'pcs cluster auth'", pacemaker.ErrNotAuthorised},
		{[]string{"pcs", "host", "auth", "n"}, 1, "Error: n: Username and/or password is incorrect", pacemaker.ErrNotAuthorised},
		// The configuration.
		{[]string{"cibadmin", "-C"}, 108, "Call failed: File exists", pacemaker.ErrExists},
		{[]string{"cibadmin", "-C"}, 76, "Call cib_create failed (-76): Name not unique on network", pacemaker.ErrExists},
		{[]string{"cibadmin", "-R"}, 76, "Call failed: Protocol not supported", pacemaker.ErrInvalid},
		{[]string{"cibadmin", "-M"}, 105, "Call failed: No such device or address", pacemaker.ErrNotFound},
		{[]string{"cibadmin", "-C"}, 78, "Call failed: Update does not conform to the configured schema", pacemaker.ErrInvalid},
		{[]string{"cibadmin", "-R"}, 103, "Call failed: Update was older than existing configuration", pacemaker.ErrOutdated},
		{[]string{"cibadmin", "-R"}, 62, "Call cib_replace failed (-62): Timer expired", pacemaker.ErrClusterDown},
		{[]string{"crm_verify", "-x", "f"}, 78, "Errors found during check: config not valid", pacemaker.ErrInvalid},
		{[]string{"stonith_admin", "--history", "*"}, 250, "", pacemaker.ErrCommandFailed},
		{[]string{"pcs", "resource", "enable", "a"}, 0, "\x1b[1mfine\x1b[0m", nil},
	} {
		m, ok := MeaningOf(c.argv...)
		require.True(t, ok, "%v", c.argv)
		err := m.Judge(c.code, c.output)
		if c.want == nil {
			require.NoError(t, err, "%v", c.argv)
			continue
		}
		require.ErrorIs(t, err, c.want, "%v", c.argv)
	}
}

// Every command whose exit status 0 proves nothing says what does (H4, H19); the tool that hangs has a limit.
func TestMeaningsSayWhatToLookAt(t *testing.T) {
	for _, argv := range [][]string{
		{"pcs", "cluster", "start"}, {"pcs", "cluster", "stop", "--force"}, {"pcs", "cluster", "enable"}, {"pcs", "cluster", "disable", "n"},
		{"pcs", "resource", "relocate", "run"}, {"pcs", "node", "standby", "n"}, {"pcs", "cluster", "standby"},
		{"pcs", "resource", "enable", "a"},
		{"crm_resource", "-r", "a", "--refresh"},
	} {
		m, ok := MeaningOf(argv...)
		require.True(t, ok)
		require.NotEmpty(t, m.Verify, "%v", argv)
	}
	m, ok := MeaningOf("crmadmin", "-D")
	require.True(t, ok)
	require.Positive(t, m.Limit, "H19: it can hang right after a start")
	m, ok = MeaningOf("pcs", "property", "set", "a=1")
	require.True(t, ok)
	require.Equal(t, "pcs", m.Command)
	require.Empty(t, m.Verify)
	require.Equal(t, "pcs cluster start", V011.ClusterStart("").Meaning().Command)
	for _, argv := range [][]string{nil, {"ls"}, {"pcsd"}} {
		_, ok := MeaningOf(argv...)
		require.False(t, ok)
	}
}

// Every operation that this package makes is a command whose exit status is known, in every dialect.
func TestEveryOperationHasAMeaning(t *testing.T) {
	for _, d := range []Dialect{V09, V010, V011, V012} {
		for _, o := range everyOperation(t, d) {
			if o.Argv[0] == "service" {
				continue
			}
			m, ok := MeaningOf(o.Argv...)
			require.True(t, ok, "%v", o.Argv)
			require.Error(t, m.Judge(1, "anything"))
			require.NotErrorIs(t, m.Judge(0, "anything"), pacemaker.ErrCommandFailed)
		}
	}
}

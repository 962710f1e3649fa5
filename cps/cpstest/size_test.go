package cpstest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
)

// A generated deployment has the size that was asked for, and nothing to object to: each half carries every replica set.
func TestSize(t *testing.T) {
	for name, size := range map[string]cpstest.Size{
		"the guide's": {}, "the smallest": {VMs: 8, Sets: 1}, "HA of 40": {VMs: 40, Sets: 12}, "2,000": {VMs: 2000, Sets: 60},
		"a site": {VMs: 30, Site: "PRI", Other: "SEC"}, "the second site": {VMs: 30, Site: "SEC", Other: "PRI", Second: true},
	} {
		hosts, err := cps.ParseHosts(strings.NewReader(size.HostsCSV()))
		require.NoError(t, err, name)
		mongo, err := cps.ParseMongoConfig(strings.NewReader(size.MongoConfig()))
		require.NoError(t, err, name)
		if size.VMs > 0 {
			require.Len(t, hosts.Rows, size.VMs, name)
		}
		if size.Sets > 0 {
			require.Len(t, mongo.Sets, size.Sets, name)
		}
		set1, set2, err := cps.SplitClusterSets(hosts)
		require.NoError(t, err, name)
		require.Len(t, set1, len(set2), name)
		require.Empty(t, hosts.Findings(), name)
		for _, f := range append(cps.ReviewSets(set1, set2, mongo), mongo.Findings()...) {
			require.NotEqual(t, cps.Error, f.Severity, "%s: %s", name, f)
			require.NotEmpty(t, size.Other, "%s: %s", name, f)
		}
	}
	first, second := cpstest.Size{Site: "PRI", Other: "SEC"}, cpstest.Size{Site: "SEC", Other: "PRI", Second: true}
	require.Equal(t, first.MongoConfig(), second.MongoConfig(), "the sites share the file")
}

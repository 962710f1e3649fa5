package pacemakertest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// The oldest node decides, and the feature set of the cluster is its own. It rises when that leaves, and then the old software is turned
// away; as soon as it is new it joins.
func TestFeatureSets(t *testing.T) {
	set := func(h *simhost.Host) string {
		if text, err := h.ReadFile("/etc/features"); err == nil {
			return text
		}
		return "3.16.2"
	}
	b := newSite(t, modern(pacemakertest.Options{FeatureSet: set}))
	b.bothModern()
	update := func(host, features string) {
		b.w.Do(func(s *simhost.State) { s.Host(host).MustWrite(s, "/etc/features", features, 0o644) })
	}
	require.Contains(t, b.ok(n2, "cibadmin --query"), `crm_feature_set="3.16.2"`)

	b.ok(n1, "systemctl stop pacemaker")
	update(n1, "3.19.0")
	require.Contains(t, b.ok(n1, "pacemakerd --features"), "\n Supporting v3.19.0: ")
	b.ok(n1, "systemctl start pacemaker")
	b.w.Advance(30 * time.Second)
	require.Contains(t, b.ok(n1, "crm_mon -1"), "Current DC: "+n2, "the one with the old software decides")
	require.Contains(t, b.ok(n1, "cibadmin --query"), `crm_feature_set="3.16.2"`)

	b.ok(n2, "systemctl stop pacemaker")
	b.w.Advance(30 * time.Second)
	require.Contains(t, b.ok(n1, "cibadmin --query"), `crm_feature_set="3.19.0"`)
	b.ok(n2, "systemctl start pacemaker")
	b.w.Advance(30 * time.Second)
	b.fails(n2, "cibadmin --query", 102)
	b.w.Do(func(s *simhost.State) { require.False(t, pacemakertest.Of(s).Member(n2)) })

	update(n2, "3.19.0")
	b.ok(n2, "systemctl start pacemaker")
	b.w.Advance(30 * time.Second)
	b.w.Do(func(s *simhost.State) { require.True(t, pacemakertest.Of(s).Member(n2)) })
}

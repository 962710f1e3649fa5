package pacemaker

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

func readStatus(t testing.TB, stage string) *Status {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "simulated", stage+".crm_mon.xml"))
	require.NoError(t, err)
	defer f.Close()
	s, err := ParseStatus(f)
	require.NoError(t, err)
	return s
}

// PCM-020, PCM-033: the stages of the upgrade as crm_mon shows them.
func TestStatusOfTheStages(t *testing.T) {
	s := readStatus(t, "A-maintenance-disabled")
	require.True(t, s.MaintenanceMode)
	require.True(t, s.FencingEnabled)
	require.Equal(t, DC{Present: true, Name: "ct6-mds1.lfs.intl", ID: "1", Version: "1.1.15-11.el7_3.4-e174ec8", Quorum: true}, s.DC)
	n, ok := s.Node("ct6-mds1.lfs.intl")
	require.True(t, ok)
	require.Equal(t, NodeStatus{Name: "ct6-mds1.lfs.intl", ID: "1", Type: "member", Online: true, ExpectedUp: true,
		IsDC: true, Health: "green", FeatureSet: "<3.15.1"}, n)
	r, ok := s.Resource("MGS_32834e")
	require.True(t, ok)
	require.Equal(t, ResourceStatus{ID: "MGS_32834e", Agent: "ocf:chroma:Target", Role: "Stopped", TargetRole: "Stopped"}, r)
	require.Empty(t, s.RunsOn("MGS_32834e"))
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", s, *s, *s), "calvin")
	require.Equal(t, "calvin", s.Attributes["ct6-mds1.lfs.intl"][4].Value)

	s = readStatus(t, "C-node2-offline-disabled")
	n, _ = s.Node("ct6-mds2.lfs.intl")
	require.False(t, n.Online)

	s = readStatus(t, "E-both-online-enabled")
	require.False(t, s.MaintenanceMode)
	require.NotEmpty(t, s.Resources)
	_, ok = s.Resource("nothing")
	require.False(t, ok)
	_, ok = s.Node("nothing")
	require.False(t, ok)
}

// Resources inside clones, groups and bundles, those grouped by node, failures, bans, and the words of Pacemaker 3.
func TestStatusOfNestedResources(t *testing.T) {
	s, err := ParseStatus(strings.NewReader(`<crm_mon version="1.1.15"><summary><current_dc present="false"/><cluster_options fencing-enabled="true"/></summary>
	<nodes><node name="n" id="1" online="true" standby="true"><resource id="by-node" role="Started"><node name="n"/></resource></node></nodes>
	<resources><clone id="c"><group id="g"><resource id="r" resource_agent="ocf::x:y" role="Started" active="true" removed="true" failed="true" pending="Monitoring"><node name="n" id="1"/></resource></group></clone>
	<bundle id="b"><replica id="0"><resource id="i" role="Stopped" managed="false"/></replica></bundle></resources>
	<failures><failure op_key="r_start_0" node="n" exitstatus="unknown error" exitreason="why" exitcode="1" status="Error" last-rc-change="then"/></failures>
	<bans><ban id="cli-ban-r" resource="r" node="n" weight="-1000000"/></bans></crm_mon>`))
	require.NoError(t, err)
	require.Equal(t, []ResourceStatus{
		{ID: "by-node", Role: "Started", Active: true, Managed: true, Nodes: []string{"n"}},
		{ID: "r", Agent: "ocf::x:y", Role: "Started", Parents: []string{"c", "g"}, Active: true, Orphaned: true,
			Managed: true, Failed: true, Pending: "Monitoring", Nodes: []string{"n"}},
		{ID: "i", Role: "Stopped", Parents: []string{"b"}},
	}, s.Resources)
	require.Equal(t, []Failure{{Operation: "r_start_0", Node: "n", ExitStatus: "unknown error", ExitReason: "why",
		ExitCode: 1, Status: "Error", LastChange: "then"}}, s.Failures)
	require.Equal(t, []Ban{{ID: "cli-ban-r", Resource: "r", Node: "n", Weight: "-1000000"}}, s.Bans)
	require.Equal(t, []string{"n"}, s.RunsOn("r"))
	require.True(t, s.FencingEnabled)
	require.True(t, s.Nodes[0].Standby)
}

// The answer of a version that does not exist yet: deprecated names are gone, unknown elements and attributes are passed over or kept.
func TestStatusOfAFutureVersion(t *testing.T) {
	f, err := os.Open("testdata/crm_mon-future.xml")
	require.NoError(t, err)
	defer f.Close()
	s, err := ParseStatus(f)
	require.NoError(t, err)
	require.Equal(t, "5.0", s.Version)
	require.Equal(t, "running", s.Pacemakerd)
	require.Equal(t, DC{Present: true, Name: "oss1.example.org", ID: "1", Version: "5.0.1-1.el12-abcdef", Quorum: true}, s.DC)
	require.Equal(t, Configured{Nodes: 2, Resources: 3, Disabled: 1}, s.Configured)
	require.Equal(t, []string{"2031-02-03T04:05:06Z", "2031-02-03T04:00:00Z", "stop"}, []string{s.LastUpdate, s.LastChange, s.NoQuorumPolicy})
	require.True(t, s.FencingEnabled)
	require.False(t, s.StopAll)
	n, _ := s.Node("oss2.example.org")
	require.Equal(t, NodeStatus{Name: "oss2.example.org", ID: "2", Type: "member", Online: true, Standby: true,
		ExpectedUp: true, Health: "yellow", FeatureSet: "4.0.0"}, n)
	require.Len(t, s.Resources, 2)
	r, _ := s.Resource("dlm")
	require.True(t, r.Orphaned && r.Failed && r.Ignored)
	require.Equal(t, []string{"dlm-clone"}, r.Parents)
	r, _ = s.Resource("MGS")
	require.Equal(t, "oss1.example.org", r.LockedTo)
	require.Equal(t, []FenceEvent{{
		Action: "reboot", Target: "oss2.example.org", Delegate: "oss1.example.org", Client: "pacemaker-controld.4711",
		Origin: "oss1.example.org", Status: "success",
		Completed: "2031-02-03T01:00:00Z", Other: []NVPair{{Name: "attempts", Value: "1"}},
	}}, s.Fencing, "H1")
	require.Equal(t, []TicketStatus{{ID: "site-a", Status: "granted", Standby: "false", LastGranted: "2031-01-01"}}, s.Tickets)
	require.Len(t, s.History, 1)
	require.Equal(t, []string{"oss1.example.org", "MGS", "2", "start", "0"},
		[]string{s.History[0].Node, s.History[0].Resource, s.History[0].FailCount, s.History[0].Operations[0].Task,
			s.History[0].Operations[0].Code})
	require.Equal(t, "dlm_monitor_60000", s.Failures[0].Operation)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", s, *s, *s), "not-a-password")
}

// What is no status is never an empty one.
func TestParseStatusErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":                                "f:1:1: the document has no element",
		"<cib/>":                          `f:1:1: the root element is neither <crm_mon> nor <pacemaker-result>: near "<cib"`,
		"<crm_mon><nodes><node/></nodes>": "f:1:32: the document ends while <crm_mon> is open since line 1 (/crm_mon)",
		`<crm_mon><nodes><node name="n" online="perhaps"/></nodes></crm_mon>`:  `f:1:17: online="perhaps" is neither true nor false: near "<node"`,
		`<crm_mon><nodes><node name="n"/></nodes></crm_mon>`:                   `f:1:17: the element has no online: near "<node"`,
		`<crm_mon><nodes/><resources><resource id="r"/></resources></crm_mon>`: `f:1:29: the element has no role: near "<resource id=\"r\""`,
	} {
		_, err := ParseStatus(srcerr.Named("f", strings.NewReader(in)))
		require.EqualError(t, err, want, in)
	}
	_, err := ParseStatus(strings.NewReader(`<pacemaker-result request="crm_mon --output-as=xml"><status code="102" message="Not connected"><errors><error>crm_mon: Connection to cluster failed</error></errors></status></pacemaker-result>`))
	var statusErr *StatusError
	require.ErrorAs(t, err, &statusErr)
	require.Equal(t, 102, statusErr.Code, "H19")
	require.EqualError(t, err, `"crm_mon --output-as=xml" failed with code 102: Not connected: crm_mon: Connection to cluster failed`)
	_, err = ParseStatus(strings.NewReader(`<pacemaker-result api-version="2.42" request="crm_mon --output-as=xml"><crm-mon-disconnected description="Not connected to cluster" pacemakerd-state="remote"/><status code="102" message="Not connected"/></pacemaker-result>`))
	require.EqualError(t, err, `"crm_mon --output-as=xml" failed with code 102: not connected: Not connected to cluster; remote`)
	require.ErrorIs(t, err, ErrClusterDown)
	// While the cluster starts, crm_mon 2.1.5 exits 0 and says no more than this.
	_, err = ParseStatus(strings.NewReader(`<crm_mon version="2.1.5"><pacemakerd sys_from="pacemakerd" state="running" last_updated="2026-11-22 11:29:44Z"/></crm_mon>`))
	require.ErrorIs(t, err, ErrClusterDown)
	require.EqualError(t, err, `"crm_mon" failed with code 102: not connected: pacemakerd is running`)
	_, err = ParseStatus(strings.NewReader(`<pacemaker-result request="crm_resource --locate"><nodes><node>a</node></nodes></pacemaker-result>`))
	require.EqualError(t, err, `the answer of "crm_resource --locate" does not say how the cluster is`)
	require.NotErrorIs(t, err, ErrClusterDown)
}

func TestSameTime(t *testing.T) {
	for text, want := range map[string]string{
		"60": "60000ms", "60s": "60000ms", "1m": "60000ms", "PT1M": "60000ms", "1min": "60000ms", "1h": "3600000ms",
		"5ms": "5ms", "P1D": "86400000ms", "P1W": "604800000ms", "P10S": "10000ms", "P1M": "P1M",
		"": "", "soon": "soon", "P": "P", "5 parsecs": "5 parsecs", "99999999999999999999": "99999999999999999999",
	} {
		require.Equal(t, want, SameTime(text), text)
	}
}

func FuzzParseStatus(f *testing.F) {
	data, err := os.ReadFile("testdata/simulated/A-maintenance-disabled.crm_mon.xml")
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte(`<crm_mon><nodes/></crm_mon>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseStatus(bytes.NewReader(data))
		require.NotEqual(t, s == nil, err == nil)
	})
}

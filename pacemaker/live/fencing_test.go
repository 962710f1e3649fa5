package live_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/live"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// What stonith_admin of 1.1 and 2.1 prints; the second as recorded on a real pair.
const (
	history11 = `ct6-mds2.lfs.intl was able to reboot node ct6-mds1.lfs.intl on behalf of crmd.1234 from ct6-mds2.lfs.intl at Tue Jun 12 22:00:01 2018
ct6-mds2.lfs.intl was not able to reboot node ct6-mds1.lfs.intl on behalf of crmd.1234 from ct6-mds2.lfs.intl at Tue Jun 12 21:00:01 2018
`
	history21 = `reboot of ct6-mds1.lfs.intl successful: delegate=ct6-mds2.lfs.intl, client=pacemaker-controld.600, origin=ct6-mds2.lfs.intl, last-successful='2026-11-22 08:41:22Z'
1 event found
`
)

func TestParseFencingHistory(t *testing.T) {
	const one, two = "ct6-mds1.lfs.intl", "ct6-mds2.lfs.intl"
	for text, want := range map[string][]pacemaker.FenceEvent{
		"": nil, "0 events found\n": nil,
		history11: {
			{Action: "reboot", Target: one, Delegate: two, Client: "crmd.1234", Origin: two, Status: "success",
				Completed: "Tue Jun 12 22:00:01 2018"},
			{Action: "reboot", Target: one, Delegate: two, Client: "crmd.1234", Origin: two, Status: "failed",
				Completed: "Tue Jun 12 21:00:01 2018"},
		},
		history21: {{Action: "reboot", Target: one, Delegate: two, Client: "pacemaker-controld.600", Origin: two,
			Status: "success", Completed: "2026-11-22 08:41:22Z"}},
	} {
		got, err := live.ParseFencingHistory(strings.NewReader(text))
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(want, got))
	}
	_, err := live.ParseFencingHistory(strings.NewReader(history21 + "the node was shot\n"))
	require.ErrorContains(t, err, "3:1")
	require.ErrorContains(t, err, "the node was shot")
}

func FuzzParseFencingHistory(f *testing.F) {
	f.Add(history11)
	f.Add(history21)
	f.Add("0 events found\n\x1b[0m")
	f.Fuzz(func(t *testing.T, text string) {
		events, err := live.ParseFencingHistory(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, e := range events {
			require.NotEmpty(t, e.Target, "%q", text)
			require.NotEmpty(t, e.Status, "%q", text)
		}
	})
}

// H1: a fencing that was not there before is found, in each form of the history; an old one and one of another node are not.
func TestNotFenced(t *testing.T) {
	const xml = `<crm_mon version="2.1.5"><nodes><node name="ct6-mds2.lfs.intl" id="2" online="true"/></nodes><resources/><fence_history>` +
		`<fence_event action="reboot" target="ct6-mds1.lfs.intl" client="c" origin="ct6-mds2.lfs.intl" status="failed" completed="2026-11-22 08:41:10Z"/></fence_history></crm_mon>`
	for d, text := range map[pcs.Dialect]string{pcs.V09: history11, pcs.V011: xml} {
		l := live.Cluster{Dialect: d, Via: node1}
		answer := sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(text)}
		require.ErrorContains(t, l.NotFenced("ct6-mds1.lfs.intl", nil).Read(answer), "H1")
		require.NoError(t, l.NotFenced("ct6-mds2.lfs.intl", nil).Read(answer))
		var known []pacemaker.FenceEvent
		e := l.InFencing("", func(events []pacemaker.FenceEvent) error { known = events; return nil })
		require.NoError(t, e.Read(answer))
		require.NoError(t, l.NotFenced("ct6-mds1.lfs.intl", known).Read(answer))
		down := sshexec.Result{Outcome: sshexec.Exited, ExitCode: 102}
		require.ErrorIs(t, l.NotFenced("ct6-mds1.lfs.intl", known).Read(down), pacemaker.ErrClusterDown)
	}
}

// A resource that crm_mon shows as started counts only on a node that is online, and on one alone.
func TestActiveIsOnANodeThatLives(t *testing.T) {
	status := func(node, resource string) sshexec.Result {
		return sshexec.Result{Outcome: sshexec.Exited,
			Stdout: []byte(`<crm_mon version="2.1.5"><summary><cluster_options maintenance-mode="false"/></summary><nodes><node name="a" id="1" ` +
				node + `/><node name="b" id="2" online="true" unclean="false"/></nodes>` +
				`<resources><resource id="MGS" resource_agent="ocf:chroma:Target" ` + resource + `</resource></resources></crm_mon>`)}
	}
	const on, lost = `online="true" unclean="false"`, `online="false" unclean="true"`
	const a, ab = `><node name="a" id="1" cached="false"/>`, `><node name="a" id="1" cached="false"/><node name="b" id="2" cached="false"/>`
	l := live.Cluster{Dialect: pcs.V011, Via: "a"}
	started := `role="Started" active="true" failed="false" blocked="false"`
	for _, c := range []struct {
		name, node, resource string
		later                bool
		wrong                string
	}{
		{name: "started", node: on, resource: started + a},
		{name: "on a lost node", node: lost, resource: started + a, later: true},
		{name: "unclean", node: `online="true" unclean="true"`, resource: started + a, later: true},
		{name: "starting", node: on, resource: `role="Starting" active="true"` + a, later: true},
		{name: "stopped", node: on, resource: `role="Stopped" active="false">`, later: true},
		{name: "twice", node: on, resource: started + ab, wrong: "a and b"},
		{name: "failed", node: on, resource: `role="Stopped" active="false" failed="true"` + a, wrong: "has failed"},
		{name: "blocked", node: on, resource: `role="Started" active="true" blocked="true"` + a, wrong: "has failed"},
	} {
		for _, e := range []change.Proof{l.Active("MGS"), l.Placed(map[string]string{"MGS": "a"})} {
			err := e.Read(status(c.node, c.resource))
			var later *change.Retry
			switch {
			case c.later:
				require.ErrorAs(t, err, &later, c.name)
			case c.wrong != "":
				require.ErrorContains(t, err, c.wrong, c.name)
				require.NotErrorAs(t, err, &later, c.name)
			default:
				require.NoError(t, err, c.name)
			}
		}
	}
	require.Error(t, l.Placed(map[string]string{"MGS": "b"}).Read(status(on, started+a)))
}

// PCM-036: a start that failed where a resource is awaited is told at once: Pacemaker does not try it again by itself.
// One that failed elsewhere, or is being tried again, is not.
func TestPlacedSeesAFailedStart(t *testing.T) {
	for _, c := range []struct {
		name, role, on, failure string
		wrong                   bool
	}{
		{name: "nowhere", role: "Stopped", failure: `op_key="MGS_start_0" node="a"`, wrong: true},
		{name: "went elsewhere", role: "Started", on: `<node name="b" id="2" cached="false"/>`,
			failure: `op_key="MGS_start_0" node="a"`, wrong: true},
		{name: "is there after all", role: "Started", on: `<node name="a" id="1" cached="false"/>`, failure: `op_key="MGS_start_0" node="a"`},
		{name: "is tried again", role: "Starting", failure: `op_key="MGS_start_0" node="a"`},
		{name: "another node", role: "Stopped", failure: `op_key="MGS_start_0" node="b"`},
		{name: "another resource", role: "Stopped", failure: `op_key="MGS2_start_0" node="a"`},
		{name: "another operation", role: "Stopped", failure: `op_key="MGS_monitor_0" node="a"`},
	} {
		doc := `<crm_mon version="2.1.5"><summary><cluster_options maintenance-mode="false"/></summary><nodes><node name="a" id="1" online="true" unclean="false"/><node name="b" id="2" online="true" unclean="false"/></nodes>` +
			`<resources><resource id="MGS" resource_agent="ocf:chroma:Target" role="` + c.role + `" active="` +
			strconv.FormatBool(c.on != "") + `" failed="false" blocked="false">` + c.on + `</resource></resources>` +
			`<failures><failure ` + c.failure +
			` exitstatus="error" exitreason="no such device" exitcode="1" status="complete" last-rc-change="then"/></failures></crm_mon>`
		l := live.Cluster{Dialect: pcs.V011, Via: "a"}
		err := l.Placed(map[string]string{"MGS": "a"}).Read(sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(doc)})
		if c.wrong {
			require.False(t, change.Passing(err), c.name)
			require.ErrorContains(t, err, "MGS could not be started on a (complete; error; no such device)", c.name)
		} else if err != nil {
			require.True(t, change.Passing(err), "%s: %v", c.name, err)
		}
	}
}

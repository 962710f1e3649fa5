package pair

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// A stop that is under way is waited for: to clean its record up would hide that it is not at its end (H27). That is advised of one that
// failed alone, after what has to be seen.
func TestCleanupIsAdvisedOfFailuresAlone(t *testing.T) {
	const doc = `<cib><configuration><crm_config/><nodes/><resources><primitive id="vip" class="ocf" provider="heartbeat" type="IPaddr2">` +
		`<instance_attributes id="i"><nvpair id="n" name="ip" value="10.0.0.10"/></instance_attributes></primitive></resources>` +
		`<constraints/></configuration><status><node_state uname="a"><lrm><lrm_resources><lrm_resource id="vip">` +
		`<lrm_rsc_op id="o" operation="stop" call-id="%d" rc-code="%d" op-status="%d"/></lrm_resource></lrm_resources></lrm>` +
		`</node_state></status></cib>`
	for _, c := range []struct {
		call, code, status int
		want               string
	}{
		{-1, 193, -1, "vip (vip: its stop is under way)"},
		{7, 0, 0, ""},
		{7, 1, 4, "vip (vip: the last that the cluster recorded is a stop with exit status 1, status 4; see on host why, and stop it there by " +
			"hand. Only when none of this is so: 10.0.0.10 is an address of the host (`ip -o addr show`), forget the record by crm_resource " +
			"--cleanup -r vip)"},
	} {
		cib, err := pacemaker.ParseCIB(strings.NewReader(fmt.Sprintf(doc, c.call, c.code, c.status)))
		require.NoError(t, err)
		units, err := Units(cib, Builtin())
		require.NoError(t, err)
		held := Held{}
		recorded(cib, "a", "host", units, held)
		require.Equal(t, c.want, held.String())
	}
}

// After a rollback all that is otherwise is told, with what to do about it.
func TestAllDifferencesAreTold(t *testing.T) {
	const doc = `<cib><configuration><crm_config><cluster_property_set id="s"><nvpair id="f" name="stonith-enabled" value="%s"/>` +
		`<nvpair id="q" name="no-quorum-policy" value="%s"/></cluster_property_set></crm_config><nodes/><resources/><constraints/>` +
		`</configuration></cib>`
	was, err := pacemaker.ParseCIB(strings.NewReader(fmt.Sprintf(doc, "true", "stop")))
	require.NoError(t, err)
	is, err := pacemaker.ParseCIB(strings.NewReader(fmt.Sprintf(doc, "false", "ignore")))
	require.NoError(t, err)
	list := (&Pair{CIB: was}).differences("host", is)
	require.Len(t, list, 2)
	all := strings.Join(list, "\n")
	require.Contains(t, all, advices["stonith-enabled"])
	require.Contains(t, all, advices["no-quorum-policy"])
	require.Empty(t, (&Pair{CIB: was}).differences("host", was))
}

// A fencing is the same one however often it is told; a line that is not understood could be one.
func TestFencings(t *testing.T) {
	const event = "reboot of nfs1 successful: delegate=nfs2, client=stonith_admin, origin=nfs2, last-successful='2026-03-01 22:00:00 +00:00'\n"
	once, err := fencings("1 event found\n" + event)
	require.NoError(t, err)
	require.Equal(t, []string{"reboot of nfs1 success nfs2 2026-03-01 22:00:00 +00:00"}, once)
	twice, err := fencings(event + "\n2 events found\n" + strings.Replace(event, "22:", "23:", 1))
	require.NoError(t, err)
	require.Equal(t, once[0], twice[0])
	require.Len(t, twice, 2)
	_, err = fencings("something else\n")
	require.Error(t, err)
}

// What the words of a site's provisioning show is not secret.
func TestProvisioningShowsNoSecret(t *testing.T) {
	for argv, ok := range map[string]bool{"reinstall --profile el9": true, "reinstall --password geheim": false,
		"reinstall token=geheim": false, "mount -o username=a,password=b": false} {
		cfg := Config{Node1: Server{Name: "a.b"}, Node2: Server{Name: "c.d"}, Password: "x",
			Provision: &Provision{Host: "p", Argv: strings.Fields(argv)}}
		err := cfg.defaults()
		require.Equal(t, ok, err == nil, "%s: %v", argv, err)
		if !ok {
			require.NotContains(t, err.Error(), "geheim")
		}
	}
}

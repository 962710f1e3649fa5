package pcs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// What nobody knows of a fence device is hidden in commands, in what pcs prints, and in errors about that; and it is no argument of what
// runs: where an operation has secrets, another one takes them by standard input.
func TestParametersOfAFenceDeviceAreHidden(t *testing.T) {
	const canary = "CANARY-17"
	sets := pacemaker.AttributeSets{{Pairs: []pacemaker.NVPair{{Name: "ip", Value: "bmc1"}, {Name: "enrolment", Value: canary}}}}
	o := pcs.V09.CreateStonith(pacemaker.Resource{Kind: pacemaker.Primitive, ID: "f", Class: "stonith", Type: "fence_new", Instance: sets,
		Operations: []pacemaker.Op{{Name: "monitor", Interval: "60s", Instance: sets[:1:1]}}})
	require.Len(t, o.Secret, 2, "its own, and that of its operation")
	require.NotContains(t, o.String(), canary)
	require.Contains(t, o.String(), "enrolment=[redacted]")
	require.Contains(t, o.String(), "ip=bmc1")

	text := " Resource: f (class=stonith type=fence_new)\n  Attributes: ip=bmc1 enrolment=" + canary + "\n"
	list, err := pcs.ParseResources(strings.NewReader(text))
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprintf("%v %+v", list, list), canary)
	require.Contains(t, fmt.Sprint(list), "ip=bmc1")
	_, err = pcs.ParseResources(strings.NewReader(strings.TrimSuffix(text, "\n") + " oops\n"))
	require.ErrorContains(t, err, "not a list of name=value")
	require.NotContains(t, err.Error(), canary)

	commands, err := pcs.ParseCommands(strings.NewReader("pcs stonith create f fence_new ip=bmc1 enrolment=" + canary +
		" op monitor interval=60s meta target-role=Started\npcs stonith update f enrolment=" + canary + "\n"))
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprint(commands.List), canary)
	require.Contains(t, fmt.Sprint(commands.List), "op monitor interval=60s meta target-role=Started")
}

// SSH-005: whatever a fence device is told, in whichever form of a command, is hidden unless it is known to be no secret; so is what may
// be told to one.
func TestCommandsOfFenceDevicesAreMasked(t *testing.T) {
	const canary = "CANARY-17"
	for _, form := range []string{
		"pcs stonith create f fence_new ip=bmc1 %s", "pcs stonith create f fence_new ip=bmc1 op monitor interval=60s %s",
		"pcs stonith create f fence_new ip=bmc1 meta target-role=Started %s", "pcs stonith create op fence_new ip=bmc1 %s",
		"pcs stonith create f fence_new ip=bmc1 op monitor interval=60s meta target-role=Started op start timeout=5 %s",
		"pcs stonith update f ip=bmc1 %s", "pcs stonith update f ip=bmc1 op monitor interval=60s %s",
		"pcs -f /tmp/x.xml stonith update f ip=bmc1 %s",
		"pcs --force stonith update f ip=bmc1 %s", "sudo /usr/sbin/pcs stonith update f ip=bmc1 %s", "pcs stonith op add f monitor ip=bmc1 %s",
		"pcs resource update f ip=bmc1 %s", "pcs resource update f ip=bmc1 op monitor interval=60s %s",
		"pcs resource op add f monitor ip=bmc1 %s",
		"pcs resource create f stonith:fence_new ip=bmc1 %s", "pcs resource create f stonith:fence_new ip=bmc1 op monitor interval=60s %s",
		"crm configure primitive f stonith:fence_new params ip=bmc1 %s",
	} {
		for _, name := range []string{"enrolment", "passwd", "password", "passwd_script", "snmp_priv_passwd_script", "identity_file", "IP"} {
			line := fmt.Sprintf(form, name+"="+canary)
			c := pcs.Command{Argv: strings.Fields(line)}
			require.NotContains(t, fmt.Sprintf("%v %+v %#v", c, c, c), canary, line)
			require.Contains(t, c.String(), name+"=[redacted]", line)
			require.Contains(t, c.String(), "ip=bmc1", line)
			for _, own := range []string{"interval=60s", "target-role=Started"} {
				require.Equal(t, strings.Contains(line, own), strings.Contains(c.String(), own), line)
			}
			commands, err := pcs.ParseCommands(strings.NewReader("pcs status\n" + line + "\n"))
			require.NoError(t, err)
			require.NotContains(t, fmt.Sprint(commands.List, commands), canary, line)
		}
	}
	inXML := pcs.Command{Argv: []string{"cibadmin", "-C", "-X",
		`<primitive id="f" class="stonith" type="fence_new"><instance_attributes id="i"><nvpair id="x" name="enrolment" value="` + canary +
			`"/></instance_attributes></primitive>`}}
	require.NotContains(t, inXML.String(), canary)
	require.Contains(t, inXML.String(), "fence_new")
}

// What the file itself makes, and is no fence device, is shown in its changes, too.
func TestCommandsOfOtherResourcesAreShown(t *testing.T) {
	commands, err := pcs.ParseCommands(strings.NewReader("pcs resource update MGS target=a1\n" +
		"pcs resource create MGS ocf:chroma:Target target=a1\n" +
		"pcs resource op add MGS monitor odd=a1\npcs resource update f odd=b1\npcs resource create f stonith:fence_new\n" +
		"pcs stonith level add 1 attrib%rack=a1 f\npcs property set odd=a1\n"))
	require.NoError(t, err)
	require.Equal(t, 5, strings.Count(fmt.Sprint(commands.List), "=a1"), commands.List)
	require.NotContains(t, fmt.Sprint(commands.List), "b1")
}

// A fence device by a template, or of a class that nobody said, is one.
func TestFenceDevicesWithoutAClass(t *testing.T) {
	const canary = "CANARY-17"
	told := pacemaker.AttributeSets{{Pairs: []pacemaker.NVPair{{Name: "enrolment", Value: canary}}}}
	for _, r := range []pacemaker.Resource{
		{Kind: pacemaker.Primitive, ID: "f", Type: "fence_new", Instance: told},
		{Kind: pacemaker.Primitive, ID: "f", Template: "t", Instance: told},
		{Kind: pacemaker.Primitive, ID: "f", Template: "t", Operations: []pacemaker.Op{{Name: "monitor", Instance: told}}},
	} {
		o := pcs.V011.CreateStonith(r)
		require.NotContains(t, fmt.Sprint(o), canary)
		require.Len(t, o.Secret, 1)
	}
	o := pcs.V011.CreateResource(pacemaker.Resource{Kind: pacemaker.Primitive, ID: "f", Template: "t", Instance: told}, true)
	require.NotContains(t, fmt.Sprint(o), canary)

	for _, text := range []string{
		" Resource: f (template=t)\n  Attributes: enrolment=" + canary + "\n",
		" Resource: f (template=t)\n  Operations: monitor interval=60s enrolment=" + canary + " (f-monitor)\n",
		" Clone: c\n  Attributes: enrolment=" + canary + "\n  Resource: f (class=stonith type=fence_new)\n",
	} {
		list, err := pcs.ParseResources(strings.NewReader(text))
		require.NoError(t, err, text)
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", list, list, list), canary, text)
		_, err = pcs.ParseResources(strings.NewReader(strings.Replace(text, canary, canary+" oops", 1)))
		require.Error(t, err)
		require.NotContains(t, err.Error(), canary, text)
	}
}

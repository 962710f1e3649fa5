package pacemaker_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

func TestSecretsOfACIB(t *testing.T) {
	cib, err := pacemaker.ParseCIB(strings.NewReader(`<cib><configuration>
<crm_config><cluster_property_set id="p"><nvpair id="p1" name="proxy" value="http://user:in-url-CANARY@proxy.example:8080/"/><nvpair id="p2" name="stonith-enabled" value="true"/></cluster_property_set></crm_config>
<nodes><node id="1" uname="n1"><instance_attributes id="a"><nvpair id="a1" name="0_fence_password" value="node-CANARY"/><nvpair id="a2" name="0_fence_login" value="root"/></instance_attributes></node></nodes>
<resources>
<primitive id="f" class="stonith" type="fence_ipmilan"><instance_attributes id="i"><nvpair id="i1" name="passwd" value="amp&amp;-CANARY"/>
<nvpair id="i2" name="snmp-priv-passwd" value="dash-CANARY"/><nvpair id="i3" name="hexadecimal_kg" value="c4n4ry"/><nvpair id="i4" name="password_prompt" value="true"/><nvpair id="i5" name="secret-key" value="node-CANARY"/><nvpair id="i6" name="community" value="pu"/></instance_attributes></primitive>
</resources><constraints/></configuration></cib>`))
	require.NoError(t, err)
	require.ElementsMatch(t, []sshexec.Secret{"in-url-CANARY", "node-CANARY", "amp&-CANARY", "dash-CANARY", "c4n4ry", "pu"}, cib.Secrets())
	for _, p := range cib.Properties() {
		require.NotContains(t, p.String(), "CANARY")
	}
}

// H23: options of a fence agent can hold a password. Such a value is secret as a whole, wherever it is shown: in a
// difference, a pair, a command.
func TestOptionsWithAPasswordAreSecret(t *testing.T) {
	cib := func(opts, mount string) *pacemaker.CIB {
		c, err := pacemaker.ParseCIB(strings.NewReader(`<cib><configuration><crm_config/><nodes><node id="1" uname="n1"><instance_attributes id="a">` +
			`<nvpair id="a1" name="0_fence_ipmitool_opts" value="` + opts + `"/><nvpair id="a2" name="extra" value="` + mount +
			`"/></instance_attributes></node></nodes><resources/><constraints/></configuration></cib>`))
		require.NoError(t, err)
		return c
	}
	for _, value := range []string{"-U root -P CANARY", "-PCANARY -U root", "lanplus --password CANARY",
		"--password=CANARY", "username=bob,password=CANARY", "user=bob,passwd=CANARY", "-pass CANARY-x -passwd CANARY"} {
		one, two := cib("-U root -I lanplus", "rw"), cib("-U root -X CANARY", value)
		var texts []string
		for _, d := range append(pacemaker.Diff(one, two), pacemaker.Diff(two, one)...) {
			texts = append(texts, d.String())
		}
		require.NotContains(t, strings.Join(texts, "\n"), "CANARY", value)
		require.NotEmpty(t, texts)
		require.ElementsMatch(t, []sshexec.Secret{"-U root -X CANARY", sshexec.Secret(value)}, two.Secrets())
		require.NotContains(t, pacemaker.NVPair{Name: "extra", Value: value}.String(), "CANARY")
		require.NotContains(t, pcs.Command{Argv: []string{"pcs", "property", "set", "extra=" + value}}.String(), "CANARY")
	}
	for _, value := range []string{"ro", "retry=5", "/dev/disk/by-id/scsi-p", "stop-pass", "10.0.0.1", "-INFINITY",
		"snmp-priv-passwd", "--permissive"} {
		require.False(t, pacemaker.SecretPair("extra", value), value)
	}
}

// What a command reads is never shown, and what is secret in it is hidden in what it prints; the rest of what it prints is told.
func TestAnOperationHidesTheSecretsOfItsDocument(t *testing.T) {
	o := pcs.Operation{Name: "x", Argv: []string{"cibadmin", "--xml-pipe"}, Effect: sshexec.Mutating, Hidden: true,
		Stdin: `<nodes><nvpair id="a" name="passwd" value="q&quot;uo&amp;te-CANARY"/></nodes>`}
	cmd := o.Cmd("")
	require.NotContains(t, cmd.String(), "CANARY")
	for _, printed := range []string{`value="q&quot;uo&amp;te-CANARY"`, `q"uo&te-CANARY`, `bad value "q\"uo&te-CANARY`} {
		err := sshexec.Failure("n1", cmd, sshexec.Result{Outcome: sshexec.Exited, ExitCode: 78, Stderr: []byte("not valid: " + printed)}, nil)
		require.NotContains(t, err.Error(), "CANARY")
		require.ErrorContains(t, err, "not valid: ")
	}
	o.Stdin = "not XML: passwd=CANARY-value"
	require.NotContains(t, sshexec.Failure("n1", o.Cmd(""),
		sshexec.Result{Outcome: sshexec.Exited, ExitCode: 78, Stderr: []byte(o.Stdin)}, nil).Error(), "CANARY-value")
}

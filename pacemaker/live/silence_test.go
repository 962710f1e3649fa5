package live_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker/live"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// H4, H6: evidence of something that is not there is an answer of a known form. Silence, and words that nobody knows, prove nothing.
func TestSilenceProvesNothing(t *testing.T) {
	modern := live.Cluster{Dialect: pcs.V011, Via: "a"}
	old := live.Cluster{Dialect: pcs.V09, Via: "a", SysV: true}
	const missing = "ls: cannot access '/etc/corosync/corosync.conf': No such file or directory\nls: cannot access " +
		"'/etc/pacemaker/authkey': No such file or directory\nls: cannot access '/var/lib/pacemaker/cib/cib.xml': No such file or directory\n"
	for name, c := range map[string]struct {
		e              change.Proof
		code           int
		stdout, stderr string
		want           string
	}{
		"no leftovers":    {modern.Unused("a"), 2, "", missing, "seen"},
		"a leftover":      {modern.Unused("a"), 2, "/etc/pacemaker/authkey\n", missing, "wrong"},
		"ls says nothing": {modern.Unused("a"), 0, "", "", "wrong"},
		"ls fails":        {modern.Unused("a"), 2, "", "ls: cannot run\n", "wrong"},
		"ls names one":    {modern.Unused("a"), 2, "", missing[:70], "wrong"},
		"not at boot":     {old.AtBoot("a", false)[0], 1, "", "", "seen"},
		"at boot":         {old.AtBoot("a", false)[0], 0, "", "", "later"},
		"no such service": {old.AtBoot("a", false)[0], 1, "",
			"error reading information on service corosync: No such file or directory\n", "wrong"},
		"chkconfig in another tongue":  {old.AtBoot("a", false)[0], 1, "", "Fehler beim Lesen\n", "wrong"},
		"chkconfig talks":              {old.AtBoot("a", false)[0], 1, "corosync: unknown\n", "", "wrong"},
		"no chkconfig":                 {old.AtBoot("a", false)[0], 127, "", "", "wrong"},
		"units disabled":               {modern.AtBoot("a", false)[0], 1, "disabled\ndisabled\n", "", "seen"},
		"units of which one is masked": {modern.AtBoot("a", false)[0], 1, "disabled\nmasked\n", "", "later"},
		"systemctl says nothing":       {modern.AtBoot("a", false)[0], 1, "", "", "wrong"},
		"stopped":                      {modern.Stopped("a")[0], 3, "inactive\ninactive\n", "", "seen"},
		"one failed":                   {modern.Stopped("a")[0], 3, "inactive\nfailed\n", "", "later"},
		"half an answer":               {modern.Stopped("a")[0], 3, "inactive\n", "", "wrong"},
		"an unknown word":              {modern.Stopped("a")[0], 3, "inactive\nunknown\n", "", "later"},
		"init script stopped":          {old.Stopped("a")[1], 3, "", "", "seen"},
		"init script dead":             {old.Stopped("a")[1], 1, "", "", "later"},
		"init script unknown":          {old.Stopped("a")[1], 4, "", "", "wrong"},
		"init script says nothing":     {old.Stopped("a")[1], 0, "", "", "later"},
	} {
		err := c.e.Read(sshexec.Result{Outcome: sshexec.Exited, ExitCode: c.code, Stdout: []byte(c.stdout), Stderr: []byte(c.stderr)})
		var later *change.Retry
		got := "wrong"
		switch {
		case err == nil:
			got = "seen"
		case errors.As(err, &later):
			got = "later"
		}
		require.Equal(t, c.want, got, "%s: %v", name, err)
	}
}

// A live CIB is whole, or it proves nothing of what is not in it.
func TestPartOfACIB(t *testing.T) {
	l := live.Cluster{Dialect: pcs.V011, Via: "a"}
	for _, text := range []string{
		"", "<cib/>", "<cib><configuration/><status/></cib>",
		"<cib><configuration><crm_config/><nodes/><resources/></configuration><status/></cib>",
		"<cib><configuration><crm_config/><nodes/><resources/><constraints/></configuration></cib>",
	} {
		for _, proof := range [][]change.Proof{l.UnsetProperty("x").Proof, l.RelocateClear().Proof, l.Maintenance(false).Proof[:1]} {
			require.Error(t, proof[0].Read(sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(text)}), text)
		}
	}
}

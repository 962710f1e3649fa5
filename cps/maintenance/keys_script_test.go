package maintenance

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// The programs that the scripts call, as far as the scripts need them: ssh refuses a login to c, one from b to a,
// and one to n by the key "old".
const (
	fakeSSH = `#!/bin/sh
while [ "$1" != "${1#-}" ]; do case $1 in -i) key=$2; shift ;; -o) shift ;; esac; shift; done
to=${1#*@}; shift
[ "$to" = c ] && exit 255
[ "$FROM$to" = ba ] && exit 255
[ "${key##*/}$to" = oldn ] && exit 255
FROM=$to exec /bin/sh -c "$*"
`
	fakeRunuser = "#!/bin/sh\nshift 3\nexec \"$@\"\n"
)

// TestTheScriptsInARealShell (CPS-086, CPS-213): what the simulated machines know as these scripts are they, and in a real shell they
// print what is read.
func TestTheScriptsInARealShell(t *testing.T) {
	require.Equal(t, []string{reachScript, opensScript, enforceScript, admitScript},
		[]string{cpstest.ReachScript, cpstest.OpensScript, cpstest.EnforceScript, cpstest.AdmitScript})
	dir := t.TempDir()
	for name, text := range map[string]string{"ssh": fakeSSH, "runuser": fakeRunuser} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700)) // #nosec G306 -- a program
	}
	run := func(script string, args ...string) evenkeel.Observed {
		cmd := exec.Command("/bin/sh", append([]string{"-c", script, "sh"}, args...)...) // #nosec G204 -- the scripts of this package
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin"}
		out, err := cmd.Output()
		require.NoError(t, err)
		return evenkeel.Observed{Result: sshexec.Result{Outcome: sshexec.Exited, Stdout: out}}
	}
	require.EqualError(t, logins(run(reachScript, "qns", "a", "b", "c"), nil, "0", "no"), "no: every login to c, b to a (exit status 255)")
	require.NoError(t, logins(run(reachScript, "qns", "a", "d"), []string{"here a", "here d", "a a", "a d", "d a", "d d"}, "0", "no"))
	require.EqualError(t, logins(run(opensScript, "/k", "root", "a", "c"), nil, "0", "no"), "no: c (exit status 255)")
	require.NoError(t, logins(run(opensScript, "/k", "root", "c"), []string{"c"}, "255", "no"))

	// Of a, n and c the last one takes neither key, and n alone has to be told the old one.
	require.NoError(t, os.Mkdir(filepath.Join(dir, ".ssh"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "old.pub"), []byte("the old key\n"), 0o600))
	require.Equal(t, "c takes neither key", run(admitScript, dir+"/new", dir+"/old", "a", "n", "c").Text())
	text, err := os.ReadFile(filepath.Join(dir, ".ssh", "authorized_keys")) // #nosec G304 -- of this test
	require.NoError(t, err)
	require.Equal(t, "\nthe old key\n", string(text))
}

// What is not whole, or another output, is no proof.
func TestLoginsThatAreNotTold(t *testing.T) {
	for text, want := range map[string]string{
		"":                 "tells of 0 logins, and not of the 2",
		"a 0\n":            "tells of 1 logins",
		"a 0\na 0\n":       "other logins",
		"a 0\nb 0\nc 0\n":  "tells of 3 logins",
		"a 0\nb 1 2 3\n":   "not a line on a login",
		"a 0\nWelcome\n":   "not a line on a login",
		"a 0\nb Denied.\n": "no: b (exit status Denied.)",
	} {
		err := logins(evenkeel.Observed{Result: sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(text)}}, []string{"a", "b"}, "0", "no")
		require.ErrorContains(t, err, want)
	}
	o := evenkeel.Observed{Result: sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte("a 0\n"), ExitCode: 1}}
	require.Error(t, logins(o, []string{"a"}, "0", "no"))
	o.ExitCode, o.Truncated = 0, true
	require.Error(t, logins(o, []string{"a"}, "0", "no"))
}

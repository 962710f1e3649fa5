package sshexec_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// fakeSudo behaves as sudo(8) does where it matters here: it asks on the errors, reads one line byte by byte, tries
// three times, and asks nobody when FAKE_SUDO is nopasswd.
const fakeSudo = `#!/bin/sh
prompt=Password: ask=yes user=root
while [ $# -gt 0 ]; do
	case $1 in
	-S | -k) shift ;;
	-n) ask=never; shift ;;
	-p) prompt=$2; shift 2 ;;
	-u) user=$2; shift 2 ;;
	--) shift; break ;;
	*) echo "usage" >&2; exit 1 ;;
	esac
done
[ "$FAKE_SUDO" != denied ] || { echo "op is not in the sudoers file." >&2; exit 1; }
if [ "$FAKE_SUDO" != nopasswd ]; then
	[ $ask = yes ] || { echo "sudo: a password is required" >&2; exit 1; }
	echo "We trust you have received the usual lecture." >&2
	tries=0
	while :; do
		printf %s "$prompt" >&2
		IFS= read -r word || { printf '\nsudo: no password was provided\n' >&2; exit 1; }
		echo x >>"$0.asked"
		[ "$word" != "g'heim \$x" ] || break
		echo "Sorry, try again." >&2
		tries=$((tries + 1))
		[ $tries -lt 3 ] || { echo "sudo: 3 incorrect password attempts" >&2; exit 1; }
	done
fi
SUDO_TO=$user
export SUDO_TO
exec "$@"
`

const sudoPassword sshexec.Secret = "g'heim $x"

// withFakeSudo puts the fake into PATH and returns its file.
func withFakeSudo(t *testing.T, mode string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sudo")
	require.NoError(t, os.WriteFile(file, []byte(fakeSudo), 0o700))
	t.Setenv("PATH", filepath.Dir(file)+":"+os.Getenv("PATH"))
	t.Setenv("FAKE_SUDO", mode)
	return file
}

// SSH-001, SSH-005: the password goes to sudo and to nobody else, the input to the command and to nobody else, whether sudo asks or not.
func TestSudo(t *testing.T) {
	for name, open := range map[string]func(*testing.T) sshexec.Runner{
		"local": func(*testing.T) sshexec.Runner { return sshexec.Local{} },
		"ssh":   func(t *testing.T) sshexec.Runner { return shellMachine(t).dial(t) },
	} {
		for _, mode := range []string{"asks", "nopasswd"} {
			t.Run(name+" "+mode, func(t *testing.T) {
				file := withFakeSudo(t, mode)
				cmd := sshexec.Script(sshexec.Mutating,
					`cat; printf '%s %s %s' "$SUDO_TO" "$A" "$(pwd)"; echo own >&2; tr '\0' '\n' </proc/$PPID/cmdline; exit 7`)
				cmd.Stdin, cmd.Sudo = sshexec.Text("its input\n"), &sshexec.Sudo{User: "pcrf", Password: sudoPassword}
				cmd.Env, cmd.Dir = []string{"A=b c"}, "/usr"
				res, err := open(t).Run(t.Context(), cmd)
				require.Equal(t, 7, res.ExitCode, "%v", err)
				require.True(t, strings.HasPrefix(string(res.Stdout), "its input\npcrf b c /usr"), "%q", res.Stdout)
				require.Equal(t, "own\n", string(res.Stderr))
				require.NotContains(t, fmt.Sprint(err, cmd.String(), string(res.Stdout)), "heim")
				require.Contains(t, cmd.String(), "sudo -u pcrf")
				asked, _ := os.ReadFile(file + ".asked")
				require.Equal(t, mode == "asks", string(asked) == "x\n")
			})
		}
	}
}

// SSH-005: one attempt, and then a word that the caller can tell from a failure of the command.
func TestSudoRefuses(t *testing.T) {
	for name, open := range map[string]func(*testing.T) sshexec.Runner{
		"local": func(*testing.T) sshexec.Runner { return sshexec.Local{} },
		"ssh":   func(t *testing.T) sshexec.Runner { return shellMachine(t).dial(t) },
	} {
		for _, c := range []struct {
			name, mode string
			password   sshexec.Secret
			say        string
			asked      string
		}{
			{"wrong password", "asks", "wrong", "no password was provided", "x\n"},
			{"no password", "asks", "", "a password is required", ""},
			{"not allowed", "denied", sudoPassword, "not in the sudoers file", ""},
		} {
			t.Run(name+" "+c.name, func(t *testing.T) {
				file := withFakeSudo(t, c.mode)
				cmd := sshexec.Command(sshexec.Mutating, "cat")
				cmd.Stdin, cmd.Sudo = sshexec.Text("not a password\n"), &sshexec.Sudo{Password: c.password}
				res, err := open(t).Run(t.Context(), cmd)
				require.ErrorIs(t, err, sshexec.ErrSudo)
				require.ErrorContains(t, err, c.say)
				require.Equal(t, sshexec.NotStarted, res.Outcome)
				require.Empty(t, res.Stdout)
				require.NotContains(t, string(res.Stderr), "evenkeel-ask")
				asked, _ := os.ReadFile(file + ".asked")
				require.Equal(t, c.asked, string(asked))
			})
		}
	}
	t.Run("no sudo at all", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		cmd := sshexec.Command(sshexec.Mutating, "/bin/true")
		cmd.Sudo = &sshexec.Sudo{}
		res, err := sshexec.Local{}.Run(t.Context(), cmd)
		require.ErrorIs(t, err, sshexec.ErrSudo)
		require.Equal(t, sshexec.NotStarted, res.Outcome)
	})
	t.Run("two passwords in one", func(t *testing.T) {
		cmd := sshexec.Command(sshexec.Mutating, "true")
		cmd.Sudo = &sshexec.Sudo{Password: "a\nb"}
		_, err := sshexec.Local{}.Run(t.Context(), cmd)
		require.ErrorContains(t, err, "newline")
	})
}

// SSH-007: a command under sudo is ended under sudo.
func TestSudoCancel(t *testing.T) {
	for name, open := range map[string]func(*testing.T) sshexec.Runner{
		"local": func(*testing.T) sshexec.Runner { return sshexec.Local{} },
		"ssh":   func(t *testing.T) sshexec.Runner { return shellMachine(t).dial(t) },
	} {
		t.Run(name, func(t *testing.T) {
			withFakeSudo(t, "asks")
			r := sshexec.WithSudo(open(t), sshexec.Sudo{Password: sudoPassword})
			pids, res, err := cancelWhenPrinted(t, r, tree(), 2)
			require.Error(t, err)
			require.NotErrorIs(t, err, sshexec.ErrMayRun)
			require.Equal(t, sshexec.GroupEnded, res.Ending)
			for _, pid := range pids {
				require.False(t, alive(t, pid))
			}
		})
	}
}

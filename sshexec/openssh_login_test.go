//go:build integration

package sshexec_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/sftpfiles"
)

// loginSSHD is a server that knows a user by a password. User, password and PAM's rules are seen by this server only:
// it has a mount namespace of its own, in which files of the test stand in for those of /etc.
func loginSSHD(t *testing.T, password string, lines ...string) *sshd {
	t.Helper()
	for _, program := range []string{"unshare", "openssl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no %s here: %v", program, err)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("only root may give a server its own /etc/passwd")
	}
	s := newSSHD(t, "127.0.0.1", lines...)
	hash := exec.Command("openssl", "passwd", "-6", "-stdin")
	hash.Stdin = strings.NewReader(password)
	sum, err := hash.Output()
	require.NoError(t, err)
	for file, line := range map[string]string{
		"passwd": "evenkeel:x:64123:64123:a test:/:/bin/sh\n",
		"shadow": "evenkeel:" + strings.TrimSpace(string(sum)) + ":19000:0:99999:7:::\n",
	} {
		text, err := os.ReadFile(filepath.Join("/etc", file))
		require.NoError(t, err)
		s.write(t, file, string(text)+line)
	}
	require.NoError(t, os.Chmod(filepath.Join(s.dir, "passwd"), 0o644))
	require.NoError(t, os.Chmod(s.dir, 0o711))
	s.write(t, "pam", "auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_permit.so\n")
	s.wrap = []string{"unshare", "--mount", "--propagation", "private", "/bin/sh", "-c",
		`mount --bind "$0/passwd" /etc/passwd && mount --bind "$0/shadow" /etc/shadow && mount --bind "$0/pam" /etc/pam.d/sshd && exec "$@"`,
		s.dir}
	s.start(t)
	s.cfg.User = "evenkeel"
	return s
}

// SSH-004, SSH-005: a password, asked for in both ways, and the traces that it leaves on either side: none.
func TestOpenSSHPassword(t *testing.T) {
	const password = `pa"ss'w$o.r[d] %s`
	for name, lines := range map[string][]string{
		"password":             {"PasswordAuthentication yes"},
		"keyboard-interactive": {"KbdInteractiveAuthentication yes", "UsePAM yes"},
	} {
		t.Run(name, func(t *testing.T) {
			s := loginSSHD(t, password, append(lines, "LogLevel DEBUG3")...)
			answer := sshexec.Secret(password)
			s.cfg.Auth = sshexec.Auth{Password: func() (sshexec.Secret, error) { return answer, nil }}
			var audit, recording bytes.Buffer
			log := sshexec.NewAudit(&audit, answer)
			c := s.dial(t)
			r := log.Runner("node1", sshexec.Record(c, &recording, answer))
			cmd := sshexec.Script(sshexec.ReadOnly, `id -un; cat >/dev/null; cat /proc/$$/cmdline | tr '\0' ' '; env`)
			cmd.Stdin = sshexec.SecretText(answer)
			res, err := r.Run(t.Context(), cmd)
			require.NoError(t, err)
			require.Contains(t, res.Text(), "evenkeel\n")

			answer = "wrong " + answer
			_, wrong := sshexec.Dial(t.Context(), s.cfg)
			require.ErrorIs(t, wrong, sshexec.ErrAuth)
			s.cfg.Auth.Password = func() (sshexec.Secret, error) { return "", errors.New("nobody is there to ask") }
			_, silent := sshexec.Dial(t.Context(), s.cfg)
			require.ErrorContains(t, silent, "nobody is there to ask")
			require.NoError(t, c.Close())
			s.stop()
			for what, text := range map[string]string{
				"what the command saw": string(res.Stdout), "audit": audit.String(), "recording": recording.String(),
				"the server's log": s.log.String(),
				"errors":           fmt.Sprintf("%v %+v %#v %v", wrong, wrong, wrong, silent),
				"configuration":    fmt.Sprintf("%v %+v %#v", s.cfg, s.cfg, s.cfg.Auth),
			} {
				for _, trace := range []string{password, `ss'w$o`, "r[d]", base64.StdEncoding.EncodeToString([]byte(password))[:16],
					fmt.Sprintf("%x", password[:8])} {
					require.NotContains(t, text, trace, what)
				}
			}
			require.Contains(t, s.log.String(), "Accepted "+
				map[string]string{"password": "password", "keyboard-interactive": "keyboard-interactive/pam"}[name])
		})
	}
}

// SSH-003: files by sftp where the server has it; where it has not, that is said, and a stream through a command takes its place.
func TestOpenSSHSFTP(t *testing.T) {
	data, dir := randomBytes(3<<20), t.TempDir()
	local, far := filepath.Join(dir, "local"), filepath.Join(dir, "far")
	require.NoError(t, os.WriteFile(local, data, 0o640))
	t.Run("on", func(t *testing.T) {
		s := startSSHD(t, "127.0.0.1", "Subsystem sftp internal-sftp", "ForceCommand internal-sftp") // files, and no commands
		c := s.dial(t)
		files, err := sftpfiles.Open(t.Context(), c)
		require.NoError(t, err)
		defer func() { require.NoError(t, files.Close()) }()
		require.NoError(t, files.Upload(t.Context(), bytes.NewReader(data), far, 0o640))
		var back bytes.Buffer
		require.NoError(t, files.Download(t.Context(), far, &back))
		require.True(t, bytes.Equal(data, back.Bytes()))
		list, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, list, 2, "no temporary file is left")
	})
	t.Run("off", func(t *testing.T) {
		s := startSSHD(t, "127.0.0.1")
		c := s.dial(t)
		_, err := sftpfiles.Open(t.Context(), c)
		require.Error(t, err)
		require.NoError(t, sshexec.UploadFile(t.Context(), c, local, far, sshexec.KeepMode))
		requireCopy(t, far, data, 0o640)
		tree := filepath.Join(dir, "tree")
		writeTree(t, tree, "a", "sub/new\nline")
		_, err = sshexec.UploadTree(t.Context(), c, tree, filepath.Join(dir, "tree there"))
		require.NoError(t, err)
		_, err = sshexec.DownloadTree(t.Context(), c, filepath.Join(dir, "tree there"), filepath.Join(dir, "tree back"))
		require.NoError(t, err)
		require.Equal(t, listTree(t, tree), listTree(t, filepath.Join(dir, "tree back")))
	})
}

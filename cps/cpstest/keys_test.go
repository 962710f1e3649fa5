package cpstest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// status is how a command ends on a machine, and what it prints.
func status(t *testing.T, d *cpstest.Deployment, host string, words string) (int, string) {
	t.Helper()
	r, err := d.Runner(host)
	require.NoError(t, err)
	res, err := r.Run(t.Context(), sshexec.Command(sshexec.Mutating, strings.Fields(words)...))
	require.Equal(t, sshexec.Exited, res.Outcome, "%v", err)
	return res.ExitCode, string(res.Stdout) + string(res.Stderr)
}

// TestKeysGate (CPS-028, CPS-086): a machine lets in who has the key that it has, and nobody else; a machine that --update
// left behind refuses the others, and is refused by them.
func TestKeysGate(t *testing.T) {
	d, err := cpstest.New(cpstest.Options{Keys: &cpstest.KeyOptions{LeavesBehind: "qns03"}})
	require.NoError(t, err)
	ends := func(want int, host, words string) {
		t.Helper()
		got, out := status(t, d, host, words)
		require.Equal(t, want, got, "%s: %s\n%s", host, words, out)
	}
	ends(1, "cluman", "manage_sshkey.sh --update") // there is nothing to bring into force
	ends(0, "cluman", "ssh -n qns03 true")
	ends(0, "qns03", "runuser -u qns -- ssh -n qns@installer true")
	ends(255, "qns03", "runuser -u qns -- ssh -n root@installer true") // each user has a key of its own
	ends(255, "cluman", "ssh -n nowhere true")
	ends(0, "cluman", "cp -rpT /var/qps/auth/current /root/old")
	ends(0, "cluman", "manage_sshkey.sh --create")
	ends(0, "cluman", "ssh -n qns03 true") // the new keys are not in force yet
	ends(0, "cluman", "manage_sshkey.sh --update")
	ends(0, "cluman", "ssh -n lb01 true")
	ends(0, "lb01", "runuser -u qns -- ssh -n qns02 true")
	ends(255, "cluman", "ssh -n qns03 true")
	ends(255, "qns03", "ssh -n lb01 true")
	ends(0, "cluman", "ssh -n -o BatchMode=yes -i /root/old/root/id_rsa root@qns03 true")
	ends(255, "cluman", "ssh -n -i /root/old/root/id_rsa root@lb01 true")
	ends(255, "cluman", "ssh -n -i /var/qps/auth/current/root/id_rsa root@qns03 true")
	require.Contains(t, d.KeyState(), "qns03: root old, opened by it true")
	require.Contains(t, d.KeyState(), "lb01: root new, opened by it true")
	_, listed := status(t, d, "lb01", "ssh-keygen -lf /root/.ssh/authorized_keys")
	require.Contains(t, listed, cpstest.OwnKey())
	ends(1, "cluman", "manage_sshkey.sh --update") // what was brought into force lies in temp no more
	ends(1, "cluman", "manage_sshkey.sh")
	ends(127, "lb01", "manage_sshkey.sh --create")

	// --create again, and a machine that is down: the others have the new keys then, and the Cluster Manager the old.
	ends(0, "cluman", "manage_sshkey.sh --create")
	require.NoError(t, d.Power("lb02", false))
	ends(1, "cluman", "manage_sshkey.sh --update")
	ends(255, "cluman", "ssh -n lb01 true")
	require.NoError(t, d.Power("lb02", true))
	d.Advance(2 * time.Minute)
	ends(1, "cluman", "manage_sshkey.sh --update") // qns03 refuses both keys
	ends(0, "cluman", "ssh -n -i /var/qps/auth/temp/root/id_rsa root@lb02 true")
}

// TestArbiterKeys (CPS-088): an arbiter logs in by the keys in its puppet files once they are packed and installed.
func TestArbiterKeys(t *testing.T) {
	d, err := cpstest.New(cpstest.Options{Keys: &cpstest.KeyOptions{Arbiter: "third"}})
	require.NoError(t, err)
	ends := func(want int, host, words string) {
		t.Helper()
		got, out := status(t, d, host, words)
		require.Equal(t, want, got, "%s: %s\n%s", host, words, out)
	}
	const files = "/var/qps/install/current/puppet/modules/qps/files"
	ends(1, "third", "reinit.sh")
	ends(0, "cluman", "manage_sshkey.sh --create")
	ends(0, "cluman", "scp -p /var/qps/auth/temp/root/id_rsa root@third:"+files+"/root/id_rsa")
	ends(0, "cluman", "scp -p /var/qps/auth/temp/root/id_rsa.pub root@third:"+files+"/root/id_rsa.pub")
	ends(1, "cluman", "scp -p /nothing root@third:/nothing")
	ends(0, "third", "ssh -n cluman true")
	ends(0, "third", "build_puppet.sh")
	ends(0, "third", "ssh -n cluman true")
	ends(0, "third", "reinit.sh")
	ends(255, "third", "ssh -n cluman true")
	ends(0, "cluman", "ssh -n -i /var/qps/auth/temp/root/id_rsa root@third true")
	ends(127, "cluman", "build_puppet.sh")
}

// Without keys in the options there are none, and no program of them.
func TestNoKeys(t *testing.T) {
	d, err := cpstest.New(cpstest.Options{})
	require.NoError(t, err)
	require.Empty(t, d.KeyState())
	code, _ := status(t, d, "cluman", "manage_sshkey.sh --create")
	require.Equal(t, 127, code)
	_, err = cpstest.New(cpstest.Options{Keys: &cpstest.KeyOptions{Site2: "x"}})
	require.ErrorContains(t, err, "Hosts.csv of site 2")
}

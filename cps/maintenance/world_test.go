package maintenance_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/internal/papertest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// simulated is a simulated cluster as a World for runs and rehearsals.
type simulated struct{ *cpstest.Deployment }

func (w simulated) Clock() evenkeel.Clock { return w.Deployment }
func (w simulated) Clone() evenkeel.World { return simulated{w.Deployment.Clone()} }

// Hash is of what matters in the end: patches, plug-ins, keys and what runs.
func (w simulated) Hash() string {
	return fmt.Sprint(w.EndState(), w.Patching(), w.read("/etc/broadhop/repositories"), w.Report().VMs, w.KeyState())
}

// read is a file of the Cluster Manager.
func (w simulated) read(name string) string {
	r, err := w.Deployment.Clone().Runner("cluman")
	if err != nil {
		return err.Error()
	}
	res, _ := r.Run(context.Background(), sshexec.Command(sshexec.ReadOnly, "cat", name)) // what is not there reads as empty
	return string(res.Stdout)
}

const patchFile = "/tmp/Patch_2_19.4.0.tar.gz"

// deploy makes a cluster, with the file of a patch on its Cluster Manager.
func deploy(t testing.TB, opts cpstest.Options) simulated {
	t.Helper()
	opts.PatchFile = patchFile
	d, err := cpstest.New(opts)
	require.NoError(t, err)
	return simulated{d}
}

// hosts is the Hosts.csv of the simulated cluster.
func hosts(t testing.TB) *cps.Hosts {
	t.Helper()
	h, err := cps.ParseHosts(strings.NewReader(deploy(t, cpstest.Options{}).read("/var/qps/config/deploy/csv/Hosts.csv")))
	require.NoError(t, err)
	return h
}

// confirming is an operator who confirms everything.
type confirming struct{}

func (confirming) Prompt(context.Context, evenkeel.Prompt) (string, error) { return "so it is", nil }

func options(w simulated, journal evenkeel.Journal) evenkeel.Options {
	return evenkeel.Options{Journal: journal, Clock: w.Clock(), Operator: confirming{}}
}

// sent types a document in a mongo shell that is connected to set02.
func (w simulated) sent(text string) error {
	r, err := w.Runner("cluman")
	if err != nil {
		return err
	}
	_, err = r.Run(context.Background(),
		sshexec.Command(sshexec.Disruptive, "mongo", "--quiet", "--host", "set02/"+sm1+","+sm2, "--eval", text))
	return err
}

// followedByHand reads the runbook on paper against its golden file, and follows it in a real shell.
func followedByHand(t *testing.T, rb *evenkeel.Runbook, name string, w simulated, unset bool) {
	t.Helper()
	var md strings.Builder
	require.NoError(t, rb.Markdown(&md))
	golden.Check(t, name+".md", md.String())
	papertest.Follow(t, md.String(), w, papertest.Person{Dir: t.TempDir(), Unset: unset, Pause: time.Minute,
		Secret: func(string) string { return "" }, ByHand: func(string, string) error { return nil }, Document: w.sent})
	require.NoError(t, w.Check())
}

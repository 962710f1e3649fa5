package site

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
)

// A worker's runbook is the one that the binary plans from the same file: so approvals and journals hold for both.
func TestTheRunbookIsThatOfTheBinary(t *testing.T) {
	dir := t.TempDir()
	sim, err := Lustre().Serve(t.Context(), filepath.Join(dir, "w"))
	require.NoError(t, err)
	defer sim.Close()
	book, err := Lustre().Book(sim.Config())
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), "go", "run", "github.com/evenkeel-ha/evenkeel/examples/lustre-hapair",
		"plan", "--config", sim.Config()).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), book.Digest())
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"p1", "p2"} {
		sim, err := Lustre().Serve(t.Context(), filepath.Join(dir, name))
		require.NoError(t, err)
		defer sim.Close()
	}
	read := func(text string) (*Site, error) {
		file := filepath.Join(dir, "fleet.yaml")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return Read(file)
	}
	const pairs = "pairs:\n  p1: {config: p1/config.yaml}\n  p2: {config: p2/config.yaml}\n"
	s, err := read("fleet: f\nsoak: 1h\nconfirm: true\nlimit: 3\nwaves: [[p1], [p2]]\n" + pairs)
	require.NoError(t, err)
	require.Equal(t, []string{"p1", "p2"}, s.Names())
	require.Equal(t, "evenkeel", s.Queue)
	in, err := s.In("p1")
	require.NoError(t, err)
	require.Equal(t, s.pairs["p1"].book.Digest(), in.Digest)
	_, err = s.In("p3")
	require.ErrorContains(t, err, "no pair p3")
	_, err = s.ID("p3")
	require.ErrorContains(t, err, "no pair p3")
	id, err := s.ID("p1")
	require.NoError(t, err)
	require.Equal(t, "f/p1", id)
	open, err := s.Open(t.Context(), "p1")
	require.NoError(t, err)
	open.Close()

	for text, want := range map[string]string{
		"fleet: f\nwaves: [[p1]]\n" + pairs:                                                                       "pair p2 is in no wave",
		"fleet: f\nwaves: [[p1], [p2, p3]]\n" + pairs:                                                             "there is no pair p3",
		"fleet: f\nwaves: [[p1], [p2, p1]]\n" + pairs:                                                             "there twice",
		"waves: [[p1], [p2]]\n" + pairs:                                                                           "needs a name",
		"fleet: f/g\nwaves: [[p1], [p2]]\n" + pairs:                                                               "without a /",
		"fleet: f\nwaves: [[a/p1]]\npairs:\n  a/p1: {config: p1/config.yaml}\n":                                   "a name has no /",
		"fleet: f\nlimits: 3\nwaves: [[p1], [p2]]\n" + pairs:                                                      "limits",
		"fleet: f\nwaves: [[p1], [p2]]\npairs:\n  p1: {config: p1/config.yaml}\n  p2: {config: p1/config.yaml}\n": "both change",
		"fleet: f\nwaves: [[p1]]\npairs:\n  p1: {job: cps, config: p1/config.yaml}\n":                             `none called "cps"`,
	} {
		_, err := read(text)
		require.ErrorContains(t, err, want, text)
	}

	config := filepath.Join(dir, "p1", "config.yaml")
	raw, err := os.ReadFile(config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(config, append(raw[:len(raw):len(raw)], "require_approval: true\n"...), 0o600))
	_, err = read("fleet: f\nwaves: [[p1], [p2]]\n" + pairs)
	require.ErrorIs(t, err, cli.ErrApproval, "what was signed cannot be told here")
	require.ErrorContains(t, err, "pair p1")
	_, err = s.Open(t.Context(), "p1")
	require.ErrorIs(t, err, cli.ErrApproval)

	require.NoError(t, os.WriteFile(config, []byte(strings.Replace(string(raw), "job:", "job:\n    atomic: true", 1)), 0o600))
	_, err = s.Open(t.Context(), "p1")
	require.ErrorContains(t, err, "was changed since this worker began")
}

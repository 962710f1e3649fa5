package issm_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
)

// CPS-017: /var/install.cfg is read as the parser of the file reads it, and a file without a parameter sets none.
func TestSkippedParametersAreRead(t *testing.T) {
	p := planned{"skip", runbook(t, issm.Config{ArchiveDir: "/a", SkipCarbon: true}), nil}
	read := p.find(t, "skip-carbon/skip").Probe.Read
	for file, want := range map[string]evenkeel.ProbeResult{
		"SKIP_BLKSTATS=1\nSKIP_CARBONDB=1\n":                            evenkeel.Done,
		"A=1\nexport SKIP_BLKSTATS=\"1\"\nSKIP_CARBONDB='1' # ours\n":   evenkeel.Done,
		"SKIP_BLKSTATS=1\n":                                             evenkeel.NotRun,
		"SKIP_BLKSTATS=1\nSKIP_CARBONDB=0\n":                            evenkeel.NotRun,
		"SKIP_BLKSTATS=1\nSKIP_CARBONDB=1\nSKIP_CARBONDB=0\n":           evenkeel.NotRun, // the last one counts
		"SKIP_BLKSTATS = 1\nSKIP_CARBONDB=1\n":                          evenkeel.NotRun, // a shell does not set it
		"# SKIP_BLKSTATS=1\n# SKIP_CARBONDB=1\n":                        evenkeel.NotRun,
		"\n":                                                            evenkeel.NotRun,
		"SKIP_BLKSTATS=1\nSKIP_CARBONDB=1\nKilled\n":                    evenkeel.Inconclusive,
		"SKIP_BLKSTATS=1\nSKIP_CARBONDB=$(cat x)\n":                     evenkeel.Inconclusive,
		"cat: /var/install.cfg: Permission denied\nSKIP_BLKSTATS=1\nSK": evenkeel.Inconclusive,
	} {
		got, err := read(p.seen(file, 0))
		require.Equal(t, want, got, "%q: %v", file, err)
		require.Equal(t, want == evenkeel.Inconclusive, err != nil, "%q: %v", file, err)
	}
	got, err := read(p.seen("", 1))
	require.NoError(t, err)
	require.Equal(t, evenkeel.NotRun, got, "there is no such file")
}

package cps_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
)

// CPS-168: the guide's own example, and what follows from it for other sizes.
func TestCarbonSync(t *testing.T) {
	const gb = 1 << 20
	for kb, want := range map[int64][2]time.Duration{
		55 * gb: {15 * time.Hour, 20 * time.Hour}, 11 * gb: {3 * time.Hour, 4 * time.Hour}, 0: {}, -1: {},
	} {
		least, most := cps.CarbonSync(kb)
		require.Equal(t, want, [2]time.Duration{least, most}, "%d KB", kb)
	}
	require.Equal(t, int64(55*gb), cps.CarbonWithin(20*time.Hour))
	_, most := cps.CarbonSync(cps.CarbonWithin(30 * time.Hour))
	require.Equal(t, 30*time.Hour, most)
}

func TestParseDiskUsage(t *testing.T) {
	kb, err := cps.ParseDiskUsage(text("du", "57671680\t/var/lib/carbon/whisper\n"))
	require.NoError(t, err)
	require.Equal(t, int64(55<<20), kb)
	for _, bad := range []string{
		"", "du: cannot access '/var/lib/carbon/whisper': No such file or directory\n", "55G\t/var/lib/carbon/whisper\n",
		"1\t/a\n2\t/b\n", "57671680\n",
	} {
		_, err := cps.ParseDiskUsage(text("du", bad))
		require.Error(t, err, bad)
	}
}

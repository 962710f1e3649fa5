package printable_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                               "0 s",
		time.Nanosecond:                 "1 s",
		17 * time.Second:                "17 s",
		17*time.Second + 1:              "18 s",
		59*time.Minute + 59_500_000_000: "1 h",
		50 * time.Minute:                "50 m",
		72 * time.Minute:                "1 h 12 m",
		2*time.Hour + 7*time.Minute + 16*time.Second: "2 h 7 m 16 s",
		40 * time.Hour:    "40 h",
		-90 * time.Second: "-1 m 30 s",
	} {
		require.Equal(t, want, printable.Duration(d), d.String())
	}
}

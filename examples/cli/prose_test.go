package cli

import (
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"
)

// On a terminal no word is broken at the edge, what follows is indented, and a command stays as it is to be copied.
func TestProseIsBrokenBetweenWords(t *testing.T) {
	text := "note of preflight/recovery-times: where clients do not come back a recovery takes 5 m (recovery_time_soft), and up to 15 m\n" +
		"  served               Every target is mounted on one of the nodes of the pair, all the time.\n\nThen: tool resume --config " +
		strings.Repeat("long/", 30) + "c.yaml\nshort\nwithout an end"
	for _, width := range []int{60, 80, 100, 160} {
		var b strings.Builder
		n, err := fmt.Fprint(proseWriter{&b, "tool", func() (int, int) { return width, 24 }}, text)
		require.NoError(t, err)
		require.Equal(t, len(text), n)
		require.Equal(t, strings.Fields(text), strings.Fields(b.String()), "no word is broken or lost")
		for _, line := range strings.Split(b.String(), "\n") {
			if !strings.Contains(line, "tool ") {
				require.LessOrEqual(t, ansi.StringWidth(line), width, line)
			}
		}
		require.Contains(t, b.String(), "\nThen: tool resume --config long/long/")
		require.True(t, strings.HasSuffix(b.String(), "c.yaml\nshort\nwithout an end"))
		if width < 80 {
			require.Regexp(t, `(?m)^  \S.*\n  served .*\n    \S`, b.String(), "what follows is indented")
		}
	}
	var b strings.Builder
	require.Equal(t, &b, testApp(&b, &b).prose(&b), "a pipe has whole lines")
}

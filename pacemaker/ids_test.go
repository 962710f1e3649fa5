package pacemaker

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

// PCM-025: ids of operations as pcs makes them, ids that are free, and texts that become one.
func TestIDs(t *testing.T) {
	require.Equal(t, "MGS-monitor-interval-60s", operationID("MGS", "monitor", "60s"))
	require.Equal(t, "MGS-start-interval-0s", operationID("MGS", "start", ""))
	c := parseCIB(t, `<cib><configuration><resources><primitive id="a"/><primitive id="a-1"/></resources></configuration></cib>`)
	require.Equal(t, "b", c.freeID("b"))
	require.Equal(t, "a-2", c.freeID("a"))
	require.Equal(t, "x.y_z", sanitizeID("x:y_z"), "what may not stand in an id becomes a full stop")
	require.Equal(t, "_1a", sanitizeID("1a"))
}

// PCM-025: the ids of operations in the CIBs that real pcs left behind are those that are made here.
func TestIDsAreThoseOfPcs(t *testing.T) {
	files := []string{"testdata/pcs-0.9.152/rebuild-two-nodes.xml"}
	if os.Getenv("EVENKEEL_CORPUS") != "" {
		files = append(files, golden.CorpusCIBs(t)...)
	}
	made := 0
	for _, path := range files {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		c, err := ParseCIB(strings.NewReader(string(data)))
		if err != nil {
			continue
		}
		for _, r := range c.Primitives() {
			for _, o := range r.Operations {
				if name, _, ok := strings.Cut(o.ID, "-interval-"); ok && name == r.ID+"-"+o.Name && strings.HasSuffix(o.ID, "-"+o.Interval) {
					require.Equal(t, o.ID, operationID(r.ID, o.Name, o.Interval), path)
					made++
				}
			}
		}
	}
	t.Logf("%d files, %d ids", len(files), made)
	require.Greater(t, made, 6)
}

package pacemaker

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

// H9, PCM-030: ids as pcs makes them.
func TestIDs(t *testing.T) {
	require.Equal(t, "MGS-monitor-interval-60s", OperationID("MGS", "monitor", "60s"))
	require.Equal(t, "MGS-start-interval-0s", OperationID("MGS", "start", ""))
	require.Equal(t, "location-MGS-oss1.intl-20", LocationID("MGS", "oss1.intl", 20))
	require.Equal(t, "location-MGS-oss1.intl--INFINITY", LocationID("MGS", "oss1.intl", -Infinity))
	require.Equal(t, "order-A-B-mandatory", OrderID(Order{First: "A", Then: "B"}))
	require.Equal(t, "order-A-B-Optional", OrderID(Order{First: "A", Then: "B", Kind: "Optional"}))
	require.Equal(t, "colocation-A-B-INFINITY", ColocationID(Colocation{Resource: "A", With: "B", Score: "INFINITY"}))
	c := parseCIB(t, `<cib><configuration><resources><primitive id="a"/><primitive id="a-1"/></resources></configuration></cib>`)
	require.Equal(t, "b", c.FreeID("b"))
	require.Equal(t, "a-2", c.FreeID("a"))
	require.Equal(t, "x.y_z", c.FreeID("x:y_z"), "what may not stand in an id becomes a full stop")
	require.Equal(t, "_1a", c.FreeID("1a"))
}

// corpusDir is where the recorded runs of pcs are, a path that no file has when there is no corpus.
func corpusDir() string { return filepath.Join(os.Getenv("EVENKEEL_CORPUS"), "pcs") + "/" }

func orDefault(kind string) string {
	if kind == "" {
		return "mandatory"
	}
	return kind
}

// PCM-025, PCM-030: the ids in the CIBs that real pcs left behind are those that are made here.
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
		byPcs := strings.Contains(path, "/pcs-0.9.152/") || strings.HasPrefix(path, corpusDir()) // the others were edited by hand
		for _, r := range c.Primitives() {
			for _, o := range r.Operations {
				if name, _, ok := strings.Cut(o.ID, "-interval-"); ok && name == r.ID+"-"+o.Name && strings.HasSuffix(o.ID, "-"+o.Interval) {
					require.Equal(t, o.ID, OperationID(r.ID, o.Name, o.Interval), path)
					made++
				}
			}
		}
		for _, o := range c.Orders() {
			if ending, ok := strings.CutPrefix(o.ID, "order-"+o.First+"-"+o.Then+"-"); ok && strings.EqualFold(ending, orDefault(o.Kind)) {
				require.Equal(t, o.ID, OrderID(o), path)
				made++
			}
		}
		for _, l := range c.Colocations() {
			if strings.HasPrefix(l.ID, "colocation-"+l.Resource+"-"+l.With+"-") && strings.HasSuffix(l.ID, l.Score) {
				require.Equal(t, l.ID, ColocationID(l), path)
				made++
			}
		}
		for _, l := range c.Locations() {
			if strings.HasPrefix(l.ID, "location-") && l.Plain() && byPcs {
				score, err := ParseScore(l.Score)
				require.NoError(t, err)
				require.Equal(t, l.ID, LocationID(l.Resource, l.Node, score), path)
				made++
			}
		}
	}
	t.Logf("%d files, %d ids", len(files), made)
	require.Greater(t, made, 8)
}

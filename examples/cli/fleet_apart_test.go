package cli

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What would keep nothing apart is refused, with what may have been meant; a pair that shares nothing says so.
func TestLabelsKeepApart(t *testing.T) {
	for name, tc := range map[string]struct{ rules, b, want string }{
		"both have it":  {"apart: [{label: filesystem}]", "labels: {filesystem: fs1}", ""},
		"one says none": {"apart: [{label: filesystem}]", "labels: {filesystem: none}", ""},
		"misspelt": {"apart: [{label: filesystem}]", "labels: {filesytem: fs1}",
			`pairs[1]: labels: nothing in apart has the label "filesytem"; the nearest is "filesystem"`},
		"misspelt in the rule": {"apart: [{label: filesytem}]", "labels: {filesystem: fs1}", `apart[0]: label: no pair has a label "filesytem"`},
		"missing": {"apart: [{label: filesystem}]", "",
			"pairs[1]: labels: apart needs its filesystem; where it has none in common with another pair, write filesystem: none"},
		"empty":   {"apart: [{label: filesystem}]", `labels: {filesystem: ""}`, "pairs[1]: labels: filesystem is empty"},
		"no rule": {"", "labels: {filesystem: fs1}", `pairs[0]: labels: nothing in apart has the label "filesystem"`},
	} {
		t.Run(name, func(t *testing.T) {
			d := onDisk(t, tc.rules, "a, labels: {filesystem: fs1}", "b, "+tc.b)
			code, said := d.carryOut("check")
			if tc.want == "" {
				require.Equal(t, ExitDone, code, said)
				f, err := d.app.loadFleet(d.file("fleet.yaml"))
				require.NoError(t, err)
				require.Equal(t, []string{"filesystem=fs1"}, f.Pairs[0].keys("first"))
				require.Equal(t, name == "one says none", len(f.Pairs[1].Keys) == 0)
				return
			}
			require.Equal(t, ExitInput, code)
			require.Contains(t, said, tc.want)
		})
	}
}

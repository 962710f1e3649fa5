package evenkeel_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReferencesHaveALegend: every hazard that a source file names stands in docs/references.md.
func TestReferencesHaveALegend(t *testing.T) {
	legend, err := os.ReadFile("docs/references.md")
	require.NoError(t, err)
	known := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| (H\d+) \|`).FindAllStringSubmatch(string(legend), -1) {
		known[m[1]] = true
	}
	named := 0
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		data, err := os.ReadFile(path)
		for _, h := range regexp.MustCompile(`\bH[1-9]\d?\b`).FindAllString(string(data), -1) {
			named++
			require.True(t, known[h], "%s names %s, and docs/references.md does not", path, h)
		}
		return err
	}))
	require.Positive(t, named)
}

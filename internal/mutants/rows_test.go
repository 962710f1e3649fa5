package mutants_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// guides are the rows of the two guides that software could model, by prefix, as ranges of their numbers.
var guides = map[string]string{
	"CPS": "001-045 050-104 110-141 150-187 200-219 230-254",
	"MON": "001-036",
	"WF":  "001-010",
	"LUS": "001-064",
	"PCM": "001-064",
	"BAK": "001-026",
	"SSH": "001-012",
}

// untried are rows of which nobody has made a mutant yet.
var untried = map[string]string{}

// rowsOf are the ids of a prefix.
func rowsOf(prefix, ranges string) []string {
	var ids []string
	for r := range strings.FieldsSeq(ranges) {
		first, last, found := strings.Cut(r, "-")
		if !found {
			last = first
		}
		a, _ := strconv.Atoi(first)
		b, _ := strconv.Atoi(last)
		for n := a; n <= b; n++ {
			ids = append(ids, fmt.Sprintf("%s-%03d", prefix, n))
		}
	}
	return ids
}

// Each row has a mutant or a reason why it has none; each mutant's old text still stands exactly once in its file, and
// a test that must kill it stands in a file that names its rows.
func TestEveryRowHasAMutant(t *testing.T) {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	has := map[string]bool{}
	sources := map[string]map[string]string{} // package → file → text
	for _, e := range lists(t) {
		for _, row := range e.rows {
			has[row] = true
		}
		if e.none != "" {
			continue
		}
		if _, err := e.mutated(); err != nil {
			fault("%v", err)
		}
		if strings.HasSuffix(e.file, "_test.go") {
			fault("%s: a test is broken, and not the code", e.at)
		}
		if sources[e.pkg] == nil {
			sources[e.pkg] = testsOf(t, e.pkg)
		}
		for _, test := range e.tests {
			if beside(sources[e.pkg], []string{test}) == "" {
				fault("%s: %s has no %s", e.at, e.pkg, test)
			}
		}
		for _, row := range e.rows {
			if !strings.Contains(beside(sources[e.pkg], e.tests), row) {
				fault("%s: no file with one of the tests names %s", e.at, row)
			}
		}
	}
	for prefix, ranges := range guides {
		none := rowsOf(prefix, untried[prefix])
		for _, row := range rowsOf(prefix, ranges) {
			if has[row] == slices.Contains(none, row) {
				fault("%s must have a mutant, or a reason why it has none, or stand among the untried", row)
			}
			delete(has, row)
		}
	}
	for row := range has {
		fault("%s is no row of a guide", row)
	}
	slices.Sort(faults)
	require.Empty(t, faults, "\n%s", strings.Join(faults, "\n"))
}

var aRange = regexp.MustCompile(`\b([A-Z]{2,3})-(\d{3})(?:\.\.| to [A-Z]{2,3}-)(\d{3})\b`)

// testsOf are the test files of a package, with ranges of rows (CPS-245..253, LUS-038 to LUS-040) written out.
func testsOf(t *testing.T, pkg string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, pkg, "*_test.go"))
	require.NoError(t, err)
	all := map[string]string{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		all[f] = aRange.ReplaceAllStringFunc(string(data), func(r string) string {
			m := aRange.FindStringSubmatch(r)
			return strings.Join(rowsOf(m[1], m[2]+"-"+m[3]), " ")
		})
	}
	return all
}

// beside is the text of the files in which one of the tests stands.
func beside(files map[string]string, tests []string) string {
	var all string
	for _, text := range files {
		if slices.ContainsFunc(tests, func(test string) bool { return strings.Contains(text, "\nfunc "+test+"(") }) {
			all += text
		}
	}
	return all
}

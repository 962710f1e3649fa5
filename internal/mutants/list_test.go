// The tests prove that the rows of the guides are held by tests: for each row there is a change of the code that
// breaks it, and a test that must fail then. The lists stand in testdata, one file for each prefix of the rows:
//
//	row CPS-025                          the rows that are broken, one or more
//	in cps/issm/config.go                the file
//	- "/root/CPS_"                       what stands there exactly once; more lines, each with its minus
//	+ "/srv/CPS_"                        what it becomes; none where it is taken out
//	by ./cps/issm TestImagesOfTheGuide   the package, and the tests of it that must fail; one of them is enough
//
//	row CPS-187
//	none a sentence: why there is nothing that could be broken
//
// Lines that begin with # are comments. TestMutantsDie applies the changes, one after the other, by an overlay of
// "go build": the tree is never touched.
package mutants_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the module's folder, from here.
const root = "../.."

// entry is one mutant, or the reason why some rows have none.
type entry struct {
	at       string // FILE:LINE of the list
	rows     []string
	file     string
	old, new string
	pkg      string
	tests    []string
	none     string
}

func (e entry) name() string { return strings.Join(e.rows, " ") }

// mutated is the file with the change. It is an error where the old text does not stand there exactly once.
func (e entry) mutated() (string, error) {
	data, err := os.ReadFile(filepath.Join(root, e.file))
	if err != nil {
		return "", fmt.Errorf("%s: %w", e.at, err)
	}
	if n := strings.Count(string(data), e.old); n != 1 {
		return "", fmt.Errorf("%s: the old text stands %d times in %s, not once: %q", e.at, n, e.file, e.old)
	}
	return strings.Replace(string(data), e.old, e.new, 1), nil
}

var rowID = regexp.MustCompile(`^[A-Z]{2,3}-\d{3}$`)

// readList reads one list.
func readList(name, text string) ([]entry, error) {
	var (
		all      []entry
		e        *entry
		old, new []string
	)
	closed := func() error {
		if e == nil {
			return nil
		}
		e.old, e.new = strings.Join(old, "\n"), strings.Join(new, "\n")
		old, new = nil, nil
		switch {
		case e.none != "" && (e.file != "" || e.old != "" || e.pkg != ""):
			return fmt.Errorf("%s: a mutant, and a reason why there is none", e.at)
		case e.none == "" && (e.file == "" || e.old == "" || e.pkg == ""):
			return fmt.Errorf("%s: neither a whole mutant nor a reason why there is none", e.at)
		case e.none == "" && e.old == e.new:
			return fmt.Errorf("%s: the mutant changes nothing", e.at)
		}
		all = append(all, *e)
		e = nil
		return nil
	}
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, at := lines.Text(), fmt.Sprintf("%s:%d", name, n)
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case line == "" || word == "#":
		case word == "row":
			if err := closed(); err != nil {
				return nil, err
			}
			e = &entry{at: at, rows: strings.Fields(rest)}
			if len(e.rows) == 0 || slices.ContainsFunc(e.rows, func(r string) bool { return !rowID.MatchString(r) }) {
				return nil, fmt.Errorf("%s: not the ids of rows: %q", at, rest)
			}
		case e == nil:
			return nil, fmt.Errorf("%s: before the first row", at)
		case word == "in":
			e.file = rest
		case word == "-":
			old = append(old, rest)
		case word == "+":
			new = append(new, rest)
		case word == "none":
			e.none = rest
		case word == "by":
			fields := strings.Fields(rest)
			if len(fields) < 2 {
				return nil, fmt.Errorf("%s: by PACKAGE TEST…", at)
			}
			e.pkg, e.tests = fields[0], fields[1:]
		default:
			return nil, fmt.Errorf("%s: not a line of a list: %q", at, line)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return all, closed()
}

// lists are all lists.
func lists(t *testing.T) []entry {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var all []entry
	for _, f := range files {
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		entries, err := readList(f, string(data))
		require.NoError(t, err)
		all = append(all, entries...)
	}
	return all
}

func TestReadList(t *testing.T) {
	const good = "# why\nrow CPS-001 CPS-002\nin a.go\n- x\n- \ty \n+ z\nby ./cps TestA TestB\n\nrow CPS-003\nnone a sentence\n"
	all, err := readList("l", good)
	require.NoError(t, err)
	require.Equal(t, []entry{
		{at: "l:2", rows: []string{"CPS-001", "CPS-002"}, file: "a.go", old: "x\n\ty ", new: "z", pkg: "./cps", tests: []string{"TestA", "TestB"}},
		{at: "l:9", rows: []string{"CPS-003"}, none: "a sentence"},
	}, all)
	for text, want := range map[string]string{
		"in a.go\n":                                          "l:1: before the first row",
		"row\n":                                              "l:1: not the ids of rows",
		"row CPS-1\nnone x\n":                                "l:1: not the ids of rows",
		"row CPS-001\nrow CPS-002\nnone x\n":                 "l:1: neither a whole mutant",
		"row CPS-001\nin a.go\n- x\n+ y\n":                   "l:1: neither a whole mutant",
		"row CPS-001\nin a.go\n- x\n+ y\nby ./cps\n":         "l:5: by PACKAGE TEST",
		"row CPS-001\nin a.go\n- x\n+ x\nby ./cps TestA\n":   "l:1: the mutant changes nothing",
		"row CPS-001\nin a.go\nnone x\n":                     "l:1: a mutant, and a reason",
		"row CPS-001\nnone x\nhow\n":                         `l:3: not a line of a list: "how"`,
		"row CPS-001\nin a.go\n- \n+ x\nby ./cps TestA\n":    "l:1: neither a whole mutant",
		"row CPS-001\nin a.go\n* x\n+ y\nby ./cps Test A\n":  `l:3: not a line`,
		"row CPS-001\nin nowhere.go\n- x\nby ./cps TestA\n":  "",
		"row CPS-001\nin a.go\n- x\nby ./cps TestA\nrow b\n": "l:5: not the ids of rows",
	} {
		_, err := readList("l", text)
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want, text)
	}
}

package readme_test

import (
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

var update = flag.Bool("update", false, "take the facts of docs/runbooks from the rendered runbooks")

// pages are the pages of the documentation, by their path from the top of the repository.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, page := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "PERFORMANCE.md"} {
		all[page] = ""
	}
	require.NoError(t, fs.WalkDir(os.DirFS(root(t)), "docs", func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".md" {
			all[path] = ""
		}
		return err
	}))
	for page := range all {
		raw, err := os.ReadFile(filepath.Join(root(t), page))
		require.NoError(t, err)
		all[page] = string(raw)
	}
	require.Greater(t, len(all), 20)
	return all
}

// fenced are the fenced blocks of a page in one language.
func fenced(page, language string) (all []string) {
	for _, m := range regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		if m[1] == language {
			all = append(all, m[2])
		}
	}
	return all
}

var anyFence = regexp.MustCompile("(?ms)^```.*?^```$")

// TestLinks: every link inside of the repository leads to a file, and to a heading where it names one.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	seen := 0
	all := pages(t)
	for page, text := range all {
		for _, m := range link.FindAllStringSubmatch(anyFence.ReplaceAllString(text, ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			seen++
			file, heading, _ := strings.Cut(m[1], "#")
			target := page
			if file != "" {
				target = filepath.Join(filepath.Dir(page), file)
			}
			if _, err := os.Stat(filepath.Join(root(t), target)); err != nil {
				t.Errorf("%s: the link %s leads nowhere", page, m[1])
				continue
			}
			if heading != "" && !slices.Contains(anchors(all[target]), heading) {
				t.Errorf("%s: the link %s names a heading that is not there", page, m[1])
			}
		}
	}
	require.Greater(t, seen, 50)
	for page := range all { // each page can be found from the first one
		if name := filepath.Base(page); strings.HasPrefix(page, "docs/") && name != "README.md" {
			require.Contains(t, all["docs/README.md"], strings.TrimPrefix(page, "docs/")+")", "docs/README.md does not lead to %s", page)
		}
	}
}

// anchors are the names by which the headings of a page are linked to.
func anchors(page string) (all []string) {
	drop := regexp.MustCompile(`[^a-z0-9 _-]`)
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		all = append(all, strings.ReplaceAll(drop.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return all
}

// TestProgram runs the program of "Write your own upgrade" and compares what it prints with what the page says.
func TestProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds everything anew: not with -short")
	}
	page := pages(t)["docs/write-your-own.md"]
	programs, prints := fenced(page, "go"), fenced(page, "text")
	require.Len(t, programs, 1)
	require.Len(t, prints, 1)
	dir := filepath.Join(clone(t), "examples", "writeyourown")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(programs[0]), 0o600))
	exit, out := shell(t, dir, "gofmt -l . && go vet . && go run .")
	require.Zero(t, exit, "%s", out)
	require.Equal(t, prints[0], out)
}

// TestJournalPage: the example is a journal, and every kind and field of a record is explained.
func TestJournalPage(t *testing.T) {
	page := pages(t)["docs/journal.md"]
	examples := fenced(page, "json")
	require.Len(t, examples, 1)
	records, whole, err := evenkeel.ReadJournal(strings.NewReader(examples[0]))
	require.NoError(t, err)
	require.Len(t, examples[0], int(whole))
	require.Equal(t, evenkeel.KindStepDone, records[len(records)-1].Kind)
	_, _, err = evenkeel.ReadJournal(strings.NewReader(strings.Replace(examples[0], "nfs1", "nfs2", 1)))
	require.ErrorIs(t, err, evenkeel.ErrJournalDamaged)

	record := reflect.TypeFor[evenkeel.Record]()
	for i := range record.NumField() {
		name, _, _ := strings.Cut(record.Field(i).Tag.Get("json"), ",")
		require.Regexp(t, "(?m)^\\| .*`"+name+"`.* \\|", page, "the field %s is not explained", name)
	}
	source, err := os.ReadFile(filepath.Join(root(t), "journal.go"))
	require.NoError(t, err)
	kinds := regexp.MustCompile(`Kind\w+ +Kind = "([a-z-]+)"`).FindAllStringSubmatch(string(source), -1)
	require.Greater(t, len(kinds), 15)
	for _, kind := range kinds {
		require.Contains(t, page, "\n| `"+kind[1]+"` | ", "the kind %s is not explained", kind[1])
	}
}

// TestHazardsPage: every hazard of the legend has a chapter, and the test that it names is there.
func TestHazardsPage(t *testing.T) {
	all := pages(t)
	chapter := regexp.MustCompile("(?ms)^## (H\\d+): .*?^\\*\\*When\\*\\*: .*?^\\*\\*evenkeel\\*\\*: .*?" +
		"^\\*\\*Test\\*\\*: `(\\w+)` in `([\\w/.]+)`$")
	told := map[string]bool{}
	for _, m := range chapter.FindAllStringSubmatch(all["docs/hazards.md"], -1) {
		told[m[1]] = true
		files, err := filepath.Glob(filepath.Join(root(t), m[3], "*_test.go"))
		require.NoError(t, err)
		require.True(t, slices.ContainsFunc(files, func(file string) bool {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			return strings.Contains(string(raw), "\nfunc "+m[2]+"(")
		}), "%s: there is no test %s in %s", m[1], m[2], m[3])
	}
	legend := regexp.MustCompile(`(?m)^\| (H\d+) \|`).FindAllStringSubmatch(all["docs/references.md"], -1)
	require.Len(t, told, len(legend))
	for _, m := range legend {
		require.True(t, told[m[1]], "docs/hazards.md does not tell of %s", m[1])
	}
}

var generated = regexp.MustCompile(`(?s)(<!-- from (\S+) -->\n)(.*)(<!-- end -->\n)`)

// TestRunbookPages: what a page tells of steps, outages and points of no return is what the rendered runbook says.
// With -update it is taken from there.
func TestRunbookPages(t *testing.T) {
	seen := 0
	for page, text := range pages(t) {
		if !strings.HasPrefix(page, "docs/runbooks/") {
			continue
		}
		m := generated.FindStringSubmatch(text)
		require.NotNil(t, m, page)
		raw, err := os.ReadFile(filepath.Join(root(t), m[2]))
		require.NoError(t, err, page)
		seen++
		want := facts(t, string(raw))
		if *update {
			i := generated.FindStringSubmatchIndex(text)
			text = text[:i[6]] + want + text[i[7]:]
			require.NoError(t, os.WriteFile(filepath.Join(root(t), page), []byte(text), 0o644))
			continue
		}
		require.Equal(t, want, m[3], "%s: run this test with -update, and read the difference", page)
	}
	require.Greater(t, seen, 12)
}

// facts are what a page tells of a rendered runbook: of each step its title, what it suspends, what ends a
// rollback, and what is done by hand.
func facts(t *testing.T, runbook string) string {
	t.Helper()
	title := regexp.MustCompile(`(?m)^# (.*)$`).FindStringSubmatch(runbook)
	require.NotNil(t, title)
	heading := regexp.MustCompile(`(?m)^## (\d+)\. (.*)$`)
	window := regexp.MustCompile(`(?m)^> \*\*Window .* opens\*\*: (.*)$`)
	noReturn := regexp.MustCompile(`(?m)^(Irreversible|What stays after the undo): (.*)$`)
	hand := regexp.MustCompile(`(?m)^\*\*\d+\.\d+\*\* (.*) \(by hand.*\)$`)

	var steps, windows, points, hands []string
	last := ""
	at := heading.FindAllStringSubmatchIndex(runbook, -1)
	require.NotEmpty(t, at)
	for i, m := range at {
		end := len(runbook)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		number, body := runbook[m[2]:m[3]], runbook[m[0]:end]
		steps = append(steps, number+". "+runbook[m[4]:m[5]])
		for _, w := range window.FindAllStringSubmatch(body, -1) {
			windows = append(windows, "- Step "+number+": "+w[1])
		}
		if n := noReturn.FindStringSubmatch(body); n == nil {
			last = ""
		} else if n[2] != last { // of steps with one reason the first is told
			last = n[2]
			how := map[bool]string{true: "From step " + number + " on: ", false: "What stays after the undo of step " + number + ": "}
			points = append(points, "- "+how[n[1] == "Irreversible"]+last)
		}
		for _, h := range hand.FindAllStringSubmatch(body, -1) {
			hands = append(hands, "- Step "+number+": "+h[1])
		}
	}
	var b strings.Builder
	part := func(heading string, lines []string, none string) {
		if len(lines) == 0 {
			lines = []string{none}
		}
		fmt.Fprintf(&b, "\n### %s\n\n%s\n", heading, strings.Join(lines, "\n"))
	}
	fmt.Fprintf(&b, "\nThe example is: *%s*.\n", title[1])
	part("Steps", steps, "")
	part("Outage, and less redundancy", windows, "No step suspends anything that the run watches.")
	part("Points of no return", points, "None: each step can be undone, or leaves nothing that has to be undone.")
	part("By hand", hands, "Nothing.")
	return b.String() + "\n"
}

// inDocs are the commands of docs, and what each must print; all exit with 0.
var inDocs = []struct{ line, prints *regexp.Regexp }{
	{regexp.MustCompile(`^go build \./examples/(lustre-hapair|cps-issm|pacemaker-pair)$`), regexp.MustCompile(`^$`)},
	{regexp.MustCompile(`^\./(lustre-hapair|cps-issm)( [a-z]+)? plan$`), regexp.MustCompile(`(?m)^ 1  \S+ +[A-Z]`)},
	{regexp.MustCompile(`^\./lustre-hapair fleet demo$`), regexp.MustCompile(`(?m)^simulated fleet: finished, 4 pairs: 4 finished$`)},
	{regexp.MustCompile(`^\./(lustre-hapair|cps-issm|pacemaker-pair)( [a-z]+)? demo$`), regexp.MustCompile(`(\d+) of (\d+) steps done`)},
	{regexp.MustCompile(`^\./lustre-hapair preflight --target el8 `), regexp.MustCompile(`(?m)^ready as far as it was checked for el8 .*: 0 blockers`)},
	{regexp.MustCompile(`^\./pacemaker-pair inspect `), regexp.MustCompile(`(?m)^  unit nfs +serves `)},
	{regexp.MustCompile(`^\./pacemaker-pair ways `), regexp.MustCompile(`(?m)^two clusters: possible$`)},
	{regexp.MustCompile(`^\./pacemaker-pair preflight --target el9 `), regexp.MustCompile(`(?m)^ready as far as it was checked for el9 .*: 0 blockers`)},
	{regexp.MustCompile(`^\./pacemaker-pair backup `), regexp.MustCompile(`(?m)^nfs2\.example\.com: .*archives/bck-nfs2`)},
	{regexp.MustCompile(`^\./pacemaker-pair config init `), regexp.MustCompile(`^pair/config\.yaml is written`)},
	{regexp.MustCompile(`^\./pacemaker-pair config check `), regexp.MustCompile(`nothing is missing`)},
	{regexp.MustCompile(`^\./pacemaker-pair plan `), regexp.MustCompile(`(?m)^ 1  \S+ +[A-Z]`)},
	{regexp.MustCompile(`^\./pacemaker-pair rehearse `), regexp.MustCompile(`of which broke something: 0`)},
	{regexp.MustCompile(`^\./pacemaker-pair preflight run `), regexp.MustCompile(`(\d+) of (\d+) steps done`)},
	{regexp.MustCompile(`^\./pacemaker-pair run `), regexp.MustCompile(`(?s)(\d+) of (\d+) steps done.*invariants violated: none`)},
	{regexp.MustCompile(`^\./pacemaker-pair status `), regexp.MustCompile(`upgrade\.jsonl: finished`)},
	{regexp.MustCompile(`^\./pacemaker-pair report `), regexp.MustCompile(`finished: every step is done and verified`)},
}

// TestDocsCommands runs every command of docs, as it is printed.
func TestDocsCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds everything anew: not with -short")
	}
	dir := clone(t)
	ran := map[string]bool{}
	all := pages(t)
	for _, page := range slices.Sorted(maps.Keys(all)) {
		if !strings.HasPrefix(page, "docs/") {
			continue
		}
		for _, block := range fenced(all[page], "sh") {
			for line := range strings.Lines(block) {
				line = strings.TrimSpace(comment.ReplaceAllString(line, ""))
				if ran[line] || line == "" {
					continue
				}
				switch { // what the page has the reader do
				case strings.HasPrefix(line, "./pacemaker-pair backup "):
					simulated(t, dir, "./pacemaker-pair", "--into", "sim")
					beginPair(t, dir, fenced(all[page], "yaml")[0])
				case strings.HasPrefix(line, "./pacemaker-pair config check "):
					fillIn(t, dir)
				}
				ran[line] = true
				t.Run(line, func(t *testing.T) {
					for _, known := range inDocs {
						if known.line.MatchString(line) {
							exit, out := shell(t, dir, line)
							require.Zero(t, exit, "%s", out)
							require.Regexp(t, known.prints, out)
							return
						}
					}
					t.Errorf("no test knows what is promised of this command of %s: %s", page, line)
				})
			}
		}
	}
	require.Greater(t, len(ran), 20)
}

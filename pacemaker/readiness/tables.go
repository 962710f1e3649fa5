package readiness

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
)

// The tables are checked in as TSV, a fact a line, each with its source. TestTables holds their form.
var (
	//go:embed sources.tsv
	sourcesTSV string
	//go:embed releases.tsv
	releasesTSV string
	//go:embed agents.tsv
	agentsTSV string
	//go:embed rules.tsv
	rulesTSV string
)

// Source is the public document that a fact comes from.
type Source struct {
	Title   string `json:"title"`
	Address string `json:"address"`
}

// String is the title with the address.
func (s Source) String() string { return s.Title + " <" + s.Address + ">" }

// rows are the lines of a table, each with as many cells as it must have.
func rows(name, table string, cells int) [][]string {
	var all [][]string
	for line := range strings.Lines(table) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		row := strings.Split(line, "\t")
		if len(row) != cells {
			panic(fmt.Sprintf("%s: %q has %d cells and not %d", name, line, len(row), cells)) // the table is a part of the program
		}
		all = append(all, row)
	}
	return all
}

// sources are the documents by their keys.
var sources = sync.OnceValue(func() map[string]Source {
	all := make(map[string]Source)
	for _, row := range rows("sources.tsv", sourcesTSV, 3) {
		all[row[0]] = Source{Title: row[1], Address: row[2]}
	}
	return all
})

// sourceOf is the document of a key.
func sourceOf(key string) Source {
	s, ok := sources()[key]
	if !ok {
		panic("sources.tsv has no " + key) // the keys are a part of the program
	}
	return s
}

// sourcesOf are the documents of some keys.
func sourcesOf(keys string) (all []Source) {
	for key := range strings.FieldsSeq(keys) {
		all = append(all, sourceOf(key))
	}
	return all
}

// agentFact is what a release says of an agent.
type agentFact struct {
	state       string // removed, not supported
	replacement string // empty without one
	source      Source
}

// agentFacts are those of all releases, by the name of the release and that of the agent, with * for any type.
var agentFacts = sync.OnceValue(func() map[[2]string]agentFact {
	all := make(map[[2]string]agentFact)
	for _, row := range rows("agents.tsv", agentsTSV, 5) {
		all[[2]string{row[0], row[1]}] = agentFact{row[2], known(row[3]), sourceOf(row[4])}
	}
	return all
})

// known is a cell of a table; empty where nothing is known.
func known(cell string) string {
	if cell == "-" {
		return ""
	}
	return cell
}

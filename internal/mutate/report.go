package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/mutants"
)

// outcome is what became of a mutant.
type outcome struct {
	*mutant
	Verdict mutants.Verdict `json:"verdict"`
	By      string          `json:"by,omitempty"`      // the package and the test that found it
	Because string          `json:"because,omitempty"` // the reason why nothing can find it
	Took    float64         `json:"seconds"`
}

// found tells whether a test found the mistake. One that does not end is found by the limit.
func (o outcome) found() bool { return o.Verdict == mutants.Killed || o.Verdict == mutants.Endless }

// report is what was tried, and what came of it.
type report struct {
	Seed     string    `json:"seed,omitempty"`
	Made     int       `json:"made"` // mutants of the packages that compile
	Dropped  int       `json:"do_not_compile"`
	Tried    int       `json:"tried"`
	Found    int       `json:"found"`
	Survived int       `json:"survived"`
	Faults   []string  `json:"faults,omitempty"` // of the list of equivalents
	Mutants  []outcome `json:"mutants"`
	equals   int
	spent    time.Duration // on trying
}

// take takes an outcome into the report, and prints it.
func (r *report) take(w io.Writer, o outcome) {
	r.Mutants = append(r.Mutants, o)
	r.Tried++
	switch {
	case o.Verdict == mutants.Killed && o.Because != "":
		r.Found++
		r.Faults = append(r.Faults, fmt.Sprintf("%s: it stands in the list of equivalents, and %s by %s: take it out", o.ID, o.Verdict, o.By))
	case o.Because != "": // one that did not end in time may have been kept from it
		r.equals++
	case o.found():
		r.Found++
	default:
		r.Survived++
	}
	fmt.Fprintf(w, "%-22s %s (%s, %.1f s)\n", o.Verdict, o.ID, o.By, o.Took)
}

// end prints the survivors, as they would stand in the list of equivalents, and the sum.
func (r *report) end(w io.Writer, began time.Time) {
	for _, o := range r.Mutants {
		if !o.found() && o.Because == "" {
			fmt.Fprintf(w, "\n%s:%d: %s %s\n%s", o.File, o.Line, o.Verdict, o.By, o.entry())
		}
	}
	for _, f := range r.Faults {
		fmt.Fprintln(w, f)
	}
	fmt.Fprintf(w, "\n%d of %d mutants tried in %s: %d found, %d equivalent, %d survived; %d do not compile\n",
		r.Tried, r.Made, time.Since(began).Round(time.Second), r.Found, r.equals, r.Survived, r.Dropped)
	if n := r.Tried - r.equals; n > 0 {
		fmt.Fprintf(w, "score: %.1f %% of %d\n", 100*float64(r.Found)/float64(n), n)
	}
}

// write writes the report as JSON.
func (r *report) write(name string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(data, '\n'), 0o600)
}

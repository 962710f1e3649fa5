package readiness

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
)

// Level is how bad a finding is.
type Level string

// The levels, the worst first.
const (
	// Blocker is what the target does not take: the pair cannot run there before it is changed.
	Blocker Level = "blocker"
	// Warning is what the target takes otherwise, ignores or converts.
	Warning Level = "warning"
	// Note is what will have to be changed one day, or is good to know.
	Note Level = "note"
)

var levels = []Level{Blocker, Warning, Note}

// Finding is one thing that stands between the pair and the target.
type Finding struct {
	Level  Level  `json:"level"`
	Check  string `json:"check"`            // what was looked at, such as agent or transport; stable
	Where  string `json:"where,omitempty"`  // file:line:column; empty where the input has no place for it
	Object string `json:"object,omitempty"` // the id in the CIB, or the key in corosync.conf
	Found  string `json:"found"`
	Why    string `json:"why"` // why the target does not take it
	Next   string `json:"next"`
	Source Source `json:"source"`
}

// Gap is something that was not checked: it is not known to be fine.
type Gap struct {
	What  string `json:"what"`
	Needs string `json:"needs"` // what would tell
}

// Input is what is known of the pair today. What is nil or empty is not known, and the report says what was not checked
// for the lack of it.
type Input struct {
	CIB         *pacemaker.CIB
	Conf        *corosync.Conf      // corosync.conf
	ClusterConf string              // the name of the pair's cluster.conf: it runs on CMAN
	From        string              // the name of its release; empty takes it from Versions
	Versions    []Versions          // of each node
	Agents      []string            // those of the target, as [ParseAgents] reads them
	Addresses   map[string][]string // of each node, one a ring: for a corosync.conf without a nodelist
}

// Report is how ready a pair is for a release.
type Report struct {
	Target     Release   `json:"target"`
	From       *Release  `json:"from,omitempty"` // nil is not known
	Findings   []Finding `json:"findings"`
	NotChecked []Gap     `json:"notChecked"`
	Ways       []Way     `json:"ways"`
}

// Ready says that nothing blocks, as far as it was checked: NotChecked says what was not.
func (r *Report) Ready() bool { return r.Count(Blocker) == 0 }

// Count is how many findings are of a level.
func (r *Report) Count(level Level) (n int) {
	for _, f := range r.Findings {
		if f.Level == level {
			n++
		}
	}
	return n
}

// ErrNothing says that there is nothing to check.
var ErrNothing = errors.New("nothing is known of the pair: give its CIB or its corosync.conf")

// Check says what of a pair a release does not take. A target that is not known is [ErrUnknownRelease], and so is one
// that pairs cannot be checked for.
func Check(in Input, target string) (*Report, error) {
	to, err := ReleaseNamed(target)
	if err == nil && !to.Target {
		err = fmt.Errorf("%w as a target %q", ErrUnknownRelease, target)
	}
	if err != nil {
		return nil, fmt.Errorf("%w; pairs can be checked for %s", err, strings.Join(Targets(), ", "))
	}
	if in.CIB.Empty() && in.Conf == nil {
		return nil, ErrNothing
	}
	from, err := origin(in)
	if err != nil {
		return nil, err
	}
	c := &checker{in: in, to: to, from: from, report: &Report{Target: to, From: from, Findings: []Finding{}, NotChecked: []Gap{}}}
	c.software()
	c.messaging()
	if in.CIB.Empty() {
		c.gap("the configuration of the cluster: resources, agents, options, schema", "the CIB (cibadmin --query)")
	} else {
		c.schema()
		c.rules()
		c.agents()
	}
	c.report.Ways = ways(c)
	slices.SortStableFunc(c.report.Findings, func(a, b Finding) int {
		return cmp.Compare(slices.Index(levels, a.Level), slices.Index(levels, b.Level))
	})
	return c.report, nil
}

// origin is the release of the pair today: as given, else as its nodes say. Two that differ are an error.
func origin(in Input) (*Release, error) {
	names := []string{}
	if in.From != "" {
		r, err := ReleaseNamed(in.From)
		if err != nil {
			return nil, fmt.Errorf("the pair's release: %w", err)
		}
		names = append(names, r.Name)
	}
	for _, v := range in.Versions {
		if v.OS == "" {
			continue
		}
		switch r, err := ReleaseOf(v.OS); {
		case err == nil:
			names = append(names, r.Name)
		case in.From == "": // else somebody said what it is
			return nil, fmt.Errorf("node %s: %w: say which of these it is like: %s", v.Node, err, strings.Join(releaseNames(), ", "))
		}
	}
	slices.Sort(names)
	switch names = slices.Compact(names); len(names) {
	case 0:
		return nil, nil //nolint:nilnil // not known
	case 1:
		r, err := ReleaseNamed(names[0])
		return &r, err
	}
	return nil, fmt.Errorf("the pair is said to be on %s: give the inputs of one pair, before its upgrade", strings.Join(names, " and "))
}

// checker looks at a pair.
type checker struct {
	in     Input
	to     Release
	from   *Release
	report *Report
}

func (c *checker) find(f Finding) { c.report.Findings = append(c.report.Findings, f) }

func (c *checker) gap(what, needs string) {
	c.report.NotChecked = append(c.report.NotChecked, Gap{what, needs})
}

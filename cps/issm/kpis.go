package issm

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// KPI is a number that tells how the calls fare: a success rate, transactions a second, errors. It needs one limit at least.
//
// The command is the site's own. It must change nothing, and print one number and nothing else: 99.7 or 9.97E1, not "99.7 %".
// The guide does not say what the bulk statistics files (bulk-*.csv) look like, so nothing reads them here: the command does.
type KPI struct {
	Name    string   `yaml:"name"`           // letters, digits, ".", "_" and "-"
	Command []string `yaml:"command"`        // the program and its arguments; no password, as it is shown
	Host    string   `yaml:"host,omitempty"` // control name of the machine that runs it; the Cluster Manager
	Unit    string   `yaml:"unit,omitempty"` // for the reader: "%", "TPS"

	AtLeast *float64 `yaml:"at_least,omitempty"` // in its unit
	AtMost  *float64 `yaml:"at_most,omitempty"`  // in its unit
	MayFall *float64 `yaml:"may_fall,omitempty"` // by how many percent of its value before the migration
	MayRise *float64 `yaml:"may_rise,omitempty"` // by how many percent of its value before the migration
}

// KPILooks says how the KPIs are looked at. The zero value of a field is its default. Every should be longer than the
// numbers take to change: three looks at the same number are one look.
type KPILooks struct {
	Good   int           `yaml:"good,omitempty"`   // so many looks in a row must find every KPI good; 3
	Every  time.Duration `yaml:"every,omitempty"`  // from look to look; 30s
	Within time.Duration `yaml:"within,omitempty"` // so long a bad look is followed by another row; 15m
}

func (l KPILooks) withDefaults() KPILooks {
	return KPILooks{cmp.Or(l.Good, 3), cmp.Or(l.Every, 30*time.Second), cmp.Or(l.Within, 15*time.Minute)}
}

var (
	kpiName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	number  = regexp.MustCompile(`^[-+]?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?$`)
)

func (c Config) validateKPIs() []error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	names := map[string]int{}
	for i, k := range c.KPIs {
		key := fmt.Sprintf("kpis[%d]", i)
		if first, twice := names[k.Name]; twice {
			bad("%s.name %q: kpis[%d] has the same name", key, k.Name, first)
		}
		names[k.Name] = i
		if !kpiName.MatchString(k.Name) {
			bad(`%s.name %q: it must be of letters, digits, ".", "_" and "-"`, key, k.Name)
		}
		if err := validArgv(k.Command); err != nil {
			bad("%s.command: %w", key, err)
		}
		if strings.ContainsFunc(k.Unit, unicode.IsControl) {
			bad("%s.unit %q: it must be one line", key, k.Unit)
		}
		limits := []struct {
			key     string
			percent bool
			value   *float64
		}{{"at_least", false, k.AtLeast}, {"at_most", false, k.AtMost}, {"may_fall", true, k.MayFall}, {"may_rise", true, k.MayRise}}
		given := 0
		for _, limit := range limits {
			switch v := limit.value; {
			case v == nil:
				continue
			case math.IsNaN(*v) || math.IsInf(*v, 0):
				bad("%s.%s: it must be a finite number", key, limit.key)
			case limit.percent && *v < 0:
				bad("%s.%s %g: it is in percent, and must be at least 0", key, limit.key, *v)
			}
			given++
		}
		if given == 0 {
			bad("%s: no limit is given: at_least, at_most, may_fall or may_rise", key)
		}
		if k.AtLeast != nil && *k.AtLeast > 100 && strings.Contains(k.Unit, "%") {
			bad("%s.at_least %g: a rate in %% is at most 100", key, *k.AtLeast)
		}
		if k.AtLeast != nil && k.AtMost != nil && *k.AtLeast > *k.AtMost {
			bad("%s: at_least %g is more than at_most %g", key, *k.AtLeast, *k.AtMost)
		}
	}
	looks := c.KPILooks
	switch {
	case len(c.KPIs) == 0 && looks != KPILooks{}:
		bad("kpi_looks: there are no kpis to look at")
	case len(c.KPIs) == 0:
	case looks.Good < 1:
		bad("kpi_looks.good %d: it must be at least 1", looks.Good)
	case looks.Every < time.Second:
		bad("kpi_looks.every %s: it must be at least 1s", looks.Every)
	case looks.Within/looks.Every < time.Duration(looks.Good):
		bad("kpi_looks.within %s: %d looks, one every %s, take longer", looks.Within, looks.Good, looks.Every)
	}
	return errs
}

func (k KPI) cmd() sshexec.Cmd { return sshexec.Command(sshexec.ReadOnly, k.Command...) }

// show is a value with its unit.
func (k KPI) show(v float64) string {
	return strings.TrimSpace(strconv.FormatFloat(v, 'g', 10, 64) + " " + k.Unit)
}

// wants are the limits in words; those against the value before only where it is known.
func (k KPI) wants(relative bool) string {
	var list []string
	if k.AtLeast != nil {
		list = append(list, "at least "+k.show(*k.AtLeast))
	}
	if k.AtMost != nil {
		list = append(list, "at most "+k.show(*k.AtMost))
	}
	if relative && k.MayFall != nil {
		list = append(list, fmt.Sprintf("at most %g percent below its value before", *k.MayFall))
	}
	if relative && k.MayRise != nil {
		list = append(list, fmt.Sprintf("at most %g percent above its value before", *k.MayRise))
	}
	return cmp.Or(strings.Join(list, " and "), "any number")
}

// judge holds a value against the limits; before is nil where nothing is known yet.
func (k KPI) judge(v float64, before *float64) error {
	low, high := math.Inf(-1), math.Inf(1)
	if k.AtLeast != nil {
		low = *k.AtLeast
	}
	if k.AtMost != nil {
		high = *k.AtMost
	}
	was := ""
	if before != nil {
		was = ", and was " + k.show(*before) + " before the migration"
		if k.MayFall != nil {
			low = max(low, *before-math.Abs(*before)**k.MayFall/100)
		}
		if k.MayRise != nil {
			high = min(high, *before+math.Abs(*before)**k.MayRise/100)
		}
	}
	if v >= low && v <= high {
		return nil
	}
	return fmt.Errorf("KPI %s is %s%s; it must be %s", k.Name, k.show(v), was, k.wants(before != nil))
}

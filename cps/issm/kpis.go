package issm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// KPI is a number that tells how the calls fare: a success rate, transactions a second, errors. It needs one limit at least.
//
// The command is the site's own. It must change nothing, and print one number and nothing else: 99.7, not "99.7 %". The
// guide does not say what the bulk statistics files (bulk-*.csv) look like, so nothing reads them here: the command does.
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
		limits := 0
		for name, limit := range map[string]*float64{"at_least": k.AtLeast, "at_most": k.AtMost, "may_fall": k.MayFall, "may_rise": k.MayRise} {
			switch {
			case limit == nil:
				continue
			case math.IsNaN(*limit) || math.IsInf(*limit, 0):
				bad("%s.%s: it must be a finite number", key, name)
			case strings.HasPrefix(name, "may_") && *limit < 0:
				bad("%s.%s %g: it is in percent, and must be at least 0", key, name, *limit)
			}
			limits++
		}
		if limits == 0 {
			bad("%s: no limit is given: at_least, at_most, may_fall or may_rise", key)
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
	case looks.Within < time.Duration(looks.Good)*looks.Every:
		bad("kpi_looks.within %s: %d looks, one every %s, take longer", looks.Within, looks.Good, looks.Every)
	}
	return errs
}

// validArgv finds what is wrong with a command of a configuration.
func validArgv(argv []string) error {
	if len(argv) == 0 {
		return errors.New("it is missing")
	}
	return sshexec.Command(sshexec.ReadOnly, argv...).Validate()
}

var (
	factKPIs     = evenkeel.NewFact[map[string]float64]("kpis.before", "value of every KPI before the migration")
	factKPIsBack = evenkeel.NewFact[string]("kpis.rollback", "the KPIs before the rollback")
)

// kpis are the KPIs of a site.
type kpis struct {
	list    []KPI
	looks   KPILooks
	manager string
}

func (m *Migration) kpis() kpis { return kpis{m.cfg.KPIs, m.cfg.KPILooks, m.cfg.ClusterManager} }

func (w kpis) host(k KPI) string { return cmp.Or(k.Host, w.manager) }

func (k KPI) cmd() sshexec.Cmd { return sshexec.Command(sshexec.ReadOnly, k.Command...) }

// show is a value with its unit.
func (k KPI) show(v float64) string {
	return strings.TrimSpace(strconv.FormatFloat(v, 'g', -1, 64) + " " + k.Unit)
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

// read reads a KPI. What is not exactly one finite number is an error.
func (w kpis) read(ctx context.Context, at evenkeel.Site, k KPI) (float64, error) {
	res, err := at.Run(ctx, w.host(k), k.cmd())
	if err == nil {
		err = evenkeel.Observed{Result: res}.Succeeded()
	}
	if err != nil {
		return 0, fmt.Errorf("KPI %s cannot be read on %s: %w", k.Name, w.host(k), err)
	}
	text := strings.TrimSpace(string(res.Stdout))
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !number.MatchString(text) {
		return 0, fmt.Errorf("KPI %s cannot be read on %s: its command must print one number and nothing else, and prints %.60q",
			k.Name, w.host(k), text)
	}
	return v, nil
}

// gate is a look at every KPI, as often in a row as is asked for. A value that is not good begins a new row; one that
// cannot be read ends the look.
func (w kpis) gate(title string, looks int, relative bool) evenkeel.Action {
	text := fmt.Sprintf("Read every KPI %d times in a row, one look every %s. Each look must find all of them good:", looks, w.looks.Every)
	paper := make([]evenkeel.Block, 0, len(w.list))
	for i, k := range w.list {
		text += fmt.Sprintf("%s %s (%s on %s): %s", []string{"", ";"}[min(i, 1)], k.Name, k.cmd(), w.host(k), k.wants(relative))
		paper = append(paper, w.onPaper(k, looks, relative))
	}
	return evenkeel.Action{
		ID: "kpis", Paper: steps.Again(paper),
		Change: evenkeel.Change{
			Title: title, Ref: "cps:564,991", Limit: w.looks.Within,
			Expect: evenkeel.Expect{Text: "every KPI within its limits"},
			Op: &evenkeel.Op{Effect: evenkeel.ReadOnly, Text: text, Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				return w.row(ctx, at, looks, relative)
			}},
		},
	}
}

// row looks at the KPIs, and prints the mean of each as a line NAME NUMBER.
func (w kpis) row(ctx context.Context, at evenkeel.Site, looks int, relative bool) (sshexec.Result, error) {
	var before map[string]float64
	if relative {
		var err error
		if before, err = factKPIs.Get(at.Facts); err != nil {
			return sshexec.Result{}, err
		}
	}
	sums := make([]float64, len(w.list))
	for look := range looks {
		if look > 0 {
			if err := at.Sleep(ctx, w.looks.Every); err != nil {
				return sshexec.Result{}, err
			}
		}
		var unread, bad []error
		for i, k := range w.list {
			v, err := w.read(ctx, at, k)
			if err != nil {
				unread = append(unread, err)
				continue
			}
			sums[i] += v
			var was *float64
			if value, known := before[k.Name]; known {
				was = &value
			} else if relative {
				unread = append(unread, fmt.Errorf("KPI %s: its value before the migration is not known", k.Name))
			}
			if err := k.judge(v, was); err != nil {
				bad = append(bad, err)
			}
		}
		if len(unread) > 0 {
			return sshexec.Result{}, errors.Join(append(unread, bad...)...)
		}
		if len(bad) > 0 {
			return sshexec.Result{}, evenkeel.NotYet(w.looks.Every, "%v", errors.Join(bad...))
		}
	}
	var lines []string
	for i, k := range w.list {
		lines = append(lines, k.Name+" "+strconv.FormatFloat(sums[i]/float64(looks), 'g', -1, 64))
	}
	return sshexec.Result{Stdout: []byte(strings.Join(lines, "\n"))}, nil
}

// before is the gate before anything is changed. It notes the values for all gates that follow.
func (w kpis) before() evenkeel.Action {
	a := w.gate("Note the KPIs", w.looks.Good, false)
	a.Paper = append(a.Paper, w.notePaper(factKPIs.Variable()))
	a.Makes = []evenkeel.Make{factKPIs.From(func(o evenkeel.Observed) (map[string]float64, error) {
		values := map[string]float64{}
		for line := range strings.Lines(o.Text()) {
			name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return nil, fmt.Errorf("KPI %s: %w", name, err)
			}
			values[name] = v
		}
		if len(values) != len(w.list) {
			return nil, fmt.Errorf("%d of %d KPIs are known", len(values), len(w.list))
		}
		return values, nil
	})}
	return a
}

// informs notes the KPIs before a rollback. It stops nothing: a rollback is needed just when they are bad.
func (w kpis) informs() evenkeel.Action {
	return evenkeel.Action{
		ID: "kpis", Paper: []evenkeel.Block{w.notePaper(factKPIsBack.Variable())},
		Makes: []evenkeel.Make{factKPIsBack.From(func(o evenkeel.Observed) (string, error) { return o.Text(), nil })},
		Change: evenkeel.Change{
			Title: "Note the KPIs", Ref: "cps:1831", Note: "It stops nothing, whatever they are.",
			Op: &evenkeel.Op{
				Effect: evenkeel.ReadOnly, Text: "Read every KPI once: " + w.commands() + ".",
				Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
					before, _ := factKPIs.Get(at.Facts) // not known is not shown
					var list []string
					for _, k := range w.list {
						v, err := w.read(ctx, at, k)
						switch was, known := before[k.Name]; {
						case ctx.Err() != nil:
							return sshexec.Result{}, ctx.Err()
						case err != nil:
							list = append(list, k.Name+" could not be read on "+w.host(k))
						case known:
							list = append(list, fmt.Sprintf("%s is %s, and was %s", k.Name, k.show(v), k.show(was)))
						default:
							list = append(list, fmt.Sprintf("%s is %s", k.Name, k.show(v)))
						}
					}
					return sshexec.Result{Stdout: []byte(strings.Join(list, "; "))}, nil
				},
			},
		},
	}
}

// commands are the commands of the KPIs, in words.
func (w kpis) commands() string {
	var list []string
	for _, k := range w.list {
		list = append(list, fmt.Sprintf("%s (%s on %s)", k.Name, k.cmd(), w.host(k)))
	}
	return strings.Join(list, ", ")
}

// kpiFunction judges a KPI on paper.
const kpiFunction = `
# judge_kpi NAME LEAST MOST FALL RISE [BEFORE]: whether the one number that is read is good; - is no limit, FALL and RISE are
# percent of the number in BEFORE, which has lines NAME NUMBER
judge_kpi() {
  BEFORE="$6" awk -v n="$1" -v least="$2" -v most="$3" -v fall="$4" -v rise="$5" '
    function is(x) { return x ~ /^[-+]?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?$/ }
    NF { k++; v = $1; if (NF > 1 || !is(v)) odd = 1 }
    END { if (k != 1 || odd) { print "NOT one number"; exit }
      v += 0; m = split(ENVIRON["BEFORE"], l, /\n/)
      for (i = 1; i <= m; i++) if (split(l[i], f, / /) == 2 && f[1] == n && is(f[2])) { b = f[2] + 0; known = 1 }
      if ((fall != "-" || rise != "-") && !known) { print "NOT known before"; exit }
      s = b < 0 ? -b : b
      bad = least != "-" && v < least + 0 || most != "-" && v > most + 0
      bad = bad || fall != "-" && v < b - s * fall / 100 || rise != "-" && v > b + s * rise / 100
      print bad ? "BAD: " v : "good" }'
}`

// onPaper is the look at a KPI that the operator types.
func (w kpis) onPaper(k KPI, looks int, relative bool) evenkeel.Block {
	limit := func(v *float64, use bool) string {
		if v == nil || !use {
			return "-"
		}
		return strconv.FormatFloat(*v, 'g', -1, 64)
	}
	script := fmt.Sprintf("%s | judge_kpi %s %s %s %s %s", evenkeel.Typed(k.cmd()), k.Name, limit(k.AtLeast, true), limit(k.AtMost, true),
		limit(k.MayFall, relative), limit(k.MayRise, relative))
	if relative && (k.MayFall != nil || k.MayRise != nil) {
		script += " " + factKPIs.Ref()
	}
	return evenkeel.Block{Host: w.host(k), Script: script, Shows: []string{"good"},
		Text: fmt.Sprintf("%d times in a row, one look every %s.", looks, w.looks.Every)}
}

// notePaper notes the KPIs in a variable, as lines NAME NUMBER.
func (w kpis) notePaper(variable string) evenkeel.Block {
	var list []string
	for _, k := range w.list {
		list = append(list, fmt.Sprintf("echo %s $(ssh %s %s)", k.Name, w.host(k), shellescape.Quote(evenkeel.Typed(k.cmd()))))
	}
	return evenkeel.Block{Host: evenkeel.OperatorHost, Script: variable + "=$(" + strings.Join(list, "; ") + ") && declare -p " + variable}
}

// paperFunctions are the functions that the operator pastes who follows the runbook by hand.
func (m *Migration) paperFunctions() string {
	if len(m.cfg.KPIs) == 0 {
		return steps.PaperFunctions
	}
	return steps.PaperFunctions + kpiFunction
}

// kpiGate is the gate as the actions of a step: none where no KPI is watched.
func (m *Migration) kpiGate(title string) []evenkeel.Action {
	if len(m.cfg.KPIs) == 0 {
		return nil
	}
	return []evenkeel.Action{m.kpis().gate(title, m.cfg.KPILooks.Good, true)}
}

// kpiStep is the gate as a step of its own.
func (m *Migration) kpiStep(id, title, why string) []evenkeel.Step {
	if len(m.cfg.KPIs) == 0 {
		return nil
	}
	return []evenkeel.Step{{
		ID: id, Title: title, Host: m.cfg.ClusterManager, Ref: "cps:564,991", Why: why, Needs: []evenkeel.FactKey{factKPIs},
		Actions: m.kpiGate(title),
	}}
}

// kpiBefore are the gate before anything is changed, and the fact that it makes.
func (m *Migration) kpiBefore() ([]evenkeel.Action, []evenkeel.FactKey) {
	if len(m.cfg.KPIs) == 0 {
		return nil, nil
	}
	return []evenkeel.Action{m.kpis().before()}, []evenkeel.FactKey{factKPIs}
}

// reviewSite says what is watched of the calls, and what of the site's own programs is lost with its machine.
func (m *Migration) reviewSite() []cps.Finding {
	var list []cps.Finding
	add := func(severity cps.Severity, where, format string, args ...any) {
		list = append(list, cps.Finding{Severity: severity, Where: where, What: fmt.Sprintf(format, args...), Row: "CPS-232"})
	}
	if len(m.cfg.KPIs) == 0 {
		add(cps.Info, "kpis", "no KPI is watched: the operator alone judges the call traffic")
	}
	replaced := func(host string) bool {
		return host == m.cfg.ClusterManager || m.sets[1].Contains(host) || m.sets[2].Contains(host)
	}
	const lost = "which is replaced: put what the commands need on the new machine before the migration goes on"
	var hosts []string
	for _, k := range m.cfg.KPIs {
		if host := m.kpis().host(k); replaced(host) && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
			add(cps.Info, "kpis", "KPIs are read on %s, %s", host, lost)
		}
	}
	if a := m.cfg.Alarms; a != nil && replaced(m.alarmHost()) {
		add(cps.Info, "alarms", "alarms are silenced on %s, %s", m.alarmHost(), lost)
	}
	return list
}

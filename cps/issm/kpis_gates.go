package issm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

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

// often says how often the KPIs are looked at.
func (w kpis) often(looks int) string {
	if looks == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times in a row, one look every %s", looks, printable.Duration(w.looks.Every))
}

// gate is a look at every KPI, as often in a row as is asked for. A value that is not good begins a new row; one that
// cannot be read ends the look.
func (w kpis) gate(title string, looks int, relative bool) evenkeel.Action {
	var list []string
	var paper []evenkeel.Block
	for _, k := range w.list {
		list = append(list, fmt.Sprintf("%s (%s on %s): %s", k.Name, k.cmd(), w.host(k), k.wants(relative)))
		paper = append(paper, w.onPaper(k, looks, relative))
	}
	text := "Read every KPI " + w.often(looks) + ". Each look must find all of them good: " + strings.Join(list, "; ")
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

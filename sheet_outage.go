package evenkeel

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// outages says what is expected to be down, how often and for how long each time: by the windows of the runbook, and by
// what is away because it is stopped. What is down equally often and long is named together.
func (t *Timetable) outages() (list []string) {
	each := map[string][]Estimate{}
	var names []string
	for _, w := range t.Windows {
		for _, name := range w.Down {
			if each[name] == nil {
				names = append(names, name)
			}
			each[name] = append(each[name], w.Each)
		}
	}
	with := map[string][]string{}
	var texts []string
	for _, name := range names {
		text := timesDown(each[name])
		if with[text] == nil {
			texts = append(texts, text)
		}
		with[text] = append(with[text], name)
	}
	for _, text := range texts {
		list = append(list, some(with[text], 4)+": "+text)
	}
	for _, a := range t.Absences {
		if a.Stopped {
			list = append(list, fmt.Sprintf("%s: once, for a time that is %s", a.What, a.Lasts))
		}
	}
	return list
}

// timesDown is how often and for how long.
func timesDown(each []Estimate) string {
	all := each[0]
	for _, e := range each[1:] {
		all.Part = all.Part || e.Part || !e.known() || !all.known()
		all.Least, all.Most = min(cmp.Or(all.Least, all.Most), cmp.Or(e.Least, e.Most)), max(all.Most, e.Most)
		all.From = cmp.Or(all.From, e.From)
	}
	often := "once, for "
	if n := len(each); n > 1 {
		often = fmt.Sprintf("%d times, each for ", n)
	}
	if !all.known() {
		return often + "a time that is not known"
	}
	return fmt.Sprintf("%s%s (%s)", often, all, all.From)
}

// some are the first n names, and how many there are beside.
func some(names []string, n int) string {
	if len(names) <= n {
		return strings.Join(names, ", ")
	}
	return strings.Join(slices.Clone(names[:n]), ", ") + fmt.Sprintf(" and %d more", len(names)-n)
}

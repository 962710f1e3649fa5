package cli

import (
	"fmt"
	"maps"
	"slices"

	"github.com/evenkeel-ha/evenkeel"
)

// apart finds the windows of each pair that are to be kept apart.
func (f *loadedFleet) apart(w *wrong) {
	f.labels(w)
	for i, rule := range f.file.Apart {
		key, found := fmt.Sprintf("apart[%d]", i), 0
		for j := range f.members {
			value, has := f.members[j].Labels[rule.Label]
			if !has {
				continue
			}
			if found++; value == noLabel || f.members[j].book == nil {
				continue
			}
			windows := rule.Windows
			if len(windows) == 0 {
				windows = outagesOf(f.members[j].book)
			}
			for _, name := range rule.Windows {
				if !slices.Contains(windowsOf(f.members[j].book), name) {
					w.add("%s: windows: %s has no window %q%s", key, f.members[j].Name, name, meant(name, windowsOf(f.members[j].book)))
				}
			}
			for _, name := range windows {
				keys := f.Pairs[j].Keys
				keys[name] = append(keys[name], rule.Label+"="+value)
			}
		}
		if found == 0 {
			w.add("%s: label: no pair has a label %q", key, rule.Label)
		}
	}
	for j := range f.members {
		if f.members[j].book == nil {
			continue
		}
		if outer, inner := waitsInside(f.members[j].book, f.Pairs[j].Keys); inner != "" {
			w.add("apart: %s would have to wait before window %s in the middle of the outage %s: name both, under the same labels",
				f.members[j].Name, inner, outer)
		}
	}
}

// noLabel says that a pair has nothing of a label in common with any other.
const noLabel = "none"

// labels refuses what would keep nothing apart, and looks as if it did: a label that no rule names, and a pair without the label of a rule.
func (f *loadedFleet) labels(w *wrong) {
	var known []string
	for _, rule := range f.file.Apart {
		known = append(known, rule.Label)
	}
	for i, m := range f.members {
		for _, label := range slices.Sorted(maps.Keys(m.Labels)) {
			switch {
			case !slices.Contains(known, label):
				w.add("pairs[%d]: labels: nothing in apart has the label %q%s", i, label, meant(label, known))
			case m.Labels[label] == "":
				w.add("pairs[%d]: labels: %s is empty: what has it in common with others? %s: nothing", i, label, noLabel)
			}
		}
		for j, label := range known {
			if _, has := m.Labels[label]; !has && !slices.Contains(known[:j], label) {
				w.add("pairs[%d]: labels: apart needs its %s; where it has none in common with another pair, write %s: %s", i, label, label, noLabel)
			}
		}
	}
}

// windowsOf are the windows of a runbook, outagesOf those that are an outage.
func windowsOf(rb *evenkeel.Runbook) (names []string) {
	for i := range rb.Steps {
		for _, w := range rb.Steps[i].Opens {
			names = append(names, w.ID)
		}
	}
	return names
}

func outagesOf(rb *evenkeel.Runbook) (names []string) {
	for i := range rb.Steps {
		for _, w := range rb.Steps[i].Opens {
			if w.Stop != evenkeel.StopBetweenSteps {
				names = append(names, w.ID)
			}
		}
	}
	return names
}

// waitsInside finds a window before which a pair would wait for another one while it has an outage itself.
func waitsInside(rb *evenkeel.Runbook, keys map[string][]string) (outage, window string) {
	open := map[string]bool{} // outages
	for i := range rb.Steps {
		s := &rb.Steps[i]
		for _, w := range s.Opens {
			for outage := range open {
				for _, key := range keys[w.ID] {
					if !slices.Contains(keys[outage], key) {
						return outage, w.ID
					}
				}
			}
		}
		for _, w := range s.Opens {
			if w.Stop != evenkeel.StopBetweenSteps {
				open[w.ID] = true
			}
		}
		for _, id := range s.Closes {
			delete(open, id)
		}
	}
	return "", ""
}

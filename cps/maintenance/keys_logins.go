package maintenance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
)

// login is one login that was tried; from is empty where all are from the same machine.
type login struct{ from, to, status string }

func (l login) String() string {
	text := l.to + " (exit status " + l.status + ")"
	if l.from != "" {
		text = l.from + " to " + text
	}
	return text
}

// logins reads what a script printed of logins, HOST STATUS or FROM TO STATUS: each of these ("HOST", "FROM TO"), and no
// other, with the status that is wanted. The error names those that ended otherwise.
func logins(o evenkeel.Observed, want []string, status, fault string) error {
	if err := o.Succeeded(); err != nil {
		return err
	}
	var all []login
	var got []string
	for line := range strings.Lines(string(o.Stdout)) {
		words := strings.Fields(line)
		if len(words) == 2 {
			words = append([]string{""}, words...)
		}
		if len(words) != 3 {
			return fmt.Errorf("not a line on a login: %.80q", line)
		}
		all = append(all, login{words[0], words[1], words[2]})
		got = append(got, strings.TrimSpace(words[0]+" "+words[1]))
	}
	slices.Sort(got)
	switch bad := otherwise(all, status); {
	case len(bad) > 0:
		return fmt.Errorf("%s: %s", fault, strings.Join(bad, ", "))
	case o.Truncated || len(got) != len(want):
		return fmt.Errorf("the output tells of %d logins, and not of the %d that were to be tried", len(got), len(want))
	case !slices.Equal(got, slices.Sorted(slices.Values(want))):
		return fmt.Errorf("the output tells of other logins than those that were to be tried: %s", strings.Join(got, ", "))
	}
	return nil
}

// otherwise names the logins that did not end with the status. A machine to which every login failed, or from which every
// one did, stands in the place of all of them.
func otherwise(all []login, status string) []string {
	var list []string
	for _, side := range []struct {
		words string
		of    func(login) string
	}{
		{"every login to ", func(l login) string { return l.to }},
		{"every login from ", func(l login) string { return l.from }},
	} {
		tried, bad := map[string]int{}, map[string]int{}
		for _, l := range all {
			tried[side.of(l)]++
			if l.status != status {
				bad[side.of(l)]++
			}
		}
		var names []string
		all = slices.DeleteFunc(slices.Clone(all), func(l login) bool {
			name := side.of(l)
			whole := l.from != "" && tried[name] > 1 && bad[name] == tried[name]
			if whole && !slices.Contains(names, name) {
				names = append(names, name)
			}
			return whole
		})
		for _, name := range names {
			list = append(list, side.words+name)
		}
	}
	for _, l := range all {
		if l.status != status {
			list = append(list, l.String())
		}
	}
	return list
}

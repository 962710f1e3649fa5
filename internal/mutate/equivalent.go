package main

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
)

// equivalent is a mutant that no test can find, because it does the same or what it does is harmless, and why. In the file:
//
//	mutant FILE:FUNCTION:OPERATOR:ORDINAL
//	of DIGEST
//	- the line as it is
//	+ the line with the mistake
//	because a sentence
//
// More lines have each their minus or plus. Lines that begin with # are comments. The digest is that of the function as it was when the
// reason was given: in a function that has changed, the reason has to be thought about anew, and the mutant may be another one.
type equivalent struct {
	at, id, digest, because string
	old, new                []string
}

// readEquivalents reads the list. No file is an empty list.
func readEquivalents(name string) (map[string]*equivalent, error) {
	data, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	all := map[string]*equivalent{}
	var e *equivalent
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		at := fmt.Sprintf("%s:%d", name, n)
		switch {
		case word == "" || word == "#":
		case word == "mutant":
			if all[rest] != nil {
				return nil, fmt.Errorf("%s: %s stands twice", at, rest)
			}
			e = &equivalent{at: at, id: rest}
			all[rest] = e
		case e == nil:
			return nil, fmt.Errorf("%s: before the first mutant", at)
		case word == "of":
			e.digest = rest
		case word == "-":
			e.old = append(e.old, rest)
		case word == "+":
			e.new = append(e.new, rest)
		case word == "because":
			e.because = rest
		default:
			return nil, fmt.Errorf("%s: not a line of a list: %q", at, line)
		}
	}
	for _, id := range sorted(all) {
		if all[id].because == "" {
			return nil, fmt.Errorf("%s: %s has no reason", all[id].at, id)
		}
	}
	return all, nil
}

// stale are the faults of the list's entries about some packages, all of whose mutants are known.
func stale(list map[string]*equivalent, pkgs []string, mutants []*mutant) (faults []string) {
	known := map[string]*mutant{}
	for _, m := range mutants {
		known[m.ID] = m
	}
	for _, id := range sorted(list) {
		e, m := list[id], known[id]
		switch {
		case !slices.Contains(pkgs, packageOf(id)):
		case m == nil:
			faults = append(faults, fmt.Sprintf("%s: stale: there is no mutant %s any more", e.at, id))
		case !slices.Equal(e.old, m.Old) || !slices.Equal(e.new, m.New):
			faults = append(faults, fmt.Sprintf("%s: stale: %s is another change now:\n%s", e.at, id, m.entry()))
		case e.digest != m.in.digest():
			faults = append(faults, fmt.Sprintf("%s: stale: the function of %s has changed; where the reason still holds:\n%s", e.at, id, m.entry()))
		}
	}
	return faults
}

// packageOf is the package of a mutant, by its id.
func packageOf(id string) string {
	file, _, _ := strings.Cut(id, ":")
	if dir := path.Dir(file); dir != "." {
		return "./" + dir
	}
	return "."
}

// entry is the mutant as it would stand in the list.
func (m *mutant) entry() string {
	var b strings.Builder
	fmt.Fprintf(&b, "mutant %s\nof %s\n", m.ID, m.in.digest())
	for _, l := range m.Old {
		fmt.Fprintf(&b, "- %s\n", l)
	}
	for _, l := range m.New {
		fmt.Fprintf(&b, "+ %s\n", l)
	}
	return b.String()
}

package cps

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// ClusterSet is a cluster-upgrade set: the aliases of the VMs that are upgraded together (cps:617-628).
type ClusterSet []string

// ClusterSetPath is where create-cluster-sets.sh puts the file of set 1 or 2 (cps:589-590).
func ClusterSetPath(set int) string { return fmt.Sprintf("/var/tmp/cluster-upgrade-set-%d.txt", set) }

// ParseClusterSet reads a cluster-upgrade-set file: one alias a line; blank lines are skipped. An alias given twice, several words
// on a line, or an empty file is an error.
func ParseClusterSet(r io.Reader) (ClusterSet, error) {
	src, err := readSource(r, "cluster-upgrade-set")
	if err != nil {
		return nil, err
	}
	var set ClusterSet
	first := map[string]int{}
	for _, l := range src.lines {
		alias := strings.TrimSpace(l.text)
		switch {
		case alias == "" || isFence(alias):
		case isPrompt(alias):
			// The guide prints both files one after the other, each under its own prompt: that is not one file.
			if len(set) > 0 {
				src.failf(l.no, 1, alias, "a second file begins here")
			}
		case !aliasForm.MatchString(alias):
			src.failf(l.no, 1, alias, "not an alias: one a line, letters, digits, dots and dashes only")
		case first[alias] != 0:
			src.failf(l.no, 1, alias, "alias given twice, first on line %d", first[alias])
		default:
			first[alias] = l.no
			set = append(set, alias)
		}
	}
	if len(set) == 0 && len(src.errs) == 0 {
		src.failf(src.end(), 0, "", "no alias is listed")
	}
	if err := src.err(); err != nil {
		return nil, err
	}
	return set, nil
}

// WriteTo writes the set as create-cluster-sets.sh does: one alias a line.
func (s ClusterSet) WriteTo(w io.Writer) (int64, error) { return writeLines(w, s.String()) }

// String is the file's text.
func (s ClusterSet) String() string {
	if len(s) == 0 {
		return ""
	}
	return strings.Join(s, "\n") + "\n"
}

// Contains tells whether an alias is in the set.
func (s ClusterSet) Contains(alias string) bool { return slices.Contains(s, alias) }

// SplitClusterSets divides a cluster into its two upgrade sets: VMs with an even number are set 1, those with an odd number set 2. In
// a set the classes come as pcrfclient, lb, sessionmgr, qns, then any other in the order of Hosts.csv; within a class the numbers
// count up (cps:593-628). An alias without a number or with two, and a class that has VMs on one side only, are errors:
// the first cannot be placed, and of the second nothing would be left to serve while its set is upgraded. The classes
// are those of the roles; a cluster with other aliases needs two sets that somebody made.
func SplitClusterSets(h *Hosts) (set1, set2 ClusterSet, err error) {
	if h == nil {
		return nil, nil, errors.New("there is no Hosts.csv")
	}
	var vms []numbered
	var errs srcerr.List
	rank := map[string]int{"pcrfclient": 0, "lb": 1, "sessionmgr": 2, "qns": 3}
	sides := map[string][2]int{}
	for i, host := range h.Rows {
		vm, ok := splitAlias(host.Alias)
		if !ok {
			errs = append(errs, srcerr.Errorf(h.File, host.Line, 0, host.Alias, "alias has no number, so it belongs to neither upgrade set"))
			continue
		}
		if twoNumbers.MatchString(host.Alias) {
			errs = append(errs, srcerr.Errorf(h.File, host.Line, 0, host.Alias,
				"alias has two numbers, so nobody can say which upgrade set it belongs to"))
			continue
		}
		vm.class = host.Class()
		if _, known := rank[vm.class]; !known {
			rank[vm.class] = len(rank) + i
		}
		n := sides[vm.class]
		n[vm.number%2]++
		sides[vm.class] = n
		vm.line = host.Line
		vms = append(vms, vm)
	}
	for _, vm := range vms {
		n := sides[vm.class]
		if n[0] == 0 || n[1] == 0 {
			set := 1 + vm.number%2
			errs = append(errs, srcerr.Errorf(h.File, vm.line, 0, vm.alias,
				"every VM of class %s would be in set %d: none would serve while that set is upgraded%s", vm.class, set, h.otherRoles(vm.class)))
			sides[vm.class] = [2]int{1, 1} // said once for the class
		}
	}
	if len(vms) == 0 && len(errs) == 0 {
		errs = append(errs, srcerr.Errorf(h.File, 0, 0, "", "no VM is listed"))
	}
	if err := errs.Err(); err != nil {
		return nil, nil, err
	}
	slices.SortStableFunc(vms, func(a, b numbered) int {
		return cmp.Or(cmp.Compare(rank[a.class], rank[b.class]), cmp.Compare(a.number, b.number))
	})
	for _, vm := range vms {
		if vm.number%2 == 0 {
			set1 = append(set1, vm.alias)
		} else {
			set2 = append(set2, vm.alias)
		}
	}
	return set1, set2, nil
}

// otherRoles names the VMs that by their aliases would be of a class, and by the column Role are not, or the other way
// round: the mistake may be there.
func (h *Hosts) otherRoles(class string) string {
	var list []string
	for _, host := range h.Rows {
		by, ok := splitAlias(host.Alias)
		if is := host.Class(); ok && is != by.class && (is == class || by.class == class) && slices.Contains(classes, by.class) {
			list = append(list, fmt.Sprintf("%s (line %d) has %q", host.Alias, host.Line, host.Role))
		}
	}
	if len(list) == 0 {
		return ""
	}
	return fmt.Sprintf(". Look at the column %q: %s", columnRole, strings.Join(list, ", "))
}

// classes are those that the aliases of the guide have (cps:599-609).
var classes = []string{"lb", "sessionmgr", "qns", "pcrfclient"}

// twoNumbers is an alias with a site behind it: lb01-SITE1.
var twoNumbers = regexp.MustCompile(`(?i)(?:lb|qns|qps|sessionmgr|sm|pcrfclient)\d+[^0-9].*\d$`)

// numbered is an alias as class and number: sessionmgr02 is sessionmgr and 2.
type numbered struct {
	alias, class string
	number       int
	line         int
}

var numberedForm = regexp.MustCompile(`^(.*[^0-9])([0-9]{1,9})$`)

func splitAlias(alias string) (numbered, bool) {
	m := numberedForm.FindStringSubmatch(alias)
	if m == nil {
		return numbered{}, false
	}
	n, err := strconv.Atoi(m[2])
	if err != nil {
		return numbered{}, false
	}
	return numbered{alias: alias, class: strings.ToLower(m[1]), number: n}, true
}

var misspelt = regexp.MustCompile(`^(?:perfcient|prcfelient|perfclient|pcrfcient)(\d+)$`)

// CanonicalAlias gives the alias that a misspelling in the guide stands for: perfcient01 and prcfelient02 mean pcrfclient01 and
// pcrfclient02 (cps:556,838,1052,1950). Nothing is ever corrected silently: changed says that the name was another.
func CanonicalAlias(name string) (canonical string, changed bool) {
	if m := misspelt.FindStringSubmatch(name); m != nil {
		return "pcrfclient" + m[1], true
	}
	return name, false
}

// ErrNoClusterSets is what ParseCreatedSets says of an output that does not name both files.
var ErrNoClusterSets = errors.New("create-cluster-sets.sh did not report both files")

var createdForm = regexp.MustCompile(`^Created (/\S*cluster-upgrade-set-([12])\.txt)$`)

// ParseCreatedSets reads the output of create-cluster-sets.sh and gives the paths of the files of set 1 and set 2 (cps:589-590).
func ParseCreatedSets(r io.Reader) (set1, set2 string, err error) {
	src, err := readSource(r, "create-cluster-sets.sh")
	if err != nil {
		return "", "", err
	}
	var paths [2]string
	for _, l := range src.clean() {
		m := createdForm.FindStringSubmatch(strings.TrimSpace(l.text))
		switch {
		case m == nil:
			if strings.HasPrefix(l.text, "Created") {
				src.failf(l.no, 1, l.text, "not the file of a cluster-upgrade set")
			}
		case paths[m[2][0]-'1'] != "":
			src.failf(l.no, 1, l.text, "set %s is reported twice", m[2])
		default:
			paths[m[2][0]-'1'] = m[1]
		}
	}
	for i, path := range paths {
		if path == "" && len(src.errs) == 0 {
			src.failf(src.end(), 0, "", "%w: no line for set %d", ErrNoClusterSets, i+1)
		}
	}
	if err := src.err(); err != nil {
		return "", "", err
	}
	return paths[0], paths[1], nil
}

// OfClass are the VMs of the set of one class, such as lb, qns or sessionmgr.
func (s ClusterSet) OfClass(class string) []string {
	var list []string
	for _, alias := range s {
		if vm, ok := splitAlias(alias); ok && vm.class == class {
			list = append(list, alias)
		}
	}
	return list
}

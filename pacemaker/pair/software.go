package pair

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
)

//go:embed releases.tsv
var releasesTSV string

// software is how a release installs the cluster's software.
type software struct {
	readiness.Release
	file                         string // that says which release it is
	install, enable, list, names []string
}

var softwares = sync.OnceValue(func() map[string]software {
	all := map[string]software{}
	for line := range strings.Lines(releasesTSV) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		r, err := readiness.ReleaseNamed(f[0])
		if err != nil || len(f) != 6 {
			panic("releases.tsv: " + line) // the table is a part of the program
		}
		s := software{Release: r, file: f[1], install: strings.Fields(f[2]), list: strings.Fields(f[4]), names: strings.Fields(f[5])}
		if f[3] != "-" {
			s.enable = strings.Fields(f[3])
		}
		all[f[0]] = s
	}
	return all
})

// softwareOf is how a release installs the cluster's software. Debian was not tried, and is refused; so is one that has no pcs: its
// clusters are made by other words than this runbook has.
func softwareOf(name string) (software, error) {
	r, err := readiness.ReleaseNamed(name)
	if err != nil {
		return software{}, err
	}
	s, known := softwares()[name]
	if r.Family == "debian" {
		return software{}, fmt.Errorf("this runbook was not tried on %s, where packages start services by themselves: upgrade the pair by hand, "+
			"by one of the ways that are possible", r.Title)
	}
	if !known {
		return software{}, fmt.Errorf("a cluster of %s is made by %s, and this runbook has the words of pcs only", r.Title, r.Tool)
	}
	return s, nil
}

var pcsOf = regexp.MustCompile(`pcs 0\.(\d+)`)

// dialect is the pcs of a release.
func (s software) dialect() (pcs.Dialect, error) {
	m := pcsOf.FindStringSubmatch(s.Tool)
	if m == nil {
		return pcs.Dialect{}, fmt.Errorf("the pcs of %s is not known", s.Title)
	}
	v, err := pcs.ParseVersion(strings.NewReader("0." + m[1] + ".0"))
	if err != nil {
		return pcs.Dialect{}, err
	}
	return pcs.DialectOf(v)
}

var prettyName = regexp.MustCompile(`(?m)^PRETTY_NAME="?([^"\n]*)"?$`)

// runs wants a node to run a release.
func (s software) runs(id, title, host string) evenkeel.Action {
	return evenkeel.Look(id, title, "cat", s.file).Expecting(s.Title, evenkeel.Succeeding(func(o evenkeel.Observed) error {
		text := o.Text()
		if m := prettyName.FindStringSubmatch(text); m != nil {
			text = m[1]
		}
		is, err := readiness.ReleaseOf(text)
		if err == nil && is.Name != s.Name {
			err = fmt.Errorf("%s runs %s, not %s", host, is.Title, s.Title)
		}
		return err
	})).On(host)
}

// installed wants every one of the packages to be there.
func installed(names []string) func(evenkeel.Observed) error {
	return evenkeel.Succeeding(func(o evenkeel.Observed) error {
		lines := strings.Fields(o.Text())
		if len(lines) != len(names) {
			return fmt.Errorf("%d of %d packages are listed: %q", len(lines), len(names), o.Text())
		}
		for i, line := range lines {
			if !strings.HasPrefix(line, names[i]+"-") {
				return fmt.Errorf("%q is listed where %s should be", line, names[i])
			}
		}
		return nil
	})
}

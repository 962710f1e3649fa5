package readiness_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

// sites are the example sites and the targets whose reports are kept.
var sites = []struct {
	name    string
	targets []string
}{
	{"el6-iml", []string{"el8"}},
	{"el7-nfs-pgsql", []string{"el9", "el10"}},
	{"sles12-web", []string{"sles15", "sles16"}},
}

// The whole report of each example site. Read a difference as the operator of that site.
func TestSites(t *testing.T) {
	for _, site := range sites {
		for _, target := range site.targets {
			t.Run(site.name+" to "+target, func(t *testing.T) {
				report := check(t, siteOf(t, site.name), target)
				golden.Check(t, site.name+"/"+target+".txt", report.Text())
				golden.Check(t, site.name+"/"+target+".md", report.Markdown())
				require.NotContains(t, report.Text()+report.Markdown(), "hunter2")
			})
		}
	}
}

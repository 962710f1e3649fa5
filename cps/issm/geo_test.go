package issm_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// geoSite is a site of a GR system: the plan of its migration, and the site, simulated, which is site real; nobody
// watches its databases.
func geoSite(t *testing.T, site, real int) (*evenkeel.Runbook, simulated) {
	t.Helper()
	hostsCSV, _ := renamed(t, func(alias string) string { return "PRI-" + alias })
	hosts, err := cps.ParseHosts(text("Hosts.csv", hostsCSV))
	require.NoError(t, err)
	file := fixture(t, "mongoConfig-gr.cfg")
	mc, err := cps.ParseMongoConfig(text("mongoConfig.cfg", file))
	require.NoError(t, err)
	m, err := issm.New(issm.Config{ArchiveDir: "/srv/cps-archives", Geo: &issm.Geo{Site: site}}, hosts, mc)
	require.NoError(t, err)
	rb, err := m.Runbook()
	require.NoError(t, err)
	d, err := cpstest.New(cpstest.Options{HostsCSV: hostsCSV, MongoConfig: file, Geo: real})
	require.NoError(t, err)
	return rb, simulated{d}
}

func (w simulated) write(t *testing.T, host, name, text string) {
	t.Helper()
	r, err := w.Runner(host)
	require.NoError(t, err)
	cmd := sshexec.Command(sshexec.Mutating, "tee", name)
	cmd.Stdin = sshexec.Text(text)
	_, err = r.Run(context.Background(), cmd)
	require.NoError(t, err)
}

func geoRows(rb *evenkeel.Runbook) []string {
	var list []string
	for _, s := range rb.Steps {
		if strings.HasPrefix(s.ID, "gr-row-") {
			list = append(list, strings.TrimPrefix(s.ID, "gr-row-"))
		}
	}
	return list
}

// TestGeo (WF-002, CPS-181): each site is migrated by rows of the guide's table, each of which is seen to be so; the new
// load balancers get no qns_hb either.
func TestGeo(t *testing.T) {
	for site, want := range map[int][]string{1: {"0", "1", "2"}, 2: {"2", "3", "4"}} {
		rb, w := geoSite(t, site, site)
		require.Equal(t, want, geoRows(rb))
		o := runOn(t, rb, w, "")
		require.NoError(t, o.err, "%v", o.events)
		require.NoError(t, w.Check())
		requireMigrated(t, w)
		for _, lb := range []string{"PRI-lb01", "PRI-lb02"} {
			prompted := 0
			for _, name := range o.prompted {
				if strings.HasSuffix(name, "/heartbeat-"+lb) {
					prompted++
				}
			}
			require.Equal(t, 2, prompted, "%s: before the migration, and on the new machine", lb)
		}
	}
}

// TestGeoOnPaper: the rows of the table as the operator reads them.
func TestGeoOnPaper(t *testing.T) {
	rb, _ := geoSite(t, 1, 1)
	var md strings.Builder
	require.NoError(t, rb.Markdown(&md))
	var parts []string
	for _, part := range strings.Split(md.String(), "\n## ") {
		if strings.Contains(part, "cps:1435") || strings.Contains(part, "cps:1458") || strings.Contains(part, "guide: cps:1470") {
			parts = append(parts, "## "+part)
		}
	}
	require.Len(t, parts, 8)
	golden.Check(t, "geo.md", strings.Join(parts, "\n"))
}

// TestGeoStops (CPS-211): a site that is not where the table has it, or is watched, or has a qns_hb, is not migrated further.
func TestGeoStops(t *testing.T) {
	for name, tc := range map[string]struct {
		site, real int
		harm       func(t *testing.T, w simulated)
		hold, want string
	}{
		"the other site is migrated already": {1, 2, nil, "", "runs MongoDB 3.6.17, and is to run 3.6.9 by now"},
		"site 1 is not migrated yet":         {2, 1, nil, "", "runs MongoDB 3.6.9, and is to run 3.6.17 by now"},
		"the databases are watched": {1, 1, func(t *testing.T, w simulated) {
			t.Helper()
			w.write(t, "PRI-pcrfclient02", cps.LBFailoverSets, "SESSION-SET2\n")
		}, "", "has SESSION-SET2 in force: stop the monitoring first"},
		"qns_hb runs": {1, 1, nil, "gr-before", "as the test wants it"},
	} {
		t.Run(name, func(t *testing.T) {
			rb, w := geoSite(t, tc.site, tc.real)
			if tc.harm != nil {
				tc.harm(t, w)
			}
			o := runOn(t, rb, w, tc.hold)
			require.ErrorContains(t, o.err, tc.want)
			require.False(t, slices.ContainsFunc(w.Report().VMs, func(v cpstest.VMReport) bool { return v.Release != "19.4.0" }))
		})
	}
}

// CPS-181: a new pcrfclient whose lists have a set in force stops the run before its half is enabled.
func TestGeoWatchedFromANewVM(t *testing.T) {
	rb, w := geoSite(t, 1, 1)
	require.NoError(t, w.Lie(cpstest.Lie{Command: "find /etc/broadhop *", Host: "PRI-pcrfclient02", Says: prints("SESSION-SET2\n")}))
	o := runOn(t, rb, w, "")
	require.Regexp(t, `^gr-lists-set-1/unwatched-\d+$`, stoppedAt(o.err), "%v", o.err)
	require.ErrorContains(t, o.err, "has SESSION-SET2 in force: stop the monitoring first")
}

func TestGeoThatCannotBePlanned(t *testing.T) {
	for want, geo := range map[string]*issm.Geo{
		"geo.site 0: a GR system has the sites 1 and 2":                    {},
		"source_mongo and target_mongo are both 3.6.17":                    {Site: 1, SourceMongo: "3.6.17"},
		"no replica set has a data member at the other site: this cluster": {Site: 1},
	} {
		_, err := issm.New(issm.Config{ArchiveDir: "/a", Geo: geo}, guideHosts(t), guideMongo(t))
		require.ErrorContains(t, err, want)
	}
}

package pair_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair/pairtest"
)

// site is the built-in one under other names.
func site(edit func(*pairtest.Site)) *pairtest.Site {
	renamed := strings.NewReplacer("nfs1.example", "store1.example", "nfs2.example", "store2.example")
	s := &pairtest.Site{Node1: "store1.example.com", Node2: "store2.example.com", From: "el8", To: "el9",
		CIB: renamed.Replace(pairtest.File("cib.xml")), Corosync: renamed.Replace(pairtest.File("corosync.conf"))}
	if edit != nil {
		edit(s)
	}
	return s
}

// A pair of one's own files runs, tells what serves where and how long nobody had it, and loses a node as a pair does.
func TestNewSite(t *testing.T) {
	w, err := pairtest.NewSite(site(nil))
	require.NoError(t, err)
	require.Equal(t, []string{"store1.example.com", "store2.example.com"}, w.Machines())
	where := map[string]string{}
	for _, s := range w.Report().Services {
		require.Len(t, s.On, 1, s.What)
		require.Zero(t, s.Down, s.What)
		where[s.What] = s.On[0]
	}
	require.Len(t, where, 7)
	require.Equal(t, "store1.example.com", where["192.168.7.100"])
	require.Equal(t, "store2.example.com", where["/srv/db"])
	require.True(t, w.Up("store2.example.com"))
	require.NotEmpty(t, w.HostKeyID("store2.example.com"))
	require.Empty(t, w.HostKeyID("nobody"))

	w.PowerLoss("store2.example.com")
	require.False(t, w.Up("store2.example.com"))
	w.Advance(5 * time.Minute)
	for _, s := range w.Report().Services {
		require.Len(t, s.On, 1, s.What)
		if where[s.What] == "store2.example.com" {
			require.Positive(t, s.Down, s.What)
			require.Equal(t, s.Down, s.Longest, s.What)
		} else {
			require.Zero(t, s.Down, s.What)
		}
	}
	require.Empty(t, w.Report().Violations)
}

// What is not simulated, and what would not run, is an error and no world.
func TestNewSiteRefuses(t *testing.T) {
	cib := func(was, is string) func(*pairtest.Site) {
		return func(s *pairtest.Site) { s.CIB = strings.Replace(s.CIB, was, is, 1) }
	}
	for want, edit := range map[string]func(*pairtest.Site){
		"nfs-disk: the agent ocf:heartbeat:ZFS is not simulated": cib(`type="Filesystem"`, `type="ZFS"`),
		`nfs-disk: the device "/srv/other" is not simulated`:     cib(`value="/dev/shared/nfs"`, `value="/srv/other"`),
		`nfs-ip: ParseAddr("192.168.7"): IPv4 address too short`: cib(`value="192.168.7.100"`, `value="192.168.7"`),
		"from el10 to el10 is not simulated":                     func(s *pairtest.Site) { s.From, s.To = "el10", "el10" },
		"sles16 is not simulated":                                func(s *pairtest.Site) { s.To = "sles16" },
		`unknown release "el99"`:                                 func(s *pairtest.Site) { s.To = "el99" },
		"the simulated cluster does not start on store1": cib("    </resources>", `<clone id="c">`+meta("c", "promotable", "true")+
			`<primitive id="x" class="ocf" provider="acme" type="magic"/></clone></resources>`),
		"the simulated cluster does not run database|db-disk|db-ip": cib(`<constraints>`, `<constraints><rsc_location id="a" rsc="database" node="store1.example.com" score="-INFINITY"/>`+
			`<rsc_location id="b" rsc="database" node="store2.example.com" score="-INFINITY"/>`),
	} {
		_, err := pairtest.NewSite(site(edit))
		require.Error(t, err, want)
		require.Regexp(t, strings.NewReplacer("(", `\(`, ")", `\)`).Replace(want), err.Error())
	}
}

// The checks alone find what the upgrade would begin with, each as a step of its own, and change nothing.
func TestPreflightAlone(t *testing.T) {
	s := newScene(t, pairtest.Options{}, nil)
	book, err := s.pair.Preflight()
	require.NoError(t, err)
	require.Empty(t, book.LeaseHosts)
	require.Len(t, book.Steps, len(s.book.Steps[0].Actions))
	before := s.world.Hash()
	report, err := evenkeel.Run(t.Context(), book, s.world, options(s.world, &evenkeel.MemJournal{}))
	require.NoError(t, err)
	require.True(t, report.State.Done)
	require.False(t, report.State.Changed)
	require.Equal(t, before, s.world.Hash())
}

// What a backup must hold is what the steps read, and what the site has restored.
func TestRequirements(t *testing.T) {
	var paths []string
	for _, r := range pair.Requirements("/etc/exports") {
		paths = append(paths, r.Path)
	}
	require.Subset(t, paths, []string{"/etc/corosync/corosync.conf", "/etc/hosts", "/etc/exports"})
	require.NotContains(t, strings.Join(paths, " "), "chroma")
}

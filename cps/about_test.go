package cps_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
)

func about(t testing.TB, name string) *cps.About {
	t.Helper()
	a, err := cps.ParseAbout(text(name, fixture(t, name)))
	require.NoError(t, err)
	return a
}

func release(t testing.TB, s string) cps.Release {
	t.Helper()
	r, err := cps.ParseRelease(s)
	require.NoError(t, err)
	return r
}

// CPS-061, CPS-126.
func TestParseAboutCluman(t *testing.T) {
	a := about(t, "about-cluman.txt")
	require.Equal(t, "CPS Multi-Node Environment", a.Environment)
	require.Equal(t, "21.1.0", a.Installer.String())
	require.Len(t, a.Components, 3)
	require.Equal(t, cps.Component{VM: "lb01", Process: "qns-2", Name: "diameter_endpoint",
		Release: release(t, "19.4.0.release"), Line: 12}, a.Components[1])
	require.False(t, a.Arbiter())
	require.False(t, a.Mixed())
	require.Empty(t, a.Other)
}

// CPS-061, CPS-126: the arbiter's form.
func TestParseAboutArbiter(t *testing.T) {
	a := about(t, "about-arbiter.txt")
	require.True(t, a.Arbiter())
	require.Equal(t, "21.1.0", a.Installer.String())
	require.Empty(t, a.Components)
}

// CPS-127, CPS-231: set 1 is on the new release, set 2 on the old.
func TestParseAboutMixed(t *testing.T) {
	a := about(t, "about-mixed.txt")
	require.Len(t, a.Components, 16)
	require.True(t, a.Mixed())
	require.Len(t, a.Releases(), 2)
	require.Equal(t, "19.4.0.release", a.Releases()[0].String())
	require.Equal(t, []string{"lb01", "lb02", "qns01", "qns02", "qns03", "qns04", "pcrfclient01", "pcrfclient02"}, a.VMs())
	names := map[string]bool{}
	for _, c := range a.Components {
		names[c.Name] = true
	}
	require.Equal(t, map[string]bool{"iomanager": true, "diameter_endpoint": true, "pcrf": true, "controlcenter": true, "pb": true}, names)

	set1, set2, err := cps.SplitClusterSets(guideHosts(t))
	require.NoError(t, err)
	before, after := release(t, "19.4.0"), release(t, "21.1.0")
	require.Empty(t, a.CheckHalves(set1, before, after))
	require.Len(t, a.CheckHalves(set2, before, after), 16)
	require.Len(t, a.CheckHalves(append(set1, "qns06", "sessionmgr04"), before, after), 1, "qns06 should be listed, a session manager not")
}

// CPS-128: lines about patches are kept, and names found in them.
func TestParseAboutPatch(t *testing.T) {
	a, err := cps.ParseAbout(text("a", "CPS Installer Version - 7.5.0.12\nCPS Patch Applied - Patch_1_11.9.9 (CPS701_1234.tar.gz)\n"))
	require.NoError(t, err)
	require.Equal(t, []string{"Patch_1_11.9.9", "CPS701_1234"}, a.Patches())
	require.Len(t, a.PatchLines, 1)
	require.True(t, a.Installer.Patched())
	require.Empty(t, about(t, "about-cluman.txt").Patches())
}

func TestParseAboutErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":                                          "a:1: not an output of about.sh",
		"about.sh: command not found\n":             "not an output of about.sh",
		"CPS Core Versions\n-----\n":                "a:1:1: no component is listed",
		"CPS Installer Version - soon\n":            `a:1:25: "soon" is not a release`,
		"CPS Installer Version\n":                   "expected CPS Installer Version",
		"CPS Core Versions\nlb01: qns-1\n":          `a:2:1: expected VM: qns-N (component): RELEASE: near "lb01: qns-1"`,
		"CPS Core Versions\nlb01: qns-1 (x): one\n": `a:2:18: "one" is not a release`,
		"CPS Core Versions\nlb01: qns-1 (x): 1.2.3\nlb01: qns-1 (x): 1.2.3\n": "a:3:1: qns-1 of lb01 is listed twice",
		"lb01: qns-1 (x): 1.2.3\n": "a component before the line CPS Core Versions",
		"CPS Core Versions\nlb01: qns-1 (x): 1.2.3\nssh: connect to host lb02 port\n": "expected VM: qns-N",
	} {
		_, err := cps.ParseAbout(text("a", in))
		requireError(t, err, want)
	}
}

// CPS-026.
func TestRelease(t *testing.T) {
	for _, s := range []string{"19.4.0.release", "21.1.0", "7.5.0.12", "21.1"} {
		require.Equal(t, s, release(t, s).String())
	}
	ordered := []string{"7.5.0", "7.5.0.2", "7.5.0.12", "19.4.0", "19.5.0.release", "19.10.0", "21.1.0"}
	for i, a := range ordered {
		for j, b := range ordered {
			require.Equal(t, i < j, release(t, a).Compare(release(t, b)) < 0, "%s %s", a, b)
			require.Equal(t, i == j, release(t, a).Equal(release(t, b)), "%s %s", a, b)
		}
	}
	require.True(t, release(t, "21.1.0.release").Equal(release(t, "21.1")))
	require.Equal(t, "7.5.0", release(t, "7.5.0.12").Base().String())
	require.False(t, release(t, "7.5.0.release").Patched())
	for _, s := range []string{"", "21", "21.", "v21.1.0", "21.1.0 ", "21..0", "9999999.1", "soon"} {
		_, err := cps.ParseRelease(s)
		require.ErrorIs(t, err, cps.ErrNotRelease, s)
	}
	var r cps.Release
	require.NoError(t, r.UnmarshalText([]byte("19.4.0.release")))
	require.Error(t, r.UnmarshalText([]byte("x")))
	b, err := r.MarshalText()
	require.NoError(t, err)
	require.Equal(t, "19.4.0.release", string(b))
}

// CPS-150.
func TestCheckMigration(t *testing.T) {
	for _, tt := range []struct {
		from, to string
		worst    cps.Severity
		any      bool
	}{
		{"19.4.0", "21.1.0", cps.Info, false},
		{"19.4.0.release", "21.1.0.release", cps.Info, false},
		{"19.5.0", "21.1.0", cps.Info, true},
		{"19.4.0", "21.2.0", cps.Error, true},
		{"19.4.0.3", "21.1.0", cps.Error, true},
		{"18.5.0", "21.1.0", cps.Error, true},
		{"21.1.0", "19.4.0", cps.Error, true},
	} {
		worst, found := cps.Worst(cps.CheckMigration(release(t, tt.from), release(t, tt.to)))
		require.Equal(t, tt.any, found, tt)
		require.Equal(t, tt.worst, worst, tt)
	}
}

func FuzzParseAbout(f *testing.F) {
	for _, name := range []string{"about-cluman.txt", "about-arbiter.txt", "about-mixed.txt"} {
		f.Add(fixture(f, name))
	}
	f.Fuzz(func(t *testing.T, in string) {
		a, err := cps.ParseAbout(strings.NewReader(in))
		if err != nil {
			return
		}
		require.True(t, a.Installer != nil || len(a.Components) > 0)
		a.Releases()
		a.Patches()
	})
}

func FuzzParseRelease(f *testing.F) {
	f.Add("21.1.0.release")
	f.Fuzz(func(t *testing.T, in string) {
		r, err := cps.ParseRelease(in)
		if err != nil {
			return
		}
		again, err := cps.ParseRelease(r.String())
		require.NoError(t, err)
		require.True(t, r.Equal(again))
	})
}

// CPS-158: a release with a word behind it may be one with a patch, also where the same release runs without.
func TestAboutFindsReleasesThatAreNotPlain(t *testing.T) {
	found := func(installer, second string) []string {
		a, err := cps.ParseAbout(text("a", "CPS Installer Version - "+installer+"\nCPS Core Versions\n"+
			"lb01: qns-1 (iomanager): 19.4.0.release\nlb02: qns-1 (iomanager): "+second+"\nlb02: qns-2 (pb): "+second+"\n"))
		require.NoError(t, err)
		return whats(a.CheckPatches())
	}
	require.Empty(t, found("19.4.0", "19.4.0.release"))
	require.Equal(t, []string{"a patch may be installed: 19.4.0.p1 is no plain release"}, found("19.4.0", "19.4.0.p1"))
	require.Contains(t, found("19.4.0", "19.4.0.2")[0], "a patch is installed")
	require.Contains(t, found("19.4.0.2", "19.4.0.release")[0], "a patch is installed")
}

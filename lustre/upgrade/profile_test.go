package upgrade_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// onZFS is the guide's pair with its targets in ZFS pools.
func onZFS() lustretest.Options {
	site := *lustretest.GuideSite(pcs.V09)
	targets := map[string]string{}
	for name, data := range site.Targets {
		pool := "mgspool"
		if strings.Contains(data, "demo-MDT0000") {
			pool = "mdtpool"
		}
		before, after, _ := strings.Cut(data, `"bdev": "`)
		_, after, _ = strings.Cut(after, `"`)
		targets[name] = strings.Replace(before, `"ldiskfs"`, `"zfs"`, 1) + `"bdev": "` + pool + `/t"` + after
	}
	site.Targets = targets
	return lustretest.Options{Site: &site}
}

// worldFor is the guide's pair, on what a profile installs.
func worldFor(p lustre.Profile) lustretest.Options {
	if p == lustre.ZFSOnly {
		return onZFS()
	}
	return lustretest.Options{}
}

// LUS-007: a profile that does not install what a target is kept on is refused when the plan is made.
func TestTheProfileHasWhatTheTargetsNeed(t *testing.T) {
	guide, byHand := lustretest.Options{}, func(site *lustretest.Site) lustretest.Options { return lustretest.Options{Site: site} }
	for name, tt := range map[string]struct {
		opts    lustretest.Options
		refused lustre.Profile
		other   lustre.Profile
		own     bool
		says    string
	}{
		"IML's, ldiskfs": {opts: guide, refused: lustre.ZFSOnly, other: lustre.LDISKFSOnly, says: "target MGS_32834e is on ldiskfs (/dev/"},
		"IML's, ZFS":     {opts: onZFS(), refused: lustre.LDISKFSOnly, other: lustre.ZFSOnly, says: "target MGS_32834e is in the ZFS pool mgspool"},
		"by hand, ZFS": {opts: byHand(lustretest.ZFSGroups(pcs.V09)), own: true, refused: lustre.LDISKFSOnly, other: lustre.ZFSOnly,
			says: "in the ZFS pool ost2pool"},
		"by hand, device": {opts: byHand(lustretest.LdiskfsByHand(pcs.V09)), own: true, refused: lustre.ZFSOnly, other: lustre.LDISKFSOnly,
			says: "(/dev/mapper/mpathc)"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := backedUp(t, lustretest.NewPair(tt.opts))
			if tt.own {
				ownRepos(&cfg)
			}
			for _, profile := range []lustre.Profile{lustre.BothOSDs, tt.other} {
				cfg.Profile = profile
				_, err := upgrade.Load(cfg)
				require.NoError(t, err)
			}
			cfg.Profile = tt.refused
			_, err := upgrade.Load(cfg)
			require.ErrorContains(t, err, tt.says)
			require.ErrorContains(t, err, "Take profile both")
		})
	}
}

// IML's MGS has no recovery to wait for, wherever it is mounted: its resource tells what it is where the store does not.
func TestTheMGSOfAStoreWithoutNames(t *testing.T) {
	o := onZFS()
	for name, data := range o.Site.Targets {
		o.Site.Targets[name] = strings.NewReplacer(`"/mnt/MGS"`, `"/mnt/first"`, `, "target_name": "MGS"`, "").Replace(data)
	}
	s := newScene(t, o, nil)
	require.Equal(t, "MGS", s.pair.Targets[0].Label)
	require.Equal(t, "/mnt/first", s.pair.Targets[0].Mount)
}

package upgrade_test

import (
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// PCM-009: whether targets move as soon as node 2 joins is told by the stickiness that holds for them: their own, their group's, or
// the default. What cannot be told is refused, with its place.
func TestStickiness(t *testing.T) {
	const (
		sets = `<meta_attributes id="rsc_defaults-options">`
		was  = `name="resource-stickiness" value="1000"`
		own  = `<nvpair id="demo-MDT0000_802c1b-meta_attributes-target-role" name="target-role" value="Started"/>`
		mdt  = `<group id="group-mdt0">`
		pool = `<primitive class="ocf" id="zfs-mdt0pool" provider="heartbeat" type="ZFS">`
	)
	between := regexp.MustCompile(`>\s+<`)
	said := func(id, value string) string {
		return `<nvpair id="` + id + `" name="resource-stickiness" value="` + value + `"/>`
	}
	meta := func(id, value string) string {
		return `<meta_attributes id="` + id + `">` + said(id+"-1", value) + `</meta_attributes>`
	}
	ruled := `<meta_attributes id="core-hours" score="5"><rule id="core-hours-rule" score="0"><date_expression id="core-hours-1" operation="gt" ` +
		`start="2015-01-01"/></rule>` + said("core-hours-2", "0") + `</meta_attributes>`
	for name, c := range map[string]struct {
		zfs       bool
		old, with string
		moves     bool
		says      string
	}{
		"the guide's":                 {},
		"none":                        {old: was, with: `name="priority" value="1"`, moves: true},
		"less than the preference":    {old: was, with: `name="resource-stickiness" value="19"`, moves: true},
		"as much as the preference":   {old: was, with: `name="resource-stickiness" value="20"`, moves: true},
		"more than the preference":    {old: was, with: `name="resource-stickiness" value="21"`},
		"infinite":                    {old: was, with: `name="resource-stickiness" value="INFINITY"`},
		"infinite, in another case":   {old: was, with: `name="resource-stickiness" value="+infinity"`},
		"below zero":                  {old: was, with: `name="resource-stickiness" value="-1"`, moves: true},
		"no number":                   {old: was, with: `name="resource-stickiness" value="much"`, says: `resource-stickiness: "much" is not a score`},
		"under a rule":                {old: sets, with: ruled + sets, says: "rsc_defaults: a set has a rule"}, // it cannot be made by commands
		"another set is stronger":     {old: sets, with: `<meta_attributes id="x" score="7">` + said("x1", "0") + `</meta_attributes>` + sets, moves: true},
		"a target's own":              {old: own, with: own + said("x", "0"), moves: true},
		"a target's own, under rule":  {old: `<operations id="demo-MDT0000_802c1b-operations">`, with: ruled + `<operations id="demo-MDT0000_802c1b-operations">`, says: "several sets of meta_attributes"},
		"of the target of node 1":     {old: strings.ReplaceAll(own, "demo-MDT0000_802c1b", "MGS_32834e"), with: said("x", "0")},
		"of node 1's, below zero":     {old: strings.ReplaceAll(own, "demo-MDT0000_802c1b", "MGS_32834e"), with: said("x", "-1"), moves: true},
		"groups":                      {zfs: true},
		"a group's own":               {zfs: true, old: mdt, with: mdt + meta("x", "0"), moves: true},
		"the sum of a group's":        {zfs: true, old: mdt, with: mdt + meta("x", "51")}, // two members, against 100
		"a sum that is too small":     {zfs: true, old: mdt, with: mdt + meta("x", "50"), moves: true},
		"a member's before a group's": {zfs: true, old: mdt + pool, with: mdt + meta("x", "0") + pool + meta("y", "101")},
		"the default under a rule":    {zfs: true, old: sets, with: ruled + sets, says: "core-hours has resource-stickiness under a rule"},
		"a group's, under a rule":     {zfs: true, old: mdt, with: mdt + ruled, says: "core-hours has resource-stickiness under a rule"},
		"a member that may go":        {zfs: true, old: pool, with: pool + meta("y", "-INFINITY"), moves: true},
	} {
		t.Run(name, func(t *testing.T) {
			site, mend := lustretest.GuideSite(pcs.V09), func(*upgrade.Config) {}
			if c.zfs {
				site, mend = lustretest.ZFSGroups(pcs.V09), ownRepos
			}
			cfg := backedUp(t, lustretest.NewPair(lustretest.Options{Site: site}))
			mend(&cfg)
			for _, server := range []upgrade.Server{cfg.Node1, cfg.Node2} {
				rewrite(t, server.Backup, func(name string, data []byte) []byte {
					if c.old == "" || !strings.HasPrefix(path.Base(name), "cluster-cfg-") {
						return data
					}
					text := between.ReplaceAllString(string(data), "><")
					require.Contains(t, text, c.old)
					return []byte(strings.Replace(text, c.old, c.with, 1))
				})
			}
			pair, err := upgrade.Load(cfg)
			if c.says != "" {
				require.ErrorContains(t, err, c.says)
				require.Contains(t, err.Error(), "cluster-cfg-ct6-mds1.xml")
				return
			}
			require.NoError(t, err)
			book, err := pair.Runbook()
			require.NoError(t, err)
			join, _ := book.Step("join-node2")
			require.Equal(t, c.moves, len(join.Opens) == 1)
		})
	}
}

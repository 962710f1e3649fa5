package upgrade_test

import (
	"cmp"
	"errors"
	"fmt"
	"html"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// refusedAlike holds that Load refuses a CIB in the backups where Refusals does, and takes it where that does.
type refusedAlike struct {
	cfg upgrade.Config
	cib string // that the pair has
}

func newRefusedAlike(t *testing.T, options lustretest.Options, mend func(*upgrade.Config)) refusedAlike {
	w := lustretest.NewPair(options)
	cfg := backedUp(t, w)
	if mend != nil {
		mend(&cfg)
	}
	r := refusedAlike{cfg: cfg}
	rewrite(t, cfg.Node1.Backup, func(name string, data []byte) []byte {
		if strings.Contains(name, "cluster-cfg-") {
			r.cib = string(data)
		}
		return data
	})
	_, err := upgrade.Load(cfg)
	require.NoError(t, err)
	return r
}

// load plans from backups that have another CIB in them, and takes from the stores what is not there any more.
func (r refusedAlike) load(t *testing.T, cib string) error {
	cfg, dir := r.cfg, t.TempDir()
	for _, s := range []*upgrade.Server{&cfg.Node1, &cfg.Node2} {
		to := filepath.Join(dir, filepath.Base(s.Backup))
		raw, err := os.ReadFile(s.Backup)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(to, raw, 0o600))
		s.Backup = to
		rewrite(t, to, func(name string, data []byte) []byte {
			if strings.Contains(name, "cluster-cfg-") {
				return []byte(cib)
			}
			return data
		})
	}
	_, err := upgrade.Load(cfg)
	return err
}

func refusals(t *testing.T, text string) []error {
	cib, err := pacemaker.ParseCIB(strings.NewReader(text))
	require.NoError(t, err)
	return upgrade.Refusals(cib)
}

// What a plan refuses of a CIB, whoever looks at the CIB alone is told, and the other way round.
func TestRefusalsAreThoseOfAPlan(t *testing.T) {
	iml := newRefusedAlike(t, lustretest.Options{}, nil)
	own := newRefusedAlike(t, lustretest.Options{Site: lustretest.ZFSGroups(pcs.V09)}, ownRepos)
	const end, last = "</constraints>", "</resources>"
	meta := func(name, value string) string {
		return `<meta_attributes id="zz"><nvpair id="zz1" name="` + name + `" value="` + value + `"/></meta_attributes>`
	}
	both := []refusedAlike{iml, own}
	for name, tt := range map[string]struct {
		pairs    []refusedAlike
		old, new string // once
		want     string // of a refusal; empty where it is taken
	}{
		"as it is":              {pairs: both, old: "<nodes>", new: "<nodes>"},
		"three nodes":           {pairs: both, old: "</nodes>", new: `<node id="x3" uname="ct6-mds3"/></nodes>`, want: "this cluster has 3"},
		"a remote node":         {pairs: both, old: "</nodes>", new: `<node id="x3" type="remote" uname="r"/></nodes>`, want: "this cluster has 3"},
		"a remote resource":     {pairs: both, old: last, new: `<primitive id="r" class="ocf" provider="pacemaker" type="remote"/>` + last, want: "r is a node of its own"},
		"a guest":               {pairs: both, old: last, new: `<primitive id="r" class="ocf" provider="heartbeat" type="Dummy">` + meta("remote-node", "g") + `</primitive>` + last, want: "(remote g)"},
		"a ticket":              {pairs: both, old: end, new: `<rsc_ticket id="tk" rsc="fence-ct6-mds1" ticket="T"/>` + end, want: "tk"},
		"a bundle":              {pairs: both, old: last, new: `<bundle id="bu"><podman image="x"/></bundle>` + last, want: "bu"},
		"a template":            {pairs: []refusedAlike{iml}, old: last, new: `<template id="te" class="ocf" provider="x" type="y"/>` + last, want: "te"},
		"moved by hand":         {pairs: both, old: end, new: `<rsc_location id="cli-ban-x" rsc="MGS_32834e" node="ct6-mds1" score="-INFINITY"/>` + end},
		"no symmetry":           {pairs: both, old: `name="symmetric-cluster" value="true"`, new: `name="symmetric-cluster" value="false"`, want: "no fence device can fence node"},
		"maintenance":           {pairs: both, old: `name="symmetric-cluster" value="true"`, new: `name="maintenance-mode" value="true"`, want: "maintenance-mode is true"},
		"no device":             {pairs: []refusedAlike{iml}, old: `<primitive class="stonith" id="st-fencing" type="fence_chroma"/>`, want: "there is no fence device"},
		"no agent for a node":   {pairs: []refusedAlike{iml}, old: `name="0_fence_agent"`, new: `name="0_fence_a"`, want: "has no 0_fence_agent"},
		"a device for nobody":   {pairs: []refusedAlike{own}, old: `name="pcmk_host_list" value="ct6-mds1"`, new: `name="pcmk_host_list" value="ct6-mds9"`, want: "node ct6-mds1: fence-ct6-mds1 fences only"},
		"a device that asks":    {pairs: []refusedAlike{own}, old: `name="pcmk_host_list" value="ct6-mds1"`, new: `name="pcmk_x" value="ct6-mds1"`},
		"a clone that notifies": {pairs: []refusedAlike{own}, old: `<clone id="healthLNET-clone">`, new: `<clone id="healthLNET-clone">` + meta("notify", "true"), want: "notify=true"},
		"stopped by default":    {pairs: []refusedAlike{own}, old: `name="resource-stickiness"`, new: `name="target-role" value="Stopped"/><nvpair id="zz2" name="resource-stickiness"`, want: "in the defaults of the resources"},
		"another agent":         {pairs: both, old: last, new: `<primitive id="d" class="ocf" provider="heartbeat" type="Dummy"><utilization id="u"><nvpair id="u1" name="cpu" value="1"/></utilization></primitive>` + last, want: "d "},
		"no target":             {pairs: []refusedAlike{iml}, old: `provider="chroma" type="Target"`, new: "", want: "no target"},
		"no preference":         {pairs: []refusedAlike{iml}, old: `node="ct6-mds1" rsc="MGS_32834e" score="20"`, new: `node="ct6-mds1" rsc="MGS_32834e" score="10"`, want: "no node is preferred"},
		"a stranger preferred":  {pairs: both, old: `node="ct6-mds1"`, new: `node="ct6-mds9"`, want: "ct6-mds9"},
		"a name that misleads":  {pairs: both, old: `uname="ct6-mds1"`, new: `uname="--force"`, want: "not a name"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range tt.pairs {
				require.Contains(t, r.cib, tt.old)
				n := 1
				if name == "no target" {
					n = -1
					tt.new = `provider="heartbeat" type="Dummy"`
				}
				cib := strings.Replace(r.cib, tt.old, tt.new, n)
				found := refusals(t, cib)
				err := r.load(t, cib)
				if tt.want == "" {
					require.Empty(t, found)
					require.NoError(t, err)
					continue
				}
				require.Error(t, err)
				var text strings.Builder
				for _, f := range found {
					text.WriteString(f.Error() + "\n")
				}
				require.Contains(t, text.String(), tt.want)
			}
		})
	}
}

// ofTheWhole are refusals of a cluster as a whole: there is no resource and no line to name.
var ofTheWhole = regexp.MustCompile(`^(every target|fencing is on, and there is no fence device|maintenance-mode|stop-all-resources)`)

// No CIB of the corpus is refused by the one and taken by the other: each is put into the backups of a pair.
func TestRefusalsOfTheCorpus(t *testing.T) {
	r := newRefusedAlike(t, lustretest.Options{}, nil)
	refused := 0
	for i, name := range golden.CorpusCIBs(t) {
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		cib, err := pacemaker.ParseCIB(strings.NewReader(string(raw)))
		if err != nil || i%16 != 0 && !strings.Contains(name, "/iml/") { // none but Lustre's own can be taken: a sample does
			continue
		}
		found := upgrade.Refusals(cib)
		refused += min(1, len(found))
		if err := r.load(t, string(raw)); len(found) > 0 {
			require.Error(t, err, name)
		} else if err != nil {
			require.NotContains(t, err.Error(), "configuration", name) // the stores and names are another pair's
		}
	}
	require.NotZero(t, refused)
}

// Of every cluster of two nodes in the corpus, with a target of Lustre in it, nothing is refused, or each refusal has its place in the
// file or names what it is about. How many there are of which kind is pinned.
func TestKindsOfRefusals(t *testing.T) {
	kinds, fit, pairs, other := map[string]int{}, 0, 0, 0
	for _, name := range golden.CorpusCIBs(t) {
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		cib, err := pacemaker.ParseCIB(strings.NewReader(string(raw)))
		if err != nil || len(cib.Nodes()) != 2 {
			other++
			continue
		}
		cib, err = pacemaker.ParseCIB(srcerr.Named(name, strings.NewReader(withTarget(string(raw), cib.Nodes()[0].Uname))))
		require.NoError(t, err, name)
		found := upgrade.Refusals(cib)
		if pairs++; len(found) == 0 {
			fit++
		}
		for _, err := range found {
			kinds[kindOf(t, name, cib, err)]++
		}
	}
	table := fmt.Sprintf("%d clusters of two nodes, nothing is refused of %d; %d files have no such cluster\n", pairs, fit, other)
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		table += fmt.Sprintf("%5d  %s\n", kinds[kind], kind)
	}
	t.Log(table)
	golden.Check(t, "refusals-of-the-corpus.txt", table)
}

// withTarget is a CIB with a target on a node: without one, nothing else in it counts.
func withTarget(text, node string) string {
	const target = `<primitive id="zz-MGS" class="ocf" provider="lustre" type="Lustre"><instance_attributes id="zz-i">` +
		`<nvpair id="zz-t" name="target" value="/dev/mapper/zz"/><nvpair id="zz-m" name="mountpoint" value="/zz/MGS"/></instance_attributes></primitive>`
	if strings.Contains(text, `provider="chroma"`) {
		return text
	}
	into := func(section, what string) {
		if _, behind, ok := strings.Cut(text, "<"+section+"/>"); ok {
			text = strings.TrimSuffix(text, "<"+section+"/>"+behind) + "<" + section + "></" + section + ">" + behind
		}
		text = strings.Replace(text, "</"+section+">", what+"</"+section+">", 1)
	}
	into("resources", target)
	into("constraints", `<rsc_location id="zz-l" rsc="zz-MGS" node="`+html.EscapeString(node)+`" score="7"/>`)
	return text
}

// details are what differs between refusals of one kind.
var details = regexp.MustCompile(`(of the agent |the attribute |the expression )[^,]*?(?:: |, | eq| ne| lt| gt)|\(.*?\)|"[^"]*"|-?\d+`)

// kindOf is a refusal without what it is about, which it must name: by its place in the file, or by an id.
func kindOf(t *testing.T, name string, cib *pacemaker.CIB, err error) string {
	t.Helper()
	text, named := err.Error(), false
	var at *pacemaker.ParseError
	if errors.As(err, &at) && at.Line > 0 {
		require.Equal(t, name, at.File)
		text, named = at.Err.Error(), true
	}
	for _, id := range idsIn(cib) {
		if !strings.Contains(text, id) {
			continue
		}
		without := regexp.MustCompile(`(^|[^\w.-])`+regexp.QuoteMeta(id)+`($|[^\w-])`).ReplaceAllString(text, "${1}X${2}")
		named, text = named || without != text, without
	}
	require.True(t, named || ofTheWhole.MatchString(text), "%s: %v", name, err)
	text = details.ReplaceAllString(text, "$1…")
	words := strings.Fields(text)
	return strings.Join(words[:min(len(words), 9)], " ")
}

// idsIn are the ids and names of a CIB, the longest first.
func idsIn(cib *pacemaker.CIB) []string {
	var ids []string
	for _, e := range cib.Root().FindElements("configuration//*") {
		for _, key := range []string{"id", "uname"} {
			if id := e.SelectAttrValue(key, ""); len(id) > 1 || len(id) == 1 && id < "a" {
				ids = append(ids, id)
			}
		}
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return slices.Compact(ids)
}

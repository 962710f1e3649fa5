package upgrade

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// sourcesStep adds the repositories that have Lustre, where no manager has them.
func (n *node) sourcesStep(ref string) evenkeel.Step {
	var actions []evenkeel.Action
	for i, repo := range n.Config.AgentRepos {
		actions = append(actions, evenkeel.Do(fmt.Sprintf("repo-%d", i+1), "Add a repository that has Lustre, or what it needs",
			"yum-config-manager", "--add-repo", repo))
	}
	return evenkeel.Step{
		ID: n.id("sources"), Title: "Add the repositories that have Lustre to " + n.Name, Host: n.Name, Ref: ref,
		Actions: actions, Irreversible: n.gone(),
	}
}

// imported is a pool in the output of zpool import.
var imported = regexp.MustCompile(`(?m)^\s*pool: (\S+)\s*$`)

// poolsThere wants every pool to be in sight of a node: to be imported, as one that the other node has is, or imported already.
func (p *Pair) poolsThere(n *node) []evenkeel.Action {
	var pools []string
	looks := []sshexec.Cmd{brief("zpool", "list", "-o", "name")}
	for _, t := range p.enabled() {
		if t.Imports == "" {
			continue
		}
		pools = append(pools, t.Pool)
		r, _ := p.CIB.Resource(t.Imports)
		args, _ := r.Instance.Get("importargs")
		look := brief(append([]string{"zpool", "import"}, strings.Fields(args)...)...)
		if !slices.ContainsFunc(looks, func(c sshexec.Cmd) bool { return slices.Equal(c.Argv, look.Argv) }) {
			looks = append(looks, look)
		}
	}
	if len(pools) == 0 {
		return nil
	}
	slices.Sort(pools)
	pools = slices.Compact(pools)
	script := "{ zpool list -H -o name 2>/dev/null; "
	for _, look := range looks[1:] {
		script += shellescape.QuoteCommand(look.Argv) + ` 2>/dev/null | sed -n 's/^ *pool: //p'; `
	}
	script += "} | LC_ALL=C sort -u | grep -xF"
	for _, pool := range pools {
		script += " -e " + shellescape.Quote(pool)
	}
	return []evenkeel.Action{evenkeel.Action{
		ID: "pools-" + n.no, Paper: []evenkeel.Block{{Script: script, Shows: pools}},
		Change: evenkeel.Change{
			Title: n.Name + " sees the disks of every pool", Host: n.Name,
			Op: &evenkeel.Op{
				Effect: evenkeel.ReadOnly,
				Text:   "`zpool import` on " + n.Name + " lists " + strings.Join(pools, ", ") + "; one that is imported there already is in `zpool list`.",
				Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
					return sshexec.Result{}, seePools(ctx, at, pools, looks)
				},
			},
		},
	}.AsPrecondition()}
}

// seePools looks for pools on the host of an action: first among those that it has imported, then among those that it could import.
func seePools(ctx context.Context, at evenkeel.Site, pools []string, looks []sshexec.Cmd) error {
	var have []string
	for i, cmd := range looks {
		res, err := at.Run(ctx, at.Host, cmd)
		if err != nil && res.Outcome != evenkeel.Exited {
			return err
		}
		if i == 0 {
			if have, err = poolsIn(at.Host, res); err != nil {
				return err
			}
			continue
		}
		for _, m := range imported.FindAllStringSubmatch(string(res.Stdout), -1) { // without any it fails, or says nothing
			have = append(have, m[1])
		}
	}
	for _, pool := range pools {
		if !slices.Contains(have, pool) {
			return evenkeel.NeedsOperator("%s does not see the pool %s: neither zpool list nor zpool import names it. See the cables, the "+
				"multipath devices, and the host id (/etc/hostid)", at.Host, pool)
		}
	}
	return nil
}

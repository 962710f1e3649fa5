package upgrade

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// ownPools are the ZFS pools that resources of the cluster import, sorted.
func (p *Pair) ownPools() []string {
	var pools []string
	for _, t := range p.Targets {
		if t.Imports != "" {
			pools = append(pools, t.Pool)
		}
	}
	slices.Sort(pools)
	return slices.Compact(pools)
}

// pools are the ZFS pools of the targets, whoever imports them: a resource of the cluster, or IML's agent with the target. Sorted.
func (p *Pair) pools() []string {
	var pools []string
	for _, t := range p.Targets {
		if t.Pool != "" {
			pools = append(pools, t.Pool)
		}
	}
	slices.Sort(pools)
	return slices.Compact(pools)
}

// seeNoPool wants a node that is about to take targets to have imported none of their pools by itself, at its boot say:
// the other node has them. It is no precondition: once the targets are enabled, this is no longer so.
func (p *Pair) seeNoPool(n *node) []evenkeel.Action {
	pools := p.ownPools()
	if len(pools) == 0 {
		return nil
	}
	a := evenkeel.Look("no-pool-"+n.no, "Verify that no pool of a target is imported on "+n.Name, "zpool", "list", "-o", "name").
		Expecting("none of "+strings.Join(pools, ", "), func(o evenkeel.Observed) error {
			have, err := poolsIn(n.Name, o.Result)
			if err != nil {
				return err
			}
			for _, pool := range pools {
				if slices.Contains(have, pool) {
					return evenkeel.NeedsOperator("%s has imported the pool %s, and no resource of its cluster did: where %s has it as "+
						"well, they destroy it. See what imported it (zfs-import-cache, zfs-import-scan), export it there (zpool export %[2]s), "+
						"and see that the pool is whole", n.Name, pool, n.node(1-n.index).Name)
				}
			}
			return nil
		}).On(n.Name)
	filter := "2>/dev/null | grep -xF"
	for _, pool := range pools {
		filter += " -e " + shellescape.Quote(pool)
	}
	return []evenkeel.Action{shows(a, filter+" || echo none of them", "none of them")}
}

// importedOnce is what would destroy a pool, and shows in no mount table. It needs no window: who starts a target imports its pool, who
// stops it exports it, and a target starts nowhere before its pool is seen to be exported where it was.
func (w watching) importedOnce() evenkeel.Invariant {
	return evenkeel.Invariant{
		ID: "imported-once", Title: "A pool is imported on at most one node.", Absolute: true,
		Check: func(ctx context.Context, at evenkeel.Site) error {
			found, unseen := w.importedTwice(ctx, at)
			if len(found) == 0 {
				return unseen
			}
			again, blind := w.importedTwice(ctx, at) // one that moved between the two looks is seen on both, once
			for _, pool := range found {
				if blind != nil || slices.Contains(again, pool) {
					return evenkeel.Violated("the pool %s is imported on both nodes: switch one of them off NOW", pool)
				}
			}
			return nil
		},
	}
}

// importedTwice are the pools that both nodes have imported; a node that does not answer is returned as unseen.
func (w watching) importedTwice(ctx context.Context, at evenkeel.Site) (twice []string, unseen error) {
	on := map[string]int{}
	for _, s := range w.servers() {
		res, err := at.Run(ctx, s.Name, brief("zpool", "list", "-o", "name"))
		var have []string
		switch {
		case err != nil && res.Outcome != evenkeel.Exited:
		case res.ExitCode == 127: // right for a system that has no ZFS yet
			err = unloaded(ctx, at, s.Name, "zpool", "zfs")
		default:
			have, err = poolsIn(s.Name, res)
		}
		unseen = errors.Join(unseen, err)
		for _, pool := range have {
			on[pool]++
		}
	}
	for _, pool := range w.pools() {
		if on[pool] > 1 {
			twice = append(twice, pool)
		}
	}
	return twice, unseen
}

// imported is a pool in the output of zpool import.
var imported = regexp.MustCompile(`(?m)^\s*pool: (\S+)\s*$`)

// poolsThere wants every pool to be in sight of a node: to be imported, as one that the other node has is, or imported already.
func (p *Pair) poolsThere(n *node) []evenkeel.Action {
	pools, looks := p.ownPools(), []sshexec.Cmd{brief("zpool", "list", "-o", "name")}
	if len(pools) == 0 {
		return nil
	}
	for _, t := range p.Targets {
		if t.Imports == "" {
			continue
		}
		r, _ := p.CIB.Resource(t.Imports)
		args, _ := r.Instance.Get("importargs")
		look := brief(append([]string{"zpool", "import"}, strings.Fields(args)...)...)
		if !slices.ContainsFunc(looks, func(c sshexec.Cmd) bool { return slices.Equal(c.Argv, look.Argv) }) {
			looks = append(looks, look)
		}
	}
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
			Title: "Verify that " + n.Name + " sees the disks of every pool", Host: n.Name,
			Op: &evenkeel.Op{
				Effect: evenkeel.ReadOnly,
				Text: "`zpool import` on " + n.Name + " lists " + strings.Join(pools, ", ") +
					"; one that is imported there already is in `zpool list`.",
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

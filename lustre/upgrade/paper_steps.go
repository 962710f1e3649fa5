package upgrade

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// What the operator types for the operations: the release of the targets by node 2, the hand-over, the fencing attributes.

// letGoPaper waits until node 2 is steady, and tells it to release them.
func (p moving) letGoPaper(push sshexec.Cmd) []evenkeel.Block {
	var runs []string
	for _, t := range p.enabled() {
		runs = append(runs, p.old(p.Config.Node2.Name)+" "+t.Resource+" runs")
	}
	slices.Sort(runs)
	begin := make([]string, len(runs))
	for i, line := range runs {
		begin[i] = strings.TrimSuffix(line, "runs")
	}
	steady := evenkeel.Action{Change: evenkeel.Change{Cmd: sshexec.Command(sshexec.ReadOnly, queryCIB...)}}
	mounted := evenkeel.Action{Change: evenkeel.Change{Cmd: sshexec.Command(sshexec.ReadOnly, "cat", "/proc/mounts")}}
	return []evenkeel.Block{
		untilShows(steady, only("last", begin...), runs...).Paper[0],
		waits(showsMounts(mounted, p.enabled())).Paper[0],
		{Cmd: push},
	}
}

// handOverPaper enables the targets that are proven gone from node 2. By hand it takes seconds longer than by the tool.
func (p moving) handOverPaper(cmds []sshexec.Cmd) []evenkeel.Block {
	n2 := p.Config.Node2.Name
	at := func(b evenkeel.Block) evenkeel.Block { b.Host = n2; return b }
	query := evenkeel.Action{Change: evenkeel.Change{Cmd: sshexec.Command(sshexec.ReadOnly, queryCIB...)}}
	blocks := []evenkeel.Block{at(showsSettings(query, p.roles("Stopped", "node "+p.old(n2)+" standby=on")...).Paper[0])}
	for _, e := range p.oldCluster(n2).AtBoot(p.old(n2), false) {
		boot := evenkeel.Action{Change: evenkeel.Change{Cmd: sshexec.Command(sshexec.ReadOnly, e.Cmd.Argv...)}}
		if e.Cmd.Argv[0] == "chkconfig" {
			blocks = append(blocks, at(showsExit(boot, 1).Paper[0]))
			continue
		}
		blocks = append(blocks, at(shows(boot, "| sort -u", "disabled").Paper[0]))
	}
	look := departure{Pair: p.Pair, host: n2, node: p.old(n2)}.goneBlock()
	look.Host, look.Patience = n2, patience
	blocks = append(blocks, look, evenkeel.Block{Cmd: cmds[0], If: everyTargetIsGone, Text: "At once."})
	for i, one := range cmds[1:] {
		blocks = append(blocks, evenkeel.Block{Cmd: one, If: p.units(p.enabled())[i].targets[0].Resource + " is gone, another is not",
			Text: "Then look again until every target is gone, and enable the others likewise."})
	}
	return blocks
}

const everyTargetIsGone = "every target is gone"

// goneBlock looks for the proof that targets are gone from a node.
func (d departure) goneBlock() evenkeel.Block {
	list, pools := []string{d.node}, ""
	for _, t := range d.Targets {
		entry := t.Resource + "=" + t.Mount + "=" + t.Pool
		if t.inGroup() {
			entry += "=" + t.Imports + "=" + t.Switch
		}
		list = append(list, entry)
		if t.Pool != "" {
			pools = " { zpool list -H -o name || echo NOT known: zpool; } | sed 's/^/pool /';"
		}
	}
	return evenkeel.Block{
		Text: "Which targets are proven gone: not mounted, no pool imported, nothing that mounts or unmounts at work, no " +
			"device of Lustre, and the last that the cluster did with each, where it knows, was a stop that succeeded.",
		Script: "{ " + shellescape.QuoteCommand(pair.ProcessTable()) +
			" | sed 's/^/process /'; { lctl dl 2>/dev/null || ! cat /proc/modules | grep -qE '^(lustre|obdclass) ' || echo NOT " +
			"known: lctl; } | sed 's/^/device /'; answer cibadmin --query | last;" + pools +
			" cat /proc/mounts | targets | sed 's/^/mounted /'; } | gone " + shellescape.QuoteCommand(list),
		Shows: []string{everyTargetIsGone}, Until: true,
	}
}

// roleBlock looks whether every target is disabled in the cluster.
func (d departure) roleBlock() evenkeel.Block {
	return showsSettings(evenkeel.Action{Change: evenkeel.Change{Cmd: sshexec.Command(sshexec.ReadOnly, queryCIB...)}},
		d.roles("Stopped")...).Paper[0]
}

var settingID = regexp.MustCompile(`<nvpair id="([^"]*)" name="([^"]*)"`)

// showsIDs is a look into the CIB that must show the ids that a change of it uses.
func showsIDs(a evenkeel.Action, change string) evenkeel.Action {
	var want, names []string
	for _, m := range settingID.FindAllStringSubmatch(change, -1) {
		want = append(want, fmt.Sprintf("id=%q name=%q", m[1], m[2]))
		names = append(names, m[2])
	}
	slices.Sort(want)
	slices.Sort(names)
	return shows(a, "| grep -oE "+shellescape.Quote(`id="[^"]*" name="(`+strings.Join(slices.Compact(names), "|")+`)"`)+
		" | LC_ALL=C sort", want...)
}

// showsRelease is a look at the release of pcs.
func showsRelease(a evenkeel.Action, want pcs.Dialect) evenkeel.Action {
	release := strings.TrimPrefix(want.Name(), "pcs ")
	return shows(a, "| grep -oE "+shellescape.Quote(`^`+regexp.QuoteMeta(release)+`\b`), release)
}

// showsConf is a look at corosync.conf that must show the cluster and its nodes.
func (p *Pair) showsConf(a evenkeel.Action) evenkeel.Action {
	want := []string{p.Config.ClusterName, p.Config.Node1.Name}
	if a.Host == p.Config.Node2.Name {
		want = append(want, p.Config.Node2.Name)
	}
	slices.Sort(want)
	filter := "| grep -E 'cluster_name:|name:|ring0_addr:' | grep -owF"
	for _, w := range append(want, p.Config.Node2.Name) {
		filter += " -e " + shellescape.Quote(w)
	}
	return shows(a, filter+" | LC_ALL=C sort -u", want...)
}

// showsNoOther is a look at the mounts that must show none but these targets.
func showsNoOther(a evenkeel.Action, targets []Target) evenkeel.Action {
	filter := "| targets | grep -vxF -e 'no target is mounted'"
	for _, t := range targets {
		filter += " -e " + shellescape.Quote(t.Mount)
	}
	return shows(a, filter+" || echo no other target", "no other target")
}

var passwordPair = regexp.MustCompile(`id="([^"]*)" name="([^"]*)" value="([^"]*)"`)

// askedFor prints a document with its passwords asked for: they stand neither on paper nor in an argument of a program.
func askedFor(document string) string {
	var asks, values []string
	masked := pacemaker.MaskXML(document)
	secret := map[string]bool{} // the pairs whose value is masked, by id
	for _, m := range passwordPair.FindAllStringSubmatch(masked, -1) {
		secret[m[1]] = strings.Contains(m[3], pacemaker.Redacted)
	}
	format := passwordPair.ReplaceAllStringFunc(strings.ReplaceAll(document, "%", "%%"), func(pair string) string {
		m := passwordPair.FindStringSubmatch(pair)
		if masked != pacemaker.Redacted && !secret[m[1]] {
			return pair
		}
		v := fmt.Sprintf("SECRET%d", len(asks)+1)
		asks = append(asks, fmt.Sprintf(`read -rsp 'Secret value of %s: ' %s && [ -n "$%s" ] && `, m[1], v, v))
		values = append(values, fmt.Sprintf(` "$(printf '%%s' "$%s" | xmltext)"`, v))
		return fmt.Sprintf("id=%q name=%q value=\"%%s\"", m[1], m[2])
	})
	return strings.Join(asks, "") + "printf " + shellescape.Quote(format) + strings.Join(values, "")
}

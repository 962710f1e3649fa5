package upgrade

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// What the operator types who follows the runbook by hand: each check as a pipeline that prints exactly what must be seen.

// paperFunctions turn what the programs print into lines that can be compared. None prints a password.
const paperFunctions = `attribute='function a(k) { return match($0, " " k "=\"[^\"]*\"") ? substr($0, RSTART + length(k) + 3, RLENGTH - length(k) - 4) : "" }'
# targets: the mount points of Lustre targets, of /proc/mounts
targets() {
  awk '($3 == "lustre" || $3 == "lustre_tgt") && $1 !~ /:\// { print $2; n++ }
    END { if (!NR) print "there is NO mount table"; else if (!n) print "no target is mounted" }' | sort
}
# settings: the configuration, of cibadmin --query
settings() {
  sed 's/></>\n</g' | awk -v secret='[Pp][Aa][Ss][Ss]|[Ss][Ee][Cc][Rr][Ee][Tt]|[Tt][Oo][Kk][Ee][Nn]|[Kk][Ee][Yy]|[Cc][Oo][Mm][Mm][Uu][Nn][Ii][Tt][Yy]' "$attribute"'
    /<status/ { over = 1 } over { next }
    /<crm_config/ { of = "property" } /<rsc_defaults/ { of = "default" } /<op_defaults/ { of = "operation-default" }
    /<node / { of = "node " a("uname"); print of, "id=" a("id") }
    /<\/(group|clone|master|bundle)>/ { around = "" } /<\/primitive>/ && around != "" { of = around }
    /<(primitive|group|clone|master|bundle) / { of = a("id"); print of, "is", a("class") ":" a("provider") ":" a("type") }
    /<(group|clone|master|bundle) / { around = of } /<primitive .*\/>/ && around != "" { of = around }
    /<op / { print of, "operation", a("name"), "interval=" a("interval"), "timeout=" a("timeout") }
    /<nvpair / { print of, a("name") "=" (a("name") ~ secret ? "(secret)" : a("value")) }
    /<rsc_location / { print "location", a("rsc"), a("node") "=" a("score") }
    /<(rsc_order|rsc_colocation|rsc_ticket) / { print "constraint", a("id") }' | LC_ALL=C sort
}
# last: the last that each node did with each resource, of cibadmin --query
last() {
  sed 's/></>\n</g' | awk "$attribute"'
    /^NOT known/ { print }
    /<node_state / { node = a("uname") } /<lrm_resource / { id = node " " a("id") }
    /<lrm_rsc_op / {
      if (id in call && a("call-id") + 0 < call[id]) next
      call[id] = a("call-id") + 0; ended = a("op-status") == "0" || a("op-status") == "4"; what = a("operation") " " a("rc-code")
      if (ended && (what == "start 0" || what == "monitor 0")) what = "runs"
      else if (ended && (what == "stop 0" || what == "monitor 7" && a("interval") ~ /^0s?$/)) what = "stopped"
      else what = "is NOT settled: " what
      did[id] = what
    }
    END { for (id in did) print id, did[id] }' | LC_ALL=C sort
}
# status: nodes and resources, of crm_mon as XML
status() {
  sed 's/></>\n</g' | awk "$attribute"'
    /<cluster_options / { print "maintenance-mode", a("maintenance-mode") }
    /<nodes>/ { nodes = 1 } /<\/nodes>/ { nodes = 0 } /<\/resources>/ { id = "" }
    /<node / && nodes { print "node", a("name"), "online=" a("online"), "standby=" a("standby"), "unclean=" a("unclean"), "pending=" a("pending"), "maintenance=" a("maintenance") }
    /<resource / { id = a("id"); print id, a("role"), "managed=" a("managed"), "failed=" a("failed") }
    /<node / && !nodes && id != "" { print id, "on", a("name") }
    /<failure / { print "failure", a("op_key"), "on", a("node") }' | LC_ALL=C sort
}
# rings: whether every ring is sound, of corosync-cfgtool -s
rings() {
  awk '/^(RING|LINK) ID/ { n++; nodes = 0 } /no faults$/ || /status[ \t]*= OK$/ { good++ } /FAULTY|disconnected|(enabled|connected):0/ { bad++ }
    /nodeid.*:[ \t]*(connected|localhost|link enabled:1[ \t]+link connected:1)$/ && ++nodes == 2 { good++ }
    END { print n + 0, "rings,", (n > 0 && good == n && !bad) ? "every one sound" : "NOT every one sound" }'
}
# answer COMMAND...: what a program of the cluster prints. A cluster that has stopped (102, 107) says nothing; any other failure says so
answer() { "$@"; case $? in 0 | 102 | 107) ;; *) echo "NOT known: $*" ;; esac; }
# counted NOTED COMMAND...: a history of fencing. One that told how many events it had tells it again, or it was not read
counted() {
  local h
  h=$("${@:2}") || return
  [ -z "$h" ] || printf '%s\n' "$h"
  case $1 in *" event"*" found"*) case $h in *" event"*" found"*) ;; *) return 1 ;; esac ;; esac
}
# gone NODE TARGET=MOUNT=POOL[=IMPORTS=GROUP]...: which targets are proven gone, of mounts, pools, processes, devices and the last that the node did
gone() {
  awk -v node="$1" -v list="${*:2}" '
    BEGIN { n = split(list, t, " "); for (i = 1; i <= n; i++) { split(t[i], f, "="); ours[f[2]] = 1 } }
    /NOT known|NO mount table/ { work = $0 }
    $1 == "mounted" { seen = 1; busy[$2] = 1 } $1 == "mounted" && $2 ~ /^\// && !($2 in ours) { work = $0 }
    $1 == "pool" { busy["pool " $2] = 1 } $1 == node { did[$2] = $3 }
    $1 == "process" && /ps -e -o stat= -o args=/ { ps = 1; next }
    $1 == "process" && $2 !~ /^Z/ && (/(^|[ \/])u?mount(\.lustre[a-z_]*)?( |$)/ || /u?n?mount_target/ || /(Target|Lustre|ZFS) (start|stop)/ || /zpool (import|export)/) { work = $0 }
    $1 == "device" && ($4 ~ /^osd-/ || $5 ~ /-osd$/) { work = $0 }
    END {
      if (!seen || !ps) { print "NOT proven: the mounts or the processes are not known"; exit }
      if (work != "") { print "NOT proven:", work; exit }
      for (all = i = 1; i <= n; i++) {
        split(t[i], f, "="); free[i] = !(f[2] in busy) && !(f[3] != "" && ("pool " f[3]) in busy) && (!(f[1] in did) || did[f[1]] == "stopped")
        if (f[4] != "" && f[4] in did && did[f[4]] != "stopped") free[i] = 0
        if (!free[i]) { all = 0; held[f[5] != "" ? f[5] : f[1]] = 1 }
      }
      if (all) { print "every target is gone"; exit }
      for (i = 1; i <= n; i++) { split(t[i], f, "="); print f[1], (f[5] != "" ? f[5] : f[1]) in held ? "is NOT proven gone" : "is gone, another is not" }
    }'
}
` + recoveryFunction + networkFunction + `# xmltext: a value as it stands in an attribute of XML
xmltext() { sed 's/&/\&amp;/g; s/</\&lt;/g; s/"/\&quot;/g'; }`

// secretOnPaper are the names of settings whose values settings does not print: as pacemaker.SecretName, and better once too often.
var secretOnPaper = regexp.MustCompile(`(?i)pass|secret|token|key|community`)

// shows lets the operator judge a look: what its command prints, after the filter, must be these lines.
func shows(a evenkeel.Action, filter string, lines ...string) evenkeel.Action {
	a.Paper = []evenkeel.Block{look1(a, filter, lines...)}
	return a
}

// untilShows is shows for something that takes its time.
func untilShows(a evenkeel.Action, filter string, lines ...string) evenkeel.Action {
	a = shows(a, filter, lines...)
	a.Paper[0].Until = true
	return a
}

func look1(a evenkeel.Action, filter string, lines ...string) evenkeel.Block {
	return evenkeel.Block{Script: shellescape.QuoteCommand(a.Cmd.Argv) + " " + filter, Shows: lines}
}

// showsText is a look whose output must have a text in it.
func showsText(a evenkeel.Action, text string) evenkeel.Action {
	return shows(a, "| grep -oF "+shellescape.Quote(text)+" | head -n 1", text)
}

// showsExit is a look whose exit status says it.
func showsExit(a evenkeel.Action, status int) evenkeel.Action {
	return shows(a, `>/dev/null 2>&1; echo "exit status $?"`, fmt.Sprintf("exit status %d", status))
}

// showsMounts is a look at /proc/mounts that must show these targets and no others.
func showsMounts(a evenkeel.Action, targets []Target) evenkeel.Action {
	return shows(a, "| targets", mountLines(targets)...)
}

func mountLines(targets []Target) []string {
	if len(targets) == 0 {
		return []string{"no target is mounted"}
	}
	var lines []string
	for _, t := range targets {
		lines = append(lines, t.Mount)
	}
	slices.Sort(lines)
	return lines
}

// waits has the operator look until it shows.
func waits(a evenkeel.Action) evenkeel.Action {
	for i := range a.Paper {
		a.Paper[i].Until = true
	}
	return a
}

// only keeps the lines that begin with one of these.
func only(filter string, beginnings ...string) string {
	return "| " + filter + " | grep -E " + shellescape.Quote(begins(beginnings...))
}

// showsSettings is a look into the CIB that must show these settings: "node a standby=on".
func showsSettings(a evenkeel.Action, want ...string) evenkeel.Action {
	slices.Sort(want)
	names := make([]string, len(want))
	for i, w := range want {
		name, _, _ := strings.Cut(w, "=")
		names[i] = name + "="
	}
	return shows(a, only("settings", names...), want...)
}

// roles are the settings of every target's role.
func (p *Pair) roles(role string, also ...string) []string {
	for _, id := range p.switches(p.Targets) {
		also = append(also, id+" target-role="+role)
	}
	return also
}

// showsReady is a look at the status that must show nodes which can take a target.
func showsReady(a evenkeel.Action, nodes ...string) evenkeel.Action {
	want, begin := []string{"maintenance-mode false"}, []string{"maintenance-mode "}
	for _, n := range nodes {
		want = append(want, "node "+n+" online=true standby=false unclean=false pending=false maintenance=false")
		begin = append(begin, "node "+n+" ")
	}
	slices.Sort(want)
	return shows(a, only("status", begin...), want...)
}

// showsOnline is a look at the status that must show nodes online.
func showsOnline(a evenkeel.Action, nodes ...string) evenkeel.Action {
	var want, parts []string
	for _, n := range nodes {
		want = append(want, "node "+n+" online=true")
		parts = append(parts, regexp.QuoteMeta("node "+n)+" online=[a-z]*")
	}
	slices.Sort(want)
	return untilShows(a, "| status | grep -oE "+shellescape.Quote("^("+strings.Join(parts, "|")+")"), want...)
}

// showsPlaced is a look at the status that must show where targets run.
func showsPlaced(a evenkeel.Action, placed map[string]string) evenkeel.Action {
	var want, begin []string
	for id, node := range placed {
		want, begin = append(want, id+" on "+node), append(begin, id+" on ")
	}
	slices.Sort(want)
	slices.Sort(begin)
	return shows(a, only("status", begin...), want...)
}

// showsHealthy is a look at the status that must show both nodes ready, every target running on one of them, and nothing failed.
func (p *Pair) showsHealthy(a evenkeel.Action, nodes ...string) evenkeel.Action {
	a = showsReady(a, nodes...)
	begin := []string{"maintenance-mode ", "node ", "failure "}
	want := a.Paper[0].Shows
	for _, t := range p.enabled() {
		begin = append(begin, t.Resource+" ")
		want = append(want, t.Resource+" Started managed=true failed=false", t.Resource+" on one of them")
	}
	slices.Sort(want)
	return shows(a, only("status", begin...)+" | sed -E "+shellescape.Quote("s/ on ("+strings.Join(nodes, "|")+")$/ on one of them/"), want...)
}

// configured are the lines that settings prints of a CIB. What may be a secret stands on no paper: untold are the beginnings of the
// lines with such values that settings does not know for secrets, which are left out.
func configured(cib *pacemaker.CIB) (lines, untold []string, err error) {
	raw, err := cib.Query()
	if err != nil {
		return nil, nil, err
	}
	all, err1 := settings(string(raw))
	shown, err2 := settings(pacemaker.MaskXML(string(raw)))
	if err := errors.Join(err1, err2); err != nil || len(all) != len(shown) {
		return nil, nil, errors.Join(err, errors.New("the configuration reads otherwise where its secrets are masked"))
	}
	for i, line := range all {
		if line == shown[i] {
			lines = append(lines, line)
			continue
		}
		name, _, _ := strings.Cut(line, "=")
		untold = append(untold, name+"=")
	}
	slices.Sort(lines)
	slices.Sort(untold)
	return lines, slices.Compact(untold), nil
}

// begins is a pattern for lines that begin with one of these.
func begins(beginnings ...string) string {
	quoted := make([]string, len(beginnings))
	for i, b := range beginnings {
		quoted[i] = regexp.QuoteMeta(b)
	}
	return "^(" + strings.Join(quoted, "|") + ")"
}

// settings are the lines that the function of that name prints of a CIB, in the order of the document.
func settings(cib string) (lines []string, err error) {
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	of, around := "", ""
	for d := xml.NewDecoder(strings.NewReader(cib)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if end, is := token.(xml.EndElement); is {
			switch end.Name.Local {
			case "group", "clone", "master", "bundle":
				around = ""
			case "primitive":
				of = cmp.Or(around, of)
			}
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		a := func(name string) string {
			for _, at := range e.Attr {
				if at.Name.Local == name {
					return at.Value
				}
			}
			return ""
		}
		switch e.Name.Local {
		case "status":
			return lines, nil
		case "crm_config":
			of = "property"
		case "rsc_defaults":
			of = "default"
		case "op_defaults":
			of = "operation-default"
		case "node":
			of = "node " + a("uname")
			add("%s id=%s", of, a("id"))
		case "primitive", "group", "clone", "master", "bundle":
			of = a("id")
			add("%s is %s:%s:%s", of, a("class"), a("provider"), a("type"))
			if e.Name.Local != "primitive" {
				around = of
			}
		case "op":
			add("%s operation %s interval=%s timeout=%s", of, a("name"), a("interval"), a("timeout"))
		case "nvpair":
			value := a("value")
			if secretOnPaper.MatchString(a("name")) {
				value = "(secret)"
			}
			add("%s %s=%s", of, a("name"), value)
		case "rsc_location":
			add("location %s %s=%s", a("rsc"), a("node"), a("score"))
		case "rsc_order", "rsc_colocation", "rsc_ticket":
			add("constraint %s", a("id"))
		}
	}
	return lines, nil
}

// compares has the operator compare lines with those of the plan: diff prints each difference, and nothing but "the
// same" where there is none.
func compares(a evenkeel.Action, filter string, lines []string) evenkeel.Action {
	end := "EOF"
	for slices.Contains(lines, end) {
		end += "F"
	}
	script := "diff <(" + shellescape.QuoteCommand(a.Cmd.Argv) + " " + filter + ") - <<'" + end + "' && echo the same\n" +
		strings.Join(lines, "\n") + "\n" + end
	a.Paper = []evenkeel.Block{{Script: script, Shows: []string{"the same"}}}
	return a
}

// passing are settings that a cluster writes for itself.
var passing = regexp.MustCompile(`^property (last-lrm-refresh|dc-version|cluster-infrastructure|cluster-name|have-watchdog|expected-quorum-votes)=`)

// showsUnchanged compares the configuration with the backed-up one.
func (p *Pair) showsUnchanged(a evenkeel.Action) (evenkeel.Action, error) {
	lines, untold, err := configured(p.CIB)
	pattern := passing.String()
	if len(untold) > 0 {
		pattern += "|" + begins(untold...)
	}
	lines = slices.DeleteFunc(lines, regexp.MustCompile(pattern).MatchString)
	return compares(a, "| settings | grep -vE "+shellescape.Quote(pattern), lines), err
}

// showsSame compares what the rebuild is made of with the backed-up configuration: targets, constraints, defaults and, at the end, fencing.
func (p *Pair) showsSame(a evenkeel.Action, fencing bool) (evenkeel.Action, error) {
	lines, untold, err := configured(p.CIB)
	begin := []string{"location ", "constraint ", "default ", "operation-default "}
	for _, t := range p.Targets {
		begin = append(begin, t.Resource+" is ", t.Resource+" target=", t.Resource+" operation ")
		if p.byHand {
			begin = append(begin, t.Resource+" mountpoint=", t.Resource+" mountoptions=")
		}
		if t.Imports != "" {
			begin = append(begin, t.Switch+" is ", t.Imports+" is ", t.Imports+" pool=", t.Imports+" import", t.Imports+" operation ")
		}
	}
	for _, h := range p.health {
		begin = append(begin, h.clone+" is ")
	}
	if fencing {
		for _, n := range p.servers() {
			for _, f := range p.fenceNames(n) {
				begin = append(begin, "node "+n.Name+" "+f+"=")
			}
		}
	}
	shown := func(line string) bool {
		return slices.ContainsFunc(begin, func(b string) bool { return strings.HasPrefix(line, b) })
	}
	var want []string
	for _, l := range lines {
		if l = p.renamed(l); shown(l) {
			want = append(want, l)
		}
	}
	slices.Sort(want)
	filter := only("settings", begin...)
	var unseen []string
	for _, l := range untold {
		if l = p.renamed(l); shown(l) {
			unseen = append(unseen, l)
		}
	}
	if len(unseen) > 0 {
		filter += " | grep -vE " + shellescape.Quote(begins(unseen...))
	}
	return compares(a, filter, want), err
}

// fenceNames are the attributes by which a node is fenced.
func (p *Pair) fenceNames(s Server) []string {
	n, _ := p.CIB.Node(p.old(s.Name))
	var names []string
	for _, pair := range n.Attributes.Effective() {
		if strings.Contains(pair.Name, "fence") {
			names = append(names, pair.Name)
		}
	}
	return names
}

// renamed is a line with the nodes' new names.
func (p *Pair) renamed(line string) string {
	words := strings.Split(line, " ")
	for i, w := range words {
		name, value, has := strings.Cut(w, "=")
		if (words[0] != "location" || i != 2) && (words[0] != "node" || i != 1) {
			continue
		}
		words[i] = p.Names.New(name)
		if has {
			words[i] += "=" + value
		}
	}
	return strings.Join(words, " ")
}

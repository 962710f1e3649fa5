package issm

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// What the operator types who follows the runbook by hand: each check as a pipeline that prints exactly what must be seen.

// migrates is a run of migrate.sh whose log the operator reads to its end.
func migrates(cmd sshexec.Cmd) []evenkeel.Block {
	return []evenkeel.Block{{Cmd: cmd, Pipe: `2>&1 | verdict; echo "exit status ${PIPESTATUS[0]}"`,
		Shows: []string{"migrate.sh has succeeded", "exit status 0"}, Ends: true}}
}

// allAtWork wants every member of every replica set at work, arbiters too.
func (m *members) allAtWork() []evenkeel.Block {
	var want []string
	for _, rs := range m.mongo.Sets {
		want = append(want, rs.Title()+" has a primary")
		for _, member := range slices.Concat(rs.Members, rs.Arbiters) {
			want = append(want, rs.Title()+" "+member.Host+" is at work")
		}
	}
	slices.Sort(want)
	return steps.Prints(m.replicaStatus(), "| members", want...)
}

// dataAtWork wants the data members of halves at work, and a primary in every set.
func (m *members) dataAtWork(halves ...int) []evenkeel.Block { return m.membersShown(0, halves...) }

// aloneAtWork is the same of a half once the other one is away: a primary that was signed for is not asked for.
func (m *members) aloneAtWork(n int) []evenkeel.Block { return m.membersShown(3-n, n) }

// noneOf wants no data member of a half in any replica set, and a primary in each, but for what was signed for.
func (m *members) noneOf(n int) []evenkeel.Block { return m.membersShown(n) }

// membersShown wants the data members of these halves at work, none of the half that is away, and a primary in every
// set; of a set whose majority was signed for while that half is away, that it is listed.
func (m *members) membersShown(away int, halves ...int) []evenkeel.Block {
	var want, hosts, signed []string
	for _, rs := range m.mongo.Sets {
		if m.signedFor(rs, away) {
			want, signed = append(want, rs.Title()+" is listed"), append(signed, rs.Title())
		} else {
			want = append(want, rs.Title()+" has a primary")
		}
		for _, n := range halves {
			for _, host := range hostsOf(m.dataMembers(rs, n)) {
				want, hosts = append(want, rs.Title()+" "+host+" is at work"), append(hosts, regexp.QuoteMeta(host))
			}
		}
	}
	var arbiters []string // of the half that is away: they may stay in their sets
	if len(halves) == 0 {
		for _, alias := range m.sets[away] {
			hosts = append(hosts, regexp.QuoteMeta(alias))
		}
		for _, rs := range m.mongo.Sets {
			for _, a := range rs.Arbiters {
				if m.in[away][a.Host] {
					arbiters = append(arbiters, rs.Title()+" "+regexp.QuoteMeta(a.Host))
				}
			}
		}
	} else {
		slices.Sort(hosts)
		hosts = slices.Compact(hosts)
	}
	slices.Sort(want)
	filter := "| members | grep -E " + shellescape.Quote(" (has|"+strings.Join(hosts, "|")+") ")
	if len(arbiters) > 0 {
		filter += " | grep -vE " + shellescape.Quote("^("+strings.Join(arbiters, "|")+") ")
	}
	if len(signed) > 0 {
		filter += " | sed -E " + shellescape.Quote("s/^("+strings.Join(signed, "|")+`) has .*/\1 is listed/`) +
			" | LC_ALL=C sort"
	}
	return steps.Prints(m.replicaStatus(), filter, want...)
}

// asRanked wants the order of the priorities of the beginning.
func (m *Migration) asRanked() []evenkeel.Block {
	return []evenkeel.Block{{Script: "diff <(" + evenkeel.Typed(m.replicaStatus()) + " | ranks) <(echo " +
		factReplicas.Ref() + ") && echo the same", Shows: []string{"the same"}}}
}

// runs wants releases: of the installer, where one is given, and of the VMs of each half that run qns processes.
func (m *Migration) runs(installer *cps.Release, releases [3]cps.Release) []evenkeel.Block {
	filter, want := "| releases", []string{}
	if installer == nil {
		filter += " | grep -v ^installer"
	} else {
		want = append(want, "installer "+installer.String())
	}
	for n := 1; n <= 2; n++ {
		for _, class := range []string{"lb", "qns", "pcrfclient"} {
			for _, alias := range m.ofClass(n, class) {
				want = append(want, alias+" "+releases[n].String())
			}
		}
	}
	slices.Sort(want)
	return steps.Prints(sshexec.Command(sshexec.ReadOnly, m.cfg.Tools.About), filter, want...)
}

// takes wants each of the halves to take traffic.
func (m *balancers) takes(halves ...int) []evenkeel.Block {
	var blocks []evenkeel.Block
	for _, n := range halves {
		blocks = append(blocks, m.trafficShown(n, "an endpoint is up")...)
	}
	return blocks
}

// takesNone wants a half to take none.
func (m *balancers) takesNone(n int) []evenkeel.Block {
	return m.trafficShown(n, "NO endpoint is up")
}

func (m *balancers) trafficShown(n int, shows string) []evenkeel.Block {
	return steps.Prints(m.haproxyStatus(), fmt.Sprintf("| traffic %d %s", m.each, strings.Join(m.ofClass(n, "lb"), " ")), shows)
}

// isRelease wants a system.
func isRelease(version string) []evenkeel.Block {
	text := "release " + version
	return steps.Prints(readSystem, "| grep -oF "+shellescape.Quote(text), text)
}

// newestOnPaper prints the path of the newest archive in a list of the directory, or none; a list that is not whole fails.
func (a archiveFacts) newestOnPaper(list string) string {
	return list + ` | awk '$0 == "." || $0 == ".." { whole++ } /^migrate[_-]` + a.word + `[_-][0-9]+_[0-9]+\.tar\.gz$/ && $0 > last { last = $0 }
    END { if (whole != 2) exit 1; print last == "" ? "` + noArchive + `" : "` + archiveDir + `/" last }'`
}

// savePaper copies the newest archive, which must be a new one, to the operator's machine.
func (a archiveFacts) savePaper(host string) []evenkeel.Block {
	remote := func(cmd sshexec.Cmd) string { return "ssh " + host + " " + evenkeel.Typed(cmd) }
	script := fmt.Sprintf(`umask 077 && mkdir -p archives && %[1]s=$(%[4]s) &&
  [ "$%[1]s" != %[6]s ] && [ "$%[1]s" != %[7]s ] && %[2]s=$PWD/archives/${%[1]s##*/} &&
  ssh %[5]s cat "$%[1]s" > "$%[2]s" && %[3]s=$(sha256sum < "$%[2]s" | cut -c1-64) && declare -p %[1]s %[2]s %[3]s`,
		a.path.Variable(), a.local.Variable(), a.sum.Variable(), a.newestOnPaper(remote(listArchives)), host, noArchive, a.earlier.Ref())
	return []evenkeel.Block{
		{Host: evenkeel.OperatorHost, Text: "It holds passwords and keys.", Script: script},
		{Script: "sha256sum " + a.path.Ref() + " | grep -c " + a.sum.Ref(), Shows: []string{"1"}},
		a.wholePaper(),
	}
}

// wholePaper wants the copy to be the original, and to be read to its end.
func (a archiveFacts) wholePaper() evenkeel.Block {
	return evenkeel.Block{
		Host: evenkeel.OperatorHost, Script: "sha256sum < " + a.local.Ref() + " | grep -c " + a.sum.Ref() + " && tar tzf " +
			a.local.Ref() + " >/dev/null && echo whole", Shows: []string{"1", "whole"},
	}
}

// usersPaper notes the users of VMs.
func usersPaper(variable string, vms []string) []evenkeel.Block {
	return []evenkeel.Block{{Host: evenkeel.OperatorHost, Script: fmt.Sprintf(`%[1]s=$(echo users: && for h in %[2]s; do
  ssh "$h" cat /etc/passwd | awk -F: -v h="$h" '$1 == "root" { whole = 1 } $3 >= %[3]d && $3 <= %[4]d { print h, $1 } END { exit !whole }' || exit 1
done) && declare -p %[1]s`,
		variable, strings.Join(vms, " "), steps.FirstUserID, steps.LastUserID)}}
}

// usersAgain wants the users that were noted of a VM.
func usersAgain(alias string, n int) []evenkeel.Block {
	return steps.Again([]evenkeel.Block{{Script: "echo " + factUsers[n].Ref() + " | awk '$1 == \"" + alias +
		"\" { print $2 }' | grep -vxF -f <(" + evenkeel.Typed(readPasswd) + " | cut -d: -f1) || echo no user is missing",
		Shows: []string{"no user is missing"}}})
}

// ifMounted types a command only if an image is mounted, or is not.
func ifMounted(state string, cmd sshexec.Cmd) []evenkeel.Block {
	return []evenkeel.Block{{Script: mountState}, {Cmd: cmd, If: state}}
}

const mountState = `cat /proc/mounts | awk '{ seen = 1 } $2 == "` + isoMount +
	`" { is = 1 } END { print !seen ? "NOT known" : is ? "mounted" : "not mounted" }'`

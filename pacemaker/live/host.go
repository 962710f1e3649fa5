package live

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// seedStat is what `stat -c '%U:%G %a %s'` says of a seed that is in place.
func seedStat(seed pcs.Operation) string {
	return fmt.Sprintf("hacluster:haclient 600 %d", len(seed.Stdin))
}

// ClusterService is the service of firewalld that opens what a cluster needs but for the ports of corosync that are not
// its default (lustre:829, PCM-051, H16).
const ClusterService = "high-availability"

// OpenFirewall opens the firewall of a host for the cluster: the service, and the ports that corosync.conf names
// (lustre:823-838, PCM-052, PCM-055, H16), each for now and for after a restart. A host whose firewalld does not run
// makes the change fail before anything is done; the guide's other way is to switch it off (lustre:844).
func (l Cluster) OpenFirewall(node string, ports []corosync.Port) []change.Change {
	add := func(what, query string, permanent bool) change.Change {
		argv := []string{"firewall-cmd"}
		name := "open " + what + " in the firewall of " + node
		if permanent {
			argv = append(argv, "--permanent")
			name += " for good"
		}
		ask := l.at(node, pcs.NewOperation("whether "+what+" is open", "lustre:838", op.ReadOnly, op.Idempotent,
			append(slices.Clone(argv), "--list-"+query)...))
		o := pcs.NewOperation(name, "lustre:829", op.Mutating, op.Idempotent, append(argv, "--add-"+strings.TrimSuffix(query, "s")+"="+what)...)
		return l.Change(l.at(node, o),
			change.Change{Limit: configLimit, Proof: []change.Proof{proof(ask, what+" is in firewall-cmd --list-"+query, func(a answer) error {
				switch {
				case a.ExitCode != 0:
					return fmt.Errorf("firewalld does not answer on %s: exit status %d: %s", a.Host, a.ExitCode,
						lastOf(string(a.Stdout)+"\n"+string(a.Stderr)))
				case !slices.Contains(strings.Fields(string(a.Stdout)), what):
					return notYet("%s is not open", what)
				}
				return nil
			})}})
	}
	var changes []change.Change
	for _, permanent := range []bool{true, false} {
		changes = append(changes, add(ClusterService, "services", permanent))
		for _, p := range ports {
			changes = append(changes, add(p.String(), "ports", permanent))
		}
	}
	return changes
}

var idLine = regexp.MustCompile(`^uid=\d+\(([^)]+)\) gid=\d+\(([^)]+)\)`)

// Hacluster wants a host to have the user and the group of the cluster software (lustre:808-812, PCM-049).
func (l Cluster) Hacluster(node string) change.Proof {
	look := l.at(node, pcs.NewOperation("the user hacluster", "lustre:811", op.ReadOnly, op.Idempotent, "id", "hacluster"))
	return proof(look, "id hacluster on "+node+" says hacluster, in the group haclient", func(a answer) error {
		m := idLine.FindStringSubmatch(string(a.Stdout))
		switch {
		case a.ExitCode != 0:
			return fmt.Errorf("%s has no user hacluster: install pacemaker there (lustre:805)", a.Host)
		case m == nil || m[1] != "hacluster" || m[2] != "haclient":
			return fmt.Errorf("hacluster on %s is %q: its group must be haclient", a.Host, strings.TrimSpace(string(a.Stdout)))
		}
		return nil
	})
}

// StartPcsd starts pcsd on a host, now and at boot (lustre:851-858, PCM-056, PCM-057).
func (l Cluster) StartPcsd(node string) []change.Change {
	do := func(verb, ask, want string) change.Change {
		look := l.at(node, pcs.NewOperation("pcsd", "lustre:855", op.ReadOnly, op.Idempotent, "systemctl", ask, "pcsd.service"))
		o := pcs.NewOperation(verb+" pcsd on "+node, "lustre:851", op.Mutating, op.Idempotent, "systemctl", verb, "pcsd.service")
		return l.Change(l.at(node, o),
			change.Change{Limit: time.Minute,
				Proof: []change.Proof{proof(look, "systemctl says that pcsd is "+want+" on "+node, func(a answer) error {
					if state := strings.TrimSpace(string(a.Stdout)); state != want {
						return notYet("pcsd is %q", state)
					}
					return nil
				})}})
	}
	return []change.Change{do("start", "is-active", "active"), do("enable", "is-enabled", "enabled")}
}

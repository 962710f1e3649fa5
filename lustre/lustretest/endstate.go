package lustretest

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// uuidLine is what pcs makes up anew for each cluster.
var uuidLine = regexp.MustCompile(`(?m)^\s*cluster_uuid:.*\n`)

// EndState describes what matters when all is done, one thing a line: systems, services, packages, files of the
// configuration, the CIB, what is mounted where. Two runs that end alike have the same text, whenever and however they
// got there.
func (p *Pair) EndState() string {
	var b strings.Builder
	p.Do(func(s *simhost.State) {
		st := pacemakertest.Of(s)
		for _, h := range s.Hosts() {
			release, _ := h.ReadFile("/etc/redhat-release")
			fmt.Fprintf(&b, "%s: %s, %s, member %v, key %s\n", h.Name, h.Power, strings.TrimSpace(release), st.Member(h.Name), h.HostKey())
			for _, unit := range []string{"pcsd", "corosync", "pacemaker", "chroma-agent", "ntpd", "firewalld"} {
				fmt.Fprintf(&b, "  %s: active %v\n", unit, h.Active(unit))
			}
			for _, dir := range []string{"/root", "/mnt", "/etc/ssh", "/etc/yum.repos.d", "/var/lib"} {
				names, _ := h.List(dir)
				fmt.Fprintf(&b, "  %s: %s\n", dir, strings.Join(names, " "))
			}
			for _, name := range []string{"/etc/hosts", "/etc/passwd", "/etc/ntp.conf", "/etc/corosync/corosync.conf", "/etc/hostid", lnetConf} {
				text, _ := h.ReadFile(name)
				fmt.Fprintf(&b, "  %s: %q\n", name, uuidLine.ReplaceAllString(text, ""))
			}
		}
		for _, t := range of(s).targets {
			fmt.Fprintf(&b, "%s on %s\n", t.label, strings.Join(t.on, " "))
		}
	})
	return b.String()
}

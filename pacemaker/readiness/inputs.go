package readiness

import (
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// ParseError is one mistake in an input, with its file, line and column.
type ParseError = srcerr.Error

// Versions is the software of one node.
type Versions struct {
	Node     string
	OS       string            // as the system calls itself; empty is not known
	Packages map[string]string // by name, as rpm or dpkg says them, without the architecture
	Absent   []string          // packages that are not installed, by name
}

// Of is the version of a package; false where it is not installed, or not said.
func (v Versions) Of(pkg string) (Version, bool) {
	version, err := ParseVersion(v.Packages[pkg])
	return version, err == nil
}

var (
	nevra = regexp.MustCompile(`^([A-Za-z][\w+.-]*)-((?:\d+:)?\d[^\s-]*)-([^\s-]+)\.` +
		`(?:x86_64(?:_v2)?|aarch64|i686|ppc64le|s390x|noarch)$`)
	twoColumns = regexp.MustCompile(`^([a-z][\w+.-]*?)(?::\w+)?\s+((?:\d+:)?\d[\w.+~:-]*)$`)
	notThere   = regexp.MustCompile(`^package (\S+) is not installed$`)
	assignment = regexp.MustCompile(`^[A-Z][A-Z0-9_]*=.*$`)
	osTitle    = regexp.MustCompile(`^(?:Red Hat|CentOS|AlmaLinux|Rocky|Oracle|Scientific|SUSE|Debian)\b.*\d`)
)

// ParseVersions reads what a node says of its software: /etc/os-release or /etc/redhat-release, and the packages as
// rpm -q or dpkg-query -W print them, in any order:
//
//	{ cat /etc/os-release; rpm -q pacemaker corosync pcs resource-agents; } > NODE.versions
//
// A line that is none of these is an error, and so is a text without any package: it is never taken for "nothing is
// installed".
func ParseVersions(r io.Reader) (*Versions, error) {
	name := srcerr.NameOf(r)
	data, err := srcerr.ReadText(r)
	if err != nil {
		return nil, err
	}
	v := &Versions{Packages: map[string]string{}}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimRight(line, "\r\n \t")
		if err := v.take(line); err != "" {
			return nil, srcerr.Errorf(name, n, 1, line, "%s", err)
		}
	}
	if len(v.Packages)+len(v.Absent) == 0 {
		return nil, srcerr.Errorf(name, 0, 0, "", "it names no package: give what rpm -q or dpkg-query -W print")
	}
	return v, nil
}

// take takes a line; it says what is wrong with one.
func (v *Versions) take(line string) string {
	var pkg, version string
	switch {
	case line == "" || strings.HasPrefix(line, "#"):
		return ""
	case nevra.MatchString(line):
		m := nevra.FindStringSubmatch(line)
		pkg, version = m[1], m[2]+"-"+m[3]
	case twoColumns.MatchString(line):
		m := twoColumns.FindStringSubmatch(line)
		pkg, version = m[1], m[2]
	case notThere.MatchString(line):
		v.Absent = append(v.Absent, notThere.FindStringSubmatch(line)[1])
		return ""
	case strings.HasPrefix(line, "PRETTY_NAME="):
		return v.system(strings.Trim(strings.TrimPrefix(line, "PRETTY_NAME="), `"'`))
	case assignment.MatchString(line):
		return "" // another line of os-release(5)
	case osTitle.MatchString(line):
		return v.system(line)
	default:
		return "neither a package as rpm -q or dpkg-query -W print it, nor a line of os-release"
	}
	if was, twice := v.Packages[pkg]; twice && was != version {
		return pkg + " is there twice, as " + was + " and " + version + ": one file is for one node"
	}
	v.Packages[pkg] = version
	return ""
}

func (v *Versions) system(title string) string {
	if v.OS != "" && v.OS != title {
		return "the system is there twice, as " + v.OS + " too: one file is for one node"
	}
	v.OS = title
	return ""
}

var agentLine = regexp.MustCompile(`^((?:ocf:[\w.+-]+|lsb|service|systemd|upstart|nagios|stonith):[\w.@+/:-]+|` +
	`fence_[\w-]+)(?:\s+-(?:\s.*)?)?$`)

// listedAs is an agent as lists have it: fence agents without their class.
func listedAs(agent string) string {
	if fence, ok := strings.CutPrefix(agent, "stonith:fence_"); ok {
		return "fence_" + fence
	}
	return agent
}

// ParseAgents reads the agents that the target has, one a line: as `pcs resource list` and `pcs stonith list` print them,
// or as class:provider:type. A line that is none is an error, and so is a text without any.
func ParseAgents(r io.Reader) ([]string, error) {
	name := srcerr.NameOf(r)
	data, err := srcerr.ReadText(r)
	if err != nil {
		return nil, err
	}
	var agents []string
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		m := agentLine.FindStringSubmatch(line)
		if m == nil {
			return nil, srcerr.Errorf(name, n, 1, line, "no agent, such as ocf:heartbeat:IPaddr2 or fence_ipmilan")
		}
		agents = append(agents, listedAs(m[1]))
	}
	if len(agents) == 0 {
		return nil, srcerr.Errorf(name, 0, 0, "", "it names no agent")
	}
	slices.Sort(agents)
	return slices.Compact(agents), nil
}

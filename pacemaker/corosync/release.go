package corosync

import (
	"fmt"
	"slices"
	"strings"
)

// Mark is something in a corosync.conf that only some releases of corosync use. The others read over it.
type Mark struct {
	Line     int
	What     string // totem.rrp_mode, service
	From, To int    // the first and the last major release that use it; 0 is open
	Why      string
}

// String is "line 3: service: corosync 1 only: …".
func (m Mark) String() string {
	which := fmt.Sprintf("corosync %d to %d", max(m.From, 1), m.To)
	switch {
	case m.To == 0:
		which = fmt.Sprintf("corosync %d and later", m.From)
	case m.From == m.To || m.From == 0 && m.To == 1:
		which = fmt.Sprintf("corosync %d only", m.To)
	}
	return fmt.Sprintf("line %d: %s: %s: %s", m.Line, m.What, which, m.Why)
}

// Releases is which major releases of corosync a file is for. From is the first that uses all that is new in it. To is
// 3 where corosync 3 starts with the file, though it may read over a part of it, such as rrp_mode; the Marks say which.
// Otherwise To is the last release that uses all that is old in it, of those that start with it.
type Releases struct {
	From, To int // 1 to 3; From is greater than To when no release takes the file, or it says nothing
	Marks    []Mark
}

// Fits says whether a major release takes the file; of release 3 it is what `corosync -t` says. See [Conf.Refusals] for the reasons.
func (r Releases) Fits(major int) bool { return r.From <= major && major <= r.To }

// newestCorosync is the newest major release that this package knows.
const newestCorosync = 3

// sectionMarks are sections at the top level, keyMarks keys by their section, that not every release knows.
var (
	sectionMarks = map[string]Mark{
		"service":   {To: 1, Why: "Pacemaker was started as a plugin, or told so"},
		"aisexec":   {To: 1, Why: "the user that the daemon ran as"},
		"amf":       {To: 1, Why: "the availability management framework is gone"},
		"nodelist":  {From: 2, Why: "the nodes were found by multicast before"},
		"resources": {From: 2, Why: "limits on the machine's memory and load"},
		"system":    {From: 3, Why: "settings of the daemon itself"},
		"nozzle":    {From: 3, Why: "a network device on knet"},
	}
	keyMarks = map[string]Mark{
		"compatibility":                           {To: 1, Why: "it switched to the protocol of openais"},
		"totem.rrp_mode":                          {To: 2, Why: "redundant rings are gone: knet has links"},
		"totem.threads":                           {To: 2, Why: "encryption threads are gone"},
		"totem.vsftype":                           {To: 2, Why: "virtual synchrony filters are gone"},
		"totem.crypto_accept":                     {To: 1, Why: "it chose between two kinds of encryption"},
		"totem.link_mode":                         {From: 3, Why: "how knet uses its links"},
		"totem.crypto_model":                      {From: 3, Why: "the library that encrypts"},
		"totem.block_unlisted_ips":                {From: 3, Why: "packets of strangers are dropped"},
		"totem.cluster_uuid":                      {From: 3, Why: "an identity of the cluster"},
		"totem.token_warning":                     {From: 3, Why: "a warning of late tokens"},
		"totem.crypto_cipher":                     {From: 2, Why: "corosync 1 had secauth alone"},
		"totem.crypto_hash":                       {From: 2, Why: "corosync 1 had secauth alone"},
		"totem.cluster_name":                      {From: 2, Why: "clusters had no names before"},
		"interface.linknumber":                    {From: 3, Why: "corosync 1 and 2 call it ringnumber"},
		"logging.to_file":                         {To: 1, Why: "later releases call it to_logfile"},
		"quorum.two_node":                         {From: 2, Why: "the quorum of two nodes is votequorum's"},
		"quorum.wait_for_all":                     {From: 2, Why: "votequorum's"},
		"quorum.auto_tie_breaker":                 {From: 2, Why: "votequorum's"},
		"quorum.last_man_standing":                {From: 2, Why: "votequorum's"},
		"node.name":                               {From: 2, Why: "nodes have no names before"},
		"totem.rrp_problem_count_timeout":         {To: 2, Why: "of redundant rings"},
		"totem.rrp_problem_count_threshold":       {To: 2, Why: "of redundant rings"},
		"totem.rrp_problem_count_mcast_threshold": {To: 2, Why: "of redundant rings"},
		"totem.rrp_token_expired_timeout":         {To: 2, Why: "of redundant rings"},
		"totem.rrp_autorecovery_check_timeout":    {To: 2, Why: "of redundant rings"},
	}
)

// Releases tells which major releases of corosync take the file, and what in it only some of them use.
func (c *Conf) Releases() Releases {
	r := Releases{From: 1, To: newestCorosync}
	if c.empty() {
		return Releases{From: newestCorosync}
	}
	known := newestCorosync - 1
	mark := func(m Mark, what string, line int) {
		m.What, m.Line = what, line
		r.Marks = append(r.Marks, m)
		r.From = max(r.From, m.From)
		if m.To > 0 {
			known = min(known, m.To)
		}
	}
	var visit func(s *Section)
	visit = func(s *Section) {
		for _, item := range s.items {
			switch {
			case item.section != nil:
				name := item.section.Name
				if m, ok := sectionMarks[name]; ok && s.Name == "" {
					mark(m, name, item.line)
				}
				if name == "device" && s.Name == "quorum" {
					mark(Mark{From: 2, Why: "a quorum device"}, "quorum.device", item.line)
				}
				if name == "member" && s.Name == "interface" {
					mark(Mark{To: 2, Why: "corosync 3 finds the nodes in the nodelist alone"}, "interface.member", item.line)
				}
				visit(item.section)
			case item.key == "":
			case s.Name == "totem" && item.key == "transport" && item.value == "knet":
				mark(Mark{From: 3, Why: "the transport of several links"}, "totem.transport: knet", item.line)
			case strings.HasPrefix(item.key, "knet_"):
				mark(Mark{From: 3, Why: "of knet"}, s.Name+"."+item.key, item.line)
			default:
				key := strings.TrimPrefix(s.Name+"."+item.key, ".")
				if m, ok := keyMarks[key]; ok {
					mark(m, key, item.line)
				}
			}
		}
	}
	visit(c.Root)
	if !slices.ContainsFunc(c.Root.items, func(i entry) bool { return i.key != "" || i.section != nil }) {
		r.From, r.To = newestCorosync, 0 // a file that says nothing is for none
	}
	if len(c.Refusals(newestCorosync)) > 0 {
		r.To = max(known, r.From) // the ones between read over what is old
	}
	for r.To > 0 && len(c.Refusals(r.To)) > 0 {
		r.To--
	}
	for r.From < r.To && len(c.Refusals(r.From)) > 0 {
		r.From++
	}
	slices.SortStableFunc(r.Marks, func(a, b Mark) int { return a.Line - b.Line })
	return r
}

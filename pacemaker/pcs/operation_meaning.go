package pcs

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// Meaning is what is known of a command beyond its manual page: what its exit status says, and what it does not.
type Meaning struct {
	Command string        // the words that it is known by: "pcs cluster start"
	Exits   []ExitMeaning // of the status that it is known to give, 0 first where it needs saying
	// Verify says which state proves that it worked, for a command whose exit status 0 proves nothing (H4); empty where it does.
	Verify string
	Limit  time.Duration // after which it hangs rather than works (H19); 0 is no known limit

	words []string // after the program, without options
	says  []saying
}

// ExitMeaning is one exit status of a command.
type ExitMeaning struct {
	Code int
	Text string
	Err  error // nil for success
}

// saying is a text in the output that means more than the exit status.
type saying struct {
	text string
	err  error
}

// notConnected is ENOTCONN as Pacemaker 1.1 exits with it; Pacemaker 2 and later have exit codes of their own:
// https://clusterlabs.org/projects/pacemaker/doc/ , include/crm/common/results.h.
func pacemakerExits(more ...ExitMeaning) []ExitMeaning {
	return append([]ExitMeaning{
		{102, "not connected: the cluster does not run (Pacemaker 2 and later)", pacemaker.ErrClusterDown},
		{107, "not connected: the cluster does not run (Pacemaker 1.1)", pacemaker.ErrClusterDown},
	}, more...)
}

// noInit is what pcs says where it finds no init system: it starts nothing, and exits 0 (H4).
var noInit = []saying{{"Unable to detect init system", pacemaker.ErrNothingDone}, {"Unknown init system", pacemaker.ErrNothingDone}}

var pcsSays = []saying{
	{"cluster is not currently running", pacemaker.ErrClusterDown}, {"error running crm_mon, is pacemaker running", pacemaker.ErrClusterDown},
	{"unable to get cib", pacemaker.ErrClusterDown}, {"Unable to get cib", pacemaker.ErrClusterDown},
	{"unable to get crm_config", pacemaker.ErrClusterDown},
	{"Could not map name=", pacemaker.ErrAbsentNode}, {"does not appear to exist in configuration", pacemaker.ErrAbsentNode},
	{"already in a cluster", pacemaker.ErrLeftovers}, {"in a cluster already", pacemaker.ErrLeftovers},
	{"Unable to authenticate", pacemaker.ErrNotAuthorised}, {"is not authenticated", pacemaker.ErrNotAuthorised},
	{"Username and/or password is incorrect", pacemaker.ErrNotAuthorised},
	{"Host unknown", pacemaker.ErrNotAuthorised}, {"Hosts unknown", pacemaker.ErrNotAuthorised},
	{"are not known to pcs", pacemaker.ErrNotAuthorised}, {"is not known to pcs", pacemaker.ErrNotAuthorised},
}

var pcsExits = []ExitMeaning{{1, "refused, failed, or not understood", pacemaker.ErrCommandFailed},
	{2, "nothing of that name is there", pacemaker.ErrCommandFailed}}

// meanings is the table. Longer words come before their beginnings.
var meanings = []Meaning{
	{
		Command: "pcs cluster start", Exits: pcsExits, Verify: "corosync and pacemaker run, and crm_mon shows the node online",
		says: append(slices.Clone(noInit), pcsSays...),
	},
	{
		Command: "pcs cluster stop", Exits: pcsExits, Verify: "neither pacemaker nor corosync runs, and nothing is mounted",
		says: append(slices.Clone(noInit), pcsSays...),
	},
	{
		Command: "pcs cluster enable", Exits: pcsExits, Verify: "systemctl is-enabled says so for corosync and pacemaker",
		says: append(slices.Clone(noInit), pcsSays...),
	},
	{
		Command: "pcs cluster disable", Exits: pcsExits, Verify: "systemctl is-enabled says disabled for corosync and pacemaker",
		says: append(slices.Clone(noInit), pcsSays...),
	},
	{Command: "pcs cluster standby", Exits: pcsExits,
		Verify: "crm_mon shows the node in standby and nothing on it: the command returns before the resources moved", says: pcsSays},
	{Command: "pcs node standby", Exits: pcsExits,
		Verify: "crm_mon shows the node in standby and nothing on it: the command returns before the resources moved", says: pcsSays},
	{Command: "pcs resource enable", Exits: pcsExits,
		Verify: "crm_mon shows the resource started: the command returns before it is", says: pcsSays},
	{Command: "pcs resource disable", Exits: pcsExits,
		Verify: "crm_mon shows the resource stopped: the command returns before it is", says: pcsSays},
	{Command: "pcs resource relocate", Exits: pcsExits, Verify: "crm_mon shows each resource on the node that it prefers", says: pcsSays},
	{
		Command: "pcs status", Verify: "", says: pcsSays,
		Exits: []ExitMeaning{{1, "the cluster does not run on this node", pacemaker.ErrClusterDown},
			{2, "the cluster runs, but pcsd does not answer", pacemaker.ErrCommandFailed}},
	},
	{Command: "pcs", Exits: pcsExits, says: append(slices.Clone(noInit), pcsSays...)},
	{
		Command: "crm_mon", Exits: pacemakerExits(), Limit: time.Minute,
		says: []saying{{"Connection to cluster failed", pacemaker.ErrClusterDown}},
	},
	{
		Command: "cibadmin",
		// 76 means two things, which the text tells apart.
		says: []saying{{"Protocol not supported", pacemaker.ErrInvalid}, {"Name not unique on network", pacemaker.ErrExists}},
		Exits: pacemakerExits(
			ExitMeaning{76, "the id is taken (Pacemaker 1.1), or the XML comes from a newer Pacemaker (2 and later)",
				pacemaker.ErrExists}, ExitMeaning{108, "the id is taken", pacemaker.ErrExists},
			ExitMeaning{6, "there is no such thing (Pacemaker 1.1)", pacemaker.ErrNotFound},
			ExitMeaning{105, "there is no such thing", pacemaker.ErrNotFound},
			ExitMeaning{203, "the result would not be valid (Pacemaker 1.1)", pacemaker.ErrInvalid},
			ExitMeaning{78, "the result would not be valid, or the XML is broken", pacemaker.ErrInvalid},
			ExitMeaning{205, "the cluster has a newer configuration (Pacemaker 1.1)", pacemaker.ErrOutdated},
			ExitMeaning{103, "the cluster has a newer configuration", pacemaker.ErrOutdated},
			ExitMeaning{113, "the partition has no quorum", pacemaker.ErrNoQuorum},
			ExitMeaning{62, "no node is in charge of the configuration (Pacemaker 1.1)", pacemaker.ErrClusterDown},
		),
	},
	{
		Command: "crm_resource --refresh", Verify: "the failures are gone from crm_mon: it exits 0 for a node that is not there",
		Exits: pacemakerExits(ExitMeaning{105, "there is no such resource or node", pacemaker.ErrNotFound}),
		says:  []saying{{"No status information for resource", pacemaker.ErrNothingDone}, {"not found", pacemaker.ErrNotFound}},
	},
	{Command: "crm_resource", Exits: pacemakerExits(ExitMeaning{105, "there is no such resource or node",
		pacemaker.ErrNotFound}, ExitMeaning{6, "there is no such resource or node (Pacemaker 1.1)", pacemaker.ErrNotFound})},
	{
		Command: "crm_attribute", says: []saying{{"Could not map name=", pacemaker.ErrAbsentNode}},
		Exits: pacemakerExits(ExitMeaning{105, "there is no such attribute or node", pacemaker.ErrNotFound},
			ExitMeaning{6, "there is no such attribute or node (Pacemaker 1.1)", pacemaker.ErrNotFound}),
	},
	{Command: "crm_standby", says: []saying{{"Could not map name=", pacemaker.ErrAbsentNode}},
		Exits: pacemakerExits(ExitMeaning{105, "there is no such node", pacemaker.ErrAbsentNode})},
	{Command: "crmadmin", Exits: pacemakerExits(ExitMeaning{124, "no answer in time", pacemaker.ErrClusterDown}), Limit: 2 * time.Second},
	{Command: "crm_node", Exits: pacemakerExits()},
	{Command: "stonith_admin", Exits: pacemakerExits(ExitMeaning{105, "there is no such device or node",
		pacemaker.ErrNotFound}, ExitMeaning{124, "the device did not answer in time", pacemaker.ErrCommandFailed})},
	{Command: "crm_verify", Exits: []ExitMeaning{{78, "the configuration has mistakes, or only warnings: -V tells which",
		pacemaker.ErrInvalid}, {66, "there is no configuration to read: the cluster does not run", pacemaker.ErrClusterDown}}},
	{Command: "corosync-quorumtool",
		Exits: []ExitMeaning{{1, "corosync does not run", pacemaker.ErrClusterDown}, {2, "not quorate (with -s)", pacemaker.ErrNoQuorum}}},
	{Command: "corosync-cfgtool", Exits: []ExitMeaning{{1,
		"corosync does not run, or a ring is faulty (with -s): the text tells", pacemaker.ErrClusterDown}}},
}

func init() {
	for i := range meanings {
		meanings[i].words = strings.Fields(meanings[i].Command)
	}
}

// MeaningOf is what is known of a command, by its words: options and names in between are passed over, and an absolute path to the
// program is its name. It says false for a program that this package does not know.
func MeaningOf(argv ...string) (Meaning, bool) {
	if len(argv) == 0 {
		return Meaning{}, false
	}
	words := commandWords(argv)
	for _, m := range meanings {
		if len(m.words) > len(words) || !slices.Equal(words[:1], m.words[:1]) {
			continue
		}
		if slices.Equal(words[:len(m.words)], m.words) || len(m.words) == 2 && strings.HasPrefix(m.words[1], "-") &&
			slices.Contains(argv, m.words[1]) {
			return m, true
		}
	}
	return Meaning{}, false
}

// commandWords are the program and its words without pcs's `-f FILE`.
func commandWords(argv []string) []string {
	words := []string{path.Base(argv[0])}
	for i := 1; i < len(argv); i++ {
		if argv[i] == "-f" {
			i++
			continue
		}
		words = append(words, argv[i])
	}
	return words
}

// Meaning is what is known of the operation's command; the zero value when nothing is.
func (o Operation) Meaning() Meaning {
	m, _ := MeaningOf(o.Argv...)
	return m
}

// Judge tells what a command that ended with an exit status and an output (standard output and error) has done. Nil says that nothing
// speaks against success: where [Meaning.Verify] is not empty, the state still has to be looked at.
func (m Meaning) Judge(code int, output string) error {
	output = printable.Plain(output)
	for _, s := range m.says {
		if strings.Contains(output, s.text) && (code != 0 || errors.Is(s.err, pacemaker.ErrNothingDone)) {
			return fmt.Errorf("%s: %w: exit status %d, and it says %q", m.Command, s.err, code, lineWith(output, s.text))
		}
	}
	if code == 0 {
		return nil
	}
	for _, e := range m.Exits {
		if e.Code == code && e.Err != nil {
			return fmt.Errorf("%s: %w: exit status %d: %s", m.Command, e.Err, code, e.Text)
		}
	}
	return fmt.Errorf("%s: %w: exit status %d", m.Command, pacemaker.ErrCommandFailed, code)
}

// lineWith is the line of a text that contains a word.
func lineWith(text, word string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			return strings.TrimSpace(line)
		}
	}
	return word
}

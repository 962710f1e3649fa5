package pacemakertest_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// A scenario is one list of commands for two freshly installed nodes with pcs 0.11: the simulator and a real pair must answer it alike.

// system is a pair of nodes: a simulated one, or a real one.
type system interface {
	run(t *testing.T, node int, stdin string, argv []string) reply
	settle(t *testing.T, node int) // until nothing is under way
	addr(node, ring int) string
}

type reply struct {
	exit        int
	out, errOut string
}

// act is one command of a scenario.
type act struct {
	node  int // 1 or 2
	line  string
	stdin string
	words bool // the outputs must be the same as well as the exit status
	then  bool // afterwards the cluster settles, and what runs where must be the same
}

// observation is what was seen of an act.
type observation struct {
	Act    string
	Exit   int
	Output []string
	Where  map[string][]string
	Nodes  map[string]string
}

const seedCIB = `<cib epoch="1" num_updates="0" admin_epoch="0" validate-with="pacemaker-3.0"><configuration><crm_config><cluster_property_set id="cib-bootstrap-options"><nvpair id="cib-bootstrap-options-dc-deadtime" name="dc-deadtime" value="2s"/>` +
	`</cluster_property_set></crm_config><nodes/><resources/><constraints/></configuration><status/></cib>`

// upgradeScenario is the life of a new cluster: refused and made, alone, joined, moved about, taken apart.
func upgradeScenario(s system) []act {
	create := func(id string) string {
		return "pcs resource create " + id +
			" ocf:heartbeat:Dummy op monitor interval=5 timeout=20 start interval=0 timeout=20 stop interval=0 timeout=20 " +
			"--no-default-ops --disabled"
	}
	role := func(ids []string, value string) string {
		xml := "<resources>"
		for _, id := range ids {
			xml += `<primitive id="` + id + `"><meta_attributes id="` + id + `-meta_attributes"><nvpair id="` + id +
				`-meta_attributes-target-role" name="target-role" value="` + value + `"/></meta_attributes></primitive>`
		}
		return xml + "</resources>"
	}
	setup := fmt.Sprintf("pcs cluster setup lustre-ha-cluster %s addr=%s addr=%s", n1, s.addr(1, 0), s.addr(1, 1))
	return []act{
		{node: 1, line: "pcs --version", words: true},
		{node: 1, line: "cibadmin --query", words: true},
		{node: 1, line: "pcs cluster start", words: true},
		{node: 1, line: "corosync-cfgtool -s"},
		{node: 1, line: "pcs status pcsd " + n1, words: true},
		{node: 1, line: setup, words: true},
		{node: 1, line: "pcs host auth " + n1 + " -u hacluster", stdin: "wrong\n", words: true},
		{node: 1, line: "pcs host auth " + n1 + " -u hacluster", stdin: "secret\n", words: true},
		{node: 1, line: "pcs host auth " + n1 + " -u hacluster", stdin: "secret\n", words: true},
		{node: 1, line: "pcs cluster auth " + n1 + " -u hacluster", stdin: "secret\n"},
		{node: 1, line: "pcs cluster setup --name x " + n1, words: true},
		{node: 1, line: setup, words: true},
		{node: 1, line: "cat /etc/corosync/corosync.conf", words: true},
		{node: 1, line: setup, words: true},
		{node: 1, line: "install -o hacluster -g haclient -m 0600 /dev/stdin /var/lib/pacemaker/cib/cib.xml", stdin: seedCIB},
		{node: 1, line: "pcs cluster start --wait=120", words: true, then: true},
		{node: 1, line: "pcs cluster enable", words: true},
		{node: 1, line: "pcs cluster stop", words: true},
		{node: 1, line: "pcs property set stonith-enabled=false no-quorum-policy=ignore", words: true},
		{node: 1, line: "pcs property set foo=bar"},
		{node: 1, line: "pcs property set stonith-enabled=maybe", words: true},
		{node: 1, line: "pcs property unset nope", words: true},
		{node: 1, line: "pcs property set dc-deadtime=", words: true},
		{node: 1, line: "pcs property config", words: true},
		{node: 1, line: "crm_attribute --type crm_config --name node-action-limit --delete", words: true},
		{node: 1, line: "crm_attribute --type crm_config --name node-action-limit --update 32", words: true},
		{node: 1, line: "crm_attribute --type crm_config --name node-action-limit --query --quiet", words: true},
		{node: 1, line: "crm_attribute --type nodes --node nobody --name x --update y", words: true},
		{node: 1, line: "pcs resource defaults update resource-stickiness=1000", words: true},
		{node: 1, line: "pcs resource defaults", words: true},
		{node: 1, line: "pcs resource op defaults update timeout=77s", words: true},
		{node: 1, line: "pcs resource defaults update failure-timeout=5m", words: true},
		{node: 1, line: "pcs resource defaults update failure-timeout=", words: true},
		{node: 1, line: "cibadmin --query --scope rsc_defaults", words: true},
		{node: 1, line: "cibadmin --query --scope op_defaults", words: true},
		{node: 1, line: create("A"), words: true},
		{node: 1, line: create("B"), words: true},
		{node: 1, line: create("A"), words: true},
		{node: 1, line: "pcs constraint location A prefers " + n1 + "=20", words: true},
		{node: 1, line: "pcs constraint location A prefers " + n2 + "=10", words: true},
		{node: 1, line: "pcs constraint location A prefers " + n2 + "=10 --force", words: true},
		{node: 1, line: "pcs constraint location B prefers " + n2 + "=20 --force", words: true},
		{node: 1, line: "pcs constraint location B prefers " + n1 + "=10", words: true},
		{node: 1, line: "pcs constraint --full", words: true},
		{node: 1, line: "pcs resource config A", words: true},
		{node: 1, line: "pcs resource enable A B --wait=60", then: true},
		{node: 1, line: "pcs resource", words: true},
		{node: 1, line: "pcs resource enable nothing", words: true},
		{node: 1, line: "cibadmin --modify --xml-pipe", stdin: role([]string{"A", "B"}, "Stopped"), words: true, then: true},
		{node: 1, line: "crm_resource --locate --resource A", words: true},
		{node: 1, line: "cibadmin --modify --xml-pipe", stdin: role([]string{"A", "B"}, "Started"), words: true, then: true},
		{node: 1, line: "cibadmin --modify --xml-pipe --scope constraints", stdin: `<rsc_location id="zz" score="1"/>`, words: true},
		{node: 1, line: "cibadmin --create --xml-pipe --scope constraints", stdin: `<rsc_location id="b" rsc="none" node="x" score="1"/>`},
		{node: 1, line: "cibadmin --create --xml-pipe --scope constraints", stdin: `<rsc_location id="location-A-` + n1 +
			`-20" rsc="A" node="x" score="1"/>`},

		{node: 1, line: "pcs cluster node add " + n2 + " addr=" + s.addr(2, 0) + " addr=" + s.addr(2, 1), words: true},
		{node: 1, line: "pcs host auth " + n2 + " -u hacluster", stdin: "secret\n", words: true},
		{node: 1, line: "pcs cluster node add " + n2, words: true},
		{node: 1, line: "pcs cluster node add " + n2 + " addr=" + s.addr(2, 0) + " addr=" + s.addr(2, 1) +
			" --start --enable --wait=180", words: true, then: true},
		{node: 2, line: "cat /etc/corosync/corosync.conf", words: true},
		{node: 2, line: "crm_node -l", words: true},
		{node: 1, line: "pcs status pcsd", words: true},
		{node: 1, line: "pcs status nodes", words: true},
		{node: 1, line: "pcs resource relocate show", words: true},
		{node: 1, line: "pcs resource relocate run", words: true, then: true},
		{node: 2, line: "pcs node standby " + n1, words: true, then: true},
		{node: 2, line: "pcs status nodes", words: true},
		{node: 2, line: "corosync-cfgtool -s", words: true}, // it takes a while until every link is up
		{node: 2, line: "pcs node unstandby " + n1, words: true, then: true},
		{node: 2, line: "pcs node attribute " + n1 + " a=b", words: true},
		{node: 2, line: "pcs node attribute", words: true},
		{node: 2, line: "pcs node attribute " + n1 + " a= nope=", words: true},
		{node: 1, line: "pcs property set maintenance-mode=true", words: true, then: true},
		{node: 1, line: "pcs resource disable A", words: true, then: true},
		{node: 1, line: "pcs property set maintenance-mode=false", words: true, then: true},
		{node: 1, line: "pcs resource enable A", words: true, then: true},
		{node: 2, line: "pcs cluster stop " + n1, words: true, then: true},
		{node: 1, line: "crm_mon -1 --as-xml"},
		{node: 1, line: "pcs status", words: true},
		{node: 2, line: "pcs cluster stop", words: true},
		{node: 1, line: "pcs cluster start --wait=120", words: true, then: true},
		{node: 1, line: "crm_node -R " + n2, words: true},
		{node: 1, line: "stonith_admin --history *", words: true},
		{node: 1, line: "pcs cluster node remove " + n2, words: true, then: true},
		{node: 2, line: "pcs status"},
	}
}

// changing are the parts of an output that are another in every run.
var changing = []*regexp.Regexp{
	regexp.MustCompile(`[0-9a-f]{32}`),
	regexp.MustCompile(`\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}Z`),
	regexp.MustCompile(`[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}`),
}

// lines is an output without what changes, and without order: what pcs says of several nodes comes as it comes.
func lines(text string) []string {
	for _, re := range changing {
		text = re.ReplaceAllString(text, "…")
	}
	var out []string
	for _, l := range strings.Split(text, "\n") {
		if l = strings.TrimRight(l, " \t"); l != "" {
			out = append(out, l)
		}
	}
	slices.Sort(out)
	return out
}

// play runs a scenario and tells what was seen.
func play(t *testing.T, s system) (seen []observation) {
	t.Helper()
	for _, a := range upgradeScenario(s) {
		argv, err := simhost.Split(a.line)
		require.NoError(t, err)
		r := s.run(t, a.node, a.stdin, argv)
		o := observation{Act: fmt.Sprintf("%d$ %s", a.node, a.line), Exit: r.exit}
		if a.words {
			o.Output = lines(r.out + "\n" + r.errOut)
		}
		if a.then {
			s.settle(t, a.node)
			o.Where, o.Nodes = look(t, s, a.node)
		}
		t.Logf("%s → %d", o.Act, o.Exit)
		seen = append(seen, o)
	}
	return seen
}

// look reads what runs where, and how the nodes are, as a node's cluster sees it.
func look(t *testing.T, s system, node int) (where map[string][]string, nodes map[string]string) {
	t.Helper()
	r := s.run(t, node, "", []string{"crm_mon", "-1", "--output-as=xml"})
	require.Zero(t, r.exit, r.errOut)
	st, err := pacemaker.ParseStatus(strings.NewReader(r.out))
	require.NoError(t, err)
	where, nodes = map[string][]string{}, map[string]string{}
	for _, res := range st.Resources {
		where[res.ID] = st.RunsOn(res.ID)
	}
	for _, n := range st.Nodes {
		nodes[n.Name] = fmt.Sprintf("online %v standby %v unclean %v", n.Online, n.Standby, n.Unclean)
	}
	return where, nodes
}

// simulated is the pair of the simulator.
type simulated struct{ site }

func newSimulated(t *testing.T) simulated {
	b := newSite(t, modern(pacemakertest.Options{}))
	b.software()
	for _, h := range []string{n1, n2} {
		b.ok(h, "mkdir -p /usr/lib/ocf/resource.d/heartbeat", "touch /usr/lib/ocf/resource.d/heartbeat/Dummy",
			"install -d -m 0750 -o hacluster -g haclient /var/lib/pacemaker/cib")
	}
	return simulated{b}
}

func (s simulated) run(t *testing.T, node int, stdin string, argv []string) reply {
	t.Helper()
	res, _ := s.argv([]string{n1, n2}[node-1], stdin, argv...)
	return reply{res.ExitCode, string(res.Stdout), string(res.Stderr)}
}

func (s simulated) settle(*testing.T, int) { s.w.Advance(time.Minute) }

func (s simulated) addr(node, ring int) string { return fmt.Sprintf("10.9.%d.%d", ring, node) }

// TestScenarioOnTheSimulator is the scenario on the simulator alone: what must come of it at a few points.
func TestScenarioOnTheSimulator(t *testing.T) {
	seen := play(t, newSimulated(t))
	at := func(line string) observation {
		i := slices.IndexFunc(seen, func(o observation) bool { return strings.HasPrefix(o.Act, line) })
		require.GreaterOrEqual(t, i, 0, line)
		return seen[i]
	}
	require.Equal(t, map[string][]string{"A": {n1}, "B": {n1}}, at("1$ pcs resource enable A B").Where)
	require.Equal(t, map[string][]string{"A": {n1}, "B": {n2}}, at("1$ pcs resource relocate run").Where)
	require.Equal(t, map[string][]string{"A": {n2}, "B": {n2}}, at("2$ pcs node standby").Where)
	require.Equal(t, map[string][]string{"A": {n1}, "B": {n1}}, at("1$ pcs cluster node remove").Where)
}

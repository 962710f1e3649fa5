//go:build integration

package placement

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

// mutant changes one thing after the other in a CIB that Placement may claim, always the same for a seed.
type mutant struct {
	*rand.Rand
	root *etree.Element
	did  []string
}

func (m *mutant) pick(words ...string) string { return words[m.IntN(len(words))] }

// anyOf is one of the elements of a path, or nil.
func (m *mutant) anyOf(path string) *etree.Element {
	all := m.root.FindElements(path)
	if len(all) == 0 {
		return nil
	}
	return all[m.IntN(len(all))]
}

func (m *mutant) set(e *etree.Element, name, value string) {
	m.did = append(m.did, fmt.Sprintf("%s %s: %s=%q", e.Tag, e.SelectAttrValue("id", e.SelectAttrValue("uname", "")), name, value))
	e.CreateAttr(name, value)
}

func (m *mutant) unset(e *etree.Element, name string) {
	m.did = append(m.did, fmt.Sprintf("%s %s: without %s", e.Tag, e.SelectAttrValue("id", ""), name))
	e.RemoveAttr(name)
}

// pair sets a name in a set of an element, in a new set where it has none.
func (m *mutant) pair(holder *etree.Element, set, name, value string) {
	s := holder.SelectElement(set)
	if s == nil {
		s = etree.NewElement(set)
		s.CreateAttr("id", fmt.Sprintf("m%d-%s", len(m.did), set))
		holder.InsertChildAt(0, s)
	}
	for _, p := range s.SelectElements("nvpair") {
		if p.SelectAttrValue("name", "") == name {
			s.RemoveChild(p)
		}
	}
	p := s.CreateElement("nvpair")
	p.CreateAttr("id", fmt.Sprintf("m%d-nvpair", len(m.did)))
	p.CreateAttr("name", name)
	p.CreateAttr("value", value)
	m.did = append(m.did, fmt.Sprintf("%s %s: %s %s=%s", holder.Tag, holder.SelectAttrValue("id", ""), set, name, value))
}

var metaChanges = map[string][]string{
	"is-managed": {"true", "false", "default", ""}, "maintenance": {"true", "false"},
	"target-role":         {"Started", "Stopped", "Slave", "Master", "Unpromoted", "nonsense"},
	"migration-threshold": {"0", "1", "2", "3", "-1", "INFINITY", "x"}, "failure-timeout": {"0", "1s", "10s", "20m", "PT1H", "9999999999"},
	"multiple-active": {"block", "stop_only", "stop_start", "stop_unexpected"}, "requires": {"nothing", "quorum", "fencing", "unfencing"},
	"resource-stickiness": {"0", "1", "INFINITY", "-INFINITY", "-5"}, "priority": {"0", "1", "10"},
	"allow-migrate": {"true"}, "critical": {"true", "false"},
	"clone-max": {"0", "1", "2", "x"}, "clone-node-max": {"0", "1", "2"}, "clone-min": {"0", "1", "2"},
	"interleave": {"true", "false"}, "ordered": {"true", "false"},
	"notify": {"true"}, "globally-unique": {"true", "false"}, "promotable": {"true", "false"}, "collocated": {"false"},
	"container": {"r0"}, "remote-node": {"n9"},
	"provides": {"unfencing"}, "isolation": {"x"}, "restart-type": {"restart"}, "resource-discovery-enabled": {"false"},
	"allow-unhealthy-nodes": {"true"},
}

var propertyChanges = map[string][]string{
	"stonith-enabled": {"true", "false"}, "symmetric-cluster": {"true", "false"}, "maintenance-mode": {"true", "false"},
	"stop-all-resources":    {"true"},
	"stop-orphan-resources": {"false"}, "stop-orphan-actions": {"false"}, "remove-after-stop": {"true"}, "start-failure-is-fatal": {"false"},
	"startup-fencing": {"false"}, "no-quorum-policy": {"ignore", "stop", "freeze", "demote", "suicide"}, "enable-startup-probes": {"false"},
	"placement-strategy": {"default", "balanced"}, "node-health-strategy": {"none", "migrate-on-red"},
	"shutdown-lock": {"true"}, "have-watchdog": {"true"},
	"default-resource-stickiness": {"100"}, "is-managed-default": {"false"}, "concurrent-fencing": {"false"},
	"stonith-action": {"off"}, "priority-fencing-delay": {"5"},
	"fence-reaction": {"panic"}, "stonith-watchdog-timeout": {"10"}, "migration-limit": {"1"}, "batch-limit": {"1"}, "evenkeel": {"1"},
}

func keyOf[V any](m *mutant, of map[string][]V) (string, V) {
	names := make([]string, 0, len(of))
	for name := range of {
		names = append(names, name)
	}
	// the order of a map is not that of the seed
	best := names[0]
	order := m.Uint64()
	weight := func(s string) uint64 {
		h := order
		for _, b := range []byte(s) {
			h = (h ^ uint64(b)) * 1099511628211
		}
		return h
	}
	for _, n := range names {
		if weight(n) < weight(best) {
			best = n
		}
	}
	return best, of[best][m.IntN(len(of[best]))]
}

func (m *mutant) meta() {
	holder := m.anyOf("configuration/resources//" + m.pick("primitive", "primitive", "group", "clone", "template"))
	if m.IntN(6) == 0 {
		holder = m.root.FindElement("configuration/rsc_defaults")
		if holder == nil {
			holder = m.root.SelectElement("configuration").CreateElement("rsc_defaults")
		}
	}
	if holder == nil {
		return
	}
	name, value := keyOf(m, metaChanges)
	if m.IntN(3) == 0 {
		name = m.pick("is-managed", "maintenance")
		value = m.pick("true", "false")
	}
	m.pair(holder, "meta_attributes", name, value)
}

func (m *mutant) property() {
	if config := m.root.FindElement("configuration/crm_config"); config != nil {
		name, value := keyOf(m, propertyChanges)
		m.pair(config, "cluster_property_set", name, value)
	}
}

// operation changes what a node says of an operation.
func (m *mutant) operation() {
	op := m.anyOf("status//lrm_rsc_op")
	if op == nil {
		return
	}
	now := "1790000000" // this year
	switch m.IntN(12) {
	case 0, 1:
		m.set(op, "rc-code", m.pick("0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "190", "191", "193", "", "x"))
	case 2, 3:
		m.set(op, "op-status", m.pick("-1", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "12", "", "x"))
	case 4:
		m.set(op, "op-digest", m.pick("f2317cad3d54cec5d7d7aa7d0bf35cf8", "4811cef7f7f94e3a35a70be7916cb2fd"))
	case 5:
		m.set(op, "last-rc-change", m.pick("1", "1503921000", now, "9999999999", "x"))
	case 6:
		m.set(op, "transition-key", m.pick("7:4:0:u", "7:4:7:u", "7:4:8:u", "7:4:u", "x", "7:4:1:aaaaaaaa-0000-4000-8000-000000000000"))
	case 7:
		m.set(op, "call-id", m.pick("-1", "0", "1", "2", "3", "99", "", "x"))
	case 8:
		m.set(op, "operation", m.pick("start", "stop", "monitor", "promote", "demote", "migrate_to", "migrate_from", "notify", "cancel", "x"))
	case 9:
		m.set(op, "interval", m.pick("0", "10000", "10s", "x", ""))
	case 10:
		m.set(op, "id", strings.SplitN(op.SelectAttrValue("id", ""), "_", 2)[0]+m.pick("_last_failure_0", "_last_0", "_monitor_10000"))
		if m.IntN(2) == 0 {
			m.set(op, "op-digest", "f2317cad3d54cec5d7d7aa7d0bf35cf8")
		}
	default:
		m.unset(op, m.pick("rc-code", "op-status", "transition-key", "call-id", "operation", "interval", "operation_key", "id"))
	}
}

// failure is a failed operation with its fail count, as a real cluster has it.
func (m *mutant) failure() {
	history := m.anyOf("status//lrm_resource")
	if history == nil {
		return
	}
	id := history.SelectAttrValue("id", "")
	task := m.pick("start", "monitor", "stop")
	interval, target := "0", "0"
	if task == "monitor" {
		interval = m.pick("0", "10000")
	}
	if interval == "0" && task == "monitor" {
		target = "7"
	}
	when := m.pick("1503921000", "1790000000")
	op := history.CreateElement("lrm_rsc_op")
	rc := m.pick("1", "1", "2", "5", "6", "7")
	for _, a := range [][2]string{{"id", id + "_last_failure_0"}, {"operation_key", id + "_" + task + "_" + interval}, {"operation", task},
		{"transition-key", "7:4:" + target + ":u"}, {"call-id", m.pick("0", "1", "5", "9", "20")}, {"rc-code", rc},
		{"op-status", m.pick("0", "0", "0", "2", "4")},
		{"interval", interval}, {"last-rc-change", when}} {
		op.CreateAttr(a[0], a[1])
	}
	if m.IntN(2) == 0 {
		op.CreateAttr("op-digest", m.pick("f2317cad3d54cec5d7d7aa7d0bf35cf8", "4811cef7f7f94e3a35a70be7916cb2fd"))
		op.CreateAttr("crm_feature_set", m.pick("3.0.14", "3.15.0", "3.15.0"))
	}
	m.did = append(m.did, fmt.Sprintf("%s: %s failed with %s", id, op.SelectAttrValue("operation_key", ""), rc))
	if m.IntN(2) == 0 {
		m.failCount(m.stateOf(history), id, task+"_"+interval, when)
	}
}

func (m *mutant) stateOf(e *etree.Element) *etree.Element {
	for e != nil && e.Tag != "node_state" {
		e = e.Parent()
	}
	return e
}

func (m *mutant) failCount(state *etree.Element, id, operation, when string) {
	if state == nil {
		return
	}
	t := state.SelectElement("transient_attributes")
	if t == nil {
		t = state.CreateElement("transient_attributes")
		t.CreateAttr("id", state.SelectAttrValue("id", ""))
	}
	m.pair(t, "instance_attributes", "fail-count-"+id+m.pick("#"+operation, "#"+operation, "#"+operation, ""),
		m.pick("1", "3", "1000000", "INFINITY", "x"))
	m.pair(t, "instance_attributes", "last-failure-"+id+"#"+operation, when)
}

// history changes whose history it is.
func (m *mutant) history() {
	h := m.anyOf("status//lrm_resource")
	if h == nil {
		return
	}
	switch m.IntN(6) {
	case 0:
		m.set(h, m.pick("class", "provider", "type"), m.pick("other", "", "ocf", "systemd"))
	case 1:
		m.unset(h, m.pick("class", "provider", "type", "id"))
	case 2, 3: // active on another node as well, or the same history twice
		if other := m.anyOf("status//lrm_resources"); other != nil {
			m.did = append(m.did, "history of "+h.SelectAttrValue("id", "")+" once more")
			other.AddChild(h.Copy())
		}
	case 4:
		m.did = append(m.did, "no history of "+h.SelectAttrValue("id", ""))
		h.Parent().RemoveChild(h)
	default:
		m.set(h, "id", m.pick("gone", h.SelectAttrValue("id", "")+":0", "r0", "r1"))
	}
}

// node changes the state of a node.
func (m *mutant) node() {
	state := m.anyOf("status/node_state")
	if state == nil {
		return
	}
	switch m.IntN(8) {
	case 0:
		m.set(state, "in_ccm", m.pick("true", "false", "", "1790000000", "0", "x"))
	case 1:
		m.set(state, "crmd", m.pick("online", "offline", "", "1790000000", "0", "x"))
	case 2:
		m.set(state, "join", m.pick("member", "down", "pending", "banned", "", "x"))
	case 3:
		m.set(state, "expected", m.pick("member", "down", "", "x"))
	case 4:
		m.unset(state, m.pick("in_ccm", "crmd", "join", "expected"))
	case 5:
		state.Parent().RemoveChild(state)
		m.did = append(m.did, "no node_state of "+state.SelectAttrValue("uname", ""))
	case 6:
		if lrm := state.SelectElement("lrm"); lrm != nil {
			m.failCount(state, "r0", "start_0", "1503921000")
		}
	default:
		if node := m.anyOf("configuration/nodes/node"); node != nil {
			m.pair(node, "instance_attributes",
				m.pick("standby", "maintenance", "#health-x", "terminate", "shutdown", "resource-discovery-enabled", "site-name"),
				m.pick("true", "on", "false", "off", "0", "1", "red", "x"))
		}
	}
}

// mutate makes up to three changes; it says which.
func mutate(text []byte, seed uint64) (string, []byte) {
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(text); err != nil || doc.Root() == nil || doc.Root().SelectElement("configuration") == nil {
		return "", nil
	}
	m := &mutant{Rand: rand.New(rand.NewPCG(seed, 22)), root: doc.Root()}
	changes := []func(){m.meta, m.meta, m.property, m.operation, m.operation, m.failure, m.history, m.node}
	for range 1 + m.IntN(3) {
		changes[m.IntN(len(changes))]()
	}
	doc.WriteSettings.CanonicalAttrVal = true
	out, err := doc.WriteToBytes()
	if err != nil || len(m.did) == 0 {
		return "", nil
	}
	return strings.Join(m.did, "; "), out
}

// Mutated clusters: random ones, and where there is a corpus those of its files that are claimed.
// EVENKEEL_PLACEMENT_MUTATIONS is how many of the first; every file is changed as often as that goes into 1000, at
// least once. 200 by default, and no file.
func TestPlacementAgreesOnMutations(t *testing.T) {
	golden.Program(t, "crm_simulate", "pacemaker-cli-utils")
	count, err := strconv.Atoi(os.Getenv("EVENKEEL_PLACEMENT_MUTATIONS"))
	full := err == nil
	if !full {
		count = 200
	}
	texts := make(map[string][]byte)
	var names []string
	add := func(base string, text []byte, seed uint64) {
		did, changed := mutate(text, seed)
		if changed != nil {
			name := fmt.Sprintf("%s, seed %d: %s", base, seed, did)
			names, texts[name] = append(names, name), changed
		}
	}
	gen := randomCluster()
	for i := range count {
		add(fmt.Sprintf("random cluster %d", i%97), []byte(gen.Example(i%97)), uint64(i))
	}
	if full && os.Getenv("EVENKEEL_CORPUS") != "" {
		for i, path := range golden.CorpusCIBs(t) {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			if len(text) > 60_000 || !bytes.Contains(text, []byte("<lrm_rsc_op")) {
				continue
			}
			for j := range max(1, count/1000) {
				add(filepath.Base(path), text, uint64(1_000_000*(j+1)+i))
			}
		}
	}
	s := &tally{unsupported: make(map[string]int), onlyClaimed: true}
	golden.InParallel(names, func(name string) {
		s.judge(name, texts[name])
	})
	s.report(t, "mutations")
	for f, n := range s.unsupported {
		t.Logf("unsupported %d times: %s", n, f)
	}
	require.Greater(t, s.claimed, count/8)
}

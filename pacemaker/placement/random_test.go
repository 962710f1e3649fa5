package placement

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// randomCluster draws a small cluster in some state: what Placement claims to compute, and nothing else.
func randomCluster() *rapid.Generator[string] { return rapid.Custom(drawCluster) }

// clusterDraw is a cluster while it is being drawn.
type clusterDraw struct {
	*rapid.T
	nodes     []string
	names     []string // resources that constraints may name
	resources strings.Builder
	rules     strings.Builder
	histories map[string]*strings.Builder // by node
	count     int                         // operations in one history
}

func (d *clusterDraw) oneOf(label string, values ...string) string {
	return rapid.SampledFrom(values).Draw(d.T, label)
}

// chance is true about once in n.
func (d *clusterDraw) chance(label string, n int) bool {
	return rapid.IntRange(0, n-1).Draw(d.T, label) == 0
}

func (d *clusterDraw) score(label string) string {
	return d.oneOf(label, "INFINITY", "-INFINITY", "100", "-100", "10", "20", "1", "-1", "1000", "500", "0", "INFINITY")
}

func (d *clusterDraw) node(label string) string { return d.oneOf(label, d.nodes...) }

func drawCluster(t *rapid.T) string {
	d := &clusterDraw{T: t, histories: make(map[string]*strings.Builder)}
	for i := range rapid.IntRange(1, 4).Draw(t, "nodes") {
		d.nodes = append(d.nodes, fmt.Sprintf("n%d", i+1))
		d.histories[d.nodes[i]] = new(strings.Builder)
	}
	for i := range rapid.IntRange(1, 6).Draw(t, "resources") {
		d.top(i)
	}
	for i := range rapid.IntRange(0, 6).Draw(t, "locations") {
		d.location(i)
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "colocations") {
		a, b := d.oneOf("dependent", d.names...), d.oneOf("primary", d.names...)
		if a != b {
			fmt.Fprintf(&d.rules, `<rsc_colocation id="c%d" rsc=%q with-rsc=%q score=%q/>`, i, a, b, d.score("colocation"))
		}
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "orders") {
		a, b := d.oneOf("first", d.names...), d.oneOf("then", d.names...)
		if a != b {
			all := ""
			if d.chance("any", 6) {
				all = ` require-all="false"`
			}
			fmt.Fprintf(&d.rules, `<rsc_order id="o%d" first=%q then=%q kind=%q%s/>`, i, a, b,
				d.oneOf("kind", "Mandatory", "Mandatory", "Optional"), all)
		}
	}
	d.sets()
	if d.chance("ticket", 8) {
		fmt.Fprintf(&d.rules, `<rsc_ticket id="t" rsc=%q ticket=%q/>`, d.oneOf("ticketed", d.names...),
			d.oneOf("ticket", "held", "waiting", "unknown"))
	}
	return d.document()
}

// location draws a location constraint: plain, by a rule, or on the tag.
func (d *clusterDraw) location(i int) {
	on, node, score := d.oneOf("located", append(d.names, "tagged")...), d.node("at"), d.score("location")
	if d.chance("rule", 4) {
		fmt.Fprintf(&d.rules, `<rsc_location id="l%d" rsc=%q><rule id="l%d-r" score=%q boolean-op=%q><expression id="l%d-e" attribute="#uname" operation=%q value=%q/>`+
			`<expression id="l%d-f" attribute="standby" operation=%q value="on"/></rule></rsc_location>`,
			i, on, i, score, d.oneOf("boolean", "and", "or"), i, d.oneOf("compare", "eq", "ne", "lt"), node, i, d.oneOf("defined", "ne", "eq"))
		return
	}
	fmt.Fprintf(&d.rules, `<rsc_location id="l%d" rsc=%q node=%q score=%q/>`, i, on, node, score)
}

// sets draws colocations and orders of sets.
func (d *clusterDraw) sets() {
	for _, kind := range []string{"rsc_colocation", "rsc_order"} {
		if len(d.names) < 2 || !d.chance(kind+" sets", 8) {
			continue
		}
		members := rapid.Permutation(d.names).Draw(d.T, "members of sets")
		cut := rapid.IntRange(1, len(members)).Draw(d.T, "cut")
		score := ""
		if kind == "rsc_colocation" {
			score = fmt.Sprintf(" score=%q", d.score("score of sets"))
		}
		fmt.Fprintf(&d.rules, `<%s id=%q%s>`, kind, kind, score)
		for i, part := range [][]string{members[:cut], members[cut:]} {
			if len(part) == 0 {
				continue
			}
			fmt.Fprintf(&d.rules, `<resource_set id="%s-%d" sequential=%q>`, kind, i, d.oneOf("sequential", "true", "true", "false"))
			for _, m := range part {
				fmt.Fprintf(&d.rules, `<resource_ref id=%q/>`, m)
			}
			d.rules.WriteString("</resource_set>")
		}
		fmt.Fprintf(&d.rules, "</%s>", kind)
	}
}

// top draws a resource at the top level.
func (d *clusterDraw) top(i int) {
	id := fmt.Sprintf("r%d", i)
	d.names = append(d.names, id)
	switch d.oneOf("kind", "primitive", "primitive", "primitive", "group", "clone", "cloned group") {
	case "primitive":
		d.primitive(id, d.meta(id), d.someNode())
	case "group":
		fmt.Fprintf(&d.resources, `<group id=%q>%s`, id, d.meta(id))
		d.members(id, d.someNode())
		d.resources.WriteString("</group>")
	case "clone":
		fmt.Fprintf(&d.resources, `<clone id=%q>%s`, id, d.cloneMeta(id))
		d.primitive(id+"p", "", d.someNodes()...)
		d.resources.WriteString("</clone>")
	case "cloned group":
		fmt.Fprintf(&d.resources, `<clone id=%q>%s<group id="%sg">`, id, d.cloneMeta(id), id)
		d.members(id, d.someNodes()...)
		d.resources.WriteString("</group></clone>")
	}
}

// someNode is the node where a resource is active, or none.
func (d *clusterDraw) someNode() string {
	if d.chance("inactive", 3) {
		return ""
	}
	return d.node("active")
}

func (d *clusterDraw) someNodes() []string {
	var active []string
	for _, n := range d.nodes {
		if d.chance("instance", 2) {
			active = append(active, n)
		}
	}
	return active
}

func (d *clusterDraw) members(id string, active ...string) {
	for j := range rapid.IntRange(1, 3).Draw(d.T, "members") {
		meta := ""
		if d.chance("own stickiness", 4) {
			meta = metaSet(fmt.Sprintf("%sm%d", id, j), "resource-stickiness", d.oneOf("stickiness", "0", "5", "INFINITY"))
		}
		d.primitive(fmt.Sprintf("%sm%d", id, j), meta, active...)
	}
}

func metaSet(id string, pairs ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<meta_attributes id="%s-meta">`, id)
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, `<nvpair id="%s-%s" name=%q value=%q/>`, id, pairs[i], pairs[i], pairs[i+1])
	}
	b.WriteString("</meta_attributes>")
	return b.String()
}

func (d *clusterDraw) meta(id string) string {
	var pairs []string
	if d.chance("sticky", 2) {
		pairs = append(pairs, "resource-stickiness", d.oneOf("stickiness", "1", "15", "100", "1000", "INFINITY"))
	}
	if d.chance("stopped", 8) {
		pairs = append(pairs, "target-role", "Stopped")
	}
	if d.chance("unmanaged", 10) {
		pairs = append(pairs, "is-managed", "false")
	}
	if d.chance("important", 4) {
		pairs = append(pairs, "priority", d.oneOf("priority", "1", "5", "10"))
	}
	return metaSet(id, pairs...)
}

func (d *clusterDraw) cloneMeta(id string) string {
	var pairs []string
	if d.chance("interleave", 2) {
		pairs = append(pairs, "interleave", "true")
	}
	if d.chance("fewer", 4) {
		pairs = append(pairs, "clone-max", fmt.Sprint(rapid.IntRange(1, len(d.nodes)).Draw(d.T, "clone-max")))
	}
	if d.chance("at least", 6) {
		pairs = append(pairs, "clone-min", d.oneOf("clone-min", "1", "2"))
	}
	if d.chance("stopped clone", 10) {
		pairs = append(pairs, "target-role", "Stopped")
	}
	return metaSet(id, pairs...)
}

// primitive draws a primitive, active on the given nodes and probed on the others.
func (d *clusterDraw) primitive(id, meta string, active ...string) {
	fmt.Fprintf(&d.resources, `<primitive id=%q class="ocf" provider="pacemaker" type="Dummy">%s</primitive>`, id, meta)
	for _, n := range d.nodes {
		b := d.histories[n]
		d.count = -1 // crm_simulate numbers its own operations from the count of those that it finds
		fmt.Fprintf(b, `<lrm_resource id=%q class="ocf" provider="pacemaker" type="Dummy">`, id)
		switch {
		case !slices.Contains(active, n):
			d.operation(b, id, "last_0", "monitor", d.oneOf("probe", "7", "7", "7", "7", "7", "7", "7", "5"), "7")
		case d.chance("found", 8):
			d.operation(b, id, "last_0", "monitor", "0", "7")
		default:
			d.activeHistory(b, id)
		}
		b.WriteString("</lrm_resource>")
	}
}

// activeHistory draws the entries that Pacemaker keeps of a resource that was started: the last operation, the last result of the
// recurring monitor, the last failure. A failed monitor comes last only before a stop: crm_simulate leaves its entry behind when it
// stops the resource, and then takes it for running in two places.
func (d *clusterDraw) activeHistory(b *strings.Builder, id string) {
	switch rapid.IntRange(0, 20).Draw(d.T, "failure") {
	case 0, 1:
		d.operation(b, id, "last_failure_0", "stop", "1", "0")
	case 2:
		d.operation(b, id, "last_0", "start", "1", "0")
	case 3:
		d.operation(b, id, "last_failure_0", "monitor", "7", "0")
		d.operation(b, id, "last_0", "stop", "0", "0")
	default:
		d.operation(b, id, "last_0", "start", "0", "0")
	}
}

// operation draws an entry of a history. A monitor that is no probe has an interval.
func (d *clusterDraw) operation(b *strings.Builder, id, entry, task, rc, expected string) {
	d.count++
	interval := "0"
	if task == "monitor" && expected == "0" {
		interval = "10000"
	}
	fmt.Fprintf(b, `<lrm_rsc_op id="%s_%s" operation_key="%s_%s_%s" operation=%q call-id="%d" rc-code=%q op-status="0" interval=%q transition-key="%d:0:%s:u"/>`,
		id, entry, id, task, interval, task, d.count, rc, interval, d.count, expected)
}

func (d *clusterDraw) document() string {
	var nodes, states strings.Builder
	symmetric := d.oneOf("symmetric", "true", "true", "true", "false")
	fencing := d.oneOf("fencing", "true", "false")
	for i, n := range d.nodes {
		attributes := ""
		online := !d.chance("offline", 8)
		switch {
		case d.chance("standby", 6):
			attributes = `<nvpair id="sb-` + n + `" name="standby" value="on"/>`
		case d.chance("maintenance", 12):
			attributes = `<nvpair id="mt-` + n + `" name="maintenance" value="true"/>`
		}
		fmt.Fprintf(&nodes, `<node id="%d" uname=%q><instance_attributes id="nodes-%d">%s</instance_attributes></node>`, i+1, n, i+1, attributes)
		state := `in_ccm="true" crmd="online" join="member" expected="member"`
		history := d.histories[n].String()
		if !online {
			state, history = `in_ccm="false" crmd="offline" join="down" expected="down"`, ""
		}
		transient := ""
		if d.chance("failed", 6) {
			transient = fmt.Sprintf(`<transient_attributes id="%d"><instance_attributes id="status-%d"><nvpair id="fc-%d" name="fail-count-%s#monitor_10000" value=%q/></instance_attributes></transient_attributes>`,
				i+1, i+1, i+1, d.oneOf("failing", d.names...), d.oneOf("count", "1", "INFINITY"))
		}
		fmt.Fprintf(&states, `<node_state id="%d" uname=%q %s><lrm id="%d"><lrm_resources>%s</lrm_resources></lrm>%s</node_state>`,
			i+1, n, state, i+1, history, transient)
	}
	return `<cib validate-with="pacemaker-3.0" crm_feature_set="3.15.0" have-quorum="1" epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config>` +
		`<cluster_property_set id="cib-bootstrap-options"><nvpair id="p1" name="stonith-enabled" value="` + fencing +
		`"/><nvpair id="p2" name="symmetric-cluster" value="` + symmetric + `"/>` +
		`</cluster_property_set></crm_config><nodes>` + nodes.String() +
		`</nodes><resources><primitive id="fence" class="stonith" type="fence_x"/>` + d.resources.String() +
		`</resources><constraints>` + d.rules.String() +
		`</constraints><tags><tag id="tagged"><obj_ref id="r0"/></tag></tags></configuration><status>` +
		`<tickets><ticket_state id="held" granted="true"/><ticket_state id="waiting" granted="false"/></tickets>` +
		states.String() + `</status></cib>`
}

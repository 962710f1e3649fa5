//go:build integration

package pacemaker

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

// verifySample has everything that a configuration can have. What a schema has not is taken out for it.
const verifySample = `<cib validate-with="pacemaker-3.9" crm_feature_set="3.16.0" admin_epoch="0" epoch="1" num_updates="0" have-quorum="1" dc-uuid="1"><configuration>
<crm_config><cluster_property_set id="props" score="1"><nvpair id="p1" name="stonith-enabled" value="true"/><nvpair id="p2" name="no-quorum-policy" value="stop"/>
<nvpair id="p3" name="symmetric-cluster" value="true"/><nvpair id="p4" name="cluster-recheck-interval" value="5min"/></cluster_property_set></crm_config>
<nodes><node id="1" uname="n1"><instance_attributes id="n1-a"><nvpair id="n1-a1" name="rack" value="3"/></instance_attributes><utilization id="n1-u"><nvpair id="n1-u1" name="cpu" value="4"/></utilization></node><node id="2" uname="n2"/></nodes>
<resources><template id="tpl" class="ocf" provider="pacemaker" type="Dummy"><operations><op id="tpl-m" name="monitor" interval="11s"/></operations></template>
<primitive id="f1" class="stonith" type="fence_ipmilan"/>
<primitive id="a" class="ocf" provider="pacemaker" type="Dummy" description="one"><instance_attributes id="a-i"><nvpair id="a-i1" name="state" value="/x"/></instance_attributes>
<meta_attributes id="a-m"><nvpair id="a-m1" name="target-role" value="Started"/><nvpair id="a-m2" name="is-managed" value="true"/><nvpair id="a-m3" name="resource-stickiness" value="10"/>
<nvpair id="a-m4" name="multiple-active" value="stop_start"/><nvpair id="a-m5" name="migration-threshold" value="3"/><nvpair id="a-m6" name="requires" value="fencing"/></meta_attributes>
<operations><op id="a-m10" name="monitor" interval="10s" timeout="20s" on-fail="restart" role="Started" enabled="true"/><op id="a-start" name="start" interval="0s" timeout="20" on-fail="fence"/><op id="a-stop" name="stop" interval="0" on-fail="block"/></operations></primitive>
<primitive id="t1" template="tpl"/><primitive id="b" class="systemd" type="x"/>
<group id="g"><meta_attributes id="g-m"><nvpair id="g-m1" name="ordered" value="true"/></meta_attributes><primitive id="g1" class="ocf" provider="pacemaker" type="Dummy"/><primitive id="g2" class="ocf" provider="pacemaker" type="Dummy"/></group>
<clone id="c"><meta_attributes id="c-m"><nvpair id="c-m1" name="interleave" value="true"/><nvpair id="c-m2" name="clone-max" value="2"/></meta_attributes><primitive id="c1" class="ocf" provider="pacemaker" type="Dummy"/></clone>
<master id="m"><primitive id="m1" class="ocf" provider="pacemaker" type="Stateful"><operations><op id="m1-m" name="monitor" interval="10s" role="Master"/><op id="m1-s" name="monitor" interval="11s" role="Slave"/></operations></primitive></master>
<bundle id="bu"><docker image="img" replicas="2" network="host"/><network ip-range-start="10.0.0.9" control-port="3121"><port-mapping id="pm" port="80"/></network><storage><storage-mapping id="sm" source-dir="/a" target-dir="/b" options="rw"/></storage></bundle></resources>
<constraints><rsc_location id="l1" rsc="a" node="n1" score="INFINITY"/><rsc_location id="l2" rsc="b"><rule id="r" boolean-op="and" score="5"><expression id="e" attribute="rack" operation="lt" type="number" value="4"/><date_expression id="d" operation="in_range" start="2020-01-01" end="2030-01-01"/></rule></rsc_location>
<rsc_location id="l3" rsc-pattern="^g" node="n2" score="-10" resource-discovery="never"/><rsc_location id="l4" node="n2" score="1"><resource_set id="l4-s"><resource_ref id="b"/></resource_set></rsc_location>
<rsc_colocation id="k1" rsc="b" with-rsc="a" score="-5"/><rsc_colocation id="k2" rsc="t1" with-rsc="m" with-rsc-role="Master" score="INFINITY"/><rsc_colocation id="k3" score="2"><resource_set id="k3-s" sequential="true" role="Started"><resource_ref id="a"/><resource_ref id="b"/></resource_set></rsc_colocation>
<rsc_order id="o1" first="a" then="b" kind="Mandatory" symmetrical="true"/><rsc_order id="o2" first="m" first-action="promote" then="t1" then-action="start"/><rsc_order id="o3"><resource_set id="o3-s" action="start" require-all="true"><resource_ref id="a"/><resource_ref id="g"/></resource_set></rsc_order>
<rsc_ticket id="tk" rsc="b" ticket="T" loss-policy="stop"/></constraints>
<fencing-topology><fencing-level id="fl" target="n1" index="1" devices="f1"/><fencing-level id="fl2" target-attribute="rack" target-value="3" index="2" devices="f1"/></fencing-topology>
<op_defaults><meta_attributes id="od"><nvpair id="od1" name="timeout" value="20s"/></meta_attributes></op_defaults><rsc_defaults><meta_attributes id="rd"><nvpair id="rd1" name="resource-stickiness" value="1"/></meta_attributes></rsc_defaults>
<tags><tag id="tag"><obj_ref id="a"/><obj_ref id="b"/></tag></tags><acls><acl_target id="u"><role id="ro"/></acl_target><acl_role id="ro"><acl_permission id="ap" kind="read" xpath="/cib"/></acl_role></acls>
<alerts><alert id="al" path="/bin/x"><select><select_nodes/></select><recipient id="re" value="y"/></alert></alerts></configuration><status/></cib>`

// sampleFor is the sample in the words of a schema.
func sampleFor(t *testing.T, version string) *etree.Document {
	t.Helper()
	doc := etree.NewDocument()
	require.NoError(t, doc.ReadFromString(verifySample))
	v, ok := parseSchemaVersion(version)
	require.True(t, ok)
	var prune func(e *etree.Element)
	prune = func(e *etree.Element) {
		for _, child := range e.ChildElements() {
			if known := schema()[child.Tag]; !known.parents[e.Tag].holds(v) {
				e.RemoveChild(child)
				continue
			}
			prune(child)
		}
		for _, a := range slices.Clone(e.Attr) {
			if span, known := schema()[e.Tag].attrs[a.Key]; known && !span.holds(v) {
				e.RemoveAttr(a.Key)
			}
		}
		if e.Tag == "node" && v.less(schemaVersion{1, 2}) {
			e.CreateAttr("type", "normal")
		}
	}
	prune(doc.Root())
	for _, path := range []string{"//rsc_location[@id='l3']", "//rsc_location[@id='l4']", "//fencing-level[@id='fl2']",
		"//primitive[@id='t1']"} {
		for _, e := range doc.FindElements(path) {
			whole := e.SelectAttr("rsc-pattern") != nil || e.SelectElement("resource_set") != nil ||
				e.SelectAttr("target-attribute") != nil || e.SelectAttr("template") != nil
			if v.less(schemaVersion{2, 6}) || !whole {
				e.Parent().RemoveChild(e)
			}
		}
	}
	if v.less(schemaVersion{2, 6}) { // what stood for t1
		for _, e := range doc.FindElements("//*[@rsc='t1']") {
			e.CreateAttr("rsc", "b")
		}
		for _, e := range doc.FindElements("//*[@then='t1']") {
			e.CreateAttr("then", "b")
		}
	}
	doc.Root().CreateAttr("validate-with", "pacemaker-"+version)
	return doc
}

// withStatus gives a CIB a status in which all is well, so that only its configuration is judged.
func withStatus(root *etree.Element) {
	if old := root.SelectElement("status"); old != nil {
		root.RemoveChild(old)
	}
	status := root.CreateElement("status")
	for _, n := range root.FindElements("configuration/nodes/node") {
		state := status.CreateElement("node_state")
		for _, a := range [][2]string{{"id", n.SelectAttrValue("id", "")}, {"uname", n.SelectAttrValue("uname", "")},
			{"in_ccm", "true"}, {"crmd", "online"},
			{"join", "member"}, {"expected", "member"}} {
			state.CreateAttr(a[0], a[1])
		}
	}
	for _, r := range root.FindElements("configuration/resources//primitive[@provider='pacemaker'][@type='remote']") {
		state := status.CreateElement("node_state")
		for _, a := range []string{"id", "uname"} {
			state.CreateAttr(a, r.SelectAttrValue("id", ""))
		}
		state.CreateAttr("remote_node", "true")
		state.CreateAttr("in_ccm", "true")
	}
}

// spoil makes one change of a configuration; it says which.
func spoil(r *rand.Rand, root *etree.Element) string {
	all := root.FindElements("configuration//*")
	e := all[r.IntN(len(all))]
	what := e.Tag + "[" + e.SelectAttrValue("id", "") + "] "
	word := func(words ...string) string { return words[r.IntN(len(words))] }
	attr := func() *etree.Attr {
		if len(e.Attr) == 0 {
			return nil
		}
		return &e.Attr[r.IntN(len(e.Attr))]
	}
	switch r.IntN(10) {
	case 0, 1, 2, 3:
		a := attr()
		if a == nil {
			return ""
		}
		key := a.Key
		if form, ok := schema()[e.Tag].form(key, schemaVersion{}, false); ok && len(form.values) > 1 && r.IntN(2) == 0 {
			a.Value = word(form.values...)
		} else if e.Tag == "nvpair" && key == "value" {
			a.Value = word("true", "false", "Slave", "Master", "Stopped", "Promoted", "x", "", "-1", "0", "1", "10s",
				"unfencing", "nothing", "INFINITY", "demote", "freeze", "ignore", "suicide", "block")
		} else if e.Tag == "nvpair" && key == "name" {
			a.Value = word("target-role", "is-managed", "requires", "multiple-active", "globally-unique", "promotable",
				"clone-node-max", "promoted-max", "migration-threshold", "failure-timeout", "ordered", "collocated",
				"interleave", "resource-stickiness", "remote-node", "container", "placement-strategy", "stonith-action",
				"no-quorum-policy", "remove-after-stop", "stonith-enabled", "node-health-strategy", "critical", "isolation", "restart-type", "can_fail")
		} else {
			a.Value = word("zz", "", strings.ToUpper(a.Value), strings.ToLower(a.Value), "-1", "99999999999", "1x", " "+a.Value,
				"+5", "0", "a:b", "9a")
		}
		return what + key + "=" + a.Value
	case 4, 5:
		a := attr()
		if a == nil {
			return ""
		}
		what += "without " + a.Key
		e.RemoveAttr(a.Key)
	case 6:
		names := schemaAttrs(e.Tag)
		if len(names) == 0 {
			return ""
		}
		name := word(append(names, "evenkeel")...)
		value := word("13", "a", "true", "Started", "start", "INFINITY", "Master", "Promoted")
		if form, ok := schema()[e.Tag].form(name, schemaVersion{}, false); ok && len(form.values) > 1 {
			value = word(form.values...)
		}
		e.CreateAttr(name, value)
		what += "with " + name + "=" + value
	case 7: // doubled, with ids of its own
		double := e.Copy()
		for _, d := range append(double.FindElements(".//*"), double) {
			if id := d.SelectAttr("id"); id != nil && !isReference(d.Tag) {
				id.Value += "-2"
			}
		}
		e.Parent().AddChild(double)
		what += "twice"
	case 8:
		e.Parent().RemoveChild(e)
		what += "removed"
	default:
		to := all[r.IntN(len(all))]
		if slices.Contains(to.FindElements(".//*"), e) || to == e || slices.Contains(e.FindElements(".//*"), to) {
			return ""
		}
		e.Parent().RemoveChild(e)
		to.AddChild(e)
		what += "moved into " + to.Tag + "[" + to.SelectAttrValue("id", "") + "]"
	}
	return what
}

// blindFaith is what it warns of wherever fencing is off: no reason to refuse anything.
const blindFaith = "Blind faith"

// crashed is the status of a crm_verify that a signal ended, such as that of a failed assertion: no acceptance.
const crashed = -1

// verifyWords is crm_verify's exit status on a CIB, and the first thing that it has against it. With -VV it has more words,
// and crashes on some CIBs: it is asked that way for words alone.
func verifyWords(cib []byte) (code int, says string) {
	code, says = verifyWith(cib, "-V")
	if says == "" && code != 0 {
		_, says = verifyWith(cib, "-VV")
	}
	return code, says
}

func verifyWith(cib []byte, verbose string) (code int, says string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "crm_verify", "--xml-pipe", verbose)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stdin = bytes.NewReader(cib)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run()
	for _, words := range [][]string{{"error:", "validity error"}, {"warning:"}} {
		for line := range strings.Lines(out.String()) {
			if !strings.Contains(line, blindFaith) &&
				slices.ContainsFunc(words, func(word string) bool { return strings.Contains(line, word) }) {
				return cmd.ProcessState.ExitCode(), strings.TrimSpace(line)
			}
		}
	}
	return cmd.ProcessState.ExitCode(), ""
}

// verifyKnown are the disagreements that have been looked at, by what crm_verify says, each with its reason.
var verifyKnown = map[string]string{
	"schema pacemaker-3.10": "the schema is newer than the judge, which refuses each CIB of it",
}

// TestValidateAsCrmVerify: what crm_verify 2.1.5 refuses for its configuration has a finding with a line, and what it
// accepts has no fault. EVENKEEL_VERIFY=N makes N changes of the sample in each schema, and one of each file of the
// corpus; the default is 15, and no file.
func TestValidateAsCrmVerify(t *testing.T) {
	golden.Program(t, "crm_verify", "pacemaker-cli-utils")
	changes, err := strconv.Atoi(os.Getenv("EVENKEEL_VERIFY"))
	full := err == nil
	if !full {
		changes = 15
	}
	texts := make(map[string][]byte)
	var names []string
	add := func(name string, doc *etree.Document, r *rand.Rand) {
		if r != nil {
			what := spoil(r, doc.Root())
			if what == "" {
				return
			}
			name += ": " + what
		}
		withStatus(doc.Root())
		doc.WriteSettings.CanonicalAttrVal = true
		text, err := doc.WriteToBytes()
		if _, twice := texts[name]; err == nil && !twice {
			texts[name], names = text, append(names, name)
		}
	}
	for s, version := range []string{"1.2", "2.4", "2.10", "3.0", "3.4", "3.6", "3.9"} {
		add("sample "+version, sampleFor(t, version), nil)
		for i := range changes {
			add("sample "+version, sampleFor(t, version), rand.New(rand.NewPCG(uint64(s), uint64(i))))
		}
	}
	if full && os.Getenv("EVENKEEL_CORPUS") != "" {
		for i, path := range golden.CorpusCIBs(t) {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			for _, r := range []*rand.Rand{nil, rand.New(rand.NewPCG(77, uint64(i)))} {
				doc := etree.NewDocument()
				if _, bad := ParseCIB(bytes.NewReader(data)); bad == nil && len(data) < 60_000 && doc.ReadFromBytes(data) == nil &&
					doc.Root().SelectElement("configuration") != nil && len(doc.Root().FindElements("configuration//*")) > 0 {
					add(filepath.Base(path), doc, r)
				}
			}
		}
	}
	var lock sync.Mutex
	good, bad, missed, known, wrong := 0, 0, 0, 0, 0
	kinds := make(map[string][]string)
	golden.InParallel(names, func(name string) {
		c, err := ParseCIB(bytes.NewReader(texts[name]))
		if err != nil {
			return
		}
		rc, says := verifyWords(texts[name])
		problems := c.Validate()
		fault := slices.IndexFunc(problems, func(p Problem) bool { return p.Severity == Fault })
		lock.Lock()
		defer lock.Unlock()
		switch {
		case rc == 0:
			good++
			if fault >= 0 {
				wrong++
				t.Errorf("crm_verify accepts %s, but %s", name, problems[fault].Error())
			}
		case rc != 78 && rc != crashed:
			t.Errorf("crm_verify ends with %d on %s: %s", rc, name, says)
		case len(problems) > 0 && problems[0].At.Line > 0:
			bad++
		default:
			bad++
			kind := quoted.ReplaceAllString(says, "X")
			with := c.Header().ValidateWith
			if v, ok := parseSchemaVersion(with); ok && lastSchema.less(v) {
				kind = "schema " + with
			}
			if verifyKnown[kind] != "" {
				known++
				return
			}
			missed++
			kinds[kind] = append(kinds[kind], name)
		}
	})
	t.Logf("%d CIBs: %d accepted, %d of them with a fault here; %d refused, of which %d without a finding, and %d more "+
		"that have been looked at",
		len(names), good, wrong, bad, missed, known)
	for kind, of := range kinds {
		t.Errorf("%d times without a finding: %s: such as %s", len(of), kind, of[0])
	}
	require.Positive(t, good)
}

var quoted = regexp.MustCompile(`'[^']*'|\b[a-z]+[0-9][\w-]*\b`)

// The cases of TestValidateAsTheScheduler are what crm_verify says too.
func TestSchedulerCasesAreRight(t *testing.T) {
	golden.Program(t, "crm_verify", "pacemaker-cli-utils")
	cases := schedulerCases()
	var names []string
	for name := range cases {
		names = append(names, name)
	}
	golden.InParallel(names, func(name string) {
		rc, says := verifyWords([]byte(cases[name].text))
		if (rc == 78 || rc == crashed) != cases[name].bad {
			t.Errorf("%s: crm_verify says %d: %s", name, rc, says)
		}
	})
}

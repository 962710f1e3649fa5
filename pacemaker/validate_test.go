package pacemaker

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// Each check finds what it is about, at its place, and nothing else.
func TestValidate(t *testing.T) {
	const sections = "<crm_config/>\n<nodes><node id='1' " +
		"uname='n1.intl'/></nodes>\n<resources>\n%s</resources>\n<constraints>\n%s</constraints>"
	whole := func(rsc, con, more string) string {
		s := strings.Replace(strings.Replace(sections, "%s", rsc, 1), "%s", con, 1)
		return "<cib admin_epoch='0' epoch='1' num_updates='0' validate-with='pacemaker-3.9'><configuration>" + s + more +
			"</configuration><status/></cib>"
	}
	const device = "<primitive id='f' class='stonith' type='fence_x'/>\n"
	const two = device + "<primitive id='a' class='systemd' type='x'/><primitive id='b' class='systemd' type='x'/>\n"
	for name, c := range map[string]struct {
		cib  string
		want []string
	}{
		"fine": {whole(two, "<rsc_order id='o' first='a' then='b'/>", ""), nil},
		"no schema": {"<cib admin_epoch='0' epoch='1' num_updates='0'/>",
			[]string{"warning missing-attribute f.xml:1:1: the CIB does not say which schema it follows (validate-with)"}},
		"bad schema": {"<cib admin_epoch='0' epoch='x' num_updates='0' validate-with='mine'/>",
			[]string{"fault bad-value f.xml:1:1: validate-with=\"mine\" is no schema of Pacemaker's"}},
		"twice": {whole(two+"<primitive id='a' class='lsb' type='x'/>", "", ""),
			[]string{"fault duplicate-id f.xml:6:1: id \"a\" stands in <primitive> in line 5 as well"}},
		"no op name": {whole(device+
			"<primitive id='a' class='lsb' type='x'><operations>\n<op id='o' interval='5'/></operations></primitive>", "", ""),
			[]string{"fault missing-attribute f.xml:6:1: the element has no name"}},
		"ocf": {whole(device+"<primitive id='a' class='ocf' type='x'/>", "", ""),
			[]string{"fault missing-attribute f.xml:5:1: an agent of the class ocf has a provider"}},
		"typo": {whole(two, "<rsc_location id='l' rsc='a' node='n1.intl' scroe='5' score='5'/>", ""),
			[]string{"fault unknown-name f.xml:8:1: no schema has the attribute scroe on this element"}},
		"later": {whole(device+
			"<primitive id='a' class='lsb' type='x'><operations><op id='o' name='monitor' interval='5' "+
			"requires='quorum'/></operations></primitive>", "", ""),
			[]string{"fault unknown-name f.xml:5:52: schema 3.9 does not have the attribute requires, only 1.0 to 2.10 do"}},
		"master in four": {strings.Replace(whole(device+"<master id='m'><primitive id='a' class='ocf' provider='x' type='x'/></master>",
			"", ""), "3.9", "4.0", 1), []string{"fault unknown-name f.xml:5:1: schema 4.0 does not have this element in " +
			"<resources>, only 1.0 to 3.10 do"}},
		"negate": {whole(two,
			"<rsc_location id='l' rsc='a'><rule id='r' score='5' negate='true'><expression id='e' attribute='a' "+
				"operation='defined'/></rule></rsc_location>", ""),
			[]string{"fault unknown-name f.xml:8:30: schema 3.9 does not have the attribute negate, only those from 4.0 on do"}},
		"misplaced": {whole(two+"<op id='o' name='x' interval='5'/>", "", ""),
			[]string{"fault unknown-name f.xml:6:1: no schema has this element in <resources>"}},
		"element": {whole(two+"<primitve id='o'/>", "", ""), []string{"fault unknown-name f.xml:6:1: no schema knows this element"}},
		"score": {whole(two, "<rsc_location id='l' rsc='a' node='n1.intl' score='much'/>", ""),
			[]string{"fault bad-value f.xml:8:1: score=\"much\" is no score: a whole number, INFINITY or -INFINITY"}},
		"kind": {whole(two, "<rsc_order id='l' first='a' then='b' kind='Sometimes'/>", ""),
			[]string{"fault bad-value f.xml:8:1: kind=\"Sometimes\" is none of Optional, Mandatory, Serialize"}},
		"time": {whole(device+
			"<primitive id='a' class='lsb' type='x'><operations><op id='o' name='monitor' interval='soon'/></operations></primitive>", "", ""),
			[]string{"warning bad-value f.xml:5:52: interval=\"soon\" is no time, such as 60s or PT1M"}},
		"dangling": {whole(two, "<rsc_order id='l' first='a' then='c'/>", ""),
			[]string{"fault dangling-reference f.xml:8:1: then=\"c\": there is no resource of this id"}},
		"wrong": {whole(two, "<rsc_order id='l' first='a' then='l'/>", ""),
			[]string{"fault dangling-reference f.xml:8:1: then=\"l\" is <rsc_order>, which is no resource"}},
		"template": {whole(device+"<primitive id='a' template='f'/>", "", ""),
			[]string{"fault dangling-reference f.xml:5:1: template=\"f\" is <primitive>, which is no template"}},
		"id-ref": {whole(device+"<primitive id='a' class='lsb' type='x'><meta_attributes id-ref='m'/></primitive>",
			"", ""), []string{"fault dangling-reference f.xml:5:40: id-ref=\"m\" refers to nothing"}},
		"node": {whole(two, "<rsc_location id='l' rsc='a' node='N1' score='5'/>", ""),
			[]string{"warning unknown-node f.xml:8:1: node=\"N1\": the cluster has no node of this name (it has n1.intl)"}},
		"rule's node": {whole(two,
			"<rsc_location id='l' rsc='a'><rule id='r' score='5'><expression id='e' attribute='#uname' operation='eq' "+
				"value='n2'/></rule></rsc_location>", ""),
			[]string{"warning unknown-node f.xml:8:53: value=\"n2\": the cluster has no node of this name"}},
		"empty group": {whole(device+"<group id='g'/>", "", ""), []string{"fault structure f.xml:5:1: a group without members"}},
		"empty rule": {whole(two, "<rsc_location id='l' rsc='a'><rule id='r' score='5'/></rsc_location>", ""),
			[]string{"fault structure f.xml:8:30: a rule without a condition"}},
		"about what": {whole(two, "<rsc_location id='l' node='n1.intl' score='5'/>", ""),
			[]string{"fault structure f.xml:8:1: a location constraint about no resource: it needs rsc, rsc-pattern or a resource_set"}},
		"half": {whole(two, "<rsc_colocation id='l' rsc='a' score='5'/>", ""),
			[]string{"fault missing-attribute f.xml:8:1: the element has no with-rsc"}},
		"operations": {whole(device+"<primitive id='a' class='lsb' type='x'><operations><op id='o' name='monitor' "+
			"interval='60s'/>\n<op id='p' name='monitor' interval='1m' role='Master'/></operations></primitive>", "", ""),
			[]string{"fault duplicate-operation f.xml:6:1: operation monitor every 60s stands in \"o\" as well: Pacemaker " +
				"keeps one record for both"}},
		"name twice": {whole(device+"<primitive id='a' class='lsb' type='x'><meta_attributes id='m'><nvpair id='m1' "+
			"name='priority' value='1'/>\n<nvpair id='m2' name='priority' value='2'/></meta_attributes></primitive>", "", ""),
			[]string{"warning duplicate-name f.xml:6:1: priority stands in this set twice: the first value counts"}},
		"equal scores": {whole(device+
			"<primitive id='a' class='lsb' type='x'><meta_attributes id='m'><nvpair id='m1' name='priority' "+
			"value='1'/></meta_attributes><meta_attributes id='n'><nvpair id='m2' name='priority' value='2'/></meta_attributes></primitive>",
			"", ""),
			[]string{"warning equal-scores f.xml:5:1: priority stands in two sets of meta_attributes with the same score: " +
				"which one wins depends on Pacemaker's version"}},
		"option": {strings.Replace(whole(two, "", ""), "<crm_config/>",
			"<crm_config><cluster_property_set id='s'>\n<nvpair id='p' name='maintenance-mode' value='ture'/></cluster_property_set></crm_config>",
			1), []string{"warning bad-option f.xml:2:1: maintenance-mode=\"ture\" is neither true nor false"}},
		"no device": {whole("<primitive id='a' class='lsb' type='x'/>", "", ""),
			[]string{"fault no-fencing-device f.xml:1:1: fencing is on, and there is no fence device: Pacemaker starts no resource: " +
				"add a fence device, or set stonith-enabled to false"}},
		"no device, new name": {strings.Replace(whole("", "", ""), "<crm_config/>",
			"<crm_config><cluster_property_set id='s'>\n<nvpair id='p' name='fencing-enabled' value='false'/></cluster_property_set></crm_config>",
			1), []string{"warning no-fencing-device f.xml:2:1: fencing-enabled is new in Pacemaker 3.0.2: before it fencing is on, there is " +
			"no fence device, and Pacemaker starts no resource: add a fence device, or set stonith-enabled to false"}},
		"no device, a rule": {strings.Replace(whole("", "", ""), "<crm_config/>", "<crm_config><cluster_property_set id='s'>"+
			"<rule id='r' score='1'><date_expression id='d' operation='gt' start='2020-01-01'/></rule>"+
			"<nvpair id='p' name='stonith-enabled' value='false'/></cluster_property_set></crm_config>",
			1), []string{"warning no-fencing-device f.xml:1:1: fencing is on or off by a rule, and there is no fence device: while it is on " +
			"Pacemaker starts no resource: add a fence device, or set stonith-enabled to false"}},
		"fencing": {whole(two, "",
			"<fencing-topology>\n<fencing-level id='l' target='n1.intl' index='0' devices='f,g'/></fencing-topology>"),
			[]string{"fault bad-value f.xml:9:1: index=\"0\" is no number from 1 on",
				"warning dangling-reference f.xml:9:1: devices: there is no resource \"g\""}},
		"no section": {strings.Replace(whole(two, "", ""), "<crm_config/>", "", 1),
			[]string{"fault structure f.xml:1:78: the section crm_config is missing"}},
	} {
		t.Run(name, func(t *testing.T) {
			cib, err := ParseCIB(srcerr.Named("f.xml", strings.NewReader(c.cib)))
			require.NoError(t, err)
			var got []string
			for _, p := range cib.Validate() {
				text, _, _ := strings.Cut(p.Error(), ": near ")
				got = append(got, p.Severity.String()+" "+p.Check+" "+text)
				require.True(t, slices.ContainsFunc(Checks(), func(c Check) bool { return c.Name == p.Check }), p.Check)
				var at *ParseError
				require.ErrorAs(t, p, &at)
			}
			for _, want := range c.want {
				require.Contains(t, got, want)
			}
			if name != "bad schema" && name != "misplaced" && name != "element" {
				require.Len(t, got, len(c.want), "%q", got)
			}
		})
	}
}

// What an edit made has no place, and no problem holds a password.
func TestValidateAnEditedCIB(t *testing.T) {
	c := readCIB(t, imlCIB)
	require.Empty(t, c.Validate())
	require.NoError(t, c.AddLocation(Location{ID: "l", Resource: "MGS_32834e", Node: "nowhere", Score: "5"}))
	require.NoError(t, c.SetNodeAttribute("ct6-mds1", "0_fence_password", "hunter2"))
	problems := c.Validate()
	require.Len(t, problems, 1)
	require.EqualError(t, problems[0], `testdata/`+imlCIB+
		`: node="nowhere": the cluster has no node of this name: near "<rsc_location id=\"l\""`)
	text, err := json.Marshal(problems)
	require.NoError(t, err)
	require.JSONEq(t, `[{"severity":"warning","check":"unknown-node","file":"testdata/`+imlCIB+
		`","near":"<rsc_location id=\"l\"","what":"node=\"nowhere\": the cluster has no node of this name"}]`, string(text))
	require.Empty(t, readCIB(t, imlCIB).Validate())
}

// crm_verify's verdict on each CIB of the corpus: what it finds good has no fault here, and what it finds bad has one.
func TestCorpusValidation(t *testing.T) {
	verdicts := manifest(t)
	good, bad, missed, unnamed := 0, 0, 0, 0
	checks := make(map[string]int)
	for _, path := range golden.FilesUnder(t, golden.Corpus(t, "cluster", "cib"), ".xml") {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		c, err := ParseCIB(bytes.NewReader(data))
		if err != nil {
			continue
		}
		verdict := verdicts["cib/"+filepath.Base(path)]
		require.NotEmpty(t, verdict, path)
		var faults []string
		problems := c.Validate()
		for _, p := range problems {
			require.Positive(t, p.At.Line, p.Error())
			checks[p.Check]++
			if p.Severity == Fault {
				faults = append(faults, p.Error())
			}
		}
		if strings.Contains(verdict, "crm_verify_2.1.5_rc=0") {
			good++
			for _, p := range problems {
				if p.Severity == Fault || p.Check == "deprecated" {
					t.Errorf("%s: crm_verify finds nothing, this finds %v", filepath.Base(path), p)
				}
			}
			continue
		}
		// The judge, 2.1.5, knows the schemas up to 3.9 and no fencing-enabled, and says nothing definite of a CIB without a schema.
		v, known := parseSchemaVersion(c.Header().ValidateWith)
		if !known || lastSchema.less(v) || bytes.Contains(data, []byte("fencing-enabled")) {
			continue
		}
		bad++
		if len(faults) == 0 {
			missed++
		}
		if len(problems) == 0 {
			unnamed++
		}
	}
	t.Logf("%d good CIBs, %d bad ones, of which %d without a fault here, %d without any finding; problems by check: %v",
		good, bad, missed, unnamed, checks)
	require.Positive(t, good)
	// What crm_verify says of those without a finding was looked at, file by file. It refuses 59 for their status alone, and
	// takes them with a status in which all is well: nodes to fence, orphans, resources active twice, invalid transition
	// keys, fail counts, lost quorum. 6 are of schema 1.1, which 2.1.5 has not. One has a bundle with a
	// resource inside and no address to control it by.
	require.LessOrEqual(t, unnamed, 66)
	require.LessOrEqual(t, missed, 163)
}

package pacemakertest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/placement"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// A group of two, a clone that keeps an attribute of its node, and a rule on that attribute.
const (
	groupXML = `<group id="g"><primitive id="pool" class="ocf" provider="heartbeat" type="ZFS"/>` +
		`<primitive id="fs" class="ocf" provider="lustre" type="Lustre"/>` +
		`<meta_attributes id="g-meta"><nvpair id="g-meta-target-role" name="target-role" value="Stopped"/></meta_attributes></group>`
	cloneXML = `<clone id="h-clone"><primitive id="h" class="ocf" provider="lustre" type="healthLUSTRE"/></clone>`
	ruleXML  = `<rsc_location id="g-healthy" rsc="g"><rule id="g-healthy-rule" score="-INFINITY" boolean-op="or">` +
		`<expression id="g-healthy-1" attribute="lustred" operation="lte" value="0"/>` +
		`<expression id="g-healthy-2" attribute="lustred" operation="not_defined"/></rule></rsc_location>`
)

// grouped is a cluster with them; log is what the agents did, in order.
func grouped(t *testing.T) (b site, log *[]string) {
	log = &[]string{}
	note := func(what string) func(*simhost.State, *simhost.Host, pacemaker.Resource) error {
		return func(_ *simhost.State, h *simhost.Host, r pacemaker.Resource) error {
			*log = append(*log, what+" "+r.ID+" "+strings.TrimSuffix(h.Name, ".lfs.intl"))
			return nil
		}
	}
	keeper := pacemakertest.Agent{
		Start: func(s *simhost.State, h *simhost.Host, _ pacemaker.Resource) error {
			pacemakertest.Of(s).SetAttribute(s, h.Name, "lustred", "1")
			return nil
		},
		Stop: func(s *simhost.State, h *simhost.Host, _ pacemaker.Resource) error {
			pacemakertest.Of(s).SetAttribute(s, h.Name, "lustred", "")
			return nil
		},
	}
	noted := pacemakertest.Agent{Start: note("start"), Stop: note("stop")}
	b = newSite(t, pacemakertest.Options{Agents: map[string]pacemakertest.Agent{
		"ocf:heartbeat:ZFS": noted, "ocf:lustre:Lustre": noted, "ocf:lustre:healthLUSTRE": keeper,
	}})
	b.both()
	b.ok(n1, "pcs property set stonith-enabled=false", "pcs property set no-quorum-policy=ignore", "pcs resource defaults resource-stickiness=1000",
		"cibadmin -C -o resources -X '"+groupXML+"'", "cibadmin -C -o constraints -X '"+ruleXML+"'",
		"pcs constraint location g prefers "+n1+"=20", "pcs constraint location g prefers "+n2+"=10", "pcs resource enable g")
	return b, log
}

func TestGroupsAndClones(t *testing.T) {
	b, log := grouped(t)
	settle := func(want ...string) {
		t.Helper()
		b.w.Advance(30 * time.Second)
		require.Equal(t, want, append([]string(nil), *log...))
		*log = nil
	}
	settle([]string(nil)...) // the attribute is not defined anywhere
	would := func() string {
		t.Helper()
		cib, err := pacemaker.ParseLiveCIB(strings.NewReader(b.ok(n1, "cibadmin -Q")))
		require.NoError(t, err)
		p, err := placement.Of(cib)
		require.NoError(t, err)
		require.Equal(t, p.Of("pool")[0].Node, p.Of("fs")[0].Node)
		return p.Of("fs")[0].Node
	}
	require.Empty(t, would())
	b.ok(n1, "cibadmin -C -o resources -X '"+cloneXML+"'")
	settle("start pool ct6-mds1", "start fs ct6-mds1") // from its beginning
	require.Equal(t, n1, would())
	require.Equal(t, []string{n1, n2}, b.where()["h"])

	st, err := pacemaker.ParseStatus(strings.NewReader(b.ok(n1, "crm_mon --as-xml")))
	require.NoError(t, err)
	require.Equal(t, []string{n1}, st.RunsOn("fs"))
	require.Equal(t, []string{n1, n2}, st.RunsOn("h"))
	fs, _ := st.Resource("fs")
	require.Equal(t, []string{"g"}, fs.Parents)
	require.Contains(t, st.Attributes[n2], pacemaker.NVPair{Name: "lustred", Value: "1"})
	require.Equal(t, 4, st.Configured.Resources)
	out := b.ok(n1, "pcs resource")
	for _, line := range []string{" Resource Group: g\n", "     fs\t(ocf::lustre:Lustre):\tStarted " + n1, " Clone Set: h-clone [h]\n",
		"     Started: [ " + n1 + " " + n2 + " ]"} {
		require.Contains(t, out, line)
	}

	b.ok(n1, "pcs cluster standby "+n1)
	settle("stop fs ct6-mds1", "stop pool ct6-mds1", "start pool ct6-mds2", "start fs ct6-mds2") // from its end
	require.Equal(t, []string{n2}, b.where()["h"], "a clone stops in standby, and takes its attribute along")
	require.Equal(t, n2, would())
	b.ok(n1, "pcs cluster unstandby "+n1)
	settle([]string(nil)...) // it sticks
	b.ok(n1, "pcs resource relocate run fs")
	settle([]string(nil)...) // the rest of the group holds it
	b.ok(n1, "pcs resource relocate run g")
	settle("stop fs ct6-mds2", "stop pool ct6-mds2", "start pool ct6-mds1", "start fs ct6-mds1")

	b.w.Do(func(s *simhost.State) { pacemakertest.Of(s).SetAttribute(s, n1, "lustred", "0") })
	settle("stop fs ct6-mds1", "stop pool ct6-mds1", "start pool ct6-mds2", "start fs ct6-mds2")
	b.ok(n1, "pcs resource disable fs")
	settle("stop fs ct6-mds2") // what comes before it goes on
	b.ok(n1, "pcs resource enable fs")
	settle("start fs ct6-mds2")
	b.ok(n1, "pcs resource disable g")
	settle("stop fs ct6-mds2", "stop pool ct6-mds2")
	require.Empty(t, would())
}

// What a group has to do with its disabled first member, and what the simulator does not know, is refused where it would
// come into force.
func TestUnknownPlacementIsRefused(t *testing.T) {
	b, _ := grouped(t)
	for name, piece := range map[string][2]string{
		"a clone of a group":  {"resources", strings.ReplaceAll(`<clone id="c">`+groupXML+`</clone>`, `id="`, `id="c-`)},
		"a unique clone":      {"resources", `<clone id="c"><primitive id="x" class="ocf" provider="heartbeat" type="Dummy"/><meta_attributes id="cm"><nvpair id="cmn" name="globally-unique" value="true"/></meta_attributes></clone>`},
		"one with a maximum":  {"resources", `<clone id="c"><primitive id="x" class="ocf" provider="heartbeat" type="Dummy"/><meta_attributes id="cm"><nvpair id="cmn" name="clone-max" value="1"/></meta_attributes></clone>`},
		"a rule on dates":     {"constraints", `<rsc_location id="l" rsc="g"><rule id="lr" score="1"><date_expression id="lrd" operation="gt" start="2018-01-01"/></rule></rsc_location>`},
		"an unknown operator": {"constraints", `<rsc_location id="l" rsc="g"><rule id="lr" score="1"><expression id="lre" attribute="a" operation="like" value="b"/></rule></rsc_location>`},
		"a score by name":     {"constraints", `<rsc_location id="l" rsc="g"><rule id="lr" score-attribute="a"><expression id="lre" attribute="a" operation="defined"/></rule></rsc_location>`},
		"a pattern":           {"constraints", `<rsc_location id="l" rsc-pattern="g.*" node="` + n1 + `" score="1"/>`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.run(n1, "cibadmin -C -o "+piece[0]+" -X '"+piece[1]+"'", "")
			require.Error(t, err)
		})
	}
}

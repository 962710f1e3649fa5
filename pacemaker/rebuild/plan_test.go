package rebuild

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// TestOutlineIsTheView shows that the short view of a resource says what the whole one does.
func TestOutlineIsTheView(t *testing.T) {
	const text = `<cib><configuration><resources><clone id="c"><meta_attributes id="m"><nvpair id="n" name="target-role" value="Stopped"/></meta_attributes>` +
		`<group id="g"><primitive id="p" class="ocf" provider="heartbeat" type="Dummy"><meta_attributes id="q"><rule id="r" score="1"/></meta_attributes></primitive>` +
		`<primitive id="f" class="stonith" type="fence_x"/></group></clone></resources></configuration></cib>`
	c := parseCIB(t, text)
	type part struct {
		Kind  pacemaker.Kind
		ID    string
		Class string
		Meta  pacemaker.AttributeSets
	}
	parts := func(r pacemaker.Resource) []part {
		var all []part
		for r := range pacemaker.Walk([]pacemaker.Resource{r}) {
			all = append(all, part{r.Kind, r.ID, r.Class, r.Meta})
		}
		return all
	}
	whole, ok := c.Resource("c")
	require.True(t, ok)
	outline := parts(gist(c, c.ResourceElement("c")))
	require.Len(t, outline, 4)
	require.Equal(t, parts(whole), outline)
}

// errFull is what a writer without room says.
var errFull = errors.New("no room")

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, errFull }

func TestPlanIsWrittenAsItPrints(t *testing.T) {
	plan, err := New(parseCIB(t, string(manyTargets(t, 100))), readConf(t), guideOptions(t))
	require.NoError(t, err)
	var out bytes.Buffer
	n, err := plan.WriteTo(&out)
	require.NoError(t, err)
	require.Equal(t, int64(out.Len()), n)
	require.Equal(t, plan.String(), out.String())
	require.Equal(t, 102, strings.Count(out.String(), "pcs resource create "))
	_, err = plan.WriteTo(fullWriter{})
	require.ErrorIs(t, err, errFull)
	_, err = plan.WriteTo(io.Discard)
	require.NoError(t, err)
}

// TestRebuildEditsACopy: what it was planned from stays as it is.
func TestRebuildEditsACopy(t *testing.T) {
	c := readCIB(t, imlCIB)
	_, err := New(c, readConf(t), guideOptions(t))
	require.NoError(t, err)
	require.Empty(t, pacemaker.Diff(c, readCIB(t, imlCIB)))
}

// H5, H8, H25: what lies in place before the first start is the prepared cluster, in maintenance, every target
// disabled, for Pacemaker's own user alone.
func TestSeed(t *testing.T) {
	plan, err := New(readCIB(t, imlCIB), readConf(t), guideOptions(t))
	require.NoError(t, err)
	o, err := plan.Seed()
	require.NoError(t, err)
	require.Equal(t, []string{"install", "-o", "hacluster", "-g", "haclient", "-m", "0600", "/dev/stdin", pacemaker.CIBPath}, o.Argv)
	seed, err := pacemaker.ParseCIB(strings.NewReader(o.Stdin))
	require.NoError(t, err)
	for name, want := range map[string]string{"maintenance-mode": "true", SeedProperty: "2s"} {
		v, _ := seed.Property(name)
		require.Equal(t, want, v, name)
	}
	for _, r := range seed.Primitives() {
		if role, _ := r.Meta.Get("target-role"); r.Class != "stonith" {
			require.Equal(t, "Stopped", role, r.ID)
		}
	}
	prepared, err := plan.Prepared()
	require.NoError(t, err)
	seed.RemoveProperty(SeedProperty)
	require.Empty(t, pacemaker.Diff(prepared, seed))
}

// H15: a cluster of knet stays one, with the addresses of its node list under the new names.
func TestRebuildOfKnet(t *testing.T) {
	conf, err := corosync.Parse(strings.NewReader(`totem {
	version: 2
	transport: knet
	crypto_cipher: aes256
	crypto_hash: sha256
}
nodelist {
	node {
		ring0_addr: 10.1.0.1
		ring1_addr: 10.1.1.1
		name: ct6-mds1
		nodeid: 1
	}
	node {
		ring0_addr: 10.1.0.2
		ring1_addr: 10.1.1.2
		name: ct6-mds2
		nodeid: 2
	}
}
`))
	require.NoError(t, err)
	opts := guideOptions(t)
	opts.Dialect, opts.OldDialect = pcs.V011, pcs.V011
	plan, err := New(readCIB(t, imlCIB), conf, opts)
	require.NoError(t, err)
	require.Contains(t, commands(plan),
		"pcs cluster setup lustre-ha-cluster ct6-mds1.lfs.intl addr=10.1.0.1 addr=10.1.1.1 transport knet link_mode=passive "+
			"crypto cipher=aes256 hash=sha256 totem token=17000 fail_recv_const=10")
	require.Contains(t, commands(plan), "pcs cluster node add ct6-mds2.lfs.intl addr=10.1.0.2 addr=10.1.1.2")
}

package pacemaker_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// The inputs here grow tenfold: so may the time, and no more. Compare the two sizes with benchstat.

// wideCIB has one element with n attributes.
func wideCIB(n int) string {
	var b strings.Builder
	b.WriteString(`<cib admin_epoch="0" epoch="1" num_updates="0"><configuration><crm_config/><nodes/><resources><primitive id="r" class="ocf" provider="heartbeat" type="Dummy"`)
	for i := range n {
		fmt.Fprintf(&b, ` a%d="x"`, i)
	}
	b.WriteString(`/></resources><constraints/></configuration><status/></cib>`)
	return b.String()
}

// longCIB has n resources, each with a location constraint.
func longCIB(n int) string {
	var resources, constraints strings.Builder
	for i := range n {
		fmt.Fprintf(&resources, `<primitive id="r%d" class="ocf" provider="heartbeat" type="Dummy"/>`, i)
		fmt.Fprintf(&constraints, `<rsc_location id="l%d" rsc="r%d" node="n1" score="10"/>`, i, i)
	}
	return `<cib admin_epoch="0" epoch="1" num_updates="0"><configuration><crm_config/><nodes><node id="1" uname="n1"/></nodes><resources>` +
		resources.String() + `</resources><constraints>` + constraints.String() + `</constraints></configuration><status/></cib>`
}

func BenchmarkWideElement(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		text := wideCIB(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				_, err := pacemaker.ParseCIB(strings.NewReader(text))
				require.NoError(b, err)
			}
		})
	}
}

func BenchmarkPreferences(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		cib, err := pacemaker.ParseCIB(strings.NewReader(longCIB(n)))
		require.NoError(b, err)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				prefers := cib.Preferences()
				for i := range n {
					_, _, err := prefers.Node(fmt.Sprintf("r%d", i))
					require.NoError(b, err)
				}
			}
		})
	}
}

// An attribute that is given twice is found among many as among few.
func TestAnAttributeGivenTwiceIsFoundAnywhere(t *testing.T) {
	for _, n := range []int{1, 31, 32, 33, 500} {
		good := wideCIB(n)
		_, err := pacemaker.ParseCIB(strings.NewReader(good))
		require.NoError(t, err)
		for _, twice := range []int{0, n / 2, n - 1} {
			_, err = pacemaker.ParseCIB(strings.NewReader(strings.Replace(good, "/></resources>", fmt.Sprintf(` a%d="y"/></resources>`, twice), 1)))
			require.ErrorContains(t, err, "is given twice", "attribute %d of %d", twice, n)
		}
	}
}

// Preferences say of every resource what the CIB says of it alone.
func TestPreferencesAreThoseOfTheCIB(t *testing.T) {
	text := strings.Replace(longCIB(5), "</constraints>",
		`<rsc_location id="x0" rsc="r0" node="n2" score="30"/><rsc_location id="x1" rsc-pattern="r4.*" node="n2" score="1"/>`+
			`<rsc_location id="x2" node="n2" score="1"><resource_set id="s"><resource_ref id="r3"/></resource_set></rsc_location></constraints>`, 1)
	cib, err := pacemaker.ParseCIB(strings.NewReader(text))
	require.NoError(t, err)
	_, _, err = cib.PreferredNode("r1")
	require.ErrorIs(t, err, pacemaker.ErrUnsupported, "the pattern may name it")
	_, _, err = cib.PreferredNode("missing")
	require.ErrorIs(t, err, pacemaker.ErrNotFound)
	plain, err := pacemaker.ParseCIB(strings.NewReader(strings.Replace(text,
		`<rsc_location id="x1" rsc-pattern="r4.*" node="n2" score="1"/>`, "", 1)))
	require.NoError(t, err)
	node, score, err := plain.Preferences().Node("r0")
	require.NoError(t, err)
	require.Equal(t, "n2 30", fmt.Sprint(node, " ", score))
	node, _, err = plain.PreferredNode("r2")
	require.NoError(t, err)
	require.Equal(t, "n1", node)
	_, _, err = plain.PreferredNode("r3")
	require.ErrorIs(t, err, pacemaker.ErrUnsupported, "the set names it")
}

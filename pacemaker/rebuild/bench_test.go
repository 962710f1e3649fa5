package rebuild

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// manyTargets is IML's pair with this many targets.
func manyTargets(b testing.TB, n int) []byte {
	data, err := os.ReadFile("../testdata/" + imlCIB)
	if err != nil {
		b.Fatal(err)
	}
	var resources, constraints strings.Builder
	for i := range n {
		id := fmt.Sprintf("demo-OST%04x_%06x", i, i)
		fmt.Fprintf(&resources, `<primitive class="ocf" id="%[1]s" provider="chroma" type="Target"><instance_attributes id="%[1]s-instance_attributes"><nvpair id="%[1]s-instance_attributes-target" name="target" value="ea0ec37d-288e-48e2-8f11-%012[2]x"/></instance_attributes>`+
			`<operations><op id="%[1]s-monitor-5" interval="5" name="monitor" timeout="60"/><op id="%[1]s-start-0" interval="0" name="start" timeout="300"/><op id="%[1]s-stop-0" interval="0" name="stop" timeout="300"/></operations>`+
			`<meta_attributes id="%[1]s-meta_attributes"><nvpair id="%[1]s-meta_attributes-target-role" name="target-role" value="Started"/></meta_attributes></primitive>`+"\n", id, i)
		fmt.Fprintf(&constraints, `<rsc_location id="%[1]s-primary" node="ct6-mds1" rsc="%[1]s" score="20"/><rsc_location id="%[1]s-secondary" node="ct6-mds2" rsc="%[1]s" score="10"/>`+"\n", id)
	}
	return []byte(strings.NewReplacer("</resources>", resources.String()+"</resources>", "</constraints>",
		constraints.String()+"</constraints>").Replace(string(data)))
}

// BenchmarkRebuild is the work of a whole process, but for its start: the bytes of a CIB in, the text of all commands out.
func BenchmarkRebuild(b *testing.B) {
	for _, n := range []int{0, 100, 5000} {
		data := manyTargets(b, n)
		conf, opts := readConf(b), guideOptions(b)
		b.Run(fmt.Sprintf("%d", n+2), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				cib, err := pacemaker.ParseCIB(bytes.NewReader(data))
				if err != nil {
					b.Fatal(err)
				}
				plan, err := New(cib, conf, opts)
				if err != nil {
					b.Fatal(err)
				}
				if len(plan.Resources) != n+2 || len(plan.String()) == 0 {
					b.Fatal("the plan is not whole")
				}
			}
		})
	}
}

// BenchmarkPush is the same for the configuration in one piece.
func BenchmarkPush(b *testing.B) {
	for _, n := range []int{0, 100, 5000} {
		data := manyTargets(b, n)
		conf, opts := readConf(b), guideOptions(b)
		live := parseCIB(b, "<cib><configuration><crm_config/><nodes/><resources/><constraints/></configuration></cib>")
		b.Run(fmt.Sprintf("%d", n+2), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				cib, err := pacemaker.ParseCIB(bytes.NewReader(data))
				if err != nil {
					b.Fatal(err)
				}
				plan, err := New(cib, conf, opts)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := plan.Push(live, StagePrepared); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

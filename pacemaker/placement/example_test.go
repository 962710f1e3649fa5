package placement_test

import (
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/placement"
)

const runningPair = `<cib validate-with="pacemaker-3.0" crm_feature_set="3.15.0" have-quorum="1" epoch="9" num_updates="0" admin_epoch="0">
  <configuration>
    <crm_config><cluster_property_set id="cib-bootstrap-options">
      <nvpair id="p1" name="no-quorum-policy" value="ignore"/>
      <nvpair id="p2" name="stonith-enabled" value="true"/>
    </cluster_property_set></crm_config>
    <nodes><node id="1" uname="mds1"/><node id="2" uname="mds2"/></nodes>
    <resources>
      <primitive id="st-fencing" class="stonith" type="fence_chroma"/>
      <primitive id="MGS" class="ocf" provider="chroma" type="Target"/>
      <primitive id="MDT" class="ocf" provider="chroma" type="Target"/>
    </resources>
    <constraints>
      <rsc_location id="MGS-primary" rsc="MGS" node="mds1" score="20"/>
      <rsc_location id="MGS-secondary" rsc="MGS" node="mds2" score="10"/>
      <rsc_location id="MDT-primary" rsc="MDT" node="mds2" score="20"/>
      <rsc_location id="MDT-secondary" rsc="MDT" node="mds1" score="-INFINITY"/>
    </constraints>
    <rsc_defaults><meta_attributes id="rsc_defaults-options"><nvpair id="s" name="resource-stickiness" value="1000"/></meta_attributes></rsc_defaults>
  </configuration>
  <status>
    <node_state id="1" uname="mds1" in_ccm="true" crmd="online" join="member" expected="member"/>
    <node_state id="2" uname="mds2" in_ccm="true" crmd="online" join="member" expected="member"/>
  </status>
</cib>`

// Where everything would run, and whether each node could be taken down for its upgrade.
func ExampleCanLose() {
	cib, err := pacemaker.ParseCIB(strings.NewReader(runningPair))
	if err != nil {
		log.SetOutput(os.Stdout)
		log.Fatal(err)
	}
	where, err := placement.Of(cib)
	if err != nil {
		log.Fatal(err)
	}
	for _, move := range where.Moves() {
		fmt.Println(move)
	}
	for _, node := range []string{"mds1", "mds2"} {
		loss, err := placement.CanLose(cib, node, nil)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(loss)
	}
	// Output:
	// st-fencing starts on mds1
	// MGS starts on mds1
	// MDT starts on mds2
	// mds1 can be lost: 2 resources would move
	// mds2 must not be lost: MDT (mds1: location constraint MDT-secondary (-INFINITY); mds2: offline) would run nowhere
}

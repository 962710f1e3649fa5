package pacemaker_test

import (
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// Everything that is wrong with a CIB, with its place.
func ExampleCIB_Validate() {
	cib, err := pacemaker.ParseCIB(strings.NewReader(`<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="7" num_updates="0"><configuration>
 <crm_config><cluster_property_set id="s"><nvpair id="s1" name="stonith-enabled" value="no"/></cluster_property_set></crm_config>
 <nodes><node id="1" uname="oss1.example.org"/></nodes>
 <resources><primitive id="MGS" class="ocf" provider="lustre" type="Lustre"/></resources>
 <constraints>
  <rsc_location id="l1" rsc="MGS" node="oss1" score="20"/>
  <rsc_location id="l2" rsc="MGT" node="oss1.example.org" scroe="10"/>
 </constraints>
</configuration></cib>`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range cib.Validate() {
		fmt.Printf("%s (%s): %v\n", p.Severity, p.Check, p)
	}
	// Output:
	// warning (unknown-node): 6:3: node="oss1": the cluster has no node of this name (it has oss1.example.org): near "<rsc_location id=\"l1\""
	// fault (unknown-name): 7:3: no schema has the attribute scroe on this element: near "<rsc_location id=\"l2\""
	// fault (dangling-reference): 7:3: rsc="MGT": there is no resource of this id: near "<rsc_location id=\"l2\""
	// fault (missing-attribute): 7:3: the element has no score: near "<rsc_location id=\"l2\""
}

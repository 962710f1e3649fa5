package readiness_test

import (
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
)

// A pair of EL9 that is to become one of EL10.
func Example() {
	const text = `<cib epoch="7" num_updates="0" admin_epoch="0" validate-with="pacemaker-3.9" crm_feature_set="3.19.0">
  <configuration>
    <resources>
      <master id="pg">
        <primitive id="pgsql" class="ocf" provider="heartbeat" type="pgsql"/>
      </master>
      <primitive id="web" class="upstart" type="web"/>
    </resources>
  </configuration>
</cib>`
	cib, err := pacemaker.ParseCIB(srcerr.Named("cib.xml", strings.NewReader(text)))
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := readiness.Check(readiness.Input{CIB: cib, From: "el9"}, "el10")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range report.Findings {
		fmt.Printf("%s: %s: %s\n  %s\n", f.Level, f.Where, f.Found, f.Next)
	}
	for _, w := range report.Ways {
		fmt.Println(w.Name, w.Possible)
	}
	fmt.Println(report.Ready(), len(report.NotChecked))
	// Output:
	// blocker: cib.xml:7:7: class upstart: web
	//   replace it by a resource of an ocf agent or of systemd
	// warning: cib.xml:1:1: schema pacemaker-3.9
	//   upgrade the CIB after the upgrade of the cluster (cibadmin --upgrade)
	// warning: cib.xml:4:7: a master resource
	//   write a clone with promotable=true, or look at what the upgrade makes of it
	// note: : administered by pcs 0.11
	//   look through your scripts for commands that it has no more
	// rolling false
	// two clusters true
	// reattach false
	// offline true
	// false 4
}

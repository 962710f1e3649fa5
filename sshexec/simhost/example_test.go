package simhost_test

import (
	"context"
	"fmt"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

func Example() {
	s := simhost.NewState(simhost.NewRegistry(), time.Date(2018, 6, 12, 22, 0, 0, 0, time.UTC))
	s.AddHost("ct6-mds1.lfs.intl", simhost.EL6())
	w := simhost.NewWorld(s)

	run, err := w.Runner("ct6-mds1")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, argv := range [][]string{{"hostname"}, {"cat", "/etc/redhat-release"}, {"shutdown", "-h", "now"}, {"hostname"}} {
		effect := sshexec.ReadOnly
		if argv[0] == "shutdown" {
			effect = sshexec.Disruptive
		}
		res, err := run.Run(context.Background(), sshexec.Command(effect, argv...))
		fmt.Println(argv[0], res.Outcome, res.Text(), err != nil)
	}
	// Output:
	// hostname exited ct6-mds1 false
	// cat exited CentOS release 6.8 (Final) false
	// shutdown unknown  true
	// hostname not-started  true
}

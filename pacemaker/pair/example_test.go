package pair_test

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// A user's own agent: ocf:acme:redis runs redis-server on a port. It is gone when no such process is left.
func Example_profile() {
	redis := pair.Profile{
		Name: "redis", Agents: []string{"ocf:acme:redis"},
		Of: func(r pacemaker.Resource) (pair.Traits, error) {
			port, ok := r.Instance.Get("port")
			if !ok {
				port = "6379"
			}
			return pair.Traits{
				Gone: []pair.Look{pair.Process("a server of port "+port+" runs", func(args []string) bool {
					return path.Base(args[0]) == "redis-server" && slices.ContainsFunc(args, func(a string) bool {
						return strings.HasSuffix(a,
							":"+port)
					})
				})},
				Needs:  []pair.Look{pair.Path("/usr/bin/redis-server")},
				Serves: "redis on port " + port,
			}, nil
		},
	}
	cib, err := pacemaker.ParseCIB(strings.NewReader(`<cib><configuration><crm_config/><nodes/><resources>
		<primitive id="cache" class="ocf" provider="acme" type="redis"/></resources><constraints/></configuration></cib>`))
	if err != nil {
		fmt.Println(err)
		return
	}
	units, err := pair.Units(cib, pair.Builtin().With(redis))
	if err != nil {
		fmt.Println(err)
		return
	}
	look := units[0].Members[0].Gone[0]
	for _, answer := range []string{"Ssl  /usr/bin/redis-server 0.0.0.0:6379\nR+   ps -e -o stat= -o args=\n",
		"R+   ps -e -o stat= -o args=\n", ""} {
		found, seen, err := look.Judge(sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(answer)})
		fmt.Println(found == pair.Absent, seen, err)
	}
	// Output:
	// false "/usr/bin/redis-server" runs: a server of port 6379 runs <nil>
	// true  <nil>
	// false  ps -e -o stat= -o args= printed nothing (exit status 0): it proves nothing
}

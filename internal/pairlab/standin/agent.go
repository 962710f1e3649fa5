package standin

import (
	"fmt"
	"strings"
)

// The exit statuses of a resource agent.
//
// https://github.com/ClusterLabs/OCF-spec/blob/main/ra/1.1/resource-agent-api.md
const (
	ocfSuccess       = 0
	ocfGeneric       = 1
	ocfArgs          = 2
	ocfUnimplemented = 3
	ocfNotInstalled  = 5
	ocfConfigured    = 6
	ocfNotRunning    = 7
)

// metadata is what an agent says of itself. A parameter is written as NAME, NAME! where it is required, or NAME=DEFAULT; an action as
// "NAME TIMEOUT" or "NAME TIMEOUT INTERVAL", in seconds.
func metadata(name, what string, parameters []string, actions ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">
<resource-agent name=%q>
<version>1.0</version>
<longdesc lang="en">A stand-in for %s.</longdesc>
<shortdesc lang="en">%[1]s</shortdesc>
<parameters>
`, name, what)
	for _, p := range parameters {
		p, is, _ := strings.Cut(p, "=")
		p, required := strings.CutSuffix(p, "!")
		fmt.Fprintf(&b, `<parameter name=%q required="%d">
<longdesc lang="en">%[1]s</longdesc>
<shortdesc lang="en">%[1]s</shortdesc>
<content type="string" default=%[3]q/>
</parameter>
`, p, map[bool]int{true: 1}[required], is)
	}
	b.WriteString("</parameters>\n<actions>\n")
	for _, a := range actions {
		f := strings.Fields(a)
		fmt.Fprintf(&b, "<action name=%q timeout=%q", f[0], f[1])
		if len(f) > 2 {
			fmt.Fprintf(&b, " depth=\"0\" interval=%q", f[2])
		}
		b.WriteString("/>\n")
	}
	b.WriteString("</actions>\n</resource-agent>\n")
	return b.String()
}

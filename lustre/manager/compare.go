package manager

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// compare says what still differs from the state before the run, for the end of a rollback: the manager's system and IML's version, what
// IML lists, and the agents. What the run had not come to note, it has not changed.
func (m *Manager) compare(ctx context.Context, at evenkeel.Site) (diff []string, err error) {
	c := m.Config
	ask := func(host string, argv ...string) (evenkeel.Observed, error) {
		cmd := sshexec.Command(sshexec.ReadOnly, argv...)
		cmd.Timeout = 30 * time.Second
		res, err := at.Run(ctx, host, cmd)
		return evenkeel.Observed{Result: res, Facts: at.Facts, Host: host}, err
	}
	o, err := ask(c.Host, "cat", "/etc/redhat-release")
	switch {
	case err != nil:
		diff = append(diff, fmt.Sprintf("%s cannot be looked at: %v. If it is off, switch it on as it was; if its new "+
			"system is being installed, "+
			"go on with the upgrade", c.Host, err))
	case !strings.Contains(o.Text(), c.OldRelease):
		diff = append(diff, fmt.Sprintf("%s runs %q: its old system (%s) is gone: the way is forward", c.Host, o.Text(), c.OldRelease))
	default:
		if o, err = ask(c.Host, "rpm", "-q", "--queryformat", `%{VERSION}\n`, c.OldPackage); err != nil || o.Text() != c.OldVersion {
			diff = append(diff, fmt.Sprintf("%s has %s %q, and had %s", c.Host, c.OldPackage, o.Text(), c.OldVersion))
		}
		for _, noted := range []struct {
			objects []string
			fact    evenkeel.Fact[string]
		}{{lists, m.lists}, {power, m.fencing}} {
			was, missing := noted.fact.Get(at.Facts)
			if missing != nil {
				continue
			}
			words := strings.Join(noted.objects, ", ")
			o, _ := ask(c.Host, m.asks("", "", noted.objects).Cmd.Argv...) // what failed, totals says
			if is, err := totals(o, len(noted.objects)); err != nil {
				diff = append(diff, fmt.Sprintf("how many of %s IML lists is not known: %v", words, err))
			} else if is != was {
				diff = append(diff, fmt.Sprintf("IML lists %s of %s, and listed %s before", is, words, was))
			}
		}
	}
	if c.StopAgents {
		for _, server := range c.Servers {
			if o, err := ask(server, "service", "chroma-agent", "status"); err != nil {
				diff = append(diff, fmt.Sprintf("chroma-agent does not run on %s, or that is not known (exit status %d: %v): "+
					"service chroma-agent start",
					server, o.ExitCode, err))
			}
		}
	}
	return diff, ctx.Err()
}

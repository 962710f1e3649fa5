package upgrade

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/lustre/internal/steps"
)

// installStep has the operator install the new system (lustre:450-465, 1172-1186).
func (n *node) installStep(ref string) evenkeel.Step {
	install := evenkeel.Look("install", "Install the new operating system on "+n.Name, "cat", "/etc/redhat-release")
	install.Manual = "Install the new operating system on " + n.Name + " by the vendor's instructions, without touching the shared disks. " +
		"Restore the network with the system's tools (nmtui), with the host name " + n.Name +
		", and the direct link between the servers that is ring 1 (lustre:465). " +
		"The raw files are in the backup, below etc/sysconfig/network-scripts. Add the new system's host key to " +
		"known_hosts; the old key comes back with /etc/ssh."
	install = waits(showsText(install.Expecting("the release is the new one: "+n.Config.NewRelease,
		evenkeel.Contains(n.Config.NewRelease)), n.Config.NewRelease))
	return evenkeel.Step{
		ID: n.id("install"), Title: "Install the new operating system on " + n.Name, Host: n.Name, Ref: ref,
		Reinstalls: []string{n.Name}, Actions: []evenkeel.Action{install},
		Verify: []evenkeel.Action{shows(evenkeel.Look("hostname", "The machine has its full name", "hostname").
			Expecting(n.Name, evenkeel.Says(n.Name)), "", n.Name)},
		Irreversible: n.gone(),
	}
}

// lustreStep installs Lustre for the profile, through the reboot into its kernel (lustre:585-798).
func (n *node) lustreStep(ref string, beforeReboot ...evenkeel.Action) evenkeel.Step {
	var actions []evenkeel.Action
	for i, c := range n.Config.Profile.Commands(n.index == 1, n.Config.Kernel) {
		if c.Reboot() {
			reboot := evenkeel.Disrupt("reboot", c.Title, c.Argv...).Probed(steps.BootProbe(n.bootNew, evenkeel.Inconclusive))
			reboot.DropsConnection, reboot.Limit = true, n.Config.Install
			back := evenkeel.Look("back", "The machine is up again", steps.BootIDCommand()...).
				Until(n.Config.Install, "another boot id than before", func(o evenkeel.Observed) error {
					was, err1 := n.bootNew.Get(o.Facts)
					is, err2 := steps.BootID(o)
					if err := errors.Join(err1, err2); err != nil || is != was {
						return err
					}
					return evenkeel.NotYet(10*time.Second, "it has not gone down yet")
				})
			back.Expect.Awaits = true
			back = untilShows(back, "2>/dev/null | grep -vxF "+n.bootNew.Ref()+" >/dev/null && echo restarted", "restarted")
			actions = append(actions, steps.Boot("boot-id", n.bootNew))
			actions = append(actions, beforeReboot...)
			actions = append(actions, reboot.From(c.Ref), back)
			continue
		}
		a := evenkeel.Action{ID: fmt.Sprintf("install-%d", i+1),
			Change: evenkeel.Change{Title: c.Title, Ref: c.Ref, Note: c.Note, Cmd: c.Cmd(), Repeat: c.Repeat}}
		if c.Argv[0] == "dkms" {
			a = shows(a.Expecting("every module is installed", evenkeel.Succeeding(n.modulesInstalled)),
				modulesFilter(n.Config.Profile.DKMSModules()), slices.Sorted(slices.Values(n.Config.Profile.DKMSModules()))...)
		}
		actions = append(actions, a)
	}
	return evenkeel.Step{
		ID: n.id("lustre"), Title: "Install Lustre on " + n.Name, Host: n.Name, Ref: ref,
		Needs: []evenkeel.FactKey{n.node(1).bootSeen, n.node(0).fenced}, Makes: []evenkeel.FactKey{n.bootNew},
		Actions: actions, Irreversible: n.gone(),
	}
}

// modulesFilter prints the modules of the profile that are installed.
func modulesFilter(modules []string) string {
	return "| grep 'installed' | sed -E 's/[,/ ].*//' | grep -xE " + shellescape.Quote(strings.Join(modules, "|")) + " | sort -u"
}

// modulesInstalled wants every kernel module of the profile to be built and installed (lustre:658).
func (n *node) modulesInstalled(o evenkeel.Observed) error {
	modules, err := lustre.ParseDKMS(bytes.NewReader(o.Stdout))
	if err != nil {
		return err
	}
	return lustre.CheckDKMS(modules, "", n.Config.Profile.DKMSModules()...)
}

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
	"github.com/evenkeel-ha/evenkeel/internal/steps"
	"github.com/evenkeel-ha/evenkeel/lustre"
)

// installStep has the operator install the new system (lustre:450-465, 1172-1186).
func (n *node) installStep(ref string) evenkeel.Step {
	install := evenkeel.Look("install", "Install the new operating system on "+n.Name, "cat", "/etc/redhat-release")
	install.Manual = "Install the new operating system on " + n.Name + " by the vendor's instructions, without touching the shared disks. " +
		"Restore the network with the system's tools (nmtui), with the host name " + n.Name +
		", and the direct link between the servers that is ring 1 (lustre:465). " +
		"The raw files are in the backup, below etc/sysconfig/network-scripts. Add the new system's host key to " +
		"known_hosts; the old key comes back with /etc/ssh."
	actions := []evenkeel.Action{install}
	for _, a := range n.seeRingLinks("network") {
		a.Manual = "Restore what is missing of the network of " + n.Name + " with the system's tools (nmtui), as the backup has it below " +
			"etc/sysconfig/network-scripts: corosync needs every ring, the direct link between the servers too (lustre:465)."
		actions = append(actions, waits(a))
	}
	for _, a := range n.seeFaces("faces") {
		a.Manual = "Restore the interfaces of LNet on " + n.Name + " with the system's tools (nmtui), under the names that " +
			lustre.LNetConfPath +
			" has for them, as the backup has them below etc/sysconfig/network-scripts."
		actions = append(actions, waits(a))
	}
	actions[0] = waits(showsText(install.Expecting("the release is the new one: "+n.Config.NewRelease,
		evenkeel.Contains(n.Config.NewRelease)), n.Config.NewRelease))
	return evenkeel.Step{
		ID: n.id("install"), Title: "Install the new operating system on " + n.Name, Host: n.Name, Ref: ref,
		Reinstalls: []string{n.Name}, Actions: actions,
		Verify: []evenkeel.Action{shows(evenkeel.Look("hostname", "Verify that the machine has its full name", "hostname").
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
			back := evenkeel.Look("back", "Wait until the machine is up again", steps.BootIDCommand()...).
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
			actions = append(actions, n.seeKernel())
			actions = append(actions, n.seeHostID()...)
			actions = append(actions, steps.Boot("boot-id", n.bootNew))
			actions = append(actions, beforeReboot...)
			actions = append(actions, reboot.From(c.Ref), back, n.runsKernel())
			continue
		}
		if c.Argv[0] == "modprobe" && slices.Contains(c.Argv, "lustre") {
			actions = append(actions, n.startLNet(c.Ref)...)
		}
		a := evenkeel.Action{ID: fmt.Sprintf("install-%d", i+1),
			Change: evenkeel.Change{Title: c.Title, Ref: c.Ref, Note: c.Note, Cmd: c.Cmd(), Repeat: c.Repeat}}
		switch c.Argv[0] {
		case "yum":
			names, _ := n.packagesOf(c.Argv) // Load has asked
			a = installing(a, names...)
		case "dkms":
			a = shows(a.Expecting("every module is installed", evenkeel.Succeeding(n.modulesInstalled)),
				modulesFilter(n.Config.Profile.DKMSModules()), slices.Sorted(slices.Values(n.Config.Profile.DKMSModules()))...)
		}
		actions = append(actions, a)
	}
	if n.Config.Profile != lustre.ZFSOnly {
		actions = append(actions, n.newestE2fsprogs())
	}
	s := evenkeel.Step{
		ID: n.id("lustre"), Title: "Install Lustre on " + n.Name, Host: n.Name, Ref: ref,
		Needs: []evenkeel.FactKey{n.node(1).bootSeen, n.node(0).fenced, n.nidsSeen},
		Makes: []evenkeel.FactKey{n.bootNew, n.kernel}, Actions: append(actions, n.seeNIDs("nids")...), Irreversible: n.gone(),
	}
	if n.hasHostIDs() {
		s.Makes = append(s.Makes, n.hostID)
		if n.index == 1 && !n.Config.Offline {
			s.Needs = append(s.Needs, n.node(0).hostID)
		}
	}
	return s
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

package upgrade

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre"
)

// What is looked at around the installation of packages: yum says success of more than that.

// seeRoot wants the tool to log in as root (LUS-046).
func seeRoot(n *node) evenkeel.Action {
	return shows(evenkeel.Look("root-"+n.no, "Verify that the tool is root on "+n.Name, "id", "-u").
		Expecting("0", evenkeel.Says("0")), "", "0").From("lustre:357").On(n.Name)
}

// installing has an installation stop where it warned of what nobody has called harmless (LUS-026),
// or left out a package that it has not (LUS-025). Repeated by a resume, it warns no more. The packages are those that
// who does it by hand looks for.
func installing(a evenkeel.Action, packages ...string) evenkeel.Action {
	a = a.Expecting("it warns of nothing but what is known to be harmless, and leaves no package out",
		evenkeel.Succeeding(func(o evenkeel.Observed) error {
			remarks, err := lustre.ReadInstall(bytes.NewReader(append(bytes.Clone(o.Stdout), o.Stderr...)))
			if err != nil {
				return err
			}
			var text []string
			for _, r := range lustre.Unexplained(remarks) {
				text = append(text, r.Text)
			}
			if len(text) > 0 {
				// An error, and no pause: of a job that has ended, the next life would only read the same words again.
				return fmt.Errorf("yum says that it succeeded, and also: %s. See to it, then resume: it is run once more",
					strings.Join(text, "; "))
			}
			return nil
		}))
	there := evenkeel.Block{Shows: []string{"they are there"}, Text: "yum may have warned of NOKEY and .rpmnew, and of " +
		"/selinux/enforce: No such file or directory where result null and success true follow it; of nothing else.",
		Script: "rpm -q " + shellescape.QuoteCommand(packages) + " >/dev/null && echo they are there"}
	if slices.Contains(a.Cmd.Argv, "erase") {
		there = evenkeel.Block{Shows: []string{fmt.Sprint(len(packages))},
			Script: "rpm -q " + shellescape.QuoteCommand(packages) + " | grep -c 'is not installed'"}
	}
	a.Paper = []evenkeel.Block{{Cmd: a.Cmd}, there}
	return a
}

// packagesOf are the packages that a command of an installation names, without the version of a pinned kernel.
func (n *node) packagesOf(argv []string) ([]string, error) {
	i := slices.IndexFunc(argv, func(w string) bool { return w == "install" || w == "erase" })
	if i < 0 || i+1 == len(argv) {
		return nil, fmt.Errorf("%s names no package to install or to erase", shellescape.QuoteCommand(argv))
	}
	names := slices.Clone(argv[i+1:])
	for j := range names {
		names[j] = strings.TrimSuffix(names[j], "-"+n.Config.Kernel)
	}
	return names, nil
}

// seeAddOn wants the new system to offer the cluster software: with RHEL the High Availability add-on has to be enabled
// first (LUS-062).
func (n *node) seeAddOn() evenkeel.Action {
	names := []string{"pcs", "pacemaker", "corosync"}
	a := shows(evenkeel.Look("add-on", "Verify that the repositories of "+n.Name+" have the cluster software", append([]string{"yum", "-q",
		"list"}, names...)...).
		Expecting(strings.Join(names, ", ")+", in a repository or installed", evenkeel.Succeeding(func(o evenkeel.Observed) error {
			var missing []string
			for _, name := range names {
				if !slices.ContainsFunc(lines(string(o.Stdout)), func(l string) bool { return strings.HasPrefix(l, name+".") }) {
					missing = append(missing, name)
				}
			}
			if len(missing) > 0 {
				return fmt.Errorf("no repository has %s", strings.Join(missing, ", "))
			}
			return nil
		})), "| grep -oE '^("+strings.Join(names, "|")+")[.]' | tr -d . | sort -u", slices.Sorted(slices.Values(names))...)
	a.Manual = "See that a repository with pcs, pacemaker and corosync is enabled on " + n.Name + ", as `yum repolist` lists them. " +
		"CentOS has them in its own; with RHEL enable the High Availability add-on: " +
		"subscription-manager repos --enable=rhel-ha-for-rhel-7-server-rpms, or the repository that your licence names."
	return a.From("lustre:9")
}

// newestE2fsprogs wants its repository to offer no newer e2fsprogs than the one that is installed (LUS-064): yum lists
// what is installed, and what is newer.
func (n *node) newestE2fsprogs() evenkeel.Action {
	return shows(evenkeel.Look("e2fsprogs", "Verify that there is no newer e2fsprogs", "yum", "-q", "--disablerepo=*",
		"--enablerepo=e2fsprogs-wc",
		"list", "e2fsprogs").Expecting("the installed one, and no other", evenkeel.Succeeding(func(o evenkeel.Observed) error {
		list := slices.DeleteFunc(lines(string(o.Stdout)), func(l string) bool { return !strings.HasPrefix(l, "e2fsprogs.") })
		switch {
		case len(list) == 0:
			return errors.New("e2fsprogs is not listed")
		case len(list) > 1:
			return fmt.Errorf("there is a newer e2fsprogs, and the newest is to be installed: %s", strings.Join(list, "; "))
		}
		return nil
	})), "| grep -c '^e2fsprogs[.]'", "1").From("lustre:265")
}

// seeKernel wants the kernel, its headers and its tools to be of one build, and the one that was asked for (LUS-023).
// It notes which, for the look after the restart.
func (n *node) seeKernel() evenkeel.Action {
	const format = `%{NAME} %{VERSION}-%{RELEASE}\n`
	pinned := ""
	if n.Config.Profile == lustre.ZFSOnly {
		pinned = n.Config.Kernel
	}
	read := func(o evenkeel.Observed) (string, error) {
		list, err := lustre.ParseBuilds(bytes.NewReader(o.Stdout))
		if err != nil {
			return "", err
		}
		return lustre.CheckKernel(list, pinned)
	}
	text := "one build of " + strings.Join(lustre.KernelPackages(), ", ")
	if pinned != "" {
		text += ": " + pinned
	}
	a := evenkeel.Look("kernel", "Verify that the kernel and what belongs to it are of one build",
		append([]string{"rpm", "-q", "--qf", format}, lustre.KernelPackages()...)...).
		Expecting(text, evenkeel.Succeeding(func(o evenkeel.Observed) error { _, err := read(o); return err }))
	a.Makes = []evenkeel.Make{n.kernel.From(read).
		Typed("rpm -q --qf " + shellescape.Quote(format) + " " + strings.Join(lustre.KernelPackages(), " ") +
			` | awk '{ n[$2]++; if (n[$2] == ` + fmt.Sprint(len(lustre.KernelPackages())) + `) v = $2 } END { print v }'`)}
	return a.From("lustre:598")
}

// runsKernel wants that kernel to run after the restart.
func (n *node) runsKernel() evenkeel.Action {
	return shows(evenkeel.Look("running", "Verify that the kernel that was installed runs", "uname", "-r").
		Expecting(n.kernel.Ref(), evenkeel.Succeeding(func(o evenkeel.Observed) error {
			want, err := n.kernel.Get(o.Facts)
			if err != nil {
				return err
			}
			if o.Text() != want && !strings.HasPrefix(o.Text(), want+".") {
				return fmt.Errorf("%s runs kernel %s, and %s was installed for Lustre: see which one is started by default", n.Name, o.Text(), want)
			}
			return nil
		})), "| grep -F "+n.kernel.Ref()+" >/dev/null && echo it runs", "it runs")
}

// hostIDText is a host id as hostid and od -tx4 print it.
var hostIDText = regexp.MustCompile(`^[0-9a-f]{8}$`)

// seeHostID wants a persistent host id that hostid prints, and that the other server has not: by it ZFS tells which
// server has a pool (LUS-015, LUS-027).
func (n *node) seeHostID() []evenkeel.Action {
	if !n.hasHostIDs() {
		return nil
	}
	read := func(o evenkeel.Observed) (string, error) {
		id := strings.TrimSpace(string(o.Stdout))
		switch {
		case !hostIDText.MatchString(id):
			return "", fmt.Errorf("/etc/hostid does not hold 4 bytes: %q", id)
		case id == "00000000":
			return "", errors.New("the host id is 00000000, which is none")
		}
		return id, nil
	}
	text, compared := "8 digits, not all 0", n.index == 1 && !n.Config.Offline // offline, both are made at the same time
	other := n.node(1 - n.index)
	if compared {
		text += ", and not " + other.hostID.Ref() + ", which is " + other.Name + "'s"
	}
	kept := evenkeel.Look("hostid-file", "Verify that there is a persistent host id", "od", "-An", "-tx4", "/etc/hostid").
		Expecting(text, evenkeel.Succeeding(func(o evenkeel.Observed) error {
			id, err := read(o)
			if err != nil || !compared {
				return err
			}
			theirs, err := other.hostID.Get(o.Facts)
			if err == nil && theirs == id {
				err = n.sameHostID(id)
			}
			return err
		}))
	kept.Makes = []evenkeel.Make{n.hostID.From(read).Typed("od -An -tx4 /etc/hostid | tr -d ' '")}
	same := shows(evenkeel.Look("hostid", "Verify that hostid prints it", "hostid").
		Expecting(n.hostID.Ref(), evenkeel.Succeeding(func(o evenkeel.Observed) error {
			want, err := n.hostID.Get(o.Facts)
			if err == nil && o.Text() != want {
				err = fmt.Errorf("hostid prints %s, and /etc/hostid has %s: the host id is not the persistent one", o.Text(), want)
			}
			return err
		})), "| grep -xF "+n.hostID.Ref()+" >/dev/null && echo the same", "the same")
	return []evenkeel.Action{kept.From("lustre:633"), same.From("lustre:633")}
}

// hasHostIDs tells whether the servers need host ids: ZFS does.
func (p *Pair) hasHostIDs() bool { return p.Config.Profile != lustre.LDISKFSOnly }

// sameHostID is what is to be done where both servers have one host id.
func (n *node) sameHostID(id string) error {
	return evenkeel.NeedsOperator("both servers have the host id %s: each could import a pool that the other has. Remove /etc/hostid on %s, "+
		"run genhostid there, load ZFS anew, and resume", id, n.Name)
}

// differentHostIDs compares the host ids of both nodes where they were made at the same time.
func (p *Pair) differentHostIDs() []evenkeel.Action {
	if !p.hasHostIDs() {
		return nil
	}
	n1, n2 := p.node(0), p.node(1)
	a := evenkeel.Look("hostids", "Verify that the servers have different host ids", "hostid").
		Expecting("not "+n1.hostID.Ref(), evenkeel.Succeeding(func(o evenkeel.Observed) error {
			theirs, err := n1.hostID.Get(o.Facts)
			switch {
			case err != nil:
			case !hostIDText.MatchString(o.Text()):
				err = fmt.Errorf("hostid prints no host id: %q", o.Text())
			case o.Text() == theirs:
				err = n2.sameHostID(theirs)
			}
			return err
		}))
	return []evenkeel.Action{shows(a, "| grep -E '^[0-9a-f]{8}$' | grep -vxF "+n1.hostID.Ref()+" >/dev/null && echo different",
		"different").On(n2.Name)}
}

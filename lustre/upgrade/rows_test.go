package upgrade_test

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// both are the two nodes of a runbook, by the end of their steps' IDs.
var both = []string{"node1", "node2"}

// places are where actions stand in their step, each by its ID.
func (s *scene) places(t *testing.T, step string, ids ...string) (out []int) {
	t.Helper()
	st, ok := s.book.Step(step)
	require.True(t, ok, step)
	for _, id := range ids {
		i := slices.IndexFunc(st.Actions, func(a evenkeel.Action) bool { return a.ID == id })
		require.GreaterOrEqual(t, i, 0, "%s/%s", step, id)
		out = append(out, i)
	}
	return out
}

// before does something in the world once, right before a command that has the text in it.
func (p *play) before(host, text string, do func(*simhost.State, *simhost.Host)) {
	done := false
	p.w.BeforeEffect = func(h string, c sshexec.Cmd) {
		if done || h != host || !strings.Contains(c.String(), text) {
			return
		}
		done = true
		p.w.Do(func(s *simhost.State) { do(s, s.Host(h)) })
	}
}

// stops plays, and wants the run to end at an action, the world unharmed.
func (p *play) stops(step, action, says string) {
	p.t.Helper()
	err := p.run()
	require.ErrorContains(p.t, err, says)
	var failed *evenkeel.StepError
	var hold *evenkeel.Pause
	switch {
	case errors.As(err, &hold):
		require.Equal(p.t, step+"/"+action, hold.Step+"/"+hold.Action)
	case errors.As(err, &failed):
		require.Equal(p.t, step+"/"+action, failed.Step+"/"+failed.Action)
	default:
		require.Fail(p.t, "it ended otherwise", "%v", err)
	}
	require.NoError(p.t, p.w.Check())
	for _, target := range p.w.Report().Targets {
		require.Len(p.t, target.On, 1, "%s is down", target.Label)
	}
}

// LUS-018: the guide's three commands in its order, with the agent's state before its package; the pattern reaches yum,
// and no shell makes names of files of it.
func TestTheAgentIsInstalled(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	for _, n := range both {
		order := s.places(t, "agent-"+n, "add-on", "epel", "repo-1", "repo-2", "manager-repo", "chroma")
		require.True(t, slices.IsSorted(order), "%v", order)
		require.Equal(t, []string{"yum", "-y", "install", "epel-release"}, s.action(t, "agent-"+n, "epel").Cmd.Argv)
		for i, repo := range lustretest.AgentRepos() {
			require.Equal(t, []string{"yum-config-manager", "--add-repo", repo}, s.action(t, "agent-"+n, []string{"repo-1", "repo-2"}[i]).Cmd.Argv)
		}
		require.Equal(t, []string{"yum", "-y", "install", "chroma-*"}, s.action(t, "agent-"+n, "chroma").Cmd.Argv)
	}
	var md strings.Builder
	require.NoError(t, s.book.Markdown(&md))
	require.Contains(t, md.String(), "\nyum -y install 'chroma-*'\n")
}

// LUS-026: the guide's warning passes with its answer; any other one, or a package that yum has not (LUS-025), stops
// every installation.
func TestWarningsOfAnInstallation(t *testing.T) {
	const benign = "  /var/tmp/rpm-tmp.MV5LGi: line 5: /selinux/enforce: No such file or directory\n  []\n\n" +
		"  {\n    \"result\": null,\n    \"success\": true\n  }\n"
	s := newScene(t, lustretest.Options{}, nil)
	checked := 0
	for _, st := range s.book.Steps {
		for _, a := range st.Actions {
			if len(a.Cmd.Argv) == 0 || a.Cmd.Argv[0] != "yum" || a.Cmd.Effect == evenkeel.ReadOnly || a.ID == "epel" || strings.HasPrefix(a.ID, "ntp") {
				continue
			}
			checked++
			require.NoError(t, a.Expect.Check(seen(0, benign+"Complete!\n", "")), a.ID)
			require.NoError(t, a.Expect.Check(seen(0, "", benign)), a.ID)
			require.Error(t, a.Expect.Check(seen(1, benign, "")), a.ID)
			for _, other := range []string{strings.ReplaceAll(benign, "true", "false"), strings.ReplaceAll(benign, "/selinux/enforce", "/etc/x"),
				"warning: %post(chroma-agent) scriptlet failed, exit status 1\n", "No package krb5-devel available.\n"} {
				require.ErrorContains(t, a.Expect.Check(seen(0, other, "")), "yum says that it succeeded, and also: ", "%s: %s", a.ID, other)
				require.ErrorContains(t, a.Expect.Check(seen(0, benign, other)), "it is run once more", "%s: %s", a.ID, other)
			}
		}
	}
	require.Equal(t, 2*7, checked, "agent, five around Lustre, cluster software; on each node")
}

// LUS-025: a package that the repositories lost is seen when yum leaves it out, not when a feature is missing.
func TestAPackageThatIsLeftOut(t *testing.T) {
	p := newScene(t, lustretest.Options{}, nil).play(t)
	p.before(lustretest.Node1, "yum -y install asciidoc", func(s *simhost.State, h *simhost.Host) {
		h.MustWrite(s, "/etc/yum.repos.d/CentOS-Base.repo", "[base]\nenabled=0\n", 0o644)
	})
	p.stops("lustre-node1", "install-4", "")
	p.w.Do(func(s *simhost.State) {
		s.Host(lustretest.Node1).MustWrite(s, "/etc/yum.repos.d/CentOS-Base.repo",
			"[base]\nenabled=1\n[updates]\nenabled=1\n[extras]\nenabled=1\n", 0o644)
	})
	require.NoError(t, p.resume(), "it is installed once more")

	// One package alone: yum leaves it out, and calls that a success.
	p = newScene(t, lustretest.Options{}, nil).play(t)
	lost := true
	p.hosts = spoiling{p.w, func(host string, cmd *sshexec.Cmd) {
		if host == lustretest.Node1 && lost {
			cmd.Argv = slices.Clone(cmd.Argv) // the job's own words have it inside
			for i := range cmd.Argv {
				cmd.Argv[i] = strings.ReplaceAll(cmd.Argv[i], "krb5-devel", "krb5-devel-of-nobody")
			}
		}
	}}
	p.stops("lustre-node1", "install-4", "No package krb5-devel-of-nobody available")
	lost = false
	require.NoError(t, p.resume())
	require.Contains(t, p.sh(lustretest.Node1, "rpm -q krb5-devel"), "krb5-devel-1.0")
}

// LUS-062: without a repository that has the cluster software the operator is asked before pcs is installed; with one
// nobody is.
func TestTheAddOn(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	for _, n := range both {
		a := s.action(t, "agent-"+n, "add-on")
		require.Contains(t, a.Manual, "High Availability add-on")
		require.Contains(t, a.Manual, "yum repolist")
		require.NoError(t, a.Expect.Check(seen(0, "Available Packages\npcs.x86_64 0.9 base\npacemaker.x86_64 1 base\ncorosync.x86_64 2 base\n", "")))
		require.ErrorContains(t, a.Expect.Check(seen(0, "corosync.x86_64 2 base\npcs-snmp.x86_64 1 base\n", "")), "pcs, pacemaker")
		require.Error(t, a.Expect.Check(seen(1, "", "Error: No matching Packages to list\n")))
	}
	p := s.play(t)
	p.before(lustretest.Node1, "iml_lnet_module_parameters.conf /etc/modprobe.d/.", func(s *simhost.State, h *simhost.Host) {
		h.MustWrite(s, "/etc/yum.repos.d/CentOS-Base.repo", "[extras]\nenabled=1\n", 0o644)
	})
	p.stops("agent-node1", "add-on", "No matching Packages to list")
}

// LUS-019 to LUS-021, LUS-030: with ZFS both nodes look at dkms, with LDISKFS alone neither has it; the kernel tools go
// first wherever the kernel to come need not be the newest, in the section for LDISKFS too.
func TestEachProfileIsWhole(t *testing.T) {
	for profile, want := range map[lustre.Profile]string{
		lustre.BothOSDs:    "e2fsprogs erase kernel asciidoc hostid reboot lustre-ldiskfs-zfs dkms zfs lustre",
		lustre.LDISKFSOnly: "e2fsprogs erase kernel reboot kmod-lustre lustre",
		lustre.ZFSOnly:     "erase kernel-3.10.0-862.9.1.el7 asciidoc hostid reboot lustre-dkms dkms zfs lustre",
	} {
		s := newScene(t, worldFor(profile), func(c *upgrade.Config) {
			if c.Profile = profile; profile == lustre.ZFSOnly {
				c.Kernel = "3.10.0-862.9.1.el7"
			}
		})
		for _, n := range both {
			st, ok := s.book.Step("lustre-" + n)
			require.True(t, ok)
			var got []string
			for _, a := range st.Actions {
				argv := a.Cmd.Argv
				switch {
				case strings.HasPrefix(a.ID, "install-") && argv[0] == "dkms":
					require.NotNil(t, a.Expect.Check)
					require.Error(t, a.Expect.Check(seen(0, "zfs, 0.7.9, k, x86_64: installed\n", "")))
					got = append(got, "dkms")
				case strings.HasPrefix(a.ID, "install-") && argv[0] == "/bin/sh":
					got = append(got, "hostid")
				case strings.HasPrefix(a.ID, "install-") && argv[0] == "modprobe":
					require.Equal(t, []string{"modprobe", "-v"}, argv[:2], "LUS-029")
					got = append(got, argv[2])
				case strings.HasPrefix(a.ID, "install-") && slices.Contains(argv, "erase"):
					got = append(got, "erase")
				case strings.HasPrefix(a.ID, "install-"):
					got = append(got, argv[slices.Index(argv, "install")+1])
				case a.ID == "reboot":
					got = append(got, a.ID)
				}
			}
			require.Equal(t, want, strings.Join(got, " "), "%s on %s", profile, n)
		}
	}
	cfg := newScene(t, lustretest.Options{}, nil).pair.Config
	cfg.Kernel = "3.10.0-862.9.1.el7"
	_, err := upgrade.Load(cfg)
	require.ErrorContains(t, err, "a kernel is chosen with profile zfs only")
}

// LUS-029, LUS-034: a module that does not load stops the run while node 2 serves.
func TestAModuleThatDoesNotLoad(t *testing.T) {
	for module, action := range map[string]string{"zfs": "install-9", "lustre": "install-10"} {
		p := newScene(t, lustretest.Options{}, nil).play(t)
		p.before(lustretest.Node1, "modprobe -v "+module, func(s *simhost.State, h *simhost.Host) { h.SetPackage(s, module+"-dkms", "") })
		p.stops("lustre-node1", action, "Module "+module+" not found")
	}
}

// LUS-023: a kernel that does not fit its tools, or another one that was started, is seen before modules are built for it.
func TestTheKernelFits(t *testing.T) {
	p := newScene(t, lustretest.Options{}, nil).play(t)
	p.before(lustretest.Node1, "install asciidoc", func(s *simhost.State, h *simhost.Host) {
		h.SetPackage(s, "kernel-tools", "3.10.0-862.14.4.el7")
	})
	p.stops("lustre-node1", "kernel", "kernel-tools is 3.10.0-862.14.4.el7")

	s := newScene(t, lustretest.Options{}, nil)
	runs := s.action(t, "lustre-node2", "running").Expect.Check
	o := seen(0, "3.10.0-862.2.3.el7_lustre.x86_64\n", "")
	o.Facts["node2.kernel"] = []byte(`"3.10.0-862.2.3.el7_lustre"`)
	require.NoError(t, runs(o))
	o.Stdout = []byte("3.10.0-862.14.4.el7.x86_64\n")
	require.ErrorContains(t, runs(o), "3.10.0-862.2.3.el7_lustre was installed for Lustre")
	o.Stdout = []byte("3.10.0-862.2.3.el7_lustre2.x86_64\n")
	require.Error(t, runs(o))
}

// LUS-015, LUS-027: the host id is the persistent one, a server has its own, and one that is there stays.
func TestTheHostIDIsItsOwn(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	file := s.action(t, "lustre-node2", "hostid-file").Expect.Check
	o := seen(0, " 12345678\n", "")
	o.Facts["node1.hostid"] = []byte(`"87654321"`)
	require.NoError(t, file(o))
	o.Facts["node1.hostid"] = []byte(`"12345678"`)
	require.ErrorContains(t, file(o), "both servers have the host id 12345678")
	for _, bad := range []string{"", " 00000000\n", " 12345678 1\n", " 1234\n"} {
		o.Stdout = []byte(bad)
		require.Error(t, file(o), "%q", bad)
	}
	same := s.action(t, "lustre-node1", "hostid").Expect.Check
	o = seen(0, "12345678\n", "")
	o.Facts["node1.hostid"] = []byte(`"12345678"`)
	require.NoError(t, same(o))
	o.Stdout = []byte("007f0100\n")
	require.ErrorContains(t, same(o), "not the persistent one")

	p := s.play(t)
	p.before(lustretest.Node1, "yum -y install asciidoc", func(s *simhost.State, h *simhost.Host) {
		h.MustWrite(s, "/etc/hostid", "\x04\x03\x02\x01", 0o644)
	})
	require.NoError(t, p.run())
	require.Equal(t, "01020304", p.sh(lustretest.Node1, "hostid"))
	require.NotEqual(t, "01020304", p.sh(lustretest.Node2, "hostid"))
}

// LUS-064: e2fsprogs comes from its own repository alone, and no newer one is left there.
func TestTheNewestE2fsprogs(t *testing.T) {
	for profile, want := range map[lustre.Profile]bool{lustre.BothOSDs: true, lustre.LDISKFSOnly: true, lustre.ZFSOnly: false} {
		s := newScene(t, worldFor(profile), func(c *upgrade.Config) { c.Profile = profile })
		for _, n := range both {
			st, _ := s.book.Step("lustre-" + n)
			require.Equal(t, want, slices.ContainsFunc(st.Actions, func(a evenkeel.Action) bool { return a.ID == "e2fsprogs" }), "%s", profile)
			if !want {
				continue
			}
			first := s.action(t, "lustre-"+n, "install-1").Cmd.Argv
			require.Contains(t, first, "e2fsprogs")
			for _, argv := range [][]string{first, s.action(t, "lustre-"+n, "e2fsprogs").Cmd.Argv} {
				require.Subset(t, argv, []string{"--disablerepo=*", "--enablerepo=e2fsprogs-wc"})
			}
			check := s.action(t, "lustre-"+n, "e2fsprogs").Expect.Check
			const there = "Installed Packages\ne2fsprogs.x86_64 1.42.13.wc6-7.el7 @e2fsprogs-wc\n"
			require.NoError(t, check(seen(0, there, "")))
			require.ErrorContains(t, check(seen(0, there+"Available Packages\ne2fsprogs.x86_64 1.45.6.wc1-0.el7 e2fsprogs-wc\n", "")), "there is a newer e2fsprogs")
			require.Error(t, check(seen(0, "", "")))
			require.Error(t, check(seen(1, "", "Cannot find a valid baseurl\n")))
		}
	}
	p := newScene(t, lustretest.Options{}, nil).play(t)
	p.before(lustretest.Node1, "modprobe -v lustre", func(s *simhost.State, h *simhost.Host) { h.SetPackage(s, "e2fsprogs", "1.42.9-12.el7_5") })
	p.stops("lustre-node1", "e2fsprogs", "there is a newer e2fsprogs")
}

// python2 is what the guide pipes into Python 2 (lustre:1068, 1099, 1633).
var python2 = regexp.MustCompile(`python[23]?(\.\d)? +-|json\.tool|print json|xargs mkdir`)

// LUS-031, LUS-032: no step has the guide's Python 2, by the tool or by hand, whichever way the cluster is made: the mount
// points are made by their names.
func TestNoPython2(t *testing.T) {
	require.True(t, python2.MatchString(`cat $i | python -c 'import sys, json; print json.load(sys.stdin)["mntpt"]' | xargs mkdir -p`))
	for _, profile := range []lustre.Profile{lustre.BothOSDs, lustre.LDISKFSOnly, lustre.ZFSOnly} {
		s := newScene(t, worldFor(profile), func(c *upgrade.Config) { c.Profile, c.Atomic = profile, profile == lustre.ZFSOnly })
		for name, render := range map[string]func(*strings.Builder) error{
			"markdown": func(b *strings.Builder) error { return s.book.Markdown(b) },
			"text":     func(b *strings.Builder) error { return s.book.Text(b) },
		} {
			var b strings.Builder
			require.NoError(t, render(&b))
			require.NotRegexp(t, python2, b.String(), name)
		}
		for _, step := range []string{"cluster-node1", "join-node2"} {
			for _, target := range s.pair.Targets {
				require.Equal(t, []string{"mkdir", "-p", target.Mount}, s.action(t, step, "mkdir-"+target.Resource).Cmd.Argv)
			}
		}
	}
}

// LUS-034, LUS-035: the agent is started, starts at boot, and is seen to; Lustre's modules are loaded; all of it before the
// cluster may start a target.
func TestTheAgentRuns(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	for _, step := range []string{"cluster-node1", "join-node2"} {
		order := s.places(t, step, "agent-boot", "agent-start", "agent-active", "agent-enabled", "modules")
		require.True(t, slices.IsSorted(order), "%v", order)
		require.Equal(t, []string{"modprobe", "lustre"}, s.action(t, step, "modules").Cmd.Argv)
		active := s.action(t, step, "agent-active").Expect.Check
		require.NoError(t, active(seen(0, "active\n", "")))
		require.Error(t, active(seen(3, "failed\n", "")))
		require.Error(t, s.action(t, step, "agent-enabled").Expect.Check(seen(1, "disabled\n", "")))
	}
	join := s.places(t, "join-node2", "modules", "leftovers")
	require.True(t, slices.IsSorted(join), "node 2 joins when it can take a target")
	p := s.play(t)
	require.NoError(t, p.run())
	for _, n := range []string{lustretest.Node1, lustretest.Node2} {
		require.Equal(t, "active", p.sh(n, "systemctl is-active chroma-agent"))
		require.Equal(t, "enabled", p.sh(n, "systemctl is-enabled chroma-agent"))
		require.Contains(t, p.sh(n, "lsmod"), "lustre")
	}
}

// LUS-042, LUS-063: the system and the network are installed by hand, and the run goes on by what it sees of them.
func TestTheSystemIsInstalledByHand(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	for _, n := range both {
		a := s.action(t, "install-"+n, "install")
		for _, word := range []string{"by the vendor's instructions", "without touching the shared disks", "nmtui", "ring 1", "network-scripts"} {
			require.Contains(t, a.Manual, word)
		}
		require.Equal(t, evenkeel.ReadOnly, a.Cmd.Effect)
		require.NoError(t, a.Expect.Check(seen(0, "CentOS Linux release 7.5.1804 (Core)\n", "")))
		require.Error(t, a.Expect.Check(seen(0, "CentOS release 6.8 (Final)\n", "")), "it is still the old one")
		down, _ := s.book.Step("shutdown-" + n)
		require.Equal(t, "shutdown", down.Actions[len(down.Actions)-1].ID)
		name := s.action(t, "install-"+n, "hostname").Expect.Check
		require.Error(t, name(seen(0, "localhost.localdomain\n", "")))
	}
}

// LUS-043: a ring whose network was not restored is seen when the system was installed, and before the cluster is made.
func TestEveryRingIsRestored(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	const lo, eth0 = "1: lo    inet 127.0.0.1/8 scope host lo\n", "2: eth0    inet 192.168.1.%s/24 scope global eth0\n"
	const eth1 = "3: eth1    inet 10.42.42.%s/24 scope global eth1\n"
	for step, no := range map[string]string{"install-node1/network": "11", "cluster-node1/links": "11", "install-node2/network": "12", "join-node2/links": "12"} {
		step, id, _ := strings.Cut(step, "/")
		a := s.action(t, step, id)
		says := func(format string) string { return strings.ReplaceAll(format, "%s", no) }
		require.NoError(t, a.Expect.Check(seen(0, lo+says(eth0+eth1), "")), step)
		require.ErrorContains(t, a.Expect.Check(seen(0, lo+says(eth0), "")), "ring 1: 10.42.42."+no, step)
		require.ErrorContains(t, a.Expect.Check(seen(0, lo+says(eth1), "")), "ring 0: 192.168.1."+no, step)
		require.Error(t, a.Expect.Check(seen(0, lo+says(eth0)+strings.ReplaceAll(eth1, "%s", "99"), "")), "another address than the one that it had")
		require.Error(t, a.Expect.Check(seen(127, "", "ip: command not found\n")))
		require.Error(t, a.Expect.Check(seen(0, "", "")))
	}
	require.NotEmpty(t, s.action(t, "install-node1", "network").Manual)
	links := s.places(t, "cluster-node1", "links", "leftovers", "set-up-lustre-ha-cluster")
	require.True(t, slices.IsSorted(links))

	p := s.play(t)
	p.before(lustretest.Node1, "passwd --stdin", func(s *simhost.State, h *simhost.Host) {
		h.MustWrite(s, "/etc/sysconfig/network-scripts/ifcfg-eth1", "DEVICE=eth1\nONBOOT=no\n", 0o644)
	})
	p.stops("cluster-node1", "links", "ring 1: 10.42.42.11")

	// Of a node list the addresses are known, by name too.
	modern := newScene(t, lustretest.Options{OldPCS: pcs.V011, NewPCS: pcs.V011}, func(c *upgrade.Config) { c.OldPCS, c.NewPCS = pcs.V011, pcs.V011 })
	require.Contains(t, modern.action(t, "join-node2", "links").Expect.Text, "ring 1: 10.42.42.12")
}

// lnetIn is the guide's pair with LNet's parameters in a file of another name.
func lnetIn(name, text string) lustretest.Options {
	site := *lustretest.GuideSite(pcs.V09)
	site.Network = map[string]map[string]string{}
	for _, n := range []string{lustretest.Node1, lustretest.Node2} {
		site.Network[n] = map[string]string{lustre.LNetDir + "/" + name: text}
	}
	return lustretest.Options{Site: &site}
}

// taken is a scene whose backups were taken as `lustre-hapair backup` does.
func taken(t *testing.T, opts lustretest.Options, all bool) *scene {
	t.Helper()
	return newScene(t, opts, func(c *upgrade.Config) {
		if all {
			retake(t, lustretest.NewPair(opts), c)
		}
	})
}

// LUS-012: the file with LNet's parameters is found by what is in it, restored under its name, and the NIDs are those of
// before; where they are not, nothing moves.
func TestLNetIsRestored(t *testing.T) {
	opts := lnetIn("lustre.conf", "options lnet networks=\"tcp0(eth0)\" accept=all\n")
	s := taken(t, opts, true)
	for _, n := range both {
		st, _ := s.book.Step("restore-" + n)
		require.True(t, slices.ContainsFunc(st.Actions, func(a evenkeel.Action) bool {
			return len(a.Cmd.Argv) == 3 && strings.HasSuffix(a.Cmd.Argv[1], "/etc/modprobe.d/lustre.conf") && a.Cmd.Argv[2] == "/etc/modprobe.d/."
		}))
	}
	p := s.play(t)
	require.NoError(t, p.run())
	require.Contains(t, p.sh(lustretest.Node1, "cat /etc/modprobe.d/lustre.conf"), "accept=all")
	require.Equal(t, "192.168.1.12@tcp", p.sh(lustretest.Node2, "lctl list_nids"))

	// The guide's own backup lacks it: that is said, and the fresh backup stops the run before anything changes.
	blind := taken(t, opts, false)
	require.Contains(t, strings.Join(blind.pair.Notes, "\n"), "has options of LNet: none is restored")
	p = blind.play(t)
	p.stops("backup-node1", "check", "has options of LNet in /etc/modprobe.d/lustre.conf, and the plan restores no file")

	for at, c := range map[string]struct{ host, cmd, step, action string }{
		"installed":       {lustretest.Node1, "modprobe -v lustre", "lustre-node1", "nids"},
		"before it moves": {lustretest.Node1, "systemctl start chroma-agent", "switch-over", "nids-1"},
		"node 2":          {lustretest.Node2, "modprobe -v lustre", "lustre-node2", "nids"},
	} {
		p := newScene(t, lustretest.Options{}, nil).play(t)
		no := map[string]string{lustretest.Node1: "11", lustretest.Node2: "12"}[c.host]
		p.before(c.host, c.cmd, func(s *simhost.State, h *simhost.Host) {
			h.MustWrite(s, "/etc/modprobe.d/iml_lnet_module_parameters.conf", "options lnet networks=tcp0(eth1)\n", 0o644)
		})
		t.Log(at)
		p.stops(c.step, c.action, "has not the NID 192.168.1."+no+"@tcp any more")
	}
}

// LUS-012: what the NIDs are compared with is what the old system had; one that is down is not there.
func TestNIDsAreCompared(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	note := s.action(t, "preflight", "nids-1")
	require.NoError(t, note.Expect.Check(seen(0, "192.168.1.11@tcp\n10.0.0.1@o2ib\n", "")))
	require.ErrorContains(t, note.Expect.Check(seen(0, "10.42.42.11@tcp\n", "")), "192.168.1.11@tcp, which the LNet configuration")
	require.Error(t, note.Expect.Check(seen(100, "", "Network is down\n")))
	bare := newScene(t, lnetIn("lustre.conf", "options lnet networks=tcp(bond7)\n"), nil).action(t, "preflight", "nids-1").Expect.Check
	require.NoError(t, bare(seen(0, "0@lo\n10.0.0.1@o2ib\n", "")))
	require.ErrorContains(t, bare(seen(0, "0@lo\n", "")), "has no NID but that of its loopback")
	for where, ids := range map[string][]string{"lustre-node1": {"nids", "nids-up"}, "switch-over": {"nids-1", "nids-1-up"}} {
		had := func(o evenkeel.Observed) evenkeel.Observed {
			o.Facts = maps.Clone(o.Facts)
			o.Facts["node1.nids"] = []byte(`"10.0.0.1@o2ib 192.168.1.11@tcp"`)
			return o
		}
		list, up := s.action(t, where, ids[0]).Expect.Check, s.action(t, where, ids[1]).Expect.Check
		require.NoError(t, list(had(seen(0, "192.168.1.11@tcp\n10.0.0.1@o2ib\n10.0.0.9@o2ib1\n", ""))))
		require.ErrorContains(t, list(had(seen(0, "192.168.1.11@tcp\n", ""))), "has not the NID 10.0.0.1@o2ib any more")
		net := func(status string) string {
			return "net:\n    - net type: tcp\n      local NI(s):\n        - nid: 192.168.1.11@tcp\n          status: up\n" +
				"    - net type: o2ib\n      local NI(s):\n        - nid: 10.0.0.1@o2ib\n          status: " + status + "\n"
		}
		require.NoError(t, up(had(seen(0, net("up"), ""))))
		require.ErrorContains(t, up(had(seen(0, net("down"), ""))), "10.0.0.1@o2ib")
		require.Error(t, up(had(seen(0, "", ""))))
		require.Error(t, up(had(seen(1, "", "cannot get networks\n"))))
		require.ErrorContains(t, up(had(seen(127, "", "lnetctl: command not found\n"))), "there is no lnetctl", "the new release has one")
		nothing := seen(0, "0@lo\n", "")
		nothing.Facts = maps.Clone(nothing.Facts)
		nothing.Facts["node1.nids"] = []byte(`""`)
		require.ErrorContains(t, list(nothing), "is noted")
	}
}

// LUS-046: without root nothing begins.
func TestRootIsNeeded(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	for _, id := range []string{"root-1", "root-2"} {
		require.NoError(t, s.action(t, "preflight", id).Expect.Check(seen(0, "0\n", "")))
		require.Error(t, s.action(t, "preflight", id).Expect.Check(seen(0, "1000\n", "")))
	}
}

// LUS-006, LUS-061: what stands behind a target's label is the site's own: it is taken from the backup, wherever it is used.
func TestTheSuffixesAreTheSites(t *testing.T) {
	site := *lustretest.GuideSite(pcs.V09)
	site.CIB = strings.NewReplacer("MGS_32834e", "MGS_7706ac", "demo-MDT0000_802c1b", "demo-MDT0000_af7220").Replace(site.CIB)
	s := newScene(t, lustretest.Options{Site: &site}, nil)
	var md strings.Builder
	require.NoError(t, s.book.Markdown(&md))
	require.NotRegexp(t, `32834e|802c1b`, md.String())
	for _, id := range []string{"MGS_7706ac", "demo-MDT0000_af7220"} {
		require.Contains(t, strings.Join(s.action(t, "cluster-node1", "create-"+id).Cmd.Argv, " "), "pcs resource create "+id+" ocf:chroma:Target")
	}
	p := s.play(t)
	require.NoError(t, p.run())
	require.Contains(t, p.sh(lustretest.Node1, "pcs resource show"), "MGS_7706ac")
}

// retake takes the backups with every file below /etc/modprobe.d.
func retake(t *testing.T, w *lustretest.Pair, cfg *upgrade.Config) {
	t.Helper()
	dir := t.TempDir()
	for _, s := range []*upgrade.Server{&cfg.Node1, &cfg.Node2} {
		r, err := w.Runner(s.Name)
		require.NoError(t, err)
		info, err := backup.Create(t.Context(), r, upgrade.Manifest(true), backup.Options{Dir: dir, Now: w.Now})
		require.NoError(t, err)
		s.Backup = info.Path
	}
}

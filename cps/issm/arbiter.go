package issm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// ArbiterConfig says which third-site arbiter is migrated. The zero value of a field is its default.
type ArbiterConfig struct {
	ClusterManager string `yaml:"cluster_manager"` // control name of the Cluster Manager of a site; "cluman"
	// the arbiter, as ARBITER in mongoConfig.cfg calls it; its control name too
	Arbiter string `yaml:"arbiter"`

	From      string `yaml:"from"`       // release to migrate from; "19.4.0"
	To        string `yaml:"to"`         // release to migrate to; "21.1.0"
	SourceOS  string `yaml:"source_os"`  // beginning of the CentOS version before; "7."
	TargetOS  string `yaml:"target_os"`  // beginning of the CentOS version after; "8.1" (cps:1658)
	SourceISO string `yaml:"source_iso"` // the image mounted before; where it is given, a rollback mounts it again
	// the image on the arbiter; "/root/cps-arbiter-21.1.0.iso", of To (cps:1576)
	TargetISO string `yaml:"target_iso"`
	ISOSHA256 string `yaml:"target_iso_sha256"` // its sum as Cisco tells it; where it is not given, it is not compared

	// ArchiveDir is a directory on the operator's machine. The archive is copied there, and checked, before the VM is
	// replaced (cps:1603). Required.
	ArchiveDir string        `yaml:"archive_dir"`
	Away       time.Duration `yaml:"away"` // how long the arbiter may be away before there is an alarm; 8h

	Tools Tools `yaml:"tools"` // paths of the guide's programs, where a login does not find them by name
}

func (c ArbiterConfig) withDefaults() ArbiterConfig {
	d := Config{ClusterManager: c.ClusterManager, From: c.From, To: c.To, SourceOS: c.SourceOS, TargetOS: c.TargetOS,
		TargetISO: c.TargetISO, Tools: c.Tools}
	if d.TargetISO == "" {
		d.TargetISO = "/root/cps-arbiter-" + d.withDefaults().To + ".iso"
	}
	d = d.withDefaults()
	c.ClusterManager, c.From, c.To, c.SourceOS, c.TargetOS, c.TargetISO, c.Tools = d.ClusterManager, d.From, d.To,
		d.SourceOS, d.TargetOS, d.TargetISO, d.Tools
	if c.Away == 0 {
		c.Away = 8 * time.Hour
	}
	return c
}

var (
	arbiterImage = regexp.MustCompile(`^cps-arbiter-(\d+\.\d+\.\d+)\.iso$`)
	managerImage = regexp.MustCompile(`(?i)^CPS_.*\.release\.iso$`)
	imageSum     = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// validate finds what is wrong with the configuration alone.
func (c ArbiterConfig) validate() []error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.ArchiveDir == "" {
		bad("archive_dir is missing: the archive must be copied off the arbiter before it is replaced (cps:1603)")
	}
	errs = append(errs, c.Tools.validate()...)
	errs = append(errs, Config{From: c.From, To: c.To, SourceOS: c.SourceOS, TargetOS: c.TargetOS}.validateReleases()...)
	for _, iso := range []string{c.SourceISO, c.TargetISO} {
		if iso != "" && (!path.IsAbs(iso) || path.Clean(iso) != iso || path.Ext(iso) != ".iso") {
			bad("image %q: it must be the absolute path of an .iso file", iso)
		}
		if managerImage.MatchString(path.Base(iso)) {
			bad("image %q is one of a Cluster Manager: that of an arbiter is called cps-arbiter-x.x.x.iso (cps:1576)", iso)
		}
	}
	for iso, release := range map[string]string{c.SourceISO: c.From, c.TargetISO: c.To} {
		if m := arbiterImage.FindStringSubmatch(path.Base(iso)); m != nil && m[1] != release {
			bad("image %q is of release %s, and not of %s", iso, m[1], release)
		}
	}
	if c.SourceISO == c.TargetISO {
		bad("source_iso and target_iso are the same file")
	}
	if c.ISOSHA256 != "" && !imageSum.MatchString(c.ISOSHA256) {
		bad("target_iso_sha256 %q is no sum: 64 hexadecimal digits in lower case", c.ISOSHA256)
	}
	if c.Away < time.Minute {
		bad("away %s: it must be a minute at least", c.Away)
	}
	return errs
}

// arbiter is the plan of the migration of a third-site arbiter.
type arbiter struct {
	*members
	cfg   ArbiterConfig
	own   []cps.ReplicaSet // those in which it votes
	ports []string         // of its processes
}

// MigrateArbiter plans the migration of the arbiter at the third site of a GR system, once both sites are migrated
// (cps:1561-1662, WF-003): disable it, save its archive, deploy its VM anew, and enable it. Meanwhile each replica set
// in which it votes must do with the members that are left: where one could not, the error says so, as it says
// everything else that is wrong. What is no arbiter of its own machine is refused: a VM of Hosts.csv, arbitervip, and a
// host that holds data.
func MigrateArbiter(cfg ArbiterConfig, hosts *cps.Hosts, conf *cps.MongoConfig) (*evenkeel.Runbook, error) {
	cfg = cfg.withDefaults()
	errs := cfg.validate()
	if hosts == nil || conf == nil {
		errs = append(errs, errors.New("Hosts.csv and mongoConfig.cfg are needed"))
	}
	a := &arbiter{cfg: cfg}
	if len(errs) == 0 {
		a.members = &members{halves: &halves{manager: cfg.ClusterManager, tools: cfg.Tools, hosts: hosts}, mongo: conf}
		errs = a.find()
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("cannot plan the migration of the arbiter: %w", err)
	}
	rb := &evenkeel.Runbook{
		Name: "cps-arbiter", Title: fmt.Sprintf("Migrate the arbiter %s of CPS %s to %s", cfg.Arbiter, cfg.From, cfg.To),
		Version: "cps-arbiter 1", Functions: steps.PaperFunctions, Invariants: a.invariants(),
		Inputs: []evenkeel.Input{evenkeel.NewInput(hostsPath, contentOf(hosts)), evenkeel.NewInput(mongoConfigPath,
			contentOf(conf))},
		LeaseHosts: []string{cfg.ClusterManager, cfg.Arbiter},
		Intro: "The arbiter at the third site is migrated after both sites (cps:1563). It is away from its disabling until " +
			"it is enabled on its new VM.\n\n" + a.spare() + "\n\nIt follows the CPS Migration and Upgrade Guide; cps:N is a " +
			"line of it. The guide has no rollback of an arbiter. Before the VM is replaced, this one starts the processes " +
			"of the old system again; afterwards it puts the old VM back and enables it with its own archive, as the guide " +
			"does with set 1 (cps:1917-1976).",
		Steps: []evenkeel.Step{a.preflight(), a.confirm(), a.image(), a.disable(), a.archive(), a.deploy(), a.enable()},
	}
	sayExpectations(rb)
	rb.MarkDetached(takesHours)
	return rb, rb.Validate()
}

// find looks the arbiter up, and what its sets keep without it.
func (a *arbiter) find() []error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	name := a.cfg.Arbiter
	host, vm := a.hosts.ByAlias(name)
	switch {
	case name == "":
		bad("arbiter is missing: the host of the third site, as ARBITER in mongoConfig.cfg calls it")
		return errs
	case vm:
		bad("%s:%d: %s is a VM of this cluster, which is migrated with its half, and no arbiter at a third site",
			a.hosts.File, host.Line, name)
	case strings.HasPrefix(name, "arbitervip"):
		bad("%s is an address that moves between the pcrfclients, and no arbiter at a third site", name)
	}
	on := func(m cps.MongoMember) bool { return m.Host == name }
	for _, rs := range a.mongo.Sets {
		at := fmt.Sprintf("%s:%d", a.mongo.File, rs.Line)
		if slices.ContainsFunc(rs.Members, on) {
			bad("%s: %s holds data of %s: it is no arbiter", at, name, rs)
		}
		if !slices.ContainsFunc(rs.Arbiters, on) {
			continue
		}
		a.own = append(a.own, rs)
		for _, m := range rs.Arbiters {
			if port := fmt.Sprint(m.Port); on(m) && !slices.Contains(a.ports, port) {
				a.ports = append(a.ports, port)
			}
		}
		if left, of := rs.VotesLeft(a.down()); rs.LosesMajority(a.down()) {
			bad("%s: without %s %d of %d votes of %s remain, which is no majority: nobody could write to it while the arbiter "+
				"is away. "+
				"Add a member before", at, name, left, of, rs)
		}
	}
	if len(a.own) == 0 {
		bad("%s: %q is the ARBITER of no replica set", a.mongo.File, name)
	}
	slices.Sort(a.ports)
	return errs
}

// down is what is away.
func (a *arbiter) down() cps.ClusterSet { return cps.ClusterSet{a.cfg.Arbiter} }

// spare says what a further outage would do meanwhile.
func (a *arbiter) spare() string {
	var order []string
	alike := map[string][]cps.ReplicaSet{}
	for _, rs := range a.own {
		left, of := rs.VotesLeft(a.down())
		text := "one more member down, such as a session manager, and it has no primary: nobody can write to it"
		if more := left - of/2 - 1; more > 0 {
			text = fmt.Sprintf("%d more of its members may go down; with another one down it has no primary", more)
		}
		text = fmt.Sprintf("%d of %d votes: %s", left, of, text)
		if alike[text] == nil {
			order = append(order, text)
		}
		alike[text] = append(alike[text], rs)
	}
	for i, text := range order {
		order[i] = fmt.Sprintf("%s: without the arbiter each keeps %s.", titles(alike[text]), text)
		if len(alike[text]) == 1 {
			order[i] = strings.Replace(order[i], "each keeps", "it keeps", 1)
		}
	}
	return strings.Join(order, " ")
}

var arbiterArchive = archiveOf("arbiter", "the arbiter", "the arbiter", "disable arbiter",
	func(n cps.ArchiveName) bool { return n.Kind == cps.ArchiveArbiter })

// preflight changes nothing.
func (a *arbiter) preflight() evenkeel.Step {
	return evenkeel.Step{
		ID: "preflight", Title: "Verify the arbiter, its replica sets and the sites", Host: a.cfg.Arbiter, Ref: "cps:1563",
		Actions: []evenkeel.Action{
			a.runs("system", a.cfg.SourceOS), a.about("about", a.cfg.From), a.processes("processes", true), a.sites(),
			a.whole("members", 10*time.Minute), a.keeps("keeps"),
		},
	}
}

// confirm is what only the operator knows.
func (a *arbiter) confirm() evenkeel.Step {
	return evenkeel.Step{
		ID: "confirm", Title: "Confirm the maintenance window", Host: a.cfg.ClusterManager, Ref: "cps:1563",
		Actions: []evenkeel.Action{
			evenkeel.ByHand("sites", "Confirm that both sites are migrated", fmt.Sprintf("about.sh of the other site's "+
				"Cluster Manager must show %s "+
				"on the installer and on every VM: the arbiter comes last.", a.cfg.To)).From("cps:1563"),
			evenkeel.ByHand("quiet", "Confirm that no other outage is planned", "Until the arbiter is enabled, nobody stops, "+
				"restarts, migrates or "+
				"patches a VM with a member of these replica sets, at either site. "+a.spare()),
		},
	}
}

// sites wants the VMs of this site on the new release.
func (a *arbiter) sites() evenkeel.Action {
	var vms cps.ClusterSet
	for _, class := range []string{"lb", "qns", "pcrfclient"} {
		vms = append(vms, a.hosts.OfClass(a.hosts.Aliases(), class)...)
	}
	look := evenkeel.Look("sites", "Verify that the site is migrated",
		a.tools.About).On(a.manager).From("cps:1563").Expecting(
		fmt.Sprintf("installer and every VM on %s", a.cfg.To), onAbout(func(o *cps.About) error {
			if err := steps.OnRelease(o, vms, a.cfg.To); err != nil {
				return fmt.Errorf("migrate the sites before the arbiter: %w", err)
			}
			return nil
		}))
	look.Paper = steps.ShowsRelease(look.Cmd, vms, a.cfg.To)
	return look
}

// runs wants the system of the arbiter.
func (a *arbiter) runs(id, version string) evenkeel.Action {
	look := evenkeel.Look(id, "Verify the system of the arbiter", readSystem.Argv...).On(a.cfg.Arbiter).From("cps:1657").
		Expecting("CentOS "+version, system(version))
	look.Paper = isRelease(version)
	return look
}

// about wants about.sh to tell of an arbiter of a release (CPS-061).
func (a *arbiter) about(id, release string) evenkeel.Action {
	look := evenkeel.Look(id, "Verify the release of the arbiter",
		a.tools.About).On(a.cfg.Arbiter).From("cps:1642-1651").Expecting(
		"CPS Arbiter, on "+release, onAbout(func(o *cps.About) error {
			want, err := cps.ParseRelease(release)
			switch {
			case err != nil:
				return err
			case !o.Arbiter():
				return fmt.Errorf("about.sh says %q, and not CPS Arbiter: %s is no arbiter", o.Environment, a.cfg.Arbiter)
			case o.Installer == nil || !o.Installer.Equal(want):
				return fmt.Errorf("%s is on %v, and not on %s", a.cfg.Arbiter, o.Installer, want)
			}
			return nil
		}))
	look.Paper = steps.Prints(look.Cmd, `| grep -E '^CPS (Arbiter|Installer)'`, "CPS Arbiter",
		"CPS Installer Version - "+release)
	return look
}

// image brings the new image to its place (CPS-056).
func (a *arbiter) image() evenkeel.Step {
	step := evenkeel.Step{
		ID: "image", Title: "Mount the new image", Host: a.cfg.Arbiter, Ref: "cps:1565-1576",
		Actions: slices.Concat(a.imageThere(), umount(), mount(a.cfg.TargetISO)), Undo: umount(),
	}
	if a.cfg.SourceISO != "" {
		step.Undo = append(step.Undo, mount(a.cfg.SourceISO)...)
	}
	return step
}

// imageThere lets the operator bring the image, unless it is there, and compares its sum where that is known.
func (a *arbiter) imageThere() []evenkeel.Action {
	test := sshexec.Command(sshexec.ReadOnly, "test", "-s", a.cfg.TargetISO)
	list := []evenkeel.Action{{
		ID: "image", Manual: fmt.Sprintf("Copy the arbiter's image of %s to %s as %s, and compare its checksum with the "+
			"one that Cisco publishes.",
			a.cfg.To, a.cfg.Arbiter, a.cfg.TargetISO),
		Paper: steps.Again(steps.Prints(test, "&& echo it is there", "it is there")),
		Change: evenkeel.Change{
			Title: "Verify that the image is on the arbiter", Ref: "cps:1565", Cmd: test, Expect: evenkeel.Expect{Text: "exit status 0"},
		},
	}}
	if a.cfg.ISOSHA256 != "" {
		sum := evenkeel.Look("image-sum", "Verify the sum of the image", "sha256sum", a.cfg.TargetISO).From("cps:1565")
		want := a.cfg.ISOSHA256 + "  " + a.cfg.TargetISO
		sum.Paper = steps.Prints(sum.Cmd, "", want)
		list = append(list, sum.Expecting(want, evenkeel.Says(want)))
	}
	return list
}

var factArbiterBoot = evenkeel.NewFact[string]("boot.arbiter", "boot id of the arbiter before it was disabled")

// disable takes the arbiter out of its replica sets (cps:1579-1601, CPS-079).
func (a *arbiter) disable() evenkeel.Step {
	boot := evenkeel.Look("boot-id", "Note the boot id", steps.ReadBootID.Argv...).Expecting("a UUID",
		func(o evenkeel.Observed) error {
			_, err := steps.BootID(o)
			return err
		})
	boot.Makes = []evenkeel.Make{factArbiterBoot.From(steps.BootID)}
	cmd := a.migrate("disable", "arbiter")
	return evenkeel.Step{
		ID: "disable", Title: "Disable the arbiter", Host: a.cfg.Arbiter, Ref: "cps:1579-1601",
		Makes: []evenkeel.FactKey{arbiterArchive.earlier, factArbiterBoot},
		Opens: []evenkeel.Window{{
			ID: "away", Invariant: invariantArbiter, Limit: a.cfg.Away, Stop: evenkeel.StopBetweenSteps,
			Reason: "the arbiter is away until its new VM is enabled: each of its replica sets has one vote less",
		}},
		Actions: []evenkeel.Action{
			quietOn(a.cfg.Arbiter, migrateScript), a.managerQuiet(), boot, arbiterArchive.mark(),
			a.whole("others", 10*time.Minute).AsPrecondition(), a.keeps("keeps").AsPrecondition(),
			{
				ID: "disable", Paper: migrates(cmd),
				Change: evenkeel.Change{
					Title: "Disable the arbiter", Ref: "cps:1582", Cmd: cmd, Repeat: evenkeel.Never, Expect: succeeded,
					Probe: a.disabledProbe(),
				},
			},
			a.processes("stopped", false),
		},
		Undo: a.startedAgain(), UndoVerify: []evenkeel.Action{a.processes("running", true), a.seen("seen")},
	}
}

// startedAgain has the old system work again, by what is on its disk.
func (a *arbiter) startedAgain() []evenkeel.Action {
	var list []evenkeel.Action
	for _, port := range a.ports {
		list = append(list, evenkeel.Do("start-"+port, "Start the process on port "+port, "/usr/bin/systemctl", "start",
			"sessionmgr-"+port).
			From("cps:1869").Timeout(steps.Briefly).Noting("It is harmless where the process runs."))
	}
	return list
}

// archive brings the archive to safety (cps:1603-1617, CPS-058).
func (a *arbiter) archive() evenkeel.Step {
	return evenkeel.Step{
		ID: "archive", Title: "Copy the archive off the arbiter", Host: a.cfg.Arbiter, Ref: "cps:1603-1617",
		Why:     "All that the new VM begins with is in it.",
		Needs:   []evenkeel.FactKey{arbiterArchive.earlier},
		Makes:   arbiterArchive.keys(),
		Actions: []evenkeel.Action{arbiterArchive.save(a.cfg.Arbiter, a.cfg.ArchiveDir, "cps:1603-1617")},
	}
}

// disabledProbe tells from the archive, which comes last, and from the processes, which go first, how far "disable
// arbiter" came.
func (a *arbiter) disabledProbe() *evenkeel.Probe {
	made := arbiterArchive.madeProbe()
	return &evenkeel.Probe{
		Text: made.Text + "; not run when there is none and every mongod runs", Paper: []evenkeel.Block{{
			Script: arbiterArchive.newestOnPaper(evenkeel.Typed(listArchives)) + " | grep -cvxF -e " +
				arbiterArchive.earlier.Ref(), Shows: []string{"1"},
		}},
		Op: &evenkeel.Op{
			Effect: evenkeel.ReadOnly, Text: "List " + archiveDir + " and the processes.",
			Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				list, err := at.Run(ctx, at.Host, listArchives)
				if err != nil {
					return list, err
				}
				if is, err := made.Read(evenkeel.Observed{Result: list, Facts: at.Facts}); err != nil || is == evenkeel.Done {
					return sshexec.Result{Stdout: []byte(is.String())}, err
				}
				ps, err := at.Run(ctx, at.Host, steps.ListProcesses)
				if err != nil {
					return ps, err
				}
				processes, err := steps.ProcessesOf(ps)
				is := evenkeel.NotRun
				if len(a.wrong(processes, true)) > 0 {
					is = evenkeel.Partial
				}
				return sshexec.Result{Stdout: []byte(is.String())}, err
			},
		},
		Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
			for _, is := range []evenkeel.ProbeResult{evenkeel.NotRun, evenkeel.Partial, evenkeel.Done} {
				if o.Text() == is.String() {
					return is, nil
				}
			}
			return evenkeel.Inconclusive, o.Succeeded()
		},
	}
}

// managerQuiet: nobody migrates the site meanwhile.
func (a *arbiter) managerQuiet() evenkeel.Action {
	quiet := quietOn(a.manager, migrateScript, deployAllScript, deployOneScript)
	quiet.ID, quiet.Title = "quiet-site", "Verify that nothing of a migration is running at the site"
	return quiet
}

// migrate is a run of migrate.sh on the arbiter.
func (a *arbiter) migrate(args ...string) sshexec.Cmd {
	return steps.WithTimeout(sshexec.Command(sshexec.Disruptive, append([]string{migrateScript}, args...)...), managerTime)
}

// enabling is "enable arbiter".
func (a *arbiter) enabling(ref string) evenkeel.Action {
	cmd := a.migrate("enable", "arbiter", arbiterArchive.path.Ref())
	return evenkeel.Action{
		ID: "enable", Paper: migrates(cmd),
		Change: evenkeel.Change{Title: "Enable the arbiter", Ref: ref, Cmd: cmd, Repeat: evenkeel.Idempotent,
			Expect: succeeded},
	}
}

// oldAgain puts the old VM back. One that is on its old disk starts its processes by itself; any other is enabled with
// the archive, as the guide does with set 1 (cps:1967-1976).
func (a *arbiter) oldAgain() []evenkeel.Action {
	runs := a.processes("runs", true)
	enable := a.enabling("cps:1976")
	enable.Title, enable.Repeat = "Enable the old arbiter, unless its processes run", evenkeel.ProbeFirst
	enable.Probe = &evenkeel.Probe{
		Cmd: runs.Cmd, Text: runs.Expect.Text, Paper: runs.Paper,
		Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
			list, err := steps.ProcessesOf(o.Result)
			if err = errors.Join(o.Succeeded(), err); err != nil {
				return evenkeel.Inconclusive, err
			}
			return steps.DoneIf(len(a.wrong(list, true)) == 0), nil
		},
	}
	look := runs.Paper[0].Script +
		` | awk '/NOT known/ { bad = 1 } /not run/ { enable = 1 }
    END { print bad ? "NOT known" : enable ? "enable it" : "it runs" }'`
	enable.Paper = append([]evenkeel.Block{{Script: look}}, enable.Paper...)
	enable.Paper[1].If = "enable it"
	return slices.Concat([]evenkeel.Action{{
		ID: "old-arbiter", Manual: fmt.Sprintf("The guide has no rollback of an arbiter. Power the new VM off and bring "+
			"the old one back: power the preserved one on, or restore its snapshot. Where it is gone, deploy one of %s from "+
			"the old image, and copy the new image to it as %s: it is enabled with the archive. Its SSH host key is "+
			"another one.", a.cfg.From, a.cfg.TargetISO),
		Paper: steps.Again(isRelease(a.cfg.SourceOS)),
		Change: evenkeel.Change{
			Title: "Bring the old arbiter back", Ref: "cps:1917", Cmd: readSystem,
			Expect: evenkeel.Expect{Text: "CentOS " + strings.TrimSuffix(a.cfg.SourceOS, "."), Check: system(a.cfg.SourceOS)},
		},
	}}, arbiterArchive.upload("cps:1965"), mount(a.cfg.TargetISO), []evenkeel.Action{enable})
}

// deploy is the operator's part: a new VM in the place of the old one (cps:1619).
func (a *arbiter) deploy() evenkeel.Step {
	another := evenkeel.Look("another", "Verify that it is another machine", steps.ReadBootID.Argv...).From("cps:1619").
		Expecting("a boot id that is not the one noted", func(o evenkeel.Observed) error {
			before, err1 := factArbiterBoot.Get(o.Facts)
			now, err2 := steps.BootID(o)
			if err := errors.Join(err1, err2); err != nil {
				return err
			}
			if now == before {
				return fmt.Errorf("%s has not booted since it was disabled: it is still the old VM", a.cfg.Arbiter)
			}
			return nil
		})
	another.Paper = steps.Prints(steps.ReadBootID, "| grep -cvx "+factArbiterBoot.Ref(), "1")
	return evenkeel.Step{
		ID: "deploy", Title: "Deploy the arbiter anew", Host: a.cfg.Arbiter, Ref: "cps:1619",
		Needs:      append(arbiterArchive.keys(), factArbiterBoot),
		Reinstalls: []string{a.cfg.Arbiter},
		Actions: []evenkeel.Action{
			arbiterArchive.kept("kept"), a.processes("stopped", false).AsPrecondition(),
			{
				ID: "deploy", Manual: fmt.Sprintf("Power the VM of the arbiter off and keep it: a rollback needs it. Where the "+
					"platform cannot keep it beside the new one, take a snapshot before you delete it. Deploy the new VM under its "+
					"address, with the image %s and new_base_vm as the new deployment, as the CPS Geographic Redundancy Guide has "+
					"it for your platform. Its SSH host key is new: put it into known_hosts.", path.Base(a.cfg.TargetISO)),
				Paper: steps.Again(isRelease(a.cfg.TargetOS)),
				Change: evenkeel.Change{
					Title: "Deploy the new VM", Ref: "cps:1619", Cmd: readSystem,
					Expect: evenkeel.Expect{Text: "CentOS " + a.cfg.TargetOS, Check: system(a.cfg.TargetOS)},
				},
			},
			another,
		},
		Undo: a.oldAgain(),
	}
}

// enable has the new VM work (cps:1621-1662, CPS-234).
func (a *arbiter) enable() evenkeel.Step {
	fresh := a.runs("new-arbiter", a.cfg.TargetOS).AsPrecondition()
	fresh.Title = "Verify that this is the new arbiter"
	actions := append([]evenkeel.Action{fresh, quietOn(a.cfg.Arbiter, migrateScript)},
		arbiterArchive.upload("cps:1621")...)
	actions = slices.Concat(actions, a.imageThere(), umount(), mount(a.cfg.TargetISO),
		[]evenkeel.Action{a.enabling("cps:1625")})
	return evenkeel.Step{
		ID: "enable", Title: "Enable the arbiter on its new VM", Host: a.cfg.Arbiter, Ref: "cps:1621-1662",
		Needs: arbiterArchive.keys(), Actions: actions, Closes: []string{"away"},
		Verify: []evenkeel.Action{
			a.about("about", a.cfg.To), a.runs("system", a.cfg.TargetOS), a.utc(), a.processes("processes", true),
			a.seen("seen"),
			a.whole("members", 10*time.Minute),
		},
		Harmless: "the new VM is powered off with all that is on it when the old one comes back",
	}
}

// utc wants the time zone of the new VM (CPS-062).
func (a *arbiter) utc() evenkeel.Action {
	look := evenkeel.Look("time-zone", "Verify that the time zone is UTC", "date").From("cps:1654-1662").
		Expecting("a date in UTC", evenkeel.Succeeding(func(o evenkeel.Observed) error {
			_, err := cps.ParseArbiterDate(steps.Output("date", o.Result))
			if errors.Is(err, cps.ErrNotUTC) {
				return evenkeel.NeedsOperator("%s tells the time as %q. Set its time zone to UTC (timedatectl set-timezone UTC), "+
					"then resume",
					a.cfg.Arbiter, o.Text())
			}
			return err
		}))
	look.Paper = steps.Again(steps.Prints(look.Cmd, "| grep -ow UTC", "UTC"))
	return look
}

// processes wants a mongod of each port, or of none (cps:1876).
func (a *arbiter) processes(id string, want bool) evenkeel.Action {
	word := map[bool]string{true: "runs", false: "does not run"}[want]
	title := map[bool]string{true: "Verify that each mongod of the arbiter runs",
		false: "Verify that no mongod of the arbiter runs"}[want]
	look := evenkeel.Look(id, title, steps.ListProcesses.Argv...).On(a.cfg.Arbiter).From("cps:1876").
		Until(5*time.Minute, fmt.Sprintf("the whole list; of each of the ports %s the mongod %s", strings.Join(a.ports, ", "),
			word),
			evenkeel.Succeeding(func(o evenkeel.Observed) error {
				list, err := steps.ProcessesOf(o.Result)
				if err != nil {
					return err
				}
				if wrong := a.wrong(list, want); len(wrong) > 0 {
					return evenkeel.NotYet(10*time.Second, "%s: it is not so that the mongod %s", strings.Join(wrong, ", "), word)
				}
				return nil
			}))
	var shows []string
	for _, port := range a.ports {
		shows = append(shows, port+" "+word)
	}
	look.Paper = steps.Again(steps.Prints(look.Cmd, `| awk -v list="`+strings.Join(a.ports, " ")+`" '
    BEGIN { n = split(list, p, " ") } NR == 1 { seen = /PID/ }
    tolower($0) ~ /mongo/ && !/awk / { for (i = 1; i <= n; i++) if ($0 ~ "(^|[^0-9])" p[i] "([^0-9]|$)") runs[i] = 1 }
    END { if (!seen) print "NOT known"; else for (i = 1; i <= n; i++) print p[i], (i in runs) ? "runs" : "does not run" }'`,
		shows...))
	return look
}

// wrong are the ports of which a mongod runs, or does not, and should not.
func (a *arbiter) wrong(list []cps.Process, want bool) []string {
	var ports []string
	for _, m := range a.processesOf(a.own) {
		if port := fmt.Sprint(m.Port); cps.Listens(list, m.Port) != want && !slices.Contains(ports, port) {
			ports = append(ports, port)
		}
	}
	return ports
}

// processesOf are the arbiter's members of some replica sets.
func (a *arbiter) processesOf(sets []cps.ReplicaSet) []cps.MongoMember {
	var list []cps.MongoMember
	for _, rs := range sets {
		for _, m := range rs.Arbiters {
			if m.Host == a.cfg.Arbiter {
				list = append(list, m)
			}
		}
	}
	return list
}

// isOwn tells a member of the arbiter's in a configuration, host:port.
func (a *arbiter) isOwn(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && host == a.cfg.Arbiter
}

package maintenance

import (
	"errors"
	"fmt"
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

// PatchConfig says which patch is applied or undone. The zero value of a field is its default.
type PatchConfig struct {
	ClusterManager string `yaml:"cluster_manager"` // control name of the Cluster Manager; "cluman"

	// File is the patch on the Cluster Manager, an absolute path that ends with .tar.gz (cps:2076). Fetch it there before
	// (cps:2056). Name is what "patch -l" calls it; the name of the file without its ending.
	File string `yaml:"patch_file"`
	Name string `yaml:"patch_name"`
	// SHA256 is the sum of the file as Cisco tells it, 64 hexadecimal digits; where it is not given nothing tells that
	// the file is whole.
	SHA256 string `yaml:"patch_sha256"`
	// Applied is the patch that is applied now, as "patch -l" calls it: only one can be (cps:2045). ApplyPatch undoes and
	// removes it first. Empty for none.
	Applied string `yaml:"patch_applied"`

	Tools Tools `yaml:"tools"` // paths of the guide's programs, where a login does not find them by name
}

var sumForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

const patchScript = scripts + "patch/patch"

// patch is the plan of a change of patches.
type patch struct {
	*cluster
	cfg   PatchConfig
	sides [2]side
}

func newPatch(cfg PatchConfig, hosts *cps.Hosts, needs func(bad func(format string, args ...any))) (*patch, error) {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	needs(bad)
	for key, name := range map[string]string{"patch_name": cfg.Name, "patch_applied": cfg.Applied} {
		l, err := cps.ParsePatchList(strings.NewReader(name))
		if name != "" && (err != nil || !slices.Equal(l.Names, []string{name})) {
			bad("%s %q is no name of a patch that is known in the output of patch -l: Patch_1_11.9.9, CPS701_1234", key, name)
		}
	}
	if cfg.SHA256 != "" && !sumForm.MatchString(cfg.SHA256) {
		bad("patch_sha256 %q is no sum: 64 hexadecimal digits in lower case", cfg.SHA256)
	}
	c, err := newCluster(cfg.ClusterManager, hosts, cfg.Tools)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, fmt.Errorf("cannot plan the change of patches: %w", err)
	}
	p := &patch{cluster: c, cfg: cfg}
	if p.sides, err = c.sides(); err != nil {
		return nil, fmt.Errorf("cannot plan the change of patches: %w", err)
	}
	return p, nil
}

// ApplyPatch is the guide's way to apply a patch (cps:2047-2122, CPS-214): undo and remove the one that is applied, apply
// the new one, build and distribute the packages, restart the processes of the odd VMs and then of the even ones, and
// bring the configuration of the Cluster Manager up to it. A rollback undoes and removes the patch in the same order; the
// one that was applied before is not put back. The error says everything that is wrong with the configuration, and where
// a class of VMs would be stopped as a whole.
func ApplyPatch(cfg PatchConfig, hosts *cps.Hosts) (*evenkeel.Runbook, error) {
	if cfg.Name == "" {
		cfg.Name = strings.TrimSuffix(path.Base(cfg.File), ".tar.gz")
	}
	p, err := newPatch(cfg, hosts, func(bad func(string, ...any)) {
		switch {
		case cfg.File == "":
			bad("patch_file is missing: the patch on the Cluster Manager, such as /tmp/CPS701_1234.tar.gz")
		case !path.IsAbs(cfg.File) || !strings.HasSuffix(cfg.File, ".tar.gz") || path.Clean(cfg.File) != cfg.File:
			bad("patch_file %q: it must be the absolute path of a .tar.gz file", cfg.File)
		}
		if cfg.Applied == cfg.Name {
			bad("patch_applied and patch_name are both %q: there is nothing to do", cfg.Name)
		}
	})
	if err != nil {
		return nil, err
	}
	all := []evenkeel.Step{p.preflight(true), p.confirm()}
	if cfg.Applied != "" {
		all = append(all, p.replace())
	}
	all = append(all, p.apply(), p.restartStep(0), p.restartStep(1), p.finish(cfg.Name))
	return p.runbook("cps-patch", fmt.Sprintf("Apply the patch %s to CPS", cfg.Name), all)
}

// UndoPatch is the guide's way to undo a patch and to remove it (cps:2205-2243, CPS-215), and to keep custom plug-ins
// (cps:2255-2293): the system is on its base release afterwards.
func UndoPatch(cfg PatchConfig, hosts *cps.Hosts) (*evenkeel.Runbook, error) {
	p, err := newPatch(cfg, hosts, func(bad func(string, ...any)) {
		if cfg.Applied == "" {
			bad("patch_applied is missing: the patch to undo, as \"patch -l\" calls it")
		}
		if cfg.File != "" || cfg.Name != "" || cfg.SHA256 != "" {
			bad("patch_file, patch_name and patch_sha256 are for applying a patch")
		}
	})
	if err != nil {
		return nil, err
	}
	undo := p.replace()
	undo.Actions = append(undo.Actions, p.distribute()...)
	undo.Opens = []evenkeel.Window{p.window()}
	return p.runbook("cps-unpatch", fmt.Sprintf("Undo the patch %s of CPS and remove it", cfg.Applied),
		[]evenkeel.Step{p.preflight(false), p.confirm(), undo, p.restartStep(0), p.restartStep(1), p.finish("")})
}

func (p *patch) runbook(name, title string, list []evenkeel.Step) (*evenkeel.Runbook, error) {
	rb := &evenkeel.Runbook{
		Name: name, Title: title, Version: name + " 1", Inputs: []evenkeel.Input{p.input()}, Invariants: p.invariants(),
		LeaseHosts: []string{p.manager}, Steps: list, Functions: steps.Verdicts + "\n" + paperFunctions,
		Intro: fmt.Sprintf("The Policy Server processes of the odd VMs (%s) are restarted while the even ones (%s) serve, "+
			"and then the other way "+
			"round: odd and even by the order of hosts.sh | sort, as in the guide. It follows the CPS Migration and Upgrade Guide; cps:N is a "+
			"line of it.", strings.Join(p.sides[0].vms, ", "), strings.Join(p.sides[1].vms, ", ")),
	}
	rb.MarkWide(func(c sshexec.Cmd) bool {
		return slices.Contains([]string{reinitScript, httpdScript}, c.Argv[0])
	})
	rb.MarkDetached(func(c sshexec.Cmd) bool { return slices.Contains([]string{buildScript, reinitScript}, c.Argv[0]) })
	rb.Estimate(evenkeel.Guess)
	return rb, rb.Validate()
}

// The guide's scripts for patches.
const (
	policiesScript = scripts + "setup/restorePolicyRepositories.sh"
	buildScript    = scripts + "build_all.sh"
	reinitScript   = scripts + "upgrade/reinit.sh"
	httpdScript    = scripts + "modules/update_httpd_conf.py"
)

// repositories is what preflight notes of the list of repositories, without patches: what must stand there again.
var repositories = evenkeel.NewFact[string]("patch.repositories", "the custom plug-ins of "+cps.RepositoriesPath)

// preflight changes nothing.
func (p *patch) preflight(apply bool) evenkeel.Step {
	note := evenkeel.Look("repositories", "Note the custom plug-ins", "cat", cps.RepositoriesPath).From("cps:2287").
		Expecting("the URLs of repositories", parsed(cps.RepositoriesPath, cps.ParseRepositories, func(*cps.Repositories) error { return nil }))
	note.Makes = []evenkeel.Make{repositories.From(plugins).Typed(onPaper(dropPatches))}
	actions := []evenkeel.Action{p.listed(), note, p.applied("patches", p.cfg.Applied), p.about("about", p.cfg.Applied), p.healthy("health")}
	if apply {
		actions = append(actions, p.whole())
	}
	return evenkeel.Step{
		ID: "preflight", Title: "Check the cluster and the patch", Host: p.manager, Ref: "cps:2041-2062", Actions: actions,
		Makes: []evenkeel.FactKey{repositories},
	}
}

// plugins are the URLs of a list of repositories that are no patches.
func plugins(o evenkeel.Observed) (string, error) {
	r, err := cps.ParseRepositories(output(cps.RepositoriesPath, o))
	if err != nil {
		return "", err
	}
	kept, _ := r.WithoutPatches()
	return inLine(kept.URLs()), nil
}

// inLine is a list in one line, which is never empty.
func inLine(urls []string) string {
	if len(urls) == 0 {
		return "none"
	}
	return strings.Join(urls, ",")
}

// whole looks at the file of the patch.
func (p *patch) whole() evenkeel.Action {
	a := evenkeel.Look("file", "Verify the file of the patch", "sha256sum", p.cfg.File).From("cps:2062")
	if p.cfg.SHA256 == "" {
		a.Paper = []evenkeel.Block{{Script: evenkeel.Typed(a.Cmd) + ` >/dev/null; echo "exit status $?"`, Shows: []string{"exit status 0"}}}
		return a.Expecting("exit status 0; the sum is not compared, since patch_sha256 is not given", evenkeel.Observed.Succeeded)
	}
	want := p.cfg.SHA256 + "  " + p.cfg.File
	a.Paper = steps.Prints(a.Cmd, "", want)
	return a.Expecting(want, evenkeel.Says(want))
}

// confirm is what only the operator knows (CPS-184,185).
func (p *patch) confirm() evenkeel.Step {
	return evenkeel.Step{
		ID: "confirm", Title: "Confirm the maintenance window", Host: p.manager, Ref: "cps:2041",
		Actions: []evenkeel.Action{
			evenkeel.ByHand("window", "Confirm the maintenance window", "Patches are applied and undone in a maintenance window only (cps:2041). "+
				"Confirm that it is open, and that nobody changes policies or configuration until the runbook has ended."),
		},
	}
}

var list = sshexec.Command(sshexec.ReadOnly, patchScript, "-l")

// applied wants "patch -l" to list one patch, or none where the name is empty (CPS-096).
func (p *patch) applied(id, name string) evenkeel.Action {
	text := map[bool]string{true: "no patch", false: "the patch " + name + ", and no other"}[name == ""]
	a := evenkeel.Look(id, "Verify that patch -l lists "+text, list.Argv...).From("cps:2250").Expecting(text,
		parsed("patch -l", cps.ParsePatchList, func(l *cps.PatchList) error { return lists(l, name) }))
	a.Paper = []evenkeel.Block{patchesShown(list, "", name)}
	return a
}

// lists holds a list of patches against what is wanted. What is not understood may be a patch.
func lists(l *cps.PatchList, name string) error {
	for _, f := range l.Findings() {
		if !slices.ContainsFunc(l.Names, func(known string) bool { return strings.Contains(f.What, known) }) {
			return errors.New(f.String())
		}
	}
	var want []string
	if name != "" {
		want = []string{name}
	}
	if !slices.Equal(l.Names, want) {
		return fmt.Errorf("patch -l lists %s, and not %s", inWords(l.Names), inWords(want))
	}
	return nil
}

func inWords(names []string) string {
	if len(names) == 0 {
		return "no patch"
	}
	return strings.Join(names, ", ")
}

// about wants about.sh to tell of the patch, or of none, on VMs that all answer (cps:2102).
func (p *patch) about(id, name string) evenkeel.Action {
	text := map[bool]string{true: "every VM, and no patch", false: "every VM, and the patch " + name}[name == ""]
	a := evenkeel.Look(id, "Verify the patch by about.sh", p.tools.About).On(p.manager).From("cps:2102").Expecting(text,
		parsed("about.sh", cps.ParseAbout, func(a *cps.About) error {
			var errs []error
			want := []string{name}
			if name == "" {
				want, errs = nil, append(errs, failOn(a.CheckPatches()))
			}
			if got := a.Patches(); !slices.Equal(got, want) {
				errs = append(errs, fmt.Errorf("about.sh shows %s, and not %s", inWords(got), inWords(want)))
			}
			up := a.VMs()
			for _, vm := range p.withQNS(p.vms) {
				if !slices.Contains(up, vm) {
					errs = append(errs, fmt.Errorf("%s is not listed: none of its processes answers", vm))
				}
			}
			return errors.Join(errs...)
		}))
	a.Paper = []evenkeel.Block{patchesShown(a.Cmd, "| grep -i patch ", name),
		steps.Prints(a.Cmd, `| sed -n 's/^\([A-Za-z0-9-]*\) *: *qns-.*/\1/p' | LC_ALL=C sort -u`, p.withQNS(p.vms)...)[0]}
	return a
}

// window is the reduced redundancy of a rolling restart, here and in a rollback.
func (p *patch) window() evenkeel.Window {
	return evenkeel.Window{
		ID: "restarts", Invariant: invariantAll, Limit: 4 * time.Hour, Stop: evenkeel.StopBetweenSteps,
		Reason: "the processes of the odd VMs are restarted while the even ones serve, and the other way round",
	}
}

// replace undoes and removes the patch that is applied (cps:2208,2236).
func (p *patch) replace() evenkeel.Step {
	return evenkeel.Step{
		ID: "undo", Title: "Undo and remove the patch " + p.cfg.Applied, Host: p.manager, Ref: "cps:2045-2053",
		Why:   "Only one patch can be applied at a time (cps:2045).",
		Needs: []evenkeel.FactKey{repositories}, Actions: p.remove(p.cfg.Applied), Verify: []evenkeel.Action{p.applied("none", "")},
		Irreversible: "the file of the patch is deleted (cps:2232): to have it back, apply it again from a copy of your own",
	}
}

// remove undoes a patch, repairs the list of repositories, and removes the patch (cps:2203-2293).
func (p *patch) remove(name string) []evenkeel.Action {
	undo := evenkeel.Do("undo", "Undo the patch", patchScript, "-u").From("cps:2208").Once(p.probe(name, "")).Timeout(30*time.Minute).
		Expecting("patch undone successfully", parsed("patch -u", cps.ParsePatchUndo, func(u *cps.PatchUndo) error {
			if !u.Done {
				return errors.New("patch -u does not say that the patch is undone")
			}
			return nil
		}))
	undo.Repeat, undo.Paper = evenkeel.ProbeFirst, append([]evenkeel.Block{{Script: patchesShown(list, "", name).Script}},
		said(undo.Cmd, "^patch undone successfully")...)
	undo.Paper[1].If = name
	remove := evenkeel.Do("remove", "Remove the patch", patchScript, "-r", name).From("cps:2236").Timeout(10 * time.Minute).
		Probed(evenkeel.Probe{
			Cmd: sshexec.Command(sshexec.ReadOnly, "ls", "-A", patchDir), Text: "no file of the patch in " + patchDir,
			Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
				if o.ExitCode == 2 && strings.Contains(string(o.Stderr), patchDir+": No such file or directory") {
					return evenkeel.Done, nil // no patch was ever there
				}
				if err := o.Succeeded(); err != nil {
					return evenkeel.Inconclusive, err
				}
				for _, file := range strings.Fields(string(o.Stdout)) {
					if file == name || strings.HasPrefix(file, name+".") {
						return evenkeel.NotRun, nil
					}
				}
				return evenkeel.Done, nil
			},
		})
	remove.Paper = asState("ls -A "+patchDir+" 2>&1 | grep -q '^"+name+"[.]' && echo there || echo gone", "there", remove.Cmd)
	return []evenkeel.Action{undo, p.putBack(), p.keepPlugins(), p.verifyPlugins(), remove}
}

const patchDir = "/var/qps/.tmp/patches"

// putBack has the list of repositories where "patch -u" has taken it away: it says that it removes the file, and
// renames it (cps:2261,2279). A list that is there stays.
func (p *patch) putBack() evenkeel.Action {
	a := evenkeel.Do("put-back", "Put the list of repositories back", "cp", "-p", cps.RepositoriesBackup, cps.RepositoriesPath).
		From("cps:2279").Probed(evenkeel.Probe{
		Cmd: sshexec.Command(sshexec.ReadOnly, "ls", "-A", path.Dir(cps.RepositoriesPath)), Text: cps.RepositoriesPath + " is there",
		Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
			if err := o.Succeeded(); err != nil {
				return evenkeel.Inconclusive, err
			}
			if slices.Contains(strings.Fields(string(o.Stdout)), path.Base(cps.RepositoriesPath)) {
				return evenkeel.Done, nil
			}
			return evenkeel.NotRun, nil
		},
	})
	a.Paper = asState("ls -A "+path.Dir(cps.RepositoriesPath)+" | grep -qx repositories && echo there || echo gone", "gone", a.Cmd)
	return a
}

// keepPlugins removes the lines of patches: those whose URL has the word in its last part (cps:2287-2293).
func (p *patch) keepPlugins() evenkeel.Action {
	return evenkeel.Do("keep-plugins", "Keep the custom plug-ins alone in the list of repositories", "sed", "-i",
		dropPatches, cps.RepositoriesPath).From("cps:2287-2293")
}

// dropPatches does what cps.Repositories.WithoutPatches does.
const dropPatches = `/^[[:space:]]*#/!{/[pP][aA][tT][cC][hH][^/]*$/d}`

func (p *patch) verifyPlugins() evenkeel.Action {
	a := evenkeel.Look("plugins", "Verify that the list of repositories has the custom plug-ins alone", "cat",
		cps.RepositoriesPath).From("cps:2287")
	a.Paper = []evenkeel.Block{{Script: onPaper("") + " | diff - <(echo " + repositories.Ref() + ") && echo the plug-ins alone",
		Shows: []string{"the plug-ins alone"}}}
	return a.Expecting("the plug-ins that preflight noted, and no patch", evenkeel.Succeeding(func(o evenkeel.Observed) error {
		r, err := cps.ParseRepositories(output(cps.RepositoriesPath, o))
		if err != nil {
			return err
		}
		before, err := repositories.Get(o.Facts)
		if err != nil {
			return err
		}
		if now := inLine(r.URLs()); now != before {
			return fmt.Errorf("%s lists %s, and before it listed %s beside patches", cps.RepositoriesPath, now, before)
		}
		return nil
	}))
}

// probe tells from the list of patches whether the change from one to the other took place; a name is empty for none.
func (p *patch) probe(from, to string) evenkeel.Probe {
	return evenkeel.Probe{
		Cmd: list, Paper: []evenkeel.Block{patchesShown(list, "", to)}, Text: "patch -l lists " + inWords(names(to)) +
			" once it is done, and " + inWords(names(from)) + " before",
		Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
			err := o.Succeeded()
			if err != nil {
				return evenkeel.Inconclusive, err
			}
			l, err := cps.ParsePatchList(output("patch -l", o))
			if err != nil {
				return evenkeel.Inconclusive, err
			}
			switch errTo := lists(l, to); {
			case errTo == nil:
				return evenkeel.Done, nil
			case lists(l, from) == nil:
				return evenkeel.NotRun, nil
			default:
				return evenkeel.Inconclusive, errTo
			}
		},
	}
}

func names(name string) []string {
	if name == "" {
		return nil
	}
	return []string{name}
}

// distribute builds the packages and has every VM install them (cps:2088-2095). Both are harmless when repeated: they
// make the packages, and the VMs, what the Cluster Manager is.
func (p *patch) distribute() []evenkeel.Action {
	return []evenkeel.Action{
		evenkeel.Do("build", "Build the packages", buildScript).From("cps:2088").Timeout(3 * time.Hour),
		evenkeel.Do("reinit", "Have every VM install the packages", reinitScript).From("cps:2094").Timeout(3 * time.Hour),
	}
}

// apply applies the patch. Its undo is the whole rollback, with the restart of what runs.
func (p *patch) apply() evenkeel.Step {
	apply := evenkeel.Do("apply", "Apply the patch", patchScript, "-a", p.cfg.File).From("cps:2068").Timeout(30 * time.Minute).
		Once(p.probe("", p.cfg.Name))
	actions := []evenkeel.Action{
		apply, p.applied("listed", p.cfg.Name),
		evenkeel.Do("policies", "Restore the configurations of the Policy Builder", policiesScript).From("cps:2082").Timeout(time.Hour),
	}
	undo := slices.Concat(p.remove(p.cfg.Name), p.distribute(), p.restarted(p.sides), p.configure())
	return evenkeel.Step{
		ID: "apply", Title: "Apply the patch " + p.cfg.Name, Host: p.manager, Ref: "cps:2068-2095", Needs: []evenkeel.FactKey{repositories},
		Actions: append(actions, p.distribute()...), Undo: undo, Opens: []evenkeel.Window{p.window()},
		UndoVerify: []evenkeel.Action{p.applied("none", ""), p.about("about", "")},
	}
}

// restartStep restarts one side.
func (p *patch) restartStep(i int) evenkeel.Step {
	s := p.sides[i]
	step := evenkeel.Step{
		ID: "restart-" + s.id, Title: "Restart the processes of the " + s.title + " VMs", Host: p.manager,
		Ref: []string{"cps:2134-2160", "cps:2170-2195"}[i], Actions: p.restart(s),
		Why: "The guide's loop for the odd side does not parse as it is printed: its back-quote is not closed (cps:2134). " +
			"Here each VM has its own " +
			"commands.",
		Harmless: "the processes run as before; when the patch is undone they are restarted again",
	}
	if i == 1 {
		step.Closes, step.Why = []string{"restarts"}, ""
	}
	return step
}

// configure brings the Cluster Manager's own configuration and the web servers up to the patch (cps:2104-2122).
func (p *patch) configure() []evenkeel.Action {
	return []evenkeel.Action{
		evenkeel.Do("puppet", "Apply the configuration of the Cluster Manager", "puppet", "apply",
			"--logdest=/var/log/cluman/puppet-custom-run.log",
			"--modulepath=/opt/cluman/puppet/modules", "--config=/opt/cluman/puppet/puppet.conf", "/opt/cluman/puppet/nodes/node_repo.pp").
			On(p.manager).From("cps:2110").Timeout(time.Hour),
		p.puppetLog(),
		evenkeel.Do("httpd", "Write httpd.conf on every VM", httpdScript).On(p.manager).From("cps:2122").Timeout(time.Hour),
	}
}

// puppetLog holds the log of puppet to its end: it ends with exit status 0 even where a part of the catalog failed.
func (p *patch) puppetLog() evenkeel.Action {
	a := evenkeel.Look("puppet-log", "Verify the log of puppet", "tail", "-n", "30", "/var/log/cluman/puppet-custom-run.log").
		On(p.manager).From("cps:2110").
		Expecting("a line Applied catalog, and no line (err)", evenkeel.Succeeding(func(o evenkeel.Observed) error {
			text := string(o.Stdout)
			if !strings.Contains(text, "Applied catalog") {
				return errors.New("the log does not say that the catalog was applied")
			}
			for line := range strings.Lines(text) {
				if strings.Contains(line, "(err)") {
					return fmt.Errorf("puppet failed: %s", strings.TrimSpace(line))
				}
			}
			return nil
		}))
	a.Paper = steps.Prints(a.Cmd, "| awk '/Applied catalog/ { good = 1 } /[(]err[)]/ { bad = 1; print } "+
		`END { print good && !bad ? "it is applied" : "it is NOT applied" }'`, "it is applied")
	return a
}

// finish verifies the patch, or that there is none, and the health of the whole.
func (p *patch) finish(name string) evenkeel.Step {
	return evenkeel.Step{
		ID: "finish", Title: "Bring the configuration up to date and verify the cluster", Host: p.manager, Ref: "cps:2102-2122",
		Actions: append(p.configure(), evenkeel.ByHand("updated", "Verify that the component is updated",
			"Run about.sh on the Cluster Manager and confirm that the components show what the notes of the patch say (cps:2102).")),
		Verify:   []evenkeel.Action{p.applied("patches", name), p.about("about", name), p.healthy("health")},
		Harmless: "the configuration is made anew when the patch is undone",
	}
}

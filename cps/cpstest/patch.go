package cpstest

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// patching is what the programs for patches know and have done (cps:2037-2293): a layer beside CPS itself.
type patching struct {
	applied string            // the patch that is in force on the Cluster Manager; empty for none
	since   time.Time         // when it was applied
	built   string            // what build_all.sh has packed
	vms     map[string]string // what reinit.sh has installed, by VM
	running map[string]string // what the processes were started from, by VM
	stored  bool              // the Policy Builder configurations are those of the scripts
	puppet  string            // what the Cluster Manager's own puppet was last applied from
	httpd   map[string]string // what update_httpd_conf.py wrote the web server's configuration from, by VM
}

// Patching is the truth about patches, as no command would tell it: the name of a patch wherever one is at work, and
// empty where none is.
type Patching struct {
	Manager string // in force on the Cluster Manager
	Built   string // in the packages
	Puppet  string // in the Cluster Manager's own configuration
	// Restored: the Policy Builder configurations were restored after the last patch that was applied.
	Restored bool
	// Installed, Running and WebServer are by VM: the software on its disk, the software that its processes run, and its httpd.conf.
	Installed, Running, WebServer map[string]string
}

// Everywhere is the one patch that is at work everywhere, empty for none; ok is false while two parts differ.
func (p Patching) Everywhere() (patch string, ok bool) {
	ok = p.Built == p.Manager && p.Puppet == p.Manager && p.Restored
	for _, part := range []map[string]string{p.Installed, p.Running, p.WebServer} {
		for _, name := range part {
			ok = ok && name == p.Manager
		}
	}
	return p.Manager, ok
}

// Patching tells the truth about patches.
func (d *Deployment) Patching() (p Patching) {
	d.world.Do(func(s *simhost.State) {
		l := simhost.LayerOf[*patching](s)
		p = Patching{l.applied, l.built, l.puppet, l.stored, maps.Clone(l.vms), maps.Clone(l.running), maps.Clone(l.httpd)}
	})
	return p
}

// Where the patches are on the Cluster Manager (cps:2060,2232,2291).
const (
	patchDir     = "/var/qps/.tmp/patches"
	patchPrefix  = "file:///var/qps/.tmp/"
	nodeRepo     = "/opt/cluman/puppet/nodes/node_repo.pp"
	patchProgram = "/var/qps/install/current/scripts/patch/patch"
)

// newPatching is a system with the patch that it has at the start, and with a file of another one, if there is one.
func newPatching(s *simhost.State, opts *plan) *patching {
	p := &patching{vms: map[string]string{}, running: map[string]string{}, httpd: map[string]string{}, stored: true}
	h := s.Host(manager)
	if file := opts.opts.PatchFile; file != "" {
		h.MustWrite(s, file, "patch for "+opts.opts.From+"\n", 0o644)
	}
	name := opts.opts.Patched
	p.applied, p.built, p.puppet, p.since = name, name, name, s.Now()
	for _, row := range opts.hosts.Rows {
		p.vms[row.Alias], p.httpd[row.Alias] = name, name
		if components[row.Class()] != nil {
			p.running[row.Alias] = name
		}
	}
	if name != "" {
		p.keep(s, h, name, "patch for "+opts.opts.From+"\n")
	}
	return p
}

// keep has the file of a patch on the Cluster Manager, and its software in the list of repositories.
func (p *patching) keep(s *simhost.State, h *simhost.Host, name, data string) {
	h.MakeDirs(s, patchDir)
	h.MustWrite(s, path.Join(patchDir, name+".tar.gz"), data, 0o644)
	list, _ := h.ReadFile(cps.RepositoriesPath)
	h.MustWrite(s, cps.RepositoriesPath, list+patchPrefix+strings.ToLower(name)+"\n", 0o644)
}

// Name names the layer.
func (p *patching) Name() string { return "patches" }

// Clone is a deep copy.
func (p *patching) Clone() simhost.Layer {
	c := *p
	c.vms, c.running, c.httpd = maps.Clone(p.vms), maps.Clone(p.running), maps.Clone(p.httpd)
	return &c
}

// Encode writes all that decides what happens next. When a patch was applied decides nothing.
func (p *patching) Encode(e *simhost.Encoder) {
	e.Texts([]string{p.applied, p.built, p.puppet})
	e.Bool(p.stored)
	for _, part := range []map[string]string{p.vms, p.running, p.httpd} {
		for _, vm := range slices.Sorted(maps.Keys(part)) {
			e.Texts([]string{vm, part[vm]})
		}
	}
}

// Next: nothing happens by itself.
func (p *patching) Next(*simhost.State) (time.Time, bool) { return time.Time{}, false }

// Tick has nothing to do.
func (p *patching) Tick(*simhost.State) {}

// HostEvent starts what is installed when a VM comes up; a VM that is installed anew has the release without a patch.
func (p *patching) HostEvent(s *simhost.State, h *simhost.Host, e simhost.Event) {
	switch e {
	case simhost.Installed:
		if _, vm := p.vms[h.Name]; vm {
			p.vms[h.Name], p.httpd[h.Name] = "", ""
		}
	case simhost.CameUp:
		p.started(h)
	case simhost.WentDown:
	}
}

// started notes what the processes of a VM run, when they are started. A session manager has none of them.
func (p *patching) started(h *simhost.Host) {
	if _, has := p.running[h.Name]; has {
		p.running[h.Name] = p.vms[h.Name]
	}
}

// addPatchPrograms are those that change patches.
func addPatchPrograms(r *simhost.Registry, opts *Options) {
	sum := r.Program("sha256sum")
	r.Command("sha256sum", 0, func(c *simhost.Call) int {
		if len(c.Args) == 1 && c.Args[0] == opts.PatchFile && opts.PatchSum != "" && c.Host.Exists(opts.PatchFile) {
			c.Printf("%s  %s\n", opts.PatchSum, opts.PatchFile)
			return 0
		}
		return sum(c)
	})
	r.Command("patch", 10*time.Second, runPatch)
	r.Command("restorePolicyRepositories.sh", time.Minute, onlyManager("setup", restorePolicies))
	r.Command("build_all.sh", 0, onlyManager("", buildAll))
	r.Command("reinit.sh", 0, onlyManager("upgrade", reinit))
	r.Command("hosts.sh", time.Second, listHosts)
	r.Command("sed", 0, dropPatchLines)
	r.Command("puppet", 30*time.Second, puppetApply)
	r.Command("update_httpd_conf.py", 20*time.Second, onlyManager("modules", updateHTTPD))
}

// onlyManager is a program that is on the Cluster Manager alone.
func onlyManager(dir string, run simhost.Handler) simhost.Handler {
	return func(c *simhost.Call) int {
		if !onManager(c) || !systemOf(c.State).manager.restored {
			return notThere(c, path.Join("/var/qps/install/current/scripts", dir, c.Name))
		}
		return run(c)
	}
}

// runPatch is "patch -a FILE", "-u", "-r NAME" and "-l" (cps:2068,2208,2236,2250).
func runPatch(c *simhost.Call) int {
	verb, arg := "", ""
	if len(c.Args) > 0 {
		verb = c.Args[0]
	}
	if len(c.Args) > 1 {
		arg = c.Args[1]
	}
	if !onManager(c) || !systemOf(c.State).manager.restored {
		return notThere(c, patchProgram)
	}
	p := simhost.LayerOf[*patching](c.State)
	switch {
	case verb == "-l" && len(c.Args) == 1:
		c.Printf("%s\n", p.history())
		return 0
	case verb == "-a" && len(c.Args) == 2:
		return p.apply(c, arg)
	case verb == "-u" && len(c.Args) == 1:
		return p.undo(c)
	case verb == "-r" && len(c.Args) == 2:
		return p.remove(c, arg)
	}
	return c.Fail(1, "usage: patch -a FILE | -u | -r NAME | -l")
}

// history is how patch -l and about.sh say which patch is in force. The guide shows no form of it.
func (p *patching) history() string {
	if p.applied == "" {
		return "No patches are currently applied."
	}
	return p.applied + " applied on " + p.since.UTC().Format("2006-01-02")
}

// patchName is how patch calls a file.
func patchName(file string) string { return strings.TrimSuffix(path.Base(file), ".tar.gz") }

// files are the patches that lie on the Cluster Manager, in force or undone.
func (p *patching) files(h *simhost.Host) []string {
	names := h.Glob(patchDir + "/*.tar.gz")
	for i := range names {
		names[i] = patchName(names[i])
	}
	return names
}

func (p *patching) apply(c *simhost.Call, file string) int {
	data, err := c.Host.ReadFile(c.Path(file))
	switch name := patchName(file); {
	case err != nil:
		return c.Fail(1, "patch: %v", err)
	case !strings.HasSuffix(file, ".tar.gz") || !strings.HasPrefix(data, "patch for "):
		return c.Fail(1, "patch: %s is no patch", file)
	case p.applied != "":
		return c.Fail(1, "patch: %s is applied: undo and remove it first", p.applied)
	case len(p.files(c.Host)) > 0:
		return c.Fail(1, "patch: remove %s first", p.files(c.Host)[0])
	default:
		c.Printf("apply the patch %s\n", name)
		p.keep(c.State, c.Host, name, data)
		c.Sleep(40 * time.Second)
		p.applied, p.since, p.stored = name, c.Now(), false
		c.Changed("patch %s is in force on the Cluster Manager", name)
		c.Printf("patch applied successfully, please run build_all.sh and reinit.sh to push the changes to VMs\n")
		return 0
	}
}

// undo prints what the guide shows (cps:2270-2274). It says that it removes the list of repositories, and renames it (cps:2261).
func (p *patching) undo(c *simhost.Call) int {
	if p.applied == "" {
		return c.Fail(1, "patch: no patch is applied")
	}
	c.Printf("undo the patches\ncopy puppets from /var/qps/patches backup to /var/qps/install/current/puppet\n" +
		"copy scripts from /var/qps/patches backup to /var/qps/install/current/scripts\nremove /etc/broadhop/repositories\n")
	c.Sleep(20 * time.Second)
	if list, err := c.Host.ReadFile(cps.RepositoriesPath); err == nil {
		c.Host.MustWrite(c.State, cps.RepositoriesBackup, list, 0o644)
		_ = c.Host.Remove(c.State, cps.RepositoriesPath) // it is there
	}
	c.Sleep(20 * time.Second)
	p.applied, p.stored = "", true
	c.Changed("no patch is in force on the Cluster Manager")
	c.Printf("patch undone successfully, please run build_all.sh and reinit.sh to push the changes to VMs\n")
	return 0
}

func (p *patching) remove(c *simhost.Call, name string) int {
	file := path.Join(patchDir, name+".tar.gz")
	switch {
	case p.applied == name:
		return c.Fail(1, "patch: %s is applied: undo it first", name)
	case name != path.Base(name) || !c.Host.Exists(file):
		return c.Fail(1, "patch: there is no patch %s", name)
	}
	_ = c.Host.Remove(c.State, file) // it is there
	c.Printf("patch %s removed\n", name)
	return 0
}

func restorePolicies(c *simhost.Call) int {
	simhost.LayerOf[*patching](c.State).stored = true
	c.Printf("Policy repositories are restored\n")
	return 0
}

func buildAll(c *simhost.Call) int {
	p := simhost.LayerOf[*patching](c.State)
	if !c.Host.Exists(cps.RepositoriesPath) {
		c.Printf("no custom plug-ins\n")
	}
	for _, what := range []string{"/etc/broadhop", "pb", "pcrf", "diameter_endpoint", "iomanager"} {
		c.Printf("Building %s...\n", what)
		c.Sleep(time.Minute)
	}
	p.built = p.applied
	c.Changed("packages are built")
	c.Printf("build_all.sh complete\n")
	return 0
}

// reinit lets each VM fetch and install the packages, one after the other.
func reinit(c *simhost.Call) int {
	y, p := systemOf(c.State), simhost.LayerOf[*patching](c.State)
	status := 0
	for i := range y.vms {
		v := &y.vms[i]
		c.Sleep(15 * time.Second)
		if !y.running(c.State, v.alias) {
			status = c.Fail(1, "%s: ssh: connect to host %s port 22: No route to host", v.alias, v.alias)
			continue
		}
		p.vms[v.alias] = p.built
		c.Note(v.alias, "the software is that of the Cluster Manager")
		c.Printf("%s: done\n", v.alias)
	}
	return status
}

// listHosts is hosts.sh: the VMs of the cluster.
func listHosts(c *simhost.Call) int {
	y := systemOf(c.State)
	if !onManager(c) || !y.manager.restored {
		return notThere(c, "/var/qps/bin/control/hosts.sh")
	}
	for i := range y.vms {
		c.Printf("%s\n", y.vms[i].alias)
	}
	return 0
}

// PatchLines is the one script that the simulated sed knows: it deletes the lines of patches from a list of repositories.
const PatchLines = `/^[[:space:]]*#/!{/[pP][aA][tT][cC][hH][^/]*$/d}`

// dropPatchLines is "sed -i SCRIPT FILE" with that script.
func dropPatchLines(c *simhost.Call) int {
	if len(c.Args) != 3 || c.Args[0] != "-i" || c.Args[1] != PatchLines {
		return c.Fail(1, "sed: this script is not simulated")
	}
	text, err := c.Host.ReadFile(c.Path(c.Args[2]))
	if err != nil {
		return c.Fail(2, "sed: can't read %s: No such file or directory", c.Args[2])
	}
	var kept strings.Builder
	for line := range strings.Lines(text) {
		last := strings.ToLower(line[strings.LastIndex(line, "/")+1:])
		if strings.HasPrefix(strings.TrimSpace(line), "#") || !strings.Contains(last, "patch") {
			kept.WriteString(line)
		}
	}
	if kept.String() != text {
		c.Host.MustWrite(c.State, c.Path(c.Args[2]), kept.String(), 0o644)
	}
	return 0
}

// puppetApply is what the guide has typed after a patch (cps:2110-2112).
func puppetApply(c *simhost.Call) int {
	want := []string{"apply", "--logdest=/var/log/cluman/puppet-custom-run.log", "--modulepath=/opt/cluman/puppet/modules",
		"--config=/opt/cluman/puppet/puppet.conf", nodeRepo}
	if !onManager(c) {
		return notThere(c, "puppet")
	}
	if !slices.Equal(c.Args, want) {
		return c.Fail(1, "Error: Could not parse application options: %s", strings.Join(c.Args, " "))
	}
	p := simhost.LayerOf[*patching](c.State)
	p.puppet = p.applied
	c.Host.MustWrite(c.State, "/var/log/cluman/puppet-custom-run.log", fmt.Sprintf("%s Puppet (notice): Applied catalog\n",
		c.Now().UTC().Format("2006-01-02 15:04:05 -0700")), 0o644)
	return 0
}

// updateHTTPD writes httpd.conf on every VM (cps:2117-2122).
func updateHTTPD(c *simhost.Call) int {
	y, p := systemOf(c.State), simhost.LayerOf[*patching](c.State)
	for i := range y.vms {
		alias := y.vms[i].alias
		if !y.running(c.State, alias) {
			return c.Fail(1, "%s: No route to host", alias)
		}
		p.httpd[alias] = p.puppet
		c.Note(alias, "httpd.conf is written")
		c.Printf("%s: /etc/httpd/conf/httpd.conf is updated\n", alias)
	}
	return 0
}

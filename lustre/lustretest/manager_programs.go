package lustretest

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// loadScript is the runbook's form of the guide's pipe (lustre:219).
const loadScript = `umask 077; zcat "$1" | su - postgres -c "psql postgres" >"$2" 2>&1`

// storageServerRepo is the file that comes with the manager, as releases 4.0 have it.
const storageServerRepo = "[lustre]\nname=Lustre Server\n" +
	"baseurl=https://downloads.example.com/lustre/el7/server/\nenabled=1\ngpgcheck=0\n\n" +
	"[lustre-client]\nname=Lustre " +
	"Client\nbaseurl=https://downloads.example.com/lustre/el7/client/\nenabled=1\ngpgcheck=0\n\n" +
	"[e2fsprogs]\nname=Lustre e2fsprogs\nbaseurl=https://downloads.example.com/e2fsprogs/el7/\nenabled=1\ngpgcheck=0\n"

// registry is the software of the manager.
func (o *ManagerOptions) registry() *simhost.Registry {
	r := simhost.NewRegistry()
	r.Packages = []simhost.Package{
		{Name: "ntp", Version: "4.2.6p5-28.el7.centos", Repo: "base", Services: []string{"ntpd"},
			Files: map[string]string{"/etc/ntp.conf": "server 0.centos.pool.ntp.org iburst\n"},
			Users: []simhost.User{{Name: "ntp", ID: 38, Home: "/etc/ntp", Shell: "/sbin/nologin"}}},
		{Name: "yum-utils", Version: "1.1.31-46.el7_5", Repo: "base", Programs: []string{"reposync"}},
		{Name: "createrepo", Version: "0.9.9-28.el7", Repo: "base", Programs: []string{"createrepo"}},
		{Name: o.Package, Version: o.Version + "-1.el7", Repo: "none", Programs: []string{"chroma-config"}},
	}
	r.Command("su", 2*time.Second, o.runSu)
	r.Command("chroma-config", 20*time.Second, o.runChromaConfig)
	r.Command("reposync", 20*time.Minute, runReposync)
	r.Command("createrepo", time.Minute, runCreaterepo)
	coreutils, curl := r.Program("install"), r.Program("curl")
	r.Command("install", 0, func(c *simhost.Call) int {
		if slices.ContainsFunc(c.Args, func(a string) bool { return !strings.HasPrefix(a, "-") }) {
			return coreutils(c)
		}
		return o.runInstaller(c)
	})
	r.Command("curl", 0, func(c *simhost.Call) int {
		if status, ours := o.runCurl(c); ours {
			return status
		}
		return curl(c)
	})
	r.Script(labelScript, 0, labelHostKeys)
	r.Script(backup.SameTree("", "").Cmd.Argv[2], 0, simhost.SameTree)
	r.Script(loadScript, 3*time.Minute, func(c *simhost.Call) int {
		_, text, _ := c.Invoke("", "zcat", c.Args[1]) // a pipe ends as its last program does
		status, out, errs := c.Invoke(text, "su", "-", "postgres", "-c", "psql postgres")
		c.Host.MustWrite(c.State, c.Args[2], out+errs, 0o600)
		return status
	})
	return r
}

// installerOptions are those of ./install (lustre:190-197).
var installerOptions = []string{"-r", "--no-repo-check", "-p", "--no-platform-check", "-d", "--no-dbspace-check"}

// runInstaller is the bundle's ./install. It asks for an account and for a time server.
func (o *ManagerOptions) runInstaller(c *simhost.Call) int {
	if !c.Host.Exists(c.Dir + "/install") {
		return c.Fail(127, "./install: No such file or directory")
	}
	for _, a := range c.Args {
		if !slices.Contains(installerOptions, a) {
			return c.Fail(2, "usage: install [-h] [--no-repo-check] [--no-platform-check] [--no-dbspace-check]")
		}
	}
	answers := strings.Split(c.Stdin, "\n")
	if len(answers) < 5 || answers[0] == "" || answers[1] == "" || answers[1] != answers[2] {
		return c.Fail(1, "EOFError: EOF when reading a line")
	}
	c.Sleep(10 * time.Minute)
	h := c.Host
	if h.Power != simhost.On {
		return 1
	}
	h.SetPackage(c.State, o.Package, o.Version+"-1.el7")
	h.AddUser(c.State, simhost.User{Name: "postgres", ID: 26, Home: "/var/lib/pgsql", Shell: "/bin/bash"})
	h.MustWrite(c.State, "/usr/share/chroma-manager/storage_server.repo", storageServerRepo, 0o644)
	h.MakeDirs(c.State, chromaDir+"/repo")
	for name, text := range o.certificates("the new installation") {
		if !h.Exists(name) {
			h.MustWrite(c.State, name, text, 0o600)
		}
	}
	if _, _, ok := (database{o.Database}).read(h); !ok {
		database{o.Database}.write(c.State, h, o.freshRows(), o.Version)
	}
	for _, name := range managerServices {
		if _, ok := h.Service(name); !ok {
			h.AddService(name, simhost.Unit{Enabled: true})
		}
		if err := h.StartService(c.State, name); err != nil {
			return c.Fail(1, "install: %v", err)
		}
	}
	c.Changed("installed IML %s", o.Version)
	return 0
}

// runChromaConfig is chroma-config stop, start and setup.
func (o *ManagerOptions) runChromaConfig(c *simhost.Call) int {
	args := slices.DeleteFunc(slices.Clone(c.Args), func(a string) bool { return a == "-v" })
	if len(args) != 1 {
		return c.Fail(255, "Usage: chroma-config <command>")
	}
	services := []string{"nginx", "chroma-supervisor"}
	switch args[0] {
	case "stop":
		for _, name := range services {
			if err := c.Host.StopService(c.State, name); err != nil {
				return c.Fail(1, "%v", err)
			}
		}
	case "setup":
		rows, version, ok := database{o.Database}.read(c.Host)
		if !ok {
			rows, version = o.freshRows(), ""
		}
		if version != o.Version {
			c.Sleep(2 * time.Minute)
			database{o.Database}.write(c.State, c.Host, rows, o.Version)
			c.Changed("upgraded the database from %q to %s", version, o.Version)
		}
		fallthrough
	case "start":
		if _, version, _ := (database{o.Database}).read(c.Host); version != o.Version {
			return c.Fail(255, "Cannot start, database not configured")
		}
		for _, name := range services {
			if err := c.Host.StartService(c.State, name); err != nil {
				return c.Fail(1, "%v", err)
			}
		}
	default:
		return c.Fail(255, "Usage: chroma-config <command>")
	}
	c.Printf("OK.\n")
	return 0
}

// tables are what IML's API lists, by the name in its addresses.
var tables = map[string]string{"host": "chroma_core_managedhost", "filesystem": "chroma_core_managedfilesystem",
	"target": "chroma_core_managedtarget", "power_control_device": "chroma_core_powercontroldevice",
	"power_control_device_outlet": "chroma_core_powercontroldeviceoutlet"}

// runCurl fetches from the manager's web server; ours is false for any other address.
func (o *ManagerOptions) runCurl(c *simhost.Call) (status int, ours bool) {
	given := map[string]string{}
	var urls []string
	for i := 0; i < len(c.Args); i++ {
		a := c.Args[i]
		switch {
		case slices.Contains([]string{"--cacert", "--cert", "--key"}, a) && i+1 < len(c.Args):
			i++
			given[a] = c.Args[i]
		case a == "-o":
			return 0, false
		case !strings.HasPrefix(a, "-"):
			urls = append(urls, a)
		}
	}
	for _, url := range urls {
		rest, secure := strings.CutPrefix(url, "https://")
		name, page, _ := strings.Cut(rest, "/")
		if !secure || name != o.Host {
			return 0, false
		}
		status = o.page(c, c.State.Host(name), "/"+page, given)
	}
	return status, len(urls) > 0
}

// page is one page of the manager.
func (o *ManagerOptions) page(c *simhost.Call, h *simhost.Host, page string, given map[string]string) int {
	if !c.Connected(c.Host, h) || !h.Active("nginx") {
		return c.Fail(7, "curl: (7) Failed connect to %s:443; Connection refused", h.Name)
	}
	for _, file := range given {
		if !c.Host.Exists(file) {
			return c.Fail(77, "curl: (77) error setting certificate verify locations: %s", file)
		}
	}
	mine, _ := h.ReadFile(chromaDir + "/authority.crt")
	if theirs, _ := c.Host.ReadFile(given["--cacert"]); theirs != mine {
		return c.Fail(60, "curl: (60) Peer's Certificate issuer is not recognized.")
	}
	if page == "/ui/" {
		version, _, _ := strings.Cut(h.Package(o.Package), "-")
		c.Printf("<!DOCTYPE html>\n<html><head><title>Manager for Lustre %s</title></head></html>\n", version)
		return 0
	}
	if m := regexp.MustCompile(`^/api/(\w+)/\?limit=1$`).FindStringSubmatch(page); m != nil && tables[m[1]] != "" {
		rows, _, ok := database{o.Database}.read(h)
		if !ok || !h.Active("chroma-supervisor") {
			return c.Fail(22, "curl: (22) The requested URL returned error: 502 Bad Gateway")
		}
		c.Printf(`{"meta": {"limit": 1, "next": null, "offset": 0, "previous": null, "total_count": %d}, "objects": []}`,
			rows[tables[m[1]]])
		return 0
	}
	if name, ok := strings.CutPrefix(page, "/repo/"); ok {
		text, err := h.ReadFile(chromaDir + "/repo/" + name)
		if err == nil && given["--cert"] != "" && given["--key"] != "" {
			c.Printf("%s", text)
			return 0
		}
	}
	return c.Fail(22, "curl: (22) The requested URL returned error: 404 Not Found")
}

// runReposync is `reposync -c FILE -n -r REPO…` in the directory that it copies to.
func runReposync(c *simhost.Call) int {
	var conf string
	var repos []string
	for i := 0; i+1 < len(c.Args); i++ {
		switch c.Args[i] {
		case "-c":
			conf = c.Args[i+1]
		case "-r":
			repos = append(repos, c.Args[i+1])
		}
	}
	text, err := c.Host.ReadFile(conf)
	if err != nil {
		return c.Fail(1, "reposync: %s: %v", conf, err)
	}
	for _, r := range repos {
		if !strings.Contains(text, "["+r+"]") {
			return c.Fail(1, "Unknown repo %s", r)
		}
		c.Host.MustWrite(c.State, path.Join(c.Dir, r, r+"-1.el7.x86_64.rpm"), fmt.Sprintf("simulated package of %s\n", r),
			0o644)
	}
	c.Changed("mirrored %s", strings.Join(repos, " "))
	return 0
}

// runCreaterepo makes the metadata of a directory of packages.
func runCreaterepo(c *simhost.Call) int {
	if len(c.Args) != 1 || !c.Host.IsDir(c.Path(c.Args[0])) {
		return c.Fail(1, "Directory %s must exist", strings.Join(c.Args, " "))
	}
	c.Host.MustWrite(c.State, c.Path(c.Args[0])+"/repodata/repomd.xml", "<repomd/>\n", 0o644)
	c.Changed("made the metadata of %s", c.Args[0])
	return 0
}

package standin

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// repos are the repositories that the node has definitions of, and whether each is enabled.
func (c *call) repos() map[string]bool {
	out := map[string]bool{}
	files, _ := filepath.Glob(c.path("/etc/yum.repos.d/*.repo"))
	for _, file := range files {
		data, err := os.ReadFile(file) // #nosec G304 -- one of the node's
		if err != nil {
			continue
		}
		id := ""
		for line := range strings.Lines(string(data)) {
			line = strings.TrimSpace(line)
			key, value, _ := strings.Cut(line, "=")
			switch {
			case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
				id = line[1 : len(line)-1]
				out[id] = true
			case id != "" && strings.TrimSpace(key) == "enabled":
				out[id] = strings.TrimSpace(value) == "1"
			}
		}
	}
	return out
}

// yum is one transaction.
type yum struct {
	*call
	repos map[string]bool
	have  map[string]string
	all   []rpm
	seen  []string
	todo  []rpm
}

func runYum(c *call) int {
	if c.major() == 6 {
		return c.packages(nil) // the repositories of the old release are gone
	}
	return c.packages(catalogue())
}

// packages is what yum does, and dnf, with what the repositories hold.
func (c *call) packages(all []rpm) int {
	y := &yum{call: c, repos: c.repos(), all: all}
	yes := false
	var words []string
	for _, a := range c.args {
		name, value, _ := strings.Cut(a, "=")
		switch name {
		case "-y", "--assumeyes":
			yes = true
		case "--nogpgcheck", "-q", "--quiet":
		case "--disablerepo", "--enablerepo":
			y.enable(value, name == "--enablerepo")
		default:
			if strings.HasPrefix(a, "-") {
				return c.fail(1, "Command line error: no such option: %s", a)
			}
			words = append(words, a)
		}
	}
	if len(words) == 0 {
		return c.fail(1, "You need to give some command")
	}
	verb := words[0]
	switch verb {
	case "clean", "makecache":
		return 0
	case "repolist":
		for _, id := range slices.Sorted(maps.Keys(y.repos)) {
			if y.repos[id] {
				c.printf("%s\n", id)
			}
		}
		return 0
	case "list":
		y.have = c.installed()
		return y.list(words[1:])
	case "install", "erase", "remove":
	default:
		return c.fail(1, "No such command: %s. Please use /usr/bin/yum --help", verb)
	}
	if !yes {
		c.printf("Is this ok [y/d/N]: Exiting on user command\n")
		return 1
	}
	unlock, err := c.lock("/run/yum.lock")
	if err != nil {
		return c.fail(1, "Error: %v", err)
	}
	defer unlock()
	y.have = c.installed()
	change := y.install
	if verb != "install" {
		change = y.erase
	}
	status := change(words[1:])
	if err := c.write(packagesFile, packageLines(y.have)); err != nil {
		return c.fail(1, "Error: %v", err)
	}
	return status
}

// list prints what is installed, and what is offered in another version: that is newer, here.
func (y *yum) list(names []string) int {
	found := 0
	for _, name := range names {
		have := y.have[name]
		if have != "" {
			y.printf("%s.x86_64 %s installed\n", name, have)
			found++
		}
		if p, ok := y.offer(name); ok && p.version != have {
			y.printf("%s.x86_64 %s %s\n", name, p.version, p.repo)
			found++
		}
	}
	if found == 0 {
		return y.fail(1, "Error: No matching Packages to list")
	}
	return 0
}

func (y *yum) enable(patterns string, on bool) {
	for pattern := range strings.SplitSeq(patterns, ",") {
		for id := range y.repos {
			if ok, err := path.Match(pattern, id); ok && err == nil {
				y.repos[id] = on
			}
		}
	}
}

// offer is the build of a package that the enabled repositories have; the first in the catalogue where several have one.
func (y *yum) offer(name string) (rpm, bool) {
	i := slices.IndexFunc(y.all, func(p rpm) bool { return p.name == name && y.repos[p.repo] })
	if i < 0 {
		return rpm{}, false
	}
	return y.all[i], true
}

// expand turns what was asked for, a name, one with a version or a pattern, into names of packages that are offered.
func (y *yum) expand(asked string) (names []string) {
	for _, p := range y.all {
		match, err := path.Match(asked, p.name)
		if (err == nil && match || asked == p.name+"-"+p.version) && y.repos[p.repo] && !slices.Contains(names, p.name) {
			names = append(names, p.name)
		}
	}
	return names
}

func (y *yum) install(asked []string) int {
	known := false
	for _, a := range asked {
		names := y.expand(a)
		known = known || len(names) > 0 || y.have[a] != ""
		if len(names) == 0 {
			if y.have[a] != "" {
				y.printf("Package %s-%s already installed and latest version\n", a, y.have[a])
			} else {
				y.printf("No package %s available.\n", a)
			}
		}
		for _, name := range names {
			if err := y.collect(name); err != nil {
				return y.fail(1, "Error: %v", err)
			}
		}
	}
	if len(y.todo) == 0 {
		if !known {
			return y.fail(1, "Error: Nothing to do")
		}
		y.printf("Nothing to do\n")
		return 0
	}
	for _, p := range y.todo {
		if err := y.put(p); err != nil {
			return y.fail(1, "Error: %v", err)
		}
	}
	y.printf("Complete!\n")
	return 0
}

// collect adds a package to what is to do, after all that it needs.
func (y *yum) collect(name string) error {
	if slices.Contains(y.seen, name) {
		return nil
	}
	y.seen = append(y.seen, name)
	p, offered := y.offer(name)
	switch {
	case !offered && y.have[name] != "", offered && y.have[name] == p.version:
		return nil
	case !offered:
		return fmt.Errorf("Package: requires %s, which no enabled repository offers", name)
	}
	for _, need := range p.needs {
		if err := y.collect(need); err != nil {
			return err
		}
	}
	y.todo = append(y.todo, p)
	return nil
}

// put installs a package: its files, and its modules if the kernel that runs is the one that the headers are of.
func (y *yum) put(p rpm) error {
	for _, file := range slices.Sorted(maps.Keys(p.files)) {
		if !y.exists(file) {
			if err := y.write(file, p.files[file]); err != nil {
				return err
			}
		}
	}
	y.have[p.name] = p.version
	for _, m := range p.modules {
		built := path.Join(dkmsDir, m, upstream(p.version))
		if y.have["kernel-devel"]+".x86_64" == y.kernel() {
			built = path.Join(built, y.kernel())
		}
		if err := os.MkdirAll(y.path(built), 0o755); err != nil { //nolint:gosec // a directory of a node
			return err
		}
	}
	y.printf("  Installing : %s-%s.x86_64\n", p.name, p.version)
	return nil
}

func (y *yum) erase(names []string) int {
	erased := 0
	for _, name := range names {
		if y.have[name] == "" {
			y.printf("No Match for argument: %s\n", name)
			continue
		}
		delete(y.have, name)
		erased++
	}
	if erased == 0 {
		y.printf("No Packages marked for removal\n")
	} else {
		y.printf("Complete!\n")
	}
	return 0
}

func runYumConfigManager(c *call) int {
	url, given := "", false
	switch {
	case len(c.args) == 2 && c.args[0] == "--add-repo":
		url, given = c.args[1], true
	case len(c.args) == 1:
		url, given = strings.CutPrefix(c.args[0], "--add-repo=")
	}
	if !given {
		return c.fail(1, "yum-config-manager: the stand-in has --add-repo only")
	}
	body, ok := web[url]
	if !ok {
		return c.fail(1, "Could not fetch/save url %s to file: 404 Not Found", url)
	}
	file := "/etc/yum.repos.d/" + path.Base(url)
	if err := c.write(file, body); err != nil {
		return c.fail(1, "yum-config-manager: %v", err)
	}
	c.printf("adding repo from: %s\nrepo saved to %s\n", url, file)
	return 0
}

// runCurl fetches the manager's repository definition, to whom it shows the node's certificate.
func runCurl(c *call) int {
	var url, out string
	keys := map[string]int{"--cacert": 77, "--cert": 58, "--key": 58} // the exit statuses when they cannot be read
	shown := 0
	for i := 0; i < len(c.args); i++ {
		a := c.args[i]
		status, isKey := keys[a]
		switch {
		case (isKey || a == "-o" || a == "--output") && i+1 == len(c.args):
			return c.fail(2, "curl: option %s: requires parameter", a)
		case isKey:
			i++
			if c.read(c.args[i]) == "" {
				return c.fail(status, "curl: (%d) could not load %s", status, c.args[i])
			}
			shown++
		case a == "-o" || a == "--output":
			i++
			out = c.args[i]
		case !strings.HasPrefix(a, "-"):
			url = a
		case !slices.Contains([]string{"-f", "--fail", "-s", "-S", "--silent", "--show-error"}, a):
			return c.fail(2, "curl: option %s: is unknown", a)
		}
	}
	body, ok := web[url]
	switch {
	case !ok:
		return c.fail(6, "curl: (6) Could not resolve host: %s", url)
	case strings.HasPrefix(url, "https://"+Manager+"/") && shown < len(keys):
		return c.fail(22, "curl: (22) The requested URL returned error: 403 Forbidden")
	case out == "":
		c.printf("%s", body)
	default:
		if err := c.write(out, body); err != nil {
			return c.fail(23, "curl: (23) Failed writing body: %v", err)
		}
	}
	return 0
}

// runRPM answers "rpm -q NAME…", with "--qf" and a format of names, versions and releases, "rpm -qa", and where
// its lock is.
func runRPM(c *call) int {
	have := c.installed()
	if len(c.args) > 3 && c.args[0] == "-q" && c.args[1] == "--qf" {
		missing := 0
		for _, name := range c.args[3:] {
			if have[name] == "" {
				c.printf("package %s is not installed\n", name)
				missing++
				continue
			}
			version, release := have[name], ""
			if i := strings.LastIndexByte(version, '-'); i > 0 {
				version, release = version[:i], version[i+1:]
			}
			c.printf("%s", strings.NewReplacer("%{NAME}", name, "%{VERSION}", version, "%{RELEASE}", release, `\n`, "\n").Replace(c.args[2]))
		}
		return missing
	}
	switch {
	case slices.Equal(c.args, []string{"--eval", "%{_rpmlock_path}"}):
		c.printf("%s\n", rpmLock)
		return 0
	case len(c.args) == 1 && c.args[0] == "-qa":
		for _, name := range slices.Sorted(maps.Keys(have)) {
			c.printf("%s-%s.x86_64\n", name, have[name])
		}
		return 0
	case len(c.args) < 2 || c.args[0] != "-q":
		return c.fail(1, "rpm: the stand-in has -q NAME…, -qa and --eval %%{_rpmlock_path} only")
	}
	missing := 0
	for _, name := range c.args[1:] {
		if have[name] == "" {
			c.printf("package %s is not installed\n", name)
			missing++
			continue
		}
		c.printf("%s-%s.x86_64\n", name, have[name])
	}
	return missing
}

// runDKMS is "dkms status": the modules that packages brought, and the kernel that each was built for.
func runDKMS(c *call) int {
	if len(c.args) != 1 || c.args[0] != "status" {
		return c.fail(1, "Error! Unknown action specified: %q", strings.Join(c.args, " "))
	}
	versions, _ := filepath.Glob(c.path(dkmsDir + "/*/*"))
	for _, dir := range versions {
		module, version := filepath.Base(filepath.Dir(dir)), filepath.Base(dir)
		kernels, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return c.fail(1, "dkms: %v", err)
		}
		for _, k := range kernels {
			c.printf("%s, %s, %s, x86_64: installed\n", module, version, k.Name())
		}
		if len(kernels) == 0 {
			c.printf("%s, %s: added\n", module, version)
		}
	}
	return 0
}

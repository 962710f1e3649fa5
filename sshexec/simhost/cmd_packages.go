package simhost

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

func addPackagePrograms(r *Registry) {
	r.Command("yum", 10*time.Second, runYum)
	r.Command("yum-config-manager", 0, runYumConfigManager)
	r.Command("rpm", 0, runRpm)
}

// repos are the repositories that a host has definitions of, and whether each is enabled: what /etc/yum.repos.d/*.repo says.
func (h *Host) repos() map[string]bool {
	out := map[string]bool{}
	for _, p := range h.Glob("/etc/yum.repos.d/*.repo") {
		text, _ := h.ReadFile(p)
		id := ""
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") {
				id = line[1 : len(line)-1]
				out[id] = true
			} else if k, v, ok := strings.Cut(line, "="); ok && id != "" && strings.TrimSpace(k) == "enabled" {
				out[id] = strings.TrimSpace(v) == "1"
			}
		}
	}
	return out
}

type yumCall struct {
	*Call
	repos  map[string]bool
	seen   []string          // packages being installed, to end circles
	pinned map[string]string // the version that was asked for, by name
}

func runYum(c *Call) int {
	y := &yumCall{Call: c, repos: c.Host.repos(), pinned: map[string]string{}}
	yes := strings.HasPrefix(strings.ToLower(c.Stdin), "y")
	var words []string
	for _, a := range c.Args {
		name, value, _ := strings.Cut(a, "=")
		switch name {
		case "-y", "--assumeyes":
			yes = true
		case "--nogpgcheck", "-q", "--quiet", "-d", "-e", "--setopt", "-C":
		case "--disablerepo", "--enablerepo":
			for pattern := range strings.SplitSeq(value, ",") {
				for id := range y.repos {
					if ok, err := path.Match(pattern, id); ok && err == nil {
						y.repos[id] = name == "--enablerepo"
					}
				}
			}
		default:
			if strings.HasPrefix(a, "-") {
				return c.Fail(1, "Command line error: no such option: %s", a)
			}
			words = append(words, a)
		}
	}
	if len(words) == 0 {
		return c.Fail(1, "You need to give some command")
	}
	verb, names := words[0], words[1:]
	switch verb {
	case "clean", "makecache":
		return 0
	case "repolist":
		for _, id := range slices.Sorted(maps.Keys(y.repos)) {
			if y.repos[id] {
				c.Printf("%s\n", id)
			}
		}
		return 0
	case "list":
		return y.list(names)
	case "install", "update", "upgrade", "erase", "remove":
	default:
		return c.Fail(1, "No such command: %s. Please use /usr/bin/yum --help", verb)
	}
	if !yes {
		c.Printf("Is this ok [y/d/N]: Exiting on user command\n")
		return 1
	}
	if verb == "erase" || verb == "remove" {
		return y.erase(names)
	}
	return y.install(names)
}

// list prints the packages that are installed, and those that the enabled repositories offer where these are newer.
func (y *yumCall) list(names []string) int {
	found := 0
	for _, arg := range names {
		if have := y.Host.packages[arg]; have != "" {
			y.Printf("%s.x86_64 %s installed\n", arg, have)
			found++
		}
		for _, name := range y.expand(arg) {
			have := y.Host.packages[name]
			if p := y.offers(name); have == "" || compareVersions(p.Version, have) > 0 {
				y.Printf("%s.x86_64 %s %s\n", name, p.Version, p.Repo)
				found++
			}
		}
	}
	if found == 0 {
		return y.Fail(1, "Error: No matching Packages to list")
	}
	return 0
}

// offers is the build of a package that the enabled repositories offer: the one that was asked for, or the newest.
func (y *yumCall) offers(name string) *Package {
	var best *Package
	for i := range y.Registry.Packages {
		p := &y.Registry.Packages[i]
		if p.Name != name || !y.repos[p.Repo] || p.Release != 0 && p.Release != y.Host.Major() || y.pinned[name] != "" && y.pinned[name] != p.Version {
			continue
		}
		if best == nil || compareVersions(p.Version, best.Version) > 0 {
			best = p
		}
	}
	return best
}

// expand turns a pattern such as chroma-* into the names offered, and a name with a version into the name.
func (y *yumCall) expand(pattern string) []string {
	var out []string
	for i := range y.Registry.Packages {
		p := &y.Registry.Packages[i]
		match, err := path.Match(pattern, p.Name)
		if pattern == p.Name+"-"+p.Version {
			y.pinned[p.Name] = p.Version
		}
		if (err == nil && match || pattern == p.Name+"-"+p.Version) && y.offers(p.Name) != nil && !slices.Contains(out, p.Name) {
			out = append(out, p.Name)
		}
	}
	return out
}

func (y *yumCall) install(names []string) int {
	var wanted []string
	for _, arg := range names {
		found := y.expand(arg)
		switch {
		case len(found) > 0:
			wanted = append(wanted, found...)
		case y.Host.packages[arg] != "":
			y.Printf("Package %s-%s already installed and latest version\n", arg, y.Host.packages[arg])
		default:
			y.Printf("No package %s available.\n", arg)
		}
	}
	var todo []*Package
	for _, name := range wanted {
		if err := y.collect(name, &todo); err != nil {
			return y.Fail(1, "Error: %v", err)
		}
	}
	if len(todo) == 0 {
		y.Printf("Nothing to do\n")
		for _, arg := range names {
			if len(y.expand(arg)) > 0 || y.Host.packages[arg] != "" {
				return 0
			}
		}
		return y.Fail(1, "Error: Nothing to do")
	}
	for _, p := range todo {
		y.Sleep(p.Cost)
		if y.Host.Power != On {
			return 1
		}
		y.put(p)
	}
	y.Printf("Complete!\n")
	return 0
}

// collect adds a package and what it needs, needs first, leaving out what is installed in that version or a newer one.
// Kernels are installed side by side, whatever their age.
func (y *yumCall) collect(name string, todo *[]*Package) error {
	if slices.Contains(y.seen, name) {
		return nil
	}
	y.seen = append(y.seen, name)
	p := y.offers(name)
	have := y.Host.packages[name]
	if p == nil {
		if have != "" {
			return nil
		}
		return fmt.Errorf("Package: requires %s, which no enabled repository offers", name)
	}
	if have == p.Version {
		return nil
	}
	if have != "" && name != "kernel" && compareVersions(have, p.Version) > 0 {
		y.Printf("Package matching %s-%s already installed. Checking for update.\n", name, p.Version)
		return nil
	}
	for _, need := range p.Needs {
		if y.Host.packages[need] != "" {
			continue // what is installed is enough
		}
		if err := y.collect(need, todo); err != nil {
			return err
		}
	}
	*todo = append(*todo, p)
	return nil
}

// put installs one package: its files, accounts, services and, for DKMS, its modules if the running kernel's headers are there.
func (y *yumCall) put(p *Package) {
	h := y.Host
	h.SetPackage(y.State, p.Name, p.Version)
	for _, u := range p.Users {
		h.AddUser(y.State, u)
	}
	for _, file := range slices.Sorted(maps.Keys(p.Files)) {
		if !h.Exists(file) {
			h.MustWrite(y.State, file, p.Files[file], modeOf(file))
		}
	}
	for _, name := range p.Services {
		if _, ok := h.services[name]; !ok {
			h.AddService(name, Unit{Enabled: p.Enabled})
		}
	}
	if p.DKMS && h.packages["kernel-devel"]+".x86_64" == h.Kernel {
		h.dkms[p.Name] = h.Kernel
	}
	y.Printf("  Installing : %s-%s.x86_64\n", p.Name, p.Version)
}

func (y *yumCall) erase(names []string) int {
	n := 0
	for _, name := range names {
		if y.Host.packages[name] == "" {
			y.Printf("No Match for argument: %s\n", name)
			continue
		}
		for _, p := range y.Registry.Packages {
			if p.Name == name {
				for _, svc := range p.Services {
					_ = y.Host.StopService(y.State, svc)
					delete(y.Host.services, svc)
				}
			}
		}
		y.Host.SetPackage(y.State, name, "")
		n++
	}
	if n == 0 {
		y.Printf("No Packages marked for removal\n")
	} else {
		y.Printf("Complete!\n")
	}
	return 0
}

// compareVersions compares two versions segment by segment as rpm does: numbers as numbers, a number above letters, the
// longer above its beginning.
func compareVersions(a, b string) int {
	for {
		a, b = strings.TrimLeftFunc(a, isSeparator), strings.TrimLeftFunc(b, isSeparator)
		if a == "" || b == "" {
			return min(1, len(a)) - min(1, len(b))
		}
		x, restA := segment(a)
		y, restB := segment(b)
		a, b = restA, restB
		dx, dy := isDigit(rune(x[0])), isDigit(rune(y[0]))
		switch {
		case dx != dy:
			return map[bool]int{true: 1, false: -1}[dx]
		case dx:
			x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
			if len(x) != len(y) {
				return len(x) - len(y)
			}
		}
		if c := strings.Compare(x, y); c != 0 {
			return c
		}
	}
}

func segment(s string) (head, rest string) {
	digits := isDigit(rune(s[0]))
	i := strings.IndexFunc(s, func(r rune) bool { return isSeparator(r) || isDigit(r) != digits })
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i:]
}

func isDigit(r rune) bool     { return r >= '0' && r <= '9' }
func isSeparator(r rune) bool { return !isDigit(r) && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }

func runYumConfigManager(c *Call) int {
	for i, a := range c.Args {
		url, given := strings.CutPrefix(a, "--add-repo=")
		if a == "--add-repo" && i+1 < len(c.Args) {
			url, given = c.Args[i+1], true
		}
		if !given {
			continue
		}
		body, ok := c.Registry.Web[url]
		if !ok {
			return c.Fail(1, "Could not fetch/save url %s to file: 404 Not Found", url)
		}
		file := "/etc/yum.repos.d/" + path.Base(url)
		if err := c.Host.WriteFile(c.State, file, body); err != nil {
			return c.Fail(1, "yum-config-manager: %v", err)
		}
		c.Printf("adding repo from: %s\nrepo saved to %s\n", url, file)
		return 0
	}
	return c.Fail(1, "yum-config-manager: only --add-repo is simulated")
}

func runRpm(c *Call) int {
	var names []string
	format, all := "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}\\n", false
	for i := 0; i < len(c.Args); i++ {
		switch a := c.Args[i]; {
		case a == "--qf" || a == "--queryformat":
			if i++; i < len(c.Args) {
				format = c.Args[i]
			}
		case strings.HasPrefix(a, "--qf="), strings.HasPrefix(a, "--queryformat="):
			_, format, _ = strings.Cut(a, "=")
		case a == "-q":
		case a == "-qa":
			all = true
		case strings.HasPrefix(a, "-"):
			return c.Fail(1, "rpm: only queries of names are simulated: %s", a)
		default:
			names = append(names, a)
		}
	}
	if all {
		patterns := names
		names = nil
		for _, name := range slices.Sorted(maps.Keys(c.Host.packages)) {
			if len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { ok, err := path.Match(p, name); return ok && err == nil }) {
				names = append(names, name)
			}
		}
	}
	missing := 0
	for _, name := range names {
		full := c.Host.packages[name]
		if full == "" {
			c.Printf("package %s is not installed\n", name)
			missing++
			continue
		}
		version, release := full, ""
		if i := strings.LastIndexByte(full, '-'); i > 0 {
			version, release = full[:i], full[i+1:]
		}
		c.Printf("%s", strings.NewReplacer("%{NAME}", name, "%{VERSION}", version, "%{RELEASE}", release, "%{ARCH}", "x86_64",
			"%{EPOCHNUM}", strconv.Itoa(0), "%{EPOCH}", "(none)", `\n`, "\n", `\t`, "\t").Replace(format))
	}
	return min(missing, 255)
}

package backup

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// Manifest says what belongs into a backup: which paths of the machine, and the output of which commands.
type Manifest struct {
	Name     string    // what kind of machine it is for: "server", "manager"
	Paths    []Path    // in the order in which they are taken
	Excludes []string  // absolute paths that are left out with everything below them
	Commands []Command // commands whose output is kept as a file, run after the paths were taken
}

// Path is one path of a manifest.
type Path struct {
	Path     string // absolute; its last element may hold the wildcards * ? [
	Optional bool   // its absence is recorded in the archive; the absence of any other path ends Create with an error
}

// IsGlob tells whether the path holds a wildcard and so stands for any number of paths.
func (p Path) IsGlob() bool { return hasWildcard(p.Path) }

func hasWildcard(s string) bool { return strings.ContainsAny(s, `*?[\`) }

// Command is a command whose standard output becomes a file at the top of the archive. It must change nothing.
type Command struct {
	Name     string   // the file's name, where {host} stands for the host name and {time} for the time as YYYY-mm-dd-HH:MM:SS
	Argv     []string // the command and its arguments
	Gzip     bool     // compress the output; Name then ends in .gz
	Contains string   // text that the output must hold; an empty output is refused in any case
	Optional bool     // a failure is recorded in the archive instead of ending Create
}

// FileName is the name of the command's file for a host and a time.
func (c Command) FileName(host string, when time.Time) string {
	return strings.NewReplacer("{host}", host, "{time}", when.Format("2006-01-02-15:04:05")).Replace(c.Name)
}

// The names of the files that the guides' scripts put beside the machine's own (lustre:90, lustre:395).
const (
	clusterConfigName = "cluster-cfg-{host}.xml"
	databaseName      = "pgbackup-{time}.sql.gz"

	// ClusterConfigPath matches the saved cluster configuration in an archive; its host name may be short or fully qualified.
	ClusterConfigPath = "/cluster-cfg-*.xml"
	// DatabasePath matches the saved database of the manager in an archive.
	DatabasePath = "/pgbackup-*.sql.gz"
)

// lnetFile is the LNet configuration as Integrated Manager for Lustre writes it; the guide says that the name may vary (lustre:515).
const lnetFile = "/etc/modprobe.d/iml_lnet_module_parameters.conf"

// IMLState is where IML keeps what it knows: on a server its certificates and the target store.
const IMLState = "/var/lib/chroma"

// ServerManifest is the manifest of a Lustre server: the 20 paths of lustre:371-391 and the cluster configuration
// (lustre:395).
//
// What a later step restores or reads is required. What serves as reference only, or may be called something else on a
// given site, is optional.
func ServerManifest() Manifest {
	return Manifest{
		Name: "server",
		Paths: slices.Concat(commonHead(), []Path{
			{Path: lnetFile, Optional: true},
			{Path: "/etc/corosync/corosync.conf"},
		}, commonTail()),
		Commands: []Command{{
			Name: clusterConfigName, Argv: []string{"cibadmin", "--query"}, Contains: "<cib",
		}},
	}
}

// ManagerManifest is the manifest of the manager: the 18 paths of lustre:68-86 with the package repositories left out,
// and the database (lustre:90). The database comes straight from pg_dumpall and is compressed on this side, so that a
// failed dump is seen: in the guide's pipe gzip's exit status hides it.
func ManagerManifest() Manifest {
	return Manifest{
		Name:     "manager",
		Paths:    slices.Concat(commonHead(), commonTail()),
		Excludes: []string{"/var/lib/chroma/repo"},
		Commands: []Command{{
			Name: databaseName, Argv: []string{"su", "-", "postgres", "-c", "/usr/bin/pg_dumpall --clean"}, Gzip: true,
		}},
	}
}

// commonHead is the part of the list that both manifests begin with.
func commonHead() []Path {
	return []Path{
		{Path: IMLState},
		{Path: "/etc/sysconfig/network", Optional: true},
		{Path: "/etc/sysconfig/network-scripts/ifcfg-*", Optional: true},
		{Path: "/etc/yum.conf", Optional: true},
		{Path: "/etc/yum.repos.d", Optional: true},
		{Path: "/etc/hosts"},
		{Path: "/etc/passwd"},
		{Path: "/etc/group"},
		{Path: "/etc/shadow"},
		{Path: "/etc/gshadow"},
		{Path: "/etc/sudoers"},
		{Path: "/etc/resolv.conf"},
		{Path: "/etc/nsswitch.conf"},
		{Path: "/etc/rsyslog.conf", Optional: true},
		{Path: "/etc/ntp.conf", Optional: true},
		{Path: "/etc/selinux/config", Optional: true},
	}
}

// commonTail is what both manifests end with.
func commonTail() []Path {
	return []Path{
		{Path: "/etc/ssh"},
		{Path: "/root/.ssh", Optional: true},
	}
}

// MultipathPaths is what the guide's last revision asks to be added where multipath is in use.
func MultipathPaths() []Path {
	return []Path{{Path: "/etc/multipath*", Optional: true}}
}

// WithOptional is the manifest with paths that a machine may be without: [IMLState] of a server that IML does not manage.
func (m Manifest) WithOptional(paths ...string) Manifest {
	m.Paths = slices.Clone(m.Paths)
	for i := range m.Paths {
		m.Paths[i].Optional = m.Paths[i].Optional || slices.Contains(paths, m.Paths[i].Path)
	}
	return m
}

// With is the manifest with more paths.
func (m Manifest) With(paths ...Path) Manifest {
	m.Paths = slices.Concat(m.Paths, paths)
	return m
}

// Validate refuses a manifest that cannot be carried out as written; it names everything that is wrong.
func (m Manifest) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("manifest %q: "+format, append([]any{m.Name}, args...)...))
	}
	if len(m.Paths) == 0 && len(m.Commands) == 0 {
		bad("it names no path and no command")
	}
	var seen []string
	for _, p := range m.Paths {
		switch {
		case !isCleanAbsolute(p.Path) || strings.Contains(p.Path, "\n"):
			bad("%q is not an absolute path in its shortest form", p.Path)
			continue
		case hasWildcard(path.Dir(p.Path)):
			bad("%q has a wildcard before its last element", p.Path)
		}
		if _, err := path.Match(p.Path, ""); err != nil {
			bad("%q is not a pattern", p.Path)
		}
		for _, s := range seen {
			if within(p.Path, s) || within(s, p.Path) {
				bad("%q and %q overlap", s, p.Path)
			}
		}
		seen = append(seen, p.Path)
	}
	for _, x := range m.Excludes {
		if !isCleanAbsolute(x) || hasWildcard(x) || strings.Contains(x, "\n") {
			bad("exclusion %q is not a plain absolute path", x)
		}
	}
	for _, c := range m.Commands {
		if c.Name == "" || strings.ContainsAny(c.Name, "/\x00") || c.Name == recordName || len(c.Argv) == 0 {
			bad("command %q needs an argv, and a file name without a slash that is not %s", c.Name, recordName)
		}
	}
	return errors.Join(errs...)
}

// isCleanAbsolute tells whether p names a path below the root in its shortest form.
func isCleanAbsolute(p string) bool {
	return strings.HasPrefix(p, "/") && p != "/" && path.Clean(p) == p && !strings.Contains(p, "\x00")
}

// within tells whether p is dir or lies below it.
func within(p, dir string) bool {
	return p == dir || dir == "/" || strings.HasPrefix(p, dir+"/")
}

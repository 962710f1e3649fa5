package manager

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Repositories is a way to give the Lustre packages to the servers (lustre:235-239).
type Repositories string

// The ways. In each the manager offers Manager-for-Lustre.repo, which the upgrade of a pair fetches.
const (
	Mirror        Repositories = "mirror"         // the manager mirrors the download server's repositories
	Direct        Repositories = "direct"         // the servers use the download server themselves
	StorageServer Repositories = "storage_server" // the definitions that come with the manager, storage_server.repo
)

// Config says how the manager is upgraded. The zero value of a field is its default, where it has one.
type Config struct {
	// Host is the manager's full name, as its servers know it: it stands in the addresses of the repositories
	// (lustre:343).
	Host string `yaml:"host"`
	// Servers are the Lustre servers: they are asked by which name they know the manager, and fetch its repository file.
	// StopAgents stops chroma-agent there while the manager is away, for fewer warnings in its log (lustre:104).
	Servers    []string `yaml:"servers,omitempty"`
	StopAgents bool     `yaml:"stop_agents,omitempty"`

	Archives string `yaml:"archives"` // the directory on the operator's machine for the fresh backup

	OldRelease string `yaml:"old_release,omitempty"` // text of /etc/redhat-release before; "release 6."
	NewRelease string `yaml:"new_release,omitempty"` // and after; "release 7."
	OldVersion string `yaml:"old_version,omitempty"` // of IML before; "2.4.2.7"
	Version    string `yaml:"version"`               // and after, as rpm tells the package's version: "4.0.7.0"
	OldPackage string `yaml:"old_package,omitempty"` // the manager's package before; "chroma-manager"
	Package    string `yaml:"package,omitempty"`     // and after; "chroma-manager"

	// Bundle is the installer on the operator's machine, a .tar.gz with one directory that has the program install
	// (lustre:169-182). NoRepoCheck, NoPlatformCheck and NoDBSpaceCheck are its options -r, -p and -d.
	Bundle          string `yaml:"bundle"`
	NoRepoCheck     bool   `yaml:"no_repo_check,omitempty"`
	NoPlatformCheck bool   `yaml:"no_platform_check,omitempty"`
	NoDBSpaceCheck  bool   `yaml:"no_dbspace_check,omitempty"`
	// The installer asks for an account, which the restored database replaces, and for a time server. They are answered
	// from here, through its standard input.
	Admin     string         `yaml:"admin,omitempty"`      // "admin"
	Password  sshexec.Secret `yaml:"-"`                    // of the account
	NTPServer string         `yaml:"ntp_server,omitempty"` // "localhost", the installer's own default; it goes into /etc/ntp.conf

	Verbose bool `yaml:"setup_verbose,omitempty"` // chroma-config setup -v (lustre:226)

	// Certificates are the files of /var/lib/chroma that are restored: every one with a dot in its name (lustre:211-213).
	Certificates []string `yaml:"certificates,omitempty"`
	Database     string   `yaml:"database,omitempty"` // IML's database; "chroma"
	// Tables are tables of it whose rows are counted in the dump and, after the restore, in the database.
	Tables []string `yaml:"tables,omitempty"`

	Skip    []string `yaml:"skip,omitempty"`    // parts of the restore to leave out: ssh (lustre:149), ntp
	SELinux bool     `yaml:"selinux,omitempty"` // SELinux is enabled on the new system: labels are set (lustre:143)

	Repositories Repositories `yaml:"repositories,omitempty" oneof:"mirror,direct,storage_server"` // mirror when empty
	// LustreURL is the address of a Lustre release, above its directories server and client; E2fsprogsURL that of the
	// e2fsprogs packages (lustre:244-265). Needed for mirror and direct.
	LustreURL    string `yaml:"lustre_url,omitempty"`
	E2fsprogsURL string `yaml:"e2fsprogs_url,omitempty"`

	Install time.Duration `yaml:"install_limit,omitempty"` // how long the manager may be away for its installation; 24h when zero
}

func (c Config) withDefaults() Config {
	c.OldRelease = cmp.Or(c.OldRelease, "release 6.")
	c.NewRelease = cmp.Or(c.NewRelease, "release 7.")
	c.OldVersion = cmp.Or(c.OldVersion, "2.4.2.7")
	c.OldPackage = cmp.Or(c.OldPackage, "chroma-manager")
	c.Package = cmp.Or(c.Package, "chroma-manager")
	c.Admin = cmp.Or(c.Admin, "admin")
	c.NTPServer = cmp.Or(c.NTPServer, "localhost")
	c.Database = cmp.Or(c.Database, "chroma")
	c.Repositories = cmp.Or(c.Repositories, Mirror)
	c.Install = cmp.Or(c.Install, 24*time.Hour)
	if len(c.Certificates) == 0 {
		c.Certificates = []string{"authority.crt", "authority.pem", "manager.crt", "manager.pem"}
	}
	if len(c.Tables) == 0 {
		c.Tables = []string{"auth_user", "chroma_core_managedfilesystem", "chroma_core_managedhost",
			"chroma_core_managedtarget"}
	}
	return c
}

var (
	fullName  = regexp.MustCompile(`^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`)
	plainWord = regexp.MustCompile(`^[A-Za-z0-9._:@+-]+$`)
	fileName  = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+$`)
	sqlName   = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
)

// Validate says everything that is wrong with the configuration, each by its key.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !fullName.MatchString(c.Host) {
		bad("host %q: it must be the manager's full name, as its servers know it, such as iml.example.com (lustre:343)",
			c.Host)
	}
	for i, s := range c.Servers {
		if !plainWord.MatchString(s) || s == c.Host || slices.Contains(c.Servers[:i], s) {
			bad("servers: %q is no name of a server, is named twice, or is the manager", s)
		}
	}
	if c.StopAgents && len(c.Servers) == 0 {
		bad("stop_agents needs servers: the machines on which chroma-agent is stopped")
	}
	if c.Archives == "" {
		bad("archives is missing: the backup must lie on another machine than the manager, which is erased (lustre:96)")
	}
	if c.Bundle == "" {
		bad("bundle is missing: the installer, such as iml-4.0.7.0.tar.gz (lustre:169)")
	}
	for _, w := range []struct{ key, text string }{{"version", c.Version}, {"old_version", c.OldVersion}, {"package",
		c.Package}, {"old_package", c.OldPackage},
		{"admin", c.Admin}, {"ntp_server", c.NTPServer}} {
		if !plainWord.MatchString(w.text) {
			bad("%s %q: it must be one plain word", w.key, w.text)
		}
	}
	if c.Version == c.OldVersion {
		bad("version and old_version are both %q: there is nothing to upgrade", c.Version)
	}
	if c.OldRelease == c.NewRelease || strings.ContainsAny(c.OldRelease+c.NewRelease, "\n'") {
		bad("old_release and new_release: the text of /etc/redhat-release must tell the systems apart")
	}
	if c.Password == "" || strings.ContainsAny(string(c.Password), "\r\n") {
		bad("password_file: the password of the account that the installer makes must be one line, and not empty")
	}
	for _, name := range c.Certificates {
		if !fileName.MatchString(name) {
			bad("certificates: %q is no file of /var/lib/chroma with a dot in its name", name)
		}
	}
	for _, t := range append([]string{c.Database}, c.Tables...) {
		if !sqlName.MatchString(t) {
			bad("database, tables: %q is no plain name in PostgreSQL", t)
		}
	}
	for _, s := range c.Skip {
		if s != "ssh" && s != "ntp" {
			bad("skip: %q: only ssh and ntp can be left out", s)
		}
	}
	errs = append(errs, c.validateRepositories()...)
	return errors.Join(errs...)
}

func (c Config) validateRepositories() []error {
	switch c.Repositories {
	case Mirror, Direct:
		var errs []error
		for key, text := range map[string]string{"lustre_url": c.LustreURL, "e2fsprogs_url": c.E2fsprogsURL} {
			u, err := url.Parse(text)
			if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" ||
				strings.ContainsAny(text, " '\"") {
				errs = append(errs, fmt.Errorf("%s: repositories %s needs the address of a download server, http or https, "+
					"without a login in it (lustre:244)", key, c.Repositories))
			}
		}
		return errs
	case StorageServer:
		if c.LustreURL != "" || c.E2fsprogsURL != "" {
			return []error{errors.New("lustre_url and e2fsprogs_url are for repositories mirror and direct")}
		}
		return nil
	}
	return []error{fmt.Errorf("repositories %q: it must be %s, %s or %s (lustre:235)", c.Repositories, Mirror, Direct,
		StorageServer)}
}

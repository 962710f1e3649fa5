package lustre

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// RepoFile is a file of package sources, as yum reads it from /etc/yum.repos.d.
type RepoFile []RepoSection

// RepoSection is one source of packages.
type RepoSection struct {
	ID       string // the name in brackets
	Settings []RepoSetting
}

// RepoSetting is one line of a section. Spaced says whether blanks stand round the sign of equality, which the guide has both ways.
type RepoSetting struct {
	Key, Value string
	Spaced     bool
}

// Get is the value of a setting.
func (s RepoSection) Get(key string) (string, bool) {
	for _, set := range s.Settings {
		if set.Key == key {
			return set.Value, true
		}
	}
	return "", false
}

// Section is the section with an id.
func (f RepoFile) Section(id string) (RepoSection, bool) {
	for _, s := range f {
		if s.ID == id {
			return s, true
		}
	}
	return RepoSection{}, false
}

// String is the file's text.
func (f RepoFile) String() string {
	var b strings.Builder
	for i, s := range f {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "[%s]\n", s.ID)
		for _, set := range s.Settings {
			equals := "="
			if set.Spaced {
				equals = " = "
			}
			b.WriteString(set.Key + equals + strings.ReplaceAll(set.Value, "\n", "\n  ") + "\n")
		}
	}
	return b.String()
}

// WriteTo writes the file's text.
func (f RepoFile) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, f.String())
	return int64(n), err
}

var (
	repoHead = regexp.MustCompile(`^\[([^\[\]]+)\]$`)
	repoLine = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9_.-]*)(\s*)([=:])\s*(.*?)\s*$`)
)

// ParseRepo reads a file of package sources (lustre:245-261, lustre:295-337). Comments are left out; indented lines
// continue the value above. A file without a section, a section or a key that comes twice, and a section without a
// baseurl, mirrorlist or metalink are errors.
func ParseRepo(r io.Reader) (RepoFile, error) {
	data, err := srcerr.ReadText(r)
	if err != nil {
		return nil, err
	}
	name := srcerr.NameOf(r)
	var file RepoFile
	var heads []int
	var errs srcerr.List
	bad := func(line int, near, format string, args ...any) {
		errs = append(errs, srcerr.Errorf(name, line, 1, near, format, args...))
	}
	for i, line := range strings.Split(string(data), "\n") {
		text := strings.TrimSpace(line)
		head := repoHead.FindStringSubmatch(text)
		set := repoLine.FindStringSubmatch(text)
		last := len(file) - 1
		switch {
		case text == "" || text[0] == '#' || text[0] == ';':
		case head != nil:
			if _, ok := file.Section(head[1]); ok {
				bad(i+1, text, "the section %s is there twice", head[1])
			}
			file, heads = append(file, RepoSection{ID: head[1]}), append(heads, i+1)
		case last < 0:
			bad(i+1, text, "this stands before the first section")
		case (line[0] == ' ' || line[0] == '\t') && len(file[last].Settings) > 0:
			s := &file[last].Settings[len(file[last].Settings)-1]
			s.Value = strings.TrimPrefix(s.Value+"\n"+text, "\n")
		case set == nil:
			bad(i+1, text, "neither a section, a setting nor a comment")
		default:
			if _, ok := file[last].Get(set[1]); ok {
				bad(i+1, text, "the setting %s is there twice", set[1])
			}
			file[last].Settings = append(file[last].Settings, RepoSetting{Key: set[1], Value: set[4], Spaced: set[2] != ""})
		}
	}
	for i, s := range file {
		if !s.hasAddress() {
			bad(heads[i], "["+s.ID+"]", "the section %s has no baseurl, mirrorlist or metalink", s.ID)
		}
	}
	if len(file) == 0 && len(errs) == 0 {
		bad(1, "", "the file has no section")
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	return file, nil
}

func (s RepoSection) hasAddress() bool {
	for _, key := range []string{"baseurl", "mirrorlist", "metalink"} {
		if v, ok := s.Get(key); ok && v != "" {
			return true
		}
	}
	return false
}

// RepoOptions are the choices of a file of package sources.
type RepoOptions struct {
	NoRepoGPGCheck bool   // add repo_gpgcheck=0, as the guide's last revision does
	AgentRelease   string // the release of the operating system in the agent's address; "7" when empty
}

// ManagerRepo is Manager-for-Lustre.repo, the package sources that the manager offers to its servers (lustre:293-343).
// fqdn is the manager's name as the servers know it.
func ManagerRepo(fqdn string, opts RepoOptions) RepoFile {
	release := opts.AgentRelease
	if release == "" {
		release = "7"
	}
	section := func(id, name, where string) RepoSection {
		s := RepoSection{ID: id, Settings: []RepoSetting{
			{Key: "name", Value: name},
			{Key: "baseurl", Value: "https://" + fqdn + "/repo/" + where},
			{Key: "enabled", Value: "1"},
			{Key: "gpgcheck", Value: "0"},
		}}
		if opts.NoRepoGPGCheck {
			s.Settings = append(s.Settings, RepoSetting{Key: "repo_gpgcheck", Value: "0"})
		}
		s.Settings = append(s.Settings,
			RepoSetting{Key: "sslverify", Value: "1", Spaced: true},
			RepoSetting{Key: "sslcacert", Value: "/var/lib/chroma/authority.crt", Spaced: true},
			RepoSetting{Key: "sslclientkey", Value: "/var/lib/chroma/private.pem", Spaced: true},
			RepoSetting{Key: "sslclientcert", Value: "/var/lib/chroma/self.crt", Spaced: true},
			RepoSetting{Key: "proxy", Value: "_none_"},
		)
		return s
	}
	return RepoFile{
		section("iml-agent", "Intel Manager for Lustre Agent", "iml-agent/"+release),
		section("lustre-server", "lustre-server", "lustre-server"),
		section("lustre-client", "lustre-client", "lustre-client"),
		section("e2fsprogs-wc", "e2fsprogs-wc", "e2fsprogs-wc"),
	}
}

// DownloadRepo is lustre-repo.conf, from which reposync mirrors the Lustre packages (lustre:245-261). lustre is the
// address of a Lustre release for an operating system, above its directories server and client; e2fsprogs that of the
// e2fsprogs packages. Addresses are inputs: the guide's have moved since.
func DownloadRepo(lustre, e2fsprogs string) RepoFile {
	section := func(id, url string) RepoSection {
		return RepoSection{ID: id, Settings: []RepoSetting{
			{Key: "name", Value: id}, {Key: "baseurl", Value: url}, {Key: "exclude", Value: "*debuginfo*"}, {Key: "gpgcheck", Value: "0"},
		}}
	}
	lustre = strings.TrimRight(lustre, "/")
	return RepoFile{section("lustre-server", lustre+"/server"), section("lustre-client", lustre+"/client"), section("e2fsprogs-wc", e2fsprogs)}
}

package manager

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Where the manager keeps what it offers, and what comes with it.
const (
	repoDir       = stateDir + "/repo"
	managerRepo   = repoDir + "/Manager-for-Lustre.repo"
	mirrorConf    = "/root/lustre-repo.conf" // not in /tmp, where anybody may put a link in its place
	storageServer = "/usr/share/chroma-manager/storage_server.repo"
)

// mirrored are the repositories that reposync copies (lustre:272).
var mirrored = []string{"lustre-server", "lustre-client", "e2fsprogs-wc"}

// repositories offers the packages to the servers, in one of the guide's three ways (lustre:233-343).
func (m *Manager) repositories() evenkeel.Step {
	c := m.Config
	s := evenkeel.Step{
		ID: "repositories", Title: "Offer the Lustre packages to the servers", Host: c.Host, Ref: "lustre:233",
		Why:      "The manager brings no Lustre packages. Each server fetches Manager-for-Lustre.repo when it is upgraded.",
		Harmless: "a repository that nobody uses harms nothing",
	}
	switch c.Repositories {
	case Mirror:
		s.Actions = m.mirror()
	case Direct:
	case StorageServer:
		own := evenkeel.Look("definitions", "Read the definitions that come with the manager", "cat", storageServer).
			From("lustre:239").
			Expecting("repositories with packages of Lustre and e2fsprogs", evenkeel.Succeeding(func(o evenkeel.Observed) error {
				return offersLustre(o.Stdout)
			}))
		s.Actions = append(s.Actions, shows(own, `| grep -oE '^\[(lustre|e2fsprogs)' | LC_ALL=C sort -u`, "[e2fsprogs",
			"[lustre"),
			evenkeel.Do("copy", "Offer them to the servers", "install", "-m", "0644", storageServer,
				repoDir+"/storage_server.repo").
				From("lustre:239").Noting("copy the file into /etc/yum.repos.d of each server once its new operating system is "+
				"installed; the runbook "+
				"of a pair takes its packages from lustre-server, lustre-client and e2fsprogs-wc, which this file may call "+
				"otherwise"))
	}
	write := evenkeel.Do("definition", "Write Manager-for-Lustre.repo", "install", "-m", "0644", "/dev/stdin",
		managerRepo).From("lustre:293")
	write.Cmd.Stdin = sshexec.Text(m.offered().String())
	s.Actions = append(s.Actions, write)
	s.Verify = append(s.Verify, m.offers("definition-written", c.Host, "cat", managerRepo))
	for _, server := range c.Servers {
		// As the server will do it (lustre:556), but for the file.
		s.Verify = append(s.Verify, m.offers("fetch-"+server, server, "curl", "--fail", "--silent", "--show-error",
			"--cacert", authority,
			"--cert", stateDir+"/self.crt", "--key", stateDir+"/private.pem", "https://"+c.Host+"/repo/Manager-for-Lustre.repo").
			From("lustre:556"))
	}
	return s
}

// offered is Manager-for-Lustre.repo.
func (m *Manager) offered() lustre.RepoFile {
	file := lustre.ManagerRepo(m.Config.Host, lustre.RepoOptions{})
	if m.Config.Repositories != Mirror {
		file = file[:1] // iml-agent, which is on the manager in any case
	}
	if m.Config.Repositories == Direct {
		file = append(file, lustre.DownloadRepo(m.Config.LustreURL, m.Config.E2fsprogsURL)...)
	}
	return file
}

// mirror copies the download server's repositories and makes their metadata (lustre:241-288).
func (m *Manager) mirror() []evenkeel.Action {
	conf := sshexec.PrivateFile(mirrorConf)
	conf.Stdin = sshexec.Text(lustre.DownloadRepo(m.Config.LustreURL, m.Config.E2fsprogsURL).String())
	sync := []string{"reposync", "-c", mirrorConf, "-n"}
	for _, r := range mirrored {
		sync = append(sync, "-r", r)
	}
	get := evenkeel.Do("reposync", "Mirror the repositories", sync...).From("lustre:272")
	get.Cmd.Dir = repoDir
	actions := []evenkeel.Action{
		evenkeel.Do("tools", "Install what mirrors repositories", "yum", "-y", "install", "yum-utils", "createrepo").
			From("lustre:269"),
		{ID: "download", Change: evenkeel.Change{Title: "Write the definition for the download", Ref: "lustre:244", Cmd: conf,
			Repeat: evenkeel.Idempotent}},
		get,
	}
	for _, r := range mirrored {
		made := evenkeel.Look("metadata-made-"+r, "Verify that "+r+" has metadata", "test", "-s",
			repoDir+"/"+r+"/repodata/repomd.xml")
		actions = append(actions, evenkeel.Do("metadata-"+r, "Make the metadata of "+r, "createrepo", repoDir+"/"+r).
			From("lustre:284"),
			showsExit(made.Expecting("exit status 0", evenkeel.Observed.Succeeded), "0"))
	}
	return actions
}

// offers wants a command to print Manager-for-Lustre.repo as it was written.
func (m *Manager) offers(id, host string, argv ...string) evenkeel.Action {
	want := m.offered().String()
	a := evenkeel.Look(id, "Verify that "+host+" reads Manager-for-Lustre.repo as it was written", argv...).On(host).
		Expecting("the definitions of "+strings.Join(m.sections(), ", "),
			evenkeel.Succeeding(func(o evenkeel.Observed) error {
				if string(o.Stdout) != want {
					return fmt.Errorf("it reads another text: %d bytes, not %d", len(o.Stdout), len(want))
				}
				return nil
			}))
	a.Paper = []evenkeel.Block{{Script: "diff <(" + evenkeel.Typed(a.Cmd) + ") - <<'EOF' && echo the same\n" + want +
		"EOF",
		Shows: []string{"the same"}}}
	return a
}

// sections are the repositories that the manager offers.
func (m *Manager) sections() (ids []string) {
	for _, s := range m.offered() {
		ids = append(ids, s.ID)
	}
	return ids
}

// offersLustre wants a repository of Lustre and one of e2fsprogs in a file of definitions.
func offersLustre(text []byte) error {
	file, err := lustre.ParseRepo(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("%s: %w", storageServer, err)
	}
	for _, prefix := range []string{"lustre", "e2fsprogs"} {
		found := false
		for _, s := range file {
			found = found || strings.HasPrefix(s.ID, prefix)
		}
		if !found {
			return fmt.Errorf("%s has no repository %s", storageServer, prefix)
		}
	}
	return nil
}

package manager_test

import (
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/manager"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// action is an action of a step, among those that verify it too.
func (s *scene) action(t *testing.T, step, id string) evenkeel.Action {
	t.Helper()
	st, ok := s.book.Step(step)
	require.True(t, ok, step)
	all := append(slices.Clone(st.Actions), st.Verify...)
	i := slices.IndexFunc(all, func(a evenkeel.Action) bool { return a.ID == id })
	require.GreaterOrEqual(t, i, 0, "%s/%s", step, id)
	return all[i]
}

// typed is what the runbook changes, in order: "HOST COMMAND", facts by their names.
func (s *scene) typed() (lines []string) {
	for _, st := range s.book.Steps {
		for _, a := range st.Actions {
			if a.Op == nil && len(a.Cmd.Argv) > 0 && a.Cmd.Effect != evenkeel.ReadOnly {
				host := a.Host
				if host == "" {
					host = st.Host
				}
				lines = append(lines, host+" "+strings.Join(a.Cmd.Argv, " "))
			}
		}
	}
	return lines
}

// LUS-049: the manager comes first and leaves the file system alone: on the servers nothing is touched but the agent, and
// that only where it is asked for (LUS-050).
func TestServersAreLeftAlone(t *testing.T) {
	for stop, want := range map[bool][]string{false: nil, true: {"service chroma-agent stop", "service chroma-agent start"}} {
		s := newScene(t, lustretest.ManagerOptions{}, func(c *manager.Config) { c.StopAgents = stop })
		var got []string
		for _, line := range s.typed() {
			if rest, ok := strings.CutPrefix(line, lustretest.Node2+" "); ok {
				got = append(got, rest)
			}
		}
		require.Equal(t, want, got)
	}
}

// LUS-051, LUS-052: the installer runs in its directory with the options of the configuration, and chroma-config stops
// IML after it and sets it up after the database is there.
func TestInstallerAndSetup(t *testing.T) {
	s := newScene(t, lustretest.ManagerOptions{}, func(c *manager.Config) {
		c.NoRepoCheck, c.NoPlatformCheck, c.NoDBSpaceCheck, c.Verbose = true, true, true, true
	})
	run := s.action(t, "install", "install")
	require.Equal(t, []string{"/root/iml-4.0.7.0/install", "-r", "-p", "-d"}, run.Cmd.Argv)
	require.Equal(t, "/root/iml-4.0.7.0", run.Cmd.Dir)
	require.True(t, run.Detached)
	in, err := run.Cmd.Stdin.Open()
	require.NoError(t, err)
	answers, err := io.ReadAll(in)
	require.NoError(t, err)
	require.Equal(t, "admin\n"+password+"\n"+password+"\n\nlocalhost\n", string(answers),
		"name, password twice, no mail address, time server")
	all := s.typed()
	at := func(text string) int {
		i := slices.IndexFunc(all, func(line string) bool { return strings.Contains(line, text) })
		require.GreaterOrEqual(t, i, 0, text)
		return i
	}
	order := []int{at("shutdown -h now"), at("tar zxf"), at("iml-4.0.7.0/install"), at("chroma-config stop"), at("/certs-inst"),
		at("psql postgres"), at("chroma-config setup -v"), at("reposync")}
	require.True(t, slices.IsSorted(order), "%v", order)

	plain := newScene(t, lustretest.ManagerOptions{}, nil)
	require.Equal(t, []string{"/root/iml-4.0.7.0/install"}, plain.action(t, "install", "install").Cmd.Argv)
	require.Equal(t, []string{"chroma-config", "setup"}, plain.action(t, "setup", "setup").Cmd.Argv)
}

// LUS-001, LUS-002: what the guide has as variables of its site is configuration, with the guide's product line as default.
func TestProductLine(t *testing.T) {
	s := newScene(t, lustretest.ManagerOptions{}, nil)
	require.Equal(t, "2.4.2.7", s.action(t, "preflight", "version").Expect.Text)
	require.Equal(t, "release 6.", s.action(t, "preflight", "system").Expect.Text)
	require.Contains(t, s.action(t, "install-system", "install").Expect.Text, "release 7.")
	w := simulated{lustretest.NewManager(lustretest.ManagerOptions{OldVersion: "3.1.1.0"})}
	report, err := s.run(t, w, &evenkeel.MemJournal{})
	require.ErrorContains(t, err, "3.1.1.0")
	require.False(t, report.State.Changed)
}

// LUS-046: without root nothing begins.
func TestRootIsNeeded(t *testing.T) {
	a := newScene(t, lustretest.ManagerOptions{}, nil).action(t, "preflight", "root")
	require.NoError(t, a.Expect.Check(printed("0\n")))
	require.Error(t, a.Expect.Check(printed("1000\n")))
}

func printed(text string) evenkeel.Observed {
	return evenkeel.Observed{Result: sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(text)}}
}

// LUS-053: the certificates are those of the backup again, and those of the installation are kept, however often it runs.
func TestCertificates(t *testing.T) {
	s := newScene(t, lustretest.ManagerOptions{}, nil)
	w := s.clone()
	_, err := s.run(t, w, &evenkeel.MemJournal{})
	require.NoError(t, err)
	r, err := w.Runner(lustretest.Manager)
	require.NoError(t, err)
	for _, name := range []string{"authority.crt", "authority.pem", "manager.crt", "manager.pem"} {
		now, err := w.Read(lustretest.Manager, "/var/lib/chroma/"+name)
		require.NoError(t, err)
		require.Equal(t, "simulated "+name+" of the old installation\n", now)
		keep := s.action(t, "certificates", "keep-"+name).Cmd
		_, err = r.Run(t.Context(), sshexec.Command(sshexec.Mutating, keep.Argv...)) // once more, after the restore
		require.NoError(t, err)
		kept, err := w.Read(lustretest.Manager, "/var/lib/chroma/certs-inst/"+name)
		require.NoError(t, err)
		require.Equal(t, "simulated "+name+" of the new installation\n", kept)
	}
}

// A certificate that the configuration does not name stops the run while the old manager serves.
func TestUnknownCertificate(t *testing.T) {
	s := newScene(t, lustretest.ManagerOptions{Certificates: []string{"authority.pem", "manager.crt", "manager.pem", "site.key"}}, nil)
	report, err := s.run(t, s.clone(), &evenkeel.MemJournal{})
	require.ErrorContains(t, err, "site.key, which the guide restores and the configuration does not name")
	require.False(t, report.State.Changed)
}

// LUS-055: that the new version runs is what the web interface, the package and IML's own lists say: each alone can fail it.
func TestTheNewVersionAnswers(t *testing.T) {
	s := newScene(t, lustretest.ManagerOptions{}, nil)
	ui := s.action(t, "setup", "answers").Expect.Check
	require.NoError(t, ui(printed("<!DOCTYPE html>\n<HTML><head>")))
	require.Error(t, ui(printed("It works!")))
	refused := printed("")
	refused.ExitCode = 7
	var again *evenkeel.Retry
	require.ErrorAs(t, ui(refused), &again)
	version := s.action(t, "setup", "version").Expect.Check
	require.NoError(t, version(printed("4.0.7.0\n")))
	require.Error(t, version(printed("2.4.2.7\n")))

	lists := s.action(t, "setup", "lists").Expect.Check
	answer := func(totals ...string) evenkeel.Observed {
		o := printed("")
		for _, n := range totals {
			o.Stdout = append(o.Stdout, (`{"meta": {"total_count": ` + n + `}, "objects": []}`)...)
		}
		o.Facts = evenkeel.Facts{"iml.lists": []byte(`"2 1 3"`)}
		return o
	}
	require.NoError(t, lists(answer("2", "1", "3")))
	require.ErrorContains(t, lists(answer("0", "0", "0")), "IML lists 0 0 0 of host, filesystem, target, and listed 2 1 3 before")
	require.ErrorAs(t, lists(answer("2", "1")), &again, "an answer is missing")
	bad := answer("2", "1")
	bad.Stdout = append(bad.Stdout, `{"error": "x"}`...)
	require.ErrorAs(t, lists(bad), &again, "an answer without a total")
}

// LUS-016, LUS-056: the three ways to offer the packages. Each leaves a Manager-for-Lustre.repo that a server can read.
func TestThreeWays(t *testing.T) {
	const own = "/var/lib/chroma/repo/Manager-for-Lustre.repo"
	for way, want := range map[manager.Repositories]map[string]string{
		manager.Mirror: {"iml-agent": "https://ct6-iml.lfs.intl/repo/iml-agent/7", "lustre-server": "https://ct6-iml.lfs.intl/repo/lustre-server",
			"lustre-client": "https://ct6-iml.lfs.intl/repo/lustre-client", "e2fsprogs-wc": "https://ct6-iml.lfs.intl/repo/e2fsprogs-wc"},
		manager.Direct: {"iml-agent": "https://ct6-iml.lfs.intl/repo/iml-agent/7",
			"lustre-server": "https://downloads.example.com/lustre/latest-release/el7/server",
			"lustre-client": "https://downloads.example.com/lustre/latest-release/el7/client",
			"e2fsprogs-wc":  "https://downloads.example.com/e2fsprogs/latest/el7"},
		manager.StorageServer: {"iml-agent": "https://ct6-iml.lfs.intl/repo/iml-agent/7"},
	} {
		t.Run(string(way), func(t *testing.T) {
			s := newScene(t, lustretest.ManagerOptions{}, func(c *manager.Config) {
				if c.Repositories = way; way == manager.StorageServer {
					c.LustreURL, c.E2fsprogsURL = "", ""
				}
			})
			w := s.clone()
			_, err := s.run(t, w, &evenkeel.MemJournal{})
			require.NoError(t, err)
			text, err := w.Read(lustretest.Manager, own)
			require.NoError(t, err)
			file, err := lustre.ParseRepo(strings.NewReader(text))
			require.NoError(t, err)
			got := map[string]string{}
			for _, section := range file {
				got[section.ID], _ = section.Get("baseurl")
			}
			require.Equal(t, want, got)
			reposync := "ct6-iml.lfs.intl reposync -c /root/lustre-repo.conf -n -r lustre-server -r lustre-client -r e2fsprogs-wc"
			require.Equal(t, way == manager.Mirror, slices.Contains(s.typed(), reposync))
			for _, r := range []string{"lustre-server", "lustre-client", "e2fsprogs-wc"} {
				_, err := w.Read(lustretest.Manager, "/var/lib/chroma/repo/"+r+"/repodata/repomd.xml")
				require.Equal(t, way == manager.Mirror, err == nil, r)
			}
			copied, err := w.Read(lustretest.Manager, "/var/lib/chroma/repo/storage_server.repo")
			require.Equal(t, way == manager.StorageServer, err == nil)
			require.Equal(t, way == manager.StorageServer, strings.Contains(copied, "[e2fsprogs]"))
			// LUS-017: each server fetches it by the guide's command.
			require.Equal(t, "curl --fail --silent --show-error --cacert /var/lib/chroma/authority.crt --cert /var/lib/chroma/self.crt "+
				"--key /var/lib/chroma/private.pem https://ct6-iml.lfs.intl/repo/Manager-for-Lustre.repo",
				strings.Join(s.action(t, "repositories", "fetch-"+lustretest.Node1).Cmd.Argv, " "))
		})
	}
}

// The definitions that come with the manager are read before they are offered.
func TestStorageServerRepoIsRead(t *testing.T) {
	s := newScene(t, lustretest.ManagerOptions{}, func(c *manager.Config) {
		c.Repositories, c.LustreURL, c.E2fsprogsURL = manager.StorageServer, "", ""
	})
	check := s.action(t, "repositories", "definitions").Expect.Check
	const whole = "[lustre]\nbaseurl=https://a/\n[e2fsprogs]\nbaseurl=https://b/\n"
	require.NoError(t, check(printed(whole)))
	require.ErrorContains(t, check(printed("[lustre]\nbaseurl=https://a/\n")), "no repository e2fsprogs")
	require.Error(t, check(printed("")))
	require.ErrorContains(t, check(printed("[lustre]\nname=x\n")), "storage_server.repo")
}

// LUS-057: the name in the repositories' addresses is the one by which every server knows the manager.
func TestTheNameThatServersUse(t *testing.T) {
	s := newScene(t, lustretest.ManagerOptions{KnownAs: "iml-alias.lfs.intl"}, nil)
	report, err := s.run(t, s.clone(), &evenkeel.MemJournal{})
	require.ErrorContains(t, err, `ct6-mds1.lfs.intl reaches the manager at "https://iml-alias.lfs.intl/agent/", and host is ct6-iml.lfs.intl`)
	require.False(t, report.State.Changed)
}

// LUS-058: fencing is looked after by hand, with IML's own lists as evidence.
func TestFencingIsAddedAgain(t *testing.T) {
	s := newScene(t, lustretest.ManagerOptions{}, nil)
	a := s.action(t, "fencing", "fencing")
	require.Contains(t, a.Manual, "remove the configuration there and add it again")
	require.Contains(t, strings.Join(a.Cmd.Argv, " "), "/api/power_control_device/?limit=1")
	o := printed(`{"meta": {"total_count": 1}}{"meta": {"total_count": 0}}`)
	o.Facts = evenkeel.Facts{"iml.fencing": []byte(`"1 2"`)}
	require.Error(t, a.Expect.Check(o))
	o.Stdout = []byte(`{"meta": {"total_count": 1}}{"meta": {"total_count": 2}}`)
	require.NoError(t, a.Expect.Check(o))
}

// LUS-054: a database that did not load as a whole, or that is in use, ends the run before IML is set up on it.
func TestRowsAreCounted(t *testing.T) {
	s := newScene(t, lustretest.ManagerOptions{}, nil)
	rows := s.action(t, "database", "rows").Expect.Check
	o := printed("auth_user=2 chroma_core_managedhost=1\n")
	o.Facts = evenkeel.Facts{"dump.rows": []byte(`"auth_user=2 chroma_core_managedhost=2"`)}
	require.ErrorContains(t, rows(o), "it was not loaded as a whole")
	var again *evenkeel.Retry
	require.ErrorAs(t, s.action(t, "database", "idle").Expect.Check(printed("3\n")), &again)
	require.NoError(t, s.action(t, "database", "idle").Expect.Check(printed("0\n")))
}

// An installer that changed since the plan was made stops the run while the old manager serves.
func TestBundleIsVerifiedFirst(t *testing.T) {
	s := newScene(t, lustretest.ManagerOptions{}, nil)
	require.NoError(t, os.WriteFile(s.cfg.Bundle, lustretest.Bundle("4.0.6.0"), 0o600))
	report, err := s.run(t, s.clone(), &evenkeel.MemJournal{})
	require.ErrorContains(t, err, "has changed since the plan was made")
	require.False(t, report.State.Changed)
}

// No secret is in an argument, in the journal or on paper: neither the account's password nor what is in the dump.
func TestNoSecret(t *testing.T) {
	s := newScene(t, lustretest.ManagerOptions{}, nil)
	w, journal := s.clone(), &evenkeel.MemJournal{}
	_, err := s.run(t, w, journal)
	require.NoError(t, err)
	for _, e := range w.Log() {
		require.NotContains(t, strings.Join(e.Argv, " "), password)
	}
	for _, r := range journal.Records() {
		line, err := json.Marshal(r)
		require.NoError(t, err)
		require.NotContains(t, string(line), password)
		require.NotContains(t, string(line), "md5simulated")
	}
}

// All that is wrong with a configuration is said at once, each by its key.
func TestValidate(t *testing.T) {
	require.NoError(t, configured(t).Validate())
	err := manager.Config{Host: "iml", Servers: []string{"a b"}, Version: "2.4.2.7", NTPServer: "a b", Certificates: []string{"../x"},
		Tables: []string{"a; DROP"}, Skip: []string{"users"}, Repositories: "ftp"}.Validate()
	for _, key := range []string{"host", "servers", "archives", "bundle", "version", "ntp_server", "password_file",
		"certificates", "tables", "skip",
		"repositories"} {
		require.ErrorContains(t, err, key)
	}
	for key, mend := range map[string]func(*manager.Config){
		"stop_agents":   func(c *manager.Config) { c.Servers, c.StopAgents = nil, true },
		"lustre_url":    func(c *manager.Config) { c.LustreURL = "downloads" },
		"e2fsprogs_url": func(c *manager.Config) { c.E2fsprogsURL = "https://user:secret@a/" },
		"lustre_url and e2fsprogs_url are for repositories mirror and direct": func(c *manager.Config) { c.Repositories = manager.StorageServer },
		"old_release and new_release":                                         func(c *manager.Config) { c.NewRelease = "release 6." },
	} {
		cfg := configured(t)
		mend(&cfg)
		require.ErrorContains(t, cfg.Validate(), key)
		require.NotContains(t, cfg.Validate().Error(), "secret")
	}
}

// LUS-001: the bundle is what the guide calls the package; one that is no installer, or is damaged, is refused before anything.
func TestBundle(t *testing.T) {
	cfg := configured(t)
	whole := lustretest.Bundle("4.0.7.0")
	for name, raw := range map[string][]byte{"empty": nil, "cut off": whole[:len(whole)-20], "no archive": []byte("#!/bin/sh\n")} {
		require.NoError(t, os.WriteFile(cfg.Bundle, raw, 0o600))
		_, err := manager.New(cfg)
		require.Error(t, err, name)
	}
}

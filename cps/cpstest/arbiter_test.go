package cpstest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// thirdSite is a migrated cluster whose arbiters are at a third site.
func thirdSite(t *testing.T, site cpstest.ThirdSite) *cpstest.Deployment {
	t.Helper()
	sets, err := os.ReadFile(filepath.Join("testdata", "mongoConfig.cfg"))
	require.NoError(t, err)
	site.Name = "site3-arbiter"
	d, err := cpstest.New(cpstest.Options{MongoConfig: strings.ReplaceAll(string(sets), "arbitervip:", "site3-arbiter:"),
		Migrated: true, ThirdSite: site})
	require.NoError(t, err)
	return d
}

func onArbiter(t *testing.T, d *cpstest.Deployment, argv ...string) (string, error) {
	t.Helper()
	r, err := d.Runner("site3-arbiter")
	require.NoError(t, err)
	res, err := r.Run(t.Context(), sshexec.Command(sshexec.Disruptive, argv...))
	return string(res.Stdout), err
}

var stamps = regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} |Mongo port:\d+`)

// shape is a log without its times and ports, each message once.
func shape(t *testing.T, log string) (lines []string) {
	t.Helper()
	seen := map[string]bool{}
	for _, line := range strings.Split(strings.ReplaceAll(log, "stage:\n", "stage: "), "\n") {
		if line = strings.TrimSpace(stamps.ReplaceAllString(line, "")); line != "" && !seen[line] {
			seen[line] = true
			lines = append(lines, line)
		}
	}
	return lines
}

// TestArbiterPrintsWhatTheGuideShows (CPS-079, CPS-061, CPS-062, CPS-234): the logs of migrate.sh, about.sh and the
// system of the arbiter are those of the guide (cps:1593-1662).
func TestArbiterPrintsWhatTheGuideShows(t *testing.T) {
	guide := func(name string) string {
		data, err := os.ReadFile(filepath.Join("..", "testdata", name))
		require.NoError(t, err)
		return string(data)
	}
	d := thirdSite(t, cpstest.ThirdSite{})
	_, err := onArbiter(t, d, "umount", "/mnt/iso")
	require.NoError(t, err)
	_, err = onArbiter(t, d, "mount", "-o", "loop", "/root/cps-arbiter-21.1.0.iso", "/mnt/iso")
	require.NoError(t, err)
	log, err := onArbiter(t, d, "/mnt/iso/migrate.sh", "disable", "arbiter")
	require.NoError(t, err)
	require.Equal(t, shape(t, guide("disable-arbiter.log")), shape(t, log))
	archives, err := onArbiter(t, d, "ls", "/var/tmp")
	require.NoError(t, err)
	archive := strings.TrimSpace(archives)
	_, err = onArbiter(t, d, "cat", "/var/tmp/"+archive) // somebody saves it
	require.NoError(t, err)
	data, err := onArbiter(t, d, "cat", "/var/tmp/"+archive)
	require.NoError(t, err)
	require.NoError(t, d.DeployArbiter())
	d.Advance(10 * time.Minute)
	r, err := d.Runner("site3-arbiter")
	require.NoError(t, err)
	put := sshexec.Command(sshexec.Mutating, "tee", "/var/tmp/"+archive)
	put.Stdin = sshexec.Text(data)
	_, err = r.Run(t.Context(), put)
	require.NoError(t, err)
	_, err = onArbiter(t, d, "mount", "-o", "loop", "/root/cps-arbiter-21.1.0.iso", "/mnt/iso")
	require.NoError(t, err)
	log, err = onArbiter(t, d, "/mnt/iso/migrate.sh", "enable", "arbiter", "/var/tmp/"+archive)
	require.NoError(t, err)
	require.Equal(t, shape(t, guide("enable-arbiter.log")), shape(t, log))
	about, err := onArbiter(t, d, "about.sh")
	require.NoError(t, err)
	want, err := cps.ParseAbout(strings.NewReader(guide("about-arbiter.txt")))
	require.NoError(t, err)
	got, err := cps.ParseAbout(strings.NewReader(about))
	require.NoError(t, err)
	require.Equal(t, [2]any{want.Environment, want.Installer}, [2]any{got.Environment, got.Installer})
	system, err := onArbiter(t, d, "cat", "/etc/redhat-release")
	require.NoError(t, err)
	require.Equal(t, "CentOS Linux release 8.1.1911 (Core)\n", system)
	date, err := onArbiter(t, d, "date")
	require.NoError(t, err)
	_, err = cps.ParseArbiterDate(strings.NewReader(date))
	require.NoError(t, err)
	require.NoError(t, d.Check())
}

// TestArbiterHarmIsTold (CPS-212): whoever replaces the arbiter while it is at work, or before its archive is off it,
// is told.
func TestArbiterHarmIsTold(t *testing.T) {
	d := thirdSite(t, cpstest.ThirdSite{Zone: "EST"})
	require.Error(t, d.RestoreArbiter())
	require.NoError(t, d.DeployArbiter())
	require.ErrorContains(t, d.Check(), "before its archive was read off it")
	require.ErrorContains(t, d.Check(), "disable it first")
	require.Error(t, d.DeployArbiter())
	d.Advance(10 * time.Minute)
	date, err := onArbiter(t, d, "date")
	require.NoError(t, err)
	require.Contains(t, date, " EST ")
	require.NoError(t, d.RestoreArbiter())
	none, err := cpstest.New(cpstest.Options{})
	require.NoError(t, err)
	require.Error(t, none.DeployArbiter())
}

// A disabled arbiter that was restarted may be replaced, although its processes started at boot; one whose processes somebody started again
// by hand may not.
func TestArbiterRestartedWhileItWaits(t *testing.T) {
	for _, by := range []string{"boot", "hand"} {
		d := thirdSite(t, cpstest.ThirdSite{})
		do := func(argv ...string) string {
			out, err := onArbiter(t, d, argv...)
			require.NoError(t, err)
			return out
		}
		do("umount", "/mnt/iso")
		do("mount", "-o", "loop", "/root/cps-arbiter-21.1.0.iso", "/mnt/iso")
		do("/mnt/iso/migrate.sh", "disable", "arbiter")
		do("cat", "/var/tmp/"+strings.TrimSpace(do("ls", "/var/tmp"))) // somebody saves it
		if by == "boot" {
			require.NoError(t, d.Power("site3-arbiter", false))
			require.NoError(t, d.Power("site3-arbiter", true))
			d.Advance(10 * time.Minute)
		} else {
			do("systemctl", "start", "sessionmgr-27717")
		}
		require.Contains(t, do("ps", "-ef"), "27717")
		require.NoError(t, d.DeployArbiter())
		if err := d.Check(); by == "boot" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "mongod on port 27717 ran: disable it first")
		}
	}
}

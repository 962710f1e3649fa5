package cps_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

var logs = []string{
	"migrate-backup-cluman.log", "migrate-restore-cluman.log", "migrate-disable-set-1.log", "migrate-disable-set-2.log",
	"enable-set-1.log", "enable-set-2.log", "traffic-swap.log", "traffic-restore.log", "disable-arbiter.log",
	"enable-arbiter.log", "rollback.log",
}

func migrateLog(t testing.TB, name string) *cps.MigrateLog {
	t.Helper()
	log, err := cps.ParseMigrateLog(text(name, fixture(t, name)))
	require.NoError(t, err)
	return log
}

// CPS-110, CPS-111, CPS-112: every log of the guide, to the end.
func TestParseMigrateLogGuide(t *testing.T) {
	for _, name := range logs {
		t.Run(name, func(t *testing.T) {
			log := migrateLog(t, name)
			require.True(t, log.Succeeded())
			require.True(t, log.Ended())
			require.Empty(t, log.Findings())
			golden.Check(t, "parsed-"+name, printed(t, log))
			again, err := cps.ParseMigrateLog(text(name, printed(t, log)))
			require.NoError(t, err)
			require.True(t, again.Succeeded())
		})
	}
}

func TestMigrateLogBackup(t *testing.T) {
	log := migrateLog(t, "migrate-backup-cluman.log")
	require.Len(t, log.Entries, 5)
	require.Equal(t, cps.LogEntry{
		Time: time.Date(2018, 7, 14, 2, 39, 7, 842e6, time.UTC), Level: "INFO", Module: "backup.etc", Text: "Backup: etc", Line: 1,
	}, log.Entries[0])
	require.Empty(t, log.Archive())
	require.Equal(t, "2018-07-14 02:39:07,905 INFO [__main__.<module>] SUCCESS", log.Entries[3].String())
}

// CPS-112: a message that goes on without a time.
func TestMigrateLogWrapped(t *testing.T) {
	log := migrateLog(t, "migrate-restore-cluman.log")
	require.Equal(t, "Restoring and copying migrated logs to archive directory.", log.Entries[1].Text)
}

// CPS-113, CPS-114.
func TestMigrateLogDisable(t *testing.T) {
	log := migrateLog(t, "migrate-disable-set-1.log")
	require.Equal(t, "/var/tmp/migrate_set-1_20180621_212456.tar.gz", log.Archive())
	require.Equal(t, []string{"/var/tmp/migrate/set-1/config_other_br.tar.gz"}, log.InnerArchives())
	require.Equal(t, "Create backup Tar", log.Stage())
	require.Equal(t, "/var/tmp/migrate_set-2_20180621_015349.tar.gz", migrateLog(t, "migrate-disable-set-2.log").Archive())
}

// CPS-115, CPS-117.
func TestMigrateLogArbiter(t *testing.T) {
	log := migrateLog(t, "disable-arbiter.log")
	require.Equal(t, []string{"ExtractInstallArtifacts", "PrepareWorkingDir", "BackupArbiter", "Create backup Tar"}, log.Stages())
	require.Equal(t, []int{27719}, log.StoppedMongoPorts())
}

// CPS-116: escapes as the guide prints them, and as a terminal sends them.
func TestMigrateLogEscapes(t *testing.T) {
	require.Equal(t, "[ OK ]", migrateLog(t, "enable-arbiter.log").Entries[1].Text)
	log, err := cps.ParseMigrateLog(text("l", "2018-07-13 15:45:53,188 INFO [command.execute] \x1b[60G[\x1b[0;32m OK \x1b[0;39m]\n"))
	require.NoError(t, err)
	require.Equal(t, "[ OK ]", log.Entries[0].Text)
}

// CPS-020: the archive within, and the tree of each VM.
func TestMigrateLogSavedTree(t *testing.T) {
	require.Equal(t, []string{"/var/tmp/migrate/set-2/config_other_br.tar.gz"}, migrateLog(t, "migrate-disable-set-2.log").InnerArchives())
	require.Equal(t, []cps.SavedUsers{
		{VM: "pcrfclient02", Path: "/var/tmp/migrate/pcrfclient02/etc/passwd"},
		{VM: "pcrfclient02", Path: "/var/tmp/migrate/pcrfclient02/etc/group"},
	}, migrateLog(t, "enable-adduser-warnings.log").SavedUsers())
	log, err := cps.ParseMigrateLog(text("l", "2018-07-21 14:52:15,999 INFO [a.b] Parsing /var/tmp/migrate/a/b/etc/passwd file\n"+
		"2018-07-21 14:52:15,999 INFO [a.b] Parsing /var/tmp/migrate/lb01/etc/shadow file\n"))
	require.NoError(t, err)
	require.Empty(t, log.SavedUsers())
}

// CPS-045: the program is adduser.sh, and a log that calls it addusers.sh says the same.
func TestMigrateLogNamesAdduser(t *testing.T) {
	log := migrateLog(t, "enable-adduser-warnings.log")
	other, err := cps.ParseMigrateLog(text("enable-adduser-warnings.log",
		strings.ReplaceAll(fixture(t, "enable-adduser-warnings.log"), "adduser.sh", "addusers.sh")))
	require.NoError(t, err)
	require.Len(t, other.SkippedUsers(), 2)
	require.Equal(t, log.SkippedUsers(), other.SkippedUsers())
	for _, f := range append(log.Findings(), other.Findings()...) {
		if f.Row == "CPS-118" {
			require.Contains(t, f.What, "make it again with adduser.sh")
		}
	}
}

// CPS-118: users that must be made by hand, though each warning is wrapped.
func TestMigrateLogSkippedUsers(t *testing.T) {
	log := migrateLog(t, "enable-adduser-warnings.log")
	require.Equal(t, []cps.SkippedUser{
		{Host: "pcrfclient02", User: "mongoreadonly", Group: "mongoreadonly", Line: 5},
		{Host: "pcrfclient02", User: "admin", Group: "admin", Line: 8},
	}, log.SkippedUsers())
	require.Equal(t, "WARNING", log.Entries[2].Level)
	require.False(t, log.Succeeded(), "an excerpt without END")
	require.False(t, log.Ended())
	require.Equal(t, map[string]int{"CPS-118": 2, "CPS-111": 1}, rows(log.Findings()))

	// A user whose group is called otherwise.
	log, err := cps.ParseMigrateLog(text("l", "2018-07-21 02:00:12,578 WARNING [restore_vm] On Host:qns02 User/Group carol/staff is not "+
		"being migrated and must be manually created using adduser.sh.\n"))
	require.NoError(t, err)
	require.Equal(t, []cps.SkippedUser{{Host: "qns02", User: "carol", Group: "staff", Line: 1}}, log.SkippedUsers())
}

// CPS-119, CPS-120, MON-035.
func TestMigrateLogPriorities(t *testing.T) {
	log := migrateLog(t, "enable-set-1.log")
	require.Equal(t, []cps.PriorityResult{{Set: "SPR-SET1", Completed: true, Checking: true, Validated: true}}, log.Priorities())
	require.Equal(t, 1, log.Reconnects())
	require.Equal(t, 0, migrateLog(t, "enable-set-2.log").Reconnects())

	in := strings.ReplaceAll(fixture(t, "enable-set-1.log"), "INFO Validated Priority is set correctly for Replica-Set: SPR-SET1\n", "")
	log, err := cps.ParseMigrateLog(text("l", in))
	require.NoError(t, err)
	require.Equal(t, map[string]int{"CPS-120": 1}, rows(log.Findings()))
}

// CPS-121, CPS-122: plain output around the messages.
func TestMigrateLogTraffic(t *testing.T) {
	log := migrateLog(t, "traffic-swap.log")
	require.Equal(t, cps.LogEntry{Text: "Creating MD5 Checksum...", Line: 1}, log.Entries[0])
	require.Equal(t, "Redis config updated on installer", log.Entries[1].Text)
	require.Contains(t, migrateLog(t, "traffic-restore.log").Entries[0].Text, "(stdout): Stopping haproxy: [ OK ]")
}

// CPS-123.
func TestMigrateLogRollback(t *testing.T) {
	require.Equal(t, []string{"qns04"}, migrateLog(t, "rollback.log").StoppedVMs())
}

// CPS-111: only SUCCESS and END together, at the end, and as messages of the log.
func TestMigrateLogNotSucceeded(t *testing.T) {
	line := func(level, text string) string {
		return "2018-07-21 20:54:21,083 " + level + " [__main__.<module>] " + text + "\n"
	}
	end := line("INFO", "===== END =====")
	for name, in := range map[string]string{
		"no end":            line("INFO", "SUCCESS"),
		"no success":        line("INFO", "=====") + end,
		"failure":           line("ERROR", "FAILURE") + end,
		"not the word":      line("INFO", "NOT A SUCCESS") + end,
		"not adjacent":      line("INFO", "SUCCESS") + line("ERROR", "disk full") + end,
		"goes on":           line("INFO", "SUCCESS") + end + line("INFO", "Performing installation stage: Next"),
		"plain output":      line("INFO", "x") + "\nSUCCESS\n===== END =====\n",
		"second run failed": line("INFO", "SUCCESS") + end + line("ERROR", "boom") + end,
	} {
		t.Run(name, func(t *testing.T) {
			log, err := cps.ParseMigrateLog(text("l", in))
			require.NoError(t, err)
			require.False(t, log.Succeeded())
			require.NotEmpty(t, log.Findings())
		})
	}
	log, err := cps.ParseMigrateLog(text("l", line("ERROR", "boom")+end+line("INFO", "SUCCESS")+end+"[root@cluman ~]# \nbye\n"))
	require.NoError(t, err)
	require.True(t, log.Succeeded(), "the last run counts, and a prompt behind it does not")
	require.Equal(t, map[string]int{"CPS-186": 1}, rows(log.Findings()))
}

func TestParseMigrateLogErrors(t *testing.T) {
	_, err := cps.ParseMigrateLog(text("l", ""))
	requireError(t, err, "l:1: no log line of migrate.sh")
	_, err = cps.ParseMigrateLog(text("l", "bash: /mnt/iso/migrate.sh: No such file or directory\n"))
	requireError(t, err, "no log line of migrate.sh")
	_, err = cps.ParseMigrateLog(text("l", "2018-07-21 20:54:21,083 LOUD [x] y\n"))
	requireError(t, err, `l:1:1: a log line must be TIME LEVEL [module] text: near "2018-07-21 20:54:21,083 LOUD [x] y"`)
	_, err = cps.ParseMigrateLog(text("l", "2018-13-21 20:54:21,083 INFO [x] y\n"))
	requireError(t, err, "a log line must be")
}

// A log whose connection was lost in the middle of a line still tells how far it came.
func TestParseMigrateLogCutOff(t *testing.T) {
	whole := fixture(t, "disable-arbiter.log")
	for cut := 120; cut < len(strings.TrimRight(whole, "\n")); cut++ {
		log, err := cps.ParseMigrateLog(text("l", whole[:cut]))
		require.NoError(t, err, "%d", cut)
		require.False(t, log.Succeeded(), "%d", cut)
		require.Equal(t, []int{27719}, log.StoppedMongoPorts())
	}
}

func TestNewLogEntry(t *testing.T) {
	e := cps.NewLogEntry(time.Date(2019, 7, 23, 20, 10, 30, 653e6, time.UTC), "INFO", "fabric_tasks.run",
		"Stopping all services on remote VM qns04")
	first, _, _ := strings.Cut(fixture(t, "rollback.log"), "\n")
	require.Equal(t, first, e.String())
}

func FuzzParseMigrateLog(f *testing.F) {
	for _, name := range append(logs, "enable-adduser-warnings.log") {
		f.Add(fixture(f, name))
	}
	f.Fuzz(func(t *testing.T, in string) {
		log, err := cps.ParseMigrateLog(strings.NewReader(in))
		if err != nil {
			return
		}
		require.NotEmpty(t, log.Entries)
		if log.Succeeded() {
			require.True(t, log.Ended())
			require.Contains(t, in, "SUCCESS")
		}
		log.Findings()
		log.Archive()
	})
}

// CPS-186: a program that broke off is found also where SUCCESS stands below, and so is a warning of an unknown kind.
func TestMigrateLogFindsWhatBrokeOff(t *testing.T) {
	const end = "2018-07-14 02:39:07,905 INFO [__main__.<module>] SUCCESS\n2018-07-14 02:39:07,905 INFO [__main__.<module>] ===== END =====\n"
	found := func(in string) []cps.Finding {
		l, err := cps.ParseMigrateLog(text("l", "2018-07-14 02:39:07,842 INFO [backup.etc] Backup: etc\n"+in+end))
		require.NoError(t, err)
		require.True(t, l.Succeeded())
		return l.Findings()
	}
	require.Empty(t, found("WARNING Mongo Server trying to reconnect while pushing config. Attempt #1\n"))
	for _, in := range []string{"Traceback (most recent call last):\n  File x\nIOError: no space\n",
		"\nTraceback (most recent call last):\n\n"} {
		list := found(in)
		require.Len(t, list, 1, in)
		require.Equal(t, cps.Error, list[0].Severity)
	}
	list := found("2018-07-14 02:39:07,842 WARNING [backup.etc] could not stop mongod\n")
	require.Len(t, list, 1)
	require.Equal(t, cps.Finding{Severity: cps.Warning, Where: "l:2", What: "could not stop mongod", Row: "CPS-186"}, list[0])
}

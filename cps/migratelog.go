package cps

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MigrateLog is what migrate.sh prints, whatever it was told to do (cps:430-434,483-492,690-707,897-919,1594-1603,1907-1912).
type MigrateLog struct {
	File    string // the name errors and findings give
	Entries []LogEntry
}

// LogEntry is one message of the log: "2018-07-21 02:00:12,578 INFO [__main__.<module>] SUCCESS".
type LogEntry struct {
	Time   time.Time // to the millisecond, on the clock of the machine; held as UTC. Zero where the line has no time.
	Level  string    // INFO, WARNING, ERROR, DEBUG, CRITICAL; empty for plain output of a command
	Module string    // backup.handleRequest; empty where the line has none
	Text   string    // the message: wrapped lines joined by a blank, banner bars and escapes taken out
	Line   int
}

const logTime = "2006-01-02 15:04:05"

var (
	stampForm = regexp.MustCompile(`^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3})\s+`)
	levelForm = regexp.MustCompile(`^(DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL)(?:\s+\[([^\]]*)\])?(?:\s+(.*))?$`)
)

// ParseMigrateLog reads the log. Lines without a time continue the message above (the guide's are wrapped); plain output of commands
// stands as an entry of its own after a blank line. A log without any message, and a line with a time but without a level, are errors;
// but for a last line that was cut off in the middle.
func ParseMigrateLog(r io.Reader) (*MigrateLog, error) {
	src, err := readSource(r, "migrate.sh log")
	if err != nil {
		return nil, err
	}
	log := &MigrateLog{File: src.name}
	open := false // the last entry may go on
	for _, l := range src.clean() {
		text := strings.TrimSpace(l.text)
		if text == "" {
			// A code block's end inside a log is no end of a message, but nothing that follows it continues one either.
			open = false
			continue
		}
		entry, isEntry, bad := readEntry(text)
		switch {
		case bad && l.eol != "":
			src.failf(l.no, 1, text, "a log line must be TIME LEVEL [module] text")
		case isEntry:
			entry.Line = l.no
			log.Entries = append(log.Entries, entry)
			open = !entry.isSuccess() && !entry.isEnd()
		case open && len(log.Entries) > 0 && log.Entries[len(log.Entries)-1].Level != "":
			last := &log.Entries[len(log.Entries)-1]
			last.Text = strings.TrimSpace(last.Text + " " + strings.TrimSpace(strings.TrimPrefix(text, "|")))
			open = !last.isSuccess()
		default:
			log.Entries = append(log.Entries, LogEntry{Text: text, Line: l.no})
		}
	}
	if len(src.errs) == 0 && !slices.ContainsFunc(log.Entries, func(e LogEntry) bool { return e.Level != "" }) {
		src.failf(src.end(), 0, "", "no log line of migrate.sh")
	}
	if err := src.err(); err != nil {
		return nil, err
	}
	return log, nil
}

// readEntry reads a line that begins a message; bad is a line with a time that goes on in no known way.
func readEntry(text string) (entry LogEntry, ok, bad bool) {
	rest := text
	if m := stampForm.FindStringSubmatch(text); m != nil {
		t, err := time.Parse(logTime, m[1])
		ms, msErr := strconv.Atoi(m[2])
		if err != nil || msErr != nil {
			return entry, false, true
		}
		entry.Time = t.Add(time.Duration(ms) * time.Millisecond)
		rest = text[len(m[0]):]
	}
	m := levelForm.FindStringSubmatch(rest)
	if m == nil {
		return LogEntry{}, false, !entry.Time.IsZero()
	}
	entry.Level, entry.Module, entry.Text = m[1], m[2], strings.TrimSpace(m[3])
	return entry, true, false
}

// NewLogEntry makes an entry as migrate.sh would log it.
func NewLogEntry(t time.Time, level, module, text string) LogEntry {
	return LogEntry{Time: t, Level: level, Module: module, Text: text}
}

// String prints the entry in the form of the log, on one line.
func (e LogEntry) String() string {
	var parts []string
	if !e.Time.IsZero() {
		parts = append(parts, fmt.Sprintf("%s,%03d", e.Time.Format(logTime), e.Time.Nanosecond()/int(time.Millisecond)))
	}
	if e.Level != "" {
		parts = append(parts, e.Level)
	}
	if e.Module != "" {
		parts = append(parts, "["+e.Module+"]")
	}
	if e.Text != "" {
		parts = append(parts, e.Text)
	}
	return strings.Join(parts, " ")
}

// WriteTo writes the log, one entry a line.
func (l *MigrateLog) WriteTo(w io.Writer) (int64, error) {
	lines := make([]string, len(l.Entries))
	for i, e := range l.Entries {
		lines[i] = e.String() + "\n"
	}
	return writeLines(w, lines...)
}

func (e LogEntry) isSuccess() bool { return e.Level != "" && e.Text == "SUCCESS" }

func (e LogEntry) isEnd() bool {
	return e.Level != "" && strings.HasSuffix(e.Text, " END =====") && strings.Trim(e.Text, "= ") == "END"
}

// Succeeded tells whether the run ended well: its last two messages are SUCCESS and ===== END ===== (cps:433-434). Of several runs in
// one log the last counts. False means that it failed, or has not ended: Ended tells which.
func (l *MigrateLog) Succeeded() bool {
	logged := l.logged()
	n := len(logged)
	return n >= 2 && logged[n-1].isEnd() && logged[n-2].isSuccess()
}

// Ended tells whether the last message is ===== END =====.
func (l *MigrateLog) Ended() bool {
	logged := l.logged()
	return len(logged) > 0 && logged[len(logged)-1].isEnd()
}

// logged leaves plain output out.
func (l *MigrateLog) logged() []LogEntry {
	var logged []LogEntry
	for _, e := range l.Entries {
		if e.Level != "" {
			logged = append(logged, e)
		}
	}
	return logged
}

var (
	archiveBanner   = regexp.MustCompile(`Backing up to file:\s*(\S+)`)
	innerArchive    = regexp.MustCompile(`^Archive\s+(\S+) is created with requested backups\.$`)
	stageForm       = regexp.MustCompile(`^Performing installation stage:\s*(\S.*)$`)
	skippedUser     = regexp.MustCompile(`On Host:\s*(\S+) User/Group ([^\s/]+)/(\S+) is not being migrated`)
	priorityDone    = regexp.MustCompile(`^Priority set operation is completed for (\S+)$`)
	priorityCheck   = regexp.MustCompile(`^Validating if Priority is set correctly for Replica-Set: (\S+)$`)
	priorityChecked = regexp.MustCompile(`^Validated Priority is set correctly for Replica-Set: (\S+)$`)
	mongoRetry      = regexp.MustCompile(`^Mongo Server trying to reconnect while pushing config\. Attempt #(\d+)$`)
	mongoStopped    = regexp.MustCompile(`^Mongo port:(\d+) stopped successfully$`)
	vmStopped       = regexp.MustCompile(`^Stopping all services on remote VM (\S+)$`)
)

// Archive is the path of the backup that "disable" writes, from its banner "Backing up to file:" (cps:690-693); empty where the log
// names none, as for "backup cluman" and "disable arbiter".
func (l *MigrateLog) Archive() string {
	if m := l.last(archiveBanner); m != nil {
		return m[1]
	}
	return ""
}

// InnerArchives lists the archives made on the way, such as /var/tmp/migrate/set-1/config_other_br.tar.gz (cps:697-698).
func (l *MigrateLog) InnerArchives() []string { return l.words(innerArchive) }

// SavedUsers is a file with the users of a VM that "enable" read from what "disable" saved (cps:898,901).
type SavedUsers struct {
	VM   string
	Path string // /var/tmp/migrate/<vm>/etc/passwd or group
}

var savedUsers = regexp.MustCompile(`^Parsing (/var/tmp/migrate/([^/\s]+)/etc/(?:passwd|group)) file\b`)

// SavedUsers lists the files that the users were compared by: of a VM that is not among them nobody knows the users to make by hand.
func (l *MigrateLog) SavedUsers() []SavedUsers {
	var files []SavedUsers
	for _, e := range l.Entries {
		if m := savedUsers.FindStringSubmatch(e.Text); m != nil {
			files = append(files, SavedUsers{VM: m[2], Path: m[1]})
		}
	}
	return files
}

// Stages lists the installation stages in the order they were reached (cps:431,1595-1600).
func (l *MigrateLog) Stages() []string { return l.words(stageForm) }

// Stage is the last stage reached; empty where the log names none.
func (l *MigrateLog) Stage() string {
	if m := l.last(stageForm); m != nil {
		return m[1]
	}
	return ""
}

// SkippedUser is a user that "enable" did not migrate and that must be made again with adduser.sh (cps:894-905).
type SkippedUser struct {
	Host, User, Group string
	Line              int
}

// SkippedUsers lists the users to make by hand, each once for a host.
func (l *MigrateLog) SkippedUsers() []SkippedUser {
	var users []SkippedUser
	for _, e := range l.Entries {
		for _, m := range skippedUser.FindAllStringSubmatch(e.Text, -1) {
			u := SkippedUser{Host: m[1], User: m[2], Group: m[3], Line: e.Line}
			if !slices.ContainsFunc(users, func(o SkippedUser) bool { return o.Host == u.Host && o.User == u.User && o.Group == u.Group }) {
				users = append(users, u)
			}
		}
	}
	return users
}

// PriorityResult is what the log says of the priorities of one replica set (cps:912-915).
type PriorityResult struct {
	Set       string // SPR-SET1: the section of mongoConfig.cfg
	Completed bool   // "Priority set operation is completed"
	Checking  bool   // "Validating if Priority is set correctly"
	Validated bool   // "Validated Priority is set correctly"
}

// Priorities lists the replica sets whose priorities were set, in the order of the log. After a good run each is Validated.
func (l *MigrateLog) Priorities() []PriorityResult {
	var results []PriorityResult
	of := func(set string) *PriorityResult {
		i := slices.IndexFunc(results, func(r PriorityResult) bool { return r.Set == set })
		if i < 0 {
			results = append(results, PriorityResult{Set: set})
			i = len(results) - 1
		}
		return &results[i]
	}
	for _, e := range l.Entries {
		if m := priorityDone.FindStringSubmatch(e.Text); m != nil {
			of(m[1]).Completed = true
		} else if m := priorityCheck.FindStringSubmatch(e.Text); m != nil {
			of(m[1]).Checking = true
		} else if m := priorityChecked.FindStringSubmatch(e.Text); m != nil {
			of(m[1]).Validated = true
		}
	}
	return results
}

// Reconnects is the highest attempt number of "Mongo Server trying to reconnect while pushing config" (cps:911); 0 for none.
func (l *MigrateLog) Reconnects() int {
	most := 0
	for _, word := range l.words(mongoRetry) {
		if n, err := strconv.Atoi(word); err == nil {
			most = max(most, n)
		}
	}
	return most
}

// StoppedMongoPorts lists the ports whose mongod was stopped (cps:1594).
func (l *MigrateLog) StoppedMongoPorts() []int {
	var ports []int
	for _, word := range l.words(mongoStopped) {
		if port, err := strconv.ParseUint(word, 10, 16); err == nil {
			ports = append(ports, int(port))
		}
	}
	return ports
}

// StoppedVMs lists the VMs on which a rollback stopped all services (cps:1907).
func (l *MigrateLog) StoppedVMs() []string { return l.words(vmStopped) }

// Findings reports errors and warnings in the log, a program that broke off, users to make by hand,
// priorities that were not validated, and a run that did not succeed.
func (l *MigrateLog) Findings() []Finding {
	f := findings{file: l.File}
	for _, e := range l.Entries {
		known := skippedUser.MatchString(e.Text) || mongoRetry.MatchString(e.Text)
		switch {
		case slices.Contains([]string{"ERROR", "CRITICAL", "FATAL"}, e.Level), strings.Contains(e.Text, "Traceback (most recent call last)"):
			f.add(Error, e.Line, "CPS-186", "%s", e.Text)
		case strings.HasPrefix(e.Level, "WARN") && !known:
			f.add(Warning, e.Line, "CPS-186", "%s", e.Text)
		}
	}
	for _, u := range l.SkippedUsers() {
		f.add(Warning, u.Line, "CPS-118", "user %s (group %s) on %s is not migrated: make it again with adduser.sh", u.User, u.Group, u.Host)
	}
	for _, p := range l.Priorities() {
		if !p.Validated {
			f.add(Error, 0, "CPS-120", "the priorities of %s are not validated", p.Set)
		}
	}
	switch {
	case l.Succeeded():
	case l.Ended():
		f.add(Error, 0, "CPS-111", "the run ended without SUCCESS")
	default:
		f.add(Error, 0, "CPS-111", "the run has not ended: the log stops before ===== END =====")
	}
	return f.list
}

// words lists the first group of every entry that matches.
func (l *MigrateLog) words(form *regexp.Regexp) []string {
	var words []string
	for _, e := range l.Entries {
		if m := form.FindStringSubmatch(e.Text); m != nil {
			words = append(words, m[1])
		}
	}
	return words
}

func (l *MigrateLog) last(form *regexp.Regexp) []string {
	for _, e := range slices.Backward(l.Entries) {
		if m := form.FindStringSubmatch(e.Text); m != nil {
			return m
		}
	}
	return nil
}

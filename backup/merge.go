package backup

import (
	"crypto/sha256"
	_ "embed" // the script
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// MergeRules say how the users and groups of a backup join those of a fresh system.
type MergeRules struct {
	// BackupMin is the least number of an ordinary account in the backup, UID_MIN in its /etc/login.defs: 500 up to EL6,
	// 1000 from EL7 on. 500 when zero.
	BackupMin int
	// Renumber gives accounts of the backup other numbers, by name, users and groups alike: the answer to a clash.
	Renumber map[string]int
}

// ordinaryMax is the greatest number of an ordinary account (UID_MAX).
const ordinaryMax = 60_000

// AccountFate is what became of an account in a merge.
type AccountFate string

// The fates. An account whose line is the same in both is not mentioned.
const (
	FateAdded    AccountFate = "added"    // the backup has it, the system had not
	FateReplaced AccountFate = "replaced" // an ordinary account, as the backup has it
	FateKept     AccountFate = "kept"     // a system account, as the fresh system has it
	// its number is another than in the backup: files that are restored with their owners' numbers belong to somebody else
	FateRenumbered AccountFate = "renumbered"
	FateClash      AccountFate = "clash"      // left out: the system gave its number to another account; MergeRules.Renumber decides
	FateNoPassword AccountFate = "nopassword" // it has no line in shadow
)

// AccountNote is one line of the report of a merge.
type AccountNote struct {
	Kind string // "user" or "group"
	Name string
	Fate AccountFate
	Text string // a sentence; it never shows a hash
}

// String is the sentence with its subject.
func (n AccountNote) String() string { return fmt.Sprintf("%s %s: %s", n.Kind, n.Name, n.Text) }

// Merge is the outcome of MergeAccounts.
type Merge struct {
	Notes []AccountNote // what differs, users and groups in the order of the files

	before, after AccountFiles
}

// Clashes are the accounts that were left out.
func (m Merge) Clashes() []AccountNote {
	return slices.DeleteFunc(slices.Clone(m.Notes), func(n AccountNote) bool { return n.Fate != FateClash })
}

// Files are the merged files.
func (m Merge) Files() AccountFiles { return m.after }

// Contents are the merged files, by their paths. They hold password hashes.
func (m Merge) Contents() map[string][]byte {
	out := map[string][]byte{}
	for i, data := range m.after.contents {
		out[accountPaths[i]] = data
	}
	return out
}

// MergeAccounts joins the users and groups of a backup with those of a fresh system, instead of putting the backup's
// files in place of the system's as the guide does (lustre:126): between two releases the numbers of system accounts
// differ (lustre:49), and services of the new system lose the accounts that the old one did not have.
//
// The rules: a system account stays as the fresh system has it, an ordinary one becomes as the backup has it; what only
// the backup has is added; root keeps its line and gets the backup's password. A number is never given twice: whoever
// would need that is left out and reported as a clash. Members of a group in both files are joined. A user whose group
// has another number here follows the group. Shadow lines go with their accounts. Lines of NIS and comments stay at the
// end.
func MergeAccounts(backup, system AccountFiles, rules MergeRules) (*Merge, error) {
	old, err1 := backup.parse("backup:")
	now, err2 := system.parse("system:")
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("cannot merge the accounts: %w", err)
	}
	if rules.BackupMin == 0 {
		rules.BackupMin = 500
	}
	m := &merger{rules: rules, old: old, now: now, gids: map[int]int{}}
	m.groups()
	m.users()
	for i, t := range []*table{old.passwd, old.group, old.shadow, old.gshadow} {
		into := []*table{now.passwd, now.group, now.shadow, now.gshadow}[i]
		for _, line := range t.extra {
			if !slices.Contains(into.extra, line) {
				into.extra = append(into.extra, line)
			}
		}
	}
	after := NewAccountFiles(now.passwd.text(), now.group.text(), now.shadow.text(), now.gshadow.text())
	return &Merge{Notes: m.notes, before: system, after: after}, nil
}

// merger is the work of one MergeAccounts.
type merger struct {
	rules    MergeRules
	old, now tables
	gids     map[int]int // numbers of groups, from the backup's to the system's, where they differ
	notes    []AccountNote
}

func (m *merger) note(kind, name string, fate AccountFate, format string, args ...any) {
	m.notes = append(m.notes, AccountNote{Kind: kind, Name: name, Fate: fate, Text: fmt.Sprintf(format, args...)})
}

func (m *merger) ordinary(id int) bool { return id >= m.rules.BackupMin && id <= ordinaryMax }

// target is the number that an account of the backup is to have.
func (m *merger) target(a account) int {
	if id, ok := m.rules.Renumber[a.name()]; ok {
		return id
	}
	return a.id
}

// decision is what becomes of the accounts of one kind.
type decision struct {
	moves map[string]bool   // in both, and as the backup has it
	clash map[string]string // left out: who has the number
}

// decide settles all accounts of a kind together: a number that an account gives up is free for another, and one that
// cannot move keeps its own.
func (m *merger) decide(old, now *table) decision {
	d := decision{moves: map[string]bool{}, clash: map[string]string{}}
	for _, a := range old.accounts {
		if _, there := now.get(a.name()); there && m.ordinary(a.id) {
			d.moves[a.name()] = true
		}
	}
	moving := func(a account) bool { return d.moves[a.name()] }
	added := func(a account) bool {
		_, there := now.get(a.name())
		return !there
	}
	for {
		owners := map[int]account{}
		for _, a := range now.accounts {
			if !moving(a) {
				owners[a.id] = a
			}
		}
		lost := m.claim(old, owners, moving, d.clash)
		for _, name := range lost {
			delete(d.moves, name)
		}
		if len(lost) == 0 {
			m.claim(old, owners, added, d.clash)
			return d
		}
	}
}

// claim gives accounts of the backup their numbers, and returns those whose number has another owner. Two names for one
// number in the backup stay so.
func (m *merger) claim(old *table, owners map[int]account, which func(account) bool, clash map[string]string) (lost []string) {
	for _, a := range old.accounts {
		if !which(a) {
			continue
		}
		id := m.target(a)
		owner, taken := owners[id]
		twin, fromBackup := old.get(owner.nameOrNone())
		if taken && !(fromBackup && which(owner) && twin.id == a.id && id == a.id) {
			clash[a.name()] = owner.name()
			lost = append(lost, a.name())
			continue
		}
		owners[id] = a
	}
	return lost
}

// groups merges group and gshadow.
func (m *merger) groups() {
	d := m.decide(m.old.group, m.now.group)
	for _, g := range m.old.group.accounts {
		was := g.id
		g.fields = slices.Clone(g.fields)
		g.id = m.target(g)
		g.fields[groupGID] = strconv.Itoa(g.id)
		has, there := m.now.group.get(g.name())
		shadow, hasShadow := m.old.gshadow.get(g.name())
		owner, clash := d.clash[g.name()]
		switch {
		case clash:
			m.note("group", g.name(), FateClash, "number %d belongs to %s here", g.id, owner)
		case !there:
			m.now.group.add(g)
			if hasShadow {
				m.now.gshadow.put(shadow)
			}
			m.note("group", g.name(), FateAdded, "number %d", g.id)
			has = g
		case d.moves[g.name()]:
			if has.id != g.id {
				m.note("group", g.name(), FateReplaced, "number %d as in the backup, and was %d here", g.id, has.id)
			}
			has = m.join(has, g.fields[groupMembers], g.id)
		default:
			if has.id != was {
				m.note("group", g.name(), FateRenumbered, "number %d here, and %d in the backup", has.id, was)
			}
			has = m.join(has, g.fields[groupMembers], has.id)
		}
		if has.fields != nil && has.id != was {
			m.gids[was] = has.id
		}
		if line, ok := m.now.gshadow.get(g.name()); ok && hasShadow && !clash {
			line.fields = slices.Clone(line.fields)
			line.fields[groupMembers] = union(line.fields[groupMembers], shadow.fields[groupMembers])
			m.now.gshadow.set(line)
		}
	}
}

// join gives a group of the system more members, and a number.
func (m *merger) join(g account, members string, id int) account {
	g.fields = slices.Clone(g.fields)
	g.fields[groupMembers] = union(g.fields[groupMembers], members)
	g.id = id
	g.fields[groupGID] = strconv.Itoa(id)
	m.now.group.set(g)
	return g
}

// users merges passwd and shadow.
func (m *merger) users() {
	d := m.decide(m.old.passwd, m.now.passwd)
	for _, u := range m.old.passwd.accounts {
		u.fields = slices.Clone(u.fields)
		was := u.id
		u.id = m.target(u)
		u.fields[passwdUID] = strconv.Itoa(u.id)
		if gid, ok := m.gids[u.gid]; ok {
			u.gid = gid
			u.fields[passwdGID] = strconv.Itoa(gid)
		}
		has, there := m.now.passwd.get(u.name())
		owner, clash := d.clash[u.name()]
		switch {
		case u.name() == "root" && there:
			m.password(u.name())
			m.note("user", "root", FateReplaced, "the password as in the backup")
		case clash:
			m.note("user", u.name(), FateClash, "number %d belongs to %s here", u.id, owner)
		case !there:
			m.now.passwd.add(u)
			m.note("user", u.name(), FateAdded, "number %d", u.id)
			m.password(u.name())
		case d.moves[u.name()]:
			if has.line() != u.line() {
				m.note("user", u.name(), FateReplaced, "as in the backup, with number %d; here it was %d", u.id, has.id)
			}
			m.now.passwd.set(u)
			m.password(u.name())
		case has.id != was:
			m.note("user", u.name(), FateRenumbered, "number %d here, and %d in the backup", has.id, was)
		case has.line() != u.line():
			m.note("user", u.name(), FateKept, "a system account stays as the fresh system has it")
		}
	}
}

// password takes the shadow line of the backup.
func (m *merger) password(name string) {
	line, ok := m.old.shadow.get(name)
	if ok {
		m.now.shadow.put(line)
		return
	}
	if _, ok := m.now.shadow.get(name); !ok {
		m.note("user", name, FateNoPassword, "it has no line in shadow, and cannot log in with a password")
	}
}

// put adds a line or takes the place of one.
func (t *table) put(a account) {
	if _, ok := t.byName[a.name()]; ok {
		t.set(a)
		return
	}
	t.add(a)
}

// union joins two lists of members, the first one's order first.
func union(a, b string) string {
	var all []string
	for _, name := range append(strings.Split(a, ","), strings.Split(b, ",")...) {
		if name != "" && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return strings.Join(all, ",")
}

//go:embed scripts/install.sh
var installScript string

// sameScript exits with 0 when a file has a digest.
const sameScript = `case $(sha256sum "$1") in "$2 "*) exit 0 ;; esac; exit 1`

// operations write the merged files, each only over what it was merged from; line is the guide's "cp …/etc/passwd".
func (m Merge) operations(line int) []Operation {
	var ops []Operation
	for i, data := range m.after.contents {
		name, was := accountPaths[i], m.before.contents[i]
		write := sshexec.Script(sshexec.Mutating, installScript, name, digestOf(was))
		write.Stdin = sshexec.SecretDocument(sshexec.Secret(data), passwordHashes(data)...)
		probe := sshexec.Script(sshexec.ReadOnly, sameScript, name, digestOf(data))
		ops = append(ops, Operation{
			Group: GroupUsers, Reads: name, replaces: name,
			Change: change.Change{
				Title: "Merge the backup into " + name, Cmd: write, Ref: ref(line + i),
				Repeat: op.ProbeFirst, Proof: []change.Proof{proof("the file holds the merged accounts", probe)},
				Note: "merged by rule instead of replaced: see the report; it is not written when the file has changed since",
			},
		})
	}
	return ops
}

// passwordHashes are the secrets in one of the files: what stands where a password does, but for what says that there is none.
func passwordHashes(data []byte) []sshexec.Secret {
	var hashes []sshexec.Secret
	for line := range strings.Lines(string(data)) {
		if fields := strings.Split(line, ":"); len(fields) > 1 {
			if hash := strings.TrimLeft(fields[1], "!*"); len(hash) > 1 {
				hashes = append(hashes, sshexec.Secret(hash))
			}
		}
	}
	return hashes
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// String is the report.
func (m Merge) String() string {
	var b strings.Builder
	for _, n := range m.Notes {
		b.WriteString(n.String() + "\n")
	}
	return b.String()
}

// GoString keeps the hashes out of logs.
func (m Merge) GoString() string { return m.String() }

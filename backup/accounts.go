package backup

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// AccountFiles are the four files of users and groups, as they are on a machine or in a backup. They hold password
// hashes, and print as nothing.
//
// https://man7.org/linux/man-pages/man5/passwd.5.html
type AccountFiles struct {
	contents [4][]byte // in the order of accountPaths
}

// String keeps the hashes out of logs.
func (AccountFiles) String() string { return "[accounts]" }

// GoString is String.
func (f AccountFiles) GoString() string { return f.String() }

// NewAccountFiles takes the contents of /etc/passwd, /etc/group, /etc/shadow and /etc/gshadow.
func NewAccountFiles(passwd, group, shadow, gshadow []byte) AccountFiles {
	return AccountFiles{[4][]byte{passwd, group, shadow, gshadow}}
}

// accountPaths are the files in the guide's order (lustre:126).
var accountPaths = [4]string{"/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"}

// Accounts are the users and groups in the backup.
func (a *Archive) Accounts() (AccountFiles, error) { return accountsFrom(a.ReadFile) }

// ReadAccounts reads the users and groups of the machine behind r; it must be root there.
func ReadAccounts(ctx context.Context, r sshexec.Runner) (AccountFiles, error) {
	if r == nil {
		return AccountFiles{}, errors.New("the accounts cannot be read without a Runner")
	}
	return accountsFrom(func(path string) ([]byte, error) {
		res, err := r.Run(ctx, sshexec.Command(sshexec.ReadOnly, "cat", path))
		if err == nil && res.Truncated {
			err = fmt.Errorf("it is larger than %d bytes", sshexec.CaptureLimit)
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", path, err)
		}
		return res.Stdout, nil
	})
}

// accountsFrom reads the four files, all or none.
func accountsFrom(read func(path string) ([]byte, error)) (AccountFiles, error) {
	var f AccountFiles
	for i, path := range accountPaths {
		data, err := read(path)
		if err != nil {
			return AccountFiles{}, err
		}
		f.contents[i] = data
	}
	return f, nil
}

// The fields of the lines.
const (
	fieldName     = 0
	passwdUID     = 2
	passwdGID     = 3
	passwdFields  = 7
	groupGID      = 2
	groupMembers  = 3
	groupFields   = 4
	shadowFields  = 9
	gshadowFields = 4
)

// account is one line.
type account struct {
	fields []string
	id     int // uid or gid; 0 in the shadow files
	gid    int // of a user
}

func (a account) name() string { return a.fields[fieldName] }

// nameOrNone is the name; empty for no account.
func (a account) nameOrNone() string {
	if len(a.fields) == 0 {
		return ""
	}
	return a.name()
}

func (a account) line() string { return strings.Join(a.fields, ":") }

// table is one file.
type table struct {
	accounts []account
	byName   map[string]int // index in accounts
	extra    []string       // comments, and the lines of NIS that begin with + or -
}

func (t *table) get(name string) (account, bool) {
	i, ok := t.byName[name]
	if !ok {
		return account{}, false
	}
	return t.accounts[i], true
}

func (t *table) add(a account) {
	t.byName[a.name()] = len(t.accounts)
	t.accounts = append(t.accounts, a)
}

func (t *table) set(a account) { t.accounts[t.byName[a.name()]] = a }

func (t *table) text() []byte {
	var b strings.Builder
	for _, a := range t.accounts {
		b.WriteString(a.line() + "\n")
	}
	for _, line := range t.extra {
		b.WriteString(line + "\n")
	}
	return []byte(b.String())
}

// parseTable reads one of the four files. Mistakes are ParseErrors, which name the account and show nothing else.
func parseTable(name string, data []byte, fields int) (*table, srcerr.List) {
	t := &table{byName: map[string]int{}}
	var errs srcerr.List
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		bad := func(near, format string, args ...any) {
			errs = append(errs, srcerr.Errorf(name, n, 1, near, format, args...))
		}
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			continue
		}
		if strings.ContainsRune("#+-", rune(line[0])) {
			t.extra = append(t.extra, line)
			continue
		}
		a := account{fields: strings.Split(line, ":")}
		if len(a.fields) != fields {
			bad(a.name(), "the line has %d fields, not %d", len(a.fields), fields)
			continue
		}
		if a.name() == "" || strings.ContainsAny(a.name(), " \t\x00") {
			bad(a.name(), "this is no name")
			continue
		}
		if _, ok := t.byName[a.name()]; ok {
			bad(a.name(), "the name is there twice")
			continue
		}
		var err error
		switch fields {
		case passwdFields:
			if a.id, err = number(a.fields[passwdUID]); err == nil {
				a.gid, err = number(a.fields[passwdGID])
			}
		case groupFields:
			if !strings.Contains(name, "gshadow") {
				a.id, err = number(a.fields[groupGID])
			}
		}
		if err != nil {
			bad(a.name(), "its number is none")
			continue
		}
		t.add(a)
	}
	if len(errs) == 0 && len(t.accounts) == 0 {
		errs = append(errs, srcerr.Errorf(name, 1, 1, "", "there is no account in it"))
	}
	return t, errs
}

// number is a uid or gid: 32 bits without a sign.
func number(s string) (int, error) {
	v, err := strconv.ParseUint(s, 10, 32)
	return int(v), err
}

// tables are the four files, taken apart.
type tables struct{ passwd, group, shadow, gshadow *table }

func (f AccountFiles) parse(where string) (tables, error) {
	var errs srcerr.List
	read := func(i, fields int) *table {
		t, wrong := parseTable(where+accountPaths[i], f.contents[i], fields)
		errs = append(errs, wrong...)
		return t
	}
	t := tables{
		passwd: read(0, passwdFields), group: read(1, groupFields),
		shadow: read(2, shadowFields), gshadow: read(3, gshadowFields),
	}
	if len(errs) > 0 {
		return tables{}, errs
	}
	return t, nil
}

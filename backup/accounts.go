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

// AccountFiles are the four files of users and groups, as they are on a machine or in a backup. They hold password hashes, and print as nothing.
//
// https://man7.org/linux/man-pages/man5/passwd.5.html
type AccountFiles struct {
	passwd, group, shadow, gshadow []byte
}

// String keeps the hashes out of logs.
func (AccountFiles) String() string { return "[accounts]" }

// GoString is String.
func (f AccountFiles) GoString() string { return f.String() }

// NewAccountFiles takes the contents of /etc/passwd, /etc/group, /etc/shadow and /etc/gshadow.
func NewAccountFiles(passwd, group, shadow, gshadow []byte) AccountFiles {
	return AccountFiles{passwd, group, shadow, gshadow}
}

// accountPaths are the files in the guide's order (lustre:126).
var accountPaths = []string{"/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"}

// each are the contents in the order of accountPaths.
func (f *AccountFiles) each() []*[]byte { return []*[]byte{&f.passwd, &f.group, &f.shadow, &f.gshadow} }

// Accounts are the users and groups in the backup.
func (a *Archive) Accounts() (AccountFiles, error) {
	var f AccountFiles
	for i, to := range f.each() {
		data, err := a.ReadFile(accountPaths[i])
		if err != nil {
			return AccountFiles{}, err
		}
		*to = data
	}
	return f, nil
}

// ReadAccounts reads the users and groups of the machine behind r; it must be root there.
func ReadAccounts(ctx context.Context, r sshexec.Runner) (AccountFiles, error) {
	var f AccountFiles
	if r == nil {
		return f, errors.New("the accounts cannot be read without a Runner")
	}
	for i, to := range f.each() {
		res, err := r.Run(ctx, sshexec.Command(sshexec.ReadOnly, "cat", accountPaths[i]))
		if err == nil && res.Truncated {
			err = fmt.Errorf("it is larger than %d bytes", sshexec.CaptureLimit)
		}
		if err != nil {
			return AccountFiles{}, fmt.Errorf("cannot read %s: %w", accountPaths[i], err)
		}
		*to = res.Stdout
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
func parseTable(name string, data []byte, fields int) (*table, error) {
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
	if len(errs) > 0 {
		return nil, errs
	}
	if len(t.accounts) == 0 {
		return nil, srcerr.Errorf(name, 1, 1, "", "there is no account in it")
	}
	return t, nil
}

// number is a uid or gid: 32 bits without a sign.
func number(s string) (int, error) {
	v, err := strconv.ParseUint(s, 10, 32)
	return int(v), err
}

// tables are the four files, taken apart.
type tables struct{ passwd, group, shadow, gshadow *table }

func (f AccountFiles) parse(where string) (t tables, err error) {
	var errs srcerr.List
	for i, to := range []**table{&t.passwd, &t.group, &t.shadow, &t.gshadow} {
		fields := []int{passwdFields, groupFields, shadowFields, gshadowFields}[i]
		got, err := parseTable(where+accountPaths[i], *f.each()[i], fields)
		switch e := err.(type) { //nolint:errorlint // parseTable makes them
		case nil:
			*to = got
		case srcerr.List:
			errs = append(errs, e...)
		case *srcerr.Error:
			errs = append(errs, e)
		}
	}
	if len(errs) > 0 {
		return tables{}, errs
	}
	return t, nil
}

package simhost

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The accounts of a host are what /etc/passwd, /etc/group and /etc/shadow say: restoring those files restores, or loses, accounts.

// field finds the line of a colon-separated file whose column holds a value.
func (h *Host) field(file string, column int, value string) []string {
	text, _ := h.ReadFile(file)
	for line := range strings.Lines(text) {
		cols := strings.Split(strings.TrimRight(line, "\n"), ":")
		if column < len(cols) && cols[column] == value {
			return cols
		}
	}
	return nil
}

// UserName is the name of a user id; the number where there is none.
func (h *Host) UserName(id int) string { return h.nameOf("/etc/passwd", id) }

// GroupName is the name of a group id; the number where there is none.
func (h *Host) GroupName(id int) string { return h.nameOf("/etc/group", id) }

func (h *Host) nameOf(file string, id int) string {
	if cols := h.field(file, 2, strconv.Itoa(id)); cols != nil {
		return cols[0]
	}
	return strconv.Itoa(id)
}

func (h *Host) userID(name string) int  { return h.idOf("/etc/passwd", name) }
func (h *Host) groupID(name string) int { return h.idOf("/etc/group", name) }

func (h *Host) idOf(file, name string) int {
	if cols := h.field(file, 0, name); len(cols) > 2 {
		if n, err := strconv.Atoi(cols[2]); err == nil {
			return n
		}
	}
	if n, err := strconv.Atoi(name); err == nil {
		return n
	}
	return -1
}

// HasUser tells whether there is an account of that name.
func (h *Host) HasUser(name string) bool { return h.field("/etc/passwd", 0, name) != nil }

// AddUser makes an account with its group; one that is there already stays as it is.
func (h *Host) AddUser(s *State, u User) {
	if u.Group == "" {
		u.Group = u.Name
	}
	add := func(file, line string) {
		text, _ := h.ReadFile(file)
		_ = h.WriteFile(s, file, text+line+"\n")
	}
	if h.field("/etc/group", 0, u.Group) == nil {
		add("/etc/group", fmt.Sprintf("%s:x:%d:", u.Group, u.ID))
	}
	if !h.HasUser(u.Name) {
		add("/etc/passwd", fmt.Sprintf("%s:x:%d:%d::%s:%s", u.Name, u.ID, u.ID, u.Home, u.Shell))
	}
	if h.field("/etc/shadow", 0, u.Name) == nil {
		add("/etc/shadow", u.Name+":!!:17000::::::")
	}
}

// passwordHash stands for crypt: the same password gives the same hash, and nobody reads it back.
func passwordHash(user, password string) string {
	return fmt.Sprintf("$6$simulated$%x", sha256.Sum256([]byte(user+"\x00"+password)))
}

// CheckPassword tells whether an account has that password.
func (h *Host) CheckPassword(user, password string) bool {
	cols := h.field("/etc/shadow", 0, user)
	return h.HasUser(user) && len(cols) > 1 && cols[1] == passwordHash(user, password)
}

// SetPassword sets an account's password; false when there is no such account.
func (h *Host) SetPassword(s *State, user, password string) bool {
	if !h.HasUser(user) {
		return false
	}
	text, _ := h.ReadFile("/etc/shadow")
	lines := strings.SplitAfter(text, "\n")
	lines = slices.DeleteFunc(lines, func(l string) bool { return l == "" || strings.HasPrefix(l, user+":") })
	lines = append(lines, user+":"+passwordHash(user, password)+":17000:0:99999:7:::\n")
	if err := h.WriteFile(s, "/etc/shadow", strings.Join(lines, "")); err != nil {
		return false
	}
	return true
}

func addAccountPrograms(r *Registry) {
	r.Command("id", 0, runID)
	r.Command("whoami", 0, func(c *Call) int { c.Printf("root\n"); return 0 })
	r.Command("passwd", 0, runPasswd)
	r.Command("chpasswd", 0, runChpasswd)
	r.Command("useradd", 0, runUseradd)
	r.Command("getent", 0, runGetent)
}

func runID(c *Call) int {
	f, err := parseFlags(c.Args, "ugn", "")
	if err != nil {
		return c.refuse(err)
	}
	name := "root"
	if len(f.rest) > 0 {
		name = f.rest[0]
	}
	cols := c.Host.field("/etc/passwd", 0, name)
	if len(cols) < 4 {
		return c.Fail(1, "id: %s: no such user", name)
	}
	gid, _ := strconv.Atoi(cols[3])
	switch grp := c.Host.GroupName(gid); {
	case f.has("u", "") && f.has("n", ""):
		c.Printf("%s\n", name)
	case f.has("u", ""):
		c.Printf("%s\n", cols[2])
	case f.has("g", ""):
		c.Printf("%s\n", cols[3])
	default:
		c.Printf("uid=%s(%s) gid=%s(%s) groups=%s(%s)\n", cols[2], name, cols[3], grp, cols[3], grp)
	}
	return 0
}

func runPasswd(c *Call) int {
	f, err := parseFlags(c.Args, "", "", "stdin")
	if err != nil || len(f.rest) != 1 {
		return c.Fail(1, "passwd: give one user name, and --stdin")
	}
	password, _, _ := strings.Cut(c.Stdin, "\n")
	if !c.Host.HasUser(f.rest[0]) {
		return c.Fail(1, "passwd: Unknown user name '%s'.", f.rest[0])
	}
	if password == "" {
		return c.Fail(1, "passwd: Authentication token manipulation error")
	}
	c.Host.SetPassword(c.State, f.rest[0], password)
	c.Printf("Changing password for user %s.\npasswd: all authentication tokens updated successfully.\n", f.rest[0])
	return 0
}

func runChpasswd(c *Call) int {
	for line := range strings.Lines(c.Stdin) {
		user, password, ok := strings.Cut(strings.TrimRight(line, "\n"), ":")
		if !ok || password == "" {
			return c.Fail(1, "chpasswd: line 1: missing new password")
		}
		if !c.Host.SetPassword(c.State, user, password) {
			return c.Fail(1, "chpasswd: (user %s) pam_chauthtok() failed, error:\nAuthentication token manipulation error", user)
		}
	}
	return 0
}

func runUseradd(c *Call) int {
	f, err := parseFlags(c.Args, "rMm", "ugdsc")
	if err != nil || len(f.rest) != 1 {
		return c.Fail(2, "Usage: useradd [options] LOGIN")
	}
	if c.Host.HasUser(f.rest[0]) {
		return c.Fail(9, "useradd: user '%s' already exists", f.rest[0])
	}
	id, err := strconv.Atoi(f.value['u'])
	if err != nil {
		id = 1000
	}
	c.Host.AddUser(c.State, User{Name: f.rest[0], Group: f.value['g'], ID: id, Home: f.value['d'], Shell: f.value['s']})
	return 0
}

func runGetent(c *Call) int {
	if len(c.Args) != 2 || !slices.Contains([]string{"passwd", "group", "shadow"}, c.Args[0]) {
		return c.Fail(1, "getent: only passwd, group and shadow are known here")
	}
	cols := c.Host.field("/etc/"+c.Args[0], 0, c.Args[1])
	if cols == nil {
		return 2
	}
	c.Printf("%s\n", strings.Join(cols, ":"))
	return 0
}

//go:build integration

package manager_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/manager"
)

// server is a PostgreSQL of the test's own, on a socket in its directory.
type server struct {
	t     *testing.T
	dir   string
	owner *syscall.Credential
}

func newServer(t *testing.T) server {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	require.NoError(t, err)
	account, err := user.Lookup("postgres")
	if err != nil || len(found) == 0 || os.Geteuid() != 0 {
		t.Skip("it needs root, PostgreSQL, and its account")
	}
	uid, err := strconv.Atoi(account.Uid)
	require.NoError(t, err)
	gid, err := strconv.Atoi(account.Gid)
	require.NoError(t, err)
	dir, err := os.MkdirTemp("/tmp", "pg") // a socket's path is short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chown(dir, uid, gid))
	s := server{t, dir, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	bin := filepath.Dir(found[len(found)-1])
	s.sh("", bin+"/initdb -D "+dir+"/data -A trust -E UTF8 --no-sync >/dev/null")
	s.sh("", bin+"/pg_ctl -D "+dir+"/data -w -l "+dir+"/log -o '-k "+dir+" -c listen_addresses= -F' start >/dev/null")
	t.Cleanup(func() { s.sh("", bin+"/pg_ctl -D "+dir+"/data -w -m immediate stop >/dev/null") })
	return s
}

// sh runs a script as postgres; in it, su - postgres -c runs its command here.
func (s server) sh(input, script string, args ...string) string {
	s.t.Helper()
	cmd := exec.Command("sh", append([]string{"-c", `su() { sh -c "$4"; }; ` + script, "sh"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner}
	cmd.Env = []string{"PATH=/usr/bin:/bin", "PGHOST=" + s.dir, "HOME=" + s.dir, "LC_ALL=C"}
	cmd.Stdin, cmd.Dir = strings.NewReader(input), s.dir
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(s.t, err, "%s\n%s", script, &errs)
	return string(out)
}

// What pg_dumpall of a real PostgreSQL prints is read as the rows that there are; the guide's pipe loads it into another one,
// in which the runbook's own question counts them.
func TestRealPostgres(t *testing.T) {
	old, fresh := newServer(t), newServer(t)
	old.sh("", `psql -q postgres -c "CREATE ROLE chroma LOGIN PASSWORD 'md5secret'" && createdb -O chroma chroma`)
	old.sh(`CREATE TABLE auth_user (id int, username text);
CREATE TABLE chroma_core_managedfilesystem (id int);
CREATE TABLE chroma_core_managedhost (id int, fqdn text);
CREATE TABLE chroma_core_managedtarget (id int);
INSERT INTO auth_user SELECT n, E'a tab\t, a line\n\\.\n-- PostgreSQL database cluster dump complete' FROM generate_series(1, 3000) n;
INSERT INTO chroma_core_managedhost VALUES (1, repeat('x', 300000));
`, "psql -q -v ON_ERROR_STOP=1 chroma")
	text := old.sh("", "/usr/bin/pg_dumpall --clean")
	d, err := manager.ReadDump(strings.NewReader(text))
	require.NoError(t, err)
	const want = "auth_user=3000 chroma_core_managedfilesystem=0 chroma_core_managedhost=1 chroma_core_managedtarget=0"
	rows, err := d.Rows("chroma", []string{"auth_user", "chroma_core_managedfilesystem", "chroma_core_managedhost",
		"chroma_core_managedtarget"})
	require.NoError(t, err)
	require.Equal(t, want, rows)
	_, err = manager.ReadDump(strings.NewReader(text[:len(text)*9/10]))
	require.ErrorIs(t, err, manager.ErrCutOff)

	fresh.sh("", `createdb chroma && psql -q chroma -c "CREATE TABLE auth_user (id int)"`) // of the installation
	scene := newScene(t, lustretest.ManagerOptions{}, nil)
	require.Equal(t, "0\n", fresh.sh("", quoted(scene.action(t, "database", "idle").Cmd.Argv)))
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	_, err = w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	dump := filepath.Join(fresh.dir, "pgbackup.sql.gz")
	require.NoError(t, os.WriteFile(dump, gz.Bytes(), 0o644))
	fresh.sh("", scene.action(t, "database", "load").Cmd.Argv[2], dump, filepath.Join(fresh.dir, "psql.log"))
	require.Equal(t, want+"\n", fresh.sh("", quoted(scene.action(t, "database", "rows").Cmd.Argv)))
	fresh.sh("", scene.action(t, "database", "load").Cmd.Argv[2], dump, filepath.Join(fresh.dir, "psql.log")) // once more
	require.Equal(t, want+"\n", fresh.sh("", quoted(scene.action(t, "database", "rows").Cmd.Argv)), "it is harmless twice")
}

// quoted is a command as the shell reads it.
func quoted(argv []string) string {
	words := make([]string, len(argv))
	for i, w := range argv {
		words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	return strings.Join(words, " ")
}

package sftpfiles_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/pkg/sftp"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/sftpfiles"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// machine is a server in this process, with sftp where something serves it, and a client of it.
func machine(t *testing.T, serve func(io.ReadWriter)) (*sshexectest.Server, *sshexec.Client) {
	t.Helper()
	key, err := sshexectest.NewKey()
	require.NoError(t, err)
	cfg := sshexectest.Config{
		HostKeys: []ssh.Signer{key}, Authorized: []ssh.PublicKey{key.PublicKey()}, Handler: sshexectest.RunnerHandler(sshexec.Local{}),
	}
	if serve != nil {
		cfg.Subsystem = func(name string) (func(io.ReadWriter), bool) { return serve, name == "sftp" }
	}
	server, err := sshexectest.NewServer(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	addr, err := server.Listen()
	require.NoError(t, err)
	known := filepath.Join(t.TempDir(), "known_hosts")
	require.NoError(t, os.WriteFile(known, []byte(server.KnownHosts(addr)), 0o600))
	c, err := sshexec.Dial(t.Context(), sshexec.Config{
		Host: "cluman", Addr: addr, User: "root", Auth: sshexec.Auth{Keys: []ssh.Signer{key}}, KnownHosts: []string{known},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return server, c
}

func serveSFTP(stream io.ReadWriter) {
	server, err := sftp.NewServer(struct {
		io.ReadWriter
		io.Closer
	}{stream, io.NopCloser(nil)})
	if err == nil {
		_ = server.Serve()
	}
}

// serveDamaged is an sftp server in memory that changes a byte of what is written.
func serveDamaged(stream io.ReadWriter) {
	handlers := sftp.InMemHandler()
	put := handlers.FilePut
	handlers.FilePut = writing(func(r *sftp.Request) (io.WriterAt, error) {
		w, err := put.Filewrite(r)
		return damaging{w}, err
	})
	cmd := handlers.FileCmd
	handlers.FileCmd = changing(func(r *sftp.Request) error {
		if r.Method == "Setstat" {
			return nil // it has no modes of directories
		}
		return cmd.Filecmd(r)
	})
	_ = sftp.NewRequestServer(struct {
		io.ReadWriter
		io.Closer
	}{stream, io.NopCloser(nil)}, handlers).Serve()
}

type writing func(*sftp.Request) (io.WriterAt, error)

func (f writing) Filewrite(r *sftp.Request) (io.WriterAt, error) { return f(r) }

type changing func(*sftp.Request) error

func (f changing) Filecmd(r *sftp.Request) error { return f(r) }

type damaging struct{ io.WriterAt }

func (d damaging) WriteAt(p []byte, at int64) (int, error) {
	p = bytes.Clone(p)
	p[0]++
	return d.WriterAt.WriteAt(p, at)
}

// What the disk made something else of is not given the name.
func TestDamagedCopy(t *testing.T) {
	_, c := machine(t, serveDamaged)
	s := open(t, c)
	require.ErrorIs(t, s.Upload(t.Context(), bytes.NewReader([]byte("whole")), "/file", 0o600), sshexec.ErrDigest)
	list, err := s.List(t.Context(), "/")
	require.NoError(t, err)
	require.Empty(t, list)
}

func open(t *testing.T, c *sshexec.Client) *sftpfiles.Session {
	t.Helper()
	s, err := sftpfiles.Open(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// SSH-003, SSH-004: the guide's "sftp> get" and "sftp> put" (cps:444,475) without the operator: there and back, with
// the mode, whole or not at all, under any name.
func TestUploadAndDownload(t *testing.T) {
	_, c := machine(t, serveSFTP)
	s, dir := open(t, c), t.TempDir()
	data := make([]byte, 3<<20+7)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	for _, name := range []string{"migrate_cluman_20180105_170515.tar.gz", "-x", "new\nline", `back\slash`, "it's a $file", "\xff"} {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte("old"), 0o600))
		require.NoError(t, s.Upload(t.Context(), bytes.NewReader(data), file, 0o640))
		got, err := os.ReadFile(file)
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, got))
		info, err := s.Stat(t.Context(), file)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o640), info.Mode)
		require.EqualValues(t, len(data), info.Size)
		var back bytes.Buffer
		require.NoError(t, s.Download(t.Context(), file, &back))
		require.True(t, bytes.Equal(data, back.Bytes()))
	}
	list, err := s.List(t.Context(), dir)
	require.NoError(t, err)
	require.Len(t, list, 6, "temporary files are gone")
	require.Equal(t, "-x", list[0].Name)
	require.EqualValues(t, os.Getuid(), list[0].UID)
}

func TestDirectories(t *testing.T) {
	_, c := machine(t, serveSFTP)
	s, dir := open(t, c), t.TempDir()
	sub := filepath.Join(dir, "sub")
	require.NoError(t, s.Mkdir(t.Context(), sub, 0o710))
	info, err := s.Stat(t.Context(), sub)
	require.NoError(t, err)
	require.Equal(t, fs.ModeDir|0o710, info.Mode)
	require.Error(t, s.Mkdir(t.Context(), sub, 0o710))
	require.Error(t, s.Upload(t.Context(), bytes.NewReader(nil), sub, 0o600), "a directory has the name")
	require.NoError(t, s.Remove(t.Context(), sub))
	require.ErrorIs(t, s.Remove(t.Context(), sub), fs.ErrNotExist)
	_, err = s.Stat(t.Context(), sub)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = s.List(t.Context(), sub)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorIs(t, s.Download(t.Context(), sub, io.Discard), fs.ErrNotExist)
	for _, name := range []string{"", "relative", "/tmp/", "/tmp/../x"} {
		require.ErrorIs(t, s.Remove(t.Context(), name), sshexec.ErrNotClean)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestUploadFailures(t *testing.T) {
	_, c := machine(t, serveSFTP)
	s, dir := open(t, c), t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("old"), 0o600))
	broken := errors.New("the disk is gone")
	err := s.Upload(t.Context(), io.MultiReader(bytes.NewReader(make([]byte, 100000)), failing{broken}), file, 0o600)
	require.ErrorIs(t, err, broken)
	// While it is written, others cannot get at it.
	looking := func() {
		tmp, err := filepath.Glob(filepath.Join(dir, "*.evenkeel-*", "file"))
		require.NoError(t, err)
		require.Len(t, tmp, 1)
		info, err := os.Stat(filepath.Dir(tmp[0]))
		require.NoError(t, err)
		require.Equal(t, fs.ModeDir|0o700, info.Mode())
	}
	require.NoError(t, s.Upload(t.Context(), io.MultiReader(bytes.NewReader(make([]byte, 10)), calling(looking)),
		filepath.Join(dir, "other"), 0o600))
	got, err := os.ReadFile(filepath.Join(dir, "other"))
	require.NoError(t, err)
	require.Len(t, got, 10)
	old, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "old", string(old))
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// calling calls the function when it is read, and is empty.
type calling func()

func (c calling) Read([]byte) (int, error) {
	c()
	return 0, io.EOF
}

func TestSessionsEnd(t *testing.T) {
	t.Run("no subsystem", func(t *testing.T) {
		_, c := machine(t, nil)
		_, err := sftpfiles.Open(t.Context(), c)
		require.ErrorIs(t, err, sshexec.ErrSessionRefused)
		_, err = c.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "true"))
		require.NoError(t, err, "the connection lives on")
	})
	t.Run("cancelled in the middle", func(t *testing.T) {
		_, c := machine(t, serveSFTP)
		s := open(t, c)
		ctx, cancel := context.WithCancel(t.Context())
		file := filepath.Join(t.TempDir(), "file")
		err := s.Upload(ctx, io.MultiReader(bytes.NewReader(make([]byte, 100000)), endless{cancel}), file, 0o600)
		require.ErrorIs(t, err, context.Canceled)
		require.NoFileExists(t, file)
		_, err = s.Stat(t.Context(), file)
		require.ErrorIs(t, err, sftpfiles.ErrClosed)
		_, err = c.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "true"))
		require.NoError(t, err, "the connection lives on")
	})
	t.Run("lost", func(t *testing.T) {
		server, c := machine(t, serveSFTP)
		s := open(t, c)
		server.Drop()
		_, err := s.Stat(t.Context(), "/")
		require.ErrorIs(t, err, sftpfiles.ErrClosed)
	})
	t.Run("cancelled before", func(t *testing.T) {
		_, c := machine(t, serveSFTP)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := sftpfiles.Open(ctx, c)
		require.ErrorIs(t, err, context.Canceled)
		s := open(t, c)
		require.ErrorIs(t, s.Remove(ctx, "/tmp/x"), context.Canceled)
	})
}

// endless gives zeros, and cancels.
type endless struct{ cancel func() }

func (e endless) Read(p []byte) (int, error) {
	e.cancel()
	clear(p)
	return len(p), nil
}

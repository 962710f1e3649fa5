//go:build linux

package wire

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConversation(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 40)) // longer than a socket's path may be
	require.NoError(t, os.Mkdir(dir, 0o755))
	l, err := Listen(dir, "x.sock")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	info, err := os.Stat(filepath.Join(dir, "x.sock"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	served := make(chan Request, 1)
	go func() {
		conn, err := l.AcceptUnix()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		var request Request
		files, err := Receive(conn, &request)
		if err != nil || len(files) != 1 {
			return
		}
		_, _ = io.WriteString(files[0], "through the descriptor")
		CloseAll(files)
		served <- request
		_ = Send(conn, Answer{Exit: 7})
	}()
	conn, err := Dial(dir, "x.sock")
	require.NoError(t, err)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	long := strings.Repeat("x", 100<<10) // several writes
	require.NoError(t, Send(conn, Request{Op: OpExec, Argv: []string{long}}, w))
	require.NoError(t, w.Close())
	require.Equal(t, Request{Op: OpExec, Argv: []string{long}}, <-served)
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "through the descriptor", string(text))
	var answer Answer
	_, err = Receive(conn, &answer)
	require.NoError(t, err)
	require.Equal(t, 7, answer.Exit)
	_, err = Receive(conn, &answer)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "an end is not an answer")
}

func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(`{"op":"start","target":"x"}`))
	f.Add([]byte(`{"op":"power","strange":1}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var request HardwareRequest
		_ = Unmarshal(line, &request)
	})
}

func TestMessageOfAnotherEdition(t *testing.T) {
	var request HardwareRequest
	require.ErrorContains(t, Unmarshal([]byte(`{"op":"power","strange":1}`), &request), "strange")
	var r Release
	require.ErrorContains(t, r.UnmarshalText([]byte("newest")), `unknown release "newest"`)
}

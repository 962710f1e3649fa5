package sshexec_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/sshexectest/conformance"
)

// Decorators and the replay of a recording are Runners like the others.
func TestDecoratorsConform(t *testing.T) {
	local := sshexec.Local{}
	for name, r := range map[string]sshexec.Runner{
		"audit":   sshexec.NewAudit(io.Discard).Runner("node1", local),
		"dry run": sshexec.DryRun(local, nil),
	} {
		t.Run(name, func(t *testing.T) {
			conformance.Test(t, func(*testing.T) sshexec.Runner { return r }, conformance.Options{Quick: true})
		})
	}
}

func TestReplayConforms(t *testing.T) {
	recordings := map[string]*bytes.Buffer{}
	test := func(t *testing.T) string {
		_, name, _ := strings.Cut(t.Name(), "/")
		_, name, _ = strings.Cut(name, "/")
		return name
	}
	t.Run("record", func(t *testing.T) {
		conformance.Test(t, func(t *testing.T) sshexec.Runner {
			recordings[test(t)] = &bytes.Buffer{}
			return sshexec.Record(sshexec.Local{}, recordings[test(t)])
		}, conformance.Options{Quick: testing.Short()})
	})
	t.Run("replay", func(t *testing.T) {
		conformance.Test(t, func(t *testing.T) sshexec.Runner {
			text := recordings[test(t)]
			if text.Len() == 0 { // a test in which nothing runs
				text.WriteString("sshexec recording 1\n")
			}
			r, err := sshexec.NewReplay("", text)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, r.Done()) })
			return r
		}, conformance.Options{Quick: testing.Short()})
	})
}

func TestRecordingGolden(t *testing.T) {
	results := []sshexec.Result{
		{Outcome: sshexec.Exited, Stdout: []byte("Cluster name: it's\n\nno newline")},
		{Outcome: sshexec.Exited, ExitCode: 6, Stderr: []byte("bad password geheim\x00\n| odd \\\n")},
		{Outcome: sshexec.Signalled, Signal: "KILL"},
		{Outcome: sshexec.Unknown, Stdout: []byte("half"), Truncated: true},
	}
	var cause error
	fake := sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		res := results[0]
		results = results[1:]
		if res.Outcome == sshexec.Unknown {
			cause = sshexec.ErrDisconnected
		}
		return res, sshexec.Failure("node1", cmd, res, cause)
	})
	var text bytes.Buffer
	r := sshexec.Record(fake, &text, "geheim")
	cmds := []sshexec.Cmd{
		{Argv: []string{"pcs", "status", "-x", "a\nb"}, Effect: sshexec.ReadOnly, Env: []string{"A=1"}, Dir: "/tmp"},
		{Argv: []string{"passwd", "--stdin"}, Effect: sshexec.Mutating, Stdin: sshexec.SecretText("geheim")},
		{Argv: []string{"cat"}, Effect: sshexec.ReadOnly, Stdin: sshexec.Text("key geheim\nend")},
		{Argv: []string{"reboot"}, Effect: sshexec.Disruptive, Stdin: sshexec.FileInput("/etc/hosts")},
	}
	for _, cmd := range cmds {
		_, _ = r.Run(t.Context(), cmd)
	}
	require.NotContains(t, text.String(), "geheim")
	golden.Check(t, "recording.txt", text.String())

	again, err := sshexec.NewReplay("node1", &text, "geheim")
	require.NoError(t, err)
	require.ErrorContains(t, again.Done(), "4 recorded commands were not asked for, the first in line 3")
	res, err := again.Run(t.Context(), cmds[3])
	require.ErrorIs(t, err, sshexec.ErrDisconnected)
	require.Equal(t, "half", string(res.Stdout))
	require.True(t, res.Truncated)
	res, err = again.Run(t.Context(), cmds[0])
	require.NoError(t, err)
	require.Equal(t, "Cluster name: it's\n\nno newline", string(res.Stdout))
	// Nothing answers twice, and nothing else answers.
	for _, cmd := range []sshexec.Cmd{cmds[0], sshexec.Command(sshexec.ReadOnly, "other"), sshexec.Command(sshexec.ReadOnly, "reboot")} {
		res, err = again.Run(t.Context(), cmd)
		require.ErrorIs(t, err, sshexec.ErrUnscripted)
		require.Equal(t, sshexec.NotStarted, res.Outcome)
	}
	res, err = again.Run(t.Context(), cmds[1])
	require.Error(t, err)
	require.Equal(t, 6, res.ExitCode)
	require.Equal(t, "bad password [redacted]\x00\n| odd \\\n", string(res.Stderr))
	res, _ = again.Run(t.Context(), cmds[2])
	require.Equal(t, "KILL", res.Signal)
	require.NoError(t, again.Done())
}

// What was recorded is answered, byte for byte.
func TestRecordingRoundTrip(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[|\\" \na]{0,10}`),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 20), func(b []byte) string { return string(b) }))
	noNUL := text.Filter(func(s string) bool { return !strings.Contains(s, "\x00") })
	rapid.Check(t, func(t *rapid.T) {
		cmd := sshexec.Command(sshexec.Mutating, append([]string{"x"}, rapid.SliceOfN(noNUL, 0, 3).Draw(t, "args")...)...)
		cmd.Dir, cmd.Stdin = noNUL.Draw(t, "dir"), sshexec.Text(text.Draw(t, "stdin"))
		want := sshexec.Result{Outcome: sshexec.Exited, ExitCode: rapid.IntRange(0, 255).Draw(t, "code")}
		if s := text.Draw(t, "stdout"); s != "" {
			want.Stdout = []byte(s)
		}
		if s := text.Draw(t, "stderr"); s != "" {
			want.Stderr = []byte(s)
		}
		var b bytes.Buffer
		_, _ = sshexec.Record(sshexec.RunnerFunc(func(context.Context, sshexec.Cmd) (sshexec.Result, error) {
			return want, sshexec.Failure("", cmd, want, nil)
		}), &b).Run(context.Background(), cmd)
		r, err := sshexec.NewReplay("", &b)
		require.NoError(t, err)
		got, err := r.Run(context.Background(), cmd)
		require.Equal(t, want.ExitCode != 0, err != nil)
		require.Empty(t, cmp.Diff(want, got))
	})
}

func TestRecordingErrors(t *testing.T) {
	const head = "sshexec recording 1\n"
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", "the recording is empty"},
		{"another file", "<cib/>\n", `f:1:1: not a recording: the first line must be "sshexec recording 1": near "<cib/>"`},
		{"no command", head + "effect read-only\n", `f:2:1: a command must come first: near "effect read-only"`},
		{"unknown word", head + "command \"a\"\neffect read-only\noutcome exited 0\ncolour red\n", `f:5:1: unknown word: near "colour red"`},
		{"unquoted", head + "command ls\neffect read-only\noutcome exited 0\n", `f:2:1: not a quoted text: near "ls"`},
		{"all at once", head + "command \"a\"\n\ncommand \"b\"\neffect x\noutcome maybe\n",
			"f:2:1: the command has no effect line\nf:2:1: the command has no outcome line\nf:5:1: unknown effect"},
		{"stray text", head + "| x\n", "f:2:1: text that belongs to nothing"},
		{"text after its end", head + "command \"a\"\neffect read-only\noutcome exited 0\nstdout\n| x\n|\\\n| y\n", "f:8:1: text after its end"},
		{"status", head + "command \"a\"\neffect read-only\noutcome exited x\n", "f:4:1: an exit status is a number"},
		{"bytes", head + "\xff", "f:2:1: not a text file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := sshexec.NewReplay("", srcerr.Named("f", strings.NewReader(c.in)))
			require.ErrorContains(t, err, c.want)
			var pe *sshexec.ParseError
			require.ErrorAs(t, err, &pe)
		})
	}
}

func FuzzNewReplay(f *testing.F) {
	f.Add("sshexec recording 1\n\ncommand \"a\" \"b\"\neffect read-only\nstdin text\n| x\noutcome exited 0\ncause " +
		"timeout\n| t\n|\\\nstdout\n| x\n|\"\\x00\"\n|\\\n")
	f.Add("sshexec recording 1\ncommand \"a\"\neffect mutating\noutcome signalled TERM\n")
	f.Add("sshexec recording 1\nstdout\n|")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := sshexec.NewReplay("", strings.NewReader(s))
		if err == nil {
			_ = r.Done()
		}
	})
}

// A dry run cannot forward a command that changes anything.
func TestDryRunForwardsOnlyReadOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var forwarded, reported int
		r := sshexec.DryRun(sshexec.RunnerFunc(func(_ context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
			require.Equal(t, sshexec.ReadOnly, cmd.Effect)
			forwarded++
			return sshexec.Result{Outcome: sshexec.Exited}, nil
		}), func(sshexec.Cmd) { reported++ })
		effect := sshexec.Effect(rapid.Uint8().Draw(t, "effect"))
		_, err := r.Run(context.Background(), sshexec.Command(effect, "x"))
		switch effect {
		case sshexec.ReadOnly:
			require.Equal(t, []int{1, 0}, []int{forwarded, reported})
		case sshexec.Mutating, sshexec.Disruptive:
			require.NoError(t, err)
			require.Equal(t, []int{0, 1}, []int{forwarded, reported})
		default:
			require.ErrorIs(t, err, sshexec.ErrNoEffect)
			require.Zero(t, forwarded+reported)
		}
	})
}

// SSH-005: no secret in the audit log; and every command has its two lines.
func TestAudit(t *testing.T) {
	var log bytes.Buffer
	audit := sshexec.NewAudit(&log, "first-secret")
	r := audit.Runner("node1", sshexec.Local{})
	cmd := sshexec.Script(sshexec.Mutating, `echo "first-secret $(cat)" >&2; exit 3`)
	cmd.Stdin, cmd.Mask = sshexec.SecretText("second-secret"), []sshexec.Secret{"second-secret"}
	_, err := r.Run(t.Context(), cmd)
	require.Error(t, err)
	_, err = audit.Runner("node2", sshexec.Local{}).Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "true"))
	require.NoError(t, err)
	require.NotContains(t, log.String(), "first-secret")
	require.NotContains(t, log.String(), "second-secret")

	var lines []sshexec.AuditRecord
	for _, line := range strings.Split(strings.TrimSpace(log.String()), "\n") {
		var rec sshexec.AuditRecord
		require.NoError(t, json.Unmarshal([]byte(line), &rec))
		lines = append(lines, rec)
	}
	require.Len(t, lines, 4)
	require.Equal(t, "start", lines[0].Event)
	require.Nil(t, lines[0].Outcome)
	require.Equal(t, "end", lines[1].Event)
	require.Equal(t, lines[0].ID, lines[1].ID)
	require.Equal(t, sshexec.Exited, *lines[1].Outcome)
	require.Equal(t, 3, lines[1].ExitCode)
	require.Contains(t, lines[1].Error, "[redacted]")
	require.Equal(t, "node2", lines[3].Host)
	require.Equal(t, sshexec.ReadOnly, lines[3].Effect)
}

// A command that cannot be logged is not run.
func TestAuditThatCannotBeWritten(t *testing.T) {
	full := errors.New("no space left")
	ran := false
	r := sshexec.NewAudit(writerFunc(func([]byte) (int, error) { return 0, full })).Runner("node1",
		sshexec.RunnerFunc(func(context.Context, sshexec.Cmd) (sshexec.Result, error) {
			ran = true
			return sshexec.Result{Outcome: sshexec.Exited}, nil
		}))
	_, err := r.Run(t.Context(), sshexec.Command(sshexec.Mutating, "x"))
	require.ErrorIs(t, err, full)
	require.Equal(t, sshexec.NotStarted, sshexec.OutcomeOf(err))
	require.False(t, ran)
}

// The log's lines stay whole when many commands run at a time.
func TestAuditConcurrent(t *testing.T) {
	var log bytes.Buffer
	r := sshexec.NewAudit(&log).Runner("n", sshexec.RunnerFunc(func(context.Context, sshexec.Cmd) (sshexec.Result, error) {
		time.Sleep(time.Millisecond)
		return sshexec.Result{Outcome: sshexec.Exited}, nil
	}))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { _, _ = r.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "x")) })
	}
	all.Wait()
	d := json.NewDecoder(&log)
	n := 0
	for ; d.More(); n++ {
		require.NoError(t, d.Decode(&sshexec.AuditRecord{}))
	}
	require.Equal(t, 40, n)
}

package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// On a terminal no word is broken at the edge, what follows is indented, and a command stays as it is to be copied.
func TestProseIsBrokenBetweenWords(t *testing.T) {
	text := "note of preflight/recovery-times: where clients do not come back a recovery takes 5 m (recovery_time_soft), and up to 15 m\n" +
		"  served               Every target is mounted on one of the nodes of the pair, all the time.\n\nThen: tool resume --config " +
		strings.Repeat("long/", 30) + "c.yaml\nshort\nwithout an end"
	for _, width := range []int{60, 80, 100, 160} {
		var b strings.Builder
		n, err := fmt.Fprint(proseWriter{&b, "tool", func() (int, int) { return width, 24 }}, text)
		require.NoError(t, err)
		require.Equal(t, len(text), n)
		require.Equal(t, strings.Fields(text), strings.Fields(b.String()), "no word is broken or lost")
		for _, line := range strings.Split(b.String(), "\n") {
			if !strings.Contains(line, "tool ") {
				require.LessOrEqual(t, ansi.StringWidth(line), width, line)
			}
		}
		require.Contains(t, b.String(), "\nThen: tool resume --config long/long/")
		require.True(t, strings.HasSuffix(b.String(), "c.yaml\nshort\nwithout an end"))
		if width < 80 {
			require.Regexp(t, `(?m)^  \S.*\n  served .*\n    \S`, b.String(), "what follows is indented")
		}
	}
	var b strings.Builder
	require.Equal(t, &b, testApp(&b, &b).prose(&b, nil), "a pipe has whole lines")
}

// A pseudoterminal of a width, and what is printed there up to a line that begins with the word end.
func pseudoterminal(t *testing.T, width uint16) (*os.File, func() string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = master.Close() })
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	require.NoError(t, unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: width}))
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = slave.Close() })
	return slave, func() string {
		_, err := io.WriteString(slave, "end\n")
		require.NoError(t, err)
		text := ""
		for lines := bufio.NewScanner(master); lines.Scan(); text += strings.TrimRight(lines.Text(), "\r") + "\n" {
			if lines.Text() == "end\r" || lines.Text() == "end" {
				break
			}
		}
		return text
	}
}

// Each output is broken at its own width, and a pipe beside a terminal is not, be it of a job of the binary's own.
func TestProseHasTheWidthOfItsOwnOutput(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("words ", 40))
	says := func(a *App) *cobra.Command {
		return a.Command(&cobra.Command{Use: "say"}, func(context.Context, []string) (int, error) {
			_, err1 := a.Answer("text", nil, func() string { return long + "\n" })
			_, err2 := fmt.Fprintln(a.said(), long)
			return ExitFailed, errors.Join(err1, err2, errors.New(long))
		})
	}
	for _, tc := range []struct{ out, errs uint16 }{{60, 0}, {0, 60}, {60, 100}, {100, 60}, {0, 0}} {
		for _, args := range [][]string{{"say"}, {"job", "say"}} {
			a := testApp(nil, nil)
			a.Verbs = []func(*App) *cobra.Command{says}
			a.Jobs = map[string]func() *App{"job": func() *App {
				job := testApp(nil, nil)
				job.Name, job.Verbs = "tool job", a.Verbs
				return job
			}}
			printed := map[*io.Writer]func() string{}
			for to, width := range map[*io.Writer]uint16{&a.Stdout: tc.out, &a.Stderr: tc.errs} {
				if width == 0 {
					b := &bytes.Buffer{}
					*to, printed[to] = b, b.String
				} else {
					*to, printed[to] = pseudoterminal(t, width)
				}
			}
			require.Equal(t, ExitFailed, a.Main(args))
			for to, width := range map[*io.Writer]uint16{&a.Stdout: tc.out, &a.Stderr: tc.errs} {
				text := printed[to]()
				require.Contains(t, strings.Join(strings.Fields(text), " "), long, "%+v", tc)
				longest := 0
				for line := range strings.Lines(text) {
					longest = max(longest, len(strings.TrimSpace(line)))
				}
				if width == 0 {
					require.GreaterOrEqual(t, longest, len(long), "%+v: a pipe has whole lines", tc)
				} else {
					require.LessOrEqual(t, longest, int(width), "%+v", tc)
					require.Greater(t, longest, int(width)-12, "%+v: its width is used", tc)
				}
			}
		}
	}
}

// What a program reads is broken nowhere, be it on a terminal.
func TestAnAnswerForAProgramIsWhole(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("words ", 40))
	for _, format := range []string{"json", "yaml"} {
		a := testApp(nil, nil)
		terminal, printed := pseudoterminal(t, 60)
		a.Stdout, a.screen = terminal, terminal
		_, err := a.Answer(format, map[string]string{"said": long}, nil)
		require.NoError(t, err)
		require.Contains(t, printed(), long, format)
	}
}

// A question is asked where the operator sees it, also when the output goes to a file.
func TestAQuestionIsAskedAtATerminal(t *testing.T) {
	terminal, _ := pseudoterminal(t, 80)
	var out, errs bytes.Buffer
	for _, tc := range []struct {
		screen, errors *os.File
		want           io.Writer
	}{{terminal, terminal, &out}, {terminal, nil, &out}, {nil, terminal, &errs}, {nil, nil, &out}} {
		a := testApp(&out, &errs)
		a.screen, a.errors = tc.screen, tc.errors
		require.Same(t, tc.want, a.question())
		require.Same(t, tc.want, a.operator(&Config{}, nil, nil, true, nil).out)
	}
}

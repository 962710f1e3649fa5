package cli

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// full is an output without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no room") }

func testApp(out, errs io.Writer) *App {
	return &App{
		Name: "tool", Stdout: out, Stderr: errs, Stdin: strings.NewReader(""), Read: ReadConfig[someJob],
		Inspect: func(name string) (*Inspection, error) { return &Inspection{File: name, Kind: "a file"}, nil },
	}
}

// Exit 0 says that the answer was given: one that was lost is an error, said once on the error output.
func TestAnAnswerThatIsLostIsAnError(t *testing.T) {
	for _, args := range [][]string{{"inspect", "f"}, {"inspect", "--json", "f"}, {"help"}} {
		var errs strings.Builder
		require.Equal(t, ExitDone, testApp(io.Discard, &errs).Main(args), "%s", errs.String())
		require.Empty(t, errs.String())
		require.Equal(t, ExitFailed, testApp(full{}, &errs).Main(args))
		require.Equal(t, 1, strings.Count(errs.String(), "no room"), errs.String())
		require.Equal(t, 1, strings.Count(errs.String(), "\n"), errs.String())
	}
}

// A run whose output is lost is asked to stop, and says so once where something can still be said. What comes on the
// error output later is not lost with it.
func TestALostOutputIsSaidOnce(t *testing.T) {
	var errs strings.Builder
	a, asked := testApp(full{}, &errs), 0
	a.detachable(func() { asked++ }, "tool resume --config c.yaml")
	for range 3 {
		n, err := io.WriteString(a.Stdout, "text")
		require.NoError(t, err, "what cannot be printed ends no run")
		require.Equal(t, 4, n)
	}
	require.Equal(t, 1, asked)
	require.Equal(t, "tool: the output is lost: no room. The run stops at the next safe point, unless it ends before. "+
		"The journal knows where. "+
		"To go on: tool resume --config c.yaml\n", errs.String())
	_, err := io.WriteString(a.Stderr, "and then\n")
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(errs.String(), "and then\n"))
}

// Where neither output works, nothing is said, and the run stops all the same.
func TestBothOutputsMayBeLost(t *testing.T) {
	a, asked := testApp(full{}, full{}), 0
	a.detachable(func() { asked++ }, "")
	_, err := io.WriteString(a.Stderr, "text")
	require.NoError(t, err)
	require.Equal(t, 1, asked)
	_, err = io.WriteString(a.Stdout, "text")
	require.NoError(t, err)
}

// A lost terminal detaches both outputs, and nothing is said.
func TestALostTerminalIsSilent(t *testing.T) {
	var errs strings.Builder
	a := testApp(full{}, &errs)
	a.detachable(func() { t.Error("it asks to stop") }, "")()
	_, err := io.WriteString(a.Stdout, "text")
	require.NoError(t, err)
	require.Empty(t, errs.String())
}

// A mistake on the command line is said once, and one thing is not "things".
func TestAMistakeIsSaidOnce(t *testing.T) {
	var errs strings.Builder
	require.Equal(t, ExitInput, testApp(io.Discard, &errs).Main([]string{"status", "--bogus"}))
	require.Equal(t, 1, strings.Count(errs.String(), "--bogus"), errs.String())
	require.Contains(t, errs.String(), "tool status --help")
	errs.Reset()
	require.Equal(t, ExitInput, testApp(io.Discard, &errs).Main([]string{"inspect"}))
	require.Contains(t, errs.String(), "it takes FILE and got")
	require.Equal(t, "1 thing is", counted(1, "thing is", "things are"))
	require.Equal(t, "2 things are", counted(2, "thing is", "things are"))
}

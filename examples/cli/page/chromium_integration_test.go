//go:build integration

package page_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A real browser renders the page at the width of a telephone and of a screen, and prints it; it finds nothing to
// complain about: no script, nothing that the policy refuses.
func TestChromium(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("there is no chromium")
	}
	dir := t.TempDir()
	for name, bad := range map[string]string{"plain.html": "word", "hostile.html": strings.Join(hostile, " ")} {
		text, _ := written(t, book(bad), options(bad))
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		for _, action := range []string{"--window-size=400,900 --screenshot", "--window-size=1280,900 --screenshot",
			"--print-to-pdf", "--dump-dom"} {
			out := filepath.Join(dir, "out.png") // the kind is told by the name
			if strings.Contains(action, "pdf") {
				out = filepath.Join(dir, "out.pdf")
			}
			args := append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=" + filepath.Join(dir, "profile"),
				"--enable-logging=stderr"}, strings.Fields(action)...)
			if !strings.HasSuffix(action, "dom") {
				args[len(args)-1] += "=" + out
			}
			cmd := exec.CommandContext(t.Context(), chromium, append(args, "file://"+file)...)
			said := &strings.Builder{}
			cmd.Stderr = said
			dom, err := cmd.Output()
			require.NoError(t, err, "%s", said)
			for _, complaint := range []string{"CONSOLE", "Refused to", "Content Security Policy"} {
				require.NotContains(t, said.String(), complaint, "%s %s", name, action)
			}
			if strings.HasSuffix(action, "dom") {
				require.Contains(t, string(dom), "</html>")
				require.NotContains(t, string(dom), "<script")
				continue
			}
			info, err := os.Stat(out)
			require.NoError(t, err)
			require.Positive(t, info.Size())
		}
	}
}

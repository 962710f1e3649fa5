package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/evenkeel-ha/evenkeel/internal/infile"
)

// manCommand writes the man pages.
func (a *App) manCommand() *cobra.Command {
	return a.Command(&cobra.Command{
		Use: "man DIR", Short: "Write man pages into a directory", GroupID: groupTool, Args: cobra.ExactArgs(1),
		Long:    "Write a man page for each command into a directory, which is made if it is not there.",
		Example: "  TOOL man ./man1 && man -l ./man1/TOOL.1",
	}, func(_ context.Context, args []string) (int, error) {
		if err := os.MkdirAll(args[0], 0o755); err != nil {
			return ExitInput, fmt.Errorf("the man pages cannot be written: %w", infile.Plain(err))
		}
		header := doc.GenManHeader{Section: "1", Source: a.Name + " " + a.Version, Manual: a.Name}
		if made, err := time.Parse(time.RFC3339, a.build().Time); err == nil { // else it is today, or SOURCE_DATE_EPOCH
			header.Date = &made // the same source gives the same pages
		}
		if err := manTree(a.Root(), header, args[0]); err != nil {
			return ExitFailed, err
		}
		return ExitDone, nil
	})
}

// manTree writes the pages of a command and of those that it holds. It is cobra's GenManTree with the exit status.
func manTree(c *cobra.Command, header doc.GenManHeader, dir string) error {
	for _, sub := range c.Commands() {
		if !sub.IsAvailableCommand() || sub.IsAdditionalHelpTopicCommand() {
			continue
		}
		if err := manTree(sub, header, dir); err != nil {
			return err
		}
	}
	var page bytes.Buffer
	if err := doc.GenMan(c, &header, &page); err != nil {
		return err
	}
	// man-pages(7) has it before the examples; a command without examples still has others to see.
	text, status := page.String(), exitStatus()
	for _, section := range []string{"\n.SH EXAMPLE\n", "\n.SH SEE ALSO\n"} {
		if before, after, ok := strings.Cut(text, section); ok {
			text, status = before+"\n"+status+section[1:]+after, ""
			break
		}
	}
	name := strings.ReplaceAll(c.CommandPath(), " ", "-") + "." + header.Section
	return replace(filepath.Join(dir, name), []byte(text+status), 0o644)
}

// exitStatus is the section of a man page, in roff.
func exitStatus() string {
	var b strings.Builder
	b.WriteString(".SH EXIT STATUS\n")
	roff := strings.NewReplacer("`", "", `\`, `\e`, "-", `\-`)
	for code, what := range exitCodes {
		fmt.Fprintf(&b, ".TP\n\\fB%d\\fP\n%s\n", code, roff.Replace(what))
	}
	return b.String()
}

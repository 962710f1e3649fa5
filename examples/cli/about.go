package cli

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// build are the facts of a build.
type build struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Module   string `json:"module"`             // the version of the Go module that it was built from
	Revision string `json:"revision,omitempty"` // of the source
	Time     string `json:"time,omitempty"`     // of the revision, RFC 3339
	Modified bool   `json:"modified,omitempty"` // the source was changed since the revision
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (a *App) build() build {
	b := build{Name: a.Name, Version: a.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Module = cmp.Or(info.Main.Version, "(devel)")
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// String are the facts for people.
func (b build) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s %s\n  module    %s\n", b.Name, b.Version, b.Module)
	if b.Revision != "" {
		fmt.Fprintf(&s, "  revision  %s of %s%s\n", b.Revision, b.Time, map[bool]string{true: ", and changed since"}[b.Modified])
	}
	fmt.Fprintf(&s, "  built by  %s for %s\n", b.Go, b.Platform)
	return s.String()
}

func (a *App) versionCommand() *cobra.Command {
	var format string
	c := a.Command(&cobra.Command{
		Use: "version", Short: "Print the version, and what it was built from", GroupID: groupTool,
		Long:    "Print the version, and what it was built from: name these when you report a mistake.",
		Example: "  TOOL version\n  TOOL version -o json",
	}, func(context.Context, []string) (int, error) {
		return a.Answer(format, a.build(), a.build().String)
	})
	OutputFlag(c, &format, "text", "json", "yaml")
	return c
}

// completionCommand writes a shell's completion script.
func (a *App) completionCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "completion bash|zsh|fish", Short: "Print the completion script of a shell", GroupID: groupTool,
		Long:      "Print a script that has a shell complete the commands, flags and formats of this tool.",
		Example:   "  source <(TOOL completion bash)\n  TOOL completion zsh > \"${fpath[1]}/_TOOL\"\n  TOOL completion fish | source",
		ValidArgs: []string{"bash", "zsh", "fish"}, Args: cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
	}
	return a.Command(c, func(_ context.Context, args []string) (int, error) {
		var err error
		switch args[0] {
		case "bash":
			err = c.Root().GenBashCompletionV2(a.Stdout, true)
		case "zsh":
			err = c.Root().GenZshCompletion(a.Stdout)
		default:
			err = c.Root().GenFishCompletion(a.Stdout, true)
		}
		return exitCode(err), err
	})
}

package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// Inspection is what is in a file and what is wrong with it.
type Inspection struct {
	File     string    `json:"file"`
	Kind     string    `json:"kind"`
	Facts    []Item    `json:"facts"`
	Findings []Finding `json:"findings"`
	// Unchecked tells that only the kind is known: nobody looked whether anything is wrong
	Unchecked bool `json:"unchecked,omitempty"`
}

// Item is one thing that is in a file.
type Item struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Finding is one thing that is wrong.
type Finding struct {
	Where string `json:"where,omitempty"`
	What  string `json:"what"`
}

// line is a finding for the reader.
func (f Finding) line() string {
	where := ""
	if f.Where != "" {
		where = printable.Line(f.Where) + ": "
	}
	return "FINDING  " + where + printable.Line(f.What) + "\n"
}

// Add notes what is in the file.
func (in *Inspection) Add(name, format string, args ...any) {
	in.Facts = append(in.Facts, Item{Name: name, Value: fmt.Sprintf(format, args...)})
}

// Find notes what is wrong with it.
func (in *Inspection) Find(where, format string, args ...any) {
	in.Findings = append(in.Findings, Finding{Where: where, What: fmt.Sprintf(format, args...)})
}

// UnknownKindError says that nobody knows what a file is. It quotes nothing of it: it may be a password, a private key, a list of users.
// It names the tool's own files.
type UnknownKindError struct{ File string }

func (e *UnknownKindError) Error() string {
	if own := ownKind(e.File); own != "" {
		return e.File + ": " + own
	}
	return e.File + ": not a kind of file that inspect knows (inspect --help lists them). Nothing of it is shown, since it may hold a secret"
}

var configKeys = regexp.MustCompile(`(?m)^(?:journal|job):`)

// ownKind says which file of this tool itself a file seems to be, and what reads it; empty where it is none.
func ownKind(name string) string {
	raw, err := infile.Read(name, infile.Text)
	switch {
	case err != nil:
	case bytes.HasPrefix(raw, []byte(`{"seq":1,"time":"`)):
		return "it seems to be the journal of a run: status --journal reads it"
	case len(raw) <= infile.Config && len(configKeys.FindAll(raw, 2)) == 2:
		return "it seems to be a configuration of this tool: config check reads it"
	}
	return ""
}

func (a *App) inspectCommand() *cobra.Command {
	var format string
	long := `Say what is in a file and what is wrong with it. Nothing in it is changed, and no machine is reached. Of a folder each
file is inspected that is of a known kind, and the others are named. Exit status 1 tells that there is a finding, 2 that a
file cannot be read.`
	long += "\n\nIt knows these kinds of files and outputs by what is in them, whatever their names:\n"
	for _, k := range a.Kinds {
		long += fmt.Sprintf("  %-33s %s\n", k.Name, k.Value)
	}
	c := a.Command(&cobra.Command{
		Use: "inspect FILE|FOLDER...", Short: "Say what is in files and what is wrong with them", GroupID: GroupLook,
		Args: cobra.MinimumNArgs(1), Long: long,
		Example: "  TOOL inspect FILE\n  TOOL inspect FOLDER FILE\n  TOOL inspect -o json FILE",
	}, func(_ context.Context, args []string) (int, error) { return a.inspect(args, format) })
	OutputFlag(c, &format, "text", "json", "yaml")
	JSONFlag(c.Flags())
	return c
}

func (a *App) inspect(names []string, format string) (int, error) {
	if info, err := os.Stat(names[0]); len(names) > 1 || err == nil && info.IsDir() {
		return a.inspectMany(names, format)
	}
	in, err := a.inspected(names[0])
	if err != nil {
		return ExitInput, err
	}
	if _, err := a.Answer(format, in, in.text); err != nil || len(in.Findings) > 0 {
		return ExitFailed, err
	}
	return ExitDone, nil
}

// inspected inspects a file. The error says what it seems to be.
func (a *App) inspected(name string) (*Inspection, error) {
	in, err := a.Inspect(name)
	if err != nil {
		return nil, infile.Why(name, err)
	}
	in.Facts, in.Findings = append([]Item{}, in.Facts...), append([]Finding{}, in.Findings...) // none is an empty list, not null
	return in, nil
}

// text is an inspection for people.
func (in *Inspection) text() string {
	var b strings.Builder
	line := printable.Line // a value with a newline must not look like a line of ours
	fmt.Fprintf(&b, "%s: %s\n", line(in.File), line(in.Kind))
	for _, f := range in.Facts {
		fmt.Fprintf(&b, "  %-28s %s\n", line(f.Name), line(f.Value))
	}
	for _, f := range in.Findings {
		b.WriteString(f.line())
	}
	switch {
	case in.Unchecked:
		b.WriteString("its content was not checked\n")
	case len(in.Findings) == 0:
		b.WriteString("nothing is wrong with it\n")
	}
	return b.String()
}

package cli

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"strings"
)

// Inspection is what is in a file and what is wrong with it.
type Inspection struct {
	File     string    `json:"file"`
	Kind     string    `json:"kind"`
	Facts    []Item    `json:"facts"`
	Findings []Finding `json:"findings"`
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

// Add notes what is in the file.
func (i *Inspection) Add(name, format string, args ...any) {
	i.Facts = append(i.Facts, Item{Name: name, Value: fmt.Sprintf(format, args...)})
}

// Find notes what is wrong with it.
func (i *Inspection) Find(where, format string, args ...any) {
	i.Findings = append(i.Findings, Finding{Where: where, What: fmt.Sprintf(format, args...)})
}

func (a *App) inspect(_ context.Context, args []string) (int, error) {
	fs := flag.NewFlagSet("inspect", flag.ContinueOnError)
	asJSON := fs.Bool("json", false, "print JSON")
	if err := a.flags(fs, args, 1); err != nil {
		return ExitInput, err
	}
	in, err := a.Inspect(fs.Arg(0))
	if err != nil {
		return ExitInput, err
	}
	code := ExitDone
	if len(in.Findings) > 0 {
		code = ExitFailed
	}
	if *asJSON {
		in.Facts, in.Findings = append([]Item{}, in.Facts...), append([]Finding{}, in.Findings...) // none is an empty list, not null
		raw, err := json.MarshalIndent(in, "", "  ")
		if err != nil {
			return ExitInput, err
		}
		_, err = fmt.Fprintf(a.Stdout, "%s\n", raw)
		return code, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", in.File, in.Kind)
	for _, f := range in.Facts {
		fmt.Fprintf(&b, "  %-28s %s\n", f.Name, f.Value)
	}
	for _, f := range in.Findings {
		where := ""
		if f.Where != "" {
			where = f.Where + ": "
		}
		fmt.Fprintf(&b, "FINDING  %s%s\n", where, f.What)
	}
	if len(in.Findings) == 0 {
		b.WriteString("nothing is wrong with it\n")
	}
	_, err = fmt.Fprint(a.Stdout, b.String())
	return code, err
}

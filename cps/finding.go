package cps

import (
	"fmt"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// ParseError is one mistake in an input: what is wrong, and its file, line and column. Where an input has several mistakes,
// errors.As finds the first of them.
type ParseError = srcerr.Error

// Severity says how much a finding matters.
type Severity uint8

// The severities, from harmless to grave.
const (
	Info    Severity = iota // worth knowing
	Warning                 // look at it before going on
	Error                   // do not go on
)

func (s Severity) String() string {
	switch s {
	case Info:
		return "info"
	case Warning:
		return "warning"
	case Error:
		return "error"
	}
	return fmt.Sprintf("Severity(%d)", uint8(s))
}

// MarshalText writes the severity as its word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Finding is something in a well-formed input that should be known, or put right, before anyone acts on it.
type Finding struct {
	Severity Severity `json:"severity"`
	Where    string   `json:"where"` // file:line, or the thing it was found in
	What     string   `json:"what"`  // one sentence
	Row      string   `json:"row"`   // the inventory row whose rule it is, such as CPS-007
}

func (f Finding) String() string {
	if f.Where == "" {
		return fmt.Sprintf("%s: %s (%s)", f.Severity, f.What, f.Row)
	}
	return fmt.Sprintf("%s: %s: %s (%s)", f.Where, f.Severity, f.What, f.Row)
}

// Worst is the gravest severity among the findings; ok is false when there are none.
func Worst(findings []Finding) (worst Severity, ok bool) {
	for _, f := range findings {
		worst = max(worst, f.Severity)
	}
	return worst, len(findings) > 0
}

// findings collects what the checks of one input find.
type findings struct {
	file string
	list []Finding
}

func (f *findings) add(severity Severity, line int, row, format string, args ...any) {
	f.list = append(f.list, Finding{Severity: severity, Where: where(f.file, line), What: fmt.Sprintf(format, args...), Row: row})
}

func where(file string, line int) string {
	switch {
	case file == "" && line == 0:
		return ""
	case line == 0:
		return file
	case file == "":
		return fmt.Sprintf("line %d", line)
	}
	return fmt.Sprintf("%s:%d", file, line)
}

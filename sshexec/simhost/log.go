package simhost

import (
	"regexp"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/op"
)

// Entry is one command that a runner was asked to run, or one stretch of time in which something changed by itself
// (then Host and Argv are empty).
type Entry struct {
	Seq     int        `json:"seq"` // counts commands from 1
	Time    time.Time  `json:"time"`
	Host    string     `json:"host,omitempty"`
	Argv    []string   `json:"argv,omitempty"`    // with secrets masked
	Outcome op.Outcome `json:"outcome,omitempty"` // how it ended, as the caller saw it
	Exit    int        `json:"exit"`              // its status where the outcome is Exited
	Changed []string   `json:"changed,omitempty"` // what it changed; empty for a command that only looked
}

// Violation is a broken rule.
type Violation struct {
	Time    time.Time `json:"time"`
	Seq     int       `json:"seq"`               // the command then running
	Command string    `json:"command,omitempty"` // as text, secrets masked; empty when it happened by itself
	What    string    `json:"what"`
}

func (v Violation) String() string {
	s := v.Time.UTC().Format(time.RFC3339) + ": " + v.What
	if v.Command != "" {
		s += " (during " + v.Command + ")"
	}
	return s
}

var secretForms = []*regexp.Regexp{
	regexp.MustCompile(`(?i)(pass(?:word|wd|phrase)?=)("[^"]*"|'[^']*'|[^\s"'<>/]+)`),
	regexp.MustCompile(`(?i)(name="[^"]*pass(?:word|wd|phrase)?"[^<>]*?value=)("[^"]*")`),
	regexp.MustCompile(`(?i)(value=)("[^"]*")([^<>]*?name="[^"]*pass(?:word|wd|phrase)?")`),
}

// maskSecrets hides what commands of this field carry in clear: NAME_password=…, and such pairs in XML.
func maskSecrets(text string) string {
	if !strings.Contains(text, "pass") && !strings.Contains(strings.ToLower(text), "pass") {
		return text // nearly always, and cheaper than three patterns
	}
	for _, re := range secretForms {
		text = re.ReplaceAllString(text, "${1}[redacted]")
	}
	return text
}

func maskArgv(argv []string) []string {
	out := make([]string, len(argv))
	for i, a := range argv {
		out[i] = maskSecrets(a)
		if i > 0 && (argv[i-1] == "-p" || argv[i-1] == "--password") && argv[0] == "pcs" {
			out[i] = "[redacted]"
		}
	}
	return out
}

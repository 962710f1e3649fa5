package lustre

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// Remark is a line of what yum printed that reads like trouble although yum went on.
type Remark struct {
	Line int    // from 1
	Text string // the line, without white space at either end
	Why  string // why it is harmless; empty where nobody has said that it is
}

// Harmless tells whether it may be passed over.
func (r Remark) Harmless() bool { return r.Why != "" }

func (r Remark) String() string {
	if r.Harmless() {
		return fmt.Sprintf("line %d: %s (harmless: %s)", r.Line, r.Text, r.Why)
	}
	return fmt.Sprintf("line %d: %s", r.Line, r.Text)
}

var (
	trouble = regexp.MustCompile(`(?i)^(warning|error|fatal|failed|non-fatal)\b|^/var/tmp/rpm-tmp\.\S+: |^No package .* available\.?$` +
		`|scriptlet failed|^Traceback \(most recent call last\)|: (No such file or directory|command not found|Permission denied|` +
		`No space left on device|Read-only file system)$`)
	noSELinux = regexp.MustCompile(`^/var/tmp/rpm-tmp\.\w+: line \d+: /selinux/enforce: No such file or directory$`)
	noKey     = regexp.MustCompile(`(?i)^warning: \S+\.rpm: Header .*: NOKEY$`)
	rpmNew    = regexp.MustCompile(`(?i)^warning: (\S+) created as (\S+)\.rpmnew$`)
)

// answered is what IML's own scripts print in an installation (lustre:578-581).
type answered struct {
	line    int
	text    string
	success bool // the answer is {"result": null, "success": true}
}

// ReadInstall finds what yum remarked in an installation that it calls a success (lustre:571-583). What the guide calls
// benign is harmless: that IML's scripts find no /selinux/enforce, where their answer after it has result null and
// success true. So are two of rpm's own: a signature whose key is not known yet, which yum looks for itself where it is
// asked to, and a file of the package that was put beside the one that is there. Everything else is not, least of all a
// package that yum has not: it leaves it out, and exits 0 where it has others (lustre:617).
func ReadInstall(r io.Reader) ([]Remark, error) {
	data, err := srcerr.ReadText(r)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(string(data), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	answers := answersIn(lines)
	var out []Remark
	for i, line := range lines {
		if trouble.MatchString(line) {
			out = append(out, Remark{i + 1, line, harmless(line, i, answers)})
		}
	}
	for _, a := range answers {
		if !a.success {
			out = append(out, Remark{Line: a.line + 1, Text: a.text})
		}
	}
	slices.SortStableFunc(out, func(a, b Remark) int { return a.Line - b.Line })
	return out, nil
}

// harmless says why a line is harmless; empty where it is not known to be.
func harmless(line string, at int, answers []answered) string {
	next := slices.IndexFunc(answers, func(a answered) bool { return a.line > at })
	switch {
	case noSELinux.MatchString(line) && next >= 0 && answers[next].success:
		return `there is no SELinux, and the script answered with result null and success true (lustre:571)`
	case noKey.MatchString(line):
		return "yum looks for the key itself where it checks signatures, and fails without it"
	case rpmNew.MatchString(line):
		return "the file that was there stays"
	}
	return ""
}

// answersIn are the JSON objects that begin a line. One that is cut off, or is no JSON, is an answer of no success.
func answersIn(lines []string) (out []answered) {
	for i := 0; i < len(lines); i++ {
		if !strings.HasPrefix(lines[i], "{") {
			continue
		}
		var object map[string]json.RawMessage
		rest := strings.Join(lines[i:], "\n")
		d := json.NewDecoder(strings.NewReader(rest))
		if err := d.Decode(&object); err != nil {
			out = append(out, answered{line: i, text: lines[i]})
			continue
		}
		text := rest[:d.InputOffset()]
		if object["success"] != nil {
			out = append(out, answered{i, strings.Join(strings.Fields(text), " "),
				string(object["result"]) == "null" && string(object["success"]) == "true"})
		}
		i += strings.Count(text, "\n")
	}
	return out
}

// Unexplained are the remarks that are not known to be harmless.
func Unexplained(all []Remark) []Remark {
	return slices.DeleteFunc(slices.Clone(all), Remark.Harmless)
}

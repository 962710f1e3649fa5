// Package mutants has what is needed to run tests on changed code: an overlay, so that the tree is not touched, and the
// judgement of what the tests said. Its tests try the changes that were written by hand, one for each row of the guides
// (testdata); internal/mutate makes changes by operators.
package mutants

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Overlay writes a file for "go build -overlay" into dir, and returns its path. The texts stand by the absolute paths of
// the files whose place they take; a file that is not there is added.
func Overlay(dir string, texts map[string]string) (string, error) {
	replace := map[string]string{}
	for file, text := range texts {
		changed := filepath.Join(dir, fmt.Sprintf("%d-%s", len(replace), filepath.Base(file)))
		if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[file] = changed
	}
	data, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, data, 0o600)
}

// Verdict is what became of a mutant.
type Verdict string

// The verdicts.
const (
	Killed   Verdict = "was killed"
	Survived Verdict = "survived"
	Invalid  Verdict = "does not compile"
	Endless  Verdict = "did not end in time"
	Unknown  Verdict = "is of unknown fate"
)

var ranNothing = regexp.MustCompile(`\[no tests to run\]|\[no test files\]|(?m)^testing: warning: no tests to run$`)

// Judge reads what "go test", or a test binary, printed, and whether it exited with status 0. Nothing but a test that
// failed, or a panic of one, kills.
func Judge(out string, passed bool) Verdict {
	switch {
	case strings.Contains(out, "panic: test timed out"):
		return Endless
	case ranNothing.MatchString(out):
		return Unknown
	case passed:
		return Survived
	case strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]"):
		return Invalid
	case strings.Contains(out, "--- FAIL: ") || strings.Contains(out, "\npanic: ") || strings.HasPrefix(out, "panic: "):
		return Killed
	}
	return Unknown
}

//go:build linux

package initd

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// splitWords splits a command line of a unit: blanks separate, single and double quotes keep together, a backslash
// takes the next character as it is.
func splitWords(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	in, quote := false, rune(0)
	escaped := false
	for _, r := range s {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, in = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			quote, in = r, true
		case r == ' ' || r == '\t':
			if in {
				words = append(words, word.String())
				word.Reset()
				in = false
			}
		default:
			word.WriteRune(r)
			in = true
		}
	}
	if quote != 0 || escaped {
		return nil, errors.New("a quote that does not end")
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}

// expand puts the environment in: a word that is $NAME becomes as many words as it holds, ${NAME} within a word stays
// in it. A name that is not set is empty.
func expand(argv []string, env map[string]string) []string {
	var out []string
	for _, w := range argv {
		if name, ok := strings.CutPrefix(w, "$"); ok && isName(name) {
			out = append(out, strings.Fields(env[name])...)
			continue
		}
		out = append(out, expandBraces(w, env))
	}
	return out
}

func expandBraces(w string, env map[string]string) string {
	var out strings.Builder
	for {
		before, rest, ok := strings.Cut(w, "${")
		name, after, closed := strings.Cut(rest, "}")
		if !ok || !closed || !isName(name) {
			out.WriteString(w)
			return out.String()
		}
		out.WriteString(before)
		out.WriteString(env[name])
		w = after
	}
}

func isName(s string) bool {
	for i, r := range s {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// parseSpan reads a time span of systemd.time(7): "90", "1s", "30min", "1min 30s"; "infinity" is 0, which means no limit.
func parseSpan(s string) (time.Duration, error) {
	if s == "infinity" {
		return 0, nil
	}
	units := map[string]time.Duration{
		"": time.Second, "us": time.Microsecond, "ms": time.Millisecond, "s": time.Second, "sec": time.Second,
		"second": time.Second, "seconds": time.Second,
		"m": time.Minute, "min": time.Minute, "minute": time.Minute, "minutes": time.Minute, "h": time.Hour,
		"hour": time.Hour, "hours": time.Hour,
	}
	var total time.Duration
	for _, w := range strings.Fields(s) {
		digits := strings.TrimRight(w, "abcdefghijklmnopqrstuvwxyz")
		n, err := strconv.ParseUint(digits, 10, 31)
		unit, known := units[w[len(digits):]]
		if err != nil || !known {
			return 0, fmt.Errorf("%q is not a time span", s)
		}
		total += time.Duration(n) * unit
	}
	if strings.TrimSpace(s) == "" || total < 0 {
		return 0, fmt.Errorf("%q is not a time span", s)
	}
	return total, nil
}

// parseEnvFile reads an EnvironmentFile=: NAME=value lines, values perhaps in quotes.
func parseEnvFile(text string) map[string]string {
	env := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if name, value, ok := strings.Cut(line, "="); ok && !isComment(line) {
			env[strings.TrimSpace(strings.TrimPrefix(name, "export "))] = unquote(strings.TrimSpace(value))
		}
	}
	return env
}

func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

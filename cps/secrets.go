package cps

import (
	"regexp"
	"slices"
	"strings"
)

var (
	// secretValue is the name of a secret and its value, in the forms of tables, settings, JSON and XML; or a password in
	// an address.
	secretValue = regexp.MustCompile(`([\w.-]+)["']?[ \t]*[=:,;>\t][ \t]*["']?([^"'\s,;<>]+)`)
	secretPair  = regexp.MustCompile(`(?m)^[ \t]*([\w.-]+)[ \t]+(\S+)[ \t]*$`)
	inAddress   = regexp.MustCompile(`([^/\s:@]*):([^/@\s][^@\s]*)@`)
	// a word behind such a name in a sentence, and what stands behind the option of a program
	inSentence = regexp.MustCompile(`(?i)\b(pass(?:word|phrase|wd)|community|secret|token)(?:[ \t]+(?:is|was))?[ \t]+["']?([^"'\s,;<>]+)`)
	inCommand  = regexp.MustCompile(`(sshpass|(?:-u|--username)[=\s]\S+)['"\s,]+-p['"\s,]*([^'"\s,]+)`)
	inQuotes   = regexp.MustCompile(`([\w.-]+)["']?[ \t]*[=:,][ \t]*"([^"]{1,400})"`) // over several lines
	restOfLine = regexp.MustCompile(`(?m)([\w.-]+)["']?[ \t]*[=:][ \t]*["']?(.*[^"'\s,])`)
)

// plainWord is what stands behind a name such as "password" in a sentence, and is no secret.
var plainWord = regexp.MustCompile(`^(?i:a|and|are|as|at|auth\w*|by|change\w*|check\w*|does|expir\w*|failed|file|for|from|has|have|in|` +
	`incorrect|invalid|is|less|log\w*|mismatch|missing|must|not|of|on|or|prompt|protect\w*|rejected|required|set|status|string|` +
	`the|to|was|were|with|wrong|=|:|-+>?|\[redacted\]).?$`)

// SecretsIn are the values in a text that look like secrets: by the name before them, or by the heading of their
// column.
func SecretsIn(text string) []Secret {
	var secrets []Secret
	for _, form := range []*regexp.Regexp{secretValue, secretPair, restOfLine, inAddress, inSentence, inCommand} {
		for _, m := range form.FindAllStringSubmatch(text, -1) {
			if form == inSentence && plainWord.MatchString(m[2]) {
				continue
			}
			if form == inAddress || form == inCommand || IsSecretKey(m[1]) {
				secrets = append(secrets, Secret(m[2]))
			}
		}
	}
	for _, m := range inQuotes.FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(m[2]) {
			if IsSecretKey(m[1]) {
				secrets = append(secrets, Secret(strings.TrimSpace(line)))
			}
		}
	}
	var columns []int
	for line := range strings.Lines(text) {
		cells := strings.Split(line, ",")
		for _, at := range columns {
			if at < len(cells) {
				secrets = append(secrets, Secret(strings.Trim(cells[at], " \t\r\n\"")))
			}
		}
		if key, value, found := strings.Cut(line, ","); found && IsSecretKey(strings.Trim(key, " \t\"")) {
			secrets = append(secrets, Secret(strings.Trim(value, ", \t\r\n\"")))
		} else if len(columns) == 0 && len(cells) > 1 {
			for i, cell := range cells {
				if i > 0 && IsSecretKey(strings.TrimSpace(cell)) {
					columns = append(columns, i)
				}
			}
		}
	}
	return slices.DeleteFunc(secrets, func(s Secret) bool {
		return s == "" || slices.Contains([]string{"true", "false", "none", "null"}, strings.ToLower(s.Reveal()))
	})
}

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
	inAddress   = regexp.MustCompile(`(://[^/\s:@]*):([^@\s]+)@`)
)

// SecretsIn are the values in a text that look like secrets: by the name before them, or by the heading of their
// column.
func SecretsIn(text string) []Secret {
	var secrets []Secret
	for _, form := range []*regexp.Regexp{secretValue, secretPair, inAddress} {
		for _, m := range form.FindAllStringSubmatch(text, -1) {
			if form == inAddress || IsSecretKey(m[1]) {
				secrets = append(secrets, Secret(m[2]))
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

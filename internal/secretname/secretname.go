// Package secretname tells by a name, or by a name and a value, that a setting holds a secret.
package secretname

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec/secret"
)

// secretParts are what the names of secrets have in them, with - as _: what pcs masks, and what fence and resource agents declare as one.
var secretParts = []string{
	"passw", "passphrase", "pwd", "secret", "credential", "token_key", "private_key", "privatekey", "priv_key", "api_key", "apikey",
	"auth_key", "authkey", "access_key", "community", "hexadecimal_kg",
}

// Name says whether an attribute or property of this name holds a secret: a password, a passphrase, a private key, a token.
// The name of a file that holds one (identity_file, passwd_script) is masked as well: better once too often.
func Name(name string) bool {
	n := strings.ToLower(strings.ReplaceAll(name, "-", "_"))
	if slices.ContainsFunc(secretParts, func(part string) bool { return strings.Contains(n, part) }) {
		return true
	}
	return slices.ContainsFunc([]string{"pass", "pw", "psk", "token"},
		func(word string) bool { return n == word || strings.HasSuffix(n, "_"+word) })
}

// secretOption is an option that gives a password, as fence agents and mount programs take it: ipmitool's -P, --password, password=.
var secretOption = regexp.MustCompile(`(?i)(?:^|[\s"'])(?:-p|--passw|--passphrase)[\s=]*\S|\bpass(?:w(?:or)?d|phrase)?=`)

// Pair says whether the value of an attribute holds a secret: by the name of the attribute, as [Name], or as one of
// several options: those of a fence agent (0_fence_ipmitool_opts), and whatever gives a password by -P, --password or
// password=. Such a value is secret as a whole: nobody can say where the password ends.
func Pair(name, value string) bool {
	n := strings.ToLower(name)
	options := n == "opts" || strings.HasSuffix(n, "_opts") || strings.HasSuffix(n, "-opts")
	return value != "" && (Name(name) || options || secretOption.MatchString(value))
}

// Masked is a value as it may be shown.
func Masked(name, value string) string {
	switch {
	case value == "":
	case Pair(name, value):
		return secret.Mask
	case strings.Contains(value, "://"):
		if u, err := url.Parse(value); err == nil && u.User != nil {
			return strings.Replace(value, u.User.String()+"@", secret.Mask+"@", 1)
		}
	}
	return value
}

// Add adds a value to a list of secrets, once. A switch, such as "true", is no secret, whatever its name.
func Add(list []secret.Secret, value string) []secret.Secret {
	switch strings.ToLower(value) {
	case "true", "false", "yes", "no", "on", "off", "param", "file", "env":
		return list
	}
	if len(value) < 2 || slices.Contains(list, secret.Secret(value)) {
		return list
	}
	return append(list, secret.Secret(value))
}

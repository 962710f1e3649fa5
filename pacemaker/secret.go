package pacemaker

import "strings"

// Redacted stands where a secret was.
const Redacted = "[redacted]"

// SecretName says whether an attribute or property of this name holds a secret: a password, a passphrase, a private key, a token.
// The name of a file that holds one (identity_file, passwd_script) is masked as well: better once too often.
func SecretName(name string) bool {
	n := strings.ToLower(strings.ReplaceAll(name, "-", "_"))
	for _, part := range []string{"passw", "passphrase", "secret", "token_key", "private_key", "api_key", "apikey", "authkey", "community"} {
		if strings.Contains(n, part) {
			return true
		}
	}
	return n == "pass" || strings.HasSuffix(n, "_pass") || n == "token" || strings.HasSuffix(n, "_token")
}

// masked is a value as it may be shown.
func masked(name, value string) string {
	if SecretName(name) && value != "" {
		return Redacted
	}
	return value
}

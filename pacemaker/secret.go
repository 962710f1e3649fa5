package pacemaker

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Redacted stands where a secret was.
const Redacted = "[redacted]"

// secretParts are what the names of secrets have in them, with - as _: what pcs masks, and what fence and resource agents declare as one.
var secretParts = []string{
	"passw", "passphrase", "pwd", "secret", "credential", "token_key", "private_key", "privatekey", "api_key", "apikey", "auth_key", "authkey", "access_key", "community", "hexadecimal_kg",
}

// SecretName says whether an attribute or property of this name holds a secret: a password, a passphrase, a private key, a token.
// The name of a file that holds one (identity_file, passwd_script) is masked as well: better once too often.
func SecretName(name string) bool {
	n := strings.ToLower(strings.ReplaceAll(name, "-", "_"))
	if slices.ContainsFunc(secretParts, func(part string) bool { return strings.Contains(n, part) }) {
		return true
	}
	return slices.ContainsFunc([]string{"pass", "pw", "psk", "token"}, func(word string) bool { return n == word || strings.HasSuffix(n, "_"+word) })
}

// secretOption is an option that gives a password, as fence agents and mount programs take it: ipmitool's -P, --password, password=.
var secretOption = regexp.MustCompile(`(?i)(?:^|[\s"'])(?:-p|--passw|--passphrase)[\s=]*\S|\bpass(?:w(?:or)?d|phrase)?=`)

// SecretPair says whether the value of an attribute holds a secret: by the name of the attribute, as [SecretName], or as one of several options: those of a fence agent
// (0_fence_ipmitool_opts), and whatever gives a password by -P, --password or password=. Such a value is secret as a whole: nobody can say where the password ends.
func SecretPair(name, value string) bool {
	n := strings.ToLower(name)
	options := n == "opts" || strings.HasSuffix(n, "_opts") || strings.HasSuffix(n, "-opts")
	return value != "" && (SecretName(name) || options || secretOption.MatchString(value))
}

// masked is a value as it may be shown.
func masked(name, value string) string {
	switch {
	case value == "":
	case SecretPair(name, value):
		return Redacted
	case strings.Contains(value, "://"):
		if u, err := url.Parse(value); err == nil && u.User != nil {
			return strings.Replace(value, u.User.String()+"@", Redacted+"@", 1)
		}
	}
	return value
}

// Secrets are the values in the document that no text may show: those that [SecretPair] names, and passwords in addresses. Register them with what shows
// texts: [sshexec.Redactor], or a runbook's Secrets. A switch ("true", "0") is no secret, whatever its name.
func (c *CIB) Secrets() []sshexec.Secret { return secretsIn(c.root()) }

// Secrets are the values in the file that no text may show.
func (c *CorosyncConf) Secrets() []sshexec.Secret {
	var list []sshexec.Secret
	var walk func(*CorosyncSection)
	walk = func(s *CorosyncSection) {
		for _, item := range s.items {
			// In totem, key is what the nodes encrypt with, and token a time.
			if SecretName(item.key) && item.key != "token" || item.key == "key" {
				list = addSecret(list, item.value)
			}
			if item.section != nil {
				walk(item.section)
			}
		}
	}
	walk(c.Root)
	return list
}

// secretsIn are the secrets below an element, each once.
func secretsIn(e *etree.Element) []sshexec.Secret {
	var list []sshexec.Secret
	var walk func(*etree.Element)
	walk = func(e *etree.Element) {
		name := e.SelectAttrValue("name", "")
		for _, a := range e.Attr {
			switch {
			case a.Key == "value" && SecretPair(name, a.Value), SecretPair(a.Key, a.Value):
				list = addSecret(list, a.Value)
			case strings.Contains(a.Value, "://"):
				if u, err := url.Parse(a.Value); err == nil && u.User != nil {
					if password, has := u.User.Password(); has {
						list = addSecret(list, password)
					}
				}
			}
		}
		for _, child := range e.ChildElements() {
			walk(child)
		}
	}
	walk(e)
	return list
}

func addSecret(list []sshexec.Secret, value string) []sshexec.Secret {
	switch strings.ToLower(value) {
	case "true", "false", "yes", "no", "on", "off", "param", "file", "env":
		return list
	}
	if len(value) < 2 || slices.Contains(list, sshexec.Secret(value)) {
		return list
	}
	return append(list, sshexec.Secret(value))
}

// hasSecret says whether an element, or one below it, holds a secret.
func hasSecret(e *etree.Element) bool { return len(secretsIn(e)) > 0 }

// input is what the operation reads, with the secrets in it named.
func (o Operation) input() sshexec.Input {
	switch {
	case o.Stdin == "":
		return sshexec.Input{}
	case !o.Hidden:
		return sshexec.Text(o.Stdin)
	}
	doc, err := scanXML("", []byte(o.Stdin))
	if err != nil || doc.Root() == nil {
		return sshexec.SecretText(sshexec.Secret(o.Stdin))
	}
	return sshexec.SecretDocument(sshexec.Secret(o.Stdin), secretsIn(doc.Root())...)
}

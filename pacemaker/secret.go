package pacemaker

import (
	"net/url"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/internal/secretname"
	"github.com/evenkeel-ha/evenkeel/sshexec/secret"
)

// Redacted stands where a secret was.
const Redacted = secret.Mask

// SecretName says whether an attribute or property of this name holds a secret: a password, a passphrase, a private key, a token.
// The name of a file that holds one (identity_file, passwd_script) is masked as well: better once too often.
func SecretName(name string) bool { return secretname.Name(name) }

// SecretPair says whether the value of an attribute holds a secret: by the name of the attribute, as [SecretName], or
// as one of several options: those of a fence agent (0_fence_ipmitool_opts), and whatever gives a password by -P,
// --password or password=. Such a value is secret as a whole: nobody can say where the password ends.
func SecretPair(name, value string) bool { return secretname.Pair(name, value) }

// Secrets are the values in the document that no text may show: those that [SecretPair] names, and passwords in
// addresses. Register them with what shows texts: package sshexec's Redactor, or a runbook's Secrets. A switch ("true",
// "0") is no secret, whatever its name.
func (c *CIB) Secrets() []secret.Secret { return secretsIn(c.Root()) }

// secretsIn are the secrets below an element, each once.
func secretsIn(e *etree.Element) []secret.Secret {
	var list []secret.Secret
	var walk func(*etree.Element)
	walk = func(e *etree.Element) {
		name := e.SelectAttrValue("name", "")
		for _, a := range e.Attr {
			switch {
			case a.Key == "value" && SecretPair(name, a.Value), SecretPair(a.Key, a.Value):
				list = secretname.Add(list, a.Value)
			case strings.Contains(a.Value, "://"):
				if u, err := url.Parse(a.Value); err == nil && u.User != nil {
					if password, has := u.User.Password(); has {
						list = secretname.Add(list, password)
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

// HasSecret says whether an element, or one below it, holds a secret.
func HasSecret(e *etree.Element) bool { return len(secretsIn(e)) > 0 }

// MaskXML is XML as it may be shown, with the values of secrets masked; all of it is masked where it is none.
func MaskXML(text string) string {
	doc, err := scanXML("", []byte(text))
	if err != nil || doc.Root() == nil {
		return Redacted
	}
	maskPairs(doc.Root())
	return RawXML(doc.Root())
}

func maskPairs(e *etree.Element) {
	name := e.SelectAttrValue("name", "")
	for i := range e.Attr {
		a := &e.Attr[i]
		if a.Key == "value" {
			a.Value = secretname.Masked(name, a.Value)
		}
		a.Value = secretname.Masked(a.Key, a.Value)
	}
	for _, child := range e.ChildElements() {
		maskPairs(child)
	}
}

// SecretsInXML are the secrets in a piece of XML, each once; false where it is no XML.
func SecretsInXML(text string) ([]secret.Secret, bool) {
	doc, err := scanXML("", []byte(text))
	if err != nil || doc.Root() == nil {
		return nil, false
	}
	return secretsIn(doc.Root()), true
}

package pacemaker

import (
	"net/url"
	"regexp"
	"slices"
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
func (c *CIB) Secrets() []secret.Secret {
	list := secretsIn(c.Root())
	for r := range Walk(c.Resources()) { // what a fence device refers to may stand elsewhere
		for _, set := range r.Instance {
			for _, p := range set.Pairs {
				if hidden(p.Name, p.Fencing) {
					list = secretname.Add(list, p.Value)
				}
			}
		}
	}
	return list
}

// secretsIn are the secrets below an element, each once.
func secretsIn(e *etree.Element) []secret.Secret {
	var list []secret.Secret
	var walk func(*etree.Element)
	walk = func(e *etree.Element) {
		name := e.SelectAttrValue("name", "")
		for _, a := range e.Attr {
			switch {
			case a.Key == "value" && (SecretPair(name, a.Value) || hidden(name, ofFenceDevice(e))), SecretPair(a.Key, a.Value),
				a.Key == "description" && secretWord.MatchString(a.Value):
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

// secretWord is a word in a description after which somebody may have written a secret.
var secretWord = regexp.MustCompile(`(?i)pass|secret|credential|token|community|\bpwd?\b|\bkey\b`)

// harmlessInFencing are the parameters of fence devices that hold no secret, besides those of Pacemaker's own (pcmk_…): where the
// device is, who logs in, and how.
var harmlessInFencing = strings.Fields("action agent auth cipher debug debug_file delay device devices domain hostlist hostname hosts " +
	"inet4_only inet6_only ip ipaddr ipport lanplus login login_timeout method module_name multicast_address nodename plug port " +
	"power_timeout power_wait privlvl project provides region retry_on secure separator server shell_timeout snmp_version ssh ssl " +
	"ssl_insecure ssl_secure target timeout user userid username verbose zone")

// fenceSecret says whether a parameter of a fence device may hold a secret: whatever is not known to hold none.
func fenceSecret(name string) bool {
	return !strings.HasPrefix(name, "pcmk_") && !slices.Contains(harmlessInFencing, name)
}

// chromaParameter is what IML's fence_chroma tells the agent of a node, in an attribute of the node: 0_fence_login.
var chromaParameter = regexp.MustCompile(`^\d+_fence_(.+)$`)

// hidden says whether a value may be a secret, whatever it looks like: all that is not known to be none, of what a fence device is told.
func hidden(name string, fencing bool) bool {
	if m := chromaParameter.FindStringSubmatch(name); m != nil {
		return fenceSecret(m[1])
	}
	return fencing && fenceSecret(name)
}

// maskedAttribute is an XML attribute as it may be shown.
func maskedAttribute(key, value string) string {
	if key == "description" && secretWord.MatchString(value) {
		return Redacted
	}
	return secretname.Masked(key, value)
}

// ofFenceDevice says whether a pair is a parameter of a fence device, or of one of its operations.
func ofFenceDevice(pair *etree.Element) bool {
	e := pair.Parent()
	if e != nil && e.Tag == "attributes" { // the form of CIBs before 1.0
		e = e.Parent()
	}
	if pair.Tag != "nvpair" || e == nil || e.Tag != "instance_attributes" {
		return false
	}
	return e.Parent() != nil && aFenceDevice(e.Parent())
}

// aFenceDevice says whether a resource or template is of the class stonith, or one inside it, which inherits its parameters; or the one
// that an operation is of. One whose template is not there may be.
func aFenceDevice(e *etree.Element) bool {
	for (e.Tag == "op" || e.Tag == "operations") && e.Parent() != nil {
		e = e.Parent()
	}
	if e.SelectAttrValue("class", "") == "stonith" {
		return true
	}
	if name := e.SelectAttr("template"); name != nil && e.Tag == string(Primitive) {
		t := templateOf(e, name.Value)
		return t == nil || aFenceDevice(t)
	}
	return slices.ContainsFunc(e.ChildElements(), func(child *etree.Element) bool { return IsResource(child) && aFenceDevice(child) })
}

// MayFence says whether a resource is a fence device, or may be one by a template that is not seen here, or has one inside it: what it is
// told may be a secret.
func (r Resource) MayFence() bool {
	return r.Class == "stonith" || r.Class == "" && r.Template != "" || slices.ContainsFunc(r.Members, Resource.MayFence)
}

// templateOf finds the template of a resource beside it, or beside what it stands in.
func templateOf(e *etree.Element, id string) *etree.Element {
	for e = e.Parent(); e != nil; e = e.Parent() {
		for _, t := range e.SelectElements(string(Template)) {
			if t.SelectAttrValue("id", "") == id {
				return t
			}
		}
	}
	return nil
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
			a.Value = NVPair{Name: name, Value: a.Value, Fencing: ofFenceDevice(e)}.Masked()
		}
		a.Value = maskedAttribute(a.Key, a.Value)
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

package pacemaker

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// ErrName says that an id or another name could be taken for something else: for an option of pcs, for a part of a
// shell line, or for another name that looks alike.
var ErrName = errors.New("not a name")

// CheckID refuses what Pacemaker does not take for an id: it begins with a letter or a low line, and goes on with
// these, digits, dots and dashes.
func CheckID(id string) error {
	if !isName(id) || strings.Contains(id, ":") || strings.ContainsFunc(id, func(r rune) bool { return !printable.Safe(r) }) {
		return fmt.Errorf("%w: the id %q: an id begins with a letter or _, and has letters, digits, and . - _ only", ErrName, id)
	}
	return nil
}

// CheckNames refuses a CIB whose names could not be words of a command: an id that is none, and any other name that
// begins like an option or holds what cannot be seen. It returns the first mistake, a [*ParseError].
func (c *CIB) CheckNames() error {
	conf := c.Root().SelectElement("configuration")
	if conf == nil {
		return nil
	}
	v := &validator{cib: c, spans: c.edited}
	if v.spans == nil {
		v.spans = c.spans(c.tree())
	}
	var visit func(*etree.Element)
	visit = func(e *etree.Element) {
		for _, a := range e.Attr {
			switch {
			case a.Key == "id" && e.Tag != "node": // of a node it is a number, or its name on EL6
				if err := CheckID(a.Value); err != nil {
					v.find(Fault, "name", e, "%w", err)
				}
			case a.Key == "value" && e.Tag == "nvpair", a.Key == "description": // behind its name, or never in a command
			case strings.ContainsFunc(a.Value, func(r rune) bool { return !printable.Safe(r) }):
				v.find(Fault, "name", e, "%w: %s=%q has letters that cannot be seen", ErrName, a.FullKey(), a.Value)
			case strings.HasPrefix(a.Value, "-") && !isNumber(a.Value):
				v.find(Fault, "name", e, "%w: %s=%q would be an option of a command", ErrName, a.FullKey(), a.Value)
			}
		}
		for _, child := range e.ChildElements() {
			visit(child)
		}
	}
	visit(conf)
	if found := v.sorted(); len(found) > 0 {
		return found[0].At
	}
	return nil
}

// isNumber tells a number or a score.
func isNumber(s string) bool {
	if _, err := ParseScore(s); err == nil {
		return true
	}
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

// NodeNames says what a node of the old cluster is called in the new one: the short names of EL6 become fully qualified (H12). A name
// that is no key stays as it is.
type NodeNames map[string]string

// New is the new name of a node.
func (n NodeNames) New(name string) string {
	if full, ok := n[name]; ok {
		return full
	}
	return name
}

// hostParameters are the parameters of fence devices that name nodes, each with what a name, and what comes after it, looks like.
var hostParameters = map[string]*regexp.Regexp{
	"pcmk_host_list":  regexp.MustCompile(`()([^\s,;]+)()`),
	"pcmk_host_map":   mapping,
	"pcmk_delay_base": mapping, // a time for all, or one for each node
}

// mapping is a pair of a pcmk_host_map: n1:1 or, in the old form, n1=1. The port may have the same letters again.
var mapping = regexp.MustCompile(`(^|[;\s])([^\s;:=]+)([:=])`)

// InParameter is the value of a parameter with the new names of the nodes, where it is one that names nodes; any other is as it was.
func (n NodeNames) InParameter(name, value string) string {
	words := hostParameters[name]
	if words == nil {
		return value
	}
	return words.ReplaceAllStringFunc(value, func(word string) string {
		part := words.FindStringSubmatch(word)
		return part[1] + n.New(part[2]) + part[3]
	})
}

// ShortNames maps the first label of each fully qualified name to the name; two names with the same first label are an error.
func ShortNames(fqdns ...string) (NodeNames, error) {
	names := make(NodeNames)
	for _, fqdn := range fqdns {
		short, _, _ := strings.Cut(fqdn, ".")
		if other, taken := names[short]; taken && other != fqdn {
			return nil, fmt.Errorf("the short name %s stands for both %s and %s", short, other, fqdn)
		}
		names[short] = fqdn
	}
	return names, nil
}

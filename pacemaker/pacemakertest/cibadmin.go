package pacemakertest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// sections are the parts of a CIB that -o names.
var sections = map[string]string{
	"nodes": "nodes", "resources": "resources", "constraints": "constraints", "crm_config": "crm_config",
	"rsc_defaults": "rsc_defaults", "op_defaults": "op_defaults",
	"fencing-topology": "fencing-topology", "acls": "acls", "tags": "tags", "alerts": "alerts",
}

var (
	errNotUnique = errors.New("Name not unique on network")
	errNoSuch    = errors.New("No such device or address")
	errSchema    = errors.New("Update does not conform to the configured schema")
	errOutdated  = errors.New("Update was older than existing configuration")
	errNotXML    = errors.New("Couldn't parse input from input string")
)

// runCibadmin knows queries (-Q), creation (-C), modification (-M), replacement (-R) and deletion (-D) in a section
// (-o), with XML from -X, -x FILE or -p.
func runCibadmin(c *simhost.Call) int {
	s := newSession(c)
	verb, section, xml, given := byte(0), "", "", false
	allowCreate := false
	for i := 0; i < len(c.Args); i++ {
		value := func() string {
			if i++; i < len(c.Args) {
				return c.Args[i]
			}
			return ""
		}
		name, inline, hasInline := strings.Cut(c.Args[i], "=")
		if !strings.HasPrefix(name, "--") {
			name, hasInline = c.Args[i], false
		}
		take := func() string {
			if hasInline {
				return inline
			}
			return value()
		}
		switch name {
		case "-Q", "--query", "-l", "--local", "-f", "--force":
			if name == "-Q" || name == "--query" {
				verb = 'Q'
			}
		case "-C", "--create":
			verb = 'C'
		case "-M", "--modify":
			verb = 'M'
		case "-R", "--replace":
			verb = 'R'
		case "-D", "--delete":
			verb = 'D'
		case "-c", "--allow-create":
			allowCreate = true
		case "-o", "--scope":
			section = take()
		case "-X", "--xml-text":
			xml, given = take(), true
		case "-x", "--xml-file":
			file := take()
			text, err := c.Host.ReadFile(c.Path(file))
			if err != nil {
				return c.Fail(2, "cibadmin: cannot read %s: %v", file, err)
			}
			xml, given = text, true
		case "-p", "--xml-pipe":
			xml, given = c.Stdin, true
		default:
			return c.Fail(22, "cibadmin: unrecognized option '%s'", c.Args[i])
		}
	}
	modern := s.software.modern()
	if _, known := sections[section]; section != "" && !known && modern {
		section = "" // it is not looked at
	} else if section != "" && !known {
		return c.Fail(22, "The supplied command is not valid: no section %s", section)
	}
	switch {
	case verb == 0 && modern:
		return c.Fail(64, "cibadmin - query and edit the Pacemaker configuration\nUsage: cibadmin <command> [options]")
	case !s.node.up && modern:
		return c.Fail(102, "Could not connect to the CIB: %v\nInit failed, could not perform requested operations", errNotRunning)
	case !s.node.up:
		return c.Fail(s.software.notConnected(), "Signon to CIB failed: %v\nInit failed, could not perform requested operations", errNotRunning)
	}
	switch {
	case !given && verb != 'Q' && modern:
		return c.Fail(70, "Call failed: Invalid argument")
	case verb == 0:
		return c.Fail(22, "cibadmin: no command given")
	case verb == 'Q':
		return s.printQuery(section)
	case !given:
		return c.Fail(22, "cibadmin: no XML given")
	}
	if err := s.change(verb, section, xml, allowCreate); err != nil && modern {
		return s.refused(verb, xml, err)
	} else if err != nil {
		return c.Fail(statusOf(err), "Call cib_%s failed (-%d): %v",
			map[byte]string{'C': "create", 'M': "modify", 'R': "replace", 'D': "delete"}[verb], statusOf(err), err)
	}
	return 0
}

// refused is what cibadmin of Pacemaker 2.1 says to a change: where it would not be valid, it prints all of it, secrets too.
func (s *session) refused(verb byte, xml string, err error) int {
	what, status := err.Error(), 1
	switch {
	case errors.Is(err, errNotUnique):
		what, status = "File exists", 108
		s.Printf("<failed>\n  <failed_update operation=\"cib_create\" reason=\"File exists\">\n    %s\n  </failed_update>\n</failed>\n", xml)
	case errors.Is(err, errNoSuch):
		status = 105
	case errors.Is(err, errSchema):
		status = 78
		if d, err := s.document(); err == nil {
			s.Printf("%s", d.text)
		}
		s.Printf("%s\n", xml)
	case errors.Is(err, errOutdated):
		status = 103
	case errors.Is(err, errNotXML):
		return s.Fail(78, "%v.", err)
	}
	return s.Fail(status, "Call cib_%s failed: %s", map[byte]string{'C': "create", 'M': "modify", 'R': "replace", 'D': "delete"}[verb], what)
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, errNotUnique):
		return 76
	case errors.Is(err, errNoSuch):
		return 6
	case errors.Is(err, errNoDC):
		return 62
	case errors.Is(err, errSchema):
		return 203
	}
	return 22
}

func (s *session) printQuery(section string) int {
	text, err := s.query()
	if err != nil {
		return s.Fail(s.software.notConnected(), "%v", err)
	}
	if section == "" {
		s.Out.WriteString(text)
		return 0
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromString(text); err != nil {
		return s.Fail(1, "%v", err)
	}
	e := doc.Root().SelectElement("configuration").SelectElement(section)
	if e == nil {
		return s.Fail(6, "Call cib_query failed (-6): %v", errNoSuch)
	}
	out := etree.NewDocument()
	out.WriteSettings.CanonicalAttrVal = true
	out.SetRoot(e.Copy())
	out.Indent(2)
	if _, err := out.WriteTo(&s.Out); err != nil {
		return s.Fail(1, "%v", err)
	}
	return 0
}

func (s *session) change(verb byte, section, xml string, allowCreate bool) error {
	piece := etree.NewDocument()
	if err := piece.ReadFromString(xml); (err != nil || piece.Root() == nil) && s.software.modern() {
		return errNotXML
	} else if err != nil || piece.Root() == nil {
		return fmt.Errorf("Couldn't parse input string: %.40q", xml)
	}
	if verb == 'R' && section == "" && piece.Root().Tag == "cib" {
		return s.pushText(xml)
	}
	d, err := s.document()
	if err != nil {
		return err
	}
	doc := etree.NewDocument()
	doc.WriteSettings.CanonicalAttrVal = true
	if err := doc.ReadFromString(d.text); err != nil {
		return err
	}
	conf := doc.Root().SelectElement("configuration")
	where := conf
	if section != "" {
		if where = conf.SelectElement(section); where == nil {
			where = conf.CreateElement(section)
		}
	}
	if err := apply(verb, conf, where, piece.Root(), allowCreate); err != nil {
		return err
	}
	var buf bytes.Buffer
	if _, err := doc.WriteTo(&buf); err != nil {
		return err
	}
	cib, err := pacemaker.ParseCIB(&buf)
	if err != nil {
		return err
	}
	for _, l := range cib.Locations() {
		if _, ok := cib.Resource(l.Resource); !ok && l.Resource != "" {
			return errSchema
		}
	}
	return s.push(cib)
}

// apply does one change under a section. A piece that is the section itself stands for its children.
func apply(verb byte, conf, where, piece *etree.Element, allowCreate bool) error {
	if piece.Tag == where.Tag && piece.SelectAttr("id") == nil {
		if verb == 'R' {
			where.Child = nil
			verb = 'C'
		}
		if verb == 'M' { // what is inside a part of the configuration is added where it is missing, with or without leave
			merge(where, piece)
			return nil
		}
		for _, child := range piece.ChildElements() {
			if err := apply(verb, conf, where, child, allowCreate); err != nil {
				return err
			}
		}
		return nil
	}
	id := piece.SelectAttrValue("id", "")
	// a part of the configuration stands for its children
	if section := where.SelectElement(piece.Tag); verb == 'M' && id == "" && section != nil {
		return apply(verb, conf, section, piece, allowCreate)
	}
	old := find(where, piece.Tag, id)
	switch verb {
	case 'C':
		if find(conf, "", id) != nil {
			return errNotUnique
		}
		where.AddChild(piece.Copy())
	case 'M':
		if old == nil {
			if !allowCreate {
				return errNoSuch
			}
			where.AddChild(piece.Copy())
			return nil
		}
		merge(old, piece)
	case 'R':
		if old == nil {
			return errNoSuch
		}
		i := old.Index()
		parent := old.Parent()
		parent.RemoveChildAt(i)
		parent.InsertChildAt(i, piece.Copy())
	case 'D':
		if old != nil {
			old.Parent().RemoveChild(old)
		}
	}
	return nil
}

// find looks below an element for a tag (any when empty) with an id.
func find(e *etree.Element, tag, id string) *etree.Element {
	for _, c := range e.ChildElements() {
		if (tag == "" || c.Tag == tag) && c.SelectAttrValue("id", "") == id && id != "" {
			return c
		}
		if hit := find(c, tag, id); hit != nil {
			return hit
		}
	}
	return nil
}

// merge takes over attributes, and children by their ids: those that are new are added at the end.
func merge(old, piece *etree.Element) {
	for _, a := range piece.Attr {
		old.CreateAttr(a.Key, a.Value)
	}
	for _, c := range piece.ChildElements() {
		var twin *etree.Element
		for _, o := range old.ChildElements() {
			if o.Tag == c.Tag && o.SelectAttrValue("id", "") == c.SelectAttrValue("id", "") {
				twin = o
			}
		}
		if twin == nil {
			old.AddChild(c.Copy())
		} else {
			merge(twin, c)
		}
	}
}

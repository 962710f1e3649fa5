package pcs

import (
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// AddXML is an operation that adds XML to a section of the CIB: what is there already by its id is made the same, so that it may run again.
func AddXML(name, section string, elements ...*etree.Element) Operation {
	parts := make([]string, len(elements))
	secret := false
	for i, e := range elements {
		parts[i] = pacemaker.CompactXML(e)
		secret = secret || pacemaker.HasSecret(e)
	}
	text := parts[0]
	if len(parts) > 1 {
		text = "<" + section + ">" + strings.Join(parts, "") + "</" + section + ">"
	}
	o := NewOperation(name, "", op.Mutating, op.Idempotent, "cibadmin", "--modify", "--allow-create", "--scope", section, "--xml-pipe")
	o.Stdin, o.Hidden = text, secret
	return o
}

// ConstraintByID makes a location constraint with its own id, by which IML finds it; pcs would choose another (H9). A
// node that has not joined may be named (H7).
func ConstraintByID(loc pacemaker.Location) Operation {
	e := etree.NewElement("rsc_location")
	for _, a := range [][2]string{{"id", loc.ID}, {"node", loc.Node}, {"rsc", loc.Resource}, {"score", loc.Score}} {
		if a[1] != "" {
			e.CreateAttr(a[0], a[1])
		}
	}
	o := NewOperation("constraint "+loc.ID, "lustre:1040", op.Mutating, op.ProbeFirst, "cibadmin", "-o", "constraints",
		"-C", "-X", pacemaker.RawXML(e))
	o.Makes = Making{Kind: Preference, ID: loc.Resource, Node: loc.Node}
	o.Why = "IML finds the constraint by its id (H9)"
	return o
}

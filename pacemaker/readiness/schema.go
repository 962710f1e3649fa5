package readiness

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
)

var schemaName = regexp.MustCompile(`^pacemaker-(\d{1,3}\.\d{1,3})$`)

// gone are schemas by whose names no CIB may be validated any more.
var gone = map[string]Version{"pacemaker-0.6": two, "pacemaker-0.7": two, "transitional-0.6": two,
	"pacemaker-1.1": three, "pacemaker-next": three}

// schema compares the schema of the CIB with those that the target has.
func (c *checker) schema() {
	with := c.in.CIB.Header().ValidateWith
	at := c.in.CIB.ErrorsAt()(c.in.CIB.Root(), "")
	f := Finding{Level: Blocker, Check: "schema", Where: place(at), Object: "validate-with", Found: "schema " + cmp.Or(with, "none"),
		Source: sourceOf("pcmk-3.0"), Next: "upgrade the CIB on the old cluster (cibadmin --upgrade), and look at the result"}
	m := schemaName.FindStringSubmatch(with)
	since, old := gone[with]
	strict := !c.to.Pacemaker.below(three)
	switch {
	case old && !c.to.Pacemaker.below(since):
		f.Why = "Pacemaker " + since.String() + " dropped this schema"
		if since == two {
			f.Source = sourceOf("pcmk-upgrading")
		}
	case m == nil && strict:
		f.Why = "Pacemaker 3.0 wants validate-with, and one that it knows"
	case m == nil || old:
		f.Level, f.Why, f.Source = Warning, "a CIB without a schema, or with one that is no release's, is deprecated", sourceOf("pcmk-2.1.8")
	case c.to.Schema == "":
		if strings.Compare(m[1], "3") >= 0 {
			c.gap("whether "+c.to.Name+" knows the schema "+m[1]+" of the CIB", "cibadmin --query of a new cluster on the target")
		}
		return
	default:
		c.compareSchema(f, m[1])
		return
	}
	c.find(f)
}

// compareSchema compares a schema's number with the newest of the target.
func (c *checker) compareSchema(f Finding, has string) {
	v, err1 := ParseVersion(has)
	newest, err2 := ParseVersion(c.to.Schema)
	switch {
	case err1 != nil || err2 != nil: // both are numbers with a dot
		return
	case v.Compare(newest) > 0:
		f.Why = fmt.Sprintf("the newest schema of %s is %s: it would be a downgrade", c.to.Name, c.to.Schema)
		f.Next = "choose a newer target, or write the configuration anew"
		f.Source = c.to.Sources[len(c.to.Sources)-1]
	case v.Compare(newest) < 0:
		f.Level = Warning
		f.Why = fmt.Sprintf("%s has schema %s: the cluster goes on with the older one, and converts the CIB each time it is used",
			c.to.Name, c.to.Schema)
		f.Next = "upgrade the CIB after the upgrade of the cluster (cibadmin --upgrade)"
		f.Source = sourceOf("pcmk-upgrading")
	default:
		return
	}
	c.find(f)
}

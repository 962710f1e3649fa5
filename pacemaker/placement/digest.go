package placement

import (
	"crypto/md5" //nolint:gosec // Pacemaker's own digest of parameters; nothing is protected by it
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// verdict says what becomes of a fail count. Pacemaker clears it when the resource has other parameters now than those
// that the last operation failed with.
type verdict struct {
	cleared bool
	unsure  string // why it cannot be told; empty when it can
}

// readVerdict compares the digest in the record of a last failure with that of the present parameters.
func (p *placing) readVerdict(at int, r *placeRes, id string, op *etree.Element) {
	entry, task := op.SelectAttrValue("id", ""), op.SelectAttrValue("operation", "")
	recorded, restart := op.SelectAttrValue("op-digest", ""), op.SelectAttr("op-restart-digest") != nil
	switch {
	case r == nil, recorded == "" && !restart, !strings.Contains(entry, "last_failure"):
		return
	case task != "start" && task != "monitor": // only for these two does Pacemaker look at the digest
		return
	}
	base, _, _ := strings.Cut(id, ":")
	digest, err := p.digest(r, op)
	v := verdict{cleared: digest != recorded}
	switch {
	case !strings.HasSuffix(entry, "_last_failure_0"): // which names count differs by the release
		v.unsure = entry + " may be the record of the last failure"
	case restart:
		v.unsure = "there is a digest of the parameters that need a restart as well"
	case !slices.Contains([]string{"0", "2", "4"}, op.SelectAttrValue("op-status", "")):
		v.unsure = "op-status " + op.SelectAttrValue("op-status", "")
	case err != nil:
		v.unsure = err.Error()
	case v.cleared && r.topmost().kind == pacemaker.Clone: // the other instances see the fail count still
		v.unsure = "it is the fail count of a clone"
	}
	if before := p.verdicts[failKey{at, base}]; before.unsure != "" {
		v = before
	} else {
		v.cleared = v.cleared || before.cleared
	}
	p.verdicts[failKey{at, base}] = v
}

// digest is what Pacemaker would record as op-digest of the parameters that an operation has now: the MD5 sum, in hexadecimal,
// of an element <parameters> with the parameters as attributes, sorted by name. All releases of feature set 3 write it in
// one form. Whatever could give it another content is an error.
//
// Upstream: https://clusterlabs.org/projects/pacemaker/doc/2.1/Pacemaker_Explained/html/status.html (op-digest)
func (p *placing) digest(r *placeRes, op *etree.Element) (string, error) {
	if feature := op.SelectAttrValue("crm_feature_set", ""); !knownFeatureSet(feature) {
		return "", fmt.Errorf("feature set %q", feature)
	}
	if op.SelectAttr("op-secure-params") != nil || op.SelectAttr("op-secure-digest") != nil {
		return "", errors.New("some parameters are private")
	}
	parameters, err := p.parameters(r)
	if err != nil {
		return "", err
	}
	task, interval := op.SelectAttrValue("operation", ""), op.SelectAttrValue("interval", "")
	if err := p.addOperation(parameters, r, task, interval); err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(" <parameters")
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		fmt.Fprintf(&b, ` %s="%s"`, name, parameters[name])
	}
	b.WriteString("/>\n")
	sum := md5.Sum([]byte(b.String())) //nolint:gosec // as above
	return hex.EncodeToString(sum[:]), nil
}

// knownFeatureSet: feature set 3 begins with Pacemaker 1.0; 3.20 is that of Pacemaker 3.0.
func knownFeatureSet(feature string) bool {
	parts := strings.Split(feature, ".")
	if len(parts) < 2 || parts[0] != "3" {
		return false
	}
	minor, err := strconv.Atoi(parts[1])
	return err == nil && minor >= 0 && minor <= 20
}

// parameters are the instance attributes of a resource: its own with its template's, then those of what it stands in.
func (p *placing) parameters(r *placeRes) (map[string]string, error) {
	if d := p.cib.Section("rsc_defaults"); d != nil && d.SelectElement("instance_attributes") != nil {
		return nil, errors.New("rsc_defaults have instance attributes")
	}
	all := make(map[string]string)
	for ; r != nil; r = r.parent {
		if p.cib.ResourceElement(r.id) == nil {
			return nil, errors.New(r.id + " is not in the configuration")
		}
		if err := p.addParameters(all, p.holders(r)...); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// holders are the elements that say what a resource is: its template, and itself.
func (p *placing) holders(r *placeRes) []*etree.Element {
	e := p.cib.ResourceElement(r.id)
	if t := p.templates[e.SelectAttrValue("template", "")]; t != nil {
		return []*etree.Element{t, e}
	}
	return []*etree.Element{e}
}

// addParameters adds the instance attributes of elements that are not there yet. All must be plain text, the same on every node.
func (p *placing) addParameters(all map[string]string, holders ...*etree.Element) error {
	var sets pacemaker.AttributeSets
	for _, holder := range holders {
		for _, e := range holder.SelectElements("instance_attributes") {
			if e.SelectAttr("id-ref") != nil || e.FindElement(".//[@id-ref]") != nil {
				return errors.New("parameters by reference")
			}
		}
		sets = append(sets, p.cib.SetsOf(holder, "instance_attributes")...)
	}
	for _, set := range sets {
		if set.Rule != "" {
			return fmt.Errorf("parameters %s depend on a rule", set.ID)
		}
		for _, pair := range set.Pairs {
			if !plainParameter(pair.Name, pair.Value) {
				return fmt.Errorf("parameter %s is not plain text", pair.Name)
			}
		}
	}
	for _, pair := range sets.Effective() {
		if _, there := all[pair.Name]; !there {
			all[pair.Name] = pair.Value
		}
	}
	return nil
}

var attributeName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// leftOut are parameters that Pacemaker leaves out of the digest, as it does those that begin with CRM_meta_.
var leftOut = strings.Fields("id crm_feature_set op-digest on_node on_node_uuid pcmk_external_ip")

// plainParameter says whether a parameter stands in the digest as in the CIB: its name is one of an XML attribute and not
// Pacemaker's own, its value needs no escape, is no reference such as #uname or lrm://, and is not masked.
func plainParameter(name, value string) bool {
	other := func(c rune) bool { return c < ' ' || c > '~' || strings.ContainsRune(`"&'<>`, c) }
	return attributeName.MatchString(name) && !strings.HasPrefix(name, "CRM_") && !slices.Contains(leftOut, name) &&
		!strings.ContainsFunc(value, other) && !strings.HasPrefix(value, "#") && !strings.HasPrefix(value, "lrm:") &&
		(value == "" || strings.Trim(value, "*") != "")
}

// addOperation adds what the configured operation says: its instance attributes, and the timeout of one that recurs.
func (p *placing) addOperation(all map[string]string, r *placeRes, task, interval string) error {
	configured, err := p.configured(r, task, interval)
	switch {
	case err != nil:
		return err
	case configured == nil && interval == "0":
		return nil
	case configured == nil:
		return fmt.Errorf("%s with interval %s is not configured any more", task, interval)
	}
	if err := p.addParameters(all, configured); err != nil || interval == "0" {
		return err
	}
	defaults := p.cib.Section("op_defaults")
	written := configured.SelectAttrValue("timeout", "")
	timeout, ok := pacemaker.Milliseconds(written)
	iso := strings.HasPrefix(written, "P") // Pacemaker reads an interval in this form, and not a timeout
	if !ok || iso || timeout == 0 || timeout > math.MaxInt32 ||
		configured.SelectElement("meta_attributes") != nil || defaults != nil && len(defaults.ChildElements()) > 0 {
		return fmt.Errorf("the timeout of %s does not stand in the operation alone", task)
	}
	all["CRM_meta_timeout"] = strconv.FormatInt(timeout, 10)
	return nil
}

// configured is the operation of this name and interval in milliseconds, or nil.
func (p *placing) configured(r *placeRes, task, interval string) (*etree.Element, error) {
	var found []*etree.Element
	lists := 0
	for _, holder := range p.holders(r) {
		for _, list := range holder.SelectElements("operations") {
			lists++
			if list.SelectAttr("id-ref") != nil {
				return nil, errors.New("operations by reference")
			}
			for _, o := range list.SelectElements("op") {
				every, ok := pacemaker.Milliseconds(o.SelectAttrValue("interval", "0"))
				if !ok || o.SelectAttr("id-ref") != nil {
					return nil, errors.New("an operation by reference or without a readable interval")
				}
				if strings.EqualFold(o.SelectAttrValue("name", ""), task) && strconv.FormatInt(every, 10) == interval {
					found = append(found, o)
				}
			}
		}
	}
	switch {
	case lists > 1:
		return nil, errors.New("the operations are those of the template as well")
	case len(found) > 1:
		return nil, fmt.Errorf("%s stands there twice", task)
	case len(found) == 0:
		return nil, nil
	}
	return found[0], nil
}

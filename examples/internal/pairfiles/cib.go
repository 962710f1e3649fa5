package pairfiles

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// xml reads a CIB, or else an answer of crm_mon.
func (i Inspector) xml(in *cli.Inspection, name string, raw []byte) error {
	cib, err := pacemaker.ParseCIB(Reader(name, raw))
	if err != nil {
		status, serr := pacemaker.ParseStatus(Reader(name, raw))
		var answer *pacemaker.StatusError
		switch {
		case serr == nil:
			statusFacts(in, name, status)
			return nil
		case errors.As(serr, &answer):
			return fmt.Errorf("%s: %w", name, answer)
		}
		return err
	}
	in.Kind = "Pacemaker CIB"
	i.cib(in, name, cib)
	return nil
}

// cib is what a CIB says, and what is wrong with it.
func (i Inspector) cib(in *cli.Inspection, name string, cib *pacemaker.CIB) {
	cibFacts(in, cib)
	if i.CIB != nil {
		i.CIB(in, cib)
	}
	i.findings(in, name, cib)
}

// cibFacts is what a CIB says, in the order in which one asks: which cluster, which nodes, what runs where, and what else counts.
func cibFacts(in *cli.Inspection, cib *pacemaker.CIB) {
	h := cib.Header()
	in.Add("version", "%s, schema %s", cib.Version(), orNone(h.ValidateWith))
	if h.LastWritten != "" {
		in.Add("last written", "%s, by %s on %s", h.LastWritten, orNone(h.UpdateClient), orNone(h.UpdateOrigin))
	}
	for _, p := range cib.Properties() {
		in.Add(p.Name, "%s", shown(p))
	}
	for _, p := range cib.ResourceDefaults().Effective() {
		in.Add("resource default", "%s", p)
	}
	for _, p := range cib.OperationDefaults().Effective() {
		in.Add("operation default", "%s", p)
	}
	for _, n := range cib.Nodes() {
		in.Add("node "+n.Uname, "%s", node(n))
	}
	for _, s := range cib.SavedNodes() {
		in.Add("status of "+s.Name, "%s", s)
	}
	prefers := cib.Preferences()
	for _, r := range cib.Resources() {
		resource(in, prefers, r, 0)
	}
	constraints(in, cib)
	for _, l := range cib.FencingLevels() {
		in.Add("fencing level "+l.Index, "%s: %s", l.Targets(), strings.ReplaceAll(l.Devices, ",", " then "))
	}
	for _, t := range cib.Tags() {
		in.Add("tag "+t.ID, "%s", strings.Join(t.Refs, " "))
	}
	for _, a := range cib.Alerts() {
		in.Add("alert "+a.ID, "%s, %s", a.Path, printable.Count(len(a.Recipients), "recipient"))
	}
	if n := len(cib.ACLs()); n > 0 {
		in.Add("access control", "%s", printable.Count(n, "entry"))
	}
}

func node(n pacemaker.Node) string {
	parts := []string{"id " + n.ID}
	if n.Type != "" && n.Type != "normal" && n.Type != "member" {
		parts = append(parts, n.Type)
	}
	attributes := n.Attributes.Effective()
	parts = append(parts, printable.Count(len(attributes), "attribute"))
	for _, p := range attributes {
		switch p.Name {
		case "standby", "maintenance", "terminate":
			parts = append(parts, p.String())
		}
	}
	return strings.Join(parts, ", ")
}

// resource is a line for a resource, and one for each that it contains.
func resource(in *cli.Inspection, prefers *pacemaker.Preferences, r pacemaker.Resource, depth int) {
	var parts []string
	switch {
	case r.Kind != pacemaker.Primitive:
		parts = append(parts, string(r.Kind))
	case r.Template != "":
		parts = append(parts, "from template "+r.Template)
	default:
		parts = append(parts, r.Agent())
	}
	if best, score, err := prefers.Node(r.ID); err == nil {
		parts = append(parts, fmt.Sprintf("prefers %s (%s)", best, score))
	}
	for _, name := range []string{"promotable", "target-role", "is-managed", "maintenance"} {
		if v, ok := r.Meta.Get(name); ok {
			parts = append(parts, name+"="+v)
		}
	}
	for _, o := range r.Operations {
		if o.Name == "monitor" {
			parts = append(parts, o.String())
		}
	}
	in.Add(strings.Repeat("  ", depth)+r.ID, "%s", strings.Join(parts, ", "))
	for _, m := range r.Members {
		resource(in, prefers, m, depth+1)
	}
}

func constraints(in *cli.Inspection, cib *pacemaker.CIB) {
	locations := cib.Locations()
	if n := len(locations); n > 0 {
		in.Add("location constraints", "%d", n)
	}
	for _, l := range locations {
		if !l.Plain() {
			in.Add("location "+l.ID, "%s", l)
		}
	}
	for _, o := range cib.Orders() {
		in.Add("order "+o.ID, "%s", o)
	}
	for _, c := range cib.Colocations() {
		in.Add("colocation "+c.ID, "%s", c)
	}
	for _, t := range cib.Tickets() {
		in.Add("ticket "+t.Ticket, "%s", t)
	}
}

func orNone(s string) string { return cmp.Or(s, "-") }

// shown is the value of a pair, masked when it is a secret.
func shown(p pacemaker.NVPair) string {
	_, value, _ := strings.Cut(p.String(), "=")
	return value
}

// findings are what an upgrade refuses, what else stands in its way, then everything that is wrong with the CIB itself.
func (i Inspector) findings(in *cli.Inspection, name string, cib *pacemaker.CIB) {
	var refused []error
	if i.Refusals != nil {
		refused = i.Refusals(cib)
	}
	var at *pacemaker.ParseError
	for _, err := range refused {
		if errors.As(err, &at) {
			where, what := place(name, at)
			in.Find(where, "%s", what)
			continue
		}
		in.Find(name, "%v", err)
	}
	atRest := false
	for _, h := range cib.Hindrances() {
		if !slices.ContainsFunc(refused, func(err error) bool { return strings.Contains(err.Error(), h.Text) }) {
			in.Find(name, "%s", h)
		}
		atRest = atRest || h.Kind == pacemaker.AtRest
	}
	for _, h := range cib.StatusHindrances() {
		in.Find(name, "when it was saved, %s", h)
	}
	for _, r := range cib.Wanted() {
		if r.Disabled != "" && !atRest {
			in.Add("disabled", "%s (%s)", r.ID, r.Disabled)
		}
	}
	for _, p := range cib.Validate() {
		where, what := place(name, p.At)
		in.Find(where, "%s (%s, %s)", what, p.Severity, p.Check)
	}
}

package pacemakertest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// document is one state of a CIB with what the scheduler reads of it. It never changes: an edit makes another. So
// clones of a world share it.
type document struct {
	cib        *pacemaker.CIB
	text       string
	sum        [32]byte
	primitives []primitive
	nodes      []pacemaker.Node
	version    pacemaker.Version
}

// primitive is a resource as the scheduler sees it.
type primitive struct {
	id, agent  string
	role       string // target-role; empty means Started
	managed    bool
	stickiness pacemaker.Score
	scores     map[string]pacemaker.Score
	definition pacemaker.Resource
}

func newDocument(cib *pacemaker.CIB) (*document, error) {
	var buf bytes.Buffer
	if _, err := cib.WriteTo(&buf); err != nil {
		return nil, err
	}
	d := &document{cib: cib, text: buf.String(), sum: sha256.Sum256(buf.Bytes()), nodes: cib.Nodes(), version: cib.Version()}
	defaults, preferences := cib.ResourceDefaults(), cib.Preferences()
	for _, r := range cib.Resources() {
		if r.Kind != pacemaker.Primitive {
			return nil, fmt.Errorf("resource %s is a %s, which this simulator does not know", r.ID, r.Kind)
		}
		meta := func(name string) string {
			if v, ok := r.Meta.Get(name); ok {
				return v
			}
			v, _ := defaults.Get(name)
			return v
		}
		p := primitive{id: r.ID, agent: r.Agent(), role: meta("target-role"), managed: meta("is-managed") != "false" &&
			meta("maintenance") != "true", definition: r}
		if s := meta("resource-stickiness"); s != "" {
			score, err := pacemaker.ParseScore(s)
			if err != nil {
				return nil, err
			}
			p.stickiness = score
		}
		scores, err := preferences.Scores(r.ID)
		if err != nil {
			return nil, err
		}
		p.scores = scores
		d.primitives = append(d.primitives, p)
	}
	return d, nil
}

func parseDocument(text string) (*document, error) {
	cib, err := pacemaker.ParseCIB(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	return newDocument(cib)
}

// edited is the document after an edit, with its epoch counted up.
func (d *document) edited(edit func(*pacemaker.CIB) error) (*document, error) {
	cib := d.cib.Clone()
	if err := edit(cib); err != nil {
		return nil, err
	}
	cib.BumpEpoch()
	return newDocument(cib)
}

func (d *document) property(name string) string {
	v, _ := d.cib.Property(name)
	return v
}

// duration is a property that is a time, as Pacemaker writes it: 20, 20s, 2min.
func (d *document) duration(name string) (time.Duration, bool) {
	v := strings.TrimSpace(d.property(name))
	digits := strings.TrimLeft(v, "0123456789")
	n, err := strconv.Atoi(strings.TrimSuffix(v, digits))
	unit, known := map[string]time.Duration{
		"": time.Second, "s": time.Second, "sec": time.Second, "ms": time.Millisecond, "msec": time.Millisecond,
		"m": time.Minute, "min": time.Minute, "h": time.Hour, "hr": time.Hour,
	}[strings.ToLower(strings.TrimSpace(digits))]
	return time.Duration(n) * unit, err == nil && known
}

// flag is a boolean property as Pacemaker reads it.
func (d *document) flag(name string, absent bool) bool {
	switch v := strings.ToLower(d.property(name)); v {
	case "":
		return absent
	default:
		return isTrue(v)
	}
}

func isTrue(v string) bool {
	switch strings.ToLower(v) {
	case "true", "yes", "on", "1", "y":
		return true
	}
	return false
}

func (d *document) node(uname string) (pacemaker.Node, bool) {
	for _, n := range d.nodes {
		if n.Uname == uname {
			return n, true
		}
	}
	return pacemaker.Node{}, false
}

// nodeFlag is a boolean attribute of a node, such as standby.
func (d *document) nodeFlag(uname, name string) bool {
	n, ok := d.node(uname)
	if !ok {
		return false
	}
	v, _ := n.Attributes.Get(name)
	return isTrue(v)
}

func (d *document) primitive(id string) (primitive, bool) {
	for _, p := range d.primitives {
		if p.id == id {
			return p, true
		}
	}
	return primitive{}, false
}

func newer(a, b pacemaker.Version) bool {
	switch {
	case a.AdminEpoch != b.AdminEpoch:
		return a.AdminEpoch > b.AdminEpoch
	case a.Epoch != b.Epoch:
		return a.Epoch > b.Epoch
	}
	return a.NumUpdates > b.NumUpdates
}

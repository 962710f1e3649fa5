package rebuild

import (
	"bytes"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// SeedProperty is the property that [Plan.Seed] adds: how long a starting cluster waits for other nodes. It is for the first start of one
// node alone, and is to be unset once that is up ([pcs.Dialect.UnsetProperty]).
const SeedProperty = "dc-deadtime"

// Seed puts the whole configuration in place on node 1 before the first start of its cluster, at [StagePrepared]:
// maintenance, every target disabled. From its first moment on the cluster is as it should be, and its start does not
// wait 20 s for other nodes (H5). It goes between the setup, which removes what is there, and the start. Pacemaker
// takes a file of its own user only. More properties may be put in, such as Unthrottled of package live: a cluster that runs takes
// some of them late or not at all (H26).
func (p *Plan) Seed(also ...pacemaker.NVPair) (pcs.Operation, error) {
	seed, err := p.Prepared()
	if err != nil {
		return pcs.Operation{}, err
	}
	if _, has := seed.Property(SeedProperty); !has {
		seed.SetProperty(SeedProperty, "2s")
	}
	for _, pair := range also {
		seed.SetProperty(pair.Name, pair.Value)
	}
	var text bytes.Buffer
	if _, err := seed.WriteTo(&text); err != nil {
		return pcs.Operation{}, err
	}
	o := pcs.NewOperation("the whole configuration, before the first start", "lustre:861", op.Mutating, op.Idempotent,
		"install", "-o", "hacluster", "-g", "haclient", "-m", "0600", "/dev/stdin", pacemaker.CIBPath)
	o.Stdin, o.Hidden, o.Node = text.String(), pacemaker.HasSecret(seed.Root()), p.Maintenance[0].Node
	o.Why = "one file in the place of many commands; the cluster is in maintenance, with every target disabled, from its " +
		"first moment on (H8, H25)"
	return o, nil
}

// empty is a cluster without anything, under the schema of the backed-up one: newer Pacemakers read it, and raise it when asked to.
func (p *Plan) empty() (*pacemaker.CIB, error) {
	from := p.want.Root()
	root := etree.NewElement("cib")
	for _, key := range []string{"crm_feature_set", "validate-with"} {
		if v := from.SelectAttrValue(key, ""); v != "" {
			root.CreateAttr(key, v)
		}
	}
	for _, key := range []string{"admin_epoch", "epoch", "num_updates"} {
		root.CreateAttr(key, "0")
	}
	conf := root.CreateElement("configuration")
	for _, section := range []string{"crm_config", "nodes", "resources", "constraints"} {
		conf.CreateElement(section)
	}
	root.CreateElement("status")
	return pacemaker.ParseCIB(strings.NewReader(pacemaker.RawXML(root)))
}

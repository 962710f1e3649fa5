package pairlab

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/standin"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// HandMadeTargets are those of a pair that people made: an MGS and an OST on ldiskfs, each by itself, and on ZFS a group of an MDT
// and one of two OSTs in one pool. They belong on the nodes by turns.
func HandMadeTargets() []Target {
	ldiskfs := func(label, device string, preferred int) Target {
		return Target{UUID: label, Label: label, Mount: "/lustre/" + label, Device: device, Backfs: "ldiskfs", Preferred: preferred}
	}
	zfs := func(label, dataset string, preferred int) Target {
		return Target{UUID: label, Label: label, Mount: "/lustre/" + label, Device: dataset, Backfs: "zfs", Preferred: preferred}
	}
	return []Target{
		ldiskfs("MGS", "/dev/mapper/mpatha", 0), zfs("hand-MDT0000", "mdt0pool/mdt0", 1),
		zfs("hand-OST0000", "ost0pool/ost0", 0), zfs("hand-OST0001", "ost0pool/ost1", 0), ldiskfs("hand-OST0002", "/dev/mapper/mpathb", 1),
	}
}

// configureByHand makes the targets when the health agents of both nodes have spoken: one that starts before that starts on the node whose
// agents were first, and is held there by its stickiness.
func (s site) configureByHand(ctx context.Context) error {
	first := s.nodes[0]
	if err := run(ctx, first, handMadeCIB(s.names(), nil), "cibadmin", "--replace", "--xml-pipe"); err != nil {
		return err
	}
	err := until(ctx, first, func() error {
		out, err := output(ctx, first, nil, "cibadmin", "--query")
		if err != nil {
			return err
		}
		cib, err := pacemaker.ParseCIB(bytes.NewReader(out))
		if err != nil {
			return err
		}
		return bothWell(cib, s.names())
	})
	if err != nil {
		return err
	}
	// Only the configuration: what the agents have said stands beside it.
	_, whole, _ := strings.Cut(handMadeCIB(s.names(), s.targets), "<configuration>")
	inside, _, _ := strings.Cut(whole, "</configuration>")
	return run(ctx, first, "<configuration>"+inside+"</configuration>", "cibadmin", "--replace", "--scope", "configuration", "--xml-pipe")
}

// healthAttributes are what the health agents say of a node; each is greater than 0 where it is well.
var healthAttributes = []string{"pingd", "lustred"}

// bothWell wants the health agents to have said that both nodes are well.
func bothWell(cib *pacemaker.CIB, nodes [2]string) error {
	for _, node := range nodes {
		have := pacemaker.AttributeSet{Pairs: cib.TransientAttributes(node)}
		for _, name := range healthAttributes {
			value, _ := have.Get(name)
			if v, err := strconv.Atoi(value); err != nil || v <= 0 {
				return fmt.Errorf("%s of %s is %q: no target could start there", name, node, value)
			}
		}
	}
	return nil
}

// unit is what stands at the top level of the configuration: a target by itself, or a group with the pool of its targets.
type unit struct {
	id, pool string
	targets  []Target
}

func units(targets []Target) []unit {
	var all []unit
	for _, t := range targets {
		pool := strings.TrimPrefix(t.Pool(), wire.PoolPrefix)
		switch last := len(all) - 1; {
		case pool == "":
			all = append(all, unit{ResourceID(t), "", []Target{t}})
		case last >= 0 && all[last].pool == pool:
			all[last].targets = append(all[last].targets, t)
		default:
			all = append(all, unit{"group-" + pool, pool, []Target{t}})
		}
	}
	return all
}

// handMadeCIB is the CIB of a pair that people made, with the short names of EL6: targets of ocf:lustre:Lustre, in groups
// with their pools where they are on ZFS, a power switch for each node, and clones that look after LNet and Lustre, with
// rules that keep targets away from a node that is not well.
func handMadeCIB(nodes [2]string, targets []Target) string {
	var b cibText
	b.line(`<cib epoch="41" num_updates="0" admin_epoch="0" validate-with="pacemaker-1.2" crm_feature_set="3.0.7">`)
	b.line(`<configuration><crm_config><cluster_property_set id="cib-bootstrap-options">`)
	for _, p := range [][2]string{
		{"expected-quorum-votes", "2"}, {"no-quorum-policy", "ignore"}, {"symmetric-cluster", "true"}, {"stonith-enabled", "true"},
	} {
		b.pair("cib-bootstrap-options", p[0], p[1])
	}
	b.line(`</cluster_property_set></crm_config><nodes>`)
	for i, node := range nodes {
		b.line(`<node id="%d" uname="%s"/>`, i+1, node)
	}
	b.line(`</nodes><resources>`)
	for _, node := range nodes {
		b.primitive("fence-"+node, `class="stonith" type="fence_ipmilan"`, [][2]string{{"ipaddr", node + "-bmc"},
			{"login", standin.FenceLogin}, {"passwd", standin.FencePassword}, {"pcmk_host_list", node}}, "60", "")
	}
	all := units(targets)
	for _, u := range all {
		if u.pool != "" {
			b.line(`<group id="%s">`, u.id)
			b.primitive("zfs-"+u.pool, `class="ocf" provider="heartbeat" type="ZFS"`, [][2]string{{"pool", u.pool}}, "5", "60")
		}
		for _, t := range u.targets {
			b.primitive(ResourceID(t), `class="ocf" provider="lustre" type="Lustre"`,
				[][2]string{{"mountpoint", t.Mount}, {"target", t.Device}}, "20", "300")
		}
		if u.pool != "" {
			b.line(`</group>`)
		}
	}
	for _, agent := range []string{"healthLNET", "healthLUSTRE"} {
		var parameters [][2]string
		if agent == "healthLNET" {
			parameters = [][2]string{{"device", "eth0"},
				{"host_list", nodes[0] + "@tcp " + nodes[1] + "@tcp"}, {"lctl", "true"}, {"multiplier", "1001"}}
		}
		b.line(`<clone id="%s-clone">`, agent)
		b.primitive(agent, fmt.Sprintf(`class="ocf" provider="lustre" type="%s"`, agent), parameters, "10", "60")
		b.line(`</clone>`)
	}
	b.line(`</resources><constraints>`)
	for _, node := range nodes {
		b.line(`<rsc_location id="location-fence-%s" node="%s" rsc="fence-%s" score="-INFINITY"/>`, node, node, node)
	}
	for _, u := range all {
		preferred := u.targets[0].Preferred
		b.line(`<rsc_location id="location-%s-100" node="%s" rsc="%s" score="100"/>`, u.id, nodes[preferred], u.id)
		b.line(`<rsc_location id="location-%s-50" node="%s" rsc="%s" score="50"/>`, u.id, nodes[1-preferred], u.id)
		for _, attribute := range healthAttributes {
			id := "location-" + u.id + "-" + attribute
			b.line(`<rsc_location id="%s" rsc="%s"><rule boolean-op="or" id="%s-rule" score="-INFINITY">`, id, u.id, id)
			b.line(`<expression attribute="%s" id="%s-rule-expr" operation="lte" value="0"/>`, attribute, id)
			b.line(`<expression attribute="%s" id="%s-rule-expr-1" operation="not_defined"/></rule></rsc_location>`, attribute, id)
		}
	}
	b.line(`</constraints><rsc_defaults><meta_attributes id="rsc_defaults-options">`)
	b.pair("rsc_defaults-options", "resource-stickiness", "1000")
	b.pair("rsc_defaults-options", "migration-threshold", "3")
	b.line(`</meta_attributes></rsc_defaults></configuration><status/></cib>`)
	return b.String()
}

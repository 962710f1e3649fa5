package pairlab

import (
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/standin"
)

// GuideTargets are the targets of the guide's file system: the management target, the metadata target, and so many
// object storage targets that there are n in all. They belong on the nodes by turns, the first on the first.
func GuideTargets(n int) []Target {
	var targets []Target
	for i := range n {
		label, disk, uuid := "MGS", "EEMGT0000", "9aaf3d9d-df51-48d5-9da1-49d57dee12c0"
		switch {
		case i == 1:
			label, disk, uuid = "demo-MDT0000", "EEMDT0000", "ea0ec37d-288e-48e2-8f11-922980e5cf37"
		case i > 1:
			label, disk, uuid = fmt.Sprintf("demo-OST%04x", i-2), fmt.Sprintf("EEOST%04x", i-2),
				fmt.Sprintf("05%04x00-0000-4000-8000-%012x", i-2, i-2)
		}
		targets = append(targets, Target{
			UUID: uuid, Label: label, Mount: "/mnt/" + label, Device: "/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_" + disk,
			Backfs: "ldiskfs", Preferred: i % 2,
		})
	}
	return targets
}

// ResourceID is what the old cluster calls a target: its label, and six digits that IML makes of its UUID. In a pair that
// people made ([HandMadeTargets]) it is the label alone.
func ResourceID(t Target) string {
	if t.UUID == t.Label {
		return t.Label
	}
	return t.Label + "_" + strings.ReplaceAll(t.UUID, "-", "")[:6]
}

// cibText is a CIB that is being written.
type cibText struct{ strings.Builder }

// line writes a line; texts in it are escaped.
func (b *cibText) line(format string, args ...any) {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = xmlText(s)
		}
	}
	_, _ = fmt.Fprintf(b, format+"\n", args...)
}

func (b *cibText) pair(set, name, value string) {
	b.line(`<nvpair id="%s-%s" name="%s" value="%s"/>`, set, name, name, value)
}

// primitive writes a resource. limit is how many seconds it may take to start and to stop; none for a fence device.
func (b *cibText) primitive(id, agent string, parameters [][2]string, monitor, limit string) {
	_, _ = fmt.Fprintf(b, "<primitive id=%q %s>\n", id, agent)
	if len(parameters) > 0 {
		b.line(`<instance_attributes id="%s-instance_attributes">`, id)
		for _, p := range parameters {
			b.pair(id+"-instance_attributes", p[0], p[1])
		}
		b.line(`</instance_attributes>`)
	}
	b.line(`<operations><op id="%s-monitor-interval-%ss" interval="%ss" name="monitor" timeout="60s"/>`, id, monitor, monitor)
	for _, action := range []string{"start", "stop"} {
		if limit != "" {
			b.line(`<op id="%s-%s-interval-0s" interval="0s" name="%s" timeout="%ss"/>`, id, action, action, limit)
		}
	}
	b.line(`</operations></primitive>`)
}

// oldCIB is the CIB of a pair that IML 2.4 made, with its spelling and its leftovers, and the short names of EL6 (H12,
// H23). A node's id is the number that corosync has for it, for the software below is newer than IML's.
func oldCIB(nodes [2]string, targets []Target) string {
	var b cibText
	line, pair := b.line, b.pair
	line(`<cib epoch="99" num_updates="0" admin_epoch="0" validate-with="pacemaker-1.2" crm_feature_set="3.0.7">`)
	line(`<configuration><crm_config><cluster_property_set id="cib-bootstrap-options">`)
	for _, p := range [][2]string{
		{"expected-quorum-votes", "2"}, {"no-quorum-policy", "ignore"}, {"symmetric-cluster", "true"},
		{"stonith-enabled", "true"}, {"last-lrm-refresh", "1423622496"},
	} {
		pair("cib-bootstrap-options", p[0], p[1])
	}
	line(`</cluster_property_set><cluster_property_set id="intel_manager_for_lustre_configuration">`)
	pair("intel_manager_for_lustre_configuration", "configured_by", nodes[0])
	line(`</cluster_property_set></crm_config><nodes>`)
	for i, node := range nodes {
		set := fmt.Sprintf("nodes-%d", i+1)
		line(`<node id="%d" uname="%s"><instance_attributes id="%s">`, i+1, node, set)
		for _, p := range fenceAttributes(node) {
			pair(set, p[0], p[1])
		}
		line(`</instance_attributes></node>`)
	}
	line(`</nodes><resources><primitive class="stonith" id="st-fencing" type="fence_chroma"/>`)
	for _, t := range targets {
		id := ResourceID(t)
		line(`<primitive class="ocf" id="%s" provider="chroma" type="Target"><meta_attributes id="%s-meta_attributes">`, id, id)
		pair(id+"-meta_attributes", "target-role", "Started")
		line(`</meta_attributes><operations id="%s-operations">`, id)
		for _, op := range [][3]string{{"monitor", "5", "60"}, {"start", "0", "300"}, {"stop", "0", "300"}} {
			line(`<op id="%s-%s-%s" interval="%s" name="%s" timeout="%s"/>`, id, op[0], op[1], op[1], op[0], op[2])
		}
		line(`</operations><instance_attributes id="%s-instance_attributes">`, id)
		pair(id+"-instance_attributes", "target", t.UUID)
		line(`</instance_attributes></primitive>`)
	}
	line(`</resources><constraints>`)
	for _, t := range targets {
		id := ResourceID(t)
		line(`<rsc_location id="%s-primary" node="%s" rsc="%s" score="20"/>`, id, nodes[t.Preferred], id)
		line(`<rsc_location id="%s-secondary" node="%s" rsc="%s" score="10"/>`, id, nodes[1-t.Preferred], id)
	}
	line(`</constraints><rsc_defaults><meta_attributes id="rsc_defaults-options">`)
	for _, p := range [][2]string{{"resource-stickiness", "1000"}, {"failure-timeout", "20m"}, {"migration-threshold", "3"}} {
		pair("rsc_defaults-options", p[0], p[1])
	}
	line(`</meta_attributes></rsc_defaults></configuration><status/></cib>`)
	return b.String()
}

// fenceAttributes tell fence_chroma how to cut a node's power; the agent comes last (H10).
func fenceAttributes(node string) [][2]string {
	return [][2]string{
		{"0_fence_ipport", standin.FencePort}, {"0_fence_login", standin.FenceLogin}, {"0_fence_password", standin.FencePassword},
		{"0_fence_plug", node}, {"0_fence_ipaddr", standin.FenceAddress}, {"0_fence_agent", "fence_virsh"},
	}
}

// seedCIB is what a cluster may begin with, so that it does not wait 20 s for nodes that are all there (H5).
const seedCIB = `<cib admin_epoch="0" epoch="1" num_updates="0" validate-with="pacemaker-3.0"><configuration><crm_config>` +
	`<cluster_property_set id="cib-bootstrap-options"><nvpair id="cib-bootstrap-options-dc-deadtime" name="dc-deadtime" value="2s"/></cluster_property_set>` +
	`</crm_config><nodes/><resources/><constraints/></configuration><status/></cib>`

func xmlText(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes all
	return b.String()
}

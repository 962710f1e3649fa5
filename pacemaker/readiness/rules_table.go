package readiness

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/beevik/etree"
)

var (
	two      = Version{2, 0, 0}
	twoOne   = Version{2, 1, 0}
	three    = Version{3, 0, 0}
	nvpair   = []string{"nvpair"}
	op       = []string{"op"}
	agented  = []string{"primitive", "template"}
	bundles  = []string{"docker", "podman", "rkt"}
	byOp     = []string{"op", "op_defaults"}
	byAny    = slices.Concat(resourceTags, []string{"rsc_defaults"})
	ordering = []string{"rsc_order", "rsc_colocation"}
)

// pacemakerRules are what Pacemaker 2.0, 2.1 and 3.0 dropped or changed, by their release notes.
var pacemakerRules = []rule{
	// 2.0
	{"option", two, "", Warning, nvpair, option("default-action-timeout", "default-resource-stickiness", "resource-failure-stickiness",
		"default-resource-failure-stickiness", "is-managed-default"), "Pacemaker 2.0 dropped the old names of options: it ignores them",
		"use the defaults of operations and resources (timeout, resource-stickiness, migration-threshold, is-managed)", "pcmk-2.0"},
	{"option", two, "", Warning, nvpair, underscored, "Pacemaker 2.0 dropped all names with an underbar: it ignores them",
		"write the name with dashes", "pcmk-2.0"},
	{"fence-parameter", two, "", Blocker, nvpair, oldFenceParameter,
		"Pacemaker 2.0 dropped pcmk_*_cmd, pcmk_arg_map and pcmk_poweroff_action: the device would fence otherwise, or not at all",
		"use pcmk_*_action, pcmk_host_argument and pcmk_off_action, and try the device", "pcmk-2.0"},
	{"operation", two, "", Warning, op, attribute("requires"), "Pacemaker 2.0 dropped requires of operations",
		"set the meta attribute requires of the resource", "pcmk-2.0"},
	{"operation", two, "", Warning, nvpair, operationOptions, "Pacemaker 2.0 dropped options of operations among the instance attributes",
		"put them into the operation itself", "pcmk-2.0"},
	// 2.1
	{"role", twoOne, "", Note, []string{"op", "rsc_location", "rsc_colocation", "rsc_ticket", "rule", "resource_set"}, oldRole,
		"Master and Slave are called Promoted and Unpromoted since Pacemaker 2.1, and the old names are deprecated",
		"use the new names after the upgrade", "pcmk-2.1"},
	// 3.0
	{"option", three, "", Warning, nvpair, option("crmd-finalization-timeout", "crmd-integration-timeout", "crmd-transition-delay", "remove-after-stop"),
		"Pacemaker 3.0 dropped it: it has no effect there", "remove it, or use its name without crmd-", "pcmk-3.0"},
	{"fencing", three, "", Blocker, nvpair, poweroff, "Pacemaker 3.0 dropped the value poweroff: what a fenced node does would change",
		"set stonith-action=off", "pcmk-3.0"},
	{"node-type", three, "", Blocker, []string{"node"}, pingNode, "Pacemaker 3.0 dropped nodes of this type", "remove the node", "pcmk-3.0"},
	{"class", three, "", Blocker, agented, class("nagios", "upstart"),
		"Pacemaker 3.0 dropped the class: its upgrade of the CIB removes the resource with its constraints, and says nothing",
		"replace it by a resource of an ocf agent or of systemd", "pcmk-upgrade-4"},
	{"bundle", three, "", Blocker, []string{"rkt"}, present("a bundle of rkt containers"),
		"Pacemaker 3.0 dropped rkt: its upgrade of the CIB removes the bundle with its constraints, and says nothing",
		"use podman or docker", "pcmk-upgrade-4"},
	{"bundle", three, "", Warning, bundles, attribute("masters"), "Pacemaker 3.0 dropped it; its upgrade of the CIB renames it",
		"write promoted-max", "pcmk-upgrade-2"},
	{"promotable", three, "", Warning, []string{"master"}, present("a master resource"),
		"Pacemaker 3.0 dropped master resources; its upgrade of the CIB makes promotable clones of them",
		"write a clone with promotable=true, or look at what the upgrade makes of it", "pcmk-upgrade-2"},
	{"defaults", three, "", Warning, []string{"instance_attributes"}, defaultParameters, "Pacemaker 3.0 dropped instance attributes of rsc_defaults",
		"give them to each resource", "pcmk-3.0"},
	{"meta", three, "", Warning, nvpair, meta("meta attribute", byAny, "restart-type"), "Pacemaker 3.0 dropped it: its upgrade of the CIB removes it",
		"use the kind of the order constraints", "pcmk-upgrade-4"},
	{"operation", three, "", Warning, nvpair, meta("operation option", byOp, "can-fail", "can_fail", "role_after_failure"),
		"Pacemaker 3.0 dropped it: its upgrade of the CIB removes it", "use on-fail", "pcmk-3.0"},
	{"operation", three, "", Warning, op, attribute("can-fail", "can_fail", "role_after_failure"), "Pacemaker 3.0 dropped it", "use on-fail", "pcmk-3.0"},
	{"constraint", three, "", Blocker, ordering, attribute("rsc-instance", "with-rsc-instance", "first-instance", "then-instance"),
		"Pacemaker 3.0 dropped constraints of single instances", "write the constraint for the whole clone", "pcmk-3.0"},
	{"constraint", three, "", Blocker, []string{"lifetime"}, present("a lifetime"),
		"Pacemaker 3.0 dropped it: the constraint may hold longer than it was meant to", "write a rule with date_expression, or remove the constraint", "pcmk-3.0"},
	{"rule", three, "", Warning, []string{"rsc_location"}, severalRules,
		"Pacemaker 3.0 takes one rule in a location constraint; its upgrade of the CIB makes a constraint of each",
		"write a constraint for each rule", "pcmk-upgrade-2"},
	{"rule", three, "", Blocker, []string{"meta_attributes", "instance_attributes", "utilization", "cluster_property_set"}, severalRules,
		"Pacemaker 3.0 takes one rule in a set of options", "write a set for each rule", "pcmk-3.0"},
	{"rule", three, "", Warning, []string{"expression"}, nodeRuleOfMeta, "Pacemaker 3.0 ignores conditions on nodes for meta attributes",
		"write it without the condition, or as a location constraint", "pcmk-3.0"},
	{"rule", three, "", Warning, []string{"date_spec"}, attribute("moon"), "Pacemaker 3.0 dropped it", "remove it", "pcmk-3.0"},
	{"reference", three, "", Warning, nvpair, namedReference, "Pacemaker 3.0 ignores the name beside id-ref", "write the option out", "pcmk-3.0"},
	{"clone", three, "", Warning, []string{"clone", "master"}, uniqueByDefault,
		"with clone-node-max above 1 globally-unique is true by default in Pacemaker 3.0, and was false", "set globally-unique", "pcmk-3.0"},
	{"meta", three, "", Warning, nvpair, negativeThreshold, "Pacemaker 3.0 takes a negative migration-threshold for invalid, and uses the default",
		"write 0 for no limit", "pcmk-3.0"},
	{"fencing", three, "", Blocker, []string{"fencing-level"}, badLevel, "the schema of Pacemaker 3.0 refuses it", "number the levels from 1 to 9", "pcmk-3.0"},
}

// releaseRules are what a release of a distribution does not take, whatever Pacemaker says.
var releaseRules = []rule{
	{"filesystem", Version{}, "sles16", Blocker, agented, fstype("ocfs2"), "SLES 16 has no OCFS2", "move the data to GFS2", "crmsh-code"},
	{"filesystem", Version{}, "sles16", Blocker, agented, sapMount,
		"SLES 16 does not support SAP ASCS and ERS on file systems that the cluster mounts", "move to the simple-mount setup", "crmsh-mounts"},
	{"filesystem", Version{}, "el10", Blocker, agented, fstype("gfs2"), "RHEL 10 has no Resilient Storage Add-On, which GFS2 is of",
		"move the data to a file system that one node mounts", "rhel-10"},
	{"rule", Version{}, "el10", Warning, []string{"duration"}, attribute("monthdays", "moon", "weekdays", "weekyears", "yearsdays"),
		"RHEL 10 does not take it in a duration", "use days, weeks, months or years", "rhel-10"},
}

// dashed are options of the cluster whose names have a dash: Pacemaker 1.1 took them with an underbar, too.
var dashed = strings.Fields("batch-limit cluster-delay cluster-recheck-interval dc-deadtime default-action-timeout default-resource-stickiness " +
	"is-managed-default maintenance-mode no-quorum-policy pe-error-series-max pe-input-series-max pe-warn-series-max remove-after-stop " +
	"start-failure-is-fatal startup-fencing stonith-action stonith-enabled stonith-timeout stop-all-resources stop-orphan-actions " +
	"stop-orphan-resources symmetric-cluster")

func underscored(e *etree.Element) string {
	name := e.SelectAttrValue("name", "")
	if !under(e, "cluster_property_set") || !strings.Contains(name, "_") || !slices.Contains(dashed, strings.ReplaceAll(name, "_", "-")) {
		return ""
	}
	return "cluster option " + name
}

var fenceParameter = regexp.MustCompile(`^pcmk_(?:\w+_cmd|arg_map|poweroff_action)$`)

func oldFenceParameter(e *etree.Element) string {
	name := e.SelectAttrValue("name", "")
	if !under(e, "instance_attributes", agented...) || !fenceParameter.MatchString(name) {
		return ""
	}
	return "parameter " + name
}

func operationOptions(e *etree.Element) string {
	name := e.SelectAttrValue("name", "")
	if !under(e, "instance_attributes", "op") ||
		!slices.Contains([]string{"timeout", "interval", "on-fail", "enabled", "role", "start-delay", "record-pending", "requires"}, name) {
		return ""
	}
	return "operation option " + name + " as an instance attribute"
}

func oldRole(e *etree.Element) string {
	for _, name := range []string{"role", "rsc-role", "with-rsc-role"} {
		switch role := e.SelectAttrValue(name, ""); strings.ToLower(role) {
		case "master", "slave":
			return name + "=" + role
		}
	}
	return ""
}

func poweroff(e *etree.Element) string {
	if option("stonith-action")(e) == "" || !strings.EqualFold(e.SelectAttrValue("value", ""), "poweroff") {
		return ""
	}
	return "stonith-action=poweroff"
}

func pingNode(e *etree.Element) string {
	if e.SelectAttrValue("type", "") != "ping" {
		return ""
	}
	return "node of type ping"
}

func defaultParameters(e *etree.Element) string {
	if !under(e, "rsc_defaults") {
		return ""
	}
	return "instance attributes of rsc_defaults"
}

func severalRules(e *etree.Element) string {
	if n := len(e.SelectElements("rule")); n > 1 {
		return strconv.Itoa(n) + " rules"
	}
	return ""
}

// nodeRuleOfMeta is a condition on a node, however deep, in a set of meta attributes.
func nodeRuleOfMeta(e *etree.Element) string {
	up := e.Parent()
	for up != nil && up.Tag == "rule" {
		up = up.Parent()
	}
	if up == nil || up.Tag != "meta_attributes" {
		return ""
	}
	return "meta attributes under a condition on " + e.SelectAttrValue("attribute", "")
}

func namedReference(e *etree.Element) string {
	if e.SelectAttr("id-ref") == nil || e.SelectAttr("name") == nil {
		return ""
	}
	return "option by id-ref with a name of its own: " + e.SelectAttrValue("name", "")
}

func uniqueByDefault(e *etree.Element) string {
	most, unique := 0, false
	for _, set := range e.SelectElements("meta_attributes") {
		for _, pair := range set.SelectElements("nvpair") {
			switch pair.SelectAttrValue("name", "") {
			case "clone-node-max":
				most, _ = strconv.Atoi(pair.SelectAttrValue("value", "")) // what is none is the default
			case "globally-unique":
				unique = true
			}
		}
	}
	if most < 2 || unique {
		return ""
	}
	return "clone-node-max=" + strconv.Itoa(most) + " without globally-unique"
}

func negativeThreshold(e *etree.Element) string {
	if meta("meta attribute", byAny, "migration-threshold")(e) == "" || !strings.HasPrefix(strings.TrimSpace(e.SelectAttrValue("value", "")), "-") {
		return ""
	}
	return "negative migration-threshold"
}

func badLevel(e *etree.Element) string {
	if n, err := strconv.Atoi(e.SelectAttrValue("index", "")); err == nil && n >= 1 && n <= 9 {
		return ""
	}
	return "fencing level with index " + strconv.Quote(e.SelectAttrValue("index", ""))
}

// fstype matches a Filesystem of a type.
func fstype(name string) func(*etree.Element) string {
	return func(e *etree.Element) string {
		if !isAgent(e, "ocf:heartbeat:Filesystem") || !strings.EqualFold(parameter(e, "fstype"), name) {
			return ""
		}
		return "a file system of type " + name
	}
}

var sapDirectory = regexp.MustCompile(`^/usr/sap/[A-Z][A-Z0-9]{2}/(?:ASCS|ERS)\d\d/?$`)

func sapMount(e *etree.Element) string {
	directory := parameter(e, "directory")
	if !isAgent(e, "ocf:heartbeat:Filesystem") || !sapDirectory.MatchString(directory) {
		return ""
	}
	return "the cluster mounts " + directory
}

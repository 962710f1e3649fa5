package readiness

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/beevik/etree"
)

// matcher finds what a rule of rules.tsv is about: in elements of some names, what is found, or nothing.
type matcher struct {
	tags  []string
	match func(e *etree.Element) string
}

var (
	nvpair   = []string{"nvpair"}
	op       = []string{"op"}
	agented  = []string{"primitive", "template"}
	bundles  = []string{"docker", "podman", "rkt"}
	byOp     = []string{"op", "op_defaults"}
	byAny    = slices.Concat(resourceTags, []string{"rsc_defaults"})
	ordering = []string{"rsc_order", "rsc_colocation"}
	sets     = []string{"meta_attributes", "instance_attributes", "utilization", "cluster_property_set"}
	withRole = []string{"op", "rsc_location", "rsc_colocation", "rsc_ticket", "rule", "resource_set"}
)

// matchers are those of the rules, by their names.
var matchers = map[string]matcher{
	"old-option": {nvpair, option("default-action-timeout", "default-resource-stickiness", "resource-failure-stickiness",
		"default-resource-failure-stickiness", "is-managed-default")},
	"underbar-option":     {nvpair, underscored},
	"fence-parameter":     {nvpair, oldFenceParameter},
	"operation-requires":  {op, attribute("requires")},
	"operation-parameter": {nvpair, operationOptions},
	"old-role":            {withRole, oldRole},
	"crmd-option": {nvpair, option("crmd-finalization-timeout", "crmd-integration-timeout", "crmd-transition-delay",
		"remove-after-stop")},
	"poweroff":            {nvpair, poweroff},
	"ping-node":           {[]string{"node"}, pingNode},
	"class":               {agented, class("nagios", "upstart")},
	"rkt":                 {[]string{"rkt"}, present("a bundle of rkt containers")},
	"bundle-masters":      {bundles, attribute("masters")},
	"master":              {[]string{"master"}, present("a master resource")},
	"default-parameters":  {[]string{"instance_attributes"}, defaultParameters},
	"restart-type":        {nvpair, meta("meta attribute", byAny, "restart-type")},
	"can-fail-meta":       {nvpair, meta("operation option", byOp, "can-fail", "can_fail", "role_after_failure")},
	"can-fail":            {op, attribute("can-fail", "can_fail", "role_after_failure")},
	"instance-constraint": {ordering, attribute("rsc-instance", "with-rsc-instance", "first-instance", "then-instance")},
	"lifetime":            {[]string{"lifetime"}, present("a lifetime")},
	"location-rules":      {[]string{"rsc_location"}, severalRules},
	"set-rules":           {sets, severalRules},
	"node-rule":           {[]string{"expression"}, nodeRuleOfMeta},
	"moon":                {[]string{"date_spec"}, attribute("moon")},
	"named-reference":     {nvpair, namedReference},
	"unique-clone":        {[]string{"clone", "master"}, uniqueByDefault},
	"negative-threshold":  {nvpair, negativeThreshold},
	"fencing-level":       {[]string{"fencing-level"}, badLevel},
	"ocfs2":               {agented, fstype("ocfs2")},
	"sap-mount":           {agented, sapMount},
	"gfs2":                {agented, fstype("gfs2")},
	"duration":            {[]string{"duration"}, attribute("monthdays", "moon", "weekdays", "weekyears", "yearsdays")},
}

// dashed are options of the cluster whose names have a dash: Pacemaker 1.1 took them with an underbar, too.
var dashed = strings.Fields("batch-limit cluster-delay cluster-recheck-interval dc-deadtime default-action-timeout " +
	"default-resource-stickiness is-managed-default maintenance-mode no-quorum-policy pe-error-series-max pe-input-series-max " +
	"pe-warn-series-max remove-after-stop start-failure-is-fatal startup-fencing stonith-action stonith-enabled " +
	"stonith-timeout stop-all-resources stop-orphan-actions stop-orphan-resources symmetric-cluster")

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
	value := strings.TrimSpace(e.SelectAttrValue("value", ""))
	if meta("meta attribute", byAny, "migration-threshold")(e) == "" || !strings.HasPrefix(value, "-") {
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

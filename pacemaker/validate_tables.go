package pacemaker

import (
	"slices"
	"strconv"
	"strings"
)

// valueKind is what a value may be.
type valueKind struct {
	holds func(string) bool
	not   string // what it is otherwise
}

func oneOf(words ...string) valueKind {
	return valueKind{func(s string) bool { return slices.Contains(words, s) }, "none of " + strings.Join(words, ", ")}
}

var (
	scoreValue = valueKind{func(s string) bool { _, err := ParseScore(s); return err == nil },
		"no score: a whole number, INFINITY or -INFINITY"}
	// Pacemaker is more liberal in options than the schemas are in attributes.
	schemaBoolean = oneOf("true", "false", "1", "0")
	optionBoolean = valueKind{func(s string) bool { return IsTrue(s) || isFalse(s) }, "neither true nor false"}
	wholeNumber   = valueKind{func(s string) bool {
		_,
			err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
		return err == nil
	}, "no whole number"}
	countValue = valueKind{func(s string) bool {
		_,
			err := strconv.ParseUint(strings.TrimSpace(s), 10, 64)
		return err == nil
	}, "no number from 0 on"}
	timeValue = valueKind{func(s string) bool { _, ok := Milliseconds(s); return ok || isoTime.MatchString(s) },
		"no time, such as 60s or PT1M"}
	dateValue     = valueKind{calendarDate.MatchString, "no date, such as 2026-01-31 or 2026-01-31T12:00:00Z"}
	resourceRoles = []string{"Stopped", "Started", "Promoted", "Unpromoted", "Master", "Slave"}
	roleValue     = oneOf(resourceRoles...)
	roleWord      = valueKind{func(s string) bool {
		return slices.ContainsFunc(resourceRoles, func(role string) bool { return strings.EqualFold(role, s) })
	}, "none of " + strings.Join(resourceRoles, ", ")}
	onFailValue  = oneOf("ignore", "block", "demote", "stop", "restart", "standby", "fence", "restart-container")
	actionValue  = oneOf("start", "stop", "promote", "demote")
	quorumPolicy = oneOf("stop", "freeze", "ignore", "demote", "suicide", "fence")
)

// valueKinds says what an attribute may be, by element@attribute, or by @attribute wherever it stands.
var valueKinds = map[string]valueKind{
	"cib@have-quorum": schemaBoolean, "cib@no-quorum-panic": schemaBoolean,
	"cib@admin_epoch": countValue, "cib@epoch": countValue, "cib@num_updates": countValue,
	"cib@remote-tls-port": countValue, "cib@remote-clear-port": countValue,
	"@score": scoreValue, "@rsc-role": roleValue, "@with-rsc-role": roleValue, "rsc_location@role": roleValue,
	"resource_set@role": roleValue, "op@role": roleValue,
	"rsc_location@resource-discovery": oneOf("always", "never", "exclusive"),
	"rsc_order@kind":                  oneOf("Optional", "Mandatory", "Serialize"),
	"resource_set@kind":               oneOf("Optional", "Mandatory", "Serialize"),
	"rsc_order@first-action":          actionValue, "rsc_order@then-action": actionValue, "resource_set@action": actionValue,
	"rsc_order@symmetrical": schemaBoolean, "@require-all": schemaBoolean, "resource_set@sequential": schemaBoolean,
	"resource_set@ordering": oneOf("group", "listed"), "rsc_ticket@loss-policy": oneOf("stop", "demote", "fence", "freeze"),
	"rule@role": roleWord, "rsc_colocation@influence": optionBoolean,
	"rule@boolean-op": oneOf("and", "or"), "rule@negate": schemaBoolean,
	"expression@operation":      oneOf("lt", "gt", "lte", "gte", "eq", "ne", "defined", "not_defined"),
	"expression@type":           oneOf("string", "integer", "number", "version"),
	"expression@value-source":   oneOf("literal", "param", "meta"),
	"date_expression@operation": oneOf("gt", "lt", "in_range", "date_spec"),
	"op@enabled":                schemaBoolean, "op@record-pending": schemaBoolean, "op@interval": timeValue, "op@timeout": timeValue,
	"op@on-fail": onFailValue, "op@interval-origin": dateValue, "date_expression@start": dateValue, "date_expression@end": dateValue,
	"node@type":       oneOf("normal", "member", "ping", "remote"),
	"primitive@class": oneOf("ocf", "lsb", "heartbeat", "stonith", "upstart", "service", "systemd", "nagios"),
	"template@class":  oneOf("ocf", "lsb", "heartbeat", "stonith", "upstart", "service", "systemd", "nagios"),

	"fencing-level@index": {func(s string) bool { n, err := strconv.Atoi(s); return err == nil && n > 0 }, "no number from 1 on"},
	"acl_permission@kind": oneOf("read", "write", "deny"),
	"docker@replicas":     wholeNumber, "podman@replicas": wholeNumber, "rkt@replicas": wholeNumber, "network@control-port": wholeNumber,
}

// refersTo is an attribute that holds the id of something else.
type refersTo struct {
	attr string
	what string
	tags []string // what it may be; anything when there is none
}

var (
	aResource = append([]string{"tag"}, resourceTags...) // a tag stands for its resources, a template for those made from it

	referenceTable = map[string][]refersTo{
		"rsc_location":   {{"rsc", "resource", aResource}},
		"rsc_order":      {{"first", "resource", aResource}, {"then", "resource", aResource}},
		"rsc_colocation": {{"rsc", "resource", aResource}, {"with-rsc", "resource", aResource}},
		"rsc_ticket":     {{"rsc", "resource", aResource}},
		"resource_ref":   {{"id", "resource", aResource}},
		"primitive":      {{"template", "template", []string{"template"}}},
		"role":           {{"id", "role", []string{"acl_role"}}},
		"role_ref":       {{"id", "role", []string{"acl_role"}}},
		"obj_ref":        {{"id", "element", nil}},
	}

	// nodeNames are the attributes that hold the name of a node.
	nodeNames = map[string][]string{"rsc_location": {"node"}, "fencing-level": {"target"}, "expression": {"value"}}
)

// propertyKinds says what a cluster property may be.
var propertyKinds = map[string]valueKind{
	"stonith-enabled": optionBoolean, "fencing-enabled": optionBoolean, "maintenance-mode": optionBoolean, "symmetric-cluster": optionBoolean,
	"enable-startup-probes": optionBoolean, "startup-fencing": optionBoolean, "stop-all-resources": optionBoolean,
	"stop-orphan-resources": optionBoolean,
	"stop-orphan-actions":   optionBoolean, "start-failure-is-fatal": optionBoolean, "concurrent-fencing": optionBoolean,
	"shutdown-lock": optionBoolean,
	"enable-acl":    optionBoolean, "remove-after-stop": optionBoolean, "have-watchdog": optionBoolean,
	"no-quorum-policy": quorumPolicy, "stonith-action": oneOf("reboot", "off", "poweroff"),
	"placement-strategy":       oneOf("default", "utilization", "minimal", "balanced"),
	"node-health-strategy":     oneOf("none", "migrate-on-red", "only-green", "progressive", "custom"),
	"cluster-recheck-interval": timeValue, "dc-deadtime": timeValue, "election-timeout": timeValue,
	"shutdown-escalation": timeValue, "cluster-delay": timeValue,
	"stonith-timeout": timeValue, "node-health-base": scoreValue, "node-health-green": scoreValue,
	"node-health-yellow": scoreValue, "node-health-red": scoreValue,
	"batch-limit": wholeNumber, "migration-limit": wholeNumber, "pe-error-series-max": wholeNumber,
	"pe-warn-series-max": wholeNumber, "pe-input-series-max": wholeNumber,
}

// metaKinds says what a meta attribute of a resource may be.
var metaKinds = map[string]valueKind{
	"target-role": {func(s string) bool {
		return slices.Contains([]string{"started", "stopped", "promoted", "unpromoted", "master", "slave", "#default"}, strings.ToLower(s))
	}, "none of Started, Stopped, Promoted, Unpromoted, Master, Slave"},
	"is-managed": optionBoolean, "maintenance": optionBoolean, "allow-migrate": optionBoolean, "interleave": optionBoolean,
	"ordered": optionBoolean,
	"notify":  optionBoolean, "globally-unique": optionBoolean, "promotable": optionBoolean, "critical": optionBoolean,
	"resource-stickiness": scoreValue, "priority": scoreValue,
	"multiple-active": oneOf("block", "stop_only", "stop_start", "stop_unexpected"),
	"failure-timeout": timeValue, "migration-threshold": {func(s string) bool { n, err := ParseScore(s); return err == nil && n >= 0 },
		"no number from 0 on, and not INFINITY"},
	"requires": {func(s string) bool {
		return slices.Contains([]string{"nothing", "quorum", "fencing", "unfencing"}, strings.ToLower(s))
	}, "none of nothing, quorum, fencing, unfencing"},
	"clone-max": wholeNumber, "clone-node-max": wholeNumber, "promoted-max": wholeNumber, "master-max": wholeNumber,
}

// operationKinds says what a meta attribute of an operation may be.
var operationKinds = map[string]valueKind{
	"on-fail": onFailValue, "timeout": timeValue, "enabled": optionBoolean, "interval-origin": dateValue,
}

// goneInThree are pairs that the schemas from 3.0 on refuse. Upstream: xml/options-3.0.rng and xml/resources-3.0.rng.
var goneInThree = func() map[string]bool {
	gone := make(map[string]bool)
	for element, names := range map[string]string{
		"crm_config": "cluster-infrastructure=heartbeat cluster-infrastructure=openais cluster-infrastructure=cman " +
			"cluster_recheck_interval dc_deadtime default-action-timeout default_action_timeout default-migration-threshold " +
			"default_migration_threshold default-resource-failure-stickiness default_resource_failure_stickiness " +
			"default-resource-stickiness default_resource_stickiness election_timeout expected-quorum-votes is-managed-default " +
			"is_managed_default no_quorum_policy notification-agent notification-recipient remove_after_stop shutdown_escalation " +
			"startup_fencing stonith_action stonith_enabled stop_orphan_actions stop_orphan_resources symmetric_cluster " +
			"transition_idle_timeout",
		"primitive": "isolation isolation-host isolation-instance isolation-wrapper",
		"op":        "requires",
	} {
		for _, name := range strings.Fields(names) {
			gone[element+"@"+name] = true
		}
	}
	gone["crm_config@cluster-infrastructure=classic openais"] = true
	gone["crm_config@cluster-infrastructure=classic openais (with plugin)"] = true
	return gone
}()

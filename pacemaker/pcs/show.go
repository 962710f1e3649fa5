package pcs

import (
	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// The questions. Each takes the file of a CIB to ask instead of the running cluster, when it is not empty: `pcs -f FILE
// …`. State is better read as XML, which is the same in all releases (H21): see [QueryCIB] and [pacemaker.ParseStatus].
// The text forms are for what a person has at hand, and for clusters that print no XML.

// QueryCIB asks the cluster for its CIB: the one form that is the same everywhere (lustre:395). Its output is for [pacemaker.ParseCIB].
func QueryCIB() Operation {
	return NewOperation("the CIB", "lustre:395", op.ReadOnly, op.Idempotent, "cibadmin", "--query")
}

// BackupName is the name under which the guide keeps the CIB of a host in its backup (lustre:395).
func BackupName(host string) string { return "cluster-cfg-" + host + ".xml" }

func (d Dialect) show(name, ref, file string, words ...string) Operation {
	argv := []string{"pcs"}
	if file != "" {
		argv = append(argv, "-f", file)
	}
	return NewOperation(name, ref, op.ReadOnly, op.Idempotent, append(argv, words...)...)
}

// ShowResources asks for the definitions of all resources but fence devices (lustre:1002); see [ParseResources].
func (d Dialect) ShowResources(file string) Operation {
	words := []string{"resource", "show", "--full"}
	if d.Modern() {
		words = []string{"resource", "config"}
	}
	return d.show("definitions of the resources", "lustre:1002", file, words...)
}

// ShowStonith asks for the definitions of the fence devices; see [ParseResources].
func (d Dialect) ShowStonith(file string) Operation {
	words := []string{"stonith", "show", "--full"}
	if d.Modern() {
		words = []string{"stonith", "config"}
	}
	return d.show("definitions of the fence devices", "", file, words...)
}

// ShowConstraints asks for the constraints, with their ids when full (lustre:1047); see [ParseConstraints].
func (d Dialect) ShowConstraints(file string, full bool) Operation {
	words := []string{"constraint", "show"}
	if d.from(10, 9) { // the word of pcs 0.9 is deprecated from here and gone in 0.12
		words = []string{"constraint", "config"}
	}
	if full {
		words = append(words, "--full")
	}
	return d.show("constraints", "lustre:1047", file, words...)
}

// ShowProperties asks for the cluster properties, and in pcs 0.9 for the node attributes (lustre:1706); see [ParseProperties].
func (d Dialect) ShowProperties(file string) Operation {
	words := []string{"property", "show"}
	if d.from(10, 9) {
		words = []string{"property", "config"}
	}
	return d.show("cluster properties", "lustre:1706", file, words...)
}

// ShowNodeAttributes asks for the node attributes (lustre:1706); see [ParseProperties].
func (d Dialect) ShowNodeAttributes(file string) Operation {
	words := []string{"property", "show"}
	if d.Modern() {
		words = []string{"node", "attribute"}
	}
	return d.show("node attributes", "lustre:1706", file, words...)
}

// ShowDefaults asks for the resource defaults; see [ParseDefaults].
func (d Dialect) ShowDefaults(file string) Operation {
	return d.show("resource defaults", "", file, "resource", "defaults")
}

// ShowRows asks where the resources run (lustre:436); see [ParseResourceRows].
func (d Dialect) ShowRows(file string) Operation {
	return d.show("where the resources run", "lustre:436", file, "resource")
}

// ExportForm is a form of `pcs config export`. The guide's "pcs-commands | pcs-commands-verbose" means one or the
// other: it is no pipe (PCM-060).
type ExportForm string

// The forms of an export.
const (
	ExportCommands        ExportForm = "pcs-commands"
	ExportCommandsVerbose ExportForm = "pcs-commands-verbose"
)

// Export asks for the configuration as commands (lustre:410): a cross reference, never a backup; see [CheckExport]. It needs clufter,
// and is gone from pcs 0.11 on, which is an [*pacemaker.UnsupportedError].
func (d Dialect) Export(form ExportForm) (Operation, error) {
	var no pacemaker.Refusals
	switch {
	case form != ExportCommands && form != ExportCommandsVerbose:
		no.Add("there is no form %q of an export: it is %s or %s", form, ExportCommands, ExportCommandsVerbose)
	case d.from(11, 0):
		no.Add("%s has no `config export`: take the CIB, or `pcs resource config --output-format=cmd` for the resources alone", d.Name())
	}
	return d.show("export "+string(form), "lustre:410", "", "config", "export", string(form)), no.Err()
}

// QueryStatus asks a node how its cluster is; the answer is for [pacemaker.ParseStatus]. Pacemaker 1.1 knows only the form that
// Pacemaker 3 has given up.
func (d Dialect) QueryStatus() Operation {
	form := "--as-xml"
	if d.from(12, 0) {
		form = "--output-as=xml"
	}
	return NewOperation("the state of the cluster", "lustre:924", op.ReadOnly, op.Idempotent, "crm_mon", "-1", form)
}

// QueryFencing asks whom the cluster has fenced, or tried to; see InFencing of package live. Pacemaker 1.1 knows only
// the text of stonith_admin. The history is kept by the daemons: it begins anew when the cluster of all nodes has
// stopped.
func (d Dialect) QueryFencing() Operation {
	if !d.Modern() {
		return NewOperation("the history of fencing", "", op.ReadOnly, op.Idempotent, "stonith_admin", "--history", "*")
	}
	o := d.QueryStatus()
	o.Name, o.Argv = "the history of fencing", append(o.Argv, "--fence-history=3")
	return o
}

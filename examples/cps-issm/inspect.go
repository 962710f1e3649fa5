package main

import (
	"bytes"
	"io"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// inspect reads a file, and tells of one that may be cut off.
func inspect(name string) (*cli.Inspection, error) {
	raw, err := infile.Read(name, infile.Text)
	if err != nil {
		return nil, err
	}
	in, err := inspectText(name, raw)
	if err == nil && !bytes.HasSuffix(raw, []byte("\n")) {
		in.Find(name, "it may be cut off: its last line has no line end")
	}
	return in, err
}

// inspectText reads a file by its name, or, where that says nothing, by what is in it.
func inspectText(name string, raw []byte) (*cli.Inspection, error) {
	in := &cli.Inspection{File: name}
	r := srcerr.Named(name, bytes.NewReader(raw))
	base := strings.ToLower(filepath.Base(name))
	text := string(raw)
	switch {
	case keyFile.MatchString(text): // before any name: it must not be quoted
	case strings.HasSuffix(base, ".csv") && strings.Contains(base, "config"), strings.HasPrefix(base, "configuration"):
		return in, configuration(in, r)
	case strings.Contains(base, "hosts") && !strings.Contains(base, "additional") && strings.HasSuffix(base, ".csv"):
		return in, hosts(in, r)
	case strings.Contains(base, "mongoc"):
		return in, mongoConfig(in, r)
	case strings.HasPrefix(base, "cluster-upgrade-set"):
		return in, clusterSet(in, r)
	case strings.Contains(text, "CPS Diagnostics"), strings.Contains(text, "Checking ") && strings.Contains(text, "..."):
		return in, diagnostics(in, name, raw)
	case strings.Contains(text, "STATUS INFORMATION"):
		return in, replicaTable(in, r)
	case strings.Contains(text, "CPS Core Versions"), strings.Contains(text, "CPS Installer Version"):
		return in, about(in, r)
	case strings.Contains(text, "__main__"):
		return in, migrateLog(in, r)
	case strings.Contains(text, "Hypervisor Name"):
		return in, hosts(in, r)
	case mongoText.MatchString(text):
		return in, mongoConfig(in, r)
	}
	for _, known := range otherTables {
		if header, _, _ := strings.Cut(text, "\n"); strings.HasPrefix(header, known.header) {
			in.Kind = known.name + ", not used by a plan"
			return in, nil
		}
	}
	return nil, &cli.UnknownKindError{File: name,
		Kinds: "Hosts.csv, Configuration.csv, mongoConfig.cfg, a cluster-upgrade-set file, or the output of about.sh, " +
			"diagnostics.sh --get_replica_status, migrate.sh or HAProxy's statistics"}
}

var (
	// mongoText is how mongoConfig.cfg shows itself whatever its name is.
	mongoText = regexp.MustCompile(`(?m)^\s*(?:\[[A-Z]+-SET[0-9]+|SETNAME\s*=|#?\S*SITE[0-9]*_START)`)
	// keyFile is a private key or a file with hashes of passwords.
	keyFile = regexp.MustCompile(`-----BEGIN|(?m)^[^:\s]+:[!*]*\$[0-9a-z]+\$`)
)

// otherTables are the deployment tables that a plan does not need.
var otherTables = []struct{ header, name string }{
	{"Host,Alias,IP Address", "AdditionalHosts.csv"}, {"Role,Host Name Prefix,", "VMSpecification.csv"}, {"VLAN Name,", "Vlans.csv"},
}

// note takes over the parsers' findings.
func note(in *cli.Inspection, list []cps.Finding) {
	for _, f := range list {
		if f.Severity == cps.Info {
			in.Add(f.Where, "%s", f.What)
			continue
		}
		in.Find(f.Where, "%s: %s", f.Severity, f.What)
	}
}

func hosts(in *cli.Inspection, r io.Reader) error {
	h, err := cps.ParseHosts(r)
	if err != nil {
		return err
	}
	in.Kind = "Hosts.csv"
	in.Add("networks", "%s", strings.Join(h.Networks, ", "))
	for _, row := range h.Rows {
		in.Add(row.Alias, "%s on %s", row.Role, row.Hypervisor)
	}
	note(in, h.Findings())
	set1, set2, err := cps.SplitClusterSets(h)
	if err != nil {
		in.Find(in.File, "%v", err)
		return nil
	}
	in.Add("cluster-upgrade set 1", "%s", strings.Join(set1, " "))
	in.Add("cluster-upgrade set 2", "%s", strings.Join(set2, " "))
	note(in, cps.ReviewHosts(h, set1, set2))
	return nil
}

func configuration(in *cli.Inspection, r io.Reader) error {
	c, err := cps.ParseConfiguration(r)
	if err != nil {
		return err
	}
	in.Kind = "Configuration.csv"
	for _, key := range c.Keys() {
		if value, ok := c.Value(key); ok && !cps.IsSecretKey(key) {
			in.Add(key, "%s", value.Reveal())
		} else {
			in.Add(key, "%s", value)
		}
	}
	note(in, c.Findings())
	return nil
}

func mongoConfig(in *cli.Inspection, r io.Reader) error {
	c, err := cps.ParseMongoConfig(r)
	if err != nil {
		return err
	}
	in.Kind = "mongoConfig.cfg"
	for _, set := range c.Sets {
		in.Add(set.Name, "%+v", set.Members)
	}
	note(in, c.Findings())
	if sharded, where := c.Sharded(); sharded {
		note(in, where)
	}
	return nil
}

func clusterSet(in *cli.Inspection, r io.Reader) error {
	set, err := cps.ParseClusterSet(r)
	if err != nil {
		return err
	}
	in.Kind = "cluster-upgrade set"
	in.Add("VMs", "%s", strings.Join(set, " "))
	return nil
}

func replicaTable(in *cli.Inspection, r io.Reader) error {
	t, err := cps.ParseReplicaTable(r)
	if err != nil {
		return err
	}
	in.Kind = "replica-set status"
	for _, set := range t.Sets {
		for _, m := range set.Members {
			in.Add(set.Title(), "%s %s priority %v", m.Host, m.State, m.Priority)
		}
	}
	note(in, t.Findings())
	return nil
}

func about(in *cli.Inspection, r io.Reader) error {
	a, err := cps.ParseAbout(r)
	if err != nil {
		return err
	}
	in.Kind = "about.sh"
	in.Add("releases", "%v", a.Releases())
	if patches := a.Patches(); len(patches) > 0 {
		in.Add("patches", "%s", strings.Join(patches, ", "))
	}
	note(in, a.CheckPatches())
	if a.Mixed() {
		in.Find(in.File, "two releases run side by side: a migration is under way")
	}
	return nil
}

// diagnostics reads what diagnostics.sh printed: each check, and what stands in those of the replica sets and of HAProxy.
func diagnostics(in *cli.Inspection, name string, raw []byte) error {
	again := func() io.Reader { return srcerr.Named(name, bytes.NewReader(raw)) }
	d, err := cps.ParseDiagnostics(again())
	if err != nil {
		return err
	}
	if bytes.Contains(raw, []byte("STATUS INFORMATION")) {
		if err := replicaTable(in, again()); err != nil {
			return err
		}
	}
	if _, ok := d.Check("HAProxy"); ok {
		if err := haproxy(in, again()); err != nil {
			return err
		}
	}
	if len(d.Checks) > 1 || in.Kind == "" {
		in.Kind = "diagnostics.sh"
		for _, c := range d.Checks {
			in.Add(c.Title, "%s", c.Verdict)
		}
	}
	note(in, d.Findings())
	return nil
}

func haproxy(in *cli.Inspection, r io.Reader) error {
	report, err := cps.ParseHAProxy(r)
	if err != nil {
		return err
	}
	in.Kind = "HAProxy status"
	note(in, report.Findings())
	return nil
}

func migrateLog(in *cli.Inspection, r io.Reader) error {
	l, err := cps.ParseMigrateLog(r)
	if err != nil {
		return err
	}
	in.Kind = "log of migrate.sh"
	in.Add("succeeded", "%v", l.Succeeded())
	in.Add("archive", "%s", l.Archive())
	in.Add("stage", "%s", l.Stage())
	note(in, l.Findings())
	if !l.Succeeded() {
		in.Find(in.File, "it does not end with SUCCESS")
	}
	return nil
}

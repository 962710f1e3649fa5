package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// input is a file to be inspected. Each parser reads it anew.
type input struct {
	name string
	raw  []byte
}

func (i input) reader() io.Reader { return srcerr.Named(i.name, bytes.NewReader(i.raw)) }

// kind is a kind of file or output: how it shows itself, and what reads it.
type kind struct {
	name, from string // from is where one gets it
	mark       *regexp.Regexp
	rows       bool // mark is of a row, and more than half of the lines have it
	read       func(*cli.Inspection, input) error
}

// told reads a file with a parser, and tells what was parsed.
func told[T any](parse func(io.Reader) (T, error), tell func(*cli.Inspection, input, T)) func(*cli.Inspection, input) error {
	return func(in *cli.Inspection, i input) error {
		parsed, err := parse(i.reader())
		if err == nil {
			tell(in, i, parsed)
		}
		return err
	}
}

// kinds come in the order in which they are tried: an output that holds others stands before these.
func kinds() []kind {
	list := []kind{
		{"output of diagnostics.sh", "diagnostics.sh, with any option: checks, AIDO, HAProxy, replica sets",
			marks(`CPS Diagnostics\b|(?:Checking|Validating|Retrieving|Verifying|Testing|Ping [Cc]heck)\b.*(?:\.\.\.|\[)` +
				`|.*\[\s*(?i:pass|warn|fail)\w*\s*\]|[^|\n]+\.\.\.\s*\[\w+\]`), false, told(cps.ParseDiagnostics, diagnostics)},
		{"replica-set status", "diagnostics.sh --get_replica_status, the table alone",
			marks(`.*MONGODB\s+REPLICAS?-SETS\s+STATUS`), false, replicaTable},
		{"output of about.sh", "about.sh on the Cluster Manager or the arbiter",
			marks(`CPS (?:Core Versions|Installer Version|Arbiter$)`), false, told(cps.ParseAbout, about)},
		{"log of migrate.sh", "/mnt/iso/migrate.sh, whatever it was told",
			marks(`.*(?:\[__main__\.|===== END =====)|\d{4}-\d\d-\d\d [\d:]+,\d+ +[A-Z]+ +\[`),
			false, told(cps.ParseMigrateLog, migrateLog)},
		{"Hosts.csv", "/var/qps/config/deploy/csv", marks(`.*\b(?:Hypervisor Name|Guest Name)\b.*,`), false, told(cps.ParseHosts, hosts)},
		{"mongoConfig.cfg", "/etc/broadhop", marks(`\[[A-Z]\w*-SET\d+|SETNAME\s*=|#?\s*\S*SITE[0-9]*_START`), false,
			told(cps.ParseMongoConfig, mongoConfig)},
		{"Configuration.csv", "/var/qps/config/deploy/csv; the values of secrets are not shown",
			marks(`"?(?:hv_|sys_|snmp|db_authentication|` +
				`vcenter_|redis_|ldap_|prevent_primary|[a-z0-9_]*(?:passw|community))\w*"?\s*,`), false, told(cps.ParseConfiguration, configuration)},
		{"output of create-cluster-sets.sh", "the script itself", marks(`Created /\S*cluster-upgrade-set`), false,
			createdSets},
		{"neutron ports", "neutron port-list and port-update", marks(`.*"subnet_id"|Updated port: `), false, ports},
		{"output of patch -u", "patch -u", marks(`undo the patches$`), false, told(cps.ParsePatchUndo, patchUndo)},
		{"list of patches", "patch -l", marks("(?i:" + patchMark + ")"), false, told(cps.ParsePatchList, patchList)},
		{"repositories", "/etc/broadhop/repositories", marks(`(?:file|https?)://`), true, told(cps.ParseRepositories, repositories)},
		{"system release", "/etc/redhat-release, or cat /etc/*release", marks(`\S.* release \d+(?:\.\d+)*(?: \([^)]*\))?[ \t]*$`),
			false, told(cps.ParseOSRelease, release)},
		{"answer of the Status API", "curl of :8458/api/system/status/cluman",
			marks(`(?:\w+ Message:|\{).*(?s:.*)"status"`), false, told(cps.ParseClusterStatus, status)},
		{"list of watched sets", "mon_db_for_callmodel.conf, mon_db_for_lb_failover.conf",
			marks(`#*(?:evenkeel#)?[A-Z][A-Z0-9_]*-SET\d+$`), true, setList(cps.ParseSetList)},
		{"list of processes", "ps -ef", marks(`UID\s+PID\s+PPID`), false, processes},
		{"free space", "df -Pk PATH", marks(`Filesystem\s.*\bMounted on`), false, told(cps.ParseFreeSpace, space)},
		{"GR table", "the steps of a GR migration, with tabs", marks(`Step\t.*\tDescription`), false, told(cps.ParseGRTable, grTable)},
		{"date", "date on the arbiter", marks(`(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z][a-z] +\d+ [\d:]+ [A-Z]+ \d{4}$`),
			true, date},
		{"cluster-upgrade set", "/var/tmp/cluster-upgrade-set-1.txt and -2.txt",
			marks(`(?:[\w.-]+-)?(?:lb|qns|sessionmgr|pcrfclient)\d+(?:-[\w.-]+)?$`), true, told(cps.ParseClusterSet, clusterSet)},
	}
	return append(inputFiles(), list...)
}

// patchMark is the name of a patch, not behind a path; that there is none; or a heading.
const patchMark = `[^/\n]*\b(?:Patch_|CPS\d+_)\d|[^/\n]*patch[\w.-]*\.(?:tar|tgz)|(?:There (?:is|are) )?No patch(?:es)? (?:is|are|applied|installed)` +
	`|(?:CPS )?(?:List of )?(?:(?:Currently )?(?:Applied|Installed) )?Patch(?:es)?(?: (?:History|Applied|Installed))*:?$`

// marks is a mark at the beginning of a line.
func marks(pattern string) *regexp.Regexp {
	return regexp.MustCompile(`(?m)^[ \t]*(?:` + pattern + `)`)
}

// fits tells whether a text shows itself as one of this kind.
func (k kind) fits(text string) bool {
	if !k.rows {
		return k.mark.MatchString(text)
	}
	fit, lines := 0, 0
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines++
		}
		if k.mark.MatchString(line) {
			fit++
		}
	}
	return 2*fit > lines
}

// known are the kinds for the usage.
func known() []cli.Item {
	var list []cli.Item
	for _, k := range kinds() {
		list = append(list, cli.Item{Name: k.name, Value: k.from})
	}
	return list
}

// keyFile is a private key or a file with hashes of passwords.
var keyFile = regexp.MustCompile(`-----BEGIN|(?m)^[^:\s]+:[!*]*\$[0-9a-z]+\$`)

// inspect reads a file by what is in it, whatever its name. What is not recognised is never handed to a parser, which
// would quote it, and no value that looks like a secret is shown, whatever the file is taken for.
func inspect(name string) (*cli.Inspection, error) {
	if what := infile.Packed(name); what != "" {
		return nil, fmt.Errorf("%s: %w: it is packed (%s). Unpack it, and inspect the files in it", name, infile.ErrOther, what)
	}
	raw, err := infile.Read(name, infile.Text)
	if err != nil {
		return nil, err
	}
	if _, err := srcerr.ReadText(input{name, raw}.reader()); err != nil {
		return nil, err
	}
	text := escapes.ReplaceAllString(string(raw), "")
	if strings.TrimSpace(text) == "" {
		return nil, infile.Other(name, nil) // it is empty
	}
	var fit []kind
	for _, k := range kinds() {
		if k.fits(text) && !keyFile.MatchString(text) {
			fit = append(fit, k)
		}
	}
	if len(fit) == 0 {
		return nil, &cli.UnknownKindError{File: name}
	}
	in := &cli.Inspection{File: name, Kind: fit[0].name}
	hide := sshexec.Redactor(cps.SecretsIn(text)...)
	if err := fit[0].read(in, input{name, raw}); err != nil {
		taken := "taken for " + fit[0].name + " by its content"
		for i, k := range fit[1:] {
			taken += map[bool]string{true: "; it may also be ", false: ", "}[i == 0] + k.name
		}
		return nil, errors.New(hide.String(fmt.Sprintf("%v (%s)", err, taken)))
	}
	if !bytes.HasSuffix(raw, []byte("\n")) {
		in.Find(name, "it may be cut off: its last line has no line end")
	}
	for i, f := range in.Facts {
		in.Facts[i] = cli.Item{Name: hide.String(f.Name), Value: hide.String(f.Value)}
	}
	for i := range in.Findings {
		in.Findings[i].What = hide.String(in.Findings[i].What)
	}
	return in, nil
}

// escapes are the colours of a terminal, a byte order mark, and the line ends of Windows.
var escapes = regexp.MustCompile(`\x1b\[[0-9;:?]*[A-Za-z]|\x{feff}|\r`)

// foreign finds lines that no rule knows, where the parser passes over them.
func foreign(in *cli.Inspection, i input, form *regexp.Regexp) {
	n, first := 0, ""
	for no, line := range strings.Split(string(i.raw), "\n") {
		if line = strings.TrimSpace(escapes.ReplaceAllString(line, "")); line != "" && !form.MatchString(line) {
			if n++; n == 1 {
				first = fmt.Sprintf("line %d: %s", no+1, srcerr.Shown(line))
			}
		}
	}
	if n > 0 {
		in.Find(i.name, "%s not understood; the first is %s", printable.Count(n, "line"), first)
	}
}

// unread finds what kept a part of an output from being read; what the other parts say is not lost.
func unread(in *cli.Inspection, err error) {
	var one *srcerr.Error
	list := srcerr.List{}
	if !errors.As(err, &list) && errors.As(err, &one) {
		list = append(list, one)
	}
	for _, e := range list {
		what := e.Err.Error()
		if e.Near != "" {
			what += ": " + e.Quote()
		}
		in.Find(fmt.Sprintf("%s:%d", e.File, e.Line), "cannot be read: %s", what)
	}
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

func hosts(in *cli.Inspection, _ input, h *cps.Hosts) {
	in.Add("networks", "%s", strings.Join(h.Networks, ", "))
	for _, row := range h.Rows {
		in.Add(row.Alias, "%s on %s", row.Role, row.Hypervisor)
	}
	note(in, h.Findings())
	set1, set2, err := cps.SplitClusterSets(h)
	if err != nil {
		in.Find(in.File, "%v", err)
		return
	}
	in.Add("cluster-upgrade set 1", "%s", strings.Join(set1, " "))
	in.Add("cluster-upgrade set 2", "%s", strings.Join(set2, " "))
	note(in, cps.ReviewHosts(h, set1, set2))
}

func configuration(in *cli.Inspection, _ input, c *cps.Configuration) {
	for _, key := range c.Keys() {
		if value, ok := c.Value(key); ok && !cps.IsSecretKey(key) && !srcerr.MayHoldSecret(value.Reveal()) {
			in.Add(key, "%s", value.Reveal())
		} else {
			in.Add(key, "%s", value)
		}
	}
	note(in, c.Findings())
}

func mongoConfig(in *cli.Inspection, _ input, c *cps.MongoConfig) {
	for _, set := range c.Sets {
		var members []string
		for _, m := range slices.Concat(set.Members, set.Arbiters) {
			members = append(members, strings.TrimSpace(m.Role+" "+strings.TrimRight(m.Key, "0123456789"))+" "+m.Address())
		}
		name := set.Name
		if set.Site != "" {
			name += " of " + set.Site
		}
		in.Add(name, "%s", strings.Join(members, ", "))
	}
	note(in, c.Findings())
	if sharded, where := c.Sharded(); sharded {
		note(in, where)
	}
}

func clusterSet(in *cli.Inspection, _ input, set cps.ClusterSet) {
	in.Add("VMs", "%s", strings.Join(set, " "))
}

func replicaTable(in *cli.Inspection, i input) error {
	foreign(in, i, regexp.MustCompile(`^(?:\|.*|.*\||[-| ]+|\[\S+@.*|CPS Diagnostics [\w -]+|.*diagnostics\.sh +--get(?:_\w+)?)$`))
	return members(in, i)
}

// members are the replica sets of a table.
func members(in *cli.Inspection, i input) error {
	t, err := cps.ParseReplicaTable(i.reader())
	if err != nil {
		return err
	}
	for _, set := range t.Sets {
		for _, m := range set.Members {
			in.Add(set.Title(), "%s %s priority %v", m.Host, m.State, m.Priority)
		}
	}
	note(in, t.Findings())
	return nil
}

func about(in *cli.Inspection, _ input, a *cps.About) {
	if a.Installer != nil {
		in.Add("installer", "%s", a.Installer)
	}
	if list := a.Releases(); len(list) > 0 {
		in.Add("releases", "%v", list)
	} else if !a.Arbiter() {
		in.Find(in.File, "no component is listed: nobody can say what runs")
	}
	if patches := a.Patches(); len(patches) > 0 {
		in.Add("patches", "%s", strings.Join(patches, ", "))
	}
	note(in, a.CheckPatches())
	if a.Mixed() {
		in.Find(in.File, "two releases run side by side: a migration is under way")
	}
}

// diagnostics reads what diagnostics.sh printed: each check, and what stands in those of the replica sets, AIDO and
// HAProxy.
func diagnostics(in *cli.Inspection, i input, d *cps.Diagnostics) {
	for _, c := range d.Checks {
		in.Add(c.Title, "%s", c.Verdict)
	}
	if bytes.Contains(i.raw, []byte("STATUS INFORMATION")) {
		unread(in, members(in, i))
	}
	if _, ok := d.Check("AIDO"); ok {
		a, err := cps.ParseAIDO(i.reader())
		if unread(in, err); err == nil && len(a.NotInstalled) > 0 {
			in.Add("no AIDO service", "%s", strings.Join(a.NotInstalled, " "))
		}
	}
	if _, ok := d.Check("HAProxy"); ok {
		report, err := cps.ParseHAProxy(i.reader())
		if unread(in, err); err == nil {
			note(in, report.Findings())
		}
	}
	note(in, d.Findings())
}

func migrateLog(in *cli.Inspection, _ input, l *cps.MigrateLog) {
	in.Add("succeeded", "%v", l.Succeeded())
	in.Add("archive", "%s", l.Archive())
	in.Add("stage", "%s", l.Stage())
	found := l.Findings()
	for i, f := range found { // an error of a program is its own text
		if srcerr.MayHoldSecret(f.What) {
			found[i].What = srcerr.Shown(f.What)
		}
	}
	note(in, found)
	if !l.Succeeded() {
		in.Find(in.File, "it does not end with SUCCESS")
	}
}

func createdSets(in *cli.Inspection, i input) error {
	set1, set2, err := cps.ParseCreatedSets(i.reader())
	if err != nil {
		return err
	}
	in.Add("set 1", "%s", set1)
	in.Add("set 2", "%s", set2)
	foreign(in, i, regexp.MustCompile(`^Created |^\[\S+@`))
	return nil
}

func ports(in *cli.Inspection, i input) error {
	if !bytes.Contains(i.raw, []byte("subnet_id")) {
		id, err := cps.ParseUpdatedPort(i.reader())
		if err != nil {
			return err
		}
		in.Add("updated port", "%s", id)
		if err := cps.CheckUUID(id); err != nil {
			in.Find(i.name, "%v", err)
		}
		foreign(in, i, regexp.MustCompile(`^Updated port: |^\[\S+@|^--allowed-address-pairs`))
		return nil
	}
	list, err := cps.ParsePorts(i.reader())
	if err != nil {
		return err
	}
	for _, p := range list {
		in.Add(p.IP.String(), "port %s, MAC %s", p.ID, p.MAC)
		if err := p.Check(); err != nil {
			in.Find(fmt.Sprintf("%s:%d", i.name, p.Line), "%v", err)
		}
	}
	return nil
}

func patchUndo(in *cli.Inspection, _ input, u *cps.PatchUndo) {
	in.Add("steps", "%d", len(u.Steps))
	if u.RepositoriesRenamed {
		in.Add("repositories", "%s is now %s", cps.RepositoriesPath, cps.RepositoriesBackup)
	}
	note(in, u.Findings())
}

func patchList(in *cli.Inspection, _ input, p *cps.PatchList) {
	if len(p.Names) > 0 {
		in.Add("patches", "%s", strings.Join(p.Names, ", "))
	}
	note(in, p.Findings())
}

func repositories(in *cli.Inspection, i input, r *cps.Repositories) {
	for _, u := range r.URLs() {
		in.Add("repository", "%s", u)
	}
	if _, removed := r.WithoutPatches(); len(removed) > 0 {
		in.Find(i.name, "it lists a patch: %s", strings.Join(removed, ", "))
	}
}

func release(in *cli.Inspection, i input, r cps.OSRelease) {
	in.Add(r.Name, "%s", r.Version)
	foreign(in, i, regexp.MustCompile(` release \d|^[A-Z_]+=|^\[\S+@|^cpe:`))
}

func status(in *cli.Inspection, i input, s *cps.ClusterStatus) {
	in.Add("status", "%s", s.Status)
	if !s.Ready() {
		in.Find(i.name, "the Cluster Manager is not ready")
	}
}

// processes shows no command: its arguments may hold a password.
func processes(in *cli.Inspection, i input) error {
	list, err := cps.ParseProcesses(i.reader())
	if err != nil {
		return errors.New("the list of ps -ef is not whole, or a row of it is not understood; it is not shown, as it may " +
			"hold a secret")
	}
	in.Add("processes", "%d", len(list))
	return nil
}

func space(in *cli.Inspection, i input, free int64) {
	in.Add("free", "%d kB", free)
	if free < cps.MinFreeKB {
		in.Find(i.name, "a backup needs 10 GB (cps:281)")
	}
}

func grTable(in *cli.Inspection, _ input, t *cps.GRTable) {
	in.Add("columns", "%s", strings.Join(t.Columns, ", "))
	in.Add("steps", "%d", len(t.Rows))
}

func date(in *cli.Inspection, i input) error {
	t, err := cps.ParseArbiterDate(i.reader())
	if errors.Is(err, cps.ErrNotUTC) {
		in.Find(i.name, "%v", cps.ErrNotUTC)
		return nil
	}
	if err != nil {
		return err
	}
	in.Add("time", "%s", t)
	return nil
}

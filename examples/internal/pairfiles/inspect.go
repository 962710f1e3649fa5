// Package pairfiles is what the binaries that upgrade a Pacemaker pair share: it reads the pair's files for inspect, diff, config init
// and the readiness for a release, and takes the backups.
package pairfiles

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
)

// CorosyncConf is where a server has it.
const CorosyncConf = "/etc/corosync/corosync.conf"

// Inspector reads a file of a pair by what is in it. Each function may be nil, but for Needed.
type Inspector struct {
	// Refusals are what the upgrade refuses of a CIB, each with its place where it has one.
	Refusals func(*pacemaker.CIB) []error
	// CIB adds what the upgrade makes of a CIB.
	CIB func(in *cli.Inspection, cib *pacemaker.CIB)
	// Needed is what the steps of the upgrade read from a server's backup.
	Needed func(*backup.Archive) []backup.Requirement
	// Members reads more files in a backup.
	Members func(in *cli.Inspection, name string, a *backup.Archive) error
	// Own reads a file of a kind that no other binary knows, and tells whether it is one.
	Own func(in *cli.Inspection, name string, raw []byte) (bool, error)
}

// Inspect reads a file. One of an unknown kind is a [cli.UnknownKindError].
func (i Inspector) Inspect(name string) (*cli.Inspection, error) {
	in := &cli.Inspection{File: name}
	packed, err := compressed(name)
	if err != nil {
		return nil, err
	}
	if packed {
		return in, i.archive(in, name)
	}
	raw, err := infile.Read(name, infile.Text)
	if err != nil {
		return nil, err
	}
	text := bytes.TrimSpace(bytes.TrimPrefix(raw, []byte("\ufeff"))) // a BOM, as Windows writes it
	if bytes.HasPrefix(text, []byte("<")) && (clusterXML.Match(text) || filepath.Ext(name) == ".xml") {
		return in, i.xml(in, name, raw)
	}
	if i.Own != nil {
		if is, err := i.Own(in, name, raw); is {
			return in, err
		}
	}
	switch {
	case corosyncText.Match(text) || strings.HasPrefix(filepath.Base(name), "corosync") && infile.Other(name, raw) == nil:
		return in, inspectCorosync(in, name, raw)
	case resourceRows.Match(text):
		return in, inspectRows(in, name, raw)
	}
	return nil, &cli.UnknownKindError{File: name}
}

// Kinds are what every Inspector knows beside backups, and where one gets it.
var Kinds = []cli.Item{
	{Name: "Pacemaker CIB", Value: "cibadmin --query, pcs cluster cib"},
	{Name: "crm_mon status", Value: "crm_mon --as-xml, crm_mon --output-as=xml"},
	{Name: "rows of resources", Value: "pcs status, pcs resource, crm_mon -1"},
	{Name: "corosync.conf", Value: CorosyncConf},
}

// How the files that are known show themselves. What does not is never handed to a parser, which would quote it.
var (
	clusterXML   = regexp.MustCompile(`<(?:cib|crm_mon|pacemaker-result)[\s/>]`)
	resourceRows = regexp.MustCompile(`(?m)^[ \t*]*(?:\S+\s+\((?:ocf|stonith|systemd|service|lsb|upstart):[^\s()]+\):\s|` +
		`(?:Clone|Master/Slave) Set: \S+ \[)`)
	corosyncText = regexp.MustCompile(`(?m)^\s*(?:(?:totem|nodelist|quorum|logging|service|interface|amf|node|device|uidgid)\s*\{|compatibility\s*:)`)
)

// compressed tells whether a file is an archive, by its first bytes or its name.
func compressed(name string) (bool, error) {
	f, err := infile.Open(name)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	magic := make([]byte, 4)
	n, err := io.ReadFull(f, magic)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	gzip, zstd := bytes.HasPrefix(magic[:n], []byte{0x1f, 0x8b}), bytes.HasPrefix(magic[:n], []byte{0x28, 0xb5, 0x2f, 0xfd})
	return gzip || zstd || strings.HasSuffix(name, ".tgz"), nil
}

// Reader is a file that was read, under its name.
func Reader(name string, raw []byte) io.Reader { return srcerr.Named(name, bytes.NewReader(raw)) }

// Inside is a file in an archive, under the name archive!/path.
func Inside(archive, path string) string { return archive + "!/" + strings.TrimPrefix(path, "/") }

func (i Inspector) archive(in *cli.Inspection, name string) error {
	a, err := backup.OpenFile(name)
	if err != nil {
		return err
	}
	in.Kind = "server backup"
	in.Add("host", "%s", a.Host())
	in.Add("taken", "%s", a.Time().Format("2006-01-02 15:04:05 MST"))
	in.Add("files", "%d", len(a.Files()))
	in.Add("sha256", "%s", a.SHA256())
	recordFacts(in, name, a.Record())
	switch err := a.Verify(); {
	case errors.Is(err, backup.ErrNoRecord):
		in.Add("digests", "none inside: made by the guide's own script")
	case err != nil:
		in.Find(name, "%v", err)
	default:
		in.Add("digests", "every file is as it was taken")
	}
	if missing := a.Covers(i.Needed(a)); len(missing) > 0 {
		for _, m := range missing {
			in.Find(name, "%v", m)
		}
		for _, m := range missing {
			if m.Path == backup.ClusterConfigPath {
				return fmt.Errorf("%s: %w", name, m) // nothing can be planned from it
			}
		}
	}
	return i.members(in, name, a)
}

// members reads the files in an archive that a plan is made from.
func (i Inspector) members(in *cli.Inspection, name string, a *backup.Archive) error {
	raw, err := a.ClusterConfig()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	member := Inside(name, "cluster-cfg-"+a.Host()+".xml")
	cib, err := pacemaker.ParseCIB(Reader(member, raw))
	if err != nil {
		return err
	}
	i.cib(in, member, cib)
	if raw, err := a.ReadFile(CorosyncConf); err == nil { // one that is missing is a finding already
		conf, err := corosync.Parse(Reader(Inside(name, CorosyncConf), raw))
		if err != nil {
			return err
		}
		corosyncFacts(in, Inside(name, CorosyncConf), conf)
	}
	if i.Members == nil {
		return nil
	}
	return i.Members(in, name, a)
}

// place is where an error of a parser stands, and what it says without it.
func place(name string, err *pacemaker.ParseError) (where, what string) {
	where = name
	if err.Line > 0 {
		where += fmt.Sprintf(":%d", err.Line)
		if err.Col > 0 {
			where += fmt.Sprintf(":%d", err.Col)
		}
	}
	what = err.Err.Error()
	if err.Near != "" && !srcerr.MayHoldSecret(err.Near) {
		what += ": near " + err.Near
	}
	return where, what
}

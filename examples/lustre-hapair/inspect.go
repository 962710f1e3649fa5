package main

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
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
)

// corosyncConf is where a server has it.
const corosyncConf = "/etc/corosync/corosync.conf"

// inspect reads a file by what is in it.
func inspect(name string) (*cli.Inspection, error) {
	in := &cli.Inspection{File: name}
	packed, err := compressed(name)
	if err != nil {
		return nil, err
	}
	if packed {
		return in, archive(in, name)
	}
	raw, err := infile.Read(name, infile.Text)
	if err != nil {
		return nil, err
	}
	text := bytes.TrimSpace(bytes.TrimPrefix(raw, []byte("\ufeff"))) // a BOM, as Windows writes it
	switch {
	case bytes.HasPrefix(text, []byte("<")) && (clusterXML.Match(text) || filepath.Ext(name) == ".xml"):
		return in, xml(in, name, raw)
	case bytes.HasPrefix(text, []byte("{")) && targetKeys.Match(text) || inStore(name):
		return in, target(in, name, raw)
	case corosyncText.Match(text) || strings.HasPrefix(filepath.Base(name), "corosync") && infile.Other(name, raw) == nil:
		return in, inspectCorosync(in, name, raw)
	case resourceRows.Match(text):
		return in, inspectRows(in, name, raw)
	}
	return nil, &cli.UnknownKindError{File: name}
}

// kinds are what inspect knows, and where one gets it.
var kinds = []cli.Item{
	{Name: "Pacemaker CIB", Value: "cibadmin --query, pcs cluster cib"},
	{Name: "crm_mon status", Value: "crm_mon --as-xml, crm_mon --output-as=xml"},
	{Name: "rows of resources", Value: "pcs status, pcs resource, crm_mon -1"},
	{Name: "corosync.conf", Value: corosyncConf},
	{Name: "target of IML's store", Value: lustre.TargetStoreDir},
	{Name: "server backup", Value: "lustre-hapair backup, or the script of the guide"},
}

// How the files that are known show themselves. What does not is never handed to a parser, which would quote it.
var (
	clusterXML   = regexp.MustCompile(`<(?:cib|crm_mon|pacemaker-result)[\s/>]`)
	targetKeys   = regexp.MustCompile(`"(?:mntpt|bdev|target_name|backfstype|device_type)"`)
	resourceRows = regexp.MustCompile(`(?m)^[ \t*]*(?:\S+\s+\((?:ocf|stonith|systemd|service|lsb|upstart):[^\s()]+\):\s|` +
		`(?:Clone|Master/Slave) Set: \S+ \[)`)
	corosyncText = regexp.MustCompile(`(?m)^\s*(?:(?:totem|nodelist|quorum|logging|service|interface|amf|node|device|uidgid)\s*\{|compatibility\s*:)`)
)

// inStore tells whether a file has a place and a name as in a target store.
func inStore(name string) bool {
	_, err := lustre.TargetUUID(filepath.Base(name))
	return err == nil && filepath.Base(filepath.Dir(name)) == "targets"
}

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

func reader(name string, raw []byte) io.Reader { return srcerr.Named(name, bytes.NewReader(raw)) }

func archive(in *cli.Inspection, name string) error {
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
	if missing := a.Covers(needed(a)); len(missing) > 0 {
		for _, m := range missing {
			in.Find(name, "%v", m)
		}
		for _, m := range missing {
			if m.Path == backup.ClusterConfigPath {
				return fmt.Errorf("%s: %w", name, m) // nothing can be planned from it
			}
		}
	}
	return members(in, name, a)
}

// members reads the files in an archive that a plan is made from, each under the name archive!/path.
func members(in *cli.Inspection, name string, a *backup.Archive) error {
	inside := func(path string, raw []byte) io.Reader {
		return reader(name+"!/"+strings.TrimPrefix(path, "/"), raw)
	}
	raw, err := a.ClusterConfig()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	member := "cluster-cfg-" + a.Host() + ".xml"
	cib, err := pacemaker.ParseCIB(inside(member, raw))
	if err != nil {
		return err
	}
	cibFacts(in, cib)
	cibFindings(in, name+"!/"+member, cib)
	if raw, err := a.ReadFile(corosyncConf); err == nil { // one that is missing is a finding already
		conf, err := corosync.Parse(inside(corosyncConf, raw))
		if err != nil {
			return err
		}
		corosyncFacts(in, name+"!"+corosyncConf, conf)
	}
	for _, path := range a.Glob(lustre.TargetStoreDir + "/*") {
		raw, err := a.ReadFile(path)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		t, err := lustre.ParseTarget(inside(path, raw))
		if err != nil {
			return err
		}
		in.Add("target "+t.Name, "%s, mounted on %s", t.Device, t.MountPoint)
		targetFindings(in, name+"!/"+strings.TrimPrefix(path, "/"), path)
	}
	return nil
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

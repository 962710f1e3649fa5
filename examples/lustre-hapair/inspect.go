package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/examples/internal/cli"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// corosyncConf is where a server has it.
const corosyncConf = "/etc/corosync/corosync.conf"

// inspect reads a file by what is in it.
func inspect(name string) (*cli.Inspection, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	in := &cli.Inspection{File: name}
	text := bytes.TrimSpace(raw)
	switch {
	case bytes.HasPrefix(raw, []byte{0x1f, 0x8b}) || strings.HasSuffix(name, ".tgz"):
		return in, archive(in, name)
	case bytes.HasPrefix(text, []byte("<")):
		return in, xml(in, name, raw)
	case bytes.HasPrefix(text, []byte("{")) || filepath.Base(filepath.Dir(name)) == "targets":
		return in, target(in, name, raw)
	}
	return in, corosync(in, name, raw)
}

func reader(name string, raw []byte) io.Reader { return srcerr.Named(name, bytes.NewReader(raw)) }

func archive(in *cli.Inspection, name string) error {
	a, err := backup.OpenFile(name)
	if err != nil {
		return err
	}
	in.Kind = "server backup"
	in.Add("host", "%s", a.Host())
	in.Add("taken", "%s", a.Time())
	in.Add("files", "%d", len(a.Files()))
	in.Add("sha256", "%s", a.SHA256())
	switch err := a.Verify(); {
	case errors.Is(err, backup.ErrNoRecord):
		in.Add("digests", "none inside: made by the guide's own script")
	case err != nil:
		in.Find(name, "%v", err)
	default:
		in.Add("digests", "every file is as it was taken")
	}
	reqs := []backup.Requirement{
		{Path: backup.ClusterConfigPath, Check: backup.NotEmpty, NeededBy: "making the cluster again (lustre:948)"},
		{Path: corosyncConf, Check: backup.NotEmpty, NeededBy: "making the cluster again (lustre:894)"},
		{Path: lustre.TargetStoreDir + "/*", Check: backup.NotEmpty, NeededBy: "making the mount points (lustre:1098)"},
	}
	if missing := a.Covers(append(reqs, backup.Requirements(backup.RestoreServer("", backup.RestoreOptions{}))...)); len(missing) > 0 {
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
	in.Add("resources", "%d", len(cib.Primitives()))
	findings(in, name+"!/"+member, cib)
	if raw, err := a.ReadFile(corosyncConf); err == nil { // one that is missing is a finding already
		if _, err := pacemaker.ParseCorosyncConf(inside(corosyncConf, raw)); err != nil {
			return err
		}
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
	}
	return nil
}

func xml(in *cli.Inspection, name string, raw []byte) error {
	cib, err := pacemaker.ParseCIB(reader(name, raw))
	if err != nil {
		status, serr := pacemaker.ParseStatus(reader(name, raw))
		if serr != nil {
			return err
		}
		in.Kind = "crm_mon status"
		for _, r := range status.Resources {
			in.Add(r.ID, "%s on %s", r.Role, strings.Join(r.Nodes, ", "))
		}
		for _, f := range status.Failures {
			in.Find(name, "%s failed on %s", f.Operation, f.Node)
		}
		return nil
	}
	in.Kind = "Pacemaker CIB"
	for _, p := range cib.Properties() {
		in.Add(p.Name, "%s", p.Value)
	}
	for _, n := range cib.Nodes() {
		in.Add("node "+n.Uname, "%d attributes", len(n.Attributes.Effective()))
	}
	for _, r := range cib.Primitives() {
		node, score, err := cib.PreferredNode(r.ID)
		if err != nil {
			in.Add(r.ID, "%s", r.Agent())
			continue
		}
		in.Add(r.ID, "%s, prefers %s (%s)", r.Agent(), node, score)
	}
	findings(in, name, cib)
	return nil
}

// findings is what stands in the way of an upgrade.
func findings(in *cli.Inspection, name string, cib *pacemaker.CIB) {
	if v, _ := cib.Property("stonith-enabled"); v == "false" {
		in.Find(name, "stonith-enabled is false: nothing protects the targets from a node that hangs")
	}
	if v, _ := cib.Property("maintenance-mode"); v == "true" {
		in.Find(name, "maintenance-mode is on")
	}
	for _, n := range cib.Nodes() {
		if v, _ := n.Attributes.Get("standby"); v == "on" || v == "true" {
			in.Find(name, "node %s is in standby", n.Uname)
		}
	}
	for _, l := range cib.Locations() {
		if strings.HasPrefix(l.ID, "cli-") {
			in.Find(name, "constraint %s is left over from a move by hand", l.ID)
		}
	}
}

func corosync(in *cli.Inspection, name string, raw []byte) error {
	conf, err := pacemaker.ParseCorosyncConf(reader(name, raw))
	if err != nil {
		return err
	}
	in.Kind = "corosync.conf"
	rings, err := conf.Rings()
	if err != nil {
		return err
	}
	for _, r := range rings {
		in.Add(fmt.Sprintf("ring %d", r.Ring), "%s, multicast %s port %d", r.BindNetAddr, r.McastAddr, r.McastPort)
	}
	if len(rings) < 2 {
		in.Find(name, "there is one ring only: when it fails, both nodes fence each other")
	}
	return nil
}

func target(in *cli.Inspection, name string, raw []byte) error {
	t, err := lustre.ParseTarget(reader(name, raw))
	if err != nil {
		return err
	}
	in.Kind = "target of IML's store"
	in.Add("name", "%s", t.Name)
	in.Add("mount point", "%s", t.MountPoint)
	in.Add("device", "%s", t.Device)
	in.Add("file system", "%s", t.Backend)
	if _, err := lustre.TargetUUID(filepath.Base(name)); err != nil {
		in.Find(name, "%v", err)
	}
	return nil
}

package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/pairfiles"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
)

// files reads the files of a Lustre pair: beside the cluster's, targets of IML's store.
var files = pairfiles.Inspector{Refusals: upgrade.Refusals, Needed: needed, Members: storedTargets, Own: storedTarget}

// kinds are what inspect knows, and where one gets it.
var kinds = slices.Concat(pairfiles.Kinds, []cli.Item{
	{Name: "target of IML's store", Value: lustre.TargetStoreDir},
	{Name: "server backup", Value: "lustre-hapair backup, or the script of the guide"},
})

// targetKeys are how a target shows itself. What does not is never handed to a parser, which would quote it.
var targetKeys = regexp.MustCompile(`"(?:mntpt|bdev|target_name|backfstype|device_type)"`)

// inStore tells whether a file has a place and a name as in a target store.
func inStore(name string) bool {
	_, err := lustre.TargetUUID(filepath.Base(name))
	return err == nil && filepath.Base(filepath.Dir(name)) == "targets"
}

// storedTarget reads a target of IML's store, if a file is one.
func storedTarget(in *cli.Inspection, name string, raw []byte) (bool, error) {
	if !(bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) && targetKeys.Match(raw)) && !inStore(name) {
		return false, nil
	}
	t, err := lustre.ParseTarget(pairfiles.Reader(name, raw))
	if err != nil {
		return true, err
	}
	in.Kind = "target of IML's store"
	if t.Name != "" {
		in.Add("name", "%s", t.Name)
	}
	in.Add("written by", "%s", t.Era())
	in.Add("mount point", "%s", t.MountPoint)
	in.Add("device", "%s", t.Device)
	in.Add("file system", "%s", t.Backend)
	if uuid, err := lustre.TargetUUID(filepath.Base(name)); err == nil {
		in.Add("UUID", "%s", uuid)
	}
	targetFindings(in, name, name)
	return true, nil
}

// storedTargets reads the targets of the store in a backup.
func storedTargets(in *cli.Inspection, name string, a *backup.Archive) error {
	for _, path := range a.Glob(lustre.TargetStoreDir + "/*") {
		raw, err := a.ReadFile(path)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		t, err := lustre.ParseTarget(pairfiles.Reader(pairfiles.Inside(name, path), raw))
		if err != nil {
			return err
		}
		in.Add("target "+t.Name, "%s, mounted on %s", t.Device, t.MountPoint)
		targetFindings(in, pairfiles.Inside(name, path), path)
	}
	return nil
}

// targetFindings looks at the name of a file of the store: IML finds a target by it (H24).
func targetFindings(in *cli.Inspection, where, path string) {
	if _, err := lustre.TargetUUID(filepath.Base(path)); err != nil {
		in.Find(where, "%v", err)
	}
}

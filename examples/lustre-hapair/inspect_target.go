package main

import (
	"path/filepath"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/lustre"
)

func target(in *cli.Inspection, name string, raw []byte) error {
	t, err := lustre.ParseTarget(reader(name, raw))
	if err != nil {
		return err
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
	return nil
}

// targetFindings looks at the name of a file of the store: IML finds a target by it (H24).
func targetFindings(in *cli.Inspection, where, path string) {
	if _, err := lustre.TargetUUID(filepath.Base(path)); err != nil {
		in.Find(where, "%v", err)
	}
}

package manager_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/manager"
)

// The upgrade of a manager is planned from its configuration and the installer. The runbook is reviewed, rehearsed and
// run as every other.
func ExampleNew() {
	dir, err := os.MkdirTemp("", "manager")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bundle := filepath.Join(dir, "iml-4.0.7.0.tar.gz")
	if err := os.WriteFile(bundle, lustretest.Bundle("4.0.7.0"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	m, err := manager.New(manager.Config{
		Host: "iml.example.com", Servers: []string{"mds1.example.com", "mds2.example.com"}, Archives: dir,
		Version: "4.0.7.0", Bundle: bundle, Password: "from a file", Repositories: manager.StorageServer,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	runbook, err := m.Runbook()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, step := range runbook.Steps {
		fmt.Println(step.ID+":", step.Title)
	}
	// Output:
	// preflight: Check the manager, and note what it manages
	// backup: Back up the manager
	// shutdown: Shut the manager down
	// install-system: Install the new operating system
	// restore: Restore the configuration of the system
	// install: Install IML 4.0.7.0
	// certificates: Stop IML and restore its certificates
	// database: Restore the database
	// setup: Bring the database up to IML 4.0.7.0
	// repositories: Offer the Lustre packages to the servers
	// fencing: Add fencing again where it is missing
}

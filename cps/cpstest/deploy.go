package cpstest

import (
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// How long the work on a VM's image takes.
const (
	imageTime     = 5 * time.Minute // to copy the base image to the datastore
	provisionTime = 4 * time.Minute // to prepare the disk aside
	switchTime    = time.Minute     // to exchange the disks
)

// provisionKB is the disk space that a provisioned VM takes besides its own (cps:635).
const provisionKB = 40 << 20

// deployAll is /var/qps/install/current/scripts/deployer/support/deploy_all.py (cps:640,760,779,1345).
func deployAll(c *simhost.Call) int {
	y := systemOf(c.State)
	if !onManager(c) {
		return notThere(c, "/var/qps/install/current/scripts/deployer/support/deploy_all.py")
	}
	var file, mode string
	for i := 0; i < len(c.Args); i++ {
		switch a := c.Args[i]; a {
		case "--provision", "--useprovision", "--cleanupbackup":
			if mode != "" {
				return c.Fail(2, "deploy_all.py: error: argument %s: not allowed with argument %s", a, mode)
			}
			mode = a
		case "--nossh", "--usecl": // another way of doing the same (cps:648)
		case "--vms":
			if i++; i < len(c.Args) {
				file = c.Path(c.Args[i])
			}
		default:
			return c.Fail(2, "deploy_all.py: error: unrecognized arguments: %s", a)
		}
	}
	if mode == "--cleanupbackup" {
		return cleanUp(c, y)
	}
	if file == "" {
		return c.Fail(2, "deploy_all.py: error: argument --vms: expected one argument")
	}
	text, err := c.Host.ReadFile(file)
	if err != nil {
		return c.Fail(1, "deploy_all.py: %s: %v", file, err)
	}
	set, err := cps.ParseClusterSet(srcerr.Named(file, strings.NewReader(text)))
	if err != nil {
		return c.Fail(1, "deploy_all.py: %v", err)
	}
	status := map[string]func(*simhost.Call, *system, []string) int{"": createVMs, "--provision": provision,
		"--useprovision": useProvisioned}[mode](c, y, set)
	y.judge(c.State)
	return status
}

// deployOne is deploy.sh: it takes the alias, not the full host name (cps:1939).
func deployOne(c *simhost.Call) int {
	y := systemOf(c.State)
	if !onManager(c) {
		return notThere(c, "/var/qps/install/current/scripts/deployer/deploy.sh")
	}
	if len(c.Args) != 1 {
		return c.Fail(2, "usage: deploy.sh HOST")
	}
	status := createVMs(c, y, c.Args)
	y.judge(c.State)
	return status
}

// createVMs makes VMs from the base image of the Cluster Manager's release. It refuses to touch one that exists: the old ones are
// deleted by hand (cps:772).
func createVMs(c *simhost.Call, y *system, aliases []string) int {
	known, err := hostsFile(c)
	if err != nil {
		return c.Fail(1, "%v", err)
	}
	for _, alias := range aliases {
		if v := y.vm(alias); v == nil || !slices.Contains(known.Aliases(), alias) {
			return c.Fail(1, "ERROR: %s is not in Hosts.csv", alias)
		} else if v.exists {
			return c.Fail(1, "ERROR: VM %s already exists on %s: delete it first", alias, y.hypervisor(alias))
		}
	}
	for _, alias := range aliases {
		c.Sleep(imageTime)
		c.Printf("%s: deployed on %s from base.vmdk of %s\n", alias, y.hypervisor(alias), y.manager.release)
		y.sync(c.State)
		y.deploy(c.State, y.vm(alias), y.manager.release)
	}
	c.Printf("All VMs are deployed\n")
	return 0
}

// provision prepares new disks beside the VMs in use (cps:633-640); it may run while the set is being disabled (cps:644).
func provision(c *simhost.Call, y *system, aliases []string) int {
	if need := int64(len(aliases)) * provisionKB; y.opts.DatastoreKB < need {
		return c.Fail(1, "ERROR: the datastores have %d MB free, %d MB are needed to provision %d VMs",
			y.opts.DatastoreKB/1024, need/1024, len(aliases))
	}
	for _, alias := range aliases {
		v := y.vm(alias)
		if v == nil {
			return c.Fail(1, "ERROR: %s is not in Hosts.csv", alias)
		}
		c.Sleep(provisionTime)
		v.provisioned = true
		c.Note(alias, "provisioned for %s", y.manager.release)
		c.Printf("%s: provisioned\n", alias)
	}
	return 0
}

// useProvisioned restarts VMs with the disks prepared for them, and keeps the old disks (cps:757-760).
func useProvisioned(c *simhost.Call, y *system, aliases []string) int {
	for _, alias := range aliases {
		v := y.vm(alias)
		if v == nil || !v.provisioned {
			return c.Fail(1, "ERROR: %s is not provisioned", alias)
		}
	}
	for _, alias := range aliases {
		v := y.vm(alias)
		c.Sleep(switchTime)
		y.sync(c.State)
		y.destroy(c.State, v)
		y.deploy(c.State, v, y.manager.release)
		v.keptDisk = true
		c.Printf("%s: restarted with the provisioned disk\n", alias)
	}
	return 0
}

// cleanUp deletes the disks that --useprovision kept (cps:1342-1345).
func cleanUp(c *simhost.Call, y *system) int {
	for i := range y.vms {
		if v := &y.vms[i]; v.keptDisk {
			v.keptDisk = false
			c.Note(v.alias, "backup disk deleted")
			c.Printf("%s: backup deleted\n", v.alias)
		}
	}
	return 0
}

func (y *system) hypervisor(alias string) string {
	row, _ := y.hosts.ByAlias(alias)
	return row.Hypervisor
}

// hostsFile reads Hosts.csv of the Cluster Manager.
func hostsFile(c *simhost.Call) (*cps.Hosts, error) {
	text, err := c.Host.ReadFile(hostsCSV)
	if err != nil {
		return nil, err
	}
	return cps.ParseHosts(srcerr.Named(hostsCSV, strings.NewReader(text)))
}

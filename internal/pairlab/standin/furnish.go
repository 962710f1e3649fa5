package standin

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// HaclusterPassword is the password of hacluster in the old system, with which the nodes' pcsd are authenticated.
const HaclusterPassword = "lustre" // #nosec G101 -- of a lab that ends with its test

// haclusterHash is what crypt(3) makes of it.
const haclusterHash = `$6$evenkeel$TP9/0MBi6flRFJhu.NQIVuohC4RM1lIXnHyGAc4Ld604DrDzdUHUq1lbqUyHC5Ee9jreT3xP1CKn4qzzluYO41` // #nosec G101

// lnetFile is Lustre's network configuration as IML writes it (lustre:515).
const lnetFile = "/etc/modprobe.d/iml_lnet_module_parameters.conf"

// file is one piece of furniture.
type file struct {
	text string
	mode os.FileMode
}

// Furnish puts onto a node's new disk what an upgrade finds on a Lustre server: all that a server's backup takes and
// Debian does not have, and the list of packages. The old system has what IML 2.4 left on it, and hacluster's password
// is [HaclusterPassword]; the new one has the network and the sources of its packages, no cluster and no Lustre, and
// hacluster's password is locked. corosync.conf and the CIB are made by who makes the cluster.
//
// root is the node's whole root, image included: accounts are edited. index says which of the lab's nodes it is. What
// every system has, such as its name, release, hosts and SSH keys, is there already.
func Furnish(root string, release wire.Release, lab wire.Config, index int) error {
	f := furnisher{root: root, lab: lab, self: lab.Nodes[index], files: map[string]file{}}
	f.common()
	hash := "!!"
	switch release {
	case wire.OldRelease:
		hash = haclusterHash
		switch {
		case lab.Services:
			f.oldServices()
		case lab.ByHand:
			f.handMade()
		default:
			if err := f.old(); err != nil {
				return err
			}
		}
	case wire.NewRelease:
		if lab.Services {
			f.freshServices()
		} else {
			f.fresh()
		}
	default:
		return fmt.Errorf("nothing is known about the furniture of %s", release)
	}
	var errs []error
	for name, file := range f.files {
		errs = append(errs, writeFile(filepath.Join(root, name), file.text, file.mode))
	}
	for _, dir := range f.dirs {
		errs = append(errs, os.MkdirAll(filepath.Join(root, dir), 0o755)) // #nosec G301 -- a mount point of a node
	}
	return errors.Join(append(errs, f.password("hacluster", hash))...)
}

type furnisher struct {
	root  string
	lab   wire.Config
	self  wire.Node
	files map[string]file
	dirs  []string
}

func (f *furnisher) put(name, format string, args ...any) { f.putMode(name, 0o644, format, args...) }

func (f *furnisher) putMode(name string, mode os.FileMode, format string, args ...any) {
	f.files[name] = file{fmt.Sprintf(format, args...), mode}
}

// common is what both systems have: the old one from its installation, the new one from the person who installed it with the same network.
func (f *furnisher) common() {
	f.put("/etc/resolv.conf", "search lfs.intl\n") // without a name server: a node has no way out, and finds that out at once
	for i, address := range f.self.Rings {
		f.put(fmt.Sprintf("/etc/sysconfig/network-scripts/ifcfg-eth%d", i),
			"DEVICE=eth%d\nBOOTPROTO=static\nONBOOT=yes\nIPADDR=%s\nNETMASK=255.255.255.0\n", i, address)
	}
	f.put("/etc/yum.conf", "[main]\nkeepcache=0\n")
	f.put("/etc/rsyslog.conf", "*.info /var/log/messages\n")
	f.put("/etc/selinux/config", "SELINUX=disabled\n")
	f.putMode("/etc/sudoers", 0o440, "root ALL=(ALL) ALL\n")
	f.dirs = append(f.dirs, "/etc/yum.repos.d", "/etc/modprobe.d", "/mnt")
}

// old is a server as IML 2.4 left it.
func (f *furnisher) old() error {
	f.put("/etc/sysconfig/network", "NETWORKING=yes\nHOSTNAME=%s\n", f.self.Short())
	f.put("/etc/ntp.conf", "server %s iburst\n", f.lab.Outside)
	f.put(lnetFile, "options lnet networks=tcp0(eth0)\n")
	f.put("/etc/yum.repos.d/Intel-Lustre-Agent.repo", "%s", repo(agentRepo, "Intel Manager for Lustre Agent"))
	f.put("/var/lib/chroma/authority.crt", "the certificate of %s\n", Manager)
	f.put("/var/lib/chroma/self.crt", "the certificate of %s\n", f.self.Name)
	f.putMode("/var/lib/chroma/private.pem", 0o600, "the private key of %s\n", f.self.Name)
	f.put("/var/lib/chroma/settings/"+base64.URLEncoding.EncodeToString([]byte("server")), "{\"url\": \"https://%s/agent/\"}", Manager)
	f.put(packagesFile, "%s", packageLines(come(6)))
	for _, t := range f.lab.Targets {
		text, err := storeText(t)
		if err != nil {
			return err
		}
		f.files[storeFile(t.UUID)] = file{text, 0o644}
		f.dirs = append(f.dirs, t.Mount)
	}
	return nil
}

// storeText is a target as the store of IML 2.4 has it: of a ZFS target the pool alone (H24).
func storeText(t wire.Target) (string, error) {
	r := record{Backfs: t.Backfs, Device: t.Device, Mount: t.Mount, Name: t.Label}
	if t.Backfs == "zfs" {
		pool, set, ok := strings.Cut(t.Device, "/")
		if ok && set != t.Label {
			return "", fmt.Errorf("target %s: the data set of a ZFS target is called after it, not %s", t.Label, t.Device)
		}
		r.Device = pool
	}
	if t.Device == "" || !path.IsAbs(t.Mount) || t.UUID == "" || t.Label == "" {
		return "", fmt.Errorf("target %q (%s) needs a UUID, a label, a device and an absolute mount point", t.Label, t.UUID)
	}
	text, err := json.Marshal(r)
	return string(text), err
}

// fresh is the new system as the person leaves it who installed it.
func (f *furnisher) fresh() {
	f.put("/etc/sysconfig/network", "# Created by anaconda\n")
	f.put("/etc/yum.repos.d/CentOS-Base.repo", "%s\n%s\n%s", repo("base", "CentOS-7 - Base"),
		repo("updates", "CentOS-7 - Updates"), repo("extras", "CentOS-7 - Extras"))
	f.put(packagesFile, "%s", packageLines(come(7)))
}

// password sets the hash of an account.
func (f *furnisher) password(user, hash string) error {
	name := filepath.Join(f.root, "etc/shadow")
	info, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("the root of a node, with the image below it, is needed: %w", err)
	}
	text, err := os.ReadFile(name) // #nosec G304 -- a node's
	if err != nil {
		return err
	}
	lines := strings.SplitAfter(string(text), "\n")
	for i, line := range lines {
		if fields := strings.Split(line, ":"); fields[0] == user && len(fields) > 2 {
			fields[1] = hash
			lines[i] = strings.Join(fields, ":")
			// In place, so that owner and mode stay.
			return os.WriteFile(name, []byte(strings.Join(lines, "")), info.Mode().Perm()) // #nosec G703
		}
	}
	return fmt.Errorf("%s has no account %s", name, user)
}

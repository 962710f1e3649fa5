//go:build linux

package machine

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/initd"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab/standin"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// install puts a system onto a blank disk, as the operator with the installation medium does. The power is off.
func (n *node) install(release wire.Release) error {
	o := n.orders()
	for _, dir := range []string{o.Upper, o.Work, o.Root} {
		if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil { //nolint:gosec // a system's root
			return err
		}
	}
	if err := overlay(o); err != nil {
		return err
	}
	err := n.furnish(o.Root, release)
	if err = errors.Join(err, unmount(o.Root)); err != nil {
		return fmt.Errorf("cannot install %s: %w", n.Name, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.release = release
	return nil
}

// unmount waits out a program that is being started for the other node: until it runs, it holds the files that were open
// here when it was forked.
func unmount(dir string) error {
	var err error
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = syscall.Unmount(dir, 0); !errors.Is(err, syscall.EBUSY) {
			return err
		}
	}
	return err
}

// systems are what the releases differ in besides the stand-ins' furniture.
var systems = map[wire.Release]system{
	wire.OldRelease: {"CentOS release 6.8 (Final)", true, []string{"rsyslog", "ssh", "pcsd", "ntpd", "chroma-agent"}},
	wire.NewRelease: {"CentOS Linux release 7.3.1611 (Core)", false, []string{"rsyslog", "ssh", "firewalld"}},
}

// servicesSystems are those of a pair that serves no Lustre.
var servicesSystems = map[wire.Release]system{
	wire.OldRelease: {"AlmaLinux release 8.10 (Cerulean Leopard)", false, []string{"rsyslog", "ssh", "pcsd", "firewalld"}},
	wire.NewRelease: {"AlmaLinux release 9.4 (Seafoam Ocelot)", false, []string{"rsyslog", "ssh", "firewalld"}},
}

type system struct {
	banner  string
	short   bool     // host name
	enabled []string // services
}

// The services that CentOS has and Debian's packages of the image do not.
var extraUnits = map[string]string{
	"rsyslog": "[Unit]\nDescription=System Logging Service\n[Service]\nExecStart=/usr/bin/busybox syslogd -n -O " +
		"/var/log/messages\n[Install]\nWantedBy=multi-user.target\nAlias=syslog.service\n",
	"ntpd":         idle("Network Time Service"),
	"firewalld":    idle("firewalld - dynamic firewall daemon"),
	"chroma-agent": idle("Intel Manager for Lustre Agent"),
}

// idle is a service that does nothing but run.
func idle(description string) string {
	return "[Unit]\nDescription=" + description + "\n[Service]\nExecStart=" + Program + " idle\n[Install]\nWantedBy=multi-user.target\n"
}

func (n *node) furnish(root string, release wire.Release) error {
	all := systems
	if n.m.cfg.Services {
		all = servicesSystems
	}
	system, known := all[release]
	if !known {
		return fmt.Errorf("nothing is known about %s", release)
	}
	name := n.Name
	if system.short {
		name = n.Short()
	}
	d := &diskWriter{root: root}
	d.write("etc/hostname", 0o644, name+"\n")
	d.write("etc/redhat-release", 0o644, system.banner+"\n")
	d.write("etc/hosts", 0o644, n.m.hosts())
	d.write("root/.ssh/id_ed25519", 0o600, n.m.cfg.RootKey)
	d.write("root/.ssh/authorized_keys", 0o600, n.m.cfg.Authorized)
	d.write("root/.ssh/config", 0o600, "Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n")
	d.write("etc/ssh/sshd_config.d/lab.conf", 0o644, "PermitRootLogin prohibit-password\nUseDNS no\n")
	for unit, text := range extraUnits {
		d.write("usr/lib/systemd/system/"+unit+".service", 0o644, text)
	}
	if n.m.cfg.Services {
		d.write("usr/lib/systemd/system/nginx.service", 0o644, standin.NginxUnit)
	}
	d.write(Program, 0o755, "") // the program itself is mounted here
	links := append([]string{"/usr/bin/systemctl", "/usr/sbin/" + InitName}, standin.Names(n.m.cfg)...)
	if !hasModules() {
		links = append(links, catLink)
	}
	for _, link := range links {
		d.link(link)
	}
	d.hostKeys()
	if d.err != nil {
		return d.err
	}
	for _, service := range append(system.enabled, "ssh") {
		if err := initd.Enable(root, service); err != nil {
			return fmt.Errorf("cannot enable %s: %w", service, err)
		}
	}
	return standin.Furnish(root, release, n.m.cfg, n.index)
}

// hosts is /etc/hosts, the same in both nodes: each by its full and its short name, and by its second ring.
func (m *machine) hosts() string {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n")
	for _, n := range m.cfg.Nodes {
		_, domain, _ := strings.Cut(n.Name, ".")
		fmt.Fprintf(&b, "%s %s %s\n%s %s-ring1.%s %s-ring1\n", n.Rings[0], n.Name, n.Short(), n.Rings[1], n.Short(), domain, n.Short())
	}
	fmt.Fprintf(&b, "%s outside\n", m.cfg.Outside)
	return b.String()
}

// diskWriter writes a system's files and keeps the first error.
type diskWriter struct {
	root string
	err  error
}

func (d *diskWriter) write(name string, mode os.FileMode, text string) {
	d.place(name, func(path string) error {
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			return err
		}
		return os.Chmod(path, mode)
	})
}

// link makes a name of the lab's program, in the place of whatever has it in the image.
func (d *diskWriter) link(name string) {
	d.place(name, func(path string) error {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return os.Symlink(Program, path)
	})
}

func (d *diskWriter) place(name string, do func(path string) error) {
	if d.err != nil {
		return
	}
	path := filepath.Join(d.root, name)
	mode := os.FileMode(0o755)
	if filepath.Base(filepath.Dir(path)) == ".ssh" {
		mode = 0o700
	}
	if d.err = os.MkdirAll(filepath.Dir(path), mode); d.err == nil {
		d.err = do(path)
	}
}

// hostKeys gives the system an identity that no other has.
func (d *diskWriter) hostKeys() {
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	d.hostKey("ed25519", edKey, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	d.hostKey("ecdsa", ecKey, err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	d.hostKey("rsa", rsaKey, err)
}

func (d *diskWriter) hostKey(kind string, private any, err error) {
	if err != nil {
		d.err = errors.Join(d.err, err)
		return
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		d.err = errors.Join(d.err, err)
		return
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		d.err = errors.Join(d.err, err)
		return
	}
	d.write("etc/ssh/ssh_host_"+kind+"_key", 0o600, string(pem.EncodeToMemory(block)))
	d.write("etc/ssh/ssh_host_"+kind+"_key.pub", 0o644, string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
}

// hostKeysOf reads the public host keys that lie on the disk now; they may have been restored since the installation.
func (n *node) hostKeysOf() ([]string, error) {
	files, err := filepath.Glob(filepath.Join(n.dir, "upper/etc/ssh/ssh_host_*_key.pub"))
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, f := range files {
		text, err := os.ReadFile(f) //nolint:gosec // found on the node's disk
		if err != nil {
			return nil, err
		}
		keys = append(keys, strings.TrimSpace(string(text)))
	}
	return keys, nil
}

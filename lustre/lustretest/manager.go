package lustretest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// ManagerOptions choose a manager server; the zero value is the one of the guide's pair, with IML 2.4.2.7 on EL6.
type ManagerOptions struct {
	Host       string   // in full; Manager when empty
	Servers    []string // the servers that it manages, in full; Node1 and Node2 when nil
	OldVersion string   // of IML; "2.4.2.7" when empty
	Version    string   // that the installer brings; "4.0.7.0" when empty
	OldPackage string   // the manager's package before, and Package after; "chroma-manager" when empty
	Package    string
	Database   string   // "chroma" when empty
	Tables     []string // further tables of it
	// Certificates are the files by which the manager and its servers know each other, beside authority.crt; the guide's
	// when nil.
	Certificates []string
	Start        time.Time

	KnownAs string // by which name the servers know the manager; Host when empty
	// Lie changes what pg_dumpall prints.
	Lie    func(dump string) string
	Faults []simhost.Fault
}

// ManagerWorld is a world of a manager and the servers that it manages.
type ManagerWorld struct {
	*simhost.World
	opts *ManagerOptions
}

// managerServices are what IML consists of.
var managerServices = []string{"postgresql", "rabbitmq-server", "nginx", "chroma-supervisor"}

const chromaDir = "/var/lib/chroma"

// NewManager builds the world.
func NewManager(o ManagerOptions) *ManagerWorld {
	o.Host = cmp.Or(o.Host, Manager)
	o.OldVersion, o.Version = cmp.Or(o.OldVersion, "2.4.2.7"), cmp.Or(o.Version, "4.0.7.0")
	o.OldPackage, o.Package = cmp.Or(o.OldPackage, "chroma-manager"), cmp.Or(o.Package, "chroma-manager")
	o.Database, o.KnownAs = cmp.Or(o.Database, "chroma"), cmp.Or(o.KnownAs, o.Host)
	if o.Certificates == nil {
		o.Certificates = []string{"authority.crt", "authority.pem", "manager.crt", "manager.pem"}
	}
	if o.Servers == nil {
		o.Servers = []string{Node1, Node2}
	}
	if o.Start.IsZero() {
		o.Start = time.Date(2018, time.June, 12, 20, 0, 0, 0, time.UTC)
	}
	s := simhost.NewState(o.registry(), o.Start.Add(-settleTime))
	h := s.AddHost(o.Host, o.oldSystem())
	database{o.Database}.write(s, h, o.oldRows(), o.OldVersion)
	for _, server := range o.Servers {
		s.AddHost(server, o.server(server))
	}
	s.Sleep(settleTime)
	s.Forget()
	for _, f := range o.Faults {
		s.Inject(f)
	}
	return &ManagerWorld{simhost.NewWorld(s), &o}
}

// oldRows are the tables of the old database with their rows.
func (o *ManagerOptions) oldRows() map[string]int {
	rows := map[string]int{"auth_user": 2, "chroma_core_managedfilesystem": 1, "chroma_core_managedhost": len(o.Servers),
		"chroma_core_managedtarget": 3, "chroma_core_powercontroldevice": 1,
		"chroma_core_powercontroldeviceoutlet": len(o.Servers)}
	for _, t := range o.Tables {
		if _, ok := rows[t]; !ok {
			rows[t] = 4
		}
	}
	return rows
}

// freshRows are those of an installation: one account for the administrator, and one for IML itself.
func (o *ManagerOptions) freshRows() map[string]int {
	rows := o.oldRows()
	for t := range rows {
		rows[t] = 0
	}
	rows["auth_user"] = 2
	return rows
}

// hosts is the site's /etc/hosts.
func (o *ManagerOptions) hosts() string {
	var b strings.Builder
	fmt.Fprintf(&b, "127.0.0.1 localhost\n192.168.1.10 %s %s\n", o.Host, short(o.Host))
	for i, s := range o.Servers {
		fmt.Fprintf(&b, "192.168.1.%d %s %s\n", 11+i, s, short(s))
	}
	return b.String()
}

// oldSystem is the manager as IML 2.4 made it.
func (o *ManagerOptions) oldSystem() simhost.OS {
	os := simhost.EL6()
	maps.Copy(os.Packages, map[string]string{o.OldPackage: o.OldVersion + "-1.el6", "postgresql-server": "8.4.20-6.el6",
		"ntp": "4.2.6p5-10.el6"})
	maps.Copy(os.Services, map[string]simhost.Unit{"ntpd": {Active: true, Enabled: true}})
	for _, name := range managerServices {
		os.Services[name] = simhost.Unit{Active: true, Enabled: true}
	}
	os.Files["/etc/passwd"] += postgresAccount + "ntp:x:38:38::/etc/ntp:/sbin/nologin\n"
	os.Files["/etc/group"] += "postgres:x:26:\nntp:x:38:\n"
	os.Files["/etc/shadow"] += "postgres:!!:16000::::::\n"
	maps.Copy(os.Files, map[string]string{
		"/etc/hosts": o.hosts(), "/etc/resolv.conf": "search " + domain(o.Host) + "\nnameserver 192.168.1.1\n",
		"/etc/sysconfig/network":                    "NETWORKING=yes\nHOSTNAME=" + short(o.Host) + "\n",
		"/etc/sysconfig/network-scripts/ifcfg-eth0": "DEVICE=eth0\nBOOTPROTO=static\nONBOOT=yes\nIPADDR=192.168.1.10\n",
		"/etc/ntp.conf":                             "server 192.168.1.1 iburst\n",
		"/root/.ssh/authorized_keys":                "ssh-rsa AAAAsimulated admin@" + o.Host + "\n",
		chromaDir + "/repo/iml-agent/7/meta":        "not in the backup\n",
	})
	maps.Copy(os.Files, o.certificates("the old installation"))
	return os
}

const postgresAccount = "postgres:x:26:26:PostgreSQL Server:/var/lib/pgsql:/bin/bash\n"

// certificates are those of an installation, by their paths.
func (o *ManagerOptions) certificates(of string) map[string]string {
	files := map[string]string{}
	for _, name := range append([]string{"authority.crt"}, o.Certificates...) {
		files[chromaDir+"/"+name] = "simulated " + name + " of " + of + "\n"
	}
	return files
}

// server is a Lustre server as far as the manager knows it.
func (o *ManagerOptions) server(fqdn string) simhost.OS {
	os := simhost.EL6()
	os.Packages["chroma-agent"] = o.OldVersion + "-1.el6"
	os.Services["chroma-agent"] = simhost.Unit{Active: true, Enabled: true}
	maps.Copy(os.Files, map[string]string{
		"/etc/hosts":                     o.hosts(),
		chromaDir + "/authority.crt":     o.certificates("the old installation")[chromaDir+"/authority.crt"],
		chromaDir + "/self.crt":          "simulated certificate of " + fqdn + "\n",
		chromaDir + "/private.pem":       "simulated private key of " + fqdn + "\n",
		chromaDir + "/settings/c2VydmVy": fmt.Sprintf("{\"url\": \"https://%s/agent/\"}", o.KnownAs),
	})
	return os
}

// InstallOS plays the technician: the manager, which must be off, gets a fresh EL7. One that runs it already stays.
func (w *ManagerWorld) InstallOS() error {
	var err error
	w.Do(func(s *simhost.State) {
		h := s.Host(w.opts.Host)
		switch {
		case h.Power == simhost.Off && h.Major() == 7:
			h.PowerOn(s)
		case h.Power == simhost.Off:
			os := simhost.EL7()
			os.Files["/etc/hostname"] = h.Name + "\n"
			os.Files["/etc/hosts"] = "127.0.0.1 localhost\n192.168.1.10 " + h.Name + " " + h.Short() + "\n"
			h.Install(s, os)
		case h.Major() != 7:
			err = fmt.Errorf("%s runs its old system: nobody installs another one there", h.Name)
		}
	})
	return err
}

// SwitchOn gives power to the manager, as it is.
func (w *ManagerWorld) SwitchOn() {
	w.Do(func(s *simhost.State) {
		if h := s.Host(w.opts.Host); h.Power == simhost.Off {
			h.PowerOn(s)
		}
	})
}

// Damage changes the extracted files of the manager's root directory that have a text in their names, as soon as a
// program runs there the next time.
func (w *ManagerWorld) Damage(name, program string) {
	done := false
	w.AfterEffect = func(_ string, c sshexec.Cmd, _ sshexec.Result) {
		if done || c.Effect == sshexec.ReadOnly || !strings.Contains(strings.Join(c.Argv, " "), program) {
			return
		}
		done = true
		w.Do(func(s *simhost.State) {
			h := s.Host(w.opts.Host)
			for _, file := range h.Glob("/root/*/*" + name + "*") {
				if text, err := h.ReadFile(file); err == nil {
					h.MustWrite(s, file, text[:len(text)/2], 0o600)
				}
			}
		})
	}
}

// Clone is a deep copy, without the hooks.
func (w *ManagerWorld) Clone() *ManagerWorld { return &ManagerWorld{w.World.Clone(), w.opts} }

// Check says which rules were broken so far; nil when none was.
func (w *ManagerWorld) Check() error {
	var errs []error
	for _, v := range w.Violations() {
		errs = append(errs, errors.New(v.String()))
	}
	return errors.Join(errs...)
}

// Read is a file of a host.
func (w *ManagerWorld) Read(host, name string) (text string, err error) {
	w.Do(func(s *simhost.State) { text, err = s.Host(host).ReadFile(name) })
	return text, err
}

// Up tells whether a host answers.
func (w *ManagerWorld) Up(host string) (up bool) {
	w.Do(func(s *simhost.State) {
		h := s.Host(host)
		up = h != nil && h.Reachable()
	})
	return up
}

// HostKeyID is the fingerprint that a host's sshd presents.
func (w *ManagerWorld) HostKeyID(host string) (id string) {
	w.Do(func(s *simhost.State) {
		if h := s.Host(host); h != nil {
			id = h.HostKey()
		}
	})
	return id
}

// Machines are the manager and its servers.
func (w *ManagerWorld) Machines() []string { return append([]string{w.opts.Host}, w.opts.Servers...) }

// Serving tells whether IML answers, and in which version.
func (w *ManagerWorld) Serving() (version string) {
	w.Do(func(s *simhost.State) {
		if h := s.Host(w.opts.Host); h.Power == simhost.On && h.Active("chroma-supervisor") && h.Active("nginx") {
			name := w.opts.Package
			if h.Major() == 6 {
				name = w.opts.OldPackage
			}
			version, _, _ = strings.Cut(h.Package(name), "-")
		}
	})
	return version
}

// EndState describes what matters when all is done. Two runs that end alike have the same text.
func (w *ManagerWorld) EndState() string {
	var b strings.Builder
	w.Do(func(s *simhost.State) {
		for _, h := range s.Hosts() {
			release, _ := h.ReadFile("/etc/redhat-release")
			fmt.Fprintf(&b, "%s: %s, %s, key %s\n", h.Name, h.Power, strings.TrimSpace(release), h.HostKey())
			for _, unit := range slices.Concat(managerServices, []string{"ntpd", "chroma-agent"}) {
				fmt.Fprintf(&b, "  %s: active %v\n", unit, h.Active(unit))
			}
			for _, dir := range []string{"/root", chromaDir, chromaDir + "/certs-inst", chromaDir + "/repo"} {
				names, _ := h.List(dir)
				names = slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, "bck-") }) // named by the time
				fmt.Fprintf(&b, "  %s: %s\n", dir, strings.Join(names, " "))
			}
			for _, name := range []string{"/etc/hosts", "/etc/passwd", "/etc/ntp.conf", chromaDir + "/authority.crt", chromaDir +
				"/manager.pem",
				chromaDir + "/repo/Manager-for-Lustre.repo", database{w.opts.Database}.path()} {
				text, _ := h.ReadFile(name)
				fmt.Fprintf(&b, "  %s: %q\n", name, text)
			}
		}
	})
	return b.String()
}

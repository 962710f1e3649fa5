package pairfiles

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// Server is one server of a pair in the configuration file.
type Server struct {
	Name   string `yaml:"name"`   // its full name
	Backup string `yaml:"backup"` // its backup, a file bck-HOST-YYYYmmdd-HHMMSS.tgz
}

// FullName completes a short name, where nothing else says the domain.
func FullName(host, domain string) string {
	if strings.Contains(host, ".") {
		return host
	}
	return host + "." + domain
}

// Prepare makes what an example has beside its backups: a file with the password for hacluster, where it needs one, and the directory for
// fresh backups.
func Prepare(into, passwordFile, archives string) error {
	if passwordFile != "" {
		if err := cli.WriteNew(filepath.Join(into, passwordFile), []byte("simulated-password\n")); err != nil {
			return err
		}
	}
	return os.MkdirAll(filepath.Join(into, archives), 0o700)
}

// World is a simulated pair that can be backed up.
type World interface {
	evenkeel.Hosts
	Now() time.Time
}

// TakeBackups backs the servers of a simulated pair up, as an operator would those of a real one.
func TakeBackups(w World, m backup.Manifest, into string, servers ...*Server) error {
	for _, server := range servers {
		r, err := w.Runner(server.Name)
		if err != nil {
			return err
		}
		info, err := backup.Create(context.Background(), r, m, backup.Options{Dir: into, Now: w.Now})
		if err != nil {
			return err
		}
		server.Backup = filepath.Base(info.Path)
	}
	return nil
}

// HasBackups tells whether the backup of a server (bck-*.tgz) is in a directory.
func HasBackups(dir string) (bool, error) {
	names, err := fs.Glob(os.DirFS(dir), backupNames)
	return len(names) > 0, err
}

// Given fills the two servers in from the backups in a directory, the newest of each, and returns these.
func Given(dir, domain string, servers ...*Server) ([]Found, error) {
	newest, err := Newest(dir, "Leave two of them there")
	if err != nil {
		return nil, err
	}
	for i, server := range servers {
		name, _ := newest[i].Name()
		server.Name, server.Backup = FullName(name, domain), newest[i].Path
	}
	return newest, nil
}

// Cluster is what the files of a cluster say, and their texts.
type Cluster struct {
	CIB, Corosync string
	Is            *pacemaker.CIB
	Conf          *corosync.Conf
}

// ReadCluster reads cib.xml and corosync.conf out of a directory.
func ReadCluster(dir string) (*Cluster, error) {
	var c Cluster
	var err1, err2 error
	c.CIB, err1 = ReadText(dir, "cib.xml")
	c.Corosync, err2 = ReadText(dir, "corosync.conf")
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	c.Conf, err1 = corosync.Parse(Reader(filepath.Join(dir, "corosync.conf"), []byte(c.Corosync)))
	c.Is, err2 = pacemaker.ParseCIB(Reader(filepath.Join(dir, "cib.xml"), []byte(c.CIB)))
	return &c, errors.Join(err1, err2)
}

// ReadText reads a file of text out of a directory.
func ReadText(dir, name string) (string, error) {
	path := filepath.Join(dir, name)
	raw, err := infile.Read(path, infile.Text)
	if err == nil {
		err = infile.Other(path, raw)
	}
	return string(raw), err
}

// Service is what a simulated pair serves, and how it did.
type Service struct {
	What    string        // what users know it by
	On      []string      // the hosts that have it, by their full names
	Down    time.Duration // how long none had it, in all
	Longest time.Duration // and at a stretch
}

// Account is the truth about a simulated pair in the words of the command line.
func Account(violations []string, services []Service, log []simhost.Entry) cli.WorldReport {
	out := cli.WorldReport{Violations: violations}
	for _, v := range services {
		where := make([]string, len(v.On))
		for i, name := range v.On {
			where[i], _, _ = strings.Cut(name, ".")
		}
		out.Serving = append(out.Serving, cli.Serving{What: v.What, Where: strings.Join(where, " AND ")})
		out.Outages = append(out.Outages, cli.Outage{What: v.What, Total: v.Down, Longest: v.Longest})
	}
	for _, e := range log {
		if len(e.Changed) > 0 && e.Host != "" {
			out.Log = append(out.Log, cli.Command{Host: e.Host, Line: strings.Join(e.Argv, " ")})
		}
	}
	return out
}

package cpstest

import (
	"path"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// Files of the Cluster Manager.
const (
	hostsCSV         = "/var/qps/config/deploy/csv/Hosts.csv"
	configurationCSV = "/var/qps/config/deploy/csv/Configuration.csv"
	mongoConfigCfg   = "/etc/broadhop/mongoConfig.cfg"
	installCfg       = "/var/install.cfg"
)

// logbackFiles are overwritten by the migration; the old ones are kept aside (cps:399-407).
var logbackFiles = []string{
	"/etc/broadhop/logback-debug.xml", "/etc/broadhop/logback-netcut.xml", "/etc/broadhop/logback-pb.xml",
	"/etc/broadhop/logback.xml", "/etc/broadhop/controlcenter/logback.xml",
}

// carried are the files that a Cluster Manager's archive takes along.
func carried() []string {
	return slices.Concat([]string{hostsCSV, configurationCSV, mongoConfigCfg, "/etc/broadhop/repositories"}, logbackFiles)
}

// backupManager is "backup cluman" (cps:421-434).
func (m *script) backupManager() int {
	y := m.y
	if status, refused := m.outOfTurn(y.manager.replaced, "this Cluster Manager runs %s already", y.manager.release); refused {
		return status
	}
	if y.opts.FreeKB < backupKB {
		return m.refuse("No space left on device: %d MB are free in /var/tmp, 10 GB are needed", y.opts.FreeKB/1024)
	}
	text, err := m.Host.ReadFile(configurationCSV)
	if err != nil {
		return m.refuse("%s: %v", configurationCSV, err)
	}
	config, err := cps.ParseConfiguration(srcerr.Named(configurationCSV, strings.NewReader(text)))
	if err != nil {
		return m.refuse("%v", err)
	}
	if worst, found := cps.Worst(config.Findings()); found && worst == cps.Error {
		return m.refuse("%s: %s", configurationCSV, config.Findings()[0].What)
	}
	made := m.Now()
	files := []packed{{label, labelText("cluman", y.manager.release)}}
	for _, p := range carried() {
		if data, err := m.Host.ReadFile(p); err == nil {
			files = append(files, packed{p, data})
		}
	}
	m.info("backup.etc", "Backup: etc")
	if !m.work(4 * time.Minute) {
		return m.finish()
	}
	to := cps.ArchiveName{Kind: cps.ArchiveCluman, Time: made}.Path()
	data := pack(files, made)
	if !m.stage("Create backup Tar", 30*time.Second) {
		m.Host.MustWrite(m.State, to, data[:len(data)/2], 0o600) // what it had written when it was killed
		return m.finish()
	}
	m.Host.MustWrite(m.State, to, data, 0o600)
	y.enter(to, "cluman", data)
	y.manager.backedUp = true
	return m.finish()
}

// restoreManager is "restore cluman" (cps:472-492).
func (m *script) restoreManager(from string) int {
	y := m.y
	if status, refused := m.outOfTurn(!y.manager.replaced,
		"this Cluster Manager runs %s: there is nothing to restore on it", y.manager.release); refused {
		return status
	}
	if y.stage[1] != inService {
		return m.refuse("set 1 is %s: it is too late to restore the Cluster Manager", y.stage[1])
	}
	if m.Now().Before(y.manager.ready) {
		return m.refuse("the Cluster Manager is still being installed: its status is not ready")
	}
	files, err := readArchive(m.Host, from, "cluman")
	if err != nil {
		return m.refuse("%v", err)
	}
	m.info("restore_cluman.restore_fingerprints", "Restore fingerprint files.")
	m.info("restore_cluman.restore_logs", "Restoring and copying migrated logs to archive directory.")
	if !m.work(2 * time.Minute) {
		return m.finish()
	}
	m.info("restore_cluman.restore_env_config", "Restore cluman env_config files.")
	m.info("restore_cluman.restore_config_br", "Restore cluman config_br files.")
	for _, f := range files {
		p := "/" + f.path
		switch {
		case f.path == label:
		case slices.Contains(logbackFiles, p):
			m.Host.MustWrite(m.State, path.Join("/var/tmp/logback_backup", p), f.data, 0o644)
		default:
			m.Host.MustWrite(m.State, p, f.data, 0o644)
		}
	}
	m.info("backup.handleRequest", "Action Import")
	if !m.work(3 * time.Minute) {
		return m.finish()
	}
	m.info("backup.etc", "Restore: etc")
	y.manager.restored = true
	return m.finish()
}

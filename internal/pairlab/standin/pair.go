package standin

import (
	"strings"
)

// What a pair has that serves a web site and a database, on EL8 and on EL9: no Lustre, and nothing of IML.

// OldPCS is the pcs that the old release of such a pair says it has. The program is the image's own.
const OldPCS = "0.10.18"

// pairPrograms are the stand-ins of such a pair beside [programs]. They come first: mount is another one there.
func pairPrograms() []program {
	return []program{
		{"/usr/sbin/mount", "", runMountDisk},
		{"/usr/sbin/umount", "", runUmountDisk},
		{"/usr/bin/dnf", "", runDNF},
		{"/usr/local/sbin/pcs", "pcs", runPCS},
		{"/usr/lib/ocf/resource.d/heartbeat/pgsql", "resource-agents", runPgsql},
		{"/usr/bin/pg_ctl", "postgresql-server", runPgCtl},
		{postgresProgram, "postgresql-server", runPostgres},
	}
}

// runPCS is pcs, but for what the old release says of its version.
func runPCS(c *call) int {
	if len(c.args) == 1 && c.args[0] == "--version" && c.major() == 8 {
		c.printf("%s\n", OldPCS)
		return 0
	}
	return c.exec(c.stdin, c.stdout, c.stderr, append([]string{"/usr/sbin/pcs"}, c.args...)...)
}

const reposFile = "/etc/yum.repos.d/almalinux.repo"

// runDNF is dnf: `config-manager --set-enabled REPOSITORY`, and what yum has.
func runDNF(c *call) int {
	if len(c.args) == 0 || c.args[0] != "config-manager" {
		return c.packages(servicesCatalogue())
	}
	if len(c.args) != 3 || c.args[1] != "--set-enabled" {
		return c.fail(1, "dnf: the stand-in has config-manager --set-enabled REPOSITORY only")
	}
	before, after, found := strings.Cut(c.read(reposFile), "["+c.args[2]+"]\n")
	if !found {
		return c.fail(1, "Error: No matching repo to modify: %s.", c.args[2])
	}
	text := before + "[" + c.args[2] + "]\n" + strings.Replace(after, "enabled=0\n", "enabled=1\n", 1)
	if err := c.write(reposFile, text); err != nil {
		return c.fail(1, "Error: %v", err)
	}
	return 0
}

// servicesCatalogue is what the repositories hold for EL9.
func servicesCatalogue() []rpm {
	const addOn = "highavailability"
	return []rpm{
		{name: "pacemaker", version: "2.1.7-5.el9", repo: addOn, needs: []string{"corosync", "resource-agents"}},
		{name: "corosync", version: "3.1.8-1.el9", repo: addOn},
		{name: "pcs", version: "0.11.7-2.el9", repo: addOn, needs: []string{"pacemaker"}},
		{name: "resource-agents", version: "4.10.0-52.el9", repo: addOn},
		{name: "fence-agents", version: "4.10.0-62.el9", repo: addOn},
		{name: "fence-agents-all", version: "4.10.0-62.el9", repo: addOn, needs: []string{"fence-agents"}},
		{name: "nginx", version: "1.20.1-14.el9", repo: "appstream"},
		{name: "postgresql-server", version: "13.14-1.el9", repo: "appstream"},
	}
}

// comeEL are the packages that such a node has when it is new (9), or that are on the old one (8).
func comeEL(major int) map[string]string {
	if major == 8 {
		return map[string]string{
			"kernel": "4.18.0-553.el8_10", "corosync": "3.1.8-1.el8", "pacemaker": "2.1.7-5.el8", "pcs": OldPCS + "-2.el8",
			"resource-agents": "4.9.0-54.el8", "fence-agents": "4.2.1-129.el8", "fence-agents-all": "4.2.1-129.el8",
			"nginx": "1.14.1-9.el8", "postgresql-server": "10.23-4.el8", "firewalld": "0.9.11-4.el8", "openssh-server": "8.0p1-24.el8",
		}
	}
	return map[string]string{"kernel": "5.14.0-427.el9", "firewalld": "1.3.4-1.el9", "openssh-server": "8.7p1-38.el9"}
}

// NginxUnit is a web server of /srv/web, as systemd has it.
const NginxUnit = `[Unit]
Description=The nginx HTTP and reverse proxy server
[Service]
ExecStart=/usr/bin/busybox httpd -f -p 80 -h /srv/web
[Install]
WantedBy=multi-user.target
`

// nginxScript is the same for a cluster that has no systemd to ask: a script by the LSB.
const nginxScript = `#!/bin/sh
### BEGIN INIT INFO
# Provides:          nginx
# Short-Description: a web server
### END INIT INFO
case "$1" in
start|stop|restart) exec systemctl "$1" nginx ;;
status) systemctl is-active nginx || exit 3 ;;
*) exit 2 ;;
esac
`

// services is what both systems of such a pair have; the mount points are made by the person who installed the new one.
func (f *furnisher) services() {
	f.putMode("/etc/init.d/nginx", 0o755, "%s", nginxScript)
	for _, t := range f.lab.Targets {
		f.dirs = append(f.dirs, t.Mount)
	}
}

// oldServices is a server of the old cluster.
func (f *furnisher) oldServices() {
	f.services()
	f.put("/etc/nginx/nginx.conf", "# the site's own\n")
	f.put(packagesFile, "%s", packageLines(comeEL(8)))
}

// freshServices is the new system as the person leaves it who installed it.
func (f *furnisher) freshServices() {
	f.services()
	f.put(reposFile, "%s\n%s\n%s", repo("baseos", "AlmaLinux 9 - BaseOS"), repo("appstream", "AlmaLinux 9 - AppStream"),
		strings.Replace(repo("highavailability", "AlmaLinux 9 - HighAvailability"), "enabled=1", "enabled=0", 1))
	f.put(packagesFile, "%s", packageLines(comeEL(9)))
}

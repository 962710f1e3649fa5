package lustretest

import (
	"embed"
	"fmt"
	"maps"
	"strings"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

//go:embed testdata/el6-cib.xml testdata/zfs-groups-cib.xml testdata/ldiskfs-by-hand-cib.xml
//go:embed testdata/el6-corosync.conf testdata/knet-corosync.conf testdata/targets
var files embed.FS

func file(name string) string {
	data, err := files.ReadFile("testdata/" + name)
	if err != nil {
		panic("lustretest: " + err.Error())
	}
	return string(data)
}

// The names of the simulated site.
const (
	Node1   = "ct6-mds1.lfs.intl"
	Node2   = "ct6-mds2.lfs.intl"
	Manager = "ct6-iml.lfs.intl" // where IML runs; it is a name only
)

// AgentRepos are the package definitions that the agent's dependencies need (lustre:535-541).
func AgentRepos() []string {
	return []string{
		"https://copr.fedorainfracloud.org/coprs/managerforlustre/manager-for-lustre/repo/epel-7/managerforlustre-manager-for-lustre-epel-7.repo",
		"https://copr.fedorainfracloud.org/coprs/ngompa/dnf-el7/repo/epel-7/ngompa-dnf-el7-epel-7.repo",
	}
}

// hostIDScript is the guide's (lustre:636): it makes a persistent host id where there is none.
const hostIDScript = "hid=`[ -f /etc/hostid ] && od -An -tx /etc/hostid|sed 's/ //g'`\n" + `[ "$hid" = ` + "`hostid` ] || genhostid"

// labelScript is the guide's (lustre:493).
const labelScript = "chcon -Rv system_u:object_r:sshd_key_t:s0 /etc/ssh/ssh_host_*"

// el6 is a server as IML 2.4 left it; with corosync 3 if knet is set.
func (p *Site) el6(fqdn, cib string, targets map[string]string, knet bool) simhost.OS {
	os := simhost.EL6()
	maps.Copy(os.Files, p.shared(fqdn))
	name := short(fqdn)
	if os.FQDN = p.fullNames(cib); os.FQDN {
		name = fqdn
	}
	os.Kernel = "2.6.32-504.30.3.el6_lustre"
	maps.Copy(os.Packages, map[string]string{
		"corosync": "1.4.7-5.el6", "pacemaker": "1.1.12-8.el6_7.2", "pcs": "0.9.148-7.el6_8.1",
		"lustre": "2.5.42.8-2.6.32_504.30.3.el6_lustre", "kmod-lustre": "2.5.42.8-2.6.32_504.30.3.el6_lustre",
		"chroma-agent": "2.4.2.7-1.el6", "chroma-diagnostics": "2.4.2.7-1.el6", "ntp": "4.2.6p5-10.el6",
		"kernel-devel": "2.6.32-504.30.3.el6_lustre",
	})
	maps.Copy(os.Services, map[string]simhost.Unit{
		"corosync": {Active: false, Enabled: true}, "pacemaker": {Active: false, Enabled: true},
		"chroma-agent": {Active: false, Enabled: true}, "ntpd": {Active: false, Enabled: true},
	})
	maps.Copy(os.Files, map[string]string{
		"/etc/hosts": "127.0.0.1 localhost\n" + p.hostsLine(p.Node1) + p.hostsLine(p.Node2) +
			"192.168.1.10 " + p.manager() + " " + short(p.manager()) + "\n",
		"/etc/resolv.conf":                         "search " + domain(p.Node1) + "\nnameserver 192.168.1.1\n",
		"/etc/sysconfig/network":                   "NETWORKING=yes\nHOSTNAME=" + name + "\n",
		"/etc/ntp.conf":                            "server 192.168.1.1 iburst\n",
		"/etc/corosync/corosync.conf":              p.Corosync,
		"/var/lib/pacemaker/cib/cib.xml":           cib,
		"/root/.ssh/authorized_keys":               "ssh-rsa AAAAsimulated admin@" + p.manager() + "\n",
		"/root/.ssh/id_rsa":                        "simulated private key of root on " + name + "\n",
		"/var/lib/chroma/authority.crt":            "simulated certificate of the manager\n",
		"/var/lib/chroma/self.crt":                 "simulated certificate of " + name + "\n",
		"/var/lib/chroma/private.pem":              "simulated private key of " + name + "\n",
		"/var/lib/chroma/settings/c2VydmVy":        fmt.Sprintf("{\"url\": \"https://%s/agent/\"}", p.manager()),
		"/usr/lib/ocf/resource.d/chroma/Target":    "#!/usr/bin/python\n",
		"/usr/sbin/fence_chroma":                   "#!/usr/bin/python\n",
		"/etc/yum.repos.d/Intel-Lustre-Agent.repo": "[iml-agent]\nname=Intel Manager for Lustre Agent\nenabled=1\n",
	})
	maps.Copy(os.Files, p.modprobe(fqdn))
	os.Owners = map[string]string{"/var/lib/pacemaker/cib/cib.xml": "hacluster:haclient"}
	os.Files["/etc/passwd"] += "ntp:x:38:38::/etc/ntp:/sbin/nologin\nhacluster:x:189:189:cluster user:/home/hacluster:/sbin/nologin\n"
	os.Files["/etc/group"] += "ntp:x:38:\nhaclient:x:189:\n"
	os.Files["/etc/shadow"] += "hacluster:!!:16000::::::\n"
	if knet {
		maps.Copy(os.Packages, map[string]string{"corosync": "3.1.7-1.el6", "pacemaker": "2.1.5-1.el6", "pcs": "0.11.5-1.el6"})
		os.Services["pcsd"] = simhost.Unit{Enabled: true}
		os.Files["/etc/corosync/authkey"] = "simulated key of the old cluster\n"
		os.Files["/etc/pacemaker/authkey"] = "simulated key of the old cluster\n"
		os.Owners["/etc/pacemaker/authkey"] = "hacluster:haclient"
		os.Files["/var/lib/pcsd/known-hosts"] = fmt.Sprintf(`{"format_version": 1, "data_version": 1, "known_hosts": {%q: {"dest_list": [], "token": "old"}, %q: {"dest_list": [], "token": "old"}}}`, p.unames(cib)...)
	}
	if zfs(targets) {
		os.Packages["zfs"] = "0.6.5.7-1.el6"
	}
	if p.byHand() {
		p.withAgents(&os, p.own(cib))
	}
	for name, data := range targets {
		os.Files[storePath+"/"+name] = data
		_, mount := placeOf(data)
		os.Files[mount+"/.keep"] = ""
	}
	return os
}

// zfs tells whether one of the targets lies in a pool.
func zfs(targets map[string]string) bool {
	for _, data := range targets {
		if device, _ := placeOf(data); !strings.HasPrefix(device, "/") {
			return true
		}
	}
	return false
}

// freshEL7 is what the technician leaves: the system, the network and sshd, and nothing else.
func (p *Site) freshEL7(fqdn string) simhost.OS {
	os := simhost.EL7()
	maps.Copy(os.Files, p.shared(fqdn))
	os.Files["/etc/hostname"] = fqdn + "\n"
	os.Files["/etc/hosts"] = "127.0.0.1 localhost\n"
	return os
}

const (
	agentRepo = "[managerforlustre-manager-for-lustre]\nname=Copr repo for manager-for-lustre\nenabled=1\n"
	dnfRepo   = "[ngompa-dnf-el7]\nname=Copr repo for dnf-el7\nenabled=1\n"
)

// registry is the software of the site: programs, packages and where they come from.
func (p *Site) registry(knet bool) *simhost.Registry {
	r := simhost.NewRegistry()
	r.Packages = p.packages()
	if knet {
		for i, p := range r.Packages {
			if v := map[string]string{"corosync": "3.1.7-1.el7", "pacemaker": "2.1.5-1.el7", "pcs": "0.11.5-1.el7"}[p.Name]; v != "" {
				r.Packages[i].Version = v
			}
		}
	}
	// Whatever the addresses are: the first two have what the guide's have, or the only one has both; what more there are
	// have nothing that is needed.
	for i, url := range p.AgentRepos {
		switch {
		case !p.iml():
			r.Web[url] = allRepos
		case i == 0 && len(p.AgentRepos) == 1:
			r.Web[url] = agentRepo + dnfRepo
		case i == 0:
			r.Web[url] = agentRepo
		case i == 1:
			r.Web[url] = dnfRepo
		default:
			r.Web[url] = fmt.Sprintf("[further-%d]\nname=A further repository\nenabled=1\n", i+1)
		}
	}
	r.Web["https://"+p.manager()+"/repo/Manager-for-Lustre.repo"] = "[iml-agent]\nenabled=1\n\n[lustre-server]\nenabled=1\n\n" +
		"[lustre-client]\nenabled=1\n\n[e2fsprogs-wc]\nenabled=1\n"
	r.Mounted = func(s *simhost.State, _ *simhost.Host) {
		if f := of(s); f != nil {
			f.mounted(s)
		}
	}
	r.Command("lctl", 0, withNIDs(runLctl))
	r.Command("lnetctl", 0, runLnetctl)
	r.Services["lnet"] = simhost.Service{Start: importLNet}
	r.Command("ip", 0, runIP)
	r.Script(hostIDScript, 0, func(c *simhost.Call) int {
		_, now, _ := c.Invoke("", "hostid")
		if _, kept, _ := c.Invoke("", "od", "-An", "-tx", "/etc/hostid"); strings.TrimSpace(kept) == strings.TrimSpace(now) {
			return 0
		}
		status, _, _ := c.Invoke("", "genhostid")
		return status
	})
	r.Script(labelScript, 0, labelHostKeys)
	r.Script(backup.SameTree("", "").Cmd.Argv[2], 0, simhost.SameTree)
	return r
}

// labelHostKeys is what labelScript does.
func labelHostKeys(c *simhost.Call) int {
	status, out, errs := c.Invoke("",
		append([]string{"chcon", "-Rv", "system_u:object_r:sshd_key_t:s0"}, c.Host.Glob("/etc/ssh/ssh_host_*")...)...)
	c.Out.WriteString(out)
	c.Err.WriteString(errs)
	return status
}

// extend adds OSTs to the two targets of the guide's file system, preferring the nodes by turns.
func extend(cib *pacemaker.CIB, osts int, targets map[string]string) error {
	for i := range osts {
		label, uuid := fmt.Sprintf("demo-OST%04x", i), fmt.Sprintf("00000000-0000-4000-8000-%012x", i)
		id := fmt.Sprintf("%s_%06x", label, 0xabc000+i)
		targets[strings.TrimPrefix(storeName(uuid), storePath+
			"/")] = fmt.Sprintf("{\"backfstype\": \"ldiskfs\", \"bdev\": "+
			"\"/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_EEOST%04x\", \"mntpt\": \"/mnt/%s\", \"target_name\": \"%s\"}", i, label, label)
		r := pacemaker.Resource{
			Kind: pacemaker.Primitive, ID: id, Class: "ocf", Provider: "chroma", Type: "Target",
			Instance: pacemaker.AttributeSets{{Pairs: []pacemaker.NVPair{{Name: "target", Value: uuid}}}},
			Meta:     pacemaker.AttributeSets{{Pairs: []pacemaker.NVPair{{Name: "target-role", Value: "Started"}}}},
			Operations: []pacemaker.Op{
				{ID: id + "-monitor-5", Name: "monitor", Interval: "5", Timeout: "60"},
				{ID: id + "-start-0", Name: "start", Interval: "0", Timeout: "300"}, {ID: id + "-stop-0", Name: "stop", Interval: "0", Timeout: "300"},
			},
		}
		if err := cib.AddPrimitive(r); err != nil {
			return err
		}
		first, second := "ct6-mds1", "ct6-mds2"
		if i%2 == 1 {
			first, second = second, first
		}
		for _, l := range []pacemaker.Location{{ID: id + "-primary", Resource: id, Node: first, Score: "20"},
			{ID: id + "-secondary", Resource: id, Node: second, Score: "10"}} {
			if err := cib.AddLocation(l); err != nil {
				return err
			}
		}
	}
	return nil
}

package cpstest

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// KeyOptions have the machines log in to each other by SSH keys (cps:1362-1381,1514-1559,1665-1693): root and qns each
// have one pair, which is the same on the Cluster Manager and on all VMs. The guide does not say what manage_sshkey.sh
// does; that --create leaves the new keys in temp/, and --update brings temp/ into force and makes it current/, is read
// from what it has typed on site 2 (cps:1545-1558).
type KeyOptions struct {
	Site2        string            // Hosts.csv of a second site; none when empty
	Site2Manager string            // its Cluster Manager; site2-cluman
	Site2Prefix  string            // its VMs are this and their alias; site2-
	Arbiter      string            // name of the third site's arbiter; none when empty
	Addresses    map[string]string // other names by which site 1's Cluster Manager calls these machines, to their names
	OwnKey       string            // the fingerprint of the key by which evenkeel logs in everywhere; OwnKey()

	LeavesBehind   string // a machine that --update leaves as it is, and says that it is done
	CreatesNothing bool   // --create says that it is done, and makes no keys
	CutsTransfers  bool   // scp ends well, and has written half of the file
	DropsOthers    bool   // --update takes every other key out of authorized_keys, evenkeel's own too
	KeepsOld       bool   // --update leaves the old key in authorized_keys
	Strangers      bool   // the second site and the arbiter have other keys than site 1 at the start
}

// Where the keys are (cps:1533,1545,1690).
const (
	keyDir     = "/var/qps/auth"
	puppetKeys = "/var/qps/install/current/puppet/modules/qps/files"
	builtKeys  = "/var/qps/install/current/puppet.built"
	installer  = "installer" // what the machines of a cluster call its Cluster Manager
)

// keyUsers are the users that have keys, with their home and their directory in the puppet files of an arbiter.
var keyUsers = []struct{ name, home, puppet string }{
	{"root", "/root", puppetKeys + "/root"}, {"qns", "/home/qns", puppetKeys + "/home/qns"},
}

// Texts of keys: no part of the public one is in a place where the private one is looked for, and the other way round.
func privateKey(id string) string { return "simulated private key " + id + "\n" }
func publicKey(id string) string  { return "ssh-rsa " + id + " cps\n" }

func fingerprint(id string) string {
	if strings.HasPrefix(id, "SHA256:") { // of evenkeel's own key nothing else is known
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

func keyID(seed string) string {
	sum := sha256.Sum256([]byte(seed))
	return base64.RawStdEncoding.EncodeToString(sum[:])
}

// OwnKey is the fingerprint of the key by which evenkeel logs in, unless KeyOptions say another.
func OwnKey() string { return fingerprint("evenkeel's own") }

// keySite is a cluster as far as keys matter: its machines by the names by which they call each other.
type keySite struct {
	manager string
	prefix  string // of the hosts' names in this world
	vms     []string
}

func (k keySite) hosts() []string {
	list := []string{k.manager}
	for _, vm := range k.vms {
		list = append(list, k.prefix+vm)
	}
	return list
}

// keySites are the clusters, the deployment's own first.
func (p *plan) keySites() []keySite {
	sites := []keySite{{manager: manager, vms: p.hosts.Aliases()}}
	if p.second != nil {
		k := p.opts.Keys
		prefix := cmp.Or(k.Site2Prefix, "site2-")
		sites = append(sites, keySite{cmp.Or(k.Site2Manager, "site2-"+manager), prefix, p.second.Aliases()})
	}
	return sites
}

// parseSecond reads the second site's Hosts.csv.
func parseSecond(opts Options) (*cps.Hosts, error) {
	if opts.Keys == nil || opts.Keys.Site2 == "" {
		return nil, nil //nolint:nilnil // there is no second site
	}
	return cps.ParseHosts(srcerr.Named("Hosts.csv of site 2", strings.NewReader(opts.Keys.Site2)))
}

// siteOf is the cluster of a machine; its manager is empty for the arbiter.
func (p *plan) siteOf(host string) keySite {
	for _, site := range p.keySites() {
		if slices.Contains(site.hosts(), host) {
			return site
		}
	}
	return keySite{}
}

// buildKeys makes the machines of the second site and of the third, and gives every machine its keys.
func (y *system) buildKeys(s *simhost.State) {
	if y.opts.Keys == nil {
		return
	}
	for i, site := range y.keySites() {
		for _, name := range site.hosts() {
			if i > 0 {
				s.AddHost(name, simhost.EL7())
			}
			h := s.Host(name)
			for _, u := range keyUsers {
				y.install(s, h, u.home+"/.ssh", y.firstKey(i > 0, u.name))
			}
		}
		for _, u := range keyUsers {
			putKeys(s, s.Host(site.manager), path.Join(keyDir, "current", u.name), y.firstKey(i > 0, u.name))
		}
	}
	if name := y.opts.Keys.Arbiter; name != "" {
		h := s.AddHost(name, simhost.EL7())
		for _, u := range keyUsers {
			y.install(s, h, u.home+"/.ssh", y.firstKey(true, u.name))
			putKeys(s, h, u.puppet, y.firstKey(true, u.name))
			putKeys(s, h, path.Join(keyDir, "current", u.name), y.firstKey(true, u.name))
		}
	}
}

// firstKey is a user's key at the start.
func (y *system) firstKey(elsewhere bool, user string) string {
	if elsewhere && y.opts.Keys.Strangers {
		return keyID("another site's " + user)
	}
	return keyID("default " + user)
}

// putKeys writes a pair into a directory.
func putKeys(s *simhost.State, h *simhost.Host, dir, id string) {
	h.MustWrite(s, dir+"/id_rsa", privateKey(id), 0o600)
	h.MustWrite(s, dir+"/id_rsa.pub", publicKey(id), 0o644)
}

// keyIn is the key whose private and public half are in a directory; empty where they are not a pair.
func keyIn(h *simhost.Host, dir string) string {
	private, err1 := h.ReadFile(dir + "/id_rsa")
	public, err2 := h.ReadFile(dir + "/id_rsa.pub")
	id := strings.TrimSuffix(strings.TrimPrefix(private, "simulated private key "), "\n")
	if err1 != nil || err2 != nil || private != privateKey(id) || public != publicKey(id) {
		return ""
	}
	return id
}

// install brings a key into force for a user of a machine: it logs in by it, and is logged in to by it.
func (y *system) install(s *simhost.State, h *simhost.Host, dir, id string) {
	others := "ssh-ed25519 " + cmp.Or(y.opts.Keys.OwnKey, OwnKey()) + " evenkeel\n"
	if text, err := h.ReadFile(dir + "/authorized_keys"); err == nil {
		others = ""
		for line := range strings.Lines(text) {
			cluster := strings.HasSuffix(line, " cps\n")
			if cluster && y.opts.Keys.KeepsOld && line != publicKey(id) || !cluster && !y.opts.Keys.DropsOthers {
				others += line
			}
		}
	}
	putKeys(s, h, dir, id)
	h.MustWrite(s, dir+"/authorized_keys", publicKey(id)+others, 0o600)
}

// authorized tells whether a user of a machine may be logged in to by a key.
func authorized(h *simhost.Host, user, id string) bool {
	for _, u := range keyUsers {
		text, _ := h.ReadFile(u.home + "/.ssh/authorized_keys")
		if u.name == user && id != "" && slices.Contains(strings.SplitAfter(text, "\n"), publicKey(id)) {
			return true
		}
	}
	return false
}

// KeyState is the truth about keys, one thing a line: by which key each machine logs in and is logged in to, "old" for
// those of the start, and where else private keys lie. Two runs that end alike have the same text.
func (d *Deployment) KeyState() string {
	var b strings.Builder
	d.world.Do(func(s *simhost.State) {
		y := systemOf(s)
		if y.opts.Keys == nil {
			return
		}
		named := map[string]string{}
		for _, u := range keyUsers {
			named[y.firstKey(true, u.name)], named[y.firstKey(false, u.name)] = "old", "old"
		}
		name := func(id string) string {
			if id != "" && named[id] == "" {
				named[id] = "new" // another one for each user, and each set
			}
			return named[id]
		}
		sets := map[string]map[string]bool{}
		var all []string
		for _, site := range y.keySites() {
			all = append(all, site.hosts()...)
		}
		if y.opts.Keys.Arbiter != "" {
			all = append(all, y.opts.Keys.Arbiter)
		}
		for _, host := range all {
			h := s.Host(host)
			fmt.Fprintf(&b, "%s:", host)
			for _, u := range keyUsers {
				id := keyIn(h, u.home+"/.ssh")
				if sets[u.name] == nil {
					sets[u.name] = map[string]bool{}
				}
				if name(id) == "new" {
					sets[u.name][id] = true
				}
				fmt.Fprintf(&b, " %s %s, opened by it %v", u.name, name(id), authorized(h, u.name, id))
			}
			b.WriteByte('\n')
			for _, pattern := range []string{keyDir + "/*", keyDir + "/*/*/*", keyDir + "/*/*/*/*",
				puppetKeys + "/*/*", puppetKeys + "/*/*/*"} {
				for _, file := range h.Glob(pattern) {
					if f, err := h.Stat(file); err == nil && strings.Contains(f.Data, "private key") {
						fmt.Fprintf(&b, "  %s %s %s\n", file, f.Mode, y.age(f.Data))
					}
				}
			}
		}
		for _, u := range keyUsers {
			if len(sets[u.name]) > 1 {
				fmt.Fprintf(&b, "%d new keys of %s\n", len(sets[u.name]), u.name)
			}
		}
	})
	return b.String()
}

// age tells whether the keys in a file are those of the start.
func (y *system) age(data string) string {
	for _, u := range keyUsers {
		for _, elsewhere := range []bool{false, true} {
			if strings.Contains(data, privateKey(y.firstKey(elsewhere, u.name))) {
				return "old"
			}
		}
	}
	return "new"
}

// addKeyPrograms are those that use keys and change them.
func addKeyPrograms(r *simhost.Registry, p *plan) {
	if p.opts.Keys == nil {
		return
	}
	r.Command("runuser", -1, runuser)
	r.Command("ssh", -1, sshProgram)
	r.Command("scp", time.Second, scp)
	r.Command("ssh-keygen", 0, listKeys)
	r.Command("manage_sshkey.sh", 0, manageKeys)
	r.Command("build_puppet.sh", 20*time.Second, buildPuppet)
	r.Script(ReachScript, 0, reaches)
	r.Script(OpensScript, 0, opens)
	r.Script(EnforceScript, 0, enforce)
	r.Script(AdmitScript, 0, admit)
	for name, elsewhere := range map[string]simhost.Handler{
		"reinit.sh": reinitArbiter, "diagnostics.sh": diagnoseSecond, "hosts.sh": listSecond,
	} {
		here := r.Program(name)
		r.Command(name, 20*time.Second, func(c *simhost.Call) int {
			if p.siteOf(c.Host.Name).manager == manager {
				return here(c)
			}
			return elsewhere(c)
		})
	}
}

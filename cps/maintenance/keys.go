package maintenance

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// KeysConfig says where the SSH keys are changed. The zero value of a field is its default.
type KeysConfig struct {
	ClusterManager string `yaml:"cluster_manager"` // control name of the Cluster Manager; "cluman"
	Installer      string `yaml:"installer"`       // what the VMs call the Cluster Manager; "installer"

	// RootKeys and QNSKeys are the directories, on each Cluster Manager, of the keys that are in force;
	// /var/qps/auth/current/root and qns. Where the default keys were never changed they may lie elsewhere. KeyFile is the
	// name of the private key in them and in ~/.ssh, which the guide does not give; id_rsa. The public one is KeyFile.pub.
	RootKeys string `yaml:"root_keys"`
	QNSKeys  string `yaml:"qns_keys"`
	KeyFile  string `yaml:"key_file"`

	// OwnKey is the fingerprint of the key by which evenkeel itself logs in, as "ssh-keygen -l" prints it (SHA256:...), and
	// OwnKeysFile the file on each machine that lets it in; /root/.ssh/authorized_keys. Without OwnKey evenkeel has another
	// way in, and the operator confirms that it still works.
	OwnKey      string `yaml:"own_key"`
	OwnKeysFile string `yaml:"own_keys_file"`

	Site2   KeySite    `yaml:"site2"`   // the second site of a GR deployment
	Arbiter KeyMachine `yaml:"arbiter"` // the arbiter on the third site

	Tools Tools `yaml:"tools"` // paths of the guide's programs, where a login does not find them by name
}

// KeySite is the second site of a GR deployment.
type KeySite struct {
	ClusterManager string `yaml:"cluster_manager"` // control name of its Cluster Manager; there is no second site when empty
	Address        string `yaml:"address"`         // by which site 1's Cluster Manager logs in to it; its control name when empty
	Prefix         string `yaml:"prefix"`          // the control name of a VM there is Prefix + its alias; "site2-"
}

// KeyMachine is a machine beside the clusters.
type KeyMachine struct {
	Host    string `yaml:"host"`    // control name; there is none when empty
	Address string `yaml:"address"` // by which site 1's Cluster Manager logs in to it; its control name when empty
}

// Where the keys are, and what changes them (cps:1375,1533,1545,1690-1693).
const (
	authDir      = "/var/qps/auth"
	currentKeys  = authDir + "/current"
	newKeysDir   = authDir + "/temp"
	savedKeys    = authDir + "/evenkeel-before"
	keysTar      = authDir + "/current_ssh_keys.tar"
	keysScript   = scripts + "bin/support/manage_sshkey.sh"
	puppetFiles  = "/var/qps/install/current/puppet/modules/qps/files/"
	puppetScript = scripts + "build/build_puppet.sh"
)

// keySet are the directories of a pair of root and of one of qns.
type keySet struct{ root, qns string }

var (
	keysCurrent = keySet{currentKeys + "/root", currentKeys + "/qns"}
	keysNew     = keySet{newKeysDir + "/root", newKeysDir + "/qns"}
	keysSaved   = keySet{savedKeys + "/root", savedKeys + "/qns"}
	keysInForce = keySet{"/root/.ssh", "/home/qns/.ssh"}
	keysMade    = keySet{savedKeys + "/new/root", savedKeys + "/new/qns"}
	keysPuppet  = keySet{puppetFiles + "root", puppetFiles + "home/qns"}
)

// newKeys and keysOnTheWay are what the runbook finds out of the new keys. Of a key only the sum of its public half is kept.
var (
	newKeys      = evenkeel.NewFact[string]("keys.new", "the sums of the new public keys, of root and of qns")
	keysOnTheWay = evenkeel.NewFact[string]("keys.tar", "the size and the mode of "+keysTar)
)

// keyPlace is a machine on which keys are changed: a Cluster Manager, with its VMs, or the arbiter.
type keyPlace struct {
	*cluster        // nil for the arbiter
	id, name string // site1, and "site 1" for the reader
	host     string // control name
	address  string // by which site 1's Cluster Manager calls it; empty for that itself
	prefix   string // of the VMs' control names
	old      keySet // the keys in force
	before   evenkeel.Fact[string]
	targets  []string // what its machines call each other
}

// machines are the control names of all of its machines.
func (p *keyPlace) machines() []string {
	list := []string{p.host}
	if p.cluster != nil {
		for _, vm := range p.vms {
			list = append(list, p.prefix+vm)
		}
	}
	return list
}

// keys is the plan of a change of keys.
type keys struct {
	cfg     KeysConfig
	places  []*keyPlace // site 1 first
	first   *keyPlace
	arbiter *keyPlace // nil where there is none
}

// noKeyFiles are files beside the keys that are none.
var noKeyFiles = []string{"authorized_keys", "known_hosts", "config"}

var (
	keyPathForm     = regexp.MustCompile(`^(/[A-Za-z0-9._-]+)+$`)
	fingerprintForm = regexp.MustCompile(`^SHA256:[A-Za-z0-9+/]{43}$`)
	keyFileForm     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	hostForm        = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
)

// ChangeKeys changes the SSH keys by which the machines of CPS log in to each other, as root and as qns: of one cluster
// (cps:1362-1381), of both sites of a GR deployment (cps:1514-1559), whose second site's Hosts.csv is site2, and of the
// arbiter on the third site (cps:1665-1693). All of them have the same keys afterwards. The old keys are saved on each
// Cluster Manager, and deleted at the end, when every machine has been seen to log in to every other one by the new keys
// and to refuse the old ones; until then a rollback brings them back. evenkeel reads no private key: it logs in by a key of
// its own, and compares public ones.
//
// The error says everything that is wrong with the configuration.
func ChangeKeys(cfg KeysConfig, hosts, site2 *cps.Hosts) (*evenkeel.Runbook, error) {
	k, err := newKeysPlan(cfg, hosts, site2)
	if err != nil {
		return nil, fmt.Errorf("cannot plan the change of SSH keys: %w", err)
	}
	all := []evenkeel.Step{k.preflight(), k.save(), k.create(), k.update()}
	if len(k.places) > 1 {
		all = append(all, k.bundle())
	}
	for _, p := range k.places[1:] {
		all = append(all, k.follow(p))
	}
	rb := &evenkeel.Runbook{
		Name: "cps-keys", Title: "Change the SSH keys of CPS", Version: "cps-keys 1",
		Functions: steps.Verdicts + "\n" + keyFunctions,
		Intro:     k.intro(), Steps: append(all, k.finish()),
	}
	for _, p := range k.places {
		rb.LeaseHosts = append(rb.LeaseHosts, p.host)
		if p.cluster != nil {
			in := p.input()
			if p != k.first {
				in.Name += " of " + p.name
			}
			rb.Inputs = append(rb.Inputs, in)
		}
	}
	long := func(c sshexec.Cmd) bool {
		return slices.Contains([]string{keysScript, puppetScript, reinitScript}, c.Argv[0]) ||
			slices.Contains(c.Argv, enforceScript)
	}
	rb.MarkWide(func(c sshexec.Cmd) bool { return long(c) || c.Argv[0] == "scp" || slices.Contains(c.Argv, admitScript) })
	rb.MarkDetached(long)
	rb.Estimate(evenkeel.Guess)
	return rb, rb.Validate()
}

func newKeysPlan(cfg KeysConfig, hosts, site2 *cps.Hosts) (*keys, error) {
	errs := cfg.halfGiven()
	for field, value := range map[*string]string{
		&cfg.Installer: "installer", &cfg.RootKeys: keysCurrent.root, &cfg.QNSKeys: keysCurrent.qns, &cfg.KeyFile: "id_rsa",
		&cfg.OwnKeysFile:  "/root/.ssh/authorized_keys",
		&cfg.Site2.Prefix: "site2-", &cfg.Site2.Address: cfg.Site2.ClusterManager,
		&cfg.Arbiter.Address: cfg.Arbiter.Host,
	} {
		if *field == "" {
			*field = value
		}
	}
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for key, dir := range map[string]string{"root_keys": cfg.RootKeys, "qns_keys": cfg.QNSKeys,
		"own_keys_file": cfg.OwnKeysFile} {
		if !keyPathForm.MatchString(dir) || path.Clean(dir) != dir {
			bad("%s %q: it must be a whole path below /, of letters, digits and . _ -", key, dir)
		}
		if dir == savedKeys || strings.HasPrefix(dir, savedKeys+"/") || strings.HasPrefix(dir+"/", newKeysDir+"/") {
			bad("%s %q: the runbook itself writes there", key, dir)
		}
	}
	if cfg.RootKeys == cfg.QNSKeys {
		bad("root_keys and qns_keys are both %s: each user has a pair of its own", cfg.RootKeys)
	}
	if !keyFileForm.MatchString(cfg.KeyFile) || strings.HasSuffix(cfg.KeyFile, ".pub") || slices.Contains(noKeyFiles, cfg.KeyFile) {
		bad("key_file %q: it must be the name of a private key's file", cfg.KeyFile)
	}
	if cfg.OwnKey != "" && !fingerprintForm.MatchString(cfg.OwnKey) { // which may be a key, given by mistake: it is not quoted
		bad("own_key is no fingerprint as ssh-keygen -l prints it: SHA256: and 43 characters")
	}
	for key, name := range map[string]string{"installer": cfg.Installer, "site2.address": cfg.Site2.Address,
		"site2.prefix": cfg.Site2.Prefix, "arbiter.address": cfg.Arbiter.Address} {
		if name != "" && !hostForm.MatchString(name) {
			bad("%s %q is no name of a machine", key, name)
		}
	}
	errs = append(errs, cfg.others(hosts, site2)...)
	c, err := newCluster(cfg.ClusterManager, hosts, cfg.Tools)
	k := &keys{cfg: cfg}
	old := keySet{cfg.RootKeys, cfg.QNSKeys}
	first := &keyPlace{cluster: c, id: "site1", name: "the cluster", old: old}
	if cfg.Site2.ClusterManager != "" {
		first.name = "site 1"
	}
	k.add(first)
	switch {
	case cfg.Site2.ClusterManager != "" && site2 == nil:
		bad("site2 is given, and no Hosts.csv of it")
	case cfg.Site2.ClusterManager == "" && site2 != nil:
		bad("site2.cluster_manager is missing: the control name of the second site's Cluster Manager")
	case site2 != nil:
		second, err := newCluster(cfg.Site2.ClusterManager, site2, cfg.Tools)
		errs = append(errs, err)
		k.add(&keyPlace{cluster: second, id: "site2", name: "site 2",
			address: cfg.Site2.Address, prefix: cfg.Site2.Prefix, old: old})
	}
	if cfg.Arbiter.Host != "" {
		k.add(&keyPlace{id: "arbiter", name: "the arbiter", host: cfg.Arbiter.Host,
			address: cfg.Arbiter.Address, old: keysPuppet})
		k.arbiter = k.places[len(k.places)-1]
	}
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, p := range k.places {
		for _, name := range p.machines() {
			if seen[name] {
				bad("two machines have the control name %s: see site2.prefix", name)
			}
			seen[name] = true
		}
	}
	return k, errors.Join(errs...)
}

// halfGiven are sections that say something of a machine and not which one it is: they would be left out in silence.
func (c KeysConfig) halfGiven() []error {
	var errs []error
	if c.Site2.ClusterManager == "" && c.Site2 != (KeySite{}) {
		errs = append(errs, errors.New("site2: cluster_manager is missing: the control name of the second site's Cluster Manager"))
	}
	if c.Arbiter.Host == "" && c.Arbiter != (KeyMachine{}) {
		errs = append(errs, errors.New("arbiter: host is missing: the control name of the arbiter"))
	}
	return errs
}

// others wants the machines beside the clusters to be others than those of the clusters: the keys would be copied to a VM.
func (c KeysConfig) others(hosts, site2 *cps.Hosts) []error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if strings.HasPrefix(c.Arbiter.Host, "arbitervip") || strings.HasPrefix(c.Arbiter.Address, "arbitervip") {
		bad("arbiter: arbitervip is an address that moves between the pcrfclients, and no arbiter at a third site")
	}
	for _, h := range []*cps.Hosts{hosts, site2} {
		if h == nil {
			continue
		}
		for _, row := range h.Rows {
			names := []string{row.Alias, row.Guest}
			for _, a := range row.Addresses {
				names = append(names, a.String())
			}
			for key, name := range map[string]string{"installer": c.Installer, "site2.address": c.Site2.Address,
				"arbiter.address": c.Arbiter.Address, "arbiter.host": c.Arbiter.Host} {
				if name != "" && slices.Contains(names, name) {
					bad("%s %q is the VM %s of %s:%d", key, name, row.Alias, h.File, row.Line)
				}
			}
		}
	}
	if c.Site2.Address != "" && c.Site2.Address == c.Arbiter.Address {
		bad("site2.address and arbiter.address are both %s", c.Arbiter.Address)
	}
	if hosts != nil && site2 != nil && slices.EqualFunc(hosts.Rows, site2.Rows, func(a, b cps.Host) bool {
		return a.Alias == b.Alias && a.Guest == b.Guest && maps.Equal(a.Addresses, b.Addresses)
	}) {
		bad("the Hosts.csv of site 2 is that of site 1")
	}
	return errs
}

// add takes a place into the plan.
func (k *keys) add(p *keyPlace) {
	if p.cluster != nil {
		p.host, p.targets = p.manager, append([]string{k.cfg.Installer}, p.vms...)
	}
	p.before = evenkeel.NewFact[string]("keys.before."+p.id,
		"the sums of the public keys of root and of qns before, on "+p.name)
	k.places = append(k.places, p)
	k.first = k.places[0]
}

func (k *keys) intro() string {
	own := "evenkeel itself logs in by the key " + k.cfg.OwnKey + ", which " + k.cfg.OwnKeysFile +
		" of each machine must list before and after: " +
		"a connection that is open would go on without it."
	if k.cfg.OwnKey == "" {
		own = "own_key is not given: evenkeel logs in by another way than a key of its own, and the operator confirms that a new " +
			"login still works. Logins by the keys of the cluster itself end here."
	}
	return "The machines log in to each other, as root and as qns, by one pair of keys for each of the two users. Both pairs " +
		"are replaced: the guide asks for it after a migration where " +
		"they are still the default ones (cps:1362,1370). " + own +
		" The guide does not say where manage_sshkey.sh --create leaves the new keys: that it is " + newKeysDir +
		", and that --update " +
		"takes them from there, follows from what it has typed on site 2 (cps:1545-1558); the runbook looks, and stops before " +
		"--update if it is not so. It follows the CPS Migration and Upgrade Guide; cps:N is a line of it."
}

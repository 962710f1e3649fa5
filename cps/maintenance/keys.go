package maintenance

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

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

	Tools Tools `yaml:"tools"`
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

var (
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
		Name: "cps-keys", Title: "Change the SSH keys of CPS", Version: "cps-keys 1", Functions: steps.Verdicts + "\n" + keyFunctions,
		Intro: k.intro(), Steps: append(all, k.finish()),
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
		return slices.Contains([]string{keysScript, puppetScript, reinitScript}, c.Argv[0]) || slices.Contains(c.Argv, enforceScript)
	}
	rb.MarkWide(func(c sshexec.Cmd) bool { return long(c) || c.Argv[0] == "scp" })
	rb.MarkDetached(long)
	return rb, rb.Validate()
}

func newKeysPlan(cfg KeysConfig, hosts, site2 *cps.Hosts) (*keys, error) {
	for field, value := range map[*string]string{
		&cfg.Installer: "installer", &cfg.RootKeys: keysCurrent.root, &cfg.QNSKeys: keysCurrent.qns, &cfg.KeyFile: "id_rsa",
		&cfg.OwnKeysFile: "/root/.ssh/authorized_keys", &cfg.Site2.Prefix: "site2-", &cfg.Site2.Address: cfg.Site2.ClusterManager,
		&cfg.Arbiter.Address: cfg.Arbiter.Host,
	} {
		if *field == "" {
			*field = value
		}
	}
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for key, dir := range map[string]string{"root_keys": cfg.RootKeys, "qns_keys": cfg.QNSKeys, "own_keys_file": cfg.OwnKeysFile} {
		if !path.IsAbs(dir) || path.Clean(dir) != dir || dir == "/" {
			bad("%s %q: it must be an absolute path", key, dir)
		}
		if dir == savedKeys || strings.HasPrefix(dir, savedKeys+"/") || strings.HasPrefix(dir+"/", newKeysDir+"/") {
			bad("%s %q: the runbook itself writes there", key, dir)
		}
	}
	if cfg.RootKeys == cfg.QNSKeys {
		bad("root_keys and qns_keys are both %s: each user has a pair of its own", cfg.RootKeys)
	}
	if !keyFileForm.MatchString(cfg.KeyFile) {
		bad("key_file %q: it must be the name of a file", cfg.KeyFile)
	}
	if cfg.OwnKey != "" && !fingerprintForm.MatchString(cfg.OwnKey) {
		bad("own_key %q is no fingerprint as ssh-keygen -l prints it: SHA256: and 43 characters", cfg.OwnKey)
	}
	for key, name := range map[string]string{"installer": cfg.Installer, "site2.address": cfg.Site2.Address, "arbiter.address": cfg.Arbiter.Address} {
		if name != "" && !hostForm.MatchString(name) {
			bad("%s %q is no name of a machine", key, name)
		}
	}
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
		k.add(&keyPlace{cluster: second, id: "site2", name: "site 2", address: cfg.Site2.Address, prefix: cfg.Site2.Prefix, old: old})
	}
	if cfg.Arbiter.Host != "" {
		k.add(&keyPlace{id: "arbiter", name: "the arbiter", host: cfg.Arbiter.Host, address: cfg.Arbiter.Address, old: keysPuppet})
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

// add takes a place into the plan.
func (k *keys) add(p *keyPlace) {
	if p.cluster != nil {
		p.host, p.targets = p.manager, append([]string{k.cfg.Installer}, p.vms...)
	}
	p.before = evenkeel.NewFact[string]("keys.before."+p.id, "the sums of the public keys of root and of qns before, on "+p.name)
	k.places = append(k.places, p)
	k.first = k.places[0]
}

func (k *keys) intro() string {
	own := "evenkeel itself logs in by the key " + k.cfg.OwnKey + ", which " + k.cfg.OwnKeysFile + " of each machine must list before and after: " +
		"a connection that is open would go on without it."
	if k.cfg.OwnKey == "" {
		own = "own_key is not given: evenkeel logs in by another way than a key of its own, and the operator confirms that a new " +
			"login still works. Logins by the keys of the cluster itself end here."
	}
	return "The machines log in to each other, as root and as qns, by one pair of keys for each of the two users. Both pairs are replaced: the guide asks for it after a migration where " +
		"they are still the default ones (cps:1362,1370). " + own +
		" The guide does not say where manage_sshkey.sh --create leaves the new keys: that it is " + newKeysDir + ", and that --update " +
		"takes them from there, follows from what it has typed on site 2 (cps:1545-1558); the runbook looks, and stops before " +
		"--update if it is not so. It follows the CPS Migration and Upgrade Guide; cps:N is a line of it."
}

// pair are the public keys of a set.
func (k *keys) public(s keySet) []string {
	return []string{s.root + "/" + k.cfg.KeyFile + ".pub", s.qns + "/" + k.cfg.KeyFile + ".pub"}
}

// user is a set's private key of a user.
func (k *keys) private(s keySet, user string) string {
	return map[string]string{"root": s.root, "qns": s.qns}[user] + "/" + k.cfg.KeyFile
}

var keyUsers = []string{"root", "qns"}

// sums are those of the public keys of a set, "ROOT,QNS".
func (k *keys) sums(s keySet) func(evenkeel.Observed) (string, error) {
	return func(o evenkeel.Observed) (string, error) {
		if err := o.Succeeded(); err != nil {
			return "", err
		}
		found, err := steps.Sums(o.Result)
		if err != nil {
			return "", err
		}
		var list []string
		for _, file := range k.public(s) {
			if found[file] == "" || len(found) != 2 {
				return "", fmt.Errorf("sha256sum did not tell the sum of %s, or of more than was asked", file)
			}
			list = append(list, found[file])
		}
		return strings.Join(list, ","), nil
	}
}

func (k *keys) sumsOf(s keySet) sshexec.Cmd {
	return sshexec.Command(sshexec.ReadOnly, append([]string{"sha256sum"}, k.public(s)...)...)
}

const sumsInLine = ` | awk '{ line = line comma $1; comma = "," } END { print line }'`

// same wants the public keys of a set to be those of a fact.
func (k *keys) same(id, what string, p *keyPlace, s keySet, fact evenkeel.Fact[string]) evenkeel.Action {
	cmd := k.sumsOf(s)
	a := evenkeel.Look(id, "Verify that "+what, cmd.Argv...).On(p.host).Expecting(fact.Doc(), func(o evenkeel.Observed) error {
		now, err1 := k.sums(s)(o)
		want, err2 := fact.Get(o.Facts)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		if now != want {
			return fmt.Errorf("on %s the keys in %s and %s are others: %s, and not %s", p.host, s.root, s.qns, now, want)
		}
		return nil
	})
	a.Paper = []evenkeel.Block{{Script: evenkeel.Typed(cmd) + sumsInLine + " | diff - <(echo " + fact.Ref() + ") && echo the same keys",
		Shows: []string{"the same keys"}}}
	return a
}

// reach has a user of the Cluster Manager log in to every machine, and from there to every machine.
func (k *keys) reach(id string, p *keyPlace, user string) evenkeel.Action {
	var want []string
	for _, a := range p.targets {
		want = append(want, "here "+a)
		for _, b := range p.targets {
			want = append(want, a+" "+b)
		}
	}
	cmd := sshexec.Script(sshexec.ReadOnly, reachScript, append([]string{user}, p.targets...)...)
	cmd.Timeout = time.Hour
	a := evenkeel.Action{ID: id + "-" + user, Change: evenkeel.Change{
		Title: fmt.Sprintf("Verify that %s can log in from each machine of %s to each of them", user, p.name),
		Host:  p.host, Ref: "cps:1378", Cmd: cmd,
		Expect: evenkeel.Expect{Text: fmt.Sprintf("%d logins, each with exit status 0", len(want)), Check: func(o evenkeel.Observed) error {
			return logins(o, want, "0", "as "+user+" these fail")
		}},
	}}
	a.Paper = tried("reach "+user+" "+strings.Join(p.targets, " "), len(want), 0)
	return a
}

// opens tries one key of the first Cluster Manager, or of the place itself, on every machine. A machine that refuses it is 255.
func (k *keys) opens(id, title string, p *keyPlace, s keySet, user string, targets []string, status int) evenkeel.Action {
	key := k.private(s, user)
	cmd := sshexec.Script(sshexec.ReadOnly, opensScript, append([]string{key, user}, targets...)...)
	cmd.Timeout = time.Hour
	a := evenkeel.Action{ID: id + "-" + user, Change: evenkeel.Change{
		Title: title, Host: p.host, Ref: "cps:1378", Cmd: cmd,
		Expect: evenkeel.Expect{Text: fmt.Sprintf("%d logins, each with exit status %d", len(targets), status), Check: func(o evenkeel.Observed) error {
			err := logins(o, targets, fmt.Sprint(status), "the key "+key+" does not open")
			if status != 0 && err != nil {
				return evenkeel.NeedsOperator("the old key of %s must be refused, by ssh with exit status %d. Take it out of authorized_keys where "+
					"it is not, and resume: %v", user, status, logins(o, targets, fmt.Sprint(status), "otherwise it ended at"))
			}
			return err
		}},
	}}
	a.Paper = tried(strings.Join(append([]string{"opens", key, user}, targets...), " "), len(targets), status)
	return a
}

// own wants evenkeel's own key to be let in by every machine of a place. evenkeel asks each of them by its own connection.
func (k *keys) own(id string, p *keyPlace) []evenkeel.Action {
	if k.cfg.OwnKey == "" {
		return nil
	}
	cmd := sshexec.Command(sshexec.ReadOnly, "ssh-keygen", "-lf", k.cfg.OwnKeysFile)
	a := evenkeel.Action{ID: id, Change: evenkeel.Change{
		Title: "Verify that evenkeel itself can log in to " + p.all(), Host: p.host, Ref: "cps:1378",
		Op: &evenkeel.Op{
			Effect: evenkeel.ReadOnly,
			Text:   fmt.Sprintf("Read %s on %s: each lists the key %s.", k.cfg.OwnKeysFile, strings.Join(p.machines(), ", "), k.cfg.OwnKey),
			Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				for _, host := range p.machines() {
					res, err := at.Run(ctx, host, cmd)
					if err != nil {
						return res, err
					}
					if !slices.ContainsFunc(strings.Split(string(res.Stdout), "\n"), k.isOwn) {
						return res, fmt.Errorf("%s of %s does not list evenkeel's own key %s: put it there while the connection is open, and resume",
							k.cfg.OwnKeysFile, host, k.cfg.OwnKey)
					}
				}
				return sshexec.Result{}, nil
			},
		},
	}}
	if p.cluster == nil {
		a.Paper = steps.Prints(cmd, "| lists "+k.cfg.OwnKey, "it is listed")
		return []evenkeel.Action{a}
	}
	a.Paper = tried(strings.Join(append([]string{"letin", k.cfg.OwnKey, k.cfg.OwnKeysFile}, p.targets...), " "), len(p.targets), 0)
	return []evenkeel.Action{a}
}

// isOwn tells a line of ssh-keygen -l that is about evenkeel's own key.
func (k *keys) isOwn(line string) bool {
	words := strings.Fields(line)
	return len(words) > 1 && words[1] == k.cfg.OwnKey
}

// ownByHand is what stands for own where evenkeel has another way in.
func (k *keys) ownByHand(id string, p *keyPlace) []evenkeel.Action {
	if k.cfg.OwnKey != "" {
		return nil
	}
	return []evenkeel.Action{evenkeel.ByHand(id, "Confirm that evenkeel can still log in to "+p.name,
		"Open a new connection, the way evenkeel does, to each of "+strings.Join(p.machines(), ", ")+
			". One that is open already proves nothing. Confirm that all of them let you in.")}
}

// preflight changes nothing.
func (k *keys) preflight() evenkeel.Step {
	step := evenkeel.Step{ID: "preflight", Title: "Check the machines and the keys that are in force", Host: k.first.host, Ref: "cps:1366,1518,1671"}
	for _, p := range k.places {
		id := p.id
		if p.cluster != nil {
			step.Actions = append(step.Actions, p.listed(), p.healthy("health"))
			for i := range step.Actions[len(step.Actions)-2:] {
				a := &step.Actions[len(step.Actions)-2+i]
				a.ID = id + "-" + a.ID
			}
		}
		note := evenkeel.Look(id+"-note", "Note the public keys of "+p.name, k.sumsOf(p.old).Argv...).On(p.host).From("cps:1533").
			Expecting("the sums of two public keys", func(o evenkeel.Observed) error {
				if _, err := k.sums(p.old)(o); err != nil {
					return fmt.Errorf("the keys that are in force are not in %s and %s: set root_keys and qns_keys: %w", p.old.root, p.old.qns, err)
				}
				return nil
			})
		note.Makes = []evenkeel.Make{p.before.From(k.sums(p.old)).Typed(evenkeel.Typed(note.Cmd) + sumsInLine)}
		step.Makes = append(step.Makes, p.before)
		free := evenkeel.Look(id+"-free", "Verify that no earlier change left its old keys on "+p.host, "test", "!", "-e", savedKeys).On(p.host).
			Noting(savedKeys + " has the keys from before an earlier change that did not come to its end. Look at them before you delete them.")
		step.Actions = append(step.Actions, note, free, k.same(id+"-in-force", "these keys are in force on "+p.host, p, keysInForce, p.before))
		if p.cluster != nil {
			for _, user := range keyUsers {
				step.Actions = append(step.Actions, k.reach(id+"-reach", p, user))
			}
		}
		if p.address != "" {
			step.Actions = append(step.Actions, k.opens(id+"-way", "Verify that root of "+k.first.name+" can log in to "+p.name, k.first, k.first.old,
				"root", []string{p.address}, 0).Noting("The new keys are copied this way. Where the sites have different keys, let root of "+
				k.first.host+" log in to "+p.host+" by its present key before the change."))
		}
		step.Actions = append(step.Actions, k.own(id+"-own", p)...)
	}
	if k.cfg.OwnKey != "" {
		step.Actions = append(step.Actions, k.another())
	}
	step.Actions = append(step.Actions, evenkeel.ByHand("alarms", "Confirm that there is no alarm, and no migration under way",
		"Keys are changed only while diagnostics is clean and there is no alarm or warning (cps:1366), and after a migration only when "+
			"that has come to its end (cps:1362). Confirm both."))
	return step
}

// another wants evenkeel's own key not to be the one that is replaced.
func (k *keys) another() evenkeel.Action {
	file := k.private(k.first.old, "root") + ".pub"
	a := evenkeel.Look("another", "Verify that evenkeel logs in by a key of its own", "ssh-keygen", "-lf", file).On(k.first.host).
		Expecting("another fingerprint than "+k.cfg.OwnKey, evenkeel.Succeeding(func(o evenkeel.Observed) error {
			switch words := strings.Fields(string(o.Stdout)); {
			case len(words) < 2 || !fingerprintForm.MatchString(words[1]):
				return fmt.Errorf("not a fingerprint of %s: %.80q", file, o.Text())
			case words[1] == k.cfg.OwnKey:
				return evenkeel.NeedsOperator("evenkeel logs in by the key of the cluster itself, which is to be replaced: it would be cut off. " +
					"Give it a key of its own first")
			}
			return nil
		}))
	a.Paper = steps.Prints(a.Cmd, fmt.Sprintf(`| awk '{ print $2 !~ /^SHA256:/ ? "NOT known" : $2 == "%s" ? "the SAME key" : "another key" }'`, k.cfg.OwnKey),
		"another key")
	return a
}

// save keeps the old keys, where nobody but root reads them, and proves that they are those that open every machine.
func (k *keys) save() evenkeel.Step {
	step := evenkeel.Step{
		ID: "save", Title: "Save the old keys", Host: k.first.host, Ref: "cps:1362",
		Why: "The guide has no way back. " + savedKeys + " keeps the old keys on each Cluster Manager, for a rollback, until all is proven.",
	}
	for _, p := range k.places {
		id, do := p.id, func(verb, title string, argv ...string) {
			step.Actions = append(step.Actions, evenkeel.Do(p.id+"-"+verb, title, argv...).On(p.host).Timeout(steps.Briefly))
		}
		do("dir", "Make a directory for the old keys on "+p.host, "install", "-d", "-m", "700", savedKeys)
		do("root", "Save the keys of root on "+p.host, "cp", "-rpT", p.old.root, keysSaved.root)
		do("qns", "Save the keys of qns on "+p.host, "cp", "-rpT", p.old.qns, keysSaved.qns)
		files := []string{k.private(keysSaved, "root"), k.private(keysSaved, "qns")}
		do("chmod", "Keep the saved keys on "+p.host+" from everybody but root", append([]string{"chmod", "600"}, files...)...)
		mode := evenkeel.Look(id+"-mode", "Verify that nobody but root reads the saved keys", append([]string{"stat", "-c", "%a %n", savedKeys}, files...)...).On(p.host)
		want := []string{"700 " + savedKeys, "600 " + files[0], "600 " + files[1]}
		mode.Paper = steps.Prints(mode.Cmd, "", want...)
		step.Actions = append(step.Actions, mode.Expecting(strings.Join(want, "; "), evenkeel.Says(strings.Join(want, "\n"))),
			k.same(id+"-saved", "the saved keys are those in force", p, keysSaved, p.before))
		step.Needs = append(step.Needs, p.before)
		step.Undo = append(step.Undo, evenkeel.Do(id+"-forget", "Delete the saved keys on "+p.host, "rm", "-rf", savedKeys).On(p.host))
		if p.cluster == nil {
			continue
		}
		for _, user := range keyUsers {
			step.Verify = append(step.Verify, k.opens(id+"-opens", "Verify that the saved key of "+user+" opens "+p.all(), p, keysSaved, user,
				p.targets, 0))
		}
	}
	return step
}

// create makes the new keys, which are not in force yet.
func (k *keys) create() evenkeel.Step {
	p := k.first
	cmd := k.sumsOf(keysNew)
	differ := evenkeel.Look("differ", "Verify that the new keys are not the old ones", cmd.Argv...).Expecting("other sums than before",
		func(o evenkeel.Observed) error {
			now, err1 := k.sums(keysNew)(o)
			old, err2 := p.before.Get(o.Facts)
			if err := errors.Join(err1, err2); err != nil {
				return err
			}
			for _, sum := range strings.Split(now, ",") {
				if strings.Contains(old, sum) {
					return fmt.Errorf("a key in %s is an old one: %s", newKeysDir, sum)
				}
			}
			return nil
		})
	differ.Paper = []evenkeel.Block{{Script: evenkeel.Typed(cmd) + " | awk -v old=" + p.before.Ref() +
		` '{ if (index(old, $1)) print "an OLD key:", $2; n++ } END { print n + 0, "keys" }'`, Shows: []string{"2 keys"}}}
	note := evenkeel.Look("note", "Note the new public keys", cmd.Argv...).Expecting("the sums of two public keys", func(o evenkeel.Observed) error {
		if _, err := k.sums(keysNew)(o); err != nil {
			return fmt.Errorf("--create left no new keys in %s: nothing has changed: %w", newKeysDir, err)
		}
		return nil
	})
	note.Makes = []evenkeel.Make{newKeys.From(k.sums(keysNew)).Typed(evenkeel.Typed(cmd) + sumsInLine)}
	return evenkeel.Step{
		ID: "create", Title: "Make new keys", Host: p.host, Ref: "cps:1372-1375", Needs: []evenkeel.FactKey{p.before}, Makes: []evenkeel.FactKey{newKeys},
		Actions: []evenkeel.Action{
			evenkeel.Do("clear", "Delete what an earlier change left", "rm", "-rf", newKeysDir),
			evenkeel.Do("create", "Make new keys", keysScript, "--create").From("cps:1375").Timeout(steps.Briefly), note, differ,
		},
		Undo: []evenkeel.Action{evenkeel.Do("forget", "Delete the new keys", "rm", "-rf", newKeysDir)},
	}
}

// enforce brings a set into force on a Cluster Manager and its VMs. It makes temp/ anew, and so may run again.
func (k *keys) enforce(id, title string, p *keyPlace, s keySet) evenkeel.Action {
	cmd := sshexec.Script(sshexec.Mutating, enforceScript, s.root, s.qns)
	cmd.Timeout = 2 * time.Hour
	return evenkeel.Action{ID: id, Change: evenkeel.Change{Title: title, Host: p.host, Ref: "cps:1545-1558", Cmd: cmd, Repeat: evenkeel.Idempotent}}
}

// update brings the new keys into force on site 1.
func (k *keys) update() evenkeel.Step {
	p := k.first
	cmd := k.sumsOf(keysInForce)
	update := evenkeel.Do("update", "Bring the new keys into force on the VMs and on the Cluster Manager", keysScript, "--update").From("cps:1381").
		Timeout(2 * time.Hour).Probed(evenkeel.Probe{
		Cmd: cmd, Text: "the Cluster Manager logs in by the new keys",
		Paper: k.same("", "", p, keysInForce, newKeys).Paper,
		Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
			now, err1 := k.sums(keysInForce)(o)
			old, err2 := p.before.Get(o.Facts)
			want, err3 := newKeys.Get(o.Facts)
			switch {
			case errors.Join(err1, err2, err3) != nil:
				return evenkeel.Inconclusive, errors.Join(err1, err2, err3)
			case now == want:
				return evenkeel.Done, nil
			case now == old:
				return evenkeel.NotRun, nil
			}
			return evenkeel.Partial, nil
		},
	})
	update.Paper = asState(evenkeel.Typed(cmd)+sumsInLine+" | diff - <(echo "+newKeys.Ref()+") >/dev/null && echo new || echo old", "old", update.Cmd)
	return evenkeel.Step{
		ID: "update", Title: "Bring the new keys into force on " + p.name, Host: p.host, Ref: "cps:1378-1381", Needs: []evenkeel.FactKey{p.before, newKeys},
		Why: "A machine that --update left behind refuses the others from here on, and is refused by them: the checks name it. Put its " +
			"keys right by hand and resume, or roll back.",
		Actions: append([]evenkeel.Action{update}, k.ownByHand("own", p)...), Verify: k.proof(p, newKeys),
		Undo:       append([]evenkeel.Action{k.enforce("enforce", "Bring the old keys back into force", p, keysSaved)}, k.ownByHand("own", p)...),
		UndoVerify: k.proof(p, p.before),
	}
}

// proof is what shows that a set is in force on all machines of a place, by logins: that of the fact.
func (k *keys) proof(p *keyPlace, fact evenkeel.Fact[string]) []evenkeel.Action {
	set, word := keysCurrent, "new"
	if fact.Name() != newKeys.Name() {
		set, word = keysSaved, "old"
	}
	list := []evenkeel.Action{k.same("in-force", "the "+word+" keys are in force on "+p.host, p, keysInForce, fact)}
	from, targets := p, p.targets
	switch {
	case p.cluster == nil:
		from, targets = k.first, []string{p.address}
		if word == "old" {
			set = keysSaved // which site 1 still has
		}
	default:
		list = append(list, k.same("current", "the "+word+" keys are the current ones", p, keysCurrent, fact))
		for _, user := range keyUsers {
			list = append(list, k.reach("reach", p, user))
		}
	}
	for _, user := range keyUsers {
		list = append(list, k.opens("opens", fmt.Sprintf("Verify that the %s key of %s opens %s", word, user, p.all()), from, set, user, targets, 0))
	}
	if word == "new" {
		for _, user := range keyUsers {
			list = append(list, k.opens("refused", fmt.Sprintf("Verify that the old key of %s is refused by %s", user, p.all()), from, keysSaved, user, targets, 255))
		}
	}
	return append(list, k.own("own", p)...)
}

func (p *keyPlace) all() string {
	if p.cluster == nil {
		return p.name
	}
	return "every machine of " + p.name
}

// bundle packs the new keys for the other places (cps:1529-1533).
func (k *keys) bundle() evenkeel.Step {
	members := []string{"current/root/" + k.cfg.KeyFile, "current/root/" + k.cfg.KeyFile + ".pub", "current/qns/" + k.cfg.KeyFile,
		"current/qns/" + k.cfg.KeyFile + ".pub"}
	size := evenkeel.Look("size", "Note the size of the file", "stat", "-c", "%s %a", keysTar).
		Expecting("its size, and 600 for its mode", func(o evenkeel.Observed) error { _, err := tarSize(o); return err })
	size.Makes = []evenkeel.Make{keysOnTheWay.From(tarSize)}
	whole := evenkeel.Look("whole", "Verify that the keys are in it", "tar", "-tf", keysTar).Expecting(strings.Join(members, ", "),
		evenkeel.Succeeding(func(o evenkeel.Observed) error {
			for _, m := range members {
				if !slices.Contains(strings.Fields(string(o.Stdout)), m) {
					return fmt.Errorf("%s has no %s", keysTar, m)
				}
			}
			return nil
		}))
	whole.Paper = steps.Prints(whole.Cmd, `| awk '/^current\/(root|qns)\/`+strings.ReplaceAll(k.cfg.KeyFile, ".", "[.]")+`([.]pub)?$/ { n++ } `+
		`END { print n + 0, "files of keys" }'`, "4 files of keys")
	return evenkeel.Step{
		ID: "bundle", Title: "Pack the new keys for the other sites", Host: k.first.host, Ref: "cps:1529-1533", Makes: []evenkeel.FactKey{keysOnTheWay},
		Why: "The guide has this file as a backup, too: it stays, and nobody but root reads it. One of an earlier change is overwritten.",
		Actions: []evenkeel.Action{
			evenkeel.Do("file", "Make a file that nobody but root reads", "install", "-m", "600", "/dev/null", keysTar),
			evenkeel.Do("tar", "Pack the new keys", "tar", "-cf", keysTar, "-C", authDir, "current").From("cps:1533").Timeout(steps.Briefly),
			whole, size,
		},
		Undo: []evenkeel.Action{evenkeel.Do("forget", "Delete the packed keys", "rm", "-f", keysTar)},
	}
}

var tarForm = regexp.MustCompile(`^[1-9][0-9]* 600$`)

// tarSize is the size of the file and its mode, "10240 600".
func tarSize(o evenkeel.Observed) (string, error) {
	if err := o.Succeeded(); err != nil {
		return "", err
	}
	if !tarForm.MatchString(o.Text()) {
		return "", fmt.Errorf("not a size and the mode 600: %.80q", o.Text())
	}
	return o.Text(), nil
}

// follow brings the new keys of site 1 into force on site 2 (cps:1535-1559), or on the arbiter (cps:1673-1693).
func (k *keys) follow(p *keyPlace) evenkeel.Step {
	copied := evenkeel.Look("copied", "Verify that the whole file was copied", "stat", "-c", "%s %a", keysTar).
		Expecting("the size and the mode that it has on "+k.first.host, func(o evenkeel.Observed) error {
			now, err1 := tarSize(o)
			want, err2 := keysOnTheWay.Get(o.Facts)
			if err := errors.Join(err1, err2); err != nil {
				return err
			}
			if now != want {
				return fmt.Errorf("%s on %s has the size and mode %s, and not %s: it was not copied whole", keysTar, p.host, now, want)
			}
			return nil
		})
	copied.Paper = []evenkeel.Block{{Script: evenkeel.Typed(copied.Cmd) + " | diff - <(echo " + keysOnTheWay.Ref() + ") && echo it is whole",
		Shows: []string{"it is whole"}}}
	step := evenkeel.Step{
		ID: p.id, Title: "Bring the new keys into force on " + p.name, Host: p.host, Ref: "cps:1535-1559",
		Needs: []evenkeel.FactKey{p.before, newKeys, keysOnTheWay},
		Actions: []evenkeel.Action{
			evenkeel.Do("copy", "Copy the packed keys to "+p.name, slices.Concat([]string{"scp", "-p", "-q"}, strings.Fields(sshOptions)[1:],
				[]string{"-o", "IdentitiesOnly=yes", "-i", k.private(keysSaved, "root"), keysTar, "root@" + p.address + ":" + keysTar})...).
				On(k.first.host).From("cps:1535").Timeout(steps.Briefly), copied,
			evenkeel.Do("unpack", "Unpack the new keys", "tar", "-xf", keysTar, "-C", authDir).From("cps:1549").Timeout(steps.Briefly),
			k.same("unpacked", "the unpacked keys are the new ones", p, keysCurrent, newKeys),
		},
		Verify: k.proof(p, newKeys), UndoVerify: k.proof(p, p.before),
	}
	if p.cluster != nil {
		step.Why = "The keys go from machine to machine, by the old key, which site 2 takes until then. Unpacking them replaces " + currentKeys + "; what is in " +
			"force changes with --update only."
		step.Actions = append(step.Actions, k.enforce("enforce", "Bring the new keys into force on the VMs and on the Cluster Manager", p, keysCurrent))
		step.Undo = []evenkeel.Action{k.enforce("enforce", "Bring the old keys back into force", p, keysSaved),
			evenkeel.Do("clear", "Delete what is left of it", "rm", "-rf", newKeysDir)}
	} else {
		step.Ref = "cps:1673-1693"
		step.Actions = append(step.Actions, k.puppet(keysCurrent)...)
		step.Undo = append(k.puppet(keysSaved),
			evenkeel.Do("current-root", "Put the old keys of root back", "cp", "-rpT", keysSaved.root, keysCurrent.root),
			evenkeel.Do("current-qns", "Put the old keys of qns back", "cp", "-rpT", keysSaved.qns, keysCurrent.qns))
	}
	step.Undo = append(step.Undo, evenkeel.Do("forget", "Delete the packed keys", "rm", "-f", keysTar))
	step.Actions = append(step.Actions, k.ownByHand("own", p)...)
	step.Undo = append(step.Undo, k.ownByHand("own", p)...)
	return step
}

// puppet brings a set into force on the arbiter (cps:1688-1693).
func (k *keys) puppet(s keySet) []evenkeel.Action {
	return []evenkeel.Action{
		evenkeel.Do("puppet-root", "Copy the keys of root into the puppet files", "/usr/bin/cp", "-rpT", s.root, keysPuppet.root).From("cps:1690"),
		evenkeel.Do("puppet-qns", "Copy the keys of qns into the puppet files", "/usr/bin/cp", "-rpT", s.qns, keysPuppet.qns).From("cps:1691"),
		evenkeel.Do("build", "Build the puppet packages", puppetScript).From("cps:1692").Timeout(time.Hour),
		evenkeel.Do("reinit", "Have the arbiter install them", reinitScript).From("cps:1693").Timeout(time.Hour),
	}
}

// finish deletes the old keys, once everything is proven again.
func (k *keys) finish() evenkeel.Step {
	step := evenkeel.Step{
		ID: "finish", Title: "Verify the cluster and delete the old keys", Host: k.first.host, Ref: "cps:1366",
		Irreversible: "the old keys are deleted: nothing brings them back but a backup of your own",
	}
	for _, p := range k.places {
		if p.cluster == nil {
			continue
		}
		health := p.healthy(p.id + "-health").AsPrecondition()
		step.Actions = append(step.Actions, health)
		for _, user := range keyUsers {
			step.Actions = append(step.Actions, k.reach(p.id+"-reach", p, user).AsPrecondition())
		}
	}
	step.Actions = append(step.Actions, evenkeel.ByHand("confirm", "Confirm that the old keys are deleted",
		"The old keys in "+savedKeys+" are deleted now; until then a rollback brings them back. Confirm that nothing else logs in by them."))
	for _, p := range k.places {
		argv := []string{"rm", "-rf", savedKeys}
		if p != k.first {
			argv = append(argv, keysTar)
		}
		step.Actions = append(step.Actions, evenkeel.Do(p.id+"-delete", "Delete the old keys on "+p.host, argv...).On(p.host))
		for _, file := range argv[2:] {
			step.Verify = append(step.Verify, evenkeel.Look(p.id+"-gone-"+path.Base(file), "Verify that "+file+" is gone", "test", "!", "-e", file).On(p.host))
		}
	}
	return step
}

package cpstest

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// SSHOptions are the options by which a runbook has one machine log in to another.
const SSHOptions = "-n -o BatchMode=yes -o PreferredAuthentications=publickey -o ConnectTimeout=10"

// ReachScript tries whether a user ($1) can log in from here to every host that follows, and from there to every one of
// them. It prints FROM TO STATUS, where FROM is "here" for the machine itself.
const ReachScript = `user=$1; shift
for a; do
  runuser -u "$user" -- ssh ` + SSHOptions + ` "$user@$a" "for b in $*; do ssh ` + SSHOptions + ` $user@\$b true; echo $a \$b \$?; done"
  echo "here $a $?"
done 2>/dev/null`

// OpensScript tries whether a key ($1) and no other lets a user ($2) log in to the hosts that follow. It prints HOST STATUS.
const OpensScript = `key=$1 user=$2; shift 2
for a; do
  ssh ` + SSHOptions + ` -o IdentitiesOnly=yes -o IdentityAgent=none -i "$key" "$user@$a" true
  echo "$a $?"
done 2>/dev/null`

// EnforceScript brings the keys in two directories, of root ($1) and of qns ($2), into force (cps:1545-1558).
const EnforceScript = `set -e
rm -rf /var/qps/auth/temp
mkdir -p /var/qps/auth/temp/root /var/qps/auth/temp/qns
cp -p "$1"/* /var/qps/auth/temp/root/
cp -p "$2"/* /var/qps/auth/temp/qns/
/var/qps/install/current/scripts/bin/support/manage_sshkey.sh --update`

// enforce is EnforceScript.
func enforce(c *simhost.Call) int {
	if len(c.Args) != 3 {
		return c.Fail(1, "sh: the script takes two directories")
	}
	_ = c.Host.Remove(c.State, keyDir+"/temp") // it need not be there
	c.Host.MakeDirs(c.State, keyDir+"/temp")
	for i, u := range keyUsers {
		if status, _, errs := c.Invoke("", "cp", "-rpT", c.Args[i+1], path.Join(keyDir, "temp", u.name)); status != 0 {
			return c.Fail(status, "%s", errs)
		}
	}
	status, out, errs := c.Invoke("", "manage_sshkey.sh", "--update")
	c.Out.WriteString(out)
	c.Err.WriteString(errs)
	return status
}

// AdmitScript has the hosts that follow take the old key of root ($2) again where they take the new one ($1) alone.
const AdmitScript = `new=$1 old=$2; shift 2
for a; do
  ssh ` + SSHOptions + ` -o IdentitiesOnly=yes -o IdentityAgent=none -i "$old" "root@$a" true ||
    { echo; cat "$old.pub"; } | ssh -o BatchMode=yes -o PreferredAuthentications=publickey -o ConnectTimeout=10 ` +
	`-o IdentitiesOnly=yes -o IdentityAgent=none -i "$new" "root@$a" "cat >>.ssh/authorized_keys" ||
    echo "$a takes neither key"
done`

// admit is AdmitScript.
func admit(call *simhost.Call) int {
	if len(call.Args) < 4 {
		return 0
	}
	c := keyCall{call}
	for _, a := range c.Args[3:] {
		if c.login(c.Path(c.Args[2]), "root@"+a) != nil {
			continue
		}
		to := c.login(c.Path(c.Args[1]), "root@"+a)
		if to == nil {
			c.Printf("%s takes neither key\n", a)
			continue
		}
		public, _ := c.Host.ReadFile(c.Path(c.Args[2] + ".pub"))
		const file = "/root/.ssh/authorized_keys"
		text, _ := to.ReadFile(file)
		to.MustWrite(c.State, file, text+"\n"+public, 0o600)
	}
	return 0
}

// userOf is who runs a program.
func userOf(c *simhost.Call) string {
	for _, pair := range c.Env {
		if name, ok := strings.CutPrefix(pair, "LOGNAME="); ok {
			return name
		}
	}
	return "root"
}

// as has a program run by a user, on a host.
func (y *system) as(c *simhost.Call, host *simhost.Host, user string, argv ...string) (status int, out, errs string) {
	child := &simhost.Call{State: c.State, Host: host, Env: []string{"LOGNAME=" + user}, Dir: "/root"}
	return child.Invoke("", argv...)
}

// runuser is "runuser -u USER -- PROGRAM ...".
func runuser(c *simhost.Call) int {
	if len(c.Args) < 4 || c.Args[0] != "-u" || c.Args[2] != "--" {
		return c.Fail(1, "runuser: only runuser -u USER -- PROGRAM is simulated")
	}
	status, out, errs := systemOf(c.State).as(c, c.Host, c.Args[1], c.Args[3:]...)
	c.Out.WriteString(out)
	c.Err.WriteString(errs)
	return status
}

// called finds a machine by the name by which another one calls it.
func (y *system) called(s *simhost.State, from *simhost.Host, name string) *simhost.Host {
	site := y.siteOf(from.Name)
	switch {
	case site.manager != "" && name == installer:
		return s.Host(site.manager)
	case slices.Contains(site.vms, name):
		return s.Host(site.prefix + name)
	}
	return s.Host(cmp.Or(y.opts.Keys.Addresses[name], name))
}

// login is one login to USER@HOST by a key in a file, or by the user's own one; nil where it is refused.
func (c keyCall) login(identity, whereto string) *simhost.Host {
	y := systemOf(c.State)
	c.Sleep(200 * time.Millisecond)
	user, name, named := strings.Cut(whereto, "@")
	if !named {
		user, name = userOf(c.Call), whereto
	}
	to := y.called(c.State, c.Host, name)
	if to == nil || !to.Reachable() {
		c.Fail(255, "ssh: connect to host %s port 22: No route to host", name)
		return nil
	}
	if identity == "" {
		for _, u := range keyUsers {
			if u.name == userOf(c.Call) {
				identity = u.home + "/.ssh/id_rsa"
			}
		}
	}
	private, _ := c.Host.ReadFile(identity)
	id, ok := strings.CutPrefix(private, "simulated private key ")
	if !ok || !authorized(to, user, strings.TrimSuffix(id, "\n")) {
		c.Fail(255, "%s@%s: Permission denied (publickey).", user, name)
		return nil
	}
	return to
}

type keyCall struct{ *simhost.Call }

// options splits the arguments of ssh and scp into the key's file and what is no option.
func (c keyCall) options() (identity string, rest []string) {
	for i := 0; i < len(c.Args); i++ {
		switch a := c.Args[i]; {
		case a == "-o" && i+1 < len(c.Args):
			i++
		case a == "-i" && i+1 < len(c.Args):
			i++
			identity = c.Path(c.Args[i])
		case strings.HasPrefix(a, "-") && len(rest) == 0:
		default:
			rest = append(rest, a)
		}
	}
	return identity, rest
}

var loop = regexp.MustCompile(`^for b in ([A-Za-z0-9._ -]+); do (ssh .*)\$b true; echo (\S+) \$b \$\?; done$`)

// sshProgram is ssh to a machine on which "true" or ssh-keygen is run, or the loop of ReachScript.
func sshProgram(call *simhost.Call) int {
	c := keyCall{call}
	identity, rest := c.options()
	if len(rest) < 2 {
		return c.Fail(255, "ssh: only ssh [USER@]HOST COMMAND is simulated")
	}
	to := c.login(identity, rest[0])
	command := strings.Join(rest[1:], " ")
	m := loop.FindStringSubmatch(command)
	user, _, _ := strings.Cut(rest[0], "@")
	switch {
	case to == nil:
		return 255
	case command == "true":
		return 0
	case len(rest) == 4 && rest[1] == "ssh-keygen":
		status, out, errs := systemOf(c.State).as(c.Call, to, user, rest[1:]...)
		c.Out.WriteString(out)
		c.Err.WriteString(errs)
		return status
	case m == nil:
		return c.Fail(127, "bash: this command is not simulated over ssh")
	}
	for _, b := range strings.Fields(m[1]) {
		words := append(strings.Fields(m[2]), "true")
		words[len(words)-2] += b
		status, _, errs := systemOf(c.State).as(c.Call, to, user, words...)
		c.Err.WriteString(errs)
		c.Printf("%s %s %d\n", m[3], b, status)
	}
	return 0
}

// reaches is ReachScript.
func reaches(c *simhost.Call) int {
	if len(c.Args) < 3 {
		return 0
	}
	user, hosts := c.Args[1], c.Args[2:]
	for _, a := range hosts {
		words := append([]string{"runuser", "-u", user, "--", "ssh"}, strings.Fields(SSHOptions)...)
		inner := fmt.Sprintf("for b in %s; do ssh %s %s@$b true; echo %s $b $?; done", strings.Join(hosts, " "), SSHOptions, user, a)
		status, out, _ := c.Invoke("", append(words, user+"@"+a, inner)...)
		c.Out.WriteString(out)
		c.Printf("here %s %d\n", a, status)
	}
	return 0
}

// opens is OpensScript.
func opens(c *simhost.Call) int {
	if len(c.Args) < 4 {
		return 0
	}
	for _, a := range c.Args[3:] {
		status, _, _ := c.Invoke("", "ssh", "-n", "-i", c.Args[1], c.Args[2]+"@"+a, "true")
		c.Printf("%s %d\n", a, status)
	}
	return 0
}

// scp copies one file to another machine, and keeps its mode.
func scp(call *simhost.Call) int {
	c := keyCall{call}
	identity, rest := c.options()
	if len(rest) != 2 || !slices.Contains(c.Args, "-p") {
		return c.Fail(1, "scp: only scp -p FILE USER@HOST:FILE is simulated")
	}
	whereto, name, _ := strings.Cut(rest[1], ":")
	f, err := c.Host.Stat(c.Path(rest[0]))
	if err != nil {
		return c.Fail(1, "%s: %v", rest[0], err)
	}
	to := c.login(identity, whereto)
	if to == nil {
		return 1
	}
	file := *f
	if systemOf(c.State).opts.Keys.CutsTransfers {
		file.Data = file.Data[:len(file.Data)/2]
	}
	if err := to.Put(c.State, name, file); err != nil {
		return c.Fail(1, "scp: %s: %v", name, err)
	}
	return 0
}

// listKeys is "ssh-keygen -lf FILE".
func listKeys(c *simhost.Call) int {
	if len(c.Args) != 2 || c.Args[0] != "-lf" {
		return c.Fail(1, "ssh-keygen: only ssh-keygen -lf FILE is simulated")
	}
	text, err := c.Host.ReadFile(c.Path(c.Args[1]))
	if err != nil {
		return c.Fail(255, "ssh-keygen: %s: No such file or directory", c.Args[1])
	}
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) == 3 {
			c.Printf("2048 %s %s (RSA)\n", fingerprint(words[1]), words[2])
		}
	}
	return 0
}

// manageKeys is "manage_sshkey.sh --create" and "--update" (cps:1375,1381).
func manageKeys(c *simhost.Call) int {
	y := systemOf(c.State)
	site := y.siteOf(c.Host.Name)
	switch {
	case site.manager != c.Host.Name:
		return notThere(c, "/var/qps/install/current/scripts/bin/support/manage_sshkey.sh")
	case len(c.Args) == 1 && c.Args[0] == "--create":
		return y.createKeys(c)
	case len(c.Args) == 1 && c.Args[0] == "--update":
		return y.updateKeys(c, site)
	}
	return c.Fail(1, "Usage: manage_sshkey.sh --create | --update")
}

func (y *system) createKeys(c *simhost.Call) int {
	for _, u := range keyUsers {
		c.Printf("Generating SSH keys for user %s\n", u.name)
		if !y.opts.Keys.CreatesNothing {
			putKeys(c.State, c.Host, path.Join(keyDir, "temp", u.name), keyID(c.Host.Name+u.name+c.Now().String()))
		}
	}
	c.Sleep(2 * time.Second)
	c.Printf("SSH keys are created\n")
	return 0
}

// updateKeys brings the keys in temp/ into force on the VMs, and then on the Cluster Manager. It logs in by the key in
// force or, where it was interrupted before, by the one in temp/.
func (y *system) updateKeys(c *simhost.Call, site keySite) int {
	ids := map[string]string{}
	for _, u := range keyUsers {
		if ids[u.name] = keyIn(c.Host, path.Join(keyDir, "temp", u.name)); ids[u.name] == "" {
			return c.Fail(1, "ERROR: there are no new SSH keys of %s in %s/temp", u.name, keyDir)
		}
	}
	inForce, status := keyIn(c.Host, "/root/.ssh"), 0
	for _, vm := range site.vms {
		c.Sleep(3 * time.Second)
		h := c.State.Host(site.prefix + vm)
		switch {
		case !h.Reachable():
			status = c.Fail(1, "ssh: connect to host %s port 22: No route to host", vm)
			continue
		case !authorized(h, "root", inForce) && !authorized(h, "root", ids["root"]):
			status = c.Fail(1, "root@%s: Permission denied (publickey).", vm)
			continue
		case h.Name != y.opts.Keys.LeavesBehind:
			for _, u := range keyUsers {
				y.install(c.State, h, u.home+"/.ssh", ids[u.name])
			}
		}
		c.Printf("SSH keys are updated on %s\n", vm)
	}
	if status != 0 {
		return status
	}
	for _, u := range keyUsers {
		y.install(c.State, c.Host, u.home+"/.ssh", ids[u.name])
		putKeys(c.State, c.Host, path.Join(keyDir, "current", u.name), ids[u.name])
	}
	_ = c.Host.Remove(c.State, keyDir+"/temp") // it is there
	c.Printf("SSH keys are updated on installer\n")
	return 0
}

// buildPuppet is build_puppet.sh on an arbiter (cps:1692): it packs the puppet files, keys and all.
func buildPuppet(c *simhost.Call) int {
	y := systemOf(c.State)
	if c.Host.Name != y.opts.Keys.Arbiter {
		return notThere(c, "/var/qps/install/current/scripts/build/build_puppet.sh")
	}
	text := ""
	for _, u := range keyUsers {
		text += keyIn(c.Host, u.puppet) + "\n"
	}
	c.Host.MustWrite(c.State, builtKeys, text, 0o600)
	c.Printf("Building puppet...\nbuild_puppet.sh complete\n")
	return 0
}

// reinitArbiter has an arbiter apply what was packed to itself (cps:1693).
func reinitArbiter(c *simhost.Call) int {
	y := systemOf(c.State)
	text, err := c.Host.ReadFile(builtKeys)
	if err != nil || c.Host.Name != y.opts.Keys.Arbiter {
		return c.Fail(1, "reinit.sh: puppet is not built")
	}
	for i, id := range strings.Split(strings.TrimSpace(text), "\n") {
		y.install(c.State, c.Host, keyUsers[i].home+"/.ssh", id)
	}
	c.Printf("Reinit complete\n")
	return 0
}

// diagnoseSecond is the full diagnostics.sh of the second site: as long as its machines answer, what the deployment's
// own Cluster Manager says.
func diagnoseSecond(c *simhost.Call) int {
	y := systemOf(c.State)
	for _, name := range y.siteOf(c.Host.Name).hosts() {
		if !c.State.Host(name).Reachable() {
			return c.Fail(1, "diagnostics.sh: %s does not answer", name)
		}
	}
	first := *c
	first.Host = c.State.Host(manager)
	status := diagnostics(&first)
	c.Out.Write(first.Out.Bytes())
	c.Err.Write(first.Err.Bytes())
	return status
}

// listSecond is hosts.sh of the second site.
func listSecond(c *simhost.Call) int {
	for _, vm := range systemOf(c.State).siteOf(c.Host.Name).vms {
		c.Printf("%s\n", vm)
	}
	return 0
}

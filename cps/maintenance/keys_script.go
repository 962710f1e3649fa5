package maintenance

import (
	"fmt"

	"github.com/evenkeel-ha/evenkeel"
)

// The options of a login that is a proof: by a key alone, and without a question to anybody; onlyKey by one key alone.
const (
	loginOptions = "-o BatchMode=yes -o PreferredAuthentications=publickey -o ConnectTimeout=10"
	sshOptions   = "-n " + loginOptions
	onlyKey      = "-o IdentitiesOnly=yes -o IdentityAgent=none"
)

// reachScript tries whether a user ($1) can log in from here to every host that follows, and from there to every one of
// them. It prints FROM TO STATUS, where FROM is "here" for the machine itself. A host that is not reached leaves out the
// lines from there.
const reachScript = `user=$1; shift
for a; do
  runuser -u "$user" -- ssh ` + sshOptions + ` "$user@$a" "for b in $*; do ssh ` + sshOptions + ` $user@\$b true; echo $a \$b \$?; done"
  echo "here $a $?"
done 2>/dev/null`

// opensScript tries whether a key ($1) and no other lets a user ($2) log in to the hosts that follow. It prints HOST STATUS.
const opensScript = `key=$1 user=$2; shift 2
for a; do
  ssh ` + sshOptions + ` ` + onlyKey + ` -i "$key" "$user@$a" true
  echo "$a $?"
done 2>/dev/null`

// enforceScript brings the keys in two directories, of root ($1) and of qns ($2), into force (cps:1545-1558).
const enforceScript = `set -e
rm -rf /var/qps/auth/temp
mkdir -p /var/qps/auth/temp/root /var/qps/auth/temp/qns
cp -p "$1"/* /var/qps/auth/temp/root/
cp -p "$2"/* /var/qps/auth/temp/qns/
/var/qps/install/current/scripts/bin/support/manage_sshkey.sh --update`

// admitScript has the hosts that follow take the old key of root ($2) again where they refuse it and take the new one ($1):
// after an --update that broke off halfway the Cluster Manager logs in by the old key, and they know the new one alone.
const admitScript = `new=$1 old=$2; shift 2
for a; do
  ssh ` + sshOptions + ` ` + onlyKey + ` -i "$old" "root@$a" true ||
    { echo; cat "$old.pub"; } | ssh ` + loginOptions + ` ` + onlyKey + ` -i "$new" "root@$a" "cat >>.ssh/authorized_keys" ||
    echo "$a takes neither key"
done`

// keyFunctions are what the operator types who follows the runbook by hand.
const keyFunctions = `# reach USER HOST...: FROM TO STATUS of a login as USER from here to every host, and from there to every host
reach() {
local user a; ` + reachScript + `
}
# opens KEY USER HOST...: HOST STATUS of a login as USER by this key and no other
opens() {
local key user a; ` + opensScript + `
}
# lists FINGERPRINT: whether ssh-keygen -l lists it
lists() { awk -v key="$1" '$2 == key { any = 1 } END { print any ? "it is listed" : "it is NOT listed" }'; }
# letin FINGERPRINT FILE HOST...: HOST 0 where FILE of the host lists the key, and HOST 1 where it does not
letin() {
  local a key=$1 file=$2; shift 2
  for a; do
    ssh ` + sshOptions + ` "root@$a" ssh-keygen -lf "$file" | lists "$key" | grep -qx 'it is listed'
    echo "$a $?"
  done 2>/dev/null
}
# tried STATUS: the logins that did not end with it, of reach, opens or letin, and how many there were
tried() {
  awk -v want="$1" '$NF != want { print "NOT so:", $0 } END { print NR, "logins" }'
}`

// tried wants so many logins to end with a status.
func tried(script string, n, status int) []evenkeel.Block {
	return []evenkeel.Block{{Script: fmt.Sprintf("%s | tried %d", script, status), Shows: []string{fmt.Sprintf("%d logins", n)}}}
}

// equals wants what a script prints to be a fact.
func equals(script string, fact evenkeel.Fact[string], says string) []evenkeel.Block {
	return []evenkeel.Block{{Script: script + " | diff - <(echo " + fact.Ref() + ") && echo " + says, Shows: []string{says}}}
}

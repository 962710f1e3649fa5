package backup

import (
	"bytes"
	_ "embed" // the script
	"errors"
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// What a restore has done is proven by what stands on the machine: a command that says that it succeeded may have done
// nothing. Each proof tells by its exit status, and prints names at most: some of the files are secret.

// The arguments are the tree and the directory. A program that is missing proves nothing: grep says 1 where no line is left over.
//
//go:embed scripts/same_tree.sh
var sameTreeScript string

// sameFile wants a file to have the content of that of the tree dir; mode and owner stay those that the system gave it.
func sameFile(dir, name string) []change.Proof {
	return []change.Proof{restored(proof(name+" is that of the backup", sshexec.Command(sshexec.ReadOnly, "cmp", "-s", dir+name, name)))}
}

// SameTree wants a directory of the machine to have all that a tree has, which is not empty: files, directories and links,
// with content, mode and owner. What else the machine has there stays. It prints the names of what is missing or differs.
func SameTree(tree, dir string) change.Proof {
	return restored(proof("all of "+dir+" is as in the backup, with modes and owners",
		sshexec.Script(sshexec.ReadOnly, strings.TrimSuffix(sameTreeScript, "\n"), tree, dir)))
}

// unit wants systemctl to say of a unit what is asked: is-enabled or is-active.
func unit(verb, name, means string) []change.Proof {
	return []change.Proof{proof(means, sshexec.Command(sshexec.ReadOnly, "systemctl", "--quiet", verb, name))}
}

// proof is by the exit status, and by silence: what prints something beside a 0 is not understood.
func proof(means string, look sshexec.Cmd) change.Proof {
	p := change.ByExit(means, look)
	byExit := p.Check
	p.Check = func(o change.Observed) error {
		if err := byExit(o); err != nil {
			return err
		}
		if len(bytes.TrimSpace(o.Stdout)) > 0 {
			return fmt.Errorf("%s prints something, and should say nothing where it is so: %s", look.Argv[0], means)
		}
		return nil
	}
	return p
}

// restored is a proof about files, which others write, too: it names what differs, and who may have been at it.
func restored(p change.Proof) change.Proof {
	seen := p.Check
	p.Check = func(o change.Observed) error {
		err := seen(o)
		var differs *change.Retry
		if !errors.As(err, &differs) {
			return err
		}
		const most = 5 // names
		names := strings.Split(strings.TrimSpace(string(o.Stdout)), "\n")
		if len(names) > most {
			names = append(names[:most], "and more")
		}
		what := ""
		if names[0] != "" {
			what = " (" + strings.Join(names, "; ") + ")"
		}
		return change.NotYet(0, "%s%s: it was not restored, or another program has written there since, as NetworkManager does in "+
			"/etc/resolv.conf and the scripts of a package elsewhere, and has to be kept from it", differs.Reason, what)
	}
	return p
}
